// SPDX-License-Identifier: BSD-3-Clause
// L15, L16, P0 to P6: which values of the four axes go together, which pools and servers fit them, what
// a connection may ask of them; everything else is refused with its line and the reason.
#include "t_config_base.h"

#include <stdlib.h>

// The profile stands in line 16, the peer in 19, the connection in 22.
static const char form[] =
	"dataplane = { memory_mb = 256; mbufs = 8192; ports = (\n" // 1
	"{ name = \"out\"; role = \"outer\"; device = \"af_packet:eth0\"; shared = true;\n"
	"addresses = [\"192.0.2.1/24\"]; },\n"
	"{ name = \"in\"; role = \"inner\"; device = \"tap:tap0\";\n"
	"addresses = [\"10.20.0.1/24\"%s]; } ); };\n" // 5
	"pools = (\n"
	"{ name = \"p6\"; prefix = \"2001:db8:1000::/40\"; lease = 64; },\n"
	"{ name = \"p48\"; prefix = \"2001:db8:1100::/40\"; lease = 56; },\n"
	"{ name = \"p4\"; prefix = \"10.66.0.0/16\"; lease = 32; },\n"
	"{ name = \"a6\"; prefix = \"2001:db8:2000::/64\"; lease = 128; },\n" // 10
	"{ name = \"sh\"; prefix = \"2001:db8:3000::/64\"; shared = true; },\n"
	"{ name = \"d6\"; prefix = \"2001:db8:4000::/64\"; lease = 128; },\n"
	"{ name = \"pd\"; prefix = \"2001:db8:5000::/40\"; lease = 56; },\n"
	"{ name = \"p80\"; prefix = \"2001:db8:6000::/64\"; lease = 80; } );\n"
	"profiles = (\n" // 15
	"{ name = \"x\"; %s }\n"
	");\n"
	"gateway = { id = \"gw\"; peers = (\n"
	"{ name = \"a\"; id = \"a@b\"; secret = \"s\"; profile = \"x\"; %s }\n"
	"); };\n" // 20
	"client = (\n"
	"{ name = \"home\"; id = \"b@c\"; gateway_id = \"gw\"; secret = \"s\"; gateway = "
	"\"192.0.2.9\"; "
	"%s }\n"
	");\n";

#define INNER6 ", \"2001:db8:aaaa::1/64\""
#define P2P "link_model = \"point-to-point\"; "
#define AGG "link_model = \"router-aggregation\"; "
#define BY(prefixes, addresses) "prefixes_by = \"" prefixes "\"; addresses_by = \"" addresses "\"; "
#define SPD "access_control = \"spd\"; "
#define INGRESS "access_control = \"ingress-filter\"; "
#define POOL(name) "prefix_pools = [\"" name "\"]; "

static struct config *config_of(
	const char *inner, const char *profile, const char *peer, const char *connection)
{
	static char text[16384];

	ck_assert_int_lt(snprintf(text, sizeof(text), form, inner, profile, peer, connection),
		(int)sizeof(text));
	return config_parse(text, "t.conf", &config_errs);
}

// One error in this line that says this, and what would be right; or none at all.
static void expect(struct config *config, int line, const char *says, const char *what)
{
	char prefix[32];

	if (says == NULL) {
		ck_assert_msg(config != NULL, "(%s): %s", what, config_errs.text[0]);
		config_free(config);
		return;
	}
	ck_assert_msg(config == NULL, "(%s) passes", what);
	snprintf(prefix, sizeof(prefix), "t.conf:%d: ", line);
	ck_assert_msg(strncmp(config_errs.text[0], prefix, strlen(prefix)) == 0 &&
			strstr(config_errs.text[0], says) != NULL,
		"(%s): %s", what, config_errs.text[0]);
	ck_assert_msg(
		strstr(config_errs.text[0], "; ") != NULL, "(%s): %s", what, config_errs.text[0]);
	ck_assert_msg(
		strlen(config_errs.text[0]) < sizeof(config_errs.text[0]) - 1, "(%s): cut", what);
	ck_assert_msg(config_errs.n == 1, "(%s): also %s", what, config_errs.text[1]);
}

