// SPDX-License-Identifier: BSD-3-Clause
// What stands on the wire: the draft's reply and RFC 5739's (the `wire` setting), requests and replies
// that contradict themselves, what a hostile gateway may say, RFC 8598's domains.
// L9, L15 to L18, L27.
#include "ike_payload.h"
#include "peers.h"

#include <stdio.h>
#include <string.h>

static struct net net;

static void go(void)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
}

static void echo(struct ike_link_reply *reply)
{
	memcpy(reply->reply.link_iid, net.b.asked.link_iid, 8);
}
static void echo_nearly(struct ike_link_reply *reply)
{
	echo(reply);
	reply->reply.link_iid[7] ^= 1;
}

// The draft's section 6.1: "the client's link local interface identifier", exactly.
START_TEST(ipsecme_00_echoes)
{
	net_init(&net, 1);
	net.a.connection.wire = CONFIG_WIRE_IPSECME_00;
	net.b.reply_hook = _i == 0 ? echo : _i == 1 ? echo_nearly : NULL;
	go();
	if (_i == 0) {
		net_check_up(&net);
		ck_assert_mem_eq(net.a.cp.link_iid, net.a.interface_id, 8);
		ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
		peer_drain(&net.a);
		net_run(&net, 10 * US_PER_S);
		ck_assert(peer_sent_text(&net.a, "{ N(REKEY_SA), N(LINK_ID), SA, Ni, TSi, TSr }"));
		net_check_mirror(&net);
	} else {
		ck_assert_uint_eq(net.a.up, 0);
		ck_assert_str_eq(net.a.why, "the gateway does not echo our interface ID");
	}
	net_finish(&net);
}
END_TEST

// Replies that no gateway of good will sends. What the client makes of each: refused, with the reason.

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

static void iid_zero(struct ike_link_reply *reply)
{
	memset(reply->reply.link_iid, 0, 8);
}
static void prefix_mapped(struct ike_link_reply *reply)
{
	reply->reply.prefix[0] = prefix("::ffff:0:0/96");
}
static void prefix_loopback(struct ike_link_reply *reply)
{
	reply->reply.prefix[0] = prefix("::1/128");
}
static void prefix_outer(struct ike_link_reply *reply)
{
	reply->reply.prefix[0] = prefix("2001:db8:ff::/64");
}
static void prefix_inside(struct ike_link_reply *reply)
{
	reply->reply.prefix[1] = prefix("2001:db8:1000:1:8000::/65");
}
static void prefix_around(struct ike_link_reply *reply)
{
	reply->reply.prefix[1] = prefix("2001:db8:1000::/48");
}
static void address2_multicast(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("ff02::1");
	reply->reply.address2_n = 1;
}
static void address2_link_local(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("fe80::5");
	reply->reply.address2_n = 1;
}
static void address2_outer(struct ike_link_reply *reply)
{
	reply->reply.address2[0] = addr("2001:db8:ff::1");
	reply->reply.address2_n = 1;
}
static void ip4_loopback(struct ike_link_reply *reply)
{
	reply->reply.ip4[0] = addr("127.0.0.1");
}
static void ip4_unspecified(struct ike_link_reply *reply)
{
	reply->reply.ip4[0] = addr("0.0.0.0");
}
static void dns_multicast(struct ike_link_reply *reply)
{
	reply->reply.dns[reply->reply.dns_n++] = addr("224.0.0.251");
}
static void dns_loopback(struct ike_link_reply *reply)
{
	reply->reply.dns[reply->reply.dns_n++] = addr("::1");
}
static void dhcp_multicast(struct ike_link_reply *reply)
{
	reply->reply.dhcp6[reply->reply.dhcp6_n++] = addr("ff02::1:2");
}
static void dhcp_unspecified(struct ike_link_reply *reply)
{
	reply->reply.dhcp6[reply->reply.dhcp6_n++] = addr("::");
}
static void link_id_empty(struct ike_link_reply *reply)
{
	reply->reply.link_id_len = 0;
}
static void no_selectors(struct ike_link_reply *reply)
{
	reply->remote.n = 0;
}

static const struct {
	void (*hook)(struct ike_link_reply *reply);
	const char *why;
} refused[] = {
	{iid_zero, "the gateway has no interface ID"},
	{prefix_mapped, "a prefix that no link can have"},
	{prefix_loopback, "a prefix that no link can have"},
	{prefix_outer, "a prefix that has our outer addresses in it"},
	{prefix_inside, "prefixes that overlap"},
	{prefix_around, "prefixes that overlap"},
	{address2_multicast, "an address that no link can have"},
	{address2_link_local, "an address that no link can have"},
	{address2_outer, "an address that no link can have"},
	{ip4_loopback, "an IPv4 address that no host can have"},
	{ip4_unspecified, "an IPv4 address that no host can have"},
	{dns_multicast, "a DNS server that no host can be"},
	{dns_loopback, "a DNS server that no host can be"},
	{dhcp_multicast, "a DHCPv6 server that no host can be"},
	{dhcp_unspecified, "a DHCPv6 server that no host can be"},
	{link_id_empty, "a link without a Link ID"},
	{no_selectors, "TS_UNACCEPTABLE"},
};

