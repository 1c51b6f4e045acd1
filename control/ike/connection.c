// SPDX-License-Identifier: BSD-3-Clause
// The client's connections: start, what to ask for, and starting again with longer and longer
// pauses. RFC 7296 section 2.19, RFC 5739 section 4. One thread per core.
#include "connection.h"

#include "child_sa.h"
#include "effect.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

int connection_init_all(struct ike *ike)
{
	uint32_t n = ike->config->connection_n;

	if (n == 0)
		return 0;
	ike->connection = calloc(n, sizeof(*ike->connection));
	if (ike->connection == NULL || timer_heap_reserve(&ike->timers, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct connection *connection = &ike->connection[i];

		connection->ike = ike;
		connection->config = &ike->config->connection[i];
		connection->timer.kind = TIMER_CONNECTION;
		connection->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	}
	return 0;
}

void connection_fini_all(struct ike *ike)
{
	free(ike->connection);
	ike->connection = NULL;
}

struct connection *connection_of(struct ike *ike, const struct config_connection *config)
{
	for (uint32_t i = 0; i < ike->config->connection_n; i++)
		if (&ike->config->connection[i] == config)
			return &ike->connection[i];
	return NULL;
}

// Interface IDs that no host may have: RFC 4291 section 2.6.1, RFC 5453.
static bool iid_reserved(const uint8_t iid[8])
{
	static const uint8_t anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t ethernet[5] = {0x02, 0x00, 0x5e, 0xff, 0xfe};
	static const uint8_t zero[8], ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return memcmp(iid, zero, 8) == 0 || memcmp(iid, ones, 8) == 0 ||
		(memcmp(iid, anycast, 7) == 0 && iid[7] >= 0x80) ||
		memcmp(iid, ethernet, sizeof(ethernet)) == 0;
}

static void iid_choose(struct connection *connection)
{
	static const uint8_t zero[8];

	if (memcmp(connection->iid, zero, 8) != 0)
		return;
	memcpy(connection->iid, connection->config->interface_id, 8);
	if (memcmp(connection->iid, zero, 8) != 0)
		return;
	do {
		core_random(connection->ike, connection->iid, 8);
	} while (iid_reserved(connection->iid));
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

int connection_start(struct connection *connection, const struct inet_addr *local)
{
	struct ike *ike = connection->ike;
	struct ike_sa *sa = ike_sa_by_handle(ike, connection->ike_sa);

	if (sa != NULL && (connection->child != 0 || sa->state < IKE_SA_ESTABLISHED))
		return -EALREADY;
	if (sa != NULL) { // one that never got a child SA
		sa->connection = NULL;
		connection->ike_sa = 0;
		ike_sa_delete(sa, 0, "replaced by a new attempt");
	}
	connection->local = *local;
	connection->wanted = true;
	timer_set(&ike->timers, &connection->timer, CLOCK_NEVER);
	iid_choose(connection);
	sa = ike_sa_new(ike, true);
	if (sa == NULL)
		return -ENOMEM;
	sa->connection = connection;
	connection->ike_sa = sa->handle;
	sa->path.local = *local;
	sa->path.remote = connection->config->gateway;
	sa->path.local_port = 500;
	sa->path.remote_port = 500;
	sa->local_id = connection->config->id;
	LOG(INFO, "connection %s: starting", connection->config->name);
	return task_init_start(sa);
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
	connection->wanted = false;
	timer_set(&connection->ike->timers, &connection->timer, CLOCK_NEVER);
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

void connection_up(struct ike_sa *sa, const struct child_sa *child)
{
	struct connection *connection = sa->connection;
	struct child_pair *pair = child_pair_of(child, PAIR_CURRENT);
	struct ike_effect *effect;

	if (connection == NULL || connection->child != 0)
		return;
	connection->child = child->handle;
	connection->backoff_us = CONNECTION_BACKOFF_FIRST_US;
	effect = effect_new(sa->ike, IKE_CONNECTION_UP);
	effect->ike_sa = sa->handle;
	effect->connection.connection = connection->config;
	effect->connection.cp = connection->cp;
	effect->connection.local = child->local;
	effect->connection.remote = child->remote;
	effect->connection.out_ref = child->ref;
	effect->connection.spi_in = pair->spi_in;
	memcpy(effect->connection.interface_id, connection->iid, 8);
	LOG(NOTICE, "connection %s is up", connection->config->name);
}

void connection_failed(struct ike_sa *sa, const char *why)
{
	struct connection *connection = sa->connection;

	if (connection == NULL)
		return;
	report_down(connection, sa, why);
	try_later(connection);
}

void connection_child_down(struct ike_sa *sa, const struct child_sa *child, const char *why)
{
	struct connection *connection = sa->connection;
	struct task *task;

	if (connection == NULL || connection->child != child->handle)
		return;
	connection->child = 0;
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

	if (connection == NULL)
		return;
	sa->connection = NULL;
	if (connection->ike_sa != sa->handle)
		return;
	connection->ike_sa = 0;
	// With a child SA its end has told already, and so has an attempt that came to none.
	if (sa->state != IKE_SA_ESTABLISHED && sa->established_us == 0)
		report_down(connection, sa, why);
	if (connection->timer.place == 0)
		try_later(connection);
}
