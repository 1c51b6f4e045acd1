// SPDX-License-Identifier: BSD-3-Clause
// INFORMATIONAL, and what deletes: the IKE SA or child SAs, both sides. RFC 7296 sections 1.4.1,
// 2.21.2, 2.25. One thread per core.
#include "child_sa.h"
#include "effect.h"
#include "ike_sa.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("ike");

struct task_delete {
	struct task base;
	uint16_t notify; // instead of D, when it ends the IKE SA all the same; 0: none
	uint32_t n;
	uint32_t spi[8]; // inbound ones
	uint32_t unborn; // one of them that never became a pair here, to be given back; 0: none
};

// The IKE SA

// --> INFORMATIONAL { D } or { N(AUTHENTICATION_FAILED) }
static int ike_build(struct ike_sa *, struct task *task, struct ike_builder *b)
{
	struct task_delete *t = (struct task_delete *)task;

	if (t->notify != 0)
		payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)t->notify, NULL, 0);
	else
		payload_delete_write(b, PROTOCOL_IKE, NULL, 0);
	return 0;
}

// <-- INFORMATIONAL { }
static enum task_result ike_process(struct ike_sa *sa, struct task *, const struct ike_msg *)
{
	if (sa->drain)
		sa->end_us = sa->ike->now_us + PAIR_DRAIN_US;
	else
		ike_sa_end(sa, "deleted");
	return TASK_DONE;
}

const struct task_class task_class_delete_ike = {
	.name = "IKE SA delete",
	.exchange = INFORMATIONAL,
	.build = ike_build,
	.process = ike_process,
};

struct task *task_delete_ike_new(uint16_t notify)
{
	struct task_delete *task = core_need(sizeof(*task));

	task->base.class = &task_class_delete_ike;
	task->notify = notify;
	return &task->base;
}

// Child SAs

// The pair with this inbound SPI, when it is of this IKE SA.
static struct child_pair *own_pair(const struct ike_sa *sa, uint32_t spi)
{
	struct child_pair *pair = child_pair_by_spi(sa->ike, spi);

	return pair != NULL && pair->child->sa == sa ? pair : NULL;
}

// --> INFORMATIONAL { D(SPIs) }
static int child_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_delete *t = (struct task_delete *)task;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		struct child_pair *pair = own_pair(sa, t->spi[i]);

		// Deleted by the peer while we waited?
		if (t->spi[i] != t->unborn && (pair == NULL || pair->role == PAIR_CLOSED))
			continue;
		t->spi[n++] = t->spi[i];
	}
	t->n = n;
	if (n == 0)
		return -ENOENT;
	payload_delete_write(b, PROTOCOL_ESP, t->spi, n);
	return 0;
}

// One pair is gone on both sides. What it was decides what goes with it.
static void pair_deleted(struct child_pair *pair, const char *why)
{
	struct child_sa *child = pair->child;
	struct child_pair *next = child_pair_of(child, PAIR_NEXT);

	if (pair->role == PAIR_CURRENT && next != NULL && !next->deleting)
		child_promote(child, next); // RFC 7296 section 2.8: now it is ready for it
	if (pair->role == PAIR_CURRENT)
		child_end(child, why);
	else
		child_pair_close(pair, true);
}

// <-- INFORMATIONAL { [D(SPIs)] }
static enum task_result child_process(struct ike_sa *sa, struct task *task, const struct ike_msg *)
{
	struct task_delete *t = (struct task_delete *)task;

	for (uint32_t i = 0; i < t->n; i++) {
		struct child_pair *pair = own_pair(sa, t->spi[i]);

		if (pair != NULL)
			pair_deleted(pair, "deleted");
	}
	return TASK_DONE;
}

static void child_free_task(struct ike_sa *sa, struct task *task)
{
	struct task_delete *t = (struct task_delete *)task;

	if (t->unborn != 0)
		child_spi_free(sa, t->unborn);
}

const struct task_class task_class_delete_child = {
	.name = "child SA delete",
	.exchange = INFORMATIONAL,
	.build = child_build,
	.process = child_process,
	.free = child_free_task,
};

