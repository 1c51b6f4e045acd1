// SPDX-License-Identifier: BSD-3-Clause
// Inner IPv6 packets taken apart and put together: fixed header, a hop-by-hop header before what
// carries a router alert (MLD), the checksum with its pseudo header. Fragments and other extension
// headers are left as they are, as a protocol that nobody here speaks. Pure. RFC 8200 sections 3, 4.3
// and 8.1, RFC 2711, RFC 4443 section 2.3.
#include "inner.h"

#include "buf.h"

#include <errno.h>
#include <string.h>

#define HOP_BY_HOP 0
#define UDP_HEADER 8
#define ICMP6_MIN 4
#define UDP_HOP_LIMIT 64

#define OPTION_PAD1 0
#define OPTION_ROUTER_ALERT 5
#define OPTION_SKIP_MASK 0xc0 // zero: who does not know the option goes on, RFC 8200 section 4.2

// Zero over a message with its right checksum in it; over one with zeros there, the checksum.
static uint16_t checksum(const struct inet_addr *src, const struct inet_addr *dst, uint8_t proto,
	const uint8_t *data, size_t len)
{
	uint64_t sum = proto + len;

	for (size_t i = 0; i < 16; i += 2)
		sum += (uint64_t)(src->bytes[i] << 8 | src->bytes[i + 1]) +
			(uint64_t)(dst->bytes[i] << 8 | dst->bytes[i + 1]);
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint64_t)data[i] << 8 : data[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

// The hop-by-hop header's options; r goes behind it.
static bool read_hop_by_hop(struct buf_reader *r, struct inner_packet *out)
{
	uint8_t next = buf_get_u8(r);
	size_t len = (size_t)buf_get_u8(r) * 8 + 6;
	struct buf_reader options = buf_sub(r, len);

	while (buf_left(&options) > 0) {
		uint8_t type = buf_get_u8(&options);
		struct buf_reader value;

		if (type == OPTION_PAD1)
			continue;
		value = buf_sub(&options, buf_get_u8(&options));
		if (type == OPTION_ROUTER_ALERT && buf_left(&value) == 2)
			out->router_alert = true;
		else if (type == OPTION_ROUTER_ALERT || (type & OPTION_SKIP_MASK) != 0)
			return false;
	}
	out->proto = next;
	return !r->failed && !options.failed;
}

static bool read_udp(struct inner_packet *out)
{
	struct buf_reader r;
	size_t len = 0;
	uint16_t sum = 0;

	buf_reader_init(&r, out->payload, out->payload_len);
	out->src_port = buf_get_be16(&r);
	out->dst_port = buf_get_be16(&r);
	len = buf_get_be16(&r);
	sum = buf_get_be16(&r);
	// Without a checksum UDP is for tunnels only, RFC 8200 section 8.1.
	if (r.failed || len != out->payload_len || sum == 0)
		return false;
	out->payload += UDP_HEADER;
	out->payload_len -= UDP_HEADER;
	return true;
}

static int parse(const uint8_t *data, size_t len, struct inner_packet *out)
{
	struct buf_reader r;
	uint8_t addr[16];
	size_t payload = 0;

	buf_reader_init(&r, data, len);
	if (buf_get_be32(&r) >> 28 != 6)
		return -EBADMSG;
	payload = buf_get_be16(&r);
	out->proto = buf_get_u8(&r);
	out->hop_limit = buf_get_u8(&r);
	buf_get_bytes(&r, addr, 16);
	out->src = inet_addr_v6(addr);
	buf_get_bytes(&r, addr, 16);
	out->dst = inet_addr_v6(addr);
	if (r.failed || buf_left(&r) != payload || inet_addr_is_multicast(&out->src))
		return -EBADMSG;
	if (out->proto == HOP_BY_HOP && !read_hop_by_hop(&r, out))
		return -EBADMSG;
	out->payload_len = buf_left(&r);
	out->payload = buf_skip(&r, out->payload_len);
	if (out->proto != INNER_ICMP6 && out->proto != INNER_UDP)
		return 0;
	if (out->proto == INNER_ICMP6 && out->payload_len < ICMP6_MIN)
		return -EBADMSG;
	if (checksum(&out->src, &out->dst, out->proto, out->payload, out->payload_len) != 0)
		return -EBADMSG;
	return out->proto == INNER_ICMP6 || read_udp(out) ? 0 : -EBADMSG;
}

int inner_parse(const uint8_t *data, size_t len, struct inner_packet *out)
{
	int error = 0;

	*out = (struct inner_packet){};
	error = parse(data, len, out);
	if (error != 0)
		*out = (struct inner_packet){};
	return error;
}

static void write_header(uint8_t *out, const struct inet_addr *src, const struct inet_addr *dst,
	uint8_t proto, uint8_t hop_limit, size_t len)
{
	struct buf_writer w;

	buf_writer_init(&w, out, INNER_IP6_HEADER);
	buf_put_be32(&w, UINT32_C(6) << 28);
	buf_put_be16(&w, (uint16_t)len);
	buf_put_u8(&w, proto);
	buf_put_u8(&w, hop_limit);
	buf_put_bytes(&w, src->bytes, 16);
	buf_put_bytes(&w, dst->bytes, 16);
}

static bool fits(size_t max, size_t header, size_t len)
{
	return len <= UINT16_MAX - header && max >= INNER_IP6_HEADER + header + len;
}

size_t inner_write_icmp6(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *dst, uint8_t hop_limit, const uint8_t *icmp, size_t len)
{
	uint8_t *payload = out + INNER_IP6_HEADER;
	uint16_t sum = 0;

	if (len < ICMP6_MIN || !fits(max, 0, len))
		return 0;
	memmove(payload, icmp, len); // before the header: it may lie anywhere in `out`
	write_header(out, src, dst, INNER_ICMP6, hop_limit, len);
	memset(payload + 2, 0, 2);
	sum = checksum(src, dst, INNER_ICMP6, payload, len);
	payload[2] = (uint8_t)(sum >> 8);
	payload[3] = (uint8_t)sum;
	return INNER_IP6_HEADER + len;
}

size_t inner_write_mld(uint8_t *out, size_t max, const struct inet_addr *src,
	const struct inet_addr *dst, const uint8_t *icmp, size_t len)
{
	// Next header, length, router alert of value 0 (MLD), PadN.
	static const uint8_t alert[8] = {INNER_ICMP6, 0, OPTION_ROUTER_ALERT, 2, 0, 0, 1, 0};
	uint8_t *payload = out + INNER_IP6_HEADER + sizeof(alert);
	uint16_t sum = 0;

	if (len < ICMP6_MIN || !fits(max, sizeof(alert), len))
		return 0;
	write_header(out, src, dst, HOP_BY_HOP, 1, sizeof(alert) + len);
	memcpy(out + INNER_IP6_HEADER, alert, sizeof(alert));
	memcpy(payload, icmp, len);
	memset(payload + 2, 0, 2);
	sum = checksum(src, dst, INNER_ICMP6, payload, len);
	payload[2] = (uint8_t)(sum >> 8);
	payload[3] = (uint8_t)sum;
	return INNER_IP6_HEADER + sizeof(alert) + len;
}

size_t inner_write_udp(uint8_t *out, size_t max, const struct inet_addr *src, uint16_t src_port,
	const struct inet_addr *dst, uint16_t dst_port, const uint8_t *data, size_t len)
{
	size_t whole = UDP_HEADER + len;
	struct buf_writer w;
	uint16_t sum = 0;

	if (!fits(max, UDP_HEADER, len))
		return 0;
	if (len > 0)
		memmove(out + INNER_IP6_HEADER + UDP_HEADER, data, len);
	write_header(out, src, dst, INNER_UDP, UDP_HOP_LIMIT, whole);
	buf_writer_init(&w, out + INNER_IP6_HEADER, UDP_HEADER);
	buf_put_be16(&w, src_port);
	buf_put_be16(&w, dst_port);
	buf_put_be16(&w, (uint16_t)whole);
	buf_put_be16(&w, 0);
	sum = checksum(src, dst, INNER_UDP, out + INNER_IP6_HEADER, whole);
	buf_patch_be16(&w, 6, sum != 0 ? sum : 0xffff); // zero would say: none
	return INNER_IP6_HEADER + whole;
}
