// SPDX-License-Identifier: BSD-3-Clause
// Child SAs and their pairs of ESP SAs: previous, current, next. RFC 7296 sections 2.8 and 2.17.
// One thread per core.
#include "child_sa.h"

#include "connection.h"
#include "connection_child.h"
#include "effect.h"
#include "ike_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

int child_spi_alloc(struct ike_sa *sa, uint32_t *spi)
{
	struct ike *ike = sa->ike;
	int ret = ike->ops->spi_alloc(ike->arg, sa->worker, spi);

	if (ret == 0 && sa->worker == UINT32_MAX)
		sa->worker = spi_worker(*spi);
	return ret;
}

void child_spi_free(struct ike_sa *sa, uint32_t spi)
{
	if (!sa->ike->quiet)
		sa->ike->ops->spi_free(sa->ike->arg, spi);
}

uint64_t child_link(const struct child_sa *child)
{
	return child->physical ? 0 : child->sa->link;
}

struct child_sa *child_new(
	struct ike_sa *sa, const struct ts_list *local, const struct ts_list *remote)
{
	struct ike *ike = sa->ike;
	struct child_sa *child;
	int ret;

	child = calloc(1, sizeof(*child));
	if (child == NULL)
		return NULL;
	ret = ike->ops->ref_alloc(ike->arg, sa->worker, &child->ref);
	if (ret < 0) {
		free(child);
		errno = -ret;
		return NULL;
	}
	child->sa = sa;
	child->handle = core_handle(ike);
	child->local = *local;
	child->remote = *remote;
	child->encap = sa->encap;
	child->rekey_us = CLOCK_NEVER;
	child->hard_us = CLOCK_NEVER;
	hash_add(&ike->children, &child->by_handle, child->handle);
	child->next = sa->children;
	sa->children = child;
	sa->child_n++;
	return child;
}

// Ports of UDP encapsulation: the IKE SA's own, unless the peer stayed on 500 all the same.
static void path_ports(const struct ike_sa *sa, uint16_t *local, uint16_t *remote)
{
	*local = sa->path.natt ? sa->path.local_port : 4500;
	*remote = sa->path.natt ? sa->path.remote_port : 4500;
}

static void fill_common(const struct child_sa *child, const struct child_pair *pair,
	const struct ipc_sa_lifetime *life, struct ipc_sa *out)
{
	const struct ike_sa *sa = child->sa;

	out->link = child_link(child);
	out->child = child->handle;
	out->flags = IPC_SA_COPY_DSCP | IPC_SA_ECN;
	if (child->encap) {
		out->flags |= IPC_SA_ENCAP;
		path_ports(sa, &out->local_port, &out->remote_port);
	}
	if (pair->suite.esn)
		out->flags |= IPC_SA_ESN;
	out->suite = pair->suite;
	out->local = sa->path.local;
	out->remote = sa->path.remote;
	out->life = *life;
	out->local_ts = child->local;
	out->remote_ts = child->remote;
}

static void fill_keys(struct ipc_sa *out, const struct child_keys *keys, bool i2r)
{
	memcpy(out->encr_key, i2r ? keys->encr_i2r : keys->encr_r2i, keys->encr_len);
	memcpy(out->integ_key, i2r ? keys->integ_i2r : keys->integ_r2i, keys->integ_len);
	out->encr_key_len = keys->encr_len;
	out->integ_key_len = keys->integ_len;
}

static uint64_t jittered(struct ike *ike, uint64_t limit)
{
	return limit - core_random_below(ike, limit * ike->config->life.jitter_percent / 100);
}

// Soft limits ask for a rekey; at the hard ones the SA passes nothing any more.
static struct ipc_sa_lifetime volume_limits(struct ike *ike)
{
	const struct config_lifetimes *life = &ike->config->life;

	return (struct ipc_sa_lifetime){
		.soft_bytes = jittered(ike, life->child_rekey_bytes),
		.hard_bytes = life->child_rekey_bytes * 2,
		.soft_pkts = jittered(ike, life->child_rekey_pkts),
		.hard_pkts = life->child_rekey_pkts * 2,
	};
}

static void lifetimes_start(struct child_sa *child)
{
	struct ike *ike = child->sa->ike;
	uint64_t seconds = ike->config->life.child_rekey_s;

	child->rekey_us = ike_sa_lifetime_us(ike, seconds);
	child->hard_us = seconds == 0
		? CLOCK_NEVER
		: ike->now_us + (seconds + (seconds / 10 > 60 ? seconds / 10 : 60)) * US_PER_S;
}

