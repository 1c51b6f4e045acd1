// SPDX-License-Identifier: BSD-3-Clause
// T6: the signing process: keys that do and do not do, what a dead one costs, that it comes back, and
// that it can do nothing else.
#include "../exchange/pki.h"
#include "sign_scheme.h"
#include "signer.h"

#include <check.h>
#include <event2/event.h>
#include <openssl/pem.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/t_signer.XXXXXX", path[64], other_path[64];
static struct signer *signer;
static struct event_base *base;
static struct pki leaf;
static uint8_t *spki;
static int spki_len;

static struct { // the last answer
	unsigned n;
	uint64_t tag;
	char why[80];
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t len;
} said;

static void on_done(void *, uint64_t tag, const char *why, const void *signature, size_t len)
{
	said.n++;
	said.tag = tag;
	snprintf(said.why, sizeof(said.why), "%s", why != NULL ? why : "");
	ck_assert_uint_le(len, sizeof(said.signature));
	memcpy(said.signature, signature != NULL ? signature : "", len);
	said.len = len;
}

static void write_key(const char *to, EVP_PKEY *key, const char *passphrase)
{
	FILE *file = fopen(to, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(
		PEM_write_PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL,
			0, NULL, (void *)(uintptr_t)passphrase),
		1);
	fclose(file);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/own.key", dir);
	snprintf(other_path, sizeof(other_path), "%s/other.key", dir);
	signer = signer_start();
	ck_assert_ptr_nonnull(signer);
	base = event_base_new();
	leaf = pki_leaf(NULL, "p256", "DNS:a");
	spki_len = i2d_PUBKEY(leaf.key, &spki);
	write_key(path, leaf.key, NULL);
	memset(&said, 0, sizeof(said));
}

