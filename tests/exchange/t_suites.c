// SPDX-License-Identifier: BSD-3-Clause
// Every row of the table of algorithms is negotiated and used: as the IKE SA's and the child SA's
// suite, in the first exchanges and in both rekeys with key exchange. RFC 7296 section 3.3, 5930,
// 8750, 9206.
#include "peers.h"

static struct net net;

// Both sides want the same and nothing else.
static void only(const struct config_proposal *ike, const struct config_proposal *esp)
{
	struct config *const configs[] = {&net.a.config, &net.b.config};

	for (int i = 0; i < 2; i++) {
		configs[i]->ike.proposal[0] = *ike;
		configs[i]->esp.proposal[0] = *esp;
	}
}

static const struct alg_integ *integ_for(const struct alg_encr *encr, int i)
{
	return encr->aead ? NULL : alg_integ_at((size_t)i % 3);
}

static struct config_proposal ike_proposal(const struct alg_encr *encr, int i)
{
	const struct alg_integ *integ = integ_for(encr, i);

	return (struct config_proposal){
		.encr_n = 1,
		.encr = {encr},
		.integ_n = integ != NULL,
		.integ = {integ},
		.prf_n = 1,
		.prf = {alg_prf_at((size_t)i % 3)},
		.dh_n = 1,
		.dh = {alg_dh_find(DH_X25519)},
	};
}

static struct config_proposal esp_proposal(const struct alg_encr *encr, int i)
{
	const struct alg_integ *integ = integ_for(encr, i);

	return (struct config_proposal){
		.encr_n = 1,
		.encr = {encr},
		.integ_n = integ != NULL,
		.integ = {integ},
		.dh_n = 1,
		.dh = {alg_dh_find(DH_X25519)},
		.esn_yes = i % 2,
		.esn_no = i % 2 == 0,
	};
}

static void check_suite(const struct config_proposal *esp)
{
	for (int i = 0; i < SAS_MAX; i++) {
		const struct ipc_sa *sa = &net.a.in[i].sa;

		if (!net.a.in[i].used)
			continue;
		ck_assert_uint_eq(sa->suite.encr, esp->encr[0]->id);
		ck_assert_uint_eq(sa->suite.key_bits, esp->encr[0]->key_bits);
		ck_assert_uint_eq(sa->suite.integ, esp->integ_n ? esp->integ[0]->id : INTEG_NONE);
		ck_assert_uint_eq(sa->suite.esn, esp->esn_yes);
		ck_assert_uint_eq(sa->encr_key_len, esp->encr[0]->key_len + esp->encr[0]->salt_len);
		ck_assert(esp_suite_valid(&sa->suite));
	}
}

// Up, both rekeyed by the client, child SAs again by the gateway.
static void all_exchanges(const struct config_proposal *esp)
{
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	check_suite(esp);
	net.check_traffic = true;
	ike_child_rekey(net.a.ike, peer_child(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ike_sa_rekey(net.a.ike, peer_ike_sa(&net.a), net.now_us);
	peer_drain(&net.a);
	net_run(&net, 10 * US_PER_S);
	ike_child_rekey(net.b.ike, peer_child(&net.b), net.now_us);
	peer_drain(&net.b);
	net_run(&net, 10 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).child_rekeys, 2);
	ck_assert_uint_eq(peer_counters(&net.a).ike_rekeys, 1);
	net_check_mirror(&net);
	check_suite(esp);
	ck_assert(net_traffic(&net));
	net_finish(&net);
}

START_TEST(every_cipher)
{
	const struct alg_encr *encr = alg_encr_at((size_t)_i);
	struct config_proposal ike =
		ike_proposal(encr->ike ? encr : alg_encr_find(ENCR_AES_GCM_16, 256), _i);
	struct config_proposal esp = esp_proposal(encr, _i);

	net_init(&net, 100 + (uint64_t)_i);
	only(&ike, &esp);
	all_exchanges(&esp);
}
END_TEST

START_TEST(every_group)
{
	const struct alg_dh *dh = alg_dh_at((size_t)_i);
	struct config_proposal ike = ike_proposal(alg_encr_find(ENCR_AES_GCM_16, 256), _i);
	struct config_proposal esp = esp_proposal(alg_encr_find(ENCR_AES_GCM_16, 256), _i);

	ck_assert_ptr_nonnull(dh);
	ike.dh[0] = esp.dh[0] = dh;
	net_init(&net, 200 + (uint64_t)_i);
	only(&ike, &esp);
	all_exchanges(&esp);
}
END_TEST

// RFC 8750 section 5: implicit IVs beside explicit ones. Who knows them takes them, who does not
// takes the others.
START_TEST(implicit_iv_beside_explicit)
{
	struct config_proposal ike = ike_proposal(alg_encr_find(ENCR_AES_GCM_16, 128), 0);
	struct config_proposal esp = esp_proposal(alg_encr_find(ENCR_AES_GCM_16_IIV, 128), 0);
	struct config_proposal plain = esp_proposal(alg_encr_find(ENCR_AES_GCM_16, 128), 0);

	net_init(&net, 300);
	esp.encr_n = 2;
	esp.encr[1] = plain.encr[0];
	only(&ike, &esp);
	if (_i)
		(_i == 1 ? &net.a : &net.b)->config.esp.proposal[0] = plain;
	all_exchanges(_i ? &plain : &esp);
}
END_TEST

// Nobody gets into a suite that is not in its policy: a cipher that does not encrypt, above all.
START_TEST(null_only_where_it_is_listed)
{
	static const uint16_t ids[] = {ENCR_NULL, ENCR_NULL_AUTH_AES_GMAC};
	const struct alg_encr *encr = alg_encr_find(ids[_i], _i ? 128 : 0);
	struct config_proposal esp = esp_proposal(encr, 0);

	net_init(&net, 310);
	net.a.config.esp.proposal[0] = esp;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	ck_assert(peer_sent_text(&net.b, "N(NO_PROPOSAL_CHOSEN)"));
	ck_assert_uint_eq(peer_in_count(&net.b), 0);
	net_finish(&net);
}
END_TEST

static int rows(bool groups)
{
	size_t n = 0;

	while (groups ? alg_dh_at(n) != NULL : alg_encr_at(n) != NULL)
		n++;
	return (int)n;
}

int main(void)
{
	Suite *suite = suite_create("suites");
	TCase *tcase = tcase_create("suites");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, every_cipher, 0, rows(false));
	tcase_add_loop_test(tcase, every_group, 0, rows(true));
	tcase_add_loop_test(tcase, implicit_iv_beside_explicit, 0, 3);
	tcase_add_loop_test(tcase, null_only_where_it_is_listed, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
