// SPDX-License-Identifier: BSD-3-Clause
// What a link says to its peer in CFG_REPLY (L15 to L17, L22). Pure.
#include "link_reply.h"

#include "axis.h"

#include <string.h>

// What is asked of a profile without a pool for it cannot be told from nothing.
static bool asks_for_address(const struct config_profile *profile, const struct cp_attrs *asked)
{
	return asked != NULL && (asked->link || (asked->ip6_n > 0 && profile->ipv6_pool != NULL));
}

struct link_wants link_wants_of(const struct config_profile *profile, const struct cp_attrs *asked)
{
	struct link_wants wants = {};
	bool links = config_profile_has_links(profile);

	wants.asked = asked != NULL && (asked->link || asked->ip4_n > 0 || asked->ip6_n > 0);
	wants.unasked =
		links && axis_prefixes(profile)->unasked && !asks_for_address(profile, asked);
	wants.virtual_link = wants.unasked || (asked != NULL && asked->link && links);
	if (asked == NULL)
		return wants;
	wants.ip4 = asked->ip4_n > 0 && profile->ipv4_pool != NULL;
	// L17: beside INTERNAL_IP6_LINK the address is ignored; it counts where there are no links.
	wants.ip6 = asked->ip6_n > 0 && !wants.virtual_link && profile->ipv6_pool != NULL;
	return wants;
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

// L16: who asked for none hears of none.
static void fill_virtual(const struct link *link, struct cp_attrs *reply)
{
	const struct axis_addresses *addresses = axis_addresses(link->profile);
	const struct axis_prefixes *prefixes = axis_prefixes(link->profile);
	bool echo = link->profile->wire == CONFIG_WIRE_IPSECME_00;

	reply->link = true;
	memcpy(reply->link_iid, echo ? link->client_iid : link->gateway_iid, 8);
	memcpy(reply->link_id, link->link_id, LINK_ID_BYTES);
	reply->link_id_len = LINK_ID_BYTES;
	if (addresses->reply != NULL)
		addresses->reply(link, reply);
	else if (prefixes->reply != NULL)
		prefixes->reply(link, reply);
}

static void fill_lease(const struct link *link, uint32_t at, struct cp_attrs *reply)
{
	const struct inet_addr *addr = &link->prefix[at].addr;

	if (link->leaving[at])
		return;
	if (link->role[at] == LINK_LEASE_IP4 && reply->ip4_n < CP_LIST_MAX)
		reply->ip4[reply->ip4_n++] = *addr;
	else if (link->role[at] == LINK_LEASE_IP6 && reply->ip6_n < CP_LIST_MAX)
		reply->ip6[reply->ip6_n++] = (struct cp_ip6_address){*addr, 128};
}

// L22: whoever answers there, we or a server behind us, it is at the gateway's end of the link.
static void fill_dhcp6(
	const struct link *link, const struct cp_attrs *asked, struct cp_attrs *reply)
{
	const struct config_profile *profile = link->profile;

	if (asked->want_dhcp6 && link->virtual_link &&
		(profile->dhcp6 || profile->dhcp6_relay.family != 0))
		reply->dhcp6[reply->dhcp6_n++] = inet_addr_link_local(link->gateway_iid);
}

// RFC 8598 section 3.2: trust anchors stand behind the domain that they are of.
static void fill_domains(
	const struct config_profile *profile, const struct cp_attrs *asked, struct cp_attrs *reply)
{
	for (uint32_t i = 0; i < profile->domain_n && i < CP_DOMAINS; i++)
		memcpy(reply->domain[reply->domain_n++], profile->domain[i],
			sizeof(profile->domain[i]));
	for (uint32_t i = 0; asked->want_dnssec_ta && i < profile->dnssec_ta_n && i < CP_TAS; i++)
		if (profile->dnssec_ta[i].domain < reply->domain_n)
			reply->ta[reply->ta_n++] = profile->dnssec_ta[i];
}

static void fill_dns(
	const struct config_profile *profile, const struct cp_attrs *asked, struct cp_attrs *reply)
{
	for (uint32_t i = 0; i < profile->dns_n && reply->dns_n < CP_LIST_MAX; i++)
		if (profile->dns[i].family == AF_INET ? asked->want_dns4 : asked->want_dns6)
			reply->dns[reply->dns_n++] = profile->dns[i];
	// RFC 8598 section 3.1: a domain makes sense beside a server only.
	if ((asked->want_domain || asked->domain_n > 0) && reply->dns_n > 0)
		fill_domains(profile, asked, reply);
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

void link_reply_fill(
	const struct link *link, const struct cp_attrs *asked, struct ike_link_reply *reply)
{
	*reply = (struct ike_link_reply){.link = link->handle,
		.reply = {.type = CP_REPLY},
		.reauth_s = link->profile->reauth_s};
	if (link->virtual_link && !link->unasked)
		fill_virtual(link, &reply->reply);
	for (uint32_t i = 0; i < link->lease_n; i++)
		fill_lease(link, i, &reply->reply);
	if (asked != NULL) {
		fill_dhcp6(link, asked, &reply->reply);
		fill_dns(link->profile, asked, &reply->reply);
		fill_subnets(link->profile, asked, &reply->reply);
	}
	link_policy_remote(link, &reply->remote);
	link_policy_local(link, &reply->local);
}
