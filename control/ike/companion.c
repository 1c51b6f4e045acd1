// SPDX-License-Identifier: BSD-3-Clause
// See companion.h. They are found by their identity, whose list is bounded. RFC 7296 sections 2.4, 2.8.3.
// One thread per core.
#include "companion.h"

#include "child_sa.h"
#include "identity.h"
#include "ike_sa.h"

LOG_TYPE("ike");

// Reauthentication needs two at once.
#define COMPANIONS_USUAL 2
// Below what a link can have (LINK_IKE_SAS).
#define COMPANIONS_MANY 6
// A link has no more; a host that crashes again and again fills it faster than questions are repeated.
#define COMPANIONS_FULL 8

static bool beside(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other != sa && other->known && sa->link != 0 && other->link == sa->link;
}

static struct ike_sa *newest(const struct ike_sa *sa)
{
	return sa->identity == NULL ? NULL : sa->identity->first;
}

static bool covers(const struct child_sa *child, const struct ts_list *remote)
{
	for (uint32_t i = 0; i < remote->n; i++)
		if (!ts_list_contains(&child->remote, &remote->ts[i]))
			return false;
	return true;
}

static bool sends(const struct ike_sa *sa, const struct ts_list *remote)
{
	for (const struct child_sa *child = sa->children; child != NULL; child = child->next)
		if (child->sending && !child->physical && covers(child, remote))
			return true;
	return false;
}

bool companion_serves(const struct ike_sa *sa, const struct ts_list *remote)
{
	for (const struct ike_sa *other = newest(sa); other != NULL; other = other->older)
		if (beside(sa, other) && sends(other, remote))
			return true;
	return false;
}

void companion_hand_over(struct ike_sa *sa)
{
	for (struct ike_sa *other = newest(sa); other != NULL; other = other->older) {
		if (!beside(sa, other))
			continue;
		for (struct child_sa *child = other->children; child != NULL; child = child->next)
			child_send_held(child);
	}
}

// Asked already, and silent for longer than a lost packet explains.
static bool is_silent(struct ike_sa *sa)
{
	const struct window_out *place = window_any(&sa->window);

	return place != NULL && place->sent_n >= 2;
}

static void ask(struct ike_sa *sa)
{
	if (sa->state == IKE_SA_ESTABLISHED && window_any(&sa->window) == NULL &&
		!task_is_queued(sa, &task_class_liveness))
		task_add(sa, task_liveness_new());
}

void companion_check(struct ike_sa *sa)
{
	struct ike_sa *oldest_silent = NULL, *oldest_asked = NULL;
	uint32_t n = 1;

	for (struct ike_sa *other = newest(sa); other != NULL; other = other->older) {
		if (!beside(sa, other))
			continue;
		if (++n > COMPANIONS_USUAL)
			ask(other);
		if (is_silent(other))
			oldest_silent = other;
		if (window_any(&other->window) != NULL) // before now, and no answer yet
			oldest_asked = other;
	}
	if (n >= COMPANIONS_FULL && oldest_silent == NULL)
		oldest_silent = oldest_asked;
	if (n >= COMPANIONS_MANY && oldest_silent != NULL)
		ike_sa_delete(oldest_silent, 0, "silent, and its link has many newer IKE SAs");
}
