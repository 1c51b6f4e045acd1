// SPDX-License-Identifier: BSD-3-Clause
// From the file to struct config: read it whole, let libconfig parse it, read the groups, check all
// of it, and give back either a configuration that is right or everything that is wrong with it.
// Any thread, at start and at reload; allocates.
#include "config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 << 20)

static void check_absolute(
	struct config_reader *r, config_setting_t *root, const char *key, const char *path)
{
	config_setting_t *setting = config_setting_get_member(root, key);

	if (setting != NULL && path[0] != '\0' && path[0] != '/')
		config_error(r, (int)config_setting_source_line(setting),
			"%s = \"%.60s\" depends on where we are started; write it from / on", key,
			path);
}

static void read_top(struct config_reader *r, config_setting_t *root)
{
#define AT(field)                                                                                  \
	.offset = offsetof(struct config, field), .size = sizeof(((struct config *)0)->field)
	static const struct config_key keys[] = {
		{"state_dir", CONFIG_KIND_TEXT, AT(state_dir)},
		{"keylog_dir", CONFIG_KIND_TEXT, AT(keylog_dir)},
		{"dataplane", CONFIG_KIND_READ, .required = true, .read = config_read_dataplane},
		{"ike", CONFIG_KIND_READ, .read = config_read_ike},
		{"esp", CONFIG_KIND_READ, .read = config_read_esp},
		{"pools", CONFIG_KIND_READ, .read = config_read_pools},
		{"profiles", CONFIG_KIND_READ, .read = config_read_profiles},
		{"certificates", CONFIG_KIND_READ, .read = config_read_certificates},
		{"gateway", CONFIG_KIND_READ, .read = config_read_gateway},
		{"multicast", CONFIG_KIND_READ, .read = config_read_multicast},
		{"client", CONFIG_KIND_READ, .read = config_read_client},
		{},
	};
#undef AT
	config_setting_t *dataplane;

	config_read_group(r, root, "the file", keys, r->config);
	check_absolute(r, root, "state_dir", r->config->state_dir);
	check_absolute(r, root, "keylog_dir", r->config->keylog_dir);
	dataplane = config_setting_get_member(root, "dataplane");
	if (dataplane != NULL && config_setting_is_group(dataplane))
		check_absolute(r, dataplane, "hook", r->config->dataplane.hook);
}

// One file: what an @include brought in would have other line numbers, and another owner.
static bool check_include(struct config_reader *r, const char *text)
{
	int line = 1;
	bool good = true;

	for (const char *p = text; p != NULL; line++) {
		p += strspn(p, " \t");
		if (strncmp(p, "@include", 8) == 0) {
			config_error(r, line,
				"@include is not supported; write everything in one file, secrets "
				"with secret_file");
			good = false;
		}
		p = strchr(p, '\n');
		if (p != NULL)
			p++;
	}
	return good;
}

static void fill(struct config_reader *r, const char *text)
{
	config_t tree;

	if (!check_include(r, text))
		return;
	config_init(&tree);
	if (config_read_string(&tree, text) != CONFIG_TRUE) {
		config_error(r, config_error_line(&tree),
			"%s; libconfig wants key = value; with \"texts\", [arrays], (lists) and "
			"{groups}",
			config_error_text(&tree));
	} else {
		read_top(r, config_root_setting(&tree));
		config_check_dataplane(r);
		config_check_links(r);
		config_check_roles(r);
		config_check_certificates(r);
	}
	config_destroy(&tree);
}

struct config *config_parse(const char *text, const char *name, struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_reader reader = {.name = name, .config = config, .errors = errors};

	errors->n = 0;
	if (config == NULL) {
		config_error(&reader, 0, "out of memory; add some");
		return NULL;
	}
	snprintf(config->path, sizeof(config->path), "%s", name);
	config_default_dataplane(&config->dataplane);
	config_default_crypto(config);
	config_default_multicast(config);
	fill(&reader, text);
	if (errors->n > 0) {
		config_free(config);
		return NULL;
	}
	return config;
}

// The whole file as one text, or NULL and errno.
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t done = 0, size;
	struct stat st;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0)
		goto out;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EISDIR;
		goto out;
	}
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	while (text != NULL && done < size) {
		ssize_t n = read(fd, text + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (text != NULL)
		text[done] = '\0';
	*len = done;
out:
	close(fd);
	return text;
}

struct config *config_load(const char *path, struct config_errors *errors)
{
	struct config_reader reader = {.name = path, .errors = errors};
	struct config *config = NULL;
	size_t len = 0;
	char *text;

	errors->n = 0;
	text = read_file(path, &len);
	if (text == NULL) {
		config_error(&reader, 0, "%s; name a configuration file that can be read",
			strerror(errno));
		return NULL;
	}
	// Everything behind a NUL would silently not be there.
	if (memchr(text, '\0', len) != NULL)
		config_error(&reader, 0, "there is a NUL octet in it; a configuration is a text");
	else
		config = config_parse(text, path, errors);
	secret_wipe(text, len); // it may hold secrets
	free(text);
	return config;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (uint32_t i = 0; i < config->gateway.peer_n; i++)
		secret_fini(&config->gateway.peer[i].psk);
	for (uint32_t i = 0; i < config->connection_n; i++)
		secret_fini(&config->connection[i].psk);
	for (uint32_t i = 0; i < config->connection_n; i++)
		config_credential_fini(&config->connection[i].credential);
	config_credential_fini(&config->gateway.credential);
	config_certificates_fini(&config->certificates);
	free(config->dataplane.route);
	for (uint32_t i = 0; i < config->pool_n; i++)
		free(config->pool[i].static_lease);
	free(config->pool);
	free(config->profile);
	free(config->gateway.peer);
	free(config->connection);
	free(config);
}
