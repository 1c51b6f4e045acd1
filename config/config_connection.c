// SPDX-License-Identifier: BSD-3-Clause
// Reads what a client is: its connections, each one link to one gateway. RFC 5739, RFC 7217 and RFC
// 8981 for interface IDs.
#include "config_impl.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const config_lan_prefix_words[] = {"further", "delegated", NULL};

static void read_own_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_id(r, setting, &((struct config_connection *)into)->id, false);
}

static void read_their_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_id(r, setting, &((struct config_connection *)into)->gateway_id, false);
}

static void read_own_secret(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_secret(r, setting, &((struct config_connection *)into)->psk);
}

static void read_own_secret_file(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_secret_file(r, setting, &((struct config_connection *)into)->psk);
}

static void read_own_certificate(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_certificate(r, setting, &((struct config_connection *)into)->credential);
}

static void read_own_key(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_private_key(r, setting, &((struct config_connection *)into)->credential);
}

static void read_host(struct config_reader *r, config_setting_t *setting, struct inet_addr *addr)
{
	const char *text = config_read_text(r, setting);

	if (text != NULL &&
		(inet_addr_parse(text, addr) != 0 || inet_addr_is_multicast(addr) ||
			inet_addr_is_unspecified(addr)))
		config_error(r, (int)config_setting_source_line(setting),
			"%s = \"%.60s\" is no host's address; write an address, not a name",
			config_setting_name(setting), text);
}

static void read_gateway_addr(struct config_reader *r, config_setting_t *setting, void *into)
{
	read_host(r, setting, &((struct config_connection *)into)->gateway);
}

static void read_local_addr(struct config_reader *r, config_setting_t *setting, void *into)
{
	read_host(r, setting, &((struct config_connection *)into)->local);
}

// Written as the address that the link gets, without prefix: "::200:5eff:fe00:5301".
static bool parse_iid(const char *text, uint8_t iid[8])
{
	static const uint8_t zero[8];
	struct inet_addr addr;

	if (inet_addr_parse(text, &addr) != 0 || addr.family != AF_INET6 ||
		memcmp(addr.bytes, zero, 8) != 0 || memcmp(addr.bytes + 8, zero, 8) == 0)
		return false;
	memcpy(iid, addr.bytes + 8, 8);
	return true;
}

static void read_interface_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_connection *c = into;
	const char *text = config_read_text(r, setting);

	if (text == NULL)
		return;
	if (strcmp(text, "random") == 0)
		c->iid = CONFIG_IID_RANDOM;
	else if (strcmp(text, "stable") == 0)
		c->iid = CONFIG_IID_STABLE;
	else if (parse_iid(text, c->interface_id))
		c->iid = CONFIG_IID_FIXED;
	else
		config_error(r, (int)config_setting_source_line(setting),
			"'%.60s' is no interface ID; write \"random\", \"stable\" or the lower "
			"half "
			"of an address, \"::200:5eff:fe00:5301\"",
			text);
}

static void add_iid(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_connection *c = into;

	if (c->more_iid_n >= CONFIG_MORE_IIDS)
		config_error(
			r, line, "more_interface_ids has too many; at most %d", CONFIG_MORE_IIDS);
	else if (!parse_iid(text, c->more_iid[c->more_iid_n]))
		config_error(r, line,
			"'%.60s' is no interface ID; write the lower half of an address, "
			"\"::200:5eff:fe00:5301\"",
			text);
	else
		c->more_iid_n++;
}

static void read_more_iids(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_iid, into);
}

static void interface_name(struct config_reader *r, config_setting_t *setting, char name[16])
{
	const char *text = config_read_text(r, setting);
	size_t len = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return;
	if (len == 0 || len >= 16 || strpbrk(text, "/, \t:=%") != NULL || strcmp(text, ".") == 0 ||
		strcmp(text, "..") == 0)
		config_error(r, (int)config_setting_source_line(setting),
			"'%.40s' is no interface name; 1 to 15 letters, without '/', ',', ':', "
			"'=', '%%' or blanks",
			text);
	else
		memcpy(name, text, len + 1);
}

static void read_interface(struct config_reader *r, config_setting_t *setting, void *into)
{
	interface_name(r, setting, ((struct config_connection *)into)->interface);
}

static void read_lan(struct config_reader *r, config_setting_t *setting, void *into)
{
	interface_name(r, setting, ((struct config_connection *)into)->lan);
}

static void read_delegation_len(struct config_reader *r, config_setting_t *setting, void *into)
{
	int len = config_setting_get_int(setting);

	if (config_setting_type(setting) != CONFIG_TYPE_INT || len < 1 || len > 64)
		config_error(r, (int)config_setting_source_line(setting),
			"delegation_length is no prefix length from 1 to 64; a LAN needs a /64, "
			"write 56 or 64");
	else
		((struct config_connection *)into)->delegation_len = (uint8_t)len;
}

static void read_child_local(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_selectors(r, setting, &((struct config_child *)into)->local);
}

static void read_child_remote(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_selectors(r, setting, &((struct config_child *)into)->remote);
}

static void read_child(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"link", CONFIG_KIND_BOOL, .offset = offsetof(struct config_child, link)},
		{"local", CONFIG_KIND_READ, .read = read_child_local},
		{"remote", CONFIG_KIND_READ, .read = read_child_remote},
		{},
	};
	struct config_child *child = into;

	child->line = (int)config_setting_source_line(group);
	child->link = true;
	config_read_group(r, group, "a child", keys, child);
}

