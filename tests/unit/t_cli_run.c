// SPDX-License-Identifier: BSD-3-Clause
// The program itself, run as a person or a script would, against the real admin server over a
// control process that is moved by hand: output, what goes to which stream, exit status,
// completion, the shell's script mode. The first argument is the program.
#include "admin_server.h"
#include "cmd_table.h"
#include "config.h"
#include "fake_control.h"
#include "log.h"

#include <check.h>
#include <event2/event.h>
#include <jansson.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static char dir[] = "/tmp/t_cli_runXXXXXX";
static pid_t daemon_pid;

static const char config_text[] =
	"dataplane = { workers = 2; ports = ("
	" { name = \"outer\"; role = \"outer\"; device = \"af_packet:x\";"
	"   addresses = [\"192.0.2.1/24\"]; },"
	" { name = \"inner\"; role = \"inner\"; device = \"af_packet:y\";"
	"   addresses = [\"10.20.0.1/24\"]; }); };"
	"pools = ({ name = \"v4\"; prefix = \"10.66.0.0/16\"; lease = 32; },"
	" { name = \"global\"; prefix = \"2001:db8:1000::/40\"; lease = 64; });"
	"profiles = ({ name = \"link\"; prefix_pools = [\"global\"]; ipv4_pool = \"v4\"; });"
	"gateway = { id = \"gw.example.org\"; peers = ("
	" { name = \"users\"; id = \"*@example.org\"; secret = \"very-secret\";"
	"   profile = \"link\"; }); };";

static void emit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fake_control_emit("{\"time\":1700000000.25,\"event\":\"link-up\",\"link\":1}");
}

static void serve(int ready_fd)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct control control = {.config = config_parse(config_text, "test", errors),
		.link_n = 2,
		.ike_sa_n = 2,
		.connected = true,
		.workers = 2};
	struct event_base *base = event_base_new();
	struct timeval often = {.tv_usec = 20000};
	struct event *timer = event_new(base, -1, EV_PERSIST, emit, NULL);
	char path[64];

	snprintf(path, sizeof(path), "%s/admin.sock", dir);
	if (!control.config || !admin_server_new(&control, base, path))
		_exit(1);
	event_add(timer, &often);
	(void)!write(ready_fd, "r", 1);
	event_base_dispatch(base);
	_exit(0);
}

static void setup(void)
{
	int fd[2];
	char ready;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(pipe(fd), 0);
	daemon_pid = fork();
	if (!daemon_pid)
		serve(fd[1]);
	ck_assert_int_eq(read(fd[0], &ready, 1), 1);
	close(fd[0]);
	close(fd[1]);
}

static void teardown(void)
{
	char path[64];

	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/admin.sock", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bad.conf", dir);
	unlink(path);
	rmdir(dir);
}

struct result {
	int status;
	char out[65536], err[8192];
};

static void slurp(FILE *from, char *to, size_t cap)
{
	rewind(from);
	to[fread(to, 1, cap - 1, from)] = 0;
	fclose(from);
}

// Words separated by blanks, $D is the runtime directory; `input` is its stdin.
static struct result *run(const char *line, const char *input)
{
	static struct result result;
	FILE *out = tmpfile(), *err = tmpfile(), *in = tmpfile();
	char text[4096], *argv[32] = {(char *)(uintptr_t)program}, *to = text;
	int argc = 1, status;
	pid_t pid;

