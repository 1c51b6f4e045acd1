#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L11 L22 L29: the gateway relays DHCPv6 to Kea on the protected network, which knows the client by its
# Remote-ID; what Kea delegates is routed to the link and passes its filter, until it is released.
#
#	dhcp6c, site (a veth) in cpn-client: cpn0 ──── gateway, relay ──── Kea in cpn-lan
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../scripts/lib/dhcp.sh
. "$ROOT/scripts/lib/dhcp.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
# Only who is dora gets a prefix: the Remote-ID (RFC 4649) is an enterprise number and the identity.
kea_start cpn-lan lan/$LAN6 <<-END || fail "Kea does not start"
	{
		"valid-lifetime": 600, "preferred-lifetime": 400, "renew-timer": 10, "rebind-timer": 300,
		"client-classes": [{
			"name": "dora",
			"test": "substring(relay6[0].option[37].hex, 4, all) == 'dora@relay.example.org' and relay6[0].option[18].exists"
		}, {
			"name": "nora",
			"test": "substring(relay6[0].option[37].hex, 4, all) == 'nora@relay6.example.org'"
		}],
		"option-data": [
			{ "name": "dns-servers", "data": "2001:db8:aaaa::54" },
			{ "name": "domain-search", "data": "kea.example.org" }
		],
		"subnet6": [{
			"id": 2, "subnet": "2001:db8:7000::/64", "relay": { "ip-addresses": ["2001:db8:aaaa::1"] },
			"interface": "lan", "client-class": "nora",
			"pools": [{ "pool": "2001:db8:7000::100 - 2001:db8:7000::1ff" }]
		}, {
			"id": 1, "subnet": "2001:db8:1000::/40",
			"pd-pools": [{
				"prefix": "2001:db8:6000::", "prefix-len": 40, "delegated-len": 56,
				"client-class": "dora"
			}]
		}]
	}
END
proc_start capture cpn-lan dumpcap -q -i lan -s 0 -f 'udp port 547' -w "$WORK/relay.pcapng"
client_config id=dora@relay.example.org secret=profiles-secret prefixes_by=ra dhcp6=false
client_up --config "$WORK/client.conf"
check "an address by router advertisement" wait_for 10 interface_address cpn-client cpn0 6 2001:db8:1

in_client ip link add site type veth peer name site-peer
in_client ip link set site-peer up
in_client ip link set site up
site_address()
{
	interface_address cpn-client site 6 2001:db8:60
}
relayed()
{
	gateway_json ".[0].delegated[]?" link show
}
has_relayed()
{
	[ "$(relayed | wc -l)" = "$1" ]
}
renewed()
{
	[ "$(stat_count dhcp6_relayed)" -gt "$1" ]
}
dhcp6c_start pd cpn-client cpn0 <<-END
	send ia-pd 1;
	request domain-name-servers, domain-name;
	};
	id-assoc pd 1 { prefix-interface site { sla-id 1; sla-len 8; }; };
END
check "prefix delegation by Kea: an address from it" wait_for 20 site_address
site=$(site_address)
check_equal "Kea's DNS server" 2001:db8:aaaa::54 "$(dhcp6c_given pd new_domain_name_servers)"
check_equal "prefixes that the link has by relay" 1 "$(relayed | wc -l)"
prefix=$(relayed)
check_equal "Kea gave the same" "$prefix" "$(kea_leases)"
check "from the delegated prefix to cpn-lan" pings cpn-client $LAN6 -I "$site"
check "from cpn-lan to the delegated prefix" pings cpn-lan "$site"
in_client ip addr add 2001:db8:60ff:ffff::1/64 dev site nodad
before=$(drop_count ingress-filter)
check_not "an address beside it gets no answer" pings cpn-client $LAN6 -I 2001:db8:60ff:ffff::1
died=$(($(drop_count ingress-filter) - before))
check "its packets are counted: ingress-filter ($died)" test $died -ge 3
before=$(stat_count dhcp6_relayed)
check "it is renewed" wait_for 20 renewed "$before"
check_equal "the link has the same" "$prefix" "$(relayed)"

"$TESTBED" restart control --kill || fail "control does not come back"
check "after a restart of control: the link has it" wait_for 20 has_relayed 1
check "after a restart of control: from cpn-lan" wait_for 20 pings cpn-lan "$site"
dhcp6c_stop pd # releases
check "released: the link has it no more" wait_for 10 has_relayed 0
check_not "nothing leads there any more" in_lan ping -n -c 2 -W 1 "$site"
check "Kea has it back" wait_for 10 test -z "$(kea_leases)"

# Profile relay6: a link without any prefix, a single address by Kea (P6).
"$TESTBED" client --stop
client_config id=nora@relay6.example.org secret=profiles-secret link_model=router-aggregation \
	prefixes_by=dhcpv6 addresses_by=dhcpv6
"$TESTBED" client --config "$WORK/client.conf" || fail "our client does not start"
relay6_address()
{
	interface_address cpn-client cpn0 6 2001:db8:7000:
}
check "relay6: an address by Kea" wait_for 30 relay6_address
check_equal "relay6: the link has it" "$(relay6_address)" "$(gateway_json '.[] | select(.state == "up") | .claimed[]?' link show)"
check "relay6: from it to cpn-lan" wait_for 10 pings cpn-client $LAN6 -I "$(relay6_address)"
check "relay6: from cpn-lan to it" pings cpn-lan "$(relay6_address)"

# Somebody else is told that there is nothing for him.
"$TESTBED" client --stop
client_config id=emil@relay.example.org secret=profiles-secret prefixes_by=ra dhcp6=false
client_up --config "$WORK/client.conf"
in_client ip addr flush dev site scope global
dhcp6c_start emil cpn-client cpn0 <<-END
	send ia-pd 1;
	};
	id-assoc pd 1 { prefix-interface site { sla-id 1; sla-len 8; }; };
END
check "for another identity Kea has none" wait_for 15 grep -q -E 'ALLOC_ENGINE_V6_ALLOC_FAIL|LEASE_ADVERT_FAIL|PD_LEASE_ADVERT_FAIL' "$RUN/logs/kea.log"
check "and it gets none" has_relayed 0
dhcp6c_stop emil

capture_stop
check "Relay-forward and Relay-reply are in the capture" \
	test "$(packets "$WORK/relay.pcapng" 'dhcpv6.msgtype == 12')" -ge 4 -a "$(packets "$WORK/relay.pcapng" 'dhcpv6.msgtype == 13')" -ge 4
check "with the identity as Remote-ID" test "$(packets "$WORK/relay.pcapng" \
	'dhcpv6.msgtype == 12 && dhcpv6.remoteid.enterprise == 0 && dhcpv6 contains "dora@relay.example.org"')" -ge 4
check_equal "malformed messages" 0 "$(packets "$WORK/relay.pcapng" '_ws.malformed')"
check_equal "complaints of the dissector" "" \
	"$(shark "$WORK/relay.pcapng" -Y 'dhcpv6 && _ws.expert.severity >= "Warning"' -T fields -e _ws.expert.message)"
kea_stop
