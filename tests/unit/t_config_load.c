// SPDX-License-Identifier: BSD-3-Clause
// Reading: the sample files that we ship, every value of a file in its field, defaults, secrets from
// files, files that cannot be read. CONFIG_DIR is the folder of the samples.
#include "t_config_base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config *load(const char *name)
{
	char path[512];
	struct config *config;

	snprintf(path, sizeof(path), "%s/%s", CONFIG_DIR, name);
	config = config_load(path, &config_errs);
	ck_assert_msg(config != NULL, "%s", config_errs.text[0]);
	ck_assert_uint_eq(config_errs.n, 0);
	ck_assert_str_eq(config->path, path);
	return config;
}

static bool is_prefix(const struct inet_prefix *prefix, const char *text)
{
	char buf[INET_PREFIX_STRLEN];

	return strcmp(inet_prefix_format(prefix, buf), text) == 0;
}

static bool is_addr(const struct inet_addr *addr, const char *text)
{
	char buf[INET_ADDR_STRLEN];

	return strcmp(inet_addr_format(addr, buf), text) == 0;
}

static bool is_id(const struct config_id *id, const char *text)
{
	char buf[300];

	return strcmp(config_id_format(id, buf), text) == 0;
}

// The laboratory as the design's section "The testbed" fixes it.
START_TEST(test_testbed)
{
	static const char *const pools[][2] = {{"global", "2001:db8:1000::/40"},
		{"ula", "fd00:db8:1000::/40"}, {"v4", "10.66.0.0/16"},
		{"addr6", "2001:db8:2000::/64"}};
	static const char *const peers[][2] = {{"alice@example.org", "alice-secret"},
		{"bob@example.org", "bob-secret"}, {"u*@load.example.org", "load-secret"}};
	static const uint8_t leases[] = {64, 64, 32, 128};
	struct config *c = load("testbed.conf");
	const struct config_profile *p = &c->profile[0];

	ck_assert_uint_eq(c->dataplane.port_n, 2);
	ck_assert_str_eq(c->dataplane.port[0].device, "af_packet:gw-outer");
	ck_assert_str_eq(c->dataplane.port[1].device, "af_packet:gw-inner");
	ck_assert(is_addr(&c->dataplane.port[0].addr[0].addr, "192.0.2.1"));
	ck_assert(is_addr(&c->dataplane.port[0].addr[1].addr, "2001:db8:ff::1"));
	ck_assert(is_addr(&c->dataplane.port[1].addr[0].addr, "10.20.0.1"));
	ck_assert(is_addr(&c->dataplane.port[1].addr[1].addr, "2001:db8:aaaa::1"));
	ck_assert_uint_eq(c->dataplane.route_n, 2);
	ck_assert(is_addr(&c->dataplane.route[0].via, "192.0.2.254"));
	ck_assert(is_addr(&c->dataplane.route[1].via, "2001:db8:ff::fe"));
	ck_assert_uint_eq(c->pool_n, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_str_eq(c->pool[i].name, pools[i][0]);
		ck_assert(is_prefix(&c->pool[i].prefix, pools[i][1]));
		ck_assert_uint_eq(c->pool[i].lease_len, leases[i]);
		ck_assert_int_eq(c->pool[i].assign, CONFIG_ASSIGN_STABLE);
	}
	ck_assert(c->gateway.present && is_id(&c->gateway.id, "gw.example.org"));
	ck_assert_uint_eq(c->gateway.peer_n, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(is_id(&c->gateway.peer[i].id, peers[i][0]));
		ck_assert_uint_eq(c->gateway.peer[i].psk.len, strlen(peers[i][1]));
		ck_assert_mem_eq(c->gateway.peer[i].psk.bytes, peers[i][1], strlen(peers[i][1]));
		ck_assert_ptr_eq(c->gateway.peer[i].profile, p);
	}
	ck_assert_uint_eq(p->prefix_pool_n, 2);
	ck_assert_ptr_eq(p->prefix_pool[0], &c->pool[0]);
	ck_assert_ptr_eq(p->prefix_pool[1], &c->pool[1]);
	ck_assert_ptr_eq(p->ipv4_pool, &c->pool[2]);
	ck_assert_ptr_eq(p->ipv6_pool, &c->pool[3]);
	ck_assert_uint_eq(p->dns_n, 2);
	ck_assert(is_addr(&p->dns[0], "2001:db8:aaaa::53"));
	ck_assert(is_addr(&p->dns[1], "10.20.0.53"));
	ck_assert_str_eq(p->domain[0], "corp.example.org");
	ck_assert_uint_eq(c->connection_n, 0);
	config_free(c);
}
END_TEST

