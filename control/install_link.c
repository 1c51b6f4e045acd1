// SPDX-License-Identifier: BSD-3-Clause
// What links have, told to the workers: slots of pools and routes that lead to a link's newest SA,
// the ingress filter of its inbound SAs (RFC 4301 section 5.2, L29), pools and shared prefixes as the
// configuration says. Commands that no dataplane heard are made up for at the next connection.
// Control's thread.
#include "control.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("install");

void install_everywhere(
	struct control *control, enum ipc_type type, const void *cmd, size_t len, dp_answer_fn fn)
{
	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(control->dp, thread, type, cmd, len, fn, NULL);
}

// ---- routes ----

static void on_gone(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg; // what is not there need not go
	(void)hdr;
	(void)payload;
	(void)last;
}

// The list with room for one more. NULL: there is none, it is as it was.
static void *with_room(void *list, uint32_t n, uint32_t *room, size_t size)
{
	void *more = NULL;

	if (n < *room)
		return list;
	more = reallocarray(list, *room * 2 + 64, size);
	if (more == NULL)
		LOG_LIMITED(ERR, "out of memory: a route may stay in the dataplane");
	else
		*room = *room * 2 + 64;
	return more;
}

// A route that has to go from a dataplane that is not connected.
static void remember_lost(struct control *control, const struct inet_prefix *prefix)
{
	struct install_lost *lost = &control->lost;
	struct inet_prefix *list =
		with_room(lost->prefix, lost->n, &lost->room, sizeof(lost->prefix[0]));

	if (list == NULL)
		return;
	lost->prefix = list;
	list[lost->n++] = *prefix;
}

// The same of a pool's slot, which would lead to whoever gets the reference next.
static void remember_slot(struct control *control, const struct ipc_pool_set *slot)
{
	struct install_lost *lost = &control->lost;
	struct ipc_pool_set *list =
		with_room(lost->slot, lost->slot_n, &lost->slot_room, sizeof(lost->slot[0]));

	lost->links = true; // it may be a link's again by then
	if (list == NULL)
		return;
	lost->slot = list;
	list[lost->slot_n++] = *slot;
}

void install_route(struct control *control, const struct inet_prefix *prefix,
	enum ipc_route_kind kind, sa_ref_t ref)
{
	struct ipc_route_set cmd = {.prefix = *prefix, .kind = (uint32_t)kind, .ref = ref};

	install_everywhere(control, IPC_ROUTE_SET, &cmd, sizeof(cmd), NULL);
}

void install_unroute(struct control *control, const struct inet_prefix *prefix)
{
	struct ipc_route_del cmd = {.prefix = *prefix};

	if (!dp_client_connected(control->dp))
		remember_lost(control, prefix);
	install_everywhere(control, IPC_ROUTE_DEL, &cmd, sizeof(cmd), on_gone);
}

void install_lost_routes(struct control *control, bool same_instance)
{
	struct install_lost lost = control->lost;

	control->lost = (struct install_lost){.links = lost.links};
	for (uint32_t i = 0; i < lost.n && same_instance; i++)
		install_unroute(control, &lost.prefix[i]);
	for (uint32_t i = 0; i < lost.slot_n && same_instance; i++)
		install_everywhere(
			control, IPC_POOL_SET, &lost.slot[i], sizeof(lost.slot[i]), on_gone);
	free(lost.prefix);
	free(lost.slot);
}

void install_fini(struct control *control)
{
	free(control->lost.prefix);
	free(control->lost.slot);
	control->lost = (struct install_lost){0};
}

// ---- a link's ----

static void set_slot(struct control *control, const struct lease *lease, sa_ref_t ref)
{
	struct ipc_pool_set cmd = {.pool = lease->pool, .ref = ref, .slot = lease->slot};

	if (ref == 0 && !dp_client_connected(control->dp))
		remember_slot(control, &cmd);
	install_everywhere(control, IPC_POOL_SET, &cmd, sizeof(cmd), NULL);
}

static void set_extra(struct control *control, const struct inet_prefix *prefix, sa_ref_t ref)
{
	if (ref != 0)
		install_route(control, prefix, IPC_ROUTE_SA, ref);
	else
		install_unroute(control, prefix);
}

void install_link_routes(struct control *control, const struct link *link, sa_ref_t ref)
{
	for (uint32_t i = 0; i < link->lease_n; i++)
		set_slot(control, link->lease[i], ref);
	for (uint32_t i = 0; i < link->extra_n; i++)
		set_extra(control, &link->extra[i].prefix, ref);
}

