// SPDX-License-Identifier: BSD-3-Clause
// Bounded reader and writer: every call at, before and behind the end.
#include "buf.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

START_TEST(test_read)
{
	struct buf_reader r;
	uint8_t two[2];

	buf_reader_init(&r, data, sizeof(data));
	ck_assert_uint_eq(buf_get_u8(&r), 1);
	ck_assert_uint_eq(buf_get_be16(&r), 0x0203);
	ck_assert_uint_eq(buf_get_be32(&r), 0x04050607);
	ck_assert_uint_eq(buf_left(&r), 8);
	ck_assert_ptr_eq(buf_skip(&r, 1), data + 7);
	buf_get_bytes(&r, two, 2);
	ck_assert_uint_eq(two[1], 10);
	ck_assert_uint_eq(buf_left(&r), 5);
	ck_assert(!r.failed);
	buf_reader_init(&r, data, 8);
	ck_assert_uint_eq(buf_get_be64(&r), UINT64_C(0x0102030405060708));
	ck_assert_uint_eq(buf_left(&r), 0);
	ck_assert(!r.failed);
}
END_TEST

// Too little for one more octet of each type: zero, and failed for good.
START_TEST(test_read_short)
{
	struct buf_reader r;
	uint8_t out[4] = {9, 9, 9, 9};

	buf_reader_init(&r, data, 1);
	ck_assert_uint_eq(buf_get_be16(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(buf_get_u8(&r), 0);
	ck_assert_uint_eq(buf_left(&r), 0);
	buf_reader_init(&r, data, 3);
	ck_assert_uint_eq(buf_get_be32(&r), 0);
	ck_assert(r.failed);
	buf_reader_init(&r, data, 7);
	ck_assert_uint_eq(buf_get_be64(&r), 0);
	ck_assert(r.failed);
	buf_reader_init(&r, data, 3);
	buf_get_bytes(&r, out, 4);
	ck_assert(r.failed);
	ck_assert_uint_eq(out[0] | out[1] | out[2] | out[3], 0);
	buf_reader_init(&r, data, 3);
	ck_assert_ptr_null(buf_skip(&r, SIZE_MAX));
	buf_reader_init(&r, NULL, 0);
	ck_assert_uint_eq(buf_get_u8(&r), 0);
	ck_assert(r.failed);
	buf_reader_init(&r, NULL, 5);
	ck_assert(r.failed);
}
END_TEST

START_TEST(test_sub)
{
	struct buf_reader r, sub;

	buf_reader_init(&r, data, sizeof(data));
	sub = buf_sub(&r, 3);
	ck_assert_uint_eq(buf_left(&sub), 3);
	ck_assert_uint_eq(buf_get_be32(&sub), 0); // does not reach into what follows
	ck_assert(sub.failed);
	ck_assert(!r.failed);
	ck_assert_uint_eq(buf_get_u8(&r), 4);
	sub = buf_sub(&r, 100);
	ck_assert(sub.failed && r.failed);
	ck_assert_uint_eq(buf_left(&sub), 0);
}
END_TEST

START_TEST(test_write)
{
	uint8_t out[32];
	struct buf_writer w;

	memset(out, 0xee, sizeof(out));
	buf_writer_init(&w, out, sizeof(out));
	buf_put_u8(&w, 1);
	buf_put_be16(&w, 0x0203);
	buf_put_be32(&w, 0x04050607);
	buf_put_be64(&w, UINT64_C(0x08090a0b0c0d0e0f));
	ck_assert_mem_eq(out, data, 15);
	buf_put_zero(&w, 2);
	ck_assert_ptr_eq(buf_reserve(&w, 3), out + 17);
	ck_assert_uint_eq(buf_written(&w), 20);
	ck_assert_uint_eq(out[16] | out[17] | out[19], 0);
	ck_assert_uint_eq(out[20], 0xee);
	buf_patch_be16(&w, 0, 0xaabb);
	buf_patch_be32(&w, 16, 0xccddeeff);
	ck_assert_uint_eq(out[0], 0xaa);
	ck_assert_uint_eq(out[19], 0xff);
	buf_put_bytes(&w, data, 12);
	ck_assert(!w.failed);
	ck_assert_uint_eq(buf_written(&w), 32);
	buf_put_u8(&w, 1);
	ck_assert(w.failed);
	ck_assert_uint_eq(buf_written(&w), 32);
}
END_TEST

START_TEST(test_write_full)
{
	uint8_t out[8] = {};
	struct buf_writer w;

	buf_writer_init(&w, out, 7); // the eighth octet is not ours
	buf_put_be64(&w, UINT64_MAX);
	ck_assert(w.failed);
	buf_put_u8(&w, 0xff); // would fit, but the writer has failed
	ck_assert_uint_eq(out[0], 0);
	ck_assert_ptr_null(buf_reserve(&w, 0));
	buf_writer_init(&w, out, 7);
	buf_put_bytes(&w, data, SIZE_MAX);
	ck_assert(w.failed);
	buf_writer_init(&w, out, 7);
	buf_put_be16(&w, 1);
	buf_patch_be32(&w, 0, 1); // only two octets are written yet
	ck_assert(w.failed);
	buf_writer_init(&w, out, 7);
	buf_put_be16(&w, 1);
	buf_patch_be16(&w, SIZE_MAX, 1);
	ck_assert(w.failed);
	buf_writer_init(&w, NULL, 0);
	buf_put_u8(&w, 1);
	ck_assert(w.failed);
	ck_assert_uint_eq(out[7], 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_read);
	tcase_add_test(tcase, test_read_short);
	tcase_add_test(tcase, test_sub);
	tcase_add_test(tcase, test_write);
	tcase_add_test(tcase, test_write_full);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
