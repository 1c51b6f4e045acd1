// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload: RFC 7296 section 3.15, RFC 5739 section 5 (links and prefixes), RFC 8598
// section 4.1 (domain). Pure functions of their arguments: any thread.
//
// An attribute that we know and whose length is none that its RFC allows makes the payload
// malformed; one that we do not know is counted and skipped.

#include "ike_payload.h"

#include <errno.h>
#include <string.h>

#define CP_ATTR_TYPE_MASK 0x7fff // the highest bit is reserved, ignored on receipt
#define LINK_IID_BYTES 8
#define DOMAIN_LABEL_MAX 63
#define DOMAIN_MAX 254 // presentation format with the dot of the root

static struct inet_addr get_v4(struct buf_reader *r)
{
	struct inet_addr addr = {.family = AF_INET};

	buf_get_bytes(r, addr.bytes, 4);
	return addr;
}

static struct inet_addr get_v6(struct buf_reader *r)
{
	struct inet_addr addr = {.family = AF_INET6};

	buf_get_bytes(r, addr.bytes, 16);
	return addr;
}

static int link_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	if (len < LINK_IID_BYTES)
		return -EBADMSG;
	if (len - LINK_IID_BYTES > CP_LINK_ID_MAX)
		return -EOVERFLOW;
	if (out->link) {
		out->excess_n++;
		return 0;
	}
	out->link = true;
	buf_get_bytes(r, out->link_iid, LINK_IID_BYTES);
	out->link_id_len = (uint8_t)(len - LINK_IID_BYTES);
	buf_get_bytes(r, out->link_id, out->link_id_len);
	return 0;
}

static int prefix6_get(struct buf_reader *r, struct inet_prefix *out)
{
	*out = (struct inet_prefix){.addr = get_v6(r)};
	out->len = buf_get_u8(r);
	if (r->failed || out->len > 128)
		return -EBADMSG;
	inet_prefix_normalize(out);
	return 0;
}

static int prefix_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	struct inet_prefix prefix;

	if (len != 17 || prefix6_get(r, &prefix))
		return -EBADMSG;
	if (out->prefix_n < CP_LIST_MAX)
		out->prefix[out->prefix_n++] = prefix;
	else
		out->excess_n++;
	return 0;
}

static int ip4_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	if (len != 0 && len != 4)
		return -EBADMSG;
	if (out->ip4_n == CP_LIST_MAX)
		out->excess_n++;
	else
		out->ip4[out->ip4_n++] = len ? get_v4(r) : (struct inet_addr){0};
	return 0;
}

static int ip6_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	struct cp_ip6_address address = {0};

	if (len != 0 && len != 17)
		return -EBADMSG;
	if (len) {
		address.addr = get_v6(r);
		address.prefix_len = buf_get_u8(r);
		if (address.prefix_len > 128)
			return -EBADMSG;
	}
	if (out->ip6_n == CP_LIST_MAX)
		out->excess_n++;
	else
		out->ip6[out->ip6_n++] = address;
	return 0;
}

static int netmask_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	if (len != 0 && len != 4)
		return -EBADMSG;
	if (len && out->ip4_netmask.family)
		out->excess_n++;
	else if (len)
		out->ip4_netmask = get_v4(r);
	return 0;
}

// A list of addresses in which a zero-length attribute is the wish for some.
static int servers_read(struct buf_reader *r, size_t len, size_t addr_len, bool *want, uint8_t *n,
	struct inet_addr list[CP_LIST_MAX], struct cp_attrs *out)
{
	if (len != 0 && len != addr_len)
		return -EBADMSG;
	if (len == 0)
		*want = true;
	else if (*n == CP_LIST_MAX)
		out->excess_n++;
	else
		list[(*n)++] = addr_len == 4 ? get_v4(r) : get_v6(r);
	return 0;
}

// Length of a netmask, or -EBADMSG when its ones are not together.
static int netmask_len(uint32_t mask)
{
	int len = mask ? __builtin_clz(~mask | 1) : 0;

	if (mask == UINT32_MAX)
		return 32;
	return mask << len ? -EBADMSG : len;
}

static int subnet_read(
	struct buf_reader *r, size_t len, uint8_t family, bool *want, struct cp_attrs *out)
{
	struct inet_prefix subnet = {0};
	int mask_len;

