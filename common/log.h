// SPDX-License-Identifier: BSD-3-Clause
// Log lines to stderr, one per call, of the process' control threads. Never called by a worker.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_ERR,
	LOG_WARN,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

// One per source file: LOG_TYPE("pool");
struct log_type {
	const char *name;
	enum log_level level;
	bool registered;
	struct log_type *next;
};
// The type is known from the program's start, so that `log show` lists it before its first line.
#define LOG_TYPE(text)                                                                             \
	static struct log_type log_type_here = {.name = (text), .level = LOG_INFO};                \
	__attribute__((constructor)) static void log_type_register_here(void)                      \
	{                                                                                          \
		log_enabled(&log_type_here, LOG_ERR);                                              \
	}                                                                                          \
	_Static_assert(1, "a semicolon follows")

// LOG(INFO, "lease %s expired", text);
#define LOG(lvl, ...)                                                                              \
	do {                                                                                       \
		if (log_enabled(&log_type_here, LOG_##lvl))                                        \
			log_write(&log_type_here, LOG_##lvl, __VA_ARGS__);                         \
	} while (0)

// At most `burst` lines, refilled at one a second; the line that comes through again says how many
// were kept back. For what strangers can cause. One static state per call site.
struct log_limit {
	uint64_t last_us;
	uint32_t tokens;
	uint32_t suppressed;
	bool started;
};
#define LOG_LIMITED(lvl, ...)                                                                      \
	do {                                                                                       \
		static struct log_limit limit_here;                                                \
		if (log_enabled(&log_type_here, LOG_##lvl))                                        \
			log_write_limited(&log_type_here, LOG_##lvl, &limit_here, __VA_ARGS__);    \
	} while (0)

bool log_enabled(struct log_type *type, enum log_level level);
void log_write(struct log_type *type, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_write_limited(struct log_type *type, enum log_level level, struct log_limit *limit,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void log_init(const char *program); // name at the start of each line
// Level of the types whose name matches the shell pattern, now and for types seen later.
// -ENOENT when no known type matches (the rule is kept all the same).
int log_set_level(const char *pattern, enum log_level level);
int log_level_parse(const char *text, enum log_level *out); // "error" "warning" "notice" ...
const char *log_level_name(enum log_level level);
void log_foreach(void (*fn)(void *arg, const char *name, enum log_level level), void *arg);
