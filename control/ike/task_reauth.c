// SPDX-License-Identifier: BSD-3-Clause
// The responder's INFORMATIONAL that asks the peer to authenticate again: RFC 4478. Peers that do not
// know it answer all the same, and get the delete later. One thread per core.
#include "ike_payload.h"
#include "ike_sa.h"

struct task_reauth {
	struct task base;
	uint64_t until_us;
};

// --> INFORMATIONAL { N(AUTH_LIFETIME) }
static int reauth_build(struct ike_sa *sa, struct task *task, struct ike_builder *b)
{
	const struct task_reauth *t = (const struct task_reauth *)task;
	uint64_t now_us = sa->ike->now_us;

	task_reauth_write(
		b, t->until_us > now_us ? (uint32_t)((t->until_us - now_us) / US_PER_S) : 0);
	return 0;
}

// <-- INFORMATIONAL { }: what the peer does about it is another IKE SA's matter.
static enum task_result reauth_process(struct ike_sa *, struct task *, const struct ike_msg *)
{
	return TASK_DONE;
}

const struct task_class task_class_reauth = {
	.name = "AUTH_LIFETIME",
	.exchange = INFORMATIONAL,
	.build = reauth_build,
	.process = reauth_process,
};

struct task *task_reauth_new(uint64_t until_us)
{
	struct task_reauth *task = core_need(sizeof(*task));

	task->base.class = &task_class_reauth;
	task->until_us = until_us;
	return &task->base;
}

void task_reauth_write(struct ike_builder *b, uint32_t seconds)
{
	uint8_t data[4] = {(uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16),
		(uint8_t)(seconds >> 8), (uint8_t)seconds};

	payload_notify_write(b, PROTOCOL_NONE, NULL, NOTIFY_AUTH_LIFETIME, data, sizeof(data));
}

void task_reauth_read(struct ike_sa *sa, const struct payload_notify *notify)
{
	const uint8_t *data = notify->data;

	reauth_told(sa,
		(uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
			data[3]);
}
