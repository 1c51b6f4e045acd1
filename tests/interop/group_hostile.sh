#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L5: a client that joins and leaves 1,000 groups as fast as it can, until the gateway has had 100,000 of its
# reports, small ones and ones full of records, MLD and IGMP. Another link does not notice: it loses nothing of a
# multicast stream and no ping, and joins another group meanwhile; the gateway's control answers, and neither
# process grows. What was refused is counted by name.
#
#	mld_flood.py, our client, cpn-client ──┬── gateway ──── cpn-lan
#	our client, cpn-far, behind cpn-router ┘
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib_multicast.sh
. "$(dirname "$0")/lib_multicast.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
client_config id=loud@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf"
far_config id=quiet@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-far
quiet=$(interface_address cpn-far cpn0 6 2001:db8:1)
loud4=$(interface_address cpn-client cpn0 4)
loud6=$(ip -n cpn-client -6 -o addr show dev cpn0 scope link | awk '{ print $4 }' | cut -d/ -f1)

group=ff15::2:1 late=ff15::2:2
listen first cpn-far cpn0 $group
check "the quiet one is a member" wait_for 30 members_are $group quiet@p1.example.org

reports()
{
	gateway_json '.[] | select(.identity == "loud@p1.example.org") | .in_pkts' link show
}
had()
{
	[ "$(reports)" -ge "$1" ]
}
memory() # PROCESS : its resident memory, kB
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$(proc_pid "$1")/status"
}
memory_control=$(memory gateway-control)
memory_dataplane=$(memory gateway-dataplane)

flood() # SOURCE RECORDS REPORTS
{
	local until
	until=$(($(reports) + $3))
	proc_start flood cpn-client python3 -B "$ROOT/tests/interop/mld_flood.py" cpn0 "$1" 1000 "$2"
	check "the gateway has had $3 reports of $2 records from $1" wait_for 300 had $until
	proc_stop flood
}

stream_start quiet cpn-lan "$quiet"
: >"$WORK/stop"
(
	number=0
	while [ -e "$WORK/stop" ]; do
		number=$((number + 1))
		printf '%03d\n' $((number % 1000))
		sleep 0.01
	done | tee "$WORK/sent" | ip netns exec cpn-lan socat -u -b4 STDIN \
		"UDP6-DATAGRAM:[$group]:$PORT,bind=[$LAN6],setsockopt-int=41:17:$(ip -n cpn-lan -j link show dev lan | jq '.[0].ifindex'),setsockopt-int=41:18:$HOPS"
) &
sender=$!
(
	while [ -e "$WORK/stop" ]; do
		begun=$(date +%s%N)
		cli stats show >/dev/null || echo failed
		echo $((($(date +%s%N) - begun) / 1000000))
		sleep 0.2
	done >"$WORK/calls"
) &
caller=$!

flood "$loud6" 1 40000
flood "$loud4" 1 20000
flood "$loud6" 60 20000 &
flooding=$!
sleep 1
listen second cpn-far cpn0 $late 5001
check "another link joins meanwhile" wait_for 20 members_are $late quiet@p1.example.org
wait $flooding || exit 1
flood "$loud4" 150 20000
rm "$WORK/stop"
wait $sender $caller

lost=$(stream_stop quiet)
check_equal "pings of the quiet link lost" 0 "$lost"
number=$(wc -l <"$WORK/sent")
check "datagrams sent to the group: $number" test "$number" -gt 100
wait_for 10 test "$(heard first | cut -d' ' -f2)" -ge "$number"
check_equal "of these the quiet one heard" "$number" "$(heard first | cut -d' ' -f2)"

echo "---- control meanwhile"
check_not "a call that failed" grep failed "$WORK/calls"
check "calls answered: $(wc -l <"$WORK/calls"), the slowest after $(sort -n "$WORK/calls" | tail -1) ms" \
	test "$(sort -n "$WORK/calls" | tail -1)" -lt 5000

echo "---- what it cost"
check "control has grown by $(($(memory gateway-control) - memory_control)) kB" \
	test "$(memory gateway-control)" -lt $((memory_control + 20000))
check "the dataplane has grown by $(($(memory gateway-dataplane) - memory_dataplane)) kB" \
	test "$(memory gateway-dataplane)" -lt $((memory_dataplane + 20000))
loud=$(gateway_json '[.[] | select(.identity == "loud@p1.example.org")] | length' group show)
check "memberships of the loud one: $loud" test "$loud" -le 256
check "in the dataplane: punt-link-limit" test "$(drop_count punt-link-limit)" -gt 90000
check_equal "punt-limit, of all links together" 0 "$(drop_count punt-limit)"
check_equal "punt-full" 0 "$(drop_count punt-full)"
check "in control: group_link-limit" test "$(stat_count group_link-limit)" -gt 0
check "in control: group_rate" test "$(stat_count group_rate)" -gt 0
gateway_json '.[] | select(.name | startswith("group_") or startswith("punt_")) | "\(.name) \(.value)"' stats show

echo "---- and then"
leave first
leave second
check "the quiet one leaves" wait_for 20 members_are $group ""
listen second cpn-far cpn0 $late 5001
check "and joins again" wait_for 20 members_are $late quiet@p1.example.org
