// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of one pair of ESP SAs, either role. RFC 7296 sections 1.2, 1.3, 2.7, 2.9, 2.17. One
// thread per core.
#include "child_talk.h"

#include "companion.h"
#include "dh.h"
#include "effect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

static int set_group(struct ike_sa *sa, struct child_talk *talk, const struct alg_dh *group)
{
	dh_free(talk->dh);
	talk->dh = NULL;
	talk->group = group;
	if (group == NULL)
		return 0;
	talk->dh = dh_new(group, sa->ike->ops->random, sa->ike->arg);
	return talk->dh == NULL ? -EIO : 0;
}

int child_talk_open(struct ike_sa *sa, struct child_talk *talk, bool create)
{
	int ret = child_spi_alloc(sa, &talk->spi_in);

	if (ret < 0) {
		talk->spi_in = 0;
		return ret;
	}
	sa->gone_early = 0;
	talk->ours = true;
	talk->create = create;
	if (!create)
		return 0;
	nonce_fresh(sa->ike, &talk->ni);
	return set_group(sa, talk, group_first(&sa->ike->config->esp));
}

void child_talk_offer(struct ike_sa *sa, struct child_talk *talk, struct ike_builder *b)
{
	struct wire_sa offer;

	proposal_offer_esp(&sa->ike->config->esp, talk->spi_in, talk->create, &offer);
	payload_sa_write(b, &offer);
	if (talk->create)
		payload_nonce_write(b, talk->ni.bytes, talk->ni.len);
	if (talk->dh != NULL)
		payload_ke_write(b, talk->group->id, dh_public(talk->dh), talk->group->public_len);
	payload_ts_write(b, true, &talk->local);
	payload_ts_write(b, false, &talk->remote);
}

int child_talk_regroup(
	struct ike_sa *sa, struct child_talk *talk, const struct payload_notify *notify)
{
	const struct alg_dh *group = group_wanted(&sa->ike->config->esp, talk->group, notify->data);

	sa->ike->counters.invalid_ke++;
	return group == NULL ? -EINVAL : set_group(sa, talk, group);
}

static int read_selectors(const struct ike_msg *msg, struct ts_list *tsi, struct ts_list *tsr)
{
	const struct ike_payload_ref *i = ike_msg_find(msg, PAYLOAD_TSI);
	const struct ike_payload_ref *r = ike_msg_find(msg, PAYLOAD_TSR);

	if (i == NULL || r == NULL || payload_ts_read(i, tsi) || payload_ts_read(r, tsr))
		return -EBADMSG;
	return 0;
}

static int read_sa(const struct ike_msg *msg, struct wire_sa *out)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_SA);

	return p == NULL || payload_sa_read(p, out) ? -EBADMSG : 0;
}

static bool within(const struct ts_list *outer, const struct ts_list *inner)
{
	for (uint32_t i = 0; i < inner->n; i++)
		if (!ts_list_contains(outer, &inner->ts[i]))
			return false;
	return inner->n > 0;
}

static const char *accept_key_exchange(struct child_talk *talk, const struct ike_msg *msg)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_KE);
	struct payload_ke ke;

	if (talk->suite.dh == NULL)
		return NULL;
	if (p == NULL || payload_ke_read(p, &ke))
		return "malformed KE payload";
	if (talk->suite.dh != talk->group || ke.group != talk->group->id)
		return "another key exchange group than ours";
	talk->shared_len = sizeof(talk->shared);
	if (dh_shared(talk->dh, ke.data, ke.len, talk->shared, &talk->shared_len))
		return "unacceptable key exchange value";
	return NULL;
}

const char *child_talk_accept(struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg)
{
	struct wire_sa offered, answer;
	struct ts_list tsi, tsr;
	uint64_t spi;

	if (read_sa(msg, &answer) || read_selectors(msg, &tsi, &tsr))
		return "malformed SA or TS payload";
	if (talk->create && nonce_read(msg, &talk->nr))
		return "malformed nonce";
	proposal_offer_esp(&sa->ike->config->esp, talk->spi_in, talk->create, &offered);
	if (proposal_accept(&offered, &answer, &talk->suite, &spi))
		return "a proposal that we did not offer";
	if (!within(&talk->local, &tsi) || !within(&talk->remote, &tsr))
		return "selectors beyond those that we asked for";
	talk->spi_out = (uint32_t)spi;
	talk->local = tsi;
	talk->remote = tsr;
	return accept_key_exchange(talk, msg);
}

