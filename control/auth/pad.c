// SPDX-License-Identifier: BSD-3-Clause
// Peer Authorization Database: entries of the configuration in their order, the first match counts.
// RFC 4301 section 4.4.3. Entries that name one identity are found by hash, those with a wildcard
// are tried one by one. One thread per object.
#include "pad.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

struct pad_entry {
	struct hash_node by_id;
	const struct config_peer *peer;
};
struct pad {
	struct hash exact;
	struct pad_entry *entry; // one per peer, in order
	const struct config_peer **pattern; // those with a wildcard, in order
	uint32_t pattern_n;
};

static bool is_pattern(const struct config_id *id)
{
	return (id->type == CONFIG_ID_FQDN || id->type == CONFIG_ID_RFC822) &&
		memchr(id->data, '*', id->len) != NULL;
}

// Names without their case, since config_id_match() does not look at it.
static uint64_t id_key(const struct pad *pad, const struct config_id *id)
{
	uint8_t text[2 + sizeof(id->data)] = {(uint8_t)id->type, id->len};

	for (unsigned i = 0; i < id->len; i++) {
		uint8_t c = id->data[i];

		text[2 + i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return hash_bytes(pad->exact.secret, text, 2 + (size_t)id->len);
}

struct pad *pad_new(const struct config_gateway *gateway, const uint64_t secret[2])
{
	uint32_t n = gateway->present ? gateway->peer_n : 0;
	struct pad *pad = calloc(1, sizeof(*pad));

	if (pad == NULL || hash_init(&pad->exact, secret) != 0)
		goto fail;
	pad->entry = calloc(n + 1, sizeof(*pad->entry));
	pad->pattern = calloc(n + 1, sizeof(*pad->pattern));
	if (pad->entry == NULL || pad->pattern == NULL)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		const struct config_peer *peer = &gateway->peer[i];

		pad->entry[i].peer = peer;
		if (is_pattern(&peer->id))
			pad->pattern[pad->pattern_n++] = peer;
		else
			hash_add(&pad->exact, &pad->entry[i].by_id, id_key(pad, &peer->id));
	}
	return pad;
fail:
	pad_free(pad);
	return NULL;
}

void pad_free(struct pad *pad)
{
	if (pad == NULL)
		return;
	hash_fini(&pad->exact);
	free(pad->entry);
	free(pad->pattern);
	free(pad);
}

void pad_identity(const struct config_peer *peer, struct config_id *identity)
{
	if (!is_pattern(&peer->id)) {
		*identity = peer->id;
		return;
	}
	for (unsigned i = 0; i < identity->len; i++) {
		uint8_t c = identity->data[i];

		identity->data[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
}

const struct config_peer *pad_lookup(const struct pad *pad, const struct config_id *identity)
{
	struct hash_node *node = hash_find(&pad->exact, id_key(pad, identity));
	const struct config_peer *found = NULL;

	for (; node != NULL; node = hash_find_next(node)) {
		const struct config_peer *peer = CONTAINER_OF(node, struct pad_entry, by_id)->peer;

		// The entries are one array, so that the lower address is the earlier one.
		if (config_id_match(&peer->id, identity) && (found == NULL || peer < found))
			found = peer;
	}
	for (uint32_t i = 0; i < pad->pattern_n; i++) {
		if (found != NULL && pad->pattern[i] > found)
			break;
		if (config_id_match(&pad->pattern[i]->id, identity))
			return pad->pattern[i];
	}
	return found;
}
