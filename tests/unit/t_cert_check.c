// SPDX-License-Identifier: BSD-3-Clause
// M-G M-H M-I M-J T6: which certificates are believed, for whom, from where. Every row breaks one thing.
#include "../exchange/pki.h"
#include "cert_check.h"

#include <check.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

static struct pki root, other_root, middle;
static struct config_pem cas[2], crls[2];
static struct config config;

static void setup(void)
{
	root = pki_ca(NULL, "p256", "root");
	other_root = pki_ca(NULL, "p256", "other root");
	middle = pki_ca(&root, "p384", "middle");
	cas[0] = pki_pem(&root, NULL, NULL);
	memset(&config, 0, sizeof(config));
	config.certificates.ca = cas;
	config.certificates.ca_n = 1;
	config.certificates.crl = crls;
}

static struct bytes der_of(const struct pki *pki)
{
	uint8_t *der = NULL;
	int len = i2d_X509(pki->cert, &der);

	return (struct bytes){der, (size_t)len};
}

static struct config_id id_of(const char *text)
{
	struct config_id id;

	ck_assert_int_eq(config_id_parse(text, &id), 0);
	return id;
}

// NULL: good.
static const char *ask(const struct pki *leaf, const struct pki *with, const char *id_text,
	enum config_address_check address_check, const char *from)
{
	struct credentials *credentials = credentials_new(&config, NULL);
	struct config_id id = id_of(id_text);
	struct inet_addr remote;
	struct cert_claim claim = {
		.id = &id, .address_check = address_check, .remote = &remote, .wall_s = PKI_NOW};
	struct bytes chain[2] = {der_of(leaf)};
	char subject[CERT_NAME_MAX];
	EVP_PKEY *key = NULL;
	const char *why;

	ck_assert_ptr_nonnull(credentials);
	ck_assert_int_eq(inet_addr_parse(from, &remote), 0);
	if (with != NULL)
		chain[1] = der_of(with);
	why = cert_check(credentials, chain, with != NULL ? 2 : 1, &claim, &key, subject);
	ck_assert_int_eq(why == NULL, key != NULL);
	if (key != NULL)
		ck_assert_int_eq(EVP_PKEY_eq(key, leaf->key), 1);
	EVP_PKEY_free(key);
	for (int i = 0; i < 2; i++)
		OPENSSL_free((uint8_t *)(uintptr_t)chain[i].data);
	credentials_free(credentials);
	return why;
}

#define HERE "192.0.2.2"
#define EXPECT(good, why)                                                                          \
	do {                                                                                       \
		const char *said = (why);                                                          \
		ck_assert_msg((said == NULL) == (good), "row %d: %s", _i,                          \
			said != NULL ? said : "believed");                                         \
	} while (0)

static const struct {
	const char *names, *id;
	bool good;
} id_rows[] = {
	{"DNS:gw.example.org", "gw.example.org", true},
	{"DNS:other.example.org, DNS:GW.Example.ORG", "gw.example.org", true},
	{"DNS:gw.example.org", "gw.example.or", false},
	{"DNS:gw.example.org", "w.example.org", false},
	{"DNS:*.example.org", "gw.example.org", false}, // RFC 4945 section 3.1.2
	{"email:gw.example.org@x", "gw.example.org", false},
	{"email:alice@example.org", "alice@example.org", true},
	{"DNS:example.org", "alice@example.org", false},
	{"IP:192.0.2.2", HERE, true},
	{"IP:192.0.2.3", HERE, false},
	{"DNS:192.0.2.2", HERE, false},
	{"IP:2001:db8::1", "2001:db8::1", false}, // M-H: IKE comes from elsewhere
	{NULL, "leaf", false}, // CN is no name of a host
	{"DNS:gw.example.org", "keyid:6777", false},
};
START_TEST(identities)
{
	struct pki leaf = pki_leaf(&root, "p256", id_rows[_i].names);

	EXPECT(id_rows[_i].good, ask(&leaf, NULL, id_rows[_i].id, CONFIG_ADDRESS_PRESENT, HERE));
}
END_TEST