static void teardown(void)
{
	signer_stop(signer);
	event_base_free(base);
	OPENSSL_free(spki);
	spki = NULL;
	pki_fini();
	unlink(path);
	unlink(other_path);
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static void wait_said(unsigned n)
{
	while (said.n < n)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void sign_good(uint64_t tag)
{
	static const struct bytes data = {(const uint8_t *)"data", 4};
	unsigned before = said.n;

	ck_assert_int_eq(signer_sign(signer, tag, path, SIGN_ECDSA_SHA256, data.data, data.len), 0);
	wait_said(before + 1);
	ck_assert_str_eq(said.why, "");
	ck_assert_uint_eq(said.tag, tag);
	ck_assert(sign_verify(
		leaf.key, SIGN_ECDSA_SHA256, data, (struct bytes){said.signature, said.len}));
}

START_TEST(keys)
{
	struct pki other = pki_leaf(NULL, "p256", "DNS:a");

	ck_assert_ptr_null(signer_load(signer, path, spki, (size_t)spki_len));
	ck_assert_str_eq(signer_load(signer, other_path, spki, (size_t)spki_len),
		"its private key cannot be read");
	write_key(other_path, other.key, NULL);
	ck_assert_str_eq(signer_load(signer, other_path, spki, (size_t)spki_len),
		"its private key is not the certificate's");
	write_key(other_path, leaf.key, "secret"); // nobody is asked
	ck_assert_str_eq(signer_load(signer, other_path, spki, (size_t)spki_len),
		"its private key is malformed, or encrypted");
	ck_assert_int_eq(truncate(other_path, 0), 0);
	ck_assert_str_eq(signer_load(signer, other_path, spki, (size_t)spki_len),
		"its private key is malformed, or encrypted");
	write_key(other_path, leaf.key, NULL);
	ck_assert_ptr_null(signer_load(signer, other_path, spki, (size_t)spki_len));
}
END_TEST

START_TEST(signatures)
{
	static uint8_t long_data[10000];

	ck_assert_int_eq(signer_watch(signer, base, on_done, NULL), 0);
	sign_good(UINT64_C(1) << 52); // not loaded before: it is when it is needed
	// Many at a time: all are answered, none twice.
	for (uint64_t tag = 0; tag < 100; tag++)
		ck_assert_int_eq(signer_sign(signer, tag, path, SIGN_ECDSA_SHA384, "data", 4), 0);
	wait_said(101);
	ck_assert_uint_eq(said.tag, 99);
	ck_assert_str_eq(said.why, "");
	// What cannot be signed.
	ck_assert_int_eq(signer_sign(signer, 7, path, SIGN_ED25519, "data", 4), 0);
	wait_said(102);
	ck_assert_str_eq(said.why, "the signature cannot be made");
	ck_assert_int_eq(signer_sign(signer, 7, path, 1000, "data", 4), 0);
	wait_said(103);
	ck_assert_str_eq(said.why, "the signature cannot be made");
	ck_assert_int_eq(signer_sign(signer, 7, "/nonexistent", SIGN_ED25519, "data", 4), 0);
	wait_said(104);
	ck_assert_str_eq(said.why, "its private key cannot be read");
	ck_assert_int_eq(
		signer_sign(signer, 7, path, SIGN_ECDSA_SHA256, long_data, sizeof(long_data)),
		-EMSGSIZE);
	sign_good(8);
}
END_TEST

// The only child of a process.
static pid_t child_of(pid_t parent)
{
	char name[64];
	int child = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", parent, parent);
	file = fopen(name, "r");
	if (file == NULL || fscanf(file, "%d", &child) != 1)
		child = 0;
	if (file != NULL)
		fclose(file);
	return child;
}

static pid_t wait_child(pid_t parent, pid_t but)
{
	pid_t child;

	do
		usleep(1000);
	while ((child = child_of(parent)) == 0 || child == but);
	return child;
}

START_TEST(dies)
{
	pid_t keeper = wait_child(getpid(), 0), process = wait_child(keeper, 0);

	ck_assert_int_eq(signer_watch(signer, base, on_done, NULL), 0);
	sign_good(1);
	// Stopped with a request in it, and killed there.
	kill(process, SIGSTOP);
	ck_assert_int_eq(signer_sign(signer, 2, path, SIGN_ECDSA_SHA256, "data", 4), 0);
	kill(process, SIGKILL);
	wait_said(2);
	ck_assert_uint_eq(said.tag, 2);
	ck_assert_str_eq(said.why, "the signing process has died");
	wait_child(keeper, process);
	sign_good(3);
	// With its keeper there is no other one, and whoever asks is told.
	process = wait_child(keeper, process);
	kill(keeper, SIGKILL);
	kill(process, SIGKILL);
	signer_sign(signer, 4, path, SIGN_ECDSA_SHA256, "data", 4);
	wait_said(4);
	ck_assert_uint_eq(said.tag, 4);
	ck_assert_str_ne(said.why, "");
	ck_assert_int_eq(signer_sign(signer, 5, path, SIGN_ECDSA_SHA256, "data", 4), -ENOTCONN);
}
END_TEST

// The kernel says that a filter is on, and that nothing may come back.
START_TEST(confined)
{
	pid_t process = wait_child(wait_child(getpid(), 0), 0);
	bool filter = false, no_new = false, no_caps = false;
	char name[64], line[256];
	FILE *file;

	ck_assert_ptr_null(
		signer_load(signer, path, spki, (size_t)spki_len)); // it is past its start
	snprintf(name, sizeof(name), "/proc/%d/status", process);
	file = fopen(name, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		filter = filter || strcmp(line, "Seccomp:\t2\n") == 0;
		no_new = no_new || strcmp(line, "NoNewPrivs:\t1\n") == 0;
		no_caps = no_caps || strcmp(line, "CapEff:\t0000000000000000\n") == 0;
	}
	fclose(file);
	ck_assert(filter && no_new && no_caps);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signer");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, keys);
	tcase_add_test(tcase, signatures);
	tcase_add_test(tcase, dies);
	tcase_add_test(tcase, confined);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
