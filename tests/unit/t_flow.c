// SPDX-License-Identifier: BSD-3-Clause
// Headers into struct pkt_meta: rows of packets in hex, each also cut short at every length and with
// every byte spoilt (address sanitizer: no read behind the end), and what must hash alike.
#include "flow.h"
#include "t_hex.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

#define V6 "20010db8000000000000000000000001 20010db8000000000000000000000002"
#define V4 "0a420001 0a140002"

static const struct {
	const char *why;
	const char *hex;
	int result; // length, or -reason
	uint8_t family;
	uint8_t proto;
	uint16_t l4_off;
	bool ports;
	uint16_t src, dst;
	bool fragment;
} rows[] = {
	{"UDP in IPv6", "60000000 000c1140 " V6 " 1234 0035 000c 0000 01020304", 52, AF_INET6, 17,
		40, true, 0x1234, 53, false},
	{"TCP in IPv4",
		"45000034 00004000 40060000 " V4
		" 8000 0050 00000001 00000002 50100000 00000000 0000000000000000 00000000",
		52, AF_INET, 6, 20, true, 0x8000, 80, false},
	{"IPv4 options", "46000020 00000000 40110000 " V4 " 94040000 0001 0002 0008 0000", 32,
		AF_INET, 17, 24, true, 1, 2, false},
	{"ESP", "4500001c 00000000 40320000 " V4 " 00001000 00000001", 28, AF_INET, 50, 20, false,
		0, 0, false},
	{"ESP in IPv6", "60000000 00083240 " V6 " 00001000 00000001", 48, AF_INET6, 50, 40, false,
		0, 0, false},
	{"ICMP: type and code", "4500001c 00000000 40010000 " V4 " 0304 0000 0000 0000", 28,
		AF_INET, 1, 20, true, 0x0304, 0, false},
	{"ICMPv6", "60000000 00083aff " V6 " 8000 0000 0001 0001", 48, AF_INET6, 58, 40, true,
		0x8000, 0, false},
	{"ICMP of the other family, two octets of it", "60000000 00020140 " V6 " 0304", 42,
		AF_INET6, 1, 40, true, 0x0304, 0, false},
	{"ICMPv6 in IPv4, two octets of it", "45000016 00000000 403a0000 " V4 " 8000", 22, AF_INET,
		58, 20, true, 0x8000, 0, false},
	{"mobility header: type in the upper octet", "60000000 00088740 " V6 " 3b00 0500 0000 0000",
		48, AF_INET6, 135, 40, true, 0x0500, 0, false},
	{"hop-by-hop and destination options before UDP",
		"60000000 00180040 " V6
		" 3c00 0104 00000000 1100 0104 00000000 0007 0008 0008 0000",
		64, AF_INET6, 17, 56, true, 7, 8, false},
	{"routing header", "60000000 00102b40 " V6 " 1100 0000 00000000 0007 0008 0008 0000", 56,
		AF_INET6, 17, 48, true, 7, 8, false},
	{"first fragment of IPv6 has ports",
		"60000000 00102c40 " V6 " 1100 0001 00000009 0007 0008 0008 0000", 56, AF_INET6, 17,
		48, true, 7, 8, false},
	{"later fragment of IPv6 has none",
		"60000000 00102c40 " V6 " 1100 0009 00000009 0007 0008 0008 0000", 56, AF_INET6, 17,
		48, false, 0, 0, true},
	{"first fragment of IPv4", "4500001c 00012000 40110000 " V4 " 0007 0008 0008 0000", 28,
		AF_INET, 17, 20, true, 7, 8, false},
	{"later fragment of IPv4", "4500001c 00010001 40110000 " V4 " 0007 0008 0008 0000", 28,
		AF_INET, 17, 20, false, 0, 0, true},
	{"AH is a next layer protocol (RFC 4301 4.4.1.1)",
		"60000000 00083340 " V6 " 0000000000000000", 48, AF_INET6, 51, 40, false, 0, 0,
		false},
	{"no next header", "60000000 00003b40 " V6, 40, AF_INET6, 59, 40, false, 0, 0, false},
	{"UDP header cut short: ports unknown", "45000016 00000000 40110000 " V4 " 0007", 22,
		AF_INET, 17, 20, false, 0, 0, false},
	{"padding behind the packet is not part of it",
		"4500001c 00000000 40110000 " V4 " 0007 0008 0008 0000 00000000000000000000", 28,
		AF_INET, 17, 20, true, 7, 8, false},
	{"payload length zero", "60000000 00001140 " V6 " 0007 0008 0008 0000", 40, AF_INET6, 17,
		40, false, 0, 0, false},
	{"longer than what is there", "60000000 00181140 " V6 " 0007 0008 0008 0000", -DROP_RUNT},
	{"IPv4 longer than what is there", "45000030 00000000 40110000 " V4 " 0007 0008 0008 0000",
		-DROP_RUNT},
	{"IPv4 total length below the header",
		"45000013 00000000 40110000 " V4 " 0007 0008 0008 0000", -DROP_RUNT},
	{"IPv4 header length below 20", "44000014 00000000 40110000 " V4, -DROP_BAD_IP_HEADER},
	{"extension header runs out", "60000000 00080040 " V6 " 1101 0104 00000000", -DROP_RUNT},
	{"version 5", "50000000 00000000 00000000 0000000000000000", -DROP_NOT_IP},
	{"nothing", "", -DROP_RUNT},
};

