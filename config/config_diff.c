// SPDX-License-Identifier: BSD-3-Clause
// What differs between the running configuration and a new one, so that a reload touches only what
// it concerns. Where each key is counted:
//   dataplane    everything in `dataplane`: workers, memory, ports, routes, hook (a restart)
//   proposals    ike.proposals, esp.proposals, esp.replay_window
//   lifetimes    rekey times and amounts, liveness, retransmission, half-open limits, ike.limits
//   pools, profiles, peers (the order of each counts: first match, pool numbers), connections, multicast
//   certificates CAs, CRLs, whether these are needed, the gateway's own
//   other        gateway.force_encap, keylog_dir; gateway.id, state_dir (a restart)
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

static bool same_ports(const struct config_dataplane *a, const struct config_dataplane *b)
{
	if (a->port_n != b->port_n)
		return false;
	for (uint32_t i = 0; i < a->port_n; i++)
		if (!same_port(&a->port[i], &b->port[i]))
			return false;
	return true;
}

static bool same_routes(const struct config_dataplane *a, const struct config_dataplane *b)
{
	if (a->route_n != b->route_n)
		return false;
	for (uint32_t i = 0; i < a->route_n; i++)
		if (!same_route(&a->route[i], &b->route[i]))
			return false;
	return true;
}

static bool same_cpus(const struct config_dataplane *a, const struct config_dataplane *b)
{
	return a->main_cpu == b->main_cpu &&
		memcmp(a->worker_cpu, b->worker_cpu, a->worker_n * sizeof(a->worker_cpu[0])) == 0;
}

static void restart(struct config_diff *out, bool same, const char *key)
{
	if (!same && out->restart_n < CONFIG_RESTARTS)
		out->restart[out->restart_n++] = key;
}

