// SPDX-License-Identifier: BSD-3-Clause
// The IKEv2 core as the rest of control sees it: datagrams and events in, effects out. RFC 7296. One
// thread per core.
//
// Every entry notes the time, does its work, and leaves through core_leave(), which starts what tasks can
// start, frees what is over and sets the timers of all IKE SAs that were touched.
#include "ike.h"

#include "auth_talk.h"
#include "child_sa.h"
#include "connection.h"
#include "connection_child.h"
#include "credentials.h"
#include "effect.h"
#include "exchange.h"
#include "half_open.h"
#include "ike_sa.h"
#include "pad.h"
#include "reauth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

void *core_need(size_t size)
{
	void *memory = calloc(1, size == 0 ? 1 : size);

	if (memory == NULL) {
		LOG(ERR, "out of memory");
		abort();
	}
	return memory;
}

uint64_t core_random_below(struct ike *ike, uint64_t range)
{
	uint64_t value;

	if (range == 0)
		return 0;
	core_random(ike, &value, sizeof(value));
	return value % range;
}

uint64_t core_handle(struct ike *ike)
{
	return ike->next_handle++;
}

bool core_stranger_allowed(struct ike *ike)
{
	uint64_t refill = (ike->now_us - ike->stranger_us) * STRANGER_PER_S / US_PER_S;

	if (refill > 0) {
		ike->stranger_us = ike->now_us;
		ike->stranger_tokens = refill > STRANGER_BURST - ike->stranger_tokens
			? STRANGER_BURST
			: ike->stranger_tokens + (uint32_t)refill;
	}
	if (ike->stranger_tokens == 0)
		return false;
	ike->stranger_tokens--;
	return true;
}

static int tables_init(struct ike *ike)
{
	struct hash *hash[] = {&ike->sas, &ike->sa_handles, &ike->inits, &ike->identities,
		&ike->children, &ike->pairs};

	for (size_t i = 0; i < sizeof(hash) / sizeof(hash[0]); i++)
		if (hash_init(hash[i], ike->secret))
			return -ENOMEM;
	timer_heap_init(&ike->timers);
	ike->half_open = half_open_new();
	ike->credentials = credentials_new(ike->config, NULL);
	if (ike->credentials == NULL)
		return -errno;
	ike->pad = pad_new(&ike->config->gateway, ike->secret);
	return ike->pad == NULL || ike->half_open == NULL ? -ENOMEM : connection_init_all(ike);
}

struct ike *ike_new(const struct config *config, const struct ike_ops *ops, void *arg)
{
	struct ike *ike = calloc(1, sizeof(*ike));
	uint32_t epoch;
	int ret;

	if (ike == NULL)
		return NULL;
	ike->config = config;
	ike->ops = ops;
	ike->arg = arg;
	ike->effects_end = &ike->effects;
	core_random(ike, ike->secret, sizeof(ike->secret));
	// Handles of an earlier process may still stand in the dataplane: start elsewhere.
	core_random(ike, &epoch, sizeof(epoch));
	ike->next_handle = ((uint64_t)(epoch & 0xfffff) << 32) + 1;
	ike->stranger_tokens = STRANGER_BURST;
	ret = tables_init(ike);
	if (ret != 0) {
		ike_free(ike);
		errno = -ret;
		return NULL;
	}
	return ike;
}

void ike_free(struct ike *ike)
{
	if (ike == NULL)
		return;
	ike->quiet = true;
	while (ike->all != NULL)
		ike_sa_free(ike->all);
	effect_free_all(ike);
	connection_fini_all(ike);
	pad_free(ike->pad);
	half_open_free(ike->half_open);
	secret_wipe(&ike->cookies, sizeof(ike->cookies));
	credentials_free(ike->credentials);
	timer_heap_fini(&ike->timers);
	hash_fini(&ike->sas);
	hash_fini(&ike->sa_handles);
	hash_fini(&ike->inits);
	hash_fini(&ike->identities);
	hash_fini(&ike->children);
	hash_fini(&ike->pairs);
	secret_wipe(ike->in, sizeof(ike->in));
	secret_wipe(ike->chain, sizeof(ike->chain));
	free(ike);
}

void core_enter(struct ike *ike, uint64_t now_us)
{
	// Time never goes backwards in here, whatever the caller thinks.
	if (now_us > ike->now_us)
		ike->now_us = now_us;
}

