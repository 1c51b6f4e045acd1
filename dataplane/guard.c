// SPDX-License-Identifier: BSD-3-Clause
// Sockets with a filter that drops everything: they exist so that the kernel finds a receiver. Main
// thread.
#include "guard.h"

#include "log.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_TYPE("port");

static const struct {
	int family;
	int type;
	uint16_t port; // UDP; 0: raw ESP
} wanted[] = {
	{AF_INET, SOCK_DGRAM, 500},
	{AF_INET, SOCK_DGRAM, 4500},
	{AF_INET, SOCK_RAW, 0},
	{AF_INET6, SOCK_DGRAM, 500},
	{AF_INET6, SOCK_DGRAM, 4500},
	{AF_INET6, SOCK_RAW, 0},
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static int sockets[WANTED];
static bool opened;

static int swallow(int fd)
{
	struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop_all};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int socket_open(size_t i)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(wanted[i].port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(wanted[i].port)};
	bool is_v6 = wanted[i].family == AF_INET6;
	int protocol = wanted[i].type == SOCK_RAW ? IPPROTO_ESP : 0;
	int on = 1, fd, rc;

	fd = socket(wanted[i].family, wanted[i].type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	if (swallow(fd) ||
		(is_v6 && wanted[i].type == SOCK_DGRAM &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))))
		goto fail;
	if (wanted[i].port &&
		bind(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
			is_v6 ? sizeof(v6) : sizeof(v4)))
		goto fail;
	return fd;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

int guard_open(void)
{
	if (opened)
		return 0;
	for (size_t i = 0; i < WANTED; i++)
		sockets[i] = -1;
	opened = true;
	for (size_t i = 0; i < WANTED; i++) {
		sockets[i] = socket_open(i);
		if (sockets[i] >= 0 || sockets[i] == -EAFNOSUPPORT)
			continue;
		LOG(ERR, "shared port: %s: %s",
			wanted[i].port == 500	 ? "UDP port 500 cannot be taken"
				: wanted[i].port ? "UDP port 4500 cannot be taken"
						 : "no raw socket for ESP",
			strerror(-sockets[i]));
		return sockets[i];
	}
	return 0;
}

void guard_close(void)
{
	for (size_t i = 0; opened && i < WANTED; i++) {
		if (sockets[i] >= 0)
			close(sockets[i]);
	}
	opened = false;
}
