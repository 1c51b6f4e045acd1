// SPDX-License-Identifier: BSD-3-Clause
// What a client's host gets from a gateway's reply in each profile, P0 to P6 (L6, L8, L11, L12, RFC
// 5739 sections 4.1, 4.4), ranges as prefixes, and how much fits into an ESP packet.
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
static struct dhcp6_given given;
static struct client_child child[4];
static struct client_input in;
static struct client_plan plan;

static void add_ts(struct ts_list *list, const char *text)
{
	struct ts ts;

	ck_assert_int_eq(ts_parse(text, &ts), 0);
	ck_assert_int_eq(ts_list_add(list, &ts), 0);
}

static void set_prefix(uint32_t i, const char *text)
{
	ck_assert_int_eq(inet_prefix_parse(text, &cp.prefix[i]), 0);
	cp.prefix_n = (uint8_t)(i + 1);
}

// The link of P1: two prefixes, an IPv4 address, names.
static void setup(void)
{
	static const uint8_t iid[8] = {2, 0, 0, 0, 0, 0, 0, 0x55};

	connection = (struct config_connection){.interface = "cpn0"};
	cp = (struct cp_attrs){.type = CP_REPLY, .link = true, .ip4_n = 1};
	set_prefix(0, "2001:db8:1000:5::/64");
	set_prefix(1, "fd00:db8:1000::/56");
	inet_addr_parse("10.66.0.9", &cp.ip4[0]);
	cp.dns_n = 1;
	inet_addr_parse("10.20.0.53", &cp.dns[0]);
	strcpy(cp.domain[0], "corp.example.org");
	cp.domain_n = 1;
	memset(cp.link_iid, 0xee, 8); // the gateway's
	local = remote = (struct ts_list){};
	given = (struct dhcp6_given){};
	add_ts(&remote, "::/0");
	add_ts(&remote, "0.0.0.0/0");
	add_ts(&local, "2001:db8:1000:5::/64");
	add_ts(&local, "fe80::200:0:0:55");
	in = (struct client_input){.config = &connection,
		.cp = &cp,
		.local = &local,
		.remote = &remote,
		.dhcp6 = &given,
		.mtu = 1400,
		.child = child};
	memcpy(in.iid, iid, 8);
	for (uint32_t i = 0; i < CP_LIST_MAX; i++)
		memcpy(in.prefix_iid[i].iid, iid, 8);
}

// A link without prefixes in the reply, whose TSi is this.
static void no_prefixes(const char *ts)
{
	cp.prefix_n = cp.ip4_n = 0;
	local.n = 0;
	add_ts(&local, ts);
}

static const struct ipc_hostif_addr *find_addr(const char *text)
{
	struct inet_addr addr;
	uint8_t len = 0;

	ck_assert_int_eq(inet_ifaddr_parse(text, &addr, &len), 0);
	for (uint32_t i = 0; i < plan.hostif.addr_n; i++)
		if (inet_addr_equal(&plan.hostif.addr[i].addr, &addr) &&
			plan.hostif.addr[i].prefix_len == len)
			return &plan.hostif.addr[i];
	return NULL;
}

static bool has_addr(const char *text, uint8_t nodad)
{
	const struct ipc_hostif_addr *addr = find_addr(text);

	return addr != NULL && addr->nodad == nodad && !addr->temporary;
}

// Exactly these addresses, all without DAD.
static void only_addrs(const char *const *text)
{
	uint32_t n = 0;

	for (; text[n] != NULL; n++)
		ck_assert_msg(find_addr(text[n]) != NULL, "%s is missing", text[n]);
	ck_assert_uint_eq(plan.hostif.addr_n, n);
}

static bool has_way(const char *text, enum ipc_route_kind kind)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	for (uint32_t i = 0; i < plan.route_n; i++)
		if (plan.route[i].kind == kind && inet_prefix_equal(&plan.route[i].prefix, &prefix))
			return true;
	return false;
}

static bool inward(const char *text)
{
	return has_way(text, IPC_ROUTE_HOSTIF);
}

static bool outward(const char *text)
{
	return has_way(text, IPC_ROUTE_SA);
}

static bool discarded(const char *text)
{
	return has_way(text, IPC_ROUTE_DISCARD);
}

