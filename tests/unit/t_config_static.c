// SPDX-License-Identifier: BSD-3-Clause
// Static leases of a pool: what may be assigned to whom, and what is refused with its line (L28).
#include "config.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX4 "prefix = \"10.66.0.0/16\"; lease = 32; "
#define PREFIX6 "prefix = \"2001:db8:1000::/40\"; lease = 64; "
#define ADDR6 "prefix = \"2001:db8:2000::/64\"; lease = 128; "
#define ONE(id, prefix) "{ id = \"" id "\"; prefix = \"" prefix "\"; }"
#define LEASES(list) "static = ( " list " ); "

static const struct {
	const char *pool;
	const char *error; // NULL: it is right
} rows[] = {
	{PREFIX6 LEASES(ONE("alice@example.org", "2001:db8:1000:1::/64")), NULL},
	{PREFIX4 LEASES(
		 ONE("alice@example.org", "10.66.0.7") "," ONE("keyid:00ff", "10.66.0.8/32")),
		NULL},
	{ADDR6 LEASES(ONE("alice@example.org", "2001:db8:2000::7")), NULL},
	{PREFIX4, NULL},
	{PREFIX4 "static = ( ); ", NULL},
	{PREFIX4 LEASES(ONE("a@b", "10.66.0.0")), "cannot be given out"},
	{PREFIX4 LEASES(ONE("a@b", "10.66.255.255")), "cannot be given out"},
	{PREFIX4 LEASES(ONE("a@b", "10.67.0.1")), "cannot be given out"},
	{PREFIX4 LEASES(ONE("a@b", "10.66.1.0/24")), "cannot be given out"},
	{PREFIX6 LEASES(ONE("a@b", "2001:db8:1000:1::")), "cannot be given out"},
	{ADDR6 LEASES(ONE("a@b", "2001:db8:2000::")), "cannot be given out"},
	// Of a /64 the first 2^28 addresses are given out.
	{ADDR6 LEASES(ONE("a@b", "2001:db8:2000::1:0:0:1")), "cannot be given out"},
	{PREFIX4 LEASES(ONE("a@b", "10.66.0.7/16")), "is no prefix"},
	{PREFIX4 LEASES(ONE("a@b", "seven")), "is no prefix"},
	{PREFIX4 LEASES("{ id = \"a@b\"; }"), "lacks 'prefix'"},
	{PREFIX4 LEASES("{ prefix = \"10.66.0.7\"; }"), "lacks 'id'"},
	{PREFIX4 LEASES(ONE("a@b", "10.66.0.7") "," ONE("c@d", "10.66.0.7")), "is given in line 2"},
	{PREFIX4 LEASES(ONE("a@b", "10.66.0.7") "," ONE("a@b", "10.66.0.8")), "in line 2 already"},
	{PREFIX4 LEASES(ONE("u*@b", "10.66.0.7")), "FILE:2: "},
	{"prefix = \"2001:db8:3000::/64\"; shared = true; " LEASES(ONE("a@b", "2001:db8:3000::7")),
		"is shared"},
};

static struct config *parse(const char *pool, struct config_errors *errors)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"dataplane = { ports = ( { name = \"out\"; role = \"outer\"; device = "
		"\"af_packet:eth0\"; addresses = [\"192.0.2.1/24\"]; }, { name = \"in\"; role = "
		"\"inner\"; device = \"tap:tap0\"; addresses = [\"10.20.0.1/24\"]; } ); };\n"
		"pools = ( { name = \"p\"; %s } );\n"
		"profiles = ( );\n"
		"gateway = { id = \"gw\"; peers = ( ); };\n",
		pool);
	return config_parse(text, "FILE", errors);
}

static bool said(const struct config_errors *errors, const char *what)
{
	for (uint32_t i = 0; i < errors->n && i < CONFIG_ERRORS; i++)
		if (strstr(errors->text[i], what) != NULL &&
			strncmp(errors->text[i], "FILE:2: ", 8) == 0)
			return true;
	return false;
}

START_TEST(test_static)
{
	struct config_errors errors = {};
	struct config *config = parse(rows[_i].pool, &errors);

	if (rows[_i].error != NULL)
		ck_assert_msg(config == NULL && said(&errors, rows[_i].error),
			"%s: not \"%s\" but \"%s\"", rows[_i].pool, rows[_i].error, errors.text[0]);
	else
		ck_assert_msg(config != NULL, "%s: %s", rows[_i].pool, errors.text[0]);
	config_free(config);
}
END_TEST

START_TEST(test_read)
{
	struct config_errors errors = {};
	struct config *a = parse(rows[1].pool, &errors), *b = parse(rows[1].pool, &errors);
	struct config_diff diff;

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(a->pool[0].static_n, 2);
	ck_assert_uint_eq(a->pool[0].static_lease[0].prefix.len, 32); // of a bare address
	ck_assert_uint_eq(a->pool[0].static_lease[0].id.len, 17);
	config_diff(a, b, &diff);
	ck_assert(!diff.pools);
	b->pool[0].static_lease[1].prefix.addr.bytes[3]++;
	config_diff(a, b, &diff);
	ck_assert(diff.pools);
	config_free(a);
	config_free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_static");
	TCase *tc = tcase_create("config_static");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_loop_test(tc, test_static, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_read);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
