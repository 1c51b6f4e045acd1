// SPDX-License-Identifier: BSD-3-Clause
// One read and one write per payload: RFC 7296 section 3.3 to 3.15. Readers check every bound and
// return 0, -EBADMSG (INVALID_SYNTAX to the peer) or -EOVERFLOW (more than we take); what they fill
// lends from the message. Writers open their payload in the builder and fill it; the next one, or
// ike_build_finish(), closes it. Any thread.
#pragma once

#include "config.h"
#include "cp.h"
#include "ike_msg.h"
#include "ts.h"

// Notify message types that we send or act on. RFC 7296 section 3.10.1, RFC 5739, RFC 8983.
// clang-format off
#define NOTIFY_TYPES(X)                                                                            \
	X(UNSUPPORTED_CRITICAL_PAYLOAD, 1) X(INVALID_IKE_SPI, 4) X(INVALID_MAJOR_VERSION, 5)       \
	X(INVALID_SYNTAX, 7) X(INVALID_MESSAGE_ID, 9) X(INVALID_SPI, 11)                           \
	X(NO_PROPOSAL_CHOSEN, 14) X(INVALID_KE_PAYLOAD, 17) X(AUTHENTICATION_FAILED, 24)           \
	X(SINGLE_PAIR_REQUIRED, 34) X(NO_ADDITIONAL_SAS, 35) X(INTERNAL_ADDRESS_FAILURE, 36)       \
	X(FAILED_CP_REQUIRED, 37) X(TS_UNACCEPTABLE, 38) X(INVALID_SELECTORS, 39)                  \
	X(TEMPORARY_FAILURE, 43) X(CHILD_SA_NOT_FOUND, 44) X(INITIAL_CONTACT, 16384)               \
	X(SET_WINDOW_SIZE, 16385) X(ADDITIONAL_TS_POSSIBLE, 16386)                                 \
	X(IPCOMP_SUPPORTED, 16387) X(NAT_DETECTION_SOURCE_IP, 16388)                               \
	X(NAT_DETECTION_DESTINATION_IP, 16389) X(COOKIE, 16390) X(USE_TRANSPORT_MODE, 16391)       \
	X(HTTP_CERT_LOOKUP_SUPPORTED, 16392) X(REKEY_SA, 16393)                                    \
	X(ESP_TFC_PADDING_NOT_SUPPORTED, 16394) X(NON_FIRST_FRAGMENTS_ALSO, 16395)                 \
	X(MOBIKE_SUPPORTED, 16396) X(AUTH_LIFETIME, 16403) X(REDIRECT_SUPPORTED, 16406)            \
	X(LINK_ID, 16414) X(CHILDLESS_IKEV2_SUPPORTED, 16418) X(IKEV2_FRAGMENTATION_SUPPORTED, 16430)                                  \
	X(SIGNATURE_HASH_ALGORITHMS, 16431) X(IP4_ALLOWED, 16439) X(IP6_ALLOWED, 16440)
// clang-format on
enum notify_type {
#define X(name, number) NOTIFY_##name = number,
	NOTIFY_TYPES(X)
#undef X
};
const char *notify_name(uint16_t type); // "?" when unknown

enum protocol_id {
	PROTOCOL_NONE = 0,
	PROTOCOL_IKE = 1,
	PROTOCOL_AH = 2,
	PROTOCOL_ESP = 3
};