// The effect that puts the inbound SA into the dataplane, and what will be the outbound one's.
static void install_in(struct child_pair *pair, const struct child_keys *keys, bool ours)
{
	struct child_sa *child = pair->child;
	struct ike_sa *sa = child->sa;
	struct ipc_sa_lifetime life = volume_limits(sa->ike);
	struct ike_effect *effect = effect_new(sa->ike, IKE_SA_IN_ADD);

	effect->link = child_link(child);
	effect->ike_sa = sa->handle;
	fill_common(child, pair, &life, &effect->in_add.sa);
	effect->in_add.sa.spi = pair->spi_in;
	effect->in_add.sa.replay_window = sa->ike->config->replay_window;
	if (pair->role == PAIR_NEXT || child->held)
		effect->in_add.sa.flags |= IPC_SA_FIRST_USE_EVENT;
	fill_keys(&effect->in_add.sa, keys, !ours);

	pair->out = core_need(sizeof(*pair->out));
	fill_common(child, pair, &life, &pair->out->sa);
	pair->out->sa.spi = pair->spi_out;
	pair->out->ref = child->ref;
	fill_keys(&pair->out->sa, keys, ours);
}

struct child_pair *child_pair_add(
	struct child_sa *child, const struct child_deal *deal, enum pair_role role)
{
	struct ike_sa *sa = child->sa;
	struct child_pair *pair = calloc(1, sizeof(*pair));
	struct child_keys keys;
	int ret;

	if (pair == NULL)
		return NULL;
	ret = child_keys_derive(&keys, &sa->keys, &deal->suite, deal->ni, deal->nr, deal->shared);
	if (ret < 0) {
		free(pair);
		errno = -ret;
		return NULL;
	}
	pair->child = child;
	pair->role = role;
	pair->spi_in = deal->spi_in;
	pair->spi_out = deal->spi_out;
	pair->timer_us = sa->ike->now_us + STALE_US;
	ike_suite_esp(&deal->suite, &pair->suite);
	pair->next = child->pairs;
	child->pairs = pair;
	hash_add(&sa->ike->pairs, &pair->by_spi, pair->spi_in);
	child->encap = sa->encap;
	install_in(pair, &keys, deal->ours);
	secret_wipe(&keys, sizeof(keys));
	// Whichever side made the new pair: nobody has to ask for another one soon.
	lifetimes_start(child);
	ike_sa_touch(sa);
	return pair;
}

static void out_drop(struct child_pair *pair)
{
	if (pair->out == NULL)
		return;
	secret_wipe(pair->out, sizeof(*pair->out));
	free(pair->out);
	pair->out = NULL;
}

// The pair's outbound SA goes to the dataplane.
static void send_with(struct child_sa *child, struct child_pair *pair)
{
	struct ike_sa *sa = child->sa;
	struct ike_effect *effect = effect_new(sa->ike, IKE_SA_OUT_SET);

	child->held = false;
	child->sending = true;
	effect->link = child_link(child);
	effect->ike_sa = sa->handle;
	effect->out_set = *pair->out;
	// The path may have changed since the keys were made.
	effect->out_set.sa.remote = sa->path.remote;
	effect->out_set.sa.local = sa->path.local;
	if (child->encap)
		path_ports(sa, &effect->out_set.sa.local_port, &effect->out_set.sa.remote_port);
	out_drop(pair);
	ike_sa_touch(sa);
}

void child_send_held(struct child_sa *child)
{
	struct child_pair *current = child_pair_of(child, PAIR_CURRENT);

	if (!child->held || current == NULL)
		return;
	current->timer_us = CLOCK_NEVER;
	send_with(child, current);
}

void child_promote(struct child_sa *child, struct child_pair *next)
{
	struct ike_sa *sa = child->sa;
	struct child_pair *current = child_pair_of(child, PAIR_CURRENT);

	if (current == next) // the first pair
		current = NULL;
	if (current != NULL) {
		current->role = PAIR_PREVIOUS;
		current->timer_us = sa->ike->now_us + STALE_US;
		out_drop(current); // when it was held
		child->rekeys++;
		sa->ike->counters.child_rekeys++;
	}
	next->role = PAIR_CURRENT;
	next->timer_us = CLOCK_NEVER;
	child->lost = false;
	child->established_us = sa->ike->now_us;
	if (child->held && current == NULL)
		next->timer_us = sa->ike->now_us + CHILD_HOLD_US;
	else
		send_with(child, next);
	if (current != NULL) {
		event_child(sa->ike, IKE_EVENT_CHILD_REKEYED, sa, next->spi_in, next->spi_out,
			"%08x/%08x replaced by %08x/%08x", current->spi_in, current->spi_out,
			next->spi_in, next->spi_out);
		SA_LOG(sa, INFO, "child SA %08x/%08x rekeyed, was %08x/%08x", next->spi_in,
			next->spi_out, current->spi_in, current->spi_out);
	}
	ike_sa_touch(sa);
}

