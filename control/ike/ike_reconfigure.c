// SPDX-License-Identifier: BSD-3-Clause
// Another configuration under a running core: what is still authorized goes on with what it negotiated,
// what is not is deleted. Costs the size of both configurations and the number of IKE SAs; handshakes
// are not concerned. One thread per core.
#include "connection.h"
#include "connection_child.h"
#include "credentials.h"
#include "effect.h"
#include "ike_sa.h"
#include "pad.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// The new configuration's connections, with what goes on of the old ones.
struct change {
	struct ike *ike;
	const struct config *config;
	struct hash by_name; // named, of the new ones
	struct named *named; // one for each
	struct connection **connection;
	struct pad *pad;
	struct credentials *credentials;
};
struct named {
	struct hash_node node;
	uint32_t number;
};

static uint64_t key_of(const struct ike *ike, const struct config_connection *config)
{
	return hash_bytes(ike->secret, config->name, strlen(config->name));
}

// Its number in the new configuration, UINT32_MAX: it is gone.
static uint32_t number_of(const struct change *change, const struct config_connection *old)
{
	struct hash_node *node = hash_find(&change->by_name, key_of(change->ike, old));

	for (; node != NULL; node = hash_find_next(node)) {
		uint32_t number = CONTAINER_OF(node, struct named, node)->number;

		if (strcmp(change->config->connection[number].name, old->name) == 0)
			return number;
	}
	return UINT32_MAX;
}

static bool id_equal(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool secrets_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && secret_equal(a->bytes, b->bytes, a->len);
}

static bool ids_equal(const struct config_connection *a, const struct config_connection *b)
{
	return id_equal(&a->id, &b->id) && id_equal(&a->gateway_id, &b->gateway_id);
}

static bool credentials_equal(const struct config_connection *a, const struct config_connection *b)
{
	return ids_equal(a, b) && a->auth == b->auth && secrets_equal(&a->psk, &b->psk) &&
		config_credential_equal(&a->credential, &b->credential) &&
		inet_addr_equal(&a->gateway, &b->gateway) && inet_addr_equal(&a->local, &b->local);
}

// ---- before anything is changed ----

static void change_undo(struct change *change)
{
	for (uint32_t i = 0; change->connection != NULL && i < change->config->connection_n; i++)
		connection_free(change->connection[i]);
	free(change->connection);
	free(change->named);
	hash_fini(&change->by_name);
	pad_free(change->pad);
	credentials_free(change->credentials);
}

static int names_read(struct change *change)
{
	uint32_t n = change->config->connection_n;

	if (hash_init(&change->by_name, change->ike->secret) != 0)
		return -ENOMEM;
	change->named = calloc(n + 1, sizeof(*change->named));
	change->connection = calloc(n + 1, sizeof(struct connection *));
	if (change->named == NULL || change->connection == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		change->named[i].number = i;
		hash_add(&change->by_name, &change->named[i].node,
			key_of(change->ike, &change->config->connection[i]));
	}
	return 0;
}

// Everything that may fail: memory for those that are new.
static int change_prepare(struct change *change)
{
	struct ike *ike = change->ike;
	const struct config *config = change->config;
	bool *goes_on = calloc((size_t)config->connection_n + 1, sizeof(*goes_on));
	int ret = goes_on == NULL ? -ENOMEM : names_read(change);

	for (uint32_t i = 0; ret == 0 && i < ike->config->connection_n; i++) {
		uint32_t number = number_of(change, &ike->config->connection[i]);

		if (number != UINT32_MAX)
			goes_on[number] = true;
	}
	for (uint32_t i = 0; ret == 0 && i < config->connection_n; i++) {
		if (goes_on[i])
			continue;
		change->connection[i] = connection_new(ike, &config->connection[i]);
		if (change->connection[i] == NULL)
			ret = -ENOMEM;
	}
	if (ret == 0) {
		change->credentials = credentials_new(config, NULL);
		ret = change->credentials == NULL ? -errno : 0;
	}
	change->pad = pad_new(&config->gateway, ike->secret);
	if (change->pad == NULL ||
		timer_heap_reserve(&ike->timers, ike->sa_n + config->connection_n + 1))
		ret = -ENOMEM;
	free(goes_on);
	return ret;
}

// ---- the change itself; nothing fails from here on ----

