// SPDX-License-Identifier: BSD-3-Clause
// The anti-replay window against a plain model that remembers every number, at all sizes; the edges
// of RFC 4303 appendix A and of RFC 6479 by hand; extended numbers over the wrap at 2^32.
#include "replay.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

struct window {
	uint64_t top;
	uint64_t words[REPLAY_WORDS_MAX];
	uint32_t size;
};

static bool take(struct window *w, uint64_t seq)
{
	bool ok = replay_check(w->top, w->words, w->size, seq);

	// Marking finds duplicates by itself: another packet of the burst may have come between.
	if (ok || seq <= w->top)
		ck_assert(ok == replay_mark(&w->top, w->words, w->size, seq));
	return ok;
}

static const struct {
	const char *why;
	uint64_t before; // seen first; 0: nothing
	uint64_t seq;
	int64_t from_size; // seq is counted from before - size
	bool good;
} rows[] = {
	{"the first packet of an SA", 0, 1, -1, true},
	{"a first packet that is not the first", 0, 77, -1, true},
	{"zero is never sent", 0, 0, -1, false},
	{"the same again", 100000, 100000, -1, false},
	{"the next", 100000, 100001, -1, true},
	{"far ahead", 100000, UINT64_C(1) << 40, -1, true},
	{"just behind", 100000, 99999, -1, true},
	{"the oldest that the window holds", 100000, 0, 1, true},
	{"one older than the window holds", 100000, 0, 0, false},
	{"much older", 100000, 1, -1, false},
	{"a number that nobody can reach", 100000, UINT64_MAX, -1, false},
	{"a number before the first packet", 5, UINT64_C(0) - 10, -1, false},
};

START_TEST(edges)
{
	for (uint32_t size = REPLAY_SIZE_MIN; size <= REPLAY_SIZE_MAX; size *= 2) {
		struct window w = {.size = size};
		uint64_t seq = rows[_i].from_size < 0 ? rows[_i].seq
						      : rows[_i].before - size + rows[_i].from_size;

		if (rows[_i].before)
			ck_assert(take(&w, rows[_i].before));
		ck_assert_msg(take(&w, seq) == rows[_i].good, "%s, window %u", rows[_i].why, size);
		ck_assert_msg(!take(&w, seq), "%s twice, window %u", rows[_i].why, size);
	}
}
END_TEST

// RFC 6479's own way would forget or remember whole words here: every number is checked.
START_TEST(exact_bits)
{
	static const uint32_t jumps[] = {1, 2, 63, 64, 65, 127, 128, 1000, 4095, 4096, 4097, 9999};

	for (uint32_t size = REPLAY_SIZE_MIN; size <= REPLAY_SIZE_MAX; size *= 2) {
		struct window w = {.size = size};
		uint64_t first = 3 * (uint64_t)size + 17, top;

		for (uint64_t s = first - size + 1; s <= first; s++)
			ck_assert(take(&w, s));
		top = first + jumps[_i];
		ck_assert(take(&w, top));
		for (uint64_t s = 1; s < top + 5; s++) {
			bool known = s <= first && s + size > first;
			bool inside = s + size > top;

			ck_assert_msg(replay_check(w.top, w.words, size, s) ==
					(s > top || (inside && !known && s != top)),
				"size %u jump %u seq %lu", size, jumps[_i], (unsigned long)s);
		}
	}
}
END_TEST

#define MODEL_MAX 60000

START_TEST(model)
{
	uint32_t size = REPLAY_SIZE_MIN << _i;
	static bool seen[MODEL_MAX];
	struct window w = {.size = size};
	uint64_t top = 0;

	memset(seen, 0, sizeof(seen));
	srand(4303 + (unsigned)_i);
	for (int i = 0; i < 200000; i++) {
		uint32_t kind = (uint32_t)rand() % 10;
		uint64_t seq;
		bool good;

		if (kind < 4)
			seq = top + 1;
		else if (kind < 5)
			seq = top + (uint64_t)rand() % (2 * size);
		else
			seq = top - (uint64_t)rand() % (2 * size);
		if (seq >= MODEL_MAX) {
			memset(&w.words, 0, sizeof(w.words));
			memset(seen, 0, sizeof(seen));
			w.top = top = 0;
			continue;
		}
		good = seq > 0 && seq < MODEL_MAX && !seen[seq] && seq + size > top;
		ck_assert(take(&w, seq) == good);
		if (good) {
			seen[seq] = true;
			top = seq > top ? seq : top;
		}
	}
}
END_TEST

static const struct {
	const char *why;
	uint64_t top;
	uint32_t low;
	uint64_t seq;
} esn_rows[] = {
	{"the first packet", 0, 1, 1},
	{"a number that cannot be before the first packet", 0, UINT32_MAX, UINT64_MAX},
	{"the window spans the wrap: ahead", UINT32_MAX, 0, UINT64_C(1) << 32},
	{"the window spans the wrap: ahead by some", UINT32_MAX - 5, 3, (UINT64_C(1) << 32) + 3},
	{"the window spans the wrap: behind", (UINT64_C(1) << 32) + 3, UINT32_MAX, UINT32_MAX},
	{"the bottom of the window", 1000, 1000 - 63, 1000 - 63},
	{"below the window is the next round", 1000, 1000 - 64, (UINT64_C(1) << 32) + 1000 - 64},
	{"same round, far ahead", UINT64_C(5) << 32 | 1000, 0x80000000,
		UINT64_C(5) << 32 | 0x80000000},
	{"next round", UINT64_C(5) << 32 | 0xf0000000, 7, UINT64_C(6) << 32 | 7},
	{"one less than the wrap, from one more", (UINT64_C(7) << 32) + 1, UINT32_MAX - 3,
		(UINT64_C(7) << 32) - 4},
};

START_TEST(esn)
{
	ck_assert_msg(replay_esn(esn_rows[_i].top, 64, esn_rows[_i].low) == esn_rows[_i].seq, "%s",
		esn_rows[_i].why);
}
END_TEST

// RFC 4303 appendix A2.2, word for word.
static uint64_t esn_by_the_book(uint64_t top, uint32_t w, uint32_t sl)
{
	uint32_t tl = (uint32_t)top, th = (uint32_t)(top >> 32), sh;

	if (tl >= w - 1)
		sh = sl >= tl - w + 1 ? th : th + 1;
	else
		sh = sl >= (uint32_t)(tl - w + 1) ? th - 1 : th;
	return (uint64_t)sh << 32 | sl;
}

START_TEST(esn_random)
{
	srand(6479);
	for (int i = 0; i < 300000; i++) {
		uint32_t size = REPLAY_SIZE_MIN << (rand() % 7);
		uint64_t top = (uint64_t)(rand() % 5) << 32;
		uint32_t low = (uint32_t)rand() << 1;

		top += rand() % 2 ? (uint32_t)rand() << 1 : (uint64_t)(rand() % 9000) - 4500;
		if ((int64_t)top < 0)
			continue;
		if (rand() % 2)
			low = (uint32_t)top + (uint32_t)(rand() % 10000) - 5000;
		ck_assert_uint_eq(replay_esn(top, size, low), esn_by_the_book(top, size, low));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, edges, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, exact_bits, 0, 12);
	tcase_add_loop_test(tc, model, 0, 7);
	tcase_add_loop_test(tc, esn, 0, sizeof(esn_rows) / sizeof(esn_rows[0]));
	tcase_add_test(tc, esn_random);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
