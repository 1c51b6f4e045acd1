// SPDX-License-Identifier: BSD-3-Clause
// What the first look at a packet does with it: the exact drop reason of everything malformed, and
// the way of everything else. RFC 3948 section 2.2 and 2.3, RFC 768, 791, 8200, 4861, 826.
#include "plane_test.h"
#include "punt.h"

#include <netinet/icmp6.h>

static struct world *gw;

static void setup(void)
{
	gw = world_new(1, false);
}

static void teardown(void)
{
	world_free(gw);
	pkt_check_leaks();
}

static const uint8_t ike[28] = {1, 2, 3, 4};

static struct rte_mbuf *make_ike(uint16_t port, size_t marker)
{
	uint8_t data[64] = {0};

	memcpy(data + marker, ike, sizeof(ike));
	return pkt_udp("198.51.100.2", "192.0.2.1", 4999, port, data, marker + sizeof(ike));
}

// The same with an SPI of the responder's.
static struct rte_mbuf *make_ike_of_sa(uint16_t port, size_t marker)
{
	uint8_t data[64] = {0};

	memcpy(data + marker, ike, sizeof(ike));
	data[marker + 15] = 1;
	return pkt_udp("198.51.100.2", "192.0.2.1", 4999, port, data, marker + sizeof(ike));
}

// Each makes a packet, data at the IP header, that is bad in one way.
static struct rte_mbuf *short_header(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_data_len(m) - 19));
	return m;
}

static struct rte_mbuf *cut_short(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	rte_pktmbuf_trim(m, 1);
	return m;
}

static struct rte_mbuf *bad_checksum(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[8]++;
	return m;
}

static struct rte_mbuf *version_5(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[0] = 0x55;
	return m;
}

static struct rte_mbuf *header_of_16(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[0] = 0x44;
	return m;
}

static struct rte_mbuf *udp_too_long(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[25]++;
	return m;
}

static struct rte_mbuf *udp_too_short(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[24] = 0;
	pkt_data(m)[25] = 7;
	return m;
}

static struct rte_mbuf *udp_checksum(void)
{
	struct rte_mbuf *m = make_ike(500, 0);

	pkt_data(m)[30] ^= 1;
	return m;
}

static struct rte_mbuf *udp_zero_checksum6(void)
{
	struct rte_mbuf *m =
		pkt_udp("2001:db8:ff::9", "2001:db8:ff::1", 500, 500, ike, sizeof(ike));

	pkt_data(m)[46] = pkt_data(m)[47] = 0;
	return m;
}

static struct rte_mbuf *other_port(void)
{
	return pkt_udp("198.51.100.2", "192.0.2.1", 53, 53, ike, sizeof(ike));
}

static struct rte_mbuf *tcp(void)
{
	return pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_TCP, ike, 20);
}

static struct rte_mbuf *other_host(void)
{
	return pkt_udp("198.51.100.2", "192.0.2.77", 500, 500, ike, sizeof(ike));
}

static struct rte_mbuf *inner_in_clear(void)
{
	return pkt_udp("198.51.100.2", "10.20.0.10", 500, 500, ike, sizeof(ike));
}

static struct rte_mbuf *assigned_in_clear(void)
{
	return pkt_udp("2001:db8:ff::9", "2001:db8:1000:5::1", 500, 500, ike, sizeof(ike));
}

static struct rte_mbuf *keepalive(void)
{
	return pkt_udp("198.51.100.2", "192.0.2.1", 4999, 4500, "\xff", 1);
}

static struct rte_mbuf *esp_runt_in_udp(void)
{
	return pkt_udp("198.51.100.2", "192.0.2.1", 4999, 4500, "\x04\x40\x00\x05", 4);
}

static struct rte_mbuf *esp(const uint8_t data[48])
{
	return pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_ESP, data, 48);
}

static struct rte_mbuf *esp_in_udp(uint32_t udp_len)
{
	struct rte_mbuf *m =
		pkt_udp("198.51.100.2", "192.0.2.1", 4999, 4500, (uint8_t[48]){4, 0x40, 0, 5}, 48);

	pkt_data(m)[24] = (uint8_t)(udp_len >> 8);
	pkt_data(m)[25] = (uint8_t)udp_len;
	return m;
}

static struct rte_mbuf *esp_in_udp_long(void)
{
	return esp_in_udp(57);
}

static struct rte_mbuf *esp_in_udp_short(void)
{
	return esp_in_udp(7);
}

