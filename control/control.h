// SPDX-License-Identifier: BSD-3-Clause
// The inside of the control process: what main.c puts together and the files beside it share. The
// admin commands see control_api.h instead. Control's thread.
#pragma once

#include "control_api.h"
#include "dhcp6_server.h"
#include "dp_client.h"
#include "group_msg.h"
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
	X(punt_shed_strangers, "IKE datagrams of strangers dropped: too many wait")                \
	X(punt_shed_half_open, "IKE datagrams of those being set up dropped: too many wait")       \
	X(punt_inner, "packets that came out of SAs for control")                                  \
	X(punt_no_link, "such packets by SAs without a link")                                      \
	X(punt_limited, "such packets of links that send too many")                                \
	X(punt_malformed, "such packets that are no IPv6, or have a wrong checksum")               \
	X(group_reports, "reports of multicast groups to the inner network")                       \
	X(group_failures, "memberships that a worker could not take")                              \
	X(punt_inside, "datagrams for control from the inner network")                             \
	X(sa_failures, "SAs that the dataplane could not take")                                    \
	X(orphans_found, "SAs found after a restart of control")                                   \
	X(orphans_ended, "of these, taken out again")                                              \
	X(physical_conflicts, "physical addresses that another peer had already")
// What no dataplane could be told.
struct install_lost {
	uint32_t n, room;
	struct inet_prefix *prefix; // routes that have to go
	uint32_t slot_n, slot_room;
	struct ipc_pool_set *slot; // slots of pools that lead nowhere any more
	bool links; // routes or filters of links have changed
};
// The pools that workers have; family 0: no pool of this number.
struct install_pool {
	struct inet_prefix prefix;
	uint8_t slot_len;
};
struct physical; // install_physical.c

struct control_counts {
#define X(name, text) uint64_t name;
	CONTROL_COUNTERS(X)
#undef X
	uint64_t ndp[NDP_RESULT_COUNT];
	uint64_t dhcp6[DHCP6_RESULT_COUNT];
	uint64_t group[GROUP_RESULT_COUNT]; // records
	uint64_t group_msg[GROUP_MSG_RESULT_COUNT]; // MLD and IGMP of links
	uint64_t group_port[GROUP_MSG_RESULT_COUNT]; // and of the inner network
};

// How far we are with the dataplane that is connected.
enum control_phase {
	PHASE_ALONE, // no dataplane
	PHASE_LISTING, // it says which SAs it has
	PHASE_READY,
};

struct client_connection; // client.h
struct refresh; // query.c
struct groups; // group.c
struct punt_backlog;
struct punt_limit;
struct signer;

struct control {
	const struct config *config;
	struct config *loaded; // the same, ours to give back; reload.c
	uint32_t config_generation; // grows with each reload
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
	struct dhcp6_server *dhcp6;
	struct punt_limit *punt_limit;
	struct punt_backlog *punt_backlog;
	struct ike *ike;
	struct sa_table *sas;
	struct monitor *monitor;
	struct signer *signer; // has the private keys; NULL in tests
	struct keylog *keylog; // NULL: off
	struct client_connection *client; // a list, one for each config->connection
	struct refresh *refresh;
	struct event *timer; // for the IKE core and the links
	struct event *strangers; // some wait in the backlog
	struct event *minute; // orphans
	struct event *doubt; // liveness
	struct install_lost lost;
	struct install_pool pool[IPC_POOLS];
	struct physical *physical;
	struct groups *groups;
	bool pumping;
	bool stopping;
	struct control_counts counts;
};

// ops.c: what the IKE core asks for.
extern const struct ike_ops control_ike_ops;
void control_random(void *arg, void *out, size_t len); // the kernel's; arg is ignored

// keys.c: private keys of the configuration, in the signing process.
int keys_start(struct control *control); // before the loop: reads and checks them; 0 or -errno
void keys_reconfigure(struct control *control); // what is wrong goes to the log

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

// install_link.c: what links have.
// A command to every worker.
void install_everywhere(
	struct control *control, enum ipc_type type, const void *cmd, size_t len, dp_answer_fn fn);
void install_route(struct control *control, const struct inet_prefix *prefix,
	enum ipc_route_kind kind, sa_ref_t ref);
