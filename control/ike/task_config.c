// SPDX-License-Identifier: BSD-3-Clause
// Configuration payloads: what the client asks for and believes, how the gateway's link layer is
// asked, and LINK_ID in later requests. RFC 7296 section 2.19, RFC 5739 sections 4 and 5 (L9, L15 to
// L19, L24). One thread per core.
#include "task_config.h"

#include "connection.h"
#include "effect.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// Client

void task_config_request(
	struct ike_sa *sa, struct ike_builder *b, struct ts_list *local, struct ts_list *remote)
{
	const struct config_connection *config = sa->connection->config;
	struct cp_attrs cp;

	connection_request(sa->connection, &cp, local, remote);
	if (config->link || config->ipv4 || config->ipv6_address)
		payload_cp_write(b, &cp);
}

// A prefix that a host may form addresses from.
static bool prefix_sane(const struct inet_prefix *prefix)
{
	return prefix->addr.family == AF_INET6 && inet_prefix_valid(prefix) && prefix->len > 0 &&
		!inet_addr_is_unspecified(&prefix->addr) &&
		!inet_addr_is_multicast(&prefix->addr) && !inet_addr_is_link_local(&prefix->addr);
}

static bool address_sane(const struct inet_addr *addr, uint8_t family)
{
	return addr->family == family && !inet_addr_is_unspecified(addr) &&
		!inet_addr_is_multicast(addr);
}

static const char *check_link(const struct connection *connection, const struct cp_attrs *cp)
{
	if (!connection->config->link)
		return "a link that we did not ask for";
	// RFC 5739 section 4.1: the interface ID in the reply is the gateway's own.
	if (memcmp(cp->link_iid, connection->iid, 8) == 0)
		return "the gateway has our own interface ID";
	if (cp->link_id_len == 0)
		return "a link without a Link ID";
	for (uint32_t i = 0; i < cp->prefix_n; i++)
		if (!prefix_sane(&cp->prefix[i]))
			return "a prefix that no link can have";
	return NULL;
}

// Every address that we got. Without a link there has to be one.
static const char *check_addresses(const struct connection *connection, const struct cp_attrs *cp)
{
	if (cp->ip4_n > 0 && !connection->config->ipv4)
		return "an IPv4 address that we did not ask for";
	for (uint32_t i = 0; i < cp->ip4_n; i++)
		if (!address_sane(&cp->ip4[i], AF_INET))
			return "an IPv4 address that no host can have";
	for (uint32_t i = 0; i < cp->ip6_n; i++)
		if (!address_sane(&cp->ip6[i].addr, AF_INET6) || cp->ip6[i].prefix_len > 128)
			return "an IPv6 address that no host can have";
	if (!cp->link && cp->ip4_n == 0 && cp->ip6_n == 0)
		return "neither link nor address";
	return NULL;
}

const char *task_config_accept(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct connection *connection = sa->connection;
	const struct config_connection *config = connection->config;
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_CP);
	struct cp_attrs *cp = &connection->cp;
	const char *wrong;

	memset(cp, 0, sizeof(*cp));
	if (!config->link && !config->ipv4 && !config->ipv6_address)
		return p == NULL ? NULL : "a configuration that we did not ask for";
	if (p == NULL)
		return "no configuration in the answer";
	if (payload_cp_read(p, cp) || cp->type != CP_REPLY)
		return "malformed configuration payload";
	wrong = cp->link ? check_link(connection, cp) : NULL;
	if (wrong == NULL)
		wrong = check_addresses(connection, cp);
	if (wrong != NULL)
		return wrong;
	connection->link_id_len = 0;
	if (!cp->link) // L9: a gateway that knows addresses only
		return NULL;
	sa->link_wire = true;
	memcpy(sa->link_id, cp->link_id, cp->link_id_len);
	sa->link_id_len = cp->link_id_len;
	memcpy(connection->link_id, cp->link_id, cp->link_id_len);
	connection->link_id_len = cp->link_id_len;
	return NULL;
}

// Gateway

static struct ts_list *keep(const struct ts_list *list)
{
	return memcpy(core_need(sizeof(*list)), list, sizeof(*list));
}

static void remember(
	struct ike_sa *sa, const struct cp_attrs *asked, const struct ike_link_reply *reply)
{
	sa->link = reply->link;
	sa->allow_remote = keep(&reply->remote);
	sa->allow_local = keep(&reply->local);
	// L16: only who asked for a link gets one.
	sa->link_wire = asked != NULL && asked->link && reply->reply.link;
	if (!sa->link_wire)
		return;
	memcpy(sa->link_id, reply->reply.link_id, reply->reply.link_id_len);
	sa->link_id_len = reply->reply.link_id_len;
}

uint16_t task_config_attach(
	struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b, bool *asked)
{
	struct ike *ike = sa->ike;
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_CP);
	struct ike_link_request request = {
		.peer = sa->peer, .identity = &sa->remote_id, .ike_sa = sa->handle};
	struct ike_link_reply reply = {0};
	struct cp_attrs cp;

	*asked = p != NULL;
	if (p != NULL) {
		if (payload_cp_read(p, &cp))
			return NOTIFY_INVALID_SYNTAX;
		if (cp.type == CP_REQUEST)
			request.asked = &cp;
	}
	switch (ike->ops->link_attach(ike->arg, &request, &reply, ike->now_us)) {
	case IKE_LINK_OK:
		remember(sa, request.asked, &reply);
		payload_cp_write(b, &reply.reply);
		return 0;
	case IKE_LINK_NONE:
		remember(sa, NULL, &reply);
		return 0;
	case IKE_LINK_FAILED:
		break;
	}
	ike->counters.address_failure++;
	event_emit(ike, IKE_EVENT_LINK_FAILED, sa, NULL, "%s",
		reply.why == NULL ? "no address" : reply.why);
	SA_LOG(sa, NOTICE, "no link: %s", reply.why == NULL ? "no address" : reply.why);
	return NOTIFY_INTERNAL_ADDRESS_FAILURE;
}

// LINK_ID

void task_config_link_id(const struct ike_sa *sa, bool of_link, struct ike_builder *b)
{
	if (of_link && sa->link_wire)
		payload_notify_write(
			b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, sa->link_id, sa->link_id_len);
}

bool task_config_about_link(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike *ike = sa->ike;
	struct payload_notify notify;

	// Peers whose addresses came by RFC 7296 alone do not know LINK_ID (L9).
	if (!task_notify_find(msg, NOTIFY_LINK_ID, &notify))
		return !sa->link_wire;
	if (!sa->link_wire)
		return false;
	if (sa->link != 0 && ike->ops->link_id_matches != NULL)
		return ike->ops->link_id_matches(ike->arg, sa->link, notify.data, notify.len);
	return notify.len == sa->link_id_len &&
		memcmp(notify.data, sa->link_id, sa->link_id_len) == 0;
}
