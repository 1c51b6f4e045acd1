#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 L16: strongSwan as the gateway of our client, which knows no links there: it falls back to the
# addresses of RFC 7296; rekeys that either side starts.
#
#	our client, cpn-client ──── strongSwan, cpn-router ──── cpn-far
. "$(dirname "$0")/lib.sh"
begin

swan_gateway | swan_start gateway cpn-router || fail "strongSwan does not start"

for gateway in 192.0.2.254 2001:db8:ff::fe; do
	client_config gateway=$gateway ipv6_address=true
	client_up --config "$WORK/client.conf"
	four=$(interface_address cpn-client cpn0 4 10.77)
	six=$(interface_address cpn-client cpn0 6 2001:db8:77)
	for size in 56 1400 60000; do
		check "IPv4, $size bytes" pings cpn-client 198.51.100.2 -I "$four" -s $size
		check "IPv6, $size bytes" pings cpn-client 2001:db8:fe::2 -I "$six" -s $size
		check "IPv6 from beyond the gateway, $size bytes" pings cpn-far "$six" -s $size
	done
	stream_start six cpn-client 2001:db8:fe::2
	for kind in child ike; do
		check "our client rekeys the $kind SA" client_cli sa rekey \
			"$(client_json ".[] | select(.kind == \"$kind\") | .sa" sa show)"
		check "it is done" wait_for 10 client_rekeyed $kind 1
	done
	check "strongSwan rekeys the child SA" swan_ctl gateway --rekey --child net
	check "it is done" wait_for 10 client_rekeyed child 2
	check "strongSwan rekeys the IKE SA" swan_ctl gateway --rekey --ike warrior
	check "it is done" wait_for 10 client_rekeyed ike 2
	check_equal "packets lost" 0 "$(stream_stop six)"
	check_equal "packets that died in our client" 0 "$(client_drop_count)"
	"$TESTBED" client --stop
	check_not "the interface is gone" ip -n cpn-client link show dev cpn0
done
