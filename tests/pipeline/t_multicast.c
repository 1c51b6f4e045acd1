// SPDX-License-Identifier: BSD-3-Clause
// L5: multicast through the whole worker: a gateway with many links, and one client world at the other
// end of all of them. RFC 4605 section 4.2, RFC 4007 section 9, RFC 3810 section 4.2.
#include "csum.h"
#include "flow.h"
#include "plane_test.h"

#include <netinet/icmp6.h>

#define LINKS 8
#define LINK_OF(i) (100u + (i))
#define GROUP6 "ff15::4321"
#define GROUP4 "239.1.2.3"
#define LAN6 "2001:db8:aaaa::10"
#define LAN4 "10.20.0.10"

static struct world *gw, *cl;
static uint32_t workers;

static void setup_n(uint32_t n)
{
	workers = n;
	gw = world_new(n, false);
	cl = world_new(1, true);
}

static void setup(void)
{
	setup_n(1);
}

static void setup_two(void)
{
	setup_n(2);
}

static void teardown(void)
{
	world_free(cl);
	world_free(gw);
	pkt_check_leaks();
}

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static uint32_t owner_of(uint32_t i)
{
	return i % workers;
}

static void sa_fill(struct ipc_sa *sa, uint32_t i, bool at_gateway, bool to_gateway)
{
	struct ts_list all = {.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}};

	*sa = (struct ipc_sa){.link = LINK_OF(i),
		.child = i + 1,
		.spi = to_gateway ? spi_make(owner_of(i), 1, i) : spi_make(0, 1, i),
		.suite = {.encr = ENCR_AES_GCM_16, .key_bits = 128},
		.replay_window = 128,
		.encr_key_len = 20,
		.local = addr(at_gateway ? "192.0.2.1" : "192.0.2.2"),
		.remote = addr(at_gateway ? "192.0.2.2" : "192.0.2.1"),
		.local_ts = all,
		.remote_ts = all};
	for (uint8_t k = 0; k < 20; k++)
		sa->encr_key[k] = (uint8_t)((to_gateway ? 0x10 : 0x40) + k + i * 3);
	sa->encr_key[0] = (uint8_t)(i >> 8);
}

// Both ends of link i. Ingress: 2001:db8:1000:i::/64 and 10.66.0.i.
static void link_make(uint32_t i, uint32_t mtu)
{
	struct ipc_sa_in_add in = {.ingress_n = 2};
	struct ipc_sa_out_set out = {.mtu = mtu, .ref = spi_make(owner_of(i), 0, i)};
	char text[64];

	sa_fill(&in.sa, i, true, true);
	snprintf(text, sizeof(text), "2001:db8:1000:%x::/64", i);
	ck_assert_int_eq(inet_prefix_parse(text, &in.ingress[0]), 0);
	snprintf(text, sizeof(text), "10.66.%u.%u/32", i >> 8, i & 0xff);
	ck_assert_int_eq(inet_prefix_parse(text, &in.ingress[1]), 0);
	sa_fill(&out.sa, i, true, false);
	world_command(gw, owner_of(i), IPC_SA_IN_ADD, &in, sizeof(in));
	world_command(gw, owner_of(i), IPC_SA_OUT_SET, &out, sizeof(out));
	in.ingress_n = 0;
	sa_fill(&in.sa, i, false, false);
	sa_fill(&out.sa, i, false, true);
	out.ref = spi_make(0, 0, i);
	out.mtu = 0;
	world_command(cl, 0, IPC_SA_IN_ADD, &in, sizeof(in));
	world_command(cl, 0, IPC_SA_OUT_SET, &out, sizeof(out));
}

static void links_make(void)
{
	for (uint32_t i = 0; i < LINKS; i++)
		link_make(i, 0);
}

static void join_from(uint32_t i, const char *group, bool include, const char *source)
{
	struct ipc_group_set set = {.group = addr(group),
		.link = LINK_OF(i),
		.ref = spi_make(owner_of(i), 0, i),
		.include = include,
		.source_n = source ? 1 : 0};

	if (source)
		set.source[0] = addr(source);
	for (uint32_t w = 0; w < gw->n; w++)
		world_command(gw, w, IPC_GROUP_SET, &set, sizeof(set));
}

static void join(uint32_t i, const char *group)
{
	join_from(i, group, false, NULL);
}

static void leave(uint32_t i, const char *group)
{
	struct ipc_group_del del = {.group = addr(group), .link = LINK_OF(i)};

	for (uint32_t w = 0; w < gw->n; w++)
		world_command(gw, w, IPC_GROUP_DEL, &del, sizeof(del));
}

