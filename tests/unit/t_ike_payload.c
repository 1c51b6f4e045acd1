// SPDX-License-Identifier: BSD-3-Clause
// Payloads with a flat body: what is refused and why, what is read, that written is read again, and
// that no body cut short is read beyond its end.

#include "ike_payload.h"
#include "t_hex.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

#define SPARE 4096

// Every reader with one signature, so that one table serves all.
static int read_ke(const struct ike_payload_ref *p)
{
	struct payload_ke out;

	return payload_ke_read(p, &out);
}

static int read_nonce(const struct ike_payload_ref *p)
{
	const uint8_t *data;
	uint16_t len;

	return payload_nonce_read(p, &data, &len);
}

static int read_id(const struct ike_payload_ref *p)
{
	struct config_id out;

	return payload_id_read(p, &out);
}

static int read_auth(const struct ike_payload_ref *p)
{
	struct payload_auth out;

	return payload_auth_read(p, &out);
}

static int read_notify(const struct ike_payload_ref *p)
{
	struct payload_notify out;

	return payload_notify_read(p, &out);
}

static int read_delete(const struct ike_payload_ref *p)
{
	struct payload_delete out;

	return payload_delete_read(p, &out);
}

static int read_ts(const struct ike_payload_ref *p)
{
	struct ts_list out;

	return payload_ts_read(p, &out);
}

#define NONCE16 "000102030405060708090a0b0c0d0e0f"
#define NONCE256                                                                                   \
	NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16 NONCE16    \
		NONCE16 NONCE16 NONCE16 NONCE16 NONCE16
#define SHA1 NONCE16 "10111213"
#define TS4 "07 00 0010 0000 ffff 0a000000 0affffff"
#define TS6 "08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db8000000000000ffffffffffff"

