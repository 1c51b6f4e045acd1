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

static void drop_family(struct ts_list *list, uint8_t family)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->n; i++)
		if (list->ts[i].family != family)
			list->ts[n++] = list->ts[i];
	list->n = n;
}

// RFC 8983 section 5: what the gateway said that it has none of is not asked for again.
static void drop_refused(const struct connection *connection, struct cp_attrs *cp,
	struct ts_list *local, struct ts_list *remote)
{
	bool six = cp->link || cp->ip6_n > 0;

	if (cp->ip4_n == 0 || !six)
		return;
	if (connection->no_ipv4) {
		cp->ip4_n = 0;
		cp->want_dns4 = false;
		drop_family(local, AF_INET);
		drop_family(remote, AF_INET);
	} else if (connection->no_ipv6) {
		cp->link = false;
		cp->ip6_n = 0;
		cp->want_dns6 = cp->want_dhcp6 = false;
		drop_family(local, AF_INET6);
		drop_family(remote, AF_INET6);
	}
}

void task_config_request(
	struct ike_sa *sa, struct ike_builder *b, struct ts_list *local, struct ts_list *remote)
{
	const struct config_connection *config = sa->connection->config;
	struct cp_attrs cp;

	connection_request(sa->connection, &cp, local, remote);
	drop_refused(sa->connection, &cp, local, remote);
	cp.want_dnssec_ta = cp.want_domain; // RFC 8598 section 3.1
	if (config->link || config->ipv4 || config->ipv6_address)
		payload_cp_write(b, &cp);
}

void task_config_note_families(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct connection *connection = sa->connection;
	struct payload_notify notify;
	bool four = task_notify_find(msg, NOTIFY_IP4_ALLOWED, &notify);
	bool six = task_notify_find(msg, NOTIFY_IP6_ALLOWED, &notify);
	const struct config_connection *config;

	if (connection == NULL || (!four && !six))
		return;
	config = connection->config;
	if ((!four && config->ipv4) || (!six && (config->link || config->ipv6_address)))
		SA_LOG(sa, NOTICE, "the gateway has %s addresses only", four ? "IPv4" : "IPv6");
	connection->no_ipv4 = !four;
	connection->no_ipv6 = !six;
	if (four ? !config->ipv4 && !six : !config->link && !config->ipv6_address)
		connection_unwanted(connection); // nothing is left that we may ask for
}

// A prefix that a host may form addresses from.
static bool prefix_sane(const struct inet_prefix *prefix)
{
	return prefix->addr.family == AF_INET6 && inet_prefix_valid(prefix) && prefix->len > 0 &&
		!inet_addr_is_unspecified(&prefix->addr) &&
		!inet_addr_is_multicast(&prefix->addr) && !inet_addr_is_link_local(&prefix->addr);
}

// 127.0.0.0/8, ::1, ::ffff:0:0/96: what an operating system takes for its own.
static bool is_internal(const struct inet_addr *addr)
{
	static const uint8_t loopback[16] = {[15] = 1};
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (addr->family == AF_INET)
		return addr->bytes[0] == 127;
	return memcmp(addr->bytes, loopback, 16) == 0 || memcmp(addr->bytes, mapped, 12) == 0;
}

static bool address_sane(const struct inet_addr *addr, uint8_t family)
{
	return addr->family == family && !inet_addr_is_unspecified(addr) &&
		!inet_addr_is_multicast(addr) && !is_internal(addr);
}

static bool global_sane(const struct inet_addr *addr)
{
	return address_sane(addr, AF_INET6) && !inet_addr_is_link_local(addr);
}

// The addresses that ESP itself goes between cannot be inside the tunnel: it would swallow itself.
static bool is_outer(const struct ike_sa *sa, const struct inet_prefix *prefix)
{
	return inet_prefix_contains(prefix, &sa->path.local) ||
		inet_prefix_contains(prefix, &sa->path.remote);
}

static bool addr_is_outer(const struct ike_sa *sa, const struct inet_addr *addr)
{
	return inet_addr_equal(addr, &sa->path.local) || inet_addr_equal(addr, &sa->path.remote);
}

