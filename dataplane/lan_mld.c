// SPDX-License-Identifier: BSD-3-Clause
// See lan_mld.h. Routes name the source, so that a packet of the LAN which the kernel also gives to
// listeners on the link's interface, as if it had come in there, is not sent to the LAN once more: it
// came by another interface than the route says.
#include "lan_mld.h"

#include <errno.h>
#include <linux/mroute6.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ICMP6_MLD2_REPORT 143
#define QUERY_BYTES 28
#define HEADERS 48 // IPv6, and hop-by-hop options

#define SET(fd, level, option, value) setsockopt(fd, level, option, &(value), sizeof(value))

static struct sockaddr_in6 sockaddr(const struct inet_addr *addr)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};

	memcpy(&sa.sin6_addr, addr->bytes, 16);
	return sa;
}

// ---- the kernel's table ----

static int route_get(struct lan_mroute *route)
{
	struct icmp6_filter none;
	int on = 1, rc;

	if (route->users++ > 0)
		return 0;
	ICMP6_FILTER_SETBLOCKALL(&none);
	route->fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	rc = route->fd < 0 ? -errno : 0;
	if (!rc &&
		(SET(route->fd, IPPROTO_ICMPV6, ICMP6_FILTER, none) ||
			SET(route->fd, IPPROTO_IPV6, MRT6_INIT, on))) {
		rc = -errno; // EADDRINUSE: another daemon routes multicast here
		close(route->fd);
	}
	if (rc)
		route->users--;
	return rc;
}

static void route_put(struct lan_mroute *route)
{
	if (--route->users == 0)
		close(route->fd); // its interfaces and routes go with it
}

static bool wants(const struct lan_mld *mld, const struct inet_addr *group)
{
	for (uint32_t i = 0; i < mld->group_n; i++)
		if (inet_addr_equal(&mld->group[i], group))
			return true;
	return false;
}

// From the LAN everything goes upstream, from upstream to the LAN what it wants (RFC 4605 section 4.3).
static int forward(const struct lan_mld *mld, const struct lan_mld_route *route, bool add)
{
	struct mf6cctl ctl = {.mf6cc_origin = sockaddr(&route->source),
		.mf6cc_mcastgrp = sockaddr(&route->group),
		.mf6cc_parent = (mifi_t)(mld->mif + route->from_lan)};

	if (route->from_lan)
		IF_SET(mld->mif, &ctl.mf6cc_ifset);
	else if (wants(mld, &route->group))
		IF_SET(mld->mif + 1, &ctl.mf6cc_ifset);
	return SET(mld->route->fd, IPPROTO_IPV6, add ? MRT6_ADD_MFC : MRT6_DEL_MFC, ctl) ? -errno
											 : 0;
}

static void forward_group(const struct lan_mld *mld, const struct inet_addr *group)
{
	for (uint32_t i = 0; i < mld->route_n; i++)
		if (!mld->routes[i].from_lan && inet_addr_equal(&mld->routes[i].group, group))
			forward(mld, &mld->routes[i], true);
}

void lan_mld_asked(struct lan_mld *mld, uint32_t mif, const struct lan_mld_route *asked)
{
	struct lan_mld_route *route = NULL;

	if (!mld->route || (mif != mld->mif && mif != mld->mif + 1u))
		return;
	if (mld->route_n < LAN_MLD_ROUTES) {
		route = &mld->routes[mld->route_n++];
	} else {
		route = &mld->routes[mld->oldest];
		mld->oldest = (mld->oldest + 1) % LAN_MLD_ROUTES;
		forward(mld, route, false);
	}
	*route = *asked;
	route->from_lan = mif != mld->mif;
	forward(mld, route, true);
}

