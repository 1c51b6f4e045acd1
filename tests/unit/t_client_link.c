// SPDX-License-Identifier: BSD-3-Clause
// A connection's life in front of a dataplane that the test plays: DHCPv6, child SAs, LAN,
// reauthentication, addresses that are somebody else's, restart, another configuration (L6, L7, L11,
// L12, L22, P3, P5, P6).
#include "client.h"
#include "inner.h"
#include "t_control.h"

#include <sys/stat.h>

static struct config_connection connection[2];
static struct cp_attrs cp;
static struct ts_list local;
static char state_dir[] = "/tmp/t_client_link.XXXXXX";

static struct client_connection *own(void)
{
	return client_find_name(&control, "home");
}

static void begin(void)
{
	seen_n = holds_n = 0;
	add_status = 0;
	fake_dataplane_start(&dp, 2, 1024);
	start_control(store_open(NULL));
	seen_n = 0;
}

static void end(void)
{
	struct store *store = control.store;

	stop_control();
	store_close(store);
	fake_dataplane_stop(&dp);
}

static void setup(void)
{
	c = link_config_new();
	strcpy(state_dir + strlen(state_dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(state_dir));
	strcpy(c->config.state_dir, state_dir);
	memset(connection, 0, sizeof(connection));
	strcpy(connection[0].name, "home");
	strcpy(connection[0].interface, "cpn0");
	connection[0].link = true;
	inet_addr_parse("192.0.2.1", &connection[0].gateway);
	connection[0].iid = CONFIG_IID_FIXED;
	connection[0].interface_id[7] = 0x55;
	c->config.connection = connection;
	c->config.connection_n = 1;
	cp = (struct cp_attrs){.type = CP_REPLY, .link = true, .link_id_len = 16};
	memset(cp.link_id, 0xaa, 16);
	local = (struct ts_list){};
	begin();
}

static void teardown(void)
{
	char path[256];

	end();
	free(c);
	snprintf(path, sizeof(path), "%s/client.json", state_dir);
	unlink(path);
	ck_assert_int_eq(rmdir(state_dir), 0);
}

static void allow(const char *text)
{
	struct ts ts;

	ck_assert_int_eq(ts_parse(text, &ts), 0);
	ts_list_add(&local, &ts);
}

static void prefix(uint32_t i, const char *text)
{
	ck_assert_int_eq(inet_prefix_parse(text, &cp.prefix[i]), 0);
	cp.prefix_n = (uint8_t)(i + 1);
	allow(text);
}

static struct sa *sa_new(enum ipc_direction direction, uint32_t id, uint64_t child)
{
	struct ipc_sa_info info = {.direction = direction,
		.spi = direction == IPC_DIR_IN ? id : 1000,
		.ref = direction == IPC_DIR_OUT ? id : 0,
		.child = child,
		.suite = {ENCR_AES_GCM_16, 128, 0, 0}};
	struct sa *sa = NULL;

	inet_addr_parse("192.0.2.1", &info.remote);
	sa = sa_table_add(
		control.sas, client_group(&control, &connection[0]), &info, clock_now_us());
	if (direction == IPC_DIR_OUT)
		sa_group_ref_add(sa->group, id);
	return sa;
}

static struct ike_effect *effect_of(enum ike_effect_type type, uint64_t ike_sa)
{
	static struct ike_effect effect;
	struct ts ts = ts_any(AF_INET6);

	effect = (struct ike_effect){.type = type, .ike_sa = ike_sa};
	effect.connection.connection = &connection[0];
	ts_list_add(&effect.connection.remote, &ts);
	effect.connection.interface_id[7] = 0x55;
	return &effect;
}

static void up(uint64_t ike_sa, sa_ref_t ref)
{
	struct ike_effect *effect = effect_of(IKE_CONNECTION_UP, ike_sa);

	sa_new(IPC_DIR_OUT, ref, ike_sa);
	effect->connection.cp = cp;
	effect->connection.local = local;
	effect->connection.out_ref = ref;
	client_up(&control, effect);
	serve();
}

static void down(void)
{
	client_down(&control, effect_of(IKE_CONNECTION_DOWN, 0));
	serve();
}

static void child_up(uint64_t ike_sa, uint32_t tag, const char *ts, const char *address2)
{
	struct ike_effect *effect = effect_of(IKE_CONNECTION_CHILD_UP, ike_sa);
	struct ts one;

	effect->connection.tag = tag;
	ck_assert_int_eq(ts_parse(ts, &one), 0);
	ts_list_add(&effect->connection.local, &one);
	if (address2 != NULL) {
		effect->connection.cp.address2_n = 1;
		inet_addr_parse(address2, &effect->connection.cp.address2[0]);
	}
	client_child_up(&control, effect);
	serve();
}

static void child_down(uint64_t ike_sa, uint32_t tag)
{
	struct ike_effect *effect = effect_of(IKE_CONNECTION_CHILD_DOWN, ike_sa);

	effect->connection.tag = tag;
	client_child_down(&control, effect);
	serve();
}

static const struct ipc_hostif_set *hostif(void)
{
	const struct ipc_hostif_set *last = NULL;

	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].type == IPC_HOSTIF_SET)
			last = &seen[i].hostif;
	ck_assert_ptr_nonnull(last);
	return last;
}

