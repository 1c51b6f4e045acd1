// SPDX-License-Identifier: BSD-3-Clause
// The inside of what control_api.h calls control_reload(). Control's thread.
#pragma once

#include "control.h"

// The link's IKE SAs are told to authenticate again within so many seconds. 0, also when it has none;
// -ENOENT, -EINPROGRESS: each is doing so already. control_pump() is the caller's.
int reload_reauth(struct control *control, uint64_t link, uint32_t seconds);
