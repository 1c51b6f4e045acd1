// SPDX-License-Identifier: BSD-3-Clause
// What a peer can make us keep, and what is left of what it abandoned: strangers that fail again and
// again, rekeys without deletes, an IKE SA that lost its rival long ago, one identity in many
// spellings. RFC 7296 sections 2.4, 2.8, 2.8.2.
#include "child_sa.h"
#include "identity.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"
#include "proposal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct net net;
static uint64_t old_spi; // SPIi of the IKE SA on which nothing but the client's rekey gets through

static void start(uint64_t seed)
{
	net_init(&net, seed);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
}

// Wrong secrets from ever new ports: what failed counts as half-open as long as it is kept.
START_TEST(strangers)
{
	net_init(&net, 1);
	net.b.config.half_open_max = 5;
	net.a.connection.psk.bytes[0] ^= 1;
	net_start(&net);
	for (int i = 0; i < 50; i++) {
		net_connect(&net);
		net_run(&net, 50 * US_PER_MS);
		ck_assert_uint_le(net.b.ike->sa_n, 5);
	}
	ck_assert_uint_eq(peer_counters(&net.b).auth_failed, 5);
	ck_assert_uint_gt(peer_counters(&net.b).half_open_refused, 0);
	// They go, and whoever knows the secret gets in.
	net.a.connection.psk.bytes[0] ^= 1;
	net_run(&net, 20 * US_PER_S);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// Lines of what was logged since stderr went to `log`, with this word.
static uint32_t lines_with(FILE *log, const char *word)
{
	char line[1024];
	uint32_t n = 0;

	rewind(log);
	while (fgets(line, sizeof(line), log) != NULL)
		n += strstr(line, word) != NULL;
	return n;
}

// What strangers do is not one line each: they could fill the disk.
START_TEST(strangers_and_the_log)
{
	FILE *log = tmpfile();
	int stderr_fd = dup(STDERR_FILENO);

	net_init(&net, 5);
	net.b.config.half_open_max = 1000;
	net.a.connection.psk.bytes[0] ^= 1;
	net_start(&net);
	dup2(fileno(log), STDERR_FILENO);
	log_set_level("ike", LOG_INFO);
	for (int i = 0; i < 100; i++) {
		net_connect(&net);
		net_run(&net, 200 * US_PER_MS);
	}
	log_set_level("ike", LOG_ERR);
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	ck_assert_uint_eq(peer_counters(&net.b).auth_failed, 100);
	ck_assert_uint_gt(lines_with(log, "answered with"), 0);
	ck_assert_uint_lt(lines_with(log, "answered with"), 40);
	ck_assert_uint_gt(lines_with(log, "ended: authentication failed"), 0);
	ck_assert_uint_lt(lines_with(log, "ended: authentication failed"), 40);
	fclose(log);
	net_fini(&net);
}
END_TEST

// One more client of the same identity, while the one before is not heard of again.
static void one_more(void)
{
	net_restart_client(&net);
	net_connect(&net);
	net_run(&net, 100 * US_PER_MS);
}

// Who knows one secret, however many hosts he has, gets so many IKE SAs. _i 0: all with a link and a
// child SA; the next one is refused, and comes in when one is gone. 1: without either; the oldest goes.
START_TEST(too_many_of_one_identity)
{
	struct ike *ike;
	struct ike_sa *first;
	uint64_t oldest;

	net_init(&net, 6);
	net.b.link_mode = _i == 0 ? LINK_RFC5739 : LINK_FAIL;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ike = net.b.ike;
	first = ike->all;
	ck_assert_ptr_nonnull(first->identity);
	oldest = first->handle;
	// The others would take their time: as many as there may be, by the count.
	first->identity->live_n += net.b.config.limits.ike_sas_max - 1;
	one_more();
	ck_assert_uint_eq(peer_counters(&net.b).identity_refused, _i == 0);
	ck_assert_int_eq(ike_sa_by_handle(ike, oldest)->state,
		_i == 0 ? IKE_SA_ESTABLISHED : IKE_SA_DELETING);
	if (_i == 0) {
		ck_assert(
			peer_sent_text(&net.b, "IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }"));
		ck_assert_uint_eq(peer_counters(&net.b).established, 1);
		ck_assert_uint_eq(net.b.attached, 1);
		first->identity->live_n--;
		one_more();
	}
	ck_assert_uint_eq(peer_counters(&net.b).established, 2);
	net_fini(&net);
}
END_TEST

// The ends of IKE SAs, and those that a rekey replaced, count until nothing of them is kept.
START_TEST(too_many_kept)
{
	struct identity *identity;
	uint32_t all_n;

	start(7);
	identity = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b))->identity;
	ck_assert_uint_eq(identity->all_n, 1);
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(identity->all_n, 2);
	ck_assert_uint_eq(identity->live_n, 1);
	all_n = identity->all_n;
	identity->all_n = 2 * net.b.config.limits.ike_sas_max;
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	net_run(&net, 500 * US_PER_MS);
	ck_assert(peer_sent_text(&net.b, "{ N(TEMPORARY_FAILURE) }"));
	ck_assert_uint_eq(peer_counters(&net.b).ike_rekeys, 1);
	one_more();
	ck_assert_uint_eq(peer_counters(&net.b).identity_refused, 1);
	identity->all_n = all_n;
	net_run(&net, LINGER_US + US_PER_S);
	ck_assert_uint_eq(identity->all_n, 1);
	net_fini(&net);
}
END_TEST

