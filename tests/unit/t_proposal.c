// SPDX-License-Identifier: BSD-3-Clause
// Negotiation: what is offered, what is chosen from what, what the answer says. The notation is
// t_proposal_text.h's.

#include "../vectors/ike_strongswan.h"
#include "proposal.h"
#include "t_hex.h"
#include "t_proposal_text.h"

#include <check.h>

#include <errno.h>
#include <stdlib.h>

#define IKE_GCM "aes256gcm16 aes128gcm16 prfsha384 prfsha256 x25519 ecp256 modp2048"
#define IKE_CBC "aes256cbc aes128cbc sha384 sha256 prfsha256 ecp256 modp2048"

static const struct {
	const char *why;
	const char *config;
	const char *offer;
	uint16_t ke; // group of the peer's KE payload
	const char *suite; // NULL: NO_PROPOSAL_CHOSEN
	const char *answer;
} ike_rows[] = {
	{"one of each", IKE_GCM, "E20/128 P5 D31", 31, "aes128gcm16-prfsha256-x25519",
		"1: E20/128 P5 D31"},
	{"ours is the order, of all types", IKE_GCM, "E20/128 E20/256 P5 P6 D19 D31", 0,
		"aes256gcm16-prfsha384-x25519", "1: E20/256 P6 D31"},
	{"the group that the peer has sent saves a round", IKE_GCM, "E20/128 P5 D31 D19 D14", 14,
		"aes128gcm16-prfsha256-modp2048", "1: E20/128 P5 D14"},
	{"a group sent, but not ours: our order", IKE_GCM, "E20/128 P5 D20 D14 D31", 20,
		"aes128gcm16-prfsha256-x25519", "1: E20/128 P5 D31"},
	{"a group sent, but not offered", IKE_GCM, "E20/128 P5 D19 D14", 31,
		"aes128gcm16-prfsha256-ecp256", "1: E20/128 P5 D19"},
	{"second proposal, its number", IKE_GCM, "E12/128 I12 P5 D19 ; E20/128 P5 D19", 19,
		"aes128gcm16-prfsha256-ecp256", "2: E20/128 P5 D19"},
	{"our best cipher is in the peer's second proposal", IKE_GCM,
		"E20/128 P6 D31 ; E20/256 P5 D31", 31, "aes256gcm16-prfsha256-x25519",
		"2: E20/256 P5 D31"},
	{"same cipher twice: the better PRF", IKE_GCM, "E20/256 P5 D31 ; E20/256 P6 D31", 31,
		"aes256gcm16-prfsha384-x25519", "2: E20/256 P6 D31"},
	{"same twice: the group that was sent", IKE_GCM, "E20/256 P5 D31 ; E20/256 P5 D19", 19,
		"aes256gcm16-prfsha256-ecp256", "2: E20/256 P5 D19"},
	{"equal twice: the first", IKE_GCM, "E20/256 P5 D31 ; E20/256 P5 D31", 31,
		"aes256gcm16-prfsha256-x25519", "1: E20/256 P5 D31"},
	{"our first proposal is wanted more than a group that saves a round", IKE_GCM " ; " IKE_CBC,
		"E12/256 I13 P5 D14 ; E20/128 P5 D31", 14, "aes128gcm16-prfsha256-x25519",
		"2: E20/128 P5 D31"},
	{"our second proposal", IKE_GCM " ; " IKE_CBC, "E12/128 E12/256 I12 I13 P5 D14 D19", 19,
		"aes256cbc-sha384-prfsha256-ecp256", "1: E12/256 P5 I13 D19"},
	{"AEAD and others in one proposal of ours, as the peer's first",
		"aes128gcm16 aes128cbc sha256 prfsha256 x25519", "E12/128 I12 P5 D31", 31,
		"aes128cbc-sha256-prfsha256-x25519", "1: E12/128 P5 I12 D31"},
	{"AEAD and integrity NONE (RFC 5282 section 8)", IKE_GCM, "E20/256 I0 P5 D31", 31,
		"aes256gcm16-prfsha256-x25519", "1: E20/256 P5 I0 D31"},
	{"AEAD and integrity in one proposal cannot be", IKE_GCM, "E20/256 I12 P5 D31", 31, NULL,
		NULL},
	{"AEAD and CBC in one proposal with integrity: CBC it is",
		"aes128gcm16 aes128cbc sha256 prfsha256 x25519", "E20/128 E12/128 I12 P5 D31", 31,
		"aes128cbc-sha256-prfsha256-x25519", "1: E12/128 P5 I12 D31"},
	{"CBC without integrity", IKE_CBC, "E12/128 P5 D19", 19, NULL, NULL},
	{"CBC with integrity NONE", IKE_CBC, "E12/128 I0 P5 D19", 19, NULL, NULL},
	{"key length missing: AES must have it", IKE_GCM, "E20 P5 D31", 31, NULL, NULL},
	{"key length of 192 is not ours", IKE_GCM, "E20/192 P5 D31", 31, NULL, NULL},
	{"ChaCha20 has none", "chacha20poly1305 prfsha256 x25519", "E28 P5 D31", 31,
		"chacha20poly1305-prfsha256-x25519", "1: E28 P5 D31"},
	{"ChaCha20 must not have one", "chacha20poly1305 prfsha256 x25519", "E28/256 P5 D31", 31,
		NULL, NULL},
	{"PRF with a key length", IKE_GCM, "E20/256 P5/256 D31", 31, NULL, NULL},
	{"attribute that we do not know: not this transform", IKE_GCM, "E20/256! E20/128 P5 D31",
		31, "aes128gcm16-prfsha256-x25519", "1: E20/128 P5 D31"},
	{"attribute that we do not know, and no other transform", IKE_GCM, "E20/256! P5 D31", 31,
		NULL, NULL},
	{"the same transform with and without", IKE_GCM, "E20/256! E20/256 P5 D31", 31,
		"aes256gcm16-prfsha256-x25519", "1: E20/256 P5 D31"},
	{"type that we do not know: not this proposal", IKE_GCM,
		"E20/256 P5 D31 T6 ; E20/128 P5 D31", 31, "aes128gcm16-prfsha256-x25519",
		"2: E20/128 P5 D31"},
	{"type 241 (private use)", IKE_GCM, "E20/256 P5 D31 T241", 31, NULL, NULL},
	{"type 0", IKE_GCM, "E20/256 P5 D31 T0", 31, NULL, NULL},
	{"type 32 must not wrap", IKE_GCM, "E20/256 P5 D31 T32", 31, NULL, NULL},
	{"ESN has no place in IKE", IKE_GCM, "E20/256 P5 D31 S0", 31, NULL, NULL},
	{"ids that we do not know are passed over", IKE_GCM, "E200/256 E20/256 P99 P5 D99 D31", 99,
		"aes256gcm16-prfsha256-x25519", "1: E20/256 P5 D31"},
	{"no PRF", IKE_GCM, "E20/256 D31", 31, NULL, NULL},
	{"no group", IKE_GCM, "E20/256 P5", 31, NULL, NULL},
	{"group NONE is none for IKE", IKE_GCM, "E20/256 P5 D0", 0, NULL, NULL},
	{"no cipher", IKE_GCM, "P5 D31", 31, NULL, NULL},
	{"NULL cipher", IKE_GCM, "E11 P5 D31", 31, NULL, NULL},
	{"nothing", IKE_GCM, "", 31, NULL, NULL},
};

