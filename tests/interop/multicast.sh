#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L3 L5 L25 T7: multicast to and from three clients of ours and a stock Linux host with strongSwan: every member
# receives every packet once and nobody else any, leaving ends it, a sender's own link gets nothing back,
# packets of the link's own scope stay on the link. IPv6 by MLD, IPv4 by IGMP. On cpn-lan a Linux bridge is
# querier and snooper: it passes what the gateway has joined there, and nothing else.
#
#	our client, cpn-client, profile p1 ──────────┐
#	our client, cpn-far, p1, behind cpn-router ──┤
#	our client, cpn-third, p2 ───────────────────┼── gateway ──── bridge, cpn-lan
#	strongSwan, cpn-fourth, p2 ──────────────────┘
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib_multicast.sh
. "$(dirname "$0")/lib_multicast.sh"
# shellcheck source=../../scripts/lib/net.sh
. "$ROOT/scripts/lib/net.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
lan_bridge
net_more cpn-third 251
net_more cpn-fourth 252

client_config id=one@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf"
far_config id=far@p1.example.org secret=profiles-secret gateway=2001:db8:ff::1
client_up --config "$WORK/client.conf" --namespace cpn-far
third_config 251 id=third@p2.example.org secret=profiles-secret prefixes_by=ra
client_up --config "$WORK/client.conf" --namespace cpn-third
# Selectors for groups are in strongSwan's first child SA: it asks for everything, and this profile gives it.
ip netns exec cpn-fourth sysctl -qw net.ipv6.conf.default.accept_ra=2
SWAN_REMOTE_TS="::/0" swan_client swan@p2.example.org profiles-secret 192.0.2.252 192.0.2.1 |
	sed -e '/vips = /d' -e 's|remote_ts = .*|&\n\t\t\t\t\t\tlocal_ts = ::/0|' |
	SWAN_INSTALL_ROUTES=no swan_start swan cpn-fourth || fail "strongSwan does not start"
check "strongSwan connects" swan_initiate swan net
has_address()
{
	[ -n "$(interface_address "$1" "$2" 6 2001:db8:1)" ]
}
for namespace in cpn-third cpn-fourth; do
	interface=cpn0
	[ $namespace = cpn-third ] || interface=ipsec0
	check "$namespace has an address" wait_for 60 has_address $namespace $interface
done
own=$(interface_address cpn-client cpn0 6 2001:db8:1)
own4=$(interface_address cpn-client cpn0 4)

groups_child()
{
	[ "$(gateway_json "[.[] | select(.kind == \"child\" and .peer == \"$1@p1.example.org\") |
		select([.remote_ts] | flatten | sort == [\"224.0.0.0/4\", \"ff00::/8\"])] | length" sa show)" = 1 ]
}
for name in one far; do
	check "L25: $name has a child SA with TSi ff00::/8" wait_for 20 groups_child $name
done

# The four of them and a host of cpn-lan.
everybody=(one far third swan lan)
namespace_of()
{
	case $1 in
	one) echo cpn-client cpn0 ;;
	far) echo cpn-far cpn0 ;;
	third) echo cpn-third cpn0 ;;
	swan) echo cpn-fourth ipsec0 ;;
	lan) echo cpn-lan bridge ;;
	esac
}
join() # NAME GROUP [PORT]
{
	# shellcheck disable=SC2046 # namespace and interface
	listen "$1" $(namespace_of "$1") "${@:2}"
}

echo "---- IPv6: some are members"
group=ff15::1:1
bystander=ff15::1:2
for name in one far swan; do
	join $name $group
done
join third $bystander
check "the gateway knows three members" wait_for 20 members_are $group \
	"far@p1.example.org one@p1.example.org swan@p2.example.org"
check "and one of the other group" wait_for 20 members_are $bystander third@p2.example.org
check "the bridge on cpn-lan knows that the gateway wants it" wait_for 20 bridge_has $group
watch third cpn-third cpn0
send cpn-lan bridge $LAN6 $group 100
each_heard "from cpn-lan" 100 one far swan
check_equal "who is no member: heard" "0 0" "$(heard third)"

echo "---- IPv6: a member sends"
join lan $group
watch one cpn-client cpn0
send cpn-client cpn0 "$own" $group 100
each_heard "from a client" 100 far swan lan
watch_end one third
# The kernel gives its own listener a copy; the interface sees each go out, and none come in again.
check_equal "what the sender's own host heard comes from itself" "100 100" "$(heard one)"
: >"$RUN/logs/stream-one.log"
check_equal "packets on the sender's link" 100 "$(packets "$WORK/one.pcapng" "udp.port == $PORT")"
check_equal "packets on the link of who is no member" 0 "$(packets "$WORK/third.pcapng" "udp.port == $PORT")"

