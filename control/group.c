// SPDX-License-Identifier: BSD-3-Clause
// Multicast between links and the rest (L5, L25): MLD and IGMP that come out of a link's SAs become
// memberships, and these commands to every worker with the SA that the link's packets take. A link
// is asked when it first has an SA that a query can go by (group_ask.c), and when its reports make no
// sense; never periodically (L3). What all links want together is group_ports.c's. Control's thread.
#include "group.h"

#include "clock.h"
#include "control.h"
#include "group_ask.h"
#include "group_ports.h"
#include "igmp_msg.h"
#include "log.h"
#include "mld_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("group");

#define QUERY_DELAY_US (100 * US_PER_MS) // one host answers: nothing has to be spread
#define SWEEP_AFTER_US (10 * US_PER_S) // both queries, and the time for an answer
#define SWEEP_TURN 256 // memberships in one command
#define SCOPE_MIN 3 // link-local scope stays on the link, RFC 4007 section 5

struct sweep { // of one worker
	struct control *control;
	uint32_t thread;
};

struct groups {
	struct group_table *table;
	struct group_ports *ports;
	struct group_asks *asks;
	bool fresh; // what links want is not known yet; the dataplane may know from before
	uint64_t sweep_us; // then it forgets what we do not know; CLOCK_NEVER
	struct sweep sweep[SEAM_WORKERS_MAX]; // by worker
};

// ---- to the workers ----

static void on_set(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct control *control = arg;

	(void)payload;
	(void)last;
	if (hdr != NULL && hdr->status != 0)
		control->counts.group_failures++;
}

static void on_gone(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg; // what is not there need not go
	(void)hdr;
	(void)payload;
	(void)last;
}

static void send_everywhere(
	struct control *control, enum ipc_type type, const void *cmd, size_t len, dp_answer_fn fn)
{
	for (uint32_t thread = 1; thread < dp_client_threads(control->dp); thread++)
		dp_client_command(control->dp, thread, type, cmd, len, fn, control);
}

static void send_set(struct control *control, uint64_t link, sa_ref_t ref,
	const struct inet_addr *group, const struct source_filter *filter)
{
	struct ipc_group_set cmd = {.group = *group,
		.link = link,
		.ref = ref,
		.include = filter->include,
		.source_n = (uint8_t)filter->source_n};

	static_assert(IPC_GROUP_SOURCES == GROUP_SOURCES);
	memcpy(cmd.source, filter->source, filter->source_n * sizeof(filter->source[0]));
	send_everywhere(control, IPC_GROUP_SET, &cmd, sizeof(cmd), on_set);
}

static void send_del(struct control *control, uint64_t link, const struct inet_addr *group)
{
	struct ipc_group_del cmd = {.group = *group, .link = link};

	send_everywhere(control, IPC_GROUP_DEL, &cmd, sizeof(cmd), on_gone);
}

// ---- what the table says ----

static void on_member(void *arg, uint64_t handle, const struct inet_addr *group,
	const struct source_filter *filter)
{
	struct control *control = arg;
	const struct link *link = link_find(control->links, handle);
	sa_ref_t ref = link != NULL ? install_link_ref(control, link) : 0;

	if (filter == NULL)
		send_del(control, handle, group);
	else if (ref != 0)
		send_set(control, handle, ref, group, filter);
}

static void on_upstream(
	void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	struct control *control = arg;

	group_ports_want(control->groups->ports, group, filter, clock_now_us());
}

static struct group_limits limits_of(const struct control *control)
{
	const struct config_multicast *multicast = &control->config->multicast;

	static_assert(CONFIG_GROUP_SOURCES == GROUP_SOURCES);
	return (struct group_limits){.per_link = multicast->groups,
		.sources = multicast->sources,
		.records_per_s = multicast->records,
		.total = multicast->total};
}

int groups_init(struct control *control)
{
	static const struct group_events events = {on_member, on_upstream};
	struct group_limits limits = limits_of(control);
	struct groups *groups = calloc(1, sizeof(*groups));
	uint64_t secret[2];

	if (groups == NULL)
		return -ENOMEM;
	control->groups = groups;
	groups->fresh = true;
	groups->sweep_us = CLOCK_NEVER;
	control_random(NULL, secret, sizeof(secret));
	groups->table = group_table_new(&limits, &events, control, secret);
	groups->ports = group_ports_new(control);
	groups->asks = group_asks_new(secret);
	if (groups->table == NULL || groups->ports == NULL || groups->asks == NULL) {
		groups_fini(control);
		return -ENOMEM;
	}
	return 0;
}

void groups_fini(struct control *control)
{
	struct groups *groups = control->groups;

	if (groups == NULL)
		return;
	group_asks_free(groups->asks);
	group_table_free(groups->table);
	group_ports_free(groups->ports);
	free(groups);
	control->groups = NULL;
}

// ---- queries ----

static void ask6(struct control *control, const struct link *link)
{
	struct inet_addr gateway = inet_addr_link_local(link->gateway_iid);
	struct group_query query = {
		.version = 2, .max_response_us = QUERY_DELAY_US, .robustness = 2};
	uint8_t packet[MLD_PACKET_MAX];

	punt_send_inner(
		control, link, packet, mld_write_query(packet, sizeof(packet), &gateway, &query));
}

