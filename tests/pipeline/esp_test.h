// SPDX-License-Identifier: BSD-3-Clause
// What the ESP tests share: an EAL without devices, one worker's ESP, pairs of SAs where what the
// outbound one makes the inbound one takes, packets, and a second ESP implementation of a few lines
// on top of OpenSSL to compare with (esp_reference.c).
#pragma once

#include "esp.h"
#include "esp_impl.h"

#include <check.h>
#include <rte_mbuf.h>

#define TEST_WORKER 3
#define TEST_SLOTS 64
#define TEST_TSC_HZ 1000000000
#define TEST_BURST 128
#define TEST_PKT_MAX 65536
#define TEST_OUTER_PORT 4500

struct test_env {
	struct rte_mempool *pool; // 2 KB data rooms
	struct rte_mempool *tiny; // 256-byte data rooms, for packets in pieces
	struct drop_counts drops;
	struct esp *esp;
	uint64_t now; // TSC handed to the bursts
};
extern struct test_env env;

// main() of a test program: EAL once, then the suite.
int test_main(Suite *suite);
// Checked fixture: a fresh ESP; the teardown finds that no mbuf was lost.
void env_setup(void);
void env_teardown(void);
void env_setup_slots(uint32_t slots);

// Which SA to make. Zeroes are the usual case: AES-128-GCM, IPv4 outside, native, no ESN.
struct sa_spec {
	struct esp_suite suite;
	uint8_t outer; // AF_INET, AF_INET6
	uint8_t inner; // of the selectors, 0: both families, any address
	bool encap;
	uint32_t window; // 0: 128
	uint32_t flags; // more enum ipc_sa_flags
	uint32_t mtu;
	uint8_t hop_limit;
	uint32_t key; // keys differ by it
	uint32_t slot; // and SPIs
	struct ipc_sa_lifetime life;
};

extern const struct esp_suite test_suites[];
extern const uint32_t test_suites_n;

uint32_t spec_spi(const struct sa_spec *spec);
sa_ref_t spec_ref(const struct sa_spec *spec);
void spec_in(const struct sa_spec *spec, struct ipc_sa_in_add *cmd);
void spec_out(const struct sa_spec *spec, struct ipc_sa_out_set *cmd);
void sa_pair(const struct sa_spec *spec); // adds both; they must be accepted
struct ts_list ts_list_any(void);

// Packets. Addresses: IPv4 10.66.0.SRC and 10.20.0.DST, IPv6 2001:db8:1000::SRC, 2001:db8:aaaa::DST.
struct inner_spec {
	uint8_t family;
	uint8_t proto; // 0: UDP
	uint8_t tos;
	uint8_t src, dst;
	uint16_t src_port, dst_port; // ICMP: type and code in src_port
	uint32_t len; // of the IP packet
	bool df;
};
uint32_t inner_write(const struct inner_spec *spec, uint8_t *out);
struct rte_mbuf *pkt_from(const uint8_t *data, uint32_t len); // one piece, meta zeroed
struct rte_mbuf *pkt_pieces(const uint8_t *data, uint32_t len, uint32_t piece); // of this size
struct rte_mbuf *pkt_inner(const struct inner_spec *spec, sa_ref_t ref); // parsed
uint32_t pkt_bytes(const struct rte_mbuf *m, uint8_t *out);

// Takes off the outer header as classify does: to be given to esp_in_burst().
void pkt_outer_off(struct rte_mbuf *m);
// One packet through; NULL: it did not come out.
struct rte_mbuf *out_one(struct rte_mbuf *m);
struct rte_mbuf *in_one(struct rte_mbuf *m);

// Exactly these drops have been counted, then forgets them: expect_drops(DROP_X, 1, -1).
void expect_drops(int reason, ...);
// The events so far: the next one is of this type. Returns it.
struct esp_event expect_event(enum ipc_type type);
void expect_no_event(void);

// The reference. Text: from the inner packet to the next header field.
// Makes a whole ESP packet from SPI to ICV with this IV, returns its length.
uint32_t reference_seal(const struct ipc_sa *sa, uint64_t seq, const uint8_t *iv,
	const uint8_t *text, uint32_t text_len, uint8_t *out);
// Opens one. Text length, -1: the ICV is wrong.
int reference_open(
	const struct ipc_sa *sa, uint64_t seq, const uint8_t *pkt, uint32_t len, uint8_t *text);
// Trailer behind a payload: padding, pad length, next header. Returns the text's length.
uint32_t reference_pad(uint8_t *text, uint32_t payload_len, uint32_t block, uint8_t next);
// An ESP packet of the inbound SA with sequence number `seq` around `inner`, ready for esp_in_burst().
struct rte_mbuf *sealed(const struct ipc_sa *sa, uint64_t seq, const uint8_t *inner,
	uint32_t inner_len, uint8_t next);
struct rte_mbuf *sealed_text(
	const struct ipc_sa *sa, uint64_t seq, const uint8_t *text, uint32_t text_len);
