// SPDX-License-Identifier: BSD-3-Clause
// The only file that talks to the dataplane: connects and connects again, queues commands when a
// ring is full, matches answers with who asked, hands on events. Every message is checked before
// anybody sees it; a dataplane that misbehaves is counted, at worst left. Control's thread.
#pragma once

#include "ipc_msg.h"
#include "seam.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct dp_client;

struct dp_handlers {
	// same_instance: the dataplane is the one that we were connected to before.
	void (*connected)(void *arg, const struct seam_welcome *welcome, bool same_instance);
	// Everything asked and not answered has failed by then.
	void (*lost)(void *arg, const char *why);
	// Events and punted packets: SA_FIRST_USE to HOSTIF_STATE, PUNT_*. Lent; 8-byte aligned.
	void (*event)(void *arg, uint32_t thread, const struct ipc_hdr *hdr, const void *payload);
	// After a round of events, before the loop sleeps.
	void (*idle)(void *arg);
};

// An answer: `last` for the one after which none follows. hdr NULL (and last): the dataplane was
// lost. Type and length fit the command.
typedef void (*dp_answer_fn)(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last);

// Connects from the loop, at once and then every second or so. `handlers` and `path` are lent.
// NULL and errno.
struct dp_client *dp_client_new(
	struct event_base *base, const char *path, const struct dp_handlers *handlers, void *arg);
void dp_client_free(struct dp_client *client); // outstanding answers come as lost; accepts NULL

bool dp_client_connected(const struct dp_client *client);
uint32_t dp_client_threads(const struct dp_client *client); // main and workers; 0: not connected
const struct seam *dp_client_seam(const struct dp_client *client); // for statistics; NULL

// To thread 0 (main) or 1 + worker. `fn` NULL: failures are logged, nothing more. 0, -ENOTCONN,
// -ENOBUFS (far too much is queued), -EINVAL (no such thread).
int dp_client_command(struct dp_client *client, uint32_t thread, enum ipc_type type,
	const void *payload, size_t len, dp_answer_fn fn, void *arg);
// A packet: SEND_UDP or SEND_INNER, behind the commands that were given before. Dropped and counted
// when there is no room: 0, -ENOTCONN, -ENOSPC, -EINVAL.
int dp_client_send(struct dp_client *client, uint32_t thread, enum ipc_type type, const void *fixed,
	size_t len, const void *data, size_t data_len);

#define DP_COUNTERS(X)                                                                             \
	X(connects, "times connected to the dataplane")                                            \
	X(losses, "times that the dataplane was lost")                                             \
	X(commands, "commands given")                                                              \
	X(queued, "commands and packets that had to wait for room in a ring")                      \
	X(refused, "commands that could not even wait")                                            \
	X(failed, "commands that the dataplane refused")                                           \
	X(answers, "answers")                                                                      \
	X(events, "events and punted packets")                                                     \
	X(garbage, "messages from the dataplane that make no sense")                               \
	X(send_drops, "packets not sent: no room")
struct dp_counters {
#define X(name, text) uint64_t name;
	DP_COUNTERS(X)
#undef X
};
const struct dp_counters *dp_client_counters(const struct dp_client *client);