static void upstream(uint32_t scope_min)
{
	struct ipc_group_upstream up = {.scope_min = scope_min};

	for (uint32_t w = 0; w < gw->n; w++)
		world_command(gw, w, IPC_GROUP_UPSTREAM, &up, sizeof(up));
}

static struct rte_mbuf *pkt_to(const char *src, const char *dst, uint32_t len)
{
	uint8_t payload[1500];

	for (uint32_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 5 + 1);
	return pkt_udp(src, dst, 1000, 2000, payload, len);
}

// The client of link i sends it.
static void from_link(uint32_t i, struct rte_mbuf *m)
{
	ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
	pkt_meta(m)->sa = spi_make(0, 0, i);
	pkt_meta(m)->flags |= PKT_LOCAL;
	forward_esp_out(cl->w[0], &m, 1);
	m = world_out(cl, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	world_in(gw, PORT_OUTER, m);
}

// Every copy that the gateway sent is opened by the client of its link and is `sent` with one hop
// less; a bit for each link that got one.
static uint32_t collect(const struct rte_mbuf *sent)
{
	uint32_t got = 0;
	struct rte_mbuf *m;

	while ((m = world_out(gw, PORT_OUTER))) {
		uint32_t spi,
			hop = pkt_data((struct rte_mbuf *)(uintptr_t)sent)[0] >> 4 == 4 ? 8 : 7;
		const uint8_t *want = rte_pktmbuf_mtod(sent, const uint8_t *), *ip;
		uint32_t skip = hop == 8 ? 12 : 8;

		memcpy(&spi, pkt_data(m) + 20, 4);
		spi = spi_slot(rte_be_to_cpu_32(spi));
		ck_assert_uint_lt(spi, 32);
		ck_assert_msg(!(got >> spi & 1), "link %u got it twice", spi);
		got |= 1u << spi;
		ck_assert(csum_ip4_good(pkt_data(m), 20));
		world_in(cl, PORT_OUTER, m);
		m = world_out(cl, PORT_HOST);
		ck_assert_ptr_nonnull(m);
		ip = pkt_data(m);
		ck_assert_uint_eq(rte_pktmbuf_data_len(m), rte_pktmbuf_data_len(sent));
		ck_assert_uint_eq(ip[hop], want[hop] - 1u);
		ck_assert_mem_eq(ip + skip, want + skip, rte_pktmbuf_data_len(sent) - skip);
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(world_drops_all(cl), 0);
	return got;
}

// From the inner network. Takes m.
static uint32_t collect_lan(struct rte_mbuf *m)
{
	struct rte_mbuf *sent = pkt_copy(m);
	uint32_t got;

	world_in(gw, PORT_INNER, m);
	got = collect(sent);
	rte_pktmbuf_free(sent);
	return got;
}

static uint32_t collect_link(uint32_t i, struct rte_mbuf *m)
{
	struct rte_mbuf *sent = pkt_copy(m);
	uint32_t got;

	from_link(i, m);
	got = collect(sent);
	rte_pktmbuf_free(sent);
	return got;
}

// L5: each member of the group gets each packet once, others none; when they leave, none.
START_TEST(test_lan_to_members)
{
	static const uint32_t lens[] = {1, 2, 3, 4, 100, 1300};

	links_make();
	for (uint32_t i = 0; i < 3; i++) {
		join(i * 2, GROUP6);
		join(i * 2 + 1, GROUP4);
	}
	for (uint32_t i = 0; i < RTE_DIM(lens); i++) {
		ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, lens[i])), 0x15);
		ck_assert_uint_eq(collect_lan(pkt_to(LAN4, GROUP4, lens[i])), 0x2a);
	}
	ck_assert_uint_eq(world_drops_all(gw), 0);
	leave(2, GROUP6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 100)), 0x11);
	leave(0, GROUP6);
	leave(4, GROUP6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 100)), 0);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_GROUP), 1);
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
}
END_TEST

