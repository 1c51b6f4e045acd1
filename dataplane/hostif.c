// SPDX-License-Identifier: BSD-3-Clause
// Interfaces of the host for a client's links. What control asks for comes from another process and
// is checked whole before anything is touched; what was set up is remembered, so that a second
// command changes differences only and an interface that goes takes everything with it. Main thread.
#include "hostif.h"

#include "host6.h"
#include "ifaddr.h"
#include "log.h"
#include "port.h"
#include "rtnl.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

LOG_TYPE("hostif");

#define HOOKS_MAX 16 // hook programs that run at a time

struct hostif {
	struct port *port; // NULL: free slot
	uint32_t ifindex;
	struct ipc_hostif_set set; // as carried out
	bool forwards; // we have asked for it
};

struct hostifs {
	const char *hook;
	const struct hostif_ops *ops;
	void *arg;
	int rtnl;
	int ifaddr; // what the kernel says of addresses
	struct hostif iface[PORT_HOSTIFS];
	pid_t hooks[HOOKS_MAX]; // 0: free
};

struct hostifs *hostifs_new(const char *hook, const struct hostif_ops *ops, void *arg)
{
	struct hostifs *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->hook = hook;
	h->ops = ops;
	h->arg = arg;
	h->rtnl = rtnl_open();
	h->ifaddr = h->rtnl < 0 ? h->rtnl : ifaddr_open();
	if (h->ifaddr < 0) {
		errno = -h->ifaddr;
		if (h->rtnl >= 0)
			close(h->rtnl);
		free(h);
		return NULL;
	}
	return h;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

// A name that the kernel takes and that means nothing to a shell or a path.
static bool name_valid(const char name[IPC_NAME_MAX])
{
	size_t len = strnlen(name, IPC_NAME_MAX);

	if (len == 0 || len >= IFNAMSIZ || !isalpha((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
			return false;
	return true;
}

// It ends in the environment of the hook: nothing but what domain names are made of, and the blanks
// between several.
static bool domain_valid(const char domain[IPC_DOMAIN_MAX])
{
	if (!terminated(domain, IPC_DOMAIN_MAX))
		return false;
	for (const char *c = domain; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("-_. ", *c) == NULL)
			return false;
	return true;
}

static bool set_valid(const struct ipc_hostif_set *cmd)
{
	if (!terminated(cmd->name, sizeof(cmd->name)) || !name_valid(cmd->name) ||
		!domain_valid(cmd->domain))
		return false;
	if (cmd->mtu < 68 || cmd->mtu > UINT16_MAX || cmd->addr_n > IPC_HOSTIF_ADDRS ||
		cmd->route_n > IPC_HOSTIF_ROUTES || cmd->dns_n > IPC_HOSTIF_DNS ||
		cmd->sntp_n > IPC_HOSTIF_SNTP)
		return false;
	for (uint32_t i = 0; i < cmd->addr_n; i++) {
		const struct ipc_hostif_addr *a = &cmd->addr[i];

		if (!inet_addr_valid(&a->addr) || inet_addr_is_multicast(&a->addr) ||
			a->prefix_len > inet_addr_bits(a->addr.family))
			return false;
		if (a->addr.family == AF_INET6 && cmd->mtu < 1280) // RFC 8200 section 5
			return false;
	}
	for (uint32_t i = 0; i < cmd->route_n; i++)
		if (!inet_prefix_valid(&cmd->route[i]))
			return false;
	for (uint32_t i = 0; i < cmd->dns_n; i++)
		if (!inet_addr_valid(&cmd->dns[i]))
			return false;
	for (uint32_t i = 0; i < cmd->sntp_n; i++)
		if (!inet_addr_valid(&cmd->sntp[i]))
			return false;
	return true;
}

static struct hostif *find(struct hostifs *h, const char *name)
{
	for (size_t i = 0; i < PORT_HOSTIFS; i++)
		if (h->iface[i].port != NULL && strcmp(h->iface[i].set.name, name) == 0)
			return &h->iface[i];
	return NULL;
}

static struct hostif *free_slot(struct hostifs *h)
{
	for (size_t i = 0; i < PORT_HOSTIFS; i++)
		if (h->iface[i].port == NULL)
			return &h->iface[i];
	return NULL;
}

static bool has_addr(const struct ipc_hostif_set *set, const struct ipc_hostif_addr *addr)
{
	for (uint32_t i = 0; i < set->addr_n; i++)
		if (inet_addr_equal(&set->addr[i].addr, &addr->addr) &&
			set->addr[i].prefix_len == addr->prefix_len)
			return true;
	return false;
}

static bool has_route(const struct ipc_hostif_set *set, const struct inet_prefix *route)
{
	for (uint32_t i = 0; i < set->route_n; i++)
		if (inet_prefix_equal(&set->route[i], route))
			return true;
	return false;
}

static int change_addr(
	struct hostifs *h, uint32_t ifindex, const struct ipc_hostif_addr *addr, bool add)
{
	// The kernel's own route for the prefix stays: all of the prefix is on this link.
	// A temporary address beside a link-local one makes no sense: there it says that those which
	// the kernel forms from router advertisements have one.
	struct rtnl_addr a = {.addr = addr->addr,
		.prefix_len = addr->prefix_len,
		.nodad = addr->nodad != 0,
		.managetemp = addr->temporary != 0 && addr->prefix_len == 64 &&
			!inet_addr_is_link_local(&addr->addr)};

	return add ? rtnl_addr_add(h->rtnl, ifindex, &a) : rtnl_addr_del(h->rtnl, ifindex, &a);
}

// A default route is set as its two halves: they win over the host's own default route without
// touching it, and leave nothing to restore.
static int change_route(
	struct hostifs *h, uint32_t ifindex, const struct inet_prefix *route, bool add)
{
	struct inet_prefix part = *route;
	int rc = 0;

	if (route->len > 0)
		return add ? rtnl_route_add(h->rtnl, ifindex, route)
			   : rtnl_route_del(h->rtnl, ifindex, route);
	part.len = 1;
	for (int half = 0; half < 2 && rc == 0; half++) {
		part.addr.bytes[0] = half == 0 ? 0 : 0x80;
		rc = add ? rtnl_route_add(h->rtnl, ifindex, &part)
			 : rtnl_route_del(h->rtnl, ifindex, &part);
	}
	return rc;
}

static bool wants_temporary(const struct ipc_hostif_set *set)
{
	for (uint32_t i = 0; i < set->addr_n; i++)
		if (set->addr[i].temporary != 0)
			return true;
	return false;
}

// Before the interface is up for the first time, so that nothing of a kernel's default is ever done
// on it. They vanish with it.
static int apply_settings(const struct ipc_hostif_set *old, const struct ipc_hostif_set *new)
{
	bool ra = (new->flags &IPC_HOSTIF_RA) != 0, dad = (new->flags &IPC_HOSTIF_DAD) != 0;
	bool old_dad = (old->flags & IPC_HOSTIF_DAD) != 0;
	bool temporary = wants_temporary(new);
	int rc = host6_set(new->name, "accept_ra", ra ? 2 : 0); // 2: though it forwards

	if (rc == 0)
		rc = host6_set(new->name, "autoconf", ra);
	if (rc == 0 && dad != old_dad)
		rc = host6_set(new->name, "accept_dad", dad ? 1 : -1);
	// Whatever the host does elsewhere: unasked for, an address is not routed to us (P3).
	if (rc == 0 && dad && !old_dad)
		rc = host6_set(new->name, "dad_transmits", 1);
	if (rc == 0 && temporary != wants_temporary(old))
		rc = host6_set(new->name, "use_tempaddr", temporary ? 2 : -1);
	// A kernel without IPv6, or one whose settings are read-only, does none of this anyway.
	return ra || dad || temporary ? rc : 0;
}

static int apply_forward(struct hostif *slot, bool forward)
{
	int rc = 0;

	if (forward == slot->forwards)
		return 0;
	if (forward)
		rc = host6_forward_get();
	else
		host6_forward_put();
	if (rc == 0)
		slot->forwards = forward;
	return rc;
}

// From `old` to `new`: what is new first, so that addresses never run out in between (the kernel
// takes an interface's IPv4 routes away with its last address).
static int apply(struct hostifs *h, uint32_t ifindex, const struct ipc_hostif_set *old,
	const struct ipc_hostif_set *new)
{
	struct rtnl_link link = {.up = true,
		.mtu = new->mtu,
		.manual_addresses = true,
		.arp = (new->flags &IPC_HOSTIF_DAD) != 0};
	int rc = apply_settings(old, new);

	if (rc == 0)
		rc = rtnl_link_set(h->rtnl, ifindex, &link);
	for (uint32_t i = 0; i < new->addr_n &&rc == 0; i++)
		if (!has_addr(old, &new->addr[i]))
			rc = change_addr(h, ifindex, &new->addr[i], true);
	for (uint32_t i = 0; i < old->route_n && rc == 0; i++)
		if (!has_route(new, &old->route[i]))
			rc = change_route(h, ifindex, &old->route[i], false);
	for (uint32_t i = 0; i < old->addr_n && rc == 0; i++)
		if (!has_addr(new, &old->addr[i]))
			rc = change_addr(h, ifindex, &old->addr[i], false);
	// All of them: a route whose source address went is gone with it.
	for (uint32_t i = 0; i < new->route_n &&rc == 0; i++)
		rc = change_route(h, ifindex, &new->route[i], true);
	return rc;
}

// A list behind its name. The length with the final zero.
static size_t put_addrs(
	char *text, size_t size, const char *name, const struct inet_addr *list, uint32_t n)
{
	char addr[INET_ADDR_STRLEN];
	size_t at = (size_t)snprintf(text, size, "%s", name);

	for (uint32_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i == 0 ? "" : " ",
			inet_addr_format(&list[i], addr));
	return at + 1;
}

static void hook_environment(
	const struct ipc_hostif_set *set, const char *event, char *env[], char *text, size_t size)
{
	size_t n = 0, at = 0;

#define ENV(...)                                                                                   \
	do {                                                                                       \
		env[n++] = text + at;                                                              \
		at += (size_t)snprintf(text + at, size - at, __VA_ARGS__) + 1;                     \
	} while (0)
	ENV("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	ENV("CAPONIER_EVENT=%s", event);
	ENV("CAPONIER_INTERFACE=%s", set->name);
	ENV("CAPONIER_MTU=%u", set->mtu);
	ENV("CAPONIER_DOMAIN=%s", set->domain);
#undef ENV
	env[n++] = text + at;
	at += put_addrs(text + at, size - at, "CAPONIER_DNS=", set->dns, set->dns_n);
	env[n++] = text + at;
	put_addrs(text + at, size - at, "CAPONIER_SNTP=", set->sntp, set->sntp_n);
	env[n] = NULL;
}

// Starts the hook program and does not wait for it: name service is not what packets wait for.
static void run_hook(struct hostifs *h, const struct ipc_hostif_set *set, const char *event)
{
	// Seven names of known length, a domain and two lists of addresses.
	char text[512 + IPC_DOMAIN_MAX + (IPC_HOSTIF_DNS + IPC_HOSTIF_SNTP) * INET_ADDR_STRLEN];
	char *env[8], *argv[] = {(char *)(uintptr_t)h->hook, NULL};
	posix_spawnattr_t attr;
	sigset_t none;
	size_t slot = 0;
	int rc;

	if (h->hook[0] == '\0')
		return;
	hostifs_reap(h);
	while (slot < HOOKS_MAX && h->hooks[slot] != 0)
		slot++;
	if (slot == HOOKS_MAX) {
		LOG(ERR, "hook %s not run for %s %s: %d of them have not ended yet", h->hook,
			set->name, event, HOOKS_MAX);
		return;
	}
	hook_environment(set, event, env, text, sizeof(text));
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(&h->hooks[slot], h->hook, NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	if (rc != 0) {
		h->hooks[slot] = 0;
		LOG(ERR, "hook %s cannot be run for %s %s: %s", h->hook, set->name, event,
			strerror(rc));
	}
}

void hostifs_reap(struct hostifs *h)
{
	for (size_t i = 0; i < HOOKS_MAX; i++) {
		int status;

		if (h->hooks[i] == 0 || waitpid(h->hooks[i], &status, WNOHANG) == 0)
			continue;
		h->hooks[i] = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			LOG(WARN, "hook %s: exit status %d", h->hook, WEXITSTATUS(status));
		else if (WIFSIGNALED(status))
			LOG(WARN, "hook %s: killed by signal %d", h->hook, WTERMSIG(status));
	}
}

static bool resolver_differs(const struct ipc_hostif_set *a, const struct ipc_hostif_set *b)
{
	return a->dns_n != b->dns_n || a->sntp_n != b->sntp_n ||
		strcmp(a->domain, b->domain) != 0 ||
		memcmp(a->dns, b->dns, a->dns_n * sizeof(a->dns[0])) != 0 ||
		memcmp(a->sntp, b->sntp, a->sntp_n * sizeof(a->sntp[0])) != 0;
}

static int make(struct hostifs *h, const struct ipc_hostif_set *cmd)
{
	static const struct ipc_hostif_set nothing;
	struct hostif *slot = free_slot(h);
	char why[256] = "";
	int rc;

	if (slot == NULL)
		return -ENOSPC;
	if (if_nametoindex(cmd->name) != 0) {
		LOG(ERR, "interface %s exists already and is not ours", cmd->name);
		return -EEXIST;
	}
	slot->port = h->ops->open(h->arg, cmd->name, cmd->mtu, why, sizeof(why));
	if (slot->port == NULL) {
		LOG(ERR, "interface %s: %s", cmd->name, why);
		return -ENODEV;
	}
	slot->ifindex = if_nametoindex(cmd->name);
	rc = slot->ifindex == 0 ? -ENODEV : apply(h, slot->ifindex, &nothing, cmd);
	if (rc == 0)
		rc = apply_forward(slot, (cmd->flags & IPC_HOSTIF_FORWARD) != 0);
	if (rc != 0) {
		LOG(ERR, "interface %s: %s", cmd->name, strerror(-rc));
		h->ops->close(h->arg, slot->port);
		slot->port = NULL;
		return rc;
	}
	slot->set = *cmd;
	ifaddr_ask(h->ifaddr);
	LOG(INFO, "interface %s is up, MTU %u, %u addresses, %u routes", cmd->name, cmd->mtu,
		cmd->addr_n, cmd->route_n);
	run_hook(h, cmd, "up");
	return 0;
}

static void unmake(struct hostifs *h, struct hostif *slot)
{
	// Addresses and routes go with the device.
	apply_forward(slot, false);
	h->ops->close(h->arg, slot->port);
	slot->port = NULL;
	LOG(INFO, "interface %s is gone", slot->set.name);
	run_hook(h, &slot->set, "down");
}

int hostif_set(struct hostifs *h, const struct ipc_hostif_set *cmd)
{
	struct hostif *slot;
	int rc;

	if (!set_valid(cmd))
		return -EINVAL;
	slot = find(h, cmd->name);
	if (slot == NULL)
		return make(h, cmd);
	rc = apply(h, slot->ifindex, &slot->set, cmd);
	if (rc == 0)
		rc = apply_forward(slot, (cmd->flags & IPC_HOSTIF_FORWARD) != 0);
	if (rc != 0) {
		// Half of the difference may have been carried out: the rest is found by trying again
		// from what is there, which add and delete tolerate.
		LOG(ERR, "interface %s: %s", cmd->name, strerror(-rc));
		return rc;
	}
	if (resolver_differs(&slot->set, cmd))
		run_hook(h, cmd, "up");
	slot->set = *cmd;
	ifaddr_ask(h->ifaddr); // who asks may be another control process than the first
	return 0;
}

static void on_ifaddr(void *arg, const struct ifaddr_event *event)
{
	struct hostifs *h = arg;
	struct ipc_hostif_addr_state state = {.addr = event->addr,
		.prefix_len = event->prefix_len,
		.event = (uint8_t)event->event};

	for (size_t i = 0; i < PORT_HOSTIFS; i++) {
		if (h->iface[i].port == NULL || h->iface[i].ifindex != event->ifindex)
			continue;
		memcpy(state.name, h->iface[i].set.name, sizeof(state.name));
		h->ops->addr_state(h->arg, &state);
	}
}

int hostifs_fd(const struct hostifs *h)
{
	return h->ifaddr;
}

void hostifs_read(struct hostifs *h)
{
	ifaddr_read(h->ifaddr, on_ifaddr, h);
}

int hostif_del(struct hostifs *h, const struct ipc_hostif_del *cmd)
{
	struct hostif *slot;

	if (!terminated(cmd->name, sizeof(cmd->name)))
		return -EINVAL;
	slot = find(h, cmd->name);
	if (slot == NULL)
		return -ENOENT;
	unmake(h, slot);
	return 0;
}

void hostifs_free(struct hostifs *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < PORT_HOSTIFS; i++)
		if (h->iface[i].port != NULL)
			unmake(h, &h->iface[i]);
	hostifs_reap(h);
	close(h->ifaddr);
	close(h->rtnl);
	free(h);
}
