// SPDX-License-Identifier: BSD-3-Clause
// Inner packets through the whole worker: a gateway and a client in one process, joined by their
// outer ports. RFC 4301 section 5, RFC 4007, RFC 1812, RFC 4443, default deny.
#include "csum.h"
#include "flow.h"
#include "fragment.h"
#include "plane_test.h"
#include "reassembly.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static struct world *gw, *cl;

static void setup(void)
{
	gw = world_new(1, false);
	cl = world_new(1, true);
}

static void teardown(void)
{
	world_free(cl);
	world_free(gw);
	pkt_check_leaks();
}

// Carries what one side sent outside to the other; how many.
static int carry(struct world *from, struct world *to)
{
	struct rte_mbuf *m;
	int n = 0;

	while ((m = world_out(from, PORT_OUTER))) {
		struct rte_mbuf *copy = pkt_copy(m);

		rte_pktmbuf_free(m);
		world_in(to, PORT_OUTER, copy);
		n++;
	}
	return n;
}

static void expect_none(struct world *world, uint16_t port)
{
	ck_assert_ptr_null(world_out(world, port));
}

// What ICMP type, code and MTU the packet carries; takes it.
static void expect_error(struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t mtu)
{
	uint8_t *ip, *icmp;
	bool v4;

	ck_assert_ptr_nonnull(m);
	ip = pkt_data(m);
	v4 = ip[0] >> 4 == 4;
	icmp = ip + (v4 ? 20 : 40);
	ck_assert_uint_eq(v4 ? ip[9] : ip[6], v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	ck_assert_uint_eq(icmp[0], type);
	ck_assert_uint_eq(icmp[1], code);
	ck_assert_uint_eq((uint32_t)(icmp[6] << 8 | icmp[7]), mtu);
	if (v4) {
		ck_assert(csum_ip4_good(ip, 20));
		ck_assert_uint_eq(rte_raw_cksum(icmp, rte_pktmbuf_data_len(m) - 20u), 0xffff);
	} else {
		ck_assert(csum_l4_good(ip, IPPROTO_ICMPV6, icmp, rte_pktmbuf_data_len(m) - 40u));
		ck_assert_uint_le(rte_pktmbuf_data_len(m), 1280);
	}
	rte_pktmbuf_free(m);
}

static const struct {
	const char *why;
	struct tunnel tunnel;
	const char *host, *lan;
} ways[] = {
	{"IPv4 in IPv4", {0}, "10.66.0.5", "10.20.0.10"},
	{"IPv6 in IPv4", {0}, "2001:db8:1000:5::1", "2001:db8:aaaa::10"},
	{"IPv4 in IPv6", {.outer6 = true}, "10.66.0.5", "10.20.0.10"},
	{"IPv6 in IPv6", {.outer6 = true}, "2001:db8:1000:5::1", "2001:db8:aaaa::10"},
	{"IPv4 in UDP in IPv4", {.flags = IPC_SA_ENCAP}, "10.66.0.5", "10.20.0.10"},
	{"IPv6 in UDP in IPv4", {.flags = IPC_SA_ENCAP}, "2001:db8:1000:5::1", "2001:db8:aaaa::10"},
	{"IPv4 in UDP in IPv6", {.flags = IPC_SA_ENCAP, .outer6 = true}, "10.66.0.5", "10.20.0.10"},
	{"IPv6 in UDP in IPv6", {.flags = IPC_SA_ENCAP, .outer6 = true}, "2001:db8:1000:5::1",
		"2001:db8:aaaa::10"},
};

// M-D: all family combinations. The packet of the host arrives inside with one hop less, the answer
// back at the host.
START_TEST(test_both_ways)
{
	struct rte_mbuf *m, *sent = pkt_echo(ways[_i].host, ways[_i].lan, 100);
	bool v4;

	tunnel_make(gw, cl, &ways[_i].tunnel);
	world_in(cl, PORT_HOST, pkt_copy(sent));
	ck_assert_int_eq(carry(cl, gw), 1);
	m = world_out(gw, PORT_INNER);
	ck_assert_msg(m != NULL, "%s", ways[_i].why);
	v4 = pkt_data(m)[0] >> 4 == 4;
	ck_assert_uint_eq(pkt_data(m)[v4 ? 8 : 7], 63);
	if (v4)
		ck_assert(csum_ip4_good(pkt_data(m), 20));
	ck_assert_uint_eq(rte_pktmbuf_data_len(m), rte_pktmbuf_data_len(sent));
	ck_assert_mem_eq(pkt_data(m) + (v4 ? 12 : 8), pkt_data(sent) + (v4 ? 12 : 8),
		rte_pktmbuf_data_len(m) - (v4 ? 12u : 8u));
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(sent);

	world_in(gw, PORT_INNER, pkt_echo(ways[_i].lan, ways[_i].host, 100));
	ck_assert_int_eq(carry(gw, cl), 1);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_data(m)[v4 ? 8 : 7], 63);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops_all(gw) + world_drops_all(cl), 0);
}
END_TEST

