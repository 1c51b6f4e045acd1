// SPDX-License-Identifier: BSD-3-Clause
// Every algorithm, family combination (M-D), encapsulation and ESN setting: what we seal the
// reference opens, what it seals we open, byte for byte, over many lengths; and bursts in which all
// algorithms are mixed.
#include "esp_test.h"

#include <rte_ip.h>
#include <rte_udp.h>

#include <string.h>

#define COMBINATIONS 16 // outer, inner, encapsulation, ESN

static struct sa_spec spec_of(uint32_t suite, uint32_t bits)
{
	struct sa_spec spec = {
		.suite = test_suites[suite],
		.outer = bits & 1 ? AF_INET6 : AF_INET,
		.inner = bits & 2 ? AF_INET6 : AF_INET,
		.encap = bits & 4,
		.key = suite * COMBINATIONS + bits,
		.slot = bits,
	};

	spec.suite.esn = bits >> 3 & 1;
	return spec;
}

// The outer header is well-formed in itself and as an independent reader sees it.
static void check_outer(const struct rte_mbuf *m, const struct sa_spec *spec, uint32_t *esp_off)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t proto = spec->encap ? IPPROTO_UDP : IPPROTO_ESP;

	if (spec->outer == AF_INET6) {
		const struct rte_ipv6_hdr *h = (const void *)ip;

		ck_assert_uint_eq(ip[0] >> 4, 6);
		ck_assert_uint_eq(rte_be_to_cpu_16(h->payload_len), m->pkt_len - 40);
		ck_assert_uint_eq(h->proto, proto);
		ck_assert_uint_eq(h->hop_limits, 64);
		*esp_off = 40;
		if (spec->encap) {
			uint32_t sum = rte_raw_cksum(ip + 40, m->pkt_len - 40);

			sum += rte_ipv6_phdr_cksum(h, 0);
			ck_assert_uint_eq((sum & 0xffff) + (sum >> 16), 0xffff);
			ck_assert(ip[46] || ip[47]);
		}
	} else {
		const struct rte_ipv4_hdr *h = (const void *)ip;

		ck_assert_uint_eq(ip[0], 0x45);
		ck_assert_uint_eq(rte_be_to_cpu_16(h->total_length), m->pkt_len);
		ck_assert_uint_eq(h->next_proto_id, proto);
		ck_assert_uint_eq(h->time_to_live, 64);
		ck_assert_uint_eq(rte_raw_cksum(h, 20), 0xffff);
		*esp_off = 20;
	}
	if (spec->encap) {
		const struct rte_udp_hdr *udp = (const void *)(ip + *esp_off);

		ck_assert_uint_eq(rte_be_to_cpu_16(udp->src_port), 31000);
		ck_assert_uint_eq(rte_be_to_cpu_16(udp->dst_port), TEST_OUTER_PORT);
		ck_assert_uint_eq(rte_be_to_cpu_16(udp->dgram_len), m->pkt_len - *esp_off);
		if (spec->outer == AF_INET)
			ck_assert_uint_eq(udp->dgram_cksum, 0);
		*esp_off += 8;
	}
}

static void check_inner(
	const struct rte_mbuf *m, const uint8_t *inner, uint32_t len, const struct sa_spec *spec)
{
	static uint8_t got[TEST_PKT_MAX];
	const struct pkt_meta *meta = (const void *)(m + 1);

	ck_assert_uint_eq(pkt_bytes(m, got), len);
	ck_assert_mem_eq(got, inner, len);
	ck_assert_uint_eq(meta->family, spec->inner);
	ck_assert_uint_eq(meta->proto, IPPROTO_UDP);
	ck_assert_uint_eq(meta->l4_off, spec->inner == AF_INET6 ? 40 : 20);
	ck_assert_uint_eq(meta->src_port, 1234);
	ck_assert_uint_eq(meta->dst_port, 4321);
	ck_assert_uint_eq(meta->link, 100 + spec->slot);
	ck_assert(meta->flags & PKT_DECRYPTED);
	ck_assert(meta->flags & PKT_PORTS);
}

static void one_packet(const struct sa_spec *spec, uint32_t len, uint64_t seq)
{
	static uint8_t inner[TEST_PKT_MAX], pkt[TEST_PKT_MAX], text[TEST_PKT_MAX];
	struct inner_spec is = {.family = spec->inner,
		.src = 5,
		.dst = 10,
		.src_port = 1234,
		.dst_port = 4321,
		.len = len};
	struct ipc_sa_out_set out;
	struct rte_mbuf *m;
	uint32_t esp_off, n;
	int text_len;

	inner_write(&is, inner);
	spec_out(spec, &out);
	m = out_one(pkt_inner(&is, spec_ref(spec)));
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(pkt_meta(m)->family, spec->outer);
	ck_assert_uint_eq(pkt_meta(m)->sa, spec_ref(spec));
	ck_assert_uint_eq(pkt_meta(m)->adj, UINT32_MAX);
	check_outer(m, spec, &esp_off);

	n = pkt_bytes(m, pkt);
	text_len = reference_open(&out.sa, seq, pkt + esp_off, n - esp_off, text);
	ck_assert_int_gt(text_len, (int)len + 1);
	ck_assert_mem_eq(text, inner, len);
	ck_assert_uint_eq(text[text_len - 1], spec->inner == AF_INET6 ? 41 : 4);
	ck_assert_uint_eq(text[text_len - 2], (uint32_t)text_len - 2 - len);
	for (uint32_t i = 0; i < (uint32_t)text_len - 2 - len; i++)
		ck_assert_uint_eq(text[len + i], i + 1);

	pkt_outer_off(m);
	m = in_one(m);
	ck_assert_ptr_nonnull(m);
	check_inner(m, inner, len, spec);
	rte_pktmbuf_free(m);
}

