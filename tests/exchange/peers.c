// SPDX-License-Identifier: BSD-3-Clause
// Two IKE cores and what is around them. See peers.h.
#include "peers.h"

#include "ike_sa.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_US (10 * US_PER_MS)

static uint64_t xorshift(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t net_random(struct net *net)
{
	return xorshift(&net->rng);
}

struct inet_addr addr(const char *text)
{
	struct inet_addr a;

	ck_assert_int_eq(inet_addr_parse(text, &a), 0);
	return a;
}

struct ts_list selectors(const char *text)
{
	struct ts_list list = {0};
	char copy[256], *rest = copy, *word;
	struct ts ts;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL && *word != '\0') {
		ck_assert_int_eq(ts_parse(word, &ts), 0);
		ck_assert_int_eq(ts_list_add(&list, &ts), 0);
	}
	return list;
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix p;

	ck_assert_int_eq(inet_prefix_parse(text, &p), 0);
	return p;
}

// Ops

static void op_random(void *arg, void *out, size_t len)
{
	struct peer *peer = arg;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(xorshift(&peer->rng) >> 32);
	if (len == 32 && peer->nonce_first >= 0)
		bytes[0] = (uint8_t)peer->nonce_first;
}

static int op_spi_alloc(void *arg, uint32_t worker, uint32_t *spi)
{
	struct peer *peer = arg;

	if (peer->spi_fail)
		return -ENOSPC;
	for (uint32_t slot = 0; slot < SAS_MAX; slot++) {
		if (peer->spi_slot[slot] != 0)
			continue;
		*spi = spi_make(worker == UINT32_MAX ? 0 : worker, peer->spi_generation++, slot);
		peer->spi_slot[slot] = *spi;
		peer->spi_live++;
		return 0;
	}
	return -ENOSPC;
}

static void op_spi_free(void *arg, uint32_t spi)
{
	struct peer *peer = arg;

	ck_assert_msg(peer->spi_slot[spi_slot(spi)] == spi, "%s: SPI %08x given back twice",
		peer->name, spi);
	peer->spi_late[spi_slot(spi)] = spi;
	peer->spi_slot[spi_slot(spi)] = 0;
	peer->spi_live--;
}

static int op_ref_alloc(void *arg, uint32_t worker, sa_ref_t *ref)
{
	struct peer *peer = arg;

	for (uint32_t slot = 1; slot < SAS_MAX; slot++) {
		if (peer->refs[slot] != 0)
			continue;
		*ref = spi_make(worker == UINT32_MAX ? 0 : worker, 0, slot);
		peer->refs[slot] = *ref;
		peer->ref_live++;
		return 0;
	}
	return -ENOSPC;
}

static void op_ref_free(void *arg, sa_ref_t ref)
{
	struct peer *peer = arg;

	ck_assert_msg(peer->refs[spi_slot(ref)] == ref, "%s: ref given back twice", peer->name);
	peer->refs_late[spi_slot(ref)] = ref;
	peer->refs[spi_slot(ref)] = 0;
	peer->ref_live--;
}

static void add_prefix(struct ts_list *list, const char *text)
{
	struct inet_prefix p = prefix(text);
	struct ts ts = ts_from_prefix(&p);

	ck_assert_int_eq(ts_list_add(list, &ts), 0);
}

static void add_addr(struct ts_list *list, const struct inet_addr *a)
{
	struct ts ts = ts_from_addr(a);

	ck_assert_int_eq(ts_list_add(list, &ts), 0);
}

// The draft's section 6 with RFC 5739's reply: the gateway's interface ID, two prefixes.
static void give_link(const struct cp_attrs *asked, struct ike_link_reply *reply)
{
	static const uint8_t gateway_iid[8] = {0, 0, 0, 0, 0, 0, 0, 1};
	struct inet_addr link_local = inet_addr_link_local(asked->link_iid);

	reply->reply.link = true;
	memcpy(reply->reply.link_iid, gateway_iid, 8);
	reply->reply.link_id_len = (uint8_t)snprintf((char *)reply->reply.link_id,
		sizeof(reply->reply.link_id), "link-%lu", reply->link);
	reply->reply.prefix[0] = prefix("2001:db8:1000:1::/64");
	reply->reply.prefix[1] = prefix("fd00:db8:1000:1::/64");
	reply->reply.prefix_n = 2;
	add_addr(&reply->remote, &link_local);
	add_prefix(&reply->remote, "2001:db8:1000:1::/64");
	add_prefix(&reply->remote, "fd00:db8:1000:1::/64");
}

