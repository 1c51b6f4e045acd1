# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every interop test shares. A test sources this, calls `begin`, and then a list of `check`s; the
# first that does not hold ends it with logs, statistics and drops. Exit 77: skipped.

set -uo pipefail
# shellcheck source=../../scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/swan.sh
. "$ROOT/scripts/lib/swan.sh"

TESTBED=$ROOT/scripts/testbed
# Files of this test: captures, configurations. Gone when it passes.
WORK=${INTEROP_WORK:-$ROOT/tests/interop/work}/$(basename "$0" .sh)
rm -rf "$WORK"
mkdir -p "$WORK"
export LC_ALL=C

# shellcheck disable=SC2034 # used by tests
LAN4=10.20.0.10 LAN6=2001:db8:aaaa::10

# begin [ARGUMENT of testbed up]... : a fresh testbed, taken down again however the test ends.
begin()
{
	alone
	"$TESTBED" up "$@" || exit 1
}

# Whatever testbed there is from now on is this test's, to be taken down when it ends; another's is left
# in peace.
alone()
{
	[ ! -e "$RUN" ] || fail "a testbed is up already: scripts/testbed down"
	trap finish EXIT
	trap 'exit 1' INT TERM
}

finish()
{
	local status=$?
	trap - EXIT
	if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -d "$RUN" ]; then
		evidence
	fi
	[ ! -d "$RUN/pids" ] || daemons_end || status=1
	[ ! -e "$RUN" ] || "$TESTBED" down
	[ $status -ne 0 ] || rm -rf "$WORK"
	exit $status
}

# A daemon that is gone, or a report of a sanitizer (leaks come as it ends), is a failure whatever the
# checks said.
daemons_end()
{
	local file name good=0
	for file in "$RUN/pids/"*-control "$RUN/pids/"*-dataplane; do
		[ -e "$file" ] || continue
		name=$(basename "$file")
		if ! proc_pid "$name" >/dev/null; then
			echo "FAIL: $name has gone; the end of its log:"
			tail -40 "$RUN/logs/$name.log"
			good=1
		fi
		proc_stop "$name"
	done
	if grep -l -E 'ERROR: (Address|Leak|Undefined)|runtime error:|Assertion .* failed' "$RUN/logs/"*.log; then
		echo "FAIL: a sanitizer complains, or an assertion does not hold:"
		grep -h -A 40 -E 'ERROR: (Address|Leak|Undefined)|runtime error:|Assertion .* failed' "$RUN/logs/"*.log | head -80
		good=1
	fi
	return $good
}

# What an engineer wants to see first.
evidence()
{
	echo "---- status"
	"$TESTBED" status 2>&1 | head -40
	for instance in "$RUN" "$RUN/client" "$RUN"/client-*; do
		[ -S "$instance/admin.sock" ] || continue
		for what in "sa show" "drops show" "stats show"; do
			echo "---- $instance: $what"
			# shellcheck disable=SC2086 # noun and verb
			timeout 5 "$(program caponier)" -r "$instance" $what 2>&1 | head -60
		done
	done
	for log in "$RUN/logs/"*.log "$RUN/swan-"*/charon.log; do
		[[ -s $log && $log != */stream-* ]] || continue
		echo "---- $log (end)"
		tail -n 60 "$log"
	done
}

fail()
{
	echo "FAIL: $*"
	exit 1
}

skip()
{
	echo "skipped: $*"
	exit 77
}

# check WHAT COMMAND... : the command must succeed.
check()
{
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "ok: $what"
	else
		echo "$out" | tail -20
		fail "$what"
	fi
}

# check_not WHAT COMMAND... : the command must fail, and not by a signal or for want of it.
check_not()
{
	local what=$1 status
	shift
	"$@" >"$WORK/check_not.out" 2>&1
	status=$?
	if [ $status -eq 0 ] || [ $status -ge 126 ]; then
		fail "$what"
	fi
	echo "ok: $what"
}

# check_equal WHAT EXPECTED ACTUAL
check_equal()
{
	[ "$2" = "$3" ] || fail "$1: expected \"$2\", have \"$3\""
	echo "ok: $1 ($3)"
}

in_client()
{
	ip netns exec cpn-client "$@"
}

in_far()
{
	ip netns exec cpn-far "$@"
}

in_lan()
{
	ip netns exec cpn-lan "$@"
}

# The gateway's CLI, and the client's.
cli()
{
	timeout 20 "$(program caponier)" -r "$RUN" "$@"
}

client_cli()
{
	timeout 20 "$(program caponier)" -r "${CLIENT_RUN:-$RUN/client}" "$@"
}

