// SPDX-License-Identifier: BSD-3-Clause
// Whole-file checks of a client's connections: against themselves, each other and the ports. Any
// thread.
#include "config_impl.h"

#include <string.h>

// The outer port with an address of the family, or with this very address.
static bool has_outer(const struct config *config, uint8_t family, const struct inet_addr *exact)
{
	const struct config_dataplane *d = &config->dataplane;

	for (uint32_t i = 0; i < d->port_n; i++) {
		if (d->port[i].role != CONFIG_PORT_OUTER)
			continue;
		for (uint32_t k = 0; k < d->port[i].addr_n; k++) {
			const struct inet_addr *addr = &d->port[i].addr[k].addr;

			if (addr->family == family &&
				(exact == NULL || inet_addr_equal(addr, exact)))
				return true;
		}
	}
	return false;
}

static void check_connection(struct config_reader *r, const struct config_connection *c)
{
	const struct config *config = r->config;
	char text[INET_ADDR_STRLEN];

	if (!c->link && !c->ipv4 && !c->ipv6_address)
		config_error(r, c->line,
			"connection '%s' asks for nothing; set link, ipv4 or ipv6_address to true",
			c->name);
	if (c->gateway.family == 0)
		return; // has been reported
	if (c->local.family != 0 && c->local.family != c->gateway.family)
		config_error(r, c->line,
			"connection '%s' has local and gateway of different families; make them "
			"one",
			c->name);
	else if (c->local.family != 0 && !has_outer(config, c->local.family, &c->local))
		config_error(r, c->line,
			"local = \"%s\" is no address of an outer port; take one "
			"of these",
			inet_addr_format(&c->local, text));
	else if (!has_outer(config, c->gateway.family, NULL) && r->dataplane_line != 0)
		config_error(r, c->line,
			"no outer port has an address of the family of %s; add one to the port",
			inet_addr_format(&c->gateway, text));
}

// What only a virtual link has, and what contradicts itself.
static void check_link_keys(struct config_reader *r, const struct config_connection *c)
{
	const char *wrong = config_axes_wrong(c->link_model, c->prefixes_by, c->addresses_by);
	const char *needs = c->lan[0] != '\0' ? "lan"
		: c->privacy		      ? "privacy"
		: c->dhcp6		      ? "dhcp6"
		: c->more_iid_n > 0	      ? "more_interface_ids"
					      : NULL;

	if (!c->link && needs != NULL)
		config_error(r, c->line,
			"connection '%s' has %s without a link; link = true, or leave %s out",
			c->name, needs, needs);
	if (wrong != NULL)
		config_error(r, c->line, "connection '%s': %s", c->name, wrong);
	else if (c->more_iid_n > 0 && c->addresses_by != CONFIG_ADDRESSES_IKEV2)
		config_error(r, c->line,
			"connection '%s' has more_interface_ids, but asks for no addresses by "
			"IKEv2; addresses_by = \"ikev2\", or leave them out",
			c->name);
	else if (c->privacy && c->addresses_by != CONFIG_ADDRESSES_WHOLE_PREFIX &&
		c->addresses_by != CONFIG_ADDRESSES_SLAAC)
		config_error(r, c->line,
			"connection '%s' wants privacy, but its addresses are the gateway's "
			"choice; addresses_by = \"whole-prefix\" or \"slaac\"",
			c->name);
	if (!c->dhcp6 && config_needs_dhcp6(c))
		config_error(r, c->line,
			"connection '%s' has dhcp6 = false, but its %s comes by DHCPv6; leave "
			"dhcp6 "
			"out",
			c->name,
			c->addresses_by == CONFIG_ADDRESSES_DHCPV6 ? "address" : "LAN's prefix");
	for (uint32_t i = 0; i < c->more_iid_n; i++)
		for (uint32_t k = 0; k <= i; k++)
			if (memcmp(c->more_iid[i], k < i ? c->more_iid[k] : c->interface_id, 8) ==
				0)
				config_error(r, c->line,
					"connection '%s' has an interface ID twice in "
					"interface_id and more_interface_ids; each address once",
					c->name);
}

static bool has_family(const struct ts_list *list, uint8_t family)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->ts[i].family == family)
			return true;
	return false;
}

