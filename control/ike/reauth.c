// SPDX-License-Identifier: BSD-3-Clause
// See reauth.h. RFC 7296 section 2.8.3, RFC 4478, RFC 5739 section 4.2. One thread per core.
#include "reauth.h"

#include "child_sa.h"
#include "connection.h"
#include "connection_child.h"
#include "effect.h"
#include "identity.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// Begun so long before the end: a tenth of the time, but not more than this.
#define ROOM_MAX_US (300 * US_PER_S)
// Whether the further child SAs of the successor are there.
#define SETTLED_CHECK_US (500 * US_PER_MS)

void reauth_init(struct ike_sa *sa)
{
	sa->reauth = (struct reauth){.begin_us = CLOCK_NEVER,
		.deadline_us = CLOCK_NEVER,
		.end_us = CLOCK_NEVER,
		.retire_us = CLOCK_NEVER,
		.retire_last_us = CLOCK_NEVER};
}

void reauth_inherit(struct ike_sa *old, struct ike_sa *new)
{
	new->reauth = old->reauth;
	reauth_over(old);
}

void reauth_over(struct ike_sa *sa)
{
	sa->reauth.begin_us = CLOCK_NEVER;
	sa->reauth.end_us = CLOCK_NEVER;
	sa->reauth.retire_us = CLOCK_NEVER;
}

uint64_t reauth_next_us(const struct ike_sa *sa)
{
	uint64_t next = sa->reauth.begin_us;

	if (sa->reauth.end_us < next)
		next = sa->reauth.end_us;
	return sa->reauth.retire_us < next ? sa->reauth.retire_us : next;
}

// When

static void begin_by(struct ike_sa *sa, uint64_t when_us)
{
	uint64_t first_us = sa->reauth.since_us + REAUTH_MIN_US;

	if (when_us < first_us)
		when_us = first_us;
	if (when_us < sa->reauth.begin_us)
		sa->reauth.begin_us = when_us;
	ike_sa_touch(sa);
}

void reauth_authenticated(struct ike_sa *sa)
{
	uint32_t seconds = sa->connection->config->reauth_s;

	if (seconds > 0)
		begin_by(sa, ike_sa_lifetime_us(sa->ike, seconds));
}

void reauth_told(struct ike_sa *sa, uint32_t seconds)
{
	uint64_t life_us = seconds * (uint64_t)US_PER_S, room_us = life_us / 10;
	uint64_t deadline_us = sa->ike->now_us + life_us;

	// Ours to do only while the connection is this IKE SA's; RFC 4478 has it from the responder.
	if (sa->connection == NULL)
		return;
	if (room_us > ROOM_MAX_US)
		room_us = ROOM_MAX_US;
	room_us += core_random_below(sa->ike, room_us / 2);
	SA_LOG(sa, INFO, "the gateway wants us to authenticate again within %u s", seconds);
	if (deadline_us < sa->reauth.deadline_us)
		sa->reauth.deadline_us = deadline_us;
	begin_by(sa, deadline_us - room_us);
}

void reauth_promised(struct ike_sa *sa, uint32_t seconds)
{
	uint64_t end_us = sa->ike->now_us + seconds * (uint64_t)US_PER_S + REAUTH_MARGIN_US;

	if (end_us < sa->reauth.end_us)
		sa->reauth.end_us = end_us;
	ike_sa_touch(sa);
}

void reauth_promise(struct ike_sa *sa, struct ike_builder *b)
{
	uint64_t now_us = sa->ike->now_us;
	uint32_t seconds = sa->reauth.seconds;
	struct task *task;

	if (seconds == 0)
		return;
	reauth_promised(sa, seconds);
	if (sa->older == NULL || now_us - sa->older->reauth.since_us >= REAUTH_MIN_US) {
		task_reauth_write(b, seconds);
		return;
	}
	task = task_reauth_new(now_us + seconds * US_PER_S);
	task->not_before_us = now_us + REAUTH_MIN_US;
	task_add(sa, task);
}

// Initiator

bool reauth_is_attempt(const struct ike_sa *sa)
{
	return sa->connection != NULL && sa->connection->attempt == sa->handle;
}

// What the IKE SA in use has, before the attempt writes over it.
static void keep_view(struct connection *connection)
{
	struct connection_view *kept = core_need(sizeof(*kept));

	memcpy(kept->iid, connection->iid, sizeof(kept->iid));
	memcpy(kept->link_id, connection->link_id, sizeof(kept->link_id));
	kept->link_id_len = connection->link_id_len;
	kept->no_ipv4 = connection->no_ipv4;
	kept->no_ipv6 = connection->no_ipv6;
	kept->cp = connection->cp;
	connection->kept = kept;
}

static void restore_view(struct connection *connection)
{
	const struct connection_view *kept = connection->kept;

	memcpy(connection->iid, kept->iid, sizeof(kept->iid));
	memcpy(connection->link_id, kept->link_id, sizeof(kept->link_id));
	connection->link_id_len = kept->link_id_len;
	connection->no_ipv4 = kept->no_ipv4;
	connection->no_ipv6 = kept->no_ipv6;
	connection->cp = kept->cp;
	connection->given.used = false; // it is still to be asked for
}

static void drop_view(struct connection *connection)
{
	free(connection->kept);
	connection->kept = NULL;
}

