// SPDX-License-Identifier: BSD-3-Clause
// Bringing control and dataplane together after either was started again: pools and routes, then
// the listing of what SAs there are. A new dataplane has none, and every child SA gets new keys. A
// new control finds SAs without an IKE SA: they carry traffic on as orphans, their links' leases are
// theirs, until their peer comes back, they fall silent, or the time of a child SA is over. Control's
// thread.
#include "clock.h"
#include "control.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("reconcile");

// ---- routes ----

static void ignore(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg;
	(void)hdr;
	(void)payload;
	(void)last;
}

// What peers send to the link itself (L26): ours to answer; IGMP goes to groups of the link too.
static void push_tables(struct control *control)
{
	static const char *const ours[] = {"fe80::/10", "ff02::/16", "224.0.0.0/24"};
	struct inet_prefix prefix;

	install_pools_all(control);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (control->config->gateway.present && inet_prefix_parse(ours[i], &prefix) == 0)
			install_route(control, &prefix, IPC_ROUTE_PUNT, 0);
}

// ---- the listing ----

// Found in a slot that the IKE core has given to somebody else meanwhile, or keeps reserved: the
// delete of this SA was lost with a connection. The slot is not ours to give back.
static void del_leftover(struct control *control, enum ipc_direction direction, uint32_t id)
{
	struct ipc_sa_in_del in_del = {.spi = id};
	struct ipc_sa_out_del out_del = {.ref = id};
	bool in = direction == IPC_DIR_IN;

	LOG_LIMITED(NOTICE, "%s SA %08x is nobody's any more", in ? "inbound" : "outbound", id);
	dp_client_command(control->dp, 1 + spi_worker(id), in ? IPC_SA_IN_DEL : IPC_SA_OUT_DEL,
		in ? (const void *)&in_del : &out_del, in ? sizeof(in_del) : sizeof(out_del),
		ignore, NULL);
}

static void found_sa(struct control *control, const struct ipc_sa_info *info)
{
	enum ipc_direction direction = (enum ipc_direction)info->direction;
	uint32_t id = direction == IPC_DIR_IN ? info->spi : info->ref;
	struct sa *sa = sa_find(control->sas, direction, id);
	int error = 0;

	if (sa != NULL) {
		sa->seen = true;
		return;
	}
	error = slots_claim(control->slots, id, direction);
	if (error == -EBUSY)
		del_leftover(control, direction, id);
	if (error != 0)
		return;
	sa = sa_table_add_orphan(control->sas, info, clock_now_us());
	if (sa == NULL)
		return;
	sa->seen = true;
	control->counts.orphans_found++;
}

static bool link_has_sas(void *arg, const struct link *link)
{
	const struct control *control = arg;
	const struct sa_group *group = sa_group_find(control->sas, link->handle);

	return group != NULL && group->orphan_n > 0;
}

// The outbound SA of an orphaned link that its slots lead to.
static sa_ref_t orphan_ref(const struct sa_group *group)
{
	const struct sa *sa = NULL;

	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->orphan && !sa->dying && sa->info.direction == IPC_DIR_OUT)
			return sa->info.ref;
	return 0;
}

static bool adopt_orphan(void *arg, struct sa *sa)
{
	struct control *control = arg;
	const struct link *link = NULL;
	uint64_t key = sa->group != NULL ? sa->group->key : 0;
	bool physical = physical_is_group(key);

	if (!sa->orphan || sa->dying)
		return true;
	link = link_find(control->links, physical ? key & ~PHYSICAL_GROUP : key);
	// An IKE SA that lives has its SAs in the table: its delete of this one was lost on the way.
	if (link != NULL && link->state != LINK_ORPHAN) {
		install_sa_end(control, sa);
		return true;
	}
	if (link != NULL && physical) {
		if (sa->info.direction == IPC_DIR_OUT)
			physical_adopt(control, key, sa->info.ref);
		return true;
	}
	if (link != NULL) {
		sa_group_keep(control->sas, link->handle, true);
		if (sa->info.direction == IPC_DIR_OUT)
			groups_sa_up(
				control, link, NULL, NULL); // what it wants is not known any more
		// What the link has now: some of it may have come or gone since.
		if (sa->info.direction == IPC_DIR_IN)
			install_link_ingress(control, link);
		else if (sa->group->ref_n == 0)
			install_link_routes(control, link, orphan_ref(sa->group));
		return true;
	}
	if (sa->group != NULL && client_is_group(sa->group->key) && sa->group->kept)
		return true; // until the connection is up again
	install_sa_end(control, sa); // nobody knows whose it is
	return true;
}

// Known to us and not to the dataplane that we knew: a command was lost with the connection, or could
// not be given while there was none.
static bool rekey_missing(void *arg, struct sa *sa)
{
	struct control *control = arg;

	if (!sa->orphan && sa->child != NULL && (!sa->seen || sa->child->missed))
		ike_child_rekey(control->ike, sa->child->child, clock_now_us());
	return true;
}

static void on_listed(void *arg, int error)
{
	struct control *control = arg;
	uint64_t now_us = clock_now_us();

	if (control->phase != PHASE_LISTING)
		return;
	if (error != 0) {
		LOG(ERR, "the dataplane does not say which SAs it has: %s", strerror(-error));
		return;
	}
	control->phase = PHASE_READY;
	link_reconcile(control->links, link_has_sas, control, now_us);
	sa_table_each(control->sas, adopt_orphan, control);
	sa_table_each(control->sas, rekey_missing, control);
	if (control->lost.links)
		install_links_again(control);
	groups_reconcile(control);
	if (control->counts.orphans_found > control->counts.orphans_ended)
		LOG(NOTICE, "%lu SAs from before carry on",
			control->counts.orphans_found - control->counts.orphans_ended);
	if (control->on_ready != NULL)
		control->on_ready(control);
	control->on_ready = NULL;
	client_autostart(control);
}

