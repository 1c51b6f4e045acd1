// SPDX-License-Identifier: BSD-3-Clause
// The client's connections: start, what to ask for, and starting again with longer and longer
// pauses. RFC 7296 section 2.19, RFC 5739 section 4. One thread per core.
#include "connection.h"

#include "child_sa.h"
#include "connection_child.h"
#include "effect.h"
#include "iid.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

struct connection *connection_new(struct ike *ike, const struct config_connection *config)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	connection->ike = ike;
	connection->config = config;
	connection->timer.kind = TIMER_CONNECTION;
	connection->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	connection->reauth_pause_us = REAUTH_MIN_US;
	if (connection_children_configure(connection) == 0)
		return connection;
	connection_free(connection);
	return NULL;
}

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	timer_set(&connection->ike->timers, &connection->timer, CLOCK_NEVER);
	connection_children_fini(connection);
	free(connection->kept);
	free(connection);
}

int connection_init_all(struct ike *ike)
{
	uint32_t n = ike->config->connection_n;

	if (n == 0)
		return 0;
	ike->connection = calloc(n, sizeof(struct connection *));
	if (ike->connection == NULL || timer_heap_reserve(&ike->timers, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		ike->connection[i] = connection_new(ike, &ike->config->connection[i]);
		if (ike->connection[i] == NULL)
			return -ENOMEM;
	}
	connection_find_alike(ike);
	return 0;
}

void connection_fini_all(struct ike *ike)
{
	for (uint32_t i = 0; ike->connection != NULL && i < ike->config->connection_n; i++)
		connection_free(ike->connection[i]);
	free(ike->connection);
	ike->connection = NULL;
}

struct connection *connection_of(struct ike *ike, const struct config_connection *config)
{
	uintptr_t first = (uintptr_t)ike->config->connection, at = (uintptr_t)config;
	uint64_t i = (at - first) / sizeof(*config);

	// One array, so that the place in it is the number.
	return at < first || i >= ike->config->connection_n ? NULL : ike->connection[i];
}

void connection_link(
	struct connection *connection, const uint8_t iid[8], const uint8_t *link_id, size_t len)
{
	struct connection_given *given = &connection->given;

	*given = (struct connection_given){.set = true};
	memcpy(given->iid, iid, 8);
	given->link_id_len = (uint8_t)(len <= CP_LINK_ID_MAX ? len : 0);
	if (given->link_id_len > 0)
		memcpy(given->link_id, link_id, given->link_id_len);
}

static bool iid_set(const uint8_t iid[8])
{
	static const uint8_t zero[8];

	return memcmp(iid, zero, 8) != 0;
}

static bool iid_take(struct connection *connection, const uint8_t iid[8])
{
	if (iid_set(iid))
		memcpy(connection->iid, iid, 8);
	return iid_set(iid);
}

// What the next IKE_AUTH asks with. A random interface ID stays as long as the link may.
static void ids_choose(struct connection *connection)
{
	struct connection_given *given = &connection->given;
	bool fresh = !iid_set(connection->iid);

	if (given->set) {
		given->used = true;
		memcpy(connection->link_id, given->link_id, sizeof(connection->link_id));
		connection->link_id_len = given->link_id_len;
	}
	if (iid_take(connection, connection->config->interface_id) ||
		(given->set && iid_take(connection, given->iid)))
		return;
	if (connection->config->iid == CONFIG_IID_RANDOM && connection->link_id_len == 0 &&
		connection->attempt == 0 && connection->kept == NULL)
		fresh = true;
	while (fresh) {
		core_random(connection->ike, connection->iid, 8);
		fresh = !link_iid_acceptable(connection->iid);
	}
}

void connection_request(const struct connection *connection, struct cp_attrs *cp,
	struct ts_list *local, struct ts_list *remote)
{
	const struct config_connection *config = connection->config;
	bool six = config->link || config->ipv6_address;
	bool any = !six && !config->ipv4;
	struct ts ts;

	memset(cp, 0, sizeof(*cp));
	cp->type = CP_REQUEST;
	if (config->link) {
		cp->link = true;
		memcpy(cp->link_iid, connection->iid, 8);
		memcpy(cp->link_id, connection->link_id, connection->link_id_len);
		cp->link_id_len = connection->link_id_len;
		cp->want_dhcp6 = true;
	}
	cp->ip6_n = six ? 1 : 0; // with a link: for gateways that know none
	cp->want_dns6 = six;
	cp->ip4_n = config->ipv4 ? 1 : 0;
	cp->want_dns4 = config->ipv4;
	cp->want_domain = !any;

	local->n = 0;
	remote->n = 0;
	if (six || any) {
		ts = ts_any(AF_INET6);
		ts_list_add(local, &ts);
		ts_list_add(remote, &ts);
	}
	if (config->ipv4 || any) {
		ts = ts_any(AF_INET);
		ts_list_add(local, &ts);
		ts_list_add(remote, &ts);
	}
}

int connection_attempt(struct connection *connection, uint64_t *handle)
{
	struct ike_sa *sa = ike_sa_new(connection->ike, true);

	if (sa == NULL)
		return -ENOMEM;
	ids_choose(connection);
	sa->connection = connection;
	*handle = sa->handle;
	sa->path.local = connection->local;
	sa->path.remote = connection->config->gateway;
	sa->path.local_port = 500;
	sa->path.remote_port = 500;
	sa->local_id = connection->config->id;
	return task_init_start(sa);
}

int connection_start(struct connection *connection, const struct inet_addr *local)
{
	struct ike *ike = connection->ike;
	struct ike_sa *sa = ike_sa_by_handle(ike, connection->ike_sa);

	if (sa != NULL &&
		(connection->child != 0 || connection->attempt != 0 ||
			sa->state < IKE_SA_ESTABLISHED))
		return -EALREADY;
	if (sa != NULL) { // one that never got a child SA
		sa->connection = NULL;
		connection->ike_sa = 0;
		ike_sa_delete(sa, 0, "replaced by a new attempt");
	}
	connection->local = *local;
	connection->wanted = true;
	timer_set(&ike->timers, &connection->timer, CLOCK_NEVER);
	LOG(INFO, "connection %s: starting", connection->config->name);
	return connection_attempt(connection, &connection->ike_sa);
}

void connection_timeout(struct connection *connection)
{
	struct inet_addr local = connection->local;

	timer_set(&connection->ike->timers, &connection->timer, CLOCK_NEVER);
	if (connection->wanted)
		connection_start(connection, &local);
}

void connection_unwanted(struct connection *connection)
{
	struct ike_sa *attempt = ike_sa_by_handle(connection->ike, connection->attempt);

	connection->wanted = false;
	timer_set(&connection->ike->timers, &connection->timer, CLOCK_NEVER);
	if (attempt != NULL)
		ike_sa_delete(attempt, 0, "terminated");
}

// The pause before the next attempt; each is twice as long as the one before.
static uint64_t pause_us(struct connection *connection)
{
	uint64_t pause = connection->backoff_us;

	connection->backoff_us *= 2;
	if (connection->backoff_us > CONNECTION_BACKOFF_MAX_US)
		connection->backoff_us = CONNECTION_BACKOFF_MAX_US;
	return pause - core_random_below(connection->ike, pause / 4);
}

static void try_later(struct connection *connection)
{
	struct ike *ike = connection->ike;

	if (!connection->wanted || !connection->config->autostart)
		return;
	timer_set(&ike->timers, &connection->timer, ike->now_us + pause_us(connection));
}

static void report_down(struct connection *connection, const struct ike_sa *sa, const char *why)
{
	struct ike_effect *effect = effect_new(connection->ike, IKE_CONNECTION_DOWN);

	effect->ike_sa = sa->handle;
	effect->connection.connection = connection->config;
	snprintf(effect->connection.why, sizeof(effect->connection.why), "%s", why);
	LOG(NOTICE, "connection %s is down: %s", connection->config->name, why);
}

// What the IKE SA in use has: not what an attempt to replace it has written meanwhile.
static void fill_view(const struct connection *connection, struct ike_effect *effect)
{
	const struct connection_view *kept = connection->kept;

	effect->connection.cp = kept != NULL ? kept->cp : connection->cp;
	memcpy(effect->connection.interface_id, kept != NULL ? kept->iid : connection->iid, 8);
}

static void report_up(const struct ike_sa *sa, const struct child_sa *child)
{
	const struct connection *connection = sa->connection;
	const struct child_pair *pair = child_pair_of(child, PAIR_CURRENT);
	struct ike_effect *effect = effect_new(sa->ike, IKE_CONNECTION_UP);

	effect->ike_sa = sa->handle;
	effect->connection.connection = connection->config;
	fill_view(connection, effect);
	effect->connection.local = child->local;
	effect->connection.remote = child->remote;
	effect->connection.out_ref = child->ref;
	effect->connection.spi_in = pair->spi_in;
	LOG(NOTICE, "connection %s is up", connection->config->name);
}

void connection_up(struct ike_sa *sa, const struct child_sa *child)
{
	struct connection *connection = sa->connection;
	struct ike_sa *old = NULL;

	if (connection == NULL || (connection->child != 0 && !reauth_is_attempt(sa)))
		return;
	if (reauth_is_attempt(sa))
		old = reauth_take_over(sa);
	sa->child_due = false;
	connection->child = child->handle;
	connection->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	if (connection->given.used && connection->attempt == 0)
		connection->given = (struct connection_given){0};
	report_up(sa, child);
	if (old != NULL)
		reauth_replaced(old, sa);
	connection_children_start(sa);
}

void connection_failed(struct ike_sa *sa, const char *why)
{
	struct connection *connection = sa->connection;

	sa->child_due = false;
	if (connection == NULL)
		return;
	if (reauth_is_attempt(sa)) {
		ike_sa_delete(sa, 0, why);
		return;
	}
	report_down(connection, sa, why);
	try_later(connection);
}

// It is ending while the gateway answers an attempt to replace it: that one's end says how it is.
static bool in_good_hands(const struct ike_sa *sa)
{
	const struct connection *connection = sa->connection;
	const struct ike_sa *attempt = ike_sa_by_handle(sa->ike, connection->attempt);

	return sa->state != IKE_SA_ESTABLISHED && connection->wanted && attempt != NULL &&
		attempt->state == IKE_SA_AUTHENTICATING;
}

void connection_child_down(struct ike_sa *sa, const struct child_sa *child, const char *why)
{
	struct connection *connection = sa->connection;
	struct task *task;

	if (connection == NULL || connection->child != child->handle)
		return;
	connection->child = 0;
	if (in_good_hands(sa))
		return;
	report_down(connection, sa, why);
	if (sa->state != IKE_SA_ESTABLISHED || !connection->wanted)
		return;
	if (!child->again && !connection->config->autostart)
		return;
	task = task_child_new(&child->local, &child->remote);
	task->not_before_us = sa->ike->now_us + (child->again ? 0 : pause_us(connection));
	task_add(sa, task);
}

void connection_sa_down(struct ike_sa *sa, const char *why)
{
	struct connection *connection = sa->connection;
	bool attempt = reauth_is_attempt(sa);

	if (connection == NULL)
		return;
	sa->connection = NULL;
	if (attempt)
		reauth_failed(connection, why);
	if (attempt || connection->ike_sa != sa->handle)
		return;
	connection->ike_sa = 0;
	if (connection->attempt != 0) {
		reauth_orphaned(connection);
		return;
	}
	// With a child SA its end has told already, and so has an attempt that came to none.
	if (sa->state != IKE_SA_ESTABLISHED && (sa->established_us == 0 || sa->child_due))
		report_down(connection, sa, why);
	if (connection->timer.place == 0)
		try_later(connection);
}
