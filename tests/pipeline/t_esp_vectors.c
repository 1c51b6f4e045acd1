// SPDX-License-Identifier: BSD-3-Clause
// Published vectors through the crypto backends' own burst functions, each also in a burst with
// itself spoilt, and whole packets of RFC 7634 and RFC 3602 through esp_in_burst().
#include "../unit/t_hex.h"
#include "../vectors/esp.h"
#include "esp_test.h"

#include <openssl/hmac.h>

#include <stdlib.h>
#include <string.h>

static const uint8_t integ_key[32] = {1, 2, 3, 4, 5, 6, 7, 8};

// The vector laid out as one ESP packet: header, IV, text, room for the ICV.
struct frame {
	alignas(64) uint8_t key[CRYPTO_KEY_BYTES];
	uint8_t bytes[512];
	struct crypto_op op;
	uint32_t head;
	uint32_t icv_len;
	uint8_t icv[32];
	uint8_t sealed[512];
	uint8_t text[512];
};

static struct esp_suite suite_of(const struct esp_vector *v)
{
	return (struct esp_suite){.encr = v->encr,
		.key_bits = v->key_bits,
		.integ = v->encr == ENCR_AES_CBC ? INTEG_HMAC_SHA2_256_128 : INTEG_NONE};
}

static void lay_out(struct frame *f, const struct esp_vector *v, struct crypto *c)
{
	struct esp_suite suite = suite_of(v);
	struct crypto_shape shape;
	uint8_t key[64], nonce[16], aad[12];
	size_t nonce_len = hex_parse(v->nonce, nonce, sizeof(nonce));
	size_t aad_len = hex_parse(v->aad, aad, sizeof(aad));

	memset(f, 0, sizeof(*f));
	hex_parse(v->key, key, sizeof(key));
	ck_assert_int_eq(crypto_shape(&suite, &shape), 0);
	ck_assert_int_eq(
		crypto_backend(c, shape.class)->key_init(c, f->key, &suite, key, integ_key), 0);
	f->head = 8u + shape.iv_len;
	memcpy(f->bytes, aad, 4);
	memcpy(f->bytes + 4, aad + aad_len - 4, 4);
	memcpy(f->bytes + 8, nonce + nonce_len - shape.iv_len, shape.iv_len);
	f->op = (struct crypto_op){
		.key = f->key, .data = f->bytes + f->head, .aad_len = (uint8_t)aad_len};
	memcpy(f->op.aad, aad, aad_len);
	memcpy(f->op.nonce, nonce, RTE_MIN(nonce_len, sizeof(f->op.nonce)));
	f->op.len = (uint32_t)hex_parse(v->text, f->text, sizeof(f->text));
	ck_assert_uint_eq(hex_parse(v->sealed, f->sealed, sizeof(f->sealed)), f->op.len);
	memcpy(f->op.data, f->text, f->op.len);
	f->icv_len = shape.icv_len;
	if (v->icv) {
		hex_parse(v->icv, f->icv, sizeof(f->icv));
	} else {
		uint8_t mac[32], data[512];

		memcpy(data, f->bytes, f->head);
		memcpy(data + f->head, f->sealed, f->op.len);
		HMAC(EVP_sha256(), integ_key, 32, data, f->head + f->op.len, mac, NULL);
		memcpy(f->icv, mac, 16);
	}
}

START_TEST(backends)
{
	const struct esp_vector *v = &esp_vectors[_i];
	struct esp_suite suite = suite_of(v);
	struct crypto *c = crypto_new();
	const struct crypto_backend *backend;
	struct crypto_shape shape;
	struct frame *f = aligned_alloc(64, RTE_ALIGN_CEIL(3 * sizeof(*f), 64));
	struct crypto_op ops[3];

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(crypto_shape(&suite, &shape), 0);
	backend = crypto_backend(c, shape.class);
	for (int k = 0; k < 3; k++) {
		lay_out(&f[k], v, c);
		ops[k] = f[k].op;
	}
	ck_assert_uint_eq(backend->encrypt(c, ops, 3), 0);
	for (int k = 0; k < 3; k++) {
		ck_assert_mem_eq(ops[k].data, f[k].sealed, ops[k].len);
		ck_assert_mem_eq(ops[k].data + ops[k].len, f[k].icv, f[k].icv_len);
	}
	f[1].op.data[f[1].op.len + f[1].icv_len - 1] ^= 0x80; // of three, the second is spoilt
	ck_assert_uint_eq(backend->decrypt(c, ops, 3), 1);
	ck_assert(!ops[0].failed && ops[1].failed && !ops[2].failed);
	ck_assert_mem_eq(ops[0].data, f[0].text, ops[0].len);
	ck_assert_mem_eq(ops[2].data, f[2].text, ops[2].len);
	free(f);
	crypto_free(c);
}
END_TEST