// The link that the request names, or the next one.
static uint64_t named_link(struct peer *peer, const struct cp_attrs *asked)
{
	char text[CP_LINK_ID_MAX + 1] = "";
	unsigned long link = 0;

	memcpy(text, asked->link_id, asked->link_id_len);
	if (peer->links_last && asked->link && sscanf(text, "link-%lu", &link) == 1 && link > 0 &&
		link < peer->link_next)
		return link;
	return peer->link_next++;
}

static enum ike_link_outcome op_link_attach(
	void *arg, const struct ike_link_request *request, struct ike_link_reply *reply, uint64_t)
{
	struct peer *peer = arg;
	const struct cp_attrs *asked = request->asked;

	ck_assert_ptr_nonnull(request->peer);
	peer->asked_any = asked != NULL;
	if (asked != NULL)
		peer->asked = *asked;
	memset(reply, 0, sizeof(*reply));
	if (peer->link_mode == LINK_FAIL) {
		reply->why = "pool is empty";
		return IKE_LINK_FAILED;
	}
	if (asked == NULL || peer->link_mode == LINK_NOTHING)
		return IKE_LINK_NONE;
	reply->link = named_link(peer, asked);
	reply->reply.type = CP_REPLY;
	if (peer->link_mode == LINK_RFC5739 && asked->link) {
		give_link(asked, reply);
	} else if (asked->ip6_n > 0) {
		reply->reply.ip6_n = 1;
		reply->reply.ip6[0].addr = addr("2001:db8:2000::7");
		reply->reply.ip6[0].prefix_len = 64;
		add_addr(&reply->remote, &reply->reply.ip6[0].addr);
	}
	if (asked->ip4_n > 0) {
		reply->reply.ip4_n = 1;
		reply->reply.ip4[0] = addr("10.66.0.7");
		add_addr(&reply->remote, &reply->reply.ip4[0]);
		add_prefix(&reply->local, "0.0.0.0/0");
	}
	add_prefix(&reply->local, "::/0");
	peer->link_live++;
	peer->attached++;
	if (peer->reply_hook != NULL)
		peer->reply_hook(reply);
	peer->given = *reply;
	return IKE_LINK_OK;
}

static void op_link_detach(void *arg, uint64_t link, uint64_t, uint64_t, uint64_t)
{
	struct peer *peer = arg;

	ck_assert_uint_ne(link, 0);
	ck_assert_uint_gt(peer->link_live, 0);
	peer->link_live--;
	peer->detached++;
}

static void op_link_moved(void *arg, uint64_t link, uint64_t old, uint64_t new)
{
	struct peer *peer = arg;

	ck_assert_uint_ne(link, 0);
	ck_assert_uint_ne(old, new);
	peer->moved++;
	peer->moved_to = new;
}

static bool op_link_id_matches(void *, uint64_t link, const uint8_t *link_id, size_t len)
{
	char expected[32];
	int n = snprintf(expected, sizeof(expected), "link-%lu", link);

	return len == (size_t)n && memcmp(expected, link_id, len) == 0;
}

static const struct ike_ops ops = {
	.random = op_random,
	.spi_alloc = op_spi_alloc,
	.spi_free = op_spi_free,
	.ref_alloc = op_ref_alloc,
	.ref_free = op_ref_free,
	.link_attach = op_link_attach,
	.link_detach = op_link_detach,
	.link_moved = op_link_moved,
	.link_id_matches = op_link_id_matches,
};

// The model of the dataplane

static uint64_t key_hash(const struct ipc_sa *sa)
{
	static const uint64_t secret[2] = {1, 2};

	if (sa->encr_key_len == 0) // no cipher
		return hash_bytes(secret, sa->integ_key, sa->integ_key_len);
	return hash_bytes(secret, sa->encr_key, sa->encr_key_len);
}

