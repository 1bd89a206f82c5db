/* SPDX-License-Identifier: GPL-2.0 */
/* "did you mean": the word that somebody may have wanted to type. */
#ifndef SUGGEST_H
#define SUGGEST_H

struct suggest {
	const char	*typed;
	const char	*best;		/* NULL: nothing is close */
	unsigned int	distance;
};

#define SUGGEST(typed)	{ typed, NULL, ~0u }

/* Look whether @word is closer than those before */
void suggest_try(struct suggest *s, const char *word);
/* "did you mean PREFIXword?", or @otherwise */
const char *suggest_text(const struct suggest *s, const char *prefix,
			 const char *otherwise);

#endif
