// SPDX-License-Identifier: BSD-3-Clause
// What differs between the running configuration and a new one, so that a reload touches only what
// it concerns. Where each key is counted:
//   dataplane    everything in `dataplane`: workers, memory, ports, routes, hook
//   proposals    ike.proposals, esp.proposals, esp.replay_window
//   lifetimes    rekey times and amounts, liveness, retransmission, half-open limits
//   pools, profiles, peers (the order of each counts: first match, pool numbers), connections
//   other        gateway.id, gateway.force_encap, state_dir, keylog_dir
// Pure: any thread.
#include "config.h"

#include <string.h>

static bool same_id(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && secret_equal(a->bytes, b->bytes, a->len);
}

static bool same_port(const struct config_port *a, const struct config_port *b)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->device, b->device) != 0 ||
		a->role != b->role || a->mtu != b->mtu || a->shared != b->shared ||
		a->addr_n != b->addr_n)
		return false;
	for (uint32_t i = 0; i < a->addr_n; i++)
		if (a->addr[i].len != b->addr[i].len ||
			!inet_addr_equal(&a->addr[i].addr, &b->addr[i].addr))
			return false;
	return true;
}

static bool same_route(const struct config_route *a, const struct config_route *b)
{
	return a->table == b->table && inet_prefix_equal(&a->prefix, &b->prefix) &&
		inet_addr_equal(&a->via, &b->via) && strcmp(a->port, b->port) == 0;
}

static bool same_dataplane(const struct config_dataplane *a, const struct config_dataplane *b)
{
	if (a->worker_n != b->worker_n || a->main_cpu != b->main_cpu || a->idle != b->idle ||
		a->hugepages != b->hugepages || a->memory_mb != b->memory_mb ||
		a->mbufs != b->mbufs || a->sa_slots != b->sa_slots || a->port_n != b->port_n ||
		a->route_n != b->route_n || strcmp(a->hook, b->hook) != 0)
		return false;
	if (memcmp(a->worker_cpu, b->worker_cpu, a->worker_n * sizeof(a->worker_cpu[0])) != 0)
		return false;
	for (uint32_t i = 0; i < a->port_n; i++)
		if (!same_port(&a->port[i], &b->port[i]))
			return false;
	for (uint32_t i = 0; i < a->route_n; i++)
		if (!same_route(&a->route[i], &b->route[i]))
			return false;
	return true;
}

// The algorithms are rows of one table, so their addresses tell.
static bool same_proposal(const struct config_proposal *a, const struct config_proposal *b)
{
	return a->encr_n == b->encr_n && a->prf_n == b->prf_n && a->integ_n == b->integ_n &&
		a->dh_n == b->dh_n && a->esn_yes == b->esn_yes && a->esn_no == b->esn_no &&
		memcmp(a->encr, b->encr, a->encr_n * sizeof(a->encr[0])) == 0 &&
		memcmp(a->prf, b->prf, a->prf_n * sizeof(a->prf[0])) == 0 &&
		memcmp(a->integ, b->integ, a->integ_n * sizeof(a->integ[0])) == 0 &&
		memcmp(a->dh, b->dh, a->dh_n * sizeof(a->dh[0])) == 0;
}

static bool same_proposals(const struct config_proposals *a, const struct config_proposals *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!same_proposal(&a->proposal[i], &b->proposal[i]))
			return false;
	return true;
}

static bool same_lifetimes(const struct config *a, const struct config *b)
{
	const struct config_lifetimes *x = &a->life, *y = &b->life;

	return x->ike_rekey_s == y->ike_rekey_s && x->child_rekey_s == y->child_rekey_s &&
		x->child_rekey_bytes == y->child_rekey_bytes &&
		x->child_rekey_pkts == y->child_rekey_pkts &&
		x->jitter_percent == y->jitter_percent && x->liveness_s == y->liveness_s &&
		x->retransmit_tries == y->retransmit_tries && x->half_open_s == y->half_open_s &&
		a->half_open_max == b->half_open_max;
}

static bool same_pools(const struct config *a, const struct config *b)
{
	if (a->pool_n != b->pool_n)
		return false;
	for (uint32_t i = 0; i < a->pool_n; i++) {
		const struct config_pool *x = &a->pool[i], *y = &b->pool[i];

		if (strcmp(x->name, y->name) != 0 || x->lease_len != y->lease_len ||
			x->assign != y->assign || !inet_prefix_equal(&x->prefix, &y->prefix))
			return false;
	}
	return true;
}

