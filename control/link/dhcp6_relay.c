// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 relay agent of links whose profile names a server on the inner network. It keeps nothing
// of its own: the Interface-ID says which link an answer is for. What the server gives and takes
// back, and what the client releases, is noted by the link: routes and filters follow from that.
// RFC 8415 section 19, RFC 4649. Control's thread.
#include "buf.h"
#include "clock.h"
#include "dhcp6_impl.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("dhcp6");

// The link's handle, and its gateway's interface ID to tell it from a link of another life.
#define INTERFACE_ID_BYTES 16
// Remote-ID (RFC 4649): the identity that IKE authenticated, as text. We have no enterprise number
// of our own; 0 is IANA's own, reserved.
#define ENTERPRISE 0

static void make_interface_id(const struct link *link, uint8_t out[INTERFACE_ID_BYTES])
{
	struct buf_writer w;

	buf_writer_init(&w, out, INTERFACE_ID_BYTES);
	buf_put_be64(&w, link->handle);
	buf_put_bytes(&w, link->gateway_iid, 8);
}

static const struct link *find_link(const struct link_table *links, const struct dhcp6_relay *relay)
{
	const struct link *link = NULL;
	struct buf_reader r;

	if (relay->interface_id_len != INTERFACE_ID_BYTES)
		return NULL;
	buf_reader_init(&r, relay->interface_id, relay->interface_id_len);
	link = link_find(links, buf_get_be64(&r));
	if (link == NULL || !link->virtual_link || link->profile == NULL)
		return NULL;
	return memcmp(link->gateway_iid, relay->interface_id + 8, 8) == 0 ? link : NULL;
}

// Our address on the inner network, of the server's family: on the server's own subnet if there is.
static bool inner_address(
	const struct config *config, const struct inet_addr *server, struct inet_addr *out)
{
	bool found = false;

	for (uint32_t i = 0; i < config->dataplane.port_n; i++) {
		const struct config_port *port = &config->dataplane.port[i];

		for (uint32_t k = 0; port->role == CONFIG_PORT_INNER && k < port->addr_n; k++) {
			struct inet_prefix subnet = {port->addr[k].addr, port->addr[k].len, {}};

			if (port->addr[k].addr.family != server->family)
				continue;
			inet_prefix_normalize(&subnet);
			if (!found || inet_prefix_contains(&subnet, server))
				*out = port->addr[k].addr;
			found = true;
		}
	}
	return found;
}

// RFC 8415 section 19.1.1: an address that tells the server which link this is. The gateway has none
// in the link's prefix (L20) and names the prefix itself; a link without one has its Interface-ID
// alone, like behind the agents of RFC 6221.
static struct inet_addr link_address(const struct link *link)
{
	for (uint32_t i = 0; i < link->lease_n; i++)
		if (link->role[i] == LINK_LEASE_PREFIX && !link->leaving[i])
			return link->prefix[i].addr;
	return (struct inet_addr){.family = AF_INET6};
}

// The server knows clients by the DUIDs that they tell it: nobody gives up what is another link's.
static bool gives_up_others(const struct dhcp6_question *q)
{
	if (q->msg->type != DHCP6_RELEASE && q->msg->type != DHCP6_DECLINE)
		return false;
	for (uint32_t i = 0; i < q->msg->ia_n; i++)
		for (uint32_t k = 0; k < q->msg->ia[i].item_n; k++) {
			uint64_t holder = link_relayed_to(
				q->server->setup.links, &q->msg->ia[i].item[k].prefix);

			if (holder != 0 && holder != q->link->handle)
				return true;
		}
	return q->msg->excess_n > 0; // and what we did not read, the server would
}

// A client stops using what it releases before it says so (RFC 8415 section 18.2.7).
static void note_release(const struct dhcp6_question *q)
{
	if (q->msg->type != DHCP6_RELEASE && q->msg->type != DHCP6_DECLINE)
		return;
	for (uint32_t i = 0; i < q->msg->ia_n; i++)
		for (uint32_t k = 0; k < q->msg->ia[i].item_n; k++)
			link_relayed_del(q->server->setup.links, q->link->handle,
				&q->msg->ia[i].item[k].prefix);
}

