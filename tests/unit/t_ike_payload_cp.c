// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload: lengths of every attribute, what is read, what is written. L27 (formats of
// LINK and PREFIX, host bits, the reserved bit).

#include "ike_payload.h"
#include "t_hex.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SPARE 4096

#define REQUEST "01 000000 "
#define REPLY "02 000000 "
#define B8 "0001020304050607"
#define B16 B8 "08090a0b0c0d0e0f"
#define B64 B16 B16 B16 B16
#define LABEL63                                                                                    \
	"6161616161616161616161616161616161616161616161616161616161616161"                         \
	"61616161616161616161616161616161616161616161616161616161616161"

// Text of hexadecimal digits: the digest in presentation format.
#define HEX16 "3031323334353637383961624344454630313233343536373839616243444546"
#define HEX20 HEX16 "3031323334353637"
#define HEX32 HEX16 HEX16

static const struct {
	const char *why;
	const char *body;
	int ret;
} rows[] = {
	{"no attribute", REQUEST, 0},
	{"shorter than its fixed part", "01 0000", -EBADMSG},
	{"type 0", "00 000000", -EBADMSG},
	{"type 5", "05 000000", -EBADMSG},
	{"reserved octets are ignored", "01 ffffff", 0},
	{"half an attribute header", REQUEST "0001 00", -EBADMSG},
	{"attribute longer than the payload", REQUEST "0001 0004 c00002", -EBADMSG},
	{"unknown attribute", REQUEST "7fff 0003 000000", 0},
	{"unknown attribute longer than the payload", REQUEST "7fff 0003 0000", -EBADMSG},

	{"IP4_ADDRESS of 0", REQUEST "0001 0000", 0},
	{"IP4_ADDRESS of 4", REQUEST "0001 0004 c0000201", 0},
	{"IP4_ADDRESS of 3", REQUEST "0001 0003 c00002", -EBADMSG},
	{"IP4_ADDRESS of 16", REQUEST "0001 0010" B16, -EBADMSG},
	{"IP4_NETMASK of 0", REQUEST "0002 0000", 0},
	{"IP4_NETMASK of 4", REPLY "0002 0004 ffffff00", 0},
	{"IP4_NETMASK of 1", REPLY "0002 0001 18", -EBADMSG},
	{"IP4_DNS of 0", REQUEST "0003 0000", 0},
	{"IP4_DNS of 4", REPLY "0003 0004 c0000201", 0},
	{"IP4_DNS of 8", REPLY "0003 0008 c0000201c0000202", -EBADMSG},
	{"IP4_DHCP of 4", REPLY "0006 0004 c0000201", 0},
	{"IP4_DHCP of 16", REPLY "0006 0010" B16, -EBADMSG},
	{"APPLICATION_VERSION of 0", REQUEST "0007 0000", 0},
	{"APPLICATION_VERSION of 3", REQUEST "0007 0003 616263", 0},
	{"IP6_ADDRESS of 0", REQUEST "0008 0000", 0},
	{"IP6_ADDRESS of 17", REQUEST "0008 0011" B16 "40", 0},
	{"IP6_ADDRESS of 16: no prefix length", REQUEST "0008 0010" B16, -EBADMSG},
	{"IP6_ADDRESS with prefix length 129", REQUEST "0008 0011" B16 "81", -EBADMSG},
	{"IP6_DNS of 0", REQUEST "000a 0000", 0},
	{"IP6_DNS of 16", REPLY "000a 0010" B16, 0},
	{"IP6_DNS of 17", REPLY "000a 0011" B16 "00", -EBADMSG},
	{"IP6_DHCP of 0", REQUEST "000c 0000", 0},
	{"IP6_DHCP of 16", REPLY "000c 0010" B16, 0},
	{"IP6_DHCP of 4", REPLY "000c 0004 c0000201", -EBADMSG},
	{"IP4_SUBNET of 0", REQUEST "000d 0000", 0},
	{"IP4_SUBNET of 8", REPLY "000d 0008 c0000200 ffffff00", 0},
	{"IP4_SUBNET of 5", REPLY "000d 0005 c0000200 18", -EBADMSG},
	{"IP4_SUBNET whose mask has a gap", REPLY "000d 0008 c0000200 ffff00ff", -EBADMSG},
	{"IP4_SUBNET whose mask starts with 0", REPLY "000d 0008 c0000200 000000ff", -EBADMSG},
	{"SUPPORTED_ATTRIBUTES of 0", REQUEST "000e 0000", 0},
	{"SUPPORTED_ATTRIBUTES of 4", REPLY "000e 0004 00010008", 0},
	{"SUPPORTED_ATTRIBUTES of 3", REPLY "000e 0003 000100", -EBADMSG},
	{"IP6_SUBNET of 0", REQUEST "000f 0000", 0},
	{"IP6_SUBNET of 17", REPLY "000f 0011" B16 "80", 0},
	{"IP6_SUBNET of 16", REPLY "000f 0010" B16, -EBADMSG},
	{"IP6_SUBNET with prefix length 129", REPLY "000f 0011" B16 "81", -EBADMSG},

	{"L27: IP6_LINK of 8", REQUEST "0011 0008" B8, 0},
	{"L27: IP6_LINK of 9", REQUEST "0011 0009" B8 "00", 0},
	{"L27: IP6_LINK of 72", REQUEST "0011 0048" B8 B64, 0},
	{"L27: IP6_LINK of 7", REQUEST "0011 0007 00010203040506", -EBADMSG},
	{"L27: IP6_LINK of 0", REQUEST "0011 0000", -EBADMSG},
	{"L27: IP6_LINK with a Link ID longer than we keep", REQUEST "0011 0049" B8 B64 "00",
		-EOVERFLOW},
	{"L27: IP6_PREFIX of 17", REPLY "0012 0011" B16 "40", 0},
	{"L27: IP6_PREFIX of 0", REPLY "0012 0000", -EBADMSG},
	{"L27: IP6_PREFIX of 16", REPLY "0012 0010" B16, -EBADMSG},
	{"L27: IP6_PREFIX of 18", REPLY "0012 0012" B16 "4000", -EBADMSG},
	{"L27: IP6_PREFIX with length 128", REPLY "0012 0011" B16 "80", 0},
	{"L27: IP6_PREFIX with length 129", REPLY "0012 0011" B16 "81", -EBADMSG},

	{"DNS_DOMAIN of 0", REQUEST "0019 0000", 0},
	{"DNS_DOMAIN a.b", REPLY "0019 0003 612e62", 0},
	{"DNS_DOMAIN a.b. with the root's dot", REPLY "0019 0004 612e622e", 0},
	{"DNS_DOMAIN A-9_z", REPLY "0019 0005 412d395f7a", 0},
	{"DNS_DOMAIN with a label of 63", REPLY "0019 003f" LABEL63, 0},
	{"DNS_DOMAIN with a label of 64", REPLY "0019 0040" LABEL63 "61", -EBADMSG},
	{"DNS_DOMAIN of 254",
		REPLY "0019 00fe" LABEL63 "2e" LABEL63 "2e" LABEL63 "2e" LABEL63 "2e62", -EBADMSG},
	{"DNS_DOMAIN with an empty label", REPLY "0019 0004 612e2e62", -EBADMSG},
	{"DNS_DOMAIN that starts with a dot", REPLY "0019 0002 2e62", -EBADMSG},
	{"DNS_DOMAIN of a dot alone", REPLY "0019 0001 2e", -EBADMSG},
	{"DNS_DOMAIN with a terminator", REPLY "0019 0002 6100", -EBADMSG},
	{"DNS_DOMAIN with a space", REPLY "0019 0003 612062", -EBADMSG},
	{"DNS_DOMAIN with a semicolon", REPLY "0019 0003 613b62", -EBADMSG},
	{"DNS_DOMAIN with an octet above 127", REPLY "0019 0002 61c3", -EBADMSG},
	{"IP6_ADDRESS2 of 0", REQUEST "4000 0000", 0},
	{"IP6_ADDRESS2 of 16", REQUEST "4000 0010" B16, 0},
	{"IP6_ADDRESS2 of 15", REQUEST "4000 000f 000102030405060708090a0b0c0d0e", -EBADMSG},
	{"IP6_ADDRESS2 of 17", REPLY "4000 0011" B16 "40", -EBADMSG},
	{"DNSSEC_TA of 0", REQUEST "001a 0000", 0},
	{"DNSSEC_TA of 4: no digest", REPLY "001a 0004 0001 08 02", -EBADMSG},
	{"DNSSEC_TA of 3", REPLY "001a 0003 0001 08", -EBADMSG},
	{"DNSSEC_TA, SHA-256 as text", REPLY "001a 0044 0001 08 02" HEX32, 0},
	{"DNSSEC_TA, SHA-256 as octets", REPLY "001a 0024 0001 08 02" B16 B16, 0},
	{"DNSSEC_TA, SHA-256 of 31 octets", REPLY "001a 0023 0001 08 02" B16 B8 "00010203040506",
		-EBADMSG},
	{"DNSSEC_TA, SHA-256 with half a text", REPLY "001a 0024 0001 08 02" HEX16, 0},
	{"DNSSEC_TA, SHA-256 with the text of SHA-1", REPLY "001a 002c 0001 08 02" HEX20, -EBADMSG},
	{"DNSSEC_TA, SHA-1 as text", REPLY "001a 002c 0001 08 01" HEX20, 0},
	{"DNSSEC_TA, digest type unknown", REPLY "001a 0008 0001 08 63 41624330", 0},
	{"DNSSEC_TA, no hexadecimal digits", REPLY "001a 0008 0001 08 63 41674330", -EBADMSG},
	{"DNSSEC_TA, odd number of digits", REPLY "001a 0007 0001 08 63 414243", -EBADMSG},
	{"DNSSEC_TA with a digest of 65 octets", REPLY "001a 0086 0001 08 63" HEX32 HEX32 "4141",
		-EBADMSG},
	{"a good attribute before a bad one", REQUEST "0008 0000 0001 0001 00", -EBADMSG},
};

