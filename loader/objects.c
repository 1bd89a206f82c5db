// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"
#include "output.h"

#define MAX_MAPS	64		/* of a program; the kernel has the same limit */

struct object {
	const char	*type;
	unsigned int	id;
	char		name[128];
	unsigned int	nr_maps;	/* that it uses, by number */
	unsigned int	maps[MAX_MAPS];
};

/* The kernel cuts names off, BTF does not; bpftool looks there, too */
static void full_name(int fd, const struct bpf_prog_info *of, struct object *o)
{
	struct bpf_func_info func = { };
	struct bpf_prog_info info = {
		.nr_func_info		= 1,
		.func_info_rec_size	= sizeof(func),
		.func_info		= (uintptr_t)&func,
	};
	__u32 len = sizeof(info);
	const struct btf_type *t;
	struct btf *btf;

	if (!of->nr_func_info || bpf_prog_get_info_by_fd(fd, &info, &len))
		return;
	btf = btf__load_from_kernel_by_id(of->btf_id);
	t = btf ? btf__type_by_id(btf, func.type_id) : NULL;
	if (t)
		snprintf(o->name, sizeof(o->name), "%s",
			 btf__name_by_offset(btf, t->name_off));
	btf__free(btf);
}

static void get_prog(int fd, struct object *o)
{
	struct bpf_prog_info info = {
		.nr_map_ids	= MAX_MAPS,
		.map_ids	= (uintptr_t)o->maps,
	};
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return;
	o->type = "prog";
	o->id = info.id;
	o->nr_maps = info.nr_map_ids < MAX_MAPS ? info.nr_map_ids : MAX_MAPS;
	snprintf(o->name, sizeof(o->name), "%s", info.name);
	full_name(fd, &info, o);
}

static int get_map(int fd, struct object *o)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return -1;
	o->type = "map";
	o->id = info.id;
	snprintf(o->name, sizeof(o->name), "%s", info.name);
	return 0;
}

/* The struct_ops map of the link, or -1 if it is detached or another link */
static int link_map(int fd, struct bpf_link_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_link_get_info_by_fd(fd, info, &len) ||
	    info->type != BPF_LINK_TYPE_STRUCT_OPS || !info->struct_ops.map_id)
		return -1;
	return bpf_map_get_fd_by_id(info->struct_ops.map_id);
}

/* A link has no name of its own: that of the map that it attaches */
static void get_link(int fd, struct object *o)
{
	struct bpf_link_info info;
	struct object map = { };
	int map_fd = link_map(fd, &info);

	o->type = "link";
	o->id = info.id;
	if (map_fd < 0)
		return;
	if (!get_map(map_fd, &map)) {
		snprintf(o->name, sizeof(o->name), "%s", map.name);
		o->maps[o->nr_maps++] = map.id;
	}
	close(map_fd);
}

/* What a pin is, is in its name: see pin.c */
static int get_object(const char *folder, const char *pin, struct object *o)
{
	char path[768];
	int fd;

	memset(o, 0, sizeof(*o));
	snprintf(path, sizeof(path), "%s/%s", folder, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	if (strstr(pin, "-prog-"))
		get_prog(fd, o);
	else if (strstr(pin, "-link"))
		get_link(fd, o);
	else
		get_map(fd, o);
	close(fd);
	return o->type ? 0 : -1;
}

static void add_object(struct json_object *list, const struct object *o, const char *pin)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "type", o->type);
	json_add_u64(obj, "id", o->id);
	json_add_str(obj, "name", o->name);
	if (pin)
		json_add_str(obj, "pin", pin);
	json_object_array_add(list, obj);
}

static bool has_map(struct json_object *list, unsigned int id)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (json_object_get_uint64(json_object_object_get(o, "id")) == id &&
		    !strcmp(json_object_get_string(json_object_object_get(o, "type")), "map"))
			return true;
	}
	return false;
}

