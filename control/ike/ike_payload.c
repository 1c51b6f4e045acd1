// SPDX-License-Identifier: BSD-3-Clause
// Payloads with a flat body, one read and one write each: key exchange, nonce, identification,
// authentication, notify, delete, traffic selectors. RFC 7296 sections 3.4, 3.5, 3.8 to 3.11 and
// 3.13. Pure functions of their arguments: any thread.

#include "ike_payload.h"

#include <errno.h>
#include <string.h>

#define NONCE_MIN 16
#define NONCE_MAX 256

#define TS_IPV4_ADDR_RANGE 7
#define TS_IPV6_ADDR_RANGE 8
#define TS_IPV4_BYTES 16
#define TS_IPV6_BYTES 40

static struct buf_reader payload_reader(const struct ike_payload_ref *p)
{
	struct buf_reader r;

	buf_reader_init(&r, p->data, p->len);
	return r;
}

// All that is left, lent.
static const uint8_t *take_rest(struct buf_reader *r, uint16_t *len)
{
	*len = (uint16_t)buf_left(r);
	return buf_skip(r, *len);
}

const char *notify_name(uint16_t type)
{
	switch (type) {
#define X(name, number)                                                                            \
	case NOTIFY_##name:                                                                        \
		return #name;
		NOTIFY_TYPES(X)
#undef X
	default:
		return "?";
	}
}

int payload_ke_read(const struct ike_payload_ref *p, struct payload_ke *out)
{
	struct buf_reader r = payload_reader(p);

	out->group = buf_get_be16(&r);
	buf_skip(&r, 2);
	out->data = take_rest(&r, &out->len);
	return r.failed || out->len == 0 ? -EBADMSG : 0;
}

void payload_ke_write(struct ike_builder *b, uint16_t group, const void *data, size_t len)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_KE);

	buf_put_be16(w, group);
	buf_put_zero(w, 2);
	buf_put_bytes(w, data, len);
}

int payload_nonce_read(const struct ike_payload_ref *p, const uint8_t **data, uint16_t *len)
{
	if (p->len < NONCE_MIN || p->len > NONCE_MAX)
		return -EBADMSG;
	*data = p->data;
	*len = p->len;
	return 0;
}

void payload_nonce_write(struct ike_builder *b, const void *data, size_t len)
{
	buf_put_bytes(ike_build_payload(b, PAYLOAD_NONCE), data, len);
}

// RFC 7296 section 3.5: names contain no terminators. Neither do they contain anything else that
// would act up in a log line.
static bool id_text_valid(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] < 0x20 || data[i] == 0x7f)
			return false;
	return len > 0;
}

static bool id_data_valid(uint8_t type, const uint8_t *data, size_t len)
{
	switch (type) {
	case CONFIG_ID_IPV4:
		return len == 4;
	case CONFIG_ID_IPV6:
		return len == 16;
	case CONFIG_ID_FQDN:
	case CONFIG_ID_RFC822:
		return id_text_valid(data, len);
	default:
		return len > 0;
	}
}

int payload_id_read(const struct ike_payload_ref *p, struct config_id *out)
{
	struct buf_reader r = payload_reader(p);
	const uint8_t *data;
	uint8_t type;
	uint16_t len;

	memset(out, 0, sizeof(*out));
	type = buf_get_u8(&r);
	buf_skip(&r, 3);
	data = take_rest(&r, &len);
	if (r.failed || !id_data_valid(type, data, len))
		return -EBADMSG;
	if (len > sizeof(out->data))
		return -EOVERFLOW;
	out->type = (enum config_id_type)type;
	out->len = (uint8_t)len;
	memcpy(out->data, data, len);
	return 0;
}

void payload_id_write(struct ike_builder *b, bool initiator, const struct config_id *id)
{
	struct buf_writer *w = ike_build_payload(b, initiator ? PAYLOAD_IDI : PAYLOAD_IDR);

	buf_put_u8(w, (uint8_t)id->type);
	buf_put_zero(w, 3);
	buf_put_bytes(w, id->data, id->len);
}