void core_leave(struct ike *ike)
{
	while (ike->touched != NULL) {
		struct ike_sa *sa = ike->touched;

		ike->touched = sa->next_touched;
		sa->touched = false;
		if (sa->state == IKE_SA_DEAD && sa->end_us <= ike->now_us) {
			ike_sa_free(sa);
			continue;
		}
		exchange_run(sa);
		timer_set(&ike->timers, &sa->timer, ike_sa_next_us(sa));
	}
}

// A message of another major version is answered with ours: RFC 7296 section 2.5.
static void other_version(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_header *header)
{
	char addr[INET_ADDR_STRLEN];

	LOG_LIMITED(INFO, "message of version %u.%u from %s dropped", header->version >> 4,
		header->version & 0xf, inet_addr_format(&datagram->remote, addr));
	if (!(header->flags & IKE_FLAG_RESPONSE))
		exchange_answer_stranger(
			ike, datagram, header, NOTIFY_INVALID_MAJOR_VERSION, NULL, 0);
}

static void receive_init(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_header *header)
{
	bool response = header->flags & IKE_FLAG_RESPONSE;
	bool from_initiator = header->flags & IKE_FLAG_INITIATOR;
	struct ike_sa *sa;

	if (header->message_id != 0 || header->spi_i == 0 || response == from_initiator ||
		(!response && header->spi_r != 0)) {
		ike->counters.malformed++;
		return;
	}
	if (!response) {
		if (ike->config->gateway.present)
			task_init_respond(ike, datagram);
		else
			ike->counters.unknown_spi++; // a client answers nobody
		return;
	}
	sa = ike_sa_by_spi(ike, header->spi_i);
	if (sa == NULL || !sa->initiator) {
		ike->counters.unknown_spi++;
	} else if (sa->state == IKE_SA_CONNECTING && sa->handshake != NULL) {
		ike_sa_touch(sa);
		task_init_process(sa, datagram);
	} // else a late duplicate
}

enum ike_standing ike_standing(struct ike *ike, const struct ike_datagram *datagram)
{
	const struct ike_sa *sa = NULL;
	struct ike_header header;

	if (datagram->len > IKE_MESSAGE_MAX ||
		ike_header_read(datagram->data, datagram->len, &header) != 0)
		return IKE_STANDING_STRANGER;
	if (header.exchange != IKE_SA_INIT)
		sa = exchange_sa(ike, &header);
	else if (header.flags & IKE_FLAG_RESPONSE)
		sa = ike_sa_by_spi(ike, header.spi_i);
	if (sa == NULL)
		return IKE_STANDING_STRANGER;
	return ike_sa_is_stranger(sa) ? IKE_STANDING_HALF_OPEN : IKE_STANDING_PEER;
}

void ike_receive(struct ike *ike, const struct ike_datagram *datagram, uint64_t now_us)
{
	struct ike_header header;
	int ret;

	core_enter(ike, now_us);
	ike->counters.datagrams_in++;
	ret = datagram->len > IKE_MESSAGE_MAX
		? -EMSGSIZE
		: ike_header_read(datagram->data, datagram->len, &header);
	if (ret == -EPROTONOSUPPORT) {
		ike->counters.malformed++;
		other_version(ike, datagram, &header);
	} else if (ret != 0) {
		char addr[INET_ADDR_STRLEN];

		ike->counters.malformed++;
		LOG_LIMITED(INFO, "malformed datagram from %s dropped",
			inet_addr_format(&datagram->remote, addr));
	} else if (header.exchange == IKE_SA_INIT) {
		receive_init(ike, datagram, &header);
	} else {
		exchange_receive(ike, datagram, &header);
	}
	core_leave(ike);
}

uint64_t ike_next_us(const struct ike *ike)
{
	const struct timer *timer = timer_first(&ike->timers);

	return timer == NULL ? CLOCK_NEVER : timer->when_us;
}

void ike_timeout(struct ike *ike, uint64_t now_us)
{
	struct timer *timer;

	core_enter(ike, now_us);
	while ((timer = timer_first(&ike->timers)) != NULL && timer->when_us <= ike->now_us) {
		if (timer->kind == TIMER_CONNECTION)
			connection_timeout(CONTAINER_OF(timer, struct connection, timer));
		else
			ike_sa_timeout(CONTAINER_OF(timer, struct ike_sa, timer));
		core_leave(ike);
	}
}

