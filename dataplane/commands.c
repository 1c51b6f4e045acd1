// SPDX-License-Identifier: BSD-3-Clause
// Carries out control's commands. Control is another process: every value is checked, what is wrong
// is counted and answered with an errno. One worker, its thread.
#include "commands.h"

#include "events.h"
#include "punt.h"
#include "secret.h"

#include <errno.h>

#define COMMANDS_A_ROUND 64
#define COMMANDS_BEFORE_A_PUNT 256
#define PUNTS_A_ROUND 32
#define LIST_MAX 64 // answers to one SA_LIST
#define EVENT_CELLS_SPARE 16 // room that a list leaves for other answers

static_assert(sizeof(struct ipc_hdr) + sizeof(struct ipc_sa_info) <= 2 * RING_CELL_BYTES);

static void answer(struct worker *w, const struct ipc_hdr *hdr, uint32_t type, int rc,
	const void *payload, uint32_t len)
{
	if (!w->event || !hdr->id)
		return;
	event_put(w->events, w->event, type, hdr->id, (uint32_t)-rc, payload, len);
	w->to_control = true;
}

static void ack(struct worker *w, const struct ipc_hdr *hdr, int rc)
{
	struct ipc_ack a = {.command = hdr->type};

	answer(w, hdr, IPC_ACK, rc, &a, sizeof(a));
}

static void info_or_ack(
	struct worker *w, const struct ipc_hdr *hdr, int rc, const struct ipc_sa_info *info)
{
	if (rc)
		ack(w, hdr, rc);
	else
		answer(w, hdr, IPC_SA_INFO, 0, info, sizeof(*info));
}

static void sa_list(struct worker *w, const struct ipc_hdr *hdr, const struct ipc_sa_list *cmd)
{
	uint32_t slot = cmd->slot;
	uint32_t max = RTE_MIN(cmd->max, (uint32_t)LIST_MAX);
	uint64_t active_us = cmd->active_s ? (uint64_t)cmd->active_s * 1000000 : UINT64_MAX;
	struct ipc_sa_info info;

	if (cmd->direction > IPC_DIR_OUT) {
		ack(w, hdr, -EINVAL);
		return;
	}
	for (uint32_t i = 0; i < max; i++, slot++) {
		if (w->event && ring_free_cells(w->event) < EVENT_CELLS_SPARE)
			break;
		if (esp_next(
			    w->esp, (enum ipc_direction)cmd->direction, &slot, &info, w->now_tsc)) {
			ack(w, hdr, 0);
			return;
		}
		if (info.idle_us <= active_us || i + 1 == max)
			answer(w, hdr, IPC_SA_INFO, 0, &info, sizeof(info));
	}
	ack(w, hdr, -EAGAIN);
}

// Two tables: what ends at this machine when it comes out of an SA, and what is sent on. The same
// prefix may stand in both.
static int route_set(struct worker *w, const struct ipc_route_set *cmd)
{
	struct inet_prefix prefix = cmd->prefix;

	if (!inet_prefix_valid(&prefix))
		return -EINVAL;
	inet_prefix_normalize(&prefix);
	switch (cmd->kind) {
	case IPC_ROUTE_SA:
		if (sa_ref_worker(cmd->ref) >= w->count)
			return -EINVAL;
		return fib_set(
			w->inner, &prefix, (struct fib_hop){.kind = FIB_SA, .arg = cmd->ref});
	case IPC_ROUTE_DISCARD:
		return fib_set(w->inner, &prefix, (struct fib_hop){.kind = FIB_DISCARD});
	case IPC_ROUTE_HOSTIF:
		return fib_set(w->deliver, &prefix,
			(struct fib_hop){.kind = FIB_HOSTIF,
				.arg = cmd->flags & IPC_ROUTE_DHCP6 ? FIB_HOSTIF_DHCP6 : 0});
	case IPC_ROUTE_PUNT:
		return fib_set(w->deliver, &prefix, (struct fib_hop){.kind = FIB_PUNT});
	default:
		return -EINVAL;
	}
}

static int route_del(struct worker *w, const struct ipc_route_del *cmd)
{
	struct inet_prefix prefix = cmd->prefix;
	int delivered, sent;

	if (!inet_prefix_valid(&prefix))
		return -EINVAL;
	inet_prefix_normalize(&prefix);
	delivered = fib_del(w->deliver, &prefix);
	sent = fib_del(w->inner, &prefix);
	return delivered && sent ? sent : 0;
}

static int pool_set(struct worker *w, const struct ipc_pool_set *cmd)
{
	if (cmd->ref && sa_ref_worker(cmd->ref) >= w->count)
		return -EINVAL;
	return pools_set(w->pools, cmd);
}

// Commands whose answer is an ACK. -ENOTSUP: not one of a worker's.
static int run_simple(struct worker *w, uint32_t type, const void *payload)
{
	switch (type) {
	case IPC_SA_IN_ADD:
		return esp_in_add(w->esp, payload, w->now_tsc);
	case IPC_SA_INGRESS_SET:
		return esp_ingress_set(w->esp, payload);
	case IPC_SA_OUT_SET:
		return esp_out_set(w->esp, payload, w->now_tsc);
	case IPC_SA_MOVE:
		return esp_move(w->esp, payload);
	case IPC_POOL_ADD:
		return pools_add(w->pools, payload);
	case IPC_POOL_DEL:
		return pools_del(w->pools, payload);
	case IPC_POOL_SET:
		return pool_set(w, payload);
	case IPC_ROUTE_SET:
		return route_set(w, payload);
	case IPC_ROUTE_DEL:
		return route_del(w, payload);
	case IPC_GROUP_SET:
		return group_set(w->groups, payload);
	case IPC_GROUP_DEL:
		return group_del(w->groups, payload);
	case IPC_GROUP_SWEEP:
		return group_sweep(w->groups, payload);
	case IPC_GROUP_UPSTREAM:
		return group_upstream(w->groups, payload);
	case IPC_PING:
		return 0;
	default:
		return -ENOTSUP;
	}
}

