// SPDX-License-Identifier: BSD-3-Clause
// PRF, PRF+, keys of IKE and child SAs, AUTH by shared key: against RFC 4231, against plain HMACs
// of OpenSSL, and against what strongSwan computed for the same messages.

#include "ike_keys.h"
#include "t_swan.h"

#include <check.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>

#define MAX SWAN_MESSAGE_MAX

// RFC 4231 sections 4.2, 4.3, 4.7 (key longer than a block of SHA-256) and 4.8
#define AA16 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AA131 AA16 AA16 AA16 AA16 AA16 AA16 AA16 AA16 "aaaaaa"
static const struct {
	const char *why;
	const char *key, *data;
	const char *mac[3]; // SHA-256, SHA-384, SHA-512
} hmac_rows[] = {
	{"test case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		{"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
			"faea9ea9076ede7f4af152e8b2fa9cb6",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
			"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"}},
	{"test case 2", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		{"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
			"8e2240ca5e69e2c78b3239ecfab21649",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}},
	{"test case 6", AA131,
		"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
		"65204b6579202d2048617368204b6579204669727374",
		{"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
			"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
			"0c2ef6ab4030fe8296248df163f44952",
			"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
			"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"}},
};

START_TEST(test_prf_rfc4231)
{
	uint8_t key_buf[MAX], data_buf[MAX], mac[64];
	struct bytes key = hex_bytes(hmac_rows[_i].key, key_buf);
	struct bytes data = hex_bytes(hmac_rows[_i].data, data_buf);
	struct bytes split[3] = {
		{data.data, 3}, {NULL, 0}, {data.data + 3, data.len - 3}}; // the same in parts

	for (size_t i = 0; i < 3; i++) {
		const struct alg_prf *prf = alg_prf_find((uint16_t)(PRF_HMAC_SHA2_256 + i));

		ck_assert_int_eq(prf_hmac(prf, key, &data, 1, mac), 0);
		ck_assert_hex(mac, prf->len, hmac_rows[_i].mac[i]);
		ck_assert_int_eq(prf_hmac(prf, key, split, 3, mac), 0);
		ck_assert_hex(mac, prf->len, hmac_rows[_i].mac[i]);
	}
}
END_TEST

// T1 = prf(K, S | 1), T2 = prf(K, T1 | S | 2), ... by OpenSSL's one-shot HMAC over one buffer.
static void prf_plus_plain(
	const struct alg_prf *prf, struct bytes key, struct bytes seed, uint8_t *out, size_t blocks)
{
	uint8_t input[64 + MAX + 1];
	size_t t_len = 0, len;

	for (size_t i = 1; i <= blocks; i++) {
		memcpy(input + t_len, seed.data, seed.len);
		input[t_len + seed.len] = (uint8_t)i;
		ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, prf->openssl, NULL, key.data,
			key.len, input, t_len + seed.len + 1, out, prf->len, &len));
		memcpy(input, out, prf->len);
		t_len = prf->len;
		out += prf->len;
	}
}

START_TEST(test_prf_plus)
{
	static uint8_t expected[256 * 64], out[256 * 64 + 1];
	const struct alg_prf *prf = alg_prf_at((size_t)_i);
	uint8_t key[64], seed[80];
	struct bytes key_bytes = {key, sizeof(key)}, seed_bytes = {seed, sizeof(seed)};
	struct bytes parts[] = {{seed, 16}, {seed + 16, 1}, {NULL, 0}, {seed + 17, 63}};
	size_t limit = (size_t)255 * prf->len;

	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 5 + 1);
	prf_plus_plain(prf, key_bytes, seed_bytes, expected, 255);
	for (size_t len = 0; len <= 5u * prf->len; len++) {
		out[len] = 0xee;
		ck_assert_int_eq(prf_plus(prf, key_bytes, parts, 4, out, len), 0);
		if (len)
			ck_assert_mem_eq(out, expected, len);
		ck_assert_uint_eq(out[len], 0xee);
	}
	ck_assert_int_eq(prf_plus(prf, key_bytes, parts, 4, out, limit), 0);
	ck_assert_mem_eq(out, expected, limit);
	// the counter is one octet (RFC 7296 section 2.13)
	ck_assert_int_eq(prf_plus(prf, key_bytes, parts, 4, out, limit + 1), -EIO);
}
END_TEST

