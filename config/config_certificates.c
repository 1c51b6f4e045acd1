// SPDX-License-Identifier: BSD-3-Clause
// Reads whose certificates are believed and who we are by certificate. Certificates and CRLs are read
// into memory with the configuration, so that nothing opens a file later; what is in them is checked by
// control/auth/credentials.c. Of private keys only the name is kept: the signing process opens them.
// RFC 4301 section 4.4.3.2.
#include "config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_FILE_MAX (64 << 20) // CRLs of large CAs

#define X(id, word) word,
const char *const config_rsa_padding_words[] = {CONFIG_RSA_PADDINGS(X) NULL};
const char *const config_auth_words[] = {CONFIG_AUTHS(X) NULL};
const char *const config_address_check_words[] = {CONFIG_ADDRESS_CHECKS(X) NULL};
#undef X

// 0 or -errno. O_NONBLOCK: a FIFO must not hang us.
static int load(struct config_pem *pem)
{
	int fd = open(pem->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		error = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		error = -EINVAL;
	else if (st.st_size > PEM_FILE_MAX)
		error = -EFBIG;
	if (error == 0) {
		pem->text = calloc(1, (size_t)st.st_size + 1);
		error = pem->text == NULL ? -ENOMEM : 0;
	}
	while (error == 0 && pem->len < (size_t)st.st_size) {
		ssize_t n = read(fd, pem->text + pem->len, (size_t)st.st_size - pem->len);

		if (n == 0)
			break;
		if (n > 0)
			pem->len += (size_t)n;
		else if (errno != EINTR)
			error = -errno;
	}
	close(fd);
	return error;
}

static void read_pem(struct config_reader *r, int line, const char *text, struct config_pem *pem)
{
	int error = config_path(r, text, pem->path, sizeof(pem->path));

	pem->line = line;
	if (error == 0)
		error = load(pem);
	if (error == -EINVAL)
		config_error(r, line,
			"%.120s is no regular file with something in it; name a PEM file",
			pem->path);
	else if (error != 0)
		config_error(r, line, "%.120s: %s; name a PEM file that can be read", pem->path,
			strerror(-error));
}

static void pem_fini(struct config_pem *pem)
{
	free(pem->text);
	*pem = (struct config_pem){};
}

void config_read_certificate(
	struct config_reader *r, config_setting_t *setting, struct config_credential *own)
{
	const char *text = config_read_text(r, setting);

	if (text != NULL)
		read_pem(r, (int)config_setting_source_line(setting), text, &own->certificate);
}

void config_read_private_key(
	struct config_reader *r, config_setting_t *setting, struct config_credential *own)
{
	const char *text = config_read_text(r, setting);
	int line = (int)config_setting_source_line(setting);
	struct stat st;

	own->key_line = line;
	if (text == NULL)
		return;
	if (config_path(r, text, own->private_key, sizeof(own->private_key)) != 0)
		config_error(r, line, "the path of private_key is too long; shorten it");
	else if (stat(own->private_key, &st) != 0)
		config_error(r, line, "%.120s: %s; name the file of the private key",
			own->private_key, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		config_error(r, line, "%.120s is no regular file; name that of the private key",
			own->private_key);
	else if ((st.st_mode & S_IRWXO) != 0)
		config_error(r, line, "%.120s can be read by others; chmod 600", own->private_key);
}

void config_credential_fini(struct config_credential *own)
{
	pem_fini(&own->certificate);
}

void config_certificates_fini(struct config_certificates *c)
{
	for (uint32_t i = 0; i < c->ca_n; i++)
		pem_fini(&c->ca[i]);
	for (uint32_t i = 0; i < c->crl_n; i++)
		pem_fini(&c->crl[i]);
	free(c->ca);
	free(c->crl);
	*c = (struct config_certificates){};
}

static void add_pem(struct config_reader *r, int line, const char *text, struct config_pem **list,
	uint32_t *n, uint32_t max)
{
	if (*list == NULL)
		*list = calloc(max, sizeof(**list));
	if (*list == NULL)
		config_error(r, line, "out of memory; add some");
	else if (*n == max)
		config_error(r, line, "too many files; at most %u", max);
	else
		read_pem(r, line, text, &(*list)[(*n)++]);
}

static void add_ca(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_certificates *c = into;

	add_pem(r, line, text, &c->ca, &c->ca_n, CONFIG_CAS);
}

static void add_crl(struct config_reader *r, int line, const char *text, void *into)
{
	struct config_certificates *c = into;

	add_pem(r, line, text, &c->crl, &c->crl_n, CONFIG_CRLS);
}

static void read_cas(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_ca, into);
}

static void read_crls(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_texts(r, setting, add_crl, into);
}

void config_read_certificates(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const struct config_key keys[] = {
		{"authorities", CONFIG_KIND_READ, .required = true, .read = read_cas},
		{"crls", CONFIG_KIND_READ, .read = read_crls},
		{"crl_required", CONFIG_KIND_BOOL,
			.offset = offsetof(struct config_certificates, crl_required)},
		{},
	};

	r->certificates_line = (int)config_setting_source_line(setting);
	config_read_group(r, setting, "certificates", keys, &((struct config *)into)->certificates);
}

static void need_authorities(struct config_reader *r, int line, const char *what, const char *name)
{
	if (r->certificates_line == 0)
		config_error(r, line,
			"%s '%s' authenticates by certificate, but no CA is believed; write "
			"certificates = { authorities = [\"/path/ca.pem\"]; };",
			what, name);
}

void config_check_certificates(struct config_reader *r)
{
	const struct config *config = r->config;
	const struct config_credential *own = &config->gateway.credential;
	bool whole = own->certificate.path[0] != '\0' && own->private_key[0] != '\0';
	bool any = own->certificate.path[0] != '\0' || own->private_key[0] != '\0';

	if (any && !whole)
		config_error(r, r->gateway_line,
			"the gateway has one of certificate and private_key; write both");
	for (uint32_t i = 0; i < config->gateway.peer_n; i++) {
		const struct config_peer *peer = &config->gateway.peer[i];

		if (peer->auth != CONFIG_AUTH_CERTIFICATE)
			continue;
		need_authorities(r, peer->line, "peer", peer->name);
		if (!any)
			config_error(r, peer->line,
				"peer '%s' authenticates by certificate, but the gateway has none "
				"itself; give it certificate and private_key",
				peer->name);
		if (peer->id.type == CONFIG_ID_KEY_ID)
			config_error(r, peer->line,
				"peer '%s' has a key ID, which no certificate names; take a name "
				"or "
				"an address",
				peer->name);
	}
	for (uint32_t i = 0; i < config->connection_n; i++)
		if (config->connection[i].auth == CONFIG_AUTH_CERTIFICATE)
			need_authorities(r, config->connection[i].line, "connection",
				config->connection[i].name);
}
