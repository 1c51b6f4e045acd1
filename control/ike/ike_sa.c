// SPDX-License-Identifier: BSD-3-Clause
// IKE SAs: tables, the one state setter, inheritance at a rekey, the end. RFC 7296 sections 2.4,
// 2.6, 2.8, 2.23. One thread per core.
#include "ike_sa.h"

#include "auth_talk.h"
#include "child_sa.h"
#include "companion.h"
#include "connection.h"
#include "dh.h"
#include "effect.h"
#include "exchange.h"
#include "half_open.h"
#include "identity.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// Which state may follow which.
#define BIT(state) (1u << (state))
static const uint32_t allowed_next[] = {
	[IKE_SA_CONNECTING] =
		BIT(IKE_SA_AUTHENTICATING) | BIT(IKE_SA_ESTABLISHED) | BIT(IKE_SA_DEAD),
	[IKE_SA_AUTHENTICATING] = BIT(IKE_SA_ESTABLISHED) | BIT(IKE_SA_DELETING) | BIT(IKE_SA_DEAD),
	[IKE_SA_ESTABLISHED] = BIT(IKE_SA_REKEYED) | BIT(IKE_SA_DELETING) | BIT(IKE_SA_DEAD),
	[IKE_SA_REKEYED] = BIT(IKE_SA_DELETING) | BIT(IKE_SA_DEAD),
	[IKE_SA_DELETING] = BIT(IKE_SA_DEAD),
	[IKE_SA_DEAD] = 0,
};

const char *ike_sa_state_name(enum ike_sa_state state)
{
	static const char *const name[] = {
		[IKE_SA_CONNECTING] = "connecting",
		[IKE_SA_AUTHENTICATING] = "authenticating",
		[IKE_SA_ESTABLISHED] = "established",
		[IKE_SA_REKEYED] = "rekeyed",
		[IKE_SA_DELETING] = "deleting",
		[IKE_SA_DEAD] = "dead",
	};

	return (size_t)state < sizeof(name) / sizeof(name[0]) ? name[state] : "?";
}

const char *ike_sa_label(const struct ike_sa *sa, char buf[SA_LABEL_MAX])
{
	char addr[INET_ADDR_STRLEN], id[300] = "";

	if (sa->remote_id.len > 0)
		config_id_format(&sa->remote_id, id);
	snprintf(buf, SA_LABEL_MAX, "i=%016lx r=%016lx %s:%u%s%.60s", sa->spi_i, sa->spi_r,
		inet_addr_format(&sa->path.remote, addr), sa->path.remote_port,
		id[0] == '\0' ? "" : " ", id);
	return buf;
}

uint64_t ike_sa_our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

struct ike_sa *ike_sa_by_spi(struct ike *ike, uint64_t our_spi)
{
	struct hash_node *node = hash_find(&ike->sas, our_spi);

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, by_spi);
}

struct ike_sa *ike_sa_by_handle(struct ike *ike, uint64_t handle)
{
	struct hash_node *node = hash_find(&ike->sa_handles, handle);

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, by_handle);
}

struct ike_sa *ike_sa_new(struct ike *ike, bool initiator)
{
	struct ike_sa *sa;
	uint64_t spi;