// An inner address of the gateway answers a ping through the tunnel, a large one too.
START_TEST(test_own_inner_address)
{
	tunnel_make(gw, cl, &ways[_i].tunnel);
	world_in(cl, PORT_HOST,
		pkt_echo(ways[_i].host,
			strchr(ways[_i].host, ':') ? "2001:db8:aaaa::1" : "10.20.0.1", 64));
	ck_assert_int_eq(carry(cl, gw), 1);
	ck_assert_int_eq(carry(gw, cl), 1);
	rte_pktmbuf_free(world_out(cl, PORT_HOST));
	expect_none(gw, PORT_INNER);
	ck_assert_uint_eq(world_drops_all(gw) + world_drops_all(cl), 0);
}
END_TEST

// A 20,000-byte echo request in IPv4 fragments, each through the SA, is put together, answered, and
// the answer cut to what fits the SA.
START_TEST(test_own_inner_fragments)
{
	struct rte_mbuf *whole = pkt_echo("10.66.0.5", "10.20.0.1", 20000);
	struct rte_mbuf *m, *answer = NULL;
	struct reassembly *r;
	struct drop_counts drops = {0};

	tunnel_make(gw, cl, &ways[0].tunnel);
	world_in(cl, PORT_HOST, pkt_copy(whole)); // larger than the SA takes: the client cuts it
	ck_assert_int_gt(carry(cl, gw), 13);
	ck_assert_int_gt(carry(gw, cl), 13);
	r = reassembly_new(test_jumbos, &drops, 1000000000);
	while ((m = world_out(cl, PORT_HOST))) {
		ck_assert_ptr_null(answer);
		answer = reassembly_put(r, m, 0);
	}
	ck_assert_ptr_nonnull(answer);
	ck_assert_uint_eq(rte_pktmbuf_data_len(answer), rte_pktmbuf_data_len(whole));
	ck_assert_uint_eq(pkt_data(answer)[20], ICMP_ECHOREPLY);
	ck_assert_mem_eq(pkt_data(answer) + 28, pkt_data(whole) + 28, 20000);
	ck_assert_uint_eq(rte_raw_cksum(pkt_data(answer) + 20, 20008), 0xffff);
	rte_pktmbuf_free(answer);
	rte_pktmbuf_free(whole);
	reassembly_free(r);
}
END_TEST

// Nothing goes between the ports in clear, whatever its destination.
static const struct {
	const char *why, *src, *dst;
	enum drop_reason reason;
	bool told; // the sender hears of it
} denied[] = {
	{"no route", "10.20.0.10", "198.51.100.1", DROP_NO_ROUTE, true},
	{"no route, IPv6", "2001:db8:aaaa::10", "2001:db8:fe::2", DROP_NO_ROUTE, true},
	{"the outer network is not reachable from inside", "10.20.0.10", "192.0.2.2", DROP_NO_ROUTE,
		true},
	{"an address of the pool that nobody has", "10.20.0.10", "10.66.0.6", DROP_NO_ROUTE, true},
	{"a prefix that nobody has", "2001:db8:aaaa::10", "2001:db8:1000:6::1", DROP_NO_ROUTE,
		true},
	{"to a host on the port it came from", "10.20.0.10", "10.20.0.77", DROP_NO_POLICY, false},
	{"link-local source", "fe80::10", "2001:db8:1000:5::1", DROP_SCOPE, false},
	{"link-local destination", "2001:db8:aaaa::10", "fe80::77", DROP_SCOPE, false},
	{"IPv4 link-local", "169.254.1.1", "10.66.0.5", DROP_SCOPE, false},
	{"multicast", "10.20.0.10", "224.0.0.5", DROP_NO_GROUP, false},
	{"multicast, IPv6", "2001:db8:aaaa::10", "ff05::1", DROP_NO_GROUP, false},
	{"broadcast", "10.20.0.10", "255.255.255.255", DROP_NO_GROUP, false},
};

START_TEST(test_default_deny)
{
	uint8_t payload[20] = {0};
	struct rte_mbuf *m;

	tunnel_make(gw, NULL, &ways[0].tunnel);
	world_in(gw, PORT_INNER,
		pkt_udp(denied[_i].src, denied[_i].dst, 1000, 2000, payload, sizeof(payload)));
	ck_assert_msg(world_drops(gw, denied[_i].reason) == 1, "%s", denied[_i].why);
	ck_assert_uint_eq(world_drops_all(gw), 1);
	expect_none(gw, PORT_OUTER);
	m = world_out(gw, PORT_INNER);
	ck_assert_msg((m != NULL) == denied[_i].told, "%s", denied[_i].why);
	if (m)
		expect_error(m, strchr(denied[_i].src, ':') ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH,
			0, 0);
}
END_TEST

