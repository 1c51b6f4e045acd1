// SPDX-License-Identifier: BSD-3-Clause
// The admin socket, server and protocol, over socket pairs and a control process moved by hand:
// every command's answer, and what clients may do wrong without harm to control.
#include "admin_conn.h"
#include "admin_proto.h"
#include "admin_server.h"
#include "clock.h"
#include "config.h"
#include "fake_control.h"
#include "log.h"

#include <check.h>
#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
	"   profile = \"link\"; }); };"
	"client = ({ name = \"home\"; id = \"bob@example.org\"; gateway_id = \"hq.example.org\";"
	" secret = \"very-secret\"; gateway = \"192.0.2.9\"; ipv4 = true; interface = \"cpn0\"; "
	"});";

static struct config *config;
static struct event_base *base;
static struct control control;
static struct admin_server *server;
static char dir[] = "/tmp/t_admin_protoXXXXXX", path[64];

static void setup(void)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));

	config = config_parse(config_text, "test", errors);
	ck_assert_msg(config != NULL, "%s", errors->text[0]);
	free(errors);
	control = (struct control){
		.config = config, .link_n = 3, .ike_sa_n = 3, .connected = true, .workers = 2};
	base = event_base_new();
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/admin.sock", dir);
	server = admin_server_new(&control, base, path);
	ck_assert_ptr_nonnull(server);
}

static void turn(unsigned n)
{
	while (n--)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void teardown(void)
{
	admin_server_free(server);
	fake_control_answer(&control, -ENOTCONN);
	turn(2);
	event_base_free(base);
	config_free(config);
	unlink(path);
	rmdir(dir);
}

static int client(void)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(admin_server_adopt(server, fd[0]), 0);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	return fd[1];
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	turn(3);
}

// What has come so far; the caller's. *end: the server closed.
static char *hear(int fd, bool *end)
{
	size_t room = 1 << 16, len = 0;
	char *text = malloc(room);

	*end = false;
	for (int idle = 0; idle < 4;) {
		ssize_t n;

		if (room - len < 65536)
			text = realloc(text, room *= 2);
		n = recv(fd, text + len, room - len - 1, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			*end = true;
			break;
		}
		idle = n < 0 ? idle + 1 : 0;
		len += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	text[len] = 0;
	return text;
}

static void expect(int fd, const char *part, bool end)
{
	bool closed;
	char *text = hear(fd, &closed);

	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%.500s\"", part, text);
	ck_assert_msg(closed == end, "closed: %d, after %.200s", closed, text);
	free(text);
}

static void expect_silence(int fd)
{
	bool closed;
	char *text = hear(fd, &closed);

	ck_assert_str_eq(text, "");
	ck_assert(!closed);
	free(text);
}

static const struct {
	const char *why, *line, *answer;
	bool end;
} requests[] = {
	{"a good one", "{\"command\": \"pool show\"}\n", "\"pool\":\"v4\"", false},
	{"ends with done", "{\"command\": \"pool show\"}\n", "{\"done\":true}\n", false},
	{"arguments", "{\"command\": \"pool show\", \"args\": {\"pool\": \"v4\"}}\n",
		"\"free\":65534", false},
	{"names nothing", "{\"command\": \"pool show\", \"args\": {\"pool\": \"x\"}}\n", "ENOENT",
		false},
	{"carriage return", "{\"command\": \"pool show\"}\r\n", "done", false},
	{"no JSON", "hello\n", "EBADMSG", true},
	{"cut JSON", "{\"command\": \n", "EBADMSG", true},
	{"two objects", "{\"command\": \"pool show\"}{}\n", "EBADMSG", true},
	{"twice the same key", "{\"command\":\"pool show\",\"command\":\"log show\"}\n", "EBADMSG",
		true},
	{"an array", "[1]\n", "EBADMSG", true},
	{"a zero byte escaped", "{\"command\": \"pool\\u0000show\"}\n", "EBADMSG", true},
	{"no UTF-8", "{\"command\": \"\xff\"}\n", "EBADMSG", true},
	{"no command", "{}\n", "EINVAL", false},
	{"command not a string", "{\"command\": 5}\n", "EINVAL", false},
	{"unknown command", "{\"command\": \"pool drain\"}\n", "unknown command", false},
	{"abbreviation", "{\"command\": \"po sh\"}\n", "unknown command", false},
	{"the program's own", "{\"command\": \"config check\", \"args\": {\"file\": \"x\"}}\n",
		"unknown command", false},
	{"args not an object", "{\"command\": \"pool show\", \"args\": [1]}\n", "EINVAL", false},
	{"unknown argument", "{\"command\": \"pool show\", \"args\": {\"x\": \"y\"}}\n",
		"no argument is called", false},
	{"argument not a string", "{\"command\": \"pool show\", \"args\": {\"pool\": 5}}\n",
		"not a string", false},
	{"argument missing", "{\"command\": \"sa rekey\"}\n", "missing", false},
	{"no such word", "{\"command\": \"drops show\", \"args\": {\"which\": \"al\"}}\n",
		"no value", false},
};

