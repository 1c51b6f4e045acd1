// SPDX-License-Identifier: BSD-3-Clause
// What esp_in_burst() refuses, with the exact counter afterwards, and what it tolerates: runts, bad
// ICV, padding, TFC, dummy packets, next headers, encapsulation.
#include "esp_test.h"

#include <string.h>

static struct ipc_sa_in_add in; // the SA of the test

static void add(const struct sa_spec *spec)
{
	spec_in(spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
}

static uint64_t sa_drops(void)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, in.sa.spi, &info, env.now), 0);
	return info.drops;
}

static uint64_t sa_top(void)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, in.sa.spi, &info, env.now), 0);
	return info.seq;
}

static const struct inner_spec udp6 = {
	.family = AF_INET6, .src = 5, .dst = 10, .src_port = 1000, .dst_port = 2000, .len = 100};
static const struct inner_spec udp4 = {
	.family = AF_INET, .src = 5, .dst = 10, .src_port = 1000, .dst_port = 2000, .len = 100};

static void expect_good(struct rte_mbuf *m)
{
	ck_assert_ptr_nonnull(m);
	rte_pktmbuf_free(m);
	expect_drops(-1);
}

START_TEST(runts)
{
	struct sa_spec spec = {.suite = test_suites[_i]};
	uint8_t zero[128] = {0};
	uint32_t short_n = 0;

	add(&spec);
	for (uint32_t len = 0; len <= 100; len++) {
		struct rte_mbuf *m = pkt_from(zero, len);

		pkt_meta(m)->sa = in.sa.spi;
		if (len >= 8)
			memcpy(rte_pktmbuf_mtod(m, uint8_t *), "\x10\x00\x00\x00\x00\x00\x00\x01",
				8);
		ck_assert_ptr_null(in_one(m));
		short_n += env.drops.n[DROP_ESP_SHORT] > 0;
		if (!env.drops.n[DROP_ESP_SHORT] && !env.drops.n[DROP_ESP_PADDING])
			expect_drops(DROP_ESP_ICV, 1, -1);
		memset(&env.drops, 0, sizeof(env.drops));
	}
	// Header, IV, one block, ICV is the least that is decrypted.
	ck_assert_uint_eq(short_n,
		8u + env.esp->in[0].iv_len + env.esp->in[0].pad_mask + 1u + env.esp->in[0].icv_len);
	ck_assert_uint_eq(sa_top(), 0);
}
END_TEST

START_TEST(no_sa)
{
	static const uint32_t spis[] = {0, 1, 255, 256, 0x10400001, 0xffffffff};
	struct sa_spec spec = {0};
	uint8_t data[100] = {0};

	add(&spec);
	for (uint32_t i = 0; i < RTE_DIM(spis); i++) {
		struct rte_mbuf *m = pkt_from(data, sizeof(data));

		pkt_meta(m)->sa = spis[i];
		ck_assert_ptr_null(in_one(m));
	}
	// Right slot, another worker or generation.
	for (uint32_t i = 0; i < 2; i++) {
		struct rte_mbuf *m = pkt_from(data, sizeof(data));

		pkt_meta(m)->sa = i ? spi_make(TEST_WORKER, 2, 0) : spi_make(TEST_WORKER + 1, 1, 0);
		ck_assert_ptr_null(in_one(m));
	}
	expect_drops(DROP_ESP_NO_SA, 8, -1);
	ck_assert_uint_eq(sa_drops(), 0);
}
END_TEST

// Each bit of a whole packet: nothing passes and the window does not move.
START_TEST(every_bit_counts)
{
	struct sa_spec spec = {.suite = test_suites[_i]};
	uint8_t inner[64];
	struct rte_mbuf *m;
	uint32_t n = 0, len;

	add(&spec);
	inner_write(&(struct inner_spec){.family = AF_INET, .src = 1, .dst = 2, .len = 40}, inner);
	m = sealed(&in.sa, 9, inner, 40, 4);
	len = m->pkt_len;
	rte_pktmbuf_free(m);
	for (uint32_t bit = 32; bit < len * 8; bit++) { // the SPI found the SA
		m = sealed(&in.sa, 9, inner, 40, 4);
		rte_pktmbuf_mtod(m, uint8_t *)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_ptr_null(in_one(m));
		n++;
	}
	expect_drops(DROP_ESP_ICV, n, -1);
	ck_assert_uint_eq(sa_drops(), n);
	ck_assert_uint_eq(sa_top(), 0);
	expect_good(in_one(sealed(&in.sa, 9, inner, 40, 4)));
}
END_TEST

