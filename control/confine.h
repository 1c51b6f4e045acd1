// SPDX-License-Identifier: BSD-3-Clause
// Control parses what strangers send, and therefore keeps no right that it does not need. Called
// once, when everything that needs more is open.
#pragma once

int confine_process(void); // 0 or -errno
// The same for the signing process, which has private keys: it may read files, its socket, and little
// else. 0 or -errno.
int confine_signer(void);