# jq over the answer of one of them: gateway_json FILTER NOUN VERB...
gateway_json()
{
	local filter=$1
	shift
	cli --json "$@" | jq -r "$filter"
}

client_json()
{
	local filter=$1
	shift
	client_cli --json "$@" | jq -r "$filter"
}

# Packets that died for a reason, or for any that is a loss. Not losses: what was answered with a
# too-big, what belongs to the host's kernel, keepalives, dummies, noise of the network, and what
# came for control (a host's MLD, say) before that was there.
no_loss='"too-big", "host", "natt-keepalive", "esp-dummy", "clear-on-outer", "not-ours", "no-group", "scope", "not-ip", "icmp-error-in", "punt-no-control"'

# drop_count [REASON]: in the gateway.
drop_count()
{
	gateway_json "[.[] | select(\"${1:-}\" == .reason or (\"${1:-}\" == \"\" and
		(.reason | IN($no_loss) | not))) | .pkts] | add // 0" drops show
}

client_drop_count()
{
	client_json "[.[] | select(\"${1:-}\" == .reason or (\"${1:-}\" == \"\" and
		(.reason | IN($no_loss) | not))) | .pkts] | add // 0" drops show
}

# Sum of the gateway's counters of one name: stat_count NAME
stat_count()
{
	gateway_json "[.[] | select(.name == \"$1\") | .value] | add // 0" stats show all
}

# pings NAMESPACE TARGET [ping arguments]: all must be answered.
pings()
{
	local namespace=$1 target=$2 out
	shift 2
	# The first large one may be answered with a too-big, from which the sender learns the MTU.
	[[ "$*" != *"-s "* ]] || ip netns exec "$namespace" ping -n -c 1 -W 1 "$@" "$target" >/dev/null 2>&1
	out=$(ip netns exec "$namespace" ping -n -c 3 -i 0.2 -W 10 "$@" "$target") || return
	[[ $out == *" 0% packet loss"* ]] || { echo "$out" && return 1; }
}

# Small, 1400-byte and 60,000-byte (fragmented) pings from a client to the protected network and back:
# pings_both NAMESPACE ADDRESS4 ADDRESS6, an empty address leaves that family out.
pings_both()
{
	local namespace=$1 size
	for size in 56 1400 60000; do
		if [ -n "$2" ]; then
			check "$namespace to cpn-lan, IPv4, $size bytes" pings "$namespace" $LAN4 -I "$2" -s $size
			check "cpn-lan to $namespace, IPv4, $size bytes" pings cpn-lan "$2" -s $size
		fi
		if [ -n "$3" ]; then
			check "$namespace to cpn-lan, IPv6, $size bytes" pings "$namespace" $LAN6 -I "$3" -s $size
			check "cpn-lan to $namespace, IPv6, $size bytes" pings cpn-lan "$3" -s $size
		fi
	done
}

# A constant stream of pings in the background, whose loss is counted at the end.
# stream_start NAME NAMESPACE TARGET [SECONDS BETWEEN] ; stream_stop NAME prints the number lost.
stream_start()
{
	proc_start "stream-$1" "$2" ping -n -i "${4:-0.01}" "$3"
	wait_for 5 grep -q 'icmp_seq' "$RUN/logs/stream-$1.log" || fail "no answer from $3 to $2"
}

stream_stop()
{
	local log=$RUN/logs/stream-$1.log
	sleep 0.3 # what is on its way still arrives
	proc_stop "stream-$1" INT
	# Gaps in the sequence up to the last answer; the one that the signal overtook is none.
	awk -v name="$1" '
		match($0, /icmp_seq=[0-9]+/) {
			seq = substr($0, RSTART + 9, RLENGTH - 9) + 0
			if (/DUP!|rror|nreach/) bad++
			else if (!seen[seq]++) got++
			if (seq > last) last = seq
		}
		END {
			printf "stream %s: %d sent, %d lost, %d duplicates and errors\n", name, last, last - got, bad >"/dev/stderr"
			print last - got + bad
		}' "$log"
	rm -f "$log"
}

