// SPDX-License-Identifier: BSD-3-Clause
// The punt path, up and down. One worker, its thread. RFC 768, 3948 section 2.2, 8200 section 8.1.
#include "punt.h"

#include "csum.h"
#include "flow.h"
#include "forward.h"
#include "multicast.h"

#include <rte_random.h>

#include <netinet/icmp6.h>

#define INNER_RATE 5000 // a second
#define INNER_BURST 500
#define LINK_RATE 64 // of these, those of one link; control itself looks at fewer
#define LINK_BURST 128
#define PORT_RATE 1000 // MLD and IGMP of the inner network, a second
#define PORT_BURST 200
#define TOO_BIG_RATE 100 // a second
#define TOO_BIG_BURST 50
#define HOP_LIMIT 64
#define DSCP_CS6 0xc0 // IKE is network control, RFC 4594 section 3.1

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static struct inet_addr addr_at(const struct rte_mbuf *m, uint8_t family, bool dst)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	struct inet_addr addr = {.family = family};

	if (family == AF_INET)
		memcpy(addr.bytes, ip + (dst ? 16 : 12), 4);
	else
		memcpy(addr.bytes, ip + (dst ? 24 : 8), 16);
	return addr;
}

static void put_up(struct worker *w, struct rte_mbuf *m, uint32_t type, const void *fixed,
	size_t fixed_len, const uint8_t *data, size_t len)
{
	if (!w->punt_up) {
		worker_drop(w, m, DROP_PUNT_NO_CONTROL);
	} else if (ring_put(w->punt_up, type, 0, 0, fixed, fixed_len, data, len)) {
		worker_drop(w, m, DROP_PUNT_FULL);
	} else {
		w->stats.punt_up++;
		w->to_control = true;
		rte_pktmbuf_free(m);
	}
}

// An IKE message without the responder's SPI is the first one of somebody who has no IKE SA yet.
static bool is_init(const uint8_t *ike, uint32_t len)
{
	static const uint8_t none[8];

	return len < 16 || !memcmp(ike + 8, none, 8);
}

// Half of the ring is for those that have one: a flood does not take it from them.
static bool has_room_for_init(struct worker *w)
{
	return !w->punt_up || ring_free_cells(w->punt_up) >= w->punt_up->cell_count / 2;
}

void punt_udp(struct worker *w, struct rte_mbuf *m, uint32_t skip, uint32_t flags)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *udp = rte_pktmbuf_mtod_offset(m, const uint8_t *, meta->l4_off);
	uint32_t len = (uint32_t)(udp[4] << 8 | udp[5]) - 8 - skip;
	struct ipc_punt_udp up = {
		.flags = flags,
		.port = meta->in_port,
		.local = addr_at(m, meta->family, true),
		.remote = addr_at(m, meta->family, false),
		.local_port = (uint16_t)(udp[2] << 8 | udp[3]),
		.remote_port = (uint16_t)(udp[0] << 8 | udp[1]),
		.data_len = len,
	};

	if (flags & IPC_PUNT_INSIDE || !is_init(udp + 8 + skip, len) || has_room_for_init(w))
		put_up(w, m, IPC_PUNT_UDP, &up, sizeof(up), udp + 8 + skip, len);
	else
		worker_drop(w, m, DROP_PUNT_STRANGER);
}

void punt_inside(struct worker *w, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *udp = ip + meta->l4_off;
	uint32_t left = rte_pktmbuf_data_len(m) - meta->l4_off;
	uint32_t len = left < 8 ? 0 : (uint32_t)(udp[4] << 8 | udp[5]);

	if (len < 8 || len > left || !csum_udp_good(ip, udp, len))
		worker_drop(w, m, DROP_BAD_UDP);
	else if (!token_take(&w->punt_tokens, w->now_tsc, w->tsc_hz, INNER_RATE, INNER_BURST))
		worker_drop(w, m, DROP_PUNT_LIMIT);
	else
		punt_udp(w, m, 0, IPC_PUNT_INSIDE);
}

// One link cannot take what control has time for from the others: not even when it shares a bucket with
// some of them, which it cannot choose.
static bool link_token_take(struct worker *w, uint64_t link)
{
	uint64_t hash = flow_mix(link ^ flow_seed[0], flow_seed[1]);

	return token_take(&w->link_tokens[hash % WORKER_LINK_BUCKETS], w->now_tsc, w->tsc_hz,
		LINK_RATE, LINK_BURST);
}

void punt_inner(struct worker *w, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct ipc_punt_inner up = {
		.spi = meta->sa, .link = meta->link, .data_len = rte_pktmbuf_data_len(m)};

	if (!link_token_take(w, meta->link)) {
		worker_drop(w, m, DROP_PUNT_LINK_LIMIT);
		return;
	}
	if (!token_take(&w->punt_tokens, w->now_tsc, w->tsc_hz, INNER_RATE, INNER_BURST)) {
		worker_drop(w, m, DROP_PUNT_LIMIT);
		return;
	}
	put_up(w, m, IPC_PUNT_INNER, &up, sizeof(up), rte_pktmbuf_mtod(m, const uint8_t *),
		up.data_len);
}

