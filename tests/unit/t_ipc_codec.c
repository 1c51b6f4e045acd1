// SPDX-License-Identifier: BSD-3-Clause
// Messages of the seam: each type passes in its own direction with its own length and no other.
#include "ipc_msg.h"
#include "ring.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint32_t type;
	const char *name;
	uint32_t fixed;
	bool from_control;
	bool data;
} types[] = {
#define X(n, payload)                                                                              \
	{IPC_##n, #n, sizeof(payload), true,                                                       \
		IPC_##n == IPC_SEND_UDP || IPC_##n == IPC_SEND_INNER || IPC_##n == IPC_SEND_PORT},
	IPC_COMMANDS(X)
#undef X
#define X(n, payload)                                                                              \
	{IPC_##n, #n, sizeof(payload), false,                                                      \
		IPC_##n == IPC_PUNT_UDP || IPC_##n == IPC_PUNT_INNER ||                            \
			IPC_##n == IPC_PUNT_PORT || IPC_##n == IPC_PUNT_LAN},
		IPC_EVENTS(X)
#undef X
};

static uint8_t msg[RING_MSG_MAX] __attribute__((aligned(8)));

// A message with so many bytes of payload, zeroes.
static size_t make(uint32_t type, uint32_t len)
{
	struct ipc_hdr hdr = {.type = type, .len = len};

	memset(msg, 0, sizeof(msg));
	memcpy(msg, &hdr, sizeof(hdr));
	return sizeof(hdr) + len;
}

START_TEST(test_type)
{
	uint32_t type = types[_i].type, fixed = types[_i].fixed;
	bool from = types[_i].from_control;

	ck_assert_str_eq(ipc_type_name(type), types[_i].name);
	ck_assert_uint_le(sizeof(struct ipc_hdr) + fixed, RING_MSG_MAX);
	ck_assert_int_eq(ipc_check(msg, make(type, fixed), from), 0);
	ck_assert_int_eq(ipc_check(msg, make(type, fixed), !from), -EINVAL);
	ck_assert_int_eq(ipc_check(msg, make(type, fixed - 1), from), -EMSGSIZE);
	// What follows a fixed part is data that the message counts, or an addition to come.
	ck_assert_int_eq(
		ipc_check(msg, make(type, fixed + 1), from), types[_i].data ? -EMSGSIZE : 0);
	// The header's length is the message's.
	make(type, fixed);
	ck_assert_int_eq(ipc_check(msg, sizeof(struct ipc_hdr) + fixed + 1, from), -EMSGSIZE);
}
END_TEST

START_TEST(test_data_len)
{
	struct ipc_punt_udp udp = {.data_len = 100};
	struct ipc_punt_inner inner = {.data_len = 100};
	size_t total = make(IPC_SEND_UDP, sizeof(udp) + 100);

	memcpy(msg + sizeof(struct ipc_hdr), &udp, sizeof(udp));
	ck_assert_int_eq(ipc_check(msg, total, true), 0);
	udp.data_len = 101;
	memcpy(msg + sizeof(struct ipc_hdr), &udp, sizeof(udp));
	ck_assert_int_eq(ipc_check(msg, total, true), -EMSGSIZE);
	udp.data_len = UINT32_MAX;
	memcpy(msg + sizeof(struct ipc_hdr), &udp, sizeof(udp));
	ck_assert_int_eq(ipc_check(msg, total, true), -EMSGSIZE);
	total = make(IPC_PUNT_INNER, sizeof(inner) + 100);
	memcpy(msg + sizeof(struct ipc_hdr), &inner, sizeof(inner));
	ck_assert_int_eq(ipc_check(msg, total, false), 0);
	inner.data_len = 0;
	memcpy(msg + sizeof(struct ipc_hdr), &inner, sizeof(inner));
	ck_assert_int_eq(ipc_check(msg, total, false), -EMSGSIZE);
}
END_TEST

START_TEST(test_unknown)
{
	make(IPC_PING, 4);
	for (size_t n = 0; n < sizeof(struct ipc_hdr); n++)
		ck_assert_int_eq(ipc_check(msg, n, true), -EMSGSIZE);
	ck_assert_int_eq(ipc_check(msg, make(IPC_NONE, 4), true), -EINVAL);
	ck_assert_int_eq(ipc_check(msg, make(IPC_TYPE_COUNT, 4), true), -EINVAL);
	ck_assert_int_eq(ipc_check(msg, make(UINT32_MAX, 4), false), -EINVAL);
	ck_assert_str_eq(ipc_type_name(IPC_NONE), "?");
	ck_assert_str_eq(ipc_type_name(IPC_TYPE_COUNT), "?");
}
END_TEST

START_TEST(test_spi)
{
	for (uint32_t worker = 0; worker < 62; worker++) {
		uint32_t spi = spi_make(worker, 15, (1u << SPI_SLOT_BITS) - 1);

		ck_assert_uint_eq(spi_worker(spi), worker);
		ck_assert_uint_eq(spi_slot(spi), (1u << SPI_SLOT_BITS) - 1);
		ck_assert_uint_gt(spi_make(worker, 0, 0), 255); // RFC 4303 section 2.1
	}
	ck_assert_uint_eq(spi_worker(256), UINT32_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipc_codec");
	TCase *tcase = tcase_create("ipc_codec");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_type, 0, sizeof(types) / sizeof(types[0]));
	tcase_add_test(tcase, test_data_len);
	tcase_add_test(tcase, test_unknown);
	tcase_add_test(tcase, test_spi);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
