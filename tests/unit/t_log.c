// SPDX-License-Identifier: BSD-3-Clause
// Log lines as they come out of stderr: one line a call, escaped, limited, levels by pattern.
#include "log.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_TYPE("t_log");
static struct log_type other_type = {.name = "t_other", .level = LOG_INFO};

static int saved_stderr;
static FILE *capture;

static void setup(void)
{
	capture = tmpfile();
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(capture), STDERR_FILENO);
	log_init("prog");
	log_set_level("*", LOG_INFO);
}

// What was written since setup().
static const char *captured(void)
{
	static char text[65536];
	ssize_t n = pread(fileno(capture), text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void teardown(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	fclose(capture);
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

START_TEST(test_line)
{
	unsetenv("JOURNAL_STREAM");
	log_init("prog");
	errno = 77;
	LOG(NOTICE, "ready, %d workers", 2);
	ck_assert_int_eq(errno, 77);
	ck_assert_ptr_nonnull(strstr(captured(), "Z prog notice t_log: ready, 2 workers\n"));
	ck_assert_uint_eq(lines(captured()), 1);
	close(STDERR_FILENO); // nobody listens; teardown() opens it again
	LOG(NOTICE, "into the void");
	ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(test_journal)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("prog");
	unsetenv("JOURNAL_STREAM");
	LOG(ERR, "no time stamp");
	ck_assert_str_eq(captured(), "prog error t_log: no time stamp\n");
}
END_TEST

START_TEST(test_escape)
{
	LOG(INFO, "peer %s", "a\nprog notice x: forged\x1b[2J\xc3\xa9");
	ck_assert_uint_eq(lines(captured()), 1);
	ck_assert_ptr_nonnull(
		strstr(captured(), "peer a\\x0aprog notice x: forged\\x1b[2J\\xc3\\xa9\n"));
}
END_TEST

START_TEST(test_long)
{
	char text[8192];

	memset(text, '\x01', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	LOG(INFO, "%s", text);
	ck_assert_uint_eq(lines(captured()), 1);
	ck_assert_uint_le(strlen(captured()), 2048);
	ck_assert_uint_gt(strlen(captured()), 2000);
}
END_TEST

START_TEST(test_levels)
{
	LOG(DEBUG, "hidden");
	ck_assert_str_eq(captured(), "");
	ck_assert_int_eq(log_set_level("t_lo*", LOG_DEBUG), 0);
	LOG(DEBUG, "seen");
	ck_assert_uint_eq(lines(captured()), 1);
	log_set_level("t_log", LOG_ERR);
	LOG(WARN, "hidden");
	LOG(ERR, "seen");
	ck_assert_uint_eq(lines(captured()), 2);
	ck_assert_int_eq(log_set_level("nobody", LOG_DEBUG), -ENOENT);
}
END_TEST

// A rule that is set before a type is seen holds for it; the last rule that matches wins.
START_TEST(test_later_type)
{
	ck_assert_int_eq(log_set_level("t_oth?r", LOG_DEBUG), -ENOENT);
	ck_assert(log_enabled(&other_type, LOG_DEBUG));
}
END_TEST

START_TEST(test_limited)
{
	for (int i = 0; i < 100; i++)
		LOG_LIMITED(INFO, "from a stranger");
	ck_assert_uint_ge(lines(captured()), 10);
	ck_assert_uint_le(lines(captured()), 12);
}
END_TEST

START_TEST(test_limit_resumes)
{
	struct log_limit limit = {};

	for (int i = 0; i < 15; i++)
		log_write_limited(&log_type_here, LOG_INFO, &limit, "n");
	ck_assert_uint_eq(limit.suppressed, 5);
	limit.last_us -= 3000000; // three seconds ago
	log_write_limited(&log_type_here, LOG_INFO, &limit, "n");
	ck_assert_ptr_nonnull(strstr(captured(), "n (5 more like this were kept back)\n"));
	ck_assert_uint_eq(limit.tokens, 2);
	ck_assert_uint_eq(limit.suppressed, 0);
}
END_TEST

START_TEST(test_level_names)
{
	enum log_level level;

	for (int i = LOG_ERR; i <= LOG_DEBUG; i++) {
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		ck_assert_int_eq((int)level, i);
	}
	ck_assert_int_eq(log_level_parse("WARN", &level), 0);
	ck_assert_int_eq((int)level, LOG_WARN);
	ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
}
END_TEST

static void find_type(void *arg, const char *name, enum log_level level)
{
	if (strcmp(name, "t_log") == 0 && level == LOG_WARN)
		*(bool *)arg = true;
}

START_TEST(test_foreach)
{
	bool found = false;

	LOG(INFO, "registers");
	log_set_level("t_log", LOG_WARN);
	log_foreach(find_type, &found);
	ck_assert(found);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_line);
	tcase_add_test(tcase, test_journal);
	tcase_add_test(tcase, test_escape);
	tcase_add_test(tcase, test_long);
	tcase_add_test(tcase, test_levels);
	tcase_add_test(tcase, test_later_type);
	tcase_add_test(tcase, test_limited);
	tcase_add_test(tcase, test_limit_resumes);
	tcase_add_test(tcase, test_level_names);
	tcase_add_test(tcase, test_foreach);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
