// SPDX-License-Identifier: BSD-3-Clause
// Structured events for `caponier monitor`: one JSON object for each step of IKE, each SA that is
// installed or taken out, each link and each change of the dataplane. Without subscribers an event
// costs a comparison. Control's thread.
//
// Every object has "time" (seconds since 1970, with fraction) and "event"; the rest depends on it.
// IKE's own events are named by ike_event_name() and carry "ike_sa", "spi_i", "spi_r" (hex),
// "local", "remote", "peer", "spi_in", "spi_out" and "text" as far as known.
#pragma once

#include "control_api.h"
#include "ike.h"

#include <jansson.h>

// Events that are not IKE's: name, further keys.
#define MONITOR_EVENTS(X)                                                                          \
	X(SA_ADD, "sa-add", "direction spi ref link local remote suite encap")                     \
	X(SA_DEL, "sa-del", "direction spi ref pkts bytes drops")                                  \
	X(SA_FIRST_USE, "sa-first-use", "spi")                                                     \
	X(SA_MOVED, "sa-moved", "spi remote")                                                      \
	X(SA_EXPIRE, "sa-expire", "spi hard why")                                                  \
	X(SA_FAILED, "sa-failed", "text")                                                          \
	X(LINK_UP, "link-up", "link identity peer profile virtual prefixes")                       \
	X(LINK_GRACE, "link-grace", "link identity")                                               \
	X(LINK_DOWN, "link-down", "link identity")                                                 \
	X(LINK_PREFIX_ADD, "link-prefix-add", "link identity prefix")                              \
	X(LINK_PREFIX_DEL, "link-prefix-del", "link identity prefix")                              \
	X(LINK_RENUMBER, "link-renumber", "link identity fresh")                                   \
	X(CONFIG_RELOADED, "config-reloaded", "file changed renumbered")                           \
	X(CONFIG_REFUSED, "config-refused", "file text")                                           \
	X(CONNECTION_UP, "connection-up", "connection ike_sa interface addresses")                 \
	X(CONNECTION_DOWN, "connection-down", "connection text")                                   \
	X(DATAPLANE_UP, "dataplane-up", "pid workers same")                                        \
	X(DATAPLANE_LOST, "dataplane-lost", "text")

enum monitor_event {
#define X(id, name, keys) MONITOR_##id,
	MONITOR_EVENTS(X)
#undef X
	MONITOR_EVENT_COUNT,
};
const char *monitor_event_name(enum monitor_event event);

struct monitor;
struct monitor *monitor_new(void);
void monitor_free(struct monitor *monitor); // accepts NULL; subscribers are freed too

struct monitor_subscriber *monitor_subscribe(
	struct monitor *monitor, void (*fn)(void *arg, const char *line, size_t len), void *arg);
void monitor_unsubscribe(struct monitor *monitor, struct monitor_subscriber *subscriber);

// Somebody listens: only then are the objects below worth building.
bool monitor_wanted(const struct monitor *monitor);
// Takes `object` (which may be NULL: nothing but time and name), adds time and name, fans it out.
void monitor_emit(struct monitor *monitor, enum monitor_event event, json_t *object);
void monitor_emit_ike(struct monitor *monitor, const struct ike_event *event);
