/* SPDX-License-Identifier: GPL-2.0 */
/* What the user reads: errors on stderr, results on stdout as text or JSON. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>

extern bool json_output;	/* -j */
extern bool quiet;		/* -q: no progress, no notes */

/* Before anything is opened: standard descriptors that are closed get /dev/null */
void output_open(void);
/* Has everything been written? 0, or -1 after an error message */
int output_close(void);

/* An error that names the thing, the value and the remedy; -1 for return */
int error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For a person who watches; not with -q */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A line on stderr that the next one replaces, if that is a terminal; and the status
 * that a service manager shows.  Is there anybody who wants it?
 */
/* Who else gets what progress() shows; NULL: nobody */
struct progress_sink {
	bool (*wanted)(void);
	void (*show)(const char *fmt, va_list ap);
};
extern const struct progress_sink *progress_sink;

bool progress_wanted(void);
void progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress_end(void);

void json_add_u64(struct json_object *obj, const char *key, unsigned long long v);
void json_add_str(struct json_object *obj, const char *key, const char *v);
void json_add_bool(struct json_object *obj, const char *key, bool v);
/* Print and free */
void json_print(struct json_object *obj);

/* "12.3 MiB", in one of a few buffers that are used in turn */
const char *human_bytes(unsigned long long bytes);

#endif
