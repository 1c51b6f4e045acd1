// SPDX-License-Identifier: BSD-3-Clause
// Bounded reader and writer over bytes that the caller owns (lends). Each call checks bounds; after
// the first failure the cursor is failed for good, further reads give zero, further writes do
// nothing, so a parser may check once at its end. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf_reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

void buf_reader_init(struct buf_reader *r, const void *data, size_t len);
static inline size_t buf_left(const struct buf_reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->pos);
}
uint8_t buf_get_u8(struct buf_reader *r);
uint16_t buf_get_be16(struct buf_reader *r); // returns host order
uint32_t buf_get_be32(struct buf_reader *r);
uint64_t buf_get_be64(struct buf_reader *r);
void buf_get_bytes(struct buf_reader *r, void *out, size_t len); // zeroes `out` on failure
const uint8_t *buf_skip(struct buf_reader *r, size_t len); // lends; NULL on failure
// A reader over the next len bytes, which `r` skips. Failed when they are not there.
struct buf_reader buf_sub(struct buf_reader *r, size_t len);

struct buf_writer {
	uint8_t *start;
	uint8_t *pos;
	uint8_t *end;
	bool failed;
};

void buf_writer_init(struct buf_writer *w, void *data, size_t cap);
static inline size_t buf_written(const struct buf_writer *w)
{
	return (size_t)(w->pos - w->start);
}
void buf_put_u8(struct buf_writer *w, uint8_t value);
void buf_put_be16(struct buf_writer *w, uint16_t value);
void buf_put_be32(struct buf_writer *w, uint32_t value);
void buf_put_be64(struct buf_writer *w, uint64_t value);
void buf_put_bytes(struct buf_writer *w, const void *data, size_t len);
void buf_put_zero(struct buf_writer *w, size_t len);
uint8_t *buf_reserve(struct buf_writer *w, size_t len); // zeroed space to fill later; NULL: full
// Overwrite 2 or 4 bytes at an offset that was already written (lengths known later).
void buf_patch_be16(struct buf_writer *w, size_t offset, uint16_t value);
void buf_patch_be32(struct buf_writer *w, size_t offset, uint32_t value);
