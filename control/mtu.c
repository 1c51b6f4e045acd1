// SPDX-License-Identifier: BSD-3-Clause
// See mtu.h. Pure.
#include "mtu.h"

#include <sys/socket.h>

#define IP4_BYTES 20
#define IP6_BYTES 40
#define UDP_BYTES 8
#define ESP_HEADER 8 // SPI, sequence number
#define ESP_TRAILER 2 // pad length, next header

uint32_t mtu_inner(
	const struct esp_suite *suite, uint8_t outer_family, bool encap, uint32_t outer_mtu)
{
	const struct alg_encr *encr = alg_encr_find(suite->encr, suite->key_bits);
	const struct alg_integ *integ = alg_integ_find(suite->integ);
	uint32_t block = 0, around = 0, padded = 0;

	if (encr == NULL)
		return 0;
	block = encr->block > 4 ? encr->block : 4; // RFC 4303 section 2.4
	around = (outer_family == AF_INET ? IP4_BYTES : IP6_BYTES) + (encap ? UDP_BYTES : 0) +
		ESP_HEADER + encr->iv_len + encr->icv_len +
		(encr->aead || integ == NULL ? 0 : integ->icv_len);
	if (outer_mtu < around)
		return 0;
	padded = (outer_mtu - around) / block * block;
	return padded > ESP_TRAILER ? padded - ESP_TRAILER : 0;
}
