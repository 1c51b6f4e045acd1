// SPDX-License-Identifier: BSD-3-Clause
// Rows of the lease database from structs and back. Control's thread.
#include "log.h"
#include "store_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("lease");

// Long enough for "NAME ROLE NTH PREFIX\n" with any two 32-bit numbers.
#define POOL_TEXT_MAX (CONFIG_NAME_MAX + 24 + INET_PREFIX_STRLEN)

// Bound values are the caller's until the statement has run.
static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static void bind_id(sqlite3_stmt *stmt, int at, const struct config_id *id)
{
	sqlite3_bind_int(stmt, at, (int)id->type);
	sqlite3_bind_blob(
		stmt, at + 1, id->len > 0 ? (const void *)id->data : "", id->len, SQLITE_STATIC);
}

int store_prefix_encode(const struct inet_prefix *prefix, uint8_t out[STORE_PREFIX_MAX])
{
	int n = (prefix->len + 7) / 8;

	out[0] = prefix->addr.family == AF_INET ? 4 : 6;
	out[1] = prefix->len;
	memcpy(out + 2, prefix->addr.bytes, (size_t)n);
	return 2 + n;
}

static void bind_prefix(
	sqlite3_stmt *stmt, int at, const struct inet_prefix *prefix, uint8_t key[STORE_PREFIX_MAX])
{
	sqlite3_bind_blob(stmt, at, key, store_prefix_encode(prefix, key), SQLITE_STATIC);
}

int store_put_lease(struct store *store, const struct store_lease *lease)
{
	sqlite3_stmt *stmt = store->statement[STORE_PUT_LEASE];
	uint8_t key[STORE_PREFIX_MAX];

	bind_prefix(stmt, 1, &lease->prefix, key);
	bind_text(stmt, 2, lease->pool);
	bind_id(stmt, 3, &lease->identity);
	sqlite3_bind_int64(stmt, 5, lease->ordinal);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)lease->used_s);
	return store_run(store, STORE_PUT_LEASE);
}

int store_del_lease(struct store *store, const struct inet_prefix *prefix)
{
	uint8_t key[STORE_PREFIX_MAX];

	bind_prefix(store->statement[STORE_DEL_LEASE], 1, prefix, key);
	return store_run(store, STORE_DEL_LEASE);
}

int store_put_link(struct store *store, const struct store_link *link)
{
	sqlite3_stmt *stmt = store->statement[STORE_PUT_LINK];
	char pools[STORE_LINK_POOLS * POOL_TEXT_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < link->pool_n && i < STORE_LINK_POOLS; i++) {
		const struct store_link_pool *pool = &link->pool[i];
		char prefix[INET_PREFIX_STRLEN] = "-";

		if (pool->prefix.addr.family != 0)
			inet_prefix_format(&pool->prefix, prefix);
		len += (size_t)snprintf(pools + len, sizeof(pools) - len, "%s %u %u %s\n",
			pool->name, pool->role, pool->nth, prefix);
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)link->handle);
	bind_id(stmt, 2, &link->identity);
	sqlite3_bind_int64(stmt, 4, link->ordinal);
	sqlite3_bind_int(stmt, 5, link->unasked);
	if (link->virtual_link) {
		sqlite3_bind_blob(stmt, 6, link->link_id, LINK_ID_BYTES, SQLITE_STATIC);
		sqlite3_bind_blob(stmt, 7, link->client_iid, 8, SQLITE_STATIC);
		sqlite3_bind_blob(stmt, 8, link->gateway_iid, 8, SQLITE_STATIC);
	}
	bind_text(stmt, 9, link->peer);
	bind_text(stmt, 10, link->profile);
	sqlite3_bind_int64(stmt, 11, (sqlite3_int64)link->created_s);
	sqlite3_bind_text(stmt, 12, pools, (int)len, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 13, link->renumber);
	return store_run(store, STORE_PUT_LINK);
}

int store_del_link(struct store *store, uint64_t handle)
{
	int error = 0;

	sqlite3_bind_int64(store->statement[STORE_DEL_EXTRAS], 1, (sqlite3_int64)handle);
	error = store_run(store, STORE_DEL_EXTRAS);
	if (error != 0)
		return error;
	sqlite3_bind_int64(store->statement[STORE_DEL_LINK], 1, (sqlite3_int64)handle);
	return store_run(store, STORE_DEL_LINK);
}

int store_put_extra(struct store *store, const struct store_extra *extra)
{
	sqlite3_stmt *stmt = store->statement[STORE_PUT_EXTRA];
	uint8_t key[STORE_PREFIX_MAX];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)extra->link);
	bind_prefix(stmt, 2, &extra->prefix, key);
	sqlite3_bind_int64(stmt, 3, extra->kind);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)extra->until_s); // no end: -1
	return store_run(store, STORE_PUT_EXTRA);
}

