// SPDX-License-Identifier: BSD-3-Clause
// ike.limits: what strangers and peers may make the gateway spend. One thread.
#include "config_impl.h"

#include <stddef.h>

const char *const config_cookies_words[] = {"auto", "always", "never", NULL};

void config_read_limits(struct config_reader *r, config_setting_t *setting, void *into)
{
#define AT(field) .offset = offsetof(struct config, limits.field)
	static const struct config_key keys[] = {
		{"cookies", CONFIG_KIND_WORD, AT(cookies), .words = config_cookies_words},
		{"cookie_threshold", CONFIG_KIND_U32, AT(cookie_threshold), .min = 1,
			.max = 10000000},
		{"half_open_source_max", CONFIG_KIND_U32, AT(half_open_source_max), .min = 1,
			.max = 10000000},
		{"init_source_rate", CONFIG_KIND_U32, AT(init_source_rate), .min = 1,
			.max = 1000000},
		{"request_rate", CONFIG_KIND_U32, AT(request_rate), .min = 0, .max = 1000000},
		{"ike_sas_max", CONFIG_KIND_U32, AT(ike_sas_max), .min = 1, .max = 1000000},
		{"children_max", CONFIG_KIND_U32, AT(children_max), .min = 1,
			.max = CONFIG_CHILDREN_MAX},
		{},
	};
#undef AT

	config_read_group(r, setting, "limits", keys, into);
}

void config_default_limits(struct config *config)
{
	config->limits = (struct config_limits){.half_open_source_max = 64,
		.init_source_rate = 100,
		.request_rate = 100,
		.ike_sas_max = 512,
		.children_max = CONFIG_CHILDREN_MAX};
}

void config_check_limits(struct config_reader *r, const struct config *config)
{
	const struct config_limits *limits = &config->limits;

	if (limits->cookies == CONFIG_COOKIES_AUTO &&
		limits->cookie_threshold > config->half_open_max)
		config_error(r, r->ike_line,
			"limits.cookie_threshold = %u is never reached; at most half_open_max, %u",
			limits->cookie_threshold, config->half_open_max);
}
