// SPDX-License-Identifier: BSD-3-Clause
// The event loop's handlers: what comes from the dataplane goes to the IKE core, what the core wants
// done is carried out in its order, and its timers are kept. Nothing here waits. Control's thread.
#include "loop.h"

#include "clock.h"
#include "log.h"
#include "punt_backlog.h"

#include <errno.h>

LOG_TYPE("control");

// Effects carried out in one go before others have their turn.
#define EFFECTS_A_ROUND 1024

static void carry_out(struct control *control, struct ike_effect *effect)
{
	switch (effect->type) {
	case IKE_SEND:
		punt_send(control, effect->worker, &effect->send.datagram);
		break;
	case IKE_SA_IN_ADD:
		install_in_add(control, effect);
		break;
	case IKE_SA_OUT_SET:
		install_out_set(control, effect);
		break;
	case IKE_SA_IN_DEL:
		install_in_del(control, effect->spi);
		break;
	case IKE_SA_OUT_DEL:
		install_out_del(control, effect->ref);
		break;
	case IKE_SA_MOVE:
		install_move(control, &effect->move);
		break;
	case IKE_EVENT:
		if (effect->event.type == IKE_EVENT_CHILD_REKEYED)
			punt_child_rekeyed(control, &effect->event);
		monitor_emit_ike(control->monitor, &effect->event);
		break;
	case IKE_KEYLOG:
		keylog_ike(control->keylog, &effect->keylog);
		break;
	case IKE_CONNECTION_UP:
		client_up(control, effect);
		break;
	case IKE_CONNECTION_CHILD_UP:
		client_child_up(control, effect);
		break;
	case IKE_CONNECTION_CHILD_DOWN:
		client_child_down(control, effect);
		break;
	case IKE_CONNECTION_DOWN:
		client_down(control, effect);
		break;
	}
}

static void set_timer(struct control *control, bool at_once)
{
	uint64_t now_us = clock_now_us();
	uint64_t next_us = ike_next_us(control->ike);
	uint64_t link_us = link_next_us(control->links);
	uint64_t client_us = client_next_us(control);
	uint64_t group_us = groups_next_us(control);
	uint64_t left_us = 0;
	struct timeval tv = {};

	if (link_us < next_us)
		next_us = link_us;
	if (client_us < next_us)
		next_us = client_us;
	if (group_us < next_us)
		next_us = group_us;
	if (next_us == CLOCK_NEVER && !at_once) {
		evtimer_del(control->timer);
		return;
	}
	if (!at_once && next_us > now_us)
		left_us = next_us - now_us;
	tv.tv_sec = (time_t)(left_us / US_PER_S);
	tv.tv_usec = (suseconds_t)(left_us % US_PER_S);
	evtimer_add(control->timer, &tv);
}

void control_pump(struct control *control)
{
	struct ike_effect *effect = NULL;
	uint32_t n = 0;

	if (control->pumping)
		return; // who is pumping takes these too
	control->pumping = true;
	while (n < EFFECTS_A_ROUND && (effect = ike_effect_take(control->ike)) != NULL) {
		carry_out(control, effect);
		ike_effect_free(effect);
		n++;
	}
	control->pumping = false;
	groups_send(control, clock_now_us());
	set_timer(control, n == EFFECTS_A_ROUND);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;

	(void)fd;
	(void)what;
	ike_timeout(control->ike, clock_now_us());
	link_timeout(control->links, clock_now_us());
	punt_probes(control);
	client_timeout(control, clock_now_us());
	control_pump(control);
}

static void on_strangers(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	punt_strangers(arg);
	control_pump(arg);
}

static void on_minute(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	reconcile_orphans(arg);
}

static void on_doubt(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	query_doubtful(arg);
}

// ---- events of the dataplane ----

static void on_first_use(struct control *control, const struct ipc_sa_first_use *use)
{
	const struct sa *sa = sa_find(control->sas, IPC_DIR_IN, use->spi);

	if (sa == NULL || sa->orphan)
		return;
	monitor_emit(control->monitor, MONITOR_SA_FIRST_USE,
		monitor_wanted(control->monitor) ? monitor_spi(use->spi) : NULL);
	ike_on_first_use(control->ike, use->spi, clock_now_us());
}

static void on_expire(struct control *control, const struct ipc_sa_expire *expire)
{
	static const char *const why[] = {"bytes", "packets", "sequence number"};
	enum ipc_direction direction = expire->direction == IPC_DIR_OUT ? IPC_DIR_OUT : IPC_DIR_IN;
	struct sa *sa = sa_find(control->sas, direction, expire->spi_or_ref);

	if (sa == NULL || expire->why > IPC_EXPIRE_SEQ)
		return;
	LOG(INFO, "%s SA %08x has reached its %s limit of %s",
		direction == IPC_DIR_IN ? "inbound" : "outbound", expire->spi_or_ref,
		expire->hard ? "hard" : "soft", why[expire->why]);
	if (monitor_wanted(control->monitor)) {
		json_t *object = monitor_spi(expire->spi_or_ref);

		json_object_set_new(object, "hard", json_boolean(expire->hard != 0));
		json_object_set_new(object, "why", json_string(why[expire->why]));
		monitor_emit(control->monitor, MONITOR_SA_EXPIRE, object);
	}
	if (sa->orphan && expire->hard)
		install_sa_end(control, sa);
	else if (sa->child != NULL)
		ike_on_expire(control->ike, sa->child->child, expire->hard != 0, clock_now_us());
}

