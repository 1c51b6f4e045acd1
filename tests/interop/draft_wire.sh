#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L18 L19 L23 L24 L27: wire = "ipsecme-00", the draft's own reply, on both sides: the client's interface ID is
# echoed, the link works, is rekeyed and comes back by its Link ID; somebody else's Link ID gives no link
# at all, and the IKE SA stands.
#
#	our client ──┬── gateway ──── cpn-lan
#	          dumpcap
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
{
	cat "$ROOT/config/testbed-profiles.conf"
	echo "keylog_dir = \"$WORK/keylog\";"
} >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"

# Values of INTERNAL_IP6_LINK in the messages that a filter finds, in hexadecimal.
link_attributes()
{
	shark "$1" -Y "isakmp.cfg.attr.type == 17 && $2" -V |
		awk '/\(t=17,/ { link = 1 } link && $1 == "Value:" { print $2; link = 0 }'
}

joe()
{
	client_config id=joe@draft.example.org secret=profiles-secret wire=ipsecme-00 interface_id="$1" multicast=false
}

joe ::a:b:c:d
capture_start "$WORK/joe.pcapng"
client_up --config "$WORK/client.conf"
link=$(gateway_json '.[] | select(.state == "up")' link show)
prefix=$(jq -r '.prefixes[0]' <<<"$link")
check "pings" pings cpn-client $LAN6
check_equal "TSi is the link-local address and what was assigned, one selector each (L19)" \
	"$(jq -r '(["fe80::a:b:c:d"] + .prefixes + .addresses) | map(sub("/(32|128)$"; "")) | sort | join(" ")' <<<"$link")" \
	"$(gateway_json '.[] | select(.kind == "child") | [.remote_ts] | flatten | map(sub("/(32|128)$"; "")) | sort | join(" ")' sa show)"
check "the interface has fe80:: with our interface ID" \
	grep -q 'fe80::a:b:c:d/' <(ip -n cpn-client -6 addr show dev cpn0)
check_equal "the client shows it as its own, the gateway's it does not know" "fe80::a:b:c:d null" \
	"$(client_json '.[0] | "\(.client_link_local) \(.gateway_link_local)"' link show)"
for kind in child ike child; do
	check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
	sleep 1
done
check "all are done" wait_for 10 rekeyed child 2
check "the client rekeys the child SA" client_cli sa rekey \
	"$(client_json '.[] | select(.kind == "child") | .sa' sa show)"
check "it is done" wait_for 10 rekeyed child 3
check "pings" pings cpn-client $LAN6
"$TESTBED" client --stop
capture_stop
dissects "the draft's reply" "$WORK/joe.pcapng"
asked=$(link_attributes "$WORK/joe.pcapng" 'isakmp.cfg.type == 1')
answered=$(link_attributes "$WORK/joe.pcapng" 'isakmp.cfg.type == 2')
check_equal "INTERNAL_IP6_LINK asks with the interface ID alone" 000a000b000c000d "$asked"
check_equal "the reply has it, echoed" "$asked" "${answered:0:16}"
check_equal "and the Link ID behind it" "$(jq -r .link_id <<<"$link" | tr -d :)" "${answered:16}"
check "INTERNAL_IP6_PREFIX in the reply" has_attributes "$WORK/joe.pcapng" 2 17 18
check "LINK_ID in the rekeys of the child SA" \
	test "$(count "$WORK/joe.pcapng" 'isakmp.exchangetype == 36 && isakmp.notify.msgtype == 16414')" = 3

# Within the grace time, by its Link ID: the same link.
capture_start "$WORK/again.pcapng"
client_up --config "$WORK/client.conf"
capture_stop
check_equal "it asks with the Link ID" "$answered" "$(link_attributes "$WORK/again.pcapng" 'isakmp.cfg.type == 1')"
check_equal "and has its prefix again" "$prefix" "$(gateway_json '.[] | select(.state == "up") | .prefixes[0]' link show)"
check "pings" pings cpn-client $LAN6

# A client of RFC 5739 takes the echo for a collision, and says so.
"$TESTBED" client --stop
client_config id=strict@draft.example.org secret=profiles-secret
"$TESTBED" client --config "$WORK/client.conf"
check "without the setting the client refuses the echo" wait_for 10 \
	grep -q 'the gateway has our own interface ID' "$RUN/logs/client-control.log"
"$TESTBED" client --stop

# eve knows joe's Link ID.
client_config id=eve@draft.example.org secret=profiles-secret wire=ipsecme-00
client_up --config "$WORK/client.conf"
"$TESTBED" client --stop
state=$(grep -l link_id "$RUN/client/"*.json | head -1)
check "the client's state has its Link ID" test -n "$state"
jq --arg id "${answered:16}" '.connections[].link_id = $id' "$state" >"$state.eve" && mv "$state.eve" "$state"
capture_start "$WORK/eve.pcapng"
"$TESTBED" client --config "$WORK/client.conf"
check "somebody else's Link ID: INTERNAL_ADDRESS_FAILURE" wait_for 10 \
	grep -q 'no child SA: the gateway says INTERNAL_ADDRESS_FAILURE' "$RUN/logs/client-control.log"
check_equal "no child SA" 0 "$(sa_names child | wc -l)"
check "the IKE SA stands" test -n "$(sa_names ike)"
check_equal "joe's link waits for joe" grace \
	"$(gateway_json ".[] | select(.link_id | gsub(\":\"; \"\") == \"${answered:16}\") | .state" link show)"
capture_stop
check_equal "eve asks with joe's Link ID" "${answered:16}" \
	"$(link_attributes "$WORK/eve.pcapng" 'isakmp.cfg.type == 1' | head -1 | cut -c17-)"
check_equal "INTERNAL_IP6_LINK in an answer to eve" 0 "$(count "$WORK/eve.pcapng" 'isakmp.cfg.type == 2')"
"$TESTBED" client --stop
