// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation and reassembly against each other and against what a hostile sender does. RFC 791,
// 8200 section 4.5, 5722, 6946, 3168 section 5.3.
#include "csum.h"
#include "fragment.h"
#include "plane_test.h"
#include "reassembly.h"

#define HZ 1000000

static struct reassembly *r;
static struct drop_counts drops;

static void setup(void)
{
	memset(&drops, 0, sizeof(drops));
	r = reassembly_new(test_jumbos, &drops, HZ);
	ck_assert_ptr_nonnull(r);
}

static void teardown(void)
{
	reassembly_free(r);
	pkt_check_leaks();
}

static uint64_t dropped(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		n += drops.n[i];
	return n;
}

static const char *const from[] = {"192.0.2.2", "2001:db8:ff::2"};
static const char *const to[] = {"192.0.2.1", "2001:db8:ff::1"};

// One fragment of a packet whose payload byte i is i * 7: `more` and offset as given.
static struct rte_mbuf *piece(int v6, uint32_t id, uint32_t offset, uint32_t len, bool more)
{
	uint8_t payload[2000];
	struct rte_mbuf *m;
	uint8_t *ip;

	for (uint32_t i = 0; i < len; i++)
		payload[i + 8] = (uint8_t)((offset + i) * 7);
	if (!v6) {
		m = pkt_ip(from[0], to[0], IPPROTO_UDP, payload + 8, len);
		ip = pkt_data(m);
		ip[4] = (uint8_t)(id >> 8);
		ip[5] = (uint8_t)id;
		ip[6] = (uint8_t)((more ? 0x20 : 0) | offset >> 11);
		ip[7] = (uint8_t)(offset >> 3);
		pkt_ip_checksum(m);
		return m;
	}
	memset(payload, 0, 8);
	payload[0] = IPPROTO_UDP;
	payload[2] = (uint8_t)(offset >> 8);
	payload[3] = (uint8_t)((offset & 0xf8) | more);
	memcpy(payload + 4, &id, 4);
	return pkt_ip(from[1], to[1], IPPROTO_FRAGMENT, payload, len + 8);
}

static void expect_whole(struct rte_mbuf *m, int v6, uint32_t len)
{
	uint32_t header = v6 ? 40 : 20;
	uint8_t *ip;

	ck_assert_ptr_nonnull(m);
	ip = pkt_data(m);
	ck_assert_uint_eq(rte_pktmbuf_data_len(m), header + len);
	ck_assert_uint_eq(rte_pktmbuf_pkt_len(m), header + len);
	ck_assert_uint_eq(m->nb_segs, 1);
	if (v6) {
		ck_assert_uint_eq(ip[6], IPPROTO_UDP);
		ck_assert_uint_eq((uint32_t)(ip[4] << 8 | ip[5]), len);
	} else {
		ck_assert(csum_ip4_good(ip, 20));
		ck_assert_uint_eq((uint32_t)(ip[2] << 8 | ip[3]), header + len);
		ck_assert_uint_eq((uint32_t)(ip[6] << 8 | ip[7]), 0);
	}
	for (uint32_t i = 0; i < len; i++)
		ck_assert_uint_eq(ip[header + i], (uint8_t)(i * 7));
	rte_pktmbuf_free(m);
}

// Every order of three fragments.
START_TEST(test_orders)
{
	static const int orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	int v6 = _i % 2;
	const int *order = orders[_i / 2];

	for (int i = 0; i < 3; i++) {
		struct rte_mbuf *m = reassembly_put(r,
			piece(v6, 9, (uint32_t)order[i] * 800, order[i] == 2 ? 13 : 800,
				order[i] != 2),
			0);

		if (i < 2)
			ck_assert_ptr_null(m);
		else
			expect_whole(m, v6, 1613);
	}
	ck_assert_uint_eq(reassembly_count(r), 0);
	ck_assert_uint_eq(dropped(), 0);
}
END_TEST

