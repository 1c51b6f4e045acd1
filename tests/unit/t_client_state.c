// SPDX-License-Identifier: BSD-3-Clause
// What a client's connections keep through a restart (L7), a broken file, and interface IDs by
// RFC 7217 (L1).
#include "client_state.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/t_client_state.XXXXXX", path[64];
static struct config_connection connection;
static struct client_kept kept;
static uint8_t dice;

static void roll(void *arg, void *out, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = ++dice;
}

static void set_id(struct config_id *id, const char *name)
{
	*id = (struct config_id){.type = CONFIG_ID_FQDN, .len = (uint8_t)strlen(name)};
	memcpy(id->data, name, id->len);
}

static void setup(void)
{
	dice = 0;
	connection = (struct config_connection){.name = "home", .interface = "cpn0"};
	set_id(&connection.id, "bob");
	set_id(&connection.gateway_id, "gw.example.org");
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/client.json", dir);
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0); // nothing else was left there
}

static void save(void)
{
	const struct client_kept *one = &kept;

	ck_assert_int_eq(client_state_save(path, &one, 1), 0);
}

static int load(void)
{
	return client_state_load(path, &connection, roll, NULL, &kept);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static struct inet_prefix prefix_of(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	return prefix;
}

START_TEST(test_restart_L7)
{
	struct inet_prefix shared = prefix_of("2001:db8:3000::/64");
	struct client_kept before;
	struct stat st;

	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kept.duid[1], 4); // DUID-UUID
	kept.link_id_len = 16;
	memset(kept.link_id, 0xab, 16);
	ck_assert(client_state_taken(&kept, &shared));
	save();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	before = kept;
	ck_assert_int_eq(load(), 0);
	ck_assert_mem_eq(&kept, &before, sizeof(kept));
	save(); // over the old one
	ck_assert_int_eq(load(), 0);
	ck_assert_mem_eq(&kept, &before, sizeof(kept));
	// Another connection has nothing of it.
	strcpy(connection.name, "office");
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kept.link_id_len, 0);
	ck_assert_mem_ne(kept.duid, before.duid, sizeof(kept.duid));
}
END_TEST

// The link is between two identities. With others the Link ID would be somebody else's (L23).
START_TEST(test_other_identity)
{
	uint8_t duid[CLIENT_DUID_BYTES];

	load();
	kept.link_id_len = 16;
	memcpy(duid, kept.duid, sizeof(duid));
	save();
	set_id(&connection.gateway_id, "gw2.example.org");
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kept.link_id_len, 0);
	ck_assert_mem_eq(kept.duid, duid, sizeof(duid));
	set_id(&connection.gateway_id, "gw.example.org");
	set_id(&connection.id, "alice");
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(kept.link_id_len, 0);
}
END_TEST

static const struct {
	const char *why, *text;
	int error;
} broken[] = {
	{"empty", "", -EINVAL},
	{"cut off", "{\"connections\": {\"home\": {\"iid\": \"02", -EINVAL},
	{"not an object", "[]", -EINVAL},
	{"not JSON", "\x01\x02", -EINVAL},
	{"nothing of ours", "{}", 0},
	{"no fields", "{\"connections\": {\"home\": {}}}", -EINVAL},
	{"a number", "{\"connections\": {\"home\": 5}}", -EINVAL},
	{"a short interface ID",
		"{\"connections\": {\"home\": {\"iid\": \"0203\", \"link_id\": \"\", \"whose\": "
		"\"0000000000000000\", \"secret\": \"00112233445566778899aabbccddeeff\", \"duid\": "
		"\"000400112233445566778899aabbccddeeff\"}}}",
		-EINVAL},
	{"an odd Link ID",
		"{\"connections\": {\"home\": {\"iid\": \"0203040506070809\", \"link_id\": "
		"\"abc\", "
		"\"whose\": \"0000000000000000\", \"secret\": "
		"\"00112233445566778899aabbccddeeff\", \"duid\": "
		"\"000400112233445566778899aabbccddeeff\"}}}",
		-EINVAL},
	{"not hex",
		"{\"connections\": {\"home\": {\"iid\": \"0203040506070809\", \"link_id\": \"zz\", "
		"\"whose\": \"0000000000000000\", \"secret\": "
		"\"00112233445566778899aabbccddeeff\", \"duid\": "
		"\"000400112233445566778899aabbccddeeff\"}}}",
		-EINVAL},
	{"a DUID of another kind",
		"{\"connections\": {\"home\": {\"iid\": \"0203040506070809\", \"link_id\": \"\", "
		"\"whose\": \"0000000000000000\", \"secret\": "
		"\"00112233445566778899aabbccddeeff\", \"duid\": "
		"\"000100112233445566778899aabbccddeeff\"}}}",
		-EINVAL},
	{"a counter out of bounds",
		"{\"connections\": {\"home\": {\"iid\": \"0203040506070809\", \"link_id\": \"\", "
		"\"whose\": \"0000000000000000\", \"secret\": "
		"\"00112233445566778899aabbccddeeff\", \"duid\": "
		"\"000400112233445566778899aabbccddeeff\", \"taken\": {\"2001:db8::/64\": 9}}}}",
		-EINVAL},
};