static const struct {
	const char *why;
	int (*read)(const struct ike_payload_ref *p);
	const char *body; // behind the generic header
	int ret;
} rows[] = {
	{"KE with data", read_ke, "001f 0000 01", 0},
	{"KE, reserved octets are ignored", read_ke, "001f ffff 01", 0},
	{"KE without data", read_ke, "001f 0000", -EBADMSG},
	{"KE shorter than its fixed part", read_ke, "001f 00", -EBADMSG},
	{"KE empty", read_ke, "", -EBADMSG},

	{"nonce of 16", read_nonce, NONCE16, 0},
	{"nonce of 256", read_nonce, NONCE256, 0},
	{"nonce of 15", read_nonce, "000102030405060708090a0b0c0d0e", -EBADMSG},
	{"nonce of 257", read_nonce, NONCE256 "00", -EBADMSG},
	{"nonce empty", read_nonce, "", -EBADMSG},

	{"ID FQDN", read_id, "02 000000 6777", 0},
	{"ID address, reserved octets are ignored", read_id, "01 ffffff c0000201", 0},
	{"ID IPv4 of 3", read_id, "01 000000 c00002", -EBADMSG},
	{"ID IPv4 of 16", read_id, "01 000000" NONCE16, -EBADMSG},
	{"ID IPv6 of 16", read_id, "05 000000" NONCE16, 0},
	{"ID IPv6 of 4", read_id, "05 000000 c0000201", -EBADMSG},
	{"ID FQDN empty", read_id, "02 000000", -EBADMSG},
	{"ID FQDN with a terminator", read_id, "02 000000 677700", -EBADMSG},
	{"ID FQDN with a line end", read_id, "02 000000 67770a", -EBADMSG},
	{"ID RFC 822 with a carriage return", read_id, "03 000000 6140620d", -EBADMSG},
	{"ID RFC 822 with an escape", read_id, "03 000000 1b5b4a", -EBADMSG},
	{"ID FQDN with a delete", read_id, "02 000000 7f", -EBADMSG},
	{"ID key id may be any octets", read_id, "0b 000000 0000", 0},
	{"ID key id empty", read_id, "0b 000000", -EBADMSG},
	{"ID of unknown type", read_id, "c8 000000 00", 0},
	{"ID longer than we keep", read_id, "0b 000000" NONCE256, -EOVERFLOW},
	{"ID shorter than its fixed part", read_id, "02 0000", -EBADMSG},

	{"AUTH with data", read_auth, "02 000000 00", 0},
	{"AUTH without data: fails when verified", read_auth, "02 000000", 0},
	{"AUTH shorter than its fixed part", read_auth, "02 0000", -EBADMSG},

	{"notify without data", read_notify, "00 00 4000", 0},
	{"notify unknown, with SPI of 8", read_notify, "01 08 ff00 0000000000000000", 0},
	{"notify shorter than its fixed part", read_notify, "00 00 40", -EBADMSG},
	{"notify with less SPI than it says", read_notify, "03 04 4009 000000", -EBADMSG},
	{"notify with SPI of 255 octets that is not there", read_notify, "03 ff 4009", -EBADMSG},
	{"NAT detection of 20", read_notify, "00 00 4004" SHA1, 0},
	{"NAT detection of 19", read_notify, "00 00 4004" NONCE16 "101112", -EBADMSG},
	{"NAT detection of 21", read_notify, "00 00 4005" SHA1 "14", -EBADMSG},
	{"cookie of 1", read_notify, "00 00 4006 00", 0},
	{"cookie of 64", read_notify, "00 00 4006" NONCE16 NONCE16 NONCE16 NONCE16, 0},
	{"cookie empty", read_notify, "00 00 4006", -EBADMSG},
	{"cookie of 65", read_notify, "00 00 4006" NONCE16 NONCE16 NONCE16 NONCE16 "00", -EBADMSG},
	{"REKEY_SA with SPI", read_notify, "03 04 4009 00000100", 0},
	{"REKEY_SA without SPI", read_notify, "03 00 4009", -EBADMSG},
	{"REKEY_SA with SPI of 8", read_notify, "01 08 4009 0000000000000000", -EBADMSG},
	{"INVALID_KE_PAYLOAD with group", read_notify, "00 00 0011 0013", 0},
	{"INVALID_KE_PAYLOAD without group", read_notify, "00 00 0011", -EBADMSG},
	{"LINK_ID", read_notify, "00 00 401e 01", 0},
	{"LINK_ID without ID", read_notify, "00 00 401e", -EBADMSG},
	{"LINK_ID with SPI (L27)", read_notify, "03 04 401e 00000100 01", -EBADMSG},
	{"SET_WINDOW_SIZE of 3", read_notify, "00 00 4001 000000", -EBADMSG},
	{"AUTH_LIFETIME of 8", read_notify, "00 00 4013 0000000000000000", -EBADMSG},

	{"delete of the IKE SA", read_delete, "01 00 0000", 0},
	{"delete of the IKE SA that counts it", read_delete, "01 00 0001", 0},
	{"delete of the IKE SA with SPI size", read_delete, "01 08 0000", -EBADMSG},
	{"delete of the IKE SA with an SPI", read_delete, "01 00 0001 0000000000000000", -EBADMSG},
	{"delete of two child SAs", read_delete, "03 04 0002 00000100 00000101", 0},
	{"delete of no child SA", read_delete, "03 04 0000", 0},
	{"delete of AH", read_delete, "02 04 0001 00000100", 0},
	{"delete with fewer SPIs than it says", read_delete, "03 04 0002 00000100", -EBADMSG},
	{"delete with more SPIs than it says", read_delete, "03 04 0001 00000100 00000101",
		-EBADMSG},
	{"delete whose count times size overflows 16 bits", read_delete, "03 04 4001 00000100",
		-EBADMSG},
	{"delete with SPI size 8", read_delete, "03 08 0001 0000000000000100", -EBADMSG},
	{"delete with SPI size 0", read_delete, "03 00 0001", -EBADMSG},
	{"delete of an unknown protocol", read_delete, "04 04 0001 00000100", -EBADMSG},
	{"delete shorter than its fixed part", read_delete, "03 04 00", -EBADMSG},

	{"TS of both families", read_ts, "02 000000" TS4 TS6, 0},
	{"TS, reserved octets are ignored", read_ts, "01 ffffff" TS4, 0},
	{"TS, number 0", read_ts, "00 000000", -EBADMSG},
	{"TS, one more than it says", read_ts, "01 000000" TS4 TS6, -EBADMSG},
	{"TS, one fewer than it says", read_ts, "02 000000" TS4, -EBADMSG},
	{"TS of unknown type is skipped", read_ts, "02 000000 09 00 0008 00000000" TS4, 0},
	{"TS of unknown type alone", read_ts, "01 000000 09 00 0004", 0},
	{"TS of unknown type, length 3", read_ts, "01 000000 09 00 0003", -EBADMSG},
	{"TS of unknown type, longer than the payload", read_ts, "01 000000 09 00 0005", -EBADMSG},
	{"TS IPv4 with the length of IPv6", read_ts,
		"01 000000 07 00 0028 0000 ffff" NONCE16 NONCE16, -EBADMSG},
	{"TS IPv6 with the length of IPv4", read_ts,
		"01 000000 08 00 0010 0000 ffff 00000000"
		"ffffffff",
		-EBADMSG},
	{"TS that ends before it starts", read_ts,
		"01 000000 07 00 0010 0000 ffff 0a000001 0a000000", -EBADMSG},
	{"TS whose ports end before they start", read_ts,
		"01 000000 07 11 0010 0002 0001 0a000000 0a000000", -EBADMSG},
	{"TS with OPAQUE ports", read_ts, "01 000000 07 11 0010 ffff 0000 0a000000 0a000000", 0},
	{"TS shorter than its fixed part", read_ts, "01 0000", -EBADMSG},
};

