// SPDX-License-Identifier: BSD-3-Clause
// What the CLI shows of IKE SAs and their child SAs. One thread per core.
#include "child_sa.h"
#include "connection.h"
#include "ike_sa.h"
#include "sign_scheme.h"

#include <stddef.h>
#include <string.h>

static void fill_child(const struct child_sa *child, struct ike_child_info *out)
{
	const struct child_pair *current = child_pair_of(child, PAIR_CURRENT);

	*out = (struct ike_child_info){
		.child = child->handle,
		.ref = child->ref,
		.encap = child->encap,
		.local = child->local,
		.remote = child->remote,
		.established_us = child->established_us,
		.rekey_us = child->rekey_us,
		.rekeys = child->rekeys,
		.state = child_state_name(child),
	};
	if (current == NULL)
		return;
	out->spi_in = current->spi_in;
	out->spi_out = current->spi_out;
	out->suite = current->suite;
}

static void fill(const struct ike_sa *sa, struct ike_sa_info *out)
{
	const size_t child_max = sizeof(out->child) / sizeof(out->child[0]);

	memset(out, 0, offsetof(struct ike_sa_info, child)); // children are large, and few
	out->ike_sa = sa->handle;
	out->spi_i = sa->spi_i;
	out->spi_r = sa->spi_r;
	out->initiator = sa->initiator;
	out->state = sa->state;
	out->local = sa->path.local;
	out->remote = sa->path.remote;
	out->local_port = sa->path.local_port;
	out->remote_port = sa->path.remote_port;
	out->nat_local = sa->nat_local;
	out->nat_remote = sa->nat_remote;
	out->local_id = sa->local_id;
	out->remote_id = sa->remote_id;
	out->peer = sa->peer;
	out->connection = sa->connection == NULL ? NULL : sa->connection->config;
	if (sa->suite.encr != NULL)
		ike_suite_format(&sa->suite, out->suite);
	out->authentication = sa->established_us == 0 ? ""
		: sa->auth_scheme == 0		      ? "secret"
						      : sign_scheme_name(sa->auth_scheme);
	out->link = sa->link;
	out->established_us = sa->established_us;
	out->rekey_us = sa->rekey_us;
	out->heard_us = sa->heard_us;
	out->rekeys = sa->rekeys;
	for (const struct child_sa *child = sa->children; child != NULL; child = child->next)
		if (out->child_n < child_max)
			fill_child(child, &out->child[out->child_n++]);
}

void ike_foreach(
	const struct ike *ike, bool (*fn)(void *arg, const struct ike_sa_info *info), void *arg)
{
	struct ike_sa_info info;

	for (const struct ike_sa *sa = ike->all; sa != NULL; sa = sa->next) {
		if (sa->state == IKE_SA_DEAD)
			continue;
		fill(sa, &info);
		if (!fn(arg, &info))
			return;
	}
}

bool ike_find(struct ike *ike, uint64_t handle, struct ike_sa_info *out)
{
	const struct ike_sa *sa = ike_sa_by_handle(ike, handle);

	if (sa == NULL || sa->state == IKE_SA_DEAD)
		return false;
	fill(sa, out);
	return true;
}

struct walk {
	bool (*fn)(void *arg, const struct ike_sa_info *info);
	void *arg;
};

static bool walk_sa(void *arg, struct hash_node *node)
{
	const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, by_handle);
	const struct walk *walk = arg;
	struct ike_sa_info info;

	if (sa->state == IKE_SA_DEAD)
		return true;
	fill(sa, &info);
	return walk->fn(walk->arg, &info);
}

bool ike_walk(const struct ike *ike, uint32_t *cursor, uint32_t max,
	bool (*fn)(void *arg, const struct ike_sa_info *info), void *arg)
{
	struct walk walk = {fn, arg};

	return hash_some(&ike->sa_handles, cursor, max, walk_sa, &walk);
}
