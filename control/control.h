// SPDX-License-Identifier: BSD-3-Clause
// The inside of the control process: what main.c puts together and the files beside it share. The
// admin commands see control_api.h instead. Control's thread.
#pragma once

#include "control_api.h"
#include "dp_client.h"
#include "ike.h"
#include "keylog.h"
#include "link.h"
#include "monitor.h"
#include "ndp.h"
#include "sa_table.h"
#include "slots.h"

#include <event2/event.h>

// Counters of what control itself decides.
#define CONTROL_COUNTERS(X)                                                                        \
	X(punt_udp, "IKE datagrams from the dataplane")                                            \
	X(punt_early, "IKE datagrams before control was ready")                                    \
	X(punt_inner, "packets that came out of SAs for control")                                  \
	X(punt_no_link, "such packets by SAs without a link")                                      \
	X(sa_failures, "SAs that the dataplane could not take")                                    \
	X(orphans_found, "SAs found after a restart of control")                                   \
	X(orphans_ended, "of these, taken out again")
struct control_counts {
#define X(name, text) uint64_t name;
	CONTROL_COUNTERS(X)
#undef X
	uint64_t ndp[NDP_RESULT_COUNT];
};

// How far we are with the dataplane that is connected.
enum control_phase {
	PHASE_ALONE, // no dataplane
	PHASE_LISTING, // it says which SAs it has
	PHASE_READY,
};

struct client_connection; // client.c
struct refresh; // query.c

struct control {
	const struct config *config;
	const char *run_dir;
	char dp_path[128];
	struct event_base *base;
	void (*on_ready)(struct control *control); // the first time; NULL: nobody asks
	uint64_t started_us;
	enum control_phase phase;
	uint64_t phase_us; // since when connected, or not
	struct seam_welcome welcome; // of the last connection
	bool had_dataplane;
	struct dp_client *dp;
	struct slots *slots; // NULL until the first connection
	struct store *store;
	struct link_table *links;
	struct ike *ike;
	struct sa_table *sas;
	struct monitor *monitor;
	struct keylog *keylog; // NULL: off
	struct client_connection *client; // one per config->connection
	struct refresh *refresh;
	struct event *timer; // for the IKE core and the links
	struct event *minute; // orphans
	struct event *doubt; // liveness
	bool pumping;
	bool stopping;
	struct control_counts counts;
};

// ops.c: what the IKE core asks for.
extern const struct ike_ops control_ike_ops;
void control_random(void *arg, void *out, size_t len); // the kernel's; arg is ignored

// loop.c: carries out what the core wants and sets the timer. After every call into the core or
// the links; calls within calls are put off.
void control_pump(struct control *control);

// install.c: effects on SAs become commands.
void install_in_add(struct control *control, const struct ike_effect *effect);
void install_out_set(struct control *control, const struct ike_effect *effect);
void install_in_del(struct control *control, uint32_t spi);
void install_out_del(struct control *control, sa_ref_t ref);
void install_move(struct control *control, const struct ipc_sa_move *move);
void install_sa_end(struct control *control, struct sa *sa); // by what the table knows
void install_orphans_end(struct control *control, uint64_t group);
void install_ref_free(struct control *control, sa_ref_t ref);
// The slots of the link's leases, at every worker, lead to its newest SA, or nowhere.
void install_link_slots(struct control *control, const struct link *link, sa_ref_t ref);
extern const struct link_events control_link_events;

// reconcile.c: after a connection to the dataplane.
void reconcile_start(
	struct control *control, const struct seam_welcome *welcome, bool same_instance);
void reconcile_orphans(struct control *control); // the idle and the old ones go

// query.c: reading the SAs' counters.
int query_init(struct control *control);
void query_fini(struct control *control);
void query_lost(struct control *control); // the dataplane is gone
// Lists all SAs; every one is given to `each` (which may be NULL), then done.
void query_sas(struct control *control,
	void (*each)(struct control *control, const struct ipc_sa_info *info),
	void (*done)(void *arg, int error), void *arg);
void query_doubtful(struct control *control); // children from which nothing was heard

// punt.c: packets from and to the dataplane.
void punt_udp(struct control *control, const struct ipc_punt_udp *punt, const uint8_t *data);
void punt_inner(struct control *control, uint32_t thread, const struct ipc_punt_inner *punt,
	const uint8_t *data);
void punt_send(struct control *control, uint32_t worker, const struct ike_datagram *datagram);

// client.c: the host's interface of a connection.
int client_init(struct control *control);
void client_fini(struct control *control);
void client_autostart(struct control *control);
void client_up(struct control *control, const struct ike_effect *effect);
void client_down(struct control *control, const struct ike_effect *effect);
void client_child_up(struct control *control, const struct ike_effect *effect);
void client_child_down(struct control *control, const struct ike_effect *effect);
// What the host's kernel says of an address of one of our interfaces.
void client_addr_state(struct control *control, const struct ipc_hostif_addr_state *state);
// A packet that came out of an SA of the connection, for control: DHCPv6. false: not the client's.
bool client_inner(struct control *control, const struct ipc_punt_inner *punt, const uint8_t *data);
uint64_t client_next_us(const struct control *control); // CLOCK_NEVER
void client_timeout(struct control *control, uint64_t now_us);
int client_reconfigure(struct control *control, const struct config *config);
// The group's newest SA changed: routes lead to it.
void client_primary(struct control *control, uint64_t group, sa_ref_t ref);
uint64_t client_group(const struct control *control, const struct config_connection *connection);
bool client_is_group(uint64_t group);
void client_stop(struct control *control); // interfaces go
void client_dataplane_new(struct control *control); // it has nothing of ours

// monitor_sa.c: events that are control's own.
void monitor_sa_add(struct control *control, const struct ipc_sa_info *info);
void monitor_sa_del(struct control *control, const struct ipc_sa_info *info);
json_t *monitor_spi(uint32_t spi_or_ref);
void monitor_link(struct control *control, enum monitor_event event, const struct link *link);