static const struct {
	const char *profile, *says;
} profiles[] = {
	// the rows of the table
	{"ipv4_pool = \"p4\"; ipv6_pool = \"a6\";", NULL}, // P0
	{P2P BY("ikev2", "whole-prefix") SPD POOL("p6"), NULL}, // P1
	{P2P BY("ikev2", "whole-prefix") INGRESS POOL("p6"), NULL},
	{P2P BY("ra", "whole-prefix") INGRESS POOL("p6"), NULL}, // P2
	{AGG BY("ikev2", "slaac") INGRESS POOL("sh"), NULL}, // P3
	{AGG BY("ra", "slaac") INGRESS POOL("sh"), NULL}, // P4
	{AGG BY("ikev2", "ikev2") SPD POOL("sh"), NULL}, // P5
	{AGG BY("ikev2", "ikev2") INGRESS POOL("sh"), NULL},
	{AGG BY("dhcpv6", "dhcpv6") SPD POOL("d6"), NULL}, // P6
	{AGG BY("dhcpv6", "dhcpv6") INGRESS POOL("d6"), NULL},
	{AGG BY("dhcpv6", "dhcpv6") "dhcp6_relay = \"2001:db8:aaaa::10\";", NULL},
	{P2P BY("ikev2", "whole-prefix") "wire = \"ipsecme-00\"; " POOL("p6"), NULL},
	// what makes no sense
	{P2P BY("dhcpv6", "whole-prefix") POOL("p6"), "DHCPv6 cannot tell which prefixes"},
	{P2P BY("ikev2", "ikev2") POOL("p6"), "a client has whole prefixes to itself"},
	{P2P BY("ikev2", "slaac") INGRESS POOL("p6"), "a client has whole prefixes to itself"},
	{P2P BY("ra", "slaac") INGRESS POOL("p6"), "a client has whole prefixes to itself"},
	{P2P BY("dhcpv6", "dhcpv6") POOL("d6"), "a client has whole prefixes to itself"},
	{AGG BY("ikev2", "whole-prefix") POOL("p6"), "none has it whole"},
	{AGG BY("dhcpv6", "slaac") INGRESS POOL("sh"), "DHCPv6 tells none"},
	{AGG BY("ra", "ikev2") INGRESS POOL("sh"), "bring their prefix along"},
	{AGG BY("dhcpv6", "ikev2") POOL("sh"), "bring their prefix along"},
	{AGG BY("ikev2", "dhcpv6") POOL("d6"), "on a link without a prefix"},
	{AGG BY("ra", "dhcpv6") INGRESS POOL("d6"), "on a link without a prefix"},
	{P2P BY("ra", "whole-prefix") SPD POOL("p6"), "learns them by RA"},
	{AGG BY("ikev2", "slaac") SPD POOL("sh"), "makes them by SLAAC"},
	{AGG BY("ra", "slaac") POOL("sh"), "learns them by RA"},
	// pools that fit no link of the kind
	{P2P POOL("sh"), "no IPv6 prefixes to lease"},
	{P2P POOL("d6"), "no IPv6 prefixes to lease"},
	{P2P POOL("p80"), NULL},
	{BY("ra", "whole-prefix") INGRESS POOL("p80"), "of which no host makes addresses"},
	{BY("ra", "whole-prefix") INGRESS POOL("p48"), "of which no host makes addresses"},
	{AGG BY("ikev2", "slaac") INGRESS POOL("p6"), "pool 'p6' is not shared"},
	{AGG BY("ikev2", "ikev2") POOL("d6"), "pool 'd6' is not shared"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("sh"), "no single IPv6 addresses to lease"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("p6"), "no single IPv6 addresses to lease"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("p4"), "no single IPv6 addresses to lease"},
	{POOL("p6") "ipv6_pool = \"sh\";", "wants lease = 128, not shared"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("d6") "ipv6_pool = \"d6\";", "and in ipv6_pool"},
	// delegation
	{POOL("p6") "delegation_pool = \"pd\"; delegations = 4;", NULL},
	{POOL("p6") "delegation_pool = \"pd\"; delegations = 5;", "not a number from 1 to 4"},
	{POOL("p6") "delegation_pool = \"p80\";", "no prefixes to delegate"},
	{POOL("p6") "delegation_pool = \"p4\";", "no prefixes to delegate"},
	{POOL("p6") "delegation_pool = \"sh\";", "no prefixes to delegate"},
	{POOL("p6") "delegation_pool = \"p6\";", "in prefix_pools and in delegation_pool"},
	// no links
	{"", "gives nothing"},
	{"ipv4_pool = \"p4\"; prefixes_by = \"ra\";", "has prefixes_by but gives no links"},
	{"ipv4_pool = \"p4\"; " AGG, "has link_model but gives no links"},
	{"ipv4_pool = \"p4\"; " INGRESS, "has access_control but gives no links"},
	{"ipv4_pool = \"p4\"; dhcp6 = true;", "has dhcp6 but gives no links"},
	{"ipv4_pool = \"p4\"; dhcp6 = false;", NULL},
	{"ipv4_pool = \"p4\"; delegation_pool = \"pd\";", "has delegation_pool but gives no"},
	{"ipv4_pool = \"p4\"; wire = \"ipsecme-00\";", "has wire but gives no links"},
	{"ipv4_pool = \"p4\"; dhcp6_relay = \"2001:db8:aaaa::10\";", "has dhcp6_relay but gives"},
	{"ipv4_pool = \"p4\"; sntp = \"2001:db8::1\";", "has sntp but gives no links"},
	// DHCPv6
	{POOL("p6") "dhcp6 = false; delegation_pool = \"pd\";", "nothing without DHCPv6"},
	{POOL("p6") "dhcp6 = false; sntp = \"2001:db8::1\";", "nothing without DHCPv6"},
	{POOL("p6") "dhcp6 = false; dhcp6_relay = \"2001:db8:aaaa::10\";", "nothing without"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("d6") "dhcp6 = false;", "nothing without DHCPv6"},
	{POOL("p6") "dhcp6 = false;", NULL},
	{POOL("p6") "dhcp6_relay = \"10.20.0.10\";", "no DHCPv6 server's address"},
	{POOL("p6") "dhcp6_relay = \"fe80::1\";", "no DHCPv6 server's address"},
	{POOL("p6") "dhcp6_relay = \"ff05::1:3\";", "no DHCPv6 server's address"},
	{POOL("p6") "dhcp6_relay = \"2001:db8:1000::9\";", "lies in pool 'p6'"},
	{POOL("p6") "dhcp6_relay = \"2001:db8:aaaa::1\";", "is our own address"},
	{POOL("p6") "dhcp6_relay = \"2001:db8:aaaa::10\"; delegation_pool = \"pd\";",
		"delegation_pool beside dhcp6_relay"},
	{POOL("p6") "dhcp6_relay = \"2001:db8:aaaa::10\"; sntp = \"2001:db8::1\";",
		"sntp beside dhcp6_relay"},
	{AGG BY("dhcpv6", "dhcpv6") POOL("d6") "dhcp6_relay = \"2001:db8:aaaa::10\";",
		"prefix_pools beside dhcp6_relay"},
	{POOL("p6") "sntp = \"10.0.0.1\";", "is no IPv6 address"},
	// names
	{POOL("p6") "domain = [\"corp.example.org\", \"lab.example.org\"];", NULL},
	{POOL("p6") "domain = [\"a\", \"b\", \"c\", \"d\", \"e\"];", "too many names; at most 4"},
	{POOL("p6") "domain = \"corp..example.org\";", "is no domain name"},
	{POOL("p6") "domain = \"example.org.\";", NULL},
	{POOL("p6") "domain = \".\";", "is no domain name"},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.org 60485 5 1 2BB1\";", NULL},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.net 60485 5 1 2BB1\";",
		"which is not in the list domain"},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.org 60485 5 1 2BB\";",
		"is no digest"},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.org 60485 5 2BB1\";",
		"is no trust anchor"},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.org 65536 5 1 2BB1\";",
		"is no trust anchor"},
	{POOL("p6") "domain = \"example.org\"; dnssec_ta = \"example.org 1 5 1 2BB1 x\";",
		"is no trust anchor"},
	// RFC 4478
	{POOL("p6") "reauth = \"8h\";", NULL},
	{POOL("p6") "reauth = \"60s\";", NULL},
	{POOL("p6") "reauth = \"9s\";", "10s to 366d, or \"never\""},
	{POOL("p6") "reauth = \"never\";", NULL},
	{POOL("p6") "addresses = 24;", NULL},
	{POOL("p6") "addresses = 25;", "not a number from 1 to 24"},
};

