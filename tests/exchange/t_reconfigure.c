// SPDX-License-Identifier: BSD-3-Clause
// Another configuration under a running core: what is still in it goes on without a message, what is gone
// or has another secret is deleted, with IKE SAs in every state; nothing of the old one is read afterwards.
#include "connection.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 3

static struct net net;
static const char *const names[CONNECTIONS] = {"home", "work", "lab"};
static const char *const ids[CONNECTIONS] = {
	"alice@example.org", "bob@example.org", "carol@example.org"};

// The client's configuration and the gateway's, on the heap: a sanitizer sees who reads them too late.
struct both {
	struct config a, b;
	struct config_connection connection[CONNECTIONS];
	struct config_peer peer[CONNECTIONS];
	struct config_profile profile;
};
static struct both *now;

// A copy of a configuration, which may be changed before it is used.
static struct both *copy_of(const struct both *from)
{
	struct both *copy = malloc(sizeof(*copy));

	ck_assert_ptr_nonnull(copy);
	*copy = *from;
	copy->a.connection = copy->connection;
	copy->b.gateway.peer = copy->peer;
	for (int i = 0; i < CONNECTIONS; i++)
		copy->peer[i].profile = &copy->profile;
	return copy;
}

static void start(uint64_t seed)
{
	struct both first = {0};

	net_init(&net, seed);
	net.b.links_last = true;
	first.a = net.a.config;
	first.b = net.b.config;
	for (int i = 0; i < CONNECTIONS; i++) {
		first.connection[i] = net.a.connection;
		snprintf(first.connection[i].name, CONFIG_NAME_MAX, "%s", names[i]);
		ck_assert_int_eq(config_id_parse(ids[i], &first.connection[i].id), 0);
		first.peer[i] = net.b.pad[0];
		ck_assert_int_eq(config_id_parse(ids[i], &first.peer[i].id), 0);
	}
	first.a.connection_n = CONNECTIONS;
	first.b.gateway.peer_n = CONNECTIONS;
	now = copy_of(&first);
	net.a.config = now->a;
	net.b.config = now->b;
	log_init("exchange");
	log_set_level("*", LOG_ERR);
	net.a.ike = ike_new(&now->a, &net.a.ops, &net.a);
	net.b.ike = ike_new(&now->b, &net.b.ops, &net.b);
	ck_assert(net.a.ike != NULL && net.b.ike != NULL);
}

static int dial(int i)
{
	int ret = ike_initiate(net.a.ike, &now->connection[i], &net.a.addr, net.now_us);

	peer_drain(&net.a);
	return ret;
}

// The new configuration instead of the one that stands, at one side or at both.
static void change(struct both *next, bool client, bool gateway)
{
	struct both *old = now;

	if (client)
		ck_assert_int_eq(ike_reconfigure(net.a.ike, &next->a, net.now_us), 0);
	if (gateway)
		ck_assert_int_eq(ike_reconfigure(net.b.ike, &next->b, net.now_us), 0);
	now = next;
	if (client && gateway) {
		memset(old, 0x5a, sizeof(*old));
		free(old);
	}
	peer_drain(&net.a);
	peer_drain(&net.b);
}

static void finish(void)
{
	net_finish(&net);
	free(now);
}

static uint32_t sa_count(const struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	return sas.n;
}

