// SPDX-License-Identifier: BSD-3-Clause
// Is the peer alive? An empty INFORMATIONAL, sent when there is doubt and never otherwise: RFC 7296
// section 2.4, requirement L3. One thread per core.
#include "ike_sa.h"

LOG_TYPE("ike");

// --> INFORMATIONAL { }
static int liveness_build(struct ike_sa *sa, struct task *, struct ike_builder *)
{
	SA_LOG(sa, DEBUG, "nothing heard for %lu s, asking",
		(sa->ike->now_us - sa->heard_us) / US_PER_S);
	return 0;
}

// <-- INFORMATIONAL { }: that it came is all.
static enum task_result liveness_process(struct ike_sa *, struct task *, const struct ike_msg *)
{
	return TASK_DONE;
}

const struct task_class task_class_liveness = {
	.name = "liveness",
	.exchange = INFORMATIONAL,
	.build = liveness_build,
	.process = liveness_process,
};

struct task *task_liveness_new(void)
{
	struct task *task = core_need(sizeof(*task));

	task->class = &task_class_liveness;
	return task;
}
