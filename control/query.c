// SPDX-License-Identifier: BSD-3-Clause
// Reading SAs and their counters from the workers: whole listings, page by page so that rings and
// loop stay free, and single questions about children whose peers have been silent. Control's
// thread.
#include "clock.h"
#include "control.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>

#define PAGE 128 // SAs a question, less than an event ring holds
#define WAITERS_MAX 64
// Liveness: a page in each turn, more only if there are so many SAs that one round would take longer than
// half the liveness time.
#define DOUBT_PAGE 64
#define DOUBT_TURN_MS 20

struct waiter {
	void (*each)(struct control *control, const struct ipc_sa_info *info);
	void (*done)(void *arg, int error);
	void *arg;
};

// One listing at a time; who asks meanwhile waits for the next one. And one round through the outbound SAs
// that have sent something.
struct refresh {
	bool running;
	uint32_t thread; // being asked
	struct ipc_sa_list list; // the question; `slot` moves on with the answers
	uint32_t asked_slot;
	uint32_t now_n, next_n;
	struct waiter now[WAITERS_MAX], next[WAITERS_MAX];
	struct event *doubt_turn;
	uint32_t doubt_thread; // being asked
	struct ipc_sa_list doubt_list; // the question
	uint32_t doubt_slot; // as it was asked
	uint32_t doubt_pages, doubt_left; // in each turn, and in this one
	bool doubting;
	uint64_t heard_before_us; // of whom was heard since, there is no doubt
};

int query_init(struct control *control)
{
	control->refresh = calloc(1, sizeof(*control->refresh));
	return control->refresh != NULL ? 0 : -ENOMEM;
}

void query_fini(struct control *control)
{
	if (control->refresh != NULL && control->refresh->doubt_turn != NULL)
		event_free(control->refresh->doubt_turn);
	free(control->refresh);
	control->refresh = NULL;
}

static void start(struct control *control);

static void finish(struct control *control, int error)
{
	struct refresh *r = control->refresh;
	uint32_t n = r->now_n;
	struct waiter waiters[WAITERS_MAX];

	for (uint32_t i = 0; i < n; i++)
		waiters[i] = r->now[i];
	r->running = false;
	r->now_n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (waiters[i].done != NULL)
			waiters[i].done(waiters[i].arg, error);
	if (!r->running && r->next_n > 0)
		start(control);
}

static void ask_page(struct control *control);

static void take_info(struct control *control, const struct ipc_sa_info *info)
{
	struct refresh *r = control->refresh;
	struct sa *sa = NULL;
	uint32_t id = info->direction == IPC_DIR_IN ? info->spi : info->ref;

	if (info->direction != r->list.direction || spi_worker(id) + 1 != r->thread)
		return;
	if (spi_slot(id) >= r->list.slot)
		r->list.slot = spi_slot(id) + 1;
	sa = sa_find(control->sas, (enum ipc_direction)info->direction, id);
	if (sa != NULL && sa->info.spi == info->spi)
		sa_table_update(sa, info);
	for (uint32_t i = 0; i < r->now_n; i++)
		if (r->now[i].each != NULL)
			r->now[i].each(control, info);
}

static void on_page(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct control *control = arg;
	struct refresh *r = control->refresh;

	if (!r->running)
		return;
	if (hdr == NULL) {
		finish(control, -ENOTCONN);
		return;
	}
	if (!last) {
		take_info(control, payload);
		return;
	}
	// This table is through; or the worker says that there is more and tells nothing.
	if (hdr->status != EAGAIN || r->list.slot == r->asked_slot) {
		if (r->list.direction == IPC_DIR_OUT)
			r->thread++;
		r->list.direction = r->list.direction == IPC_DIR_IN ? IPC_DIR_OUT : IPC_DIR_IN;
		r->list.slot = 0;
	}
	if (r->thread >= dp_client_threads(control->dp))
		finish(control, 0);
	else
		ask_page(control);
}

