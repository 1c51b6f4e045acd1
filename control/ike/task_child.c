// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA for a child SA that replaces nothing, both sides, and which of the three kinds of
// CREATE_CHILD_SA a request is. RFC 7296 sections 1.3.1, 2.25; RFC 5739 section 4.3. One thread per
// core.
#include "child_talk.h"
#include "connection.h"
#include "connection_child.h"
#include "effect.h"
#include "ike_sa.h"
#include "task_config.h"

#include <errno.h>
#include <string.h>

LOG_TYPE("ike");

struct task_child {
	struct task base;
	uint64_t wish; // of the connection's further child SAs, 0: its first one
	struct ts_list local, remote;
	struct child_talk talk;
	bool regrouped; // the SPI and the nonce are there, the responder wanted another group
};

// Initiator

// Not the peer's no: another attempt follows soon.
static void failed(struct ike_sa *sa, const struct task_child *t, const char *why)
{
	struct connection_child *wish = connection_child_find(sa->connection, t->wish);

	if (t->wish == 0)
		connection_failed(sa, why);
	else if (wish != NULL)
		connection_child_refused(sa, wish, why, false);
}

// --> CREATE_CHILD_SA { [N(LINK_ID),] [CP(CFG_REQUEST),] SA, Ni, [KEi,] TSi, TSr }
static int child_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_child *t = (struct task_child *)task;
	const struct connection_child *wish = connection_child_find(sa->connection, t->wish);
	int ret;

	if (t->wish != 0 && wish == NULL) // not wanted any more
		return -ENOENT;
	if (!t->regrouped) {
		child_talk_close(sa, &t->talk);
		ret = child_talk_open(sa, &t->talk, true);
		if (ret < 0) {
			failed(sa, t, "no SPI for a child SA");
			return ret;
		}
	}
	if (wish != NULL)
		connection_child_selectors(sa, wish, &t->local, &t->remote);
	t->talk.local = t->local;
	t->talk.remote = t->remote;
	// Without a link on the wire there is one SPD for everything, and no LINK_ID.
	t->talk.physical = sa->link_wire && wish != NULL && !wish->spec.of_link;
	task_config_link_id(sa, !t->talk.physical, b);
	if (wish != NULL && wish->spec.ask)
		task_config_ask_address(&wish->spec.address2, b);
	child_talk_offer(sa, &t->talk, b);
	return 0;
}

// A refusal that may not be one any more a little later.
static bool passing(uint16_t error)
{
	return error == NOTIFY_NO_ADDITIONAL_SAS;
}

// <-- CREATE_CHILD_SA { N(some error) }
static enum task_result child_refused(
	struct ike_sa *sa, struct task_child *t, const struct ike_msg *msg, uint16_t error)
{
	struct connection_child *wish = connection_child_find(sa->connection, t->wish);
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
	if (t->wish == 0)
		connection_failed(sa, notify_name(error));
	else if (wish != NULL)
		connection_child_refused(sa, wish, notify_name(error), !passing(error));
	return TASK_DONE;
}

// What the peer made is of no use here: it goes there too.
static void give_back(struct ike_sa *sa, struct task_child *t)
{
	task_add(sa, task_delete_unborn_new(t->talk.spi_in));
	t->talk.spi_in = 0;
}

// One of the connection's further child SAs, agreed on.
static void wish_granted(struct ike_sa *sa, struct task_child *t, const struct ike_msg *msg)
{
	struct connection_child *wish = connection_child_find(sa->connection, t->wish);
	struct cp_attrs cp = {0};
	const char *wrong = NULL;
	struct child_sa *child;

	if (wish != NULL && wish->spec.ask)
		wrong = task_config_accept_address(sa, msg, &t->talk.local, &cp);
	if (wish == NULL || wrong != NULL) {
		give_back(sa, t);
		if (wish != NULL)
			connection_child_refused(sa, wish, wrong, true);
		return;
	}
	child = child_talk_child(sa, &t->talk);
	if (child == NULL) {
		give_back(sa, t);
		connection_child_refused(sa, wish, "no resources for a child SA", false);
		return;
	}
	connection_child_up(wish, child, &cp);
}

