// SPDX-License-Identifier: BSD-3-Clause
// The contract between ESP and whatever encrypts for it. A backend serves some classes of
// algorithms: it expands keys into a block that lies in the SA's record, and works on bursts of
// packets of one class, each with another key if need be. Worker threads; a struct crypto belongs
// to one of them.
//
// What a backend may count on, in every op: the ESP header (8 bytes), the IV, `len` bytes to work
// on in place, and room for the ICV lie contiguously in memory; of packets in pieces it gets the IV in
// the nonce. With encrypt_fan the text lies elsewhere, and nothing in the place where the result goes.
#pragma once

#include "algs.h"

#include <rte_common.h>

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define CRYPTO_KEY_BYTES 1024 // per SA, aligned to a cache line
#define CRYPTO_IV_MAX 16
#define CRYPTO_ICV_MAX 32
#define CRYPTO_BLOCK_MAX 16
#define CRYPTO_BURST_MAX 64 // ops in one call
#define CRYPTO_SEGS_MAX 64 // pieces of a chained packet
#define CRYPTO_BOUNCE_BYTES 65600 // the longest ESP packet, flat

// What can be in one burst call: same backend, same block length.
enum crypto_class {
	CRYPTO_AES128_GCM,
	CRYPTO_AES256_GCM,
	CRYPTO_CHACHA20_POLY1305,
	CRYPTO_CBC_HMAC, // all key lengths and hashes: the key block says which
	CRYPTO_AES192_GCM,
	CRYPTO_STREAM_HMAC, // AES-CTR or no cipher: the key block says which
	CRYPTO_AES_GMAC, // all key lengths
	CRYPTO_CLASSES,
};

struct crypto_op {
	const void *key; // the SA's key block
	uint8_t *data; // first byte behind the IV
	uint32_t len; // bytes to encrypt or decrypt; the ICV comes behind them
	uint16_t index; // the caller's
	uint8_t aad_len; // 8, or 12 with ESN
	bool failed; // out, when the burst function says that one did: ICV wrong, or refused
	uint8_t nonce[12]; // salt and the IV of the packet, or the implicit one; CBC: not used
	uint8_t aad[12]; // SPI, [upper half of the sequence number,] sequence number
	uint64_t seq; // the caller's
	uint64_t peer; // the caller's
};
static_assert(sizeof(struct crypto_op) == 64);

struct crypto;
// Returns how many of the ops failed, and then has written `failed` of each.
typedef uint32_t crypto_burst_fn(struct crypto *c, struct crypto_op *ops, uint32_t n);
// The same, but each op encrypts `text`, of op->len bytes, into its own op->data.
typedef uint32_t crypto_fan_fn(
	struct crypto *c, struct crypto_op *ops, uint32_t n, const uint8_t *text);

struct crypto_backend {
	const char *name;
	// Fills the block. 0 or -EINVAL: lengths were checked, the backend refuses all the same.
	int (*key_init)(struct crypto *c, void *key, const struct esp_suite *suite,
		const uint8_t *encr_key, const uint8_t *integ_key);
	crypto_burst_fn *encrypt;
	crypto_fan_fn *
		encrypt_fan; // one text under many keys, copied by encryption itself, if there is any
	crypto_burst_fn *decrypt; // checks the ICV; on failure the data is garbage
	// One packet in pieces: segs cover op->len bytes, icv is the ICV (encrypt: written, decrypt:
	// compared). NULL: the caller copies the packet into one piece instead.
	void (*encrypt_segs)(struct crypto *c, struct crypto_op *op, const struct iovec *segs,
		uint32_t n, uint8_t *icv);
	void (*decrypt_segs)(struct crypto *c, struct crypto_op *op, const struct iovec *segs,
		uint32_t n, const uint8_t *icv);
};

// Lengths that a class of algorithms has on the wire.
struct crypto_shape {
	enum crypto_class class;
	uint8_t iv_len;
	uint8_t icv_len;
	uint8_t block; // plaintext is padded to a multiple
	uint8_t salt_len;
	bool counter_iv; // IV is the sequence number; otherwise it is random
};

// NULL and errno. Wiped and freed by crypto_free().
struct crypto *crypto_new(void);
void crypto_free(struct crypto *c);

// -ENOTSUP: no backend for it.
int crypto_shape(const struct esp_suite *suite, struct crypto_shape *shape);
const struct crypto_backend *crypto_backend(const struct crypto *c, enum crypto_class class);

// n <= CRYPTO_IV_MAX bytes that nobody can predict, from a generator of this worker: no system call.
// False: it failed, and nothing may be sent with what is in `out`.
bool crypto_random(struct crypto *c, uint8_t *out, uint32_t n);
// CRYPTO_BOUNCE_BYTES of scratch, for packets in pieces.
uint8_t *crypto_bounce(struct crypto *c);