// Takes the pair out of everything; its SPI may be used again by somebody else.
static void pair_remove(struct child_pair *pair)
{
	struct child_sa *child = pair->child;
	struct ike_sa *sa = child->sa;
	struct ike_effect *effect = effect_new(sa->ike, IKE_SA_IN_DEL);

	effect->link = child_link(child);
	effect->ike_sa = sa->handle;
	effect->spi = pair->spi_in;
	child_spi_free(sa, pair->spi_in);
	hash_del(&sa->ike->pairs, &pair->by_spi);
	for (struct child_pair **at = &child->pairs; *at != NULL; at = &(*at)->next) {
		if (*at == pair) {
			*at = pair->next;
			break;
		}
	}
	out_drop(pair);
	free(pair);
}

void child_pair_close(struct child_pair *pair, bool drain)
{
	struct child_sa *child = pair->child;

	ike_sa_touch(child->sa);
	if (pair->role == PAIR_NEXT && !child->rekeying)
		child->rekey_us =
			child->sa->ike->now_us + US_PER_S; // the peer thought better of it
	if (!drain) {
		pair_remove(pair);
		return;
	}
	out_drop(pair);
	pair->role = PAIR_CLOSED;
	pair->timer_us = child->sa->ike->now_us + PAIR_DRAIN_US;
}

struct child_pair *child_pair_of(const struct child_sa *child, enum pair_role role)
{
	for (struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next)
		if (pair->role == role)
			return pair;
	return NULL;
}

uint32_t child_pair_count(const struct child_sa *child)
{
	uint32_t n = 0;

	for (const struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next)
		n++;
	return n;
}

static void unlink_child(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;

	hash_del(&sa->ike->children, &child->by_handle);
	for (struct child_sa **at = &sa->children; *at != NULL; at = &(*at)->next) {
		if (*at == child) {
			*at = child->next;
			break;
		}
	}
	sa->child_n--;
}

void child_stop_sending(struct child_sa *child)
{
	struct ike_effect *effect;

	child->held = false;
	if (!child->sending)
		return;
	child->sending = false;
	effect = effect_new(child->sa->ike, IKE_SA_OUT_DEL);
	effect->link = child_link(child);
	effect->ike_sa = child->sa->handle;
	effect->ref = child->ref;
}

void child_end(struct child_sa *child, const char *why)
{
	struct ike_sa *sa = child->sa;
	struct child_pair *current = child_pair_of(child, PAIR_CURRENT);
	uint32_t spi_in = current == NULL ? 0 : current->spi_in;
	uint32_t spi_out = current == NULL ? 0 : current->spi_out;

	child_stop_sending(child);
	while (child->pairs != NULL)
		pair_remove(child->pairs);
	sa->ike->ops->ref_free(sa->ike->arg, child->ref);
	if (current != NULL) {
		event_child(sa->ike, IKE_EVENT_CHILD_DOWN, sa, spi_in, spi_out, "%s", why);
		SA_LOG(sa, INFO, "child SA %08x/%08x down: %s", spi_in, spi_out, why);
		if (child->wish != 0)
			connection_child_ended(child, why);
		else
			connection_child_down(sa, child, why);
	}
	unlink_child(child);
	free(child);
	ike_sa_touch(sa);
}

void child_free(struct child_sa *child)
{
	struct child_pair *pair;

	while ((pair = child->pairs) != NULL) {
		child->pairs = pair->next;
		hash_del(&child->sa->ike->pairs, &pair->by_spi);
		out_drop(pair);
		free(pair);
	}
	unlink_child(child);
	free(child);
}

int child_rekey(struct child_sa *child)
{
	if (child->rekeying || child->deleting)
		return -EINPROGRESS;
	child->rekeying = true;
	child->rekey_us = CLOCK_NEVER;
	task_add(child->sa, task_rekey_child_new(child->handle));
	return 0;
}

int child_delete(struct child_sa *child, bool again)
{
	uint32_t spi[8], n = 0;

	if (child->deleting)
		return -EINPROGRESS;
	child->deleting = true;
	child->again = again;
	for (struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next) {
		if (pair->deleting || pair->role == PAIR_CLOSED || n == 8)
			continue;
		pair->deleting = true;
		spi[n++] = pair->spi_in;
	}
	task_add(child->sa, task_delete_child_new(spi, n));
	return 0;
}

