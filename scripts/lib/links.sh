# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A gateway with room for many links, the load generator beside it, and a second gateway to compare it
# with. Sourced behind common.sh.

# links_config N : config/testbed.conf with SA slots and pools for N links, on stdout.
links_config()
{
	local slots=16384
	while [ $slots -lt $(($1 * 5 / 4)) ]; do
		slots=$((slots * 2))
	done
	# A slot is a kilobyte and a half or so, each direction has one.
	sed -E -e "s/^(\t*)main_cpu = .*/&\n\1sa_slots = $slots;\n\1memory_mb = $((512 + slots / 256));/" \
		-e 's,10\.66\.0\.0/16,10.64.0.0/12,' "$ROOT/config/testbed.conf"
	# The generator's clients have a few addresses between them.
	echo 'ike = { half_open_max = 10000; limits = { half_open_source_max = 10000; init_source_rate = 1000000; }; };'
}

# loadgen ARGUMENT... : in the clients' namespace, with an eye on the gateway's processes.
loadgen()
{
	ip netns exec cpn-client "$(program tests/bench/loadgen)" --control "$(proc_pid gateway-control)" \
		--dataplane "$(proc_pid gateway-dataplane)" "$@"
}

# The second gateway: 192.0.2.251 in the outer network, in a namespace of its own; its inner network is
# a veth that nobody is behind. beside_up needs net.sh.
beside_up()
{
	local port
	net_namespace cpn-beside
	net_link cpn-beside gw-outer cpn-net beside
	net_link cpn-beside gw-inner cpn-beside nobody
	for port in gw-outer gw-inner nobody; do
		ip netns exec cpn-beside sysctl -q -w net.ipv6.conf.$port.disable_ipv6=1
	done
	ip -n cpn-net link set beside master outer
}

# beside_start CONFIG : the gateway of this configuration, at the other's address, with nothing in it.
beside_start()
{
	local part
	rm -rf "$RUN/beside"
	mkdir "$RUN/beside"
	sed -E -e 's,"192\.0\.2\.1/,"192.0.2.251/,' -e 's,"2001:db8:ff::1/,"2001:db8:ff::fb/,' "$1" >"$RUN/beside/gateway.conf"
	for part in dataplane control; do
		daemon_start "beside-$part" cpn-beside "$RUN/beside/$part.pid" \
			"$(program "caponier-$part")" -c "$RUN/beside/gateway.conf" -r "$RUN/beside" || return
	done
}

beside_stop()
{
	proc_stop beside-control
	proc_stop beside-dataplane
}

beside_down()
{
	beside_stop
	if net_exists cpn-beside; then
		ip netns del cpn-beside
	fi
}
