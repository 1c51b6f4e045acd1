// SPDX-License-Identifier: BSD-3-Clause
// See group_ask.h.
#include "group_ask.h"

#include "clock.h"
#include "hash.h"
#include "timer.h"

#include <errno.h>
#include <stdlib.h>

struct ask {
	struct hash_node by_link;
	struct timer timer;
	uint32_t known; // families that were asked, or will be
	uint32_t first, again; // of these, whose first query is due, and whose second
};

struct group_asks {
	struct hash links;
	struct timer_heap due;
};

struct group_asks *group_asks_new(const uint64_t secret[2])
{
	struct group_asks *asks = calloc(1, sizeof(*asks));

	if (asks == NULL)
		return NULL;
	timer_heap_init(&asks->due);
	if (hash_init(&asks->links, secret) != 0) {
		free(asks);
		errno = ENOMEM;
		return NULL;
	}
	return asks;
}

static void forget(struct group_asks *asks, struct ask *ask)
{
	timer_set(&asks->due, &ask->timer, CLOCK_NEVER);
	hash_del(&asks->links, &ask->by_link);
	free(ask);
}

static bool forget_each(void *arg, struct hash_node *node)
{
	forget(arg, CONTAINER_OF(node, struct ask, by_link));
	return true;
}

void group_asks_free(struct group_asks *asks)
{
	if (asks == NULL)
		return;
	hash_each(&asks->links, forget_each, asks);
	hash_fini(&asks->links);
	timer_heap_fini(&asks->due);
	free(asks);
}

static struct ask *find(const struct group_asks *asks, uint64_t link)
{
	struct hash_node *node = hash_find(&asks->links, link);

	return node != NULL ? CONTAINER_OF(node, struct ask, by_link) : NULL;
}

int group_ask_start(struct group_asks *asks, uint64_t link, uint32_t families, uint64_t now_us)
{
	struct ask *ask = find(asks, link);

	if (ask == NULL) {
		if (timer_heap_reserve(&asks->due, asks->links.n + 1) != 0)
			return -ENOMEM;
		ask = calloc(1, sizeof(*ask));
		if (ask == NULL)
			return -ENOMEM;
		hash_add(&asks->links, &ask->by_link, link);
	}
	families &= ~ask->known;
	if (families == 0)
		return 0;
	ask->known |= families;
	ask->first |= families;
	timer_set(&asks->due, &ask->timer, now_us + GROUP_ASK_FIRST_US);
	return 0;
}

// Before the first query a report tells of one group only: what else there is, is not known.
void group_ask_heard(struct group_asks *asks, uint64_t link, uint32_t families)
{
	struct ask *ask = find(asks, link);

	if (ask == NULL || (ask->again & families) == 0)
		return;
	ask->again &= ~families;
	if (ask->again == 0 && ask->first == 0)
		timer_set(&asks->due, &ask->timer, CLOCK_NEVER);
}

void group_ask_gone(struct group_asks *asks, uint64_t link)
{
	struct ask *ask = find(asks, link);

	if (ask != NULL)
		forget(asks, ask);
}

uint64_t group_ask_next_us(const struct group_asks *asks)
{
	const struct timer *timer = timer_first(&asks->due);

	return timer != NULL ? timer->when_us : CLOCK_NEVER;
}

bool group_ask_take(struct group_asks *asks, uint64_t now_us, uint64_t *link, uint32_t *families)
{
	struct timer *timer = timer_first(&asks->due);
	struct ask *ask = NULL;

	if (timer == NULL || timer->when_us > now_us)
		return false;
	ask = CONTAINER_OF(timer, struct ask, timer);
	*link = ask->by_link.key;
	*families = ask->first | ask->again;
	ask->again = ask->first;
	ask->first = 0;
	timer_set(&asks->due, timer, ask->again != 0 ? now_us + GROUP_ASK_AGAIN_US : CLOCK_NEVER);
	return true;
}
