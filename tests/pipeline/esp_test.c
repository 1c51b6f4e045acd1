// SPDX-License-Identifier: BSD-3-Clause
// The ESP tests' environment, SAs and packets.
#include "esp_test.h"

#include "flow.h"

#include <rte_eal.h>
#include <rte_ip.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct test_env env;

const struct esp_suite test_suites[] = {
	{ENCR_AES_GCM_16, 128, INTEG_NONE, 0},
	{ENCR_AES_GCM_16, 256, INTEG_NONE, 0},
	{ENCR_CHACHA20_POLY1305, 0, INTEG_NONE, 0},
	{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, 0},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128, 0},
	{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_384_192, 0},
	{ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256, 0},
	{ENCR_AES_GCM_16, 192, INTEG_NONE, 0},
	{ENCR_AES_GCM_16_IIV, 128, INTEG_NONE, 0},
	{ENCR_AES_GCM_16_IIV, 192, INTEG_NONE, 0},
	{ENCR_AES_GCM_16_IIV, 256, INTEG_NONE, 0},
	{ENCR_CHACHA20_POLY1305_IIV, 0, INTEG_NONE, 0},
	{ENCR_NULL_AUTH_AES_GMAC, 128, INTEG_NONE, 0},
	{ENCR_NULL_AUTH_AES_GMAC, 192, INTEG_NONE, 0},
	{ENCR_NULL_AUTH_AES_GMAC, 256, INTEG_NONE, 0},
	{ENCR_AES_CBC, 192, INTEG_HMAC_SHA2_256_128, 0},
	{ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_256_128, 0},
	{ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_384_192, 0},
	{ENCR_AES_CTR, 256, INTEG_HMAC_SHA2_512_256, 0},
	{ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128, 0},
	{ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256, 0},
};
const uint32_t test_suites_n = RTE_DIM(test_suites);

int test_main(Suite *suite)
{
	char *argv[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
		"128", "--log-level", "4", NULL};
	SRunner *runner = srunner_create(suite);
	int failed;

	if (rte_eal_init(RTE_DIM(argv) - 1, argv) < 0)
		return 99;
	env.pool = rte_pktmbuf_pool_create("test", 1023, 0, sizeof(struct pkt_meta),
		2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	env.tiny = rte_pktmbuf_pool_create("tiny", 1023, 0, sizeof(struct pkt_meta),
		256 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	if (!env.pool || !env.tiny)
		return 99;
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_eal_cleanup();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void env_setup_slots(uint32_t slots)
{
	struct esp_config config = {
		.worker = TEST_WORKER,
		.slots = slots,
		.drops = &env.drops,
		.tsc_hz = TEST_TSC_HZ,
	};

	memset(&env.drops, 0, sizeof(env.drops));
	env.now = 5000;
	env.esp = esp_new(&config);
	ck_assert_ptr_nonnull(env.esp);
}

void env_setup(void)
{
	env_setup_slots(TEST_SLOTS);
}

void env_teardown(void)
{
	esp_free(env.esp);
	env.esp = NULL;
	ck_assert_uint_eq(rte_mempool_in_use_count(env.pool), 0);
	ck_assert_uint_eq(rte_mempool_in_use_count(env.tiny), 0);
}

uint32_t spec_spi(const struct sa_spec *spec)
{
	return spi_make(TEST_WORKER, 1, spec->slot);
}

sa_ref_t spec_ref(const struct sa_spec *spec)
{
	return spi_make(TEST_WORKER, 0, spec->slot);
}

struct ts_list ts_list_any(void)
{
	return (struct ts_list){.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}};
}

static struct inet_addr outer_addr(uint8_t family, uint8_t last)
{
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0xff, [15] = last};

	return family == AF_INET6 ? inet_addr_v6(v6)
				  : inet_addr_v4(rte_cpu_to_be_32(0xc0000200u | last));
}

static struct ts_list inner_ts(uint8_t family, bool client)
{
	struct inet_prefix p = {.addr.family = family};
	struct ts_list list = ts_list_any();

	if (!family)
		return list;
	if (family == AF_INET6) {
		memcpy(p.addr.bytes,
			client ? "\x20\x01\x0d\xb8\x10\x00" : "\x20\x01\x0d\xb8\xaa\xaa", 6);
		p.len = 64;
	} else {
		memcpy(p.addr.bytes, client ? "\x0a\x42" : "\x0a\x14", 2);
		p.len = 16;
	}
	return (struct ts_list){.n = 1, .ts = {ts_from_prefix(&p)}};
}

// `from_client`: as the client sees it, whose packets the gateway takes.
static void fill(const struct sa_spec *spec, struct ipc_sa *sa, bool from_client)
{
	const struct alg_encr *encr;
	const struct alg_integ *integ;
	uint8_t outer = spec->outer ? spec->outer : AF_INET;

	memset(sa, 0, sizeof(*sa));
	sa->suite = spec->suite;
	if (!sa->suite.encr)
		sa->suite = (struct esp_suite){ENCR_AES_GCM_16, 128, INTEG_NONE, spec->suite.esn};
	encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);
	integ = alg_integ_find(sa->suite.integ);
	sa->link = 100 + spec->slot;
	sa->cookie = 200 + spec->slot;
	sa->child = 300 + spec->slot;
	sa->spi = spec_spi(spec);
	sa->flags =
		spec->flags | (spec->encap ? IPC_SA_ENCAP : 0) | (sa->suite.esn ? IPC_SA_ESN : 0);
	sa->replay_window = spec->window ? spec->window : 128;
	sa->life = spec->life;
	sa->local = outer_addr(outer, from_client ? 2 : 1);
	sa->remote = outer_addr(outer, from_client ? 1 : 2);
	if (spec->encap) {
		sa->local_port = from_client ? 31000 : TEST_OUTER_PORT;
		sa->remote_port = from_client ? TEST_OUTER_PORT : 31000;
	}
	sa->encr_key_len = encr->key_len + encr->salt_len;
	for (uint32_t i = 0; i < sa->encr_key_len; i++)
		sa->encr_key[i] = (uint8_t)(i * 7 + spec->key * 31 + 3);
	sa->integ_key_len = integ ? integ->key_len : 0;
	for (uint32_t i = 0; i < sa->integ_key_len; i++)
		sa->integ_key[i] = (uint8_t)(i * 5 + spec->key * 13 + 1);
	sa->local_ts = inner_ts(spec->inner, from_client);
	sa->remote_ts = inner_ts(spec->inner, !from_client);
}