static bool same_pool_name(const struct config_pool *a, const struct config_pool *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->name, b->name) == 0;
}

static bool same_profile(const struct config_profile *a, const struct config_profile *b)
{
	if (strcmp(a->name, b->name) != 0 || a->link_model != b->link_model ||
		a->prefixes_by != b->prefixes_by || a->addresses_by != b->addresses_by ||
		a->access != b->access || a->wire != b->wire || a->grace_s != b->grace_s ||
		a->mtu != b->mtu || strcmp(a->domain[0], b->domain[0]) != 0)
		return false;
	if (a->prefix_pool_n != b->prefix_pool_n || a->dns_n != b->dns_n ||
		!same_pool_name(a->ipv4_pool, b->ipv4_pool) ||
		!same_pool_name(a->ipv6_pool, b->ipv6_pool) ||
		!ts_list_equal(&a->local_ts, &b->local_ts))
		return false;
	for (uint32_t i = 0; i < a->prefix_pool_n; i++)
		if (!same_pool_name(a->prefix_pool[i], b->prefix_pool[i]))
			return false;
	for (uint32_t i = 0; i < a->dns_n; i++)
		if (!inet_addr_equal(&a->dns[i], &b->dns[i]))
			return false;
	return true;
}

static bool same_profiles(const struct config *a, const struct config *b)
{
	if (a->profile_n != b->profile_n)
		return false;
	for (uint32_t i = 0; i < a->profile_n; i++)
		if (!same_profile(&a->profile[i], &b->profile[i]))
			return false;
	return true;
}

static bool same_peers(const struct config_gateway *a, const struct config_gateway *b)
{
	if (a->peer_n != b->peer_n)
		return false;
	for (uint32_t i = 0; i < a->peer_n; i++) {
		const struct config_peer *x = &a->peer[i], *y = &b->peer[i];

		if (strcmp(x->name, y->name) != 0 || !same_id(&x->id, &y->id) ||
			!same_secret(&x->psk, &y->psk) ||
			strcmp(x->profile->name, y->profile->name) != 0)
			return false;
	}
	return true;
}

static bool same_connection(const struct config_connection *a, const struct config_connection *b)
{
	if (strcmp(a->name, b->name) != 0 || !same_id(&a->id, &b->id) ||
		!same_id(&a->gateway_id, &b->gateway_id) || !same_secret(&a->psk, &b->psk) ||
		!inet_addr_equal(&a->gateway, &b->gateway) ||
		!inet_addr_equal(&a->local, &b->local))
		return false;
	if (a->link != b->link || a->ipv4 != b->ipv4 || a->ipv6_address != b->ipv6_address ||
		a->force_encap != b->force_encap || a->autostart != b->autostart ||
		a->route_n != b->route_n || strcmp(a->interface, b->interface) != 0 ||
		memcmp(a->interface_id, b->interface_id, sizeof(a->interface_id)) != 0)
		return false;
	for (uint32_t i = 0; i < a->route_n; i++)
		if (!inet_prefix_equal(&a->route[i], &b->route[i]))
			return false;
	return true;
}

static bool same_connections(const struct config *a, const struct config *b)
{
	if (a->connection_n != b->connection_n)
		return false;
	for (uint32_t i = 0; i < a->connection_n; i++)
		if (!same_connection(&a->connection[i], &b->connection[i]))
			return false;
	return true;
}

void config_diff(const struct config *old, const struct config *new, struct config_diff *out)
{
	*out = (struct config_diff){
		.dataplane = !same_dataplane(&old->dataplane, &new->dataplane),
		.proposals = !same_proposals(&old->ike, &new->ike) ||
			!same_proposals(&old->esp, &new->esp) ||
			old->replay_window != new->replay_window,
		.lifetimes = !same_lifetimes(old, new),
		.pools = !same_pools(old, new),
		.profiles = !same_profiles(old, new),
		.peers = old->gateway.present != new->gateway.present ||
			!same_peers(&old->gateway, &new->gateway),
		.connections = !same_connections(old, new),
		.other = !same_id(&old->gateway.id, &new->gateway.id) ||
			old->force_encap != new->force_encap ||
			strcmp(old->state_dir, new->state_dir) != 0 ||
			strcmp(old->keylog_dir, new->keylog_dir) != 0,
	};
}
