// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "output.h"

/* One file is read in a run */
static struct toml_items kept;

/* Not blocking: who names a FIFO by mistake wants to be told */
static int open_file(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return error("--config %s: %s", file, strerror(errno));
	if (fstat(fd, &st))
		error("--config %s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		error("--config %s is no ordinary file; give one in TOML, as examples/record.toml",
		      file);
	else if (st.st_size > CONFIG_MAX)
		error("--config %s has %lld bytes, at most %u are read; split it up", file,
		      (long long)st.st_size, CONFIG_MAX);
	else
		return fd;
	close(fd);
	return -1;
}

static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, size - len);
		len += n > 0 ? n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : (ssize_t)len;
}

static int parse(const char *file, const char *text, size_t len)
{
	unsigned int line = 0;
	char why[256];

	if (!toml_parse(text, len, &kept, why, sizeof(why), &line))
		return kept.items ? 0 : error("not enough memory");
	return error("%s:%u: no TOML: %s; a line is KEY = VALUE, text stands in quotes",
		     file, line, why);
}

int config_read(const char *file, struct toml_items *items)
{
	char *text = malloc(CONFIG_MAX);
	int fd = open_file(file), ret = -1;
	ssize_t len;

	if (fd >= 0 && text) {
		len = read_all(fd, text, CONFIG_MAX);
		ret = len < 0 ? error("--config %s: %s", file, strerror(errno)) :
				parse(file, text, len);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	*items = kept;
	return ret;
}

void config_free(void)
{
	toml_free(&kept);
}

int config_error(const char *file, const struct toml_item *item, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	error("%s:%u: %s", file, item->line, text ?: "");
	free(text);
	return -1;
}