// 0.0.0.0/32 or ::/128 says "whatever address you give me".
static void widen_dynamic(struct ts_list *list)
{
	static const uint8_t zero[16];

	for (uint32_t i = 0; i < list->n; i++) {
		struct ts *ts = &list->ts[i];

		if (memcmp(ts->lo, zero, 16) == 0 && memcmp(ts->hi, zero, 16) == 0)
			memset(ts->hi, 0xff, ts->family == AF_INET ? 4 : 16);
	}
}

static uint16_t respond_key_exchange(struct ike_sa *sa, struct child_talk *talk)
{
	if (talk->suite.dh == NULL)
		return 0;
	talk->shared_len = sizeof(talk->shared);
	if (set_group(sa, talk, talk->suite.dh) < 0)
		return NOTIFY_TEMPORARY_FAILURE;
	if (dh_shared(talk->dh, talk->ke.data, talk->ke.len, talk->shared, &talk->shared_len))
		return NOTIFY_INVALID_SYNTAX;
	return 0;
}

uint16_t child_talk_choose(struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_KE);
	struct wire_sa offered;

	if (read_sa(msg, &offered) || read_selectors(msg, &talk->remote, &talk->local) ||
		(talk->create && nonce_read(msg, &talk->ni)) ||
		(p != NULL && payload_ke_read(p, &talk->ke)))
		return NOTIFY_INVALID_SYNTAX;
	if (proposal_choose_esp(&sa->ike->config->esp, &offered, talk->ke.group, talk->create, 0,
		    &talk->suite, &talk->spi_out, &talk->answer)) {
		sa->ike->counters.no_proposal++;
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	if (talk->suite.dh != NULL && talk->ke.group != talk->suite.dh->id) {
		sa->ike->counters.invalid_ke++;
		return NOTIFY_INVALID_KE_PAYLOAD;
	}
	return 0;
}

uint16_t child_talk_narrow(struct ike_sa *sa, struct child_talk *talk,
	const struct ts_list *allow_local, const struct ts_list *allow_remote, bool dynamic)
{
	struct ts_list tsi = talk->remote, tsr = talk->local;
	uint16_t notify;

	if (dynamic)
		widen_dynamic(&tsi);
	ts_list_narrow(&tsi, allow_remote, &talk->remote);
	ts_list_narrow(&tsr, allow_local, &talk->local);
	if (talk->remote.n == 0 || talk->local.n == 0) {
		sa->ike->counters.ts_unacceptable++;
		return NOTIFY_TS_UNACCEPTABLE;
	}
	notify = respond_key_exchange(sa, talk);
	if (notify != 0)
		return notify;
	if (child_spi_alloc(sa, &talk->spi_in) < 0) {
		talk->spi_in = 0;
		return NOTIFY_NO_ADDITIONAL_SAS;
	}
	talk->answer.proposal[0].spi = talk->spi_in;
	if (talk->create)
		nonce_fresh(sa->ike, &talk->nr);
	return 0;
}

uint16_t child_talk_respond(struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg,
	const struct ts_list *allow_local, const struct ts_list *allow_remote, bool dynamic)
{
	uint16_t notify = child_talk_choose(sa, talk, msg);

	return notify != 0 ? notify
			   : child_talk_narrow(sa, talk, allow_local, allow_remote, dynamic);
}

void child_talk_refuse(
	struct ike_sa *sa, const struct child_talk *talk, uint16_t notify, struct ike_builder *b)
{
	uint8_t group[2] = {0};
	size_t len = 0;

