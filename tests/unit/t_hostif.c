// SPDX-License-Identifier: BSD-3-Clause
// The host's side of a client with a real kernel, in a network namespace of the test's own (skipped
// where it may not make one): a TUN device whose other end the test holds. Duplicate address
// detection, router solicitations and addresses from an advertisement (L12, P2, P4), temporary
// addresses, forwarding, and a LAN that hears advertisements (L6).
#include "clock.h"
#include "csum.h"
#include "host6.h"
#include "hostif.h"
#include "ifaddr.h"
#include "lan.h"
#include "rtnl.h"

#include <check.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME "cap0"
#define WAITS 200 // of a tenth of a second: a busy machine's kernel takes its time

static int tun;
static struct hostifs *hostifs;
static uint32_t state_n;
static struct ipc_hostif_addr_state state[64];
static uint8_t pkt[2048];

static struct port *open_port(void *arg, const char *name, uint32_t mtu, char *why, size_t why_len)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	struct rtnl_link down = {.manual_addresses = true}; // as the port code does it
	int rtnl = rtnl_open();

	(void)arg;
	(void)mtu;
	(void)why;
	(void)why_len;
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (tun < 0)
		return NULL;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ck_assert_int_eq(ioctl(tun, TUNSETIFF, &ifr), 0);
	ck_assert_int_eq(rtnl_link_set(rtnl, if_nametoindex(name), &down), 0);
	close(rtnl);
	return (struct port *)(uintptr_t)8; // never looked into
}

static void close_port(void *arg, struct port *port)
{
	(void)arg;
	(void)port;
	close(tun);
}

static void addr_state(void *arg, const struct ipc_hostif_addr_state *s)
{
	(void)arg;
	if (state_n < 64)
		state[state_n++] = *s;
}

static const struct hostif_ops ops = {open_port, close_port, addr_state};

static struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

static void listen_a_while(void)
{
	struct pollfd fd = {.fd = hostifs_fd(hostifs), .events = POLLIN};

	poll(&fd, 1, 100);
	hostifs_read(hostifs);
}

// Is there an event of this kind about this address? Waits a while for it.
static bool told(enum ipc_hostif_addr_event event, const char *text)
{
	struct inet_addr a = addr(text);

	for (int i = 0; i < WAITS; i++) {
		for (uint32_t k = 0; k < state_n; k++)
			if (state[k].event == event && inet_addr_equal(&state[k].addr, &a) &&
				!strcmp(state[k].name, NAME))
				return true;
		listen_a_while();
	}
	return false;
}

// How many addresses with this one's prefix and another interface ID there are, when there is one;
// waits a while for it. The same may be told twice: by the kernel as it happens, and by its list.
static uint32_t temporaries(const char *text)
{
	struct inet_addr a = addr(text);
	uint32_t n = 0;

	for (int i = 0; i < WAITS && n == 0; i++) {
		listen_a_while();
		for (uint32_t k = 0; k < state_n; k++) {
			bool seen = false;

			for (uint32_t j = 0; j < k; j++)
				seen = seen || inet_addr_equal(&state[j].addr, &state[k].addr);
			n += !seen && state[k].event == IPC_ADDR_ADDED &&
				!memcmp(state[k].addr.bytes, a.bytes, 8) &&
				!inet_addr_equal(&state[k].addr, &a);
		}
	}
	return n;
}

// The next ICMPv6 packet of this type that the kernel sends.
static bool sent_within(uint8_t type, uint32_t seconds)
{
	uint64_t end_us = clock_now_us() + seconds * US_PER_S;

	while (clock_now_us() < end_us) {
		struct pollfd fd = {.fd = tun, .events = POLLIN};
		ssize_t n;

		poll(&fd, 1, 200);
		n = read(tun, pkt, sizeof(pkt));
		if (n >= 48 && pkt[0] >> 4 == 6 && pkt[6] == 58 && pkt[40] == type)
			return true;
	}
	return false;
}

static bool sent(uint8_t type)
{
	return sent_within(type, 20);
}