enum dhcp6_result dhcp6_relay_forward(
	const struct dhcp6_question *q, const struct inner_packet *packet, struct dhcp6_out *out)
{
	const struct inet_addr *server = &q->link->profile->dhcp6_relay;
	uint8_t interface_id[INTERFACE_ID_BYTES];
	char identity[300];
	struct dhcp6_relay relay = {.type = DHCP6_RELAY_FORWARD,
		.link = link_address(q->link),
		.peer = packet->src,
		.interface_id = interface_id,
		.interface_id_len = sizeof(interface_id),
		.enterprise = ENTERPRISE,
		.message = packet->payload,
		.message_len = packet->payload_len};

	if (gives_up_others(q))
		return DHCP6_REFUSED;
	if (!inner_address(q->server->setup.config, server, &out->local))
		return DHCP6_IGNORED; // no way to the server
	make_interface_id(q->link, interface_id);
	relay.remote_id = (const uint8_t *)config_id_format(&q->link->identity, identity);
	relay.remote_id_len = strlen(identity);
	out->len = dhcp6_relay_write(&relay, out->data, sizeof(out->data));
	if (out->len == 0)
		return DHCP6_IGNORED;
	out->remote = *server;
	out->local_port = out->remote_port = DHCP6_SERVER_PORT;
	note_release(q);
	return DHCP6_RELAYED;
}

// What a Reply gives enters the link before the client hears of it. false: the link cannot have it
// (somebody else has, or it has enough), and the client had better not hear of it.
static bool note_reply(struct link_table *links, const struct link *link,
	const struct dhcp6_msg *msg, uint64_t now_us)
{
	char text[INET_PREFIX_STRLEN];

	for (uint32_t i = 0; i < msg->ia_n; i++)
		for (uint32_t k = 0; k < msg->ia[i].item_n; k++) {
			const struct dhcp6_item *item = &msg->ia[i].item[k];
			uint64_t until_us = item->valid_s == DHCP6_INFINITY
				? CLOCK_NEVER
				: now_us + item->valid_s * US_PER_S;
			int error = 0;

			if (item->valid_s == 0) {
				link_relayed_del(links, link->handle, &item->prefix);
				continue;
			}
			if (!dhcp6_prefix_usable(&item->prefix))
				return false;
			error = link_relayed_add(
				links, link->handle, &item->prefix, until_us, now_us);
			if (error == 0)
				continue;
			LOG_LIMITED(WARN, "link %lu cannot have %s of its DHCPv6 server: %s",
				link->handle, inet_prefix_format(&item->prefix, text),
				strerror(-error));
			return false;
		}
	return true;
}

static bool is_for(const struct link *link, const struct inet_addr *peer)
{
	return link_owns(link, peer) || (link->unasked && inet_addr_is_link_local(peer));
}

enum dhcp6_result dhcp6_relay_input(struct dhcp6_server *server, const struct inet_addr *remote,
	uint16_t remote_port, const uint8_t *data, size_t len, uint64_t now_us,
	struct dhcp6_out *out)
{
	const struct link *link = NULL;
	struct dhcp6_relay relay;
	struct dhcp6_msg msg;

	*out = (struct dhcp6_out){};
	if (remote_port == 0 || dhcp6_relay_read(data, len, &relay) != 0)
		return DHCP6_MALFORMED;
	link = find_link(server->setup.links, &relay);
	// An answer of the link's server, of one hop, to somebody on that link.
	if (relay.type != DHCP6_RELAY_REPLY || relay.hops != 0 || link == NULL ||
		!inet_addr_equal(remote, &link->profile->dhcp6_relay) || !is_for(link, &relay.peer))
		return DHCP6_REFUSED;
	if (relay.message == NULL || relay.message_len > sizeof(out->data) ||
		dhcp6_msg_read(relay.message, relay.message_len, &msg) != 0)
		return DHCP6_MALFORMED;
	if (msg.type != DHCP6_ADVERTISE && msg.type != DHCP6_REPLY && msg.type != DHCP6_RECONFIGURE)
		return DHCP6_REFUSED;
	if (msg.type == DHCP6_REPLY && !note_reply(server->setup.links, link, &msg, now_us))
		return DHCP6_REFUSED;
	out->link = link->handle;
	out->local = inet_addr_link_local(link->gateway_iid);
	out->remote = relay.peer;
	out->local_port = DHCP6_SERVER_PORT;
	out->remote_port = DHCP6_CLIENT_PORT;
	out->len = relay.message_len;
	memcpy(out->data, relay.message, relay.message_len);
	return DHCP6_ANSWERED;
}
