// SPDX-License-Identifier: BSD-3-Clause
// See fake_control.h.
#include "fake_control.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

static struct waiting {
	void (*done)(void *arg, int error);
	void *arg;
} waiting[4096];
static uint32_t waiting_n;

struct monitor_subscriber {
	void (*fn)(void *arg, const char *line, size_t len);
	void *arg;
	LIST_ENTRY(monitor_subscriber) entry;
};
static LIST_HEAD(, monitor_subscriber) subscribers = LIST_HEAD_INITIALIZER(subscribers);

uint32_t fake_control_answer(struct control *control, int error)
{
	uint32_t n = waiting_n;

	(void)control;
	for (uint32_t i = 0; i < n; i++)
		waiting[i].done(waiting[i].arg, error);
	memmove(waiting, waiting + n, (waiting_n - n) * sizeof(waiting[0]));
	waiting_n -= n;
	return n;
}

uint32_t fake_control_waiting(void)
{
	return waiting_n;
}

static void answer(struct control *control, void (*done)(void *arg, int error), void *arg)
{
	if (control->hold && waiting_n < 4096)
		waiting[waiting_n++] = (struct waiting){done, arg};
	else
		done(arg, control->connected ? 0 : -ENOTCONN);
}

uint32_t fake_control_emit(const char *line)
{
	struct monitor_subscriber *s;
	uint32_t n = 0;

	LIST_FOREACH (s, &subscribers, entry) {
		s->fn(s->arg, line, strlen(line));
		n++;
	}
	return n;
}

const struct config *control_config(const struct control *control)
{
	return control->config;
}

// The fake needs no core: its handle is the control itself.
struct ike *control_ike(struct control *control)
{
	return (struct ike *)control;
}

uint64_t control_started_us(const struct control *control)
{
	(void)control;
	return 0;
}

void control_dataplane(const struct control *control, struct control_dataplane *out)
{
	*out = (struct control_dataplane){
		.connected = control->connected, .workers = control->workers};
}

void control_counters_refresh(
	struct control *control, void (*done)(void *arg, int error), void *arg)
{
	answer(control, done, arg);
}

bool control_child_counters(
	const struct control *control, uint64_t child, struct control_counters *out)
{
	(void)control;
	*out = (struct control_counters){
		.in = {.pkts = child, .bytes = 100 * child, .idle_us = CLOCK_NEVER},
		.out = {.pkts = UINT64_MAX, .seq = 9},
	};
	return child % 2 == 0;
}

const char *control_link_state_name(enum control_link_state state)
{
	return state == CONTROL_LINK_UP ? "up" : "grace";
}

static void identity(struct config_id *id, uint32_t n, const char *text)
{
	char own[40];

	snprintf(own, sizeof(own), "u%u@example.org", n);
	text = text ? text : own;
	id->type = CONFIG_ID_RFC822;
	id->len = (uint8_t)strlen(text);
	memcpy(id->data, text, id->len);
}

bool control_links(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_link *link), void *arg)
{
	if (control->turns_max < max)
		control->turns_max = max;
	for (uint32_t n = 0; *cursor < control->link_n; n++) {
		uint32_t i = *cursor + 1;
		struct control_link link = {
			.link = i,
			.state = i % 2 ? CONTROL_LINK_UP : CONTROL_LINK_GRACE,
			.virtual_link = true,
			.link_id = {1, 2, 0xab},
			.link_id_len = 3,
			.client_iid = {2, 0, 0, 0, 0, 0, 0, 1},
			.peer = "users",
			.profile = "link",
			.prefix_n = 1,
			.ike_sa_n = 1,
			.ike_sa = {i},
			.age_us = 75500000,
			.grace_left_us = 5000000,
		};

		identity(&link.identity, i, i == 1 ? control->hostile : NULL);
		inet_prefix_parse("2001:db8:1000::/64", &link.prefix[0]);
		inet_addr_parse("10.66.0.1", &link.ip4);
		if (n == max)
			return true;
		++*cursor;
		if (!each(arg, &link))
			return false;
	}
	return false;
}

static int operation(struct control *control, uint64_t handle, uint64_t n)
{
	if (!handle || handle > n)
		return -ENOENT;
	control->calls++;
	control->last_handle = handle;
	return control->result;
}

int control_link_renumber(struct control *control, uint64_t link, bool fresh, uint32_t seconds)
{
	control->last_fresh = fresh;
	control->last_seconds = seconds;
	return operation(control, link, control->link_n);
}

