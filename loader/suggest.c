// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "suggest.h"

#define WORD_MAX	31	/* nobody mistypes longer ones */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* How many letters have to be put in, taken out or changed (Levenshtein) */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], len = strlen(b), i, j, diagonal, above;

	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 1; *a; a++, i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= len; j++) {
			above = row[j];
			row[j] = min3(row[j - 1] + 1, above + 1,
				      diagonal + (*a != b[j - 1]));
			diagonal = above;
		}
	}
	return row[len];
}

void suggest_try(struct suggest *s, const char *word)
{
	size_t len = strlen(s->typed);
	unsigned int d;

	if (!len || len > WORD_MAX || strlen(word) > WORD_MAX)
		return;
	/* the beginning of a word is as good as a slip */
	d = strncmp(s->typed, word, len) ? distance(s->typed, word) : 1;
	if (d > 2 && d > len / 3)
		return;
	/* nothing of it was meant */
	if (d >= len)
		return;
	if (d < s->distance) {
		s->distance = d;
		s->best = word;
	}
}

const char *suggest_text(const struct suggest *s, const char *prefix,
			 const char *otherwise)
{
	static char text[64];

	if (!s->best)
		return otherwise;
	snprintf(text, sizeof(text), "did you mean %s%s?", prefix, s->best);
	return text;
}
