// SPDX-License-Identifier: BSD-3-Clause
// Memory of the SAD. The worker that owns it, and whoever makes and frees the worker.
#include "sad.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

void *sad_map(size_t bytes, bool dense)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	// Both are advice: without it everything works, slower or with keys in core dumps.
	if (dense)
		(void)madvise(base, bytes, MADV_HUGEPAGE);
	(void)madvise(base, bytes, MADV_DONTDUMP);
	return base;
}

void sad_unmap(void *base, size_t bytes)
{
	if (base)
		munmap(base, bytes);
}

int sad_set_init(struct sad_set *set, uint32_t slots)
{
	*set = (struct sad_set){.slots = slots};
	set->words = calloc((slots + 63) / 64, sizeof(uint64_t));
	return set->words ? 0 : -ENOMEM;
}

void sad_set_fini(struct sad_set *set)
{
	free(set->words);
	*set = (struct sad_set){0};
}

void sad_set_put(struct sad_set *set, uint32_t slot, bool used)
{
	uint64_t bit = UINT64_C(1) << (slot & 63);
	bool was = set->words[slot / 64] & bit;

	if (used == was)
		return;
	set->words[slot / 64] ^= bit;
	set->n += used ? 1 : -1u;
}

int64_t sad_set_next(const struct sad_set *set, uint32_t slot)
{
	uint64_t word;

	if (slot >= set->slots)
		return -1;
	word = set->words[slot / 64] & (UINT64_MAX << (slot & 63));
	for (uint32_t i = slot / 64;;) {
		if (word)
			return (int64_t)i * 64 + __builtin_ctzll(word);
		if (++i >= (set->slots + 63) / 64)
			return -1;
		word = set->words[i];
	}
}