void punt_port(struct worker *w, struct rte_mbuf *m)
{
	struct ipc_punt_port up = {
		.port = pkt_meta(m)->in_port, .data_len = rte_pktmbuf_data_len(m)};

	if (!token_take(&w->port_tokens, w->now_tsc, w->tsc_hz, PORT_RATE, PORT_BURST)) {
		worker_drop(w, m, DROP_PUNT_LIMIT);
		return;
	}
	put_up(w, m, IPC_PUNT_PORT, &up, sizeof(up), rte_pktmbuf_mtod(m, const uint8_t *),
		up.data_len);
}

// What a router quotes of our datagram, IKE SPIs included: RFC 4443 section 3.2 has it quote all that
// fits. false: it is not about IKE.
static bool too_big_read(
	const uint8_t *ip, const uint8_t *icmp, uint32_t len, struct ipc_too_big *out)
{
	const uint8_t *quoted = icmp + 8, *udp = quoted + 40;
	uint32_t port, off = 8 + 40 + 8;
	uint64_t spi_be[2];

	if (len < off + sizeof(spi_be) || icmp[0] != ICMP6_PACKET_TOO_BIG || icmp[1] ||
		!csum_l4_good(ip, IPPROTO_ICMPV6, icmp, len))
		return false;
	// Sent by us, and to nobody else than its sender says.
	if (quoted[0] >> 4 != 6 || quoted[6] != IPPROTO_UDP || memcmp(quoted + 8, ip + 24, 16))
		return false;
	port = (uint32_t)(udp[0] << 8 | udp[1]);
	if (port == 4500 && !(udp[8] | udp[9] | udp[10] | udp[11]))
		off += 4;
	else if (port != 500)
		return false;
	if (len < off + sizeof(spi_be))
		return false;
	memcpy(spi_be, icmp + off, sizeof(spi_be));
	*out = (struct ipc_too_big){
		.local.family = AF_INET6,
		.remote.family = AF_INET6,
		.mtu = (uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 | (uint32_t)icmp[6] << 8 |
			icmp[7],
		.spi_i = rte_be_to_cpu_64(spi_be[0]),
		.spi_r = rte_be_to_cpu_64(spi_be[1]),
	};
	memcpy(out->local.bytes, quoted + 8, 16);
	memcpy(out->remote.bytes, quoted + 24, 16);
	return true;
}

bool punt_too_big(struct worker *w, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ipc_too_big up;

	if (meta->family != AF_INET6 || rte_pktmbuf_data_len(m) < meta->l4_off ||
		!too_big_read(ip, ip + meta->l4_off, rte_pktmbuf_data_len(m) - meta->l4_off, &up))
		return false;
	if (!token_take(&w->too_big_tokens, w->now_tsc, w->tsc_hz, TOO_BIG_RATE, TOO_BIG_BURST))
		worker_drop(w, m, DROP_PUNT_LIMIT);
	else
		put_up(w, m, IPC_TOO_BIG, &up, sizeof(up), NULL, 0);
	return true;
}

// Only with an address of ours as its source.
static bool source_is_ours(const struct worker *w, const struct ipc_punt_udp *cmd)
{
	const struct locals *l = w->locals;

	if (cmd->flags & IPC_PUNT_INSIDE)
		return fib_lookup(w->inner, cmd->local.family, fib_key(&cmd->local)).kind ==
			FIB_LOCAL;
	for (uint32_t i = 0; cmd->local.family == AF_INET && i < l->n4; i++) {
		if (!memcmp(&l->v4_be[i], cmd->local.bytes, 4))
			return true;
	}
	for (uint32_t i = 0; cmd->local.family == AF_INET6 && i < l->n6; i++) {
		if (!memcmp(l->v6[i], cmd->local.bytes, 16))
			return true;
	}
	return false;
}

static bool send_udp_valid(const struct worker *w, const struct ipc_punt_udp *cmd)
{
	if (!inet_addr_valid(&cmd->local) || !inet_addr_valid(&cmd->remote) ||
		cmd->local.family != cmd->remote.family || !cmd->local_port || !cmd->remote_port ||
		inet_addr_is_multicast(&cmd->remote) || inet_addr_is_unspecified(&cmd->remote))
		return false;
	if (cmd->flags & IPC_PUNT_INSIDE && cmd->flags & IPC_PUNT_NATT)
		return false;
	return source_is_ours(w, cmd);
}

static void ip_header_make(uint8_t *ip, const struct ipc_punt_udp *cmd, uint32_t udp_len)
{
	if (cmd->local.family == AF_INET) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = DSCP_CS6;
		put16(ip + 2, 20 + udp_len);
		put16(ip + 4, (uint32_t)rte_rand() & 0xffff); // it may be fragmented: DF is clear
		ip[8] = HOP_LIMIT;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, cmd->local.bytes, 4);
		memcpy(ip + 16, cmd->remote.bytes, 4);
		csum_ip4_set(ip, 20);
	} else {
		memset(ip, 0, 40);
		ip[0] = 0x60 | DSCP_CS6 >> 4;
		ip[1] = (uint8_t)(DSCP_CS6 << 4);
		put16(ip + 4, udp_len);
		ip[6] = IPPROTO_UDP;
		ip[7] = HOP_LIMIT;
		memcpy(ip + 8, cmd->local.bytes, 16);
		memcpy(ip + 24, cmd->remote.bytes, 16);
	}
}

