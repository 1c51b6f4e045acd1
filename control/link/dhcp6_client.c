// SPDX-License-Identifier: BSD-3-Clause
// The DHCPv6 client's state machine: one exchange about leases (Solicit, Request, Renew, Rebind,
// Confirm), one about settings alone (Information-request), each retransmitted as RFC 8415 section 15
// says. No delay before the first message: the link was made for this client alone, so no other
// starts with it. What a server can cause is limited (section 14.1). Pure.
#include "dhcp6_client.h"

#include "clock.h"
#include "dhcp6_client_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BURST 20 // messages, then one a second
#define AGAIN_US (60 * US_PER_S) // leases are there, and an answer renewed none of them
#define REQUEST_TRIES 10
#define CONFIRM_MAX_US (10 * US_PER_S)
#define REFRESH_DEFAULT_S 86400 // section 21.23
#define REFRESH_MIN_S 600
#define MAX_RT_LEAST_S                                                                             \
	60 // SOL_MAX_RT and INF_MAX_RT that a server may set, sections 21.24 and 21.25
#define MAX_RT_MOST_S 86400

struct dhcp6_client *dhcp6_client_new(const struct dhcp6_client_setup *setup)
{
	struct dhcp6_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->setup = *setup;
	dhcp6_client_stop(client);
	return client;
}

void dhcp6_client_free(struct dhcp6_client *client)
{
	free(client);
}

void dhcp6_client_stop(struct dhcp6_client *client)
{
	struct dhcp6_client_setup setup = client->setup;
	uint64_t tokens_us = client->tokens_us;
	uint32_t tokens = client->tokens;

	*client = (struct dhcp6_client){.setup = setup,
		.t1_us = CLOCK_NEVER,
		.t2_us = CLOCK_NEVER,
		.refresh_us = CLOCK_NEVER,
		.sol_max_rt_us = 3600 * US_PER_S,
		.inf_max_rt_us = 3600 * US_PER_S,
		.tokens = tokens, // stopping and starting in a loop is limited, too
		.tokens_us = tokens_us};
}

// ---- retransmission ----

// IRT and MRT of RFC 8415 section 7.6.
static uint64_t first_rt(const struct dhcp6_exchange *x)
{
	return (x->type == DHCP6_RENEW || (x->type == DHCP6_REBIND && !x->confirming) ? 10 : 1) *
		US_PER_S;
}

static uint64_t max_rt(const struct dhcp6_client *client, const struct dhcp6_exchange *x)
{
	if (x->type == DHCP6_SOLICIT)
		return client->sol_max_rt_us;
	if (x->type == DHCP6_INFORMATION_REQUEST)
		return client->inf_max_rt_us;
	if (x->type == DHCP6_REQUEST)
		return 30 * US_PER_S;
	return (x->type == DHCP6_CONFIRM || x->confirming ? 4 : 600) * US_PER_S;
}

// base + RAND * base with RAND between -0.1 and 0.1, or between 0 and 0.1.
static uint64_t spread(const struct dhcp6_client *client, uint64_t base_us, bool above)
{
	uint32_t r = 0;
	uint64_t tenth_us = base_us / 10;

	client->setup.random(client->setup.arg, &r, sizeof(r));
	if (above)
		return base_us + 1 + r % tenth_us;
	return base_us - tenth_us + r % (2 * tenth_us);
}

static uint64_t next_rt(const struct dhcp6_client *client, const struct dhcp6_exchange *x)
{
	uint64_t limit_us = max_rt(client, x), rt_us = 0;

	if (x->rt_us == 0) // the first Solicit waits for all Advertises, section 18.2.1
		return spread(client, first_rt(x), x->type == DHCP6_SOLICIT);
	rt_us = x->rt_us + spread(client, x->rt_us, false);
	return rt_us > limit_us ? spread(client, limit_us, false) : rt_us;
}

static bool take_token(struct dhcp6_client *client, uint64_t now_us)
{
	uint64_t s = (now_us - client->tokens_us) / US_PER_S;

	if (client->tokens_us == 0 || s >= BURST) {
		client->tokens = BURST;
		client->tokens_us = now_us;
	} else if (s > 0) {
		client->tokens = client->tokens + s > BURST ? BURST : client->tokens + (uint32_t)s;
		client->tokens_us += s * US_PER_S;
	}
	if (client->tokens == 0)
		return false;
	client->tokens--;
	return true;
}

static void transmit(struct dhcp6_client *client, struct dhcp6_exchange *x, uint64_t now_us)
{
	uint64_t elapsed = (now_us - x->start_us) / 10000;

	if (!take_token(client, now_us)) {
		x->next_us = now_us + US_PER_S;
		return;
	}
	x->elapsed_cs = x->sent == 0 ? 0 : elapsed > UINT16_MAX ? UINT16_MAX : (uint16_t)elapsed;
	x->sent++;
	x->waits = true;
	x->rt_us = next_rt(client, x);
	x->next_us = now_us + x->rt_us;
}

