// SPDX-License-Identifier: BSD-3-Clause
// See monitor.h. Control's thread.
#include "monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

struct monitor_subscriber {
	LIST_ENTRY(monitor_subscriber) entries;
	void (*fn)(void *arg, const char *line, size_t len);
	void *arg;
};

struct monitor {
	LIST_HEAD(, monitor_subscriber) subscribers;
};

const char *monitor_event_name(enum monitor_event event)
{
	static const char *const names[] = {
#define X(id, name, keys) name,
		MONITOR_EVENTS(X)
#undef X
	};

	return event < MONITOR_EVENT_COUNT ? names[event] : "?";
}

struct monitor *monitor_new(void)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (monitor != NULL)
		LIST_INIT(&monitor->subscribers);
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	struct monitor_subscriber *subscriber = NULL;

	if (monitor == NULL)
		return;
	while ((subscriber = LIST_FIRST(&monitor->subscribers)) != NULL)
		monitor_unsubscribe(monitor, subscriber);
	free(monitor);
}

struct monitor_subscriber *monitor_subscribe(
	struct monitor *monitor, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	struct monitor_subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (subscriber == NULL)
		return NULL;
	subscriber->fn = fn;
	subscriber->arg = arg;
	LIST_INSERT_HEAD(&monitor->subscribers, subscriber, entries);
	return subscriber;
}

void monitor_unsubscribe(struct monitor *monitor, struct monitor_subscriber *subscriber)
{
	(void)monitor;
	if (subscriber == NULL)
		return;
	LIST_REMOVE(subscriber, entries);
	free(subscriber);
}

bool monitor_wanted(const struct monitor *monitor)
{
	return !LIST_EMPTY(&monitor->subscribers);
}

static void emit(struct monitor *monitor, const char *name, json_t *object)
{
	struct monitor_subscriber *subscriber = NULL;
	struct timespec now;
	json_t *line = json_object();
	char *text = NULL;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(
		line, "time", json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
	json_object_set_new(line, "event", json_string(name));
	if (object != NULL)
		json_object_update(line, object);
	json_decref(object);
	text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
	json_decref(line);
	if (text == NULL)
		return;
	LIST_FOREACH (subscriber, &monitor->subscribers, entries)
		subscriber->fn(subscriber->arg, text, strlen(text));
	free(text);
}

void monitor_emit(struct monitor *monitor, enum monitor_event event, json_t *object)
{
	if (monitor_wanted(monitor))
		emit(monitor, monitor_event_name(event), object);
	else
		json_decref(object);
}

static void set_text(json_t *object, const char *key, const char *text)
{
	// Identities and texts may hold anything that a peer sent.
	json_t *value = json_string(text);

	if (text[0] == '\0') {
		json_decref(value);
		return;
	}
	json_object_set_new(object, key, value != NULL ? value : json_string("(not UTF-8)"));
}

static void set_hex(json_t *object, const char *key, uint64_t value, int digits)
{
	char text[20];

	if (value == 0)
		return;
	snprintf(text, sizeof(text), "%0*lx", digits, value);
	json_object_set_new(object, key, json_string(text));
}

static void set_endpoint(
	json_t *object, const char *key, const struct inet_addr *addr, uint16_t port)
{
	char text[INET_ADDR_STRLEN], both[INET_ADDR_STRLEN + 10];

	if (addr->family == 0)
		return;
	snprintf(both, sizeof(both), addr->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		inet_addr_format(addr, text), port);
	json_object_set_new(object, key, json_string(both));
}

void monitor_emit_ike(struct monitor *monitor, const struct ike_event *event)
{
	json_t *object = NULL;

	if (!monitor_wanted(monitor))
		return;
	object = json_object();
	if (event->ike_sa != 0)
		json_object_set_new(object, "ike_sa", json_integer((json_int_t)event->ike_sa));
	set_hex(object, "spi_i", event->spi_i, 16);
	set_hex(object, "spi_r", event->spi_r, 16);
	set_endpoint(object, "local", &event->local, event->local_port);
	set_endpoint(object, "remote", &event->remote, event->remote_port);
	set_text(object, "peer", event->peer);
	set_hex(object, "spi_in", event->child_spi_in, 8);
	set_hex(object, "spi_out", event->child_spi_out, 8);
	set_text(object, "text", event->text);
	emit(monitor, ike_event_name(event->type), object);
}
