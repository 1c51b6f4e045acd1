// SPDX-License-Identifier: BSD-3-Clause
// See cert_check.h.
#include "cert_check.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 6 // CAs between root and end entity
#define SECURITY_LEVEL 2 // 112 bits: no SHA-1, no RSA below 2048

static bool same_text(const ASN1_IA5STRING *text, const struct config_id *id)
{
	return (size_t)ASN1_STRING_length(text) == id->len &&
		memchr(id->data, '\0', id->len) == NULL &&
		strncasecmp((const char *)ASN1_STRING_get0_data(text), (const char *)id->data,
			id->len) == 0;
}

static bool same_octets(const ASN1_OCTET_STRING *octets, const uint8_t *data, size_t len)
{
	return (size_t)ASN1_STRING_length(octets) == len &&
		memcmp(ASN1_STRING_get0_data(octets), data, len) == 0;
}

static bool name_is(const GENERAL_NAME *name, const struct config_id *id)
{
	switch (id->type) {
	case CONFIG_ID_FQDN: // without wildcards, RFC 4945 section 3.1.2
		return name->type == GEN_DNS && same_text(name->d.dNSName, id);
	case CONFIG_ID_RFC822:
		return name->type == GEN_EMAIL && same_text(name->d.rfc822Name, id);
	case CONFIG_ID_IPV4:
	case CONFIG_ID_IPV6:
		return name->type == GEN_IPADD && same_octets(name->d.iPAddress, id->data, id->len);
	default:
		return false;
	}
}

static GENERAL_NAMES *alt_names(X509 *cert)
{
	return X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
}

bool cert_names_id(X509 *cert, const struct config_id *id)
{
	GENERAL_NAMES *names = alt_names(cert);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = name_is(sk_GENERAL_NAME_value(names, i), id);
	GENERAL_NAMES_free(names);
	return found;
}

// M-H, M-I, M-J. NULL, or what is wrong.
static const char *check_address(X509 *cert, const struct cert_claim *claim)
{
	const struct config_id *id = claim->id;
	const struct inet_addr *remote = claim->remote;
	size_t len = inet_addr_bits(remote->family) / 8;
	GENERAL_NAMES *names = alt_names(cert);
	bool any = false, equal = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_IPADD)
			continue;
		any = true;
		equal = equal || same_octets(name->d.iPAddress, remote->bytes, len);
	}
	GENERAL_NAMES_free(names);
	if (claim->address_check == CONFIG_ADDRESS_OFF)
		return NULL;
	if ((id->type == CONFIG_ID_IPV4 || id->type == CONFIG_ID_IPV6) &&
		(id->len != len || memcmp(id->data, remote->bytes, len) != 0))
		return "the identity is another address than the one that carries IKE";
	if (!any && claim->address_check == CONFIG_ADDRESS_REQUIRED)
		return "the certificate has no address";
	return any && !equal ? "the certificate has another address than the one that carries IKE"
			     : NULL;
}

// RFC 4945 sections 5.1.3.2 and 5.1.3.12.
static const char *check_usage(X509 *cert)
{
	uint32_t usage = X509_get_key_usage(cert); // all bits when there is no extension
	EXTENDED_KEY_USAGE *extended = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	bool good = extended == NULL;

	for (int i = 0; !good && i < sk_ASN1_OBJECT_num(extended); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(extended, i));

		good = nid == NID_ipsec_IKE || nid == NID_anyExtendedKeyUsage;
	}
	EXTENDED_KEY_USAGE_free(extended);
	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return "the certificate's keyUsage is not for signatures";
	return good ? NULL : "the certificate's extendedKeyUsage is not for IKE";
}

// Without CRLs, or with old ones, only what they say counts: who is revoked stays so.
static int crl_optional(int good, X509_STORE_CTX *ctx)
{
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return 1;
	default:
		return good;
	}
}

static const char *check_path(
	const struct credentials *credentials, X509 *cert, STACK_OF(X509) * others, uint64_t wall_s)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *why = "out of memory";
	X509_VERIFY_PARAM *param;

	if (ctx == NULL ||
		X509_STORE_CTX_init(ctx, credentials_store(credentials), cert, others) != 1)
		goto out;
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)wall_s);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	// A CA that is listed is believed, be it a root or not.
	X509_VERIFY_PARAM_set_flags(param,
		X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	if (!credentials_crl_required(credentials))
		X509_STORE_CTX_set_verify_cb(ctx, crl_optional);
	why = X509_verify_cert(ctx) == 1
		? NULL
		: X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
out:
	X509_STORE_CTX_free(ctx);
	return why;
}

// Every octet belongs to it.
static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.data;
	X509 *cert = d2i_X509(NULL, &p, (long)der.len);

	if (cert == NULL || p == der.data + der.len)
		return cert;
	X509_free(cert);
	return NULL;
}

static const char *check(const struct credentials *credentials, X509 *cert, STACK_OF(X509) * others,
	const struct cert_claim *claim)
{
	const char *why = check_path(credentials, cert, others, claim->wall_s);

	if (why == NULL)
		why = check_usage(cert);
	if (why == NULL && !cert_names_id(cert, claim->id))
		why = "the certificate is not for this identity";
	return why != NULL ? why : check_address(cert, claim);
}

static void write_subject(X509 *cert, char subject[CERT_NAME_MAX])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	// RFC 2253 escapes what would act up in a log line.
	if (bio != NULL &&
		X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(bio, subject, CERT_NAME_MAX - 1);
	subject[len > 0 ? len : 0] = '\0';
	BIO_free(bio);
}

const char *cert_check(const struct credentials *credentials, const struct bytes *chain, uint32_t n,
	const struct cert_claim *claim, EVP_PKEY **key, char subject[CERT_NAME_MAX])
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509 *cert = n > 0 ? parse(chain[0]) : NULL;
	const char *why = n == 0 ? "the peer sent no certificate"
		: cert == NULL	 ? "the peer's certificate is malformed"
				 : NULL;

	*key = NULL;
	subject[0] = '\0';
	if (cert != NULL)
		write_subject(cert, subject);
	for (uint32_t i = 1; others != NULL && why == NULL && i < n; i++) {
		X509 *other = parse(chain[i]);

		// One that cannot be read may be one that is not needed.
		if (other != NULL && sk_X509_push(others, other) == 0)
			X509_free(other);
	}
	if (why == NULL)
		why = check(credentials, cert, others, claim);
	if (why == NULL) {
		*key = X509_get_pubkey(cert);
		why = *key == NULL ? "the certificate's key is of no kind that we know" : NULL;
	}
	sk_X509_pop_free(others, X509_free);
	X509_free(cert);
	ERR_clear_error();
	return why;
}