START_TEST(test_testbed_client)
{
	struct config *c = load("testbed-client.conf");
	const struct config_connection *home = &c->connection[0];

	ck_assert(c->dataplane.port[0].shared);
	ck_assert_str_eq(c->dataplane.port[0].device, "af_packet:outer");
	ck_assert(is_addr(&c->dataplane.port[0].addr[0].addr, "192.0.2.2"));
	ck_assert_str_eq(c->dataplane.hook, "");
	ck_assert(!c->gateway.present);
	ck_assert_uint_eq(c->connection_n, 1);
	ck_assert(is_id(&home->id, "bob@example.org"));
	ck_assert(is_id(&home->gateway_id, "gw.example.org"));
	ck_assert(is_addr(&home->gateway, "192.0.2.1"));
	ck_assert_mem_eq(home->psk.bytes, "bob-secret", 10);
	ck_assert_str_eq(home->interface, "cpn0");
	ck_assert(home->link && home->ipv4 && !home->ipv6_address && home->autostart);
	config_free(c);
}
END_TEST

// The operators' samples say that they show the defaults, so they must be these.
START_TEST(test_sample_defaults)
{
	struct config *sample = load("gateway.conf"), *bare = load("testbed.conf");
	struct config_diff diff;

	config_diff(sample, bare, &diff);
	ck_assert(!diff.proposals);
	ck_assert(!diff.lifetimes);
	ck_assert_uint_eq(sample->force_encap, bare->force_encap);
	ck_assert_uint_eq(sample->profile[0].grace_s, bare->profile[0].grace_s);
	ck_assert_uint_eq(sample->dataplane.sa_slots, bare->dataplane.sa_slots);
	ck_assert_uint_eq(sample->dataplane.port[0].mtu, bare->dataplane.port[0].mtu);
	ck_assert_int_eq(sample->dataplane.idle, bare->dataplane.idle);
	ck_assert_int_eq(sample->dataplane.hugepages, bare->dataplane.hugepages);
	config_free(sample);
	config_free(bare);
	config_free(load("client.conf"));
}
END_TEST

START_TEST(test_defaults)
{
	struct config *c = config_parse("dataplane = { ports = ( { name = \"o\"; role = \"outer\"; "
					"device = \"tap:t\"; addresses = \"192.0.2.1/24\"; } ); };",
		"t.conf", &config_errs);
	unsigned with_group = 0, without = 0;

	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	ck_assert_uint_eq(c->dataplane.worker_n, 1);
	ck_assert_uint_eq(c->dataplane.main_cpu, 0);
	ck_assert_uint_eq(c->dataplane.worker_cpu[0], 1);
	ck_assert_int_eq(c->dataplane.idle, CONFIG_IDLE_AUTO);
	ck_assert_uint_eq(c->dataplane.memory_mb, 512);
	ck_assert_uint_eq(c->dataplane.mbufs, 16384);
	ck_assert_uint_eq(c->dataplane.sa_slots, 16384);
	ck_assert_uint_eq(c->dataplane.port[0].mtu, 1500);
	ck_assert_uint_eq(c->life.ike_rekey_s, 4 * 3600);
	ck_assert_uint_eq(c->life.child_rekey_s, 3600);
	ck_assert_uint_eq(c->replay_window, 128);
	ck_assert_uint_eq(c->half_open_max, 1000);
	ck_assert_int_eq(c->limits.cookies, CONFIG_COOKIES_AUTO);
	ck_assert_uint_eq(config_cookie_threshold(c), 250);
	ck_assert_uint_eq(c->limits.half_open_source_max, 64);
	ck_assert_uint_eq(c->ike.n, 2);
	for (uint32_t i = 0; i < c->ike.n; i++) {
		const struct config_proposal *p = &c->ike.proposal[i];

		ck_assert(p->encr_n > 0 && p->prf_n == 3 && p->dh_n == 4);
		for (uint32_t k = 0; k < p->encr_n; k++)
			ck_assert(p->encr[k]->aead == (p->integ_n == 0));
	}
	for (uint32_t i = 0; i < c->esp.n; i++) {
		with_group += c->esp.proposal[i].dh_n > 0;
		without += c->esp.proposal[i].dh_n == 0;
		ck_assert(c->esp.proposal[i].esn_yes && c->esp.proposal[i].esn_no);
	}
	ck_assert(with_group == 2 && without == 2);
	config_free(c);
}
END_TEST

