// SPDX-License-Identifier: BSD-3-Clause
// One worker's ESP: its tables and the commands that change them (esp_info.c tells of them). Commands
// come from another process: everything is checked before anything changes. The worker's thread.
// RFC 4301 section 4.4.2.
#include "esp.h"

#include "esp_impl.h"
#include "secret.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MTU_MIN 256
#define MTU_MAX 65535

static bool config_valid(const struct esp_config *config)
{
	return config->slots && !(config->slots & (config->slots - 1)) &&
		config->slots <= 1u << SPI_SLOT_BITS &&
		spi_worker(spi_make(config->worker, 0, 0)) == config->worker && config->drops &&
		config->tsc_hz;
}

struct esp *esp_new(const struct esp_config *config)
{
	struct esp *esp;
	uint64_t slots = config->slots;

	if (!config_valid(config)) {
		errno = EINVAL;
		return NULL;
	}
	esp = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*esp), 64));
	if (!esp)
		return NULL;
	memset(esp, 0, sizeof(*esp));
	esp->slots = config->slots;
	esp->worker = config->worker;
	esp->drops = config->drops;
	esp->tsc_hz = config->tsc_hz;
	esp->mtu_default = 1500;
	if (sad_set_init(&esp->in_set, config->slots) || sad_set_init(&esp->out_set, config->slots))
		goto fail;
	esp->in = sad_map(slots * sizeof(*esp->in), true);
	esp->out = sad_map(slots * sizeof(*esp->out), true);
	esp->in_cold = sad_map(slots * sizeof(*esp->in_cold), true);
	esp->out_cold = sad_map(slots * sizeof(*esp->out_cold), true);
	esp->in_wide = sad_map(slots * sizeof(*esp->in_wide), false);
	esp->out_wide = sad_map(slots * sizeof(*esp->out_wide), false);
	esp->in_far = sad_map(slots * sizeof(*esp->in_far), false);
	if (!esp->in || !esp->out || !esp->in_cold || !esp->out_cold || !esp->in_wide ||
		!esp->out_wide || !esp->in_far)
		goto fail;
	esp->crypto = crypto_new();
	if (!esp->crypto)
		goto fail;
	return esp;
fail:
	esp_free(esp);
	return NULL;
}

static void wipe_all(struct esp *esp)
{
	int64_t slot;

	for (slot = -1; (slot = sad_set_next(&esp->in_set, (uint32_t)(slot + 1))) >= 0;)
		secret_wipe(&esp->in[slot], sizeof(esp->in[slot]));
	for (slot = -1; (slot = sad_set_next(&esp->out_set, (uint32_t)(slot + 1))) >= 0;)
		secret_wipe(&esp->out[slot], sizeof(esp->out[slot]));
}

void esp_free(struct esp *esp)
{
	int saved = errno;
	uint64_t slots;

	if (!esp)
		return;
	slots = esp->slots;
	if (esp->in && esp->out && esp->in_set.words && esp->out_set.words)
		wipe_all(esp);
	sad_unmap(esp->in, slots * sizeof(*esp->in));
	sad_unmap(esp->out, slots * sizeof(*esp->out));
	sad_unmap(esp->in_cold, slots * sizeof(*esp->in_cold));
	sad_unmap(esp->out_cold, slots * sizeof(*esp->out_cold));
	sad_unmap(esp->in_wide, slots * sizeof(*esp->in_wide));
	sad_unmap(esp->out_wide, slots * sizeof(*esp->out_wide));
	sad_unmap(esp->in_far, slots * sizeof(*esp->in_far));
	sad_set_fini(&esp->in_set);
	sad_set_fini(&esp->out_set);
	crypto_free(esp->crypto);
	free(esp);
	errno = saved;
}

bool esp_event_put(struct esp *esp, const struct esp_event *event)
{
	if (esp->events_n == ESP_EVENTS_MAX)
		return false;
	esp->events[esp->events_n++] = *event;
	return true;
}