bool lan_mroute_read(const struct lan_mroute *route, uint32_t *mif, struct lan_mld_route *asked)
{
	uint8_t data[2048];
	struct mrt6msg msg;

	// Its filter lets nothing in; what comes is the kernel's own, which has a zero for a type.
	while (route->users > 0) {
		ssize_t n = recv(route->fd, data, sizeof(data), 0);

		if (n < 0)
			return false;
		if (n < (ssize_t)sizeof(msg))
			continue;
		memcpy(&msg, data, sizeof(msg));
		if (msg.im6_mbz || msg.im6_msgtype != MRT6MSG_NOCACHE)
			continue;
		*mif = msg.im6_mif;
		*asked = (struct lan_mld_route){.source = inet_addr_v6(msg.im6_src.s6_addr),
			.group = inet_addr_v6(msg.im6_dst.s6_addr)};
		return true;
	}
	return false;
}

static int interface_add(const struct lan_mld *mld, uint16_t mif, uint32_t ifindex)
{
	struct mif6ctl ctl = {
		.mif6c_mifi = mif, .vifc_threshold = 1, .mif6c_pifi = (uint16_t)ifindex};

	return SET(mld->route->fd, IPPROTO_IPV6, MRT6_ADD_MIF, ctl) ? -errno : 0;
}

static void interfaces_del(const struct lan_mld *mld)
{
	for (int i = 0; i < 2; i++) {
		mifi_t mif = (mifi_t)(mld->mif + i);

		SET(mld->route->fd, IPPROTO_IPV6, MRT6_DEL_MIF, mif);
	}
}

static int interfaces_add(const struct lan_mld *mld)
{
	int rc = interface_add(mld, mld->mif, mld->up);

	if (!rc)
		rc = interface_add(mld, mld->mif + 1, mld->lan);
	if (rc)
		interfaces_del(mld);
	return rc;
}

// ---- sockets ----

// RFC 3810 section 5: link-local source, hop limit 1, a router alert (RFC 2711 section 2.1).
static int listener_options(int fd, const char *name, uint32_t ifindex)
{
	static const uint8_t alert[8] = {0, 0, 5, 2, 0, 0, 1, 0};
	static const uint8_t types[] = {
		MLD_LISTENER_QUERY, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION, ICMP6_MLD2_REPORT};
	struct ipv6_mreq reports = {
		.ipv6mr_multiaddr = {{{0xff, 0x02, [15] = 0x16}}}, .ipv6mr_interface = ifindex};
	struct icmp6_filter filter;
	int on = 1, off = 0, hops = 1, index = (int)ifindex;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	for (size_t i = 0; i < sizeof(types); i++)
		ICMP6_FILTER_SETPASS(types[i], &filter);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) ||
		SET(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter) ||
		SET(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on) ||
		SET(fd, IPPROTO_IPV6, IPV6_RECVHOPOPTS, on) ||
		SET(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, on) ||
		SET(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) ||
		SET(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, off) ||
		SET(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) ||
		SET(fd, IPPROTO_IPV6, IPV6_HOPOPTS, alert) ||
		SET(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, reports))
		return -errno;
	return 0;
}

static int sockets_open(struct lan_mld *mld, const char *lan)
{
	int rc;

	mld->joins = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (mld->joins < 0)
		return -errno;
	mld->fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	rc = mld->fd < 0 ? -errno : listener_options(mld->fd, lan, mld->lan);
	if (rc && mld->fd >= 0)
		close(mld->fd);
	if (rc)
		close(mld->joins);
	return rc;
}

static void give_back(struct lan_mld *mld)
{
	free(mld->group);
	free(mld->routes);
	route_put(mld->route);
	mld->route = NULL;
}

int lan_mld_open(struct lan_mld *mld, struct lan_mroute *route, const char *lan, const char *up,
	uint32_t slot)
{
	int rc;

	*mld = (struct lan_mld){
		.lan = if_nametoindex(lan), .up = if_nametoindex(up), .mif = (uint16_t)(2 * slot)};
	if (!mld->lan || !mld->up)
		return -ENODEV;
	rc = route_get(route);
	if (rc)
		return rc;
	mld->route = route;
	mld->group = calloc(LAN_MLD_GROUPS, sizeof(*mld->group));
	mld->routes = calloc(LAN_MLD_ROUTES, sizeof(*mld->routes));
	rc = mld->group && mld->routes ? sockets_open(mld, lan) : -ENOMEM;
	if (!rc) {
		rc = interfaces_add(mld);
		if (!rc)
			return 0;
		close(mld->fd);
		close(mld->joins);
	}
	give_back(mld);
	return rc;
}