START_TEST(hostile_replies)
{
	net_init(&net, 2);
	net.a.addr = addr("2001:db8:ff::2");
	net.b.addr = addr("2001:db8:ff::1");
	net.a.connection.gateway = net.b.addr;
	net.b.reply_hook = refused[_i].hook;
	go();
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_str_eq(net.a.why, refused[_i].why);
	ck_assert_uint_eq(peer_in_count(&net.a), 0);
	net_run(&net, 10 * US_PER_S);
	net_finish(&net);
}
END_TEST

// What contradicts nothing but has no place there is not handed on; the rest counts.
static void stray_address(struct ike_link_reply *reply)
{
	reply->reply.ip6[0] = (struct cp_ip6_address){addr("2001:db8:2000::7"), 64};
	reply->reply.ip6_n = 1;
}
static void same_prefix_twice(struct ike_link_reply *reply)
{
	reply->reply.prefix[2] = reply->reply.prefix[0];
	reply->reply.prefix[2].addr.bytes[15] = 9; // host bits
	reply->reply.prefix_n = 3;
}
static void no_prefix(struct ike_link_reply *reply)
{
	reply->reply.prefix_n = 0; // by RA or DHCPv6: P2, P4, P6
}
static void domain_without_server(struct ike_link_reply *reply)
{
	snprintf(reply->reply.domain[0], 256, "corp.example.org");
	reply->reply.domain_n = 1;
	reply->reply.dns_n = 0;
}

START_TEST(stray_attributes)
{
	static void (*const hook[])(struct ike_link_reply *) = {
		stray_address, same_prefix_twice, no_prefix, domain_without_server};

	net_init(&net, 3);
	net.b.reply_hook = hook[_i];
	go();
	net_check_up(&net);
	ck_assert(net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.ip6_n, 0);
	ck_assert_uint_eq(net.a.cp.prefix_n, _i == 2 ? 0 : 2);
	ck_assert_uint_eq(net.a.cp.domain_n, 0);
	net_finish(&net);
}
END_TEST

// Prefixes and addresses of a link that was not given: dropped (L9, L17).
START_TEST(no_link_no_prefixes_L9)
{
	net_init(&net, 4);
	net.b.link_mode = LINK_ADDRESSES;
	net.b.reply_hook = no_prefix;
	go();
	net_check_up(&net);
	ck_assert(!net.a.cp.link);
	ck_assert_uint_eq(net.a.cp.ip6_n, 1);
	ck_assert_uint_eq(net.a.cp.prefix_n, 0);
	net_finish(&net);
}
END_TEST

// The client of a connection without links is not talked into one (L16).
static void unasked_link(struct ike_link_reply *reply)
{
	reply->reply.link = true;
	reply->reply.link_iid[7] = 1;
	reply->reply.link_id_len = 1;
}
START_TEST(link_not_asked_for_L16)
{
	net_init(&net, 5);
	net.a.connection.link = false;
	net.a.connection.ipv6_address = true;
	net.b.reply_hook = unasked_link;
	go();
	ck_assert_uint_eq(net.a.up, 0);
	ck_assert_str_eq(net.a.why, "a link that we did not ask for");
	net_finish(&net);
}
END_TEST

// Attributes that no writer of ours makes: the configuration payload of a message is replaced on its way.
static const char *cp_hex;
static bool in_response;

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned octet;

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		ck_assert_int_eq(sscanf(hex, "%2x", &octet), 1);
		out[n++] = (uint8_t)octet;
		hex++;
	}
	return n;
}

static size_t replace_cp(const struct ike_header *header, uint8_t first, uint8_t *chain, size_t len)
{
	uint8_t type = first, body[2048];
	size_t at = 0, old, size;

	if (header->exchange != IKE_AUTH || !(header->flags & IKE_FLAG_RESPONSE) == in_response)
		return len;
	while (at < len && type != PAYLOAD_CP) {
		type = chain[at];
		at += (size_t)chain[at + 2] << 8 | chain[at + 3];
	}
	ck_assert_uint_lt(at, len);
	old = (size_t)chain[at + 2] << 8 | chain[at + 3];
	size = 4 + unhex(cp_hex, body);
	memmove(chain + at + size, chain + at + old, len - at - old);
	memcpy(chain + at + 4, body, size - 4);
	chain[at + 2] = (uint8_t)(size >> 8);
	chain[at + 3] = (uint8_t)size;
	return len - old + size;
}

