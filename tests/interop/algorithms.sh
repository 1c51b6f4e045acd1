#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every algorithm that strongSwan has too, as IKE's and as ESP's, in both roles: up, pings, rekeys from
# either side with another key exchange, down.
#
#	strongSwan, cpn-client ──── gateway ──── cpn-lan
#	our client, cpn-client ──── strongSwan, cpn-router ──── cpn-far
. "$(dirname "$0")/lib.sh"

ALL_DH='dh = ["x25519", "x448", "ecp256", "ecp384", "ecp521", "modp2048", "modp3072", "modp4096"];'
ALL_INTEG='integ = ["sha256", "sha384", "sha512"];'
ALL_PRF='prf = ["prfsha256", "prfsha384", "prfsha512"];'
AEADS='"aes128gcm16", "aes192gcm16", "aes256gcm16", "chacha20poly1305"'
OTHERS='"aes128cbc", "aes192cbc", "aes256cbc", "aes128ctr", "aes192ctr", "aes256ctr"'

# In strongSwan's words: an IKE proposal and an ESP proposal with the same key exchange.
ROWS=(
	"aes128gcm16-prfsha256-x25519 aes128gcm16-x25519"
	"aes192gcm16-prfsha384-ecp384 aes192gcm16-ecp384"
	"aes256gcm16-prfsha512-ecp521 aes256gcm16-ecp521"
	"chacha20poly1305-prfsha256-x448 chacha20poly1305-x448"
	"aes128-sha256-prfsha256-modp2048 aes128-sha256-modp2048"
	"aes192-sha384-prfsha384-modp3072 aes192-sha384-modp3072"
	"aes256-sha512-prfsha512-modp4096 aes256-sha512-modp4096"
	"aes128ctr-sha256-prfsha256-ecp256 aes128ctr-sha256-ecp256"
	"aes192ctr-sha384-prfsha384-x25519 aes192ctr-sha384-x25519"
	"aes256ctr-sha512-prfsha512-x25519 aes256ctr-sha512-x25519"
	"aes256gcm16-prfsha512-modp3072 null-sha256-modp3072"
	"aes256gcm16-prfsha512-modp4096 null-sha512-modp4096"
)

# strongSwan's words for ciphers and groups in ours, as a proposal of a file: ours WORDS
ours()
{
	local word encr=() integ=() prf=() dh=()
	for word in ${1//-/ }; do
		case $word in
		prf*) prf+=("\"$word\"") ;;
		sha*) integ+=("\"$word\"") ;;
		aes128 | aes192 | aes256) encr+=("\"${word}cbc\"") ;;
		x25519 | x448 | ecp* | modp*) dh+=("\"$word\"") ;;
		*) encr+=("\"$word\"") ;;
		esac
	done
	echo "{ encr = [${encr[*]}]; ${integ:+integ = [${integ[*]}];} ${prf:+prf = [${prf[*]}];} dh = [${dh[*]}]; ${2:-} }"
}

# The suite of the only SA of a kind, as the gateway names it.
suite()
{
	gateway_json ".[] | select(.kind == \"$1\") | .suite" sa show
}

# The ciphers, integrity algorithms and groups of the gateway's SAs are those of a row.
check_suites()
{
	local ike=$1 esp=$2 proposal
	for proposal in "ike $ike" "child ${esp%-*}"; do
		local kind=${proposal%% *} word have
		have=$(suite "$kind")
		for word in $(ours "${proposal#* }" | grep -o '"[a-z0-9]*"' | tr -d '"'); do
			[[ $have == *"$word"* ]] || fail "the $kind SA has $have instead of $word"
		done
	done
	echo "ok: the gateway has $(suite ike) and $(suite child)"
}

