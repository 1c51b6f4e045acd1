// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of algorithms: RFC 7296 sections 2.7, 3.3.3 and 3.3.6. Pure functions of their
// arguments: any thread.
//
// The chosen suite has exactly one transform of each type that the proposal contains, so the types
// are independent of each other within one proposal, but for one thing: integrity goes with
// ciphers that are no AEAD, and with these alone. Per offered proposal the best choice is found
// type by type; the best of these over all offered proposals wins (struct rank).

#include "proposal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ESP_SPI_BYTES 4
#define IKE_SPI_BYTES 8
#define SPI_RESERVED 255 // RFC 4303 section 2.1
#define ESN_NO 0
#define ESN_YES 1

#define BIT(type) (1u << (type))
#define IKE_TYPES                                                                                  \
	(BIT(TRANSFORM_ENCR) | BIT(TRANSFORM_PRF) | BIT(TRANSFORM_INTEG) | BIT(TRANSFORM_DH))
#define ESP_TYPES                                                                                  \
	(BIT(TRANSFORM_ENCR) | BIT(TRANSFORM_INTEG) | BIT(TRANSFORM_DH) | BIT(TRANSFORM_ESN))

// Offering

static void transform_add(struct wire_proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	if (p->transform_n < PROPOSAL_TRANSFORMS)
		p->transform[p->transform_n++] =
			(struct wire_transform){.type = type, .id = id, .key_bits = key_bits};
}

static struct wire_proposal *proposal_add(
	struct wire_sa *sa, uint8_t protocol, uint64_t spi, uint8_t spi_len)
{
	struct wire_proposal *p = &sa->proposal[sa->n];

	p->number = (uint8_t)++sa->n;
	p->protocol = protocol;
	p->spi_len = spi_len;
	p->spi = spi_len ? spi : 0;
	p->transform_n = 0;
	return p;
}

static bool has_encr(const struct config_proposal *config, bool aead)
{
	for (uint32_t i = 0; i < config->encr_n; i++)
		if (config->encr[i]->aead == aead)
			return true;
	return false;
}

static void offer_encr_integ(
	struct wire_proposal *p, const struct config_proposal *config, bool aead)
{
	for (uint32_t i = 0; i < config->encr_n; i++)
		if (config->encr[i]->aead == aead)
			transform_add(
				p, TRANSFORM_ENCR, config->encr[i]->id, config->encr[i]->key_bits);
	for (uint32_t i = 0; i < config->integ_n && !aead; i++)
		transform_add(p, TRANSFORM_INTEG, config->integ[i]->id, 0);
}

static void offer_dh(struct wire_proposal *p, const struct config_proposal *config)
{
	for (uint32_t i = 0; i < config->dh_n; i++)
		transform_add(p, TRANSFORM_DH, config->dh[i]->id, 0);
}

static void offer_ike_class(const struct config_proposal *config, bool aead, uint64_t spi,
	uint8_t spi_len, struct wire_sa *out)
{
	struct wire_proposal *p;

	if (out->n == PROPOSALS_MAX || !has_encr(config, aead))
		return;
	p = proposal_add(out, PROTOCOL_IKE, spi, spi_len);
	offer_encr_integ(p, config, aead);
	for (uint32_t i = 0; i < config->prf_n; i++)
		transform_add(p, TRANSFORM_PRF, config->prf[i]->id, 0);
	offer_dh(p, config);
}

static void offer_esp_class(const struct config_proposal *config, bool aead, uint32_t spi,
	bool with_dh, struct wire_sa *out)
{
	struct wire_proposal *p;

	if (out->n == PROPOSALS_MAX || !has_encr(config, aead))
		return;
	p = proposal_add(out, PROTOCOL_ESP, spi, ESP_SPI_BYTES);
	offer_encr_integ(p, config, aead);
	if (with_dh)
		offer_dh(p, config);
	if (config->esn_yes)
		transform_add(p, TRANSFORM_ESN, ESN_YES, 0);
	if (config->esn_no)
		transform_add(p, TRANSFORM_ESN, ESN_NO, 0);
}

// AEADs and other ciphers need a proposal each (section 2.7); the class of the first cipher is
// wanted more.
void proposal_offer_ike(
	const struct config_proposals *config, uint64_t spi, uint8_t spi_len, struct wire_sa *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < config->n; i++) {
		const struct config_proposal *c = &config->proposal[i];
		bool first = c->encr_n && c->encr[0]->aead;

		offer_ike_class(c, first, spi, spi_len, out);
		offer_ike_class(c, !first, spi, spi_len, out);
	}
}