bool esp_event_expire(struct esp *esp, enum ipc_direction dir, const struct sa_cold *cold,
	uint32_t spi_or_ref, bool hard, enum ipc_expire_why why)
{
	struct esp_event event = {
		.type = IPC_SA_EXPIRE,
		.expire =
			{
				.spi_or_ref = spi_or_ref,
				.direction = dir,
				.hard = hard,
				.why = why,
				.child = cold->child,
			},
	};

	return esp_event_put(esp, &event);
}

uint32_t esp_events_take(struct esp *esp, struct esp_event *events, uint32_t max)
{
	uint32_t n = RTE_MIN(max, esp->events_n);

	if (!n)
		return 0;
	memcpy(events, esp->events, n * sizeof(*events));
	esp->events_n -= n;
	memmove(esp->events, esp->events + n, esp->events_n * sizeof(*events));
	return n;
}

static bool ingress_valid(const struct inet_prefix *ingress, uint32_t n)
{
	if (n > IPC_INGRESS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!inet_prefix_valid(&ingress[i]))
			return false;
	}
	return true;
}

int esp_in_add(struct esp *esp, const struct ipc_sa_in_add *cmd, uint64_t now_tsc)
{
	uint32_t slot = spi_slot(cmd->sa.spi);
	struct crypto_shape shape;
	int ret;

	RTE_SET_USED(now_tsc);
	if (spi_worker(cmd->sa.spi) != esp->worker || slot >= esp->slots)
		return -EINVAL;
	ret = sa_check(&cmd->sa, true, &shape);
	if (ret)
		return ret;
	if (!ingress_valid(cmd->ingress, cmd->ingress_n))
		return -EINVAL;
	if (esp->in[slot].spi)
		return -EEXIST;
	ret = sa_in_init(&esp->in[slot], &esp->in_cold[slot], &esp->in_wide[slot],
		&esp->in_far[slot], cmd, &shape, esp->crypto);
	if (ret) {
		secret_wipe(&esp->in[slot], sizeof(esp->in[slot]));
		return ret;
	}
	esp->long_keys |= shape.class != CRYPTO_AES128_GCM;
	sad_set_put(&esp->in_set, slot, true);
	return 0;
}

int esp_ingress_set(struct esp *esp, const struct ipc_sa_ingress_set *cmd)
{
	struct sa_in *sa = esp_in_lookup(esp, cmd->spi);
	uint32_t slot = spi_slot(cmd->spi);

	if (!ingress_valid(cmd->ingress, cmd->ingress_n))
		return -EINVAL;
	if (!sa)
		return -ENOENT;
	selectors_filter(&sa->selectors, &esp->in_wide[slot], &esp->in_cold[slot].plain,
		cmd->ingress, cmd->ingress_n);
	return 0;
}

int esp_in_del(struct esp *esp, uint32_t spi, struct ipc_sa_info *last, uint64_t now_tsc)
{
	struct sa_in *sa = esp_in_lookup(esp, spi);

	if (!sa)
		return -ENOENT;
	esp_in_info(esp, spi_slot(spi), last, now_tsc);
	secret_wipe(sa, sizeof(*sa));
	sad_set_put(&esp->in_set, spi_slot(spi), false);
	return 0;
}