static struct ike_payload_ref body_ref(const uint8_t *data, size_t len)
{
	return (struct ike_payload_ref){.data = data, .len = (uint16_t)len};
}

START_TEST(test_read)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(rows[_i].body, data, sizeof(data));
	uint8_t *copy = exact_copy(data, len);
	struct ike_payload_ref p = body_ref(copy, len);
	int ret = rows[_i].read(&p);

	ck_assert_msg(ret == rows[_i].ret, "%s: %d", rows[_i].why, ret);
	free(copy);
}
END_TEST

// The result is not the point, the sanitizer is.
START_TEST(test_read_truncated)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(rows[_i].body, data, sizeof(data));

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = exact_copy(data, cut);
		struct ike_payload_ref p = body_ref(copy, cut);
		int ret = rows[_i].read(&p);

		ck_assert(ret == 0 || ret == -EBADMSG || ret == -EOVERFLOW);
		free(copy);
	}
}
END_TEST

// What the builder made, as a parsed chain.
static void build_parse(struct ike_builder *b, struct ike_msg *msg)
{
	int n = ike_build_finish(b);

	ck_assert_int_gt(n, 0);
	memset(msg, 0, sizeof(*msg));
	ck_assert_int_eq(ike_msg_parse_inner(msg, b->first, b->w.start, (size_t)n), 0);
}

START_TEST(test_ke_nonce_auth_again)
{
	static const uint8_t data[32] = {1, 2, 3};
	struct payload_auth auth;
	struct payload_ke ke;
	struct ike_builder b;
	const uint8_t *nonce;
	uint8_t out[SPARE];
	struct ike_msg msg;
	uint16_t len;

	ike_build_init(&b, out, sizeof(out));
	payload_ke_write(&b, DH_X25519, data, sizeof(data));
	payload_nonce_write(&b, data, sizeof(data));
	payload_auth_write(&b, AUTH_PSK, data, 20);
	build_parse(&b, &msg);
	ck_assert_int_eq(payload_ke_read(ike_msg_find(&msg, PAYLOAD_KE), &ke), 0);
	ck_assert_uint_eq(ke.group, DH_X25519);
	ck_assert_uint_eq(ke.len, sizeof(data));
	ck_assert_mem_eq(ke.data, data, sizeof(data));
	ck_assert_int_eq(payload_nonce_read(ike_msg_find(&msg, PAYLOAD_NONCE), &nonce, &len), 0);
	ck_assert_uint_eq(len, sizeof(data));
	ck_assert_mem_eq(nonce, data, sizeof(data));
	ck_assert_int_eq(payload_auth_read(ike_msg_find(&msg, PAYLOAD_AUTH), &auth), 0);
	ck_assert_uint_eq(auth.method, AUTH_PSK);
	ck_assert_uint_eq(auth.len, 20);
	ck_assert_mem_eq(auth.data, data, 20);
}
END_TEST

