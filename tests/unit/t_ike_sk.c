// SPDX-License-Identifier: BSD-3-Clause
// The Encrypted payload: RFC 7634 appendix B, strongSwan's messages, round trips with every
// algorithm and length, every bit turned, every length cut, wrong keys and padding.

#include "ike_keys.h"
#include "t_swan.h"

#include <check.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>

#define MAX SWAN_MESSAGE_MAX

static const struct {
	uint16_t encr, key_bits, integ;
} suites[] = {
	{ENCR_AES_GCM_16, 128, INTEG_NONE},
	{ENCR_AES_GCM_16, 256, INTEG_NONE},
	{ENCR_CHACHA20_POLY1305, 0, INTEG_NONE},
	{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256},
	{ENCR_AES_GCM_16, 192, INTEG_NONE},
	{ENCR_AES_CBC, 192, INTEG_HMAC_SHA2_256_128},
	{ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_256_128},
	{ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_384_192},
	{ENCR_AES_CTR, 256, INTEG_HMAC_SHA2_512_256},
};

static void counting_secret(struct secret *s, size_t len, uint8_t start)
{
	s->len = (uint32_t)len;
	for (size_t i = 0; i < len; i++)
		s->bytes[i] = (uint8_t)(start + i);
}

static struct ike_keys suite_keys(int i)
{
	struct ike_keys keys = {.encr = alg_encr_find(suites[i].encr, suites[i].key_bits),
		.integ = alg_integ_find(suites[i].integ),
		.prf = alg_prf_find(PRF_HMAC_SHA2_256)};
	size_t encr_len = (size_t)keys.encr->key_len + keys.encr->salt_len;

	counting_secret(&keys.sk_ei, encr_len, 0x00);
	counting_secret(&keys.sk_er, encr_len, 0x40);
	if (keys.integ) {
		counting_secret(&keys.sk_ai, keys.integ->key_len, 0x80);
		counting_secret(&keys.sk_ar, keys.integ->key_len, 0xc0);
	}
	return keys;
}

static const uint8_t iv_random[16] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4};
static const struct ike_header header = {.spi_i = 0x0102030405060708,
	.spi_r = 0x1112131415161718,
	.version = 0x20,
	.exchange = INFORMATIONAL,
	.flags = IKE_FLAG_INITIATOR,
	.message_id = 7};

static int seal(
	const struct ike_keys *keys, bool initiator, const uint8_t *chain, size_t len, uint8_t *out)
{
	return sk_seal(
		keys, initiator, &header, PAYLOAD_NOTIFY, chain, len, 5, iv_random, out, MAX);
}

// Parses and opens a copy of exactly this length. With success the inner chain is in `inner`.
static int open_copy(const struct ike_keys *keys, bool initiator, const uint8_t *data, size_t len,
	uint8_t *inner, size_t *inner_len)
{
	uint8_t *copy = exact_copy(data, len), *at, first = 0;
	struct ike_msg msg;
	int ret = ike_msg_parse(copy, len, &msg);

	if (!ret)
		ret = sk_open(keys, initiator, copy, len, &msg, &at, inner_len, &first);
	if (!ret) {
		ck_assert_uint_eq(first, PAYLOAD_NOTIFY);
		memcpy(inner, at, *inner_len);
	}
	free(copy);
	return ret;
}

// RFC 7634 appendix B
START_TEST(test_rfc7634)
{
	static const char message[] = "c0 c1 c2 c3 c4 c5 c6 c7 d0 d1 d2 d3 d4 d5 d6 d7 2e 20 25 00 "
				      "00 00 00 09 00 00 00 45"
				      "29 00 00 29 10 11 12 13 14 15 16 17 61 03 94 70 1f 8d 01 7f "
				      "7c 12 92 48 89 6b 71 bf"
				      "e2 52 36 ef d7 cd c6 70 66 90 63 15 b2";
	static const struct ike_header h = {.spi_i = 0xc0c1c2c3c4c5c6c7,
		.spi_r = 0xd0d1d2d3d4d5d6d7,
		.version = 0x20,
		.exchange = INFORMATIONAL,
		.message_id = 9};
	struct ike_keys keys = {.encr = alg_encr_find(ENCR_CHACHA20_POLY1305, 0)};
	uint8_t chain[12], out[MAX], inner[MAX];
	size_t len;
	int n;

	counting_secret(&keys.sk_er, 36, 0x80); // the salt goes on with 0xa0 to 0xa3
	hex_parse("0000000c000040010000000a", chain, sizeof(chain));
	n = sk_seal(&keys, false, &h, PAYLOAD_NOTIFY, chain, sizeof(chain), 0x1011121314151617,
		iv_random, out, sizeof(out));
	ck_assert_int_eq(n, 69);
	ck_assert_hex(out, (size_t)n, message);
	ck_assert_int_eq(open_copy(&keys, false, out, (size_t)n, inner, &len), 0);
	ck_assert_uint_eq(len, sizeof(chain));
	ck_assert_mem_eq(inner, chain, len);
}
END_TEST

