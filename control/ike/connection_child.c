// SPDX-License-Identifier: BSD-3-Clause
// The child SAs that a connection has beside its first one. See connection_child.h. RFC 7296 section
// 1.3.1, RFC 5739 section 4.3. One thread per core.
#include "connection_child.h"

#include "child_sa.h"
#include "connection.h"
#include "effect.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// One that was up for so long did not fail at once: the next pause is a short one again.
#define STEADY_US (60 * US_PER_S)

static struct connection_child *by_tag(const struct connection *connection, uint32_t tag)
{
	for (struct connection_child *wish = connection->children; wish != NULL; wish = wish->next)
		if (wish->spec.tag == tag)
			return wish;
	return NULL;
}

struct connection_child *connection_child_find(const struct connection *connection, uint64_t id)
{
	struct connection_child *wish = connection == NULL ? NULL : connection->children;

	while (wish != NULL && wish->id != id)
		wish = wish->next;
	return wish;
}

// The IKE SA that has the connection's first child SA: where the others belong. NULL: it is not up.
static struct ike_sa *home_of(const struct connection *connection)
{
	struct child_sa *first = child_by_handle(connection->ike, connection->child);

	return first == NULL || first->sa->state != IKE_SA_ESTABLISHED ? NULL : first->sa;
}

static struct child_sa *child_on(const struct ike_sa *sa, const struct connection_child *wish)
{
	struct child_sa *child = child_by_handle(sa->ike, wish->child);

	return child != NULL && child->sa == sa && !child->deleting ? child : NULL;
}

static void ask(struct ike_sa *sa, const struct connection_child *wish, uint64_t pause_us)
{
	struct task *task;

	if (task_child_queued(sa, wish->id, CLOCK_NEVER))
		return;
	task = task_child_wish_new(wish->id);
	task->not_before_us = pause_us == 0 ? 0 : sa->ike->now_us + pause_us;
	task_add(sa, task);
}

// The pause before the next attempt; each is twice as long as the one before.
static uint64_t pause_us(struct ike *ike, struct connection_child *wish)
{
	uint64_t pause = wish->backoff_us;

	wish->backoff_us *= 2;
	if (wish->backoff_us > CONNECTION_BACKOFF_MAX_US)
		wish->backoff_us = CONNECTION_BACKOFF_MAX_US;
	return pause - core_random_below(ike, pause / 4);
}

static void report_up(const struct connection *connection, struct connection_child *wish,
	const struct child_sa *child)
{
	const struct child_pair *pair = child_pair_of(child, PAIR_CURRENT);
	struct ike_effect *effect = effect_new(connection->ike, IKE_CONNECTION_CHILD_UP);

	wish->ike_sa = child->sa->handle;
	effect->ike_sa = wish->ike_sa;
	effect->connection.connection = connection->config;
	effect->connection.tag = wish->spec.tag;
	effect->connection.cp = wish->cp;
	effect->connection.local = child->local;
	effect->connection.remote = child->remote;
	effect->connection.out_ref = child->ref;
	effect->connection.spi_in = pair == NULL ? 0 : pair->spi_in;
	memcpy(effect->connection.interface_id, connection->iid, 8);
}

static void report_down(const struct connection *connection, const struct connection_child *wish,
	uint64_t ike_sa, const char *why)
{
	struct ike_effect *effect = effect_new(connection->ike, IKE_CONNECTION_CHILD_DOWN);

	effect->ike_sa = ike_sa;
	effect->connection.connection = connection->config;
	effect->connection.tag = wish->spec.tag;
	snprintf(effect->connection.why, sizeof(effect->connection.why), "%s", why);
	LOG(NOTICE, "connection %s: child SA %u is down: %s", connection->config->name,
		wish->spec.tag, why);
}

// Asking for them

static uint32_t count(const struct connection *connection)
{
	uint32_t n = 0;

	for (const struct connection_child *w = connection->children; w != NULL; w = w->next)
		n++;
	return n;
}