START_TEST(test_id_again)
{
	struct config_id id = {.type = CONFIG_ID_RFC822, .len = 5, .data = "a@b.c"}, read;
	struct ike_builder b;
	struct ike_msg msg;
	uint8_t out[SPARE];

	ike_build_init(&b, out, sizeof(out));
	payload_id_write(&b, true, &id);
	payload_id_write(&b, false, &id);
	build_parse(&b, &msg);
	for (int type = PAYLOAD_IDI; type <= PAYLOAD_IDR; type++) {
		ck_assert_int_eq(
			payload_id_read(ike_msg_find(&msg, (enum payload_type)type), &read), 0);
		ck_assert_mem_eq(&read, &id, sizeof(id));
	}
	// AUTH covers the body with its reserved octets.
	ck_assert_hex(msg.payload[0].data, msg.payload[0].len, "03000000 6140622e63");
}
END_TEST

START_TEST(test_notify_again)
{
	uint32_t spi = 0x01020304;
	struct payload_notify notify;
	struct ike_builder b;
	struct ike_msg msg;
	uint8_t out[SPARE];

	ike_build_init(&b, out, sizeof(out));
	payload_notify_write(&b, PROTOCOL_ESP, &spi, NOTIFY_REKEY_SA, NULL, 0);
	payload_notify_write(&b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link", 4);
	build_parse(&b, &msg);
	ck_assert_hex(msg.payload[0].data, msg.payload[0].len, "03 04 4009 01020304");
	ck_assert_int_eq(payload_notify_read(&msg.payload[0], &notify), 0);
	ck_assert_uint_eq(notify.protocol, PROTOCOL_ESP);
	ck_assert_uint_eq(notify.spi, spi);
	ck_assert_uint_eq(notify.type, NOTIFY_REKEY_SA);
	ck_assert_uint_eq(notify.len, 0);
	// L27: Protocol ID 0, SPI size 0
	ck_assert_hex(msg.payload[1].data, msg.payload[1].len, "00 00 401e 6c696e6b");
	ck_assert_int_eq(payload_notify_read(&msg.payload[1], &notify), 0);
	ck_assert_uint_eq(notify.len, 4);
	ck_assert_mem_eq(notify.data, "link", 4);
}
END_TEST

// RFC 7296 section 3.10: without SPI the protocol is to be ignored.
START_TEST(test_notify_protocol_without_spi)
{
	const uint8_t body[] = {PROTOCOL_IKE, 0, 0x40, 0x00};
	struct ike_payload_ref p = body_ref(body, sizeof(body));
	struct payload_notify notify;

	ck_assert_int_eq(payload_notify_read(&p, &notify), 0);
	ck_assert_uint_eq(notify.protocol, PROTOCOL_NONE);
}
END_TEST

START_TEST(test_delete_again)
{
	uint32_t spis[DELETE_SPIS_MAX + 1];
	struct payload_delete del;
	struct ike_builder b;
	struct ike_msg msg;
	uint8_t out[SPARE];

	for (uint32_t i = 0; i <= DELETE_SPIS_MAX; i++)
		spis[i] = 0x10000000 + i;
	ike_build_init(&b, out, sizeof(out));
	payload_delete_write(&b, PROTOCOL_ESP, spis, DELETE_SPIS_MAX);
	payload_delete_write(&b, PROTOCOL_IKE, NULL, 0);
	payload_delete_write(&b, PROTOCOL_ESP, spis, DELETE_SPIS_MAX + 1);
	build_parse(&b, &msg);
	ck_assert_int_eq(payload_delete_read(&msg.payload[0], &del), 0);
	ck_assert_uint_eq(del.protocol, PROTOCOL_ESP);
	ck_assert_uint_eq(del.n, DELETE_SPIS_MAX);
	ck_assert_mem_eq(del.spi, spis, sizeof(del.spi));
	ck_assert_hex(msg.payload[1].data, msg.payload[1].len, "01 00 0000");
	ck_assert_int_eq(payload_delete_read(&msg.payload[1], &del), 0);
	ck_assert_uint_eq(del.n, 0);
	ck_assert_int_eq(payload_delete_read(&msg.payload[2], &del), -EOVERFLOW);
}
END_TEST

START_TEST(test_ts_again)
{
	struct ts_list list = {.n = 2}, read;
	struct inet_addr addr = inet_addr_v4(0);
	struct ike_builder b;
	struct ike_msg msg;
	uint8_t out[SPARE];

	list.ts[0] = ts_from_addr(&addr);
	list.ts[0].proto = 17;
	list.ts[0].port_lo = list.ts[0].port_hi = 53;
	list.ts[1] = ts_any(AF_INET6);
	ike_build_init(&b, out, sizeof(out));
	payload_ts_write(&b, true, &list);
	payload_ts_write(&b, false, &list);
	build_parse(&b, &msg);
	ck_assert_uint_eq(msg.payload[0].type, PAYLOAD_TSI);
	ck_assert_uint_eq(msg.payload[1].type, PAYLOAD_TSR);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(payload_ts_read(&msg.payload[i], &read), 0);
		ck_assert_uint_eq(read.n, 2);
		ck_assert_mem_eq(read.ts, list.ts, 2 * sizeof(struct ts));
	}
}
END_TEST

