// SPDX-License-Identifier: BSD-3-Clause
// Carries out a table of keys on one group of the file, and keeps what is wrong, sorted by line:
// everything at once, so that nobody has to mend a file error by error.
#include "config_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_error(struct config_reader *r, int line, const char *format, ...)
{
	struct config_errors *errors = r->errors;
	char text[sizeof(errors->text[0])];
	uint32_t at;
	va_list args;
	int len;

	if (errors->n++ >= CONFIG_ERRORS)
		return;
	len = snprintf(text, sizeof(text), "%.120s:%d: ", r->name, line);
	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	for (at = errors->n - 1; at > 0 && r->error_line[at - 1] > line; at--) {
		memcpy(errors->text[at], errors->text[at - 1], sizeof(text));
		r->error_line[at] = r->error_line[at - 1];
	}
	memcpy(errors->text[at], text, sizeof(text));
	r->error_line[at] = line;
}

void config_errors_add(
	struct config_errors *errors, const char *name, int line, const char *format, ...)
{
	char *text = errors->n < CONFIG_ERRORS ? errors->text[errors->n] : NULL;
	va_list args;
	int len;

	errors->n++;
	if (text == NULL)
		return;
	len = snprintf(text, sizeof(errors->text[0]), "%.120s:%d: ", name, line);
	va_start(args, format);
	vsnprintf(text + len, sizeof(errors->text[0]) - (size_t)len, format, args);
	va_end(args);
}

#define KEYS_MAX 48
// The words with commas between, for a message.
static void join(const char *const *words, size_t n, char *buf, size_t cap)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s%s", i > 0 ? ", " : "", words[i]);
}

static bool known(const struct config_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return true;
	return false;
}

static void check_unknown(struct config_reader *r, config_setting_t *group, const char *what,
	const struct config_key *keys)
{
	const char *names[KEYS_MAX];
	char list[200];
	size_t n = 0;

	for (; keys[n].name != NULL && n < KEYS_MAX; n++)
		names[n] = keys[n].name;
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(setting);
		const char *nearest = config_nearest(name, names, n);

		if (known(keys, name))
			continue;
		join(names, n, list, sizeof(list));
		if (nearest != NULL)
			config_error(r, (int)config_setting_source_line(setting),
				"%s has no key '%.40s'; did you mean '%s'?", what, name, nearest);
		else
			config_error(r, (int)config_setting_source_line(setting),
				"%s has no key '%.40s'; its keys are %s", what, name, list);
	}
}

static bool get_number(config_setting_t *setting, int64_t *value)
{
	int type = config_setting_type(setting);

	if (type == CONFIG_TYPE_INT)
		*value = config_setting_get_int(setting);
	else if (type == CONFIG_TYPE_INT64)
		*value = config_setting_get_int64(setting);
	else
		return false;
	return true;
}

static void read_number(
	struct config_reader *r, config_setting_t *setting, const struct config_key *key, void *at)
{
	int64_t value;

	if (!get_number(setting, &value) || value < 0 || (uint64_t)value < key->min ||
		(uint64_t)value > key->max) {
		config_error(r, (int)config_setting_source_line(setting),
			"%s is not a number from %" PRIu64 " to %" PRIu64 "; write %s = %" PRIu64
			" or the like",
			key->name, key->min, key->max, key->name, key->min);
		return;
	}
	if (key->kind == CONFIG_KIND_U32)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = (uint64_t)value;
}

static void format_seconds(uint64_t s, char *buf, size_t cap)
{
	if (s >= 86400 && s % 86400 == 0)
		snprintf(buf, cap, "%" PRIu64 "d", s / 86400);
	else if (s >= 3600 && s % 3600 == 0)
		snprintf(buf, cap, "%" PRIu64 "h", s / 3600);
	else
		snprintf(buf, cap, "%" PRIu64 "s", s);
}

static void read_seconds(
	struct config_reader *r, config_setting_t *setting, const struct config_key *key, void *at)
{
	const char *text = config_setting_get_string(setting);
	int line = (int)config_setting_source_line(setting);
	char min[24], max[24];
	uint64_t ms = 0;
	int64_t number;

