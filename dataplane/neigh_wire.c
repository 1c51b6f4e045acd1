// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery on the wire. Pure: any thread.
#include "neigh_wire.h"

#include "buf.h"
#include "csum.h"

#include <rte_ether.h>

#include <errno.h>
#include <netinet/icmp6.h>

#define ETHER 14
#define IPV6 40
#define ND_FIXED 24 // of NS and NA
#define OPT_SOURCE_MAC 1
#define OPT_TARGET_MAC 2
#define NA_ROUTER 0x80
#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

int neigh_read_arp(const uint8_t *frame, size_t len, struct neigh_packet *out)
{
	struct buf_reader r;
	uint8_t ether_dst[6], sender[4], target_mac[6], target[4];
	uint16_t type, hw, proto, sizes, op;

	memset(out, 0, sizeof(*out));
	buf_reader_init(&r, frame, len);
	buf_get_bytes(&r, ether_dst, 6);
	buf_get_bytes(&r, out->ether_src, 6);
	type = buf_get_be16(&r);
	hw = buf_get_be16(&r);
	proto = buf_get_be16(&r);
	sizes = buf_get_be16(&r);
	op = buf_get_be16(&r);
	buf_get_bytes(&r, out->mac, 6);
	buf_get_bytes(&r, sender, 4);
	buf_get_bytes(&r, target_mac, 6);
	buf_get_bytes(&r, target, 4);
	if (r.failed || type != RTE_ETHER_TYPE_ARP || hw != 1 || proto != RTE_ETHER_TYPE_IPV4 ||
		sizes != 0x0604 || (op != 1 && op != 2) || out->mac[0] & 1)
		return -EINVAL;
	out->has_mac = true;
	out->unicast = !(ether_dst[0] & 1);
	out->sender.family = out->target.family = AF_INET;
	if (op == 1) {
		out->kind = NEIGH_REQUEST;
		memcpy(out->sender.bytes, sender, 4);
		memcpy(out->target.bytes, target, 4);
	} else {
		out->kind = NEIGH_REPLY;
		memcpy(out->target.bytes, sender, 4);
		memcpy(out->sender.bytes, sender, 4);
		out->solicited = out->unicast;
		out->override = true;
	}
	return 0;
}

// The link-layer address option of this type, if there is one. False: an option has length 0.
static bool options_read(struct buf_reader *r, uint8_t wanted, struct neigh_packet *out)
{
	while (buf_left(r) >= 2) {
		uint8_t type = buf_get_u8(r);
		uint8_t len = buf_get_u8(r);
		const uint8_t *body;

		if (!len)
			return false;
		body = buf_skip(r, len * 8u - 2);
		if (!body)
			return false;
		if (type == wanted && len == 1 && !(body[0] & 1)) {
			memcpy(out->mac, body, 6);
			out->has_mac = true;
		}
	}
	return true;
}

int neigh_read_nd(const uint8_t *frame, size_t len, struct neigh_packet *out)
{
	const uint8_t *ip = frame + ETHER, *icmp = ip + IPV6;
	struct buf_reader r;
	size_t icmp_len;
	bool multicast;
	uint8_t type;

	memset(out, 0, sizeof(*out));
	if (len < ETHER + IPV6 + ND_FIXED || ip[0] >> 4 != 6 || ip[6] != IPPROTO_ICMPV6 ||
		ip[7] != 255)
		return -EINVAL;
	icmp_len = (size_t)(ip[4] << 8 | ip[5]);
	if (icmp_len < ND_FIXED || icmp_len > len - ETHER - IPV6)
		return -EINVAL;
	type = icmp[0];
	if ((type != ND_NEIGHBOR_SOLICIT && type != ND_NEIGHBOR_ADVERT) || icmp[1] ||
		!csum_l4_good(ip, IPPROTO_ICMPV6, icmp, (uint32_t)icmp_len))
		return -EINVAL;
	memcpy(out->ether_src, frame + 6, 6);
	out->target = inet_addr_v6(icmp + 8);
	out->sender = inet_addr_v6(ip + 8);
	if (inet_addr_is_multicast(&out->target) || inet_addr_is_multicast(&out->sender))
		return -EINVAL;
	multicast = ip[24] == 0xff;
	out->unicast = !multicast;
	buf_reader_init(&r, icmp + ND_FIXED, icmp_len - ND_FIXED);
	if (type == ND_NEIGHBOR_SOLICIT) {
		out->kind = NEIGH_REQUEST;
		if (!options_read(&r, OPT_SOURCE_MAC, out))
			return -EINVAL;
		// RFC 4861 section 7.1.1: a probe goes to solicited-node multicast, without the option.
		if (inet_addr_is_unspecified(&out->sender) && (!multicast || out->has_mac))
			return -EINVAL;
		return 0;
	}
	out->kind = NEIGH_REPLY;
	out->solicited = icmp[4] & NA_SOLICITED;
	out->override = icmp[4] & NA_OVERRIDE;
	if (multicast && out->solicited)
		return -EINVAL;
	return options_read(&r, OPT_TARGET_MAC, out) ? 0 : -EINVAL;
}