// Out of an SA a packet may go inside, to another link, to nobody else.
START_TEST(test_from_sa)
{
	struct ipc_route_set discard = {.kind = IPC_ROUTE_DISCARD};
	uint8_t payload[20] = {0};

	tunnel_make(gw, cl, &ways[0].tunnel);
	inet_prefix_parse("203.0.113.0/24", &discard.prefix);
	world_command(gw, 0, IPC_ROUTE_SET, &discard, sizeof(discard));

	world_in(cl, PORT_HOST, pkt_udp("10.66.0.5", "203.0.113.9", 1, 2, payload, 20));
	carry(cl, gw);
	ck_assert_uint_eq(world_drops(gw, DROP_ROUTE_DISCARD), 1);
	// The outer network is no route for it: neither in clear nor otherwise.
	world_in(cl, PORT_HOST, pkt_udp("10.66.0.5", "198.51.100.2", 1, 2, payload, 20));
	carry(cl, gw);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_ROUTE), 1);
	ck_assert_int_eq(carry(gw, cl), 1); // the ICMP error, by its own SA
	expect_error(world_out(cl, PORT_HOST), ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
	// Link-local goes to control, which is not there.
	world_in(cl, PORT_HOST, pkt_udp("fe80::1234", "fe80::1", 1, 2, payload, 20));
	carry(cl, gw);
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_NO_CONTROL), 1);
	// A source that is not the client's (M-C2).
	world_in(cl, PORT_HOST, pkt_udp("10.66.0.6", "10.20.0.10", 1, 2, payload, 20));
	carry(cl, gw);
	expect_none(gw, PORT_INNER);
	ck_assert_uint_eq(world_drops_all(gw) + world_drops_all(cl), 4);
}
END_TEST

// A source that is none, or a group, goes nowhere: neither inside, nor to another link, nor from the
// inner network into an SA.
static const struct {
	const char *why, *src, *dst;
	bool from_lan;
} sourceless[] = {
	{"out of an SA, to the inner network", "::", "2001:db8:aaaa::10", false},
	{"out of an SA, to an inner address of ours", "::", "2001:db8:aaaa::1", false},
	{"out of an SA, back into it", "::", "2001:db8:1000:5::1", false},
	{"out of an SA, IPv4", "0.0.0.0", "10.20.0.10", false},
	{"out of an SA, from a group", "ff02::1", "2001:db8:aaaa::10", false},
	{"out of an SA, from an IPv4 group", "224.0.0.1", "10.20.0.10", false},
	{"inner network, to a link", "::", "2001:db8:1000:5::1", true},
	{"inner network, to a link, IPv4", "0.0.0.0", "10.66.0.5", true},
	{"inner network, from a group", "ff0e::1", "2001:db8:1000:5::1", true},
	{"inner network, broadcast", "255.255.255.255", "10.66.0.5", true},
};

static void open_ingress(void)
{
	struct ts_list all = {.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}};
	struct ipc_sa_info info;
	struct ipc_sa_in_add add = {.sa = {.link = 77,
					    .child = 1,
					    .spi = spi_make(0, 1, 5),
					    .suite = {.encr = ENCR_AES_GCM_16, .key_bits = 128},
					    .replay_window = 128,
					    .encr_key_len = 20,
					    .local_ts = all,
					    .remote_ts = all}};

	ck_assert_int_eq(inet_addr_parse("192.0.2.1", &add.sa.local), 0);
	ck_assert_int_eq(inet_addr_parse("192.0.2.2", &add.sa.remote), 0);
	for (uint8_t i = 0; i < 20; i++)
		add.sa.encr_key[i] = (uint8_t)(0x10 + i);
	ck_assert_int_eq(esp_in_del(gw->w[0]->esp, add.sa.spi, &info, 0), 0);
	ck_assert_int_eq(esp_in_add(gw->w[0]->esp, &add, 0), 0);
}

// Whatever it is, the client sends it.
static void open_client(void)
{
	struct ts_list all = {.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}};
	struct ipc_sa_out_set set = {.ref = spi_make(0, 0, 7),
		.sa = {.link = 77,
			.child = 1,
			.spi = spi_make(0, 1, 5),
			.suite = {.encr = ENCR_AES_GCM_16, .key_bits = 128},
			.encr_key_len = 20,
			.local_ts = all,
			.remote_ts = all}};
	struct ipc_sa_info info;

	ck_assert_int_eq(inet_addr_parse("192.0.2.2", &set.sa.local), 0);
	ck_assert_int_eq(inet_addr_parse("192.0.2.1", &set.sa.remote), 0);
	for (uint8_t i = 0; i < 20; i++)
		set.sa.encr_key[i] = (uint8_t)(0x10 + i);
	ck_assert_int_eq(esp_out_del(cl->w[0]->esp, set.ref, &info, 0), 0);
	esp_free(cl->w[0]->esp); // or the same key would be refused
	cl->w[0]->esp = esp_new(&(struct esp_config){
		.worker = 0, .slots = 64, .drops = &cl->w[0]->drops, .tsc_hz = cl->w[0]->tsc_hz});
	ck_assert_ptr_nonnull(cl->w[0]->esp);
	ck_assert_int_eq(esp_out_set(cl->w[0]->esp, &set, 0), 0);
}

