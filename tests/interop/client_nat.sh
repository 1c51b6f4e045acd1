#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L14 L21 M-R: our client behind a NAT that changes address and port, and later its mind; rekeys that
# either side starts; the link stays what it was.
#
#	our client, cpn-far ──── cpn-router (NAT) ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
"$TESTBED" path nat

remote()
{
	gateway_json ".[] | select(.kind == \"$1\") | .remote" sa show
}

for gateway in 192.0.2.1 2001:db8:ff::1; do
	far_config gateway=$gateway multicast=false # one child SA, which moves
	client_up --config "$WORK/client.conf" --namespace cpn-far
	check "the gateway sees the NAT's address" gateway_sees_nat
	four=$(interface_address cpn-far cpn0 4)
	six=$(interface_address cpn-far cpn0 6 2001:db8:1)
	pings_both cpn-far "$four" "$six"
	prefixes=$(gateway_json '.[] | select(.state == "up") | .prefixes | join(" ")' link show)
	before=$(remote ike)
	"$TESTBED" path nat # forgets its translations: the next packet comes from another port
	# The answer to the first packet may still go to the old port: control decides where to.
	check "traffic goes on from the new port" wait_for 10 pings cpn-far $LAN6
	check "back, too" pings cpn-lan "$four"
	check "the child SA has moved" test "$(remote child)" != "$before"
	stream_start out cpn-far $LAN6
	stream_start in cpn-lan "$four"
	for kind in child ike; do
		check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
		check "it is done" wait_for 10 rekeyed $kind 1
		check "the client rekeys the $kind SA" client_cli sa rekey \
			"$(client_json ".[] | select(.kind == \"$kind\") | .sa" sa show)"
		check "it is done" wait_for 10 rekeyed $kind 2
	done
	check_equal "packets lost outwards" 0 "$(stream_stop out)"
	check_equal "packets lost inwards" 0 "$(stream_stop in)"
	check_equal "prefixes" "$prefixes" "$(gateway_json '.[] | select(.state == "up") | .prefixes | join(" ")' link show)"
	check_equal "packets that died in the gateway" 0 "$(drop_count)"
	"$TESTBED" client --namespace cpn-far --stop
done
