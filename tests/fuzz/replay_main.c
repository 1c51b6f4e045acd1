// SPDX-License-Identifier: BSD-3-Clause
// Runs a fuzz target without libFuzzer, so under gcc too: the empty input, every file of the corpus
// folder, and some hundred changes of each that are the same at every run. Each input stands in an
// allocation of exactly its size, so that the address sanitizer sees a byte too many.
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define CHANGES 300
#define INPUT_MAX (1 << 20)

static uint64_t rng_state = 1;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size > 0 ? size : 1);

	if (copy == NULL)
		exit(EXIT_FAILURE);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

// One to four of: a bit, an octet, a 32-bit number, a piece moved, the end cut off. Returns the size.
static size_t change(uint8_t *data, size_t size)
{
	static const uint32_t numbers[] = {
		0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff};

	for (uint64_t n = rng() % 4 + 1; n > 0 && size > 4; n--) {
		size_t at = rng() % (size - 4), to = rng() % (size - 4);

		switch (rng() % 6) {
		case 0:
			data[at] ^= (uint8_t)(1 << rng() % 8);
			break;
		case 1:
			data[at] = (uint8_t)rng();
			break;
		case 2:
			memcpy(data + at, &numbers[rng() % 8], 4);
			break;
		case 3:
			memmove(data + at, data + to, size - (at > to ? at : to));
			break;
		case 4:
			data[at]++;
			break;
		default:
			size = rng() % 4 == 0 ? at + 1 : size;
		}
	}
	return size;
}

static unsigned replay_file(const char *path)
{
	static uint8_t data[INPUT_MAX], changed[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	// The name first, so that a crash says whose it is; the change is found by running again.
	printf("%s: %zu bytes\n", path, size);
	fflush(stdout);
	run(data, size);
	rng_state = size * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < CHANGES; i++) {
		memcpy(changed, data, size);
		run(changed, change(changed, size));
	}
	return 1;
}

static int by_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	unsigned files = 0;
	char path[4096];
	int n;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	run((const uint8_t *)"", 0);
	n = scandir(argv[1], &entries, by_name, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		files += replay_file(path);
		free(entries[i]);
	}
	if (n > 0)
		free(entries);
	if (files == 0)
		fprintf(stderr, "%s: no inputs\n", argv[1]);
	return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
