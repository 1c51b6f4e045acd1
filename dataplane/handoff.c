// SPDX-License-Identifier: BSD-3-Clause
// Hand-over between workers. One worker's thread on each side of a ring.
#include "handoff.h"

#include "classify.h"
#include "forward.h"
#include "multicast.h"
#include "reassembly.h"

void handoff_put(struct worker *w, uint32_t to, struct rte_mbuf *m, enum pkt_stage stage,
	enum drop_reason no_owner)
{
	if (to >= w->count || !w->handoff_out[to]) {
		worker_drop(w, m, no_owner);
		return;
	}
	pkt_meta(m)->stage = (uint8_t)stage;
	if (rte_ring_sp_enqueue(w->handoff_out[to], m)) {
		worker_drop(w, m, DROP_HANDOFF_FULL);
		return;
	}
	w->stats.handoff_out++;
}

static void take_burst(struct worker *w, struct rte_mbuf **pkts, uint32_t n)
{
	struct rte_mbuf *esp_in[WORKER_BURST], *esp_out[WORKER_BURST];
	uint16_t in_n = 0, out_n = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		switch (pkt_meta(m)->stage) {
		case PKT_STAGE_ESP_IN:
			esp_in[in_n++] = m;
			break;
		case PKT_STAGE_ESP_OUT:
			esp_out[out_n++] = m;
			break;
		case PKT_STAGE_REASSEMBLE:
			m = reassembly_put(w->reassembly, m, w->now_tsc);
			if (!m)
				break;
			w->stats.reassembled++;
			if (classify_outer_ip(w, pkt_meta(m)->in_port, m))
				esp_in[in_n++] = m;
			break;
		case PKT_STAGE_GROUP:
			multicast_members(w, m);
			break;
		default:
			worker_drop(w, m, DROP_HANDOFF_FULL);
		}
	}
	if (in_n)
		worker_esp_in(w, esp_in, in_n);
	if (out_n)
		forward_esp_out(w, esp_out, out_n);
}

uint32_t handoff_drain(struct worker *w)
{
	uint32_t total = 0;

	for (uint32_t from = 0; from < w->count; from++) {
		struct rte_mbuf *pkts[WORKER_BURST];
		uint32_t n;

		if (!w->handoff_in[from])
			continue;
		n = rte_ring_sc_dequeue_burst(
			w->handoff_in[from], (void **)pkts, WORKER_BURST, NULL);
		if (!n)
			continue;
		w->stats.handoff_in += n;
		take_burst(w, pkts, n);
		total += n;
	}
	return total;
}
