// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA that replaces the IKE SA, both sides, and what happens when both begin at once.
// RFC 7296 sections 1.3.2, 2.8.2, 2.18, 2.25. One thread per core.
//
// The child SAs go to the new IKE SA at once, unless our own rekey is under way as well: then the
// one that the peer made is the rival until our answer, a refusal or the peer's delete decides.
#include "child_sa.h"
#include "connection.h"
#include "dh.h"
#include "effect.h"
#include "identity.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

#define SPI_BYTES 8

struct task_rekey_ike {
	struct task base;
	uint64_t fresh; // handle of the new IKE SA, which waits CONNECTING for its keys; 0: none
	struct nonce ni;
	const struct alg_dh *group;
	struct dh *dh;
	bool regrouped;
};

// What the new IKE SA has in common with the old one.
static struct ike_sa *fresh_sa(struct ike_sa *old, bool initiator)
{
	struct ike_sa *fresh = ike_sa_new(old->ike, initiator);

	if (fresh == NULL)
		return NULL;
	fresh->path = old->path;
	fresh->nat_local = old->nat_local;
	fresh->nat_remote = old->nat_remote;
	fresh->natd_seen = old->natd_seen;
	fragmentation_inherit(fresh, old);
	fresh->encap = old->encap;
	fresh->local_id = old->local_id;
	fresh->remote_id = old->remote_id;
	fresh->peer = old->peer;
	fresh->worker = old->worker;
	window_init(&fresh->window, 0, 0);
	return fresh;
}

// Initiator

static int set_group(struct ike_sa *sa, struct task_rekey_ike *t, const struct alg_dh *group)
{
	if (group == NULL)
		return -EINVAL;
	dh_free(t->dh);
	t->group = group;
	t->dh = dh_new(group, sa->ike->ops->random, sa->ike->arg);
	return t->dh == NULL ? -EIO : 0;
}

static void drop_fresh(struct ike_sa *sa, struct task_rekey_ike *t)
{
	struct ike_sa *fresh = ike_sa_by_handle(sa->ike, t->fresh);

	t->fresh = 0;
	if (fresh != NULL)
		ike_sa_free(fresh);
}

// --> CREATE_CHILD_SA { SA, Ni, KEi }
static int rekey_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_rekey_ike *t = (struct task_rekey_ike *)task;
	struct ike_sa *fresh;
	struct wire_sa offer;
	int ret;

	if (sa->state != IKE_SA_ESTABLISHED)
		return -ENOENT;
	if (!t->regrouped) {
		drop_fresh(sa, t);
		ret = set_group(sa, t, sa->suite.dh);
		if (ret < 0)
			return ret;
		nonce_fresh(sa->ike, &t->ni);
		fresh = fresh_sa(sa, true);
		if (fresh == NULL)
			return -ENOMEM;
		t->fresh = fresh->handle;
	}
	fresh = ike_sa_by_handle(sa->ike, t->fresh);
	if (fresh == NULL)
		return -ENOENT;
	proposal_offer_ike(&sa->ike->config->ike, fresh->spi_i, SPI_BYTES, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, t->ni.bytes, t->ni.len);
	payload_ke_write(b, t->group->id, dh_public(t->dh), t->group->public_len);
	return 0;
}

// <-- CREATE_CHILD_SA { N(some error) }
static enum task_result rekey_refused(
	struct ike_sa *sa, struct task_rekey_ike *t, const struct ike_msg *msg, uint16_t error)
{
	struct payload_notify notify;
	const struct alg_dh *group;

	// The peer had finished its own rekey and did not notice ours: section 2.8.2.
	if (sa->state != IKE_SA_ESTABLISHED || (sa->rival != 0 && ike_sa_adopt_rival(sa)))
		return TASK_DONE;
	if (error == NOTIFY_INVALID_KE_PAYLOAD && !t->regrouped &&
		task_notify_find(msg, error, &notify)) {
		sa->ike->counters.invalid_ke++;
		group = group_wanted(&sa->ike->config->ike, t->group, notify.data);
		if (group != NULL && set_group(sa, t, group) == 0) {
			t->regrouped = true;
			return TASK_AGAIN;
		}
	}
	drop_fresh(sa, t);
	t->regrouped = false;
	if (error == NOTIFY_TEMPORARY_FAILURE)
		return task_refused(sa, &t->base);
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "IKE SA rekey refused by the peer: %s",
		notify_name(error));
	SA_LOG(sa, NOTICE, "IKE SA rekey refused by the peer: %s", notify_name(error));
	sa->rekey_us = sa->ike->now_us + 60 * US_PER_S; // until the hard lifetime
	return TASK_DONE;
}