static int cp_read_hex(const char *body, struct cp_attrs *out)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(body, data, sizeof(data));
	uint8_t *copy = exact_copy(data, len);
	struct ike_payload_ref p = {.data = copy, .len = (uint16_t)len};
	int ret = payload_cp_read(&p, out);

	free(copy);
	return ret;
}

START_TEST(test_read)
{
	struct cp_attrs out;
	int ret = cp_read_hex(rows[_i].body, &out);

	ck_assert_msg(ret == rows[_i].ret, "%s: %d", rows[_i].why, ret);
}
END_TEST

START_TEST(test_read_truncated)
{
	uint8_t data[SPARE];
	size_t len = hex_parse(rows[_i].body, data, sizeof(data));
	struct cp_attrs out;

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = exact_copy(data, cut);
		struct ike_payload_ref p = {.data = copy, .len = (uint16_t)cut};
		int ret = payload_cp_read(&p, &out);

		ck_assert(ret == 0 || ret == -EBADMSG || ret == -EOVERFLOW);
		free(copy);
	}
}
END_TEST

START_TEST(test_domain_253)
{
	char body[SPARE];
	struct cp_attrs out;

	// 63 + 1 + 63 + 1 + 63 + 1 + 61 octets are as long as a name may be, 254 with the dot
	snprintf(body, sizeof(body), REPLY "0019 00fe %s2e%s2e%s2e%.122s2e", LABEL63, LABEL63,
		LABEL63, LABEL63);
	ck_assert_int_eq(cp_read_hex(body, &out), 0);
	ck_assert_uint_eq(strlen(out.domain[0]), 254);
}
END_TEST

