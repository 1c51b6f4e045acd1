// SPDX-License-Identifier: BSD-3-Clause
// SA payload: what is malformed and why, what is left out of it, what strongSwan and others send,
// written and read again.

#include "../vectors/ike_strongswan.h"
#include "ike_payload.h"
#include "t_hex.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

#define SPARE 8192

// Transforms: more (3) or last (0), reserved, length, type, reserved, id, attributes
#define GCM128 "03 00 000c 01 00 0014 800e0080"
#define PRF256 "03 00 0008 02 00 0005"
#define X25519 "03 00 0008 04 00 001f"
#define X25519_LAST "00 00 0008 04 00 001f"

static const struct {
	const char *why;
	const char *body;
	int ret;
	uint32_t n; // proposals kept
} rows[] = {
	{"one proposal", "00 00 0024 01 01 00 03" GCM128 PRF256 X25519_LAST, 0, 1},
	{"reserved octets are ignored",
		"00 ff 0010 01 01 00 01"
		"00 ff 0008 04 ff 001f",
		0, 1},
	{"two proposals", "02 00 0010 01 01 00 01" X25519_LAST "00 00 0010 02 01 00 01" X25519_LAST,
		0, 2},
	{"nothing", "", -EBADMSG, 0},
	{"shorter than a proposal's fixed part", "00 00 0008 01 01 00", -EBADMSG, 0},
	{"proposal length 7", "00 00 0007 01 01 00 01", -EBADMSG, 0},
	{"proposal length 0 would never end", "00 00 0000 01 01 00 01", -EBADMSG, 0},
	{"proposal longer than the payload", "00 00 0011 01 01 00 01" X25519_LAST, -EBADMSG, 0},
	{"proposal without transforms", "00 00 0008 01 01 00 00", -EBADMSG, 0},
	{"one transform more than it says", "00 00 0018 01 01 00 01" X25519 X25519_LAST, -EBADMSG,
		0},
	{"one transform fewer than it says", "00 00 0010 01 01 00 02" X25519_LAST, -EBADMSG, 0},
	{"last proposal says that there are more", "02 00 0010 01 01 00 01" X25519_LAST, -EBADMSG,
		0},
	{"first of two proposals says that it is the last",
		"00 00 0010 01 01 00 01" X25519_LAST "00 00 0010 02 01 00 01" X25519_LAST, -EBADMSG,
		0},
	{"proposal's 'last' is 3", "03 00 0010 01 01 00 01" X25519_LAST, -EBADMSG, 0},
	{"last transform says that there are more", "00 00 0010 01 01 00 01" X25519, -EBADMSG, 0},
	{"first of two transforms says that it is the last",
		"00 00 0018 01 01 00 02" X25519_LAST X25519_LAST, -EBADMSG, 0},
	{"transform's 'more' is 2",
		"00 00 0018 01 01 00 02"
		"02 00 0008 04 00 001f" X25519_LAST,
		-EBADMSG, 0},
	{"transform length 7",
		"00 00 0010 01 01 00 01"
		"00 00 0007 04 00 001f",
		-EBADMSG, 0},
	{"transform longer than the proposal",
		"00 00 0010 01 01 00 01"
		"00 00 0009 04 00 001f",
		-EBADMSG, 0},
	{"half an attribute",
		"00 00 0012 01 01 00 01"
		"00 00 000a 01 00 0014 800e",
		-EBADMSG, 0},
	{"long attribute that fits",
		"00 00 0015 01 01 00 01"
		"00 00 000d 01 00 0014 0063 0001 00",
		0, 1},
	{"long attribute longer than the transform",
		"00 00 0015 01 01 00 01"
		"00 00 000d 01 00 0014 0063 0002 00",
		-EBADMSG, 0},
	{"proposal number 0", "00 00 0010 00 01 00 01" X25519_LAST, -EBADMSG, 0},
	{"answer with number 7", "00 00 0010 07 01 00 01" X25519_LAST, 0, 1},
	{"numbers 1 and 3",
		"02 00 0010 01 01 00 01" X25519_LAST "00 00 0010 03 01 00 01" X25519_LAST, -EBADMSG,
		0},
	{"number 1 twice",
		"02 00 0010 01 01 00 01" X25519_LAST "00 00 0010 01 01 00 01" X25519_LAST, -EBADMSG,
		0},
	{"IKE with SPI of 8", "00 00 0018 01 01 08 01 0102030405060708" X25519_LAST, 0, 1},
	{"IKE with SPI of 4", "00 00 0014 01 01 04 01 01020304" X25519_LAST, -EBADMSG, 0},
	{"ESP with SPI of 4", "00 00 0014 01 03 04 01 01020304" X25519_LAST, 0, 1},
	{"ESP with SPI of 8", "00 00 0018 01 03 08 01 0102030405060708" X25519_LAST, -EBADMSG, 0},
	{"ESP without SPI", "00 00 0010 01 03 00 01" X25519_LAST, -EBADMSG, 0},
	{"AH without SPI", "00 00 0010 01 02 00 01" X25519_LAST, -EBADMSG, 0},
	{"SPI that is longer than the proposal", "00 00 000a 01 01 08 01 0102", -EBADMSG, 0},
	{"unknown protocol with an SPI of 2 is left out",
		"02 00 0012 01 04 02 01 0102" X25519_LAST "00 00 0010 02 01 00 01" X25519_LAST, 0,
		1},
	{"unknown protocol with an SPI of 2, malformed", "00 00 0012 01 04 02 02 0102" X25519_LAST,
		-EBADMSG, 0},
};