// Keys of the new IKE SA from the answer. NULL, or what is wrong with it.
static const char *accept_answer(struct ike_sa *sa, struct task_rekey_ike *t, struct ike_sa *fresh,
	const struct ike_msg *msg, struct nonce *nr)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_SA);
	const struct ike_payload_ref *q = ike_msg_find(msg, PAYLOAD_KE);
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len = sizeof(shared);
	struct wire_sa offered, answer;
	struct payload_ke ke;
	int ret;

	if (p == NULL || q == NULL || payload_sa_read(p, &answer) || payload_ke_read(q, &ke) ||
		nonce_read(msg, nr))
		return "malformed answer";
	proposal_offer_ike(&sa->ike->config->ike, fresh->spi_i, SPI_BYTES, &offered);
	if (proposal_accept(&offered, &answer, &fresh->suite, &fresh->spi_r) || fresh->spi_r == 0 ||
		fresh->suite.dh != t->group || ke.group != t->group->id)
		return "answer to something that we did not offer";
	if (dh_shared(t->dh, ke.data, ke.len, shared, &shared_len))
		return "unacceptable key exchange value";
	ret = ike_sa_key(fresh, &t->ni, nr, (struct bytes){shared, shared_len}, &sa->keys);
	secret_wipe(shared, sizeof(shared));
	return ret < 0 ? "no keys" : NULL;
}

// Both rekeyed: the exchange with the lowest nonce loses, and its new IKE SA goes (section 2.8.2).
static void settle(struct ike_sa *sa, struct ike_sa *ours, const struct nonce *lowest)
{
	struct ike_sa *rival = ike_sa_by_handle(sa->ike, sa->rival);

	if (sa->rival != 0 && nonce_compare(lowest, &sa->rival_nonce) < 0) {
		SA_LOG(sa, DEBUG, "both rekeyed the IKE SA, the peer's stays");
		ike_sa_delete(ours, 0, "lost against the peer's rekey");
		if (!ike_sa_adopt_rival(sa))
			ike_sa_end(sa, "deleted by the peer");
		return; // the peer deletes the old one
	}
	sa->rival = 0;
	if (rival != NULL && rival->state == IKE_SA_ESTABLISHED) {
		SA_LOG(sa, DEBUG, "both rekeyed the IKE SA, ours stays");
		rival->rival_of = 0;
		ike_sa_stale(rival); // the peer deletes it
	}
	ike_sa_inherit(sa, ours);
	ike_sa_delete(sa, 0, "rekeyed");
}

// <-- CREATE_CHILD_SA { SA, Nr, KEr }
static enum task_result rekey_process(
	struct ike_sa *sa, struct task *task, const struct ike_msg *msg)
{
	struct task_rekey_ike *t = (struct task_rekey_ike *)task;
	struct ike_sa *ours = ike_sa_by_handle(sa->ike, t->fresh);
	uint16_t error = task_error(msg);
	const char *wrong;
	struct nonce nr;

	if (error != 0)
		return rekey_refused(sa, t, msg, error);
	if (ours == NULL)
		return TASK_DONE;
	wrong = accept_answer(sa, t, ours, msg, &nr);
	if (wrong != NULL) {
		ike_sa_delete(sa, 0, wrong);
		return TASK_DONE;
	}
	t->fresh = 0;
	ike_sa_established(ours);
	if (sa->state != IKE_SA_ESTABLISHED) // deleted or rekeyed by the peer meanwhile
		ike_sa_delete(ours, 0, "the IKE SA before it is over");
	else
		settle(sa, ours, nonce_lower(&t->ni, &nr));
	return TASK_DONE;
}

static void rekey_free(struct ike_sa *sa, struct task *task)
{
	struct task_rekey_ike *t = (struct task_rekey_ike *)task;

	drop_fresh(sa, t);
	dh_free(t->dh);
}

const struct task_class task_class_rekey_ike = {
	.name = "IKE SA rekey",
	.exchange = CREATE_CHILD_SA,
	.build = rekey_build,
	.process = rekey_process,
	.free = rekey_free,
};

struct task *task_rekey_ike_new(void)
{
	struct task_rekey_ike *task = core_need(sizeof(*task));

	task->base.class = &task_class_rekey_ike;
	return &task->base;
}

// Responder

// Section 2.25: what of ours is under way. 0: nothing that matters, or a rekey of our own.
static uint16_t busy(struct ike_sa *sa)
{
	struct task *active = task_active(sa);

	if (!identity_admits_rekey(sa))
		return NOTIFY_TEMPORARY_FAILURE; // those replaced before are to go first
	if (sa->rival != 0)
		return NOTIFY_TEMPORARY_FAILURE; // a second one before the first is settled
	if (active == NULL || active->class == &task_class_rekey_ike ||
		active->class == &task_class_liveness)
		return 0;
	return NOTIFY_TEMPORARY_FAILURE;
}

