#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# P4 L3: addresses of a shared prefix that a host has given up without a word. Near its limit the gateway
# asks for them over the tunnel; the host's kernel answers for what it still has; what nobody answers for
# is free, and the host can have new ones.
#
#	our client, cpn-client ──── gateway, profile p4 ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
client_config id=somebody@p4.example.org secret=profiles-secret interface_id=::200:0:0:66 prefixes_by=ra \
	addresses_by=slaac link_model=router-aggregation
client_up --config "$WORK/client.conf"

limit=16
claims()
{
	gateway_json '.[] | .claimed | length' link show
}
claims_are()
{
	[ "$(claims)" = "$1" ]
}
claimed()
{
	gateway_json '.[] | .claimed[]' link show | grep -qx "$1"
}
settled()
{
	in_client ip -6 addr show dev cpn0 -tentative | grep -q "$1/"
}
add()
{
	in_client ip addr add "$1/64" dev cpn0
}
own=2001:db8:3000:0:200::66
check "the host's address" wait_for 20 claimed $own

for i in $(seq 1 9); do
	add 2001:db8:3000::1:$i
done
check "ten addresses are the link's" wait_for 20 claims_are 10
check "detection has ended" wait_for 20 settled 2001:db8:3000::1:9
sleep 6
proc_start capture cpn-client dumpcap -q -i cpn0 -s 0 -w "$WORK/cpn0.pcap"
wait_for 10 test -s "$WORK/cpn0.pcap" || fail "dumpcap does not start"
# The host forgets seven of them, as it forgets privacy addresses.
for i in $(seq 1 7); do
	in_client ip addr del 2001:db8:3000::1:$i/64 dev cpn0
done
add 2001:db8:3000::1:10
check "an eleventh address" wait_for 10 settled 2001:db8:3000::1:10
sleep 6
check_equal "L3: nobody has noticed" 11 "$(claims)"
solicitations="ipv6.src == $(gateway_json '.[] | .gateway_link_local' link show) && icmpv6.type == 135"
check_equal "L3: nobody has asked" 0 "$(packets "$WORK/cpn0.pcap" "$solicitations")"

# One more makes three quarters.
add 2001:db8:3000::2
check "the new one is the link's" wait_for 10 claimed 2001:db8:3000::2
check "the seven are given up" wait_for 10 claims_are 5
for address in $own 2001:db8:3000::1:8 2001:db8:3000::1:9 2001:db8:3000::1:10 2001:db8:3000::2; do
	check "$address is still the link's" claimed $address
done
capture_stop
# By unicast, and how often.
asked=$(tshark -n -r "$WORK/cpn0.pcap" -Y "$solicitations && ipv6.dst == icmpv6.nd.ns.target_address && ipv6.hlim == 255" \
	-T fields -e icmpv6.nd.ns.target_address 2>"$WORK/tshark.err" | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | xargs)
check_equal "four answer at once, seven were asked three times" "4 1 7 3" "$asked"
check_equal "solicitations in all" 25 "$(packets "$WORK/cpn0.pcap" "$solicitations")"
check_equal "answers that came" 4 "$(stat_count ndp_present)"
check "what stayed works" pings cpn-lan 2001:db8:3000::1:9
check_not "what went is not routed any more" pings cpn-lan 2001:db8:3000::1:1 -W 1

# Full: the next is refused, old ones are asked for at once, and soon there is room.
for i in $(seq 1 11); do
	add 2001:db8:3000::3:$i
done
check "all that the link may have" wait_for 20 claims_are $limit
check "detection has ended" wait_for 20 settled 2001:db8:3000::3:11
for i in $(seq 1 5); do
	in_client ip addr del 2001:db8:3000::3:$i/64 dev cpn0
done
sleep 10
add 2001:db8:3000::4
refused()
{
	in_client ip -6 addr show dev cpn0 dadfailed | grep -q "$1/"
}
check "one too many is refused" wait_for 10 refused 2001:db8:3000::4
check "the five that nobody has are given up" wait_for 10 claims_are $((limit - 5))
in_client ip addr del 2001:db8:3000::4/64 dev cpn0
add 2001:db8:3000::4
check "a second attempt succeeds" wait_for 10 claimed 2001:db8:3000::4
check "detection has ended" wait_for 10 settled 2001:db8:3000::4
check "it works" pings cpn-lan 2001:db8:3000::4
