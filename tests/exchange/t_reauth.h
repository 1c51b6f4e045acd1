// SPDX-License-Identifier: BSD-3-Clause
// What the tests of reauthentication share: a connection that is up, and how to make it begin again.
#pragma once

#include "peers.h"

static struct net net;

static inline void up(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
}

static inline int reauth(struct peer *peer, uint32_t seconds)
{
	int ret = ike_sa_reauth(peer->ike, peer_ike_sa(peer), seconds, net.now_us);

	peer_drain(peer);
	return ret;
}

static inline uint32_t sa_count(const struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	return sas.n;
}
