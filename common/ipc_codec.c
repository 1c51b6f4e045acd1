// SPDX-License-Identifier: BSD-3-Clause
// Names and first checks of the seam's messages, made from the lists in ipc_msg.h. A message has
// been copied to private memory before it comes here. Pure: any thread.
#include "ipc_msg.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t fixed; // bytes of the fixed part
	bool from_control;
} types[IPC_TYPE_COUNT] = {
#define X(type_name, payload) [IPC_##type_name] = {#type_name, sizeof(payload), true},
	IPC_COMMANDS(X)
#undef X
#define X(type_name, payload) [IPC_##type_name] = {#type_name, sizeof(payload), false},
		IPC_EVENTS(X)
#undef X
};

const char *ipc_type_name(uint32_t type)
{
	return type > IPC_NONE && type < IPC_TYPE_COUNT ? types[type].name : "?";
}

// The bytes that follow the fixed part: packets name their own length, nothing else has any.
static uint32_t data_len(uint32_t type, const uint8_t *payload)
{
	uint32_t len = 0;

	if (type == IPC_SEND_UDP || type == IPC_PUNT_UDP)
		memcpy(&len, payload + offsetof(struct ipc_punt_udp, data_len), sizeof(len));
	else if (type == IPC_SEND_INNER || type == IPC_PUNT_INNER)
		memcpy(&len, payload + offsetof(struct ipc_punt_inner, data_len), sizeof(len));
	else if (type == IPC_SEND_PORT || type == IPC_PUNT_PORT)
		memcpy(&len, payload + offsetof(struct ipc_punt_port, data_len), sizeof(len));
	else if (type == IPC_PUNT_LAN)
		memcpy(&len, payload + offsetof(struct ipc_punt_lan, data_len), sizeof(len));
	return len;
}

static bool carries_packet(uint32_t type)
{
	return type == IPC_SEND_UDP || type == IPC_PUNT_UDP || type == IPC_SEND_INNER ||
		type == IPC_PUNT_INNER || type == IPC_SEND_PORT || type == IPC_PUNT_PORT ||
		type == IPC_PUNT_LAN;
}

int ipc_check(const void *msg, size_t total, bool from_control)
{
	const uint8_t *payload = (const uint8_t *)msg + sizeof(struct ipc_hdr);
	struct ipc_hdr hdr;
	uint32_t fixed;

	if (total < sizeof(hdr))
		return -EMSGSIZE;
	memcpy(&hdr, msg, sizeof(hdr));
	if (hdr.type <= IPC_NONE || hdr.type >= IPC_TYPE_COUNT ||
		types[hdr.type].from_control != from_control)
		return -EINVAL;
	fixed = types[hdr.type].fixed;
	if (hdr.len != total - sizeof(hdr) || hdr.len < fixed)
		return -EMSGSIZE;
	if (carries_packet(hdr.type) && hdr.len - fixed != data_len(hdr.type, payload))
		return -EMSGSIZE;
	return 0;
}
