// SPDX-License-Identifier: BSD-3-Clause
// A link table with three profiles (P1 with delegation, one with a relay, P6) and a DHCPv6 server on
// it, and questions put to that: what the tests of server, relay and client share.
#pragma once

#include "clock.h"
#include "dhcp6_msg.h"
#include "dhcp6_server.h"
#include "t_link_setup.h"

enum {
	PROFILE_P1,
	PROFILE_RELAY,
	PROFILE_P6
};

static struct link_config *c;
static struct store *store;
static struct link_table *table;
static struct dhcp6_server *server;
static struct config_port ports[2];
static uint64_t now_us, the_link, next_ike_sa;
static struct dhcp6_out out;
static uint32_t added, removed;

static const uint8_t client_iid[8] = {0x02, 1, 2, 3, 4, 5, 6, 7};
static const struct inet_addr all_servers = {
	.family = AF_INET6, .bytes = {0xff, 0x02, [13] = 1, [15] = 2}};

static inline void test_random(void *arg, void *to, size_t len)
{
	uint8_t *at = to;

	(void)arg;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random() >> 7);
}

static inline struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	return addr;
}

static inline struct inet_prefix prefix_of(const char *text)
{
	struct inet_prefix prefix;

	ck_assert_int_eq(inet_prefix_parse(text, &prefix), 0);
	return prefix;
}

static inline void nothing(void *arg, const struct link *link)
{
	(void)arg;
	(void)link;
}

static inline void on_prefix_add(void *arg, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease)
{
	(void)arg, (void)link, (void)prefix, (void)lease;
	added++;
}

static inline void on_prefix_del(void *arg, const struct link *link,
	const struct inet_prefix *prefix, const struct lease *lease)
{
	(void)arg, (void)link, (void)prefix, (void)lease;
	removed++;
}

static inline void on_down(void *arg, const struct link *link)
{
	(void)arg;
	dhcp6_server_link_down(server, link->handle);
}

static const struct link_events test_events = {
	nothing, nothing, on_down, on_prefix_add, on_prefix_del, NULL};

static inline void open_all(void)
{
	struct link_setup links = {.config = &c->config,
		.store = store,
		.random = test_random,
		.events = &test_events,
		.now_us = now_us,
		.wall_s = 1700000000 + now_us / US_PER_S};
	struct dhcp6_setup setup = {.config = &c->config, .store = store, .random = test_random};

	table = link_table_new(&links);
	ck_assert_ptr_nonnull(table);
	setup.links = table;
	server = dhcp6_server_new(&setup);
	ck_assert_ptr_nonnull(server);
}

static inline void close_all(void)
{
	dhcp6_server_free(server);
	server = NULL;
	link_table_free(table);
}

static inline void restart(void)
{
	close_all();
	open_all();
}

static inline void make_profiles(void)
{
	struct config_profile *p = &c->profile[PROFILE_P1];

	strcpy(c->pool[POOL_TINY].name, "delegated");
	p->delegation_pool = &c->pool[POOL_TINY]; // four of /64
	p->delegations_max = 2;
	p->dhcp6 = true;
	p->sntp_n = 1;
	p->sntp[0] = addr_of("2001:db8:aaaa::123");
	c->profile[PROFILE_RELAY] = *p;
	strcpy(c->profile[PROFILE_RELAY].name, "relay");
	c->profile[PROFILE_RELAY].delegation_pool = NULL;
	c->profile[PROFILE_RELAY].dhcp6_relay = addr_of("2001:db8:aaaa::10");
	c->profile[PROFILE_P6] = *p;
	p = &c->profile[PROFILE_P6];
	strcpy(p->name, "p6");
	p->delegation_pool = NULL;
	p->link_model = CONFIG_LINK_ROUTER_AGGREGATION;
	p->prefixes_by = CONFIG_PREFIXES_DHCPV6;
	p->addresses_by = CONFIG_ADDRESSES_DHCPV6;
	p->prefix_pool_n = 1;
	p->prefix_pool[0] = &c->pool[POOL_ADDR6];
	p->ipv6_pool = NULL;
	strcpy(ports[0].name, "outer");
	strcpy(ports[1].name, "inner");
	ports[0].addr_n = 1;
	ports[0].addr[0].addr = addr_of("2001:db8:ff::1");
	ports[0].addr[0].len = 64;
	ports[1].role = CONFIG_PORT_INNER;
	ports[1].addr_n = 2;
	ck_assert_int_eq(
		inet_ifaddr_parse("10.20.0.1/24", &ports[1].addr[0].addr, &ports[1].addr[0].len),
		0);
	ck_assert_int_eq(inet_ifaddr_parse("2001:db8:aaaa::1/64", &ports[1].addr[1].addr,
				 &ports[1].addr[1].len),
		0);
	memcpy(c->config.dataplane.port, ports, sizeof(ports));
	c->config.dataplane.port_n = 2;
}

// A link for this identity with this profile; its handle.
static inline uint64_t make_link(const char *name, int profile)
{
	struct config_id id = link_config_id(name);
	struct cp_attrs asked = {.type = CP_REQUEST, .link = true, .ip6_n = 1, .want_dhcp6 = true};
	struct ike_link_request request = {
		.peer = &c->peer[0], .identity = &id, .asked = &asked, .ike_sa = ++next_ike_sa};
	static struct ike_link_reply reply;

	memcpy(asked.link_iid, client_iid, 8);
	c->peer[0].profile = &c->profile[profile];
	ck_assert_int_eq(link_attach(table, &request, &reply, now_us), IKE_LINK_OK);
	return reply.link;
}

static inline void dhcp6_setup_all(void)
{
	srandom(5);
	c = link_config_new();
	make_profiles();
	store = store_open(NULL);
	now_us = 1000 * US_PER_S;
	added = removed = 0;
	open_all();
	the_link = make_link("alice@example.org", PROFILE_P1);
}

static inline void dhcp6_teardown_all(void)
{
	close_all();
	store_close(store);
	free(c);
}

// A packet as if it had come by an SA of the link.
static inline struct inner_packet packet_with(const uint8_t *data, size_t len)
{
	return (struct inner_packet){.src = inet_addr_link_local(client_iid),
		.dst = all_servers,
		.hop_limit = 1,
		.proto = INNER_UDP,
		.payload = data,
		.payload_len = len,
		.src_port = DHCP6_CLIENT_PORT,
		.dst_port = DHCP6_SERVER_PORT};
}

static inline enum dhcp6_result put(const struct dhcp6_msg *msg)
{
	uint8_t data[1400];
	struct inner_packet packet = packet_with(data, dhcp6_msg_write(msg, data, sizeof(data)));

	ck_assert_uint_gt(packet.payload_len, 0);
	return dhcp6_server_input(server, the_link, &packet, now_us, &out);
}

static inline struct dhcp6_duid duid_of(const char *text)
{
	struct dhcp6_duid duid = {.len = (uint8_t)strlen(text)};

	memcpy(duid.data, text, duid.len);
	return duid;
}

static inline struct dhcp6_msg question(uint8_t type)
{
	return (struct dhcp6_msg){.type = type, .xid = 0xabcdef, .client = duid_of("client")};
}

static inline struct dhcp6_ia *add_ia(struct dhcp6_msg *msg, bool pd, uint32_t iaid)
{
	struct dhcp6_ia *ia = &msg->ia[msg->ia_n++];

	*ia = (struct dhcp6_ia){.pd = pd, .iaid = iaid};
	return ia;
}

static inline void add_item(struct dhcp6_ia *ia, const struct inet_prefix *prefix)
{
	ia->item[ia->item_n++].prefix = *prefix;
}
