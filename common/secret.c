// SPDX-License-Identifier: BSD-3-Clause
// Key material: set, wipe, compare in constant time. Any thread.
#include "secret.h"

#include <stdlib.h>
#include <string.h>

void secret_set(struct secret *s, const void *data, size_t len)
{
	// Lengths from the wire are tested long before; a longer one here is our own mistake.
	if (len > SECRET_MAX)
		abort();
	// `data` may lie inside `s`; bytes of an older, longer secret must not stay behind.
	if (len > 0)
		memmove(s->bytes, data, len);
	secret_wipe(s->bytes + len, SECRET_MAX - len);
	s->len = (uint32_t)len;
}

void secret_fini(struct secret *s)
{
	secret_wipe(s, sizeof(*s));
}

void secret_wipe(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}
