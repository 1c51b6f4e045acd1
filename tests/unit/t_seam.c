// SPDX-License-Identifier: BSD-3-Clause
// The seam between two real processes: hand-over, refusals, doorbells, a control and a dataplane
// that write garbage. The test is the dataplane; each child that it forks is a control, or the
// reverse where it says so.
#include "seam.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct seam_geometry geometry = {
	.workers = 2, .command_cells = 512, .event_cells = 512, .punt_cells = 512};

static char dir[64], path[96];
static int listen_fd;
static uint8_t buf[RING_MSG_MAX] __attribute__((aligned(8)));
static uint8_t packet[60000];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/t_seam.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dataplane.sock", dir);
	listen_fd = seam_listen(path);
	ck_assert_int_ge(listen_fd, 0);
	memset(packet, 0xa5, sizeof(packet));
}

static void teardown(void)
{
	close(listen_fd);
	unlink(path);
	rmdir(dir);
}

// In a child: no Check macros, exit code is the line that failed, as far as eight bits go.
#define NEED(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "child: line %d: %s (errno %d)\n", __LINE__, #cond,        \
				errno);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static pid_t spawn(void (*child)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(30);
		child();
		_exit(0);
	}
	return pid;
}

static void expect_exit(pid_t pid, int code)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "child's status %#x",
		(unsigned)status);
}

static int wait_readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms);
}

static int accept_one(void)
{
	int fd;

	ck_assert_int_eq(wait_readable(listen_fd, 5000), 1);
	fd = seam_accept(listen_fd);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static int read_hello(int fd, struct seam_hello *hello)
{
	ck_assert_int_eq(wait_readable(fd, 5000), 1);
	return seam_read_hello(fd, hello);
}

// Accepts one control and hands a new segment over. The connection is *conn.
static struct seam *hand_over(int *conn)
{
	struct seam *seam = seam_create(&geometry);
	struct seam_hello hello;

	ck_assert_ptr_nonnull(seam);
	*conn = accept_one();
	ck_assert_int_eq(read_hello(*conn, &hello), 0);
	ck_assert_int_eq(seam_send_welcome(*conn, seam, 0x1234567890, 4096), 0);
	return seam;
}

static struct seam *attach(int *conn)
{
	struct seam_welcome welcome;
	struct seam *seam = seam_connect(path, 5000, &welcome, conn);

	NEED(seam != NULL);
	NEED(welcome.instance == 0x1234567890 && welcome.sa_slots == 4096);
	NEED(welcome.pid == (uint32_t)getppid());
	return seam;
}

// Waits at the doorbell until the ring has a message.
static int get_blocking(struct seam *seam, struct ring *ring, bool to_control)
{
	for (;;) {
		int rc = ring_get(ring, buf, sizeof(buf));

		if (rc != 0)
			return rc;
		seam_arm_doorbell(seam, to_control);
		rc = ring_get(ring, buf, sizeof(buf));
		if (rc != 0)
			return rc;
		if (wait_readable(seam_doorbell_fd(seam, to_control), 10000) != 1)
			return -ETIMEDOUT;
	}
}

#define ROUNDS 2000

static void put_blocking(struct seam *seam, struct ring *ring, uint32_t type, uint32_t id,
	const void *data, size_t len, bool to_control)
{
	while (ring_put(ring, type, id, 0, data, len, NULL, 0) == -ENOSPC)
		usleep(100);
	seam_ring_doorbell(seam, to_control);
}

// Answers each command of worker 1 with an event, and each packet with a packet.
static void child_echo(void)
{
	int conn;
	struct seam *seam = attach(&conn);
	struct ring *up = seam_ring(seam, 2, SEAM_PUNT_UP);
	struct ring *down = seam_ring(seam, 2, SEAM_PUNT_DOWN);

	for (int i = 0; i < ROUNDS; i++) {
		int rc = get_blocking(seam, up, true);
		struct ipc_hdr hdr;

		NEED(rc >= 16);
		memcpy(&hdr, buf, sizeof(hdr));
		NEED(hdr.id == (uint32_t)i);
		put_blocking(seam, down, IPC_SEND_UDP, hdr.id, buf + 16, hdr.len, false);
	}
	seam_free(seam);
	close(conn);
}

// Every bell wakes its sleeper: a lost one would run into the timeout.
START_TEST(test_ping_pong)
{
	pid_t pid = spawn(child_echo);
	int conn;
	struct seam *seam = hand_over(&conn);
	struct ring *up = seam_ring(seam, 2, SEAM_PUNT_UP);
	struct ring *down = seam_ring(seam, 2, SEAM_PUNT_DOWN);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		size_t len = i % 100 == 0 ? sizeof(packet) : i % 600;

		put_blocking(seam, up, IPC_PUNT_UDP, i, packet, len, true);
		ck_assert_int_eq(get_blocking(seam, down, false), (int)len + 16);
		ck_assert_int_eq(memcmp(buf + 16, packet, len), 0);
	}
	expect_exit(pid, 0);
	// Its death is the end of the connection.
	ck_assert_int_eq(wait_readable(conn, 5000), 1);
	ck_assert_int_eq(recv(conn, buf, sizeof(buf), 0), 0);
	seam_free(seam);
	close(conn);
}
END_TEST

