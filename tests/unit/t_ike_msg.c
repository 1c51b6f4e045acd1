// SPDX-License-Identifier: BSD-3-Clause
// Header and payload chain: what is taken, what is refused and why, messages of strongSwan as they
// were on the wire, the same cut off at every length.

#include "../vectors/ike_strongswan.h"
#include "ike_msg.h"
#include "t_hex.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

#define HEAD "1122334455667788 99aabbccddeeff00 "
#define SPARE 2048

static const struct {
	const char *why;
	const char *message; // length field included
	int ret;
	uint32_t n;
	uint8_t critical;
} rows[] = {
	{"no payload at all", HEAD "00 20 25 08 00000007 0000001c", 0, 0, 0},
	{"minor version is ignored", HEAD "00 2f 25 08 00000007 0000001c", 0, 0, 0},
	{"major version 3", HEAD "00 30 25 08 00000007 0000001c", -EPROTONOSUPPORT, 0, 0},
	{"major version 3 tells nothing about the length field",
		HEAD "00 30 25 08 00000007 00000000", -EPROTONOSUPPORT, 0, 0},
	{"major version 1", HEAD "00 10 25 08 00000007 0000001c", -EPROTO, 0, 0},
	{"27 octets", "1122334455667788 99aabbccddeeff00 00 20 25 08 00000007 000000", -EMSGSIZE, 0,
		0},
	{"length field one more than the datagram", HEAD "00 20 25 08 00000007 0000001d", -EMSGSIZE,
		0, 0},
	{"length field one less than the datagram", HEAD "00 20 25 08 00000007 0000001b", -EMSGSIZE,
		0, 0},
	{"one notify", HEAD "29 20 25 08 00000007 00000024 00000008 00004000", 0, 1, 0},
	{"payload of length 4 is empty", HEAD "2b 20 25 08 00000007 00000020 00000004", 0, 1, 0},
	{"payload length 3 does not hold its own header",
		HEAD "2b 20 25 08 00000007 00000020 00000003", -EBADMSG, 0, 0},
	{"payload length 0 would never end", HEAD "2b 20 25 08 00000007 00000020 2b000000",
		-EBADMSG, 0, 0},
	{"payload longer than the message", HEAD "2b 20 25 08 00000007 00000020 00000005", -EBADMSG,
		0, 0},
	{"three octets of a generic header", HEAD "2b 20 25 08 00000007 0000001f 000000", -EBADMSG,
		0, 0},
	{"octets behind the last payload", HEAD "2b 20 25 08 00000007 00000021 00000004 00",
		-EBADMSG, 0, 0},
	{"octets, but no payload", HEAD "00 20 25 08 00000007 00000020 00000004", -EBADMSG, 0, 0},
	{"next payload named, but not there", HEAD "2b 20 25 08 00000007 00000020 29000004",
		-EBADMSG, 0, 0},
	{"unknown payload is skipped", HEAD "c8 20 25 08 00000007 00000024 2b000004 00000004", 0, 1,
		0},
	{"unknown critical payload is named",
		HEAD "c8 20 25 08 00000007 00000024 2b800004 00000004", 0, 1, 200},
	{"the first of two unknown critical payloads",
		HEAD "c8 20 25 08 00000007 00000024 c9800004 00800004", 0, 0, 200},
	{"payload types of IKEv1 are unknown", HEAD "01 20 25 08 00000007 00000020 00800004", 0, 0,
		1},
	{"critical bit of a known payload means nothing (section 2.5)",
		HEAD "2b 20 25 08 00000007 00000020 00800004", 0, 1, 0},
	{"unknown payload's length is checked too", HEAD "c8 20 25 08 00000007 00000020 00000009",
		-EBADMSG, 0, 0},
	{"SK ends the chain, its next payload is inside",
		HEAD "2e 20 25 08 00000007 00000024 29000008 01020304", 0, 1, 0},
	{"SK that does not reach the end", HEAD "2e 20 25 08 00000007 00000024 00000004 00000004",
		-EBADMSG, 0, 0},
	{"payload before SK", HEAD "2b 20 25 08 00000007 00000024 2e000004 29000004", 0, 2, 0},
	{"SKF ends the chain", HEAD "35 20 25 08 00000007 00000024 00000008 00010001", 0, 1, 0},
};

START_TEST(test_parse)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(rows[_i].message, data, sizeof(data));
	uint8_t *copy = exact_copy(data, len);
	struct ike_msg msg;
	int ret;

	ret = ike_msg_parse(copy, len, &msg);
	ck_assert_msg(ret == rows[_i].ret, "%s: %d", rows[_i].why, ret);
	if (!ret) {
		ck_assert_msg(msg.n == rows[_i].n, "%s: %u payloads", rows[_i].why, msg.n);
		ck_assert_msg(msg.unsupported_critical == rows[_i].critical, "%s", rows[_i].why);
	}
	free(copy);
}
END_TEST