static int sa_read(const uint8_t *data, size_t len, struct wire_sa *out)
{
	uint8_t *copy = exact_copy(data, len);
	struct ike_payload_ref p = {.data = copy, .len = (uint16_t)len};
	int ret = payload_sa_read(&p, out);

	free(copy);
	return ret;
}

START_TEST(test_read)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(rows[_i].body, data, sizeof(data));
	struct wire_sa sa;
	int ret = sa_read(data, len, &sa);

	ck_assert_msg(ret == rows[_i].ret, "%s: %d", rows[_i].why, ret);
	if (!ret)
		ck_assert_msg(sa.n == rows[_i].n, "%s: %u", rows[_i].why, sa.n);
	for (size_t cut = 0; cut < len; cut++) {
		ret = sa_read(data, cut, &sa);
		ck_assert(ret == -EBADMSG || rows[_i].ret);
	}
}
END_TEST

START_TEST(test_fields)
{
	const struct wire_proposal *p;
	uint8_t data[SPARE];
	struct wire_sa sa;
	size_t len = hex_parse(
		"00 00 0028 05 03 04 03 01020304" GCM128 PRF256 X25519_LAST, data, sizeof(data));

	ck_assert_int_eq(sa_read(data, len, &sa), 0);
	p = &sa.proposal[0];
	ck_assert_uint_eq(p->number, 5);
	ck_assert_uint_eq(p->protocol, PROTOCOL_ESP);
	ck_assert_uint_eq(p->spi_len, 4);
	ck_assert(p->spi == 0x01020304);
	ck_assert_uint_eq(p->transform_n, 3);
	ck_assert_uint_eq(p->transform[0].type, TRANSFORM_ENCR);
	ck_assert_uint_eq(p->transform[0].id, ENCR_AES_GCM_16);
	ck_assert_uint_eq(p->transform[0].key_bits, 128);
	ck_assert(!p->transform[0].unknown_attr);
	ck_assert_uint_eq(p->transform[2].type, TRANSFORM_DH);
	ck_assert_uint_eq(p->transform[2].id, DH_X25519);
	ck_assert_uint_eq(p->transform[2].key_bits, 0);
}
END_TEST

