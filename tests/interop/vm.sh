# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A peer with Linux's own ESP: Debian's kernel in a virtual machine under software emulation, on the
# outer network as 192.0.2.251 and 2001:db8:ff::251. For what no userspace peer can do: native ESP,
# ESN, transport mode. Sourced by interop tests.
#
# The kernel package is unpacked into the build directory, never installed. The machine's root is
# the host's, read-only, with a tmpfs on top; files under $VM_DIR/share are at /share in there.

VM_CACHE=$BUILD/vm
VM_DIR=$RUN/vm
VM_MODULES="virtio_pci virtio_net virtio_console 9p 9pnet_virtio overlay esp4 esp6 xfrm_user
	xfrm_interface seqiv echainiv gcm authenc authencesn cbc hmac sha256_generic chacha20poly1305 aesni_intel ghash_clmulni_intel
	sha256_ssse3 sit
	ctr ghash_generic chacha_generic chacha_x86_64 poly1305_generic poly1305_x86_64 drbg
	jitterentropy_rng sha512_generic"

# Kernel and initramfs, once per build directory.
vm_prepare()
{
	local package version module
	[ -e "$VM_CACHE/ready" ] && return
	rm -rf "$VM_CACHE"
	mkdir -p "$VM_CACHE/root/"{bin,modules,proc,sys,dev,host,top,new}
	package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
	(cd "$VM_CACHE" && apt-get -q download "$package" >"$VM_CACHE/apt.log" 2>&1 &&
		dpkg-deb -x linux-image-*.deb image && rm linux-image-*.deb) || return
	version=$(basename "$VM_CACHE/image/lib/modules/"*)
	depmod -b "$VM_CACHE/image" "$version" || return
	for module in $VM_MODULES; do
		modprobe -d "$VM_CACHE/image" -S "$version" --show-depends "$module" 2>/dev/null
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$VM_CACHE/order"
	while read -r module; do
		cp "$module" "$VM_CACHE/root/modules/" || return
		echo "/modules/$(basename "$module")" >>"$VM_CACHE/root/modules/order"
	done <"$VM_CACHE/order"
	cp /bin/busybox "$VM_CACHE/root/bin/busybox" && vm_init >"$VM_CACHE/root/init" || return
	chmod +x "$VM_CACHE/root/init"
	(cd "$VM_CACHE/root" && find . | cpio -o -H newc --quiet | gzip -1 >"$VM_CACHE/initramfs") || return
	mv "$VM_CACHE/image/boot/vmlinuz-$version" "$VM_CACHE/vmlinuz"
	rm -rf "$VM_CACHE/image" "$VM_CACHE/root"
	touch "$VM_CACHE/ready"
}

# First program of the machine: modules, root, then a shell that reads commands from the port.
vm_init()
{
	cat <<-'END'
		#!/bin/busybox sh
		/bin/busybox mount -t proc proc /proc
		/bin/busybox mount -t sysfs sys /sys
		/bin/busybox mount -t devtmpfs dev /dev
		while read -r m; do /bin/busybox insmod "$m"; done </modules/order
		/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose host /host
		/bin/busybox mount -t tmpfs top /top
		/bin/busybox mkdir /top/upper /top/work
		/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/top/upper,workdir=/top/work root /new
		for d in proc sys dev; do /bin/busybox mount --move /$d /new/$d; done
		/bin/busybox mount -t tmpfs run /new/run
		/bin/busybox mount -t tmpfs tmp /new/tmp
		/bin/busybox mkdir -p /new/share
		/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L share /new/share
		exec /bin/busybox chroot /new /bin/bash /share/agent
	END
}

# In the machine: one command a line in, its output and a last line "exit STATUS" out.
vm_agent()
{
	cat <<-'END'
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
		sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv4.ping_group_range="0 2147483647"
		ip link set lo up
		dev=$(basename "$(ls -d /sys/class/net/e*)")
		ip link set "$dev" name outer
		ip link set outer up
		ip addr add 192.0.2.251/24 dev outer
		ip addr add 2001:db8:ff::251/64 dev outer nodad
		port=/dev/virtio-ports/agent
		[ -e $port ] || port=/dev/vport$(cd /sys/class/virtio-ports && grep -l agent */name | sed 's/vport//;s,/name,,')
		exec 3<>"$port"
		echo ready >&3
		while read -r line <&3; do
			bash -c "$line" </dev/null >&3 2>&1
			echo "exit $?" >&3
		done
		busybox poweroff -f
	END
}

