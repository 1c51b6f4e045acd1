#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L20: no prefix and no address left: INTERNAL_ADDRESS_FAILURE, the IKE SA stays, no child SA.
#
#	strongSwan, cpn-client: u1, u2, u3 ──── gateway with pools of two
#	our client, cpn-far ───────────────────────┘
. "$(dirname "$0")/lib.sh"
small_pools
begin --config "$WORK/gateway.conf"
for i in 1 2 3; do
	SWAN_NUMBER=$i swan_client "u$i@load.example.org" load-secret 192.0.2.$((10 + i)) 192.0.2.1
done >"$RUN/swan.conf"
swan_start load cpn-client <"$RUN/swan.conf" || fail "strongSwan does not start"
check "u1 gets the first" swan_initiate load net1
check "u2 gets the second" swan_initiate load net2
check_not "u3 gets none" swan_initiate load net3
check "strongSwan reads INTERNAL_ADDRESS_FAILURE" \
	grep -q -E 'INTERNAL_ADDRESS_FAILURE|INT_ADDR_FAIL' "$(swan_dir load)/charon.log"
check_equal "its IKE SA stays, beside the two others" 3 "$(sa_names ike | wc -l)"
check_equal "child SAs" 2 "$(sa_names child | wc -l)"
check_equal "links" 2 "$(gateway_json length link show)"

# Each has one of the two IPv4 addresses, and none of the prefixes; of those there are two.
far_config gateway=192.0.2.1 ipv4=false
client_up --config "$WORK/client.conf" --namespace cpn-far
check "our client gets its prefixes" pings cpn-far $LAN6
