// SPDX-License-Identifier: BSD-3-Clause
// The private keys that a configuration names, in the signing process: read and compared with their
// certificates when control starts, and again after a reload. Answers go to the IKE core. Control's
// thread.
#include "clock.h"
#include "control.h"
#include "credentials.h"
#include "log.h"
#include "signer.h"

#include <errno.h>

LOG_TYPE("control");

static void on_signed(void *arg, uint64_t tag, const char *why, const void *signature, size_t len)
{
	struct control *control = arg;

	ike_on_signed(control->ike, tag, why, signature, len, clock_now_us());
	control_pump(control);
}

struct visit {
	struct control *control;
	bool now; // wait for the answer
	int error;
};

static void load(struct visit *visit, const struct own_cert *own, int line)
{
	struct signer *signer = visit->control->signer;
	uint8_t *spki = NULL;
	const char *why = NULL;
	int len;

	if (own == NULL)
		return;
	len = i2d_PUBKEY(own->public_key, &spki);
	if (len <= 0)
		visit->error = -ENOMEM;
	else if (!visit->now)
		visit->error = signer_reload(signer, own->private_key, spki, (size_t)len);
	else
		why = signer_load(signer, own->private_key, spki, (size_t)len);
	OPENSSL_free(spki);
	if (why == NULL)
		return;
	LOG(ERR, "%s:%d: %s: %s", visit->control->config->path, line, own->private_key, why);
	visit->error = -EINVAL;
}

static int load_all(struct control *control, bool now)
{
	const struct config *config = control->config;
	struct credentials *credentials = credentials_new(config, NULL);
	struct visit visit = {.control = control, .now = now};

	if (credentials == NULL)
		return -errno;
	load(&visit, credentials_gateway(credentials), config->gateway.credential.key_line);
	for (uint32_t i = 0; i < config->connection_n; i++)
		load(&visit, credentials_connection(credentials, &config->connection[i]),
			config->connection[i].credential.key_line);
	credentials_free(credentials);
	return visit.error;
}

int keys_start(struct control *control)
{
	int error = load_all(control, true);

	return error != 0 ? error
			  : signer_watch(control->signer, control->base, on_signed, control);
}

void keys_reconfigure(struct control *control)
{
	int error = control->signer != NULL ? load_all(control, false) : 0;

	if (error != 0)
		LOG(ERR, "private keys cannot be read again: %d", -error);
}
