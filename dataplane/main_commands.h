// SPDX-License-Identifier: BSD-3-Clause
// Commands from control to the main thread: the host's interfaces, its LANs, and lists of what main
// knows.
#pragma once

#include "hostif.h"
#include "lan.h"
#include "plane.h"
#include "seam_server.h"

struct main_commands;

// Lends all. NULL and errno.
struct main_commands *main_commands_new(
	struct plane *plane, struct seam_server *server, const char *hook);
// Takes the host's interfaces away.
void main_commands_free(struct main_commands *c);
// Takes what is in the ring, bounded. How many.
uint32_t main_commands_drain(struct main_commands *c, uint64_t now_us);
// The kernel's news for interfaces and LANs come by this descriptor: to be watched for input.
int main_commands_fd(const struct main_commands *c);
void main_commands_event(struct main_commands *c, uint64_t now_us);
uint64_t main_commands_next_us(const struct main_commands *c); // when main_commands_event() is due
void main_commands_reap(struct main_commands *c); // hook programs that ended
