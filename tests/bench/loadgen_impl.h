// SPDX-License-Identifier: BSD-3-Clause
// The inside of the load generator: loadgen.c, and loadgen_pair.c with its windows in turns. One thread.
#pragma once

#include "loadgen.h"

#include <stdio.h>

#define WINDOW 1000 // handshakes whose median is a figure

// Windows at two gateways in turns.
struct load_pair {
	struct inet_addr gateway; // the other one
	int pid[LOAD_PROCESSES]; // its processes
	uint32_t links; // that it has when the windows begin
	uint32_t pairs; // of windows; 0: there is one gateway
	uint32_t window; // handshakes in each
};

struct options {
	uint32_t links, first, in_flight, addr_n;
	struct inet_addr gateway, local;
	int pid[LOAD_PROCESSES];
	struct load_pair pair;
	FILE *json;
	bool hold, delete;
};

struct client {
	uint64_t begin_us;
	uint64_t ike_sa; // 0: not up
};

// What a thousand handshakes took.
struct window {
	uint32_t links; // at its end
	double wall_us, cpu_us[LOAD_PROCESSES]; // of each
	double median_us, longest_us; // from the first message to the child SA
};

struct load {
	struct options o;
	struct config config; // `base` with our connections
	struct config *base;
	struct client *client; // one per connection
	struct ike *ike;
	struct load_net *net;
	struct load_probe *probe;
	uint32_t started, up, failed, gone;
	uint32_t spi; // last given
	uint64_t moved_us; // when anything came up or went
	uint64_t took_us[WINDOW];
	uint32_t window_n;
	struct window *window; // NULL: nobody wants them
	struct load_gauge first, last; // at the beginning, and at the end of the last window
};

// Until so many links are up in all: 0, -EIO.
int load_bring_up(struct load *load, uint32_t links);
// Does what there is to do, and waits for more so long at most.
void load_turn(struct load *load, uint64_t wait_us);

// Whose client number i is: true, of the gateway beside.
bool load_pair_beside(const struct load_pair *pair, uint32_t i);
int load_pair_run(struct load *load);