START_TEST(test_no_source)
{
	uint8_t payload[20] = {0};
	struct rte_mbuf *m =
		pkt_udp(sourceless[_i].src, sourceless[_i].dst, 1, 2, payload, sizeof(payload));

	tunnel_make(gw, cl, &ways[0].tunnel);
	open_ingress();
	open_client();
	if (sourceless[_i].from_lan) {
		world_in(gw, PORT_INNER, m);
	} else if (sourceless[_i].src[0] == 'f' || sourceless[_i].src[0] == '2') {
		// Not even the client lets it go: it comes out of the SA as if somebody else had sent it.
		world_in(cl, PORT_HOST, m);
		ck_assert_uint_eq(world_drops(cl, DROP_SCOPE), 1);
		m = pkt_udp(sourceless[_i].src, sourceless[_i].dst, 1, 2, payload, sizeof(payload));
		pkt_meta(m)->flags = PKT_DECRYPTED;
		ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
		forward_burst(gw->w[0], &m, 1);
	} else {
		world_in(cl, PORT_HOST, m);
		ck_assert_int_eq(carry(cl, gw), 1);
	}
	ck_assert_msg(world_drops(gw, DROP_SCOPE) == 1, "%s", sourceless[_i].why);
	ck_assert_uint_eq(world_drops_all(gw), 1);
	expect_none(gw, PORT_INNER);
	expect_none(gw, PORT_OUTER);
}
END_TEST

// What the link itself is for goes to control on the gateway (which is not there), to the host on a
// client: groups of link scope, whatever the source; groups beyond the link go nowhere.
static const struct {
	const char *why, *src, *dst;
	enum drop_reason gateway;
} on_link[] = {
	{"solicitation in DAD", "::", "ff02::1:ff00:1", DROP_PUNT_NO_CONTROL},
	{"neighbour solicitation", "fe80::1234", "ff02::1:ff00:1", DROP_PUNT_NO_CONTROL},
	{"router solicitation", "fe80::1234", "ff02::2", DROP_PUNT_NO_CONTROL},
	{"router solicitation without a source", "::", "ff02::2", DROP_PUNT_NO_CONTROL},
	{"DHCPv6", "fe80::1234", "ff02::1:2", DROP_PUNT_NO_CONTROL},
	{"MLD report", "::", "ff02::16", DROP_PUNT_NO_CONTROL},
	{"interface-local", "fe80::1234", "ff01::1", DROP_NO_GROUP},
	{"DHCPv6 servers of the site", "2001:db8:1000:5::1", "ff05::1:3", DROP_NO_GROUP},
	{"beyond the link", "2001:db8:1000:5::1", "ff0e::1", DROP_NO_GROUP},
};

START_TEST(test_link_scope)
{
	struct ipc_route_set punt = {.kind = IPC_ROUTE_PUNT};
	uint8_t payload[20] = {0};

	tunnel_make(gw, cl, &ways[0].tunnel);
	open_ingress();
	open_client();
	inet_prefix_parse("ff02::/16", &punt.prefix);
	world_command(gw, 0, IPC_ROUTE_SET, &punt, sizeof(punt));
	world_in(cl, PORT_HOST, pkt_udp(on_link[_i].src, on_link[_i].dst, 1, 2, payload, 20));
	ck_assert_int_eq(carry(cl, gw), 1);
	ck_assert_msg(world_drops(gw, on_link[_i].gateway) == 1, "%s", on_link[_i].why);
	ck_assert_uint_eq(world_drops_all(gw), 1);
	// From the inner network none of it is for a link.
	world_in(gw, PORT_INNER, pkt_udp("2001:db8:aaaa::10", on_link[_i].dst, 1, 2, payload, 20));
	ck_assert_uint_eq(
		world_drops(gw, DROP_NO_GROUP), on_link[_i].gateway == DROP_NO_GROUP ? 2 : 1);
	expect_none(gw, PORT_OUTER);
}
END_TEST

// The gateway's router advertisement and its DAD answer go to all nodes on the link: to the host.
START_TEST(test_groups_to_host)
{
	struct ipc_route_set hostif = {.kind = IPC_ROUTE_HOSTIF};
	uint8_t payload[20] = {0};
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &ways[0].tunnel);
	inet_prefix_parse("ff02::/16", &hostif.prefix);
	world_command(cl, 0, IPC_ROUTE_SET, &hostif, sizeof(hostif));
	m = pkt_udp("fe80::1", "ff02::1", 1, 2, payload, 20);
	pkt_meta(m)->flags = PKT_LOCAL;
	pkt_meta(m)->sa = spi_make(0, 0, 5);
	ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
	pkt_meta(m)->inner_len = (uint16_t)rte_pktmbuf_data_len(m);
	forward_esp_out(gw->w[0], &m, 1);
	carry(gw, cl);
	ck_assert_uint_eq(
		world_drops_all(gw), 1); // fe80::/10 as a destination alone is in its selectors
	ck_assert_uint_eq(world_drops(gw, DROP_SA_SELECTOR_OUT), 1);
	m = pkt_udp("fe80::1", "ff02::1", 1, 2, payload, 20);
	pkt_meta(m)->flags = PKT_DECRYPTED;
	ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
	forward_burst(cl->w[0], &m, 1);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops_all(cl), 0);
}
END_TEST

