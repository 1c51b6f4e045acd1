// SPDX-License-Identifier: BSD-3-Clause
// Adjacencies of one worker: for each neighbour that main has resolved, the port and the Ethernet
// header to put before a packet; and the table that finds one by port and address. Filled by
// messages from main only, which gives the same neighbour the same index in every worker.
#pragma once

#include "inet.h"

#include <stdatomic.h>
#include <stdint.h>

#define ADJ_MAX 8192
#define ADJ_NONE UINT32_MAX
#define ADJ_L2_LEN 14

struct adj {
	uint16_t port; // dataplane port index, UINT16_MAX: unused
	uint8_t header[ADJ_L2_LEN];
	struct inet_addr addr;
};

struct adj_table;

struct adj_table *adj_table_new(void);
void adj_table_free(struct adj_table *table);
// Adds or rewrites entry `index`.
void adj_set(struct adj_table *table, uint32_t index, const struct adj *adj);
void adj_clear(struct adj_table *table, uint32_t index);
// ADJ_NONE when main has to be asked.
uint32_t adj_find(
	const struct adj_table *table, uint16_t port, uint8_t family, const uint8_t *addr);
// NULL when the index is not in use. Notes that the entry was used.
const struct adj *adj_use(struct adj_table *table, uint32_t index);
// Main: whether the worker used it since main asked last.
bool adj_was_used(struct adj_table *table, uint32_t index);
