// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA for a child SA that replaces nothing, both sides, and which of the three kinds of
// CREATE_CHILD_SA a request is. RFC 7296 sections 1.3.1, 2.25; RFC 5739 section 4.3. One thread per
// core.
#include "child_talk.h"
#include "connection.h"
#include "effect.h"
#include "ike_sa.h"
#include "task_config.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("ike");

struct task_child {
	struct task base;
	struct ts_list local, remote;
	struct child_talk talk;
	bool regrouped; // the SPI and the nonce are there, the responder wanted another group
};

// Initiator

// --> CREATE_CHILD_SA { [N(LINK_ID),] SA, Ni, [KEi,] TSi, TSr }
static int child_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_child *t = (struct task_child *)task;
	int ret;

	if (!t->regrouped) {
		child_talk_close(sa, &t->talk);
		ret = child_talk_open(sa, &t->talk, true);
		if (ret < 0) {
			connection_failed(sa, "no SPI for a child SA");
			return ret;
		}
	}
	t->talk.local = t->local;
	t->talk.remote = t->remote;
	task_config_link_id(sa, true, b);
	child_talk_offer(sa, &t->talk, b);
	return 0;
}

// <-- CREATE_CHILD_SA { N(some error) }
static enum task_result child_refused(
	struct ike_sa *sa, struct task_child *t, const struct ike_msg *msg, uint16_t error)
{
	struct payload_notify notify;

	if (error == NOTIFY_TEMPORARY_FAILURE)
		return task_refused(sa, &t->base);
	if (error == NOTIFY_INVALID_KE_PAYLOAD && !t->regrouped &&
		task_notify_find(msg, error, &notify) &&
		child_talk_regroup(sa, &t->talk, &notify) == 0) {
		t->regrouped = true;
		return TASK_AGAIN;
	}
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "child SA refused by the peer: %s",
		notify_name(error));
	SA_LOG(sa, NOTICE, "child SA refused by the peer: %s", notify_name(error));
	connection_failed(sa, notify_name(error));
	return TASK_DONE;
}

// <-- CREATE_CHILD_SA { SA, Nr, [KEr,] TSi, TSr }
static enum task_result child_process(
	struct ike_sa *sa, struct task *task, const struct ike_msg *msg)
{
	struct task_child *t = (struct task_child *)task;
	uint16_t error = task_error(msg);
	const char *wrong;
	struct child_sa *child;

	if (error != 0)
		return child_refused(sa, t, msg, error);
	if (sa->state != IKE_SA_ESTABLISHED) // being deleted, and what is inside with it
		return TASK_DONE;
	wrong = child_talk_accept(sa, &t->talk, msg);
	if (wrong != NULL) {
		ike_sa_delete(sa, 0, wrong);
		return TASK_DONE;
	}
	child = child_talk_child(sa, &t->talk);
	if (child == NULL) {
		// The peer has it and we have not: it goes there too.
		task_add(sa, task_delete_unborn_new(t->talk.spi_in));
		t->talk.spi_in = 0;
		return TASK_DONE;
	}
	connection_up(sa, child);
	return TASK_DONE;
}

static void child_task_free(struct ike_sa *sa, struct task *task)
{
	child_talk_close(sa, &((struct task_child *)task)->talk);
}

const struct task_class task_class_child = {
	.name = "new child SA",
	.exchange = CREATE_CHILD_SA,
	.build = child_build,
	.process = child_process,
	.free = child_task_free,
};

struct task *task_child_new(const struct ts_list *local, const struct ts_list *remote)
{
	struct task_child *task = core_need(sizeof(*task));

	task->base.class = &task_class_child;
	task->local = *local;
	task->remote = *remote;
	return &task->base;
}

// Responder

// <-- CREATE_CHILD_SA { SA, Nr, [KEr,] TSi, TSr }
static void child_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	static const struct ts_list nothing;
	struct child_talk talk = {.create = true};
	bool allowed = task_config_about_link(sa, msg) && sa->allow_local != NULL;
	uint16_t notify;

	if (sa->child_n >= CHILDREN_MAX)
		notify = NOTIFY_NO_ADDITIONAL_SAS;
	else // without a link, or on the physical interface: default deny
		notify = child_talk_respond(sa, &talk, msg, allowed ? sa->allow_local : &nothing,
			allowed ? sa->allow_remote : &nothing, false);
	if (notify == 0 && child_talk_child(sa, &talk) == NULL)
		notify = NOTIFY_NO_ADDITIONAL_SAS;
	if (notify != 0)
		child_talk_refuse(sa, &talk, notify, b);
	else
		child_talk_answer(sa, &talk, b);
	child_talk_close(sa, &talk);
}

static bool rekeying_ike(struct ike_sa *sa)
{
	struct task *active = task_active(sa);

	return active != NULL && active->class == &task_class_rekey_ike;
}

// The REKEY_SA notify of a request: true when there is one. -EBADMSG in *error when it, or any other
// notify, is malformed: a request that cannot be read must not be taken for one of another kind.
static bool find_rekey(const struct ike_msg *msg, struct payload_notify *out, int *error)
{
	const struct ike_payload_ref *p = NULL;
	struct payload_notify notify;
	bool found = false;

	*error = 0;
	while ((p = ike_msg_find_next(msg, p, PAYLOAD_NOTIFY)) != NULL && *error == 0) {
		*error = payload_notify_read(p, &notify);
		if (*error != 0 || notify.type != NOTIFY_REKEY_SA)
			continue;
		if (notify.spi_len != sizeof(notify.spi)) // it names an SA of AH or ESP
			*error = -EBADMSG;
		else if (!found)
			*out = notify;
		found = true;
	}
	return found;
}

void task_create_child_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_SA);
	struct payload_notify rekey;
	struct wire_sa offered;
	int error;
	bool is_rekey = find_rekey(msg, &rekey, &error);

	if (error != 0 || p == NULL || payload_sa_read(p, &offered)) {
		task_answer_error(sa, b, NOTIFY_INVALID_SYNTAX);
		return;
	}
	if (sa->state != IKE_SA_ESTABLISHED) {
		task_answer_error(sa, b, NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	if (offered.n > 0 && offered.proposal[0].protocol == PROTOCOL_IKE) {
		task_rekey_ike_respond(sa, msg, &offered, b);
		return;
	}
	if (rekeying_ike(sa)) { // RFC 7296 section 2.25.2
		task_answer_error(sa, b, NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	if (is_rekey)
		task_rekey_child_respond(sa, msg, &rekey, b);
	else
		child_respond(sa, msg, b);
}
