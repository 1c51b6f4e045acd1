// SPDX-License-Identifier: BSD-3-Clause
// See auth_talk.h.
#include "auth_talk.h"

#include "cert_check.h"
#include "connection.h"
#include "ike_payload_cert.h"
#include "ike_sa.h"
#include "psk.h"
#include "sign_scheme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

#define ID_BODY_MAX (4 + 255)
// The octets of a certificate that CERT payloads may bring: an honest one has 1 to 4 KB.
#define CERT_BYTES_MAX 16384

struct auth_talk {
	uint32_t peer_hashes; // SIGN_HASH_BIT; 0: it knows no digital signatures
	uint32_t generation; // of the credentials that the signature is by
	bool asked; // the signature is under way
	const char *why; // it could not be made
	struct sign_choice choice;
	uint8_t *signature;
	size_t signature_len;
};

static struct auth_talk *talk_of(struct ike_sa *sa)
{
	if (sa->handshake->auth == NULL)
		sa->handshake->auth = core_need(sizeof(struct auth_talk));
	return sa->handshake->auth;
}

void auth_talk_free(struct auth_talk *talk)
{
	if (talk == NULL)
		return;
	free(talk->signature);
	free(talk);
}

// Our certificate in this IKE SA, NULL: there is none.
static const struct own_cert *own_of(const struct ike_sa *sa)
{
	if (sa->initiator)
		return sa->connection == NULL
			? NULL
			: credentials_connection(sa->ike->credentials, sa->connection->config);
	return credentials_by_certificate(sa->ike->credentials)
		? credentials_gateway(sa->ike->credentials)
		: NULL;
}

// ---- IKE_SA_INIT ----

void auth_talk_offer(struct ike_sa *sa, struct ike_builder *b)
{
	struct bytes hashes = credentials_ca_hashes(sa->ike->credentials);

	if (own_of(sa) == NULL)
		return;
	payload_hashes_write(b);
	if (!sa->initiator)
		payload_cert_write(
			b, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, hashes.data, hashes.len);
}

int auth_talk_read(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct payload_notify notify;

	if (own_of(sa) == NULL)
		return 0;
	talk_of(sa)->peer_hashes = 0; // an answer before this one may have been forged
	if (!task_notify_find(msg, NOTIFY_SIGNATURE_HASH_ALGORITHMS, &notify))
		return 0;
	return payload_hashes_read(&notify, &talk_of(sa)->peer_hashes);
}

// ---- what AUTH covers ----

static struct bytes id_body(const struct config_id *id, uint8_t buf[ID_BODY_MAX])
{
	memset(buf, 0, 4);
	buf[0] = (uint8_t)id->type;
	memcpy(buf + 4, id->data, id->len);
	return (struct bytes){buf, 4 + (size_t)id->len};
}

static struct bytes first_message(const struct handshake *hs, bool of_initiator)
{
	if (of_initiator)
		return (struct bytes){hs->request, hs->request_len};
	return (struct bytes){hs->response, hs->response_len};
}

static struct bytes other_nonce(const struct handshake *hs, bool of_initiator)
{
	return nonce_bytes(of_initiator ? &hs->nr : &hs->ni);
}

// The octets that one side signs, RFC 7296 section 2.15; the caller's to free. NULL: no keys.
static uint8_t *signed_octets(
	const struct ike_sa *sa, bool of_initiator, struct bytes id, size_t *len)
{
	const struct secret *sk_p = of_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;
	struct bytes message = first_message(sa->handshake, of_initiator);
	struct bytes nonce = other_nonce(sa->handshake, of_initiator);
	struct bytes key = {sk_p->bytes, sk_p->len};
	uint8_t *octets = core_need(message.len + nonce.len + sa->keys.prf->len);

	memcpy(octets, message.data, message.len);
	memcpy(octets + message.len, nonce.data, nonce.len);
	*len = message.len + nonce.len + sa->keys.prf->len;
	if (prf_hmac(sa->keys.prf, key, &id, 1, octets + message.len + nonce.len) == 0)
		return octets;
	free(octets);
	return NULL;
}

// ---- the peer's proof ----