static bool has_addr(const struct ipc_hostif_set *set, const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	for (uint32_t i = 0; i < set->addr_n; i++)
		if (inet_addr_equal(&set->addr[i].addr, &addr))
			return true;
	return false;
}

// The flags of the route that was set last for this, -1: none was.
static int route_flags(const char *text, enum ipc_route_kind kind)
{
	struct inet_prefix want;
	int flags = -1;

	ck_assert_int_eq(inet_prefix_parse(text, &want), 0);
	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].type == IPC_ROUTE_SET && seen[i].route_set.kind == (uint32_t)kind &&
			inet_prefix_equal(&seen[i].route_set.prefix, &want))
			flags = (int)seen[i].route_set.flags;
	return flags;
}

// ---- a DHCPv6 server ----

#define IA_NA 3
#define IA_PD 25

static const uint8_t ia_addr[] = {0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0x40, 0, [19] = 9, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t ia_prefix[] = {0, 26, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	56, 0x20, 1, 0xd, 0xb8, 0x50, 0, 1, [28] = 0};

// What the client says to the link, its payload and length; type 0: nothing.
static uint8_t heard(struct inner_packet *packet, struct ipc_punt_inner *punt)
{
	static uint8_t data[2048];

	for (uint32_t thread = 1; thread <= 2; thread++) {
		const struct ipc_hdr *hdr = fake_dataplane_take(&dp, thread, SEAM_PUNT_DOWN);

		if (hdr == NULL || hdr->type != IPC_SEND_INNER)
			continue;
		memcpy(punt, hdr + 1, sizeof(*punt));
		ck_assert_uint_eq(thread, 1 + spi_worker(punt->ref));
		ck_assert_uint_le(punt->data_len, sizeof(data));
		memcpy(data, (const uint8_t *)(hdr + 1) + sizeof(*punt), punt->data_len);
		ck_assert_int_eq(inner_parse(data, punt->data_len, packet), 0);
		ck_assert_uint_eq(packet->src_port, 546);
		ck_assert_uint_eq(packet->dst_port, 547);
		return packet->payload[0];
	}
	return 0;
}

static size_t put_ia(uint8_t *out, const uint8_t *ia, const uint8_t *inside, size_t inside_len)
{
	static const uint8_t forever[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	memcpy(out, ia, 8); // code, length, IAID
	out[3] = (uint8_t)(12 + inside_len);
	memcpy(out + 8, forever, 8);
	memcpy(out + 16, inside, inside_len);
	return 16 + inside_len;
}

static void answer_dhcp(const struct inner_packet *asked, uint8_t type)
{
	static const uint8_t server_id[] = {0, 2, 0, 6, 0, 4, 1, 2, 3, 4};
	static const uint8_t dns[] = {0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0xaa, 0xaa, [18] = 0, 0x53};
	struct inet_addr from = inet_addr_link_local((const uint8_t[8]){[7] = 1}),
			 to = inet_addr_link_local(connection[0].interface_id);
	struct ipc_punt_inner punt = {.spi = spi_make(0, 0, 3)};
	uint8_t out[512], packet[700];
	size_t n = 4, at = 4;

	memcpy(out, asked->payload, 4);
	out[0] = type;
	memcpy(out + n, server_id, sizeof(server_id));
	n += sizeof(server_id);
	memcpy(out + n, dns, sizeof(dns));
	n += sizeof(dns);
	while (at + 4 <= asked->payload_len) {
		const uint8_t *option = asked->payload + at;
		size_t len = 4 + ((size_t)option[2] << 8 | option[3]);

		if (option[1] == 1) {
			memcpy(out + n, option, len);
			n += len;
		} else if (option[1] == IA_NA) {
			n += put_ia(out + n, option, ia_addr, sizeof(ia_addr));
		} else if (option[1] == IA_PD) {
			n += put_ia(out + n, option, ia_prefix, sizeof(ia_prefix));
		}
		at += len;
	}
	punt.data_len =
		(uint32_t)inner_write_udp(packet, sizeof(packet), &from, 547, &to, 546, out, n);
	ck_assert_uint_gt(punt.data_len, 0);
	ck_assert(client_inner(&control, &punt, packet));
	serve();
}

// Everything that the client asks until it asks no more. How many messages.
static int serve_dhcp(void)
{
	struct inner_packet packet;
	struct ipc_punt_inner punt;
	uint64_t now_us = clock_now_us();
	uint8_t type = 0;
	int n = 0;

	sa_new(IPC_DIR_IN, spi_make(0, 0, 3), 1);
	for (int i = 0; i < 4; i++) {
		type = heard(&packet, &punt);
		if (type == 0) { // it waits for more offers
			now_us += 2 * US_PER_S;
			client_timeout(&control, now_us);
			serve();
			type = i < 3 ? heard(&packet, &punt) : 0;
		}
		if (type == 0)
			break;
		ck_assert_uint_eq(punt.ref, own()->link_ref);
		answer_dhcp(&packet, type == 1 ? 2 : 7); // Solicit: Advertise, else Reply
		n++;
	}
	return n;
}

// ---- tests ----

// P6: nothing but the link-local address, until DHCPv6 has given one and it has its child SA.
START_TEST(test_dhcp6_address_P6)
{
	connection[0].prefixes_by = CONFIG_PREFIXES_DHCPV6;
	allow("fe80::55");
	up(7, spi_make(1, 0, 3));
	ck_assert_uint_eq(hostif()->addr_n, 1);
	ck_assert_int_eq(route_flags("fe80::/10", IPC_ROUTE_HOSTIF), IPC_ROUTE_DHCP6);
	ck_assert_uint_ne(client_next_us(&control), CLOCK_NEVER);
	ck_assert_int_eq(serve_dhcp(), 2);
	ck_assert_uint_eq(own()->spec_n, 1);
	ck_assert_uint_eq(own()->spec[0].tag, CLIENT_TAG_DHCP6);
	ck_assert_uint_eq(hostif()->addr_n, 1);
	ck_assert_uint_eq(hostif()->dns_n, 1);
	child_up(7, CLIENT_TAG_DHCP6, "2001:db8:4000::9", NULL);
	ck_assert_uint_eq(hostif()->addr_n, 2);
	ck_assert(has_addr(hostif(), "2001:db8:4000::9"));
	ck_assert_int_eq(route_flags("2001:db8:4000::9/128", IPC_ROUTE_HOSTIF), 0);
	ck_assert_int_eq(route_flags("::/0", IPC_ROUTE_SA), 0);
	seen_n = 0;
	child_down(7, CLIENT_TAG_DHCP6);
	ck_assert_uint_eq(hostif()->addr_n, 1);
	down();
	ck_assert_ptr_null(own()->dhcp6);
	ck_assert_uint_eq(own()->spec_n, 0);
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 1);
	ck_assert_uint_eq(client_next_us(&control), CLOCK_NEVER);
}
END_TEST

// L11 L6: a prefix by DHCPv6, a child SA for it, the LAN; all of it stays through reauthentication
// without a message more, and goes with the connection.
START_TEST(test_delegated_lan_L6_L7_L11)
{
	connection[0].lan_prefix = CONFIG_LAN_DELEGATED;
	strcpy(connection[0].lan, "lan0");
	cp.dhcp6_n = 1;
	cp.dhcp6[0] = inet_addr_link_local((const uint8_t[8]){[7] = 1});
	allow("fe80::55");
	prefix(0, "2001:db8:1000:5::/64");
	up(7, spi_make(1, 0, 3));
	ck_assert_int_ge(serve_dhcp(), 2);
	ck_assert_uint_eq(count_seen(IPC_LAN_SET), 0);
	ck_assert_uint_eq(own()->spec[0].tag, CLIENT_TAG_DELEGATED);
	child_up(7, CLIENT_TAG_DELEGATED, "2001:db8:5000:100::/56", NULL);
	ck_assert_uint_eq(count_seen(IPC_LAN_SET), 1);
	ck_assert_str_eq(find_seen(IPC_LAN_SET, 0)->lan.name, "lan0");
	ck_assert_uint_eq(find_seen(IPC_LAN_SET, 0)->lan.prefix[0].len, 64);
	ck_assert_uint_eq(find_seen(IPC_LAN_SET, 0)->thread, 0);
	ck_assert_uint_eq(hostif()->flags, IPC_HOSTIF_FORWARD);
	ck_assert_int_eq(route_flags("2001:db8:5000:100::/64", IPC_ROUTE_HOSTIF), 0);

	seen_n = 0;
	up(8, spi_make(0, 0, 4));
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_SET), 0);
	ck_assert_uint_eq(count_seen(IPC_LAN_SET), 0);
	ck_assert_uint_eq(count_seen(IPC_LAN_DEL), 0);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 0);
	ck_assert_uint_eq(own()->link_ref, spi_make(0, 0, 4));
	ck_assert_uint_eq(find_seen(IPC_ROUTE_SET, 0)->thread, 1);
	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].route_set.kind == IPC_ROUTE_SA)
			ck_assert_uint_eq(seen[i].route_set.ref, spi_make(0, 0, 4));
	child_up(8, CLIENT_TAG_DELEGATED, "2001:db8:5000:100::/56", NULL);
	child_down(7, CLIENT_TAG_DELEGATED); // the old IKE SA's, late
	ck_assert_uint_eq(count_seen(IPC_LAN_DEL), 0);
	ck_assert_uint_eq(own()->child_n, 1);
	child_down(8, CLIENT_TAG_DELEGATED);
	ck_assert_uint_eq(count_seen(IPC_LAN_DEL), 1);
	child_up(8, CLIENT_TAG_DELEGATED, "2001:db8:5000:100::/56", NULL);
	ck_assert_uint_eq(count_seen(IPC_LAN_SET), 1);

	seen_n = 0;
	down();
	ck_assert_uint_eq(count_seen(IPC_LAN_DEL), 1);
	ck_assert_str_eq(find_seen(IPC_LAN_DEL, 0)->lan_del.name, "lan0");
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 1);
}
END_TEST