static void run(struct worker *w, const struct ipc_hdr *hdr, const void *payload)
{
	const struct ipc_sa_in_del *in_del = payload;
	const struct ipc_sa_out_del *out_del = payload;
	const struct ipc_sa_query *query = payload;
	struct ipc_sa_info info = {0};
	int rc;

	switch (hdr->type) {
	case IPC_SA_IN_DEL:
		rc = esp_in_del(w->esp, in_del->spi, &info, w->now_tsc);
		info_or_ack(w, hdr, rc, &info);
		break;
	case IPC_SA_OUT_DEL:
		rc = esp_out_del(w->esp, out_del->ref, &info, w->now_tsc);
		info_or_ack(w, hdr, rc, &info);
		break;
	case IPC_SA_QUERY:
		rc = query->direction > IPC_DIR_OUT
			? -EINVAL
			: esp_query(w->esp, (enum ipc_direction)query->direction, query->spi_or_ref,
				  &info, w->now_tsc);
		info_or_ack(w, hdr, rc, &info);
		break;
	case IPC_SA_LIST:
		sa_list(w, hdr, payload);
		rc = 0;
		break;
	case IPC_SEND_UDP:
		punt_send_udp(w, payload, (const uint8_t *)payload + sizeof(struct ipc_punt_udp));
		rc = 0;
		break;
	case IPC_SEND_INNER:
		punt_send_inner(
			w, payload, (const uint8_t *)payload + sizeof(struct ipc_punt_inner));
		rc = 0;
		break;
	case IPC_SEND_PORT:
		punt_send_port(w, payload, (const uint8_t *)payload + sizeof(struct ipc_punt_port));
		rc = 0;
		break;
	default:
		rc = run_simple(w, hdr->type, payload);
		ack(w, hdr, rc);
	}
	if (rc == -EINVAL || rc == -ENOTSUP || rc == -ERANGE)
		w->drops.n[DROP_COMMAND_BAD]++;
}

void commands_run(struct worker *w, uint8_t *msg, size_t len)
{
	struct ipc_hdr hdr;
	int rc;

	if (len < sizeof(hdr)) {
		w->drops.n[DROP_COMMAND_BAD]++;
		return;
	}
	memcpy(&hdr, msg, sizeof(hdr));
	rc = ipc_check(msg, len, true);
	if (rc) {
		w->drops.n[DROP_COMMAND_BAD]++;
		ack(w, &hdr, rc);
	} else {
		run(w, &hdr, msg + sizeof(hdr));
		w->stats.commands++;
	}
	if (hdr.type == IPC_SA_IN_ADD || hdr.type == IPC_SA_OUT_SET)
		secret_wipe(msg, len);
}

// Up to `max` commands. True: the ring was empty at the end.
static bool drain_commands(struct worker *w, uint32_t max, uint32_t *done)
{
	for (uint32_t i = 0; i < max; i++) {
		int len;

		if (!event_flush(w->events, w->event))
			return false;
		len = ring_get(w->command, w->msg_buf, RING_MSG_MAX);
		if (len <= 0)
			return true;
		commands_run(w, w->msg_buf, (size_t)len);
		++*done;
	}
	return false;
}

uint32_t commands_drain(struct worker *w)
{
	uint32_t done = 0;

	if (!w->command)
		return 0;
	if (!drain_commands(w, COMMANDS_A_ROUND, &done))
		return done;
	for (uint32_t i = 0; i < PUNTS_A_ROUND; i++) {
		// The packet first, the commands after: control put commands into their ring before
		// the packet that depends on them, so all of them are visible now.
		if (!w->held_len) {
			int len = ring_get(w->punt_down, w->msg_buf2, RING_MSG_MAX);

			if (len <= 0)
				break;
			w->held_len = (uint32_t)len;
		}
		if (!drain_commands(w, COMMANDS_BEFORE_A_PUNT, &done))
			break; // it waits for the next round
		commands_run(w, w->msg_buf2, w->held_len);
		w->held_len = 0;
		done++;
	}
	return done;
}

void commands_raise_events(struct worker *w)
{
	struct esp_event event[ESP_EVENTS_MAX];
	uint32_t room, n;

	if (!w->event || !event_flush(w->events, w->event))
		return;
	room = ring_free_cells(w->event);
	room = room > EVENT_CELLS_SPARE ? room - EVENT_CELLS_SPARE : 0;
	n = esp_events_take(w->esp, event, RTE_MIN(room, (uint32_t)ESP_EVENTS_MAX));
	for (uint32_t i = 0; i < n; i++) {
		const struct esp_event *e = &event[i];
		uint32_t len = e->type == IPC_SA_FIRST_USE ? sizeof(e->first_use)
			: e->type == IPC_SA_EXPIRE	   ? sizeof(e->expire)
							   : sizeof(e->moved);

		event_put(w->events, w->event, e->type, 0, 0, &e->first_use, len);
		w->to_control = true;
	}
}