static int key_digest(const struct ipc_sa *sa, uint32_t salt_len, uint8_t out[SA_DIGEST_BYTES])
{
	// Without the salt: the same key under another one is refused as well.
	uint32_t len = sa->encr_key_len - salt_len;
	const uint8_t *key = len ? sa->encr_key : sa->integ_key; // no cipher
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(key, len ? len : sa->integ_key_len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	memcpy(out, digest, SA_DIGEST_BYTES);
	return 0;
}

static uint32_t path_mtu(const struct esp *esp, const struct sa_out_cold *cold)
{
	uint32_t port = cold->port_mtu ? cold->port_mtu : esp->mtu_default;

	return cold->mtu && cold->mtu < port ? cold->mtu : port;
}

// NULL: it is another worker's, or gone.
static struct sa_out_cold *out_cold_of(struct esp *esp, sa_ref_t ref)
{
	return esp_out_lookup(esp, ref) ? &esp->out_cold[spi_slot(ref)] : NULL;
}

// Chain of the SAs of a link: each is told who names it, so that one may be taken out of the middle.
static void chain_link(struct esp *esp, sa_ref_t ref, sa_ref_t next)
{
	struct sa_out_cold *sa = out_cold_of(esp, ref), *behind = out_cold_of(esp, next);

	if (sa)
		sa->next = next;
	if (behind)
		behind->named_by = ref;
}

static void chain_cut(struct esp *esp, sa_ref_t ref)
{
	const struct sa_out_cold *gone = &esp->out_cold[spi_slot(ref)];
	const struct sa_out_cold *namer = out_cold_of(esp, gone->named_by);

	if (namer && namer->next == ref)
		chain_link(esp, gone->named_by, gone->next);
}

// Puts the new SA into its slot, where counters and the path's known MTU go on.
static void out_replace(struct esp *esp, uint32_t slot, const struct sa_out *sa,
	const struct sa_out_cold *cold, const struct selectors_wide *wide,
	const uint8_t digest[SA_DIGEST_BYTES])
{
	struct sa_out *place = &esp->out[slot];
	struct sa_out_cold *cold_place = &esp->out_cold[slot];
	uint64_t pkts = 0, bytes = 0, drops = 0, last_tsc = 0;
	uint32_t port_mtu = 0, named_by = 0;

	if (place->ref) {
		pkts = cold_place->pkts_before + place->seq;
		bytes = cold_place->bytes_before + sa_bytes(&cold_place->base, place->bytes_left);
		drops = cold_place->base.drops;
		last_tsc = place->last_tsc;
		port_mtu = cold_place->port_mtu;
		named_by = cold_place->named_by;
	}
	secret_wipe(place, sizeof(*place));
	*place = *sa;
	*cold_place = *cold;
	if (sa->selectors.flags & SELECTORS_WIDE)
		esp->out_wide[slot] = *wide;
	place->last_tsc = last_tsc;
	cold_place->pkts_before = pkts;
	cold_place->bytes_before = bytes;
	cold_place->base.drops = drops;
	cold_place->port_mtu = port_mtu;
	cold_place->named_by = named_by;
	chain_link(esp, sa->ref, cold->next);
	cold_place->key_known = true;
	memcpy(cold_place->key_digest, digest, SA_DIGEST_BYTES);
	sa_out_fit(place, path_mtu(esp, cold_place));
}

int esp_out_set(struct esp *esp, const struct ipc_sa_out_set *cmd, uint64_t now_tsc)
{
	uint32_t slot = spi_slot(cmd->ref);
	struct sa_out sa = {0};
	struct sa_out_cold cold = {0};
	struct selectors_wide wide;
	uint8_t digest[SA_DIGEST_BYTES];
	struct crypto_shape shape;
	int ret;

	RTE_SET_USED(now_tsc);
	if (slot >= esp->slots || cmd->ref != spi_make(esp->worker, 0, slot))
		return -EINVAL;
	if (cmd->next && spi_worker(cmd->next) == UINT32_MAX)
		return -EINVAL;
	if (cmd->mtu && (cmd->mtu < MTU_MIN || cmd->mtu > MTU_MAX))
		return -EINVAL;
	ret = sa_check(&cmd->sa, false, &shape);
	if (ret)
		return ret;
	ret = key_digest(&cmd->sa, shape.salt_len, digest);
	if (ret)
		return ret;
	if (esp->out_cold[slot].key_known &&
		secret_equal(digest, esp->out_cold[slot].key_digest, sizeof(digest)))
		return -EALREADY;
	ret = sa_out_init(&sa, &cold, &wide, cmd, &shape, esp->crypto);
	if (!ret) {
		out_replace(esp, slot, &sa, &cold, &wide, digest);
		esp->long_keys |= shape.class != CRYPTO_AES128_GCM;
		sad_set_put(&esp->out_set, slot, true);
	}
	secret_wipe(&sa, sizeof(sa));
	return ret;
}

int esp_out_del(struct esp *esp, sa_ref_t ref, struct ipc_sa_info *last, uint64_t now_tsc)
{
	struct sa_out *sa = esp_out_lookup(esp, ref);

	if (!sa)
		return -ENOENT;
	esp_out_info(esp, spi_slot(ref), last, now_tsc);
	chain_cut(esp, ref);
	// The digest of the key stays: the slot must not see this key again.
	secret_wipe(sa, sizeof(*sa));
	sad_set_put(&esp->out_set, spi_slot(ref), false);
	return 0;
}

static void cold_move(struct sa_cold *cold, const struct ipc_sa_move *cmd)
{
	cold->local = cmd->local;
	cold->remote = cmd->remote;
	cold->local_port = cmd->local_port;
	cold->remote_port = cmd->remote_port;
	cold->flags =
		cmd->encap ? cold->flags | IPC_SA_ENCAP : cold->flags & ~(uint32_t)IPC_SA_ENCAP;
}

static uint16_t with_encap(uint16_t flags, bool encap)
{
	return encap ? flags | SA_ENCAP : flags & (uint16_t)~SA_ENCAP;
}

int esp_move(struct esp *esp, const struct ipc_sa_move *cmd)
{
	struct sa_in *in;
	struct sa_out *out;
	struct sa_out_cold *cold;

	if (cmd->encap > 1 ||
		!sa_endpoints_valid(
			&cmd->local, &cmd->remote, cmd->encap, cmd->local_port, cmd->remote_port))
		return -EINVAL;
	switch (cmd->direction) {
	case IPC_DIR_IN:
		in = esp_in_lookup(esp, cmd->spi_or_ref);
		if (!in)
			return -ENOENT;
		cold_move(&esp->in_cold[spi_slot(cmd->spi_or_ref)].base, cmd);
		in->flags = with_encap(in->flags, cmd->encap);
		in->peer = sa_peer(
			cmd->remote.family, cmd->remote.bytes, rte_cpu_to_be_16(cmd->remote_port));
		esp->in_cold[spi_slot(cmd->spi_or_ref)].told_peer = 0;
		return 0;
	case IPC_DIR_OUT:
		out = esp_out_lookup(esp, cmd->spi_or_ref);
		if (!out)
			return -ENOENT;
		cold = &esp->out_cold[spi_slot(cmd->spi_or_ref)];
		cold_move(&cold->base, cmd);
		out->flags = with_encap(out->flags, cmd->encap);
		sa_out_template(out, cold);
		out->adj = UINT32_MAX;
		cold->port_mtu = 0; // another path
		sa_out_fit(out, path_mtu(esp, cold));
		return 0;
	default:
		return -EINVAL;
	}
}

void esp_set_route_generation(struct esp *esp, uint32_t generation, uint32_t mtu_default)
{
	esp->route_generation = generation;
	if (mtu_default == esp->mtu_default || mtu_default < MTU_MIN)
		return;
	esp->mtu_default = mtu_default;
	for (int64_t slot = -1; (slot = sad_set_next(&esp->out_set, (uint32_t)(slot + 1))) >= 0;)
		sa_out_fit(&esp->out[slot], path_mtu(esp, &esp->out_cold[slot]));
}

void esp_out_adj(struct esp *esp, sa_ref_t ref, uint32_t adj, uint32_t port_mtu)
{
	struct sa_out *sa = esp_out_lookup(esp, ref);
	struct sa_out_cold *cold;

	if (!sa)
		return;
	sa->adj = adj;
	sa->adj_generation = esp->route_generation;
	cold = &esp->out_cold[spi_slot(ref)];
	if (port_mtu < MTU_MIN || cold->port_mtu == port_mtu)
		return;
	cold->port_mtu = port_mtu;
	sa_out_fit(sa, path_mtu(esp, cold));
}

uint32_t esp_out_mtu(const struct esp *esp, sa_ref_t ref, uint8_t inner_family)
{
	const struct sa_out *sa = esp_out_lookup(esp, ref);

	if (!sa)
		return 0;
	return inner_family == AF_INET6 ? sa->max6 : sa->max4;
}
