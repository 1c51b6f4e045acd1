// SPDX-License-Identifier: BSD-3-Clause
// Control parses what strangers send, and therefore keeps no right that it does not need. Called
// once, when everything that needs more is open.
#pragma once

int confine_process(void); // 0 or -errno
