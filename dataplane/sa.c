// SPDX-License-Identifier: BSD-3-Clause
// From the configured SA of a command to the runtime records: checks, outer header template, path
// MTU, limits. The worker that owns the SA. RFC 4303, 3948, 4301 section 5.1.2.
#include "sa.h"

#include "flow.h"

#include <rte_byteorder.h>

#include <errno.h>
#include <string.h>

#define HOP_LIMIT_DEFAULT 64
#define IP6_MTU_MIN 1280
#define IP4_MTU_MIN 68
#define MTU_MAX 65535

#define KNOWN_FLAGS                                                                                \
	(IPC_SA_ENCAP | IPC_SA_ESN | IPC_SA_COPY_DSCP | IPC_SA_ECN | IPC_SA_COPY_DF |              \
		IPC_SA_FIRST_USE_EVENT)

static bool window_valid(uint32_t window)
{
	return window == 0 ||
		(window >= REPLAY_SIZE_MIN && window <= REPLAY_SIZE_MAX &&
			(window & (window - 1)) == 0);
}

bool sa_endpoints_valid(const struct inet_addr *local, const struct inet_addr *remote, bool encap,
	uint16_t local_port, uint16_t remote_port)
{
	if (!inet_addr_valid(local) || !inet_addr_valid(remote) || local->family != remote->family)
		return false;
	if (inet_addr_is_unspecified(local) || inet_addr_is_unspecified(remote) ||
		inet_addr_is_multicast(local) || inet_addr_is_multicast(remote))
		return false;
	return !encap || (local_port && remote_port);
}

int sa_check(const struct ipc_sa *sa, bool inbound, struct crypto_shape *shape)
{
	const struct alg_encr *encr;
	const struct alg_integ *integ;
	int ret = crypto_shape(&sa->suite, shape);

	if (ret)
		return ret;
	encr = alg_encr_find(sa->suite.encr, sa->suite.key_bits);
	integ = alg_integ_find(sa->suite.integ);
	if (sa->encr_key_len != (uint32_t)encr->key_len + encr->salt_len ||
		sa->integ_key_len != (encr->aead ? 0u : integ->key_len))
		return -EINVAL;
	if ((sa->flags & ~KNOWN_FLAGS) || sa->suite.esn > 1 ||
		((sa->flags & IPC_SA_ESN) && !sa->suite.esn))
		return -EINVAL;
	if (sa->spi <= 255)
		return -EINVAL;
	if (!sa_endpoints_valid(&sa->local, &sa->remote, sa->flags & IPC_SA_ENCAP, sa->local_port,
		    sa->remote_port))
		return -EINVAL;
	if (inbound && !window_valid(sa->replay_window))
		return -EINVAL;
	if (!selectors_valid(&sa->local_ts) || !selectors_valid(&sa->remote_ts))
		return -EINVAL;
	return 0;
}

static void cold_init(struct sa_cold *cold, const struct ipc_sa *sa)
{
	*cold = (struct sa_cold){
		.link = sa->link,
		.cookie = sa->cookie,
		.child = sa->child,
		.spi = sa->spi,
		.flags = sa->flags | (sa->suite.esn ? IPC_SA_ESN : 0),
		.suite = sa->suite,
		.local = sa->local,
		.remote = sa->remote,
		.local_port = sa->local_port,
		.remote_port = sa->remote_port,
		.replay_window = sa->replay_window,
		.life = sa->life,
	};
}

// `limit` as far as a signed counter reaches; 0 is none.
static uint64_t limit_of(uint64_t limit)
{
	return limit && limit < INT64_MAX ? limit : INT64_MAX;
}

// The next point at which somebody must look at the bytes: the soft limit reached, or the hard one
// exceeded.
static uint64_t bytes_threshold(const struct sa_cold *cold)
{
	uint64_t hard = limit_of(cold->life.hard_bytes);
	uint64_t soft = limit_of(cold->life.soft_bytes);

	if (cold->told & SA_TOLD_SOFT_BYTES || soft == INT64_MAX)
		return hard;
	return RTE_MIN(soft - 1, hard);
}

void sa_in_rearm(struct sa_in *sa, struct sa_in_cold *cold)
{
	struct sa_cold *base = &cold->base;
	uint64_t bytes = sa_bytes(base, sa->bytes_left);
	uint64_t pkts = base->pkts_limit - (uint64_t)sa->pkts_left;
	uint64_t soft = limit_of(base->life.soft_pkts);

	base->bytes_limit = bytes_threshold(base);
	sa->bytes_left = (int64_t)(base->bytes_limit - bytes);
	base->pkts_limit = limit_of(base->life.hard_pkts);
	if (!(base->told & SA_TOLD_SOFT_PKTS) && soft != INT64_MAX)
		base->pkts_limit = RTE_MIN(base->pkts_limit, soft - 1);
	if ((base->flags & IPC_SA_FIRST_USE_EVENT) && !(base->told & SA_TOLD_FIRST_USE))
		base->pkts_limit = 0;
	sa->pkts_left = (int64_t)(base->pkts_limit - pkts);
}

