// SPDX-License-Identifier: BSD-3-Clause
// The load generator: N clients of the load identities (u0@load.example.org and so on) in one IKE core, over
// real sockets in real time. Each makes IKE_SA_INIT, IKE_AUTH, a virtual link and a child SA whose keys it
// throws away, so many at once as --in-flight says. For each thousand of links: time and CPU time of a
// handshake and what the gateway's processes have grown by; or, with --beside, the same of two gateways in
// windows that take turns (loadgen_pair.c). See scripts/bench --links.
//
// As root in the clients' namespace: ports 500 and 4500. One thread, and the probes'.
#include "clock.h"
#include "loadgen_impl.h"
#include "log.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STUCK_US (60 * US_PER_S) // nothing comes up for so long: given up
#define WAIT_MAX_US (100 * US_PER_MS)

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	(void)number;
	signalled = 1;
}

// ---- what the core asks for ----

static int op_spi_alloc(void *arg, uint32_t worker, uint32_t *spi)
{
	struct load *load = arg;

	(void)worker;
	*spi = ++load->spi;
	return 0;
}

static int op_ref_alloc(void *arg, uint32_t worker, sa_ref_t *ref)
{
	return op_spi_alloc(arg, worker, ref);
}

static void op_free(void *arg, uint32_t spi)
{
	(void)arg;
	(void)spi; // there are enough
}

static const struct ike_ops ops = {.random = load_random,
	.spi_alloc = op_spi_alloc,
	.spi_free = op_free,
	.ref_alloc = op_ref_alloc,
	.ref_free = op_free};

// ---- windows ----

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void end_window(struct load *load)
{
	struct window *window = &load->window[load->window_n++];
	struct load_gauge now;

	load_gauge_read(load->o.pid, &now);
	qsort(load->took_us, WINDOW, sizeof(load->took_us[0]), compare);
	*window = (struct window){.links = load->up,
		.wall_us = (double)(now.us - load->last.us) / WINDOW,
		.median_us = (double)load->took_us[WINDOW / 2],
		.longest_us = (double)load->took_us[WINDOW - 1]};
	for (int i = 0; i < LOAD_PROCESSES; i++)
		window->cpu_us[i] = (double)(now.cpu_us[i] - load->last.cpu_us[i]) / WINDOW;
	load->last = now;
}

static void on_up(struct load *load, const struct ike_effect *effect)
{
	struct client *client =
		&load->client[effect->connection.connection - load->config.connection];
	uint64_t now_us = clock_now_us();

	load->moved_us = now_us;
	client->ike_sa = effect->ike_sa;
	load->took_us[load->up++ % WINDOW] = now_us - client->begin_us;
	if (load->up % WINDOW == 0 && load->window != NULL)
		end_window(load);
}

static bool is_dead(const struct ike_event *event)
{
	const char *dead = ike_sa_state_name(IKE_SA_DEAD);
	size_t len = strlen(event->text), dead_len = strlen(dead);

	return event->type == IKE_EVENT_SA_STATE && len >= dead_len &&
		strcmp(event->text + len - dead_len, dead) == 0;
}

static void pump(struct load *load)
{
	struct ike_effect *effect = NULL;

	while ((effect = ike_effect_take(load->ike)) != NULL) {
		if (effect->type == IKE_SEND) {
			load_net_send(load->net, &effect->send.datagram);
		} else if (effect->type == IKE_CONNECTION_UP) {
			on_up(load, effect);
		} else if (effect->type == IKE_CONNECTION_DOWN && !load->o.delete) {
			fprintf(stderr, "loadgen: %s: %s\n", effect->connection.connection->name,
				effect->connection.why);
			load->failed++;
		} else if (effect->type == IKE_EVENT && is_dead(&effect->event)) {
			load->gone++;
			load->moved_us = clock_now_us();
		}
		ike_effect_free(effect);
	}
}

