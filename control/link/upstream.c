// SPDX-License-Identifier: BSD-3-Clause
// One entry for each group that is wanted, or of which upstream still has to hear that it is not. An
// entry lies in up to one of two queues of changes (those to be told now, those to be told again),
// in the queue of answers, and in the heap of delayed answers. Pure. Control's thread.
#include "clock.h"
#include "igmp_msg.h"
#include "mld_msg.h"
#include "upstream_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROBUSTNESS 2 // RFC 3810 section 9.1, until a querier says another
#define REPORT_INTERVAL_US US_PER_S // RFC 3810 section 9.11, RFC 3376 section 8.11
#define OLDER_QUERIER_US (ROBUSTNESS * 125 * US_PER_S) // 9.12, without the query's own delay
#define RECORDS_MAX 64 // of a packet

TAILQ_HEAD(wanted_queue, wanted);

struct upstream {
	uint8_t family;
	random_fn random;
	void *random_arg;
	struct inet_addr source;
	struct hash groups;
	struct wanted_queue now, again, answers;
	uint64_t again_us; // valid while `again` has any
	uint64_t general_us; // answer to a General Query, CLOCK_NEVER: none
	struct timer_heap delayed;
	uint32_t robustness;
	uint64_t older_until_us[3]; // a querier of this version was heard
};

// ---- small things ----

static uint32_t native(const struct upstream *up)
{
	return up->family == AF_INET6 ? 2 : 3;
}

uint32_t upstream_version(const struct upstream *up, uint64_t now_us)
{
	for (uint32_t version = 1; version < native(up); version++)
		if (now_us < up->older_until_us[version])
			return version;
	return native(up);
}

// Between zero and max_us.
static uint64_t delay(struct upstream *up, uint64_t max_us)
{
	uint64_t value = 0;

	up->random(up->random_arg, &value, sizeof(value));
	return value % (max_us + 1);
}

static uint64_t group_key(const struct upstream *up, const struct inet_addr *group)
{
	return hash_bytes(up->groups.secret, group, sizeof(*group));
}

static struct wanted *find(const struct upstream *up, const struct inet_addr *group)
{
	struct hash_node *node = hash_find(&up->groups, group_key(up, group));

	for (; node != NULL; node = hash_find_next(node)) {
		struct wanted *wanted = CONTAINER_OF(node, struct wanted, by_group);

		if (inet_addr_equal(&wanted->group, group))
			return wanted;
	}
	return NULL;
}

static void enqueue(struct upstream *up, struct wanted *wanted, enum queue queue)
{
	if (wanted->queue == QUEUE_NOW)
		TAILQ_REMOVE(&up->now, wanted, in_queue);
	else if (wanted->queue == QUEUE_AGAIN)
		TAILQ_REMOVE(&up->again, wanted, in_queue);
	wanted->queue = queue;
	if (queue == QUEUE_NOW)
		TAILQ_INSERT_TAIL(&up->now, wanted, in_queue);
	else if (queue == QUEUE_AGAIN)
		TAILQ_INSERT_TAIL(&up->again, wanted, in_queue);
}

static void set_answering(struct upstream *up, struct wanted *wanted, bool answering)
{
	if (wanted->answering == answering)
		return;
	wanted->answering = answering;
	if (answering)
		TAILQ_INSERT_TAIL(&up->answers, wanted, in_answers);
	else
		TAILQ_REMOVE(&up->answers, wanted, in_answers);
}

static void drop(struct upstream *up, struct wanted *wanted)
{
	enqueue(up, wanted, QUEUE_NONE);
	set_answering(up, wanted, false);
	timer_set(&up->delayed, &wanted->answer, CLOCK_NEVER);
	hash_del(&up->groups, &wanted->by_group);
	free(wanted);
}

struct upstream *upstream_new(uint8_t family, random_fn random, void *random_arg)
{
	struct upstream *up = calloc(1, sizeof(*up));
	uint64_t secret[2];

	if (up == NULL)
		return NULL;
	up->family = family;
	up->random = random;
	up->random_arg = random_arg;
	up->source.family = family;
	up->robustness = ROBUSTNESS;
	up->general_us = CLOCK_NEVER;
	TAILQ_INIT(&up->now);
	TAILQ_INIT(&up->again);
	TAILQ_INIT(&up->answers);
	timer_heap_init(&up->delayed);
	random(random_arg, secret, sizeof(secret));
	if (hash_init(&up->groups, secret) != 0) {
		free(up);
		errno = ENOMEM;
		return NULL;
	}
	return up;
}

static bool drop_each(void *arg, struct hash_node *node)
{
	drop(arg, CONTAINER_OF(node, struct wanted, by_group));
	return true;
}

