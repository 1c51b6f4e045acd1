#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L18 L26 L29 P4: neighbour discovery made by hand on a link, each packet with its counter and outcome: hop
# limits, options, spoofed sources, somebody else's address, the gateway's own, redirects, router
# advertisements; a client that claims addresses in a loop reaches its limit and harms nobody.
#
#	our client, cpn-client: cpn0, nd_send.py ──┐
#	another one, cpn-far: cpn0 ────────────────┴── gateway, profile p4 ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin --config "$ROOT/config/testbed-profiles.conf"
slaac=(prefixes_by=ra addresses_by=slaac link_model=router-aggregation secret=profiles-secret)
client_config id=bad@p4.example.org "${slaac[@]}" interface_id=::200:0:0:66
client_up --config "$WORK/client.conf"
far_config id=good@p4.example.org "${slaac[@]}" interface_id=::200:0:0:77
client_up --config "$WORK/client.conf" --namespace cpn-far

# The link of one of the two: link_of bad|good FILTER
link_of()
{
	gateway_json ".[] | select(.identity | contains(\"$1@\")) | $2" link show
}
own=2001:db8:3000:0:200::66 theirs=2001:db8:3000:0:200::77
claimed()
{
	link_of "$1" ".claimed[]" | grep -qx "$2"
}
check "the bad one's address" wait_for 20 claimed bad $own
check "the good one's address" wait_for 20 claimed good $theirs
settled()
{
	ip -n "$1" -6 addr show dev cpn0 scope global -tentative | grep -q "$2"
}
check "detection has ended" wait_for 10 settled cpn-far $theirs
check "the good one's address works" pings cpn-lan $theirs
gateway=$(link_of bad .gateway_link_local)
client=$(link_of bad .client_link_local)
check_not "L18: the gateway's link-local address is not the client's" test "$gateway" = "$client"
quiet()
{
	local before
	before=$(stat_count punt_inner)
	sleep 2
	[ "$(stat_count punt_inner)" = "$before" ]
}
# A host has much to say in its first seconds.
check "both hosts have become silent" wait_for 60 quiet

send()
{
	in_client "$ROOT/tests/interop/nd_send.py" cpn0 "$@" || fail "nd_send.py $*"
}
ndp_counters()
{
	gateway_json '[.[] | select(.name | test("^(ndp_|punt_(no_link|limited|malformed))")) | select(.value > 0) |
		"\(.name)=\(.value)"] | join(" ")' stats show all
}
counted()
{
	[ "$(stat_count "$1")" -ge "$2" ]
}
# counts COUNTER WHAT KIND KEY=VALUE... : this counter has one more, no other of discovery has.
counts()
{
	local name=$1 what=$2 before others
	shift 2
	before=$(stat_count "$name")
	others=$(ndp_counters | tr ' ' '\n' | grep -v "^$name=")
	send "$@"
	check "$what: $name" wait_for 5 counted "$name" $((before + 1))
	check_equal "$what: once" $((before + 1)) "$(stat_count "$name")"
	[ "$others" = "$(ndp_counters | tr ' ' '\n' | grep -v "^$name=")" ] || fail "$what: other counters, too"
}
died()
{
	[ "$(drop_count "$1")" -ge "$2" ]
}
# dies REASON WHAT KIND KEY=VALUE... : in the dataplane, before control sees it.
dies()
{
	local reason=$1 what=$2 before others
	shift 2
	before=$(drop_count "$reason")
	others=$(stat_count punt_inner)
	send "$@"
	check "$what: $reason" wait_for 5 died "$reason" $((before + 1))
	check_equal "$what: once" $((before + 1)) "$(drop_count "$reason")"
	check_equal "$what: control sees nothing" "$others" "$(stat_count punt_inner)"
}
hear()
{
	proc_start capture cpn-client dumpcap -q -i cpn0 -s 0 -w "$WORK/$1.pcap"
	wait_for 10 test -s "$WORK/$1.pcap" || fail "dumpcap does not start"
}
# What the bad one's interface got from the gateway in a capture, one line each. heard NAME
heard()
{
	capture_stop
	tshark -n -r "$WORK/$1.pcap" -Y "ipv6.src == $gateway" -T fields -E separator=' ' -e icmpv6.type -e ipv6.dst \
		-e ipv6.hlim -e icmpv6.nd.na.flag.r -e icmpv6.nd.na.flag.s -e icmpv6.nd.na.flag.o -e icmpv6.nd.na.target_address 2>"$WORK/tshark.err" || cat "$WORK/tshark.err"
}

