// SPDX-License-Identifier: BSD-3-Clause
// `link renumber`, `link reauth` and `link terminate`: what an operator does to links, of which there
// may be very many. In the client role a link is its connection. Control's thread.
#include "admin_cmds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// All at once, peers would come back all at once.
#define RENUMBERED_PER_S 200

// What is to be done, and what of it each turn found: callbacks must not change anything.
struct link_work {
	struct admin_call *call;
	const char *wanted; // NULL: all
	int (*operate)(struct link_work *work, uint64_t link);
	int (*connection)(struct control *control, const char *name); // NULL: not of a client's
	const char *done_text, *connection_text;
	bool fresh;
	uint32_t cursor;
	uint32_t found_n, done;
	int error;
	size_t n, room;
	struct link_found {
		uint64_t link;
		struct config_id identity;
	} * found;
	bool no_memory;
};

static bool find_link(void *arg, const struct control_link *link)
{
	struct link_work *work = arg;

	if (work->wanted && !cmds_link_is(link, work->wanted))
		return true;
	if (work->n == work->room) {
		size_t room = work->room ? 2 * work->room : CMDS_TURN;
		struct link_found *grown = reallocarray(work->found, room, sizeof(*grown));

		if (!grown) {
			work->no_memory = true;
			return false;
		}
		work->found = grown;
		work->room = room;
	}
	work->found[work->n++] = (struct link_found){link->link, link->identity};
	return true;
}

static void operate_one(struct link_work *work, const struct link_found *found)
{
	char name[SA_NAME_LEN], identity[300];
	int ret = work->operate(work, found->link);

	work->found_n++;
	if (ret) {
		work->error = ret;
		return;
	}
	work->done++;
	action_row(work->call, link_name(found->link, name), "link of %s %s",
		config_id_format(&found->identity, identity), work->done_text);
}

static void end_with_connection(struct admin_call *call, const struct link_work *work)
{
	const char *name = work->wanted;
	int ret = -ENOENT;

	if (name && work->connection)
		ret = work->connection(admin_control(call), name);
	if (!name) { // of none, all is done
		admin_done(call);
	} else if (ret == -ENOENT) {
		admin_fail(call, ENOENT, "no link is called \"%s\", nor is its peer", name);
	} else if (ret) {
		admin_fail(call, ret, "connection %s: %s", name,
			ret == -ENOTCONN ? "it is down" : action_error(ret));
	} else {
		action_row(call, name, "%s", work->connection_text);
		admin_done(call);
	}
}

static bool work_some(struct admin_call *call)
{
	struct link_work *work = admin_state_get(call);
	bool more = false;

	work->n = 0;
	more = control_links(admin_control(call), &work->cursor, CMDS_TURN, find_link, work);
	for (size_t i = 0; i < work->n; i++)
		operate_one(work, &work->found[i]);
	if (more)
		return true;
	if (work->no_memory)
		admin_fail(call, ENOMEM, "no memory");
	else if (work->done)
		admin_done(call);
	else if (work->found_n && work->wanted)
		admin_fail(
			call, work->error, "link %s: %s", work->wanted, action_error(work->error));
	else
		end_with_connection(call, work);
	return false;
}

static void forget(void *state)
{
	free(((struct link_work *)state)->found);
}

// The argument names one link, those of a peer, or all. NULL: the call has failed.
static struct link_work *begin(struct admin_call *call)
{
	struct link_work *work = admin_state(call, sizeof(*work));

	if (!work) {
		admin_fail(call, ENOMEM, "no memory");
		return NULL;
	}
	admin_state_fini(call, forget);
	work->call = call;
	work->wanted = strcmp(admin_arg(call, 0), "all") ? admin_arg(call, 0) : NULL;
	return work;
}

static int terminate(struct link_work *work, uint64_t link)
{
	return control_link_terminate(admin_control(work->call), link);
}

void cmds_link_terminate(struct admin_call *call)
{
	struct link_work *work = begin(call);

	if (!work)
		return;
	work->wanted = admin_arg(call, 0); // "all" is a name like others: too easily typed
	work->operate = terminate;
	work->connection = control_connection_down;
	work->done_text = "taken down";
	work->connection_text = "connection ended";
	admin_turns(call, work_some);
}

static int renumber(struct link_work *work, uint64_t link)
{
	return control_link_renumber(
		admin_control(work->call), link, work->fresh, work->found_n / RENUMBERED_PER_S);
}

void cmds_link_renumber(struct admin_call *call)
{
	struct link_work *work = begin(call);

	if (!work)
		return;
	work->operate = renumber;
	work->fresh = admin_arg(call, 1) != NULL;
	work->done_text = work->fresh ? "gets other prefixes" : "gets what its profile says";
	admin_turns(call, work_some);
}

static int reauth(struct link_work *work, uint64_t link)
{
	return control_link_reauth(admin_control(work->call), link);
}

void cmds_link_reauth(struct admin_call *call)
{
	struct link_work *work = begin(call);

	if (!work)
		return;
	work->operate = reauth;
	work->connection = control_connection_reauth;
	work->done_text = "is to authenticate again";
	work->connection_text = "authenticating again";
	admin_turns(call, work_some);
}
