// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA that replaces the keys of a child SA, both sides, and what happens when both begin
// at once. RFC 7296 sections 1.3.3, 2.8, 2.8.1, 2.25.1; RFC 5739 section 4.3. One thread per core.
//
// The child SA keeps its handle and its outbound slot; a rekey adds a pair. Who made the surviving
// pair deletes the old one; who made the redundant one deletes that.
#include "child_talk.h"
#include "connection.h"
#include "effect.h"
#include "ike_sa.h"
#include "task_config.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("ike");

// After a refusal that may end, until the hard lifetime.
#define RETRY_US (60 * US_PER_S)

struct task_rekey_child {
	struct task base;
	uint64_t child;
	uint32_t old_spi_in; // of the pair that is being replaced
	struct child_talk talk;
	bool regrouped;
	// The peer rekeyed the same pair meanwhile: what that made, and the lowest of its nonces.
	bool collided;
	uint32_t rival_spi_in;
	struct nonce rival_nonce;
};

// Initiator

// --> CREATE_CHILD_SA { N(REKEY_SA), [N(LINK_ID),] SA, Ni, [KEi,] TSi, TSr }
static int rekey_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_rekey_child *t = (struct task_rekey_child *)task;
	struct child_sa *child = child_by_handle(sa->ike, t->child);
	struct child_pair *current;
	int ret;

	// The peer may have rekeyed or deleted it while we waited.
	if (child == NULL || child->deleting || child_pair_of(child, PAIR_NEXT) != NULL)
		return -ENOENT;
	current = child_pair_of(child, PAIR_CURRENT);
	if (current == NULL || current->deleting)
		return -ENOENT;
	if (!t->regrouped) {
		child_talk_close(sa, &t->talk);
		ret = child_talk_open(sa, &t->talk, true);
		if (ret < 0) { // no slot, or no dataplane at the moment
			child->rekey_us = sa->ike->now_us + RETRY_US;
			return ret;
		}
	}
	t->old_spi_in = current->spi_in;
	t->collided = false;
	t->talk.local = child->local;
	t->talk.remote = child->remote;
	// The SPI that we would see in inbound packets: section 3.10.
	payload_notify_write(b, PROTOCOL_ESP, &current->spi_in, NOTIFY_REKEY_SA, NULL, 0);
	task_config_link_id(sa, !child->physical, b);
	child_talk_offer(sa, &t->talk, b);
	return 0;
}

static void delete_pair(struct ike_sa *sa, struct child_pair *pair)
{
	if (pair->deleting)
		return;
	pair->deleting = true;
	task_add(sa, task_delete_child_new(&pair->spi_in, 1));
}

// <-- CREATE_CHILD_SA { N(some error) }
static enum task_result rekey_refused(struct ike_sa *sa, struct task_rekey_child *t,
	struct child_sa *child, const struct ike_msg *msg, uint16_t error)
{
	struct payload_notify notify;

	// The peer did not notice that both began; its own rekey is the one that counts.
	if (child == NULL || t->collided)
		return TASK_DONE;
	switch (error) {
	case NOTIFY_TEMPORARY_FAILURE:
		return task_refused(sa, &t->base);
	case NOTIFY_INVALID_KE_PAYLOAD:
		if (t->regrouped || !task_notify_find(msg, error, &notify) ||
			child_talk_regroup(sa, &t->talk, &notify) < 0)
			break;
		t->regrouped = true;
		return TASK_AGAIN;
	case NOTIFY_CHILD_SA_NOT_FOUND:
		// Gone there, so it goes here without a word, and another one is made (section 2.25).
		if (child->sa->connection != NULL)
			child->again = true;
		child_end(child, "the peer does not know it");
		return TASK_DONE;
	default:
		break;
	}
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "child SA rekey refused by the peer: %s",
		notify_name(error));
	SA_LOG(sa, NOTICE, "child SA rekey refused by the peer: %s", notify_name(error));
	if (child->lost) {
		child->rekeying = false;
		child_delete(child, true);
	} else {
		child->rekey_us = sa->ike->now_us + RETRY_US;
	}
	return TASK_DONE;
}

// RFC 7296 section 2.8.1: the exchange with the lowest nonce loses. What became of the peer's pair
// meanwhile (deleted, or replaced in its turn) does not matter for that.
static bool ours_loses(const struct task_rekey_child *t)
{
	return t->collided && nonce_compare(child_talk_lowest(&t->talk), &t->rival_nonce) < 0;
}

// The child SA's pair with this inbound SPI: what had it before may be gone, and the SPI another's.
static struct child_pair *pair_of(const struct child_sa *child, uint32_t spi_in)
{
	struct child_pair *pair = child_pair_by_spi(child->sa->ike, spi_in);

	return pair != NULL && pair->child == child ? pair : NULL;
}

static void settle(struct ike_sa *sa, struct task_rekey_child *t, struct child_sa *child,
	struct child_pair *ours)
{
	struct child_pair *rival = t->collided ? pair_of(child, t->rival_spi_in) : NULL;
	struct child_pair *old = pair_of(child, t->old_spi_in);

	if (ours_loses(t)) {
		SA_LOG(sa, DEBUG, "both rekeyed a child SA, the peer's stays");
		ours->role = PAIR_REDUNDANT;
		delete_pair(sa, ours);
		return;
	}
	child_promote(child, ours);
	if (rival != NULL && rival->role != PAIR_CLOSED) {
		SA_LOG(sa, DEBUG, "both rekeyed a child SA, ours stays");
		rival->role = PAIR_REDUNDANT;
		rival->timer_us = sa->ike->now_us + STALE_US;
	}
	if (old != NULL && old->role == PAIR_PREVIOUS)
		delete_pair(sa, old);
}