void sa_out_rearm(struct sa_out *sa, struct sa_out_cold *cold)
{
	struct sa_cold *base = &cold->base;
	uint64_t bytes = sa_bytes(base, sa->bytes_left);
	uint64_t soft = limit_of(base->life.soft_pkts);

	base->bytes_limit = bytes_threshold(base);
	sa->bytes_left = (int64_t)(base->bytes_limit - bytes);
	if (sa->flags & SA_DEAD) {
		sa->seq_event = 0;
		return;
	}
	sa->seq_event = RTE_MIN(limit_of(base->life.hard_pkts), sa_seq_max(sa->flags)) + 1;
	if (!(base->told & SA_TOLD_SOFT_SEQ))
		sa->seq_event = RTE_MIN(sa->seq_event, sa_seq_soft(sa->flags));
	if (!(base->told & SA_TOLD_SOFT_PKTS))
		sa->seq_event = RTE_MIN(sa->seq_event, soft);
}

uint64_t sa_peer(uint8_t family, const uint8_t *addr, uint16_t port_be)
{
	uint32_t v4;
	uint64_t v6[2];

	if (family == AF_INET) {
		memcpy(&v4, addr, 4);
		return (uint64_t)v4 << 16 | port_be;
	}
	memcpy(v6, addr, 16);
	return flow_mix(v6[0] ^ flow_seed[0] ^ port_be, v6[1] ^ flow_seed[1]);
}

static uint16_t hot_flags(const struct ipc_sa *sa, const struct crypto_shape *shape)
{
	return (uint16_t)((sa->flags & IPC_SA_ENCAP ? SA_ENCAP : 0) | (sa->suite.esn ? SA_ESN : 0) |
		(shape->iv_len == 0 ? SA_NO_IV : 0));
}

int sa_in_init(struct sa_in *sa, struct sa_in_cold *cold, struct selectors_wide *wide,
	struct sa_far_window *far, const struct ipc_sa_in_add *cmd,
	const struct crypto_shape *shape, struct crypto *crypto)
{
	const struct ipc_sa *conf = &cmd->sa;
	const struct crypto_backend *backend = crypto_backend(crypto, shape->class);

	cold_init(&cold->base, conf);
	cold->told_peer = 0;
	sa->spi = conf->spi;
	memcpy(&sa->salt, conf->encr_key + conf->encr_key_len - shape->salt_len, shape->salt_len);
	sa->link = conf->link;
	sa->peer = sa_peer(
		conf->remote.family, conf->remote.bytes, rte_cpu_to_be_16(conf->remote_port));
	sa->flags = hot_flags(conf, shape);
	sa->window = (uint16_t)conf->replay_window;
	if (sa->window == 0) { // the top is followed all the same: ESN needs it
		sa->window = REPLAY_SIZE_MIN;
		sa->flags |= SA_NO_REPLAY;
	}
	if (sa->window > SA_NEAR_WORDS * 64)
		sa->flags |= SA_FAR_WINDOW;
	sa->class = (uint8_t)shape->class;
	sa->iv_len = shape->iv_len;
	sa->icv_len = shape->icv_len;
	sa->pad_mask = (uint8_t)(shape->block - 1);
	memset(sa->flags & SA_FAR_WINDOW ? far->words : sa->near_window, 0, sa->window / 8);
	selectors_compile(&cold->plain, wide, &conf->remote_ts, &conf->local_ts, NULL, 0);
	selectors_filter(&sa->selectors, wide, &cold->plain, cmd->ingress, cmd->ingress_n);
	sa_in_rearm(sa, cold);
	return backend->key_init(crypto, sa->key, &conf->suite, conf->encr_key, conf->integ_key);
}

