// SPDX-License-Identifier: BSD-3-Clause
// The table of algorithms: found by number and by name, sizes as in their RFCs, suites that fit.
#include "algs.h"
#include "ipc_msg.h"
#include "secret.h"

#include <check.h>

#include <stdlib.h>

START_TEST(test_lookup)
{
	for (size_t i = 0; alg_encr_at(i) != NULL; i++) {
		const struct alg_encr *a = alg_encr_at(i);

		ck_assert_ptr_eq(alg_encr_find(a->id, a->key_bits), a);
		ck_assert_ptr_eq(alg_encr_by_name(a->name), a);
		ck_assert(a->key_bits == 0 || a->key_bits == a->key_len * 8);
		ck_assert_uint_le(a->key_len + a->salt_len, IPC_KEY_MAX);
		ck_assert(a->aead == (a->icv_len != 0));
		ck_assert(a->ike == (a->openssl != NULL));
		ck_assert(a->esp);
		ck_assert_ptr_null(alg_forbidden(TRANSFORM_ENCR, a->name));
	}
	for (size_t i = 0; alg_integ_at(i) != NULL; i++) {
		ck_assert_ptr_eq(alg_integ_find(alg_integ_at(i)->id), alg_integ_at(i));
		ck_assert_ptr_eq(alg_integ_by_name(alg_integ_at(i)->name), alg_integ_at(i));
		ck_assert_uint_le(alg_integ_at(i)->key_len, IPC_KEY_MAX);
	}
	for (size_t i = 0; alg_prf_at(i) != NULL; i++) {
		ck_assert_ptr_eq(alg_prf_find(alg_prf_at(i)->id), alg_prf_at(i));
		ck_assert_ptr_eq(alg_prf_by_name(alg_prf_at(i)->name), alg_prf_at(i));
		ck_assert_uint_le(alg_prf_at(i)->len, SECRET_MAX);
	}
	for (size_t i = 0; alg_dh_at(i) != NULL; i++) {
		ck_assert_ptr_eq(alg_dh_find(alg_dh_at(i)->id), alg_dh_at(i));
		ck_assert_ptr_eq(alg_dh_by_name(alg_dh_at(i)->name), alg_dh_at(i));
	}
	ck_assert_ptr_null(alg_encr_find(ENCR_AES_GCM_16, 0));
	ck_assert_ptr_null(alg_encr_find(ENCR_CHACHA20_POLY1305, 256));
	ck_assert_ptr_null(alg_encr_by_name("des"));
	ck_assert_ptr_null(alg_encr_by_name(""));
	ck_assert_ptr_null(alg_integ_find(INTEG_NONE));
	ck_assert_ptr_null(alg_dh_find(DH_NONE));
	ck_assert_ptr_null(alg_prf_find(2));
}
END_TEST

static const struct {
	const char *name;
	uint16_t id, key_bits;
	uint8_t key, salt, iv, icv;
} ciphers[] = {
	{"aes128gcm16", 20, 128, 16, 4, 8, 16}, // RFC 4106 section 8.1
	{"aes256gcm16", 20, 256, 32, 4, 8, 16},
	{"chacha20poly1305", 28, 0, 32, 4, 8, 16}, // RFC 7634 section 2
	{"aes128cbc", 12, 128, 16, 0, 16, 0}, // RFC 3602 section 3
	{"aes256cbc", 12, 256, 32, 0, 16, 0}, {"aes192gcm16", 20, 192, 24, 4, 8, 16},
	{"aes192cbc", 12, 192, 24, 0, 16, 0},
	{"aes128ctr", 13, 128, 16, 4, 8, 0}, // RFC 3686 section 5.1
	{"aes192ctr", 13, 192, 24, 4, 8, 0}, {"aes256ctr", 13, 256, 32, 4, 8, 0},
	{"aes128gmac", 21, 128, 16, 4, 8, 16}, // RFC 4543 section 5.4
	{"aes192gmac", 21, 192, 24, 4, 8, 16}, {"aes256gmac", 21, 256, 32, 4, 8, 16},
	{"aes128gcm16iiv", 30, 128, 16, 4, 0, 16}, // RFC 8750 sections 4 and 8
	{"aes192gcm16iiv", 30, 192, 24, 4, 0, 16}, {"aes256gcm16iiv", 30, 256, 32, 4, 0, 16},
	{"chacha20poly1305iiv", 31, 0, 32, 4, 0, 16}, {"null", 11, 0, 0, 0, 0, 0}, // RFC 2410
};

static const struct {
	const char *name;
	uint16_t id, public_len, shared_len;
} groups[] = {
	{"modp2048", 14, 256, 256}, // RFC 3526
	{"modp3072", 15, 384, 384},
	{"modp4096", 16, 512, 512},
	{"ecp256", 19, 64, 32}, // RFC 5903 section 7
	{"ecp384", 20, 96, 48},
	{"ecp521", 21, 132, 66},
	{"x25519", 31, 32, 32}, // RFC 8031 section 2
	{"x448", 32, 56, 56},
};