// L25: a client's packet goes to the other members, never back by its own link, and to the inner
// network when its scope says so, with the Ethernet address of its group.
START_TEST(test_link_to_all)
{
	static const uint8_t mac6[6] = {0x33, 0x33, 0, 0, 0x43, 0x21};
	static const uint8_t mac4[6] = {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03};
	struct worker_port *p;

	links_make();
	for (uint32_t i = 0; i < 3; i++) {
		join(i, GROUP6);
		join(i, GROUP4);
	}
	ck_assert_uint_eq(collect_link(1, pkt_to("2001:db8:1000:1::1", GROUP6, 50)), 0x5);
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	upstream(5);
	ck_assert_uint_eq(collect_link(5, pkt_to("2001:db8:1000:5::1", GROUP6, 50)), 0x7);
	p = &gw->w[owner_of(5)]->port[PORT_INNER];
	ck_assert_uint_eq(p->tx_n, 1);
	ck_assert_mem_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *), mac6, 6);
	ck_assert_mem_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *) + 6, gw->port[PORT_INNER].mac, 6);
	ck_assert_uint_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *)[12], 0x86);
	rte_pktmbuf_free(world_out(gw, PORT_INNER));
	ck_assert_uint_eq(collect_link(0, pkt_to("10.66.0.0", GROUP4, 50)), 0x6);
	p = &gw->w[owner_of(0)]->port[PORT_INNER];
	ck_assert_uint_eq(p->tx_n, 1);
	ck_assert_mem_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *), mac4, 6);
	ck_assert_uint_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *)[12], 0x08);
	rte_pktmbuf_free(world_out(gw, PORT_INNER));
	// The only member sent it: nobody else wanted it, and inside it is not for its scope.
	upstream(16);
	join(6, "ff18::6");
	ck_assert_uint_eq(collect_link(6, pkt_to("2001:db8:1000:6::1", "ff18::6", 50)), 0);
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	ck_assert_uint_eq(world_drops(gw, DROP_NO_GROUP), 1);
}
END_TEST

// RFC 4007: what is sent inside from which scope on; RFC 2365 for IPv4.
static const struct {
	const char *src, *dst;
	uint32_t scope_min;
	bool up;
} scopes[] = {
	{"2001:db8:1000:1::1", "ff03::1", 3, true},
	{"2001:db8:1000:1::1", "ff14::1", 5, false},
	{"2001:db8:1000:1::1", "ff15::1", 5, true},
	{"2001:db8:1000:1::1", "ff1e::1", 14, true},
	{"2001:db8:1000:1::1", "ff1f::1", 14, true},
	{"2001:db8:1000:1::1", "ff1e::1", 16, false},
	{"2001:db8:1000:1::1", "ff12::1", 3, false},
	{"2001:db8:1000:1::1", "ff11::1", 3, false},
	{"2001:db8:1000:1::1", "ff10::1", 3, false},
	{"10.66.0.1", "224.0.0.9", 3, false},
	{"10.66.0.1", "224.0.1.9", 14, true},
	{"10.66.0.1", "239.255.0.1", 3, true},
	{"10.66.0.1", "239.255.0.1", 5, false},
	{"10.66.0.1", "239.195.0.1", 8, true},
	{"10.66.0.1", "239.195.0.1", 14, false},
	{"10.66.0.1", "255.255.255.255", 3, false},
};

START_TEST(test_scopes)
{
	struct rte_mbuf *m;

	links_make();
	upstream(scopes[_i].scope_min);
	from_link(1, pkt_to(scopes[_i].src, scopes[_i].dst, 20));
	m = world_out(gw, PORT_INNER);
	ck_assert_msg((m != NULL) == scopes[_i].up, "%s", scopes[_i].dst);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_GROUP), scopes[_i].up ? 0 : 1);
	ck_assert_uint_eq(world_drops_all(gw), scopes[_i].up ? 0 : 1);
}
END_TEST

// What goes nowhere though there are members.
static const struct {
	const char *why, *src;
	uint8_t hops;
	enum drop_reason reason;
} refused[] = {
	{"no source", "::", 64, DROP_SCOPE},
	{"link-local source", "fe80::10", 64, DROP_SCOPE},
	{"source that is a group", "ff1e::1", 64, DROP_SCOPE},
	{"no source, IPv4", "0.0.0.0", 64, DROP_SCOPE},
	{"IPv4 link-local", "169.254.1.1", 64, DROP_SCOPE},
	{"broadcast source", "255.255.255.255", 64, DROP_SCOPE},
	{"last hop", LAN6, 1, DROP_HOP_LIMIT},
	{"no hop", LAN6, 0, DROP_HOP_LIMIT},
	{"last hop, IPv4", LAN4, 1, DROP_HOP_LIMIT},
};

START_TEST(test_refused)
{
	bool v4 = !strchr(refused[_i].src, ':');
	struct rte_mbuf *m = pkt_to(refused[_i].src, v4 ? GROUP4 : GROUP6, 20);

	links_make();
	join(1, GROUP6);
	join(1, GROUP4);
	pkt_data(m)[v4 ? 8 : 7] = refused[_i].hops;
	if (v4)
		pkt_ip_checksum(m);
	world_in(gw, PORT_INNER, m);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	ck_assert_msg(world_drops(gw, refused[_i].reason) == 1, "%s", refused[_i].why);
	ck_assert_uint_eq(world_drops_all(gw), 1);
}
END_TEST

