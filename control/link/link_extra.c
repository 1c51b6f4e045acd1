// SPDX-License-Identifier: BSD-3-Clause
// What a link has beside leases of our pools: claimed addresses of shared prefixes (claim.c), and
// what a DHCPv6 server behind our relay gave, with its end. Memory and store together. Control's
// thread.
#include "link_table.h"
#include "log.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("link");

// Relayed prefixes of all links. They never overlap, so "overlapping" is as good as "equal" to the
// tree, and to look for a prefix finds whatever is in its way.
struct relayed {
	struct inet_prefix prefix;
	uint64_t link;
};

static bool overlaps(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return inet_prefix_covers(a, b) || inet_prefix_covers(b, a);
}

static int compare_relayed(const void *a, const void *b)
{
	const struct relayed *left = a, *right = b;

	if (overlaps(&left->prefix, &right->prefix))
		return 0;
	return inet_addr_compare(&left->prefix.addr, &right->prefix.addr);
}

static int relayed_note(struct link_table *table, const struct inet_prefix *prefix, uint64_t link)
{
	struct relayed *relayed = malloc(sizeof(*relayed));
	struct relayed **found = NULL;

	if (relayed == NULL)
		return -ENOMEM;
	*relayed = (struct relayed){*prefix, link};
	found = tsearch(relayed, &table->relayed, compare_relayed);
	if (found != NULL && *found == relayed)
		return 0;
	free(relayed);
	return found == NULL ? -ENOMEM : -EADDRINUSE;
}

static void relayed_forget(struct link_table *table, const struct inet_prefix *prefix)
{
	struct relayed key = {.prefix = *prefix};
	struct relayed **found = tfind(&key, &table->relayed, compare_relayed);
	struct relayed *relayed = found != NULL ? *found : NULL;

	if (relayed == NULL)
		return;
	tdelete(&key, &table->relayed, compare_relayed);
	free(relayed);
}

// ---- the list of one link ----

uint32_t link_extra_at(
	const struct link *link, const struct inet_prefix *prefix, enum link_extra_kind kind)
{
	uint32_t at = 0;

	while (at < link->extra_n &&
		(link->extra[at].kind != kind ||
			!inet_prefix_equal(&link->extra[at].prefix, prefix)))
		at++;
	return at;
}

static void set_expiry(struct link_table *table, struct link_entry *entry)
{
	uint64_t first = CLOCK_NEVER;

	for (uint32_t i = 0; i < entry->link.extra_n; i++)
		if (entry->link.extra[i].until_us < first)
			first = entry->link.extra[i].until_us;
	if (first != CLOCK_NEVER || entry->expiry.place != 0)
		timer_set(&table->expiry, &entry->expiry, first);
}

static int append(
	struct link_table *table, struct link_entry *entry, const struct link_extra *extra)
{
	struct link *link = &entry->link;
	struct link_extra *more = NULL;