static void check_children(struct config_reader *r, const struct config_connection *c)
{
	for (uint32_t i = 0; i < c->child_n; i++) {
		const struct config_child *child = &c->child[i];

		for (uint32_t k = 0; k < i; k++)
			if (child->name[0] != '\0' && strcmp(child->name, c->child[k].name) == 0)
				config_error(r, child->line,
					"child name '%s' is taken by line %d; choose another",
					child->name, c->child[k].line);
		if (child->link && !c->link)
			config_error(r, child->line,
				"child '%s' is of a link that connection '%s' does not have; link "
				"= false",
				child->name, c->name);
		if (child->remote.n == 0)
			config_error(r, child->line,
				"child '%s' has no remote selectors; write remote = "
				"[\"10.20.0.0/24\"]",
				child->name);
		else if (child->local.n == 0 && !child->link)
			config_error(r, child->line,
				"child '%s' is of the physical interface and has no local "
				"selectors; write local = [\"192.0.2.2\"]",
				child->name);
		else if (child->local.n != 0 &&
			!(has_family(&child->local, AF_INET) &&
				has_family(&child->remote, AF_INET)) &&
			!(has_family(&child->local, AF_INET6) &&
				has_family(&child->remote, AF_INET6)))
			config_error(r, child->line,
				"child '%s' has local and remote selectors of different families; "
				"no packet is of both",
				child->name);
	}
}

static void check_lan(struct config_reader *r, const struct config_connection *c)
{
	const struct config *config = r->config;
	static const char tap[] = "af_packet:";

	if (c->delegation_len != 0 && (c->lan[0] == '\0' || c->lan_prefix != CONFIG_LAN_DELEGATED))
		config_error(r, c->line,
			"connection '%s' has delegation_length, but asks for no delegated prefix; "
			"lan = \"...\" and lan_prefix = \"delegated\"",
			c->name);
	if (c->lan[0] == '\0')
		return;
	if (c->lan_prefix == CONFIG_LAN_FURTHER && c->link_model != CONFIG_LINK_P2P)
		config_error(r, c->line,
			"connection '%s' would give a LAN a prefix that is shared with others; "
			"lan_prefix = \"delegated\"",
			c->name);
	else if (c->lan_prefix == CONFIG_LAN_FURTHER && c->prefixes_by != CONFIG_PREFIXES_IKEV2)
		config_error(r, c->line,
			"connection '%s' has prefixes by router advertisement, which the host's "
			"kernel "
			"uses up for the link: there is no further one for the LAN; "
			"lan_prefix = \"delegated\"",
			c->name);
	for (uint32_t i = 0; i < config->connection_n; i++)
		if (strcmp(c->lan, config->connection[i].interface) == 0)
			config_error(r, c->line,
				"lan '%s' is the interface of connection '%s''s link; name the "
				"interface behind which the LAN is",
				c->lan, config->connection[i].name);
	for (uint32_t i = 0; i < config->dataplane.port_n; i++)
		if (strncmp(config->dataplane.port[i].device, tap, sizeof(tap) - 1) == 0 &&
			strcmp(config->dataplane.port[i].device + sizeof(tap) - 1, c->lan) == 0)
			config_error(r, c->line,
				"lan '%s' is port '%s''s device; name the interface behind which "
				"the LAN is",
				c->lan, config->dataplane.port[i].name);
}

void config_check_connections(struct config_reader *r)
{
	const struct config *config = r->config;

	for (uint32_t i = 0; i < config->connection_n; i++) {
		const struct config_connection *c = &config->connection[i];

		check_connection(r, c);
		check_link_keys(r, c);
		check_children(r, c);
		check_lan(r, c);
		for (uint32_t k = 0; k < i; k++) {
			const struct config_connection *other = &config->connection[k];

			if (c->name[0] != '\0' && strcmp(c->name, other->name) == 0)
				config_error(r, c->line,
					"connection name '%s' is taken by line %d; choose another",
					c->name, other->line);
			if (strcmp(c->interface, other->interface) == 0)
				config_error(r, c->line,
					"interface '%s' is connection '%s''s; choose another",
					c->interface, other->name);
			if (c->lan[0] != '\0' && strcmp(c->lan, other->lan) == 0)
				config_error(r, c->line,
					"lan '%s' is connection '%s''s already; one connection is "
					"a LAN's access",
					c->lan, other->name);
		}
	}
}
