# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The testbed's network: namespaces, veths, addresses. Sourced by scripts/testbed.
#
#	cpn-home lan ── home  cpn-client outer ──┐
#	                                      cpn-net (a switch) ── gw-outer  cpn-gw  gw-inner ── lan  cpn-lan
#	                      cpn-router outer ──┘
#	                                 far ── outer  cpn-far
#
# The gateway's ends have no address of the kernel's and no IPv6: the dataplane owns them.

# net_link NAMESPACE NAME NAMESPACE NAME : one veth pair, offloads off, up.
net_link()
{
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	# The dataplane reads frames off the wire: no half-made checksums, no frames above the MTU.
	ip netns exec "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off >/dev/null
	ip netns exec "$3" ethtool -K "$4" tx off rx off sg off tso off gso off gro off >/dev/null
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

net_namespace()
{
	ip netns add "$1"
	ip netns exec "$1" sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.default.disable_ipv6=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.dad_transmits=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
		net.ipv4.ping_group_range="0 2147483647"
	ip -n "$1" link set lo up
}

net_gateway()
{
	local port
	net_link cpn-gw gw-outer cpn-net gw
	net_link cpn-gw gw-inner cpn-lan lan
	for port in gw-outer gw-inner; do
		ip netns exec cpn-gw sysctl -q -w net.ipv6.conf.$port.disable_ipv6=1
	done
	ip -n cpn-net link set gw master outer
}

net_client()
{
	local i
	net_link cpn-client outer cpn-net client
	ip -n cpn-net link set client master outer
	# .3 to .250 and ::3 to ::250 are for whoever needs many clients. IPv6 ones are deprecated, so
	# that ::2 is the source of what names none.
	{
		echo "addr add 192.0.2.2/24 dev outer"
		echo "addr add 2001:db8:ff::2/64 dev outer nodad"
		for i in {3..250}; do
			echo "addr add 192.0.2.$i/24 dev outer"
			echo "addr add 2001:db8:ff::$i/64 dev outer nodad preferred_lft 0"
		done
		echo "route add 198.51.100.0/24 via 192.0.2.254"
		echo "route add 2001:db8:fe::/64 via 2001:db8:ff::fe"
	} | ip -n cpn-client -batch -
}

# A LAN behind the client: an ordinary IPv6 host that knows nothing of anything. It configures itself
# from router advertisements if there are any, as the kernel does where nobody tells it otherwise.
net_home()
{
	ip netns exec cpn-home sysctl -q -w net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.default.accept_dad=1 \
		net.ipv6.conf.default.dad_transmits=1 net.ipv6.conf.default.accept_ra=1
	net_link cpn-client home cpn-home lan
}

# net_more NAMESPACE NUMBER : one of MORE_NAMESPACES on the switch, with the addresses 192.0.2.NUMBER and
# 2001:db8:ff::NUMBER; 251 to 253 are free.
net_more()
{
	net_namespace "$1"
	net_link "$1" outer cpn-net "${1#cpn-}"
	ip -n cpn-net link set "${1#cpn-}" master outer
	ip -n "$1" addr add "192.0.2.$2/24" dev outer
	ip -n "$1" addr add "2001:db8:ff::$2/64" dev outer nodad
}

net_router()
{
	net_link cpn-router outer cpn-net router
	ip -n cpn-net link set router master outer
	net_link cpn-router far cpn-far outer
	ip netns exec cpn-router sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.conf.all.send_redirects=0 \
		net.ipv4.conf.outer.send_redirects=0
	ip -n cpn-router -batch - <<-END
		addr add 192.0.2.254/24 dev outer
		addr add 2001:db8:ff::fe/64 dev outer nodad
		addr add 198.51.100.1/24 dev far
		addr add 2001:db8:fe::1/64 dev far nodad
	END
	ip -n cpn-far -batch - <<-END
		addr add 198.51.100.2/24 dev outer
		addr add 2001:db8:fe::2/64 dev outer nodad
		route add default via 198.51.100.1
		route add default via 2001:db8:fe::1
	END
}

net_lan()
{
	ip -n cpn-lan -batch - <<-END
		addr add 10.20.0.10/24 dev lan
		addr add 2001:db8:aaaa::10/64 dev lan nodad
		route add default via 10.20.0.1
		route add default via 2001:db8:aaaa::1
	END
}

# Makes everything. What `ip netns` leaves behind in /run is noted, so that net_down can undo it.
net_up()
{
	local namespace
	mountpoint -q /run/netns || touch "$RUN/netns-mount-is-ours"
	[ -d /run/netns ] || touch "$RUN/netns-dir-is-ours"
	for namespace in "${NAMESPACES[@]}"; do
		net_namespace "$namespace"
	done
	ip -n cpn-net link add outer type bridge mcast_snooping 0 stp_state 0 forward_delay 0
	ip netns exec cpn-net sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
	ip -n cpn-net link set outer up
	net_gateway
	net_client
	net_home
	net_router
	net_lan
}

net_exists()
{
	ip netns list | grep -q -E "^$1( |$)"
}

net_down()
{
	local namespace pid
	for namespace in "${NAMESPACES[@]}" "${MORE_NAMESPACES[@]}"; do
		net_exists "$namespace" || continue
		# Whatever a user or a test left running in there goes with its network.
		for pid in $(ip netns pids "$namespace"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		wait_for 5 net_empty "$namespace" || true
		ip netns del "$namespace"
	done
	[ -z "$(ls /run/netns 2>/dev/null)" ] || return 0 # others have namespaces, too
	if [ -e "$RUN/netns-mount-is-ours" ] && mountpoint -q /run/netns; then
		umount -n /run/netns
	fi
	if [ -e "$RUN/netns-dir-is-ours" ] && [ -d /run/netns ]; then
		rmdir /run/netns
	fi
}

net_empty()
{
	[ -z "$(ip netns pids "$1")" ]
}
