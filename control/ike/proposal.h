// SPDX-License-Identifier: BSD-3-Clause
// Negotiation: what we offer, what we choose. RFC 7296 sections 2.7 and 3.3.6. Pure; any thread.
#pragma once

#include "config.h"
#include "ike_payload.h"

// The one combination that was agreed on. IKE SAs: encr, prf, integ (NULL with AEAD), dh. Child SAs:
// suite, dh (NULL: no PFS).
struct ike_suite {
	const struct alg_encr *encr;
	const struct alg_prf *prf;
	const struct alg_integ *integ;
	const struct alg_dh *dh;
	bool esn;
};

// Our offer from the configuration; spi/spi_len go into each proposal (0: none). `with_dh` false
// leaves DH out (the first child SA in IKE_AUTH has none).
void proposal_offer_ike(
	const struct config_proposals *config, uint64_t spi, uint8_t spi_len, struct wire_sa *out);
void proposal_offer_esp(
	const struct config_proposals *config, uint32_t spi, bool with_dh, struct wire_sa *out);

// Responder: the first of the configuration's combinations, in the configuration's order, that the
// peer offers. `prefer_dh`: group of its KE payload (0: none), preferred among equals so that no
// INVALID_KE_PAYLOAD round is needed. Fills the peer's SPI and the answer to send (one proposal,
// the peer's number, `our_spi`). 0 or -ENOENT: NO_PROPOSAL_CHOSEN.
int proposal_choose_ike(const struct config_proposals *config, const struct wire_sa *offered,
	uint16_t prefer_dh, uint64_t our_spi, uint8_t spi_len, struct ike_suite *suite,
	uint64_t *peer_spi, struct wire_sa *answer);
int proposal_choose_esp(const struct config_proposals *config, const struct wire_sa *offered,
	uint16_t prefer_dh, bool with_dh, uint32_t our_spi, struct ike_suite *suite,
	uint32_t *peer_spi, struct wire_sa *answer);

// Initiator: the answer is exactly one proposal, and one that we offered. 0 or -EINVAL.
int proposal_accept(const struct wire_sa *offered, const struct wire_sa *answer,
	struct ike_suite *suite, uint64_t *peer_spi);

const char *ike_suite_format(const struct ike_suite *suite, char buf[96]);
void ike_suite_esp(const struct ike_suite *suite, struct esp_suite *out);