// L27
START_TEST(test_link_fields)
{
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REQUEST "0011 000c 0011223344556677 aabbccdd", &out), 0);
	ck_assert_int_eq(out.type, CP_REQUEST);
	ck_assert(out.link);
	ck_assert_hex(out.link_iid, 8, "0011223344556677");
	ck_assert_hex(out.link_id, out.link_id_len, "aabbccdd");
}
END_TEST

// L27: host bits are ignored, so is the reserved bit before the attribute type.
START_TEST(test_prefix_host_bits_and_reserved_bit)
{
	struct inet_prefix expected;
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REPLY "0012 0011 20010db8000100020003000400050006 40"
					   "8012 0011 20010db80001ffffffffffffffffffff 2d",
				 &out),
		0);
	ck_assert_uint_eq(out.unknown_n, 0);
	ck_assert_uint_eq(out.prefix_n, 2);
	ck_assert_int_eq(inet_prefix_parse("2001:db8:1:2::/64", &expected), 0);
	ck_assert(inet_prefix_equal(&out.prefix[0], &expected));
	ck_assert_int_eq(inet_prefix_parse("2001:db8::/45", &expected), 0);
	ck_assert(inet_prefix_equal(&out.prefix[1], &expected));
}
END_TEST

START_TEST(test_request_fields)
{
	struct cp_attrs out;

	ck_assert_int_eq(
		cp_read_hex(REQUEST "0001 0000 0001 0004 0a000001 0008 0000 0008 0011" B16 "40"
				    "0003 0000 000a 0000 000c 0000 000d 0000 000f 0000 0019 0000"
				    "7000 0001 00 5555 0000",
			&out),
		0);
	ck_assert_uint_eq(out.ip4_n, 2);
	ck_assert_uint_eq(out.ip4[0].family, 0);
	ck_assert_uint_eq(out.ip4[1].family, AF_INET);
	ck_assert_hex(out.ip4[1].bytes, 4, "0a000001");
	ck_assert_uint_eq(out.ip6_n, 2);
	ck_assert_uint_eq(out.ip6[0].addr.family, 0);
	ck_assert_hex(out.ip6[1].addr.bytes, 16, B16);
	ck_assert_uint_eq(out.ip6[1].prefix_len, 64);
	ck_assert(out.want_dns4 && out.want_dns6 && out.want_dhcp6 && out.want_domain);
	ck_assert(out.want_subnet4 && out.want_subnet6);
	ck_assert(!out.link);
	ck_assert_uint_eq(out.unknown_n, 2);
	ck_assert_uint_eq(out.excess_n, 0);
}
END_TEST

