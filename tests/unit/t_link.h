// SPDX-License-Identifier: BSD-3-Clause
// A link table over a store in memory, with the configuration of t_link_setup.h, and who asks it: what
// the tests of links share.
#pragma once

#include "clock.h"
#include "link.h"
#include "t_link_setup.h"

static struct link_config *c;
static struct store *store;
static struct link_table *table;
static struct config_id alice, bob;
static uint64_t now_us;
static int ups, graces, downs;
static uint64_t last_down;

static const uint8_t iid_a[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t iid_b[8] = {0x02, 9, 9, 9, 9, 9, 9, 9};

static inline void test_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static inline void on_up(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_int_eq(link->state, LINK_UP);
	ups++;
}

static inline void on_grace(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_int_eq(link->state, LINK_GRACE);
	graces++;
}

static inline void on_down(void *arg, const struct link *link)
{
	(void)arg;
	ck_assert_uint_eq(link->ike_sa_n, 0);
	for (uint32_t i = 0; i < link->lease_n; i++) // still its own
		ck_assert_uint_eq(link->lease[i]->link, link->handle);
	last_down = link->handle;
	downs++;
}

static const struct link_events events = {.up = on_up, .grace = on_grace, .down = on_down};

static inline void open_table(void)
{
	struct link_setup setup = {.config = &c->config,
		.store = store,
		.random = test_random,
		.events = &events,
		.now_us = now_us,
		.wall_s = 1700000000 + now_us / US_PER_S};

	table = link_table_new(&setup);
	ck_assert_ptr_nonnull(table);
}

static inline void setup(void)
{
	srandom(3);
	c = link_config_new();
	store = store_open(NULL);
	now_us = 1000 * US_PER_S;
	ups = graces = downs = 0;
	open_table();
	alice = link_config_id("alice@example.org");
	bob = link_config_id("bob@example.org");
}

static inline void teardown(void)
{
	link_table_free(table);
	store_close(store);
	free(c);
}

static inline void restart(void)
{
	link_table_free(table);
	open_table();
}

static inline struct cp_attrs ask_link(const uint8_t iid[8])
{
	struct cp_attrs cp = {.type = CP_REQUEST,
		.link = true,
		.ip6_n = 1, // L15: the graceful fallback
		.ip4_n = 1,
		.want_dns4 = true,
		.want_dns6 = true,
		.want_dhcp6 = true,
		.want_domain = true};

	memcpy(cp.link_iid, iid, 8);
	return cp;
}

static inline struct cp_attrs ask_plain(const char *ip4)
{
	struct cp_attrs cp = {.type = CP_REQUEST, .ip6_n = 1, .ip4_n = 1, .want_dns4 = true};

	if (ip4 != NULL)
		ck_assert_int_eq(inet_addr_parse(ip4, &cp.ip4[0]), 0);
	return cp;
}

static inline enum ike_link_outcome attach(const struct config_id *id, const struct cp_attrs *cp,
	uint64_t ike_sa, struct ike_link_reply *reply)
{
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = id, .asked = cp, .ike_sa = ike_sa};

	return link_attach(table, &request, reply, now_us);
}

static inline bool list_has(const struct ts_list *list, const char *prefix)
{
	struct inet_prefix p;
	struct ts ts;

	ck_assert_int_eq(inet_prefix_parse(prefix, &p), 0);
	ts = ts_from_prefix(&p);
	for (uint32_t i = 0; i < list->n; i++)
		if (ts_equal(&list->ts[i], &ts))
			return true;
	return false;
}
