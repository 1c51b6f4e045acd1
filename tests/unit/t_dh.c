// SPDX-License-Identifier: BSD-3-Clause
// Key exchange: the vectors of the RFCs, both sides agree, values that must be refused, randomness
// from where it was asked for.

#include "../vectors/dh.h"
#include "dh.h"
#include "t_hex.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX DH_PUBLIC_MAX

#define P256 "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define N256 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ZERO31 "00000000000000000000000000000000000000000000000000000000000000"
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE32 "0000000000000000000000000000000000000000000000000000000000000001"

static void system_random(void *arg, void *out, size_t len)
{
	(void)arg;
	ck_assert_int_eq(getentropy(out, len), 0);
}

static struct dh *from_hex(const struct alg_dh *alg, const char *text)
{
	uint8_t key[MAX];
	size_t len = hex_parse(text, key, sizeof(key));

	return dh_from_private(alg, key, len);
}

START_TEST(test_vectors)
{
	const struct dh_vector *v = &dh_vectors[_i];
	const struct alg_dh *alg = alg_dh_by_name(v->name);
	struct dh *i = from_hex(alg, v->private_i), *r = from_hex(alg, v->private_r);
	uint8_t shared[MAX];
	size_t len;

	ck_assert_ptr_nonnull(i);
	ck_assert_ptr_nonnull(r);
	ck_assert_ptr_eq(dh_alg(i), alg);
	ck_assert_hex(dh_public(i), alg->public_len, v->public_i);
	ck_assert_hex(dh_public(r), alg->public_len, v->public_r);
	ck_assert_int_eq(dh_shared(i, dh_public(r), alg->public_len, shared, &len), 0);
	ck_assert_hex(shared, len, v->shared);
	ck_assert_uint_eq(len, alg->shared_len);
	ck_assert_int_eq(dh_shared(r, dh_public(i), alg->public_len, shared, &len), 0);
	ck_assert_hex(shared, len, v->shared);
	dh_free(i);
	dh_free(r);
}
END_TEST

START_TEST(test_fresh_pairs_agree)
{
	const struct alg_dh *alg = alg_dh_by_name(dh_vectors[_i].name);
	uint8_t a_shared[MAX], b_shared[MAX];
	size_t a_len, b_len;

	for (int round = 0; round < 8; round++) {
		struct dh *a = dh_new(alg, system_random, NULL),
			  *b = dh_new(alg, system_random, NULL);

		ck_assert(a && b);
		ck_assert_mem_ne(dh_public(a), dh_public(b), alg->public_len);
		ck_assert_int_eq(dh_shared(a, dh_public(b), alg->public_len, a_shared, &a_len), 0);
		ck_assert_int_eq(dh_shared(b, dh_public(a), alg->public_len, b_shared, &b_len), 0);
		ck_assert_uint_eq(a_len, b_len);
		ck_assert_mem_eq(a_shared, b_shared, a_len);
		dh_free(a);
		dh_free(b);
	}
}
END_TEST

