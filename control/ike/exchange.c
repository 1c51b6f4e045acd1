// SPDX-License-Identifier: BSD-3-Clause
// Protected messages of an IKE SA: window, integrity, parsing, and from there to the task or the
// `respond` function that they are for. RFC 7296 sections 2.1 to 2.5, 2.21. One thread per core.
#include "exchange.h"

#include "effect.h"
#include "ike_payload.h"
#include "ike_sa.h"
#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("ike");

#define TEXT_MAX 240
// From here on an IKE SA wants to be rekeyed, whatever its age.
#define LAST_IDS (UINT32_MAX - 1000)
// So often a request goes out before its size is suspected, RFC 7383 section 2.5.2.
#define PROBE_SENDINGS 2

void exchange_send(struct ike_sa *sa, const struct ike_datagram *to, const void *bytes, size_t len)
{
	struct ike_datagram datagram = {
		.local = sa->path.local,
		.remote = sa->path.remote,
		.local_port = sa->path.local_port,
		.remote_port = sa->path.remote_port,
		.natt = sa->path.natt,
	};

	if (to != NULL)
		datagram = *to;
	// Fragments stand one behind the other.
	for (size_t at = 0; at < len; at += datagram.len) {
		struct ike_header header;

		ike_header_read((const uint8_t *)bytes + at, IKE_HEADER_BYTES, &header);
		datagram.len = header.length;
		datagram.data = (const uint8_t *)bytes + at;
		effect_send(sa->ike, sa, sa->worker == UINT32_MAX ? 0 : sa->worker, &datagram);
	}
}

bool exchange_answer_clear(struct ike *ike, const struct ike_datagram *to,
	const struct ike_header *request, uint16_t notify, const void *data, size_t len)
{
	struct ike_header header = *request;
	struct ike_datagram datagram = *to;
	struct ike_builder b;
	int n;

	ike_build_init(&b, ike->chain, sizeof(ike->chain));
	payload_notify_write(&b, PROTOCOL_NONE, NULL, (enum notify_type)notify, data, len);
	n = ike_build_finish(&b);
	if (n < 0)
		return false;
	header.version = 0x20;
	// Whose SPI is which stays; the sender of the answer is the other one.
	header.flags = IKE_FLAG_RESPONSE | (~request->flags & IKE_FLAG_INITIATOR);
	n = ike_msg_write_clear(
		&header, b.first, ike->chain, (size_t)n, ike->out, sizeof(ike->out));
	if (n < 0)
		return false;
	datagram.len = (uint32_t)n;
	datagram.data = ike->out;
	effect_send(ike, NULL, 0, &datagram);
	return true;
}

bool exchange_answer_stranger(struct ike *ike, const struct ike_datagram *to,
	const struct ike_header *request, uint16_t notify, const void *data, size_t len)
{
	return core_stranger_allowed(ike) &&
		exchange_answer_clear(ike, to, request, notify, data, len);
}

// The chain in ike->chain, sealed into ike->out. Its length or -errno.
static int seal(struct ike_sa *sa, uint8_t exchange, bool response, uint32_t message_id,
	struct ike_builder *b, char text[TEXT_MAX])
{
	struct ike *ike = sa->ike;
	struct ike_header header = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = 0x20,
		.exchange = exchange,
		.flags = (sa->initiator ? IKE_FLAG_INITIATOR : 0) |
			(response ? IKE_FLAG_RESPONSE : 0),
		.message_id = message_id,
	};
	struct ike_msg msg = {.header = header};
	uint32_t n = 1;
	int len = ike_build_finish(b);

	if (len < 0)
		return len;
	if (ike_msg_parse_inner(&msg, b->first, ike->chain, (size_t)len) == 0)
		event_message_text(&header, &msg, text, TEXT_MAX);
	len = fragmentation_seal(sa, &header, b->first, (size_t)len, &n);
	if (n > 1)
		snprintf(text + strlen(text), TEXT_MAX - strlen(text), " in %u fragments", n);
	return len;
}

