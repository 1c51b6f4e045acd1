// SPDX-License-Identifier: BSD-3-Clause
// Carries out control's commands to the main thread. Everything that comes is checked; what is wrong
// is counted and answered with an errno.
#include "main_commands.h"

#include "events.h"
#include "lan_mld.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

LOG_TYPE("seam");

#define COMMANDS_A_ROUND 32
#define LIST_MAX 64
#define EVENT_CELLS_SPARE 16

struct main_commands {
	struct plane *plane;
	struct seam_server *server;
	struct hostifs *hostifs;
	struct lans *lans;
	int epoll_fd; // of what the kernel tells
	struct event_queue *events;
	uint32_t generation; // of the connection that `events` belongs to
	uint8_t *msg; // RING_MSG_MAX bytes
};

static struct port *open_port(void *arg, const char *name, uint32_t mtu, char *why, size_t why_len)
{
	struct main_commands *c = arg;

	return plane_hostif_open(c->plane, name, (uint16_t)mtu, why, why_len);
}

static void close_port(void *arg, struct port *port)
{
	struct main_commands *c = arg;

	plane_hostif_close(c->plane, port);
}

static void tell_addr(void *arg, const struct ipc_hostif_addr_state *state)
{
	struct main_commands *c = arg;
	struct ring *ring = seam_server_ring(c->server, SEAM_EVENT);

	if (ring)
		event_put(c->events, ring, IPC_HOSTIF_ADDR, 0, 0, state, sizeof(*state));
}

static const struct hostif_ops hostif_ops = {
	.open = open_port, .close = close_port, .addr_state = tell_addr};

// Never in the way of answers.
static void punt_lan(void *arg, const struct ipc_punt_lan *punt, const uint8_t *packet)
{
	struct main_commands *c = arg;
	struct ring *ring = seam_server_ring(c->server, SEAM_EVENT);
	uint8_t msg[sizeof(*punt) + LAN_MLD_PACKET_MAX];

	if (!ring || ring_free_cells(ring) < 2 * EVENT_CELLS_SPARE) {
		c->plane->drops.n[ring ? DROP_PUNT_FULL : DROP_PUNT_NO_CONTROL]++;
		return;
	}
	memcpy(msg, punt, sizeof(*punt));
	memcpy(msg + sizeof(*punt), packet, punt->data_len);
	event_put(
		c->events, ring, IPC_PUNT_LAN, 0, 0, msg, (uint32_t)sizeof(*punt) + punt->data_len);
}

