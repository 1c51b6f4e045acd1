// SPDX-License-Identifier: BSD-3-Clause
// Commands from control: what is refused changes nothing; replacing in place, moving, deleting,
// listing; a key is never used twice in a slot, and none is left in memory.
#include "esp_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct inner_spec udp6 = {.family = AF_INET6, .src = 5, .dst = 10, .len = 100};

static struct ipc_sa_info query(enum ipc_direction dir, uint32_t name)
{
	struct ipc_sa_info info;

	ck_assert_int_eq(esp_query(env.esp, dir, name, &info, env.now), 0);
	return info;
}

// What makes a good command a bad one.
#define SPOIL(text, error, code)                                                                   \
	{                                                                                          \
		text, error, spoil_##code                                                          \
	}
#define SPOILER(name, statement)                                                                   \
	static void spoil_##name(struct ipc_sa *sa)                                                \
	{                                                                                          \
		statement;                                                                         \
	}
SPOILER(encr, sa->suite.encr = 99)
SPOILER(key_bits, sa->suite.key_bits = 160)
SPOILER(integ, sa->suite.integ = INTEG_HMAC_SHA2_256_128)
SPOILER(cbc_alone, (sa->suite.encr = ENCR_AES_CBC, sa->encr_key_len = 16))
SPOILER(esn, sa->suite.esn = 2)
SPOILER(esn_flag, sa->flags |= IPC_SA_ESN)
SPOILER(flags, sa->flags |= 1u << 31)
SPOILER(key_short, sa->encr_key_len = 19)
SPOILER(key_long, sa->encr_key_len = 21)
SPOILER(key_huge, sa->encr_key_len = UINT32_MAX)
SPOILER(integ_len, sa->integ_key_len = 1)
SPOILER(spi, sa->spi = 255)
SPOILER(no_local, sa->local.family = 0)
SPOILER(family, sa->remote.family = 77)
SPOILER(mixed, sa->remote = inet_addr_v6((const uint8_t[16]){0x20, 1}))
SPOILER(unspecified, memset(sa->remote.bytes, 0, 16))
SPOILER(multicast, sa->remote.bytes[0] = 224)
SPOILER(no_port, (sa->flags |= IPC_SA_ENCAP, sa->remote_port = 0, sa->local_port = 4500))
SPOILER(no_local_ts, sa->local_ts.n = 0)
SPOILER(many_ts, sa->remote_ts.n = TS_MAX + 1)
SPOILER(ts_family, sa->remote_ts.ts[0].family = 1)
SPOILER(ts_order, (sa->remote_ts.ts[0].lo[0] = 9, sa->remote_ts.ts[0].hi[0] = 8))
SPOILER(ts_ports, (sa->remote_ts.ts[0].port_lo = 9, sa->remote_ts.ts[0].port_hi = 8))
SPOILER(window_odd, sa->replay_window = 100)
SPOILER(window_small, sa->replay_window = 32)
SPOILER(window_large, sa->replay_window = 8192)

static const struct {
	const char *why;
	int error;
	void (*spoil)(struct ipc_sa *sa);
} bad_rows[] = {
	SPOIL("unknown cipher", -ENOTSUP, encr),
	SPOIL("unknown key length", -ENOTSUP, key_bits),
	SPOIL("AEAD with an integrity algorithm", -ENOTSUP, integ),
	SPOIL("CBC without one", -ENOTSUP, cbc_alone),
	SPOIL("ESN neither yes nor no", -ENOTSUP, esn),
	SPOIL("ESN by flag only", -EINVAL, esn_flag),
	SPOIL("unknown flag", -EINVAL, flags),
	SPOIL("key too short", -EINVAL, key_short),
	SPOIL("key too long", -EINVAL, key_long),
	SPOIL("key length absurd", -EINVAL, key_huge),
	SPOIL("integrity key for an AEAD", -EINVAL, integ_len),
	SPOIL("reserved SPI", -EINVAL, spi),
	SPOIL("no local address", -EINVAL, no_local),
	SPOIL("unknown family", -EINVAL, family),
	SPOIL("families differ", -EINVAL, mixed),
	SPOIL("address unspecified", -EINVAL, unspecified),
	SPOIL("multicast address", -EINVAL, multicast),
	SPOIL("UDP without a port", -EINVAL, no_port),
	SPOIL("no local selector", -EINVAL, no_local_ts),
	SPOIL("too many selectors", -EINVAL, many_ts),
	SPOIL("selector of an unknown family", -EINVAL, ts_family),
	SPOIL("selector upside down", -EINVAL, ts_order),
	SPOIL("selector ports upside down", -EINVAL, ts_ports),
	SPOIL("window no power of two", -EINVAL, window_odd),
	SPOIL("window too small", -EINVAL, window_small),
	SPOIL("window too large", -EINVAL, window_large),
};
#define INBOUND_ONLY 3 // the last ones: outbound SAs have no window

