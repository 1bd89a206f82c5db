// SPDX-License-Identifier: GPL-2.0
#include <bpf/btf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "stage_object.h"
#include "stage_option.h"
#include "stages.skel.h"	/* all that are built in; see the Makefile */

#ifndef STAGE_DIR
#define STAGE_DIR	"/usr/local/lib/sluice/stages"
#endif

#define OPS_TYPE	"io_unified_ops"

static const struct {
	const char	*name;
	const void	*(*bytes)(size_t *size);
} built_in[] = {
#define BUILT_IN(name)	{ #name, name##_bpf__elf_bytes },
	LISTED_STAGES
	OWN_STAGES
#undef BUILT_IN
};

/* Behind them are those that the pipelines use themselves */
enum {
#define BUILT_IN(name)	LISTED_##name,
	LISTED_STAGES
#undef BUILT_IN
	NR_LISTED
};

#define NR_BUILT_IN	(sizeof(built_in) / sizeof(built_in[0]))

static const char *stage_dir(void)
{
	return getenv("SLUICE_STAGES") ?: STAGE_DIR;
}

static bool is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') || (len > 2 && !strcmp(name + len - 2, ".o"));
}

const char *stage_object_origin(const char *name, char *text, size_t size)
{
	for (size_t i = 0; i < NR_BUILT_IN; i++)
		if (!strcmp(built_in[i].name, name)) {
			snprintf(text, size, "built-in");
			return text;
		}
	if (is_path(name))
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%s/%s.bpf.o", stage_dir(), name);
	return text;
}

static struct bpf_object *open_file(const char *name, const char *path,
				    const struct bpf_object_open_opts *opts)
{
	libbpf_print_fn_t print;
	struct bpf_object *obj;

	if (access(path, R_OK) && is_path(name)) {
		error("stage %s: %s", path, strerror(errno));
		return NULL;
	}
	if (access(path, R_OK)) {
		error("no stage '%s', built in or in %s; 'sluice stage list' shows them",
		      name, stage_dir());
		return NULL;
	}
	/* what libbpf would say is about ELF */
	print = getenv("SLUICE_DEBUG") ? NULL : libbpf_set_print(NULL);
	obj = bpf_object__open_file(path, opts);
	if (print)
		libbpf_set_print(print);
	if (!obj)
		error("stage %s: not a BPF object with BTF; compile it with clang -target bpf -g",
		      path);
	return obj;
}

struct bpf_object *stage_object_open(const char *name,
				     const struct bpf_object_open_opts *opts)
{
	struct bpf_object *obj;
	const void *bytes;
	char path[512];
	size_t size, i;

	for (i = 0; i < NR_BUILT_IN; i++) {
		if (strcmp(built_in[i].name, name))
			continue;
		bytes = built_in[i].bytes(&size);
		obj = bpf_object__open_mem(bytes, size, opts);
		if (!obj)
			error("stage %s: %s", name, strerror(errno));
		return obj;
	}
	return open_file(name, stage_object_origin(name, path, sizeof(path)), opts);
}

/* The BTF type of variable @name, and the variable's own number */
static const struct btf_type *var_type(const struct btf *btf, const char *name, int *var)
{
	const struct btf_type *t;

	*var = btf__find_by_name_kind(btf, name, BTF_KIND_VAR);
	if (*var < 0)
		return NULL;
	t = btf__type_by_id(btf, *var);
	return btf__type_by_id(btf, btf__resolve_type(btf, t->type));
}

static bool is_stage(const struct btf *btf, const struct bpf_map *map)
{
	const struct btf_type *t;
	int var;

	if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
		return false;
	t = var_type(btf, bpf_map__name(map), &var);
	return t && !strcmp(btf__name_by_offset(btf, t->name_off), OPS_TYPE);
}

struct bpf_map *stage_object_ops(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map, *found = NULL;
	const struct btf *btf = bpf_object__btf(obj);
	int nr = 0;

	bpf_object__for_each_map(map, obj)
		if (btf && is_stage(btf, map)) {
			found = map;
			nr++;
		}
	if (nr == 1)
		return found;
	error("stage %s: its object has %s struct " OPS_TYPE "; UNIFIED_STAGE() declares one",
	      name, nr ? "more than one" : "no");
	return NULL;
}

unsigned int *stage_object_member(struct bpf_object *obj, struct bpf_map *ops,
				  const char *member)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *t;
	size_t size;
	char *data = bpf_map__initial_value(ops, &size);
	int var, i;

	t = var_type(btf, bpf_map__name(ops), &var);
	for (i = 0; t && data && i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		size_t off = btf_member_bit_offset(t, i) / 8;

		if (!strcmp(btf__name_by_offset(btf, m->name_off), member) &&
		    btf__resolve_size(btf, m->type) == 4 && off + 4 <= size)
			return (unsigned int *)(data + off);
	}
	return NULL;
}

const char *stage_object_about(struct bpf_object *obj, struct bpf_map *ops)
{
	const struct btf *btf = bpf_object__btf(obj);
	int var;

	var_type(btf, bpf_map__name(ops), &var);
	return var < 0 ? NULL : btf_tag(btf, var, "about: ");
}

/* "NAME" of the folder's NAME.bpf.o, kept until the next call */
static const char *name_in_dir(unsigned int nr)
{
	static char name[64];
	char pattern[512];
	const char *found = NULL;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/*.bpf.o", stage_dir());
	if (glob(pattern, 0, NULL, &g))
		return NULL;
	if (nr < g.gl_pathc) {
		const char *base = strrchr(g.gl_pathv[nr], '/') + 1;

		snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - 6), base);
		found = name;
	}
	globfree(&g);
	return found;
}

const char *stage_object_name(unsigned int nr)
{
	return nr < NR_LISTED ? built_in[nr].name : name_in_dir(nr - NR_LISTED);
}
