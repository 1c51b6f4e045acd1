// SPDX-License-Identifier: BSD-3-Clause
// The dataplane's end of the seam: takes connections of control, gives each a fresh segment, tells
// the workers, and takes it back when control goes. SAs and routes stay. One control at a time. Main
// thread.
#pragma once

#include "plane.h"

struct seam_server;

// Listens at `path`. Lends plane and path. NULL and errno.
struct seam_server *seam_server_new(struct plane *plane, const char *path, int epoll_fd);
void seam_server_free(struct seam_server *s);
// Whether an event of the epoll descriptor is for it; if so it was handled.
bool seam_server_event(struct seam_server *s, int fd, uint32_t events);
// Before main sleeps: rings of the main thread are looked at once more after this.
void seam_server_arm(struct seam_server *s);
// The main thread's rings; NULL without control.
struct ring *seam_server_ring(struct seam_server *s, enum seam_ring which);
void seam_server_doorbell(struct seam_server *s);
void seam_server_publish(struct seam_server *s, const struct seam_stats *stats);
// Counts connections; another number means that what was kept for control is another's.
uint32_t seam_server_generation(const struct seam_server *s);