static bool verify_psk(struct ike_sa *sa, const struct auth_claim *claim)
{
	const struct handshake *hs = sa->handshake;

	return psk_verify(&sa->keys, !sa->initiator, claim->known ? claim->psk : NULL,
		first_message(hs, !sa->initiator), other_nonce(hs, !sa->initiator),
		(struct bytes){claim->id->data, claim->id->len}, claim->auth);
}

// The method that only says RSA: the hash stands within the signature.
static bool verify_rsa(
	EVP_PKEY *key, struct bytes data, struct bytes signature, enum sign_scheme *scheme)
{
	for (*scheme = SIGN_RSA_PKCS1_SHA256; *scheme <= SIGN_RSA_PKCS1_SHA512; ++*scheme)
		if (sign_verify(key, *scheme, data, signature))
			return true;
	return false;
}

static const char *verify_signature(
	struct ike_sa *sa, const struct auth_claim *claim, EVP_PKEY *key)
{
	const struct payload_auth *auth = claim->auth;
	struct bytes data, signature;
	uint8_t buf[SIGN_BUF_MAX], *octets;
	enum sign_scheme scheme;
	bool good;
	int ret = sign_auth_read(
		auth->method, (struct bytes){auth->data, auth->len}, key, &scheme, &signature, buf);

	if (ret != 0)
		return ret == -ENOTSUP ? "a signature of a kind that we do not take"
				       : "malformed signature";
	octets = signed_octets(
		sa, !sa->initiator, (struct bytes){claim->id->data, claim->id->len}, &data.len);
	data.data = octets;
	good = octets != NULL &&
		(auth->method == AUTH_RSA ? verify_rsa(key, data, signature, &scheme)
					  : sign_verify(key, scheme, data, signature));
	free(octets);
	if (!good)
		return "the signature is wrong";
	sa->auth_scheme = (uint8_t)scheme;
	return NULL;
}

// Chain and identity first, so that the key which verifies is one that is believed.
static const char *verify_certificate(
	struct ike_sa *sa, const struct ike_msg *msg, const struct auth_claim *claim)
{
	struct cert_claim cert_claim = {.id = claim->identity,
		.address_check = claim->address_check,
		.remote = &sa->path.remote};
	struct bytes chain[CERT_CHAIN_MAX];
	char subject[CERT_NAME_MAX];
	const char *why = NULL;
	uint32_t others = 0;
	EVP_PKEY *key = NULL;
	int n = payload_certs_read(msg, chain, CERT_CHAIN_MAX, &others);

	if (sa->ike->ops->wall_s == NULL)
		return "there is no clock to tell which certificates are valid";
	if (claim->auth->method == AUTH_PSK || claim->auth->method == AUTH_NULL)
		return "another method than a certificate";
	if (n < 0)
		return "malformed CERT payload";
	if (n == 0 && others > 0)
		return "certificates in no encoding that we take";
	for (int i = 0; i < n; i++)
		if (chain[i].len > CERT_BYTES_MAX)
			return "a certificate is too long";
	cert_claim.wall_s = sa->ike->ops->wall_s(sa->ike->arg);
	why = cert_check(sa->ike->credentials, chain, (uint32_t)n, &cert_claim, &key, subject);
	if (why == NULL)
		why = verify_signature(sa, claim, key);
	EVP_PKEY_free(key);
	if (why != NULL)
		SA_LOG_LIMITED(sa, INFO, "the certificate of \"%s\" does not do", subject);
	else
		SA_LOG(sa, INFO, "the peer has the key of \"%s\" (%s)", subject,
			sign_scheme_name((enum sign_scheme)sa->auth_scheme));
	return why;
}

const char *auth_talk_verify(
	struct ike_sa *sa, const struct ike_msg *msg, const struct auth_claim *claim)
{
	if (claim->known && claim->by == CONFIG_AUTH_CERTIFICATE)
		return verify_certificate(sa, msg, claim);
	if (verify_psk(sa, claim))
		return NULL;
	return !claim->known			  ? "unknown identity"
		: claim->auth->method != AUTH_PSK ? "another method than the shared key"
						  : "wrong secret";
}

// ---- our proof ----