START_TEST(test_choose_ike)
{
	struct config_proposals config = config_from(ike_rows[_i].config);
	static struct wire_sa offer, answer;
	struct ike_suite suite;
	char text[TEXT];
	uint64_t spi;
	int ret;

	wire_from(ike_rows[_i].offer, PROTOCOL_IKE, 0, &offer);
	ret = proposal_choose_ike(&config, &offer, ike_rows[_i].ke, 0, 0, &suite, &spi, &answer);
	if (!ike_rows[_i].suite) {
		ck_assert_msg(ret == -ENOENT, "%s: %d", ike_rows[_i].why, ret);
		return;
	}
	ck_assert_msg(ret == 0, "%s: %d", ike_rows[_i].why, ret);
	ck_assert_str_eq(ike_suite_format(&suite, text), ike_rows[_i].suite);
	ck_assert_str_eq(wire_text(&answer, text), ike_rows[_i].answer);
	// whatever we answer, an initiator like us accepts, with the same result
	struct ike_suite accepted;
	ck_assert_int_eq(proposal_accept(&offer, &answer, &accepted, &spi), 0);
	ck_assert_str_eq(ike_suite_format(&accepted, text), ike_rows[_i].suite);
}
END_TEST

#define ESP "aes256gcm16 aes128gcm16 esn noesn"
#define ESP_PFS "aes256gcm16 aes128gcm16 x25519 ecp256 esn noesn"
#define ESP_CBC "aes128cbc sha256 noesn"