static bool overlap(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return inet_prefix_contains(a->len < b->len ? a : b, &(a->len < b->len ? b : a)->addr);
}

static const char *check_prefixes(const struct ike_sa *sa, const struct cp_attrs *cp)
{
	for (uint32_t i = 0; i < cp->prefix_n; i++) {
		if (!prefix_sane(&cp->prefix[i]) || is_internal(&cp->prefix[i].addr))
			return "a prefix that no link can have";
		if (is_outer(sa, &cp->prefix[i]))
			return "a prefix that has our outer addresses in it";
		for (uint32_t j = 0; j < i; j++)
			if (overlap(&cp->prefix[i], &cp->prefix[j]))
				return "prefixes that overlap";
	}
	for (uint32_t i = 0; i < cp->address2_n; i++)
		if (!global_sane(&cp->address2[i]) || addr_is_outer(sa, &cp->address2[i]))
			return "an address that no link can have";
	return NULL;
}

static const char *check_interface_id(const struct connection *connection, const uint8_t iid[8])
{
	static const uint8_t zero[8];
	bool ours = memcmp(iid, connection->iid, 8) == 0;

	// The draft's section 6.1: the client's, echoed. RFC 5739 section 4.1: the gateway's own.
	if (connection->config->wire == CONFIG_WIRE_IPSECME_00)
		return ours ? NULL : "the gateway does not echo our interface ID";
	if (ours)
		return "the gateway has our own interface ID";
	return memcmp(iid, zero, 8) == 0 ? "the gateway has no interface ID" : NULL;
}

static const char *check_link(const struct ike_sa *sa, const struct cp_attrs *cp)
{
	const struct connection *connection = sa->connection;
	const char *wrong;

	if (!connection->config->link || connection->no_ipv6)
		return "a link that we did not ask for";
	if (cp->link_twice)
		return "two links";
	wrong = check_interface_id(connection, cp->link_iid);
	if (wrong != NULL)
		return wrong;
	if (cp->link_id_len == 0)
		return "a link without a Link ID";
	return check_prefixes(sa, cp);
}

// Every address that we got. Without a link there has to be one.
static const char *check_addresses(const struct ike_sa *sa, const struct cp_attrs *cp)
{
	if (cp->ip4_n > 0 && !sa->connection->config->ipv4)
		return "an IPv4 address that we did not ask for";
	for (uint32_t i = 0; i < cp->ip4_n; i++)
		if (!address_sane(&cp->ip4[i], AF_INET) || addr_is_outer(sa, &cp->ip4[i]))
			return "an IPv4 address that no host can have";
	for (uint32_t i = 0; i < cp->ip6_n; i++)
		if (!address_sane(&cp->ip6[i].addr, AF_INET6) || cp->ip6[i].prefix_len > 128 ||
			addr_is_outer(sa, &cp->ip6[i].addr))
			return "an IPv6 address that no host can have";
	if (!cp->link && cp->ip4_n == 0 && cp->ip6_n == 0)
		return "neither link nor address";
	return NULL;
}

static const char *check_servers(const struct cp_attrs *cp)
{
	for (uint32_t i = 0; i < cp->dns_n; i++)
		if (!address_sane(&cp->dns[i], cp->dns[i].family))
			return "a DNS server that no host can be";
	for (uint32_t i = 0; i < cp->dhcp6_n; i++)
		if (!address_sane(&cp->dhcp6[i], AF_INET6))
			return "a DHCPv6 server that no host can be";
	return NULL;
}

// What says nothing wrong but has no place in this answer is not handed on.
static void drop_stray(struct cp_attrs *cp)
{
	uint32_t n = 0;

	if (cp->link) {
		cp->ip6_n =
			0; // the draft's section 6.6: never both; the link is what we asked for first
	} else {
		cp->prefix_n = 0;
		cp->address2_n = 0;
	}
	if (cp->dns_n == 0) // RFC 8598 section 3.2: a domain needs a server
		cp->domain_n = cp->ta_n = 0;
	// RFC 8598 section 6: nobody who terminates a tunnel signs for a top-level domain.
	for (uint32_t i = 0; i < cp->ta_n; i++) {
		const char *name = cp->domain[cp->ta[i].domain];
		const char *dot = strchr(name, '.');

		if (dot != NULL && dot[1] != '\0')
			cp->ta[n++] = cp->ta[i];
	}
	cp->ta_n = (uint8_t)n;
}

