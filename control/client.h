// SPDX-License-Identifier: BSD-3-Clause
// The inside of the client role, which the files client*.c share: a connection as it stands.
// Control's thread.
#pragma once

#include "client_plan.h"
#include "client_state.h"
#include "control.h"

// Whether the old IKE SA of a connection that changed is gone is looked at so often.
#define CLIENT_AGAIN_US (50 * US_PER_MS)
// What the dataplane refused is tried again after the first pause, each next one being twice as long.
#define CLIENT_RETRY_FIRST_US (1 * US_PER_S)
#define CLIENT_RETRY_MAX_US (60 * US_PER_S)

struct client_connection {
	struct client_connection *next;
	struct control *control;
	const struct config_connection *config;
	uint64_t group;
	bool up, wanted;
	uint64_t again_us; // start it when its old IKE SA is gone; CLOCK_NEVER
	uint64_t ike_sa;
	struct cp_attrs cp;
	struct ts_list local, remote;
	sa_ref_t link_ref; // the first child SA's: it covers our link-local address
	sa_ref_t ref; // that routes lead to, 0: none
	uint8_t iid[8];
	struct client_kept kept; // what outlives this process
	uint32_t child_n;
	struct client_child child[CLIENT_CHILDREN];
	uint32_t spec_n; // given to the core, beside those of the configuration
	struct ike_child_spec spec[CLIENT_CHILDREN];
	struct dhcp6_client *dhcp6; // NULL: does not run
	struct dhcp6_client_want dhcp6_want;
	struct dhcp6_given given;
	uint32_t seen_n; // prefixes from which the kernel made addresses (P2)
	struct inet_prefix seen[CP_LIST_MAX];
	uint64_t retry_us; // interface and LAN are set once more then; CLOCK_NEVER
	uint64_t retry_pause_us; // before the next time
	bool applied; // plan is what the dataplane has, with routes to applied_ref
	struct client_plan plan;
	sa_ref_t applied_ref;
	struct group_lan *mld; // of the LAN that is served; NULL: no multicast there
	char why[128];
};

// client.c
struct client_connection *client_find_group(const struct control *control, uint64_t group); // NULL
struct client_connection *client_find_config(
	const struct control *control, const struct config_connection *config); // NULL
struct client_connection *client_find_name(const struct control *control, const char *name); // NULL
uint64_t client_ike_sa(struct control *control, const struct config_connection *config); // 0: none
const char *client_state_path(const struct control *control, char path[512]);
void client_save(struct control *control); // what is to outlive this process
// A connection joins control's list; NULL: no memory. Taken off it, it is given to client_discard().
struct client_connection *client_add(
	struct control *control, const struct config_connection *config);
void client_discard(struct client_connection *c);
void client_tell_link(struct client_connection *c); // the core: what is kept of the last one
void client_went_down(struct client_connection *c, const char *why);

// client_apply.c: commands to the dataplane, differences only.
void client_apply(struct client_connection *c);
void client_take_away(struct client_connection *c);
void client_input_of(const struct client_connection *c, struct client_input *in);

// client_dhcp.c
// The connection is up, on the link that it was on (then nothing is asked again) or another one.
void client_dhcp_up(struct client_connection *c, bool same_link);
void client_dhcp_down(struct client_connection *c);
void client_dhcp_say(struct client_connection *c); // what waits to be sent
uint64_t client_dhcp_next_us(const struct client_connection *c); // CLOCK_NEVER
void client_dhcp_timeout(struct client_connection *c, uint64_t now_us);

// client_mld.c: the MLD proxy of the LAN.
void client_mld_set(struct client_connection *c); // the LAN's plan has been given to the dataplane
void client_mld_stop(struct client_connection *c);
uint64_t client_mld_next_us(const struct client_connection *c); // CLOCK_NEVER
void client_mld_timeout(struct client_connection *c, uint64_t now_us);

// client_link.c: the link of a connection that is up, its further child SAs and addresses.
void client_update(struct client_connection *c); // something changed: all of it follows
void client_link_up(struct client_connection *c, const struct ike_effect *effect);
void client_link_down(struct client_connection *c);
