// SPDX-License-Identifier: BSD-3-Clause
// Keys for Wireshark and tshark, when the configuration names a directory: `ikev2_decryption_table`
// and `esp_sa`, as they stand in a Wireshark profile. Off by default; who can read these files can
// read all traffic. Control's thread.
#pragma once

#include "ike.h"

struct keylog;

// Opens or makes the two files, mode 0600, to append to; says so as loudly as a log can. NULL and
// errno.
struct keylog *keylog_open(const char *dir);
void keylog_close(struct keylog *keylog); // accepts NULL

void keylog_ike(struct keylog *keylog, const struct ike_keylog *keys);
// One direction: inbound remote -> local, outbound the reverse.
void keylog_esp(struct keylog *keylog, const struct ipc_sa *sa, enum ipc_direction direction);

// The lines, for tests: without a line feed. 0, or -EINVAL when Wireshark has no name for it.
#define KEYLOG_LINE_MAX 1024
int keylog_format_ike(const struct ike_keylog *keys, char line[KEYLOG_LINE_MAX]);
int keylog_format_esp(
	const struct ipc_sa *sa, enum ipc_direction direction, char line[KEYLOG_LINE_MAX]);
