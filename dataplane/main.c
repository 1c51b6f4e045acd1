// SPDX-License-Identifier: BSD-3-Clause
// caponier-dataplane: starts in order, runs the main thread's loop, undoes in reverse. The main thread
// does what is not for every packet: neighbours, the seam, the host's interfaces. It sleeps in
// epoll_wait(); workers wake it by an eventfd, control by the seam's doorbell.
#include "clock.h"
#include "config.h"
#include "eal.h"
#include "guard.h"
#include "log.h"
#include "main_commands.h"
#include "netif.h"
#include "plane.h"
#include "seam_server.h"
#include "telemetry.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("main");

#define EXIT_CONFIG 2
#define PUBLISH_US (100 * US_PER_MS)
#define RUNTS_SAY_US (60 * US_PER_S)
#define EVENTS_A_ROUND 16

static const char usage_text[] =
	"Usage: caponier-dataplane -c FILE [-r DIR]\n"
	"\n"
	"  -c, --config FILE   configuration file\n"
	"  -r, --run DIR       runtime directory (default /run/caponier)\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n"
	"\n"
	"Stays in the foreground and logs to stderr. SIGTERM or SIGINT end it in order.\n"
	"Exit status: 0 ended by signal, 1 failure, 2 wrong usage or configuration.\n";

struct options {
	const char *config;
	const char *run_dir;
};

struct process {
	struct options options;
	struct config *config;
	char socket_path[256], pid_path[256];
	int epoll_fd, signal_fd;
	bool eal, plane_made, pid_written, stop;
	struct plane plane;
	struct seam_server *server;
	struct main_commands *commands;
	uint64_t published_us;
	uint64_t runts_seen, runts_said_us; // packets cut short that the log knows of
};

// -1: go on; otherwise the exit status.
static int options_read(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"run", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	o->run_dir = "/run/caponier";
	while ((c = getopt_long(argc, argv, "c:r:hV", longs, NULL)) >= 0) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'r':
			o->run_dir = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("caponier-dataplane " CAPONIER_VERSION);
			return EXIT_SUCCESS;
		default:
			fputs(usage_text, stderr);
			return EXIT_CONFIG;
		}
	}
	if (!o->config || optind < argc) {
		fputs(usage_text, stderr);
		return EXIT_CONFIG;
	}
	return -1;
}

static int config_read(struct process *p)
{
	struct config_errors errors = {0};

	p->config = config_load(p->options.config, &errors);
	if (p->config)
		return 0;
	for (uint32_t i = 0; i < errors.n && i < CONFIG_ERRORS; i++)
		fprintf(stderr, "%s\n", errors.text[i]);
	if (errors.n > CONFIG_ERRORS)
		fprintf(stderr, "and %u more\n", errors.n - CONFIG_ERRORS);
	return -EINVAL;
}

// Said before DPDK starts, so that it is the last line.
static int interfaces_check(const struct config_dataplane *config)
{
	for (uint32_t i = 0; i < config->port_n; i++) {
		const struct config_port *port = &config->port[i];

		if (strncmp(port->device, "af_packet:", 10) || netif_exists(port->device + 10))
			continue;
		LOG(ERR, "port %s: interface %s does not exist", port->name, port->device + 10);
		return -ENODEV;
	}
	return 0;
}

