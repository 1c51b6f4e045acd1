// SPDX-License-Identifier: BSD-3-Clause
// See keylog.h. Line formats and algorithm names are those of Wireshark 4.0, whose parser refuses
// the whole file for one name that it does not know: such keys go into comment lines. Control's
// thread.
#include "keylog.h"

#include "log.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("keylog");

#define HEX_MAX (2 * SECRET_MAX + 1)

struct keylog {
	FILE *ike, *esp;
};

static FILE *open_file(const char *dir, const char *name)
{
	char path[512];
	int fd = -1;
	FILE *file = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	// One that was there keeps its mode otherwise.
	if (fchmod(fd, 0600) == 0)
		file = fdopen(fd, "a");
	if (file == NULL)
		close(fd);
	return file;
}

struct keylog *keylog_open(const char *dir)
{
	struct keylog *keylog = calloc(1, sizeof(*keylog));
	int error = 0;

	if (keylog == NULL)
		return NULL;
	keylog->ike = open_file(dir, "ikev2_decryption_table");
	error = errno;
	if (keylog->ike != NULL) {
		keylog->esp = open_file(dir, "esp_sa");
		error = errno;
	}
	if (keylog->esp == NULL) {
		keylog_close(keylog);
		errno = error;
		return NULL;
	}
	LOG(WARN, "********************************************************************");
	LOG(WARN, "ALL KEYS ARE WRITTEN TO %s: whoever reads it reads the traffic", dir);
	LOG(WARN, "********************************************************************");
	return keylog;
}

void keylog_close(struct keylog *keylog)
{
	if (keylog == NULL)
		return;
	if (keylog->ike != NULL)
		fclose(keylog->ike);
	if (keylog->esp != NULL)
		fclose(keylog->esp);
	free(keylog);
}

static const char *hex(const uint8_t *data, size_t len, char out[HEX_MAX])
{
	out[0] = '\0';
	for (size_t i = 0; i < len && i < SECRET_MAX; i++)
		snprintf(out + 2 * i, 3, "%02x", data[i]);
	return out;
}

static const char *hex_secret(const struct secret *secret, char out[HEX_MAX])
{
	return hex(secret->bytes, secret->len, out);
}

static const char *ike_encr_name(uint16_t encr, uint16_t key_bits)
{
	static const struct {
		uint16_t encr, key_bits;
		const char *name;
	} names[] = {
		{ENCR_AES_GCM_16, 128, "AES-GCM-128 with 16 octet ICV [RFC5282]"},
		{ENCR_AES_GCM_16, 192, "AES-GCM-192 with 16 octet ICV [RFC5282]"},
		{ENCR_AES_GCM_16, 256, "AES-GCM-256 with 16 octet ICV [RFC5282]"},
		{ENCR_AES_CBC, 128, "AES-CBC-128 [RFC3602]"},
		{ENCR_AES_CBC, 192, "AES-CBC-192 [RFC3602]"},
		{ENCR_AES_CBC, 256, "AES-CBC-256 [RFC3602]"},
		{ENCR_AES_CTR, 128, "AES-CTR-128 [RFC5930]"},
		{ENCR_AES_CTR, 192, "AES-CTR-192 [RFC5930]"},
		{ENCR_AES_CTR, 256, "AES-CTR-256 [RFC5930]"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].encr == encr && names[i].key_bits == key_bits)
			return names[i].name;
	return NULL;
}

static const char *ike_integ_name(uint16_t integ)
{
	switch (integ) {
	case INTEG_NONE:
		return "NONE [RFC4306]";
	case INTEG_HMAC_SHA2_256_128:
		return "HMAC_SHA2_256_128 [RFC4868]";
	case INTEG_HMAC_SHA2_384_192:
		return "HMAC_SHA2_384_192 [RFC4868]";
	case INTEG_HMAC_SHA2_512_256:
		return "HMAC_SHA2_512_256 [RFC4868]";
	default:
		return NULL;
	}
}

