#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# P2 L3 L16 L20 L29: a stock Linux host with strongSwan and open traffic selectors, nothing of ours on
# it: its kernel solicits a router over the tunnel and gets a whole prefix of its own.
#
#	strongSwan + kernel, cpn-client ──── gateway, profile p2 ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"

# What an ordinary host has anyway: router advertisements are accepted. Our testbed's own default route
# would win over the one that the gateway advertises.
in_client sysctl -qw net.ipv6.conf.default.accept_ra=2
in_client ip -6 route del default

# open_client NUMBER ID LOCAL : no virtual addresses, everything on both sides.
open_client()
{
	SWAN_REMOTE_TS="::/0" swan_client "$1" profiles-secret "$2" 192.0.2.1 |
		sed -e '/vips = /d' -e 's|remote_ts = .*|&\n\t\t\t\t\t\tlocal_ts = ::/0|'
}
# has_address NAMESPACE INTERFACE : the kernel made itself an address of the pool.
has_address()
{
	interface_address "$1" "$2" 6 2001:db8:1
}

open_client host@p2.example.org 192.0.2.2 | SWAN_INSTALL_ROUTES=no swan_start host cpn-client ||
	fail "strongSwan does not start"
check "strongSwan connects, without virtual addresses" swan_initiate host net
check "the kernel configures itself by router advertisement" wait_for 60 has_address cpn-client ipsec0
own=$(has_address cpn-client ipsec0)
prefix=$(gateway_json '.[] | .prefixes[]' link show | grep -m 1 ^2001:db8:1)
check_equal "the address is of the link's own prefix" "${prefix%::/64}:" "$(cut -d: -f1-4 <<<"$own"):"
check_equal "prefixes on the interface" "$(gateway_json '.[] | .prefixes | length' link show)" \
	"$(ip -n cpn-client -6 -o addr show dev ipsec0 scope global | wc -l)"
check "the default router is the gateway's link-local address" \
	grep -q "^default via $(gateway_json '.[].gateway_link_local' link show) dev ipsec0" \
	<(ip -n cpn-client -6 route show)
check_equal "L16: strongSwan knows of no virtual address" "" "$(swan_addresses host)"

check "ping by the routes that the kernel learned" pings cpn-client $LAN6
for size in 56 1400 60000; do
	check "to cpn-lan, $size bytes" pings cpn-client $LAN6 -I "$own" -s $size
	check "from cpn-lan, $size bytes" pings cpn-lan "$own" -s $size
done

# L1: any number of addresses of the prefix, without a word to anybody.
more=${prefix%::/64}:1234:5678:9abc:def0
in_client ip addr add "$more/64" dev ipsec0 nodad
check "an address of the host's own choosing" pings cpn-client $LAN6 -I "$more"

# L29: whatever is not its own dies in the gateway.
before=$(drop_count ingress-filter)
in_client ip addr add 2001:db8:10ff:ffff::1/128 dev ipsec0 nodad
in_client ping -n -c 3 -i 0.2 -W 1 -I 2001:db8:10ff:ffff::1 $LAN6 >/dev/null
check_equal "packets from another client's prefix that died" $((before + 3)) "$(drop_count ingress-filter)"

# L3: afterwards nothing crosses the tunnel that nobody asked for.
received=$(gateway_json '.[].in_pkts' link show)
sent=$(gateway_json '.[].out_pkts' link show)
sleep 10
check_equal "packets from the gateway in ten idle seconds" "$sent" "$(gateway_json '.[].out_pkts' link show)"
echo "from the client in that time: $(($(gateway_json '.[].in_pkts' link show) - received))"
