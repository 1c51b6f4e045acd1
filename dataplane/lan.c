// SPDX-License-Identifier: BSD-3-Clause
// The host's side of a LAN: addresses by rtnetlink, forwarding, and a raw ICMPv6 socket bound to the
// interface that hears router solicitations and sends advertisements. What is said and when is
// lan_ra.c's, multicast lan_mld.c's. Main thread.
#include "lan.h"

#include "clock.h"
#include "host6.h"
#include "lan_mld.h"
#include "log.h"
#include "netif.h"
#include "rtnl.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

LOG_TYPE("lan");

#define LANS 4
#define READS_A_ROUND 32
#define AGAIN_US US_PER_S // when the interface cannot send
#define MTU_MIN 1280

struct lan {
	bool used;
	uint32_t ifindex;
	int fd;
	struct lan_ra ra;
	bool failed; // the last advertisement was not sent; said once
	struct lan_mld mld;
};

struct lans {
	int rtnl;
	const struct lan_ops *ops;
	void *arg;
	struct lan_mroute mroute;
	struct lan lan[LANS];
};

static uint32_t jitter(void)
{
	uint32_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = (uint32_t)clock_now_us();
	return value;
}

struct lans *lans_new(const struct lan_ops *ops, void *arg)
{
	struct lans *lans = calloc(1, sizeof(*lans));

	if (!lans)
		return NULL;
	lans->ops = ops;
	lans->arg = arg;
	lans->rtnl = rtnl_open();
	if (lans->rtnl < 0) {
		errno = -lans->rtnl;
		free(lans);
		return NULL;
	}
	return lans;
}

// ---- the socket ----

static int socket_options(int fd, const char *name, uint32_t ifindex)
{
	struct ipv6_mreq routers = {
		.ipv6mr_multiaddr = {{{0xff, 0x02, [15] = 2}}}, .ipv6mr_interface = ifindex};
	struct icmp6_filter filter;
	int on = 1, off = 0, hops = 255, index = (int)ifindex;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
#define SET(level, option, value) setsockopt(fd, level, option, &(value), sizeof(value))
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) ||
		SET(IPPROTO_ICMPV6, ICMP6_FILTER, filter) ||
		SET(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on) ||
		SET(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) ||
		SET(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, off) ||
		SET(IPPROTO_IPV6, IPV6_MULTICAST_IF, index) ||
		SET(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, routers))
		return -errno;
#undef SET
	return 0;
}

static int socket_open(struct lans *lans, const char *name, uint32_t ifindex)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	int rc;

	if (fd < 0)
		return -errno;
	rc = socket_options(fd, name, ifindex);
	if (!rc)
		rc = lans->ops->fd_add(lans->arg, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static void advertise(struct lan *lan, bool end, uint64_t now_us)
{
	struct sockaddr_in6 all = {.sin6_family = AF_INET6,
		.sin6_addr = {{{0xff, 0x02, [15] = 1}}},
		.sin6_scope_id = lan->ifindex};
	uint8_t msg[RA_BYTES_MAX];
	size_t len = lan_ra_build(&lan->ra, end, now_us, msg);

	// The kernel fills in source (link-local, for a link-local group) and checksum.
	if (sendto(lan->fd, msg, len, 0, (struct sockaddr *)&all, sizeof(all)) == (ssize_t)len) {
		lan_ra_sent(&lan->ra, jitter(), now_us);
		lan->failed = false;
		return;
	}
	if (!lan->failed)
		LOG(WARN, "%s: no router advertisement sent: %s", lan->ra.set.name,
			strerror(errno));
	lan->failed = true;
	lan->ra.next_us = now_us + AGAIN_US;
}

// True: a good one; false: there is none, or *bad counts one more.
static bool solicitation_read(struct lan *lan, bool *more, uint32_t *bad)
{
	uint8_t data[512], control[128];
	struct sockaddr_in6 from;
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(lan->fd, &msg, 0);
	struct inet_addr src;
	int hop_limit = 0;

	*more = n >= 0;
	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hop_limit, CMSG_DATA(c), sizeof(hop_limit));
	src = inet_addr_v6(from.sin6_addr.s6_addr);
	if (!(msg.msg_flags & MSG_TRUNC) && lan_rs_good(data, (size_t)n, hop_limit, &src))
		return true;
	++*bad;
	return false;
}

static uint32_t solicitations_take(struct lan *lan, uint64_t now_us)
{
	uint32_t bad = 0;
	bool more = true;

	for (int i = 0; i < READS_A_ROUND && more; i++)
		if (solicitation_read(lan, &more, &bad))
			lan_ra_solicited(&lan->ra, jitter(), now_us);
	return bad;
}

// ---- multicast ----

