// SPDX-License-Identifier: BSD-3-Clause
// Pools of fixed-length slots of one worker: the SA for an assigned address is an array element,
// found by arithmetic on the address, however many are assigned. Slots are reserved address space
// and touched as they are used. POOL_ADD maps and POOL_DEL unmaps that space; nothing else here
// allocates.
#pragma once

#include "fib.h"
#include "ipc_msg.h"

#include <stdint.h>

struct pools;

struct pools *pools_new(void);
void pools_free(struct pools *pools);
// 0, -EINVAL, -EEXIST: the index is in use with another shape, -EADDRINUSE: overlaps another pool, -ENOMEM.
int pools_add(struct pools *pools, const struct ipc_pool_add *cmd);
int pools_del(struct pools *pools, const struct ipc_pool_del *cmd); // 0, -EINVAL, -ENOENT
int pools_set(struct pools *pools, const struct ipc_pool_set *cmd); // 0, -EINVAL, -ENOENT, -ERANGE

// True: the address lies in a pool, *ref is its slot's SA or 0.
bool pools_lookup(const struct pools *pools, uint8_t family, struct fib_key key, sa_ref_t *ref);
