// SPDX-License-Identifier: BSD-3-Clause
// One exchange that we initiate is a task: it builds the request and processes the response. What
// is sent again and when is the window's business. The answering half of each concern stands in the
// same task_*.c as a `respond` function.
//
// A task names child SAs and IKE SAs by handle, never by pointer: they may go while it waits.
#pragma once

#include "ike_msg.h"
#include "ike_payload.h"

#include <stdbool.h>
#include <stdint.h>

struct child_sa;
struct ike_sa;
struct task;
struct config_connection;

enum task_result {
	TASK_DONE, // the task goes
	TASK_AGAIN, // the same task once more, not before task->not_before_us
};

struct task_class {
	const char *name;
	enum ike_exchange exchange;
	// Payloads of the request. 0, or -errno: there is nothing to do any more.
	int (*build)(struct ike_sa *sa, struct task *task, struct ike_builder *b);
	// The response, authenticated and parsed.
	enum task_result (*process)(
		struct ike_sa *sa, struct task *task, const struct ike_msg *msg);
	void (*free)(struct ike_sa *sa, struct task *task); // gives back what it holds
};
struct task {
	const struct task_class *class;
	struct task *next;
	uint64_t not_before_us;
	uint32_t refusals; // TEMPORARY_FAILURE in a row
};

void task_add(struct ike_sa *sa, struct task *task); // at the end of the queue; takes
void task_add_first(struct ike_sa *sa, struct task *task);
void task_free(struct ike_sa *sa, struct task *task); // accepts NULL
void task_free_all(struct ike_sa *sa); // waiting ones and those at the window
struct task *task_take_ready(struct ike_sa *sa); // the first that may start now, out of the queue
void task_free_waiting(struct ike_sa *sa);
void task_move_waiting(struct ike_sa *old, struct ike_sa *new); // those about child SAs
uint64_t task_next_us(const struct ike_sa *sa); // when a waiting one may start
bool task_is_queued(struct ike_sa *sa, const struct task_class *class); // waiting or at the window
struct task *task_active(struct ike_sa *sa); // at the window, or NULL
// The peer cannot now: RFC 7296 section 2.25. Waits longer each time; after minutes the IKE SA is
// deleted. What `process` returns then.
enum task_result task_refused(struct ike_sa *sa, struct task *task);

// First error notify of a response, 0: none. Malformed ones count as INVALID_SYNTAX.
uint16_t task_error(const struct ike_msg *msg);
// A notify of this type; false: not there. *out lends from the message.
bool task_notify_find(const struct ike_msg *msg, uint16_t type, struct payload_notify *out);
// The answer is this error alone. After INVALID_SYNTAX the IKE SA ends (section 2.21.3).
void task_answer_error(struct ike_sa *sa, struct ike_builder *b, uint16_t notify);

// --- IKE_SA_INIT: task_init.c. Its messages are in the clear, so these stand outside the classes.
struct ike_datagram;
struct ike;
int task_init_start(struct ike_sa *sa); // initiator: sends the first request
void task_init_process(struct ike_sa *sa, const struct ike_datagram *datagram);
void task_init_respond(struct ike *ike, const struct ike_datagram *datagram);

// --- IKE_AUTH: task_auth.c
struct task *task_auth_new(void);
void task_auth_begin(struct ike_sa *sa); // initiator: adds it, when our signature is there
void task_auth_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b);

// --- CREATE_CHILD_SA: task_child.c, task_rekey_child.c, task_rekey_ike.c
void task_create_child_respond(struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b);
// A child SA that replaces nothing, with these selectors.
struct task *task_child_new(const struct ts_list *local, const struct ts_list *remote);
// The same for one of the connection's further child SAs, see connection_child.h.
struct task *task_child_wish_new(uint64_t wish);
// One of these is at the window, or waits and may start by then.
bool task_child_queued(struct ike_sa *sa, uint64_t wish, uint64_t before_us);
// A request of ours that makes a pair of ESP SAs is under way: the peer may have it already.
bool task_child_pending(struct ike_sa *sa);
// The peer has deleted the pair with this SPI of its before its answer was here. Asked once for each.
bool task_child_gone(struct ike_sa *sa, uint32_t spi_out);
struct task *task_rekey_child_new(uint64_t child);
// N(REKEY_SA) was in the request.
void task_rekey_child_respond(struct ike_sa *sa, const struct ike_msg *msg,
	const struct payload_notify *rekey, struct ike_builder *b);
struct task *task_rekey_ike_new(void);
void task_rekey_ike_respond(struct ike_sa *sa, const struct ike_msg *msg,
	const struct wire_sa *offered, struct ike_builder *b);
// A request came on an IKE SA that the peer made while our own rekey was under way, so the peer takes
// it for the one that counts.
void task_rekey_ike_used(struct ike_sa *sa, const struct ike_msg *msg);
extern const struct task_class task_class_child, task_class_rekey_child, task_class_rekey_ike,
	task_class_delete_ike, task_class_delete_child, task_class_liveness, task_class_reauth,
	task_class_auth, task_class_init;

// --- INFORMATIONAL: task_delete.c, task_liveness.c
void task_informational_respond(
	struct ike_sa *sa, const struct ike_msg *msg, struct ike_builder *b);
struct task *task_delete_ike_new(uint16_t notify);
// The SA pairs with these inbound SPIs.
struct task *task_delete_child_new(const uint32_t *spis, uint32_t n);
// An inbound SPI that the peer knows and that never became a pair here; given back afterwards.
struct task *task_delete_unborn_new(uint32_t spi);
struct task *task_liveness_new(void);

// --- INFORMATIONAL { N(AUTH_LIFETIME) }, and the same notify in IKE_AUTH: task_reauth.c
struct task *task_reauth_new(uint64_t until_us);
void task_reauth_write(struct ike_builder *b, uint32_t seconds);
void task_reauth_read(struct ike_sa *sa, const struct payload_notify *notify);
