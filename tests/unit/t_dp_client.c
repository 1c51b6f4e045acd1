// SPDX-License-Identifier: BSD-3-Clause
// Control's side of the seam against a dataplane that the test plays: full rings, garbage, silence,
// death, another version, another instance.
#include "dp_client.h"
#include "t_fake_dataplane.h"

#include <check.h>

#include <sys/socket.h>
#include <sys/un.h>

static struct fake_dataplane dp;
static struct event_base *base;
static struct dp_client *client;
static bool connected, lost, same;
static uint32_t events, answers, lasts, failures, order[4096];
static uint32_t event_types[16];
static size_t order_n;

static void on_connected(void *arg, const struct seam_welcome *welcome, bool same_instance)
{
	(void)arg;
	ck_assert_uint_eq(welcome->geometry.workers, dp.geometry.workers);
	connected = true;
	same = same_instance;
}

static void on_lost(void *arg, const char *why)
{
	(void)arg;
	ck_assert_ptr_nonnull(why);
	ck_assert(!dp_client_connected(client));
	lost = true;
}

static void on_event(void *arg, uint32_t thread, const struct ipc_hdr *hdr, const void *payload)
{
	(void)arg;
	(void)thread;
	(void)payload;
	event_types[events++ % 16] = hdr->type;
}

static void on_idle(void *arg)
{
	(void)arg;
}

static const struct dp_handlers handlers = {on_connected, on_lost, on_event, on_idle};

static void on_answer(void *arg, const struct ipc_hdr *hdr, const void *payload, bool last)
{
	(void)payload;
	answers++;
	lasts += last;
	if (hdr == NULL)
		failures++;
	else if (order_n < 4096)
		order[order_n++] = (uint32_t)(uintptr_t)arg;
}

static void setup(void)
{
	connected = lost = same = false;
	events = answers = lasts = failures = 0;
	order_n = 0;
	fake_dataplane_start(&dp, 2, 512);
	base = event_base_new();
	client = dp_client_new(base, dp.path, &handlers, NULL);
	ck_assert_ptr_nonnull(client);
}

static void teardown(void)
{
	dp_client_free(client);
	event_base_free(base);
	fake_dataplane_stop(&dp);
}

static void connect_it(void)
{
	fake_dataplane_expect(&dp);
	fake_dataplane_run(base, &connected);
	pthread_join(dp.thread, NULL);
}

static int ping(uint32_t thread, uintptr_t number)
{
	struct ipc_ping cmd = {};

	return dp_client_command(
		client, thread, IPC_PING, &cmd, sizeof(cmd), on_answer, (void *)number);
}

START_TEST(test_connects_later)
{
	// Nobody welcomes us at first: the socket accepts, and then nothing comes.
	struct ipc_ping cmd = {};

	unlink(dp.path);
	fake_dataplane_run(base, NULL);
	ck_assert(!connected);
	ck_assert_int_eq(
		dp_client_command(client, 1, IPC_PING, &cmd, sizeof(cmd), NULL, NULL), -ENOTCONN);
	ck_assert_uint_eq(dp_client_threads(client), 0);
	close(dp.listen_fd);
	dp.listen_fd = seam_listen(dp.path);
	connect_it();
	ck_assert_uint_eq(dp_client_threads(client), 3);
	ck_assert_int_eq(ping(3, 0), -EINVAL);
}
END_TEST

START_TEST(test_answers)
{
	const struct ipc_hdr *hdr = NULL;

	connect_it();
	ck_assert_int_eq(ping(1, 11), 0);
	ck_assert_int_eq(ping(2, 22), 0);
	hdr = fake_dataplane_take(&dp, 2, SEAM_COMMAND);
	ck_assert_uint_eq(hdr->type, IPC_PING);
	fake_dataplane_ack(&dp, 2, hdr, 0);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(order[0], 22);
	fake_dataplane_ack(&dp, 2, hdr, 0); // once more: nobody asked
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(dp_client_counters(client)->garbage, 1);
}
END_TEST

// Lists: items, then the acknowledgement.
START_TEST(test_list)
{
	struct ipc_sa_list cmd = {.max = 10};
	struct ipc_sa_info info = {.spi = 0x04000001};
	const struct ipc_hdr *hdr = NULL;
	uint32_t id = 0;

	connect_it();
	ck_assert_int_eq(
		dp_client_command(client, 1, IPC_SA_LIST, &cmd, sizeof(cmd), on_answer, NULL), 0);
	hdr = fake_dataplane_take(&dp, 1, SEAM_COMMAND);
	id = hdr->id;
	fake_dataplane_say(&dp, 1, IPC_SA_INFO, id, 0, &info, sizeof(info));
	fake_dataplane_say(&dp, 1, IPC_SA_INFO, id, 0, &info, sizeof(info));
	fake_dataplane_ack(&dp, 1, hdr, EAGAIN);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(answers, 3);
	ck_assert_uint_eq(lasts, 1);
}
END_TEST

