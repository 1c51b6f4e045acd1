#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 L10: strongSwan behind a NAT that changes address and port, over IPv4 and IPv6; rekeys that
# either side starts lose nothing.
#
#	strongSwan, cpn-far ──── cpn-router (NAT) ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
"$TESTBED" path nat

for gateway in 192.0.2.1 2001:db8:ff::1; do
	if [ $gateway = 192.0.2.1 ]; then
		swan_alice cpn-far 198.51.100.2 $gateway
	else
		swan_alice cpn-far 2001:db8:fe::2 $gateway
	fi
	check "the gateway sees the NAT's address" gateway_sees_nat
	pings_both cpn-far "$SWAN4" "$SWAN6"
	stream_start four cpn-far $LAN4
	stream_start six cpn-lan "$SWAN6"
	check "strongSwan rekeys the child SA" swan_ctl alice --rekey --child net
	check "the gateway sees it" wait_for 10 rekeyed child 1
	check "strongSwan rekeys the IKE SA" swan_ctl alice --rekey --ike home
	check "the gateway sees it" wait_for 10 rekeyed ike 1
	for kind in child ike; do
		check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
		check "it is done" wait_for 10 rekeyed $kind 2
	done
	check_equal "IPv4 packets lost" 0 "$(stream_stop four)"
	check_equal "IPv6 packets lost" 0 "$(stream_stop six)"
	pings_both cpn-far "$SWAN4" "$SWAN6"
	check_equal "packets that died in the gateway" 0 "$(drop_count)"
	swan_stop alice
	check "strongSwan's farewell takes the IKE SA down" wait_for 10 sa_none
done
