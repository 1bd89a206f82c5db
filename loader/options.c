// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "options.h"
#include "output.h"
#include "suggest.h"
#include "verbs.h"

#define MAX_OPTIONS	48
#define HELP_WIDTH	80
#define HELP_INDENT	30

void (*options_instead)(const struct verb_desc *verb, const struct option_desc *common,
			int argc, char **argv);
const char *options_config;

static const struct option_desc common[] = {
	{ .name = "config", .kind = OPT_STRING, .arg = "FILE",
	  .help = "take options that are not given from a TOML file" },
	{ .name = "json", .letter = 'j', .help = "results as JSON" },
	{ .name = "quiet", .letter = 'q', .help = "errors only, no progress" },
	{ .name = "help", .letter = 'h', .help = "this text" },
	{ }
};

/*
 * Help
 */

/* @text in words, in the columns from HELP_INDENT on; @column is where we are */
static void help_wrap(const char *text, int column)
{
	while (*text) {
		int len = strcspn(text, " ");

		if (column < HELP_INDENT || column + 1 + len > HELP_WIDTH) {
			if (column >= HELP_INDENT)
				printf("\n");
			printf("%*s", column < HELP_INDENT ?
			       HELP_INDENT - column : HELP_INDENT, "");
			column = HELP_INDENT;
		} else {
			column += printf(" ");
		}
		column += printf("%.*s", len, text);
		text += len + strspn(text + len, " ");
	}
	printf("\n");
}

/* "a|b|c" */
static const char *values_text(const struct option_desc *o)
{
	static char text[256];
	int i, len = 0;

	for (i = 0; o->values[i]; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s",
				i ? "|" : "", o->values[i]);
	return text;
}

/* A power of 1024 as people write it */
static const char *size_text(unsigned long long v, char *buf, size_t size)
{
	static const char units[] = " KMG";
	int u = 0;

	while (v && !(v % 1024) && u < 3) {
		v /= 1024;
		u++;
	}
	snprintf(buf, size, u ? "%llu%c" : "%llu", v, units[u]);
	return buf;
}

/* "512 to 64K", or "" if every number will do */
static const char *range_text(const struct option_desc *o)
{
	static char text[80];
	char min[32], max[32];

	text[0] = '\0';
	if (o->kind == OPT_SIZE && o->max)
		snprintf(text, sizeof(text), "%s to %s",
			 size_text(o->min, min, sizeof(min)),
			 size_text(o->max, max, sizeof(max)));
	else if ((o->kind == OPT_NUMBER || o->kind == OPT_NUMBERS) && o->max)
		snprintf(text, sizeof(text), "%llu to %llu", o->min, o->max);
	return text;
}

static void help_option(const struct option_desc *o)
{
	char letter[8] = "    ", text[512];
	const char *range = range_text(o);
	int column, len;

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	column = printf("  %s--%s%s%s", letter, o->name, o->arg ? " " : "",
			o->kind == OPT_ENUM ? values_text(o) : o->arg ?: "");
	len = snprintf(text, sizeof(text), "%s", o->help);
	/* what an int can be is the program's limit, not the thing's */
	if (range[0] && o->max != UINT_MAX)
		len += snprintf(text + len, sizeof(text) - len, ", %s", range);
	if (o->required)
		snprintf(text + len, sizeof(text) - len, " (required)");
	else if (o->def)
		snprintf(text + len, sizeof(text) - len, " (default: %s)", o->def);
	if (column >= HELP_INDENT) {
		printf("\n");
		column = 0;
	}
	help_wrap(text, column);
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

/*
 * Values
 */

/* A file of options says what is wrong where, the command line only what */
static const struct toml_item *item;

static int __attribute__((format(printf, 2, 3)))
bad_value(const struct option_desc *o, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (item)
		config_error(options_config, item, "%s %s", o->name, text ?: "");
	else
		error("--%s %s", o->name, text ?: "");
	free(text);
	return -1;
}

static int parse_number(const char *text, bool size, unsigned long long *value)
{
	char *end;

	/* strtoull() takes blanks and signs */
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno)
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

static int set_number(const struct option_desc *o, void *value, const char *arg)
{
	bool size = o->kind == OPT_SIZE;
	unsigned long long v;

	if (parse_number(arg, size, &v))
		return bad_value(o, "'%s' is no number%s", arg,
				 size ? "; give bytes, or 64K, 16M, 1G" : "");
	if (o->max && (v < o->min || v > o->max))
		return bad_value(o, "%s is out of range; it goes from %s", arg,
				 range_text(o));
	*(unsigned long long *)value = v;
	return 0;
}

static int add_number(const struct option_desc *o, struct option_numbers *list,
		      const char *arg)
{
	unsigned long long v = 0;	/* clang-tidy does not know bad_value() */

	if (set_number(o, &v, arg))
		return -1;
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->items[i] == v)
			return bad_value(o, "%s is given twice; give each once", arg);
	if (list->nr == OPTION_LIST_MAX)
		return bad_value(o, "is given more than %d times", OPTION_LIST_MAX);
	list->items[list->nr++] = v;
	return 0;
}

