// SPDX-License-Identifier: BSD-3-Clause
// Inner and outer IP headers into struct pkt_meta, the general case: options, extension headers,
// fragments, ICMP. Any worker. RFC 791, 8200, 4301 section 4.4.1.1.
#include "flow.h"

#include <sys/random.h>

uint64_t flow_seed[5] = {
	UINT64_C(0xa0761d6478bd642f),
	UINT64_C(0xe7037ed1a0b428db),
	UINT64_C(0x8ebc6af09c88c6e3),
	UINT64_C(0x589965cc75374cc3),
	UINT64_C(0x1d8e4e27c47d124f),
};

void flow_seed_random(void)
{
	uint64_t fresh[5];

	// Without randomness the defaults stay: hashes are then predictable, nothing worse.
	if (getrandom(fresh, sizeof(fresh), 0) == (ssize_t)sizeof(fresh))
		memcpy(flow_seed, fresh, sizeof(fresh));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// Ports, or type and code, of a packet whose next layer header starts at l4_off. A header that is
// cut short leaves them unknown; that is not our reason to drop it.
static void read_ports(const uint8_t *data, uint32_t avail, uint32_t total, struct pkt_meta *meta)
{
	const uint8_t *l4 = data + meta->l4_off;
	uint32_t left = RTE_MIN(avail, total) - meta->l4_off;

	switch (meta->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (left < 4)
			return;
		meta->src_port = get16(l4);
		meta->dst_port = get16(l4 + 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (left < 2)
			return;
		meta->src_port = get16(l4); // type << 8 | code
		break;
	case IPPROTO_MH: // RFC 4301 section 4.4.1.1: the type in the upper eight bits
		if (left < 3)
			return;
		meta->src_port = (uint16_t)(l4[2] << 8);
		break;
	default:
		return;
	}
	meta->flags |= PKT_PORTS;
}

static int parse4(const uint8_t *data, uint32_t avail, uint32_t len, struct pkt_meta *meta)
{
	uint32_t header, total;
	uint16_t fragment;

	if (avail < 20)
		return -DROP_RUNT;
	header = (data[0] & 0xfu) * 4;
	total = get16(data + 2);
	if (header < 20)
		return -DROP_BAD_IP_HEADER;
	if (header > avail || total < header || total > len)
		return -DROP_RUNT;
	meta->family = AF_INET;
	meta->proto = data[9];
	meta->l4_off = (uint16_t)header;
	fragment = get16(data + 6) & 0x3fff; // more-fragments and offset
	if (fragment & 0x1fff)
		meta->flags |= PKT_FRAGMENT;
	else
		read_ports(data, avail, total, meta);
	if (fragment == 0x2000)
		meta->flags |= PKT_FIRST_FRAGMENT;
	return (int)total;
}

// Follows the extension headers. False: they run out of the packet.
static bool skip_extensions(const uint8_t *data, uint32_t end, struct pkt_meta *meta)
{
	uint32_t off = 40;
	uint8_t next = data[6];

	for (int i = 0; i < FLOW_EXT_MAX; i++) {
		uint32_t size;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
			next != IPPROTO_FRAGMENT)
			break;
		if (off + 8 > end)
			return false;
		if (next == IPPROTO_FRAGMENT) {
			uint16_t where = get16(data + off + 2);

			size = 8;
			if ((where & 0xfff9) == 1)
				meta->flags |= PKT_FIRST_FRAGMENT;
			if (where & 0xfff8) {
				meta->flags |= PKT_FRAGMENT;
				next = data[off];
				off += size;
				break;
			}
		} else {
			size = (data[off + 1] + 1u) * 8;
		}
		if (off + size > end)
			return false;
		next = data[off];
		off += size;
	}
	meta->proto = next;
	meta->l4_off = (uint16_t)off;
	return true;
}

static int parse6(const uint8_t *data, uint32_t avail, uint32_t len, struct pkt_meta *meta)
{
	uint32_t total;

	if (avail < 40)
		return -DROP_RUNT;
	total = 40u + get16(data + 4);
	if (total > len)
		return -DROP_RUNT;
	meta->family = AF_INET6;
	if (!skip_extensions(data, RTE_MIN(avail, total), meta))
		return -DROP_RUNT;
	if (!(meta->flags & PKT_FRAGMENT))
		read_ports(data, avail, total, meta);
	return (int)total;
}

int flow_parse_any(const uint8_t *data, uint32_t avail, uint32_t len, struct pkt_meta *meta)
{
	meta->flags &= (uint8_t) ~(PKT_FRAGMENT | PKT_FIRST_FRAGMENT | PKT_PORTS);
	meta->src_port = 0;
	meta->dst_port = 0;
	if (avail < 1)
		return -DROP_RUNT;
	switch (data[0] >> 4) {
	case 4:
		return parse4(data, avail, len, meta);
	case 6:
		return parse6(data, avail, len, meta);
	default:
		return -DROP_NOT_IP;
	}
}
