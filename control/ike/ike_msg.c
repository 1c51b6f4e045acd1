// SPDX-License-Identifier: BSD-3-Clause
// IKEv2 header and payload chain: RFC 7296 sections 3.1 and 3.2, and the rule of section 2.5 for
// payloads that we do not know. Pure functions of their arguments: any thread.

#include "ike_msg.h"

#include <errno.h>
#include <string.h>

#define GENERIC_HEADER_BYTES 4
#define CRITICAL_BIT 0x80

const char *ike_exchange_name(uint8_t exchange)
{
	switch (exchange) {
	case IKE_SA_INIT:
		return "IKE_SA_INIT";
	case IKE_AUTH:
		return "IKE_AUTH";
	case CREATE_CHILD_SA:
		return "CREATE_CHILD_SA";
	case INFORMATIONAL:
		return "INFORMATIONAL";
	default:
		return "?";
	}
}

// Also tells which payloads we know: those with a name. The names are the RFC's notation.
const char *ike_payload_name(uint8_t type)
{
	switch (type) {
	case PAYLOAD_SA:
		return "SA";
	case PAYLOAD_KE:
		return "KE";
	case PAYLOAD_IDI:
		return "IDi";
	case PAYLOAD_IDR:
		return "IDr";
	case PAYLOAD_CERT:
		return "CERT";
	case PAYLOAD_CERTREQ:
		return "CERTREQ";
	case PAYLOAD_AUTH:
		return "AUTH";
	case PAYLOAD_NONCE:
		return "No";
	case PAYLOAD_NOTIFY:
		return "N";
	case PAYLOAD_DELETE:
		return "D";
	case PAYLOAD_VENDOR:
		return "V";
	case PAYLOAD_TSI:
		return "TSi";
	case PAYLOAD_TSR:
		return "TSr";
	case PAYLOAD_SK:
		return "SK";
	case PAYLOAD_CP:
		return "CP";
	case PAYLOAD_EAP:
		return "EAP";
	case PAYLOAD_SKF:
		return "SKF";
	default:
		return "?";
	}
}

static bool payload_known(uint8_t type)
{
	return (type >= PAYLOAD_SA && type <= PAYLOAD_EAP) || type == PAYLOAD_SKF;
}

static bool payload_encrypted(uint8_t type)
{
	return type == PAYLOAD_SK || type == PAYLOAD_SKF;
}

int ike_header_read(const void *data, size_t len, struct ike_header *out)
{
	struct buf_reader r;

	memset(out, 0, sizeof(*out));
	if (len < IKE_HEADER_BYTES)
		return -EMSGSIZE;
	buf_reader_init(&r, data, len);
	out->spi_i = buf_get_be64(&r);
	out->spi_r = buf_get_be64(&r);
	out->next_payload = buf_get_u8(&r);
	out->version = buf_get_u8(&r);
	out->exchange = buf_get_u8(&r);
	out->flags = buf_get_u8(&r);
	out->message_id = buf_get_be32(&r);
	out->length = buf_get_be32(&r);
	// The version first: what the length of another version means is not ours to say.
	if (out->version >> 4 > 2)
		return -EPROTONOSUPPORT;
	if (out->version >> 4 < 2)
		return -EPROTO;
	return out->length == len ? 0 : -EMSGSIZE;
}

// One payload off the reader. 0 or -EBADMSG.
static int payload_take(struct buf_reader *r, uint8_t type, struct ike_payload_ref *out)
{
	uint16_t len;

	out->type = type;
	out->next = buf_get_u8(r);
	out->critical = buf_get_u8(r) & CRITICAL_BIT;
	len = buf_get_be16(r);
	if (r->failed || len < GENERIC_HEADER_BYTES)
		return -EBADMSG;
	out->len = (uint16_t)(len - GENERIC_HEADER_BYTES);
	out->data = buf_skip(r, out->len);
	return out->data ? 0 : -EBADMSG;
}

