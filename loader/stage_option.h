/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The options of a stage: the const volatile variables of its object, found by
 * BTF.  bpf/unified.bpf.h says what they may be.
 */
#ifndef STAGE_OPTION_H
#define STAGE_OPTION_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

struct stage_option {
	char			name[64];	/* as users write it, with '-' */
	const char		*help;		/* or NULL */
	const char		*group;		/* one of which has to be set, or NULL */
	const char		*entries;	/* the map whose size it is, or NULL */
	const struct btf_type	*type;		/* without qualifiers */
	unsigned char		*data;		/* its value, in the object */
	size_t			size;
	unsigned int		*len;		/* the variable NAME_len, or NULL */
	bool			set;
};

struct stage_options {
	const char		*stage;		/* for messages */
	struct bpf_object	*obj;
	const struct btf	*btf;
	struct stage_option	*options;
	size_t			nr;
};

/* Those of @obj, which is open and not loaded; -1 after an error message */
int stage_options_open(struct stage_options *opts, struct bpf_object *obj,
		       const char *stage);
void stage_options_close(struct stage_options *opts);
/* Set them from "KEY=VALUE,...", which is changed, or NULL */
int stage_options_parse(struct stage_options *opts, char *args);

/* What it takes, and what it is set to, in words; in @text of @size bytes */
const char *stage_option_type(const struct stage_options *opts,
			      const struct stage_option *o, char *text, size_t size);
const char *stage_option_value(const struct stage_options *opts,
			       const struct stage_option *o, char *text, size_t size);

/* The text behind @prefix of a declaration tag of BTF type @id, or NULL */
const char *btf_tag(const struct btf *btf, unsigned int id, const char *prefix);

#endif
