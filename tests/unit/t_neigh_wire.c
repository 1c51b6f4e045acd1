// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery packets: what we write is what we read, what RFC 4861 section 7.1 calls
// invalid is not taken. RFC 826, 4861, 5227.
#include "csum.h"
#include "neigh_wire.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 9};

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static int read_any(const uint8_t *frame, size_t len, struct neigh_packet *p)
{
	return frame[12] == 8 ? neigh_read_arp(frame, len, p) : neigh_read_nd(frame, len, p);
}

static const struct {
	const char *us, *them, *none;
} families[] = {{"10.1.0.1", "10.1.0.9", "0.0.0.0"}, {"2001:db8::1", "2001:db8::9", "::"}};

START_TEST(test_request)
{
	struct inet_addr us = addr(families[_i].us), them = addr(families[_i].them);
	struct inet_addr none = addr(families[_i].none);
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_packet p;
	size_t len;

	len = neigh_write_request(frame, mac, &us, &them, NULL);
	ck_assert_int_eq(read_any(frame, len, &p), 0);
	ck_assert_uint_eq(p.kind, NEIGH_REQUEST);
	ck_assert(inet_addr_equal(&p.target, &them) && inet_addr_equal(&p.sender, &us));
	ck_assert(p.has_mac && !p.unicast);
	ck_assert_mem_eq(p.mac, mac, 6);
	ck_assert_int_eq(frame[0], _i ? 0x33 : 0xff);
	len = neigh_write_request(frame, mac, &us, &them, peer_mac); // a probe of reachability
	ck_assert_int_eq(read_any(frame, len, &p), 0);
	ck_assert(p.unicast);
	ck_assert_mem_eq(frame, peer_mac, 6);
	len = neigh_write_request(frame, mac, &none, &us, NULL); // of an address
	ck_assert_int_eq(read_any(frame, len, &p), 0);
	ck_assert(inet_addr_is_unspecified(&p.sender));
	ck_assert_int_eq(p.has_mac, _i == 0);
}
END_TEST

START_TEST(test_reply)
{
	struct inet_addr us = addr(families[_i].us), them = addr(families[_i].them);
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_packet p;
	size_t len;

	len = neigh_write_reply(frame, mac, &us, &them, peer_mac);
	ck_assert_int_eq(read_any(frame, len, &p), 0);
	ck_assert_uint_eq(p.kind, NEIGH_REPLY);
	ck_assert(inet_addr_equal(&p.target, &us));
	ck_assert(p.solicited && p.override && p.unicast && p.has_mac);
	ck_assert_mem_eq(p.mac, mac, 6);
	len = neigh_write_reply(frame, mac, &us, NULL, NULL);
	ck_assert_int_eq(read_any(frame, len, &p), 0);
	ck_assert(!p.solicited && !p.unicast);
	ck_assert_mem_eq(p.mac, mac, 6);
}
END_TEST

// Each changes one byte (or the length) of a valid frame.
static const struct {
	const char *why;
	bool nd, advert;
	size_t at;
	uint8_t value;
	size_t cut; // bytes less
} bad[] = {
	{"another EtherType", false, false, 13, 7, 0},
	{"ARP hardware type", false, false, 15, 6, 0},
	{"ARP protocol type", false, false, 16, 9, 0},
	{"ARP address length", false, false, 18, 8, 0},
	{"ARP operation", false, false, 21, 3, 0},
	{"ARP sender has a group address", false, false, 22, 1, 0},
	{"ARP cut short", false, false, 0, 0xff, 19},
	{"IP version", true, false, 14, 0x40, 0},
	{"next header", true, false, 20, 17, 0},
	{"hop limit 254", true, false, 21, 254, 0},
	{"ICMP type", true, false, 54, 133, 0},
	{"ICMP code", true, false, 55, 1, 0},
	{"checksum", true, false, 56, 0, 0},
	{"cut short", true, false, 0, 0x33, 1},
	{"payload length beyond the frame", true, false, 19, 33, 0},
	{"payload length below 24", true, false, 19, 23, 0},
	{"target is multicast", true, false, 62, 0xff, 0},
	{"source is multicast", true, false, 22, 0xff, 0},
	{"option of length 0", true, false, 79, 0, 0},
	{"option longer than the packet", true, false, 79, 2, 0},
	{"solicited advertisement to all nodes", true, true, 58, 0x60, 0},
};

static void checksum_again(uint8_t *frame)
{
	uint8_t *ip = frame + 14, *icmp = ip + 40;
	uint16_t sum = 0;

	memcpy(icmp + 2, &sum, 2);
	sum = csum_l4(ip, IPPROTO_ICMPV6, icmp, (uint32_t)(ip[4] << 8 | ip[5]));
	memcpy(icmp + 2, &sum, 2);
}

START_TEST(test_bad)
{
	struct inet_addr us = addr(families[bad[_i].nd].us), them = addr(families[bad[_i].nd].them);
	uint8_t frame[NEIGH_FRAME_MAX + 64] = {0};
	struct neigh_packet p;
	size_t len = bad[_i].advert ? neigh_write_reply(frame, mac, &us, NULL, NULL)
				    : neigh_write_request(frame, mac, &us, &them, NULL);

	ck_assert_int_eq(
		bad[_i].nd ? neigh_read_nd(frame, len, &p) : neigh_read_arp(frame, len, &p), 0);
	frame[bad[_i].at] = bad[_i].value;
	if (bad[_i].nd && bad[_i].at != 56 && bad[_i].at > 21)
		checksum_again(frame);
	len -= bad[_i].cut;
	ck_assert_msg((bad[_i].nd ? neigh_read_nd(frame, len, &p)
				  : neigh_read_arp(frame, len, &p)) == -EINVAL,
		"%s", bad[_i].why);
}
END_TEST

// RFC 4861 section 7.1.1: an address probe goes to a group and carries no link-layer address.
START_TEST(test_bad_probe)
{
	struct inet_addr us = addr("2001:db8::1"), none = addr("::");
	uint8_t frame[NEIGH_FRAME_MAX] = {0};
	struct neigh_packet p;
	size_t len = neigh_write_request(frame, mac, &none, &us, peer_mac); // to one address

	ck_assert_int_eq(neigh_read_nd(frame, len, &p), -EINVAL);
	len = neigh_write_request(frame, mac, &us, &us, NULL);
	memset(frame + 22, 0, 16); // with the option
	checksum_again(frame);
	ck_assert_int_eq(neigh_read_nd(frame, len, &p), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("neigh_wire");
	TCase *tc = tcase_create("neigh_wire");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_request, 0, 2);
	tcase_add_loop_test(tc, test_reply, 0, 2);
	tcase_add_loop_test(tc, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, test_bad_probe);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
