#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# M-C1 M-C2 L29: ESP made with the client's own keys by a program of ours: an inner source that the link
# was not given dies in the gateway; the outer source does not matter; replays and forgeries die.
#
#	our client, cpn-client ──── gateway ──── cpn-lan
#	cpn-far, with the keys ──────┘
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
gateway_config "keylog_dir = \"$WORK/keylog\";"
begin --config "$WORK/gateway.conf"
client_config multicast=false # one child SA
client_up --config "$WORK/client.conf"
ours=$(interface_address cpn-client cpn0 6 2001:db8:1)
check "ping" pings cpn-client $LAN6 -I "$ours"

spi=$(gateway_json '.[] | select(.kind == "child") | .spi_in' sa show)
seq=$(($(gateway_json '.[] | select(.kind == "child") | .in_seq' sa show) + 10))
received()
{
	gateway_json '.[0].in_pkts' link show
}
# forge SEQUENCE INNER-SOURCE INNER-DESTINATION [flip]
forge()
{
	in_far "$ROOT/tests/interop/esp_forge.py" "$WORK/keylog/esp_sa" "$spi" "$1" 192.0.2.1 "${@:2}"
}
# dies REASON WHAT ... : forge's arguments; exactly one packet more has died for the reason.
dies()
{
	local reason=$1 what=$2 before
	before=$(drop_count "$reason")
	forge "${@:3}" || fail "esp_forge.py"
	check "$what dies: $reason" wait_for 5 died "$reason" $((before + 1))
}
died()
{
	[ "$(drop_count "$1")" -eq "$2" ]
}
more()
{
	[ "$(received)" -gt "$1" ]
}

before=$(received)
forge $seq "$ours" $LAN6
check "from another outer address, with the link's inner source: taken" wait_for 5 more "$before"
dies esp-replay "the same sequence number again" $seq "$ours" $LAN6
dies esp-icv "a changed ICV" $((seq + 1)) "$ours" $LAN6 flip
dies sa-selector-in "an inner source of somebody else's prefix" $((seq + 2)) 2001:db8:10ff:ffff::1 $LAN6
dies sa-selector-in "an inner source of the protected network" $((seq + 3)) $LAN6 2001:db8:aaaa::1
dies sa-selector-in "another link-local address" $((seq + 4)) fe80::1 fe80::2
check "the client is not disturbed" pings cpn-client $LAN6 -I "$ours" -c 1
