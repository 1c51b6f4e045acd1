// SPDX-License-Identifier: BSD-3-Clause
// IKE fragmentation of one IKE SA: RFC 7383. One thread per core.
//
// Sizes are of IP datagrams. A request that stays without answer is cut again for the next smaller one
// of `sizes`; a Packet Too Big says which size fits. Nothing is kept of a fragment before its integrity
// check, and what is kept is bounded: for each message, and for all together.
#include "exchange_frag.h"

#include "effect.h"
#include "exchange.h"
#include "ike_payload.h"
#include "ike_sa.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

LOG_TYPE("ike");

// Tried in this order when nothing is heard: RFC 7383 section 2.5.1. Nothing smaller is sent.
static const uint32_t sizes[] = {1280, 576};
#define SIZE_MIN 576
#define UDP_BYTES 8
#define IPV6_MTU_MIN 1280
#define MARKER_BYTES 4 // of port 4500
// What is put together is given up so long after its first fragment; a peer of ours has given up as well.
#define REASSEMBLY_US (30 * US_PER_S)
// Of one message from somebody who is not authenticated; certificates fit many times.
#define STRANGER_BYTES 32768
// Of all messages of all IKE SAs.
#define TOTAL_BYTES (64u << 20)

// What is not the IKE message in its datagram.
static uint32_t around(const struct ike_sa *sa)
{
	return (sa->path.remote.family == AF_INET ? 20u : 40u) + UDP_BYTES +
		(sa->path.natt ? MARKER_BYTES : 0);
}

static uint32_t size_now(const struct ike_sa *sa)
{
	uint32_t configured = sa->ike->config->fragment_size;

	return sa->fragmentation.size != 0 && sa->fragmentation.size < configured
		? sa->fragmentation.size
		: configured;
}

void fragmentation_write(const struct ike_sa *sa, struct ike_builder *b)
{
	if (sa->initiator ? sa->ike->config->fragmentation : sa->fragmentation.supported)
		payload_notify_write(
			b, PROTOCOL_NONE, NULL, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
}

void fragmentation_read(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct payload_notify notify;

	sa->fragmentation.supported = sa->ike->config->fragmentation &&
		task_notify_find(msg, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, &notify);
}

void fragmentation_inherit(struct ike_sa *fresh, const struct ike_sa *old)
{
	fresh->fragmentation.supported = old->fragmentation.supported;
	fresh->fragmentation.size = old->fragmentation.size;
}

static void forget(struct ike_sa *sa, int which)
{
	struct frag_set **set = &sa->fragmentation.in[which];

	sa->ike->fragment_bytes -= frag_bytes(*set);
	frag_free(*set);
	*set = NULL;
}

void fragmentation_free(struct ike_sa *sa)
{
	forget(sa, 0);
	forget(sa, 1);
}

void fragmentation_timeout(struct ike_sa *sa)
{
	for (int i = 0; i < 2; i++) {
		if (frag_until_us(sa->fragmentation.in[i]) > sa->ike->now_us)
			continue;
		sa->ike->counters.fragments_timeout++;
		forget(sa, i);
	}
}

uint64_t fragmentation_next_us(const struct ike_sa *sa)
{
	uint64_t a = frag_until_us(sa->fragmentation.in[0]);
	uint64_t b = frag_until_us(sa->fragmentation.in[1]);

	return a < b ? a : b;
}

// Out

static int seal_whole(struct ike_sa *sa, const struct ike_header *header, uint8_t first, size_t len)
{
	struct ike *ike = sa->ike;
	uint8_t iv[16];

	core_random(ike, iv, sizeof(iv));
	// The counter goes up whatever becomes of the message: no IV is used twice under this key.
	return sk_seal(&sa->keys, sa->initiator, header, first, ike->chain, len, sa->iv_counter++,
		iv, ike->out, sizeof(ike->out));
}

static int seal_fragments(struct ike_sa *sa, const struct ike_header *header, uint8_t first,
	size_t len, size_t chunk_max, uint32_t n)
{
	struct ike *ike = sa->ike;
	size_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct frag_head head = {.number = (uint16_t)(i + 1), .total = (uint16_t)n};
		size_t start = frag_start(len, chunk_max, n, i);
		size_t end = frag_start(len, chunk_max, n, i + 1);
		uint8_t iv[16];
		int ret;

		core_random(ike, iv, sizeof(iv));
		ret = sk_seal_fragment(&sa->keys, sa->initiator, header, &head, first,
			ike->chain + start, end - start, sa->iv_counter++, iv, ike->out + total,
			sizeof(ike->out) - total);
		if (ret < 0)
			return ret;
		total += (size_t)ret;
	}
	ike->counters.fragments_out += n;
	return (int)total;
}

