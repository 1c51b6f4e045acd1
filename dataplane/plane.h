// SPDX-License-Identifier: BSD-3-Clause
// The dataplane process as its main thread sees it: configuration, ports, workers, and what passes
// between main and workers. Main thread.
#pragma once

#include "config.h"
#include "neigh.h"
#include "port.h"
#include "worker.h"

#include <stdbool.h>
#include <stdint.h>

struct plane {
	const struct config_dataplane *config; // lends
	uint64_t tsc_hz;
	uint32_t worker_n;
	struct worker *worker[WORKERS_MAX];
	bool running; // the lcores run: changes go by messages
	struct rte_mempool *mbufs, *jumbos;
	struct port
		port[PORT_MAX]; // configured ones first, the host's interfaces from CONFIG_PORTS on
	struct locals locals;
	struct main_bell bell;
	struct neigh_table *neigh;
	struct drop_counts drops; // of the main thread
	struct seam_stats stats;
	uint32_t serial; // of messages to workers
	uint64_t next_timer_us;
};

// Pools, ports, tables, workers, in this order; the lcores are not started. 0, or -errno after
// saying why. -ENODEV: an interface that a port names does not exist.
int plane_init(struct plane *plane, const struct config_dataplane *config);
void plane_fini(struct plane *plane); // undoes as much as was done; the lcores have ended
int plane_start(struct plane *plane); // the lcores
void plane_stop(struct plane *plane); // and waits for them

// A message to one worker, or to all. Waits while its ring is full: workers never wait for main, so
// that is short. The latter returns when all have carried it out.
void plane_send(struct plane *plane, uint32_t worker, struct worker_msg *msg);
void plane_tell_all(struct plane *plane, struct worker_msg *msg);

// What workers have put into their rings to main. How many.
uint32_t plane_poll(struct plane *plane, uint64_t now_us);

// Interfaces of the host. NULL: `why` says the reason.
struct port *plane_hostif_open(
	struct plane *plane, const char *name, uint16_t mtu, char *why, size_t why_len);
void plane_hostif_close(struct plane *plane, struct port *port);
// The port's MTU or addresses are others now.
void plane_port_changed(struct plane *plane, struct port *port);