static void start(struct ike_sa *sa, struct window_out *place, struct task *task)
{
	struct ike *ike = sa->ike;
	struct ike_builder b;
	char text[TEXT_MAX] = "";
	uint8_t exchange = task->class->exchange;
	int len;

	ike_build_init(&b, ike->chain, sizeof(ike->chain));
	len = task->class->build(sa, task, &b);
	if (len == 0)
		len = seal(sa, exchange, false, sa->window.next_out, &b, text);
	if (len < 0) {
		task_free(sa, task);
		return;
	}
	event_emit(ike, IKE_EVENT_MESSAGE_OUT, sa, NULL, "%s", text);
	SA_LOG(sa, DEBUG, "sending %s", text);
	window_sent(&sa->window, place, ike->out, (size_t)len, task,
		ike->now_us + window_interval_us(1));
	exchange_send(sa, NULL, ike->out, (size_t)len);
}

// Message ids never wrap: RFC 7296 section 2.2.
static void rekey_before_ids_end(struct ike_sa *sa)
{
	if (sa->state == IKE_SA_ESTABLISHED &&
		(sa->window.next_out >= LAST_IDS || sa->window.expect_in >= LAST_IDS) &&
		!task_is_queued(sa, &task_class_rekey_ike))
		task_add(sa, task_rekey_ike_new());
}

void exchange_run(struct ike_sa *sa)
{
	struct window_out *place;
	struct task *task;

	if (!sa->keyed)
		return;
	rekey_before_ids_end(sa);
	while (sa->state != IKE_SA_DEAD && (place = window_place(&sa->window)) != NULL &&
		(task = task_take_ready(sa)) != NULL)
		start(sa, place, task);
}

void exchange_retransmit(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	for (int i = 0; i < WINDOW_SIZE; i++) {
		struct window_out *place = &sa->window.out[i];

		if (!place->used || place->again_us > ike->now_us)
			continue;
		if (place->sent_n >= PROBE_SENDINGS && fragmentation_shrink(sa, place)) {
			ike->counters.retransmits_out++;
			continue;
		}
		if (place->sent_n > ike->config->life.retransmit_tries) {
			ike->counters.peer_timeouts++;
			ike_sa_end(sa,
				sa->handshake != NULL && sa->handshake->why[0] != '\0'
					? sa->handshake->why
					: "the peer does not answer");
			return;
		}
		place->sent_n++;
		place->again_us = ike->now_us + window_interval_us(place->sent_n);
		ike->counters.retransmits_out++;
		event_emit(ike, IKE_EVENT_RETRANSMIT, sa, NULL, "request %u sent again, %u of %u",
			place->id, place->sent_n - 1, ike->config->life.retransmit_tries);
		exchange_send(sa, NULL, place->bytes, place->len);
	}
}

// Answers and ends the IKE SA: what is malformed under good keys is fatal, section 2.21.3.
static void reject(
	struct ike_sa *sa, struct ike_builder *b, uint16_t notify, const void *data, size_t len)
{
	ike_build_init(b, sa->ike->chain, sizeof(sa->ike->chain));
	payload_notify_write(b, PROTOCOL_NONE, NULL, (enum notify_type)notify, data, len);
	if (notify == NOTIFY_INVALID_SYNTAX || sa->state < IKE_SA_ESTABLISHED)
		sa->after = AFTER_CLOSE;
}

static void respond_by_exchange(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b)
{
	if (msg->unsupported_critical != 0) {
		sa->ike->counters.unsupported_critical++;
		reject(sa, b, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &msg->unsupported_critical, 1);
		return;
	}
	if (sa->state == IKE_SA_AUTHENTICATING) {
		task_auth_respond(sa, msg, b);
		return;
	}
	if (sa->rival_of != 0)
		task_rekey_ike_used(sa, msg);
	switch (msg->header.exchange) {
	case CREATE_CHILD_SA:
		task_create_child_respond(sa, msg, b);
		break;
	case INFORMATIONAL:
		task_informational_respond(sa, msg, b);
		break;
	default: // IKE_AUTH once more, or something unknown
		reject(sa, b, NOTIFY_INVALID_SYNTAX, NULL, 0);
	}
}

