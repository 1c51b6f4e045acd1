// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 over a connection's link: the client's messages go into the first child SA, whose selectors
// have our link-local address, answers come by punted packets. RFC 8415, RFC 5739 section 4.1
// (L11, L22). Control's thread.
#include "client.h"
#include "clock.h"
#include "inner.h"
#include "log.h"

#include <string.h>

LOG_TYPE("client");

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
#define DHCP6_BYTES_MAX 1232 // in an IPv6 packet of 1,280

static void say(struct client_connection *c, const uint8_t *data, size_t len)
{
	// RFC 7296 section 3.15.1: requests go to the address that INTERNAL_IP6_DHCP names.
	struct inet_addr own = inet_addr_link_local(c->iid),
			 server = {.family = AF_INET6, .bytes = {0xff, 0x02, [13] = 1, [15] = 2}};
	uint8_t packet[1280];
	struct ipc_punt_inner down = {.ref = c->link_ref};

	if (c->cp.dhcp6_n > 0 && c->cp.dhcp6[0].family == AF_INET6)
		server = c->cp.dhcp6[0];
	down.data_len = (uint32_t)inner_write_udp(packet, sizeof(packet), &own, DHCP6_CLIENT_PORT,
		&server, DHCP6_SERVER_PORT, data, len);
	if (down.data_len == 0 || down.ref == 0)
		return;
	dp_client_send(c->control->dp, 1 + spi_worker(down.ref), IPC_SEND_INNER, &down,
		sizeof(down), packet, down.data_len);
}

void client_dhcp_say(struct client_connection *c)
{
	uint8_t data[DHCP6_BYTES_MAX];
	size_t len = 0;

	while (c->dhcp6 != NULL && (len = dhcp6_client_take(c->dhcp6, data, sizeof(data))) > 0)
		say(c, data, len);
}

static void on_changed(void *arg, const struct dhcp6_given *given)
{
	struct client_connection *c = arg;
	char text[INET_PREFIX_STRLEN];

	for (uint32_t i = 0; i < given->address_n; i++)
		LOG(INFO, "connection %s: address %s by DHCPv6", c->config->name,
			inet_addr_format(&given->address[i], text));
	for (uint32_t i = 0; i < given->prefix_n; i++)
		LOG(INFO, "connection %s: prefix %s delegated by DHCPv6", c->config->name,
			inet_prefix_format(&given->prefix[i], text));
	c->given = *given;
	client_update(c);
}

static void stop(struct client_connection *c)
{
	dhcp6_client_free(c->dhcp6);
	c->dhcp6 = NULL;
	c->given = (struct dhcp6_given){};
}

static bool same_want(const struct dhcp6_client_want *a, const struct dhcp6_client_want *b)
{
	return a->info == b->info && a->address == b->address && a->prefix == b->prefix &&
		a->prefix_len == b->prefix_len;
}

void client_dhcp_up(struct client_connection *c, bool same_link)
{
	struct dhcp6_client_want want = client_dhcp6_want(c->config, &c->cp, &c->local);
	struct dhcp6_client_setup setup = {
		.random = control_random, .changed = on_changed, .arg = c};

	if (!want.info) {
		stop(c);
		return;
	}
	// After reauthentication onto the same link all leases are what they were.
	if (c->dhcp6 != NULL && same_link && same_want(&want, &c->dhcp6_want))
		return;
	stop(c);
	memcpy(setup.duid, c->kept.duid, sizeof(c->kept.duid));
	setup.duid_len = sizeof(c->kept.duid);
	c->dhcp6 = dhcp6_client_new(&setup);
	if (c->dhcp6 == NULL) {
		LOG(ERR, "connection %s: no DHCPv6: out of memory", c->config->name);
		return;
	}
	c->dhcp6_want = want;
	dhcp6_client_start(c->dhcp6, &want, clock_now_us());
}

void client_dhcp_down(struct client_connection *c)
{
	stop(c);
}

bool client_inner(struct control *control, const struct ipc_punt_inner *punt, const uint8_t *data)
{
	const struct sa *sa = sa_find(control->sas, IPC_DIR_IN, punt->spi);
	struct client_connection *c =
		sa != NULL && sa->group != NULL ? client_find_group(control, sa->group->key) : NULL;
	struct inner_packet packet;

	if (c == NULL)
		return false;
	if (inner_parse(data, punt->data_len, &packet) != 0 || packet.proto != INNER_UDP ||
		packet.dst_port != DHCP6_CLIENT_PORT || c->dhcp6 == NULL)
		return true; // for nobody
	dhcp6_client_input(c->dhcp6, packet.payload, packet.payload_len, clock_now_us());
	client_dhcp_say(c);
	return true;
}

uint64_t client_dhcp_next_us(const struct client_connection *c)
{
	return c->dhcp6 != NULL ? dhcp6_client_next_us(c->dhcp6) : CLOCK_NEVER;
}

void client_dhcp_timeout(struct client_connection *c, uint64_t now_us)
{
	if (c->dhcp6 == NULL || dhcp6_client_next_us(c->dhcp6) > now_us)
		return;
	dhcp6_client_timeout(c->dhcp6, now_us);
	client_dhcp_say(c);
}
