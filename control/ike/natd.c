// SPDX-License-Identifier: BSD-3-Clause
// NAT detection by hashes of what each side thinks the addresses and ports are: RFC 7296 section
// 2.23. One thread per core.
#include "natd.h"

#include "ike_payload.h"
#include "ike_sa.h"

#include <openssl/evp.h>

#include <errno.h>
#include <string.h>

#define SHA1_BYTES 20

// SHA-1(SPIi | SPIr | address | port)
static void natd_hash(uint64_t spi_i, uint64_t spi_r, const struct inet_addr *addr, uint16_t port,
	uint8_t out[SHA1_BYTES])
{
	uint8_t text[8 + 8 + 16 + 2];
	struct buf_writer w;

	buf_writer_init(&w, text, sizeof(text));
	buf_put_be64(&w, spi_i);
	buf_put_be64(&w, spi_r);
	buf_put_bytes(&w, addr->bytes, addr->family == AF_INET ? 4 : 16);
	buf_put_be16(&w, port);
	if (EVP_Digest(text, buf_written(&w), out, NULL, EVP_sha1(), NULL) != 1)
		memset(out, 0,
			SHA1_BYTES); // never equal: as if a NAT were there, which always works
}

void natd_write(struct ike_sa *sa, uint64_t spi_i, uint64_t spi_r, bool fake, struct ike_builder *b)
{
	uint8_t hash[SHA1_BYTES];

	natd_hash(spi_i, spi_r, &sa->path.local, sa->path.local_port, hash);
	if (fake)
		core_random(sa->ike, hash, sizeof(hash));
	payload_notify_write(
		b, PROTOCOL_NONE, NULL, NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	natd_hash(spi_i, spi_r, &sa->path.remote, sa->path.remote_port, hash);
	payload_notify_write(
		b, PROTOCOL_NONE, NULL, NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

int natd_read(struct ike_sa *sa, const struct ike_msg *msg, const struct ike_datagram *datagram,
	bool forced)
{
	uint8_t remote[SHA1_BYTES], local[SHA1_BYTES];
	const struct ike_payload_ref *p = NULL;
	struct payload_notify notify;
	bool source = false, source_equal = false, destination = false, destination_equal = false;

	natd_hash(msg->header.spi_i, msg->header.spi_r, &datagram->remote, datagram->remote_port,
		remote);
	natd_hash(msg->header.spi_i, msg->header.spi_r, &datagram->local, datagram->local_port,
		local);
	while ((p = ike_msg_find_next(msg, p, PAYLOAD_NOTIFY)) != NULL) {
		if (payload_notify_read(p, &notify))
			return -EBADMSG;
		if (notify.type == NOTIFY_NAT_DETECTION_SOURCE_IP) {
			// One for each address that the sender may use; one has to match.
			source = true;
			source_equal |= memcmp(notify.data, remote, SHA1_BYTES) == 0;
		} else if (notify.type == NOTIFY_NAT_DETECTION_DESTINATION_IP) {
			destination = true;
			destination_equal |= memcmp(notify.data, local, SHA1_BYTES) == 0;
		}
	}
	sa->natd_seen = source && destination;
	sa->nat_remote = sa->natd_seen && !source_equal;
	sa->nat_local = sa->natd_seen && !destination_equal;
	sa->encap = sa->nat_remote || sa->nat_local || (forced && sa->natd_seen);
	return 0;
}
