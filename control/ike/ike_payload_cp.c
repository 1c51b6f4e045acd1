// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload, reading: RFC 7296 section 3.15, RFC 5739 section 5 (links and prefixes),
// RFC 8598 section 4 (domains and their trust anchors), the draft's appendix A.4 (addresses in shared
// prefixes). Pure functions of their arguments: any thread.
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
#define TA_DIGEST_MAX sizeof(((struct config_dnssec_ta *)0)->digest)

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
	if (out->link) { // not multi-valued: two that differ contradict each other
		out->excess_n++;
		out->link_twice = out->link_twice || len - LINK_IID_BYTES != out->link_id_len ||
			memcmp(r->pos, out->link_iid, LINK_IID_BYTES) != 0 ||
			memcmp(r->pos + LINK_IID_BYTES, out->link_id, out->link_id_len) != 0;
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
	for (uint32_t i = 0; i < out->prefix_n; i++) {
		if (inet_prefix_equal(&out->prefix[i], &prefix)) { // said twice is said once
			out->excess_n++;
			return 0;
		}
	}
	if (out->prefix_n < CP_LIST_MAX)
		out->prefix[out->prefix_n++] = prefix;
	else
		out->excess_n++;
	return 0;
}

static int address2_read(struct buf_reader *r, size_t len, struct cp_attrs *out)
{
	if (len != 0 && len != 16)
		return -EBADMSG;
	if (out->address2_n == CP_ADDRESS2_MAX)
		out->excess_n++;
	else
		out->address2[out->address2_n++] = len ? get_v6(r) : (struct inet_addr){0};
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

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Octets of a digest in presentation format, 0 when it is none that we have room for.
static uint8_t digest_from_text(const uint8_t *text, size_t len, uint8_t out[TA_DIGEST_MAX])
{
	if (len % 2 || len / 2 > TA_DIGEST_MAX)
		return 0;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (uint8_t)(len / 2);
}

// Octets of the digest types of IANA's registry, 0: one that we do not know.
static size_t digest_octets(uint8_t type)
{
	static const uint8_t octets[] = {[1] = 20, [2] = 32, [3] = 32, [4] = 48};

	return type < sizeof(octets) ? octets[type] : 0;
}

// `domain`: of which one it is, CP_DOMAINS: it stands behind none. RFC 8598 section 4.2 has the digest
// in presentation format; octets as they are, which its figure suggests too, are told by their number.
static int ta_read(struct buf_reader *r, size_t len, uint32_t domain, struct cp_attrs *out)
{
	struct config_dnssec_ta ta = {.domain = (uint8_t)domain};
	size_t digest, octets;

	if (len == 0) {
		out->want_dnssec_ta = true;
		return 0;
	}
	if (len < 5)
		return -EBADMSG;
	ta.key_tag = buf_get_be16(r);
	ta.algorithm = buf_get_u8(r);
	ta.digest_type = buf_get_u8(r);
	octets = digest_octets(ta.digest_type);
	digest = buf_left(r);
	if (octets > 0 && digest == octets) {
		ta.digest_len = (uint8_t)octets;
		buf_get_bytes(r, ta.digest, octets);
	} else {
		ta.digest_len = digest_from_text(r->pos, digest, ta.digest);
		if (ta.digest_len == 0 || (octets > 0 && ta.digest_len != octets))
			return -EBADMSG;
	}
	if (domain == CP_DOMAINS || out->ta_n == CP_TAS)
		out->excess_n++;
	else
		out->ta[out->ta_n++] = ta;
	return 0;
}

// `r` holds the value and nothing else; *domain is the one that a trust anchor here belongs to.
static int attr_read(uint16_t type, struct buf_reader *r, uint32_t *domain, struct cp_attrs *out)
{
	uint32_t behind = *domain;
	uint32_t domains = out->domain_n;
	size_t len = buf_left(r);
	int ret;

	*domain = CP_DOMAINS;
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
	case CP_INTERNAL_IP6_ADDRESS2:
		return address2_read(r, len, out);
	case CP_INTERNAL_DNS_DOMAIN:
		ret = domain_read(r, len, out);
		if (out->domain_n > domains)
			*domain = domains;
		return ret;
	case CP_INTERNAL_DNSSEC_TA: // "MUST immediately follow the INTERNAL_DNS_DOMAIN"
		*domain = behind;
		return ta_read(r, len, behind, out);
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
	uint32_t domain = CP_DOMAINS;
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
		ret = attr_read(type, &value, &domain, out);
		if (ret)
			return ret;
	}
	return 0;
}
