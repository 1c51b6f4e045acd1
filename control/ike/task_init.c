// SPDX-License-Identifier: BSD-3-Clause
// IKE_SA_INIT, both sides: proposals, key exchange, nonces, NAT detection; cookies and another group
// when the responder asks for them. Everything here is unauthenticated: errors from the peer are
// noted, and do nothing else. RFC 7296 sections 1.2, 2.1, 2.6, 2.7, 2.21.1. One thread per core.
#include "auth_talk.h"
#include "connection.h"
#include "dh.h"
#include "effect.h"
#include "exchange.h"
#include "half_open.h"
#include "ike_sa.h"
#include "natd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

// Cookies and changes of the group that an initiator goes along with.
#define RESTARTS_MAX 6
#define TEXT_MAX 240

const struct task_class task_class_init = {.name = "IKE_SA_INIT", .exchange = IKE_SA_INIT};

static uint8_t *copy(const void *bytes, size_t len)
{
	return memcpy(core_need(len), bytes, len);
}

static void event_message(struct ike_sa *sa, enum ike_event_type type, const void *bytes,
	size_t len, const struct ike_datagram *path)
{
	char text[TEXT_MAX];
	struct ike_msg msg;

	if (ike_msg_parse(bytes, len, &msg) == 0)
		event_emit(sa->ike, type, sa, path, "%s",
			event_message_text(&msg.header, &msg, text, sizeof(text)));
}

// Initiator

// --> IKE_SA_INIT { [N(COOKIE),] SA, KEi, Ni, N(NAT_DETECTION_SOURCE_IP), N(..DESTINATION_IP) }
static int build_request(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	struct handshake *hs = sa->handshake;
	struct ike_header header = {.spi_i = sa->spi_i,
		.version = 0x20,
		.exchange = IKE_SA_INIT,
		.flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	struct wire_sa offer;
	int len;

	ike_build_init(&b, ike->chain, sizeof(ike->chain));
	if (hs->cookie_len > 0)
		payload_notify_write(
			&b, PROTOCOL_NONE, NULL, NOTIFY_COOKIE, hs->cookie, hs->cookie_len);
	proposal_offer_ike(&ike->config->ike, 0, 0, &offer);
	payload_sa_write(&b, &offer);
	payload_ke_write(&b, hs->group->id, dh_public(hs->dh), hs->group->public_len);
	payload_nonce_write(&b, hs->ni.bytes, hs->ni.len);
	natd_write(sa, sa->spi_i, 0, sa->connection->config->force_encap, &b);
	fragmentation_write(sa, &b);
	auth_talk_offer(sa, &b);
	len = ike_build_finish(&b);
	if (len < 0)
		return len;
	len = ike_msg_write_clear(
		&header, b.first, ike->chain, (size_t)len, ike->out, sizeof(ike->out));
	if (len < 0)
		return len;
	free(hs->request);
	hs->request = copy(ike->out, (size_t)len);
	hs->request_len = (size_t)len;
	return 0;
}

static int fresh_group(struct ike_sa *sa, const struct alg_dh *group)
{
	struct handshake *hs = sa->handshake;

	dh_free(hs->dh);
	hs->group = group;
	hs->dh = dh_new(group, sa->ike->ops->random, sa->ike->arg);
	return hs->dh == NULL ? -EIO : 0;
}

int task_init_start(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	const struct alg_dh *group = group_first(&ike->config->ike);
	struct task *task;
	int ret;

	sa->handshake = core_need(sizeof(*sa->handshake));
	nonce_fresh(ike, &sa->handshake->ni);
	ret = group == NULL ? -EINVAL : fresh_group(sa, group);
	if (ret == 0)
		ret = build_request(sa);
	if (ret < 0) {
		ike_sa_end(sa, "no request can be made");
		return ret;
	}
	task = core_need(sizeof(*task));
	task->class = &task_class_init;
	window_init(&sa->window, 0, 0);
	window_sent(&sa->window, window_place(&sa->window), sa->handshake->request,
		sa->handshake->request_len, task, ike->now_us + window_interval_us(1));
	event_message(sa, IKE_EVENT_MESSAGE_OUT, ike->out, sa->handshake->request_len, NULL);
	exchange_send(sa, NULL, sa->handshake->request, sa->handshake->request_len);
	return 0;
}

static void send_again(struct ike_sa *sa)
{
	struct handshake *hs = sa->handshake;

	if (++hs->restarts > RESTARTS_MAX || build_request(sa) < 0)
		return; // the timer sends the last one until it gives up
	window_replace(window_any(&sa->window), hs->request, hs->request_len,
		sa->ike->now_us + window_interval_us(1));
	event_message(sa, IKE_EVENT_MESSAGE_OUT, hs->request, hs->request_len, NULL);
	exchange_send(sa, NULL, hs->request, hs->request_len);
}

// <-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD) }: the group, when it is one of ours and another one.
static void other_group(struct ike_sa *sa, const struct payload_notify *notify)
{
	struct handshake *hs = sa->handshake;
	const struct alg_dh *group = group_wanted(&sa->ike->config->ike, hs->group, notify->data);

	sa->ike->counters.invalid_ke++;
	if (group != NULL && hs->restarts < RESTARTS_MAX && fresh_group(sa, group) == 0)
		send_again(sa);
}

// An error instead of an answer. Anyone may have sent it.
static bool init_error(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct handshake *hs = sa->handshake;
	struct payload_notify notify;
	uint16_t error;

	if (task_notify_find(msg, NOTIFY_COOKIE, &notify)) {
		memcpy(hs->cookie, notify.data, notify.len);
		hs->cookie_len = (uint8_t)notify.len;
		send_again(sa);
		return true;
	}
	if (task_notify_find(msg, NOTIFY_INVALID_KE_PAYLOAD, &notify)) {
		other_group(sa, &notify);
		return true;
	}
	error = task_error(msg);
	if (error == 0)
		return false;
	if (error == NOTIFY_NO_PROPOSAL_CHOSEN)
		sa->ike->counters.no_proposal++;
	snprintf(hs->why, sizeof(hs->why), "the peer says %s", notify_name(error));
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "%s (unauthenticated)", notify_name(error));
	SA_LOG_LIMITED(sa, NOTICE, "IKE_SA_INIT: the peer says %s", notify_name(error));
	return true;
}

