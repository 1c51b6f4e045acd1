// SPDX-License-Identifier: BSD-3-Clause
// Reads the groups `ike` and `esp`: proposals, lifetimes, retransmission, replay window; and makes
// the proposals that stand in for missing ones. RFC 7296 section 3.3, RFC 5282 section 8.
#include "config_impl.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_S (UINT64_C(366) * 86400)
#define NAMES_MAX ALG_ENCR_COUNT // more than there are of the other kinds

// Appends what `text` names to an array of `kind` unless it is unknown, twice there or too much.
#define ADD_ALG(kind, array, count, label, type)                                                   \
	static void add_##kind(struct config_reader *r, int line, const char *text, void *into)    \
	{                                                                                          \
		struct config_proposal *p = into;                                                  \
		const struct alg_##kind *alg = alg_##kind##_by_name(text);                         \
                                                                                                   \
		if (alg == NULL) {                                                                 \
			const char *names[NAMES_MAX];                                              \
			size_t n = 0;                                                              \
                                                                                                   \
			for (; n < NAMES_MAX && alg_##kind##_at(n) != NULL; n++)                   \
				names[n] = alg_##kind##_at(n)->name;                               \
			unknown(r, line, label, text, alg_forbidden(type, text), names, n);        \
			return;                                                                    \
		}                                                                                  \
		for (uint32_t i = 0; i < p->count; i++)                                            \
			if (p->array[i] == alg) {                                                  \
				config_error(r, line, "%s stands twice in %s; take one out", text, \
					label);                                                    \
				return;                                                            \
			}                                                                          \
		if (p->count < CONFIG_ALGS)                                                        \
			p->array[p->count++] = alg;                                                \
		else                                                                               \
			config_error(r, line, "%s has too many algorithms; at most %d", label,     \
				CONFIG_ALGS);                                                      \
	}

// `why`: it is not even allowed.
static void unknown(struct config_reader *r, int line, const char *label, const char *text,
	const char *why, const char *const *names, size_t n)
{
	char list[288] = "";
	size_t len = 0;

	if (why != NULL) {
		config_error(r, line, "%s = %s is refused (%s); take another", label, text, why);
		return;
	}
	for (size_t i = 0; i < n && len < sizeof(list); i++)
		len += (size_t)snprintf(
			list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", names[i]);
	config_error(r, line, "%s has no algorithm '%.30s'; it knows %s", label, text, list);
}

ADD_ALG(encr, encr, encr_n, "encr", TRANSFORM_ENCR)
ADD_ALG(prf, prf, prf_n, "prf", TRANSFORM_PRF)
ADD_ALG(integ, integ, integ_n, "integ", TRANSFORM_INTEG)
ADD_ALG(dh, dh, dh_n, "dh", TRANSFORM_DH)

static void read_encr(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_encr, into);
}

static void read_prf(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_prf, into);
}

static void read_integ(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_integ, into);
}

static void read_dh(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_dh, into);
}

static void add_esn(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_proposal *p = into;

	if (strcmp(text, "yes") == 0)
		p->esn_yes = true;
	else if (strcmp(text, "no") == 0)
		p->esn_no = true;
	else
		config_error(r, line, "esn has no value '%.20s'; \"yes\", \"no\" or both", text);
}

static void read_esn(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_esn, into);
}

// An AEAD brings its own integrity and must be in a proposal without any (RFC 5282 section 8).
static void check_ciphers(struct config_reader *r, int line, const struct config_proposal *p)
{
	uint32_t aeads = 0;

	for (uint32_t i = 0; i < p->encr_n; i++)
		aeads += p->encr[i]->aead;
	if (p->encr_n == 0)
		config_error(r, line, "a proposal names no cipher; write encr = [\"aes128gcm16\"]");
	else if (aeads != 0 && aeads != p->encr_n)
		config_error(r, line,
			"a proposal mixes AEADs and ciphers that need integ; make two of it");
	else if (aeads != 0 && p->integ_n != 0)
		config_error(r, line, "%s needs no integrity algorithm; leave integ out",
			p->encr[0]->name);
	else if (aeads == 0 && p->integ_n == 0)
		config_error(r, line, "%s has no integrity of its own; add integ = [\"sha256\"]",
			p->encr[0]->name);
}

