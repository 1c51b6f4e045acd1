// SPDX-License-Identifier: BSD-3-Clause
// Hex text of test vectors to bytes.
#pragma once

#include <check.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int hex_digit(char c)
{
	const char *at = c ? strchr("0123456789abcdef", c | 0x20) : NULL;

	return at ? (int)(at - "0123456789abcdef") : -1;
}

// Blanks between octets are skipped. Returns the number of octets.
static inline size_t hex_parse(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ' ' || *text == '\n')
			continue;
		ck_assert(n < cap && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0);
		out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text++;
	}
	return n;
}

// A copy that ends where its allocation ends, so that the address sanitizer sees each octet too
// many. For free().
static inline uint8_t *exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

#define ck_assert_hex(data, len, text)                                                             \
	do {                                                                                       \
		uint8_t expected_[2048];                                                           \
		size_t expected_len_ = hex_parse(text, expected_, sizeof(expected_));              \
		ck_assert_uint_eq(len, expected_len_);                                             \
		if (expected_len_)                                                                 \
			ck_assert_mem_eq(data, expected_, expected_len_);                          \
	} while (0)