void install_unroute(struct control *control, const struct inet_prefix *prefix);
// The slots of the link's leases, and the routes of what else it has, at every worker, lead to this
// SA, or nowhere.
void install_link_routes(struct control *control, const struct link *link, sa_ref_t ref);
void install_link_ingress(struct control *control, const struct link *link);
// The outbound SA that the link's packets take, be it one from before a restart of control; 0: none.
sa_ref_t install_link_ref(const struct control *control, const struct link *link);
// The ingress filter of the link's inbound SAs. `leaving`: a prefix that counts no more, or NULL.
uint32_t install_ingress(const struct link *link, const struct inet_prefix *leaving,
	struct inet_prefix out[IPC_INGRESS_MAX]);
// Connected again: routes go that should have gone meanwhile; another instance has none.
void install_lost_routes(struct control *control, bool same_instance);
// Routes and filters of one link, of all.
void install_link_again(struct control *control, const struct link *link);
void install_links_again(struct control *control);
void install_fini(struct control *control);
extern const struct link_events control_link_events;

// install_pools.c: pools and shared prefixes.
void install_pools_all(struct control *control); // after a connection
// Another configuration, after link_reconfigure(): what changed goes and comes, with the slots of
// links that have leases there. 0 or -ENOTCONN, which a connection makes up for.
int install_pools(struct control *control, const struct config *old, const struct config *new);

// install_physical.c: child SAs of the physical interface on the gateway (the draft's section 7) get
// routes from their selectors. Their group stands beside their link's.
#define PHYSICAL_GROUP (UINT64_C(1) << 62)
static inline uint64_t physical_group(uint64_t link)
{
	return link | PHYSICAL_GROUP;
}
static inline bool physical_is_group(uint64_t group)
{
	return group >> 62 == 1;
}
void physical_fini(struct control *control);
// The outbound SA in this slot covers these addresses of the peer; set again after a rekey.
void physical_set(
	struct control *control, uint64_t group, sa_ref_t ref, const struct ts_list *remote);
void physical_del(struct control *control, sa_ref_t ref); // no-op when it has no routes
// Found in a dataplane that went on without us: the routes that it had are in the store.
void physical_adopt(struct control *control, uint64_t group, sa_ref_t ref);
void physical_again(struct control *control); // another dataplane: all routes

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
// Some of the IKE datagrams that wait behind those of peers; comes back by itself while there are more.
void punt_strangers(struct control *control);
void punt_inner(struct control *control, uint32_t thread, const struct ipc_punt_inner *punt,
	const uint8_t *data);
void punt_send(struct control *control, uint32_t worker, const struct ike_datagram *datagram);
// A whole packet down the link by its newest SA; len 0: none.
void punt_send_inner(
	struct control *control, const struct link *link, const uint8_t *packet, size_t len);
// A child SA has new keys: the moment to send its link another router advertisement, if it is due.
void punt_child_rekeyed(struct control *control, const struct ike_event *event);
// After link_timeout(): what it wants to ask of links.
void punt_probes(struct control *control);

// group.c: multicast. Without groups_init() there is none.
int groups_init(struct control *control); // 0 or -ENOMEM
void groups_fini(struct control *control);
// A packet that came out of an SA of the link. false: it is not ours.
bool groups_mld(
	struct control *control, const struct link *link, const struct inner_packet *packet);
bool groups_igmp(struct control *control, const struct link *link, const uint8_t *data, size_t len);
// The link has an outbound SA with these selectors, NULL: unknown ones: it is asked what it wants, if
// it never was and can be.
void groups_sa_up(struct control *control, const struct link *link, const struct ts_list *local,
	const struct ts_list *remote);
void groups_primary(struct control *control, uint64_t link, sa_ref_t ref); // 0: it has none
void groups_link_down(struct control *control, uint64_t link);
void groups_reconcile(struct control *control); // after the listing
void groups_reconfigure(struct control *control); // limits, profiles without multicast
void groups_port_input(
	struct control *control, const struct ipc_punt_port *punt, const uint8_t *data);
uint64_t groups_next_us(const struct control *control); // CLOCK_NEVER
void groups_send(struct control *control, uint64_t now_us); // queries and reports that are due
void groups_upstream_each(struct control *control,
	void (*fn)(void *arg, const struct inet_addr *group, const struct source_filter *filter),
	void *arg);

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
// MLD of a host of a LAN.
void client_mld_punt(struct control *control, const struct ipc_punt_lan *punt, const uint8_t *data);
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
void monitor_link_prefix(struct control *control, enum monitor_event event, const struct link *link,
	const struct inet_prefix *prefix);
