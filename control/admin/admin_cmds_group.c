// SPDX-License-Identifier: BSD-3-Clause
// `group show`. Control's thread.
#include "admin_cmds.h"

#include <errno.h>
#include <string.h>

struct group_show {
	struct admin_call *call;
	struct inet_addr group; // family 0: all
	uint32_t cursor;
};

static bool show_group(void *arg, const struct control_group *member)
{
	struct group_show *show = arg;
	char name[SA_NAME_LEN];
	struct admin_row row;

	if (show->group.family && !inet_addr_equal(&show->group, &member->group))
		return true;
	row = admin_row_begin(show->call);
	row_addr(&row, "group", &member->group);
	admin_row_text(&row, "filter", member->include ? "include" : "exclude");
	for (uint32_t i = 0; i < member->source_n; i++)
		row_add_addr(&row, "sources", &member->source[i]);
	admin_row_text(&row, "link", link_name(member->link, name));
	row_identity(&row, "identity", &member->identity);
	admin_row_us(&row, "since_s", member->age_us);
	return admin_row_send(&row);
}

static bool show_some(struct admin_call *call)
{
	struct group_show *show = admin_state_get(call);

	if (control_groups(admin_control(call), &show->cursor, CMDS_TURN, show_group, show))
		return true;
	admin_done(call);
	return false;
}

void cmds_group_show(struct admin_call *call)
{
	struct group_show *show = admin_state(call, sizeof(*show));
	const char *group = admin_arg(call, 0);

	if (!show) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	show->call = call;
	if (group &&
		(inet_addr_parse(group, &show->group) || !inet_addr_is_multicast(&show->group)))
		admin_fail(call, EINVAL, "\"%s\" is no multicast address", group);
	else
		admin_turns(call, show_some);
}