static void ask_page(struct control *control)
{
	struct refresh *r = control->refresh;

	r->asked_slot = r->list.slot;
	if (dp_client_command(control->dp, r->thread, IPC_SA_LIST, &r->list, sizeof(r->list),
		    on_page, control) != 0)
		finish(control, -ENOTCONN);
}

static void start(struct control *control)
{
	struct refresh *r = control->refresh;

	for (uint32_t i = 0; i < r->next_n; i++)
		r->now[i] = r->next[i];
	r->now_n = r->next_n;
	r->next_n = 0;
	r->running = true;
	r->thread = 1;
	r->list = (struct ipc_sa_list){.direction = IPC_DIR_IN, .max = PAGE};
	ask_page(control);
}

void query_sas(struct control *control,
	void (*each)(struct control *control, const struct ipc_sa_info *info),
	void (*done)(void *arg, int error), void *arg)
{
	struct refresh *r = control->refresh;
	int error = !dp_client_connected(control->dp) ? -ENOTCONN
		: r->next_n == WAITERS_MAX	      ? -EBUSY
						      : 0;

	if (error != 0) {
		if (done != NULL)
			done(arg, error);
		return;
	}
	r->next[r->next_n++] = (struct waiter){each, done, arg};
	if (!r->running)
		start(control);
}

void query_lost(struct control *control)
{
	// The outstanding page was answered with its loss already; what waited goes the same way.
	struct refresh *r = control->refresh;

	while (r->next_n > 0) {
		struct waiter waiter = r->next[--r->next_n];

		if (waiter.done != NULL)
			waiter.done(waiter.arg, -ENOTCONN);
	}
}

// ---- liveness ----
//
// Doubt is: we have sent since we last heard of the peer, by ESP or IKE. A link that both sides
// leave alone is left alone (L3), and costs nothing: each worker tells of the SAs that have sent.

static void on_heard(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct control *control = arg;
	const struct ipc_sa_info *info = payload;
	struct sa *sa = NULL;

	(void)last;
	if (hdr == NULL || hdr->type != IPC_SA_INFO || info->direction != IPC_DIR_IN)
		return;
	sa = sa_find(control->sas, IPC_DIR_IN, info->spi);
	if (sa == NULL || sa->child == NULL)
		return;
	sa_table_update(sa, info);
	// While it is heard the core has no reason to ask.
	if (info->idle_us < control->config->life.liveness_s * US_PER_S)
		ike_on_traffic(control->ike, sa->child->child, info->idle_us, clock_now_us());
}

// The answer of the same worker about the other direction, behind that one.
static void on_sent(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct control *control = arg;
	const struct ipc_sa_info *info = payload;
	struct sa *out = NULL;
	const struct sa *sa = NULL;
	uint64_t now_us = clock_now_us(), heard_us = 0, in_idle_us = UINT64_MAX;

	(void)last;
	if (hdr == NULL || hdr->type != IPC_SA_INFO || info->direction != IPC_DIR_OUT)
		return;
	out = sa_find(control->sas, IPC_DIR_OUT, info->ref);
	if (out == NULL || out->child == NULL)
		return;
	sa_table_update(out, info);
	LIST_FOREACH (sa, &out->child->sas, in_child)
		if (sa->info.direction == IPC_DIR_IN && sa->info.idle_us < in_idle_us)
			in_idle_us = sa->info.idle_us;
	heard_us = out->heard_us;
	if (in_idle_us < now_us && now_us - in_idle_us > heard_us)
		heard_us = now_us - in_idle_us;
	if (info->idle_us < now_us && now_us - info->idle_us > heard_us)
		ike_on_traffic(control->ike, out->child->child, in_idle_us, now_us);
}

static void ask_about(
	struct control *control, uint32_t id, enum ipc_direction direction, dp_answer_fn fn)
{
	struct ipc_sa_query cmd = {.spi_or_ref = id, .direction = (uint32_t)direction};

	dp_client_command(
		control->dp, 1 + spi_worker(id), IPC_SA_QUERY, &cmd, sizeof(cmd), fn, control);
}