static void keep_link(struct ike_sa *sa, const struct cp_attrs *cp)
{
	struct connection *connection = sa->connection;

	connection->link_id_len = 0;
	if (!cp->link) // L9: a gateway that knows addresses only
		return;
	sa->link_wire = true;
	memcpy(sa->link_id, cp->link_id, cp->link_id_len);
	sa->link_id_len = cp->link_id_len;
	memcpy(connection->link_id, cp->link_id, cp->link_id_len);
	connection->link_id_len = cp->link_id_len;
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
	wrong = cp->link ? check_link(sa, cp) : NULL;
	if (wrong == NULL)
		wrong = check_addresses(sa, cp);
	if (wrong == NULL)
		wrong = check_servers(cp);
	if (wrong != NULL)
		return wrong;
	drop_stray(cp);
	keep_link(sa, cp);
	return NULL;
}

// More addresses, P5

void task_config_ask_address(const struct inet_addr *addr, struct ike_builder *b)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .address2_n = 1, .address2 = {*addr}};

	payload_cp_write(b, &cp);
}

const char *task_config_accept_address(const struct ike_sa *sa, const struct ike_msg *msg,
	const struct ts_list *local, struct cp_attrs *cp)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_CP);

	if (p == NULL)
		return "no configuration in the answer";
	if (payload_cp_read(p, cp) || cp->type != CP_REPLY)
		return "malformed configuration payload";
	// What we asked for is a wish, as with INTERNAL_IP6_ADDRESS: RFC 7296 section 3.15.1.
	for (uint32_t i = 0; i < cp->address2_n; i++) {
		struct ts ts = ts_from_addr(&cp->address2[i]);

		if (!global_sane(&cp->address2[i]) || addr_is_outer(sa, &cp->address2[i]))
			return "an address that no link can have";
		if (!ts_list_contains(local, &ts))
			return "an address that is not in the selectors";
	}
	return cp->address2_n == 0 ? "no address in the answer" : NULL;
}

// Gateway

static struct ts_list *keep(const struct ts_list *list)
{
	return memcpy(core_need(sizeof(*list)), list, sizeof(*list));
}

static void remember(
	struct ike_sa *sa, const struct cp_attrs *asked, const struct ike_link_reply *reply)
{
	// Who has neither link nor address speaks of the physical interface alone (section 5.5's
	// neighbouring router).
	bool physical = reply->link == 0 && reply->remote.n == 0;

	sa->link = reply->link;
	sa->reauth.seconds = reply->reauth_s;
	sa->allow_remote = keep(physical ? &sa->peer->physical_remote : &reply->remote);
	sa->allow_local = keep(physical ? &sa->peer->physical_local : &reply->local);
	// L16: only who asked for a link gets one.
	sa->link_wire = asked != NULL && asked->link && reply->reply.link;
	if (!sa->link_wire)
		return;
	memcpy(sa->link_id, reply->reply.link_id, reply->reply.link_id_len);
	sa->link_id_len = reply->reply.link_id_len;
}

// RFC 8983 section 5, table 1: which families there are, when one of them was asked for. An address
// that is only lacking at the moment is told by INTERNAL_ADDRESS_FAILURE alone.
static void tell_families(
	const struct ike_sa *sa, const struct cp_attrs *asked, bool failed, struct ike_builder *b)
{
	const struct config_profile *profile = sa->peer->profile;
	bool want4 = asked != NULL && asked->ip4_n > 0;
	bool want6 = asked != NULL && (asked->link || asked->ip6_n > 0);
	bool has4, has6;

	if (profile == NULL || (!want4 && !want6))
		return;
	has4 = profile->ipv4_pool != NULL;
	has6 = profile->prefix_pool_n > 0 || profile->ipv6_pool != NULL ||
		profile->dhcp6_relay.family != 0;
	if (failed && ((want4 && has4) || (want6 && has6)))
		return;
	if (has4)
		payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_IP4_ALLOWED, NULL, 0);
	if (has6)
		payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_IP6_ALLOWED, NULL, 0);
}