// As the command says; what cannot be had is said once, and the LAN is served without.
static void mld_apply(struct lans *lans, struct lan *lan, const struct ipc_lan_set *set)
{
	int rc = 0;

	if (lan->mld.route && !strcmp(lan->ra.set.upstream, set->upstream))
		return;
	lan_mld_close(&lan->mld);
	if (!set->upstream[0])
		return;
	rc = lan_mld_open(
		&lan->mld, &lans->mroute, set->name, set->upstream, (uint32_t)(lan - lans->lan));
	if (!rc)
		rc = lans->ops->fd_add(lans->arg, lan->mld.fd);
	if (!rc && lans->mroute.users == 1)
		rc = lans->ops->fd_add(lans->arg, lans->mroute.fd);
	if (!rc)
		return;
	lan_mld_close(&lan->mld);
	LOG(WARN, "LAN %s: no multicast: %s", set->name, strerror(-rc));
}

static void routes_take(struct lans *lans)
{
	struct lan_mld_route asked;
	uint32_t mif;

	for (int i = 0; i < READS_A_ROUND && lan_mroute_read(&lans->mroute, &mif, &asked); i++)
		for (size_t k = 0; k < LANS; k++)
			lan_mld_asked(&lans->lan[k].mld, mif, &asked);
}

static void mld_take(struct lans *lans, struct lan *lan)
{
	uint8_t packet[LAN_MLD_PACKET_MAX];
	struct ipc_punt_lan punt = {};
	size_t len = 1;

	memcpy(punt.name, lan->ra.set.name, sizeof(punt.name));
	for (int i = 0; i < READS_A_ROUND && len; i++) {
		len = lan_mld_read(&lan->mld, packet, &punt.own);
		punt.data_len = (uint32_t)len;
		if (len)
			lans->ops->mld(lans->arg, &punt, packet);
	}
}

// ---- addresses ----

static int change_addr(
	struct lans *lans, const struct lan *lan, const struct inet_prefix *prefix, bool add)
{
	struct rtnl_addr own = {.addr = prefix->addr, .prefix_len = prefix->len, .nodad = true};

	own.addr.bytes[15] |= 1;
	return add ? rtnl_addr_add(lans->rtnl, lan->ifindex, &own)
		   : rtnl_addr_del(lans->rtnl, lan->ifindex, &own);
}

static bool has_prefix(const struct ipc_lan_set *set, const struct inet_prefix *prefix)
{
	for (uint32_t i = 0; i < set->prefix_n; i++)
		if (inet_prefix_equal(&set->prefix[i], prefix))
			return true;
	return false;
}

// From what is there to what is asked for.
static int addrs_apply(struct lans *lans, const struct lan *lan, const struct ipc_lan_set *set)
{
	const struct ipc_lan_set *old = &lan->ra.set;
	int rc = 0;

	for (uint32_t i = 0; i < set->prefix_n && !rc; i++)
		rc = change_addr(lans, lan, &set->prefix[i], true);
	for (uint32_t i = 0; i < old->prefix_n; i++)
		if (!has_prefix(set, &old->prefix[i]))
			change_addr(lans, lan, &old->prefix[i], false);
	return rc;
}

// ---- commands ----

static bool terminated(const char *text, size_t size)
{
	return text[0] && memchr(text, '\0', size);
}

static bool set_valid(const struct ipc_lan_set *cmd)
{
	if (!terminated(cmd->name, sizeof(cmd->name)) || strlen(cmd->name) >= IFNAMSIZ ||
		!memchr(cmd->upstream, '\0', sizeof(cmd->upstream)) ||
		!memchr(cmd->domain, '\0', sizeof(cmd->domain)) ||
		cmd->prefix_n > IPC_LAN_PREFIXES || cmd->dns_n > IPC_HOSTIF_DNS ||
		(cmd->mtu && (cmd->mtu < MTU_MIN || cmd->mtu > UINT16_MAX)))
		return false;
	for (uint32_t i = 0; i < cmd->prefix_n; i++) {
		struct inet_prefix prefix = cmd->prefix[i];

		if (!inet_prefix_valid(&prefix) || prefix.addr.family != AF_INET6 ||
			prefix.len != 64 || inet_addr_is_multicast(&prefix.addr) ||
			inet_addr_is_link_local(&prefix.addr))
			return false;
		inet_prefix_normalize(&prefix);
		if (!inet_prefix_equal(&prefix, &cmd->prefix[i]))
			return false;
	}
	for (uint32_t i = 0; i < cmd->dns_n; i++)
		if (!inet_addr_valid(&cmd->dns[i]))
			return false;
	return true;
}

static struct lan *find(struct lans *lans, const char *name)
{
	for (size_t i = 0; i < LANS; i++)
		if (lans->lan[i].used && !strcmp(lans->lan[i].ra.set.name, name))
			return &lans->lan[i];
	return NULL;
}

