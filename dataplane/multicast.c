// SPDX-License-Identifier: BSD-3-Clause
// Replication. The packet stays where it is and is encrypted from there into a copy for each member
// (esp_fan.c); a worker that has members of its own gets one plain copy. One worker, its thread.
#include "multicast.h"

#include "forward.h"
#include "handoff.h"
#include "icmp.h"
#include "punt.h"

#include <rte_ether.h>

#include <netinet/icmp6.h>

#define ICMP6_MLD2_REPORT 143
#define FAN_BATCH 32 // copies made at a time

static const uint8_t *ip_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *);
}

static const uint8_t *source_of(const struct rte_mbuf *m, uint8_t family)
{
	return ip_of(m) + (family == AF_INET ? 12 : 8);
}

static uint32_t scope_of(const struct rte_mbuf *m, uint8_t family)
{
	return group_scope(family, ip_of(m) + (family == AF_INET ? 16 : 24));
}

static bool inner_port(const struct worker_port *p)
{
	return p->active && !p->outer && !p->l3;
}

// ---- MLD and IGMP ----

// RFC 2711 section 2.1, among the options of the header at `opt`, value 0: MLD.
static bool router_alert(const uint8_t *opt, uint32_t len)
{
	for (uint32_t i = 2; i < len;) {
		if (!opt[i]) { // Pad1
			i++;
			continue;
		}
		if (i + 2 > len || i + 2 + opt[i + 1] > len)
			return false;
		if (opt[i] == 5)
			return opt[i + 1] == 2 && !opt[i + 2] && !opt[i + 3];
		i += 2u + opt[i + 1];
	}
	return false;
}

bool multicast_is_membership(struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = ip_of(m);
	uint32_t type = meta->src_port >> 8;

	if (meta->family == AF_INET)
		return meta->proto == IPPROTO_IGMP && ip[8] == 1 && !(meta->flags & PKT_FRAGMENT);
	if (meta->proto != IPPROTO_ICMPV6 || !(meta->flags & PKT_PORTS) || ip[7] != 1 ||
		ip[6] != IPPROTO_HOPOPTS)
		return false;
	return ((type >= MLD_LISTENER_QUERY && type <= MLD_LISTENER_REDUCTION) ||
		       type == ICMP6_MLD2_REPORT) &&
		router_alert(ip + 40, (ip[41] + 1u) * 8);
}

// ---- to the members ----

// The packet, and the SAs of members that wait for their copy.
struct fan {
	struct esp_fan esp;
	sa_ref_t ref[2][FAN_BATCH]; // one is filled and prefetched while the other is worked on
	uint16_t n[2];
	uint8_t filling;
};

// `which` and, while it is worked on, the records of the other one.
static void fan_run(struct worker *w, struct fan *fan, uint8_t which)
{
	struct rte_mbuf *out[FAN_BATCH];
	uint16_t n;

	if (!fan->n[which])
		return;
	fan->esp.next = fan->ref[which ^ 1];
	fan->esp.next_n = fan->n[which ^ 1];
	n = esp_fan_burst(w->esp, &fan->esp, fan->ref[which], fan->n[which], out, w->now_tsc);
	fan->n[which] = 0;
	w->stats.group_copies += n;
	forward_esp_sent(w, out, n);
	if (n == FAN_BATCH)
		worker_flush(w); // their buffers are still in the cache when they come back
}

static void fan_switch(struct worker *w, struct fan *fan)
{
	uint8_t full = fan->filling;

	if (fan->n[full ^ 1])
		fan_run(w, fan, full ^ 1);
	else
		esp_fan_prefetch(w->esp, fan->ref[full], fan->n[full], fan->esp.source->pkt_len);
	fan->filling = full ^ 1;
}

// A sender on our side may learn how long a packet may be, for IPv6 also of groups (RFC 4443 section
// 3.2): the least of what the members of this worker take.
static void too_big(struct worker *w, struct rte_mbuf *m, uint32_t mtu)
{
	struct rte_mbuf *answer =
		icmp_error_new(w, m, ICMP_ERROR_TOO_BIG, (uint16_t)RTE_MAX(mtu, 1280u));

	if (answer)
		forward_burst(w, &answer, 1); // PKT_LOCAL: never answered in its turn
}

// Copies for this worker's members. True: somebody wanted one.
static bool members_send(struct worker *w, struct rte_mbuf *m, const struct group *group)
{
	const struct pkt_meta *meta = pkt_meta(m);
	bool from_link = meta->flags & PKT_DECRYPTED;
	const uint8_t *source = source_of(m, meta->family);
	struct fan fan;
	bool any = false;

	fan.esp = (struct esp_fan){.source = m, .mbufs = w->mbufs};
	fan.n[0] = fan.n[1] = fan.filling = 0;
	for (uint32_t i = 0; i < group->member_n; i++) {
		const struct group_member *member = &group->member[i];

		if ((from_link && member->link == meta->link) ||
			!group_wants(member, meta->family, source))
			continue;
		any = true;
		fan.ref[fan.filling][fan.n[fan.filling]++] = member->ref;
		if (fan.n[fan.filling] == FAN_BATCH)
			fan_switch(w, &fan);
	}
	fan_switch(w, &fan);
	fan_run(w, &fan, fan.filling ^ 1);
	if (unlikely(fan.esp.mtu))
		too_big(w, m, fan.esp.mtu);
	return any;
}