static const struct {
	const char *why;
	const char *config;
	bool with_dh;
	const char *offer;
	uint16_t ke;
	const char *suite;
	const char *answer;
} esp_rows[] = {
	{"one of each", ESP, false, "E20/128 S0", 0, "aes128gcm16", "1: E20/128 S0"},
	{"ESN is wanted more", ESP, false, "E20/128 S0 S1", 0, "aes128gcm16/esn", "1: E20/128 S1"},
	{"ESN not wanted", "aes128gcm16 noesn", false, "E20/128 S0 S1", 0, "aes128gcm16",
		"1: E20/128 S0"},
	{"ESN not offered, and without it not wanted", "aes128gcm16 esn", false, "E20/128 S0", 0,
		NULL, NULL},
	{"ESN transform is mandatory (section 3.3.3)", ESP, false, "E20/128", 0, NULL, NULL},
	{"ESN id 2", ESP, false, "E20/128 S2", 0, NULL, NULL},
	{"ESN in the second proposal", ESP, false, "E20/256 S0 ; E20/256 S1", 0, "aes256gcm16/esn",
		"2: E20/256 S1"},
	{"cipher before ESN", ESP, false, "E20/256 S0 ; E20/128 S1", 0, "aes256gcm16",
		"1: E20/256 S0"},
	{"CBC", ESP_CBC, false, "E12/128 I12 S0", 0, "aes128cbc-sha256", "1: E12/128 I12 S0"},
	{"CBC, other integrity", ESP_CBC, false, "E12/128 I2 S0", 0, NULL, NULL},
	{"strongSwan's default: AEADs and others", ESP " ; " ESP_CBC, false,
		"E20/128 E20/192 E20/256 S0 ; E12/128 E12/192 E12/256 I12 I13 I14 S0", 0,
		"aes256gcm16", "1: E20/256 S0"},
	{"AEAD and integrity NONE", ESP, false, "E20/128 I0 S0", 0, "aes128gcm16",
		"1: E20/128 I0 S0"},
	{"a PRF has no place in ESP", ESP, false, "E20/128 P5 S0", 0, NULL, NULL},
	{"type that we do not know", ESP, false, "E20/128 S0 T6", 0, NULL, NULL},

	{"PFS: our order", ESP_PFS, true, "E20/128 D19 D31 S0", 0, "aes128gcm16-x25519",
		"1: E20/128 D31 S0"},
	{"PFS: the group that was sent", ESP_PFS, true, "E20/128 D19 D31 S0", 19,
		"aes128gcm16-ecp256", "1: E20/128 D19 S0"},
	{"PFS: NONE offered beside a group", ESP_PFS, true, "E20/128 D0 D19 S0", 19,
		"aes128gcm16-ecp256", "1: E20/128 D19 S0"},
	{"PFS: asked of us, and the peer has none", ESP_PFS, true, "E20/128 S0", 0, NULL, NULL},
	{"PFS: asked of us, and the peer has NONE", ESP_PFS, true, "E20/128 D0 S0", 0, NULL, NULL},
	{"PFS: no group in common", ESP_PFS, true, "E20/128 D14 S0", 14, NULL, NULL},
	{"PFS: offered, we have no group", ESP, true, "E20/128 D31 S0", 31, NULL, NULL},
	{"PFS: NONE is offered, we have no group", ESP, true, "E20/128 D31 D0 S0", 31,
		"aes128gcm16", "1: E20/128 D0 S0"},
	{"IKE_AUTH: groups of a peer that leaves them in", ESP_PFS, false, "E20/128 D31 S0", 0,
		"aes128gcm16", "1: E20/128 S0"},
	{"IKE_AUTH: group NONE is answered", ESP_PFS, false, "E20/128 D0 S0", 0, "aes128gcm16",
		"1: E20/128 D0 S0"},
};