// A source that is not the link's dies in the ingress filter.
START_TEST(test_spoofed)
{
	links_make();
	join(1, GROUP6);
	ck_assert_uint_eq(collect_link(0, pkt_to("2001:db8:1000:2::1", GROUP6, 20)), 0);
	ck_assert_uint_eq(world_drops(gw, DROP_INGRESS_FILTER), 1);
}
END_TEST

// RFC 3810 section 4.2: INCLUDE and EXCLUDE, and a filter that replaces another.
START_TEST(test_filters)
{
	links_make();
	join_from(0, GROUP6, true, LAN6);
	join_from(1, GROUP6, true, "2001:db8:aaaa::11");
	join_from(2, GROUP6, false, LAN6);
	join_from(3, GROUP6, false, "2001:db8:aaaa::11");
	join_from(4, GROUP6, true, NULL); // nothing at all
	join_from(5, GROUP6, false, NULL);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 20)), 0x29);
	ck_assert_uint_eq(collect_lan(pkt_to("2001:db8:aaaa::11", GROUP6, 20)), 0x26);
	join_from(0, GROUP6, false, LAN6);
	join_from(2, GROUP6, true, LAN6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 20)), 0x2c);
	join_from(0, GROUP4, true, LAN4);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN4, GROUP4, 20)), 1);
	ck_assert_uint_eq(world_drops_all(gw), 0);
	ck_assert_uint_eq(collect_lan(pkt_to("10.20.0.11", GROUP4, 20)), 0);
	ck_assert_uint_eq(world_drops_all(gw), 1);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_GROUP), 1);
}
END_TEST

// Each worker encrypts for its own members; it gets the packet once.
START_TEST(test_two_workers)
{
	links_make();
	for (uint32_t i = 0; i < LINKS; i++)
		join(i, GROUP6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 300)), 0xff);
	ck_assert_uint_eq(gw->w[0]->stats.handoff_out, 1);
	ck_assert_uint_eq(gw->w[1]->stats.handoff_in, 1);
	ck_assert_uint_eq(gw->w[0]->stats.group_copies, 4);
	ck_assert_uint_eq(gw->w[1]->stats.group_copies, 4);
	ck_assert_uint_eq(gw->w[1]->stats.handoff_out, 0);
	// From a link of the other worker: arrives at worker 0, decrypted by worker 1, back once.
	ck_assert_uint_eq(collect_link(1, pkt_to("2001:db8:1000:1::1", GROUP6, 300)), 0xfd);
	ck_assert_uint_eq(gw->w[1]->stats.handoff_out, 1);
	// Members of the other worker alone.
	for (uint32_t i = 0; i < LINKS; i += 2)
		leave(i, GROUP6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 300)), 0xaa);
	ck_assert_uint_eq(world_drops_all(gw), 0);
	// None there any more: nothing is handed over.
	for (uint32_t i = 1; i < LINKS; i += 2)
		leave(i, GROUP6);
	join(0, GROUP6);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 300)), 1);
	ck_assert_uint_eq(gw->w[0]->stats.handoff_out, 3); // with the packet from link 1
}
END_TEST

// The ring to the other worker is full: its members' copies are lost, nobody else's.
START_TEST(test_handoff_full)
{
	struct rte_mbuf *m;
	uint32_t n = 0;

	links_make();
	join(0, GROUP6);
	join(1, GROUP6);
	for (uint32_t i = 0; i < 1100; i++) {
		m = pkt_ether(pkt_to(LAN6, GROUP6, 20), gw, PORT_INNER);
		worker_inner_in(gw->w[0], PORT_INNER, &m, 1);
		while ((m = world_out(gw, PORT_OUTER))) {
			rte_pktmbuf_free(m);
			n++;
		}
	}
	ck_assert_uint_eq(n, 1100);
	ck_assert_uint_eq(world_drops(gw, DROP_HANDOFF_FULL), 1100 - 1023);
	world_settle(gw);
	while ((m = world_out(gw, PORT_OUTER)))
		rte_pktmbuf_free(m);
}
END_TEST

static uint64_t sa_drops(uint32_t i)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(gw->w[owner_of(i)]->esp, IPC_DIR_OUT,
				 spi_make(owner_of(i), 0, i), &info, 0),
		0);
	return info.drops;
}

