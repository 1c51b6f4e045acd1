// SPDX-License-Identifier: BSD-3-Clause
// What a LAN is told and when: RFC 4861 sections 6.1.1, 6.2.4 and 6.2.6, RFC 7084 section 4.3, RFC
// 4862 section 5.5.3. Pure.
#include "clock.h"
#include "lan.h"

#include <string.h>

#define INTERVAL_MIN_US (200 * US_PER_S)
#define INTERVAL_MAX_US (600 * US_PER_S)
#define INITIAL_INTERVAL_US (16 * US_PER_S)
#define INITIAL_N 3
#define DELAY_MAX_US (500 * US_PER_MS) // before an answer, MAX_RA_DELAY_TIME
#define BETWEEN_US (3 * US_PER_S) // MIN_DELAY_BETWEEN_RAS
#define WITHDRAW_S 7200 // hosts take no shorter lifetime from one who does not prove who he is
#define HOP_LIMIT 64
#define ROUTER_LIFETIME_MAX_S 65535 // RFC 8319
#define SOLICITATION 133
#define SOLICITATION_BYTES 8
#define OPTION_SOURCE_LINK_LAYER 1

static bool has_prefix(const struct ipc_lan_set *set, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < set->prefix_n; i++)
		if (inet_prefix_equal(&set->prefix[i], prefix))
			return true;
	return false;
}

static void withdraw(
	struct lan_ra *ra, const struct inet_prefix *prefix, uint32_t lifetime_s, uint64_t now_us)
{
	uint64_t valid_s = lifetime_s < WITHDRAW_S ? lifetime_s : WITHDRAW_S;

	if (ra->gone_n == LAN_GONE_MAX) { // the oldest has been told of for longest
		memmove(&ra->gone[0], &ra->gone[1], (LAN_GONE_MAX - 1) * sizeof(ra->gone[0]));
		ra->gone_n--;
	}
	ra->gone[ra->gone_n++] =
		(struct lan_gone){.prefix = *prefix, .until_us = now_us + valid_s * US_PER_S};
}

// Those that are over, and those that came back.
static void forget_gone(struct lan_ra *ra, uint64_t now_us)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ra->gone_n; i++)
		if (ra->gone[i].until_us > now_us && !has_prefix(&ra->set, &ra->gone[i].prefix))
			ra->gone[kept++] = ra->gone[i];
	ra->gone_n = kept;
}

void lan_ra_set(struct lan_ra *ra, const struct ipc_lan_set *set, uint64_t now_us)
{
	for (uint32_t i = 0; i < ra->set.prefix_n; i++)
		if (!has_prefix(set, &ra->set.prefix[i]))
			withdraw(ra, &ra->set.prefix[i], ra->set.lifetime_s, now_us);
	ra->set = *set;
	forget_gone(ra, now_us);
	ra->initial_left = INITIAL_N;
	ra->next_us = now_us;
	if (ra->sent_us != 0 && ra->next_us < ra->sent_us + BETWEEN_US)
		ra->next_us = ra->sent_us + BETWEEN_US;
}

static struct ra_prefix *put_prefix(struct ra *out, const struct inet_prefix *prefix)
{
	struct ra_prefix *p = &out->prefix[out->prefix_n++];

	*p = (struct ra_prefix){.prefix = *prefix, .on_link = true, .autonomous = true};
	return p;
}

size_t lan_ra_build(const struct lan_ra *ra, bool end, uint64_t now_us, uint8_t out[RA_BYTES_MAX])
{
	static_assert(IPC_LAN_PREFIXES + LAN_GONE_MAX <= RA_PREFIXES && IPC_HOSTIF_DNS <= RA_DNS);
	const struct ipc_lan_set *set = &ra->set;
	uint32_t lifetime_s = end ? 0 : set->lifetime_s;
	struct ra msg = {.hop_limit = HOP_LIMIT,
		.router_lifetime_s =
			(uint16_t)(lifetime_s < ROUTER_LIFETIME_MAX_S ? lifetime_s
								      : ROUTER_LIFETIME_MAX_S),
		.mtu = set->mtu,
		.mac = ra->mac,
		.dns_n = set->dns_n,
		.domain_n = set->domain[0] != '\0',
		.domain = {set->domain},
		.dns_lifetime_s = lifetime_s};

	// Without a prefix there is nothing to route to: no default router then.
	if (set->prefix_n == 0)
		msg.router_lifetime_s = 0;
	for (uint32_t i = 0; i < set->prefix_n; i++) {
		struct ra_prefix *p = put_prefix(&msg, &set->prefix[i]);

		p->valid_s = p->preferred_s = lifetime_s;
	}
	for (uint32_t i = 0; i < ra->gone_n; i++)
		if (!end && ra->gone[i].until_us > now_us)
			put_prefix(&msg, &ra->gone[i].prefix)->valid_s =
				(uint32_t)((ra->gone[i].until_us - now_us) / US_PER_S);
		else
			put_prefix(&msg, &ra->gone[i].prefix);
	memcpy(msg.dns, set->dns, sizeof(set->dns));
	return ra_write(&msg, out, RA_BYTES_MAX);
}

void lan_ra_sent(struct lan_ra *ra, uint32_t jitter, uint64_t now_us)
{
	uint64_t wait_us = INTERVAL_MIN_US + jitter % (INTERVAL_MAX_US - INTERVAL_MIN_US);

	if (ra->initial_left > 0 && --ra->initial_left > 0)
		wait_us = BETWEEN_US + jitter % (INITIAL_INTERVAL_US - BETWEEN_US);
	ra->sent_us = now_us;
	ra->next_us = now_us + wait_us;
	forget_gone(ra, now_us);
}

void lan_ra_solicited(struct lan_ra *ra, uint32_t jitter, uint64_t now_us)
{
	uint64_t at_us = now_us + jitter % DELAY_MAX_US;

	if (ra->sent_us != 0 && at_us < ra->sent_us + BETWEEN_US)
		at_us = ra->sent_us + BETWEEN_US;
	if (at_us < ra->next_us)
		ra->next_us = at_us;
}

bool lan_rs_good(const uint8_t *icmp, size_t len, int hop_limit, const struct inet_addr *src)
{
	if (hop_limit != 255 || len < SOLICITATION_BYTES || icmp[0] != SOLICITATION || icmp[1] != 0)
		return false;
	for (size_t at = SOLICITATION_BYTES, step = 0; at < len; at += step) {
		step = len - at < 2 ? 0 : (size_t)icmp[at + 1] * 8;
		if (step == 0 || step > len - at)
			return false;
		if (icmp[at] == OPTION_SOURCE_LINK_LAYER && inet_addr_is_unspecified(src))
			return false;
	}
	return true;
}
