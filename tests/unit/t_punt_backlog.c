// SPDX-License-Identifier: BSD-3-Clause
// What strangers send waits its turn, behind those who are being set up, and only so much of it.
#include "punt_backlog.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static struct punt_backlog *backlog;
static uint8_t bytes[65000];

static void setup(void)
{
	backlog = punt_backlog_new();
	ck_assert_ptr_nonnull(backlog);
}

static void teardown(void)
{
	punt_backlog_free(backlog);
}

static bool add(enum ike_standing standing, uint16_t port, uint32_t len)
{
	struct ike_datagram datagram = {.remote_port = port, .len = len, .data = bytes};

	bytes[0] = (uint8_t)port;
	return punt_backlog_add(backlog, standing, &datagram);
}

// Each with its own octets, whatever became of the caller's.
static void expect(uint16_t port)
{
	const struct ike_datagram *datagram = punt_backlog_take(backlog);

	ck_assert_ptr_nonnull(datagram);
	ck_assert_uint_eq(datagram->remote_port, port);
	ck_assert_uint_eq(datagram->data[0], (uint8_t)port);
}

START_TEST(test_order)
{
	ck_assert(punt_backlog_empty(backlog));
	ck_assert(add(IKE_STANDING_STRANGER, 1, 100));
	ck_assert(add(IKE_STANDING_HALF_OPEN, 2, 100));
	ck_assert(add(IKE_STANDING_STRANGER, 3, 100));
	ck_assert(add(IKE_STANDING_HALF_OPEN, 4, 100));
	expect(2);
	expect(4);
	ck_assert(!punt_backlog_empty(backlog));
	expect(1);
	ck_assert(add(IKE_STANDING_HALF_OPEN, 5, 100));
	expect(5);
	expect(3);
	ck_assert_ptr_null(punt_backlog_take(backlog));
	ck_assert(punt_backlog_empty(backlog));
}
END_TEST

// A flood of one kind takes nothing from the other.
START_TEST(test_number)
{
	for (uint32_t i = 0; i < 3 * PUNT_BACKLOG_MAX; i++)
		ck_assert(add(IKE_STANDING_STRANGER, 1, 100) == (i < PUNT_BACKLOG_MAX));
	ck_assert(add(IKE_STANDING_HALF_OPEN, 2, 100));
	expect(2);
	expect(1);
	ck_assert(add(IKE_STANDING_STRANGER, 1, 100));
	ck_assert(!add(IKE_STANDING_STRANGER, 1, 100));
}
END_TEST

START_TEST(test_bytes)
{
	uint32_t n = 0;

	while (add(IKE_STANDING_STRANGER, 1, sizeof(bytes)))
		n++;
	ck_assert_uint_eq(n, PUNT_BACKLOG_BYTES / sizeof(bytes));
	ck_assert(add(IKE_STANDING_STRANGER, 1, 100));
	expect(1);
	ck_assert(add(IKE_STANDING_STRANGER, 1, sizeof(bytes)));
	ck_assert(!add(IKE_STANDING_STRANGER, 1, sizeof(bytes)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("punt_backlog");
	TCase *tcase = tcase_create("punt_backlog");
	SRunner *runner = NULL;
	int failed = 0;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_number);
	tcase_add_test(tcase, test_bytes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