START_TEST(bad_commands)
{
	struct sa_spec spec = {0};
	struct ipc_sa_in_add in;
	struct ipc_sa_out_set out;
	uint64_t n_in, n_out;

	spec_in(&spec, &in);
	spec_out(&spec, &out);
	bad_rows[_i].spoil(&in.sa);
	bad_rows[_i].spoil(&out.sa);
	ck_assert_msg(esp_in_add(env.esp, &in, 0) == bad_rows[_i].error, "%s", bad_rows[_i].why);
	if (_i < (int)RTE_DIM(bad_rows) - INBOUND_ONLY)
		ck_assert_msg(esp_out_set(env.esp, &out, 0) == bad_rows[_i].error, "%s",
			bad_rows[_i].why);
	esp_count(env.esp, &n_in, &n_out);
	ck_assert_uint_eq(n_in, 0);
	ck_assert_uint_eq(n_out, 0);
	sa_pair(&spec); // the slots are still free
}
END_TEST

START_TEST(bad_envelopes)
{
	struct sa_spec spec = {0};
	struct ipc_sa_in_add in;
	struct ipc_sa_out_set out;

	spec_in(&spec, &in);
	in.sa.spi = spi_make(TEST_WORKER + 1, 1, 0);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EINVAL);
	in.sa.spi = spi_make(TEST_WORKER, 1, TEST_SLOTS);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EINVAL);
	spec_in(&spec, &in);
	in.ingress_n = IPC_INGRESS_MAX + 1;
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EINVAL);
	in.ingress_n = 1; // a prefix of no family
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EINVAL);

	spec_out(&spec, &out);
	out.ref = spi_make(TEST_WORKER, 1, 0); // a generation
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	out.ref = spi_make(TEST_WORKER, 0, TEST_SLOTS);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	out.ref = spi_make(TEST_WORKER + 1, 0, 0);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	out.ref = 0;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	spec_out(&spec, &out);
	out.next = 5;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	out.next = 0;
	out.mtu = 100;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	out.mtu = 70000;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EINVAL);
	sa_pair(&spec);
}
END_TEST

// Anything at all may come over the ring.
START_TEST(noise)
{
	static union {
		struct ipc_sa_in_add in;
		struct ipc_sa_out_set out;
		struct ipc_sa_move move;
		uint8_t bytes[sizeof(struct ipc_sa_out_set) + sizeof(struct ipc_sa_in_add)];
	} cmd;
	struct ipc_sa_info info;

	srand(7296);
	for (int i = 0; i < 20000; i++) {
		struct sa_spec spec = {.slot = (uint32_t)i % TEST_SLOTS,
			.key = (uint32_t)i,
			.suite = test_suites[(uint32_t)i % test_suites_n]};
		size_t changes = (size_t)(rand() % 6);

		if (i % 2)
			spec_in(&spec, &cmd.in);
		else
			spec_out(&spec, &cmd.out);
		while (changes--)
			cmd.bytes[(size_t)rand() % sizeof(cmd)] = (uint8_t)rand();
		if (i % 2)
			(void)esp_in_add(env.esp, &cmd.in, 0);
		else
			(void)esp_out_set(env.esp, &cmd.out, 0);
		cmd.move.direction = (uint32_t)rand() % 3;
		(void)esp_move(env.esp, &cmd.move);
		(void)esp_in_del(env.esp, spi_make(TEST_WORKER, 1, (uint32_t)rand()), &info, 0);
		(void)esp_out_del(env.esp, (uint32_t)rand(), &info, 0);
	}
}
END_TEST

