// SPDX-License-Identifier: BSD-3-Clause
// What a message of a stranger costs the IKE core, alone in this process: CPU time, without the way through
// the dataplane and its rings. One thread.
#include "clock.h"
#include "flood.h"
#include "ike_msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COOKIE_PAYLOAD_MAX 80

static const struct ike_ops ops = {.random = load_random};

int flood_request(uint8_t out[FLOOD_MAX])
{
	struct config *config = load_client_config();
	struct ike *ike = config == NULL ? NULL : ike_new(config, &ops, NULL);
	struct inet_addr local;
	struct ike_effect *effect = NULL;
	int len = -EIO;

	if (ike != NULL && inet_addr_parse("192.0.2.3", &local) == 0 &&
		ike_initiate(ike, &config->connection[0], &local, clock_now_us()) == 0)
		while ((effect = ike_effect_take(ike)) != NULL) {
			if (effect->type == IKE_SEND && effect->send.datagram.len <= FLOOD_MAX) {
				len = (int)effect->send.datagram.len;
				memcpy(out, effect->send.datagram.data, (size_t)len);
			}
			ike_effect_free(effect);
		}
	ike_free(ike);
	config_free(config);
	return len;
}

struct cost {
	struct config *config;
	struct ike *ike;
	uint8_t request[FLOOD_MAX];
	uint32_t request_len;
	uint8_t message[FLOOD_MAX + COOKIE_PAYLOAD_MAX]; // the next one
	uint32_t len;
	uint8_t answer[FLOOD_MAX];
	uint32_t answer_len; // of the last one, 0: none
};

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void give(struct cost *cost)
{
	struct ike_datagram datagram = {.local = {.family = AF_INET, .bytes = {192, 0, 2, 1}},
		.remote = {.family = AF_INET, .bytes = {198, 18}},
		.local_port = 500,
		.remote_port = 500,
		.len = cost->len,
		.data = cost->message};
	struct ike_effect *effect = NULL;

	// The source is a part of the SPI, so that a message that comes again comes from there too.
	memcpy(datagram.remote.bytes + 2, cost->message, 2);
	cost->answer_len = 0;
	ike_receive(cost->ike, &datagram, clock_now_us());
	while ((effect = ike_effect_take(cost->ike)) != NULL) {
		if (effect->type == IKE_SEND && effect->send.datagram.len <= FLOOD_MAX) {
			cost->answer_len = effect->send.datagram.len;
			memcpy(cost->answer, effect->send.datagram.data, cost->answer_len);
		}
		ike_effect_free(effect);
	}
}

static void make_garbage(struct cost *cost)
{
	cost->len = flood_garbage(cost->message);
}

static void make_unknown(struct cost *cost)
{
	cost->len = cost->request_len;
	memcpy(cost->message, cost->request, cost->len);
	flood_vary(cost->message, cost->len);
	memcpy(cost->message + 8, cost->message, 8);
	cost->message[18] = INFORMATIONAL;
}

static void make_init(struct cost *cost)
{
	cost->len = cost->request_len;
	memcpy(cost->message, cost->request, cost->len);
	flood_vary(cost->message, cost->len);
}

// The answer's notify in front of the request's payloads.
static void put_cookie(struct cost *cost, const uint8_t *notify, uint32_t len)
{
	uint8_t first = cost->message[16];

	memmove(cost->message + IKE_HEADER_BYTES + len, cost->message + IKE_HEADER_BYTES,
		cost->len - IKE_HEADER_BYTES);
	memcpy(cost->message + IKE_HEADER_BYTES, notify, len);
	cost->message[16] = PAYLOAD_NOTIFY;
	cost->message[IKE_HEADER_BYTES] = first;
	cost->len += len;
	cost->message[26] = (uint8_t)(cost->len >> 8);
	cost->message[27] = (uint8_t)cost->len;
}

static void make_wrong_cookie(struct cost *cost)
{
	static const uint8_t notify[25] = {0, 0, 0, 25, 0, 0, 0x40, 0x06, 1, 2, 3};

	make_init(cost);
	put_cookie(cost, notify, sizeof(notify));
}

static void make_good_cookie(struct cost *cost)
{
	make_init(cost);
	give(cost); // not counted
	if (cost->answer_len > IKE_HEADER_BYTES &&
		cost->answer_len <= IKE_HEADER_BYTES + COOKIE_PAYLOAD_MAX)
		put_cookie(
			cost, cost->answer + IKE_HEADER_BYTES, cost->answer_len - IKE_HEADER_BYTES);
}

static int measure(struct cost *cost, const char *what, enum config_cookies cookies, uint32_t n,
	void (*make)(struct cost *cost))
{
	struct ike_counters counters;
	double used_us = 0;

	cost->config->limits.cookies = cookies;
	cost->ike = ike_new(cost->config, &ops, NULL);
	if (cost->ike == NULL)
		return -errno;
	for (uint32_t i = 0; i < n; i++) {
		double begin_us = 0;

		make(cost);
		begin_us = cpu_us();
		give(cost);
		used_us += cpu_us() - begin_us;
	}
	ike_counters(cost->ike, &counters);
	printf("%-44s %8.2f us, %u half-open, %lu answers\n", what, used_us / n,
		ike_half_open(cost->ike), counters.datagrams_out);
	ike_free(cost->ike);
	return 0;
}

int flood_cost(const char *config_path)
{
	static const struct {
		const char *what;
		enum config_cookies cookies;
		uint32_t n;
		void (*make)(struct cost *cost);
	} kinds[] = {
		{"garbage", CONFIG_COOKIES_ALWAYS, 200000, make_garbage},
		{"for an IKE SA that is not there", CONFIG_COOKIES_ALWAYS, 200000, make_unknown},
		{"IKE_SA_INIT, answered with a cookie", CONFIG_COOKIES_ALWAYS, 200000, make_init},
		{"IKE_SA_INIT with a wrong cookie", CONFIG_COOKIES_ALWAYS, 200000,
			make_wrong_cookie},
		{"IKE_SA_INIT with a good cookie", CONFIG_COOKIES_ALWAYS, 5000, make_good_cookie},
		{"IKE_SA_INIT, no cookies", CONFIG_COOKIES_NEVER, 5000, make_init},
	};
	static struct cost cost;
	struct config_errors errors = {};
	int error = 0, len = flood_request(cost.request);

	if (len < 0)
		return len;
	cost.request_len = (uint32_t)len;
	cost.config = config_load(config_path, &errors);
	if (cost.config == NULL) {
		fprintf(stderr, "%s\n", errors.text[0]);
		return -EINVAL;
	}
	cost.config->half_open_max = 1000000;
	cost.config->limits.half_open_source_max = 1000000;
	cost.config->limits.init_source_rate = 1000000;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && error == 0; i++)
		error = measure(&cost, kinds[i].what, kinds[i].cookies, kinds[i].n, kinds[i].make);
	config_free(cost.config);
	return error;
}
