// SPDX-License-Identifier: BSD-3-Clause
// From the IKE core's effects to commands for the workers: SAs with the ingress filter of their
// link (RFC 4301 section 5.2, L29), pool slots and routes that lead to a link's newest SA, and what
// happens when a worker refuses. Control's thread.
#include "clock.h"
#include "control.h"
#include "log.h"
#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("install");

static uint32_t thread_of(uint32_t spi_or_ref)
{
	return 1 + spi_worker(spi_or_ref);
}

// The group of an effect's SA: its link; on a client its connection; and for SAs of the physical
// interface of a peer that has a link, one beside the link's.
static uint64_t group_of(const struct control *control, const struct ike_effect *effect)
{
	struct ike_sa_info info;

	if (effect->link != 0)
		return effect->link;
	if (!ike_find(control->ike, effect->ike_sa, &info))
		return 0;
	if (info.connection != NULL)
		return client_group(control, info.connection);
	return info.link != 0 ? physical_group(info.link) : 0;
}

static struct ipc_sa_info info_of(
	const struct ipc_sa *sa, enum ipc_direction direction, sa_ref_t ref)
{
	return (struct ipc_sa_info){.direction = (uint32_t)direction,
		.spi = sa->spi,
		.ref = ref,
		.flags = sa->flags,
		.link = sa->link,
		.cookie = sa->cookie,
		.child = sa->child,
		.suite = sa->suite,
		.local = sa->local,
		.remote = sa->remote,
		.local_port = sa->local_port,
		.remote_port = sa->remote_port,
		.replay_window = sa->replay_window};
}

// Packets to the group's addresses take this SA from now on, 0: none.
static void primary_changed(struct control *control, const struct sa_group *group)
{
	const struct link *link = link_find(control->links, group->key);
	sa_ref_t ref = group->ref_n > 0 ? group->ref[0] : 0;

	if (link != NULL) {
		install_link_routes(control, link, ref);
		groups_primary(control, link->handle, ref);
	} else if (client_is_group(group->key)) {
		client_primary(control, group->key, ref);
	}
}

// An SA that is not in the dataplane: nothing may lead to it, nothing has to be taken out.
static void forget(struct control *control, struct sa *sa)
{
	struct sa_group *group = sa->group;
	bool primary = group != NULL && sa->info.direction == IPC_DIR_OUT && group->ref_n > 0 &&
		group->ref[0] == sa->info.ref;

	sa_table_dying(control->sas, sa);
	if (primary)
		primary_changed(control, group);
	if (sa->info.direction == IPC_DIR_OUT)
		physical_del(control, sa->info.ref);
	sa_table_remove(control->sas, sa);
}

// ---- installing ----

struct ask { // what an answer to SA_IN_ADD or SA_OUT_SET has to know
	struct control *control;
	uint64_t child;
	uint32_t id;
	enum ipc_direction direction;
	sa_ref_t give; // outbound slot that nobody names any more, once this is done
};

static void on_installed(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct ask *ask = arg;
	struct control *control = ask->control;
	struct sa *sa = NULL;

	(void)payload;
	(void)last;
	if (hdr != NULL && hdr->status != 0) {
		control->counts.sa_failures++;
		LOG_LIMITED(ERR, "worker %u does not take the %s SA %08x: %s", spi_worker(ask->id),
			ask->direction == IPC_DIR_IN ? "inbound" : "outbound", ask->id,
			strerror((int)hdr->status));
		monitor_emit(control->monitor, MONITOR_SA_FAILED,
			json_pack("{ss}", "text", strerror((int)hdr->status)));
		sa = sa_find(control->sas, ask->direction, ask->id);
		if (sa != NULL && sa->child != NULL && sa->child->child == ask->child)
			forget(control, sa);
		ike_child_terminate(control->ike, ask->child, clock_now_us());
	}
	if (hdr != NULL && ask->give != 0 && control->slots != NULL)
		slots_give_ref(control->slots, ask->give);
	free(ask);
}

static int send_sa(struct control *control, enum ipc_type type, const void *cmd, size_t len,
	const struct ask *what)
{
	struct ask *ask = malloc(sizeof(*ask));
	int error = 0;

	if (ask == NULL)
		return -ENOMEM;
	*ask = *what;
	error = dp_client_command(
		control->dp, thread_of(what->id), type, cmd, len, on_installed, ask);
	if (error != 0)
		free(ask);
	return error;
}

// The core has an SA that no worker will ever hear of, and no answer will say so. It goes, as when a
// worker refuses: another one would find the same queue full.
static void not_sent(struct control *control, const struct ask *ask, int error)
{
	control->counts.sa_failures++;
	LOG_LIMITED(ERR, "worker %u cannot be told of the %s SA %08x: %s", spi_worker(ask->id),
		ask->direction == IPC_DIR_IN ? "inbound" : "outbound", ask->id, strerror(-error));
	monitor_emit(
		control->monitor, MONITOR_SA_FAILED, json_pack("{ss}", "text", strerror(-error)));
	ike_child_terminate(control->ike, ask->child, clock_now_us());
}

