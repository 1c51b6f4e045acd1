// SPDX-License-Identifier: BSD-3-Clause
// Child SAs of the physical interface on the gateway: the draft's section 7 has peers protect packets
// between physical addresses beside those of their link. Nothing is leased there: routes follow from
// the selectors that were negotiated. Two peers behind NATs may well have the same address, and one may
// claim another's: who has it keeps it, and the other one gets it when the SAs of the first are gone. Of
// one peer's SAs the last one counts. Which routes a group has is also in the store, for a control
// process that finds its SAs. Control's thread.
#include "control.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

LOG_TYPE("install");

#define PREFIXES_MAX 64 // of one SA

struct claim { // of an SA on a prefix
	struct route *route;
	struct holder *holder;
	TAILQ_ENTRY(claim) in_route;
	bool wanted; // while the SA's claims are compared with what it wants
};

struct route {
	struct hash_node node; // by hash of the prefix
	struct inet_prefix prefix;
	TAILQ_HEAD(, claim) claims; // the first one has the route
};

struct holder { // an outbound SA with routes
	struct hash_node node; // by ref
	uint64_t group;
	sa_ref_t ref;
	uint32_t n;
	struct claim *claim[PREFIXES_MAX];
};

struct physical {
	struct hash routes, holders;
};

static struct physical *physical_get(struct control *control)
{
	struct physical *p = control->physical;
	uint64_t secret[2];

	if (p != NULL)
		return p;
	control_random(NULL, secret, sizeof(secret));
	p = calloc(1, sizeof(*p));
	if (p == NULL || hash_init(&p->routes, secret) != 0)
		goto fail;
	if (hash_init(&p->holders, secret) != 0) {
		hash_fini(&p->routes);
		goto fail;
	}
	control->physical = p;
	return p;
fail:
	free(p);
	return NULL;
}

static uint64_t route_key(const struct physical *p, const struct inet_prefix *prefix)
{
	return hash_bytes(p->routes.secret, prefix, sizeof(*prefix));
}

static struct route *route_find(const struct physical *p, const struct inet_prefix *prefix)
{
	struct hash_node *node = hash_find(&p->routes, route_key(p, prefix));

	while (node != NULL &&
		!inet_prefix_equal(&CONTAINER_OF(node, struct route, node)->prefix, prefix))
		node = hash_find_next(node);
	return node != NULL ? CONTAINER_OF(node, struct route, node) : NULL;
}

static struct route *route_get(struct physical *p, const struct inet_prefix *prefix)
{
	struct route *route = route_find(p, prefix);

	if (route != NULL)
		return route;
	route = calloc(1, sizeof(*route));
	if (route == NULL)
		return NULL;
	route->prefix = *prefix;
	TAILQ_INIT(&route->claims);
	hash_add(&p->routes, &route->node, route_key(p, prefix));
	return route;
}

// Leads to the first claimant, or nowhere.
static void route_apply(struct control *control, struct route *route)
{
	const struct claim *first = TAILQ_FIRST(&route->claims);

	if (first != NULL) {
		install_route(control, &route->prefix, IPC_ROUTE_SA, first->holder->ref);
		return;
	}
	install_unroute(control, &route->prefix);
	hash_del(&control->physical->routes, &route->node);
	free(route);
}

static void claim_del(struct control *control, struct claim *claim)
{
	struct route *route = claim->route;
	bool first = TAILQ_FIRST(&route->claims) == claim;

	TAILQ_REMOVE(&route->claims, claim, in_route);
	free(claim);
	if (first)
		route_apply(control, route);
}

// Of one peer: both are of one link, or of links of one identity.
static bool same_peer(const struct control *control, const struct holder *a, const struct holder *b)
{
	const struct link *x = link_find(control->links, a->group & ~PHYSICAL_GROUP);
	const struct link *y = link_find(control->links, b->group & ~PHYSICAL_GROUP);

	return a->group == b->group ||
		(x != NULL && y != NULL && x->identity.type == y->identity.type &&
			x->identity.len == y->identity.len &&
			memcmp(x->identity.data, y->identity.data, x->identity.len) == 0);
}

