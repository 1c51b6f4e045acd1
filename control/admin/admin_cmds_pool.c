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
};

static bool show_pool(void *arg, const struct control_pool *pool)
{
	uint64_t taken = pool->live + pool->reserved;
	char prefix[INET_PREFIX_STRLEN];
	struct pool_show *show = arg;
	struct admin_row row;

	if (show->wanted && strcmp(pool->name, show->wanted))
		return true;
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "pool", pool->name);
	admin_row_text(&row, "prefix", inet_prefix_format(&pool->prefix, prefix));
	admin_row_count(&row, "lease_len", pool->lease_len);
	admin_row_text(&row, "assign", pool->assign == CONFIG_ASSIGN_STABLE ? "stable" : "random");
	admin_row_count(&row, "size", pool->size);
	admin_row_count(&row, "live", pool->live);
	admin_row_count(&row, "reserved", pool->reserved);
	admin_row_count(&row, "free", pool->size > taken ? pool->size - taken : 0);
	return admin_row_send(&row);
}

static void end(struct admin_call *call, const struct pool_show *show)
{
	if (show->wanted && !show->shown)
		admin_fail(call, ENOENT, "no pool is called \"%s\"", show->wanted);
	else
		admin_done(call);
}

void cmds_pool_show(struct admin_call *call)
{
	struct pool_show show = {.call = call, .wanted = admin_arg(call, 0)};

	control_pools(admin_control(call), show_pool, &show);
	end(call, &show);
}

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

void cmds_lease_show(struct admin_call *call)
{
	struct pool_show show = {
		.call = call, .wanted = admin_arg(call, 0), .now_s = (uint64_t)time(NULL)};

	control_leases(admin_control(call), show_lease, &show);
	// An empty pool is no error, a pool that is not there is.
	if (show.wanted)
		control_pools(admin_control(call), pool_exists, &show);
	end(call, &show);
}
