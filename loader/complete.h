/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Completion by the shell.  `sluice __complete WORD...` gets the words that stand
 * behind "sluice", up to the cursor, and says line by line what the last may become.
 * It goes through the verb as ever, as far as its table of options: so what there is
 * to complete is what there is.
 */
#ifndef COMPLETE_H
#define COMPLETE_H

#include "options.h"

/* Lines that the shell has to fill in itself */
#define COMPLETE_FILES	":files"
#define COMPLETE_USERS	":users"

/* For options_instead: the last of @argv, of a verb with the options of @verb and @common */
void complete_options(const struct verb_desc *verb, const struct option_desc *common,
		      int argc, char **argv);
/* @word, if what has been typed is its beginning */
void complete_word(const char *typed, const char *word);

#endif