#define REQUEST "01 000000 "
#define REPLY "02 000000 "
#define IID_A "02000000000000aa"
#define IID_B "02000000000000bb"
#define PREFIX "20010db8100000010000000000000000"
#define SELECTED "0011 000e " IID_A "6c696e6b2d31 "

// Requests: what the gateway answers. INTERNAL_IP6_LINK is not multi-valued: two that differ contradict
// each other, the same one twice is one.
static const struct {
	const char *why, *cp, *answer;
} requests[] = {
	{"one", REQUEST "0011 0008" IID_A, "{ IDr, AUTH, CP, SA, TSi, TSr }"},
	{"twice the same", REQUEST "0011 0008" IID_A "0011 0008" IID_A, "CP, SA, TSi, TSr }"},
	{"two interface IDs", REQUEST "0011 0008" IID_A "0011 0008" IID_B, "N(INVALID_SYNTAX)"},
	{"two Link IDs", REQUEST "0011 0009" IID_A "01 0011 0009" IID_A "02", "N(INVALID_SYNTAX)"},
	{"with and without a Link ID", REQUEST "0011 0009" IID_A "01 0011 0008" IID_A,
		"N(INVALID_SYNTAX)"},
	{"LINK of 7", REQUEST "0011 0007 00010203040506", "N(INVALID_SYNTAX)"},
	{"LINK empty", REQUEST "0011 0000", "N(INVALID_SYNTAX)"},
	{"a Link ID of 65",
		REQUEST "0011 0049" IID_A IID_A IID_A IID_A IID_A IID_A IID_A IID_A IID_A "00",
		"N(INVALID_SYNTAX)"},
	{"PREFIX of 16", REQUEST "0011 0008" IID_A "0012 0010" PREFIX, "N(INVALID_SYNTAX)"},
	{"PREFIX of length 129", REQUEST "0011 0008" IID_A "0012 0011" PREFIX "81",
		"N(INVALID_SYNTAX)"},
	{"a prefix that was not asked about", REQUEST "0011 0008" IID_A "0012 0011" PREFIX "40",
		"CP, SA, TSi, TSr }"},
	{"ADDRESS2 of 17", REQUEST "0011 0008" IID_A "4000 0011" PREFIX "40", "N(INVALID_SYNTAX)"},
	{"the reserved bit of LINK", REQUEST "8011 0008" IID_A, "CP, SA, TSi, TSr }"},
	{"half an attribute", REQUEST "0011 00", "N(INVALID_SYNTAX)"},
	{"L17: an address beside the link", REQUEST "0011 0008" IID_A "0008 0011" PREFIX "40",
		"CP, SA, TSi, TSr }"},
};

START_TEST(crafted_requests_L27)
{
	net_init(&net, 20);
	net.a.connection.ipv4 = false;
	memcpy(net.a.connection.interface_id, "\2\0\0\0\0\0\0\xaa", 8);
	net.a.connection.iid = CONFIG_IID_FIXED;
	net.edit = replace_cp;
	cp_hex = requests[_i].cp;
	in_response = false;
	go();
	ck_assert_msg(peer_sent_text(&net.b, requests[_i].answer), "%s: %s", requests[_i].why,
		net.b.event_text[IKE_EVENT_MESSAGE_OUT]);
	if (strstr(requests[_i].answer, "INVALID") != NULL) {
		ck_assert_uint_eq(net.b.attached, 0);
		ck_assert_uint_eq(peer_in_count(&net.b), 0);
	} else {
		ck_assert_uint_eq(net.a.cp.ip6_n, 0);
		net_check_up(&net);
	}
	net.edit = NULL;
	net_finish(&net);
}
END_TEST

