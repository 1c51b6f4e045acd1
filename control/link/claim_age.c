// SPDX-License-Identifier: BSD-3-Clause
// Claims grow old: a host that changes its privacy addresses (RFC 8981) never says which ones it gave
// up. Nothing is periodic (L3); only when a link's claims come near their limit, and because of a
// claim, the gateway asks for the older ones as neighbour unreachability detection would (RFC 4861
// sections 7.2.2 and 7.3), one after the other. An advertisement keeps a claim, silence gives it up.
// Control's thread.
#include "axis.h"
#include "inner.h"
#include "log.h"

#include <string.h>

LOG_TYPE("link");

#define ROUND_US (600 * US_PER_S) // from one round to the next
#define ROUND_FULL_US (10 * US_PER_S) // when the next claim would be refused, or was
#define OLD_US (5 * US_PER_S) // heard of since: need not be asked for; may still be tentative
#define ASKS 3 // MAX_UNICAST_SOLICIT
#define ASK_US US_PER_S // RETRANS_TIMER
#define PACE_US (US_PER_S / 50) // from one claim to the next
#define SOLICITATION 135
#define SOLICITATION_BYTES 24

static bool in_round(const struct claim *claim)
{
	return claim->next_us != CLOCK_NEVER;
}

// The claim of extra number `at`, NULL: it is something else.
static struct claim *claim_of(
	const struct link_table *table, const struct link_entry *entry, uint32_t at)
{
	const struct link_extra *extra = &entry->link.extra[at];

	return extra->kind == LINK_EXTRA_CLAIM ? claim_find(table, &extra->prefix.addr) : NULL;
}

static void out_of_round(struct claim *claim)
{
	claim->next_us = CLOCK_NEVER;
	claim->asked = 0;
	claim->unsent = false;
}

static void set_timer(struct link_table *table, struct link_entry *entry)
{
	uint64_t first = CLOCK_NEVER;

	for (uint32_t i = 0; i < entry->link.extra_n; i++) {
		const struct claim *claim = claim_of(table, entry, i);

		if (claim != NULL && claim->next_us < first)
			first = claim->next_us;
	}
	if (first != CLOCK_NEVER || entry->asking.place != 0)
		timer_set(&table->asking, &entry->asking, first);
}

static void leave_outbox(struct link_table *table, struct link_entry *entry)
{
	if (entry->in_outbox)
		TAILQ_REMOVE(&table->outbox, entry, outbox);
	entry->in_outbox = false;
}

void claim_age_end(struct link_table *table, struct link_entry *entry)
{
	for (uint32_t i = 0; i < entry->link.extra_n; i++) {
		struct claim *claim = claim_of(table, entry, i);

		if (claim != NULL)
			out_of_round(claim);
	}
	set_timer(table, entry);
	leave_outbox(table, entry);
}

void claim_age_heard(struct link_table *table, struct claim *claim, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, claim->link);

	claim->heard_us = now_us;
	if (!in_round(claim))
		return;
	out_of_round(claim);
	if (entry != NULL)
		set_timer(table, entry);
}

// RFC 4861 section 7.2.5: what it was asked for, and by nobody else than the link's own host.
bool link_claim_present(struct link_table *table, const struct link *link,
	const struct inet_addr *addr, uint64_t now_us)
{
	struct claim *claim = claim_find(table, addr);

	if (claim == NULL || claim->link != link->handle || claim->asked == 0)
		return false;
	claim_age_heard(table, claim, now_us);
	return true;
}

static bool round_is_due(const struct link_entry *entry, uint32_t n, uint64_t now_us)
{
	uint32_t max = entry->link.profile->addresses_max;
	uint64_t pause_us = n >= max ? ROUND_FULL_US : ROUND_US;

	return n * 4 >= max * 3 && entry->asking.place == 0 &&
		(entry->round_us == 0 || now_us - entry->round_us >= pause_us);
}