int store_del_extra(struct store *store, uint64_t link, const struct inet_prefix *prefix)
{
	sqlite3_stmt *stmt = store->statement[STORE_DEL_EXTRA];
	uint8_t key[STORE_PREFIX_MAX];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)link);
	bind_prefix(stmt, 2, prefix, key);
	return store_run(store, STORE_DEL_EXTRA);
}

// Reading: whoever can write the file could write anything, so nothing is taken unchecked.

static bool column_blob(sqlite3_stmt *stmt, int at, void *out, size_t len)
{
	const void *blob = sqlite3_column_blob(stmt, at);

	if (blob == NULL || (size_t)sqlite3_column_bytes(stmt, at) != len)
		return false;
	memcpy(out, blob, len);
	return true;
}

static bool column_name(sqlite3_stmt *stmt, int at, char out[CONFIG_NAME_MAX])
{
	const unsigned char *text = sqlite3_column_text(stmt, at);
	int len = sqlite3_column_bytes(stmt, at);

	if (text == NULL || len < 0 || len >= CONFIG_NAME_MAX)
		return false;
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	return strlen(out) == (size_t)len;
}

static bool column_id(sqlite3_stmt *stmt, int at, struct config_id *id)
{
	int len = sqlite3_column_bytes(stmt, at + 1);
	const void *blob = sqlite3_column_blob(stmt, at + 1);

	if (len < 0 || (size_t)len > sizeof(id->data))
		return false;
	*id = (struct config_id){
		.type = (enum config_id_type)sqlite3_column_int(stmt, at), .len = (uint8_t)len};
	if (len > 0)
		memcpy(id->data, blob, (size_t)len);
	return true;
}

static bool column_u32(sqlite3_stmt *stmt, int at, uint32_t *value)
{
	sqlite3_int64 wide = sqlite3_column_int64(stmt, at);

	*value = (uint32_t)wide;
	return wide >= 0 && wide <= UINT32_MAX;
}

static bool column_prefix(sqlite3_stmt *stmt, int at, struct inet_prefix *prefix)
{
	const uint8_t *key = sqlite3_column_blob(stmt, at);
	int len = sqlite3_column_bytes(stmt, at);
	struct inet_prefix whole;

	*prefix = (struct inet_prefix){};
	if (key == NULL || len < 2 || len > STORE_PREFIX_MAX || (key[0] != 4 && key[0] != 6))
		return false;
	prefix->addr.family = key[0] == 4 ? AF_INET : AF_INET6;
	prefix->len = key[1];
	if (prefix->len > inet_addr_bits(prefix->addr.family) || len != 2 + (prefix->len + 7) / 8)
		return false;
	memcpy(prefix->addr.bytes, key + 2, (size_t)len - 2);
	whole = *prefix;
	inet_prefix_normalize(&whole);
	return inet_prefix_equal(&whole, prefix);
}

static bool read_lease(sqlite3_stmt *stmt, struct store_lease *lease)
{
	*lease = (struct store_lease){.used_s = (uint64_t)sqlite3_column_int64(stmt, 5)};
	return column_prefix(stmt, 0, &lease->prefix) && column_name(stmt, 1, lease->pool) &&
		column_id(stmt, 2, &lease->identity) && column_u32(stmt, 4, &lease->ordinal);
}

// A decimal number and the character behind it; NULL: there is none.
static const char *read_number(const char *text, char behind, uint32_t *value)
{
	char *end = NULL;
	unsigned long wide = strtoul(text, &end, 10);

	*value = (uint32_t)wide;
	return *text >= '0' && *text <= '9' && *end == behind && wide <= UINT32_MAX ? end + 1
										    : NULL;
}

// A prefix, or "-", and the end of the line.
static const char *read_prefix(const char *text, struct inet_prefix *prefix)
{
	size_t len = strcspn(text, "\n");
	char word[INET_PREFIX_STRLEN];

	if (len >= sizeof(word) || text[len] != '\n')
		return NULL;
	memcpy(word, text, len);
	word[len] = '\0';
	if (strcmp(word, "-") != 0 && inet_prefix_parse(word, prefix) != 0)
		return NULL;
	return text + len + 1;
}

static const char *read_pool(const char *text, struct store_link_pool *pool)
{
	size_t len = strcspn(text, " \n");

	if (len == 0 || len >= CONFIG_NAME_MAX || text[len] != ' ')
		return NULL;
	memcpy(pool->name, text, len);
	text = read_number(text + len + 1, ' ', &pool->role);
	if (text != NULL)
		text = read_number(text, ' ', &pool->nth);
	return text != NULL ? read_prefix(text, &pool->prefix) : NULL;
}

static bool read_pools(sqlite3_stmt *stmt, int at, struct store_link *link)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	while (text != NULL && *text != '\0') {
		if (link->pool_n == STORE_LINK_POOLS)
			return false;
		text = read_pool(text, &link->pool[link->pool_n++]);
	}
	return text != NULL;
}

