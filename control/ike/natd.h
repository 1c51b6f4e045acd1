// SPDX-License-Identifier: BSD-3-Clause
// NAT detection: RFC 7296 section 2.23. One thread per core.
#pragma once

#include "ike_core.h"

struct ike_builder;
struct ike_msg;
struct ike_sa;

// Appends both NAT_DETECTION notifies for a message that goes out by the IKE SA's path. `fake`: the
// source is hashed wrongly, so that the peer takes us to be behind a NAT and encapsulates.
void natd_write(
	struct ike_sa *sa, uint64_t spi_i, uint64_t spi_r, bool fake, struct ike_builder *b);
// Compares the peer's with where its message came from and went to; sets natd_seen, nat_local,
// nat_remote and, with `forced` or a NAT, encap. 0 or -EBADMSG.
int natd_read(struct ike_sa *sa, const struct ike_msg *msg, const struct ike_datagram *datagram,
	bool forced);
