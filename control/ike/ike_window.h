// SPDX-License-Identifier: BSD-3-Clause
// Message ids of one IKE SA: which request may be sent, which one is expected, what is sent again.
// RFC 7296 sections 2.1 to 2.3. It keeps bytes and knows nothing of what they mean. One thread.
#pragma once

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Requests that may be under way at once, and answers that are kept, in each direction. Every
// function works for any size; what a peer allows beyond 1 it says with SET_WINDOW_SIZE.
#define WINDOW_SIZE 1

struct window_out {
	bool used;
	uint32_t id;
	uint8_t *bytes; // owned: the request, sent again byte by byte
	size_t len;
	void *owner; // who waits for the response
	uint32_t sent_n; // times sent
	uint64_t again_us; // when to send it again, or to give up
};
struct window_in {
	bool used;
	uint32_t id;
	uint8_t *bytes; // owned: the response
	size_t len;
};
struct ike_window {
	uint32_t next_out; // id of our next request
	uint32_t expect_in; // id of the peer's next request
	struct window_out out[WINDOW_SIZE];
	struct window_in in[WINDOW_SIZE];
};

void window_init(struct ike_window *window, uint32_t next_out, uint32_t expect_in);
void window_fini(struct ike_window *window);

// Ours: a place for one more request, NULL when the window is full or the ids have run out.
struct window_out *window_place(struct ike_window *window);
// The request with window->next_out went out. Copies.
void window_sent(struct ike_window *window, struct window_out *place, const void *bytes, size_t len,
	void *owner, uint64_t again_us);
// Other bytes under the same id: IKE_SA_INIT again, with a cookie or another key exchange group.
void window_replace(struct window_out *place, const void *bytes, size_t len, uint64_t again_us);
struct window_out *window_waiting(struct ike_window *window, uint32_t id); // NULL: nobody waits
struct window_out *window_any(struct ike_window *window); // one under way, or NULL
void window_answered(struct ike_window *window, struct window_out *place); // frees the place
void window_forget(struct ike_window *window); // nothing is sent again any more
uint64_t window_next_us(const struct ike_window *window);
// How long to wait after the n-th sending (from 1): doubles from 1 s up to 60 s.
uint64_t window_interval_us(uint32_t sent_n);

enum window_verdict {
	WINDOW_NEW,
	WINDOW_REPEATED,
	WINDOW_OUTSIDE
};
// Theirs: what a request with this id is. REPEATED: `*answer` is the response to send again.
enum window_verdict window_check(
	const struct ike_window *window, uint32_t id, const struct window_in **answer);
// The request was answered so. Copies, forgets the oldest answer.
void window_responded(struct ike_window *window, uint32_t id, const void *bytes, size_t len);
// Other bytes for the same answer. Copies.
void window_answer_replace(struct window_in *place, const void *bytes, size_t len);
