// SPDX-License-Identifier: BSD-3-Clause
// See ike_payload_cert.h.
#include "ike_payload_cert.h"

#include "sign_scheme.h"

#include <errno.h>

int payload_cert_read(const struct ike_payload_ref *p, struct payload_cert *out)
{
	struct buf_reader r;

	buf_reader_init(&r, p->data, p->len);
	out->encoding = buf_get_u8(&r);
	out->data.len = buf_left(&r);
	out->data.data = buf_skip(&r, out->data.len);
	return r.failed ? -EBADMSG : 0;
}

void payload_cert_write(struct ike_builder *b, enum payload_type type, uint8_t encoding,
	const void *data, size_t len)
{
	struct buf_writer *w = ike_build_payload(b, type);

	buf_put_u8(w, encoding);
	if (len > 0)
		buf_put_bytes(w, data, len);
}

int payload_certs_read(
	const struct ike_msg *msg, struct bytes *chain, uint32_t max, uint32_t *others)
{
	const struct ike_payload_ref *p = NULL;
	struct payload_cert cert;
	uint32_t n = 0;

	*others = 0;
	while ((p = ike_msg_find_next(msg, p, PAYLOAD_CERT)) != NULL) {
		if (payload_cert_read(p, &cert) != 0)
			return -EBADMSG;
		if (cert.encoding != CERT_X509_SIGNATURE)
			++*others;
		else if (n < max)
			chain[n++] = cert.data;
	}
	return (int)n;
}

int payload_hashes_read(const struct payload_notify *notify, uint32_t *bits)
{
	struct buf_reader r;

	buf_reader_init(&r, notify->data, notify->len);
	*bits = 0;
	while (buf_left(&r) > 0) {
		uint16_t hash = buf_get_be16(&r);

		if (hash >= SIGN_HASH_SHA2_256 && hash <= SIGN_HASH_IDENTITY)
			*bits |= SIGN_HASH_BIT(hash);
	}
	return r.failed ? -EBADMSG : 0;
}

void payload_hashes_write(struct ike_builder *b)
{
	static const uint8_t hashes[] = {0, SIGN_HASH_SHA2_256, 0, SIGN_HASH_SHA2_384, 0,
		SIGN_HASH_SHA2_512, 0, SIGN_HASH_IDENTITY};

	payload_notify_write(
		b, PROTOCOL_NONE, NULL, NOTIFY_SIGNATURE_HASH_ALGORITHMS, hashes, sizeof(hashes));
}