// RFC 7296 sections 3.3.5 and 3.3.6: attributes that make a transform unacceptable, not the payload.
static const struct {
	const char *why;
	const char *attributes;
	uint16_t key_bits;
	bool unknown;
} attribute_rows[] = {
	{"key length", "800e 0100", 256, false},
	{"none", "", 0, false},
	{"key length of zero", "800e 0000", 0, true},
	{"key length twice", "800e 0080 800e 0100", 128, true},
	{"key length in the long format", "000e 0002 0080", 0, true},
	{"unknown short attribute", "8063 0000", 0, true},
	{"unknown long attribute, empty", "0063 0000", 0, true},
	{"key length behind an unknown attribute", "0063 0001 00 800e 0080", 128, true},
};

START_TEST(test_attributes)
{
	uint8_t attrs[32], data[64];
	size_t len = hex_parse(attribute_rows[_i].attributes, attrs, sizeof(attrs));
	const struct wire_transform *t;
	struct wire_sa sa;

	hex_parse("00 00 0000 01 01 00 01 00 00 0000 01 00 0014", data, sizeof(data));
	data[3] = (uint8_t)(16 + len);
	data[11] = (uint8_t)(8 + len);
	memcpy(data + 16, attrs, len);
	ck_assert_int_eq(sa_read(data, 16 + len, &sa), 0);
	t = &sa.proposal[0].transform[0];
	ck_assert_msg(t->key_bits == attribute_rows[_i].key_bits, "%s", attribute_rows[_i].why);
	ck_assert_msg(t->unknown_attr == attribute_rows[_i].unknown, "%s", attribute_rows[_i].why);
}
END_TEST

// A proposal of n transforms of 8 octets at `data`; returns its length.
static size_t big_proposal(uint8_t *data, uint8_t number, bool last, uint8_t n)
{
	size_t len = 8 + 8 * (size_t)n;

	hex_parse("02 00 0000 00 01 00 00", data, 8);
	if (last)
		data[0] = 0;
	data[2] = (uint8_t)(len >> 8);
	data[3] = (uint8_t)len;
	data[4] = number;
	data[7] = n;
	for (uint8_t i = 0; i < n; i++)
		hex_parse(i + 1 < n ? X25519 : X25519_LAST, data + 8 + 8 * i, 8);
	return len;
}

// Those beyond our limits are left out, the others are there; all are checked.
START_TEST(test_limits)
{
	uint8_t data[SPARE];
	struct wire_sa sa;
	size_t len = 0;

	len += big_proposal(data + len, 1, false, PROPOSAL_TRANSFORMS);
	len += big_proposal(data + len, 2, false, PROPOSAL_TRANSFORMS + 1);
	len += big_proposal(data + len, 3, true, 255);
	ck_assert_int_eq(sa_read(data, len, &sa), 0);
	ck_assert_uint_eq(sa.n, 1);
	ck_assert_uint_eq(sa.proposal[0].transform_n, PROPOSAL_TRANSFORMS);
	data[len - 8] = 3;
	ck_assert_int_eq(sa_read(data, len, &sa), -EBADMSG);

	len = 0;
	for (uint8_t i = 1; i <= PROPOSALS_MAX + 2; i++)
		len += big_proposal(data + len, i, i == PROPOSALS_MAX + 2, 1);
	ck_assert_int_eq(sa_read(data, len, &sa), 0);
	ck_assert_uint_eq(sa.n, PROPOSALS_MAX);
	ck_assert_uint_eq(sa.proposal[PROPOSALS_MAX - 1].number, PROPOSALS_MAX);
	data[len - 8] = 3;
	ck_assert_int_eq(sa_read(data, len, &sa), -EBADMSG);
}
END_TEST