START_TEST(test_values)
{
	struct config *c = config_with("ike = { rekey = \"4h\";",
		"state_dir = \"/var/lib/x\"; keylog_dir = \"/tmp/k\";"
		"ike = { rekey = \"1d\"; rekey_jitter = 7; liveness = \"never\"; retransmit_tries "
		"= 3; "
		"half_open_time = \"9s\"; half_open_max = 12; limits = { cookies = \"always\"; "
		"half_open_source_max = 3; init_source_rate = 4; request_rate = 0; ike_sas_max = "
		"5; "
		"children_max = 6; }; fragmentation = false; "
		"fragment_size = 576;");

	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	ck_assert_str_eq(c->state_dir, "/var/lib/x");
	ck_assert_str_eq(c->keylog_dir, "/tmp/k");
	ck_assert_uint_eq(c->life.ike_rekey_s, 86400);
	ck_assert_uint_eq(c->life.jitter_percent, 7);
	ck_assert_uint_eq(c->life.liveness_s, 0);
	ck_assert_uint_eq(c->life.retransmit_tries, 3);
	ck_assert_uint_eq(c->life.half_open_s, 9);
	ck_assert_uint_eq(c->half_open_max, 12);
	ck_assert_int_eq(c->limits.cookies, CONFIG_COOKIES_ALWAYS);
	ck_assert_uint_eq(config_cookie_threshold(c), 3);
	ck_assert_uint_eq(c->limits.half_open_source_max, 3);
	ck_assert_uint_eq(c->limits.init_source_rate, 4);
	ck_assert_uint_eq(c->limits.request_rate, 0);
	ck_assert_uint_eq(c->limits.ike_sas_max, 5);
	ck_assert_uint_eq(c->limits.children_max, 6);
	ck_assert(!c->fragmentation);
	ck_assert_uint_eq(c->fragment_size, 576);
	ck_assert_uint_eq(c->dataplane.worker_n, 2);
	ck_assert_uint_eq(c->dataplane.worker_cpu[1], 2);
	ck_assert_int_eq(c->dataplane.port[1].role, CONFIG_PORT_INNER);
	ck_assert_int_eq(c->dataplane.port[1].line, 5);
	ck_assert_str_eq(c->dataplane.route[0].port, "out"); // found by its next hop
	ck_assert_str_eq(c->dataplane.route[1].port, "in");
	ck_assert(!c->esp.proposal[0].esn_yes && c->esp.proposal[0].esn_no);
	ck_assert_uint_eq(c->esp.n, 1);
	ck_assert_str_eq(c->esp.proposal[0].encr[0]->name, "aes128cbc");
	ck_assert_int_eq(c->pool[1].assign, CONFIG_ASSIGN_RANDOM);
	ck_assert_uint_eq(c->profile[0].local_ts.n, 1);
	ck_assert_str_eq(c->connection[0].interface, "cpn0");
	config_free(c);

	c = config_with("secret = \"s3\";",
		"secret = \"s3\"; link = true; ipv4 = false; ipv6_address = true; force_encap = "
		"true; interface_id = \"::200:5eff:fe00:5301\"; interface = \"vpn7\"; routes = "
		"[\"10.20.0.0/24\", \"::/0\"]; autostart = false; local = \"192.0.2.1\";");
	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	ck_assert(!c->connection[0].ipv4 && c->connection[0].ipv6_address);
	ck_assert(c->connection[0].force_encap && !c->connection[0].autostart);
	ck_assert_mem_eq(c->connection[0].interface_id, "\x02\x00\x5e\xff\xfe\x00\x53\x01", 8);
	ck_assert_str_eq(c->connection[0].interface, "vpn7");
	ck_assert_uint_eq(c->connection[0].route_n, 2);
	ck_assert(is_addr(&c->connection[0].local, "192.0.2.1"));
	config_free(c);

	c = config_with("gateway = { id", "gateway = { force_encap = true; id");
	ck_assert(c != NULL && c->force_encap);
	config_free(c);
	config_free(NULL);
}
END_TEST

static char dir[64];