static void assert_ike_keys(const struct ike_keys *keys, const struct swan_ike_keys *expected)
{
	ck_assert_hex(keys->sk_d.bytes, keys->sk_d.len, expected->sk_d);
	ck_assert_hex(keys->sk_ai.bytes, keys->sk_ai.len, expected->sk_ai);
	ck_assert_hex(keys->sk_ar.bytes, keys->sk_ar.len, expected->sk_ar);
	ck_assert_hex(keys->sk_ei.bytes, keys->sk_ei.len, expected->sk_ei);
	ck_assert_hex(keys->sk_er.bytes, keys->sk_er.len, expected->sk_er);
	ck_assert_hex(keys->sk_pi.bytes, keys->sk_pi.len, expected->sk_pi);
	ck_assert_hex(keys->sk_pr.bytes, keys->sk_pr.len, expected->sk_pr);
}

// IKE_SA_INIT
START_TEST(test_swan_initial_keys)
{
	const struct swan_vector *v = &swan_vectors[_i];
	struct ike_suite suite;
	struct ike_keys keys;
	char name[96];

	swan_keys(v, &keys, &suite);
	ck_assert_str_eq(ike_suite_format(&suite, name), v->suite);
	assert_ike_keys(&keys, &v->ike);
	ike_keys_fini(&keys);
	ck_assert_uint_eq(keys.sk_d.len, 0);
}
END_TEST

// CREATE_CHILD_SA that rekeys the IKE SA
START_TEST(test_swan_rekeyed_ike_keys)
{
	static struct swan_message request, response;
	const struct swan_vector *v = &swan_vectors[_i];
	struct ike_keys keys, new_keys;
	struct ike_suite suite, new_suite;
	uint8_t shared[MAX];
	uint64_t spi_i, spi_r;

	swan_keys(v, &keys, &suite);
	swan_open(v, &keys, SWAN_IKE_REKEY_REQUEST, &request);
	swan_open(v, &keys, SWAN_IKE_REKEY_RESPONSE, &response);
	swan_suite(&request, &response, &new_suite, &spi_i, &spi_r);
	ck_assert(spi_i && spi_r);
	ck_assert_int_eq(
		ike_keys_derive(&new_keys, &new_suite, swan_nonce(&request), swan_nonce(&response),
			spi_i, spi_r, hex_bytes(v->new_ike.shared, shared), &keys.sk_d, keys.prf),
		0);
	assert_ike_keys(&new_keys, &v->new_ike);
	swan_open(v, &new_keys, SWAN_NEW_IKE_DELETE_REQUEST, &request);
	swan_open(v, &new_keys, SWAN_NEW_IKE_DELETE_RESPONSE, &response);
	ck_assert_ptr_nonnull(ike_msg_find(&request.msg, PAYLOAD_DELETE));
	ck_assert_uint_eq(response.msg.n, 0);
}
END_TEST

// RFC 7296 section 2.18: the old SA's PRF makes SKEYSEED, the new one's everything else.
START_TEST(test_rekey_to_another_prf)
{
	const struct alg_prf *old_prf = alg_prf_find(PRF_HMAC_SHA2_512);
	struct ike_suite suite = {.encr = alg_encr_find(ENCR_AES_GCM_16, 128),
		.prf = alg_prf_find(PRF_HMAC_SHA2_256)};
	struct bytes ni = {(const uint8_t *)"initiator's nonce", 17};
	struct bytes nr = {(const uint8_t *)"responder's nonce", 17};
	struct bytes shared = {(const uint8_t *)"shared", 6};
	uint8_t skeyseed[64], seed[50], expected[5 * 32];
	struct secret old_sk_d;
	struct ike_keys keys;
	size_t len;

	secret_set(
		&old_sk_d, "0123456789012345678901234567890123456789012345678901234567890123", 64);
	ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, "SHA512", NULL, old_sk_d.bytes, 64,
		(const uint8_t *)"sharedinitiator's nonceresponder's nonce", 40, skeyseed, 64,
		&len));
	memcpy(seed, "initiator's nonceresponder's nonce\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 50);
	prf_plus_plain(
		suite.prf, (struct bytes){skeyseed, 64}, (struct bytes){seed, 50}, expected, 5);
	ck_assert_int_eq(
		ike_keys_derive(&keys, &suite, ni, nr, 1, 2, shared, &old_sk_d, old_prf), 0);
	ck_assert_uint_eq(keys.sk_d.len, 32);
	ck_assert_mem_eq(keys.sk_d.bytes, expected, 32);
	ck_assert_mem_eq(keys.sk_ei.bytes, expected + 32, 20);
	ck_assert_mem_eq(keys.sk_er.bytes, expected + 52, 20);
	ck_assert_mem_eq(keys.sk_pi.bytes, expected + 72, 32);
	ck_assert_mem_eq(keys.sk_pr.bytes, expected + 104, 32);
}
END_TEST