static int add(struct connection *connection, const struct ike_child_spec *spec, bool configured)
{
	struct connection_child *wish, **at = &connection->children;
	struct ike_sa *sa = home_of(connection);

	if (by_tag(connection, spec->tag) != NULL)
		return -EEXIST;
	if (count(connection) >= CHILDREN_MAX - 1) // the first one is one of them
		return -ENOSPC;
	wish = calloc(1, sizeof(*wish));
	if (wish == NULL)
		return -ENOMEM;
	wish->id = core_handle(connection->ike);
	wish->spec = *spec;
	wish->configured = configured;
	wish->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	while (*at != NULL)
		at = &(*at)->next;
	*at = wish;
	if (sa != NULL)
		ask(sa, wish, 0);
	return 0;
}

int connection_child_add(struct connection *connection, const struct ike_child_spec *spec)
{
	return add(connection, spec, false);
}

static void take_off(struct connection *connection, struct connection_child *wish)
{
	struct connection_child **at = &connection->children;
	struct child_sa *child = child_by_handle(connection->ike, wish->child);

	while (*at != wish)
		at = &(*at)->next;
	*at = wish->next;
	if (child != NULL) {
		report_down(connection, wish, wish->ike_sa, "not wanted any more");
		child_delete(child, false);
	}
	free(wish);
}

int connection_child_remove(struct connection *connection, uint32_t tag)
{
	struct connection_child *wish = by_tag(connection, tag);

	if (wish == NULL)
		return -ENOENT;
	take_off(connection, wish);
	return 0;
}

static bool spec_equal(const struct ike_child_spec *a, const struct ike_child_spec *b)
{
	return a->tag == b->tag && a->of_link == b->of_link && a->ask == b->ask &&
		inet_addr_equal(&a->address2, &b->address2) &&
		ts_list_equal(&a->local, &b->local) && ts_list_equal(&a->remote, &b->remote);
}

static struct ike_child_spec spec_of(const struct config_connection *config, uint32_t i)
{
	return (struct ike_child_spec){
		.tag = i + 1,
		.of_link = config->child[i].link,
		.local = config->child[i].local,
		.remote = config->child[i].remote,
	};
}

int connection_children_configure(struct connection *connection)
{
	const struct config_connection *config = connection->config;
	struct connection_child *wish, *next;
	struct ike_child_spec spec;
	int error = 0;

	for (wish = connection->children; wish != NULL; wish = next) {
		next = wish->next;
		if (!wish->configured)
			continue;
		if (wish->spec.tag <= config->child_n) {
			spec = spec_of(config, wish->spec.tag - 1);
			if (spec_equal(&wish->spec, &spec))
				continue;
		}
		take_off(connection, wish);
	}
	for (uint32_t i = 0; i < config->child_n && error == 0; i++) {
		spec = spec_of(config, i);
		if (by_tag(connection, spec.tag) == NULL)
			error = add(connection, &spec, true);
	}
	return error;
}

void connection_children_fini(struct connection *connection)
{
	struct connection_child *wish;

	while ((wish = connection->children) != NULL) {
		connection->children = wish->next;
		free(wish);
	}
}

void connection_children_start(struct ike_sa *sa)
{
	struct connection *connection = sa->connection;

	if (connection == NULL)
		return;
	for (struct connection_child *w = connection->children; w != NULL; w = w->next) {
		struct child_sa *child = child_on(sa, w);

		if (child != NULL)
			report_up(connection, w, child);
		else
			ask(sa, w, 0);
	}
}

bool connection_children_settled(struct ike_sa *sa)
{
	if (sa->connection == NULL)
		return true;
	for (const struct connection_child *w = sa->connection->children; w != NULL; w = w->next)
		if (child_on(sa, w) == NULL && task_child_queued(sa, w->id, sa->ike->now_us))
			return false;
	return true;
}