// strongSwan's offer, with its defaults dozens of transforms, and its answer: kept whole, and the
// same octets when written again.
START_TEST(test_strongswan_again)
{
	uint8_t data[SPARE], chain[SPARE];
	const struct ike_payload_ref *p;
	struct ike_builder b;
	struct ike_msg msg;
	struct wire_sa sa;

	for (size_t m = SWAN_INIT_REQUEST; m <= SWAN_INIT_RESPONSE; m++) {
		size_t len = hex_parse(swan_vectors[_i].message[m], data, sizeof(data));

		ck_assert_int_eq(ike_msg_parse(data, len, &msg), 0);
		p = ike_msg_find(&msg, PAYLOAD_SA);
		ck_assert_int_eq(payload_sa_read(p, &sa), 0);
		ike_build_init(&b, chain, sizeof(chain));
		payload_sa_write(&b, &sa);
		ck_assert_int_eq(ike_build_finish(&b), p->len + 4);
		ck_assert_mem_eq(chain + 4, p->data, p->len);
		for (size_t cut = 0; cut < p->len; cut++)
			ck_assert_int_eq(sa_read(p->data, cut, &sa), -EBADMSG);
	}
}
END_TEST

START_TEST(test_write_spis)
{
	struct wire_sa sa = {.n = 2}, read;
	struct ike_builder b;
	struct ike_msg msg = {0};
	uint8_t out[SPARE];
	int n;

	sa.proposal[0] = (struct wire_proposal){.number = 1,
		.protocol = PROTOCOL_IKE,
		.spi_len = 8,
		.spi = 0x0102030405060708,
		.transform_n = 1,
		.transform = {{.type = TRANSFORM_ENCR, .id = ENCR_AES_CBC, .key_bits = 256}}};
	sa.proposal[1] = (struct wire_proposal){.number = 2,
		.protocol = PROTOCOL_ESP,
		.spi_len = 4,
		.spi = 0x11121314,
		.transform_n = 2,
		.transform = {{.type = TRANSFORM_ENCR, .id = ENCR_CHACHA20_POLY1305},
			{.type = TRANSFORM_ESN, .id = 1}}};
	ike_build_init(&b, out, sizeof(out));
	payload_sa_write(&b, &sa);
	n = ike_build_finish(&b);
	ck_assert_hex(out, (size_t)n,
		"0000003c 0200001c 01 01 08 01 0102030405060708 00 00 000c 01 00 000c 800e0100"
		"0000001c 02 03 04 02 11121314 03 00 0008 01 00 001c 00 00 0008 05 00 0001");
	ck_assert_int_eq(ike_msg_parse_inner(&msg, b.first, out, (size_t)n), 0);
	ck_assert_int_eq(payload_sa_read(&msg.payload[0], &read), 0);
	ck_assert_uint_eq(read.n, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(read.proposal[i].spi == sa.proposal[i].spi);
		ck_assert_uint_eq(read.proposal[i].transform_n, sa.proposal[i].transform_n);
		ck_assert_mem_eq(read.proposal[i].transform, sa.proposal[i].transform,
			sa.proposal[i].transform_n * sizeof(struct wire_transform));
	}
}
END_TEST

START_TEST(test_write_no_room)
{
	struct wire_sa sa = {.n = 1};
	struct ike_builder b;
	uint8_t out[64];

	sa.proposal[0] = (struct wire_proposal){.number = 1,
		.protocol = PROTOCOL_IKE,
		.transform_n = 1,
		.transform = {{.type = TRANSFORM_DH, .id = DH_X25519}}};
	for (size_t cap = 0; cap <= 20; cap++) {
		ike_build_init(&b, out, cap);
		payload_sa_write(&b, &sa);
		ck_assert_int_eq(ike_build_finish(&b), cap < 20 ? -ENOSPC : 20);
	}
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_payload_sa");
	TCase *tcase = tcase_create("ike_payload_sa");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_read, 0, COUNT(rows));
	tcase_add_test(tcase, test_fields);
	tcase_add_loop_test(tcase, test_attributes, 0, COUNT(attribute_rows));
	tcase_add_test(tcase, test_limits);
	tcase_add_loop_test(tcase, test_strongswan_again, 0, COUNT(swan_vectors));
	tcase_add_test(tcase, test_write_spis);
	tcase_add_test(tcase, test_write_no_room);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
