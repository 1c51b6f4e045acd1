// SPDX-License-Identifier: BSD-3-Clause
// Two gateways of which one has many links and the other few, compared on a machine that is not ours alone:
// windows of handshakes at the one and at the other in turns, so that whatever else runs meets both alike.
// What a window took is a line of JSON; the comparing is scripts/lib/pairs.py's. One thread.
#include "clock.h"
#include "loadgen_impl.h"

#include <errno.h>
#include <stdlib.h>

// The gateway has nothing to do after a window when this is over: what the last handshakes leave
// behind belongs to the window.
#define SETTLE_US (30 * US_PER_MS)

enum side {
	LARGE,
	SMALL,
	SIDES
};
static const char *const side_name[SIDES] = {"large", "small"};

struct pairing {
	struct load *load;
	const int *pid[SIDES];
	struct load_probe *probe[SIDES];
	struct load_gauge first[SIDES], begin[SIDES]; // at the start, and when the windows begin
	uint32_t links[SIDES]; // that we have made
};

// The order of windows within two pairs: what changes steadily meets both sides alike.
static enum side side_of(uint32_t window)
{
	return window % 4 == 0 || window % 4 == 3 ? LARGE : SMALL;
}

bool load_pair_beside(const struct load_pair *pair, uint32_t i)
{
	return pair->pairs > 0 &&
		(i < pair->links || side_of((i - pair->links) / pair->window) == SMALL);
}

static void settle(struct load *load)
{
	uint64_t until_us = clock_now_us() + SETTLE_US;

	while (clock_now_us() < until_us)
		load_turn(load, until_us - clock_now_us());
}

static int run_window(struct pairing *p, uint32_t number)
{
	struct load *load = p->load;
	enum side side = side_of(number);
	uint32_t n = load->o.pair.window;
	struct load_gauge before, after;
	uint64_t wall_us = 0;
	int error = 0;

	load_gauge_read(p->pid[side], &before);
	error = load_bring_up(load, load->up + n);
	wall_us = clock_now_us() - before.us;
	settle(load);
	load_gauge_read(p->pid[side], &after);
	p->links[side] += n;
	if (error == 0)
		printf("{\"window\": %u, \"side\": \"%s\", \"wall_us\": %.2f, \"control_us\": "
		       "%.2f, \"dataplane_us\": %.2f}\n",
			number, side_name[side], (double)wall_us / n,
			(double)(after.cpu_us[LOAD_CONTROL] - before.cpu_us[LOAD_CONTROL]) / n,
			(double)(after.cpu_us[LOAD_DATAPLANE] - before.cpu_us[LOAD_DATAPLANE]) / n);
	return error;
}

// All that a side's processes did since the windows began, between its windows too: what is written to
// the disk later is in it.
static void report_side(struct pairing *p, enum side side)
{
	struct load_gauge end;
	struct load_probe_report probe;
	uint32_t in_windows = p->load->o.pair.pairs * p->load->o.pair.window;

	load_gauge_read(p->pid[side], &end);
	load_probe_read(p->probe[side], &probe);
	printf("{\"side\": \"%s\", \"links\": %u, \"control_us\": %.2f, \"dataplane_us\": %.2f, "
	       "\"control_octets\": %ld, \"dataplane_octets\": %ld, \"longest_us\": %lu}\n",
		side_name[side], p->links[side],
		(double)(end.cpu_us[LOAD_CONTROL] - p->begin[side].cpu_us[LOAD_CONTROL]) /
			in_windows,
		(double)(end.cpu_us[LOAD_DATAPLANE] - p->begin[side].cpu_us[LOAD_DATAPLANE]) /
			in_windows,
		(long)(end.memory[LOAD_CONTROL] - p->first[side].memory[LOAD_CONTROL]),
		(long)(end.memory[LOAD_DATAPLANE] - p->first[side].memory[LOAD_DATAPLANE]),
		probe.longest_us);
}

static int run_all(struct pairing *p)
{
	struct load *load = p->load;
	int error = 0;

	for (int i = 0; i < SIDES; i++)
		load_gauge_read(p->pid[i], &p->first[i]);
	error = load_bring_up(load, load->o.pair.links);
	p->links[SMALL] = load->o.pair.links;
	settle(load);
	for (int i = 0; i < SIDES; i++)
		load_gauge_read(p->pid[i], &p->begin[i]);
	for (uint32_t i = 0; i < 2 * load->o.pair.pairs && error == 0; i++)
		error = run_window(p, i);
	for (int i = 0; i < SIDES && error == 0; i++)
		report_side(p, (enum side)i);
	fflush(stdout);
	return error;
}

int load_pair_run(struct load *load)
{
	struct pairing p = {.load = load, .pid = {load->o.pid, load->o.pair.pid}};
	int error = -ENOMEM;

	p.probe[LARGE] = load->probe;
	p.probe[SMALL] = load_probe_new(&load->o.pair.gateway);
	if (p.probe[SMALL] != NULL)
		error = run_all(&p);
	load_probe_free(p.probe[SMALL]);
	return error;
}