void install_in_add(struct control *control, const struct ike_effect *effect)
{
	struct ipc_sa_in_add cmd = effect->in_add;
	const struct link *link = link_find(control->links, effect->link);
	struct ask ask = {.control = control,
		.child = cmd.sa.child,
		.id = cmd.sa.spi,
		.direction = IPC_DIR_IN};
	struct ipc_sa_info info;
	int error = 0;

	cmd.sa.link = effect->link;
	cmd.sa.cookie = group_of(control, effect);
	if (link != NULL)
		cmd.ingress_n = install_ingress(link, NULL, cmd.ingress);
	info = info_of(&cmd.sa, IPC_DIR_IN, 0);
	error = send_sa(control, IPC_SA_IN_ADD, &cmd, sizeof(cmd), &ask);
	// Without a dataplane it stands in the table all the same: the next listing misses it, and
	// its child SA gets new keys then.
	if (error == 0 || error == -ENOTCONN)
		sa_table_add(control->sas, cmd.sa.cookie, &info, clock_now_us());
	if (error == 0) {
		monitor_sa_add(control, &info);
		keylog_esp(control->keylog, &cmd.sa, IPC_DIR_IN);
	} else if (error != -ENOTCONN) {
		not_sent(control, &ask, error);
	}
	secret_wipe(&cmd, sizeof(cmd));
}

// The outbound SA's table entry, with its place in the group; *changed: packets begin with it now.
static struct sa *note_out(struct control *control, struct ipc_sa_out_set *cmd, uint64_t key,
	sa_ref_t *give, bool *changed)
{
	struct ipc_sa_info info = info_of(&cmd->sa, IPC_DIR_OUT, cmd->ref);
	struct sa *sa = sa_table_add(control->sas, key, &info, clock_now_us());
	sa_ref_t before = 0;

	if (sa == NULL)
		return NULL;
	*changed = false;
	if (sa->group != NULL) {
		before = sa->group->ref_n > 0 ? sa->group->ref[0] : 0;
		sa_group_ref_add(sa->group, cmd->ref);
		cmd->next = sa_group_next_of(sa->group, cmd->ref);
		*changed = sa->group->ref[0] != before;
	}
	if (sa->give_next && sa->next != cmd->next) {
		*give = sa->next;
		sa->give_next = false;
	}
	sa->next = cmd->next;
	return sa;
}

void install_out_set(struct control *control, const struct ike_effect *effect)
{
	struct ipc_sa_out_set cmd = effect->out_set;
	struct ask ask = {
		.control = control, .child = cmd.sa.child, .id = cmd.ref, .direction = IPC_DIR_OUT};
	bool changed = false;
	struct sa_child *child = NULL;
	const struct link *link = NULL;
	struct sa *sa = NULL;
	int error = -ENOMEM;

	if (!dp_client_connected(control->dp)) {
		child = sa_child_find(control->sas, cmd.sa.child);
		if (child != NULL)
			child->missed = true; // new keys when the dataplane is back
		secret_wipe(&cmd, sizeof(cmd));
		return;
	}
	cmd.sa.link = effect->link;
	cmd.sa.cookie = group_of(control, effect);
	sa = note_out(control, &cmd, cmd.sa.cookie, &ask.give, &changed);
	if (sa != NULL)
		error = send_sa(control, IPC_SA_OUT_SET, &cmd, sizeof(cmd), &ask);
	if (error != 0 && ask.give != 0) { // what the worker has still names it
		sa->next = ask.give;
		sa->give_next = true;
	}
	if (error != 0) {
		not_sent(control, &ask, error);
	} else {
		if (sa->child != NULL)
			sa->child->missed = false;
		monitor_sa_add(control, &sa->info);
		keylog_esp(control->keylog, &cmd.sa, IPC_DIR_OUT);
		if (changed)
			primary_changed(control, sa->group);
		link = link_find(control->links, cmd.sa.cookie);
		if (link != NULL)
			groups_sa_up(control, link, &cmd.sa.local_ts, &cmd.sa.remote_ts);
		if (physical_is_group(cmd.sa.cookie))
			physical_set(control, cmd.sa.cookie, cmd.ref, &cmd.sa.remote_ts);
		// A client's routes are still on the old one: there it waits for the connection.
		if (sa->group != NULL && !client_is_group(sa->group->key))
			install_orphans_end(control, sa->group->key);
	}
	secret_wipe(&cmd, sizeof(cmd));
}

// ---- taking out ----

struct removal {
	struct control *control;
	struct sa *sa; // owned by this until the answer
};

// With the last of its SAs an orphaned link begins its grace time.
static void orphan_ended(struct control *control, uint64_t key)
{
	const struct sa_group *group = sa_group_find(control->sas, key);

	if (group == NULL || group->orphan_n == 0)
		link_orphan_done(control->links, key, clock_now_us());
}

