// SPDX-License-Identifier: BSD-3-Clause
// The queue of effects, and events, which are effects with a text. One thread per core.
#pragma once

#include "ike_core.h"

// At the end of the queue, zeroed, the core's until it is taken. Never NULL.
struct ike_effect *effect_new(struct ike *ike, enum ike_effect_type type);
// The datagram is copied.
void effect_send(struct ike *ike, const struct ike_sa *sa, uint32_t worker,
	const struct ike_datagram *datagram);
void effect_free_all(struct ike *ike);

// `sa` may be NULL: then only the path is known. `path` may be NULL: then it is the SA's.
void event_emit(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	const struct ike_datagram *path, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void event_child(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	uint32_t spi_in, uint32_t spi_out, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
// "IKE_AUTH request 1 { IDi, AUTH, N(INITIAL_CONTACT) }"
const char *event_message_text(
	const struct ike_header *header, const struct ike_msg *msg, char *out, size_t cap);