swan_row()
{
	local ike=$1 esp=$2 kind
	swan_client alice@example.org alice-secret 192.0.2.2 192.0.2.1 |
		sed -e "s/\\bproposals = aes128gcm16-prf.*/proposals = $ike/" >"$RUN/swan-alice/swanctl/swanctl.conf"
	check "$ike and $esp are loaded" swan_load alice
	check "strongSwan connects" swan_initiate alice net
	check_suites "$ike" "$esp"
	SWAN4=$(swan_addresses alice | grep -m 1 '\.')
	check "ping" pings cpn-client $LAN4 -I "$SWAN4" -s 1200
	check "ping back" pings cpn-lan "$SWAN4"
	for kind in child ike; do
		check "strongSwan rekeys the $kind SA" swan_ctl alice --rekey "--$kind" "$([ $kind = ike ] && echo home || echo net)"
		check "the gateway sees it" wait_for "$PATIENCE" rekeyed $kind 1
		check "the gateway rekeys the $kind SA" cli sa rekey "$(sa_names $kind)"
		check "it is done" wait_for "$PATIENCE" rekeyed $kind 2
	done
	check_suites "$ike" "$esp"
	check "ping" pings cpn-client $LAN4 -I "$SWAN4"
	check "ping back" pings cpn-lan "$SWAN4" -s 1200
	check "strongSwan deletes it" swan_ctl alice --terminate --ike home
	check "the gateway has no IKE SA" wait_for "$PATIENCE" sa_none
}

# strongSwan as a gateway that takes these rows.
swan_gateway()
{
	cat <<-END
		connections {
			warrior {
				version = 2
				local_addrs = 192.0.2.254
				pools = four
				mobike = no
				proposals = $(printf '%s\n' "${ROWS[@]}" | cut -d' ' -f1 | paste -sd,)
				local {
					auth = psk
					id = gw.example.org
				}
				remote {
					auth = psk
				}
				children {
					net {
						local_ts = 0.0.0.0/0
						esp_proposals = $(printf '%s\n' "${ROWS[@]}" | cut -d' ' -f2 | paste -sd,)
					}
				}
			}
		}
		pools {
			four {
				addrs = 10.77.0.0/24
			}
		}
		secrets {
			ike-bob {
				id = bob@example.org
				secret = bob-secret
			}
		}
	END
}

# Our client with a row's proposals, strongSwan as the gateway.
swan_gateway_row()
{
	local kind four
	client_config gateway=192.0.2.254
	printf '%s = { proposals = ( %s ); };\n' ike "$(ours "$1")" esp "$(ours "$2")" >>"$WORK/client.conf"
	client_up --config "$WORK/client.conf"
	four=$(interface_address cpn-client cpn0 4 10.77)
	check "ping" pings cpn-client 198.51.100.2 -I "$four" -s 1200
	for kind in child ike; do
		check "our client rekeys the $kind SA" client_cli sa rekey \
			"$(client_json ".[] | select(.kind == \"$kind\") | .sa" sa show)"
		check "it is done" wait_for "$PATIENCE" client_rekeyed $kind 1
	done
	check "strongSwan rekeys the child SA" swan_ctl gateway --rekey --child net
	check "it is done" wait_for "$PATIENCE" client_rekeyed child 2
	check "strongSwan rekeys the IKE SA" swan_ctl gateway --rekey --ike warrior
	check "it is done" wait_for "$PATIENCE" client_rekeyed ike 2
	check "ping" pings cpn-client 198.51.100.2 -I "$four"
	echo "ok: our client has $(client_json '[.[].suite] | join(" and ")' sa show)"
	check_equal "packets that died in our client" 0 "$(client_drop_count)"
	"$TESTBED" client --stop
}

gateway_config \
	"ike = { proposals = ( { encr = [$AEADS]; $ALL_PRF $ALL_DH }, { encr = [$OTHERS]; $ALL_INTEG $ALL_PRF $ALL_DH } ); };" \
	"esp = { proposals = ( { encr = [$AEADS]; $ALL_DH }, { encr = [$OTHERS]; $ALL_INTEG $ALL_DH }," \
	"{ encr = [\"null\"]; $ALL_INTEG $ALL_DH } ); };"
begin --config "$WORK/gateway.conf"

swan_client alice@example.org alice-secret 192.0.2.2 192.0.2.1 | swan_start alice cpn-client || fail "strongSwan does not start"
for row in "${ROWS[@]}"; do
	SWAN_ESP=${row#* } swan_row "${row% *}" "${row#* }"
done
swan_stop alice

swan_gateway | swan_start gateway cpn-router || fail "strongSwan does not start"
# One of each kind of cipher and of group.
for row in "${ROWS[3]}" "${ROWS[5]}" "${ROWS[7]}" "${ROWS[10]}"; do
	swan_gateway_row "${row% *}" "${row#* }"
done
swan_stop gateway
check_equal "packets that died in the gateway" 0 "$(drop_count)"