// At least n_min fragments; with n_min 1 also none at all.
static int seal_chain(struct ike_sa *sa, const struct ike_header *header, uint8_t first, size_t len,
	uint32_t n_min, uint32_t *n)
{
	size_t size = size_now(sa), fixed = around(sa) + sk_overhead(&sa->keys);
	size_t chunk_max = size > fixed + FRAG_HEAD_BYTES ? size - fixed - FRAG_HEAD_BYTES : 0;
	uint32_t count = 0;

	if (sa->fragmentation.supported && (n_min > 1 || len + fixed > size))
		count = frag_count(len, chunk_max, n_min);
	*n = count > 1 ? count : 1;
	return count > 1 ? seal_fragments(sa, header, first, len, chunk_max, count)
			 : seal_whole(sa, header, first, len);
}

int fragmentation_seal(struct ike_sa *sa, const struct ike_header *header, uint8_t first_payload,
	size_t len, uint32_t *n)
{
	return seal_chain(sa, header, first_payload, len, 1, n);
}

// What we sealed before, opened again into ike->chain. Its length, or -errno.
static int reopen(struct ike_sa *sa, const uint8_t *bytes, size_t len, struct ike_header *header,
	uint8_t *first_payload, uint32_t *n, uint32_t *longest)
{
	struct ike *ike = sa->ike;
	size_t total = 0;

	*longest = 0;
	*n = 0;
	for (size_t at = 0; at < len; at += header->length) {
		uint8_t *inner, first;
		struct ike_msg msg;
		size_t inner_len;
		int ret;

		ret = ike_header_read(bytes + at, IKE_HEADER_BYTES, header);
		if (ret != 0 && ret != -EMSGSIZE)
			return ret;
		memcpy(ike->in, bytes + at, header->length);
		ret = ike_msg_parse(ike->in, header->length, &msg);
		if (ret == 0)
			ret = sk_open(&sa->keys, sa->initiator, ike->in, header->length, &msg,
				&inner, &inner_len, &first);
		if (ret != 0)
			return ret;
		if (*n == 0)
			*first_payload = first;
		memcpy(ike->chain + total, inner, inner_len);
		total += inner_len;
		++*n;
		if (header->length > *longest)
			*longest = header->length;
	}
	return (int)total;
}

// Smaller fragments of the same message, in ike->out. Their length; 0: it fits as it is.
static int refit(struct ike_sa *sa, const uint8_t *bytes, size_t len)
{
	struct ike_header header;
	uint32_t n, longest;
	uint8_t first = PAYLOAD_NONE;
	int ret;

	if (!sa->keyed || !sa->fragmentation.supported || len + around(sa) <= size_now(sa))
		return 0;
	ret = reopen(sa, bytes, len, &header, &first, &n, &longest);
	if (ret < 0 || longest + around(sa) <= size_now(sa))
		return 0;
	// More than before, so that the receiver can tell the sets apart: section 2.5.2.
	ret = seal_chain(sa, &header, first, (size_t)ret, n + 1, &n);
	return ret < 0 ? 0 : ret;
}

static bool refit_request(struct ike_sa *sa, struct window_out *place)
{
	int len = refit(sa, place->bytes, place->len);

	if (len == 0)
		return false;
	window_replace(place, sa->ike->out, (size_t)len, sa->ike->now_us + window_interval_us(1));
	exchange_send(sa, NULL, place->bytes, place->len);
	return true;
}

bool fragmentation_shrink(struct ike_sa *sa, struct window_out *place)
{
	uint32_t before = sa->fragmentation.size;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] >= size_now(sa))
			continue;
		sa->fragmentation.size = sizes[i];
		if (refit_request(sa, place)) {
			SA_LOG(sa, INFO,
				"request %u is not answered, sent again in fragments for %u bytes",
				place->id, sizes[i]);
			return true;
		}
		sa->fragmentation.size = before; // it was not the size
	}
	return false;
}

static bool refit_answer(struct ike_sa *sa, struct window_in *place)
{
	int len = refit(sa, place->bytes, place->len);

	if (len == 0)
		return false;
	window_answer_replace(place, sa->ike->out, (size_t)len);
	exchange_send(sa, NULL, place->bytes, place->len);
	return true;
}

// What waits for its answer, and the answers that are kept, are cut smaller and sent at once. false:
// nothing of ours is so large.
static bool too_big(struct ike_sa *sa, uint32_t mtu)
{
	uint32_t before = sa->fragmentation.size;
	bool cut = false;

	// Smaller than every IPv6 link is nonsense (RFC 8200 section 5), and so is what we never sent.
	if (mtu < IPV6_MTU_MIN)
		mtu = IPV6_MTU_MIN;
	if (mtu >= size_now(sa) || !sa->fragmentation.supported)
		return false;
	sa->fragmentation.size = mtu;
	for (int i = 0; i < WINDOW_SIZE; i++) {
		if (sa->window.out[i].used)
			cut |= refit_request(sa, &sa->window.out[i]);
		if (sa->window.in[i].used)
			cut |= refit_answer(sa, &sa->window.in[i]);
	}
	if (!cut)
		sa->fragmentation.size = before;
	return cut;
}