static void model_in_add(struct peer *peer, const struct ipc_sa_in_add *add)
{
	struct model_in *in = &peer->in[spi_slot(add->sa.spi)];

	ck_assert_msg(peer->spi_slot[spi_slot(add->sa.spi)] == add->sa.spi ||
			peer->spi_late[spi_slot(add->sa.spi)] == add->sa.spi,
		"%s: inbound SA with an SPI that is not ours", peer->name);
	ck_assert_msg(!in->used, "%s: inbound SA added twice", peer->name);
	ck_assert(esp_suite_valid(&add->sa.suite));
	ck_assert_uint_gt(add->sa.local_ts.n, 0);
	ck_assert_uint_gt(add->sa.remote_ts.n, 0);
	in->used = true;
	in->sa = add->sa;
	in->first_use_wanted = add->sa.flags & IPC_SA_FIRST_USE_EVENT;
}

static void model_out_set(struct peer *peer, const struct ipc_sa_out_set *set)
{
	struct model_out *out = &peer->out[spi_slot(set->ref)];
	uint64_t key = key_hash(&set->sa);

	ck_assert_msg(peer->refs[spi_slot(set->ref)] == set->ref ||
			peer->refs_late[spi_slot(set->ref)] == set->ref,
		"%s: ref that is not ours", peer->name);
	ck_assert_uint_gt(set->sa.spi, 255);
	for (uint32_t i = 0; i < peer->key_n; i++)
		ck_assert_msg(peer->key_seen[i] != key, "%s: outbound key used again", peer->name);
	ck_assert_uint_lt(peer->key_n, sizeof(peer->key_seen) / sizeof(peer->key_seen[0]));
	peer->key_seen[peer->key_n++] = key;
	out->used = true;
	out->set = *set;
}

static void model_move(struct peer *peer, const struct ipc_sa_move *move)
{
	uint32_t slot = spi_slot(move->spi_or_ref);

	peer->moves++;
	if (move->direction == IPC_DIR_IN) {
		ck_assert(peer->in[slot].used);
		peer->in[slot].sa.remote = move->remote;
		peer->in[slot].sa.remote_port = move->remote_port;
	} else {
		ck_assert(peer->out[slot].used);
		peer->out[slot].set.sa.remote = move->remote;
		peer->out[slot].set.sa.remote_port = move->remote_port;
	}
}

static void model_in_del(struct peer *peer, uint32_t spi)
{
	struct model_in *in = &peer->in[spi_slot(spi)];

	ck_assert_msg(in->used && in->sa.spi == spi, "%s: inbound SA deleted twice", peer->name);
	in->used = false;
}

static void model_out_del(struct peer *peer, sa_ref_t ref)
{
	struct model_out *out = &peer->out[spi_slot(ref)];

	ck_assert_msg(
		out->used && out->set.ref == ref, "%s: outbound SA deleted twice", peer->name);
	out->used = false;
}

uint32_t peer_in_count(const struct peer *peer)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SAS_MAX; i++)
		n += peer->in[i].used;
	return n;
}

uint32_t peer_out_count(const struct peer *peer)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SAS_MAX; i++)
		n += peer->out[i].used;
	return n;
}

// The net

static void queue_packet(struct net *net, struct packet *packet)
{
	struct packet **at = &net->queue;

	while (*at != NULL && (*at)->due_us <= packet->due_us)
		at = &(*at)->next;
	packet->next = *at;
	*at = packet;
}

static struct packet *packet_copy(const struct packet *packet)
{
	struct packet *copy = malloc(sizeof(*copy));

	*copy = *packet;
	copy->data = malloc(packet->len);
	memcpy(copy->data, packet->data, packet->len);
	return copy;
}

static void packet_free(struct packet *packet)
{
	free(packet->data);
	free(packet);
}

// What the NAT in front of `a` does to a packet.
static void nat_rewrite(struct net *net, struct packet *packet)
{
	if (!net->nat)
		return;
	if (inet_addr_equal(&packet->src, &net->a.addr)) {
		packet->src = net->nat_addr;
		packet->src_port = (uint16_t)(packet->src_port + net->nat_port_offset);
	} else if (inet_addr_equal(&packet->dst, &net->nat_addr)) {
		packet->dst = net->a.addr;
		packet->dst_port = (uint16_t)(packet->dst_port - net->nat_port_offset);
	}
}

