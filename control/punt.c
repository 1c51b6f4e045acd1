// SPDX-License-Identifier: BSD-3-Clause
// Packets between the dataplane and those in control who speak their protocols: IKE datagrams to
// and from the core; what came out of SAs for the link itself to neighbour discovery, DHCPv6,
// multicast or, on a client, to the connection; what came from a DHCPv6 server on the inner network to the relay
// agent. What comes from the dataplane comes from strangers twice over. Control's thread.
#include "clock.h"
#include "control.h"
#include "dhcp6_server.h"
#include "inner.h"
#include "log.h"
#include "punt_backlog.h"
#include "punt_limit.h"

LOG_TYPE("punt");

#define DHCP6_PORT 547
#define PACKET_MAX 2048 // of what we make
// Datagrams of strangers worked on before the rings are looked at again, where peers' may have come.
#define STRANGERS_A_ROUND 64

// Down the link by its newest SA.
void punt_send_inner(
	struct control *control, const struct link *link, const uint8_t *packet, size_t len)
{
	struct ipc_punt_inner down = {
		.ref = install_link_ref(control, link), .data_len = (uint32_t)len};

	if (len == 0 || down.ref == 0)
		return;
	dp_client_send(control->dp, 1 + spi_worker(down.ref), IPC_SEND_INNER, &down, sizeof(down),
		packet, len);
}

// To a server on the inner network; any worker does.
static void send_inside(struct control *control, const struct dhcp6_out *out)
{
	struct ipc_punt_udp punt = {.flags = IPC_PUNT_INSIDE,
		.local = out->local,
		.remote = out->remote,
		.local_port = out->local_port,
		.remote_port = out->remote_port,
		.data_len = (uint32_t)out->len};

	dp_client_send(control->dp, 1, IPC_SEND_UDP, &punt, sizeof(punt), out->data, out->len);
}

static void dhcp6_carry_out(
	struct control *control, enum dhcp6_result result, const struct dhcp6_out *out)
{
	const struct link *link = link_find(control->links, out->link);
	uint8_t packet[PACKET_MAX];

	control->counts.dhcp6[result]++;
	if (result == DHCP6_RELAYED)
		send_inside(control, out);
	if (result == DHCP6_ANSWERED && link != NULL)
		punt_send_inner(control, link, packet,
			inner_write_udp(packet, sizeof(packet), &out->local, out->local_port,
				&out->remote, out->remote_port, out->data, out->len));
}

// What a DHCPv6 server on the inner network answers to our relay agent.
static void relay_input(
	struct control *control, const struct ipc_punt_udp *punt, const uint8_t *data)
{
	struct dhcp6_out out;
	enum dhcp6_result result = DHCP6_IGNORED;

	control->counts.punt_inside++;
	if (control->phase != PHASE_READY || punt->local_port != DHCP6_PORT ||
		!inet_addr_valid(&punt->remote))
		return;
	result = dhcp6_relay_input(control->dhcp6, &punt->remote, punt->remote_port, data,
		punt->data_len, clock_now_us(), &out);
	dhcp6_carry_out(control, result, &out);
}

void punt_udp(struct control *control, const struct ipc_punt_udp *punt, const uint8_t *data)
{
	struct ike_datagram datagram = {.local = punt->local,
		.remote = punt->remote,
		.local_port = punt->local_port,
		.remote_port = punt->remote_port,
		.natt = (punt->flags & IPC_PUNT_NATT) != 0,
		.len = punt->data_len,
		.data = data};
	enum ike_standing standing;

	if (punt->flags & IPC_PUNT_INSIDE) {
		relay_input(control, punt, data);
		return;
	}
	control->counts.punt_udp++;
	if (control->phase != PHASE_READY) {
		control->counts.punt_early++; // IKE repeats itself
		return;
	}
	if (!inet_addr_valid(&punt->local) || !inet_addr_valid(&punt->remote) ||
		punt->local.family != punt->remote.family || punt->remote_port == 0) {
		LOG_LIMITED(WARN, "an IKE datagram with addresses that make no sense");
		return;
	}
	standing = ike_standing(control->ike, &datagram);
	if (standing == IKE_STANDING_PEER)
		ike_receive(control->ike, &datagram, clock_now_us());
	else if (punt_backlog_add(control->punt_backlog, standing, &datagram))
		return; // its turn comes
	else if (standing == IKE_STANDING_HALF_OPEN)
		control->counts.punt_shed_half_open++;
	else
		control->counts.punt_shed_strangers++;
}