static int read_sa_and_ke(const struct ike_msg *msg, struct wire_sa *sa, struct payload_ke *ke)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_SA);
	const struct ike_payload_ref *q = ike_msg_find(msg, PAYLOAD_KE);

	if (p == NULL || q == NULL || payload_sa_read(p, sa) || payload_ke_read(q, ke))
		return -EBADMSG;
	return 0;
}

// <-- IKE_SA_INIT { SA, KEr, Nr, N(NAT_DETECTION_SOURCE_IP), N(..DESTINATION_IP) }
static const char *accept_answer(
	struct ike_sa *sa, const struct ike_msg *msg, const struct ike_datagram *datagram)
{
	struct handshake *hs = sa->handshake;
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len = sizeof(shared);
	struct wire_sa offered, answer;
	struct payload_ke ke;
	uint64_t none;
	int ret;

	if (msg->header.spi_r == 0 || read_sa_and_ke(msg, &answer, &ke) || nonce_read(msg, &hs->nr))
		return "malformed answer";
	proposal_offer_ike(&sa->ike->config->ike, 0, 0, &offered);
	if (proposal_accept(&offered, &answer, &sa->suite, &none) || sa->suite.dh != hs->group ||
		ke.group != hs->group->id)
		return "answer to something that we did not offer";
	if (natd_read(sa, msg, datagram, sa->connection->config->force_encap) ||
		auth_talk_read(sa, msg))
		return "malformed notify";
	if (dh_shared(hs->dh, ke.data, ke.len, shared, &shared_len))
		return "unacceptable key exchange value";
	sa->spi_r = msg->header.spi_r;
	ret = ike_sa_key(sa, &hs->ni, &hs->nr, (struct bytes){shared, shared_len}, NULL);
	secret_wipe(shared, sizeof(shared));
	if (ret < 0)
		return "no keys";
	fragmentation_read(sa, msg);
	return NULL;
}

void task_init_process(struct ike_sa *sa, const struct ike_datagram *datagram)
{
	struct handshake *hs = sa->handshake;
	struct payload_notify notify;
	struct window_out *place;
	struct ike_msg msg;
	const char *wrong;

	if (ike_msg_parse(datagram->data, datagram->len, &msg) != 0 || msg.unsupported_critical) {
		sa->ike->counters.malformed++;
		return;
	}
	event_message(sa, IKE_EVENT_MESSAGE_IN, datagram->data, datagram->len, datagram);
	if (init_error(sa, &msg))
		return;
	wrong = accept_answer(sa, &msg, datagram);
	if (wrong != NULL) {
		// Perhaps not from the peer at all, who may still answer.
		sa->ike->counters.malformed++;
		event_emit(sa->ike, IKE_EVENT_ERROR, sa, datagram, "%s", wrong);
		SA_LOG_LIMITED(sa, INFO, "IKE_SA_INIT response dropped: %s", wrong);
		return;
	}
	hs->response = copy(datagram->data, datagram->len);
	hs->response_len = datagram->len;
	hs->childless = task_notify_find(&msg, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, &notify);
	place = window_any(&sa->window);
	task_free(sa, place->owner);
	window_answered(&sa->window, place);
	if (sa->encap) {
		sa->path.local_port = 4500;
		sa->path.remote_port = 4500;
		sa->path.natt = true;
	}
	hs->why[0] = '\0';
	ike_sa_set_state(sa, IKE_SA_AUTHENTICATING);
	task_auth_begin(sa);
}