int reauth_begin(struct ike_sa *sa)
{
	struct connection *connection = sa->connection;
	int ret;

	sa->reauth.begin_us = CLOCK_NEVER;
	if (connection == NULL || sa->state != IKE_SA_ESTABLISHED)
		return -ENOENT;
	if (connection->attempt != 0 || connection->ike_sa != sa->handle)
		return -EINPROGRESS;
	LOG(INFO, "connection %s: reauthentication begins", connection->config->name);
	keep_view(connection);
	ret = connection_attempt(connection, &connection->attempt);
	if (ret < 0 && connection->kept != NULL) // it has not even begun
		reauth_failed(connection, "out of memory");
	return ret;
}

struct ike_sa *reauth_take_over(struct ike_sa *attempt)
{
	struct connection *connection = attempt->connection;
	struct ike_sa *old = ike_sa_by_handle(attempt->ike, connection->ike_sa);

	connection->ike_sa = attempt->handle;
	connection->attempt = 0;
	connection->reauth_pause_us = REAUTH_MIN_US;
	drop_view(connection);
	LOG(INFO, "connection %s: reauthenticated", connection->config->name);
	if (old != NULL)
		old->connection = NULL;
	return old;
}

void reauth_replaced(struct ike_sa *old, const struct ike_sa *by)
{
	uint64_t now_us = old->ike->now_us;

	old->reauth.begin_us = CLOCK_NEVER;
	old->reauth.successor = by->handle;
	old->reauth.retire_us = now_us + REAUTH_OVERLAP_US;
	old->reauth.retire_last_us = now_us + REAUTH_OVERLAP_MAX_US;
	ike_sa_touch(old);
}

// The pause doubles, and gets shorter again when the gateway's patience is about to end.
static uint64_t retry_us(struct connection *connection, const struct ike_sa *sa)
{
	uint64_t now_us = sa->ike->now_us, pause = connection->reauth_pause_us, left;

	connection->reauth_pause_us =
		pause * 2 < REAUTH_RETRY_MAX_US ? pause * 2 : REAUTH_RETRY_MAX_US;
	if (sa->reauth.deadline_us != CLOCK_NEVER && sa->reauth.deadline_us > now_us) {
		left = (sa->reauth.deadline_us - now_us) / 2;
		if (left < pause)
			pause = left > REAUTH_MIN_US ? left : REAUTH_MIN_US;
	}
	return now_us + pause + core_random_below(sa->ike, pause / 4);
}

void reauth_failed(struct connection *connection, const char *why)
{
	struct ike_sa *sa = ike_sa_by_handle(connection->ike, connection->ike_sa);

	connection->attempt = 0;
	restore_view(connection);
	drop_view(connection);
	LOG(NOTICE, "connection %s: reauthentication failed, the old IKE SA stays: %s",
		connection->config->name, why);
	if (sa == NULL || !connection->wanted)
		return;
	sa->reauth.begin_us = retry_us(connection, sa);
	ike_sa_touch(sa);
}

void reauth_orphaned(struct connection *connection)
{
	connection->ike_sa = connection->attempt;
	connection->attempt = 0;
	drop_view(connection);
	LOG(INFO, "connection %s: the old IKE SA ended during the reauthentication",
		connection->config->name);
}

// The peer is told, and until it has answered, and a little longer, what it sent before arrives.
static void retire(struct ike_sa *sa)
{
	struct ike_sa *rival = ike_sa_by_handle(sa->ike, sa->rival);

	reauth_over(sa);
	if (sa->state != IKE_SA_ESTABLISHED)
		return;
	if (rival != NULL) {
		sa->rival = 0;
		ike_sa_delete(rival, 0, "replaced by reauthentication");
	}
	SA_LOG(sa, INFO, "deleting: replaced by reauthentication");
	ike_sa_set_state(sa, IKE_SA_DELETING);
	for (struct child_sa *child = sa->children; child != NULL; child = child->next)
		child_stop_sending(child);
	identity_forget(sa);
	sa->drain = true;
	sa->rekey_us = CLOCK_NEVER;
	sa->end_us = CLOCK_NEVER;
	task_free_waiting(sa);
	task_add_first(sa, task_delete_ike_new(0));
}

static void retire_when_settled(struct ike_sa *sa)
{
	struct ike_sa *by = ike_sa_by_handle(sa->ike, sa->reauth.successor);

	// A rekey has replaced it in its turn?
	while (by != NULL && by->rekeyed_by != 0)
		by = ike_sa_by_handle(sa->ike, by->rekeyed_by);
	if (by != NULL && by->connection != NULL && !connection_children_settled(by) &&
		sa->ike->now_us < sa->reauth.retire_last_us)
		sa->reauth.retire_us = sa->ike->now_us + SETTLED_CHECK_US;
	else
		retire(sa);
}

void reauth_timeout(struct ike_sa *sa)
{
	uint64_t now_us = sa->ike->now_us;

	if (sa->reauth.begin_us <= now_us)
		reauth_begin(sa);
	if (sa->reauth.retire_us <= now_us)
		retire_when_settled(sa);
	if (sa->reauth.end_us <= now_us) {
		sa->reauth.end_us = CLOCK_NEVER;
		ike_sa_delete(sa, 0, "not authenticated again in time");
	}
}
