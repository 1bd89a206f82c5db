/* SPDX-License-Identifier: GPL-2.0 */
/* Options as data: a verb describes them, parser and help follow from that. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPT_FLAG,	/* bool; --no-NAME takes it back */
	OPT_STRING,	/* const char * */
	OPT_NUMBER,	/* unsigned long long; 0x and 0 as in C */
	OPT_SIZE,	/* the same, with K, M or G for powers of 1024 */
	OPT_LIST,	/* struct option_list: may be given more than once */
	OPT_NUMBERS,	/* struct option_numbers: the same, each once */
	OPT_ENUM,	/* int: which of .values it is */
};

#define OPTION_LIST_MAX	16

struct option_list {
	const char	*items[OPTION_LIST_MAX];
	unsigned int	nr;
};

struct option_numbers {
	unsigned long long	items[OPTION_LIST_MAX];
	unsigned int		nr;
};

/*
 * What the value is can be read from the name of the argument: IF is an
 * interface, DEV a namespace, FILE a file, USER a user.  The shell completes it.
 */
struct option_desc {
	const char		*name;		/* long; NULL ends the table */
	char			letter;		/* or 0 */
	enum option_kind	kind;
	size_t			offset;		/* of the value in the verb's struct */
	const char		*arg;		/* its name in the help */
	const char		*help;
	bool			required;
	const char		*def;		/* what it is if not given, or NULL */
	unsigned long long	min, max;	/* of a number or size; max 0: none */
	const char * const	*values;	/* OPT_ENUM: ends with NULL */
};

struct verb_desc {
	const char		 *name;
	const char		 *args;		/* after the options, or "" */
	const char		 *help;		/* lines of 80 columns */
	const struct option_desc *options;
};

/* --config, which may also stand in front of the verb; NULL: none */
extern const char *options_config;

/* Set: a verb's options are not parsed; this is called, and the verb returns */
extern void (*options_instead)(const struct verb_desc *verb,
			       const struct option_desc *common, int argc, char **argv);

/*
 * Set @values from the command line, what that does not have from the table of
 * the verb's name in the file of --config, and the rest from the defaults.  Also
 * understood by every verb: --config, -j, -q, -h.  Returns the index of the first argument, -1 after an error,
 * -2 after --help.  Options may stand behind arguments: argv is sorted for that.
 */
int options_parse(const struct verb_desc *verb, void *values, int argc, char **argv);
void options_help(const struct verb_desc *verb);

/* That there are @min to @max arguments from @first on; 0, -1 after an error */
int options_args(const struct verb_desc *verb, int argc, char **argv, int first,
		 int min, int max);

#endif