static void child_stats(void)
{
	struct seam_stats stats;
	int conn;
	struct seam *seam = attach(&conn);

	NEED(get_blocking(seam, seam_ring(seam, 0, SEAM_EVENT), true) == 16);
	seam_stats_read(seam, 0, &stats);
	NEED(stats.rx_pkts == 11 && stats.drops[DROP_COUNT - 1] == 12 && stats.sas_out == 0);
	seam_stats_read(seam, 2, &stats);
	NEED(stats.rx_pkts == 21 && stats.drops[DROP_COUNT - 1] == 0);
	seam_stats_read(seam, 1, &stats);
	NEED(stats.rx_pkts == 0);
	NEED(memcmp(seam_geometry(seam), &geometry, sizeof(geometry)) == 0);
}

START_TEST(test_stats)
{
	pid_t pid = spawn(child_stats);
	struct seam_stats stats = {.rx_pkts = 11, .drops[DROP_COUNT - 1] = 12};
	int conn;
	struct seam *seam = hand_over(&conn);

	seam_stats_publish(seam, 0, &stats);
	stats = (struct seam_stats){.rx_pkts = 21};
	seam_stats_publish(seam, 2, &stats);
	put_blocking(seam, seam_ring(seam, 0, SEAM_EVENT), IPC_ACK, 1, NULL, 0, true);
	expect_exit(pid, 0);
	seam_free(seam);
	close(conn);
}
END_TEST

// No ring and no block overlaps another: all of them filled, each holds its own.
START_TEST(test_layout)
{
	struct seam *seam = seam_create(&geometry);
	struct seam_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	for (uint32_t t = 0; t < 3; t++)
		for (int k = 0; k < SEAM_RING_COUNT; k++)
			for (uint32_t i = 0; i < 512; i++)
				ck_assert_int_eq(
					ring_put(seam_ring(seam, t, (enum seam_ring)k), 1,
						t * 4 + (uint32_t)k, i, packet, 240, NULL, 0),
					0);
	for (uint32_t t = 0; t < 3; t++)
		seam_stats_publish(seam, t, &stats);
	for (uint32_t t = 0; t < 3; t++) {
		for (int k = 0; k < SEAM_RING_COUNT; k++) {
			struct ring peer, *ring = seam_ring(seam, t, (enum seam_ring)k);
			struct ipc_hdr hdr;

			ring_init(&peer, ring->shared, ring->cell_count);
			for (uint32_t i = 0; i < 512; i++) {
				ck_assert_int_eq(ring_get(&peer, buf, sizeof(buf)), 256);
				memcpy(&hdr, buf, sizeof(hdr));
				ck_assert_uint_eq(hdr.id, t * 4 + (uint32_t)k);
				ck_assert_uint_eq(hdr.status, i);
				ck_assert_mem_eq(buf + 16, packet, 240);
			}
		}
	}
	seam_free(seam);
	seam_free(NULL);
}
END_TEST

