// SPDX-License-Identifier: BSD-3-Clause
// L7, L8, L21, L23: a random life with everything that replaces something: rekeys of both kinds,
// reauthentications by either side's will, further child SAs that come and go, other configurations at
// random moments, deletions and silence, over a net that loses, doubles and reorders. After each quiet pause
// both sides have the same one IKE SA with the same child SAs, and nothing else anywhere.
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 1500
#define RUNS 6

static struct net net;
static uint32_t lifetime_s; // AUTH_LIFETIME of the gateway's next answers
static int secret_n; // which secret both sides have
static uint32_t absent; // the connection was taken out of the configuration so often

// Both configurations, on the heap: a sanitizer sees who reads one that is gone.
struct both {
	struct config a, b;
	struct config_connection connection[2];
	struct config_peer peer;
	struct config_profile profile;
};
static struct both *now;

static void lifetime_hook(struct ike_link_reply *reply)
{
	reply->reauth_s = lifetime_s;
}

static uint64_t dice(uint64_t n)
{
	return (net_random(&net) >> 20) % n;
}

static struct both *copy_now(void)
{
	struct both *copy = malloc(sizeof(*copy));

	ck_assert_ptr_nonnull(copy);
	if (now != NULL) {
		*copy = *now;
	} else {
		memset(copy, 0, sizeof(*copy));
		copy->a = net.a.config;
		copy->b = net.b.config;
		copy->connection[0] = net.a.connection;
		copy->peer = net.b.pad[0];
	}
	copy->a.connection = copy->connection;
	copy->b.gateway.peer = &copy->peer;
	copy->peer.profile = &copy->profile;
	return copy;
}

// The configuration's further child SAs: of the link, of the physical interface, or none.
static void choose_children(struct config_connection *c)
{
	c->child_n = 0;
	if (dice(3) != 0) {
		struct config_child *child = &c->child[c->child_n++];

		memset(child, 0, sizeof(*child));
		snprintf(child->name, sizeof(child->name), "lab");
		child->link = true;
		child->local = selectors("2001:db8:1000:1::/64");
		child->remote = selectors(dice(2) ? "2001:db8:aaaa::/64" : "2001:db8:bbbb::/64");
	}
	if (dice(3) != 0) {
		struct config_child *child = &c->child[c->child_n++];

		memset(child, 0, sizeof(*child));
		snprintf(child->name, sizeof(child->name), "wire");
		child->local = selectors("192.0.2.2");
		child->remote = selectors("192.0.2.1");
	}
}

// A second connection, which is never dialled and makes the table move, is in front, behind, or not there.
static void choose_connections(struct both *next, bool home)
{
	struct config_connection kept = next->connection[0], other;

	if (next->a.connection_n == 2 && strcmp(next->connection[1].name, "home") == 0)
		kept = next->connection[1];
	choose_children(&kept);
	snprintf(kept.name, sizeof(kept.name), "home");
	other = kept;
	snprintf(other.name, sizeof(other.name), "other");
	other.autostart = false;
	next->a.connection_n = 0;
	if (dice(2) || !home)
		next->connection[next->a.connection_n++] = other;
	if (home)
		next->connection[next->a.connection_n++] = kept;
	if (next->a.connection_n == 1)
		next->connection[1] = home ? other : kept;
}

static struct config_connection *home(void)
{
	for (uint32_t i = 0; i < now->a.connection_n; i++)
		if (strcmp(now->connection[i].name, "home") == 0)
			return &now->connection[i];
	return NULL;
}

static void change(struct both *next)
{
	struct both *old = now;

	ck_assert_int_eq(ike_reconfigure(net.a.ike, &next->a, net.now_us), 0);
	ck_assert_int_eq(ike_reconfigure(net.b.ike, &next->b, net.now_us), 0);
	now = next;
	memset(old, 0x5a, sizeof(*old));
	free(old);
	peer_drain(&net.a);
	peer_drain(&net.b);
}

static void dial(void)
{
	if (home() != NULL)
		ike_initiate(net.a.ike, home(), &net.a.addr, net.now_us);
	peer_drain(&net.a);
}

static void new_secret(struct both *next)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "secret-%d", ++secret_n);

	for (uint32_t i = 0; i < 2; i++)
		secret_set(&next->connection[i].psk, text, (size_t)n);
	secret_set(&next->peer.psk, text, (size_t)n);
}

static void reconfigure(void)
{
	struct both *next = copy_now();
	struct config_connection *was = home();

	if (was != NULL)
		next->connection[0] = *was;
	next->a.connection_n = 1;
	if (dice(5) == 0)
		new_secret(next);
	choose_connections(next, dice(6) != 0);
	change(next);
	if (home() != NULL)
		return;
	absent++;
	if (dice(2))
		net_run(&net, dice(3 * US_PER_S));
	next = copy_now();
	next->connection[0] = next->connection[1];
	next->a.connection_n = 1;
	choose_connections(next, true);
	change(next);
	dial();
}

static void further_child(void)
{
	struct ike_child_spec spec = {.tag = 3 + (uint32_t)dice(3), .of_link = true};

	if (home() == NULL)
		return;
	spec.local = selectors("2001:db8:1000:1::/64");
	spec.remote = selectors("2001:db8:cccc::/64");
	if (ike_child_add(net.a.ike, home(), &spec, net.now_us) == -EEXIST)
		ike_child_remove(net.a.ike, home(), spec.tag, net.now_us);
}

