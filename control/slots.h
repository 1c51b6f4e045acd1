// SPDX-License-Identifier: BSD-3-Clause
// Which SA slots of which worker are in use: inbound ones name SPIs, outbound ones name sa_ref_t.
// Taken and given back in O(1); a slot that was given back is the last to be taken again, and its
// SPI has another generation then, so that late packets of an old SA find nothing. Control's thread.
#pragma once

#include "ipc_msg.h"

#include <stdbool.h>
#include <stdint.h>

struct slots;

// NULL and errno. `random` seeds the generations.
struct slots *slots_new(uint32_t workers, uint32_t slots_per_worker,
	void (*random)(void *arg, void *out, size_t len), void *arg);
void slots_free(struct slots *slots); // accepts NULL

uint32_t slots_workers(const struct slots *slots);
uint32_t slots_per_worker(const struct slots *slots);
// Slots in use of one worker.
uint32_t slots_used(const struct slots *slots, uint32_t worker, enum ipc_direction direction);

// worker UINT32_MAX: the one with the fewest in use. 0, -ENOSPC, -ERANGE (no such worker).
int slots_take_spi(struct slots *slots, uint32_t worker, uint32_t *spi);
int slots_take_ref(struct slots *slots, uint32_t worker, sa_ref_t *ref);
// Found in the dataplane: in use from now on. -EBUSY: it is in use already. -ERANGE.
int slots_claim(struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction);
// Gives back; what is not in use is ignored, and so is an SPI of a generation that is over: its slot
// is another SA's by now.
void slots_give_spi(struct slots *slots, uint32_t spi);
void slots_give_ref(struct slots *slots, sa_ref_t ref);
bool slots_is_used(const struct slots *slots, uint32_t spi_or_ref, enum ipc_direction direction);