START_TEST(test_groups)
{
	const struct alg_dh *a = alg_dh_by_name(groups[_i].name);

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->id, groups[_i].id);
	ck_assert_uint_eq(a->public_len, groups[_i].public_len);
	ck_assert_uint_eq(a->shared_len, groups[_i].shared_len);
}
END_TEST

// What RFC 8247 and 8221 forbid is nowhere in the tables, by number or by name, and has a reason.
START_TEST(test_forbidden)
{
	static const uint16_t encr[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, prf[] = {1, 3},
			      integ[] = {1, 3, 4};
	static const uint16_t dh[] = {1, 2, 5, 22, 23, 24};

	for (size_t i = 0; i < sizeof(encr) / sizeof(encr[0]); i++)
		for (uint16_t bits = 0; bits <= 448; bits = (uint16_t)(bits + 64))
			ck_assert_ptr_null(alg_encr_find(encr[i], bits));
	for (size_t i = 0; i < sizeof(prf) / sizeof(prf[0]); i++)
		ck_assert_ptr_null(alg_prf_find(prf[i]));
	for (size_t i = 0; i < sizeof(integ) / sizeof(integ[0]); i++)
		ck_assert_ptr_null(alg_integ_find(integ[i]));
	for (size_t i = 0; i < sizeof(dh) / sizeof(dh[0]); i++)
		ck_assert_ptr_null(alg_dh_find(dh[i]));
	ck_assert_ptr_nonnull(alg_forbidden(TRANSFORM_ENCR, "des"));
	ck_assert_ptr_nonnull(alg_forbidden(TRANSFORM_DH, "modp768"));
	ck_assert_ptr_null(alg_forbidden(TRANSFORM_DH, "des"));
	ck_assert_ptr_null(alg_forbidden(TRANSFORM_ENCR, "sha1"));
}
END_TEST

START_TEST(test_ciphers)
{
	const struct alg_encr *a = alg_encr_by_name(ciphers[_i].name);

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->id, ciphers[_i].id);
	ck_assert_uint_eq(a->key_bits, ciphers[_i].key_bits);
	ck_assert_uint_eq(a->key_len, ciphers[_i].key);
	ck_assert_uint_eq(a->salt_len, ciphers[_i].salt);
	ck_assert_uint_eq(a->iv_len, ciphers[_i].iv);
	ck_assert_uint_eq(a->icv_len, ciphers[_i].icv);
}
END_TEST

static const struct {
	struct esp_suite suite;
	const char *text; // NULL: does not fit
} suites[] = {
	{{ENCR_AES_GCM_16, 128, INTEG_NONE, 1}, "aes128gcm16/esn"},
	{{ENCR_CHACHA20_POLY1305, 0, INTEG_NONE, 0}, "chacha20poly1305"},
	{{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128, 0}, "aes256cbc-sha256"},
	{{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256, 1}, "aes128cbc-sha512/esn"},
	{{ENCR_AES_CBC, 256, INTEG_NONE, 0}, NULL},
	{{ENCR_AES_GCM_16, 128, INTEG_HMAC_SHA2_256_128, 0}, NULL},
	{{ENCR_AES_GCM_16, 100, INTEG_NONE, 0}, NULL},
	{{ENCR_AES_GCM_16, 128, INTEG_NONE, 2}, NULL},
	{{ENCR_NONE, 0, INTEG_NONE, 0}, NULL},
	{{ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_384_192, 0}, "aes192ctr-sha384"},
	{{ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256, 1}, "null-sha512/esn"},
	{{ENCR_NULL_AUTH_AES_GMAC, 256, INTEG_NONE, 0}, "aes256gmac"},
	{{ENCR_CHACHA20_POLY1305_IIV, 0, INTEG_NONE, 1}, "chacha20poly1305iiv/esn"},
	{{ENCR_NULL, 0, INTEG_NONE, 0}, NULL},
	{{ENCR_NULL, 128, INTEG_HMAC_SHA2_256_128, 0}, NULL},
	{{ENCR_AES_CTR, 128, INTEG_NONE, 0}, NULL},
	{{ENCR_NULL_AUTH_AES_GMAC, 128, INTEG_HMAC_SHA2_256_128, 0}, NULL},
	{{ENCR_NULL_AUTH_AES_GMAC, 0, INTEG_NONE, 0}, NULL},
	{{ENCR_AES_CBC, 128, 99, 0}, NULL},
};

START_TEST(test_suites)
{
	char buf[64];

	ck_assert_msg(
		esp_suite_valid(&suites[_i].suite) == (suites[_i].text != NULL), "row %d", _i);
	esp_suite_format(&suites[_i].suite, buf);
	if (suites[_i].text != NULL)
		ck_assert_str_eq(buf, suites[_i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("algs");
	TCase *tcase = tcase_create("algs");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_lookup);
	tcase_add_loop_test(tcase, test_ciphers, 0, sizeof(ciphers) / sizeof(ciphers[0]));
	tcase_add_loop_test(tcase, test_groups, 0, sizeof(groups) / sizeof(groups[0]));
	tcase_add_test(tcase, test_forbidden);
	tcase_add_loop_test(tcase, test_suites, 0, sizeof(suites) / sizeof(suites[0]));
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
