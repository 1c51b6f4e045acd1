// SPDX-License-Identifier: BSD-3-Clause
// Traffic selectors: as text, and as structs out of the input on which the algebra must hold.
#include "fuzz.h"
#include "ts.h"

#include <string.h>

static void check_text(const char *text)
{
	char buf[TS_STRLEN], again[TS_STRLEN];
	struct ts ts, back;

	if (ts_parse(text, &ts) != 0)
		return;
	FUZZ_CHECK(ts_valid(&ts));
	FUZZ_CHECK(ts_parse(ts_format(&ts, buf), &back) == 0);
	FUZZ_CHECK(ts_equal(&ts, &back));
	FUZZ_CHECK(strcmp(ts_format(&back, again), buf) == 0);
}

static void check_pair(const struct ts *a, const struct ts *b)
{
	bool ab, ba;
	struct ts x, y;
	char buf[TS_STRLEN];

	ts_format(a, buf); // of anything at all
	if (!ts_valid(a) || !ts_valid(b))
		return;
	ab = ts_intersect(a, b, &x);
	ba = ts_intersect(b, a, &y);
	FUZZ_CHECK(ab == ba);
	FUZZ_CHECK(ts_contains(a, a));
	if (ab) {
		FUZZ_CHECK(ts_equal(&x, &y));
		FUZZ_CHECK(ts_valid(&x));
		FUZZ_CHECK(ts_contains(a, &x) && ts_contains(b, &x));
	}
	if (ts_contains(a, b))
		FUZZ_CHECK(ab && ts_equal(&x, b));
}

static void check_lists(const struct ts_list *proposed, const struct ts_list *allowed)
{
	struct ts_list out;

	ts_list_narrow(proposed, allowed, &out);
	FUZZ_CHECK(out.n <= TS_MAX);
	for (uint32_t i = 0; i < out.n; i++) {
		FUZZ_CHECK(ts_list_contains(proposed, &out.ts[i]));
		FUZZ_CHECK(ts_list_contains(allowed, &out.ts[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ts_list lists[2] = {};
	struct ts previous = ts_any(AF_INET);
	char text[256];
	size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memcpy(text, data, len);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0'; // the corpus' texts end as texts do
	check_text(text);
	for (size_t at = 0; at + sizeof(struct ts) <= size; at += sizeof(struct ts)) {
		struct ts ts;

		memcpy(&ts, data + at, sizeof(ts));
		ts.family = ts.family % 3 == 0 ? AF_INET
			: ts.family % 3 == 1   ? AF_INET6
					       : ts.family;
		check_pair(&previous, &ts);
		if (ts_valid(&ts))
			(void)ts_list_add(&lists[ts.pad & 1], &ts);
		previous = ts;
	}
	check_lists(&lists[0], &lists[1]);
	return 0;
}