static const struct {
	const char *names, *id, *from;
	enum config_address_check check;
	bool good;
} address_rows[] = {
	{"DNS:a.example, IP:192.0.2.2", "a.example", HERE, CONFIG_ADDRESS_PRESENT, true},
	{"DNS:a.example, IP:192.0.2.9", "a.example", HERE, CONFIG_ADDRESS_PRESENT, false}, // M-I
	{"DNS:a.example, IP:192.0.2.9, IP:192.0.2.2", "a.example", HERE, CONFIG_ADDRESS_PRESENT,
		true},
	{"DNS:a.example, IP:192.0.2.9", "a.example", HERE, CONFIG_ADDRESS_OFF, true},
	{"DNS:a.example, IP:192.0.2.9", "a.example", HERE, CONFIG_ADDRESS_REQUIRED, false},
	{"DNS:a.example", "a.example", HERE, CONFIG_ADDRESS_PRESENT, true},
	{"DNS:a.example", "a.example", HERE, CONFIG_ADDRESS_REQUIRED, false}, // M-J
	{"IP:192.0.2.9", "192.0.2.9", HERE, CONFIG_ADDRESS_PRESENT, false}, // M-H
	{"IP:192.0.2.9", "192.0.2.9", HERE, CONFIG_ADDRESS_OFF, true},
	{"IP:2001:db8::2", "2001:db8::2", "2001:db8::2", CONFIG_ADDRESS_REQUIRED, true},
	{"DNS:a.example, IP:2001:db8::2", "a.example", HERE, CONFIG_ADDRESS_PRESENT, false},
};
START_TEST(addresses)
{
	struct pki leaf = pki_leaf(&root, "p256", address_rows[_i].names);

	EXPECT(address_rows[_i].good,
		ask(&leaf, NULL, address_rows[_i].id, address_rows[_i].check,
			address_rows[_i].from));
}
END_TEST

static const struct {
	struct pki_spec spec;
	bool good;
} leaf_rows[] = {
	{{.key = "rsa", .usage = "digitalSignature"}, true},
	{{.key = "p521"}, true},
	{{.key = "ed25519"}, true},
	{{.key = "ed448"}, true},
	{{.key = "rsa1024"}, false},
	{{.key = "p256", .usage = "nonRepudiation"}, true},
	{{.key = "p256", .usage = "keyEncipherment"}, false},
	{{.key = "p256", .extended = "1.3.6.1.5.5.7.3.17"}, true},
	{{.key = "p256", .extended = "serverAuth,1.3.6.1.5.5.7.3.17"}, true},
	{{.key = "p256", .extended = "anyExtendedKeyUsage"}, true},
	{{.key = "p256", .extended = "serverAuth"}, false},
	{{.key = "p256", .from_day = -5, .to_day = -1}, false},
	{{.key = "p256", .from_day = 1, .to_day = 5}, false},
	{{.key = "p256", .md = "SHA1"}, false},
	{{.key = "p256", .constraints = "critical,permitted;DNS:example.org"}, true},
};
START_TEST(leaves)
{
	struct pki_spec spec = leaf_rows[_i].spec;
	struct pki leaf;

	spec.name = "leaf";
	spec.names = "DNS:a.example";
	leaf = pki_issue(&root, &spec);
	EXPECT(leaf_rows[_i].good, ask(&leaf, NULL, "a.example", CONFIG_ADDRESS_PRESENT, HERE));
}
END_TEST

