// SPDX-License-Identifier: BSD-3-Clause
// Interface IDs that no node may have: RFC 4291 section 2.6.1, RFC 5453. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool link_iid_acceptable(const uint8_t iid[8]);