static bool read_link(sqlite3_stmt *stmt, struct store_link *link)
{
	*link = (struct store_link){.handle = (uint64_t)sqlite3_column_int64(stmt, 0),
		.created_s = (uint64_t)sqlite3_column_int64(stmt, 10),
		.unasked = sqlite3_column_int(stmt, 4) != 0,
		.virtual_link = sqlite3_column_type(stmt, 5) != SQLITE_NULL};
	if (link->handle == 0 || link->handle > INT64_MAX)
		return false;
	if (link->virtual_link &&
		(!column_blob(stmt, 5, link->link_id, LINK_ID_BYTES) ||
			!column_blob(stmt, 6, link->client_iid, 8) ||
			!column_blob(stmt, 7, link->gateway_iid, 8)))
		return false;
	return column_id(stmt, 1, &link->identity) && column_u32(stmt, 3, &link->ordinal) &&
		column_name(stmt, 8, link->peer) && column_name(stmt, 9, link->profile) &&
		read_pools(stmt, 11, link) && column_u32(stmt, 12, &link->renumber);
}

static bool read_extra(sqlite3_stmt *stmt, struct store_extra *extra)
{
	*extra = (struct store_extra){.link = (uint64_t)sqlite3_column_int64(stmt, 0),
		.until_s = (uint64_t)sqlite3_column_int64(stmt, 3)};
	return extra->link != 0 && extra->link <= INT64_MAX &&
		column_prefix(stmt, 1, &extra->prefix) && column_u32(stmt, 2, &extra->kind);
}

// One kind of row: reads it and gives it to the caller's function.
enum row_result {
	ROW_BAD,
	ROW_GIVEN,
	ROW_ENOUGH
};
struct row_reader {
	enum row_result (*row)(const struct row_reader *reader, sqlite3_stmt *stmt);
	void *arg;
	bool (*lease)(void *arg, const struct store_lease *lease);
	bool (*link)(void *arg, const struct store_link *link);
	bool (*extra)(void *arg, const struct store_extra *extra);
};

static enum row_result row_lease(const struct row_reader *reader, sqlite3_stmt *stmt)
{
	struct store_lease lease;

	if (!read_lease(stmt, &lease))
		return ROW_BAD;
	return reader->lease(reader->arg, &lease) ? ROW_GIVEN : ROW_ENOUGH;
}

static enum row_result row_link(const struct row_reader *reader, sqlite3_stmt *stmt)
{
	struct store_link link;

	if (!read_link(stmt, &link))
		return ROW_BAD;
	return reader->link(reader->arg, &link) ? ROW_GIVEN : ROW_ENOUGH;
}

static enum row_result row_extra(const struct row_reader *reader, sqlite3_stmt *stmt)
{
	struct store_extra extra;

	if (!read_extra(stmt, &extra))
		return ROW_BAD;
	return reader->extra(reader->arg, &extra) ? ROW_GIVEN : ROW_ENOUGH;
}

static int each(struct store *store, enum store_statement which, const char *rows,
	const struct row_reader *reader)
{
	sqlite3_stmt *stmt = store->statement[which];
	enum row_result result = ROW_GIVEN;
	uint64_t bad = 0;
	int rc = SQLITE_ROW;

	while (result != ROW_ENOUGH && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		result = reader->row(reader, stmt);
		bad += result == ROW_BAD;
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	if (bad > 0)
		LOG(WARN, "lease database: %lu bad %s skipped", bad, rows);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : store_failed(store->db, rows);
}

int store_each_lease(
	struct store *store, bool (*fn)(void *arg, const struct store_lease *lease), void *arg)
{
	struct row_reader reader = {.row = row_lease, .arg = arg, .lease = fn};

	return each(store, STORE_EACH_LEASE, "leases", &reader);
}

int store_each_pool_lease(struct store *store, const char *pool,
	bool (*fn)(void *arg, const struct store_lease *lease), void *arg)
{
	struct row_reader reader = {.row = row_lease, .arg = arg, .lease = fn};

	bind_text(store->statement[STORE_EACH_POOL_LEASE], 1, pool);
	return each(store, STORE_EACH_POOL_LEASE, "leases", &reader);
}

int store_each_link(
	struct store *store, bool (*fn)(void *arg, const struct store_link *link), void *arg)
{
	struct row_reader reader = {.row = row_link, .arg = arg, .link = fn};

	return each(store, STORE_EACH_LINK, "links", &reader);
}

int store_each_extra(
	struct store *store, bool (*fn)(void *arg, const struct store_extra *extra), void *arg)
{
	struct row_reader reader = {.row = row_extra, .arg = arg, .extra = fn};

	return each(store, STORE_EACH_EXTRA, "extras", &reader);
}
