// SPDX-License-Identifier: BSD-3-Clause
// The benchmark: TSC cycles per packet of encapsulation and decapsulation in one worker, beside those
// of bare crypto in the same run. "encap" and "decap" are the whole path between receiving and sending
// frames, "esp-encap" and "esp-decap" the ESP stage of it alone; "group" is one copy of a packet to a
// group with so many members, beside one "encap" with the same SAs in the same run. Prints a table; --json FILE writes the
// same figures.
#include "bench.h"

#include "flow.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PKTS_PER_RUN 32768
#define BURSTS_MAX 200000
#define LEN_MAX 8

static const uint32_t sizes_all[] = {64, 128, 512, 1400};
static const uint32_t sas_all[] = {1, 100, 1000, 10000};
static const uint32_t group_sizes[] = {128, 1400};
static const uint32_t group_members[] = {1, 10, 100, 1000, 10000};

struct options {
	const char *json;
	const char *cpu;
	uint32_t runs;
	uint32_t sizes[LEN_MAX];
	uint32_t sizes_n;
	uint32_t sas[LEN_MAX];
	uint32_t sas_n;
	bool esp_only;
	bool group_only;
};

// One line of the table.
struct row {
	const char *name;
	uint32_t inner_size;
	uint32_t sas;
	double cycles[BENCH_RUNS_MAX];
	double floor[BENCH_RUNS_MAX];
};

static const char usage[] = "usage: bench [--json FILE] [--runs N] [--sizes N,...] [--sas N,...]\n"
			    "             [--cpu N] [--esp-only] [--group-only]\n";

static uint32_t parse_list(const char *text, uint32_t *out)
{
	uint32_t n = 0;

	while (*text && n < LEN_MAX) {
		char *end;
		unsigned long v = strtoul(text, &end, 10);

		if (end == text || !v || (*end && *end != ',') || v > 4000000)
			return 0;
		out[n++] = (uint32_t)v;
		text = *end ? end + 1 : end;
	}
	return n;
}