// The file can neither be made smaller, which would kill us with SIGBUS, nor larger.
static void child_sealed(void)
{
	char name[64];
	struct stat st;
	int conn, fd = -1;

	(void)attach(&conn);
	for (int i = 3; i < 64 && fd < 0; i++) {
		if (fcntl(i, F_GET_SEALS) > 0)
			fd = i;
	}
	NEED(fd >= 0 && fstat(fd, &st) == 0);
	NEED(ftruncate(fd, 4096) != 0 && errno == EPERM);
	NEED(ftruncate(fd, st.st_size * 2) != 0 && errno == EPERM);
	NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
	NEED((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	NEED(truncate(name, 4096) != 0);
}

START_TEST(test_sealed)
{
	pid_t pid = spawn(child_sealed);
	int conn;
	struct seam *seam = hand_over(&conn);

	expect_exit(pid, 0);
	seam_free(seam);
	close(conn);
}
END_TEST

// Finds our mapping of the segment, to write where the interface would not let us.
static uint8_t *find_mapping(size_t *bytes)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512];

	*bytes = 0;
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "caponier-seam") != NULL &&
			sscanf(line, "%lx-%lx", &from, &to) == 2) {
			fclose(maps);
			*bytes = to - from;
			return (uint8_t *)from;
		}
	}
	return NULL;
}

static uint64_t rng_state = 88172645463325252;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

// Writes random words all over the segment, most of them where the positions are, and does what
// it can with the doorbell.
static void scribble(struct seam *seam, unsigned rounds)
{
	size_t bytes;
	uint8_t *base = find_mapping(&bytes);
	int bell = seam_doorbell_fd(seam, true);

	NEED(base != NULL);
	fcntl(bell, F_SETFL, 0); // blocking, were it the other's too
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < 64; k++) {
			uint64_t value = rng() % 3 == 0 ? rng() : rng() % 1024;
			uint64_t *word = (uint64_t *)(void *)(base + rng() % (bytes / 8) * 8);

			if (rng() % 2 == 0) {
				struct ring_shared *ring = seam_ring(seam, (uint32_t)(rng() % 3),
					(enum seam_ring)(rng() % SEAM_RING_COUNT))
								   ->shared;

				word = (uint64_t *)(rng() % 2 == 0 ? &ring->head : &ring->tail);
			}
			__atomic_store_n(word, value, __ATOMIC_RELAXED);
		}
		(void)send(bell, base, rng() % 5000, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (i % 50 == 0)
			while (recv(bell, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
				;
	}
}

static void child_hostile_control(void)
{
	int conn;

	scribble(attach(&conn), 20000);
}

// Uses every ring, bell and block, while the peer writes garbage. Not to crash or hang is the test.
static uint64_t use_everything(struct seam *seam, pid_t peer)
{
	uint64_t faults = 0, messages = 0;
	struct seam_stats stats;
	int status = 0;

	while (peer == 0 ? messages < 1000000 : waitpid(peer, &status, WNOHANG) == 0) {
		for (uint32_t t = 0; t < 3; t++) {
			for (int k = 0; k < SEAM_RING_COUNT; k++) {
				struct ring *ring = seam_ring(seam, t, (enum seam_ring)k);
				int rc = ring_put(ring, 1, 2, 3, packet, rng() % 2000, NULL, 0);

				if (rc != 0 && rc != -ENOSPC)
					return 0;
				rc = ring_get(ring, buf, sizeof(buf));
				if (rc > (int)sizeof(buf))
					return 0;
				if (rc > 0)
					(void)ipc_check(buf, (size_t)rc, t % 2 == 0);
				faults += ring->faults;
				messages++;
			}
			seam_stats_read(seam, t, &stats);
			seam_stats_publish(seam, t, &stats);
		}
		seam_ring_doorbell(seam, true);
		seam_arm_doorbell(seam, false);
	}
	return peer != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0) ? 0 : faults;
}