# What is wrong gets no answer.
hear wrong
ns="ns source=$client target=$gateway"
counts ndp_bad-hop-limit "NS, hop limit 254" $ns hop=254
counts ndp_bad-hop-limit "NS for an address, hop limit 64" ns source=:: target=2001:db8:3000::abcd hop=64
counts ndp_malformed "NS, option of length zero" $ns options=0100020000000001
counts ndp_malformed "NS, option beyond the end" $ns options=0102020000000001
counts ndp_malformed "NS, half an option" $ns options=01
counts ndp_malformed "NS, too short" $ns cut=4
counts ndp_malformed "NS, code 1" $ns code=1
counts ndp_malformed "NS from ::, with a link-layer address" ns source=:: target=2001:db8:3000::abcd options=0101020000000001
counts ndp_malformed "NS from ::, to one node" ns source=:: target=2001:db8:3000::abcd "destination=$gateway"
counts punt_malformed "NS, wrong checksum" $ns sum=bad
counts ndp_malformed "RS, option of length zero" rs "source=$client" options=0100020000000001
counts ndp_bad-source "RS from a global address" rs source=$own
counts ndp_bad-hop-limit "RS, hop limit 1" rs "source=$client" hop=1
counts ndp_unwanted "redirect to itself" redirect "source=$client" "destination=$gateway" target=$own instead=$theirs
counts ndp_bad-hop-limit "redirect from beyond the link" redirect "source=$client" "destination=$gateway" target=$own instead=$theirs hop=64
counts ndp_unwanted "RA" ra "source=$client" "destination=$gateway"
counts ndp_unwanted "RA to all nodes" ra "source=$client"
counts ndp_unwanted "NA for somebody else's address" na "source=$client" "destination=$gateway" target=$theirs flags=60000000
counts ndp_not-for-us "NS for an address of the protected network" ns source=:: target=2001:db8:aaaa::10
dies ingress-filter "L29: NS from somebody else's address" ns source=$theirs "target=$gateway"
dies ingress-filter "L29: RS from another link-local address" rs source=fe80::bad
dies ingress-filter "L29: RA from another link-local address" ra source=fe80::bad destination=$theirs
dies scope "RA from its link-local address to somebody else" ra "source=$client" destination=$theirs
check_equal "answers to all that" "" "$(heard wrong)"
dies ingress-filter "L29: NS from the gateway's link-local address" ns "source=$gateway" target=2001:db8:3000::1234 destination=ff02::1
check_not "the other one has learned of no router" grep -q 2001:db8:bad <(ip -n cpn-far -6 route; ip -n cpn-far -6 addr)
check "its traffic goes on" pings cpn-lan $theirs

# What is right is answered, be it that an address is not to be had.
hear dad
counts ndp_taken "DAD for somebody else's address" ns source=:: target=$theirs
counts ndp_answered "L18: DAD for the gateway's link-local address" ns source=:: "target=$gateway"
counts ndp_taken "DAD for the subnet-router anycast address" ns source=:: target=2001:db8:3000::
counts ndp_answered "L26: NUD" $ns "destination=$gateway"
check_equal "advertisements: to whom, hop limit, router, solicited, override, for what" \
	"136 ff02::1 255 0 0 1 $theirs
136 ff02::1 255 1 0 1 $gateway
136 ff02::1 255 0 0 1 2001:db8:3000::
136 $client 255 1 1 1 $gateway" "$(heard dad)"
check "the address is still the other one's" claimed good $theirs
check "its traffic goes on" pings cpn-lan $theirs

# A client that claims whatever there is.
stream_start good cpn-lan $theirs
hear loop
limit=16
before=$(stat_count ndp_over-limit)
send ns source=:: target=2001:db8:3000:: count=40
check_equal "claims of the bad one" $limit "$(link_of bad '.claimed | length')"
check_equal "claims beyond, each counted" $((before + 40 - limit + 1)) "$(stat_count ndp_over-limit)"
check_equal "each with an answer" $((40 - limit + 1)) "$(heard loop | grep -c '^136 ff02::1 255 0 0 1 2001:db8:3000::')"
limited=$(drop_count punt-link-limit)
send ns source=:: target=2001:db8:3000:: count=400 gap=0.001
check "a flood of them is cut off before anybody looks" test "$(drop_count punt-link-limit)" -ge $((limited + 200))
ip -n cpn-far addr add 2001:db8:3000::88/64 dev cpn0
check "the good one claims another address meanwhile" wait_for 10 claimed good 2001:db8:3000::88
check "detection has ended" wait_for 10 settled cpn-far 2001:db8:3000::88
check "it works" pings cpn-lan 2001:db8:3000::88
check_equal "its packets that were lost" 0 "$(stream_stop good)"
# Nobody answers for what nd_send.py claimed.
only_own()
{
	[ "$(link_of bad '.claimed | join(" ")')" = $own ]
}
check "claims that no host has are given up when there is no room" wait_for 5 test "$(link_of bad '.claimed | length')" = $limit
sleep 6
send ns source=:: target=2001:db8:3000::1
check "all but the host's own" wait_for 20 only_own
check "which works" pings cpn-lan $own
