// SPDX-License-Identifier: BSD-3-Clause
// See ifaddr.h. Main thread.
#include "ifaddr.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_ROUND 64

int ifaddr_open(void)
{
	struct sockaddr_nl self = {
		.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

void ifaddr_ask(int fd)
{
	struct {
		struct nlmsghdr hdr;
		struct ifaddrmsg addr;
	} req = {.hdr = {.nlmsg_len = sizeof(req),
			 .nlmsg_type = RTM_GETADDR,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

	// EBUSY: a listing is under way, and tells the same.
	send(fd, &req, sizeof(req), 0);
}

// DAD that goes on tells nothing yet.
static bool event_of(uint16_t type, uint32_t flags, enum ipc_hostif_addr_event *event)
{
	if (flags & IFA_F_DADFAILED)
		*event = IPC_ADDR_DUPLICATE;
	else if (type == RTM_DELADDR)
		*event = IPC_ADDR_REMOVED;
	else if (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC)
		*event = IPC_ADDR_ADDED;
	else
		return false;
	return true;
}

static void parse_one(const struct nlmsghdr *hdr, ifaddr_fn fn, void *arg)
{
	const struct ifaddrmsg *msg = NLMSG_DATA(hdr);
	const struct rtattr *attr = IFA_RTA(msg);
	size_t left = IFA_PAYLOAD(hdr), len = inet_addr_bits(msg->ifa_family) / 8;
	struct ifaddr_event event = {.ifindex = msg->ifa_index, .prefix_len = msg->ifa_prefixlen};
	uint32_t flags = msg->ifa_flags;
	bool local = false;

	if (len == 0 || msg->ifa_prefixlen > len * 8)
		return;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		// IFA_ADDRESS is the peer's on point-to-point links; then IFA_LOCAL is there, too.
		if ((attr->rta_type == IFA_LOCAL || (attr->rta_type == IFA_ADDRESS && !local)) &&
			RTA_PAYLOAD(attr) == len) {
			event.addr.family = msg->ifa_family;
			memcpy(event.addr.bytes, RTA_DATA(attr), len);
			local = local || attr->rta_type == IFA_LOCAL;
		} else if (attr->rta_type == IFA_FLAGS && RTA_PAYLOAD(attr) == sizeof(flags)) {
			memcpy(&flags, RTA_DATA(attr), sizeof(flags));
		}
	}
	if (event.addr.family && event_of(hdr->nlmsg_type, flags, &event.event))
		fn(arg, &event);
}

void ifaddr_parse(const void *data, size_t len, ifaddr_fn fn, void *arg)
{
	const struct nlmsghdr *hdr = data;

	for (; NLMSG_OK(hdr, len); hdr = NLMSG_NEXT(hdr, len)) {
		if ((hdr->nlmsg_type == RTM_NEWADDR || hdr->nlmsg_type == RTM_DELADDR) &&
			hdr->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
			parse_one(hdr, fn, arg);
	}
}

void ifaddr_read(int fd, ifaddr_fn fn, void *arg)
{
	alignas(struct nlmsghdr) uint8_t data[32768];

	for (int i = 0; i < READS_A_ROUND; i++) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n < 0 && errno == ENOBUFS) // some were lost: all that are there
			ifaddr_ask(fd);
		else if (n <= 0)
			return;
		else
			ifaddr_parse(data, (size_t)n, fn, arg);
	}
}
