# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The testbed's certification authority and the certificates under it, fresh for each `up`.
# Sourced by scripts/testbed.

# pki_issue NAME SAN : NAME.key and NAME.pem, signed by the CA.
pki_issue()
{
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
		-subj "/O=Caponier testbed/CN=$1" 2>/dev/null |
		openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1.pem" \
			-extfile <(printf 'subjectAltName=%s\nkeyUsage=digitalSignature\n' "$2") 2>/dev/null
}

pki_make()
(
	umask 077
	mkdir "$RUN/pki"
	cd "$RUN/pki" || exit
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
		-days 30 -subj "/O=Caponier testbed/CN=Caponier testbed CA" \
		-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=keyCertSign,cRLSign" 2>/dev/null
	pki_issue gateway DNS:gw.example.org
	for name in alice bob carol; do
		pki_issue $name DNS:$name.cert.example.org
	done
)