START_TEST(slot_is_taken)
{
	struct sa_spec spec = {0};
	struct ipc_sa_in_add in;

	sa_pair(&spec);
	spec_in(&spec, &in);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EEXIST);
	in.sa.spi = spi_make(TEST_WORKER, 2, 0);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), -EEXIST);
	ck_assert_int_eq(query(IPC_DIR_IN, spec_spi(&spec)).spi, spec_spi(&spec));
}
END_TEST

// A (key, IV) pair is never used twice: not by replacing, not over a deletion, not by another salt.
START_TEST(same_key_twice)
{
	struct sa_spec spec = {.suite = test_suites[_i]};
	const struct alg_encr *encr;
	struct ipc_sa_out_set out;
	struct ipc_sa_info info;
	struct rte_mbuf *m;

	spec_out(&spec, &out);
	encr = alg_encr_find(out.sa.suite.encr, out.sa.suite.key_bits);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), 0);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EALREADY);
	out.sa.spi += 1;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EALREADY);
	if (encr->salt_len) {
		out.sa.encr_key[out.sa.encr_key_len - 1] ^= 1;
		ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EALREADY);
	}
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	ck_assert_ptr_nonnull(m); // the old one still works
	rte_pktmbuf_free(m);
	ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&spec), &info, 0), 0);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), -EALREADY);
	(encr->key_len ? out.sa.encr_key : out.sa.integ_key)[0] ^= 1;
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), 0);
}
END_TEST

START_TEST(replace_in_place)
{
	struct sa_spec spec = {0};
	struct ipc_sa_out_set out;
	struct ipc_sa_info info;
	struct rte_mbuf *m;
	uint8_t pkt[2000], text[2000];

	sa_pair(&spec);
	esp_set_route_generation(env.esp, 1, 1500);
	for (int i = 0; i < 5; i++) {
		env.now += 1000;
		m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
		rte_pktmbuf_free(m);
	}
	spec.key = 9;
	spec.suite = test_suites[2];
	spec_out(&spec, &out);
	out.sa.spi = 0x12345678;
	out.sa.cookie = 77;
	ck_assert_int_eq(esp_out_set(env.esp, &out, env.now), 0);
	info = query(IPC_DIR_OUT, spec_ref(&spec));
	ck_assert_uint_eq(info.spi, 0x12345678);
	ck_assert_uint_eq(info.cookie, 77);
	ck_assert_uint_eq(info.pkts, 5); // counters go on
	ck_assert_uint_eq(info.bytes, 500);
	ck_assert_uint_eq(info.seq, 0); // numbers start again
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	ck_assert_uint_gt(reference_open(&out.sa, 1, pkt + 20, pkt_bytes(m, pkt) - 20, text), 100);
	rte_pktmbuf_free(m);
	info = query(IPC_DIR_OUT, spec_ref(&spec));
	ck_assert_uint_eq(info.pkts, 6);
	ck_assert_uint_eq(info.bytes, 600);
	ck_assert_uint_eq(info.seq, 1);
	ck_assert_uint_eq(info.ref, spec_ref(&spec));
}
END_TEST