// What cannot protect an SK payload.
static void check_ike_ciphers(struct config_reader *r, int line, const struct config_proposal *p)
{
	for (uint32_t i = 0; i < p->encr_n; i++) {
		const struct alg_encr *encr = p->encr[i];

		if (!encr->ike)
			config_error(r, line, "%s is for child SAs only (%s); take it out of ike",
				encr->name,
				encr->id == ENCR_NULL || encr->id == ENCR_NULL_AUTH_AES_GMAC
					? "IKE SAs are always encrypted, RFC 8247"
					: "nothing in IKE stands for the IV, RFC 8750 section 7");
	}
}

static void read_ike_proposal(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"encr", CONFIG_KIND_READ, .required = true, .read = read_encr},
		{"prf", CONFIG_KIND_READ, .required = true, .read = read_prf},
		{"integ", CONFIG_KIND_READ, .read = read_integ},
		{"dh", CONFIG_KIND_READ, .required = true, .read = read_dh},
		{},
	};
	struct config_proposal *p = into;
	uint32_t before = r->errors->n;
	int line = (int)config_setting_source_line(group);

	config_read_group(r, group, "an IKE proposal", keys, p);
	if (r->errors->n != before)
		return;
	check_ciphers(r, line, p);
	check_ike_ciphers(r, line, p);
	if (p->prf_n == 0)
		config_error(r, line, "an IKE proposal names no PRF; write prf = [\"prfsha256\"]");
	if (p->dh_n == 0)
		config_error(r, line, "an IKE proposal names no group; write dh = [\"x25519\"]");
}

static void read_esp_proposal(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"encr", CONFIG_KIND_READ, .required = true, .read = read_encr},
		{"integ", CONFIG_KIND_READ, .read = read_integ},
		{"dh", CONFIG_KIND_READ, .read = read_dh},
		{"esn", CONFIG_KIND_READ, .read = read_esn},
		{},
	};
	struct config_proposal *p = into;
	uint32_t before = r->errors->n;

	config_read_group(r, group, "an ESP proposal", keys, p);
	if (!p->esn_yes && !p->esn_no)
		p->esn_yes = p->esn_no = true;
	if (r->errors->n == before)
		check_ciphers(r, (int)config_setting_source_line(group), p);
}

static void read_proposals(struct config_reader *r, config_setting_t *setting,
	struct config_proposals *out,
	void (*read)(struct config_reader *r, config_setting_t *group, void *into))
{
	uint32_t before = r->errors->n, n;
	struct config_proposal *list =
		config_read_list(r, setting, "proposals", sizeof(*list), CONFIG_ALGS, &n, read);

	if (list != NULL) {
		memcpy(out->proposal, list, n * sizeof(*list));
		out->n = n;
	} else if (r->errors->n == before) {
		config_error(r, (int)config_setting_source_line(setting),
			"proposals is empty; leave it out for the defaults");
	}
	free(list);
}

static void read_ike_proposals(struct config_reader *r, config_setting_t *setting, void *into)
{
	read_proposals(r, setting, &((struct config *)into)->ike, read_ike_proposal);
}

static void read_esp_proposals(struct config_reader *r, config_setting_t *setting, void *into)
{
	read_proposals(r, setting, &((struct config *)into)->esp, read_esp_proposal);
}

#define AT(field) .offset = offsetof(struct config, field)