static void ask4(struct control *control, const struct link *link)
{
	struct inet_addr source = group_ports_ip4(control->groups->ports);
	struct group_query query = {
		.version = 3, .max_response_us = QUERY_DELAY_US, .robustness = 2};
	uint8_t packet[IGMP_PACKET_MAX];

	punt_send_inner(
		control, link, packet, igmp_write_query(packet, sizeof(packet), &source, &query));
}

// A query from there to `group` fits the selectors, NULL: they are not known.
static bool carries(const struct ts_list *local, const struct ts_list *remote,
	const struct inet_addr *source, const char *group)
{
	struct ts from = ts_from_addr(source), to;
	struct inet_addr addr;

	inet_addr_parse(group, &addr);
	to = ts_from_addr(&addr);
	return local == NULL || (ts_list_contains(local, &from) && ts_list_contains(remote, &to));
}

void groups_sa_up(struct control *control, const struct link *link, const struct ts_list *local,
	const struct ts_list *remote)
{
	struct inet_addr source6 = inet_addr_link_local(link->gateway_iid), source4;
	uint32_t families = 0;

	if (control->groups == NULL || !link->virtual_link || !link->profile->multicast)
		return;
	source4 = group_ports_ip4(control->groups->ports);
	if (carries(local, remote, &source6, "ff02::1"))
		families |= GROUP_ASK_V6;
	if (link_has_ip4(link) && carries(local, remote, &source4, "224.0.0.1"))
		families |= GROUP_ASK_V4;
	if (families != 0 &&
		group_ask_start(control->groups->asks, link->handle, families, clock_now_us()) != 0)
		LOG_LIMITED(ERR, "out of memory: a link is not asked for its groups");
}

static void ask_due(struct control *control, uint64_t now_us)
{
	uint64_t handle = 0;
	uint32_t families = 0;

	while (group_ask_take(control->groups->asks, now_us, &handle, &families)) {
		const struct link *link = link_find(control->links, handle);

		if (link != NULL && (families & GROUP_ASK_V6) != 0)
			ask6(control, link);
		if (link != NULL && (families & GROUP_ASK_V4) != 0)
			ask4(control, link);
	}
}

// ---- from links ----

static void take_records(struct control *control, const struct link *link, struct group_msg *msg)
{
	uint64_t now_us = clock_now_us();
	struct group_record record;
	bool doubt = false;

	while (group_msg_next(msg, &record)) {
		enum group_result result =
			group_input(control->groups->table, link->handle, &record, now_us);

		control->counts.group[result]++;
		doubt = doubt || result == GROUP_DOUBT;
	}
	if (doubt && msg->src.family == AF_INET6)
		ask6(control, link);
	else if (doubt)
		ask4(control, link);
}

static void take_message(struct control *control, const struct link *link,
	enum group_msg_result result, struct group_msg *msg)
{
	if (result == GROUP_MSG_REPORT && !inet_addr_is_unspecified(&msg->src) &&
		!link_owns(link, &msg->src))
		result = GROUP_MSG_SOURCE;
	control->counts.group_msg[result]++;
	if (result != GROUP_MSG_REPORT)
		return;
	group_ask_heard(control->groups->asks, link->handle,
		msg->src.family == AF_INET6 ? GROUP_ASK_V6 : GROUP_ASK_V4);
	take_records(control, link, msg);
}

static bool wanted(const struct control *control, const struct link *link)
{
	return control->groups != NULL && link->virtual_link && link->profile->multicast;
}

bool groups_mld(struct control *control, const struct link *link, const struct inner_packet *packet)
{
	struct group_msg msg;
	enum group_msg_result result = GROUP_MSG_OTHER;

	if (packet->proto != INNER_ICMP6 || packet->payload_len == 0 ||
		!mld_type(packet->payload[0]) || !wanted(control, link))
		return false;
	result = mld_read(packet, &msg);
	take_message(control, link, result, &msg);
	return true;
}

bool groups_igmp(struct control *control, const struct link *link, const uint8_t *data, size_t len)
{
	struct group_msg msg;
	enum group_msg_result result = GROUP_MSG_OTHER;

	if (len == 0 || data[0] >> 4 != 4 || !wanted(control, link))
		return false;
	result = igmp_read(data, len, &msg);
	take_message(control, link, result, &msg);
	return true;
}

// ---- links come and go ----

struct again {
	struct control *control;
	uint64_t link;
	sa_ref_t ref;
};

static void set_again(void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	const struct again *again = arg;

	if (again->ref != 0)
		send_set(again->control, again->link, again->ref, group, filter);
	else
		send_del(again->control, again->link, group);
}

void groups_primary(struct control *control, uint64_t link, sa_ref_t ref)
{
	struct again again = {control, link, ref};

	if (control->groups != NULL)
		group_link_each(control->groups->table, link, set_again, &again);
}

