// SPDX-License-Identifier: BSD-3-Clause
// caponier-control: starts everything in order, undoes it in reverse. Stays in the foreground, logs
// to stderr. Exit codes: 0 ended in order, 1 could not start, 2 bad usage or configuration.
#include "admin_server.h"
#include "clock.h"
#include "confine.h"
#include "control.h"
#include "credentials.h"
#include "dhcp6_server.h"
#include "log.h"
#include "loop.h"
#include "punt_limit.h"
#include "signer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("control");

#define STOP_MS 1000 // peers have so long to answer our deletes
#define STOP_STEP_MS 20
#define STOP_STEP_SAS 500
#define STOP_LAST_MS 3000 // and so long to be told, when they are many

struct options {
	const char *config;
	const char *run_dir;
};

struct handles {
	uint64_t *handle;
	size_t n, room;
};

struct daemon {
	struct control control;
	struct admin_server *admin;
	struct event *signals[2];
	struct event *reload;
	struct event *stop_event;
	uint64_t stop_by_us;
	uint64_t stop_last_us; // no further IKE SA is deleted then
	struct handles leaving; // IKE SAs that are still to be deleted
	char path[512];
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: caponier-control -c FILE [-r DIR]\n"
		"The deciding half of Caponier: IKEv2, links, leases, admin socket.\n"
		"\n"
		"  -c, --config FILE   configuration, the same as the dataplane's\n"
		"  -r, --run-dir DIR   sockets, pid file, lease database (default /run/caponier)\n"
		"  -v, --verbose       log more\n"
		"  -h, --help          this text\n"
		"  -V, --version       version\n");
}

// 0 go on, else exit with *code.
static int parse_options(int argc, char **argv, struct options *options, int *code)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
		{"run-dir", required_argument, NULL, 'r'}, {"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {}};
	enum log_level level = LOG_INFO;
	int opt = 0;

	*options = (struct options){.run_dir = "/run/caponier"};
	while ((opt = getopt_long(argc, argv, "c:r:vhV", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			options->config = optarg;
			break;
		case 'r':
			options->run_dir = optarg;
			break;
		case 'v':
			level = LOG_DEBUG;
			break;
		case 'h':
			usage(stdout);
			*code = 0;
			return -1;
		case 'V':
			printf("caponier-control %s\n", CAPONIER_VERSION);
			*code = 0;
			return -1;
		default:
			usage(stderr);
			*code = 2;
			return -1;
		}
	}
	if (options->config == NULL || optind != argc) {
		fprintf(stderr, "caponier-control: %s\n",
			options->config == NULL ? "no configuration (-c FILE)"
						: "arguments that mean nothing");
		usage(stderr);
		*code = 2;
		return -1;
	}
	log_set_level("*", level);
	return 0;
}

static struct config *load_config(const char *path)
{
	static struct config_errors errors;
	struct config *config = config_load(path, &errors);

	if (config != NULL && credentials_check(config, &errors))
		return config;
	config_free(config);
	for (uint32_t i = 0; i < errors.n && i < CONFIG_ERRORS; i++)
		fprintf(stderr, "%s\n", errors.text[i]);
	if (errors.n > CONFIG_ERRORS)
		fprintf(stderr, "and %u more\n", errors.n - CONFIG_ERRORS);
	return NULL;
}

static const char *path_in(struct daemon *d, const char *dir, const char *name)
{
	if (snprintf(d->path, sizeof(d->path), "%s/%s", dir, name) >= (int)sizeof(d->path))
		d->path[0] = '\0';
	return d->path;
}

// ---- stopping ----

static bool collect(void *arg, const struct ike_sa_info *info)
{
	struct handles *list = arg;
	uint64_t *more = NULL;

	if (info->state != IKE_SA_ESTABLISHED)
		return true;
	if (list->n == list->room) {
		list->room = list->room * 2 + 64;
		more = realloc(list->handle, list->room * sizeof(*more));
		if (more == NULL)
			return false; // these peers find out by liveness
		list->handle = more;
	}
	list->handle[list->n++] = info->ike_sa;
	return true;
}

static bool is_open(void *arg, const struct ike_sa_info *info)
{
	bool *open = arg;

	*open = *open || info->state < IKE_SA_DEAD;
	return !*open;
}

// In turns, so that the answers are read meanwhile and what is to be sent stays little.
static void terminate_some(struct daemon *d)
{
	struct handles *list = &d->leaving;

	for (int i = 0; i < STOP_STEP_SAS && list->n > 0; i++)
		ike_sa_terminate(d->control.ike, list->handle[--list->n], clock_now_us());
	control_pump(&d->control);
}

// Until the peers have answered or the time is over. Those that there was no time for find out by
// liveness.
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct timeval step = {.tv_usec = STOP_STEP_MS * 1000};
	bool open = false;

	(void)fd;
	(void)what;
	if (d->leaving.n > 0 && clock_now_us() < d->stop_last_us) {
		terminate_some(d);
		d->stop_by_us = clock_now_us() + STOP_MS * US_PER_MS;
		event_add(d->stop_event, &step);
		return;
	}
	ike_foreach(d->control.ike, is_open, &open);
	if (!open || clock_now_us() >= d->stop_by_us)
		event_base_loopexit(d->control.base, NULL);
	else
		event_add(d->stop_event, &step);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (d->control.stopping) { // asked twice: at once
		event_base_loopbreak(d->control.base);
		return;
	}
	LOG(NOTICE, "signal %d: ending", (int)fd);
	d->control.stopping = true;
	d->stop_by_us = clock_now_us() + STOP_MS * US_PER_MS;
	d->stop_last_us = clock_now_us() + STOP_LAST_MS * US_PER_MS;
	ike_foreach(d->control.ike, collect, &d->leaving);
	client_stop(&d->control);
	event_active(d->stop_event, 0, 0);
}