// Replies: what the client thinks of them. NULL: nothing wrong.
static const struct {
	const char *why_sent, *cp, *why;
	uint32_t prefix_n;
} replies[] = {
	{"one link", REPLY SELECTED "0012 0011" PREFIX "40", NULL, 1},
	{"L27: host bits", REPLY SELECTED "0012 0011 20010db8100000010123456789abcdef 40", NULL, 1},
	{"L27: host bits of one prefix, twice",
		REPLY SELECTED "0012 0011" PREFIX
			       "40 0012 0011 20010db8100000010000000000000001 40",
		NULL, 1},
	{"L27: the reserved bit", REPLY "8011 000e " IID_A "6c696e6b2d31 8012 0011" PREFIX "40",
		NULL, 1},
	{"the same link twice", REPLY SELECTED SELECTED "0012 0011" PREFIX "40", NULL, 1},
	{"two links", REPLY SELECTED "0011 000e " IID_A "6c696e6b2d32", "two links", 0},
	{"two interface IDs", REPLY SELECTED "0011 000e " IID_B "6c696e6b2d31", "two links", 0},
	{"LINK of 7", REPLY "0011 0007 00010203040506", "malformed configuration payload", 0},
	{"no Link ID", REPLY "0011 0008" IID_A, "a link without a Link ID", 0},
	{"PREFIX of 18", REPLY SELECTED "0012 0012" PREFIX "4000",
		"malformed configuration payload", 0},
	{"PREFIX empty", REPLY SELECTED "0012 0000", "malformed configuration payload", 0},
	{"PREFIX of length 129", REPLY SELECTED "0012 0011" PREFIX "81",
		"malformed configuration payload", 0},
	{"one prefix with two lengths",
		REPLY SELECTED "0012 0011" PREFIX "40 0012 0011" PREFIX "38",
		"prefixes that overlap", 0},
	{"ADDRESS2 of 1", REPLY SELECTED "4000 0001 00", "malformed configuration payload", 0},
	{"ADDRESS2 empty", REPLY SELECTED "4000 0000", "an address that no link can have", 0},
	{"a CFG_SET", "03 000000" SELECTED "0012 0011" PREFIX "40",
		"malformed configuration payload", 0},
	{"empty", REPLY, "neither link nor address", 0},
};

START_TEST(crafted_replies_L27)
{
	net_init(&net, 21);
	net.a.connection.ipv4 = false;
	net.edit = replace_cp;
	cp_hex = replies[_i].cp;
	in_response = true;
	go();
	net.edit = NULL;
	ck_assert_uint_eq(net.a.up, replies[_i].why == NULL);
	if (replies[_i].why != NULL) {
		ck_assert_msg(strcmp(net.a.why, replies[_i].why) == 0, "%s: %s",
			replies[_i].why_sent, net.a.why);
	} else {
		struct inet_prefix expected = prefix("2001:db8:1000:1::/64");

		ck_assert_uint_eq(net.a.cp.prefix_n, replies[_i].prefix_n);
		ck_assert(inet_prefix_equal(&net.a.cp.prefix[0], &expected));
		net_check_up(&net);
	}
	net_run(&net, 10 * US_PER_S);
	net_finish(&net);
}
END_TEST

// RFC 8598: domains with their trust anchors; those of a top-level domain are not believed.
static void domains(struct ike_link_reply *reply)
{
	static const char *const name[] = {"corp.example.org", "org", "lab.example.org"};

	reply->reply.dns[reply->reply.dns_n++] = addr("10.20.0.53");
	for (uint8_t i = 0; i < 3; i++) {
		snprintf(reply->reply.domain[i], 256, "%s", name[i]);
		reply->reply.ta[i] = (struct config_dnssec_ta){.domain = i,
			.key_tag = i,
			.algorithm = 8,
			.digest_type = 2,
			.digest_len = 32};
		memset(reply->reply.ta[i].digest, i + 1, 32);
	}
	reply->reply.domain_n = reply->reply.ta_n = 3;
}

START_TEST(split_dns_rfc8598)
{
	net_init(&net, 11);
	net.b.reply_hook = domains;
	go();
	ck_assert(net.b.asked.want_domain && net.b.asked.want_dnssec_ta);
	ck_assert_uint_eq(net.a.cp.domain_n, 3);
	ck_assert_str_eq(net.a.cp.domain[2], "lab.example.org");
	ck_assert_uint_eq(net.a.cp.ta_n, 2);
	ck_assert_uint_eq(net.a.cp.ta[0].domain, 0);
	ck_assert_uint_eq(net.a.cp.ta[1].domain, 2);
	ck_assert_uint_eq(net.a.cp.ta[1].digest[31], 3);
	net_finish(&net);
}
END_TEST

// Nothing is asked of DNS where no address is.
START_TEST(no_dns_without_address)
{
	net_init(&net, 12);
	net.a.connection.ipv4 = net.a.connection.link = false;
	go();
	ck_assert(!net.b.asked_any);
	net_finish(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, ipsecme_00_echoes, 0, 3);
	tcase_add_loop_test(tc, hostile_replies, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tc, stray_attributes, 0, 4);
	tcase_add_test(tc, no_link_no_prefixes_L9);
	tcase_add_test(tc, link_not_asked_for_L16);
	tcase_add_loop_test(tc, crafted_requests_L27, 0, sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(tc, crafted_replies_L27, 0, sizeof(replies) / sizeof(replies[0]));
	tcase_add_test(tc, split_dns_rfc8598);
	tcase_add_test(tc, no_dns_without_address);
	suite_add_tcase(suite, tc);
	return suite_main(suite);
}