START_TEST(chains)
{
	struct pki leaf = pki_leaf(&middle, "p256", "DNS:a.example");
	struct pki self = pki_leaf(NULL, "p256", "DNS:a.example");
	struct pki strange = pki_leaf(&other_root, "p256", "DNS:a.example");
	struct pki no_ca = pki_leaf(&root, "p256", "DNS:b.example");
	struct pki under_leaf = pki_leaf(&no_ca, "p256", "DNS:a.example");

	ck_assert_ptr_null(ask(&leaf, &middle, "a.example", 0, HERE));
	ck_assert_ptr_nonnull(ask(&leaf, NULL, "a.example", 0, HERE));
	ck_assert_ptr_nonnull(ask(&leaf, &other_root, "a.example", 0, HERE));
	ck_assert_ptr_nonnull(ask(&self, NULL, "a.example", 0, HERE));
	ck_assert_ptr_nonnull(ask(&strange, &other_root, "a.example", 0, HERE));
	ck_assert_ptr_nonnull(ask(&under_leaf, &no_ca, "a.example", 0, HERE));
	// Another CA that is believed, and one that is not a root.
	cas[1] = pki_pem(&other_root, NULL, NULL);
	config.certificates.ca_n = 2;
	ck_assert_ptr_null(ask(&strange, NULL, "a.example", 0, HERE));
	ck_assert_ptr_null(ask(&leaf, &middle, "a.example", 0, HERE));
	cas[0] = pki_pem(&middle, NULL, NULL);
	ck_assert_ptr_null(ask(&leaf, NULL, "a.example", 0, HERE));
}
END_TEST

START_TEST(constraints)
{
	struct pki narrow = pki_issue(&root,
		&(struct pki_spec){.key = "p256",
			.name = "narrow",
			.basic = "critical,CA:TRUE,pathlen:0",
			.usage = "critical,keyCertSign",
			.constraints = "critical,permitted;DNS:example.org"});
	struct pki in = pki_leaf(&narrow, "p256", "DNS:a.example.org");
	struct pki out = pki_leaf(&narrow, "p256", "DNS:a.example.com");
	struct pki no_sign = pki_issue(&root,
		&(struct pki_spec){.key = "p256",
			.name = "no sign",
			.basic = "critical,CA:TRUE",
			.usage = "critical,cRLSign"});
	struct pki under = pki_leaf(&no_sign, "p256", "DNS:a.example.org");

	ck_assert_ptr_null(ask(&in, &narrow, "a.example.org", 0, HERE));
	ck_assert_ptr_nonnull(ask(&out, &narrow, "a.example.com", 0, HERE));
	ck_assert_ptr_nonnull(ask(&under, &no_sign, "a.example.org", 0, HERE));
}
END_TEST

START_TEST(revocation)
{
	struct pki good = pki_leaf(&root, "p256", "DNS:a.example");
	struct pki bad = pki_leaf(&root, "p256", "DNS:a.example");
	struct pki deep = pki_leaf(&middle, "p256", "DNS:a.example");

	config.certificates.crl_n = 1;
	for (int required = 0; required < 2; required++) {
		config.certificates.crl_required = required;
		crls[0] = pki_crl(&root, &bad, 5);
		ck_assert_ptr_null(ask(&good, NULL, "a.example", 0, HERE));
		ck_assert_ptr_nonnull(ask(&bad, NULL, "a.example", 0, HERE));
		// There is none of middle's.
		ck_assert_int_eq(ask(&deep, &middle, "a.example", 0, HERE) != NULL, required);
		crls[0] = pki_crl(&root, &middle, 5);
		ck_assert_ptr_nonnull(ask(&deep, &middle, "a.example", 0, HERE));
		// An old one: who is on it stays revoked.
		crls[0] = pki_crl(&root, &bad, -1);
		ck_assert_ptr_nonnull(ask(&bad, NULL, "a.example", 0, HERE));
		ck_assert_int_eq(ask(&good, NULL, "a.example", 0, HERE) != NULL, required);
		// Another CA's says nothing.
		crls[0] = pki_crl(&other_root, &bad, 5);
		ck_assert_int_eq(ask(&bad, NULL, "a.example", 0, HERE) != NULL, required);
	}
}
END_TEST