// Before the same peer's older ones, behind all of other peers that were here first.
static void claim_queue(struct control *control, struct route *route, struct claim *claim)
{
	struct claim *other = TAILQ_FIRST(&route->claims);
	char text[INET_PREFIX_STRLEN];

	if (other != NULL && !same_peer(control, other->holder, claim->holder)) {
		control->counts.physical_conflicts++;
		LOG_LIMITED(NOTICE,
			"the physical address %s is another peer's: the new one does not get it "
			"yet",
			inet_prefix_format(&route->prefix, text));
	}
	while (other != NULL && !same_peer(control, other->holder, claim->holder))
		other = TAILQ_NEXT(other, in_route);
	if (other != NULL)
		TAILQ_INSERT_BEFORE(other, claim, in_route);
	else
		TAILQ_INSERT_TAIL(&route->claims, claim, in_route);
	if (TAILQ_FIRST(&route->claims) == claim)
		route_apply(control, route);
}

static int claim_add(
	struct control *control, struct holder *holder, const struct inet_prefix *prefix)
{
	struct claim *claim = NULL;
	struct route *route = NULL;

	if (holder->n == PREFIXES_MAX)
		return -ENOSPC;
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL)
		return -ENOMEM;
	route = route_get(control->physical, prefix);
	if (route == NULL) {
		free(claim);
		return -ENOMEM;
	}
	*claim = (struct claim){.route = route, .holder = holder, .wanted = true};
	holder->claim[holder->n++] = claim;
	claim_queue(control, route, claim);
	return 0;
}

static struct holder *holder_find(const struct control *control, sa_ref_t ref)
{
	struct hash_node *node =
		control->physical != NULL ? hash_find(&control->physical->holders, ref) : NULL;

	return node != NULL ? CONTAINER_OF(node, struct holder, node) : NULL;
}

static struct holder *holder_get(struct control *control, uint64_t group, sa_ref_t ref)
{
	struct holder *holder = holder_find(control, ref);

	if (holder != NULL || physical_get(control) == NULL)
		return holder;
	holder = calloc(1, sizeof(*holder));
	if (holder == NULL)
		return NULL;
	holder->group = group;
	holder->ref = ref;
	hash_add(&control->physical->holders, &holder->node, ref);
	return holder;
}

// ---- the store ----

static void store_key(uint64_t group, char key[40])
{
	snprintf(key, 40, "physical-%llu", (unsigned long long)(group & ~PHYSICAL_GROUP));
}

// The prefixes of all SAs of the group.
static void save(struct control *control, uint64_t group)
{
	const struct sa_group *g = sa_group_find(control->sas, group);
	struct inet_prefix all[PREFIXES_MAX];
	uint32_t n = 0;
	char key[40];

	for (uint32_t i = 0; g != NULL && i < g->ref_n; i++) {
		const struct holder *holder = holder_find(control, g->ref[i]);

		for (uint32_t k = 0; holder != NULL && k < holder->n && n < PREFIXES_MAX; k++)
			all[n++] = holder->claim[k]->route->prefix;
	}
	store_key(group, key);
	if (store_put_value(control->store, key, all, n * sizeof(all[0])) != 0)
		LOG_LIMITED(WARN, "routes of the physical interface are not stored");
}

// ---- for install.c and reconcile.c ----

// What is never forwarded needs no route.
static bool stays_on_link(const struct inet_prefix *prefix)
{
	return inet_addr_is_link_local(&prefix->addr) || inet_addr_is_multicast(&prefix->addr);
}

static bool keep_claim(struct holder *holder, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < holder->n; i++)
		if (inet_prefix_equal(&holder->claim[i]->route->prefix, prefix)) {
			holder->claim[i]->wanted = true;
			return true;
		}
	return false;
}