static struct rte_mbuf *esp_in_udp_empty(void)
{
	return esp_in_udp(8);
}

static struct rte_mbuf *esp_unknown(void)
{
	return esp((uint8_t[48]){0x04, 0x40, 0, 5, 0, 0, 0, 1});
}

static struct rte_mbuf *esp_no_worker(void)
{
	return esp((uint8_t[48]){0xf4, 0x40, 0, 5, 0, 0, 0, 1});
}

static struct rte_mbuf *esp_reserved_spi(void)
{
	return esp((uint8_t[48]){0, 0, 0, 5, 0, 0, 0, 1});
}

static struct rte_mbuf *icmp_error(void)
{
	uint8_t icmp[36] = {3, 4};

	return pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_ICMP, icmp, sizeof(icmp));
}

static struct rte_mbuf *icmp_error6(void)
{
	uint8_t icmp[56] = {2, 0};

	return pkt_ip("2001:db8:ff::9", "2001:db8:ff::1", IPPROTO_ICMPV6, icmp, sizeof(icmp));
}

static struct rte_mbuf *router_advertisement(void)
{
	uint8_t icmp[16] = {ND_ROUTER_ADVERT};
	struct rte_mbuf *m = pkt_ip("fe80::9", "ff02::1", IPPROTO_ICMPV6, icmp, sizeof(icmp));

	pkt_data(m)[7] = 255;
	return m;
}

static struct rte_mbuf *solicitation_from_afar(void)
{
	uint8_t icmp[24] = {ND_NEIGHBOR_SOLICIT};
	struct rte_mbuf *m =
		pkt_ip("2001:db8:ff::9", "2001:db8:ff::1", IPPROTO_ICMPV6, icmp, sizeof(icmp));

	pkt_data(m)[7] = 254; // somebody forwarded it
	return m;
}

static struct rte_mbuf *fragment_odd_size(void)
{
	struct rte_mbuf *m = pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_UDP, ike, 27);

	pkt_data(m)[6] = 0x20;
	pkt_ip_checksum(m);
	return m;
}

static struct rte_mbuf *fragment_beyond_64k(void)
{
	struct rte_mbuf *m = pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_UDP, ike, 24);

	pkt_data(m)[6] = 0x1f;
	pkt_data(m)[7] = 0xff;
	pkt_ip_checksum(m);
	return m;
}

static const struct {
	const char *why;
	struct rte_mbuf *(*make)(void);
	enum drop_reason reason;
} bad[] = {
	{"IPv4 header cut short", short_header, DROP_RUNT},
	{"shorter than its IP length", cut_short, DROP_RUNT},
	{"IPv4 header checksum", bad_checksum, DROP_BAD_IP_HEADER},
	{"IP version 5", version_5, DROP_NOT_IP},
	{"IPv4 header of 16 bytes", header_of_16, DROP_BAD_IP_HEADER},
	{"UDP longer than the packet", udp_too_long, DROP_BAD_UDP},
	{"UDP length below 8", udp_too_short, DROP_BAD_UDP},
	{"UDP checksum", udp_checksum, DROP_BAD_UDP},
	{"no UDP checksum in IPv6", udp_zero_checksum6, DROP_BAD_UDP},
	{"another UDP port", other_port, DROP_CLEAR_ON_OUTER},
	{"TCP", tcp, DROP_CLEAR_ON_OUTER},
	{"to another host", other_host, DROP_NOT_OURS},
	{"inner destination in clear", inner_in_clear, DROP_NOT_OURS},
	{"assigned destination in clear", assigned_in_clear, DROP_NOT_OURS},
	{"NAT keepalive", keepalive, DROP_KEEPALIVE},
	{"ESP without sequence number in UDP", esp_runt_in_udp, DROP_ESP_SHORT},
	{"ESP in UDP that is longer than the packet", esp_in_udp_long, DROP_BAD_UDP},
	{"ESP in UDP of 7 bytes", esp_in_udp_short, DROP_BAD_UDP},
	{"empty UDP", esp_in_udp_empty, DROP_ESP_SHORT},
	{"ESP, nobody's SPI", esp_unknown, DROP_ESP_NO_SA},
	{"ESP, SPI of a worker that is not there", esp_no_worker, DROP_ESP_NO_SA},
	{"ESP, reserved SPI", esp_reserved_spi, DROP_ESP_NO_SA},
	{"ICMP error", icmp_error, DROP_ICMP_ERROR_IN},
	{"ICMPv6 error", icmp_error6, DROP_ICMP_ERROR_IN},
	{"router advertisement", router_advertisement, DROP_NOT_OURS},
	{"neighbour solicitation, hop limit 254", solicitation_from_afar, DROP_CLEAR_ON_OUTER},
	{"fragment whose size is no multiple of 8", fragment_odd_size, DROP_FRAG_BAD},
	{"fragment that ends beyond 64 KiB", fragment_beyond_64k, DROP_FRAG_BAD},
	{"IKE without control", NULL, DROP_PUNT_NO_CONTROL},
};