START_TEST(test_hostile_control)
{
	pid_t pid = spawn(child_hostile_control);
	int conn;
	struct seam *seam = hand_over(&conn);

	ck_assert_uint_gt(use_everything(seam, pid), 0);
	seam_free(seam);
	close(conn);
}
END_TEST

static void child_victim(void)
{
	int conn;
	struct seam *seam = attach(&conn);

	NEED(use_everything(seam, 0) > 0);
}

START_TEST(test_hostile_dataplane)
{
	pid_t pid = spawn(child_victim);
	int conn, status;
	struct seam *seam = hand_over(&conn);

	while (waitpid(pid, &status, WNOHANG) == 0)
		scribble(seam, 100);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	seam_free(seam);
	close(conn);
}
END_TEST

// A doorbell whose listener sleeps for ever never blocks the one who rings.
START_TEST(test_bell_never_blocks)
{
	struct seam *seam = seam_create(&geometry);

	for (int i = 0; i < 10000; i++) {
		seam_arm_doorbell(seam, true); // as the peer would; nobody reads the other end
		seam_ring_doorbell(seam, true);
	}
	seam_free(seam);
}
END_TEST

static int raw_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct seam_hello hello_to_send;
static size_t hello_len;

static void child_says(void)
{
	struct seam_welcome welcome = {};
	int fd = raw_connect();

	NEED(fd >= 0);
	NEED(send(fd, &hello_to_send, hello_len, 0) == (ssize_t)hello_len);
	NEED(recv(fd, &welcome, sizeof(welcome), 0) == sizeof(welcome));
	NEED(welcome.magic == SEAM_MAGIC && welcome.version == IPC_VERSION);
	_exit((int)welcome.status);
}

static const struct {
	const char *why;
	struct seam_hello hello;
	size_t len;
} bad_hellos[] = {
	{"older version", {SEAM_MAGIC, IPC_VERSION - 1, 1, 0}, 16},
	{"newer version", {SEAM_MAGIC, IPC_VERSION + 1, 1, 0}, 16},
	{"something else", {0x47455420, IPC_VERSION, 1, 0}, 16},
	{"too short", {SEAM_MAGIC, IPC_VERSION, 1, 0}, 12},
};

START_TEST(test_bad_hello)
{
	struct seam_hello hello;
	pid_t pid;
	int fd;

	hello_to_send = bad_hellos[_i].hello;
	hello_len = bad_hellos[_i].len;
	pid = spawn(child_says);
	fd = accept_one();
	ck_assert_msg(read_hello(fd, &hello) == -EPROTO, "%s", bad_hellos[_i].why);
	expect_exit(pid, EPROTO);
	close(fd);
}
END_TEST

START_TEST(test_hello_not_there)
{
	struct seam_hello hello;
	int client = raw_connect(), fd = accept_one();

	ck_assert_int_eq(seam_read_hello(fd, &hello), -EAGAIN);
	close(client);
	ck_assert_int_eq(read_hello(fd, &hello), -ECONNRESET);
	close(fd);
}
END_TEST

static void child_other_user(void)
{
	struct seam_welcome welcome;
	int conn;

	// The directory is nobody's business but ours; the socket is opened up for the test.
	NEED(setgid(65534) == 0 && setuid(65534) == 0);
	NEED(seam_connect(path, 5000, &welcome, &conn) == NULL);
	_exit(errno);
}

START_TEST(test_other_user)
{
	struct seam_hello hello;
	pid_t pid;
	int fd;

	if (geteuid() != 0)
		return; // only root can be somebody else
	ck_assert_int_eq(chmod(dir, 0755), 0);
	pid = spawn(child_other_user);
	expect_exit(pid, EACCES); // mode 0600
	ck_assert_int_eq(chmod(path, 0666), 0);
	pid = spawn(child_other_user);
	fd = accept_one();
	ck_assert_int_eq(read_hello(fd, &hello), -EPERM); // and credentials
	expect_exit(pid, EPERM);
	close(fd);
}
END_TEST

