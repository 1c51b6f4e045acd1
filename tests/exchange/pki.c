// SPDX-License-Identifier: BSD-3-Clause
// See pki.h.
#include "pki.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <string.h>

#define KEEP_MAX 256

static struct pki made[KEEP_MAX];
static unsigned made_n;
static BIO *text[KEEP_MAX];
static unsigned text_n;
static long serial;

static EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *key = NULL;

	if (strcmp(kind, "rsa") == 0)
		key = EVP_RSA_gen(2048);
	else if (strcmp(kind, "rsa1024") == 0)
		key = EVP_RSA_gen(1024);
	else if (strcmp(kind, "p256") == 0)
		key = EVP_EC_gen("P-256");
	else if (strcmp(kind, "p384") == 0)
		key = EVP_EC_gen("P-384");
	else if (strcmp(kind, "p521") == 0)
		key = EVP_EC_gen("P-521");
	else if (strcmp(kind, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (strcmp(kind, "ed448") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	ck_assert_ptr_nonnull(key);
	return key;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_msg(extension != NULL, "%s", value);
	ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static const EVP_MD *md_of(const EVP_PKEY *key, const char *md)
{
	int type = EVP_PKEY_get_base_id(key);

	if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448)
		return NULL;
	return md != NULL ? EVP_get_digestbyname(md) : EVP_sha256();
}

struct pki pki_issue(const struct pki *issuer, const struct pki_spec *spec)
{
	struct pki made_now = {make_key(spec->key), X509_new()};
	X509 *cert = made_now.cert;
	const struct pki *by = issuer != NULL ? issuer : &made_now;
	bool usual = spec->from_day == 0 && spec->to_day == 0;
	X509_NAME *name = X509_get_subject_name(cert);

	ck_assert_uint_lt(made_n, KEEP_MAX);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(cert),
		PKI_NOW + (time_t)PKI_DAY * (usual ? -10 : spec->from_day));
	ASN1_TIME_set(
		X509_getm_notAfter(cert), PKI_NOW + (time_t)PKI_DAY * (usual ? 10 : spec->to_day));
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Example", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const uint8_t *)spec->name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(cert, made_now.key);
	extend(cert, by->cert, NID_basic_constraints, spec->basic);
	extend(cert, by->cert, NID_key_usage, spec->usage);
	extend(cert, by->cert, NID_ext_key_usage, spec->extended);
	extend(cert, by->cert, NID_name_constraints, spec->constraints);
	extend(cert, by->cert, NID_subject_alt_name, spec->names);
	ck_assert_int_gt(X509_sign(cert, by->key, md_of(by->key, spec->md)), 0);
	made[made_n++] = made_now;
	return made_now;
}

struct pki pki_ca(const struct pki *issuer, const char *key, const char *name)
{
	return pki_issue(issuer,
		&(struct pki_spec){.key = key,
			.name = name,
			.basic = "critical,CA:TRUE",
			.usage = "critical,keyCertSign,cRLSign"});
}

struct pki pki_leaf(const struct pki *issuer, const char *key, const char *names)
{
	return pki_issue(issuer,
		&(struct pki_spec){
			.key = key, .name = "leaf", .names = names, .usage = "digitalSignature"});
}

static struct config_pem keep(BIO *bio)
{
	struct config_pem pem = {.path = "/test.pem", .line = 7};
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	ck_assert_uint_lt(text_n, KEEP_MAX);
	text[text_n++] = bio;
	pem.text = data;
	pem.len = (size_t)len;
	return pem;
}

struct config_pem pki_pem(const struct pki *a, const struct pki *b, const struct pki *c)
{
	const struct pki *all[] = {a, b, c};
	BIO *bio = BIO_new(BIO_s_mem());

	for (int i = 0; i < 3; i++)
		if (all[i] != NULL)
			ck_assert_int_eq(PEM_write_bio_X509(bio, all[i]->cert), 1);
	return keep(bio);
}

struct config_pem pki_crl(const struct pki *issuer, const struct pki *revoked, int to_day)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, PKI_NOW - (time_t)5 * PKI_DAY);
	BIO *bio = BIO_new(BIO_s_mem());

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_CRL_set1_lastUpdate(crl, time);
	if (revoked != NULL) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert));
		X509_REVOKED_set_revocationDate(entry, time);
		X509_CRL_add0_revoked(crl, entry);
	}
	ASN1_TIME_set(time, PKI_NOW + (time_t)PKI_DAY * to_day);
	X509_CRL_set1_nextUpdate(crl, time);
	ck_assert_int_gt(X509_CRL_sign(crl, issuer->key, md_of(issuer->key, NULL)), 0);
	ck_assert_int_eq(PEM_write_bio_X509_CRL(bio, crl), 1);
	ASN1_TIME_free(time);
	X509_CRL_free(crl);
	return keep(bio);
}

void pki_fini(void)
{
	while (made_n > 0) {
		EVP_PKEY_free(made[--made_n].key);
		X509_free(made[made_n].cert);
	}
	while (text_n > 0)
		BIO_free(text[--text_n]);
}
