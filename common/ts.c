// SPDX-License-Identifier: BSD-3-Clause
// Traffic selectors: RFC 7296 sections 2.9 and 3.13, RFC 4301 section 4.4.1.1. A selector is a box:
// an address range, a protocol or any, a port range or OPAQUE. Pure: any thread.
#include "ts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool port_any(const struct ts *ts)
{
	return ts->port_lo == 0 && ts->port_hi == 65535;
}

static bool port_opaque(const struct ts *ts)
{
	return ts->port_lo == 65535 && ts->port_hi == 0;
}

static size_t addr_len(const struct ts *ts)
{
	return inet_addr_bits(ts->family) / 8;
}

struct ts ts_from_prefix(const struct inet_prefix *prefix)
{
	struct ts ts = {.family = prefix->addr.family, .port_hi = 65535};
	struct inet_addr lo, hi;

	inet_prefix_range(prefix, &lo, &hi);
	memcpy(ts.lo, lo.bytes, 16);
	memcpy(ts.hi, hi.bytes, 16);
	return ts;
}

struct ts ts_from_addr(const struct inet_addr *addr)
{
	struct inet_prefix prefix = {.addr = *addr, .len = (uint8_t)inet_addr_bits(addr->family)};

	return ts_from_prefix(&prefix);
}

struct ts ts_any(uint8_t family)
{
	struct inet_prefix prefix = {.addr.family = family};

	return ts_from_prefix(&prefix);
}

bool ts_valid(const struct ts *ts)
{
	if (ts->family != AF_INET && ts->family != AF_INET6)
		return false;
	if (ts->port_lo > ts->port_hi && !port_opaque(ts))
		return false;
	return memcmp(ts->lo, ts->hi, addr_len(ts)) <= 0;
}

bool ts_equal(const struct ts *a, const struct ts *b)
{
	return a->family == b->family && a->proto == b->proto && a->port_lo == b->port_lo &&
		a->port_hi == b->port_hi && memcmp(a->lo, b->lo, addr_len(a)) == 0 &&
		memcmp(a->hi, b->hi, addr_len(a)) == 0;
}

// RFC 4301 section 4.4.1.1: ANY includes OPAQUE, a range of ports does not.
static bool ports_contain(const struct ts *outer, const struct ts *inner)
{
	if (port_any(outer))
		return true;
	if (port_opaque(outer) || port_opaque(inner))
		return port_opaque(outer) && port_opaque(inner);
	return outer->port_lo <= inner->port_lo && inner->port_hi <= outer->port_hi;
}

bool ts_contains(const struct ts *outer, const struct ts *inner)
{
	return outer->family == inner->family &&
		(outer->proto == 0 || outer->proto == inner->proto) &&
		ports_contain(outer, inner) && memcmp(outer->lo, inner->lo, addr_len(outer)) <= 0 &&
		memcmp(inner->hi, outer->hi, addr_len(outer)) <= 0;
}

bool ts_match(const struct ts *ts, const struct inet_addr *addr, uint8_t proto, bool has_port,
	uint16_t port)
{
	if (ts->family != addr->family || (ts->proto != 0 && ts->proto != proto))
		return false;
	if (memcmp(ts->lo, addr->bytes, addr_len(ts)) > 0 ||
		memcmp(addr->bytes, ts->hi, addr_len(ts)) > 0)
		return false;
	if (port_any(ts))
		return true;
	if (!has_port || port_opaque(ts))
		return !has_port && port_opaque(ts);
	return ts->port_lo <= port && port <= ts->port_hi;
}

static bool intersect_ports(const struct ts *a, const struct ts *b, struct ts *out)
{
	if (ports_contain(a, b) || ports_contain(b, a)) {
		const struct ts *inner = ports_contain(a, b) ? b : a;

		out->port_lo = inner->port_lo;
		out->port_hi = inner->port_hi;
		return true;
	}
	if (port_opaque(a) || port_opaque(b))
		return false;
	out->port_lo = a->port_lo > b->port_lo ? a->port_lo : b->port_lo;
	out->port_hi = a->port_hi < b->port_hi ? a->port_hi : b->port_hi;
	return out->port_lo <= out->port_hi;
}

bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
	struct ts both = {.family = a->family, .proto = a->proto != 0 ? a->proto : b->proto};
	size_t len = addr_len(a);

	if (a->family != b->family || (a->proto != 0 && b->proto != 0 && a->proto != b->proto))
		return false;
	if (!intersect_ports(a, b, &both))
		return false;
	memcpy(both.lo, memcmp(a->lo, b->lo, len) >= 0 ? a->lo : b->lo, len);
	memcpy(both.hi, memcmp(a->hi, b->hi, len) <= 0 ? a->hi : b->hi, len);
	if (memcmp(both.lo, both.hi, len) > 0)
		return false;
	*out = both;
	return true;
}

int ts_list_add(struct ts_list *list, const struct ts *ts)
{
	const struct ts added = *ts; // may lie in the list, which moves
	uint32_t kept = 0;

	if (ts_list_contains(list, &added))
		return 0;
	for (uint32_t i = 0; i < list->n; i++)
		if (!ts_contains(&added, &list->ts[i]))
			list->ts[kept++] = list->ts[i];
	list->n = kept;
	if (list->n >= TS_MAX)
		return -ENOSPC;
	list->ts[list->n++] = added;
	return 0;
}

