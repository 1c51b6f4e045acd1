// SPDX-License-Identifier: BSD-3-Clause
// Corrects what net_af_packet asks of the kernel. The driver always puts its sockets into a fanout
// group with two flags that harm us, has no option against them, and a socket cannot leave a group:
//
//  - PACKET_FANOUT_FLAG_DEFRAG: the kernel joins IPv4 fragments before we see them, into packets of up
//    to 64 KiB, which the driver cuts off at its frame size. Fragmented packets of others that we
//    forward would all be lost. Without it fragments still stay together, since the hash of a fragment
//    does not include ports.
//  - PACKET_FANOUT_FLAG_ROLLOVER: when a worker's ring is full its packets go to another's, which
//    reorders the packets of one SA by more than its replay window.
//
// So the call itself is caught: the definition here comes before libc's for the whole process, and
// passes everything else on unchanged. Packets that the host itself sends by the interface need not
// come back to us either. Any thread.
#include <errno.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_PACKET && name == PACKET_FANOUT && len == sizeof(uint32_t)) {
		uint32_t harm = PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_ROLLOVER;
		uint32_t arg = *(const uint32_t *)value & ~(harm << 16);
		int on = 1;

		// Before Linux 4.20 there is no such option; the packets are then dropped as not ours.
		set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
		return set(fd, level, name, &arg, sizeof(arg));
	}
	return set(fd, level, name, value, len);
}