	if (get_number(setting, &number)) {
		config_error(r, line,
			"%s = %" PRId64 " has no unit; write \"%" PRId64 "s\" (ms, s, m, h, d)",
			key->name, number, number);
		return;
	}
	if (text == NULL || config_duration_parse(text, &ms) != 0) {
		config_error(r, line,
			"%s is not a duration; write \"90s\", \"4h\", \"1h30m\" or \"never\"",
			key->name);
		return;
	}
	if (ms % 1000 != 0) {
		config_error(r, line, "%s = \"%.40s\" is no whole number of seconds; round it",
			key->name, text);
		return;
	}
	format_seconds(key->min, min, sizeof(min));
	format_seconds(key->max, max, sizeof(max));
	if (!(ms == 0 && key->zero) && (ms / 1000 < key->min || ms / 1000 > key->max)) {
		config_error(r, line, "%s = \"%.40s\" is out of range; %s to %s%s", key->name, text,
			min, max, key->zero ? ", or \"never\"" : "");
		return;
	}
	if (key->kind == CONFIG_KIND_SECONDS32)
		*(uint32_t *)at = (uint32_t)(ms / 1000);
	else
		*(uint64_t *)at = ms / 1000;
}

static void read_bytes(struct config_reader *r, config_setting_t *setting,
	const struct config_key *key, uint64_t *at)
{
	const char *text = config_setting_get_string(setting);
	uint64_t value = 0;
	int64_t number;
	bool good;

	if (get_number(setting, &number)) {
		good = number >= 0;
		value = (uint64_t)number;
	} else {
		good = text != NULL && config_bytes_parse(text, &value) == 0;
	}
	if (!good || (!(value == 0 && key->zero) && (value < key->min || value > key->max))) {
		config_error(r, (int)config_setting_source_line(setting),
			"%s is not a number of bytes from %" PRIu64
			" on, or 0; write \"64G\" (K, M, G, T)",
			key->name, key->min);
		return;
	}
	*at = value;
}

static void read_word(
	struct config_reader *r, config_setting_t *setting, const struct config_key *key, void *at)
{
	const char *text = config_setting_get_string(setting);
	char list[200];
	size_t n = 0;

	for (; key->words[n] != NULL; n++) {
		if (text != NULL && strcmp(text, key->words[n]) == 0) {
			*(unsigned *)at = (unsigned)n;
			return;
		}
	}
	join(key->words, n, list, sizeof(list));
	config_error(r, (int)config_setting_source_line(setting),
		"%s = \"%.40s\" is not one of its values; they are %s", key->name,
		text != NULL ? text : "?", list);
}

static void read_text(
	struct config_reader *r, config_setting_t *setting, const struct config_key *key, char *at)
{
	const char *text = config_read_text(r, setting);

	if (text == NULL)
		return;
	if (strlen(text) >= key->size)
		config_error(r, (int)config_setting_source_line(setting),
			"%s is too long; at most %u letters", key->name, key->size - 1);
	else
		memcpy(at, text, strlen(text) + 1);
}

static void read_bool(
	struct config_reader *r, config_setting_t *setting, const struct config_key *key, bool *at)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*at = config_setting_get_bool(setting) != 0;
	else
		config_error(r, (int)config_setting_source_line(setting),
			"%s is neither true nor false; write %s = true or %s = false", key->name,
			key->name, key->name);
}

static void read_key(struct config_reader *r, config_setting_t *setting,
	const struct config_key *key, void *into)
{
	void *at = (uint8_t *)into + key->offset;

	switch (key->kind) {
	case CONFIG_KIND_U32:
	case CONFIG_KIND_U64:
		read_number(r, setting, key, at);
		break;
	case CONFIG_KIND_BOOL:
		read_bool(r, setting, key, at);
		break;
	case CONFIG_KIND_WORD:
		read_word(r, setting, key, at);
		break;
	case CONFIG_KIND_TEXT:
		read_text(r, setting, key, at);
		break;
	case CONFIG_KIND_SECONDS32:
	case CONFIG_KIND_SECONDS64:
		read_seconds(r, setting, key, at);
		break;
	case CONFIG_KIND_BYTES:
		read_bytes(r, setting, key, at);
		break;
	case CONFIG_KIND_READ:
		key->read(r, setting, into);
		break;
	}
}

// An unknown key that is nearly this one has been reported with it.
static bool mistyped(
	config_setting_t *group, const struct config_key *keys, const struct config_key *key)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const char *name = config_setting_name(config_setting_get_elem(group, (unsigned)i));

		if (!known(keys, name) && config_nearest(name, &key->name, 1) != NULL)
			return true;
	}
	return false;
}