void punt_strangers(struct control *control)
{
	const struct timeval at_once = {};
	const struct ike_datagram *datagram = NULL;

	for (int i = 0; i < STRANGERS_A_ROUND; i++) {
		datagram = punt_backlog_take(control->punt_backlog);
		if (datagram == NULL)
			return;
		if (control->phase == PHASE_READY)
			ike_receive(control->ike, datagram, clock_now_us());
	}
	// By a timer: what event_active() brings goes on before sockets and timers are looked at again.
	if (!punt_backlog_empty(control->punt_backlog))
		event_add(control->strangers, &at_once);
}

void punt_send(struct control *control, uint32_t worker, const struct ike_datagram *datagram)
{
	struct ipc_punt_udp punt = {.flags = datagram->natt ? IPC_PUNT_NATT : 0,
		.local = datagram->local,
		.remote = datagram->remote,
		.local_port = datagram->local_port,
		.remote_port = datagram->remote_port,
		.data_len = datagram->len};

	// What concerns no child SA may go by any worker.
	if (worker >= control->welcome.geometry.workers)
		worker = 0;
	dp_client_send(control->dp, 1 + worker, IPC_SEND_UDP, &punt, sizeof(punt), datagram->data,
		datagram->len);
}

static void link_input(
	struct control *control, const struct link *link, const struct inner_packet *packet)
{
	uint8_t answer[NDP_ANSWER_MAX];
	size_t answer_len = 0;
	struct dhcp6_out out;
	enum dhcp6_result result = DHCP6_IGNORED;

	if (packet->proto == INNER_UDP && packet->dst_port == DHCP6_PORT) {
		result = dhcp6_server_input(
			control->dhcp6, link->handle, packet, clock_now_us(), &out);
		dhcp6_carry_out(control, result, &out);
		return;
	}
	if (groups_mld(control, link, packet))
		return;
	control->counts.ndp[ndp_input(
		control->links, link, packet, clock_now_us(), answer, &answer_len)]++;
	punt_send_inner(control, link, answer, answer_len);
}

void punt_inner(struct control *control, uint32_t thread, const struct ipc_punt_inner *punt,
	const uint8_t *data)
{
	const struct link *link = NULL;
	struct inner_packet packet;

	(void)thread;
	control->counts.punt_inner++;
	if (client_inner(control, punt, data))
		return;
	link = link_find(control->links, punt->link);
	if (link == NULL || sa_find(control->sas, IPC_DIR_IN, punt->spi) == NULL)
		control->counts.punt_no_link++;
	else if (!punt_limit_take(control->punt_limit, link->handle, clock_now_us()))
		control->counts.punt_limited++;
	else if (inner_parse(data, punt->data_len, &packet) == 0)
		link_input(control, link, &packet);
	else if (!groups_igmp(control, link, data, punt->data_len))
		control->counts.punt_malformed++;
	control_pump(control);
}

void punt_child_rekeyed(struct control *control, const struct ike_event *event)
{
	const struct sa *sa = sa_find(control->sas, IPC_DIR_IN, event->child_spi_in);
	const struct link *link = sa != NULL ? link_find(control->links, sa->info.link) : NULL;
	uint8_t packet[PACKET_MAX];
	struct inet_addr to;

	if (link != NULL && link_ra_due(control->links, link->handle, clock_now_us(), &to))
		punt_send_inner(control, link, packet, link_ra(link, packet, sizeof(packet), &to));
}

void punt_probes(struct control *control)
{
	uint8_t packet[PACKET_MAX];
	uint64_t handle = 0;
	size_t len = 0;

	while (link_probe_take(control->links, &handle, packet, sizeof(packet), &len)) {
		const struct link *link = link_find(control->links, handle);

		if (control->phase != PHASE_READY || install_link_ref(control, link) == 0)
			link_probe_stop(control->links, handle);
		else
			punt_send_inner(control, link, packet, len);
	}
}
