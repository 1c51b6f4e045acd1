#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L3 L20: two thousand links of as many peers in one gateway: no lease is anybody else's, `link show` of
# all of them keeps nobody waiting, of those that are silent none is asked whether it lives, and a
# restarted control knows every one with what it had.
#
#	2,000 clients (load generator), cpn-client ──── gateway
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../scripts/lib/links.sh
. "$ROOT/scripts/lib/links.sh"
links=2000
# How long the gateway's IKE loop may be away, as a peer sees it. Measured: some 50 ms with the
# machine's two CPUs taken by others; every link costs 2 µs if it is shown in one go.
away_ms=500
links_config $links | sed 's/^ike = { /&liveness = "2s"; /' >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
log=$RUN/logs/loadgen.log

# Identity and all that the link has, without what changes by itself.
links_now()
{
	cli --json link show | jq -r '.[] | [.link, .identity, .prefixes, .addresses] | tostring' | sort
}

links_up()
{
	[ "$(gateway_json length link show)" = $links ]
}

# The longest time that a question had to wait, in ms: longest all|held
longest()
{
	case $1 in
	all) sed -n 's/^longest wait of the loop *\([0-9]*\).*/\1/p' "$log" ;;
	held) sed -n 's/^held: longest wait of the loop *\([0-9]*\).*/\1/p' "$log" ;;
	esac
}

proc_start loadgen cpn-client "$(program tests/bench/loadgen)" --links $links --hold
check "all links come up" wait_for 40 grep -q '^longest wait' "$log"
cat "$log"
check "the gateway has them all" links_up
links_now >"$WORK/before"
check_equal "each has its own prefixes and addresses" "$links" "$(jq -r '[.[2], .[3]] | tostring' "$WORK/before" | sort -u | wc -l)"
check_equal "no prefix is there twice" "" \
	"$(cli --json link show | jq -r '.[] | (.prefixes + .addresses)[]' | sort | uniq -d | head -3)"
check "a table of all" wait_for 1 cli link show
# The host behind the first link that is shown; nobody there decrypts, so that pings stay without an answer.
one=$(gateway_json '.[0].identity' link show)
address=$(gateway_json '.[0].addresses[0]' link show)
asked()
{
	grep 'nothing heard for' "$RUN/logs/gateway-control.log" | grep -o 'u[0-9]*@load.example.org' | sort -u
}
anyone_asked()
{
	[ -n "$(asked)" ]
}
check "the log tells of liveness checks" cli log level ike debug
in_lan ping -q -c 3 -i 0.3 -W 1 "$address" >/dev/null
check "the peer whose silence is in doubt is asked" wait_for 10 anyone_asked
sleep 4
check_equal "and of all others nobody" "$one" "$(asked)"
check "all stay" links_up
proc_stop loadgen # without a word to the gateway
tail -1 "$log"
check "no peer waited while they came" test "$(longest all)" -lt $away_ms
check "no peer waited while they were shown" test "$(longest held)" -lt $away_ms

"$TESTBED" restart control
check "a restarted control knows all" links_up
links_now >"$WORK/after"
check "and what each has" cmp "$WORK/before" "$WORK/after"
