// SPDX-License-Identifier: BSD-3-Clause
// What a client's connections keep through a restart of control, so that each comes back to its link
// with the same addresses (L7): a small JSON file in the state directory. Interface IDs by RFC 7217.
// Control's thread.
#pragma once

#include "config.h"
#include "cp.h"
#include "lease.h"

#define CLIENT_SECRET_BYTES 16
#define CLIENT_DUID_BYTES 18
#define CLIENT_RETRIES_MAX 3 // IDGEN_RETRIES of RFC 7217

// In which prefix our first choices were somebody else's (RFC 7217 section 6).
struct client_taken {
	struct inet_prefix prefix;
	uint8_t counter; // DAD_Counter; above CLIENT_RETRIES_MAX: given up
};
struct client_kept {
	char name[CONFIG_NAME_MAX]; // the connection's
	uint8_t iid[8]; // of the link-local address
	uint8_t link_id[CP_LINK_ID_MAX];
	uint8_t link_id_len; // 0: no link yet
	uint8_t secret[CLIENT_SECRET_BYTES]; // RFC 7217
	uint8_t duid[CLIENT_DUID_BYTES]; // RFC 6355
	uint64_t whose; // digest of our and the gateway's identity: the link is between these two
	uint32_t taken_n;
	struct client_taken taken[CP_LIST_MAX];
};

// Reads what was kept under the connection's name; what is not there is made. What cannot be read is
// a warning. `path` "": nothing is kept. 0, or -errno when the file is not as it should be.
int client_state_load(const char *path, const struct config_connection *config, random_fn random,
	void *arg, struct client_kept *out);
// Writes all of them, so that at no time the file is half written. 0 or -errno.
int client_state_save(const char *path, const struct client_kept *const *kept, uint32_t n);

// Another link from now on: no Link ID, and another interface ID where the connection wants one.
void client_state_forget(struct client_kept *kept, const struct config_connection *config,
	random_fn random, void *arg);
// The interface ID for a prefix: the link's own one, or RFC 7217's. false: there is none left.
bool client_state_iid(const struct client_kept *kept, const struct config_connection *config,
	const struct inet_prefix *prefix, uint8_t iid[8]);
// Somebody has it: the next one, if there is one. false: all tries are used up.
bool client_state_taken(struct client_kept *kept, const struct inet_prefix *prefix);
// RFC 7217 section 5.
void client_iid_stable(const uint8_t secret[CLIENT_SECRET_BYTES], const struct inet_prefix *prefix,
	const struct config_connection *config, uint8_t counter, uint8_t iid[8]);