void spec_in(const struct sa_spec *spec, struct ipc_sa_in_add *cmd)
{
	memset(cmd, 0, sizeof(*cmd));
	fill(spec, &cmd->sa, false);
}

// The client's outbound SA.
void spec_out(const struct sa_spec *spec, struct ipc_sa_out_set *cmd)
{
	memset(cmd, 0, sizeof(*cmd));
	fill(spec, &cmd->sa, true);
	cmd->ref = spec_ref(spec);
	cmd->mtu = spec->mtu;
	cmd->hop_limit = spec->hop_limit;
}

void sa_pair(const struct sa_spec *spec)
{
	struct ipc_sa_in_add in;
	struct ipc_sa_out_set out;

	spec_in(spec, &in);
	spec_out(spec, &out);
	ck_assert_int_eq(esp_in_add(env.esp, &in, env.now), 0);
	ck_assert_int_eq(esp_out_set(env.esp, &out, env.now), 0);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint32_t inner_write(const struct inner_spec *spec, uint8_t *out)
{
	bool six = spec->family == AF_INET6;
	uint32_t head = six ? 40 : 20, len = spec->len ? spec->len : head + 8;
	uint8_t proto = spec->proto ? spec->proto : IPPROTO_UDP;

	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 3 + 1);
	memset(out, 0, RTE_MIN(head + 8, len));
	if (six) {
		out[0] = (uint8_t)(0x60 | spec->tos >> 4);
		out[1] = (uint8_t)(spec->tos << 4);
		put16(out + 4, len - 40);
		out[6] = proto;
		out[7] = 64;
		memcpy(out + 8, "\x20\x01\x0d\xb8\x10\x00", 6);
		memcpy(out + 24, "\x20\x01\x0d\xb8\xaa\xaa", 6);
		out[23] = spec->src;
		out[39] = spec->dst;
	} else {
		out[0] = 0x45;
		out[1] = spec->tos;
		put16(out + 2, len);
		out[6] = spec->df ? 0x40 : 0;
		out[8] = 64;
		out[9] = proto;
		memcpy(out + 12, "\x0a\x42\x00", 3);
		out[15] = spec->src;
		memcpy(out + 16, "\x0a\x14\x00", 3);
		out[19] = spec->dst;
		put16(out + 10, rte_be_to_cpu_16(rte_ipv4_cksum((struct rte_ipv4_hdr *)out)));
	}
	if (len >= head + 4) {
		put16(out + head, spec->src_port);
		put16(out + head + 2, spec->dst_port);
	}
	if (len >= head + 8 && proto == IPPROTO_UDP)
		put16(out + head + 4, len - head);
	return len;
}

