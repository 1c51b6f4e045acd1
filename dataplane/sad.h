// SPDX-License-Identifier: BSD-3-Clause
// Where the SAs of a worker live: arrays that a slot number indexes, reserved as address space for
// all slots at once and given memory by the kernel as slots are first used. Huge pages where the
// system has them. The worker that owns them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zeroed, aligned to a page; kept out of core dumps. Dense arrays ask for huge pages, those of which
// few slots are ever touched do not. NULL and errno.
void *sad_map(size_t bytes, bool dense);
void sad_unmap(void *base, size_t bytes); // NULL is fine

// The slots of one direction that hold an SA.
struct sad_set {
	uint64_t *words;
	uint32_t slots; // power of two
	uint32_t n;
};

int sad_set_init(struct sad_set *set, uint32_t slots); // 0 or -ENOMEM
void sad_set_fini(struct sad_set *set);
void sad_set_put(struct sad_set *set, uint32_t slot, bool used);
// The first used slot at or above `slot`, -1 when there is none.
int64_t sad_set_next(const struct sad_set *set, uint32_t slot);
