// SPDX-License-Identifier: BSD-3-Clause
// See client_state.h.
#include "client_state.h"

#include "hash.h"
#include "iid.h"
#include "ike_keys.h"
#include "log.h"
#include "prf.h"
#include "secret.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("client");

#define HEX_MAX (2 * CP_LINK_ID_MAX + 1)

// ---- interface IDs ----

void client_iid_stable(const uint8_t secret[CLIENT_SECRET_BYTES], const struct inet_prefix *prefix,
	const struct config_connection *config, uint8_t counter, uint8_t iid[8])
{
	struct bytes key = {secret, CLIENT_SECRET_BYTES};
	uint8_t count[2] = {counter, 0}, digest[DIGEST_BYTES_MAX] = {0};
	// Prefix, Net_Iface, Network_ID, DAD_Counter.
	struct bytes part[] = {{prefix->addr.bytes, 8},
		{(const uint8_t *)config->interface, strlen(config->interface) + 1},
		{config->gateway_id.data, config->gateway_id.len}, {count, sizeof(count)}};

	do { // until it is one that a host may have; RFC 7217 section 5 step 3
		if (prf_digest_hmac(EVP_DIGEST_SHA256, key, part, 4, digest) != 0)
			abort(); // a digest that TLS and IKE live by
		memcpy(iid, digest, 8);
		count[1]++;
	} while (!link_iid_acceptable(iid));
}

static struct inet_prefix link_local_scope(void)
{
	static const uint8_t zero[8];

	return (struct inet_prefix){.addr = inet_addr_link_local(zero), .len = 64};
}

static void choose_iid(struct client_kept *kept, const struct config_connection *config,
	random_fn random, void *arg)
{
	struct inet_prefix scope = link_local_scope();

	switch (config->iid) {
	case CONFIG_IID_FIXED:
		memcpy(kept->iid, config->interface_id, 8);
		break;
	case CONFIG_IID_STABLE:
		client_iid_stable(kept->secret, &scope, config, 0, kept->iid);
		break;
	case CONFIG_IID_RANDOM:
		while (!link_iid_acceptable(kept->iid))
			random(arg, kept->iid, 8);
		break;
	}
}

void client_state_forget(struct client_kept *kept, const struct config_connection *config,
	random_fn random, void *arg)
{
	kept->link_id_len = 0;
	kept->taken_n = 0;
	memset(kept->iid, 0, sizeof(kept->iid));
	choose_iid(kept, config, random, arg);
}

static struct client_taken *find_taken(
	const struct client_kept *kept, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < kept->taken_n; i++)
		if (inet_prefix_equal(&kept->taken[i].prefix, prefix))
			return (struct client_taken *)(uintptr_t)&kept->taken[i];
	return NULL;
}

bool client_state_iid(const struct client_kept *kept, const struct config_connection *config,
	const struct inet_prefix *prefix, uint8_t iid[8])
{
	const struct client_taken *taken = find_taken(kept, prefix);
	uint8_t counter = taken != NULL ? taken->counter : 0;

	if (counter == 0 && config->iid != CONFIG_IID_STABLE)
		memcpy(iid, kept->iid, 8);
	else
		client_iid_stable(kept->secret, prefix, config, counter, iid);
	return counter <= CLIENT_RETRIES_MAX;
}

bool client_state_taken(struct client_kept *kept, const struct inet_prefix *prefix)
{
	struct client_taken *taken = find_taken(kept, prefix);

	if (taken == NULL) {
		if (kept->taken_n == CP_LIST_MAX)
			return false;
		taken = &kept->taken[kept->taken_n++];
		*taken = (struct client_taken){.prefix = *prefix};
	}
	if (taken->counter <= CLIENT_RETRIES_MAX)
		taken->counter++;
	return taken->counter <= CLIENT_RETRIES_MAX;
}

// ---- the file ----

static void put_hex(json_t *object, const char *key, const uint8_t *data, size_t len)
{
	char text[HEX_MAX];

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	text[2 * len] = '\0';
	json_object_set_new(object, key, json_string(text));
	secret_wipe(text, sizeof(text));
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

// The number of bytes, at most max; -EINVAL when it is something else.
static int get_hex(const json_t *object, const char *key, uint8_t *out, size_t max)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t len = text != NULL ? strlen(text) : 1;

	if (len % 2 != 0 || len / 2 > max)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return (int)(len / 2);
}

static int read_taken(const json_t *list, struct client_kept *out)
{
	const char *text = NULL;
	json_t *value = NULL;

	json_object_foreach((json_t *)(uintptr_t)list, text, value)
	{
		struct client_taken *taken = &out->taken[out->taken_n];
		json_int_t counter = json_integer_value(value);

		if (out->taken_n == CP_LIST_MAX || counter < 1 ||
			counter > CLIENT_RETRIES_MAX + 1 ||
			inet_prefix_parse(text, &taken->prefix) != 0)
			return -EINVAL;
		taken->counter = (uint8_t)counter;
		out->taken_n++;
	}
	return 0;
}