void claim_age_claimed(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	uint64_t at_us = now_us;
	uint32_t n = 0;

	// Where IKEv2 gives the addresses it takes them, too: they are in selectors (P5).
	if (axis_addresses(entry->link.profile)->solicited == NULL)
		return;
	for (uint32_t i = 0; i < entry->link.extra_n; i++)
		n += entry->link.extra[i].kind == LINK_EXTRA_CLAIM;
	if (!round_is_due(entry, n, now_us) ||
		timer_heap_reserve(&table->asking, table->by_handle.n) != 0)
		return;
	for (uint32_t i = 0; i < entry->link.extra_n; i++) {
		struct claim *claim = claim_of(table, entry, i);

		if (claim == NULL || now_us - claim->heard_us < OLD_US)
			continue;
		claim->next_us = at_us;
		at_us += PACE_US;
	}
	if (at_us == now_us)
		return; // all are young
	entry->round_us = now_us;
	set_timer(table, entry);
}

static void silent(struct link_table *table, struct link_entry *entry, const struct claim *claim)
{
	struct inet_addr addr = claim->addr;
	char text[INET_ADDR_STRLEN];

	LOG(INFO, "%lu: %s answers no more and is given up", entry->link.handle,
		inet_addr_format(&addr, text));
	link_unclaim(table, entry->link.handle, &addr);
}

// The next question, or the end of waiting. false: the link cannot be asked at all.
static bool next_step(
	struct link_table *table, struct link_entry *entry, struct claim *claim, uint64_t now_us)
{
	if (claim->unsent || entry->link.state == LINK_GRACE)
		return false;
	if (claim->asked == ASKS) {
		silent(table, entry, claim);
		return true;
	}
	claim->asked++;
	claim->unsent = true;
	claim->next_us = now_us + ASK_US;
	if (!entry->in_outbox)
		TAILQ_INSERT_TAIL(&table->outbox, entry, outbox);
	entry->in_outbox = true;
	return true;
}

static void one_link(struct link_table *table, struct link_entry *entry, uint64_t now_us)
{
	for (uint32_t i = entry->link.extra_n; i-- > 0;) {
		struct claim *claim = claim_of(table, entry, i);

		if (claim == NULL || claim->next_us > now_us)
			continue;
		if (!next_step(table, entry, claim, now_us)) {
			claim_age_end(table, entry);
			return;
		}
	}
	set_timer(table, entry);
}

void claim_age_timeout(struct link_table *table, uint64_t now_us)
{
	struct timer *first = NULL;

	while ((first = timer_first(&table->asking)) != NULL && first->when_us <= now_us)
		one_link(table, CONTAINER_OF(first, struct link_entry, asking), now_us);
}

void link_probe_stop(struct link_table *table, uint64_t link)
{
	struct link_entry *entry = link_index_find(table, link);

	if (entry != NULL)
		claim_age_end(table, entry);
}

// --> NS { target: the claimed address }, from the gateway's address, to the target
static size_t write_solicitation(
	const struct link *link, const struct inet_addr *target, uint8_t *out, size_t max)
{
	struct inet_addr from = inet_addr_link_local(link->gateway_iid);
	uint8_t icmp[SOLICITATION_BYTES] = {SOLICITATION};

	memcpy(icmp + 8, target->bytes, 16);
	return inner_write_icmp6(out, max, &from, target, 255, icmp, sizeof(icmp));
}

bool link_probe_take(
	struct link_table *table, uint64_t *link, uint8_t *out, size_t max, size_t *len)
{
	struct link_entry *entry = NULL;

	while ((entry = TAILQ_FIRST(&table->outbox)) != NULL) {
		for (uint32_t i = 0; i < entry->link.extra_n; i++) {
			struct claim *claim = claim_of(table, entry, i);

			if (claim == NULL || !claim->unsent)
				continue;
			claim->unsent = false;
			*link = entry->link.handle;
			*len = write_solicitation(&entry->link, &claim->addr, out, max);
			return true;
		}
		leave_outbox(table, entry);
	}
	return false;
}
