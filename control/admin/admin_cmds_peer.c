// SPDX-License-Identifier: BSD-3-Clause
// `peer show`, `peer initiate`, `peer reauth`, `peer terminate`: who may connect to us (entries of the PAD), and
// in the client role the gateways that we connect to. Control's thread.
#include "admin_cmds.h"

#include <errno.h>
#include <string.h>

struct peer_show {
	struct admin_call *call;
	const char *wanted; // NULL: all
	uint32_t shown;
	struct control_peer_walk walk;
};

static bool show_peer(void *arg, const struct control_peer *peer)
{
	const struct config_peer *config = peer->peer;
	struct peer_show *show = arg;
	struct admin_row row;

	if (show->wanted && strcmp(config->name, show->wanted) && !id_is(&config->id, show->wanted))
		return true;
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "peer", config->name);
	admin_row_text(&row, "role", "client");
	row_identity(&row, "identity", &config->id);
	if (config->profile)
		admin_row_text(&row, "profile", config->profile->name);
	admin_row_count(&row, "ike_sas", peer->ike_sas);
	admin_row_count(&row, "children", peer->children);
	admin_row_count(&row, "links", peer->links);
	return admin_row_send(&row);
}

static bool show_connection(void *arg, const struct control_connection *connection)
{
	const struct config_connection *config = connection->connection;
	struct peer_show *show = arg;
	struct admin_row row;

	if (show->wanted && strcmp(config->name, show->wanted) &&
		!id_is(&config->gateway_id, show->wanted))
		return true;
	show->shown++;
	row = admin_row_begin(show->call);
	admin_row_text(&row, "peer", config->name);
	admin_row_text(&row, "role", "gateway");
	row_identity(&row, "identity", &config->gateway_id);
	admin_row_text(&row, "state", connection->state);
	row_addr(&row, "address", &config->gateway);
	admin_row_count(&row, "ike_sas", connection->ike_sa ? 1 : 0);
	admin_row_text(&row, "why", connection->why);
	return admin_row_send(&row);
}

static bool show_peers(struct admin_call *call)
{
	struct peer_show *show = admin_state_get(call);
	int ret = control_peers(admin_control(call), &show->walk, CMDS_TURN, show_peer, show);

	if (ret > 0)
		return true;
	if (ret == -ESTALE)
		admin_fail(call, ret, "the configuration was loaded again meanwhile; ask again");
	else if (ret)
		admin_fail(call, ret, "no memory");
	else if (show->wanted && !show->shown)
		admin_fail(call, ENOENT, "no peer is called \"%s\"", show->wanted);
	else
		admin_done(call);
	return false;
}

static void forget(void *state)
{
	control_peers_end(&((struct peer_show *)state)->walk);
}

void cmds_peer_show(struct admin_call *call)
{
	struct peer_show *show = admin_state(call, sizeof(*show));

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	show->call = call;
	show->wanted = admin_arg(call, 0);
	admin_state_fini(call, forget);
	control_connections(admin_control(call), show_connection, show);
	admin_turns(call, show_peers);
}

static void operate(struct admin_call *call, int (*op)(struct control *control, const char *name),
	const char *already, const char *done)
{
	const char *name = admin_arg(call, 0);
	int ret = op(admin_control(call), name);

	if (ret == -ENOENT) {
		admin_fail(call, ENOENT, "no connection is called \"%s\"", name);
	} else if (ret) {
		admin_fail(call, ret, "connection %s: %s", name,
			ret == -EALREADY ? already : action_error(ret));
	} else {
		action_row(call, name, "%s", done);
		admin_done(call);
	}
}

void cmds_peer_initiate(struct admin_call *call)
{
	operate(call, control_connection_up, "it is up or coming up already", "connecting");
}

void cmds_peer_terminate(struct admin_call *call)
{
	operate(call, control_connection_down, "it is down already", "connection ended");
}

void cmds_peer_reauth(struct admin_call *call)
{
	operate(call, control_connection_reauth, "it is done already", "authenticating again");
}
