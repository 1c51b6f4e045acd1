// SPDX-License-Identifier: BSD-3-Clause
// I5: IKE fragmentation, RFC 7383: negotiated, every fragment lost, doubled, late, forged, of another
// size; requests that find a smaller size by themselves; what is kept is bounded and given up.
#include "ike_frag.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 230 // bytes of an IP datagram: IKE_AUTH needs several of these

static struct net net;

static void start(uint64_t seed, uint32_t size_a, uint32_t size_b)
{
	net_init(&net, seed);
	net.a.config.fragment_size = size_a;
	net.b.config.fragment_size = size_b;
	net_start(&net);
}

static bool is_fragment(const struct packet *packet)
{
	return packet->data[16] == PAYLOAD_SKF;
}

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t number_of(const struct packet *packet)
{
	return is_fragment(packet) ? be16(packet->data + 32) : 0;
}

static uint16_t total_of(const struct packet *packet)
{
	return is_fragment(packet) ? be16(packet->data + 34) : 0;
}

static bool is_response(const struct packet *packet)
{
	return packet->data[19] & IKE_FLAG_RESPONSE;
}

// No datagram is larger than its sender may send.
static uint32_t longest[2]; // of a, of b
static bool measure(struct net *n, struct packet *packet)
{
	uint32_t *at = &longest[packet->from == &n->b];

	if (packet->data[18] != IKE_SA_INIT && packet->len + 28 > *at)
		*at = packet->len + 28;
	return true;
}

static void nothing_kept(void)
{
	ck_assert_uint_eq(net.a.ike->fragment_bytes, 0);
	ck_assert_uint_eq(net.b.ike->fragment_bytes, 0);
}

static void finish(void)
{
	net_check_up(&net);
	net_check_mirror(&net);
	nothing_kept();
	net_finish(&net);
}

// The public value in IKE_SA_INIT responses becomes zero.
static bool spoil_ke(struct net *n, struct packet *packet)
{
	uint8_t next = packet->data[16];
	size_t at = 28;

	if (packet->from != &n->b || packet->data[18] != IKE_SA_INIT)
		return true;
	while (next != PAYLOAD_KE && next != PAYLOAD_NONE) {
		next = packet->data[at];
		at += be16(packet->data + at + 2);
	}
	if (next == PAYLOAD_KE)
		memset(packet->data + at + 8, 0, be16(packet->data + at + 2) - 8);
	return true;
}

// An answer with a key exchange value that will not do says that fragments are understood, and the
// request, too long for the smallest path, goes out again and again: there are no keys to cut it with.
START_TEST(no_keys_yet)
{
	static const struct alg_dh *group;

	net_init(&net, 5);
	group = alg_dh_find(DH_MODP_4096);
	net.a.config.ike.proposal[0].dh[0] = net.b.config.ike.proposal[0].dh[0] = group;
	net_start(&net);
	net.filter = spoil_ke;
	net_connect(&net);
	net_run(&net, 12 * US_PER_S);
	ck_assert_uint_eq(net.a.up, 0);
	net.filter = NULL;
	net_run(&net, 60 * US_PER_S);
	net_settle(&net);
	finish();
}
END_TEST

static const struct {
	bool a, b, fragments;
	const char *why;
} sides[] = {
	{true, true, true, "both"},
	{false, true, false, "the initiator does not"},
	{true, false, false, "the responder does not"},
	{false, false, false, "nobody"},
};

START_TEST(negotiated)
{
	longest[0] = longest[1] = 0;
	net_init(&net, 1);
	net.a.config.fragment_size = net.b.config.fragment_size = SMALL;
	net.a.config.fragmentation = sides[_i].a;
	net.b.config.fragmentation = sides[_i].b;
	net_start(&net);
	net.filter = measure;
	net_connect(&net);
	net_settle(&net);
	ck_assert_msg((peer_counters(&net.a).fragments_out > 1) == sides[_i].fragments, "%s",
		sides[_i].why);
	ck_assert((peer_counters(&net.b).fragments_out > 1) == sides[_i].fragments);
	ck_assert((longest[0] <= SMALL) == sides[_i].fragments);
	ck_assert((longest[1] <= SMALL) == sides[_i].fragments);
	ck_assert_uint_eq(peer_counters(&net.b).fragments_in, peer_counters(&net.a).fragments_out);
	// Through a rekey of the IKE SA as well.
	if (_i == 0) {
		uint64_t before = peer_counters(&net.b).fragments_out;

		ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us);
		peer_drain(&net.a);
		net_settle(&net);
		ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us);
		peer_drain(&net.b);
		net_run(&net, 10 * US_PER_S);
		ck_assert_uint_gt(peer_counters(&net.b).fragments_out, before);
		ck_assert_uint_le(longest[0], SMALL);
		ck_assert_uint_le(longest[1], SMALL);
	}
	finish();
}
END_TEST

