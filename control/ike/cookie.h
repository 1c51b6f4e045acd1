// SPDX-License-Identifier: BSD-3-Clause
// The responder's cookies, RFC 7296 section 2.6: who sends one back receives at the address that he sends
// from. Nothing is kept for them but two secrets. One thread per core.
#pragma once

#include "inet.h"
#include "nonce.h"

#include <stdbool.h>
#include <stdint.h>

// A secret makes cookies for so long, and is good for as long again.
#define COOKIE_SECRET_US (60 * US_PER_S)
#define COOKIE_BYTES 17

struct cookie_secret {
	uint8_t version; // first octet of its cookies
	uint8_t key[32];
	uint64_t since_us;
	bool used; // there is one
};
struct cookie_jar { // zeroed at first
	struct cookie_secret current, previous;
};
struct ike;

// For an IKE_SA_INIT request from `remote` with this SPI and nonce. 0 or -EIO.
int cookie_make(struct ike *ike, const struct inet_addr *remote, uint64_t spi_i,
	const struct nonce *ni, uint8_t out[COOKIE_BYTES]);
// Is it one of ours for this request, and fresh enough?
bool cookie_check(struct ike *ike, const struct inet_addr *remote, uint64_t spi_i,
	const struct nonce *ni, const uint8_t *cookie, size_t len);