// Everything is the same at another address: not a message, and all works on.
START_TEST(the_same)
{
	uint32_t sent;

	start(1);
	for (int i = 0; i < CONNECTIONS; i++)
		ck_assert_int_eq(dial(i), 0);
	net_settle(&net);
	sent = net.sent;
	for (int i = 0; i < 3; i++) {
		change(copy_of(now), true, true);
		net_settle(&net);
	}
	ck_assert_uint_eq(net.sent, sent);
	ck_assert_uint_eq(net.a.up, CONNECTIONS);
	ck_assert_uint_eq(net.a.down, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		ck_assert_int_eq(dial(i), -EALREADY);
	net_check_mirror(&net);
	finish();
}
END_TEST

// In another order, with one that is new: each keeps its own.
START_TEST(another_order)
{
	struct both *next;
	struct sas sas;

	start(2);
	dial(0);
	dial(1);
	net_settle(&net);
	next = copy_of(now);
	next->connection[0] = now->connection[1];
	next->connection[1] = now->connection[0];
	snprintf(next->connection[2].name, CONFIG_NAME_MAX, "new");
	next->peer[0] = now->peer[2];
	next->peer[2] = now->peer[0];
	next->peer[0].profile = next->peer[2].profile = &next->profile;
	change(next, true, true);
	net_settle(&net);
	ck_assert_uint_eq(net.a.down, 0);
	peer_sas(&net.a, &sas);
	ck_assert_uint_eq(sas.n, 2);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_mem_eq(&sas.info[i].connection->id, &sas.info[i].local_id,
			sizeof(struct config_id));
	peer_sas(&net.b, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		ck_assert_mem_eq(
			&sas.info[i].peer->id, &sas.info[i].remote_id, sizeof(struct config_id));
	ck_assert_int_eq(dial(0), -EALREADY);
	ck_assert_int_eq(dial(1), -EALREADY);
	ck_assert_int_eq(dial(2), 0);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 3);
	finish();
}
END_TEST

enum what {
	CONNECTION_GONE,
	CONNECTION_SECRET,
	CONNECTION_ID,
	CONNECTION_GATEWAY,
	PEER_GONE,
	PEER_SECRET,
	NO_GATEWAY,
	CHANGES
};

static struct both *changed(enum what what)
{
	struct both *next = copy_of(now);

	switch (what) {
	case CONNECTION_GONE:
		snprintf(next->connection[0].name, CONFIG_NAME_MAX, "other");
		break;
	case CONNECTION_SECRET:
		next->connection[0].psk.bytes[0] ^= 1;
		break;
	case CONNECTION_ID:
		config_id_parse("dave@example.org", &next->connection[0].id);
		break;
	case CONNECTION_GATEWAY:
		next->connection[0].gateway = addr("192.0.2.99");
		break;
	case PEER_GONE:
		config_id_parse("dave@example.org", &next->peer[0].id);
		break;
	case PEER_SECRET:
		next->peer[0].psk.bytes[0] ^= 1;
		break;
	default:
		next->b.gateway.present = false;
	}
	return next;
}

// Each change, at each moment of a life: an exchange under way, a rekey of child SA or IKE SA from either
// side, a reauthentication, a delete. What it concerns ends on both sides; the other connection does not
// notice (unless there is no gateway any more).
START_TEST(in_every_state)
{
	enum what what = (enum what)(_i % CHANGES);
	int moment = _i / CHANGES % 8, step = _i / CHANGES / 8;
	struct sas sas;

	start(100 + (unsigned)_i);
	dial(1);
	net_settle(&net);
	dial(0);
	if (moment != 0)
		net_settle(&net);
	peer_sas(&net.a, &sas); // the newest first
	if (moment == 1)
		ike_sa_rekey(net.a.ike, sas.info[0].ike_sa, net.now_us);
	if (moment == 2)
		ike_child_rekey(net.a.ike, sas.info[0].child[0].child, net.now_us);
	if (moment == 3)
		ike_sa_reauth(net.a.ike, sas.info[0].ike_sa, 0, net.now_us);
	if (moment == 4)
		ike_sa_terminate(net.a.ike, sas.info[0].ike_sa, net.now_us);
	peer_sas(&net.b, &sas);
	if (moment == 5 || moment == 1)
		ike_sa_rekey(net.b.ike, sas.info[0].ike_sa, net.now_us);
	if (moment == 6)
		ike_child_rekey(net.b.ike, sas.info[0].child[0].child, net.now_us);
	if (moment == 7)
		ike_sa_reauth(net.b.ike, sas.info[0].ike_sa, 100, net.now_us);
	peer_drain(&net.a);
	peer_drain(&net.b);
	net_run(&net, (uint64_t)step * 5 * US_PER_MS);
	change(changed(what), true, true);
	net_run(&net, 400 * US_PER_S);
	ck_assert_uint_le(sa_count(&net.a), 1);
	ck_assert_uint_eq(sa_count(&net.b), what == NO_GATEWAY ? 0 : 1);
	if (what != NO_GATEWAY) {
		net_check_mirror(&net);
		net_check_up(&net);
		ck_assert_int_eq(dial(1), -EALREADY);
	}
	if (what == CONNECTION_GONE) // not told; its interface is control's to take away
		ck_assert_uint_eq(net.a.down, moment == 4);
	finish();
}
END_TEST

// With other credentials the connection is down, and is started again by whoever wants it.
START_TEST(another_secret)
{
	struct both *next;

	start(3);
	dial(0);
	net_settle(&net);
	next = changed(CONNECTION_SECRET);
	next->peer[0].psk.bytes[0] ^= 1;
	change(next, true, true);
	net_run(&net, 100 * US_PER_S);
	ck_assert_uint_eq(net.a.down, 1);
	ck_assert_uint_eq(sa_count(&net.a), 0);
	ck_assert_uint_eq(sa_count(&net.b), 0);
	ck_assert_int_eq(dial(0), 0);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 2);
	ck_assert_mem_eq(net.b.asked.link_id, "link-1", 6); // the same user, the same link
	net_check_mirror(&net);
	finish();
}
END_TEST

