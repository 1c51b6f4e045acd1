// SPDX-License-Identifier: BSD-3-Clause
// Fragments of one IKE message: RFC 7383 sections 2.5 and 2.6. Pure functions of their arguments: any
// thread.
#include "ike_frag.h"

#include "clock.h"
#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct frag_part {
	uint8_t *data; // NULL: not there yet
	size_t len;
	bool here; // also one without data
};
struct frag_set {
	uint32_t message_id;
	uint32_t total;
	uint32_t n; // that are here
	size_t bytes;
	size_t longest;
	uint64_t until_us;
	uint8_t first_payload;
	struct frag_part part[]; // `total` of them
};

int frag_head_read(const struct ike_payload_ref *skf, struct frag_head *out)
{
	struct buf_reader r;

	buf_reader_init(&r, skf->data, skf->len);
	out->number = buf_get_be16(&r);
	out->total = buf_get_be16(&r);
	if (r.failed || out->number == 0 || out->number > out->total)
		return -EBADMSG;
	return 0;
}

enum frag_verdict frag_check(
	const struct frag_set *set, uint32_t message_id, const struct frag_head *head)
{
	if (head->total > FRAG_N_MAX)
		return FRAG_TOO_MANY;
	if (set == NULL || set->message_id != message_id || head->total > set->total)
		return FRAG_NEW;
	if (head->total < set->total)
		return FRAG_SUPERSEDED;
	return set->part[head->number - 1].here ? FRAG_DUPLICATE : FRAG_NEW;
}

static struct frag_set *set_new(uint32_t message_id, uint32_t total, uint64_t until_us)
{
	struct frag_set *set = calloc(1, sizeof(*set) + total * sizeof(set->part[0]));

	if (set == NULL)
		return NULL;
	set->message_id = message_id;
	set->total = total;
	set->until_us = until_us;
	return set;
}

int frag_add(struct frag_set **set, uint32_t message_id, const struct frag_head *head,
	const struct ike_payload_ref *skf, const void *chunk, size_t len, size_t bytes_max,
	uint64_t until_us)
{
	struct frag_part *part;

	if (*set != NULL && ((*set)->message_id != message_id || (*set)->total != head->total)) {
		frag_free(*set);
		*set = NULL;
	}
	if (*set == NULL)
		*set = set_new(message_id, head->total, until_us);
	if (*set == NULL || len > bytes_max || (*set)->bytes > bytes_max - len)
		goto too_large;
	part = &(*set)->part[head->number - 1];
	part->data = malloc(len + 1);
	if (part->data == NULL)
		goto too_large;
	memcpy(part->data, chunk, len);
	part->len = len;
	part->here = true;
	(*set)->n++;
	(*set)->bytes += len;
	if (len > (*set)->longest)
		(*set)->longest = len;
	if (head->number == 1) // the others say 0
		(*set)->first_payload = skf->next;
	return 0;

too_large:
	frag_free(*set);
	*set = NULL;
	return -ENOSPC;
}

bool frag_whole(const struct frag_set *set)
{
	return set != NULL && set->n == set->total;
}

size_t frag_join(const struct frag_set *set, void *out, uint8_t *first_payload)
{
	uint8_t *at = out;

	for (uint32_t i = 0; i < set->total; i++) {
		memcpy(at, set->part[i].data, set->part[i].len);
		at += set->part[i].len;
	}
	*first_payload = set->first_payload;
	return set->bytes;
}

size_t frag_bytes(const struct frag_set *set)
{
	return set == NULL ? 0 : set->bytes;
}

size_t frag_longest(const struct frag_set *set)
{
	return set->longest;
}

uint64_t frag_until_us(const struct frag_set *set)
{
	return set == NULL ? CLOCK_NEVER : set->until_us;
}

void frag_free(struct frag_set *set)
{
	if (set == NULL)
		return;
	for (uint32_t i = 0; i < set->total; i++) {
		if (set->part[i].data != NULL)
			secret_wipe(set->part[i].data, set->part[i].len);
		free(set->part[i].data);
	}
	free(set);
}

static size_t needed(size_t len, size_t chunk_max)
{
	return (len + chunk_max - 1) / chunk_max;
}

uint32_t frag_count(size_t len, size_t chunk_max, uint32_t n_min)
{
	size_t n;

	if (chunk_max == 0)
		return 0;
	n = needed(len, chunk_max) < n_min ? n_min : needed(len, chunk_max);
	return n == 0 || n > FRAG_N_MAX || n > len ? 0 : (uint32_t)n;
}

size_t frag_start(size_t len, size_t chunk_max, uint32_t n, uint32_t i)
{
	size_t longer = len % n;

	if (i == n)
		return len;
	if (n == needed(len, chunk_max))
		return i * chunk_max;
	return i * (len / n) + (i < longer ? i : longer);
}