static void give(const char *src, const char *dst, uint8_t *icmp, size_t len)
{
	struct inet_addr s = addr(src), d = addr(dst);
	uint8_t ip[1500] = {0x60, [6] = 58, 255};
	uint16_t sum;

	ip[4] = (uint8_t)(len >> 8);
	ip[5] = (uint8_t)len;
	memcpy(ip + 8, s.bytes, 16);
	memcpy(ip + 24, d.bytes, 16);
	memcpy(ip + 40, icmp, len);
	sum = csum_l4(ip, 58, ip + 40, (uint32_t)len);
	memcpy(ip + 42, &sum, 2);
	ck_assert_int_eq(write(tun, ip, 40 + len), (ssize_t)(40 + len));
}

static void advertise(void)
{
	struct ra ra = {.router_lifetime_s = 65535,
		.mtu = 1400,
		.prefix_n = 1,
		.prefix = {{.autonomous = true, .valid_s = UINT32_MAX, .preferred_s = UINT32_MAX}}};
	uint8_t msg[RA_BYTES_MAX];
	size_t len;

	ck_assert_int_eq(inet_prefix_parse("2001:db8:3000::/64", &ra.prefix[0].prefix), 0);
	len = ra_write(&ra, msg, sizeof(msg));
	give("fe80::1", "fe80::1234:5678:9abc:def0", msg, len);
}

static struct ipc_hostif_set link_set(uint32_t flags, bool nodad)
{
	struct ipc_hostif_set set = {.name = NAME, .mtu = 1400, .addr_n = 1, .flags = flags};

	set.addr[0] = (struct ipc_hostif_addr){
		.addr = addr("fe80::1234:5678:9abc:def0"), .prefix_len = 64, .nodad = nodad};
	return set;
}

static void setup(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	hostifs = hostifs_new("", &ops, NULL);
	ck_assert_ptr_nonnull(hostifs);
}

static void teardown(void)
{
	hostifs_free(hostifs);
}

static int setting(const char *iface, const char *key)
{
	int value = -1000;

	ck_assert_int_eq(host6_get(iface, key, &value), 0);
	return value;
}

// As for RFC 5739's prefixes: no kernel's own address, no DAD, no solicitation, no advertisement.
START_TEST(test_plain)
{
	struct ipc_hostif_set set = link_set(0, true);

	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(told(IPC_ADDR_ADDED, "fe80::1234:5678:9abc:def0"));
	ck_assert_int_eq(setting(NAME, "accept_ra"), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 0);
	advertise();
	ck_assert(!sent_within(133, 2)); // the kernel's first comes at once
	hostifs_read(hostifs);
	for (uint32_t i = 0; i < state_n; i++)
		ck_assert(inet_addr_equal(&state[i].addr, &set.addr[0].addr));
}
END_TEST

// P4: DAD for our link-local address and for what the kernel makes of the advertisement; the same
// interface ID in both.
START_TEST(test_autoconfiguration)
{
	struct ipc_hostif_set set = link_set(IPC_HOSTIF_RA | IPC_HOSTIF_DAD, false);
	static const uint8_t unspecified[16];
	struct inet_addr want = addr("2001:db8:3000:0:1234:5678:9abc:def0");

	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(sent(135));
	ck_assert_mem_eq(pkt + 8, unspecified, 16);
	ck_assert_mem_eq(pkt + 48, set.addr[0].addr.bytes, 16);
	ck_assert(told(IPC_ADDR_ADDED, "fe80::1234:5678:9abc:def0"));
	ck_assert(sent(133));
	ck_assert_mem_eq(pkt + 8, set.addr[0].addr.bytes, 16);
	advertise();
	do {
		ck_assert(sent(135));
	} while (memcmp(pkt + 48, want.bytes, 16));
	ck_assert_mem_eq(pkt + 8, unspecified, 16);
	ck_assert(told(IPC_ADDR_ADDED, "2001:db8:3000:0:1234:5678:9abc:def0"));
	// The same command again tells another control process what there is.
	state_n = 0;
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(told(IPC_ADDR_ADDED, "2001:db8:3000:0:1234:5678:9abc:def0"));
	ck_assert_int_eq(hostif_del(hostifs, &(struct ipc_hostif_del){.name = NAME}), 0);
	ck_assert_uint_eq(if_nametoindex(NAME), 0);
}
END_TEST

