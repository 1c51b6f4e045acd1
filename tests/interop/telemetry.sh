#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# rte_telemetry and rte_pdump: dpdk-telemetry.py asks the dataplane, dpdk-dumpcap finds it.
#
#	our client, cpn-client ──── gateway, looked into
. "$(dirname "$0")/lib.sh"
begin
client_up
check "ping" pings cpn-client $LAN6
telemetry()
{
	in_gateway dpdk-telemetry.py -f caponier-testbed <<<"$1" 2>&1 | tee "$WORK/telemetry.out"
}
telemetry / >/dev/null
check "telemetry knows DPDK's commands" grep -q '/ethdev/list' "$WORK/telemetry.out"
check "telemetry knows ours" grep -q '/caponier/' "$WORK/telemetry.out"
telemetry /ethdev/list >/dev/null
check "two ports" grep -q -E '\[0, 1\]' "$WORK/telemetry.out"
command=$(grep -o '/caponier/[a-z]*drops' <(telemetry /) | head -1)
check "there is a command for drops" test -n "$command"
telemetry "$command" >/dev/null
check "drops are JSON by name" grep -q 'esp_no_sa' "$WORK/telemetry.out"
