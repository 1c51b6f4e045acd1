// SPDX-License-Identifier: BSD-3-Clause
// Identities: text to octets and back, and the one wildcard of a PAD entry.
#include "config.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text;
	enum config_id_type type;
	uint8_t len;
	const char *back; // NULL: as it was
} good[] = {
	{"gw.example.org", CONFIG_ID_FQDN, 14, NULL},
	{"alice@example.org", CONFIG_ID_RFC822, 17, NULL},
	{"*@example.org", CONFIG_ID_RFC822, 13, NULL},
	{"u*@load.example.org", CONFIG_ID_RFC822, 19, NULL},
	{"192.0.2.1", CONFIG_ID_IPV4, 4, NULL},
	{"2001:DB8::1", CONFIG_ID_IPV6, 16, "2001:db8::1"},
	{"keyid:0aFF00", CONFIG_ID_KEY_ID, 3, "keyid:0aff00"},
	{"*", CONFIG_ID_FQDN, 1, NULL},
};

START_TEST(test_good)
{
	struct config_id id;
	char buf[300];

	ck_assert_int_eq(config_id_parse(good[_i].text, &id), 0);
	ck_assert_int_eq(id.type, good[_i].type);
	ck_assert_uint_eq(id.len, good[_i].len);
	ck_assert_str_eq(
		config_id_format(&id, buf), good[_i].back != NULL ? good[_i].back : good[_i].text);
	ck_assert(config_id_match(&id, &id));
}
END_TEST

static const char *const bad[] = {"", "@example.org", "alice@", "a@b@c", "with blank", "tab\there",
	"keyid:", "keyid:123", "keyid:xy", "\xc3\xa9.example.org"};

START_TEST(test_bad)
{
	struct config_id id;

	ck_assert_msg(config_id_parse(bad[_i], &id) == -EINVAL, "%s", bad[_i]);
}
END_TEST

START_TEST(test_length)
{
	char text[300];
	struct config_id id;

	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	ck_assert_int_eq(config_id_parse(text, &id), 0);
	ck_assert_uint_eq(id.len, 255);
	text[255] = 'a';
	text[256] = '\0';
	ck_assert_int_eq(config_id_parse(text, &id), -EINVAL);
}
END_TEST

static const struct {
	const char *why, *pattern, *id;
	bool match;
} rows[] = {
	{"the same", "alice@example.org", "alice@example.org", true},
	{"case does not count", "alice@example.org", "Alice@EXAMPLE.org", true},
	{"another", "alice@example.org", "bob@example.org", false},
	{"longer", "alice@example.org", "alice@example.org.evil", false},
	{"longer in front", "alice@example.org", "xalice@example.org", false},
	{"wildcard in front", "*@example.org", "alice@example.org", true},
	{"wildcard, other domain", "*@example.org", "alice@example.com", false},
	{"wildcard takes no dot for granted", "*@example.org", "a@evil.example.org", false},
	{"wildcard in the middle", "u*@load.example.org", "u17@load.example.org", true},
	{"wildcard may be empty", "u*@load.example.org", "u@load.example.org", true},
	{"head missing", "u*@load.example.org", "v17@load.example.org", false},
	{"head and tail may not overlap", "aba*aba@x", "aba@x", false},
	{"host wildcard", "*.cert.example.org", "gw.cert.example.org", true},
	{"host is no mailbox", "*.example.org", "a@b.example.org", false},
	{"address", "192.0.2.1", "192.0.2.1", true},
	{"other address", "192.0.2.1", "192.0.2.2", false},
	{"address is no name", "*", "192.0.2.1", false},
	{"key id", "keyid:0102", "keyid:0102", true},
	{"key id, case counts", "keyid:41", "keyid:61", false},
	{"a star in the identity is a letter", "u1@x", "u*@x", false},
};

START_TEST(test_match)
{
	struct config_id pattern, id;

	ck_assert_int_eq(config_id_parse(rows[_i].pattern, &pattern), 0);
	ck_assert_int_eq(config_id_parse(rows[_i].id, &id), 0);
	ck_assert_msg(config_id_match(&pattern, &id) == rows[_i].match, "%s", rows[_i].why);
}
END_TEST

// From the wire comes anything.
START_TEST(test_hostile)
{
	struct config_id id = {.type = CONFIG_ID_FQDN, .len = 255}, pattern;
	char buf[300];

	memset(id.data, 0x1b, sizeof(id.data));
	ck_assert_uint_eq(strlen(config_id_format(&id, buf)), 255);
	ck_assert_int_eq(buf[7], '?');
	id.type = CONFIG_ID_KEY_ID;
	ck_assert_uint_lt(strlen(config_id_format(&id, buf)), 300);
	ck_assert_str_eq(buf + strlen(buf) - 3, "...");
	id.type = (enum config_id_type)9; // DER_ASN1_DN
	id.len = 2;
	ck_assert_str_eq(config_id_format(&id, buf), "type9:1b1b");
	id.type = CONFIG_ID_IPV4;
	id.len = 3; // no address
	ck_assert_str_eq(config_id_format(&id, buf), "type1:1b1b1b");
	// "alice\0evil" is not alice, nor anybody.
	ck_assert_int_eq(config_id_parse("a*", &pattern), 0);
	id = (struct config_id){.type = CONFIG_ID_FQDN, .len = 7, .data = "alice\0x"};
	ck_assert(!config_id_match(&pattern, &id));
	ck_assert_int_eq(config_id_parse("alice", &pattern), 0);
	ck_assert(!config_id_match(&pattern, &id));
	id.len = 0;
	ck_assert(!config_id_match(&pattern, &id));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_id");
	TCase *tcase = tcase_create("config_id");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_good, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, test_length);
	tcase_add_loop_test(tcase, test_match, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_hostile);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
