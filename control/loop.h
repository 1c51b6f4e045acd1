// SPDX-License-Identifier: BSD-3-Clause
// Joins the IKE core, the links and the dataplane to the event loop. Control's thread.
#pragma once

#include "control.h"

int loop_start(struct control *control); // timers, and the connection to the dataplane; 0 or -errno
// The configuration says another time for the question whether peers live.
void loop_set_liveness(struct control *control);
void loop_stop(struct control *control);