// A contiguous buffer of the size; large ones from the reassembly's pool.
static struct rte_mbuf *buffer_new(struct worker *w, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->mbufs);

	if (m && len > rte_pktmbuf_tailroom(m) && w->jumbos) {
		rte_pktmbuf_free(m);
		m = rte_pktmbuf_alloc(w->jumbos);
	}
	if (!m || !rte_pktmbuf_append(m, (uint16_t)len)) {
		w->drops.n[DROP_NO_MBUF]++;
		rte_pktmbuf_free(m);
		return NULL;
	}
	memset(pkt_meta(m), 0, sizeof(struct pkt_meta));
	pkt_meta(m)->in_port = UINT16_MAX;
	pkt_meta(m)->flags = PKT_LOCAL;
	return m;
}

void punt_send_udp(struct worker *w, const struct ipc_punt_udp *cmd, const uint8_t *data)
{
	uint32_t marker = cmd->flags & IPC_PUNT_NATT ? 4 : 0;
	uint32_t ip_len = cmd->local.family == AF_INET ? 20 : 40;
	uint32_t udp_len = 8 + marker + cmd->data_len;
	struct rte_mbuf *m;
	uint8_t *ip, *udp;
	uint16_t sum = 0;

	if (!send_udp_valid(w, cmd) || cmd->data_len > 60000) {
		w->drops.n[DROP_COMMAND_BAD]++;
		return;
	}
	m = buffer_new(w, ip_len + udp_len);
	if (!m)
		return;
	ip = rte_pktmbuf_mtod(m, uint8_t *);
	udp = ip + ip_len;
	ip_header_make(ip, cmd, udp_len);
	put16(udp, cmd->local_port);
	put16(udp + 2, cmd->remote_port);
	put16(udp + 4, udp_len);
	memset(udp + 6, 0, 2 + marker);
	memcpy(udp + 8 + marker, data, cmd->data_len);
	sum = csum_l4(ip, IPPROTO_UDP, udp, udp_len);
	if (!sum)
		sum = 0xffff;
	memcpy(udp + 6, &sum, 2);
	pkt_meta(m)->family = cmd->local.family;
	pkt_meta(m)->adj = ADJ_NONE;
	w->stats.punt_down++;
	if (cmd->flags & IPC_PUNT_INSIDE)
		forward_inner_local(w, m);
	else
		forward_outer_local(w, m);
}

void punt_send_inner(struct worker *w, const struct ipc_punt_inner *cmd, const uint8_t *data)
{
	struct rte_mbuf *m;

	if (sa_ref_worker(cmd->ref) != w->index || cmd->data_len < 20 || cmd->data_len > 60000) {
		w->drops.n[DROP_COMMAND_BAD]++;
		return;
	}
	m = buffer_new(w, cmd->data_len);
	if (!m)
		return;
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), data, cmd->data_len);
	if (flow_parse_mbuf(m, pkt_meta(m)) != (int)cmd->data_len) {
		worker_drop(w, m, DROP_COMMAND_BAD);
		return;
	}
	pkt_meta(m)->sa = cmd->ref;
	pkt_meta(m)->inner_len = (uint16_t)cmd->data_len;
	w->stats.punt_down++;
	forward_esp_out(w, &m, 1);
}

// To a group, from nobody or an address of the port.
static bool port_packet_valid(const struct worker *w, uint32_t index, struct rte_mbuf *m)
{
	const struct port *port = w->port[index].port;
	struct inet_addr src = addr_at(m, pkt_meta(m)->family, false);
	struct inet_addr dst = addr_at(m, src.family, true);

	if (!inet_addr_is_multicast(&dst))
		return false;
	if (inet_addr_is_unspecified(&src))
		return true;
	for (uint32_t i = 0; i < port->addr_n; i++) {
		if (inet_addr_equal(&port->addr[i].addr, &src))
			return src.family == AF_INET || inet_addr_is_link_local(&src);
	}
	return false;
}

void punt_send_port(struct worker *w, const struct ipc_punt_port *cmd, const uint8_t *data)
{
	const struct worker_port *p = cmd->port < PORT_MAX ? &w->port[cmd->port] : NULL;
	struct rte_mbuf *m;

	if (!p || !p->active || p->outer || p->l3 || cmd->data_len < 20 || cmd->data_len > p->mtu) {
		w->drops.n[DROP_COMMAND_BAD]++;
		return;
	}
	m = buffer_new(w, cmd->data_len);
	if (!m)
		return;
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), data, cmd->data_len);
	if (flow_parse_mbuf(m, pkt_meta(m)) != (int)cmd->data_len ||
		!port_packet_valid(w, cmd->port, m)) {
		worker_drop(w, m, DROP_COMMAND_BAD);
		return;
	}
	w->stats.punt_down++;
	multicast_send(w, (uint16_t)cmd->port, m);
}
