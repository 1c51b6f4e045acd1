// SPDX-License-Identifier: BSD-3-Clause
// Commands from control to a worker: checked, carried out, answered. One worker, its thread.
#pragma once

#include "worker.h"

// One message as it came out of a ring, header included. Answers go to the event ring, if there is
// one. Wipes the message when it brought keys.
void commands_run(struct worker *w, uint8_t *msg, size_t len);
// Takes what is in the command ring and the punt ring, bounded; a packet never overtakes a command
// that was sent before it. Returns how many.
uint32_t commands_drain(struct worker *w);
// What ESP has to tell control.
void commands_raise_events(struct worker *w);
