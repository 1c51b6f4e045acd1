#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# I5: our client's request is larger than the path takes. Where routers may say so it is cut at once, where
# they may not it is cut when no answer comes.
#
#	our client, cpn-far ──── cpn-router (MTU 1280, with and without ICMPv6) ──── gateway
. "$(dirname "$0")/lib.sh"

# Long names and many proposals make IKE_AUTH larger than 1280 bytes.
name=$(printf 'x%.0s' {1..235})@example.org
gateway=$(printf 'y%.0s' {1..240}).example.org
sed -e "s|{ name = \"alice\"|{ name = \"long\"; id = \"$name\"; secret = \"long-secret\"; profile = \"link\"; },\n\t\t&|" \
	-e "s|id = \"gw.example.org\"|id = \"$gateway\"|" "$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"

many_proposals()
{
	local i integ='"sha256", "sha384", "sha512"'
	echo '{ encr = ["aes128gcm16"]; esn = ["yes"]; }'
	for ((i = 2; i <= 8; i++)); do
		echo ", { encr = [\"aes128cbc\", \"aes256cbc\"]; integ = [$integ]; esn = [\"yes\", \"no\"]; }"
	done
}

client_stat()
{
	client_json "[.[] | select(.name == \"$1\") | .value] | add // 0" stats show all
}

far_config gateway=2001:db8:ff::1 "id=$name" secret=long-secret
printf 'ike = { fragment_size = 1500; };\nesp = { proposals = ( %s ); };\n' "$(many_proposals)" >>"$WORK/client.conf"
sed -i "s|gateway_id = .*|gateway_id = \"$gateway\";|" "$WORK/client.conf"

for path in "mtu 1280" "mtu 1280 noicmp"; do
	# shellcheck disable=SC2086 # several words
	"$TESTBED" path $path
	client_up --config "$WORK/client.conf" --namespace cpn-far
	check "$path: the request went in fragments" test "$(client_stat fragments_out)" -ge 2
	check "$path: the gateway put it together" test "$(stat_count fragments_in)" -ge 2
	check "$path: IPv6 passes" pings cpn-far $LAN6
	if [[ $path == *noicmp ]]; then
		check_equal "$path: nobody said why" 0 "$(client_stat too_big_in)"
		check "$path: it was sent again" test "$(client_stat retransmits_out)" -ge 1
	else
		check_equal "$path: a router said why" 1 "$(client_stat too_big_in)"
		check_equal "$path: nothing had to be sent again" 0 "$(client_stat retransmits_out)"
	fi
	"$TESTBED" client --namespace cpn-far --stop
done