// It is told, and the connection works all the same.
START_TEST(test_broken)
{
	static const uint8_t zero[CLIENT_DUID_BYTES];

	write_text(broken[_i].text);
	ck_assert_msg(load() == broken[_i].error, "%s", broken[_i].why);
	ck_assert_uint_eq(kept.link_id_len, 0);
	ck_assert_uint_eq(kept.taken_n, 0);
	ck_assert_mem_ne(kept.secret, zero, sizeof(kept.secret));
	ck_assert_mem_ne(kept.iid, zero, 8);
	ck_assert_uint_eq(kept.duid[1], 4);
	save();
	ck_assert_int_eq(load(), 0);
}
END_TEST

START_TEST(test_no_place)
{
	const struct client_kept *one = &kept;

	load();
	ck_assert_int_eq(client_state_save("", &one, 1), 0); // nothing is kept
	ck_assert_int_eq(client_state_save("/nonexistent/client.json", &one, 1), -ENOENT);
	ck_assert_int_eq(client_state_load("", &connection, roll, NULL, &kept), 0);
}
END_TEST

// Fixed: as configured. Random: another one for each new link, the same one for the same link.
START_TEST(test_interface_id)
{
	static const uint8_t own[8] = {[7] = 0x55};
	uint8_t first[8];

	load();
	memcpy(first, kept.iid, 8);
	client_state_forget(&kept, &connection, roll, NULL);
	ck_assert_mem_ne(kept.iid, first, 8);
	memcpy(first, kept.iid, 8);
	kept.link_id_len = 4;
	save();
	load();
	ck_assert_mem_eq(kept.iid, first, 8);
	kept.link_id_len = 0; // there was never a link
	save();
	load();
	ck_assert_mem_ne(kept.iid, first, 8);
	connection.iid = CONFIG_IID_FIXED;
	memcpy(connection.interface_id, own, 8);
	load();
	ck_assert_mem_eq(kept.iid, own, 8);
}
END_TEST

// RFC 7217: the same in the same place, and nothing alike in another.
START_TEST(test_stable_L1)
{
	struct inet_prefix a = prefix_of("2001:db8:1000:5::/64"),
			   b = prefix_of("2001:db8:1000:6::/64");
	uint8_t one[8], other[8], link[8];

	connection.iid = CONFIG_IID_STABLE;
	load();
	save();
	memcpy(link, kept.iid, 8);
	ck_assert(client_state_iid(&kept, &connection, &a, one));
	ck_assert(client_state_iid(&kept, &connection, &b, other));
	ck_assert_mem_ne(one, other, 8);
	ck_assert_mem_ne(one, link, 8);
	load();
	ck_assert_mem_eq(kept.iid, link, 8);
	client_state_iid(&kept, &connection, &a, other);
	ck_assert_mem_eq(one, other, 8);
	client_state_forget(&kept, &connection, roll, NULL);
	ck_assert_mem_eq(kept.iid, link, 8); // also on a new link of the same gateway
	strcpy(connection.interface, "cpn1");
	client_state_iid(&kept, &connection, &a, other);
	ck_assert_mem_ne(one, other, 8);
	strcpy(connection.interface, "cpn0");
	kept.secret[0] ^= 1;
	client_state_iid(&kept, &connection, &a, other);
	ck_assert_mem_ne(one, other, 8);
}
END_TEST

// Somebody has the address, and the next one: three more tries, all different, then none (P3).
START_TEST(test_duplicate_P3)
{
	struct inet_prefix shared = prefix_of("2001:db8:3000::/64"),
			   other = prefix_of("2001:db8:3001::/64");
	uint8_t iid[CLIENT_RETRIES_MAX + 2][8];

	load();
	ck_assert(client_state_iid(&kept, &connection, &shared, iid[0]));
	ck_assert_mem_eq(iid[0], kept.iid, 8);
	for (int i = 1; i <= CLIENT_RETRIES_MAX; i++) {
		ck_assert(client_state_taken(&kept, &shared));
		ck_assert(client_state_iid(&kept, &connection, &shared, iid[i]));
		for (int k = 0; k < i; k++)
			ck_assert_mem_ne(iid[k], iid[i], 8);
	}
	for (int i = 0; i < 300; i++)
		ck_assert(!client_state_taken(&kept, &shared));
	ck_assert(!client_state_iid(&kept, &connection, &shared, iid[0]));
	ck_assert(client_state_iid(&kept, &connection, &other, iid[0]));
	save();
	ck_assert_int_eq(load(), 0);
	ck_assert(!client_state_iid(&kept, &connection, &shared, iid[0]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_state");
	TCase *tc = tcase_create("client_state");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_restart_L7);
	tcase_add_test(tc, test_other_identity);
	tcase_add_loop_test(tc, test_broken, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tc, test_no_place);
	tcase_add_test(tc, test_interface_id);
	tcase_add_test(tc, test_stable_L1);
	tcase_add_test(tc, test_duplicate_P3);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
