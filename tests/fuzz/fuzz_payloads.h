// SPDX-License-Identifier: BSD-3-Clause
// Every payload reader on one payload, for the fuzz targets: not by its type alone, since a reader
// must stand any octets.
#pragma once

#include "ike_payload.h"

#include <stdlib.h>

static inline void fuzz_lends_from(const struct ike_payload_ref *p, const uint8_t *data, size_t len)
{
	if (data < p->data || len > p->len || data + len > p->data + p->len)
		abort();
}

static inline void fuzz_read_lists(const struct ike_payload_ref *p)
{
	static struct wire_sa sa;
	struct payload_delete del;
	struct config_id id;
	struct ts_list ts;
	struct cp_attrs cp;

	if (payload_sa_read(p, &sa) == 0 && sa.n > PROPOSALS_MAX)
		abort();
	if (payload_delete_read(p, &del) == 0 && del.n > DELETE_SPIS_MAX)
		abort();
	if (payload_ts_read(p, &ts) == 0)
		for (uint32_t i = 0; i < ts.n; i++)
			if (!ts_valid(&ts.ts[i]))
				abort();
	payload_id_read(p, &id);
	payload_cp_read(p, &cp);
}

static inline void fuzz_read_payload(const struct ike_payload_ref *p)
{
	struct payload_notify notify;
	struct payload_auth auth;
	struct payload_ke ke;
	const uint8_t *nonce;
	uint16_t len;

	if (payload_ke_read(p, &ke) == 0)
		fuzz_lends_from(p, ke.data, ke.len);
	if (payload_nonce_read(p, &nonce, &len) == 0)
		fuzz_lends_from(p, nonce, len);
	if (payload_auth_read(p, &auth) == 0)
		fuzz_lends_from(p, auth.data, auth.len);
	if (payload_notify_read(p, &notify) == 0)
		fuzz_lends_from(p, notify.data, notify.len);
	fuzz_read_lists(p);
}
