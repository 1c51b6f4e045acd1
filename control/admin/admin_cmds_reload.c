// SPDX-License-Identifier: BSD-3-Clause
// `config reload`. Control's thread.
#include "admin_cmds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// All that is wrong in one text, a line each.
static void fail_with(struct admin_call *call, int error, const struct config_errors *errors)
{
	char text[480] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < errors->n && i < CONFIG_ERRORS && len < sizeof(text); i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", i ? "\n" : "", errors->text[i]);
	admin_fail(call, error, "%s", errors->n ? text : action_error(error));
}

void cmds_config_reload(struct admin_call *call)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct control *control = admin_control(call);
	int ret = errors ? control_reload(control, errors) : -ENOMEM;

	if (!errors) {
		admin_fail(call, ENOMEM, "no memory");
		return;
	}
	if (ret) {
		fail_with(call, ret, errors);
	} else {
		action_row(call, control_config(control)->path, "loaded");
		admin_done(call);
	}
	free(errors);
}