int ike_initiate(struct ike *ike, const struct config_connection *config,
	const struct inet_addr *local, uint64_t now_us)
{
	struct connection *connection = connection_of(ike, config);
	int ret;

	if (connection == NULL || local->family != config->gateway.family)
		return -EINVAL;
	core_enter(ike, now_us);
	ret = connection_start(connection, local);
	core_leave(ike);
	return ret;
}

// What an operator or the dataplane may still ask of: NULL when it is over.
static struct ike_sa *live_sa(struct ike *ike, uint64_t handle)
{
	struct ike_sa *sa = ike_sa_by_handle(ike, handle);

	return sa == NULL || sa->state == IKE_SA_DEAD ? NULL : sa;
}

int ike_sa_rekey(struct ike *ike, uint64_t ike_sa, uint64_t now_us)
{
	struct ike_sa *sa = live_sa(ike, ike_sa);

	if (sa == NULL)
		return -ENOENT;
	if (sa->state != IKE_SA_ESTABLISHED || task_is_queued(sa, &task_class_rekey_ike))
		return -EINPROGRESS;
	core_enter(ike, now_us);
	task_add(sa, task_rekey_ike_new());
	core_leave(ike);
	return 0;
}

// The operator ends a connection by any of its IKE SAs: with one, the other goes that was to replace it.
// Returns what is still to be deleted.
static struct ike_sa *terminated_too(struct ike_sa *sa)
{
	struct connection *connection = sa->connection;
	struct ike_sa *in_use = ike_sa_by_handle(sa->ike, connection->ike_sa);

	connection_unwanted(connection); // ends an attempt
	return in_use;
}

int ike_sa_terminate(struct ike *ike, uint64_t ike_sa, uint64_t now_us)
{
	struct ike_sa *sa = live_sa(ike, ike_sa);

	if (sa == NULL)
		return -ENOENT;
	if (sa->state == IKE_SA_DELETING)
		return -EINPROGRESS;
	core_enter(ike, now_us);
	if (sa->connection != NULL)
		sa = terminated_too(sa);
	if (sa != NULL)
		ike_sa_delete(sa, 0, "terminated");
	core_leave(ike);
	return 0;
}

int ike_sa_reauth(struct ike *ike, uint64_t ike_sa, uint32_t seconds, uint64_t now_us)
{
	struct ike_sa *sa = live_sa(ike, ike_sa);
	int ret = 0;

	if (sa == NULL)
		return -ENOENT;
	if (sa->state != IKE_SA_ESTABLISHED)
		return -EINPROGRESS;
	core_enter(ike, now_us);
	if (sa->connection != NULL) {
		ret = reauth_begin(sa);
	} else if (sa->peer == NULL) { // replaced already
		ret = -EINPROGRESS;
	} else if (task_is_queued(sa, &task_class_reauth)) {
		ret = -EINPROGRESS;
	} else {
		task_add(sa, task_reauth_new(ike->now_us + seconds * US_PER_S));
		reauth_promised(sa, seconds);
	}
	core_leave(ike);
	return ret;
}

void ike_connection_link(struct ike *ike, const struct config_connection *config,
	const uint8_t iid[8], const uint8_t *link_id, size_t len)
{
	struct connection *connection = connection_of(ike, config);

	if (connection != NULL)
		connection_link(connection, iid, link_id, len);
}

int ike_child_rekey(struct ike *ike, uint64_t handle, uint64_t now_us)
{
	struct child_sa *child = child_by_handle(ike, handle);
	int ret;

	if (child == NULL)
		return -ENOENT;
	core_enter(ike, now_us);
	ret = child_rekey(child);
	core_leave(ike);
	return ret;
}

int ike_child_terminate(struct ike *ike, uint64_t handle, uint64_t now_us)
{
	struct child_sa *child = child_by_handle(ike, handle);
	int ret;

	if (child == NULL)
		return -ENOENT;
	core_enter(ike, now_us);
	if (child->sa->connection != NULL && child->sa->connection->child == handle)
		connection_unwanted(child->sa->connection);
	ret = child_delete(child, false);
	core_leave(ike);
	return ret;
}

