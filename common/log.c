// SPDX-License-Identifier: BSD-3-Clause
// Log lines to stderr, one write per line, so that lines of several threads do not mix. For the
// control threads of a process; workers never come here. What strangers send may end up in a line,
// so every byte that is not printable ASCII is written as \xNN.
#include "log.h"

#include "clock.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define LIMIT_BURST 10
#define RULES 32

static const char *const level_names[] = {
	[LOG_ERR] = "error",
	[LOG_WARN] = "warning",
	[LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

// Guards the list of types and the rules; the levels themselves are read without it.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_type *types;
static struct {
	char pattern[64];
	enum log_level level;
} rules[RULES]; // later ones win
static unsigned rule_n;
static const char *program_name = "caponier";
static bool with_time = true;

void log_init(const char *program)
{
	program_name = program;
	// The journal stamps lines itself.
	with_time = getenv("JOURNAL_STREAM") == NULL;
}

static void register_type(struct log_type *type)
{
	pthread_mutex_lock(&lock);
	if (!type->registered) {
		for (unsigned i = 0; i < rule_n; i++)
			if (fnmatch(rules[i].pattern, type->name, 0) == 0)
				__atomic_store_n(&type->level, rules[i].level, __ATOMIC_RELAXED);
		type->next = types;
		types = type;
		__atomic_store_n(&type->registered, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
}

bool log_enabled(struct log_type *type, enum log_level level)
{
	if (!__atomic_load_n(&type->registered, __ATOMIC_ACQUIRE))
		register_type(type);
	return level <= __atomic_load_n(&type->level, __ATOMIC_RELAXED);
}

// Appends text, escaped, and returns the new length. Never fills the last byte: the newline's.
static size_t append(char *line, size_t len, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (len + 5 >= LINE_MAX_BYTES)
			break;
		if (c >= 0x20 && c < 0x7f)
			line[len++] = (char)c;
		else
			len += (size_t)snprintf(line + len, 5, "\\x%02x", c);
	}
	return len;
}

static size_t append_time(char *line)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, LINE_MAX_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	len += (size_t)snprintf(
		line + len, LINE_MAX_BYTES - len, ".%03ldZ ", now.tv_nsec / 1000000);
	return len;
}

static void write_line(const struct log_type *type, enum log_level level, uint32_t suppressed,
	const char *format, va_list args) __attribute__((format(printf, 4, 0)));
static void write_line(const struct log_type *type, enum log_level level, uint32_t suppressed,
	const char *format, va_list args)
{
	char line[LINE_MAX_BYTES], text[LINE_MAX_BYTES], more[64] = "";
	size_t len = with_time ? append_time(line) : 0, done = 0;
	int saved = errno;

	vsnprintf(text, sizeof(text), format, args);
	if (suppressed > 0)
		snprintf(more, sizeof(more), " (%u more like this were kept back)", suppressed);
	len = append(line, len, program_name);
	len = append(line, len, " ");
	len = append(line, len, log_level_name(level));
	len = append(line, len, " ");
	len = append(line, len, type->name);
	len = append(line, len, ": ");
	len = append(line, len, text);
	len = append(line, len, more);
	line[len++] = '\n';
	while (done < len) {
		ssize_t n = write(STDERR_FILENO, line + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; // nobody left to tell
		done += (size_t)n;
	}
	errno = saved;
}

void log_write(struct log_type *type, enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(type, level, 0, format, args);
	va_end(args);
}

// A token, refilled at one a second up to LIMIT_BURST.
static bool limit_take(struct log_limit *limit, uint64_t now_us)
{
	uint64_t seconds = (now_us - limit->last_us) / US_PER_S;

	if (!limit->started) {
		*limit = (struct log_limit){
			.last_us = now_us, .tokens = LIMIT_BURST, .started = true};
	} else if (seconds > 0) {
		limit->tokens = seconds > LIMIT_BURST - limit->tokens
			? LIMIT_BURST
			: limit->tokens + (uint32_t)seconds;
		limit->last_us += seconds * US_PER_S;
	}
	if (limit->tokens == 0) {
		limit->suppressed++;
		return false;
	}
	limit->tokens--;
	return true;
}

void log_write_limited(struct log_type *type, enum log_level level, struct log_limit *limit,
	const char *format, ...)
{
	va_list args;

	if (!limit_take(limit, clock_now_us()))
		return;
	va_start(args, format);
	write_line(type, level, limit->suppressed, format, args);
	va_end(args);
	limit->suppressed = 0;
}

// Keeps the rule for types that register later; an older rule of the same pattern goes.
static void rule_keep(const char *pattern, enum log_level level)
{
	unsigned drop = rule_n;

	for (unsigned i = 0; i < rule_n; i++)
		if (strcmp(rules[i].pattern, pattern) == 0)
			drop = i;
	if (drop == rule_n && rule_n == RULES)
		drop = 0;
	if (drop < rule_n) {
		memmove(&rules[drop], &rules[drop + 1], (rule_n - drop - 1) * sizeof(rules[0]));
		rule_n--;
	}
	snprintf(rules[rule_n].pattern, sizeof(rules[0].pattern), "%s", pattern);
	rules[rule_n++].level = level;
}

int log_set_level(const char *pattern, enum log_level level)
{
	int rc = -ENOENT;

	if (strlen(pattern) >= sizeof(rules[0].pattern))
		return -EINVAL;
	pthread_mutex_lock(&lock);
	for (struct log_type *type = types; type != NULL; type = type->next) {
		if (fnmatch(pattern, type->name, 0) != 0)
			continue;
		__atomic_store_n(&type->level, level, __ATOMIC_RELAXED);
		rc = 0;
	}
	rule_keep(pattern, level);
	pthread_mutex_unlock(&lock);
	return rc;
}

int log_level_parse(const char *text, enum log_level *out)
{
	static const struct {
		const char *name;
		enum log_level level;
	} aliases[] = {{"err", LOG_ERR}, {"warn", LOG_WARN}};

	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strcasecmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcasecmp(text, aliases[i].name) == 0) {
			*out = aliases[i].level;
			return 0;
		}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level <= LOG_DEBUG ? level_names[level] : "?";
}

void log_foreach(void (*fn)(void *arg, const char *name, enum log_level level), void *arg)
{
	pthread_mutex_lock(&lock);
	for (struct log_type *type = types; type != NULL; type = type->next)
		fn(arg, type->name, __atomic_load_n(&type->level, __ATOMIC_RELAXED));
	pthread_mutex_unlock(&lock);
}
