// SPDX-License-Identifier: BSD-3-Clause
// Key log lines as Wireshark 4.0 reads them; the files' modes; names that it does not know.
#include "keylog.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ike_keylog ike_keys(uint16_t encr, uint16_t bits, uint16_t integ)
{
	struct ike_keylog keys = {.spi_i = UINT64_C(0x0011223344556677),
		.spi_r = UINT64_C(0x8899aabbccddeeff),
		.encr = encr,
		.key_bits = bits,
		.integ = integ};

	secret_set(&keys.sk_ei, "\x01\x02\x03\x04", 4);
	secret_set(&keys.sk_er, "\xa1\xa2\xa3\xa4", 4);
	if (integ != INTEG_NONE) {
		secret_set(&keys.sk_ai, "\x11\x12", 2);
		secret_set(&keys.sk_ar, "\x13\x14", 2);
	}
	return keys;
}

START_TEST(test_ike_line)
{
	struct ike_keylog keys = ike_keys(ENCR_AES_GCM_16, 128, INTEG_NONE);
	char line[KEYLOG_LINE_MAX];

	ck_assert_int_eq(keylog_format_ike(&keys, line), 0);
	ck_assert_str_eq(line,
		"0011223344556677,8899aabbccddeeff,01020304,a1a2a3a4,"
		"\"AES-GCM-128 with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"");
	keys = ike_keys(ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128);
	ck_assert_int_eq(keylog_format_ike(&keys, line), 0);
	ck_assert_str_eq(line,
		"0011223344556677,8899aabbccddeeff,01020304,a1a2a3a4,"
		"\"AES-CBC-256 [RFC3602]\",1112,1314,\"HMAC_SHA2_256_128 [RFC4868]\"");
	keys = ike_keys(ENCR_CHACHA20_POLY1305, 0, INTEG_NONE);
	ck_assert_int_eq(keylog_format_ike(&keys, line), -EINVAL);
}
END_TEST

static struct ipc_sa esp_keys(uint16_t encr, uint16_t integ)
{
	struct ipc_sa sa = {.spi = 0x04000001,
		.suite = {encr, 128, integ, 0},
		.encr_key = {1, 2, 3},
		.encr_key_len = 3,
		.integ_key = {9, 8},
		.integ_key_len = integ != INTEG_NONE ? 2 : 0};

	inet_addr_parse("192.0.2.1", &sa.local);
	inet_addr_parse("192.0.2.2", &sa.remote);
	return sa;
}

START_TEST(test_esp_line)
{
	struct ipc_sa sa = esp_keys(ENCR_AES_GCM_16, INTEG_NONE);
	char line[KEYLOG_LINE_MAX];

	ck_assert_int_eq(keylog_format_esp(&sa, IPC_DIR_IN, line), 0);
	ck_assert_str_eq(line,
		"\"IPv4\",\"192.0.2.2\",\"192.0.2.1\",\"0x04000001\","
		"\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x010203\",\"NULL\",\"\"");
	sa = esp_keys(ENCR_AES_CBC, INTEG_HMAC_SHA2_256_128);
	inet_addr_parse("2001:db8::1", &sa.local);
	inet_addr_parse("2001:db8::2", &sa.remote);
	ck_assert_int_eq(keylog_format_esp(&sa, IPC_DIR_OUT, line), 0);
	ck_assert_str_eq(line,
		"\"IPv6\",\"2001:db8::1\",\"2001:db8::2\",\"0x04000001\","
		"\"AES-CBC [RFC3602]\",\"0x010203\",\"HMAC-SHA-256-128 [RFC4868]\",\"0x0908\"");
	sa = esp_keys(ENCR_CHACHA20_POLY1305, INTEG_NONE);
	ck_assert_int_eq(keylog_format_esp(&sa, IPC_DIR_IN, line), -EINVAL);
}
END_TEST

static void read_file(const char *dir, const char *name, char out[4096])
{
	char path[256];
	struct stat st;
	FILE *file = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	file = fopen(path, "r");
	len = fread(out, 1, 4095, file);
	out[len] = '\0';
	fclose(file);
	unlink(path);
}

START_TEST(test_files)
{
	char dir[] = "/tmp/t_keylog.XXXXXX", text[4096], path[256];
	struct ike_keylog keys = ike_keys(ENCR_AES_GCM_16, 128, INTEG_NONE);
	struct ipc_sa sa = esp_keys(ENCR_CHACHA20_POLY1305, INTEG_NONE);
	struct keylog *keylog = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/esp_sa", dir);
	fclose(fopen(path, "w")); // somebody made it before, for all to read
	chmod(path, 0644);
	keylog = keylog_open(dir);
	ck_assert_ptr_nonnull(keylog);
	keylog_ike(keylog, &keys);
	keylog_esp(keylog, &sa, IPC_DIR_IN);
	keylog_close(keylog);
	read_file(dir, "ikev2_decryption_table", text);
	ck_assert_ptr_nonnull(strstr(text, "[RFC4306]\"\n"));
	// A name that Wireshark does not know would cost it the whole file.
	read_file(dir, "esp_sa", text);
	ck_assert_int_eq(strncmp(text, "# ", 2), 0);
	rmdir(dir);
	ck_assert_ptr_null(keylog_open("/nonexistent"));
	keylog_ike(NULL, &keys);
	keylog_esp(NULL, &sa, IPC_DIR_IN);
	keylog_close(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keylog");
	TCase *tc = tcase_create("keylog");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_test(tc, test_ike_line);
	tcase_add_test(tc, test_esp_line);
	tcase_add_test(tc, test_files);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
