// SPDX-License-Identifier: BSD-3-Clause
// Names and texts of the drop reasons, made from the one list in drop.h. Constant data: any thread.
#include "drop.h"

static const struct {
	const char *name;
	const char *text;
} reasons[DROP_COUNT] = {
#define X(id, reason_name, reason_text) [DROP_##id] = {reason_name, reason_text},
	DROP_REASONS(X)
#undef X
};

const char *drop_name(uint32_t reason)
{
	return reason < DROP_COUNT ? reasons[reason].name : "?";
}

const char *drop_text(uint32_t reason)
{
	return reason < DROP_COUNT ? reasons[reason].text : "?";
}
