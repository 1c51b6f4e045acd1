#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L12 L13 L28: control restarted, both daemons killed, and everything stopped and started again with
# the state directory kept, as after a reboot: each client gets what it had, and no lease is lost.
#
#	our client, cpn-client ──┐
#	strongSwan, cpn-far ──── gateway (again and again) ──── cpn-lan
. "$(dirname "$0")/lib.sh"
state=$WORK/state
mkdir -p "$state"
gateway_config "state_dir = \"$state\";"
# No link outlives its client here: what comes back is the lease alone.
sed -i 's/^\t\tdomain = .*/&\n\t\tgrace = "1s";/' "$WORK/gateway.conf"

# The two clients, from nothing: after a reboot they know no Link ID and no address either.
clients_up()
{
	far_config gateway=192.0.2.1
	client_up --config "$WORK/client.conf" --namespace cpn-far
	swan_client u1@load.example.org load-secret 192.0.2.20 192.0.2.1 | swan_start load cpn-client ||
		fail "strongSwan does not start"
	check "strongSwan connects" swan_initiate load net
	SWAN4=$(swan_addresses load | grep -m 1 '\.')
	SWAN6=$(swan_addresses load | grep -m 1 ':')
}

clients_stop()
{
	swan_stop load
	rm -rf "$(swan_dir load)"
	"$TESTBED" client --namespace cpn-far --stop
	check "their links end" wait_for 20 no_link
}

# What each identity has, without the links' numbers.
held()
{
	gateway_json '.[] | select(.link != null) | "\(.identity) \(.host) \(.pool) \(.prefix)"' lease show | sort
}

leases()
{
	gateway_json '.[] | "\(.identity) \(.host) \(.pool) \(.prefix)"' lease show | sort
}

# all_are_back WHEN : the clients have what they had, nothing is given twice, traffic flows.
all_are_back()
{
	check_equal "what the clients have, $1" "$had" "$(held)"
	check_equal "leases lost, $1" "" "$(comm -23 <(echo "$all") <(leases))"
	check_equal "prefixes given twice, $1" "" "$(leases | awk '{ print $4 }' | uniq -d)"
	check "strongSwan's traffic, $1" pings cpn-client $LAN6 -I "$SWAN6"
	check "our client's traffic, $1" pings cpn-far $LAN6
	check "to our client, $1" pings cpn-lan "$(interface_address cpn-far cpn0 6 2001:db8:1)"
}

begin --config "$WORK/gateway.conf"
# One that is not there at the time: reserved all the same.
swan_alice cpn-client 192.0.2.21 192.0.2.1
alice=$SWAN4
swan_stop alice
check "alice's link ends" wait_for 20 no_link
clients_up
had=$(held)
all=$(leases)
check_equal "leases of the two" 5 "$(wc -l <<<"$had")"
check "alice's is reserved" grep -q "alice@example.org 0 v4 $alice" <<<"$all"

"$TESTBED" restart control || fail "control does not start again"
clients_stop
clients_up
all_are_back "after a restart of control"

proc_stop gateway-control KILL
"$TESTBED" restart dataplane --kill || fail "the dataplane does not start again"
"$TESTBED" restart control || fail "control does not start again"
clients_stop
clients_up
all_are_back "after both were killed"

clients_stop
"$TESTBED" down
check "the leases are kept" test -s "$state/leases.db"
"$TESTBED" up --config "$WORK/gateway.conf" || fail "the testbed does not start again"
clients_up
all_are_back "after everything was stopped"

clients_stop
swan_alice cpn-client 192.0.2.21 192.0.2.1
check_equal "alice's address, which nobody asked for meanwhile" "$alice" "$SWAN4"
