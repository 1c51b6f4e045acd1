// SPDX-License-Identifier: BSD-3-Clause
// `caponier config reload` and SIGHUP: the configuration file again, checked whole, and its difference
// applied (invariant 7). What can fail stands first: a bad file, what only a restart can change, the
// key log, links and leases (the store), IKE (memory). Up to there everything is as it was when
// something fails. Then the parts that only take notice. The old configuration goes when nothing
// points to it any more.
//
// Links that lost a lease, because a pool shrank, are told to authenticate again, not all at once.
// Control's thread.
#include "reload.h"

#include "clock.h"
#include "credentials.h"
#include "dhcp6_server.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("control");

// So many links begin within a second of each other, when many have to.
#define RENUMBERED_PER_S 200

static void add_error(struct config_errors *errors, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_error(struct config_errors *errors, const char *format, ...)
{
	va_list ap;

	if (errors->n++ >= CONFIG_ERRORS)
		return;
	va_start(ap, format);
	vsnprintf(errors->text[errors->n - 1], sizeof(errors->text[0]), format, ap);
	va_end(ap);
}

// ---- links that have to authenticate again ----

struct renumber {
	struct control *control;
	uint64_t *link;
	size_t n, room, at;
	bool overflow;
};

static void note_link(void *arg, const struct link *link)
{
	struct renumber *list = arg;
	uint64_t *more = NULL;

	if (list->n == list->room) {
		more = reallocarray(list->link, list->room * 2 + 64, sizeof(*more));
		if (more == NULL) {
			list->overflow = true;
			return;
		}
		list->link = more;
		list->room = list->room * 2 + 64;
	}
	list->link[list->n++] = link->handle;
}

int reload_reauth(struct control *control, uint64_t handle, uint32_t seconds)
{
	const struct link *link = link_find(control->links, handle);
	uint64_t ike_sa[LINK_IKE_SAS];
	uint32_t n = 0;
	int error = 0, any = -ENOENT;

	if (link == NULL)
		return -ENOENT;
	n = link->ike_sa_n;
	memcpy(ike_sa, link->ike_sa, sizeof(ike_sa));
	for (uint32_t i = 0; i < n; i++) {
		error = ike_sa_reauth(control->ike, ike_sa[i], seconds, clock_now_us());
		any = error == 0 || any != 0 ? error : any;
	}
	return n > 0 ? any : 0; // a link in its grace time has nobody to tell
}

static void renumber(struct control *control, struct renumber *list)
{
	if (list->overflow)
		LOG(ERR,
			"out of memory: links that lost a lease keep the rest until their next "
			"reauthentication");
	for (size_t i = 0; i < list->n; i++)
		reload_reauth(control, list->link[i], (uint32_t)(i / RENUMBERED_PER_S));
	if (list->n > 0)
		LOG(NOTICE, "%zu links have to authenticate again", list->n);
	free(list->link);
}

// ---- what differs ----

static const char *restart_whom(const char *key)
{
	return strncmp(key, "dataplane.", 10) == 0 ? "caponier-dataplane and caponier-control"
						   : "caponier-control";
}

static void name_restarts(
	const struct config *config, const struct config_diff *diff, struct config_errors *errors)
{
	for (uint32_t i = 0; i < diff->restart_n; i++)
		add_error(errors,
			"%.120s: %s is another one than what runs, and cannot change while it "
			"does; "
			"restart %s, or write the old value",
			config->path, diff->restart[i], restart_whom(diff->restart[i]));
}

static json_t *names_of(const struct config_diff *diff)
{
	const struct {
		bool set;
		const char *name;
	} parts[] = {{diff->proposals, "proposals"}, {diff->lifetimes, "lifetimes"},
		{diff->pools, "pools"}, {diff->profiles, "profiles"},
		{diff->certificates, "certificates"}, {diff->peers, "peers"},
		{diff->multicast, "multicast"}, {diff->connections, "connections"},
		{diff->other, "other"}};
	json_t *names = json_array();

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].set)
			json_array_append_new(names, json_string(parts[i].name));
	return names;
}

