// SPDX-License-Identifier: BSD-3-Clause
// IKE_AUTH, both sides: identities, their proof (auth_talk.h), configuration, the first child SA. Who does
// not prove who he is gets AUTHENTICATION_FAILED and nothing is allocated for him. RFC 7296 sections
// 1.2, 2.4, 2.15, 2.21.2. One thread per core.
#include "auth_talk.h"
#include "child_talk.h"
#include "companion.h"
#include "connection.h"
#include "effect.h"
#include "identity.h"
#include "ike_sa.h"
#include "pad.h"
#include "task_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

struct task_auth {
	struct task base;
	bool childless; // RFC 6023: the child SA gets an exchange of its own
	struct child_talk talk;
};

static void failed(struct ike_sa *sa, const char *why)
{
	sa->ike->counters.auth_failed++;
	event_emit(sa->ike, IKE_EVENT_AUTH_FAILED, sa, NULL, "%s", why);
	SA_LOG_LIMITED(sa, NOTICE, "authentication failed: %s", why);
}

// The talk goes on with the nonces of the initial exchange: RFC 7296 section 2.17.
static void take_nonces(const struct ike_sa *sa, struct child_talk *talk)
{
	talk->ni = sa->handshake->ni;
	talk->nr = sa->handshake->nr;
}

// Initiator

// --> IKE_AUTH { IDi, [CERT.., CERTREQ,] [IDr,] AUTH, [N(INITIAL_CONTACT),] [CP(CFG_REQUEST),]
//	[SA, TSi, TSr] }
static int auth_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	struct task_auth *t = (struct task_auth *)task;
	struct child_talk *talk = &t->talk;
	const struct config_connection *config = sa->connection->config;
	int ret = 0;

	t->childless = config->childless && sa->handshake->childless;
	if (!t->childless)
		ret = child_talk_open(sa, talk, false);
	if (ret < 0) {
		ike_sa_end(sa, "no SPI for a child SA");
		return ret;
	}
	take_nonces(sa, talk);
	payload_id_write(b, true, &config->id);
	if (config->auth == CONFIG_AUTH_CERTIFICATE)
		auth_talk_write_certs(sa, b);
	if (memchr(config->gateway_id.data, '*', config->gateway_id.len) == NULL)
		payload_id_write(b, false, &config->gateway_id);
	ret = auth_talk_write(sa, config->auth, &config->psk, b);
	if (ret < 0) {
		ike_sa_end(sa, "AUTH cannot be computed");
		return ret;
	}
	if (connection_is_first_contact(sa->connection))
		payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_INITIAL_CONTACT, NULL, 0);
	task_config_request(sa, b, &talk->local, &talk->remote);
	if (!t->childless)
		child_talk_offer(sa, talk, b);
	return 0;
}

// Who answers is the gateway that we meant. NULL, or why not.
static const char *check_gateway(struct ike_sa *sa, const struct ike_msg *msg)
{
	const struct config_connection *config = sa->connection->config;
	const struct ike_payload_ref *id = ike_msg_find(msg, PAYLOAD_IDR);
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_AUTH);
	struct payload_auth auth;
	struct config_id idr;
	struct auth_claim claim = {.id = id,
		.identity = &idr,
		.auth = &auth,
		.known = true,
		.by = config->auth,
		.psk = &config->psk,
		.address_check = config->address_check};

	if (id == NULL || p == NULL || payload_id_read(id, &idr) || payload_auth_read(p, &auth))
		return "malformed or missing IDr or AUTH";
	sa->remote_id = idr;
	if (!config_id_match(&config->gateway_id, &idr))
		return "another gateway answered";
	return auth_talk_verify(sa, msg, &claim);
}

// The authenticated answer's second half. NULL, or why the IKE SA is of no use.
static const char *first_child(
	struct ike_sa *sa, struct child_talk *talk, const struct ike_msg *msg)
{
	const char *wrong = task_config_accept(sa, msg);
	struct child_sa *child;

	if (wrong == NULL)
		wrong = child_talk_accept(sa, talk, msg);
	if (wrong != NULL)
		return wrong;
	child_talk_keep(sa, talk);
	child = child_talk_child(sa, talk);
	if (child == NULL)
		return "no resources for a child SA";
	connection_up(sa, child);
	return NULL;
}

// The same without a child SA, for which one more exchange asks with its own key exchange, RFC 6023.
static const char *child_later(
	struct ike_sa *sa, const struct child_talk *talk, const struct ike_msg *msg)
{
	const char *wrong = task_config_accept(sa, msg);

	if (wrong != NULL)
		return wrong;
	sa->child_due = true;
	task_add(sa, task_child_new(&talk->local, &talk->remote));
	return NULL;
}

