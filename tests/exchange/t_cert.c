// SPDX-License-Identifier: BSD-3-Clause
// T6 M-G: authentication by certificate, both sides, every key; signatures that come late, never, or as
// an error; peers that prove too little. RFC 7296 sections 2.15, 3.6, 3.8; RFC 7427.
#include "ike_payload_cert.h"
#include "ike_sa.h"
#include "peers.h"
#include "pki.h"
#include "sign_scheme.h"

#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 16

static struct net net;
static struct pki root, middle, gateway, client;
static struct config_pem ca, crl;

// The signing process of both.
static struct request {
	struct peer *peer;
	uint64_t ike_sa;
	char key[32];
	uint32_t scheme;
	size_t len;
	uint8_t data[4096];
} requests[REQUESTS_MAX];
static unsigned request_n, asked_n;

static int op_sign(
	void *arg, uint64_t ike_sa, const char *key, uint32_t scheme, const void *data, size_t len)
{
	struct request *request = &requests[request_n++];

	ck_assert_uint_le(request_n, REQUESTS_MAX);
	ck_assert_uint_le(len, sizeof(request->data));
	asked_n++;
	*request = (struct request){.peer = arg, .ike_sa = ike_sa, .scheme = scheme, .len = len};
	snprintf(request->key, sizeof(request->key), "%s", key);
	memcpy(request->data, data, len);
	return 0;
}

static uint64_t op_wall_s(void *)
{
	return PKI_NOW;
}

// Answers the oldest request; `why` as in ike_on_signed().
static void sign_one(const char *why)
{
	struct request request = requests[0];
	const struct pki *who = strcmp(request.key, "gateway.key") == 0 ? &gateway : &client;
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t len = sizeof(signature);

	ck_assert_uint_gt(request_n, 0);
	memmove(requests, requests + 1, sizeof(requests) - sizeof(requests[0]));
	request_n--;
	ck_assert_int_eq(sign_make(who->key, request.scheme,
				 (struct bytes){request.data, request.len}, signature, &len),
		0);
	ike_on_signed(request.peer->ike, request.ike_sa, why, signature, len, net.now_us);
	peer_drain(request.peer);
}

static void sign_all(void)
{
	net_settle(&net);
	while (request_n > 0) {
		sign_one(NULL);
		net_settle(&net);
	}
}

static void by_certificate(struct config_credential *own, const struct pki *leaf,
	const struct pki *between, const char *key)
{
	own->certificate = pki_pem(leaf, between, NULL);
	snprintf(own->private_key, sizeof(own->private_key), "%s", key);
}

// A client and a gateway that believe `root`, each with a certificate of this kind under it.
static void begin(uint64_t seed, const char *kind, bool chain)
{
	const struct pki *by = chain ? &middle : &root;

	request_n = asked_n = 0;
	net_init(&net, seed);
	root = pki_ca(NULL, "p256", "root");
	middle = pki_ca(&root, "p256", "middle");
	gateway = pki_leaf(by, kind, "DNS:gw.example.org");
	client = pki_leaf(by, kind, "email:alice@example.org");
	ca = pki_pem(&root, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		struct peer *peer = i == 0 ? &net.a : &net.b;

		peer->config.certificates.ca = &ca;
		peer->config.certificates.ca_n = 1;
		peer->config.certificates.crl = &crl;
		peer->ops.sign = op_sign;
		peer->ops.wall_s = op_wall_s;
	}
	net.a.connection.auth = CONFIG_AUTH_CERTIFICATE;
	net.a.connection.psk.len = 0;
	net.b.pad[0].auth = CONFIG_AUTH_CERTIFICATE;
	net.b.pad[0].psk.len = 0;
	by_certificate(&net.a.connection.credential, &client, chain ? by : NULL, "client.key");
	by_certificate(
		&net.b.config.gateway.credential, &gateway, chain ? by : NULL, "gateway.key");
}