void net_send_raw(struct net *net, const struct packet *packet)
{
	struct packet *copy = packet_copy(packet);

	copy->number = ++net->sent;
	if (copy->due_us == 0)
		copy->due_us = net->now_us + LATENCY_US;
	nat_rewrite(net, copy);
	if (net->down || copy->number == net->drop_number ||
		xorshift(&net->rng) % 100 < net->loss_percent ||
		(net->filter != NULL && !net->filter(net, copy))) {
		packet_free(copy);
		return;
	}
	if (net->duplicate_all || copy->number == net->dup_number ||
		xorshift(&net->rng) % 100 < net->dup_percent) {
		struct packet *twice = packet_copy(copy);

		twice->due_us += LATENCY_US + xorshift(&net->rng) % (5 * LATENCY_US);
		queue_packet(net, twice);
	}
	if (xorshift(&net->rng) % 100 < net->reorder_percent)
		copy->due_us += xorshift(&net->rng) % (3 * US_PER_S);
	queue_packet(net, copy);
}

// A pair of key and IV is used for one message only (all suites here are AEADs: IV behind the SK
// header).
static void check_iv(struct net *net, const struct peer *peer, const struct ike_datagram *d)
{
	static const uint64_t secret[2] = {3, 4};
	uint8_t text[16 + 8 + 8];
	uint64_t key, message = hash_bytes(secret, d->data, d->len);

	if (d->len < 44 || (d->data[16] != PAYLOAD_SK && d->data[16] != PAYLOAD_SKF))
		return;
	memcpy(text, d->data, 16);
	memcpy(text + 16, d->data + (d->data[16] == PAYLOAD_SK ? 32 : 36), 8);
	memcpy(text + 24, &peer, 8);
	key = hash_bytes(secret, text, sizeof(text));
	for (uint32_t i = (uint32_t)key;; i++) {
		uint32_t at = i % (sizeof(net->iv) / sizeof(net->iv[0]));

		if (net->iv[at].key == 0) {
			net->iv[at].key = key;
			net->iv[at].message = message;
			return;
		}
		if (net->iv[at].key == key) {
			ck_assert_msg(
				net->iv[at].message == message, "%s: IV used twice", peer->name);
			return;
		}
	}
}

// The message opened, handed to net->edit, and sealed again.
static void edit_packet(struct peer *peer, struct packet *packet, uint8_t *out, size_t cap)
{
	static uint8_t copy[IKE_MESSAGE_MAX], chain[EDIT_MAX];
	uint8_t iv[16] = {0}, *inner, first;
	struct ike_msg msg;
	struct ike_sa *sa;
	size_t len;
	int n;

	memcpy(copy, packet->data, packet->len);
	if (ike_msg_parse(copy, packet->len, &msg) != 0 || msg.n == 0 ||
		msg.payload[msg.n - 1].type != PAYLOAD_SK)
		return;
	sa = ike_sa_by_spi(peer->ike,
		msg.header.flags & IKE_FLAG_INITIATOR ? msg.header.spi_i : msg.header.spi_r);
	ck_assert_ptr_nonnull(sa);
	ck_assert_int_eq(
		sk_open(&sa->keys, sa->initiator, copy, packet->len, &msg, &inner, &len, &first),
		0);
	ck_assert_uint_lt(len, EDIT_MAX);
	memcpy(chain, inner, len);
	len = peer->net->edit(&msg.header, first, chain, len);
	n = sk_seal(&sa->keys, sa->initiator, &msg.header, first, chain, len, sa->iv_counter++, iv,
		out, cap);
	ck_assert_int_gt(n, 0);
	packet->data = out;
	packet->len = (uint32_t)n;
}

static void send_datagram(struct peer *peer, const struct ike_datagram *d)
{
	struct packet packet = {.src = d->local,
		.dst = d->remote,
		.src_port = d->local_port,
		.dst_port = d->remote_port,
		.natt = d->natt,
		.from = peer,
		.len = d->len,
		.data = (uint8_t *)(uintptr_t)d->data};

	uint8_t edited[EDIT_MAX + 1000];

	peer->sent++;
	check_iv(peer->net, peer, d);
	if (peer->net->edit != NULL)
		edit_packet(peer, &packet, edited, sizeof(edited));
	net_send_raw(peer->net, &packet);
}

static void note_event(struct peer *peer, const struct ike_event *event)
{
	peer->event_n[event->type]++;
	snprintf(peer->event_text[event->type], 256, "%s", event->text);
	if (event->type == IKE_EVENT_MESSAGE_OUT)
		snprintf(peer->log[peer->log_n++ % 64], 256, "%s", event->text);
	if (getenv("EXCHANGE_TRACE") != NULL)
		fprintf(stderr, "%12.6f %-8s %-14s %s\n", (double)peer->net->now_us / 1e6,
			peer->name, ike_event_name(event->type), event->text);
}

