// SPDX-License-Identifier: BSD-3-Clause
// Thousands of random operations on links of every profile, with restarts of control in between: no
// address and no prefix ever belongs to two links (L20), the table and the store say the same, and
// what a link is told is what its filter lets pass. CAPONIER_LONG=1: more of them.
#include "log.h"
#include "t_link_profiles.h"

#include <errno.h>
#include <stdio.h>

#define IDENTITIES 6
#define OPERATIONS (getenv("CAPONIER_LONG") != NULL ? 6000 : 2000)

static uint64_t next_ike_sa;

struct collect {
	uint32_t n;
	const struct link *link[2000];
};

static bool collect_link(void *arg, const struct link *link)
{
	struct collect *all = arg;

	ck_assert_uint_lt(all->n, 2000);
	all->link[all->n++] = link;
	return true;
}

static struct collect *links(void)
{
	static struct collect all;

	all.n = 0;
	link_foreach(ptable, collect_link, &all);
	return &all;
}

static const struct link *any_link(void)
{
	struct collect *all = links();

	return all->n > 0 ? all->link[(uint32_t)random() % all->n] : NULL;
}

// Everything that one link has, as prefixes.
static uint32_t owned(const struct link *link, struct inet_prefix out[64])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < link->lease_n; i++)
		out[n++] = link->prefix[i];
	for (uint32_t i = 0; i < link->extra_n; i++)
		out[n++] = link->extra[i].prefix;
	return n;
}

static bool overlap(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return inet_prefix_covers(a, b) || inet_prefix_covers(b, a);
}

static void check_one(const struct link *link)
{
	struct inet_prefix ingress[40];
	uint32_t n = link_ingress(link, ingress, 40);
	struct ts_list remote, local;

	ck_assert_uint_le(n, 32); // what a command of the seam holds
	ck_assert_uint_le(link->extra_n, link->profile->addresses_max + LINK_RELAYED);
	ck_assert(link_policy(ptable, link->handle, &remote, &local));
	ck_assert_uint_lt(remote.n, TS_MAX);
	for (uint32_t i = 0; i < link->lease_n; i++)
		ck_assert_uint_eq(link->lease[i]->link, link->handle);
	for (uint32_t i = 0; i < link->extra_n; i++) {
		const struct link *owner = link_claimed_by(ptable, &link->extra[i].prefix.addr);
		struct ts ts = ts_from_prefix(&link->extra[i].prefix);

		if (link->extra[i].kind == LINK_EXTRA_CLAIM)
			ck_assert_ptr_eq(owner, link);
		ck_assert(ts_list_contains(&remote, &ts));
	}
	ck_assert((link->state == LINK_UP) == (link->ike_sa_n > 0));
}

static void check_invariant(void)
{
	struct collect *all = links();
	static struct inet_prefix mine[64], theirs[64];

	for (uint32_t a = 0; a < all->n; a++) {
		uint32_t n = owned(all->link[a], mine);

		check_one(all->link[a]);
		for (uint32_t b = a + 1; b < all->n; b++) {
			uint32_t m = owned(all->link[b], theirs);

			for (uint32_t i = 0; i < n; i++)
				for (uint32_t k = 0; k < m; k++)
					ck_assert(!overlap(&mine[i], &theirs[k]));
		}
	}
}

static void attach_some(void)
{
	const struct link *link = any_link();
	uint8_t iid[8] = {0x02, 0, 0, 0, 0, 0, 0, (uint8_t)(1 + random() % 3)};
	struct cp_attrs cp = profile_ask(iid);
	struct ike_link_reply reply;
	char name[32];

	snprintf(name, sizeof(name), "u%ld@example.org", random() % IDENTITIES);
	cp.link = random() % 4 != 0;
	cp.ip4_n = random() % 2 != 0;
	cp.ip6_n = random() % 2 != 0;
	if (random() % 2 == 0 && link != NULL) { // somebody's, perhaps one's own
		memcpy(cp.link_id, link->link_id, LINK_ID_BYTES);
		cp.link_id_len = LINK_ID_BYTES;
		if (link->lease_n > 0 && link->prefix[0].addr.family == AF_INET)
			cp.ip4[0] = link->prefix[0].addr;
	}
	profile_attach((int)(random() % PROFILES), name, random() % 8 == 0 ? NULL : &cp,
		++next_ike_sa, &reply);
}

static void detach_some(const struct link *link)
{
	if (link->ike_sa_n > 0)
		link_detach(ptable, link->handle, link->ike_sa[(uint32_t)random() % link->ike_sa_n],
			random() % 2 * link->ike_sa[0], pnow_us);
	else if (random() % 8 == 0)
		link_end(ptable, link->handle, pnow_us);
}

static void claim_some(const struct link *link)
{
	struct inet_addr addr =
		profile_addr(random() % 2 == 0 ? "2001:db8:3000::1:0" : "fd00:db8:3000::1:0");
	struct cp_attrs asked = {.type = CP_REQUEST, .address2_n = 1};
	struct ike_link_reply reply;

	addr.bytes[15] = (uint8_t)(random() % 64);
	asked.address2[0] = addr;
	if (random() % 4 == 0)
		link_unclaim(ptable, link->handle, &addr);
	else if (random() % 2 == 0)
		link_claim(ptable, link->handle, &addr, pnow_us);
	else
		link_extend(ptable, link->handle, &asked, &reply, pnow_us);
}

