#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L11 L22 L29: a DHCPv6 client that is not ours, on our client's link, is told servers and names, and gets
# a prefix; traffic of that prefix passes, spoofed traffic beside it dies. It survives control.
#
#	dhcp6c, site (a veth) in cpn-client: cpn0 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../scripts/lib/dhcp.sh
. "$ROOT/scripts/lib/dhcp.sh"
mkdir "$WORK/keylog"
{
	# The client's own child SA has to be open, since what dhcp6c gets our client does not hear of.
	sed -e 's|^\(\t*\)delegation_pool = .*|&\n\1sntp = ["2001:db8:aaaa::123"];|' \
		-e '/name = "p6"/,/}/ s|access_control = "spd"|access_control = "ingress-filter"|' \
		"$ROOT/config/testbed-profiles.conf"
	echo "keylog_dir = \"$WORK/keylog\";"
} >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
client_config id=dora@p2.example.org secret=profiles-secret prefixes_by=ra dhcp6=false
capture_start "$WORK/tunnel.pcapng"
client_up --config "$WORK/client.conf"
check "an address by router advertisement" wait_for 10 interface_address cpn-client cpn0 6 2001:db8:1

given()
{
	[ "$(dhcp6c_given "$1" "$2")" = "$3" ]
}

dhcp6c_start info cpn-client cpn0 <<-END
	information-only;
	request domain-name-servers, domain-name, ntp-servers;
	};
END
check "Information-request: it has the DNS server" wait_for 10 given info new_domain_name_servers 2001:db8:aaaa::53
check "the domain" given info new_domain_name corp.example.org.
check "the SNTP server" given info new_ntp_servers 2001:db8:aaaa::123
dhcp6c_stop info

in_client ip link add site type veth peer name site-peer
in_client ip link set site-peer up
in_client ip link set site up
delegated()
{
	gateway_json '.[0].delegated[]?' link show
}
has_delegated()
{
	[ "$(delegated | wc -l)" = "$1" ]
}
site_address()
{
	interface_address cpn-client site 6 2001:db8:50
}
dhcp6c_start pd cpn-client cpn0 <<-END
	send ia-pd 1;
	request domain-name-servers;
	};
	id-assoc pd 1 { prefix-interface site { sla-id 1; sla-len 8; }; };
END
check "prefix delegation: an address from it on its other interface" wait_for 15 site_address
site=$(site_address)
check_equal "delegated prefixes of the link" 1 "$(delegated | wc -l)"
prefix=$(delegated)
check "$site is of $prefix" test "$(cut -d: -f1-4 <<<"$site" | sed 's/..$//')" = "$(cut -d: -f1-4 <<<"$prefix" | sed 's/..$//')"
check "from the delegated prefix to cpn-lan" pings cpn-client $LAN6 -I "$site"
check "from cpn-lan to the delegated prefix" pings cpn-lan "$site"

in_client ip addr add 2001:db8:50ff:ffff::1/64 dev site nodad
before=$(drop_count ingress-filter)
check_not "an address beside it gets no answer" pings cpn-client $LAN6 -I 2001:db8:50ff:ffff::1
died=$(($(drop_count ingress-filter) - before))
check "its packets are counted: ingress-filter ($died)" test $died -ge 3

"$TESTBED" restart control --kill || fail "control does not come back"
check "after a restart of control: from the delegated prefix to cpn-lan" pings cpn-client $LAN6 -I "$site"
check_equal "the link has it still" "$prefix" "$(delegated)"
check "after a restart of control: from cpn-lan" pings cpn-lan "$site"
answered=$(stat_count dhcp6_answered)
dhcp6c_stop pd # releases
check "the release is answered" wait_for 10 test "$(stat_count dhcp6_answered)" -gt "$answered"
check "released: the link has it no more" wait_for 10 has_delegated 0
check_equal "leases of the pool" 0 "$(gateway_json '.[] | select(.pool == "delegated") | .live' pool show)"

capture_stop
check "tshark sees the messages in the tunnel" test "$(count "$WORK/tunnel.pcapng" 'esp && dhcpv6')" -ge 6
check_equal "malformed ones" 0 "$(count "$WORK/tunnel.pcapng" 'dhcpv6 && _ws.malformed')"
check_equal "complaints of the dissector" "" \
	"$(shark "$WORK/tunnel.pcapng" -Y 'dhcpv6 && _ws.expert.severity >= "Warning"' -T fields -e _ws.expert.message)"

# P6: a single address, by the same client on a link without any prefix.
"$TESTBED" client --stop
client_config id=dora@p6.example.org secret=profiles-secret prefixes_by=ra dhcp6=false
"$TESTBED" client --config "$WORK/client.conf" || fail "our client does not start"
p6_address()
{
	interface_address cpn-client cpn0 6 2001:db8:4000:
}
client_has_link()
{
	[ "$(client_json '[.[] | select(.state == "up")] | length' link show)" = 1 ]
}
check "the link is up" wait_for 20 client_has_link
dhcp6c_start na cpn-client cpn0 <<-END
	send ia-na 1;
	request domain-name-servers;
	};
	id-assoc na 1 { };
END
check "P6: an address by DHCPv6" wait_for 20 p6_address
check "P6: from it to cpn-lan" pings cpn-client $LAN6 -I "$(p6_address)"
check_equal "the link has it" "$(p6_address)" "$(gateway_json '.[] | select(.state == "up") | .claimed[]?' link show)"
dhcp6c_stop na