static void refused_by(struct peer *peer, const char *why)
{
	struct sas sas;

	ck_assert_str_eq(peer->event_text[IKE_EVENT_AUTH_FAILED], why);
	peer_sas(peer, &sas);
	ck_assert_uint_eq(sas.n, 0);
	ck_assert_uint_eq(net.b.attached, 0);
	ck_assert_uint_eq(net.a.up, 0);
}

static const struct {
	const char *key;
	enum config_rsa_padding padding;
	bool chain;
	const char *scheme;
} kinds[] = {
	{"rsa", CONFIG_RSA_PSS, false, "rsa-pss-sha256"},
	{"rsa", CONFIG_RSA_PKCS1, true, "rsa-pkcs1-sha256"},
	{"p256", 0, false, "ecdsa-sha256"},
	{"p384", 0, true, "ecdsa-sha384"},
	{"p521", 0, false, "ecdsa-sha512"},
	{"ed25519", 0, true, "ed25519"},
	{"ed448", 0, false, "ed448"},
};
START_TEST(every_key)
{
	struct sas sas;

	begin(1, kinds[_i].key, kinds[_i].chain);
	net.a.connection.credential.rsa_padding = kinds[_i].padding;
	net.b.config.gateway.credential.rsa_padding = kinds[_i].padding;
	net_start(&net);
	net_connect(&net);
	sign_all();
	ck_assert_uint_eq(asked_n, 2);
	net_check_up(&net);
	peer_sas(&net.a, &sas);
	ck_assert_str_eq(sas.info[0].authentication, kinds[_i].scheme);
	peer_sas(&net.b, &sas);
	ck_assert_str_eq(sas.info[0].authentication, kinds[_i].scheme);
	// What it was proved by stays through a rekey.
	ck_assert_int_eq(ike_sa_rekey(net.b.ike, peer_ike_sa(&net.b), net.now_us), 0);
	peer_drain(&net.b);
	net_settle(&net);
	net_check_up(&net);
	peer_sas(&net.b, &sas);
	ck_assert_str_eq(sas.info[0].authentication, kinds[_i].scheme);
	ck_assert_uint_eq(asked_n, 2);
	net_finish(&net);
}
END_TEST

// A secret here is still a secret.
START_TEST(secret_beside)
{
	struct sas sas;

	begin(2, "p256", false);
	net.a.connection.auth = CONFIG_AUTH_SECRET;
	net.b.pad[0].auth = CONFIG_AUTH_SECRET;
	secret_set(&net.a.connection.psk, "s", 1);
	secret_set(&net.b.pad[0].psk, "s", 1);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	net_check_up(&net);
	ck_assert_uint_eq(asked_n, 0);
	peer_sas(&net.b, &sas);
	ck_assert_str_eq(sas.info[0].authentication, "secret");
	net_finish(&net);
}
END_TEST

// The client sends its request again and again while the gateway's signature takes its time: it is
// asked for once, and the answer is one.
START_TEST(late_signature)
{
	begin(3, "p256", false);
	net.b.config.life.half_open_s = 60;
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	sign_one(NULL);
	net_run(&net, 12 * US_PER_S);
	ck_assert_uint_gt(peer_counters(&net.b).retransmits_in, 1);
	ck_assert_uint_eq(asked_n, 2);
	sign_one(NULL);
	net_settle(&net);
	ck_assert_uint_eq(asked_n, 2);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

// It comes when nobody waits for it any more, or never; nothing is left of it.
START_TEST(signature_too_late)
{
	begin(4, "p256", false);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	sign_one(NULL);
	net_settle(&net);
	ck_assert_uint_eq(request_n, 1);
	net.down = true;
	net_run(&net, 600 * US_PER_S);
	ck_assert_uint_ge(request_n, 1);
	requests[0].peer = &net.b;
	sign_one(NULL);
	net_fini(&net);
}
END_TEST

// The client's own signature never comes, or late: the attempt ends, and another one begins.
START_TEST(client_waits)
{
	begin(10, "p256", false);
	net_start(&net);
	net_connect(&net);
	net_run(&net, 29 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).half_open_expired, 0);
	net_run(&net, 3 * US_PER_S);
	ck_assert_uint_eq(peer_counters(&net.a).half_open_expired, 1);
	ck_assert_str_eq(net.a.why, "not authenticated in time");
	sign_one(NULL); // nobody waits for it any more
	ck_assert_uint_eq(net.a.up, 0);
	// One that is in time does not end when that time is over.
	request_n = 0;
	net_connect(&net);
	net_settle(&net);
	sign_all();
	net_run(&net, 60 * US_PER_S);
	net_check_up(&net);
	net_finish(&net);
}
END_TEST