// The first selector may be the triggering packet's (section 2.9): nothing is merged or sorted.
// Those behind the TS_MAX-th are left out, and still checked.
START_TEST(test_ts_order_and_limit)
{
	uint8_t body[4 + 16 * (TS_MAX + 2)] = {TS_MAX + 2};
	struct ike_payload_ref p = body_ref(body, sizeof(body));
	struct ts_list read;

	for (int i = 0; i < TS_MAX + 2; i++)
		hex_parse(
			i ? TS4 : "07 06 0010 0050 0050 0a000001 0a000001", body + 4 + 16 * i, 16);
	ck_assert_int_eq(payload_ts_read(&p, &read), 0);
	ck_assert_uint_eq(read.n, TS_MAX);
	ck_assert_uint_eq(read.ts[0].port_lo, 80);
	ck_assert_uint_eq(read.ts[1].port_hi, 65535);
	body[sizeof(body) - 16 + 3] = 15; // length of the last
	ck_assert_int_eq(payload_ts_read(&p, &read), -EBADMSG);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(notify_name(NOTIFY_TS_UNACCEPTABLE), "TS_UNACCEPTABLE");
	ck_assert_str_eq(notify_name(0), "?");
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_payload");
	TCase *tcase = tcase_create("ike_payload");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_read, 0, COUNT(rows));
	tcase_add_loop_test(tcase, test_read_truncated, 0, COUNT(rows));
	tcase_add_test(tcase, test_ke_nonce_auth_again);
	tcase_add_test(tcase, test_id_again);
	tcase_add_test(tcase, test_notify_again);
	tcase_add_test(tcase, test_notify_protocol_without_spi);
	tcase_add_test(tcase, test_delete_again);
	tcase_add_test(tcase, test_ts_again);
	tcase_add_test(tcase, test_ts_order_and_limit);
	tcase_add_test(tcase, test_names);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