// <-- CREATE_CHILD_SA { [CP(CFG_REPLY),] SA, Nr, [KEr,] TSi, TSr }
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
	if (task_child_gone(sa, t->talk.spi_out)) {
		failed(sa, t, "deleted by the peer at once");
		return TASK_DONE;
	}
	if (t->wish != 0) {
		wish_granted(sa, t, msg);
		return TASK_DONE;
	}
	child = child_talk_child(sa, &t->talk);
	if (child != NULL) {
		if (sa->allow_local == NULL) // the first one, after an IKE_AUTH without
			child_talk_keep(sa, &t->talk);
		connection_up(sa, child);
		return TASK_DONE;
	}
	give_back(sa, t);
	failed(sa, t, "no resources for a child SA");
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

struct task *task_child_wish_new(uint64_t wish)
{
	struct task_child *task = core_need(sizeof(*task));

	task->base.class = &task_class_child;
	task->wish = wish;
	return &task->base;
}

static bool is_for(const struct task *task, uint64_t wish)
{
	return task->class == &task_class_child && ((const struct task_child *)task)->wish == wish;
}

bool task_child_queued(struct ike_sa *sa, uint64_t wish, uint64_t before_us)
{
	const struct task *active = task_active(sa);

	for (const struct task *task = sa->tasks; task != NULL; task = task->next)
		if (is_for(task, wish) && task->not_before_us <= before_us)
			return true;
	return active != NULL && is_for(active, wish);
}

bool task_child_pending(struct ike_sa *sa)
{
	const struct task *active = task_active(sa);

	return active != NULL &&
		(active->class == &task_class_child || active->class == &task_class_rekey_child);
}

bool task_child_gone(struct ike_sa *sa, uint32_t spi_out)
{
	bool gone = sa->gone_early == spi_out;

	sa->gone_early = 0;
	return gone;
}

// Responder

// What a request about the link may cover now: policy may have changed since IKE_AUTH (L19, L29).
static void link_policy(struct ike_sa *sa, struct ts_list *local, struct ts_list *remote)
{
	struct ike *ike = sa->ike;

	if (sa->link != 0 && ike->ops->link_policy != NULL) {
		if (!ike->ops->link_policy(ike->arg, sa->link, remote, local))
			remote->n = local->n = 0;
		return;
	}
	if (sa->allow_local == NULL)
		return;
	*local = *sa->allow_local;
	*remote = *sa->allow_remote;
}

// L8: the physical interface has an SPD of its own: the PAD entry's, or the client's configuration.
static void physical_policy(const struct ike_sa *sa, struct ts_list *local, struct ts_list *remote)
{
	if (sa->peer == NULL) {
		connection_child_physical(sa->connection, local, remote);
		return;
	}
	*local = sa->peer->physical_local;
	*remote = sa->peer->physical_remote;
}

// <-- CREATE_CHILD_SA { [CP(CFG_REPLY),] SA, Nr, [KEr,] TSi, TSr }
static void child_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	struct child_talk talk = {.create = true};
	struct ts_list local = {0}, remote = {0};
	enum config_about about = task_config_about(sa, msg);
	uint16_t notify = NOTIFY_NO_ADDITIONAL_SAS;

	talk.physical = about == ABOUT_PHYSICAL;
	if (about == ABOUT_LINK)
		link_policy(sa, &local, &remote);
	else if (about == ABOUT_PHYSICAL)
		physical_policy(sa, &local, &remote);
	// else somebody else's Link ID, or none's: default deny
	if (sa->child_n >= sa->ike->config->limits.children_max)
		sa->ike->counters.children_refused++;
	else
		notify = child_talk_choose(sa, &talk, msg);
	if (notify == 0)
		notify = task_config_extend(sa, about, msg, b, &local, &remote);
	if (notify == 0)
		notify = child_talk_narrow(sa, &talk, &local, &remote, false);
	if (notify == 0 && child_talk_child(sa, &talk) == NULL)
		notify = NOTIFY_NO_ADDITIONAL_SAS;
	if (notify != 0) {
		ike_build_init(b, sa->ike->chain, sizeof(sa->ike->chain)); // without CP
		child_talk_refuse(sa, &talk, notify, b);
	} else {
		child_talk_answer(sa, &talk, b);
	}
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
