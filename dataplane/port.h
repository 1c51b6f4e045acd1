// SPDX-License-Identifier: BSD-3-Clause
// Ports: what the configuration calls a port, opened as a DPDK device. Made and destroyed by the
// main thread; a worker reads a port from the message that announces it to the one that takes it
// away.
#pragma once

#include "config.h"
#include "ipc_msg.h"

#include <rte_mempool.h>

#include <stdbool.h>
#include <stdint.h>

#define PORT_HOSTIFS 8 // interfaces of the host (TUN) at a time
#define PORT_MAX (CONFIG_PORTS + PORT_HOSTIFS)
#define PORT_ADDRS (CONFIG_PORT_ADDRS + 1) // with the link-local one that we form
#define PORT_NO_DEVICE UINT16_MAX // tests and benchmarks: nobody polls, the caller drains tx

struct port {
	char name[CONFIG_NAME_MAX];
	char device[128]; // as configured
	char bus[8], vdev[64]; // DPDK's names of it
	char interface[16]; // the kernel's, with af_packet, tap and TUN
	uint16_t index; // in the dataplane
	uint16_t device_id; // DPDK's
	uint16_t queues; // workers below this have one to send by
	uint16_t rx_queues; // workers below this have one to receive from
	uint16_t mtu;
	uint16_t tx_max; // largest IP packet that may be sent by it: the MTU, or more with L3
	enum config_port_role role;
	bool l3; // packets start at the IP header (TUN)
	bool shared; // the host's kernel owns the addresses
	bool own_interface; // af_packet, not shared: the kernel's interface is ours alone
	bool kernel_peer; // af_packet: a kernel may be at the other end of the wire (veth)
	bool started;
	uint8_t mac[6];
	uint32_t addr_n;
	struct config_ifaddr addr[PORT_ADDRS];
};

// Bytes that an mbuf must hold so that every port of the configuration can receive into it.
uint16_t port_mbuf_room(const struct config_dataplane *config);

// Opens and starts the device with one queue pair per worker. 0, or -errno with the reason, as one
// line that names the port, in `why`. -ENODEV: the interface does not exist.
int port_open(struct port *port, const struct config_port *config, uint16_t index, uint32_t workers,
	struct rte_mempool *mbufs, char *why, size_t why_len);
// A TUN interface of the host with this name, made by net_tun.
int port_open_hostif(struct port *port, const char *name, uint16_t mtu, uint16_t index,
	uint32_t workers, struct rte_mempool *mbufs, char *why, size_t why_len);
// No worker may know it any more.
void port_close(struct port *port);
int port_mtu_set(struct port *port, uint16_t mtu); // 0 or -errno
bool port_link_up(const struct port *port);
void port_info(const struct port *port, struct ipc_port_info *out);