static uint16_t address_failure(struct ike_sa *sa, const char *why)
{
	if (why == NULL)
		why = "no address";
	sa->ike->counters.address_failure++;
	event_emit(sa->ike, IKE_EVENT_LINK_FAILED, sa, NULL, "%s", why);
	SA_LOG(sa, NOTICE, "no link: %s", why);
	return NOTIFY_INTERNAL_ADDRESS_FAILURE;
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
		if (payload_cp_read(p, &cp) || cp.link_twice)
			return NOTIFY_INVALID_SYNTAX;
		if (cp.type == CP_REQUEST)
			request.asked = &cp;
	}
	switch (ike->ops->link_attach(ike->arg, &request, &reply, ike->now_us)) {
	case IKE_LINK_OK:
		remember(sa, request.asked, &reply);
		if (request.asked != NULL) { // L16: no answer to what was not asked
			payload_cp_write(b, &reply.reply);
			tell_families(sa, request.asked, false, b);
		}
		return 0;
	case IKE_LINK_NONE:
		remember(sa, NULL, &reply);
		return 0;
	case IKE_LINK_FAILED:
		break;
	}
	tell_families(sa, request.asked, true, b);
	return address_failure(sa, reply.why);
}

uint16_t task_config_extend(struct ike_sa *sa, enum config_about about, const struct ike_msg *msg,
	struct ike_builder *b, struct ts_list *local, struct ts_list *remote)
{
	struct ike *ike = sa->ike;
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_CP);
	struct ike_link_reply reply = {0};
	struct cp_attrs cp;

	if (p == NULL)
		return 0;
	if (payload_cp_read(p, &cp))
		return NOTIFY_INVALID_SYNTAX;
	if (cp.type != CP_REQUEST)
		return 0;
	if (about != ABOUT_LINK || sa->link == 0 || ike->ops->link_extend == NULL)
		return address_failure(sa, "addresses are asked for where there are none");
	switch (ike->ops->link_extend(ike->arg, sa->link, &cp, &reply, ike->now_us)) {
	case IKE_LINK_OK:
		payload_cp_write(b, &reply.reply);
		*remote = reply.remote;
		if (reply.local.n > 0)
			*local = reply.local;
		return 0;
	case IKE_LINK_NONE:
		return 0;
	case IKE_LINK_FAILED:
		break;
	}
	return address_failure(sa, reply.why);
}

// LINK_ID

void task_config_link_id(const struct ike_sa *sa, bool of_link, struct ike_builder *b)
{
	if (of_link && sa->link_wire)
		payload_notify_write(
			b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, sa->link_id, sa->link_id_len);
}

static bool is_our_link(const struct ike_sa *sa, const struct payload_notify *notify)
{
	struct ike *ike = sa->ike;

	if (!sa->link_wire)
		return false;
	if (sa->link != 0 && ike->ops->link_id_matches != NULL)
		return ike->ops->link_id_matches(ike->arg, sa->link, notify->data, notify->len);
	return notify->len == sa->link_id_len &&
		memcmp(notify->data, sa->link_id, sa->link_id_len) == 0;
}

enum config_about task_config_about(struct ike_sa *sa, const struct ike_msg *msg)
{
	// Peers whose addresses came by RFC 7296 alone do not know LINK_ID (L9).
	enum config_about about = sa->link_wire ? ABOUT_PHYSICAL : ABOUT_LINK;
	const struct ike_payload_ref *p = NULL;
	struct payload_notify notify;

	while ((p = ike_msg_find_next(msg, p, PAYLOAD_NOTIFY)) != NULL) {
		if (payload_notify_read(p, &notify) || notify.type != NOTIFY_LINK_ID)
			continue;
		if (!is_our_link(sa, &notify))
			return ABOUT_NOTHING;
		about = ABOUT_LINK;
	}
	return about;
}
