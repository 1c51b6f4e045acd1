// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 messages written. RFC 8415 sections 8, 9 and 21. Pure.
#include "buf.h"
#include "dhcp6_msg.h"
#include "ra.h"

#include <string.h>

// An option whose length is known at its end. Where its length stands.
static size_t begin(struct buf_writer *w, uint16_t code)
{
	buf_put_be16(w, code);
	buf_put_be16(w, 0);
	return buf_written(w) - 2;
}

static void end(struct buf_writer *w, size_t at)
{
	if (!w->failed)
		buf_patch_be16(w, at, (uint16_t)(buf_written(w) - at - 2));
}

static void put_bytes(struct buf_writer *w, uint16_t code, const void *data, size_t len)
{
	buf_put_be16(w, code);
	buf_put_be16(w, (uint16_t)len);
	if (len > 0)
		buf_put_bytes(w, data, len);
}

static void put_duid(struct buf_writer *w, uint16_t code, const struct dhcp6_duid *duid)
{
	if (duid->len > 0)
		put_bytes(w, code, duid->data, duid->len);
}

static void put_be32(struct buf_writer *w, uint16_t code, uint32_t value)
{
	size_t at = begin(w, code);

	buf_put_be32(w, value);
	end(w, at);
}

static void put_be16(struct buf_writer *w, uint16_t code, uint16_t value)
{
	size_t at = begin(w, code);

	buf_put_be16(w, value);
	end(w, at);
}

static void put_status(struct buf_writer *w, uint16_t status)
{
	const char *text = dhcp6_status_name(status);
	size_t at = begin(w, DHCP6_OPTION_STATUS);

	buf_put_be16(w, status);
	buf_put_bytes(w, text, strlen(text));
	end(w, at);
}

static void put_item(struct buf_writer *w, bool pd, const struct dhcp6_item *item)
{
	size_t at = begin(w, pd ? DHCP6_OPTION_IA_PREFIX : DHCP6_OPTION_IA_ADDRESS);

	if (!pd)
		buf_put_bytes(w, item->prefix.addr.bytes, 16);
	buf_put_be32(w, item->preferred_s);
	buf_put_be32(w, item->valid_s);
	if (pd) {
		buf_put_u8(w, item->prefix.len);
		buf_put_bytes(w, item->prefix.addr.bytes, 16);
	}
	if (item->status != DHCP6_STATUS_SUCCESS)
		put_status(w, item->status);
	end(w, at);
}

static void put_ia(struct buf_writer *w, const struct dhcp6_ia *ia)
{
	size_t at = begin(w, ia->pd ? DHCP6_OPTION_IA_PD : DHCP6_OPTION_IA_NA);

	buf_put_be32(w, ia->iaid);
	buf_put_be32(w, ia->t1_s);
	buf_put_be32(w, ia->t2_s);
	for (uint32_t i = 0; i < ia->item_n; i++)
		put_item(w, ia->pd, &ia->item[i]);
	if (ia->status != DHCP6_STATUS_SUCCESS)
		put_status(w, ia->status);
	end(w, at);
}

static void put_addrs(struct buf_writer *w, uint16_t code, const struct inet_addr *list, uint32_t n)
{
	size_t at = 0;

	if (n == 0)
		return;
	at = begin(w, code);
	for (uint32_t i = 0; i < n; i++)
		buf_put_bytes(w, list[i].bytes, 16);
	end(w, at);
}

static void put_domains(struct buf_writer *w, const struct dhcp6_msg *msg)
{
	uint8_t names[DHCP6_DOMAINS * 256];
	size_t len = 0;

	for (uint32_t i = 0; i < msg->domain_n; i++)
		len += ra_domain_write(msg->domain[i], names + len, sizeof(names) - len);
	if (len > 0)
		put_bytes(w, DHCP6_OPTION_DOMAINS, names, len);
}

static void put_requests(struct buf_writer *w, const struct dhcp6_msg *msg)
{
	size_t at = 0;

	if (msg->request_n == 0)
		return;
	at = begin(w, DHCP6_OPTION_REQUEST);
	for (uint32_t i = 0; i < msg->request_n; i++)
		buf_put_be16(w, msg->request[i]);
	end(w, at);
}

size_t dhcp6_msg_write(const struct dhcp6_msg *msg, uint8_t *out, size_t max)
{
	struct buf_writer w;

	buf_writer_init(&w, out, max);
	buf_put_be32(&w, (uint32_t)msg->type << 24 | (msg->xid & 0xffffff));
	put_duid(&w, DHCP6_OPTION_CLIENT_ID, &msg->client);
	put_duid(&w, DHCP6_OPTION_SERVER_ID, &msg->server);
	if (msg->has_elapsed)
		put_be16(&w, DHCP6_OPTION_ELAPSED_TIME, msg->elapsed_cs);
	if (msg->preference != 0)
		put_bytes(&w, DHCP6_OPTION_PREFERENCE, &msg->preference, 1);
	if (msg->has_status)
		put_status(&w, msg->status);
	if (msg->rapid_commit)
		put_bytes(&w, DHCP6_OPTION_RAPID_COMMIT, NULL, 0);
	put_requests(&w, msg);
	for (uint32_t i = 0; i < msg->ia_n; i++)
		put_ia(&w, &msg->ia[i]);
	put_addrs(&w, DHCP6_OPTION_DNS, msg->dns, msg->dns_n);
	put_addrs(&w, DHCP6_OPTION_SNTP, msg->sntp, msg->sntp_n);
	put_domains(&w, msg);
	if (msg->has_refresh)
		put_be32(&w, DHCP6_OPTION_REFRESH_TIME, msg->refresh_s);
	if (msg->sol_max_rt_s != 0)
		put_be32(&w, DHCP6_OPTION_SOL_MAX_RT, msg->sol_max_rt_s);
	if (msg->inf_max_rt_s != 0)
		put_be32(&w, DHCP6_OPTION_INF_MAX_RT, msg->inf_max_rt_s);
	return w.failed ? 0 : buf_written(&w);
}

size_t dhcp6_relay_write(const struct dhcp6_relay *relay, uint8_t *out, size_t max)
{
	struct buf_writer w;
	size_t at = 0;

	buf_writer_init(&w, out, max);
	buf_put_u8(&w, relay->type);
	buf_put_u8(&w, relay->hops);
	buf_put_bytes(&w, relay->link.bytes, 16);
	buf_put_bytes(&w, relay->peer.bytes, 16);
	if (relay->interface_id != NULL)
		put_bytes(&w, DHCP6_OPTION_INTERFACE_ID, relay->interface_id,
			relay->interface_id_len);
	if (relay->remote_id != NULL) {
		at = begin(&w, DHCP6_OPTION_REMOTE_ID);
		buf_put_be32(&w, relay->enterprise);
		buf_put_bytes(&w, relay->remote_id, relay->remote_id_len);
		end(&w, at);
	}
	if (relay->message != NULL)
		put_bytes(&w, DHCP6_OPTION_RELAY_MESSAGE, relay->message, relay->message_len);
	return w.failed ? 0 : buf_written(&w);
}
