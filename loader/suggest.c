// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "suggest.h"

#define WORD_MAX	31	/* nobody mistypes longer ones */

static unsigned int min(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * How many letters have to be put in, taken out, changed, or swapped with the next
 * (Levenshtein and Damerau)
 */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1], n = strlen(a), m = strlen(b), i, j;

	for (i = 0; i <= n; i++)
		d[i][0] = i;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++) {
			d[i][j] = min(min(d[i - 1][j], d[i][j - 1]) + 1,
				      d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
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