START_TEST(test_choose_esp)
{
	struct config_proposals config = config_from(esp_rows[_i].config);
	static struct wire_sa offer, answer;
	struct esp_suite esp;
	struct ike_suite suite;
	char text[TEXT];
	uint32_t spi;
	int ret;

	wire_from(esp_rows[_i].offer, PROTOCOL_ESP, 4, &offer);
	ret = proposal_choose_esp(&config, &offer, esp_rows[_i].ke, esp_rows[_i].with_dh,
		0x55667788, &suite, &spi, &answer);
	if (!esp_rows[_i].suite) {
		ck_assert_msg(ret == -ENOENT, "%s: %d", esp_rows[_i].why, ret);
		return;
	}
	ck_assert_msg(ret == 0, "%s: %d", esp_rows[_i].why, ret);
	ck_assert_uint_eq(spi, PEER_SPI);
	ck_assert_str_eq(ike_suite_format(&suite, text), esp_rows[_i].suite);
	ck_assert_str_eq(wire_text(&answer, text), esp_rows[_i].answer);
	ck_assert_uint_eq(answer.proposal[0].spi_len, 4);
	ck_assert(answer.proposal[0].spi == 0x55667788);
	ike_suite_esp(&suite, &esp);
	ck_assert(esp_suite_valid(&esp));
	ck_assert_uint_eq(esp.esn, suite.esn);
}
END_TEST

START_TEST(test_choose_spi)
{
	struct config_proposals ike = config_from(IKE_GCM), esp = config_from(ESP);
	static struct wire_sa offer, answer;
	struct ike_suite suite;
	uint64_t spi;
	uint32_t spi32;

	wire_from("E20/256 P5 D31", PROTOCOL_IKE, 8, &offer);
	ck_assert_int_eq(proposal_choose_ike(&ike, &offer, 31, 99, 8, &suite, &spi, &answer), 0);
	ck_assert(spi == PEER_SPI);
	ck_assert_uint_eq(answer.proposal[0].spi_len, 8);
	ck_assert(answer.proposal[0].spi == 99);
	// an initial exchange has no SPI in its proposals, a rekey has (section 3.3.1)
	ck_assert_int_eq(
		proposal_choose_ike(&ike, &offer, 31, 99, 0, &suite, &spi, &answer), -ENOENT);
	offer.proposal[0].spi = 0;
	ck_assert_int_eq(
		proposal_choose_ike(&ike, &offer, 31, 99, 8, &suite, &spi, &answer), -ENOENT);
	wire_from("E20/256 P5 D31", PROTOCOL_IKE, 0, &offer);
	ck_assert_int_eq(
		proposal_choose_ike(&ike, &offer, 31, 99, 8, &suite, &spi, &answer), -ENOENT);
	// the other protocol
	wire_from("E20/256 S0", PROTOCOL_AH, 4, &offer);
	ck_assert_int_eq(
		proposal_choose_esp(&esp, &offer, 0, false, 1, &suite, &spi32, &answer), -ENOENT);
	// RFC 4303 section 2.1: 0 to 255 are no SPIs of ESP
	wire_from("E20/256 S0", PROTOCOL_ESP, 4, &offer);
	offer.proposal[0].spi = 255;
	ck_assert_int_eq(
		proposal_choose_esp(&esp, &offer, 0, false, 1, &suite, &spi32, &answer), -ENOENT);
	offer.proposal[0].spi = 256;
	ck_assert_int_eq(
		proposal_choose_esp(&esp, &offer, 0, false, 1, &suite, &spi32, &answer), 0);
}
END_TEST

static const struct {
	const char *why;
	const char *config;
	bool with_dh;
	const char *offer;
} offer_rows[] = {
	{"AEAD", ESP, false, "1: E20/256 E20/128 S1 S0"},
	{"with groups", ESP_PFS, true, "1: E20/256 E20/128 D31 D19 S1 S0"},
	{"IKE_AUTH leaves groups out", ESP_PFS, false, "1: E20/256 E20/128 S1 S0"},
	{"two proposals", ESP " ; " ESP_CBC, false, "1: E20/256 E20/128 S1 S0 ; 2: E12/128 I12 S0"},
	{"AEADs and others are divided, the first one's kind first",
		"aes128cbc aes128gcm16 aes256cbc sha256 noesn", false,
		"1: E12/128 E12/256 I12 S0 ; 2: E20/128 S0"},
};