void upstream_free(struct upstream *up)
{
	if (up == NULL)
		return;
	hash_each(&up->groups, drop_each, up);
	hash_fini(&up->groups);
	timer_heap_fini(&up->delayed);
	free(up);
}

void upstream_source(struct upstream *up, const struct inet_addr *addr)
{
	up->source = addr->family == up->family ? *addr : (struct inet_addr){.family = up->family};
}

// ---- changes ----

// A change of the filter as a whole tells all that single sources would.
static void mark_mode(struct upstream *up, struct wanted *wanted)
{
	wanted->mode_left = up->robustness;
	wanted->change_n = 0;
}

// It counts from here on, also when it was told before. false: there are too many.
static bool mark_source(struct upstream *up, struct wanted *wanted, const struct inet_addr *source)
{
	uint32_t i = 0;

	while (i < wanted->change_n && !inet_addr_equal(&wanted->change[i], source))
		i++;
	if (i == CHANGES)
		return false;
	wanted->change[i] = *source;
	wanted->change_left[i] = up->robustness;
	if (i == wanted->change_n)
		wanted->change_n++;
	return true;
}

static void mark_changes(struct upstream *up, struct wanted *wanted, const struct source_filter *to)
{
	const struct source_filter *from = &wanted->filter;
	bool fits = true;

	if (from->include != to->include || wanted->mode_left > 0) {
		mark_mode(up, wanted);
		return;
	}
	for (uint32_t i = 0; i < from->source_n; i++)
		if (!source_filter_has(to, &from->source[i]))
			fits = fits && mark_source(up, wanted, &from->source[i]);
	for (uint32_t i = 0; i < to->source_n; i++)
		if (!source_filter_has(from, &to->source[i]))
			fits = fits && mark_source(up, wanted, &to->source[i]);
	if (!fits)
		mark_mode(up, wanted);
}

static struct wanted *new_wanted(struct upstream *up, const struct inet_addr *group)
{
	struct wanted *wanted = NULL;

	if (timer_heap_reserve(&up->delayed, up->groups.n + 1) != 0)
		return NULL;
	wanted = calloc(1, sizeof(*wanted));
	if (wanted == NULL)
		return NULL;
	wanted->group = *group;
	wanted->filter.include = true;
	hash_add(&up->groups, &wanted->by_group, group_key(up, group));
	return wanted;
}

int upstream_want(struct upstream *up, const struct inet_addr *group,
	const struct source_filter *filter, uint64_t now_us)
{
	static const struct source_filter none = {.include = true};
	const struct source_filter *to = filter != NULL ? filter : &none;
	struct wanted *wanted = find(up, group);
	bool joined = false;

	if (wanted == NULL && source_filter_none(to))
		return 0;
	if (wanted == NULL)
		wanted = new_wanted(up, group);
	if (wanted == NULL)
		return -ENOMEM;
	if (source_filter_equal(&wanted->filter, to))
		return 0;
	joined = source_filter_none(&wanted->filter) != source_filter_none(to);
	mark_changes(up, wanted, to);
	wanted->filter = *to;
	// Older versions know nothing of sources.
	if (joined || upstream_version(up, now_us) == native(up))
		enqueue(up, wanted, QUEUE_NOW);
	return 0;
}

// ---- queries ----

// A querier of an older version: everything that was to be sent in the other one goes. RFC 3810
// section 8.2.1, RFC 3376 section 7.2.1.
static void heard_version(struct upstream *up, const struct group_query *query, uint64_t now_us)
{
	uint32_t before = upstream_version(up, now_us);
	struct wanted *wanted = NULL, *next = NULL;

	if (query->version < native(up))
		up->older_until_us[query->version] =
			now_us + OLDER_QUERIER_US + query->max_response_us;
	if (upstream_version(up, now_us) == before)
		return;
	up->general_us = CLOCK_NEVER;
	for (wanted = TAILQ_FIRST(&up->answers); wanted != NULL; wanted = next) {
		next = TAILQ_NEXT(wanted, in_answers);
		set_answering(up, wanted, false);
	}
	for (wanted = TAILQ_FIRST(&up->again); wanted != NULL; wanted = next) {
		next = TAILQ_NEXT(wanted, in_queue);
		wanted->mode_left = wanted->change_n = 0;
		enqueue(up, wanted, QUEUE_NONE);
		if (source_filter_none(&wanted->filter))
			drop(up, wanted);
	}
}

static bool asks_more(const struct wanted *wanted, const struct inet_addr *source)
{
	for (uint32_t i = 0; i < wanted->asked_n; i++)
		if (inet_addr_equal(&wanted->asked[i], source))
			return false;
	return true;
}