static void end(struct dhcp6_exchange *x)
{
	*x = (struct dhcp6_exchange){.next_us = CLOCK_NEVER};
}

static void begin(struct dhcp6_client *client, struct dhcp6_exchange *x, uint8_t type,
	bool confirming, uint64_t now_us)
{
	*x = (struct dhcp6_exchange){.type = type, .confirming = confirming, .start_us = now_us};
	client->setup.random(client->setup.arg, &x->xid, sizeof(x->xid));
	x->xid &= 0xffffff;
	transmit(client, x, now_us);
}

static void solicit(struct dhcp6_client *client, uint64_t now_us)
{
	client->has_offer = false;
	begin(client, &client->lease, DHCP6_SOLICIT, false, now_us);
}

static void ask_settings(struct dhcp6_client *client, uint64_t now_us)
{
	client->refresh_us = CLOCK_NEVER;
	if (client->want.info && client->info.type == 0)
		begin(client, &client->info, DHCP6_INFORMATION_REQUEST, false, now_us);
}

// ---- begin ----

void dhcp6_client_start(
	struct dhcp6_client *client, const struct dhcp6_client_want *want, uint64_t now_us)
{
	client->want = *want;
	end(&client->lease);
	end(&client->info);
	dhcp6_client_expire(client, now_us);
	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++)
		if (!dhcp6_client_wants(client, kind))
			client->ia[kind].n = 0;
	if (!want->address && !want->prefix) {
		ask_settings(client, now_us);
		return;
	}
	if (client->ia[DHCP6_PD].n > 0)
		begin(client, &client->lease, DHCP6_REBIND, true, now_us);
	else if (client->ia[DHCP6_NA].n > 0)
		begin(client, &client->lease, DHCP6_CONFIRM, true, now_us);
	else
		solicit(client, now_us);
}

// ---- answers ----

static void request(struct dhcp6_client *client, uint64_t now_us)
{
	begin(client, &client->lease, DHCP6_REQUEST, false, now_us);
}

static void on_advertise(struct dhcp6_client *client, const struct dhcp6_msg *msg, uint64_t now_us)
{
	struct dhcp6_exchange *x = &client->lease;

	if (x->type != DHCP6_SOLICIT)
		return;
	if (!dhcp6_client_offers(client, msg)) {
		// Nothing to lease: the settings can be had all the same.
		if (!client->has_info)
			ask_settings(client, now_us);
		return;
	}
	if (!client->has_offer || msg->preference > client->offer.preference) {
		client->offer = *msg;
		client->has_offer = true;
	}
	// The first time others have until RT to answer, too.
	if (msg->preference == UINT8_MAX || x->sent > 1)
		request(client, now_us);
}

static bool has_status(
	const struct dhcp6_client *client, const struct dhcp6_msg *msg, enum dhcp6_status status)
{
	if (msg->has_status && msg->status == status)
		return true;
	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++) {
		const struct dhcp6_ia *ia = dhcp6_client_find(msg, kind);

		if (dhcp6_client_wants(client, kind) && ia != NULL && ia->status == status)
			return true;
	}
	return false;
}

static void on_lease_reply(
	struct dhcp6_client *client, const struct dhcp6_msg *msg, uint64_t now_us)
{
	struct dhcp6_exchange *x = &client->lease;
	uint8_t type = x->type;

	if (type == DHCP6_SOLICIT && !msg->rapid_commit)
		return;
	// Asked again at the next retransmission.
	if (has_status(client, msg, DHCP6_STATUS_UNSPEC_FAIL) ||
		has_status(client, msg, DHCP6_STATUS_USE_MULTICAST))
		return;
	if (has_status(client, msg, DHCP6_STATUS_NOT_ON_LINK)) {
		dhcp6_client_drop(client);
		solicit(client, now_us);
		return;
	}
	end(x);
	if (type == DHCP6_CONFIRM)
		return;
	if (has_status(client, msg, DHCP6_STATUS_NO_BINDING) && type != DHCP6_REQUEST &&
		type != DHCP6_SOLICIT) {
		dhcp6_client_drop(client);
		client->offer = (struct dhcp6_msg){.server = msg->server};
		request(client, now_us);
		return;
	}
	if (dhcp6_client_apply(client, msg, now_us) == 0)
		client->t2_us = now_us + AGAIN_US;
	dhcp6_client_settings(client, msg);
	if (client->ia[DHCP6_NA].n + client->ia[DHCP6_PD].n == 0)
		solicit(client, now_us);
}

static void on_info_reply(struct dhcp6_client *client, const struct dhcp6_msg *msg, uint64_t now_us)
{
	uint32_t refresh_s = msg->has_refresh ? msg->refresh_s : REFRESH_DEFAULT_S;

	end(&client->info);
	dhcp6_client_settings(client, msg);
	if (refresh_s < REFRESH_MIN_S)
		refresh_s = REFRESH_MIN_S;
	client->refresh_us =
		refresh_s == DHCP6_INFINITY ? CLOCK_NEVER : now_us + refresh_s * US_PER_S;
}

