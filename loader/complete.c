// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "complete.h"
#include "pin.h"
#include "stage_object.h"
#include "verbs.h"

/* "--dev=", if the value stands behind that */
static char prefix[64];

void complete_word(const char *typed, const char *word)
{
	if (!strncmp(word, typed, strlen(typed)))
		printf("%s%s\n", prefix, word);
}

/*
 * Values
 */

static void complete_interfaces(const char *typed)
{
	struct if_nameindex *list = if_nameindex(), *i;

	for (i = list; i && i->if_index; i++)
		complete_word(typed, i->if_name);
	if (list)
		if_freenameindex(list);
}

static void complete_nodes(const char *typed)
{
	static const char * const patterns[] = {
		"/dev/nvme[0-9]*n[0-9]*", "/dev/ng[0-9]*n[0-9]*", "/dev/disk/by-id/nvme-*",
	};
	glob_t found;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (glob(patterns[i], 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			complete_word(typed, found.gl_pathv[k]);
		globfree(&found);
	}
}

static void complete_pipelines(const char *typed)
{
	DIR *dir = opendir(PIN_ROOT);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			complete_word(typed, e->d_name);
	if (dir)
		closedir(dir);
}

static void complete_stages(const char *typed)
{
	const char *name;

	for (unsigned int i = 0; (name = stage_object_name(i)); i++)
		complete_word(typed, name);
}

/* What a value is, its name in the help says: see options.h */
static void complete_value(const struct option_desc *o, const char *typed)
{
	const char *arg = o->arg ?: "";

	for (int i = 0; o->kind == OPT_ENUM && o->values[i]; i++)
		complete_word(typed, o->values[i]);
	if (!strcmp(arg, "IF"))
		complete_interfaces(typed);
	if (strstr(arg, "DEV"))
		complete_nodes(typed);
	if (strstr(arg, "FILE"))
		puts(COMPLETE_FILES);
	if (!strcmp(arg, "USER"))
		puts(COMPLETE_USERS);
	if (!strcmp(arg, "STAGE"))
		complete_stages(typed);
}

/*
 * Arguments
 */

/* "list|help NAME|new NAME" */
static void complete_commands(const char *args, const char *typed)
{
	char word[32];

	for (const char *p = args; p; p = strchr(p, '|'), p = p ? p + 1 : NULL) {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, " |"), p);
		complete_word(typed, word);
	}
}

/*
 * Options
 */

/* The one that @word is, written out or as a letter, if it takes a value */
static const struct option_desc *with_value(const struct option_desc *o, const char *word)
{
	size_t len = strcspn(word, "=");

	for (; o && o->name; o++) {
		bool is_long = !strncmp(word, "--", 2) && strlen(o->name) == len - 2 &&
			       !memcmp(word + 2, o->name, len - 2);
		bool is_letter = word[0] == '-' && o->letter && word[1] == o->letter &&
				 !word[2];

		if (o->kind != OPT_FLAG && (is_long || is_letter))
			return o;
	}
	return NULL;
}

static bool is_given(const struct option_desc *o, int argc, char **argv)
{
	size_t len = strlen(o->name);

	for (int i = 1; i < argc - 1 && o->kind != OPT_LIST &&
	     o->kind != OPT_NUMBERS; i++)
		if (!strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, o->name, len) &&
		    (!argv[i][len + 2] || argv[i][len + 2] == '='))
			return true;
	return false;
}

static void complete_names(const struct option_desc *o, int argc, char **argv)
{
	char word[64];

	for (; o && o->name; o++) {
		snprintf(word, sizeof(word), "--%s", o->name);
		if (!is_given(o, argc, argv))
			complete_word(argv[argc - 1], word);
	}
}

/* @nr are there already */
static void complete_argument(const struct verb_desc *verb, unsigned int nr,
			      const char *typed)
{
	const char *args = verb->args;

	if (strchr(args, '|')) {
		complete_commands(args, typed);
		return;
	}
	for (; nr; nr--)
		args = strchr(args, ' ') ? strchr(args, ' ') + 1 : "";
	if (!strncmp(args, "[VERB", 5))
		for (size_t i = 0; verb_name(i); i++)
			complete_word(typed, verb_name(i));
	else if (!strncmp(args, "STAGE", 5) || !strncmp(verb->name, "stage ", 6))
		complete_stages(typed);
	else if (!strncmp(args, "FILE", 4))
		puts(COMPLETE_FILES);
	else if (!strncmp(args, "PIPELINE", 8) || !strncmp(args, "[NAME", 5))
		complete_pipelines(typed);
}

/* How many arguments stand in front of the last word */
static unsigned int count_arguments(const struct verb_desc *verb,
				    const struct option_desc *common, int argc, char **argv)
{
	unsigned int nr = 0;

	for (int i = 1; i < argc - 1; i++) {
		if (argv[i][0] != '-')
			nr++;
		else if (!strchr(argv[i], '=') && (with_value(verb->options, argv[i]) ||
						   with_value(common, argv[i])))
			i++;
	}
	return nr;
}

void complete_options(const struct verb_desc *verb, const struct option_desc *common,
		      int argc, char **argv)
{
	const char *typed = argv[argc - 1], *equals = strchr(typed, '=');
	const char *before = argc > 2 ? argv[argc - 2] : "";
	const struct option_desc *o;

	/* "--dev=et": the value behind the sign */
	if (!strncmp(typed, "--", 2) && equals) {
		o = with_value(verb->options, typed) ?: with_value(common, typed);
		snprintf(prefix, sizeof(prefix), "%.*s", (int)(equals - typed) + 1, typed);
		if (o)
			complete_value(o, equals + 1);
		return;
	}
	o = strchr(before, '=') ? NULL :
	    with_value(verb->options, before) ?: with_value(common, before);
	if (o) {
		complete_value(o, typed);
	} else if (typed[0] == '-') {
		complete_names(verb->options, argc, argv);
		complete_names(common, argc, argv);
	} else {
		complete_argument(verb, count_arguments(verb, common, argc, argv), typed);
	}
}
