// SPDX-License-Identifier: GPL-2.0
/*
 * stat: what the pipelines move, measured each interval: a table that is drawn
 * again on a terminal, lines where there is none.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "statprint.h"
#include "verbs.h"

#define HEAD_EVERY	20	/* lines */

struct stat_options {
	bool			once;
	unsigned long long	interval;
	const char		*openmetrics;
};

#define OPT(field)	offsetof(struct stat_options, field)
static const struct option_desc options[] = {
	{ "once", '1', OPT_FLAG, OPT(once), NULL, "measure one interval and end" },
	{ "interval", 'i', OPT_NUMBER, OPT(interval), "S", "seconds to measure",
	  .def = "1", .min = 1, .max = 86400 },
	{ "openmetrics", 'o', OPT_STRING, OPT(openmetrics), "FILE",
	  "write what has been counted there each interval, for Prometheus; - is standard output" },
	{ }
};

static const struct verb_desc verb = {
	"stat", "[NAME]",
	"Show what the pipelines that run, or the one named, receive, drop, write,\n"
	"pass on and send, each second: rates, verdicts of the stages, latencies,\n"
	"what is in flight and what a CPU had to copy. Ends on SIGINT.",
	options,
};

struct stat {
	struct stat_options	opt;
	const char		*only;
	bool			terminal;
	int			signal_fd;
	unsigned int		lines;		/* without head */
	struct stats		before, now;
};

static int open_signals(struct stat *st)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	st->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return st->signal_fd < 0 ? error("signalfd: %s", strerror(errno)) : 0;
}

/* As much of @text as the terminal has room for, over what is there */
static void draw(const char *text)
{
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };
	int rows, len;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	fputs("\033[H", stdout);
	for (rows = 0; *text && rows + 1 < ws.ws_row; rows++) {
		len = strcspn(text, "\n");
		printf("%.*s\033[K\n", len < ws.ws_col ? len : ws.ws_col, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* On a screen of its own, so that what was there comes back */
static void terminal_on(struct stat *st)
{
	st->terminal = !st->opt.once && !json_output && !st->opt.openmetrics &&
		       isatty(STDOUT_FILENO);
	if (st->terminal)
		fputs("\033[?1049h\033[?25l", stdout);
}

static void terminal_off(struct stat *st)
{
	if (st->terminal)
		fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
}

static void draw_table(const struct stat *st)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	statprint_table(out, &st->now, &st->before);
	if (!fclose(out))
		draw(text);
	free(text);
}

static void print_lines(struct stat *st)
{
	if (!st->lines) {
		statprint_head(stdout);
		st->lines = HEAD_EVERY;
	}
	st->lines--;
	statprint_lines(stdout, &st->now, &st->before);
}

static int print(struct stat *st)
{
	if (st->opt.openmetrics)
		return openmetrics_write(st->opt.openmetrics, &st->now);
	if (json_output)
		statprint_json(stdout, &st->now, &st->before);
	else if (st->terminal)
		draw_table(st);
	else if (st->opt.once)
		statprint_table(stdout, &st->now, &st->before);
	else
		print_lines(st);
	return fflush(stdout) ? -1 : 0;
}

/* 1: a signal to end, 0: the interval is over, -1 after an error message */
static int wait_interval(struct stat *st)
{
	struct pollfd fd = { .fd = st->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;
	struct timespec t;
	long long left;
	int ret;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		left = (st->now.when.tv_sec - t.tv_sec) * 1000ll +
		       (st->now.when.tv_nsec - t.tv_nsec) / 1000000 +
		       st->opt.interval * 1000;
		ret = left <= 0 ? 0 : poll(&fd, 1, left);
		if (ret < 0 && errno != EINTR)
			return error("poll: %s", strerror(errno));
		if (!ret)
			return 0;
		if (ret < 0 || read(st->signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGWINCH)
			return 1;
		if (st->terminal)
			draw_table(st);
	}
}

static int measure(struct stat *st)
{
	stats_free(&st->before);
	st->before = st->now;
	return stats_take(&st->now, st->only);
}

/* The first measurement is what the next is compared to */
static bool is_first_print(const struct stat *st)
{
	return st->opt.openmetrics || st->terminal;
}

static int run(struct stat *st)
{
	int ret = measure(st);

	if (ret)
		return ret;
	if (st->only && !st->now.nr)
		return error("no pipeline '%s'; 'sluice show' lists them", st->only);
	/* nothing is compared with what came before the first */
	st->before.when = st->now.when;
	terminal_on(st);
	if (is_first_print(st))
		ret = print(st);
	if (st->opt.once && st->opt.openmetrics)
		return ret;
	while (!ret) {
		ret = wait_interval(st);
		if (ret)
			return ret;
		ret = measure(st);
		/* the one that was to be watched has ended */
		if (!ret && st->only && !st->now.nr)
			return 0;
		if (!ret)
			ret = print(st);
		if (st->opt.once)
			return ret;
	}
	return ret;
}

int do_stat(int argc, char **argv)
{
	struct stat st = { .signal_fd = -1 };
	int first = options_parse(&verb, &st.opt, argc, argv), ret;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (options_args(&verb, argc, argv, first, 0, 1))
		return EXIT_USAGE;
	st.only = first < argc ? argv[first] : NULL;
	if (json_output && st.opt.openmetrics) {
		error("stat: --json and --openmetrics exclude each other; give one");
		return EXIT_USAGE;
	}
	ret = open_signals(&st) ?: run(&st);
	terminal_off(&st);
	if (st.signal_fd >= 0)
		close(st.signal_fd);
	stats_free(&st.before);
	stats_free(&st.now);
	return ret < 0 ? 1 : 0;
}