void load_turn(struct load *load, uint64_t wait_us)
{
	uint64_t now_us = clock_now_us(), next_us = 0;

	pump(load);
	next_us = ike_next_us(load->ike);
	if (next_us <= now_us)
		wait_us = 0;
	else if (next_us - now_us < wait_us)
		wait_us = next_us - now_us;
	load_net_receive(load->net, load->ike, wait_us);
	if (next_us <= clock_now_us())
		ike_timeout(load->ike, clock_now_us());
	pump(load);
}

// ---- the three parts of a run ----

static bool stuck(const struct load *load)
{
	return clock_now_us() - load->moved_us > STUCK_US;
}

int load_bring_up(struct load *load, uint32_t links)
{
	load->moved_us = clock_now_us();
	while (load->up < links && load->failed == 0 && !signalled && !stuck(load)) {
		while (load->started < links && load->started - load->up < load->o.in_flight) {
			uint32_t i = load->started++;

			load->client[i].begin_us = clock_now_us();
			if (ike_initiate(load->ike, &load->config.connection[i],
				    load_net_addr(load->net, i), load->client[i].begin_us) != 0)
				return -EIO;
			pump(load);
		}
		load_turn(load, WAIT_MAX_US);
	}
	return load->up == links ? 0 : -EIO;
}

// Answers what it is asked until there is a signal.
static void hold(struct load *load)
{
	while (!signalled)
		load_turn(load, WAIT_MAX_US);
}

static int delete_all(struct load *load)
{
	uint32_t asked = 0, before = load->gone;

	load->moved_us = clock_now_us();
	while (load->gone - before < load->up && !stuck(load)) {
		while (asked < load->up && asked - (load->gone - before) < load->o.in_flight) {
			(void)ike_sa_terminate(
				load->ike, load->client[asked].ike_sa, clock_now_us());
			asked++;
			pump(load);
		}
		load_turn(load, WAIT_MAX_US);
	}
	return load->gone - before == load->up ? 0 : -EIO;
}

// ---- set up ----

static int configure(struct load *load)
{
	load->base = load_client_config();
	if (load->base == NULL)
		return -EINVAL;
	load->config = *load->base;
	load->config.life.ike_rekey_s = load->config.life.child_rekey_s = 0;
	load->config.connection = calloc(load->o.links, sizeof(struct config_connection));
	load->config.connection_n = load->o.links;
	if (load->config.connection == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < load->o.links; i++) {
		struct config_connection *c = &load->config.connection[i];

		*c = load->base->connection[0];
		snprintf(c->name, sizeof(c->name), "u%u", load->o.first + i);
		c->gateway =
			load_pair_beside(&load->o.pair, i) ? load->o.pair.gateway : load->o.gateway;
		c->id.len = (uint8_t)snprintf((char *)c->id.data, sizeof(c->id.data),
			"u%u@load.example.org", load->o.first + i);
	}
	return 0;
}

static int load_init(struct load *load)
{
	int error = configure(load);

	if (error != 0)
		return error;
	load->spi = 255; // lower ones are reserved, RFC 4303 section 2.1
	load->client = calloc(load->o.links, sizeof(*load->client));
	if (load->client == NULL)
		return -ENOMEM;
	load->net = load_net_new(&load->o.local, load->o.addr_n);
	if (load->net == NULL)
		return -errno;
	load->ike = ike_new(&load->config, &ops, load);
	load->probe = load_probe_new(&load->o.gateway);
	return load->ike != NULL && load->probe != NULL ? 0 : -errno;
}

static void load_fini(struct load *load)
{
	load_probe_free(load->probe);
	ike_free(load->ike);
	load_net_free(load->net);
	free(load->window);
	free(load->client);
	if (load->base != NULL)
		free(load->config.connection);
	config_free(load->base);
}

// ---- report ----

