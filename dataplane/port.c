// SPDX-License-Identifier: BSD-3-Clause
// Opens, starts and closes DPDK devices for ports. Main thread.
#include "port.h"

#include "guard.h"
#include "log.h"
#include "netif.h"
#include "rtnl.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("port");

#define FRAME_MIN                                                                                  \
	2048 // bytes of an af_packet frame; holds 1982 of the packet with its Ethernet header
#define FRAME_OVERHEAD 128 // what af_packet puts before a packet in its frame, rounded up
#define RING_BYTES (4u << 20) // of an af_packet ring
#define DESCRIPTORS 1024
#define TAP_DESCRIPTORS 64 // net_tap holds so many mbufs in reserve
#define HOSTIF_QUEUE 4096 // a TCP slow start overruns the kernel's default of 500 by thousands
#define TAP_QUEUES 16 // RTE_PMD_TAP_MAX_QUEUES

static uint32_t frame_bytes(uint32_t mtu)
{
	uint32_t need = mtu + RTE_ETHER_HDR_LEN + FRAME_OVERHEAD;

	return need <= FRAME_MIN ? FRAME_MIN : rte_align32pow2(need);
}

uint16_t port_mbuf_room(const struct config_dataplane *config)
{
	uint32_t room = FRAME_MIN;

	for (uint32_t i = 0; i < config->port_n; i++)
		room = RTE_MAX(room, frame_bytes(config->port[i].mtu));
	return (uint16_t)(room + RTE_PKTMBUF_HEADROOM);
}

static int fail(char *why, size_t why_len, const struct port *port, int rc, const char *text)
{
	snprintf(why, why_len, "port %s: %s%s%s", port->name, text, rc == -ENODEV ? "" : ": ",
		rc == -ENODEV ? "" : strerror(-rc));
	return rc;
}

// What DPDK has to be told: bus, name and arguments of the device.
struct probe {
	const char *bus;
	char name[64];
	char args[256];
};

static int probe_af_packet(struct port *port, uint32_t workers, struct probe *p)
{
	uint32_t frame = frame_bytes(port->mtu);
	uint32_t block = RTE_MAX(frame, 1u << 16);

	p->bus = "vdev";
	snprintf(p->name, sizeof(p->name), "net_af_packet%u", port->index);
	snprintf(p->args, sizeof(p->args), "iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u",
		port->interface, workers, frame, block, RING_BYTES / frame);
	port->own_interface = !port->shared;
	port->kernel_peer = true;
	return 0;
}

static int probe_make(
	struct port *port, uint32_t workers, struct probe *p, char *why, size_t why_len)
{
	const char *colon = strchr(port->device, ':');
	const char *arg = colon ? colon + 1 : "";

	if (!strncmp(port->device, "af_packet:", 10)) {
		snprintf(port->interface, sizeof(port->interface), "%.15s", arg);
		if (!netif_exists(arg)) {
			snprintf(why, why_len, "port %s: interface %s does not exist", port->name,
				arg);
			return -ENODEV;
		}
		return probe_af_packet(port, workers, p);
	}
	if (!strncmp(port->device, "tap:", 4)) {
		snprintf(port->interface, sizeof(port->interface), "%.15s", arg);
		p->bus = "vdev";
		snprintf(p->name, sizeof(p->name), "net_tap%u", port->index);
		snprintf(p->args, sizeof(p->args), "iface=%s", port->interface);
		return 0;
	}
	if (!strncmp(port->device, "pci:", 4)) {
		p->bus = "pci";
		snprintf(p->name, sizeof(p->name), "%s", arg);
		return 0;
	}
	if (!strncmp(port->device, "vdev:", 5)) {
		size_t name_len = strcspn(arg, ",");

		p->bus = "vdev";
		snprintf(p->name, sizeof(p->name), "%.*s", (int)name_len, arg);
		snprintf(p->args, sizeof(p->args), "%s", arg[name_len] ? arg + name_len + 1 : "");
		return 0;
	}
	snprintf(why, why_len, "port %s: device %s is of no known kind", port->name, port->device);
	return -EINVAL;
}