void proposal_offer_esp(
	const struct config_proposals *config, uint32_t spi, bool with_dh, struct wire_sa *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < config->n; i++) {
		const struct config_proposal *c = &config->proposal[i];
		bool first = c->encr_n && c->encr[0]->aead;

		offer_esp_class(c, first, spi, with_dh, out);
		offer_esp_class(c, !first, spi, with_dh, out);
	}
}

// Choosing

// Position in the configuration of each part of a choice; less is better, the first difference
// counts.
struct rank {
	uint32_t encr, prf, integ, dh, esn;
};

// One proposal of the configuration against one of the peer's.
struct choice {
	struct rank rank;
	struct ike_suite suite;
	bool integ_none, dh_none; // the peer's proposal names NONE, so the answer has to
};

static bool offers(
	const struct wire_proposal *p, enum transform_type type, uint16_t id, uint16_t key_bits)
{
	for (uint32_t i = 0; i < p->transform_n; i++) {
		const struct wire_transform *t = &p->transform[i];

		if (t->type == type && t->id == id && t->key_bits == key_bits && !t->unknown_attr)
			return true;
	}
	return false;
}

// Bits of the transform types that are there; a type that we do not understand yields bit 0.
static uint32_t offered_types(const struct wire_proposal *p)
{
	uint32_t types = 0;

	for (uint32_t i = 0; i < p->transform_n; i++)
		types |= BIT(p->transform[i].type <= TRANSFORM_ESN ? p->transform[i].type : 0);
	return types;
}

static bool choose_prf(
	const struct config_proposal *config, const struct wire_proposal *p, struct choice *out)
{
	for (uint32_t i = 0; i < config->prf_n; i++) {
		if (!offers(p, TRANSFORM_PRF, config->prf[i]->id, 0))
			continue;
		out->suite.prf = config->prf[i];
		out->rank.prf = i;
		return true;
	}
	return false;
}

static bool choose_integ(
	const struct config_proposal *config, const struct wire_proposal *p, struct choice *out)
{
	for (uint32_t i = 0; i < config->integ_n; i++) {
		if (!offers(p, TRANSFORM_INTEG, config->integ[i]->id, 0))
			continue;
		out->suite.integ = config->integ[i];
		out->rank.integ = i;
		return true;
	}
	return false;
}

// Cipher, and integrity with it.
static bool choose_encr(const struct config_proposal *config, const struct wire_proposal *p,
	uint32_t types, struct choice *out)
{
	bool integ_some = types & BIT(TRANSFORM_INTEG);
	bool integ_none = integ_some && offers(p, TRANSFORM_INTEG, INTEG_NONE, 0);

	for (uint32_t i = 0; i < config->encr_n; i++) {
		const struct alg_encr *encr = config->encr[i];

		if (!offers(p, TRANSFORM_ENCR, encr->id, encr->key_bits))
			continue;
		if (encr->aead ? integ_some && !integ_none : !choose_integ(config, p, out))
			continue;
		out->suite.encr = encr;
		out->integ_none = encr->aead && integ_none;
		out->rank.encr = i;
		return true;
	}
	return false;
}

// The group of the peer's KE payload, when it is one of ours, saves a round trip.
static bool choose_dh(const struct config_proposal *config, const struct wire_proposal *p,
	uint16_t prefer, struct choice *out)
{
	for (uint32_t i = 0; i < config->dh_n; i++) {
		const struct alg_dh *dh = config->dh[i];

		if (!offers(p, TRANSFORM_DH, dh->id, 0))
			continue;
		if (out->suite.dh && dh->id != prefer)
			continue;
		out->suite.dh = dh;
		out->rank.dh = dh->id == prefer ? 0 : i + 1;
	}
	return out->suite.dh;
}

// Child SAs: with groups configured one of them it must be, without any there must be none.
static bool choose_pfs(const struct config_proposal *config, const struct wire_proposal *p,
	uint32_t types, uint16_t prefer, bool with_dh, struct choice *out)
{
	if (with_dh && config->dh_n)
		return choose_dh(config, p, prefer, out);
	if (!(types & BIT(TRANSFORM_DH)))
		return true;
	out->dh_none = offers(p, TRANSFORM_DH, DH_NONE, 0);
	// In IKE_AUTH (with_dh false) groups have no place (section 1.2), but there are peers that
	// leave them in, and mean nothing by it.
	return out->dh_none || !with_dh;
}

