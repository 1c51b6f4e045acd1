#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L11 L22 L29: DHCPv6 made by hand on a link: bad lengths, messages that no client sends, identifiers that are
# missing or somebody else's, spoofed sources, and prefixes asked for in a loop; each with its counter and its
# outcome. (RFC 8415 sections 16 and 18.4)
#
#	our client, cpn-client: cpn0, dhcp6_send.py ──── gateway, profile p2
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
client_config id=dora@p2.example.org secret=profiles-secret prefixes_by=ra dhcp6=false interface_id=::200:0:0:55
client_up --config "$WORK/client.conf"
check "an address by router advertisement" wait_for 10 interface_address cpn-client cpn0 6 2001:db8:1

SERVERS=ff02::1:2 SOURCE=fe80::200:0:0:55
gateway=$(gateway_json '.[0].gateway_link_local' link show)

# say MESSAGE... : to the servers, from our link-local address
say()
{
	in_client timeout 60 python3 "$ROOT/tests/interop/dhcp6_send.py" cpn0 "${from:-$SOURCE}" "${to:-$SERVERS}" "$@"
}

counts()
{
	echo "$(stat_count dhcp6_answered) $(stat_count dhcp6_ignored) $(stat_count dhcp6_malformed) $(stat_count dhcp6_refused)"
}

# outcome WHAT answered|ignored|malformed|refused ANSWER MESSAGE
outcome()
{
	local want before
	before=$(counts)
	want=$(awk -v which="$2" '{ at = index("answered ignored malformed refused ", which " ")
		$(at == 1 ? 1 : at == 10 ? 2 : at == 18 ? 3 : 4)++; print }' <<<"$before")
	check_equal "$1" "$3" "$(say "$4" | sed 's/ .*//')"
	check_equal "$1: answered, ignored, malformed, refused" "$want" "$(counts)"
}

client=0001000a00030001020000000055 # DUID-LL
other=0001000a00030001020000000066
server=0002000a00030001020000000077 # nobody's
pd=0019000c000000010000000000000000
commit=000e0000

echo "---- what is answered"
outcome "Solicit for a prefix: Advertise" answered 2 "01xxxxxx$client$pd"
outcome "Information-request: Reply" answered 7 "0bxxxxxx$client"
to=$gateway outcome "to the address of INTERNAL_IP6_DHCP" answered 7 "0bxxxxxx$client"

echo "---- lengths"
outcome "three octets" malformed - 010203
outcome "half an option" malformed - "01xxxxxx${client}0019"
outcome "an option that is longer than the message" malformed - "01xxxxxx${client}0019ffff00000001"
outcome "IA_PD of 11 octets" malformed - "01xxxxxx${client}0019000b0000000100000000000000"
outcome "an IA_PD whose prefix is longer than it" malformed - "01xxxxxx${client}00190014000000010000000000000000001a00190000ffff"
outcome "a client identifier without a value" malformed - "01xxxxxx00010000$pd"
outcome "a client identifier longer than any" malformed - "01xxxxxx00010083$(printf '%0262d' 0)$pd"
outcome "two client identifiers" malformed - "01xxxxxx$client$other$pd"

echo "---- who and what"
outcome "Solicit without a client identifier" ignored - "01xxxxxx$pd"
outcome "Solicit with a server identifier" ignored - "01xxxxxx$client$server$pd"
outcome "Request without one" ignored - "03xxxxxx$client$pd"
outcome "Request to another server" ignored - "03xxxxxx$client$server$pd"
outcome "Information-request with an IA" ignored - "0bxxxxxx$client$pd"
outcome "Advertise, from a client" refused - "02xxxxxx$client$server$pd"
outcome "Reply" refused - "07xxxxxx$client$server$pd"
outcome "Reconfigure" refused - "0axxxxxx$client$server"
outcome "a type that nobody knows" malformed - "63xxxxxx$client"
outcome "Relay-forward: there is no relay on a link" refused - \
	"0c00$(printf '%064d' 0)0009000401xxxxxx"

echo "---- L29: sources"
in_client ip addr add 2001:db8:bad::1/128 dev cpn0 nodad
before="$(counts) $(drop_count ingress-filter)"
check_equal "a source that is not the link's" - "$(from=2001:db8:bad::1 say "0bxxxxxx$client")"
check_equal "died in the filter, before DHCPv6" "${before% *} $((${before##* } + 1))" "$(counts) $(drop_count ingress-filter)"
in_client ip addr del 2001:db8:bad::1/128 dev cpn0

echo "---- prefixes in a loop"
delegated()
{
	gateway_json '.[0].delegated[]?' link show
}
loop=()
for i in 1 2 3 4 5 6; do
	loop+=("01xxxxxx$client$commit${pd:0:15}$i${pd:16}") # another IAID each
done
say "${loop[@]}" >"$WORK/answers"
check "the first gets one" grep -q '^7 .*25\[26:2001:db8:50' <(head -1 "$WORK/answers")
check_equal "the others: NoPrefixAvail" 5 "$(tail -5 "$WORK/answers" | grep -c '25\[13:6\]')"
check_equal "delegated prefixes" 1 "$(delegated | wc -l)"
check_equal "leases of the pool" 1 "$(gateway_json '.[] | select(.pool == "delegated") | .live' pool show)"
prefix=$(delegated)
check "the first asks again and has the same" grep -q "25\\[26:$prefix" <(say "${loop[0]}")
# The link is one host's, whatever it calls itself by now.
check "under another identifier, too" grep -q "25\\[26:$prefix" <(say "01xxxxxx$other$commit$pd")
check_equal "delegated prefixes" "$prefix" "$(delegated)"
check "the link is as it was" pings cpn-client $LAN6