static const char *ask(struct ike_sa *sa, struct auth_talk *talk, const struct own_cert *own)
{
	struct ike *ike = sa->ike;
	uint8_t body[ID_BODY_MAX], *octets;
	size_t len;
	int ret = -EIO;

	if (!sign_choose(own->public_key, own->pss, talk->peer_hashes, &talk->choice))
		return "the peer takes no signature that our key can make";
	octets = signed_octets(sa, sa->initiator, id_body(&sa->local_id, body), &len);
	if (octets != NULL && ike->ops->sign != NULL)
		ret = ike->ops->sign(
			ike->arg, sa->handle, own->private_key, talk->choice.scheme, octets, len);
	free(octets);
	if (ret != 0)
		return "nobody signs for us";
	// No request of ours is under way that would end it; a responder's half-open IKE SA has an end.
	if (sa->initiator)
		sa->end_us = ike->now_us + ike->config->life.half_open_s * US_PER_S;
	talk->asked = true;
	talk->generation = ike->credentials_generation;
	return NULL;
}

const char *auth_talk_sign(struct ike_sa *sa, enum config_auth by, bool *waits)
{
	const struct own_cert *own;
	struct auth_talk *talk;
	const char *why = NULL;

	*waits = false;
	if (by == CONFIG_AUTH_SECRET)
		return NULL;
	own = own_of(sa);
	if (own == NULL)
		return "we have no certificate";
	talk = talk_of(sa);
	if (talk->why != NULL)
		return talk->why;
	if (talk->signature != NULL) // another certificate would not fit to it
		return talk->generation == sa->ike->credentials_generation
			? NULL
			: "our certificate has changed meanwhile";
	if (!talk->asked)
		why = ask(sa, talk, own);
	*waits = why == NULL;
	return why;
}

void auth_talk_signed(struct ike_sa *sa, const char *why, const void *signature, size_t len)
{
	struct auth_talk *talk = sa->handshake->auth;

	talk->asked = false;
	talk->why = why;
	if (sa->initiator)
		sa->end_us = CLOCK_NEVER;
	if (why == NULL) {
		talk->signature = memcpy(core_need(len), signature, len);
		talk->signature_len = len;
	}
}

bool auth_talk_waits(const struct ike_sa *sa)
{
	return sa->handshake != NULL && sa->handshake->auth != NULL && sa->handshake->auth->asked;
}

void auth_talk_write_certs(struct ike_sa *sa, struct ike_builder *b)
{
	const struct own_cert *own = own_of(sa);
	struct bytes hashes = credentials_ca_hashes(sa->ike->credentials);

	for (uint32_t i = 0; own != NULL && i < own->n; i++)
		payload_cert_write(
			b, PAYLOAD_CERT, CERT_X509_SIGNATURE, own->der[i].data, own->der[i].len);
	if (sa->initiator)
		payload_cert_write(
			b, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, hashes.data, hashes.len);
}

static int write_signature(struct ike_sa *sa, struct ike_builder *b)
{
	const struct auth_talk *talk = sa->handshake->auth;
	const struct own_cert *own = own_of(sa);
	uint8_t auth[SIGN_SIGNATURE_MAX + SIGN_BUF_MAX];
	int len;

	if (own == NULL || talk == NULL || talk->signature == NULL)
		return -EINVAL;
	len = sign_auth_write(&talk->choice, own->public_key,
		(struct bytes){talk->signature, talk->signature_len}, auth, sizeof(auth));
	if (len < 0)
		return len;
	payload_auth_write(b, talk->choice.method, auth, (size_t)len);
	return 0;
}

int auth_talk_write(
	struct ike_sa *sa, enum config_auth by, const struct secret *psk, struct ike_builder *b)
{
	const struct handshake *hs = sa->handshake;
	uint8_t body[ID_BODY_MAX], auth[PSK_AUTH_MAX];
	size_t len;
	int ret;

	if (by == CONFIG_AUTH_CERTIFICATE)
		return write_signature(sa, b);
	ret = psk_auth(&sa->keys, sa->initiator, psk, first_message(hs, sa->initiator),
		other_nonce(hs, sa->initiator), id_body(&sa->local_id, body), auth, &len);
	if (ret == 0)
		payload_auth_write(b, AUTH_PSK, auth, len);
	return ret;
}
