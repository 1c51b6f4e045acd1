#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Invariants 1 and 2: two workers carry the traffic of several clients at once, each packet to the
# client that it is for.
#
#	strongSwan, cpn-client: u1 to u6 ──── gateway, workers 0 and 1 ──── cpn-lan
. "$(dirname "$0")/lib.sh"
[ "$(nproc)" -gt 1 ] || skip "needs two CPUs"
begin --worker-lcores 0,1

for i in {1..6}; do
	SWAN_NUMBER=$i SWAN_REMOTE_TS="10.20.0.0/24, 2001:db8:aaaa::/64" \
		swan_client "u$i@load.example.org" load-secret 192.0.2.$((10 + i)) 192.0.2.1
done >"$RUN/swan.conf"
swan_start load cpn-client <"$RUN/swan.conf" || fail "strongSwan does not start"
for i in {1..6}; do
	check "u$i connects" swan_initiate load "net$i"
done
check_equal "workers that own SAs" 2 "$(gateway_json '[.[] | select(.kind == "child") | .worker] | unique | length' sa show)"
check_equal "links" 6 "$(gateway_json '[.[] | select(.state == "up")] | length' link show)"

mapfile -t addresses < <(gateway_json '.[] | .addresses[] | split("/")[0]' link show)
check_equal "addresses, all different" 12 "$(printf '%s\n' "${addresses[@]}" | sort -u | wc -l)"
for address in "${addresses[@]}"; do
	target=$LAN4
	[[ $address != *:* ]] || target=$LAN6
	check "$address to cpn-lan" pings cpn-client $target -I "$address" -s 1300
done

# All at once, both directions, below what this machine can carry: then nothing may be lost but what
# strongSwan's own TUN queue and UDP socket had no room for.
for i in 0 1 2 3 4 5; do
	stream_start "$i" cpn-lan "${addresses[$((i * 2))]}"
done
in_client iperf3 -c $LAN4 -p 5201 -B "${addresses[0]}" -t 5 -b 20M -J >"$WORK/up.json" &
up=$!
in_client iperf3 -c $LAN4 -p 5202 -B "$(printf '%s\n' "${addresses[@]}" | grep -v : | tail -1)" -t 5 -b 20M -R -J >"$WORK/down.json" &
wait $up $! || fail "iperf3: $(jq -r '.error // empty' "$WORK/up.json" "$WORK/down.json")"
jq -r '"\(.end.sum_received.bits_per_second / 1e6 | round) Mbit/s"' "$WORK/up.json" "$WORK/down.json"
for i in 0 1 2 3 4 5; do
	lost=$((${lost:-0} + $(stream_stop "$i")))
done
dropped=$(($(in_client cat /sys/class/net/ipsec0/statistics/tx_dropped) +
	$(in_client nstat -asz UdpRcvbufErrors | awk '$1 == "UdpRcvbufErrors" { print $2 }')))
check "pings lost: $lost; dropped by strongSwan's TUN and socket: $dropped" test $lost -le $dropped
check_equal "packets that died in the gateway" 0 "$(drop_count)"
for reason in sa-selector-in ingress-filter esp-icv esp-no-sa esp-replay handoff-full; do
	check_equal "drops: $reason" 0 "$(drop_count $reason)"
done
check "both workers decrypted" jq -e \
	'.[] | select(.name == "esp_in_pkts") | .threads[1:] | length == 2 and all(.[]; . > 100)' <(cli --json stats)