static void note_child(struct peer *peer, const struct ike_effect *effect)
{
	uint32_t tag =
		effect->connection.tag < HEARD_TAGS ? effect->connection.tag : HEARD_TAGS - 1;

	ck_assert_uint_ne(tag, 0);
	if (effect->type == IKE_CONNECTION_CHILD_UP)
		peer->child[tag].up++;
	else
		peer->child[tag].down++;
	peer->child[tag].last = *effect;
}

// Whoever carries the effect out looks at it: it is of the configuration that stands.
static void look_at(const struct config_connection *connection)
{
	ck_assert_uint_gt(strnlen(connection->name, sizeof(connection->name)), 0);
	ck_assert_uint_lt(connection->child_n, CONFIG_CHILDREN + 1);
}

static void carry_out(struct peer *peer, const struct ike_effect *effect)
{
	if (effect->type >= IKE_CONNECTION_UP)
		look_at(effect->connection.connection);
	switch (effect->type) {
	case IKE_SEND:
		send_datagram(peer, &effect->send.datagram);
		break;
	case IKE_SA_IN_ADD:
		model_in_add(peer, &effect->in_add);
		break;
	case IKE_SA_OUT_SET:
		model_out_set(peer, &effect->out_set);
		break;
	case IKE_SA_IN_DEL:
		model_in_del(peer, effect->spi);
		break;
	case IKE_SA_OUT_DEL:
		model_out_del(peer, effect->ref);
		break;
	case IKE_SA_MOVE:
		model_move(peer, &effect->move);
		break;
	case IKE_EVENT:
		note_event(peer, &effect->event);
		break;
	case IKE_KEYLOG:
		peer->keylogs++;
		break;
	case IKE_CONNECTION_UP:
		peer->up++;
		peer->cp = effect->connection.cp;
		memcpy(peer->interface_id, effect->connection.interface_id, 8);
		break;
	case IKE_CONNECTION_CHILD_UP:
	case IKE_CONNECTION_CHILD_DOWN:
		note_child(peer, effect);
		break;
	case IKE_CONNECTION_DOWN:
		peer->down++;
		memcpy(peer->why, effect->connection.why, sizeof(peer->why));
		break;
	}
}

void peer_drain(struct peer *peer)
{
	struct ike_effect *effect;

	while ((effect = ike_effect_take(peer->ike)) != NULL) {
		carry_out(peer, effect);
		ike_effect_free(effect);
	}
	memset(peer->spi_late, 0, sizeof(peer->spi_late));
	memset(peer->refs_late, 0, sizeof(peer->refs_late));
}

static void deliver(struct net *net, struct packet *packet)
{
	struct peer *to = inet_addr_equal(&packet->dst, &net->a.addr) ? &net->a : &net->b;
	struct ike_datagram d = {.local = packet->dst,
		.remote = packet->src,
		.local_port = packet->dst_port,
		.remote_port = packet->src_port,
		.natt = packet->natt,
		.len = packet->len,
		.data = packet->data};

	if (inet_addr_equal(&packet->dst, &to->addr))
		ike_receive(to->ike, &d, net->now_us);
	peer_drain(to);
}

// What `from` sends now, can `to` take it in?
static bool one_way(struct peer *from, struct peer *to, bool use)
{
	bool good = true;

	for (uint32_t i = 0; i < SAS_MAX; i++) {
		const struct ipc_sa *out = &from->out[i].set.sa;
		struct model_in *in = &to->in[spi_slot(out->spi)];

		if (!from->out[i].used)
			continue;
		if (!in->used || in->sa.spi != out->spi ||
			in->sa.encr_key_len != out->encr_key_len ||
			memcmp(in->sa.encr_key, out->encr_key, out->encr_key_len) != 0 ||
			memcmp(in->sa.integ_key, out->integ_key, out->integ_key_len) != 0 ||
			!ts_list_equal(&in->sa.remote_ts, &out->local_ts) ||
			!ts_list_equal(&in->sa.local_ts, &out->remote_ts) ||
			(in->sa.flags & IPC_SA_ESN) != (out->flags & IPC_SA_ESN)) {
			good = false;
			continue;
		}
		if (use && in->first_use_wanted) {
			in->first_use_wanted = false;
			ike_on_first_use(to->ike, in->sa.spi, to->net->now_us);
			peer_drain(to);
		}
	}
	return good;
}

