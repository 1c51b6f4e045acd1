// SPDX-License-Identifier: BSD-3-Clause
// See half_open.h. Sources stand in a table of fixed size by a keyed hash, so that no number of them costs
// memory; two that share a place, which nobody can bring about without the key, share their limits. One
// thread per core.
#include "half_open.h"

#include "effect.h"
#include "exchange.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "token.h"

#include <stdlib.h>

LOG_TYPE("ike");

#define SOURCES 16384 // a power of two

struct source {
	uint32_t n[2]; // half-open, without and with a cookie
	uint64_t full_us[2]; // of the token buckets
};
struct half_open {
	struct source source[SOURCES];
};

struct half_open *half_open_new(void)
{
	return calloc(1, sizeof(struct half_open));
}

void half_open_free(struct half_open *half_open)
{
	free(half_open);
}

static uint32_t source_of(const struct ike *ike, const struct inet_addr *addr)
{
	const size_t len = addr->family == AF_INET ? 4 : 8;

	return (uint32_t)hash_bytes(ike->secret, addr->bytes, len) % SOURCES;
}

// <-- IKE_SA_INIT { N(COOKIE) }. It is never longer than what it answers, and costs less to make than a
// limit that would hit those who are no part of a flood.
static void demand(struct ike *ike, const struct ike_datagram *datagram, const struct ike_msg *msg)
{
	uint8_t cookie[COOKIE_BYTES];
	struct nonce ni;

	if (nonce_read(msg, &ni) != 0 || ike_msg_find(msg, PAYLOAD_SA) == NULL ||
		ike_msg_find(msg, PAYLOAD_KE) == NULL) {
		ike->counters.malformed++;
		return;
	}
	if (cookie_make(ike, &datagram->remote, msg->header.spi_i, &ni, cookie) != 0)
		return;
	LOG_LIMITED(NOTICE, "cookies are demanded, %u half-open IKE SAs", ike->half_open_n);
	ike->counters.cookies_sent++;
	exchange_answer_clear(ike, datagram, &msg->header, NOTIFY_COOKIE, cookie, sizeof(cookie));
}

// The cookie must be the first payload.
static bool returned(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_msg *msg)
{
	struct payload_notify notify;
	struct nonce ni;

	if (msg->n == 0 || msg->payload[0].type != PAYLOAD_NOTIFY ||
		payload_notify_read(&msg->payload[0], &notify) != 0 ||
		notify.type != NOTIFY_COOKIE || nonce_read(msg, &ni) != 0)
		return false;
	if (cookie_check(ike, &datagram->remote, msg->header.spi_i, &ni, notify.data, notify.len)) {
		ike->counters.cookies_good++;
		return true;
	}
	ike->counters.cookies_bad++;
	return false;
}

// By load: many half-open IKE SAs, or so many errors that there are no more answers for strangers.
static bool demanded(const struct ike *ike)
{
	const struct config_limits *limits = &ike->config->limits;

	if (limits->cookies == CONFIG_COOKIES_AUTO)
		return ike->half_open_n >= config_cookie_threshold(ike->config) ||
			ike->stranger_tokens == 0;
	return limits->cookies == CONFIG_COOKIES_ALWAYS;
}

static bool source_admits(struct ike *ike, const struct inet_addr *remote, bool proved)
{
	const struct config_limits *limits = &ike->config->limits;
	struct source *source = &ike->half_open->source[source_of(ike, remote)];

	return source->n[proved] < limits->half_open_source_max &&
		token_take(&source->full_us[proved], ike->now_us, limits->init_source_rate,
			limits->init_source_rate);
}

bool half_open_admits(struct ike *ike, const struct ike_datagram *datagram,
	const struct ike_msg *msg, bool *proved)
{
	*proved = returned(ike, datagram, msg);
	if (!*proved && demanded(ike)) {
		demand(ike, datagram, msg);
		return false;
	}
	if (source_admits(ike, &datagram->remote, *proved))
		return true;
	if (!*proved && ike->config->limits.cookies != CONFIG_COOKIES_NEVER) {
		demand(ike, datagram, msg);
	} else {
		char addr[INET_ADDR_STRLEN];

		ike->counters.source_refused++;
		LOG_LIMITED(NOTICE, "IKE_SA_INIT from %s dropped: too many from there",
			inet_addr_format(&datagram->remote, addr));
	}
	return false;
}

void half_open_begin(struct ike_sa *sa, bool proved)
{
	struct ike *ike = sa->ike;

	sa->half_open = true;
	sa->half_open_proved = proved;
	sa->half_open_source = source_of(ike, &sa->path.remote);
	ike->half_open->source[sa->half_open_source].n[proved]++;
	ike->half_open_n++;
}

void half_open_over(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	if (!sa->half_open)
		return;
	sa->half_open = false;
	ike->half_open->source[sa->half_open_source].n[sa->half_open_proved]--;
	ike->half_open_n--;
}
