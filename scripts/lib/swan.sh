# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# strongSwan as a peer inside the testbed: charon-systemd without systemd, with its ESP in userspace
# (kernel-libipsec), so that no XFRM of the kernel is needed. Sourced, after common.sh.

# Where an instance's files lie.
swan_dir()
{
	echo "$RUN/swan-$1"
}

swan_settings()
{
	local dir=$1
	cat <<-END
		charon-systemd {
			load_modular = no
			load = random nonce openssl pem pkcs1 pkcs8 pubkey x509 revocation constraints kdf hmac gcm ccm chapoly aes sha1 sha2 curve25519 counters vici kernel-libipsec kernel-netlink socket-default resolve
			install_virtual_ip = yes
			install_routes = ${SWAN_INSTALL_ROUTES:-yes}
			make_before_break = ${SWAN_MAKE_BEFORE_BREAK:-no}
			signature_authentication = ${SWAN_SIGNATURE_AUTH:-yes}
			rsa_pss = ${SWAN_RSA_PSS:-no}
			retransmit_tries = 4
			retransmit_timeout = 2
			${SWAN_FRAGMENT_SIZE:+fragment_size = $SWAN_FRAGMENT_SIZE}
			journal { default = -1 }
			filelog {
				log {
					path = $dir/charon.log
					time_format = %H:%M:%S
					default = 1
					flush_line = yes
				}
			}
			plugins {
				vici { socket = unix://$dir/charon.vici }
				# Its own IKE and ESP packets stay off its tunnel, even when that is 0.0.0.0/0.
				kernel-netlink { fwmark = !0x42 }
				socket-default { fwmark = 0x42 }
				kernel-libipsec { allow_peer_ts = yes }
				# Name servers go to a file of the testbed, not to the machine's resolver.
				resolve {
					file = $dir/resolv.conf
					resolvconf { path = /nonexistent }
				}
			}
		}
	END
}

# swan_start NAME NAMESPACE < swanctl.conf : starts an instance and loads the configuration.
swan_start()
{
	local name=$1 namespace=$2 dir binary=/usr/sbin/charon-systemd
	dir=$(swan_dir "$name")
	# swanctl grumbles about each that is not there.
	mkdir -p "$dir/swanctl/"{x509,x509ca,x509ocsp,x509aa,x509ac,x509crl,pubkey,private,rsa,ecdsa,bliss,pkcs8,pkcs12}
	cat >"$dir/swanctl/swanctl.conf"
	swan_settings "$dir" >"$dir/strongswan.conf"
	touch "$dir/resolv.conf"
	# Debian's AppArmor profile goes by path, and would keep charon from our files.
	if grep -q charon-systemd /sys/kernel/security/apparmor/profiles 2>/dev/null; then
		cp $binary "$dir/charon"
		binary=$dir/charon
	fi
	proc_start "swan-$name" "$namespace" env "STRONGSWAN_CONF=$dir/strongswan.conf" "SWANCTL_DIR=$dir/swanctl" "$binary"
	if ! wait_for "$PATIENCE" swan_ctl "$name" --stats || ! swan_load "$name"; then
		cat "$RUN/logs/swan-$name.log" "$dir/charon.log" >&2
		return 1
	fi
}

swan_ctl()
{
	local name=$1 dir verb=$2 binary=swanctl
	shift 2
	dir=$(swan_dir "$name")
	if grep -q swanctl /sys/kernel/security/apparmor/profiles 2>/dev/null; then
		binary=$dir/swanctl.bin
		[ -x "$binary" ] || cp /usr/sbin/swanctl "$binary"
	fi
	STRONGSWAN_CONF=$dir/strongswan.conf SWANCTL_DIR=$dir/swanctl \
		$binary "$verb" "$@" --uri "unix://$dir/charon.vici"
}

swan_load()
{
	swan_ctl "$1" --load-all --noprompt >>"$RUN/logs/swan-$1.log" 2>&1
}

# swan_initiate NAME CHILD : returns when the child SA is up.
swan_initiate()
{
	swan_ctl "$1" --initiate --child "$2" --timeout "${PATIENCE:-30}" --loglevel 1
}

# The virtual addresses of an instance, one a line. swan_addresses NAME
swan_addresses()
{
	swan_ctl "$1" --list-sas --raw | sed -n 's/.*local-vips=\[\([^]]*\)\].*/\1/p' | tr ' ' '\n' | sed '/^$/d'
}

# swan_stop NAME : ends it; on SIGTERM charon deletes its IKE SAs.
swan_stop()
{
	proc_stop "swan-$1"
}

# The configuration of a road warrior: swan_client ID SECRET LOCAL GATEWAY, with IPv4 and IPv6 virtual
# addresses and the whole world behind the gateway. One of several in a file has a number:
# SWAN_NUMBER, which connection (home) and child (net) are named after.
swan_client()
{
	local id=$1 secret=$2 local=$3 gateway=$4 SWAN_NUMBER=${SWAN_NUMBER:-}
	cat <<-END
		connections {
			home$SWAN_NUMBER {
				version = 2
				local_addrs = $local
				remote_addrs = $gateway
				vips = 0.0.0.0, ::
				mobike = no
				fragmentation = ${SWAN_FRAGMENTATION:-yes}
				proposals = aes128gcm16-prfsha256-x25519, aes256-sha256-ecp256
				rekey_time = ${SWAN_IKE_REKEY:-4h}
				# Its margin before the end of a lifetime, also of one that the gateway named.
				${SWAN_IKE_OVER:+over_time = $SWAN_IKE_OVER}
				keyingtries = 1
				local {
					auth = psk
					id = $id
				}
				remote {
					auth = psk
					id = gw.example.org
				}
				children {
					net$SWAN_NUMBER {
						remote_ts = ${SWAN_REMOTE_TS:-0.0.0.0/0, ::/0}
						esp_proposals = ${SWAN_ESP:-aes128gcm16-x25519, aes128gcm16}
						rekey_time = ${SWAN_REKEY:-1h}
						dpd_action = none
					}
				}
			}
		}
		secrets {
			ike-home$SWAN_NUMBER {
				id-1 = $id
				id-2 = gw.example.org
				secret = "$secret"
			}
		}
	END
}

# The configuration of a gateway in cpn-router for bob@example.org, with addresses of its own pools.
swan_gateway()
{
	cat <<-END
		connections {
			warrior {
				version = 2
				local_addrs = 192.0.2.254, 2001:db8:ff::fe
				pools = four, six
				mobike = no
				fragmentation = ${SWAN_FRAGMENTATION:-yes}
				proposals = aes128gcm16-prfsha256-x25519
				local {
					auth = psk
					id = gw.example.org
				}
				remote {
					auth = psk
				}
				children {
					net {
						local_ts = 0.0.0.0/0, ::/0
						esp_proposals = aes128gcm16-x25519, aes128gcm16
					}
				}
			}
		}
		pools {
			four {
				addrs = 10.77.0.0/24
				dns = 10.77.0.1
			}
			six {
				addrs = 2001:db8:77::/96
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