	for (const char *from = line; *from; from++) {
		if (!strncmp(from, "$D", 2)) {
			to = stpcpy(to, dir);
			from++;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	fputs(input ? input : "", in);
	rewind(in);
	pid = fork();
	if (!pid) {
		dup2(fileno(in), STDIN_FILENO);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		execv(program, argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	slurp(out, result.out, sizeof(result.out));
	slurp(err, result.err, sizeof(result.err));
	fclose(in);
	return &result;
}

static const struct {
	const char *why, *line;
	int status;
	const char *out, *err; // parts; "" nothing at all
} runs[] = {
	{"a table", "-r $D link", 0, "LINK  STATE", ""},
	{"abbreviated", "-r $D li sh", 0, "u2@example.org", ""},
	{"options anywhere", "link show 2 -r $D --json", 0, "[{\"link\":\"2\"", ""},
	{"one object in full", "-r $D link show 2", 0, "LINK ID ", ""},
	{"units", "-r $D link", 0, "1m15s", ""},
	{"long form of all", "-r $D -l sa", 0, "SPI INITIATOR", ""},
	{"refused", "-r $D link show nobody", 1, "", "nobody"},
	{"refused, with JSON", "-r $D --json link show nobody", 1, "[]\n", "nobody"},
	{"an action is talk", "-r $D sa rekey ike-1", 0, "", "ike-1: IKE SA with u1@example.org"},
	{"an action as JSON", "-r $D --json sa rekey ike-1", 0, "\"object\":\"ike-1\"", ""},
	{"nothing there", "-r $D log level nothing info", 1, "", "no log type"},
	{"no daemon", "-r /nonexistent link", 1, "", "is caponier-control running?"},
	{"path too long",
		"-r /nonexistent/nonexistent/nonexistent/nonexistent/nonexistent/nonexistent/"
		"nonexistent/nonexistent/nonexistent link",
		1, "", "too long"},
	{"usage: noun", "-r $D tunnels", 2, "", "nothing is called \"tunnels\""},
	{"usage: argument", "-r $D sa rekey", 2, "", "usage: sa rekey SA"},
	{"usage: option", "--colour link", 2, "", "--help tells more"},
	{"help of everything", "--help", 0, "Exit status", ""},
	{"help as a word", "help", 0, "Exit status", ""},
	{"help of a noun", "sa --help", 0, "sa terminate SA", ""},
	{"help of a command", "sa rekey --help", 0, "No packet is lost", ""},
	{"help of fields", "drops show -h", 0, "threads", ""},
	{"version", "--version", 0, "caponier ", ""},
	{"a question", "-r $D sa ?", 0, "rekey", ""},
	{"a question for names", "-r $D sa rekey ?", 0, "child-1001", ""},
	{"a file that is not there", "config check $D/none.conf", 1, "", "$D/none.conf"},
	{"completion of nouns", "--complete", 2, "", ""},
};

START_TEST(command_line)
{
	struct result *result = run(runs[_i].line, NULL);
	const char *why = runs[_i].why;

	ck_assert_msg(
		result->status == runs[_i].status, "%s: %d, %s", why, result->status, result->err);
	if (!*runs[_i].out)
		ck_assert_msg(!*result->out, "%s: stdout has %s", why, result->out);
	ck_assert_msg(strstr(result->out, runs[_i].out), "%s: stdout has %s", why, result->out);
	if (!*runs[_i].err && runs[_i].status == 0)
		ck_assert_msg(!*result->err, "%s: stderr has %s", why, result->err);
	if (!strchr(runs[_i].err, '$'))
		ck_assert_msg(
			strstr(result->err, runs[_i].err), "%s: stderr has %s", why, result->err);
}
END_TEST

// Every `show` gives one JSON array of objects with the columns of the table.
START_TEST(every_show_is_json)
{
	const struct cmd *cmd = cmd_at((size_t)_i);
	struct result *result;
	char line[100], path[64];
	json_t *array, *row;
	size_t i;

	if (!cmd->verb || strcmp(cmd->verb, "show"))
		return;
	snprintf(line, sizeof(line), "-r $D --json %s", cmd_path(cmd, path));
	result = run(line, NULL);
	ck_assert_msg(!result->status, "%s: %s", line, result->err);
	array = json_loads(result->out, 0, NULL);
	ck_assert_msg(json_is_array(array) && json_array_size(array), "%s: %s", line, result->out);
	json_array_foreach(array, i, row) for (const struct cmd_column *c = cmd->column; c->name;
					       c++)
		ck_assert_msg(json_object_get(row, c->name) != NULL, "%s: %s", line, c->name);
	json_decref(array);
}
END_TEST

START_TEST(bad_configuration)
{
	struct result *result;
	char path[64];
	json_t *array;
	FILE *file;

	snprintf(path, sizeof(path), "%s/bad.conf", dir);
	file = fopen(path, "w");
	fputs("dataplane = {\n  wrokers = 1;\n};\n", file);
	fclose(file);
	result = run("config check $D/bad.conf", NULL);
	ck_assert_int_eq(result->status, 1);
	ck_assert_str_eq(result->out, "");
	strcat(path, ":2: ");
	ck_assert_msg(strstr(result->err, path) != NULL, "%s", result->err);
	result = run("--json config check $D/bad.conf", NULL);
	ck_assert_int_eq(result->status, 1);
	array = json_loads(result->out, 0, NULL);
	ck_assert_uint_ge(json_array_size(array), 1);
	ck_assert_int_gt(json_integer_value(json_object_get(json_array_get(array, 0), "line")), 0);
	json_decref(array);
	path[strlen(path) - 4] = 0;
	unlink(path);
}
END_TEST

static const struct {
	const char *why, *line, *breaks;
	const char *out; // all of it
} completions[] = {
	{"nouns", "caponier l", NULL, "link\nlease\nlog\n"},
	{"verbs", "caponier sa ", NULL, "show\nrekey\nterminate\n"},
	{"words", "caponier log level * w", NULL, "warning\n"},
	{"live names", "caponier -r $D sa rekey child-", NULL, "child-1001\nchild-1002\n"},
	{"behind the last break", "caponier -r $D link show u2@ex", "@", "example.org\n"},
	{"options", "caponier --j", NULL, "--json\n"},
	{"files", "caponier config check /e", NULL, "@file\n"},
	{"directories", "caponier -r ", NULL, "@directory\n"},
	{"nothing more", "caponier port show x y", NULL, ""},
	{"the program's name alone", "caponier", NULL, ""},
	{"an unknown noun", "caponier tunnel ", NULL, ""},
};

START_TEST(completion)
{
	int out[2], status;
	char line[300] = "", text[2000];
	const char *at = strstr(completions[_i].line, "$D");
	ssize_t n;
	pid_t pid;

	if (at)
		snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - completions[_i].line),
			completions[_i].line, dir, at + 2);
	else
		snprintf(line, sizeof(line), "%s", completions[_i].line);
	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		execl(program, program, "--complete", line, completions[_i].breaks, NULL);
		_exit(127);
	}
	close(out[1]);
	waitpid(pid, &status, 0);
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	close(out[0]);
	ck_assert_int_eq(status, 0);
	ck_assert_msg(!strcmp(text, completions[_i].out), "%s: %s", completions[_i].why, text);
}
END_TEST

START_TEST(script_mode)
{
	struct result *result = run(
		"-r $D", "# a comment\n\npool\n  link show '2'\nsa rekey ike-1\nexit\nnonsense\n");

	ck_assert_int_eq(result->status, 0);
	ck_assert(strstr(result->out, "10.66.0.0/16") && strstr(result->out, "u2@example.org"));
	ck_assert(strstr(result->err, "rekey started") != NULL);
	result = run("-r $D", "nonsense\npool\n");
	ck_assert_int_eq(result->status, 2);
	ck_assert_ptr_nonnull(strstr(result->out, "10.66.0.0/16"));
	result = run("-r $D", "link 'unfinished\n");
	ck_assert_int_eq(result->status, 2);
	result = run("-r $D", "pool show ?\n");
	ck_assert_ptr_nonnull(strstr(result->out, "v4"));
}
END_TEST

// One object a line, at once, until the reader goes.
START_TEST(monitor)
{
	int out[2], status;
	char line[200];
	FILE *in;
	pid_t pid;

	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		execl(program, program, "-r", dir, "monitor", "--json", NULL);
		_exit(127);
	}
	close(out[1]);
	in = fdopen(out[0], "r");
	for (int i = 0; i < 3; i++) {
		json_t *json;

		ck_assert_ptr_nonnull(fgets(line, sizeof(line), in));
		json = json_loads(line, 0, NULL);
		ck_assert_str_eq(json_string_value(json_object_get(json, "event")), "link-up");
		json_decref(json);
	}
	// control ends: so does the monitor, and says so by its status.
	kill(daemon_pid, SIGKILL);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	fclose(in);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("cli_run");
	TCase *tcase = tcase_create("program");
	SRunner *runner;
	size_t commands = 0;
	int failed;

	if (argc < 2) {
		fputs("usage: t_cli_run PROGRAM\n", stderr);
		return 2;
	}
	program = argv[1];
	log_init("t_cli_run");
	while (cmd_at(commands))
		commands++;
#define N(array) (int)(sizeof(array) / sizeof((array)[0]))
	tcase_add_unchecked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, command_line, 0, N(runs));
	tcase_add_loop_test(tcase, every_show_is_json, 0, (int)commands);
	tcase_add_test(tcase, bad_configuration);
	tcase_add_loop_test(tcase, completion, 0, N(completions));
	tcase_add_test(tcase, script_mode);
	tcase_add_test(tcase, monitor); // the last one: it kills the daemon
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