static void print_windows(const struct load *load, FILE *json)
{
	static const uint32_t wanted[] = {1, 10};

	printf("%9s %12s %12s %12s %14s %12s\n", "links", "us each", "median us", "longest us",
		"control CPU us", "dataplane");
	for (uint32_t i = 0; i < load->window_n; i++) {
		const struct window *w = &load->window[i];
		bool shown = i + 1 == wanted[0] || i + 1 == wanted[1] || i + 1 == load->window_n;

		if (shown)
			printf("%9u %12.0f %12.0f %12.0f %14.0f %12.0f\n", w->links, w->wall_us,
				w->median_us, w->longest_us, w->cpu_us[LOAD_CONTROL],
				w->cpu_us[LOAD_DATAPLANE]);
		if (json != NULL)
			fprintf(json,
				"%s\n\t{\"links\": %u, \"each_us\": %.1f, \"median_us\": %.1f, "
				"\"longest_us\": %.1f, \"control_us\": %.1f, \"dataplane_us\": "
				"%.1f}",
				i == 0 ? "" : ",", w->links, w->wall_us, w->median_us,
				w->longest_us, w->cpu_us[LOAD_CONTROL], w->cpu_us[LOAD_DATAPLANE]);
	}
}

// Of the latest thousand, or of all when there are fewer.
static void print_latest(struct load *load)
{
	const uint32_t n = load->up < WINDOW ? load->up : WINDOW;

	if (n == 0)
		return;
	qsort(load->took_us, n, sizeof(load->took_us[0]), compare);
	printf("a client, median             %10.1f ms, longest %.1f\n",
		(double)load->took_us[n / 2] / 1e3, (double)load->took_us[n - 1] / 1e3);
}

static double per_link(const struct load *load, const struct load_gauge *end, int process)
{
	return ((double)end->memory[process] - (double)load->first.memory[process]) /
		(load->up > 0 ? load->up : 1);
}

static void report(struct load *load)
{
	FILE *json = load->o.json;
	struct load_probe_report probe;
	struct load_gauge end;

	load_gauge_read(load->o.pid, &end);
	load_probe_read(load->probe, &probe);
	if (json != NULL)
		fprintf(json, "{\"links\": %u, \"windows\": [", load->up);
	print_windows(load, json);
	printf("links                        %10u in %.1f s\n", load->up,
		(double)(end.us - load->first.us) / 1e6);
	print_latest(load);
	printf("memory per link, control     %10.0f octets, dataplane %.0f\n",
		per_link(load, &end, LOAD_CONTROL), per_link(load, &end, LOAD_DATAPLANE));
	printf("memory, control              %10.1f MB, dataplane %.1f\n",
		(double)end.memory[LOAD_CONTROL] / 1e6, (double)end.memory[LOAD_DATAPLANE] / 1e6);
	printf("longest wait of the loop     %10.1f ms, %u of %u answered\n",
		(double)probe.longest_us / 1e3, probe.answered, probe.sent);
	fflush(stdout);
	if (json != NULL)
		fprintf(json,
			"\n],\n\"control_octets\": %.0f, \"dataplane_octets\": %.0f, "
			"\"longest_us\": "
			"%lu}\n",
			per_link(load, &end, LOAD_CONTROL), per_link(load, &end, LOAD_DATAPLANE),
			probe.longest_us);
}

// All links of one gateway, a window for each thousand.
static int run_windows(struct load *load)
{
	int error = 0;

	load->window = calloc(load->o.links / WINDOW + 1, sizeof(*load->window));
	if (load->window == NULL)
		return -ENOMEM;
	load_gauge_read(load->o.pid, &load->first);
	load->last = load->first;
	error = load_bring_up(load, load->o.links);
	report(load);
	return error;
}

static int run(struct load *load)
{
	struct load_probe_report probe;
	int error = load_init(load);

	if (error == 0)
		error = load->o.pair.pairs > 0 ? load_pair_run(load) : run_windows(load);
	if (error == 0 && load->o.hold) {
		hold(load);
		load_probe_read(load->probe, &probe);
		printf("held: longest wait of the loop %.1f ms, %u of %u answered\n",
			(double)probe.longest_us / 1e3, probe.answered, probe.sent);
	}
	if (error == 0 && load->o.delete)
		error = delete_all(load);
	if (error != 0)
		fprintf(stderr, "loadgen: %s: %u links, %u refused, %u gone\n", strerror(-error),
			load->up, load->failed, load->gone);
	load_fini(load);
	return error;
}

