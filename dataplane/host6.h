// SPDX-License-Identifier: BSD-3-Clause
// What the host's kernel does with IPv6 on an interface, by its sysctls, and whether it forwards at
// all. Main thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// /proc/sys/net/ipv6/conf/IFACE/KEY; "all" and "default" are interfaces too. 0 or -errno.
int host6_set(const char *iface, const char *key, int value);
int host6_get(const char *iface, const char *key, int *value);

// IPv6 forwarding is the kernel's for all interfaces at once. Turned on with the first use, and off
// with the last one when it was us; meanwhile interfaces that accept router advertisements go on
// doing so. 0 or -errno.
int host6_forward_get(void);
void host6_forward_put(void);
