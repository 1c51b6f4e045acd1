// SPDX-License-Identifier: BSD-3-Clause
// What strangers can make a gateway spend: cookies, limits by source, and what a peer may ask. RFC 7296
// sections 2.6 and 2.6.1.
#include "cookie.h"
#include "half_open.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct net net;
static uint8_t request[2000]; // an IKE_SA_INIT request of the client's
static uint32_t request_len;

static void start(uint64_t seed)
{
	net_init(&net, seed);
	net.b.config.limits.cookies = CONFIG_COOKIES_AUTO;
}

static bool catch_request(struct net *n, struct packet *packet)
{
	if (packet->from == &n->a && packet->data[18] == IKE_SA_INIT) {
		ck_assert_uint_le(packet->len, sizeof(request));
		request_len = packet->len;
		memcpy(request, packet->data, packet->len);
		return false;
	}
	return true;
}

// Has a good request without sending it.
static void take_request(void)
{
	net.filter = catch_request;
	net_connect(&net);
	net_run(&net, 10 * US_PER_MS);
	net.filter = NULL;
	ck_assert_uint_gt(request_len, 0);
}

// The request once more, with another SPI, from elsewhere.
static void forge(uint64_t number, const char *source)
{
	struct packet packet = {.src = addr(source),
		.dst = net.b.addr,
		.src_port = (uint16_t)(1000 + number % 60000),
		.dst_port = 500,
		.len = request_len,
		.data = request};

	memcpy(request, &(uint64_t){number + 1}, 8);
	net_send_raw(&net, &packet);
}

static void forge_many(uint32_t n, const char *format)
{
	char source[INET_ADDR_STRLEN];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(source, sizeof(source), format, i % 250 + 1);
		forge(i, source);
	}
	net_run(&net, 100 * US_PER_MS);
}

// --> IKE_SA_INIT request		<-- { N(COOKIE) }
// --> { N(COOKIE), SA, KEi, Ni, .. }	<-- { SA, KEr, Nr, .. }
START_TEST(always)
{
	start(1);
	net.b.config.limits.cookies = CONFIG_COOKIES_ALWAYS;
	net_start(&net);
	take_request();
	forge(1, "198.51.100.1");
	net_run(&net, 100 * US_PER_MS);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 1);
	ck_assert_uint_eq(net.b.ike->sa_n, 0);
	ck_assert_uint_eq(net.b.event_n[IKE_EVENT_MESSAGE_IN], 0);
	net_run(&net, 2 * US_PER_S); // our client asks again
	net_check_up(&net);
	ck_assert(peer_sent_text(&net.a, "IKE_SA_INIT request 0 { N(COOKIE), SA, KEi, Ni"));
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 2);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_good, 1);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_bad, 0);
	net_finish(&net);
}
END_TEST

static struct nonce nonce_of(uint8_t octet)
{
	struct nonce nonce = {.len = 32};

	memset(nonce.bytes, octet, 32);
	return nonce;
}

// Good for its own request alone, through one change of the secret and not through two.
START_TEST(rotation)
{
	struct inet_addr home = addr("192.0.2.2"), other = addr("192.0.2.3");
	struct nonce ni = nonce_of(1), wrong = nonce_of(2);
	uint8_t cookie[COOKIE_BYTES], later[COOKIE_BYTES];
	struct ike *ike;

	start(2);
	net_start(&net);
	ike = net.b.ike;
	core_enter(ike, net.now_us);
	ck_assert_int_eq(cookie_make(ike, &home, 7, &ni, cookie), 0);
	ck_assert(cookie_check(ike, &home, 7, &ni, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(ike, &other, 7, &ni, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(ike, &home, 8, &ni, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(ike, &home, 7, &wrong, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(ike, &home, 7, &ni, cookie, COOKIE_BYTES - 1));
	for (int i = 0; i < COOKIE_BYTES; i++) {
		cookie[i] ^= 1;
		ck_assert(!cookie_check(ike, &home, 7, &ni, cookie, COOKIE_BYTES));
		cookie[i] ^= 1;
	}
	core_enter(ike, net.now_us + COOKIE_SECRET_US);
	ck_assert_int_eq(cookie_make(ike, &home, 7, &ni, later), 0);
	ck_assert_int_ne(memcmp(cookie, later, COOKIE_BYTES), 0);
	ck_assert(cookie_check(ike, &home, 7, &ni, cookie, COOKIE_BYTES));
	core_enter(ike, net.now_us + 2 * COOKIE_SECRET_US);
	ck_assert(!cookie_check(ike, &home, 7, &ni, cookie, COOKIE_BYTES));
	ck_assert(cookie_check(ike, &home, 7, &ni, later, COOKIE_BYTES));
	// Nobody asked for so long that both are too old.
	core_enter(ike, net.now_us + 4 * COOKIE_SECRET_US);
	ck_assert(!cookie_check(ike, &home, 7, &ni, later, COOKIE_BYTES));
	net_finish(&net);
}
END_TEST

// A flood from forged sources: half-open IKE SAs up to the threshold and no further, and whoever is
// really there comes in.
START_TEST(flood)
{
	start(3);
	net.b.config.half_open_max = _i == 0 ? 100 : 80;
	net.b.config.limits.cookie_threshold = _i == 0 ? 20 : 0; // a quarter
	net_start(&net);
	take_request();
	forge_many(1000, "198.51.100.%u");
	ck_assert_uint_eq(net.b.ike->half_open_n, 20);
	ck_assert_uint_eq(net.b.ike->sa_n, 20);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 980);
	net_run(&net, 2 * US_PER_S);
	net_check_up(&net);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_good, 1);
	ck_assert_uint_eq(net.b.ike->half_open_n, 20);
	// They go, and cookies with them.
	net_run(&net, 31 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->half_open_n, 0);
	forge(5000, "198.51.100.9");
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->half_open_n, 1);
	net_finish(&net);
}
END_TEST

// Section 2.6.1, both wanted: a cookie, then another group, with the same cookie.
START_TEST(cookie_and_group)
{
	struct config_proposal *a = &net.a.config.ike.proposal[0];

	start(4);
	net.b.config.limits.cookies = CONFIG_COOKIES_ALWAYS;
	a->dh_n = 2;
	a->dh[1] = alg_dh_find(DH_ECP_256);
	net.b.config.ike.proposal[0].dh[0] = a->dh[1];
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 1);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_good, 2);
	ck_assert_uint_eq(peer_counters(&net.b).invalid_ke, 1);
	ck_assert_uint_eq(peer_sent_count(&net.a, "IKE_SA_INIT request 0"), 3);
	net_finish(&net);
}
END_TEST

