// SPDX-License-Identifier: BSD-3-Clause
// What a reload has to do: each change of one place sets its own bit and no other.
#include "t_config_base.h"

#include <stdlib.h>

#define BITS(X)                                                                                    \
	X(dataplane)                                                                               \
	X(proposals)                                                                               \
	X(lifetimes)                                                                               \
	X(pools) X(profiles) X(certificates) X(peers) X(multicast) X(connections) X(other)

enum {
#define X(name) BIT_##name,
	BITS(X)
#undef X
	BIT_NONE,
};

static const struct {
	const char *find, *replace;
	int bit;
} rows[] = {
	{"t.conf", "", BIT_NONE}, // see test_row(): nothing changed
	{"ike = { rekey", "# a comment\nike = { rekey", BIT_NONE},
	{"rekey = \"4h\"", "rekey = \"240m\"", BIT_NONE},
	{"cpus = [1, 2]", "cpus = [1, 3]", BIT_dataplane},
	{"workers = 2; cpus = [1, 2]", "workers = 2; cpus = [1, 2]; main_cpu = 3", BIT_dataplane},
	{"workers = 2; cpus = [1, 2]", "workers = 2; cpus = [1, 2]; idle = \"poll\"",
		BIT_dataplane},
	{"workers = 2; cpus = [1, 2]", "workers = 2; cpus = [1, 2]; hook = \"/x\"", BIT_dataplane},
	{"af_packet:eth0", "af_packet:eth1", BIT_dataplane},
	{"10.20.0.1/24", "10.20.0.2/24", BIT_dataplane},
	{"10.20.0.1/24", "10.20.0.1/23", BIT_dataplane},
	{"192.0.2.254", "192.0.2.253", BIT_dataplane},
	{"prefix = \"10.0.0.0/8\"", "prefix = \"10.0.0.0/9\"", BIT_dataplane},
	{"\"aes128gcm16\"", "\"aes256gcm16\"", BIT_proposals},
	{"\"x25519\"", "\"x25519\", \"ecp256\"", BIT_proposals},
	{"\"prfsha256\"", "\"prfsha384\"", BIT_proposals},
	{"integ = [\"sha256\"]", "integ = [\"sha384\"]", BIT_proposals},
	{"esn = [\"no\"]", "esn = [\"yes\"]", BIT_proposals},
	{"rekey = \"1h\"", "rekey = \"1h\"; replay_window = 64", BIT_proposals},
	{"rekey = \"4h\"", "rekey = \"5h\"", BIT_lifetimes},
	{"rekey = \"1h\"", "rekey = \"2h\"", BIT_lifetimes},
	{"rekey = \"1h\"", "rekey = \"1h\"; rekey_bytes = \"1G\"", BIT_lifetimes},
	{"rekey = \"1h\"", "rekey = \"1h\"; rekey_packets = 9", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; liveness = \"9s\"", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; retransmit_tries = 9", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; rekey_jitter = 9", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; half_open_time = \"9s\"", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; half_open_max = 9", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { cookies = \"never\"; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { cookie_threshold = 9; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { half_open_source_max = 9; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { init_source_rate = 9; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { request_rate = 9; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { ike_sas_max = 9; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; limits = { children_max = 7; }", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; fragmentation = false", BIT_lifetimes},
	{"rekey = \"4h\"", "rekey = \"4h\"; fragment_size = 1400", BIT_lifetimes},
	{"10.66.0.0/16", "10.67.0.0/16", BIT_pools},
	{"lease = 64", "lease = 62", BIT_pools},
	{"assign = \"random\"", "assign = \"stable\"", BIT_pools},
	{"ike = { rekey", "multicast = { groups = 9; };\nike = { rekey", BIT_multicast},
	{"ike = { rekey", "multicast = { sources = 9; };\nike = { rekey", BIT_multicast},
	{"ike = { rekey", "multicast = { records = 9; };\nike = { rekey", BIT_multicast},
	{"ike = { rekey", "multicast = { total = 9; };\nike = { rekey", BIT_multicast},
	{"domain = \"example.org\"", "domain = \"example.com\"", BIT_profiles},
	{"10.20.0.53", "10.20.0.54", BIT_profiles},
	{"ipv6_pool = \"a6\";", "", BIT_profiles},
	{"ipv4_pool = \"p4\";", "", BIT_profiles},
	{"local = [\"10.0.0.0/8\"]", "local = [\"10.0.0.0/9\"]", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; grace = \"1s\"; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; mtu = 1400; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; access_control = \"ingress-filter\"; prefix",
		BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; wire = \"ipsecme-00\"; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; dhcp6 = false; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; delegations = 2; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; addresses = 2; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; reauth = \"1h\"; prefix", BIT_profiles},
	{"name = \"link\"; prefix", "name = \"link\"; sntp = \"2001:db8::1\"; prefix",
		BIT_profiles},
	{"domain = \"example.org\"", "domain = [\"example.org\", \"b\"]", BIT_profiles},
	{"domain = \"example.org\"",
		"domain = \"example.org\"; dnssec_ta = \"example.org 1 2 3 ab\"", BIT_profiles},
	{"secret = \"s1\"",
		"secret = \"s1\"; physical_local = \"192.0.2.1\"; physical_remote = "
		"\"192.0.2.2\"",
		BIT_peers},
	{"secret = \"s1\"", "secret = \"s2\"", BIT_peers},
	{"alice@example.org", "alicia@example.org", BIT_peers},
	{"name = \"staff\"", "name = \"people\"", BIT_peers},
	{"secret = \"s3\"", "secret = \"s4\"", BIT_connections},
	{"\"198.51.100.1\"", "\"198.51.100.2\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; link = false", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; interface_id = \"::1\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; routes = \"10.0.0.0/8\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; interface = \"x\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; autostart = false", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; local = \"192.0.2.1\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; interface_id = \"stable\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; privacy = true", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; wire = \"ipsecme-00\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; prefixes_by = \"ra\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; dhcp6 = true", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; reauth = \"1h\"", BIT_connections},
	{"secret = \"s3\"", "secret = \"s3\"; lan = \"eth1\"", BIT_connections},
	{"secret = \"s3\"",
		"secret = \"s3\"; children = ( { name = \"k\"; remote = \"10.0.0.0/8\"; } )",
		BIT_connections},
	{"\"gw.example.org\"", "\"gw2.example.org\"", BIT_other},
	{"gateway = { id", "gateway = { force_encap = true; id", BIT_other},
	{"ike = {", "state_dir = \"/x\"; ike = {", BIT_other},
	{"ike = {", "keylog_dir = \"/x\"; ike = {", BIT_other},
};

START_TEST(test_row)
{
	struct config *old = config_with("", ""), *new;
	const char *find = _i == 0 ? "" : rows[_i].find;
	struct config_diff diff;

	new = config_with(find, rows[_i].replace);
	ck_assert_msg(new != NULL, "%s", config_errs.text[0]);
	config_diff(old, new, &diff);
#define X(name) ck_assert_msg(diff.name == (rows[_i].bit == BIT_##name), "row %d: " #name, _i);
	BITS(X)
#undef X
	config_diff(new, old, &diff);
#define X(name) ck_assert_msg(diff.name == (rows[_i].bit == BIT_##name), "row %d: " #name, _i);
	BITS(X)
#undef X
	config_free(old);
	config_free(new);
}
END_TEST

// Peers are matched in order, so the order counts.
START_TEST(test_order)
{
	struct config *old = config_with("", ""), *new;
	struct config_diff diff;

	new = config_with("{ name = \"alice\"; id = \"alice@example.org\"; secret = \"s1\"; "
			  "profile = \"link\"; },",
		"{ name = \"first\"; id = \"first@example.org\"; secret = \"s1\"; profile = "
		"\"link\"; },"
		"{ name = \"alice\"; id = \"alice@example.org\"; secret = \"s1\"; profile = "
		"\"link\"; },");
	config_diff(old, new, &diff);
	ck_assert(diff.peers && !diff.profiles && !diff.connections);
	config_free(old);
	config_free(new);
}
END_TEST

// What only a restart can change is named as in the file, in its order.
START_TEST(test_restart)
{
	static const struct {
		const char *find, *replace, *keys;
	} all[] = {
		{"rekey = \"4h\"", "rekey = \"5h\"", ""},
		{"workers = 2; cpus = [1, 2]", "workers = 1", "dataplane.workers "},
		{"cpus = [1, 2]", "cpus = [1, 3]; idle = \"poll\"",
			"dataplane.cpus dataplane.idle "},
		{"cpus = [1, 2]", "cpus = [1, 2]; mbufs = 2048; memory_mb = 64",
			"dataplane.memory_mb dataplane.mbufs "},
		{"cpus = [1, 2]", "cpus = [1, 2]; sa_slots = 32; hook = \"/x\"",
			"dataplane.sa_slots dataplane.hook "},
		{"cpus = [1, 2]", "cpus = [1, 2]; hugepages = \"no\"", "dataplane.hugepages "},
		{"10.20.0.1/24", "10.20.0.2/24", "dataplane.ports "},
		{"192.0.2.254", "192.0.2.253", "dataplane.routes "},
		{"\"gw.example.org\"", "\"gw2.example.org\"", "gateway.id "},
		{"ike = {", "state_dir = \"/x\"; ike = {", "state_dir "},
		{"ike = {", "keylog_dir = \"/x\"; ike = {", ""},
		{"gateway = { id", "gateway = { force_encap = true; id", ""},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct config *old = config_with("", "");
		struct config *new = config_with(all[i].find, all[i].replace);
		struct config_diff diff;
		char keys[256] = "";

		ck_assert_msg(new != NULL, "%s", config_errs.text[0]);
		config_diff(old, new, &diff);
		for (uint32_t k = 0; k < diff.restart_n; k++) {
			strcat(keys, diff.restart[k]);
			strcat(keys, " ");
		}
		ck_assert_str_eq(keys, all[i].keys);
		config_free(old);
		config_free(new);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_diff");
	TCase *tcase = tcase_create("config_diff");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_restart);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