// A link of which nothing is asked again when it is the same, and all when it is another.
START_TEST(test_information_L22)
{
	struct inner_packet packet;
	struct ipc_punt_inner punt;

	connection[0].dhcp6 = true;
	cp.dhcp6_n = 1;
	cp.dhcp6[0] = inet_addr_link_local((const uint8_t[8]){[7] = 1});
	allow("fe80::55");
	prefix(0, "2001:db8:1000:5::/64");
	up(7, spi_make(1, 0, 3));
	ck_assert_uint_eq(heard(&packet, &punt), 11); // Information-Request
	ck_assert(inet_addr_equal(&packet.dst, &cp.dhcp6[0]));
	sa_new(IPC_DIR_IN, spi_make(0, 0, 3), 1);
	answer_dhcp(&packet, 7);
	ck_assert_uint_eq(hostif()->dns_n, 1);
	up(8, spi_make(0, 0, 4));
	ck_assert_uint_eq(heard(&packet, &punt), 0);
	cp.link_id[0]++;
	up(9, spi_make(0, 0, 5));
	ck_assert_uint_eq(heard(&packet, &punt), 11);
	punt = (struct ipc_punt_inner){.spi = spi_make(0, 0, 9)};
	ck_assert(!client_inner(&control, &punt, (const uint8_t *)"")); // not our SA
	punt = (struct ipc_punt_inner){.spi = spi_make(0, 0, 3), .data_len = 4};
	ck_assert(client_inner(&control, &punt, (const uint8_t *)"\x60\0\0\0"));
}
END_TEST