// What ends something; rarely.
static void blow(struct peer *peer, const struct ike_sa_info *info)
{
	uint64_t child = info->child_n == 0 ? 0 : info->child[dice(info->child_n)].child;

	switch (dice(8)) {
	case 0:
		ike_sa_terminate(peer->ike, info->ike_sa, net.now_us);
		break;
	case 1:
	case 2:
		ike_child_terminate(peer->ike, child, net.now_us);
		break;
	case 3:
	case 4:
		ike_on_expire(peer->ike, child, true, net.now_us);
		break;
	case 5:
		net.down = !net.down;
		break;
	default:
		break;
	}
}

static void act(struct peer *peer)
{
	const struct ike_sa_info *info;
	uint64_t child;
	struct sas sas;

	peer_sas(peer, &sas);
	if (sas.n == 0) {
		dial();
		return;
	}
	info = &sas.info[dice(sas.n)];
	child = info->child_n == 0 ? 0 : info->child[dice(info->child_n)].child;
	switch (dice(20)) {
	case 0:
	case 1:
		ike_sa_rekey(peer->ike, info->ike_sa, net.now_us);
		break;
	case 2:
	case 3:
	case 4:
		ike_child_rekey(peer->ike, child, net.now_us);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		ike_sa_reauth(peer->ike, info->ike_sa, (uint32_t)dice(40), net.now_us);
		break;
	case 9:
		ike_on_traffic(peer->ike, child, UINT64_MAX, net.now_us);
		break;
	case 10:
	case 11:
		net_traffic(&net);
		break;
	case 12:
	case 13:
		further_child();
		break;
	case 14:
		reconfigure();
		break;
	case 15:
		lifetime_s = dice(3) ? 0 : (uint32_t)dice(60);
		break;
	case 16:
		blow(peer, info);
		break;
	case 17: // the same time for both
		ike_sa_reauth(net.a.ike, info->ike_sa, 0, net.now_us);
		act(peer == &net.a ? &net.b : &net.a);
		break;
	default:
		break;
	}
	peer_drain(&net.a);
	peer_drain(&net.b);
}

static void weather(void)
{
	net.loss_percent = (uint32_t)dice(30);
	net.dup_percent = (uint32_t)dice(30);
	net.reorder_percent = (uint32_t)dice(40);
}

static uint32_t up_n(const struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	return sas.n;
}

// Quiet, and the connection is wanted: both sides must come to the same.
static void check_converged(void)
{
	struct sas a, b;

	net.loss_percent = net.dup_percent = net.reorder_percent = 0;
	net.down = false;
	lifetime_s = 0;
	net_run(&net, 300 * US_PER_S);
	dial();
	net_run(&net, 300 * US_PER_S);
	peer_sas(&net.a, &a);
	peer_sas(&net.b, &b);
	ck_assert_uint_eq(a.n, 1);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_uint_eq(a.info[0].spi_i, b.info[0].spi_i);
	ck_assert_uint_eq(a.info[0].spi_r, b.info[0].spi_r);
	ck_assert_ptr_eq(a.info[0].connection, home());
	ck_assert_uint_ne(b.info[0].link, 0);
	ck_assert_uint_ge(a.info[0].child_n, 1);
	net_check_mirror(&net);
	ck_assert(net_traffic(&net));
	ck_assert_uint_eq(net.a.ref_live, a.info[0].child_n);
	ck_assert_uint_eq(net.b.ref_live, a.info[0].child_n);
	ck_assert_uint_eq(net.b.attached - net.b.detached, 1);
	ck_assert_uint_eq(net.b.link_live, 1);
	net.a.key_n = net.b.key_n = 0; // there is room for so many
}

static void start(unsigned seed)
{
	net_init(&net, seed);
	net.b.links_last = true;
	net.b.reply_hook = lifetime_hook;
	net.a.connection.autostart = true;
	net.b.pad[0].physical_local = selectors("192.0.2.1");
	net.b.pad[0].physical_remote = selectors("192.0.2.0/24");
	now = NULL;
	lifetime_s = 0;
	secret_n = 0;
	now = copy_now();
	choose_connections(now, true);
	log_init("exchange");
	log_set_level("*", getenv("EXCHANGE_TRACE") != NULL ? LOG_DEBUG : LOG_ERR);
	net.a.ike = ike_new(&now->a, &net.a.ops, &net.a);
	net.b.ike = ike_new(&now->b, &net.b.ops, &net.b);
	ck_assert(net.a.ike != NULL && net.b.ike != NULL);
	dial();
	net_settle(&net);
	net_check_up(&net);
}

START_TEST(random_reauth)
{
	const char *runs = getenv("MODEL_STEPS");
	int steps = runs == NULL ? STEPS : atoi(runs);

	start(9000 + (unsigned)_i);
	for (int step = 1; step <= steps; step++) {
		act(dice(2) ? &net.a : &net.b);
		net_run(&net, dice(2 * US_PER_S));
		if (step % 10 == 0)
			weather();
		if (step % 60 == 0) {
			check_converged();
			weather();
		}
		ck_assert_uint_lt(up_n(&net.a), 16);
		ck_assert_uint_lt(up_n(&net.b), 16);
	}
	check_converged();
	ck_assert_uint_gt(absent, 0);
	ck_assert_uint_gt(net.b.attached, (uint32_t)steps / 20);
	net_finish(&net);
	free(now);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model_reauth");
	TCase *tc = tcase_create("model_reauth");
	const char *first = getenv("MODEL_FIRST"), *runs = getenv("MODEL_RUNS");
	int from = first == NULL ? 0 : atoi(first);

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, random_reauth, from, from + (runs == NULL ? RUNS : atoi(runs)));
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
