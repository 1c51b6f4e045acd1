// SPDX-License-Identifier: BSD-3-Clause
// Key material: owned bytes with a length, wiped when they go. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 128

struct secret {
	uint32_t len; // 0: none
	uint8_t bytes[SECRET_MAX];
};

void secret_set(struct secret *s, const void *data, size_t len); // copies; len > SECRET_MAX aborts
void secret_fini(struct secret *s); // wipes
void secret_wipe(void *data, size_t len); // not optimised away
bool secret_equal(const void *a, const void *b, size_t len); // constant time