START_TEST(test_dropped)
{
	struct rte_mbuf *m = bad[_i].make ? bad[_i].make() : make_ike(500, 0);

	world_in(gw, PORT_OUTER, m);
	ck_assert_msg(world_drops(gw, bad[_i].reason) == 1, "%s", bad[_i].why);
	ck_assert_msg(world_drops_all(gw) == 1, "%s", bad[_i].why);
	ck_assert_ptr_null(world_to_main(gw));
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
}
END_TEST

// The same on a port whose addresses are the host's: what is not IKE or ESP is the host's.
START_TEST(test_shared)
{
	static const enum drop_reason hosts[] = {
		DROP_CLEAR_ON_OUTER, DROP_NOT_OURS, DROP_ICMP_ERROR_IN};
	enum drop_reason expected = bad[_i].reason;

	for (size_t i = 0; i < RTE_DIM(hosts); i++) {
		if (expected == hosts[i])
			expected = DROP_HOST;
	}
	gw->w[0]->port[PORT_OUTER].shared = true;
	world_in(gw, PORT_OUTER, bad[_i].make ? bad[_i].make() : make_ike(500, 0));
	ck_assert_msg(world_drops(gw, expected) == 1, "%s", bad[_i].why);
}
END_TEST

START_TEST(test_ether)
{
	static const struct {
		const char *why;
		uint8_t header[14];
		uint16_t len;
		enum drop_reason reason;
	} frames[] = {
		{"shorter than Ethernet and IP headers", {2, 0, 0, 0, 0, 1}, 33, DROP_RUNT},
		{"to another Ethernet address", {2, 0, 0, 0, 0, 9, [12] = 8, 0}, 60, DROP_NOT_OURS},
		{"VLAN", {2, 0, 0, 0, 0, 1, [12] = 0x81, 0}, 60, DROP_NOT_IP},
		{"LLDP to its group", {1, 0x80, 0xc2, 0, 0, 0xe, [12] = 0x88, 0xcc}, 60,
			DROP_NOT_IP},
	};

	for (size_t i = 0; i < RTE_DIM(frames); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(test_mbufs);

		memset(rte_pktmbuf_append(m, frames[i].len), 0, frames[i].len);
		memcpy(pkt_data(m), frames[i].header, 14);
		worker_outer_in(gw->w[0], PORT_OUTER, &m, 1);
		ck_assert_msg(world_drops(gw, frames[i].reason) > 0, "%s", frames[i].why);
		ck_assert_msg(world_drops_all(gw) == i + 1, "%s", frames[i].why);
	}
}
END_TEST

// ---- what goes to control ----

static struct ring up_ours, up_control;

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

static void expect_punt(uint16_t port, uint32_t flags, bool v6)
{
	static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));
	struct ipc_punt_udp *up = (struct ipc_punt_udp *)(msg + sizeof(struct ipc_hdr));
	int len = ring_get(&up_control, msg, sizeof(msg));

	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(((struct ipc_hdr *)msg)->type, IPC_PUNT_UDP);
	ck_assert_uint_eq(up->flags, flags);
	ck_assert_uint_eq(up->local_port, port);
	ck_assert_uint_eq(up->remote_port, 4999);
	ck_assert_uint_eq(up->local.family, v6 ? AF_INET6 : AF_INET);
	ck_assert_uint_eq(up->data_len, sizeof(ike));
	ck_assert_mem_eq(up + 1, ike, sizeof(ike));
	ck_assert_int_eq(ring_get(&up_control, msg, sizeof(msg)), 0);
}

