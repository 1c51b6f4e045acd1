#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L14 L20: two hosts of one user, with the same identity and secret, at once: two links with prefixes of
# their own. One goes, the other stays.
#
#	our client, cpn-client ──┐
#	our client, cpn-far ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
begin
client_up
far_config gateway=2001:db8:ff::1
client_up --config "$WORK/client.conf" --namespace cpn-far

check_equal "links" 2 "$(gateway_json '[.[] | select(.state == "up")] | length' link show)"
check_equal "identities" 1 "$(gateway_json '[.[] | .identity] | unique | length' link show)"
check_equal "Link IDs" 2 "$(gateway_json '[.[] | .link_id] | unique | length' link show)"
check_equal "prefixes, all different" 4 "$(gateway_json '[.[] | .prefixes[]] | unique | length' link show)"
for namespace in cpn-client cpn-far; do
	pings_both $namespace "$(interface_address $namespace cpn0 4)" \
		"$(interface_address $namespace cpn0 6 2001:db8:1)"
done
first=$(interface_address cpn-client cpn0 6 2001:db8:1)
second=$(interface_address cpn-far cpn0 6 2001:db8:1)
check "from one host to the other, through both tunnels" pings cpn-client "$second" -I "$first"
"$TESTBED" client --namespace cpn-far --stop
check "the other host's link stays" pings cpn-lan "$first"
check_equal "links that are up" 1 "$(gateway_json '[.[] | select(.state == "up")] | length' link show)"