static int make(struct lans *lans, const char *name, struct lan **out)
{
	struct lan *lan = lans->lan;
	int rc;

	while (lan < lans->lan + LANS && lan->used)
		lan++;
	if (lan == lans->lan + LANS)
		return -ENOSPC;
	*lan = (struct lan){.ifindex = if_nametoindex(name), .fd = -1};
	if (!lan->ifindex)
		return -ENODEV;
	rc = netif_mac(name, lan->ra.mac);
	if (!rc)
		rc = host6_forward_get();
	if (rc)
		return rc;
	lan->fd = socket_open(lans, name, lan->ifindex);
	if (lan->fd < 0) {
		host6_forward_put();
		return lan->fd;
	}
	lan->used = true;
	*out = lan;
	return 0;
}

static void discard(struct lan *lan)
{
	lan_mld_close(&lan->mld);
	close(lan->fd);
	host6_forward_put();
	lan->used = false;
}

static void unmake(struct lans *lans, struct lan *lan, uint64_t now_us)
{
	static const struct ipc_lan_set nothing;

	advertise(lan, true, now_us);
	addrs_apply(lans, lan, &nothing);
	discard(lan);
	LOG(INFO, "LAN %s is not served any more", lan->ra.set.name);
}

int lan_set(struct lans *lans, const struct ipc_lan_set *cmd, uint64_t now_us)
{
	struct lan *lan;
	int rc = 0;

	if (!set_valid(cmd))
		return -EINVAL;
	lan = find(lans, cmd->name);
	if (!lan) {
		rc = make(lans, cmd->name, &lan);
		if (rc) {
			LOG(ERR, "LAN %s: %s", cmd->name, strerror(-rc));
			return rc;
		}
		LOG(INFO, "LAN %s is served", cmd->name);
	} else if (!memcmp(&lan->ra.set, cmd, sizeof(*cmd))) {
		return 0;
	}
	rc = addrs_apply(lans, lan, cmd);
	if (rc) {
		// What was there goes on; a new one has nothing to say yet.
		LOG(ERR, "LAN %s: %s", cmd->name, strerror(-rc));
		if (!lan->ra.set.name[0])
			discard(lan);
		return rc;
	}
	mld_apply(lans, lan, cmd);
	lan_ra_set(&lan->ra, cmd, now_us);
	return 0;
}

int lan_del(struct lans *lans, const struct ipc_lan_del *cmd, uint64_t now_us)
{
	struct lan *lan;

	if (!terminated(cmd->name, sizeof(cmd->name)))
		return -EINVAL;
	lan = find(lans, cmd->name);
	if (!lan)
		return -ENOENT;
	unmake(lans, lan, now_us);
	return 0;
}

int lan_group_set(struct lans *lans, const struct ipc_lan_group_set *cmd)
{
	struct lan *lan = terminated(cmd->name, sizeof(cmd->name)) ? find(lans, cmd->name) : NULL;

	return lan ? lan_mld_group_set(&lan->mld, cmd) : -ENOENT;
}

int lan_group_del(struct lans *lans, const struct ipc_lan_group_del *cmd)
{
	struct lan *lan = terminated(cmd->name, sizeof(cmd->name)) ? find(lans, cmd->name) : NULL;

	return lan ? lan_mld_group_del(&lan->mld, cmd) : -ENOENT;
}

int lan_query(struct lans *lans, const struct ipc_lan_query *cmd)
{
	struct lan *lan = terminated(cmd->name, sizeof(cmd->name)) ? find(lans, cmd->name) : NULL;

	return lan ? lan_mld_query(&lan->mld, cmd) : -ENOENT;
}

void lans_free(struct lans *lans)
{
	if (!lans)
		return;
	for (size_t i = 0; i < LANS; i++)
		if (lans->lan[i].used)
			unmake(lans, &lans->lan[i], clock_now_us());
	close(lans->rtnl);
	free(lans);
}

uint64_t lans_next_us(const struct lans *lans)
{
	uint64_t next_us = CLOCK_NEVER;

	for (size_t i = 0; i < LANS; i++)
		if (lans->lan[i].used && lans->lan[i].ra.next_us < next_us)
			next_us = lans->lan[i].ra.next_us;
	return next_us;
}

uint32_t lans_run(struct lans *lans, uint64_t now_us)
{
	uint32_t bad = 0;

	routes_take(lans);
	for (size_t i = 0; i < LANS; i++) {
		struct lan *lan = &lans->lan[i];

		if (!lan->used)
			continue;
		bad += solicitations_take(lan, now_us);
		mld_take(lans, lan);
		if (lan->ra.next_us <= now_us)
			advertise(lan, false, now_us);
	}
	return bad;
}
