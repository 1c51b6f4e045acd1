// SPDX-License-Identifier: BSD-3-Clause
// Hash table of the IKE core, and SipHash-2-4 against its authors' vectors.
#include "hash.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

// Key 00..0f, input 00..(n-1): from the reference implementation's table.
static const struct {
	size_t len;
	uint64_t hash;
	const char *why;
} sip[] = {
	{0, UINT64_C(0x726fdb47dd0e0e31), "nothing"},
	{1, UINT64_C(0x74f839c593dc67fd), "one octet"},
	{7, UINT64_C(0xab0200f58b01d137), "all but a word"},
	{8, UINT64_C(0x93f5f5799a932462), "one word"},
	{15, UINT64_C(0xa129ca6149be45e5), "the paper's example"},
	{63, UINT64_C(0x958a324ceb064572), "the longest of the table"},
};

START_TEST(siphash_rows)
{
	uint8_t key[16], input[64];
	uint64_t secret[2];

	for (int i = 0; i < 64; i++)
		input[i] = (uint8_t)i;
	memcpy(key, input, 16);
	memcpy(secret, key, 16);
	ck_assert_msg(hash_bytes(secret, input, sip[_i].len) == sip[_i].hash, "%s", sip[_i].why);
}
END_TEST

struct item {
	struct hash_node node;
	int number;
};

START_TEST(add_find_delete)
{
	static const uint64_t secret[2] = {1, 2};
	enum {
		N = 5000
	};
	struct item *items = calloc(N, sizeof(*items));
	struct hash hash;

	ck_assert_int_eq(hash_init(&hash, secret), 0);
	for (int i = 0; i < N; i++) {
		items[i].number = i;
		hash_add(&hash, &items[i].node, (uint64_t)i * 3);
	}
	ck_assert_uint_eq(hash.n, N);
	ck_assert_uint_ge(hash.size, N);
	for (int i = 0; i < N; i++) {
		struct hash_node *node = hash_find(&hash, (uint64_t)i * 3);

		ck_assert_ptr_nonnull(node);
		ck_assert_int_eq(CONTAINER_OF(node, struct item, node)->number, i);
		ck_assert_ptr_null(hash_find_next(node));
		ck_assert_ptr_null(hash_find(&hash, (uint64_t)i * 3 + 1));
	}
	for (int i = 0; i < N; i += 2)
		hash_del(&hash, &items[i].node);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(hash_find(&hash, (uint64_t)i * 3) != NULL, i % 2);
	ck_assert_uint_eq(hash.n, N / 2);
	hash_fini(&hash);
	free(items);
}
END_TEST

START_TEST(same_key_several_times)
{
	static const uint64_t secret[2] = {1, 2};
	struct item item[3] = {{.number = 1}, {.number = 2}, {.number = 4}};
	struct hash_node *node;
	struct hash hash;
	int sum = 0;

	ck_assert_int_eq(hash_init(&hash, secret), 0);
	for (int i = 0; i < 3; i++)
		hash_add(&hash, &item[i].node, 7);
	hash_del(&hash, &item[1].node);
	for (node = hash_find(&hash, 7); node != NULL; node = hash_find_next(node))
		sum += CONTAINER_OF(node, struct item, node)->number;
	ck_assert_int_eq(sum, 5);
	hash_fini(&hash);
}
END_TEST

struct visit {
	uint8_t seen[6000];
	unsigned n;
	int stop_at;
};

static bool visit_item(void *arg, struct hash_node *node)
{
	struct visit *visit = arg;
	int number = CONTAINER_OF(node, struct item, node)->number;

	visit->seen[number]++;
	visit->n++;
	return number != visit->stop_at;
}

// In turns, while the table doubles again and again and nodes go: what stays is given once.
START_TEST(walk_in_turns)
{
	static const uint64_t secret[2] = {3, 4};
	enum {
		STAY = 1000,
		GO = 1000,
		N = 6000
	};
	struct item *items = calloc(N, sizeof(*items));
	struct visit visit = {.stop_at = -1};
	uint32_t cursor = 0, turns = 0;
	struct hash hash;
	int next = STAY + GO, gone = STAY;
	bool more = true;

	ck_assert_int_eq(hash_init(&hash, secret), 0);
	for (int i = 0; i < N; i++)
		items[i].number = i;
	for (int i = 0; i < STAY + GO; i++)
		hash_add(&hash, &items[i].node, (uint64_t)i * 7);
	while (more) {
		unsigned before = visit.n;

		more = hash_some(&hash, &cursor, 16, visit_item, &visit);
		ck_assert_uint_le(visit.n - before, 32);
		for (int i = 0; i < 40 && next < N; i++, next++)
			hash_add(&hash, &items[next].node, (uint64_t)next * 7);
		for (int i = 0; i < 10 && gone < STAY + GO; i++, gone++)
			hash_del(&hash, &items[gone].node);
		turns++;
	}
	ck_assert_uint_gt(turns, STAY / 32);
	for (int i = 0; i < N; i++)
		ck_assert_msg(visit.seen[i] <= 1 && (visit.seen[i] == 1 || i >= STAY),
			"%d: %u times", i, visit.seen[i]);
	visit = (struct visit){.stop_at = 5};
	cursor = 0;
	while (hash_some(&hash, &cursor, 16, visit_item, &visit))
		;
	ck_assert_uint_eq(visit.seen[5], 1); // and no further
	ck_assert_uint_lt(visit.n, hash.n);
	hash_fini(&hash);
	free(items);
}
END_TEST

// The same from every number of slots that a table can have meanwhile, one slot more after each turn,
// so that walks begin and end anywhere in a doubling.
START_TEST(walk_while_slots_split)
{
	static const uint64_t secret[2] = {5, 6};
	enum {
		N = 64 + 3 * 64
	};
	static struct item items[2 * N];

	for (int stay = 1; stay < N; stay++) {
		struct visit visit = {.stop_at = -1};
		struct hash hash;
		uint32_t cursor = 0, slots = 0;
		int next = stay;
		bool more = true;

		ck_assert_int_eq(hash_init(&hash, secret), 0);
		for (int i = 0; i < 2 * N; i++)
			items[i].number = i;
		for (int i = 0; i < stay; i++)
			hash_add(&hash, &items[i].node, (uint64_t)i);
		slots = hash.size;
		while (more) {
			more = hash_some(&hash, &cursor, 1, visit_item, &visit);
			if (next < 2 * N) {
				hash_add(&hash, &items[next].node, (uint64_t)next);
				next++;
			}
		}
		ck_assert_msg(stay < 64 || hash.size > slots, "%d: no slot was split", stay);
		for (int i = 0; i < next; i++)
			ck_assert_msg(visit.seen[i] <= 1 && (visit.seen[i] == 1 || i >= stay),
				"%d of %d: %u times", i, stay, visit.seen[i]);
		hash_fini(&hash);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hash");
	TCase *tc = tcase_create("hash");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, siphash_rows, 0, sizeof(sip) / sizeof(sip[0]));
	tcase_add_test(tc, add_find_delete);
	tcase_add_test(tc, same_key_several_times);
	tcase_add_test(tc, walk_in_turns);
	tcase_add_test(tc, walk_while_slots_split);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
