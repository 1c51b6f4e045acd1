// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink requests for the host's side of a client: one request, one acknowledgement each.
// Main thread.
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

struct request {
	struct nlmsghdr hdr;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
		struct rtmsg route;
	};
	uint8_t attrs[256];
};

int rtnl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	// An answer that does not come must not stop the main thread for good.
	struct timeval patience = {.tv_sec = 2};

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

static void begin(struct request *req, uint16_t type, uint16_t flags, size_t body_len)
{
	*req = (struct request){
		.hdr = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_len),
			.nlmsg_type = type,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)}};
}

// Room is by construction: the longest request has two addresses and three numbers.
static struct rtattr *put(struct request *req, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)((uint8_t *)req + NLMSG_ALIGN(req->hdr.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(attr), data, len);
	req->hdr.nlmsg_len = (uint32_t)(NLMSG_ALIGN(req->hdr.nlmsg_len) + RTA_ALIGN(attr->rta_len));
	return attr;
}

// Closes a nested attribute: everything that was put behind `nest` lies inside.
static void close_nest(struct request *req, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((uint8_t *)req + req->hdr.nlmsg_len - (uint8_t *)nest);
}

static int transact(int fd, struct request *req)
{
	static uint32_t sequence;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	alignas(struct nlmsghdr) uint8_t answer[4096];

	req->hdr.nlmsg_seq = ++sequence;
	if (sendto(fd, req, req->hdr.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		struct nlmsghdr *hdr = (void *)answer;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		// An answer to a request that timed out before is not ours.
		if (!NLMSG_OK(hdr, (uint32_t)n) || hdr->nlmsg_seq != req->hdr.nlmsg_seq)
			continue;
		if (hdr->nlmsg_type != NLMSG_ERROR ||
			hdr->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return -EPROTO;
		return ((struct nlmsgerr *)NLMSG_DATA(hdr))->error;
	}
}

int rtnl_link_set(int fd, uint32_t ifindex, const struct rtnl_link *link)
{
	struct request req;

	begin(&req, RTM_NEWLINK, 0, sizeof(req.link));
	req.link.ifi_index = (int)ifindex;
	req.link.ifi_flags = (link->up ? IFF_UP : 0u) | (link->arp ? 0u : IFF_NOARP);
	req.link.ifi_change = IFF_UP | IFF_NOARP;
	if (link->mtu > 0)
		put(&req, IFLA_MTU, &link->mtu, sizeof(link->mtu));
	if (link->manual_addresses) {
		uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
		struct rtattr *spec = put(&req, IFLA_AF_SPEC, NULL, 0);
		struct rtattr *inet6 = put(&req, AF_INET6, NULL, 0);

		put(&req, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
		close_nest(&req, inet6);
		close_nest(&req, spec);
	}
	return transact(fd, &req);
}

static int addr_change(
	int fd, uint16_t type, uint16_t flags, uint32_t ifindex, const struct rtnl_addr *addr)
{
	size_t len = inet_addr_bits(addr->addr.family) / 8;
	uint32_t ifa_flags = 0;
	struct request req;

	begin(&req, type, flags, sizeof(req.addr));
	req.addr.ifa_family = addr->addr.family;
	req.addr.ifa_prefixlen = addr->prefix_len;
	req.addr.ifa_index = ifindex;
	req.addr.ifa_scope =
		inet_addr_is_link_local(&addr->addr) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put(&req, IFA_LOCAL, addr->addr.bytes, len);
	put(&req, IFA_ADDRESS, addr->addr.bytes, len);
	if (addr->nodad && addr->addr.family == AF_INET6)
		ifa_flags |= IFA_F_NODAD;
	if (addr->managetemp && addr->addr.family == AF_INET6)
		ifa_flags |= IFA_F_MANAGETEMPADDR;
	if (addr->noprefixroute)
		ifa_flags |= IFA_F_NOPREFIXROUTE;
	put(&req, IFA_FLAGS, &ifa_flags, sizeof(ifa_flags));
	return transact(fd, &req);
}

int rtnl_addr_add(int fd, uint32_t ifindex, const struct rtnl_addr *addr)
{
	int rc = addr_change(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr);

	return rc == -EEXIST ? 0 : rc;
}

int rtnl_addr_del(int fd, uint32_t ifindex, const struct rtnl_addr *addr)
{
	int rc = addr_change(fd, RTM_DELADDR, 0, ifindex, addr);

	return rc == -EADDRNOTAVAIL ? 0 : rc;
}

static int route_change(
	int fd, uint16_t type, uint16_t flags, uint32_t ifindex, const struct inet_prefix *prefix)
{
	struct request req;

	begin(&req, type, flags, sizeof(req.route));
	req.route.rtm_family = prefix->addr.family;
	req.route.rtm_dst_len = prefix->len;
	req.route.rtm_table = RT_TABLE_MAIN;
	req.route.rtm_protocol = RTPROT_STATIC;
	req.route.rtm_type = RTN_UNICAST;
	req.route.rtm_scope = prefix->addr.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put(&req, RTA_DST, prefix->addr.bytes, inet_addr_bits(prefix->addr.family) / 8);
	put(&req, RTA_OIF, &ifindex, sizeof(ifindex));
	return transact(fd, &req);
}

int rtnl_route_add(int fd, uint32_t ifindex, const struct inet_prefix *prefix)
{
	int rc = route_change(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ifindex, prefix);

	return rc == -EEXIST ? 0 : rc;
}

int rtnl_route_del(int fd, uint32_t ifindex, const struct inet_prefix *prefix)
{
	int rc = route_change(fd, RTM_DELROUTE, 0, ifindex, prefix);

	return rc == -ESRCH ? 0 : rc;
}