// Each a sequence of fragments {offset, length, more} after which the packet must not be complete.
static const struct {
	const char *why;
	struct {
		uint32_t offset, len;
		bool more;
	} f[4];
	uint32_t n;
	uint64_t bad; // dropped as FRAG_BAD
	uint32_t left; // packets in the making afterwards
} hostile[] = {
	{"overlap kills the packet", {{0, 800, true}, {792, 16, true}}, 2, 2, 0},
	{"overlap of the end", {{0, 800, true}, {400, 500, false}}, 2, 2, 0},
	{"one that covers both", {{8, 16, true}, {0, 32, true}}, 2, 2, 0},
	{"an exact repetition does no harm", {{0, 800, true}, {0, 800, true}}, 2, 1, 1},
	{"two ends", {{800, 8, false}, {808, 8, false}}, 2, 2, 0},
	{"two ends, the second shorter", {{1600, 8, false}, {808, 8, false}}, 2, 2, 0},
	{"beyond the end", {{800, 8, false}, {1600, 8, true}}, 2, 2, 0},
	{"end before what is there", {{1600, 8, true}, {800, 8, false}}, 2, 2, 0},
	{"size no multiple of 8", {{0, 801, true}}, 1, 1, 0},
	{"empty", {{0, 0, true}}, 1, 1, 0},
	{"empty end", {{800, 0, false}}, 1, 1, 0},
	{"beyond 64 KiB", {{65528, 100, false}}, 1, 1, 0},
	{"larger than a buffer", {{65000, 200, false}}, 1, 1, 0},
};

START_TEST(test_hostile)
{
	int v6 = _i % 2;
	size_t row = (size_t)_i / 2;

	for (uint32_t i = 0; i < hostile[row].n; i++)
		ck_assert_ptr_null(reassembly_put(r,
			piece(v6, 1, hostile[row].f[i].offset, hostile[row].f[i].len,
				hostile[row].f[i].more),
			0));
	ck_assert_msg(drops.n[DROP_FRAG_BAD] == hostile[row].bad, "%s", hostile[row].why);
	ck_assert_msg(dropped() == hostile[row].bad, "%s", hostile[row].why);
	ck_assert_msg(reassembly_count(r) == hostile[row].left, "%s", hostile[row].why);
}
END_TEST

START_TEST(test_repetition_completes)
{
	ck_assert_ptr_null(reassembly_put(r, piece(_i, 1, 0, 800, true), 0));
	ck_assert_ptr_null(reassembly_put(r, piece(_i, 1, 0, 800, true), 0));
	expect_whole(reassembly_put(r, piece(_i, 1, 800, 5, false), 0), _i, 805);
}
END_TEST

// RFC 6946: an atomic fragment has nothing to do with others of its identification.
START_TEST(test_atomic)
{
	ck_assert_ptr_null(reassembly_put(r, piece(1, 1, 0, 800, true), 0));
	expect_whole(reassembly_put(r, piece(1, 1, 0, 33, false), 0), 1, 33);
	ck_assert_uint_eq(reassembly_count(r), 1);
	expect_whole(reassembly_put(r, piece(1, 1, 800, 5, false), 0), 1, 805);
}
END_TEST

START_TEST(test_identities)
{
	struct rte_mbuf *m = piece(0, 1, 800, 5, false);

	ck_assert_ptr_null(reassembly_put(r, piece(0, 1, 0, 800, true), 0));
	ck_assert_ptr_null(reassembly_put(r, piece(0, 2, 800, 5, false), 0));
	ck_assert_ptr_null(reassembly_put(r, piece(1, 1, 800, 5, false), 0));
	pkt_data(m)[9] = IPPROTO_ESP;
	pkt_ip_checksum(m);
	ck_assert_ptr_null(reassembly_put(r, m, 0));
	m = piece(0, 1, 800, 5, false);
	pkt_data(m)[15]++; // another source
	pkt_ip_checksum(m);
	ck_assert_ptr_null(reassembly_put(r, m, 0));
	ck_assert_uint_eq(reassembly_count(r), 5);
	expect_whole(reassembly_put(r, piece(0, 1, 800, 5, false), 0), 0, 805);
}
END_TEST