// A request whose answer takes longer. It stands decrypted, whatever it came in.
struct exchange_waiting {
	struct ike_datagram path; // without data
	struct ike_msg msg; // lends from bytes
	uint8_t bytes[];
};

static void wait(struct ike_sa *sa, const struct ike_datagram *path, const struct ike_msg *msg)
{
	struct exchange_waiting *waiting;
	size_t len = 0, at = 0;

	for (uint32_t i = 0; i < msg->n; i++)
		len += msg->payload[i].len;
	waiting = core_need(sizeof(*waiting) + len);
	waiting->path = *path;
	waiting->path.data = NULL;
	waiting->path.len = 0;
	waiting->msg = *msg;
	for (uint32_t i = 0; i < msg->n; i++) {
		struct ike_payload_ref *p = &waiting->msg.payload[i];

		p->data = memcpy(waiting->bytes + at, p->data, p->len);
		at += p->len;
	}
	sa->handshake->waiting = waiting;
}

// --> request, <-- the answer to where it came from
static void respond(
	struct ike_sa *sa, const struct ike_datagram *datagram, struct ike_msg *msg, bool malformed)
{
	struct ike *ike = sa->ike;
	struct ike_builder b;
	char in[TEXT_MAX], out[TEXT_MAX] = "";
	int len;

	sa->after = AFTER_NOTHING;
	sa->why = NULL;
	event_message_text(&msg->header, msg, in, sizeof(in));
	ike_build_init(&b, ike->chain, sizeof(ike->chain));
	if (malformed) {
		ike->counters.malformed++;
		reject(sa, &b, NOTIFY_INVALID_SYNTAX, NULL, 0);
	} else {
		respond_by_exchange(sa, msg, &b);
	}
	if (sa->after == AFTER_WAIT) {
		wait(sa, datagram, msg);
		return;
	}
	len = seal(sa, msg->header.exchange, true, msg->header.message_id, &b, out);
	if (len < 0)
		return;
	window_responded(&sa->window, msg->header.message_id, ike->out, (size_t)len);
	SA_LOG_PEER(sa, INFO, "%s answered with %s", in, out);
	event_emit(ike, IKE_EVENT_MESSAGE_OUT, sa, datagram, "%s", out);
	if (sa->after == AFTER_CLOSE)
		ike_sa_end(sa, sa->why != NULL ? sa->why : "request refused");
	exchange_send(sa, datagram, ike->out, (size_t)len);
}

void exchange_resume(struct ike_sa *sa)
{
	struct exchange_waiting *waiting = sa->handshake->waiting;

	sa->handshake->waiting = NULL;
	if (waiting != NULL)
		respond(sa, &waiting->path, &waiting->msg, false);
	free(waiting);
}

static void process(struct ike_sa *sa, const struct ike_msg *msg, bool malformed)
{
	struct window_out *place = window_waiting(&sa->window, msg->header.message_id);
	struct task *task = place->owner;
	char text[TEXT_MAX];
	enum task_result result;
	uint16_t error;

	SA_LOG(sa, INFO, "%s", event_message_text(&msg->header, msg, text, sizeof(text)));
	window_answered(&sa->window, place);
	if (malformed || msg->unsupported_critical != 0) {
		sa->ike->counters.malformed++;
		task_free(sa, task);
		// No answer to an answer, but what the two sides know may differ now: section 2.21.
		if (sa->state == IKE_SA_ESTABLISHED)
			ike_sa_delete(sa, 0, "malformed response");
		else
			ike_sa_end(sa, "malformed response");
		return;
	}
	error = task_error(msg);
	if (error == NOTIFY_INVALID_SYNTAX && sa->state >= IKE_SA_ESTABLISHED) {
		// Fatal for both sides, without a D: section 2.21.3.
		task_free(sa, task);
		ike_sa_end(sa, "the peer says INVALID_SYNTAX");
		return;
	}
	if (msg->header.exchange == CREATE_CHILD_SA && error != NOTIFY_TEMPORARY_FAILURE)
		sa->refused_since_us = 0;
	result = task->class->process(sa, task, msg);
	if (result == TASK_AGAIN && sa->state < IKE_SA_DELETING)
		task_add_first(sa, task);
	else
		task_free(sa, task);
}

