#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L7 L20 L21: `link renumber` gives a link what its profile says by now, in the middle of traffic: the peer is
# made to authenticate again (AUTH_LIFETIME, RFC 4478). Our client keeps the prefix that stays, with a TCP
# transfer on it; strongSwan comes back for addresses; with `fresh` everything is another one.
#
#	our client, cpn-client ───────────┐
#	strongSwan alice, cpn-far ── router ── gateway ── cpn-lan
. "$(dirname "$0")/lib.sh"
config=$WORK/gateway.conf
sed -E 's|^pools = \(|&\n\t{ name = "other"; prefix = "2001:db8:1100::/40"; lease = 64; },|' \
	"$ROOT/config/testbed.conf" >"$config"
begin --config "$config"
proc_start monitor cpn-gw "$(program caponier)" -r "$RUN" monitor --json
client_up
swan_alice cpn-far 198.51.100.2 192.0.2.1

prefixes()
{
	gateway_json '.[0].prefixes | sort | join(" ")' link show bob@example.org
}
# prefix_of 2001:db8:10 : the one of the link that begins so
prefix_of()
{
	gateway_json '.[0].prefixes[]' link show bob@example.org | grep -m 1 "^$1"
}
before=$(prefixes)
kept=$(prefix_of fd00)
old=$(prefix_of 2001:db8:10)
link=$(gateway_json '.[0].link' link show bob@example.org)

# The profile takes its prefixes from another pool; nothing happens to links that are there.
sed -i 's|prefix_pools = \["global", "ula"\]|prefix_pools = ["other", "ula"]|' "$config"
check "the profile has another pool" cli config reload
check_equal "the link is as it was" "$before" "$(prefixes)"

source=$(interface_address cpn-client cpn0 6 fd00)
in_client iperf3 -c $LAN6 -B "$source" -t 20 -J >"$WORK/tcp.json" &
transfer=$!
sleep 2
rx=$(drop_count)
check "link renumber" cli link renumber bob@example.org
renumbered()
{
	[ -n "$(prefix_of 2001:db8:11)" ] && [ -z "$(prefix_of "$old")" ]
}
check "the link has a prefix of the other pool, and the old one no more" wait_for 20 renumbered
check_equal "it kept the one of the other pool" "$kept" "$(prefix_of fd00)"
check_equal "it is the same link" "$link" "$(gateway_json '.[0].link' link show bob@example.org)"
new_address()
{
	interface_address cpn-client cpn0 6 2001:db8:11
}
check "the client's interface has an address of it" wait_for 10 new_address
check "it works" pings cpn-client $LAN6 -I "$(new_address)"
check_not "the old address is gone" interface_address cpn-client cpn0 6 2001:db8:10
wait $transfer || fail "iperf3: $(jq -r .error "$WORK/tcp.json")"
check "TCP on the kept prefix went on: $(jq '.end.sum_received.bytes' "$WORK/tcp.json") bytes" \
	jq -e 'all(.intervals[]; .sum.bytes > 0)' "$WORK/tcp.json"
check_equal "packets that died in the gateway meanwhile" "$rx" "$(drop_count)"

# fresh: nothing of what it had.
before=$(prefixes)
check "link renumber fresh" cli link renumber bob@example.org fresh
all_other()
{
	local now prefix
	now=$(prefixes)
	[ "$(wc -w <<<"$now")" = 2 ] || return
	for prefix in $before; do
		[[ $now != *"$prefix"* ]] || return
	done
}
check "all prefixes are other ones" wait_for 20 all_other
client_has()
{
	[ "$(client_json '.[0].prefixes | sort | join(" ")' link show)" = "$(prefixes)" ]
}
check "the client has them" wait_for 10 client_has
check "they work" wait_for 10 pings cpn-client $LAN6 -c 1
check_equal "it is the same link still" "$link" "$(gateway_json '.[0].link' link show bob@example.org)"

# strongSwan has addresses, and knows AUTH_LIFETIME too.
check "strongSwan: link renumber fresh" cli link renumber alice@example.org fresh
swan_moved()
{
	local now
	now=$(swan_addresses alice | grep -m 1 '\.')
	[ -n "$now" ] && [ "$now" != "$SWAN4" ] &&
		[ "$(gateway_json '.[0].addresses[0]' link show alice@example.org)" = "$now" ]
}
check "it has another IPv4 address" wait_for 30 swan_moved
check "which works" wait_for 10 pings cpn-far $LAN4 -I "$(swan_addresses alice | grep -m 1 '\.')" -c 1

check "link renumber all" cli link renumber all
cli link renumber nobody@example.org >"$WORK/out" 2>"$WORK/err"
check_equal "a link that is not there: exit status" 1 $?
check_equal "leases in use: two prefixes, two IPv4 addresses, one IPv6" 5 \
	"$(sleep 8 && gateway_json '[.[] | .live] | add' pool show)"

events=$RUN/logs/monitor.log
# event NAME PREFIX : the link got it, or lost it
event()
{
	jq -e -s --arg event "$1" --arg prefix "$2" \
		'any(.[]; .event == $event and .identity == "bob@example.org" and .prefix == $prefix)' "$events"
}
check "monitor says that $old left" event link-prefix-del "$old"
for prefix in $(prefixes); do
	check "monitor says that $prefix came" event link-prefix-add "$prefix"
done