// No child SA, but the IKE SA is there: RFC 7296 section 2.21.2.
static void childless(struct ike_sa *sa, uint16_t error)
{
	if (error == NOTIFY_INTERNAL_ADDRESS_FAILURE) {
		sa->ike->counters.address_failure++;
		event_emit(sa->ike, IKE_EVENT_LINK_FAILED, sa, NULL,
			"the gateway has no address for us");
	} else if (error == NOTIFY_TS_UNACCEPTABLE) {
		sa->ike->counters.ts_unacceptable++;
	} else if (error == NOTIFY_NO_PROPOSAL_CHOSEN) {
		sa->ike->counters.no_proposal++;
	}
	SA_LOG(sa, NOTICE, "no child SA: the gateway says %s", notify_name(error));
	connection_failed(sa, notify_name(error));
}

// The gateway has proved who it is, and knows who we are.
static void authenticated(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct payload_notify notify;

	ike_sa_established(sa);
	identity_known(sa);
	sa->connection->contacted = true;
	reauth_authenticated(sa);
	task_config_note_families(sa, msg);
	if (task_notify_find(msg, NOTIFY_AUTH_LIFETIME, &notify))
		task_reauth_read(sa, &notify);
}

// <-- IKE_AUTH { IDr, [CERT..,] AUTH, [CP(CFG_REPLY),] SA, TSi, TSr, [N(AUTH_LIFETIME)] }
//	or { N(AUTHENTICATION_FAILED) }
static enum task_result auth_process(
	struct ike_sa *sa, struct task *task, const struct ike_msg *msg)
{
	struct task_auth *t = (struct task_auth *)task;
	struct child_talk *talk = &t->talk;
	uint16_t error = task_error(msg);
	const char *wrong;

	if (error != 0 && ike_msg_find(msg, PAYLOAD_AUTH) == NULL) {
		failed(sa, notify_name(error));
		ike_sa_end(sa, notify_name(error));
		return TASK_DONE;
	}
	if (sa->state == IKE_SA_DELETING) // not wanted any more; the D is next
		return TASK_DONE;
	wrong = check_gateway(sa, msg);
	if (wrong != NULL) {
		failed(sa, wrong);
		// The gateway takes us for authenticated, so it is told (section 2.21.2).
		ike_sa_delete(sa, NOTIFY_AUTHENTICATION_FAILED, wrong);
		return TASK_DONE;
	}
	authenticated(sa, msg);
	if (sa->state != IKE_SA_ESTABLISHED) // what the gateway said makes it useless
		return TASK_DONE;
	if (error != 0) {
		childless(sa, error);
		return TASK_DONE;
	}
	wrong = t->childless ? child_later(sa, talk, msg) : first_child(sa, talk, msg);
	if (wrong != NULL) {
		event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "answer refused: %s", wrong);
		connection_failed(sa, wrong);
		ike_sa_delete(sa, 0, wrong);
	}
	return TASK_DONE;
}

static void auth_free(struct ike_sa *sa, struct task *task)
{
	child_talk_close(sa, &((struct task_auth *)task)->talk);
}

const struct task_class task_class_auth = {
	.name = "IKE_AUTH",
	.exchange = IKE_AUTH,
	.build = auth_build,
	.process = auth_process,
	.free = auth_free,
};

struct task *task_auth_new(void)
{
	struct task_auth *task = core_need(sizeof(*task));

	task->base.class = &task_class_auth;
	return &task->base;
}

// Our AUTH may have to be waited for; the connection hears of it when it cannot be made.
void task_auth_begin(struct ike_sa *sa)
{
	bool waits;
	const char *wrong = sa->connection == NULL
		? "the connection is gone"
		: auth_talk_sign(sa, sa->connection->config->auth, &waits);

	if (wrong != NULL) {
		failed(sa, wrong);
		ike_sa_end(sa, wrong);
	} else if (!waits) {
		task_add(sa, task_auth_new());
	}
}

// Responder

static void refuse(struct ike_sa *sa, uint16_t notify, const char *why, struct ike_builder *b)
{
	task_answer_error(sa, b, notify);
	sa->after = AFTER_CLOSE;
	sa->why = why;
}

// He is who he says, and has enough. Section 1.3 has NO_ADDITIONAL_SAS for CREATE_CHILD_SA alone; in
// IKE_AUTH it would leave him with an IKE SA that is not there. AUTHENTICATION_FAILED is, with those
// about malformed messages, the one error after which neither side has one (section 2.21.2).
static void too_many(struct ike_sa *sa, struct ike_builder *b)
{
	sa->ike->counters.identity_refused++;
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "too many IKE SAs of this identity");
	SA_LOG_LIMITED(sa, NOTICE, "refused: too many IKE SAs of this identity");
	refuse(sa, NOTIFY_AUTHENTICATION_FAILED, "too many IKE SAs of this identity", b);
}