static void assert_child_keys(const struct child_keys *keys, const struct swan_child_keys *expected)
{
	ck_assert_hex(keys->encr_i2r, keys->encr_len, expected->encr_i);
	ck_assert_hex(keys->encr_r2i, keys->encr_len, expected->encr_r);
	ck_assert_hex(keys->integ_i2r, keys->integ_len, expected->integ_i);
	ck_assert_hex(keys->integ_r2i, keys->integ_len, expected->integ_r);
}

// IKE_AUTH: the nonces are IKE_SA_INIT's, there is no key exchange.
START_TEST(test_swan_child_keys)
{
	static struct swan_message init_request, init_response, request, response;
	const struct swan_vector *v = &swan_vectors[_i];
	struct child_keys child;
	struct ike_keys keys;
	struct ike_suite suite;
	uint64_t spi_i, spi_r;
	char name[96];

	swan_keys(v, &keys, &suite);
	swan_read(v, SWAN_INIT_REQUEST, &init_request);
	swan_read(v, SWAN_INIT_RESPONSE, &init_response);
	swan_open(v, &keys, SWAN_AUTH_REQUEST, &request);
	swan_open(v, &keys, SWAN_AUTH_RESPONSE, &response);
	swan_suite(&request, &response, &suite, &spi_i, &spi_r);
	ck_assert_str_eq(ike_suite_format(&suite, name), v->child_suite);
	ck_assert_int_eq(child_keys_derive(&child, &keys, &suite, swan_nonce(&init_request),
				 swan_nonce(&init_response), (struct bytes){0}),
		0);
	assert_child_keys(&child, &v->child);
}
END_TEST

// CREATE_CHILD_SA that rekeys the child, one of them with a key exchange of its own
START_TEST(test_swan_rekeyed_child_keys)
{
	static struct swan_message request, response;
	const struct swan_vector *v = &swan_vectors[_i];
	struct bytes shared = {0};
	struct child_keys child;
	struct ike_keys keys;
	struct ike_suite suite;
	uint64_t spi_i, spi_r;
	uint8_t buf[MAX];
	char name[96];

	if (v->child_rekey.shared)
		shared = hex_bytes(v->child_rekey.shared, buf);
	swan_keys(v, &keys, &suite);
	swan_open(v, &keys, SWAN_CHILD_REKEY_REQUEST, &request);
	swan_open(v, &keys, SWAN_CHILD_REKEY_RESPONSE, &response);
	swan_suite(&request, &response, &suite, &spi_i, &spi_r);
	ck_assert_str_eq(ike_suite_format(&suite, name), v->child_rekey_suite);
	ck_assert_int_eq(child_keys_derive(&child, &keys, &suite, swan_nonce(&request),
				 swan_nonce(&response), shared),
		0);
	assert_child_keys(&child, &v->child_rekey);
}
END_TEST

// What one side signs, from the conversation.
struct signer {
	struct swan_message first, auth;
	struct bytes message, peer_nonce, id_body;
};

static void signer_init(struct signer *s, const struct swan_vector *v, const struct ike_keys *keys,
	bool initiator, const struct swan_message *other_first)
{
	const struct ike_payload_ref *id;

	swan_read(v, initiator ? SWAN_INIT_REQUEST : SWAN_INIT_RESPONSE, &s->first);
	swan_open(v, keys, initiator ? SWAN_AUTH_REQUEST : SWAN_AUTH_RESPONSE, &s->auth);
	id = ike_msg_find(&s->auth.msg, initiator ? PAYLOAD_IDI : PAYLOAD_IDR);
	ck_assert_ptr_nonnull(id);
	s->message = (struct bytes){s->first.data, s->first.len};
	s->peer_nonce = swan_nonce(other_first);
	s->id_body = (struct bytes){id->data, id->len};
}

