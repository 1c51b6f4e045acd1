// SPDX-License-Identifier: BSD-3-Clause
// What one worker's ESP tells of its SAs: answers to queries, lists, and the last word about an SA that
// is taken out. The worker's thread.
#include "esp_impl.h"

#include <errno.h>

static uint64_t idle_us(const struct esp *esp, uint64_t last_tsc, uint64_t now_tsc)
{
	uint64_t ticks = now_tsc > last_tsc ? now_tsc - last_tsc : 0;

	if (!last_tsc)
		return UINT64_MAX;
	return ticks / esp->tsc_hz * 1000000 + ticks % esp->tsc_hz * 1000000 / esp->tsc_hz;
}

static void info_fill(struct ipc_sa_info *info, const struct sa_cold *cold)
{
	*info = (struct ipc_sa_info){
		.spi = cold->spi,
		.flags = cold->flags,
		.link = cold->link,
		.cookie = cold->cookie,
		.child = cold->child,
		.suite = cold->suite,
		.local = cold->local,
		.remote = cold->remote,
		.local_port = cold->local_port,
		.remote_port = cold->remote_port,
		.replay_window = cold->replay_window,
		.drops = cold->drops,
	};
}

void esp_in_info(const struct esp *esp, uint32_t slot, struct ipc_sa_info *info, uint64_t now_tsc)
{
	const struct sa_in *sa = &esp->in[slot];
	const struct sa_cold *cold = &esp->in_cold[slot].base;

	info_fill(info, cold);
	info->direction = IPC_DIR_IN;
	info->seq = sa->top;
	info->pkts = cold->pkts_limit - (uint64_t)sa->pkts_left;
	info->bytes = sa_bytes(cold, sa->bytes_left);
	info->idle_us = idle_us(esp, sa->last_tsc, now_tsc);
}

void esp_out_info(const struct esp *esp, uint32_t slot, struct ipc_sa_info *info, uint64_t now_tsc)
{
	const struct sa_out *sa = &esp->out[slot];
	const struct sa_out_cold *cold = &esp->out_cold[slot];

	info_fill(info, &cold->base);
	info->direction = IPC_DIR_OUT;
	info->ref = spi_make(esp->worker, 0, slot);
	info->seq = sa->seq;
	info->pkts = cold->pkts_before + sa->seq;
	info->bytes = cold->bytes_before + sa_bytes(&cold->base, sa->bytes_left);
	info->idle_us = idle_us(esp, sa->last_tsc, now_tsc);
}

int esp_query(const struct esp *esp, enum ipc_direction dir, uint32_t spi_or_ref,
	struct ipc_sa_info *out, uint64_t now_tsc)
{
	switch (dir) {
	case IPC_DIR_IN:
		if (!esp_in_lookup(esp, spi_or_ref))
			return -ENOENT;
		esp_in_info(esp, spi_slot(spi_or_ref), out, now_tsc);
		return 0;
	case IPC_DIR_OUT:
		if (!esp_out_lookup(esp, spi_or_ref))
			return -ENOENT;
		esp_out_info(esp, spi_slot(spi_or_ref), out, now_tsc);
		return 0;
	default:
		return -EINVAL;
	}
}

int esp_next(const struct esp *esp, enum ipc_direction dir, uint32_t *slot, struct ipc_sa_info *out,
	uint64_t now_tsc)
{
	int64_t found;

	if (dir != IPC_DIR_IN && dir != IPC_DIR_OUT)
		return -EINVAL;
	found = sad_set_next(dir == IPC_DIR_IN ? &esp->in_set : &esp->out_set, *slot);
	if (found < 0)
		return -ENOENT;
	*slot = (uint32_t)found;
	if (dir == IPC_DIR_IN)
		esp_in_info(esp, *slot, out, now_tsc);
	else
		esp_out_info(esp, *slot, out, now_tsc);
	return 0;
}

void esp_count(const struct esp *esp, uint64_t *in, uint64_t *out)
{
	*in = esp->in_set.n;
	*out = esp->out_set.n;
}