START_TEST(test_listen)
{
	struct seam_welcome welcome;
	struct stat st;
	int conn, other;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(seam_listen(path), -EADDRINUSE); // a living one keeps its name
	close(accept_one());
	close(listen_fd);
	ck_assert_ptr_null(seam_connect(path, 100, &welcome, &conn));
	ck_assert_int_eq(errno, ECONNREFUSED);
	listen_fd = seam_listen(path); // a dead one's file is replaced
	ck_assert_int_ge(listen_fd, 0);
	unlink(path);
	ck_assert_ptr_null(seam_connect(path, 100, &welcome, &conn));
	ck_assert_int_eq(errno, ENOENT);
	other = open(path, O_CREAT | O_WRONLY, 0600);
	close(other);
	ck_assert_int_eq(seam_listen(path), -EEXIST); // no socket: not ours to remove
	memset(buf, 'x', 200);
	buf[200] = '\0';
	ck_assert_int_eq(seam_listen((char *)buf), -ENAMETOOLONG);
}
END_TEST

START_TEST(test_connect_timeout)
{
	struct seam_welcome welcome;
	int conn;

	ck_assert_ptr_null(seam_connect(path, 50, &welcome, &conn)); // nobody answers
	ck_assert_int_eq(errno, ETIMEDOUT);
}
END_TEST

// Welcomes of a dataplane that lies. The child is control, and must refuse each.
enum lie {
	LIE_NONE,
	LIE_MAGIC,
	LIE_VERSION,
	LIE_STATUS,
	LIE_SHORT,
	LIE_BYTES,
	LIE_GEOMETRY,
	LIE_HUGE,
	LIE_SLOTS,
	LIE_UNSEALED,
	LIE_SMALL_FILE,
	LIE_PLAIN_FILE,
	LIE_ONE_FD,
	LIE_MANY_FDS,
	LIE_BELL,
	LIE_COUNT,
};

static void child_must_refuse(void)
{
	struct seam_welcome welcome;
	int conn, before = 0, after = 0, why;

	for (int i = 0; i < 64; i++)
		before += fcntl(i, F_GETFD) >= 0;
	NEED(seam_connect(path, 5000, &welcome, &conn) == NULL);
	why = errno;
	for (int i = 0; i < 64; i++)
		after += fcntl(i, F_GETFD) >= 0;
	NEED(before == after); // nothing of what came was kept
	_exit(why);
}

static int make_file(enum lie lie, size_t bytes)
{
	int fd = lie == LIE_PLAIN_FILE ? open(dir, O_TMPFILE | O_RDWR, 0600)
				       : memfd_create("lie", MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)(lie == LIE_SMALL_FILE ? 4096 : bytes)), 0);
	if (lie != LIE_UNSEALED && lie != LIE_PLAIN_FILE)
		ck_assert_int_eq(
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	return fd;
}

static void send_lie(int conn, enum lie lie)
{
	struct seam_welcome w = {.magic = lie == LIE_MAGIC ? 1 : SEAM_MAGIC,
		.version = IPC_VERSION + (lie == LIE_VERSION),
		.status = lie == LIE_STATUS ? EBUSY : 0,
		.bytes = seam_bytes(&geometry) + (lie == LIE_BYTES ? 64 : 0),
		.geometry = geometry,
		.sa_slots = lie == LIE_SLOTS ? 1u << 30 : 16};
	int bells[2], fds[8];
	size_t fd_n = lie == LIE_ONE_FD ? 1 : lie == LIE_MANY_FDS ? 8 : 2;
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(fds))] = {};
	struct iovec iov = {&w, lie == LIE_SHORT ? sizeof(w) - 8 : sizeof(w)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(fd_n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (lie == LIE_GEOMETRY)
		w.geometry.event_cells = 513;
	if (lie == LIE_HUGE)
		w.geometry.workers = 0x7fffffff;
	if (lie == LIE_GEOMETRY || lie == LIE_HUGE)
		w.bytes = seam_bytes(&w.geometry); // no contradiction in it
	ck_assert_int_eq(
		socketpair(AF_UNIX, lie == LIE_BELL ? SOCK_STREAM : SOCK_DGRAM, 0, bells), 0);
	for (size_t i = 0; i < fd_n; i++)
		fds[i] = bells[1];
	fds[0] = make_file(lie, seam_bytes(&geometry));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fd_n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, fd_n * sizeof(int));
	ck_assert_int_gt(sendmsg(conn, &msg, 0), 0);
	close(fds[0]);
	close(bells[0]);
	close(bells[1]);
}