int payload_auth_read(const struct ike_payload_ref *p, struct payload_auth *out)
{
	struct buf_reader r = payload_reader(p);

	out->method = buf_get_u8(&r);
	buf_skip(&r, 3);
	out->data = take_rest(&r, &out->len);
	return r.failed ? -EBADMSG : 0;
}

void payload_auth_write(struct ike_builder *b, uint8_t method, const void *data, size_t len)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_AUTH);

	buf_put_u8(w, method);
	buf_put_zero(w, 3);
	buf_put_bytes(w, data, len);
}

// Notifies on whose contents we act: what must be there, so that no caller has to look. The data of
// all others, and of those that we do not know, is free.
static const struct {
	uint16_t type;
	uint8_t spi_len;
	uint16_t min;
	uint16_t max;
} notify_rules[] = {
	{NOTIFY_INVALID_KE_PAYLOAD, 0, 2, 2}, {NOTIFY_SET_WINDOW_SIZE, 0, 4, 4},
	{NOTIFY_NAT_DETECTION_SOURCE_IP, 0, 20, 20}, // SHA-1, section 2.23
	{NOTIFY_NAT_DETECTION_DESTINATION_IP, 0, 20, 20}, {NOTIFY_COOKIE, 0, 1, 64}, // section 2.6
	{NOTIFY_REKEY_SA, 4, 0, UINT16_MAX}, {NOTIFY_AUTH_LIFETIME, 0, 4, 4}, // RFC 4478
	{NOTIFY_LINK_ID, 0, 1, UINT16_MAX}, // RFC 5739 section 5.3
};

static bool notify_fits(const struct payload_notify *notify)
{
	for (size_t i = 0; i < sizeof(notify_rules) / sizeof(notify_rules[0]); i++)
		if (notify_rules[i].type == notify->type)
			return notify->spi_len == notify_rules[i].spi_len &&
				notify->len >= notify_rules[i].min &&
				notify->len <= notify_rules[i].max;
	return true;
}

int payload_notify_read(const struct ike_payload_ref *p, struct payload_notify *out)
{
	struct buf_reader r = payload_reader(p);

	out->protocol = buf_get_u8(&r);
	out->spi_len = buf_get_u8(&r);
	out->type = buf_get_be16(&r);
	out->spi = 0;
	if (out->spi_len == 4)
		out->spi = buf_get_be32(&r);
	else
		buf_skip(&r, out->spi_len);
	if (out->spi_len == 0)
		out->protocol = PROTOCOL_NONE;
	out->data = take_rest(&r, &out->len);
	return r.failed || !notify_fits(out) ? -EBADMSG : 0;
}

void payload_notify_write(struct ike_builder *b, uint8_t protocol, const uint32_t *spi,
	enum notify_type type, const void *data, size_t len)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_NOTIFY);

	buf_put_u8(w, protocol);
	buf_put_u8(w, spi ? 4 : 0);
	buf_put_be16(w, (uint16_t)type);
	if (spi)
		buf_put_be32(w, *spi);
	if (len)
		buf_put_bytes(w, data, len);
}

int payload_delete_read(const struct ike_payload_ref *p, struct payload_delete *out)
{
	struct buf_reader r = payload_reader(p);
	uint8_t spi_len;
	uint16_t n;

	out->protocol = buf_get_u8(&r);
	spi_len = buf_get_u8(&r);
	n = buf_get_be16(&r);
	out->n = 0;
	if (r.failed)
		return -EBADMSG;
	if (out->protocol == PROTOCOL_IKE)
		return spi_len || buf_left(&r) ? -EBADMSG : 0;
	if (out->protocol != PROTOCOL_ESP && out->protocol != PROTOCOL_AH)
		return -EBADMSG;
	if (spi_len != 4 || buf_left(&r) != (size_t)n * 4)
		return -EBADMSG;
	if (n > DELETE_SPIS_MAX)
		return -EOVERFLOW;
	while (out->n < n)
		out->spi[out->n++] = buf_get_be32(&r);
	return 0;
}

