// SPDX-License-Identifier: BSD-3-Clause
// Fragments of a message, RFC 7383: heads, sets in any order, newer sets, limits, and how a chain is
// cut; sealed with every kind of cipher.
#include "ike_frag.h"
#include "ike_keys.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNTIL_US 77

static const struct {
	uint8_t data[5];
	uint16_t len;
	int ret;
	const char *why;
} heads[] = {
	{{0, 1, 0, 1}, 4, 0, "one of one"},
	{{0, 2, 0, 3}, 4, 0, "two of three"},
	{{0xff, 0xff, 0xff, 0xff}, 4, 0, "the most that can be said"},
	{{0, 0, 0, 1}, 4, -EBADMSG, "number 0"},
	{{0, 0, 0, 0}, 4, -EBADMSG, "total 0"},
	{{0, 1, 0, 0}, 4, -EBADMSG, "one of none"},
	{{0, 4, 0, 3}, 4, -EBADMSG, "four of three"},
	{{0, 1, 0}, 3, -EBADMSG, "short"},
	{{0}, 0, -EBADMSG, "nothing"},
};

START_TEST(head_read)
{
	struct ike_payload_ref skf = {
		.type = PAYLOAD_SKF, .data = heads[_i].data, .len = heads[_i].len};
	struct frag_head head;

	ck_assert_msg(frag_head_read(&skf, &head) == heads[_i].ret, "%s", heads[_i].why);
}
END_TEST

static int add(struct frag_set **set, uint32_t id, uint16_t number, uint16_t total,
	const char *text, size_t bytes_max)
{
	struct frag_head head = {number, total};
	struct ike_payload_ref skf = {
		.type = PAYLOAD_SKF, .next = number == 1 ? PAYLOAD_IDI : PAYLOAD_NONE};

	return frag_add(set, id, &head, &skf, text, strlen(text), bytes_max, UNTIL_US);
}

static enum frag_verdict check(
	const struct frag_set *set, uint32_t id, uint16_t number, uint16_t total)
{
	return frag_check(set, id, &(struct frag_head){number, total});
}

static void joined(struct frag_set *set, const char *text)
{
	char out[64];
	uint8_t first = 0;

	ck_assert(frag_whole(set));
	ck_assert_uint_eq(frag_bytes(set), strlen(text));
	ck_assert_uint_eq(frag_join(set, out, &first), strlen(text));
	ck_assert_mem_eq(out, text, strlen(text));
	ck_assert_uint_eq(first, PAYLOAD_IDI);
}