// Extended sequence numbers are wanted more when both are acceptable.
static bool choose_esn(
	const struct config_proposal *config, const struct wire_proposal *p, struct choice *out)
{
	if (config->esn_yes && offers(p, TRANSFORM_ESN, ESN_YES, 0)) {
		out->suite.esn = true;
		return true;
	}
	out->rank.esn = 1;
	return config->esn_no && offers(p, TRANSFORM_ESN, ESN_NO, 0);
}

static bool match_ike(const struct config_proposal *config, const struct wire_proposal *p,
	uint16_t prefer_dh, struct choice *out)
{
	uint32_t types = offered_types(p);

	*out = (struct choice){0};
	return !(types & ~IKE_TYPES) && choose_encr(config, p, types, out) &&
		choose_prf(config, p, out) && choose_dh(config, p, prefer_dh, out);
}

static bool match_esp(const struct config_proposal *config, const struct wire_proposal *p,
	uint16_t prefer_dh, bool with_dh, struct choice *out)
{
	uint32_t types = offered_types(p);

	*out = (struct choice){0};
	return !(types & ~ESP_TYPES) && choose_encr(config, p, types, out) &&
		choose_pfs(config, p, types, prefer_dh, with_dh, out) && choose_esn(config, p, out);
}

static bool rank_better(const struct rank *a, const struct rank *b)
{
	if (a->encr != b->encr)
		return a->encr < b->encr;
	if (a->prf != b->prf)
		return a->prf < b->prf;
	if (a->integ != b->integ)
		return a->integ < b->integ;
	if (a->dh != b->dh)
		return a->dh < b->dh;
	return a->esn < b->esn;
}

// The one proposal of the answer, section 3.3.6: the peer's number, our SPI, one transform of each
// type that was there.
static void answer_fill(const struct choice *choice, const struct wire_proposal *chosen,
	uint64_t our_spi, struct wire_sa *answer)
{
	const struct ike_suite *suite = &choice->suite;
	struct wire_proposal *p;

	answer->n = 0;
	p = proposal_add(answer, chosen->protocol, our_spi, chosen->spi_len);
	p->number = chosen->number;
	transform_add(p, TRANSFORM_ENCR, suite->encr->id, suite->encr->key_bits);
	if (suite->prf)
		transform_add(p, TRANSFORM_PRF, suite->prf->id, 0);
	if (suite->integ || choice->integ_none)
		transform_add(p, TRANSFORM_INTEG, suite->integ ? suite->integ->id : INTEG_NONE, 0);
	if (suite->dh || choice->dh_none)
		transform_add(p, TRANSFORM_DH, suite->dh ? suite->dh->id : DH_NONE, 0);
	if (chosen->protocol == PROTOCOL_ESP)
		transform_add(p, TRANSFORM_ESN, suite->esn ? ESN_YES : ESN_NO, 0);
}

int proposal_choose_ike(const struct config_proposals *config, const struct wire_sa *offered,
	uint16_t prefer_dh, uint64_t our_spi, uint8_t spi_len, struct ike_suite *suite,
	uint64_t *peer_spi, struct wire_sa *answer)
{
	const struct wire_proposal *chosen = NULL;
	struct choice choice, best;

	for (uint32_t c = 0; c < config->n && !chosen; c++) {
		for (uint32_t i = 0; i < offered->n; i++) {
			const struct wire_proposal *p = &offered->proposal[i];

			if (p->protocol != PROTOCOL_IKE || p->spi_len != spi_len ||
				(spi_len && p->spi == 0))
				continue;
			if (!match_ike(&config->proposal[c], p, prefer_dh, &choice))
				continue;
			if (chosen && !rank_better(&choice.rank, &best.rank))
				continue;
			best = choice;
			chosen = p;
		}
	}
	if (!chosen)
		return -ENOENT;
	*suite = best.suite;
	*peer_spi = chosen->spi;
	answer_fill(&best, chosen, our_spi, answer);
	return 0;
}

