#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L7 L12: our client's control is killed and started again, and so is all of the client: it comes back
# to the same link with the same addresses, also those that it made up itself.
#
#	our client, cpn-client (killed): cpn0 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
client_config id=somebody@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf"

link()
{
	gateway_json '.[] | [.link_id, .client_link_local, .prefixes] | tostring' link show
}
addresses()
{
	in_client ip -o addr show dev cpn0 | awk '{ print $4 }' | sort
}
control_again()
{
	proc_stop client-control KILL
	daemon_start client-control cpn-client "$RUN/client/control.pid" "$(program caponier-control)" \
		-c "$WORK/client.conf" -r "$RUN/client" || fail "the client's control does not start again"
	wait_for "$PATIENCE" client_is_up || fail "the connection does not come up again"
}

before=$(link)
had=$(addresses)
own=$(interface_address cpn-client cpn0 6 2001:db8:1)
check_equal "the file is nobody else's to read" 600 "$(stat -c %a "$RUN/client/client.json")"
stream_start flow cpn-client $LAN6
control_again
check_equal "the same link" "$before" "$(link)"
check_equal "the same addresses" "$had" "$(addresses)"
# The gateway keeps what the killed process had, and answers by it until the new SA is first used.
lost=$(stream_stop flow)
check "of a hundred pings a second, lost: $lost" test "$lost" -le 5
check "both ways" pings cpn-lan "$own"

"$TESTBED" client --stop
client_up --config "$WORK/client.conf"
check_equal "the same link after a restart of all" "$before" "$(link)"
check_equal "the same addresses" "$had" "$(addresses)"
check "ping" wait_for 5 pings cpn-client $LAN6 -I "$own"

# A file that makes no sense is a warning, and a new link.
"$TESTBED" client --stop
echo '{"connections": {"home": {"iid": "' >"$RUN/client/client.json"
client_up --config "$WORK/client.conf"
check "a broken file is told" grep -q 'client.json: cannot be used' "$RUN/logs/client-control.log"
check "and the connection works" wait_for 5 pings cpn-client $LAN6
check_not "by another link" test "$(client_json '.[0].link_id' link show)" = "$(jq -r '.[0]' <<<"$before")"
