// SPDX-License-Identifier: BSD-3-Clause
// `caponier config check FILE`: loads the file with the daemons' own loader and says what is wrong,
// without any daemon. One thread.
#include "cli.h"
#include "config.h"
#include "credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "FILE:LINE: problem" into its parts; a text of another form is the problem whole.
static json_t *error_row(const char *path, const char *text)
{
	size_t len = strlen(path);
	json_t *row = json_object();
	char *end;
	long line;

	json_object_set_new(row, "file", json_string(path));
	if (!strncmp(text, path, len) && text[len] == ':') {
		line = strtol(text + len + 1, &end, 10);
		if (end != text + len + 1 && *end == ':') {
			json_object_set_new(row, "line", json_integer(line));
			text = end + 1 + strspn(end + 1, " ");
		}
	}
	json_object_set_new(row, "problem", json_string(text));
	return row;
}

static void print_json(const struct cmd_request *request, const struct config_errors *errors)
{
	struct cli_format *format = cli_format_new(stdout, request->cmd, CLI_JSON, 0);

	for (uint32_t i = 0; format && i < errors->n && i < CONFIG_ERRORS; i++) {
		json_t *row = error_row(request->arg[0], errors->text[i]);

		cli_format_row(format, row);
		json_decref(row);
	}
	if (format)
		cli_format_end(format);
}

int cli_config_check(const struct cli *cli, const struct cmd_request *request)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct config *config;
	bool good;
	int ret;

	if (!errors) {
		fputs("caponier: no memory\n", stderr);
		return CLI_REFUSED;
	}
	config = config_load(request->arg[0], errors);
	good = config && credentials_check(config, errors);
	ret = good ? CLI_DONE : CLI_REFUSED;
	for (uint32_t i = 0; i < errors->n && i < CONFIG_ERRORS; i++)
		fprintf(stderr, "%s\n", errors->text[i]);
	if (errors->n > CONFIG_ERRORS)
		fprintf(stderr, "%s: %u more problems\n", request->arg[0],
			errors->n - CONFIG_ERRORS);
	if (cli->json)
		print_json(request, errors);
	else if (good)
		fprintf(stderr, "%s: good\n", request->arg[0]);
	config_free(config);
	free(errors);
	return ret;
}