START_TEST(test_timeout)
{
	ck_assert_ptr_null(reassembly_put(r, piece(_i, 1, 0, 800, true), 1000));
	reassembly_expire(r, 1000 + (uint64_t)REASSEMBLY_TIMEOUT_S * HZ);
	ck_assert_uint_eq(reassembly_count(r), 1);
	reassembly_expire(r, 1001 + (uint64_t)REASSEMBLY_TIMEOUT_S * HZ);
	ck_assert_uint_eq(reassembly_count(r), 0);
	ck_assert_uint_eq(drops.n[DROP_FRAG_TIMEOUT], 1);
}
END_TEST

// Memory is bounded: one source gets a quarter, all together 64, and then the oldest goes.
START_TEST(test_limits)
{
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_ptr_null(reassembly_put(r, piece(_i, i, 0, 800, true), i));
	ck_assert_uint_eq(reassembly_count(r), REASSEMBLY_CONTEXTS / 4);
	ck_assert_uint_eq(drops.n[DROP_FRAG_TABLE_FULL], 100 - REASSEMBLY_CONTEXTS / 4);
	for (uint32_t i = 0; i < 200; i++) {
		struct rte_mbuf *m = piece(_i, i, 0, 800, true);

		pkt_data(m)[_i ? 23 : 15] = (uint8_t)(i + 10);
		ck_assert_ptr_null(reassembly_put(r, m, 1000 + i));
	}
	ck_assert_uint_eq(reassembly_count(r), REASSEMBLY_CONTEXTS);
	expect_whole(({
		struct rte_mbuf *m = piece(_i, 199, 800, 5, false);

		pkt_data(m)[_i ? 23 : 15] = (uint8_t)(199 + 10);
		reassembly_put(r, m, 2000);
	}),
		_i, 805);
}
END_TEST

START_TEST(test_ecn)
{
	static const struct {
		uint8_t first, last, result;
		bool passes;
	} rows[] = {{2, 2, 2, true}, {2, 3, 3, true}, {3, 2, 3, true}, {0, 0, 0, true},
		{0, 3, 0, false}, {3, 0, 0, false}, {1, 3, 3, true}};
	struct rte_mbuf *a = piece(0, 1, 0, 800, true), *b = piece(0, 1, 800, 5, false), *m;

	pkt_data(a)[1] = rows[_i].first;
	pkt_data(b)[1] = rows[_i].last;
	ck_assert_ptr_null(reassembly_put(r, a, 0));
	m = reassembly_put(r, b, 0);
	ck_assert_int_eq(m != NULL, rows[_i].passes);
	if (m)
		ck_assert_uint_eq(pkt_data(m)[1] & 3, rows[_i].result);
	else
		ck_assert_uint_eq(drops.n[DROP_FRAG_BAD], 1);
	rte_pktmbuf_free(m);
}
END_TEST

// ---- cutting ----

START_TEST(test_cut_and_join)
{
	static const uint32_t mtus[] = {576, 1280, 1400, 1500};
	uint32_t mtu = mtus[_i / 2];
	int v6 = _i % 2;

	for (uint32_t len = 1; len < 9000; len += 397) {
		struct rte_mbuf *out[FRAGMENT_MAX], *whole = NULL, *m;
		uint8_t payload[9000];
		int n;

		for (uint32_t i = 0; i < len; i++)
			payload[i] = (uint8_t)(i * 7);
		m = pkt_ip(from[v6], to[v6], IPPROTO_UDP, payload, len);
		n = fragment_make(m, mtu, 1234, test_mbufs, out);
		ck_assert_int_ge(n, 1);
		for (int i = 0; i < n; i++) {
			ck_assert_uint_le(rte_pktmbuf_data_len(out[i]), mtu);
			ck_assert_ptr_null(whole);
			if (n == 1 && !v6) {
				whole = out[i];
				break;
			}
			whole = reassembly_put(r, out[i], 0);
		}
		expect_whole(whole, v6, len);
		rte_pktmbuf_free(m);
	}
	ck_assert_uint_eq(dropped(), 0);
}
END_TEST

