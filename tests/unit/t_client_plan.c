// SPDX-License-Identifier: BSD-3-Clause
// What a client's host gets from a gateway's reply (L12, RFC 5739 sections 4.1, 4.4), ranges as
// prefixes, and how much fits into an ESP packet.
#include "client_plan.h"
#include "mtu.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *why, *lo, *hi;
	const char *expect[6];
} ranges[] = {
	{"everything", "0.0.0.0", "255.255.255.255", {"0.0.0.0/0"}},
	{"one address", "10.0.0.9", "10.0.0.9", {"10.0.0.9/32"}},
	{"one prefix", "10.20.0.0", "10.20.0.255", {"10.20.0.0/24"}},
	{"from 1 to 6", "10.0.0.1", "10.0.0.6",
		{"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}},
	{"the end of all", "255.255.255.254", "255.255.255.255", {"255.255.255.254/31"}},
	{"all IPv6", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {"::/0"}},
	{"two /64", "2001:db8:0:1::", "2001:db8:0:2:ffff:ffff:ffff:ffff",
		{"2001:db8:0:1::/64", "2001:db8:0:2::/64"}},
};

START_TEST(test_ts_prefixes)
{
	struct inet_addr lo, hi;
	struct inet_prefix out[32];
	struct ts ts = {.port_hi = 65535};
	char text[INET_PREFIX_STRLEN];
	uint32_t n = 0;

	inet_addr_parse(ranges[_i].lo, &lo);
	inet_addr_parse(ranges[_i].hi, &hi);
	ts.family = lo.family;
	memcpy(ts.lo, lo.bytes, 16);
	memcpy(ts.hi, hi.bytes, 16);
	n = ts_prefixes(&ts, out, 32);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_msg(ranges[_i].expect[i] != NULL &&
				strcmp(inet_prefix_format(&out[i], text), ranges[_i].expect[i]) ==
					0,
			"%s: %s", ranges[_i].why, inet_prefix_format(&out[i], text));
	ck_assert_ptr_null(ranges[_i].expect[n]);
	ck_assert_uint_eq(ts_prefixes(&ts, out, 1), 1);
}
END_TEST

static struct config_connection connection;
static struct cp_attrs cp;
static struct ts_list local, remote;
static struct client_plan plan;

static void setup(void)
{
	struct ts ts = ts_any(AF_INET6);
	struct inet_addr own = {
		.family = AF_INET6, .bytes = {0xfe, 0x80, [8] = 2, 0, 0, 0, 0, 0, 0, 0x55}};

	connection = (struct config_connection){.interface = "cpn0"};
	cp = (struct cp_attrs){.type = CP_REPLY, .link = true, .prefix_n = 2, .ip4_n = 1};
	inet_prefix_parse("2001:db8:1000:5::/64", &cp.prefix[0]);
	inet_prefix_parse("fd00:db8:1000::/56", &cp.prefix[1]);
	inet_addr_parse("10.66.0.9", &cp.ip4[0]);
	cp.dns_n = 1;
	inet_addr_parse("10.20.0.53", &cp.dns[0]);
	strcpy(cp.domain[0], "corp.example.org");
	cp.domain_n = 1;
	memset(cp.link_iid, 0xee, 8); // the gateway's
	local = remote = (struct ts_list){};
	ts_list_add(&remote, &ts);
	ts = ts_any(AF_INET);
	ts_list_add(&remote, &ts);
	ts = ts_from_prefix(&cp.prefix[0]);
	ts_list_add(&local, &ts);
	ts = ts_from_addr(&own);
	ts_list_add(&local, &ts);
}

static bool has_addr(const char *text, uint8_t nodad)
{
	struct inet_addr addr;
	uint8_t len = 0;

	ck_assert_int_eq(inet_ifaddr_parse(text, &addr, &len), 0);
	for (uint32_t i = 0; i < plan.hostif.addr_n; i++)
		if (inet_addr_equal(&plan.hostif.addr[i].addr, &addr) &&
			plan.hostif.addr[i].prefix_len == len && plan.hostif.addr[i].nodad == nodad)
			return true;
	return false;
}

static bool has(const struct inet_prefix *list, uint32_t n, const char *text)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	for (uint32_t i = 0; i < n; i++)
		if (inet_prefix_equal(&list[i], &prefix))
			return true;
	return false;
}

// L12: the link-local address of the negotiated interface ID, one address from each prefix.
START_TEST(test_link_L12)
{
	client_plan(&connection, &cp, &local, &remote, 1400, &plan);
	ck_assert_str_eq(plan.hostif.name, "cpn0");
	ck_assert_uint_eq(plan.hostif.mtu, 1400);
	ck_assert_uint_eq(plan.hostif.addr_n, 4);
	ck_assert(has_addr("fe80::200:0:0:55/64", 1));
	ck_assert(has_addr("2001:db8:1000:5:200::55/64", 1));
	ck_assert(has_addr("fd00:db8:1000::200:0:0:55/64", 1));
	ck_assert(has_addr("10.66.0.9/32", 0));
	ck_assert_uint_eq(plan.hostif.route_n, 2);
	ck_assert(has(plan.hostif.route, 2, "::/0") && has(plan.hostif.route, 2, "0.0.0.0/0"));
	// All of the prefix comes in, whatever addresses the host makes up from it (L1).
	ck_assert_uint_eq(plan.inward_n, 5);
	ck_assert(has(plan.inward, 5, "2001:db8:1000:5::/64"));
	ck_assert(has(plan.inward, 5, "fd00:db8:1000::/56"));
	ck_assert(has(plan.inward, 5, "10.66.0.9/32"));
	ck_assert(has(plan.inward, 5, "fe80::/10"));
	ck_assert(has(plan.inward, 5, "ff00::/8"));
	ck_assert(has(plan.outward, plan.outward_n, "::/0"));
	ck_assert(has(plan.outward, plan.outward_n, "fe80::/10"));
	ck_assert_uint_eq(plan.hostif.dns_n, 1);
	ck_assert_str_eq(plan.hostif.domain, "corp.example.org");
}
END_TEST

// A gateway that knows no links.
START_TEST(test_plain_L9)
{
	cp = (struct cp_attrs){.type = CP_REPLY, .ip6_n = 1};
	inet_addr_parse("2001:db8:2000::7", &cp.ip6[0].addr);
	cp.ip6[0].prefix_len = 64;
	client_plan(&connection, &cp, &local, &remote, 900, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, 1);
	ck_assert(has_addr("2001:db8:2000::7/128", 1));
	ck_assert_uint_eq(plan.hostif.route_n, 1); // no IPv4 address, no IPv4 route
	ck_assert_uint_eq(plan.inward_n, 1);
	ck_assert_uint_eq(plan.hostif.mtu, 1280); // IPv6 wants it
}
END_TEST

START_TEST(test_configured_routes)
{
	connection.route_n = 1;
	inet_prefix_parse("2001:db8:aaaa::/64", &connection.route[0]);
	client_plan(&connection, &cp, &local, &remote, 1400, &plan);
	ck_assert_uint_eq(plan.hostif.route_n, 1);
	ck_assert(has(plan.hostif.route, 1, "2001:db8:aaaa::/64"));
	ck_assert(!has(plan.outward, plan.outward_n, "::/0"));
}
END_TEST

// By hand, from RFC 4303's figure: header 8, IV, payload, padding, 2, ICV.
static const struct {
	const char *why;
	struct esp_suite suite;
	uint8_t family;
	bool encap;
	uint32_t outer, inner;
} mtus[] = {
	{"GCM in IPv4: 1500-20-8-8-16 = 1448, less 2", {ENCR_AES_GCM_16, 128, 0, 0}, AF_INET, false,
		1500, 1446},
	{"GCM in IPv4 and UDP", {ENCR_AES_GCM_16, 256, 0, 1}, AF_INET, true, 1500, 1438},
	{"GCM in IPv6", {ENCR_AES_GCM_16, 128, 0, 0}, AF_INET6, false, 1500, 1426},
	{"GCM in IPv6 and UDP", {ENCR_AES_GCM_16, 128, 0, 0}, AF_INET6, true, 1500, 1418},
	{"ChaCha in IPv4", {ENCR_CHACHA20_POLY1305, 0, 0, 0}, AF_INET, false, 1500, 1446},
	{"CBC and SHA-256 in IPv4: 1500-20-8-16-16 = 1440, whole blocks, less 2",
		{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, 0}, AF_INET, false, 1500, 1438},
	{"the same in UDP: 1432 makes 1424", {ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, 0},
		AF_INET, true, 1500, 1422},
	{"odd outer MTU", {ENCR_AES_GCM_16, 128, 0, 0}, AF_INET, false, 1499, 1442},
	{"nothing fits", {ENCR_AES_GCM_16, 128, 0, 0}, AF_INET, false, 50, 0},
	{"no such cipher", {99, 128, 0, 0}, AF_INET, false, 1500, 0},
};

START_TEST(test_mtu)
{
	ck_assert_msg(mtu_inner(&mtus[_i].suite, mtus[_i].family, mtus[_i].encap, mtus[_i].outer) ==
			mtus[_i].inner,
		"%s", mtus[_i].why);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_plan");
	TCase *tc = tcase_create("client_plan");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, test_ts_prefixes, 0, sizeof(ranges) / sizeof(ranges[0]));
	tcase_add_test(tc, test_link_L12);
	tcase_add_test(tc, test_plain_L9);
	tcase_add_test(tc, test_configured_routes);
	tcase_add_loop_test(tc, test_mtu, 0, sizeof(mtus) / sizeof(mtus[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
