#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `testbed down` leaves nothing behind, whatever happened before: no namespace, process, mount, file.
#
#	(the whole testbed, abused)
. "$(dirname "$0")/lib.sh"
alone

# What a run may leave, without what other programs of this machine do meanwhile.
state()
{
	ip netns list
	grep -E 'netns|hugetlbfs|caponier' /proc/mounts | awk '{ print $2 }'
	find /run /dev/shm /dev/hugepages /etc/netns /etc/caponier /var/lib/caponier -xdev \
		-not -path '/run/dpdk/*' 2>/dev/null
	find /run/dpdk /tmp /var/tmp -maxdepth 1 -name '*caponier-testbed*' -o -maxdepth 1 -name 'tmp.*' 2>/dev/null
	ip -o link show | awk '{ print $2 }'
	pgrep -a -f "$RUN"
}
state | sort >"$WORK/before"
"$TESTBED" up || fail "up"
check_not "a second up is refused" "$TESTBED" up
check "status" "$TESTBED" status
"$TESTBED" client || fail "client"
swan_client alice@example.org alice-secret 198.51.100.2 192.0.2.1 | swan_start alice cpn-far || fail "strongSwan"
proc_start sleeper cpn-far sleep 1000
"$TESTBED" path nat loss 1.5 mtu 1400 noicmp || fail "path"
check_not "nonsense is refused" "$TESTBED" path loss 101
check_not "no such namespace" "$TESTBED" exec cpn-moon true
kill -KILL "$(cat "$RUN/dataplane.pid")" "$(cat "$RUN/control.pid")"
mapfile -t pids < <(cut -d' ' -f1 "$RUN/pids/"*)
check "down" "$TESTBED" down
for pid in "${pids[@]}"; do
	check_not "process $pid is gone" proc_starttime "$pid"
done
state | sort >"$WORK/after"
check "nothing is left" diff "$WORK/before" "$WORK/after"
check "down when it is down" "$TESTBED" down
check_not "status says so" "$TESTBED" status