// strongSwan asks so (vips = 0.0.0.0, ::), and answers so.
START_TEST(test_reply_fields)
{
	struct cp_attrs out;

	ck_assert_int_eq(
		cp_read_hex(REPLY "0001 0004 0a090001 0008 0011 20010db8000900000000000000000001 80"
				  "0003 0004 0a080035 000a 0010 20010db8000800000000000000000053"
				  "0002 0004 ffffff00 000d 0008 0a0800ff ffff0000"
				  "000f 0011 20010db80008ffffffffffffffffffff 30"
				  "000c 0010" B16 "0019 0005 612e622e63",
			&out),
		0);
	ck_assert_int_eq(out.type, CP_REPLY);
	ck_assert_uint_eq(out.dns_n, 2);
	ck_assert_uint_eq(out.dns[0].family, AF_INET);
	ck_assert_uint_eq(out.dns[1].family, AF_INET6);
	ck_assert_uint_eq(out.ip4_netmask.family, AF_INET);
	ck_assert_uint_eq(out.subnet_n, 2);
	ck_assert_uint_eq(out.subnet[0].len, 16);
	ck_assert_hex(out.subnet[0].addr.bytes, 4, "0a080000");
	ck_assert_uint_eq(out.subnet[1].len, 48);
	ck_assert_hex(out.subnet[1].addr.bytes, 16, "20010db8000800000000000000000000");
	ck_assert_uint_eq(out.dhcp6_n, 1);
	ck_assert_str_eq(out.domain[0], "a.b.c");
}
END_TEST

// What may stand once counts the first time; lists end at CP_LIST_MAX.
START_TEST(test_excess)
{
	uint8_t body[4 + (CP_LIST_MAX + 2) * 8] = {CP_REPLY};
	struct ike_payload_ref p = {.data = body, .len = sizeof(body)};
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REPLY "0011 0008" B8 "0011 0009 ffffffffffffffff 01"
					   "0002 0004 ffffff00 0002 0004 ffff0000"
					   "0019 0001 61 0019 0001 62",
				 &out),
		0);
	ck_assert_hex(out.link_iid, 8, B8);
	ck_assert_uint_eq(out.link_id_len, 0);
	ck_assert_hex(out.ip4_netmask.bytes, 4, "ffffff00");
	ck_assert_uint_eq(out.domain_n, 2);
	ck_assert_str_eq(out.domain[0], "a");
	ck_assert_uint_eq(out.excess_n, 2);

	for (int i = 0; i < CP_LIST_MAX + 2; i++)
		hex_parse("0001 0004 0a000001", body + 4 + 8 * i, 8);
	ck_assert_int_eq(payload_cp_read(&p, &out), 0);
	ck_assert_uint_eq(out.ip4_n, CP_LIST_MAX);
	ck_assert_uint_eq(out.excess_n, 2);
}
END_TEST

