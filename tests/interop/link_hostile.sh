#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L14 L16 L17 L18 L19 L23 L24 L27: what a hostile or careless initiator says of links, message by message, and
# the gateway's exact answer: wrong lengths, interface IDs that nobody may have, Link IDs of others, attributes
# that contradict each other, LINK_ID that is wrong, missing or odd.
#
#	ike_peer.py ──── gateway, both wires
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"

IID=0200000000000055
PREFIX=20010db8000000000000000000000000

# peer IDENTITY STEP... : its answers, one line of JSON each, in $WORK/answers
peer()
{
	in_client timeout 20 python3 -B "$ROOT/tests/interop/ike_peer.py" 192.0.2.2 192.0.2.1 "$1" \
		profiles-secret "${@:2}" >"$WORK/answers" 2>&1
}

# answer NUMBER FILTER : of the NUMBERth exchange
answer()
{
	sed -n "$1p" "$WORK/answers" | jq -r "$2"
}

# What the gateway has of an identity: "IKE SAs, child SAs, links"
holds()
{
	local sas
	sas=$(cli --json sa show | jq -r "[.[] | select(.peer == \"$1\") | .kind] |
		\"\(map(select(. == \"ike\")) | length) \(map(select(. == \"child\")) | length)\"")
	echo "$sas $(gateway_json "[.[] | select(.identity == \"$1\")] | length" link show)"
}

# refused WHAT NOTIFY ATTRIBUTES [DOMAIN]: an error and nothing else; the IKE SA stays up unless the request
# could not be read.
cases=0
refused()
{
	local id ike=0
	cases=$((cases + 1))
	id=hostile$cases@${4:-p1}.example.org
	peer "$id" "auth:$3"
	check_equal "$1" "$2 0 null" "$(answer 1 '"\(.notify | map(select(startswith("IP") | not)) | join(" ")) \(.attributes | length) \(.spi)"')"
	[ "$2" = INVALID_SYNTAX ] || ike=1
	check_equal "$1: IKE SAs, child SAs, links" "$ike 0 0" "$(holds "$id")"
}

# granted WHAT ATTRIBUTES [DOMAIN]: a link, and an answer like everybody's.
granted()
{
	local id
	cases=$((cases + 1))
	id=hostile$cases@${3:-p1}.example.org
	peer "$id" "auth:$2"
	check_equal "$1: attributes" "17 18" "$(answer 1 '.attributes | keys | sort | join(" ")')"
	check_equal "$1: IKE SAs, child SAs, links" "1 1 1" "$(holds "$id")"
	check_equal "$1: TSi" "$(gateway_json ".[] | select(.identity == \"$id\") |
		[.client_link_local, .prefixes[]] | map(sub(\"/128\"; \"\")) | sort | join(\" \")" link show)" \
		"$(answer 1 '.tsi | map(sub("/128"; "")) | sort | join(" ")')"
}

echo "---- lengths"
refused "INTERNAL_IP6_LINK without a value" INVALID_SYNTAX 17=
refused "of 7 octets" INVALID_SYNTAX 17=02000000000055
refused "with a Link ID longer than any" INVALID_SYNTAX "17=$IID$(printf '%0130d' 0)"
refused "INTERNAL_IP6_PREFIX of 16 octets" INVALID_SYNTAX "17=$IID,18=$PREFIX"
refused "of 18" INVALID_SYNTAX "17=$IID,18=${PREFIX}4000"
refused "longer than an address" INVALID_SYNTAX "17=$IID,18=${PREFIX}81"
refused "INTERNAL_IP6_ADDRESS of 16 octets beside the link" INVALID_SYNTAX "17=$IID,8=$PREFIX"
refused "INTERNAL_IP6_DHCP of 15" INVALID_SYNTAX "17=$IID,12=${PREFIX:2}"

echo "---- interface IDs"
refused "zero" INTERNAL_ADDRESS_FAILURE 17=0000000000000000
refused "zero, the draft's wire" INTERNAL_ADDRESS_FAILURE 17=0000000000000000 draft
refused "of the subnet's anycast addresses" INTERNAL_ADDRESS_FAILURE 17=fdffffffffffffff
peer twin@p1.example.org "auth:17=$IID" "child:local=fe80::/64"
link=$(answer 1 '.attributes["17"][0]')
check_equal "a link to begin with" "1 1 1" "$(holds twin@p1.example.org)"
peer twin@p1.example.org "auth:17=$link" info
check_equal "the gateway's own of this link" INTERNAL_ADDRESS_FAILURE \
	"$(answer 1 '.notify | map(select(startswith("IP") | not)) | join(" ")')"
check_equal "this IKE SA stands, and answers" '[]' "$(answer 2 '.notify | tostring')"
check_equal "two IKE SAs, one child SA, one link" "2 1 1" "$(holds twin@p1.example.org)"

echo "---- Link IDs"
granted "one that was never given" "17=${IID}00112233445566778899aabbccddeeff"
check "the link has another Link ID" test "$(answer 1 '.attributes["17"][0][16:]')" != 00112233445566778899aabbccddeeff
granted "one of another length" "17=${IID}0011"
granted "somebody else's: a link of his own" "17=$IID${link:16}"
check "with another Link ID" test "$(answer 1 '.attributes["17"][0][16:]')" != "${link:16}"
check_equal "whose prefixes nobody else has" "" "$(gateway_json '[.[].prefixes[]] | group_by(.) | map(select(length > 1)) | .[][]' link show)"
check_equal "the other's link is as it was" "2 1 1" "$(holds twin@p1.example.org)"
refused "the draft's wire: one that was never given" INTERNAL_ADDRESS_FAILURE "17=${IID}00112233445566778899aabbccddeeff" draft
peer draft@draft.example.org "auth:17=$IID"
refused "somebody else's" INTERNAL_ADDRESS_FAILURE "17=$IID$(answer 1 '.attributes["17"][0][16:]')" draft

echo "---- attributes that contradict each other, or do not belong there"
refused "two links" INVALID_SYNTAX "17=$IID,17=0200000000000056"
refused "two Link IDs" INVALID_SYNTAX "17=${IID}00,17=${IID}01"
granted "the same link twice" "17=$IID,17=$IID"
granted "INTERNAL_IP6_ADDRESS beside the link, L17" "17=$IID,8="
granted "an address that it names beside the link" "17=$IID,8=20010db820000000000000000000000180"
check_equal "L17: single addresses given" 0 "$(gateway_json '.[] | select(.pool == "addr6") | .live' pool show)"
granted "a prefix with host bits" "17=$IID,18=20010db800000000000000000000000140"
granted "the reserved bit of the type" "32785=$IID"
granted "an attribute that nobody knows" "17=$IID,12345=00"
peer none@p1.example.org auth:8=
check_equal "L16: no link was asked for and none given" 8 "$(answer 1 '.attributes | keys | join(" ")')"

echo "---- LINK_ID"
# request NUMBER WHAT NOTIFY : the answer to a request for a child SA; NOTIFY empty: it was granted.
request()
{
	check_equal "$2" "$3" "$(answer "$1" '.notify | join(" ")')"
	check_equal "$2: a child SA" "$([ -n "$3" ] && echo no || echo yes)" "$(answer "$1" 'if .spi then "yes" else "no" end')"
}
peer child@p1.example.org "auth:17=$IID" child:link=own,local=fe80::/64 child:link=own,rekey child:link=flipped \
	child:link=longer child: child:rekey child:link=flipped,rekey \
	child:link=own,protocol=3 "child:link=${link:16}" \
	child:link=own,local=2001:db8:bad::/64 child:link=own info
request 2 "a child SA of the link, with its LINK_ID" ""
check_equal "for its link-local address" fe80::200:0:0:55/128 "$(answer 2 '.tsi | join(" ")')"
request 3 "rekeyed with LINK_ID" ""
request 4 "a LINK_ID that is wrong in one bit" TS_UNACCEPTABLE
request 5 "one octet too long" TS_UNACCEPTABLE
request 6 "no LINK_ID: the physical interface's policy, which has nothing" TS_UNACCEPTABLE
request 7 "a rekey without LINK_ID" TS_UNACCEPTABLE
request 8 "a rekey with a wrong one" TS_UNACCEPTABLE
request 9 "LINK_ID with a protocol but no SPI: that is ignored (RFC 7296 section 3.10)" ""
request 10 "LINK_ID of another link" TS_UNACCEPTABLE
request 11 "selectors that are not the link's" TS_UNACCEPTABLE
request 12 "and a good one after all of that" ""
check_equal "the IKE SA answers" '[]' "$(answer 13 '.notify | tostring')"
check_equal "LINK_ID in an answer, never" 0 "$(grep -c '"LINK_ID"' "$WORK/answers")"
# Malformed: no IKE SA is left (RFC 7296 section 2.21.3), and the link waits for its grace time.
peer empty@p1.example.org "auth:17=$IID" child:link=
request 2 "LINK_ID without a value" INVALID_SYNTAX
check_equal "IKE SAs, child SAs, links" "0 0 1" "$(holds empty@p1.example.org)"
peer spi@p1.example.org "auth:17=$IID" child:link=own,protocol=3,spi=01020304
request 2 "LINK_ID with an SPI" INVALID_SYNTAX
check_equal "IKE SAs, child SAs, links" "0 0 1" "$(holds spi@p1.example.org)"

echo "---- addresses of a shared prefix (P5)"
wish=16384=20010db8300000000200000000000056
peer first@p5.example.org "auth:17=$IID,16384=" child:link=own,$wish
check_equal "an address by its interface ID" 20010db8300000000200000000000055 "$(answer 1 '.attributes["16384"][0]')"
check_equal "and one that it names" "${wish#*=} 2001:db8:3000:0:200::56/128" "$(answer 2 '"\(.attributes["16384"][0]) \(.tsi | join(" "))"')"
peer second@p5.example.org "auth:17=$IID,16384=" child:link=own,$wish child:link=own,16384=20010db8300100000200000000000056 \
	child:$wish child:link=own,16384=20010db8300000000000000000000000 info
check_not "an interface ID that is in use: another address" test "$(answer 1 '.attributes["16384"][0]')" = 20010db8300000000200000000000055
check_not "a wish that is taken: another one" test "$(answer 2 '.attributes["16384"][0]')" = "${wish#*=}"
check_equal "outside the prefix" INTERNAL_ADDRESS_FAILURE "$(answer 3 '.notify | join(" ")')"
check_equal "without LINK_ID" INTERNAL_ADDRESS_FAILURE "$(answer 4 '.notify | join(" ")')"
check_not "the routers' anycast address: another one" test "$(answer 5 '.attributes["16384"][0]')" = 20010db8300000000000000000000000
check_equal "the IKE SA answers" '[]' "$(answer 6 '.notify | tostring')"
check_equal "addresses that two have" "" "$(gateway_json '[.[].claimed[]?] | group_by(.) | map(select(length > 1)) | .[][]' link show)"

echo "---- one who asks for everything in a loop"
# Links of one identity, and child SAs of one IKE SA, have a limit; nobody else feels it.
steps=()
while [ ${#steps[@]} -lt 520 ]; do
	steps+=(new "auth:17=$IID")
done
in_client timeout 60 python3 -B "$ROOT/tests/interop/ike_peer.py" 192.0.2.2 192.0.2.1 loop@p1.example.org profiles-secret \
	"${steps[@]}" >"$WORK/answers" 2>&1
check_equal "links" 256 "$(jq -r 'select(.spi) | .attributes["17"][0]' "$WORK/answers" | sort -u | wc -l)"
check_equal "the rest" "4 INTERNAL_ADDRESS_FAILURE" "$(tail -4 "$WORK/answers" | jq -r '.notify[0]' | uniq -c | awk '{ print $1, $2 }')"
check_equal "what the gateway has" "260 256 256" "$(holds loop@p1.example.org)"
more=child:link=own
peer many@p1.example.org "auth:17=$IID" $more $more $more $more $more $more $more $more $more $more info
check_equal "child SAs of one IKE SA" 8 "$(grep -c '"spi": "' "$WORK/answers")"
check_equal "no more" NO_ADDITIONAL_SAS "$(answer 11 '.notify | join(" ")')"
check_equal "the IKE SA answers" '[]' "$(answer 12 '.notify | tostring')"
granted "somebody else" "17=$IID"
# shellcheck disable=SC2119 # of all reasons
check_equal "packets that died in the dataplane" 0 "$(drop_count)"