static uint32_t count_kind(enum ipc_route_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan.route_n; i++)
		n += plan.route[i].kind == kind;
	return n;
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
START_TEST(test_link_L12_P1)
{
	client_plan(&in, &plan);
	ck_assert_str_eq(plan.hostif.name, "cpn0");
	ck_assert_uint_eq(plan.hostif.mtu, 1400);
	ck_assert_uint_eq(plan.hostif.flags, 0);
	ck_assert_uint_eq(plan.hostif.addr_n, 4);
	ck_assert(has_addr("fe80::200:0:0:55/64", 1));
	ck_assert(has_addr("2001:db8:1000:5:200::55/64", 1));
	ck_assert(has_addr("fd00:db8:1000::200:0:0:55/64", 1));
	ck_assert(has_addr("10.66.0.9/32", 0));
	ck_assert_uint_eq(plan.hostif.route_n, 2);
	ck_assert(has(plan.hostif.route, 2, "::/0") && has(plan.hostif.route, 2, "0.0.0.0/0"));
	// All of the prefix comes in, whatever addresses the host makes up from it (L1).
	ck_assert_uint_eq(count_kind(IPC_ROUTE_HOSTIF), 5);
	ck_assert(inward("2001:db8:1000:5::/64"));
	ck_assert(inward("fd00:db8:1000::/56"));
	ck_assert(inward("10.66.0.9/32"));
	ck_assert(inward("fe80::/10"));
	ck_assert(inward("ff00::/8"));
	ck_assert(outward("::/0") && outward("0.0.0.0/0"));
	ck_assert(outward("fe80::/10") && outward("ff00::/8"));
	ck_assert_uint_eq(count_kind(IPC_ROUTE_SA), 4);
	// Nothing goes back out to the gateway that the host does not want.
	ck_assert(discarded("2001:db8:1000:5::/64") && discarded("fd00:db8:1000::/56"));
	ck_assert_uint_eq(count_kind(IPC_ROUTE_DISCARD), 2);
	ck_assert_uint_eq(plan.hostif.dns_n, 1);
	ck_assert_str_eq(plan.hostif.domain, "corp.example.org");
	ck_assert(!plan.has_lan);
}
END_TEST

// RFC 8981: the kernel makes temporary addresses beside each that has room for them (L1).
START_TEST(test_privacy_L1)
{
	connection.privacy = true;
	client_plan(&in, &plan);
	ck_assert(find_addr("2001:db8:1000:5:200::55/64")->temporary);
	ck_assert(!find_addr("fe80::200:0:0:55/64")->temporary);
	set_prefix(0, "2001:db8:1000:5::/72");
	client_plan(&in, &plan);
	ck_assert(!find_addr("2001:db8:1000:5::55/72")->temporary);
	no_prefixes("::/0"); // there is nothing else to say it by
	client_plan(&in, &plan);
	ck_assert(find_addr("fe80::200:0:0:55/64")->temporary);
}
END_TEST

// A gateway that knows no links.
START_TEST(test_plain_L9_P0)
{
	cp = (struct cp_attrs){.type = CP_REPLY, .ip6_n = 1};
	inet_addr_parse("2001:db8:2000::7", &cp.ip6[0].addr);
	cp.ip6[0].prefix_len = 64;
	in.mtu = 900;
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, 1);
	ck_assert(has_addr("2001:db8:2000::7/128", 1));
	ck_assert_uint_eq(plan.hostif.route_n, 1); // no IPv4 address, no IPv4 route
	ck_assert_uint_eq(plan.route_n, 2);
	ck_assert(inward("2001:db8:2000::7/128") && outward("::/0"));
	ck_assert_uint_eq(plan.hostif.mtu, 1280); // IPv6 wants it
	ck_assert(!client_dhcp6_want(&connection, &cp, &local).info);
}
END_TEST