static int chain_parse(struct ike_msg *msg, uint8_t type, struct buf_reader *r, bool inner)
{
	struct ike_payload_ref ref;

	msg->n = 0;
	while (type != PAYLOAD_NONE) {
		if (payload_take(r, type, &ref))
			return -EBADMSG;
		if (!payload_known(type)) {
			if (ref.critical && !msg->unsupported_critical)
				msg->unsupported_critical = type;
		} else {
			if (msg->n == IKE_PAYLOADS_MAX || (inner && payload_encrypted(type)))
				return -EBADMSG;
			msg->payload[msg->n++] = ref;
			if (payload_encrypted(type))
				break; // its next payload is the first one inside
		}
		type = ref.next;
	}
	return buf_left(r) ? -EBADMSG : 0;
}

int ike_msg_parse(const void *data, size_t len, struct ike_msg *out)
{
	struct buf_reader r;
	int ret;

	out->n = 0;
	out->unsupported_critical = 0;
	ret = ike_header_read(data, len, &out->header);
	if (ret)
		return ret;
	buf_reader_init(&r, (const uint8_t *)data + IKE_HEADER_BYTES, len - IKE_HEADER_BYTES);
	return chain_parse(out, out->header.next_payload, &r, false);
}

int ike_msg_parse_inner(struct ike_msg *msg, uint8_t first_payload, const uint8_t *data, size_t len)
{
	struct buf_reader r;

	buf_reader_init(&r, data, len);
	return chain_parse(msg, first_payload, &r, true);
}

const struct ike_payload_ref *ike_msg_find(const struct ike_msg *msg, enum payload_type type)
{
	return ike_msg_find_next(msg, NULL, type);
}

const struct ike_payload_ref *ike_msg_find_next(
	const struct ike_msg *msg, const struct ike_payload_ref *after, enum payload_type type)
{
	const struct ike_payload_ref *p = after ? after + 1 : msg->payload;

	for (; p < msg->payload + msg->n; p++)
		if (p->type == type)
			return p;
	return NULL;
}

void ike_build_init(struct ike_builder *b, void *out, size_t cap)
{
	buf_writer_init(&b->w, out, cap);
	b->next_offset = SIZE_MAX;
	b->payload_offset = SIZE_MAX;
	b->first = PAYLOAD_NONE;
}

static void payload_close(struct ike_builder *b)
{
	size_t len;

	if (b->payload_offset == SIZE_MAX || b->w.failed)
		return;
	len = buf_written(&b->w) - b->payload_offset;
	if (len > UINT16_MAX)
		b->w.failed = true;
	else
		buf_patch_be16(&b->w, b->payload_offset + 2, (uint16_t)len);
	b->payload_offset = SIZE_MAX;
}

struct buf_writer *ike_build_payload(struct ike_builder *b, enum payload_type type)
{
	payload_close(b);
	if (b->next_offset == SIZE_MAX)
		b->first = (uint8_t)type;
	else if (!b->w.failed)
		b->w.start[b->next_offset] = (uint8_t)type;
	b->payload_offset = buf_written(&b->w);
	b->next_offset = b->payload_offset;
	buf_put_zero(&b->w, GENERIC_HEADER_BYTES);
	return &b->w;
}

int ike_build_finish(struct ike_builder *b)
{
	payload_close(b);
	if (b->w.failed || buf_written(&b->w) > IKE_MESSAGE_MAX)
		return -ENOSPC;
	return (int)buf_written(&b->w);
}

void ike_header_write(struct buf_writer *w, const struct ike_header *header)
{
	buf_put_be64(w, header->spi_i);
	buf_put_be64(w, header->spi_r);
	buf_put_u8(w, header->next_payload);
	buf_put_u8(w, header->version);
	buf_put_u8(w, header->exchange);
	buf_put_u8(w, header->flags);
	buf_put_be32(w, header->message_id);
	buf_put_be32(w, header->length);
}

int ike_msg_write_clear(const struct ike_header *header, uint8_t first_payload, const void *chain,
	size_t chain_len, void *out, size_t cap)
{
	struct ike_header h = *header;
	struct buf_writer w;

	if (chain_len > IKE_MESSAGE_MAX)
		return -ENOSPC;
	h.next_payload = first_payload;
	h.length = (uint32_t)(IKE_HEADER_BYTES + chain_len);
	buf_writer_init(&w, out, cap);
	ike_header_write(&w, &h);
	buf_put_bytes(&w, chain, chain_len);
	return w.failed ? -ENOSPC : (int)buf_written(&w);
}