START_TEST(test_header_fields)
{
	uint8_t data[IKE_HEADER_BYTES];
	struct ike_header h;

	hex_parse("1122334455667788 99aabbccddeeff00 21 20 22 08 01020304 0000001c", data,
		sizeof(data));
	ck_assert_int_eq(ike_header_read(data, sizeof(data), &h), 0);
	ck_assert(h.spi_i == 0x1122334455667788);
	ck_assert(h.spi_r == 0x99aabbccddeeff00);
	ck_assert_uint_eq(h.next_payload, PAYLOAD_SA);
	ck_assert_uint_eq(h.version, 0x20);
	ck_assert_uint_eq(h.exchange, IKE_SA_INIT);
	ck_assert_uint_eq(h.flags, IKE_FLAG_INITIATOR);
	ck_assert_uint_eq(h.message_id, 0x01020304);
	ck_assert_uint_eq(h.length, 28);
}
END_TEST

// The answer to a higher major version needs the SPIs (section 1.5).
START_TEST(test_header_of_other_version_is_filled)
{
	uint8_t data[IKE_HEADER_BYTES];
	struct ike_header h;

	hex_parse("1122334455667788 0000000000000000 21 30 22 08 00000005 0000001c", data,
		sizeof(data));
	ck_assert_int_eq(ike_header_read(data, sizeof(data), &h), -EPROTONOSUPPORT);
	ck_assert(h.spi_i == 0x1122334455667788);
	ck_assert_uint_eq(h.message_id, 5);
}
END_TEST

static const struct {
	const char *why;
	uint8_t first;
	const char *chain;
	int ret;
	uint32_t n;
	uint8_t critical;
} inner_rows[] = {
	{"empty: liveness", PAYLOAD_NONE, "", 0, 0, 0},
	{"empty, but a payload was named", PAYLOAD_NOTIFY, "", -EBADMSG, 0, 0},
	{"octets, but no payload", PAYLOAD_NONE, "00", -EBADMSG, 0, 0},
	{"two payloads", PAYLOAD_NOTIFY, "2a000008 00004000 00000008 01000000", 0, 2, 0},
	{"SK inside SK", PAYLOAD_SK, "00000004", -EBADMSG, 0, 0},
	{"SKF inside SK", PAYLOAD_NOTIFY, "35000008 00004000 00000008 00010001", -EBADMSG, 0, 0},
	{"unknown critical inside", 99, "00800004", 0, 0, 99},
};

START_TEST(test_parse_inner)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(inner_rows[_i].chain, data, sizeof(data));
	uint8_t *copy = exact_copy(data, len);
	struct ike_msg msg = {.n = 1};
	int ret;

	ret = ike_msg_parse_inner(&msg, inner_rows[_i].first, copy, len);
	ck_assert_msg(ret == inner_rows[_i].ret, "%s: %d", inner_rows[_i].why, ret);
	if (!ret) {
		ck_assert_msg(msg.n == inner_rows[_i].n, "%s", inner_rows[_i].why);
		ck_assert_msg(msg.unsupported_critical == inner_rows[_i].critical, "%s",
			inner_rows[_i].why);
	}
	free(copy);
}
END_TEST

START_TEST(test_too_many_payloads)
{
	uint8_t data[4 * (IKE_PAYLOADS_MAX + 1)];
	struct ike_msg msg = {0};

	for (size_t i = 0; i < sizeof(data); i += 4) {
		data[i] = PAYLOAD_VENDOR;
		data[i + 1] = 0;
		data[i + 2] = 0;
		data[i + 3] = 4;
	}
	data[sizeof(data) - 8] = PAYLOAD_NONE;
	ck_assert_int_eq(ike_msg_parse_inner(&msg, PAYLOAD_VENDOR, data, sizeof(data) - 4), 0);
	ck_assert_uint_eq(msg.n, IKE_PAYLOADS_MAX);
	data[sizeof(data) - 8] = PAYLOAD_VENDOR;
	data[sizeof(data) - 4] = PAYLOAD_NONE;
	ck_assert_int_eq(ike_msg_parse_inner(&msg, PAYLOAD_VENDOR, data, sizeof(data)), -EBADMSG);
}
END_TEST

// Every message of every conversation parses, and no part of it does.
START_TEST(test_strongswan_truncated)
{
	const struct swan_vector *v = &swan_vectors[_i];
	uint8_t data[SPARE];
	struct ike_msg msg;

	for (size_t m = 0; m < SWAN_MESSAGES; m++) {
		size_t len = hex_parse(v->message[m], data, sizeof(data));

		ck_assert_int_eq(ike_msg_parse(data, len, &msg), 0);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = exact_copy(data, cut);

			ck_assert_int_eq(ike_msg_parse(copy, cut, &msg), -EMSGSIZE);
			if (cut >= IKE_HEADER_BYTES) { // the same, with a length that lies
				copy[26] = (uint8_t)(cut >> 8);
				copy[27] = (uint8_t)cut;
				ck_assert_int_eq(ike_msg_parse(copy, cut, &msg), -EBADMSG);
			}
			free(copy);
		}
	}
}
END_TEST