static void take_max_rt(uint64_t *out_us, uint32_t seconds)
{
	if (seconds >= MAX_RT_LEAST_S && seconds <= MAX_RT_MOST_S)
		*out_us = seconds * US_PER_S;
}

static bool is_ours(const struct dhcp6_client *client, const struct dhcp6_msg *msg)
{
	return msg->server.len > 0 && msg->client.len == client->setup.duid_len &&
		memcmp(msg->client.data, client->setup.duid, msg->client.len) == 0;
}

void dhcp6_client_input(
	struct dhcp6_client *client, const uint8_t *data, size_t len, uint64_t now_us)
{
	struct dhcp6_msg msg;
	bool lease = false, info = false;

	if (dhcp6_msg_read(data, len, &msg) != 0 || !is_ours(client, &msg))
		return;
	lease = client->lease.type != 0 && msg.xid == client->lease.xid;
	info = client->info.type != 0 && msg.xid == client->info.xid;
	if ((!lease && !info) || (msg.type != DHCP6_ADVERTISE && msg.type != DHCP6_REPLY))
		return;
	take_max_rt(&client->sol_max_rt_us, msg.sol_max_rt_s);
	take_max_rt(&client->inf_max_rt_us, msg.inf_max_rt_s);
	if (msg.type == DHCP6_ADVERTISE && lease)
		on_advertise(client, &msg, now_us);
	else if (msg.type == DHCP6_REPLY && lease)
		on_lease_reply(client, &msg, now_us);
	else if (msg.type == DHCP6_REPLY)
		on_info_reply(client, &msg, now_us);
	dhcp6_client_tell(client);
}

// ---- time ----

static uint64_t first_end(const struct dhcp6_client *client)
{
	uint64_t at_us = CLOCK_NEVER;

	for (enum dhcp6_kind kind = 0; kind < DHCP6_KINDS; kind++)
		for (uint32_t i = 0; i < client->ia[kind].n; i++)
			if (client->ia[kind].held[i].until_us < at_us)
				at_us = client->ia[kind].held[i].until_us;
	return at_us;
}

// When the leases have to be renewed, or asked of any server; while an exchange for it runs, only
// what comes after it.
static uint64_t renewal_us(const struct dhcp6_client *client)
{
	uint8_t type = client->lease.type;

	if (type == 0)
		return client->t1_us < client->t2_us ? client->t1_us : client->t2_us;
	return type == DHCP6_RENEW ? client->t2_us : CLOCK_NEVER;
}

static uint64_t exchange_us(const struct dhcp6_exchange *x)
{
	return x->type != 0 ? x->next_us : CLOCK_NEVER;
}

uint64_t dhcp6_client_next_us(const struct dhcp6_client *client)
{
	uint64_t all[] = {exchange_us(&client->lease), exchange_us(&client->info),
		renewal_us(client), first_end(client), client->refresh_us};
	uint64_t next_us = CLOCK_NEVER;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] < next_us)
			next_us = all[i];
	return next_us;
}

static void lease_timeout(struct dhcp6_client *client, uint64_t now_us)
{
	struct dhcp6_exchange *x = &client->lease;

	if (x->type == DHCP6_SOLICIT && client->has_offer)
		request(client, now_us);
	else if (x->type == DHCP6_REQUEST && x->sent >= REQUEST_TRIES)
		solicit(client, now_us);
	else if (x->confirming && now_us - x->start_us >= CONFIRM_MAX_US)
		end(x); // nobody says no: they are used on, section 18.2.3
	else
		transmit(client, x, now_us);
}

void dhcp6_client_timeout(struct dhcp6_client *client, uint64_t now_us)
{
	struct dhcp6_exchange *x = &client->lease;

	if (dhcp6_client_expire(client, now_us) &&
		client->ia[DHCP6_NA].n + client->ia[DHCP6_PD].n == 0) {
		dhcp6_client_drop(client);
		solicit(client, now_us);
	} else if (renewal_us(client) <= now_us) {
		uint8_t type = client->t2_us <= now_us ? DHCP6_REBIND : DHCP6_RENEW;

		begin(client, x, type, false, now_us);
	} else if (exchange_us(x) <= now_us) {
		lease_timeout(client, now_us);
	}
	if (client->refresh_us <= now_us)
		ask_settings(client, now_us);
	else if (exchange_us(&client->info) <= now_us)
		transmit(client, &client->info, now_us);
	dhcp6_client_tell(client);
}

size_t dhcp6_client_take(struct dhcp6_client *client, uint8_t *out, size_t max)
{
	struct dhcp6_exchange *x = client->lease.waits ? &client->lease : &client->info;
	struct dhcp6_msg msg;

	if (!x->waits)
		return 0;
	x->waits = false;
	dhcp6_client_build(client, x, &msg);
	return dhcp6_msg_write(&msg, out, max);
}
