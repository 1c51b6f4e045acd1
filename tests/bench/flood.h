// SPDX-License-Identifier: BSD-3-Clause
// The flood's parts. One thread.
#pragma once

#include "loadgen.h"

#define FLOOD_MAX 1400 // octets of a message

// A good IKE_SA_INIT request, as our client makes it. Its length, or -errno.
int flood_request(uint8_t out[FLOOD_MAX]);
// The same from somebody else: another SPI and nonce.
void flood_vary(uint8_t *request, uint32_t len);
// Octets without sense, some of them behind a header that has some. Their length.
uint32_t flood_garbage(uint8_t out[FLOOD_MAX]);
uint64_t flood_random(void); // quick, and good for nothing else

// What each kind of message costs a core with this gateway's configuration, on stdout. 0 or -errno.
int flood_cost(const char *config_path);
