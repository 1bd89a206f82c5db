// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "output.h"
#include "service.h"

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Milliseconds from one sign of life to the next, half of what is allowed; 0: none */
static long long watchdog_ms(void)
{
	static long long ms = -1;
	uint64_t usec;

	if (ms < 0)
		ms = sd_watchdog_enabled(0, &usec) > 0 ? (long long)(usec / 2000) ?: 1 : 0;
	return ms;
}

/* When the next ones are due */
static long long next_ms, next_status_ms;

static bool wants_status(void)
{
	return now_ms() >= next_status_ms;
}

static void show_status(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (!wants_status())
		return;
	next_status_ms = now_ms() + 1000;
	if (vasprintf(&text, fmt, ap) < 0)
		return;
	sd_notifyf(0, "STATUS=%s", text);
	free(text);
}

static const struct progress_sink status_sink = {
	.wanted = wants_status, .show = show_status,
};

void service_status(const char *fmt, ...)
{
	va_list ap;

	if (!getenv("NOTIFY_SOCKET"))
		return;
	va_start(ap, fmt);
	show_status(fmt, ap);
	va_end(ap);
}

void service_ready(void)
{
	/* from now on it shows the progress, too */
	if (getenv("NOTIFY_SOCKET"))
		progress_sink = &status_sink;
	sd_notify(0, "READY=1");
	service_watchdog();
}

void service_watchdog(void)
{
	if (!watchdog_ms() || now_ms() < next_ms)
		return;
	next_ms = now_ms() + watchdog_ms();
	sd_notify(0, "WATCHDOG=1");
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

int service_timeout(int ms)
{
	long long left;

	if (!watchdog_ms())
		return ms;
	left = next_ms - now_ms();
	if (left < 0)
		left = 0;
	return ms < 0 || left < ms ? (int)left : ms;
}
