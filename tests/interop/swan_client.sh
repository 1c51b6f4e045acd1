#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 L10 L16 M-D: strongSwan with IPv4 and IPv6 virtual addresses, IPv4 and IPv6 outside; rekeys that
# either side starts lose nothing.
#
#	strongSwan, cpn-client ──── 192.0.2.0/24, 2001:db8:ff::/64 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin

rekey_everything()
{
	stream_start four cpn-client $LAN4
	stream_start six cpn-client $LAN6
	check "strongSwan rekeys the child SA" swan_ctl alice --rekey --child net
	check "the gateway sees it" wait_for 10 rekeyed child 1
	check "strongSwan rekeys the IKE SA" swan_ctl alice --rekey --ike home
	check "the gateway sees it" wait_for 10 rekeyed ike 1
	for kind in child ike; do
		check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
		check "it is done" wait_for 10 rekeyed $kind 2
	done
	check_equal "IPv4 packets lost in four rekeys" 0 "$(stream_stop four)"
	check_equal "IPv6 packets lost in four rekeys" 0 "$(stream_stop six)"
}

for gateway in 192.0.2.1 2001:db8:ff::1; do
	local_address=${gateway%1}2
	[ $gateway != 192.0.2.1 ] || local_address=192.0.2.2
	swan_alice cpn-client "$local_address" $gateway
	pings_both cpn-client "$SWAN4" "$SWAN6"
	rekey_everything
	pings_both cpn-client "$SWAN4" "$SWAN6"
	check_equal "one IKE SA" 1 "$(sa_names ike | wc -l)"
	check_equal "one child SA" 1 "$(sa_names child | wc -l)"
	check_equal "packets that died in the gateway" 0 "$(drop_count)"
	swan_stop alice
	check "strongSwan's farewell takes the IKE SA down" wait_for 10 sa_none
done
