#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L20 L28 L9: the operator's choice. From a stable pool our client and strongSwan get the same each time, also
# after the gateway has lost all that it knew; from a random one another each time. A prefix is one client's:
# neither the gateway nor its kernel has an address of it.
#
#	our client, cpn-client; strongSwan, cpn-far ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
# Links end at once; the global prefixes and the single addresses are random, the others stable.
config()
{
	sed -E -e "s@(\"(2001:db8:1000::/40|2001:db8:2000::/64)\"; lease = [0-9]+;)@\\1 assign = \"random\";@" \
		-e 's|wire = "rfc5739";|& grace = "1s";|' "$ROOT/config/testbed.conf"
	printf '%s\n' "state_dir = \"$1\";"
}
mkdir "$WORK/state"
config "$WORK/state" >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"

none()
{
	check "$1: the links end" wait_for 10 no_link
	rm -f "$RUN/client/"*.json # the client remembers nothing, either
}
# round : what our client has: GLOBAL ULA IPV4
declare -A seen
round()
{
	local got global
	client_up
	got=$(gateway_json '.[0] | [.prefixes[], .addresses[]] | join(" ")' link show)
	global=$(grep -o '2001:db8:[^ ]*' <<<"$got")
	check "$1: a global prefix that it never had, $global" test -z "${seen[$global]:-}"
	seen[$global]=1
	stable_now=$(sed 's/2001:db8:[^ ]* *//' <<<"$got")
	check_equal "$1: the client has just this" "$got" "$(client_json '.[0] | [.prefixes[], .addresses[]?] | join(" ")' link show)"
	check "$1: it works" pings cpn-lan "$(interface_address cpn-client cpn0 6 "${global%::/64}")"
}

round first
stable=$stable_now
prefix=$(client_json '.[0].prefixes[]' link show | grep ^2001)
echo "---- L20: whose addresses they are"
check_equal "addresses of the link's prefixes in the gateway's kernel" "" \
	"$(in_gateway ip -o addr show | grep -E "${prefix%::/64}:|fd00:db8:1|10\.66\.")"
check_equal "or at its ports" "" "$(gateway_json '.[].addresses[]?' port show | grep -E "${prefix%::/64}:|fd00:db8:1|10\.66\.")"
for host in "" 1 "$(gateway_json '.[0].gateway_link_local' link show | cut -d: -f3-)"; do
	check_not "nobody answers at ${prefix%/64}$host" pings cpn-lan "${prefix%::/64}::$host" -W 1
done
"$TESTBED" client --stop
none first
for i in second third fourth; do
	round $i
	check_equal "$i: of the stable pools the same" "$stable" "$stable_now"
	"$TESTBED" client --stop
	none $i
done

echo "---- the gateway forgets everything"
proc_stop gateway-control
rm -rf "$WORK/state"
mkdir "$WORK/state"
"$TESTBED" restart control || fail "control does not start again"
round "pools made anew"
check_equal "of the stable pools the same" "$stable" "$stable_now"
"$TESTBED" client --stop
none again

echo "---- strongSwan, single addresses: IPv6 random, IPv4 stable"
swan()
{
	swan_alice cpn-client 192.0.2.2 192.0.2.1
	swan_stop alice
	rm -rf "$(swan_dir alice)"
	none "$1"
}
swan first
first="$SWAN4 $SWAN6"
swan second
check_equal "the IPv4 address is the same" "${first% *}" "$SWAN4"
check "the IPv6 address is another one" test "${first#* }" != "$SWAN6"