static void diff_dataplane(
	const struct config_dataplane *a, const struct config_dataplane *b, struct config_diff *out)
{
	restart(out, a->worker_n == b->worker_n, "dataplane.workers");
	restart(out, a->worker_n != b->worker_n || same_cpus(a, b), "dataplane.cpus");
	restart(out, a->idle == b->idle, "dataplane.idle");
	restart(out, a->hugepages == b->hugepages, "dataplane.hugepages");
	restart(out, a->memory_mb == b->memory_mb, "dataplane.memory_mb");
	restart(out, a->mbufs == b->mbufs, "dataplane.mbufs");
	restart(out, a->sa_slots == b->sa_slots, "dataplane.sa_slots");
	restart(out, same_ports(a, b), "dataplane.ports");
	restart(out, same_routes(a, b), "dataplane.routes");
	restart(out, strcmp(a->hook, b->hook) == 0, "dataplane.hook");
	out->dataplane = out->restart_n > 0;
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

static bool same_limits(const struct config *a, const struct config *b)
{
	const struct config_limits *x = &a->limits, *y = &b->limits;

	return x->cookies == y->cookies &&
		config_cookie_threshold(a) == config_cookie_threshold(b) &&
		x->half_open_source_max == y->half_open_source_max &&
		x->init_source_rate == y->init_source_rate && x->request_rate == y->request_rate &&
		x->ike_sas_max == y->ike_sas_max && x->children_max == y->children_max;
}

static bool same_lifetimes(const struct config *a, const struct config *b)
{
	const struct config_lifetimes *x = &a->life, *y = &b->life;

	return x->ike_rekey_s == y->ike_rekey_s && x->child_rekey_s == y->child_rekey_s &&
		x->child_rekey_bytes == y->child_rekey_bytes &&
		x->child_rekey_pkts == y->child_rekey_pkts &&
		x->jitter_percent == y->jitter_percent && x->liveness_s == y->liveness_s &&
		x->retransmit_tries == y->retransmit_tries && x->half_open_s == y->half_open_s &&
		a->fragmentation == b->fragmentation && a->fragment_size == b->fragment_size &&
		a->half_open_max == b->half_open_max && same_limits(a, b);
}

static bool same_pools(const struct config *a, const struct config *b)
{
	if (a->pool_n != b->pool_n)
		return false;
	for (uint32_t i = 0; i < a->pool_n; i++) {
		const struct config_pool *x = &a->pool[i], *y = &b->pool[i];

		if (strcmp(x->name, y->name) != 0 || x->lease_len != y->lease_len ||
			x->assign != y->assign || x->shared != y->shared ||
			!inet_prefix_equal(&x->prefix, &y->prefix) || !config_static_equal(x, y))
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

static bool same_addrs(
	const struct inet_addr *a, uint32_t a_n, const struct inet_addr *b, uint32_t b_n)
{
	return a_n == b_n &&
		memcmp(a, b, a_n * sizeof(*a)) == 0; // no padding, unused bytes are zero
}

static bool same_domains(const struct config_profile *a, const struct config_profile *b)
{
	if (a->domain_n != b->domain_n || a->dnssec_ta_n != b->dnssec_ta_n)
		return false;
	for (uint32_t i = 0; i < a->domain_n; i++)
		if (strcmp(a->domain[i], b->domain[i]) != 0)
			return false;
	for (uint32_t i = 0; i < a->dnssec_ta_n; i++) {
		const struct config_dnssec_ta *x = &a->dnssec_ta[i], *y = &b->dnssec_ta[i];

		if (x->domain != y->domain || x->key_tag != y->key_tag ||
			x->algorithm != y->algorithm || x->digest_type != y->digest_type ||
			x->digest_len != y->digest_len ||
			memcmp(x->digest, y->digest, x->digest_len) != 0)
			return false;
	}
	return true;
}

static bool same_profile_pools(const struct config_profile *a, const struct config_profile *b)
{
	if (a->prefix_pool_n != b->prefix_pool_n || !same_pool_name(a->ipv4_pool, b->ipv4_pool) ||
		!same_pool_name(a->ipv6_pool, b->ipv6_pool) ||
		!same_pool_name(a->delegation_pool, b->delegation_pool))
		return false;
	for (uint32_t i = 0; i < a->prefix_pool_n; i++)
		if (!same_pool_name(a->prefix_pool[i], b->prefix_pool[i]))
			return false;
	return true;
}

static bool same_profile(const struct config_profile *a, const struct config_profile *b)
{
	if (strcmp(a->name, b->name) != 0 || a->link_model != b->link_model ||
		a->prefixes_by != b->prefixes_by || a->addresses_by != b->addresses_by ||
		a->access != b->access || a->wire != b->wire || a->grace_s != b->grace_s ||
		a->mtu != b->mtu)
		return false;
	if (a->delegations_max != b->delegations_max || a->dhcp6 != b->dhcp6 ||
		a->multicast != b->multicast || a->addresses_max != b->addresses_max ||
		a->reauth_s != b->reauth_s || !inet_addr_equal(&a->dhcp6_relay, &b->dhcp6_relay))
		return false;
	return same_profile_pools(a, b) && same_addrs(a->dns, a->dns_n, b->dns, b->dns_n) &&
		same_addrs(a->sntp, a->sntp_n, b->sntp, b->sntp_n) && same_domains(a, b) &&
		ts_list_equal(&a->local_ts, &b->local_ts);
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

static bool same_multicast(const struct config_multicast *a, const struct config_multicast *b)
{
	return a->groups == b->groups && a->sources == b->sources && a->records == b->records &&
		a->total == b->total;
}

static bool same_credentials(const struct config_peer *a, const struct config_peer *b)
{
	return same_id(&a->id, &b->id) && a->auth == b->auth && same_secret(&a->psk, &b->psk) &&
		a->address_check == b->address_check;
}

static bool same_peers(const struct config_gateway *a, const struct config_gateway *b)
{
	if (a->peer_n != b->peer_n)
		return false;
	for (uint32_t i = 0; i < a->peer_n; i++) {
		const struct config_peer *x = &a->peer[i], *y = &b->peer[i];

		if (strcmp(x->name, y->name) != 0 || !same_credentials(x, y) ||
			strcmp(x->profile->name, y->profile->name) != 0 ||
			!ts_list_equal(&x->physical_local, &y->physical_local) ||
			!ts_list_equal(&x->physical_remote, &y->physical_remote))
			return false;
	}
	return true;
}

static bool same_child(const struct config_child *a, const struct config_child *b)
{
	return strcmp(a->name, b->name) == 0 && a->link == b->link &&
		ts_list_equal(&a->local, &b->local) && ts_list_equal(&a->remote, &b->remote);
}

static bool same_peer_of(const struct config_connection *a, const struct config_connection *b)
{
	return strcmp(a->name, b->name) == 0 && same_id(&a->id, &b->id) &&
		same_id(&a->gateway_id, &b->gateway_id) && a->auth == b->auth &&
		same_secret(&a->psk, &b->psk) &&
		config_credential_equal(&a->credential, &b->credential) &&
		a->address_check == b->address_check && inet_addr_equal(&a->gateway, &b->gateway) &&
		inet_addr_equal(&a->local, &b->local) && a->force_encap == b->force_encap &&
		a->childless == b->childless;
}

static bool same_link_of(const struct config_connection *a, const struct config_connection *b)
{
	return a->link == b->link && a->ipv4 == b->ipv4 && a->ipv6_address == b->ipv6_address &&
		a->iid == b->iid && a->privacy == b->privacy && a->wire == b->wire &&
		a->link_model == b->link_model && a->prefixes_by == b->prefixes_by &&
		a->addresses_by == b->addresses_by && a->dhcp6 == b->dhcp6 &&
		a->multicast == b->multicast && a->reauth_s == b->reauth_s &&
		strcmp(a->interface, b->interface) == 0 &&
		memcmp(a->interface_id, b->interface_id, sizeof(a->interface_id)) == 0 &&
		strcmp(a->lan, b->lan) == 0 && a->lan_prefix == b->lan_prefix &&
		a->delegation_len == b->delegation_len && a->more_iid_n == b->more_iid_n &&
		memcmp(a->more_iid, b->more_iid, a->more_iid_n * sizeof(a->more_iid[0])) == 0;
}

bool config_same_connection(const struct config_connection *a, const struct config_connection *b)
{
	if (!same_peer_of(a, b) || !same_link_of(a, b) || a->autostart != b->autostart ||
		a->route_n != b->route_n || a->child_n != b->child_n)
		return false;
	for (uint32_t i = 0; i < a->route_n; i++)
		if (!inet_prefix_equal(&a->route[i], &b->route[i]))
			return false;
	for (uint32_t i = 0; i < a->child_n; i++)
		if (!same_child(&a->child[i], &b->child[i]))
			return false;
	return true;
}

static bool same_connections(const struct config *a, const struct config *b)
{
	if (a->connection_n != b->connection_n)
		return false;
	for (uint32_t i = 0; i < a->connection_n; i++)
		if (!config_same_connection(&a->connection[i], &b->connection[i]))
			return false;
	return true;
}

static bool same_pem(const struct config_pem *a, const struct config_pem *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

bool config_credential_equal(const struct config_credential *a, const struct config_credential *b)
{
	return same_pem(&a->certificate, &b->certificate) &&
		strcmp(a->private_key, b->private_key) == 0 && a->rsa_padding == b->rsa_padding;
}

static bool same_certificates(const struct config *a, const struct config *b)
{
	const struct config_certificates *x = &a->certificates, *y = &b->certificates;

	if (x->ca_n != y->ca_n || x->crl_n != y->crl_n || x->crl_required != y->crl_required)
		return false;
	for (uint32_t i = 0; i < x->ca_n; i++)
		if (!same_pem(&x->ca[i], &y->ca[i]))
			return false;
	for (uint32_t i = 0; i < x->crl_n; i++)
		if (!same_pem(&x->crl[i], &y->crl[i]))
			return false;
	return config_credential_equal(&a->gateway.credential, &b->gateway.credential);
}

void config_diff(const struct config *old, const struct config *new, struct config_diff *out)
{
	*out = (struct config_diff){
		.proposals = !same_proposals(&old->ike, &new->ike) ||
			!same_proposals(&old->esp, &new->esp) ||
			old->replay_window != new->replay_window,
		.lifetimes = !same_lifetimes(old, new),
		.pools = !same_pools(old, new),
		.profiles = !same_profiles(old, new),
		.certificates = !same_certificates(old, new),
		.peers = old->gateway.present != new->gateway.present ||
			!same_peers(&old->gateway, &new->gateway),
		.multicast = !same_multicast(&old->multicast, &new->multicast),
		.connections = !same_connections(old, new),
		.other = !same_id(&old->gateway.id, &new->gateway.id) ||
			old->force_encap != new->force_encap ||
			strcmp(old->state_dir, new->state_dir) != 0 ||
			strcmp(old->keylog_dir, new->keylog_dir) != 0,
	};
	diff_dataplane(&old->dataplane, &new->dataplane, out);
	restart(out, same_id(&old->gateway.id, &new->gateway.id), "gateway.id");
	restart(out, strcmp(old->state_dir, new->state_dir) == 0, "state_dir");
}
