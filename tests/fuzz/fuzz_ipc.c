// SPDX-License-Identifier: BSD-3-Clause
// The first check of a message from the seam: what passes has its whole fixed part, and exactly the
// data that it says it has.
#include "fuzz.h"
#include "ipc_msg.h"

#include <string.h>

static size_t fixed_part(uint32_t type)
{
	switch (type) {
#define X(name, payload)                                                                           \
	case IPC_##name:                                                                           \
		return sizeof(payload);
		IPC_COMMANDS(X)
		IPC_EVENTS(X)
#undef X
	default:
		return SIZE_MAX;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool up = ipc_check(data, size, false) == 0, down = ipc_check(data, size, true) == 0;
	struct ipc_hdr hdr;

	FUZZ_CHECK(!(up && down));
	if (!up && !down)
		return 0;
	memcpy(&hdr, data, sizeof(hdr));
	FUZZ_CHECK(hdr.len + sizeof(hdr) == size);
	FUZZ_CHECK(fixed_part(hdr.type) <= hdr.len);
	FUZZ_CHECK(strcmp(ipc_type_name(hdr.type), "?") != 0);
	if (hdr.type == IPC_SEND_UDP || hdr.type == IPC_PUNT_UDP) {
		struct ipc_punt_udp udp;

		memcpy(&udp, data + sizeof(hdr), sizeof(udp));
		FUZZ_CHECK(udp.data_len == size - sizeof(hdr) - sizeof(udp));
	}
	if (hdr.type == IPC_SEND_INNER || hdr.type == IPC_PUNT_INNER) {
		struct ipc_punt_inner inner;

		memcpy(&inner, data + sizeof(hdr), sizeof(inner));
		FUZZ_CHECK(inner.data_len == size - sizeof(hdr) - sizeof(inner));
	}
	return 0;
}