static struct rte_mbuf *copy(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *fresh = rte_pktmbuf_copy(m, w->mbufs, 0, UINT32_MAX);

	if (!fresh) {
		w->drops.n[DROP_NO_MBUF]++;
		return NULL;
	}
	*pkt_meta(fresh) = *pkt_meta(m);
	pkt_meta(fresh)->outer_off = 0;
	return fresh;
}

// One copy for each other worker that has members.
static void hand_over(struct worker *w, struct rte_mbuf *m, uint64_t others)
{
	for (; others; others &= others - 1) {
		struct rte_mbuf *fresh = copy(w, m);

		if (fresh)
			handoff_put(w, (uint32_t)__builtin_ctzll(others), fresh, PKT_STAGE_GROUP,
				DROP_SA_GONE);
	}
}

void multicast_members(struct worker *w, struct rte_mbuf *m)
{
	const struct group *group = group_lookup(w->groups, pkt_meta(m)->family, ip_of(m));

	if (unlikely(!esp_fan_source(&m)))
		worker_drop(w, m, DROP_TOO_BIG);
	else if (!group || !members_send(w, m, group))
		worker_drop(w, m, DROP_NO_GROUP);
	else
		rte_pktmbuf_free(m);
}

// ---- to the inner network ----

// 33:33 and the last four bytes; 01:00:5e and the last 23 bits.
static void group_mac(const uint8_t *ip, uint8_t family, uint8_t *mac)
{
	if (family == AF_INET6) {
		memset(mac, 0x33, 2);
		memcpy(mac + 2, ip + 36, 4);
		return;
	}
	mac[0] = 0x01;
	mac[1] = 0x00;
	mac[2] = 0x5e;
	memcpy(mac + 3, ip + 17, 3);
	mac[3] &= 0x7f;
}

void multicast_send(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	const struct worker_port *p = &w->port[port];
	uint8_t family = pkt_meta(m)->family;
	struct rte_ether_hdr *eth;
	const uint8_t *ip = ip_of(m);

	if (unlikely(rte_pktmbuf_pkt_len(m) > p->mtu)) {
		too_big(w, m, p->mtu);
		worker_drop(w, m, DROP_TOO_BIG);
		return;
	}
	eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, sizeof(*eth));
	if (unlikely(!eth)) {
		worker_drop(w, m, DROP_NO_MBUF);
		return;
	}
	group_mac(ip, family, eth->dst_addr.addr_bytes);
	memcpy(eth->src_addr.addr_bytes, p->mac, 6);
	eth->ether_type =
		family == AF_INET ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	worker_tx(w, port, m);
}

// By all inner ports. The last one gets the packet itself. False: there is none, m is the caller's.
static bool upstream_send(struct worker *w, struct rte_mbuf *m)
{
	uint32_t last = PORT_MAX;

	for (uint32_t i = 0; i < w->ports_n; i++) {
		struct rte_mbuf *fresh;

		if (!inner_port(&w->port[i]))
			continue;
		fresh = last < PORT_MAX ? copy(w, m) : NULL;
		if (fresh)
			multicast_send(w, (uint16_t)last, fresh);
		last = i;
	}
	if (last == PORT_MAX)
		return false;
	multicast_send(w, (uint16_t)last, m);
	return true;
}

// ---- the decision ----

static bool has_host(const struct worker *w)
{
	for (uint32_t i = CONFIG_PORTS; i < w->ports_n; i++) {
		if (w->port[i].active && w->port[i].l3)
			return true;
	}
	return false;
}

// What cannot be the source of a packet that leaves its link. RFC 4291 sections 2.5.2, 2.5.6, 2.7.
static bool source_stays(const uint8_t *source, uint8_t family)
{
	static const uint8_t none[16];

	if (!memcmp(source, none, family == AF_INET ? 4 : 16))
		return true;
	if (family == AF_INET)
		return source[0] >= 224 || (source[0] == 169 && source[1] == 254);
	return source[0] == 0xff || (source[0] == 0xfe && (source[1] & 0xc0) == 0x80);
}

// Out of an SA, and not for this machine by a route: the host hears all groups, MLD and IGMP are
// control's. True: taken.
static bool end_here(struct worker *w, struct rte_mbuf *m, uint32_t scope)
{
	if (scope && has_host(w)) {
		forward_to_host(w, m);
		return true;
	}
	if (multicast_is_membership(m)) {
		punt_inner(w, m);
		return true;
	}
	return false;
}

void multicast_take(struct worker *w, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	uint8_t family = meta->family;
	uint32_t scope = scope_of(m, family);
	const struct group *group = group_lookup(w->groups, family, ip_of(m));
	bool upstream, sent;

	if (meta->flags & PKT_DECRYPTED && end_here(w, m, scope))
		return;
	upstream = meta->flags & PKT_DECRYPTED && scope >= group_scope_min(w->groups);
	if ((!group && !upstream) || meta->flags & PKT_LOCAL) {
		worker_drop(w, m, DROP_NO_GROUP);
		return;
	}
	if (source_stays(source_of(m, family), family)) {
		worker_drop(w, m, DROP_SCOPE);
		return;
	}
	if (!forward_hop_take(w, m))
		return;
	if (group && unlikely(!esp_fan_source(&m))) {
		worker_drop(w, m, DROP_TOO_BIG);
		return;
	}
	if (group)
		hand_over(w, m, group->others);
	sent = group && (members_send(w, m, group) || group->others);
	if (upstream && upstream_send(w, m))
		return;
	if (sent)
		rte_pktmbuf_free(m);
	else
		worker_drop(w, m, DROP_NO_GROUP);
}
