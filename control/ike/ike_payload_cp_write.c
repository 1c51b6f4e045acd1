// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload, writing: what ike_payload_cp.c reads. RFC 7296 section 3.15, RFC 5739
// section 5, RFC 8598 section 4, the draft's appendix A.4. Pure functions of their arguments: any
// thread.

#include "ike_payload.h"

#include <string.h>

#define LINK_IID_BYTES 8

static void attr_write(struct buf_writer *w, uint16_t type, const void *value, size_t len)
{
	buf_put_be16(w, type);
	buf_put_be16(w, (uint16_t)len);
	if (len)
		buf_put_bytes(w, value, len);
}

static void wish_write(struct buf_writer *w, uint16_t type, bool wanted)
{
	if (wanted)
		attr_write(w, type, NULL, 0);
}

static void attr6_write(
	struct buf_writer *w, uint16_t type, const struct inet_addr *addr, uint8_t prefix_len)
{
	uint8_t value[17];

	memcpy(value, addr->bytes, 16);
	value[16] = prefix_len;
	attr_write(w, type, value, sizeof(value));
}

static void prefix6_write(struct buf_writer *w, uint16_t type, const struct inet_prefix *prefix)
{
	struct inet_prefix sent = *prefix;

	inet_prefix_normalize(&sent);
	attr6_write(w, type, &sent.addr, sent.len);
}

static void subnet4_write(struct buf_writer *w, const struct inet_prefix *subnet)
{
	struct inet_prefix sent = *subnet;

	inet_prefix_normalize(&sent);
	buf_put_be16(w, CP_INTERNAL_IP4_SUBNET);
	buf_put_be16(w, 8);
	buf_put_bytes(w, sent.addr.bytes, 4);
	buf_put_be32(w, sent.len ? UINT32_MAX << (32 - sent.len) : 0);
}

static void link_write(struct buf_writer *w, const struct cp_attrs *attrs)
{
	if (attrs->link) {
		buf_put_be16(w, CP_INTERNAL_IP6_LINK);
		buf_put_be16(w, LINK_IID_BYTES + attrs->link_id_len);
		buf_put_bytes(w, attrs->link_iid, LINK_IID_BYTES);
		buf_put_bytes(w, attrs->link_id, attrs->link_id_len);
	}
	for (uint32_t i = 0; i < attrs->prefix_n; i++)
		prefix6_write(w, CP_INTERNAL_IP6_PREFIX, &attrs->prefix[i]);
	for (uint32_t i = 0; i < attrs->address2_n; i++) {
		if (attrs->address2[i].family)
			attr_write(w, CP_INTERNAL_IP6_ADDRESS2, attrs->address2[i].bytes, 16);
		else
			wish_write(w, CP_INTERNAL_IP6_ADDRESS2, attrs->type == CP_REQUEST);
	}
}

static void addresses_write(struct buf_writer *w, const struct cp_attrs *attrs)
{
	bool wishes = attrs->type == CP_REQUEST;

	for (uint32_t i = 0; i < attrs->ip4_n; i++) {
		if (attrs->ip4[i].family)
			attr_write(w, CP_INTERNAL_IP4_ADDRESS, attrs->ip4[i].bytes, 4);
		else
			wish_write(w, CP_INTERNAL_IP4_ADDRESS, wishes);
	}
	if (attrs->ip4_netmask.family && !wishes) // MUST NOT be in a request
		attr_write(w, CP_INTERNAL_IP4_NETMASK, attrs->ip4_netmask.bytes, 4);
	for (uint32_t i = 0; i < attrs->ip6_n; i++) {
		if (attrs->ip6[i].addr.family)
			attr6_write(w, CP_INTERNAL_IP6_ADDRESS, &attrs->ip6[i].addr,
				attrs->ip6[i].prefix_len);
		else
			wish_write(w, CP_INTERNAL_IP6_ADDRESS, wishes);
	}
}

static void ta_write(struct buf_writer *w, const struct config_dnssec_ta *ta)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_put_be16(w, CP_INTERNAL_DNSSEC_TA);
	buf_put_be16(w, (uint16_t)(4 + 2 * ta->digest_len));
	buf_put_be16(w, ta->key_tag);
	buf_put_u8(w, ta->algorithm);
	buf_put_u8(w, ta->digest_type);
	for (uint32_t i = 0; i < ta->digest_len; i++) { // presentation format, RFC 8598 section 4.2
		buf_put_u8(w, (uint8_t)digits[ta->digest[i] >> 4]);
		buf_put_u8(w, (uint8_t)digits[ta->digest[i] & 0xf]);
	}
}

// Each domain, and immediately behind it its trust anchors.
static void domains_write(struct buf_writer *w, const struct cp_attrs *attrs)
{
	for (uint32_t i = 0; i < attrs->domain_n; i++) {
		attr_write(w, CP_INTERNAL_DNS_DOMAIN, attrs->domain[i], strlen(attrs->domain[i]));
		for (uint32_t j = 0; j < attrs->ta_n; j++)
			if (attrs->ta[j].domain == i)
				ta_write(w, &attrs->ta[j]);
	}
}

static void services_write(struct buf_writer *w, const struct cp_attrs *attrs)
{
	for (uint32_t i = 0; i < attrs->dns_n; i++) {
		if (attrs->dns[i].family == AF_INET)
			attr_write(w, CP_INTERNAL_IP4_DNS, attrs->dns[i].bytes, 4);
		else
			attr_write(w, CP_INTERNAL_IP6_DNS, attrs->dns[i].bytes, 16);
	}
	for (uint32_t i = 0; i < attrs->dhcp6_n; i++)
		attr_write(w, CP_INTERNAL_IP6_DHCP, attrs->dhcp6[i].bytes, 16);
	for (uint32_t i = 0; i < attrs->subnet_n; i++) {
		if (attrs->subnet[i].addr.family == AF_INET)
			subnet4_write(w, &attrs->subnet[i]);
		else
			prefix6_write(w, CP_INTERNAL_IP6_SUBNET, &attrs->subnet[i]);
	}
	domains_write(w, attrs);
}

void payload_cp_write(struct ike_builder *b, const struct cp_attrs *attrs)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_CP);

	buf_put_u8(w, (uint8_t)attrs->type);
	buf_put_zero(w, 3);
	link_write(w, attrs);
	addresses_write(w, attrs);
	services_write(w, attrs);
	if (attrs->type != CP_REQUEST)
		return;
	wish_write(w, CP_INTERNAL_IP4_DNS, attrs->want_dns4);
	wish_write(w, CP_INTERNAL_IP6_DNS, attrs->want_dns6);
	wish_write(w, CP_INTERNAL_IP6_DHCP, attrs->want_dhcp6);
	wish_write(w, CP_INTERNAL_IP4_SUBNET, attrs->want_subnet4);
	wish_write(w, CP_INTERNAL_IP6_SUBNET, attrs->want_subnet6);
	wish_write(w, CP_INTERNAL_DNS_DOMAIN, attrs->want_domain);
	wish_write(w, CP_INTERNAL_DNSSEC_TA, attrs->want_dnssec_ta);
}