echo "---- IPv6: leaving"
watch far cpn-far cpn0
send cpn-lan bridge $LAN6 $group 300 &
sender=$!
wait_for 10 heard_all far 20 || fail "nothing comes"
leave far
wait $sender
watch_end far
heard_by_far=$(heard far | cut -d' ' -f1)
check "who left has not heard all of it: $heard_by_far" test "$heard_by_far" -lt 300
: >"$RUN/logs/stream-far.log"
each_heard "the others" 300 one swan lan
check "the gateway knows it" members_are $group "one@p1.example.org swan@p2.example.org"
# From the kernel's report to the last packet, on the member's interface.
left=$(tshark -n -r "$WORK/far.pcapng" -Y 'icmpv6.type == 143' -T fields -e frame.time_epoch 2>/dev/null | head -1)
last=$(tshark -n -r "$WORK/far.pcapng" -Y "udp.port == $PORT" -T fields -e frame.time_epoch 2>/dev/null | tail -1)
check "from its leaving to the last packet: $(jq -n "($last - $left) * 1000 | round") ms, less than a second" \
	jq -n -e "$last - $left < 1"

echo "---- IPv6: the last one leaves"
watch lan cpn-lan lan
for name in one swan third; do
	leave $name
done
check "no members" wait_for 10 members_are $group ""
check "the bridge forgets it" wait_for 20 bridge_lacks $group
watch_end lan
check "the gateway said so with MLDv2: TO_IN {}" test "$(packets "$WORK/lan.pcapng" \
	"icmpv6.mldr.mar.record_type == 3 && icmpv6.mldr.mar.multicast_address == $group && icmpv6.mldr.mar.nb_sources == 0")" -ge 1
before=$(stat_count group_copies)
send cpn-lan bridge $LAN6 $group 20
check_equal "copies of what comes now" "$before" "$(stat_count group_copies)"
leave lan

echo "---- the link's own scope"
group=ff02::1:9
for name in "${everybody[@]}"; do
	join "$name" $group
done
watch one cpn-client cpn0
send cpn-client cpn0 "$own" $group 20
send cpn-lan bridge $LAN6 $group 20
sleep 1
watch_end one
check_equal "20 left the client" 20 "$(packets "$WORK/one.pcapng" "udp.port == $PORT")"
check_equal "of its own host" "20 20" "$(heard one)"
check_equal "of cpn-lan's own" "20 20" "$(heard lan)"
for name in far third swan; do
	check_equal "$name heard" "0 0" "$(heard $name)"
done
check_equal "the gateway has no such group" "" "$(members $group)"
for name in "${everybody[@]}"; do
	leave "$name"
done

echo "---- IPv4"
group=239.1.1.1
for name in one far lan; do
	join $name $group
done
check "the gateway knows two members" wait_for 20 members_are $group "far@p1.example.org one@p1.example.org"
check "the bridge on cpn-lan knows that the gateway wants it" wait_for 20 bridge_has $group
watch third cpn-third cpn0
send cpn-lan bridge $LAN4 $group 100
each_heard "from cpn-lan" 100 one far lan
watch one cpn-client cpn0
send cpn-client cpn0 "$own4" $group 100
each_heard "from a client" 100 one far lan
watch_end one third
check_equal "packets on the sender's link" 100 "$(packets "$WORK/one.pcapng" "udp.port == $PORT")"
check_equal "packets on the link of who is no member" 0 "$(packets "$WORK/third.pcapng" "udp.port == $PORT")"
leave far
check "the gateway knows it" wait_for 10 members_are $group one@p1.example.org
send cpn-lan bridge $LAN4 $group 100
each_heard "who stays" 100 one lan
check_equal "who left" "0 0" "$(heard far)"
watch lan cpn-lan lan
leave one
check "the bridge forgets it" wait_for 20 bridge_lacks $group
watch_end lan
check "the gateway said so with IGMPv3: TO_IN {}" test "$(packets "$WORK/lan.pcapng" \
	"igmp.record_type == 3 && igmp.maddr == $group && igmp.num_src == 0")" -ge 1

echo "---- what the four cannot do to each other"
for reason in sa-selector-in ingress-filter esp-no-sa esp-replay; do
	check_equal "$reason in the gateway" 0 "$(drop_count $reason)"
done