// All the IKE SAs that one identity may have, without a shortcut; INITIAL_CONTACT ends them.
START_TEST(full_identity)
{
	struct ike_sa *sa;
	struct identity *identity;

	net_init(&net, 8);
	net.b.link_mode = LINK_FAIL;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	for (uint32_t i = 0; i < net.b.config.limits.ike_sas_max + 20; i++)
		one_more();
	identity = net.b.ike->all->identity;
	ck_assert_uint_le(identity->live_n, net.b.config.limits.ike_sas_max);
	ck_assert_uint_le(identity->all_n, 2 * net.b.config.limits.ike_sas_max);
	ck_assert_uint_eq(peer_counters(&net.b).established, net.b.config.limits.ike_sas_max + 21);
	sa = ike_sa_new(net.b.ike, false);
	sa->remote_id = identity->first->remote_id;
	sa->local_id = identity->first->local_id;
	identity_initial_contact(sa);
	ck_assert_uint_eq(identity->live_n, 0);
	ike_sa_free(sa);
	peer_drain(&net.b);
	net.down = true;
	net_run(&net, 900 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->sa_n, 0);
	ck_assert_uint_eq(net.b.ike->identities.n, 0);
	net_fini(&net);
}
END_TEST

// a --> CREATE_CHILD_SA { N(REKEY_SA), N(LINK_ID), SA, Ni, TSi, TSr } for the newest pair, no delete
static void craft_rekey(uint64_t client_sa, uint32_t spi_new)
{
	struct ike_sa *sa = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	struct child_sa *child = sa->children;
	struct child_pair *pair = child_pair_of(child, PAIR_NEXT);
	struct ike_builder *b = craft_begin();
	struct wire_sa offer;
	uint8_t nonce[32];

	if (pair == NULL)
		pair = child_pair_of(child, PAIR_CURRENT);
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)net_random(&net);
	payload_notify_write(b, PROTOCOL_ESP, &pair->spi_out, NOTIFY_REKEY_SA, NULL, 0);
	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_LINK_ID, "link-1", 6);
	proposal_offer_esp(&net.a.config.esp, spi_new, true, &offer);
	payload_sa_write(b, &offer);
	payload_nonce_write(b, nonce, sizeof(nonce));
	payload_ts_write(b, true, &child->remote);
	payload_ts_write(b, false, &child->local);
	craft_send(&net.a, client_sa, CREATE_CHILD_SA, 0, sa->window.expect_in);
	net_run(&net, 15 * US_PER_MS);
}

START_TEST(rekeys_without_delete)
{
	uint64_t client_sa;

	start(2);
	client_sa = peer_ike_sa(&net.a);
	for (uint32_t i = 0; i < 100; i++) {
		craft_rekey(client_sa, 0x10000 + i);
		ck_assert_uint_le(net.b.spi_live, PAIRS_MAX);
	}
	ck_assert(peer_sent_text(&net.b, "TEMPORARY_FAILURE"));
	// We delete what the peer left behind, and it may rekey again.
	net_run(&net, 120 * US_PER_S);
	ck_assert_uint_le(net.b.spi_live, 2);
	craft_rekey(client_sa, 0x20000);
	ck_assert_ptr_nonnull(strstr(net.b.event_text[IKE_EVENT_MESSAGE_OUT], "{ SA, Nr,"));
	net_fini(&net);
}
END_TEST

