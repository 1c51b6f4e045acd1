// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 server of a link: which messages are taken, and the answer to each. RFC 8415 sections 16
// and 18.3. Control's thread.
#include "dhcp6_server.h"

#include "dhcp6_impl.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("dhcp6");

#define DUID_KEY "dhcp6-duid"
#define DUID_UUID 4 // RFC 6355
#define DUID_BYTES 18

// All_DHCP_Relay_Agents_and_Servers
static const struct inet_addr all_servers = {
	.family = AF_INET6, .bytes = {0xff, 0x02, [13] = 1, [15] = 2}};

const char *dhcp6_result_name(enum dhcp6_result result)
{
	static const char *const names[] = {
#define X(id, name) name,
		DHCP6_RESULTS(X)
#undef X
	};

	return names[result];
}

// Ours for good: clients remember it. Made the first time.
static int load_duid(struct dhcp6_server *server)
{
	struct dhcp6_duid *duid = &server->duid;

	duid->len = DUID_BYTES;
	if (store_get_value(server->setup.store, DUID_KEY, duid->data, DUID_BYTES) == DUID_BYTES)
		return 0;
	duid->data[0] = 0;
	duid->data[1] = DUID_UUID;
	server->setup.random(server->setup.random_arg, duid->data + 2, DUID_BYTES - 2);
	duid->data[8] = (uint8_t)((duid->data[8] & 0x0f) | 0x40); // a random UUID, RFC 4122
	duid->data[10] = (uint8_t)((duid->data[10] & 0x3f) | 0x80);
	return store_put_value(server->setup.store, DUID_KEY, duid->data, DUID_BYTES);
}

struct dhcp6_server *dhcp6_server_new(const struct dhcp6_setup *setup)
{
	struct dhcp6_server *server = calloc(1, sizeof(*server));
	int error = 0;

	if (server == NULL)
		return NULL;
	server->setup = *setup;
	setup->random(setup->random_arg, server->secret, sizeof(server->secret));
	error = hash_init(&server->clients, server->secret);
	if (error == 0)
		error = load_duid(server);
	if (error != 0) {
		dhcp6_server_free(server);
		errno = -error;
		return NULL;
	}
	return server;
}

void dhcp6_server_free(struct dhcp6_server *server)
{
	if (server == NULL)
		return;
	dhcp6_bind_fini(server);
	free(server);
}

void dhcp6_server_reconfigure(struct dhcp6_server *server, const struct config *config)
{
	server->setup.config = config;
}

void dhcp6_server_link_down(struct dhcp6_server *server, uint64_t link)
{
	if (server != NULL)
		dhcp6_bind_forget(server, link);
}

// ---- what is taken ----

enum presence {
	MUST,
	MAY,
	MUST_NOT
};
// RFC 8415 sections 16.2 to 16.12; a server identifier has to be ours.
static const struct {
	bool taken;
	enum presence client, server, ia;
} rules[] = {
	[DHCP6_SOLICIT] = {true, MUST, MUST_NOT, MAY},
	[DHCP6_REQUEST] = {true, MUST, MUST, MAY},
	[DHCP6_CONFIRM] = {true, MUST, MUST_NOT, MAY},
	[DHCP6_RENEW] = {true, MUST, MUST, MAY},
	[DHCP6_REBIND] = {true, MUST, MUST_NOT, MAY},
	[DHCP6_RELEASE] = {true, MUST, MUST, MAY},
	[DHCP6_DECLINE] = {true, MUST, MUST, MAY},
	[DHCP6_INFORMATION_REQUEST] = {true, MAY, MAY, MUST_NOT},
};

static bool fits(enum presence presence, bool there)
{
	return presence == MAY || there == (presence == MUST);
}

// Not Advertise, Reply, Reconfigure: a server behind the client.
static bool is_question(const struct dhcp6_msg *msg)
{
	return msg->type < sizeof(rules) / sizeof(rules[0]) && rules[msg->type].taken;
}

static enum dhcp6_result check(const struct dhcp6_server *server, const struct dhcp6_msg *msg)
{
	if (!fits(rules[msg->type].client, msg->client.len > 0) ||
		!fits(rules[msg->type].server, msg->server.len > 0) ||
		!fits(rules[msg->type].ia, msg->ia_n > 0))
		return DHCP6_IGNORED;
	if (msg->server.len > 0 && !dhcp6_duid_equal(&msg->server, &server->duid))
		return DHCP6_IGNORED; // another server's
	return DHCP6_ANSWERED;
}

