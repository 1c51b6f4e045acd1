// SPDX-License-Identifier: BSD-3-Clause
// The process that has the private keys: it reads requests from control, signs and answers, and can do
// nothing else (confine.h). It parses no packet. Its keeper has no keys and reads nothing. Both end with
// control, however that ends. One thread each.
#include "signer_process.h"

#include "confine.h"
#include "log.h"
#include "secret.h"
#include "signer_msg.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("signer");

#define KEYS_MAX 128
#define KEY_FILE_MAX 65536
#define FD 3 // the socket, after everything else was closed

struct key {
	char name[CONFIG_PATH_MAX];
	EVP_PKEY *pkey;
};
static struct key keys[KEYS_MAX];

// Nobody is asked for a passphrase.
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse_key(const uint8_t *text, size_t len)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *pkey =
		bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return pkey;
}

static enum signer_status read_key(const char *path, EVP_PKEY **pkey)
{
	static uint8_t text[KEY_FILE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = -1;
	struct stat st;

	if (fd < 0)
		return SIGNER_NO_FILE;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
			len += (size_t)n;
	close(fd);
	if (n < 0)
		return SIGNER_NO_FILE;
	*pkey = parse_key(text, len);
	secret_wipe(text, len);
	return *pkey != NULL ? SIGNER_DONE : SIGNER_NO_KEY;
}

static struct key *place_of(const char *name)
{
	struct key *free_place = NULL;

	for (int i = 0; i < KEYS_MAX; i++) {
		if (keys[i].pkey != NULL && strcmp(keys[i].name, name) == 0)
			return &keys[i];
		if (keys[i].pkey == NULL && free_place == NULL)
			free_place = &keys[i];
	}
	if (free_place == NULL) { // those that a reload left behind; the next use reads them again
		free_place = &keys[0];
		EVP_PKEY_free(free_place->pkey);
		free_place->pkey = NULL;
	}
	return free_place;
}

static enum signer_status load(const char *name, struct key **out)
{
	struct key *key = place_of(name);
	EVP_PKEY *pkey = NULL;
	enum signer_status status = read_key(name, &pkey);

	if (status != SIGNER_DONE)
		return status;
	EVP_PKEY_free(key->pkey);
	key->pkey = pkey;
	memcpy(key->name, name, strlen(name) + 1);
	*out = key;
	return SIGNER_DONE;
}

static bool has_spki(EVP_PKEY *pkey, const uint8_t *spki, size_t len)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);
	bool same = n > 0 && (size_t)n == len && memcmp(der, spki, len) == 0;

	OPENSSL_free(der);
	return same;
}

static enum signer_status load_checked(const struct signer_msg *request)
{
	struct key *key = NULL;
	enum signer_status status = load(request->head.key, &key);

	if (status == SIGNER_DONE && !has_spki(key->pkey, request->data, request->head.len))
		return SIGNER_OTHER_KEY;
	return status;
}

static enum signer_status sign(const struct signer_msg *request, struct signer_msg *answer)
{
	struct key *key = place_of(request->head.key);
	enum signer_status status = key->pkey != NULL ? SIGNER_DONE : load(request->head.key, &key);
	size_t len = SIGN_SIGNATURE_MAX;

	if (status != SIGNER_DONE)
		return status;
	if (sign_make(key->pkey, (enum sign_scheme)request->head.code,
		    (struct bytes){request->data, request->head.len}, answer->data, &len) != 0)
		return SIGNER_FAILED;
	answer->head.len = (uint32_t)len;
	return SIGNER_DONE;
}

static void serve(const struct signer_msg *request)
{
	static struct signer_msg answer;

	answer = (struct signer_msg){.head = {.type = SIGNER_ANSWER, .id = request->head.id}};
	answer.head.code = SIGNER_FAILED;
	if (request->head.type == SIGNER_LOAD)
		answer.head.code = load_checked(request);
	else if (request->head.type == SIGNER_SIGN)
		answer.head.code = sign(request, &answer);
	if (send(FD, &answer, SIGNER_MSG_BYTES(answer.head.len), MSG_NOSIGNAL) < 0)
		_exit(0); // control is gone
}

// What OpenSSL opens and fetches once, before that is forbidden.
static void prepare(void)
{
	uint8_t random[16];

	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	RAND_priv_bytes(random, sizeof(random));
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
}

static _Noreturn void run(void)
{
	static struct signer_msg request;
	int error;
	ssize_t n;

	prctl(PR_SET_NAME, "caponier-signer");
	prepare();
	error = confine_signer();
	if (error != 0) {
		LOG(ERR, "cannot be confined: %s", strerror(-error));
		_exit(1);
	}
	for (;;) {
		n = recv(FD, &request, sizeof(request), 0);
		if (n == 0)
			_exit(0);
		if (n > 0 && signer_msg_fits(&request, n))
			serve(&request);
		else if (n < 0 && errno != EINTR)
			_exit(1);
	}
}

// Dies with its parent, which may be dead already.
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

static void tell_died(int status)
{
	struct signer_msg msg = {.head = {.type = SIGNER_DIED, .code = (uint32_t)status}};

	if (send(FD, &msg, SIGNER_MSG_BYTES(0), MSG_NOSIGNAL) < 0)
		_exit(0);
}

_Noreturn void signer_process_keep(int fd, pid_t control)
{
	const struct timespec pause = {.tv_nsec = 200000000}; // no busy loop when it dies at once
	pid_t self, child;
	int status = 0;

	// The terminal's signals are for control.
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	die_with(control);
	prctl(PR_SET_NAME, "caponier-keeper");
	prctl(PR_SET_DUMPABLE, 0);
	if (dup2(fd, FD) != FD)
		_exit(1);
	closefrom(FD + 1);
	self = getpid();
	for (;;) {
		child = fork();
		if (child == 0) {
			die_with(self);
			run();
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
			_exit(1);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			_exit(0); // control is gone
		tell_died(status);
		nanosleep(&pause, NULL);
	}
}