// Somebody has it: the gateway answers for an address that another link claimed.
START_TEST(test_duplicate)
{
	struct ipc_hostif_set set = link_set(IPC_HOSTIF_RA | IPC_HOSTIF_DAD, false);
	struct inet_addr want = addr("2001:db8:3000:0:1234:5678:9abc:def0");
	uint8_t answer[24] = {136, [4] = 0xa0}; // R, O

	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(told(IPC_ADDR_ADDED, "fe80::1234:5678:9abc:def0"));
	ck_assert(sent(133)); // a moment after the event: now it takes packets to the address
	advertise();
	do {
		ck_assert(sent(135));
	} while (memcmp(pkt + 48, want.bytes, 16));
	memcpy(answer + 8, want.bytes, 16);
	give("fe80::1", "ff02::1", answer, sizeof(answer));
	ck_assert(told(IPC_ADDR_DUPLICATE, "2001:db8:3000:0:1234:5678:9abc:def0"));
	ck_assert_int_eq(hostif_del(hostifs, &(struct ipc_hostif_del){.name = NAME}), 0);
}
END_TEST

START_TEST(test_temporary)
{
	struct ipc_hostif_set set = link_set(IPC_HOSTIF_RA, true);

	set.addr[0].temporary = 1;
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(told(IPC_ADDR_ADDED, "fe80::1234:5678:9abc:def0"));
	ck_assert(sent(133));
	advertise();
	ck_assert(told(IPC_ADDR_ADDED, "2001:db8:3000:0:1234:5678:9abc:def0"));
	ck_assert_uint_eq(temporaries("2001:db8:3000:0:1234:5678:9abc:def0"), 1);
	// Beside an assigned one as well (P1 with privacy).
	state_n = 0;
	set.addr[set.addr_n++] = (struct ipc_hostif_addr){
		.addr = addr("2001:db8:1000:5::1"), .prefix_len = 64, .nodad = 1, .temporary = 1};
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert(told(IPC_ADDR_ADDED, "2001:db8:1000:5::1"));
	ck_assert_uint_ge(temporaries("2001:db8:1000:5::1"), 1);
	// Without: gone by their lifetimes at the latest; the setting is as it was.
	set.addr[0].temporary = set.addr[1].temporary = 0;
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert_int_eq(setting(NAME, "use_tempaddr"), -1);
	ck_assert_int_eq(hostif_del(hostifs, &(struct ipc_hostif_del){.name = NAME}), 0);
}
END_TEST

// Forwarding is the host's for all; what accepts advertisements goes on doing so; all is undone.
START_TEST(test_forwarding)
{
	struct ipc_hostif_set set = link_set(IPC_HOSTIF_RA | IPC_HOSTIF_FORWARD, true);

	ck_assert_int_eq(system("ip link add up0 type veth peer name up1"), 0);
	ck_assert_int_eq(setting("up0", "accept_ra"), 1);
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 1);
	ck_assert_int_eq(setting(NAME, "forwarding"), 1);
	ck_assert_int_eq(setting(NAME, "accept_ra"), 2);
	ck_assert_int_eq(setting("up0", "accept_ra"), 2);
	set.flags = IPC_HOSTIF_RA;
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 0);
	ck_assert_int_eq(setting("up0", "accept_ra"), 1);
	set.flags |= IPC_HOSTIF_FORWARD;
	ck_assert_int_eq(hostif_set(hostifs, &set), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 1);
	ck_assert_int_eq(hostif_del(hostifs, &(struct ipc_hostif_del){.name = NAME}), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 0);
	ck_assert_int_eq(setting("up0", "accept_ra"), 1);
}
END_TEST

static int lan_fd = -1;

static int fd_add(void *arg, int fd)
{
	(void)arg;
	lan_fd = fd;
	return 0;
}