// The worker has taken it out of the chain: who named it names the one behind it now.
static void chain_cut(struct control *control, struct sa *gone)
{
	sa_ref_t ref = gone->info.ref;
	struct sa *namer = gone->group != NULL ? sa_group_namer(gone->group, ref) : NULL;

	if (namer == NULL || spi_worker(namer->info.ref) != spi_worker(ref))
		return; // another worker's: it was not told
	if (namer->give_next && control->slots != NULL)
		slots_give_ref(control->slots, ref);
	namer->next = gone->next;
	namer->give_next = gone->give_next;
	gone->give_next = false;
}

static void on_deleted(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct removal *removal = arg;
	struct control *control = removal->control;
	struct sa *sa = removal->sa;
	uint64_t key = sa->orphan && sa->group != NULL ? sa->group->key : 0;

	(void)last;
	if (hdr != NULL && hdr->type == IPC_SA_INFO) {
		sa_table_update(sa, payload);
		monitor_sa_del(control, &sa->info);
	}
	if (hdr != NULL && hdr->type == IPC_SA_INFO && sa->info.direction == IPC_DIR_OUT)
		chain_cut(control, sa);
	if (control->slots != NULL) {
		if (sa->give_next)
			slots_give_ref(control->slots, sa->next);
		if (sa->orphan && sa->info.direction == IPC_DIR_IN)
			slots_give_spi(control->slots, sa->info.spi);
		if (sa->orphan && sa->info.direction == IPC_DIR_OUT)
			slots_give_ref(control->slots, sa->info.ref);
	}
	sa_table_remove(control->sas, sa);
	free(removal);
	if (key != 0)
		orphan_ended(control, key);
}

void install_sa_end(struct control *control, struct sa *sa)
{
	uint32_t id = sa_id(sa);
	bool in = sa->info.direction == IPC_DIR_IN;
	struct removal *removal = malloc(sizeof(*removal));
	struct ipc_sa_in_del in_del = {.spi = id};
	struct ipc_sa_out_del out_del = {.ref = id};

	if (sa->orphan)
		control->counts.orphans_ended++;
	sa_table_dying(control->sas, sa);
	if (!in)
		physical_del(control, id);
	if (removal != NULL) {
		*removal = (struct removal){control, sa};
		if (dp_client_command(control->dp, thread_of(id),
			    in ? IPC_SA_IN_DEL : IPC_SA_OUT_DEL,
			    in ? (const void *)&in_del : &out_del,
			    in ? sizeof(in_del) : sizeof(out_del), on_deleted, removal) == 0)
			return;
	}
	free(removal);
	sa_table_remove(control->sas, sa);
}

void install_in_del(struct control *control, uint32_t spi)
{
	struct sa *sa = sa_find(control->sas, IPC_DIR_IN, spi);

	if (sa != NULL)
		install_sa_end(control, sa);
}

void install_out_del(struct control *control, sa_ref_t ref)
{
	struct sa *sa = sa_find(control->sas, IPC_DIR_OUT, ref);
	struct sa_group *group = sa != NULL ? sa->group : NULL;
	bool primary = group != NULL && group->ref_n > 0 && group->ref[0] == ref;

	physical_del(control, ref);
	if (sa == NULL)
		return;
	sa_table_dying(control->sas, sa);
	// Away from it first, so that no packet is sent to what is gone.
	if (primary)
		primary_changed(control, group);
	install_sa_end(control, sa);
}

void install_orphans_end(struct control *control, uint64_t key)
{
	struct sa_group *group = sa_group_find(control->sas, key);
	const struct link *link = link_find(control->links, key);
	struct sa *sa = group != NULL ? LIST_FIRST(&group->sas) : NULL;

	if (group == NULL || group->orphan_n == 0)
		return;
	if (link != NULL && group->ref_n == 0)
		install_link_routes(control, link, 0);
	while (sa != NULL) {
		struct sa *next = LIST_NEXT(sa, in_group);

		if (sa->orphan && !sa->dying)
			install_sa_end(control, sa); // the group stays while `next` is in it
		sa = next;
	}
}

void install_ref_free(struct control *control, sa_ref_t ref)
{
	struct sa *sa = sa_find(control->sas, IPC_DIR_OUT, ref);
	struct sa *namer = sa != NULL && sa->group != NULL ? sa_group_namer(sa->group, ref) : NULL;

	// An SA whose `next` it is would send by whatever is put into the slot: it stays reserved.
	if (namer != NULL)
		namer->give_next = true;
	else if (control->slots != NULL)
		slots_give_ref(control->slots, ref);
}

void install_move(struct control *control, const struct ipc_sa_move *move)
{
	struct sa *sa =
		sa_find(control->sas, (enum ipc_direction)move->direction, move->spi_or_ref);

	if (sa != NULL) {
		sa->info.local = move->local;
		sa->info.remote = move->remote;
		sa->info.local_port = move->local_port;
		sa->info.remote_port = move->remote_port;
	}
	dp_client_command(control->dp, thread_of(move->spi_or_ref), IPC_SA_MOVE, move,
		sizeof(*move), NULL, NULL);
}
