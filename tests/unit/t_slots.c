// SPDX-License-Identifier: BSD-3-Clause
// SA slots: SPIs name worker and slot, generations differ from use to use, a slot given back is the
// last to come again; a random test against plain arrays.
#include "slots.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void test_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

START_TEST(test_spi)
{
	struct slots *slots = slots_new(3, 4, test_random, NULL);
	uint32_t spi[4], more = 0;

	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_int_eq(slots_take_spi(slots, 2, &spi[i]), 0);
		ck_assert_uint_eq(spi_worker(spi[i]), 2);
		ck_assert_uint_eq(spi_slot(spi[i]), i);
		ck_assert(slots_is_used(slots, spi[i], IPC_DIR_IN));
		ck_assert(!slots_is_used(slots, spi[i], IPC_DIR_OUT));
	}
	ck_assert_int_eq(slots_take_spi(slots, 2, &more), -ENOSPC);
	ck_assert_int_eq(slots_take_spi(slots, 3, &more), -ERANGE);
	ck_assert_uint_eq(slots_used(slots, 2, IPC_DIR_IN), 4);
	// Given back in some order, taken again in that order, with other SPIs.
	slots_give_spi(slots, spi[1]);
	slots_give_spi(slots, spi[3]);
	slots_give_spi(slots, spi[1]); // twice: once
	ck_assert_uint_eq(slots_used(slots, 2, IPC_DIR_IN), 2);
	ck_assert_int_eq(slots_take_spi(slots, 2, &more), 0);
	ck_assert_uint_eq(spi_slot(more), 1);
	ck_assert_uint_ne(more, spi[1]);
	ck_assert_int_eq(slots_take_spi(slots, 2, &more), 0);
	ck_assert_uint_eq(spi_slot(more), 3);
	slots_free(slots);
}
END_TEST

START_TEST(test_ref)
{
	struct slots *slots = slots_new(2, 8, test_random, NULL);
	sa_ref_t ref = 0, again = 0;

	ck_assert_int_eq(slots_take_ref(slots, 0, &ref), 0);
	ck_assert_uint_ne(ref, 0);
	ck_assert_uint_eq(ref, spi_make(0, 0, 0));
	slots_give_ref(slots, ref);
	for (int i = 0; i < 7; i++) {
		ck_assert_int_eq(slots_take_ref(slots, 0, &again), 0);
		ck_assert_uint_ne(again, ref); // its turn comes last
	}
	ck_assert_int_eq(slots_take_ref(slots, 0, &again), 0);
	ck_assert_uint_eq(again, ref);
	slots_free(slots);
}
END_TEST

START_TEST(test_least_used)
{
	struct slots *slots = slots_new(3, 100, test_random, NULL);
	uint32_t count[3] = {}, spi = 0;

	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(slots_take_spi(slots, UINT32_MAX, &spi), 0);
		count[spi_worker(spi)]++;
	}
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(count[i], 10);
	slots_free(slots);
}
END_TEST

START_TEST(test_claim)
{
	struct slots *slots = slots_new(2, 4, test_random, NULL);
	uint32_t found = spi_make(1, 7, 2), spi = 0;

	ck_assert_int_eq(slots_claim(slots, found, IPC_DIR_IN), 0);
	ck_assert_int_eq(slots_claim(slots, found, IPC_DIR_IN), -EBUSY);
	ck_assert_int_eq(slots_claim(slots, spi_make(2, 0, 0), IPC_DIR_IN), -ERANGE);
	ck_assert_int_eq(slots_claim(slots, spi_make(0, 0, 4), IPC_DIR_OUT), -ERANGE);
	ck_assert_int_eq(slots_claim(slots, 1234, IPC_DIR_OUT), -ERANGE); // names no worker
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(slots_take_spi(slots, 1, &spi), 0);
		ck_assert_uint_ne(spi_slot(spi), 2);
	}
	ck_assert_int_eq(slots_take_spi(slots, 1, &spi), -ENOSPC);
	slots_give_spi(slots, found);
	ck_assert_int_eq(slots_take_spi(slots, 1, &spi), 0);
	ck_assert_uint_eq(spi_slot(spi), 2);
	ck_assert_uint_ne(spi, found);
	slots_give_spi(slots, 0xffffffff);
	slots_give_ref(slots, 0);
	slots_free(slots);
}
END_TEST

// An SPI of a former use does not give back the slot that somebody else has by now.
START_TEST(test_give_late)
{
	struct slots *slots = slots_new(1, 1, test_random, NULL);
	uint32_t spi[17];

	for (int i = 0; i < 17; i++) {
		ck_assert_int_eq(slots_take_spi(slots, 0, &spi[i]), 0);
		if (i > 0)
			slots_give_spi(slots, spi[i - 1]);
		ck_assert(slots_is_used(slots, spi[i], IPC_DIR_IN));
		slots_give_spi(slots, spi[i]);
		ck_assert(!slots_is_used(slots, spi[i], IPC_DIR_IN));
	}
	ck_assert_uint_eq(spi[16], spi[0]);
	// The same for one that was found in the dataplane.
	ck_assert_int_eq(slots_claim(slots, spi_make(0, 15, 0), IPC_DIR_IN), 0);
	slots_give_spi(slots, spi_make(0, 14, 0));
	ck_assert(slots_is_used(slots, spi_make(0, 15, 0), IPC_DIR_IN));
	slots_give_spi(slots, spi_make(0, 15, 0));
	ck_assert_uint_eq(slots_used(slots, 0, IPC_DIR_IN), 0);
	slots_free(slots);
}
END_TEST

START_TEST(test_model)
{
	enum {
		COUNT = 64
	};
	struct slots *slots = slots_new(2, COUNT, test_random, NULL);
	static uint32_t held[2][COUNT];
	uint32_t n[2] = {}, id = 0;

	memset(held, 0, sizeof(held));
	srandom(5);
	for (int i = 0; i < 100000; i++) {
		uint32_t w = (uint32_t)random() % 2, at = (uint32_t)random() % COUNT;

		if (held[w][at] != 0) {
			slots_give_ref(slots, held[w][at]);
			held[w][at] = 0;
			n[w]--;
		} else if (random() % 2 == 0) {
			ck_assert_int_eq(slots_claim(slots, spi_make(w, 0, at), IPC_DIR_OUT), 0);
			held[w][at] = spi_make(w, 0, at);
			n[w]++;
		} else {
			ck_assert_int_eq(slots_take_ref(slots, w, &id), 0);
			ck_assert_uint_eq(spi_worker(id), w);
			ck_assert_uint_eq(held[w][spi_slot(id)], 0);
			held[w][spi_slot(id)] = id;
			n[w]++;
		}
		ck_assert_uint_eq(slots_used(slots, w, IPC_DIR_OUT), n[w]);
	}
	slots_free(slots);
}
END_TEST

START_TEST(test_refused)
{
	ck_assert_ptr_null(slots_new(0, 4, test_random, NULL));
	ck_assert_ptr_null(slots_new(63, 4, test_random, NULL));
	ck_assert_ptr_null(slots_new(1, 0, test_random, NULL));
	ck_assert_ptr_null(slots_new(1, (1u << SPI_SLOT_BITS) + 1, test_random, NULL));
	slots_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("slots");
	TCase *tc = tcase_create("slots");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_test(tc, test_spi);
	tcase_add_test(tc, test_ref);
	tcase_add_test(tc, test_least_used);
	tcase_add_test(tc, test_claim);
	tcase_add_test(tc, test_give_late);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_refused);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