START_TEST(test_profile)
{
	expect(config_of(INNER6, profiles[_i].profile, "", ""), 16, profiles[_i].says,
		profiles[_i].profile);
}
END_TEST

static const struct {
	const char *connection, *says;
} connections[] = {
	{"interface_id = \"random\"; privacy = true;", NULL},
	{"interface_id = \"stable\";", NULL},
	{"interface_id = \"sometimes\";", "is no interface ID; write \"random\", \"stable\""},
	{AGG BY("ikev2", "ikev2") "more_interface_ids = [\"::2\", \"::3\"];", NULL},
	{AGG BY("ikev2", "ikev2") "more_interface_ids = [\"::2\", \"::2\"];",
		"an interface ID twice"},
	{AGG BY("ikev2", "ikev2") "interface_id = \"::2\"; more_interface_ids = [\"::2\"];",
		"an interface ID twice"},
	{AGG BY("ikev2", "ikev2") "more_interface_ids = [\"::\"];", "is no interface ID"},
	{AGG BY("ikev2", "ikev2") "more_interface_ids = [\"::2\", \"::3\", \"::4\", \"::5\", "
				  "\"::6\"];",
		"has too many; at most 4"},
	{"more_interface_ids = [\"::2\"];", "asks for no addresses by IKEv2"},
	{AGG BY("ikev2", "ikev2") "privacy = true;", "are the gateway's choice"},
	{AGG BY("ra", "slaac") "privacy = true;", NULL},
	{AGG BY("ra", "dhcpv6"), "on a link without a prefix"},
	{BY("ikev2", "slaac"), "a client has whole prefixes to itself"},
	{AGG BY("dhcpv6", "dhcpv6"), NULL},
	{AGG BY("dhcpv6", "dhcpv6") "dhcp6 = false;", "its address comes by DHCPv6"},
	{"wire = \"ipsecme-00\"; reauth = \"1h\"; dhcp6 = true;", NULL},
	{"link = false; dhcp6 = true;", "has dhcp6 without a link"},
	{"link = false; privacy = true;", "has privacy without a link"},
	{"reauth = \"1s\";", "10s to 366d, or \"never\""},
	// children
	{"children = ( { name = \"a\"; remote = \"10.20.0.0/24\"; } );", NULL},
	{"children = ( { name = \"a\"; remote = \"10.20.0.0/24\"; }, { name = \"a\"; remote = "
	 "\"10.21.0.0/24\"; } );",
		"child name 'a' is taken by line 22"},
	{"children = ( { name = \"a\"; } );", "has no remote selectors"},
	{"children = ( { name = \"a\"; remote = []; } );", "has no remote selectors"},
	{"children = ( { name = \"a\"; link = false; remote = \"10.20.0.0/24\"; } );",
		"no local selectors"},
	{"children = ( { name = \"a\"; link = false; local = \"192.0.2.1\"; remote = "
	 "\"10.20.0.0/24\"; } );",
		NULL},
	{"children = ( { name = \"a\"; local = \"2001:db8::/32\"; remote = \"10.20.0.0/24\"; } );",
		"selectors of different families"},
	{"link = false; children = ( { name = \"a\"; remote = \"10.20.0.0/24\"; } );",
		"is of a link that connection 'home' does not have"},
	{"children = ( { name = \"a\"; remote = \"10.20.0.0\"; }, { name = \"b\"; remote = "
	 "\"10.20.0.1\"; }, { name = \"c\"; remote = \"10.20.0.2\"; }, { name = \"d\"; remote = "
	 "\"10.20.0.3\"; }, { name = \"e\"; remote = \"10.20.0.4\"; } );",
		"5 is too many of a child; at most 4"},
	// LAN
	{"lan = \"eth1\";", NULL},
	{"lan = \"eth1\"; lan_prefix = \"delegated\"; delegation_length = 56;", NULL},
	{"lan = \"eth1\"; lan_prefix = \"delegated\"; dhcp6 = false;", "LAN's prefix comes by"},
	{"lan = \"eth1\"; lan_prefix = \"delegated\"; delegation_length = 65;", "no prefix length"},
	{"lan = \"eth1\"; delegation_length = 56;", "asks for no delegated prefix"},
	{"lan = \"eth1\"; link = false;", "has lan without a link"},
	{"lan = \"cpn0\";", "is the interface of connection 'home''s link"},
	{"lan = \"eth0\";", "is port 'out''s device"},
	{"lan = \"a/b\";", "no interface name"},
	{"lan = \"eth1\"; " AGG BY("ra", "slaac"), "a prefix that is shared with others"},
	{"lan = \"eth1\"; prefixes_by = \"ra\";", "no further one for the LAN"},
	{"lan = \"eth1\"; lan_prefix = \"delegated\"; prefixes_by = \"ra\";", NULL},
	{"lan = \"eth1\"; }, { name = \"work\"; id = \"b@d\"; gateway_id = \"gw\"; secret = \"s\"; "
	 "gateway = \"192.0.2.10\"; lan = \"eth1\";",
		"is connection 'home''s already"},
};