// What a DHCPv6 client hears goes to control where it says so: nothing else does, and only from an SA.
START_TEST(test_dhcp6_client)
{
	struct ipc_route_set route = {.kind = IPC_ROUTE_HOSTIF, .flags = IPC_ROUTE_DHCP6};
	uint8_t payload[20] = {0};
	static const struct {
		const char *src, *dst;
		uint16_t port;
		uint8_t flags;
		bool control;
	} rows[] = {
		{"fe80::1", "fe80::1234", 546, PKT_DECRYPTED, true},
		{"fe80::1", "fe80::1234", 547, PKT_DECRYPTED, false},
		{"fe80::1", "fe80::1234", 546, 0, false}, // the host's own
		{"10.20.0.10", "10.66.0.5", 546, PKT_DECRYPTED, false},
		{"2001:db8::1", "2001:db8:1000:5::1", 546, PKT_DECRYPTED,
			false}, // not by this route
	};

	tunnel_make(gw, cl, &ways[0].tunnel);
	inet_prefix_parse("fe80::/10", &route.prefix);
	world_command(cl, 0, IPC_ROUTE_SET, &route, sizeof(route));
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		uint64_t punted = world_drops(cl, DROP_PUNT_NO_CONTROL);
		struct rte_mbuf *m =
			pkt_udp(rows[i].src, rows[i].dst, 547, rows[i].port, payload, 20);

		if (rows[i].flags) {
			pkt_meta(m)->flags = rows[i].flags;
			ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
			forward_burst(cl->w[0], &m, 1);
		} else {
			world_in(cl, PORT_HOST, m);
		}
		ck_assert_uint_eq(world_drops(cl, DROP_PUNT_NO_CONTROL) - punted, rows[i].control);
		m = world_out(cl, PORT_HOST);
		ck_assert_int_eq(m != NULL, !rows[i].control && rows[i].flags);
		rte_pktmbuf_free(m);
	}
	carry(cl, gw);
}
END_TEST

// In fragments, too: control hears of the whole, the host gets what is not for control in pieces again.
START_TEST(test_dhcp6_client_fragments)
{
	struct ipc_route_set route = {.kind = IPC_ROUTE_HOSTIF, .flags = IPC_ROUTE_DHCP6};
	static uint8_t payload[2000];
	struct rte_mbuf *m, *piece[FRAGMENT_MAX];

	tunnel_make(gw, cl, &ways[0].tunnel);
	inet_prefix_parse("fe80::/10", &route.prefix);
	world_command(cl, 0, IPC_ROUTE_SET, &route, sizeof(route));
	for (uint16_t port = 546; port <= 547; port++) {
		uint32_t n, got = 0;

		m = pkt_udp("fe80::1", "fe80::1234", 547, port, payload, sizeof(payload));
		pkt_meta(m)->family = AF_INET6;
		n = (uint32_t)fragment_make(m, 700, port, test_mbufs, piece);
		ck_assert_uint_eq(n, 4);
		rte_pktmbuf_free(m);
		for (uint32_t i = 0; i < n; i++) {
			pkt_meta(piece[i])->flags = PKT_DECRYPTED;
			ck_assert_int_gt(flow_parse_mbuf(piece[i], pkt_meta(piece[i])), 0);
			forward_burst(cl->w[0], &piece[i], 1);
		}
		while ((m = world_out(cl, PORT_HOST))) {
			ck_assert_uint_le(rte_pktmbuf_data_len(m), 1500);
			got++;
			rte_pktmbuf_free(m);
		}
		ck_assert_uint_eq(got, port == 546 ? 0 : 2);
		ck_assert_uint_eq(world_drops(cl, DROP_PUNT_NO_CONTROL), 1);
	}
	ck_assert_uint_eq(world_drops_all(cl), 1);
}
END_TEST

START_TEST(test_hop_limit)
{
	struct rte_mbuf *m = pkt_echo(ways[_i].lan, ways[_i].host, 10);
	bool v4 = pkt_data(m)[0] >> 4 == 4;

	tunnel_make(gw, cl, &ways[_i].tunnel);
	pkt_data(m)[v4 ? 8 : 7] = 1;
	if (v4)
		pkt_ip_checksum(m);
	world_in(gw, PORT_INNER, m);
	ck_assert_uint_eq(world_drops(gw, DROP_HOP_LIMIT), 1);
	expect_none(gw, PORT_OUTER);
	m = world_out(gw, PORT_INNER);
	ck_assert_ptr_nonnull(m);
	if (v4)
		ck_assert_mem_eq(pkt_data(m) + 12, "\x0a\x14\x00\x01", 4);
	expect_error(m, v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED, 0, 0);
}
END_TEST