# Our own client with its link up: client_up [ARGUMENT of testbed client]... ; returns when the interface
# has all of its addresses.
client_up()
{
	local last=
	CLIENT_NAMESPACE=cpn-client CLIENT_RUN=$RUN/client
	for last; do :; done
	if [[ $last == cpn-* && $last != cpn-client ]]; then
		CLIENT_NAMESPACE=$last CLIENT_RUN=$RUN/client-${last#cpn-}
	fi
	"$TESTBED" client "$@" || fail "our client does not start"
	wait_for "$PATIENCE" client_is_up || fail "our client's connection does not come up"
}

client_is_up()
{
	local given
	given=$(client_json '.[] | select(.state == "up") | (.prefixes + .addresses | length)' link show)
	[ -n "$given" ] || return
	[ "$(ip -n "$CLIENT_NAMESPACE" -o addr show dev cpn0 scope global | wc -l)" -ge "$given" ]
}

# A global address of an interface: client_address NAMESPACE INTERFACE FAMILY [PREFIX as text]
interface_address()
{
	ip -n "$1" -"$3" -o addr show dev "$2" scope global | awk '{ print $4 }' | cut -d/ -f1 | grep -m 1 "^${4:-}"
}

# capture_start FILE [PORT of the switch] : what the gateway's outer port sends and receives.
capture_start()
{
	proc_start capture cpn-net dumpcap -q -i "${2:-gw}" -s 0 -w "$1"
	wait_for 10 test -s "$1" || fail "dumpcap does not start"
}

capture_stop()
{
	sleep 0.2
	proc_stop capture INT
}

# Number of packets in a capture that a display filter finds. packets FILE FILTER
packets()
{
	tshark -n -r "$1" -Y "$2" 2>/dev/null | wc -l
}

# swan_alice NAMESPACE LOCAL GATEWAY : a strongSwan client, up; sets SWAN4 and SWAN6.
swan_alice()
{
	swan_client alice@example.org alice-secret "$2" "$3" | swan_start alice "$1" || fail "strongSwan does not start"
	check "strongSwan connects from $2 to $3" swan_initiate alice net
	SWAN4=$(swan_addresses alice | grep -m 1 '\.')
	SWAN6=$(swan_addresses alice | grep -m 1 ':')
	check_equal "strongSwan has an IPv4 address of the pool" 10.66. "${SWAN4:0:6}"
	check_equal "strongSwan has an IPv6 address of the pool" 2001:db8:2000: "${SWAN6:0:14}"
}

# The names of the gateway's child SAs, or IKE SAs: sa_names child|ike
sa_names()
{
	gateway_json ".[] | select(.kind == \"$1\") | .sa" sa show
}

# The IKE SA, or the child SA that has the link's own addresses: beside it our client makes one for groups.
# first_sa cli|client_cli ike|child
first_sa()
{
	"$1" --json sa show | jq -r --arg kind "$2" '[.[] | select(.kind == $kind) |
		select([.local_ts, .remote_ts] | flatten | index("ff00::/8") | not) | .sa] | .[0]'
}

# How often SAs of a kind were rekeyed, as the gateway sees it.
sa_rekeys()
{
	gateway_json "[.[] | select(.kind == \"$1\") | .rekeys] | add // 0" sa show
}

# rekeyed KIND NUMBER: at least so often.
rekeyed()
{
	[ "$(sa_rekeys "$1")" -ge "$2" ]
}