START_TEST(request_is_answered)
{
	int fd = client();

	say(fd, requests[_i].line);
	expect(fd, requests[_i].answer, requests[_i].end);
	if (!requests[_i].end) {
		say(fd, "{\"command\": \"pool show\"}\n");
		expect(fd, "{\"done\":true}\n", false);
	}
	close(fd);
	turn(2);
	ck_assert_uint_eq(server->conn_n, 0);
	ck_assert_uint_eq(server->queued, 0);
}
END_TEST

// Deep nesting within the length of a request must not hurt the parser.
START_TEST(deep_nesting)
{
	char line[ADMIN_REQUEST_MAX] = "";
	int fd = client();

	memset(line, '[', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	say(fd, line);
	expect(fd, "EBADMSG", true);
	close(fd);
}
END_TEST

START_TEST(half_lines_are_waited_for)
{
	int fd = client();

	say(fd, "{\"command\": ");
	expect_silence(fd);
	say(fd, "\"pool show\"}");
	expect_silence(fd);
	say(fd, "\n{\"command\"");
	expect(fd, "done", false);
	say(fd, ": \"pool show\"}\n");
	expect(fd, "done", false);
	close(fd);
}
END_TEST

START_TEST(too_long_a_line)
{
	char line[ADMIN_REQUEST_MAX + 10];
	int fd = client();

	memset(line, ' ', sizeof(line));
	line[ADMIN_REQUEST_MAX - 1] = 0;
	say(fd, line);
	expect_silence(fd);
	say(fd, "xx");
	expect(fd, "EMSGSIZE", true);
	close(fd);
	// The newline comes too late.
	fd = client();
	line[ADMIN_REQUEST_MAX - 1] = ' ';
	line[ADMIN_REQUEST_MAX] = '\n';
	line[ADMIN_REQUEST_MAX + 1] = 0;
	ck_assert_int_eq(send(fd, line, strlen(line), 0), (ssize_t)strlen(line));
	turn(3);
	expect(fd, "EMSGSIZE", true);
	close(fd);
}
END_TEST

START_TEST(requests_in_a_row)
{
	bool end;
	int fd = client();
	char *text;
	unsigned n = 0;

	say(fd,
		"{\"command\":\"pool show\"}\n\n  \n{\"command\":\"log show\"}\n"
		"{\"command\":\"pool show\"}\n");
	text = hear(fd, &end);
	for (const char *p = text; (p = strstr(p, "{\"done\":true}\n")); p++)
		n++;
	ck_assert_uint_eq(n, 3);
	free(text);
	close(fd);
}
END_TEST

START_TEST(client_that_only_sends_its_end)
{
	int fd = client();

	control.hold = true;
	send(fd, "{\"command\":\"link show\"}\n", 24, 0);
	shutdown(fd, SHUT_WR);
	turn(3);
	expect_silence(fd);
	ck_assert_uint_eq(fake_control_answer(&control, 0), 1);
	expect(fd, "done", true);
	close(fd);
	turn(2);
	ck_assert_uint_eq(server->conn_n, 0);
}
END_TEST

START_TEST(client_that_goes_while_we_wait)
{
	int fd = client();

	control.hold = true;
	say(fd, "{\"command\":\"link show\"}\n");
	close(fd);
	turn(3);
	// It may have closed its end only; the answer tells.
	ck_assert_uint_eq(fake_control_answer(&control, 0), 1);
	turn(4);
	ck_assert_uint_eq(server->conn_n, 0);
	ck_assert_uint_eq(server->call_n, 0);
}
END_TEST

START_TEST(dataplane_that_does_not_answer)
{
	int fd = client(), other = client();

	control.hold = true;
	say(fd, "{\"command\":\"port show\"}\n{\"command\":\"pool show\"}\n");
	say(other, "{\"command\":\"pool show\"}\n");
	expect(other, "done", false); // others do not wait
	// The rows that came are there, the end is not.
	ck_assert_uint_eq(fake_control_waiting(), 1);
	ck_assert_ptr_nonnull(TAILQ_FIRST(&server->calls));
	event_active(TAILQ_FIRST(&server->calls)->timer, EV_TIMEOUT, 1);
	expect(fd, "ETIMEDOUT", false);
	say(fd, "{\"command\":\"pool show\"}\n");
	expect(fd, "done", false);
	// Too late is no harm.
	ck_assert_uint_eq(server->call_n, 1);
	fake_control_answer(&control, 0);
	ck_assert_uint_eq(server->call_n, 0);
	expect_silence(fd);
	close(fd);
	close(other);
}
END_TEST

START_TEST(server_that_goes_before_the_answer)
{
	int fd = client();

	control.hold = true;
	say(fd, "{\"command\":\"link show\"}\n{\"command\":\"sa show\"}\n");
	say(fd, "{\"command\":\"monitor\"}\n");
	admin_server_free(server);
	server = NULL;
	ck_assert_uint_eq(fake_control_answer(&control, -ENOTCONN), 1);
	close(fd);
}
END_TEST

static const struct {
	enum cmd_id id;
	const char *arg[2];
	const char *parts[6];
} answers[] = {
	{CMD_LINK_SHOW, {},
		{"\"link\":\"1\"", "\"state\":\"grace\"", "\"age_s\":75.5",
			"\"link_id\":\"0102ab\"", "\"client_link_local\":\"fe80::200:0:0:1\"",
			"\"interface\":\"cpn0\""}},
	{CMD_LINK_SHOW, {"2"}, {"u2@example.org", "\"grace_left_s\":5.0", "done"}},
	{CMD_LINK_SHOW, {"u2@example.org"}, {"\"link\":\"2\"", "done"}},
	{CMD_LINK_SHOW, {"users"}, {"\"link\":\"1\"", "\"link\":\"3\"", "done"}},
	{CMD_LINK_SHOW, {"home"}, {"\"role\":\"client\"", "10.66.0.7", "\"mtu\":1400", "done"}},
	{CMD_LINK_SHOW, {"nobody"}, {"ENOENT"}},
	{CMD_LINK_TERMINATE, {"2"}, {"\"object\":\"2\"", "u2@example.org", "done"}},
	{CMD_LINK_TERMINATE, {"home"}, {"connection ended", "done"}},
	{CMD_LINK_TERMINATE, {"nobody"}, {"ENOENT"}},
	{CMD_LINK_TERMINATE, {"all"}, {"ENOENT"}},
	{CMD_LINK_RENUMBER, {"2"}, {"\"object\":\"2\"", "gets what its profile says", "done"}},
	{CMD_LINK_RENUMBER, {"users", "fresh"}, {"\"object\":\"3\"", "other prefixes", "done"}},
	{CMD_LINK_RENUMBER, {"all"}, {"\"object\":\"1\"", "\"object\":\"3\"", "done"}},
	{CMD_LINK_RENUMBER, {"home"}, {"ENOENT"}},
	{CMD_LINK_REAUTH, {"u2@example.org"}, {"is to authenticate again", "done"}},
	{CMD_LINK_REAUTH, {"home"}, {"\"object\":\"home\"", "authenticating again", "done"}},
	{CMD_LINK_REAUTH, {"nobody"}, {"ENOENT"}},
	{CMD_PEER_REAUTH, {"home"}, {"authenticating again", "done"}},
	{CMD_PEER_REAUTH, {"users"}, {"ENOENT"}},
	{CMD_CONFIG_RELOAD, {}, {"loaded", "done"}},
	{CMD_SA_SHOW, {},
		{"\"sa\":\"ike-1\"", "\"sa\":\"child-1001\"", "\"spi_out\":\"c0000001\"",
			"aes128gcm16", "\"sa\":\"deadbeef\"", "[2001:db8::2]:4500"}},
	{CMD_SA_SHOW, {"child-1002"}, {"\"in_bytes\":100200", "\"out_pkts\":9223372036854775807"}},
	{CMD_SA_SHOW, {"0x04000003"}, {"child-1003", "done"}},
	{CMD_SA_SHOW, {"0xffffffff00000002"}, {"ike-2", "child-1002", "done"}},
	{CMD_SA_SHOW, {"0x"}, {"ENOENT"}},
	{CMD_SA_SHOW, {"4000003"}, {"child-1003", "done"}},
	{CMD_SA_SHOW, {"0"}, {"ENOENT"}},
	{CMD_SA_REKEY, {"ike-2"}, {"\"object\":\"ike-2\"", "rekey started", "done"}},
	{CMD_SA_REKEY, {"u3@example.org"}, {"\"object\":\"child-1003\"", "done"}},
	{CMD_SA_REKEY, {"ike-9"}, {"ENOENT"}},
	{CMD_SA_REKEY, {"deadbeef"}, {"EPERM", "link terminate ends it"}},
	{CMD_SA_TERMINATE, {"u3@example.org"}, {"\"object\":\"ike-3\"", "delete sent", "done"}},
	{CMD_SA_TERMINATE, {"C0000001"}, {"\"object\":\"child-1001\"", "done"}},
	{CMD_PEER_SHOW, {}, {"*@example.org", "\"links\":3", "\"role\":\"gateway\"", "192.0.2.9"}},
	{CMD_PEER_SHOW, {"home"}, {"hq.example.org", "done"}},
	{CMD_PEER_SHOW, {"nobody"}, {"ENOENT"}},
	{CMD_PEER_INITIATE, {"home"}, {"connecting", "done"}},
	{CMD_PEER_INITIATE, {"users"}, {"ENOENT"}},
	{CMD_PEER_TERMINATE, {"home"}, {"connection ended", "done"}},
	{CMD_POOL_SHOW, {"v4"}, {"\"live\":2", "\"reserved\":0", "\"free\":65534", "done"}},
	{CMD_LEASE_SHOW, {},
		{"\"prefix\":\"10.66.0.1\"", "u1@example.org", "\"role\":\"address\"", "done"}},
	{CMD_LEASE_SHOW, {"v5"}, {"ENOENT"}},
	{CMD_GROUP_SHOW, {},
		{"\"group\":\"ff0e::1:2\"", "\"filter\":\"exclude\"", "2001:db8::7",
			"u1@example.org", "done"}},
	{CMD_GROUP_SHOW, {"ff0e::1:2"}, {"u1@example.org", "done"}},
	{CMD_GROUP_SHOW, {"ff0e::1:3"}, {"done"}},
	{CMD_GROUP_SHOW, {"2001:db8::1"}, {"EINVAL"}},
	{CMD_DROPS_SHOW, {}, {"\"reason\":\"esp-replay\"", "\"pkts\":30", "\"threads\":[0,10,20]"}},
	{CMD_DROPS_SHOW, {"all"}, {"\"reason\":\"runt\"", "\"reason\":\"command-bad\"", "done"}},
	{CMD_STATS_SHOW, {},
		{"\"name\":\"rx_pkts\",\"value\":6", "\"established\"", "commands_sent"}},
	{CMD_PORT_SHOW, {}, {"pppppppppppppppppppppppppppppppp\"", "\"role\":\"?\"", "done"}},
	{CMD_PORT_SHOW, {"x"}, {"ENOENT"}},
	{CMD_NEIGHBOUR_SHOW, {}, {"\"state\":\"?\"", "done"}},
	{CMD_ROUTE_SHOW, {}, {"child-1001", "slot 5 of worker 1", "\"table\":\"?\"", "connected"}},
	{CMD_LOG_SHOW, {}, {"\"type\":\"admin\"", "\"level\":\"info\""}},
	{CMD_LOG_LEVEL, {"adm*", "info"}, {"log level info", "done"}},
	{CMD_LOG_LEVEL, {"nothing", "info"}, {"ENOENT"}},
	{CMD_CONFIG_SHOW, {},
		{"\"setting\":\"dataplane.ports.outer.device\"", "gateway.peers.users.id",
			"pools.v4.prefix", "client.home.gateway", "\"ike.rekey\",\"value\":\"4h\"",
			"esp.replay_window"}},
	{CMD_NAMES, {"link"}, {"u1@example.org", "\"home\"", "done"}},
	{CMD_NAMES, {"sa"}, {"ike-1", "child-1003", "done"}},
	{CMD_NAMES, {"peer"}, {"users", "home", "done"}},
	{CMD_NAMES, {"connection"}, {"home", "done"}},
	{CMD_NAMES, {"pool"}, {"v4", "done"}},
	{CMD_NAMES, {"log-type"}, {"admin", "done"}},
};

static char *ask(enum cmd_id id, const char *const arg[2])
{
	struct cmd_request request = {.cmd = cmd_by_id(id), .arg = {arg[0], arg[1]}};
	char *line = admin_request_format(&request), *text;
	int fd = client();
	bool end;

	say(fd, line);
	text = hear(fd, &end);
	ck_assert(!end);
	close(fd);
	free(line);
	return text;
}

START_TEST(command_is_answered)
{
	char *text = ask(answers[_i].id, answers[_i].arg);

	for (int i = 0; i < 6 && answers[_i].parts[i]; i++)
		ck_assert_msg(strstr(text, answers[_i].parts[i]), "%s is not in %.3000s",
			answers[_i].parts[i], text);
	ck_assert(strstr(text, "very-secret") == NULL);
	free(text);
}
END_TEST

START_TEST(command_without_dataplane)
{
	char *text;
	enum cmd_id id = answers[_i].id;
	bool needs = id == CMD_DROPS_SHOW || id == CMD_PORT_SHOW || id == CMD_NEIGHBOUR_SHOW ||
		id == CMD_ROUTE_SHOW;

	control.connected = false;
	text = ask(id, answers[_i].arg);
	ck_assert_msg(!strstr(text, "ENOTCONN") == !needs, "%s", text);
	free(text);
}
END_TEST

// Every row of every answer has known fields only: what is not in the table is refused by
// admin_row_*(), which says so in the log.
START_TEST(no_field_is_outside_the_table)
{
	int pipe_fd[2], saved = dup(STDERR_FILENO);
	char said[4096];
	ssize_t n;

	ck_assert_int_eq(pipe2(pipe_fd, O_NONBLOCK), 0);
	dup2(pipe_fd[1], STDERR_FILENO);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		free(ask(answers[i].id, answers[i].arg));
	dup2(saved, STDERR_FILENO);
	n = read(pipe_fd[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = 0;
	ck_assert_msg(!strstr(said, "has no field"), "%s", said);
	close(pipe_fd[0]), close(pipe_fd[1]), close(saved);
}
END_TEST

START_TEST(every_command_has_a_handler)
{
	for (size_t i = 0; cmd_at(i); i++)
		ck_assert_msg(!admin_handlers[cmd_at(i)->id] == !!(cmd_at(i)->flags & CMD_LOCAL),
			"%s", cmd_at(i)->help);
}
END_TEST

START_TEST(operation_that_is_refused)
{
	char *text;

	control.result = -EINPROGRESS;
	text = ask(CMD_SA_REKEY, (const char *const[2]){"ike-1"});
	ck_assert_msg(strstr(text, "EINPROGRESS") && strstr(text, "already"), "%s", text);
	ck_assert(!strstr(text, "row"));
	ck_assert_uint_eq(control.calls, 1);
	ck_assert_uint_eq(control.last_handle, 1);
	free(text);
}
END_TEST

START_TEST(reload_that_is_refused)
{
	char *text;

	control.result = -EINVAL;
	text = ask(CMD_CONFIG_RELOAD, (const char *const[2]){});
	ck_assert_msg(strstr(text, "EINVAL") && strstr(text, "f.conf:7: wrong; right") &&
			strstr(text, "f.conf:9: more; better"),
		"%s", text);
	free(text);
}
END_TEST

START_TEST(peers_of_another_configuration)
{
	char *text;

	control.result = -ESTALE;
	text = ask(CMD_PEER_SHOW, (const char *const[2]){});
	ck_assert_msg(strstr(text, "loaded again meanwhile"), "%s", text);
	free(text);
}
END_TEST

// Peers that come back after link renumber all come one after the other.
START_TEST(renumbering_is_spread)
{
	control.link_n = 1000;
	free(ask(CMD_LINK_RENUMBER, (const char *const[2]){"all", "fresh"}));
	ck_assert_uint_eq(control.calls, 1000);
	ck_assert(control.last_fresh);
	ck_assert_uint_eq(control.last_seconds, 999 / 200);
}
END_TEST

static unsigned count_parts(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

// Sanitizers make every row thirty times as dear.
#ifdef __SANITIZE_ADDRESS__
#define ROWS 10000
#else
#define ROWS 100000
#endif

// Very many rows: a little at a time, each once, while others are answered, and no more in memory
// than a client reads.
START_TEST(long_listing_in_turns)
{
	int fd = client(), other = client();
	unsigned rows = 0;
	bool end = false;

	control.link_n = ROWS;
	say(fd, "{\"command\":\"link show\"}\n");
	turn(10);
	say(other, "{\"command\":\"lease show\"}\n");
	expect(other, "done", false);
	ck_assert_uint_gt(server->queued, 0);
	ck_assert_uint_le(server->queued, 2 * ADMIN_TURN_QUEUE);
	turn(1000); // nobody reads
	ck_assert_uint_le(server->queued, 2 * ADMIN_TURN_QUEUE);
	ck_assert_uint_le(control.turns_max, 64);
	while (!end && server->call_n > 0) {
		char *text = hear(fd, &end);

		rows += count_parts(text, "{\"row\":");
		free(text);
	}
	ck_assert(!end);
	ck_assert_uint_eq(rows, ROWS + 1); // and the connection
	close(fd);
	close(other);
}
END_TEST

START_TEST(reader_that_goes_within_a_listing)
{
	int fd = client();

	control.link_n = ROWS;
	say(fd, "{\"command\":\"link show\"}\n");
	turn(10);
	ck_assert_uint_eq(server->call_n, 1);
	close(fd);
	turn(100);
	ck_assert_uint_eq(server->call_n, 0);
	ck_assert_uint_eq(server->conn_n, 0);
	ck_assert_uint_eq(server->queued, 0);
}
END_TEST

// Identities come from strangers: no byte of theirs breaks the JSON.
START_TEST(hostile_identity)
{
	char *text, *line;

	control.hostile = "\xff\xfe\"\\\n\x01\x1b]0;x\x07";
	control.link_n = 1;
	text = ask(CMD_LINK_SHOW, (const char *const[2]){"1"});
	line = strtok(text, "\n");
	for (int n = 0; line; line = strtok(NULL, "\n"), n++) {
		struct admin_answer answer;

		ck_assert_int_eq(admin_answer_parse(line, strlen(line), &answer), 0);
		ck_assert_int_eq(answer.type, n ? ADMIN_DONE : ADMIN_ROW);
		admin_answer_fini(&answer);
	}
	free(text);
}
END_TEST

START_TEST(monitor_streams)
{
	int fd = client(), other = client();

	say(fd, "{\"command\":\"monitor\"}\n");
	expect_silence(fd);
	ck_assert_uint_eq(fake_control_emit("{\"event\":\"link-up\"}"), 1);
	expect(fd, "{\"event\":{\"event\":\"link-up\"}}\n", false);
	for (int i = 0; i < 500; i++) // more than the longest request
		say(fd, "what a client says now has no meaning\n");
	say(other, "{\"command\":\"monitor\"}\n");
	ck_assert_uint_eq(fake_control_emit("{\"a\":1}"), 2);
	expect(other, "{\"a\":1}", false);
	expect(fd, "{\"a\":1}", false);
	close(fd);
	turn(3);
	ck_assert_uint_eq(fake_control_emit("{\"a\":2}"), 1);
	close(other);
	turn(3);
	ck_assert_uint_eq(fake_control_emit("{\"a\":3}"), 0);
	ck_assert_uint_eq(server->call_n, 0);
}
END_TEST

START_TEST(slow_reader_of_events_is_dropped)
{
	static char event[4000];
	int fd = client(), good = client();
	bool end = false;

	memset(event, 'x', sizeof(event) - 1);
	memcpy(event, "{\"a\":\"", 6);
	memcpy(event + sizeof(event) - 3, "\"}", 3);
	say(fd, "{\"command\":\"monitor\"}\n");
	say(good, "{\"command\":\"monitor\"}\n");
	for (int i = 0; i < 2000; i++) {
		fake_control_emit(event);
		ck_assert_uint_le(server->queued, 2 * (ADMIN_EVENTS_MAX + sizeof(event) + 64));
		if (i % 50 == 0)
			free(hear(good, &end));
		ck_assert(!end);
	}
	turn(3);
	ck_assert_uint_eq(fake_control_emit(event), 1);
	expect(good, "xxx", false);
	free(hear(fd, &end));
	ck_assert(end);
	close(fd);
	close(good);
}
END_TEST

// A client that asks and asks and never reads: its requests wait, memory is bounded, and the loop
// does not spin over them.
START_TEST(client_that_never_reads)
{
	static const char line[] = "{\"command\":\"drops show\",\"args\":{\"which\":\"all\"}}\n";
	uint64_t started_us = clock_now_us();
	int fd = client(), sent = 0, turns = 0;

	while (turns < 200 && sent < 20000) {
		ssize_t n = send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL);

		turn(1);
		sent += n > 0;
		turns = n > 0 ? 0 : turns + 1;
	}
	ck_assert_int_lt(sent, 20000); // it was made to wait
	ck_assert_uint_lt(clock_now_us() - started_us, 10 * US_PER_S);
	ck_assert_uint_le(server->queued, ADMIN_PIPELINE_MAX + (64 << 10));
	close(fd);
	turn(3);
	ck_assert_uint_eq(server->queued, 0);
	ck_assert_uint_eq(server->conn_n, 0);
}
END_TEST

START_TEST(answer_longer_than_memory)
{
	int fd = client();

	control.link_n = 1;
	server->queued += ADMIN_QUEUE_MAX; // others do not read
	control.hold = true;
	say(fd, "{\"command\":\"link show\"}\n");
	fake_control_answer(&control, 0);
	turn(3);
	server->queued -= ADMIN_QUEUE_MAX;
	ck_assert_uint_eq(server->conn_n, 0); // not even the error had room
	close(fd);
}
END_TEST

START_TEST(hundred_clients)
{
	int fd[100];

	for (int i = 0; i < 100; i++)
		fd[i] = client();
	for (int i = 0; i < 100; i++)
		say(fd[i], i % 3 ? "{\"command\":\"link show\"}\n" : "{\"command\":\"monitor\"}\n");
	fake_control_emit("{\"done\":1}");
	for (int i = 0; i < 100; i++)
		expect(fd[i], "\"done\":", false);
	for (int i = 0; i < 100; i++)
		close(fd[i]);
	turn(3);
	ck_assert_uint_eq(server->conn_n, 0);
	ck_assert_uint_eq(server->call_n, 0);
}
END_TEST

START_TEST(too_many_clients)
{
	int fd[ADMIN_CLIENTS_MAX], pair[2];
	char text[200] = "";

	for (int i = 0; i < ADMIN_CLIENTS_MAX; i++)
		fd[i] = client();
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	ck_assert_int_eq(admin_server_adopt(server, pair[0]), -EAGAIN);
	ck_assert_int_gt(recv(pair[1], text, sizeof(text) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(text, "EAGAIN"));
	ck_assert_int_eq(recv(pair[1], text, sizeof(text) - 1, 0), 0);
	close(pair[1]);
	close(fd[0]);
	turn(2);
	fd[0] = client();
	for (int i = 0; i < ADMIN_CLIENTS_MAX; i++)
		close(fd[i]);
}
END_TEST

START_TEST(too_many_calls)
{
	control.hold = true;
	for (int i = 0; i < ADMIN_CALLS_MAX; i++) {
		int fd = client();

		send(fd, "{\"command\":\"link show\"}\n", 24, 0);
		turn(1);
		shutdown(fd, SHUT_RDWR);
		close(fd);
		turn(1);
		// The client is gone for good, but its call waits for the dataplane.
		if (!TAILQ_EMPTY(&server->conns))
			admin_conn_free(TAILQ_FIRST(&server->conns));
	}
	ck_assert_uint_eq(server->call_n, ADMIN_CALLS_MAX);
	control.hold = false;
	int fd = client();

	say(fd, "{\"command\":\"pool show\"}\n");
	expect(fd, "EAGAIN", false);
	fake_control_answer(&control, 0);
	ck_assert_uint_eq(server->call_n, 0);
	say(fd, "{\"command\":\"pool show\"}\n");
	expect(fd, "done", false);
	close(fd);
}
END_TEST

static int connect_path(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	turn(2);
	return fd;
}

START_TEST(socket_file)
{
	struct stat st;
	int fd;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	fd = connect_path();
	say(fd, "{\"command\":\"pool show\"}\n");
	expect(fd, "done", false);
	// A second server does not steal it.
	ck_assert_ptr_null(admin_server_new(&control, base, path));
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fd);
	admin_server_free(server);
	ck_assert_int_ne(access(path, F_OK), 0);
	server = admin_server_new(&control, base, path);
	ck_assert_ptr_nonnull(server);
}
END_TEST

START_TEST(stale_socket_file_is_replaced)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	admin_server_free(server);
	strcpy(sun.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	server = admin_server_new(&control, base, path);
	ck_assert_ptr_nonnull(server);
	fd = connect_path();
	say(fd, "{\"command\":\"pool show\"}\n");
	expect(fd, "done", false);
	close(fd);
}
END_TEST

START_TEST(other_file_is_left_alone)
{
	char other[80];
	int fd;

	snprintf(other, sizeof(other), "%s/file", dir);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_ptr_null(admin_server_new(&control, base, other));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(unlink(other), 0);
	memset(other, 'x', sizeof(other));
	ck_assert_ptr_null(admin_server_new(&control, base, "/nowhere/at/all"));
}
END_TEST

// A server that takes its file away removes only its own.
START_TEST(successor_keeps_its_socket_file)
{
	struct admin_server *next;

	unlink(path);
	next = admin_server_new(&control, base, path);
	ck_assert_ptr_nonnull(next);
	admin_server_free(server);
	ck_assert_int_eq(access(path, F_OK), 0);
	server = next;
}
END_TEST

START_TEST(requests_survive_the_way)
{
	struct cmd_request request = {
		.cmd = cmd_by_id(CMD_LOG_LEVEL), .arg = {"a\"\n\xff", "info"}};
	char *line = admin_request_format(&request), problem[CMD_PROBLEM_MAX];
	struct admin_request parsed;

	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	ck_assert_int_eq(admin_request_parse(line, strlen(line), &parsed, problem), 0);
	ck_assert_ptr_eq(parsed.cmd, request.cmd);
	ck_assert_str_eq(parsed.arg[0], "a\"\n\\xff");
	ck_assert_str_eq(parsed.arg[1], "info");
	admin_request_fini(&parsed);
	free(line);
}
END_TEST

START_TEST(request_too_long_to_send)
{
	static char text[ADMIN_REQUEST_MAX];
	struct cmd_request request = {.cmd = cmd_by_id(CMD_LINK_SHOW), .arg = {text}};

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_ptr_null(admin_request_format(&request));
	ck_assert_int_eq(errno, E2BIG);
}
END_TEST

static const struct {
	const char *line;
	int ret;
} answer_lines[] = {
	{"{\"done\":true}", 0},
	{"{\"row\":{}}", 0},
	{"{\"error\":{\"code\":\"X\",\"text\":\"y\"}}", 0},
	{"{\"error\":{\"code\":\"X\"}}", -EBADMSG},
	{"{\"error\":5}", -EBADMSG},
	{"{\"row\":[]}", -EBADMSG},
	{"{\"done\":false}", -EBADMSG},
	{"{}", -EBADMSG},
	{"", -EBADMSG},
	{"7", -EBADMSG},
};

START_TEST(answer_is_checked)
{
	const char *line = answer_lines[_i].line;
	struct admin_answer answer;
	int ret = admin_answer_parse(line, strlen(line), &answer);

	ck_assert_msg(ret == answer_lines[_i].ret, "%s", line);
	if (!ret)
		admin_answer_fini(&answer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin_proto");
	TCase *tcase = tcase_create("server");
	SRunner *runner;
	int failed;

	log_init("t_admin_proto");
#define N(array) (int)(sizeof(array) / sizeof((array)[0]))
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, request_is_answered, 0, N(requests));
	tcase_add_test(tcase, deep_nesting);
	tcase_add_test(tcase, half_lines_are_waited_for);
	tcase_add_test(tcase, too_long_a_line);
	tcase_add_test(tcase, requests_in_a_row);
	tcase_add_test(tcase, client_that_only_sends_its_end);
	tcase_add_test(tcase, client_that_goes_while_we_wait);
	tcase_add_test(tcase, dataplane_that_does_not_answer);
	tcase_add_test(tcase, server_that_goes_before_the_answer);
	tcase_add_loop_test(tcase, command_is_answered, 0, N(answers));
	tcase_add_loop_test(tcase, command_without_dataplane, 0, N(answers));
	tcase_add_test(tcase, no_field_is_outside_the_table);
	tcase_add_test(tcase, every_command_has_a_handler);
	tcase_add_test(tcase, operation_that_is_refused);
	tcase_add_test(tcase, reload_that_is_refused);
	tcase_add_test(tcase, peers_of_another_configuration);
	tcase_add_test(tcase, renumbering_is_spread);
	tcase_add_test(tcase, long_listing_in_turns);
	tcase_add_test(tcase, reader_that_goes_within_a_listing);
	tcase_add_test(tcase, hostile_identity);
	tcase_add_test(tcase, monitor_streams);
	tcase_add_test(tcase, slow_reader_of_events_is_dropped);
	tcase_add_test(tcase, client_that_never_reads);
	tcase_add_test(tcase, answer_longer_than_memory);
	tcase_add_test(tcase, hundred_clients);
	tcase_add_test(tcase, too_many_clients);
	tcase_add_test(tcase, too_many_calls);
	tcase_add_test(tcase, socket_file);
	tcase_add_test(tcase, stale_socket_file_is_replaced);
	tcase_add_test(tcase, other_file_is_left_alone);
	tcase_add_test(tcase, successor_keeps_its_socket_file);
	tcase_add_test(tcase, requests_survive_the_way);
	tcase_add_test(tcase, request_too_long_to_send);
	tcase_add_loop_test(tcase, answer_is_checked, 0, N(answer_lines));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