static int parse(const uint8_t *data, size_t len, struct pkt_meta *meta)
{
	uint8_t *exact = exact_copy(data, len);
	int ret = flow_parse(exact, (uint32_t)len, (uint32_t)len, meta);

	free(exact);
	return ret;
}

START_TEST(headers)
{
	uint8_t data[256];
	size_t len = hex_parse(rows[_i].hex, data, sizeof(data));
	struct pkt_meta meta = {
		.flags = PKT_ENCAP | PKT_FRAGMENT | PKT_FIRST_FRAGMENT | PKT_PORTS, .sa = 7};
	int ret = parse(data, len, &meta);

	ck_assert_msg(ret == rows[_i].result, "%s: %d", rows[_i].why, ret);
	ck_assert_uint_eq(meta.sa, 7);
	ck_assert(meta.flags & PKT_ENCAP);
	if (ret <= 0)
		return;
	ck_assert_uint_eq(meta.family, rows[_i].family);
	ck_assert_uint_eq(meta.proto, rows[_i].proto);
	ck_assert_uint_eq(meta.l4_off, rows[_i].l4_off);
	ck_assert(!!(meta.flags & PKT_PORTS) == rows[_i].ports);
	ck_assert(!!(meta.flags & PKT_FRAGMENT) == rows[_i].fragment);
	ck_assert_uint_eq(meta.src_port, rows[_i].src);
	ck_assert_uint_eq(meta.dst_port, rows[_i].dst);
}
END_TEST

// The inline part and the general one agree on everything.
START_TEST(both_ways_agree)
{
	uint8_t data[256];
	size_t len = hex_parse(rows[_i].hex, data, sizeof(data));

	for (size_t at = 0; at < len; at++) {
		for (uint32_t bit = 0; bit < 8; bit++) {
			struct pkt_meta a = {0}, b = {0};

			data[at] ^= (uint8_t)(1 << bit);
			ck_assert_int_eq(parse(data, len, &a),
				flow_parse_any(data, (uint32_t)len, (uint32_t)len, &b));
			ck_assert_mem_eq(&a, &b, sizeof(a));
			data[at] ^= (uint8_t)(1 << bit);
		}
	}
}
END_TEST

START_TEST(cut_short)
{
	uint8_t data[256];
	size_t len = hex_parse(rows[_i].hex, data, sizeof(data));

	for (size_t n = 0; n < len; n++) {
		struct pkt_meta meta = {0};
		int ret = parse(data, n, &meta);

		ck_assert_int_le(ret, (int)n);
		if (rows[_i].result > 0 && n < (size_t)rows[_i].result)
			ck_assert_int_le(ret, 0);
	}
}
END_TEST

static uint32_t hash_of(const char *hex)
{
	uint8_t data[256];
	size_t len = hex_parse(hex, data, sizeof(data));
	struct pkt_meta meta = {0};

	ck_assert_int_gt(parse(data, len, &meta), 0);
	return flow_hash(data, &meta);
}

START_TEST(hash)
{
	uint32_t flow = hash_of("60000000 000c1140 " V6 " 1234 0035 000c 0000 01020304");
	uint32_t first = hash_of("60000000 00102c40 " V6 " 1100 0001 00000009 0007 0008 0008 0000");

	ck_assert_uint_eq(flow, hash_of("60012345 000c1105 " V6 " 1234 0035 000c 9999 ffffffff"));
	ck_assert_uint_ne(flow, hash_of("60000000 000c1140 " V6 " 1235 0035 000c 0000 01020304"));
	ck_assert_uint_ne(flow, hash_of("60000000 000c0640 " V6 " 1234 0035 000c 0000 01020304"));
	// Fragments of one packet.
	ck_assert_uint_eq(
		first, hash_of("60000000 00102c40 " V6 " 1100 0009 00000009 1111 2222 0000 0000"));
	ck_assert_uint_eq(hash_of("4500001c 00012000 40110000 " V4 " 0007 0008 0008 0000"),
		hash_of("4500001c 00010001 40110000 " V4 " 1111 2222 0008 0000"));
	// ICMP: type and code are no flow.
	ck_assert_uint_eq(hash_of("60000000 00083aff " V6 " 8000 0000 0001 0001"),
		hash_of("60000000 00083aff " V6 " 8100 0000 0001 0001"));
	// Another process hashes otherwise.
	flow_seed_random();
	ck_assert_uint_ne(flow, hash_of("60000000 000c1140 " V6 " 1234 0035 000c 0000 01020304"));
}
END_TEST

// A chain of extension headers as long as a packet can hold is not followed to its end.
START_TEST(many_extensions)
{
	uint8_t data[40 + 8 * 20] = {0x60, [4] = 0, [5] = 160, [6] = 0, [7] = 64};
	struct pkt_meta meta = {0};

	for (int i = 0; i < 20; i++)
		data[40 + i * 8] = i < 19 ? 60 : 17;
	ck_assert_int_eq(parse(data, sizeof(data), &meta), 200);
	ck_assert_uint_eq(meta.proto, 60);
	ck_assert(!(meta.flags & PKT_PORTS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n = sizeof(rows) / sizeof(rows[0]), failed;

	tcase_add_loop_test(tc, headers, 0, n);
	tcase_add_loop_test(tc, both_ways_agree, 0, n);
	tcase_add_loop_test(tc, cut_short, 0, n);
	tcase_add_test(tc, hash);
	tcase_add_test(tc, many_extensions);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