static int device_start(
	struct port *port, uint32_t workers, struct rte_mempool *mbufs, uint16_t descriptors)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint16_t rxd = descriptors, txd = descriptors;
	uint16_t rx_queues = (uint16_t)workers;
	uint64_t rss = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_ESP;
	int rc = rte_eth_dev_info_get(port->device_id, &info);

	if (rc)
		return rc;
	if (info.max_tx_queues < workers || !info.max_rx_queues)
		return -ENOSPC; // each worker sends by a queue of its own
	rx_queues = RTE_MIN(rx_queues, info.max_rx_queues);
	if (port->l3 || !strncmp(port->vdev, "net_tap", 7))
		rx_queues = (uint16_t)workers; // the driver wants as many as for sending
	if (rx_queues > 1 && info.flow_type_rss_offloads & rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & rss;
	}
	rc = rte_eth_dev_configure(port->device_id, rx_queues, (uint16_t)workers, &conf);
	if (rc)
		return rc;
	rte_eth_dev_adjust_nb_rx_tx_desc(port->device_id, &rxd, &txd);
	for (uint16_t q = 0; q < rx_queues && !rc; q++)
		rc = rte_eth_rx_queue_setup(port->device_id, q, rxd,
			rte_eth_dev_socket_id(port->device_id), NULL, mbufs);
	for (uint16_t q = 0; q < workers && !rc; q++)
		rc = rte_eth_tx_queue_setup(
			port->device_id, q, txd, rte_eth_dev_socket_id(port->device_id), NULL);
	if (rc)
		return rc;
	port->queues = (uint16_t)workers;
	port->rx_queues = rx_queues;
	return rte_eth_dev_start(port->device_id);
}

// The MTU of a device that the kernel does not own; af_packet refuses more than 1500 here though it
// can receive it, and its interface was set by netif_take(). The MTU of an interface of the host is set
// by rtnetlink; it takes larger packets, as hosts do, since the other end of a link may reckon
// otherwise than we, up to what net_tun can send.
static int mtu_set(struct port *port)
{
	int rc;

	port->tx_max = port->l3 ? RTE_ETHER_MTU : port->mtu;
	if (port->l3 || (port->interface[0] && strncmp(port->device, "tap:", 4)))
		return 0;
	rc = rte_eth_dev_set_mtu(port->device_id, port->mtu);
	return rc == -ENOTSUP && port->mtu <= RTE_ETHER_MTU ? 0 : rc;
}

int port_mtu_set(struct port *port, uint16_t mtu)
{
	port->mtu = mtu;
	return mtu_set(port);
}

// RFC 4291 appendix A: modified EUI-64.
static void link_local_add(struct port *port)
{
	uint8_t iid[8] = {port->mac[0] ^ 2, port->mac[1], port->mac[2], 0xff, 0xfe, port->mac[3],
		port->mac[4], port->mac[5]};

	for (uint32_t i = 0; i < port->addr_n; i++) {
		if (inet_addr_is_link_local(&port->addr[i].addr) &&
			port->addr[i].addr.family == AF_INET6)
			return;
	}
	if (port->addr_n < PORT_ADDRS)
		port->addr[port->addr_n++] =
			(struct config_ifaddr){.addr = inet_addr_link_local(iid), .len = 64};
}

// Starting the device sets the interface up, and the kernel would form a link-local address of its
// own at once: the interface ID was negotiated.
static int hostif_prepare(const struct port *port)
{
	struct rtnl_link down = {.mtu = port->mtu, .manual_addresses = true};
	int fd = rtnl_open();
	int rc = fd < 0 ? fd : rtnl_link_set(fd, if_nametoindex(port->interface), &down);

	if (fd >= 0)
		close(fd);
	return rc ? rc : netif_queue_set(port->interface, HOSTIF_QUEUE);
}

// net_tap gives the kernel's end of the wire the address that it says is ours: two hosts on one link
// cannot have the same one.
static void tap_mac_change(struct port *port)
{
	port->mac[5] ^= 1;
	rte_eth_promiscuous_enable(port->device_id);
}

static int device_open(struct port *port, const struct probe *probe, uint32_t workers,
	struct rte_mempool *mbufs, uint16_t descriptors, char *why, size_t why_len)
{
	struct rte_ether_addr mac;
	int rc = rte_eal_hotplug_add(probe->bus, probe->name, probe->args);

	if (rc)
		return fail(why, why_len, port, rc > 0 ? -EIO : rc, "device cannot be opened");
	snprintf(port->vdev, sizeof(port->vdev), "%s", probe->name);
	snprintf(port->bus, sizeof(port->bus), "%s", probe->bus);
	rc = rte_eth_dev_get_port_by_name(probe->name, &port->device_id);
	if (rc) {
		fail(why, why_len, port, rc = -ENOENT, "device has no Ethernet port");
		goto unplug;
	}
	if (port->l3 && (rc = hostif_prepare(port)) != 0) {
		fail(why, why_len, port, rc, "interface cannot be prepared");
		goto close;
	}
	rc = device_start(port, workers, mbufs, descriptors);
	if (rc) {
		fail(why, why_len, port, rc,
			rc == -ENOSPC ? "fewer queues than there are workers"
				      : "device cannot be started");
		goto close;
	}
	port->started = true;
	rc = mtu_set(port);
	if (rc) {
		fail(why, why_len, port, rc, "MTU refused");
		goto close;
	}
	if (!port->l3 && !rte_eth_macaddr_get(port->device_id, &mac))
		memcpy(port->mac, mac.addr_bytes, 6);
	if (!strncmp(port->device, "tap:", 4))
		tap_mac_change(port);
	// Solicited-node multicast; where the driver has no such switch the kernel's is set.
	rte_eth_allmulticast_enable(port->device_id);
	return 0;
close:
	if (port->started)
		rte_eth_dev_stop(port->device_id);
	rte_eth_dev_close(port->device_id);
unplug:
	rte_eal_hotplug_remove(probe->bus, probe->name);
	port->device_id = PORT_NO_DEVICE;
	port->started = false;
	return rc;
}