static int set_enum(const struct option_desc *o, void *value, const char *arg)
{
	struct suggest s = SUGGEST(arg);

	for (int i = 0; o->values[i]; i++) {
		if (!strcmp(o->values[i], arg)) {
			*(int *)value = i;
			return 0;
		}
		suggest_try(&s, o->values[i]);
	}
	return bad_value(o, "'%s' is none of %s%s%s", arg, values_text(o),
			 s.best ? "; " : "", suggest_text(&s, "", ""));
}

static int set_value(const struct option_desc *o, void *value, const char *arg)
{
	struct option_list *list = value;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)value = true;
		return 0;
	case OPT_STRING:
		if (!*arg)
			return bad_value(o, "is empty; give it a value, %s", o->arg);
		*(const char **)value = arg;
		return 0;
	case OPT_NUMBER:
	case OPT_SIZE:
		return set_number(o, value, arg);
	case OPT_ENUM:
		return set_enum(o, value, arg);
	case OPT_NUMBERS:
		return add_number(o, value, arg);
	case OPT_LIST:
		if (list->nr == OPTION_LIST_MAX)
			return bad_value(o, "is given more than %d times",
					 OPTION_LIST_MAX);
		list->items[list->nr++] = arg;
		return 0;
	}
	return -1;
}

/*
 * The command line
 */

struct parse {
	const struct verb_desc	*verb;
	void			*values;
	int			argc, next;	/* argv[next] comes next */
	char			**argv;
	bool			seen[MAX_OPTIONS];	/* on the command line */
	bool			in_file[MAX_OPTIONS];
};

static void *value_of(const struct parse *p, const struct option_desc *o)
{
	return (char *)p->values + o->offset;
}

static int set_common(const struct verb_desc *verb, const struct option_desc *o,
		      const char *value)
{
	switch (o->letter) {
	case 0:
		return set_value(o, &options_config, value);
	case 'j':
		json_output = true;
		return 0;
	case 'q':
		quiet = true;
		return 0;
	}
	options_help(verb);
	return -2;
}

static const struct option_desc *find_in(const struct option_desc *o,
					 const char *name, size_t len, char letter)
{
	for (; o && o->name; o++)
		if (name ? strlen(o->name) == len && !memcmp(o->name, name, len) :
			   letter && o->letter == letter)
			return o;
	return NULL;
}

static bool is_common(const struct option_desc *o)
{
	return o >= common && o < common + sizeof(common) / sizeof(common[0]);
}

static const struct option_desc *find_long(const struct verb_desc *verb,
					   const char *name, size_t len)
{
	return find_in(verb->options, name, len, 0) ?: find_in(common, name, len, 0);
}

static void suggest_options(struct suggest *s, const struct option_desc *o)
{
	for (; o && o->name; o++)
		suggest_try(s, o->name);
}

static int unknown_option(const struct verb_desc *verb, const char *name, size_t len)
{
	char typed[64], all[64];
	struct suggest s = SUGGEST(typed);

	snprintf(typed, sizeof(typed), "%.*s", (int)len, name);
	suggest_options(&s, verb->options);
	suggest_options(&s, common);
	snprintf(all, sizeof(all), "'sluice %s --help' lists them", verb->name);
	return error("%s has no option --%.*s; %s", verb->name, (int)len, name,
		     suggest_text(&s, "--", all));
}

/* "--force", where a value should be, is the next option */
static bool is_option(const struct verb_desc *verb, const char *arg)
{
	return !strncmp(arg, "--", 2) &&
	       (!arg[2] || find_long(verb, arg + 2, strcspn(arg + 2, "=")));
}

