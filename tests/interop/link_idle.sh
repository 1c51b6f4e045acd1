#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# P1 P2 L3 L4 L26: two links with our software on both ends, prefixes by IKEv2 and by router advertisement, and
# nobody says a word for a minute: not one packet crosses either tunnel, and no IKE message. And no duplicate
# address detection ever: not when the link comes, not when its host takes another address.
#
#	our client, cpn-client, profile p1 ──┬── gateway
#	our client, cpn-far, profile p2 ─────┘
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
# Who had the last word, asks once whether the other one has heard it. After a second here, so that a link that
# asks on and on would be told from one that does not.
liveness='ike = { liveness = "1s"; };'
{
	cat "$ROOT/config/testbed-profiles.conf"
	echo "keylog_dir = \"$WORK/keylog\";"
	echo "$liveness"
} >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
capture_start "$WORK/link.pcapng"
client_config id=joe@p1.example.org secret=profiles-secret ipv6_address=true
echo "$liveness" >>"$WORK/client.conf"
client_up --config "$WORK/client.conf"
far_config id=eve@p2.example.org secret=profiles-secret prefixes_by=ra gateway=2001:db8:ff::1
echo "$liveness" >>"$WORK/client.conf"
client_up --config "$WORK/client.conf" --namespace cpn-far
has_address()
{
	[ -n "$(interface_address "$1" cpn0 6 2001:db8:1)" ]
}
for namespace in cpn-client cpn-far; do
	check "$namespace has an address of its prefix" wait_for 20 has_address $namespace
	check "$namespace's works" pings $namespace $LAN6
	# As the kernel does it for any other address, with detection where the interface wants it.
	more=$(interface_address $namespace cpn0 6 2001:db8:1 | cut -d: -f1-4):1234:5678:9abc:def0
	ip -n $namespace addr add "$more/64" dev cpn0
	check "another one, too, at once" pings $namespace $LAN6 -I "$more"
done

# Packets on both links, both ways, and IKE messages.
told()
{
	gateway_json '[.[] | .in_pkts + .out_pkts] | add' link show
	stat_count datagrams_in
	stat_count datagrams_out
}
# What the hosts' kernels still have to say of themselves when an interface is new.
settled()
{
	local before
	before=$(told)
	sleep 4
	[ "$before" = "$(told)" ]
}
check "the hosts' kernels are quiet" wait_for 30 settled
capture_stop
before=$(told)
capture_start "$WORK/idle.pcapng"
sleep 60
capture_stop
check_equal "L3: packets of the links and IKE messages in a minute" "$before" "$(told)"
check_equal "L3: ESP on the wire" 0 "$(packets "$WORK/idle.pcapng" 'esp')"
check_equal "L3: UDP of IKE or around ESP" 0 "$(packets "$WORK/idle.pcapng" 'udp.port == 500 || udp.port == 4500')"

esp='esp && (icmpv6.type == 128 || icmpv6.type == 129)'
check "the capture of before decrypts" test "$(count "$WORK/link.pcapng" "$esp")" -ge 12
check_equal "L4: duplicate address detection in a tunnel" 0 \
	"$(count "$WORK/link.pcapng" 'esp && icmpv6.type == 135 && ipv6.src == ::')"
check_equal "L26: neighbour solicitations at all" 0 "$(count "$WORK/link.pcapng" 'esp && icmpv6.type == 135')"
check_equal "redirects" 0 "$(count "$WORK/link.pcapng" 'esp && icmpv6.type == 137')"
check_equal "router advertisements: one, to the one who has its prefixes from there" 1 \
	"$(count "$WORK/link.pcapng" 'esp && icmpv6.type == 134')"
check_equal "multicast queries: two on each link when it comes, as nobody listens" 4 "$(count "$WORK/link.pcapng" 'esp && icmpv6.type == 130')"