START_TEST(test_strongswan_init_payloads)
{
	static const uint8_t types[] = {PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE, PAYLOAD_NOTIFY,
		PAYLOAD_NOTIFY, PAYLOAD_NOTIFY, PAYLOAD_NOTIFY};
	const struct ike_payload_ref *p = NULL;
	uint8_t data[SPARE];
	size_t len = hex_parse(swan_vectors[0].message[0], data, sizeof(data)), notifies = 0;
	struct ike_msg msg;

	ck_assert_int_eq(ike_msg_parse(data, len, &msg), 0);
	ck_assert_uint_eq(msg.n, sizeof(types));
	for (size_t i = 0; i < msg.n; i++)
		ck_assert_uint_eq(msg.payload[i].type, types[i]);
	ck_assert_ptr_eq(ike_msg_find(&msg, PAYLOAD_NONCE), &msg.payload[2]);
	ck_assert_ptr_null(ike_msg_find(&msg, PAYLOAD_SK));
	while ((p = ike_msg_find_next(&msg, p, PAYLOAD_NOTIFY)))
		notifies++;
	ck_assert_uint_eq(notifies, 4);
}
END_TEST

// Taken apart and put together again, the clear messages are the same octets.
START_TEST(test_build_strongswan_again)
{
	uint8_t data[SPARE], chain[SPARE], again[SPARE];
	struct ike_builder b;
	struct ike_msg msg;
	size_t len;
	int n;

	for (size_t m = SWAN_INIT_REQUEST; m <= SWAN_INIT_RESPONSE; m++) {
		len = hex_parse(swan_vectors[_i].message[m], data, sizeof(data));
		ck_assert_int_eq(ike_msg_parse(data, len, &msg), 0);
		ike_build_init(&b, chain, sizeof(chain));
		for (size_t i = 0; i < msg.n; i++)
			buf_put_bytes(ike_build_payload(&b, msg.payload[i].type),
				msg.payload[i].data, msg.payload[i].len);
		n = ike_build_finish(&b);
		ck_assert_int_eq(n, (int)len - IKE_HEADER_BYTES);
		n = ike_msg_write_clear(
			&msg.header, b.first, chain, (size_t)n, again, sizeof(again));
		ck_assert_int_eq(n, (int)len);
		ck_assert_mem_eq(again, data, len);
	}
}
END_TEST

START_TEST(test_build_limits)
{
	static uint8_t big[70000], chain[70000];
	struct ike_header h = {.version = 0x20};
	struct ike_builder b;

	ike_build_init(&b, chain, 10); // full in the middle of a payload
	buf_put_zero(ike_build_payload(&b, PAYLOAD_VENDOR), 5);
	ck_assert_int_eq(ike_build_finish(&b), 9);
	ike_build_init(&b, chain, 8);
	buf_put_zero(ike_build_payload(&b, PAYLOAD_VENDOR), 5);
	ike_build_payload(&b, PAYLOAD_VENDOR);
	ck_assert_int_eq(ike_build_finish(&b), -ENOSPC);
	ike_build_init(&b, chain, sizeof(chain)); // its length field has 16 bits
	buf_put_bytes(ike_build_payload(&b, PAYLOAD_VENDOR), big, 65532);
	ck_assert_int_eq(ike_build_finish(&b), -ENOSPC);
	ike_build_init(&b, chain, sizeof(chain));
	ck_assert_int_eq(ike_build_finish(&b), 0);
	ck_assert_uint_eq(b.first, PAYLOAD_NONE);
	ck_assert_int_eq(ike_msg_write_clear(&h, 0, chain, 4, big, 31), -ENOSPC);
	ck_assert_int_eq(ike_msg_write_clear(&h, 0, chain, 4, big, 32), 32);
	ck_assert_int_eq(
		ike_msg_write_clear(&h, 0, chain, IKE_MESSAGE_MAX + 1, big, sizeof(big)), -ENOSPC);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(ike_exchange_name(CREATE_CHILD_SA), "CREATE_CHILD_SA");
	ck_assert_str_eq(ike_exchange_name(33), "?");
	ck_assert_str_eq(ike_payload_name(PAYLOAD_TSI), "TSi");
	ck_assert_str_eq(ike_payload_name(49), "?");
	for (unsigned type = 0; type < 256; type++) // a known payload has a name
		ck_assert_int_eq(strcmp(ike_payload_name((uint8_t)type), "?") != 0,
			(type >= PAYLOAD_SA && type <= PAYLOAD_EAP) || type == PAYLOAD_SKF);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_msg");
	TCase *tcase = tcase_create("ike_msg");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_parse, 0, COUNT(rows));
	tcase_add_test(tcase, test_header_fields);
	tcase_add_test(tcase, test_header_of_other_version_is_filled);
	tcase_add_loop_test(tcase, test_parse_inner, 0, COUNT(inner_rows));
	tcase_add_test(tcase, test_too_many_payloads);
	tcase_add_loop_test(tcase, test_strongswan_truncated, 0, COUNT(swan_vectors));
	tcase_add_test(tcase, test_strongswan_init_payloads);
	tcase_add_loop_test(tcase, test_build_strongswan_again, 0, COUNT(swan_vectors));
	tcase_add_test(tcase, test_build_limits);
	tcase_add_test(tcase, test_names);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
