#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L6 L11 L12: a LAN behind our client shares its access: an ordinary host there configures itself by the
# kernel's own means, reaches cpn-lan with its own global address and is reached; no NAT. With a further
# prefix of the link, and with one by DHCPv6 prefix delegation.
#
#	a host, cpn-home: lan ──── home: our client, cpn-client: cpn0 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"

in_home()
{
	ip netns exec cpn-home "$@"
}

# The host's own global addresses that are not deprecated.
home_address()
{
	ip -n cpn-home -6 -o addr show dev lan scope global -deprecated -tentative | awk '{ print $4 }' | cut -d/ -f1 | grep -m 1 "^$1"
}

home_router()
{
	ip -n cpn-home -6 route show default | grep -q 'proto ra'
}

# What the host sends is what cpn-lan sees.
no_nat()
{
	in_lan timeout 5 python3 - "$1" <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.bind(("::", 7777))
		sys.exit(0 if s.recvfrom(100)[1][0] == sys.argv[1] else 1)
	END
	local pid=$!
	sleep 0.5
	in_home python3 -c "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('$LAN6', 7777))"
	wait $pid
}

# shared PREFIX-AS-TEXT : the host has an address from there, and it works.
shared()
{
	local own
	check "the host configures itself from $1..." wait_for 30 home_address "$1"
	own=$(home_address "$1")
	check "and has a default route" home_router
	check "$own to cpn-lan" pings cpn-home $LAN6 -I "$own"
	check "cpn-lan to $own" pings cpn-lan "$own"
	check "1400 bytes to cpn-lan" pings cpn-home $LAN6 -I "$own" -s 1400
	check "1400 bytes from cpn-lan" pings cpn-lan "$own" -s 1400
	check "cpn-lan sees the host's own address" no_nat "$own"
	check "TCP from the host" in_home timeout 20 iperf3 -6 -c $LAN6 -p 5201 -B "$own" -n 2M
	check "TCP to the host" in_home timeout 20 iperf3 -6 -c $LAN6 -p 5201 -B "$own" -n 2M -R
	check "an address that the host makes up" home_extra "$1"
}

# L1 behind a router: nothing has to be said for one more.
home_extra()
{
	local extra
	extra=$(home_address "$1" | cut -d: -f1-4):1234:5678:9abc:def0
	in_home ip addr add "$extra/64" dev lan nodad
	pings cpn-home $LAN6 -I "$extra" && pings cpn-lan "$extra" && in_home ip addr del "$extra/64" dev lan
}

# With the connection the prefix is deprecated and the default route goes: at once, not some day.
withdrawn()
{
	check "the prefix is deprecated on the LAN" wait_for 10 deprecated
	check "the router withdraws" wait_for 10 router_gone
	check_not "the client keeps no address on the LAN" grep -q . <(in_client ip -6 addr show dev home scope global)
}

deprecated()
{
	! home_address "" && ip -n cpn-home -6 addr show dev lan deprecated | grep -q inet6
}

router_gone()
{
	! home_router
}

forget()
{
	ip -n cpn-home -6 addr flush dev lan scope global
}

check_equal "nothing but the kernel on the host" "" "$(ip netns pids cpn-home)"
echo "---- the link's further prefix"
client_config id=somebody@p1.example.org secret=profiles-secret lan=home lan_prefix=further
"$TESTBED" client --config "$WORK/client.conf" || fail "our client does not start"
CLIENT_NAMESPACE=cpn-client CLIENT_RUN=$RUN/client
shared fd00:db8:1
further=$(client_json ".[0].prefixes[1]" link show)
check "the prefix is the link's last one, $further" home_address "${further%::/64}:"
check_not "the link's interface has none of it" grep -q "${further%::/64}:" <(in_client ip -6 addr show dev cpn0)
before=$(home_address fd00)
stream_start tcp cpn-home $LAN6 0.1
check "the operator makes it reauthenticate" client_cli peer reauth home
sleep 3
check_equal "pings lost by reauthentication" 0 "$(stream_stop tcp)"
check_equal "the LAN's prefix stays" "$before" "$(home_address fd00)"
check "the operator takes the connection down" client_cli peer terminate home
withdrawn
"$TESTBED" client --stop

echo "---- a delegated prefix, exact selectors"
forget
client_config id=somebody@p1.example.org secret=profiles-secret lan=home lan_prefix=delegated
client_up --config "$WORK/client.conf"
shared 2001:db8:50
check "the link has both of its prefixes for itself" test "$(ip -n cpn-client -6 -o addr show dev cpn0 scope global | wc -l)" = 2
check_equal "a child SA of its own for it, and one for groups" 3 "$(gateway_json '[.[] | select(.kind == "child")] | length' sa show)"
delegated=$(gateway_json '.[] | select(.delegated != null) | .delegated[0]' link show)
check_equal "the gateway delegated a /56" 56 "${delegated#*/}"
died=$(($(drop_count ingress-filter) + $(drop_count sa-selector-in) + $(client_drop_count sa-selector-out)))
in_home ip addr add 2001:db8:bad::1/128 dev lan nodad
check_not "another source from the LAN gets no answer" pings cpn-home $LAN6 -I 2001:db8:bad::1 -W 1
check "and is counted" test $(($(drop_count ingress-filter) + $(drop_count sa-selector-in) + $(client_drop_count sa-selector-out))) -ge $((died + 3))
in_home ip addr del 2001:db8:bad::1/128 dev lan
"$TESTBED" client --stop
withdrawn

echo "---- a delegated prefix, open selectors and router advertisement"
forget
client_config id=somebody@p2.example.org secret=profiles-secret prefixes_by=ra lan=home lan_prefix=delegated
client_up --config "$WORK/client.conf"
shared 2001:db8:50
check_equal "one child SA carries it all" 1 "$(gateway_json '[.[] | select(.kind == "child")] | length' sa show)"
"$TESTBED" client --stop
withdrawn
check_equal "still nothing but the kernel on the host" "" "$(ip netns pids cpn-home)"