START_TEST(test_swan_auth)
{
	static struct swan_message other;
	static struct signer s;
	const struct swan_vector *v = &swan_vectors[_i];
	struct payload_auth auth;
	struct ike_suite suite;
	struct ike_keys keys;
	struct bytes received;
	struct secret psk;
	uint8_t out[64];
	size_t len;

	secret_set(&psk, "alice-secret", 12);
	swan_keys(v, &keys, &suite);
	for (int initiator = 0; initiator < 2; initiator++) {
		swan_read(v, initiator ? SWAN_INIT_RESPONSE : SWAN_INIT_REQUEST, &other);
		signer_init(&s, v, &keys, initiator, &other);
		ck_assert_int_eq(auth_psk(&keys, initiator, &psk, s.message, s.peer_nonce,
					 s.id_body, out, &len),
			0);
		ck_assert_hex(out, len, initiator ? v->auth_i : v->auth_r);
		ck_assert_int_eq(
			payload_auth_read(ike_msg_find(&s.auth.msg, PAYLOAD_AUTH), &auth), 0);
		ck_assert_uint_eq(auth.method, AUTH_PSK);
		received = (struct bytes){auth.data, auth.len};
		ck_assert_int_eq(auth_psk_verify(&keys, initiator, &psk, s.message, s.peer_nonce,
					 s.id_body, received),
			0);
		// the other side's AUTH is not this side's: no reflection
		ck_assert_int_eq(auth_psk_verify(&keys, !initiator, &psk, s.message, s.peer_nonce,
					 s.id_body, received),
			-EKEYREJECTED);
	}
}
END_TEST

static struct ike_keys some_keys(void)
{
	struct ike_keys keys = {.prf = alg_prf_find(PRF_HMAC_SHA2_256)};

	secret_set(&keys.sk_pi, "01234567890123456789012345678901", 32);
	secret_set(&keys.sk_pr, "abcdefghijklmnopqrstuvwxyzABCDEF", 32);
	return keys;
}

// Any octet of anything that AUTH covers, and any length but the right one.
START_TEST(test_auth_refused)
{
	struct ike_keys keys = some_keys();
	uint8_t data[3][20] = {"the first message", "the peer's nonce", "\2\0\0\0gw"}, auth[65];
	struct bytes in[3] = {{data[0], 20}, {data[1], 20}, {data[2], 20}};
	struct secret psk, other;
	size_t len;

	secret_set(&psk, "secret", 6);
	secret_set(&other, "Secret", 6);
	ck_assert_int_eq(auth_psk(&keys, true, &psk, in[0], in[1], in[2], auth, &len), 0);
	ck_assert_uint_eq(len, 32);
	for (int part = 0; part < 3; part++) {
		for (int i = 0; i < 20; i++) {
			data[part][i] ^= 1;
			ck_assert_int_eq(auth_psk_verify(&keys, true, &psk, in[0], in[1], in[2],
						 (struct bytes){auth, len}),
				-EKEYREJECTED);
			data[part][i] ^= 1;
		}
	}
	for (size_t i = 0; i < len; i++) {
		auth[i] ^= 0x80;
		ck_assert_int_eq(auth_psk_verify(&keys, true, &psk, in[0], in[1], in[2],
					 (struct bytes){auth, len}),
			-EKEYREJECTED);
		auth[i] ^= 0x80;
	}
	for (size_t cut = 0; cut <= sizeof(auth); cut++)
		ck_assert_int_eq(auth_psk_verify(&keys, true, &psk, in[0], in[1], in[2],
					 (struct bytes){auth, cut}),
			cut == len ? 0 : -EKEYREJECTED);
	ck_assert_int_eq(auth_psk_verify(&keys, true, &other, in[0], in[1], in[2],
				 (struct bytes){auth, len}),
		-EKEYREJECTED);
}
END_TEST

START_TEST(test_auth_without_secret)
{
	struct ike_keys keys = some_keys();
	struct secret none = {0};
	struct bytes empty = {0};
	uint8_t auth[64];
	size_t len = 1;

	ck_assert_int_eq(auth_psk(&keys, true, &none, empty, empty, empty, auth, &len), -EINVAL);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_lt(auth_psk_verify(&keys, true, &none, empty, empty, empty, empty), 0);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_keys");
	TCase *tcase = tcase_create("ike_keys");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_prf_rfc4231, 0, COUNT(hmac_rows));
	tcase_add_loop_test(tcase, test_prf_plus, 0, 3);
	tcase_add_loop_test(tcase, test_swan_initial_keys, 0, COUNT(swan_vectors));
	tcase_add_loop_test(tcase, test_swan_rekeyed_ike_keys, 0, COUNT(swan_vectors));
	tcase_add_test(tcase, test_rekey_to_another_prf);
	tcase_add_loop_test(tcase, test_swan_child_keys, 0, COUNT(swan_vectors));
	tcase_add_loop_test(tcase, test_swan_rekeyed_child_keys, 0, COUNT(swan_vectors));
	tcase_add_loop_test(tcase, test_swan_auth, 0, COUNT(swan_vectors));
	tcase_add_test(tcase, test_auth_refused);
	tcase_add_test(tcase, test_auth_without_secret);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