bool net_traffic(struct net *net)
{
	bool good = one_way(&net->a, &net->b, true);

	return one_way(&net->b, &net->a, true) && good;
}

static uint64_t next_us(const struct net *net)
{
	uint64_t next = net->queue == NULL ? CLOCK_NEVER : net->queue->due_us;

	if (ike_next_us(net->a.ike) < next)
		next = ike_next_us(net->a.ike);
	if (ike_next_us(net->b.ike) < next)
		next = ike_next_us(net->b.ike);
	return next;
}

static void step(struct net *net, uint64_t next)
{
	struct packet *packet = net->queue;

	if (next > net->now_us)
		net->now_us = next;
	if (packet != NULL && packet->due_us <= net->now_us) {
		net->queue = packet->next;
		deliver(net, packet);
		packet_free(packet);
	} else {
		ike_timeout(net->a.ike, net->now_us);
		peer_drain(&net->a);
		ike_timeout(net->b.ike, net->now_us);
		peer_drain(&net->b);
	}
	if (net->check_traffic) {
		net->traffic_checks++;
		ck_assert_msg(one_way(&net->a, &net->b, false), "a packet of a's would be lost");
		ck_assert_msg(one_way(&net->b, &net->a, false), "a packet of b's would be lost");
	}
}

void net_run(struct net *net, uint64_t us)
{
	uint64_t end = net->now_us + us, next;

	while ((next = next_us(net)) <= end)
		step(net, next);
	net->now_us = end;
}

void net_settle(struct net *net)
{
	net_run(net, 2 * US_PER_S);
}

// Start and end

static void proposals(struct config *config)
{
	config->ike.n = 1;
	config->ike.proposal[0] = (struct config_proposal){
		.encr_n = 1,
		.encr = {alg_encr_find(ENCR_AES_GCM_16, 128)},
		.prf_n = 1,
		.prf = {alg_prf_find(PRF_HMAC_SHA2_256)},
		.dh_n = 1,
		.dh = {alg_dh_find(DH_X25519)},
	};
	config->esp.n = 1;
	config->esp.proposal[0] = (struct config_proposal){
		.encr_n = 1,
		.encr = {alg_encr_find(ENCR_AES_GCM_16, 128)},
		.esn_yes = true,
		.esn_no = true,
	};
}

static void common_config(struct config *config)
{
	proposals(config);
	config->life = (struct config_lifetimes){
		.ike_rekey_s = 0,
		.child_rekey_s = 0,
		.jitter_percent = 10,
		.liveness_s = 30,
		.retransmit_tries = 6,
		.half_open_s = 30,
	};
	config->replay_window = 128;
	config->fragmentation = true;
	config->fragment_size = 1280;
	config->half_open_max = 100;
	config->limits = (struct config_limits){.cookie_threshold = UINT32_MAX,
		.half_open_source_max = UINT32_MAX,
		.init_source_rate = US_PER_S,
		.ike_sas_max = 512,
		.children_max = CHILDREN_MAX};
}

static void set_secret(struct secret *secret, const char *text)
{
	secret_set(secret, text, strlen(text));
}

static void peer_init(struct peer *peer, struct net *net, const char *name, uint64_t seed)
{
	peer->name = name;
	peer->net = net;
	peer->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	peer->nonce_first = -1;
	peer->ops = ops;
	peer->link_next = 1;
	common_config(&peer->config);
}