START_TEST(seal_and_open)
{
	uint32_t suite = (uint32_t)_i / COMBINATIONS;
	struct sa_spec spec = spec_of(suite, (uint32_t)_i % COMBINATIONS);
	uint32_t least = spec.inner == AF_INET6 ? 48 : 28;
	uint64_t seq = 0;

	sa_pair(&spec);
	for (uint32_t len = least; len < least + 80; len++)
		one_packet(&spec, len, ++seq);
	for (uint32_t len = 200; len <= 1400; len += 97)
		one_packet(&spec, len, ++seq);
	expect_drops(-1);
	expect_no_event();
}
END_TEST

// What only the reference made: in order, with gaps, and each length once.
START_TEST(reference_seals)
{
	uint32_t suite = (uint32_t)_i / COMBINATIONS;
	struct sa_spec spec = spec_of(suite, (uint32_t)_i % COMBINATIONS);
	struct ipc_sa_in_add in;
	uint8_t inner[1500];

	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	for (uint32_t k = 0; k < 300; k += 7) {
		struct inner_spec is = {.family = spec.inner,
			.src = 5,
			.dst = 10,
			.src_port = 1234,
			.dst_port = 4321,
			.len = 60 + k * 4};
		struct rte_mbuf *m;

		inner_write(&is, inner);
		m = in_one(
			sealed(&in.sa, 1 + k * 3, inner, is.len, is.family == AF_INET6 ? 41 : 4));
		ck_assert_ptr_nonnull(m);
		check_inner(m, inner, is.len, &spec);
		rte_pktmbuf_free(m);
	}
	expect_drops(-1);
}
END_TEST

// One burst of more than ESP works on at a time, each packet of another algorithm than the last.
START_TEST(mixed_burst)
{
	static uint8_t inner[TEST_BURST][300];
	struct rte_mbuf *pkts[TEST_BURST], *big[TEST_BURST];
	uint16_t big_n, n = TEST_BURST;

	for (uint32_t s = 0; s < test_suites_n; s++) {
		struct sa_spec spec = spec_of(s, s % COMBINATIONS);

		spec.slot = s;
		sa_pair(&spec);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = i % test_suites_n;
		struct sa_spec spec = spec_of(s, s % COMBINATIONS);
		struct inner_spec is = {
			.family = spec.inner, .src = (uint8_t)(i + 1), .dst = 1, .len = 60 + i};

		inner_write(&is, inner[i]);
		pkts[i] = pkt_inner(&is, spi_make(TEST_WORKER, 0, s));
	}
	ck_assert_uint_eq(esp_out_burst(env.esp, pkts, n, big, &big_n, env.now), n);
	for (uint32_t i = 0; i < n; i++)
		pkt_outer_off(pkts[i]);
	ck_assert_uint_eq(esp_in_burst(env.esp, pkts, n, env.now), n);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_eq(pkts[i]->pkt_len, 60 + i);
		ck_assert_mem_eq(rte_pktmbuf_mtod(pkts[i], uint8_t *), inner[i], 60 + i);
		rte_pktmbuf_free(pkts[i]);
	}
	expect_drops(-1);
}
END_TEST

// In each burst some packets are spoilt: the others come out in order, next to each other.
START_TEST(mixed_burst_with_losses)
{
	struct rte_mbuf *pkts[TEST_BURST], *big[TEST_BURST];
	uint16_t big_n, n = TEST_BURST, k = 0;

	for (uint32_t s = 0; s < test_suites_n; s++) {
		struct sa_spec spec = spec_of(s, s % COMBINATIONS);

		spec.slot = s;
		sa_pair(&spec);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = i % test_suites_n;
		struct inner_spec is = {.family = spec_of(s, s % COMBINATIONS).inner,
			.src = (uint8_t)(i + 1),
			.dst = 1,
			.len = 100};

		pkts[i] = pkt_inner(&is,
			i % 5 == 4 ? spi_make(TEST_WORKER, 0, 60) : spi_make(TEST_WORKER, 0, s));
	}
	ck_assert_uint_eq(esp_out_burst(env.esp, pkts, n, big, &big_n, env.now), 103);
	expect_drops(DROP_SA_GONE, 25, -1);
	for (uint32_t i = 0; i < 103; i++) {
		pkt_outer_off(pkts[i]);
		if (i % 3 == 1)
			*rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, pkts[i]->data_len - 1) ^= 1;
	}
	ck_assert_uint_eq(esp_in_burst(env.esp, pkts, 103, env.now), 69);
	expect_drops(DROP_ESP_ICV, 34, -1);
	for (uint32_t i = 0, seen = 0; i < n; i++) {
		const uint8_t *ip;
		bool six;

		if (i % 5 == 4 || seen++ % 3 == 1)
			continue;
		ip = rte_pktmbuf_mtod(pkts[k], const uint8_t *);
		six = ip[0] >> 4 == 6;
		ck_assert_uint_eq(six ? ip[23] : ip[15], i + 1);
		rte_pktmbuf_free(pkts[k++]);
	}
	ck_assert_uint_eq(k, 69);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_roundtrip");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, seal_and_open, 0, (int)test_suites_n * COMBINATIONS);
	tcase_add_loop_test(tc, reference_seals, 0, (int)test_suites_n * COMBINATIONS);
	tcase_add_test(tc, mixed_burst);
	tcase_add_test(tc, mixed_burst_with_losses);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
