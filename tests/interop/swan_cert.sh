#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# T6 M-G: certificates with strongSwan, as its gateway and as its client: RSA (PSS and PKCS#1), ECDSA,
# Ed25519, an intermediate CA, a peer without RFC 7427; who is revoked, of another CA or not who he says
# gets nothing. The process that has the private keys is killed, and comes back.
#
#	strongSwan, cpn-client ──── gateway        our client, cpn-client ──── strongSwan, cpn-router
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../scripts/lib/pki.sh
. "$ROOT/scripts/lib/pki.sh"

umask 077
mkdir "$WORK/pki"
PKI=$WORK/pki

# pki KIND [ISSUER] : a CA, and certificates of gateway and clients under it (or under its intermediate).
pki()
{
	local kind=$1 issuer=${2:-ca}
	(
		cd "$PKI" && rm -f ./* && pki_ca ca p256 && pki_ca middle p256 ca && pki_ca strange p256 &&
			pki_issue gateway "$kind" "$issuer" DNS:gw.example.org &&
			pki_issue alice "$kind" "$issuer" DNS:alice.cert.example.org &&
			pki_issue mallory "$kind" strange DNS:alice.cert.example.org &&
			pki_crl ca && pki_crl middle || exit
		# Ours first, then who signed it.
		for name in gateway alice mallory; do
			cat $name.pem >$name.chain
			[ "$issuer" = ca ] || cat "$issuer.pem" >>$name.chain
		done
	) || fail "no certificates"
}

# cert_gateway [PADDING] : the testbed's gateway with certificates beside its secrets.
cert_gateway()
{
	sed -E -e "/^gateway = /,\$ { s|^(\s*)id = \"gw.*|&\n\1certificate = \"$PKI/gateway.chain\";\n\1private_key = \"$PKI/gateway.key\";\n\1rsa_padding = \"${1:-pss}\";|
			s|^\s*peers = \(|&\n{ name = \"cert\"; id = \"*.cert.example.org\"; authentication = \"certificate\"; profile = \"link\"; },| }" \
		"$ROOT/config/testbed.conf" >"$WORK/gateway.conf"
	echo "certificates = { authorities = [\"$PKI/ca.pem\"]; crls = [\"$PKI/ca.crl\", \"$PKI/middle.crl\"]; };" >>"$WORK/gateway.conf"
}

# What strongSwan finds in its folders: swan_pki INSTANCE CERTIFICATE
swan_pki()
{
	local dir
	dir=$(swan_dir "$1")/swanctl
	mkdir -p "$dir/"{x509,x509ca,private}
	cp "$PKI/$2.pem" "$dir/x509/own.pem"
	cp "$PKI/$2.key" "$dir/private/own.key"
	cp "$PKI/ca.pem" "$PKI/middle.pem" "$dir/x509ca/"
	[ "$2" != mallory ] || cp "$PKI/strange.pem" "$dir/x509ca/"
}

# cert_client ID : the configuration of a road warrior.
cert_client()
{
	cat <<-END
		connections {
			home {
				version = 2
				local_addrs = 192.0.2.2
				remote_addrs = 192.0.2.1
				vips = 0.0.0.0, ::
				mobike = no
				proposals = aes128gcm16-prfsha256-x25519
				keyingtries = 1
				local {
					auth = pubkey
					certs = own.pem
					id = $1
				}
				remote {
					auth = pubkey
					id = gw.example.org
				}
				children {
					net {
						remote_ts = 0.0.0.0/0, ::/0
						esp_proposals = aes128gcm16
					}
				}
			}
		}
	END
}

# client_with CERTIFICATE ID : starts strongSwan with it.
client_with()
{
	swan_pki alice "$1"
	cert_client "$2" | swan_start alice cpn-client || fail "strongSwan does not start"
}

authenticated_by()
{
	gateway_json '.[] | select(.kind == "ike") | .authentication' sa show
}

# connects WHAT SCHEME : and disconnects.
connects()
{
	client_with alice alice.cert.example.org
	check "$1: strongSwan connects" swan_initiate alice net
	check_equal "$1: by" "$2" "$(authenticated_by)"
	check "$1: ping" pings cpn-client $LAN4 -I "$(swan_addresses alice | grep -m 1 '\.')"
	swan_stop alice
	check "$1: it has gone" wait_for 10 sa_none
}

# refused WHAT CERTIFICATE ID REASON
refused()
{
	client_with "$2" "$3"
	check_not "$1: strongSwan does not connect" swan_initiate alice net
	check "$1: the gateway says why" wait_for 10 grep -q "authentication failed: $4" "$RUN/logs/gateway-control.log"
	check "$1: nothing is left of it" wait_for 10 sa_none
	swan_stop alice
}

reloaded()
{
	check "$1: the gateway reads its files again" cli config reload
}

pki rsa
cert_gateway
begin --config "$WORK/gateway.conf"
connects "RSA-PSS from us" rsa-pkcs1-sha256
cert_gateway pkcs1
reloaded "PKCS#1"
SWAN_RSA_PSS=yes connects "RSA-PSS from strongSwan" rsa-pss-sha256
for kind in p256 p384 ed25519; do
	pki $kind middle
	cert_gateway
	reloaded "$kind"
	case $kind in
	p256) scheme=ecdsa-sha256 ;;
	p384) scheme=ecdsa-sha384 ;;
	*) scheme=$kind ;;
	esac
	connects "$kind, intermediate CA" $scheme
	# Without it there is a method for each curve, and none for Ed25519.
	[[ $kind != p* ]] || SWAN_SIGNATURE_AUTH=no connects "$kind, no RFC 7427" $scheme
done

refused "another name" alice bob.cert.example.org "the certificate is not for this identity"
refused "another CA" mallory alice.cert.example.org "unable to get local issuer certificate"
(cd "$PKI" && pki_crl middle alice) || fail "no CRL"
reloaded "revoked"
refused "revoked" alice alice.cert.example.org "certificate revoked"
# Its keys are not in control, and it may die.
signer=$(pgrep -x caponier-signer -P "$(pgrep -x caponier-keeper -P "$(cat "$RUN/control.pid")")")
check "there is a signing process" test -n "$signer"
kill -9 "$signer"
check "its death is in the log" wait_for 10 grep -q "the signing process has died of signal 9" "$RUN/logs/gateway-control.log"
(cd "$PKI" && rm middle.index* && pki_crl middle) || fail "no CRL"
reloaded "nobody is revoked"
connects "with another signing process" ed25519
"$TESTBED" restart control --kill
connects "after control was killed" ed25519
check_not "the former signing process is gone" test -e "/proc/$signer"
"$TESTBED" down

# ---- strongSwan as the gateway of our client ----

swan_gateway()
{
	cat <<-END
		connections {
			warrior {
				version = 2
				local_addrs = 192.0.2.254
				pools = four
				mobike = no
				proposals = aes128gcm16-prfsha256-x25519
				local {
					auth = pubkey
					certs = own.pem
					id = gw.example.org
				}
				remote {
					auth = pubkey
				}
				children {
					net {
						local_ts = 0.0.0.0/0
						esp_proposals = aes128gcm16
					}
				}
			}
		}
		pools {
			four {
				addrs = 10.77.0.0/24
			}
		}
	END
}

# our_client KIND NAME : a client with a certificate of this kind, by the intermediate CA.
our_client()
{
	pki "$1" middle
	[ ! -e "$RUN" ] && "$TESTBED" up
	swan_pki gateway gateway
	swan_gateway | swan_start gateway cpn-router || fail "strongSwan does not start"
	client_config gateway=192.0.2.254 authentication=certificate certificate="$PKI/alice.chain" \
		private_key="$PKI/alice.key" id=alice.cert.example.org
	sed -i -E '/^\s*(secret|id) = .*bob/d' "$WORK/client.conf"
	echo "certificates = { authorities = [\"$PKI/ca.pem\"]; };" >>"$WORK/client.conf"
}

for kind in rsa p256 ed25519; do
	our_client $kind
	client_up --config "$WORK/client.conf"
	check "$kind: ping" pings cpn-client 198.51.100.2 -I "$(interface_address cpn-client cpn0 4 10.77)"
	check "$kind: the client says by what" test -n \
		"$(client_json '.[] | select(.kind == "ike") | .authentication | select(. != "secret")' sa show)"
	"$TESTBED" client --stop
	swan_stop gateway
done