// Of the old IKE SA only the client's CREATE_CHILD_SA gets to the gateway.
static bool only_rekey(struct net *n, struct packet *packet)
{
	uint64_t spi;

	memcpy(&spi, packet->data, 8);
	return spi != old_spi ||
		(packet->data[18] == CREATE_CHILD_SA &&
			(packet->from == &n->a) == !(packet->data[19] & IKE_FLAG_RESPONSE));
}

//   b --> CREATE_CHILD_SA { SA, Ni, KEi }, lost       a --> CREATE_CHILD_SA { SA, Ni, KEi }, answered
//   a --> D of the IKE SA that this made; a falls silent, and comes back with INITIAL_CONTACT when b
//   has forgotten the one and still repeats its request on the other.
START_TEST(rival_long_gone)
{
	struct ike_sa *old, *fresh;
	struct sas sas;

	net_init(&net, 3);
	net.b.config.life.retransmit_tries = 10;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	old = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	for (int i = 0; i < 8; i++)
		((uint8_t *)&old_spi)[i] = (uint8_t)(old->spi_i >> (56 - 8 * i));
	net.filter = only_rekey;
	ck_assert_int_eq(ike_sa_rekey(net.b.ike, old->handle, net.now_us), 0);
	peer_drain(&net.b);
	ck_assert_int_eq(ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_ne(old->rival, 0);
	ck_assert_int_eq(ike_sa_terminate(net.a.ike, peer_ike_sa(&net.a), net.now_us), 0);
	peer_drain(&net.a);
	net_run(&net, 1 * US_PER_S);
	net.down = true;
	net_run(&net, LINGER_US + US_PER_S);
	ck_assert_ptr_null(ike_sa_by_handle(net.b.ike, old->rival));
	ck_assert_int_eq(old->state, IKE_SA_ESTABLISHED);
	fresh = ike_sa_new(net.b.ike, false);
	fresh->remote_id = old->remote_id;
	fresh->local_id = old->local_id;
	identity_initial_contact(fresh);
	ike_sa_free(fresh);
	peer_drain(&net.b);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 0);
	ck_assert_uint_eq(net.b.link_live, 0);
	net.down = false;
	net_finish(&net);
}
END_TEST

static const struct {
	const char *pattern, *said, *known;
	const char *why;
} spellings[] = {
	{"alice@example.org", "ALICE@Example.ORG", "alice@example.org", "an entry's own spelling"},
	{"Alice@Example.org", "alice@example.org", "Alice@Example.org", "whatever that is"},
	{"*@example.org", "ALICE@Example.ORG", "alice@example.org", "small under a wildcard"},
};

// L14, L23: leases, links and INITIAL_CONTACT go by the identity, so it must have one spelling.
START_TEST(one_spelling_L14_L23)
{
	struct config_id known;
	struct sas sas;

	net_init(&net, 4);
	ck_assert_int_eq(config_id_parse(spellings[_i].pattern, &net.b.pad[0].id), 0);
	ck_assert_int_eq(config_id_parse(spellings[_i].said, &net.a.connection.id), 0);
	ck_assert_int_eq(config_id_parse(spellings[_i].known, &known), 0);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	peer_sas(&net.b, &sas);
	ck_assert_uint_eq(sas.n, 1);
	ck_assert_uint_eq(sas.info[0].remote_id.len, known.len);
	ck_assert_msg(memcmp(sas.info[0].remote_id.data, known.data, known.len) == 0, "%s",
		spellings[_i].why);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bounds");
	TCase *tc = tcase_create("bounds");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, strangers);
	tcase_add_test(tc, strangers_and_the_log);
	tcase_add_loop_test(tc, too_many_of_one_identity, 0, 2);
	tcase_add_test(tc, too_many_kept);
	tcase_add_test(tc, full_identity);
	tcase_add_test(tc, rekeys_without_delete);
	tcase_add_test(tc, rival_long_gone);
	tcase_add_loop_test(tc, one_spelling_L14_L23, 0, sizeof(spellings) / sizeof(spellings[0]));
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