struct ike_sa *exchange_sa(struct ike *ike, const struct ike_header *header)
{
	bool from_initiator = header->flags & IKE_FLAG_INITIATOR;
	struct ike_sa *sa = ike_sa_by_spi(ike, from_initiator ? header->spi_r : header->spi_i);

	if (sa == NULL || sa->initiator == from_initiator || sa->spi_i != header->spi_i ||
		sa->spi_r != header->spi_r)
		return NULL;
	return sa;
}

static void unknown(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_header *header)
{
	char addr[INET_ADDR_STRLEN];

	ike->counters.unknown_spi++;
	LOG_LIMITED(INFO, "%s from %s:%u for an IKE SA that is not there, i=%016lx r=%016lx",
		ike_exchange_name(header->exchange), inet_addr_format(&datagram->remote, addr),
		datagram->remote_port, header->spi_i, header->spi_r);
	if (!(header->flags & IKE_FLAG_RESPONSE))
		exchange_answer_stranger(ike, datagram, header, NOTIFY_INVALID_IKE_SPI, NULL, 0);
}

// "INVALID_IKE_SPI" and the like in the clear: a hint that anyone may have sent, section 2.21.4. Our
// request is sent again until somebody who has the keys answers.
static bool hint(struct ike_sa *sa, const struct ike_msg *msg)
{
	uint16_t error = task_error(msg);

	if (!(msg->header.flags & IKE_FLAG_RESPONSE) || error == 0)
		return false;
	event_emit(sa->ike, IKE_EVENT_ERROR, sa, NULL, "%s (unauthenticated)", notify_name(error));
	SA_LOG_LIMITED(sa, INFO, "somebody says %s in the clear", notify_name(error));
	return true;
}

// May this exchange happen now? What comes too early is dropped and sent again by the peer.
static bool timely(const struct ike_sa *sa, const struct ike_header *header)
{
	switch (sa->state) {
	case IKE_SA_AUTHENTICATING:
		if (header->flags & IKE_FLAG_RESPONSE)
			return header->exchange == IKE_AUTH;
		return !sa->initiator && header->exchange == IKE_AUTH;
	case IKE_SA_ESTABLISHED:
	case IKE_SA_REKEYED:
	case IKE_SA_DELETING:
		return true;
	default:
		return false;
	}
}

// Decrypts the copy in ike->in; *malformed when what was inside is not a chain. false: drop.
static bool open_message(struct ike_sa *sa, const struct ike_datagram *datagram, bool repeated,
	struct ike_msg *msg, bool *malformed)
{
	struct ike *ike = sa->ike;
	uint8_t *inner, first, type;
	size_t len;
	int ret;

	memcpy(ike->in, datagram->data, datagram->len);
	ret = ike_msg_parse(ike->in, datagram->len, msg);
	type = ret != 0 || msg->n == 0 ? PAYLOAD_NONE : msg->payload[msg->n - 1].type;
	if (type != PAYLOAD_SK && type != PAYLOAD_SKF) {
		if (ret == 0 && hint(sa, msg))
			return false;
		ike->counters.malformed++;
		SA_LOG_LIMITED(sa, INFO, "malformed message dropped");
		return false;
	}
	if (type == PAYLOAD_SKF &&
		(!fragment_expected(sa, msg, repeated) || (!repeated && !timely(sa, &msg->header))))
		return false;
	ret = sk_open(&sa->keys, !sa->initiator, ike->in, datagram->len, msg, &inner, &len, &first);
	if (ret == -EKEYREJECTED) {
		ike->counters.bad_icv++;
		SA_LOG_LIMITED(sa, INFO, "message with a bad ICV dropped");
		return false;
	}
	if (ret != 0) {
		ike->counters.malformed++;
		return false;
	}
	if (repeated) // what it says is known
		return true;
	if (type == PAYLOAD_SKF && !fragment_take(sa, msg, &inner, &len, &first))
		return false;
	msg->unsupported_critical = 0;
	*malformed = ike_msg_parse_inner(msg, first, inner, len) != 0;
	if (*malformed)
		msg->n = 0;
	return true;
}