START_TEST(test_ike_to_control)
{
	struct rte_mbuf *m;

	control_make();
	world_in(gw, PORT_OUTER, make_ike(500, 0));
	expect_punt(500, 0, false);
	world_in(gw, PORT_OUTER, make_ike(4500, 4));
	expect_punt(4500, IPC_PUNT_NATT, false);
	world_in(gw, PORT_OUTER,
		pkt_udp("2001:db8:ff::9", "2001:db8:ff::1", 4999, 500, ike, sizeof(ike)));
	expect_punt(500, 0, true);
	// No checksum is allowed in IPv4, the pseudo header's sum comes from a sender's veth.
	m = make_ike(500, 0);
	pkt_data(m)[26] = pkt_data(m)[27] = 0;
	world_in(gw, PORT_OUTER, m);
	expect_punt(500, 0, false);
	// Padding behind the IP packet is not data.
	m = make_ike(500, 0);
	memset(rte_pktmbuf_append(m, 6), 0xaa, 6);
	world_in(gw, PORT_OUTER, m);
	expect_punt(500, 0, false);
	ck_assert_uint_eq(gw->w[0]->stats.punt_up, 5);
	ck_assert_uint_eq(world_drops_all(gw), 0);
	control_free();
}
END_TEST

// IKE in fragments, last one first.
START_TEST(test_ike_fragments)
{
	struct rte_mbuf *whole = make_ike(500, 0), *first, *last;

	control_make();
	first = pkt_copy(whole);
	rte_pktmbuf_trim(first, 20); // 16 bytes of payload
	pkt_data(first)[3] -= 20;
	pkt_data(first)[6] = 0x20;
	pkt_ip_checksum(first);
	last = pkt_ip("198.51.100.2", "192.0.2.1", IPPROTO_UDP, pkt_data(whole) + 36, 20);
	pkt_data(last)[7] = 2;
	pkt_ip_checksum(last);
	world_in(gw, PORT_OUTER, last);
	world_in(gw, PORT_OUTER, first);
	expect_punt(500, 0, false);
	ck_assert_uint_eq(gw->w[0]->stats.reassembled, 1);
	ck_assert_uint_eq(world_drops_all(gw), 0);
	rte_pktmbuf_free(whole);
	control_free();
}
END_TEST

START_TEST(test_punt_ring_full)
{
	control_make();
	for (int i = 0; i < 600; i++)
		world_in(gw, PORT_OUTER, make_ike(500, 0));
	ck_assert_uint_eq(gw->w[0]->stats.punt_up, 257);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_STRANGER), 343);
	// The rest is for those who have an IKE SA.
	for (int i = 0; i < 300; i++)
		world_in(gw, PORT_OUTER, make_ike_of_sa(i % 2 == 0 ? 500 : 4500, i % 2 * 4));
	ck_assert_uint_eq(gw->w[0]->stats.punt_up, 512);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_FULL), 45);
	control_free();
}
END_TEST

// ---- what goes to main, what is answered ----

static void expect_main(uint8_t stage, uint16_t port, uint16_t ether_type)
{
	struct rte_mbuf *m = world_to_main(gw);

	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->stage, stage);
	ck_assert_uint_eq(pkt_meta(m)->in_port, port);
	ck_assert_uint_eq((uint32_t)(pkt_data(m)[12] << 8 | pkt_data(m)[13]), ether_type);
	rte_pktmbuf_free(m);
}

static struct rte_mbuf *solicitation(const char *src, const char *dst)
{
	uint8_t icmp[24] = {ND_NEIGHBOR_SOLICIT};
	struct rte_mbuf *m = pkt_ip(src, dst, IPPROTO_ICMPV6, icmp, sizeof(icmp));

	pkt_data(m)[7] = 255;
	return m;
}

