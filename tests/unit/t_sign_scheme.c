// SPDX-License-Identifier: BSD-3-Clause
// T6: AUTH payloads of every key and every kind of peer: what we write another can read, and what is
// malformed, of another key or of an algorithm that we do not take is refused. RFC 7427, 4754, 8420.
#include "../exchange/pki.h"
#include "ike_payload.h"
#include "sign_scheme.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL (SIGN_HASH_BIT(2) | SIGN_HASH_BIT(3) | SIGN_HASH_BIT(4) | SIGN_HASH_BIT(5))

static const struct {
	const char *key;
	bool pss;
	uint32_t hashes;
	uint8_t method; // 0: there is no way
	enum sign_scheme scheme;
} rows[] = {
	{"rsa", true, ALL, AUTH_SIGNATURE, SIGN_RSA_PSS_SHA256},
	{"rsa", false, ALL, AUTH_SIGNATURE, SIGN_RSA_PKCS1_SHA256},
	{"rsa", true, SIGN_HASH_BIT(3), AUTH_SIGNATURE, SIGN_RSA_PSS_SHA384},
	{"rsa", true, SIGN_HASH_BIT(4), AUTH_SIGNATURE, SIGN_RSA_PSS_SHA512},
	{"rsa", false, SIGN_HASH_BIT(3), AUTH_SIGNATURE, SIGN_RSA_PKCS1_SHA384},
	{"rsa", false, SIGN_HASH_BIT(4), AUTH_SIGNATURE, SIGN_RSA_PKCS1_SHA512},
	{"rsa", true, SIGN_HASH_BIT(5), 0, SIGN_NONE},
	{"rsa", true, 0, AUTH_RSA, SIGN_RSA_PKCS1_SHA256},
	{"p256", true, ALL, AUTH_SIGNATURE, SIGN_ECDSA_SHA256},
	{"p384", true, ALL, AUTH_SIGNATURE, SIGN_ECDSA_SHA384},
	{"p521", true, ALL, AUTH_SIGNATURE, SIGN_ECDSA_SHA512},
	{"p521", true, SIGN_HASH_BIT(2), AUTH_SIGNATURE, SIGN_ECDSA_SHA256},
	{"p256", true, 0, AUTH_ECDSA_256, SIGN_ECDSA_SHA256},
	{"p384", true, 0, AUTH_ECDSA_384, SIGN_ECDSA_SHA384},
	{"p521", true, 0, AUTH_ECDSA_521, SIGN_ECDSA_SHA512},
	{"ed25519", true, ALL, AUTH_SIGNATURE, SIGN_ED25519},
	{"ed448", true, ALL, AUTH_SIGNATURE, SIGN_ED448},
	{"ed25519", true, SIGN_HASH_BIT(2), 0, SIGN_NONE},
	{"ed25519", true, 0, 0, SIGN_NONE},
};

static const struct bytes data = {(const uint8_t *)"what both signed", 16};

// The other side's half: 0, or why not.
static int read_back(EVP_PKEY *key, uint8_t method, struct bytes auth, enum sign_scheme *scheme)
{
	struct bytes signature;
	uint8_t buf[SIGN_BUF_MAX];
	int ret = sign_auth_read(method, auth, key, scheme, &signature, buf);

	if (ret != 0)
		return ret;
	return sign_verify(key, *scheme, data, signature) ? 0 : -EKEYREJECTED;
}

static struct bytes make_auth(EVP_PKEY *key, const struct sign_choice *choice, uint8_t *auth)
{
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	int n;

	ck_assert_int_eq(sign_make(key, choice->scheme, data, signature, &len), 0);
	n = sign_auth_write(choice, key, (struct bytes){signature, len}, auth, SIGN_SIGNATURE_MAX);
	ck_assert_int_gt(n, 0);
	return (struct bytes){auth, (size_t)n};
}

START_TEST(every_key)
{
	struct pki peer = pki_leaf(NULL, rows[_i].key, "DNS:a");
	struct pki other = pki_leaf(NULL, rows[_i].key, "DNS:a");
	struct sign_choice choice = {};
	uint8_t auth[SIGN_SIGNATURE_MAX], copy[SIGN_SIGNATURE_MAX];
	enum sign_scheme scheme;
	struct bytes made;

	ck_assert_int_eq(sign_choose(peer.key, rows[_i].pss, rows[_i].hashes, &choice),
		rows[_i].method != 0);
	ck_assert_uint_eq(choice.method, rows[_i].method);
	ck_assert_uint_eq(choice.scheme, rows[_i].scheme);
	if (rows[_i].method == 0)
		return;
	made = make_auth(peer.key, &choice, auth);
	ck_assert_int_eq(read_back(peer.key, choice.method, made, &scheme), 0);
	ck_assert_uint_eq(scheme, rows[_i].scheme);
	ck_assert_int_ne(read_back(other.key, choice.method, made, &scheme), 0);
	for (size_t len = 0; len < made.len; len++) // shorter
		ck_assert_int_ne(
			read_back(peer.key, choice.method, (struct bytes){auth, len}, &scheme), 0);
	for (size_t i = 0; i < made.len; i++) { // another octet anywhere
		memcpy(copy, auth, made.len);
		copy[i] ^= 0x21;
		ck_assert_msg(read_back(peer.key, choice.method, (struct bytes){copy, made.len},
				      &scheme) != 0,
			"octet %zu", i);
	}
}
END_TEST

// SHA-1, another salt, another hash for MGF1, no parameters: not taken whoever signed.
START_TEST(other_algorithms)
{
	static const struct {
		const char *why;
		uint8_t len;
		uint8_t id[80];
	} bad[] = {
		{"sha1WithRSA", 15,
			{0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0}},
		{"PSS without parameters: SHA-1", 15,
			{0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 0}},
		{"PSS, hash SHA-256, MGF1 with SHA-1", 32,
			{0x30, 0x1e, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 0x11,
				0xa0, 0x0f, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1,
				5, 0}},
		{"an ECDSA algorithm with an RSA key", 12,
			{0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}},
		{"no DER", 4, {1, 2, 3, 4}},
		{"octets behind it", 16,
			{0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0,
				0}},
	};
	struct pki peer = pki_leaf(NULL, "rsa", "DNS:a");
	uint8_t auth[1 + 80 + 256] = {};
	enum sign_scheme scheme;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auth[0] = bad[i].len;
		memcpy(auth + 1, bad[i].id, bad[i].len);
		ck_assert_msg(read_back(peer.key, AUTH_SIGNATURE,
				      (struct bytes){auth, 1 + (size_t)bad[i].len + 256},
				      &scheme) == -ENOTSUP,
			"%s", bad[i].why);
	}
	// Method and key that do not belong together; methods that are no signatures.
	ck_assert_int_eq(
		read_back(peer.key, AUTH_ECDSA_256, (struct bytes){auth, 64}, &scheme), -ENOTSUP);
	ck_assert_int_eq(
		read_back(peer.key, AUTH_DSS, (struct bytes){auth, 64}, &scheme), -ENOTSUP);
	ck_assert_int_eq(
		read_back(peer.key, AUTH_NULL, (struct bytes){auth, 64}, &scheme), -ENOTSUP);
	ck_assert_int_eq(read_back(peer.key, AUTH_RSA, (struct bytes){auth, 0}, &scheme), -EBADMSG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sign_scheme");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, NULL, pki_fini);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_key, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, other_algorithms);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
