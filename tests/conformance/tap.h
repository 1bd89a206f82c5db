/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap: one line a check, in the Test Anything Protocol.
 *
 * The text of a check is the same wherever and however often it runs, so that
 * two runs can be compared; what was seen instead is a "#" line after it.
 */
#ifndef _TAP_H
#define _TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* weak: one of each in a program, whichever files include this */
__attribute__((weak)) int tap_nr, tap_failed;

/* "ok N - TEXT", or "not ok"; its value is whether it holds */
__attribute__((format(printf, 2, 3)))
static inline int ok(int holds, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%sok %d - ", holds ? "" : "not ", ++tap_nr);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	tap_failed += !holds;
	return holds;
}

/* "ok N - TEXT # SKIP WHY" */
static inline void skip(const char *text, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_nr, text, why);
}

/* "# TEXT" */
__attribute__((format(printf, 1, 2)))
static inline void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/* Nothing that follows would make sense */
__attribute__((format(printf, 1, 2), noreturn))
static inline void bail_out(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("Bail out! ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

/* The plan, and main()'s value */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_nr);
	return tap_failed || !tap_nr;
}

#endif /* _TAP_H */