START_TEST(test_more_addresses_P5)
{
	connection[0].more_iid_n = 1;
	connection[0].more_iid[0][7] = 0x77;
	cp.address2_n = 1;
	inet_addr_parse("2001:db8:3000::55", &cp.address2[0]);
	allow("fe80::55");
	allow("2001:db8:3000::55");
	up(7, spi_make(1, 0, 3));
	ck_assert_uint_eq(own()->spec_n, 1);
	ck_assert(own()->spec[0].ask);
	child_up(7, CLIENT_TAG_MORE_IID, "2001:db8:3000::77", "2001:db8:3000::77");
	ck_assert(has_addr(hostif(), "2001:db8:3000::77"));
	// In another prefix it is another address: asked for anew.
	inet_addr_parse("2001:db8:3001::55", &cp.address2[0]);
	up(8, spi_make(0, 0, 4));
	ck_assert_uint_eq(own()->spec_n, 1);
	ck_assert_uint_eq(own()->spec[0].address2.bytes[5], 1);
	ck_assert(!has_addr(hostif(), "2001:db8:3000::77"));
}
END_TEST

static void duplicate(const struct inet_addr *addr)
{
	struct ipc_hostif_addr_state state = {
		.name = "cpn0", .addr = *addr, .prefix_len = 64, .event = IPC_ADDR_DUPLICATE};

	client_addr_state(&control, &state);
	serve();
}