static const struct {
	const char *why;
	const char *group;
	const char *peer;
} refused_rows[] = {
	{"empty", "x25519", ""},
	{"31 octets", "x25519", ZERO31},
	{"33 octets", "x25519", "09" ZERO32},
	{"X25519: 0, all-zero result (RFC 8031 section 3.2)", "x25519", ZERO32},
	{"X25519: 1, all-zero result", "x25519",
		"0100000000000000000000000000000000000000000000000000000000000000"},
	{"X25519: order 8, all-zero result", "x25519",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
	{"X25519: p - 1, all-zero result", "x25519",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"X25519: p, all-zero result", "x25519",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"ECP: (0, 0) is not on the curve", "ecp256", ZERO32 ZERO32},
	{"ECP: (0, 1) is not on the curve", "ecp256", ZERO32 ONE32},
	{"ECP: x alone", "ecp256",
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"},
	{"ECP: y of the base point but for one bit", "ecp256",
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4"},
	{"ECP: x is the prime", "ecp256",
		P256 "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"},
	{"ECP: y is above the prime", "ecp256",
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"ECP with the format octet of X9.62", "ecp256",
		"04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
	{"ECP: point of another group", "ecp384", ZERO32 ZERO32 ZERO32},
	{"P-521: one octet of x is missing", "ecp521", ZERO32 ZERO32 ZERO32 ZERO32 "000000"},
	{"P-521: (0, 0) is not on the curve", "ecp521", ZERO32 ZERO32 ZERO32 ZERO32 "00000000"},
	{"X448: 0, all-zero result", "x448",
		ZERO32 "000000000000000000000000000000000000000000000000"},
	{"X448: 1, all-zero result", "x448",
		"01000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000"},
	{"X448: p - 1, all-zero result", "x448",
		"fefffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"X448: p, all-zero result", "x448",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"X448 with 32 octets", "x448", ZERO32},
};

START_TEST(test_refused)
{
	const struct alg_dh *alg = alg_dh_by_name(refused_rows[_i].group);
	struct dh *dh = dh_new(alg, system_random, NULL);
	uint8_t peer[MAX], shared[MAX];
	size_t peer_len = hex_parse(refused_rows[_i].peer, peer, sizeof(peer)), len = 1;
	uint8_t *copy = exact_copy(peer, peer_len);
	int ret = dh_shared(dh, copy, peer_len, shared, &len);

	ck_assert_msg(ret == -EINVAL, "%s: %d", refused_rows[_i].why, ret);
	ck_assert_uint_eq(len, 0);
	free(copy);
	dh_free(dh);
}
END_TEST

// (0, y) with y^2 = b is a point of P-256; the coordinate that is the prime itself means the same
// point and must not be taken for it.
START_TEST(test_ecp_coordinate_zero)
{
	const struct alg_dh *alg = alg_dh_find(DH_ECP_256);
	struct dh *dh = dh_new(alg, system_random, NULL);
	uint8_t peer[64], shared[MAX];
	size_t len;

	hex_parse(ZERO32 "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", peer,
		sizeof(peer));
	ck_assert_int_eq(dh_shared(dh, peer, sizeof(peer), shared, &len), 0);
	dh_free(dh);
}
END_TEST

// RFC 5903 section 9: the secret is x alone, not x | y, whose length would be twice that.
START_TEST(test_ecp_secret_is_x)
{
	static const uint16_t ids[] = {DH_ECP_256, DH_ECP_384, DH_ECP_521};
	const struct alg_dh *alg = alg_dh_find(ids[_i]);
	struct dh *one = dh_from_private(alg, "\1", 1);
	struct dh *peer = dh_new(alg, system_random, NULL);
	uint8_t shared[MAX];
	size_t len;

	ck_assert_int_eq(dh_shared(one, dh_public(peer), alg->public_len, shared, &len), 0);
	ck_assert_uint_eq(len, alg->public_len / 2u);
	ck_assert_mem_eq(shared, dh_public(peer), len);
	dh_free(peer);
	dh_free(one);
}
END_TEST

// RFC 5903 section 7: x keeps its leading zeros. With the private key 1 the shared secret is the
// peer's x.
START_TEST(test_ecp_leading_zero)
{
	static const uint16_t ids[] = {DH_ECP_256, DH_ECP_384, DH_ECP_521};
	const struct alg_dh *alg = alg_dh_find(ids[_i]);
	struct dh *one = dh_from_private(alg, "\1", 1), *peer = NULL;
	uint8_t shared[MAX], key[2];
	size_t len;

	for (unsigned k = 2; k < 4000; k++) {
		key[0] = (uint8_t)(k >> 8);
		key[1] = (uint8_t)k;
		peer = dh_from_private(alg, key, 2);
		if (dh_public(peer)[0] == 0)
			break;
		dh_free(peer);
		peer = NULL;
	}
	ck_assert_ptr_nonnull(peer);
	ck_assert_int_eq(dh_shared(one, dh_public(peer), alg->public_len, shared, &len), 0);
	ck_assert_uint_eq(len, alg->shared_len);
	ck_assert_mem_eq(shared, dh_public(peer), len);
	dh_free(peer);
	dh_free(one);
}
END_TEST

// RFC 6989 section 2.1: y is above 1 and below p - 1.
START_TEST(test_modp_range)
{
	static const struct {
		const char *why;
		int from_p; // added to p; p itself ends in ff
		uint8_t value; // when from_p is 0
		int ret;
	} range[] = {
		{"0", 0, 0, -EINVAL},
		{"1", 0, 1, -EINVAL},
		{"2", 0, 2, 0},
		{"p - 2", -2, 0, 0},
		{"p - 1", -1, 0, -EINVAL},
		{"p", 256, 0, -EINVAL},
	};
	const struct alg_dh *alg = alg_dh_by_name(dh_primes[_i].name);
	struct dh *dh = dh_new(alg, system_random, NULL);
	uint8_t prime[MAX], peer[MAX], shared[MAX];
	size_t len, n = alg->public_len;

	ck_assert_uint_eq(hex_parse(dh_primes[_i].prime, prime, sizeof(prime)), n);
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		memset(peer, 0, sizeof(peer));
		peer[n - 1] = range[i].value;
		if (range[i].from_p) {
			memcpy(peer, prime, sizeof(peer));
			peer[n - 1] = (uint8_t)(peer[n - 1] + range[i].from_p);
		}
		ck_assert_msg(
			dh_shared(dh, peer, n, shared, &len) == range[i].ret, "%s", range[i].why);
	}
	memset(peer, 0xff, sizeof(peer)); // above p
	ck_assert_int_eq(dh_shared(dh, peer, n, shared, &len), -EINVAL);
	ck_assert_int_eq(dh_shared(dh, prime, n - 1, shared, &len), -EINVAL);
	dh_free(dh);
}
END_TEST

static const struct {
	const char *why;
	const char *group;
	const char *key;
} private_rows[] = {
	{"X25519 of 31 octets", "x25519", ZERO31},
	{"ECP: 0", "ecp256", ZERO32},
	{"ECP: the order", "ecp256", N256},
	{"ECP: above the order", "ecp256", P256},
	{"ECP: none", "ecp256", ""},
	{"MODP: 0", "modp2048", ZERO32},
	{"MODP: 1", "modp2048", ONE32},
	{"X448 of 32 octets", "x448", ZERO32},
	{"P-521: 0", "ecp521", ZERO32 ZERO32 "0000"},
};

START_TEST(test_private_refused)
{
	errno = 0;
	ck_assert_msg(!from_hex(alg_dh_by_name(private_rows[_i].group), private_rows[_i].key), "%s",
		private_rows[_i].why);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

// Octets that count up; `skip` calls give ones at first.
struct source {
	uint8_t next;
	int skip;
	int calls;
};

static void source_random(void *arg, void *out, size_t len)
{
	struct source *source = arg;

	source->calls++;
	if (source->skip > 0) {
		source->skip--;
		memset(out, 0xff, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = source->next++;
}

// Exchange tests need the same keys each time: nothing else is random.
START_TEST(test_random_source)
{
	const struct alg_dh *alg = alg_dh_by_name(dh_vectors[_i].name);
	struct source a = {.next = 1}, b = {.next = 1}, c = {.next = 2};
	struct dh *da = dh_new(alg, source_random, &a), *db = dh_new(alg, source_random, &b);
	struct dh *dc = dh_new(alg, source_random, &c);

	ck_assert(da && db && dc);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_mem_eq(dh_public(da), dh_public(db), alg->public_len);
	ck_assert_mem_ne(dh_public(da), dh_public(dc), alg->public_len);
	dh_free(da);
	dh_free(db);
	dh_free(dc);
}
END_TEST

START_TEST(test_random_above_order_is_thrown_away)
{
	const struct alg_dh *alg = alg_dh_find(DH_ECP_256);
	struct source plain = {.next = 1}, late = {.next = 1, .skip = 3};
	struct source broken = {.skip = INT32_MAX};
	struct dh *a = dh_new(alg, source_random, &plain), *b = dh_new(alg, source_random, &late);

	ck_assert(a && b);
	ck_assert_int_eq(late.calls, 4);
	ck_assert_mem_eq(dh_public(a), dh_public(b), alg->public_len);
	ck_assert_ptr_null(dh_new(alg, source_random, &broken));
	dh_free(a);
	dh_free(b);
	dh_free(NULL);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("dh");
	TCase *tcase = tcase_create("dh");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60); // under sanitizers
	tcase_add_loop_test(tcase, test_vectors, 0, COUNT(dh_vectors));
	tcase_add_loop_test(tcase, test_fresh_pairs_agree, 0, COUNT(dh_vectors));
	tcase_add_loop_test(tcase, test_refused, 0, COUNT(refused_rows));
	tcase_add_test(tcase, test_ecp_coordinate_zero);
	tcase_add_loop_test(tcase, test_ecp_secret_is_x, 0, 3);
	tcase_add_loop_test(tcase, test_ecp_leading_zero, 0, 3);
	tcase_add_loop_test(tcase, test_modp_range, 0, COUNT(dh_primes));
	tcase_add_loop_test(tcase, test_private_refused, 0, COUNT(private_rows));
	tcase_add_loop_test(tcase, test_random_source, 0, COUNT(dh_vectors));
	tcase_add_test(tcase, test_random_above_order_is_thrown_away);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