// Too long for one member: the others get it, and the sender of an IPv6 packet is told once.
START_TEST(test_too_big)
{
	struct rte_mbuf *m;

	for (uint32_t i = 0; i < LINKS; i++)
		link_make(i, i == 2 ? 1000 : i == 3 ? 1400 : 0);
	for (uint32_t i = 0; i < LINKS; i++)
		join(i, GROUP6);
	for (uint32_t i = 0; i < LINKS; i++)
		join(i, GROUP4);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 1350)), 0xf3);
	ck_assert_uint_eq(world_drops(gw, DROP_TOO_BIG), 2);
	ck_assert_uint_eq(world_drops_all(gw), 2);
	ck_assert_uint_eq(sa_drops(2), 1);
	ck_assert_uint_eq(sa_drops(3), 1);
	ck_assert_uint_eq(sa_drops(4), 0);
	m = world_out(gw, PORT_INNER);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_data(m)[40], ICMP6_PACKET_TOO_BIG);
	ck_assert_uint_eq(pkt_data(m)[46] << 8 | pkt_data(m)[47], 1280);
	ck_assert(csum_l4_good(
		pkt_data(m), IPPROTO_ICMPV6, pkt_data(m) + 40, rte_pktmbuf_data_len(m) - 40u));
	ck_assert_mem_eq(pkt_data(m) + 8, addr("2001:db8:aaaa::1").bytes, 16);
	rte_pktmbuf_free(m);
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	ck_assert_uint_eq(collect_lan(pkt_to(LAN4, GROUP4, 1400)), 0xf3);
	ck_assert_ptr_null(world_out(gw, PORT_INNER));
	ck_assert_uint_eq(sa_drops(2), 2);
}
END_TEST

// No buffers: as many copies as there are, the rest is counted with the links that went without.
START_TEST(test_no_mbufs)
{
	static struct rte_mbuf *held[5000];
	uint32_t n = 0, lost = 0;
	struct rte_mbuf *m;

	links_make();
	for (uint32_t i = 0; i < LINKS; i++)
		join(i, GROUP6);
	m = pkt_to(LAN6, GROUP6, 100);
	pkt_ether(m, gw, PORT_INNER);
	while (n < RTE_DIM(held) && (held[n] = rte_pktmbuf_alloc(test_mbufs)))
		n++;
	for (int i = 0; i < 5; i++)
		rte_pktmbuf_free(held[--n]);
	worker_inner_in(gw->w[0], PORT_INNER, &m, 1);
	for (uint32_t i = 0; i < 5; i++) {
		m = world_out(gw, PORT_OUTER);
		ck_assert_ptr_nonnull(m);
		rte_pktmbuf_free(m);
	}
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	ck_assert_uint_eq(world_drops(gw, DROP_NO_MBUF), 3);
	for (uint32_t i = 0; i < LINKS; i++)
		lost += (uint32_t)sa_drops(i);
	ck_assert_uint_eq(lost, 3);
	while (n)
		rte_pktmbuf_free(held[--n]);
}
END_TEST

// More copies than the port takes: each link that lost one knows it.
START_TEST(test_many_members)
{
	uint32_t lost = 0, n = 0;
	struct rte_mbuf *m;

	for (uint32_t i = 0; i < 1000; i++) {
		link_make(i, 0);
		join(i, GROUP6);
	}
	world_in(gw, PORT_INNER, pkt_to(LAN6, GROUP6, 100));
	ck_assert_uint_eq(gw->w[0]->stats.group_copies, 1000);
	while ((m = world_out(gw, PORT_OUTER))) {
		rte_pktmbuf_free(m);
		n++;
	}
	for (uint32_t i = 0; i < 1000; i++)
		lost += (uint32_t)sa_drops(i);
	ck_assert_uint_eq(world_drops(gw, DROP_TX_FULL), 1000 - n);
	ck_assert_uint_eq(lost, 1000 - n);
	ck_assert_uint_gt(n, 0);
}
END_TEST

// A member whose SA is gone, or refuses the packet: counted, the others get it.
START_TEST(test_sa_gone)
{
	struct ipc_sa_info info;

	links_make();
	for (uint32_t i = 0; i < 4; i++)
		join(i, GROUP6);
	ck_assert_int_eq(esp_out_del(gw->w[0]->esp, spi_make(0, 0, 1), &info, 0), 0);
	ck_assert_uint_eq(collect_lan(pkt_to(LAN6, GROUP6, 100)), 0xd);
	ck_assert_uint_eq(world_drops(gw, DROP_SA_GONE), 1);
	ck_assert_uint_eq(world_drops_all(gw), 1);
}
END_TEST