// The link has one neighbour, so the source says nothing but whether the packet was made on it:
// another source would have been routed here by the client's host. Link-scoped multicast is what
// RFC 8415 section 7.1 has clients send to; unicast to our address is as good here, since
// INTERNAL_IP6_DHCP names it (RFC 5739 section 4.1), so UseMulticast (section 18.4) is never answered.
static enum dhcp6_result check_packet(const struct link *link, const struct inner_packet *packet)
{
	struct inet_addr ours = inet_addr_link_local(link->gateway_iid);

	if (packet->proto != INNER_UDP || packet->dst_port != DHCP6_SERVER_PORT ||
		(!inet_addr_equal(&packet->dst, &all_servers) &&
			!inet_addr_equal(&packet->dst, &ours)))
		return DHCP6_IGNORED;
	if (inet_addr_equal(&packet->src, &ours))
		return DHCP6_REFUSED;
	if (link_owns(link, &packet->src) ||
		(link->unasked && inet_addr_is_link_local(&packet->src)))
		return DHCP6_ANSWERED;
	return DHCP6_REFUSED;
}

// ---- answers ----

static bool wants(const struct dhcp6_msg *msg, enum dhcp6_option option)
{
	return msg->request_n == 0 || dhcp6_msg_requests(msg, option);
}

// What the client asks for of the profile's settings; one that names nothing gets all.
static void add_settings(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	const struct config_profile *profile = q->link->profile;

	for (uint32_t i = 0; wants(q->msg, DHCP6_OPTION_DNS) && i < profile->dns_n; i++)
		if (profile->dns[i].family == AF_INET6 && out->dns_n < DHCP6_LIST)
			out->dns[out->dns_n++] = profile->dns[i];
	for (uint32_t i = 0; wants(q->msg, DHCP6_OPTION_SNTP) && i < profile->sntp_n; i++)
		if (profile->sntp[i].family == AF_INET6 && out->sntp_n < DHCP6_LIST)
			out->sntp[out->sntp_n++] = profile->sntp[i];
	for (uint32_t i = 0; wants(q->msg, DHCP6_OPTION_DOMAINS) && i < profile->domain_n; i++)
		if (out->domain_n < DHCP6_DOMAINS)
			memcpy(out->domain[out->domain_n++], profile->domain[i],
				sizeof(out->domain[0]));
}

static enum dhcp6_result on_solicit(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	out->rapid_commit = q->msg->rapid_commit;
	if (!out->rapid_commit)
		out->type = DHCP6_ADVERTISE;
	for (uint32_t i = 0; i < q->msg->ia_n; i++, out->ia_n++)
		if (out->rapid_commit)
			dhcp6_bind_give(q, &q->msg->ia[i], &out->ia[i]);
		else
			dhcp6_bind_offer(q, &q->msg->ia[i], &out->ia[i]);
	add_settings(q, out);
	return DHCP6_ANSWERED;
}

// Request, Renew, Rebind: bindings are made where there are none, as section 18.3.5 lets a server do
// that knows rapid commit.
static enum dhcp6_result on_request(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	for (uint32_t i = 0; i < q->msg->ia_n; i++, out->ia_n++)
		dhcp6_bind_give(q, &q->msg->ia[i], &out->ia[i]);
	add_settings(q, out);
	return DHCP6_ANSWERED;
}

// Nobody but its link can use an address, so "appropriate for the link" means that it is the link's.
static enum dhcp6_result on_confirm(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	uint32_t n = 0;

	out->has_status = true;
	for (uint32_t i = 0; i < q->msg->ia_n; i++)
		for (uint32_t k = 0; !q->msg->ia[i].pd && k < q->msg->ia[i].item_n; k++, n++)
			if (!link_owns(q->link, &q->msg->ia[i].item[k].prefix.addr))
				out->status = DHCP6_STATUS_NOT_ON_LINK;
	return n > 0 ? DHCP6_ANSWERED : DHCP6_IGNORED;
}

