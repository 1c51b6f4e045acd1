#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 L13 L14 L20 L28: strongSwan goes with a delete and comes back within the grace time: the same
# addresses. A second host of the same user gets neither those of the first while it is there, nor those
# that the first left without a word.
#
#	strongSwan, cpn-client ──┐
#	strongSwan, cpn-far ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin

# Hosts of one user must not say INITIAL_CONTACT: each would end the other's IKE SA (RFC 7296 2.4).
host()
{
	swan_client alice@example.org alice-secret "$1" 192.0.2.1 | sed 's/^\([[:space:]]*\)vips = .*/&\n\1unique = never/'
}
addresses()
{
	swan_addresses "$1" | sort | tr '\n' ' '
}
links()
{
	gateway_json "[.[] | select(.state == \"$1\")] | length" link show
}
has_links()
{
	[ "$(links "$1")" = "$2" ]
}

host 192.0.2.2 | swan_start one cpn-client || fail "strongSwan does not start"
check "the first host connects" swan_initiate one net
first=$(addresses one)
check_equal "it has two addresses" 2 "$(wc -w <<<"$first")"
for round in 1 2; do
	check "it goes" swan_ctl one --terminate --ike home
	check "its link is in its grace time" wait_for 10 has_links grace 1
	check "it comes back" swan_initiate one net
	check_equal "round $round: the same addresses" "$first" "$(addresses one)"
	check_equal "and one link" 1 "$(gateway_json length link show)"
done
check "to cpn-lan" pings cpn-client $LAN6 -I "$(swan_addresses one | grep -m 1 :)"

host 198.51.100.2 | swan_start two cpn-far || fail "strongSwan does not start"
check "the second host connects" swan_initiate two net
second=$(addresses two)
check_equal "addresses, all different" 4 "$(tr ' ' '\n' <<<"$first$second" | sed '/^$/d' | sort -u | wc -l)"
check "to cpn-lan" pings cpn-far $LAN6 -I "$(swan_addresses two | grep -m 1 :)"
check "the first host's go on" pings cpn-client $LAN6 -I "$(swan_addresses one | grep -m 1 :)"

# The first one dies; only the gateway's operator says that its IKE SA is over, and it may be back.
proc_stop swan-one KILL
check "the second host goes" swan_ctl two --terminate --ike home
check "its link is in its grace time" wait_for 10 has_links grace 1
silent=$(gateway_json '.[] | select(.kind == "ike") | .sa' sa show)
check "the gateway gives the silent one up" cli sa terminate "$silent"
check "both links are in their grace time" wait_for 10 has_links grace 2
check "a host of the user connects" swan_initiate two net
check_equal "it has what was left to it, not what fell silent" "$second" "$(addresses two)"
swan_stop two