// A packet in pieces and one that shares memory are made whole first.
START_TEST(test_odd_sources)
{
	struct rte_mbuf *m = pkt_to(LAN6, GROUP6, 200), *sent = pkt_copy(m), *clone, *tail;

	links_make();
	join(0, GROUP6);
	join(1, GROUP6);
	tail = rte_pktmbuf_alloc(test_mbufs);
	memcpy(rte_pktmbuf_append(tail, 100), pkt_data(m) + 148, 100);
	rte_pktmbuf_trim(m, 100);
	memset(pkt_data(m) + 148, 0xee, 100);
	ck_assert_int_eq(rte_pktmbuf_chain(m, tail), 0);
	ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
	pkt_meta(m)->in_port = PORT_INNER;
	forward_burst(gw->w[0], &m, 1);
	ck_assert_uint_eq(collect(sent), 3);
	m = pkt_copy(sent);
	clone = rte_pktmbuf_clone(m, test_mbufs);
	*pkt_meta(clone) = (struct pkt_meta){.in_port = PORT_INNER};
	ck_assert_int_gt(flow_parse_mbuf(clone, pkt_meta(clone)), 0);
	pkt_data(clone)[7]++; // so that the hop taken leaves what the original has
	rte_pktmbuf_free(m);
	forward_burst(gw->w[0], &clone, 1);
	pkt_data(sent)[7]++;
	ck_assert_uint_eq(collect(sent), 3);
	rte_pktmbuf_free(sent);
	ck_assert_uint_eq(world_drops_all(gw), 0);
}
END_TEST

// On a client every group ends at the host, of both families; what the host sends goes into the SA.
START_TEST(test_client)
{
	static const char *const groups[] = {
		"ff02::1", "ff05::2", "ff1e::3", "239.1.2.3", "224.0.0.1"};
	struct ipc_route_set route = {.kind = IPC_ROUTE_SA, .ref = spi_make(0, 0, 1)};
	struct rte_mbuf *m;

	links_make();
	for (uint32_t i = 0; i < RTE_DIM(groups); i++) {
		bool v4 = !strchr(groups[i], ':');

		m = pkt_to(v4 ? LAN4 : LAN6, groups[i], 30);
		ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
		pkt_meta(m)->sa = spi_make(0, 0, 1);
		pkt_meta(m)->flags |= PKT_LOCAL;
		forward_esp_out(gw->w[0], &m, 1);
		m = world_out(gw, PORT_OUTER);
		ck_assert_ptr_nonnull(m);
		world_in(cl, PORT_OUTER, m);
		m = world_out(cl, PORT_HOST);
		ck_assert_msg(m != NULL, "%s", groups[i]);
		ck_assert_uint_eq(pkt_data(m)[v4 ? 8 : 7], 64);
		rte_pktmbuf_free(m);
	}
	ck_assert_int_eq(inet_prefix_parse("ff00::/8", &route.prefix), 0);
	world_command(cl, 0, IPC_ROUTE_SET, &route, sizeof(route));
	world_in(cl, PORT_HOST, pkt_to("2001:db8:1000:1::1", "ff1e::3", 30));
	m = world_out(cl, PORT_OUTER);
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(world_drops_all(gw) + world_drops_all(cl), 0);
}
END_TEST

// ---- MLD and IGMP, to and from control ----

#define CELLS 512

static struct ring up_ours, up_theirs;
static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));

static void setup_control(void)
{
	void *shared = aligned_alloc(64, ring_bytes(CELLS));

	setup_n(1);
	memset(shared, 0, ring_bytes(CELLS));
	ring_init(&up_ours, shared, CELLS);
	ring_init(&up_theirs, shared, CELLS);
	gw->w[0]->punt_up = &up_ours;
}

static void teardown_control(void)
{
	free(up_ours.shared);
	teardown();
}

// MLD as RFC 3810 section 5 has it. `alert`: option type of the hop-by-hop header, 0: no such header.
static struct rte_mbuf *mld(
	const char *src, const char *dst, uint8_t type, uint8_t hops, uint8_t alert)
{
	uint8_t payload[32] = {IPPROTO_ICMPV6, 0, alert, 2, 0, 0, 1, 0, type};
	struct rte_mbuf *m = alert
		? pkt_ip(src, dst, IPPROTO_HOPOPTS, payload, sizeof(payload))
		: pkt_ip(src, dst, IPPROTO_ICMPV6, payload + 8, sizeof(payload) - 8);

	pkt_data(m)[7] = hops;
	return m;
}