static void read_children(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_connection *c = into;
	struct config_child *list = config_read_list(
		r, setting, "a child", sizeof(*list), CONFIG_CHILDREN, &c->child_n, read_child);

	if (list != NULL)
		memcpy(c->child, list, c->child_n * sizeof(*list));
	free(list);
}

static void add_route(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_connection *c = into;
	struct inet_prefix prefix;
	int rc = inet_prefix_parse(text, &prefix);

	if (rc == -ERANGE)
		config_error(r, line,
			"%.60s has bits set behind its length; clear them or make it longer", text);
	else if (rc != 0)
		config_error(r, line, "'%.60s' is no prefix; write \"10.20.0.0/24\"", text);
	else if (c->route_n >= sizeof(c->route) / sizeof(c->route[0]))
		config_error(r, line, "routes has too many prefixes; at most %zu",
			sizeof(c->route) / sizeof(c->route[0]));
	else
		c->route[c->route_n++] = prefix;
}

static void read_routes(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_route, into);
}

static void read_connection(struct config_reader *r, config_setting_t *group, void *into)
{
#define AT(field) .offset = offsetof(struct config_connection, field)
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"id", CONFIG_KIND_READ, .required = true, .read = read_own_id},
		{"gateway_id", CONFIG_KIND_READ, .required = true, .read = read_their_id},
		{"secret", CONFIG_KIND_READ, .read = read_own_secret},
		{"secret_file", CONFIG_KIND_READ, .read = read_own_secret_file},
		{"authentication", CONFIG_KIND_WORD, AT(auth), .words = config_auth_words},
		{"certificate", CONFIG_KIND_READ, .read = read_own_certificate},
		{"private_key", CONFIG_KIND_READ, .read = read_own_key},
		{"rsa_padding", CONFIG_KIND_WORD, AT(credential.rsa_padding),
			.words = config_rsa_padding_words},
		{"address_check", CONFIG_KIND_WORD, AT(address_check),
			.words = config_address_check_words},
		{"gateway", CONFIG_KIND_READ, .required = true, .read = read_gateway_addr},
		{"local", CONFIG_KIND_READ, .read = read_local_addr},
		{"link", CONFIG_KIND_BOOL, AT(link)},
		{"ipv4", CONFIG_KIND_BOOL, AT(ipv4)},
		{"ipv6_address", CONFIG_KIND_BOOL, AT(ipv6_address)},
		{"force_encap", CONFIG_KIND_BOOL, AT(force_encap)},
		{"childless", CONFIG_KIND_BOOL, AT(childless)},
		{"interface_id", CONFIG_KIND_READ, .read = read_interface_id},
		{"interface", CONFIG_KIND_READ, .read = read_interface},
		{"routes", CONFIG_KIND_READ, .read = read_routes},
		{"autostart", CONFIG_KIND_BOOL, AT(autostart)},
		{"privacy", CONFIG_KIND_BOOL, AT(privacy)},
		{"wire", CONFIG_KIND_WORD, AT(wire), .words = config_wire_words},
		{"link_model", CONFIG_KIND_WORD, AT(link_model), .words = config_link_model_words},
		{"prefixes_by", CONFIG_KIND_WORD, AT(prefixes_by), .words = config_prefixes_words},
		{"addresses_by", CONFIG_KIND_WORD, AT(addresses_by),
			.words = config_addresses_words},
		{"more_interface_ids", CONFIG_KIND_READ, .read = read_more_iids},
		{"children", CONFIG_KIND_READ, .read = read_children},
		{"dhcp6", CONFIG_KIND_BOOL, AT(dhcp6)},
		{"multicast", CONFIG_KIND_BOOL, AT(multicast)},
		{"reauth", CONFIG_KIND_SECONDS32, AT(reauth_s), .min = CONFIG_REAUTH_MIN_S,
			.max = 31622400, .zero = true},
		{"lan", CONFIG_KIND_READ, .read = read_lan},
		{"lan_prefix", CONFIG_KIND_WORD, AT(lan_prefix), .words = config_lan_prefix_words},
		{"delegation_length", CONFIG_KIND_READ, .read = read_delegation_len},
		{},
	};
	struct config_connection *c = into;

	c->line = (int)config_setting_source_line(group);
	c->link = true;
	c->ipv4 = true;
	c->autostart = true;
	config_read_group(r, group, "a connection", keys, c);
	if (config_setting_is_group(group) && config_setting_get_member(group, "dhcp6") == NULL)
		c->dhcp6 = config_needs_dhcp6(c);
	if (config_setting_is_group(group) && config_setting_get_member(group, "multicast") == NULL)
		c->multicast = c->link;
	config_need_secret(r, group, "a connection", c->auth, &c->psk, &c->credential);
#undef AT
}

void config_read_client(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config *config = into;

	r->client_line = (int)config_setting_source_line(setting);
	config->connection = config_read_list(r, setting, "client", sizeof(*config->connection), 64,
		&config->connection_n, read_connection);
	// cpn0, cpn1, ... where no name is given.
	for (uint32_t i = 0; i < config->connection_n; i++)
		if (config->connection[i].interface[0] == '\0')
			snprintf(config->connection[i].interface,
				sizeof(config->connection[i].interface), "cpn%u", i);
}
