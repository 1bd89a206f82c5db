/* SPDX-License-Identifier: GPL-2.0 */
/* Options as data: a verb describes them, parser and help follow from that. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPT_FLAG,	/* bool */
	OPT_STRING,	/* const char * */
	OPT_NUMBER,	/* unsigned long long; 0x and 0 as in C */
	OPT_SIZE,	/* the same, with K, M or G for powers of 1024 */
	OPT_LIST,	/* struct option_list: may be given more than once */
};

#define OPTION_LIST_MAX	16

struct option_list {
	const char	*items[OPTION_LIST_MAX];
	unsigned int	nr;
};

struct option_desc {
	const char		*name;		/* long; NULL ends the table */
	char			letter;		/* or 0 */
	enum option_kind	kind;
	size_t			offset;		/* of the value in the verb's struct */
	const char		*arg;		/* its name in the help */
	const char		*help;
	bool			required;
};

struct verb_desc {
	const char		 *name;
	const char		 *args;		/* after the options, or "" */
	const char		 *help;		/* one line */
	const struct option_desc *options;
};

/* Also understood by every verb: -j, -q, -h.  Returns the index of the first
 * argument, -1 after an error, -2 after --help.
 */
int options_parse(const struct verb_desc *verb, void *values, int argc, char **argv);
void options_help(const struct verb_desc *verb);

#endif