static enum dhcp6_result on_release(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	bool decline = q->msg->type == DHCP6_DECLINE;

	out->has_status = true;
	for (uint32_t i = 0; i < q->msg->ia_n; i++) {
		const struct dhcp6_ia *asked = &q->msg->ia[i];
		struct dhcp6_ia *ia = &out->ia[out->ia_n];

		if (decline ? dhcp6_bind_decline(q, asked, ia) : dhcp6_bind_release(q, asked, ia))
			out->ia_n++;
	}
	return DHCP6_ANSWERED;
}

static enum dhcp6_result on_information_request(
	const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	add_settings(q, out);
	out->has_refresh = true;
	out->refresh_s =
		DHCP6_INFINITY; // nothing periodic (L3); other settings come with a new link
	return DHCP6_ANSWERED;
}

static enum dhcp6_result answer(const struct dhcp6_question *q, struct dhcp6_msg *out)
{
	*out = (struct dhcp6_msg){.type = DHCP6_REPLY,
		.xid = q->msg->xid,
		.client = q->msg->client,
		.server = q->server->duid};
	switch (q->msg->type) {
	case DHCP6_SOLICIT:
		return on_solicit(q, out);
	case DHCP6_REQUEST:
	case DHCP6_RENEW:
	case DHCP6_REBIND:
		return on_request(q, out);
	case DHCP6_CONFIRM:
		return on_confirm(q, out);
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		return on_release(q, out);
	case DHCP6_INFORMATION_REQUEST:
		return on_information_request(q, out);
	default:
		return DHCP6_REFUSED;
	}
}

static enum dhcp6_result send_answer(const struct dhcp6_question *q, struct dhcp6_msg *msg,
	const struct inner_packet *packet, struct dhcp6_out *out)
{
	out->link = q->link->handle;
	out->local = inet_addr_link_local(q->link->gateway_iid);
	out->remote = packet->src;
	out->local_port = DHCP6_SERVER_PORT;
	out->remote_port = DHCP6_CLIENT_PORT;
	out->len = dhcp6_msg_write(msg, out->data, sizeof(out->data));
	if (out->len == 0) { // leases and servers before names
		msg->domain_n = 0;
		out->len = dhcp6_msg_write(msg, out->data, sizeof(out->data));
	}
	return out->len > 0 ? DHCP6_ANSWERED : DHCP6_IGNORED;
}

static enum dhcp6_result serve(
	const struct dhcp6_question *q, const struct inner_packet *packet, struct dhcp6_out *out)
{
	struct dhcp6_msg reply;
	enum dhcp6_result result = DHCP6_REFUSED;

	if (!is_question(q->msg))
		return DHCP6_REFUSED;
	if (q->link->profile->dhcp6_relay.family != 0)
		return dhcp6_relay_forward(q, packet, out);
	result = check(q->server, q->msg);
	if (result == DHCP6_ANSWERED)
		result = answer(q, &reply);
	LOG(DEBUG, "link %lu: %s: %s", q->link->handle, dhcp6_type_name(q->msg->type),
		dhcp6_result_name(result));
	return result == DHCP6_ANSWERED ? send_answer(q, &reply, packet, out) : result;
}

static bool has_dhcp6(const struct link *link)
{
	return link != NULL && link->virtual_link && link->profile != NULL &&
		(link->profile->dhcp6 || link->profile->dhcp6_relay.family != 0);
}

enum dhcp6_result dhcp6_server_input(struct dhcp6_server *server, uint64_t link,
	const struct inner_packet *packet, uint64_t now_us, struct dhcp6_out *out)
{
	struct dhcp6_msg msg;
	struct dhcp6_question q = {.server = server,
		.link = link_find(server->setup.links, link),
		.msg = &msg,
		.now_us = now_us};
	enum dhcp6_result result = DHCP6_IGNORED;

	*out = (struct dhcp6_out){};
	if (!has_dhcp6(q.link))
		return DHCP6_IGNORED;
	result = check_packet(q.link, packet);
	if (result != DHCP6_ANSWERED)
		return result;
	// A relay agent behind the client would speak for others on this link, and there are none.
	if (packet->payload_len > 0 &&
		(packet->payload[0] == DHCP6_RELAY_FORWARD ||
			packet->payload[0] == DHCP6_RELAY_REPLY))
		return DHCP6_REFUSED;
	if (dhcp6_msg_read(packet->payload, packet->payload_len, &msg) != 0)
		return DHCP6_MALFORMED;
	return serve(&q, packet, out);
}
