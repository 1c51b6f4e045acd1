// SPDX-License-Identifier: BSD-3-Clause
// Peer Authorization Database: the first entry that matches, exact ones by hash, patterns in order.
#include "pad.h"

#include <check.h>

#include <stdlib.h>

static const char *const entry[] = {
	"alice@example.org",
	"*@load.example.org",
	"u7@load.example.org",
	"Bob@Example.org",
	"*.example.org",
	"gw2.example.org",
	"alice@example.org",
	"192.0.2.7",
	"keyid:2a2a",
	"*@example.org",
};
static const struct {
	const char *id;
	int entry; // -1: nobody
	const char *why;
} row[] = {
	{"alice@example.org", 0, "the first of two, and before a pattern"},
	{"ALICE@example.ORG", 0, "names have no case"},
	{"bob@example.org", 3, "nor has an entry"},
	{"u1@load.example.org", 1, "a pattern"},
	{"u7@load.example.org", 1, "a pattern before an exact entry"},
	{"gw2.example.org", 4, "again, of the other type"},
	{"carol@example.org", 9, "a pattern behind everything else"},
	{"mallory@example.net", -1, "unknown"},
	{"a.example.org", 4, "pattern of a host"},
	{"example.org", -1, "the dot is part of the pattern"},
	{"192.0.2.7", 7, "address"},
	{"192.0.2.8", -1, "another address"},
	{"keyid:2a2a", 8, "octets that look like stars are no pattern"},
	{"keyid:2a2a2a", -1, "and match nothing else"},
};

START_TEST(lookup_rows)
{
	enum {
		N = sizeof(entry) / sizeof(entry[0])
	};
	static const uint64_t secret[2] = {5, 6};
	struct config_peer peer[N] = {0};
	struct config_gateway gateway = {.present = true, .peer_n = N, .peer = peer};
	struct config_id id;
	struct pad *pad;

	for (int i = 0; i < N; i++)
		ck_assert_int_eq(config_id_parse(entry[i], &peer[i].id), 0);
	pad = pad_new(&gateway, secret);
	ck_assert_ptr_nonnull(pad);
	ck_assert_int_eq(config_id_parse(row[_i].id, &id), 0);
	ck_assert_msg(pad_lookup(pad, &id) == (row[_i].entry < 0 ? NULL : &peer[row[_i].entry]),
		"%s", row[_i].why);
	pad_free(pad);
}
END_TEST

START_TEST(no_gateway)
{
	static const uint64_t secret[2] = {5, 6};
	struct config_gateway gateway = {0};
	struct config_id id;
	struct pad *pad = pad_new(&gateway, secret);

	config_id_parse("alice@example.org", &id);
	ck_assert_ptr_null(pad_lookup(pad, &id));
	pad_free(pad);
	pad_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pad");
	TCase *tc = tcase_create("pad");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, lookup_rows, 0, sizeof(row) / sizeof(row[0]));
	tcase_add_test(tc, no_gateway);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
