# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Certification authorities and certificates under them, fresh for each testbed and each test. Files lie
# in the current folder: NAME.key, NAME.pem, NAME.crl. Sourced.

# pki_key NAME KIND : rsa, p256, p384, p521, ed25519 or ed448.
pki_key()
{
	case $2 in
	rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
	p*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-${2#p}" -out "$1.key" ;;
	*) openssl genpkey -algorithm "$2" -out "$1.key" ;;
	esac 2>/dev/null
}

# pki_sign NAME ISSUER EXTENSIONS : ISSUER is NAME itself for a root.
pki_sign()
{
	local by=(-CA "$2.pem" -CAkey "$2.key" -CAcreateserial)
	[ "$1" != "$2" ] || by=(-key "$1.key")
	openssl req -new -key "$1.key" -subj "/O=Caponier testbed/CN=$1" 2>/dev/null |
		openssl x509 -req "${by[@]}" -days 30 -out "$1.pem" -extfile <(printf '%b' "$3") 2>/dev/null
}

# pki_ca NAME KIND [ISSUER]
pki_ca()
{
	pki_key "$1" "$2" &&
		pki_sign "$1" "${3:-$1}" 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'
}

# pki_issue NAME KIND ISSUER SUBJECTALTNAME
pki_issue()
{
	pki_key "$1" "$2" &&
		pki_sign "$1" "$3" "subjectAltName=$4\nkeyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\n"
}

# pki_crl ISSUER [REVOKED]... : ISSUER.crl, on which these are.
pki_crl()
{
	local issuer=$1 name settings
	shift
	settings="[ca]\ndefault_ca=it\n[it]\ndatabase=$issuer.index\ncrlnumber=$issuer.number\ndefault_md=sha256\n"
	settings+="certificate=$issuer.pem\nprivate_key=$issuer.key\ndefault_crl_days=30\n"
	[ -e "$issuer.number" ] || echo 01 >"$issuer.number"
	touch "$issuer.index"
	printf '%b' "$settings" >"$issuer.conf"
	for name in "$@"; do
		openssl ca -config "$issuer.conf" -revoke "$name.pem" 2>/dev/null || return
	done
	openssl ca -config "$issuer.conf" -gencrl -out "$issuer.crl" 2>/dev/null
}

# The testbed's own, in the runtime directory.
pki_make()
(
	umask 077
	mkdir "$RUN/pki"
	cd "$RUN/pki" || exit
	pki_ca ca p256 && pki_issue gateway p256 ca DNS:gw.example.org || exit
	for name in alice bob carol; do
		pki_issue $name p256 ca DNS:$name.cert.example.org || exit
	done
)
