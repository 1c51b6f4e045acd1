#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L3 L5 L6 L25: a LAN behind the client has multicast over its link by an MLD proxy, RFC 4605: what a host there
# joins, the client's kernel reports on the link, once whoever else wants it; a host there sends to the others.
# Queries stay on the LAN.
#
#	a plain host, cpn-home ──── our client, cpn-client ──┐
#	our client, cpn-far ─────────────────────────────────┴── gateway ──── bridge, cpn-lan
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib_multicast.sh
. "$(dirname "$0")/lib_multicast.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
lan_bridge
client_config id=one@p1.example.org secret=profiles-secret lan=home
"$TESTBED" client --config "$WORK/client.conf" || fail "our client does not start" # an address less on cpn0
far_config id=far@p1.example.org secret=profiles-secret
client_up --config "$WORK/client.conf" --namespace cpn-far
home_address()
{
	interface_address cpn-home lan 6
}
home_ready()
{
	[ -n "$(home_address)" ] && pings cpn-home $LAN6 -c 1
}
check "the host has an address and reaches cpn-lan" wait_for 30 home_ready
home=$(home_address)

group=ff15::4:1
echo "---- a host joins"
listen home cpn-home lan $group
check "the gateway knows the link as a member" wait_for 20 members_are $group one@p1.example.org
check "the bridge on cpn-lan knows that the gateway wants it" wait_for 20 bridge_has $group
send cpn-lan bridge $LAN6 $group 100
each_heard "from cpn-lan" 100 home

echo "---- a host sends"
listen far cpn-far cpn0 $group
listen lan cpn-lan bridge $group
check "another member" wait_for 20 members_are $group "far@p1.example.org one@p1.example.org"
watch one cpn-client cpn0
send cpn-home lan "$home" $group 100
each_heard "from the host" 100 far lan
watch_end one
check_equal "packets on the link of its LAN" 100 "$(packets "$WORK/one.pcapng" "udp.port == $PORT")"
check_equal "the host's own listener heard it from its own kernel" "100 100" "$(heard home)"
leave home
leave far
leave lan
check "no members" wait_for 20 members_are $group ""

echo "---- a group that nobody on the LAN wants"
listen far cpn-far cpn0 $group
watch home cpn-home lan
send cpn-lan bridge $LAN6 $group 50
each_heard "from cpn-lan" 50 far
watch_end home
check_equal "packets on the LAN" 0 "$(packets "$WORK/home.pcapng" "udp.port == $PORT")"
leave far

echo "---- client and LAN, each in its time"
listen one cpn-client cpn0 $group
listen home cpn-home lan $group
check "the link is a member" wait_for 20 members_are $group one@p1.example.org
watch one cpn-client cpn0
send cpn-lan bridge $LAN6 $group 50
each_heard "from cpn-lan" 50 one home
watch_end one
check_equal "packets on the link" 50 "$(packets "$WORK/one.pcapng" "udp.port == $PORT")"
send cpn-client cpn0 "$(interface_address cpn-client cpn0 6 2001:db8:1)" $group 50
each_heard "from the client's host" 50 one home
leave one
sleep 2
check "the host still wants it" members_are $group one@p1.example.org
send cpn-lan bridge $LAN6 $group 50
each_heard "from cpn-lan" 50 home
leave home
check "no members" wait_for 20 members_are $group ""

echo "---- one source only"
proc_start stream-home cpn-home iperf -V -s -u -p $PORT -B "$group%lan" -H $LAN6
filter_is()
{
	[ "$(gateway_json ".[] | select(.group == \"$group\") | \"\(.filter) \(.sources | flatten | join(\",\"))\"" group show)" = "$1" ]
}
check "the gateway knows the source" wait_for 20 filter_is "include $LAN6"
watch home cpn-home lan
send cpn-lan bridge $LAN6 $group 30
send cpn-lan bridge 2001:db8:aaaa::11 $group 30
sleep 1
watch_end home
check_equal "of that source" 30 "$(packets "$WORK/home.pcapng" "udp.port == $PORT && ipv6.src == $LAN6")"
check_equal "of another one" 0 "$(packets "$WORK/home.pcapng" "udp.port == $PORT && ipv6.src != $LAN6")"
leave home
check "no members" wait_for 20 members_are $group ""

echo "---- MLDv1"
ip netns exec cpn-home sysctl -qw net.ipv6.conf.lan.force_mld_version=1
listen home cpn-home lan $group
check "the link is a member" wait_for 20 members_are $group one@p1.example.org
send cpn-lan bridge $LAN6 $group 20
each_heard "from cpn-lan" 20 home
leave home
check "no members, after the host was asked once more" wait_for 20 members_are $group ""

echo "---- the LAN is not served any more"
listen home cpn-home lan $group
check "the link is a member" wait_for 20 members_are $group one@p1.example.org
"$TESTBED" client --stop
check_equal "multicast routes that are left" 0 "$(in_client cat /proc/net/ip6_mr_vif | tail -n +2 | wc -l)"
check "no members" wait_for 20 members_are $group ""
