// SPDX-License-Identifier: GPL-2.0
/* show: the pipelines that run, found by what they have pinned. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "pin.h"
#include "pipeline.h"
#include "stage.h"
#include "stats.h"
#include "verbs.h"

static const struct verb_desc verb = {
	"show", "[NAME]",
	"List the pipelines that run, or the one named: its process, what it has\n"
	"moved, and the BPF programs, maps and links that bpftool shows by id.",
	NULL,
};

struct object {
	const char	*type;
	unsigned int	id;
	char		name[64];
};

static void get_prog(int fd, struct object *o)
{
	struct bpf_prog_info info = { };
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return;
	o->type = "prog";
	o->id = info.id;
	snprintf(o->name, sizeof(o->name), "%s", info.name);
}

static void get_map(int fd, struct object *o)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return;
	o->type = "map";
	o->id = info.id;
	snprintf(o->name, sizeof(o->name), "%s", info.name);
}

static void get_link(int fd, struct object *o)
{
	struct bpf_link_info info = { };
	__u32 len = sizeof(info);

	if (bpf_link_get_info_by_fd(fd, &info, &len))
		return;
	o->type = "link";
	o->id = info.id;
	snprintf(o->name, sizeof(o->name), "of map %u", info.struct_ops.map_id);
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

static struct json_object *objects_json(const char *folder)
{
	struct json_object *list = json_object_new_array(), *obj;
	DIR *dir = opendir(folder);
	struct dirent *e;
	struct object o;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || get_object(folder, e->d_name, &o))
			continue;
		obj = json_object_new_object();
		json_add_str(obj, "type", o.type);
		json_add_u64(obj, "id", o.id);
		json_add_str(obj, "name", o.name);
		json_add_str(obj, "pin", e->d_name);
		json_object_array_add(list, obj);
	}
	if (dir)
		closedir(dir);
	return list;
}

/* What a map of a stage's, which is pinned as @pin, tells of it */
static void add_map(struct json_object *stage, const char *folder, const char *pin)
{
	struct json_object *counters;
	const char *ended;
	char path[768];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	counters = stage_counters_json(fd);
	if (counters)
		json_object_object_add(stage, "counters", counters);
	ended = stage_exit_text(fd);
	if (ended)
		json_add_str(stage, "ended", ended);
	close(fd);
}

/* A stage is what has pinned STAGE-link; its maps are STAGE-map-NAME */
static void add_stage(struct json_object *list, const char *folder,
		      struct dirent **pins, int nr, const char *link)
{
	size_t len = strlen(link) - strlen("-link");
	struct json_object *obj = json_object_new_object();

	json_object_object_add(obj, "name", json_object_new_string_len(link, len));
	for (int i = 0; i < nr; i++)
		if (!strncmp(pins[i]->d_name, link, len) &&
		    !strncmp(pins[i]->d_name + len, "-map-", strlen("-map-")))
			add_map(obj, folder, pins[i]->d_name);
	json_object_array_add(list, obj);
}

static struct json_object *stages_json(const char *folder)
{
	struct json_object *list = json_object_new_array();
	struct dirent **pins;
	int nr = scandir(folder, &pins, NULL, alphasort), i;

	for (i = 0; i < nr; i++) {
		const char *end = strrchr(pins[i]->d_name, '-');

		if (end && end > pins[i]->d_name && !strcmp(end, "-link"))
			add_stage(list, folder, pins, nr, pins[i]->d_name);
	}
	for (i = 0; i < nr; i++)
		free(pins[i]);
	if (nr >= 0)
		free(pins);
	return list;
}

static struct json_object *pipeline_json(const char *name)
{
	struct json_object *obj = json_object_new_object();
	struct io_unified_stats s;
	struct pipeline_info info;
	char folder[256];

