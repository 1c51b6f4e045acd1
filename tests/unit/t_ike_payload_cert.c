// SPDX-License-Identifier: BSD-3-Clause
// CERT, CERTREQ and N(SIGNATURE_HASH_ALGORITHMS): RFC 7296 sections 3.6 and 3.7, RFC 7427 section 4.
#include "ike_payload_cert.h"
#include "sign_scheme.h"

#include <check.h>

#include <errno.h>
#include <string.h>

static uint8_t chain[4096];
static struct ike_msg msg;

static void parse(struct ike_builder *b)
{
	int len = ike_build_finish(b);

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(ike_msg_parse_inner(&msg, b->first, chain, (size_t)len), 0);
}

START_TEST(certificates)
{
	struct bytes found[2];
	struct ike_builder b;
	uint32_t others;

	ike_build_init(&b, chain, sizeof(chain));
	payload_cert_write(
		&b, PAYLOAD_CERT, CERT_X509_HASH_URL, "01234567890123456789http://x", 28);
	payload_cert_write(&b, PAYLOAD_CERT, CERT_X509_SIGNATURE, "one", 3);
	payload_cert_write(&b, PAYLOAD_CERT, 250, NULL, 0);
	payload_cert_write(&b, PAYLOAD_CERT, CERT_X509_SIGNATURE, "two", 3);
	payload_cert_write(&b, PAYLOAD_CERT, CERT_X509_SIGNATURE, "three", 5);
	payload_cert_write(&b, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, "hashes", 6);
	parse(&b);
	ck_assert_int_eq(payload_certs_read(&msg, found, 2, &others), 2); // there is room for two
	ck_assert_uint_eq(others, 2);
	ck_assert_uint_eq(found[0].len, 3);
	ck_assert_mem_eq(found[0].data, "one", 3);
	ck_assert_mem_eq(found[1].data, "two", 3);
}
END_TEST

START_TEST(empty_certificate)
{
	struct bytes found[2];
	struct ike_builder b;
	uint32_t others;

	ike_build_init(&b, chain, sizeof(chain));
	ike_build_payload(&b, PAYLOAD_CERT); // not even an encoding
	parse(&b);
	ck_assert_int_eq(payload_certs_read(&msg, found, 2, &others), -EBADMSG);
}
END_TEST

START_TEST(hashes)
{
	static const uint8_t odd[3] = {0, 2, 0}, unknown[4] = {0, 1, 0xff, 0xff};
	struct payload_notify notify;
	struct ike_builder b;
	uint32_t bits;

	ike_build_init(&b, chain, sizeof(chain));
	payload_hashes_write(&b);
	parse(&b);
	ck_assert_int_eq(payload_notify_read(&msg.payload[0], &notify), 0);
	ck_assert_int_eq(payload_hashes_read(&notify, &bits), 0);
	ck_assert_uint_eq(bits,
		SIGN_HASH_BIT(SIGN_HASH_SHA2_256) | SIGN_HASH_BIT(SIGN_HASH_SHA2_384) |
			SIGN_HASH_BIT(SIGN_HASH_SHA2_512) | SIGN_HASH_BIT(SIGN_HASH_IDENTITY));
	notify.data = odd;
	notify.len = sizeof(odd);
	ck_assert_int_eq(payload_hashes_read(&notify, &bits), -EBADMSG);
	notify.data = unknown; // SHA-1, and one that nobody knows
	notify.len = sizeof(unknown);
	ck_assert_int_eq(payload_hashes_read(&notify, &bits), 0);
	ck_assert_uint_eq(bits, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ike_payload_cert");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, certificates);
	tcase_add_test(tcase, empty_certificate);
	tcase_add_test(tcase, hashes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