// By SPIs and addresses: a stranger off the path knows no SPIs.
static struct ike_sa *concerned(struct ike *ike, const struct ipc_too_big *said)
{
	struct ike_sa *sa = ike_sa_by_spi(ike, said->spi_i);

	if (sa == NULL || !sa->initiator)
		sa = ike_sa_by_spi(ike, said->spi_r);
	if (sa == NULL || sa->spi_i != said->spi_i || sa->spi_r != said->spi_r || !sa->keyed ||
		!inet_addr_equal(&sa->path.local, &said->local) ||
		!inet_addr_equal(&sa->path.remote, &said->remote))
		return NULL;
	return sa;
}

void ike_on_too_big(struct ike *ike, const struct ipc_too_big *said, uint64_t now_us)
{
	struct ike_sa *sa = concerned(ike, said);

	core_enter(ike, now_us);
	if (sa == NULL || !too_big(sa, said->mtu)) {
		ike->counters.too_big_ignored++;
	} else {
		ike->counters.too_big_in++;
		SA_LOG_PEER(sa, INFO,
			"a router has room for %u bytes only, sent in fragments for that",
			sa->fragmentation.size);
		ike_sa_touch(sa);
	}
	core_leave(ike);
}

// In

bool fragment_expected(struct ike_sa *sa, const struct ike_msg *msg, bool repeated)
{
	struct ike_counters *counters = &sa->ike->counters;
	bool response = msg->header.flags & IKE_FLAG_RESPONSE;
	struct frag_head head;

	counters->fragments_in++;
	if (!sa->fragmentation.supported) {
		counters->fragments_unsupported++;
		return false;
	}
	if (frag_head_read(&msg->payload[msg->n - 1], &head)) {
		counters->fragments_malformed++;
		return false;
	}
	if (repeated) {
		counters->fragments_repeated += head.number != 1;
		return head.number == 1;
	}
	switch (frag_check(sa->fragmentation.in[response], msg->header.message_id, &head)) {
	case FRAG_NEW:
		return true;
	case FRAG_DUPLICATE:
		counters->fragments_duplicate++;
		break;
	case FRAG_SUPERSEDED:
		counters->fragments_superseded++;
		break;
	case FRAG_TOO_MANY:
		counters->fragments_too_large++;
		break;
	}
	return false;
}

static size_t bytes_max(const struct ike_sa *sa, const struct frag_set *set)
{
	size_t most = ike_sa_is_stranger(sa) ? STRANGER_BYTES : IKE_MESSAGE_MAX;
	size_t left = TOTAL_BYTES - sa->ike->fragment_bytes + frag_bytes(set);

	return left < most ? left : most;
}

// What the peer found to fit is a good size for the answer as well: section 2.5.1.
static void learn_size(struct ike_sa *sa, size_t chunk)
{
	size_t size = chunk + FRAG_HEAD_BYTES + sk_overhead(&sa->keys) + around(sa);

	if (size < SIZE_MIN)
		size = SIZE_MIN;
	if (size < size_now(sa))
		sa->fragmentation.size = (uint32_t)size;
}

bool fragment_take(
	struct ike_sa *sa, const struct ike_msg *msg, uint8_t **inner, size_t *len, uint8_t *first)
{
	bool response = msg->header.flags & IKE_FLAG_RESPONSE;
	struct frag_set **set = &sa->fragmentation.in[response];
	const struct ike_payload_ref *skf = &msg->payload[msg->n - 1];
	size_t before = frag_bytes(*set);
	struct frag_head head;
	int ret;

	frag_head_read(skf, &head); // fragment_expected() has looked at it
	ret = frag_add(set, msg->header.message_id, &head, skf, *inner, *len, bytes_max(sa, *set),
		sa->ike->now_us + REASSEMBLY_US);
	sa->ike->fragment_bytes += frag_bytes(*set) - before;
	if (ret != 0) {
		sa->ike->counters.fragments_too_large++;
		SA_LOG_LIMITED(sa, INFO, "a message of %u fragments is too large", head.total);
		return false;
	}
	if (!frag_whole(*set))
		return false;
	if (!response)
		learn_size(sa, frag_longest(*set));
	*len = frag_join(*set, sa->ike->in, first);
	*inner = sa->ike->in;
	forget(sa, response);
	return true;
}