struct task *task_delete_child_new(const uint32_t *spis, uint32_t n)
{
	struct task_delete *task = core_need(sizeof(*task));

	task->base.class = &task_class_delete_child;
	task->n = n < 8 ? n : 8;
	memcpy(task->spi, spis, task->n * sizeof(*spis));
	return &task->base;
}

struct task *task_delete_unborn_new(uint32_t spi)
{
	struct task *task = task_delete_child_new(&spi, 1);

	((struct task_delete *)task)->unborn = spi;
	return task;
}

// Answering

// Our own D for this pair is on its way: the two cross (section 1.4.1).
static bool delete_sent(struct ike_sa *sa, uint32_t spi)
{
	struct task *active = task_active(sa);
	const struct task_delete *t = (const struct task_delete *)active;

	if (active == NULL || active->class != &task_class_delete_child)
		return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->spi[i] == spi)
			return true;
	return false;
}

// The child SAs of a rekeyed IKE SA are its successor's.
static struct ike_sa *holder(struct ike_sa *sa)
{
	struct ike_sa *next =
		sa->rekeyed_by == 0 ? NULL : ike_sa_by_handle(sa->ike, sa->rekeyed_by);

	return next == NULL ? sa : next;
}

// --> INFORMATIONAL { D(SPIs) }; their pairs' other halves go into *answer.
static void delete_pairs(
	struct ike_sa *sa, const struct payload_delete *request, struct payload_delete *answer)
{
	for (uint32_t i = 0; i < request->n && answer->n < DELETE_SPIS_MAX; i++) {
		struct child_pair *pair = child_pair_by_peer_spi(holder(sa), request->spi[i]);

		if (pair == NULL) {
			if (task_child_pending(sa)) // made by an answer that was lost?
				sa->gone_early = request->spi[i];
			continue;
		}
		if (delete_sent(sa, pair->spi_in)) {
			// Outbound now, inbound with the response to ours.
			if (pair->role == PAIR_CURRENT)
				child_stop_sending(pair->child);
			continue;
		}
		answer->spi[answer->n++] = pair->spi_in;
		pair_deleted(pair, "deleted by the peer");
	}
}

static void note(struct ike_sa *sa, const struct payload_notify *notify)
{
	if (notify->type == NOTIFY_AUTH_LIFETIME)
		task_reauth_read(sa, notify);
	if (notify->type >= NOTIFY_INITIAL_CONTACT)
		return;
	event_emit(
		sa->ike, IKE_EVENT_ERROR, sa, NULL, "the peer says %s", notify_name(notify->type));
	SA_LOG(sa, NOTICE, "the peer says %s", notify_name(notify->type));
	// Section 2.21.2: this one ends the IKE SA without a D.
	if (notify->type == NOTIFY_AUTHENTICATION_FAILED) {
		sa->after = AFTER_CLOSE;
		sa->why = "the peer says AUTHENTICATION_FAILED";
	}
}

// <-- INFORMATIONAL { [D(SPIs)] }
void task_informational_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	struct payload_delete request, answer = {.protocol = PROTOCOL_ESP};
	struct payload_notify notify;
	int ret = 0;

	for (uint32_t i = 0; i < msg->n && ret != -EBADMSG; i++) {
		const struct ike_payload_ref *p = &msg->payload[i];

		if (p->type == PAYLOAD_NOTIFY) {
			ret = payload_notify_read(p, &notify);
			if (ret == 0)
				note(sa, &notify);
		} else if (p->type == PAYLOAD_DELETE) {
			ret = payload_delete_read(p, &request);
			if (ret == 0 && request.protocol == PROTOCOL_IKE) {
				sa->after = AFTER_CLOSE;
				sa->why = "deleted by the peer";
				sa->left_by = sa->handle;
			} else if (ret == 0 && request.protocol == PROTOCOL_ESP) {
				delete_pairs(sa, &request, &answer);
			}
		}
	}
	if (ret == -EBADMSG)
		task_answer_error(sa, b, NOTIFY_INVALID_SYNTAX);
	else if (answer.n > 0)
		payload_delete_write(b, PROTOCOL_ESP, answer.spi, answer.n);
}