static const struct lan_ops lan_ops = {.fd_add = fd_add};

static bool has_addr(const char *iface, const char *text)
{
	char command[200];

	snprintf(command, sizeof(command), "ip -6 addr show dev %s | grep -q 'inet6 %s'", iface,
		text);
	return system(command) == 0;
}

static bool wait_addr(struct lans *lans, const char *iface, const char *text)
{
	for (int i = 0; i < WAITS; i++) {
		lans_run(lans, clock_now_us());
		if (has_addr(iface, text))
			return true;
		usleep(100000);
	}
	return false;
}

// The command succeeds, now or in a while.
static bool soon(const char *command)
{
	for (int i = 0; i < WAITS; i++) {
		if (system(command) == 0)
			return true;
		usleep(100000);
	}
	return false;
}

// A host on the LAN, which is the same kernel's other end of a veth pair, configures itself; the
// prefix is withdrawn in the end.
START_TEST(test_lan)
{
	struct ipc_lan_set set = {.name = "lan0", .mtu = 1400, .prefix_n = 1, .lifetime_s = 86400};
	struct ipc_lan_del del = {.name = "lan0"};
	struct lans *lans = lans_new(&lan_ops, NULL);

	ck_assert_ptr_nonnull(lans);
	ck_assert_int_eq(inet_prefix_parse("2001:db8:5000:100::/64", &set.prefix[0]), 0);
	ck_assert_int_eq(lan_set(lans, &set, clock_now_us()), -ENODEV);
	ck_assert_int_eq(lan_del(lans, &del, clock_now_us()), -ENOENT);
	ck_assert_int_eq(system("ip link add lan0 type veth peer name host0 && "
				"ip link set lan0 up && ip link set host0 up"),
		0);
	ck_assert_int_eq(lan_set(lans, &set, clock_now_us()), 0);
	ck_assert_int_eq(setting("all", "forwarding"), 1);
	ck_assert(has_addr("lan0", "2001:db8:5000:100::1/64"));
	ck_assert_int_eq(host6_set("host0", "accept_ra", 2), 0);
	ck_assert(wait_addr(lans, "host0", "2001:db8:5000:100:"));
	ck_assert(soon("ip -6 route show dev host0 | grep -q 'default via fe80::.*mtu 1400'"));
	set.prefix[0].addr.bytes[7] = 7;
	ck_assert_int_eq(lan_set(lans, &set, clock_now_us()), 0);
	ck_assert(wait_addr(lans, "host0", "2001:db8:5000:107:"));
	ck_assert(!has_addr("lan0", "2001:db8:5000:100::1"));
	ck_assert(soon("ip -6 addr show dev host0 deprecated | grep -q 2001:db8:5000:100:"));
	ck_assert_int_eq(lan_del(lans, &del, clock_now_us()), 0);
	ck_assert(soon("! ip -6 route show dev host0 | grep -q default"));
	ck_assert(soon("ip -6 addr show dev host0 deprecated | grep -q 2001:db8:5000:107:"));
	ck_assert(!has_addr("lan0", "2001:db8:5000:107::1"));
	ck_assert_int_eq(setting("all", "forwarding"), 0);
	set.prefix[0].len = 63;
	ck_assert_int_eq(lan_set(lans, &set, 0), -EINVAL);
	set.prefix[0].len = 64;
	set.prefix_n = IPC_LAN_PREFIXES + 1;
	ck_assert_int_eq(lan_set(lans, &set, 0), -EINVAL);
	memset(set.name, 'x', sizeof(set.name));
	ck_assert_int_eq(lan_set(lans, &set, 0), -EINVAL);
	lans_free(lans);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostif");
	TCase *tc = tcase_create("hostif");
	SRunner *runner = NULL;
	int failed;

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		return 77; // skipped
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 100);
	tcase_add_test(tc, test_plain);
	tcase_add_test(tc, test_autoconfiguration);
	tcase_add_test(tc, test_duplicate);
	tcase_add_test(tc, test_temporary);
	tcase_add_test(tc, test_forwarding);
	tcase_add_test(tc, test_lan);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
