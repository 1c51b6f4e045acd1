// SPDX-License-Identifier: BSD-3-Clause
// A whole control process but its main(), in front of a dataplane that the test plays: every command
// is written down and answered.
#pragma once

#include "clock.h"
#include "loop.h"
#include "t_fake_dataplane.h"
#include "t_link_setup.h"

#include <check.h>

static struct fake_dataplane dp;
static struct link_config *c;
static struct control control;

// Everything that the dataplane was told, in one list; answered at once.
#define SEEN_MAX 4096
static struct seen {
	uint32_t thread, type;
	union {
		struct ipc_sa_in_add in_add;
		struct ipc_sa_out_set out_set;
		struct ipc_sa_in_del in_del;
		struct ipc_sa_out_del out_del;
		struct ipc_pool_set pool_set;
		struct ipc_pool_add pool_add;
		struct ipc_pool_del pool_del;
		struct ipc_route_set route_set;
		struct ipc_route_del route_del;
		struct ipc_sa_ingress_set ingress;
		struct ipc_sa_move move;
		struct ipc_hostif_set hostif;
		struct ipc_lan_set lan;
		struct ipc_lan_del lan_del;
		struct ipc_group_set group_set;
		struct ipc_group_del group_del;
		struct ipc_group_sweep group_sweep;
		struct ipc_group_upstream group_upstream;
		struct ipc_punt_port port;
	};
} seen[SEEN_MAX];
static size_t seen_n;

// SAs that the dataplane has when it is asked, and how it answers to new ones.
static struct ipc_sa_info holds[8];
static size_t holds_n;
static uint32_t add_status, hostif_status;
static struct ipc_port_info port_holds; // its only port; without a name it has none

static inline void answer(uint32_t thread, const struct ipc_hdr *hdr, const struct seen *s)
{
	struct ipc_sa_info info = {};

	switch (hdr->type) {
	case IPC_SA_LIST:
		for (size_t i = 0; i < holds_n; i++)
			if (holds[i].direction ==
					((const struct ipc_sa_list *)(hdr + 1))->direction &&
				spi_worker(holds[i].direction == IPC_DIR_IN ? holds[i].spi
									    : holds[i].ref) +
						1 ==
					thread)
				fake_dataplane_say(&dp, thread, IPC_SA_INFO, hdr->id, 0, &holds[i],
					sizeof(holds[i]));
		fake_dataplane_ack(&dp, thread, hdr, 0);
		break;
	case IPC_PORT_LIST:
		if (port_holds.name[0] != '\0' && ((const struct ipc_list *)(hdr + 1))->from == 0)
			fake_dataplane_say(&dp, thread, IPC_PORT_INFO, hdr->id, 0, &port_holds,
				sizeof(port_holds));
		fake_dataplane_ack(&dp, thread, hdr, 0);
		break;
	case IPC_SA_IN_DEL:
		info = (struct ipc_sa_info){
			.direction = IPC_DIR_IN, .spi = s->in_del.spi, .pkts = 100, .idle_us = 5};
		fake_dataplane_say(&dp, thread, IPC_SA_INFO, hdr->id, 0, &info, sizeof(info));
		break;
	case IPC_SA_OUT_DEL:
		info = (struct ipc_sa_info){
			.direction = IPC_DIR_OUT, .ref = s->out_del.ref, .pkts = 200, .idle_us = 5};
		fake_dataplane_say(&dp, thread, IPC_SA_INFO, hdr->id, 0, &info, sizeof(info));
		break;
	case IPC_SA_IN_ADD:
	case IPC_SA_OUT_SET:
		fake_dataplane_ack(&dp, thread, hdr, add_status);
		break;
	case IPC_HOSTIF_SET:
		fake_dataplane_ack(&dp, thread, hdr, hostif_status);
		break;
	default:
		fake_dataplane_ack(&dp, thread, hdr, 0);
		break;
	}
}

static inline void note(uint32_t thread, const struct ipc_hdr *hdr)
{
	struct seen *s = &seen[seen_n];

	ck_assert_uint_lt(seen_n, SEEN_MAX);
	*s = (struct seen){.thread = thread, .type = hdr->type};
	memcpy(&s->in_add, hdr + 1, hdr->len < sizeof(*s) - 8 ? hdr->len : sizeof(*s) - 8);
	seen_n++;
}

// Packets on their way down; a test that asks is the only one who takes them.
static inline size_t note_packets(void)
{
	const struct ipc_hdr *hdr = NULL;
	size_t n = 0;

	for (uint32_t thread = 1; thread <= dp.geometry.workers; thread++)
		for (; (hdr = fake_dataplane_take(&dp, thread, SEAM_PUNT_DOWN)) != NULL; n++)
			note(thread, hdr);
	return n;
}

static inline bool serve_once(void)
{
	const struct ipc_hdr *hdr = NULL;
	bool any = false;

	for (uint32_t thread = 0; dp.seam != NULL && thread <= dp.geometry.workers; thread++)
		while ((hdr = fake_dataplane_take(&dp, thread, SEAM_COMMAND)) != NULL) {
			note(thread, hdr);
			answer(thread, hdr, &seen[seen_n - 1]);
			any = true;
		}
	return any;
}

static inline void serve(void)
{
	for (int quiet = 0; quiet < 3;) {
		quiet = serve_once() ? 0 : quiet + 1;
		event_base_loop(control.base, EVLOOP_NONBLOCK);
		usleep(1500);
	}
}

static inline void until_phase(enum control_phase phase)
{
	for (int i = 0; i < 3000 && control.phase != phase; i++) {
		serve_once();
		event_base_loop(control.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	ck_assert_int_eq(control.phase, phase);
	serve();
}

static inline void start_control(struct store *store)
{
	static const uint64_t secret[2] = {3, 4};
	struct link_setup link_setup = {.config = &c->config,
		.store = store,
		.random = control_random,
		.events = &control_link_events,
		.events_arg = &control,
		.now_us = clock_now_us(),
		.wall_s = 1700000000};

	control = (struct control){.config = &c->config, .store = store};
	snprintf(control.dp_path, sizeof(control.dp_path), "%s", dp.path);
	control.base = event_base_new();
	control.monitor = monitor_new();
	control.sas = sa_table_new(secret);
	ck_assert_int_eq(query_init(&control), 0);
	control.links = link_table_new(&link_setup);
	control.ike = ike_new(&c->config, &control_ike_ops, &control);
	ck_assert_ptr_nonnull(control.ike);
	ck_assert_int_eq(client_init(&control), 0);
	ck_assert_int_eq(groups_init(&control), 0);
	ck_assert_int_eq(loop_start(&control), 0);
	fake_dataplane_expect(&dp);
	until_phase(PHASE_READY);
	pthread_join(dp.thread, NULL);
}

static inline void stop_control(void)
{
	loop_stop(&control);
	client_fini(&control);
	physical_fini(&control);
	groups_fini(&control);
	install_fini(&control);
	ike_free(control.ike);
	link_table_free(control.links);
	query_fini(&control);
	sa_table_free(control.sas);
	monitor_free(control.monitor);
	slots_free(control.slots);
	event_base_free(control.base);
}

static inline size_t count_seen(uint32_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < seen_n; i++)
		n += seen[i].type == type;
	return n;
}

static inline const struct seen *find_seen(uint32_t type, size_t nth)
{
	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].type == type && nth-- == 0)
			return &seen[i];
	ck_abort_msg("%s was not seen", ipc_type_name(type));
	return NULL;
}