// No prefixes in the reply and everything allowed: the kernel solicits, and all of IPv6 comes in.
START_TEST(test_ra_P2)
{
	static const char *const addrs[] = {"fe80::200:0:0:55/64", NULL};
	struct inet_prefix seen;

	no_prefixes("::/0");
	client_plan(&in, &plan);
	only_addrs(addrs);
	ck_assert(has_addr(addrs[0], 1));
	ck_assert_uint_eq(plan.hostif.flags, IPC_HOSTIF_RA);
	ck_assert(inward("::/0") && outward("::/0") && outward("ff00::/8"));
	ck_assert(has(plan.hostif.route, plan.hostif.route_n, "::/0"));
	ck_assert_uint_eq(count_kind(IPC_ROUTE_DISCARD), 0);
	// What the kernel then has is ours alone.
	inet_prefix_parse("2001:db8:1000:7::/64", &seen);
	in.seen = &seen;
	in.seen_n = 1;
	client_plan(&in, &plan);
	ck_assert(discarded("2001:db8:1000:7::/64"));
}
END_TEST

// In a prefix that is everybody's the kernel asks first; the selector for :: tells.
START_TEST(test_slaac_P3)
{
	cp.prefix_n = 0;
	set_prefix(0, "2001:db8:3000::/64");
	local.n = 0;
	add_ts(&local, "fe80::200:0:0:55");
	add_ts(&local, "2001:db8:3000::/64");
	add_ts(&local, "::/128");
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.flags, IPC_HOSTIF_DAD);
	ck_assert(has_addr("2001:db8:3000::200:0:0:55/64", 0));
	ck_assert(has_addr("fe80::200:0:0:55/64", 1));
	ck_assert(inward("2001:db8:3000::/64"));
	ck_assert(!discarded("2001:db8:3000::/64")); // other clients are there, too
	local.n = 2; // a gateway with an ingress filter only: the configuration knows
	connection.addresses_by = CONFIG_ADDRESSES_SLAAC;
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.flags, IPC_HOSTIF_DAD);
	in.prefix_iid[0].none = true; // no free address was found
	client_plan(&in, &plan);
	ck_assert_ptr_null(find_addr("2001:db8:3000::200:0:0:55/64"));
}
END_TEST

START_TEST(test_ra_slaac_P4)
{
	no_prefixes("::/0");
	connection.prefixes_by = CONFIG_PREFIXES_RA;
	connection.addresses_by = CONFIG_ADDRESSES_SLAAC;
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.flags, IPC_HOSTIF_RA | IPC_HOSTIF_DAD);
	ck_assert(has_addr("fe80::200:0:0:55/64", 1));
	ck_assert(inward("::/0"));
}
END_TEST

// The draft's appendix A.4: addresses in the reply, more by child SAs of their own.
START_TEST(test_address2_P5)
{
	static const char *const addrs[] = {
		"fe80::200:0:0:55/64", "2001:db8:3000::200:0:0:55/128", NULL};
	struct ike_child_spec spec[CLIENT_CHILDREN];
	char text[TS_STRLEN], addr[INET_ADDR_STRLEN];

	no_prefixes("fe80::200:0:0:55");
	add_ts(&local, "2001:db8:3000:0:200::55");
	cp.address2_n = 1;
	inet_addr_parse("2001:db8:3000:0:200::55", &cp.address2[0]);
	client_plan(&in, &plan);
	only_addrs(addrs);
	ck_assert_uint_eq(plan.hostif.flags, 0);
	ck_assert(inward("2001:db8:3000:0:200::55/128"));
	ck_assert(!inward("2001:db8:3000::/64"));
	ck_assert_uint_eq(client_children_wanted(&in, spec), 0);

	connection.more_iid_n = 2;
	connection.more_iid[0][7] = 0x77;
	connection.more_iid[1][7] = 0x78;
	ck_assert_uint_eq(client_children_wanted(&in, spec), 2);
	ck_assert_uint_eq(spec[1].tag, CLIENT_TAG_MORE_IID + 1);
	ck_assert(spec[1].of_link && spec[1].ask);
	ck_assert_str_eq(inet_addr_format(&spec[1].address2, addr), "2001:db8:3000::78");
	ck_assert_uint_eq(spec[1].local.n, 1);
	ck_assert_str_eq(ts_format(&spec[1].local.ts[0], text), "2001:db8:3000::/64");
	ck_assert_str_eq(ts_format(&spec[1].remote.ts[0], text), "::/0");

	child[0] = (struct client_child){.tag = CLIENT_TAG_MORE_IID, .address2_n = 1};
	inet_addr_parse("2001:db8:3000::77", &child[0].address2[0]);
	add_ts(&child[0].local, "2001:db8:3000::77");
	in.child_n = 1;
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, 3);
	ck_assert(has_addr("2001:db8:3000::77/128", 1));
	ck_assert(inward("2001:db8:3000::77/128"));
}
END_TEST