static int shared_prepare(const struct port *port, char *why, size_t why_len)
{
	int rc = guard_open();

	return rc ? fail(why, why_len, port, rc, "the host does not let go of IKE and ESP") : 0;
}

int port_open(struct port *port, const struct config_port *config, uint16_t index, uint32_t workers,
	struct rte_mempool *mbufs, char *why, size_t why_len)
{
	struct probe probe = {0};
	bool tap = !strncmp(config->device, "tap:", 4);
	int rc;

	*port = (struct port){.index = index,
		.device_id = PORT_NO_DEVICE,
		.role = config->role,
		.mtu = (uint16_t)config->mtu,
		.shared = config->shared,
		.addr_n = config->addr_n};
	snprintf(port->name, sizeof(port->name), "%s", config->name);
	snprintf(port->device, sizeof(port->device), "%s", config->device);
	memcpy(port->addr, config->addr, sizeof(config->addr));
	rc = probe_make(port, workers, &probe, why, why_len);
	if (!rc && port->own_interface) {
		rc = netif_take(port->interface, port->mtu);
		if (rc)
			fail(why, why_len, port, rc, "interface cannot be set up");
	}
	if (!rc && port->shared)
		rc = shared_prepare(port, why, why_len);
	if (!rc)
		rc = device_open(port, &probe, workers, mbufs, tap ? TAP_DESCRIPTORS : DESCRIPTORS,
			why, why_len);
	if (rc)
		return rc;
	if (!port->shared)
		link_local_add(port);
	LOG(INFO, "port %s: %s, %s, MTU %u, %u queues", port->name, port->device,
		port->role == CONFIG_PORT_OUTER ? "outer" : "inner", port->mtu, port->queues);
	return 0;
}

int port_open_hostif(struct port *port, const char *name, uint16_t mtu, uint16_t index,
	uint32_t workers, struct rte_mempool *mbufs, char *why, size_t why_len)
{
	struct probe probe = {.bus = "vdev"};

	*port = (struct port){.index = index,
		.device_id = PORT_NO_DEVICE,
		.role = CONFIG_PORT_INNER,
		.mtu = mtu,
		.l3 = true};
	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(port->device, sizeof(port->device), "tun:%s", name);
	snprintf(port->interface, sizeof(port->interface), "%.15s", name);
	snprintf(probe.name, sizeof(probe.name), "net_tun%u", index);
	snprintf(probe.args, sizeof(probe.args), "iface=%s", port->interface);
	return device_open(port, &probe, RTE_MIN(workers, (uint32_t)TAP_QUEUES), mbufs,
		TAP_DESCRIPTORS, why, why_len);
}

void port_close(struct port *port)
{
	if (port->device_id == PORT_NO_DEVICE)
		return;
	if (port->started)
		rte_eth_dev_stop(port->device_id);
	rte_eth_dev_close(port->device_id);
	rte_eal_hotplug_remove(port->bus, port->vdev);
	port->device_id = PORT_NO_DEVICE;
	port->started = false;
}

bool port_link_up(const struct port *port)
{
	struct rte_eth_link link;

	if (port->interface[0])
		return netif_running(port->interface);
	return port->device_id != PORT_NO_DEVICE &&
		!rte_eth_link_get_nowait(port->device_id, &link) &&
		link.link_status == RTE_ETH_LINK_UP;
}

void port_info(const struct port *port, struct ipc_port_info *out)
{
	struct rte_eth_stats stats = {0};

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", port->name);
	snprintf(out->device, sizeof(out->device), "%.63s", port->device);
	out->index = port->index;
	out->role = port->role;
	out->mtu = port->mtu;
	out->up = port_link_up(port);
	memcpy(out->mac, port->mac, 6);
	for (uint32_t i = 0; i < port->addr_n && out->addr_n < RTE_DIM(out->addr); i++)
		out->addr[out->addr_n++] = (struct ipc_hostif_addr){
			.addr = port->addr[i].addr, .prefix_len = port->addr[i].len};
	if (port->device_id != PORT_NO_DEVICE && !rte_eth_stats_get(port->device_id, &stats)) {
		out->rx_pkts = stats.ipackets;
		out->rx_bytes = stats.ibytes;
		out->tx_pkts = stats.opackets;
		out->tx_bytes = stats.obytes;
		out->rx_missed = stats.imissed;
		out->rx_errors = stats.ierrors + stats.rx_nombuf;
		out->tx_errors = stats.oerrors;
	}
}