// Too many errors to answer: a cookie brings the answer nevertheless.
START_TEST(no_answers_left)
{
	start(5);
	net.b.config.ike.proposal[0].dh[0] = alg_dh_find(DH_ECP_256);
	net.a.config.ike.proposal[0].dh_n = 2;
	net.a.config.ike.proposal[0].dh[1] = alg_dh_find(DH_ECP_256);
	net_start(&net);
	net.b.ike->stranger_tokens = 0;
	net.b.ike->stranger_us = net.now_us + 3600 * US_PER_S;
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 1);
	ck_assert_uint_eq(peer_counters(&net.b).invalid_ke, 1);
	net_finish(&net);
}
END_TEST

static const struct {
	const char *format, *other;
	const char *why;
} sources[] = {
	{"198.51.100.1", "198.51.100.2", "one IPv4 address"},
	{"2001:db8:1:1::%x", "2001:db8:1:2::1", "addresses of one /64"},
};

// Half-open IKE SAs of one source, where cookies are never asked for.
START_TEST(source_full)
{
	start(6);
	net.b.config.limits.cookies = CONFIG_COOKIES_NEVER;
	net.b.config.limits.half_open_source_max = 3;
	net_start(&net);
	take_request();
	forge_many(10, sources[_i].format);
	ck_assert_msg(net.b.ike->half_open_n == 3, "%s", sources[_i].why);
	ck_assert_uint_eq(peer_counters(&net.b).source_refused, 7);
	ck_assert_uint_eq(peer_counters(&net.b).cookies_sent, 0);
	forge(20, sources[_i].other);
	net_run(&net, 1 * US_PER_S);
	ck_assert_uint_eq(net.b.ike->half_open_n, 4);
	net_run(&net, 31 * US_PER_S);
	forge_many(10, sources[_i].format);
	ck_assert_uint_eq(net.b.ike->half_open_n, 3);
	net_finish(&net);
}
END_TEST