// L27: INTERNAL_IP6_LINK may stand once: whether a second one contradicts the first is told.
START_TEST(test_link_twice)
{
	static const struct {
		const char *second;
		bool twice;
	} row[] = {
		{"0011 000a" B8 "aabb", false},
		{"0011 0009" B8 "aa", true},
		{"0011 0008" B8, true},
		{"0011 000b" B8 "aabb00", true},
		{"0011 000a" B8 "aabc", true},
		{"0011 000a ff01020304050607 aabb", true},
	};
	char body[256];
	struct cp_attrs out;

	snprintf(body, sizeof(body), REQUEST "0011 000a" B8 "aabb %s", row[_i].second);
	ck_assert_int_eq(cp_read_hex(body, &out), 0);
	ck_assert(out.link_twice == row[_i].twice);
	ck_assert_uint_eq(out.excess_n, 1);
	ck_assert_hex(out.link_iid, 8, B8);
	ck_assert_hex(out.link_id, out.link_id_len, "aabb");
}
END_TEST

// The same prefix again says nothing new; host bits make no difference (L27).
START_TEST(test_prefix_twice)
{
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REPLY "0012 0011 20010db8000100020000000000000000 40"
					   "0012 0011 20010db8000100020003000400050006 40"
					   "0012 0011 20010db8000100020000000000000000 41",
				 &out),
		0);
	ck_assert_uint_eq(out.prefix_n, 2);
	ck_assert_uint_eq(out.prefix[1].len, 65);
	ck_assert_uint_eq(out.excess_n, 1);
}
END_TEST

// P5, the draft's appendix A.4: several of them, in their order, at most CP_ADDRESS2_MAX.
START_TEST(test_address2)
{
	uint8_t body[4 + (CP_ADDRESS2_MAX + 1) * 20] = {CP_REPLY};
	struct ike_payload_ref p = {.data = body, .len = sizeof(body)};
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REQUEST "4000 0010 20010db8000000000000000000000001"
					     "4000 0000 c000 0010 20010db8000000000000000000000002",
				 &out),
		0);
	ck_assert_uint_eq(out.address2_n, 3);
	ck_assert_hex(out.address2[0].bytes, 16, "20010db8000000000000000000000001");
	ck_assert_uint_eq(out.address2[1].family, 0);
	ck_assert_hex(out.address2[2].bytes, 16, "20010db8000000000000000000000002");
	for (int i = 0; i <= CP_ADDRESS2_MAX; i++)
		hex_parse("4000 0010" B16, body + 4 + 20 * i, 20);
	ck_assert_int_eq(payload_cp_read(&p, &out), 0);
	ck_assert_uint_eq(out.address2_n, CP_ADDRESS2_MAX);
	ck_assert_uint_eq(out.excess_n, 1);
}
END_TEST

// RFC 8598 section 3.2: a trust anchor is the domain's directly before it.
START_TEST(test_trust_anchors)
{
	struct cp_attrs out;

	ck_assert_int_eq(
		cp_read_hex(REPLY "001a 0008 0001 08 63 30303030" // before any domain
				  "0019 0001 61"
				  "001a 0008 0002 08 63 30413062 001a 0008 0003 05 63 30303030"
				  "0019 0001 62"
				  "000a 0010" B16 "001a 0008 0004 08 63 30303030" // not directly
				  "0019 0001 63 001a 0008 0005 08 63 30303030",
			&out),
		0);
	ck_assert_uint_eq(out.domain_n, 3);
	ck_assert_uint_eq(out.ta_n, 3);
	ck_assert_uint_eq(out.excess_n, 2);
	ck_assert_uint_eq(out.ta[0].domain, 0);
	ck_assert_uint_eq(out.ta[0].key_tag, 2);
	ck_assert_hex(out.ta[0].digest, out.ta[0].digest_len, "0a0b");
	ck_assert_uint_eq(out.ta[1].domain, 0);
	ck_assert_uint_eq(out.ta[1].algorithm, 5);
	ck_assert_uint_eq(out.ta[2].domain, 2);
	ck_assert_uint_eq(out.ta[2].key_tag, 5);
}
END_TEST

// A domain too many takes its trust anchors with it; the wish behind an empty domain is one.
START_TEST(test_domains_excess)
{
	struct cp_attrs out;

	ck_assert_int_eq(cp_read_hex(REPLY "0019 0001 61 0019 0001 62 0019 0001 63 0019 0001 64"
					   "0019 0001 65 001a 0008 0001 08 63 30303030",
				 &out),
		0);
	ck_assert_uint_eq(out.domain_n, CP_DOMAINS);
	ck_assert_uint_eq(out.ta_n, 0);
	ck_assert_uint_eq(out.excess_n, 2);
	ck_assert_int_eq(cp_read_hex(REQUEST "0019 0000 001a 0000", &out), 0);
	ck_assert(out.want_domain && out.want_dnssec_ta);
	ck_assert_uint_eq(out.excess_n, 0);
	// Behind an empty domain there is none that it could be of.
	ck_assert_int_eq(cp_read_hex(REQUEST "0019 0000 001a 0008 0001 08 63 30303030", &out), 0);
	ck_assert_uint_eq(out.ta_n, 0);
	ck_assert_uint_eq(out.excess_n, 1);
}
END_TEST