// <-- CREATE_CHILD_SA { SA, Nr, [KEr,] TSi, TSr }
static enum task_result rekey_process(
	struct ike_sa *sa, struct task *task, const struct ike_msg *msg)
{
	struct task_rekey_child *t = (struct task_rekey_child *)task;
	struct child_sa *child = child_by_handle(sa->ike, t->child);
	uint16_t error = task_error(msg);
	struct child_pair *ours;
	const char *wrong;

	if (error != 0)
		return rekey_refused(sa, t, child, msg, error);
	if (sa->state >= IKE_SA_DELETING) // and what is inside with it
		return TASK_DONE;
	wrong = child_talk_accept(sa, &t->talk, msg);
	if (wrong != NULL) {
		ike_sa_delete(sa, 0, wrong);
		return TASK_DONE;
	}
	if (task_child_gone(sa, t->talk.spi_out)) {
		if (child != NULL)
			child->rekey_us = sa->ike->now_us + RETRY_US;
		return TASK_DONE;
	}
	ours = child == NULL || child->deleting ? NULL
						: child_talk_pair(&t->talk, child, PAIR_NEXT);
	if (ours == NULL) {
		// Deleted meanwhile by either side: what the peer just made has to go as well.
		task_add(sa, task_delete_unborn_new(t->talk.spi_in));
		t->talk.spi_in = 0;
		return TASK_DONE;
	}
	settle(sa, t, child, ours);
	return TASK_DONE;
}

static void rekey_free(struct ike_sa *sa, struct task *task)
{
	struct task_rekey_child *t = (struct task_rekey_child *)task;
	struct child_sa *child = child_by_handle(sa->ike, t->child);

	if (child != NULL)
		child->rekeying = false;
	child_talk_close(sa, &t->talk);
}

const struct task_class task_class_rekey_child = {
	.name = "child SA rekey",
	.exchange = CREATE_CHILD_SA,
	.build = rekey_build,
	.process = rekey_process,
	.free = rekey_free,
};

struct task *task_rekey_child_new(uint64_t child)
{
	struct task_rekey_child *task = core_need(sizeof(*task));

	task->base.class = &task_class_rekey_child;
	task->child = child;
	return &task->base;
}

// Responder

// The pair that the request names. NULL: *notify says why it cannot be rekeyed.
static struct child_pair *find_pair(
	struct ike_sa *sa, const struct payload_notify *rekey, uint16_t *notify)
{
	struct child_pair *pair =
		rekey->protocol == PROTOCOL_ESP ? child_pair_by_peer_spi(sa, rekey->spi) : NULL;

	// The answer that makes it may still be on its way to us.
	*notify = task_child_pending(sa) ? NOTIFY_TEMPORARY_FAILURE : NOTIFY_CHILD_SA_NOT_FOUND;
	if (pair == NULL)
		return NULL;
	*notify = NOTIFY_TEMPORARY_FAILURE; // section 2.25.1: it is being closed
	if (pair->child->deleting || pair->deleting || child_pair_count(pair->child) >= PAIRS_MAX)
		return NULL;
	// The peer can only mean to replace what it uses itself.
	if (pair->role == PAIR_NEXT)
		child_promote(pair->child, pair);
	return pair->role == PAIR_CURRENT ? pair : NULL;
}

// Our own rekey of the same pair is under way: section 2.8.1 decides when both are answered.
static void note_collision(struct ike_sa *sa, const struct child_pair *old,
	const struct child_pair *next, const struct child_talk *talk)
{
	struct task *active = task_active(sa);
	struct task_rekey_child *t = (struct task_rekey_child *)active;

	if (active == NULL || active->class != &task_class_rekey_child ||
		t->child != old->child->handle || t->old_spi_in != old->spi_in)
		return;
	t->collided = true;
	t->rival_spi_in = next->spi_in;
	t->rival_nonce = *child_talk_lowest(talk);
}

// <-- CREATE_CHILD_SA { SA, Nr, [KEr,] TSi, TSr }
void task_rekey_child_respond(struct ike_sa *sa, const struct ike_msg *msg,
	const struct payload_notify *rekey, struct ike_builder *b)
{
	struct child_talk talk = {.create = true};
	struct child_pair *old, *next = NULL;
	uint16_t notify;

	old = find_pair(sa, rekey, &notify);
	if (old == NULL) {
		payload_notify_write(
			b, PROTOCOL_ESP, &rekey->spi, (enum notify_type)notify, NULL, 0);
		return;
	}
	if (task_config_about(sa, msg) != (old->child->physical ? ABOUT_PHYSICAL : ABOUT_LINK)) {
		sa->ike->counters.ts_unacceptable++;
		notify = NOTIFY_TS_UNACCEPTABLE; // L24: asked on behalf of the other interface
	} else {
		// Section 2.9.2: not narrower than what is in use.
		notify = child_talk_respond(
			sa, &talk, msg, &old->child->local, &old->child->remote, false);
	}
	if (notify == 0) {
		next = child_talk_pair(&talk, old->child, PAIR_NEXT);
		if (next == NULL)
			notify = NOTIFY_TEMPORARY_FAILURE;
	}
	if (notify == 0) {
		note_collision(sa, old, next, &talk);
		child_talk_answer(sa, &talk, b);
	} else {
		child_talk_refuse(sa, &talk, notify, b);
	}
	child_talk_close(sa, &talk);
}