static int read_entry(const json_t *entry, struct client_kept *out)
{
	uint8_t whose[8] = {0};
	int len = get_hex(entry, "link_id", out->link_id, sizeof(out->link_id));

	if (len < 0 || get_hex(entry, "iid", out->iid, 8) != 8 ||
		get_hex(entry, "whose", whose, 8) != 8 ||
		get_hex(entry, "secret", out->secret, sizeof(out->secret)) != sizeof(out->secret) ||
		get_hex(entry, "duid", out->duid, sizeof(out->duid)) != sizeof(out->duid) ||
		out->duid[0] != 0 || out->duid[1] != 4)
		return -EINVAL;
	out->link_id_len = (uint8_t)len;
	memcpy(&out->whose, whose, sizeof(whose));
	return read_taken(json_object_get(entry, "taken"), out);
}

static uint64_t whose(const struct config_connection *config, const struct client_kept *kept)
{
	uint64_t key[2], half[2];

	static_assert(sizeof(key) == CLIENT_SECRET_BYTES);
	memcpy(key, kept->secret, sizeof(key));
	half[0] = hash_bytes(key, config->id.data, config->id.len);
	half[1] = hash_bytes(key, config->gateway_id.data, config->gateway_id.len);
	return hash_bytes(key, half, sizeof(half));
}

static json_t *read_file(const char *path, int *error)
{
	json_error_t why;
	json_t *root = NULL;

	*error = 0;
	if (path[0] == '\0')
		return NULL;
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (root != NULL || json_error_code(&why) != json_error_cannot_open_file)
		*error = json_is_object(root) ? 0 : -EINVAL;
	else if (access(path, F_OK) == 0)
		*error = -EACCES;
	return root;
}

int client_state_load(const char *path, const struct config_connection *config, random_fn random,
	void *arg, struct client_kept *out)
{
	int error = 0;
	json_t *root = read_file(path, &error);
	json_t *entry = json_object_get(json_object_get(root, "connections"), config->name);

	memset(out, 0, sizeof(*out));
	if (error == 0 && entry != NULL)
		error = read_entry(entry, out);
	json_decref(root);
	if (error != 0 || entry == NULL) {
		memset(out, 0, sizeof(*out));
		random(arg, out->secret, sizeof(out->secret));
		out->duid[1] = 4; // DUID-UUID
		random(arg, out->duid + 2, sizeof(out->duid) - 2);
	}
	memcpy(out->name, config->name, sizeof(out->name));
	// Somebody else's link is of no use, and asking for it would be refused.
	if (out->whose != whose(config, out)) {
		out->link_id_len = 0;
		out->whose = whose(config, out);
	}
	if (out->link_id_len == 0) // the next link is a new one
		memset(out->iid, 0, sizeof(out->iid));
	choose_iid(out, config, random, arg);
	if (error != 0)
		LOG(WARN, "%s: cannot be used for connection %s, which gets a new link: %s", path,
			config->name, strerror(-error));
	return error;
}

static json_t *entry_of(const struct client_kept *kept)
{
	json_t *entry = json_object(), *taken = json_object();
	char text[INET_PREFIX_STRLEN];

	for (uint32_t i = 0; i < kept->taken_n; i++)
		json_object_set_new(taken, inet_prefix_format(&kept->taken[i].prefix, text),
			json_integer(kept->taken[i].counter));
	put_hex(entry, "iid", kept->iid, 8);
	put_hex(entry, "link_id", kept->link_id, kept->link_id_len);
	put_hex(entry, "whose", (const uint8_t *)&kept->whose, sizeof(kept->whose));
	put_hex(entry, "secret", kept->secret, sizeof(kept->secret));
	put_hex(entry, "duid", kept->duid, sizeof(kept->duid));
	json_object_set_new(entry, "taken", taken);
	return entry;
}

// Whole or not at all: a new file takes the place of the old one.
static int write_file(const char *path, const char *text)
{
	char fresh[512];
	size_t len = strlen(text);
	int fd, error = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) != 0)
		error = -errno;
	for (size_t done = 0; error == 0 && done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			error = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	close(fd);
	if (error == 0 && rename(fresh, path) != 0)
		error = -errno;
	if (error != 0)
		unlink(fresh);
	return error;
}

int client_state_save(const char *path, const struct client_kept *const *kept, uint32_t n)
{
	json_t *root = NULL, *list = NULL;
	char *text = NULL;
	int error = -ENOMEM;

	if (path[0] == '\0')
		return 0;
	root = json_object();
	list = json_object();
	for (uint32_t i = 0; i < n; i++)
		json_object_set_new(list, kept[i]->name, entry_of(kept[i]));
	json_object_set_new(root, "connections", list);
	text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(root);
	if (text != NULL)
		error = write_file(path, text);
	if (text != NULL)
		secret_wipe(text, strlen(text));
	free(text);
	if (error != 0)
		LOG(WARN, "%s: cannot be written: %s", path, strerror(-error));
	return error;
}
