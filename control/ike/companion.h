// SPDX-License-Identifier: BSD-3-Clause
// Responder: IKE SAs beside each other on one link, RFC 5739 section 4.2: around a reauthentication, and
// when a host lost its state and came back by its Link ID. One thread per core.
#pragma once

#include <stdbool.h>

struct ike_sa;

struct ts_list;

// Another IKE SA of its link is up and sends to all of these selectors already.
bool companion_serves(const struct ike_sa *sa, const struct ts_list *remote);
// It is about to end: what its companions have held back is sent with from now on.
void companion_hand_over(struct ike_sa *sa);
// One more IKE SA is up on the link. More than a reauthentication needs: are the older ones alive? Many
// more: the oldest that is silent goes at once, before the link has no room for its own host. As many as
// a link can have: the oldest goes that has been asked and has not answered yet. Whoever gets here has
// proved the identity and named the Link ID, so that he can only push out what is his own.
void companion_check(struct ike_sa *sa);
