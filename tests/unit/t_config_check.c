// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a configuration is said with its line, one mistake at a time: each row changes
// one place of a good file.
#include "t_config_base.h"

#include <stdlib.h>

static const struct {
	const char *find, *replace;
	int line;
	const char *says;
} rows[] = {
	// syntax
	{"rekey = \"4h\"", "rekey \"4h\"", 12, "syntax error"},
	{"pools = (", "pools = [", 19, "syntax error"},
	{"id = \"gw.example.org\"", "id = \"gw.example.org", 0, ""},
	{"name = \"p6\"", "name = \"p6\"; name = \"p7\"", 19, "duplicate"},
	{"esp = {", "@include \"other.conf\"\nesp = {", 15, "@include is not supported"},
	// keys
	{"device = \"tap:tap0\"", "devise = \"tap:tap0\"", 5, "did you mean 'device'"},
	{"workers = 2;", "workers = 2; colour = 3;", 2, "its keys are workers, cpus"},
	{"client = (", "clients = (", 30, "did you mean 'client'"},
	{"esn = [\"no\"]", "prf = [\"prfsha256\"]", 16, "has no key 'prf'"},
	{"prf = [\"prfsha256\"];", "", 13, "lacks 'prf'"},
	{"lease = 64;", "", 19, "lacks 'lease'"},
	{"prefix_pools = [\"p6\"];", "", 0, NULL}, // no links, but addresses (P0)
	{"id = \"gw.example.org\";", "", 26, "lacks 'id'"},
	{"gateway = \"198.51.100.1\";", "", 31, "lacks 'gateway'"},
	// types and ranges
	{"workers = 2", "workers = \"2\"", 2, "workers is not a number from 1 to 62"},
	{"workers = 2; cpus = [1, 2]", "workers = 63", 2, "workers is not a number"},
	{"workers = 2; cpus = [1, 2]", "workers = -1", 2, "workers is not a number"},
	{"workers = 2", "workers = 2L", 0, NULL}, // a 64-bit integer is a number
	{"workers = 2", "mtu = 1500", 2, "dataplane has no key 'mtu'"},
	{"role = \"outer\"", "role = \"outer\"; mtu = 1279", 4, "1280 to 9000"},
	{"role = \"outer\"", "role = \"outer\"; shared = 1", 4, "neither true nor false"},
	{"role = \"outer\"", "role = \"exit\"", 4, "they are outer, inner"},
	{"workers = 2;", "workers = 2; idle = \"busy\";", 2, "auto, poll, adaptive"},
	{"name = \"out\"", "name = 7", 4, "name is not a text"},
	{"name = \"out\"", "name = \"a b\"", 4, "'a b' is no name"},
	{"name = \"home\"", "name = \"\"", 31, "'' is no name"},
	{"\"192.0.2.1/24\", ", "7, ", 4, "mismatched element type"},
	{"[\"10.20.0.53\"]", "(7)", 24, "element 1 of dns is not a text"},
	{"[\"10.20.0.53\"]", "7", 24, "dns is not a list of texts"},
	{"[\"10.20.0.53\"]", "\"10.20.0.53\"", 0, NULL}, // one text will do
	{"{ name = \"staff\"; id = \"*@staff.example.org\"; secret = \"s2\"; profile = \"link\"; }",
		"7", 28, "a peer is not a group"},
	{"esp = {", "state_dir = { }; esp = {", 15, "state_dir is not a text"},
	// durations
	{"rekey = \"4h\"", "rekey = \"4\"", 12, "not a duration"},
	{"rekey = \"4h\"", "rekey = 14400", 12, "has no unit; write \"14400s\""},
	{"rekey = \"4h\"", "rekey = true", 12, "not a duration"},
	{"rekey = \"4h\"", "rekey = \"61500ms\"", 12, "no whole number of seconds"},
	{"rekey = \"4h\"", "rekey = \"59s\"", 12, "60s to 366d, or \"never\""},
	{"rekey = \"4h\"", "rekey = \"367d\"", 12, "out of range"},
	{"rekey = \"4h\"", "rekey = \"never\"", 0, NULL},
	{"rekey = \"4h\"", "half_open_time = \"never\"", 12, "1s to 600s"},
	{"rekey = \"4h\"", "limits = { cookies = \"sometimes\"; }", 12, "always"},
	{"rekey = \"4h\"", "limits = { children_max = 9; }", 12, "1 to 8"},
	{"rekey = \"4h\"", "half_open_max = 9; limits = { cookie_threshold = 10; }", 12,
		"never reached"},
	{"rekey = \"4h\"", "half_open_max = 9; limits = { cookie_threshold = 9; }", 0, NULL},
	{"rekey = \"1h\"", "rekey_bytes = \"64GB\"", 15, "not a number of bytes"},
	{"rekey = \"1h\"", "rekey_bytes = \"1K\"", 15, "from 1048576 on"},
	{"rekey = \"1h\"", "rekey_bytes = \"64G\"; rekey_packets = 4000000000L", 0, NULL},
	{"rekey = \"1h\"", "replay_window = 100", 15, "no power of two"},
	{"rekey = \"1h\"", "replay_window = 32", 15, "64 to 4096"},
	// algorithms
	{"[\"aes128gcm16\"]", "[\"aes128gcm\"]", 13, "it knows aes128gcm16, aes192gcm16"},
	{"[\"aes128gcm16\"]", "[\"aes128gcm16\", \"aes128gcm16\"]", 13, "stands twice"},
	{"[\"aes128gcm16\"]", "[\"aes128gcm16\"]; integ = [\"sha256\"]", 13, "leave integ out"},
	{"[\"aes128gcm16\"]", "[\"aes128gcm16\", \"aes128cbc\"]", 13, "mixes AEADs and ciphers"},
	{"[\"aes128gcm16\"]", "[\"aes128cbc\"]", 13, "add integ"},
	{"integ = [\"sha256\"]; ", "", 16, "add integ"},
	{"dh = [\"x25519\"]", "dh = []", 13, "names no group"},
	{"prf = [\"prfsha256\"]", "prf = []", 13, "names no PRF"},
	{"[\"aes128gcm16\"]", "[]", 13, "names no cipher"},
	{"dh = [\"x25519\"];", "", 13, "lacks 'dh'"},
	// RFC 8247 and 8221
	{"[\"aes128gcm16\"]", "[\"des\"]", 13, "des is refused (RFC 8247 and 8221: MUST NOT"},
	{"[\"aes128gcm16\"]", "[\"3des\"]", 13, "SHOULD NOT, 64-bit blocks"},
	{"[\"aes128gcm16\"]", "[\"blowfish\"]", 13, "blowfish is refused"},
	{"[\"aes128gcm16\"]", "[\"null\"]; integ = [\"sha256\"]", 13, "null is for child SAs only"},
	{"[\"aes128gcm16\"]", "[\"aes128gmac\"]", 13, "always encrypted, RFC 8247"},
	{"[\"aes128gcm16\"]", "[\"aes128gcm16iiv\"]", 13, "RFC 8750 section 7"},
	{"[\"prfsha256\"]", "[\"prfmd5\"]", 13, "MD5 is broken"},
	{"dh = [\"x25519\"]", "dh = [\"modp768\"]", 13, "modp768 is refused (RFC 8247: MUST NOT"},
	{"dh = [\"x25519\"]", "dh = [\"modp1024s160\"]", 13, "small subgroups"},
	{"integ = [\"sha256\"]", "integ = [\"md5\"]", 16, "MD5 is broken"},
	{"integ = [\"sha256\"]", "integ = [\"none\"]", 16, "RFC 8221: MUST NOT"},
	{"integ = [\"sha256\"]", "integ = [\"sha1\"]", 16, "no algorithm 'sha1'"},
	{"esn = [\"no\"]", "esn = [\"maybe\"]", 16, "no value 'maybe'"},
	// workers, memory
	{"cpus = [1, 2]", "cpus = [1, 1]", 2, "CPU 1 stands twice"},
	{"cpus = [1, 2]", "cpus = [1, 2, 3]", 2, "3 CPUs for 2 workers"},
	{"cpus = [1, 2]", "cpus = [1, 5000]", 2, "not a CPU's number"},
	{"cpus = [1, 2]", "cpus = 1", 2, "write cpus = [1, 2]"},
	{"cpus = [1, 2]", "main_cpu = 1022", 1, "would run on CPU 1024"},
	{"cpus = [1, 2]", "cpus = [1, 2]; sa_slots = 1000", 1, "no power of two"},
	{"cpus = [1, 2]", "cpus = [1, 2]; mbufs = 1000000", 1, "raise memory_mb or lower mbufs"},
	{"cpus = [1, 2]", "cpus = [1, 2]; memory_mb = 16", 2, "64 to 1048576"},
	{"cpus = [1, 2]", "cpus = [1, 2]; hook = \"hook.sh\"", 2, "write it from / on"},
	// ports
	{"role = \"outer\"", "role = \"inner\"", 0, ""}, // several: see test_all_at_once()
	{"\"tap:tap0\"", "\"tap:an_interface_too_long\"", 5, "no interface name"},
	{"\"tap:tap0\"", "\"tap:a/b\"", 5, "no interface name"},
	{"\"tap:tap0\"", "\"tap0\"", 5, "is no device"},
	{"\"tap:tap0\"", "\"vdev:\"", 5, "is no device"},
	{"\"tap:tap0\"", "\"vdev:net_null0\"", 0, NULL},
	{"\"tap:tap0\"", "\"pci:0000:01:00.1\"", 0, NULL},
	{"\"tap:tap0\"", "\"pci:1:0.1\"", 5, "no PCI address"},
	{"\"tap:tap0\"", "\"af_packet:eth0\"", 5, "used by port 'out' already"},
	{"device = \"tap:tap0\"", "device = \"tap:tap0\"; shared = true", 5, "not an af_packet"},
	{"name = \"in\"", "name = \"out\"", 0, ""},
	{"[\"10.20.0.1/24\"]", "[]", 0, ""},
	{"\"10.20.0.1/24\"", "\"10.20.0.1\"", 0, ""},
	{"\"10.20.0.1/24\"", "\"10.20.0.0/24\"", 0, ""},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"10.20.0.1/16\"", 5, "stands twice on port"},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"192.0.2.1/32\"", 5, "is port 'out''s too"},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"0.0.0.0/8\"", 5, "not an address that a host"},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"10.21.0.255/24\"", 5, "that a host can have"},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"ff02::1/64\"", 5, "that a host can have"},
	{"\"10.20.0.1/24\"", "\"10.20.0.1/24\", \"10.21.0.0/31\"", 0, NULL}, // RFC 3021
	{"\"10.20.0.1/24\"]; }",
		"\"10.20.0.1/24\"]; }, { name = \"dmz\"; role = \"inner\"; device = \"tap:t\"; "
		"addresses = \"10.20.9.1/16\"; }",
		5, "overlaps one of port 'in'"},
	{"\"10.20.0.1/24\"]; }",
		"\"10.20.0.1/24\", \"fe80::1/64\"]; }, { name = \"dmz\"; role = \"inner\"; device "
		"= \"tap:t\"; addresses = \"fe80::2/64\"; }",
		0, NULL}, // link-local subnets are each port's own
	// routes
	{"via = \"192.0.2.254\"", "via = \"203.0.113.1\"", 8, "no outer port's subnet"},
	{"via = \"192.0.2.254\"", "via = \"2001:db8:ff::fe\"", 8, "different families"},
	{"via = \"192.0.2.254\";", "", 8, "neither via nor port"},
	{"via = \"192.0.2.254\";", "port = \"out\";", 0, NULL},
	{"via = \"192.0.2.254\"", "via = \"router\"", 0, ""},
	{"port = \"in\"", "port = \"out\"", 9, "is not in table \"inner\""},
	{"port = \"in\"", "port = \"dmz\"", 9, "no port 'dmz'"},
	{"via = \"10.20.0.254\"", "via = \"10.21.0.254\"", 9, "no subnet of port 'in'"},
	{"prefix = \"10.0.0.0/8\"", "prefix = \"10.1.0.0/8\"", 9, "bits set behind"},
	{"table = \"inner\"; prefix = \"10.0.0.0/8\"; via = \"10.20.0.254\"; port = \"in\"",
		"table = \"outer\"; prefix = \"0.0.0.0/0\"; via = \"192.0.2.253\"", 9,
		"has a route in line 8 already"},
	{"prefix = \"0.0.0.0/0\"; via = \"192.0.2.254\"", "prefix = \"::/0\"; via = \"fe80::1\"", 8,
		"is link-local"},
	{"prefix = \"0.0.0.0/0\"; via = \"192.0.2.254\"",
		"prefix = \"::/0\"; via = \"fe80::1\"; port = \"out\"", 0, NULL},
	// pools
	{"2001:db8:1000::/40", "2001:db8:1000::1/40", 19, "bits set behind"},
	{"2001:db8:1000::/40", "2001:db8:1000::", 19, "is no prefix"},
	{"lease = 64", "lease = 39", 19, "cannot be larger than the pool"},
	{"lease = 64", "lease = 69", 19, "at most 2^28: a prefix of /41"},
	{"lease = 64", "lease = 68", 0, NULL},
	{"lease = 64", "lease = \"64\"", 19, "lease is no prefix length"},
	{"lease = 64", "lease = 129", 19, "lease is no prefix length"},
	{"lease = 32", "lease = 33", 0, ""},
	{"lease = 32", "lease = 24", 24, "ipv4_pool wants lease = 32"},
	{"name = \"a6\"", "name = \"p6\"", 0, ""},
	{"2001:db8:2000::/64", "2001:db8:1000::/64", 21, "overlaps pool 'p6' of line 19"},
	{"2001:db8:2000::/64", "2001:db8::/32", 0, ""},
	{"10.66.0.0/16", "10.20.0.0/16", 20, "overlaps a subnet of port 'in'"},
	{"2001:db8:1000::/40", "fe80::/40", 19, "multicast or link-local"},
	{"assign = \"random\"", "assign = \"sticky\"", 20, "they are stable, random"},
	// profiles
	{"prefix_pools = [\"p6\"]", "prefix_pools = [\"p7\"]", 24, "did you mean p6"},
	{"prefix_pools = [\"p6\"]", "prefix_pools = []", 24, "prefix_pools is empty"},
	{"prefix_pools = [\"p6\"]", "prefix_pools = [\"p6\", \"p6\"]", 24, "stands twice"},
	{"prefix_pools = [\"p6\"]", "prefix_pools = [\"p4\"]", 24, "no IPv6 prefixes"},
	{"prefix_pools = [\"p6\"]", "prefix_pools = [\"a6\"]", 24, "no IPv6 prefixes"},
	{"ipv4_pool = \"p4\"", "ipv4_pool = \"p6\"", 24, "no single IPv4 addresses"},
	{"ipv6_pool = \"a6\"", "ipv6_pool = \"p6\"", 24, "no single IPv6 addresses"},
	{"ipv4_pool = \"p4\"", "ipv4_pool = \"nowhere\"", 24, "name one of the list pools"},
	{"[\"10.20.0.53\"]", "[\"dns.example.org\"]", 24, "is no address"},
	{"\"example.org\"; local", "\"ex ample\"; local", 24, "is no domain name"},
	{"[\"10.0.0.0/8\"]", "[\"10.0.0.1/8\"]", 24, "no traffic selector"},
	{"name = \"link\";", "name = \"link\"; addresses_by = \"manual\";", 24,
		"they are whole-prefix, ikev2, slaac, dhcpv6"},
	{"name = \"link\";",
		"name = \"link\"; link_model = \"point-to-point\"; prefixes_by = "
		"\"ikev2\"; addresses_by = \"whole-prefix\"; access_control = \"spd\"; "
		"wire = \"rfc5739\"; grace = \"never\"; mtu = 1400;",
		0, NULL},
	// gateway
	{"profile = \"link\"; },", "profile = \"lnk\"; },", 27, "did you mean link"},
	{"\"gw.example.org\"", "\"*.example.org\"", 26, "has a wildcard"},
	{"\"*@staff.example.org\"", "\"*@*.example.org\"", 28, "more than one '*'"},
	{"\"*@staff.example.org\"", "\"alice@example.org\"", 28, "has the identity of 'alice'"},
	{"\"*@staff.example.org\"", "\"ALICE@example.org\"", 28, "has the identity of 'alice'"},
	{"\"alice@example.org\"", "\"*@staff.example.org\"", 28, "has the identity of 'alice'"},
	{"\"alice@example.org\"", "\"*example.org\"", 0, NULL}, // a host: other type
	{"\"alice@example.org\"", "\"*@staff*\"", 27, "more than one"},
	{"\"*@staff.example.org\"", "\"a\"", 0, NULL},
	{"\"alice@example.org\"", "\"*f.example.org@\"", 27, "is no identity"},
	{"name = \"staff\"", "name = \"alice\"", 28, "is taken by line 27"},
	{"secret = \"s1\";", "", 27, "has no secret"},
	{"secret = \"s1\"", "secret = \"\"", 27, "the secret is empty"},
	{"secret = \"s1\"", "secret = 1", 27, "secret is not a text"},
	{"secret = \"s1\"", "secret_file = \"/nonexistent/secret\"", 27, "No such file"},
	{"secret = \"s1\"", "secret_file = \"/dev/zero\"", 27, "no regular file"},
	{"secret = \"s1\"", "secret_file = \"/etc/passwd\"", 27, "chmod 600"},
	{"secret = \"s1\"",
		"secret = \"0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789012345678\"",
		27, "129 octets long; at most 128"},
	// client
	{"id = \"bob@example.org\"", "id = \"*@example.org\"", 31, "has a wildcard"},
	{"gateway_id = \"gw\"", "gateway_id = \"\"", 31, "is no identity"},
	{"\"198.51.100.1\"", "\"gw.example.org\"", 31, "write an address, not a name"},
	{"\"198.51.100.1\"", "\"0.0.0.0\"", 31, "is no host's address"},
	{"secret = \"s3\";", "secret = \"s3\"; local = \"192.0.2.9\";", 31,
		"no address of an outer"},
	{"secret = \"s3\";", "secret = \"s3\"; local = \"10.20.0.1\";", 31,
		"no address of an outer"},
	{"secret = \"s3\";", "secret = \"s3\"; local = \"2001:db8:ff::1\";", 31,
		"different families"},
	{"secret = \"s3\";", "secret = \"s3\"; local = \"192.0.2.1\";", 0, NULL},
	{"secret = \"s3\";", "secret = \"s3\"; link = false; ipv4 = false;", 31,
		"asks for nothing"},
	{"secret = \"s3\";", "secret = \"s3\"; interface = \"sixteen_letters_\";", 31,
		"no interface name"},
	{"secret = \"s3\";", "secret = \"s3\"; interface_id = \"fe80::1\";", 31, "no interface ID"},
	{"secret = \"s3\";", "secret = \"s3\"; interface_id = \"::\";", 31, "no interface ID"},
	{"secret = \"s3\";", "secret = \"s3\"; routes = [\"10.20.0.1/24\"];", 31,
		"bits set behind"},
	{"\"2001:db8:ff::1/64\"]; },", "]; },", 0, ""},
};