// Addresses and signs of life of a fresh message from the peer.
static void heard(struct ike_sa *sa, const struct ike_datagram *datagram, bool response)
{
	sa->heard_us = sa->ike->now_us;
	if (sa->state == IKE_SA_AUTHENTICATING && !response)
		ike_sa_path_set(sa, datagram); // the initiator may have floated to port 4500
	else if (sa->state != IKE_SA_AUTHENTICATING)
		ike_sa_moved(sa, &datagram->remote, datagram->remote_port);
}

static void repeated(
	struct ike_sa *sa, const struct ike_datagram *datagram, const struct window_in *answer)
{
	sa->ike->counters.retransmits_in++;
	exchange_send(sa, datagram, answer->bytes, answer->len);
}

static void outside_window(struct ike_sa *sa, const struct ike_header *header)
{
	sa->ike->counters.window++;
	SA_LOG_LIMITED(sa, DEBUG, "%s %s %u outside the window dropped",
		ike_exchange_name(header->exchange),
		header->flags & IKE_FLAG_RESPONSE ? "response" : "request", header->message_id);
}

static bool receivable(const struct ike_sa *sa, const struct ike_header *header)
{
	return sa->keyed && header->exchange != IKE_SA_INIT;
}

// What the peer asks beyond its rate is dropped, new or repeated: it asks again. Only what has its ICV
// counts, so that nobody else uses the rate up.
static bool too_fast(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	uint32_t rate = ike->config->limits.request_rate;

	if (rate == 0 || token_take(&sa->request_full_us, ike->now_us, rate, rate))
		return false;
	ike->counters.requests_limited++;
	SA_LOG_LIMITED(sa, NOTICE, "more than %u requests a second, dropped", rate);
	return true;
}

void exchange_receive(
	struct ike *ike, const struct ike_datagram *datagram, const struct ike_header *header)
{
	struct ike_sa *sa = exchange_sa(ike, header);
	bool response = header->flags & IKE_FLAG_RESPONSE, malformed = false;
	const struct window_in *answer = NULL;
	enum window_verdict verdict = WINDOW_NEW;
	char text[TEXT_MAX];
	struct ike_msg msg;

	if (sa == NULL) {
		unknown(ike, datagram, header);
		return;
	}
	if (!receivable(sa, header))
		return;
	ike_sa_touch(sa);
	if (response) {
		struct window_out *place = window_waiting(&sa->window, header->message_id);

		if (place == NULL ||
			((struct task *)place->owner)->class->exchange != header->exchange)
			verdict = WINDOW_OUTSIDE;
	} else {
		verdict = window_check(&sa->window, header->message_id, &answer);
	}
	if (verdict == WINDOW_OUTSIDE) {
		outside_window(sa, header);
		return;
	}
	if (!response && sa->handshake != NULL && sa->handshake->waiting != NULL) {
		ike->counters.retransmits_in++; // answered when it can be
		return;
	}
	if (!open_message(sa, datagram, verdict == WINDOW_REPEATED, &msg, &malformed))
		return;
	if (!response && too_fast(sa))
		return;
	if (verdict == WINDOW_REPEATED) {
		repeated(sa, datagram, answer);
		return;
	}
	if (!timely(sa, header))
		return;
	heard(sa, datagram, response);
	event_emit(ike, IKE_EVENT_MESSAGE_IN, sa, datagram, "%s",
		event_message_text(header, &msg, text, sizeof(text)));
	if (response)
		process(sa, &msg, malformed);
	else
		respond(sa, datagram, &msg, malformed);
}