	if (notify == NOTIFY_INVALID_KE_PAYLOAD) {
		group[0] = (uint8_t)(talk->suite.dh->id >> 8);
		group[1] = (uint8_t)talk->suite.dh->id;
		len = 2;
	}
	SA_LOG(sa, NOTICE, "child SA refused: %s", notify_name(notify));
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "child SA refused: %s", notify_name(notify));
	if (len == 0)
		task_answer_error(sa, b, notify);
	else
		payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)notify, group, len);
}

void child_talk_answer(struct ike_sa *, const struct child_talk *talk, struct ike_builder *b)
{
	payload_sa_write(b, &talk->answer);
	if (talk->create)
		payload_nonce_write(b, talk->nr.bytes, talk->nr.len);
	if (talk->dh != NULL)
		payload_ke_write(b, talk->group->id, dh_public(talk->dh), talk->group->public_len);
	payload_ts_write(b, true, &talk->remote);
	payload_ts_write(b, false, &talk->local);
}

struct child_pair *child_talk_pair(
	struct child_talk *talk, struct child_sa *child, enum pair_role role)
{
	struct child_deal deal = {
		.suite = talk->suite,
		.spi_in = talk->spi_in,
		.spi_out = talk->spi_out,
		.ours = talk->ours,
		.ni = nonce_bytes(&talk->ni),
		.nr = nonce_bytes(&talk->nr),
		.shared = {talk->shared, talk->shared_len},
	};
	struct child_pair *pair;

	child->local = talk->local;
	child->remote = talk->remote;
	pair = child_pair_add(child, &deal, role);
	if (pair != NULL)
		talk->spi_in = 0;
	return pair;
}

static void announce(struct ike_sa *sa, const struct child_sa *child, const struct child_pair *pair)
{
	char suite[64], text[TS_MAX * 2 * 40] = "", one[TS_STRLEN];
	const struct ts_list *side[2] = {&child->local, &child->remote};
	size_t at = 0;

	for (int s = 0; s < 2; s++) {
		if (s == 1)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " ===");
		for (uint32_t i = 0; i < side[s]->n && at + TS_STRLEN + 8 < sizeof(text); i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %s",
				ts_format(&side[s]->ts[i], one));
	}
	esp_suite_format(&pair->suite, suite);
	event_child(sa->ike, IKE_EVENT_CHILD_UP, sa, pair->spi_in, pair->spi_out, "%s%s%s", suite,
		child->encap ? " in UDP" : "", text);
	SA_LOG(sa, INFO, "child SA %08x/%08x up, %s%s%s", pair->spi_in, pair->spi_out, suite,
		child->encap ? " in UDP" : "", text);
}

struct child_sa *child_talk_child(struct ike_sa *sa, struct child_talk *talk)
{
	struct child_sa *child = child_new(sa, &talk->local, &talk->remote);
	struct child_pair *pair;
	int error;

	if (child == NULL)
		return NULL;
	child->physical = talk->physical;
	child->held = !talk->ours && !talk->physical && companion_serves(sa, &talk->remote);
	pair = child_talk_pair(talk, child, PAIR_CURRENT);
	if (pair == NULL) {
		error = errno;
		child_end(child, "no keys");
		errno = error;
		return NULL;
	}
	sa->ike->counters.children++;
	announce(sa, child, pair);
	// A child SA is current from its first pair on: there is none that it could replace.
	child_promote(child, pair);
	return child;
}

const struct nonce *child_talk_lowest(const struct child_talk *talk)
{
	return nonce_lower(&talk->ni, &talk->nr);
}

void child_talk_keep(struct ike_sa *sa, const struct child_talk *talk)
{
	free(sa->allow_local);
	free(sa->allow_remote);
	sa->allow_local = memcpy(core_need(sizeof(talk->local)), &talk->local, sizeof(talk->local));
	sa->allow_remote =
		memcpy(core_need(sizeof(talk->remote)), &talk->remote, sizeof(talk->remote));
}

void child_talk_close(struct ike_sa *sa, struct child_talk *talk)
{
	if (talk->spi_in != 0)
		child_spi_free(sa, talk->spi_in);
	dh_free(talk->dh);
	secret_wipe(talk, sizeof(*talk));
}
