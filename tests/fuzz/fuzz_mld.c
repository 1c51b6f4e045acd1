// SPDX-License-Identifier: BSD-3-Clause
// MLD from a link or a network: every record of what is read goes to the membership table.
#include "fuzz.h"
#include "mld_msg.h"

#include <string.h>

static void member(
	void *arg, uint64_t link, const struct inet_addr *group, const struct source_filter *filter)
{
	(void)arg;
	(void)link;
	FUZZ_CHECK(inet_addr_is_multicast(group));
	FUZZ_CHECK(filter == NULL || filter->source_n <= GROUP_SOURCES);
}

static void upstream(void *arg, const struct inet_addr *group, const struct source_filter *filter)
{
	member(arg, 0, group, filter);
}

static void run(const uint8_t *data, size_t size)
{
	static const uint64_t secret[2] = {1, 2};
	static const struct group_events events = {member, upstream};
	struct group_limits limits = {.per_link = 8};
	struct group_table *table = group_table_new(&limits, &events, NULL, secret);
	struct group_record record;
	struct inner_packet packet;
	struct group_msg msg;
	uint32_t n = 0;

	if (table != NULL && inner_parse(data, size, &packet) == 0 &&
		mld_read(&packet, &msg) == GROUP_MSG_REPORT)
		while (group_msg_next(&msg, &record)) {
			group_input(table, 1 + n % 2, &record, 0);
			FUZZ_CHECK(n++ < 0x10000);
		}
	group_table_free(table);
}

// Length and checksum as a sender would have made them.
static void mend(uint8_t *data, size_t size)
{
	size_t off = 40;
	uint8_t proto = 0;

	if (size < 48)
		return;
	proto = data[6];
	if (proto == 0) {
		proto = data[40];
		off += (data[41] + 1u) * 8;
	}
	data[4] = (uint8_t)((size - 40) >> 8);
	data[5] = (uint8_t)(size - 40);
	if (proto != INNER_ICMP6 || off + 4 > size)
		return;
	memset(data + off + 2, 0, 2);
	fuzz_sum_put(data + off + 2,
		fuzz_sum(data + 8, 32, (uint32_t)(size - off) + INNER_ICMP6) +
			fuzz_sum(data + off, size - off, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *mended = malloc(size + 1);

	run(data, size);
	if (mended != NULL) {
		memcpy(mended, data, size);
		mend(mended, size);
		run(mended, size);
	}
	free(mended);
	return 0;
}
