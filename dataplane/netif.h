// SPDX-License-Identifier: BSD-3-Clause
// Interfaces of the kernel that ports use: what has to be read from them or set on them besides what
// the drivers do. Main thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool netif_exists(const char *name);
// Up, all multicast in (solicited-node addresses), and no receive offloads that would join packets
// into larger ones than were sent. For an interface that is ours alone. 0 or -errno.
int netif_take(const char *name, uint16_t mtu);
// How many packets the host may queue for it. 0 or -errno.
int netif_queue_set(const char *name, uint32_t packets);
int netif_mac(const char *name, uint8_t mac[6]); // 0 or -errno
bool netif_running(const char *name);
