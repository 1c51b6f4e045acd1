// SPDX-License-Identifier: BSD-3-Clause
// What seam.c (the segment) and seam_handover.c (the socket) share, and nobody else uses.
#pragma once

#include "seam.h"

// Descriptors that travel with a welcome: the segment, then the peer's end of the doorbell.
#define SEAM_FDS 2

struct seam;

// Control: takes over both descriptors once it succeeds; they stay the caller's when it fails.
// Seals, file system and size are checked against the geometry, which the caller found valid.
struct seam *seam_attach(int memfd, int bell_fd, const struct seam_geometry *geometry);
int seam_memfd(const struct seam *seam);
// Dataplane: the end of the doorbell that control gets. Closed by seam_peer_gone().
int seam_peer_bell_fd(const struct seam *seam);
// Dataplane: control has its copies of the descriptors, ours of its end goes.
void seam_peer_handed(struct seam *seam);
