// SPDX-License-Identifier: BSD-3-Clause
// Window of message ids of one IKE SA, RFC 7296 sections 2.1 to 2.3. One thread.
#include "ike_window.h"

#include "ike_core.h"

#include <stdlib.h>
#include <string.h>

#define INTERVAL_FIRST_US (1 * US_PER_S)
#define INTERVAL_MAX_US (60 * US_PER_S)

static uint8_t *copy(const void *bytes, size_t len)
{
	return memcpy(core_need(len), bytes, len);
}

void window_init(struct ike_window *window, uint32_t next_out, uint32_t expect_in)
{
	memset(window, 0, sizeof(*window));
	window->next_out = next_out;
	window->expect_in = expect_in;
}

void window_fini(struct ike_window *window)
{
	for (int i = 0; i < WINDOW_SIZE; i++) {
		free(window->out[i].bytes);
		free(window->in[i].bytes);
	}
	memset(window, 0, sizeof(*window));
}

struct window_out *window_place(struct ike_window *window)
{
	struct window_out *place = &window->out[window->next_out % WINDOW_SIZE];

	// Ids never wrap: the IKE SA is rekeyed long before (RFC 7296 section 2.2).
	if (window->next_out == UINT32_MAX || place->used)
		return NULL;
	return place;
}

void window_sent(struct ike_window *window, struct window_out *place, const void *bytes, size_t len,
	void *owner, uint64_t again_us)
{
	place->used = true;
	place->id = window->next_out++;
	place->bytes = copy(bytes, len);
	place->len = len;
	place->owner = owner;
	place->sent_n = 1;
	place->again_us = again_us;
}

void window_replace(struct window_out *place, const void *bytes, size_t len, uint64_t again_us)
{
	free(place->bytes);
	place->bytes = copy(bytes, len);
	place->len = len;
	place->sent_n = 1;
	place->again_us = again_us;
}

struct window_out *window_waiting(struct ike_window *window, uint32_t id)
{
	struct window_out *place = &window->out[id % WINDOW_SIZE];

	return place->used && place->id == id ? place : NULL;
}

struct window_out *window_any(struct ike_window *window)
{
	for (int i = 0; i < WINDOW_SIZE; i++)
		if (window->out[i].used)
			return &window->out[i];
	return NULL;
}

void window_answered(struct ike_window *, struct window_out *place)
{
	free(place->bytes);
	memset(place, 0, sizeof(*place));
}

void window_forget(struct ike_window *window)
{
	for (int i = 0; i < WINDOW_SIZE; i++)
		if (window->out[i].used)
			window_answered(window, &window->out[i]);
}

uint64_t window_next_us(const struct ike_window *window)
{
	uint64_t next = CLOCK_NEVER;

	for (int i = 0; i < WINDOW_SIZE; i++)
		if (window->out[i].used && window->out[i].again_us < next)
			next = window->out[i].again_us;
	return next;
}

uint64_t window_interval_us(uint32_t sent_n)
{
	if (sent_n == 0)
		return 0;
	if (sent_n > 7)
		return INTERVAL_MAX_US;
	return INTERVAL_FIRST_US << (sent_n - 1) < INTERVAL_MAX_US
		? INTERVAL_FIRST_US << (sent_n - 1)
		: INTERVAL_MAX_US;
}

enum window_verdict window_check(
	const struct ike_window *window, uint32_t id, const struct window_in **answer)
{
	const struct window_in *place = &window->in[id % WINDOW_SIZE];

	if (place->used && place->id == id) {
		*answer = place;
		return WINDOW_REPEATED;
	}
	if (id < window->expect_in || id == UINT32_MAX)
		return WINDOW_OUTSIDE;
	return id - window->expect_in < WINDOW_SIZE ? WINDOW_NEW : WINDOW_OUTSIDE;
}

void window_responded(struct ike_window *window, uint32_t id, const void *bytes, size_t len)
{
	struct window_in *place = &window->in[id % WINDOW_SIZE];

	free(place->bytes);
	place->used = true;
	place->id = id;
	place->bytes = copy(bytes, len);
	place->len = len;
	// The lowest id without an answer is the next one expected.
	while (window->in[window->expect_in % WINDOW_SIZE].used &&
		window->in[window->expect_in % WINDOW_SIZE].id == window->expect_in)
		window->expect_in++;
}

void window_answer_replace(struct window_in *place, const void *bytes, size_t len)
{
	free(place->bytes);
	place->bytes = copy(bytes, len);
	place->len = len;
}
