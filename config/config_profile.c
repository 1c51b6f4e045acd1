// SPDX-License-Identifier: BSD-3-Clause
// Reads the link profiles, after the pools that they refer to by name. RFC 5739, the four axes of a
// link, and what its peers are told besides (RFC 8598, RFC 4075, RFC 4478).
#include "config_impl.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define X(id, word) word,
const char *const config_link_model_words[] = {CONFIG_LINK_MODELS(X) NULL};
const char *const config_prefixes_words[] = {CONFIG_PREFIXES_BY(X) NULL};
const char *const config_addresses_words[] = {CONFIG_ADDRESSES_BY(X) NULL};
const char *const config_access_words[] = {CONFIG_ACCESSES(X) NULL};
const char *const config_wire_words[] = {CONFIG_WIRES(X) NULL};
#undef X

static void add_prefix_pool(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;
	const struct config_pool *pool = config_find_pool(r, line, text);

	if (pool == NULL)
		return;
	for (uint32_t i = 0; i < profile->prefix_pool_n; i++)
		if (profile->prefix_pool[i] == pool) {
			config_error(r, line,
				"pool '%s' stands twice in prefix_pools; once is "
				"one prefix a link",
				pool->name);
			return;
		}
	if (profile->prefix_pool_n < CONFIG_LINK_POOLS)
		profile->prefix_pool[profile->prefix_pool_n++] = pool;
	else
		config_error(
			r, line, "prefix_pools has too many pools; at most %d", CONFIG_LINK_POOLS);
}

static void read_prefix_pools(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_prefix_pool, into);
	if (config_setting_is_aggregate(setting) && config_setting_length(setting) == 0)
		config_error(r, (int)config_setting_source_line(setting),
			"prefix_pools is empty; a link needs a prefix of at least one pool, leave "
			"it out for a profile without links");
}

static const struct config_pool *read_pool(struct config_reader *r, config_setting_t *setting)
{
	const char *text = config_read_text(r, setting);

	return text != NULL ? config_find_pool(r, (int)config_setting_source_line(setting), text)
			    : NULL;
}

static void read_ipv4_pool(struct config_reader *r, config_setting_t *setting, void *into)
{
	((struct config_profile *)into)->ipv4_pool = read_pool(r, setting);
}

static void read_ipv6_pool(struct config_reader *r, config_setting_t *setting, void *into)
{
	((struct config_profile *)into)->ipv6_pool = read_pool(r, setting);
}

static void read_delegation_pool(struct config_reader *r, config_setting_t *setting, void *into)
{
	((struct config_profile *)into)->delegation_pool = read_pool(r, setting);
}

static void add_dns(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;

	if (profile->dns_n >= CONFIG_DNS)
		config_error(r, line, "dns has too many servers; at most %d", CONFIG_DNS);
	else if (inet_addr_parse(text, &profile->dns[profile->dns_n]) != 0)
		config_error(r, line, "'%.60s' is no address; write the server's address", text);
	else
		profile->dns_n++;
}

static void read_dns(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_dns, into);
}

static void add_sntp(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;
	struct inet_addr *addr = &profile->sntp[profile->sntp_n];

	if (profile->sntp_n >= CONFIG_SNTP)
		config_error(r, line, "sntp has too many servers; at most %d", CONFIG_SNTP);
	else if (inet_addr_parse(text, addr) != 0 || addr->family != AF_INET6)
		config_error(r, line,
			"'%.60s' is no IPv6 address; DHCPv6 carries no other (RFC 4075)", text);
	else
		profile->sntp_n++;
}

static void read_sntp(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_sntp, into);
}

// Labels of 1 to 63 letters, as they have to go into DNS' wire format (RFC 1035 section 3.1).
static bool domain_ok(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";
	size_t len = strlen(text);

	if (len == 0 || len > 253)
		return false;
	while (*text != '\0') {
		size_t label = strspn(text, allowed);

		if (label == 0 || label > 63 || (text[label] != '.' && text[label] != '\0'))
			return false;
		text += label + (text[label] == '.');
	}
	return true;
}

static void add_domain(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;

	if (!domain_ok(text))
		config_error(
			r, line, "'%.60s' is no domain name; write \"corp.example.org\"", text);
	else if (profile->domain_n >= CONFIG_DOMAINS)
		config_error(r, line, "domain has too many names; at most %d", CONFIG_DOMAINS);
	else
		memcpy(profile->domain[profile->domain_n++], text, strlen(text) + 1);
}

static void read_domain(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_domain, into);
}

// A word that is a number up to `max`.
static bool number(const char *word, unsigned max, unsigned *out)
{
	char *end = NULL;
	unsigned long value = strtoul(word, &end, 10);

	*out = (unsigned)value;
	return *word >= '0' && *word <= '9' && *end == '\0' && value <= max;
}