START_TEST(test_connection)
{
	expect(config_of("", POOL("p6"), "", connections[_i].connection), 22, connections[_i].says,
		connections[_i].connection);
}
END_TEST

START_TEST(test_elsewhere)
{
	expect(config_of("", POOL("p6") "dhcp6_relay = \"2001:db8:aaaa::10\";", "", ""), 16,
		"needs an inner port with an IPv6 address", "no inner IPv6");
	expect(config_of("", POOL("p6"), "physical_local = \"192.0.2.1\";", ""), 19,
		"has physical_local alone", "half an SPD");
	expect(config_of("", POOL("p6"), "physical_remote = \"192.0.2.1\";", ""), 19,
		"has physical_remote alone", "the other half");
	expect(config_of("", POOL("p6"),
		       "physical_local = \"192.0.2.1\"; physical_remote = [\"192.0.2.2\", "
		       "\"fe80::/10\"];",
		       ""),
		19, NULL, "both");
	expect(config_of("", POOL("p6"), "physical_local = \"nobody\";", ""), 19,
		"is no traffic selector", "no selector");
}
END_TEST

// A shared pool is a /64 of which nothing is leased.
START_TEST(test_shared_pool)
{
	static const struct {
		const char *pool, *says;
	} rows[] = {
		{"prefix = \"2001:db8:3000::/64\"; shared = true; lease = 128;", NULL},
		{"prefix = \"2001:db8:3000::/64\"; shared = true; lease = 64;", "is shared but no"},
		{"prefix = \"2001:db8:3000::/63\"; shared = true;", "is shared but no IPv6 /64"},
		{"prefix = \"10.77.0.0/16\"; shared = true;", "is shared but no IPv6 /64"},
		{"prefix = \"2001:db8:3000::/64\"; shared = false;", "lacks 'lease'"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char replace[256];

		snprintf(replace, sizeof(replace), "{ name = \"sh\"; %s }, { name = \"a6\"",
			rows[i].pool);
		expect(config_with("{ name = \"a6\"", replace), 21, rows[i].says, rows[i].pool);
	}
}
END_TEST

// Every value in its field.
START_TEST(test_values)
{
	struct config *c = config_of(INNER6,
		BY("ra", "whole-prefix")
			INGRESS POOL("p6") "wire = \"ipsecme-00\"; domain = [\"a.org\", "
					   "\"b.org\"]; dnssec_ta = [\"B.org 7 8 2 "
					   "00ff\"]; sntp = [\"2001:db8::7\"]; delegation_pool = "
					   "\"pd\"; delegations = 2; "
					   "addresses = 3; reauth = \"1h\";",
		"physical_local = \"192.0.2.1\"; physical_remote = \"192.0.2.2\";",
		"interface_id = \"stable\"; lan = \"eth1\"; lan_prefix = \"delegated\"; "
		"delegation_length = 60; reauth = \"2h\"; privacy = true; wire = \"ipsecme-00\"; "
		"children = ( { name = \"k\"; link = false; local = \"192.0.2.1\"; remote = "
		"\"10.0.0.0/8\"; } );");
	const struct config_profile *p;
	const struct config_connection *n;

	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	p = &c->profile[0];
	n = &c->connection[0];
	ck_assert_int_eq(p->prefixes_by, CONFIG_PREFIXES_RA);
	ck_assert_int_eq(p->access, CONFIG_ACCESS_INGRESS_FILTER);
	ck_assert_int_eq(p->wire, CONFIG_WIRE_IPSECME_00);
	ck_assert_uint_eq(p->domain_n, 2);
	ck_assert_uint_eq(p->dnssec_ta_n, 1);
	ck_assert_uint_eq(p->dnssec_ta[0].domain, 1);
	ck_assert_uint_eq(p->dnssec_ta[0].key_tag, 7);
	ck_assert_uint_eq(p->dnssec_ta[0].algorithm, 8);
	ck_assert_uint_eq(p->dnssec_ta[0].digest_type, 2);
	ck_assert_uint_eq(p->dnssec_ta[0].digest_len, 2);
	ck_assert_mem_eq(p->dnssec_ta[0].digest, "\x00\xff", 2);
	ck_assert_uint_eq(p->sntp_n, 1);
	ck_assert_str_eq(p->delegation_pool->name, "pd");
	ck_assert_uint_eq(p->delegations_max, 2);
	ck_assert_uint_eq(p->addresses_max, 3);
	ck_assert_uint_eq(p->reauth_s, 3600);
	ck_assert(p->dhcp6);
	ck_assert(c->pool[4].shared && c->pool[4].lease_len == 128 && !c->pool[3].shared);
	ck_assert_uint_eq(c->gateway.peer[0].physical_local.n, 1);
	ck_assert_uint_eq(c->gateway.peer[0].physical_remote.n, 1);
	ck_assert_int_eq(n->iid, CONFIG_IID_STABLE);
	ck_assert_str_eq(n->lan, "eth1");
	ck_assert_int_eq(n->lan_prefix, CONFIG_LAN_DELEGATED);
	ck_assert_uint_eq(n->delegation_len, 60);
	ck_assert(n->dhcp6 && n->privacy);
	ck_assert_uint_eq(n->reauth_s, 7200);
	ck_assert_int_eq(n->wire, CONFIG_WIRE_IPSECME_00);
	ck_assert_uint_eq(n->child_n, 1);
	ck_assert_str_eq(n->child[0].name, "k");
	ck_assert(!n->child[0].link && n->child[0].local.n == 1 && n->child[0].remote.n == 1);
	config_free(c);
}
END_TEST

START_TEST(test_defaults)
{
	struct config *c = config_of("", POOL("p6"), "", "interface_id = \"::5\";");
	const struct config_profile *p;
	const struct config_connection *n;

	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	p = &c->profile[0];
	n = &c->connection[0];
	ck_assert(p->dhcp6 && p->delegations_max == 1 && p->addresses_max == 16);
	ck_assert(p->reauth_s == 0 && p->dhcp6_relay.family == 0 && p->delegation_pool == NULL);
	ck_assert_int_eq(n->iid, CONFIG_IID_FIXED);
	ck_assert_uint_eq(n->interface_id[7], 5);
	ck_assert(!n->dhcp6 && !n->privacy && n->lan[0] == '\0' && n->child_n == 0);
	config_free(c);
	c = config_of("", "ipv4_pool = \"p4\";", "", "");
	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	ck_assert(!c->profile[0].dhcp6); // no link, nobody to ask
	ck_assert_int_eq(c->connection[0].iid, CONFIG_IID_RANDOM);
	config_free(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_profiles");
	TCase *tcase = tcase_create("config_profiles");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_profile, 0, sizeof(profiles) / sizeof(profiles[0]));
	tcase_add_loop_test(
		tcase, test_connection, 0, sizeof(connections) / sizeof(connections[0]));
	tcase_add_test(tcase, test_elsewhere);
	tcase_add_test(tcase, test_shared_pool);
	tcase_add_test(tcase, test_values);
	tcase_add_test(tcase, test_defaults);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
