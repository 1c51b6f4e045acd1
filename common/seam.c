// SPDX-License-Identifier: BSD-3-Clause
// The shared segment: a memfd of fixed size with, one after the other, the doorbells' flags, a block
// of statistics per thread, four rings per thread. Where each lies is computed from the geometry by
// both sides alike; nothing in the segment says so.
//
// The doorbell is a pair of connected datagram sockets rather than an eventfd: O_NONBLOCK of an
// eventfd belongs to both processes, so that a hostile one could make the other's next read or write
// block for ever. A socket takes MSG_DONTWAIT per call, and each side has an end of its own.
//
// A worker calls seam_ring(), the ring functions, seam_stats_publish() and seam_ring_doorbell()
// only; the rest is for the main thread and control's loop.
#include "seam.h"

#include "seam_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define BLOCK 64 // everything in the segment begins on a cache line
#define CELLS_MIN 512
#define CELLS_MAX (1u << 20)
// How many rings of the bell are taken off the socket in one go. An honest peer leaves one.
#define BELLS_DRAINED 16

// At the start of the segment. 1: the sleeper wants to be woken; whoever wakes it writes 0.
struct seam_flags {
	alignas(BLOCK) atomic_uint control_armed; // control: sets, dataplane: clears
	alignas(BLOCK) atomic_uint main_armed; // main thread: sets, control: clears
};

struct seam_thread {
	alignas(BLOCK) struct ring ring[SEAM_RING_COUNT];
	_Atomic uint64_t *stats; // in the segment
};

struct seam {
	struct seam_geometry geometry;
	void *base;
	size_t bytes;
	int memfd;
	int bell_fd; // our end of the doorbell
	int peer_bell_fd; // dataplane, until it is handed over: control's end; else -1
	struct seam_flags *flags;
	struct seam_thread thread[];
};

static bool cells_valid(uint32_t cells)
{
	return cells >= CELLS_MIN && cells <= CELLS_MAX && (cells & (cells - 1)) == 0;
}

bool seam_geometry_valid(const struct seam_geometry *geometry)
{
	return geometry->workers >= 1 && geometry->workers <= SEAM_WORKERS_MAX &&
		cells_valid(geometry->command_cells) && cells_valid(geometry->event_cells) &&
		cells_valid(geometry->punt_cells);
}

static uint32_t thread_count(const struct seam_geometry *geometry)
{
	return geometry->workers + 1;
}

static uint32_t ring_cells(const struct seam_geometry *geometry, enum seam_ring which)
{
	switch (which) {
	case SEAM_COMMAND:
		return geometry->command_cells;
	case SEAM_EVENT:
		return geometry->event_cells;
	default:
		return geometry->punt_cells;
	}
}

static size_t align_block(size_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

#define FLAGS_BYTES align_block(sizeof(struct seam_flags))
#define STATS_BYTES align_block(sizeof(struct seam_stats))

size_t seam_bytes(const struct seam_geometry *geometry)
{
	size_t rings = 0;

	for (int i = 0; i < SEAM_RING_COUNT; i++)
		rings += ring_bytes(ring_cells(geometry, (enum seam_ring)i));
	return FLAGS_BYTES + thread_count(geometry) * (STATS_BYTES + rings);
}

// Points our private views into the mapping.
static void lay_out(struct seam *seam)
{
	uint8_t *at = seam->base;

	seam->flags = seam->base;
	at += FLAGS_BYTES;
	for (uint32_t i = 0; i < thread_count(&seam->geometry); i++) {
		seam->thread[i].stats = (_Atomic uint64_t *)(void *)at;
		at += STATS_BYTES;
	}
	for (uint32_t i = 0; i < thread_count(&seam->geometry); i++) {
		for (int k = 0; k < SEAM_RING_COUNT; k++) {
			uint32_t cells = ring_cells(&seam->geometry, (enum seam_ring)k);

			ring_init(&seam->thread[i].ring[k], at, cells);
			at += ring_bytes(cells);
		}
	}
}

// A seam without mapping and descriptors. NULL and errno.
static struct seam *alloc_seam(const struct seam_geometry *geometry)
{
	size_t size = sizeof(struct seam) + thread_count(geometry) * sizeof(struct seam_thread);
	struct seam *seam = aligned_alloc(BLOCK, align_block(size));

	if (seam == NULL)
		return NULL;
	*seam = (struct seam){.geometry = *geometry,
		.bytes = seam_bytes(geometry),
		.memfd = -1,
		.bell_fd = -1,
		.peer_bell_fd = -1};
	return seam;
}

static int map_segment(struct seam *seam, int memfd)
{
	void *base = mmap(NULL, seam->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	if (base == MAP_FAILED)
		return -errno;
	// Queued messages may hold keys: neither in core dumps nor in children.
	(void)madvise(base, seam->bytes, MADV_DONTDUMP);
	(void)madvise(base, seam->bytes, MADV_DONTFORK);
	seam->base = base;
	lay_out(seam);
	return 0;
}

// The memory is taken now: a page that cannot be had later would be a SIGBUS in a worker.
static int make_memfd(size_t bytes)
{
	int fd = memfd_create("caponier-seam", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) != 0 || fallocate(fd, 0, 0, (off_t)bytes) != 0 ||
		fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

struct seam *seam_create(const struct seam_geometry *geometry)
{
	struct seam *seam;
	int bells[2], rc;

	if (!seam_geometry_valid(geometry)) {
		errno = EINVAL;
		return NULL;
	}
	seam = alloc_seam(geometry);
	if (seam == NULL)
		return NULL;
	rc = seam->memfd = make_memfd(seam->bytes);
	if (rc < 0)
		goto fail;
	rc = map_segment(seam, seam->memfd);
	if (rc != 0)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bells) != 0) {
		rc = -errno;
		goto fail;
	}
	seam->bell_fd = bells[0];
	seam->peer_bell_fd = bells[1];
	// Armed from the start, so that what is sent before the first sleep rings too.
	atomic_store(&seam->flags->control_armed, 1);
	atomic_store(&seam->flags->main_armed, 1);
	return seam;
fail:
	seam_free(seam);
	errno = -rc;
	return NULL;
}

// The file can neither shrink under us (SIGBUS) nor lie in huge pages that are not there.
static int check_memfd(int memfd, size_t bytes)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(memfd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || (seals & F_SEAL_WRITE) != 0)
		return -EPROTO;
	if (fstat(memfd, &st) != 0 || fstatfs(memfd, &fs) != 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size != bytes || fs.f_type != TMPFS_MAGIC)
		return -EPROTO;
	// Holes are filled while an error can still be answered.
	if (fallocate(memfd, 0, 0, (off_t)bytes) != 0)
		return -errno;
	return 0;
}