// M-F: the outer addresses change, keys and counters stay, no number is used twice.
START_TEST(move_outbound)
{
	struct sa_spec spec = {.suite = test_suites[_i]};
	struct ipc_sa_move move = {
		.direction = IPC_DIR_OUT, .encap = 1, .local_port = 4500, .remote_port = 999};
	struct ipc_sa_out_set out;
	uint8_t pkt[2000], text[2000];
	struct rte_mbuf *m;
	uint32_t before;

	sa_pair(&spec);
	spec_out(&spec, &out);
	esp_set_route_generation(env.esp, 1, 1500);
	esp_out_adj(env.esp, spec_ref(&spec), 4, 1500);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	rte_pktmbuf_free(m);
	before = esp_out_mtu(env.esp, spec_ref(&spec), AF_INET);
	move.spi_or_ref = spec_ref(&spec);
	move.local = inet_addr_v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 1});
	move.remote = inet_addr_v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 9});
	ck_assert_int_eq(esp_move(env.esp, &move), 0);
	ck_assert_uint_le(esp_out_mtu(env.esp, spec_ref(&spec), AF_INET) + 28, before + 16);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	ck_assert_uint_eq(pkt_meta(m)->adj, UINT32_MAX);
	ck_assert_uint_eq(pkt_meta(m)->family, AF_INET6);
	pkt_bytes(m, pkt);
	ck_assert_uint_eq(pkt[0] >> 4, 6);
	ck_assert_uint_eq(pkt[39], 9);
	ck_assert_uint_eq(pkt[42] << 8 | pkt[43], 999);
	ck_assert_uint_gt(reference_open(&out.sa, 2, pkt + 48, m->pkt_len - 48, text), 100);
	rte_pktmbuf_free(m);
	move.encap = 0;
	move.local = inet_addr_v4(rte_cpu_to_be_32(0xc0000201));
	move.remote = inet_addr_v4(rte_cpu_to_be_32(0xc0000277));
	ck_assert_int_eq(esp_move(env.esp, &move), 0);
	ck_assert_uint_eq(esp_out_mtu(env.esp, spec_ref(&spec), AF_INET), before);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	pkt_bytes(m, pkt);
	ck_assert_uint_eq(pkt[0], 0x45);
	ck_assert_uint_eq(pkt[19], 0x77);
	ck_assert_uint_gt(reference_open(&out.sa, 3, pkt + 20, m->pkt_len - 20, text), 100);
	rte_pktmbuf_free(m);
	ck_assert_uint_eq(query(IPC_DIR_OUT, spec_ref(&spec)).pkts, 3);
}
END_TEST

START_TEST(move_refused)
{
	struct sa_spec spec = {0};
	struct ipc_sa_move move = {.direction = IPC_DIR_OUT};
	struct ipc_sa_info before, after;

	sa_pair(&spec);
	before = query(IPC_DIR_OUT, spec_ref(&spec));
	move.local = before.local;
	move.remote = before.remote;
	move.spi_or_ref = spi_make(TEST_WORKER, 0, 7);
	ck_assert_int_eq(esp_move(env.esp, &move), -ENOENT);
	move.direction = IPC_DIR_IN;
	ck_assert_int_eq(esp_move(env.esp, &move), -ENOENT);
	move.direction = 2;
	ck_assert_int_eq(esp_move(env.esp, &move), -EINVAL);
	move.direction = IPC_DIR_OUT;
	move.spi_or_ref = spec_ref(&spec);
	move.encap = 1; // without ports
	ck_assert_int_eq(esp_move(env.esp, &move), -EINVAL);
	move.encap = 2;
	move.local_port = move.remote_port = 1;
	ck_assert_int_eq(esp_move(env.esp, &move), -EINVAL);
	move.encap = 0;
	move.remote.family = 0;
	ck_assert_int_eq(esp_move(env.esp, &move), -EINVAL);
	after = query(IPC_DIR_OUT, spec_ref(&spec));
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

START_TEST(queries)
{
	struct sa_spec spec = {.slot = 3, .encap = true, .window = 256};
	struct ipc_sa_info info;
	struct rte_mbuf *m;

	spec.suite.esn = 1;
	sa_pair(&spec);
	info = query(IPC_DIR_IN, spec_spi(&spec));
	ck_assert_uint_eq(info.direction, IPC_DIR_IN);
	ck_assert_uint_eq(info.spi, spec_spi(&spec));
	ck_assert_uint_eq(info.ref, 0);
	ck_assert_uint_eq(info.flags, IPC_SA_ENCAP | IPC_SA_ESN);
	ck_assert_uint_eq(info.link, 103);
	ck_assert_uint_eq(info.cookie, 203);
	ck_assert_uint_eq(info.child, 303);
	ck_assert_uint_eq(info.suite.esn, 1);
	ck_assert_uint_eq(info.replay_window, 256);
	ck_assert_uint_eq(info.remote_port, 31000);
	ck_assert_uint_eq(info.idle_us, UINT64_MAX);
	ck_assert_uint_eq(info.pkts, 0);
	env.now = 1000000000;
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	pkt_outer_off(m);
	m = in_one(m);
	rte_pktmbuf_free(m);
	env.now = 1500000000; // half a second at TEST_TSC_HZ
	info = query(IPC_DIR_IN, spec_spi(&spec));
	ck_assert_uint_eq(info.idle_us, 500000);
	ck_assert_uint_eq(info.pkts, 1);
	ck_assert_uint_eq(info.bytes, 100);
	ck_assert_uint_eq(info.seq, 1);
	ck_assert_uint_eq(query(IPC_DIR_OUT, spec_ref(&spec)).idle_us, 500000);
	ck_assert_int_eq(esp_query(env.esp, 2, spec_spi(&spec), &info, 0), -EINVAL);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, 0, &info, 0), -ENOENT);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_IN, UINT32_MAX, &info, 0), -ENOENT);
	ck_assert_int_eq(esp_query(env.esp, IPC_DIR_OUT, spec_spi(&spec), &info, 0), -ENOENT);
}
END_TEST

