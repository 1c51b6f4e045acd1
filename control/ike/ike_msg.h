// SPDX-License-Identifier: BSD-3-Clause
// IKEv2 header and payload chain: RFC 7296 sections 3.1 and 3.2. Parsing lends from the datagram;
// any thread.
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKE_HEADER_BYTES 28
#define IKE_MESSAGE_MAX 65000

enum ike_exchange {
	IKE_SA_INIT = 34,
	IKE_AUTH = 35,
	CREATE_CHILD_SA = 36,
	INFORMATIONAL = 37,
};
enum ike_flags {
	IKE_FLAG_INITIATOR = 0x08,
	IKE_FLAG_VERSION = 0x10,
	IKE_FLAG_RESPONSE = 0x20
};

enum payload_type {
	PAYLOAD_NONE = 0,
	PAYLOAD_SA = 33,
	PAYLOAD_KE = 34,
	PAYLOAD_IDI = 35,
	PAYLOAD_IDR = 36,
	PAYLOAD_CERT = 37,
	PAYLOAD_CERTREQ = 38,
	PAYLOAD_AUTH = 39,
	PAYLOAD_NONCE = 40,
	PAYLOAD_NOTIFY = 41,
	PAYLOAD_DELETE = 42,
	PAYLOAD_VENDOR = 43,
	PAYLOAD_TSI = 44,
	PAYLOAD_TSR = 45,
	PAYLOAD_SK = 46,
	PAYLOAD_CP = 47,
	PAYLOAD_EAP = 48,
	PAYLOAD_SKF = 53,
};
const char *ike_exchange_name(uint8_t exchange); // "?" when unknown
const char *ike_payload_name(uint8_t type);

struct ike_header {
	uint64_t spi_i; // host order
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t version; // 0x20
	uint8_t exchange; // enum ike_exchange
	uint8_t flags; // enum ike_flags
	uint32_t message_id;
	uint32_t length; // of the whole message
};

struct ike_payload_ref {
	uint8_t type; // enum payload_type
	bool critical;
	uint8_t next; // type named by its next-payload field (SK: the first one inside)
	const uint8_t *data; // behind the generic header
	uint16_t len;
};

#define IKE_PAYLOADS_MAX 64

struct ike_msg {
	struct ike_header header;
	uint32_t n;
	struct ike_payload_ref payload[IKE_PAYLOADS_MAX];
	uint8_t unsupported_critical; // first unknown payload with the critical bit, 0: none
};

// Header alone: 0, -EMSGSIZE (shorter than a header, or its length is not the datagram's),
// -EPROTONOSUPPORT (major version above 2: to be answered), -EPROTO (below 2: IKEv1, no answer).
// `out` is filled whenever there are IKE_HEADER_BYTES.
int ike_header_read(const void *data, size_t len, struct ike_header *out);
// Header and outer chain. -EBADMSG: the chain does not fit exactly, or has more than
// IKE_PAYLOADS_MAX payloads that we know. Unknown payloads are skipped; the first one with the
// critical bit is noted. SK (and SKF) ends the chain and reaches to the end of the message.
int ike_msg_parse(const void *data, size_t len, struct ike_msg *out);
// The chain inside a decrypted SK payload, into msg->payload (replacing the outer one). -EBADMSG as
// above, and when there is another SK inside.
int ike_msg_parse_inner(
	struct ike_msg *msg, uint8_t first_payload, const uint8_t *data, size_t len);

const struct ike_payload_ref *ike_msg_find(const struct ike_msg *msg, enum payload_type type);
const struct ike_payload_ref *ike_msg_find_next(
	const struct ike_msg *msg, const struct ike_payload_ref *after, enum payload_type type);

// Builds a chain of payloads. Use: ike_build_init, one ike_build_payload + buf_put_* per payload,
// ike_build_finish. The chain fields and lengths are patched as it goes.
struct ike_builder {
	struct buf_writer w;
	size_t next_offset; // where the previous payload's next-payload octet is
	size_t payload_offset; // start of the open payload, SIZE_MAX: none
	uint8_t first; // type of the first payload
};
void ike_build_init(struct ike_builder *b, void *out, size_t cap);
struct buf_writer *ike_build_payload(
	struct ike_builder *b, enum payload_type type); // closes the last
// Closes the last payload. Bytes of the chain, or -ENOSPC.
int ike_build_finish(struct ike_builder *b);
// All fields as they are in `header`.
void ike_header_write(struct buf_writer *w, const struct ike_header *header);
// Header in front of a finished chain: total bytes, or -ENOSPC. header->length and next_payload are
// set from the arguments.
int ike_msg_write_clear(const struct ike_header *header, uint8_t first_payload, const void *chain,
	size_t chain_len, void *out, size_t cap);
