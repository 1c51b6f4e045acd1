// SPDX-License-Identifier: BSD-3-Clause
// The queue of tasks of an IKE SA, and what all tasks share: waiting after a refusal, finding
// notifies. RFC 7296 sections 2.21 and 2.25. One thread per core.
#include "task.h"

#include "ike_sa.h"

#include <stdlib.h>

LOG_TYPE("ike");

#define REFUSED_FIRST_US (1 * US_PER_S)
#define REFUSED_DOUBLINGS 4
// "Several minutes" of TEMPORARY_FAILURE, after which the two sides are out of step.
#define REFUSED_MAX_US (300 * US_PER_S)

void task_add(struct ike_sa *sa, struct task *task)
{
	struct task **at = &sa->tasks;

	while (*at != NULL)
		at = &(*at)->next;
	task->next = NULL;
	*at = task;
	ike_sa_touch(sa);
}

void task_add_first(struct ike_sa *sa, struct task *task)
{
	task->next = sa->tasks;
	sa->tasks = task;
	ike_sa_touch(sa);
}

void task_free(struct ike_sa *sa, struct task *task)
{
	if (task == NULL)
		return;
	if (task->class->free != NULL)
		task->class->free(sa, task);
	free(task);
}

void task_free_waiting(struct ike_sa *sa)
{
	while (sa->tasks != NULL) {
		struct task *task = sa->tasks;

		sa->tasks = task->next;
		task_free(sa, task);
	}
}

void task_free_all(struct ike_sa *sa)
{
	struct window_out *place;

	task_free_waiting(sa);
	while ((place = window_any(&sa->window)) != NULL) {
		struct task *task = place->owner;

		window_answered(&sa->window, place);
		task_free(sa, task);
	}
}

// What is not about the IKE SA itself.
static bool outlives_rekey(const struct task *task)
{
	return task->class == &task_class_reauth || task->class == &task_class_child ||
		task->class == &task_class_rekey_child || task->class == &task_class_delete_child;
}

void task_move_waiting(struct ike_sa *old, struct ike_sa *new)
{
	struct task *task = old->tasks, *next;

	old->tasks = NULL;
	for (; task != NULL; task = next) {
		next = task->next;
		if (outlives_rekey(task))
			task_add(new, task);
		else
			task_free(old, task);
	}
}

struct task *task_take_ready(struct ike_sa *sa)
{
	for (struct task **at = &sa->tasks; *at != NULL; at = &(*at)->next) {
		struct task *task = *at;

		if (task->not_before_us > sa->ike->now_us)
			continue;
		if (sa->state == IKE_SA_DELETING && task->class != &task_class_delete_ike)
			continue;
		*at = task->next;
		task->next = NULL;
		return task;
	}
	return NULL;
}

uint64_t task_next_us(const struct ike_sa *sa)
{
	uint64_t next = CLOCK_NEVER;

	// Those that only wait for the window start when an answer comes.
	for (const struct task *task = sa->tasks; task != NULL; task = task->next)
		if (task->not_before_us > sa->ike->now_us && task->not_before_us < next)
			next = task->not_before_us;
	return next;
}

struct task *task_active(struct ike_sa *sa)
{
	struct window_out *place = window_any(&sa->window);

	return place == NULL ? NULL : place->owner;
}

bool task_is_queued(struct ike_sa *sa, const struct task_class *class)
{
	const struct task *active = task_active(sa);

	for (const struct task *task = sa->tasks; task != NULL; task = task->next)
		if (task->class == class)
			return true;
	return active != NULL && active->class == class;
}

enum task_result task_refused(struct ike_sa *sa, struct task *task)
{
	uint64_t now_us = sa->ike->now_us;
	uint64_t pause = REFUSED_FIRST_US
		<< (task->refusals < REFUSED_DOUBLINGS ? task->refusals : REFUSED_DOUBLINGS);

	task->refusals++;
	if (sa->refused_since_us == 0)
		sa->refused_since_us = now_us;
	if (now_us - sa->refused_since_us > REFUSED_MAX_US) {
		ike_sa_delete(sa, 0, "the peer has refused for minutes");
		return TASK_DONE;
	}
	// Random, so that two sides that refuse each other do not meet again.
	task->not_before_us = now_us + pause + core_random_below(sa->ike, 2 * pause);
	SA_LOG(sa, DEBUG, "%s: the peer cannot now, trying again later", task->class->name);
	return TASK_AGAIN;
}

uint16_t task_error(const struct ike_msg *msg)
{
	const struct ike_payload_ref *p = NULL;
	struct payload_notify notify;

	while ((p = ike_msg_find_next(msg, p, PAYLOAD_NOTIFY)) != NULL) {
		if (payload_notify_read(p, &notify))
			return NOTIFY_INVALID_SYNTAX;
		if (notify.type < NOTIFY_INITIAL_CONTACT) // below are the errors
			return notify.type;
	}
	return 0;
}

bool task_notify_find(const struct ike_msg *msg, uint16_t type, struct payload_notify *out)
{
	const struct ike_payload_ref *p = NULL;

	while ((p = ike_msg_find_next(msg, p, PAYLOAD_NOTIFY)) != NULL)
		if (payload_notify_read(p, out) == 0 && out->type == type)
			return true;
	return false;
}

void task_answer_error(struct ike_sa *sa, struct ike_builder *b, uint16_t notify)
{
	if (notify == NOTIFY_INVALID_SYNTAX) {
		sa->ike->counters.malformed++;
		sa->after = AFTER_CLOSE;
		sa->why = "malformed request";
	}
	payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)notify, NULL, 0);
}