START_TEST(test_row)
{
	struct config *config = config_with(rows[_i].find, rows[_i].replace);
	char prefix[32];

	if (rows[_i].says == NULL) {
		ck_assert_msg(config != NULL, "row %d (%s): %s", _i, rows[_i].replace,
			config_errs.text[0]);
		config_free(config);
		return;
	}
	ck_assert_msg(config == NULL, "row %d (%s) passes", _i, rows[_i].replace);
	ck_assert_uint_ge(config_errs.n, 1);
	ck_assert_msg(strstr(config_errs.text[0], "; ") != NULL,
		"row %d does not say what would be right: %s", _i, config_errs.text[0]);
	if (rows[_i].line == 0)
		return; // several follow from it
	snprintf(prefix, sizeof(prefix), "t.conf:%d: ", rows[_i].line);
	ck_assert_msg(strncmp(config_errs.text[0], prefix, strlen(prefix)) == 0 &&
			strstr(config_errs.text[0], rows[_i].says) != NULL,
		"row %d (%s): %s", _i, rows[_i].replace, config_errs.text[0]);
	ck_assert_msg(config_errs.n == 1, "row %d (%s): also %s", _i, rows[_i].replace,
		config_errs.text[1]);
}
END_TEST

// Every mistake is named, in the order of lines, whatever was found first.
START_TEST(test_all_at_once)
{
	static const char *const want[] = {"t.conf:1: there is no outer port",
		"t.conf:2: ", "t.conf:8: next hop 192.0.2.254 is on no outer port",
		"t.conf:12: ", "t.conf:31: no outer port has an address"};
	static char whole[sizeof(config_base) + 256];
	unsigned found = 0;

	// An inner port only, an unknown key, a bad duration.
	snprintf(whole, sizeof(whole), "dataplane = {\nx = 1; %s", strchr(config_base, '\n') + 1);
	memcpy(strstr(whole, "\"outer\""), "\"inner\"", 7);
	memcpy(strstr(whole, "\"4h\""), "\"4x\"", 4);
	ck_assert_ptr_null(config_parse(whole, "t.conf", &config_errs));
	for (uint32_t i = 0; i < config_errs.n && i < CONFIG_ERRORS; i++) {
		if (found < sizeof(want) / sizeof(want[0]) &&
			strncmp(config_errs.text[i], want[found], strlen(want[found])) == 0)
			found++;
		if (i > 0)
			ck_assert_int_le(
				atoi(config_errs.text[i - 1] + 7), atoi(config_errs.text[i] + 7));
	}
	ck_assert_uint_eq(found, sizeof(want) / sizeof(want[0]));
}
END_TEST

