// SPDX-License-Identifier: BSD-3-Clause
// What the IKE core asks for while it works: randomness, slots, links. Control's thread.
#include "control.h"
#include "log.h"
#include "signer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

LOG_TYPE("control");

void control_random(void *arg, void *out, size_t len)
{
	uint8_t *at = out;

	(void)arg;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno != EINTR) {
			LOG(ERR, "no randomness: %d", errno);
			abort(); // keys without it would be worse
		}
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}

static int op_spi_alloc(void *arg, uint32_t worker, uint32_t *spi)
{
	struct control *control = arg;

	return control->slots != NULL ? slots_take_spi(control->slots, worker, spi) : -ENOTCONN;
}

static void op_spi_free(void *arg, uint32_t spi)
{
	struct control *control = arg;

	if (control->slots != NULL)
		slots_give_spi(control->slots, spi);
}

static int op_ref_alloc(void *arg, uint32_t worker, sa_ref_t *ref)
{
	struct control *control = arg;

	return control->slots != NULL ? slots_take_ref(control->slots, worker, ref) : -ENOTCONN;
}

static void op_ref_free(void *arg, sa_ref_t ref)
{
	install_ref_free(arg, ref);
}

static enum ike_link_outcome op_link_attach(void *arg, const struct ike_link_request *request,
	struct ike_link_reply *reply, uint64_t now_us)
{
	struct control *control = arg;

	return link_attach(control->links, request, reply, now_us);
}

static void op_link_detach(
	void *arg, uint64_t link, uint64_t ike_sa, uint64_t left_by, uint64_t now_us)
{
	struct control *control = arg;

	link_detach(control->links, link, ike_sa, left_by, now_us);
}

static void op_link_moved(void *arg, uint64_t link, uint64_t old_ike_sa, uint64_t new_ike_sa)
{
	struct control *control = arg;

	link_moved(control->links, link, old_ike_sa, new_ike_sa);
}

static bool op_link_id_matches(void *arg, uint64_t link, const uint8_t *link_id, size_t len)
{
	const struct control *control = arg;

	return link_id_matches(control->links, link, link_id, len);
}

static bool op_link_policy(void *arg, uint64_t link, struct ts_list *remote, struct ts_list *local)
{
	const struct control *control = arg;

	return link_policy(control->links, link, remote, local);
}

static enum ike_link_outcome op_link_extend(void *arg, uint64_t link, const struct cp_attrs *asked,
	struct ike_link_reply *reply, uint64_t now_us)
{
	struct control *control = arg;

	return link_extend(control->links, link, asked, reply, now_us);
}

static int op_sign(void *arg, uint64_t ike_sa, const char *private_key, uint32_t scheme,
	const void *data, size_t len)
{
	struct control *control = arg;

	return control->signer != NULL
		? signer_sign(control->signer, ike_sa, private_key, scheme, data, len)
		: -ENOTCONN;
}

static uint64_t op_wall_s(void *arg)
{
	(void)arg;
	return (uint64_t)time(NULL);
}

const struct ike_ops control_ike_ops = {
	.random = control_random,
	.spi_alloc = op_spi_alloc,
	.spi_free = op_spi_free,
	.ref_alloc = op_ref_alloc,
	.ref_free = op_ref_free,
	.link_attach = op_link_attach,
	.link_detach = op_link_detach,
	.link_moved = op_link_moved,
	.link_policy = op_link_policy,
	.link_extend = op_link_extend,
	.link_id_matches = op_link_id_matches,
	.sign = op_sign,
	.wall_s = op_wall_s,
};