void config_read_ike(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const struct config_key keys[] = {
		{"proposals", CONFIG_KIND_READ, .read = read_ike_proposals},
		{"rekey", CONFIG_KIND_SECONDS64, AT(life.ike_rekey_s), .min = 60, .max = YEAR_S,
			.zero = true},
		{"rekey_jitter", CONFIG_KIND_U32, AT(life.jitter_percent), .min = 0, .max = 50},
		{"liveness", CONFIG_KIND_SECONDS32, AT(life.liveness_s), .min = 1, .max = 86400,
			.zero = true},
		{"retransmit_tries", CONFIG_KIND_U32, AT(life.retransmit_tries), .min = 1,
			.max = 20},
		{"half_open_time", CONFIG_KIND_SECONDS32, AT(life.half_open_s), .min = 1,
			.max = 600},
		{"fragmentation", CONFIG_KIND_BOOL, AT(fragmentation)},
		{"fragment_size", CONFIG_KIND_U32, AT(fragment_size), .min = 576, .max = 9000},
		{"half_open_max", CONFIG_KIND_U32, AT(half_open_max), .min = 1, .max = 10000000},
		{"limits", CONFIG_KIND_READ, .read = config_read_limits},
		{},
	};

	r->ike_line = (int)config_setting_source_line(setting);
	config_read_group(r, setting, "ike", keys, into);
	config_check_limits(r, into);
}

void config_read_esp(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const struct config_key keys[] = {
		{"proposals", CONFIG_KIND_READ, .read = read_esp_proposals},
		{"rekey", CONFIG_KIND_SECONDS64, AT(life.child_rekey_s), .min = 60, .max = YEAR_S,
			.zero = true},
		{"rekey_bytes", CONFIG_KIND_BYTES, AT(life.child_rekey_bytes), .min = 1048576,
			.max = INT64_MAX, .zero = true},
		{"rekey_packets", CONFIG_KIND_U64, AT(life.child_rekey_pkts), .min = 0,
			.max = INT64_MAX},
		{"replay_window", CONFIG_KIND_U32, AT(replay_window), .min = 64, .max = 4096},
		{},
	};
	struct config *config = into;

	r->esp_line = (int)config_setting_source_line(setting);
	config_read_group(r, setting, "esp", keys, into);
	if ((config->replay_window & (config->replay_window - 1)) != 0)
		config_error(r, r->esp_line,
			"replay_window = %u is no power of two; 64, 128, 256, 512, 1024, 2048 or "
			"4096",
			config->replay_window);
}

#undef AT

// The usual AEADs, or with `aead` false the other usual ciphers with SHA-256.
static void default_ciphers(struct config_proposal *p, bool aead)
{
	for (size_t i = 0; alg_encr_at(i) != NULL; i++)
		if (alg_encr_at(i)->usual && alg_encr_at(i)->aead == aead)
			p->encr[p->encr_n++] = alg_encr_at(i);
	if (!aead)
		p->integ[p->integ_n++] = alg_integ_find(INTEG_HMAC_SHA2_256_128);
}

static void default_groups(struct config_proposal *p)
{
	for (size_t i = 0; alg_dh_at(i) != NULL; i++)
		if (alg_dh_at(i)->usual)
			p->dh[p->dh_n++] = alg_dh_at(i);
}

static void default_ike(struct config_proposals *out)
{
	out->n = 2;
	for (uint32_t i = 0; i < out->n; i++) {
		struct config_proposal *p = &out->proposal[i];

		default_ciphers(p, i == 0);
		for (size_t k = 0; alg_prf_at(k) != NULL; k++)
			p->prf[p->prf_n++] = alg_prf_at(k);
		default_groups(p);
	}
}

// With a group first, then the same without: a peer that wants no PFS gets none.
static void default_esp(struct config_proposals *out)
{
	out->n = 4;
	for (uint32_t i = 0; i < out->n; i++) {
		struct config_proposal *p = &out->proposal[i];

		default_ciphers(p, i % 2 == 0);
		if (i < 2)
			default_groups(p);
		p->esn_yes = p->esn_no = true;
	}
}

void config_default_crypto(struct config *config)
{
	default_ike(&config->ike);
	default_esp(&config->esp);
	config->life = (struct config_lifetimes){.ike_rekey_s = 4 * 3600,
		.child_rekey_s = 3600,
		.jitter_percent = 10,
		.liveness_s = 30,
		.retransmit_tries = 5,
		.half_open_s = 30};
	config->fragmentation = true;
	config->fragment_size = 1280;
	config->replay_window = 128;
	config->half_open_max = 1000;
	config_default_limits(config);
}