START_TEST(signer_fails)
{
	begin(5, "p256", false);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	if (_i == 1) {
		sign_one(NULL);
		net_settle(&net);
	}
	sign_one("the signing process has died");
	net_run(&net, 20 * US_PER_MS);
	refused_by(_i == 0 ? &net.a : &net.b, "the signing process has died");
	net_finish(&net);
}
END_TEST

// Who does what in place of a good certificate.
static size_t no_certs(const struct ike_header *header, uint8_t first, uint8_t *chain, size_t len)
{
	(void)first;
	if (header->exchange == IKE_AUTH) // the second payload of both sides; ID is the first
		chain[0] = PAYLOAD_VENDOR;
	return len;
}

static size_t by_url(const struct ike_header *header, uint8_t first, uint8_t *chain, size_t len)
{
	size_t id = (size_t)chain[2] << 8 | chain[3];

	(void)first;
	if (header->exchange == IKE_AUTH && !(header->flags & IKE_FLAG_RESPONSE))
		chain[id + 4] = CERT_X509_HASH_URL;
	return len;
}

static size_t other_octet(
	const struct ike_header *header, uint8_t first, uint8_t *chain, size_t len)
{
	static struct ike_msg msg;

	if (header->exchange != IKE_AUTH || header->flags & IKE_FLAG_RESPONSE)
		return len;
	ck_assert_int_eq(ike_msg_parse_inner(&msg, first, chain, len), 0);
	for (uint32_t i = 0; i < msg.n; i++)
		if (msg.payload[i].type == PAYLOAD_AUTH)
			chain[msg.payload[i].data + msg.payload[i].len - 1 - chain] ^= 1;
	return len;
}

static void edit_no_certs(void)
{
	net.edit = no_certs;
}
static void edit_by_url(void)
{
	net.edit = by_url;
}
static void edit_signature(void)
{
	net.edit = other_octet;
}

static void other_root(void)
{
	struct pki strange = pki_ca(NULL, "p256", "strange");

	client = pki_leaf(&strange, "p256", "email:alice@example.org");
	by_certificate(&net.a.connection.credential, &client, NULL, "client.key");
}

static void other_name(void)
{
	client = pki_leaf(&root, "p256", "email:bob@example.org");
	by_certificate(&net.a.connection.credential, &client, NULL, "client.key");
}

// Somebody else's certificate, and a key of his own.
static void other_key(void)
{
	by_certificate(&net.a.connection.credential, &client, NULL, "client.key");
	client = pki_leaf(&root, "p256", "email:mallory@example.org");
}

static void revoked(void)
{
	crl = pki_crl(&root, &client, 5);
	net.b.config.certificates.crl_n = 1;
}

static void no_crl(void)
{
	net.b.config.certificates.crl_required = true;
}

static void other_address(void)
{
	client = pki_leaf(&root, "p256", "email:alice@example.org, IP:192.0.2.77");
	by_certificate(&net.a.connection.credential, &client, NULL, "client.key");
}

