#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L20: kill -9 of control: traffic flows on, a restarted control knows the leases and serves new
# clients. kill -9 of the dataplane: it comes back, and the clients' tunnels with it.
#
#	our client, cpn-client ──┐
#	strongSwan, cpn-far ──── gateway (killed) ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
client_up
ours=$(interface_address cpn-client cpn0 6 2001:db8:1)
dataplane=$(cat "$RUN/dataplane.pid")

stream_start flow cpn-client $LAN6
"$TESTBED" restart control --kill || fail "control does not start again"
check_equal "the dataplane went on" "$dataplane" "$(cat "$RUN/dataplane.pid")"
check "control finds the dataplane" wait_for 10 cli port show
check_equal "pings lost while control was away" 0 "$(stream_stop flow)"
check "the client's address is reached from cpn-lan" pings cpn-lan "$ours"

swan_alice cpn-far 198.51.100.2 192.0.2.1
pings_both cpn-far "$SWAN4" "$SWAN6"
check "the old client's traffic flows beside it" pings cpn-client $LAN6 -I "$ours"
check_equal "no address is given twice" "" \
	"$(gateway_json '.[] | select(.link != null) | .prefix' lease show | sort | uniq -d)"

# An orderly restart says good-bye to the peers; a killed dataplane does not, and has lost every SA.
control=$(cat "$RUN/control.pid")
"$TESTBED" restart dataplane --kill || fail "dataplane does not start again"
check_equal "control went on" "$control" "$(cat "$RUN/control.pid")"
check "strongSwan's traffic comes back" wait_for 20 pings cpn-far $LAN6 -I "$SWAN6" -c 1
check "from cpn-lan, too" wait_for 20 pings cpn-lan "$SWAN4" -c 1
swan_stop alice

# The client's own control, killed: its interface and traffic stay.
"$TESTBED" client --stop
client_up
ours=$(interface_address cpn-client cpn0 6 2001:db8:1)
stream_start flow cpn-client $LAN6
proc_stop client-control KILL
check "traffic flows without the client's control" pings cpn-client $LAN6 -I "$ours"
check_equal "pings lost" 0 "$(stream_stop flow)"