// Nothing but the link-local address: addresses by DHCPv6, and a child SA for each.
START_TEST(test_dhcp6_P6)
{
	struct ike_child_spec spec[CLIENT_CHILDREN];
	struct dhcp6_client_want want;
	char text[TS_STRLEN];

	no_prefixes("fe80::200:0:0:55");
	ck_assert(!client_mode(&connection, &cp, &local).dhcp6_address);
	connection.prefixes_by = CONFIG_PREFIXES_DHCPV6;
	want = client_dhcp6_want(&connection, &cp, &local);
	ck_assert(want.info && want.address && !want.prefix);
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, 1);
	ck_assert_uint_eq(plan.hostif.route_n, 0); // no address that could use one
	in.dhcp6_runs = true;
	client_plan(&in, &plan);
	for (uint32_t i = 0; i < plan.route_n; i++)
		ck_assert_uint_eq(plan.route[i].flags,
			plan.route[i].kind == IPC_ROUTE_HOSTIF && plan.route[i].prefix.len == 10
				? IPC_ROUTE_DHCP6
				: 0);
	ck_assert_uint_eq(client_children_wanted(&in, spec), 0);

	given.address_n = 1;
	inet_addr_parse("2001:db8:4000::9", &given.address[0]);
	ck_assert_uint_eq(client_children_wanted(&in, spec), 1);
	ck_assert_uint_eq(spec[0].tag, CLIENT_TAG_DHCP6);
	ck_assert(spec[0].of_link && !spec[0].ask);
	ck_assert_str_eq(ts_format(&spec[0].local.ts[0], text), "2001:db8:4000::9/128");
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, 1); // not before its SA
	child[0] = (struct client_child){.tag = CLIENT_TAG_DHCP6};
	child[0].local = spec[0].local;
	in.child_n = 1;
	client_plan(&in, &plan);
	ck_assert(has_addr("2001:db8:4000::9/128", 1));
	ck_assert(inward("2001:db8:4000::9/128") && outward("::/0"));
	// A gateway that filters outside IPsec lets the first SA have it all.
	in.child_n = 0;
	local.n = 0;
	add_ts(&local, "::/0");
	ck_assert_uint_eq(client_children_wanted(&in, spec), 0);
	// Groups need a child SA only where the first one does not cover them (L25).
	connection.multicast = true;
	ck_assert_uint_eq(client_children_wanted(&in, spec), 0);
	local.n = 0;
	add_ts(&local, "fe80::1/128");
	given.address_n = 0;
	ck_assert_uint_eq(client_children_wanted(&in, spec), 1);
	ck_assert_uint_eq(spec[0].tag, CLIENT_TAG_MULTICAST);
	ck_assert_str_eq(ts_format(&spec[0].local.ts[0], text), "ff00::/8");
	connection.multicast = false;
	given.address_n = 1;
	local.n = 0;
	add_ts(&local, "::/0");
	client_plan(&in, &plan);
	ck_assert(has_addr("2001:db8:4000::9/128", 1));
	ck_assert_uint_eq(plan.hostif.flags, 0);
}
END_TEST

// A gateway that names a DHCPv6 server is asked what IKEv2 does not carry, where that is wanted.
START_TEST(test_information_L22)
{
	struct dhcp6_client_want want = client_dhcp6_want(&connection, &cp, &local);

	ck_assert(!want.info);
	connection.dhcp6 = true;
	ck_assert(!client_dhcp6_want(&connection, &cp, &local).info); // there is no server
	cp.dhcp6_n = 1;
	cp.dhcp6[0] = inet_addr_link_local(cp.link_iid);
	want = client_dhcp6_want(&connection, &cp, &local);
	ck_assert(want.info && !want.address && !want.prefix);
	given.dns_n = 2;
	given.dns[0] = cp.dns[0];
	inet_addr_parse("2001:db8:aaaa::53", &given.dns[1]);
	given.domain_n = 2;
	strcpy(given.domain[0], "corp.example.org");
	strcpy(given.domain[1], "example.org");
	given.sntp_n = 1;
	inet_addr_parse("2001:db8:aaaa::123", &given.sntp[0]);
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.sntp_n, 1);
	ck_assert(inet_addr_equal(&plan.hostif.sntp[0], &given.sntp[0]));
	ck_assert_uint_eq(plan.hostif.dns_n, 2);
	ck_assert_str_eq(plan.hostif.domain, "corp.example.org example.org");
}
END_TEST

