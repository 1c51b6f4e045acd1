// SPDX-License-Identifier: BSD-3-Clause
// From a profile's settings to the modules, and what several of them share. Pure.
#include "axis.h"

static const struct axis_addresses addresses_free = {};

const struct axis_model *axis_model(const struct config_profile *profile)
{
	static const struct axis_model *const models[] = {
		[CONFIG_LINK_P2P] = &axis_model_p2p,
		[CONFIG_LINK_ROUTER_AGGREGATION] = &axis_model_router_aggregation,
	};

	return models[profile->link_model];
}

const struct axis_prefixes *axis_prefixes(const struct config_profile *profile)
{
	static const struct axis_prefixes *const prefixes[] = {
		[CONFIG_PREFIXES_IKEV2] = &axis_prefixes_ikev2,
		[CONFIG_PREFIXES_RA] = &axis_prefixes_ra,
		[CONFIG_PREFIXES_DHCPV6] = &axis_prefixes_dhcpv6,
	};

	return prefixes[profile->prefixes_by];
}

const struct axis_addresses *axis_addresses(const struct config_profile *profile)
{
	static const struct axis_addresses *const addresses[] = {
		[CONFIG_ADDRESSES_WHOLE_PREFIX] = &addresses_free,
		[CONFIG_ADDRESSES_IKEV2] = &axis_addresses_ikev2,
		[CONFIG_ADDRESSES_SLAAC] = &axis_addresses_slaac,
		[CONFIG_ADDRESSES_DHCPV6] = &axis_addresses_dhcpv6,
	};

	return addresses[profile->addresses_by];
}

const struct axis_access *axis_access(const struct config_profile *profile)
{
	static const struct axis_access *const access[] = {
		[CONFIG_ACCESS_SPD] = &axis_access_spd,
		[CONFIG_ACCESS_INGRESS_FILTER] = &axis_access_ingress,
	};

	return access[profile->access];
}

bool axis_unspecified_source(const struct config_profile *profile)
{
	// RS of who has no address yet, and DAD: RFC 4861 sections 4.1 and 4.3.
	return axis_prefixes(profile)->unasked || axis_addresses(profile)->solicited != NULL;
}

void axis_add_link_local(const struct link *link, struct ts_list *list)
{
	struct inet_addr addr = inet_addr_link_local(link->client_iid);
	struct ts ts = ts_from_addr(&addr);

	if (link->virtual_link && !link->unasked)
		ts_list_add(list, &ts);
}

void axis_add_owned(const struct link *link, struct ts_list *list)
{
	struct ts ts;

	for (uint32_t i = 0; i < link->lease_n; i++) {
		ts = ts_from_prefix(&link->prefix[i]);
		if (!link->leaving[i])
			ts_list_add(list, &ts);
	}
	for (uint32_t i = 0; i < link->extra_n; i++) {
		ts = ts_from_prefix(&link->extra[i].prefix);
		ts_list_add(list, &ts);
	}
}