// The kernel hears that somebody has the address: another interface ID, three times, then none.
START_TEST(test_duplicate_P3)
{
	struct inet_addr tried[4], other;

	allow("fe80::55");
	allow("::/128");
	prefix(0, "2001:db8:3000::/64");
	up(7, spi_make(1, 0, 3));
	ck_assert(has_addr(hostif(), "2001:db8:3000::55"));
	inet_addr_parse("2001:db8:3000::66", &other);
	seen_n = 0;
	duplicate(&other); // somebody's by hand: not ours to change
	ck_assert_uint_eq(seen_n, 0);
	inet_addr_parse("2001:db8:3000::55", &tried[0]);
	for (int i = 0; i < 3; i++) {
		duplicate(&tried[i]);
		ck_assert_uint_eq(hostif()->addr_n, 2);
		tried[i + 1] = hostif()->addr[1].addr;
		for (int k = 0; k <= i; k++)
			ck_assert(!inet_addr_equal(&tried[k], &tried[i + 1]));
		ck_assert(!hostif()->addr[1].nodad);
	}
	duplicate(&tried[3]);
	ck_assert_uint_eq(hostif()->addr_n, 1);
	seen_n = 0;
	duplicate(&tried[3]);
	ck_assert_uint_eq(seen_n, 0);
}
END_TEST

// A new process comes back to the same link with the same addresses.
START_TEST(test_restart_L7)
{
	struct client_kept before;
	struct inet_addr first;

	connection[0].iid = CONFIG_IID_RANDOM;
	memset(connection[0].interface_id, 0, 8);
	allow("fe80::55");
	allow("::/128");
	prefix(0, "2001:db8:3000::/64");
	up(7, spi_make(1, 0, 3));
	inet_addr_parse("2001:db8:3000::55", &first);
	duplicate(&first);
	first = hostif()->addr[1].addr;
	before = own()->kept;
	ck_assert_uint_eq(before.link_id_len, 16);
	end();
	begin();
	ck_assert_mem_eq(&own()->kept, &before, sizeof(before));
	up(7, spi_make(1, 0, 3));
	ck_assert(inet_addr_equal(&hostif()->addr[1].addr, &first));
}
END_TEST

static void reconfigure(struct config *new)
{
	ck_assert_int_eq(ike_reconfigure(control.ike, new, clock_now_us()), 0);
	ck_assert_int_eq(client_reconfigure(&control, new), 0);
	control.config = new;
}

