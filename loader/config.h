/* SPDX-License-Identifier: GPL-2.0 */
/* A file of options: a table for each verb, with its long options as keys. */
#ifndef CONFIG_H
#define CONFIG_H

#include "toml.h"

#define CONFIG_MAX	(1u << 20)	/* bytes */

/*
 * Read @file; it stays in memory, for options point into it.  0, or -1 after an
 * error message.
 */
int config_read(const char *file, struct toml_items *items);
void config_free(void);

/* An error in @file that has to do with @item; -1 */
int config_error(const char *file, const struct toml_item *item, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