// A fragment is cut further: offsets and the more-fragments bit go on from what it was.
START_TEST(test_cut_a_fragment)
{
	struct rte_mbuf *out[FRAGMENT_MAX], *m = piece(0, 1, 800, 1000, true), *whole = NULL;
	int n = fragment_make(m, 300, 0, test_mbufs, out);

	ck_assert_int_eq(n, 4);
	ck_assert_ptr_null(reassembly_put(r, piece(0, 1, 0, 800, true), 0));
	ck_assert_ptr_null(reassembly_put(r, piece(0, 1, 1800, 3, false), 0));
	for (int i = 0; i < n; i++)
		whole = reassembly_put(r, out[i], 0);
	expect_whole(whole, 0, 1803);
	rte_pktmbuf_free(m);
}
END_TEST

// RFC 791 section 3.1: only options with the copied flag go into later fragments.
START_TEST(test_cut_options)
{
	uint8_t payload[12 + 600] = {0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0};
	struct rte_mbuf *out[FRAGMENT_MAX],
		*m = pkt_ip(from[0], to[0], IPPROTO_UDP, payload, sizeof(payload));
	int n;

	pkt_data(m)[0] = 0x48; // router alert (copied), record route (not copied), end
	pkt_ip_checksum(m);
	n = fragment_make(m, 400, 0, test_mbufs, out);
	ck_assert_int_eq(n, 2);
	ck_assert_uint_eq(pkt_data(out[0])[0], 0x48);
	ck_assert_uint_eq(pkt_data(out[1])[0], 0x46);
	ck_assert_mem_eq(pkt_data(out[1]) + 20, "\x94\x04\0\0", 4);
	for (int i = 0; i < n; i++) {
		ck_assert(csum_ip4_good(pkt_data(out[i]), (pkt_data(out[i])[0] & 0xfu) * 4));
		rte_pktmbuf_free(out[i]);
	}
	rte_pktmbuf_free(m);
}
END_TEST

START_TEST(test_cut_refused)
{
	struct rte_mbuf *out[FRAGMENT_MAX], *m = pkt_echo(from[0], to[0], 1000);

	ck_assert_int_eq(fragment_make(m, 27, 0, test_mbufs, out), -EINVAL);
	ck_assert_int_eq(fragment_make(m, 28, 0, test_mbufs, out), -E2BIG);
	pkt_data(m)[6] = 0x40;
	ck_assert_int_eq(fragment_make(m, 576, 0, test_mbufs, out), -EPERM);
	pkt_data(m)[0] = 0x54;
	ck_assert_int_eq(fragment_make(m, 576, 0, test_mbufs, out), -EINVAL);
	rte_pktmbuf_free(m);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("reassembly");
	TCase *tc = tcase_create("reassembly");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_orders, 0, 12);
	tcase_add_loop_test(tc, test_hostile, 0, 2 * RTE_DIM(hostile));
	tcase_add_loop_test(tc, test_repetition_completes, 0, 2);
	tcase_add_test(tc, test_atomic);
	tcase_add_test(tc, test_identities);
	tcase_add_loop_test(tc, test_timeout, 0, 2);
	tcase_add_loop_test(tc, test_limits, 0, 2);
	tcase_add_loop_test(tc, test_ecn, 0, 7);
	tcase_add_loop_test(tc, test_cut_and_join, 0, 8);
	tcase_add_test(tc, test_cut_a_fragment);
	tcase_add_test(tc, test_cut_options);
	tcase_add_test(tc, test_cut_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	return plane_test_run(suite(), argc, argv);
}
