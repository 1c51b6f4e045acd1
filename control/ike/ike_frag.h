// SPDX-License-Identifier: BSD-3-Clause
// Fragments of one IKE message, RFC 7383: how many a message is cut into, and the set that a message
// is put together from. Knows nothing of keys: what is added has passed its integrity check. Any
// thread.
#pragma once

#include "ike_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of one message. The smallest fragments that are sent (576 bytes) need 140 for the longest message.
#define FRAG_N_MAX 256

// What stands in front of the IV of an SKF payload, section 2.5.
#define FRAG_HEAD_BYTES 4
struct frag_head {
	uint16_t number; // from 1
	uint16_t total;
};
// 0, or -EBADMSG: too short, or numbers that cannot be (section 2.6).
int frag_head_read(const struct ike_payload_ref *skf, struct frag_head *out);

struct frag_set; // fragments of one message

enum frag_verdict {
	FRAG_NEW, // of the set that there is, or of a newer one that replaces it
	FRAG_DUPLICATE, // it is there already
	FRAG_SUPERSEDED, // of a set with fewer fragments than the one that there is
	FRAG_TOO_MANY, // more than FRAG_N_MAX in its message
};
// To be asked before the integrity check. `set` may be NULL.
enum frag_verdict frag_check(
	const struct frag_set *set, uint32_t message_id, const struct frag_head *head);
// Adds a fragment that frag_check() calls new, into *set, which is made, or emptied for another
// message or a newer set. Copies. 0, or -ENOSPC: its message would have more than `bytes_max`; then
// there is no set any more. `until_us`: when a set that is begun now is given up.
int frag_add(struct frag_set **set, uint32_t message_id, const struct frag_head *head,
	const struct ike_payload_ref *skf, const void *chunk, size_t len, size_t bytes_max,
	uint64_t until_us);
bool frag_whole(const struct frag_set *set);
// The message's inner chain; out has room for frag_bytes(). Returns its length.
size_t frag_join(const struct frag_set *set, void *out, uint8_t *first_payload);
size_t frag_bytes(const struct frag_set *set); // held, 0 for NULL
size_t frag_longest(const struct frag_set *set); // chunk
uint64_t frag_until_us(const struct frag_set *set); // CLOCK_NEVER for NULL
void frag_free(struct frag_set *set); // accepts NULL; wipes

// Into how many fragments a chain is cut when each may carry `chunk_max` bytes, at least `n_min`.
// 0: it cannot be done.
uint32_t frag_count(size_t len, size_t chunk_max, uint32_t n_min);
// Where the i-th of n (from 0) begins, n as frag_count() said; the n-th is the end. Each is as long as
// it may be, so that the peer sees what we take for the limit; more than needed are of one length.
size_t frag_start(size_t len, size_t chunk_max, uint32_t n, uint32_t i);