// 0, or the notify to answer with.
static uint16_t negotiate(struct ike_sa *sa, struct ike_sa *fresh, const struct wire_sa *offered,
	const struct ike_msg *msg, struct nonce *ni, struct payload_ke *ke, struct wire_sa *answer)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_KE);

	if (p == NULL || payload_ke_read(p, ke) || nonce_read(msg, ni))
		return NOTIFY_INVALID_SYNTAX;
	if (proposal_choose_ike(&sa->ike->config->ike, offered, ke->group, fresh->spi_r, SPI_BYTES,
		    &fresh->suite, &fresh->spi_i, answer)) {
		sa->ike->counters.no_proposal++;
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	if (fresh->suite.dh->id != ke->group) {
		sa->ike->counters.invalid_ke++;
		return NOTIFY_INVALID_KE_PAYLOAD;
	}
	return 0;
}

void task_rekey_ike_used(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_sa *old = ike_sa_by_handle(sa->ike, sa->rival_of);
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_DELETE);
	struct payload_delete request;

	// The one thing that the peer does with an IKE SA that lost.
	if (p != NULL && payload_delete_read(p, &request) == 0 && request.protocol == PROTOCOL_IKE)
		return;
	sa->rival_of = 0;
	if (old != NULL && old->rival == sa->handle)
		ike_sa_adopt_rival(old);
}

static void refuse(struct ike_sa *sa, struct ike_sa *fresh, uint16_t notify, struct ike_builder *b)
{
	uint8_t group[2];

	if (notify == NOTIFY_INVALID_KE_PAYLOAD) {
		group[0] = (uint8_t)(fresh->suite.dh->id >> 8);
		group[1] = (uint8_t)fresh->suite.dh->id;
		payload_notify_write(
			b, PROTOCOL_NONE, NULL, NOTIFY_INVALID_KE_PAYLOAD, group, sizeof(group));
	} else {
		task_answer_error(sa, b, notify);
	}
	SA_LOG(sa, NOTICE, "IKE SA rekey refused: %s", notify_name(notify));
	ike_sa_free(fresh);
}

// Our half of the key exchange, the keys, and the answer. 0, or the notify to answer with.
static uint16_t respond_keys(struct ike_sa *sa, struct ike_sa *fresh, const struct nonce *ni,
	const struct nonce *nr, const struct payload_ke *ke, const struct wire_sa *answer,
	struct ike_builder *b)
{
	struct dh *dh = dh_new(fresh->suite.dh, sa->ike->ops->random, sa->ike->arg);
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len = sizeof(shared);
	uint16_t notify = 0;

	if (dh == NULL)
		return NOTIFY_TEMPORARY_FAILURE;
	if (dh_shared(dh, ke->data, ke->len, shared, &shared_len))
		notify = NOTIFY_INVALID_SYNTAX;
	else if (ike_sa_key(fresh, ni, nr, (struct bytes){shared, shared_len}, &sa->keys) < 0)
		notify = NOTIFY_TEMPORARY_FAILURE;
	secret_wipe(shared, sizeof(shared));
	if (notify == 0) {
		payload_sa_write(b, answer);
		payload_nonce_write(b, nr->bytes, nr->len);
		payload_ke_write(
			b, fresh->suite.dh->id, dh_public(dh), fresh->suite.dh->public_len);
	}
	dh_free(dh);
	return notify;
}

// <-- CREATE_CHILD_SA { SA, Nr, KEr }
void task_rekey_ike_respond(struct ike_sa *sa, const struct ike_msg *msg,
	const struct wire_sa *offered, struct ike_builder *b)
{
	uint16_t notify = busy(sa);
	struct ike_sa *fresh;
	struct wire_sa answer;
	struct nonce ni, nr;
	struct payload_ke ke;

	if (notify != 0) {
		task_answer_error(sa, b, notify);
		return;
	}
	fresh = fresh_sa(sa, false);
	if (fresh == NULL) {
		task_answer_error(sa, b, NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	nonce_fresh(sa->ike, &nr);
	notify = negotiate(sa, fresh, offered, msg, &ni, &ke, &answer);
	if (notify == 0)
		notify = respond_keys(sa, fresh, &ni, &nr, &ke, &answer, b);
	if (notify != 0) {
		refuse(sa, fresh, notify, b);
		return;
	}
	ike_sa_established(fresh);
	identity_join(fresh);
	if (task_active(sa) != NULL && task_active(sa)->class == &task_class_rekey_ike) {
		sa->rival = fresh->handle;
		fresh->rival_of = sa->handle;
		sa->rival_nonce = *nonce_lower(&ni, &nr);
		return;
	}
	ike_sa_inherit(sa, fresh);
}
