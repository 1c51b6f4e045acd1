// SPDX-License-Identifier: BSD-3-Clause
// Negotiation: which answers to an offer of ours are accepted. The notation is t_proposal_text.h's.

#include "proposal.h"
#include "t_proposal_text.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

#define OFFERED "E20/256 E20/128 P5 P6 D31 D19 ; E12/128 I12 I13 P5 D19"
#define OFFERED_ESP "E20/256 E20/128 D31 D19 S1 S0"

static const struct {
	const char *why;
	uint8_t protocol;
	uint8_t number;
	const char *answer;
	const char *suite; // NULL: refused
} accept_rows[] = {
	{"one of each", PROTOCOL_IKE, 1, "E20/128 P6 D19", "aes128gcm16-prfsha384-ecp256"},
	{"any order of types", PROTOCOL_IKE, 1, "D19 P6 E20/128", "aes128gcm16-prfsha384-ecp256"},
	{"second proposal", PROTOCOL_IKE, 2, "E12/128 I13 P5 D19",
		"aes128cbc-sha384-prfsha256-ecp256"},
	{"AEAD, integrity NONE added", PROTOCOL_IKE, 1, "E20/128 P6 I0 D19",
		"aes128gcm16-prfsha384-ecp256"},
	{"the other proposal's number", PROTOCOL_IKE, 2, "E20/128 P6 D19", NULL},
	{"a number that we did not offer", PROTOCOL_IKE, 3, "E20/128 P6 D19", NULL},
	{"number 0", PROTOCOL_IKE, 0, "E20/128 P6 D19", NULL},
	{"two proposals", PROTOCOL_IKE, 1, "E20/128 P6 D19 ; E12/128 I13 P5 D19", NULL},
	{"nothing", PROTOCOL_IKE, 1, "", NULL},
	{"two ciphers", PROTOCOL_IKE, 1, "E20/128 E20/256 P6 D19", NULL},
	{"the same cipher twice", PROTOCOL_IKE, 1, "E20/128 E20/128 P6 D19", NULL},
	{"a cipher that we did not offer", PROTOCOL_IKE, 1, "E28 P6 D19", NULL},
	{"another key length", PROTOCOL_IKE, 1, "E20/192 P6 D19", NULL},
	{"key length left out", PROTOCOL_IKE, 1, "E20 P6 D19", NULL},
	{"attribute added", PROTOCOL_IKE, 1, "E20/128! P6 D19", NULL},
	{"no cipher", PROTOCOL_IKE, 1, "P6 D19", NULL},
	{"no PRF", PROTOCOL_IKE, 1, "E20/128 D19", NULL},
	{"no group", PROTOCOL_IKE, 1, "E20/128 P6", NULL},
	{"group NONE", PROTOCOL_IKE, 1, "E20/128 P6 D0", NULL},
	{"no integrity", PROTOCOL_IKE, 2, "E12/128 P5 D19", NULL},
	{"integrity NONE", PROTOCOL_IKE, 2, "E12/128 I0 P5 D19", NULL},
	{"AEAD with integrity", PROTOCOL_IKE, 1, "E20/128 I12 P6 D19", NULL},
	{"a type that we did not offer", PROTOCOL_IKE, 1, "E20/128 P6 D19 S0", NULL},
	{"an unknown type", PROTOCOL_IKE, 1, "E20/128 P6 D19 T6", NULL},
	{"the same, 32 above a seen one", PROTOCOL_IKE, 1, "E20/128 P6 D19 T33", NULL},
	{"ESP", PROTOCOL_ESP, 1, "E20/256 D31 S1", "aes256gcm16-x25519/esn"},
	{"ESP without ESN", PROTOCOL_ESP, 1, "E20/256 D31 S0", "aes256gcm16-x25519"},
	{"ESP, ESN left out", PROTOCOL_ESP, 1, "E20/256 D31", NULL},
	{"ESP, PFS taken away", PROTOCOL_ESP, 1, "E20/256 S1", NULL},
	{"ESP, PFS turned into NONE", PROTOCOL_ESP, 1, "E20/256 D0 S1", NULL},
	{"answer of the other protocol", PROTOCOL_AH, 1, "E20/256 D31 S1", NULL},
};

START_TEST(test_accept)
{
	bool ike = accept_rows[_i].protocol == PROTOCOL_IKE;
	static struct wire_sa offered, answer;
	struct ike_suite suite;
	char text[TEXT];
	uint64_t spi;
	int ret;

	wire_from(ike ? OFFERED : OFFERED_ESP, ike ? PROTOCOL_IKE : PROTOCOL_ESP, ike ? 0 : 4,
		&offered);
	wire_from(accept_rows[_i].answer, accept_rows[_i].protocol, ike ? 0 : 4, &answer);
	answer.proposal[0].number = accept_rows[_i].number;
	ret = proposal_accept(&offered, &answer, &suite, &spi);
	ck_assert_msg(
		ret == (accept_rows[_i].suite ? 0 : -EINVAL), "%s: %d", accept_rows[_i].why, ret);
	if (!ret)
		ck_assert_str_eq(ike_suite_format(&suite, text), accept_rows[_i].suite);
}
END_TEST

START_TEST(test_accept_spi)
{
	static struct wire_sa offered, answer;
	struct ike_suite suite;
	uint64_t spi = 0;

	wire_from(OFFERED_ESP, PROTOCOL_ESP, 4, &offered);
	wire_from("E20/256 D31 S1", PROTOCOL_ESP, 4, &answer);
	ck_assert_int_eq(proposal_accept(&offered, &answer, &suite, &spi), 0);
	ck_assert(spi == PEER_SPI);
	answer.proposal[0].spi = 255;
	ck_assert_int_eq(proposal_accept(&offered, &answer, &suite, &spi), -EINVAL);
	answer.proposal[0].spi_len = 0;
	ck_assert_int_eq(proposal_accept(&offered, &answer, &suite, &spi), -EINVAL);
	wire_from(OFFERED, PROTOCOL_IKE, 8, &offered);
	wire_from("E20/128 P6 D19", PROTOCOL_IKE, 8, &answer);
	answer.proposal[0].spi = 1;
	ck_assert_int_eq(proposal_accept(&offered, &answer, &suite, &spi), 0);
	ck_assert(spi == 1);
	answer.proposal[0].spi = 0;
	ck_assert_int_eq(proposal_accept(&offered, &answer, &suite, &spi), -EINVAL);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("proposal_accept");
	TCase *tcase = tcase_create("proposal_accept");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_accept, 0, COUNT(accept_rows));
	tcase_add_test(tcase, test_accept_spi);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