static int watch(void *arg, int fd)
{
	struct main_commands *c = arg;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static const struct lan_ops lan_ops = {.fd_add = watch, .mld = punt_lan};

struct main_commands *main_commands_new(
	struct plane *plane, struct seam_server *server, const char *hook)
{
	struct main_commands *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->plane = plane;
	c->server = server;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->events = event_queue_new();
	c->msg = aligned_alloc(64, RING_MSG_MAX);
	if (c->epoll_fd >= 0 && c->events && c->msg)
		c->hostifs = hostifs_new(hook, &hostif_ops, c);
	if (c->hostifs && !watch(c, hostifs_fd(c->hostifs)))
		c->lans = lans_new(&lan_ops, c);
	if (!c->lans) {
		main_commands_free(c);
		return NULL;
	}
	return c;
}

void main_commands_free(struct main_commands *c)
{
	if (!c)
		return;
	lans_free(c->lans);
	hostifs_free(c->hostifs);
	event_queue_free(c->events);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	free(c->msg);
	free(c);
}

void main_commands_reap(struct main_commands *c)
{
	hostifs_reap(c->hostifs);
}

int main_commands_fd(const struct main_commands *c)
{
	return c->epoll_fd;
}

uint64_t main_commands_next_us(const struct main_commands *c)
{
	return lans_next_us(c->lans);
}

void main_commands_event(struct main_commands *c, uint64_t now_us)
{
	hostifs_read(c->hostifs);
	c->plane->drops.n[DROP_LAN_BAD_RS] += lans_run(c->lans, now_us);
	seam_server_doorbell(c->server);
}

static void put(struct main_commands *c, const struct ipc_hdr *hdr, uint32_t type, int rc,
	const void *payload, uint32_t len)
{
	struct ring *ring = seam_server_ring(c->server, SEAM_EVENT);

	if (ring && hdr->id)
		event_put(c->events, ring, type, hdr->id, (uint32_t)-rc, payload, len);
}

static void ack(struct main_commands *c, const struct ipc_hdr *hdr, int rc)
{
	struct ipc_ack a = {.command = hdr->type};

	if (rc == -EINVAL || rc == -ENOTSUP || rc == -EMSGSIZE)
		c->plane->drops.n[DROP_COMMAND_BAD]++;
	put(c, hdr, IPC_ACK, rc, &a, sizeof(a));
}

static bool port_item(struct main_commands *c, uint32_t i, void *out, uint64_t now_us)
{
	(void)now_us;
	for (uint32_t k = 0; k < PORT_MAX; k++) {
		if (c->plane->port[k].device_id == PORT_NO_DEVICE || i--)
			continue;
		port_info(&c->plane->port[k], out);
		return true;
	}
	return false;
}

static bool neigh_item(struct main_commands *c, uint32_t i, void *out, uint64_t now_us)
{
	return neigh_info(c->plane->neigh, i, out, now_us);
}

static void route_fill(struct ipc_route_info *out, const struct port *port)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->port, sizeof(out->port), "%s", port->name);
	out->table = port->role == CONFIG_PORT_OUTER ? 0 : 1;
	out->kind = 100; // a next hop on a port
}

// Connected prefixes first, then the static routes.
static bool route_item(struct main_commands *c, uint32_t i, void *out_item, uint64_t now_us)
{
	struct ipc_route_info *out = out_item;
	const struct config_dataplane *config = c->plane->config;

	(void)now_us;
	for (uint32_t p = 0; p < config->port_n; p++) {
		const struct port *port = &c->plane->port[p];

		for (uint32_t k = 0; k < port->addr_n; k++) {
			if (i--)
				continue;
			route_fill(out, port);
			out->prefix = (struct inet_prefix){
				.addr = port->addr[k].addr, .len = port->addr[k].len};
			inet_prefix_normalize(&out->prefix);
			return true;
		}
	}
	if (i >= config->route_n)
		return false;
	for (uint32_t p = 0; p < config->port_n; p++) {
		if (!strcmp(c->plane->port[p].name, config->route[i].port))
			route_fill(out, &c->plane->port[p]);
	}
	out->table = config->route[i].table == CONFIG_PORT_OUTER ? 0 : 1;
	out->prefix = config->route[i].prefix;
	out->via = config->route[i].via;
	return true;
}

// Answers from `from` on, as many as there is room for; the ACK says EAGAIN when there are more.
static void list(struct main_commands *c, const struct ipc_hdr *hdr, const struct ipc_list *cmd,
	uint32_t type, uint32_t len,
	bool (*item)(struct main_commands *c, uint32_t i, void *out, uint64_t now_us),
	uint64_t now_us)
{
	struct ring *ring = seam_server_ring(c->server, SEAM_EVENT);
	uint32_t max = cmd->max < LIST_MAX ? cmd->max : LIST_MAX;
	union {
		struct ipc_port_info port;
		struct ipc_neigh_info neigh;
		struct ipc_route_info route;
	} info;

	for (uint32_t i = 0; i < max; i++) {
		if (!ring || ring_free_cells(ring) < EVENT_CELLS_SPARE)
			break;
		if (!item(c, cmd->from + i, &info, now_us)) {
			ack(c, hdr, 0);
			return;
		}
		put(c, hdr, type, 0, &info, len);
	}
	ack(c, hdr, -EAGAIN);
}