void net_init(struct net *net, uint64_t seed)
{
	struct peer *a = &net->a, *b = &net->b;

	memset(net, 0, sizeof(*net));
	net->now_us = 1000 * US_PER_S;
	net->rng = seed * 2 + 1;
	net->nat_addr = addr("203.0.113.9");
	net->nat_port_offset = 10000;
	peer_init(a, net, "client", seed * 2 + 11);
	peer_init(b, net, "gateway", seed * 2 + 12);
	a->addr = addr("192.0.2.2");
	b->addr = addr("192.0.2.1");

	a->config.connection_n = 1;
	a->config.connection = &a->connection;
	snprintf(a->connection.name, sizeof(a->connection.name), "home");
	ck_assert_int_eq(config_id_parse("alice@example.org", &a->connection.id), 0);
	ck_assert_int_eq(config_id_parse("gw.example.org", &a->connection.gateway_id), 0);
	set_secret(&a->connection.psk, "alice-secret");
	a->connection.gateway = b->addr;
	a->connection.link = true;
	a->connection.ipv4 = true;

	b->config.gateway.present = true;
	ck_assert_int_eq(config_id_parse("gw.example.org", &b->config.gateway.id), 0);
	b->config.gateway.peer = b->pad;
	b->config.gateway.peer_n = 1;
	ck_assert_int_eq(config_id_parse("alice@example.org", &b->pad[0].id), 0);
	set_secret(&b->pad[0].psk, "alice-secret");
	b->pad[0].profile = &b->profile;
}

void net_start(struct net *net)
{
	if (getenv("EXCHANGE_TRACE") == NULL) {
		log_init("exchange");
		log_set_level("*", LOG_ERR);
	}
	net->a.ike = ike_new(&net->a.config, &net->a.ops, &net->a);
	net->b.ike = ike_new(&net->b.config, &net->b.ops, &net->b);
	ck_assert_ptr_nonnull(net->a.ike);
	ck_assert_ptr_nonnull(net->b.ike);
}

void net_restart_client(struct net *net)
{
	struct peer *a = &net->a;

	ike_free(a->ike);
	memset(a->in, 0, sizeof(a->in));
	memset(a->out, 0, sizeof(a->out));
	memset(a->spi_slot, 0, sizeof(a->spi_slot));
	memset(a->refs, 0, sizeof(a->refs));
	a->spi_live = 0;
	a->ref_live = 0;
	a->ike = ike_new(&a->config, &a->ops, a);
	ck_assert_ptr_nonnull(a->ike);
}

int net_connect(struct net *net)
{
	int ret = ike_initiate(net->a.ike, net->a.config.connection, &net->a.addr, net->now_us);

	peer_drain(&net->a);
	return ret;
}

static void nothing_left(const struct peer *peer)
{
	ck_assert_msg(peer->spi_live == 0, "%s: %u SPIs leaked", peer->name, peer->spi_live);
	ck_assert_msg(peer->ref_live == 0, "%s: %u refs leaked", peer->name, peer->ref_live);
	ck_assert_msg(peer->link_live == 0, "%s: %u links leaked", peer->name, peer->link_live);
	ck_assert_uint_eq(peer_in_count(peer), 0);
	ck_assert_uint_eq(peer_out_count(peer), 0);
}

void net_fini(struct net *net)
{
	while (net->queue != NULL) {
		struct packet *packet = net->queue;

		net->queue = packet->next;
		packet_free(packet);
	}
	ike_free(net->a.ike);
	ike_free(net->b.ike);
}

static void terminate_all(struct peer *peer)
{
	struct sas sas;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		ike_sa_terminate(peer->ike, sas.info[i].ike_sa, peer->net->now_us);
	peer_drain(peer);
}

void net_finish(struct net *net)
{
	struct sas sas;

	net->loss_percent = net->dup_percent = net->reorder_percent = 0;
	net->filter = NULL;
	net->down = false;
	net->check_traffic = false;
	terminate_all(&net->a);
	net_run(net, 5 * US_PER_S);
	terminate_all(&net->b);
	net_run(net, 400 * US_PER_S);
	for (int i = 0; i < 2; i++) {
		peer_sas(i == 0 ? &net->a : &net->b, &sas);
		ck_assert_msg(sas.n == 0, "%u IKE SAs of %s are left", sas.n, i == 0 ? "a" : "b");
	}
	nothing_left(&net->a);
	nothing_left(&net->b);
	ck_assert_uint_eq(net->a.ike->sa_n, 0);
	ck_assert_uint_eq(net->b.ike->sa_n, 0);
	ck_assert_uint_eq(net->a.ike->half_open_n, 0);
	ck_assert_uint_eq(net->b.ike->half_open_n, 0);
	net_fini(net);
}

// Looking

static bool collect(void *arg, const struct ike_sa_info *info)
{
	struct sas *sas = arg;

	if (sas->n < 16)
		sas->info[sas->n++] = *info;
	return true;
}

