// SPDX-License-Identifier: BSD-3-Clause
// One request while it is being answered, as the handlers in admin_cmds_*.c see it. Control's
// thread only.
//
// A handler sends rows and ends the call with admin_done() or admin_fail(), at once or later from a
// callback. A call that outlives its handler's return stays valid until it is ended, though the
// client may be gone by then: rows then go nowhere.
#pragma once

#include "admin_proto.h"
#include "control_api.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin_call;
typedef void (*admin_handler)(struct admin_call *call);

struct control *admin_control(const struct admin_call *call);
const struct cmd *admin_cmd(const struct admin_call *call);
// The i-th argument, NULL when it was left out. Lent for the life of the call.
const char *admin_arg(const struct admin_call *call, size_t i);

// The client is gone, perhaps control's loop too: a late callback ends the call and does no more.
bool admin_gone(const struct admin_call *call);

// Something of the handler's own that lives as long as the call: zeroed, freed with it. Once a call.
// NULL: no memory.
void *admin_state(struct admin_call *call, size_t size);
void *admin_state_get(const struct admin_call *call); // NULL: none yet

void admin_done(struct admin_call *call);
// `error` is an errno value or its negative; the text is for people.
void admin_fail(struct admin_call *call, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// The call streams: it never ends by itself. `cancel` is called when the client is gone, must undo
// and calls nothing of the call's any more. Then the call is freed.
void admin_stream(struct admin_call *call, void (*cancel)(struct admin_call *call));
// One event, a JSON object as text. A client that does not read is dropped, later and not within.
void admin_event(struct admin_call *call, const char *json, size_t len);

// Work that may be long, in turns of the loop: `step` does a little of it and is called again, when
// others had their turn and the client has read what it was sent, as long as it says true. When it
// says false it has ended the call. Not called any more when the client is gone.
void admin_turns(struct admin_call *call, bool (*step)(struct admin_call *call));
// Called with the state before it is freed.
void admin_state_fini(struct admin_call *call, void (*fini)(void *state));

// Rows. Field names are those of the command's columns, and of the same kind; a field that is not
// set is null.
struct admin_row {
	struct admin_call *call;
	json_t *json;
};
struct admin_row admin_row_begin(struct admin_call *call);
void admin_row_text(struct admin_row *row, const char *name, const char *text); // "" or NULL: unset
void admin_row_printf(struct admin_row *row, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void admin_row_count(struct admin_row *row, const char *name, uint64_t value); // COUNT, BYTES
void admin_row_us(struct admin_row *row, const char *name, uint64_t us); // SECONDS; NEVER: unset
void admin_row_bool(struct admin_row *row, const char *name, bool value);
void admin_row_add_text(struct admin_row *row, const char *name, const char *text); // TEXTS
void admin_row_add_count(struct admin_row *row, const char *name, uint64_t value); // COUNTS
// Sends and ends the row. false: the client is gone or takes no more; stop making rows.
bool admin_row_send(struct admin_row *row);
