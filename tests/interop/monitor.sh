#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `caponier monitor --json`: each step of a handshake, of rekeys and of the farewell is one object on
# one line.
#
#	our client, cpn-client ──── gateway, watched
. "$(dirname "$0")/lib.sh"
begin
proc_start monitor cpn-gw "$(program caponier)" -r "$RUN" monitor --json
events=$RUN/logs/monitor.log
monitor_listens()
{
	in_gateway ss -Hx "src $RUN/admin.sock" | grep -q ESTAB
}
check "monitor listens" wait_for 5 monitor_listens
client_up
check "rekey" cli sa rekey "$(first_sa cli child)"
check "it is done" wait_for 10 rekeyed child 1
"$TESTBED" client --stop
check "the IKE SA goes" wait_for 10 sa_none
check "every line is one JSON object with time and event" \
	jq -e -s 'length > 10 and all(.[]; (.time | type) == "number" and (.event | type) == "string")' "$events"
check_equal "lines and objects" "$(wc -l <"$events")" "$(jq -s length "$events")"
jq -r '"\(.event) \(.text // "")"' "$events"

# has EVENT TEXT : an event with this text in it
has()
{
	jq -e -s --arg event "$1" --arg text "$2" \
		'any(.[]; .event == $event and ((.text // "") | contains($text)))' "$events"
}
for step in "message-in IKE_SA_INIT" "message-out IKE_SA_INIT" "message-in IKE_AUTH" "message-out IKE_AUTH" \
	"message-in CREATE_CHILD_SA" "message-out CREATE_CHILD_SA" "message-in INFORMATIONAL" \
	"message-out INFORMATIONAL" "sa-state established" "child-up " "child-rekeyed " "child-down " "sa-add " \
	"sa-del " "link-up "; do
	check "monitor shows $step" has "${step%% *}" "${step#* }"
done
check "the peer is named" jq -e -s 'any(.[]; .event == "child-up" and .peer == "bob@example.org")' "$events"