void ts_list_narrow(
	const struct ts_list *proposed, const struct ts_list *allowed, struct ts_list *out)
{
	struct ts_list result = {};
	struct ts both;

	for (uint32_t i = 0; i < allowed->n; i++)
		for (uint32_t j = 0; j < proposed->n; j++)
			if (ts_intersect(&allowed->ts[i], &proposed->ts[j], &both))
				(void)ts_list_add(&result, &both); // a full list: narrowed further
	*out = result;
}

bool ts_list_contains(const struct ts_list *outer, const struct ts *inner)
{
	for (uint32_t i = 0; i < outer->n; i++)
		if (ts_contains(&outer->ts[i], inner))
			return true;
	return false;
}

static bool has(const struct ts_list *list, const struct ts *ts)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (ts_equal(&list->ts[i], ts))
			return true;
	return false;
}

bool ts_list_equal(const struct ts_list *a, const struct ts_list *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!has(b, &a->ts[i]))
			return false;
	for (uint32_t i = 0; i < b->n; i++)
		if (!has(a, &b->ts[i]))
			return false;
	return true;
}

static struct inet_addr make_addr(const struct ts *ts, const uint8_t *bytes)
{
	struct inet_addr addr = {.family = ts->family};

	memcpy(addr.bytes, bytes, addr_len(ts));
	return addr;
}

// How many leading bits two addresses of one family have in common.
static uint8_t common_bits(const struct inet_addr *a, const struct inet_addr *b)
{
	unsigned n = inet_addr_bits(a->family), at = 0;

	while (at < n && a->bytes[at / 8] == b->bytes[at / 8])
		at += 8;
	while (at < n && ((a->bytes[at / 8] ^ b->bytes[at / 8]) >> (7 - at % 8) & 1) == 0)
		at++;
	return (uint8_t)at;
}

// Writes the range as a prefix when it is one, else as LO-HI.
static int format_range(const struct ts *ts, char *buf, size_t cap)
{
	char lo_text[INET_ADDR_STRLEN], hi_text[INET_ADDR_STRLEN];
	struct inet_addr lo = make_addr(ts, ts->lo), hi = make_addr(ts, ts->hi);
	struct inet_prefix prefix = {.addr = lo, .len = common_bits(&lo, &hi)};
	struct inet_addr first, last;

	inet_addr_format(&lo, lo_text);
	inet_prefix_range(&prefix, &first, &last);
	if (ts->family != 0 && inet_addr_equal(&first, &lo) && inet_addr_equal(&last, &hi))
		return snprintf(buf, cap, "%s/%u", lo_text, prefix.len);
	return snprintf(buf, cap, "%s-%s", lo_text, inet_addr_format(&hi, hi_text));
}

static void format_ports(const struct ts *ts, char *buf, size_t cap)
{
	bool icmp = ts->proto == IPPROTO_ICMP || ts->proto == IPPROTO_ICMPV6;

	if (port_any(ts))
		snprintf(buf, cap, "]");
	else if (port_opaque(ts))
		snprintf(buf, cap, "/opaque]");
	else if (icmp && ts->port_lo == ts->port_hi)
		snprintf(buf, cap, "/%u:%u]", ts->port_lo >> 8, ts->port_lo & 0xff);
	else if (icmp)
		snprintf(buf, cap, "/%u:%u-%u:%u]", ts->port_lo >> 8, ts->port_lo & 0xff,
			ts->port_hi >> 8, ts->port_hi & 0xff);
	else if (ts->port_lo == ts->port_hi)
		snprintf(buf, cap, "/%u]", ts->port_lo);
	else
		snprintf(buf, cap, "/%u-%u]", ts->port_lo, ts->port_hi);
}

const char *ts_format(const struct ts *ts, char buf[TS_STRLEN])
{
	char proto[8], ports[32];
	int len = format_range(ts, buf, TS_STRLEN);

	if (ts->proto == 0 && port_any(ts))
		return buf;
	if (ts->proto == IPPROTO_TCP || ts->proto == IPPROTO_UDP)
		snprintf(proto, sizeof(proto), ts->proto == IPPROTO_TCP ? "tcp" : "udp");
	else if (ts->proto == 0)
		snprintf(proto, sizeof(proto), "any");
	else
		snprintf(proto, sizeof(proto), "%u", ts->proto);
	format_ports(ts, ports, sizeof(ports));
	snprintf(buf + len, TS_STRLEN - (size_t)len, "[%s%s", proto, ports);
	return buf;
}

// A decimal number up to max at *text, which moves behind it. 0 or -EINVAL.
static int take_number(const char **text, unsigned long max, unsigned long *out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	*out = strtoul(*text, &end, 10);
	*text = end;
	return *out <= max ? 0 : -EINVAL;
}

