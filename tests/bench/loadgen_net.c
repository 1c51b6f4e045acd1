// SPDX-License-Identifier: BSD-3-Clause
// Sockets of the load generator: UDP at ports 500 and 4500 (RFC 7296 section 2, RFC 3948 section 2.2)
// of each of its addresses, ready ones found by epoll.
#include "clock.h"
#include "loadgen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 4096
#define MARKER_LEN 4 // zeros before an IKE message at port 4500
#define READY_MAX 64

static const uint16_t ports[2] = {500, 4500};

struct load_net {
	int epoll;
	uint32_t addr_n;
	struct inet_addr addr[LOAD_ADDRS_MAX];
	int fd[LOAD_ADDRS_MAX][2];
};

socklen_t load_sockaddr(const struct inet_addr *addr, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = addr->family;
	if (addr->family == AF_INET) {
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, addr->bytes, 4);
		return sizeof(*in4);
	}
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->bytes, 16);
	return sizeof(*in6);
}

static void from_sockaddr(
	const struct sockaddr_storage *from, struct inet_addr *addr, uint16_t *port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

	if (from->ss_family == AF_INET) {
		*addr = inet_addr_v4(in4->sin_addr.s_addr);
		*port = ntohs(in4->sin_port);
	} else {
		*addr = inet_addr_v6(in6->sin6_addr.s6_addr);
		*port = ntohs(in6->sin6_port);
	}
}

static int open_socket(struct load_net *net, uint32_t i, int which)
{
	const int room = 1 << 20;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = i * 2 + (uint32_t)which};
	struct sockaddr_storage local;
	socklen_t len = load_sockaddr(&net->addr[i], ports[which], &local);
	int fd = socket(net->addr[i].family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	net->fd[i][which] = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
		bind(fd, (struct sockaddr *)&local, len) != 0 ||
		epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		return -errno;
	return 0;
}

struct load_net *load_net_new(const struct inet_addr *first, uint32_t addr_n)
{
	const unsigned last = inet_addr_bits(first->family) / 8 - 1;
	struct load_net *net = NULL;
	int error = 0;

	if (addr_n == 0 || addr_n > LOAD_ADDRS_MAX || first->bytes[last] + addr_n > 256) {
		errno = EINVAL;
		return NULL;
	}
	net = calloc(1, sizeof(*net));
	if (net == NULL)
		return NULL;
	memset(net->fd, 0xff, sizeof(net->fd));
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	error = net->epoll < 0 ? -errno : 0;
	for (net->addr_n = 0; net->addr_n < addr_n && error == 0; net->addr_n++) {
		net->addr[net->addr_n] = *first;
		net->addr[net->addr_n].bytes[last] += (uint8_t)net->addr_n;
		for (int which = 0; which < 2 && error == 0; which++)
			error = open_socket(net, net->addr_n, which);
	}
	if (error == 0)
		return net;
	load_net_free(net);
	errno = -error;
	return NULL;
}

void load_net_free(struct load_net *net)
{
	if (net == NULL)
		return;
	for (uint32_t i = 0; i < net->addr_n; i++)
		for (int which = 0; which < 2; which++)
			if (net->fd[i][which] >= 0)
				close(net->fd[i][which]);
	if (net->epoll >= 0)
		close(net->epoll);
	free(net);
}

const struct inet_addr *load_net_addr(const struct load_net *net, uint32_t i)
{
	return &net->addr[i % net->addr_n];
}

void load_net_send(struct load_net *net, const struct ike_datagram *datagram)
{
	static const uint8_t marker[MARKER_LEN];
	struct iovec part[2] = {{(void *)(uintptr_t)marker, datagram->natt ? MARKER_LEN : 0},
		{(void *)(uintptr_t)datagram->data, datagram->len}};
	struct sockaddr_storage remote;
	struct msghdr msg = {.msg_name = &remote, .msg_iov = part, .msg_iovlen = 2};

	msg.msg_namelen = load_sockaddr(&datagram->remote, datagram->remote_port, &remote);
	for (uint32_t i = 0; i < net->addr_n; i++) {
		if (!inet_addr_equal(&net->addr[i], &datagram->local))
			continue;
		(void)sendmsg(net->fd[i][datagram->local_port == ports[1]], &msg, 0);
		return;
	}
}

static bool receive_one(struct load_net *net, struct ike *ike, uint32_t i, int which)
{
	uint8_t data[DATAGRAM_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(
		net->fd[i][which], data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);
	struct ike_datagram datagram = {.local = net->addr[i],
		.local_port = ports[which],
		.natt = which == 1,
		.data = data};

	if (len < 0)
		return false;
	if (which == 1) {
		if (len <= MARKER_LEN)
			return true; // a keepalive
		len -= MARKER_LEN;
		datagram.data += MARKER_LEN;
	}
	datagram.len = (uint32_t)len;
	from_sockaddr(&from, &datagram.remote, &datagram.remote_port);
	ike_receive(ike, &datagram, clock_now_us());
	return true;
}

uint32_t load_net_receive(struct load_net *net, struct ike *ike, uint64_t timeout_us)
{
	struct epoll_event ready[READY_MAX];
	int timeout_ms = (int)((timeout_us + US_PER_MS - 1) / US_PER_MS);
	int n = epoll_wait(net->epoll, ready, READY_MAX, timeout_ms);
	uint32_t got = 0;

	for (int i = 0; i < n; i++)
		while (receive_one(net, ike, ready[i].data.u32 / 2, ready[i].data.u32 % 2))
			got++;
	return got;
}