// RFC 3810 section 6.2, rules 3 to 5.
static void merge_asked(struct wanted *wanted, const struct group_query *query, bool pending)
{
	if (!pending)
		wanted->asked_n = 0;
	else if (wanted->asked_n == 0)
		return; // the whole group is asked for already
	if (query->source_n == 0) {
		wanted->asked_n = 0;
		return;
	}
	for (uint32_t i = 0; i < query->source_n; i++) {
		if (!asks_more(wanted, &query->source[i]))
			continue;
		if (wanted->asked_n == GROUP_QUERY_SOURCES) {
			wanted->asked_n = 0;
			return;
		}
		wanted->asked[wanted->asked_n++] = query->source[i];
	}
}

static void answer_at(struct upstream *up, struct wanted *wanted, uint64_t when_us)
{
	if (wanted->answer.place == 0 || when_us < wanted->answer.when_us)
		timer_set(&up->delayed, &wanted->answer, when_us);
}

static void answer_group(struct upstream *up, struct wanted *wanted,
	const struct group_query *query, uint64_t when_us)
{
	merge_asked(wanted, query, wanted->answer.place != 0);
	answer_at(up, wanted, when_us);
}

struct older_query {
	struct upstream *up;
	const struct group_query *query;
	uint64_t now_us;
};

// In older versions each group is reported by itself.
static bool answer_older(void *arg, struct hash_node *node)
{
	const struct older_query *older = arg;
	struct wanted *wanted = CONTAINER_OF(node, struct wanted, by_group);

	if (!source_filter_none(&wanted->filter))
		answer_group(older->up, wanted, older->query,
			older->now_us + delay(older->up, older->query->max_response_us));
	return true;
}

void upstream_query(struct upstream *up, const struct group_query *query, uint64_t now_us)
{
	struct older_query older = {up, query, now_us};
	struct wanted *wanted = NULL;
	uint64_t when_us = 0;

	heard_version(up, query, now_us);
	if (query->robustness != 0)
		up->robustness = query->robustness;
	if (query->group.family == 0 && upstream_version(up, now_us) < native(up)) {
		hash_each(&up->groups, answer_older, &older);
		return;
	}
	when_us = now_us + delay(up, query->max_response_us);
	if (up->general_us <= when_us)
		return; // it tells everything
	if (query->group.family == 0) {
		up->general_us = when_us;
		return;
	}
	wanted = find(up, &query->group);
	if (wanted != NULL && !source_filter_none(&wanted->filter))
		answer_group(up, wanted, query, when_us);
}

void upstream_report(struct upstream *up, const struct inet_addr *group, uint64_t now_us)
{
	struct wanted *wanted = NULL;

	if (upstream_version(up, now_us) == native(up))
		return;
	wanted = find(up, group);
	if (wanted == NULL)
		return;
	timer_set(&up->delayed, &wanted->answer, CLOCK_NEVER);
	set_answering(up, wanted, false);
}

// ---- what is due ----

static bool answer_each(void *arg, struct hash_node *node)
{
	struct upstream *up = arg;
	struct wanted *wanted = CONTAINER_OF(node, struct wanted, by_group);

	if (source_filter_none(&wanted->filter))
		return true;
	timer_set(&up->delayed, &wanted->answer, CLOCK_NEVER);
	wanted->asked_n = 0;
	set_answering(up, wanted, true);
	return true;
}

static struct wanted *first_delayed(const struct upstream *up)
{
	struct timer *timer = timer_first(&up->delayed);

	return timer != NULL ? CONTAINER_OF(timer, struct wanted, answer) : NULL;
}

static void fall_due(struct upstream *up, uint64_t now_us)
{
	struct wanted *wanted = NULL;

	if (!TAILQ_EMPTY(&up->again) && up->again_us <= now_us)
		while ((wanted = TAILQ_FIRST(&up->again)) != NULL)
			enqueue(up, wanted, QUEUE_NOW);
	if (up->general_us <= now_us) {
		up->general_us = CLOCK_NEVER;
		hash_each(&up->groups, answer_each, up);
	}
	while ((wanted = first_delayed(up)) != NULL && wanted->answer.when_us <= now_us) {
		timer_set(&up->delayed, &wanted->answer, CLOCK_NEVER);
		set_answering(up, wanted, true);
	}
}

uint64_t upstream_next_us(const struct upstream *up)
{
	const struct wanted *delayed = first_delayed(up);
	uint64_t next_us = up->general_us;

	if (!TAILQ_EMPTY(&up->now) || !TAILQ_EMPTY(&up->answers))
		return 0;
	if (!TAILQ_EMPTY(&up->again) && up->again_us < next_us)
		next_us = up->again_us;
	if (delayed != NULL && delayed->answer.when_us < next_us)
		next_us = delayed->answer.when_us;
	return next_us;
}

// ---- packets ----

struct packet {
	struct group_record record[RECORDS_MAX];
	uint32_t n;
	size_t left; // bytes
};

