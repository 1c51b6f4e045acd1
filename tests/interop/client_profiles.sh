#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# P0 P1 P2 P3 P4 P5 P6 L1 L4 L9 L12 L29: our client in each link profile: the addresses that it says,
# pings both ways, a spoofed source dies; DAD that finds a duplicate; privacy and stable interface IDs.
#
#	our client, cpn-client: cpn0 ──┐
#	another one, cpn-far: cpn0 ────┴── gateway, a profile for each identity ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"

# profile PROFILE KEY=VALUE... : the client comes up as somebody with this profile.
profile()
{
	echo "---- $1"
	client_config "id=somebody@$1.example.org" secret=profiles-secret "${@:2}"
	client_up --config "$WORK/client.conf"
}

# The addresses of cpn0 that are not link-local, each with its prefix length.
globals()
{
	ip -n "${1:-cpn-client}" -6 -o addr show dev cpn0 scope global -tentative | awk '{ print $4 }' | sort
}

has_global()
{
	globals "${2:-cpn-client}" | grep -q "^$1"
}

link_local()
{
	in_client ip -6 -o addr show dev cpn0 scope link | awk '{ print $4 }'
}

# works PREFIX-AS-TEXT : the client's address from there works both ways, and nobody else's.
works()
{
	local own died
	check "an address $1... comes" wait_for 20 has_global "$1"
	own=$(globals | grep -m 1 "^$1" | cut -d/ -f1)
	check "$own to cpn-lan" pings cpn-client $LAN6 -I "$own"
	check "cpn-lan to $own" pings cpn-lan "$own"
	check "1400 bytes" pings cpn-lan "$own" -s 1400
	in_client ip addr add 2001:db8:bad::1/128 dev cpn0 nodad
	died=$(deaths)
	check_not "an address that is not the client's gets no answer" pings cpn-client $LAN6 -I 2001:db8:bad::1 -W 1
	check_equal "its packets are counted as drops" $((died + 3)) "$(deaths)"
	in_client ip addr del 2001:db8:bad::1/128 dev cpn0
}

deaths()
{
	echo $(($(drop_count ingress-filter) + $(drop_count sa-selector-in) + $(client_drop_count sa-selector-out)))
}

gone()
{
	"$TESTBED" client --stop
	check_not "$1: the interface goes with the connection" ip -n cpn-client link show dev cpn0
}

# P0, and a client that asks for a link where there is none.
profile p0 link=false ipv6_address=true
works 2001:db8:2000:
check_equal "P0: addresses, each alone" 1 "$(globals | grep -c '/128$')"
gone P0
profile p0
works 2001:db8:2000:
check_equal "L9: the client knows that it has no link" 0 "$(client_json '.[0].prefixes | length' link show)"
gone "P0, asked for a link"

profile p1 privacy=true interface_id=::200:0:0:55
# Its source, the unspecified address, is outside the selectors.
check_equal "L4: the kernel asks nobody whether its addresses are free" 0 "$(client_drop_count sa-selector-out)"
works 2001:db8:1
check_equal "P1: link-local address" fe80::200:0:0:55/64 "$(link_local)"
check "L1: the kernel has made a temporary address" grep -q . <(in_client ip -6 addr show dev cpn0 temporary)
temporary=$(in_client ip -6 -o addr show dev cpn0 temporary | awk '{ print $4 }' | grep -m 1 ^2001 | cut -d/ -f1)
check "L1: it works" pings cpn-client $LAN6 -I "$temporary"
check "L1: both ways" pings cpn-lan "$temporary"
gone P1

# RFC 7217: another interface ID in each prefix, the same ones each time.
rm -f "$RUN/client/client.json"
profile p1 interface_id=stable
check "P1: addresses" wait_for 10 has_global 2001:db8:1
before=$(globals)
check_equal "L1: interface IDs of two prefixes differ" 2 "$(globals | cut -d: -f5- | sort -u | wc -l)"
gone "P1, stable"
profile p1 interface_id=stable
check_equal "L1: stable addresses" "$before" "$(globals)"
gone "P1, stable again"

profile p2 prefixes_by=ra interface_id=::200:0:0:55
works 2001:db8:1
check_equal "P2: the kernel took the link's interface ID" 2 "$(globals | grep -c ':200:0:0:55/64$\|:200::55/64$')"
check "P2: prefixes by router advertisement" grep -q 'proto ra' <(in_client ip -6 route show dev cpn0)
check_equal "P2: none by IKEv2" 0 "$(client_json '.[0].prefixes | length' link show)"
gone P2
profile p2 interface_id=::200:0:0:55
works 2001:db8:1
gone "P2 without being told"

profile p3 interface_id=::200:0:0:33
works 2001:db8:3000:
check "P3: the address of the shared prefix" has_global 2001:db8:3000:0:200::33/64
check_equal "P3: the gateway knows whose it is" 2001:db8:3000:0:200::33 "$(gateway_json '.[] | select(.profile == "p3") | .claimed[0]' link show)"
# Somebody else's by now: the next client hears of it and takes another one.
in_client ip addr add 2001:db8:3000::200:0:0:44/64 dev cpn0
check "P3: an address added by hand is claimed" wait_for 10 has_global 2001:db8:3000:0:200::44/64
far_config id=other@p3.example.org secret=profiles-secret interface_id=::200:0:0:44
client_up --config "$WORK/client.conf" --namespace cpn-far
check "P3: the second client has an address" wait_for 20 has_global 2001:db8:3000: cpn-far
second=$(globals cpn-far | cut -d/ -f1)
check "P3: it is another one ($second)" test "$second" != 2001:db8:3000:0:200::44
check_not "P3: the kernel keeps no duplicate" grep -q dadfailed <(ip -n cpn-far -6 addr show dev cpn0)
check "P3: the second client's works" pings cpn-lan "$second"
check "P3: the first client's works, too" pings cpn-lan 2001:db8:3000:0:200::44
check "P3: from one client to the other" pings cpn-far 2001:db8:3000:0:200::33 -I "$second"
"$TESTBED" client --namespace cpn-far --stop
CLIENT_NAMESPACE=cpn-client CLIENT_RUN=$RUN/client
gone P3

profile p4 prefixes_by=ra addresses_by=slaac link_model=router-aggregation interface_id=::200:0:0:66
works 2001:db8:3000:
check "P4: the kernel took the link's interface ID" has_global 2001:db8:3000:0:200::66/64
gone P4

profile p5 addresses_by=ikev2 link_model=router-aggregation interface_id=::200:0:0:77 'more_interface_ids=["::200:0:0:78", "::79"]'
works 2001:db8:3000:
check "P5: two more addresses" wait_for 10 has_global 2001:db8:3000::79/128
check_equal "P5: addresses, each alone" 3 "$(globals | grep -c '/128$')"
for own in 2001:db8:3000::200:0:0:78 2001:db8:3000::79; do
	check "P5: $own to cpn-lan" pings cpn-client $LAN6 -I $own
	check "P5: cpn-lan to $own" pings cpn-lan $own
done
gone P5

profile p6 prefixes_by=dhcpv6 addresses_by=dhcpv6 link_model=router-aggregation
works 2001:db8:4000:
check_equal "P6: one address, alone" 1 "$(globals | grep -c '^2001:db8:4000:.*/128$')"
gone P6
