// SPDX-License-Identifier: BSD-3-Clause
// `link show`: the links and addresses that we gave to peers, and in the client role those that a
// gateway gave to us. Control's thread.
#include "admin_cmds.h"
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool cmds_link_is(const struct control_link *link, const char *text)
{
	char name[SA_NAME_LEN];

	return !strcmp(link_name(link->link, name), text) ||
		(link->peer && !strcmp(link->peer, text)) || id_is(&link->identity, text);
}

// Of RFC 5739 links alone; an interface ID of zero means none.
static void row_link_local(struct admin_row *row, const char *name, const uint8_t iid[8])
{
	static const uint8_t none[8];
	struct inet_addr addr = inet_addr_link_local(iid);

	if (memcmp(iid, none, sizeof(none)))
		row_addr(row, name, &addr);
}

struct link_show {
	struct admin_call *call;
	const char *wanted; // NULL: all
	uint32_t shown, cursor;
};

static bool show_link(void *arg, const struct control_link *link)
{
	struct link_show *show = arg;
	struct admin_row row;
	char name[SA_NAME_LEN];

	if (show->wanted && !cmds_link_is(link, show->wanted))
		return true;
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "link", link_name(link->link, name));
	admin_row_text(&row, "state", control_link_state_name(link->state));
	admin_row_text(&row, "peer", link->peer);
	row_identity(&row, "identity", &link->identity);
	admin_row_text(&row, "profile", link->profile);
	admin_row_text(&row, "role", "gateway");
	admin_row_bool(&row, "virtual", link->virtual_link);
	row_hex(&row, "link_id", link->link_id, link->link_id_len);
	admin_row_count(&row, "host", link->ordinal);
	admin_row_bool(&row, "unasked", link->unasked);
	for (uint32_t i = 0; i < link->prefix_n; i++)
		row_add_prefix(&row, link->leaving[i] ? "leaving" : "prefixes", &link->prefix[i]);
	for (uint32_t i = 0; i < link->delegated_n; i++)
		row_add_prefix(&row, "delegated", &link->delegated[i]);
	for (uint32_t i = 0; i < link->claimed_n && i < CONFIG_ADDRESSES_MAX; i++)
		row_add_addr(&row, "claimed", &link->claimed[i]);
	row_add_addr(&row, "addresses", &link->ip4);
	row_add_addr(&row, "addresses", &link->ip6);
	if (link->virtual_link) {
		row_link_local(&row, "client_link_local", link->client_iid);
		row_link_local(&row, "gateway_link_local", link->gateway_iid);
	}
	for (uint32_t i = 0; i < link->ike_sa_n; i++)
		admin_row_add_text(&row, "ike_sas", sa_name_ike(link->ike_sa[i], name));
	admin_row_us(&row, "age_s", link->age_us);
	if (link->state == CONTROL_LINK_GRACE)
		admin_row_us(&row, "grace_left_s", link->grace_left_us);
	row_flows(&row, &link->counters);
	return admin_row_send(&row);
}

// What the child SAs of one IKE SA carried.
struct ike_sa_use {
	struct control *control;
	uint64_t ike_sa;
	bool found, counted;
	uint64_t established_us;
	struct control_counters sum;
};

static void add_flow(struct control_flow *sum, const struct control_flow *flow)
{
	sum->pkts += flow->pkts;
	sum->bytes += flow->bytes;
	sum->drops += flow->drops;
	if (flow->idle_us < sum->idle_us)
		sum->idle_us = flow->idle_us;
}

static void find_use(struct ike_sa_use *use)
{
	struct control_counters counters;
	struct ike_sa_info info;

	if (!ike_find(control_ike(use->control), use->ike_sa, &info))
		return;
	use->found = true;
	use->established_us = info.established_us;
	for (uint32_t i = 0; i < info.child_n; i++) {
		if (!control_child_counters(use->control, info.child[i].child, &counters))
			continue;
		add_flow(&use->sum.in, &counters.in);
		add_flow(&use->sum.out, &counters.out);
		use->counted = true;
	}
}

