// SPDX-License-Identifier: BSD-3-Clause
// Reads published test vectors where they are installed, record by record: NIST's and the RFCs' files of
// Debian's python3-cryptography-vectors, and Wycheproof's JSON files (testvectors_v1) in the directory
// that CAPONIER_WYCHEPROOF names. One thread.
#pragma once

#include "../unit/t_hex.h"

#include <check.h>
#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLISHED_NIST "/usr/lib/python3/dist-packages/cryptography_vectors"
#define PUBLISHED_FIELDS 32
#define PUBLISHED_BYTES 8192

struct published {
	uint32_t n;
	uint32_t group_n; // fields of the group that the record is in, which come first
	char section[64]; // NIST: the "[...]" line without "=" that came last
	char name[PUBLISHED_FIELDS][32];
	char value[PUBLISHED_FIELDS][2 * PUBLISHED_BYTES]; // numbers as text
};
// Returns whether the record was one that it could use.
typedef bool published_fn(const struct published *record);

static inline const char *published_text(const struct published *r, const char *name)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (strcmp(r->name[i], name) == 0)
			return r->value[i];
	return "";
}

static inline size_t published_bytes(
	const struct published *r, const char *name, uint8_t out[PUBLISHED_BYTES])
{
	return hex_parse(published_text(r, name), out, PUBLISHED_BYTES);
}

static inline long published_number(const struct published *r, const char *name)
{
	return strtol(published_text(r, name), NULL, 10);
}

static inline bool published_valid(const struct published *r)
{
	return strcmp(published_text(r, "result"), "invalid") != 0;
}

// A field that is there already is replaced.
static inline void published_add(struct published *r, const char *name, const char *value)
{
	uint32_t i = 0;

	while (i < r->n && strcmp(r->name[i], name) != 0)
		i++;
	ck_assert_uint_lt(i, PUBLISHED_FIELDS);
	ck_assert_uint_lt(strlen(value), sizeof(r->value[i]));
	snprintf(r->name[i], sizeof(r->name[i]), "%s", name);
	strcpy(r->value[i], value);
	if (i == r->n)
		r->n++;
}

// A line of a NIST file: "[NAME = VALUE]", "[SECTION]", "NAME = VALUE", or FAIL.
static inline void published_line(struct published *r, char *line)
{
	bool group = line[0] == '[';
	char *name = line + group, *value = strchr(line, '=');

	line[strcspn(line, "]\r\n")] = '\0';
	if (strcmp(line, "FAIL") == 0)
		published_add(r, "result", "invalid");
	if (value == NULL) {
		if (group)
			snprintf(r->section, sizeof(r->section), "%s", name);
		return;
	}
	for (char *end = value; end > name && (*end == '=' || *end == ' '); end--)
		*end = '\0';
	value++;
	published_add(r, name, value + strspn(value, " "));
	if (group)
		r->group_n = r->n;
}

// How many records were used; -1: there is no such file.
static inline int published_nist(const char *name, published_fn *fn)
{
	static struct published r;
	static char line[2 * PUBLISHED_BYTES];
	char path[256];
	int used = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", PUBLISHED_NIST, name);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	r = (struct published){0};
	for (bool more = true; more;) {
		more = fgets(line, sizeof(line), f) != NULL;
		if (!more || line[0] == '\n' || line[0] == '\r') {
			if (r.n > r.group_n)
				used += fn(&r);
			r.n = r.group_n;
		} else if (line[0] != '#') {
			published_line(&r, line);
		}
	}
	fclose(f);
	return used;
}

static inline void published_json_fields(struct published *r, json_t *object)
{
	const char *name;
	json_t *value;
	char number[24];

	json_object_foreach(object, name, value)
	{
		if (json_is_string(value)) {
			published_add(r, name, json_string_value(value));
		} else if (json_is_integer(value)) {
			snprintf(number, sizeof(number), "%d", (int)json_integer_value(value));
			published_add(r, name, number);
		}
	}
}

static inline int published_wycheproof(const char *name, published_fn *fn)
{
	static struct published r;
	const char *dir = getenv("CAPONIER_WYCHEPROOF");
	char path[512];
	json_t *root, *group, *test;
	size_t i, k;
	int used = 0;

	if (dir == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/%s_test.json", dir, name);
	root = json_load_file(path, 0, NULL);
	if (root == NULL)
		return -1;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), k, test)
	{
		r.n = 0;
		published_json_fields(&r, group);
		published_json_fields(&r, test);
		used += fn(&r);
	}
	json_decref(root);
	return used;
}

// A file and how many of its records must at least be used, so that a reader that finds nothing is
// noticed.
struct published_file {
	const char *name;
	published_fn *fn;
	bool wycheproof;
	int least;
};

static inline void published_run(const struct published_file *file)
{
	int used = file->wycheproof ? published_wycheproof(file->name, file->fn)
				    : published_nist(file->name, file->fn);

	ck_assert_msg(used >= 0, "%s cannot be read", file->name);
	printf("%s: %d cases\n", file->name, used);
	ck_assert_int_ge(used, file->least);
}

static inline bool published_there(bool wycheproof)
{
	return wycheproof ? getenv("CAPONIER_WYCHEPROOF") != NULL
			  : access(PUBLISHED_NIST, R_OK) == 0;
}

// A program of these files, each a case of `test`. 77, skipped, when none of them is there.
static inline int published_main(
	const char *name, const struct published_file *files, size_t n, const TTest *test)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	bool any = false;
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < n; i++) {
		if (!published_there(files[i].wycheproof))
			continue;
		tcase_add_loop_test(tcase, test, (int)i, (int)i + 1);
		any = true;
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!any)
		return 77;
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
