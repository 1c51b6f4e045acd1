// SPDX-License-Identifier: BSD-3-Clause
// `pool show` and `lease show`. Control's thread.
#include "admin_cmds.h"
#include "clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct pool_show {
	struct admin_call *call;
	const char *wanted; // NULL: all
	uint64_t now_s; // since 1970
	uint32_t shown;
	uint32_t cursor;
	bool shared; // some pool is: its addresses have to be counted
	uint32_t at;
	uint64_t claims[64]; // of each pool, in the order of control_pools()
	uint32_t pool_n;
	struct inet_prefix prefix[64]; // of shared pools, family 0: not shared
};

// The state of a listing, NULL: the call has failed.
static struct pool_show *show_new(struct admin_call *call)
{
	struct pool_show *show = admin_state(call, sizeof(*show));

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return NULL;
	}
	show->call = call;
	show->wanted = admin_arg(call, 0);
	show->now_s = (uint64_t)time(NULL);
	return show;
}

static bool end(struct admin_call *call, const struct pool_show *show)
{
	if (show->wanted && !show->shown)
		admin_fail(call, ENOENT, "no pool is called \"%s\"", show->wanted);
	else
		admin_done(call);
	return false;
}

// ---- pools ----

static bool show_pool(void *arg, const struct control_pool *pool)
{
	uint64_t taken = pool->live + pool->reserved, live = pool->live;
	char prefix[INET_PREFIX_STRLEN];
	struct pool_show *show = arg;
	struct admin_row row;
	uint32_t at = show->at++;

	if (show->wanted && strcmp(pool->name, show->wanted))
		return true;
	if (pool->shared && at < show->pool_n)
		live = show->claims[at];
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "pool", pool->name);
	admin_row_text(&row, "prefix", inet_prefix_format(&pool->prefix, prefix));
	admin_row_count(&row, "lease_len", pool->lease_len);
	admin_row_text(&row, "assign",
		pool->shared				       ? "shared"
			: pool->assign == CONFIG_ASSIGN_STABLE ? "stable"
							       : "random");
	admin_row_count(&row, "live", live);
	if (!pool->shared) {
		admin_row_count(&row, "size", pool->size);
		admin_row_count(&row, "reserved", pool->reserved);
		admin_row_count(&row, "free", pool->size > taken ? pool->size - taken : 0);
		admin_row_count(&row, "static", pool->static_n);
	}
	return admin_row_send(&row);
}

// Nothing of a shared pool is leased: what of it is in use stands with the links.
static bool count_claims(void *arg, const struct control_link *link)
{
	struct pool_show *show = arg;

	for (uint32_t i = 0; i < show->pool_n; i++)
		for (uint32_t k = 0; show->prefix[i].addr.family && k < link->claimed_n; k++)
			show->claims[i] +=
				inet_prefix_contains(&show->prefix[i], &link->claimed[k]);
	return true;
}

static bool note_pool(void *arg, const struct control_pool *pool)
{
	struct pool_show *show = arg;

	if (show->pool_n == 64)
		return false;
	if (pool->shared && (!show->wanted || !strcmp(pool->name, show->wanted))) {
		show->prefix[show->pool_n] = pool->prefix;
		show->shared = true;
	}
	show->pool_n++;
	return true;
}

static bool show_pools(struct admin_call *call)
{
	struct pool_show *show = admin_state_get(call);

	if (show->shared &&
		control_links(admin_control(call), &show->cursor, CMDS_TURN, count_claims, show))
		return true;
	control_pools(admin_control(call), show_pool, show);
	return end(call, show);
}

void cmds_pool_show(struct admin_call *call)
{
	struct pool_show *show = show_new(call);

	if (!show)
		return;
	control_pools(admin_control(call), note_pool, show);
	if (show->shared)
		admin_turns(call, show_pools);
	else
		show_pools(call);
}

// ---- leases ----

static bool show_lease(void *arg, const struct control_lease *lease)
{
	const struct inet_prefix *prefix = &lease->prefix;
	struct pool_show *show = arg;
	char text[INET_PREFIX_STRLEN], name[SA_NAME_LEN];
	struct admin_row row;

	if (show->wanted && strcmp(lease->pool, show->wanted))
		return true;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "pool", lease->pool);
	if (prefix->len == inet_addr_bits(prefix->addr.family))
		row_addr(&row, "prefix", &prefix->addr);
	else
		admin_row_text(&row, "prefix", inet_prefix_format(prefix, text));
	row_identity(&row, "identity", &lease->identity);
	admin_row_count(&row, "host", lease->ordinal);
	admin_row_count(&row, "nth", lease->nth);
	admin_row_text(&row, "role", lease->role);
	admin_row_bool(&row, "static", lease->is_static);
	admin_row_bool(&row, "leaving", lease->leaving);
	if (lease->link)
		admin_row_text(&row, "link", link_name(lease->link, name));
	admin_row_us(&row, "since_s",
		(show->now_s > lease->used_s ? show->now_s - lease->used_s : 0) * US_PER_S);
	return admin_row_send(&row);
}

static bool pool_exists(void *arg, const struct control_pool *pool)
{
	struct pool_show *show = arg;

	show->shown += !strcmp(pool->name, show->wanted);
	return true;
}

static bool show_leases(struct admin_call *call)
{
	struct pool_show *show = admin_state_get(call);

	if (control_leases(admin_control(call), &show->cursor, CMDS_TURN, show_lease, show))
		return true;
	// An empty pool is no error, a pool that is not there is.
	if (show->wanted)
		control_pools(admin_control(call), pool_exists, show);
	return end(call, show);
}

void cmds_lease_show(struct admin_call *call)
{
	if (show_new(call))
		admin_turns(call, show_leases);
}