static const struct {
	void (*spoil)(void);
	const char *why; // what the gateway says of the client
} bad_clients[] = {
	{edit_no_certs, "the peer sent no certificate"},
	{edit_by_url, "certificates in no encoding that we take"},
	{edit_signature, "the signature is wrong"},
	{other_root, "unable to get local issuer certificate"},
	{other_name, "the certificate is not for this identity"},
	{other_key, "the signature is wrong"},
	{revoked, "certificate revoked"},
	{no_crl, "unable to get certificate CRL"},
	{other_address, "the certificate has another address than the one that carries IKE"},
};
START_TEST(client_refused)
{
	begin(6, "p256", false);
	bad_clients[_i].spoil();
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	sign_one(NULL);
	net_run(&net, 200 * US_PER_MS);
	ck_assert_uint_eq(asked_n, 1); // nobody signs for a stranger
	ck_assert(peer_sent_text(&net.b, "IKE_AUTH response 1 { N(AUTHENTICATION_FAILED) }"));
	ck_assert_str_eq(net.b.event_text[IKE_EVENT_AUTH_FAILED], bad_clients[_i].why);
	ck_assert_uint_eq(net.b.attached, 0);
	ck_assert_uint_eq(net.a.up, 0);
	net_fini(&net);
}
END_TEST

// And the other way round: the client believes no gateway but its own.
START_TEST(gateway_refused)
{
	begin(7, "p256", false);
	gateway = pki_leaf(&root, "p256", "DNS:other.example.org");
	by_certificate(&net.b.config.gateway.credential, &gateway, NULL, "gateway.key");
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	sign_one(NULL);
	net_settle(&net);
	sign_one(NULL);
	net_settle(&net);
	ck_assert_str_eq(net.a.event_text[IKE_EVENT_AUTH_FAILED],
		"the certificate is not for this identity");
	ck_assert_uint_eq(net.a.up, 0);
	net_fini(&net);
}
END_TEST

// One side has a secret, the other wants a certificate, and the other way round: neither passes for the
// other, be the secret empty.
START_TEST(methods_differ)
{
	begin(8, "p256", false);
	if (_i == 0) {
		net.a.connection.auth = CONFIG_AUTH_SECRET;
		secret_set(&net.a.connection.psk, "s", 1);
	} else {
		net.b.pad[0].auth = CONFIG_AUTH_SECRET;
		secret_set(&net.b.pad[0].psk, "s", 1);
	}
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	if (_i == 1)
		sign_one(NULL);
	net_run(&net, 200 * US_PER_MS);
	ck_assert_str_eq(net.b.event_text[IKE_EVENT_AUTH_FAILED],
		_i == 0 ? "another method than a certificate"
			: "another method than the shared key");
	ck_assert_uint_eq(net.b.attached, 0);
	net_fini(&net);
}
END_TEST

// The configuration changes while the gateway waits for its signature: by another key than its
// certificate now has, it would be wrong.
START_TEST(reload_meanwhile)
{
	begin(9, "p256", false);
	net_start(&net);
	net_connect(&net);
	net_settle(&net);
	sign_one(NULL);
	net_settle(&net);
	ck_assert_int_eq(ike_reconfigure(net.b.ike, &net.b.config, net.now_us), 0);
	peer_drain(&net.b);
	sign_one(NULL);
	net_run(&net, 20 * US_PER_MS);
	refused_by(&net.b, "our certificate has changed meanwhile");
	net_fini(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cert");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, NULL, pki_fini);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_key, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tcase, secret_beside);
	tcase_add_test(tcase, late_signature);
	tcase_add_test(tcase, signature_too_late);
	tcase_add_test(tcase, client_waits);
	tcase_add_loop_test(tcase, signer_fails, 0, 2);
	tcase_add_loop_test(tcase, client_refused, 0, sizeof(bad_clients) / sizeof(bad_clients[0]));
	tcase_add_test(tcase, gateway_refused);
	tcase_add_loop_test(tcase, methods_differ, 0, 2);
	tcase_add_test(tcase, reload_meanwhile);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
