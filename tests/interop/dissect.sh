#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L4 L15 L16 L17 L24 L27: every handshake, decrypted and dissected by tshark with our key logs: nothing
# malformed, nothing unknown, and the link's attributes are what they should be.
#
#	strongSwan, our client ──┬── gateway ──── cpn-lan
#	                      dumpcap
. "$(dirname "$0")/lib.sh"
mkdir "$WORK/keylog"
gateway_config "keylog_dir = \"$WORK/keylog\";"
begin --config "$WORK/gateway.conf"
check "the log says loudly that keys are written" grep -q 'ALL KEYS ARE WRITTEN' "$RUN/logs/gateway-control.log"

for gateway in 192.0.2.1 2001:db8:ff::1; do
	local_address=2001:db8:ff::2
	[ $gateway != 192.0.2.1 ] || local_address=192.0.2.2
	capture_start "$WORK/swan.pcapng"
	swan_alice cpn-client $local_address $gateway
	for kind in child ike; do
		check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
		check "it is done" wait_for 10 rekeyed $kind 1
	done
	check "ping" pings cpn-client $LAN6 -s 1200
	swan_stop alice
	capture_stop
	dissects "strongSwan over $gateway" "$WORK/swan.pcapng"
	esp_authentic "strongSwan over $gateway" "$WORK/swan.pcapng"
	check_equal "strongSwan asks for no link and gets none" 0 \
		"$(count "$WORK/swan.pcapng" 'isakmp.cfg.attr.type == 17 || isakmp.cfg.attr.type == 18')"

	client_config gateway=$gateway
	capture_start "$WORK/ours.pcapng"
	client_up --config "$WORK/client.conf"
	link=$(gateway_json '.[] | select(.state == "up")' link show)
	for kind in child ike; do
		check "the gateway rekeys the $kind SA" cli sa rekey "$(first_sa cli $kind)"
		check "it is done" wait_for 10 rekeyed $kind 1
	done
	check "the client rekeys the child SA" client_cli sa rekey "$(first_sa client_cli child)"
	check "it is done" wait_for 10 rekeyed child 2
	check "ping" pings cpn-client $LAN6 -s 1200
	"$TESTBED" client --stop
	capture_stop
	dissects "our client over $gateway" "$WORK/ours.pcapng"

	# What RFC 5739 put on the wire, as an independent dissector reads it.
	check "the request has INTERNAL_IP6_LINK, INTERNAL_IP6_ADDRESS, INTERNAL_IP6_DHCP" \
		has_attributes "$WORK/ours.pcapng" 1 17 8 12
	check "the answer has INTERNAL_IP6_LINK and INTERNAL_IP6_PREFIX" has_attributes "$WORK/ours.pcapng" 2 17 18
	check "the domain (INTERNAL_DNS_DOMAIN, 25) is in it" \
		grep -q "$(printf %s corp.example.org | od -An -v -tx1 | tr -d ' \n')" <(shark "$WORK/ours.pcapng" -Y 'isakmp.cfg.attr.type == 25' -T fields -e isakmp.cfg.attr.value)
	check "L17: no INTERNAL_IP6_ADDRESS is in the answer" \
		test "$(count "$WORK/ours.pcapng" 'isakmp.cfg.type == 2 && isakmp.cfg.attr.type == 8')" = 0
	check "LINK_ID (16414) in the rekeys of the child SA" \
		test "$(count "$WORK/ours.pcapng" 'isakmp.exchangetype == 36 && isakmp.notify.msgtype == 16414')" -ge 2
	check "never in a response" \
		test "$(count "$WORK/ours.pcapng" 'isakmp.exchangetype == 36 && isakmp.flag_r == 1 && isakmp.notify.msgtype == 16414')" = 0
	check_equal "duplicate address detection in the tunnel" 0 \
		"$(count "$WORK/ours.pcapng" 'esp && icmpv6.type == 135 && ipv6.src == ::')"
	link_id=$(jq -r .link_id <<<"$link")
	check "the Link ID is $link_id" grep -q -i "$link_id" <(details "$WORK/ours.pcapng" | tr -d ':')
done
