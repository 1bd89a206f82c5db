// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"

#define MAX_OPTIONS	32

static const struct option_desc common[] = {
	{ "json", 'j', OPT_FLAG, 0, NULL, "results as JSON", false },
	{ "quiet", 'q', OPT_FLAG, 0, NULL, "errors only, no progress", false },
	{ "help", 'h', OPT_FLAG, 0, NULL, "this text", false },
	{ }
};

static void help_option(const struct option_desc *o)
{
	char left[64], letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name,
		 o->arg ? " " : "", o->arg ?: "");
	printf("  %-32s %s%s\n", left, o->help, o->required ? " (required)" : "");
}

void options_help(const struct verb_desc *verb)
{
	const struct option_desc *o;

	printf("Usage: sluice %s [OPTIONS]%s%s\n\n%s\n\n", verb->name,
	       verb->args[0] ? " " : "", verb->args, verb->help);
	for (o = verb->options; o && o->name; o++)
		help_option(o);
	for (o = common; o->name; o++)
		help_option(o);
}

static int parse_number(const char *text, bool size, unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		return -1;
	if (size && *end) {
		const char *units = "KMG", *u = strchr(units, *end);
		int shift = u ? 10 * (u - units + 1) : 0;

		if (!u || *value > ULLONG_MAX >> shift)
			return -1;
		*value <<= shift;
		end++;
	}
	return *end ? -1 : 0;
}

static int set_value(const struct option_desc *o, void *values, const char *arg)
{
	void *value = (char *)values + o->offset;
	struct option_list *list = value;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)value = true;
		return 0;
	case OPT_STRING:
		*(const char **)value = arg;
		return 0;
	case OPT_NUMBER:
	case OPT_SIZE:
		if (!parse_number(arg, o->kind == OPT_SIZE, value))
			return 0;
		return error("--%s %s is no number%s", o->name, arg,
			     o->kind == OPT_SIZE ? "; give bytes, or 64K, 16M, 1G" : "");
	case OPT_LIST:
		if (list->nr == OPTION_LIST_MAX)
			return error("--%s is given more than %d times", o->name,
				     OPTION_LIST_MAX);
		list->items[list->nr++] = arg;
		return 0;
	}
	return -1;
}

static int set_common(int i)
{
	switch (common[i].letter) {
	case 'j':
		json_output = true;
		return 0;
	case 'q':
		quiet = true;
		return 0;
	}
	return -2;
}

static int check_required(const struct verb_desc *verb, const bool *seen)
{
	int i;

	for (i = 0; verb->options && verb->options[i].name; i++)
		if (verb->options[i].required && !seen[i])
			return error("%s needs --%s %s; see 'sluice %s --help'",
				     verb->name, verb->options[i].name,
				     verb->options[i].arg, verb->name);
	return 0;
}

/* What getopt_long() wants to know; an option is 256 + its number to it */
struct getopt_tables {
	struct option	longs[MAX_OPTIONS + 1];
	char		shorts[2 * MAX_OPTIONS + 1];
	char		letters[MAX_OPTIONS + 1];
	int		nr;
};

static void add_options(struct getopt_tables *t, const struct option_desc *o)
{
	for (; o && o->name; o++, t->nr++) {
		bool has_arg = o->kind != OPT_FLAG;

		t->longs[t->nr] = (struct option) { o->name, has_arg, NULL, 256 + t->nr };
		t->letters[t->nr] = o->letter;
		if (!o->letter)
			continue;
		strncat(t->shorts, &o->letter, 1);
		if (has_arg)
			strcat(t->shorts, ":");
	}
}

/* The number of the next option, -1 at the end, -2 after an error message */
static int next_option(const struct getopt_tables *t, const char *verb,
		       int argc, char **argv)
{
	int c = getopt_long(argc, argv, t->shorts, t->longs, NULL), i;

	if (c == -1)
		return -1;
	if (c >= 256)
		return c - 256;
	for (i = 0; i < t->nr && c != '?'; i++)
		if (t->letters[i] == c)
			return i;
	error("unknown or incomplete option '%s'; see 'sluice %s --help'",
	      argv[optind - 1], verb);
	return -2;
}

int options_parse(const struct verb_desc *verb, void *values, int argc, char **argv)
{
	struct getopt_tables t = { };
	bool seen[MAX_OPTIONS] = { };
	int nr_own, i;

	add_options(&t, verb->options);
	nr_own = t.nr;
	add_options(&t, common);

	optind = 1;
	opterr = 0;
	while ((i = next_option(&t, verb->name, argc, argv)) >= 0) {
		if (i >= nr_own) {
			if (!set_common(i - nr_own))
				continue;
			options_help(verb);
			return -2;
		}
		if (set_value(&verb->options[i], values, optarg))
			return -1;
		seen[i] = true;
	}
	if (i == -2 || check_required(verb, seen))
		return -1;
	return optind;
}