vm_up()
{
	vm_prepare || return
	mkdir -p "$VM_DIR/share"
	vm_agent >"$VM_DIR/share/agent"
	ip -n cpn-net tuntap add vm mode tap
	ip -n cpn-net link set vm master outer up
	proc_start vm cpn-net qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 1 -m 768 \
		-nodefaults -no-reboot -display none -serial "file:$RUN/logs/vm-console.log" \
		-kernel "$VM_CACHE/vmlinuz" -initrd "$VM_CACHE/initramfs" \
		-append "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off" \
		-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=host,mount_tag=host \
		-fsdev "local,id=share,path=$VM_DIR/share,security_model=none" \
		-device virtio-9p-pci,fsdev=share,mount_tag=share \
		-netdev tap,id=outer,ifname=vm,script=no,downscript=no,vhost=off \
		-device virtio-net-pci,netdev=outer,mac=02:00:00:00:02:51,csum=off,guest_csum=off,gso=off,host_tso4=off,host_tso6=off \
		-device virtio-serial-pci -chardev "socket,id=agent,path=$VM_DIR/agent,server=on,wait=off" \
		-device virtserialport,chardev=agent,name=agent
	wait_for 20 test -S "$VM_DIR/agent" || return
	coproc VM { exec socat - "UNIX-CONNECT:$VM_DIR/agent"; }
	# Copies of the descriptors: those in VM are closed in subshells.
	exec {VM_FROM}<&"${VM[0]}" {VM_TO}>&"${VM[1]}"
	local line
	read -r -t 120 line <&"$VM_FROM" && [ "${line%$'\r'}" = ready ]
}

# vm_exec COMMAND... : one line of shell; prints what it says; its exit status. All of the answer is
# read before any is printed: whoever reads our output may stop early, the machine must not notice.
vm_exec()
{
	local line said=()
	echo "$*" >&"$VM_TO"
	while read -r -t 120 line <&"$VM_FROM"; do
		line=${line%$'\r'}
		if [[ $line == "exit "* ]]; then
			[ ${#said[@]} -eq 0 ] || printf '%s\n' "${said[@]}"
			return "${line#exit }"
		fi
		said+=("$line")
	done
	echo "the virtual machine does not answer" >&2
	return 124
}

vm_down()
{
	proc_stop vm
	[ -z "${VM_TO:-}" ] || exec {VM_FROM}<&- {VM_TO}>&-
	VM_TO=
	ip -n cpn-net link del vm 2>/dev/null
}

# strongSwan in the machine, its ESP the kernel's.
vm_swan_start()
{
	local dir=$VM_DIR/share/swan
	mkdir -p "$dir/swanctl/"{x509,x509ca,x509ocsp,x509aa,x509ac,x509crl,pubkey,private,rsa,ecdsa,bliss,pkcs8,pkcs12}
	cat >"$dir/strongswan.conf" <<-END
		charon-systemd {
			load_modular = no
			load = random nonce openssl pem pkcs1 pkcs8 pubkey x509 revocation constraints kdf hmac gcm ccm chapoly aes sha1 sha2 curve25519 counters vici kernel-netlink socket-default
			install_virtual_ip = yes
			journal { default = -1 }
			filelog {
				log {
					path = /share/swan/charon.log
					default = 1
					flush_line = yes
				}
			}
			plugins {
				vici { socket = unix:///run/charon.vici }
			}
		}
	END
	cat >"$dir/ctl" <<-'END'
		export STRONGSWAN_CONF=/share/swan/strongswan.conf SWANCTL_DIR=/share/swan/swanctl
		verb=$1
		shift
		exec swanctl "$verb" "$@" --uri unix:///run/charon.vici
	END
	vm_exec "STRONGSWAN_CONF=/share/swan/strongswan.conf SWANCTL_DIR=/share/swan/swanctl setsid /usr/sbin/charon-systemd >/share/swan/out 2>&1 &" || return
	wait_for "$PATIENCE" vm_swan_ctl --stats
}

# Its configuration, in place of the one before. vm_swan_config < swanctl.conf
vm_swan_config()
{
	cat >"$VM_DIR/share/swan/swanctl/swanctl.conf"
	vm_swan_ctl --load-all --noprompt >>"$RUN/logs/vm-swan.log" 2>&1
}

# vm_swan_ctl VERB ARGUMENTS...
vm_swan_ctl()
{
	vm_exec "bash /share/swan/ctl $*"
}
