// SPDX-License-Identifier: BSD-3-Clause
// Bounded reader and writer over bytes. A cursor that failed once stays failed: a reader then has
// nothing left, a writer no room, so that each call needs the one test only. Any thread.
#include "buf.h"

#include <string.h>

void buf_reader_init(struct buf_reader *r, const void *data, size_t len)
{
	static const uint8_t nothing[1];

	// A NULL with length 0 is a legal empty reader; arithmetic on NULL is not legal C.
	r->pos = data != NULL ? data : nothing;
	r->end = r->pos + (data != NULL ? len : 0);
	r->failed = data == NULL && len > 0;
}

const uint8_t *buf_skip(struct buf_reader *r, size_t len)
{
	const uint8_t *at = r->pos;

	if (r->failed || len > (size_t)(r->end - r->pos)) {
		r->failed = true;
		return NULL;
	}
	r->pos += len;
	return at;
}

uint8_t buf_get_u8(struct buf_reader *r)
{
	const uint8_t *p = buf_skip(r, 1);

	return p != NULL ? p[0] : 0;
}

uint16_t buf_get_be16(struct buf_reader *r)
{
	const uint8_t *p = buf_skip(r, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t buf_get_be32(struct buf_reader *r)
{
	const uint8_t *p = buf_skip(r, 4);

	return p != NULL ? load_be32(p) : 0;
}

uint64_t buf_get_be64(struct buf_reader *r)
{
	const uint8_t *p = buf_skip(r, 8);

	return p != NULL ? (uint64_t)load_be32(p) << 32 | load_be32(p + 4) : 0;
}

void buf_get_bytes(struct buf_reader *r, void *out, size_t len)
{
	const uint8_t *p = buf_skip(r, len);

	if (len == 0)
		return;
	if (p != NULL)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

struct buf_reader buf_sub(struct buf_reader *r, size_t len)
{
	const uint8_t *p = buf_skip(r, len);

	if (p == NULL)
		return (struct buf_reader){.pos = r->pos, .end = r->pos, .failed = true};
	return (struct buf_reader){.pos = p, .end = p + len};
}

void buf_writer_init(struct buf_writer *w, void *data, size_t cap)
{
	static uint8_t nothing[1];

	w->start = data != NULL ? data : nothing;
	w->pos = w->start;
	w->end = w->start + (data != NULL ? cap : 0);
	w->failed = data == NULL && cap > 0;
}

// The next len bytes, not touched yet.
static uint8_t *claim(struct buf_writer *w, size_t len)
{
	uint8_t *at = w->pos;

	if (w->failed || len > (size_t)(w->end - w->pos)) {
		w->failed = true;
		return NULL;
	}
	w->pos += len;
	return at;
}

static void store_be16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void store_be32(uint8_t *p, uint32_t value)
{
	store_be16(p, (uint16_t)(value >> 16));
	store_be16(p + 2, (uint16_t)value);
}

void buf_put_u8(struct buf_writer *w, uint8_t value)
{
	uint8_t *p = claim(w, 1);

	if (p != NULL)
		p[0] = value;
}

void buf_put_be16(struct buf_writer *w, uint16_t value)
{
	uint8_t *p = claim(w, 2);

	if (p != NULL)
		store_be16(p, value);
}

void buf_put_be32(struct buf_writer *w, uint32_t value)
{
	uint8_t *p = claim(w, 4);

	if (p != NULL)
		store_be32(p, value);
}

void buf_put_be64(struct buf_writer *w, uint64_t value)
{
	uint8_t *p = claim(w, 8);

	if (p != NULL) {
		store_be32(p, (uint32_t)(value >> 32));
		store_be32(p + 4, (uint32_t)value);
	}
}

void buf_put_bytes(struct buf_writer *w, const void *data, size_t len)
{
	uint8_t *p = claim(w, len);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
}

void buf_put_zero(struct buf_writer *w, size_t len)
{
	(void)buf_reserve(w, len);
}

uint8_t *buf_reserve(struct buf_writer *w, size_t len)
{
	uint8_t *p = claim(w, len);

	if (p != NULL && len > 0)
		memset(p, 0, len);
	return p;
}

// Where `len` already written bytes at `offset` are.
static uint8_t *written_at(struct buf_writer *w, size_t offset, size_t len)
{
	if (w->failed || offset > buf_written(w) || len > buf_written(w) - offset) {
		w->failed = true;
		return NULL;
	}
	return w->start + offset;
}

void buf_patch_be16(struct buf_writer *w, size_t offset, uint16_t value)
{
	uint8_t *p = written_at(w, offset, 2);

	if (p != NULL)
		store_be16(p, value);
}

void buf_patch_be32(struct buf_writer *w, size_t offset, uint32_t value)
{
	uint8_t *p = written_at(w, offset, 4);

	if (p != NULL)
		store_be32(p, value);
}