// Somebody forges the client's own address: the client comes in all the same, by a cookie.
START_TEST(source_forged)
{
	start(7);
	net.b.config.limits.half_open_source_max = 3;
	net_start(&net);
	take_request();
	forge_many(50, "192.0.2.2");
	ck_assert_uint_eq(net.b.ike->half_open_n, 3);
	ck_assert_uint_eq(peer_counters(&net.b).source_refused, 0);
	ck_assert_uint_gt(peer_counters(&net.b).cookies_sent, 40);
	net_run(&net, 2 * US_PER_S);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

START_TEST(source_rate)
{
	start(8);
	net.b.config.limits.cookies = CONFIG_COOKIES_NEVER;
	net.b.config.limits.init_source_rate = 10;
	net_start(&net);
	take_request();
	forge_many(50, "198.51.100.1");
	ck_assert_uint_eq(net.b.ike->half_open_n, 10);
	ck_assert_uint_eq(peer_counters(&net.b).source_refused, 40);
	net_run(&net, 1 * US_PER_S);
	forge_many(50, "198.51.100.1");
	ck_assert_uint_ge(net.b.ike->half_open_n, 19);
	ck_assert_uint_le(net.b.ike->half_open_n, 22);
	net_finish(&net);
}
END_TEST

// What is kept of a stranger has a bound in octets too.
START_TEST(oversized)
{
	static uint8_t large[INIT_REQUEST_MAX + 1];
	struct packet packet = {.src = addr("198.51.100.1"),
		.dst = addr("192.0.2.1"),
		.src_port = 500,
		.dst_port = 500,
		.data = large};

	start(9);
	net_start(&net);
	take_request();
	memcpy(large, request, request_len);
	for (int i = 0; i < 2; i++) {
		uint32_t len = (uint32_t)(INIT_REQUEST_MAX + 1 - i), at = 16, next = 0;

		// The last payload becomes a vendor ID that fills the message.
		memset(large + request_len, 0, sizeof(large) - request_len);
		memcpy(large + 24, &(uint32_t){__builtin_bswap32(len)}, 4);
		for (next = 28; next < request_len;
			next += (uint32_t)(large[next + 2] << 8 | large[next + 3]))
			at = next;
		large[at] = PAYLOAD_VENDOR;
		large[next + 2] = (uint8_t)((len - next) >> 8);
		large[next + 3] = (uint8_t)(len - next);
		packet.len = len;
		net_send_raw(&net, &packet);
		net_run(&net, 100 * US_PER_MS);
		ck_assert_uint_eq(peer_counters(&net.b).init_oversized, 1);
		ck_assert_uint_eq(net.b.ike->half_open_n, i);
		memcpy(large, request, request_len);
	}
	net_finish(&net);
}
END_TEST

// A peer that asks without end is served at its rate, and stays.
START_TEST(requests)
{
	struct ike_sa *sa, *other;

	start(10);
	net.b.config.limits.request_rate = 20;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	sa = ike_sa_by_handle(net.a.ike, peer_ike_sa(&net.a));
	other = ike_sa_by_handle(net.b.ike, peer_ike_sa(&net.b));
	for (int i = 0; i < 200; i++) {
		craft_begin();
		craft_send(&net.a, sa->handle, INFORMATIONAL, 0, other->window.expect_in);
		net_run(&net, 12 * US_PER_MS);
	}
	ck_assert_uint_gt(peer_counters(&net.b).requests_limited, 100);
	ck_assert_uint_lt(peer_counters(&net.b).requests_limited, 180);
	sa->window.next_out = other->window.expect_in;
	net_run(&net, 5 * US_PER_S);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

static enum ike_standing standing_of(const uint8_t *data, uint32_t len)
{
	return ike_standing(net.b.ike, &(struct ike_datagram){.data = data, .len = len});
}

static struct packet last; // to the gateway
static bool note_last(struct net *n, struct packet *packet)
{
	if (packet->from == &n->a) {
		free(last.data);
		last = *packet;
		last.data = malloc(packet->len);
		memcpy(last.data, packet->data, packet->len);
	}
	return packet->from != &n->a || packet->data[18] != IKE_AUTH || n->filter_arg != NULL;
}

// Who is served first: peers, then who is being set up, then strangers.
START_TEST(standing)
{
	start(11);
	net_start(&net);
	net.filter = note_last;
	net_connect(&net);
	net_run(&net, 100 * US_PER_MS); // IKE_AUTH is lost
	ck_assert_uint_eq(last.data[18], IKE_AUTH);
	ck_assert_int_eq(standing_of(last.data, last.len), IKE_STANDING_HALF_OPEN);
	net.filter_arg = &net;
	net_run(&net, 5 * US_PER_S);
	net_check_up(&net);
	ck_assert_int_eq(standing_of(last.data, last.len), IKE_STANDING_PEER);
	ck_assert_int_eq(standing_of(last.data, last.len - 1), IKE_STANDING_STRANGER);
	ck_assert_int_eq(standing_of(last.data, 5), IKE_STANDING_STRANGER);
	last.data[3] ^= 1; // another SPI
	ck_assert_int_eq(standing_of(last.data, last.len), IKE_STANDING_STRANGER);
	last.data[3] ^= 1;
	last.data[18] = IKE_SA_INIT;
	ck_assert_int_eq(standing_of(last.data, last.len), IKE_STANDING_STRANGER);
	free(last.data);
	net.filter = NULL;
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cookie");
	TCase *tc = tcase_create("cookie");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, always);
	tcase_add_test(tc, rotation);
	tcase_add_loop_test(tc, flood, 0, 2);
	tcase_add_test(tc, cookie_and_group);
	tcase_add_test(tc, no_answers_left);
	tcase_add_loop_test(tc, source_full, 0, sizeof(sources) / sizeof(sources[0]));
	tcase_add_test(tc, source_forged);
	tcase_add_test(tc, source_rate);
	tcase_add_test(tc, oversized);
	tcase_add_test(tc, requests);
	tcase_add_test(tc, standing);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