// Responder

// Which of the three of RFC 7296 section 2.1 this is: new, repeated, or of an IKE SA that is already
// further. By the whole request and where it came from.
static uint64_t request_key(struct ike *ike, const struct ike_datagram *datagram)
{
	struct {
		struct inet_addr remote;
		uint32_t port;
		uint64_t message;
	} key = {datagram->remote, datagram->remote_port,
		hash_bytes(ike->secret, datagram->data, datagram->len)};

	return hash_bytes(ike->secret, &key, sizeof(key));
}

static bool answered_before(struct ike *ike, const struct ike_datagram *datagram, uint64_t key)
{
	struct hash_node *node = hash_find(&ike->inits, key);
	struct ike_sa *sa;

	if (node == NULL)
		return false;
	sa = CONTAINER_OF(node, struct ike_sa, by_init);
	ike->counters.retransmits_in++;
	if (sa->state == IKE_SA_AUTHENTICATING && sa->handshake != NULL)
		exchange_send(sa, datagram, sa->handshake->response, sa->handshake->response_len);
	return true;
}

// Who has sent a cookie back is no stranger, and need not fear that others have used the answers up.
static void refuse(struct ike *ike, const struct ike_datagram *datagram,
	const struct ike_header *header, bool proved, uint16_t notify, const void *data, size_t len)
{
	char addr[INET_ADDR_STRLEN];

	LOG_LIMITED(INFO, "IKE_SA_INIT from %s:%u refused: %s",
		inet_addr_format(&datagram->remote, addr), datagram->remote_port,
		notify_name(notify));
	// As many events as answers, so that a flood does not become one of events.
	if (proved ? exchange_answer_clear(ike, datagram, header, notify, data, len)
		   : exchange_answer_stranger(ike, datagram, header, notify, data, len))
		event_emit(ike, IKE_EVENT_ERROR, NULL, datagram, "IKE_SA_INIT refused: %s",
			notify_name(notify));
}

// Reads the request. 0, or the notify to answer with.
static uint16_t read_request(struct ike *ike, const struct ike_msg *msg, struct ike_suite *suite,
	struct wire_sa *answer, struct payload_ke *ke, struct nonce *ni)
{
	struct wire_sa offered;
	uint64_t none;

	if (read_sa_and_ke(msg, &offered, ke) || nonce_read(msg, ni)) {
		ike->counters.malformed++;
		return NOTIFY_INVALID_SYNTAX;
	}
	if (proposal_choose_ike(
		    &ike->config->ike, &offered, ke->group, 0, 0, suite, &none, answer)) {
		ike->counters.no_proposal++;
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	if (suite->dh->id != ke->group) {
		ike->counters.invalid_ke++;
		return NOTIFY_INVALID_KE_PAYLOAD;
	}
	return 0;
}

// <-- IKE_SA_INIT { SA, KEr, Nr, N(NAT_DETECTION_SOURCE_IP), N(..DESTINATION_IP),
//	N(CHILDLESS_IKEV2_SUPPORTED) }
static int build_answer(struct ike_sa *sa, const struct wire_sa *answer, const struct dh *dh)
{
	struct ike *ike = sa->ike;
	struct handshake *hs = sa->handshake;
	struct ike_header header = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = 0x20,
		.exchange = IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE};
	struct ike_builder b;
	int len;