// Who it is, and that he is. 0, or the notify to answer with.
static uint16_t check_peer(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike *ike = sa->ike;
	const struct ike_payload_ref *id = ike_msg_find(msg, PAYLOAD_IDI);
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_AUTH);
	const struct config_peer *peer;
	struct payload_auth auth;
	struct auth_claim claim = {.id = id, .identity = &sa->remote_id, .auth = &auth};
	const char *wrong;

	if (id == NULL || payload_id_read(id, &sa->remote_id) ||
		(p != NULL && payload_auth_read(p, &auth))) {
		return NOTIFY_INVALID_SYNTAX;
	}
	if (p == NULL) { // the peer wants EAP
		failed(sa, "no AUTH payload");
		return NOTIFY_AUTHENTICATION_FAILED;
	}
	peer = pad_lookup(ike->pad, &sa->remote_id);
	claim.known = peer != NULL;
	if (peer != NULL) {
		claim.by = peer->auth;
		claim.psk = &peer->psk;
		claim.address_check = peer->address_check;
	}
	wrong = auth_talk_verify(sa, msg, &claim);
	if (wrong != NULL) {
		failed(sa, wrong);
		return NOTIFY_AUTHENTICATION_FAILED;
	}
	sa->peer = peer;
	pad_identity(peer, &sa->remote_id);
	return 0;
}

// Until our signature is there, when the peer has proved that it is worth one. NULL, or why not.
static const char *wait_for_signature(struct ike_sa *sa)
{
	bool waits;
	const char *wrong = auth_talk_sign(sa, sa->peer->auth, &waits);

	if (wrong == NULL && waits)
		sa->after = AFTER_WAIT;
	return wrong;
}

static bool wants_child(const struct ike_msg *msg)
{
	return ike_msg_find(msg, PAYLOAD_SA) != NULL || ike_msg_find(msg, PAYLOAD_TSI) != NULL ||
		ike_msg_find(msg, PAYLOAD_TSR) != NULL;
}

// Configuration and child SA, behind IDr and AUTH. What fails here leaves the IKE SA standing.
static void respond_child(struct ike_sa *sa, const struct ike_msg *msg, struct child_talk *talk,
	struct ike_builder *b)
{
	bool asked;
	uint16_t notify = task_config_attach(sa, msg, b, &asked);

	if (notify != 0) {
		task_answer_error(sa, b, notify);
		return;
	}
	companion_check(sa);
	reauth_promise(sa, b);
	if (!wants_child(msg))
		return;
	notify = child_talk_respond(sa, talk, msg, sa->allow_local, sa->allow_remote, asked);
	if (notify == 0 && child_talk_child(sa, talk) == NULL)
		notify = NOTIFY_NO_ADDITIONAL_SAS;
	if (notify != 0)
		child_talk_refuse(sa, talk, notify, b);
	else
		child_talk_answer(sa, talk, b);
}

// <-- IKE_AUTH { IDr, [CERT..,] AUTH, [CP(CFG_REPLY),] [N(AUTH_LIFETIME),] SA, TSi, TSr }
// Called twice for the same request when the answer has to wait for our signature.
void task_auth_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	struct ike *ike = sa->ike;
	struct child_talk talk = {0};
	struct payload_notify notify;
	const char *wrong;
	uint16_t error = sa->peer != NULL ? 0 : check_peer(sa, msg);

	if (error != 0) {
		refuse(sa, error, "authentication failed", b);
		return;
	}
	wrong = wait_for_signature(sa);
	if (wrong != NULL) {
		failed(sa, wrong);
		refuse(sa, NOTIFY_AUTHENTICATION_FAILED, wrong, b);
		return;
	}
	if (sa->after == AFTER_WAIT)
		return;
	if (task_notify_find(msg, NOTIFY_INITIAL_CONTACT, &notify))
		identity_initial_contact(sa);
	if (!identity_admits(sa)) {
		too_many(sa, b);
		return;
	}
	payload_id_write(b, false, &sa->local_id);
	if (sa->peer->auth == CONFIG_AUTH_CERTIFICATE)
		auth_talk_write_certs(sa, b);
	if (auth_talk_write(sa, sa->peer->auth, &sa->peer->psk, b) < 0) {
		ike_build_init(b, ike->chain, sizeof(ike->chain));
		refuse(sa, NOTIFY_AUTHENTICATION_FAILED, "AUTH cannot be computed", b);
		return;
	}
	take_nonces(sa, &talk);
	ike_sa_established(sa);
	identity_known(sa);
	respond_child(sa, msg, &talk, b);
	child_talk_close(sa, &talk);
}
