// SPDX-License-Identifier: BSD-3-Clause
// Private keys are held by a process of their own that does nothing but sign, so that the one which
// parses what strangers send never has them. Requests wait in a queue and never hold the loop up.
// Control's thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct signer;

// Starts the process; to be called before anything secret is in memory and before rights are dropped.
// NULL with errno.
struct signer *signer_start(void);
void signer_stop(struct signer *signer); // it ends; accepts NULL

// `why` NULL: there is a signature; else a text that stays.
typedef void (*signer_fn)(
	void *arg, uint64_t tag, const char *why, const void *signature, size_t len);
// From now on answers come by the loop. 0 or -ENOMEM.
int signer_watch(struct signer *signer, struct event_base *base, signer_fn fn, void *arg);

// The key is read from its file, again if it was there. Waits for the answer: only before the loop runs.
// `spki`: SubjectPublicKeyInfo of the certificate that it is for. NULL, or why it does not do.
const char *signer_load(struct signer *signer, const char *key, const void *spki, size_t len);
// The same later: what is wrong goes to the log. 0 or -errno.
int signer_reload(struct signer *signer, const char *key, const void *spki, size_t len);
// Copies. fn is called with the tag, never from within. 0, -EMSGSIZE, -ENOBUFS (too many wait),
// -ENOTCONN (it is gone for good), -ENOMEM.
int signer_sign(struct signer *signer, uint64_t tag, const char *key, uint32_t scheme,
	const void *data, size_t len);