static void ether_write(struct buf_writer *w, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	buf_put_bytes(w, dst, 6);
	buf_put_bytes(w, src, 6);
	buf_put_be16(w, type);
}

static size_t arp_write(uint8_t *frame, uint16_t op, const uint8_t *mac, const uint8_t *sender,
	const uint8_t *ether_dst, const uint8_t *target_mac, const uint8_t *target)
{
	struct buf_writer w;

	buf_writer_init(&w, frame, NEIGH_FRAME_MAX);
	ether_write(&w, ether_dst, mac, RTE_ETHER_TYPE_ARP);
	buf_put_be16(&w, 1);
	buf_put_be16(&w, RTE_ETHER_TYPE_IPV4);
	buf_put_be16(&w, 0x0604);
	buf_put_be16(&w, op);
	buf_put_bytes(&w, mac, 6);
	buf_put_bytes(&w, sender, 4);
	buf_put_bytes(&w, target_mac, 6);
	buf_put_bytes(&w, target, 4);
	buf_put_zero(&w, 18); // the shortest Ethernet frame
	return buf_written(&w);
}

struct nd {
	const uint8_t *mac, *ether_dst;
	const uint8_t *src, *dst; // IPv6
	uint8_t type, flags, option; // option 0: none
	const uint8_t *target;
};

static size_t nd_write(uint8_t *frame, const struct nd *nd)
{
	uint32_t icmp_len = ND_FIXED + (nd->option ? 8 : 0);
	uint8_t *ip = frame + ETHER, *icmp = ip + IPV6;
	struct buf_writer w;
	uint16_t sum;

	buf_writer_init(&w, frame, NEIGH_FRAME_MAX);
	ether_write(&w, nd->ether_dst, nd->mac, RTE_ETHER_TYPE_IPV6);
	buf_put_be32(&w, 0x60000000);
	buf_put_be16(&w, (uint16_t)icmp_len);
	buf_put_u8(&w, IPPROTO_ICMPV6);
	buf_put_u8(&w, 255);
	buf_put_bytes(&w, nd->src, 16);
	buf_put_bytes(&w, nd->dst, 16);
	buf_put_u8(&w, nd->type);
	buf_put_zero(&w, 3);
	buf_put_u8(&w, nd->flags);
	buf_put_zero(&w, 3);
	buf_put_bytes(&w, nd->target, 16);
	if (nd->option) {
		buf_put_u8(&w, nd->option);
		buf_put_u8(&w, 1);
		buf_put_bytes(&w, nd->mac, 6);
	}
	sum = csum_l4(ip, IPPROTO_ICMPV6, icmp, icmp_len);
	memcpy(icmp + 2, &sum, 2);
	return buf_written(&w);
}

size_t neigh_write_request(uint8_t *frame, const uint8_t mac[6], const struct inet_addr *src,
	const struct inet_addr *target, const uint8_t *dst_mac)
{
	static const uint8_t nobody[6];
	uint8_t group[16] = {0xff, 2, [11] = 1, 0xff}, group_mac[6] = {0x33, 0x33, 0xff};

	if (target->family == AF_INET)
		return arp_write(frame, 1, mac, src->bytes, dst_mac ? dst_mac : broadcast,
			dst_mac ? dst_mac : nobody, target->bytes);
	memcpy(group + 13, target->bytes + 13, 3);
	memcpy(group_mac + 3, target->bytes + 13, 3);
	return nd_write(frame,
		&(struct nd){.mac = mac,
			.ether_dst = dst_mac ? dst_mac : group_mac,
			.src = src->bytes,
			.dst = dst_mac ? target->bytes : group,
			.type = ND_NEIGHBOR_SOLICIT,
			.option = inet_addr_is_unspecified(src) ? 0 : OPT_SOURCE_MAC,
			.target = target->bytes});
}

size_t neigh_write_reply(uint8_t *frame, const uint8_t mac[6], const struct inet_addr *target,
	const struct inet_addr *dst, const uint8_t *dst_mac)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

	if (target->family == AF_INET)
		// Gratuitous ARP is a request for the own address, RFC 5227 section 3.
		return arp_write(frame, dst ? 2 : 1, mac, target->bytes, dst ? dst_mac : broadcast,
			dst ? dst_mac : broadcast, dst ? dst->bytes : target->bytes);
	return nd_write(frame,
		&(struct nd){.mac = mac,
			.ether_dst = dst ? dst_mac : all_nodes_mac,
			.src = target->bytes,
			.dst = dst ? dst->bytes : all_nodes,
			.type = ND_NEIGHBOR_ADVERT,
			.flags = NA_ROUTER | NA_OVERRIDE | (dst ? NA_SOLICITED : 0),
			.option = OPT_TARGET_MAC,
			.target = target->bytes});
}
