// SPDX-License-Identifier: BSD-3-Clause
// What control and the signing process say to each other, one struct a datagram of a socket pair.
// Either checks what it gets: neither trusts the other's lengths.
#pragma once

#include "config.h"
#include "sign_scheme.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define SIGNER_DATA_MAX 8192 // our first message, the other's nonce, a MAC

enum signer_type {
	SIGNER_LOAD, // reads the key from its file; data: SubjectPublicKeyInfo that it must have
	SIGNER_SIGN, // data: what to sign
	SIGNER_ANSWER, // data: the signature
	SIGNER_DIED, // by its keeper: there is a new one, and what was under way is lost
};
// clang-format off
#define SIGNER_STATUS(X)                                                                           \
	X(DONE, "done")                                                                            \
	X(NO_FILE, "its private key cannot be read")                                               \
	X(NO_KEY, "its private key is malformed, or encrypted")                                    \
	X(OTHER_KEY, "its private key is not the certificate's")                                   \
	X(FAILED, "the signature cannot be made")
// clang-format on
enum signer_status {
#define X(id, text) SIGNER_##id,
	SIGNER_STATUS(X)
#undef X
	SIGNER_STATUS_N
};

struct signer_head {
	uint32_t type; // enum signer_type
	uint32_t code; // SIGN: enum sign_scheme; ANSWER: enum signer_status; DIED: of wait()
	uint64_t id; // of the request, and of its answer
	uint32_t len;
	char key[CONFIG_PATH_MAX]; // of requests; ends with a NUL
};
struct signer_msg {
	struct signer_head head;
	uint8_t data[SIGNER_DATA_MAX];
};
#define SIGNER_MSG_BYTES(len) (sizeof(struct signer_head) + (len))

// Is a datagram of n octets whole?
static inline bool signer_msg_fits(const struct signer_msg *msg, ssize_t n)
{
	return n >= (ssize_t)SIGNER_MSG_BYTES(0) && msg->head.len <= SIGNER_DATA_MAX &&
		n == (ssize_t)SIGNER_MSG_BYTES(msg->head.len) &&
		memchr(msg->head.key, '\0', sizeof(msg->head.key)) != NULL;
}
