#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L1 L2 L10 L12 L13: our client's link is a real interface with its link-local address and one address
# from each prefix; a further address works with no IKE message; others die; all goes with the link.
#
#	our client, cpn-client: cpn0 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
sed 's|wire = "rfc5739";|& grace = "2s";|' "$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
client_up

link=$(gateway_json '.[0]' link show)
iid=$(jq -r .client_link_local <<<"$link")
addresses()
{
	in_client ip -6 -o addr show dev cpn0 | awk '{ print $4 }'
}
addresses
check "cpn0 has the link-local address of the negotiated interface ID, $iid" grep -q "^$iid/" <(addresses)
mapfile -t prefixes < <(jq -r '.prefixes[]' <<<"$link")
check_equal "prefixes of the link" 2 ${#prefixes[@]}
for prefix in "${prefixes[@]}"; do
	check "cpn0 has an address from $prefix" grep -q "^${prefix%::/64}:" <(addresses)
done
check_equal "global addresses, one for each prefix" 2 "$(addresses | grep -c -v '^fe80')"
check "cpn0 has an IPv4 address of the pool" grep -q '10\.66\.' <(in_client ip -4 addr show dev cpn0)
check_equal "the client knows the same prefixes" "${prefixes[*]}" \
	"$(client_json '.[0].prefixes | join(" ")' link show)"

global=$(interface_address cpn-client cpn0 6 2001:db8:1)
four=$(interface_address cpn-client cpn0 4)
pings_both cpn-client "$four" "$global"
ula=$(interface_address cpn-client cpn0 6 fd00)
check "the second prefix works, too" pings cpn-lan "$ula"
check "the gateway's link-local address answers" \
	pings cpn-client "$(jq -r .gateway_link_local <<<"$link")%cpn0"

# An address that a person adds by hand.
messages=$(stat_count datagrams_in)
in_client ip addr add "${prefixes[0]%/64}1234:5678:9abc/64" dev cpn0 nodad
check "a second address from the prefix works at once" pings cpn-client $LAN6 -I "${prefixes[0]%/64}1234:5678:9abc"
check "it is reached from cpn-lan" pings cpn-lan "${prefixes[0]%/64}1234:5678:9abc"
check_equal "IKE messages that it took" "$messages" "$(stat_count datagrams_in)"

# One that is not of the prefixes dies in the gateway, whatever the client's dataplane lets out.
in_client ip addr add 2001:db8:bad::1/64 dev cpn0 nodad
check_not "an address outside the prefixes gets no answer" pings cpn-client $LAN6 -I 2001:db8:bad::1
died=$(($(drop_count ingress-filter) + $(drop_count sa-selector-in) + $(client_drop_count sa-selector-out)))
check "its packets are counted as drops ($died)" test $died -ge 3

"$TESTBED" client --stop
check_not "the interface goes with the link" ip -n cpn-client link show dev cpn0
check "the gateway keeps the link for a while" test "$(gateway_json '.[0].state' link show)" = grace
check "then it goes" wait_for 10 no_link
check_equal "leases in use" 0 "$(gateway_json '[.[] | .live] | add' pool show)"