START_TEST(test_offer_esp)
{
	struct config_proposals config = config_from(offer_rows[_i].config);
	static struct wire_sa sa;
	char text[TEXT];

	proposal_offer_esp(&config, 0x100, offer_rows[_i].with_dh, &sa);
	ck_assert_str_eq(wire_text(&sa, text), offer_rows[_i].offer);
	for (uint32_t i = 0; i < sa.n; i++) {
		ck_assert_uint_eq(sa.proposal[i].protocol, PROTOCOL_ESP);
		ck_assert_uint_eq(sa.proposal[i].spi_len, 4);
		ck_assert(sa.proposal[i].spi == 0x100);
	}
}
END_TEST

START_TEST(test_offer_ike)
{
	struct config_proposals config =
		config_from(IKE_CBC " ; chacha20poly1305 prfsha256 x25519");
	static struct wire_sa sa;
	char text[TEXT];

	proposal_offer_ike(&config, 0, 0, &sa);
	ck_assert_str_eq(
		wire_text(&sa, text), "1: E12/256 E12/128 I13 I12 P5 D19 D14 ; 2: E28 P5 D31");
	ck_assert_uint_eq(sa.proposal[1].spi_len, 0);
	proposal_offer_ike(&config, 77, 8, &sa);
	ck_assert_uint_eq(sa.proposal[1].spi_len, 8);
	ck_assert(sa.proposal[1].spi == 77);
}
END_TEST

// The largest configuration there may be fits into what we can offer.
START_TEST(test_offer_limits)
{
	struct config_proposals config = {.n = CONFIG_ALGS};
	static struct wire_sa sa;

	for (uint32_t i = 0; i < CONFIG_ALGS; i++) {
		struct config_proposal *p = &config.proposal[i];

		p->encr_n = p->prf_n = p->integ_n = p->dh_n = CONFIG_ALGS;
		for (uint32_t j = 0; j < CONFIG_ALGS; j++) {
			p->encr[j] = alg_encr_at(j % 5);
			p->prf[j] = alg_prf_at(0);
			p->integ[j] = alg_integ_at(0);
			p->dh[j] = alg_dh_at(0);
		}
	}
	proposal_offer_ike(&config, 0, 0, &sa);
	ck_assert_uint_eq(sa.n, 2 * CONFIG_ALGS);
	ck_assert_uint_eq(sa.proposal[0].transform_n + sa.proposal[1].transform_n,
		CONFIG_ALGS + CONFIG_ALGS + 4 * CONFIG_ALGS);
}
END_TEST

// strongSwan's own offers from the wire against configurations of ours. The second conversation has
// its defaults.
START_TEST(test_strongswan_offer)
{
	static const char *const suites[] = {"aes128gcm16-prfsha256-ecp256",
		"aes256gcm16-prfsha384-x25519", "chacha20poly1305-prfsha512-modp2048",
		"aes256cbc-sha512-prfsha384-ecp384"};
	struct config_proposals config =
		config_from("aes256gcm16 aes128gcm16 chacha20poly1305 prfsha384 prfsha256 prfsha512"
			    " x25519 ecp256 ecp384 modp2048 ; "
			    "aes256cbc sha512 prfsha384 ecp384");
	static struct wire_sa offer, answer;
	struct ike_suite suite;
	uint8_t data[2048];
	struct ike_msg msg;
	char text[TEXT];
	uint64_t spi;
	size_t len = hex_parse(swan_vectors[_i].message[SWAN_INIT_REQUEST], data, sizeof(data));

	ck_assert_int_eq(ike_msg_parse(data, len, &msg), 0);
	ck_assert_int_eq(payload_sa_read(ike_msg_find(&msg, PAYLOAD_SA), &offer), 0);
	ck_assert_int_eq(proposal_choose_ike(&config, &offer, 0, 0, 0, &suite, &spi, &answer), 0);
	ck_assert_str_eq(ike_suite_format(&suite, text), suites[_i]);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("proposal");
	TCase *tcase = tcase_create("proposal");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_choose_ike, 0, COUNT(ike_rows));
	tcase_add_loop_test(tcase, test_choose_esp, 0, COUNT(esp_rows));
	tcase_add_test(tcase, test_choose_spi);
	tcase_add_loop_test(tcase, test_offer_esp, 0, COUNT(offer_rows));
	tcase_add_test(tcase, test_offer_ike);
	tcase_add_test(tcase, test_offer_limits);
	tcase_add_loop_test(tcase, test_strongswan_offer, 0, COUNT(swan_vectors));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
