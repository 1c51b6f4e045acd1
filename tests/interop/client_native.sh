#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# M-D M-C2: our client over IPv4 and IPv6, native ESP and UDP-encapsulated: every inner family, every
# size, and what is on the wire is what was asked for.
#
#	our client, cpn-client ──── ESP or UDP 4500 ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin

for gateway in 192.0.2.1 2001:db8:ff::1; do
	for encap in false true; do
		client_config gateway=$gateway force_encap=$encap
		capture_start "$WORK/wire.pcapng"
		client_up --config "$WORK/client.conf"
		pings_both cpn-client "$(interface_address cpn-client cpn0 4)" \
			"$(interface_address cpn-client cpn0 6 2001:db8:1)"
		capture_stop
		if [ $encap = true ]; then
			check_equal "native ESP packets" 0 "$(packets "$WORK/wire.pcapng" 'esp && !udp')"
			check "ESP in UDP 4500" test "$(packets "$WORK/wire.pcapng" 'esp && udp.port == 4500')" -gt 20
		else
			check_equal "UDP 4500 packets" 0 "$(packets "$WORK/wire.pcapng" 'udp.port == 4500')"
			check "native ESP" test "$(packets "$WORK/wire.pcapng" 'esp && !udp')" -gt 20
		fi
		check_equal "packets that died in the gateway" 0 "$(drop_count)"
		check_equal "packets that died in the client" 0 "$(client_drop_count)"
		"$TESTBED" client --stop
	done
done