static int run_dir_make(struct process *p)
{
	const char *dir = p->options.run_dir;

	if (mkdir(dir, 0755) && errno != EEXIST) {
		LOG(ERR, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	if ((size_t)snprintf(p->socket_path, sizeof(p->socket_path), "%s/dataplane.sock", dir) >=
			sizeof(p->socket_path) ||
		(size_t)snprintf(p->pid_path, sizeof(p->pid_path), "%s/dataplane.pid", dir) >=
			sizeof(p->pid_path)) {
		LOG(ERR, "%s: name too long", dir);
		return -ENAMETOOLONG;
	}
	return 0;
}

// Signals are blocked in every thread and read here. SIGCHLD: a hook program ended.
static int signals_open(struct process *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signal_fd < 0 ? -errno : 0;
}

static int watch(struct process *p, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int pid_write(struct process *p)
{
	FILE *f = fopen(p->pid_path, "we");

	if (!f)
		return -errno;
	fprintf(f, "%d\n", (int)getpid());
	p->pid_written = true;
	return fclose(f) ? -errno : 0;
}

static void signals_take(struct process *p)
{
	struct signalfd_siginfo info;

	while (read(p->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			main_commands_reap(p->commands);
		} else {
			LOG(NOTICE, "ending: %s", strsignal((int)info.ssi_signo));
			p->stop = true;
		}
	}
}

// Packets that are shorter than they say come from a sender that leaves segmentation to its device.
static void runts_tell(struct process *p, uint64_t now_us)
{
	uint64_t runts = 0;

	for (uint32_t i = 0; i < p->plane.worker_n; i++)
		runts += atomic_load_explicit(
			(_Atomic uint64_t *)&p->plane.worker[i]->published->drops[DROP_RUNT],
			memory_order_relaxed);
	if (runts == p->runts_seen || now_us - p->runts_said_us < RUNTS_SAY_US)
		return;
	LOG(WARN,
		"%lu packets came cut short; if a port is a veth pair, turn off "
		"offloads at its other end (ethtool -K IFACE tso off gso off tx off)",
		(unsigned long)(runts - p->runts_seen));
	p->runts_seen = runts;
	p->runts_said_us = now_us;
}

static void publish(struct process *p, uint64_t now_us)
{
	if (now_us - p->published_us < PUBLISH_US)
		return;
	p->published_us = now_us;
	memcpy(p->plane.stats.drops, p->plane.drops.n, sizeof(p->plane.stats.drops));
	seam_server_publish(p->server, &p->plane.stats);
	runts_tell(p, now_us);
}

static int timeout_ms(const struct process *p, uint64_t now_us)
{
	uint64_t next = p->published_us + PUBLISH_US;

	if (p->plane.next_timer_us < next)
		next = p->plane.next_timer_us;
	if (main_commands_next_us(p->commands) < next)
		next = main_commands_next_us(p->commands);
	return next <= now_us ? 0 : (int)((next - now_us + US_PER_MS - 1) / US_PER_MS);
}

static void round_run(struct process *p)
{
	struct epoll_event event[EVENTS_A_ROUND];
	uint64_t now_us = clock_now_us();
	uint32_t work;
	int n;

	// Armed before the last look, so that nothing is put in between unnoticed.
	atomic_store(&p->plane.bell.armed, true);
	seam_server_arm(p->server);
	work = plane_poll(&p->plane, now_us);
	work += main_commands_drain(p->commands, now_us);
	if (main_commands_next_us(p->commands) <= now_us)
		main_commands_event(p->commands, now_us);
	publish(p, now_us);
	p->plane.stats.loops++;
	p->plane.stats.idle_loops += !work;
	n = epoll_wait(p->epoll_fd, event, EVENTS_A_ROUND, work ? 0 : timeout_ms(p, now_us));
	for (int i = 0; i < n; i++) {
		eventfd_t count;

		if (event[i].data.fd == p->signal_fd)
			signals_take(p);
		else if (event[i].data.fd == p->plane.bell.fd)
			eventfd_read(p->plane.bell.fd, &count);
		else if (event[i].data.fd == main_commands_fd(p->commands))
			main_commands_event(p->commands, now_us);
		else
			seam_server_event(p->server, event[i].data.fd, event[i].events);
	}
}

static int start(struct process *p)
{
	int rc = run_dir_make(p);

	if (!rc)
		rc = interfaces_check(&p->config->dataplane);
	if (!rc)
		rc = signals_open(p);
	if (!rc)
		rc = eal_init(&p->config->dataplane, p->options.run_dir);
	if (rc)
		return rc;
	p->eal = true;
	p->plane_made = true;
	rc = plane_init(&p->plane, &p->config->dataplane);
	if (rc)
		return rc;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0 || watch(p, p->signal_fd) || watch(p, p->plane.bell.fd))
		return -errno;
	p->server = seam_server_new(&p->plane, p->socket_path, p->epoll_fd);
	if (!p->server) {
		LOG(ERR, "%s: %s", p->socket_path, strerror(errno));
		return -errno;
	}
	p->commands = main_commands_new(&p->plane, p->server, p->config->dataplane.hook);
	if (!p->commands || watch(p, main_commands_fd(p->commands)))
		return -errno;
	rc = telemetry_init(&p->plane);
	if (!rc)
		rc = plane_start(&p->plane);
	return rc ? rc : pid_write(p);
}

static void end(struct process *p)
{
	main_commands_free(p->commands);
	seam_server_free(p->server);
	if (p->eal)
		plane_stop(&p->plane);
	telemetry_fini();
	if (p->plane_made)
		plane_fini(&p->plane);
	guard_close();
	if (p->eal)
		eal_fini();
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	if (p->pid_written)
		unlink(p->pid_path);
	config_free(p->config);
}

int main(int argc, char **argv)
{
	static struct process p = {.epoll_fd = -1, .signal_fd = -1};
	int rc = options_read(argc, argv, &p.options);

	if (rc >= 0)
		return rc;
	log_init("dataplane");
	if (config_read(&p))
		return EXIT_CONFIG;
	rc = start(&p);
	if (!rc) {
		LOG(NOTICE, "dataplane ready, %u workers, %u ports", p.plane.worker_n,
			p.config->dataplane.port_n);
		while (!p.stop)
			round_run(&p);
	}
	end(&p);
	if (rc == -ENODEV)
		return EXIT_CONFIG;
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