START_TEST(bad_icv_does_not_move_the_window)
{
	struct sa_spec spec = {.window = 64};
	uint8_t inner[100];
	struct rte_mbuf *m;

	add(&spec);
	inner_write(&udp6, inner);
	expect_good(in_one(sealed(&in.sa, 1000, inner, 100, 41)));
	m = sealed(&in.sa, 1000000, inner, 100, 41);
	rte_pktmbuf_mtod(m, uint8_t *)[30] ^= 1;
	ck_assert_ptr_null(in_one(m));
	expect_drops(DROP_ESP_ICV, 1, -1);
	ck_assert_uint_eq(sa_top(), 1000);
	expect_good(in_one(sealed(&in.sa, 937, inner, 100, 41)));
	ck_assert_ptr_null(in_one(sealed(&in.sa, 936, inner, 100, 41)));
	expect_drops(DROP_ESP_REPLAY, 1, -1);
}
END_TEST

START_TEST(icv_of_the_wrong_key)
{
	struct sa_spec spec = {.suite = test_suites[_i]},
		       other = {.suite = test_suites[_i], .key = 1};
	struct ipc_sa_in_add wrong;
	uint8_t inner[100];

	add(&spec);
	spec_in(&other, &wrong);
	inner_write(&udp6, inner);
	ck_assert_ptr_null(in_one(sealed(&wrong.sa, 1, inner, 100, 41)));
	expect_drops(DROP_ESP_ICV, 1, -1);
}
END_TEST

// CBC text that is not whole blocks cannot be decrypted at all.
START_TEST(broken_blocks)
{
	struct sa_spec spec = {.suite = test_suites[3]};
	uint8_t data[200] = {0};

	add(&spec);
	for (uint32_t len = 8 + 16 + 16 + 16; len < 8 + 16 + 64 + 16; len++) {
		struct rte_mbuf *m = pkt_from(data, len);

		pkt_meta(m)->sa = in.sa.spi;
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), "\x10\x00\x00\x00\x00\x00\x00\x01", 8);
		ck_assert_ptr_null(in_one(m));
	}
	expect_drops(DROP_ESP_ICV, 3, DROP_ESP_PADDING, 45, -1);
}
END_TEST

static const struct {
	const char *why;
	int pad[4]; // the last padding bytes, pad length, next header
	uint32_t text_len;
	int reason; // -1: good
} pad_rows[] = {
	{"as it should be", {1, 2, 2, 41}, 104, -1},
	{"none", {-1, -1, 0, 41}, 104, -1},
	{"counts from zero", {0, 1, 2, 41}, 104, DROP_ESP_PADDING},
	{"all zero", {0, 0, 2, 41}, 104, DROP_ESP_PADDING},
	{"second byte wrong", {1, 3, 2, 41}, 104, DROP_ESP_PADDING},
	{"longer than the text", {1, 2, 103, 41}, 104, DROP_ESP_PADDING},
	{"as long as can be said", {1, 2, 255, 41}, 104, DROP_ESP_PADDING},
};

START_TEST(padding)
{
	struct sa_spec spec = {0};
	uint8_t text[128] = {0};
	struct rte_mbuf *m;

	add(&spec);
	inner_write(&udp6, text);
	for (int i = 0; i < 4; i++) {
		if (pad_rows[_i].pad[i] >= 0)
			text[pad_rows[_i].text_len - 4 + i] = (uint8_t)pad_rows[_i].pad[i];
	}
	m = in_one(sealed_text(&in.sa, 1, text, pad_rows[_i].text_len));
	if (pad_rows[_i].reason < 0) {
		expect_good(m);
		return;
	}
	ck_assert_msg(!m, "%s", pad_rows[_i].why);
	expect_drops(pad_rows[_i].reason, 1, -1);
	ck_assert_uint_eq(sa_drops(), 1);
}
END_TEST

// Every length of padding, good, and with each of its bytes spoilt.
START_TEST(long_padding)
{
	struct sa_spec spec = {0};
	uint8_t text[512];
	uint64_t seq = 0;

	add(&spec);
	for (uint32_t pad = 0; pad <= 255; pad++) {
		inner_write(&udp6, text);
		for (uint32_t i = 0; i < pad; i++)
			text[100 + i] = (uint8_t)(i + 1);
		text[100 + pad] = (uint8_t)pad;
		text[101 + pad] = 41;
		expect_good(in_one(sealed_text(&in.sa, ++seq, text, 102 + pad)));
		for (uint32_t i = 0; i < pad; i += 1 + pad / 9) {
			text[100 + i] ^= 0x40;
			ck_assert_ptr_null(in_one(sealed_text(&in.sa, ++seq, text, 102 + pad)));
			text[100 + i] ^= 0x40;
			expect_drops(DROP_ESP_PADDING, 1, -1);
		}
	}
}
END_TEST

START_TEST(text_is_padding_only)
{
	struct sa_spec spec = {0};
	uint8_t text[4] = {1, 2, 2, 41};

	add(&spec);
	ck_assert_ptr_null(in_one(sealed_text(&in.sa, 1, text, 4)));
	expect_drops(DROP_RUNT, 1, -1);
}
END_TEST

