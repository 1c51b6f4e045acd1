#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L7 L21 L23: reauthentication of our client, again and again, under a running TCP transfer each way: another
# IKE SA each time, the same link, prefixes and addresses; not one connection lost, not one packet.
# CAPONIER_LONG=1: 20 times, else 5.
#
#	our client, cpn-client ──── gateway ──── cpn-lan (iperf3)
. "$(dirname "$0")/lib.sh"
begin
client_up
times=5
[ -z "${CAPONIER_LONG:-}" ] || times=20

name=$(client_json '.[0].peer' peer show)
link_before=$(gateway_json '.[] | "\(.link_id) \(.prefixes | sort)"' link show)
addresses_before=$(ip -n cpn-client -o addr show dev cpn0 scope global | awk '{ print $4 }' | sort)

client_ike_sas()
{
	client_json '[.[] | select(.kind == "ike" and .state == "established") | .sa]' sa show
}

gateway_has_one()
{
	[ "$(gateway_json '[.[] | select(.kind == "ike")] | length' sa show)" = 1 ]
}

# reauthenticated BEFORE : the client has one IKE SA, another one, and so has the gateway.
reauthenticated()
{
	local now
	now=$(client_ike_sas)
	[ "$now" != "$1" ] && [ "$(jq length <<<"$now")" = 1 ] && gateway_has_one
}

# round NAME [-R] : half of the reauthentications, under a transfer that they are a part of.
round()
{
	local i before
	in_client iperf3 -c $LAN6 -t $((times * 2 + 4)) -J "${@:2}" >"$WORK/$1.json" &
	pid=$!
	sleep 1
	for i in $(seq $((times - times / 2))); do
		before=$(client_ike_sas)
		check "$1, reauthentication $i" client_cli peer reauth "$name"
		check "$1, $i: another IKE SA, and the old one is gone" wait_for 20 reauthenticated "$before"
		check_equal "$1, $i: Link ID and prefixes" "$link_before" \
			"$(gateway_json '.[] | "\(.link_id) \(.prefixes | sort)"' link show)"
	done
	check "$1: the transfer ran all the time" kill -0 $pid
	wait $pid || fail "$1, iperf3: $(jq -r .error "$WORK/$1.json")"
	jq -r '"\(.end.sum_received.bits_per_second / 1e6 | round) Mbit/s, \(.end.sum_sent.retransmits) retransmits"' \
		"$WORK/$1.json"
}

gateway_before=$(drop_count)
client_before=$(client_drop_count)
stream_start ping cpn-client $LAN6
stream_start back cpn-lan "$(interface_address cpn-client cpn0 6 2001:db8:1)"
round up
round down -R
check_equal "pings of the client lost" 0 "$(stream_stop ping)"
check_equal "pings to the client lost" 0 "$(stream_stop back)"
check_equal "addresses" "$addresses_before" \
	"$(ip -n cpn-client -o addr show dev cpn0 scope global | awk '{ print $4 }' | sort)"
check_equal "links" 1 "$(gateway_json length link show)"
check_equal "packets that died in the gateway" "$gateway_before" "$(drop_count)"
check_equal "packets that died in the client" "$client_before" "$(client_drop_count)"
