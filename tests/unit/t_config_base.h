// SPDX-License-Identifier: BSD-3-Clause
// A small configuration that is right, of which the configuration tests change one place each.
#pragma once

#include "config.h"

#include <check.h>

#include <stdio.h>
#include <string.h>

// libconfig 1.5 does not free the text that it was reading when the file ends within it.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

// One key or group a line, so that a line number names it.
static const char config_base[] =
	"dataplane = {\n" // 1
	"workers = 2; cpus = [1, 2];\n"
	"ports = (\n"
	"{ name = \"out\"; role = \"outer\"; device = \"af_packet:eth0\"; addresses = "
	"[\"192.0.2.1/24\", \"2001:db8:ff::1/64\"]; },\n"
	"{ name = \"in\"; role = \"inner\"; device = \"tap:tap0\"; addresses = "
	"[\"10.20.0.1/24\"]; }\n" // 5
	");\n"
	"routes = (\n"
	"{ table = \"outer\"; prefix = \"0.0.0.0/0\"; via = \"192.0.2.254\"; },\n"
	"{ table = \"inner\"; prefix = \"10.0.0.0/8\"; via = \"10.20.0.254\"; port = \"in\"; }\n"
	");\n" // 10
	"};\n"
	"ike = { rekey = \"4h\"; proposals = (\n"
	"{ encr = [\"aes128gcm16\"]; prf = [\"prfsha256\"]; dh = [\"x25519\"]; }\n"
	"); };\n"
	"esp = { rekey = \"1h\"; proposals = (\n" // 15
	"{ encr = [\"aes128cbc\"]; integ = [\"sha256\"]; esn = [\"no\"]; }\n"
	"); };\n"
	"pools = (\n"
	"{ name = \"p6\"; prefix = \"2001:db8:1000::/40\"; lease = 64; },\n"
	"{ name = \"p4\"; prefix = \"10.66.0.0/16\"; lease = 32; assign = \"random\"; },\n" // 20
	"{ name = \"a6\"; prefix = \"2001:db8:2000::/64\"; lease = 128; }\n"
	");\n"
	"profiles = (\n"
	"{ name = \"link\"; prefix_pools = [\"p6\"]; ipv4_pool = \"p4\"; ipv6_pool = \"a6\"; dns = "
	"[\"10.20.0.53\"]; domain = \"example.org\"; local = [\"10.0.0.0/8\"]; }\n"
	");\n" // 25
	"gateway = { id = \"gw.example.org\"; peers = (\n"
	"{ name = \"alice\"; id = \"alice@example.org\"; secret = \"s1\"; profile = \"link\"; },\n"
	"{ name = \"staff\"; id = \"*@staff.example.org\"; secret = \"s2\"; profile = \"link\"; }\n"
	"); };\n"
	"client = (\n" // 30
	"{ name = \"home\"; id = \"bob@example.org\"; gateway_id = \"gw\"; secret = \"s3\"; "
	"gateway "
	"= \"198.51.100.1\"; }\n"
	");\n";

static struct config_errors config_errs;

// The base with the first `find` replaced. NULL when it is wrong.
static struct config *config_with(const char *find, const char *replace)
{
	static char text[sizeof(config_base) + 8192];
	const char *at = strstr(config_base, find);

	ck_assert_msg(at != NULL, "the base has no '%s'", find);
	ck_assert_uint_lt(strlen(replace), 8192);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - config_base), config_base, replace,
		at + strlen(find));
	return config_parse(text, "t.conf", &config_errs);
}
