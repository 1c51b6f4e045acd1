// SPDX-License-Identifier: BSD-3-Clause
// The body of an SA payload as an offer to us, and as an answer to an offer of ours. What we answer
// an initiator like us must accept, with the same result.

#include "proposal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Of everything that we have, AEADs and others mixed, as much as a proposal takes.
static struct config_proposals config_all(void)
{
	struct config_proposals config = {.n = 1};
	struct config_proposal *p = &config.proposal[0];

	for (size_t i = 0; p->encr_n < CONFIG_ALGS && alg_encr_at(i); i += 2)
		p->encr[p->encr_n++] = alg_encr_at(i);
	for (size_t i = 0; i < CONFIG_ALGS && alg_prf_at(i); i++)
		p->prf[p->prf_n++] = alg_prf_at(i);
	for (size_t i = 0; i < CONFIG_ALGS && alg_integ_at(i); i++)
		p->integ[p->integ_n++] = alg_integ_at(i);
	for (size_t i = 0; i < CONFIG_ALGS && alg_dh_at(i); i++)
		p->dh[p->dh_n++] = alg_dh_at(i);
	p->esn_yes = p->esn_no = true;
	return config;
}

static void accept_again(
	const struct wire_sa *offered, const struct wire_sa *answer, const struct ike_suite *suite)
{
	static struct wire_sa read;
	struct ike_msg msg = {0};
	struct ike_suite accepted;
	struct ike_builder b;
	uint8_t chain[512];
	uint64_t spi;
	int n;

	ike_build_init(&b, chain, sizeof(chain));
	payload_sa_write(&b, answer);
	n = ike_build_finish(&b);
	if (n < 0 || ike_msg_parse_inner(&msg, b.first, chain, (size_t)n) ||
		payload_sa_read(&msg.payload[0], &read) ||
		proposal_accept(offered, &read, &accepted, &spi) || accepted.encr != suite->encr ||
		accepted.prf != suite->prf || accepted.integ != suite->integ ||
		accepted.dh != suite->dh || accepted.esn != suite->esn)
		abort();
}

static void choose_all(const struct config_proposals *config, const struct wire_sa *sa)
{
	static struct wire_sa answer;
	struct ike_suite suite;
	uint64_t spi;
	uint32_t spi32;

	for (uint8_t spi_len = 0; spi_len <= 8; spi_len += 8)
		if (proposal_choose_ike(
			    config, sa, DH_ECP_256, 7, spi_len, &suite, &spi, &answer) == 0)
			accept_again(sa, &answer, &suite);
	if (proposal_choose_esp(config, sa, DH_ECP_256, true, 256, &suite, &spi32, &answer) == 0)
		accept_again(sa, &answer, &suite);
	// Without groups the answer leaves out what a peer should not have offered: not accepted.
	proposal_choose_esp(config, sa, DH_NONE, false, 256, &suite, &spi32, &answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_sa sa, offered;
	struct config_proposals config = config_all();
	struct ike_payload_ref p = {.data = data, .len = (uint16_t)size};
	struct ike_suite suite;
	char text[96];
	uint64_t spi;

	if (size > UINT16_MAX || payload_sa_read(&p, &sa))
		return 0;
	choose_all(&config, &sa);
	proposal_offer_ike(&config, 0, 0, &offered);
	if (proposal_accept(&offered, &sa, &suite, &spi) == 0)
		ike_suite_format(&suite, text);
	proposal_offer_esp(&config, 256, true, &offered);
	if (proposal_accept(&offered, &sa, &suite, &spi) == 0) {
		struct esp_suite esp;

		ike_suite_esp(&suite, &esp);
		if (!esp_suite_valid(&esp))
			abort();
	}
	return 0;
}
