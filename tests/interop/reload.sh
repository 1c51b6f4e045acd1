#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# L20 L28: `config reload` applies what differs and disturbs nobody else: a peer comes, another goes, a
# pool shrinks, whoever is outside of it is renumbered; a bad file, or one that needs a restart, changes
# nothing and says why.
#
#	our client, cpn-client ────────────────────────────┐
#	strongSwan, then our client, cpn-far ── router ── gateway ── cpn-lan
. "$(dirname "$0")/lib.sh"
config=$WORK/gateway.conf
cp "$ROOT/config/testbed.conf" "$config"
begin --config "$config"

# reload WHAT SED... : spoils or changes the file, and loads it.
reload()
{
	local what=$1
	shift
	sed -i -E "$@" "$config"
	check "$what" cli config reload
}

# refused WHAT PATTERN SED... : what is wrong is on stderr, and everything stays as it was. The file is
# mended again.
refused()
{
	local what=$1 pattern=$2 before
	cp "$config" "$WORK/good.conf"
	before=$(cli config show)
	sed -i -E "${@:3}" "$config"
	cli config reload >"$WORK/out" 2>"$WORK/err"
	check_equal "$what: exit status" 1 $?
	check "$what: $(head -1 "$WORK/err")" grep -q -E "$pattern" "$WORK/err"
	check "$what: nothing was changed" test "$before" = "$(cli config show)"
	cp "$WORK/good.conf" "$config"
}

proc_start monitor cpn-gw "$(program caponier)" -r "$RUN" monitor --json
client_config autostart=true
mv "$WORK/client.conf" "$WORK/bob.conf"
client_up --config "$WORK/bob.conf"
stream_start bob cpn-client $LAN6
bob_sa=$(gateway_json '.[] | select(.kind == "ike" and .peer == "bob@example.org") | .spi_i' sa show)
bob=$(gateway_json '.[0].prefixes | join(" ")' link show bob@example.org)

refused "not libconfig" 'gateway\.conf:[0-9]+: syntax error' '/^pools/s/ = / == /'
refused "axes that make no sense" 'gateway\.conf:[0-9]+: .*router-aggregation' 's|addresses_by = "whole-prefix"|addresses_by = "slaac"|'
refused "key log that cannot be opened" 'key log: .*nothing was changed' 's|^gateway = \{|keylog_dir = "/nonexistent";\n&|'
refused "another port" 'dataplane\.ports .*restart caponier-dataplane' 's|2001:db8:aaaa::1/64|2001:db8:aaaa::2/64|'
refused "another identity" 'gateway\.id .*restart caponier-control' 's|"gw.example.org"|"gw2.example.org"|'

check "the same file" cli config reload
check_equal "nobody was asked to do anything" "$bob_sa" \
	"$(gateway_json '.[] | select(.kind == "ike" and .peer == "bob@example.org") | .spi_i' sa show)"

# A new peer may connect, one that is gone is cut.
swan_client carol@example.org carol-secret 198.51.100.2 192.0.2.1 | swan_start carol cpn-far || fail "strongSwan does not start"
check_not "carol is nobody yet" swan_initiate carol net
reload "carol is added" 's|^(.*)\{ name = "bob".*|&\n\1{ name = "carol"; id = "carol@example.org"; secret = "carol-secret"; profile = "link"; },|'
check "carol connects" wait_for 20 swan_initiate carol net
reload "carol is taken out" '/name = "carol"/d'
carol_is_gone()
{
	[ -z "$(gateway_json '.[] | select(.peer == "carol@example.org") | .sa' sa show)" ]
}
check "carol's SAs go" wait_for 5 carol_is_gone
check_not "carol cannot come back" swan_initiate carol net
proc_stop swan-carol

# The pool shrinks around bob.
far_config id=u1@load.example.org secret=load-secret
client_up --config "$WORK/client.conf" --namespace cpn-far
far=$(gateway_json '.[0].prefixes | join(" ")' link show u1@load.example.org)
pool=$(cut -d: -f1-3 <<<"$bob")::/48
check "the others are outside of $pool ($far)" test "${far%%:*}" = 2001 -a "${far:0:14}" != "${bob:0:14}"
reload "the pool shrinks to $pool" "s|2001:db8:1000::/40|$pool|"
inside()
{
	local now
	now=$(gateway_json '.[0].prefixes | join(" ")' link show u1@load.example.org)
	[[ $now == *"${bob:0:14}"* && $now != *"${far:0:14}"* ]]
}
check "whoever is outside gets a prefix of it" wait_for 30 inside
check "and keeps the one of the other pool" \
	grep -q "${far##* }" <(gateway_json '.[0].prefixes | join(" ")' link show u1@load.example.org)
far_has()
{
	interface_address cpn-far cpn0 6 "${bob:0:14}"
}
check "its interface has it" wait_for 10 far_has
check "and it works" pings cpn-far $LAN6 -I "$(far_has)"
check_equal "whoever is inside keeps his" "$bob" "$(gateway_json '.[0].prefixes | join(" ")' link show bob@example.org)"
reload "the pool grows again" "s|$pool|2001:db8:1000::/40|"
check_equal "everybody keeps his" "$bob" "$(gateway_json '.[0].prefixes | join(" ")' link show bob@example.org)"

sed -i 's/^gateway = {/ike = { liveness = "20s"; };\n&/' "$config"
check "SIGHUP" kill -HUP "$(cat "$RUN/control.pid")"
liveness_is_new()
{
	[ "$(gateway_json '.[] | select(.setting == "ike.liveness") | .value' config show)" = 20s ]
}
check "does the same" wait_for 5 liveness_is_new

# The client's side: a connection comes and goes beside the first.
CLIENT_RUN=$RUN/client
cp "$WORK/bob.conf" "$WORK/one.conf"
sed -i -E -e 's|^\);|, { name = "second"; id = "u2@load.example.org"; gateway_id = "gw.example.org"; secret = "load-secret"; gateway = "192.0.2.1"; interface = "cpn1"; routes = ["10.20.0.0/24"]; }\n&|' "$WORK/bob.conf"
check "the client's file is good" "$(program caponier)" config check "$WORK/bob.conf"
check "client: a second connection" client_cli config reload
second_up()
{
	ip -n cpn-client -6 addr show dev cpn1 scope global | grep -q inet6
}
check "client: it comes up" wait_for 20 second_up
cp "$WORK/one.conf" "$WORK/bob.conf"
check "client: it is taken out" client_cli config reload
check_not "client: its interface goes" wait_for 5 ip -n cpn-client link show dev cpn1 up
second_gone()
{
	[ -z "$(gateway_json '.[] | select(.kind == "ike" and .peer == "u2@load.example.org") | .sa' sa show)" ]
}
check "client: its SAs go" wait_for 5 second_gone

check_equal "packets that bob lost through all of it" 0 "$(stream_stop bob)"
check_equal "bob's IKE SA is the same" "$bob_sa" \
	"$(gateway_json '.[] | select(.kind == "ike" and .peer == "bob@example.org") | .spi_i' sa show)"
events=$RUN/logs/monitor.log
check "each reload is an event" jq -e -s '[.[] | select(.event == "config-reloaded")] | length == 6' "$events"
check "that says what differs" jq -e -s 'any(.[]; .event == "config-reloaded" and .changed == ["pools"] and .renumbered == 1)' "$events"
check "so is each refusal" jq -e -s '[.[] | select(.event == "config-refused" and (.text | length) > 0)] | length == 5' "$events"
