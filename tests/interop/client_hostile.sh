#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 L15 L17 L18 L27: what a hostile or careless gateway says of links, and what our client makes of it, case by
# case: it takes the link, without what does not belong there; or it refuses, deletes the IKE SA and says why.
#
#	our client, cpn-client ──── ike_peer.py, cpn-router
. "$(dirname "$0")/lib.sh"
begin
GATEWAY=192.0.2.254
IID=0200000000000001 LINK_ID=00112233445566778899aabbccddeeff
PREFIX=20010db8777700010000000000000000

# answered ATTRIBUTES [KEY=VALUE]... : the client has asked and got that.
answered()
{
	local given=$1
	shift
	"$TESTBED" client --stop 2>/dev/null
	proc_stop peer
	rm -f "$RUN/client/"*.json "$RUN/logs/peer.log" "$RUN/logs/client-control.log"
	proc_start peer cpn-router python3 -B "$ROOT/tests/interop/ike_peer.py" --gateway $GATEWAY bob-secret "$given"
	wait_for 5 listens || fail "ike_peer.py does not start"
	client_config gateway=$GATEWAY interface_id=::200:0:0:55 ipv4=false ipv6_address=true "$@"
	"$TESTBED" client --config "$WORK/client.conf" || fail "our client does not start"
}

listens()
{
	[ -n "$(ip netns exec cpn-router ss -Huln "sport = 500")" ]
}

# told FILTER : of what the gateway was asked
told()
{
	jq -r "$1" "$RUN/logs/peer.log"
}

deleted()
{
	told 'select(.exchange == 37) | .payloads[]' | grep -q 42
}

# refused WHAT WHY ATTRIBUTES [KEY=VALUE]...
refused()
{
	answered "${@:3}"
	check "$1: $2" wait_for 10 grep -q "$2" "$RUN/logs/client-control.log"
	check "$1: the client deletes the IKE SA" wait_for 5 deleted
	check_not "$1: there is no interface" ip -n cpn-client link show dev cpn0
}

# taken WHAT ATTRIBUTES : the link is there, as always, and nothing else.
taken()
{
	answered "$2"
	check "$1: the link comes up" wait_for 10 has_prefixes
	check_equal "$1: prefixes and addresses" 2001:db8:7777:1::/64 "$(client_json '.[0] | [.prefixes[], .addresses[]?] | join(" ")' link show)"
	check_equal "$1: addresses of the interface" 2001:db8:7777:1:200::55/64 \
		"$(ip -n cpn-client -6 -o addr show dev cpn0 scope global | awk '{ print $4 }')"
	check_equal "$1: Link ID" $LINK_ID "$(client_json '.[0].link_id' link show)"
}

has_prefixes()
{
	[ "$(client_json '.[0] | select(.state == "up") | .prefixes | length' link show)" -ge 1 ] &&
		ip -n cpn-client -6 -o addr show dev cpn0 scope global -tentative | grep -q 2001
}

taken "an ordinary answer" "17=$IID$LINK_ID,18=${PREFIX}40"
check_equal "L15: the request has LINK, ADDRESS and DHCP" "true true true" \
	"$(told 'select(.exchange == 35) | .attributes | "\(has("17")) \(has("8")) \(has("12"))"')"
check_equal "L15: its LINK is the interface ID alone" 0200000000000055 "$(told 'select(.exchange == 35) | .attributes["17"][0]')"
check_equal "L15: TSi and TSr" "::/0 ::/0" "$(told 'select(.exchange == 35) | "\(.tsi | join(",")) \(.tsr | join(","))"')"
taken "L27: host bits in the prefix are ignored" "17=$IID$LINK_ID,18=${PREFIX:0:16}ffffffffffffffff40"
taken "L27: so is the reserved bit" "32785=$IID$LINK_ID,32786=${PREFIX}40"
taken "a prefix that is said twice" "17=$IID$LINK_ID,18=${PREFIX}40,18=${PREFIX}40"
taken "L17: an address beside the link" "17=$IID$LINK_ID,18=${PREFIX}40,8=20010db877770002000000000000000180"
taken "an attribute that nobody knows" "17=$IID$LINK_ID,12345=00,18=${PREFIX}40"

refused "L18: our own interface ID" "the gateway has our own interface ID" "17=0200000000000055$LINK_ID,18=${PREFIX}40"
refused "no interface ID" "the gateway has no interface ID" "17=0000000000000000$LINK_ID,18=${PREFIX}40"
refused "the draft's wire without the echo" "the gateway does not echo our interface ID" "17=$IID$LINK_ID,18=${PREFIX}40" wire=ipsecme-00
refused "no Link ID" "a link without a Link ID" "17=$IID,18=${PREFIX}40"
refused "two links" "two links" "17=$IID$LINK_ID,17=${IID}00,18=${PREFIX}40"
refused "LINK of 7 octets" "malformed configuration payload" "17=02000000000001,18=${PREFIX}40"
refused "PREFIX of 16 octets" "malformed configuration payload" "17=$IID$LINK_ID,18=$PREFIX"
refused "PREFIX longer than an address" "malformed configuration payload" "17=$IID$LINK_ID,18=${PREFIX}81"
refused "prefixes that overlap" "prefixes that overlap" "17=$IID$LINK_ID,18=${PREFIX}40,18=${PREFIX}38"
refused "link-local addresses as a prefix" "a prefix that no link can have" "17=$IID$LINK_ID,18=fe80000000000000000000000000000040"
refused "everything as a prefix" "a prefix that no link can have" "17=$IID$LINK_ID,18=0000000000000000000000000000000000"
refused "a link that was not asked for" "a link that we did not ask for" "17=$IID$LINK_ID,18=${PREFIX}40" link=false
refused "nothing" "neither link nor address" ""

answered "8=20010db877770002000000000000000180"
check "L9: an address where there are no links" wait_for 10 grep -q 2001:db8:7777:2::1/128 \
	<(sleep 2; ip -n cpn-client -6 -o addr show dev cpn0)
"$TESTBED" client --stop
proc_stop peer