client_rekeyed()
{
	[ "$(client_json "[.[] | select(.kind == \"$1\") | .rekeys] | add // 0" sa show)" -ge "$2" ]
}

sa_none()
{
	[ -z "$(sa_names ike)" ]
}

no_link()
{
	[ "$(gateway_json length link show)" = 0 ]
}

# The peer's address is the router's, and not port 500 or 4500.
gateway_sees_nat()
{
	gateway_json '.[] | select(.kind == "ike") | .remote' sa show | grep -E '192\.0\.2\.254|2001:db8:ff::fe' |
		grep -v -E '[:.](500|4500)$'
}

in_gateway()
{
	ip netns exec cpn-gw "$@"
}

# gateway_config TEXT : config/testbed.conf with settings added at its end, as $WORK/gateway.conf.
gateway_config()
{
	{
		cat "$ROOT/config/testbed.conf"
		printf '%s\n' "$@"
	} >"$WORK/gateway.conf"
}

# client_config KEY=VALUE... : config/testbed-client.conf with other values for its connection, as
# $WORK/client.conf. Addresses and names are quoted here.
client_config()
{
	local pair key value sed=()
	for pair in "$@"; do
		key=${pair%%=*}
		value=${pair#*=}
		[[ $value =~ ^(true|false|[0-9]+|[\[\(].*)$ ]] || value="\"$value\""
		sed+=(-e "/^client/,\$ { /^[[:space:]]*$key = /d; s|^([[:space:]]*)gateway_id = .*|&\\n\\1$key = $value;| }")
	done
	sed -E "${sed[@]}" "$ROOT/config/testbed-client.conf" >"$WORK/client.conf"
}

# The same for a client in cpn-far, behind the router.
far_config()
{
	client_config "$@"
	sed -i -e 's|192\.0\.2\.2/24|198.51.100.2/24|' -e 's|2001:db8:ff::2/64|2001:db8:fe::2/64|' \
		-e 's|192\.0\.2\.254|198.51.100.1|' -e 's|2001:db8:ff::fe|2001:db8:fe::1|' "$WORK/client.conf"
}

# The same for a client in one of MORE_NAMESPACES: third_config NUMBER KEY=VALUE...
third_config()
{
	client_config "${@:2}"
	sed -i -e "s|192\\.0\\.2\\.2/24|192.0.2.$1/24|" -e "s|2001:db8:ff::2/64|2001:db8:ff::$1/64|" "$WORK/client.conf"
}

# tshark with the gateway's key logs, and nothing of the user's own settings. shark FILE ARGUMENT...
shark()
{
	local file=$1
	shift
	mkdir -p "$WORK/wireshark"
	cp "$WORK/keylog/"* "$WORK/wireshark/" 2>/dev/null
	HOME=$WORK WIRESHARK_CONFIG_DIR=$WORK/wireshark tshark -n -r "$file" \
		-o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE "$@" 2>/dev/null
}

# esp_authentic WHAT FILE : tshark finds every ICV right. It knows nothing of extended sequence numbers,
# whose upper half is under the ICV.
esp_authentic()
{
	check "$1: ESP packets with a good ICV" test "$(count "$2" 'esp.icv_good == 1')" -ge 6
	check_equal "$1: ESP packets with a wrong ICV" 0 "$(count "$2" 'esp.icv_bad == 1')"
}

# Everything that tshark says about the IKE messages of a capture.
details()
{
	shark "$1" -Y isakmp -V
}

# count FILE FILTER : packets that match, with keys.
count()
{
	shark "$1" -Y "$2" | wc -l
}

# dissects WHAT FILE : every IKE message is decrypted and understood, and so is ESP.
dissects()
{
	local what=$1 file=$2 encrypted
	encrypted=$(count "$file" 'isakmp && isakmp.exchangetype != 34')
	check "$what: IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA and INFORMATIONAL are in the capture" \
		test "$(shark "$file" -Y isakmp -T fields -e isakmp.exchangetype | sort -u | wc -l)" = 4
	check_equal "$what: encrypted IKE messages that tshark decrypts" "$encrypted" "$(count "$file" isakmp.enc.decrypted)"
	check_equal "$what: malformed packets" 0 "$(count "$file" '_ws.malformed')"
	check_equal "$what: complaints of the dissector" "" \
		"$(shark "$file" -Y 'isakmp && _ws.expert.severity >= "Warning"' -T fields -e frame.number -e _ws.expert.message)"
	# Younger than Debian 12's tshark: INTERNAL_DNS_DOMAIN and INTERNAL_DNSSEC_TA (25 and 26, RFC 8598),
	# IP4_ALLOWED and IP6_ALLOWED (16439 and 16440, RFC 8983), whose payload's title has no number. Ours:
	# INTERNAL_IP6_ADDRESS2 (16384).
	check_equal "$what: fields that it does not know" "" \
		"$(details "$file" | grep -i -E 'unknown|unassigned|private use|reserved to iana|future use' |
			grep -v -E -e '\(t=(25|26|16384),l=|Type: [A-Z -]* \((25|26|16384|16439|16440)\)' \
				-e 'Payload: Notify \(41\) - RESERVED TO IANA - STATUS TYPES' | sort -u)"
	check "$what: ESP decrypts to the pings" \
		test "$(count "$file" 'esp && (icmp || icmpv6.type == 128 || icmpv6.type == 129)')" -ge 6
}

# has_attributes FILE CFG-TYPE ATTRIBUTE... : one configuration payload (1 request, 2 reply) has them.
has_attributes()
{
	local file=$1 filter="isakmp.cfg.type == $2" attribute
	shift 2
	for attribute in "$@"; do
		filter+=" && isakmp.cfg.attr.type == $attribute"
	done
	[ "$(count "$file" "$filter")" -ge 1 ]
}

# The gateway with room for two clients.
small_pools()
{
	sed -E -e 's|"10\.66\.0\.0/16"|"10.66.0.0/31"|' -e 's|"2001:db8:2000::/64"|"2001:db8:2000::/127"|' \
		-e 's|"2001:db8:1000::/40"|"2001:db8:1000::/63"|' -e 's|"fd00:db8:1000::/40"|"fd00:db8:1000::/63"|' \
		"$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
}