START_TEST(listing)
{
	static const uint32_t slots[] = {0, 1, 31, 32, 62, 63};
	struct ipc_sa_info info;
	uint64_t n_in, n_out;

	for (uint32_t i = 0; i < RTE_DIM(slots); i++)
		sa_pair(&(struct sa_spec){.slot = slots[i], .key = i});
	esp_count(env.esp, &n_in, &n_out);
	ck_assert_uint_eq(n_in, RTE_DIM(slots));
	ck_assert_uint_eq(n_out, RTE_DIM(slots));
	for (int dir = IPC_DIR_IN; dir <= IPC_DIR_OUT; dir++) {
		uint32_t slot = 0, n = 0;

		for (; esp_next(env.esp, dir, &slot, &info, 0) == 0; slot++) {
			ck_assert_uint_eq(slot, slots[n++]);
			ck_assert_uint_eq(info.link, 100 + slot);
		}
		ck_assert_uint_eq(n, RTE_DIM(slots));
	}
	for (uint32_t i = 0; i < RTE_DIM(slots); i++) {
		struct sa_spec spec = {.slot = slots[i]};

		ck_assert_int_eq(esp_in_del(env.esp, spec_spi(&spec), &info, 0), 0);
		ck_assert_int_eq(esp_in_del(env.esp, spec_spi(&spec), &info, 0), -ENOENT);
		ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&spec), &info, 0), 0);
		ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&spec), &info, 0), -ENOENT);
	}
	esp_count(env.esp, &n_in, &n_out);
	ck_assert_uint_eq(n_in + n_out, 0);
	uint32_t slot = 0;
	ck_assert_int_eq(esp_next(env.esp, IPC_DIR_IN, &slot, &info, 0), -ENOENT);
	slot = UINT32_MAX;
	ck_assert_int_eq(esp_next(env.esp, IPC_DIR_OUT, &slot, &info, 0), -ENOENT);
}
END_TEST