/* bpffs takes no dot in a name, so .rodata and the like are not pinned */
static void add_used(struct json_object *list, const struct object *user)
{
	for (unsigned int i = 0; i < user->nr_maps; i++) {
		struct object o = { };
		int fd;

		if (has_map(list, user->maps[i]))
			continue;
		fd = bpf_map_get_fd_by_id(user->maps[i]);
		if (fd >= 0 && !get_map(fd, &o))
			add_object(list, &o, NULL);
		if (fd >= 0)
			close(fd);
	}
}

static int by_type(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object **)a, *y = *(struct json_object **)b;
	/* programs, maps, links */
	int ret = strcmp(json_object_get_string(json_object_object_get(y, "type")),
			 json_object_get_string(json_object_object_get(x, "type")));

	return ret ?: json_object_get_int(json_object_object_get(x, "id")) -
		      json_object_get_int(json_object_object_get(y, "id"));
}

struct json_object *objects_json(const char *folder)
{
	struct json_object *list = json_object_new_array();
	struct dirent **pins;
	int nr = scandir(folder, &pins, NULL, alphasort), pass, i;
	struct object o;

	/* those that are pinned first: that says more of them */
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < nr; i++) {
			if (pins[i]->d_name[0] == '.' ||
			    get_object(folder, pins[i]->d_name, &o))
				continue;
			if (pass)
				add_used(list, &o);
			else
				add_object(list, &o, pins[i]->d_name);
		}
	for (i = 0; i < nr; i++)
		free(pins[i]);
	if (nr >= 0)
		free(pins);
	json_object_array_sort(list, by_type);
	return list;
}

static int member_offset(const struct btf *btf, const char *name, const char *member)
{
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (unsigned int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member))
			return btf_member_bit_offset(t, i) / 8;
	return -1;
}

/*
 * Where prio is in the value of a struct_ops map of stages, which the kernel's BTF
 * describes: the kernel's own fields, then struct io_unified_ops; -1: nowhere
 */
static int prio_offset(void)
{
	static int offset = -2;
	struct btf *btf;
	int data, prio;

	if (offset != -2)
		return offset;
	btf = btf__load_vmlinux_btf();
	data = member_offset(btf, "bpf_struct_ops_io_unified_ops", "data");
	prio = member_offset(btf, "io_unified_ops", "prio");
	offset = data < 0 || prio < 0 ? -1 : data + prio;
	btf__free(btf);
	return offset;
}

static bool get_prio(int map_fd, int *prio)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info), key = 0;
	int offset = prio_offset();
	bool known = false;
	char *value;

	if (offset < 0 || bpf_map_get_info_by_fd(map_fd, &info, &len) ||
	    offset + sizeof(*prio) > info.value_size)
		return false;
	value = calloc(1, info.value_size);
	if (value && !bpf_map_lookup_elem(map_fd, &key, value)) {
		memcpy(prio, value + offset, sizeof(*prio));
		known = true;
	}
	free(value);
	return known;
}

int objects_link_map(int link_fd)
{
	struct bpf_link_info info;

	return link_map(link_fd, &info);
}

int objects_prio(int link_fd)
{
	int map_fd = objects_link_map(link_fd), prio = 0;

	if (map_fd >= 0) {
		get_prio(map_fd, &prio);
		close(map_fd);
	}
	return prio;
}

void objects_add_link(struct json_object *stage, const char *folder, const char *pin)
{
	struct bpf_link_info info;
	char path[768];
	int fd, map_fd, prio;

	snprintf(path, sizeof(path), "%s/%s", folder, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	map_fd = link_map(fd, &info);
	json_add_str(stage, "state", map_fd < 0 ? "detached" : "attached");
	if (map_fd >= 0) {
		if (get_prio(map_fd, &prio))
			json_object_object_add(stage, "prio",
					       json_object_new_int(prio));
		close(map_fd);
	}
	close(fd);
}