int control_link_reauth(struct control *control, uint64_t link)
{
	return operation(control, link, control->link_n);
}

int control_reload(struct control *control, struct config_errors *errors)
{
	control->calls++;
	errors->n = 0;
	if (control->result == 0)
		return 0;
	errors->n = 2;
	snprintf(errors->text[0], sizeof(errors->text[0]), "f.conf:7: wrong; right");
	snprintf(errors->text[1], sizeof(errors->text[1]), "f.conf:9: more; better");
	return control->result;
}

int control_link_terminate(struct control *control, uint64_t link)
{
	return operation(control, link, control->link_n);
}

void control_pools(struct control *control,
	bool (*each)(void *arg, const struct control_pool *pool), void *arg)
{
	struct control_pool pool = {.name = "v4", .lease_len = 32, .size = 65536, .live = 2};

	(void)control;
	inet_prefix_parse("10.66.0.0/16", &pool.prefix);
	each(arg, &pool);
}

bool control_leases(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_lease *lease), void *arg)
{
	struct control_lease lease = {.pool = "v4", .link = 1, .role = "address"};

	(void)control, (void)cursor, (void)max;
	identity(&lease.identity, 1, NULL);
	inet_prefix_parse("10.66.0.1/32", &lease.prefix);
	each(arg, &lease);
	return false;
}

bool control_groups(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct control_group *group), void *arg)
{
	struct control_group group = {.link = 1, .source_n = 1, .age_us = 3000000};
	struct inet_addr source;

	(void)control, (void)cursor, (void)max;
	identity(&group.identity, 1, NULL);
	inet_addr_parse("ff0e::1:2", &group.group);
	inet_addr_parse("2001:db8::7", &source);
	group.source = &source;
	each(arg, &group);
	return false;
}

int control_peers(struct control *control, struct control_peer_walk *walk, uint32_t max,
	bool (*each)(void *arg, const struct control_peer *peer), void *arg)
{
	(void)max;
	if (walk->stage++ == 0)
		return 1;
	if (control->result)
		return control->result;
	for (uint32_t i = 0; i < control->config->gateway.peer_n; i++) {
		struct control_peer peer = {.peer = &control->config->gateway.peer[i], .links = 3};

		if (!each(arg, &peer))
			return 0;
	}
	return 0;
}

void control_peers_end(struct control_peer_walk *walk)
{
	(void)walk;
}

void control_connections(struct control *control,
	bool (*each)(void *arg, const struct control_connection *connection), void *arg)
{
	for (uint32_t i = 0; i < control->config->connection_n; i++) {
		struct control_connection connection = {
			.connection = &control->config->connection[i],
			.state = "up",
			.ike_sa = 1,
			.cp = {.link = true,
				.ip4_n = 1,
				.domain_n = 1,
				.domain = {"corp.example.org"}},
			.mtu = 1400,
			.why = "",
		};

		inet_addr_parse("10.66.0.7", &connection.cp.ip4[0]);
		if (!each(arg, &connection))
			return;
	}
}

int control_connection_up(struct control *control, const char *name)
{
	return strcmp(name, "home") ? -ENOENT : operation(control, 1, 1);
}

int control_connection_reauth(struct control *control, const char *name)
{
	return strcmp(name, "home") ? -ENOENT : operation(control, 1, 1);
}

int control_connection_down(struct control *control, const char *name)
{
	return strcmp(name, "home") ? -ENOENT : operation(control, 1, 1);
}

bool control_orphans(struct control *control, uint32_t *cursor, uint32_t max,
	bool (*each)(void *arg, const struct ipc_sa_info *sa), void *arg)
{
	struct ipc_sa_info sa = {.direction = IPC_DIR_OUT, .spi = 0xdeadbeef, .pkts = 4};

	(void)control, (void)cursor, (void)max;
	each(arg, &sa);
	return false;
}

uint64_t control_child_of(const struct control *control, sa_ref_t ref)
{
	return ref > 0x04000000 && ref <= 0x04000000 + control->ike_sa_n ? ref - 0x04000000 + 1000
									 : 0;
}