static void say_done(struct control *control, const struct config_diff *diff, size_t renumbered)
{
	json_t *names = names_of(diff);
	char text[160] = "";
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(names) && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "",
			json_string_value(json_array_get(names, i)));
	LOG(NOTICE, "configuration loaded again: %s", len > 0 ? text : "nothing differs");
	monitor_emit(control->monitor, MONITOR_CONFIG_RELOADED,
		json_pack("{ss,so,sI}", "file", control->config->path, "changed", names,
			"renumbered", (json_int_t)renumbered));
}

static void say_refused(struct control *control, const struct config_errors *errors)
{
	const char *first = errors->n > 0 ? errors->text[0] : "";

	for (uint32_t i = 0; i < errors->n && i < CONFIG_ERRORS; i++)
		LOG(ERR, "%s", errors->text[i]);
	LOG(ERR, "the configuration stays as it was");
	monitor_emit(control->monitor, MONITOR_CONFIG_REFUSED,
		json_pack("{ss,ss}", "file", control->config->path, "text", first));
}

// ---- applying ----

// The key log of the new configuration in *out, which may be the one that is open.
static int open_keylog(struct control *control, const struct config *new, struct keylog **out)
{
	*out = control->keylog;
	if (strcmp(control->config->keylog_dir, new->keylog_dir) == 0)
		return 0;
	*out = new->keylog_dir[0] != '\0' ? keylog_open(new->keylog_dir) : NULL;
	return *out != NULL || new->keylog_dir[0] == '\0' ? 0 : -errno;
}

static void ignore_link(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
}

// Links first, since the store can fail; IKE after them. Both or neither.
static int apply_core(
	struct control *control, const struct config *new, struct renumber *list, const char **what)
{
	const struct config *old = control->config;
	int error = 0;

	*what = "links and leases";
	error = link_reconfigure(control->links, new, note_link, list, clock_now_us());
	if (error != 0)
		return error;
	install_pools(control, old, new); // without a dataplane: at its connection
	*what = "IKE";
	error = ike_reconfigure(control->ike, new, clock_now_us());
	if (error == 0)
		return 0;
	if (link_reconfigure(control->links, old, ignore_link, NULL, clock_now_us()) != 0) {
		LOG(ERR, "no way back to the old configuration");
		abort(); // half of each would be worse than a start anew, which tunnels survive
	}
	install_pools(control, new, old);
	return error;
}

static int apply(struct control *control, struct config *new, struct renumber *list,
	struct config_errors *errors)
{
	struct config *old = control->loaded;
	const char *what = "key log";
	struct keylog *keylog = NULL;
	int error = open_keylog(control, new, &keylog);
	bool other_keylog = keylog != control->keylog;

	if (error == 0) {
		error = apply_core(control, new, list, &what);
		if (error != 0 && other_keylog)
			keylog_close(keylog);
	}
	if (error != 0) {
		add_error(errors, "%.120s: %s: %s; nothing was changed", new->path, what,
			strerror(-error));
		return error;
	}
	if (other_keylog) {
		keylog_close(control->keylog);
		control->keylog = keylog;
	}
	control->config = new;
	control->loaded = new;
	control->config_generation++;
	keys_reconfigure(control);
	dhcp6_server_reconfigure(control->dhcp6, new);
	groups_reconfigure(control);
	if (client_reconfigure(control, new) != 0)
		LOG(ERR, "out of memory: a new connection is not there");
	loop_set_liveness(control);
	config_free(old);
	return 0;
}

int control_reload(struct control *control, struct config_errors *errors)
{
	struct renumber list = {.control = control};
	struct config_diff diff = {};
	struct config *new = NULL;
	int error = -EINVAL;

	if (control->stopping)
		return -ESHUTDOWN;
	new = config_load(control->config->path, errors);
	if (new != NULL && credentials_check(new, errors)) {
		config_diff(control->config, new, &diff);
		name_restarts(new, &diff, errors);
		error = diff.restart_n > 0 ? -EBUSY : apply(control, new, &list, errors);
	}
	if (error != 0) {
		say_refused(control, errors);
		config_free(new);
		free(list.link);
		return error;
	}
	say_done(control, &diff, list.n);
	renumber(control, &list);
	control_pump(control);
	return 0;
}