// As `caponier config reload`; what is wrong with the file is in the log.
static void on_reload(evutil_socket_t fd, short what, void *arg)
{
	static struct config_errors errors;
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	LOG(NOTICE, "signal %d: loading the configuration again", SIGHUP);
	control_reload(&d->control, &errors);
}

static int watch_signals(struct daemon *d)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	signal(SIGPIPE, SIG_IGN);
	d->stop_event = evtimer_new(d->control.base, on_stop, d);
	d->reload = evsignal_new(d->control.base, SIGHUP, on_reload, d);
	if (d->reload == NULL || event_add(d->reload, NULL) != 0)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		d->signals[i] = evsignal_new(d->control.base, numbers[i], on_signal, d);
		if (d->signals[i] == NULL || event_add(d->signals[i], NULL) != 0)
			return -ENOMEM;
	}
	return d->stop_event != NULL ? 0 : -ENOMEM;
}

// ---- starting ----

static int start_links(struct daemon *d)
{
	struct control *control = &d->control;
	const char *dir = control->config->state_dir[0] != '\0' ? control->config->state_dir
								: control->run_dir;
	struct link_setup setup = {.config = control->config,
		.random = control_random,
		.events = &control_link_events,
		.events_arg = control,
		.now_us = clock_now_us(),
		.wall_s = (uint64_t)time(NULL)};

	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		LOG(ERR, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	control->store = store_open(path_in(d, dir, "leases.db"));
	if (control->store == NULL) {
		LOG(ERR, "%s: cannot be used as lease database", d->path);
		return -errno;
	}
	setup.store = control->store;
	control->links = link_table_new(&setup);
	return control->links != NULL ? 0 : -errno;
}

static int start_dhcp6(struct control *control)
{
	struct dhcp6_setup setup = {.config = control->config,
		.links = control->links,
		.store = control->store,
		.random = control_random};

	control->dhcp6 = dhcp6_server_new(&setup);
	return control->dhcp6 != NULL ? 0 : -errno;
}

static int start_core(struct daemon *d)
{
	struct control *control = &d->control;
	uint64_t secret[2];
	int error = 0;

	control_random(NULL, secret, sizeof(secret));
	control->monitor = monitor_new();
	control->sas = sa_table_new(secret);
	control->punt_limit = punt_limit_new(secret);
	if (control->monitor == NULL || control->sas == NULL || control->punt_limit == NULL ||
		query_init(control) != 0)
		return -ENOMEM;
	if (control->config->keylog_dir[0] != '\0') {
		control->keylog = keylog_open(control->config->keylog_dir);
		if (control->keylog == NULL) {
			LOG(ERR, "%s: %s", control->config->keylog_dir, strerror(errno));
			return -errno;
		}
	}
	error = start_links(d);
	if (error == 0)
		error = start_dhcp6(control);
	if (error != 0)
		return error;
	control->ike = ike_new(control->config, &control_ike_ops, control);
	if (control->ike == NULL)
		return -ENOMEM;
	error = groups_init(control);
	return error != 0 ? error : client_init(control);
}

// The dataplane is there and all is known of what it holds: peers are served from now on.
static void on_ready(struct control *control)
{
	struct daemon *d = CONTAINER_OF(control, struct daemon, control);
	FILE *file = NULL;

	LOG(NOTICE, "control ready");
	file = fopen(path_in(d, control->run_dir, "control.pid"), "we");
	if (file == NULL || fprintf(file, "%d\n", (int)getpid()) < 0)
		LOG(WARN, "%s: %s", d->path, strerror(errno));
	if (file != NULL)
		fclose(file);
}

static int start(struct daemon *d)
{
	struct control *control = &d->control;
	const char *what = "run directory";
	int error = 0;

	control->started_us = clock_now_us();
	control->phase_us = control->started_us;
	snprintf(control->dp_path, sizeof(control->dp_path), "%s/dataplane.sock", control->run_dir);
	if (mkdir(control->run_dir, 0755) != 0 && errno != EEXIST) {
		error = -errno;
		goto fail;
	}
	what = "event loop";
	control->base = event_base_new();
	error = control->base != NULL ? watch_signals(d) : -ENOMEM;
	if (error != 0)
		goto fail;
	what = "private keys";
	error = keys_start(control);
	if (error != 0)
		goto fail;
	what = "state";
	error = start_core(d);
	if (error != 0)
		goto fail;
	what = "admin socket";
	d->admin = admin_server_new(
		control, control->base, path_in(d, control->run_dir, "admin.sock"));
	if (d->admin == NULL) {
		error = -errno;
		goto fail;
	}
	what = "timers";
	error = loop_start(control);
	if (error != 0)
		goto fail;
	what = "confinement";
	error = confine_process();
	if (error == 0)
		return 0;
fail:
	LOG(ERR, "cannot start: %s: %s", what, strerror(-error));
	return error;
}

static void stop(struct daemon *d)
{
	struct control *control = &d->control;

	if (control->base != NULL)
		unlink(path_in(d, control->run_dir, "control.pid"));
	admin_server_free(d->admin);
	loop_stop(control);
	client_fini(control);
	physical_fini(control);
	groups_fini(control);
	install_fini(control);
	ike_free(control->ike);
	dhcp6_server_free(control->dhcp6);
	link_table_free(control->links);
	signer_stop(control->signer);
	store_close(control->store);
	keylog_close(control->keylog);
	query_fini(control);
	sa_table_free(control->sas);
	punt_limit_free(control->punt_limit);
	monitor_free(control->monitor);
	slots_free(control->slots);
	for (int i = 0; i < 2; i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	if (d->reload != NULL)
		event_free(d->reload);
	if (d->stop_event != NULL)
		event_free(d->stop_event);
	if (control->base != NULL)
		event_base_free(control->base);
	free(d->leaving.handle);
	config_free(control->loaded);
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct options options;
	int code = 0;

	log_init("caponier-control");
	umask(077);
	if (parse_options(argc, argv, &options, &code) != 0)
		return code;
	d.control.signer = signer_start(); // nothing secret is in memory yet
	if (d.control.signer == NULL) {
		LOG(ERR, "cannot start: signing process: %s", strerror(errno));
		return 1;
	}
	d.control.loaded = load_config(options.config);
	if (d.control.loaded == NULL) {
		signer_stop(d.control.signer);
		return 2;
	}
	d.control.config = d.control.loaded;
	d.control.run_dir = options.run_dir;
	d.control.on_ready = on_ready;
	code = start(&d) == 0 ? 0 : 1;
	if (code == 0) {
		event_base_dispatch(d.control.base);
		LOG(NOTICE, "ended");
	}
	stop(&d);
	return code;
}