START_TEST(test_lies)
{
	pid_t pid = spawn(child_must_refuse);
	struct seam_hello hello;
	int fd = accept_one();

	ck_assert_int_eq(read_hello(fd, &hello), 0);
	send_lie(fd, (enum lie)_i);
	expect_exit(pid, _i == LIE_STATUS ? EBUSY : EPROTO);
	close(fd);
}
END_TEST

static void child_accepts(void)
{
	struct seam_welcome welcome;
	int conn;

	NEED(seam_connect(path, 5000, &welcome, &conn) != NULL);
}

// The same welcome without a lie is taken: what the rows above refuse is the lie.
START_TEST(test_no_lie)
{
	pid_t pid = spawn(child_accepts);
	struct seam_hello hello;
	int fd = accept_one();

	ck_assert_int_eq(read_hello(fd, &hello), 0);
	send_lie(fd, LIE_NONE);
	expect_exit(pid, 0);
	close(fd);
}
END_TEST

START_TEST(test_geometry)
{
	struct seam_geometry g = geometry;

	ck_assert(seam_geometry_valid(&g));
	g.workers = 0;
	ck_assert(!seam_geometry_valid(&g));
	g.workers = SEAM_WORKERS_MAX + 1;
	ck_assert(!seam_geometry_valid(&g));
	ck_assert_ptr_null(seam_create(&g));
	ck_assert_int_eq(errno, EINVAL);
	g = geometry;
	g.command_cells = 256;
	ck_assert(!seam_geometry_valid(&g));
	g.command_cells = 513;
	ck_assert(!seam_geometry_valid(&g));
	g.command_cells = 1u << 21;
	ck_assert(!seam_geometry_valid(&g));
	g.command_cells = 1u << 20;
	ck_assert(seam_geometry_valid(&g));
}
END_TEST

// One segment, one control.
START_TEST(test_second_welcome)
{
	pid_t pid = spawn(child_accepts);
	int conn;
	struct seam *seam = hand_over(&conn);

	ck_assert_int_eq(seam_send_welcome(conn, seam, 1, 1), -EALREADY);
	expect_exit(pid, 0);
	seam_free(seam);
	close(conn);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("seam");
	TCase *tcase = tcase_create("seam");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_geometry);
	tcase_add_test(tcase, test_layout);
	tcase_add_test(tcase, test_ping_pong);
	tcase_add_test(tcase, test_stats);
	tcase_add_test(tcase, test_sealed);
	tcase_add_test(tcase, test_hostile_control);
	tcase_add_test(tcase, test_hostile_dataplane);
	tcase_add_test(tcase, test_bell_never_blocks);
	tcase_add_loop_test(tcase, test_bad_hello, 0, sizeof(bad_hellos) / sizeof(bad_hellos[0]));
	tcase_add_test(tcase, test_hello_not_there);
	tcase_add_test(tcase, test_other_user);
	tcase_add_test(tcase, test_listen);
	tcase_add_test(tcase, test_connect_timeout);
	tcase_add_loop_test(tcase, test_lies, LIE_MAGIC, LIE_COUNT);
	tcase_add_test(tcase, test_no_lie);
	tcase_add_test(tcase, test_second_welcome);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