// No datagram is larger than it may be, whatever the limit: messages that just fit and that just do not.
START_TEST(every_size)
{
	for (uint32_t size = 200 + (uint32_t)_i * 40; size < 240 + (uint32_t)_i * 40; size++) {
		longest[0] = longest[1] = 0;
		start(size, size, size);
		net.filter = measure;
		net_connect(&net);
		net_settle(&net);
		ck_assert_uint_le(longest[0], size);
		ck_assert_uint_le(longest[1], size);
		finish();
	}
}
END_TEST

// What fits goes as it is.
START_TEST(small_messages)
{
	start(2, 1280, 1280);
	net_connect(&net);
	net_settle(&net);
	ck_assert_uint_eq(peer_counters(&net.a).fragments_out, 0);
	ck_assert_uint_eq(peer_counters(&net.b).fragments_out, 0);
	finish();
}
END_TEST

// The n-th packet of the handshake is lost, each one in turn, then doubled.
START_TEST(one_lost)
{
	start(3, SMALL, SMALL);
	if (_i % 2 == 0)
		net.drop_number = (uint32_t)_i / 2 + 1;
	else
		net.dup_number = (uint32_t)_i / 2 + 1;
	net_connect(&net);
	net_run(&net, 30 * US_PER_S);
	ck_assert_uint_ge(net.sent, 8);
	ck_assert_uint_eq(net.b.attached, 1);
	finish();
}
END_TEST

START_TEST(bad_weather)
{
	start(100 + (uint64_t)_i, SMALL, SMALL + 40);
	net.a.config.life.retransmit_tries = net.b.config.life.retransmit_tries = 12;
	net.b.config.life.half_open_s = 600;
	net.loss_percent = 15;
	net.dup_percent = 15;
	net.reorder_percent = 20;
	net_connect(&net);
	net_run(&net, 600 * US_PER_S);
	net.loss_percent = net.dup_percent = net.reorder_percent = 0;
	net_run(&net, 300 * US_PER_S);
	ck_assert_uint_eq(net.b.attached - net.b.detached, 1);
	finish();
}
END_TEST

// Fragments in the opposite order, each of them twice.
static struct packet held[16];
static uint32_t held_n;
static bool hold(struct net *n, struct packet *packet)
{
	(void)n;
	if (!is_fragment(packet) || is_response(packet) || packet->due_us == 1 || held_n == 16)
		return true;
	held[held_n] = *packet;
	held[held_n].data = malloc(packet->len);
	memcpy(held[held_n].data, packet->data, packet->len);
	held_n++;
	return false;
}

static void hold_request(uint64_t seed)
{
	start(seed, SMALL, SMALL);
	net.b.config.life.half_open_s = 600;
	held_n = 0;
	net.filter = hold;
	net_connect(&net);
	net_run(&net, 500 * US_PER_MS);
	ck_assert_uint_ge(held_n, 3);
	net.filter = NULL;
}

static void release(uint32_t i)
{
	held[i].due_us = 0;
	net_send_raw(&net, &held[i]);
	net_run(&net, 15 * US_PER_MS);
}

static void release_all(void)
{
	for (uint32_t i = 0; i < held_n; i++)
		release(i);
}

static void held_free(void)
{
	while (held_n > 0)
		free(held[--held_n].data);
}

START_TEST(reversed_and_doubled)
{
	hold_request(4);
	for (uint32_t i = held_n; i-- > 1;) {
		release(i);
		release(i);
	}
	ck_assert_uint_eq(peer_counters(&net.b).fragments_duplicate, held_n - 1);
	ck_assert_uint_eq(net.b.attached, 0);
	release(0);
	ck_assert_uint_eq(net.b.attached, 1);
	net_settle(&net);
	held_free();
	finish();
}
END_TEST

// When the request has been answered its first fragment asks for the answer again, as it was sent, and
// no other fragment does.
static uint32_t responses, response_hash[64];
static bool note_responses(struct net *n, struct packet *packet)
{
	uint32_t hash = 2166136261;

	(void)n;
	if (!is_response(packet))
		return true;
	for (uint32_t i = 0; i < packet->len; i++)
		hash = (hash ^ packet->data[i]) * 16777619;
	response_hash[responses++ % 64] = hash;
	return true;
}

