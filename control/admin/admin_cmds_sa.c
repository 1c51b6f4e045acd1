// SPDX-License-Identifier: BSD-3-Clause
// `sa show`, `sa rekey`, `sa terminate`: IKE SAs with their child SAs, and SAs in the dataplane
// that a former control process left. SAs are named "ike-3", "child-7",
// by SPI, or by their peer.
// Control's thread.
#include "admin_cmds.h"
#include "clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool peer_is(const struct ike_sa_info *info, const char *text)
{
	return (info->peer && !strcmp(info->peer->name, text)) ||
		(info->connection && !strcmp(info->connection->name, text)) ||
		id_is(&info->remote_id, text);
}

static bool ike_sa_is(const struct ike_sa_info *info, const char *text)
{
	char name[SA_NAME_LEN];

	return !strcmp(sa_name_ike(info->ike_sa, name), text) || hex_is(text, info->spi_i) ||
		hex_is(text, info->spi_r);
}

static bool child_is(const struct ike_child_info *child, const char *text)
{
	char name[SA_NAME_LEN];

	return !strcmp(sa_name_child(child->child, name), text) || hex_is(text, child->spi_in) ||
		hex_is(text, child->spi_out);
}

struct sa_show {
	struct admin_call *call;
	const char *wanted; // NULL: all
	uint64_t now_us;
	uint32_t shown, cursor;
	bool orphans; // IKE SAs are through
};

static void row_times(
	struct admin_row *row, uint64_t established_us, uint64_t rekey_us, uint64_t now_us)
{
	// Established at 0: not yet.
	if (established_us && established_us <= now_us)
		admin_row_us(row, "age_s", now_us - established_us);
	if (rekey_us != CLOCK_NEVER && established_us)
		admin_row_us(row, "rekey_in_s", rekey_us > now_us ? rekey_us - now_us : 0);
}

static const char *nat_name(const struct ike_sa_info *info)
{
	if (info->nat_local)
		return info->nat_remote ? "both" : "local";
	return info->nat_remote ? "remote" : "none";
}

static void row_common(struct admin_row *row, const struct ike_sa_info *info)
{
	char name[SA_NAME_LEN];

	if (info->remote_id.len)
		row_identity(row, "peer", &info->remote_id);
	else if (info->connection)
		admin_row_text(row, "peer", info->connection->name);
	admin_row_text(row, "role", info->initiator ? "initiator" : "responder");
	if (info->connection)
		admin_row_text(row, "link", info->connection->name);
	else if (info->link)
		admin_row_text(row, "link", link_name(info->link, name));
	admin_row_text(row, "nat", nat_name(info));
	if (info->authentication != NULL && info->authentication[0] != '\0')
		admin_row_text(row, "authentication", info->authentication);
}

static bool show_ike_sa(struct sa_show *show, const struct ike_sa_info *info)
{
	struct admin_row row = admin_row_begin(show->call);
	char name[SA_NAME_LEN];

	show->shown++;
	admin_row_text(&row, "sa", sa_name_ike(info->ike_sa, name));
	admin_row_text(&row, "kind", "ike");
	row_common(&row, info);
	admin_row_text(&row, "state", ike_sa_state_name(info->state));
	row_endpoint(&row, "local", &info->local, info->local_port);
	row_endpoint(&row, "remote", &info->remote, info->remote_port);
	admin_row_text(&row, "suite", info->suite);
	admin_row_printf(&row, "spi_i", "%016" PRIx64, info->spi_i);
	if (info->spi_r)
		admin_row_printf(&row, "spi_r", "%016" PRIx64, info->spi_r);
	row_times(&row, info->established_us, info->rekey_us, show->now_us);
	admin_row_count(&row, "rekeys", info->rekeys);
	return admin_row_send(&row);
}

static void row_selectors(struct admin_row *row, const char *name, const struct ts_list *list)
{
	char text[TS_STRLEN];

	for (uint32_t i = 0; i < list->n && i < TS_MAX; i++)
		admin_row_add_text(row, name, ts_format(&list->ts[i], text));
}

static bool show_child(
	struct sa_show *show, const struct ike_sa_info *info, const struct ike_child_info *child)
{
	struct admin_row row = admin_row_begin(show->call);
	struct control_counters counters;
	char name[64];

