#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L14 L23: a link is known by its Link ID and nothing else. Its host comes back from another address of another
# family, and it is the same link; the same user from another host has another one; another user who has got
# hold of the Link ID gets another one, and the owner notices nothing.
#
#	joe: our client, cpn-client ──────────────────────────────┬── gateway ──── cpn-lan
#	eve, and joe's other host: our client, cpn-far ── router ─┘
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
{
	cat "$ROOT/config/testbed-profiles.conf"
	echo "keylog_dir = \"$WORK/keylog\";"
} >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"

# link OF-IDENTITY FILTER : of its links that are up
link()
{
	gateway_json ".[] | select(.state == \"up\" and .identity == \"$1@p1.example.org\") | $2" link show
}
state_file()
{
	grep -l link_id "$1/"*.json | head -1
}
joe=(id=joe@p1.example.org secret=profiles-secret)

client_config "${joe[@]}"
client_up --config "$WORK/client.conf"
before=$(link joe '"\(.link_id) \(.prefixes)"')
link_id=$(link joe .link_id)
own=$(interface_address cpn-client cpn0 6 2001:db8:1)
check_equal "both ends know the same Link ID" "$link_id" "$(client_json '.[0].link_id' link show)"
"$TESTBED" client --stop
client_config "${joe[@]}" gateway=2001:db8:ff::1
client_up --config "$WORK/client.conf"
check "now over IPv6" grep -q 2001:db8:ff::2 <(gateway_json '.[] | select(.kind == "ike") | .remote' sa show)
check_equal "Link ID and prefixes" "$before" "$(link joe '"\(.link_id) \(.prefixes)"')"
check "the address still works" pings cpn-lan "$own"

# eve's client has the Link ID in its memory. RFC 5739 section 4.2: it is as if she had asked for a new link.
far_config id=eve@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-far
"$TESTBED" client --namespace cpn-far --stop
state=$(state_file "$RUN/client-far")
check "the state has a Link ID" test -n "$state"
jq --arg id "$link_id" '.connections[].link_id = $id' "$state" >"$state.new" && mv "$state.new" "$state"
capture_start "$WORK/eve.pcapng"
client_up --config "$WORK/client.conf" --namespace cpn-far
capture_stop
check_equal "eve asks with joe's Link ID" "$link_id" \
	"$(shark "$WORK/eve.pcapng" -Y 'isakmp.cfg.type == 1' -T fields -e isakmp.cfg.attr.internal_ip6_link_id)"
hers=$(link eve .link_id)
check "eve is given another Link ID" test "${hers:-$link_id}" != "$link_id"
check_equal "her client believes it" "$hers" "$(client_json '.[0].link_id' link show)"
check_equal "prefixes that both have" "" "$(gateway_json '[.[].prefixes[]] | group_by(.) | map(select(length > 1)) | .[][]' link show)"
hers=$(interface_address cpn-far cpn0 6 2001:db8:1)
check "hers works" pings cpn-lan "$hers"
check_equal "joe's link is as it was" "$before" "$(link joe '"\(.link_id) \(.prefixes)"')"
check "joe's works" pings cpn-lan "$own"
died=$(drop_count)
ip -n cpn-far addr add "$own/128" dev cpn0 nodad
ip -n cpn-far -6 route add $LAN6/128 dev cpn0 src "$own" metric 1 2>/dev/null
check_not "she cannot speak as joe" pings cpn-far $LAN6 -I "$own" -W 1
check "what she says so dies" test $(($(drop_count) - died + $(client_drop_count sa-selector-out))) -ge 3
"$TESTBED" client --namespace cpn-far --stop

# The same user on a second host, whose memory is its own.
rm -f "$state"
far_config "${joe[@]}"
client_up --config "$WORK/client.conf" --namespace cpn-far
check_equal "joe's links" 2 "$(link joe .link_id | sort -u | wc -l)"
check_equal "his prefixes, all different" 4 "$(link joe '.prefixes[]' | sort -u | wc -l)"
check "the first host's works" pings cpn-lan "$own"
check "the second host's works" pings cpn-lan "$(interface_address cpn-far cpn0 6 2001:db8:1)"
