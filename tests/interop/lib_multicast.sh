# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Senders and listeners of multicast, all of them programs that are not ours: socat, whose datagrams hold
# four bytes, a number and a newline each, and ping. Sourced, after lib.sh.

# shellcheck disable=SC2034 # used by tests
PORT=5000 HOPS=8

# listen NAME NAMESPACE INTERFACE GROUP [PORT] : joins and writes down what comes.
listen()
{
	local address="UDP6-RECV:${5:-$PORT},ipv6-join-group=[$4]:$3"
	[[ $4 == *:* ]] || address="UDP4-RECV:${5:-$PORT},ip-add-membership=$4:$3"
	rm -f "$RUN/logs/stream-$1.log"
	proc_start "stream-$1" "$2" socat -u "$address" STDOUT
	wait_for 10 joined "$2" "$3" "$4" || fail "$1 cannot join $4"
}

# As the kernel tells it.
joined()
{
	ip -n "$1" maddr show dev "$2" | grep -q -w "$3"
}

# Its socket goes, and so does its membership.
leave()
{
	proc_stop "stream-$1"
}

# send NAMESPACE INTERFACE SOURCE GROUP NUMBER [PORT] : datagrams 1 to NUMBER.
send()
{
	local index address
	index=$(ip -n "$1" -j link show dev "$2" | jq '.[0].ifindex')
	address="UDP6-DATAGRAM:[$4]:${6:-$PORT},bind=[$3],setsockopt-int=41:17:$index,setsockopt-int=41:18:$HOPS"
	[[ $4 == *:* ]] || address="UDP4-DATAGRAM:$4:${6:-$PORT},bind=$3,ip-multicast-if=$3,ip-multicast-ttl=$HOPS"
	seq -f %03.0f 1 "$5" | slowly | ip netns exec "$1" socat -u -b4 STDIN "$address"
}

slowly()
{
	local line
	while read -r line; do
		echo "$line"
		sleep 0.005
	done
}

# "DIFFERENT TOTAL" of what a listener has heard.
heard()
{
	awk '/^[0-9]+$/ { total++; if (!seen[$0]++) different++ } END { print different + 0, total + 0 }' \
		"$RUN/logs/stream-$1.log"
}

heard_all()
{
	[ "$(heard "$1" | cut -d' ' -f1)" -ge "$2" ]
}

# each_heard WHAT NUMBER NAME... : each of them has heard NUMBER datagrams, once each.
each_heard()
{
	local what=$1 number=$2 name
	shift 2
	for name in "$@"; do
		wait_for 10 heard_all "$name" "$number"
	done
	sleep 0.3 # what is too much would come now
	for name in "$@"; do
		check_equal "$what: $name heard, and how many in all" "$number $number" "$(heard "$name")"
		: >"$RUN/logs/stream-$name.log"
	done
}

# Links that are members of a group, as the gateway sees it; with their source filters.
members()
{
	gateway_json ".[] | select(.group == \"$1\") | .identity" group show | sort | paste -sd' '
}

members_are()
{
	[ "$(members "$1")" = "$2" ]
}

# watch NAME NAMESPACE INTERFACE : what passes there, as $WORK/NAME.pcapng, until watch_end NAME.
watch()
{
	proc_start "watch-$1" "$2" dumpcap -q -i "$3" -s 0 -w "$WORK/$1.pcapng"
	wait_for 10 test -s "$WORK/$1.pcapng" || fail "dumpcap does not start on $3"
}

watch_end()
{
	local name
	sleep 0.3
	for name in "$@"; do
		proc_stop "watch-$name" INT
	done
}

# cpn-lan behind a Linux bridge, which is querier and snooper: nothing that the gateway does not ask for comes
# to it.
lan_bridge()
{
	ip -n cpn-lan -batch - <<-END
		link add bridge type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version 2 mcast_igmp_version 3 stp_state 0 forward_delay 0 mcast_query_response_interval 100 mcast_startup_query_interval 200
		addr flush dev lan
		link set lan master bridge
		link set bridge up
		addr add 10.20.0.10/24 dev bridge
		addr add 2001:db8:aaaa::10/64 dev bridge nodad
		addr add 2001:db8:aaaa::11/64 dev bridge nodad
		route add default via 10.20.0.1
		route add default via 2001:db8:aaaa::1
	END
}

# The bridge knows that somebody behind the gateway's port wants a group.
bridge_has()
{
	ip netns exec cpn-lan bridge mdb show dev bridge | grep -q -E "port lan grp $1( |$)"
}

bridge_lacks()
{
	! bridge_has "$1"
}