void payload_delete_write(struct ike_builder *b, uint8_t protocol, const uint32_t *spis, uint32_t n)
{
	struct buf_writer *w = ike_build_payload(b, PAYLOAD_DELETE);

	buf_put_u8(w, protocol);
	buf_put_u8(w, protocol == PROTOCOL_IKE ? 0 : 4);
	buf_put_be16(w, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		buf_put_be32(w, spis[i]);
}

// The part of a selector behind its length, which is right for the family.
static struct ts ts_take(struct buf_reader *r, uint8_t family, uint8_t proto)
{
	size_t addr_len = family == AF_INET ? 4 : 16;
	struct ts ts = {.family = family, .proto = proto};

	ts.port_lo = buf_get_be16(r);
	ts.port_hi = buf_get_be16(r);
	buf_get_bytes(r, ts.lo, addr_len);
	buf_get_bytes(r, ts.hi, addr_len);
	return ts;
}

// One selector of any type, appended when it is one of ours and there is room. 0 or -EBADMSG.
//
// Order and overlaps stay as the peer sent them: the first selector may be the triggering packet's
// (section 2.9). OpenIKED asks for a dynamic address with TSi 0.0.0.0/32 or ::/128; these are
// ordinary selectors here, and whoever narrows has to know them.
static int ts_read_one(struct buf_reader *r, struct ts_list *out)
{
	uint8_t type = buf_get_u8(r);
	uint8_t proto = buf_get_u8(r);
	uint16_t len = buf_get_be16(r);
	struct buf_reader body;
	struct ts ts;

	if (r->failed || len < 4)
		return -EBADMSG;
	body = buf_sub(r, len - 4);
	if (r->failed)
		return -EBADMSG;
	if (type == TS_IPV4_ADDR_RANGE && len == TS_IPV4_BYTES)
		ts = ts_take(&body, AF_INET, proto);
	else if (type == TS_IPV6_ADDR_RANGE && len == TS_IPV6_BYTES)
		ts = ts_take(&body, AF_INET6, proto);
	else
		return type == TS_IPV4_ADDR_RANGE || type == TS_IPV6_ADDR_RANGE ? -EBADMSG : 0;
	if (!ts_valid(&ts))
		return -EBADMSG;
	if (out->n < TS_MAX)
		out->ts[out->n++] = ts;
	return 0;
}

int payload_ts_read(const struct ike_payload_ref *p, struct ts_list *out)
{
	struct buf_reader r = payload_reader(p);
	uint8_t n = buf_get_u8(&r);

	out->n = 0;
	buf_skip(&r, 3);
	if (r.failed || n == 0)
		return -EBADMSG;
	for (; n > 0; n--)
		if (ts_read_one(&r, out))
			return -EBADMSG;
	return buf_left(&r) ? -EBADMSG : 0;
}

void payload_ts_write(struct ike_builder *b, bool initiator, const struct ts_list *list)
{
	struct buf_writer *w = ike_build_payload(b, initiator ? PAYLOAD_TSI : PAYLOAD_TSR);

	buf_put_u8(w, (uint8_t)list->n);
	buf_put_zero(w, 3);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct ts *ts = &list->ts[i];
		bool v4 = ts->family == AF_INET;

		buf_put_u8(w, v4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
		buf_put_u8(w, ts->proto);
		buf_put_be16(w, v4 ? TS_IPV4_BYTES : TS_IPV6_BYTES);
		buf_put_be16(w, ts->port_lo);
		buf_put_be16(w, ts->port_hi);
		buf_put_bytes(w, ts->lo, v4 ? 4 : 16);
		buf_put_bytes(w, ts->hi, v4 ? 4 : 16);
	}
}