// L6: the last prefix is the LAN's, its first /64; the link's interface takes none of it.
START_TEST(test_lan_further_L6)
{
	char text[INET_PREFIX_STRLEN];

	strcpy(connection.lan, "lan0");
	cp.dns_n = 2;
	inet_addr_parse("2001:db8:aaaa::53", &cp.dns[1]);
	client_plan(&in, &plan);
	ck_assert(!plan.has_lan); // the gateway's selectors do not let it be used
	add_ts(&local, "fd00:db8:1000::/56");
	client_plan(&in, &plan);
	ck_assert(plan.has_lan);
	ck_assert_str_eq(plan.lan.name, "lan0");
	ck_assert_uint_eq(plan.lan.mtu, 1400);
	ck_assert_uint_eq(plan.lan.prefix_n, 1);
	ck_assert_str_eq(inet_prefix_format(&plan.lan.prefix[0], text), "fd00:db8:1000::/64");
	ck_assert_uint_eq(plan.lan.lifetime_s, 1800);
	ck_assert_uint_eq(plan.lan.dns_n, 1); // hosts hear of IPv6 servers by RA
	ck_assert_str_eq(plan.lan.domain, "corp.example.org");
	ck_assert_uint_eq(plan.hostif.flags, IPC_HOSTIF_FORWARD);
	ck_assert_ptr_null(find_addr("fd00:db8:1000::200:0:0:55/64"));
	ck_assert(find_addr("2001:db8:1000:5:200::55/64") != NULL);
	ck_assert(inward("fd00:db8:1000::/64"));
	ck_assert(!inward("fd00:db8:1000::/56")); // the rest would go round in circles
	ck_assert(discarded("fd00:db8:1000::/56"));
	connection.addresses_by = CONFIG_ADDRESSES_SLAAC; // what is everybody's is no LAN's
	client_plan(&in, &plan);
	ck_assert(!plan.has_lan);
}
END_TEST

// L11: a delegated prefix needs a child SA where selectors are exact, and none where they are open.
START_TEST(test_lan_delegated_L6_L11)
{
	struct ike_child_spec spec[CLIENT_CHILDREN];
	struct dhcp6_client_want want;
	char text[TS_STRLEN];

	strcpy(connection.lan, "lan0");
	connection.lan_prefix = CONFIG_LAN_DELEGATED;
	connection.delegation_len = 56;
	want = client_dhcp6_want(&connection, &cp, &local);
	ck_assert(want.info && want.prefix && want.prefix_len == 56);
	client_plan(&in, &plan);
	ck_assert(!plan.has_lan);
	ck_assert_uint_eq(plan.hostif.addr_n, 4); // the link keeps all of its prefixes
	given.prefix_n = 1;
	inet_prefix_parse("2001:db8:5000:100::/56", &given.prefix[0]);
	ck_assert_uint_eq(client_children_wanted(&in, spec), 1);
	ck_assert_uint_eq(spec[0].tag, CLIENT_TAG_DELEGATED);
	ck_assert(spec[0].of_link && !spec[0].ask);
	ck_assert_str_eq(ts_format(&spec[0].local.ts[0], text), "2001:db8:5000:100::/56");
	client_plan(&in, &plan);
	ck_assert(!plan.has_lan); // not before its SA
	child[0] = (struct client_child){.tag = CLIENT_TAG_DELEGATED, .local = spec[0].local};
	in.child_n = 1;
	client_plan(&in, &plan);
	ck_assert(plan.has_lan);
	ck_assert(inward("2001:db8:5000:100::/64"));
	ck_assert(discarded("2001:db8:5000:100::/56"));
	in.child_n = 0;
	local.n = 0;
	add_ts(&local, "::/0");
	ck_assert_uint_eq(client_children_wanted(&in, spec), 0);
	client_plan(&in, &plan);
	ck_assert(plan.has_lan);
	given.prefix[0].len = 72; // no host configures itself from that
	client_plan(&in, &plan);
	ck_assert(!plan.has_lan);
}
END_TEST