// Effects that nobody has taken yet name the new configuration, or are gone with their connection.
START_TEST(effects_in_the_queue)
{
	struct ike_effect *effect;
	struct both *old, *next;
	uint32_t ups = 0;

	start(4);
	dial(0);
	dial(1);
	old = now;
	net_run(&net, 35 * US_PER_MS);
	while (net.queue != NULL) { // the last packets, without carrying anything out
		struct packet *packet = net.queue;
		struct ike_datagram d = {.local = packet->dst,
			.remote = packet->src,
			.local_port = packet->dst_port,
			.remote_port = packet->src_port,
			.natt = packet->natt,
			.len = packet->len,
			.data = packet->data};

		net.queue = packet->next;
		ike_receive(net.a.ike, &d, net.now_us);
		free(packet->data);
		free(packet);
	}
	next = changed(CONNECTION_GONE);
	ck_assert_int_eq(ike_reconfigure(net.a.ike, &next->a, net.now_us), 0);
	while ((effect = ike_effect_take(net.a.ike)) != NULL) {
		if (effect->type == IKE_CONNECTION_UP || effect->type == IKE_CONNECTION_DOWN) {
			ck_assert_ptr_eq(effect->connection.connection, &next->connection[1]);
			ups += effect->type == IKE_CONNECTION_UP;
		}
		ike_effect_free(effect);
	}
	ck_assert_uint_eq(ups, 1);
	net_fini(&net);
	free(old);
	free(next);
}
END_TEST

// A connection that waits to be tried again does so with the new configuration; one that is gone does not.
START_TEST(waiting_to_try_again)
{
	struct both *next;

	start(5);
	net.b.link_mode = LINK_FAIL;
	for (int i = 0; i < 2; i++)
		now->connection[i].autostart = true;
	dial(0);
	dial(1);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 0);
	change(changed(CONNECTION_GONE), true, true);
	next = copy_of(now);
	net.b.link_mode = LINK_RFC5739;
	change(next, true, true);
	net_run(&net, 200 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_eq(sa_count(&net.b), 1);
	finish();
}
END_TEST

// Many connections: what an entry into the core costs does not depend on how many there are.
START_TEST(many)
{
	const uint32_t n = 20000;
	struct config_connection *all = calloc(n, sizeof(*all));
	struct config config;

	start(6);
	config = now->a;
	config.connection = all;
	config.connection_n = n;
	for (uint32_t i = 0; i < n; i++) {
		all[i] = now->connection[0];
		snprintf(all[i].name, CONFIG_NAME_MAX, "c%u", i);
	}
	ck_assert_int_eq(ike_reconfigure(net.a.ike, &config, net.now_us), 0);
	ck_assert_ptr_eq(connection_of(net.a.ike, &all[n - 1])->config, &all[n - 1]);
	ck_assert_ptr_null(connection_of(net.a.ike, all + n));
	ck_assert_ptr_null(connection_of(net.a.ike, &now->connection[0]));
	ck_assert_int_eq(ike_initiate(net.a.ike, &all[n - 1], &net.a.addr, net.now_us), 0);
	peer_drain(&net.a);
	net_settle(&net);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_int_eq(ike_reconfigure(net.a.ike, &now->a, net.now_us), 0);
	net_settle(&net);
	ck_assert_uint_eq(sa_count(&net.b), 0);
	finish();
	free(all);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reconfigure");
	TCase *tc = tcase_create("reconfigure");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, the_same);
	tcase_add_test(tc, another_order);
	tcase_add_loop_test(tc, in_every_state, 0, CHANGES * 8 * 8);
	tcase_add_test(tc, another_secret);
	tcase_add_test(tc, effects_in_the_queue);
	tcase_add_test(tc, waiting_to_try_again);
	tcase_add_test(tc, many);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
