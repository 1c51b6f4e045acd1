// SPDX-License-Identifier: BSD-3-Clause
// Proposals as text, for the tests of negotiation.
//
// Configurations: names as in struct alg_*, "esn", "noesn". Wire proposals: transforms as letter
// (Encryption, Prf, Integrity, Dh, Sequence numbers, Tn another type), id, "/key bits", "!" for an
// attribute that we do not know. Several are divided by ";".
#pragma once

#include "proposal.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 1024
#define PEER_SPI 0x11223344

static inline void config_word(struct config_proposal *p, const char *word)
{
	if (alg_encr_by_name(word))
		p->encr[p->encr_n++] = alg_encr_by_name(word);
	else if (alg_prf_by_name(word))
		p->prf[p->prf_n++] = alg_prf_by_name(word);
	else if (alg_integ_by_name(word))
		p->integ[p->integ_n++] = alg_integ_by_name(word);
	else if (alg_dh_by_name(word))
		p->dh[p->dh_n++] = alg_dh_by_name(word);
	else if (strcmp(word, "esn") == 0)
		p->esn_yes = true;
	else if (strcmp(word, "noesn") == 0)
		p->esn_no = true;
	else
		ck_abort_msg("what is %s?", word);
}

static inline struct config_proposals config_from(const char *text)
{
	struct config_proposals out = {.n = 1};
	char copy[TEXT], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (strcmp(w, ";") == 0)
			out.n++;
		else
			config_word(&out.proposal[out.n - 1], w);
	}
	return out;
}

static inline struct wire_transform transform_from(char *word)
{
	static const char letters[] = "?EPIDS";
	struct wire_transform t = {0};
	char *end = word;

	if (word[0] == 'T') {
		t.type = (uint8_t)strtoul(word + 1, &end, 10);
		t.id = 1;
	} else {
		ck_assert_ptr_nonnull(strchr(letters, word[0]));
		t.type = (uint8_t)(strchr(letters, word[0]) - letters);
		t.id = (uint16_t)strtoul(word + 1, &end, 10);
	}
	if (*end == '/')
		t.key_bits = (uint16_t)strtoul(end + 1, &end, 10);
	t.unknown_attr = *end == '!';
	return t;
}

static inline void wire_from(
	const char *text, uint8_t protocol, uint8_t spi_len, struct wire_sa *out)
{
	char copy[TEXT], *save = NULL;
	struct wire_proposal *p = NULL;

	out->n = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (!p) {
			p = &out->proposal[out->n++];
			*p = (struct wire_proposal){.number = (uint8_t)out->n,
				.protocol = protocol,
				.spi_len = spi_len,
				.spi = spi_len ? PEER_SPI : 0};
		}
		if (strcmp(w, ";") == 0)
			p = NULL;
		else
			p->transform[p->transform_n++] = transform_from(w);
	}
}

// The notation again, with "NUMBER:" before each proposal.
static inline const char *wire_text(const struct wire_sa *sa, char out[TEXT])
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < sa->n; i++) {
		const struct wire_proposal *p = &sa->proposal[i];

		at += (size_t)snprintf(out + at, TEXT - at, "%s%u:", i ? " ; " : "", p->number);
		for (uint32_t j = 0; j < p->transform_n; j++) {
			const struct wire_transform *t = &p->transform[j];

			at += (size_t)snprintf(
				out + at, TEXT - at, " %c%u", "?EPIDS"[t->type], t -> id);
			if (t->key_bits)
				at += (size_t)snprintf(out + at, TEXT - at, "/%u", t->key_bits);
		}
	}
	return out;
}