// This SA has sent lately. If nothing was heard by IKE since, its worker knows whether ESP was.
static void look_at(struct control *control, const struct ipc_sa_info *info)
{
	struct sa *out = sa_find(control->sas, IPC_DIR_OUT, info->ref);
	const struct sa *sa = NULL;
	uint64_t now_us = clock_now_us(), heard_us = 0;

	if (out == NULL || out->child == NULL || info->idle_us >= now_us ||
		!ike_child_heard(control->ike, out->child->child, &heard_us) ||
		heard_us > control->refresh->heard_before_us || now_us - info->idle_us <= heard_us)
		return;
	out->heard_us = heard_us;
	LIST_FOREACH (sa, &out->child->sas, in_child)
		if (sa->info.direction == IPC_DIR_IN)
			ask_about(control, sa->info.spi, IPC_DIR_IN, on_heard);
	ask_about(control, info->ref, IPC_DIR_OUT, on_sent);
}

static void ask_doubt_page(struct control *control);

// The worker's answer is complete.
static void next_doubt_page(struct control *control, bool more)
{
	static const struct timeval pause = {.tv_usec = DOUBT_TURN_MS * 1000};
	struct refresh *r = control->refresh;
	bool told = r->doubt_list.slot != r->doubt_slot;

	if (!more) {
		r->doubt_thread++;
		r->doubt_list.slot = 0;
	}
	r->doubting = r->doubt_thread < dp_client_threads(control->dp);
	if (!r->doubting)
		return;
	// Told nothing: its ring has no room now.
	if (--r->doubt_left > 0 && (told || !more))
		ask_doubt_page(control);
	else
		r->doubting = evtimer_add(r->doubt_turn, &pause) == 0;
}

static void on_doubt_page(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	struct control *control = arg;
	struct refresh *r = control->refresh;
	const struct ipc_sa_info *info = payload;

	if (hdr == NULL) {
		r->doubting = false;
		return;
	}
	if (last) {
		next_doubt_page(control, hdr->status == EAGAIN);
		return;
	}
	if (info->direction != IPC_DIR_OUT || spi_worker(info->ref) + 1 != r->doubt_thread)
		return;
	if (spi_slot(info->ref) >= r->doubt_list.slot)
		r->doubt_list.slot = spi_slot(info->ref) + 1;
	look_at(control, info);
}

static void ask_doubt_page(struct control *control)
{
	struct refresh *r = control->refresh;

	r->doubt_slot = r->doubt_list.slot;
	r->doubting = control->phase == PHASE_READY &&
		dp_client_command(control->dp, r->doubt_thread, IPC_SA_LIST, &r->doubt_list,
			sizeof(r->doubt_list), on_doubt_page, control) == 0;
}

static void on_doubt_turn(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;

	(void)fd;
	(void)what;
	control->refresh->doubt_left = control->refresh->doubt_pages;
	ask_doubt_page(control);
}

// Who was sent something and did not answer comes into doubt when the liveness time is over, which the
// round behind that finds: it has sent within twice that time.
void query_doubtful(struct control *control)
{
	struct refresh *r = control->refresh;
	uint64_t half_us = control->config->life.liveness_s * US_PER_S / 2;
	uint64_t turns = half_us / (DOUBT_TURN_MS * 1000) + 1, now_us = clock_now_us();

	if (r->doubting || control->phase != PHASE_READY)
		return;
	if (r->doubt_turn == NULL)
		r->doubt_turn = evtimer_new(control->base, on_doubt_turn, control);
	if (r->doubt_turn == NULL)
		return;
	r->doubt_thread = 1;
	r->doubt_list = (struct ipc_sa_list){.direction = IPC_DIR_OUT,
		.max = DOUBT_PAGE,
		.active_s = 2 * control->config->life.liveness_s};
	// A link has more than one SA at times, hence twice.
	r->doubt_pages = (uint32_t)(link_count(control->links) * 2 / DOUBT_PAGE / turns) + 1;
	r->heard_before_us = now_us > half_us ? now_us - half_us : 0;
	on_doubt_turn(-1, 0, control);
}
