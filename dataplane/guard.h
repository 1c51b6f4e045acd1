// SPDX-License-Identifier: BSD-3-Clause
// On a shared port the host's kernel sees every IKE and ESP packet too. Sockets that swallow them
// keep it from answering with ICMP unreachables. Main thread.
#pragma once

// UDP 500 and 4500 and protocol 50, both families, closed at exec. 0, or -errno when another
// program has a port already (an error was logged).
int guard_open(void);
void guard_close(void);
