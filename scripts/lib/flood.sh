# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A gateway under attack, and clients that want in. Sourced behind common.sh and links.sh.
# shellcheck disable=SC2034 # `up` is the caller's, who takes the testbed down by it

# Counters of the gateway, NAME VALUE a line.
flood_stats()
{
	"$(program caponier)" -r "$RUN" --json stats show all |
		jq -r '.[] | select(.source != "dataplane" or (.name | IN("rx_pkts", "punt_up"))) | "\(.name) \(.value)"'
}

# flood_row WORK WHAT COOKIES ARGUMENT... : ten seconds of flood with these arguments, against a gateway with
# this setting, and 100 clients, one after the other, that begin a second later.
flood_row()
{
	local work=$1 what=$2 cookies=$3 pid
	shift 3
	{
		cat "$ROOT/config/testbed.conf"
		[ "$cookies" = auto ] || echo "ike = { limits = { cookies = \"$cookies\"; }; };"
	} >"$work/gateway.conf"
	"$ROOT/scripts/testbed" up --config "$work/gateway.conf"
	up=yes
	echo "---- $what, cookies $cookies"
	flood_stats >"$work/before"
	ip netns exec cpn-client "$(program tests/bench/flood)" --seconds 10 --control "$(proc_pid gateway-control)" \
		--dataplane "$(proc_pid gateway-dataplane)" "$@" >"$work/flood" &
	pid=$!
	sleep 1
	loadgen --links 100 --in-flight 1 >"$work/load" 2>&1 || true
	wait $pid || true
	flood_stats >"$work/after"
	cat "$work/flood"
	grep -E '^(links|a client|loadgen|longest)' "$work/load" || true
	# What changed, and the state of what is a gauge.
	awk 'NR == FNR { was[$1] = $2; next } $2 != was[$1] { printf "%s%s %d", sep, $1, $2 - was[$1]; sep = ", " }
		END { print "" }' "$work/before" "$work/after" | fold -s -w 110
	"$ROOT/scripts/testbed" down
	up=no
}

# flood_bench WORK RATE; `up` says whether there is a testbed to take down.
flood_bench()
{
	local work=$1 rate=$2
	"$(program tests/bench/flood)" --cost "$ROOT/config/testbed.conf"
	flood_row "$work" "no flood" auto --rate 1
	flood_row "$work" "IKE_SA_INIT" auto --rate "$rate"
	flood_row "$work" "IKE_SA_INIT" never --rate "$rate"
	flood_row "$work" "garbage" auto --rate "$rate" --garbage
}