struct seam *seam_attach(int memfd, int bell_fd, const struct seam_geometry *geometry)
{
	struct seam *seam = alloc_seam(geometry);
	int rc;

	if (seam == NULL)
		return NULL;
	rc = check_memfd(memfd, seam->bytes);
	if (rc == 0)
		rc = map_segment(seam, memfd);
	if (rc != 0) {
		free(seam);
		errno = -rc;
		return NULL;
	}
	seam->memfd = memfd;
	seam->bell_fd = bell_fd;
	return seam;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void seam_free(struct seam *seam)
{
	if (seam == NULL)
		return;
	if (seam->base != NULL)
		munmap(seam->base, seam->bytes);
	close_fd(&seam->memfd);
	close_fd(&seam->bell_fd);
	close_fd(&seam->peer_bell_fd);
	free(seam);
}

int seam_memfd(const struct seam *seam)
{
	return seam->memfd;
}

int seam_peer_bell_fd(const struct seam *seam)
{
	return seam->peer_bell_fd;
}

void seam_peer_handed(struct seam *seam)
{
	close_fd(&seam->peer_bell_fd);
}

const struct seam_geometry *seam_geometry(const struct seam *seam)
{
	return &seam->geometry;
}

struct ring *seam_ring(struct seam *seam, uint32_t thread, enum seam_ring which)
{
	return &seam->thread[thread].ring[which];
}

#define STATS_WORDS (sizeof(struct seam_stats) / sizeof(uint64_t))
static_assert(sizeof(struct seam_stats) == STATS_WORDS * sizeof(uint64_t));

void seam_stats_publish(struct seam *seam, uint32_t thread, const struct seam_stats *stats)
{
	const uint64_t *word = (const uint64_t *)stats;

	for (size_t i = 0; i < STATS_WORDS; i++)
		atomic_store_explicit(
			&seam->thread[thread].stats[i], word[i], memory_order_relaxed);
}

void seam_stats_read(struct seam *seam, uint32_t thread, struct seam_stats *out)
{
	uint64_t *word = (uint64_t *)out;

	for (size_t i = 0; i < STATS_WORDS; i++)
		word[i] =
			atomic_load_explicit(&seam->thread[thread].stats[i], memory_order_relaxed);
}

int seam_doorbell_fd(const struct seam *seam, bool to_control)
{
	(void)to_control; // each side has one end, on which it rings and is rung
	return seam->bell_fd;
}

static atomic_uint *armed_flag(struct seam *seam, bool to_control)
{
	return to_control ? &seam->flags->control_armed : &seam->flags->main_armed;
}

void seam_ring_doorbell(struct seam *seam, bool to_control)
{
	atomic_uint *armed = armed_flag(seam, to_control);
	static const uint64_t one = 1;

	// Either we see the flag that the sleeper set before its last look, or that look sees what
	// we put into the ring before this fence.
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(armed, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange_explicit(armed, 0, memory_order_relaxed) == 0)
		return;
	// Full or gone: the peer is awake already, or will never be again.
	(void)send(seam->bell_fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void seam_arm_doorbell(struct seam *seam, bool to_control)
{
	uint64_t word;

	for (int i = 0; i < BELLS_DRAINED; i++)
		if (recv(seam->bell_fd, &word, sizeof(word), MSG_DONTWAIT) < 0)
			break;
	atomic_store_explicit(armed_flag(seam, to_control), 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}
