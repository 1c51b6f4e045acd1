# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# `testbed path`: what cpn-router does to packets between the outer network and cpn-far. Each call
# replaces the treatment before. Sourced by scripts/testbed.

path_usage()
{
	echo "usage: scripts/testbed path clean | [nat] [mtu N] [loss PERCENT] [noicmp] [nofrag] [noesp]" >&2
	return 2
}

# The forwarding rules of one treatment, as nftables reads them.
path_rules()
{
	local nat=$1 loss=$2 noicmp=$3 nofrag=$4 noesp=$5
	echo "table inet path {"
	echo "	chain forward {"
	echo "		type filter hook forward priority 0;"
	if [ "$noicmp" = yes ]; then
		echo "		meta l4proto icmp counter drop"
		echo "		icmpv6 type { 1, 2, 3, 4, 128, 129 } counter drop"
	fi
	[ "$noesp" = no ] || echo "		meta l4proto esp counter drop"
	# 100 % is 10000 of 10000
	[ "$loss" = 0 ] || echo "		numgen random mod 10000 < $loss counter drop"
	echo "	}"
	if [ "$noicmp" = yes ]; then # what the router itself would say
		echo "	chain output {"
		echo "		type filter hook output priority 0;"
		echo "		meta l4proto icmp counter drop"
		echo "		icmpv6 type { 1, 2, 3, 4 } counter drop"
		echo "	}"
	fi
	if [ "$nofrag" = yes ]; then # ahead of connection tracking, which would reassemble
		echo "	chain fragments {"
		echo "		type filter hook prerouting priority -450;"
		echo "		ip frag-off & 0x3fff != 0 counter drop"
		echo "		exthdr frag exists counter drop"
		echo "	}"
	fi
	if [ "$nat" = yes ]; then # ports change as well, as with a NAT that many share
		echo "	chain nat {"
		echo "		type nat hook postrouting priority 100;"
		echo "		oifname outer meta l4proto { tcp, udp } masquerade to :20000-60000 random"
		echo "		oifname outer masquerade"
		echo "	}"
	fi
	echo "}"
}

# The limit is a property of routes, not of links: the router still takes in full-size packets and
# answers those that do not fit.
path_mtu()
{
	local lock=()
	[ "$1" = 0 ] || lock=(mtu lock "$1")
	ip -n cpn-router route replace 192.0.2.0/24 dev outer src 192.0.2.254 "${lock[@]}"
	ip -n cpn-router route replace 198.51.100.0/24 dev far src 198.51.100.1 "${lock[@]}"
	ip -n cpn-router -6 route flush 2001:db8:ff::/64
	ip -n cpn-router -6 route flush 2001:db8:fe::/64
	ip -n cpn-router -6 route add 2001:db8:ff::/64 dev outer "${lock[@]}"
	ip -n cpn-router -6 route add 2001:db8:fe::/64 dev far "${lock[@]}"
}

# PERCENT, with up to two decimals, in hundredths.
path_percent()
{
	[[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,2})?$ ]] || return 1
	awk -v p="$1" 'BEGIN { n = int(p * 100 + 0.5); if (n > 10000) exit 1; print n }'
}

path_set()
{
	local nat=no loss=0 noicmp=no nofrag=no noesp=no mtu=0
	[ $# -gt 0 ] || path_usage || return
	local words="$*"
	while [ $# -gt 0 ]; do
		case $1 in
		clean) ;;
		nat) nat=yes ;;
		noicmp) noicmp=yes ;;
		nofrag) nofrag=yes ;;
		noesp) noesp=yes ;;
		mtu)
			mtu=${2:-}
			[[ $mtu =~ ^[0-9]{3,4}$ && $mtu -ge 576 && $mtu -le 1500 ]] || path_usage || return
			shift
			;;
		loss)
			loss=$(path_percent "${2:-}") || path_usage || return
			shift
			;;
		*) path_usage || return ;;
		esac
		shift
	done
	ip netns exec cpn-router nft flush ruleset
	path_mtu "$mtu"
	path_rules $nat "$loss" $noicmp $nofrag $noesp | ip netns exec cpn-router nft -f -
	# Flows that are known keep the translation they began with: forget them.
	if command -v conntrack >/dev/null; then
		ip netns exec cpn-router conntrack -F >/dev/null 2>&1 || true
	fi
	echo "$words" >"$RUN/path"
}
