// SPDX-License-Identifier: BSD-3-Clause
// Router advertisements on a link: the answer to a solicitation, and once in a while, when the link
// speaks anyway because of a rekey, one more so that the host keeps its default route. Nothing is
// periodic (L3): RFC 8319 lets the router lifetime be 65535 s, and prefixes have no end. RFC 4861
// section 6.2, RFC 8106.
#include "axis.h"
#include "inner.h"

#include <string.h>

#define ROUTER_LIFETIME_S 65535
#define HOP_LIMIT 64

static void fill(const struct link *link, struct ra *ra)
{
	const struct config_profile *profile = link->profile;

	*ra = (struct ra){.hop_limit = HOP_LIMIT,
		.router_lifetime_s = ROUTER_LIFETIME_S,
		.other = profile->dhcp6 || profile->dhcp6_relay.family != 0,
		.mtu = profile->mtu,
		.dns_lifetime_s = UINT32_MAX};
	for (uint32_t i = 0; i < profile->dns_n && ra->dns_n < RA_DNS; i++)
		if (profile->dns[i].family == AF_INET6)
			ra->dns[ra->dns_n++] = profile->dns[i];
	for (uint32_t i = 0; i < profile->domain_n && i < RA_DOMAINS; i++)
		ra->domain[ra->domain_n++] = profile->domain[i];
	axis_prefixes(profile)->advertise(link, ra);
}

size_t link_ra(const struct link *link, uint8_t *out, size_t max, const struct inet_addr *to)
{
	struct inet_addr from = inet_addr_link_local(link->gateway_iid);
	uint8_t icmp[RA_BYTES_MAX];
	struct ra ra;
	size_t len = 0;

	if (!link->virtual_link || axis_prefixes(link->profile)->advertise == NULL)
		return 0;
	fill(link, &ra);
	len = ra_write(&ra, icmp, sizeof(icmp));
	return len == 0 ? 0 : inner_write_icmp6(out, max, &from, to, 255, icmp, len);
}

void link_ra_sent(struct link_table *table, const struct link *link, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link->handle);

	if (entry != NULL)
		entry->link.last_ra_us = now_us;
}

bool link_ra_due(struct link_table *table, uint64_t link, uint64_t now_us, struct inet_addr *to)
{
	static const uint8_t unknown[8] = {};
	struct link_entry *entry = link_index_find(table, link);

	if (entry == NULL || !entry->link.virtual_link ||
		axis_prefixes(entry->link.profile)->advertise == NULL ||
		now_us - entry->link.last_ra_us < ROUTER_LIFETIME_S / 3 * US_PER_S)
		return false;
	*to = inet_addr_link_local(entry->link.client_iid);
	if (memcmp(entry->link.client_iid, unknown, 8) == 0)
		*to = (struct inet_addr){.family = AF_INET6, .bytes = {0xff, 0x02, [15] = 1}};
	entry->link.last_ra_us = now_us;
	return true;
}
