// SPDX-License-Identifier: BSD-3-Clause
// Whether our initiator says INITIAL_CONTACT, RFC 7296 section 2.4: "this IKE SA is the only one between
// these two identities". One thread per core.
//
// A user's name is shared by all of his hosts (L14), none of which knows of the others: each would end the
// others' IKE SAs, so the RFC forbids it to them. The name or address of a host is that host's alone. So
// it is said by connections whose own identity is a host's, once after the start of the process, when
// what the process before left behind is dead; not by two connections of one pair of identities. Users'
// hosts come back by their Link ID instead, and the gateway finds out what is dead (companion.h).
#include "connection.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>

struct alike {
	struct hash_node node;
	struct connection *connection;
};

static bool id_equal(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static uint64_t key_of(const struct ike *ike, const struct config_connection *config)
{
	uint64_t key[2] = {hash_bytes(ike->secret, config->id.data, config->id.len),
		hash_bytes(ike->secret, config->gateway_id.data, config->gateway_id.len)};

	return hash_bytes(ike->secret, key, sizeof(key));
}

static void compare(const struct hash *table, struct alike *one, uint64_t key)
{
	const struct config_connection *config = one->connection->config;
	struct hash_node *node = hash_find(table, key);

	for (; node != NULL; node = hash_find_next(node)) {
		struct connection *other = CONTAINER_OF(node, struct alike, node)->connection;

		if (!id_equal(&config->id, &other->config->id) ||
			!id_equal(&config->gateway_id, &other->config->gateway_id))
			continue;
		one->connection->alike = other->alike = true;
		return; // any further one is marked already
	}
}

void connection_find_alike(struct ike *ike)
{
	uint32_t n = ike->config->connection_n;
	struct alike *all = calloc(n, sizeof(*all));
	struct hash table;
	bool known = all != NULL && hash_init(&table, ike->secret) == 0;

	for (uint32_t i = 0; i < n; i++)
		ike->connection[i]->alike = !known; // in doubt it is not said
	for (uint32_t i = 0; known && i < n; i++) {
		uint64_t key = key_of(ike, ike->connection[i]->config);

		all[i].connection = ike->connection[i];
		compare(&table, &all[i], key);
		hash_add(&table, &all[i].node, key);
	}
	if (known)
		hash_fini(&table);
	free(all);
}

static bool names_host(const struct config_id *id)
{
	return id->type == CONFIG_ID_FQDN || id->type == CONFIG_ID_IPV4 ||
		id->type == CONFIG_ID_IPV6;
}

bool connection_is_first_contact(const struct connection *connection)
{
	return !connection->contacted && !connection->alike && names_host(&connection->config->id);
}
