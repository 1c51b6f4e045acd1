// SPDX-License-Identifier: BSD-3-Clause
// SA payload: proposals, transforms, attributes. RFC 7296 section 3.3. What it means is
// proposal.c's. Pure functions of their arguments: any thread.
//
// A structure that does not add up is -EBADMSG. A proposal or transform that is merely beyond us is
// kept (or left out) in a way in which it cannot be chosen, and the others go on: section 3.3.6.

#include "ike_payload.h"

#include <errno.h>
#include <string.h>

#define PROPOSAL_HEADER_BYTES 8
#define TRANSFORM_HEADER_BYTES 8
#define MORE_PROPOSALS 2
#define MORE_TRANSFORMS 3

#define ATTR_TV 0x8000
#define ATTR_KEY_LENGTH 14

// "Last Substruc" and the bytes that are left have to agree.
static bool last_fits(uint8_t last, uint8_t more, const struct buf_reader *r)
{
	return last == (buf_left(r) ? more : 0);
}

static int attributes_read(struct buf_reader *r, struct wire_transform *out)
{
	while (buf_left(r)) {
		uint16_t type = buf_get_be16(r);
		uint16_t value = buf_get_be16(r); // or length

		// The Key Length has two octets and is always sent short (section 3.3.5); one of
		// zero bits would look like none to the chooser.
		if (type == (ATTR_TV | ATTR_KEY_LENGTH) && value && !out->key_bits)
			out->key_bits = value;
		else
			out->unknown_attr = true;
		if (!(type & ATTR_TV))
			buf_skip(r, value);
		if (r->failed)
			return -EBADMSG;
	}
	return 0;
}

static int transform_read(struct buf_reader *r, struct wire_transform *out)
{
	struct buf_reader attrs;
	uint8_t last = buf_get_u8(r);
	uint16_t len;

	memset(out, 0, sizeof(*out));
	buf_skip(r, 1);
	len = buf_get_be16(r);
	out->type = buf_get_u8(r);
	buf_skip(r, 1);
	out->id = buf_get_be16(r);
	if (r->failed || len < TRANSFORM_HEADER_BYTES)
		return -EBADMSG;
	attrs = buf_sub(r, len - TRANSFORM_HEADER_BYTES);
	if (r->failed || !last_fits(last, MORE_TRANSFORMS, r))
		return -EBADMSG;
	return attributes_read(&attrs, out);
}

// SPI of a proposal; *keep is false when it cannot be ours to choose. Section 3.3.1.
static int spi_read(struct buf_reader *r, struct wire_proposal *out, bool *keep)
{
	uint8_t len = out->spi_len;

	*keep = true;
	switch (out->protocol) {
	case PROTOCOL_IKE:
		if (len != 0 && len != 8)
			return -EBADMSG;
		break;
	case PROTOCOL_AH:
	case PROTOCOL_ESP:
		if (len != 4)
			return -EBADMSG;
		break;
	default:
		*keep = len == 0 || len == 4 || len == 8;
		break;
	}
	if (len == 4)
		out->spi = buf_get_be32(r);
	else if (len == 8)
		out->spi = buf_get_be64(r);
	else
		buf_skip(r, len);
	return r->failed ? -EBADMSG : 0;
}

static int transforms_read(struct buf_reader *r, uint8_t n, struct wire_proposal *out, bool *keep)
{
	struct wire_transform transform;

	if (n == 0)
		return -EBADMSG;
	if (n > PROPOSAL_TRANSFORMS)
		*keep = false;
	for (uint8_t i = 0; i < n; i++) {
		if (transform_read(r, &transform))
			return -EBADMSG;
		if (*keep)
			out->transform[out->transform_n++] = transform;
	}
	return buf_left(r) ? -EBADMSG : 0;
}

static int proposal_read(struct buf_reader *r, struct wire_proposal *out, bool *keep)
{
	struct buf_reader body;
	uint8_t last = buf_get_u8(r);
	uint8_t transform_n;
	uint16_t len;

	buf_skip(r, 1);
	len = buf_get_be16(r);
	out->number = buf_get_u8(r);
	out->protocol = buf_get_u8(r);
	out->spi_len = buf_get_u8(r);
	transform_n = buf_get_u8(r);
	out->spi = 0;
	out->transform_n = 0;
	if (r->failed || len < PROPOSAL_HEADER_BYTES)
		return -EBADMSG;
	body = buf_sub(r, len - PROPOSAL_HEADER_BYTES);
	if (r->failed || !last_fits(last, MORE_PROPOSALS, r))
		return -EBADMSG;
	if (spi_read(&body, out, keep))
		return -EBADMSG;
	return transforms_read(&body, transform_n, out, keep);
}

int payload_sa_read(const struct ike_payload_ref *p, struct wire_sa *out)
{
	struct wire_proposal spare, *proposal;
	unsigned number = 0; // of the proposal before
	struct buf_reader r;
	bool keep;

	buf_reader_init(&r, p->data, p->len);
	out->n = 0;
	do {
		proposal = out->n < PROPOSALS_MAX ? &out->proposal[out->n] : &spare;
		if (proposal_read(&r, proposal, &keep))
			return -EBADMSG;
		// An answer has one proposal, whose number may be any; more are counted up.
		if (proposal->number == 0 || (number && proposal->number != number + 1))
			return -EBADMSG;
		number = proposal->number;
		if (keep && proposal != &spare)
			out->n++;
	} while (buf_left(&r));
	return 0;
}

static void transform_write(
	struct buf_writer *w, const struct wire_transform *transform, bool is_last)
{
	buf_put_u8(w, is_last ? 0 : MORE_TRANSFORMS);
	buf_put_u8(w, 0);
	buf_put_be16(w, TRANSFORM_HEADER_BYTES + (transform->key_bits ? 4 : 0));
	buf_put_u8(w, transform->type);
	buf_put_u8(w, 0);
	buf_put_be16(w, transform->id);
	if (transform->key_bits) {
		buf_put_be16(w, ATTR_TV | ATTR_KEY_LENGTH);
		buf_put_be16(w, transform->key_bits);
	}
}

static void proposal_write(struct buf_writer *w, const struct wire_proposal *proposal, bool is_last)
{
	size_t start = buf_written(w);

	buf_put_u8(w, is_last ? 0 : MORE_PROPOSALS);
	buf_put_zero(w, 3);
	buf_put_u8(w, proposal->number);
	buf_put_u8(w, proposal->protocol);
	buf_put_u8(w, proposal->spi_len);
	buf_put_u8(w, (uint8_t)proposal->transform_n);
	if (proposal->spi_len == 4)
		buf_put_be32(w, (uint32_t)proposal->spi);
	else if (proposal->spi_len == 8)
		buf_put_be64(w, proposal->spi);
	for (uint32_t i = 0; i < proposal->transform_n; i++)
		transform_write(w, &proposal->transform[i], i + 1 == proposal->transform_n);
	if (!w->failed)
		buf_patch_be16(w, start + 2, (uint16_t)(buf_written(w) - start));
}

void payload_sa_write(struct ike_builder *b, const struct wire_sa *sa)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_SA);

	for (uint32_t i = 0; i < sa->n; i++)
		proposal_write(w, &sa->proposal[i], i + 1 == sa->n);
}