	if (timer_heap_reserve(&ike->timers, ike->sa_n + ike->config->connection_n + 1))
		return NULL;
	sa = calloc(1, sizeof(*sa));
	if (sa == NULL)
		return NULL;
	do {
		core_random(ike, &spi, sizeof(spi));
	} while (spi == 0 || ike_sa_by_spi(ike, spi) != NULL);
	sa->ike = ike;
	sa->initiator = initiator;
	*(initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->handle = core_handle(ike);
	sa->state = IKE_SA_CONNECTING;
	sa->worker = UINT32_MAX;
	sa->rekey_us = CLOCK_NEVER;
	sa->end_us = CLOCK_NEVER;
	reauth_init(sa);
	sa->heard_us = ike->now_us;
	sa->timer.kind = TIMER_IKE_SA;
	hash_add(&ike->sas, &sa->by_spi, spi);
	hash_add(&ike->sa_handles, &sa->by_handle, sa->handle);
	sa->next = ike->all;
	sa->prev = &ike->all;
	if (sa->next != NULL)
		sa->next->prev = &sa->next;
	ike->all = sa;
	ike->sa_n++;
	ike_sa_touch(sa);
	return sa;
}

void handshake_free(struct handshake *handshake)
{
	if (handshake == NULL)
		return;
	free(handshake->request);
	free(handshake->response);
	dh_free(handshake->dh);
	auth_talk_free(handshake->auth);
	free(handshake->waiting);
	free(handshake);
}

static void untouch(struct ike_sa *sa)
{
	for (struct ike_sa **at = &sa->ike->touched; *at != NULL; at = &(*at)->next_touched) {
		if (*at == sa) {
			*at = sa->next_touched;
			break;
		}
	}
}

void ike_sa_free(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	while (sa->children != NULL)
		child_free(sa->children);
	task_free_all(sa);
	window_fini(&sa->window);
	fragmentation_free(sa);
	half_open_over(sa);
	identity_leave(sa);
	if (sa->in_inits)
		hash_del(&ike->inits, &sa->by_init);
	hash_del(&ike->sas, &sa->by_spi);
	hash_del(&ike->sa_handles, &sa->by_handle);
	timer_set(&ike->timers, &sa->timer, CLOCK_NEVER);
	if (sa->touched)
		untouch(sa);
	*sa->prev = sa->next;
	if (sa->next != NULL)
		sa->next->prev = sa->prev;
	ike->sa_n--;
	handshake_free(sa->handshake);
	ike_keys_fini(&sa->keys);
	free(sa->allow_local);
	free(sa->allow_remote);
	free(sa);
}

void ike_sa_set_state(struct ike_sa *sa, enum ike_sa_state state)
{
	enum ike_sa_state old = sa->state;

	assert(allowed_next[old] & BIT(state));
	sa->state = state;
	// One that failed counts until it is gone: what strangers make us keep has one bound.
	if (state == IKE_SA_ESTABLISHED) {
		half_open_over(sa);
		sa->ike->counters.established++;
	}
	event_emit(sa->ike, IKE_EVENT_SA_STATE, sa, NULL, "%s -> %s", ike_sa_state_name(old),
		ike_sa_state_name(state));
	SA_LOG(sa, DEBUG, "%s -> %s", ike_sa_state_name(old), ike_sa_state_name(state));
	ike_sa_touch(sa);
}

void ike_sa_touch(struct ike_sa *sa)
{
	if (sa->touched)
		return;
	sa->touched = true;
	sa->next_touched = sa->ike->touched;
	sa->ike->touched = sa;
}

uint64_t ike_sa_lifetime_us(struct ike *ike, uint64_t seconds)
{
	uint64_t us = seconds * US_PER_S;

	if (seconds == 0)
		return CLOCK_NEVER;
	return ike->now_us + us -
		core_random_below(ike, us * ike->config->life.jitter_percent / 100);
}

static void keylog(struct ike_sa *sa)
{
	struct ike_effect *effect;

	if (sa->ike->config->keylog_dir[0] == '\0')
		return;
	effect = effect_new(sa->ike, IKE_KEYLOG);
	effect->ike_sa = sa->handle;
	effect->keylog = (struct ike_keylog){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.encr = sa->keys.encr->id,
		.key_bits = sa->keys.encr->key_bits,
		.integ = sa->keys.integ == NULL ? INTEG_NONE : sa->keys.integ->id,
		.sk_ei = sa->keys.sk_ei,
		.sk_er = sa->keys.sk_er,
		.sk_ai = sa->keys.sk_ai,
		.sk_ar = sa->keys.sk_ar,
	};
}

int ike_sa_key(struct ike_sa *sa, const struct nonce *ni, const struct nonce *nr,
	struct bytes shared, const struct ike_keys *old)
{
	int ret = ike_keys_derive(&sa->keys, &sa->suite, nonce_bytes(ni), nonce_bytes(nr),
		sa->spi_i, sa->spi_r, shared, old == NULL ? NULL : &old->sk_d,
		old == NULL ? NULL : old->prf);

