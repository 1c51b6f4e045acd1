// SPDX-License-Identifier: BSD-3-Clause
// Reads what a gateway is: its PAD entries (RFC 4301 section 4.4.3), and secrets, for these and for a
// client's connections. Secrets are wiped from the parsed tree once they are copied.
#include "config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_secret(
	struct config_reader *r, int line, struct secret *psk, const void *data, size_t len)
{
	if (psk->len != 0)
		config_error(r, line, "both secret and secret_file are given; keep one of them");
	else if (len == 0)
		config_error(r, line, "the secret is empty; write at least one letter");
	else if (len > SECRET_MAX)
		config_error(r, line, "the secret is %zu octets long; at most %d", len, SECRET_MAX);
	else
		secret_set(psk, data, len);
}

void config_read_secret(struct config_reader *r, config_setting_t *setting, struct secret *psk)
{
	const char *text = config_read_text(r, setting);

	if (text == NULL)
		return;
	set_secret(r, (int)config_setting_source_line(setting), psk, text, strlen(text));
	// libconfig's own copy, which its config_destroy() would free as it is.
	secret_wipe((char *)(uintptr_t)text, strlen(text));
}

int config_path(const struct config_reader *r, const char *text, char *path, size_t cap)
{
	const char *slash = strrchr(r->name, '/');
	int dir = text[0] != '/' && slash != NULL ? (int)(slash - r->name) + 1 : 0;

	return snprintf(path, cap, "%.*s%s", dir, r->name, text) < (int)cap ? 0 : -ENAMETOOLONG;
}

// Bytes of the file without the end of its last line, or -errno. O_NONBLOCK: a FIFO must not hang us.
static ssize_t load_secret(const char *path, uint8_t *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0) {
		n = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		n = -EINVAL;
	} else if ((st.st_mode & S_IRWXO) != 0) {
		n = -EACCES;
	} else {
		n = read(fd, buf, cap);
		if (n < 0)
			n = -errno;
	}
	close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n > 0 && buf[n - 1] == '\r')
		n--;
	return n;
}

void config_read_secret_file(struct config_reader *r, config_setting_t *setting, struct secret *psk)
{
	const char *text = config_read_text(r, setting);
	int line = (int)config_setting_source_line(setting);
	uint8_t buf[SECRET_MAX + 3];
	char path[512];
	ssize_t n;

	if (text == NULL)
		return;
	if (config_path(r, text, path, sizeof(path)) != 0) {
		config_error(r, line, "the path of secret_file is too long; shorten it");
		return;
	}
	n = load_secret(path, buf, sizeof(buf));
	if (n == -EACCES)
		config_error(r, line, "%.120s can be read by others or not by us; chmod 600", path);
	else if (n == -EINVAL)
		config_error(
			r, line, "%.120s is no regular file; name one with the secret in it", path);
	else if (n < 0)
		config_error(r, line, "%.120s: %s; create it with the secret in it", path,
			strerror((int)-n));
	else
		set_secret(r, line, psk, buf, (size_t)n);
	secret_wipe(buf, sizeof(buf));
}

static void read_peer_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_id(r, setting, &((struct config_peer *)into)->id, true);
}

static void read_peer_secret(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_secret(r, setting, &((struct config_peer *)into)->psk);
}

static void read_peer_secret_file(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_secret_file(r, setting, &((struct config_peer *)into)->psk);
}

static void read_peer_profile(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_peer *peer = into;
	const char *text = config_read_text(r, setting), *nearest;
	const char *names[256];
	uint32_t n = r->config->profile_n;

	if (text == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		names[i] = r->config->profile[i].name;
		if (strcmp(names[i], text) == 0)
			peer->profile = &r->config->profile[i];
	}
	if (peer->profile != NULL)
		return;
	nearest = config_nearest(text, names, n);
	config_error(r, (int)config_setting_source_line(setting),
		"there is no profile '%.40s'; %s%s", text,
		nearest != NULL ? "did you mean " : "name one of the list profiles",
		nearest != NULL ? nearest : "");
}

static bool has_key(config_setting_t *group, const char *key)
{
	return config_setting_get_member(group, key) != NULL;
}

void config_need_secret(struct config_reader *r, config_setting_t *group, const char *what,
	enum config_auth auth, const struct secret *psk, const struct config_credential *own)
{
	int line = (int)config_setting_source_line(group);
	bool secret = false, certificate = false;

