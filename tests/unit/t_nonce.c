// SPDX-License-Identifier: BSD-3-Clause
// Comparison of nonces, RFC 7296 section 2.8.1, and the group that INVALID_KE_PAYLOAD wants.
#include "nonce.h"

#include <check.h>

#include <stdlib.h>

static const struct {
	struct nonce a, b;
	int order;
	const char *why;
} row[] = {
	{{2, {1, 2}}, {2, {1, 2}}, 0, "equal"},
	{{2, {1, 2}}, {2, {1, 3}}, -1, "the last octet decides"},
	{{2, {2, 0}}, {2, {1, 9}}, 1, "the first octet decides"},
	{{1, {1}}, {2, {1, 0}}, -1, "the one that ends first is lower"},
	{{1, {2}}, {2, {1, 0}}, 1, "not a comparison of large integers"},
	{{1, {0x80}}, {1, {0x7f}}, 1, "octets have no sign"},
};

START_TEST(compare_rows)
{
	int order = nonce_compare(&row[_i].a, &row[_i].b);

	order = order < 0 ? -1 : order > 0;
	ck_assert_msg(order == row[_i].order, "%s", row[_i].why);
	if (order < 0)
		ck_assert_ptr_eq(nonce_lower(&row[_i].a, &row[_i].b), &row[_i].a);
	if (order > 0)
		ck_assert_ptr_eq(nonce_lower(&row[_i].a, &row[_i].b), &row[_i].b);
}
END_TEST

START_TEST(groups)
{
	struct config_proposals config = {.n = 2};
	static const uint8_t ecp256[2] = {0, DH_ECP_256}, ecp384[2] = {0, DH_ECP_384},
			     unknown[2] = {1, DH_ECP_256}, x25519[2] = {0, DH_X25519};
	const struct alg_dh *x = alg_dh_find(DH_X25519), *p = alg_dh_find(DH_ECP_256);

	ck_assert_ptr_null(group_first(&config));
	config.proposal[1].dh_n = 2;
	config.proposal[1].dh[0] = x;
	config.proposal[1].dh[1] = p;
	ck_assert_ptr_eq(group_first(&config), x);
	ck_assert_ptr_eq(group_wanted(&config, x, ecp256), p);
	ck_assert_ptr_null(group_wanted(&config, x, x25519)); // the one that was refused
	ck_assert_ptr_null(group_wanted(&config, x, ecp384)); // known, not configured
	ck_assert_ptr_null(group_wanted(&config, x, unknown));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nonce");
	TCase *tc = tcase_create("nonce");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, compare_rows, 0, sizeof(row) / sizeof(row[0]));
	tcase_add_test(tc, groups);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