static uint32_t mtu_told(struct rte_mbuf *m)
{
	uint8_t *icmp = pkt_data(m) + (pkt_data(m)[0] >> 4 == 4 ? 20 : 40);
	uint32_t mtu = (uint32_t)(icmp[6] << 8 | icmp[7]);

	rte_pktmbuf_free(m);
	return mtu;
}

static struct rte_mbuf *sized(const char *src, const char *dst, uint32_t size)
{
	bool v4 = !strchr(src, ':');
	struct rte_mbuf *m = pkt_echo(src, dst, size - (v4 ? 28 : 48));

	if (v4) {
		pkt_data(m)[6] = 0x40; // DF
		pkt_ip_checksum(m);
	}
	return m;
}

// The MTU that is told is exact: a packet of that size passes, one byte more does not. I7.
START_TEST(test_too_big)
{
	struct rte_mbuf *m;
	uint32_t mtu;

	tunnel_make(gw, cl, &ways[_i].tunnel);
	world_in(gw, PORT_INNER, sized(ways[_i].lan, ways[_i].host, 1500));
	ck_assert_uint_eq(world_drops(gw, DROP_TOO_BIG), 1);
	expect_none(gw, PORT_OUTER);
	m = world_out(gw, PORT_INNER);
	ck_assert_ptr_nonnull(m);
	mtu = mtu_told(m);
	ck_assert_uint_gt(mtu, 1380);
	ck_assert_uint_lt(mtu, 1460);
	world_in(gw, PORT_INNER, sized(ways[_i].lan, ways[_i].host, mtu + 1));
	ck_assert_uint_eq(world_drops(gw, DROP_TOO_BIG), 2);
	rte_pktmbuf_free(world_out(gw, PORT_INNER));
	world_in(gw, PORT_INNER, sized(ways[_i].lan, ways[_i].host, mtu));
	m = world_out(gw, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_le(rte_pktmbuf_data_len(m), 1500);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops(gw, DROP_TOO_BIG), 2);
}
END_TEST

START_TEST(test_inner_fragments_without_df)
{
	struct rte_mbuf *m = pkt_echo("10.20.0.10", "10.66.0.5", 1472);
	uint32_t bytes = 0;

	tunnel_make(gw, cl, &ways[0].tunnel);
	world_in(gw, PORT_INNER, m);
	ck_assert_int_eq(carry(gw, cl), 2);
	while ((m = world_out(cl, PORT_HOST))) {
		ck_assert(csum_ip4_good(pkt_data(m), 20));
		bytes += rte_pktmbuf_data_len(m) - 20u;
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(bytes, 1480);
	ck_assert_uint_eq(world_drops_all(gw) + world_drops_all(cl), 0);
}
END_TEST

// RFC 4443 section 2.4 e and f.
START_TEST(test_no_errors_about)
{
	uint8_t error[48] = {ICMP6_DST_UNREACH}, payload[8] = {0};
	struct rte_mbuf *m;

	world_in(gw, PORT_INNER,
		pkt_ip("2001:db8:aaaa::10", "2001:db8:fe::2", IPPROTO_ICMPV6, error,
			sizeof(error)));
	error[0] = ICMP_DEST_UNREACH;
	world_in(gw, PORT_INNER,
		pkt_ip("10.20.0.10", "198.51.100.2", IPPROTO_ICMP, error, sizeof(error)));
	world_in(gw, PORT_INNER, pkt_udp("ff02::1", "2001:db8:fe::2", 1, 2, payload, 8));
	world_in(gw, PORT_INNER, pkt_udp("::", "2001:db8:fe::2", 1, 2, payload, 8));
	world_in(gw, PORT_INNER, pkt_udp("0.0.0.0", "198.51.100.2", 1, 2, payload, 8));
	m = pkt_udp("10.20.0.10", "198.51.100.2", 1, 2, payload, 8);
	pkt_data(m)[7] = 3; // a fragment that is not the first
	pkt_ip_checksum(m);
	world_in(gw, PORT_INNER, m);
	expect_none(gw, PORT_INNER);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_ROUTE), 3);
	ck_assert_uint_eq(world_drops(gw, DROP_SCOPE), 3); // no source, or a group as one
	ck_assert_uint_eq(gw->w[0]->stats.icmp_sent, 0);
}
END_TEST

