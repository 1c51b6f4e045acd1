#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L5 L25: source filters, MLDv2 and IGMPv3. A listener that names one source (INCLUDE) has nothing of another
# one over its link, while the next link, which names none, has both; the gateway asks the inner network for
# what the two want together, and for the one source alone when that is all that is wanted.
#
#	our client, cpn-client, INCLUDE ──┐
#	our client, cpn-far, EXCLUDE {} ──┴── gateway ──── bridge, cpn-lan, two sources
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib_multicast.sh
. "$(dirname "$0")/lib_multicast.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
lan_bridge
ip -n cpn-lan addr add 10.20.0.11/24 dev bridge
client_config id=one@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf"
far_config id=far@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-far

# "FILTER SOURCES" of a link
filter_of()
{
	gateway_json ".[] | select(.group == \"$1\" and .identity == \"$2@p1.example.org\") |
		\"\(.filter) \([.sources // empty] | flatten | join(\",\"))\"" group show
}
filter_is()
{
	[ "$(filter_of "$1" "$2")" = "$3" ]
}

# What the bridge heard that the gateway wants: "include 2001:db8:aaaa::10", or "exclude".
wanted_is()
{
	local group=$1 mode=$2 source=${3:-}
	ip netns exec cpn-lan bridge -d mdb show dev bridge | grep "port lan grp $group " | grep -v " src " |
		grep -q "filter_mode $mode.*$source"
}

from()
{
	packets "$WORK/$1.pcapng" "udp.port == $PORT && ip$3.src == $2"
}

# both_send GROUP WANTED UNWANTED NUMBER : from either source.
both_send()
{
	watch one cpn-client cpn0
	watch far cpn-far cpn0
	send cpn-lan bridge "$2" "$1" "$4"
	send cpn-lan bridge "$3" "$1" "$4"
	sleep 1
	watch_end one far
}

# One family: group, the source that is wanted, the other one, options for iperf, field prefix of tshark.
filters()
{
	local group=$1 wanted=$2 unwanted=$3 field=$5
	echo "---- $group"
	# shellcheck disable=SC2086 # options
	proc_start stream-one cpn-client iperf $4 -s -u -p $PORT -B "$group%cpn0" -H "$wanted"
	check "the gateway knows the source" wait_for 20 filter_is "$group" one "include $wanted"
	check "and asks for it alone" wait_for 20 wanted_is "$group" include "$wanted"
	listen far cpn-far cpn0 "$group"
	check "the other link names none" wait_for 20 filter_is "$group" far "exclude "
	check "the gateway asks for all" wait_for 20 wanted_is "$group" exclude
	both_send "$group" "$wanted" "$unwanted" 50
	check_equal "who names none heard each number of both" "50 100" "$(heard far)"
	check_equal "over the link that names none, of one source" 50 "$(from far "$wanted" "$field")"
	check_equal "of the other" 50 "$(from far "$unwanted" "$field")"
	check_equal "over the link that names one, of that source" 50 "$(from one "$wanted" "$field")"
	check_equal "of the other" 0 "$(from one "$unwanted" "$field")"
	leave far
	check "the gateway asks for the one source again" wait_for 20 wanted_is "$group" include "$wanted"
	both_send "$group" "$wanted" "$unwanted" 50
	check_equal "of that source" 50 "$(from one "$wanted" "$field")"
	check_equal "of the other" 0 "$(from one "$unwanted" "$field")"
	check_equal "over the link that left" 0 "$(packets "$WORK/far.pcapng" "udp.port == $PORT")"
	leave one
	check "no members" wait_for 20 members_are "$group" ""
}

filters ff15::3:1 $LAN6 2001:db8:aaaa::11 -V v6
filters 239.3.1.1 $LAN4 10.20.0.11 "" ""