static bool sizes_valid(const struct options *o)
{
	for (uint32_t i = 0; i < o->sizes_n; i++) {
		if (o->sizes[i] < BENCH_INNER_MIN || o->sizes[i] > BENCH_INNER_MAX)
			return false;
	}
	return o->sizes_n > 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"json", required_argument, NULL, 'j'},
		{"runs", required_argument, NULL, 'r'},
		{"sizes", required_argument, NULL, 's'},
		{"sas", required_argument, NULL, 'n'},
		{"cpu", required_argument, NULL, 'c'},
		{"esp-only", no_argument, NULL, 'e'},
		{"group-only", no_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = optarg;
			break;
		case 'r':
			o->runs = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			o->sizes_n = parse_list(optarg, o->sizes);
			break;
		case 'n':
			o->sas_n = parse_list(optarg, o->sas);
			break;
		case 'c':
			o->cpu = optarg;
			break;
		case 'e':
			o->esp_only = true;
			break;
		case 'g':
			o->group_only = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}
	if (optind != argc || !o->runs || o->runs > BENCH_RUNS_MAX || !sizes_valid(o) || !o->sas_n)
		return -EINVAL;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, uint32_t n)
{
	double sorted[BENCH_RUNS_MAX];

	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double least(const double *values, uint32_t n)
{
	double min = values[0];

	for (uint32_t i = 1; i < n; i++)
		min = values[i] < min ? values[i] : min;
	return min;
}

static void print_row(const struct row *row, uint32_t runs, FILE *json, bool first)
{
	double cycles = median(row->cycles, runs), floor = median(row->floor, runs);
	double cycles_min = least(row->cycles, runs), floor_min = least(row->floor, runs);

	printf("%-10s %6u %8u %8.1f %8.1f %7.2f %10.1f %8.1f %7.2f\n", row->name, row->inner_size,
		row->sas, cycles, floor, cycles / floor, cycles_min, floor_min,
		cycles_min / floor_min);
	fflush(stdout);
	if (!json)
		return;
	fprintf(json,
		"%s\n  {\"case\": \"%s\", \"inner_size\": %u, \"sas\": %u, \"workers\": 1, "
		"\"algorithm\": \"aes128gcm16\", \"runs\": %u, "
		"\"cycles_per_packet\": %.1f, \"floor_cycles_per_packet\": %.1f, \"ratio\": %.3f, "
		"\"cycles_per_packet_min\": %.1f, \"floor_cycles_per_packet_min\": %.1f, "
		"\"ratio_min\": %.3f}",
		first ? "" : ",", row->name, row->inner_size, row->sas, runs, cycles, floor,
		cycles / floor, cycles_min, floor_min, cycles_min / floor_min);
}

struct bench {
	const struct options *o;
	struct rte_mempool *pool;
	struct bench_floor *floor;
	struct bench_times times[4];
	FILE *json;
	bool any;
};

typedef void run_fn(void *state, uint32_t pkts, struct bench_times *out, struct bench_times *in);

// Runs of the case and of the floor take turns, so that both see the same noise.
static void measure(struct bench *b, struct row *out, struct row *in, void *state, run_fn *run)
{
	struct bench_times *t = b->times;

	run(state, PKTS_PER_RUN, &t[0], &t[1]); // caches, branch predictors
	bench_per_packet(&t[0]);
	bench_per_packet(&t[1]);
	for (uint32_t r = 0; r < b->o->runs; r++) {
		bench_floor_run(
			b->floor, out->inner_size, PKTS_PER_RUN / BENCH_BURST, &t[2], &t[3]);
		run(state, PKTS_PER_RUN, &t[0], &t[1]);
		out->cycles[r] = bench_per_packet(&t[0]);
		in->cycles[r] = bench_per_packet(&t[1]);
		out->floor[r] = bench_per_packet(&t[2]);
		in->floor[r] = bench_per_packet(&t[3]);
	}
	print_row(out, b->o->runs, b->json, !b->any);
	print_row(in, b->o->runs, b->json, false);
	b->any = true;
}

static void run_esp(void *state, uint32_t pkts, struct bench_times *out, struct bench_times *in)
{
	bench_esp_run(state, pkts, out, in);
}

static void run_path(void *state, uint32_t pkts, struct bench_times *out, struct bench_times *in)
{
	bench_path_run(state, pkts, out, in);
}

static int bench_one(struct bench *b, uint32_t sas, uint32_t size)
{
	struct row out = {.inner_size = size, .sas = sas}, in = out;
	struct bench_esp *esp;
	struct bench_path *path;

	if (!b->o->esp_only) {
		path = bench_path_new(b->pool, sas, size);
		if (!path)
			return -errno;
		out.name = "encap";
		in.name = "decap";
		measure(b, &out, &in, path, run_path);
		bench_path_free(path);
	}
	esp = bench_esp_new(b->pool, sas, size);
	if (!esp)
		return -errno;
	out.name = "esp-encap";
	in.name = "esp-decap";
	measure(b, &out, &in, esp, run_esp);
	bench_esp_free(esp);
	return 0;
}

static int bench_members(struct bench *b, uint32_t members, uint32_t size)
{
	struct row row = {.name = "group", .inner_size = size, .sas = members};
	struct bench_group *group = bench_group_new(members, size);
	struct bench_times *t = b->times;

	if (!group)
		return -errno;
	bench_group_run(group, PKTS_PER_RUN, &t[0], &t[1]);
	bench_per_packet(&t[0]);
	bench_per_packet(&t[1]);
	for (uint32_t r = 0; r < b->o->runs; r++) {
		bench_group_run(group, PKTS_PER_RUN, &t[0], &t[1]);
		row.cycles[r] = bench_per_packet(&t[0]);
		row.floor[r] = bench_per_packet(&t[1]);
	}
	print_row(&row, b->o->runs, b->json, !b->any);
	b->any = true;
	bench_group_free(group);
	return 0;
}

static int bench_groups(struct bench *b)
{
	int ret = 0;

	printf("%-10s %6s %8s %8s %8s\n", "", "", "members", "a copy", "encap");
	for (uint32_t i = 0; i < RTE_DIM(group_members) && !ret; i++) {
		for (uint32_t k = 0; k < RTE_DIM(group_sizes) && !ret; k++)
			ret = bench_members(b, group_members[i], group_sizes[k]);
	}
	return ret;
}

static int bench_all(struct bench *b)
{
	int ret;

	printf("TSC cycles per packet, AES-128-GCM, one worker; medians and minima of %u runs\n",
		b->o->runs);
	printf("%-10s %6s %8s %8s %8s %7s %10s %8s %7s\n", "case", "inner", "SAs", "cycles",
		"floor", "ratio", "cycles min", "floor", "ratio");
	for (uint32_t i = 0; i < b->o->sas_n && !b->o->group_only; i++) {
		for (uint32_t k = 0; k < b->o->sizes_n; k++) {
			ret = bench_one(b, b->o->sas[i], b->o->sizes[k]);
			if (ret)
				return ret;
		}
	}
	return b->o->esp_only ? 0 : bench_groups(b);
}

static int eal_start(const char *cpu)
{
	char core[32];
	char *argv[] = {"bench", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
		"256", "--log-level", "4", "-l", core, NULL};

	snprintf(core, sizeof(core), "%s", cpu);
	return rte_eal_init(RTE_DIM(argv) - 1, argv);
}

int main(int argc, char **argv)
{
	struct options o = {
		.cpu = "0", .runs = 7, .sizes_n = RTE_DIM(sizes_all), .sas_n = RTE_DIM(sas_all)};
	struct bench b = {.o = &o};
	int ret = 0;

	memcpy(o.sizes, sizes_all, sizeof(sizes_all));
	memcpy(o.sas, sas_all, sizeof(sas_all));
	if (parse_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	if (eal_start(o.cpu) < 0) {
		fprintf(stderr, "bench: EAL: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	b.pool = rte_pktmbuf_pool_create("bench", 4095, 64, sizeof(struct pkt_meta),
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	b.floor = bench_floor_new();
	for (uint32_t i = 0; i < RTE_DIM(b.times); i++)
		ret |= bench_times_init(&b.times[i], BURSTS_MAX);
	if (!b.pool || !b.floor || ret) {
		fprintf(stderr, "bench: no memory\n");
		return 1;
	}
	if (o.json) {
		b.json = fopen(o.json, "w");
		if (!b.json) {
			fprintf(stderr, "bench: %s: %s\n", o.json, strerror(errno));
			return 1;
		}
		fprintf(b.json, "[");
	}
	ret = bench_all(&b);
	if (ret)
		fprintf(stderr, "bench: %s\n", strerror(-ret));
	if (b.json) {
		fprintf(b.json, "\n]\n");
		if (fclose(b.json))
			ret = -EIO;
	}
	bench_floor_free(b.floor);
	for (uint32_t i = 0; i < RTE_DIM(b.times); i++)
		bench_times_fini(&b.times[i]);
	rte_eal_cleanup();
	return ret ? 1 : 0;
}
