// SPDX-License-Identifier: BSD-3-Clause
// What strangers send: IKE_SA_INIT requests or garbage, from ever other sources (198.18.0.0/15, RFC 2544), as
// fast as asked for or as the machine allows; what it costs the gateway's processes in time and memory. See
// scripts/bench --flood. --cost: no packets, but what each kind of message costs the IKE core.
//
// As root in the clients' namespace: raw sockets. One thread.
#include "flood.h"

#include "clock.h"
#include "ike_msg.h"
#include "log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SOURCES 0xc6120000 // 198.18.0.0
#define SOURCE_BITS 17

struct options {
	struct inet_addr gateway;
	uint64_t rate; // a second, 0: as fast as it goes
	uint32_t seconds;
	bool garbage;
	const char *cost; // configuration file
	const char *device; // to send by, whatever policy routes say; NULL: by these
	int pid[LOAD_PROCESSES];
	FILE *json;
};

struct frame {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t ike[FLOOD_MAX];
} __attribute__((packed));

struct flood {
	struct options o;
	int fd;
	struct sockaddr_in to;
	struct frame frame[BATCH];
	struct iovec part[BATCH];
	struct mmsghdr msg[BATCH];
	uint8_t request[FLOOD_MAX];
	uint32_t request_len;
	uint64_t sent, refused;
	uint64_t peak[LOAD_PROCESSES]; // octets resident
};

uint64_t flood_random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void random_octets(uint8_t *out, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)(flood_random() >> 32);
}

void flood_vary(uint8_t *request, uint32_t len)
{
	struct ike_msg msg;
	const struct ike_payload_ref *nonce = NULL;
	const uint64_t spi = flood_random() | 1;

	memcpy(request, &spi, sizeof(spi));
	if (ike_msg_parse(request, len, &msg) == 0)
		nonce = ike_msg_find(&msg, PAYLOAD_NONCE);
	if (nonce != NULL)
		random_octets(request + (nonce->data - request), 16);
}

uint32_t flood_garbage(uint8_t out[FLOOD_MAX])
{
	const uint32_t len = IKE_HEADER_BYTES + (uint32_t)(flood_random() % 500);

	random_octets(out, len);
	if (flood_random() % 2 == 0)
		return len;
	out[17] = 0x20;
	out[18] = (uint8_t)(IKE_SA_INIT + flood_random() % 4);
	out[19] = IKE_FLAG_INITIATOR;
	memset(out + 20, 0, 6);
	out[26] = (uint8_t)(len >> 8);
	out[27] = (uint8_t)len;
	if (out[18] == IKE_SA_INIT)
		memset(out + 8, 0, 8);
	return len;
}