/* @value is what stood with the option, or NULL */
static int apply(struct parse *p, const struct option_desc *o, const char *value)
{
	if (o->kind != OPT_FLAG && !value) {
		if (p->next == p->argc || is_option(p->verb, p->argv[p->next]))
			return error("--%s needs a value, %s; see 'sluice %s --help'",
				     o->name, o->arg, p->verb->name);
		value = p->argv[p->next++];
	}
	if (is_common(o))
		return set_common(p->verb, o, value);
	p->seen[o - p->verb->options] = true;
	return set_value(o, value_of(p, o), value);
}

/* --no-NAME of a flag */
static bool clear_flag(struct parse *p, const char *name)
{
	const struct option_desc *o;

	if (strncmp(name, "no-", 3))
		return false;
	o = find_in(p->verb->options, name + 3, strlen(name + 3), 0);
	if (!o || o->kind != OPT_FLAG)
		return false;
	*(bool *)value_of(p, o) = false;
	p->seen[o - p->verb->options] = true;
	return true;
}

static int parse_long(struct parse *p, const char *name)
{
	size_t len = strcspn(name, "=");
	const struct option_desc *o = find_long(p->verb, name, len);

	if (!o)
		return clear_flag(p, name) ? 0 : unknown_option(p->verb, name, len);
	if (o->kind == OPT_FLAG && name[len])
		return error("--%s takes no value, here '%s'", o->name, name + len + 1);
	return apply(p, o, name[len] ? name + len + 1 : NULL);
}

/* "-jq", "-d eth0", "-deth0" */
static int parse_short(struct parse *p, const char *letters)
{
	const struct option_desc *o;
	int ret;

	for (; *letters; letters++) {
		o = find_in(p->verb->options, NULL, 0, *letters) ?:
		    find_in(common, NULL, 0, *letters);
		if (!o)
			return error("%s has no option -%.1s; see 'sluice %s --help'",
				     p->verb->name, letters, p->verb->name);
		if (o->kind != OPT_FLAG)
			return apply(p, o, letters[1] ? letters + 1 : NULL);
		ret = apply(p, o, NULL);
		if (ret)
			return ret;
	}
	return 0;
}

/* Arguments go to the end of argv, in their order; the index of the first */
static int parse_argv(struct parse *p)
{
	char **args = calloc(p->argc + 1, sizeof(*args));
	bool only_args = false;
	int nr = 0, ret = 0;

	while (args && !ret && p->next < p->argc) {
		char *arg = p->argv[p->next++];

		if (only_args || arg[0] != '-' || !arg[1])
			args[nr++] = arg;
		else if (!strcmp(arg, "--"))
			only_args = true;
		else if (arg[1] == '-')
			ret = parse_long(p, arg + 2);
		else
			ret = parse_short(p, arg + 1);
	}
	for (int i = 0; args && i < nr; i++)
		p->argv[p->argc - nr + i] = args[i];
	free(args);
	return ret ?: p->argc - nr;
}

/*
 * The file.  What the command line says is not set again, but looked at: a file
 * is right or wrong whatever is given with it.
 */

static int is_no(const struct option_desc *o, const char *allowed)
{
	static const char * const kinds[] = {
		[TOML_STRING] = "a string", [TOML_INTEGER] = "a number",
		[TOML_BOOLEAN] = "true or false", [TOML_EMPTY] = "an empty array",
	};
	const char *what = item->kind == TOML_OTHER ? item->text : kinds[item->kind];

	if (item->array && item->kind != TOML_EMPTY)
		return bad_value(o, "is an array with %s; give %s", what, allowed);
	return bad_value(o, "is %s; give %s", what, allowed);
}

static int check_kind(const struct option_desc *o)
{
	enum toml_kind kind = item->kind;
	bool one = !item->array;

	switch (o->kind) {
	case OPT_FLAG:
		return one && kind == TOML_BOOLEAN ? 0 : is_no(o, "true or false");
	case OPT_NUMBER:
		return one && kind == TOML_INTEGER ? 0 : is_no(o, "a number");
	case OPT_SIZE:
		return one && (kind == TOML_INTEGER || kind == TOML_STRING) ? 0 :
		       is_no(o, "a number of bytes, or \"64K\", \"16M\", \"1G\"");
	case OPT_NUMBERS:
		return kind == TOML_INTEGER || kind == TOML_EMPTY ? 0 :
		       is_no(o, "a number or an array of numbers");
	case OPT_LIST:
		/* what a number may be, who looks at the list knows */
		return kind == TOML_STRING || kind == TOML_INTEGER || kind == TOML_EMPTY ? 0 :
		       is_no(o, "a string, a number or an array of them");
	case OPT_STRING:
	case OPT_ENUM:
		break;
	}
	return one && kind == TOML_STRING ? 0 : is_no(o, "a string in quotes");
}

