/* SPDX-License-Identifier: GPL-2.0 */
/* Where a stage's BPF object comes from: built in, a folder, or a path. */
#ifndef STAGE_OBJECT_H
#define STAGE_OBJECT_H

#include <bpf/libbpf.h>

/* Open, not load, the object that @name stands for; NULL after an error message */
struct bpf_object *stage_object_open(const char *name,
				     const struct bpf_object_open_opts *opts);

/* The struct_ops map of a stage, type struct io_unified_ops, which @obj must have
 * exactly one of; NULL after an error message
 */
struct bpf_map *stage_object_ops(struct bpf_object *obj, const char *name);
/* A member of it, of 4 bytes, or NULL */
unsigned int *stage_object_member(struct bpf_object *obj, struct bpf_map *ops,
				  const char *member);
/* What it does in a line, as UNIFIED_ABOUT() says, or NULL */
const char *stage_object_about(struct bpf_object *obj, struct bpf_map *ops);

/* The names of what is built in for users, and of what the folder has, one after
 * the other; NULL after the last
 */
const char *stage_object_name(unsigned int nr);
/* "built-in", or the path of the file */
const char *stage_object_origin(const char *name, char *text, size_t size);

#endif
