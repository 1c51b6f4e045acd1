#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L17 L19 L26: our client asks for a link and, in case there are none, for an address: it gets the link and
# no address. Its selectors are exactly its link-local address, its prefixes and its IPv4 address. The
# gateway answers neighbour solicitations on the link, and solicits nothing itself.
#
#	our client, cpn-client: cpn0 ──── gateway
. "$(dirname "$0")/lib.sh"
begin
client_config ipv6_address=true multicast=false # exactly the first child SA
client_up --config "$WORK/client.conf"

link=$(gateway_json '.[0]' link show bob@example.org)
check_equal "single IPv6 addresses given" 0 "$(gateway_json '.[] | select(.pool == "addr6") | .live' pool show)"
check_equal "addresses of the link" "$(interface_address cpn-client cpn0 4)" "$(jq -r '.addresses | join(" ")' <<<"$link")"

# selectors NAME : of the child SA, as the gateway has them
selectors()
{
	gateway_json ".[] | select(.kind == \"child\") | .$1 | sort | join(\" \")" sa show bob@example.org
}
want=$(jq -r '[.client_link_local, .addresses[0], .prefixes[]] | sort | join(" ")' <<<"$link")
have=$(selectors remote_ts | sed -E 's|/(32\|128)( \|$)|\2|g')
check_equal "selectors of the client's side, one each" "$want" "$have"

# Neighbour unreachability detection, as a peer's kernel would do it (RFC 4861 section 7.3).
gateway=$(jq -r .gateway_link_local <<<"$link")
cat >"$WORK/nud.py" <<-'END'
	import socket, struct, sys
	target = socket.inet_pton(socket.AF_INET6, sys.argv[1])
	s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
	s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, int(sys.argv[2]))
	s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"cpn0")
	s.settimeout(2)
	s.sendto(struct.pack("!BBHI", 135, 0, 0, 0) + target, (sys.argv[1], 0, 0, socket.if_nametoindex("cpn0")))
	try:
	    while True:
	        data, source = s.recvfrom(2000)
	        if data[0] == 136:
	            flags = struct.unpack("!I", data[4:8])[0] >> 29
	            print(data[8:24] == target, bool(flags & 2), source[0].split("%")[0])
	            break
	except TimeoutError:
	    sys.exit("no advertisement")
END
nud()
{
	in_client python3 "$WORK/nud.py" "$gateway" "$1"
}
check_equal "a solicitation is answered: target, solicited flag, source" "True True $gateway" "$(nud 255)"
check_not "one that a router forwarded is not" nud 254
check "it is counted" test "$(stat_count ndp_answered)" -ge 1

proc_start watch cpn-client dumpcap -q -i cpn0 -s 0 -w "$WORK/link.pcapng"
wait_for 10 test -s "$WORK/link.pcapng" || fail "dumpcap does not start"
sleep 3
proc_stop watch INT
check_equal "packets of the gateway's own on the link" 0 "$(packets "$WORK/link.pcapng" "ipv6.src == $gateway")"