// What the new configuration does not concern goes on; another setting ends it; and so does absence.
START_TEST(test_reconfigure)
{
	static struct config_connection two[2], three[2];
	struct config config = c->config, other = c->config, last = c->config;
	uint64_t group = 0;

	allow("fe80::55");
	prefix(0, "2001:db8:1000:5::/64");
	up(7, spi_make(1, 0, 3));
	group = own()->group;
	two[0] = connection[0];
	strcpy(two[0].name, "office");
	strcpy(two[0].interface, "cpn1");
	two[1] = connection[0];
	two[1].line = 99; // it stands elsewhere now
	config.connection = two;
	config.connection_n = 2;
	seen_n = 0;
	reconfigure(&config);
	serve();
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 0);
	ck_assert_uint_eq(count_seen(IPC_ROUTE_DEL), 0);
	ck_assert(own()->up);
	ck_assert_ptr_eq(own()->config, &two[1]);
	ck_assert_ptr_nonnull(client_find_name(&control, "office"));

	memcpy(three, two, sizeof(two));
	three[1].privacy = true;
	other.connection = three;
	other.connection_n = 2;
	own()->wanted = true;
	reconfigure(&other);
	ck_assert(!own()->up);
	ck_assert_uint_ne(own()->again_us, CLOCK_NEVER); // it starts again
	serve();
	ck_assert_uint_eq(count_seen(IPC_HOSTIF_DEL), 1);

	last.connection = three;
	last.connection_n = 1;
	reconfigure(&last);
	serve();
	ck_assert_ptr_null(client_find_name(&control, "home"));
	ck_assert_ptr_null(client_find_group(&control, group));
	control.config = &c->config; // for those who look at it last
	ck_assert_int_eq(ike_reconfigure(control.ike, &c->config, clock_now_us()), 0);
}
END_TEST

START_TEST(test_reauth_by_operator_L7)
{
	ck_assert_int_eq(control_connection_reauth(&control, "nobody"), -ENOENT);
	ck_assert_int_eq(control_connection_reauth(&control, "home"), -ENOTCONN);
}
END_TEST

// Two connections have the same multicast route: one that goes leaves the other's.
START_TEST(test_two_connections)
{
	struct ike_effect *effect = NULL;

	end();
	connection[1] = connection[0];
	strcpy(connection[1].name, "office");
	strcpy(connection[1].interface, "cpn1");
	c->config.connection_n = 2;
	begin();
	allow("fe80::55");
	prefix(0, "2001:db8:1000:5::/64");
	up(7, spi_make(1, 0, 3));
	effect = effect_of(IKE_CONNECTION_UP, 8);
	effect->connection.connection = &connection[1];
	effect->connection.cp = cp;
	effect->connection.out_ref = spi_make(0, 0, 4);
	client_up(&control, effect);
	serve();
	seen_n = 0;
	down();
	ck_assert_int_eq(route_flags("ff00::/8", IPC_ROUTE_HOSTIF), 0);
	for (size_t i = 0; i < seen_n; i++)
		if (seen[i].type == IPC_ROUTE_SET && seen[i].route_set.kind == IPC_ROUTE_SA)
			ck_assert_uint_eq(seen[i].route_set.ref, spi_make(0, 0, 4));
	for (size_t i = 0; i < seen_n; i++) // not for a moment is there no way
		ck_assert_uint_ne(seen[i].type, IPC_ROUTE_DEL);
}
END_TEST

// What the dataplane cannot do now it is asked for again a little later.
START_TEST(test_refused)
{
	allow("fe80::55");
	prefix(0, "2001:db8:1000:5::/64");
	hostif_status = ENOBUFS;
	up(7, spi_make(1, 0, 3));
	ck_assert_ptr_nonnull(hostif());
	ck_assert(own()->retry_us < clock_now_us() + 2 * US_PER_S);
	ck_assert_uint_eq(client_next_us(&control), own()->retry_us);
	seen_n = 0;
	hostif_status = 0;
	own()->retry_us = clock_now_us();
	client_timeout(&control, clock_now_us());
	serve();
	ck_assert_ptr_nonnull(hostif());
	ck_assert_uint_eq(own()->retry_us, CLOCK_NEVER);
	seen_n = 0;
	client_timeout(&control, clock_now_us());
	serve();
	ck_assert_uint_eq(seen_n, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_link");
	TCase *tc = tcase_create("client_link");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_dhcp6_address_P6);
	tcase_add_test(tc, test_delegated_lan_L6_L7_L11);
	tcase_add_test(tc, test_information_L22);
	tcase_add_test(tc, test_more_addresses_P5);
	tcase_add_test(tc, test_duplicate_P3);
	tcase_add_test(tc, test_restart_L7);
	tcase_add_test(tc, test_reconfigure);
	tcase_add_test(tc, test_reauth_by_operator_L7);
	tcase_add_test(tc, test_two_connections);
	tcase_add_test(tc, test_refused);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
