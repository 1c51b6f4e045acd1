// SPDX-License-Identifier: BSD-3-Clause
// The LAN of a client's host that shares the access (L6): an address of ours in each prefix, the
// kernel forwards, and we are its router: advertisements by RFC 4861 section 6.2, prefixes that go
// are withdrawn by RFC 7084 section 4.3 (L-13). Time is handed in. Main thread.
#pragma once

#include "ipc_msg.h"
#include "ra.h"

#include <stdbool.h>
#include <stdint.h>

struct lans;

struct lan_ops {
	// For each descriptor that is to be watched for input; closing it ends that.
	int (*fd_add)(void *arg, int fd);
	// MLD was heard on a LAN, in this IPv6 packet.
	void (*mld)(void *arg, const struct ipc_punt_lan *punt, const uint8_t *packet);
};

struct lans *lans_new(const struct lan_ops *ops, void *arg); // lends; NULL and errno
void lans_free(struct lans *lans); // withdraws everything; accepts NULL

// Commands from control, checked here. 0, -EINVAL, -ENODEV, -ENOSPC, -ENOENT, or what the kernel
// says.
int lan_set(struct lans *lans, const struct ipc_lan_set *cmd, uint64_t now_us);
int lan_del(struct lans *lans, const struct ipc_lan_del *cmd, uint64_t now_us);
// Of a LAN that multicast is forwarded to; else -ENOENT, -ENOTSUP.
int lan_group_set(struct lans *lans, const struct ipc_lan_group_set *cmd);
int lan_group_del(struct lans *lans, const struct ipc_lan_group_del *cmd);
int lan_query(struct lans *lans, const struct ipc_lan_query *cmd);

uint64_t lans_next_us(const struct lans *lans); // CLOCK_NEVER
// Sends what is due, reads solicitations and MLD. Any time. The bad solicitations are counted.
uint32_t lans_run(struct lans *lans, uint64_t now_us);

// ---- lan_ra.c: what is advertised and when; pure ----

#define LAN_GONE_MAX 4 // prefixes that still are withdrawn

struct lan_gone {
	struct inet_prefix prefix;
	uint64_t until_us; // valid lifetime
};
struct lan_ra {
	struct ipc_lan_set set;
	uint8_t mac[6];
	uint32_t gone_n;
	struct lan_gone gone[LAN_GONE_MAX];
	uint32_t initial_left; // of the burst at the beginning
	uint64_t sent_us; // 0: none was sent
	uint64_t next_us;
};
// `jitter`: any number. Other prefixes than before: those that go are withdrawn from now on.
void lan_ra_set(struct lan_ra *ra, const struct ipc_lan_set *set, uint64_t now_us);
// The advertisement as of now; `end`: the last one. Its length.
size_t lan_ra_build(const struct lan_ra *ra, bool end, uint64_t now_us, uint8_t out[RA_BYTES_MAX]);
void lan_ra_sent(struct lan_ra *ra, uint32_t jitter, uint64_t now_us);
// A good solicitation came: the next one is sooner.
void lan_ra_solicited(struct lan_ra *ra, uint32_t jitter, uint64_t now_us);
// Whether a router solicitation is one. RFC 4861 section 6.1.1.
bool lan_rs_good(const uint8_t *icmp, size_t len, int hop_limit, const struct inet_addr *src);
