// SPDX-License-Identifier: BSD-3-Clause
// The interface that a client's link has on the host: a TUN device with the addresses, routes and MTU
// that control asks for, there exactly as long as the link is (L12, L13; RFC 5739 section 5.1). Name
// servers and domain go to the hook program of the configuration. Main thread.
#pragma once

#include "ipc_msg.h"

#include <stddef.h>
#include <stdint.h>

struct port;

// The device itself is the port code's: opened and announced to the workers, taken from them and
// closed. `arg` goes to each.
struct hostif_ops {
	// NULL: `why` (one line) says the reason. The port is lent until close.
	struct port *(*open)(void *arg, const char *name, uint32_t mtu, char *why, size_t why_len);
	// When it returns no worker knows the port.
	void (*close)(void *arg, struct port *port);
	// What the kernel says of an address of one of the interfaces.
	void (*addr_state)(void *arg, const struct ipc_hostif_addr_state *state);
};

struct hostifs;

// `hook`: path of the program, "" none; lends all three. NULL and errno.
struct hostifs *hostifs_new(const char *hook, const struct hostif_ops *ops, void *arg);
// Takes every interface away, tells the hook, waits for nothing.
void hostifs_free(struct hostifs *h);

// Carries out a command from control after checking it. The same name again changes the differences
// only. 0, -EINVAL, -ENOSPC, -ENODEV, or what the kernel says; on failure of a new one nothing is left.
int hostif_set(struct hostifs *h, const struct ipc_hostif_set *cmd);
int hostif_del(struct hostifs *h, const struct ipc_hostif_del *cmd); // -ENOENT

// What the kernel says of addresses comes by this descriptor: to be watched for input, then read.
int hostifs_fd(const struct hostifs *h);
void hostifs_read(struct hostifs *h);

// Collects hook programs that ended; called on SIGCHLD or now and then.
void hostifs_reap(struct hostifs *h);