START_TEST(test_neighbours_to_main)
{
	uint16_t port = (uint16_t)_i; // outer, inner
	struct rte_mbuf *m = rte_pktmbuf_alloc(test_mbufs);

	memset(rte_pktmbuf_append(m, 60), 0, 60);
	memset(pkt_data(m), 0xff, 6);
	pkt_data(m)[12] = 8;
	pkt_data(m)[13] = 6;
	if (port == PORT_OUTER)
		worker_outer_in(gw->w[0], port, &m, 1);
	else
		worker_inner_in(gw->w[0], port, &m, 1);
	expect_main(PKT_STAGE_ARP, port, 0x0806);
	world_in(gw, port, solicitation("fe80::9", "ff02::1:ff00:1"));
	expect_main(PKT_STAGE_ND, port, 0x86dd);
	world_in(gw, port,
		solicitation(
			"fe80::9", port == PORT_OUTER ? "2001:db8:ff::1" : "2001:db8:aaaa::1"));
	expect_main(PKT_STAGE_ND, port, 0x86dd);
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

START_TEST(test_main_ring_full)
{
	for (int i = 0; i < 1100; i++)
		world_in(gw, PORT_OUTER, solicitation("fe80::9", "2001:db8:ff::1"));
	ck_assert_uint_eq(world_drops(gw, DROP_MAIN_FULL), 1100 - 1023);
}
END_TEST

START_TEST(test_outer_echo)
{
	static const struct {
		const char *src, *dst;
		uint8_t reply;
	} rows[] = {{"192.0.2.2", "192.0.2.1", 0}, {"198.51.100.2", "192.0.2.1", 0},
		{"2001:db8:ff::2", "2001:db8:ff::1", ICMP6_ECHO_REPLY},
		{"2001:db8:fe::2", "2001:db8:ff::1", ICMP6_ECHO_REPLY}};

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *request = pkt_echo(rows[i].src, rows[i].dst, 333), *m;
		bool v4 = pkt_data(request)[0] >> 4 == 4;

		world_in(gw, PORT_OUTER, pkt_copy(request));
		m = world_out(gw, PORT_OUTER);
		ck_assert_ptr_nonnull(m);
		ck_assert_uint_eq(pkt_data(m)[v4 ? 20 : 40], rows[i].reply);
		ck_assert_mem_eq(pkt_data(m) + (v4 ? 12 : 8), pkt_data(request) + (v4 ? 16 : 24),
			v4 ? 4 : 16);
		ck_assert_mem_eq(
			pkt_data(m) + (v4 ? 24 : 44), pkt_data(request) + (v4 ? 24 : 44), 333);
		rte_pktmbuf_free(m);
		rte_pktmbuf_free(request);
	}
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

// Random bytes of every length, in every header position: nothing crashes, nothing is lost without a
// reason, nothing leaves by the other port.
START_TEST(test_garbage)
{
	uint64_t seed = 88172645463325252u, out = 0, to_main = 0;
	struct tunnel t = {0};
	const uint32_t rounds = 20000;

	tunnel_make(gw, NULL, &t);
	for (uint32_t i = 0; i < rounds; i++) {
		struct rte_mbuf *m = i % 2 ? pkt_echo("10.20.0.10", "10.66.0.5", i % 200)
					   : pkt_echo("2001:db8:ff::2", "2001:db8:ff::1", i % 200);
		uint16_t port = i / 2 % 2 ? PORT_INNER : PORT_OUTER;
		uint32_t len = rte_pktmbuf_data_len(m);

		for (uint32_t k = 0; k < 1 + i % 5; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			pkt_data(m)[seed % RTE_MIN(len, 60u)] = (uint8_t)(seed >> 32);
		}
		if (i % 7 == 0)
			rte_pktmbuf_trim(m, (uint16_t)((seed >> 20) % len));
		if (rte_pktmbuf_data_len(m) > 20 && pkt_data(m)[0] >> 4 == 4 &&
			(pkt_data(m)[0] & 0xfu) * 4 <= rte_pktmbuf_data_len(m))
			pkt_ip_checksum(m);
		pkt_ether(m, gw, port);
		if (port == PORT_OUTER)
			worker_outer_in(gw->w[0], port, &m, 1);
		else
			worker_inner_in(gw->w[0], port, &m, 1);
		while ((m = world_out(gw, PORT_OUTER)) || (m = world_out(gw, PORT_INNER))) {
			rte_pktmbuf_free(m);
			out++;
		}
		while ((m = world_to_main(gw))) {
			rte_pktmbuf_free(m);
			to_main++;
		}
	}
	ck_assert_uint_gt(world_drops_all(gw), rounds / 4);
	ck_assert_uint_gt(out, 100);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("classify");
	TCase *tc = tcase_create("classify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_dropped, 0, RTE_DIM(bad));
	tcase_add_loop_test(tc, test_shared, 0, RTE_DIM(bad));
	tcase_add_test(tc, test_ether);
	tcase_add_test(tc, test_ike_to_control);
	tcase_add_test(tc, test_ike_fragments);
	tcase_add_test(tc, test_punt_ring_full);
	tcase_add_loop_test(tc, test_neighbours_to_main, 0, 2);
	tcase_add_test(tc, test_main_ring_full);
	tcase_add_test(tc, test_outer_echo);
	tcase_add_test(tc, test_garbage);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
