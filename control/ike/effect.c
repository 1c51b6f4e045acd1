// SPDX-License-Identifier: BSD-3-Clause
// Effects of the IKE core, in the order in which they must be carried out, and the events among
// them: one for each message in or out and each change of an SA. One thread per core.
#include "effect.h"

#include "ike_payload.h"
#include "ike_sa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The types differ in size by far, and a handshake makes a dozen of the small ones.
static size_t size_of(enum ike_effect_type type)
{
#define UP_TO(member)                                                                              \
	(offsetof(struct ike_effect, member) + sizeof(((struct ike_effect *)0)->member))
	switch (type) {
	case IKE_SEND:
		return UP_TO(send);
	case IKE_SA_IN_ADD:
		return UP_TO(in_add);
	case IKE_SA_OUT_SET:
		return UP_TO(out_set);
	case IKE_SA_IN_DEL:
		return UP_TO(spi);
	case IKE_SA_OUT_DEL:
		return UP_TO(ref);
	case IKE_SA_MOVE:
		return UP_TO(move);
	case IKE_EVENT:
		return UP_TO(event);
	case IKE_KEYLOG:
		return UP_TO(keylog);
	case IKE_CONNECTION_UP:
	case IKE_CONNECTION_DOWN:
	case IKE_CONNECTION_CHILD_UP:
	case IKE_CONNECTION_CHILD_DOWN:
		break;
	}
#undef UP_TO
	return sizeof(struct ike_effect);
}

struct ike_effect *effect_new(struct ike *ike, enum ike_effect_type type)
{
	struct ike_effect *effect = core_need(size_of(type));

	effect->type = type;
	*ike->effects_end = effect;
	ike->effects_end = &effect->next;
	return effect;
}

void effect_send(struct ike *ike, const struct ike_sa *sa, uint32_t worker,
	const struct ike_datagram *datagram)
{
	struct ike_effect *effect = effect_new(ike, IKE_SEND);

	effect->worker = worker;
	effect->ike_sa = sa == NULL ? 0 : sa->handle;
	effect->send.datagram = *datagram;
	effect->send.datagram.data =
		memcpy(core_need(datagram->len), datagram->data, datagram->len);
	ike->counters.datagrams_out++;
}

struct ike_effect *ike_effect_take(struct ike *ike)
{
	struct ike_effect *effect = ike->effects;

	if (effect == NULL)
		return NULL;
	ike->effects = effect->next;
	if (ike->effects == NULL)
		ike->effects_end = &ike->effects;
	effect->next = NULL;
	return effect;
}

void ike_effect_free(struct ike_effect *effect)
{
	if (effect == NULL)
		return;
	if (effect->type == IKE_SEND)
		free((void *)(uintptr_t)effect->send.datagram.data);
	if (effect->type == IKE_SA_IN_ADD || effect->type == IKE_SA_OUT_SET ||
		effect->type == IKE_KEYLOG)
		secret_wipe(effect, size_of(effect->type));
	free(effect);
}

void effect_free_all(struct ike *ike)
{
	struct ike_effect *effect;

	while ((effect = ike_effect_take(ike)) != NULL)
		ike_effect_free(effect);
}

static struct ike_event *event_new(
	struct ike *ike, enum ike_event_type type, const struct ike_sa *sa)
{
	struct ike_effect *effect = effect_new(ike, IKE_EVENT);
	struct ike_event *event = &effect->event;
	char id[300];

	event->type = type;
	if (sa == NULL)
		return event;
	effect->ike_sa = sa->handle;
	effect->link = sa->link;
	event->ike_sa = sa->handle;
	event->spi_i = sa->spi_i;
	event->spi_r = sa->spi_r;
	event->local = sa->path.local;
	event->remote = sa->path.remote;
	event->local_port = sa->path.local_port;
	event->remote_port = sa->path.remote_port;
	if (sa->remote_id.len > 0)
		snprintf(event->peer, sizeof(event->peer), "%s",
			config_id_format(&sa->remote_id, id));
	return event;
}

void event_emit(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	const struct ike_datagram *path, const char *format, ...)
{
	struct ike_event *event = event_new(ike, type, sa);
	va_list args;

	if (path != NULL) {
		event->local = path->local;
		event->remote = path->remote;
		event->local_port = path->local_port;
		event->remote_port = path->remote_port;
	}
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
}

void event_child(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	uint32_t spi_in, uint32_t spi_out, const char *format, ...)
{
	struct ike_event *event = event_new(ike, type, sa);
	va_list args;

	event->child_spi_in = spi_in;
	event->child_spi_out = spi_out;
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
}

// Name of one payload; notifies, deletes and nonces say which.
static const char *payload_text(
	const struct ike_header *header, const struct ike_payload_ref *p, char *buf, size_t cap)
{
	struct payload_notify notify;
	bool response = header->flags & IKE_FLAG_RESPONSE;
	const char *name;

	switch (p->type) {
	case PAYLOAD_NOTIFY:
		if (payload_notify_read(p, &notify))
			return "N(malformed)";
		name = notify_name(notify.type);
		if (name[0] == '?')
			snprintf(buf, cap, "N(%u)", notify.type);
		else
			snprintf(buf, cap, "N(%s)", name);
		return buf;
	case PAYLOAD_NONCE:
		return response ? "Nr" : "Ni";
	case PAYLOAD_KE:
		return response ? "KEr" : "KEi";
	default:
		return ike_payload_name(p->type);
	}
}

const char *event_message_text(
	const struct ike_header *header, const struct ike_msg *msg, char *out, size_t cap)
{
	char one[64];
	size_t at;

	at = (size_t)snprintf(out, cap, "%s %s %u {", ike_exchange_name(header->exchange),
		header->flags & IKE_FLAG_RESPONSE ? "response" : "request", header->message_id);
	for (uint32_t i = 0; i < msg->n && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s %s", i == 0 ? "" : ",",
			payload_text(header, &msg->payload[i], one, sizeof(one)));
	if (at < cap)
		snprintf(out + at, cap - at, " }");
	return out;
}

const char *ike_event_name(enum ike_event_type type)
{
	static const char *const name[] = {
		[IKE_EVENT_MESSAGE_IN] = "message-in",
		[IKE_EVENT_MESSAGE_OUT] = "message-out",
		[IKE_EVENT_RETRANSMIT] = "retransmit",
		[IKE_EVENT_SA_STATE] = "sa-state",
		[IKE_EVENT_CHILD_UP] = "child-up",
		[IKE_EVENT_CHILD_REKEYED] = "child-rekeyed",
		[IKE_EVENT_CHILD_DOWN] = "child-down",
		[IKE_EVENT_AUTH_FAILED] = "auth-failed",
		[IKE_EVENT_LINK_FAILED] = "link-failed",
		[IKE_EVENT_ERROR] = "error",
	};

	return (size_t)type < sizeof(name) / sizeof(name[0]) ? name[type] : "?";
}
