#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# P1 L2 L15 L17 L18 L19 L20 L24 L27: what tshark, with our keys, reads in a link's handshake and rekeys, value by
# value, against what both ends say of the link: INTERNAL_IP6_LINK, INTERNAL_IP6_PREFIX, LINK_ID, selectors.
#
#	our client ──┬── gateway ──── cpn-lan
#	          dumpcap
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
{
	cat "$ROOT/config/testbed-profiles.conf"
	echo "keylog_dir = \"$WORK/keylog\";"
} >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"

client_config id=joe@p1.example.org secret=profiles-secret interface_id=::200:0:0:55 ipv6_address=true multicast=false
capture_start "$WORK/link.pcapng"
client_up --config "$WORK/client.conf"
link=$(gateway_json '.[0]' link show)
check "ping" pings cpn-client $LAN6
for kind in child ike child; do
	before=$(sa_rekeys $kind)
	check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
	check "it is done" wait_for 10 rekeyed $kind $((before + 1))
	check "the client rekeys the $kind SA" client_cli sa rekey \
		"$(client_json ".[] | select(.kind == \"$kind\") | .sa" sa show)"
	check "it is done" wait_for 10 rekeyed $kind $((before + 2))
done
check "ping" pings cpn-client $LAN6
check_equal "L2 L21: the prefixes are what they were" "$(jq -c .prefixes <<<"$link")" "$(gateway_json '.[0].prefixes | tostring' link show)"
capture_stop
dissects "the link" "$WORK/link.pcapng"

# field FILTER NAME : values of a field in the messages that match, one line for each message
field()
{
	shark "$WORK/link.pcapng" -Y "isakmp && $1" -T fields -e "isakmp.$2" -E aggregator=' ' | sed 's/<MISSING>//g'
}
asked='isakmp.exchangetype == 35 && isakmp.flag_r == 0'
answered='isakmp.exchangetype == 35 && isakmp.flag_r == 1'
iid()
{
	printf '%u\n' "0x$(ip_hex "$1" | cut -c17-)"
}
ip_hex()
{
	python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).packed.hex())' "$1"
}

echo "---- L15: the request"
check_equal "INTERNAL_IP6_LINK has the client's interface ID" "$((0x0200000000000055))" "$(field "$asked" cfg.attr.internal_ip6_link_interface)"
check_equal "and no Link ID" "" "$(field "$asked" cfg.attr.internal_ip6_link_id)"
check "INTERNAL_IP6_ADDRESS, in case there are no links, and INTERNAL_IP6_DHCP" \
	has_attributes "$WORK/link.pcapng" 1 17 8 12
for side in start:'::' end:'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'; do
	check_equal "TSi and TSr are open, ${side%%:*}" "${side#*:} ${side#*:}" "$(field "$asked" "ts.${side%%:*}_ipv6")"
done
check_equal "for IPv4, too" "0.0.0.0 0.0.0.0 255.255.255.255 255.255.255.255" \
	"$(field "$asked" ts.start_ipv4) $(field "$asked" ts.end_ipv4)"

echo "---- L17 L18 L27: the answer"
check_equal "INTERNAL_IP6_LINK has the gateway's own interface ID" "$(iid "$(jq -r .gateway_link_local <<<"$link")")" \
	"$(field "$answered" cfg.attr.internal_ip6_link_interface)"
check_equal "the client knows the gateway by it" "$(jq -r .gateway_link_local <<<"$link")" \
	"$(client_json '.[0].gateway_link_local' link show)"
check "it is not the client's" test "$(jq -r .gateway_link_local <<<"$link")" != "$(jq -r .client_link_local <<<"$link")"
check_equal "its Link ID" "$(jq -r .link_id <<<"$link")" "$(field "$answered" cfg.attr.internal_ip6_link_id)"
check_equal "that is the client's, too" "$(jq -r .link_id <<<"$link")" "$(client_json '.[0].link_id' link show)"
check_equal "INTERNAL_IP6_PREFIX, L2" "$(jq -r '.prefixes | map(sub("/64"; "")) | join(" ")' <<<"$link")" \
	"$(field "$answered" cfg.attr.internal_ip6_prefix_ip)"