static const char usage[] =
	"usage: loadgen [--links N] [--first N] [--in-flight N] [--gateway ADDRESS]\n"
	"               [--local FIRST ADDRESS] [--addresses N] [--control PID] [--dataplane PID]\n"
	"               [--json FILE] [--hold] [--delete]\n"
	"               [--beside ADDRESS --beside-control PID --beside-dataplane PID\n"
	"                [--beside-links N] [--pairs N] [--window N]]\n"
	"--first: number of the first identity. --hold: stays and answers until a signal comes.\n"
	"--delete: ends all links at the end.\n"
	"--beside: instead of --links, brings a second gateway to N links, then makes pairs of "
	"windows,\n"
	"one at each gateway.\n";

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"links", required_argument, NULL, 'n'},
		{"in-flight", required_argument, NULL, 'f'},
		{"gateway", required_argument, NULL, 'g'}, {"local", required_argument, NULL, 'l'},
		{"addresses", required_argument, NULL, 'a'},
		{"control", required_argument, NULL, 'c'},
		{"dataplane", required_argument, NULL, 'd'}, {"json", required_argument, NULL, 'j'},
		{"hold", no_argument, NULL, 'h'}, {"delete", no_argument, NULL, 'x'},
		{"first", required_argument, NULL, 'i'}, {"beside", required_argument, NULL, 'B'},
		{"beside-control", required_argument, NULL, 'C'},
		{"beside-dataplane", required_argument, NULL, 'D'},
		{"beside-links", required_argument, NULL, 'L'},
		{"pairs", required_argument, NULL, 'P'}, {"window", required_argument, NULL, 'W'},
		{NULL, 0, NULL, 0}};
	const char *gateway = "192.0.2.1", *local = "192.0.2.3", *beside = NULL;
	struct load_pair *pair = &o->pair;
	int c = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			o->links = number(optarg);
			break;
		case 'f':
			o->in_flight = number(optarg);
			break;
		case 'a':
			o->addr_n = number(optarg);
			break;
		case 'c':
			o->pid[LOAD_CONTROL] = atoi(optarg);
			break;
		case 'd':
			o->pid[LOAD_DATAPLANE] = atoi(optarg);
			break;
		case 'g':
			gateway = optarg;
			break;
		case 'l':
			local = optarg;
			break;
		case 'h':
			o->hold = true;
			break;
		case 'x':
			o->delete = true;
			break;
		case 'j':
			o->json = fopen(optarg, "w");
			if (o->json == NULL)
				return -errno;
			break;
		case 'i':
			o->first = number(optarg);
			break;
		case 'B':
			beside = optarg;
			break;
		case 'C':
			pair->pid[LOAD_CONTROL] = atoi(optarg);
			break;
		case 'D':
			pair->pid[LOAD_DATAPLANE] = atoi(optarg);
			break;
		case 'L':
			pair->links = number(optarg);
			break;
		case 'P':
			pair->pairs = number(optarg);
			break;
		case 'W':
			pair->window = number(optarg);
			break;
		default:
			return -EINVAL;
		}
	}
	if (beside == NULL)
		pair->pairs = 0;
	else if (inet_addr_parse(beside, &pair->gateway) != 0 || pair->pairs == 0 ||
		pair->window == 0 || pair->window > WINDOW)
		return -EINVAL;
	else
		o->links = pair->links + 2 * pair->pairs * pair->window;
	if (inet_addr_parse(gateway, &o->gateway) != 0 || inet_addr_parse(local, &o->local) != 0 ||
		o->gateway.family != o->local.family || o->links == 0 || o->in_flight == 0)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	static struct load load = {.o = {.links = 1000,
					   .in_flight = 16,
					   .addr_n = 16,
					   .pair = {.links = 500, .pairs = 10, .window = 100}}};
	const struct sigaction action = {.sa_handler = on_signal};
	int error = read_options(&load.o, argc, argv);

	if (error != 0) {
		fputs(usage, stderr);
		return 2;
	}
	log_init("loadgen");
	log_set_level("*", LOG_ERR);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	error = run(&load);
	if (load.o.json != NULL)
		fclose(load.o.json);
	return error == 0 ? 0 : 1;
}
