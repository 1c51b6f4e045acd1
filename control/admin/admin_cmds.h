// SPDX-License-Identifier: BSD-3-Clause
// The handlers of the admin commands, one for each command that is not the program's own, and what
// they share. Control's thread.
#pragma once

#include "admin_call.h"
#include "log.h"

void cmds_link_show(struct admin_call *call);
void cmds_link_renumber(struct admin_call *call);
void cmds_link_reauth(struct admin_call *call);
void cmds_link_terminate(struct admin_call *call);
void cmds_sa_show(struct admin_call *call);
void cmds_sa_rekey(struct admin_call *call);
void cmds_sa_terminate(struct admin_call *call);
void cmds_peer_show(struct admin_call *call);
void cmds_peer_initiate(struct admin_call *call);
void cmds_peer_reauth(struct admin_call *call);
void cmds_peer_terminate(struct admin_call *call);
void cmds_pool_show(struct admin_call *call);
void cmds_lease_show(struct admin_call *call);
void cmds_group_show(struct admin_call *call);
void cmds_drops_show(struct admin_call *call);
void cmds_stats_show(struct admin_call *call);
void cmds_port_show(struct admin_call *call);
void cmds_neighbour_show(struct admin_call *call);
void cmds_route_show(struct admin_call *call);
void cmds_log_show(struct admin_call *call);
void cmds_log_level(struct admin_call *call);
void cmds_config_show(struct admin_call *call);
void cmds_config_reload(struct admin_call *call);
void cmds_monitor(struct admin_call *call);
void cmds_names(struct admin_call *call);

// So many objects are looked at before an answer in turns looks at the clock.
#define CMDS_TURN 64

// Names as people type them, and as the log has them: SAs "ike-3", "child-7", an SPI "04000001",
// links a number.
#define SA_NAME_LEN 32
const char *sa_name_ike(uint64_t ike_sa, char buf[SA_NAME_LEN]);
const char *sa_name_child(uint64_t child, char buf[SA_NAME_LEN]);
const char *sa_name_spi(uint32_t spi, char buf[SA_NAME_LEN]);
const char *link_name(uint64_t link, char buf[SA_NAME_LEN]);
// The text is this number in hexadecimal, with or without 0x and leading zeros; 0 is none.
bool hex_is(const char *text, uint64_t number);

// Fields that several commands have. Unset when there is nothing to tell.
void row_identity(struct admin_row *row, const char *name, const struct config_id *id);
void row_addr(struct admin_row *row, const char *name, const struct inet_addr *addr);
void row_endpoint(
	struct admin_row *row, const char *name, const struct inet_addr *addr, uint16_t port);
void row_add_addr(struct admin_row *row, const char *name, const struct inet_addr *addr);
void row_add_prefix(struct admin_row *row, const char *name, const struct inet_prefix *prefix);
void row_mac(struct admin_row *row, const char *name, const uint8_t mac[6]);
void row_hex(struct admin_row *row, const char *name, const uint8_t *data, size_t len);
void row_flows(struct admin_row *row, const struct control_counters *counters);

// Does the text name this identity, in the form that config_id_format() gives?
bool id_is(const struct config_id *id, const char *text);
// Is this link, or its peer, called so?
bool cmds_link_is(const struct control_link *link, const char *text);
// One row of a command that does something: to what, and what.
void action_row(struct admin_call *call, const char *object, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Types of log lines, each once, sorted.
void admin_log_types(void (*fn)(void *arg, const char *name, enum log_level level), void *arg);
// For people: what an errno value of control's operations means.
const char *action_error(int error);
