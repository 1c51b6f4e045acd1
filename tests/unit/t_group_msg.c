// SPDX-License-Identifier: BSD-3-Clause
// MLD and IGMP messages (L5): what is written is read again, and each rule of validity by itself.
// RFC 3810 section 5, RFC 2710 section 3, RFC 3376 sections 4 and 7, RFC 2236.
#include "igmp_msg.h"
#include "mld_msg.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static struct inet_addr src, src4, group, group4;
static uint8_t packet[1500];
static size_t len;

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	ck_assert_int_eq(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void setup(void)
{
	src = addr_of("fe80::1234");
	src4 = addr_of("192.0.2.7");
	group = addr_of("ff0e::1:2");
	group4 = addr_of("239.1.2.3");
}

static enum group_msg_result read_mld(struct group_msg *out)
{
	struct inner_packet inner;

	ck_assert_int_eq(inner_parse(packet, len, &inner), 0);
	return mld_read(&inner, out);
}

static struct group_record record_of(const struct inet_addr *to, uint32_t n)
{
	struct group_record record = {.type = GROUP_ALLOW_NEW_SOURCES, .group = *to, .source_n = n};

	for (uint32_t i = 0; i < n && i < GROUP_SOURCES; i++) {
		record.source[i] =
			to->family == AF_INET6 ? addr_of("2001:db8::") : addr_of("10.0.0.0");
		record.source[i].bytes[to->family == AF_INET6 ? 15 : 3] = (uint8_t)(i + 1);
	}
	return record;
}

static void expect_record(struct group_msg *msg, const struct group_record *want)
{
	struct group_record got;

	ck_assert(group_msg_next(msg, &got));
	ck_assert_int_eq(got.type, want->type);
	ck_assert(inet_addr_equal(&got.group, &want->group));
	ck_assert_uint_eq(got.source_n, want->source_n);
	for (uint32_t i = 0; i < want->source_n && i < GROUP_SOURCES; i++)
		ck_assert(inet_addr_equal(&got.source[i], &want->source[i]));
}

START_TEST(test_reports)
{
	struct group_record record[3] = {
		record_of(&group, 0), record_of(&group, 16), record_of(&group, 3)};
	struct group_msg msg;
	struct group_record more;

	len = mld_write_report(packet, sizeof(packet), &src, record, 3);
	ck_assert_uint_eq(len, 40 + 8 + 8 + 3 * 20 + 19 * 16);
	ck_assert_int_eq(read_mld(&msg), GROUP_MSG_REPORT);
	ck_assert_uint_eq(msg.version, 2);
	for (int i = 0; i < 3; i++)
		expect_record(&msg, &record[i]);
	ck_assert(!group_msg_next(&msg, &more));

	for (int i = 0; i < 3; i++)
		record[i] = record_of(&group4, i == 1 ? 16 : (uint32_t)i);
	len = igmp_write_report(packet, sizeof(packet), &src4, record, 3);
	ck_assert_uint_eq(len, 24 + 8 + 3 * 8 + 18 * 4);
	ck_assert_int_eq(igmp_read(packet, len, &msg), GROUP_MSG_REPORT);
	ck_assert_uint_eq(msg.version, 3);
	for (int i = 0; i < 3; i++)
		expect_record(&msg, &record[i]);
	ck_assert(!group_msg_next(&msg, &more));
}
END_TEST

// Types that nobody knows are left out, auxiliary data is skipped, more sources are counted.
START_TEST(test_odd_records)
{
	struct group_record record[3] = {
		record_of(&group, 1), record_of(&group, 16), record_of(&group, 2)};
	struct group_msg msg;
	struct buf_reader r;

	record[0].type = 77;
	len = mld_write_report(packet, sizeof(packet), &src, record, 3);
	ck_assert_int_eq(read_mld(&msg), GROUP_MSG_REPORT);
	expect_record(&msg, &record[1]);

	// The second record with 15 sources and four words of auxiliary data instead of the last.
	packet[56 + 36 + 1] = 4;
	packet[56 + 36 + 3] = 15;
	buf_reader_init(&r, packet + 56, len - 56);
	ck_assert(group_records_fit(r, 3, AF_INET6));
	packet[56 + 36 + 1] = 5;
	ck_assert(!group_records_fit(r, 3, AF_INET6));
	packet[56 + 36 + 1] = 0;
	packet[56 + 36 + 3] = 18; // takes what follows for its own
	ck_assert(group_records_fit(r, 2, AF_INET6));
	ck_assert(!group_records_fit(r, 3, AF_INET6));
}
END_TEST

START_TEST(test_old)
{
	struct group_record want = {.type = GROUP_MODE_IS_EXCLUDE, .group = group};
	struct group_msg msg;

	len = mld_write_v1(packet, sizeof(packet), &src, &group, false);
	ck_assert_int_eq(read_mld(&msg), GROUP_MSG_REPORT);
	ck_assert_uint_eq(msg.version, 1);
	expect_record(&msg, &want);
	want.type = GROUP_CHANGE_TO_INCLUDE;
	len = mld_write_v1(packet, sizeof(packet), &src, &group, true);
	ck_assert_int_eq(read_mld(&msg), GROUP_MSG_REPORT);
	expect_record(&msg, &want);

	want.group = group4;
	len = igmp_write_old(packet, sizeof(packet), &src4, &group4, 2, true);
	ck_assert_int_eq(igmp_read(packet, len, &msg), GROUP_MSG_REPORT);
	expect_record(&msg, &want);
	want.type = GROUP_MODE_IS_EXCLUDE;
	for (uint32_t version = 1; version <= 2; version++) {
		len = igmp_write_old(packet, sizeof(packet), &src4, &group4, version, false);
		ck_assert_int_eq(igmp_read(packet, len, &msg), GROUP_MSG_REPORT);
		ck_assert_uint_eq(msg.version, version);
		expect_record(&msg, &want);
	}
}
END_TEST

START_TEST(test_queries)
{
	for (uint32_t family = 0; family < 2; family++)
		for (uint32_t version = 1; version <= 3 - (family == 0); version++)
			for (uint32_t kind = 0; kind < 3; kind++) {
				struct group_query query = {.version = version,
					.max_response_us = 1000000,
					.robustness = 3,
					.suppress = true};
				uint32_t newest = family == 0 ? 2 : 3;
				struct group_msg msg;

				if (kind > 0)
					query.group = family == 0 ? group : group4;
				if (kind == 2 && version == newest) {
					query.source_n = 2;
					query.source[0] = record_of(&query.group, 2).source[0];
					query.source[1] = record_of(&query.group, 2).source[1];
				}
				len = family == 0
					? mld_write_query(packet, sizeof(packet), &src, &query)
					: igmp_write_query(packet, sizeof(packet), &src4, &query);
				ck_assert_uint_gt(len, 0);
				ck_assert_int_eq(
					family == 0 ? read_mld(&msg) : igmp_read(packet, len, &msg),
					GROUP_MSG_QUERY);
				ck_assert_uint_eq(msg.query.version, version);
				ck_assert(inet_addr_equal(&msg.query.group, &query.group));
				ck_assert_uint_eq(msg.query.source_n, query.source_n);
				if (family == 0 || version > 1)
					ck_assert_uint_eq(msg.query.max_response_us, 1000000);
				else
					ck_assert_uint_eq(msg.query.max_response_us, 10000000);
				if (version == newest)
					ck_assert(msg.query.suppress && msg.query.robustness == 3);
			}
}
END_TEST

START_TEST(test_codes)
{
	ck_assert_uint_eq(group_code_read(0x7fff, 12), 0x7fff);
	ck_assert_uint_eq(group_code_read(0x8000, 12), 0x8000);
	ck_assert_uint_eq(group_code_read(0xffff, 12), 0x1fff << 10);
	ck_assert_uint_eq(group_code_read(127, 4), 127);
	ck_assert_uint_eq(group_code_read(128, 4), 128);
	ck_assert_uint_eq(group_code_read(0xff, 4), 31 << 10);
}
END_TEST

// ---- validity ----

START_TEST(test_mld_validity)
{
	struct group_record record = record_of(&group, 1);
	struct inner_packet good, p;
	struct group_msg msg;
	uint8_t icmp[200];

	len = mld_write_report(packet, sizeof(packet), &src, &record, 1);
	ck_assert_int_eq(inner_parse(packet, len, &good), 0);
	p = good;
	p.hop_limit = 2;
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_HOP_LIMIT);
	p = good;
	p.router_alert = false;
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_ALERT);
	p = good;
	p.src = addr_of("2001:db8::1");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_SOURCE);
	p.src = addr_of("::");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_REPORT);
	p = good;
	p.dst = addr_of("ff02::1");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_DESTINATION);
	p.dst = addr_of("fe80::1");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_REPORT);
	for (size_t cut = 4; cut < good.payload_len; cut++) {
		p = good;
		p.payload_len = cut;
		ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_MALFORMED);
	}
	memcpy(icmp, good.payload, good.payload_len);
	icmp[0] = 135;
	p = good;
	p.payload = icmp;
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_OTHER);
	icmp[0] = MLD_QUERY;
	p.src = addr_of("::");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_SOURCE);

	len = mld_write_v1(packet, sizeof(packet), &src, &group, false);
	ck_assert_int_eq(inner_parse(packet, len, &p), 0);
	p.dst = addr_of("ff0e::1:3");
	ck_assert_int_eq(mld_read(&p, &msg), GROUP_MSG_DESTINATION);
	group = addr_of("2001:db8::1");
	len = mld_write_v1(packet, sizeof(packet), &src, &group, true);
	ck_assert_int_eq(read_mld(&msg), GROUP_MSG_MALFORMED);
}
END_TEST