static void on_moved(struct control *control, const struct ipc_sa_moved *moved)
{
	struct sa *sa = sa_find(control->sas, IPC_DIR_IN, moved->spi);
	struct ipc_sa_moved checked = *moved;
	char text[INET_ADDR_STRLEN];

	if (sa == NULL || sa->child == NULL || !inet_addr_valid(&moved->remote) ||
		moved->remote.family != sa->info.remote.family || moved->remote_port == 0)
		return;
	checked.child = sa->child->child;
	if (monitor_wanted(control->monitor)) {
		json_t *object = monitor_spi(moved->spi);

		json_object_set_new(
			object, "remote", json_string(inet_addr_format(&moved->remote, text)));
		monitor_emit(control->monitor, MONITOR_SA_MOVED, object);
	}
	ike_on_moved(control->ike, &checked, clock_now_us());
}

static void on_hostif_addr(struct control *control, const struct ipc_hostif_addr_state *state)
{
	struct ipc_hostif_addr_state checked = *state;

	checked.name[sizeof(checked.name) - 1] = '\0';
	if (inet_addr_valid(&checked.addr) && checked.event <= IPC_ADDR_DUPLICATE &&
		checked.prefix_len <= inet_addr_bits(checked.addr.family))
		client_addr_state(control, &checked);
}

static void dp_event(void *arg, uint32_t thread, const struct ipc_hdr *hdr, const void *payload)
{
	struct control *control = arg;
	const struct ipc_punt_udp *udp = payload;
	const struct ipc_punt_inner *inner = payload;
	const struct ipc_hostif_state *state = payload;
	const struct ipc_punt_port *port = payload;
	const struct ipc_punt_lan *lan = payload;

	switch (hdr->type) {
	case IPC_SA_FIRST_USE:
		on_first_use(control, payload);
		break;
	case IPC_SA_EXPIRE:
		on_expire(control, payload);
		break;
	case IPC_SA_MOVED:
		on_moved(control, payload);
		break;
	case IPC_TOO_BIG:
		if (control->phase == PHASE_READY)
			ike_on_too_big(control->ike, payload, clock_now_us());
		break;
	case IPC_HOSTIF_STATE:
		LOG(INFO, "interface %.*s is %s", IPC_NAME_MAX - 1, state->name,
			state->up ? "up" : "down");
		break;
	case IPC_HOSTIF_ADDR:
		on_hostif_addr(control, payload);
		break;
	case IPC_PUNT_UDP:
		punt_udp(control, udp, (const uint8_t *)(udp + 1));
		break;
	case IPC_PUNT_INNER:
		punt_inner(control, thread, inner, (const uint8_t *)(inner + 1));
		break;
	case IPC_PUNT_PORT:
		groups_port_input(control, port, (const uint8_t *)(port + 1));
		break;
	case IPC_PUNT_LAN:
		client_mld_punt(control, lan, (const uint8_t *)(lan + 1));
		break;
	default:
		break;
	}
}

static void dp_connected(void *arg, const struct seam_welcome *welcome, bool same_instance)
{
	struct control *control = arg;

	if (monitor_wanted(control->monitor))
		monitor_emit(control->monitor, MONITOR_DATAPLANE_UP,
			json_pack("{si,si,sb}", "pid", (int)welcome->pid, "workers",
				(int)welcome->geometry.workers, "same", same_instance));
	reconcile_start(control, welcome, same_instance);
}

static void dp_lost(void *arg, const char *why)
{
	struct control *control = arg;

	control->phase = PHASE_ALONE;
	control->phase_us = clock_now_us();
	query_lost(control);
	if (monitor_wanted(control->monitor))
		monitor_emit(
			control->monitor, MONITOR_DATAPLANE_LOST, json_pack("{ss}", "text", why));
}

static void dp_idle(void *arg)
{
	punt_strangers(arg);
	control_pump(arg);
}

static const struct dp_handlers handlers = {
	.connected = dp_connected, .lost = dp_lost, .event = dp_event, .idle = dp_idle};

void loop_set_liveness(struct control *control)
{
	uint32_t liveness_s = control->config->life.liveness_s;
	struct timeval half = {
		.tv_sec = liveness_s / 2, .tv_usec = liveness_s % 2 == 1 ? 500000 : 0};

	if (liveness_s > 0)
		event_add(control->doubt, &half);
	else
		event_del(control->doubt);
}

int loop_start(struct control *control)
{
	struct timeval minute = {.tv_sec = 60};

	control->timer = evtimer_new(control->base, on_timer, control);
	control->minute = event_new(control->base, -1, EV_PERSIST, on_minute, control);
	control->doubt = event_new(control->base, -1, EV_PERSIST, on_doubt, control);
	control->strangers = evtimer_new(control->base, on_strangers, control);
	control->punt_backlog = punt_backlog_new();
	if (control->timer == NULL || control->strangers == NULL || control->punt_backlog == NULL ||
		control->minute == NULL || control->doubt == NULL)
		return -ENOMEM;
	event_add(control->minute, &minute);
	loop_set_liveness(control);
	control->dp = dp_client_new(control->base, control->dp_path, &handlers, control);
	return control->dp != NULL ? 0 : -errno;
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

void loop_stop(struct control *control)
{
	dp_client_free(control->dp);
	control->dp = NULL;
	free_event(&control->timer);
	free_event(&control->strangers);
	punt_backlog_free(control->punt_backlog);
	control->punt_backlog = NULL;
	free_event(&control->minute);
	free_event(&control->doubt);
}
