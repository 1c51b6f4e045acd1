// SPDX-License-Identifier: BSD-3-Clause
// Nonces and key exchange groups: RFC 7296 sections 2.8.1, 2.10, 1.3. One thread per core.
#include "nonce.h"

#include "ike_core.h"
#include "ike_payload.h"

#include <errno.h>
#include <string.h>

void nonce_fresh(struct ike *ike, struct nonce *nonce)
{
	nonce->len = NONCE_BYTES;
	core_random(ike, nonce->bytes, NONCE_BYTES);
}

int nonce_read(const struct ike_msg *msg, struct nonce *out)
{
	const struct ike_payload_ref *p = ike_msg_find(msg, PAYLOAD_NONCE);
	const uint8_t *data;

	if (p == NULL || payload_nonce_read(p, &data, &out->len))
		return -EBADMSG;
	memcpy(out->bytes, data, out->len);
	return 0;
}

int nonce_compare(const struct nonce *a, const struct nonce *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->bytes, b->bytes, len);

	return order != 0 ? order : (int)a->len - (int)b->len;
}

const struct nonce *nonce_lower(const struct nonce *a, const struct nonce *b)
{
	return nonce_compare(a, b) < 0 ? a : b;
}

const struct alg_dh *group_first(const struct config_proposals *config)
{
	for (uint32_t i = 0; i < config->n; i++)
		if (config->proposal[i].dh_n > 0)
			return config->proposal[i].dh[0];
	return NULL;
}

const struct alg_dh *group_wanted(
	const struct config_proposals *config, const struct alg_dh *used, const uint8_t *data)
{
	const struct alg_dh *group = alg_dh_find((uint16_t)(data[0] << 8 | data[1]));

	if (group == NULL || group == used)
		return NULL;
	for (uint32_t i = 0; i < config->n; i++)
		for (uint32_t j = 0; j < config->proposal[i].dh_n; j++)
			if (config->proposal[i].dh[j] == group)
				return group;
	return NULL;
}
