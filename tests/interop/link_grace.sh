#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L13 L20: a link's prefixes and addresses are its own as long as an IKE SA uses it and for the grace time
# behind that, then they are anybody's; nobody answers on them meanwhile. When the gateway ends a link, the
# client's interface goes with it.
#
#	our client, cpn-client, one identity after the other ──── gateway with one prefix and one address to give
. "$(dirname "$0")/lib.sh"
sed -E -e 's|"2001:db8:1000::/40"; lease = 64;|"2001:db8:1000::/64"; lease = 64; assign = "random";|' \
	-e 's|"fd00:db8:1000::/40"|"fd00:db8:1000::/56"|' \
	-e 's|"10.66.0.0/16"; lease = 32;|"10.66.0.9/32"; lease = 32; assign = "random";|' \
	-e 's|wire = "rfc5739";|& grace = "8s";|' "$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
begin --config "$WORK/gateway.conf"
client_up
own=$(interface_address cpn-client cpn0 6 2001:db8:1000)
check "the one prefix works" pings cpn-lan "$own"

live()
{
	gateway_json "[.[] | select(.pool == \"$1\") | .live] | add" pool show
}
check_equal "prefixes and addresses in use" "1 1" "$(live global) $(live v4)"
"$TESTBED" client --stop
down_at=$SECONDS
check_equal "no IKE SA: the link waits" grace "$(gateway_json '.[0].state' link show)"
check_not "the client's interface has gone" ip -n cpn-client link show dev cpn0
check_equal "prefixes and addresses in use" "1 1" "$(live global) $(live v4)"
check_not "L20: nobody answers at the client's address" pings cpn-lan "$own" -W 1
check_not "nor at the prefix's first" pings cpn-lan 2001:db8:1000::1 -W 1
check_not "nor at its routers' anycast address" pings cpn-lan 2001:db8:1000:: -W 1
check_not "nor at the IPv4 address" pings cpn-lan 10.66.0.9 -W 1

# Somebody else, in the meantime: what the first one had is not to be had.
client_config id=u1@load.example.org secret=load-secret
client_up --config "$WORK/client.conf"
check "still in the grace time" test $((SECONDS - down_at)) -lt 8
check_equal "another client gets what is left" 0 "$(client_json '.[0].prefixes[]' link show | grep -c ^2001)"
"$TESTBED" client --stop
first_gone()
{
	[ -z "$(gateway_json '.[] | select(.identity == "bob@example.org")' link show)" ]
}
check "the first link goes, after its grace time" wait_for 12 first_gone
check "not before" test $((SECONDS - down_at)) -ge 7
client_config id=u2@load.example.org secret=load-secret
client_up --config "$WORK/client.conf"
check_equal "then the next client gets what it had" 2001:db8:1000::/64 "$(client_json '.[0].prefixes[]' link show | grep ^2001)"
check "it works" pings cpn-lan "$(interface_address cpn-client cpn0 6 2001:db8:1000)"

# The operator ends the link: nothing waits, the interface goes, and the client begins anew.
proc_start watch cpn-client ip monitor link
link_id=$(gateway_json '.[] | select(.state == "up") | .link_id' link show)
check "the gateway ends the link" cli link terminate "$(gateway_json '.[] | select(.state == "up") | .link' link show)"
check "the client's interface goes" wait_for 10 grep -q '^Deleted .* cpn0:' "$RUN/logs/watch.log"
ended()
{
	[ -z "$(gateway_json ".[] | select(.link_id == \"$link_id\")" link show)" ]
}
check "the link has gone, without grace time" wait_for 3 ended
check "the client has another one" wait_for 20 client_is_up