// SA payload. One proposal as on the wire. Proposals behind the PROPOSALS_MAX-th, those with more
// than PROPOSAL_TRANSFORMS transforms and those of unknown protocols with SPIs of other sizes are
// checked but left out: what is not kept can never be chosen, the others are processed as usual.
#define PROPOSAL_TRANSFORMS 64 // common peers' default offers have more than 40
#define PROPOSALS_MAX 16
struct wire_transform {
	uint8_t type; // enum transform_type
	uint16_t id;
	uint16_t key_bits; // 0: no attribute
	bool unknown_attr; // has an attribute that we do not know, or a wrong one: never chosen
};
struct wire_proposal {
	uint8_t number;
	uint8_t protocol; // enum protocol_id
	uint8_t spi_len; // 0, 4 or 8
	uint64_t spi; // host order
	uint32_t transform_n;
	struct wire_transform transform[PROPOSAL_TRANSFORMS];
};
struct wire_sa {
	uint32_t n;
	struct wire_proposal proposal[PROPOSALS_MAX];
};
int payload_sa_read(const struct ike_payload_ref *p, struct wire_sa *out);
void payload_sa_write(struct ike_builder *b, const struct wire_sa *sa);

struct payload_ke {
	uint16_t group;
	const uint8_t *data;
	uint16_t len;
};
int payload_ke_read(const struct ike_payload_ref *p, struct payload_ke *out);
void payload_ke_write(struct ike_builder *b, uint16_t group, const void *data, size_t len);

int payload_nonce_read(
	const struct ike_payload_ref *p, const uint8_t **data, uint16_t *len); // 16..256
void payload_nonce_write(struct ike_builder *b, const void *data, size_t len);

// `out->type` may be one that we do not know; the body (RESERVED octets included, as AUTH needs it)
// is p->data.
int payload_id_read(const struct ike_payload_ref *p, struct config_id *out);
void payload_id_write(struct ike_builder *b, bool initiator, const struct config_id *id);

enum auth_method {
	AUTH_RSA = 1,
	AUTH_PSK = 2,
	AUTH_DSS = 3,
	AUTH_ECDSA_256 = 9, // RFC 4754
	AUTH_ECDSA_384 = 10,
	AUTH_ECDSA_521 = 11,
	AUTH_NULL = 13,
	AUTH_SIGNATURE = 14
};
struct payload_auth {
	uint8_t method;
	const uint8_t *data;
	uint16_t len;
};
int payload_auth_read(const struct ike_payload_ref *p, struct payload_auth *out);
void payload_auth_write(struct ike_builder *b, uint8_t method, const void *data, size_t len);

// The sizes of notifies whose contents we act on are checked (see notify_rules in the .c file).
struct payload_notify {
	uint8_t protocol; // PROTOCOL_NONE when there is no SPI: to be ignored then
	uint8_t spi_len;
	uint16_t type; // enum notify_type, or unknown
	uint32_t spi; // of 4-octet SPIs
	const uint8_t *data;
	uint16_t len;
};
int payload_notify_read(const struct ike_payload_ref *p, struct payload_notify *out);
void payload_notify_write(struct ike_builder *b, uint8_t protocol, const uint32_t *spi,
	enum notify_type type, const void *data, size_t len); // spi NULL: none

#define DELETE_SPIS_MAX 64
struct payload_delete {
	uint8_t protocol;
	uint32_t n; // 0 for the IKE SA
	uint32_t spi[DELETE_SPIS_MAX];
};
int payload_delete_read(const struct ike_payload_ref *p, struct payload_delete *out);
void payload_delete_write(
	struct ike_builder *b, uint8_t protocol, const uint32_t *spis, uint32_t n);

// Selectors of unknown types are skipped; more than TS_MAX are left out.
int payload_ts_read(const struct ike_payload_ref *p, struct ts_list *out);
void payload_ts_write(struct ike_builder *b, bool initiator, const struct ts_list *list);

// The first of an attribute that may stand only once counts; further ones, and those behind the
// CP_LIST_MAX-th of a list, are counted in excess_n; so are prefixes that were there already and trust
// anchors that stand behind no domain. A Link ID above CP_LINK_ID_MAX is -EOVERFLOW.
int payload_cp_read(const struct ike_payload_ref *p, struct cp_attrs *out);
// Host bits of prefixes are zeroed. What stands for a wish (zero-length attributes) is written in a
// CP_REQUEST only.
void payload_cp_write(struct ike_builder *b, const struct cp_attrs *attrs);
