// SPDX-License-Identifier: BSD-3-Clause
// IKE datagrams that wait while those of established peers are served: what strangers send, and, before
// it, what is for IKE SAs that are being set up. Bounded in number and octets; what finds no room is
// dropped, and comes again if it was meant. Pure. Control's thread.
#pragma once

#include "ike.h"

#include <stdbool.h>
#include <stdint.h>

// Of each kind.
#define PUNT_BACKLOG_MAX 512
#define PUNT_BACKLOG_BYTES (1024 * 1024)

struct punt_backlog;

struct punt_backlog *punt_backlog_new(void); // NULL: no memory
void punt_backlog_free(struct punt_backlog *backlog); // accepts NULL
// Copies. `standing` is not IKE_STANDING_PEER. false: there is no room.
bool punt_backlog_add(struct punt_backlog *backlog, enum ike_standing standing,
	const struct ike_datagram *datagram);
// The next one, valid until the next call; NULL: there is none.
const struct ike_datagram *punt_backlog_take(struct punt_backlog *backlog);
bool punt_backlog_empty(const struct punt_backlog *backlog);