// What stands in the queue names the old configuration: it is re-pointed, or dropped with its connection.
static void effects_repoint(struct change *change)
{
	struct ike *ike = change->ike;
	struct ike_effect **at = &ike->effects;

	while (*at != NULL) {
		struct ike_effect *effect = *at;
		bool about = effect->type == IKE_CONNECTION_UP ||
			effect->type == IKE_CONNECTION_DOWN ||
			effect->type == IKE_CONNECTION_CHILD_UP ||
			effect->type == IKE_CONNECTION_CHILD_DOWN;
		uint32_t number = about ? number_of(change, effect->connection.connection) : 0;

		if (number == UINT32_MAX) {
			*at = effect->next;
			ike_effect_free(effect);
			continue;
		}
		if (about)
			effect->connection.connection = &change->config->connection[number];
		at = &effect->next;
	}
	ike->effects_end = at;
}

static void sas_delete(struct connection *connection, const char *why)
{
	struct ike *ike = connection->ike;
	struct ike_sa *sa = ike_sa_by_handle(ike, connection->ike_sa);

	connection_unwanted(connection); // with an attempt to replace it
	if (sa != NULL)
		ike_sa_delete(sa, 0, why);
}

// Nobody is told: whoever took it out of the configuration knows.
static void connection_drop(struct connection *connection)
{
	struct ike *ike = connection->ike;
	struct ike_sa *sa = ike_sa_by_handle(ike, connection->ike_sa);

	LOG(NOTICE, "connection %s is gone from the configuration", connection->config->name);
	connection_children_fini(connection); // their end would be told under a name that is gone
	connection_unwanted(connection);
	if (sa != NULL) {
		sa->connection = NULL;
		ike_sa_delete(sa, 0, "the connection is gone from the configuration");
	}
	connection_free(connection);
}

static void connection_goes_on(
	struct connection *connection, const struct config_connection *config)
{
	const struct config_connection *old = connection->config;
	bool same = credentials_equal(old, config), same_ids = ids_equal(old, config);

	connection->config = config;
	if (!same) {
		sas_delete(connection, "the configuration has other credentials");
		connection->contacted = false;
	}
	if (!same_ids) { // the link was somebody else's
		connection->link_id_len = 0;
		connection->given = (struct connection_given){0};
	}
	if (connection_children_configure(connection) != 0)
		LOG(ERR, "connection %s: no memory for its further child SAs", config->name);
}

static void connections_change(struct change *change)
{
	struct ike *ike = change->ike;

	for (uint32_t i = 0; i < ike->config->connection_n; i++) {
		struct connection *connection = ike->connection[i];
		uint32_t number = number_of(change, connection->config);

		if (number == UINT32_MAX) {
			ike->connection[i] = NULL; // whoever looks through them meanwhile
			connection_drop(connection);
			continue;
		}
		change->connection[number] = connection;
		connection_goes_on(connection, &change->config->connection[number]);
	}
	free(ike->connection);
	ike->connection = change->connection;
}

// The PAD entry that an authenticated peer has now, NULL: none, or it would have to prove itself anew.
static const struct config_peer *peer_now(const struct change *change, const struct ike_sa *sa)
{
	const struct config_peer *peer = pad_lookup(change->pad, &sa->remote_id);

	return peer != NULL && peer->auth == sa->peer->auth &&
			secrets_equal(&peer->psk, &sa->peer->psk)
		? peer
		: NULL;
}

static void peers_change(struct change *change)
{
	for (struct ike_sa *sa = change->ike->all; sa != NULL; sa = sa->next) {
		const struct config_peer *peer;

		if (sa->peer == NULL)
			continue;
		peer = peer_now(change, sa);
		if (peer == NULL && sa->state == IKE_SA_ESTABLISHED)
			ike_sa_delete(sa, 0, "the configuration does not know the peer any more");
		sa->peer = peer;
	}
}

int ike_reconfigure(struct ike *ike, const struct config *config, uint64_t now_us)
{
	struct change change = {.ike = ike, .config = config};
	int ret = change_prepare(&change);

	if (ret < 0) {
		change_undo(&change);
		return ret;
	}
	core_enter(ike, now_us);
	effects_repoint(&change);
	connections_change(&change);
	peers_change(&change);
	pad_free(ike->pad);
	ike->pad = change.pad;
	credentials_free(ike->credentials);
	ike->credentials = change.credentials;
	ike->credentials_generation++;
	ike->config = config;
	if (config->connection_n > 0)
		connection_find_alike(ike);
	hash_fini(&change.by_name);
	free(change.named);
	core_leave(ike);
	return 0;
}