int proposal_choose_esp(const struct config_proposals *config, const struct wire_sa *offered,
	uint16_t prefer_dh, bool with_dh, uint32_t our_spi, struct ike_suite *suite,
	uint32_t *peer_spi, struct wire_sa *answer)
{
	const struct wire_proposal *chosen = NULL;
	struct choice choice, best;

	for (uint32_t c = 0; c < config->n && !chosen; c++) {
		for (uint32_t i = 0; i < offered->n; i++) {
			const struct wire_proposal *p = &offered->proposal[i];

			if (p->protocol != PROTOCOL_ESP || p->spi <= SPI_RESERVED)
				continue;
			if (!match_esp(&config->proposal[c], p, prefer_dh, with_dh, &choice))
				continue;
			if (chosen && !rank_better(&choice.rank, &best.rank))
				continue;
			best = choice;
			chosen = p;
		}
	}
	if (!chosen)
		return -ENOENT;
	*suite = best.suite;
	*peer_spi = (uint32_t)chosen->spi;
	answer_fill(&best, chosen, our_spi, answer);
	return 0;
}

// Accepting

// One transform of the answer into the suite; false when we have no such algorithm. NONE leaves
// its field as it is.
static bool suite_add(struct ike_suite *suite, const struct wire_transform *t)
{
	switch (t->type) {
	case TRANSFORM_ENCR:
		suite->encr = alg_encr_find(t->id, t->key_bits);
		return suite->encr;
	case TRANSFORM_PRF:
		suite->prf = alg_prf_find(t->id);
		return suite->prf;
	case TRANSFORM_INTEG:
		suite->integ = t->id == INTEG_NONE ? NULL : alg_integ_find(t->id);
		return suite->integ || t->id == INTEG_NONE;
	case TRANSFORM_DH:
		suite->dh = t->id == DH_NONE ? NULL : alg_dh_find(t->id);
		return suite->dh || t->id == DH_NONE;
	case TRANSFORM_ESN:
		suite->esn = t->id == ESN_YES;
		return t->id <= ESN_YES;
	default:
		return false;
	}
}

// To name NONE for a type that we left out says the same as to leave it out.
static bool says_nothing(const struct wire_transform *t, uint32_t offered)
{
	return (t->type == TRANSFORM_INTEG || t->type == TRANSFORM_DH) && t->id == 0 &&
		t->key_bits == 0 && !t->unknown_attr && !(offered & BIT(t->type));
}

static const struct wire_proposal *proposal_by_number(const struct wire_sa *sa, uint8_t number)
{
	for (uint32_t i = 0; i < sa->n; i++)
		if (sa->proposal[i].number == number)
			return &sa->proposal[i];
	return NULL;
}

static bool peer_spi_valid(const struct wire_proposal *p)
{
	return p->spi_len == 0 || p->spi > (p->spi_len == IKE_SPI_BYTES ? 0 : SPI_RESERVED);
}

int proposal_accept(const struct wire_sa *offered, const struct wire_sa *answer,
	struct ike_suite *suite, uint64_t *peer_spi)
{
	const struct wire_proposal *a = &answer->proposal[0], *o;
	uint32_t types, seen = 0;

	if (answer->n != 1)
		return -EINVAL;
	o = proposal_by_number(offered, a->number);
	if (!o || a->protocol != o->protocol || a->spi_len != o->spi_len || !peer_spi_valid(a))
		return -EINVAL;
	types = offered_types(o);
	*suite = (struct ike_suite){0};
	for (uint32_t i = 0; i < a->transform_n; i++) {
		const struct wire_transform *t = &a->transform[i];

		if (says_nothing(t, types))
			continue;
		if (t->unknown_attr || !offers(o, t->type, t->id, t->key_bits) ||
			(seen & BIT(t->type)) || !suite_add(suite, t))
			return -EINVAL;
		seen |= BIT(t->type);
	}
	if (seen != types || !suite->encr || suite->encr->aead == (suite->integ != NULL))
		return -EINVAL;
	*peer_spi = a->spi;
	return 0;
}

const char *ike_suite_format(const struct ike_suite *suite, char buf[96])
{
	const char *part[] = {suite->encr ? suite->encr->name : "none",
		suite->integ ? suite->integ->name : NULL, suite->prf ? suite->prf->name : NULL,
		suite->dh ? suite->dh->name : NULL};
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]) && at < 96; i++)
		if (part[i])
			at += (size_t)snprintf(buf + at, 96 - at, "%s%s", i ? "-" : "", part[i]);
	if (suite->esn && at < 96)
		snprintf(buf + at, 96 - at, "/esn");
	return buf;
}

void ike_suite_esp(const struct ike_suite *suite, struct esp_suite *out)
{
	*out = (struct esp_suite){
		.encr = suite->encr->id,
		.key_bits = suite->encr->key_bits,
		.integ = suite->integ ? suite->integ->id : INTEG_NONE,
		.esn = suite->esn,
	};
}
