// SPDX-License-Identifier: BSD-3-Clause
// Which profile a connection runs, and what it still has to ask for: DHCPv6, further child SAs. The
// draft's section 5 and appendix A. Pure.
#include "client_plan.h"

#include <stdio.h>
#include <string.h>

static const struct inet_prefix everything6 = {.addr = {.family = AF_INET6}};
static const struct inet_prefix groups6 = {.addr = {.family = AF_INET6, .bytes = {0xff}}, .len = 8};
static const struct inet_prefix groups4 = {.addr = {.family = AF_INET, .bytes = {224}}, .len = 4};

// The selector for DAD's source stands alone in TSi only where addresses are asked for by NS (P3).
static bool has_unspecified(const struct ts_list *local)
{
	static const uint8_t zero[16];

	for (uint32_t i = 0; i < local->n; i++)
		if (local->ts[i].family == AF_INET6 && memcmp(local->ts[i].lo, zero, 16) == 0 &&
			memcmp(local->ts[i].hi, zero, 16) == 0)
			return true;
	return false;
}

struct client_mode client_mode(const struct config_connection *config, const struct cp_attrs *cp,
	const struct ts_list *local)
{
	struct ts whole = ts_from_prefix(&everything6);
	struct client_mode mode = {};

	if (!cp->link)
		return mode;
	if (cp->prefix_n == 0 && cp->address2_n == 0) {
		mode.ra = config->prefixes_by == CONFIG_PREFIXES_RA ||
			(config->prefixes_by != CONFIG_PREFIXES_DHCPV6 &&
				ts_list_contains(local, &whole));
		mode.dhcp6_address = !mode.ra &&
			(config->prefixes_by == CONFIG_PREFIXES_DHCPV6 || cp->dhcp6_n > 0);
	}
	mode.dad = cp->address2_n == 0 && !mode.dhcp6_address &&
		(config->addresses_by == CONFIG_ADDRESSES_SLAAC || has_unspecified(local));
	return mode;
}

struct dhcp6_client_want client_dhcp6_want(const struct config_connection *config,
	const struct cp_attrs *cp, const struct ts_list *local)
{
	struct dhcp6_client_want want = {};

	if (!cp->link)
		return want;
	want.address = client_mode(config, cp, local).dhcp6_address;
	want.prefix = config->lan[0] != '\0' && config->lan_prefix == CONFIG_LAN_DELEGATED;
	want.prefix_len = want.prefix ? config->delegation_len : 0;
	want.info = want.address || want.prefix || (config->dhcp6 && cp->dhcp6_n > 0);
	return want;
}

// ---- further child SAs ----

static void any_remote(struct ike_child_spec *spec)
{
	struct ts ts = ts_any(AF_INET6);

	ts_list_add(&spec->remote, &ts);
}

static struct ike_child_spec spec_for(uint32_t tag, const struct inet_prefix *local)
{
	struct ike_child_spec spec = {.tag = tag, .of_link = true};
	struct ts ts = ts_from_prefix(local);

	ts_list_add(&spec.local, &ts);
	any_remote(&spec);
	return spec;
}

bool client_covered(const struct client_input *in, const struct inet_prefix *prefix)
{
	struct ts ts = ts_from_prefix(prefix);

	if (ts_list_contains(in->local, &ts))
		return true;
	for (uint32_t i = 0; i < in->child_n; i++)
		if (in->child[i].tag >= CLIENT_TAG_MORE_IID &&
			ts_list_contains(&in->child[i].local, &ts))
			return true;
	return false;
}

// Not within what the first child SA covers: it needs one of its own.
static bool needs_child(const struct client_input *in, const struct inet_prefix *prefix)
{
	struct ts ts = ts_from_prefix(prefix);

	return prefix->addr.family == AF_INET6 && !ts_list_contains(in->local, &ts);
}

// The draft's section 6.4. IPv4 groups with it where there is an IPv4 address.
static struct ike_child_spec multicast_spec(const struct client_input *in)
{
	struct ike_child_spec spec = spec_for(CLIENT_TAG_MULTICAST, &groups6);
	struct ts ts = ts_from_prefix(&groups4);

	if (in->cp->ip4_n == 0)
		return spec;
	ts_list_add(&spec.local, &ts);
	ts = ts_any(AF_INET);
	ts_list_add(&spec.remote, &ts);
	return spec;
}

uint32_t client_children_wanted(const struct client_input *in, struct ike_child_spec *out)
{
	struct inet_prefix prefix = {.addr = in->cp->address2[0], .len = 64};
	uint32_t n = 0;

	inet_prefix_normalize(&prefix);
	for (uint32_t i = 0; i < in->config->more_iid_n && in->cp->address2_n > 0; i++) {
		out[n] = spec_for(CLIENT_TAG_MORE_IID + i, &prefix);
		out[n].ask = true;
		out[n].address2 = prefix.addr;
		memcpy(out[n].address2.bytes + 8, in->config->more_iid[i], 8);
		n++;
	}
	for (uint32_t i = 0; i < in->dhcp6->prefix_n; i++)
		if (needs_child(in, &in->dhcp6->prefix[i]))
			out[n++] = spec_for(CLIENT_TAG_DELEGATED + i, &in->dhcp6->prefix[i]);
	for (uint32_t i = 0; i < in->dhcp6->address_n; i++) {
		prefix = (struct inet_prefix){.addr = in->dhcp6->address[i], .len = 128};
		if (needs_child(in, &prefix))
			out[n++] = spec_for(CLIENT_TAG_DHCP6 + i, &prefix);
	}
	if (in->config->multicast && in->cp->link && needs_child(in, &groups6))
		out[n++] = multicast_spec(in);
	return n;
}