START_TEST(test_error_limit)
{
	uint8_t payload[8] = {0};
	uint32_t told = 0;

	for (int i = 0; i < 200; i++) {
		struct rte_mbuf *m;

		world_in(gw, PORT_INNER, pkt_udp("10.20.0.10", "198.51.100.2", 1, 2, payload, 8));
		m = world_out(gw, PORT_INNER);
		told += m != NULL;
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(told, 100);
	ck_assert_uint_eq(world_drops(gw, DROP_ICMP_LIMIT), 100);
	gw->w[0]->now_tsc += gw->w[0]->tsc_hz / 100; // ten more
	for (int i = 0; i < 20; i++) {
		struct rte_mbuf *m;

		world_in(gw, PORT_INNER, pkt_udp("10.20.0.10", "198.51.100.2", 1, 2, payload, 8));
		m = world_out(gw, PORT_INNER);
		told += m != NULL;
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(told, 110);
}
END_TEST

START_TEST(test_unknown_neighbour)
{
	struct rte_mbuf *m;

	tunnel_make(gw, cl, &ways[0].tunnel);
	world_in(cl, PORT_HOST, pkt_echo("10.66.0.5", "10.20.0.99", 10));
	carry(cl, gw);
	expect_none(gw, PORT_INNER);
	m = world_to_main(gw);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->stage, PKT_STAGE_RESOLVE);
	ck_assert_uint_eq(pkt_meta(m)->in_port, PORT_INNER);
	ck_assert_uint_eq(pkt_meta(m)->adj, ADJ_NONE);
	ck_assert_mem_eq(pkt_data(m) + 16, "\x0a\x14\x00\x63", 4);
	rte_pktmbuf_free(m);
}
END_TEST

// An adjacency that main takes back is not used again by an SA that remembers it.
START_TEST(test_adjacency_forgotten)
{
	struct worker_msg msg = {.type = WORKER_MSG_ADJ_CLEAR, .adj = {.index = 1}};
	struct rte_mbuf *m;

	tunnel_make(gw, NULL, &ways[0].tunnel);
	for (int i = 0; i < 2; i++) { // the second time the SA remembers
		world_in(gw, PORT_INNER, pkt_echo("10.20.0.10", "10.66.0.5", 10));
		m = world_out(gw, PORT_OUTER);
		ck_assert_ptr_nonnull(m);
		ck_assert_uint_eq(pkt_meta(m)->adj, i ? 1 : ADJ_NONE);
		rte_pktmbuf_free(m);
	}
	worker_msg_run(gw->w[0], &msg);
	// The index is another neighbour's now.
	msg.type = WORKER_MSG_ADJ_SET;
	msg.adj.adj = (struct adj){.port = PORT_OUTER, .addr = {.family = AF_INET, .bytes = {9}}};
	worker_msg_run(gw->w[0], &msg);
	world_in(gw, PORT_INNER, pkt_echo("10.20.0.10", "10.66.0.5", 10));
	expect_none(gw, PORT_OUTER);
	m = world_to_main(gw);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->stage, PKT_STAGE_RESOLVE);
	rte_pktmbuf_free(m);
}
END_TEST