// Whichever of the families the other side has: everything of it.
static void any_of(const struct ts_list *other, struct ts_list *list)
{
	for (uint32_t i = 0; i < other->n; i++) {
		struct ts ts = ts_any(other->ts[i].family);

		ts_list_add(list, &ts);
	}
}

void connection_child_selectors(const struct ike_sa *sa, const struct connection_child *wish,
	struct ts_list *local, struct ts_list *remote)
{
	const struct ike_child_spec *spec = &wish->spec;
	struct inet_prefix prefix = {.addr = spec->address2, .len = 64};
	struct ts_list everything;
	struct cp_attrs cp;
	struct ts ts;

	*local = spec->local;
	*remote = spec->remote;
	if (local->n == 0 && spec->ask && spec->address2.family == AF_INET6) {
		inet_prefix_normalize(&prefix); // the draft's appendix A.4: Prefix1::/64
		ts = ts_from_prefix(&prefix);
		ts_list_add(local, &ts);
	} else if (local->n == 0 && spec->of_link) {
		connection_request(sa->connection, &cp, local, &everything);
	} else if (local->n == 0) {
		ts = ts_from_addr(&sa->path.local);
		ts_list_add(local, &ts);
	}
	if (remote->n == 0)
		any_of(local, remote);
}

// What became of them

void connection_child_up(
	struct connection_child *wish, struct child_sa *child, const struct cp_attrs *cp)
{
	struct connection *connection = child->sa->connection;

	child->wish = wish->id;
	wish->child = child->handle;
	wish->up_us = child->sa->ike->now_us;
	if (cp != NULL)
		wish->cp = *cp;
	LOG(INFO, "connection %s: child SA %u is up", connection->config->name, wish->spec.tag);
	report_up(connection, wish, child);
}

void connection_child_refused(
	struct ike_sa *sa, struct connection_child *wish, const char *why, bool lasting)
{
	struct task *task = task_child_wish_new(wish->id);

	if (lasting)
		report_down(sa->connection, wish, sa->handle, why);
	task->not_before_us =
		sa->ike->now_us + (lasting ? CONNECTION_CHILD_RARE_US : pause_us(sa->ike, wish));
	task_add(sa, task);
}

// NULL: not one of these, or another one has its place since (reauthentication).
static struct connection_child *wish_of(
	const struct child_sa *child, struct connection **connection)
{
	struct ike *ike = child->sa->ike;

	for (uint32_t i = 0; i < ike->config->connection_n; i++) {
		*connection = ike->connection[i];
		if (*connection == NULL) // gone, while the configuration changes
			continue;
		for (struct connection_child *w = (*connection)->children; w != NULL; w = w->next)
			if (w->id == child->wish)
				return w->child == child->handle ? w : NULL;
	}
	return NULL;
}

void connection_child_ended(struct child_sa *child, const char *why)
{
	struct ike_sa *sa = child->sa;
	struct connection *connection;
	struct connection_child *wish = wish_of(child, &connection);

	if (wish == NULL)
		return;
	wish->child = 0;
	if (sa->ike->now_us - wish->up_us > STEADY_US)
		wish->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	report_down(connection, wish, wish->ike_sa, why);
	// An operator ended it: until the connection comes up the next time.
	if (child->deleting && !child->again)
		return;
	if (connection->wanted && sa->state == IKE_SA_ESTABLISHED && home_of(connection) == sa)
		ask(sa, wish, child->again ? 0 : pause_us(sa->ike, wish));
}

void connection_child_physical(
	const struct connection *connection, struct ts_list *local, struct ts_list *remote)
{
	local->n = 0;
	remote->n = 0;
	if (connection == NULL)
		return;
	for (const struct connection_child *w = connection->children; w != NULL; w = w->next) {
		for (uint32_t i = 0; !w->spec.of_link && i < w->spec.local.n; i++)
			ts_list_add(local, &w->spec.local.ts[i]);
		for (uint32_t i = 0; !w->spec.of_link && i < w->spec.remote.n; i++)
			ts_list_add(remote, &w->spec.remote.ts[i]);
	}
}