static struct rte_mbuf *igmp(const char *src, const char *dst, uint8_t hops)
{
	uint8_t payload[8] = {0x16};
	struct rte_mbuf *m = pkt_ip(src, dst, IPPROTO_IGMP, payload, sizeof(payload));

	pkt_data(m)[8] = hops;
	pkt_ip_checksum(m);
	return m;
}

// The type of what control got, 0: nothing.
static uint32_t punted(void)
{
	struct ipc_hdr hdr = {0};

	if (ring_get(&up_theirs, msg, sizeof(msg)) > 0)
		memcpy(&hdr, msg, sizeof(hdr));
	return hdr.type;
}

static const struct {
	const char *why, *src, *dst;
	uint8_t type, hops, alert;
	bool up;
} mlds[] = {
	{"general query", "fe80::9", "ff02::1", 130, 1, 5, true},
	{"MLDv1 report, to the group itself", "fe80::9", "ff15::4321", 131, 1, 5, true},
	{"MLDv1 done", "fe80::9", "ff02::2", 132, 1, 5, true},
	{"MLDv2 report", "fe80::9", "ff02::16", 143, 1, 5, true},
	{"not from this link", "fe80::9", "ff02::16", 143, 2, 5, false},
	{"no hop-by-hop header", "fe80::9", "ff02::16", 143, 1, 0, false},
	{"another option", "fe80::9", "ff02::16", 143, 1, 0x1e, false},
	{"another message", "fe80::9", "ff02::16", 128, 1, 5, false},
	{"unicast", "fe80::9", "2001:db8:aaaa::1", 143, 1, 5, false},
};

START_TEST(test_punt_mld)
{
	struct rte_mbuf *m =
		mld(mlds[_i].src, mlds[_i].dst, mlds[_i].type, mlds[_i].hops, mlds[_i].alert);
	const struct ipc_punt_port *up = (const void *)(msg + sizeof(struct ipc_hdr));
	struct rte_mbuf *sent = pkt_copy(m);

	world_in(gw, PORT_INNER, m);
	ck_assert_msg(punted() == (mlds[_i].up ? (uint32_t)IPC_PUNT_PORT : 0), "%s", mlds[_i].why);
	ck_assert_uint_eq(world_drops_all(gw), mlds[_i].up ? 0 : 1);
	if (mlds[_i].up) {
		ck_assert_uint_eq(up->port, PORT_INNER);
		ck_assert_uint_eq(up->data_len, rte_pktmbuf_data_len(sent));
		ck_assert_mem_eq(up + 1, pkt_data(sent), up->data_len);
	}
	rte_pktmbuf_free(sent);
	// Out of an SA it is control's as well, with the link: a report to the group is no traffic of it.
	if (mlds[_i].up && pkt_data(m = mld("2001:db8:1000:1::1", GROUP6, mlds[_i].type, 1, 5))) {
		links_make();
		join(2, GROUP6);
		from_link(1, m);
		ck_assert_uint_eq(punted(), IPC_PUNT_INNER);
		ck_assert_ptr_null(world_out(gw, PORT_OUTER));
	}
}
END_TEST

START_TEST(test_punt_igmp)
{
	world_in(gw, PORT_INNER, igmp(LAN4, "224.0.0.22", 1));
	ck_assert_uint_eq(punted(), IPC_PUNT_PORT);
	world_in(gw, PORT_INNER, igmp(LAN4, GROUP4, 1));
	ck_assert_uint_eq(punted(), IPC_PUNT_PORT);
	world_in(gw, PORT_INNER, igmp(LAN4, "224.0.0.22", 2));
	ck_assert_uint_eq(punted(), 0);
	ck_assert_uint_eq(world_drops(gw, DROP_NO_GROUP), 1);
	// Bounded, in a bucket of its own.
	for (int i = 0; i < 400; i++) {
		world_in(gw, PORT_INNER, igmp(LAN4, "224.0.0.22", 1));
		punted();
	}
	ck_assert_uint_eq(world_drops(gw, DROP_PUNT_LIMIT), 400 + 2 - 200);
	links_make();
	from_link(1, igmp("10.66.0.1", "224.0.0.22", 1));
	ck_assert_uint_eq(punted(), IPC_PUNT_INNER);
}
END_TEST