// Every encrypted message of every conversation opens, and has what its exchange needs.
START_TEST(test_strongswan)
{
	static struct swan_message m;
	static const struct {
		int which;
		uint8_t payload;
	} rows[] = {
		{SWAN_AUTH_REQUEST, PAYLOAD_CP},
		{SWAN_AUTH_RESPONSE, PAYLOAD_CP},
		{SWAN_CHILD_REKEY_REQUEST, PAYLOAD_SA},
		{SWAN_CHILD_REKEY_RESPONSE, PAYLOAD_TSR},
		{SWAN_CHILD_DELETE_REQUEST, PAYLOAD_DELETE},
		{SWAN_CHILD_DELETE_RESPONSE, PAYLOAD_DELETE},
		{SWAN_IKE_REKEY_REQUEST, PAYLOAD_KE},
		{SWAN_IKE_REKEY_RESPONSE, PAYLOAD_KE},
		{SWAN_IKE_DELETE_REQUEST, PAYLOAD_DELETE},
	};
	const struct swan_vector *v = &swan_vectors[_i];
	struct ike_suite suite;
	struct ike_keys keys;
	struct cp_attrs cp;

	swan_keys(v, &keys, &suite);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		swan_open(v, &keys, rows[i].which, &m);
		ck_assert_uint_eq(m.msg.unsupported_critical, 0);
		ck_assert_ptr_nonnull(ike_msg_find(&m.msg, rows[i].payload));
	}
	swan_open(v, &keys, SWAN_IKE_DELETE_RESPONSE, &m);
	ck_assert_uint_eq(m.msg.n, 0);

	swan_open(v, &keys, SWAN_AUTH_REQUEST, &m);
	ck_assert_int_eq(payload_cp_read(ike_msg_find(&m.msg, PAYLOAD_CP), &cp), 0);
	ck_assert_int_eq(cp.type, CP_REQUEST);
	ck_assert_uint_eq(cp.ip4_n, 1);
	ck_assert_uint_eq(cp.ip6_n, 1);
	swan_open(v, &keys, SWAN_AUTH_RESPONSE, &m);
	ck_assert_int_eq(payload_cp_read(ike_msg_find(&m.msg, PAYLOAD_CP), &cp), 0);
	ck_assert_int_eq(cp.type, CP_REPLY);
	ck_assert_hex(cp.ip4[0].bytes, 4, "0a090001");
	ck_assert_hex(cp.ip6[0].addr.bytes, 16, "20010db8000900000000000000000001");
	ck_assert_uint_eq(cp.dns_n, 2);
}
END_TEST

START_TEST(test_round_trip_lengths)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t chain[100], out[MAX], inner[MAX];
	size_t inner_len;

	memset(chain, 0x5a, sizeof(chain));
	for (size_t len = 0; len <= sizeof(chain); len++) {
		for (int initiator = 0; initiator < 2; initiator++) {
			int n = seal(&keys, initiator, chain, len, out);

			ck_assert_int_gt(n, 0);
			ck_assert_uint_le((size_t)n, len + sk_overhead(&keys));
			ck_assert_int_eq(
				open_copy(&keys, initiator, out, (size_t)n, inner, &inner_len), 0);
			ck_assert_uint_eq(inner_len, len);
			if (len)
				ck_assert_mem_eq(inner, chain, len);
			// the other direction has other keys
			ck_assert_int_eq(
				open_copy(&keys, !initiator, out, (size_t)n, inner, &inner_len),
				-EKEYREJECTED);
		}
	}
}
END_TEST

// sk_overhead() is reached by some length: no promise of less, none of more than is needed.
START_TEST(test_overhead_is_reached)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t chain[16] = {0}, out[MAX];
	bool reached = false;

	for (size_t len = 0; len < sizeof(chain); len++)
		reached |= (size_t)seal(&keys, true, chain, len, out) == len + sk_overhead(&keys);
	ck_assert(reached);
}
END_TEST