static int unknown_key(const struct parse *p)
{
	struct suggest s = SUGGEST(item->key);
	char all[64];

	suggest_options(&s, p->verb->options);
	snprintf(all, sizeof(all), "keys are what 'sluice %s --help' lists", p->verb->name);
	return config_error(options_config, item, "[%s] has no key '%s'; %s",
			    item->table, item->key, suggest_text(&s, "", all));
}

static int apply_key(struct parse *p)
{
	const struct option_desc *o = find_long(p->verb, item->key, strlen(item->key));
	struct option_list scratch = { };
	void *value = &scratch;

	/* that a file names the next, or asks for help, is not foreseen */
	if (!o || (is_common(o) && (!o->letter || o->letter == 'h')))
		return unknown_key(p);
	if (check_kind(o))
		return -1;
	if (is_common(o))
		return strcmp(item->text, "true") ? 0 : set_common(p->verb, o, NULL);
	if (!p->seen[o - p->verb->options]) {
		p->in_file[o - p->verb->options] = true;
		value = value_of(p, o);
	}
	if (item->kind == TOML_EMPTY)
		return 0;
	if (o->kind == OPT_FLAG && strcmp(item->text, "true")) {
		*(bool *)value = false;
		return 0;
	}
	return set_value(o, value, item->text);
}

static int check_table(void)
{
	struct suggest s = SUGGEST(item->table);

	for (size_t i = 0; verb_name(i); i++) {
		if (!strcmp(verb_name(i), item->table))
			return 0;
		suggest_try(&s, verb_name(i));
	}
	return config_error(options_config, item, "no verb has the name of table [%s]; %s",
			    item->table, suggest_text(&s, "", "'sluice help' lists them"));
}

static int apply_item(struct parse *p, bool *found)
{
	if (!item->table[0])
		return config_error(options_config, item,
				    "'%s' stands in no table; put it below [%s]", item->key,
				    p->verb->name);
	if (!item->key && check_table())
		return -1;
	/* one file may be for several verbs */
	if (strcmp(item->table, p->verb->name))
		return 0;
	*found = true;
	return item->key ? apply_key(p) : 0;
}

static int apply_file(struct parse *p)
{
	struct toml_items items;
	bool found = false;
	int ret;

	if (!options_config)
		return 0;
	ret = config_read(options_config, &items);
	for (size_t i = 0; i < items.nr && !ret; i++) {
		item = &items.items[i];
		ret = apply_item(p, &found);
		item = NULL;
	}
	if (!ret && !found)
		return error("--config %s has no table [%s], which is where the options of %s stand",
			     options_config, p->verb->name, p->verb->name);
	return ret;
}

static int set_defaults(const struct verb_desc *verb, void *values)
{
	const struct option_desc *o;

	for (o = verb->options; o && o->name; o++)
		if (o->def && set_value(o, (char *)values + o->offset, o->def))
			return -1;
	return 0;
}

static int check_required(const struct parse *p)
{
	const struct verb_desc *verb = p->verb;
	int i;

	for (i = 0; verb->options && verb->options[i].name; i++)
		if (verb->options[i].required && !p->seen[i] && !p->in_file[i])
			return error("%s needs --%s %s; see 'sluice %s --help'",
				     verb->name, verb->options[i].name,
				     verb->options[i].arg, verb->name);
	return 0;
}

int options_args(const struct verb_desc *verb, int argc, char **argv, int first,
		 int min, int max)
{
	if (argc - first > max)
		return error("%s: '%s' is one argument too many; see 'sluice %s --help'",
			     verb->name, argv[first + max], verb->name);
	if (argc - first < min)
		return error("%s needs %s; see 'sluice %s --help'", verb->name,
			     verb->args, verb->name);
	return 0;
}

int options_parse(const struct verb_desc *verb, void *values, int argc, char **argv)
{
	struct parse p = {
		.verb = verb, .values = values, .argc = argc, .argv = argv, .next = 1,
	};
	int first;

	if (options_instead) {
		options_instead(verb, common, argc, argv);
		return -2;
	}
	if (set_defaults(verb, values))
		return -1;
	first = parse_argv(&p);
	if (first < 0)
		return first;
	if (apply_file(&p) || check_required(&p))
		return -1;
	if (!verb->args[0] && options_args(verb, argc, argv, first, 0, 0))
		return -1;
	return first;
}
