// SPDX-License-Identifier: BSD-3-Clause
// Addresses and prefixes of both families: text, comparison, arithmetic on the slots of a pool.
// Pure functions of their arguments: any thread. RFC 4291.
#include "inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inet_addr inet_addr_v4(uint32_t addr_be)
{
	struct inet_addr addr = {.family = AF_INET};

	memcpy(addr.bytes, &addr_be, 4);
	return addr;
}

struct inet_addr inet_addr_v6(const uint8_t bytes[16])
{
	struct inet_addr addr = {.family = AF_INET6};

	memcpy(addr.bytes, bytes, 16);
	return addr;
}

struct inet_addr inet_addr_link_local(const uint8_t iid[8])
{
	struct inet_addr addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}};

	memcpy(addr.bytes + 8, iid, 8);
	return addr;
}

int inet_addr_parse(const char *text, struct inet_addr *out)
{
	struct inet_addr addr = {};

	if (inet_pton(AF_INET, text, addr.bytes) == 1)
		addr.family = AF_INET;
	else if (inet_pton(AF_INET6, text, addr.bytes) == 1)
		addr.family = AF_INET6;
	else
		return -EINVAL;
	*out = addr;
	return 0;
}

int inet_ifaddr_parse(const char *text, struct inet_addr *addr, uint8_t *len)
{
	char host[INET_ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	unsigned value = 0;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	// One to three digits and nothing else: strtoul() would take signs and spaces.
	for (const char *p = slash + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || p - slash > 3)
			return -EINVAL;
		value = value * 10 + (unsigned)(*p - '0');
	}
	if (slash[1] == '\0' || inet_addr_parse(host, addr) != 0 ||
		value > inet_addr_bits(addr->family))
		return -EINVAL;
	*len = (uint8_t)value;
	return 0;
}

int inet_prefix_parse(const char *text, struct inet_prefix *out)
{
	struct inet_prefix prefix = {}, net;

	if (inet_ifaddr_parse(text, &prefix.addr, &prefix.len) != 0)
		return -EINVAL;
	net = prefix;
	inet_prefix_normalize(&net);
	if (!inet_addr_equal(&net.addr, &prefix.addr))
		return -ERANGE;
	*out = prefix;
	return 0;
}

const char *inet_addr_format(const struct inet_addr *addr, char buf[INET_ADDR_STRLEN])
{
	if (!inet_addr_valid(addr) ||
		inet_ntop(addr->family, addr->bytes, buf, INET_ADDR_STRLEN) == NULL)
		snprintf(buf, INET_ADDR_STRLEN, "%s", addr->family == 0 ? "none" : "?");
	return buf;
}

const char *inet_prefix_format(const struct inet_prefix *prefix, char buf[INET_PREFIX_STRLEN])
{
	char addr[INET_ADDR_STRLEN];

	snprintf(buf, INET_PREFIX_STRLEN, "%s/%u", inet_addr_format(&prefix->addr, addr),
		prefix->len);
	return buf;
}

int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, inet_addr_bits(a->family) / 8);
}

bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b)
{
	return inet_addr_compare(a, b) == 0;
}

bool inet_addr_is_multicast(const struct inet_addr *addr)
{
	if (addr->family == AF_INET)
		return (addr->bytes[0] & 0xf0) == 0xe0;
	return addr->family == AF_INET6 && addr->bytes[0] == 0xff;
}

bool inet_addr_is_link_local(const struct inet_addr *addr)
{
	if (addr->family == AF_INET)
		return addr->bytes[0] == 169 && addr->bytes[1] == 254;
	return addr->family == AF_INET6 && addr->bytes[0] == 0xfe &&
		(addr->bytes[1] & 0xc0) == 0x80;
}

bool inet_addr_is_unspecified(const struct inet_addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, inet_addr_bits(addr->family) / 8) == 0;
}

bool inet_addr_valid(const struct inet_addr *addr)
{
	return addr->family == AF_INET || addr->family == AF_INET6;
}

bool inet_prefix_valid(const struct inet_prefix *prefix)
{
	return inet_addr_valid(&prefix->addr) && prefix->len <= inet_addr_bits(prefix->addr.family);
}

// Bits that a prefix of `len` bits fixes in its byte i.
static uint8_t byte_mask(unsigned len, unsigned i)
{
	if (len >= 8 * (i + 1))
		return 0xff;
	return len <= 8 * i ? 0 : (uint8_t)(0xff00 >> (len - 8 * i));
}

void inet_prefix_normalize(struct inet_prefix *prefix)
{
	for (unsigned i = 0; i < 16; i++)
		prefix->addr.bytes[i] &= byte_mask(prefix->len, i);
}

bool inet_prefix_contains(const struct inet_prefix *prefix, const struct inet_addr *addr)
{
	unsigned whole = prefix->len / 8;

	if (prefix->addr.family != addr->family || !inet_prefix_valid(prefix))
		return false;
	if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
		return false;
	if (prefix->len % 8 == 0)
		return true;
	return ((prefix->addr.bytes[whole] ^ addr->bytes[whole]) & byte_mask(prefix->len, whole)) ==
		0;
}

bool inet_prefix_covers(const struct inet_prefix *outer, const struct inet_prefix *inner)
{
	return outer->len <= inner->len && inet_prefix_contains(outer, &inner->addr);
}

bool inet_prefix_equal(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return a->len == b->len && inet_addr_equal(&a->addr, &b->addr);
}

void inet_prefix_range(
	const struct inet_prefix *prefix, struct inet_addr *first, struct inet_addr *last)
{
	unsigned n = inet_addr_bits(prefix->addr.family) / 8;
	struct inet_addr lo = prefix->addr, hi = prefix->addr;

	for (unsigned i = 0; i < n; i++) {
		lo.bytes[i] &= byte_mask(prefix->len, i);
		hi.bytes[i] |= (uint8_t)~byte_mask(prefix->len, i);
	}
	*first = lo;
	*last = hi;
}

// Bit `i` of an address, counted from the left.
static unsigned bit_get(const uint8_t *bytes, unsigned i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

int inet_prefix_nth(
	const struct inet_prefix *pool, uint8_t sub_len, uint64_t n, struct inet_prefix *out)
{
	struct inet_prefix sub = {.addr = pool->addr, .len = pool->len};
	unsigned bits;

	if (!inet_prefix_valid(pool) || sub_len < pool->len ||
		sub_len > inet_addr_bits(pool->addr.family))
		return -ERANGE;
	bits = sub_len - pool->len;
	if (bits < 64 && n >> bits != 0)
		return -ERANGE;
	inet_prefix_normalize(&sub);
	sub.len = sub_len;
	for (unsigned i = 0; i < bits && i < 64; i++) {
		unsigned at = sub_len - 1u - i;

		sub.addr.bytes[at / 8] |= (uint8_t)((n >> i & 1) << (7 - at % 8));
	}
	*out = sub;
	return 0;
}

int inet_prefix_index(const struct inet_prefix *pool, const struct inet_prefix *sub, uint64_t *n)
{
	uint64_t value = 0;

	if (!inet_prefix_valid(pool) || !inet_prefix_valid(sub) || !inet_prefix_covers(pool, sub))
		return -ERANGE;
	for (unsigned i = pool->len; i < sub->len; i++) {
		if (value >> 63 != 0)
			return -ERANGE;
		value = value << 1 | bit_get(sub->addr.bytes, i);
	}
	*n = value;
	return 0;
}
