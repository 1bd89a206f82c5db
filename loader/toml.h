/* SPDX-License-Identifier: GPL-2.0 */
/* TOML, read by toml++: tables of keys, in the order of the file. */
#ifndef TOML_H
#define TOML_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_kind {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOLEAN,
	TOML_EMPTY,		/* an array of nothing */
	TOML_OTHER,		/* nothing that an option could be; .text says what */
};

/* A value; each element of an array is one */
struct toml_item {
	char		*table;		/* "" at the top */
	char		*key;		/* NULL: the table's own line */
	char		*text;		/* the value, written as on a command line */
	enum toml_kind	kind;
	bool		array;
	unsigned int	line;
};

struct toml_items {
	struct toml_item	*items;
	size_t			nr;
};

/*
 * What the @len bytes at @text are.  0, or -1 with what is wrong in @why and the
 * line in @line.
 */
int toml_parse(const char *text, size_t len, struct toml_items *items, char *why,
	       size_t why_size, unsigned int *line);
void toml_free(struct toml_items *items);

#ifdef __cplusplus
}
#endif

#endif