// RFC 4303 section 2.7: bytes between the inner packet's end and the padding are no part of it.
START_TEST(tfc_padding)
{
	struct sa_spec spec = {0};
	uint8_t text[700];
	uint64_t seq = 0;

	add(&spec);
	for (int six = 0; six < 2; six++) {
		for (uint32_t tfc = 1; tfc < 500; tfc += 83) {
			struct rte_mbuf *m;

			memset(text, 0xee, sizeof(text));
			inner_write(six ? &udp6 : &udp4, text);
			m = in_one(sealed_text(&in.sa, ++seq, text,
				reference_pad(text, 100 + tfc, 4, six ? 41 : 4)));
			ck_assert_ptr_nonnull(m);
			ck_assert_uint_eq(m->pkt_len, 100);
			ck_assert_uint_eq(m->data_len, 100);
			expect_good(m);
		}
	}
}
END_TEST

static const struct {
	const char *why;
	uint8_t next;
	uint8_t family; // of what is inside
	enum drop_reason reason;
} next_rows[] = {
	{"dummy packet", 59, AF_INET6, DROP_ESP_DUMMY},
	{"TCP: transport mode", 6, AF_INET6, DROP_ESP_NEXT_HEADER},
	{"zero", 0, AF_INET, DROP_ESP_NEXT_HEADER},
	{"255", 255, AF_INET, DROP_ESP_NEXT_HEADER},
	{"IPv4 that is IPv6", 4, AF_INET6, DROP_ESP_NEXT_HEADER},
	{"IPv6 that is IPv4", 41, AF_INET, DROP_ESP_NEXT_HEADER},
};

START_TEST(next_headers)
{
	struct sa_spec spec = {.flags = IPC_SA_FIRST_USE_EVENT};
	uint8_t inner[100];

	add(&spec);
	inner_write(next_rows[_i].family == AF_INET6 ? &udp6 : &udp4, inner);
	ck_assert_ptr_null(in_one(sealed(&in.sa, 1, inner, 100, next_rows[_i].next)));
	expect_drops(next_rows[_i].reason, 1, -1);
	// It was authentic all the same: a sign of life, a number used.
	expect_event(IPC_SA_FIRST_USE);
	ck_assert_uint_eq(sa_top(), 1);
}
END_TEST

// A dummy packet may hold anything, also nothing that looks like a packet.
START_TEST(dummy_noise)
{
	struct sa_spec spec = {0};
	uint8_t text[128];

	add(&spec);
	for (uint32_t len = 0; len < 100; len++) {
		memset(text, 0xa5, sizeof(text));
		ck_assert_ptr_null(in_one(
			sealed_text(&in.sa, len + 1, text, reference_pad(text, len, 4, 59))));
	}
	expect_drops(DROP_ESP_DUMMY, 100, -1);
}
END_TEST

START_TEST(broken_inner_packets)
{
	struct sa_spec spec = {0};
	uint8_t inner[100];

	add(&spec);
	inner_write(&udp6, inner);
	inner[5] = 200; // longer than the text
	ck_assert_ptr_null(in_one(sealed(&in.sa, 1, inner, 100, 41)));
	expect_drops(DROP_RUNT, 1, -1);
	inner[0] = 0x20;
	ck_assert_ptr_null(in_one(sealed(&in.sa, 2, inner, 100, 41)));
	expect_drops(DROP_NOT_IP, 1, -1);
	inner_write(&udp4, inner);
	inner[0] = 0x44;
	ck_assert_ptr_null(in_one(sealed(&in.sa, 3, inner, 100, 4)));
	expect_drops(DROP_BAD_IP_HEADER, 1, -1);
	ck_assert_uint_eq(sa_drops(), 3);
}
END_TEST

// RFC 7296 section 2.23: both kinds are taken at any time, whatever the SA itself uses.
START_TEST(either_encapsulation)
{
	struct sa_spec spec = {.encap = _i};
	uint8_t inner[100];
	struct rte_mbuf *m;

	add(&spec);
	inner_write(&udp6, inner);
	for (uint64_t seq = 1; seq <= 2; seq++) {
		m = sealed(&in.sa, seq, inner, 100, 41);
		pkt_meta(m)->flags = seq == 1 ? PKT_ENCAP : 0;
		expect_good(in_one(m));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_in");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, runts, 0, (int)test_suites_n);
	tcase_add_test(tc, no_sa);
	tcase_add_loop_test(tc, every_bit_counts, 0, (int)test_suites_n);
	tcase_add_test(tc, bad_icv_does_not_move_the_window);
	tcase_add_loop_test(tc, icv_of_the_wrong_key, 0, (int)test_suites_n);
	tcase_add_test(tc, broken_blocks);
	tcase_add_loop_test(tc, padding, 0, RTE_DIM(pad_rows));
	tcase_add_test(tc, long_padding);
	tcase_add_test(tc, text_is_padding_only);
	tcase_add_test(tc, tfc_padding);
	tcase_add_loop_test(tc, next_headers, 0, RTE_DIM(next_rows));
	tcase_add_test(tc, dummy_noise);
	tcase_add_test(tc, broken_inner_packets);
	tcase_add_loop_test(tc, either_encapsulation, 0, 2);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