// Octets behind a certificate, half of one, none, and a broken one among the others.
START_TEST(malformed)
{
	struct credentials *credentials = credentials_new(&config, NULL);
	struct pki leaf = pki_leaf(&root, "p256", "DNS:a.example");
	struct bytes der = der_of(&leaf), chain[2];
	struct config_id id = id_of("a.example");
	struct inet_addr remote;
	struct cert_claim claim = {.id = &id, .remote = &remote, .wall_s = PKI_NOW};
	uint8_t *longer = calloc(1, der.len + 1);
	char subject[CERT_NAME_MAX];
	EVP_PKEY *key;

	ck_assert_int_eq(inet_addr_parse(HERE, &remote), 0);
	memcpy(longer, der.data, der.len);
	for (size_t len = 0; len <= der.len + 1; len++) {
		chain[0] = (struct bytes){longer, len};
		ck_assert_int_eq(cert_check(credentials, chain, 1, &claim, &key, subject) == NULL,
			len == der.len);
		EVP_PKEY_free(key);
	}
	ck_assert_ptr_nonnull(cert_check(credentials, chain, 0, &claim, &key, subject));
	chain[0] = der;
	chain[1] = (struct bytes){der.data, der.len / 2};
	ck_assert_ptr_null(cert_check(credentials, chain, 2, &claim, &key, subject));
	ck_assert_str_eq(subject, "CN=leaf,O=Example");
	EVP_PKEY_free(key);
	free(longer);
	OPENSSL_free((uint8_t *)(uintptr_t)der.data);
	credentials_free(credentials);
}
END_TEST

static void refused(const char *what)
{
	static struct config_errors errors;

	errors.n = 0;
	ck_assert(!credentials_check(&config, &errors));
	ck_assert_uint_ge(errors.n, 1);
	ck_assert_msg(strstr(errors.text[0], "gw.conf:7: /test.pem") == errors.text[0] &&
			strstr(errors.text[0], what) != NULL,
		"%s", errors.text[0]);
}

// What is wrong with the operator's own files is said with file and line.
START_TEST(files)
{
	static const char garbage[] =
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	struct config_credential *own = &config.gateway.credential;
	struct pki leaf = pki_leaf(&root, "p256", "DNS:gw");
	struct pki odd = pki_leaf(&root, "rsa", "DNS:gw");
	struct credentials *credentials;

	snprintf(config.path, sizeof(config.path), "gw.conf");
	own->certificate = pki_pem(&leaf, &middle, &root);
	credentials = credentials_new(&config, NULL);
	ck_assert_ptr_nonnull(credentials);
	ck_assert(credentials_by_certificate(credentials));
	ck_assert_uint_eq(credentials_gateway(credentials)->n, 2); // the root is not sent
	ck_assert_uint_eq(credentials_ca_hashes(credentials).len, 20);
	credentials_free(credentials);
	own->certificate = pki_pem(&odd, NULL, NULL);
	ck_assert(credentials_check(&config, NULL));
	own->certificate.text = (char *)(uintptr_t)garbage;
	own->certificate.len = sizeof(garbage) - 1;
	refused("PEM");
	own->certificate = (struct config_pem){};
	cas[0] = pki_pem(&leaf, NULL, NULL);
	refused("no CA");
	cas[0] = pki_crl(&root, NULL, 1);
	refused("PEM");
	cas[0] = pki_pem(&root, NULL, NULL);
	config.certificates.crl_n = 1;
	crls[0] = pki_pem(&root, NULL, NULL);
	refused("CRL");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cert_check");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, pki_fini);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, identities, 0, sizeof(id_rows) / sizeof(id_rows[0]));
	tcase_add_loop_test(tcase, addresses, 0, sizeof(address_rows) / sizeof(address_rows[0]));
	tcase_add_loop_test(tcase, leaves, 0, sizeof(leaf_rows) / sizeof(leaf_rows[0]));
	tcase_add_test(tcase, chains);
	tcase_add_test(tcase, constraints);
	tcase_add_test(tcase, revocation);
	tcase_add_test(tcase, malformed);
	tcase_add_test(tcase, files);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
