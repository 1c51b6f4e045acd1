// SPDX-License-Identifier: BSD-3-Clause
// Words and units of the configuration file: durations, amounts of bytes, the word that was probably
// meant. Pure: any thread.
#include "config_impl.h"

#include <errno.h>
#include <string.h>

// Letters to change, insert or leave out (Levenshtein), at most `LONGEST` letters each.
#define LONGEST 31
static unsigned distance(const char *a, const char *b)
{
	unsigned row[LONGEST + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > LONGEST || b_len > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *config_nearest(const char *word, const char *const *words, size_t n)
{
	unsigned limit = strlen(word) < 4 ? 1 : strlen(word) < 9 ? 2 : 3;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = distance(word, words[i]);

		if (d <= limit) {
			limit = d > 0 ? d - 1 : 0;
			best = words[i];
		}
	}
	return best;
}

// Digits with a unit, or several of these: 1h30m. The first unit that fits counts: ms before m.
struct unit {
	const char *name;
	uint64_t factor;
};

static int parse_units(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t sum = 0;

	if (*text == '\0')
		return -EINVAL;
	while (*text != '\0') {
		const struct unit *unit = NULL;
		uint64_t value = 0;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++)
			if (__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
				return -EINVAL;
		for (const struct unit *u = units; u->name != NULL; u++)
			if (unit == NULL && strncmp(text, u->name, strlen(u->name)) == 0)
				unit = u;
		if (unit == NULL || __builtin_mul_overflow(value, unit->factor, &value) ||
			__builtin_add_overflow(sum, value, &sum))
			return -EINVAL;
		text += strlen(unit->name);
	}
	*out = sum;
	return 0;
}

int config_duration_parse(const char *text, uint64_t *ms)
{
	static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000},
		{"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000}, {}};

	if (strcmp(text, "never") == 0) {
		*ms = 0;
		return 0;
	}
	return parse_units(text, units, ms);
}

int config_bytes_parse(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {{"K", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30}, {"T", UINT64_C(1) << 40}, {}};

	return parse_units(text, units, bytes);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int config_hex_parse(const char *text, uint8_t *out, size_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len % 2 != 0 || len / 2 > max)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int)(len / 2);
}
