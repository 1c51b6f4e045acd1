// SPDX-License-Identifier: BSD-3-Clause
// What MLDv2 and IGMPv3 have in common: records and codes. They differ in the size of addresses.
// RFC 3810 section 5, RFC 3376 section 4. Pure.
#include "group_msg.h"

#include <string.h>

const char *group_msg_result_name(enum group_msg_result result)
{
	static const char *const names[] = {
#define X(id, name) name,
		GROUP_MSG_RESULTS(X)
#undef X
	};

	return names[result];
}

static size_t addr_bytes(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

struct inet_addr group_addr_read(struct buf_reader *r, uint8_t family)
{
	struct inet_addr addr = {.family = family};

	buf_get_bytes(r, addr.bytes, addr_bytes(family));
	return addr;
}

void group_addr_write(struct buf_writer *w, const struct inet_addr *addr)
{
	buf_put_bytes(w, addr->bytes, addr_bytes(addr->family));
}

// Record type, auxiliary data length in words, number of sources, group, sources, auxiliary data.
static void skip_record(struct buf_reader *r, uint8_t family)
{
	size_t aux = 0, sources = 0;

	buf_get_u8(r);
	aux = (size_t)buf_get_u8(r) * 4;
	sources = buf_get_be16(r);
	buf_skip(r, addr_bytes(family));
	buf_skip(r, sources * addr_bytes(family));
	buf_skip(r, aux);
}

bool group_records_fit(struct buf_reader records, uint16_t n, uint8_t family)
{
	for (uint16_t i = 0; i < n && !records.failed; i++)
		skip_record(&records, family);
	return !records.failed;
}

void group_record_read(struct buf_reader *r, uint8_t family, struct group_record *out)
{
	size_t aux = 0;

	*out = (struct group_record){.type = (enum group_record_type)buf_get_u8(r)};
	aux = (size_t)buf_get_u8(r) * 4;
	out->source_n = buf_get_be16(r);
	out->group = group_addr_read(r, family);
	for (uint32_t i = 0; i < out->source_n; i++) {
		struct inet_addr source = group_addr_read(r, family);

		if (r->failed)
			return;
		if (i < GROUP_SOURCES)
			out->source[i] = source;
	}
	buf_skip(r, aux);
}

void group_record_write(struct buf_writer *w, const struct group_record *record)
{
	uint32_t n = record->source_n < GROUP_SOURCES ? record->source_n : GROUP_SOURCES;

	buf_put_u8(w, (uint8_t)record->type);
	buf_put_u8(w, 0);
	buf_put_be16(w, (uint16_t)n);
	group_addr_write(w, &record->group);
	for (uint32_t i = 0; i < n; i++)
		group_addr_write(w, &record->source[i]);
}

static bool known_type(enum group_record_type type)
{
	return type >= GROUP_MODE_IS_INCLUDE && type <= GROUP_BLOCK_OLD_SOURCES;
}

bool group_msg_next(struct group_msg *msg, struct group_record *out)
{
	bool first = msg->first.group.family != 0;

	while (msg->record_n > 0) {
		msg->record_n--;
		if (first)
			*out = msg->first;
		else
			group_record_read(&msg->records, msg->src.family, out);
		if (msg->records.failed)
			return false;
		if (known_type(out->type))
			return true;
	}
	return false;
}

uint32_t group_code_read(uint32_t code, unsigned mantissa_bits)
{
	uint32_t linear_end = UINT32_C(1) << (mantissa_bits + 3);
	uint32_t hidden = UINT32_C(1) << mantissa_bits;

	if (code < linear_end)
		return code;
	return ((code & (hidden - 1)) | hidden) << (((code >> mantissa_bits) & 7) + 3);
}