int ike_child_add(struct ike *ike, const struct config_connection *config,
	const struct ike_child_spec *spec, uint64_t now_us)
{
	struct connection *connection = connection_of(ike, config);
	int ret;

	if (connection == NULL)
		return -ENOENT;
	core_enter(ike, now_us);
	ret = connection_child_add(connection, spec);
	core_leave(ike);
	return ret;
}

int ike_child_remove(
	struct ike *ike, const struct config_connection *config, uint32_t tag, uint64_t now_us)
{
	struct connection *connection = connection_of(ike, config);
	int ret;

	if (connection == NULL)
		return -ENOENT;
	core_enter(ike, now_us);
	ret = connection_child_remove(connection, tag);
	core_leave(ike);
	return ret;
}

void ike_on_first_use(struct ike *ike, uint32_t spi, uint64_t now_us)
{
	struct child_pair *pair = child_pair_by_spi(ike, spi);

	if (pair == NULL || (pair->role != PAIR_NEXT && !pair->child->held))
		return;
	core_enter(ike, now_us);
	pair->child->sa->heard_us = ike->now_us;
	if (pair->role == PAIR_NEXT)
		child_promote(pair->child, pair);
	else
		child_send_held(pair->child);
	core_leave(ike);
}

void ike_on_expire(struct ike *ike, uint64_t handle, bool hard, uint64_t now_us)
{
	struct child_sa *child = child_by_handle(ike, handle);

	if (child == NULL)
		return;
	core_enter(ike, now_us);
	if (hard)
		child_hard_expire(child);
	else
		child_rekey(child);
	core_leave(ike);
}

void ike_on_moved(struct ike *ike, const struct ipc_sa_moved *moved, uint64_t now_us)
{
	struct child_pair *pair = child_pair_by_spi(ike, moved->spi);

	if (pair == NULL)
		return;
	core_enter(ike, now_us);
	ike_sa_moved(pair->child->sa, &moved->remote, moved->remote_port);
	core_leave(ike);
}

void ike_on_traffic(struct ike *ike, uint64_t handle, uint64_t idle_us, uint64_t now_us)
{
	struct child_sa *child = child_by_handle(ike, handle);
	uint64_t limit_us = ike->config->life.liveness_s * US_PER_S;
	struct ike_sa *sa;

	if (child == NULL)
		return;
	core_enter(ike, now_us);
	sa = child->sa;
	if (idle_us <= ike->now_us && ike->now_us - idle_us > sa->heard_us)
		sa->heard_us = ike->now_us - idle_us;
	// With a request under way the question is asked already.
	if (limit_us > 0 && ike->now_us - sa->heard_us >= limit_us &&
		sa->state == IKE_SA_ESTABLISHED && window_any(&sa->window) == NULL &&
		!task_is_queued(sa, &task_class_liveness))
		task_add(sa, task_liveness_new());
	core_leave(ike);
}

bool ike_child_heard(struct ike *ike, uint64_t handle, uint64_t *heard_us)
{
	const struct child_sa *child = child_by_handle(ike, handle);

	if (child == NULL || child->sa->state != IKE_SA_ESTABLISHED)
		return false;
	*heard_us = child->sa->heard_us;
	return true;
}

void ike_on_dataplane_lost(struct ike *ike, uint64_t now_us)
{
	core_enter(ike, now_us);
	for (struct ike_sa *sa = ike->all; sa != NULL; sa = sa->next)
		for (struct child_sa *child = sa->children; child != NULL; child = child->next)
			child_lost(child);
	core_leave(ike);
}

void ike_on_signed(struct ike *ike, uint64_t handle, const char *why, const void *signature,
	size_t len, uint64_t now_us)
{
	struct ike_sa *sa = ike_sa_by_handle(ike, handle);

	if (sa == NULL || sa->state != IKE_SA_AUTHENTICATING || !auth_talk_waits(sa))
		return; // it is over
	core_enter(ike, now_us);
	ike_sa_touch(sa);
	auth_talk_signed(sa, why, signature, len);
	if (sa->initiator)
		task_auth_begin(sa);
	else
		exchange_resume(sa);
	core_leave(ike);
}

void ike_counters(const struct ike *ike, struct ike_counters *out)
{
	*out = ike->counters;
}

uint32_t ike_half_open(const struct ike *ike)
{
	return ike->half_open_n;
}