void peer_sas(const struct peer *peer, struct sas *out)
{
	out->n = 0;
	ike_foreach(peer->ike, collect, out);
}

uint64_t peer_ike_sa(const struct peer *peer)
{
	struct sas sas;
	uint64_t handle = 0;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		if (sas.info[i].state == IKE_SA_ESTABLISHED && sas.info[i].child_n > 0)
			handle = sas.info[i].ike_sa;
	ck_assert_uint_ne(handle, 0);
	return handle;
}

uint64_t peer_child(const struct peer *peer)
{
	struct sas sas;
	uint64_t handle = 0;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		for (uint32_t j = 0; j < sas.info[i].child_n; j++)
			handle = sas.info[i].child[j].child;
	ck_assert_uint_ne(handle, 0);
	return handle;
}

struct ike_counters peer_counters(const struct peer *peer)
{
	struct ike_counters counters;

	ike_counters(peer->ike, &counters);
	return counters;
}

bool peer_sent_text(const struct peer *peer, const char *text)
{
	for (uint32_t i = 0; i < 64 && i < peer->log_n; i++)
		if (strstr(peer->log[i], text) != NULL)
			return true;
	return false;
}

uint32_t peer_sent_count(const struct peer *peer, const char *text)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 64 && i < peer->log_n; i++)
		n += strstr(peer->log[i], text) != NULL;
	return n;
}

void net_check_up(struct net *net)
{
	ck_assert_uint_gt(peer_out_count(&net->a), 0);
	ck_assert_uint_gt(peer_out_count(&net->b), 0);
	ck_assert(net_traffic(net));
}

static uint32_t children(const struct peer *peer, struct ike_child_info out[32])
{
	struct sas sas;
	uint32_t n = 0;

	peer_sas(peer, &sas);
	for (uint32_t i = 0; i < sas.n; i++)
		for (uint32_t j = 0; j < sas.info[i].child_n && n < 32; j++)
			out[n++] = sas.info[i].child[j];
	return n;
}

void net_check_mirror(struct net *net)
{
	struct ike_child_info a[32], b[32];
	uint32_t an = children(&net->a, a), bn = children(&net->b, b);

	ck_assert_uint_eq(an, bn);
	for (uint32_t i = 0; i < an; i++) {
		bool found = false;

		for (uint32_t j = 0; j < bn; j++)
			found |= a[i].spi_in == b[j].spi_out && a[i].spi_out == b[j].spi_in &&
				ts_list_equal(&a[i].local, &b[j].remote) &&
				ts_list_equal(&a[i].remote, &b[j].local);
		ck_assert_msg(
			found, "child SA %08x/%08x is on one side only", a[i].spi_in, a[i].spi_out);
	}
	ck_assert_uint_eq(peer_in_count(&net->a), an);
	ck_assert_uint_eq(peer_out_count(&net->a), an);
	ck_assert_uint_eq(peer_in_count(&net->b), bn);
	ck_assert_uint_eq(peer_out_count(&net->b), bn);
	ck_assert_uint_eq(net->a.spi_live, an);
	ck_assert_uint_eq(net->b.spi_live, bn);
}

static uint8_t craft_chain[8192];
static struct ike_builder craft;

struct ike_builder *craft_begin(void)
{
	ike_build_init(&craft, craft_chain, sizeof(craft_chain));
	return &craft;
}

void craft_send(
	struct peer *from, uint64_t handle, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	struct ike_sa *sa = ike_sa_by_handle(from->ike, handle);
	struct ike_header header = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = 0x20,
		.exchange = exchange,
		.flags = flags | (sa->initiator ? IKE_FLAG_INITIATOR : 0),
		.message_id = message_id};
	uint8_t iv[16] = {0}, out[9000];
	int len = ike_build_finish(&craft);
	struct ike_datagram d = {.local = sa->path.local,
		.remote = sa->path.remote,
		.local_port = sa->path.local_port,
		.remote_port = sa->path.remote_port,
		.natt = sa->path.natt,
		.data = out};

	ck_assert_int_ge(len, 0);
	len = sk_seal(&sa->keys, sa->initiator, &header, craft.first, craft_chain, (size_t)len,
		sa->iv_counter++, iv, out, sizeof(out));
	ck_assert_int_gt(len, 0);
	d.len = (uint32_t)len;
	send_datagram(from, &d);
}

int suite_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