// As a DS record writes it, RFC 4034 section 5.3: domain, key tag, algorithm, digest type, digest.
static void add_dnssec_ta(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_profile *profile = into;
	char domain[256], word[3][8], hex[131];
	unsigned tag, algorithm, type;
	struct config_dnssec_ta ta = {};
	int end = 0, len;

	if (sscanf(text, "%255s %7s %7s %7s %130s %n", domain, word[0], word[1], word[2], hex,
		    &end) != 5 ||
		text[end] != '\0' || !number(word[0], UINT16_MAX, &tag) ||
		!number(word[1], UINT8_MAX, &algorithm) || !number(word[2], UINT8_MAX, &type)) {
		config_error(r, line,
			"'%.60s' is no trust anchor; write \"DOMAIN KEYTAG ALGORITHM DIGESTTYPE "
			"HEXDIGEST\", as in a DS record",
			text);
		return;
	}
	len = config_hex_parse(hex, ta.digest, sizeof(ta.digest));
	if (len < 0) {
		config_error(r, line,
			"'%.40s' is no digest; an even number of hexadecimal digits, at most %zu",
			hex, 2 * sizeof(ta.digest));
		return;
	}
	ta.key_tag = (uint16_t)tag;
	ta.algorithm = (uint8_t)algorithm;
	ta.digest_type = (uint8_t)type;
	ta.digest_len = (uint8_t)len;
	while (ta.domain < profile->domain_n && strcasecmp(profile->domain[ta.domain], domain) != 0)
		ta.domain++;
	if (ta.domain == profile->domain_n)
		config_error(r, line,
			"trust anchor of '%.60s', which is not in the list domain; a split-DNS "
			"domain has one (RFC 8598)",
			domain);
	else if (profile->dnssec_ta_n >= CONFIG_DNSSEC_TAS)
		config_error(
			r, line, "dnssec_ta has too many entries; at most %d", CONFIG_DNSSEC_TAS);
	else
		profile->dnssec_ta[profile->dnssec_ta_n++] = ta;
}

static void read_dnssec_ta(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_dnssec_ta, into);
}

static void read_relay(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct inet_addr *addr = &((struct config_profile *)into)->dhcp6_relay;
	const char *text = config_read_text(r, setting);

	if (text == NULL ||
		(inet_addr_parse(text, addr) == 0 && addr->family == AF_INET6 &&
			!inet_addr_is_multicast(addr) && !inet_addr_is_link_local(addr) &&
			!inet_addr_is_unspecified(addr)))
		return;
	*addr = (struct inet_addr){};
	config_error(r, (int)config_setting_source_line(setting),
		"'%.60s' is no DHCPv6 server's address; write a unicast IPv6 address that is not "
		"link-local",
		text);
}

static void read_local(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_selectors(r, setting, &((struct config_profile *)into)->local_ts);
}

static void read_profile(struct config_reader *r, config_setting_t *group, void *into)
{
#define AT(field) .offset = offsetof(struct config_profile, field)
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"link_model", CONFIG_KIND_WORD, AT(link_model), .words = config_link_model_words},
		{"prefixes_by", CONFIG_KIND_WORD, AT(prefixes_by), .words = config_prefixes_words},
		{"addresses_by", CONFIG_KIND_WORD, AT(addresses_by),
			.words = config_addresses_words},
		{"access_control", CONFIG_KIND_WORD, AT(access), .words = config_access_words},
		{"wire", CONFIG_KIND_WORD, AT(wire), .words = config_wire_words},
		{"prefix_pools", CONFIG_KIND_READ, .read = read_prefix_pools},
		{"ipv4_pool", CONFIG_KIND_READ, .read = read_ipv4_pool},
		{"ipv6_pool", CONFIG_KIND_READ, .read = read_ipv6_pool},
		{"dns", CONFIG_KIND_READ, .read = read_dns},
		{"domain", CONFIG_KIND_READ, .read = read_domain},
		{"grace", CONFIG_KIND_SECONDS32, AT(grace_s), .min = 1, .max = 31622400,
			.zero = true},
		{"mtu", CONFIG_KIND_U32, AT(mtu), .min = 1280, .max = 9000},
		{"local", CONFIG_KIND_READ, .read = read_local},
		{"dnssec_ta", CONFIG_KIND_READ, .read = read_dnssec_ta},
		{"sntp", CONFIG_KIND_READ, .read = read_sntp},
		{"delegation_pool", CONFIG_KIND_READ, .read = read_delegation_pool},
		{"delegations", CONFIG_KIND_U32, AT(delegations_max), .min = 1,
			.max = CONFIG_DELEGATIONS_MAX},
		{"dhcp6_relay", CONFIG_KIND_READ, .read = read_relay},
		{"dhcp6", CONFIG_KIND_BOOL, AT(dhcp6)},
		{"multicast", CONFIG_KIND_BOOL, AT(multicast)},
		{"addresses", CONFIG_KIND_U32, AT(addresses_max), .min = 1,
			.max = CONFIG_ADDRESSES_MAX},
		{"reauth", CONFIG_KIND_SECONDS32, AT(reauth_s), .min = CONFIG_REAUTH_MIN_S,
			.max = 31622400, .zero = true},
		{},
	};
	struct config_profile *profile = into;

	profile->line = (int)config_setting_source_line(group);
	profile->grace_s = 60;
	profile->delegations_max = 1;
	profile->addresses_max = 16;
	config_read_group(r, group, "a profile", keys, profile);
	if (config_setting_is_group(group) && config_setting_get_member(group, "dhcp6") == NULL)
		profile->dhcp6 = config_profile_has_links(profile);
	if (config_setting_is_group(group) && config_setting_get_member(group, "multicast") == NULL)
		profile->multicast = config_profile_has_links(profile);
#undef AT
}

void config_read_profiles(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config *config = into;

	config->profile = config_read_list(r, setting, "profiles", sizeof(*config->profile), 256,
		&config->profile_n, read_profile);
}
