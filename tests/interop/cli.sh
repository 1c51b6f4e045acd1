#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The admin CLI: every noun as table and as JSON, exit status 0 done, 1 refused, 2 usage, stdout is
# data and stderr talk, completion.
#
#	our client, cpn-client ──── gateway
. "$(dirname "$0")/lib.sh"
begin
client_up
check "ping" pings cpn-client $LAN6

for noun in link sa group peer pool lease drops stats port neighbour route log config; do
	check "$noun: a table" cli $noun
	check "$noun --json: a list of objects" jq -e 'type == "array" and all(.[]; type == "object")' <(cli --json $noun)
	check "$noun show is the same" cli $noun show
done
check "--json may stand behind" jq -e 'length >= 2' <(cli port show --json)
both_children()
{
	[ "$(gateway_json '[.[].kind] | sort | join(",")' sa show)" = child,child,ike ]
}
check "one IKE SA, one child SA, and one for groups" wait_for 10 both_children
check "the client's side has its own" jq -e '[.[].kind] | contains(["ike", "child"])' <(client_cli --json sa)
check "the gateway knows its neighbours" jq -e 'any(.[]; .address == "2001:db8:aaaa::10")' <(cli --json neighbour)

cli sa rekey nonesuch >"$WORK/out" 2>"$WORK/err"
check_equal "refused: exit status" 1 $?
check_equal "refused: nothing on stdout" "" "$(cat "$WORK/out")"
check "refused: a reason on stderr" test -s "$WORK/err"
cli nonesuch >"$WORK/out" 2>"$WORK/err"
check_equal "usage: exit status" 2 $?
"$(program caponier)" -r "$WORK/nowhere" link show >"$WORK/out" 2>"$WORK/err"
check_equal "no daemon: exit status" 1 $?
check "no daemon: it says so" grep -q nowhere "$WORK/err"
for daemon in caponier caponier-control caponier-dataplane; do
	check "$daemon --help" "$(program $daemon)" --help
	check "$daemon --version" grep -q -E '[0-9]+\.[0-9]+' <("$(program $daemon)" --version)
done
check "link terminate" cli link terminate bob@example.org
check "the client comes back" wait_for 30 pings cpn-client $LAN6 -c 1
check "link reauth of the gateway's side" cli link reauth bob@example.org
check "link reauth of the client's" wait_for 15 client_cli link reauth home
check "peer reauth" wait_for 15 client_cli peer reauth home
check "the link goes on" pings cpn-client $LAN6
check "config reload" cli config reload
check "config reload at the client" client_cli config reload
check "the link goes on after it" pings cpn-client $LAN6
for words in "link renumber" "link reauth" "link terminate" "peer reauth" "config reload"; do
	check "completion and help know $words" grep -q "$words" <("$(program caponier)" --help "${words% *}")
done
check "link in full" jq -e '.[0] | .role == "gateway" and .virtual and .unasked == false and (.ike_sas | length) >= 1' \
	<(cli --json link show bob@example.org)
check "lease in full" jq -e 'any(.[]; .role == "prefix" and .nth == 0 and .static == false) and any(.[]; .role == "address")' \
	<(cli --json lease)
