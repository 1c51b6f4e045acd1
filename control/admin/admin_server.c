// SPDX-License-Identifier: BSD-3-Clause
// Listens on the UNIX socket of the admin protocol and accepts those who may: root and the user
// whom caponier-control runs as. Each client is an admin_conn. Control's thread, never blocks.
#include "admin_server.h"

#include "admin_conn.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

LOG_TYPE("admin");

static int path_to_sockaddr(const char *path, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

// A socket file that a killed process left is removed; one that is listened at is not ours to take.
static int remove_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, ret;

	if (lstat(sun->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ? errno : 0;
	close(fd);
	if (ret != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(sun->sun_path) ? -errno : 0;
}

static int listen_at(struct admin_server *server)
{
	struct sockaddr_un sun;
	struct stat st;
	mode_t mask;
	int fd, ret;

	ret = path_to_sockaddr(server->path, &sun);
	if (!ret)
		ret = remove_stale(&sun);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	// Mode 0600 from the first moment: a chmod afterwards would leave a gap.
	mask = umask(0177);
	ret = bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) ? -errno : 0;
	umask(mask);
	if (!ret && (listen(fd, ADMIN_CLIENTS_MAX) || stat(server->path, &st)))
		ret = -errno;
	if (ret) {
		close(fd);
		return ret;
	}
	server->path_dev = st.st_dev;
	server->path_ino = st.st_ino;
	return fd;
}

static bool peer_allowed(int fd)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	LOG_LIMITED(WARN, "uid %u (process %d) may not use the admin socket", cred.uid, cred.pid);
	return false;
}

static void refuse(int fd, const char *code, const char *text)
{
	char line[200];
	int len = snprintf(
		line, sizeof(line), "{\"error\":{\"code\":\"%s\",\"text\":\"%s\"}}\n", code, text);

	// The socket is fresh, its buffer empty; if it takes nothing all the same, so be it.
	(void)!send(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

int admin_server_adopt(struct admin_server *server, int fd)
{
	if (!peer_allowed(fd)) {
		refuse(fd, "EPERM", "only root and the user of caponier-control may ask");
		return -EPERM;
	}
	if (server->conn_n >= ADMIN_CLIENTS_MAX) {
		LOG_LIMITED(
			WARN, "%u admin clients are connected, one more refused", server->conn_n);
		refuse(fd, "EAGAIN", "too many clients");
		return -EAGAIN;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) || !admin_conn_new(server, fd)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return 0;
}

static void accept_cb(evutil_socket_t listen_fd, short what, void *arg)
{
	struct admin_server *server = arg;

	(void)what;
	for (int i = 0; i < 16; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				LOG_LIMITED(ERR, "accept: %s", strerror(errno));
			return;
		}
		admin_server_adopt(server, fd);
	}
}

struct admin_server *admin_server_new(
	struct control *control, struct event_base *base, const char *path)
{
	struct admin_server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		return NULL;
	// A client that goes while it is written to must not end the process.
	signal(SIGPIPE, SIG_IGN);
	server->control = control;
	server->base = base;
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->calls);
	snprintf(server->path, sizeof(server->path), "%s", path);
	server->listen_fd = strlen(path) < sizeof(server->path) ? listen_at(server) : -ENAMETOOLONG;
	if (server->listen_fd < 0) {
		error = -server->listen_fd;
		goto fail;
	}
	server->listener =
		event_new(base, server->listen_fd, EV_READ | EV_PERSIST, accept_cb, server);
	if (!server->listener || event_add(server->listener, NULL)) {
		error = ENOMEM;
		goto fail;
	}
	return server;
fail:
	admin_server_free(server);
	errno = error;
	return NULL;
}

static void remove_own_file(const struct admin_server *server)
{
	struct stat st;

	if (!stat(server->path, &st) && st.st_dev == server->path_dev &&
		st.st_ino == server->path_ino)
		unlink(server->path);
}

void admin_server_free(struct admin_server *server)
{
	struct admin_conn *conn;
	struct admin_call *call;

	if (!server)
		return;
	while ((conn = TAILQ_FIRST(&server->conns)))
		admin_conn_free(conn);
	// Calls that still wait for the dataplane free themselves when it has answered.
	TAILQ_FOREACH (call, &server->calls, entry)
		call->server = NULL;
	if (server->listener)
		event_free(server->listener);
	if (server->listen_fd >= 0) {
		remove_own_file(server);
		close(server->listen_fd);
	}
	free(server);
}