	snprintf(folder, sizeof(folder), "%s/%s", PIN_ROOT, name);
	json_add_str(obj, "name", name);
	json_add_str(obj, "folder", folder);
	if (!pipeline_read(folder, &info)) {
		json_add_u64(obj, "pid", info.pid);
		json_add_bool(obj, "running", pipeline_alive(&info));
		if (!stats_read(&info, &s)) {
			json_add_u64(obj, "received_bytes", s.rx.bytes);
			json_add_u64(obj, "dropped_bytes", s.dropped.bytes);
			json_add_u64(obj, "written_bytes", s.written.bytes);
			json_add_u64(obj, "failed_bytes", s.failed.bytes);
			json_add_u64(obj, "in_flight_bytes", s.in_flight.bytes);
			json_add_u64(obj, "copied_bytes", s.copied_bytes);
			json_add_u64(obj, "nvme_cmds", s.nvme_cmds);
			json_add_u64(obj, "rx_stalls", s.rx_stalls);
		}
	}
	json_object_object_add(obj, "stages", stages_json(folder));
	json_object_object_add(obj, "objects", objects_json(folder));
	return obj;
}

static const char *counter(struct json_object *counters, const char *verdict)
{
	struct json_object *c = json_object_object_get(counters, verdict);

	return json_object_get_string(json_object_object_get(c, "records"));
}

static void print_stages(struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct json_object *c = json_object_object_get(o, "counters");
		struct json_object *ended = json_object_object_get(o, "ended");

		printf("  stage %-12s",
		       json_object_get_string(json_object_object_get(o, "name")));
		if (c)
			printf(" next %s, drop %s, write %s records",
			       counter(c, "next"), counter(c, "drop"), counter(c, "write"));
		if (ended)
			printf("%s %s", c ? ";" : "", json_object_get_string(ended));
		printf("\n");
	}
}

static void print_pipeline(struct json_object *p)
{
	struct json_object *list, *o;

	printf("%s  %s", json_object_get_string(json_object_object_get(p, "name")),
	       json_object_get_string(json_object_object_get(p, "folder")));
	o = json_object_object_get(p, "pid");
	if (o)
		printf("  process %s%s", json_object_get_string(o),
		       json_object_get_boolean(json_object_object_get(p, "running")) ?
		       "" : " (gone)");
	printf("\n");
	o = json_object_object_get(p, "received_bytes");
	if (o)
		printf("  received %s  dropped %s  written %s  copied %s bytes\n",
		       json_object_get_string(o),
		       json_object_get_string(json_object_object_get(p, "dropped_bytes")),
		       json_object_get_string(json_object_object_get(p, "written_bytes")),
		       json_object_get_string(json_object_object_get(p, "copied_bytes")));
	print_stages(json_object_object_get(p, "stages"));
	list = json_object_object_get(p, "objects");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		printf("  %-5s %5s  %-20s %s\n",
		       json_object_get_string(json_object_object_get(o, "type")),
		       json_object_get_string(json_object_object_get(o, "id")),
		       json_object_get_string(json_object_object_get(o, "name")),
		       json_object_get_string(json_object_object_get(o, "pin")));
	}
}

static struct json_object *collect(const char *only)
{
	struct json_object *list = json_object_new_array();
	DIR *dir = opendir(PIN_ROOT);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && (!only || !strcmp(only, e->d_name)))
			json_object_array_add(list, pipeline_json(e->d_name));
	if (dir)
		closedir(dir);
	return list;
}

int do_show(int argc, char **argv)
{
	int first = options_parse(&verb, NULL, argc, argv);
	struct json_object *list;
	size_t nr;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (options_args(&verb, argc, argv, first, 0, 1))
		return EXIT_USAGE;
	list = collect(first < argc ? argv[first] : NULL);
	nr = json_object_array_length(list);
	if (first < argc && !nr) {
		json_object_put(list);
		error("no pipeline '%s'; 'sluice show' lists them", argv[first]);
		return 1;
	}
	if (json_output) {
		json_print(list);
		return 0;
	}
	for (size_t i = 0; i < nr; i++)
		print_pipeline(json_object_array_get_idx(list, i));
	if (!nr)
		note("no pipeline runs");
	json_object_put(list);
	return 0;
}
