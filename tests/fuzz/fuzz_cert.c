// SPDX-License-Identifier: BSD-3-Clause
// What IKE_AUTH and IKE_SA_INIT bring of authentication by certificate: a chain of payloads, whose
// first type is the first octet. CERT against a CA, AUTH against the certificate's key, the hashes.
// Who did not sign is never believed.
#include "cert_check.h"
#include "fuzz.h"
#include "ike_payload_cert.h"
#include "sign_scheme.h"

#include <string.h>

static const char ca[] = "-----BEGIN CERTIFICATE-----\n"
			 "MIIBlDCCATqgAwIBAgIUOJtSDrIZ0X7fi971DVUS13LpMu8wCgYIKoZIzj0EAwIw\n"
			 "KDEZMBcGA1UECgwQQ2Fwb25pZXIgdGVzdGJlZDELMAkGA1UEAwwCY2EwHhcNMjYx\n"
			 "MTIxMTMzMjQ5WhcNMjYxMjIxMTMzMjQ5WjAoMRkwFwYDVQQKDBBDYXBvbmllciB0\n"
			 "ZXN0YmVkMQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBIU\n"
			 "ULgfCYIZFoeDfkSf+it8k0teQikFKlRnl3LifJxmoUrhgFPgpjYFgNxTG/PUnGnh\n"
			 "gHXoAvYshNn5tyEINkujQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD\n"
			 "AgEGMB0GA1UdDgQWBBQiGDMSGvTcxv3qOLucTv+u2DSm7jAKBggqhkjOPQQDAgNI\n"
			 "ADBFAiAT7ouf8r0O1KAkv9Y9Uwc0IBH1AG5iBdNjG4iZ6VJELgIhAK52Gp8cDDOx\n"
			 "DO7nuSY9Qwa6p+j68s2KtfTI64Qrca5V\n"
			 "-----END CERTIFICATE-----\n";

static struct credentials *credentials(void)
{
	static struct config_pem pem;
	static struct config config;
	static struct credentials *made;

	if (made == NULL) {
		pem.text = (char *)(uintptr_t)ca;
		pem.len = strlen(ca);
		config.certificates.ca = &pem;
		config.certificates.ca_n = 1;
		made = credentials_new(&config, NULL);
		FUZZ_CHECK(made != NULL);
	}
	return made;
}

static void try_auth(const struct ike_msg *msg, EVP_PKEY *key)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_AUTH);
	struct bytes signature;
	uint8_t buf[SIGN_BUF_MAX];
	struct payload_auth auth;
	enum sign_scheme scheme;

	if (p == NULL || payload_auth_read(p, &auth) != 0 ||
		sign_auth_read(auth.method, (struct bytes){auth.data, auth.len}, key, &scheme,
			&signature, buf) != 0)
		return;
	FUZZ_CHECK(!sign_verify(
		key, scheme, (struct bytes){(const uint8_t *)"never signed", 12}, signature));
}

static void try_certs(const struct ike_msg *msg)
{
	static const char *const ids[] = {"gw.example.org", "a@example.org", "192.0.2.2"};
	struct bytes chain[CERT_CHAIN_MAX];
	struct inet_addr remote;
	struct config_id id;
	struct cert_claim claim = {.id = &id, .remote = &remote, .wall_s = 1797859969 - 86400};
	char subject[CERT_NAME_MAX];
	EVP_PKEY *key = NULL;
	uint32_t others;
	int n = payload_certs_read(msg, chain, CERT_CHAIN_MAX, &others);

	FUZZ_CHECK(inet_addr_parse("192.0.2.2", &remote) == 0);
	for (size_t i = 0; n > 0 && i < sizeof(ids) / sizeof(ids[0]); i++) {
		FUZZ_CHECK(config_id_parse(ids[i], &id) == 0);
		if (cert_check(credentials(), chain, (uint32_t)n, &claim, &key, subject) == NULL)
			try_auth(msg, key);
		FUZZ_CHECK(strlen(subject) < CERT_NAME_MAX);
		EVP_PKEY_free(key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_msg msg;
	const struct ike_payload_ref *p = NULL;
	struct payload_notify notify;
	struct payload_cert request;
	uint32_t bits;

	if (size < 1 || ike_msg_parse_inner(&msg, data[0], data + 1, size - 1) != 0)
		return 0;
	try_certs(&msg);
	while ((p = ike_msg_find_next(&msg, p, PAYLOAD_CERTREQ)) != NULL)
		payload_cert_read(p, &request);
	while ((p = ike_msg_find_next(&msg, p, PAYLOAD_NOTIFY)) != NULL)
		if (payload_notify_read(p, &notify) == 0)
			payload_hashes_read(&notify, &bits);
	return 0;
}