static void write_file(const char *name, const void *data, size_t len, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/t_config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	static const char *const names[] = {"t.conf", "s"};
	char path[128];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

// The base with alice's secret in the file "s" beside it.
static struct config *load_with_secret_file(void)
{
	static char text[sizeof(config_base) + 64];
	const char *at = strstr(config_base, "secret = \"s1\"");
	char path[128];

	snprintf(text, sizeof(text), "%.*ssecret_file = \"s\"%s", (int)(at - config_base),
		config_base, at + strlen("secret = \"s1\""));
	write_file("t.conf", text, strlen(text), 0600);
	snprintf(path, sizeof(path), "%s/t.conf", dir);
	return config_load(path, &config_errs);
}

static const struct {
	const char *why;
	const char *data;
	size_t len;
	mode_t mode;
	int secret; // length of what is read, -1: refused
} secrets[] = {
	{"one line", "hush\n", 5, 0600, 4},
	{"without the newline", "hush", 4, 0400, 4},
	{"a line of Windows", "hush\r\n", 6, 0600, 4},
	{"binary", "a\0b\nc", 5, 0600, 5},
	{"readable by a group", "hush\n", 5, 0640, 4},
	{"readable by all", "hush\n", 5, 0644, -1},
	{"empty", "", 0, 0600, -1},
	{"a newline only", "\n", 1, 0600, -1},
	{"as long as may be",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
		130, 0600, 128},
	{"too long",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg",
		129, 0600, -1},
};

// The suites of RFC 9206 section 5 can be said, and nothing besides them is acceptable then.
START_TEST(test_cnsa)
{
	static const char *const groups[] = {"ecp384", "modp3072", "modp4096"};
	const struct config_proposal *p = NULL;
	struct config *c = NULL;
	char text[128];

	snprintf(text, sizeof(text),
		"encr = [\"aes256gcm16\"]; prf = [\"prfsha512\"]; dh = [\"%s\"];", groups[_i]);
	c = config_with(
		"encr = [\"aes128gcm16\"]; prf = [\"prfsha256\"]; dh = [\"x25519\"];", text);
	ck_assert_msg(c != NULL, "%s", config_errs.text[0]);
	ck_assert_uint_eq(c->ike.n, 1);
	p = &c->ike.proposal[0];
	ck_assert(p->encr_n == 1 && p->prf_n == 1 && p->dh_n == 1 && p->integ_n == 0);
	ck_assert_ptr_eq(p->encr[0], alg_encr_find(ENCR_AES_GCM_16, 256));
	ck_assert_ptr_eq(p->prf[0], alg_prf_find(PRF_HMAC_SHA2_512));
	ck_assert_str_eq(p->dh[0]->name, groups[_i]);
	config_free(c);
}
END_TEST

START_TEST(test_secret_file)
{
	struct config *c;

	make_dir();
	write_file("s", secrets[_i].data, secrets[_i].len, secrets[_i].mode);
	c = load_with_secret_file();
	if (secrets[_i].secret < 0) {
		ck_assert_msg(c == NULL, "%s", secrets[_i].why);
		ck_assert_ptr_nonnull(strstr(config_errs.text[0], "t.conf:27: "));
	} else {
		ck_assert_msg(c != NULL, "%s: %s", secrets[_i].why, config_errs.text[0]);
		ck_assert_uint_eq(c->gateway.peer[0].psk.len, (uint32_t)secrets[_i].secret);
		ck_assert_mem_eq(
			c->gateway.peer[0].psk.bytes, secrets[_i].data, (size_t)secrets[_i].secret);
	}
	config_free(c);
	remove_dir();
}
END_TEST

START_TEST(test_secret_fifo)
{
	char path[128];

	make_dir();
	snprintf(path, sizeof(path), "%s/s", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(load_with_secret_file()); // and does not hang
	ck_assert_ptr_nonnull(strstr(config_errs.text[0], "no regular file"));
	remove_dir();
}
END_TEST

START_TEST(test_unreadable)
{
	char path[128];

	make_dir();
	snprintf(path, sizeof(path), "%s/t.conf", dir);
	ck_assert_ptr_null(config_load(path, &config_errs));
	ck_assert_ptr_nonnull(strstr(config_errs.text[0], "t.conf:0: No such file"));
	ck_assert_ptr_null(config_load(dir, &config_errs));
	ck_assert_uint_eq(config_errs.n, 1);
	write_file("t.conf", "a = 1;\0b = 2;", 13, 0600);
	ck_assert_ptr_null(config_load(path, &config_errs));
	ck_assert_ptr_nonnull(strstr(config_errs.text[0], "NUL octet"));
	remove_dir();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_load");
	TCase *tcase = tcase_create("config_load");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_testbed);
	tcase_add_test(tcase, test_testbed_client);
	tcase_add_test(tcase, test_sample_defaults);
	tcase_add_test(tcase, test_defaults);
	tcase_add_test(tcase, test_values);
	tcase_add_loop_test(tcase, test_cnsa, 0, 3);
	tcase_add_loop_test(tcase, test_secret_file, 0, sizeof(secrets) / sizeof(secrets[0]));
	tcase_add_test(tcase, test_secret_fifo);
	tcase_add_test(tcase, test_unreadable);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