// The order on the wire: each domain, its trust anchors in presentation format, the next domain.
START_TEST(test_write_trust_anchors)
{
	struct cp_attrs attrs = {.type = CP_REPLY, .domain_n = 2, .ta_n = 2}, out;
	struct ike_builder b;
	uint8_t data[SPARE];

	strcpy(attrs.domain[0], "a");
	strcpy(attrs.domain[1], "b");
	attrs.ta[0] = (struct config_dnssec_ta){1, 0x1234, 8, 99, 2, {0xab, 0x09}};
	attrs.ta[1] = (struct config_dnssec_ta){0, 0x5678, 13, 99, 1, {0xff}};
	ike_build_init(&b, data, sizeof(data));
	payload_cp_write(&b, &attrs);
	ck_assert_hex(data, (size_t)ike_build_finish(&b),
		"00 00 0028 02 000000 0019 0001 61 001a 0006 5678 0d 63 4646"
		"0019 0001 62 001a 0008 1234 08 63 41423039");
	attrs.type = CP_REQUEST;
	attrs.want_dnssec_ta = attrs.want_domain = true;
	attrs.address2_n = 2;
	attrs.address2[1] = inet_addr_v6((const uint8_t *)"0123456789abcdef");
	ike_build_init(&b, data, sizeof(data));
	payload_cp_write(&b, &attrs);
	ck_assert_int_gt(ike_build_finish(&b), 0);
	{
		struct ike_payload_ref p = {
			.data = data + 4, .len = (uint16_t)(b.w.pos - data - 4)};

		ck_assert_int_eq(payload_cp_read(&p, &out), 0);
	}
	ck_assert(out.want_dnssec_ta && out.want_domain);
	ck_assert_uint_eq(out.address2_n, 2);
	ck_assert_uint_eq(out.address2[0].family, 0);
	ck_assert_uint_eq(out.ta_n, 2);
	ck_assert_uint_eq(out.ta[0].domain, 0);
}
END_TEST

// Every attribute there is, in every type of payload, read again.
static struct cp_attrs full(enum cp_type type)
{
	struct cp_attrs a = {.type = type, .link = true, .link_id_len = 3, .prefix_n = 1};

	memcpy(a.link_iid, "12345678", 8);
	memcpy(a.link_id, "abc", 3);
	ck_assert_int_eq(inet_prefix_parse("2001:db8:1::/64", &a.prefix[0]), 0);
	a.ip4_n = a.ip6_n = 1;
	a.ip4[0] = inet_addr_v4(htonl(0x0a000001));
	ck_assert_int_eq(inet_addr_parse("2001:db8::1", &a.ip6[0].addr), 0);
	a.ip6[0].prefix_len = 64;
	a.dns_n = 2;
	a.dns[0] = a.ip4[0];
	a.dns[1] = a.ip6[0].addr;
	a.dhcp6_n = 1;
	a.dhcp6[0] = a.ip6[0].addr;
	a.subnet_n = 2;
	ck_assert_int_eq(inet_prefix_parse("10.0.0.0/8", &a.subnet[0]), 0);
	ck_assert_int_eq(inet_prefix_parse("2001:db8::/32", &a.subnet[1]), 0);
	strcpy(a.domain[0], "corp.example.org");
	strcpy(a.domain[1], "lab.example.org");
	a.domain_n = 2;
	a.address2_n = 2;
	a.address2[0] = a.ip6[0].addr;
	ck_assert_int_eq(inet_addr_parse("2001:db8::2", &a.address2[1]), 0);
	a.ta_n = 2;
	a.ta[0] = (struct config_dnssec_ta){0, 0x1234, 8, 2, 32, {1, 2, 3}};
	a.ta[1] = (struct config_dnssec_ta){1, 0x4321, 8, 4, 48, {4, 5, 6}};
	return a;
}