static int set_hostif(struct main_commands *c, const struct ipc_hostif_set *cmd)
{
	int rc = hostif_set(c->hostifs, cmd);

	if (rc)
		return rc;
	for (uint32_t i = CONFIG_PORTS; i < PORT_MAX; i++) {
		struct port *port = &c->plane->port[i];

		if (port->device_id == PORT_NO_DEVICE || strcmp(port->name, cmd->name))
			continue;
		// What the workers choose an interface by, when there are several.
		port->addr_n = 0;
		for (uint32_t k = 0; k < cmd->addr_n && port->addr_n < PORT_ADDRS; k++)
			port->addr[port->addr_n++] = (struct config_ifaddr){
				.addr = cmd->addr[k].addr, .len = cmd->addr[k].prefix_len};
		rc = port_mtu_set(port, (uint16_t)cmd->mtu);
		plane_port_changed(c->plane, port);
	}
	return rc;
}

static void run(
	struct main_commands *c, const struct ipc_hdr *hdr, const void *payload, uint64_t now_us)
{
	switch (hdr->type) {
	case IPC_HOSTIF_SET:
		ack(c, hdr, set_hostif(c, payload));
		break;
	case IPC_HOSTIF_DEL:
		ack(c, hdr, hostif_del(c->hostifs, payload));
		break;
	case IPC_LAN_SET:
		ack(c, hdr, lan_set(c->lans, payload, now_us));
		break;
	case IPC_LAN_DEL:
		ack(c, hdr, lan_del(c->lans, payload, now_us));
		break;
	case IPC_LAN_GROUP_SET:
		ack(c, hdr, lan_group_set(c->lans, payload));
		break;
	case IPC_LAN_GROUP_DEL:
		ack(c, hdr, lan_group_del(c->lans, payload));
		break;
	case IPC_LAN_QUERY:
		ack(c, hdr, lan_query(c->lans, payload));
		break;
	case IPC_PORT_LIST:
		list(c, hdr, payload, IPC_PORT_INFO, sizeof(struct ipc_port_info), port_item,
			now_us);
		break;
	case IPC_NEIGH_LIST:
		list(c, hdr, payload, IPC_NEIGH_INFO, sizeof(struct ipc_neigh_info), neigh_item,
			now_us);
		break;
	case IPC_ROUTE_LIST:
		list(c, hdr, payload, IPC_ROUTE_INFO, sizeof(struct ipc_route_info), route_item,
			now_us);
		break;
	case IPC_PING:
		ack(c, hdr, 0);
		break;
	default:
		ack(c, hdr, -ENOTSUP);
	}
}

uint32_t main_commands_drain(struct main_commands *c, uint64_t now_us)
{
	struct ring *command = seam_server_ring(c->server, SEAM_COMMAND);
	struct ring *event = seam_server_ring(c->server, SEAM_EVENT);
	uint32_t done = 0;

	if (!command)
		return 0;
	if (c->generation != seam_server_generation(c->server)) {
		c->generation = seam_server_generation(c->server);
		event_queue_reset(c->events);
	}
	while (done < COMMANDS_A_ROUND && event_flush(c->events, event)) {
		struct ipc_hdr hdr;
		int rc, len = ring_get(command, c->msg, RING_MSG_MAX);

		if (len <= 0)
			break;
		memcpy(&hdr, c->msg, sizeof(hdr));
		rc = ipc_check(c->msg, (size_t)len, true);
		if (rc)
			ack(c, &hdr, rc == -EMSGSIZE ? rc : -EINVAL);
		else
			run(c, &hdr, c->msg + sizeof(hdr), now_us);
		c->plane->stats.commands++;
		done++;
	}
	c->plane->stats.ring_faults = command->faults + event->faults;
	if (done)
		seam_server_doorbell(c->server);
	return done;
}