// Deleted: nothing of the record is left, and its packets find no SA.
START_TEST(wiped)
{
	static const struct sa_in no_in;
	static const struct sa_out no_out;
	struct sa_spec spec = {.suite = test_suites[_i]};
	struct ipc_sa_info info;
	struct rte_mbuf *m;

	sa_pair(&spec);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	pkt_outer_off(m);
	ck_assert_int_eq(esp_in_del(env.esp, spec_spi(&spec), &info, 0), 0);
	ck_assert_int_eq(esp_out_del(env.esp, spec_ref(&spec), &info, 0), 0);
	ck_assert_uint_eq(info.pkts, 1);
	ck_assert_mem_eq(&env.esp->in[0], &no_in, sizeof(no_in));
	ck_assert_mem_eq(&env.esp->out[0], &no_out, sizeof(no_out));
	ck_assert_ptr_null(in_one(m));
	expect_drops(DROP_ESP_NO_SA, 1, -1);
}
END_TEST

START_TEST(slot_used_again)
{
	struct sa_spec spec = {.window = 4096, .life = {.hard_pkts = 1}};
	struct ipc_sa_in_add in;
	struct ipc_sa_info info;
	struct rte_mbuf *m;

	sa_pair(&spec);
	m = out_one(pkt_inner(&udp6, spec_ref(&spec)));
	pkt_outer_off(m);
	m = in_one(m);
	rte_pktmbuf_free(m);
	ck_assert_int_eq(esp_in_del(env.esp, spec_spi(&spec), &info, 0), 0);
	spec.life.hard_pkts = 0;
	spec_in(&spec, &in);
	in.sa.spi = spi_make(TEST_WORKER, 2, 0);
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	info = query(IPC_DIR_IN, in.sa.spi);
	ck_assert_uint_eq(info.pkts + info.bytes + info.drops + info.seq, 0);
	// The far window is clean again.
	uint8_t inner[100];
	inner_write(&udp6, inner);
	for (uint64_t seq = 1; seq < 5; seq++) {
		m = in_one(sealed(&in.sa, seq, inner, 100, 41));
		ck_assert_ptr_nonnull(m);
		rte_pktmbuf_free(m);
	}
}
END_TEST

START_TEST(bad_configurations)
{
	struct drop_counts drops;
	struct esp_config good = {.worker = 0, .slots = 64, .drops = &drops, .tsc_hz = 1};
	struct esp_config bad[] = {good, good, good, good, good};

	bad[0].slots = 0;
	bad[1].slots = 63;
	bad[2].slots = 1u << 23;
	bad[3].drops = NULL;
	bad[4].worker = 63;
	for (uint32_t i = 0; i < RTE_DIM(bad); i++) {
		ck_assert_ptr_null(esp_new(&bad[i]));
		ck_assert_int_eq(errno, EINVAL);
	}
	esp_free(NULL);
}
END_TEST

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

// A packet from 2001:db8:1000::SRC through the pair; whether it came out.
static bool passes(const struct sa_spec *spec, uint8_t src)
{
	struct inner_spec inner = udp6;
	struct rte_mbuf *m;

	inner.src = src;
	m = out_one(pkt_inner(&inner, spec_ref(spec)));
	ck_assert_ptr_nonnull(m);
	pkt_outer_off(m);
	m = in_one(m);
	rte_pktmbuf_free(m);
	return m != NULL;
}

// L29: addresses come and go while the SA carries packets; counters and window go on.
START_TEST(ingress_changes)
{
	struct sa_spec spec = {0};
	struct ipc_sa_ingress_set set = {.spi = spec_spi(&spec)};

	sa_pair(&spec); // open selectors, no filter
	ck_assert(passes(&spec, 5));
	set.ingress[set.ingress_n++] = prefix("fe80::/64");
	set.ingress[set.ingress_n++] = prefix("::/128");
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), 0);
	ck_assert(!passes(&spec, 5));
	set.ingress[set.ingress_n++] = prefix("2001:db8:1000::5/128");
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), 0);
	ck_assert(passes(&spec, 5));
	ck_assert(!passes(&spec, 6));
	for (uint32_t i = 6; i < 6 + IPC_INGRESS_MAX - 3; i++) { // as many as there may be
		set.ingress[set.ingress_n] = prefix("2001:db8:1000::/128");
		set.ingress[set.ingress_n++].addr.bytes[15] = (uint8_t)i;
	}
	ck_assert_uint_eq(set.ingress_n, IPC_INGRESS_MAX);
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), 0);
	ck_assert(passes(&spec, 5));
	ck_assert(passes(&spec, 6 + IPC_INGRESS_MAX - 4));
	ck_assert(!passes(&spec, 6 + IPC_INGRESS_MAX - 3));
	expect_drops(DROP_INGRESS_FILTER, 3, -1);
	set.ingress_n = 3; // back into the record
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), 0);
	ck_assert(passes(&spec, 5));
	ck_assert(!passes(&spec, 6));
	expect_drops(DROP_INGRESS_FILTER, 1, -1);
	set.ingress_n = 0;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), 0);
	ck_assert(passes(&spec, 77));
	ck_assert_uint_eq(query(IPC_DIR_IN, set.spi).pkts, 10); // decrypted, whatever came of them
	ck_assert_uint_eq(query(IPC_DIR_IN, set.spi).drops, 4);
}
END_TEST

