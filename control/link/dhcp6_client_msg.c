// SPDX-License-Identifier: BSD-3-Clause
// What stands in the DHCPv6 client's messages, and what an answer changes. One IA of each kind. A
// server's word is checked: lifetimes that contradict each other and prefixes that nobody delegates
// are passed over. RFC 8415 sections 18.2.1 to 18.2.10. Pure.
#include "clock.h"
#include "dhcp6_client_impl.h"

#include <string.h>

#define IAID 1

static bool is_pd(enum dhcp6_kind kind)
{
	return kind == DHCP6_PD;
}

bool dhcp6_client_wants(const struct dhcp6_client *client, enum dhcp6_kind kind)
{
	return is_pd(kind) ? client->want.prefix : client->want.address;
}

const struct dhcp6_ia *dhcp6_client_find(const struct dhcp6_msg *msg, enum dhcp6_kind kind)
{
	for (uint32_t i = 0; i < msg->ia_n; i++)
		if (msg->ia[i].pd == is_pd(kind) && msg->ia[i].iaid == IAID)
			return &msg->ia[i];
	return NULL;
}

// Section 21.4: T1 after T2 makes the IA bad; so does a preferred lifetime above the valid one of an
// address or prefix.
static bool ia_good(const struct dhcp6_ia *ia)
{
	return ia != NULL && ia->status == DHCP6_STATUS_SUCCESS &&
		(ia->t2_s == 0 || ia->t1_s <= ia->t2_s);
}

static bool item_good(const struct dhcp6_item *item)
{
	return item->preferred_s <= item->valid_s && item->status == DHCP6_STATUS_SUCCESS &&
		dhcp6_prefix_usable(&item->prefix);
}

bool dhcp6_client_offers(const struct dhcp6_client *client, const struct dhcp6_msg *msg)
{
	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++) {
		const struct dhcp6_ia *ia = dhcp6_client_find(msg, kind);

		if (!dhcp6_client_wants(client, kind) || !ia_good(ia))
			continue;
		for (uint32_t i = 0; i < ia->item_n; i++)
			if (item_good(&ia->item[i]) && ia->item[i].valid_s > 0)
				return true;
	}
	return false;
}

static uint64_t until(uint64_t now_us, uint32_t seconds)
{
	return seconds == DHCP6_INFINITY ? CLOCK_NEVER : now_us + seconds * US_PER_S;
}

static void hold(struct dhcp6_held_ia *ia, const struct dhcp6_item *item, uint64_t now_us)
{
	uint32_t at = 0;

	while (at < ia->n && !inet_prefix_equal(&ia->held[at].prefix, &item->prefix))
		at++;
	if (item->valid_s == 0 && at < ia->n) {
		ia->held[at] = ia->held[--ia->n];
		return;
	}
	if (item->valid_s == 0 || at == DHCP6_CLIENT_LIST)
		return;
	ia->held[at] = (struct dhcp6_held){item->prefix, until(now_us, item->valid_s)};
	if (at == ia->n)
		ia->n++;
}

// T1 or T2 of zero is ours to choose: half and four fifths of the shortest preferred lifetime.
static uint32_t renewal(uint32_t told_s, uint32_t preferred_s, uint32_t tenths)
{
	if (told_s != 0)
		return told_s;
	return preferred_s == DHCP6_INFINITY ? DHCP6_INFINITY
					     : (uint32_t)((uint64_t)preferred_s * tenths / 10);
}

static void earlier(uint64_t *at_us, uint64_t now_us, uint32_t seconds)
{
	uint64_t when_us = until(now_us, seconds > 0 ? seconds : 1);

	if (when_us < *at_us)
		*at_us = when_us;
}

static uint32_t apply_ia(struct dhcp6_client *client, enum dhcp6_kind kind,
	const struct dhcp6_ia *ia, uint64_t now_us)
{
	uint32_t n = 0, preferred_s = DHCP6_INFINITY;

	for (uint32_t i = 0; i < ia->item_n; i++) {
		const struct dhcp6_item *item = &ia->item[i];

		if (!item_good(item))
			continue;
		hold(&client->ia[kind], item, now_us);
		if (item->valid_s == 0)
			continue;
		n++;
		if (item->preferred_s < preferred_s)
			preferred_s = item->preferred_s;
	}
	if (n > 0) {
		earlier(&client->t1_us, now_us, renewal(ia->t1_s, preferred_s, 5));
		earlier(&client->t2_us, now_us, renewal(ia->t2_s, preferred_s, 8));
	}
	return n;
}

uint32_t dhcp6_client_apply(
	struct dhcp6_client *client, const struct dhcp6_msg *reply, uint64_t now_us)
{
	uint32_t n = 0;

	client->t1_us = client->t2_us = CLOCK_NEVER;
	client->server = reply->server;
	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++) {
		const struct dhcp6_ia *ia = dhcp6_client_find(reply, kind);

		if (dhcp6_client_wants(client, kind) && ia_good(ia))
			n += apply_ia(client, kind, ia, now_us);
	}
	return n;
}

static uint32_t take_addrs(struct inet_addr out[DHCP6_CLIENT_LIST], const struct inet_addr *list,
	uint32_t n, bool link_local)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n && taken < DHCP6_CLIENT_LIST; i++)
		if (!inet_addr_is_multicast(&list[i]) && !inet_addr_is_unspecified(&list[i]) &&
			(link_local || !inet_addr_is_link_local(&list[i])))
			out[taken++] = list[i];
	return taken;
}

