#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flood of IKE_SA_INIT from forged sources, then one of garbage: who is connected rekeys, who is not
# connects (strongSwan and our own client, by a cookie), and the gateway's memory does not grow with it.
#
#	flood, cpn-client ───────┐
#	strongSwan, cpn-client ──┤
#	our client, cpn-far ─────── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
swan_alice cpn-client 192.0.2.2 192.0.2.1
pings_both cpn-client "$SWAN4" "$SWAN6"

# Kilobytes in memory of a process of the gateway.
resident()
{
	awk '/^VmRSS/ { print $2 }' "/proc/$(proc_pid "gateway-$1")/status"
}

flood_start()
{
	proc_start flood cpn-client "$(program tests/bench/flood)" --device outer --rate 3000 --seconds 300 "$@"
}

at_least()
{
	[ "$(stat_count "$1")" -ge "$2" ]
}

not_half_open()
{
	[ "$(stat_count half_open)" = 0 ]
}

control=$(resident control) dataplane=$(resident dataplane)
flood_start
check "the gateway demands cookies" wait_for "$PATIENCE" at_least cookies_sent 1000
check_equal "half-open IKE SAs, as many as may be without cookies" 250 "$(stat_count half_open)"
check "the gateway rekeys the child SA of who is there" cli sa rekey "$(sa_names child)"
check "it is done" wait_for "$PATIENCE" rekeyed child 1
check "strongSwan rekeys the IKE SA" swan_ctl alice --rekey --ike home
check "it is done" wait_for "$PATIENCE" rekeyed ike 1
far_config gateway=192.0.2.1
client_up --config "$WORK/client.conf" --namespace cpn-far
check "our client came in by a cookie" at_least cookies_good 1
good=$(stat_count cookies_good)
check "strongSwan ends its IKE SA" swan_ctl alice --terminate --ike home
check "strongSwan connects" swan_initiate alice net
check "by a cookie" at_least cookies_good $((good + 1))
proc_stop flood

malformed=$(stat_count malformed)
flood_start --garbage
check "garbage arrives" wait_for "$PATIENCE" at_least malformed $((malformed + 1000))
check "strongSwan ends its IKE SA" swan_ctl alice --terminate --ike home
check "strongSwan connects" swan_initiate alice net
pings_both cpn-client "$(swan_addresses alice | grep -m 1 '\.')" "$(swan_addresses alice | grep -m 1 ':')"
proc_stop flood

echo "control has grown by $(($(resident control) - control)) kB, the dataplane by $(($(resident dataplane) - dataplane)) kB"
check "control has not grown by more than 16 MB" test $(($(resident control) - control)) -lt 16384
check "the dataplane has not grown by more than 16 MB" test $(($(resident dataplane) - dataplane)) -lt 16384
check "the half-open IKE SAs go" wait_for 120 not_half_open