// A source outside selectors and filter alike is the selectors' to refuse.
START_TEST(ingress_within_selectors)
{
	struct sa_spec spec = {0};
	struct ipc_sa_in_add in;
	struct ipc_sa_out_set out;
	struct inet_prefix shared = prefix("2001:db8:1000::/121"); // ::0 to ::7f

	spec_in(&spec, &in);
	spec_out(&spec, &out);
	in.sa.remote_ts = (struct ts_list){.n = 1, .ts = {ts_from_prefix(&shared)}};
	in.ingress[in.ingress_n++] = prefix("2001:db8:1000::5/128");
	ck_assert_int_eq(esp_in_add(env.esp, &in, 0), 0);
	ck_assert_int_eq(esp_out_set(env.esp, &out, 0), 0);
	ck_assert(passes(&spec, 5));
	ck_assert(!passes(&spec, 6));
	expect_drops(DROP_INGRESS_FILTER, 1, -1);
	ck_assert(!passes(&spec, 0x85));
	expect_drops(DROP_SA_SELECTOR_IN, 1, -1);
}
END_TEST

START_TEST(ingress_refused)
{
	struct sa_spec spec = {0};
	struct ipc_sa_ingress_set set = {.spi = spec_spi(&spec), .ingress_n = 1};

	set.ingress[0] = prefix("2001:db8:1000::6/128");
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -ENOENT);
	sa_pair(&spec);
	set.spi ^= 1u << SPI_GENERATION_SHIFT;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -ENOENT);
	set.spi = UINT32_MAX;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -ENOENT);
	set.spi = spec_spi(&spec);
	set.ingress_n = IPC_INGRESS_MAX + 1;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -EINVAL);
	set.ingress_n = UINT32_MAX;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -EINVAL);
	set.ingress_n = 1;
	set.ingress[0].len = 129;
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -EINVAL);
	set.ingress[0] = (struct inet_prefix){.addr = {.family = 7}};
	ck_assert_int_eq(esp_ingress_set(env.esp, &set), -EINVAL);
	ck_assert(passes(&spec, 5)); // nothing has changed
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp_commands");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, bad_commands, 0, RTE_DIM(bad_rows));
	tcase_add_test(tc, bad_envelopes);
	tcase_add_test(tc, noise);
	tcase_add_test(tc, slot_is_taken);
	tcase_add_loop_test(tc, same_key_twice, 0, (int)test_suites_n);
	tcase_add_test(tc, replace_in_place);
	tcase_add_loop_test(tc, move_outbound, 0, (int)test_suites_n);
	tcase_add_test(tc, move_refused);
	tcase_add_test(tc, queries);
	tcase_add_test(tc, listing);
	tcase_add_loop_test(tc, wiped, 0, (int)test_suites_n);
	tcase_add_test(tc, slot_used_again);
	tcase_add_test(tc, bad_configurations);
	tcase_add_test(tc, ingress_changes);
	tcase_add_test(tc, ingress_within_selectors);
	tcase_add_test(tc, ingress_refused);
	suite_add_tcase(suite, tc);
	return test_main(suite);
}
