// SPDX-License-Identifier: BSD-3-Clause
// Another configuration for the client role: connections are known by name, those that it does not
// concern go on. Control's thread.
#include "client.h"
#include "clock.h"

#include <errno.h>
#include <string.h>

static const struct config_connection *find_new(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->connection_n; i++)
		if (strcmp(config->connection[i].name, name) == 0)
			return &config->connection[i];
	return NULL;
}

static void remove_connection(struct control *control, struct client_connection **at)
{
	struct client_connection *c = *at;

	client_went_down(c, "not in the configuration any more");
	sa_group_keep(control->sas, c->group, false);
	*at = c->next;
	client_discard(c);
}

// Other settings: what runs by the old ones ends, and it starts anew.
static void change(struct client_connection *c, const struct config_connection *config)
{
	struct control *control = c->control;
	uint64_t ike_sa = client_ike_sa(control, config);
	bool wanted = config->autostart || (c->wanted && c->up);
	char path[512];

	c->config = config; // the core knows the new one only
	if (c->up)
		client_went_down(c, "its configuration changed");
	client_state_load(client_state_path(control, path), config, control_random, NULL, &c->kept);
	client_tell_link(c);
	c->wanted = wanted;
	if (ike_sa != 0)
		ike_sa_terminate(control->ike, ike_sa, clock_now_us());
	c->again_us = wanted ? clock_now_us() + CLIENT_AGAIN_US : CLOCK_NEVER;
}

int client_reconfigure(struct control *control, const struct config *config)
{
	struct client_connection **at = &control->client;
	int error = 0;

	while (*at != NULL) {
		struct client_connection *c = *at;
		const struct config_connection *new = find_new(config, c->config->name);

		if (new == NULL) {
			remove_connection(control, at);
			continue;
		}
		if (config_same_connection(c->config, new))
			c->config = new;
		else
			change(c, new);
		at = &c->next;
	}
	for (uint32_t i = 0; i < config->connection_n; i++) {
		struct client_connection *c = client_find_name(control, config->connection[i].name);

		if (c != NULL)
			continue;
		c = client_add(control, &config->connection[i]);
		if (c == NULL)
			error = -ENOMEM;
		else if (c->wanted)
			c->again_us = clock_now_us();
	}
	client_save(control);
	return error;
}