static void want(struct control *control, struct holder *holder, const struct inet_prefix *prefix,
	uint32_t n)
{
	int error = 0;

	for (uint32_t i = 0; i < n && error == 0; i++)
		if (!stays_on_link(&prefix[i]) && !keep_claim(holder, &prefix[i]))
			error = claim_add(control, holder, &prefix[i]);
	if (error != 0)
		LOG_LIMITED(ERR, "routes of the physical interface for SA %08x: %s", holder->ref,
			strerror(-error));
}

static void drop_unwanted(struct control *control, struct holder *holder)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < holder->n; i++) {
		struct claim *claim = holder->claim[i];

		if (claim->wanted)
			holder->claim[kept++] = claim;
		else
			claim_del(control, claim);
	}
	holder->n = kept;
}

static void mark_unwanted(struct holder *holder)
{
	for (uint32_t i = 0; i < holder->n; i++)
		holder->claim[i]->wanted = false;
}

void physical_set(
	struct control *control, uint64_t group, sa_ref_t ref, const struct ts_list *remote)
{
	struct holder *holder = holder_get(control, group, ref);
	struct inet_prefix part[PREFIXES_MAX];

	if (holder == NULL) {
		LOG_LIMITED(ERR, "out of memory");
		return;
	}
	mark_unwanted(holder);
	for (uint32_t i = 0; i < remote->n; i++)
		want(control, holder, part, ts_prefixes(&remote->ts[i], part, PREFIXES_MAX));
	drop_unwanted(control, holder);
	save(control, group);
}

void physical_del(struct control *control, sa_ref_t ref)
{
	struct holder *holder = holder_find(control, ref);
	uint64_t group = 0;

	if (holder == NULL)
		return;
	group = holder->group;
	mark_unwanted(holder);
	drop_unwanted(control, holder);
	hash_del(&control->physical->holders, &holder->node);
	free(holder);
	save(control, group);
}

void physical_adopt(struct control *control, uint64_t group, sa_ref_t ref)
{
	struct inet_prefix prefix[PREFIXES_MAX];
	struct holder *holder = NULL;
	char key[40];
	int len = 0;

	store_key(group, key);
	len = store_get_value(control->store, key, prefix, sizeof(prefix));
	if (len <= 0 || len > (int)sizeof(prefix) || len % (int)sizeof(prefix[0]) != 0)
		return;
	for (size_t i = 0; i < (size_t)len / sizeof(prefix[0]); i++)
		if (!inet_prefix_valid(&prefix[i]))
			return;
	holder = holder_get(control, group, ref);
	if (holder != NULL)
		want(control, holder, prefix, (uint32_t)len / sizeof(prefix[0]));
}

static bool route_again(void *arg, struct hash_node *node)
{
	const struct route *route = CONTAINER_OF(node, struct route, node);
	const struct claim *first = TAILQ_FIRST(&route->claims);

	install_route(arg, &route->prefix, IPC_ROUTE_SA, first->holder->ref);
	return true;
}

void physical_again(struct control *control)
{
	if (control->physical != NULL)
		hash_each(&control->physical->routes, route_again, control);
}

static bool free_holder(void *arg, struct hash_node *node)
{
	struct holder *holder = CONTAINER_OF(node, struct holder, node);

	(void)arg;
	for (uint32_t i = 0; i < holder->n; i++)
		free(holder->claim[i]);
	free(holder);
	return true;
}

static bool free_route(void *arg, struct hash_node *node)
{
	(void)arg;
	free(CONTAINER_OF(node, struct route, node));
	return true;
}

void physical_fini(struct control *control)
{
	struct physical *p = control->physical;

	if (p == NULL)
		return;
	hash_each(&p->holders, free_holder, NULL);
	hash_each(&p->routes, free_route, NULL);
	hash_fini(&p->holders);
	hash_fini(&p->routes);
	free(p);
	control->physical = NULL;
}
