#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L7 L21: reauthentication of strongSwan, make before break, begun by itself and by the gateway's
# AUTH_LIFETIME (RFC 4478): it keeps its virtual addresses, and one IKE SA is left each time.
#
#	strongSwan, cpn-client ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
sed '/^profiles/,/^);/ s/name = "link";/&\n\t\treauth = "65s";/' "$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
# shellcheck disable=SC2034 # for swan.sh
SWAN_MAKE_BEFORE_BREAK=yes SWAN_IKE_OVER=10s
swan_alice cpn-client 192.0.2.2 192.0.2.1

vips()
{
	swan_addresses alice | sort -u | tr '\n' ' '
}

# another_than SA : the gateway has one IKE SA with a child SA, and not this one.
another_than()
{
	local sas
	sas=$(sa_names ike)
	[ -n "$sas" ] && [ "$(wc -l <<<"$sas")" = 1 ] && [ "$sas" != "$1" ] &&
		[ "$(sa_names child | wc -l)" = 1 ]
}

# the_same WHAT : after a reauthentication.
the_same()
{
	check_equal "$1: virtual addresses" "$before" "$(vips)"
	check_equal "$1: links" 1 "$(gateway_json length link show)"
	check "$1: IPv4 passes" pings cpn-client $LAN4 -I "$SWAN4"
	check "$1: IPv6 passes" pings cpn-client $LAN6 -I "$SWAN6"
}

before=$(vips)
started=$SECONDS
for i in 1 2 3; do
	sa=$(sa_names ike)
	stream_start six cpn-client $LAN6
	check "strongSwan reauthenticates, $i" swan_ctl alice --rekey --ike home --reauth
	check "another IKE SA, and the old one is gone" wait_for 20 another_than "$sa"
	echo "pings lost: $(stream_stop six)"
	the_same "by strongSwan, $i"
done
sa=$(sa_names ike)
check "the gateway's AUTH_LIFETIME is read" grep -q 'received AUTH_LIFETIME of 65s' "$(swan_dir alice)/charon.log"
stream_start six cpn-client $LAN6
check "and brings strongSwan back in time" wait_for 80 another_than "$sa"
echo "pings lost: $(stream_stop six)"
the_same "by the gateway, after $((SECONDS - started)) s"
check_equal "nothing was deleted for want of it" 0 \
	"$(grep -c 'not authenticated again in time' "$RUN/logs/gateway-control.log")"
check_equal "packets that died in the gateway" 0 "$(drop_count)"