// A port, or TYPE:CODE of ICMP.
static int take_port(const char **text, bool icmp, uint16_t *out)
{
	unsigned long high, low;

	if (take_number(text, icmp ? 255 : 65535, &high) != 0)
		return -EINVAL;
	if (!icmp) {
		*out = (uint16_t)high;
		return 0;
	}
	if (*(*text)++ != ':' || take_number(text, 255, &low) != 0)
		return -EINVAL;
	*out = (uint16_t)(high << 8 | low);
	return 0;
}

static int parse_ports(const char *text, struct ts *ts)
{
	bool icmp = ts->proto == IPPROTO_ICMP || ts->proto == IPPROTO_ICMPV6;

	if (strcmp(text, "opaque]") == 0) {
		ts->port_lo = 65535;
		ts->port_hi = 0;
		return 0;
	}
	if (take_port(&text, icmp, &ts->port_lo) != 0)
		return -EINVAL;
	ts->port_hi = ts->port_lo;
	if (*text == '-') {
		text++;
		if (take_port(&text, icmp, &ts->port_hi) != 0 || ts->port_lo > ts->port_hi)
			return -EINVAL;
	}
	return strcmp(text, "]") == 0 ? 0 : -EINVAL;
}

// "udp/53]", what stands behind the bracket.
static int parse_narrowed(const char *text, struct ts *ts)
{
	unsigned long proto = 0;

	if (strncmp(text, "tcp", 3) == 0 || strncmp(text, "udp", 3) == 0 ||
		strncmp(text, "any", 3) == 0) {
		proto = text[0] == 't' ? IPPROTO_TCP : text[0] == 'u' ? IPPROTO_UDP : 0;
		text += 3;
	} else if (take_number(&text, 255, &proto) != 0) {
		return -EINVAL;
	}
	ts->proto = (uint8_t)proto;
	if (strcmp(text, "]") == 0)
		return 0;
	return *text == '/' ? parse_ports(text + 1, ts) : -EINVAL;
}

// A prefix, LO-HI or an address.
static int parse_range(const char *text, struct ts *ts)
{
	struct inet_prefix prefix;
	struct inet_addr lo, hi;
	char first[INET_ADDR_STRLEN];
	const char *dash = strchr(text, '-');

	if (inet_prefix_parse(text, &prefix) == 0) {
		*ts = ts_from_prefix(&prefix);
		return 0;
	}
	if (dash == NULL) {
		if (inet_addr_parse(text, &lo) != 0)
			return -EINVAL;
		*ts = ts_from_addr(&lo);
		return 0;
	}
	if ((size_t)(dash - text) >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (inet_addr_parse(first, &lo) != 0 || inet_addr_parse(dash + 1, &hi) != 0 ||
		lo.family != hi.family || inet_addr_compare(&lo, &hi) > 0)
		return -EINVAL;
	*ts = ts_from_addr(&lo);
	memcpy(ts->hi, hi.bytes, 16);
	return 0;
}

int ts_parse(const char *text, struct ts *out)
{
	char range[2 * INET_ADDR_STRLEN];
	size_t len = strcspn(text, "[");
	struct ts ts;

	if (len >= sizeof(range))
		return -EINVAL;
	memcpy(range, text, len);
	range[len] = '\0';
	if (parse_range(range, &ts) != 0)
		return -EINVAL;
	if (text[len] == '[' && parse_narrowed(text + len + 1, &ts) != 0)
		return -EINVAL;
	*out = ts;
	return 0;
}

// The prefix has no address behind the selector's last one.
static bool range_covers(const struct ts *ts, const struct inet_prefix *prefix)
{
	struct ts whole = ts_from_prefix(prefix);

	return memcmp(whole.hi, ts->hi, 16) <= 0;
}

// The address behind the prefix; false when it is the last of all.
static bool step_behind(struct inet_addr *addr, unsigned len)
{
	unsigned bit = len;

	while (bit-- > 0) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		addr->bytes[bit / 8] ^= mask;
		if (addr->bytes[bit / 8] & mask)
			return true;
	}
	return false;
}

static bool is_aligned(const struct inet_addr *addr, unsigned len)
{
	for (unsigned bit = len; bit < inet_addr_bits(addr->family); bit++)
		if (addr->bytes[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

uint32_t ts_prefixes(const struct ts *ts, struct inet_prefix *out, uint32_t max)
{
	unsigned bits = inet_addr_bits(ts->family);
	struct inet_prefix prefix = {.addr = {.family = ts->family}};
	uint32_t n = 0;

	if (bits == 0 || memcmp(ts->lo, ts->hi, 16) > 0)
		return 0;
	memcpy(prefix.addr.bytes, ts->lo, bits / 8);
	while (n < max) {
		unsigned len = bits;

		prefix.len = (uint8_t)bits;
		while (len > 0 && is_aligned(&prefix.addr, len - 1)) {
			struct inet_prefix wider = prefix;

			wider.len = (uint8_t)(len - 1);
			if (!range_covers(ts, &wider))
				break;
			prefix = wider;
			len--;
		}
		out[n++] = prefix;
		if (!step_behind(&prefix.addr, len) || memcmp(prefix.addr.bytes, ts->hi, 16) > 0)
			break;
	}
	return n;
}
