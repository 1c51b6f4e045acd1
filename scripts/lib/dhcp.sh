# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# DHCPv6 programs that are not ours inside the testbed: the client of the KAME project (dhcp6c) and the
# server Kea. All their files lie in the runtime directory. Sourced, after common.sh.

# Where an instance's files lie.
dhcp_dir()
{
	echo "$RUN/dhcp-$1"
}

# dhcp6c_start NAME NAMESPACE INTERFACE < STATEMENTS : of the interface; then `id-assoc` and the like.
# Each answer calls a script that writes what it brought to dhcp_dir's `given`, one variable a line.
dhcp6c_start()
{
	local name=$1 namespace=$2 interface=$3 dir
	dir=$(dhcp_dir "$name")
	mkdir -p "$dir"
	printf '#!/bin/sh\nenv | grep -E "^(new_|REASON=)" | sort >%s\n' "$dir/given" >"$dir/script"
	chmod 755 "$dir/script"
	{
		echo "interface $interface {"
		echo "	script \"$dir/script\";"
		cat
	} >"$dir/dhcp6c.conf"
	# Its DUID has a fixed place in /var/lib; `ip netns exec` gives it mounts of its own.
	# shellcheck disable=SC2016 # expanded in there
	proc_start "dhcp6c-$name" "$namespace" sh -c \
		'mount --bind "$1" /var/lib/dhcpv6 && exec /usr/sbin/dhcp6c -f -D -c "$1/dhcp6c.conf" -p "$1/pid" "$2"' \
		sh "$dir" "$interface"
}

# On SIGTERM it releases what it has.
dhcp6c_stop()
{
	proc_stop "dhcp6c-$1"
}

# dhcp6c_given NAME VARIABLE : what the last answer brought.
dhcp6c_given()
{
	sed -n "s/^$2=\(.*[^ ]\) *\$/\1/p" "$(dhcp_dir "$1")/given" 2>/dev/null
}

# kea_start NAMESPACE INTERFACE/ADDRESS < JSON : the members of Dhcp6 but interface, leases and log.
kea_start()
{
	local namespace=$1 listen=$2 dir binary=/usr/sbin/kea-dhcp6
	dir=$(dhcp_dir kea)
	mkdir -p "$dir"
	jq --arg listen "$listen" --arg leases "$dir/leases.csv" '{Dhcp6: (. + {
		"interfaces-config": {interfaces: [$listen]},
		"server-id": {type: "EN", "enterprise-id": 2495, identifier: "0123456789AB", persist: false},
		"lease-database": {type: "memfile", name: $leases, "lfc-interval": 0},
		loggers: [{name: "kea-dhcp6", severity: "DEBUG", debuglevel: 55,
			output_options: [{output: "stdout", flush: true}]}]})}' >"$dir/kea.json" || return
	# Debian's AppArmor profile goes by path, and would keep it from our files.
	if grep -q kea-dhcp6 /sys/kernel/security/apparmor/profiles 2>/dev/null; then
		cp $binary "$dir/kea-dhcp6.bin"
		binary=$dir/kea-dhcp6.bin
	fi
	proc_start kea "$namespace" env "KEA_PIDFILE_DIR=$dir" "KEA_LOCKFILE_DIR=$dir" \
		"$binary" -c "$dir/kea.json"
	if ! wait_for "$PATIENCE" grep -q DHCP6_STARTED "$RUN/logs/kea.log"; then
		tail -20 "$RUN/logs/kea.log" >&2
		return 1
	fi
}

kea_stop()
{
	proc_stop kea
}

# What Kea has given: prefix or address, and length, one a line. A lease that is gone has a lifetime of 0.
kea_leases()
{
	awk -F, 'NR > 1 && $3 > 0 { state[$1 "/" $9] = $3 } NR > 1 && $3 == 0 { delete state[$1 "/" $9] }
		END { for (lease in state) print lease }' "$(dhcp_dir kea)/leases.csv"
}