void child_lost(struct child_sa *child)
{
	struct child_pair *next = child_pair_of(child, PAIR_NEXT);

	if (child->deleting)
		return;
	child->lost = true;
	child->held = false; // its inbound SA is gone: never sent with
	if (next != NULL) {
		struct child_pair *current = child_pair_of(child, PAIR_CURRENT);

		// Its inbound keys were in use. It counts as current for the peer, so it is what
		// has to be rekeyed, but it is never sent with.
		if (current != NULL)
			current->role = PAIR_PREVIOUS;
		next->role = PAIR_CURRENT;
		next->timer_us = CLOCK_NEVER;
		out_drop(next);
	}
	child_rekey(child);
}

void child_hard_expire(struct child_sa *child)
{
	if (child->deleting)
		return;
	if (child->rekeying) {
		// New keys are under way; if they never come, the IKE SA times out or refuses.
		child->hard_us = child->sa->ike->now_us + 2 * STALE_US;
		ike_sa_touch(child->sa);
		return;
	}
	SA_LOG(child->sa, NOTICE, "a child SA reached its hard lifetime");
	child_delete(child, true);
}

struct child_sa *child_by_handle(struct ike *ike, uint64_t handle)
{
	struct hash_node *node = hash_find(&ike->children, handle);

	return node == NULL ? NULL : CONTAINER_OF(node, struct child_sa, by_handle);
}

struct child_pair *child_pair_by_spi(struct ike *ike, uint32_t spi_in)
{
	struct hash_node *node = hash_find(&ike->pairs, spi_in);

	return node == NULL ? NULL : CONTAINER_OF(node, struct child_pair, by_spi);
}

struct child_pair *child_pair_by_peer_spi(const struct ike_sa *sa, uint32_t spi_out)
{
	for (struct child_sa *child = sa->children; child != NULL; child = child->next)
		for (struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next)
			if (pair->spi_out == spi_out && pair->role != PAIR_CLOSED)
				return pair;
	return NULL;
}

static void move_one(struct child_sa *child, enum ipc_direction direction, uint32_t spi_or_ref)
{
	struct ike_sa *sa = child->sa;
	struct ike_effect *effect = effect_new(sa->ike, IKE_SA_MOVE);

	effect->link = child_link(child);
	effect->ike_sa = sa->handle;
	effect->move.spi_or_ref = spi_or_ref;
	effect->move.direction = direction;
	effect->move.encap = child->encap;
	effect->move.local = sa->path.local;
	effect->move.remote = sa->path.remote;
	if (child->encap)
		path_ports(sa, &effect->move.local_port, &effect->move.remote_port);
}

void child_moved(struct child_sa *child)
{
	for (struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next)
		move_one(child, IPC_DIR_IN, pair->spi_in);
	if (child->sending)
		move_one(child, IPC_DIR_OUT, child->ref);
}

uint64_t child_next_us(const struct child_sa *child)
{
	uint64_t next = child->rekey_us < child->hard_us ? child->rekey_us : child->hard_us;

	for (struct child_pair *pair = child->pairs; pair != NULL; pair = pair->next)
		if (pair->timer_us < next)
			next = pair->timer_us;
	return next;
}

// A pair that should have gone or been used by now.
static void pair_timeout(struct child_pair *pair)
{
	switch (pair->role) {
	case PAIR_CURRENT:
		pair->timer_us = CLOCK_NEVER;
		child_send_held(pair->child);
		return;
	case PAIR_CLOSED:
		pair_remove(pair);
		return;
	case PAIR_NEXT:
		// RFC 7296 section 2.8: the responder may begin to send after some time as well.
		child_promote(pair->child, pair);
		return;
	default:
		pair->timer_us = CLOCK_NEVER;
		if (pair->deleting)
			return;
		pair->deleting = true;
		task_add(pair->child->sa, task_delete_child_new(&pair->spi_in, 1));
	}
}

void child_timeout(struct child_sa *child)
{
	uint64_t now_us = child->sa->ike->now_us;

	for (struct child_pair *pair = child->pairs, *next; pair != NULL; pair = next) {
		next = pair->next;
		if (pair->timer_us <= now_us)
			pair_timeout(pair);
	}
	if (child->rekey_us <= now_us) {
		child->rekey_us = CLOCK_NEVER;
		child_rekey(child);
	}
	if (child->hard_us <= now_us) {
		child->hard_us = CLOCK_NEVER;
		child_hard_expire(child);
	}
}

const char *child_state_name(const struct child_sa *child)
{
	return child->deleting ? "deleting" : child->rekeying ? "rekeying" : "installed";
}