// Every order of three fragments, each of which may come twice.
START_TEST(any_order)
{
	static const uint16_t orders[][3] = {
		{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
	static const char *const parts[] = {"one ", "two ", ""};
	struct frag_set *set = NULL;

	for (int i = 0; i < 3; i++) {
		uint16_t number = orders[_i][i];

		ck_assert(!frag_whole(set));
		ck_assert_int_eq(check(set, 1, number, 3), FRAG_NEW);
		ck_assert_int_eq(add(&set, 1, number, 3, parts[number - 1], 100), 0);
		ck_assert_int_eq(check(set, 1, number, 3), FRAG_DUPLICATE);
		ck_assert_uint_eq(frag_until_us(set), UNTIL_US);
	}
	joined(set, "one two ");
	ck_assert_uint_eq(frag_longest(set), 4);
	frag_free(set);
}
END_TEST

START_TEST(newer_set)
{
	struct frag_set *set = NULL;

	ck_assert_int_eq(add(&set, 1, 1, 2, "larger", 100), 0);
	ck_assert_int_eq(check(set, 1, 1, 3), FRAG_NEW);
	ck_assert_int_eq(add(&set, 1, 3, 3, "c", 100), 0);
	ck_assert_uint_eq(frag_bytes(set), 1);
	ck_assert_int_eq(check(set, 1, 2, 2), FRAG_SUPERSEDED);
	ck_assert_int_eq(add(&set, 1, 1, 3, "a", 100), 0);
	ck_assert_int_eq(add(&set, 1, 2, 3, "b", 100), 0);
	joined(set, "abc");
	// Another message may have fewer.
	ck_assert_int_eq(check(set, 2, 1, 2), FRAG_NEW);
	ck_assert_int_eq(add(&set, 2, 1, 2, "x", 100), 0);
	ck_assert(!frag_whole(set));
	ck_assert_int_eq(add(&set, 2, 2, 2, "y", 100), 0);
	joined(set, "xy");
	frag_free(set);
}
END_TEST

START_TEST(limits)
{
	struct frag_set *set = NULL;

	ck_assert_int_eq(check(NULL, 1, 1, FRAG_N_MAX), FRAG_NEW);
	ck_assert_int_eq(check(NULL, 1, 1, FRAG_N_MAX + 1), FRAG_TOO_MANY);
	ck_assert_int_eq(add(&set, 1, 1, 3, "12345", 10), 0);
	ck_assert_int_eq(add(&set, 1, 2, 3, "12345", 10), 0);
	ck_assert_int_eq(add(&set, 1, 3, 3, "1", 10), -ENOSPC);
	ck_assert_ptr_null(set);
	ck_assert_int_eq(add(&set, 1, 1, 1, "12345678901", 10), -ENOSPC);
	ck_assert_uint_eq(frag_bytes(NULL), 0);
	ck_assert(!frag_whole(NULL));
	frag_free(NULL);
}
END_TEST

static const struct {
	size_t len, chunk_max;
	uint32_t n_min, n;
	const char *why;
} cuts[] = {
	{100, 50, 1, 2, "exactly two"},
	{101, 50, 1, 3, "one byte more"},
	{100, 200, 1, 1, "it fits"},
	{100, 200, 3, 3, "more than needed"},
	{7, 200, 7, 7, "one byte each"},
	{7, 200, 8, 0, "more than bytes"},
	{256 * 10, 10, 1, 256, "the most"},
	{256 * 10 + 1, 10, 1, 0, "too many"},
	{100, 0, 1, 0, "no room"},
};

START_TEST(cut)
{
	size_t len = cuts[_i].len, chunk_max = cuts[_i].chunk_max;
	uint32_t n = frag_count(len, chunk_max, cuts[_i].n_min);

	ck_assert_msg(n == cuts[_i].n, "%s: %u", cuts[_i].why, n);
	for (uint32_t i = 0; i < n; i++) {
		size_t start = frag_start(len, chunk_max, n, i);
		size_t end = frag_start(len, chunk_max, n, i + 1);

		ck_assert_uint_gt(end, start);
		ck_assert_uint_le(end - start, chunk_max);
		ck_assert(i > 0 || start == 0);
		ck_assert(i + 1 < n || end == len);
	}
}
END_TEST

static const struct {
	uint16_t encr, key_bits, integ;
} suites[] = {
	{ENCR_AES_GCM_16, 128, INTEG_NONE},
	{ENCR_CHACHA20_POLY1305, 0, INTEG_NONE},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128},
};

// Sealed as SKF, opened again; every bit in front of the ciphertext is under the ICV.
START_TEST(sealed)
{
	struct ike_keys keys = {.encr = alg_encr_find(suites[_i].encr, suites[_i].key_bits),
		.integ = alg_integ_find(suites[_i].integ)};
	static const struct ike_header header = {
		.spi_i = 1, .spi_r = 2, .version = 0x20, .exchange = IKE_AUTH, .message_id = 1};
	static const uint8_t iv[16] = {9};
	struct frag_head head = {2, 3};
	uint8_t out[200], copy[200], *inner, first;
	struct ike_msg msg;
	size_t len;
	int n;

	keys.sk_ei.len = (uint32_t)(keys.encr->key_len + keys.encr->salt_len);
	keys.sk_ai.len = keys.integ ? keys.integ->key_len : 0;
	n = sk_seal_fragment(
		&keys, true, &header, &head, PAYLOAD_IDI, "chunk", 5, 1, iv, out, sizeof(out));
	ck_assert_int_gt(n, 0);
	ck_assert_uint_le((size_t)n, 5 + FRAG_HEAD_BYTES + sk_overhead(&keys));
	for (size_t bit = 0; bit <= (IKE_HEADER_BYTES + 8) * 8; bit++) {
		memcpy(copy, out, (size_t)n);
		if (bit > 0)
			copy[(bit - 1) / 8] ^= (uint8_t)(1 << (bit - 1) % 8);
		if (ike_msg_parse(copy, (size_t)n, &msg) || msg.n != 1 ||
			msg.payload[0].type != PAYLOAD_SKF)
			continue;
		if (bit > 0) {
			ck_assert_int_ne(
				sk_open(&keys, true, copy, (size_t)n, &msg, &inner, &len, &first),
				0);
			continue;
		}
		ck_assert_int_eq(frag_head_read(&msg.payload[0], &head), 0);
		ck_assert_uint_eq(head.number, 2);
		ck_assert_uint_eq(head.total, 3);
		ck_assert_int_eq(
			sk_open(&keys, true, copy, (size_t)n, &msg, &inner, &len, &first), 0);
		ck_assert_uint_eq(len, 5);
		ck_assert_mem_eq(inner, "chunk", 5);
		ck_assert_uint_eq(first, PAYLOAD_NONE); // not the first one
	}
}
END_TEST

#define ROWS(table) sizeof(table) / sizeof((table)[0])

int main(void)
{
	Suite *suite = suite_create("ike_frag");
	TCase *tc = tcase_create("ike_frag");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, head_read, 0, ROWS(heads));
	tcase_add_loop_test(tc, any_order, 0, 6);
	tcase_add_test(tc, newer_set);
	tcase_add_test(tc, limits);
	tcase_add_loop_test(tc, cut, 0, ROWS(cuts));
	tcase_add_loop_test(tc, sealed, 0, ROWS(suites));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