	show->shown++;
	admin_row_text(&row, "sa", sa_name_child(child->child, name));
	admin_row_text(&row, "kind", "child");
	row_common(&row, info);
	admin_row_text(&row, "state", child->state);
	admin_row_text(&row, "ike_sa", sa_name_ike(info->ike_sa, name));
	row_endpoint(&row, "local", &info->local, child->encap ? info->local_port : 0);
	row_endpoint(&row, "remote", &info->remote, child->encap ? info->remote_port : 0);
	admin_row_bool(&row, "encap", child->encap);
	admin_row_text(&row, "suite", esp_suite_format(&child->suite, name));
	admin_row_text(&row, "spi_in", sa_name_spi(child->spi_in, name));
	admin_row_text(&row, "spi_out", sa_name_spi(child->spi_out, name));
	if (spi_worker(child->spi_in) != UINT32_MAX)
		admin_row_count(&row, "worker", spi_worker(child->spi_in));
	row_selectors(&row, "local_ts", &child->local);
	row_selectors(&row, "remote_ts", &child->remote);
	row_times(&row, child->established_us, child->rekey_us, show->now_us);
	admin_row_count(&row, "rekeys", child->rekeys);
	if (control_child_counters(admin_control(show->call), child->child, &counters)) {
		row_flows(&row, &counters);
		admin_row_count(&row, "in_seq", counters.in.seq);
		admin_row_count(&row, "out_seq", counters.out.seq);
	}
	return admin_row_send(&row);
}

static bool show_sa(void *arg, const struct ike_sa_info *info)
{
	struct sa_show *show = arg;
	bool all = !show->wanted || ike_sa_is(info, show->wanted) || peer_is(info, show->wanted);

	if (all && !show_ike_sa(show, info))
		return false;
	for (uint32_t i = 0; i < info->child_n; i++)
		if ((all || child_is(&info->child[i], show->wanted)) &&
			!show_child(show, info, &info->child[i]))
			return false;
	return true;
}

static bool show_orphan(void *arg, const struct ipc_sa_info *sa)
{
	bool in = sa->direction == IPC_DIR_IN, encap = sa->flags & IPC_SA_ENCAP;
	struct sa_show *show = arg;
	struct admin_row row;
	char name[64];

	if (show->wanted && !hex_is(show->wanted, sa->spi))
		return true;
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "sa", sa_name_spi(sa->spi, name));
	admin_row_text(&row, "kind", "orphan");
	admin_row_text(&row, "state", "orphan");
	if (sa->link)
		admin_row_text(&row, "link", link_name(sa->link, name));
	row_endpoint(&row, "local", &sa->local, encap ? sa->local_port : 0);
	row_endpoint(&row, "remote", &sa->remote, encap ? sa->remote_port : 0);
	admin_row_bool(&row, "encap", encap);
	admin_row_text(&row, "suite", esp_suite_format(&sa->suite, name));
	admin_row_text(&row, in ? "spi_in" : "spi_out", sa_name_spi(sa->spi, name));
	admin_row_count(&row, in ? "in_pkts" : "out_pkts", sa->pkts);
	admin_row_count(&row, in ? "in_bytes" : "out_bytes", sa->bytes);
	admin_row_count(&row, in ? "in_drops" : "out_drops", sa->drops);
	admin_row_count(&row, in ? "in_seq" : "out_seq", sa->seq);
	if (in)
		admin_row_us(&row, "idle_s", sa->idle_us);
	return admin_row_send(&row);
}

static void no_such_sa(struct admin_call *call, const char *wanted)
{
	admin_fail(call, ENOENT, "no SA, SPI or peer with SAs is called \"%s\"", wanted);
}

static bool show_some(struct admin_call *call)
{
	struct control *control = admin_control(call);
	struct sa_show *show = admin_state_get(call);

	show->now_us = clock_now_us();
	if (!show->orphans) {
		show->orphans =
			!ike_walk(control_ike(control), &show->cursor, CMDS_TURN, show_sa, show);
		if (show->orphans)
			show->cursor = 0;
		return true;
	}
	if (control_orphans(control, &show->cursor, CMDS_TURN, show_orphan, show))
		return true;
	if (show->wanted && !show->shown)
		no_such_sa(call, show->wanted);
	else
		admin_done(call);
	return false;
}

static void show_sas(void *arg, int error)
{
	struct admin_call *call = arg;

	(void)error; // without a dataplane the counters are the last known ones
	admin_turns(call, show_some);
}

void cmds_sa_show(struct admin_call *call)
{
	struct sa_show *show = admin_state(call, sizeof(*show));

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	show->call = call;
	show->wanted = admin_arg(call, 0);
	control_counters_refresh(admin_control(call), show_sas, call);
}

// ---- what is done to SAs ----

typedef int (*sa_operation)(struct control *control, uint64_t handle);

