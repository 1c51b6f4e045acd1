# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every script of the testbed knows: where things lie, how a process is started in a namespace,
# awaited, and ended by its pid. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${CAPONIER_BUILD:-$ROOT/build}
[[ $BUILD == /* ]] || BUILD=$ROOT/$BUILD
# The testbed's runtime directory: sockets, pid files, logs, everything that `down` removes.
RUN=/run/caponier-testbed
# shellcheck disable=SC2034 # used by those who source this
NAMESPACES=(cpn-net cpn-gw cpn-client cpn-home cpn-lan cpn-router cpn-far)
# Hosts more on the outer network, for who needs several clients: net_more makes them.
# shellcheck disable=SC2034
MORE_NAMESPACES=(cpn-third cpn-fourth)
# Seconds that anything may take to become ready; builds under sanitizers want more.
PATIENCE=${CAPONIER_PATIENCE:-30}

die()
{
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# The path of one of our three programs in the build directory.
program()
{
	local path
	for path in "$BUILD/$1" "$BUILD/dataplane/$1" "$BUILD/control/$1" "$BUILD/control/admin/$1"; do
		if [ -x "$path" ] && [ ! -d "$path" ]; then
			echo "$path"
			return
		fi
	done
	echo "$(basename "$0"): no $1 in $BUILD; build it first: meson setup $BUILD && ninja -C $BUILD" >&2
	return 1
}

# Waits until COMMAND succeeds, asking ten times a second. wait_for SECONDS COMMAND...
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# A process is known by pid and start time, so that a reused pid is never taken for ours.
proc_starttime()
{
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# Field 22; the name in parentheses may hold blanks, so count from behind it.
	read -r -a stat <<<"${stat##*) }"
	# A zombie is gone once its last thread is: until then its files are open and locked.
	if [ "${stat[0]}" = Z ] && [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ]; then
		return 1
	fi
	echo "${stat[19]}"
}

# proc_start NAME NAMESPACE COMMAND... : runs it in the background, output to logs/NAME.log.
proc_start()
{
	local name=$1 namespace=$2 pid
	shift 2
	mkdir -p "$RUN/logs" "$RUN/pids"
	setsid ip netns exec "$namespace" "$@" </dev/null >>"$RUN/logs/$name.log" 2>&1 &
	pid=$!
	# setsid and ip only exec, so the pid stays. It is gone already when the program failed at once.
	echo "$pid $(proc_starttime $pid || echo 0)" >"$RUN/pids/$name"
}

proc_pid()
{
	local pid start
	[ -r "$RUN/pids/$1" ] || return 1
	read -r pid start <"$RUN/pids/$1"
	[ "$(proc_starttime "$pid")" = "$start" ] || return 1
	echo "$pid"
}

proc_gone()
{
	! proc_pid "$1" >/dev/null
}

# proc_stop NAME [SIGNAL] : returns when it is gone; after ten seconds it is killed.
proc_stop()
{
	local pid
	if pid=$(proc_pid "$1"); then
		kill -"${2:-TERM}" "$pid" 2>/dev/null || true
		if ! wait_for 10 proc_gone "$1"; then
			echo "$(basename "$0"): $1 (pid $pid) ignored SIG${2:-TERM}, killing it" >&2
			kill -KILL "$pid" 2>/dev/null || true
			wait_for 10 proc_gone "$1" || true
		fi
	fi
	rm -f "$RUN/pids/$1"
}

# Pid file of a daemon holds the pid of the process that we started: it is ready.
proc_ready()
{
	local pid
	pid=$(proc_pid "$1") || return 0 # gone: no use to wait any longer
	[ "$(cat "$2" 2>/dev/null)" = "$pid" ]
}

# daemon_start NAME NAMESPACE PIDFILE COMMAND... : returns when the daemon has written its pid file.
# When it ends instead, its last words go to stderr and its exit status is ours.
daemon_start()
{
	local name=$1 namespace=$2 pidfile=$3 log=$RUN/logs/$1.log status=1 pid from=0
	shift 3
	rm -f "$pidfile"
	[ ! -e "$log" ] || from=$(stat -c %s "$log")
	proc_start "$name" "$namespace" "$@"
	if wait_for "$PATIENCE" proc_ready "$name" "$pidfile" && proc_pid "$name" >/dev/null; then
		return 0
	fi
	read -r pid _ <"$RUN/pids/$name"
	tail -c +$((from + 1)) "$log" | tail -40 >&2
	if proc_pid "$name" >/dev/null; then
		echo "$(basename "$0"): $name is not ready after $PATIENCE s" >&2
		proc_stop "$name" KILL
	else
		wait "$pid" 2>/dev/null
		status=$?
		[ $status -ne 0 ] || status=1
		echo "$(basename "$0"): $name ended with status $status" >&2
	fi
	rm -f "$RUN/pids/$name"
	return $status
}
