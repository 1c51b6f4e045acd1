// SPDX-License-Identifier: BSD-3-Clause
// Timer heap against a plain array.
#include "timer.h"

#include <check.h>

#include <stdlib.h>

#define N 300

static uint64_t state = 88172645463325252;
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

START_TEST(order)
{
	struct timer_heap heap;
	struct timer timer[N] = {0};
	uint64_t when[N], last = 0;
	uint32_t n = 0;

	timer_heap_init(&heap);
	ck_assert_int_eq(timer_heap_reserve(&heap, N), 0);
	ck_assert_ptr_null(timer_first(&heap));
	for (int i = 0; i < N; i++)
		when[i] = CLOCK_NEVER;
	for (int step = 0; step < 20000; step++) {
		uint32_t i = (uint32_t)(next_random() % N);
		uint64_t earliest = CLOCK_NEVER;

		when[i] = next_random() % 4 == 0 ? CLOCK_NEVER : next_random() % 1000;
		timer_set(&heap, &timer[i], when[i]);
		for (int j = 0; j < N; j++)
			if (when[j] < earliest)
				earliest = when[j];
		if (earliest == CLOCK_NEVER)
			ck_assert_ptr_null(timer_first(&heap));
		else
			ck_assert_uint_eq(timer_first(&heap)->when_us, earliest);
	}
	for (int j = 0; j < N; j++)
		n += when[j] != CLOCK_NEVER;
	ck_assert_uint_eq(heap.n, n);
	while (timer_first(&heap) != NULL) {
		struct timer *first = timer_first(&heap);

		ck_assert_uint_ge(first->when_us, last);
		last = first->when_us;
		timer_set(&heap, first, CLOCK_NEVER);
		ck_assert_uint_eq(first->place, 0);
		n--;
	}
	ck_assert_uint_eq(n, 0);
	timer_heap_fini(&heap);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timer");
	TCase *tc = tcase_create("timer");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, order);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
