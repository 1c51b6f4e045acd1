// SPDX-License-Identifier: BSD-3-Clause
// The admin socket of caponier-control. Control's thread, on its event loop.
#pragma once

#include <stdint.h>

struct admin_server;
struct control;
struct event_base;

// Listens at `path` (mode 0600; a socket file that nobody listens at is replaced). `control` and
// `base` are lent. NULL and errno: EADDRINUSE when another process listens there.
struct admin_server *admin_server_new(
	struct control *control, struct event_base *base, const char *path);
// Drops the clients, removes the socket file. Answers that the dataplane still owes may come later.
void admin_server_free(struct admin_server *server); // accepts NULL
// Takes over a connected socket as if it had been accepted; refuses strangers. 0 or -errno, then
// the socket is closed.
int admin_server_adopt(struct admin_server *server, int fd);
