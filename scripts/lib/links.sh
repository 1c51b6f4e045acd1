# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A gateway with room for many links, and the load generator beside it. Sourced behind common.sh.

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
}

# loadgen ARGUMENT... : in the clients' namespace, with an eye on the gateway's processes.
loadgen()
{
	ip netns exec cpn-client "$(program tests/bench/loadgen)" --control "$(proc_pid gateway-control)" \
		--dataplane "$(proc_pid gateway-dataplane)" "$@"
}
