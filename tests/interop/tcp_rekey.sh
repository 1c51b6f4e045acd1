#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Invariant 5: TCP through our client's link while child SA and IKE SA are rekeyed: nothing is lost, by
# drop counters, by the sequence of pings beside it, and by TCP's own retransmissions.
# CAPONIER_LONG=1: 60 seconds each way, else 10.
#
#	our client, cpn-client ──── gateway ──── cpn-lan (iperf3)
. "$(dirname "$0")/lib.sh"
begin
client_up
seconds=10
[ -z "${CAPONIER_LONG:-}" ] || seconds=60

# transfer NAME TARGET [-R] : iperf3 in the background, its result as JSON.
transfer()
{
	in_client iperf3 -c "$2" -t $seconds -J "${@:3}" >"$WORK/$1.json" &
	pid=$!
	stream_start ping cpn-client $LAN6
	sleep $((seconds / 4))
	before=$(sa_rekeys child),$(sa_rekeys ike)
	for kind in child ike; do
		check "rekey of the $kind SA" cli sa rekey "$(first_sa cli $kind)"
		sleep $((seconds / 4))
	done
	wait $pid || fail "iperf3: $(jq -r .error "$WORK/$1.json")"
	after=$(sa_rekeys child),$(sa_rekeys ike)
	check_equal "rekeys before and after" "$((${before%,*} + 1)),$((${before#*,} + 1))" "$after"
	check_equal "pings lost" 0 "$(stream_stop ping)"
	jq -r '"\(.end.sum_received.bits_per_second / 1e6 | round) Mbit/s, \(.end.sum_sent.retransmits) retransmits"' "$WORK/$1.json"
	# Full queues may cost a congestion-controlled sender a few; a storm looks different.
	check "TCP retransmissions: $(jq .end.sum_sent.retransmits "$WORK/$1.json") of $(jq '.end.sum_sent.bytes / 1300 | round' "$WORK/$1.json") segments, under 1 %" \
		jq -e '.end.sum_sent.retransmits <= (.end.sum_sent.bytes / 1300 / 100)' "$WORK/$1.json"
}

gateway_before=$(drop_count)
client_before=$(client_drop_count)
transfer up $LAN6
transfer down $LAN6 -R
transfer up4 $LAN4
check_equal "packets that died in the gateway" "$gateway_before" "$(drop_count)"
check_equal "packets that died in the client" "$client_before" "$(client_drop_count)"