void control_table(struct control *control, enum control_table table,
	void (*each)(void *arg, const void *info), void (*done)(void *arg, int error), void *arg)
{
	struct ipc_port_info port = {.role = 77, .addr_n = 99};
	struct ipc_neigh_info neigh = {.state = 200};
	struct ipc_route_info routes[] = {
		{.kind = IPC_ROUTE_SA, .table = 1, .ref = 0x04000001},
		{.kind = IPC_ROUTE_SA, .table = 1, .ref = 0x08000005},
		{.kind = 100},
		{.kind = 1234, .table = 99},
	};

	// As hostile as a dataplane may be: no zero ends the names.
	memset(port.name, 'p', sizeof(port.name));
	memset(port.device, 0xff, sizeof(port.device));
	memset(neigh.port, 'n', sizeof(neigh.port));
	if (control->connected && table == CONTROL_PORTS)
		each(arg, &port);
	if (control->connected && table == CONTROL_NEIGHBOURS)
		each(arg, &neigh);
	for (size_t i = 0; control->connected && table == CONTROL_ROUTES && i < 4; i++)
		each(arg, &routes[i]);
	answer(control, done, arg);
}

int control_stats(struct control *control, uint32_t thread, struct seam_stats *out)
{
	memset(out, 0, sizeof(*out));
	if (!control->connected)
		return -ENOTCONN;
	out->rx_pkts = thread + 1;
	out->drops[DROP_ESP_REPLAY] = 10 * thread;
	return 0;
}

void control_own_counters(struct control *control,
	void (*each)(void *arg, const char *name, uint64_t value, const char *text), void *arg)
{
	(void)control;
	each(arg, "commands_sent", 5, "commands sent");
}

int control_sa_rekey(struct control *control, uint64_t ike_sa)
{
	return operation(control, ike_sa, control->ike_sa_n);
}

int control_sa_terminate(struct control *control, uint64_t ike_sa)
{
	return operation(control, ike_sa, control->ike_sa_n);
}

int control_child_rekey(struct control *control, uint64_t child)
{
	return operation(control, child, 1000 + control->ike_sa_n);
}

int control_child_terminate(struct control *control, uint64_t child)
{
	return operation(control, child, 1000 + control->ike_sa_n);
}

struct monitor_subscriber *control_monitor_subscribe(
	struct control *control, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	struct monitor_subscriber *s = calloc(1, sizeof(*s));

	(void)control;
	s->fn = fn;
	s->arg = arg;
	LIST_INSERT_HEAD(&subscribers, s, entry);
	return s;
}

void control_monitor_unsubscribe(struct control *control, struct monitor_subscriber *subscriber)
{
	(void)control;
	LIST_REMOVE(subscriber, entry);
	free(subscriber);
}

static void describe(uint32_t i, struct ike_sa_info *info)
{
	*info = (struct ike_sa_info){
		.ike_sa = i,
		.spi_i = 0x1111111111111111 * (i % 16),
		.spi_r = 0xffffffff00000000 + i,
		.state = IKE_SA_ESTABLISHED,
		.local_port = 4500,
		.remote_port = 4500,
		.suite = "aes128gcm16-prfsha256-x25519",
		.link = i,
		.established_us = 1,
		.rekey_us = CLOCK_NEVER,
		.child_n = 1,
		.child = {{
			.child = 1000 + i,
			.spi_in = 0x04000000 + i,
			.spi_out = 0xc0000000 + i,
			.ref = 0x04000000 + i,
			.suite = {ENCR_AES_GCM_16, 128, 0, 1},
			.established_us = 1,
			.rekey_us = CLOCK_NEVER,
			.state = "installed",
		}},
	};

	identity(&info->remote_id, i, NULL);
	inet_addr_parse("192.0.2.1", &info->local);
	inet_addr_parse("2001:db8::2", &info->remote);
}

bool ike_walk(const struct ike *ike, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct ike_sa_info *info), void *arg)
{
	const struct control *control = (const struct control *)ike;
	struct ike_sa_info info;

	for (uint32_t n = 0; *cursor < control->ike_sa_n; n++) {
		if (n == max)
			return true;
		describe(++*cursor, &info);
		if (!fn(arg, &info))
			return false;
	}
	return false;
}

bool ike_find(struct ike *ike, uint64_t ike_sa, struct ike_sa_info *out)
{
	const struct control *control = (const struct control *)ike;

	if (ike_sa == 0 || ike_sa > control->ike_sa_n)
		return false;
	describe((uint32_t)ike_sa, out);
	return true;
}

void ike_counters(const struct ike *ike, struct ike_counters *out)
{
	(void)ike;
	memset(out, 0, sizeof(*out));
	out->established = 3;
}

uint32_t ike_half_open(const struct ike *ike)
{
	(void)ike;
	return 0;
}

const char *ike_sa_state_name(enum ike_sa_state state)
{
	return state == IKE_SA_ESTABLISHED ? "established" : "other";
}