static void send_port(uint32_t port, struct rte_mbuf *m)
{
	static uint8_t out[2048] __attribute__((aligned(8)));
	uint16_t len = rte_pktmbuf_data_len(m);
	struct ipc_punt_port cmd = {.port = port, .data_len = len};
	struct ipc_hdr hdr = {.type = IPC_SEND_PORT, .len = (uint32_t)sizeof(cmd) + len};

	memcpy(out, &hdr, sizeof(hdr));
	memcpy(out + sizeof(hdr), &cmd, sizeof(cmd));
	memcpy(out + sizeof(hdr) + sizeof(cmd), pkt_data(m), len);
	rte_pktmbuf_free(m);
	commands_run(gw->w[0], out, sizeof(hdr) + sizeof(cmd) + len);
}

static const struct {
	const char *why, *src, *dst;
	uint32_t port;
	bool out;
} sends[] = {
	{"report", "fe80::1", "ff02::16", PORT_INNER, true},
	{"report before there is an address", "::", "ff02::16", PORT_INNER, true},
	{"IGMP", "10.20.0.1", "224.0.0.22", PORT_INNER, true},
	{"IGMP before there is an address", "0.0.0.0", "224.0.0.22", PORT_INNER, true},
	{"unicast", "fe80::1", "fe80::9", PORT_INNER, false},
	{"another's address", "fe80::2", "ff02::16", PORT_INNER, false},
	{"not the link-local one", "2001:db8:aaaa::1", "ff02::16", PORT_INNER, false},
	{"another's IPv4 address", "10.20.0.2", "224.0.0.22", PORT_INNER, false},
	{"broadcast", "10.20.0.1", "255.255.255.255", PORT_INNER, false},
	{"outer port", "::", "ff02::16", PORT_OUTER, false},
	{"no port", "::", "ff02::16", PORT_INNER + 1, false},
	{"no port at all", "::", "ff02::16", PORT_MAX, false},
};

START_TEST(test_send_port)
{
	static const uint8_t mac6[6] = {0x33, 0x33, 0, 0, 0, 0x16};
	static const uint8_t mac4[6] = {0x01, 0x00, 0x5e, 0, 0, 0x16};
	bool v4 = !strchr(sends[_i].src, ':');
	struct rte_mbuf *m = v4 ? igmp(sends[_i].src, sends[_i].dst, 1)
				: mld(sends[_i].src, sends[_i].dst, 143, 1, 5);
	struct rte_mbuf *sent = pkt_copy(m);
	struct worker_port *p = &gw->w[0]->port[PORT_INNER];

	send_port(sends[_i].port, m);
	ck_assert_msg(p->tx_n == sends[_i].out, "%s", sends[_i].why);
	ck_assert_uint_eq(world_drops(gw, DROP_COMMAND_BAD), sends[_i].out ? 0 : 1);
	if (sends[_i].out) {
		ck_assert_mem_eq(rte_pktmbuf_mtod(p->tx[0], uint8_t *), v4 ? mac4 : mac6, 6);
		m = world_out(gw, PORT_INNER);
		ck_assert_uint_eq(rte_pktmbuf_data_len(m), rte_pktmbuf_data_len(sent));
		ck_assert_mem_eq(pkt_data(m), pkt_data(sent), rte_pktmbuf_data_len(sent));
		rte_pktmbuf_free(m);
	}
	rte_pktmbuf_free(sent);
	ck_assert_ptr_null(world_out(gw, PORT_OUTER));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("multicast");
	TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
	TCase *control = tcase_create("control");

	tcase_add_checked_fixture(one, setup, teardown);
	tcase_add_test(one, test_lan_to_members);
	tcase_add_test(one, test_link_to_all);
	tcase_add_loop_test(one, test_scopes, 0, RTE_DIM(scopes));
	tcase_add_loop_test(one, test_refused, 0, RTE_DIM(refused));
	tcase_add_test(one, test_spoofed);
	tcase_add_test(one, test_filters);
	tcase_add_test(one, test_too_big);
	tcase_add_test(one, test_no_mbufs);
	tcase_add_test(one, test_many_members);
	tcase_add_test(one, test_sa_gone);
	tcase_add_test(one, test_odd_sources);
	tcase_add_test(one, test_client);
	suite_add_tcase(s, one);
	tcase_add_checked_fixture(two, setup_two, teardown);
	tcase_add_test(two, test_two_workers);
	tcase_add_test(two, test_link_to_all);
	tcase_add_test(two, test_filters);
	tcase_add_test(two, test_handoff_full);
	suite_add_tcase(s, two);
	tcase_add_checked_fixture(control, setup_control, teardown_control);
	tcase_add_loop_test(control, test_punt_mld, 0, RTE_DIM(mlds));
	tcase_add_test(control, test_punt_igmp);
	tcase_add_loop_test(control, test_send_port, 0, RTE_DIM(sends));
	suite_add_tcase(s, control);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