// No bit of the message may be turned: header, generic header, IV, text, ICV. Those that make it
// another structure fail earlier, all others at the ICV.
START_TEST(test_every_bit)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t chain[12], out[MAX], inner[MAX];
	size_t len;
	int n, ret;

	hex_parse("0000000c000040010000000a", chain, sizeof(chain));
	n = seal(&keys, true, chain, sizeof(chain), out);
	for (size_t bit = 0; bit < (size_t)n * 8; bit++) {
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ret = open_copy(&keys, true, out, (size_t)n, inner, &len);
		ck_assert_msg(ret < 0, "bit %zu", bit);
		// next payload, version, length; SK's length
		if (bit / 8 < 16 || (bit / 8 >= 18 && bit / 8 < 24) || bit / 8 == 28 ||
			bit / 8 == 29 || bit / 8 >= 32)
			ck_assert_msg(ret == -EKEYREJECTED, "bit %zu: %d", bit, ret);
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(open_copy(&keys, true, out, (size_t)n, inner, &len), 0);
}
END_TEST

// Cut with lengths that agree with the cut, so that nothing but SK itself can object.
START_TEST(test_truncated)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t chain[40] = {0}, out[MAX], inner[MAX];
	size_t fixed = keys.encr->iv_len + (keys.encr->aead ? 16u : keys.integ->icv_len), len;
	int n = seal(&keys, true, chain, sizeof(chain), out), ret;

	for (size_t cut = 32; cut < (size_t)n; cut++) {
		out[26] = (uint8_t)(cut >> 8);
		out[27] = (uint8_t)cut;
		out[30] = (uint8_t)((cut - 28) >> 8);
		out[31] = (uint8_t)(cut - 28);
		ret = open_copy(&keys, true, out, cut, inner, &len);
		if (cut - 32 <= fixed ||
			(!keys.encr->counter_iv && (cut - 32 - fixed) % keys.encr->block))
			ck_assert_int_eq(ret, -EBADMSG);
		else
			ck_assert_int_eq(ret, -EKEYREJECTED);
	}
}
END_TEST

// Each octet of each key matters, and the salt's.
START_TEST(test_keys_matter)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t chain[8] = {0, 0, 0, 8, 0, 0, 0x40, 0}, out[MAX], inner[MAX];
	struct secret *const secrets[] = {&keys.sk_ei, &keys.sk_ai};
	int n = seal(&keys, true, chain, sizeof(chain), out);
	size_t len;

	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < secrets[s]->len; i++) {
			int ret;

			secrets[s]->bytes[i] ^= 1;
			ret = open_copy(&keys, true, out, (size_t)n, inner, &len);
			if (keys.encr->aead || s == 1)
				ck_assert_int_eq(ret, -EKEYREJECTED);
			else // the ICV does not know the cipher's key
				ck_assert(ret != 0 || len != sizeof(chain) ||
					memcmp(inner, chain, len) != 0);
			secrets[s]->bytes[i] ^= 1;
		}
	}
}
END_TEST

// The IV of an AEAD and of CTR is the counter, that of CBC the random octets.
START_TEST(test_iv)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t out[MAX];

	ck_assert_int_gt(sk_seal(&keys, true, &header, 0, NULL, 0, 0x0102030405060708, iv_random,
				 out, sizeof(out)),
		0);
	if (keys.encr->counter_iv)
		ck_assert_hex(out + 32, 8, "0102030405060708");
	else
		ck_assert_mem_eq(out + 32, iv_random, 16);
}
END_TEST