static void write_read(const struct cp_attrs *attrs, struct cp_attrs *out)
{
	struct ike_builder b;
	struct ike_msg msg = {0};
	uint8_t data[SPARE];
	int n;

	ike_build_init(&b, data, sizeof(data));
	payload_cp_write(&b, attrs);
	n = ike_build_finish(&b);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(ike_msg_parse_inner(&msg, b.first, data, (size_t)n), 0);
	ck_assert_uint_eq(msg.n, 1);
	ck_assert_uint_eq(msg.payload[0].type, PAYLOAD_CP);
	ck_assert_int_eq(payload_cp_read(&msg.payload[0], out), 0);
}

START_TEST(test_write_reply)
{
	struct cp_attrs attrs = full(CP_REPLY), out;

	attrs.ip4_netmask = inet_addr_v4(htonl(0xffffff00));
	write_read(&attrs, &out);
	ck_assert_mem_eq(&out, &attrs, sizeof(out));
}
END_TEST

START_TEST(test_write_request)
{
	struct cp_attrs attrs = full(CP_REQUEST), out;

	attrs.want_dns4 = attrs.want_dns6 = attrs.want_dhcp6 = attrs.want_domain = true;
	attrs.want_subnet4 = attrs.want_subnet6 = attrs.want_dnssec_ta = true;
	attrs.ip4_n = 2;
	attrs.ip6_n = 2;
	write_read(&attrs, &out);
	ck_assert_mem_eq(&out, &attrs, sizeof(out));
}
END_TEST

// A reply has no wishes, a request no netmask: what a careless caller leaves in is not sent.
START_TEST(test_write_what_has_no_place)
{
	struct cp_attrs attrs = {.type = CP_REPLY, .ip4_n = 1, .ip6_n = 1}, out;

	attrs.want_dns4 = attrs.want_subnet6 = true;
	write_read(&attrs, &out);
	ck_assert(!out.want_dns4 && !out.want_subnet6);
	ck_assert_uint_eq(out.ip4_n, 0);
	ck_assert_uint_eq(out.ip6_n, 0);
	attrs = (struct cp_attrs){.type = CP_REQUEST, .ip4_netmask = inet_addr_v4(0xffffff)};
	write_read(&attrs, &out);
	ck_assert_uint_eq(out.ip4_netmask.family, 0);
}
END_TEST

// L27: octets on the wire; host bits are zeroed in sending.
START_TEST(test_write_octets)
{
	struct cp_attrs attrs = {.type = CP_REPLY, .link = true, .prefix_n = 1};
	struct ike_builder b;
	uint8_t data[SPARE];

	memcpy(attrs.link_iid, "\xfe\1\2\3\4\5\6\7", 8);
	attrs.link_id_len = 2;
	memcpy(attrs.link_id, "\xaa\xbb", 2);
	attrs.prefix[0].addr = inet_addr_v6((const uint8_t *)"\x20\x01\x0d\xb8\0\0\0\0\1\1\1\1\1\1"
							     "\1\1");
	attrs.prefix[0].len = 64;
	ike_build_init(&b, data, sizeof(data));
	payload_cp_write(&b, &attrs);
	ck_assert_hex(data, (size_t)ike_build_finish(&b),
		"00 00 002b 02 000000 0011 000a fe01020304050607 aabb"
		"0012 0011 20010db8000000000000000000000000 40");
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("ike_payload_cp");
	TCase *tcase = tcase_create("ike_payload_cp");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_read, 0, COUNT(rows));
	tcase_add_loop_test(tcase, test_read_truncated, 0, COUNT(rows));
	tcase_add_test(tcase, test_domain_253);
	tcase_add_test(tcase, test_link_fields);
	tcase_add_test(tcase, test_prefix_host_bits_and_reserved_bit);
	tcase_add_test(tcase, test_request_fields);
	tcase_add_test(tcase, test_reply_fields);
	tcase_add_test(tcase, test_excess);
	tcase_add_loop_test(tcase, test_link_twice, 0, 6);
	tcase_add_test(tcase, test_prefix_twice);
	tcase_add_test(tcase, test_address2);
	tcase_add_test(tcase, test_trust_anchors);
	tcase_add_test(tcase, test_domains_excess);
	tcase_add_test(tcase, test_write_trust_anchors);
	tcase_add_test(tcase, test_write_reply);
	tcase_add_test(tcase, test_write_request);
	tcase_add_test(tcase, test_write_what_has_no_place);
	tcase_add_test(tcase, test_write_octets);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
