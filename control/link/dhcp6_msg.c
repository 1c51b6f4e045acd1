// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 messages read. Three levels of options (message, IA, address or prefix), each its own loop.
// RFC 8415 sections 8, 9 and 21. Pure.
#include "dhcp6_msg.h"

#include "buf.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define DUID_MIN 3 // a type, and something
#define NAME_LABEL_MAX 63
#define NAME_MAX_BYTES 253
#define PREFIX_LEN_MIN 16 // nobody delegates more than that

const char *dhcp6_type_name(uint8_t type)
{
	switch (type) {
#define X(id, number, name)                                                                        \
	case number:                                                                               \
		return name;
		DHCP6_TYPES(X)
#undef X
	}
	return "?";
}

const char *dhcp6_status_name(uint16_t status)
{
	switch (status) {
#define X(id, number, name)                                                                        \
	case number:                                                                               \
		return name;
		DHCP6_STATUSES(X)
#undef X
	}
	return "?";
}

// The next option, whose value r skips; false at the end, and with r failed when it is cut.
static bool next_option(struct buf_reader *r, uint16_t *code, struct buf_reader *value)
{
	if (buf_left(r) == 0)
		return false;
	*code = buf_get_be16(r);
	*value = buf_sub(r, buf_get_be16(r));
	return !r->failed;
}

static struct inet_addr get_addr(struct buf_reader *r)
{
	uint8_t bytes[16];

	buf_get_bytes(r, bytes, 16);
	return inet_addr_v6(bytes);
}

static bool read_duid(struct buf_reader *r, struct dhcp6_duid *out)
{
	size_t len = buf_left(r);

	if (len < DUID_MIN || len > DHCP6_DUID_MAX || out->len != 0)
		return false;
	out->len = (uint8_t)len;
	buf_get_bytes(r, out->data, len);
	return true;
}

// The code; the text for people is skipped.
static bool read_status(struct buf_reader *r, uint16_t *out)
{
	*out = buf_get_be16(r);
	return !r->failed;
}

// IA Address or IA Prefix. RFC 8415 sections 21.6 and 21.22.
static bool read_item(struct buf_reader *r, bool pd, struct dhcp6_item *out)
{
	struct buf_reader value;
	uint16_t code = 0;

	*out = (struct dhcp6_item){.prefix.len = 128};
	if (!pd)
		out->prefix.addr = get_addr(r);
	out->preferred_s = buf_get_be32(r);
	out->valid_s = buf_get_be32(r);
	if (pd) {
		out->prefix.len = buf_get_u8(r);
		out->prefix.addr = get_addr(r);
	}
	if (r->failed || out->prefix.len > 128)
		return false;
	inet_prefix_normalize(&out->prefix);
	while (next_option(r, &code, &value))
		if (code == DHCP6_OPTION_STATUS && !read_status(&value, &out->status))
			return false;
	return !r->failed;
}

static bool read_ia_options(struct buf_reader *r, struct dhcp6_ia *ia, struct dhcp6_msg *out)
{
	uint16_t wanted = ia->pd ? DHCP6_OPTION_IA_PREFIX : DHCP6_OPTION_IA_ADDRESS;
	struct buf_reader value;
	uint16_t code = 0;

	while (next_option(r, &code, &value)) {
		struct dhcp6_item item;

		if (code == DHCP6_OPTION_STATUS && !read_status(&value, &ia->status))
			return false;
		if (code != wanted)
			continue;
		if (!read_item(&value, ia->pd, &item))
			return false;
		if (ia->item_n < DHCP6_ITEMS)
			ia->item[ia->item_n++] = item;
		else
			out->excess_n++;
	}
	return !r->failed;
}

static bool read_ia(struct buf_reader *r, bool pd, struct dhcp6_msg *out)
{
	struct dhcp6_ia ia = {.pd = pd, .iaid = buf_get_be32(r)};

	ia.t1_s = buf_get_be32(r);
	ia.t2_s = buf_get_be32(r);
	if (r->failed || !read_ia_options(r, &ia, out))
		return false;
	for (uint32_t i = 0; i < out->ia_n; i++)
		if (out->ia[i].pd == pd && out->ia[i].iaid == ia.iaid) {
			out->excess_n++;
			return true;
		}
	if (out->ia_n < DHCP6_IAS)
		out->ia[out->ia_n++] = ia;
	else
		out->excess_n++;
	return true;
}

static bool read_requests(struct buf_reader *r, struct dhcp6_msg *out)
{
	while (buf_left(r) > 0) {
		uint16_t code = buf_get_be16(r);

		if (out->request_n < DHCP6_REQUESTS)
			out->request[out->request_n++] = code;
		else
			out->excess_n++;
	}
	return !r->failed;
}

static bool read_addrs(
	struct buf_reader *r, struct inet_addr list[DHCP6_LIST], uint32_t *n, uint32_t *excess_n)
{
	while (buf_left(r) > 0) {
		struct inet_addr addr = get_addr(r);

		if (r->failed)
			return false;
		if (*n < DHCP6_LIST)
			list[(*n)++] = addr;
		else
			(*excess_n)++;
	}
	return true;
}

