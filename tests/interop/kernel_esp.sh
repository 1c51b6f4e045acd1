#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L9 M-D M-C2: strongSwan on Linux's own ESP, which does what its userspace ESP cannot: native ESP and
# extended sequence numbers, over IPv4 and IPv6, each algorithm that we have, rekeyed by either side.
#
#	virtual machine, 192.0.2.251, 2001:db8:ff::251 ──── ESP ──── gateway ──── cpn-lan
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vm.sh"
begin
trap 'vm_down; exit 1' INT TERM

vm_pings()
{
	local out
	vm_exec "ping -n -c 1 -W 1 $*" >/dev/null # the first large one may only bring the path MTU
	out=$(vm_exec "ping -n -c 3 -i 0.2 -W 10 $*") || { echo "$out" && return 1; }
	[[ $out == *" 0% packet loss"* ]] || { echo "$out" && return 1; }
}

# An emulated machine may pause for longer than ping waits: what came too late gets a second chance.
# What is lost in the gateway shows in its drop counters as well.
patiently()
{
	"$@" || "$@"
}

vm_addresses()
{
	vm_swan_ctl --list-sas --raw | sed -n 's/.*local-vips=\[\([^]]*\)\].*/\1/p' | tr ' ' '\n'
}

esn_in_use()
{
	[[ "$(vm_exec "ip xfrm state")" == *esn* ]]
}

# one GATEWAY LOCAL PROPOSAL
one()
{
	local four six size
	SWAN_ESP=$3 swan_client alice@example.org alice-secret "$2" "$1" | vm_swan_config
	check "$2 connects to $1 with $3" vm_swan_ctl --initiate --child net --timeout 30
	four=$(vm_addresses | grep -m 1 '\.')
	six=$(vm_addresses | grep -m 1 ':')
	capture_start "$WORK/wire.pcapng"
	for size in 56 1400 20000; do
		check "IPv4 to cpn-lan, $size bytes" patiently vm_pings -I "$four" -s $size $LAN4
		check "IPv6 to cpn-lan, $size bytes" patiently vm_pings -I "$six" -s $size $LAN6
		check "IPv4 from cpn-lan, $size bytes" patiently pings cpn-lan "$four" -s $size
		check "IPv6 from cpn-lan, $size bytes" patiently pings cpn-lan "$six" -s $size
	done
	[[ $3 != *-esn ]] || check "the kernel has extended sequence numbers" esn_in_use
	check "it rekeys the child SA" vm_swan_ctl --rekey --child net
	check "the gateway sees it" wait_for 10 rekeyed child 1
	check "the gateway rekeys it" cli sa rekey "$(sa_names child)"
	check "done" wait_for 10 rekeyed child 2
	check "IPv4 afterwards" patiently vm_pings -I "$four" $LAN4
	check "IPv6 afterwards" patiently vm_pings -I "$six" $LAN6
	capture_stop
	check_equal "UDP-encapsulated packets" 0 "$(packets "$WORK/wire.pcapng" 'udp.port == 4500 && esp')"
	check "native ESP packets" test "$(packets "$WORK/wire.pcapng" 'esp && !udp')" -gt 20
	check_equal "packets that died in the gateway" 0 "$(drop_count)"
	check "it says good-bye" vm_swan_ctl --terminate --ike home
	check "the gateway has no IKE SA" wait_for 10 sa_none
}

vm_up || fail "the virtual machine does not come up" # not in a subshell: it opens descriptors
check "strongSwan runs in it" vm_swan_start
one 192.0.2.1 192.0.2.251 aes128gcm16-esn
one 2001:db8:ff::1 2001:db8:ff::251 aes256gcm16-esn
one 192.0.2.1 192.0.2.251 chacha20poly1305-noesn
one 2001:db8:ff::1 2001:db8:ff::251 aes256-sha256-esn
vm_down
