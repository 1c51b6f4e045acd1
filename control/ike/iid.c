// SPDX-License-Identifier: BSD-3-Clause
// See iid.h.
#include "iid.h"

#include <string.h>

bool link_iid_acceptable(const uint8_t iid[8])
{
	static const uint8_t anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t iana[5] = {0x02, 0x00, 0x5e, 0xff, 0xfe};
	static const uint8_t zero[8] = {};
	static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (memcmp(iid, zero, 8) == 0) // subnet-router anycast
		return false;
	if (memcmp(iid, ones, 8) == 0) // nobody's by any scheme
		return false;
	if (memcmp(iid, anycast, 7) == 0 && iid[7] >= 0x80) // RFC 2526
		return false;
	return memcmp(iid, iana, 5) != 0; // IANA's block of Ethernet addresses
}
