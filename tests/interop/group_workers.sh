#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L5: two workers own SAs of members of one group: each encrypts the copies of its own, from one packet that is
# handed over once.
#
#	our client, cpn-client ──────────────────────┐
#	our client, cpn-far, behind cpn-router ──────┼── gateway, workers 0 and 1 ──── cpn-lan
#	our client, cpn-third ───────────────────────┘
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib_multicast.sh
. "$(dirname "$0")/lib_multicast.sh"
# shellcheck source=../../scripts/lib/net.sh
. "$ROOT/scripts/lib/net.sh"
[ "$(nproc)" -gt 1 ] || skip "needs two CPUs"
begin --config "$ROOT/config/testbed-profiles.conf" --worker-lcores 0,1
net_more cpn-third 251

client_config id=one@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf"
far_config id=far@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-far
third_config 251 id=third@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-third

group=ff15::3:1
listen one cpn-client cpn0 $group
listen far cpn-far cpn0 $group
listen third cpn-third cpn0 $group
check "three members" wait_for 30 members_are $group "far@p1.example.org one@p1.example.org third@p1.example.org"

# How many of the SAs for groups each worker owns, as a list of two.
owned()
{
	# shellcheck disable=SC2016 # jq's variable
	gateway_json '[.[] | select(.kind == "child") | select([.remote_ts] | flatten | index("ff00::/8")) | .worker] |
		[range(2) as $w | map(select(. == $w)) | length | tostring] | join(" ")' sa show
}
by_worker() # COUNTER
{
	gateway_json "[.[] | select(.name == \"$1\") | .threads[1:][]] | map(tostring) | join(\" \")" stats show all
}
sub() # AFTER BEFORE, lists of two
{
	local -a after before
	read -r -a after <<<"$1"
	read -r -a before <<<"$2"
	echo "$((after[0] - before[0])) $((after[1] - before[1]))"
}
read -r -a sas <<<"$(owned)"
check "both workers own SAs of members: ${sas[*]}" test "${sas[0]}" -gt 0 -a "${sas[1]}" -gt 0
copies=$(by_worker group_copies)
send cpn-lan lan $LAN6 $group 100
each_heard "from cpn-lan" 100 one far third
check_equal "copies by worker, 100 for each of its SAs" "$((sas[0] * 100)) $((sas[1] * 100))" \
	"$(sub "$(by_worker group_copies)" "$copies")"
check_equal "packets that died in the gateway" 0 "$(drop_count)"
