// SPDX-License-Identifier: BSD-3-Clause
// How the segment changes hands: a UNIX SOCK_SEQPACKET socket, credentials checked on both sides,
// HELLO from control, WELCOME with the descriptors from the dataplane. The socket stays open
// afterwards and says nothing more: its end is the peer's death. Main thread and control's loop.
#include "seam.h"
#include "seam_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static_assert(sizeof(struct seam_hello) == 16);
static_assert(sizeof(struct seam_welcome) == 56);

static int make_address(const char *path, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path) + 1);
	return 0;
}

// An old socket file goes; one that somebody still listens on, or anything else, stays.
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	rc = rc == 0 || errno == EAGAIN ? -EADDRINUSE : 0;
	close(fd);
	if (rc == 0 && unlink(addr->sun_path) != 0)
		rc = -errno;
	return rc;
}

int seam_listen(const char *path)
{
	struct sockaddr_un addr;
	int rc = make_address(path, &addr);
	int fd;

	if (rc == 0)
		rc = remove_stale(&addr);
	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	// The mode is set before the name exists, so that there is no moment with a wider one.
	if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		listen(fd, 4) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int seam_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd >= 0 ? fd : -errno;
}

// The peer process runs as we do, or as root.
static bool peer_trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || len != sizeof(cred))
		return false;
	return cred.uid == geteuid() || cred.uid == 0;
}

static int refuse(int conn_fd, int why)
{
	struct seam_welcome welcome = {.magic = SEAM_MAGIC,
		.version = IPC_VERSION,
		.status = (uint32_t)why,
		.pid = (uint32_t)getpid()};

	(void)send(conn_fd, &welcome, sizeof(welcome), MSG_DONTWAIT | MSG_NOSIGNAL);
	return -why;
}

int seam_read_hello(int conn_fd, struct seam_hello *hello)
{
	struct seam_hello got = {};
	ssize_t n;

	if (!peer_trusted(conn_fd))
		return refuse(conn_fd, EPERM);
	n = recv(conn_fd, &got, sizeof(got), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -ECONNRESET;
	if (n != sizeof(got) || got.magic != SEAM_MAGIC || got.version != IPC_VERSION)
		return refuse(conn_fd, EPROTO);
	*hello = got;
	return 0;
}

int seam_send_welcome(int conn_fd, struct seam *seam, uint64_t instance, uint32_t sa_slots)
{
	struct seam_welcome welcome = {.magic = SEAM_MAGIC,
		.version = IPC_VERSION,
		.pid = (uint32_t)getpid(),
		.instance = instance,
		.bytes = seam_bytes(seam_geometry(seam)),
		.geometry = *seam_geometry(seam),
		.sa_slots = sa_slots};
	int fds[SEAM_FDS] = {seam_memfd(seam), seam_peer_bell_fd(seam)};
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(fds))] = {};
	struct iovec iov = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	if (fds[1] < 0)
		return -EALREADY; // a segment serves one control process
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	if (sendmsg(conn_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(welcome))
		return errno != 0 ? -errno : -EIO;
	seam_peer_handed(seam);
	return 0;
}

static int set_timeouts(int fd, int timeout_ms)
{
	struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	if (timeout_ms <= 0)
		limit = (struct timeval){.tv_usec = 1000};
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0)
		return -errno;
	return 0;
}

// Connects and says HELLO. Descriptor or -errno.
static int open_connection(const char *path, int timeout_ms)
{
	struct seam_hello hello = {
		.magic = SEAM_MAGIC, .version = IPC_VERSION, .pid = (uint32_t)getpid()};
	struct sockaddr_un addr;
	int rc = make_address(path, &addr);
	int fd;

	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = set_timeouts(fd, timeout_ms);
	if (rc == 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (rc == 0 && !peer_trusted(fd))
		rc = -EPERM;
	if (rc == 0 && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

// Puts the descriptors that came with a message into fds, closes those beyond; returns how many
// came.
static unsigned take_fds(struct msghdr *msg, int fds[SEAM_FDS])
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
			at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n < SEAM_FDS)
				fds[n] = fd;
			else
				close(fd);
			n++;
		}
	}
	return n;
}

// 0 when the welcome is one that we can work with.
static int check_welcome(const struct seam_welcome *welcome, ssize_t n, int flags, unsigned fd_n)
{
	if (n != sizeof(*welcome) || (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
		welcome->magic != SEAM_MAGIC)
		return -EPROTO;
	if (welcome->status != 0)
		return welcome->status < 4096 ? -(int)welcome->status : -EPROTO;
	if (welcome->version != IPC_VERSION || fd_n != SEAM_FDS)
		return -EPROTO;
	if (!seam_geometry_valid(&welcome->geometry) ||
		welcome->bytes != seam_bytes(&welcome->geometry))
		return -EPROTO;
	if (welcome->sa_slots == 0 || welcome->sa_slots > 1u << SPI_SLOT_BITS)
		return -EPROTO;
	return 0;
}

// Waits for the answer. Fills fds (-1: none), which are the caller's to close also on failure.
static int read_welcome(int fd, struct seam_welcome *welcome, int fds[SEAM_FDS])
{
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(8 * sizeof(int))] = {};
	struct iovec iov = {.iov_base = welcome, .iov_len = sizeof(*welcome)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	return check_welcome(welcome, n, msg.msg_flags, take_fds(&msg, fds));
}

// The doorbell's end must be a datagram socket; anything else could block or be a file.
static int check_bell(int fd)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || type != SOCK_DGRAM ||
		domain != AF_UNIX)
		return -EPROTO;
	return 0;
}

struct seam *seam_connect(
	const char *path, int timeout_ms, struct seam_welcome *welcome, int *conn_fd)
{
	int fds[SEAM_FDS] = {-1, -1};
	struct seam *seam = NULL;
	int fd = open_connection(path, timeout_ms);
	int rc = fd < 0 ? fd : read_welcome(fd, welcome, fds);

	if (rc == 0)
		rc = check_bell(fds[1]);
	if (rc == 0) {
		seam = seam_attach(fds[0], fds[1], &welcome->geometry);
		rc = seam != NULL ? 0 : -errno;
	}
	if (seam == NULL) {
		for (int i = 0; i < SEAM_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (fd >= 0)
			close(fd);
		errno = -rc;
		return NULL;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	*conn_fd = fd;
	return seam;
}
