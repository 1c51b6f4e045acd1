// SPDX-License-Identifier: BSD-3-Clause
// See loadgen.h: what an IKE core needs to play a client.
#include "loadgen.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

// For the defaults of a client; its dataplane there is none of.
static const char base_text[] =
	"dataplane = { workers = 1; cpus = [0]; ports = ({ name = \"outer\"; role = \"outer\"; "
	"device = \"af_packet:none\"; addresses = [\"192.0.2.3/24\"]; }); };\n"
	"client = ({ name = \"load\"; id = \"u0@load.example.org\"; gateway_id = "
	"\"gw.example.org\"; secret = \"load-secret\"; gateway = \"192.0.2.1\"; link = true; "
	"ipv4 = true; interface = \"none\"; });\n";

struct config *load_client_config(void)
{
	struct config_errors errors = {};
	struct config *config = config_parse(base_text, "loadgen", &errors);

	if (config == NULL)
		fprintf(stderr, "%s\n", errors.text[0]);
	return config;
}

void load_random(void *arg, void *out, size_t len)
{
	(void)arg;
	for (size_t at = 0; at < len; at += 256)
		if (getrandom((uint8_t *)out + at, len - at < 256 ? len - at : 256, 0) < 0)
			abort();
}
