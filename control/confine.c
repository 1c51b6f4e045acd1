// SPDX-License-Identifier: BSD-3-Clause
// What control and its signing process give up. What control keeps, and why: files of its own user
// (lease database with its journal, key logs, admin socket, pid file), UNIX sockets (the dataplane,
// again and again; admin clients), randomness, memory, timers. Control's thread, before the loop.
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Every capability: none is needed any more. Ports, interfaces and raw sockets are the dataplane's.
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM)
			return -errno;
	return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define DENY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), DENY

// Calls that would be the next step of whoever took over a parser: they fail with EPERM.
static int filter_calls(void)
{
#ifdef ARCH
	struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		DENY, // another architecture's numbers mean other calls
		LOAD(offsetof(struct seccomp_data, nr)),
		// no other program: there is no hook, no helper, no shell here
		REFUSE(SYS_execve),
		REFUSE(SYS_execveat),
		// no other process' memory
		REFUSE(SYS_process_vm_readv),
		REFUSE(SYS_process_vm_writev),
		REFUSE(SYS_pidfd_getfd),
		// nothing of the kernel's own
		REFUSE(SYS_bpf),
		REFUSE(SYS_perf_event_open),
		REFUSE(SYS_userfaultfd),
		REFUSE(SYS_io_uring_setup),
		REFUSE(SYS_keyctl),
		REFUSE(SYS_add_key),
		REFUSE(SYS_request_key),
		REFUSE(SYS_init_module),
		REFUSE(SYS_finit_module),
		REFUSE(SYS_kexec_load),
		// no other view of the system
		REFUSE(SYS_mount),
		REFUSE(SYS_umount2),
		REFUSE(SYS_pivot_root),
		REFUSE(SYS_chroot),
		REFUSE(SYS_unshare),
		REFUSE(SYS_setns),
		// sockets: UNIX ones only; IKE datagrams come by the rings
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		LOAD(offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
		DENY,
		ALLOW,
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		return errno == EINVAL ? 0 : -errno; // a kernel without filters
#endif
	return 0;
}

#define MAY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), ALLOW
// When argument `arg` of call `nr` has one of the bits: not allowed.
#define MAY_WITHOUT(nr, arg, bits)                                                                 \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4),                                           \
		LOAD(offsetof(struct seccomp_data, args[arg])),                                    \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), DENY, ALLOW

// Only what signing takes; everything else fails with EPERM.
static int allow_signing(void)
{
#ifdef ARCH
	struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		DENY,
		LOAD(offsetof(struct seccomp_data, nr)),
		// the socket, and the log
		MAY(SYS_recvfrom),
		MAY(SYS_sendto),
		MAY(SYS_read),
		MAY(SYS_write),
		MAY(SYS_writev),
		// key files, which it may only read
		MAY_WITHOUT(SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND),
		MAY(SYS_newfstatat),
		MAY(SYS_fstat),
		MAY(SYS_lseek),
		MAY(SYS_close),
		// memory that is not code
		MAY(SYS_brk),
		MAY_WITHOUT(SYS_mmap, 2, PROT_EXEC),
		MAY_WITHOUT(SYS_mprotect, 2, PROT_EXEC),
		MAY(SYS_munmap),
		MAY(SYS_mremap),
		MAY(SYS_madvise),
		// randomness, clocks, its own number, locks, signals, its end
		MAY(SYS_getrandom),
		MAY(SYS_clock_gettime),
		MAY(SYS_gettimeofday),
		MAY(SYS_getpid),
		MAY(SYS_gettid),
		MAY(SYS_futex),
		MAY(SYS_rt_sigaction),
		MAY(SYS_rt_sigprocmask),
		MAY(SYS_rt_sigreturn),
		MAY(SYS_restart_syscall),
		MAY(SYS_exit),
		MAY(SYS_exit_group),
		DENY,
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		return errno == EINVAL ? 0 : -errno; // a kernel without filters
#endif
	return 0;
}

static int confine(int (*filter)(void))
{
	int error = 0;

	// No core dump and no debugger: keys are in here.
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -errno;
	error = drop_capabilities();
	if (error != 0)
		return error;
	// No right may come back by a set-uid program; the filter needs this too.
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	return filter();
}

int confine_process(void)
{
	return confine(filter_calls);
}

int confine_signer(void)
{
	return confine(allow_signing);
}
