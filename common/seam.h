// SPDX-License-Identifier: BSD-3-Clause
// The shared segment between the two daemons, and how it is handed over.
//
// The dataplane makes a fresh sealed memfd for each control process that connects, and passes it
// over a UNIX SOCK_SEQPACKET socket whose peer credentials it checked, with one end of the doorbell.
// Thread 0 is the dataplane's main lcore, thread 1 + i its worker i; each has four rings of its own
// (see ring.h) and one block of statistics. Where these lie is a pure function of the geometry,
// which travels over the socket, never of anything in the segment.
//
// Nothing in the segment is trusted by either side.
#pragma once

#include "drop.h"
#include "ring.h"

#include <stdbool.h>
#include <stdint.h>

#define SEAM_MAGIC UINT32_C(0x43504e52)
#define SEAM_WORKERS_MAX 62

struct seam_geometry {
	uint32_t workers; // 1 to SEAM_WORKERS_MAX
	uint32_t command_cells; // control -> thread, commands: the sender waits when full
	uint32_t event_cells; // thread -> control, answers and events
	uint32_t punt_cells; // either way, packets: dropped and counted when full
};

// The four rings of one thread.
enum seam_ring {
	SEAM_COMMAND,
	SEAM_EVENT,
	SEAM_PUNT_UP,
	SEAM_PUNT_DOWN,
	SEAM_RING_COUNT
};

// What a thread publishes, a copy of its private counters, at most ten times a second. Written by
// its thread with relaxed stores, read by control at any time.
#define SEAM_STATS(X)                                                                              \
	X(rx_pkts, "packets received")                                                             \
	X(rx_bytes, "bytes received")                                                              \
	X(tx_pkts, "packets sent")                                                                 \
	X(tx_bytes, "bytes sent")                                                                  \
	X(esp_in_pkts, "packets decrypted")                                                        \
	X(esp_in_bytes, "inner bytes decrypted")                                                   \
	X(esp_out_pkts, "packets encrypted")                                                       \
	X(esp_out_bytes, "inner bytes encrypted")                                                  \
	X(handoff_in, "packets taken from other workers")                                          \
	X(handoff_out, "packets handed to other workers")                                          \
	X(punt_up, "packets given to control")                                                     \
	X(punt_down, "packets taken from control")                                                 \
	X(group_copies, "multicast packets encrypted for members")                                 \
	X(icmp_sent, "ICMP errors sent")                                                           \
	X(reassembled, "outer packets reassembled")                                                \
	X(loops, "poll rounds")                                                                    \
	X(idle_loops, "poll rounds that found nothing")                                            \
	X(sleeps, "times slept")                                                                   \
	X(commands, "commands carried out")                                                        \
	X(ring_faults, "impossible positions or headers in rings from control")                    \
	X(sas_in, "inbound SAs")                                                                   \
	X(sas_out, "outbound SAs")

struct seam_stats {
#define X(name, text) uint64_t name;
	SEAM_STATS(X)
#undef X
	uint64_t drops[DROP_COUNT];
};

// Over the socket. control -> dataplane, first message of a connection.
struct seam_hello {
	uint32_t magic;
	uint32_t version; // IPC_VERSION
	uint32_t pid;
	uint32_t pad;
};
// The answer; with status 0 it carries two descriptors: memfd, control's end of the doorbell.
struct seam_welcome {
	uint32_t magic;
	uint32_t version;
	uint32_t status; // 0, or an errno value: EPROTO version, EPERM credentials, EBUSY
	uint32_t pid;
	uint64_t
		instance; // random at each start of the dataplane: another one means all SAs are gone
	uint64_t bytes; // of the segment
	struct seam_geometry geometry;
	uint32_t sa_slots; // per worker and direction
	uint32_t pad;
};

struct seam; // one mapping, either side

bool seam_geometry_valid(const struct seam_geometry *geometry);
size_t seam_bytes(const struct seam_geometry *geometry);

// Dataplane: makes memfd (sealed against shrinking, growing, further seals) and doorbell. NULL and
// errno on failure.
struct seam *seam_create(const struct seam_geometry *geometry);
// Unmaps and closes. No thread may use its rings any more.
void seam_free(struct seam *seam);

// Dataplane: listens at path (mode 0600, an old socket file is replaced; -EADDRINUSE when somebody
// still answers there). Descriptor or -errno.
int seam_listen(const char *path);
// Dataplane: a connection is waiting on listen_fd. Accepts it (non-blocking), descriptor or -errno.
int seam_accept(int listen_fd);
// Dataplane: reads the HELLO of conn_fd, checks credentials (same uid as ours, or root) and
// version. 0: good, `hello` filled; -EAGAIN: not yet there; other: refused (an answer was sent).
int seam_read_hello(int conn_fd, struct seam_hello *hello);
int seam_send_welcome(int conn_fd, struct seam *seam, uint64_t instance, uint32_t sa_slots);

// Control: connects, says HELLO, waits at most timeout_ms for the answer, maps the segment after
// checking seals and size. The connection (to be polled for the dataplane's death) is *conn_fd.
// NULL and errno: ENOENT or ECONNREFUSED no dataplane, EPROTO wrong version or a bad welcome, ...
struct seam *seam_connect(
	const char *path, int timeout_ms, struct seam_welcome *welcome, int *conn_fd);

const struct seam_geometry *seam_geometry(const struct seam *seam);
// The private view of a ring for this side; one thread per ring and side uses it.
struct ring *seam_ring(struct seam *seam, uint32_t thread, enum seam_ring which);
void seam_stats_publish(struct seam *seam, uint32_t thread, const struct seam_stats *stats);
void seam_stats_read(struct seam *seam, uint32_t thread, struct seam_stats *out);

// Doorbells. To control: rung by any dataplane thread after it filled a ring, at most once until
// control has read it (a shared flag saves the system call). To main: rung by control.
// The descriptor becomes readable when it rings; nobody reads it but seam_arm_doorbell().
int seam_doorbell_fd(const struct seam *seam, bool to_control);
void seam_ring_doorbell(struct seam *seam, bool to_control);
// The sleeper calls it before it looks into its rings for the last time and sleeps. Silences the
// bell first.
void seam_arm_doorbell(struct seam *seam, bool to_control);