// In pieces of one byte, two, three, ... where the backend knows pieces.
START_TEST(backends_in_pieces)
{
	const struct esp_vector *v = &esp_vectors[_i];
	struct esp_suite suite = suite_of(v);
	struct crypto *c = crypto_new();
	const struct crypto_backend *backend;
	struct crypto_shape shape;
	struct frame *f = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*f), 64));

	ck_assert_int_eq(crypto_shape(&suite, &shape), 0);
	backend = crypto_backend(c, shape.class);
	lay_out(f, v, c);
	for (uint32_t piece = 1; piece <= f->op.len && backend->encrypt_segs; piece++) {
		struct iovec iov[512];
		uint8_t icv[32];
		uint32_t n = 0;

		lay_out(f, v, c);
		for (uint32_t off = 0; off < f->op.len; off += piece)
			iov[n++] =
				(struct iovec){f->op.data + off, RTE_MIN(piece, f->op.len - off)};
		backend->encrypt_segs(c, &f->op, iov, n, icv);
		ck_assert(!f->op.failed);
		ck_assert_mem_eq(f->op.data, f->sealed, f->op.len);
		ck_assert_mem_eq(icv, f->icv, f->icv_len);
		backend->decrypt_segs(c, &f->op, iov, n, icv);
		ck_assert(!f->op.failed);
		ck_assert_mem_eq(f->op.data, f->text, f->op.len);
	}
	free(f);
	crypto_free(c);
}
END_TEST

static void env_large(void)
{
	env_setup_slots(1 << 18);
}

// A whole packet of a vector, to an SA whose record is given the vector's SPI: ours name a worker.
START_TEST(whole_packets)
{
	const struct esp_vector *v = &esp_vectors[_i];
	struct sa_spec spec = {.suite = suite_of(v), .window = 64};
	struct ipc_sa_in_add cmd;
	struct frame *f = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*f), 64));
	struct rte_mbuf *m;
	uint32_t spi;

	lay_out(f, v, env.esp->crypto);
	spi = (uint32_t)f->bytes[0] << 24 | (uint32_t)f->bytes[1] << 16 |
		(uint32_t)f->bytes[2] << 8 | f->bytes[3];
	spec.slot = spi_slot(spi);
	spec_in(&spec, &cmd);
	hex_parse(v->key, cmd.sa.encr_key, sizeof(cmd.sa.encr_key));
	if (v->encr != ENCR_AES_CBC) {
		uint8_t nonce[12];

		hex_parse(v->nonce, nonce, sizeof(nonce));
		memcpy(cmd.sa.encr_key + cmd.sa.encr_key_len - 4, nonce, 4);
	}
	memcpy(cmd.sa.integ_key, integ_key, cmd.sa.integ_key_len);
	ck_assert_int_eq(esp_in_add(env.esp, &cmd, 0), 0);
	env.esp->in[spec.slot].spi = spi;
	memcpy(f->op.data, f->sealed, f->op.len);
	memcpy(f->op.data + f->op.len, f->icv, f->icv_len);
	m = pkt_from(f->bytes, f->head + f->op.len + f->icv_len);
	pkt_meta(m)->sa = spi;
	m = in_one(m);
	if (f->text[f->op.len - 1] != 4) { // case 5 and 6 are transport mode
		ck_assert_ptr_null(m);
		expect_drops(DROP_ESP_NEXT_HEADER, 1, -1);
	} else {
		ck_assert_ptr_nonnull(m);
		ck_assert_uint_eq(m->pkt_len, (uint32_t)f->text[2] << 8 | f->text[3]);
		ck_assert_mem_eq(rte_pktmbuf_mtod(m, uint8_t *), f->text, m->pkt_len);
		rte_pktmbuf_free(m);
		expect_drops(-1);
	}
	free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_vectors");
	TCase *tc = tcase_create("backends"), *packets = tcase_create("packets");
	int n = (int)RTE_DIM(esp_vectors), first = 0;

	tcase_add_loop_test(tc, backends, 0, n);
	tcase_add_loop_test(tc, backends_in_pieces, 0, n);
	suite_add_tcase(suite, tc);
	while (esp_vectors[first].encr == ENCR_AES_GCM_16)
		first++;
	tcase_add_checked_fixture(packets, env_large, env_teardown);
	tcase_add_loop_test(packets, whole_packets, first, n);
	suite_add_tcase(suite, packets);
	return test_main(suite);
}