static void row_given(struct admin_row *row, const struct control_connection *connection)
{
	const struct cp_attrs *cp = &connection->cp;
	char text[INET_ADDR_STRLEN];

	for (uint32_t i = 0; i < cp->prefix_n && i < CP_LIST_MAX; i++)
		row_add_prefix(row, "prefixes", &cp->prefix[i]);
	for (uint32_t i = 0; i < cp->ip4_n && i < CP_LIST_MAX; i++)
		row_add_addr(row, "addresses", &cp->ip4[i]);
	for (uint32_t i = 0; i < cp->ip6_n && i < CP_LIST_MAX; i++)
		row_add_addr(row, "addresses", &cp->ip6[i].addr);
	for (uint32_t i = 0; i < cp->address2_n && i < CP_LIST_MAX; i++)
		row_add_addr(row, "claimed", &cp->address2[i]);
	for (uint32_t i = 0; i < cp->dns_n && i < CP_LIST_MAX; i++)
		if (inet_addr_valid(&cp->dns[i]))
			admin_row_add_text(row, "dns", inet_addr_format(&cp->dns[i], text));
	admin_row_text(row, "domain", cp->domain[0]);
	admin_row_bool(row, "virtual", cp->link);
	if (!cp->link)
		return;
	row_hex(row, "link_id", cp->link_id, cp->link_id_len);
	row_link_local(row, "client_link_local", connection->iid);
	// The draft's reply has our own, echoed; the gateway's is nowhere in it.
	if (connection->connection->wire != CONFIG_WIRE_IPSECME_00)
		row_link_local(row, "gateway_link_local", cp->link_iid);
}

static bool show_connection(void *arg, const struct control_connection *connection)
{
	const struct config_connection *config = connection->connection;
	struct link_show *show = arg;
	struct admin_row row;
	char name[SA_NAME_LEN];
	struct ike_sa_use use = {
		.control = admin_control(show->call),
		.ike_sa = connection->ike_sa,
		.sum = {.in.idle_us = CLOCK_NEVER, .out.idle_us = CLOCK_NEVER},
	};

	if (strcmp(connection->state, "up"))
		return true;
	if (show->wanted && strcmp(config->name, show->wanted) &&
		!id_is(&config->gateway_id, show->wanted))
		return true;
	show->shown++;
	find_use(&use);
	row = admin_row_begin(show->call);
	admin_row_text(&row, "link", config->name);
	admin_row_text(&row, "state", connection->state);
	admin_row_text(&row, "peer", config->name);
	row_identity(&row, "identity", &config->gateway_id);
	admin_row_text(&row, "role", "client");
	admin_row_text(&row, "interface", config->interface);
	if (connection->mtu)
		admin_row_count(&row, "mtu", connection->mtu);
	row_given(&row, connection);
	for (uint32_t i = 0; i < connection->delegated_n && i < 8; i++)
		row_add_prefix(&row, "delegated", &connection->delegated[i]);
	if (connection->ike_sa)
		admin_row_add_text(&row, "ike_sas", sa_name_ike(connection->ike_sa, name));
	if (use.found)
		admin_row_us(&row, "age_s", clock_now_us() - use.established_us);
	if (use.counted)
		row_flows(&row, &use.sum);
	return admin_row_send(&row);
}

static bool show_some(struct admin_call *call)
{
	struct link_show *show = admin_state_get(call);

	if (control_links(admin_control(call), &show->cursor, CMDS_TURN, show_link, show))
		return true;
	control_connections(admin_control(call), show_connection, show);
	if (show->wanted && !show->shown)
		admin_fail(call, ENOENT, "no link is called \"%s\", nor is its peer", show->wanted);
	else
		admin_done(call);
	return false;
}

// The counters are fresh, or as fresh as they get: links are shown without a dataplane too.
static void show_links(void *arg, int error)
{
	(void)error;
	admin_turns(arg, show_some);
}

void cmds_link_show(struct admin_call *call)
{
	struct link_show *show = admin_state(call, sizeof(*show));

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	show->call = call;
	show->wanted = admin_arg(call, 0);
	control_counters_refresh(admin_control(call), show_links, call);
}