// As many as one entry may add.
static bool has_room(const struct upstream *up, const struct packet *packet)
{
	size_t most = up->family == AF_INET6 ? 20 + 16 * GROUP_SOURCES : 8 + 4 * GROUP_SOURCES;

	return packet->n + 2 <= RECORDS_MAX && packet->left >= 2 * most;
}

static void count_bytes(const struct upstream *up, struct packet *packet, uint32_t n)
{
	size_t addr = up->family == AF_INET6 ? 16 : 4;

	for (; n > 0; n--, packet->n++)
		packet->left -= 4 + addr + addr * packet->record[packet->n].source_n;
}

// Told as often as it should be: again later, or never again.
static void told(struct upstream *up, struct wanted *wanted, uint64_t now_us)
{
	if (wanted->mode_left > 0 || wanted->change_n > 0) {
		if (TAILQ_EMPTY(&up->again))
			up->again_us = now_us + delay(up, REPORT_INTERVAL_US);
		enqueue(up, wanted, QUEUE_AGAIN);
		return;
	}
	enqueue(up, wanted, QUEUE_NONE);
	if (source_filter_none(&wanted->filter))
		drop(up, wanted);
}

static void collect(struct upstream *up, struct packet *packet, uint64_t now_us)
{
	struct wanted *wanted = NULL;

	while (has_room(up, packet) && (wanted = TAILQ_FIRST(&up->now)) != NULL) {
		count_bytes(
			up, packet, upstream_change_records(wanted, &packet->record[packet->n]));
		told(up, wanted, now_us);
	}
	// State and changes do not go together: RFC 3810 section 5.2.12.
	while (packet->n == 0 || packet->record[0].type <= GROUP_MODE_IS_EXCLUDE) {
		wanted = has_room(up, packet) ? TAILQ_FIRST(&up->answers) : NULL;
		if (wanted == NULL)
			break;
		set_answering(up, wanted, false);
		count_bytes(up, packet, upstream_answer_record(wanted, &packet->record[packet->n]));
	}
}

static size_t take_native(struct upstream *up, uint8_t *out, uint64_t now_us)
{
	struct packet packet = {
		.left = up->family == AF_INET6 ? MLD_PACKET_MAX - 56 : IGMP_PACKET_MAX - 32};

	while (packet.n == 0 && (!TAILQ_EMPTY(&up->now) || !TAILQ_EMPTY(&up->answers)))
		collect(up, &packet, now_us);
	if (packet.n == 0)
		return 0;
	if (up->family == AF_INET6)
		return mld_write_report(
			out, UPSTREAM_PACKET_MAX, &up->source, packet.record, packet.n);
	return igmp_write_report(out, UPSTREAM_PACKET_MAX, &up->source, packet.record, packet.n);
}

static size_t write_older(struct upstream *up, uint8_t *out, const struct inet_addr *group,
	uint32_t version, bool leave)
{
	if (up->family == AF_INET6)
		return mld_write_v1(out, UPSTREAM_PACKET_MAX, &up->source, group, leave);
	if (version == 1 && leave) // RFC 1112 knows none
		return 0;
	return igmp_write_old(out, UPSTREAM_PACKET_MAX, &up->source, group, version, leave);
}

// Reports are repeated, a done is not: RFC 2710 section 4.
static size_t older_change(
	struct upstream *up, struct wanted *wanted, uint8_t *out, uint32_t version, uint64_t now_us)
{
	bool leave = source_filter_none(&wanted->filter);
	size_t len = write_older(up, out, &wanted->group, version, leave);
	uint32_t left = 0;

	for (uint32_t i = 0; i < wanted->change_n; i++)
		if (wanted->change_left[i] > left)
			left = wanted->change_left[i];
	if (wanted->mode_left > left)
		left = wanted->mode_left;
	wanted->change_n = 0;
	wanted->mode_left = leave || left == 0 ? 0 : left - 1;
	told(up, wanted, now_us);
	return len;
}

static size_t take_older(struct upstream *up, uint8_t *out, uint32_t version, uint64_t now_us)
{
	struct wanted *wanted = NULL;
	size_t len = 0;

	while (len == 0 && (wanted = TAILQ_FIRST(&up->now)) != NULL)
		len = older_change(up, wanted, out, version, now_us);
	while (len == 0 && (wanted = TAILQ_FIRST(&up->answers)) != NULL) {
		set_answering(up, wanted, false);
		wanted->asked_n = 0;
		if (!source_filter_none(&wanted->filter))
			len = write_older(up, out, &wanted->group, version, false);
	}
	return len;
}

size_t upstream_take(struct upstream *up, uint8_t *out, uint64_t now_us)
{
	uint32_t version = upstream_version(up, now_us);

	fall_due(up, now_us);
	if (version < native(up))
		return take_older(up, out, version, now_us);
	return take_native(up, out, now_us);
}
