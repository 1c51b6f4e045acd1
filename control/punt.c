// SPDX-License-Identifier: BSD-3-Clause
// Packets between the dataplane and those in control who speak their protocols: IKE datagrams to
// and from the core, what came out of SAs for the link itself to the neighbour discovery. What comes
// from the dataplane comes from strangers twice over. Control's thread.
#include "clock.h"
#include "control.h"
#include "log.h"

LOG_TYPE("punt");

void punt_udp(struct control *control, const struct ipc_punt_udp *punt, const uint8_t *data)
{
	struct ike_datagram datagram = {.local = punt->local,
		.remote = punt->remote,
		.local_port = punt->local_port,
		.remote_port = punt->remote_port,
		.natt = (punt->flags & IPC_PUNT_NATT) != 0,
		.len = punt->data_len,
		.data = data};

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
	ike_receive(control->ike, &datagram, clock_now_us());
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

void punt_inner(struct control *control, uint32_t thread, const struct ipc_punt_inner *punt,
	const uint8_t *data)
{
	const struct link *link = link_find(control->links, punt->link);
	const struct sa_group *group = sa_group_find(control->sas, punt->link);
	uint8_t answer[NDP_ANSWER_MAX];
	size_t answer_len = 0;
	enum ndp_result result = NDP_NOT_FOR_US;
	struct ipc_punt_inner down = {};

	(void)thread;
	control->counts.punt_inner++;
	if (link == NULL || sa_find(control->sas, IPC_DIR_IN, punt->spi) == NULL) {
		control->counts.punt_no_link++;
		return;
	}
	result = ndp_input(link, data, punt->data_len, answer, &answer_len);
	control->counts.ndp[result]++;
	if (result != NDP_ANSWERED || group == NULL || group->ref_n == 0)
		return;
	down.ref = group->ref[0];
	down.data_len = (uint32_t)answer_len;
	dp_client_send(control->dp, 1 + spi_worker(down.ref), IPC_SEND_INNER, &down, sizeof(down),
		answer, answer_len);
}