int sa_out_init(struct sa_out *sa, struct sa_out_cold *cold, struct selectors_wide *wide,
	const struct ipc_sa_out_set *cmd, const struct crypto_shape *shape, struct crypto *crypto)
{
	const struct ipc_sa *conf = &cmd->sa;
	const struct crypto_backend *backend = crypto_backend(crypto, shape->class);

	cold_init(&cold->base, conf);
	cold->next = cmd->next;
	cold->mtu = cmd->mtu;
	cold->hop_limit = cmd->hop_limit ? cmd->hop_limit : HOP_LIMIT_DEFAULT;
	memcpy(&sa->salt, conf->encr_key + conf->encr_key_len - shape->salt_len, shape->salt_len);
	sa->adj = UINT32_MAX;
	sa->ref = cmd->ref;
	sa->flags = hot_flags(conf, shape);
	if (conf->flags & IPC_SA_COPY_DF)
		sa->flags |= SA_COPY_DF;
	if (shape->counter_iv)
		sa->flags |= SA_COUNTER_IV;
	if (conf->flags & IPC_SA_COPY_DSCP)
		sa->shape.tos_mask |= 0xfc;
	if (conf->flags & IPC_SA_ECN)
		sa->shape.tos_mask |= 0x03;
	sa->shape.class = (uint8_t)shape->class;
	sa->shape.icv_len = shape->icv_len;
	sa->shape.pad_mask = (uint8_t)(shape->block - 1);
	sa->shape.header_len = (uint8_t)(8 + shape->iv_len); // the outer part is the template's
	sa_out_template(sa, cold);
	selectors_compile(&sa->selectors, wide, &conf->local_ts, &conf->remote_ts, NULL, 0);
	sa_out_rearm(sa, cold);
	return backend->key_init(crypto, sa->key, &conf->suite, conf->encr_key, conf->integ_key);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// The lengths that enum sa_kind promises are those of this SA.
static enum sa_kind kind_of(const struct sa_out *sa, uint32_t inner)
{
	if ((sa->flags & ~SA_OUTER6) != SA_COUNTER_IV || inner != 8 + SA_AEAD_IV ||
		sa->shape.icv_len != SA_AEAD_ICV || sa->shape.pad_mask != SA_AEAD_PAD_MASK)
		return SA_KIND_ANY;
	return sa->flags & SA_OUTER6 ? SA_KIND_AEAD6 : SA_KIND_AEAD4;
}

static uint16_t partial_sum(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2) {
		uint16_t word;

		memcpy(&word, p + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void sa_out_template(struct sa_out *sa, const struct sa_out_cold *cold)
{
	const struct sa_cold *base = &cold->base;
	bool six = base->remote.family == AF_INET6;
	uint8_t inner = (uint8_t)(sa->shape.header_len - sa->shape.esp_off); // ESP header and IV
	uint8_t *end = sa->header + SA_HEADER_BYTES - 4, *udp = end, *ip;
	uint8_t proto = IPPROTO_ESP;

	memset(sa->header, 0, SA_HEADER_BYTES);
	end[0] = (uint8_t)(base->spi >> 24);
	end[1] = (uint8_t)(base->spi >> 16);
	put16(end + 2, (uint16_t)base->spi);
	if (sa->flags & SA_ENCAP) {
		udp -= 8;
		put16(udp, base->local_port);
		put16(udp + 2, base->remote_port);
		proto = IPPROTO_UDP;
	}
	if (six) {
		ip = udp - 40;
		ip[0] = 0x60;
		ip[6] = proto;
		ip[7] = cold->hop_limit;
		memcpy(ip + 8, base->local.bytes, 16);
		memcpy(ip + 24, base->remote.bytes, 16);
		sa->flags |= SA_OUTER6;
	} else {
		ip = udp - 20;
		ip[0] = 0x45;
		ip[6] = 0x40; // DF
		ip[8] = cold->hop_limit;
		ip[9] = proto;
		memcpy(ip + 12, base->local.bytes, 4);
		memcpy(ip + 16, base->remote.bytes, 4);
		sa->sum4 = partial_sum(ip, 20);
		sa->flags &= (uint16_t)~SA_OUTER6;
	}
	sa->shape.family = base->remote.family;
	sa->shape.esp_off = (uint8_t)(end - ip);
	sa->shape.header_len = (uint8_t)(sa->shape.esp_off + inner);
	sa->shape.kind = (uint8_t)kind_of(sa, inner);
}

void sa_out_fit(struct sa_out *sa, uint32_t mtu)
{
	uint32_t around = (uint32_t)sa->shape.header_len + sa->shape.icv_len;
	uint32_t room = RTE_MIN(mtu, (uint32_t)MTU_MAX);
	uint32_t inner = 0;

	// Trailer: padding to the block, pad length, next header. RFC 4303 section 2.4.
	if (room > around + sa->shape.pad_mask)
		inner = ((room - around) & ~(uint32_t)sa->shape.pad_mask) - 2;
	sa->max4 = (uint16_t)RTE_MAX(inner, (uint32_t)IP4_MTU_MIN);
	// No IPv6 link may take less than 1280: what is longer outside is fragmented there.
	sa->max6 = (uint16_t)RTE_MAX(inner, (uint32_t)IP6_MTU_MIN);
}
