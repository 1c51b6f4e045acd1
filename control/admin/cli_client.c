// SPDX-License-Identifier: BSD-3-Clause
// The program's end of the admin socket: one connection for each command. Blocking, one thread.
#include "admin_proto.h"
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupted;

static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "; is caponier-control running? -r DIR picks the runtime directory";
	case EACCES:
	case EPERM:
		return "; try as root";
	default:
		return "";
	}
}

static int connect_to(const struct cli *cli, char *problem)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, len, error;

	len = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/" ADMIN_SOCKET, cli->run_dir);
	if (len < 0 || (size_t)len >= sizeof(sun.sun_path)) {
		snprintf(problem, CMD_PROBLEM_MAX, "%.200s: the path is too long", cli->run_dir);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	error = errno;
	snprintf(
		problem, CMD_PROBLEM_MAX, "%s: %s%s", sun.sun_path, strerror(error), advice(error));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_request(int fd, const struct cmd_request *request, char *problem)
{
	char *line = admin_request_format(request);
	size_t len = line ? strlen(line) : 0, sent = 0;
	bool good = line;

	while (good && sent < len) {
		ssize_t n = send(fd, line + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		good = n > 0;
		sent += good ? (size_t)n : 0;
	}
	if (!good)
		snprintf(problem, CMD_PROBLEM_MAX, "cannot ask: %s", strerror(errno));
	free(line);
	return good;
}

// One answer. 1: goes on, 0: the last one, -1: problem.
static int take_answer(const char *line, size_t len, const struct cli_sink *sink, char *problem)
{
	struct admin_answer answer;
	int ret = 1;

	if (admin_answer_parse(line, len, &answer)) {
		snprintf(problem, CMD_PROBLEM_MAX,
			"caponier-control answered what we do not understand");
		return -1;
	}
	if (answer.type == ADMIN_ROW) {
		sink->row(sink->arg, answer.body);
	} else if (answer.type == ADMIN_EVENT && sink->event) {
		sink->event(sink->arg, answer.body);
	} else if (answer.type == ADMIN_ERROR) {
		snprintf(problem, CMD_PROBLEM_MAX, "%s", answer.text);
		ret = -1;
	} else {
		ret = 0;
	}
	admin_answer_fini(&answer);
	return ret;
}

int cli_client(const struct cli *cli, const struct cmd_request *request, int timeout_s,
	const struct cli_sink *sink, char *problem)
{
	struct timeval patience = {.tv_sec = timeout_s};
	int fd = connect_to(cli, problem), ret = 1;
	char *line = NULL;
	size_t room = 0;
	FILE *in = NULL;

	if (fd < 0)
		return 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!send_request(fd, request, problem) || !(in = fdopen(fd, "r"))) {
		close(fd);
		return 1;
	}
	while (ret == 1 && !cli_interrupted) {
		ssize_t len;

		errno = 0;
		len = getline(&line, &room, in);
		if (len > 0) {
			ret = take_answer(line, (size_t)len, sink, problem);
			continue;
		}
		if (cli_interrupted)
			break;
		if (feof(in))
			snprintf(
				problem, CMD_PROBLEM_MAX, "caponier-control closed the connection");
		else
			snprintf(problem, CMD_PROBLEM_MAX, "caponier-control: %s",
				errno == EAGAIN ? "no answer in time" : strerror(errno));
		ret = -1;
	}
	free(line);
	fclose(in);
	// Interrupted: the person has seen enough.
	return ret < 0 ? 1 : 0;
}