void config_read_group(struct config_reader *r, config_setting_t *group, const char *what,
	const struct config_key *keys, void *into)
{
	if (!config_setting_is_group(group)) {
		config_error(r, (int)config_setting_source_line(group),
			"%s is not a group; write { key = value; ... }", what);
		return;
	}
	check_unknown(r, group, what, keys);
	// In the order of the table, not of the file: what others refer to is read first.
	for (const struct config_key *key = keys; key->name != NULL; key++) {
		config_setting_t *setting = config_setting_get_member(group, key->name);

		if (setting != NULL)
			read_key(r, setting, key, into);
		else if (key->required && !mistyped(group, keys, key))
			config_error(r, (int)config_setting_source_line(group),
				"%s lacks '%s'; it has no default", what, key->name);
	}
}

void *config_read_list(struct config_reader *r, config_setting_t *list, const char *what,
	size_t size, uint32_t max, uint32_t *n,
	void (*read)(struct config_reader *r, config_setting_t *group, void *into))
{
	int length = config_setting_length(list);
	uint8_t *items;

	*n = 0;
	if (!config_setting_is_list(list)) {
		config_error(r, (int)config_setting_source_line(list),
			"%s is not a list; write %s = ( { ... }, { ... } )",
			config_setting_name(list), config_setting_name(list));
		return NULL;
	}
	if (length <= 0)
		return NULL;
	if ((uint32_t)length > max) {
		config_error(r, (int)config_setting_source_line(list),
			"%d is too many of %s; at most %u", length, what, max);
		return NULL;
	}
	items = calloc((size_t)length, size);
	if (items == NULL) {
		config_error(r, (int)config_setting_source_line(list), "out of memory; add some");
		return NULL;
	}
	*n = (uint32_t)length;
	for (int i = 0; i < length; i++)
		read(r, config_setting_get_elem(list, (unsigned)i), items + (size_t)i * size);
	return items;
}

void config_read_texts(struct config_reader *r, config_setting_t *setting,
	void (*fn)(struct config_reader *r, int line, const char *text, void *into), void *into)
{
	const char *name = config_setting_name(setting);

	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		fn(r, (int)config_setting_source_line(setting), config_setting_get_string(setting),
			into);
		return;
	}
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		config_error(r, (int)config_setting_source_line(setting),
			"%s is not a list of texts; write %s = [\"...\", \"...\"]", name, name);
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
		const char *text = config_setting_get_string(item);

		if (text != NULL)
			fn(r, (int)config_setting_source_line(item), text, into);
		else
			config_error(r, (int)config_setting_source_line(item),
				"element %d of %s is not a text; put it in double quotes", i + 1,
				name);
	}
}

const char *config_read_text(struct config_reader *r, config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);

	if (text == NULL)
		config_error(r, (int)config_setting_source_line(setting),
			"%s is not a text; put it in double quotes", config_setting_name(setting));
	return text;
}

void config_read_name(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	const char *text = config_read_text(r, setting);
	size_t len = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return;
	if (len == 0 || len >= CONFIG_NAME_MAX || strspn(text, allowed) != len) {
		config_error(r, (int)config_setting_source_line(setting),
			"'%.40s' is no name; 1 to %d letters, digits, '-', '_' or '.'", text,
			CONFIG_NAME_MAX - 1);
		return;
	}
	memcpy(into, text, len + 1);
}

void config_read_id(
	struct config_reader *r, config_setting_t *setting, struct config_id *id, bool wildcard)
{
	const char *text = config_read_text(r, setting);
	const char *star = text != NULL ? strchr(text, '*') : NULL;
	int line = (int)config_setting_source_line(setting);

	if (text == NULL)
		return;
	if (config_id_parse(text, id) != 0)
		config_error(r, line,
			"'%.60s' is no identity; write name@host, host.name, an address or "
			"keyid:HEX",
			text);
	else if (star != NULL && !wildcard)
		config_error(r, line, "'%.60s' has a wildcard; here one identity must stand", text);
	else if (star != NULL && strchr(star + 1, '*') != NULL)
		config_error(r, line, "'%.60s' has more than one '*'; one is allowed", text);
}

static void add_selector(struct config_reader *r, int line, const char *text, void *into)
{
	struct ts ts;

	if (ts_parse(text, &ts) != 0)
		config_error(r, line,
			"'%.60s' is no traffic selector; write \"10.20.0.0/24\", "
			"\"10.0.0.1-10.0.0.9\" or \"2001:db8::/32[tcp/443]\"",
			text);
	else if (ts_list_add(into, &ts) != 0)
		config_error(r, line, "there are too many traffic selectors; at most %d", TS_MAX);
}

void config_read_selectors(struct config_reader *r, config_setting_t *setting, struct ts_list *into)
{
	config_read_texts(r, setting, add_selector, into);
}