check_equal "lengths of them" "64 64" "$(field "$answered" cfg.attr.internal_ip6_prefix_length)"
check_equal "octets of INTERNAL_IP6_LINK and INTERNAL_IP6_PREFIX: 8 and 16, 17 each" "24 17 17" \
	"$(paste -d' ' <(field "$answered" cfg.attr.type | tr ' ' '\n') <(field "$answered" cfg.attr.length | tr ' ' '\n') |
		awk '$1 == 17 || $1 == 18 { print $2 }' | paste -sd' ')"
check_equal "L17: INTERNAL_IP6_ADDRESS in the answer" "" "$(field "$answered" cfg.attr.internal_ip6_address)"
check_equal "the reserved bit of any attribute" "" "$(field 'isakmp.cfg.attr.format == 1' cfg.attr.type)"

echo "---- L19: selectors"
lows="$(jq -r '[.client_link_local, (.prefixes[] | sub("/64"; ""))] | join(" ")' <<<"$link")"
highs="$(jq -r '[.client_link_local, (.prefixes[] | sub("::/64"; ":ffff:ffff:ffff:ffff"))] | join(" ")' <<<"$link")"
check_equal "where they begin, TSi and TSr" "$lows ::" "$(field "$answered" ts.start_ipv6)"
check_equal "where they end" "$highs ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" "$(field "$answered" ts.end_ipv6)"
check_equal "IPv4" "$(jq -r '.addresses[0]' <<<"$link") 0.0.0.0" "$(field "$answered" ts.start_ipv4)"
check_equal "how many" "$((1 + 2 + 1)) 2" "$(field "$answered" ts.number)"
check_equal "the client has installed the same" "$(gateway_json '.[] | select(.kind == "child") | .remote_ts | sort | join(" ")' sa show)" \
	"$(client_json '.[] | select(.kind == "child") | .local_ts | sort | join(" ")' sa show)"

echo "---- L24 L27: LINK_ID"
rekey='isakmp.exchangetype == 36 && isakmp.flag_r == 0 && isakmp.typepayload == 44'
check_equal "requests that are about child SAs: two rekeys of each side" 4 "$(field "$rekey" messageid | wc -l)"
with='isakmp.notify.msgtype == 16414'
check_equal "of these, with LINK_ID" 4 "$(field "$rekey && $with" messageid | wc -l)"
check_equal "of these, from the gateway" 2 \
	"$(field "$rekey && $with && (ip.src == 192.0.2.1 || ipv6.src == 2001:db8:ff::1)" messageid | wc -l)"
check_equal "its value" "$(jq -r .link_id <<<"$link")" "$(field "$rekey && $with" notify.data | tr ' ,' '\n\n' | grep . | sort -u)"
# With the fields of REKEY_SA beside it, of protocol ESP with an SPI of 4 octets.
check_equal "notify, protocol, SPI size" "16393 3 4 16414 0 0" "$(details "$WORK/link.pcapng" | awk '
	/Payload: Notify/ { notify = 1 }
	notify && /Protocol ID:/ { protocol = $NF }
	notify && /SPI Size:/ { size = $NF }
	notify && /Notify Message Type:.*\((16414|16393)\)/ { print $NF, protocol, size; notify = 0 }' | tr -d '()' | sort -u | paste -sd' ')"
check_equal "LINK_ID in an answer" 0 "$(field "isakmp.flag_r == 1 && $with" messageid | wc -l)"
check_equal "rekeys of the IKE SA, one of each side" 2 \
	"$(field 'isakmp.exchangetype == 36 && isakmp.flag_r == 0 && !(isakmp.typepayload == 44)' messageid | wc -l)"
check_equal "LINK_ID in one" 0 \
	"$(field "isakmp.exchangetype == 36 && !(isakmp.typepayload == 44) && $with" messageid | wc -l)"