// A change of one octet, with header checksum made right again or not.
static void fix_header(void)
{
	uint32_t sum = 0;

	packet[10] = packet[11] = 0;
	for (size_t i = 0; i < (size_t)(packet[0] & 0xf) * 4; i += 2)
		sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	packet[10] = (uint8_t)(~sum >> 8);
	packet[11] = (uint8_t)~sum;
}

static const struct {
	const char *why;
	uint8_t at, value;
	bool fix;
	enum group_msg_result result;
} changes[] = {
	{"as it is", 1, 0xc0, true, GROUP_MSG_REPORT},
	{"header checksum", 4, 0x77, false, GROUP_MSG_MALFORMED},
	{"version", 0, 0x66, true, GROUP_MSG_MALFORMED},
	{"header too short", 0, 0x44, true, GROUP_MSG_MALFORMED},
	{"total length", 3, 0x20, true, GROUP_MSG_MALFORMED},
	{"a fragment", 6, 0x20, true, GROUP_MSG_MALFORMED},
	{"do not fragment", 6, 0x40, true, GROUP_MSG_REPORT},
	{"TTL", 8, 2, true, GROUP_MSG_HOP_LIMIT},
	{"UDP", 9, 17, true, GROUP_MSG_OTHER},
	{"source multicast", 12, 224, true, GROUP_MSG_MALFORMED},
	{"destination multicast", 19, 1, true, GROUP_MSG_DESTINATION},
	{"destination unicast", 16, 10, true, GROUP_MSG_REPORT},
	{"another option", 20, 0x83, true, GROUP_MSG_ALERT},
	{"option beyond the header", 21, 5, true, GROUP_MSG_MALFORMED},
	{"option without a length", 21, 1, true, GROUP_MSG_MALFORMED},
	{"checksum", 40, 1, true, GROUP_MSG_MALFORMED},
};

START_TEST(test_igmp_validity)
{
	struct group_record record = record_of(&group4, 1);
	struct group_msg msg;

	len = igmp_write_report(packet, sizeof(packet), &src4, &record, 1);
	packet[changes[_i].at] = changes[_i].value;
	if (changes[_i].fix)
		fix_header();
	ck_assert_msg(igmp_read(packet, len, &msg) == changes[_i].result, "%s: %s", changes[_i].why,
		group_msg_result_name(igmp_read(packet, len, &msg)));
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_ne(igmp_read(packet, cut, &msg), GROUP_MSG_REPORT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("group_msg");
	TCase *tc = tcase_create("group_msg");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_reports);
	tcase_add_test(tc, test_odd_records);
	tcase_add_test(tc, test_old);
	tcase_add_test(tc, test_queries);
	tcase_add_test(tc, test_codes);
	tcase_add_test(tc, test_mld_validity);
	tcase_add_loop_test(tc, test_igmp_validity, 0, sizeof(changes) / sizeof(changes[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
