// SPDX-License-Identifier: BSD-3-Clause
// DHCPv6 messages: what was read, written and read again is the same; and a client that waits for an
// answer is given the input as one. The first octet of a relay message says so.
#include "dhcp6_client.h"
#include "dhcp6_msg.h"
#include "fuzz.h"

#include <string.h>

static void fixed_random(void *arg, void *out, size_t len)
{
	(void)arg;
	memset(out, 1, len);
}

static void changed(void *arg, const struct dhcp6_given *given)
{
	(void)arg;
	FUZZ_CHECK(given->prefix_n <= DHCP6_CLIENT_LIST && given->address_n <= DHCP6_CLIENT_LIST);
	for (uint32_t i = 0; i < given->prefix_n; i++)
		FUZZ_CHECK(dhcp6_prefix_usable(&given->prefix[i]));
	for (uint32_t i = 0; i < given->domain_n; i++)
		FUZZ_CHECK(strcspn(given->domain[i], " \n;'\"\\$") == strlen(given->domain[i]));
}

// As the answer to what it has just asked: its transaction and its identifier.
static void answer(const uint8_t *data, size_t size)
{
	struct dhcp6_client_setup setup = {
		.random = fixed_random, .changed = changed, .duid = {0, 4, 1}, .duid_len = 18};
	struct dhcp6_client_want want = {.info = true, .address = true, .prefix = true};
	struct dhcp6_client *client = dhcp6_client_new(&setup);
	static uint8_t copy[4096];
	uint64_t now_us = 1000000;

	FUZZ_CHECK(client != NULL);
	dhcp6_client_start(client, &want, now_us);
	if (size >= 4 && size + 22 <= sizeof(copy)) {
		memcpy(copy, data, size);
		memset(copy + 1, 1, 3);
		memcpy(copy + size, (uint8_t[22]){0, 1, 0, 18, 0, 4, 1}, 22);
		for (int i = 0; i < 4; i++) {
			dhcp6_client_input(client, copy, size + (i % 2 == 0 ? 22 : 0), now_us);
			now_us = dhcp6_client_next_us(client);
			FUZZ_CHECK(now_us != 0);
			dhcp6_client_timeout(client, now_us);
		}
	}
	dhcp6_client_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dhcp6_msg msg, again;
	static uint8_t out[70000];
	struct dhcp6_relay relay;
	size_t len = 0;

	answer(data, size);
	if (dhcp6_relay_read(data, size, &relay) == 0) {
		len = dhcp6_relay_write(&relay, out, sizeof(out));
		FUZZ_CHECK(len > 0 && len <= size);
		FUZZ_CHECK(dhcp6_relay_read(out, len, &relay) == 0);
	}
	if (dhcp6_msg_read(data, size, &msg) != 0)
		return 0;
	len = dhcp6_msg_write(&msg, out, sizeof(out));
	FUZZ_CHECK(len > 0);
	FUZZ_CHECK(dhcp6_msg_read(out, len, &again) == 0);
	again.excess_n = msg.excess_n;
	FUZZ_CHECK(memcmp(&msg, &again, sizeof(msg)) == 0);
	return 0;
}
