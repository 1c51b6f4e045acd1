// SPDX-License-Identifier: BSD-3-Clause
// I5: Packet Too Big about IKE datagrams of ours reaches control, and nothing else that looks like it.
// RFC 4443 section 3.2.
#include "csum.h"
#include "plane_test.h"
#include "ring.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <stdlib.h>

static struct world *gw;
static struct ring up_ours, up_control;

static void setup(void)
{
	gw = world_new(1, false);
}

static void teardown(void)
{
	world_free(gw);
	pkt_check_leaks();
}

static void control_make(void)
{
	void *shared = aligned_alloc(64, ring_bytes(512));

	memset(shared, 0, ring_bytes(512));
	ring_init(&up_ours, shared, 512);
	ring_init(&up_control, shared, 512);
	gw->w[0]->punt_up = &up_ours;
}

static void control_free(void)
{
	free(up_ours.shared);
}

// A router's word on an IKE datagram of ours, in which one octet may be another: RFC 4443 section 3.2.
static struct rte_mbuf *make_too_big(uint16_t port, size_t at, uint8_t value, size_t len)
{
	uint8_t icmp[8 + 40 + 8 + 4 + 16] = {ICMP6_PACKET_TOO_BIG, [6] = 0x05, [7] = 0x14};
	uint8_t *ip = icmp + 8, *udp = ip + 40, *body = udp + 8;
	struct rte_mbuf *m;
	uint16_t sum;

	ip[0] = 0x60;
	ip[6] = IPPROTO_UDP;
	inet_pton(AF_INET6, "2001:db8:ff::1", ip + 8);
	inet_pton(AF_INET6, "2001:db8:fe::2", ip + 24);
	udp[0] = (uint8_t)(port >> 8);
	udp[1] = (uint8_t)port;
	if (port == 4500)
		body += 4;
	body[7] = 0x11;
	body[15] = 0x22;
	icmp[at] = value;
	m = pkt_ip("2001:db8:ff::fe", "2001:db8:ff::1", IPPROTO_ICMPV6, icmp, len);
	sum = csum_l4(pkt_data(m), IPPROTO_ICMPV6, pkt_data(m) + 40, (uint32_t)len);
	memcpy(pkt_data(m) + 42, &sum, 2);
	return m;
}

#define TOO_BIG_WHOLE 76 // with marker

static const struct {
	uint16_t port;
	uint8_t at, value, len;
	bool told;
	const char *why;
} too_bigs[] = {
	{500, 4, 0, 72, true, "port 500"},
	{4500, 4, 0, TOO_BIG_WHOLE, true, "port 4500"},
	{500, 4, 0, 71, false, "SPIs cut off"},
	{4500, 4, 0, TOO_BIG_WHOLE - 1, false, "SPIs cut off behind the marker"},
	{500, 0, 3, TOO_BIG_WHOLE, false, "time exceeded"},
	{500, 1, 1, TOO_BIG_WHOLE, false, "another code"},
	{500, 8, 0x40, TOO_BIG_WHOLE, false, "about an IPv4 packet"},
	{500, 14, IPPROTO_ESP, TOO_BIG_WHOLE, false, "about ESP"},
	{500, 31, 9, TOO_BIG_WHOLE, false, "about a packet of somebody else"},
	{501, 4, 0, TOO_BIG_WHOLE, false, "about another port"},
	{4500, 56, 1, TOO_BIG_WHOLE, false, "about ESP in UDP"},
};

START_TEST(test_too_big)
{
	static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));
	const struct ipc_too_big *up = (struct ipc_too_big *)(msg + sizeof(struct ipc_hdr));
	struct rte_mbuf *m = make_too_big(
		too_bigs[_i].port, too_bigs[_i].at, too_bigs[_i].value, too_bigs[_i].len);

	control_make();
	gw->w[0]->port[PORT_OUTER].shared = true; // the host sees it as well
	world_in(gw, PORT_OUTER, m);
	if (too_bigs[_i].told) {
		ck_assert_int_gt(ring_get(&up_control, msg, sizeof(msg)), 0);
		ck_assert_uint_eq(((struct ipc_hdr *)msg)->type, IPC_TOO_BIG);
		ck_assert_uint_eq(up->mtu, 1300);
		ck_assert_uint_eq(up->spi_i, 0x11);
		ck_assert_uint_eq(up->spi_r, 0x22);
		ck_assert_uint_eq(up->local.bytes[15], 1);
		ck_assert_uint_eq(up->remote.bytes[15], 2);
		// One that is not what its checksum says.
		m = make_too_big(too_bigs[_i].port, 4, 0, too_bigs[_i].len);
		pkt_data(m)[46]++;
		world_in(gw, PORT_OUTER, m);
	}
	ck_assert_int_le(ring_get(&up_control, msg, sizeof(msg)), 0);
	ck_assert_msg(world_drops(gw, DROP_HOST) == 1, "%s", too_bigs[_i].why);
	control_free();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("too_big");
	TCase *tc = tcase_create("too_big");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_too_big, 0, RTE_DIM(too_bigs));
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
