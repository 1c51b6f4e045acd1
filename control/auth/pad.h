// SPDX-License-Identifier: BSD-3-Clause
// Peer Authorization Database: who may be whom, proving it how. RFC 4301 section 4.4.3. One thread
// per object.
#pragma once

#include "config.h"

struct pad;

// An index over the entries, which are lent for its life. NULL when memory is out.
struct pad *pad_new(const struct config_gateway *gateway, const uint64_t secret[2]);
void pad_free(struct pad *pad); // accepts NULL
// The first entry, in the configuration's order, that matches the identity; NULL: nobody whom we
// know. Costs one look into a table, and one comparison for each entry with a wildcard.
const struct config_peer *pad_lookup(const struct pad *pad, const struct config_id *identity);
// The one spelling of an identity that matched this entry: the entry's own, or small letters under
// a wildcard. Names match whatever their case, and must not be somebody else by another one.
void pad_identity(const struct config_peer *peer, struct config_id *identity);
