// SPDX-License-Identifier: BSD-3-Clause
// See identity.h. One node of the table for each pair of identities, with a list of its IKE SAs: to
// take one out costs the same however many there are. RFC 7296 section 2.4. One thread per core.
#include "identity.h"

#include "child_sa.h"
#include "ike_sa.h"

#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const struct ike_sa *sa)
{
	uint8_t text[2 * (2 + 255)];
	size_t n = 0;
	const struct config_id *id[2] = {&sa->remote_id, &sa->local_id};

	for (int i = 0; i < 2; i++) {
		text[n++] = (uint8_t)id[i]->type;
		text[n++] = id[i]->len;
		memcpy(text + n, id[i]->data, id[i]->len);
		n += id[i]->len;
	}
	return hash_bytes(sa->ike->secret, text, n);
}

static bool id_equal(const struct config_id *a, const struct config_id *b)
{
	return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static struct identity *find(const struct ike_sa *sa)
{
	struct hash_node *node = hash_find(&sa->ike->identities, key_of(sa));

	for (; node != NULL; node = hash_find_next(node)) {
		struct identity *identity = CONTAINER_OF(node, struct identity, node);

		if (id_equal(&identity->first->remote_id, &sa->remote_id) &&
			id_equal(&identity->first->local_id, &sa->local_id))
			return identity;
	}
	return NULL;
}

void identity_join(struct ike_sa *sa)
{
	struct identity *identity = sa->identity;

	if (identity != NULL)
		return;
	identity = find(sa);
	if (identity == NULL) {
		identity = core_need(sizeof(*identity));
		hash_add(&sa->ike->identities, &identity->node, key_of(sa));
	}
	sa->identity = identity;
	sa->older = identity->first;
	if (sa->older != NULL)
		sa->older->newer = sa;
	else
		identity->last = sa;
	identity->first = sa;
	identity->all_n++;
}

void identity_known(struct ike_sa *sa)
{
	identity_join(sa);
	sa->identity->live_n += !sa->known;
	sa->known = true;
}

void identity_forget(struct ike_sa *sa)
{
	if (sa->known)
		sa->identity->live_n--;
	sa->known = false;
}

void identity_leave(struct ike_sa *sa)
{
	struct identity *identity = sa->identity;

	if (identity == NULL)
		return;
	identity_forget(sa);
	*(sa->newer != NULL ? &sa->newer->older : &identity->first) = sa->older;
	*(sa->older != NULL ? &sa->older->newer : &identity->last) = sa->newer;
	sa->identity = NULL;
	sa->newer = sa->older = NULL;
	if (--identity->all_n > 0)
		return;
	hash_del(&sa->ike->identities, &identity->node);
	free(identity);
}

// Every one that is up can have a predecessor.
static uint32_t kept_max(const struct ike_sa *sa)
{
	return 2 * sa->ike->config->limits.ike_sas_max;
}

bool identity_admits(struct ike_sa *sa)
{
	struct identity *identity = find(sa);

	if (identity == NULL)
		return true;
	if (identity->all_n >= kept_max(sa))
		return false;
	if (identity->live_n < sa->ike->config->limits.ike_sas_max)
		return true;
	for (struct ike_sa *idle = identity->last; idle != NULL; idle = idle->newer) {
		if (!idle->known || idle->link != 0 || idle->child_n > 0)
			continue;
		ike_sa_delete(
			idle, 0, "too many IKE SAs of this identity, and this one has no use");
		return true;
	}
	return false;
}

bool identity_admits_rekey(const struct ike_sa *sa)
{
	return sa->identity == NULL || sa->identity->all_n < kept_max(sa);
}

void identity_initial_contact(struct ike_sa *sa)
{
	struct identity *identity = find(sa);
	struct ike_sa *other = identity == NULL ? NULL : identity->first, *rival;

	// Nobody is freed meanwhile: who ends stays for repeated requests.
	for (; other != NULL; other = other->older) {
		if (other == sa || !other->known)
			continue;
		rival = ike_sa_by_handle(sa->ike, other->rival);
		if (rival != NULL) // the peer may have deleted it long ago
			ike_sa_end(rival, "initial contact on a newer IKE SA");
		other->left_by = sa->handle;
		ike_sa_end(other, "initial contact on a newer IKE SA");
	}
}