static bool is_label(const uint8_t *label, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

// One name of RFC 1035 section 3.1 without compression (RFC 3646 section 4). false: malformed;
// empty text: well-formed, but nothing that may stand in a resolver's configuration.
static bool read_name(struct buf_reader *r, char text[256])
{
	size_t at = 0;
	bool good = true;

	for (uint8_t len = buf_get_u8(r); len > 0; len = buf_get_u8(r)) {
		const uint8_t *label = len <= NAME_LABEL_MAX ? buf_skip(r, len) : NULL;

		if (label == NULL)
			return false;
		good = good && is_label(label, len) && at + len + (at > 0) <= NAME_MAX_BYTES;
		if (!good)
			continue;
		if (at > 0)
			text[at++] = '.';
		memcpy(text + at, label, len);
		at += len;
	}
	text[good ? at : 0] = 0;
	return !r->failed;
}

static bool read_domains(struct buf_reader *r, struct dhcp6_msg *out)
{
	while (buf_left(r) > 0) {
		char text[256] = {};

		if (!read_name(r, text))
			return false;
		if (text[0] != 0 && out->domain_n < DHCP6_DOMAINS)
			memcpy(out->domain[out->domain_n++], text, sizeof(text));
		else
			out->excess_n++;
	}
	return true;
}

static bool read_option(struct buf_reader *r, uint16_t code, struct dhcp6_msg *out)
{
	switch (code) {
	case DHCP6_OPTION_CLIENT_ID:
		return read_duid(r, &out->client);
	case DHCP6_OPTION_SERVER_ID:
		return read_duid(r, &out->server);
	case DHCP6_OPTION_IA_NA:
	case DHCP6_OPTION_IA_PD:
		return read_ia(r, code == DHCP6_OPTION_IA_PD, out);
	case DHCP6_OPTION_REQUEST:
		return read_requests(r, out);
	case DHCP6_OPTION_PREFERENCE:
		out->preference = buf_get_u8(r);
		break;
	case DHCP6_OPTION_ELAPSED_TIME:
		out->has_elapsed = true;
		out->elapsed_cs = buf_get_be16(r);
		break;
	case DHCP6_OPTION_STATUS:
		out->has_status = true;
		return read_status(r, &out->status);
	case DHCP6_OPTION_RAPID_COMMIT:
		out->rapid_commit = true;
		break;
	case DHCP6_OPTION_DNS:
		return read_addrs(r, out->dns, &out->dns_n, &out->excess_n);
	case DHCP6_OPTION_SNTP:
		return read_addrs(r, out->sntp, &out->sntp_n, &out->excess_n);
	case DHCP6_OPTION_DOMAINS:
		return read_domains(r, out);
	case DHCP6_OPTION_REFRESH_TIME:
		out->has_refresh = true;
		out->refresh_s = buf_get_be32(r);
		break;
	case DHCP6_OPTION_SOL_MAX_RT:
		out->sol_max_rt_s = buf_get_be32(r);
		break;
	case DHCP6_OPTION_INF_MAX_RT:
		out->inf_max_rt_s = buf_get_be32(r);
		break;
	default:
		return true;
	}
	return !r->failed && buf_left(r) == 0;
}

int dhcp6_msg_read(const uint8_t *data, size_t len, struct dhcp6_msg *out)
{
	struct buf_reader r, value;
	uint32_t head = 0;
	uint16_t code = 0;

	*out = (struct dhcp6_msg){};
	buf_reader_init(&r, data, len);
	head = buf_get_be32(&r);
	out->type = (uint8_t)(head >> 24);
	out->xid = head & 0xffffff;
	if (r.failed || out->type < DHCP6_SOLICIT || out->type > DHCP6_INFORMATION_REQUEST)
		return -EBADMSG;
	while (next_option(&r, &code, &value))
		if (!read_option(&value, code, out))
			return -EBADMSG;
	return r.failed ? -EBADMSG : 0;
}

bool dhcp6_msg_requests(const struct dhcp6_msg *msg, uint16_t option)
{
	for (uint32_t i = 0; i < msg->request_n; i++)
		if (msg->request[i] == option)
			return true;
	return false;
}

bool dhcp6_duid_equal(const struct dhcp6_duid *a, const struct dhcp6_duid *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool dhcp6_prefix_usable(const struct inet_prefix *prefix)
{
	const uint8_t *bytes = prefix->addr.bytes;
	// ::/8, link-local and site-local, multicast.
	bool special = bytes[0] == 0 || (bytes[0] == 0xfe && bytes[1] >= 0x80) || bytes[0] == 0xff;

	return prefix->addr.family == AF_INET6 && prefix->len >= PREFIX_LEN_MIN && !special;
}

static bool read_relay_option(struct buf_reader *r, uint16_t code, struct dhcp6_relay *out)
{
	const uint8_t **lent = NULL;
	size_t *len = NULL;

	if (code == DHCP6_OPTION_REMOTE_ID) {
		out->enterprise = buf_get_be32(r);
		lent = &out->remote_id;
		len = &out->remote_id_len;
	} else if (code == DHCP6_OPTION_INTERFACE_ID) {
		lent = &out->interface_id;
		len = &out->interface_id_len;
	} else if (code == DHCP6_OPTION_RELAY_MESSAGE) {
		lent = &out->message;
		len = &out->message_len;
	} else {
		return true;
	}
	if (r->failed || *lent != NULL)
		return false;
	*len = buf_left(r);
	*lent = buf_skip(r, *len);
	return true;
}

int dhcp6_relay_read(const uint8_t *data, size_t len, struct dhcp6_relay *out)
{
	struct buf_reader r, value;
	uint16_t code = 0;

	*out = (struct dhcp6_relay){};
	buf_reader_init(&r, data, len);
	out->type = buf_get_u8(&r);
	out->hops = buf_get_u8(&r);
	out->link = get_addr(&r);
	out->peer = get_addr(&r);
	if (r.failed || (out->type != DHCP6_RELAY_FORWARD && out->type != DHCP6_RELAY_REPLY))
		return -EBADMSG;
	while (next_option(&r, &code, &value))
		if (!read_relay_option(&value, code, out))
			return -EBADMSG;
	return r.failed ? -EBADMSG : 0;
}
