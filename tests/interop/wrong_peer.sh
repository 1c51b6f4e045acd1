#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# T6: wrong key, unknown identity: AUTHENTICATION_FAILED, nothing allocated. Garbage on the IKE port
# and forged ESP: counted, nobody disturbed.
#
#	strongSwan, cpn-client: right and wrong ──── gateway
. "$(dirname "$0")/lib.sh"
begin
in_use()
{
	gateway_json '[.[] | .live] | add' pool show
}

# refused ID SECRET : strongSwan is told so, and the gateway keeps nothing.
refused()
{
	swan_client "$1" "$2" 192.0.2.2 192.0.2.1 | swan_start "$3" cpn-client || fail "strongSwan does not start"
	check_not "$1 with secret $2 is refused" swan_initiate "$3" net
	check "strongSwan reads AUTHENTICATION_FAILED" grep -q 'AUTHENTICATION_FAILED' "$(swan_dir "$3")/charon.log"
	swan_stop "$3"
	check "no IKE SA is left" wait_for 5 sa_none
	check_equal "leases in use" 0 "$(in_use)"
	check_equal "links" 0 "$(gateway_json length link show)"
}
refused alice@example.org wrong-secret one
refused mallory@example.org alice-secret two

client_up
check "the right one gets in" pings cpn-client $LAN6
before=$(in_use)
# Random datagrams, truncated headers, ESP for SPIs that nobody has, a NAT keepalive.
in_far python3 - <<-'END'
	import random, socket, struct
	random.seed(1)
	for family, host in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8:ff::1")):
	    sock = socket.socket(family, socket.SOCK_DGRAM)
	    for port in (500, 4500):
	        for n in range(300):
	            sock.sendto(random.randbytes(random.randrange(0, 200)), (host, port))
	            header = random.randbytes(8) + bytes(8) + bytes((33, 0x20, 34, 8)) + bytes(4)
	            body = random.randbytes(random.randrange(0, 80))
	            data = header + struct.pack("!I", random.choice((28 + len(body), 0, 1 << 31))) + body
	            sock.sendto((b"\0\0\0\0" if port == 4500 else b"") + data, (host, port))
	        sock.sendto(b"\xff", (host, port))
	    raw = socket.socket(family, socket.SOCK_RAW, 50)
	    for n in range(300):
	        raw.sendto(random.randbytes(random.randrange(8, 120)), (host, 0))
END
check "control answers" cli stats show
forged_counted()
{
	[ "$(drop_count esp-no-sa)" -ge 100 ]
}
check "the dataplane counts forged ESP" wait_for 5 forged_counted
check_equal "leases in use" "$before" "$(in_use)"
check "the client is not disturbed" pings cpn-client $LAN6
check "a new client gets in" swan_alice cpn-far 198.51.100.2 192.0.2.1