	if (!config_setting_is_group(group))
		return;
	secret = has_key(group, "secret") || has_key(group, "secret_file");
	certificate = has_key(group, "address_check") || has_key(group, "certificate") ||
		has_key(group, "private_key") || has_key(group, "rsa_padding");
	if (auth == CONFIG_AUTH_CERTIFICATE && secret)
		config_error(r, line,
			"%s has authentication = \"certificate\" and a secret; keep one of them",
			what);
	if (auth == CONFIG_AUTH_SECRET && certificate)
		config_error(r, line,
			"%s has keys about certificates and authenticates by a secret; write "
			"authentication = \"certificate\" or leave them out",
			what);
	// A secret that was there and bad has been reported; so has a certificate.
	if (auth == CONFIG_AUTH_SECRET && psk->len == 0 && !secret)
		config_error(r, line,
			"%s has no secret; write secret = \"...\" or secret_file = \"/path\"",
			what);
	if (auth == CONFIG_AUTH_CERTIFICATE && own != NULL &&
		(!has_key(group, "certificate") || !has_key(group, "private_key")))
		config_error(r, line,
			"%s authenticates by certificate and has none; write certificate = "
			"\"/path\" and private_key = \"/path\"",
			what);
}

static void read_physical_local(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_selectors(r, setting, &((struct config_peer *)into)->physical_local);
}

static void read_physical_remote(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_selectors(r, setting, &((struct config_peer *)into)->physical_remote);
}

static void read_peer(struct config_reader *r, config_setting_t *group, void *into)
{
	static const struct config_key keys[] = {
		{"name", CONFIG_KIND_READ, .required = true, .read = config_read_name},
		{"id", CONFIG_KIND_READ, .required = true, .read = read_peer_id},
		{"secret", CONFIG_KIND_READ, .read = read_peer_secret},
		{"secret_file", CONFIG_KIND_READ, .read = read_peer_secret_file},
		{"authentication", CONFIG_KIND_WORD, .offset = offsetof(struct config_peer, auth),
			.words = config_auth_words},
		{"address_check", CONFIG_KIND_WORD,
			.offset = offsetof(struct config_peer, address_check),
			.words = config_address_check_words},
		{"profile", CONFIG_KIND_READ, .required = true, .read = read_peer_profile},
		{"physical_local", CONFIG_KIND_READ, .read = read_physical_local},
		{"physical_remote", CONFIG_KIND_READ, .read = read_physical_remote},
		{},
	};
	struct config_peer *peer = into;

	peer->line = (int)config_setting_source_line(group);
	config_read_group(r, group, "a peer", keys, peer);
	config_need_secret(r, group, "a peer", peer->auth, &peer->psk, NULL);
}

static void read_peers(struct config_reader *r, config_setting_t *setting, void *into)
{
	struct config_gateway *gateway = &((struct config *)into)->gateway;

	gateway->peer = config_read_list(
		r, setting, "peers", sizeof(*gateway->peer), 100000, &gateway->peer_n, read_peer);
}

static void read_gateway_id(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_id(r, setting, &((struct config *)into)->gateway.id, false);
}

static void read_gateway_certificate(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_certificate(r, setting, &((struct config *)into)->gateway.credential);
}

static void read_gateway_key(struct config_reader *r, config_setting_t *setting, void *into)
{
	config_read_private_key(r, setting, &((struct config *)into)->gateway.credential);
}

void config_read_gateway(struct config_reader *r, config_setting_t *setting, void *into)
{
	static const struct config_key keys[] = {
		{"id", CONFIG_KIND_READ, .required = true, .read = read_gateway_id},
		{"force_encap", CONFIG_KIND_BOOL, .offset = offsetof(struct config, force_encap)},
		{"certificate", CONFIG_KIND_READ, .read = read_gateway_certificate},
		{"private_key", CONFIG_KIND_READ, .read = read_gateway_key},
		{"rsa_padding", CONFIG_KIND_WORD,
			.offset = offsetof(struct config, gateway.credential.rsa_padding),
			.words = config_rsa_padding_words},
		{"peers", CONFIG_KIND_READ, .required = true, .read = read_peers},
		{},
	};
	struct config *config = into;

	config->gateway.present = true;
	r->gateway_line = (int)config_setting_source_line(setting);
	config_read_group(r, setting, "gateway", keys, config);
}

// ---- multicast ----

void config_read_multicast(struct config_reader *r, config_setting_t *setting, void *into)
{
#define AT(field) .offset = offsetof(struct config, multicast.field)
	static const struct config_key keys[] = {
		{"groups", CONFIG_KIND_U32, AT(groups), .min = 1, .max = 65536},
		{"sources", CONFIG_KIND_U32, AT(sources), .min = 1, .max = CONFIG_GROUP_SOURCES},
		{"records", CONFIG_KIND_U32, AT(records), .min = 1, .max = 100000},
		{"total", CONFIG_KIND_U32, AT(total), .min = 1, .max = 16777216},
		{},
	};
#undef AT

	config_read_group(r, setting, "multicast", keys, into);
}

void config_default_multicast(struct config *config)
{
	config->multicast = (struct config_multicast){
		.groups = 256, .sources = CONFIG_GROUP_SOURCES, .records = 512, .total = 262144};
}