START_TEST(asked_again)
{
	uint32_t once;

	hold_request(5);
	responses = 0;
	net.filter = note_responses;
	release_all();
	once = responses;
	ck_assert_uint_gt(once, 1);
	for (uint32_t i = 1; i < held_n; i++)
		release(i);
	ck_assert_uint_eq(responses, once);
	ck_assert_uint_eq(peer_counters(&net.b).fragments_repeated, held_n - 1);
	release(0);
	ck_assert_uint_eq(responses, 2 * once);
	for (uint32_t i = 0; i < once; i++)
		ck_assert_uint_eq(response_hash[i], response_hash[once + i]);
	net_settle(&net);
	ck_assert_uint_eq(net.b.attached, 1);
	held_free();
	finish();
}
END_TEST

// What a stranger on the path may do with the fragments that it sees: nothing is kept of it, and the
// message arrives.
static const struct {
	uint32_t offset;
	uint8_t value;
	enum {
		MALFORMED,
		BAD_ICV,
		TOO_LARGE
	} counted;
	const char *why;
} forgeries[] = {
	{33, 0, MALFORMED, "number 0"},
	{35, 0, MALFORMED, "total 0"},
	{33, 99, MALFORMED, "number above the total"},
	{33, 2, BAD_ICV, "another number"},
	{35, 9, BAD_ICV, "another total"},
	{34, 9, TOO_LARGE, "total beyond all bounds"},
	{28, PAYLOAD_NOTIFY, BAD_ICV, "another first payload"},
	{40, 0x55, BAD_ICV, "another IV"},
	{60, 0x55, BAD_ICV, "another octet of the ciphertext"},
};

START_TEST(forged)
{
	struct ike_counters counters;
	struct packet forgery;

	hold_request(6);
	forgery = held[0];
	forgery.data = malloc(forgery.len);
	memcpy(forgery.data, held[0].data, forgery.len);
	forgery.data[forgeries[_i].offset] = forgeries[_i].value;
	forgery.due_us = 0;
	net_send_raw(&net, &forgery);
	net_run(&net, 15 * US_PER_MS);
	free(forgery.data);
	counters = peer_counters(&net.b);
	ck_assert_msg(forgeries[_i].counted != MALFORMED || counters.fragments_malformed == 1, "%s",
		forgeries[_i].why);
	ck_assert_msg(
		forgeries[_i].counted != BAD_ICV || counters.bad_icv == 1, "%s", forgeries[_i].why);
	ck_assert_msg(forgeries[_i].counted != TOO_LARGE || counters.fragments_too_large == 1, "%s",
		forgeries[_i].why);
	ck_assert_uint_eq(net.b.ike->fragment_bytes, 0);
	release_all();
	net_settle(&net);
	ck_assert_uint_eq(net.b.attached, 1);
	held_free();
	finish();
}
END_TEST

// Fragments of a peer that never said it would.
START_TEST(not_negotiated)
{
	hold_request(7);
	for (struct ike_sa *sa = net.b.ike->all; sa != NULL; sa = sa->next)
		sa->fragmentation.supported = false;
	release_all();
	ck_assert_uint_eq(peer_counters(&net.b).fragments_unsupported, held_n);
	ck_assert_uint_eq(net.b.attached, 0);
	held_free();
	for (struct ike_sa *sa = net.b.ike->all; sa != NULL; sa = sa->next)
		sa->fragmentation.supported = true;
	net_settle(&net);
	finish();
}
END_TEST

// A path that takes nothing larger, and says nothing: the request is cut again and again. The set that
// begins later wins, wherever the larger fragments were.
static uint32_t path_limit, totals[8], totals_n;
static bool narrow(struct net *n, struct packet *packet)
{
	(void)n;
	if (!is_response(packet) && number_of(packet) == 1 &&
		(totals_n == 0 || totals[totals_n - 1] != total_of(packet)))
		totals[totals_n++ % 8] = total_of(packet);
	return packet->len + 28 <= path_limit || packet->data[18] == IKE_SA_INIT;
}

static void long_name(struct config_id *id)
{
	char text[240];

	memset(text, 'x', 200);
	snprintf(text + 200, 40, "@example.org");
	ck_assert_int_eq(config_id_parse(text, id), 0);
}