	// RFC 7296 names 17 octets alone for IPv6, but a wish for IPv4 subnets may be empty, and
	// peers send both so.
	if (len == 0) {
		*want = true;
		return 0;
	}
	if (len != (family == AF_INET ? 8 : 17))
		return -EBADMSG;
	if (family == AF_INET) {
		subnet.addr = get_v4(r);
		mask_len = netmask_len(buf_get_be32(r));
		if (mask_len < 0)
			return -EBADMSG;
		subnet.len = (uint8_t)mask_len;
		inet_prefix_normalize(&subnet);
	} else if (prefix6_get(r, &subnet)) {
		return -EBADMSG;
	}
	if (out->subnet_n == CP_LIST_MAX)
		out->excess_n++;
	else
		out->subnet[out->subnet_n++] = subnet;
	return 0;
}

static bool domain_char_valid(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '_';
}

// A name as hosts have them: letters, digits, hyphens, underscores, in labels of 1 to 63, with or
// without the last dot. Escapes of the presentation format are refused: the name goes to a script.
static bool domain_valid(const uint8_t *data, size_t len)
{
	size_t label = 0;

	if (len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '.' && label == 0)
			return false;
		label = data[i] == '.' ? 0 : label + 1;
		if (label > DOMAIN_LABEL_MAX || (label && !domain_char_valid(data[i])))
			return false;
	}
	return true;
}

static int domain_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	if (len == 0) {
		out->want_domain = true;
		return 0;
	}
	if (!domain_valid(r->pos, len))
		return -EBADMSG;
	if (out->domain_n == CP_DOMAINS) {
		out->excess_n++;
		return 0;
	}
	buf_get_bytes(r, out->domain[out->domain_n], len);
	out->domain[out->domain_n++][len] = '\0';
	return 0;
}

// `r` holds the value and nothing else.
static int attr_read(uint16_t type, struct buf_reader *r, struct cp_attrs *out)
{
	size_t len = buf_left(r);

	switch (type) {
	case CP_INTERNAL_IP6_LINK:
		return link_read(r, len, out);
	case CP_INTERNAL_IP6_PREFIX:
		return prefix_read(r, len, out);
	case CP_INTERNAL_IP4_ADDRESS:
		return ip4_read(r, len, out);
	case CP_INTERNAL_IP4_NETMASK:
		return netmask_read(r, len, out);
	case CP_INTERNAL_IP6_ADDRESS:
		return ip6_read(r, len, out);
	case CP_INTERNAL_IP4_DNS:
		return servers_read(r, len, 4, &out->want_dns4, &out->dns_n, out->dns, out);
	case CP_INTERNAL_IP6_DNS:
		return servers_read(r, len, 16, &out->want_dns6, &out->dns_n, out->dns, out);
	case CP_INTERNAL_IP6_DHCP:
		return servers_read(r, len, 16, &out->want_dhcp6, &out->dhcp6_n, out->dhcp6, out);
	case CP_INTERNAL_IP4_SUBNET:
		return subnet_read(r, len, AF_INET, &out->want_subnet4, out);
	case CP_INTERNAL_IP6_SUBNET:
		return subnet_read(r, len, AF_INET6, &out->want_subnet6, out);
	case CP_INTERNAL_DNS_DOMAIN:
		return domain_read(r, len, out);
	case CP_INTERNAL_IP4_DHCP: // known, of no use to us
		return len == 0 || len == 4 ? 0 : -EBADMSG;
	case CP_SUPPORTED_ATTRIBUTES:
		return len % 2 ? -EBADMSG : 0;
	case CP_APPLICATION_VERSION:
		return 0;
	default:
		out->unknown_n++;
		return 0;
	}
}

int payload_cp_read(const struct ike_payload_ref *p, struct cp_attrs *out)
{
	struct buf_reader r, value;
	uint16_t type, len;
	uint8_t cp_type;
	int ret;

	memset(out, 0, sizeof(*out));
	buf_reader_init(&r, p->data, p->len);
	cp_type = buf_get_u8(&r);
	buf_skip(&r, 3);
	if (r.failed || cp_type < CP_REQUEST || cp_type > CP_ACK)
		return -EBADMSG;
	out->type = (enum cp_type)cp_type;
	while (buf_left(&r)) {
		type = buf_get_be16(&r) & CP_ATTR_TYPE_MASK;
		len = buf_get_be16(&r);
		value = buf_sub(&r, len);
		if (r.failed)
			return -EBADMSG;
		ret = attr_read(type, &value, out);
		if (ret)
			return ret;
	}
	return 0;
}

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
	for (uint32_t i = 0; i < attrs->domain_n; i++)
		attr_write(w, CP_INTERNAL_DNS_DOMAIN, attrs->domain[i], strlen(attrs->domain[i]));
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
}