// More mistakes than are kept are counted all the same.
START_TEST(test_too_many)
{
	static char keys[8192];
	size_t len = 0;

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(keys + len, sizeof(keys) - len, "k%d = 1;\n", i);
	ck_assert_ptr_null(config_with("ike = {", strcat(keys, "ike = {")));
	ck_assert_uint_eq(config_errs.n, 100);
	ck_assert_ptr_nonnull(strstr(config_errs.text[CONFIG_ERRORS - 1], "k31"));
}
END_TEST

START_TEST(test_empty)
{
	ck_assert_ptr_null(config_parse("", "t.conf", &config_errs));
	ck_assert_ptr_nonnull(strstr(config_errs.text[0], "lacks 'dataplane'"));
	ck_assert_uint_eq(config_errs.n, 1);
}
END_TEST

START_TEST(test_shadowed)
{
	ck_assert_ptr_null(config_with("{ name = \"alice\"; id = \"alice@example.org\"; secret = "
				       "\"s1\"; profile = \"link\"; },",
		"{ name = \"a\"; id = \"*@staff.example.org\"; secret = \"s1\"; profile = "
		"\"link\"; },"
		"{ name = \"b\"; id = \"x@staff.example.org\"; secret = \"s1\"; profile = "
		"\"link\"; },"
		"{ name = \"c\"; id = \"x*f.example.org\"; secret = \"s1\"; profile = \"link\"; },"
		"{ name = \"d\"; id = \"x*@staff.example.org\"; secret = \"s1\"; profile = "
		"\"link\"; "
		"},"));
	ck_assert_uint_eq(config_errs.n, 3); // b, d; and staff is a's equal
	ck_assert_ptr_nonnull(strstr(config_errs.text[0], "peer 'b' is never reached"));
	ck_assert_ptr_nonnull(strstr(config_errs.text[1], "peer 'd' is never reached"));
	ck_assert_ptr_nonnull(strstr(config_errs.text[2], "has the identity of 'a'"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_check");
	TCase *tcase = tcase_create("config_check");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_all_at_once);
	tcase_add_test(tcase, test_too_many);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_shadowed);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
