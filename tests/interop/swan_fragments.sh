#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# I5: IKE messages larger than the path, which says nothing of it: strongSwan as the client and as the
# gateway, requests of either side in fragments. Without fragmentation nothing comes through.
#
#	strongSwan, cpn-far ──── cpn-router (MTU 1280, no ICMP) ──── gateway
#	our client, cpn-client ──── strongSwan, cpn-router (IPv4 without IP fragments)
. "$(dirname "$0")/lib.sh"
gateway_config 'ike = { fragment_size = 600; };'
begin --config "$WORK/gateway.conf"
"$TESTBED" path mtu 1280 noicmp

# Sixty selectors make strongSwan's requests larger than 2,000 bytes.
many_selectors()
{
	local i
	printf '10.20.0.0/24, 2001:db8:aaaa::/64'
	for ((i = 1; i < 60; i++)); do
		printf ', 2001:db8:bb%02x::/64' $i
	done
}
SWAN_REMOTE_TS=$(many_selectors)

capture_start "$WORK/fragments.pcapng"
swan_alice cpn-far 2001:db8:fe::2 2001:db8:ff::1
check "its request came in fragments" test "$(stat_count fragments_in)" -ge 2
check "our answer went in fragments" test "$(stat_count fragments_out)" -ge 2
check "IPv6 passes" pings cpn-far $LAN6 -I "$SWAN6"
for kind in child ike; do
	check "strongSwan rekeys the $kind SA" swan_ctl alice --rekey --$kind "$([ $kind = child ] && echo net || echo home)"
	check "the gateway sees it" wait_for 20 rekeyed $kind 1
	check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
	check "it is done" wait_for 20 rekeyed $kind 2
done
check "IPv6 still passes" pings cpn-far $LAN6 -I "$SWAN6"
capture_stop
check "requests of ours went in fragments" test "$(packets "$WORK/fragments.pcapng" \
	'ipv6.src == 2001:db8:ff::1 && isakmp.exchangetype == 36 && isakmp.flag_r == 0 && isakmp.nextpayload == 53')" -ge 2
check_equal "IKE messages in IP fragments" 0 "$(packets "$WORK/fragments.pcapng" 'ipv6.fraghdr && isakmp')"
check_equal "IKE messages of ours above 600 bytes" 0 \
	"$(packets "$WORK/fragments.pcapng" 'ipv6.src == 2001:db8:ff::1 && isakmp && ipv6.plen > 560')"
for what in unsupported malformed superseded too_large timeout; do
	check_equal "fragments that died, $what" 0 "$(stat_count fragments_$what)"
done
swan_stop alice
check "strongSwan's farewell takes the IKE SA down" wait_for 20 sa_none

SWAN_FRAGMENTATION=no swan_client alice@example.org alice-secret 2001:db8:fe::2 2001:db8:ff::1 |
	swan_start alice cpn-far || fail "strongSwan does not start"
check_not "without fragmentation strongSwan does not connect" swan_ctl alice --initiate --child net --timeout 5
check_equal "no IKE SA is established" 0 "$(gateway_json '[.[] | select(.state == "established")] | length' sa show)"
swan_stop alice

"$TESTBED" path clean
SWAN_FRAGMENT_SIZE=600
swan_gateway | swan_start gateway cpn-router || fail "strongSwan does not start"
for gateway in 192.0.2.254 2001:db8:ff::fe; do
	client_config gateway=$gateway ipv6_address=true
	echo 'ike = { fragment_size = 576; };' >>"$WORK/client.conf"
	client_up --config "$WORK/client.conf"
	check "our client's request went in fragments" \
		test "$(client_json '.[] | select(.name == "fragments_out") | .value' stats show all)" -ge 2
	check "IPv6 passes" pings cpn-client 2001:db8:fe::2 -I "$(interface_address cpn-client cpn0 6 2001:db8:77)"
	"$TESTBED" client --stop
done
