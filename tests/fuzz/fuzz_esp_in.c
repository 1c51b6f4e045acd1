// SPDX-License-Identifier: BSD-3-Clause
// What comes from strangers before and after the ICV: headers through flow_parse() and the compiled
// selectors; ESP packets into esp_in_burst() as they are; and the input sealed first, so that the
// trailer and the inner packet are the fuzzer's, in one piece and in two.
#include "esp_impl.h"
#include "flow.h"
#include "fuzz.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <stdlib.h>
#include <string.h>

#define DATA_MAX 1800

static struct rte_mempool *pool;
static struct esp *esp;
static struct drop_counts drops;
static struct ipc_sa_in_add in;

static void start(void)
{
	char *argv[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
		"64", "--log-level", "4", NULL};
	struct esp_config config = {.worker = 1, .slots = 16, .drops = &drops, .tsc_hz = 1000000};

	if (rte_eal_init(RTE_DIM(argv) - 1, argv) < 0)
		abort();
	pool = rte_pktmbuf_pool_create(
		"fuzz", 63, 0, sizeof(struct pkt_meta), RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	esp = esp_new(&config);
	if (!pool || !esp)
		abort();
	in.sa.spi = spi_make(1, 0, 3);
	in.sa.suite = (struct esp_suite){ENCR_AES_GCM_16, 128, INTEG_NONE, 0};
	in.sa.encr_key_len = 20;
	in.sa.replay_window = 0; // numbers may repeat
	in.sa.flags = IPC_SA_ENCAP;
	in.sa.local_port = in.sa.remote_port = 4500;
	in.sa.local = in.sa.remote = inet_addr_v4(1);
	in.sa.local_ts = (struct ts_list){.n = 2, .ts = {ts_any(AF_INET), ts_any(AF_INET6)}};
	in.sa.remote_ts = in.sa.local_ts;
	in.sa.remote_ts.ts[0].proto = IPPROTO_UDP; // the wide selectors
	if (esp_in_add(esp, &in, 0))
		abort();
}

// Text behind an ESP header and IV, sealed with the SA's own key.
static size_t seal(uint8_t *pkt, const uint8_t *text, size_t size)
{
	const struct crypto_backend *backend = crypto_backend(esp->crypto, CRYPTO_AES128_GCM);
	struct crypto_op op = {
		.key = esp->in[3].key, .data = pkt + 16, .len = (uint32_t)size, .aad_len = 8};

	memset(pkt, 0, 16);
	pkt[0] = (uint8_t)(in.sa.spi >> 24);
	pkt[1] = (uint8_t)(in.sa.spi >> 16);
	pkt[3] = (uint8_t)in.sa.spi;
	pkt[7] = 9;
	memcpy(op.aad, pkt, 8);
	memcpy(pkt + 16, text, size);
	backend->encrypt(esp->crypto, &op, 1);
	return size + 32;
}

static void feed(const uint8_t *pkt, size_t len, size_t first)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *rest;

	if (!m)
		abort(); // one was lost before
	memcpy(rte_pktmbuf_append(m, (uint16_t)first), pkt, first);
	if (first < len) {
		rest = rte_pktmbuf_alloc(pool);
		if (!rest)
			abort();
		memcpy(rte_pktmbuf_append(rest, (uint16_t)(len - first)), pkt + first, len - first);
		rte_pktmbuf_chain(m, rest);
	}
	*pkt_meta(m) = (struct pkt_meta){.sa = in.sa.spi,
		.flags = PKT_ENCAP,
		.outer_off = 60,
		.outer_tos = len ? pkt[len - 1] : 0};
	if (esp_in_burst(esp, &m, 1, 1)) {
		rte_mbuf_sanity_check(m, 1);
		rte_pktmbuf_free(m);
	}
}

static void parse(const uint8_t *data, size_t size)
{
	struct pkt_meta meta = {0};
	uint8_t *exact = malloc(size ? size : 1); // ends where the packet ends

	if (!exact)
		abort();
	if (size)
		memcpy(exact, data, size);
	if (flow_parse(exact, (uint32_t)size, (uint32_t)size, &meta) > 0)
		(void)selectors_match(&esp->in[3].selectors, &esp->in_wide[3], exact, &meta);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t pkt[DATA_MAX + 64];
	struct esp_event events[ESP_EVENTS_MAX];
	size_t len;

	if (!pool)
		start();
	if (size > DATA_MAX)
		return 0;
	parse(data, size);
	feed(data, size, size);
	if (size)
		feed(data, size, data[0] % size);
	if (size < 4)
		return 0;
	len = seal(pkt, data, size);
	feed(pkt, len, len);
	feed(pkt, len, 1 + data[1] % (len - 1));
	(void)esp_events_take(esp, events, ESP_EVENTS_MAX);
	return 0;
}
