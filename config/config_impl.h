// SPDX-License-Identifier: BSD-3-Clause
// What the files of the loader share. A group of the file is described by a table of keys, which
// config_read_group() carries out: types, ranges, missing and unknown keys come out of the table;
// what is more than one value has a function. One loader at a time per reader; any thread.
#pragma once

#include "config.h"

#include <libconfig.h>

// So many slots has the largest pool: the dataplane indexes them by number. Pools of single IPv6
// addresses are mostly a /64; of these the first 2^28 are used, and nobody misses the rest.
#define CONFIG_POOL_SLOT_BITS 28

// One run over one file.
struct config_reader {
	const char *name; // of the file, for messages and for relative secret_file names
	struct config *config; // being filled
	struct config_errors *errors;
	int error_line[CONFIG_ERRORS]; // of errors->text, which is kept in the order of lines
	// Where the groups stand, 0: not in the file.
	int dataplane_line, ike_line, esp_line, certificates_line, gateway_line, client_line;
};

enum config_kind {
	CONFIG_KIND_U32, // uint32_t
	CONFIG_KIND_U64, // uint64_t
	CONFIG_KIND_BOOL, // bool
	CONFIG_KIND_WORD, // an enum: index into words
	CONFIG_KIND_TEXT, // char[size]
	CONFIG_KIND_SECONDS32, // uint32_t, written as a duration
	CONFIG_KIND_SECONDS64, // uint64_t, the same
	CONFIG_KIND_BYTES, // uint64_t, written as a number with K, M, G or T
	CONFIG_KIND_READ, // by function
};

struct config_key {
	const char *name;
	enum config_kind kind;
	bool required;
	uint32_t offset; // in the struct that the group fills
	uint32_t size; // CONFIG_KIND_TEXT: of the array
	uint64_t min, max; // of numbers, seconds, bytes
	bool zero; // SECONDS and BYTES: 0 ("never", "none") besides
	const char *const *words; // CONFIG_KIND_WORD, ends with NULL
	// CONFIG_KIND_READ: `into` is the struct that the group fills.
	void (*read)(struct config_reader *r, config_setting_t *setting, void *into);
};

// "FILE:LINE: " and the text, which is `what is wrong; what would be right`.
void config_error(struct config_reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// `what` names the group in messages: "a port". The table ends with a NULL name.
void config_read_group(struct config_reader *r, config_setting_t *group, const char *what,
	const struct config_key *keys, void *into);
// Allocates one struct of `size` bytes for each element of a list of groups and calls `read` for
// each. Gives back the array (calloc, NULL when empty or not a list of groups) and its length.
void *config_read_list(struct config_reader *r, config_setting_t *list, const char *what,
	size_t size, uint32_t max, uint32_t *n,
	void (*read)(struct config_reader *r, config_setting_t *group, void *into));
// Calls fn for each text of ["a", "b"], ("a", "b") or "a".
void config_read_texts(struct config_reader *r, config_setting_t *setting,
	void (*fn)(struct config_reader *r, int line, const char *text, void *into), void *into);
// The text of a setting that must be one, else NULL and an error.
const char *config_read_text(struct config_reader *r, config_setting_t *setting);
// A name of ours: letters, digits, `-`, `_`, `.`; CONFIG_KIND_READ for a char[CONFIG_NAME_MAX] at
// the start of the struct.
void config_read_name(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_id(
	struct config_reader *r, config_setting_t *setting, struct config_id *id, bool wildcard);
// Adds the selectors of ["10.20.0.0/24", ...] or of one text.
void config_read_selectors(
	struct config_reader *r, config_setting_t *setting, struct ts_list *into);
void config_read_secret(struct config_reader *r, config_setting_t *setting, struct secret *psk);
void config_read_secret_file(
	struct config_reader *r, config_setting_t *setting, struct secret *psk);
// What the group, a `what`, says of authentication fits together: with secrets one, with certificates
// none. `own`: credential of the same group, NULL: it stands elsewhere.
void config_need_secret(struct config_reader *r, config_setting_t *group, const char *what,
	enum config_auth auth, const struct secret *psk, const struct config_credential *own);
// A path as the daemons open it: beside the configuration file unless it is absolute. 0, -ENAMETOOLONG.
int config_path(const struct config_reader *r, const char *text, char *path, size_t cap);
void config_read_certificate(
	struct config_reader *r, config_setting_t *setting, struct config_credential *own);
void config_read_private_key(
	struct config_reader *r, config_setting_t *setting, struct config_credential *own);
void config_check_certificates(struct config_reader *r);
void config_credential_fini(struct config_credential *own);
void config_certificates_fini(struct config_certificates *certificates);
// The pool of this name, else NULL and an error. The pools have been read.
const struct config_pool *config_find_pool(struct config_reader *r, int line, const char *name);

// The nearest of the words to one that was mistyped, NULL when none is near.
const char *config_nearest(const char *word, const char *const *words, size_t n);
// "4h", "1h30m", "90s", "500ms", "never" -> milliseconds. 0 or -EINVAL.
int config_duration_parse(const char *text, uint64_t *ms);
// "64G" -> bytes, powers of 1024. 0 or -EINVAL.
int config_bytes_parse(const char *text, uint64_t *bytes);
// Hexadecimal digits -> octets. How many, or -EINVAL.
int config_hex_parse(const char *text, uint8_t *out, size_t max);

// Group readers, CONFIG_KIND_READ for the top level; `into` is the struct config.
void config_read_dataplane(struct config_reader *r, config_setting_t *setting, void *into);
// The key `limits` of ike; `into` is the struct config.
void config_read_limits(struct config_reader *r, config_setting_t *setting, void *into);
void config_default_limits(struct config *config);
// When all of ike has been read: what depends on half_open_max.
void config_check_limits(struct config_reader *r, const struct config *config);
void config_read_ike(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_esp(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_pools(struct config_reader *r, config_setting_t *setting, void *into);
// The key `static` of a pool; `into` is the struct config_pool.
void config_read_static(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_profiles(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_certificates(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_gateway(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_multicast(struct config_reader *r, config_setting_t *setting, void *into);
void config_read_client(struct config_reader *r, config_setting_t *setting, void *into);

// Something that the connection asks for comes by DHCPv6 alone.
static inline bool config_needs_dhcp6(const struct config_connection *c)
{
	return c->addresses_by == CONFIG_ADDRESSES_DHCPV6 ||
		(c->lan[0] != '\0' && c->lan_prefix == CONFIG_LAN_DELEGATED);
}

// What holds when a key, or its whole group, is not there.
void config_default_dataplane(struct config_dataplane *dataplane);
void config_default_crypto(struct config *config);
void config_default_multicast(struct config *config);

// Whole-file checks, after everything has been read.
void config_check_dataplane(struct config_reader *r);
void config_check_links(struct config_reader *r);
void config_check_static(struct config_reader *r, const struct config_pool *pool);
void config_check_profiles(struct config_reader *r);
void config_check_connections(struct config_reader *r);
// What is wrong with these values of the axes together, NULL: nothing.
const char *config_axes_wrong(enum config_link_model model, enum config_prefixes_by prefixes,
	enum config_addresses_by addresses);
void config_check_roles(struct config_reader *r);