// The same many times over.
static void long_proposals(struct config_proposals *esp)
{
	esp->n = 8;
	for (uint32_t i = 0; i < esp->n; i++) {
		struct config_proposal *p = &esp->proposal[i];

		*p = esp->proposal[0];
		for (p->encr_n = 1; p->encr_n < 8; p->encr_n++)
			p->encr[p->encr_n] = p->encr[0];
	}
}

// Identities and proposals make the request of IKE_AUTH larger than 1280 bytes, the answer than 576.
static void start_large(uint64_t seed, uint32_t size_a, uint32_t size_b)
{
	net_init(&net, seed);
	net.a.config.fragment_size = size_a;
	net.b.config.fragment_size = size_b;
	long_name(&net.a.connection.id);
	long_name(&net.b.pad[0].id);
	long_proposals(&net.a.config.esp);
	long_proposals(&net.b.config.esp);
	net.a.connection.gateway_id = net.a.connection.id;
	net.b.config.gateway.id = net.a.connection.id;
	net_start(&net);
	path_limit = 10000;
	totals_n = 0;
	net.filter = narrow;
}

START_TEST(finds_the_size)
{
	start_large(8, 9000, 9000);
	path_limit = 576;
	net_connect(&net);
	net_run(&net, 10 * US_PER_S);
	// Whole first, then for 1280 and for 576 bytes, by the timer alone.
	ck_assert_uint_eq(totals_n, 2);
	ck_assert_uint_eq(totals[0], 2);
	ck_assert_uint_ge(totals[1], 3);
	ck_assert_uint_eq(peer_counters(&net.a).retransmits_out, 4);
	// The answer takes the request's size for a hint.
	ck_assert_uint_gt(peer_counters(&net.b).fragments_out, 1);
	ck_assert_uint_eq(net.b.attached, 1);
	finish();
}
END_TEST

// A router that says so: cut at once, without waiting for the timer. Words that fit nothing do nothing.
static struct ipc_too_big said;
static bool say_too_big(struct net *n, struct packet *packet)
{
	(void)n;
	if (packet->len + 28 <= 1280 || packet->data[18] == IKE_SA_INIT)
		return true;
	said = (struct ipc_too_big){.local = packet->src, .remote = packet->dst, .mtu = 1280};
	for (int i = 0; i < 8; i++) {
		said.spi_i = said.spi_i << 8 | packet->data[i];
		said.spi_r = said.spi_r << 8 | packet->data[8 + i];
	}
	return false;
}

START_TEST(router_says)
{
	struct ipc_too_big wrong;

	start_large(12, 9000, 9000);
	net.filter = say_too_big;
	said.mtu = 0;
	net_connect(&net);
	net_run(&net, 500 * US_PER_MS);
	ck_assert_uint_eq(said.mtu, 1280);
	ck_assert_uint_eq(net.b.attached, 0);
	for (int i = 0; i < 5; i++) {
		wrong = said;
		if (i == 0)
			wrong.spi_i ^= 1;
		if (i == 1)
			wrong.spi_r ^= 1;
		if (i == 2)
			wrong.remote = addr("192.0.2.77");
		if (i == 3)
			wrong.local = addr("192.0.2.77");
		if (i == 4)
			wrong.mtu = 9000;
		ike_on_too_big(net.a.ike, &wrong, net.now_us);
	}
	ck_assert_uint_eq(peer_counters(&net.a).too_big_ignored, 5);
	ck_assert_uint_eq(peer_counters(&net.a).fragments_out, 0);
	said.mtu = 68; // nobody has less than 1280
	ike_on_too_big(net.a.ike, &said, net.now_us);
	peer_drain(&net.a);
	ck_assert_uint_eq(peer_counters(&net.a).too_big_in, 1);
	ck_assert_uint_eq(peer_counters(&net.a).fragments_out, 2);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(net.b.attached, 1);
	ike_on_too_big(net.a.ike, &said, net.now_us);
	ck_assert_uint_eq(peer_counters(&net.a).too_big_ignored, 6);
	net_settle(&net);
	finish();
}
END_TEST

// The gateway's answer is what does not fit: the kept answer is cut, the request is not needed again.
static bool answer_too_big(struct net *n, struct packet *packet)
{
	if (packet->from == &n->a)
		return true;
	return say_too_big(n, packet);
}

static void stuff_reply(struct ike_link_reply *reply)
{
	reply->reply.domain_n = CP_DOMAINS;
	for (size_t i = 0; i < CP_DOMAINS; i++)
		for (size_t k = 0; k < 250; k++)
			reply->reply.domain[i][k] = k % 50 == 49 ? '.' : (char)('a' + i);
}