// Answers that do not fit are not given to who asked.
static const struct {
	const char *why;
	uint32_t thread, type, id_change, ack_of;
	size_t len;
} misfits[] = {
	{"from another thread", 2, IPC_ACK, 0, IPC_PING, sizeof(struct ipc_ack)},
	{"of another id", 1, IPC_ACK, 1, IPC_PING, sizeof(struct ipc_ack)},
	{"of another generation", 1, IPC_ACK, 1u << 20, IPC_PING, sizeof(struct ipc_ack)},
	{"to another command", 1, IPC_ACK, 0, IPC_SA_IN_DEL, sizeof(struct ipc_ack)},
	{"of another kind", 1, IPC_SA_INFO, 0, 0, sizeof(struct ipc_sa_info)},
	{"too short", 1, IPC_ACK, 0, IPC_PING, 0},
	{"a command", 1, IPC_PING, 0, 0, sizeof(struct ipc_ping)},
	{"no type", 1, 0, 0, 0, 16},
	{"a type too high", 1, 9999, 0, 0, 16},
	{"a packet in the ring of events", 1, IPC_PUNT_UDP, 0, 0, sizeof(struct ipc_punt_udp)},
};

START_TEST(test_misfits)
{
	alignas(8) uint8_t payload[sizeof(struct ipc_sa_info)] = {};
	const struct ipc_hdr *hdr = NULL;

	connect_it();
	ck_assert_int_eq(ping(1, 11), 0);
	hdr = fake_dataplane_take(&dp, 1, SEAM_COMMAND);
	memcpy(payload, &misfits[_i].ack_of, 4);
	fake_dataplane_say(&dp, misfits[_i].thread, misfits[_i].type,
		hdr->id + misfits[_i].id_change, 0, payload, misfits[_i].len);
	fake_dataplane_run(base, NULL);
	ck_assert_msg(answers == 0 && events == 0, "%s", misfits[_i].why);
	ck_assert_msg(dp_client_counters(client)->garbage == 1, "%s", misfits[_i].why);
	fake_dataplane_ack(&dp, 1, hdr, 0);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(answers, 1);
}
END_TEST

// More than the ring holds waits, in order; nothing is lost and nothing blocks.
START_TEST(test_full_ring)
{
	const struct ipc_hdr *hdr = NULL;
	uint32_t taken = 0;

	connect_it();
	for (uintptr_t i = 0; i < 2000; i++)
		ck_assert_int_eq(ping(1, i), 0);
	ck_assert_int_eq(ping(2, 5000), 0); // the other worker's ring is free
	ck_assert_ptr_nonnull(fake_dataplane_take(&dp, 2, SEAM_COMMAND));
	ck_assert_uint_eq(dp_client_counters(client)->queued, 2000 - 512);
	for (int round = 0; round < 200 && taken < 2000; round++) {
		for (int i = 0; i < 100 && (hdr = fake_dataplane_take(&dp, 1, SEAM_COMMAND)); i++) {
			fake_dataplane_ack(&dp, 1, hdr, 0);
			taken++;
		}
		fake_dataplane_run(base, NULL);
	}
	ck_assert_uint_eq(taken, 2000);
	ck_assert_uint_eq(answers, 2000);
	for (uint32_t i = 0; i < 2000; i++)
		ck_assert_uint_eq(order[i], i);
}
END_TEST

// A packet never overtakes the commands before it; one too many is dropped and counted.
START_TEST(test_packets)
{
	struct ipc_punt_udp punt = {.data_len = 200};
	uint8_t data[200] = {7};
	int sent = 0, got = 0;

	connect_it();
	for (int i = 0; i < 2000; i++)
		sent += dp_client_send(client, 1, IPC_SEND_UDP, &punt, sizeof(punt), data, 200) ==
			0;
	ck_assert_int_gt(sent, 100);
	ck_assert_int_lt(sent, 2000);
	ck_assert_uint_eq(dp_client_counters(client)->send_drops, 2000u - (unsigned)sent);
	while (fake_dataplane_take(&dp, 1, SEAM_PUNT_DOWN) != NULL)
		got++;
	ck_assert_int_eq(got, sent);
	// Commands wait: a packet behind them waits too.
	for (uintptr_t i = 0; i < 600; i++)
		ck_assert_int_eq(ping(1, i), 0);
	ck_assert_int_eq(
		dp_client_send(client, 1, IPC_SEND_UDP, &punt, sizeof(punt), data, 200), 0);
	ck_assert_ptr_null(fake_dataplane_take(&dp, 1, SEAM_PUNT_DOWN));
	for (got = 0; got < 600;)
		if (fake_dataplane_take(&dp, 1, SEAM_COMMAND) != NULL) {
			ck_assert_ptr_null(
				got < 80 ? fake_dataplane_take(&dp, 1, SEAM_PUNT_DOWN) : NULL);
			got++;
		} else {
			fake_dataplane_run(base, NULL);
		}
	fake_dataplane_run(base, NULL);
	ck_assert_ptr_nonnull(fake_dataplane_take(&dp, 1, SEAM_PUNT_DOWN));
}
END_TEST

