// SPDX-License-Identifier: BSD-3-Clause
// The MLD proxy of a LAN behind the client (L5, L6; RFC 4605): what its hosts want becomes
// memberships on the link and multicast routes, both the host kernel's. Control's thread.
#include "client.h"
#include "clock.h"
#include "group_lan.h"
#include "log.h"
#include "mld_msg.h"

#include <string.h>

LOG_TYPE("client");

static void on_gone(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg; // what is not there need not go
	(void)hdr;
	(void)payload;
	(void)last;
}

static void on_done(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)arg;
	(void)payload;
	(void)last;
	if (hdr != NULL && hdr->status != 0)
		LOG_LIMITED(WARN, "the LAN's multicast: %s", strerror((int)hdr->status));
}

static void tell(void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	const struct client_connection *c = arg;
	struct ipc_lan_group_set set = {.group = *group};
	struct ipc_lan_group_del del = {.group = *group};

	if (filter == NULL) {
		memcpy(del.name, c->plan.lan.name, sizeof(del.name));
		dp_client_command(
			c->control->dp, 0, IPC_LAN_GROUP_DEL, &del, sizeof(del), on_gone, NULL);
		return;
	}
	memcpy(set.name, c->plan.lan.name, sizeof(set.name));
	set.include = filter->include;
	set.source_n = (uint8_t)filter->source_n;
	memcpy(set.source, filter->source, filter->source_n * sizeof(filter->source[0]));
	dp_client_command(c->control->dp, 0, IPC_LAN_GROUP_SET, &set, sizeof(set), on_done, NULL);
}

void client_mld_stop(struct client_connection *c)
{
	group_lan_free(c->mld);
	c->mld = NULL;
}

void client_mld_set(struct client_connection *c)
{
	uint64_t secret[2];

	if (!c->plan.has_lan || c->plan.lan.upstream[0] == '\0') {
		client_mld_stop(c);
		return;
	}
	if (c->mld != NULL) {
		group_lan_each(c->mld, tell, c); // the dataplane may be another one
		return;
	}
	control_random(NULL, secret, sizeof(secret));
	c->mld = group_lan_new(secret, tell, c, clock_now_us());
	if (c->mld == NULL)
		LOG(ERR, "connection %s: out of memory: no multicast for the LAN", c->config->name);
}

void client_mld_punt(struct control *control, const struct ipc_punt_lan *punt, const uint8_t *data)
{
	struct client_connection *c = control->client;
	struct inner_packet packet;
	struct group_msg msg;

	while (c != NULL &&
		(c->mld == NULL || strncmp(c->plan.lan.name, punt->name, sizeof(punt->name)) != 0))
		c = c->next;
	if (c == NULL)
		return;
	switch (inner_parse(data, punt->data_len, &packet) == 0 ? mld_read(&packet, &msg)
								: GROUP_MSG_MALFORMED) {
	case GROUP_MSG_REPORT:
		group_lan_report(c->mld, &msg, clock_now_us());
		break;
	case GROUP_MSG_QUERY:
		group_lan_heard_query(c->mld, &msg, &punt->own, clock_now_us());
		break;
	default:
		break;
	}
}

uint64_t client_mld_next_us(const struct client_connection *c)
{
	return c->mld != NULL && c->applied ? group_lan_next_us(c->mld) : CLOCK_NEVER;
}

void client_mld_timeout(struct client_connection *c, uint64_t now_us)
{
	struct group_query query;

	while (client_mld_next_us(c) <= now_us) {
		struct ipc_lan_query cmd = {.robustness = GROUP_LAN_ROBUSTNESS,
			.interval_s = GROUP_LAN_INTERVAL_US / US_PER_S};

		if (!group_lan_take(c->mld, now_us, &query))
			continue;
		memcpy(cmd.name, c->plan.lan.name, sizeof(cmd.name));
		cmd.group = query.group;
		cmd.max_response_ms = (uint32_t)(query.max_response_us / US_PER_MS);
		dp_client_command(
			c->control->dp, 0, IPC_LAN_QUERY, &cmd, sizeof(cmd), on_done, NULL);
	}
}
