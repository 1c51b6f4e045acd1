// SPDX-License-Identifier: BSD-3-Clause
// Tables that the dataplane keeps, read page by page for the admin commands: ports, neighbours,
// routes. Control's thread.
#include "control.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE 64

struct table_walk {
	struct control *control;
	enum ipc_type command;
	uint32_t got; // in all
	uint32_t page; // on this page
	void (*each)(void *arg, const void *info);
	void (*done)(void *arg, int error);
	void *arg;
};

static void finish(struct table_walk *walk, int error)
{
	walk->done(walk->arg, error);
	free(walk);
}

static void ask(struct table_walk *walk);

static void terminate_name(char *name, size_t size)
{
	name[size - 1] = '\0';
}

// Texts from the dataplane end where they should. The message is ours by now.
static void check_texts(enum ipc_type command, const void *payload)
{
	void *info = (void *)(uintptr_t)payload;

	if (command == IPC_PORT_LIST) {
		struct ipc_port_info *port = info;

		terminate_name(port->name, sizeof(port->name));
		terminate_name(port->device, sizeof(port->device));
		if (port->addr_n > 8)
			port->addr_n = 8;
	} else if (command == IPC_NEIGH_LIST) {
		terminate_name(((struct ipc_neigh_info *)info)->port, IPC_NAME_MAX);
	} else {
		terminate_name(((struct ipc_route_info *)info)->port, IPC_NAME_MAX);
	}
}

static void on_answer(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct table_walk *walk = arg;

	if (hdr == NULL) {
		finish(walk, -ENOTCONN);
		return;
	}
	if (!last) {
		walk->got++;
		walk->page++;
		check_texts(walk->command, payload);
		walk->each(walk->arg, payload);
		return;
	}
	if (hdr->status == EAGAIN && walk->page > 0)
		ask(walk);
	else
		finish(walk, hdr->status == EAGAIN ? 0 : -(int)hdr->status);
}

static void ask(struct table_walk *walk)
{
	struct ipc_list cmd = {.from = walk->got, .max = PAGE};
	int error = 0;

	walk->page = 0;
	error = dp_client_command(
		walk->control->dp, 0, walk->command, &cmd, sizeof(cmd), on_answer, walk);
	if (error != 0)
		finish(walk, error);
}

void control_table(struct control *control, enum control_table table,
	void (*each)(void *arg, const void *info), void (*done)(void *arg, int error), void *arg)
{
	static const enum ipc_type commands[] = {[CONTROL_PORTS] = IPC_PORT_LIST,
		[CONTROL_NEIGHBOURS] = IPC_NEIGH_LIST,
		[CONTROL_ROUTES] = IPC_ROUTE_LIST};
	struct table_walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		done(arg, -ENOMEM);
		return;
	}
	*walk = (struct table_walk){.control = control,
		.command = commands[table],
		.each = each,
		.done = done,
		.arg = arg};
	ask(walk);
}