	if (timer_heap_reserve(&table->expiry, table->by_handle.n) != 0)
		return -ENOMEM;
	more = realloc(link->extra, (link->extra_n + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	link->extra = more;
	link->extra[link->extra_n++] = *extra;
	return 0;
}

static void take_from_list(struct link_table *table, struct link_entry *entry, uint32_t at)
{
	struct link *link = &entry->link;
	const struct link_extra *extra = &link->extra[at];

	if (extra->kind == LINK_EXTRA_CLAIM)
		claim_forget(table, &extra->prefix.addr);
	else
		relayed_forget(table, &extra->prefix);
	memmove(&link->extra[at], &link->extra[at + 1], (link->extra_n - at - 1) * sizeof(*extra));
	link->extra_n--;
	set_expiry(table, entry);
}

static uint64_t until_s(const struct link_table *table, uint64_t until_us, uint64_t now_us)
{
	if (until_us == CLOCK_NEVER)
		return UINT64_MAX;
	return link_wall_s(table, until_us > now_us ? until_us : now_us);
}

int link_extra_put(struct link_table *table, struct link_entry *entry,
	const struct link_extra *extra, uint32_t max, uint64_t now_us)
{
	struct link *link = &entry->link;
	struct store_extra row = {.link = link->handle,
		.prefix = extra->prefix,
		.kind = extra->kind,
		.until_s = until_s(table, extra->until_us, now_us)};
	uint32_t at = link_extra_at(link, &extra->prefix, extra->kind), n = 0;
	bool is_new = at == link->extra_n;

	for (uint32_t i = 0; i < link->extra_n; i++)
		n += link->extra[i].kind == extra->kind;
	if (is_new && n >= max)
		return -EDQUOT;
	if (store_put_extra(table->setup.store, &row) != 0)
		return -EIO;
	if (is_new && append(table, entry, extra) != 0) {
		store_del_extra(table->setup.store, link->handle, &extra->prefix);
		return -ENOMEM;
	}
	link->extra[at].until_us = extra->until_us;
	set_expiry(table, entry);
	return 0;
}

int link_extra_del(struct link_table *table, struct link_entry *entry, uint32_t at)
{
	struct inet_prefix prefix = entry->link.extra[at].prefix;

	take_from_list(table, entry, at);
	return store_del_extra(table->setup.store, entry->link.handle, &prefix);
}

void link_extras_end(struct link_table *table, struct link_entry *entry)
{
	struct link *link = &entry->link;

	claim_age_end(table, entry);
	while (link->extra_n > 0) {
		struct inet_prefix prefix = link->extra[link->extra_n - 1].prefix;

		link_prefix_leaving(table, link, &prefix, NULL);
		take_from_list(table, entry, link->extra_n - 1);
	}
}

void link_extras_timeout(struct link_table *table, uint64_t now_us)
{
	struct timer *first = NULL;

	while ((first = timer_first(&table->expiry)) != NULL && first->when_us <= now_us) {
		struct link_entry *entry = CONTAINER_OF(first, struct link_entry, expiry);
		struct inet_prefix prefix;
		uint32_t at = 0;

		while (entry->link.extra[at].until_us > first->when_us)
			at++;
		prefix = entry->link.extra[at].prefix;
		link_prefix_leaving(table, &entry->link, &prefix, NULL);
		link_extra_del(table, entry, at);
	}
}

void link_extras_fini(struct link_table *table)
{
	claim_fini(table);
	tdestroy(table->relayed, free);
	timer_heap_fini(&table->expiry);
	timer_heap_fini(&table->asking);
}

// ---- relayed ----

// Nothing that others have: pools are given out by ourselves, the ports' networks are on link there.
static bool may_be_relayed(const struct link_table *table, const struct inet_prefix *prefix)
{
	const struct config *config = table->setup.config;

	if (prefix->addr.family != AF_INET6 || prefix->len == 0 ||
		inet_addr_is_multicast(&prefix->addr) || inet_addr_is_link_local(&prefix->addr) ||
		inet_addr_is_unspecified(&prefix->addr))
		return false;
	for (uint32_t i = 0; i < config->pool_n; i++)
		if (overlaps(&config->pool[i].prefix, prefix))
			return false;
	for (uint32_t i = 0; i < config->dataplane.port_n; i++)
		for (uint32_t k = 0; k < config->dataplane.port[i].addr_n; k++) {
			struct inet_prefix net = {.addr = config->dataplane.port[i].addr[k].addr,
				.len = config->dataplane.port[i].addr[k].len};

			inet_prefix_normalize(&net);
			if (overlaps(&net, prefix))
				return false;
		}
	return true;
}

int link_relayed_add(struct link_table *table, uint64_t link, const struct inet_prefix *prefix,
	uint64_t until_us, uint64_t now_us)
{
	struct link_entry *entry = link_index_find(table, link);
	struct link_extra extra = {*prefix, LINK_EXTRA_RELAYED, until_us};
	int error = 0;

	if (entry == NULL)
		return -ENOENT;
	if (link_extra_at(&entry->link, prefix, LINK_EXTRA_RELAYED) < entry->link.extra_n)
		return link_extra_put(table, entry, &extra, LINK_RELAYED, now_us);
	if (!may_be_relayed(table, prefix))
		return -EADDRINUSE;
	error = relayed_note(table, prefix, link);
	if (error != 0)
		return error;
	error = link_extra_put(table, entry, &extra, LINK_RELAYED, now_us);
	if (error != 0) {
		relayed_forget(table, prefix);
		return error;
	}
	link_prefix_added(table, &entry->link, &extra.prefix, NULL);
	return 0;
}

int link_relayed_del(struct link_table *table, uint64_t link, const struct inet_prefix *prefix)
{
	struct link_entry *entry = link_index_find(table, link);
	struct inet_prefix gone = *prefix;
	uint32_t at = 0;

	if (entry == NULL)
		return -ENOENT;
	at = link_extra_at(&entry->link, &gone, LINK_EXTRA_RELAYED);
	if (at == entry->link.extra_n)
		return -ENOENT;
	link_prefix_leaving(table, &entry->link, &gone, NULL);
	return link_extra_del(table, entry, at);
}

uint64_t link_relayed_to(const struct link_table *table, const struct inet_prefix *prefix)
{
	struct relayed key = {.prefix = *prefix};
	struct relayed *const *found = tfind(&key, &table->relayed, compare_relayed);

	return found != NULL ? (*found)->link : 0;
}

void link_relayed_check(struct link_table *table, struct link_entry *entry)
{
	for (uint32_t i = entry->link.extra_n; i-- > 0;) {
		struct inet_prefix prefix = entry->link.extra[i].prefix;

		if (entry->link.extra[i].kind != LINK_EXTRA_RELAYED ||
			may_be_relayed(table, &prefix))
			continue;
		link_prefix_leaving(table, &entry->link, &prefix, NULL);
		link_extra_del(table, entry, i);
	}
}

// ---- from the store ----

#define LOST_MAX 256

struct load {
	struct link_table *table;
	struct store_extra lost[LOST_MAX]; // rows to take out; more go at the next start
	uint32_t lost_n;
	int error;
};

// 0: it is there again; -ENOMEM; else it does not fit the configuration any more.
static int resume(struct link_table *table, const struct store_extra *row)
{
	struct link_entry *entry = link_index_find(table, row->link);
	struct link_extra extra = {
		row->prefix, (enum link_extra_kind)row->kind, link_mono_us(table, row->until_s)};
	int error = -ENOENT;

	if (entry == NULL || row->until_s <= table->setup.wall_s)
		return -ENOENT;
	if (row->kind == LINK_EXTRA_CLAIM && row->prefix.len == 128 &&
		link_shared_pool(&entry->link, &row->prefix.addr) != NULL)
		error = claim_note(table, &row->prefix.addr, row->link, table->setup.now_us);
	else if (row->kind == LINK_EXTRA_RELAYED && may_be_relayed(table, &row->prefix))
		error = relayed_note(table, &row->prefix, row->link);
	if (error != 0)
		return error;
	error = append(table, entry, &extra);
	if (error == 0)
		set_expiry(table, entry);
	else if (row->kind == LINK_EXTRA_CLAIM)
		claim_forget(table, &row->prefix.addr);
	else
		relayed_forget(table, &row->prefix);
	return error;
}

static bool load_extra(void *arg, const struct store_extra *row)
{
	struct load *load = arg;
	int error = resume(load->table, row);

	if (error == -ENOMEM)
		load->error = error;
	else if (error != 0 && load->lost_n < LOST_MAX)
		load->lost[load->lost_n++] = *row;
	return load->error == 0;
}

int link_extras_load(struct link_table *table)
{
	struct load *load = calloc(1, sizeof(*load));
	int error = -ENOMEM;

	if (load == NULL)
		return error;
	load->table = table;
	error = store_each_extra(table->setup.store, load_extra, load);
	for (uint32_t i = 0; i < load->lost_n; i++)
		store_del_extra(table->setup.store, load->lost[i].link, &load->lost[i].prefix);
	if (load->lost_n > 0)
		LOG(NOTICE, "%u claimed or relayed addresses are gone: nothing has them any more",
			load->lost_n);
	error = error != 0 ? error : load->error;
	free(load);
	return error;
}