int keylog_format_ike(const struct ike_keylog *keys, char line[KEYLOG_LINE_MAX])
{
	const char *encr = ike_encr_name(keys->encr, keys->key_bits);
	const char *integ = ike_integ_name(keys->integ);
	char ei[HEX_MAX], er[HEX_MAX], ai[HEX_MAX], ar[HEX_MAX];

	snprintf(line, KEYLOG_LINE_MAX, "%016lx,%016lx,%s,%s,\"%s\",%s,%s,\"%s\"", keys->spi_i,
		keys->spi_r, hex_secret(&keys->sk_ei, ei), hex_secret(&keys->sk_er, er),
		encr != NULL ? encr : "?", hex_secret(&keys->sk_ai, ai),
		hex_secret(&keys->sk_ar, ar), integ != NULL ? integ : "?");
	secret_wipe(ei, sizeof(ei));
	secret_wipe(er, sizeof(er));
	secret_wipe(ai, sizeof(ai));
	secret_wipe(ar, sizeof(ar));
	return encr != NULL && integ != NULL ? 0 : -EINVAL;
}

static const char *esp_encr_name(uint16_t encr)
{
	switch (encr) {
	case ENCR_AES_GCM_16:
		return "AES-GCM with 16 octet ICV [RFC4106]";
	case ENCR_AES_CBC:
		return "AES-CBC [RFC3602]";
	case ENCR_AES_CTR:
		return "AES-CTR [RFC3686]";
	case ENCR_NULL:
		return "NULL";
	default:
		return NULL;
	}
}

// Wireshark checks no other ICV, and for those it only needs the length.
static const char *esp_integ_name(uint16_t integ)
{
	switch (integ) {
	case INTEG_NONE:
		return "NULL";
	case INTEG_HMAC_SHA2_256_128:
		return "HMAC-SHA-256-128 [RFC4868]";
	case INTEG_HMAC_SHA2_384_192:
		return "ANY 192 bit authentication [no checking]";
	case INTEG_HMAC_SHA2_512_256:
		return "ANY 256 bit authentication [no checking]";
	default:
		return NULL;
	}
}

int keylog_format_esp(
	const struct ipc_sa *sa, enum ipc_direction direction, char line[KEYLOG_LINE_MAX])
{
	const char *encr = esp_encr_name(sa->suite.encr);
	const char *integ = esp_integ_name(sa->suite.integ);
	const struct inet_addr *src = direction == IPC_DIR_IN ? &sa->remote : &sa->local;
	const struct inet_addr *dst = direction == IPC_DIR_IN ? &sa->local : &sa->remote;
	char from[INET_ADDR_STRLEN], to[INET_ADDR_STRLEN], key[HEX_MAX], auth[HEX_MAX];

	snprintf(line, KEYLOG_LINE_MAX,
		"\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"%s%s\",\"%s\",\"%s%s\"",
		src->family == AF_INET ? "IPv4" : "IPv6", inet_addr_format(src, from),
		inet_addr_format(dst, to), sa->spi, encr != NULL ? encr : "?",
		sa->encr_key_len > 0 ? "0x" : "", hex(sa->encr_key, sa->encr_key_len, key),
		integ != NULL ? integ : "?", sa->integ_key_len > 0 ? "0x" : "",
		hex(sa->integ_key, sa->integ_key_len, auth));
	secret_wipe(key, sizeof(key));
	secret_wipe(auth, sizeof(auth));
	return encr != NULL && integ != NULL ? 0 : -EINVAL;
}

static void write_line(FILE *file, int error, char line[KEYLOG_LINE_MAX])
{
	if (fprintf(file, "%s%s\n", error != 0 ? "# unknown to Wireshark: " : "", line) < 0 ||
		fflush(file) != 0)
		LOG_LIMITED(WARN, "cannot write: %s", strerror(errno));
	secret_wipe(line, KEYLOG_LINE_MAX);
}

void keylog_ike(struct keylog *keylog, const struct ike_keylog *keys)
{
	char line[KEYLOG_LINE_MAX];

	if (keylog != NULL)
		write_line(keylog->ike, keylog_format_ike(keys, line), line);
}

void keylog_esp(struct keylog *keylog, const struct ipc_sa *sa, enum ipc_direction direction)
{
	char line[KEYLOG_LINE_MAX];

	if (keylog != NULL)
		write_line(keylog->esp, keylog_format_esp(sa, direction, line), line);
}
