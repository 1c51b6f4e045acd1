// SPDX-License-Identifier: BSD-3-Clause
// A control process that the tests of the admin server move by hand: what control_api.h promises,
// over plain arrays. Linked into tests only.
#pragma once

#include "control_api.h"

struct control {
	const struct config *config;
	uint32_t link_n; // links 1 to link_n
	uint32_t ike_sa_n; // IKE SAs 1 to ike_sa_n, each with child 1000 + its number
	bool connected; // a dataplane
	uint32_t workers;
	bool hold; // answers of the dataplane wait for fake_control_answer()
	uint32_t calls; // operations that were asked for
	uint64_t last_handle;
	int result; // of the next operations
	bool last_fresh; // of the last link renumber
	uint32_t last_seconds;
	uint32_t turns_max; // most links that were asked for at once
	const char *hostile; // identity text of link 1, instead of a good one
};

// Gives the answers that were held back; returns how many.
uint32_t fake_control_answer(struct control *control, int error);
uint32_t fake_control_waiting(void);
// One event for each subscriber; returns how many there are.
uint32_t fake_control_emit(const char *line);