struct rte_mbuf *pkt_from(const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(env.pool);
	uint8_t *to;

	ck_assert_ptr_nonnull(m);
	memset(rte_mbuf_to_priv(m), 0, sizeof(struct pkt_meta));
	m->data_off += 14; // as if a link layer header had been taken off
	to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	ck_assert_ptr_nonnull(to);
	memcpy(to, data, len);
	return m;
}

struct rte_mbuf *pkt_pieces(const uint8_t *data, uint32_t len, uint32_t piece)
{
	struct rte_mempool *pool = piece > 256 ? env.pool : env.tiny;
	struct rte_mbuf *head = NULL;

	for (uint32_t off = 0; off < len; off += piece) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t n = RTE_MIN(piece, len - off);

		ck_assert_ptr_nonnull(m);
		memset(rte_mbuf_to_priv(m), 0, sizeof(struct pkt_meta));
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), data + off, n);
		if (head)
			ck_assert_int_eq(rte_pktmbuf_chain(head, m), 0);
		else
			head = m;
	}
	return head;
}

struct rte_mbuf *pkt_inner(const struct inner_spec *spec, sa_ref_t ref)
{
	static uint8_t data[TEST_PKT_MAX];
	struct rte_mbuf *m = pkt_from(data, inner_write(spec, data));

	ck_assert_int_gt(flow_parse_mbuf(m, pkt_meta(m)), 0);
	pkt_meta(m)->sa = ref;
	return m;
}

uint32_t pkt_bytes(const struct rte_mbuf *m, uint8_t *out)
{
	uint32_t n = 0;

	rte_mbuf_sanity_check(m, 1);
	for (; m; m = m->next) {
		memcpy(out + n, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		n += m->data_len;
	}
	return n;
}

void pkt_outer_off(struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	bool six = ip[0] >> 4 == 6;
	uint8_t proto = six ? ip[6] : ip[9];
	struct pkt_meta meta = {0};
	uint32_t spi_be, off = six ? 40 : 20;

	meta.outer_off = m->data_off;
	meta.outer_tos = six ? (uint8_t)(ip[0] << 4 | ip[1] >> 4) : ip[1];
	if (proto == IPPROTO_UDP) {
		off += 8;
		meta.flags = PKT_ENCAP;
	}
	memcpy(&spi_be, ip + off, 4);
	meta.sa = rte_be_to_cpu_32(spi_be);
	ck_assert_ptr_nonnull(rte_pktmbuf_adj(m, (uint16_t)off));
	*pkt_meta(m) = meta;
}

struct rte_mbuf *out_one(struct rte_mbuf *m)
{
	struct rte_mbuf *big[1];
	uint16_t big_n;

	if (esp_out_burst(env.esp, &m, 1, big, &big_n, env.now) == 1)
		return m;
	ck_assert_uint_eq(big_n, 0);
	return NULL;
}

struct rte_mbuf *in_one(struct rte_mbuf *m)
{
	return esp_in_burst(env.esp, &m, 1, env.now) == 1 ? m : NULL;
}

void expect_drops(int reason, ...)
{
	uint64_t expected[DROP_COUNT] = {0};
	va_list args;

	va_start(args, reason);
	while (reason >= 0) {
		expected[reason] += (uint64_t)va_arg(args, int);
		reason = va_arg(args, int);
	}
	va_end(args);
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		ck_assert_msg(env.drops.n[i] == expected[i], "%s: %lu, expected %lu", drop_name(i),
			(unsigned long)env.drops.n[i], (unsigned long)expected[i]);
	memset(&env.drops, 0, sizeof(env.drops));
}

struct esp_event expect_event(enum ipc_type type)
{
	struct esp_event event;

	ck_assert_uint_eq(esp_events_take(env.esp, &event, 1), 1);
	ck_assert_int_eq(event.type, type);
	return event;
}

void expect_no_event(void)
{
	struct esp_event event;

	ck_assert_uint_eq(esp_events_take(env.esp, &event, 1), 0);
}
