// SPDX-License-Identifier: BSD-3-Clause
// caponier: the tool of the administrator. One command from its arguments, or a shell without.
#include "cli.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "caponier link ?" is a question; the words go back into a line for it.
static int question(const struct cli *cli, size_t n, const char *const *word)
{
	char line[CMD_LINE_MAX] = "", escaped[CMD_LINE_MAX];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		cli_escape(word[i], escaped, sizeof(escaped));
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s ", escaped);
		if (len >= sizeof(line))
			return CLI_USAGE;
	}
	cli_help_next(cli, stdout, line);
	return CLI_DONE;
}

int main(int argc, char **argv)
{
	struct cli cli = {.run_dir = CLI_RUN_DIR};
	const char **word = calloc((size_t)argc + 1, sizeof(*word));
	char problem[CMD_PROBLEM_MAX];
	size_t n = (size_t)argc - 1;
	int ret;

	setlocale(LC_CTYPE, "");
	if (!word)
		return CLI_REFUSED;
	if (n >= 2 && !strcmp(argv[1], "--complete")) {
		ret = cli_complete_shell(argv[2], n > 2 ? argv[3] : NULL);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		word[i] = argv[i + 1];
	if (!cli_options(&cli, &n, word, problem)) {
		fprintf(stderr, "caponier: %s; caponier --help tells more\n", problem);
		ret = CLI_USAGE;
	} else if (cli.version) {
		puts("caponier " CAPONIER_VERSION);
		ret = CLI_DONE;
	} else if (n && !strcmp(word[n - 1], "?")) {
		ret = question(&cli, n - 1, word);
	} else if (!n && !cli.help) {
		ret = cli_shell(&cli);
	} else {
		ret = cli_run(&cli, n, word);
	}
out:
	free(word);
	return ret;
}
