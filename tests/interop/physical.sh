#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L8 L24: one IKE SA, two interfaces. At once between the same two peers: an SA of the link, a second SA of
# the link on other selectors, and SAs of the physical interface; the counters of each prove which one
# carried what. And the example at the end of the draft's section 5.5: for fe80:: selectors joe.user is
# refused without LINK_ID and served with it; the neighbouring router is served without.
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
OTHER6=2001:db8:aaaa::11
ip -n cpn-lan addr add $OTHER6/64 dev lan nodad

# Our client's child SA with this remote selector, and jq's FILTER of its row: child SELECTOR FILTER
child()
{
	client_json "[.[] | select(.kind == \"child\" and ([.remote_ts] | flatten | index(\"$1\")))] | .[0] | $2" sa show
}

children()
{
	[ "$(client_json '[.[] | select(.kind == "child")] | length' sa show)" = "$1" ]
}

# "first second physical": packets that the client has sent in each.
sent()
{
	echo "$(child ::/0 .out_pkts) $(child $LAN6/128 .out_pkts) $(child 10.20.0.0/24 .out_pkts)"
}

# carried WHAT COLUMN COMMAND... : what the command sends goes through this SA and through no other.
carried()
{
	local what=$1 column=$2 before after i
	shift 2
	read -ra before <<<"$(sent)"
	check "$what" "$@"
	read -ra after <<<"$(sent)"
	for i in 0 1 2; do
		if [ $i -eq "$column" ]; then
			check "$what: in the SA that it is for" test $((after[i] - before[i])) -ge 3
		elif [ $i -gt 0 ]; then # beside the pings, the host's kernel solicits and reports in the first
			check_equal "$what: packets in SA $i" 0 $((after[i] - before[i]))
		fi
	done
}

all_carried()
{
	carried "$1, through the first SA of the link" 0 pings cpn-client $OTHER6
	carried "$1, through the second SA of the link" 1 pings cpn-client $LAN6
	carried "$1, through the SA of the physical interface" 2 pings cpn-client $LAN4 -I 192.0.2.2
}

second='{ name = "second"; remote = ["2001:db8:aaaa::10"]; }'
physical='{ name = "physical"; link = false; local = ["192.0.2.2"]; remote = ["10.20.0.0/24"]; }'
routing='{ name = "routing"; link = false; local = ["fe80::/64"]; remote = ["fe80::/64"]; }'
client_config id=host@nbr.example.org secret=profiles-secret ipv4=false multicast=false children="( $second, $physical, $routing )"
capture_start "$WORK/nbr.pcapng"
client_up --config "$WORK/client.conf"
check "four child SAs on one IKE SA" wait_for 10 children 4
check_equal "one IKE SA" 1 "$(sa_names ike | wc -l)"
check_equal "four child SAs in the gateway" 4 "$(sa_names child | wc -l)"
all_carried "after the handshake"
check "cpn-lan to the physical address, through its SA" pings cpn-lan 192.0.2.2

for sa in $(sa_names child); do
	check "the gateway rekeys $sa" cli sa rekey "$sa"
done
check "each has new keys" wait_for 10 rekeyed child 4
all_carried "after rekeys by the gateway"
for sa in $(client_json '.[] | select(.kind == "child") | .sa' sa show); do
	check "the client rekeys $sa" client_cli sa rekey "$sa"
done
check "each has new keys" wait_for 10 rekeyed child 8
all_carried "after rekeys by the client"
# shellcheck disable=SC2119 # of all reasons
check_equal "packets lost in the gateway" 0 "$(drop_count)"
"$TESTBED" client --stop
capture_stop
dissects "the neighbouring router" "$WORK/nbr.pcapng"

# Requests for child SAs, new ones and rekeys, with LINK_ID and without.
requests()
{
	count "$1" "isakmp.exchangetype == 36 && isakmp.flag_r == 0 && isakmp.typepayload == 44 && $2"
}
with_id='isakmp.notify.msgtype == 16414'
without_id='!(isakmp.notify.msgtype == 16414)'
rekey='isakmp.notify.msgtype == 16393'
check_equal "requests with LINK_ID: one child SA, two rekeyed twice" 5 "$(requests "$WORK/nbr.pcapng" "$with_id")"
check_equal "of these, rekeys" 4 "$(requests "$WORK/nbr.pcapng" "$with_id && $rekey")"
check_equal "requests without: two child SAs, each rekeyed twice" 6 "$(requests "$WORK/nbr.pcapng" "$without_id")"
check_equal "of these, rekeys" 4 "$(requests "$WORK/nbr.pcapng" "$without_id && $rekey")"
check_equal "LINK_ID in a response" 0 \
	"$(count "$WORK/nbr.pcapng" "isakmp.exchangetype == 36 && isakmp.flag_r == 1 && $with_id")"
check_equal "TS_UNACCEPTABLE, for nobody" 0 "$(count "$WORK/nbr.pcapng" 'isakmp.notify.msgtype == 38')"

# joe.user, whose PAD entry says nothing of the physical interface.
without='{ name = "without"; link = false; local = ["fe80::/64"]; remote = ["::/0"]; }'
with='{ name = "with"; local = ["fe80::/64"]; remote = ["fe80::/64"]; }'
client_config id=joe.user@p1.example.org secret=profiles-secret ipv4=false multicast=false children="( $without, $with )"
capture_start "$WORK/joe.pcapng"
client_up --config "$WORK/client.conf"
check "the one with LINK_ID comes up" wait_for 10 children 2
check "the client is told why the other one does not" wait_for 5 \
	grep -q 'child SA refused by the peer: TS_UNACCEPTABLE' "$RUN/logs/client-control.log"
own=$(client_json '.[] | select(.kind == "child") | [.local_ts] | flatten | select(length == 1) | .[0]' sa show)
check_equal "it is for joe's own link-local address" "$(ip -n cpn-client -o -6 addr show dev cpn0 scope link |
	awk '{ sub("/.*", "/128", $4); print $4 }' | head -1)" "$own"
check "the link works" pings cpn-client $LAN6
"$TESTBED" client --stop
capture_stop
dissects "joe.user" "$WORK/joe.pcapng"
refused=$(shark "$WORK/joe.pcapng" -Y 'isakmp.exchangetype == 36 && isakmp.flag_r == 1 && isakmp.notify.msgtype == 38' \
	-T fields -e isakmp.messageid)
check_equal "one request is refused with TS_UNACCEPTABLE" 1 "$(wc -w <<<"$refused")"
check_equal "the one without LINK_ID" 1 "$(requests "$WORK/joe.pcapng" "isakmp.messageid == $refused && $without_id")"
check_equal "the only one without" 1 "$(requests "$WORK/joe.pcapng" "$without_id")"
check_equal "the gateway counts it" 1 "$(gateway_json '[.[] | select(.name == "ts_unacceptable") | .value] | add' stats show all)"
