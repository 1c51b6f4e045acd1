// SPDX-License-Identifier: BSD-3-Clause
// The signing process and its keeper. See signer.h.
#pragma once

#include <sys/types.h>

// In a forked child: starts a signing process, and another one whenever it dies; says so by the socket.
// Ends when the socket's other end is closed. Neither has the private keys but the signing process.
_Noreturn void signer_process_keep(int fd, pid_t control);
