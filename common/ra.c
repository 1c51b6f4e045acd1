// SPDX-License-Identifier: BSD-3-Clause
// Router advertisements as bytes: header and prefix information (RFC 4861 sections 4.2 and 4.6, the
// default preference of RFC 4191 section 2.2), DNS servers and search list (RFC 8106 section 5).
// Pure: any thread.
#include "ra.h"

#include "buf.h"

#include <ctype.h>
#include <string.h>

#define ADVERTISEMENT 134
#define FLAG_MANAGED 0x80
#define FLAG_OTHER 0x40
#define OPTION_SOURCE_LINK_LAYER 1
#define OPTION_PREFIX 3
#define OPTION_MTU 5
#define OPTION_RDNSS 25
#define OPTION_DNSSL 31
#define PREFIX_ON_LINK 0x80
#define PREFIX_AUTONOMOUS 0x40
#define OPTION_BYTES_MAX (255 * 8)
#define LABEL_MAX 63
#define NAME_MAX_BYTES 255 // in the encoding, with the zero at its end

// An option's type and length; false, and nothing written, when it does not fit whole.
static bool option_begin(struct buf_writer *w, uint8_t type, size_t bytes)
{
	if (w->failed || bytes > OPTION_BYTES_MAX || bytes > (size_t)(w->end - w->pos))
		return false;
	buf_put_u8(w, type);
	buf_put_u8(w, (uint8_t)(bytes / 8));
	return true;
}

static void put_header(struct buf_writer *w, const struct ra *ra)
{
	buf_put_u8(w, ADVERTISEMENT);
	buf_put_u8(w, 0);
	buf_put_be16(w, 0); // checksum
	buf_put_u8(w, ra->hop_limit);
	// Medium preference is 00.
	buf_put_u8(w, (ra->managed ? FLAG_MANAGED : 0) | (ra->other ? FLAG_OTHER : 0));
	buf_put_be16(w, ra->router_lifetime_s);
	buf_put_be32(w, 0); // reachable time and retransmission timer: unspecified
	buf_put_be32(w, 0);
}

static void put_prefix(struct buf_writer *w, const struct ra_prefix *p)
{
	if (p->prefix.addr.family != AF_INET6 || !option_begin(w, OPTION_PREFIX, 32))
		return;
	buf_put_u8(w, p->prefix.len);
	buf_put_u8(w, (p->on_link ? PREFIX_ON_LINK : 0) | (p->autonomous ? PREFIX_AUTONOMOUS : 0));
	buf_put_be32(w, p->valid_s);
	buf_put_be32(w, p->preferred_s);
	buf_put_be32(w, 0);
	buf_put_bytes(w, p->prefix.addr.bytes, 16);
}

static void put_mtu(struct buf_writer *w, uint32_t mtu)
{
	if (!mtu || !option_begin(w, OPTION_MTU, 8))
		return;
	buf_put_be16(w, 0);
	buf_put_be32(w, mtu);
}

static void put_mac(struct buf_writer *w, const uint8_t *mac)
{
	if (!mac || !option_begin(w, OPTION_SOURCE_LINK_LAYER, 8))
		return;
	buf_put_bytes(w, mac, 6);
}

static void put_rdnss(struct buf_writer *w, const struct ra *ra)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ra->dns_n; i++)
		n += ra->dns[i].family == AF_INET6;
	if (!n || !option_begin(w, OPTION_RDNSS, 8 + (size_t)n * 16))
		return;
	buf_put_be16(w, 0);
	buf_put_be32(w, ra->dns_lifetime_s);
	for (uint32_t i = 0; i < ra->dns_n; i++) {
		if (ra->dns[i].family == AF_INET6)
			buf_put_bytes(w, ra->dns[i].bytes, 16);
	}
}

static void put_dnssl(struct buf_writer *w, const struct ra *ra)
{
	uint8_t names[RA_BYTES_MAX];
	size_t len = 0, padded;

	for (uint32_t i = 0; i < ra->domain_n; i++)
		len += ra_domain_write(ra->domain[i], names + len, sizeof(names) - len);
	padded = (len + 7) / 8 * 8;
	if (!len || !option_begin(w, OPTION_DNSSL, 8 + padded))
		return;
	buf_put_be16(w, 0);
	buf_put_be32(w, ra->dns_lifetime_s);
	buf_put_bytes(w, names, len);
	buf_put_zero(w, padded - len);
}

size_t ra_write(const struct ra *ra, uint8_t *out, size_t max)
{
	struct buf_writer w;

	buf_writer_init(&w, out, max);
	put_header(&w, ra);
	if (w.failed)
		return 0;
	for (uint32_t i = 0; i < ra->prefix_n; i++)
		put_prefix(&w, &ra->prefix[i]);
	put_mtu(&w, ra->mtu);
	put_mac(&w, ra->mac);
	put_rdnss(&w, ra);
	put_dnssl(&w, ra);
	return buf_written(&w);
}

static bool is_label(const char *s, size_t len)
{
	if (len == 0 || len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	}
	return true;
}

// One name of `len` characters, a dot at its end or not.
static bool put_name(struct buf_writer *w, const char *s, size_t len)
{
	size_t before = buf_written(w);

	if (len > 1 && s[len - 1] == '.')
		len--;
	for (size_t at = 0; at <= len;) {
		size_t label = strcspn(s + at, ". ");

		if (label > len - at)
			label = len - at;
		if (!is_label(s + at, label))
			return false;
		buf_put_u8(w, (uint8_t)label);
		buf_put_bytes(w, s + at, label);
		at += label + 1;
	}
	buf_put_u8(w, 0);
	return !w->failed && buf_written(w) - before <= NAME_MAX_BYTES;
}

size_t ra_domain_write(const char *domain, uint8_t *out, size_t max)
{
	struct buf_writer w;

	buf_writer_init(&w, out, max);
	for (const char *s = domain + strspn(domain, " "); *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");

		if (!put_name(&w, s, len))
			return 0;
		s += len;
	}
	return buf_written(&w);
}