// What is to be done, and what of it each turn found: the core must not be called from within
// ike_walk().
struct sa_work {
	struct admin_call *call;
	const char *wanted;
	bool children; // of a peer: its child SAs, not its IKE SAs
	sa_operation ike, child;
	const char *what;
	uint32_t cursor;
	bool orphans, orphan; // looking for an orphan, found one
	uint32_t found_n, done;
	int error;
	size_t n, room;
	struct sa_found {
		bool child;
		uint64_t handle;
		char peer[300];
	} * found;
	bool no_memory;
};

static bool add_found(
	struct sa_work *find, const struct ike_sa_info *info, bool child, uint64_t handle)
{
	if (find->n == find->room) {
		size_t room = find->room ? 2 * find->room : 8;
		struct sa_found *grown = reallocarray(find->found, room, sizeof(*grown));

		if (!grown) {
			find->no_memory = true;
			return false;
		}
		find->found = grown;
		find->room = room;
	}
	find->found[find->n] = (struct sa_found){.child = child, .handle = handle};
	if (info->remote_id.len)
		config_id_format(&info->remote_id, find->found[find->n].peer);
	find->n++;
	return true;
}

static bool find_sa(void *arg, const struct ike_sa_info *info)
{
	struct sa_work *find = arg;
	bool peer = peer_is(info, find->wanted);

	if (ike_sa_is(info, find->wanted) || (peer && !find->children))
		return add_found(find, info, false, info->ike_sa);
	for (uint32_t i = 0; i < info->child_n; i++)
		if ((peer || child_is(&info->child[i], find->wanted)) &&
			!add_found(find, info, true, info->child[i].child))
			return false;
	return true;
}

static bool find_orphan(void *arg, const struct ipc_sa_info *sa)
{
	struct sa_work *work = arg;

	work->orphan = hex_is(work->wanted, sa->spi);
	return !work->orphan;
}

static void operate_one(struct sa_work *work, const struct sa_found *sa)
{
	char name[SA_NAME_LEN];
	int ret = (sa->child ? work->child : work->ike)(admin_control(work->call), sa->handle);

	work->found_n++;
	if (ret) {
		work->error = ret;
		return;
	}
	work->done++;
	(sa->child ? sa_name_child : sa_name_ike)(sa->handle, name);
	action_row(work->call, name, sa->peer[0] ? "%s SA with %s: %s" : "%s SA%s: %s",
		sa->child ? "child" : "IKE", sa->peer, work->what);
}

static void end_work(struct admin_call *call, const struct sa_work *work)
{
	if (work->done)
		admin_done(call);
	else if (work->no_memory)
		admin_fail(call, ENOMEM, "no memory");
	else if (work->found_n)
		admin_fail(call, work->error, "SA %s: %s", work->wanted, action_error(work->error));
	else if (work->orphan)
		admin_fail(call, EPERM,
			"SA %s was left by a former control process and has no IKE SA; "
			"link terminate ends it",
			work->wanted);
	else
		no_such_sa(call, work->wanted);
}

// Does it to each; the command failed when it could be done to none.
static bool work_some(struct admin_call *call)
{
	struct control *control = admin_control(call);
	struct sa_work *work = admin_state_get(call);

	if (!work->orphans) {
		work->n = 0;
		work->orphans =
			!ike_walk(control_ike(control), &work->cursor, CMDS_TURN, find_sa, work);
		if (work->orphans)
			work->cursor = 0;
		for (size_t i = 0; i < work->n; i++)
			operate_one(work, &work->found[i]);
		return true;
	}
	if (!work->found_n && control_orphans(control, &work->cursor, CMDS_TURN, find_orphan, work))
		return true;
	end_work(call, work);
	return false;
}

static void forget_work(void *state)
{
	free(((struct sa_work *)state)->found);
}

static void operate(struct admin_call *call, bool children, sa_operation ike, sa_operation child,
	const char *what)
{
	struct sa_work *work = admin_state(call, sizeof(*work));

	if (!work) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	work->call = call;
	work->wanted = admin_arg(call, 0);
	work->children = children;
	work->ike = ike;
	work->child = child;
	work->what = what;
	admin_state_fini(call, forget_work);
	admin_turns(call, work_some);
}

void cmds_sa_rekey(struct admin_call *call)
{
	operate(call, true, control_sa_rekey, control_child_rekey, "rekey started");
}

void cmds_sa_terminate(struct admin_call *call)
{
	operate(call, false, control_sa_terminate, control_child_terminate, "delete sent");
}