	ike_build_init(&b, ike->chain, sizeof(ike->chain));
	payload_sa_write(&b, answer);
	payload_ke_write(&b, sa->suite.dh->id, dh_public(dh), sa->suite.dh->public_len);
	payload_nonce_write(&b, hs->nr.bytes, hs->nr.len);
	if (sa->natd_seen)
		natd_write(sa, sa->spi_i, sa->spi_r, ike->config->force_encap, &b);
	fragmentation_write(sa, &b);
	payload_notify_write(&b, PROTOCOL_NONE, NULL, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
	auth_talk_offer(sa, &b);
	len = ike_build_finish(&b);
	if (len >= 0)
		len = ike_msg_write_clear(
			&header, b.first, ike->chain, (size_t)len, ike->out, sizeof(ike->out));
	if (len < 0)
		return len;
	hs->response = copy(ike->out, (size_t)len);
	hs->response_len = (size_t)len;
	return 0;
}

// Key exchange and answer of a new IKE SA. 0, or -EINVAL: the peer's value is not acceptable.
static int answer_request(struct ike_sa *sa, const struct ike_msg *msg,
	const struct ike_datagram *datagram, const struct payload_ke *ke,
	const struct wire_sa *answer)
{
	struct ike *ike = sa->ike;
	struct handshake *hs = sa->handshake;
	struct dh *dh = dh_new(sa->suite.dh, ike->ops->random, ike->arg);
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len = sizeof(shared);
	int ret;

	if (dh == NULL)
		return -EIO;
	ret = dh_shared(dh, ke->data, ke->len, shared, &shared_len);
	if (ret == 0)
		ret = natd_read(sa, msg, datagram, ike->config->force_encap);
	fragmentation_read(sa, msg);
	if (ret == 0)
		ret = auth_talk_read(sa, msg);
	if (ret == 0)
		ret = build_answer(sa, answer, dh);
	if (ret == 0)
		ret = ike_sa_key(sa, &hs->ni, &hs->nr, (struct bytes){shared, shared_len}, NULL);
	secret_wipe(shared, sizeof(shared));
	dh_free(dh);
	return ret;
}

static void wait_for_auth(struct ike_sa *sa, uint64_t key, bool proved)
{
	struct ike *ike = sa->ike;

	half_open_begin(sa, proved);
	sa->end_us = ike->now_us + ike->config->life.half_open_s * US_PER_S;
	hash_add(&ike->inits, &sa->by_init, key);
	sa->in_inits = true;
	window_init(&sa->window, 0, 1);
	ike_sa_set_state(sa, IKE_SA_AUTHENTICATING);
}

static struct ike_sa *responder_new(struct ike *ike, const struct ike_msg *msg,
	const struct ike_datagram *datagram, const struct ike_suite *suite, const struct nonce *ni)
{
	struct ike_sa *sa = ike_sa_new(ike, false);
	struct handshake *hs;

	if (sa == NULL)
		return NULL;
	hs = core_need(sizeof(*hs));
	hs->ni = *ni;
	hs->request = copy(datagram->data, datagram->len);
	hs->request_len = datagram->len;
	nonce_fresh(ike, &hs->nr);
	sa->handshake = hs;
	sa->spi_i = msg->header.spi_i;
	sa->suite = *suite;
	sa->local_id = ike->config->gateway.id;
	ike_sa_path_set(sa, datagram);
	return sa;
}

void task_init_respond(struct ike *ike, const struct ike_datagram *datagram)
{
	uint64_t key = request_key(ike, datagram);
	struct payload_ke ke = {0};
	struct ike_suite suite;
	struct wire_sa answer;
	struct nonce ni;
	struct ike_msg msg;
	struct ike_sa *sa;
	uint16_t notify;
	bool proved;
	int ret;

	if (answered_before(ike, datagram, key))
		return;
	if (ike->half_open_n >= ike->config->half_open_max) {
		ike->counters.half_open_refused++;
		LOG_LIMITED(NOTICE, "IKE_SA_INIT dropped: %u half-open IKE SAs", ike->half_open_n);
		return;
	}
	if (datagram->len > INIT_REQUEST_MAX) {
		ike->counters.init_oversized++;
		return;
	}
	ret = ike_msg_parse(datagram->data, datagram->len, &msg);
	if (ret != 0) {
		ike->counters.malformed++;
		refuse(ike, datagram, &msg.header, false, NOTIFY_INVALID_SYNTAX, NULL, 0);
		return;
	}
	if (msg.unsupported_critical != 0) {
		ike->counters.unsupported_critical++;
		refuse(ike, datagram, &msg.header, false, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
			&msg.unsupported_critical, 1);
		return;
	}
	if (!half_open_admits(ike, datagram, &msg, &proved))
		return;
	notify = read_request(ike, &msg, &suite, &answer, &ke, &ni);
	if (notify != 0) {
		uint8_t group[2] = {0};
		bool ke_wrong = notify == NOTIFY_INVALID_KE_PAYLOAD;

		if (ke_wrong) {
			group[0] = (uint8_t)(suite.dh->id >> 8);
			group[1] = (uint8_t)suite.dh->id;
		}
		refuse(ike, datagram, &msg.header, proved, notify, group, ke_wrong ? 2 : 0);
		return;
	}
	sa = responder_new(ike, &msg, datagram, &suite, &ni);
	if (sa == NULL)
		return;
	ret = answer_request(sa, &msg, datagram, &ke, &answer);
	if (ret < 0) {
		ike_sa_free(sa);
		ike->counters.malformed++;
		refuse(ike, datagram, &msg.header, proved, NOTIFY_INVALID_SYNTAX, NULL, 0);
		return;
	}
	event_message(sa, IKE_EVENT_MESSAGE_IN, datagram->data, datagram->len, datagram);
	wait_for_auth(sa, key, proved);
	event_message(sa, IKE_EVENT_MESSAGE_OUT, sa->handshake->response,
		sa->handshake->response_len, datagram);
	exchange_send(sa, datagram, sa->handshake->response, sa->handshake->response_len);
}