uint32_t install_ingress(const struct link *link, const struct inet_prefix *leaving,
	struct inet_prefix out[IPC_INGRESS_MAX])
{
	uint32_t n = link_ingress(link, out, IPC_INGRESS_MAX), kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (leaving == NULL || !inet_prefix_equal(&out[i], leaving))
			out[kept++] = out[i];
	// None would mean no filter: nothing from the unspecified address is ever forwarded.
	if (kept == 0)
		out[kept++] = (struct inet_prefix){.addr = {.family = AF_INET6}, .len = 128};
	return kept;
}

static void send_ingress(struct control *control, const struct link *link,
	const struct inet_prefix *leaving, const struct sa *sa)
{
	struct ipc_sa_ingress_set cmd = {.spi = sa->info.spi};

	cmd.ingress_n = install_ingress(link, leaving, cmd.ingress);
	dp_client_command(control->dp, 1 + spi_worker(cmd.spi), IPC_SA_INGRESS_SET, &cmd,
		sizeof(cmd), NULL, NULL);
}

static void each_ingress(
	struct control *control, const struct link *link, const struct inet_prefix *leaving)
{
	const struct sa_group *group = sa_group_find(control->sas, link->handle);
	const struct sa *sa = NULL;

	if (group == NULL)
		return;
	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->info.direction == IPC_DIR_IN && !sa->dying)
			send_ingress(control, link, leaving, sa);
}

void install_link_ingress(struct control *control, const struct link *link)
{
	each_ingress(control, link, NULL);
}

sa_ref_t install_link_ref(const struct control *control, const struct link *link)
{
	const struct sa_group *group = sa_group_find(control->sas, link->handle);
	const struct sa *sa = NULL;

	if (group == NULL)
		return 0;
	if (group->ref_n > 0)
		return group->ref[0];
	LIST_FOREACH (sa, &group->sas, in_group)
		if (sa->orphan && !sa->dying && sa->info.direction == IPC_DIR_OUT)
			return sa->info.ref;
	return 0;
}

void install_link_again(struct control *control, const struct link *link)
{
	sa_ref_t ref = install_link_ref(control, link);

	if (ref != 0)
		install_link_routes(control, link, ref);
	install_link_ingress(control, link);
}

static bool again(void *arg, const struct link *link)
{
	install_link_again(arg, link);
	return true;
}

void install_links_again(struct control *control)
{
	control->lost.links = false;
	link_foreach(control->links, again, control);
}

static void note_change(struct control *control)
{
	if (!dp_client_connected(control->dp))
		control->lost.links = true;
}

// ---- what happens to links ----

static void link_up(void *arg, const struct link *link)
{
	struct control *control = arg;

	sa_group_keep(control->sas, link->handle, true);
	monitor_link(control, MONITOR_LINK_UP, link);
}

static void link_grace(void *arg, const struct link *link)
{
	monitor_link(arg, MONITOR_LINK_GRACE, link);
	groups_link_down(arg, link->handle); // it is asked again when it is back
}

static void link_down(void *arg, const struct link *link)
{
	struct control *control = arg;
	const struct sa_group *group = sa_group_find(control->sas, link->handle);

	monitor_link(control, MONITOR_LINK_DOWN, link);
	dhcp6_server_link_down(control->dhcp6, link->handle);
	groups_link_down(control, link->handle);
	install_orphans_end(control, physical_group(link->handle));
	if (group == NULL)
		return;
	if (group->ref_n > 0 || group->orphan_n > 0)
		install_link_routes(control, link, 0);
	install_orphans_end(control, link->handle);
	sa_group_keep(control->sas, link->handle, false);
}

static void prefix_add(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	struct control *control = arg;
	sa_ref_t ref = install_link_ref(control, link);

	note_change(control);
	monitor_link_prefix(control, MONITOR_LINK_PREFIX_ADD, link, prefix);
	install_link_ingress(control, link);
	if (ref != 0 && lease != NULL)
		set_slot(control, lease, ref);
	else if (ref != 0)
		set_extra(control, prefix, ref);
}

static void prefix_del(void *arg, const struct link *link, const struct inet_prefix *prefix,
	const struct lease *lease)
{
	struct control *control = arg;

	note_change(control);
	monitor_link_prefix(control, MONITOR_LINK_PREFIX_DEL, link, prefix);
	if (lease != NULL)
		set_slot(control, lease, 0);
	else
		set_extra(control, prefix, 0);
	each_ingress(control, link, prefix);
}

static void iid_changed(void *arg, const struct link *link)
{
	struct control *control = arg;

	note_change(control);
	install_link_ingress(control, link);
}

const struct link_events control_link_events = {
	link_up, link_grace, link_down, prefix_add, prefix_del, iid_changed};
