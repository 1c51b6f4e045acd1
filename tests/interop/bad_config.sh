#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad configuration: FILE:LINE and what is wrong, exit 2, nothing started. A port that does not exist
# is named.
#
#	(no packets)
. "$(dirname "$0")/lib.sh"
alone

# refused WHAT PATTERN SED... : a copy of the sample with one mistake; both daemons, `config check`
# and the testbed say where it is.
refused()
{
	local what=$1 pattern=$2 line program status
	sed -E "${@:3}" "$ROOT/config/gateway.conf" >"$WORK/bad.conf"
	line=$(diff "$ROOT/config/gateway.conf" "$WORK/bad.conf" | sed -n '1s/^\([0-9]*\).*/\1/p')
	[ -n "$line" ] || fail "$what: the sample has nothing to spoil"
	mkdir -p "$WORK/run"
	for program in caponier-control caponier-dataplane; do
		timeout 20 "$(program $program)" -c "$WORK/bad.conf" -r "$WORK/run" >"$WORK/out" 2>&1
		status=$?
		check_equal "$what: $program's exit status" 2 $status
		check "$what: it says $(grep -m 1 "bad.conf:" "$WORK/out")" grep -q -E "bad\.conf:$line: .*($pattern)" "$WORK/out"
	done
	check_equal "$what: nothing was started" "" "$(ls "$WORK/run")"
	timeout 20 "$(program caponier)" config check "$WORK/bad.conf" >"$WORK/out" 2>&1
	check_equal "$what: config check's exit status" 1 $?
	check "$what: config check says the same" grep -q "bad\.conf:$line: " "$WORK/out"
}
refused "not libconfig" "syntax|expected|parse" '/^pools/s/ = / == /'
refused "unknown algorithm" "aes129gcm16" '0,/\["aes128gcm16"/s//["aes129gcm16"/'
refused "address without sense" "192.0.2.1000" '0,/192\.0\.2\.1\/24/s//192.0.2.1000\/24/'
refused "unknown profile" "nonesuch" '0,/profile = "[a-z0-9]+"/s//profile = "nonesuch"/'

for sample in "$ROOT/config/"*.conf; do
	check "$(basename "$sample") is good" "$(program caponier)" config check "$sample"
done

sed 's/af_packet:gw-inner/af_packet:nonesuch0/' "$ROOT/config/testbed.conf" >"$WORK/port.conf"
"$TESTBED" up --config "$WORK/port.conf" >"$WORK/out" 2>&1
status=$?
check "a port that does not exist: up fails ($status)" test $status -ne 0
check "it is named: $(grep -m 1 nonesuch0 "$WORK/out")" grep -q nonesuch0 "$WORK/out"
check_not "nothing is left of it" test -e "$RUN"

sed 's|192\.0\.2\.1/24|192.0.2.1/33|' "$ROOT/config/testbed.conf" >"$WORK/bad.conf"
"$TESTBED" up --config "$WORK/bad.conf" >"$WORK/out" 2>&1
check_equal "testbed up passes the daemon's exit status on" 2 $?
check "and its words" grep -q 'bad\.conf:[0-9]*: ' "$WORK/out"