static bool forget_sa(void *arg, struct sa *sa)
{
	struct control *control = arg;

	control->counts.orphans_ended += sa->orphan;
	if (sa->orphan && sa->info.direction == IPC_DIR_IN)
		slots_give_spi(control->slots, sa->info.spi);
	if (sa->orphan && sa->info.direction == IPC_DIR_OUT)
		slots_give_ref(control->slots, sa->info.ref);
	if (sa->give_next)
		slots_give_ref(control->slots, sa->next);
	if (sa->orphan && sa->info.direction == IPC_DIR_OUT)
		physical_del(control, sa->info.ref);
	sa_table_remove(control->sas, sa);
	return true;
}

static bool clear_seen(void *arg, struct sa *sa)
{
	(void)arg;
	sa->seen = false;
	return true;
}

static bool detach_all(void *arg, const struct ike_sa_info *info)
{
	struct control *control = arg;

	link_detach(control->links, info->link, info->ike_sa, 0, clock_now_us());
	return true;
}

// Workers or slots are other ones than before: no slot that an IKE SA has means anything now. All
// start anew, as after a restart of ours; peers find out by liveness.
static int new_slots(struct control *control, const struct seam_welcome *welcome)
{
	struct ike *fresh = NULL;

	if (control->slots != NULL && slots_workers(control->slots) == welcome->geometry.workers &&
		slots_per_worker(control->slots) == welcome->sa_slots)
		return 0;
	if (control->slots != NULL) {
		LOG(WARN, "the dataplane has another shape: all IKE SAs end");
		fresh = ike_new(control->config, &control_ike_ops, control);
		if (fresh == NULL)
			return -ENOMEM;
		ike_foreach(control->ike, detach_all, control);
		ike_free(control->ike);
		control->ike = fresh;
		physical_fini(control);
	}
	slots_free(control->slots);
	control->slots =
		slots_new(welcome->geometry.workers, welcome->sa_slots, control_random, NULL);
	return control->slots != NULL ? 0 : -ENOMEM;
}

void reconcile_start(
	struct control *control, const struct seam_welcome *welcome, bool same_instance)
{
	bool lost = control->had_dataplane && !same_instance;

	control->welcome = *welcome;
	control->had_dataplane = true;
	control->phase = PHASE_LISTING;
	control->phase_us = clock_now_us();
	if (lost) {
		sa_table_each(control->sas, forget_sa, control);
		client_dataplane_new(control);
	}
	if (new_slots(control, welcome) != 0) {
		LOG(ERR, "out of memory");
		return;
	}
	sa_table_each(control->sas, clear_seen, control);
	install_lost_routes(control, !lost);
	push_tables(control);
	if (lost)
		physical_again(control);
	// New keys for every child; its slots stay taken, its keys are never used again.
	if (lost)
		ike_on_dataplane_lost(control->ike, clock_now_us());
	query_sas(control, found_sa, on_listed, control);
}

// ---- orphans later on ----

struct orphan_limits {
	struct control *control;
	uint64_t now_us;
	uint64_t age_us;
};

static uint64_t idle_limit_us(const struct control *control, const struct sa_group *group)
{
	const struct link *link = link_find(control->links, group->key);
	uint64_t limit_s = control->config->life.liveness_s;

	if (link != NULL && link->profile->grace_s > limit_s)
		limit_s = link->profile->grace_s;
	return (limit_s > 60 ? limit_s : 60) * US_PER_S;
}

// The inbound SA speaks for the link: when its peer is silent, the rest is of no use.
static bool check_orphan(void *arg, struct sa *sa)
{
	const struct orphan_limits *limits = arg;
	struct control *control = limits->control;
	uint64_t known_us = limits->now_us - sa->since_us;
	uint64_t idle_us = sa->info.idle_us < known_us ? sa->info.idle_us : known_us;

	if (!sa->orphan || sa->dying || sa->group == NULL || sa->info.direction != IPC_DIR_IN)
		return true;
	if (known_us > limits->age_us || idle_us > idle_limit_us(control, sa->group))
		install_sa_end(control, sa);
	return true;
}

static bool has_orphan(const struct sa_group *group, enum ipc_direction direction)
{
	const struct sa *sa = NULL;

	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->orphan && !sa->dying && sa->info.direction == (uint32_t)direction)
			return true;
	return false;
}

static bool check_out_orphan(void *arg, struct sa *sa)
{
	struct control *control = ((const struct orphan_limits *)arg)->control;

	if (sa->orphan && !sa->dying && sa->info.direction == IPC_DIR_OUT &&
		(sa->group == NULL || !has_orphan(sa->group, IPC_DIR_IN)))
		install_sa_end(control, sa);
	return true;
}

static void on_counted(void *arg, int error)
{
	struct control *control = arg;
	const struct config_lifetimes *life = &control->config->life;
	struct orphan_limits limits = {.control = control, .now_us = clock_now_us()};

	if (error != 0 || control->phase != PHASE_READY)
		return;
	limits.age_us = life->child_rekey_s == 0
		? UINT64_MAX
		: (life->child_rekey_s + life->child_rekey_s / 10) * US_PER_S;
	sa_table_each(control->sas, check_orphan, &limits);
	sa_table_each(control->sas, check_out_orphan, &limits);
	control_pump(control);
}

void reconcile_orphans(struct control *control)
{
	if (control->phase == PHASE_READY &&
		control->counts.orphans_found > control->counts.orphans_ended)
		query_sas(control, NULL, on_counted, control);
}