// A message as another implementation may make it: `text` is what is encrypted, its padding and pad
// length included. Returns its length.
static size_t seal_text(const struct ike_keys *keys, const uint8_t *text, size_t len, uint8_t *out)
{
	static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305",
		"AES-128-CBC", "AES-256-CBC", "AES-256-CBC", "AES-192-GCM", "AES-192-CBC",
		"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"};
	static const char *const digests[] = {"", "", "", "SHA256", "SHA384", "SHA512", "",
		"SHA256", "SHA256", "SHA384", "SHA512"};
	size_t iv_len = keys->encr->iv_len, icv_len, total, mac_len, i = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher;
	uint8_t nonce[16] = {[15] = 1}, mac[64]; // the 1: RFC 3686 section 4
	int n;

	while (suites[i].encr != keys->encr->id || suites[i].key_bits != keys->encr->key_bits ||
		suites[i].integ != (keys->integ ? keys->integ->id : INTEG_NONE))
		i++;
	icv_len = keys->encr->aead ? 16 : keys->integ->icv_len;
	total = 32 + iv_len + len + icv_len;
	hex_parse("0102030405060708 1112131415161718 2e 20 25 08 00000007 00000000 29000000"
		  "101112131415161718191a1b1c1d1e1f",
		out, MAX);
	out[26] = (uint8_t)(total >> 8);
	out[27] = (uint8_t)total;
	out[30] = (uint8_t)((total - 28) >> 8);
	out[31] = (uint8_t)(total - 28);
	memcpy(nonce, keys->sk_ei.bytes + keys->encr->key_len, keys->encr->salt_len);
	memcpy(nonce + keys->encr->salt_len, out + 32, iv_len);
	cipher = EVP_CIPHER_fetch(NULL, ciphers[i], NULL);
	ck_assert(EVP_EncryptInit_ex2(ctx, cipher, keys->sk_ei.bytes, nonce, NULL));
	ck_assert(EVP_CIPHER_CTX_set_padding(ctx, 0));
	if (keys->encr->aead)
		ck_assert(EVP_EncryptUpdate(ctx, NULL, &n, out, 32));
	ck_assert(EVP_EncryptUpdate(ctx, out + 32 + iv_len, &n, text, (int)len));
	ck_assert(EVP_EncryptFinal_ex(ctx, mac, &n));
	if (keys->encr->aead)
		ck_assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, mac));
	else
		ck_assert_ptr_nonnull(
			EVP_Q_mac(NULL, "HMAC", NULL, digests[i], NULL, keys->sk_ai.bytes,
				keys->sk_ai.len, out, total - icv_len, mac, sizeof(mac), &mac_len));
	memcpy(out + total - icv_len, mac, icv_len);
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(ctx);
	return total;
}

// RFC 7296 section 3.14: any padding that fits is taken, whatever its octets; a pad length beyond
// the text is not.
START_TEST(test_padding)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t text[48], out[MAX], inner[MAX];
	size_t len, n;
	int ret;

	memset(text, 0xee, sizeof(text));
	for (unsigned pad = 0; pad < 256; pad++) {
		text[sizeof(text) - 1] = (uint8_t)pad;
		n = seal_text(&keys, text, sizeof(text), out);
		ret = open_copy(&keys, true, out, n, inner, &len);
		if (pad < sizeof(text)) {
			ck_assert_int_eq(ret, 0);
			ck_assert_uint_eq(len, sizeof(text) - 1 - pad);
		} else {
			ck_assert_int_eq(ret, -EBADMSG);
		}
	}
}
END_TEST

START_TEST(test_no_room)
{
	struct ike_keys keys = suite_keys(_i);
	static uint8_t chain[66000];
	uint8_t *out;
	int n;

	n = sk_seal(&keys, true, &header, 0, chain, 20, 1, iv_random, chain + 1000, 1000);
	ck_assert_int_gt(n, 0);
	for (int cap = 0; cap <= n; cap++) {
		out = exact_copy(chain, (size_t)cap);
		ck_assert_int_eq(
			sk_seal(&keys, true, &header, 0, chain, 20, 1, iv_random, out, (size_t)cap),
			cap < n ? -ENOSPC : n);
		free(out);
	}
	out = exact_copy(chain, sizeof(chain));
	ck_assert_int_eq(sk_seal(&keys, true, &header, 0, chain, IKE_MESSAGE_MAX, 1, iv_random, out,
				 sizeof(chain)),
		-ENOSPC);
	free(out);
}
END_TEST

START_TEST(test_no_sk)
{
	struct ike_keys keys = suite_keys(_i);
	uint8_t data[MAX], inner[MAX];
	size_t len, n;

	n = hex_parse("0102030405060708 0000000000000000 29202508000000070000002400000008 00004000",
		data, sizeof(data));
	ck_assert_int_eq(open_copy(&keys, true, data, n, inner, &len), -EBADMSG);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_sk");
	TCase *tcase = tcase_create("ike_sk");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_rfc7634);
	tcase_add_loop_test(tcase, test_strongswan, 0, COUNT(swan_vectors));
	tcase_add_loop_test(tcase, test_round_trip_lengths, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_overhead_is_reached, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_every_bit, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_truncated, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_keys_matter, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_iv, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_padding, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_no_room, 0, COUNT(suites));
	tcase_add_loop_test(tcase, test_no_sk, 0, COUNT(suites));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