static int flood_init(struct flood *flood)
{
	int len = flood_request(flood->request);

	if (len < 0)
		return len;
	flood->request_len = (uint32_t)len;
	flood->to.sin_family = AF_INET;
	memcpy(&flood->to.sin_addr, flood->o.gateway.bytes, 4);
	flood->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (flood->fd < 0 ||
		(flood->o.device != NULL &&
			setsockopt(flood->fd, SOL_SOCKET, SO_BINDTODEVICE, flood->o.device,
				(socklen_t)strlen(flood->o.device)) != 0))
		return -errno;
	for (int i = 0; i < BATCH; i++) {
		struct frame *frame = &flood->frame[i];

		frame->ip =
			(struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
		memcpy(&frame->ip.daddr, flood->o.gateway.bytes, 4);
		memcpy(frame->ike, flood->request, flood->request_len);
		flood->part[i].iov_base = frame;
		flood->msg[i].msg_hdr = (struct msghdr){.msg_name = &flood->to,
			.msg_namelen = sizeof(flood->to),
			.msg_iov = &flood->part[i],
			.msg_iovlen = 1};
	}
	return 0;
}

static void make_batch(struct flood *flood)
{
	for (int i = 0; i < BATCH; i++) {
		struct frame *frame = &flood->frame[i];
		uint32_t len = flood->request_len;

		if (flood->o.garbage)
			len = flood_garbage(frame->ike);
		else
			flood_vary(frame->ike, len);
		frame->ip.saddr =
			htonl(SOURCES | (uint32_t)(flood_random() & ((1u << SOURCE_BITS) - 1)));
		// No checksum: it may be left out in IPv4, RFC 768.
		frame->udp = (struct udphdr){.source = (uint16_t)(flood_random() | 1),
			.dest = htons(500),
			.len = htons((uint16_t)(sizeof(frame->udp) + len))};
		flood->part[i].iov_len = sizeof(frame->ip) + sizeof(frame->udp) + len;
	}
}

static void note_peak(struct flood *flood)
{
	struct load_gauge now;

	load_gauge_read(flood->o.pid, &now);
	for (int i = 0; i < LOAD_PROCESSES; i++)
		if (now.memory[i] > flood->peak[i])
			flood->peak[i] = now.memory[i];
}

static void send_all(struct flood *flood)
{
	const uint64_t begin_us = clock_now_us(), end_us = begin_us + flood->o.seconds * US_PER_S;
	uint64_t now_us = begin_us, peak_us = 0;

	while ((now_us = clock_now_us()) < end_us) {
		uint64_t due = (now_us - begin_us) * flood->o.rate / US_PER_S;
		int n = 0;

		if (now_us - peak_us > 100 * US_PER_MS) {
			note_peak(flood);
			peak_us = now_us;
		}
		if (flood->o.rate > 0 && flood->sent >= due) {
			usleep(200);
			continue;
		}
		make_batch(flood);
		n = sendmmsg(flood->fd, flood->msg, BATCH, 0);
		flood->sent += n > 0 ? (uint64_t)n : 0;
		flood->refused += n < BATCH;
	}
}

static void report(
	const struct flood *flood, const struct load_gauge *before, const struct load_gauge *after)
{
	static const char *const names[] = {"control", "dataplane"};
	const double seconds = (double)(after->us - before->us) / 1e6;
	FILE *json = flood->o.json;

	printf("sent                  %10lu in %.1f s, %.0f a second\n", flood->sent, seconds,
		(double)flood->sent / seconds);
	if (json != NULL)
		fprintf(json, "{\"sent\": %lu, \"seconds\": %.2f", flood->sent, seconds);
	for (int i = 0; i < LOAD_PROCESSES; i++) {
		const uint64_t cpu_us = after->cpu_us[i] - before->cpu_us[i];

		if (flood->o.pid[i] == 0)
			continue;
		printf("%-9s             %9.1f%% of a CPU, memory %.1f MB, %+.1f MB at most\n",
			names[i], (double)cpu_us / 1e4 / seconds, (double)before->memory[i] / 1e6,
			((double)flood->peak[i] - (double)before->memory[i]) / 1e6);
		if (json != NULL)
			fprintf(json,
				", \"%s_cpu_us\": %lu, \"%s_octets\": %lu, "
				"\"%s_octets_peak\": %lu",
				names[i], cpu_us, names[i], before->memory[i], names[i],
				flood->peak[i]);
	}
	if (json != NULL)
		fprintf(json, "}\n");
}

static int run(struct flood *flood)
{
	struct load_gauge before, after;
	int error = flood_init(flood);

	if (error != 0)
		return error;
	load_gauge_read(flood->o.pid, &before);
	send_all(flood);
	load_gauge_read(flood->o.pid, &after);
	report(flood, &before, &after);
	close(flood->fd);
	return flood->sent > 0 ? 0 : -EIO;
}

static const char usage[] =
	"usage: flood [--gateway ADDRESS] [--rate N] [--seconds N] [--garbage] [--device NAME]\n"
	"             [--control PID] [--dataplane PID] [--json FILE]\n"
	"       flood --cost CONFIGURATION\n";

static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"gateway", required_argument, NULL, 'g'},
		{"rate", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
		{"garbage", no_argument, NULL, 'x'}, {"device", required_argument, NULL, 'i'},
		{"cost", required_argument, NULL, 't'}, {"control", required_argument, NULL, 'c'},
		{"dataplane", required_argument, NULL, 'd'}, {"json", required_argument, NULL, 'j'},
		{NULL, 0, NULL, 0}};
	const char *gateway = "192.0.2.1";
	int c = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'g':
			gateway = optarg;
			break;
		case 'r':
			o->rate = strtoull(optarg, NULL, 10);
			break;
		case 's':
			o->seconds = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'x':
			o->garbage = true;
			break;
		case 'i':
			o->device = optarg;
			break;
		case 't':
			o->cost = optarg;
			break;
		case 'c':
			o->pid[LOAD_CONTROL] = atoi(optarg);
			break;
		case 'd':
			o->pid[LOAD_DATAPLANE] = atoi(optarg);
			break;
		case 'j':
			o->json = fopen(optarg, "w");
			if (o->json == NULL)
				return -errno;
			break;
		default:
			return -EINVAL;
		}
	}
	if (inet_addr_parse(gateway, &o->gateway) != 0 || o->gateway.family != AF_INET ||
		o->seconds == 0)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	static struct flood flood = {.o = {.seconds = 10}};
	int error = read_options(&flood.o, argc, argv);

	if (error != 0) {
		fputs(usage, stderr);
		return 2;
	}
	log_init("flood");
	log_set_level("*", LOG_ERR);
	error = flood.o.cost != NULL ? flood_cost(flood.o.cost) : run(&flood);
	if (flood.o.json != NULL)
		fclose(flood.o.json);
	if (error != 0)
		fprintf(stderr, "flood: %s\n", strerror(-error));
	return error == 0 ? 0 : 1;
}