START_TEST(test_events)
{
	struct ipc_sa_first_use use = {.spi = 5};
	struct ipc_punt_inner punt = {.data_len = 3};

	connect_it();
	fake_dataplane_say(&dp, 1, IPC_SA_FIRST_USE, 0, 0, &use, sizeof(use));
	ck_assert_int_eq(ring_put(seam_ring(dp.seam, 2, SEAM_PUNT_UP), IPC_PUNT_INNER, 0, 0, &punt,
				 sizeof(punt), "abc", 3),
		0);
	seam_ring_doorbell(dp.seam, true);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(events, 2);
	ck_assert_uint_eq(event_types[0], IPC_SA_FIRST_USE);
	ck_assert_uint_eq(event_types[1], IPC_PUNT_INNER);
	// A packet that is shorter than it says.
	punt.data_len = 4;
	ring_put(seam_ring(dp.seam, 2, SEAM_PUNT_UP), IPC_PUNT_INNER, 0, 0, &punt, sizeof(punt),
		"abc", 3);
	seam_ring_doorbell(dp.seam, true);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(events, 2);
	ck_assert_uint_eq(dp_client_counters(client)->garbage, 1);
}
END_TEST

// Death: who waits is told, and the next dataplane is found; it says whether it is another one.
START_TEST(test_death)
{
	connect_it();
	ck_assert(!same);
	ck_assert_int_eq(ping(1, 1), 0);
	for (uintptr_t i = 0; i < 1000; i++)
		ck_assert_int_eq(ping(2, i), 0); // in the ring and in the queue
	fake_dataplane_die(&dp);
	fake_dataplane_run(base, &lost);
	ck_assert_uint_eq(failures, 1001);
	ck_assert_int_eq(ping(1, 1), -ENOTCONN);
	connected = lost = false;
	connect_it();
	ck_assert(same);
	fake_dataplane_die(&dp);
	fake_dataplane_run(base, &lost);
	connected = false;
	dp.instance = 2;
	connect_it();
	ck_assert(!same);
	ck_assert_uint_eq(dp_client_counters(client)->connects, 3);
	ck_assert_int_eq(ping(1, 7), 0);
	fake_dataplane_ack(&dp, 1, fake_dataplane_take(&dp, 1, SEAM_COMMAND), 0);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_eq(order[order_n - 1], 7);
}
END_TEST

// Somebody who answers a HELLO of this version with another one.
static void *other_version(void *arg)
{
	struct seam_welcome welcome = {.magic = SEAM_MAGIC, .version = IPC_VERSION + 1};
	struct pollfd poll_fd = {.fd = dp.listen_fd, .events = POLLIN};
	int fd = -1;

	(void)arg;
	poll(&poll_fd, 1, 5000);
	fd = seam_accept(dp.listen_fd);
	send(fd, &welcome, sizeof(welcome), MSG_NOSIGNAL);
	usleep(50000);
	close(fd);
	return NULL;
}

START_TEST(test_version)
{
	ck_assert_int_eq(pthread_create(&dp.thread, NULL, other_version, NULL), 0);
	for (int i = 0; i < 10; i++)
		fake_dataplane_run(base, NULL);
	ck_assert(!connected);
	pthread_join(dp.thread, NULL);
	connect_it(); // and goes on trying
}
END_TEST

// A dataplane gone mad is left, not listened to for ever.
START_TEST(test_garbage_flood)
{
	static const uint8_t garbage[64];

	connect_it();
	for (int i = 0; i < 1500 && !lost; i++) {
		ring_put(seam_ring(dp.seam, 1, SEAM_EVENT), 77, 0, 0, garbage, sizeof(garbage),
			NULL, 0);
		if (i % 100 == 99) {
			seam_ring_doorbell(dp.seam, true);
			fake_dataplane_run(base, NULL);
		}
	}
	ck_assert(lost);
	ck_assert_uint_eq(events, 0);
}
END_TEST

// Positions in shared memory that make no sense: nothing outside the ring is touched.
START_TEST(test_bad_positions)
{
	struct ring *ring = NULL;

	connect_it();
	ring = seam_ring(dp.seam, 1, SEAM_EVENT);
	atomic_store(&ring->shared->head, UINT64_MAX / 2);
	seam_ring_doorbell(dp.seam, true);
	fake_dataplane_run(base, NULL);
	ck_assert_uint_ge(dp_client_counters(client)->garbage, 1);
	ck_assert_uint_eq(events, 0);
	ring = seam_ring(dp.seam, 1, SEAM_COMMAND);
	atomic_store(&ring->shared->tail, 12345678);
	for (uintptr_t i = 0; i < 600; i++)
		ping(1, i); // for all it can tell the ring is full: these wait
	fake_dataplane_run(base, NULL);
	ck_assert(dp_client_connected(client));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dp_client");
	TCase *tc = tcase_create("dp_client");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_connects_later);
	tcase_add_test(tc, test_answers);
	tcase_add_test(tc, test_list);
	tcase_add_loop_test(tc, test_misfits, 0, sizeof(misfits) / sizeof(misfits[0]));
	tcase_add_test(tc, test_full_ring);
	tcase_add_test(tc, test_packets);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_death);
	tcase_add_test(tc, test_version);
	tcase_add_test(tc, test_garbage_flood);
	tcase_add_test(tc, test_bad_positions);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