void groups_link_down(struct control *control, uint64_t link)
{
	if (control->groups == NULL)
		return;
	group_link_gone(control->groups->table, link);
	group_ask_gone(control->groups->asks, link);
}

// Its profile takes multicast from it.
static bool forbid(void *arg, const struct link *link)
{
	struct control *control = arg;

	if (!wanted(control, link))
		groups_link_down(control, link->handle);
	return true;
}

void groups_reconfigure(struct control *control)
{
	struct group_limits limits = limits_of(control);

	if (control->groups == NULL)
		return;
	group_table_limit(control->groups->table, &limits);
	link_foreach(control->links, forbid, control);
}

// ---- the dataplane comes ----

// What the workers have may be of a control before us, or be gone meanwhile: what is not set again goes,
// as soon as links have had time to say what they want.
static void sweep_begin(struct control *control)
{
	struct ipc_group_sweep cmd = {.begin = 1};

	send_everywhere(control, IPC_GROUP_SWEEP, &cmd, sizeof(cmd), on_set);
}

static void sweep_some(struct sweep *sweep);

static void on_swept(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)payload;
	(void)last;
	if (hdr != NULL && hdr->status == EAGAIN)
		sweep_some(arg);
}

static void sweep_some(struct sweep *sweep)
{
	struct ipc_group_sweep cmd = {.max = SWEEP_TURN};

	dp_client_command(sweep->control->dp, sweep->thread, IPC_GROUP_SWEEP, &cmd, sizeof(cmd),
		on_swept, sweep);
}

static void sweep_due(struct control *control, uint64_t now_us)
{
	struct groups *groups = control->groups;
	uint32_t threads = dp_client_threads(control->dp);

	if (now_us < groups->sweep_us)
		return;
	groups->sweep_us = CLOCK_NEVER;
	groups->fresh = false;
	for (uint32_t i = 0; i < SEAM_WORKERS_MAX && i + 1 < threads; i++) {
		groups->sweep[i] = (struct sweep){control, i + 1};
		sweep_some(&groups->sweep[i]);
	}
}

static bool each_member(void *arg, const struct group_member_info *info)
{
	struct control *control = arg;
	const struct link *link = link_find(control->links, info->link);
	sa_ref_t ref = link != NULL ? install_link_ref(control, link) : 0;

	if (ref != 0)
		send_set(control, info->link, ref, info->group, info->filter);
	return true;
}

void groups_reconcile(struct control *control)
{
	struct ipc_group_upstream cmd = {.scope_min = SCOPE_MIN};
	uint32_t cursor = 0;

	if (control->groups == NULL || !control->config->gateway.present)
		return;
	sweep_begin(control);
	send_everywhere(control, IPC_GROUP_UPSTREAM, &cmd, sizeof(cmd), on_set);
	while (group_walk(control->groups->table, &cursor, 1024, each_member, control))
		;
	control->groups->sweep_us = clock_now_us() + (control->groups->fresh ? SWEEP_AFTER_US : 0);
	group_ports_refresh(control->groups->ports);
}

void groups_port_input(
	struct control *control, const struct ipc_punt_port *punt, const uint8_t *data)
{
	if (control->groups != NULL)
		group_ports_input(
			control->groups->ports, punt->port, data, punt->data_len, clock_now_us());
}

uint64_t groups_next_us(const struct control *control)
{
	uint64_t ports_us = 0, asks_us = 0;

	// Without a dataplane what is due waits, and nobody for it.
	if (control->groups == NULL || control->phase != PHASE_READY)
		return CLOCK_NEVER;
	ports_us = group_ports_next_us(control->groups->ports);
	asks_us = group_ask_next_us(control->groups->asks);
	if (control->groups->sweep_us < asks_us)
		asks_us = control->groups->sweep_us;
	return asks_us < ports_us ? asks_us : ports_us;
}

void groups_send(struct control *control, uint64_t now_us)
{
	if (control->groups == NULL || control->phase != PHASE_READY)
		return;
	ask_due(control, now_us);
	sweep_due(control, now_us);
	group_ports_send(control->groups->ports, now_us);
}

// ---- for the admin commands ----

struct each_group {
	struct control *control;
	bool (*each)(void *arg, const struct control_group *group);
	void *arg;
	uint64_t now_us;
};

static bool give_group(void *arg, const struct group_member_info *info)
{
	const struct each_group *walk = arg;
	const struct link *link = link_find(walk->control->links, info->link);
	struct control_group group = {.group = *info->group,
		.link = info->link,
		.include = info->filter->include,
		.source_n = info->filter->source_n,
		.source = info->filter->source,
		.age_us = walk->now_us - info->since_us};

	if (link != NULL)
		group.identity = link->identity;
	return walk->each(walk->arg, &group);
}

bool control_groups(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_group *group), void *arg)
{
	struct each_group walk = {control, each, arg, clock_now_us()};

	return control->groups != NULL &&
		group_walk(control->groups->table, cursor, max, give_group, &walk);
}

void groups_upstream_each(struct control *control,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg)
{
	group_upstream_each(control->groups->table, fn, arg);
}