void dhcp6_client_settings(struct dhcp6_client *client, const struct dhcp6_msg *reply)
{
	struct dhcp6_given *s = &client->settings;

	*s = (struct dhcp6_given){};
	if (!client->want.info)
		return;
	client->has_info = true;
	// A resolver would not know by which interface a link-local server is reached.
	s->dns_n = take_addrs(s->dns, reply->dns, reply->dns_n, false);
	s->sntp_n = take_addrs(s->sntp, reply->sntp, reply->sntp_n, false);
	for (; s->domain_n < reply->domain_n && s->domain_n < DHCP6_CLIENT_DOMAINS; s->domain_n++)
		memcpy(s->domain[s->domain_n], reply->domain[s->domain_n], sizeof(s->domain[0]));
}

bool dhcp6_client_expire(struct dhcp6_client *client, uint64_t now_us)
{
	bool gone = false;

	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++) {
		struct dhcp6_held_ia *ia = &client->ia[kind];

		for (uint32_t i = ia->n; i-- > 0;)
			if (ia->held[i].until_us <= now_us) {
				ia->held[i] = ia->held[--ia->n];
				gone = true;
			}
	}
	return gone;
}

void dhcp6_client_drop(struct dhcp6_client *client)
{
	memset(client->ia, 0, sizeof(client->ia));
	client->t1_us = client->t2_us = CLOCK_NEVER;
	client->server = (struct dhcp6_duid){};
}

void dhcp6_client_tell(struct dhcp6_client *client)
{
	struct dhcp6_given now = client->settings;

	for (uint32_t i = 0; i < client->ia[DHCP6_NA].n; i++)
		now.address[now.address_n++] = client->ia[DHCP6_NA].held[i].prefix.addr;
	for (uint32_t i = 0; i < client->ia[DHCP6_PD].n; i++)
		now.prefix[now.prefix_n++] = client->ia[DHCP6_PD].held[i].prefix;
	if (memcmp(&now, &client->given, sizeof(now)) == 0)
		return;
	client->given = now;
	client->setup.changed(client->setup.arg, &client->given);
}

// ---- what is sent ----

static void put_held(const struct dhcp6_client *client, enum dhcp6_kind kind, struct dhcp6_msg *out)
{
	struct dhcp6_ia *ia = &out->ia[out->ia_n++];

	*ia = (struct dhcp6_ia){.pd = is_pd(kind), .iaid = IAID, .item_n = client->ia[kind].n};
	for (uint32_t i = 0; i < ia->item_n; i++)
		ia->item[i].prefix = client->ia[kind].held[i].prefix;
}

static void put_offered(
	const struct dhcp6_client *client, enum dhcp6_kind kind, struct dhcp6_msg *out)
{
	const struct dhcp6_ia *offered = dhcp6_client_find(&client->offer, kind);
	struct dhcp6_ia *ia = &out->ia[out->ia_n++];

	*ia = (struct dhcp6_ia){.pd = is_pd(kind), .iaid = IAID};
	for (uint32_t i = 0; offered != NULL && i < offered->item_n; i++)
		if (item_good(&offered->item[i]))
			ia->item[ia->item_n++].prefix = offered->item[i].prefix;
}

static void put_wish(const struct dhcp6_client *client, enum dhcp6_kind kind, struct dhcp6_msg *out)
{
	struct dhcp6_ia *ia = &out->ia[out->ia_n++];

	*ia = (struct dhcp6_ia){.pd = is_pd(kind), .iaid = IAID};
	if (!is_pd(kind) || client->want.prefix_len == 0)
		return;
	ia->item[0].prefix.addr.family = AF_INET6;
	ia->item[0].prefix.len = client->want.prefix_len;
	ia->item_n = 1;
}

static void put_requests(const struct dhcp6_client *client, struct dhcp6_msg *out)
{
	if (client->want.info) {
		out->request[out->request_n++] = DHCP6_OPTION_DNS;
		out->request[out->request_n++] = DHCP6_OPTION_DOMAINS;
		out->request[out->request_n++] = DHCP6_OPTION_SNTP;
	}
	if (out->type == DHCP6_INFORMATION_REQUEST) {
		out->request[out->request_n++] = DHCP6_OPTION_REFRESH_TIME;
		out->request[out->request_n++] = DHCP6_OPTION_INF_MAX_RT;
	} else {
		out->request[out->request_n++] = DHCP6_OPTION_SOL_MAX_RT;
	}
}

static void put_ias(const struct dhcp6_client *client, struct dhcp6_msg *out)
{
	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++) {
		if (!dhcp6_client_wants(client, kind))
			continue;
		if (out->type == DHCP6_SOLICIT)
			put_wish(client, kind, out);
		else if (out->type == DHCP6_REQUEST)
			put_offered(client, kind, out);
		else if (out->type != DHCP6_CONFIRM || !is_pd(kind))
			put_held(client, kind, out);
	}
}

void dhcp6_client_build(const struct dhcp6_client *client, const struct dhcp6_exchange *exchange,
	struct dhcp6_msg *out)
{
	*out = (struct dhcp6_msg){.type = exchange->type,
		.xid = exchange->xid,
		.has_elapsed = true,
		.elapsed_cs = exchange->elapsed_cs,
		.rapid_commit = exchange->type == DHCP6_SOLICIT};
	out->client.len = client->setup.duid_len;
	memcpy(out->client.data, client->setup.duid, client->setup.duid_len);
	if (out->type == DHCP6_REQUEST)
		out->server = client->offer.server;
	else if (out->type == DHCP6_RENEW)
		out->server = client->server;
	if (out->type != DHCP6_CONFIRM)
		put_requests(client, out);
	if (out->type != DHCP6_INFORMATION_REQUEST)
		put_ias(client, out);
}