// L8: a child SA of the physical interface brings routes to what it protects, and what comes out of
// it is for the host's own addresses.
START_TEST(test_children_L8)
{
	connection.child_n = 2;
	add_ts(&connection.child[0].local, "192.0.2.0/24");
	add_ts(&connection.child[0].local, "fe80::/10");
	add_ts(&connection.child[0].remote, "10.20.0.0/24");
	add_ts(&connection.child[0].remote, "fe80::/10");
	connection.child[1].link = true;
	add_ts(&connection.child[1].remote, "2001:db8:aaaa::/64");
	connection.route_n = 1;
	inet_prefix_parse("2001:db8:bbbb::/64", &connection.route[0]);
	for (uint32_t i = 0; i < 2; i++)
		child[i] = (struct client_child){.tag = 1 + i,
			.local = connection.child[i].local,
			.remote = connection.child[i].remote};
	in.child_n = 2;
	cp.ip4_n = 0; // the host's own address is the source
	client_plan(&in, &plan);
	ck_assert(outward("10.20.0.0/24") && outward("2001:db8:aaaa::/64"));
	ck_assert_uint_eq(plan.hostif.route_n, 3);
	ck_assert(inward("192.0.2.0/24"));
	ck_assert(!inward("10.20.0.0/24"));
}
END_TEST

START_TEST(test_configured_routes)
{
	connection.route_n = 1;
	inet_prefix_parse("2001:db8:aaaa::/64", &connection.route[0]);
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.route_n, 1);
	ck_assert(has(plan.hostif.route, 1, "2001:db8:aaaa::/64"));
	ck_assert(!outward("::/0"));
}
END_TEST

// More than there is room for is left out, and nothing else is touched.
START_TEST(test_too_much)
{
	local.n = 0;
	add_ts(&local, "::/0");
	given.address_n = DHCP6_CLIENT_LIST;
	for (uint32_t i = 0; i < DHCP6_CLIENT_LIST; i++) {
		inet_addr_parse("2001:db8:4000::", &given.address[i]);
		given.address[i].bytes[15] = (uint8_t)(i + 1);
	}
	cp.address2_n = CP_ADDRESS2_MAX;
	for (uint32_t i = 0; i < CP_ADDRESS2_MAX; i++) {
		inet_addr_parse("2001:db8:3000::", &cp.address2[i]);
		cp.address2[i].bytes[15] = (uint8_t)(i + 1);
	}
	client_plan(&in, &plan);
	ck_assert_uint_eq(plan.hostif.addr_n, IPC_HOSTIF_ADDRS);
	ck_assert_uint_le(plan.route_n, CLIENT_ROUTES);
	for (uint32_t i = 0; i < 40; i++) {
		struct inet_prefix prefix;

		inet_prefix_parse("2001:db8:9000::/64", &prefix);
		prefix.addr.bytes[7] = (uint8_t)i;
		client_route_add(&plan, &prefix, IPC_ROUTE_HOSTIF, 0);
		client_route_add(&plan, &prefix, IPC_ROUTE_SA, 0);
		client_route_add(&plan, &prefix, IPC_ROUTE_DISCARD, 0);
	}
	ck_assert_uint_eq(plan.route_n, CLIENT_ROUTES);
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
	tcase_add_test(tc, test_link_L12_P1);
	tcase_add_test(tc, test_privacy_L1);
	tcase_add_test(tc, test_plain_L9_P0);
	tcase_add_test(tc, test_ra_P2);
	tcase_add_test(tc, test_slaac_P3);
	tcase_add_test(tc, test_ra_slaac_P4);
	tcase_add_test(tc, test_address2_P5);
	tcase_add_test(tc, test_dhcp6_P6);
	tcase_add_test(tc, test_information_L22);
	tcase_add_test(tc, test_lan_further_L6);
	tcase_add_test(tc, test_lan_delegated_L6_L11);
	tcase_add_test(tc, test_children_L8);
	tcase_add_test(tc, test_configured_routes);
	tcase_add_test(tc, test_too_much);
	tcase_add_loop_test(tc, test_mtu, 0, sizeof(mtus) / sizeof(mtus[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