static void lease_some(const struct link *link)
{
	struct inet_prefix prefix = profile_prefix("2001:db8:6000::/56");

	prefix.addr.bytes[6] = (uint8_t)(random() % 32);
	if (random() % 4 == 0)
		prefix.len = random() % 2 == 0 ? 52 : 60;
	inet_prefix_normalize(&prefix);
	switch (random() % 5) {
	case 0:
		link_lease_add(ptable, link->handle, LINK_LEASE_DELEGATED, (uint32_t)(random() % 3),
			pnow_us, &prefix);
		break;
	case 1:
		link_lease_add(ptable, link->handle, LINK_LEASE_DHCP6, (uint32_t)(random() % 2),
			pnow_us, &prefix);
		break;
	case 2:
		if (link->lease_n > 0)
			link_lease_del(
				ptable, link->handle, &link->prefix[link->lease_n - 1], pnow_us);
		break;
	case 3:
		link_relayed_add(ptable, link->handle, &prefix,
			random() % 2 == 0 ? CLOCK_NEVER : pnow_us + 30 * US_PER_S, pnow_us);
		break;
	default:
		link_relayed_del(ptable, link->handle, &prefix);
		break;
	}
}

// What one link has, for comparison before and after a restart.
struct memory {
	uint64_t handle;
	bool virtual_link, unasked;
	uint8_t client_iid[8];
	uint32_t n;
	struct inet_prefix prefix[64];
};

static void restart(void)
{
	static struct memory before[2000];
	struct collect *all = links();
	uint32_t n = all->n;

	for (uint32_t i = 0; i < n; i++) {
		const struct link *link = all->link[i];

		before[i] =
			(struct memory){link->handle, link->virtual_link, link->unasked, {}, 0, {}};
		memcpy(before[i].client_iid, link->client_iid, 8);
		before[i].n = owned(link, before[i].prefix);
	}
	profile_restart();
	ck_assert_uint_eq(link_count(ptable), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct link *link = link_find(ptable, before[i].handle);
		static struct inet_prefix now[64];

		ck_assert_ptr_nonnull(link);
		ck_assert(link->virtual_link == before[i].virtual_link);
		ck_assert(link->unasked == before[i].unasked);
		ck_assert_mem_eq(link->client_iid, before[i].client_iid, 8);
		ck_assert_uint_eq(owned(link, now), before[i].n);
		for (uint32_t k = 0; k < before[i].n; k++) { // extras in any order
			uint32_t at = 0;

			while (at < before[i].n &&
				!inet_prefix_equal(&now[at], &before[i].prefix[k]))
				at++;
			ck_assert_uint_lt(at, before[i].n);
		}
	}
}

static bool some_sas(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
	return random() % 2 == 0;
}

static void step(void)
{
	const struct link *link = any_link();
	long what = random() % 20;

	pnow_us += (uint64_t)(random() % 2) * US_PER_S;
	if (what < 6 || link == NULL)
		attach_some();
	else if (what < 11)
		detach_some(link);
	else if (what < 15)
		claim_some(link);
	else
		lease_some(link);
	link_timeout(ptable, pnow_us);
}

START_TEST(test_random_operations_L20)
{
	pc->pool[PP_GLOBAL].prefix = profile_prefix("2001:db8:1000::/60"); // tight: 16 prefixes
	pc->pool[PP_V4].prefix = profile_prefix("10.66.0.0/27");
	profile_restart();
	srandom((unsigned)(_i + 1));
	next_ike_sa = 0;
	for (int i = 0, n = OPERATIONS; i < n; i++) {
		step();
		if (i % 50 == 0)
			check_invariant();
		if (random() % 200 == 0) {
			restart();
			link_reconcile(ptable, some_sas, NULL, pnow_us);
			check_invariant();
		}
	}
	ck_assert_int_gt(p_adds, 100);
	ck_assert_int_gt(p_downs, 100);
	// Everything ends, and nothing is left of it.
	for (uint32_t i = 0; i < 100 && link_count(ptable) > 0; i++) {
		struct collect *all = links();

		while (all->n > 0) {
			uint64_t handle = all->link[--all->n]->handle;
			const struct link *link = link_find(ptable, handle);

			link_end(ptable, handle, pnow_us);
			while ((link = link_find(ptable, handle)) != NULL && link->ike_sa_n > 0)
				link_detach(ptable, handle, link->ike_sa[0], 0, pnow_us);
		}
	}
	ck_assert_uint_eq(link_count(ptable), 0);
	for (uint32_t i = 0; i < PP_POOLS; i++)
		ck_assert_uint_eq(lease_book_live(link_leases(ptable), i), 0);
	ck_assert_uint_eq(link_next_us(ptable), CLOCK_NEVER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_random");
	TCase *tc = tcase_create("link_random");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	log_set_level("link", LOG_ERR);
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, profile_setup, profile_teardown);
	tcase_add_loop_test(tc, test_random_operations_L20, 0, 4);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