// Ethernet's padding is not the packet's, outside or inside.
START_TEST(test_padding)
{
	struct rte_mbuf *m = pkt_echo(ways[_i].lan, ways[_i].host, 1), *copy;
	uint32_t len = rte_pktmbuf_data_len(m);

	tunnel_make(gw, cl, &ways[_i].tunnel);
	memset(rte_pktmbuf_append(m, 17), 0xaa, 17);
	world_in(gw, PORT_INNER, m);
	m = world_out(gw, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	copy = pkt_copy(m);
	rte_pktmbuf_free(m);
	memset(rte_pktmbuf_append(copy, 17), 0xaa, 17);
	world_in(cl, PORT_OUTER, copy);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(rte_pktmbuf_data_len(m), len);
	rte_pktmbuf_free(m);
}
END_TEST

// A veth peer leaves checksums half done (the pseudo header's sum): what arrives beyond the tunnel has
// them right. Where no kernel is the peer, nothing is touched.
START_TEST(test_partial_checksum)
{
	uint8_t tcp[60] = {0x12, 0x34, 0, 80, [12] = 0x50, [20] = 1, 2, 3};
	bool udp = _i & 1, v6 = _i & 2, kernel = _i & 4;
	const char *src = v6 ? "2001:db8:aaaa::10" : "10.20.0.10";
	const char *dst = v6 ? "2001:db8:1000:5::1" : "10.66.0.5";
	uint8_t proto = udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint32_t at = udp ? 6 : 16, header = v6 ? 40 : 20;
	struct rte_mbuf *m =
		udp ? pkt_udp(src, dst, 1, 2, tcp, 52) : pkt_ip(src, dst, proto, tcp, 60);
	uint16_t sum = csum_fold(csum_pseudo(pkt_data(m), proto, 60));

	memcpy(pkt_data(m) + header + at, &sum, 2);
	gw->w[0]->port[PORT_INNER].kernel_peer = kernel;
	tunnel_make(gw, cl, &ways[0].tunnel);
	world_in(gw, PORT_INNER, m);
	carry(gw, cl);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(csum_l4_good(pkt_data(m), proto, pkt_data(m) + header, 60), kernel);
	if (!kernel)
		ck_assert_mem_eq(pkt_data(m) + header + at, &sum, 2);
	rte_pktmbuf_free(m);
}
END_TEST

// Two workers: whichever gets the packet, the SA's owner handles it, once.
START_TEST(test_handoff)
{
	struct tunnel t = {.owner = (uint32_t)_i};
	struct rte_mbuf *m;

	world_free(gw);
	gw = world_new(2, false);
	tunnel_make(gw, cl, &t);
	world_in(cl, PORT_HOST, pkt_echo("10.66.0.5", "10.20.0.10", 10));
	ck_assert_int_eq(carry(cl, gw), 1); // always into worker 0
	m = world_out(gw, PORT_INNER);
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	world_in(gw, PORT_INNER, pkt_echo("10.20.0.10", "10.66.0.5", 10));
	ck_assert_int_eq(carry(gw, cl), 1);
	m = world_out(cl, PORT_HOST);
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(gw->w[0]->stats.handoff_out, _i ? 2 : 0);
	ck_assert_uint_eq(gw->w[1]->stats.handoff_in, _i ? 2 : 0);
	ck_assert_uint_eq(gw->w[_i]->stats.esp_in_pkts, 1);
	ck_assert_uint_eq(gw->w[_i]->stats.esp_out_pkts, 1);
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

START_TEST(test_handoff_full)
{
	struct tunnel t = {.owner = 1};

	world_free(gw);
	gw = world_new(2, false);
	tunnel_make(gw, cl, &t);
	for (int i = 0; i < 1100; i++) {
		struct rte_mbuf *m =
			pkt_ether(pkt_echo("10.20.0.10", "10.66.0.5", 10), gw, PORT_INNER);

		worker_inner_in(gw->w[0], PORT_INNER, &m, 1);
	}
	ck_assert_uint_eq(world_drops(gw, DROP_HANDOFF_FULL), 1100 - 1023);
	world_settle(gw);
	ck_assert_uint_eq(gw->w[1]->stats.handoff_in, 1023);
}
END_TEST

START_TEST(test_own_link_local)
{
	struct rte_mbuf *m;

	world_in(gw, PORT_INNER, pkt_echo("fe80::10", "fe80::1", 10));
	m = world_to_main(gw); // the answer waits for the neighbour
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->in_port, PORT_INNER);
	ck_assert_uint_eq(pkt_data(m)[40], ICMP6_ECHO_REPLY);
	rte_pktmbuf_free(m);
}
END_TEST

// Each end in its own right: the client's interface takes what is larger than its MTU, up to 1500.
START_TEST(test_several_host_interfaces)
{
	struct port *second = &cl->port[PORT_HOST + 1];
	struct rte_mbuf *m;

	*second = cl->port[PORT_HOST];
	second->index = PORT_HOST + 1;
	second->addr_n = 1;
	ck_assert_int_eq(
		inet_ifaddr_parse("10.66.0.5/32", &second->addr[0].addr, &second->addr[0].len), 0);
	worker_port_add(cl->w[0], second);
	tunnel_make(gw, cl, &ways[0].tunnel);
	world_in(gw, PORT_INNER, pkt_echo("10.20.0.10", "10.66.0.5", 10));
	carry(gw, cl);
	expect_none(cl, PORT_HOST);
	m = world_out(cl, PORT_HOST + 1);
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("forward");
	TCase *tc = tcase_create("forward");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_both_ways, 0, RTE_DIM(ways));
	tcase_add_loop_test(tc, test_own_inner_address, 0, RTE_DIM(ways));
	tcase_add_test(tc, test_own_inner_fragments);
	tcase_add_loop_test(tc, test_default_deny, 0, RTE_DIM(denied));
	tcase_add_test(tc, test_from_sa);
	tcase_add_loop_test(tc, test_no_source, 0, RTE_DIM(sourceless));
	tcase_add_loop_test(tc, test_link_scope, 0, RTE_DIM(on_link));
	tcase_add_test(tc, test_groups_to_host);
	tcase_add_test(tc, test_dhcp6_client);
	tcase_add_test(tc, test_dhcp6_client_fragments);
	tcase_add_loop_test(tc, test_hop_limit, 0, RTE_DIM(ways));
	tcase_add_loop_test(tc, test_too_big, 0, RTE_DIM(ways));
	tcase_add_test(tc, test_inner_fragments_without_df);
	tcase_add_test(tc, test_no_errors_about);
	tcase_add_test(tc, test_error_limit);
	tcase_add_test(tc, test_unknown_neighbour);
	tcase_add_test(tc, test_adjacency_forgotten);
	tcase_add_loop_test(tc, test_padding, 0, RTE_DIM(ways));
	tcase_add_loop_test(tc, test_partial_checksum, 0, 8);
	tcase_add_loop_test(tc, test_handoff, 0, 2);
	tcase_add_test(tc, test_handoff_full);
	tcase_add_test(tc, test_own_link_local);
	tcase_add_test(tc, test_several_host_interfaces);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