void lan_mld_close(struct lan_mld *mld)
{
	if (!mld->route)
		return;
	for (uint32_t i = 0; i < mld->route_n; i++)
		forward(mld, &mld->routes[i], false);
	interfaces_del(mld);
	close(mld->fd);
	close(mld->joins);
	give_back(mld);
}

// ---- groups ----

static bool group_valid(const struct inet_addr *group)
{
	return inet_addr_valid(group) && group->family == AF_INET6 &&
		inet_addr_is_multicast(group) && (group->bytes[1] & 0xf) > 2;
}

// The membership has to be there before its filter is set. One that is there stays what it is.
static void join(const struct lan_mld *mld, const struct ipc_lan_group_set *cmd)
{
	struct sockaddr_in6 group = sockaddr(&cmd->group), source;
	struct group_req any = {.gr_interface = mld->up};
	struct group_source_req one = {.gsr_interface = mld->up};

	memcpy(&any.gr_group, &group, sizeof(group));
	memcpy(&one.gsr_group, &group, sizeof(group));
	if (!cmd->include) {
		SET(mld->joins, IPPROTO_IPV6, MCAST_JOIN_GROUP, any);
		return;
	}
	source = sockaddr(&cmd->source[0]);
	memcpy(&one.gsr_source, &source, sizeof(source));
	SET(mld->joins, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, one);
}

int lan_mld_group_set(struct lan_mld *mld, const struct ipc_lan_group_set *cmd)
{
	struct sockaddr_storage source[IPC_GROUP_SOURCES] = {};
	struct sockaddr_in6 group, one;

	if (!group_valid(&cmd->group) || cmd->include > 1 || cmd->source_n > IPC_GROUP_SOURCES ||
		(cmd->include && !cmd->source_n))
		return -EINVAL;
	for (uint32_t i = 0; i < cmd->source_n; i++) {
		if (!inet_addr_valid(&cmd->source[i]) || cmd->source[i].family != AF_INET6)
			return -EINVAL;
		one = sockaddr(&cmd->source[i]);
		memcpy(&source[i], &one, sizeof(one));
	}
	if (!mld->route)
		return -ENOTSUP;
	if (!wants(mld, &cmd->group) && mld->group_n == LAN_MLD_GROUPS)
		return -ENOSPC;
	group = sockaddr(&cmd->group);
	join(mld, cmd);
	if (setsourcefilter(mld->joins, mld->up, (struct sockaddr *)&group, sizeof(group),
		    cmd->include ? MCAST_INCLUDE : MCAST_EXCLUDE, cmd->source_n, source))
		return -errno;
	if (wants(mld, &cmd->group))
		return 0;
	mld->group[mld->group_n++] = cmd->group;
	forward_group(mld, &cmd->group);
	return 0;
}

int lan_mld_group_del(struct lan_mld *mld, const struct ipc_lan_group_del *cmd)
{
	struct sockaddr_in6 group = sockaddr(&cmd->group);
	struct group_req any = {.gr_interface = mld->up};

	if (!group_valid(&cmd->group))
		return -EINVAL;
	if (!mld->route || !wants(mld, &cmd->group))
		return -ENOENT;
	memcpy(&any.gr_group, &group, sizeof(group));
	for (uint32_t i = 0; i < mld->group_n; i++)
		if (inet_addr_equal(&mld->group[i], &cmd->group))
			mld->group[i--] = mld->group[--mld->group_n];
	forward_group(mld, &cmd->group);
	return SET(mld->joins, IPPROTO_IPV6, MCAST_LEAVE_GROUP, any) ? -ENOENT : 0;
}

// ---- messages ----