START_TEST(answer_cut)
{
	start_large(13, 9000, 9000);
	net.b.reply_hook = stuff_reply;
	net.filter = answer_too_big;
	said.mtu = 0;
	net_connect(&net);
	net_run(&net, 500 * US_PER_MS);
	ck_assert_uint_eq(said.mtu, 1280);
	ck_assert_uint_eq(net.a.up, 0);
	ike_on_too_big(net.b.ike, &said, net.now_us);
	peer_drain(&net.b);
	ck_assert_uint_ge(peer_counters(&net.b).fragments_out, 2);
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(net.a.up, 1);
	ck_assert_uint_eq(peer_counters(&net.b).retransmits_in, 0);
	finish();
}
END_TEST

// It is not the size: the peer is away. Nothing is cut for that, and it is found dead.
START_TEST(peer_away)
{
	start(9, SMALL, SMALL);
	net_connect(&net);
	net_settle(&net);
	net.down = true;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 300 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).peer_timeouts, 1);
	ck_assert_uint_eq(net.a.down, 1);
	net_finish(&net);
}
END_TEST

// A set that is never completed goes, and so does what a half-open peer began.
START_TEST(given_up)
{
	hold_request(10);
	release(1);
	release(2);
	ck_assert_uint_gt(net.b.ike->fragment_bytes, 0);
	net.down = true;
	net_run(&net, 31 * US_PER_S);
	nothing_kept();
	ck_assert_uint_eq(peer_counters(&net.b).fragments_timeout, 1);
	net_run(&net, 700 * US_PER_S);
	held_free();
	net_finish(&net);
}
END_TEST

// A stranger that sends fragments without end, all authentic: bounded, and it stays a stranger.
START_TEST(endless)
{
	struct ike_sa *sa;
	static uint8_t chunk[8000], out[9000];
	uint8_t iv[16] = {0};
	int n;

	start(11, SMALL, SMALL);
	held_n = 0;
	net.filter = hold;
	net_connect(&net);
	net_run(&net, 500 * US_PER_MS);
	net.filter = NULL;
	sa = net.a.ike->all;
	for (uint16_t i = 1; i <= 40; i++) {
		struct ike_header header = {.spi_i = sa->spi_i,
			.spi_r = sa->spi_r,
			.version = 0x20,
			.exchange = IKE_AUTH,
			.flags = IKE_FLAG_INITIATOR,
			.message_id = 1};
		struct frag_head head = {i, 40};
		struct packet packet = {.src = net.a.addr,
			.dst = net.b.addr,
			.src_port = 500,
			.dst_port = 500,
			.from = &net.a,
			.data = out};

		n = sk_seal_fragment(&sa->keys, true, &header, &head, PAYLOAD_IDI, chunk,
			sizeof(chunk), sa->iv_counter++, iv, out, sizeof(out));
		ck_assert_int_gt(n, 0);
		packet.len = (uint32_t)n;
		net_send_raw(&net, &packet);
		net_run(&net, 11 * US_PER_MS);
		ck_assert_uint_le(net.b.ike->fragment_bytes, 32768);
	}
	ck_assert_uint_ge(peer_counters(&net.b).fragments_too_large, 8);
	// And a real one comes through after all.
	net_run(&net, 40 * US_PER_S);
	held_free();
	net_run(&net, 300 * US_PER_S);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fragments");
	TCase *tc = tcase_create("fragments");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, negotiated, 0, sizeof(sides) / sizeof(sides[0]));
	tcase_add_loop_test(tc, every_size, 0, 10);
	tcase_add_test(tc, small_messages);
	tcase_add_test(tc, no_keys_yet);
	tcase_add_loop_test(tc, one_lost, 0, 24);
	tcase_add_loop_test(tc, bad_weather, 0, 30);
	tcase_add_test(tc, reversed_and_doubled);
	tcase_add_test(tc, asked_again);
	tcase_add_loop_test(tc, forged, 0, sizeof(forgeries) / sizeof(forgeries[0]));
	tcase_add_test(tc, not_negotiated);
	tcase_add_test(tc, finds_the_size);
	tcase_add_test(tc, router_says);
	tcase_add_test(tc, answer_cut);
	tcase_add_test(tc, peer_away);
	tcase_add_test(tc, given_up);
	tcase_add_test(tc, endless);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