	if (ret < 0)
		return ret;
	sa->keyed = true;
	keylog(sa);
	return 0;
}

void ike_sa_established(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	uint64_t seconds = ike->config->life.ike_rekey_s;
	char suite[96];

	handshake_free(sa->handshake);
	sa->handshake = NULL;
	sa->established_us = ike->now_us;
	sa->reauth.since_us = ike->now_us;
	sa->heard_us = ike->now_us;
	sa->rekey_us = ike_sa_lifetime_us(ike, seconds);
	sa->end_us = seconds == 0
		? CLOCK_NEVER
		: ike->now_us + (seconds + (seconds / 10 > 60 ? seconds / 10 : 60)) * US_PER_S;
	ike_sa_set_state(sa, IKE_SA_ESTABLISHED);
	SA_LOG(sa, INFO, "established, %s", ike_suite_format(&sa->suite, suite));
}

// All that it holds for others.
static void release(struct ike_sa *sa, const char *why)
{
	struct ike *ike = sa->ike;

	companion_hand_over(sa);
	while (sa->children != NULL)
		child_end(sa->children, why);
	if (sa->link != 0 && ike->ops->link_detach != NULL)
		ike->ops->link_detach(ike->arg, sa->link, sa->handle, sa->left_by, ike->now_us);
	sa->link = 0;
	identity_forget(sa);
	connection_sa_down(sa, why);
	reauth_over(sa);
	sa->rekey_us = CLOCK_NEVER;
}

bool ike_sa_adopt_rival(struct ike_sa *sa)
{
	struct ike_sa *rival = ike_sa_by_handle(sa->ike, sa->rival);

	sa->rival = 0;
	while (rival != NULL && rival->rekeyed_by != 0)
		rival = ike_sa_by_handle(sa->ike, rival->rekeyed_by);
	if (rival == NULL || rival->state != IKE_SA_ESTABLISHED)
		return false;
	rival->rival_of = 0;
	ike_sa_inherit(sa, rival);
	return true;
}

void ike_sa_end(struct ike_sa *sa, const char *why)
{
	if (sa->state == IKE_SA_DEAD)
		return;
	if (sa->rival != 0)
		ike_sa_adopt_rival(sa);
	SA_LOG_PEER(sa, INFO, "ended: %s", why);
	ike_sa_set_state(sa, IKE_SA_DEAD);
	release(sa, why);
	task_free_all(sa);
	window_forget(&sa->window);
	handshake_free(sa->handshake);
	sa->handshake = NULL;
	sa->end_us = sa->ike->now_us;
	if (sa->keyed)
		sa->end_us += sa->established_us == 0 ? LINGER_STRANGER_US : LINGER_US;
}

// Our IKE_AUTH is under way: the peer may have an IKE SA by now, so that the D follows the answer.
static bool asked_in(struct ike_sa *sa)
{
	return sa->initiator && sa->state == IKE_SA_AUTHENTICATING &&
		window_any(&sa->window) != NULL;
}

void ike_sa_delete(struct ike_sa *sa, uint16_t notify, const char *why)
{
	struct ike_sa *rival = ike_sa_by_handle(sa->ike, sa->rival);

	if (sa->state >= IKE_SA_DELETING)
		return;
	if (sa->state < IKE_SA_ESTABLISHED && notify == 0 && !asked_in(sa)) {
		ike_sa_end(sa, why);
		return;
	}
	if (rival != NULL) {
		sa->rival = 0;
		ike_sa_delete(rival, notify, why);
	}
	SA_LOG(sa, INFO, "deleting: %s", why);
	ike_sa_set_state(sa, IKE_SA_DELETING);
	release(sa, why);
	task_free_waiting(sa);
	task_add_first(sa, task_delete_ike_new(notify));
	sa->end_us = CLOCK_NEVER;
}

void ike_sa_stale(struct ike_sa *sa)
{
	sa->stale = true;
	sa->rekey_us = CLOCK_NEVER;
	sa->end_us = sa->ike->now_us + STALE_US;
	ike_sa_touch(sa);
}

void ike_sa_inherit(struct ike_sa *old, struct ike_sa *new)
{
	struct ike *ike = old->ike;

	while (old->children != NULL) {
		struct child_sa *child = old->children;

		old->children = child->next;
		child->sa = new;
		child->next = new->children;
		new->children = child;
	}
	new->child_n += old->child_n;
	old->child_n = 0;
	new->worker = old->worker;
	new->auth_scheme = old->auth_scheme;
	if (old->link != 0 && ike->ops->link_moved != NULL)
		ike->ops->link_moved(ike->arg, old->link, old->handle, new->handle);
	new->link = old->link;
	old->link = 0;
	new->link_wire = old->link_wire;
	new->child_due = old->child_due;
	old->child_due = false;
	memcpy(new->link_id, old->link_id, sizeof(new->link_id));
	new->link_id_len = old->link_id_len;
	new->allow_local = old->allow_local;
	new->allow_remote = old->allow_remote;
	old->allow_local = NULL;
	old->allow_remote = NULL;
	new->connection = old->connection;
	if (new->connection != NULL &&new->connection->ike_sa == old->handle)
		new->connection->ike_sa = new->handle;
	old->connection = NULL;
	reauth_inherit(old, new);
	identity_forget(old);
	identity_known(new);
	task_move_waiting(old, new);
	new->rekeys = old->rekeys + 1;
	old->rekeyed_by = new->handle;
	old->rekey_us = CLOCK_NEVER;
	old->end_us = ike->now_us + STALE_US;
	ike->counters.ike_rekeys++;
	if (old->state == IKE_SA_ESTABLISHED)
		ike_sa_set_state(old, IKE_SA_REKEYED);
	SA_LOG(old, INFO, "rekeyed, now i=%016lx r=%016lx", new->spi_i, new->spi_r);
	ike_sa_touch(new);
	ike_sa_touch(old);
}

void ike_sa_path_set(struct ike_sa *sa, const struct ike_datagram *datagram)
{
	sa->path = (struct ike_path){
		.local = datagram->local,
		.remote = datagram->remote,
		.local_port = datagram->local_port,
		.remote_port = datagram->remote_port,
		.natt = datagram->natt,
	};
}

void ike_sa_moved(struct ike_sa *sa, const struct inet_addr *remote, uint16_t remote_port)
{
	if (inet_addr_equal(remote, &sa->path.remote) && remote_port == sa->path.remote_port)
		return;
	// A host that is itself behind a NAT must not do this: one packet could hijack the SA.
	if (!sa->nat_remote || sa->nat_local || remote->family != sa->path.remote.family)
		return;
	sa->path.remote = *remote;
	sa->path.remote_port = remote_port;
	SA_LOG(sa, NOTICE, "the peer's NAT mapping changed");
	for (struct child_sa *child = sa->children; child != NULL; child = child->next)
		child_moved(child);
	ike_sa_touch(sa);
}

uint64_t ike_sa_next_us(const struct ike_sa *sa)
{
	uint64_t next = sa->end_us, other;

	if (sa->rekey_us < next)
		next = sa->rekey_us;
	if ((other = reauth_next_us(sa)) < next)
		next = other;
	if ((other = window_next_us(&sa->window)) < next)
		next = other;
	if ((other = fragmentation_next_us(sa)) < next)
		next = other;
	if ((other = task_next_us(sa)) < next)
		next = other;
	for (const struct child_sa *child = sa->children; child != NULL; child = child->next)
		if ((other = child_next_us(child)) < next)
			next = other;
	return next;
}

static void end_reached(struct ike_sa *sa)
{
	switch (sa->state) {
	case IKE_SA_CONNECTING:
	case IKE_SA_AUTHENTICATING:
		sa->ike->counters.half_open_expired++;
		ike_sa_end(sa, "not authenticated in time");
		sa->end_us = sa->ike->now_us; // no request was answered that could come again
		break;
	case IKE_SA_ESTABLISHED:
		if (sa->stale)
			ike_sa_end(sa, "lost against another rekey");
		else
			ike_sa_delete(sa, 0, "hard lifetime reached");
		break;
	case IKE_SA_DELETING:
		ike_sa_end(sa, "deleted");
		break;
	default:
		ike_sa_end(sa, "replaced, and never deleted by the peer");
	}
}

void ike_sa_timeout(struct ike_sa *sa)
{
	uint64_t now_us = sa->ike->now_us;

	ike_sa_touch(sa);
	if (sa->end_us <= now_us) {
		if (sa->state == IKE_SA_DEAD) {
			ike_sa_free(sa);
			return;
		}
		sa->end_us = CLOCK_NEVER;
		end_reached(sa);
	}
	if (sa->rekey_us <= now_us) {
		sa->rekey_us = CLOCK_NEVER;
		task_add(sa, task_rekey_ike_new());
	}
	reauth_timeout(sa);
	fragmentation_timeout(sa);
	exchange_retransmit(sa);
	for (struct child_sa *child = sa->children, *next; child != NULL; child = next) {
		next = child->next;
		child_timeout(child);
	}
}
