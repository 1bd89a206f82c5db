// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define LINE_MAX_BYTES	1000
#define LINE_HEAD	600
#define LINE_TAIL	300

bool json_output;
bool quiet;
const struct progress_sink *progress_sink;
static bool progress_shown;

/* The second byte of UTF-8: no character has two forms, none is a surrogate */
static bool is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xc2:
		/* U+0080 to U+009f are control characters, too */
		return second >= 0xa0;
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second < 0xa0;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second < 0x90;
	}
	return true;
}

/* Bytes of the UTF-8 character at @s, 0 if it is none or controls a terminal */
static size_t printable(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < ' ' || s[0] == 0x7f || (s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len == 1 || is_second(s[0], s[1]) ? len : 0;
}

/* What a user gave may be in it: whatever that is, it stays one line */
static void put_text(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + len;

	while (s < end) {
		size_t n = printable(s);

		if (n)
			fwrite(s, 1, n, stderr);
		else
			fprintf(stderr, "\\x%02x", *s);
		s += n ?: 1;
	}
}

static void line(const char *fmt, va_list ap)
{
	size_t len;
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	len = strlen(text);
	progress_end();
	flockfile(stderr);
	fputs("sluice: ", stderr);
	/* what is to be done is at the end, and worth more than the middle */
	if (len > LINE_MAX_BYTES) {
		put_text(text, LINE_HEAD);
		fputs(" ... ", stderr);
		put_text(text + len - LINE_TAIL, LINE_TAIL);
	} else {
		put_text(text, len);
	}
	fputc('\n', stderr);
	funlockfile(stderr);
	free(text);
}

int error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	return -1;
}

void output_open(void)
{
	/* not writable as stdout: that nothing can be said has to be noticed */
	static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			_exit(1);
}

int output_close(void)
{
	int saved = 0;

	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		saved = errno ?: EIO;
	if (saved)
		return error("writing to standard output: %s", strerror(saved));
	return 0;
}

void note(const char *fmt, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
}

/* Asked after each batch of a pipeline's, so the kernel is asked only once */
static bool on_terminal(void)
{
	static int known = -1;

	if (known < 0)
		known = isatty(STDERR_FILENO);
	return known;
}

bool progress_wanted(void)
{
	return (progress_sink && progress_sink->wanted()) || (!quiet && on_terminal());
}

void progress(const char *fmt, ...)
{
	va_list ap;

	if (progress_sink) {
		va_start(ap, fmt);
		progress_sink->show(fmt, ap);
		va_end(ap);
	}
	if (quiet || !on_terminal())
		return;
	va_start(ap, fmt);
	fputs("\r\033[K", stderr);
	vfprintf(stderr, fmt, ap);
	fflush(stderr);
	va_end(ap);
	progress_shown = true;
}

void progress_end(void)
{
	if (progress_shown)
		fputc('\n', stderr);
	progress_shown = false;
}

void json_add_u64(struct json_object *obj, const char *key, unsigned long long v)
{
	json_object_object_add(obj, key, json_object_new_uint64(v));
}

void json_add_str(struct json_object *obj, const char *key, const char *v)
{
	json_object_object_add(obj, key, json_object_new_string(v));
}

void json_add_bool(struct json_object *obj, const char *key, bool v)
{
	json_object_object_add(obj, key, json_object_new_boolean(v));
}

void json_print(struct json_object *obj)
{
	puts(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED));
	json_object_put(obj);
}

const char *human_bytes(unsigned long long bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	static char bufs[8][32];
	static unsigned int next;
	char *buf = bufs[next++ % 8];
	double v = bytes;
	unsigned int u = 0;

	while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		u++;
	}
	snprintf(buf, sizeof(bufs[0]), u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}
