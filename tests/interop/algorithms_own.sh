#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What strongSwan's userspace ESP has not (implicit IVs, GMAC, ESN) between our client and our gateway: up,
# pings, rekeys by either side; what is on the wire by the length of the packets, and with OpenSSL as
# GMAC's reader.
#
#	our client, cpn-client ──┬── gateway ──── cpn-lan
#	                      dumpcap
. "$(dirname "$0")/lib.sh"

DH='dh = ["x25519"];'

# The suites of the gateway's SAs of a kind.
suite()
{
	gateway_json ".[] | select(.kind == \"$1\") | .suite" sa show
}

# Our client with an ESP proposal of its own, at our gateway.
client_row()
{
	local proposal=$1 sa reason
	client_config gateway=192.0.2.1
	echo "esp = { proposals = ( $proposal ); };" >>"$WORK/client.conf"
	capture_start "$WORK/wire.pcapng"
	client_up --config "$WORK/client.conf"
	FOUR=$(interface_address cpn-client cpn0 4)
	check "ping" pings cpn-client $LAN4 -I "$FOUR"
	check "ping back" pings cpn-lan "$FOUR"
	check "the SA for multicast is there, too" wait_for "$PATIENCE" two_children
	for sa in $(sa_names child); do
		check "the gateway rekeys $sa" cli sa rekey "$sa"
	done
	check "it is done" wait_for "$PATIENCE" rekeyed child 2
	for sa in $(client_json '.[] | select(.kind == "child") | .sa' sa show); do
		check "the client rekeys $sa" client_cli sa rekey "$sa"
	done
	check "it is done" wait_for "$PATIENCE" rekeyed child 4
	check "ping, 1200 bytes" pings cpn-client $LAN4 -I "$FOUR" -s 1200
	SUITE=$(suite child | sort -u)
	capture_stop
	for reason in esp-icv esp-padding esp-next-header; do
		check_equal "packets that died in the client, $reason" 0 "$(client_drop_count $reason)"
		check_equal "packets that died in the gateway, $reason" 0 "$(drop_count $reason)"
	done
	"$TESTBED" client --stop
}

two_children()
{
	[ "$(sa_names child | wc -l)" = 2 ]
}

# The length of the ESP packets of 84-byte pings, which are most of the short ones.
ping_length()
{
	tshark -n -r "$WORK/wire.pcapng" -Y 'esp && ip.len < 200' -T fields -e ip.len 2>/dev/null |
		sort | uniq -c | sort -rn | awk '{ print $2; exit }'
}

# The ICV of each packet of an SA of our client is OpenSSL's GMAC over all of it but the ICV; the text
# is there to read. RFC 4543. gmac_good CIPHER
gmac_good()
{
	local n=0 readable=0 spi key packet data iv mac
	while read -r spi packet; do
		# The last one: SPIs come back with each start of the client.
		key=$(grep -i "\"0x$spi\"" "$WORK/keylog/esp_sa" | tail -1 | grep -o '"0x[0-9a-f]*"' | sed -n 2p | tr -d '"')
		key=${key#0x}
		[ -n "$key" ] || { echo "no key of $spi" && return 1; }
		data=${packet:0:-32}
		iv=${key: -8}${data:16:16}
		mac=$(printf %s "$data" | xxd -r -p | openssl mac -cipher "$1" -macopt "hexkey:${key:0:-8}" -macopt "hexiv:$iv" GMAC)
		[ "${mac,,}" = "${packet: -32}" ] || { echo "ICV ${packet: -32}, but OpenSSL says $mac" && return 1; }
		[[ $data != "${data:0:32}4500"* ]] || readable=$((readable + 1))
		n=$((n + 1))
	done < <(esp_packets)
	echo "$n packets, $readable of IPv4"
	[ $n -ge 12 ] && [ $readable -ge 12 ]
}

# "SPI ESP-PACKET" in hex of each ESP packet over IPv4: what is behind the 20 bytes of the IP header.
esp_packets()
{
	tshark -n -r "$WORK/wire.pcapng" -Y 'esp && ip.hdr_len == 20 && !udp' -T jsonraw 2>/dev/null |
		jq -r '.[]._source.layers | .frame_raw[0][68:] | "\(.[0:8]) \(.)"'
}

mkdir -p "$WORK/keylog"
gateway_config "keylog_dir = \"$WORK/keylog\";" \
	"esp = { proposals = ( { encr = [\"aes128gcm16iiv\", \"aes256gcm16iiv\", \"chacha20poly1305iiv\", \"aes128gcm16\"]; $DH }," \
	"{ encr = [\"aes128gmac\", \"aes192gmac\", \"aes256gmac\"]; $DH }, { encr = [\"null\"]; integ = [\"sha384\"]; $DH } ); };"
begin --config "$WORK/gateway.conf"

client_row "{ encr = [\"aes128gcm16\"]; $DH esn = [\"no\"]; }"
check_equal "an IV in the packet" "aes128gcm16 140" "$SUITE $(ping_length)"
for row in "aes128gcm16iiv no" "aes256gcm16iiv yes" "chacha20poly1305iiv yes"; do
	client_row "{ encr = [\"${row% *}\"]; $DH esn = [\"${row#* }\"]; }"
	check_equal "no IV in the packet" "$(echo "$row" | sed 's/ no//; s|  *yes|/esn|') 132" "$SUITE $(ping_length)"
done
for bits in 128 256; do
	client_row "{ encr = [\"aes${bits}gmac\"]; $DH esn = [\"no\"]; }"
	check_equal "the suite" aes${bits}gmac "$SUITE"
	check "OpenSSL makes the same ICV" gmac_good AES-$bits-GCM
done
client_row "{ encr = [\"aes192gmac\"]; $DH esn = [\"yes\"]; }"
check_equal "the suite" aes192gmac/esn "$SUITE"
client_row "{ encr = [\"null\"]; integ = [\"sha384\"]; $DH esn = [\"yes\"]; }"
check_equal "the suite" null-sha384/esn "$SUITE"
