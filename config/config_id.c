// SPDX-License-Identifier: BSD-3-Clause
// Identities (RFC 7296 section 3.5): between their text, as in configuration and CLI, and their
// octets, as on the wire; and the one wildcard of a PAD entry (RFC 4301 section 4.4.3.1). Pure.
#include "config_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int parse_key_id(const char *hex, struct config_id *id)
{
	int len = config_hex_parse(hex, id->data, sizeof(id->data));

	if (len < 0)
		return len;
	id->type = CONFIG_ID_KEY_ID;
	id->len = (uint8_t)len;
	return 0;
}

static bool printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

int config_id_parse(const char *text, struct config_id *id)
{
	struct config_id parsed = {};
	size_t len = strlen(text);
	struct inet_addr addr;

	if (strncmp(text, "keyid:", 6) == 0) {
		if (parse_key_id(text + 6, &parsed) != 0)
			return -EINVAL;
	} else if (inet_addr_parse(text, &addr) == 0) {
		parsed.type = addr.family == AF_INET ? CONFIG_ID_IPV4 : CONFIG_ID_IPV6;
		parsed.len = (uint8_t)(inet_addr_bits(addr.family) / 8);
		memcpy(parsed.data, addr.bytes, parsed.len);
	} else {
		const char *at = strchr(text, '@');

		if (len == 0 || len > sizeof(parsed.data) || !printable(text))
			return -EINVAL;
		if (at != NULL && (at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL))
			return -EINVAL;
		parsed.type = at != NULL ? CONFIG_ID_RFC822 : CONFIG_ID_FQDN;
		parsed.len = (uint8_t)len;
		memcpy(parsed.data, text, len);
	}
	*id = parsed;
	return 0;
}

static const char *format_addr(const struct config_id *id, uint8_t family, char buf[300])
{
	struct inet_addr addr = {.family = family};

	if (id->len != inet_addr_bits(family) / 8)
		return NULL;
	memcpy(addr.bytes, id->data, id->len);
	return inet_addr_format(&addr, buf);
}

// Text of any octets that fits: what is longer ends in dots, what is not printable is a `?`.
const char *config_id_format(const struct config_id *id, char buf[300])
{
	int n = 0;

	if (id->type == CONFIG_ID_IPV4 && format_addr(id, AF_INET, buf) != NULL)
		return buf;
	if (id->type == CONFIG_ID_IPV6 && format_addr(id, AF_INET6, buf) != NULL)
		return buf;
	if (id->type == CONFIG_ID_FQDN || id->type == CONFIG_ID_RFC822) {
		for (unsigned i = 0; i < id->len; i++)
			buf[n++] =
				id->data[i] > ' ' && id->data[i] <= '~' ? (char)id->data[i] : '?';
		buf[n] = '\0';
		return buf;
	}
	n = id->type == CONFIG_ID_KEY_ID ? snprintf(buf, 300, "keyid:")
					 : snprintf(buf, 300, "type%u:", (unsigned)id->type);
	for (unsigned i = 0; i < id->len && n + 6 < 300; i++)
		n += snprintf(buf + n, 300 - (size_t)n, "%02x", id->data[i]);
	if (n + 6 >= 300)
		snprintf(buf + n, 300 - (size_t)n, "...");
	return buf;
}

// Names compare without case (RFC 4343 for hosts; mailbox parts alike, as every peer expects).
static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return strncasecmp((const char *)a, (const char *)b, len) == 0;
}

bool config_id_equal(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool config_id_match(const struct config_id *pattern, const struct config_id *id)
{
	const uint8_t *star;
	size_t head, tail;

	if (pattern->type != id->type)
		return false;
	if (pattern->type != CONFIG_ID_FQDN && pattern->type != CONFIG_ID_RFC822)
		return pattern->len == id->len && memcmp(pattern->data, id->data, id->len) == 0;
	// Nobody presents himself with a NUL: strncasecmp() would stop there.
	if (memchr(id->data, '\0', id->len) != NULL)
		return false;
	star = memchr(pattern->data, '*', pattern->len);
	if (star == NULL)
		return pattern->len == id->len && same(pattern->data, id->data, id->len);
	head = (size_t)(star - pattern->data);
	tail = pattern->len - head - 1;
	return id->len >= head + tail && same(pattern->data, id->data, head) &&
		same(star + 1, id->data + id->len - tail, tail);
}
