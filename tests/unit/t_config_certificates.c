// SPDX-License-Identifier: BSD-3-Clause
// T6: the keys about certificates: what is wrong is said with its line; what is right is read into
// memory, and other octets in a file are another configuration.
#include "t_config_base.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *find, *replace;
	int line;
	const char *says;
} rows[] = {
	{"secret = \"s1\";", "authentication = \"eap\";", 27, "they are secret, certificate"},
	{"secret = \"s1\";", "authentication = \"certificate\";", 27, "no CA is believed"},
	{"secret = \"s1\";", "authentication = \"certificate\";", 27,
		"the gateway has none itself"},
	{"secret = \"s1\";", "authentication = \"certificate\"; secret = \"x\";", 27,
		"keep one of them"},
	{"secret = \"s1\";", "secret = \"s1\"; address_check = \"off\";", 27,
		"authenticates by a secret"},
	{"secret = \"s1\";", "authentication = \"certificate\"; address_check = \"no\";", 27,
		"they are present, required, off"},
	{"id = \"alice@example.org\"; secret = \"s1\";",
		"id = \"keyid:00\"; authentication = \"certificate\";", 27,
		"which no certificate names"},
	{"secret = \"s3\";", "authentication = \"certificate\";", 31, "and has none"},
	{"secret = \"s3\";", "secret = \"s3\"; private_key = \"/nonexistent\";", 31,
		"/nonexistent: No such file"},
	{"id = \"gw.example.org\";", "id = \"gw.example.org\"; certificate = \"/nonexistent\";", 26,
		"/nonexistent: No such file"},
	{"id = \"gw.example.org\";", "id = \"gw.example.org\"; certificate = \"/etc/passwd\";", 26,
		"write both"},
	{"id = \"gw.example.org\";", "id = \"gw.example.org\"; private_key = \"/etc/passwd\";", 26,
		"can be read by others"},
	{"id = \"gw.example.org\";", "id = \"gw.example.org\"; private_key = \"/tmp\";", 26,
		"no regular file"},
	{"id = \"gw.example.org\";", "id = \"gw.example.org\"; rsa_padding = \"oaep\";", 26,
		"they are pss, pkcs1"},
	{"esp = {", "certificates = { crl_required = true; }; esp = {", 15, "lacks 'authorities'"},
	{"esp = {", "certificates = { authorities = [\"/nonexistent\"]; }; esp = {", 15,
		"No such file"},
	{"esp = {", "certificates = { authorities = [\"/\"]; }; esp = {", 15, "no regular file"},
};

START_TEST(mistakes)
{
	char line[16];
	bool found = false;

	ck_assert_ptr_null(config_with(rows[_i].find, rows[_i].replace));
	snprintf(line, sizeof(line), "t.conf:%d: ", rows[_i].line);
	for (uint32_t i = 0; i < config_errs.n; i++)
		found = found ||
			(strncmp(config_errs.text[i], line, strlen(line)) == 0 &&
				strstr(config_errs.text[i], rows[_i].says) != NULL);
	ck_assert_msg(found, "row %d: %s", _i, config_errs.text[0]);
}
END_TEST

static char ca[] = "/tmp/t_config_ca.XXXXXX", key[] = "/tmp/t_config_key.XXXXXX";

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static struct config *with_files(void)
{
	static char text[2048];
	struct config *config;

	snprintf(text, sizeof(text),
		"certificates = { authorities = [\"%s\", \"%s\"]; crls = \"%s\"; crl_required = "
		"true; "
		"}; "
		"gateway = { id = \"gw.example.org\"; certificate = \"%s\"; private_key = \"%s\"; "
		"rsa_padding = \"pkcs1\"; peers = ( { name = \"c\"; id = \"*.example.org\"; "
		"authentication = \"certificate\"; address_check = \"required\"; profile = "
		"\"link\"; "
		"},",
		ca, ca, ca, ca, key);
	config = config_with("gateway = { id = \"gw.example.org\"; peers = (", text);
	ck_assert_msg(config != NULL, "%s", config_errs.text[0]);
	return config;
}

START_TEST(files)
{
	struct config *config, *other;
	struct config_diff diff;

	close(mkstemp(ca));
	close(mkstemp(key)); // nobody else's to read
	write_file(ca, "some text\n");
	config = with_files();
	ck_assert_uint_eq(config->certificates.ca_n, 2);
	ck_assert_uint_eq(config->certificates.crl_n, 1);
	ck_assert(config->certificates.crl_required);
	ck_assert_str_eq(config->certificates.ca[1].text, "some text\n");
	ck_assert_uint_eq(config->certificates.ca[1].len, 10);
	ck_assert_str_eq(config->gateway.credential.certificate.text, "some text\n");
	ck_assert_str_eq(config->gateway.credential.private_key, key);
	ck_assert_int_eq(config->gateway.credential.rsa_padding, CONFIG_RSA_PKCS1);
	ck_assert_int_eq(config->gateway.peer[0].auth, CONFIG_AUTH_CERTIFICATE);
	ck_assert_int_eq(config->gateway.peer[0].address_check, CONFIG_ADDRESS_REQUIRED);
	ck_assert_int_eq(config->gateway.peer[1].auth, CONFIG_AUTH_SECRET);
	other = with_files();
	config_diff(config, other, &diff);
	ck_assert(!diff.certificates && !diff.peers && diff.restart_n == 0);
	config_free(other);
	write_file(ca, "Some text\n");
	other = with_files();
	config_diff(config, other, &diff);
	ck_assert(diff.certificates && !diff.peers && diff.restart_n == 0);
	config_free(other);
	config_free(config);
	unlink(ca);
	unlink(key);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_certificates");
	TCase *tc = tcase_create("config_certificates");
	SRunner *runner = srunner_create(s);
	int failed = 0;

	tcase_add_loop_test(tc, mistakes, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, files);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
