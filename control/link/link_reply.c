// SPDX-License-Identifier: BSD-3-Clause
// What a link says to its peer: CFG_REPLY and the selectors that the peer's are narrowed to (L19).
// Pure.
#include "link_reply.h"

#include <string.h>

struct link_wants link_wants_of(const struct config_profile *profile, const struct cp_attrs *asked)
{
	struct link_wants wants = {};

	if (asked == NULL)
		return wants;
	wants.asked = asked->link || asked->ip4_n > 0 || asked->ip6_n > 0;
	wants.virtual_link = asked->link && profile->prefix_pool_n > 0;
	wants.ip4 = asked->ip4_n > 0 && profile->ipv4_pool != NULL;
	// L17: beside INTERNAL_IP6_LINK the address is ignored; it counts where there are no links.
	wants.ip6 = asked->ip6_n > 0 && !wants.virtual_link && profile->ipv6_pool != NULL;
	return wants;
}

bool link_iid_acceptable(const uint8_t iid[8])
{
	static const uint8_t anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t iana[5] = {0x02, 0x00, 0x5e, 0xff, 0xfe};
	static const uint8_t zero[8] = {};
	static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (memcmp(iid, zero, 8) == 0) // subnet-router anycast
		return false;
	if (memcmp(iid, ones, 8) == 0) // nobody's by any scheme
		return false;
	if (memcmp(iid, anycast, 7) == 0 && iid[7] >= 0x80) // RFC 2526
		return false;
	return memcmp(iid, iana, 5) != 0; // IANA's block of Ethernet addresses
}

struct inet_addr link_wanted_ip4(const struct cp_attrs *asked)
{
	for (uint32_t i = 0; asked != NULL && i < asked->ip4_n; i++)
		if (asked->ip4[i].family == AF_INET && !inet_addr_is_unspecified(&asked->ip4[i]))
			return asked->ip4[i];
	return (struct inet_addr){};
}

struct inet_addr link_wanted_ip6(const struct cp_attrs *asked)
{
	for (uint32_t i = 0; asked != NULL && i < asked->ip6_n; i++)
		if (asked->ip6[i].addr.family == AF_INET6 &&
			!inet_addr_is_unspecified(&asked->ip6[i].addr))
			return asked->ip6[i].addr;
	return (struct inet_addr){};
}

static void fill_virtual(const struct link *link, struct cp_attrs *reply)
{
	bool echo = link->profile->wire == CONFIG_WIRE_IPSECME_00;

	reply->link = true;
	memcpy(reply->link_iid, echo ? link->client_iid : link->gateway_iid, 8);
	memcpy(reply->link_id, link->link_id, LINK_ID_BYTES);
	reply->link_id_len = LINK_ID_BYTES;
}

static void fill_lease(
	const struct link *link, const struct inet_prefix *prefix, struct cp_attrs *reply)
{
	if (prefix->addr.family == AF_INET)
		reply->ip4[reply->ip4_n++] = prefix->addr;
	else if (!link->virtual_link)
		reply->ip6[reply->ip6_n++] = (struct cp_ip6_address){prefix->addr, 128};
	else if (reply->prefix_n < CP_LIST_MAX)
		reply->prefix[reply->prefix_n++] = *prefix;
}

static void fill_dns(
	const struct config_profile *profile, const struct cp_attrs *asked, struct cp_attrs *reply)
{
	for (uint32_t i = 0; i < profile->dns_n && reply->dns_n < CP_LIST_MAX; i++)
		if (profile->dns[i].family == AF_INET ? asked->want_dns4 : asked->want_dns6)
			reply->dns[reply->dns_n++] = profile->dns[i];
	// RFC 8598 section 3.1: a domain makes sense beside a server only.
	if (asked->want_domain && reply->dns_n > 0)
		for (uint32_t i = 0; i < profile->domain_n && i < CP_DOMAINS; i++)
			memcpy(reply->domain[reply->domain_n++], profile->domain[i], sizeof(profile->domain[i]));
}

// A selector that is exactly one prefix.
static bool ts_to_prefix(const struct ts *ts, struct inet_prefix *out)
{
	*out = (struct inet_prefix){.addr = {.family = ts->family}};
	memcpy(out->addr.bytes, ts->lo, ts->family == AF_INET ? 4 : 16);
	for (unsigned len = 0; len <= inet_addr_bits(ts->family); len++) {
		struct ts as_ts;

		out->len = (uint8_t)len;
		as_ts = ts_from_prefix(out);
		if (memcmp(as_ts.lo, ts->lo, 16) == 0 && memcmp(as_ts.hi, ts->hi, 16) == 0)
			return true;
	}
	return false;
}

static void fill_subnets(
	const struct config_profile *profile, const struct cp_attrs *asked, struct cp_attrs *reply)
{
	for (uint32_t i = 0; i < profile->local_ts.n && reply->subnet_n < CP_LIST_MAX; i++) {
		const struct ts *ts = &profile->local_ts.ts[i];

		if ((ts->family == AF_INET ? asked->want_subnet4 : asked->want_subnet6) &&
			ts_to_prefix(ts, &reply->subnet[reply->subnet_n]))
			reply->subnet_n++;
	}
}

static void fill_selectors(const struct link *link, struct ike_link_reply *reply)
{
	const struct config_profile *profile = link->profile;
	bool has4 = false, has6 = link->virtual_link;
	struct inet_addr addr = inet_addr_link_local(link->client_iid);
	struct ts ts = ts_from_addr(&addr);

	if (link->virtual_link)
		ts_list_add(&reply->remote, &ts);
	for (uint32_t i = 0; i < link->lease_n; i++) {
		has4 = has4 || link->prefix[i].addr.family == AF_INET;
		has6 = has6 || link->prefix[i].addr.family == AF_INET6;
		ts = ts_from_prefix(&link->prefix[i]);
		ts_list_add(&reply->remote, &ts);
	}
	// What the peer reaches: the profile's selectors of the families that it has.
	if (link->virtual_link && profile->local_ts.n > 0) {
		addr = inet_addr_link_local(link->gateway_iid);
		ts = ts_from_addr(&addr);
		ts_list_add(&reply->local, &ts);
	}
	for (uint32_t i = 0; i < profile->local_ts.n; i++)
		if (profile->local_ts.ts[i].family == AF_INET ? has4 : has6)
			ts_list_add(&reply->local, &profile->local_ts.ts[i]);
	for (uint32_t i = 0; i < 2 && profile->local_ts.n == 0; i++) {
		ts = ts_any(i == 0 ? AF_INET6 : AF_INET);
		if (i == 0 ? has6 : has4)
			ts_list_add(&reply->local, &ts);
	}
}

void link_reply_fill(
	const struct link *link, const struct cp_attrs *asked, struct ike_link_reply *reply)
{
	*reply = (struct ike_link_reply){.link = link->handle, .reply = {.type = CP_REPLY}};
	if (link->virtual_link)
		fill_virtual(link, &reply->reply);
	for (uint32_t i = 0; i < link->lease_n; i++)
		fill_lease(link, &link->prefix[i], &reply->reply);
	if (asked != NULL) {
		fill_dns(link->profile, asked, &reply->reply);
		fill_subnets(link->profile, asked, &reply->reply);
	}
	fill_selectors(link, reply);
}