int lan_mld_query(struct lan_mld *mld, const struct ipc_lan_query *cmd)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
		.sin6_addr = {{{0xff, 0x02, [15] = 1}}},
		.sin6_scope_id = mld->lan};
	uint8_t query[QUERY_BYTES] = {MLD_LISTENER_QUERY};

	if (cmd->max_response_ms >= 32768 || cmd->interval_s >= 128 ||
		(cmd->group.family && !group_valid(&cmd->group)))
		return -EINVAL;
	if (!mld->route)
		return -ENOTSUP;
	query[4] = (uint8_t)(cmd->max_response_ms >> 8);
	query[5] = (uint8_t)cmd->max_response_ms;
	if (cmd->group.family) {
		memcpy(query + 8, cmd->group.bytes, 16);
		memcpy(&to.sin6_addr, cmd->group.bytes, 16); // RFC 3810 section 5.1.15
	}
	query[24] = (uint8_t)(cmd->robustness & 7);
	query[25] = (uint8_t)cmd->interval_s;
	return sendto(mld->fd, query, sizeof(query), 0, (struct sockaddr *)&to, sizeof(to)) < 0
		? -errno
		: 0;
}

// Our link-local address, as the kernel chooses it for a query.
static struct inet_addr own_address(const struct lan_mld *mld)
{
	struct sockaddr_in6 all = {.sin6_family = AF_INET6,
		.sin6_port = 9,
		.sin6_addr = {{{0xff, 0x02, [15] = 1}}},
		.sin6_scope_id = mld->lan};
	socklen_t len = sizeof(all);
	struct inet_addr own = {};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return own;
	if (!connect(fd, (struct sockaddr *)&all, sizeof(all)) &&
		!getsockname(fd, (struct sockaddr *)&all, &len))
		own = inet_addr_v6(all.sin6_addr.s6_addr);
	close(fd);
	return own;
}

// RFC 2711, as the kernel hands the options over.
static bool has_alert(const uint8_t *opt, size_t len)
{
	for (size_t i = 2; i + 1 < len; i += opt[i] ? 2u + opt[i + 1] : 1u)
		if (opt[i] == 5)
			return true;
	return false;
}

// The headers as control's parser knows them; the checksum the kernel has looked at.
static size_t headers_write(uint8_t *packet, const struct msghdr *msg, size_t icmp_len)
{
	const struct sockaddr_in6 *from = msg->msg_name;
	struct in6_pktinfo to = {};
	int hops = 0;
	bool alert = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
		else if (c->cmsg_type == IPV6_PKTINFO)
			memcpy(&to, CMSG_DATA(c), sizeof(to));
		else if (c->cmsg_type == IPV6_HOPOPTS)
			alert = has_alert(CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	}
	memset(packet, 0, HEADERS);
	packet[0] = 0x60;
	packet[4] = (uint8_t)((icmp_len + 8) >> 8);
	packet[5] = (uint8_t)(icmp_len + 8);
	packet[6] = IPPROTO_HOPOPTS;
	packet[7] = (uint8_t)hops;
	memcpy(packet + 8, &from->sin6_addr, 16);
	memcpy(packet + 24, &to.ipi6_addr, 16);
	memcpy(packet + 40, alert ? "\x3a\0\5\2\0\0\1" : "\x3a\0\1\4\0\0\0", 8);
	return HEADERS + icmp_len;
}

size_t lan_mld_read(struct lan_mld *mld, uint8_t packet[LAN_MLD_PACKET_MAX], struct inet_addr *own)
{
	struct sockaddr_in6 from;
	struct iovec iov = {packet + HEADERS, LAN_MLD_PACKET_MAX - HEADERS};
	uint8_t control[512];
	struct msghdr msg = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = mld->route ? recvmsg(mld->fd, &msg, 0) : -1;

	if (n <= 0)
		return 0;
	*own = packet[HEADERS] == MLD_LISTENER_QUERY ? own_address(mld) : (struct inet_addr){};
	return headers_write(packet, &msg, (size_t)n);
}
