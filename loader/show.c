// SPDX-License-Identifier: GPL-2.0
/* show: the pipelines that run, found by what they have pinned. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"
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
	objects_add_link(obj, folder, link);
	for (int i = 0; i < nr; i++)
		if (!strncmp(pins[i]->d_name, link, len) &&
		    !strncmp(pins[i]->d_name + len, "-map-", strlen("-map-")))
			add_map(obj, folder, pins[i]->d_name);
	json_object_array_add(list, obj);
}

/* As they are asked; what is detached has no place */
static int by_prio(const void *a, const void *b)
{
	struct json_object *x, *y;
	bool has_x = json_object_object_get_ex(*(struct json_object **)a, "prio", &x);
	bool has_y = json_object_object_get_ex(*(struct json_object **)b, "prio", &y);

	if (!has_x || !has_y)
		return has_y - has_x;
	return (json_object_get_int(x) > json_object_get_int(y)) -
	       (json_object_get_int(x) < json_object_get_int(y));
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
	json_object_array_sort(list, by_prio);
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
		json_add_str(obj, "kind", info.kind);
		json_add_u64(obj, "rings", info.nr_rings);
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

static const char *str(struct json_object *obj, const char *key)
{
	return json_object_get_string(json_object_object_get(obj, key)) ?: "";
}

static void print_stages(struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct json_object *c = json_object_object_get(o, "counters");

		printf("  stage %-12s prio %-7s %s", str(o, "name"), str(o, "prio"),
		       str(o, "ended")[0] ? str(o, "ended") : str(o, "state"));
		if (c)
			printf("; next %s, drop %s, write %s", counter(c, "next"),
			       counter(c, "drop"), counter(c, "write"));
		printf("\n");
	}
}

static void print_head(struct json_object *p)
{
	const char *rings = str(p, "rings");

	printf("%s  ", str(p, "name"));
	if (strcmp(str(p, "kind"), str(p, "name")))
		printf("%s  ", str(p, "kind"));
	if (rings[0])
		printf("process %s%s  %s %s  ", str(p, "pid"),
		       json_object_get_boolean(json_object_object_get(p, "running")) ?
		       "" : " (gone)", rings, strcmp(rings, "1") ? "rings" : "ring");
	printf("%s\n", str(p, "folder"));
}

static void print_pipeline(struct json_object *p)
{
	struct json_object *list, *o;

	print_head(p);
	if (json_object_object_get(p, "received_bytes"))
		printf("  received %s  dropped %s  written %s  copied %s bytes\n",
		       str(p, "received_bytes"), str(p, "dropped_bytes"),
		       str(p, "written_bytes"), str(p, "copied_bytes"));
	print_stages(json_object_object_get(p, "stages"));
	list = json_object_object_get(p, "objects");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		printf("  %-5s %5s  %-20s %s\n", str(o, "type"), str(o, "id"),
		       str(o, "name"), str(o, "pin"));
	}
}

/* NULL after an error message */
static struct json_object *collect(const char *only)
{
	struct json_object *list;
	struct dirent **names;
	int nr = scandir(PIN_ROOT, &names, NULL, alphasort);

	if (nr < 0 && errno != ENOENT) {
		error(PIN_ROOT ": %s%s", strerror(errno),
		      errno == EACCES ? "; run as root" : "");
		return NULL;
	}
	list = json_object_new_array();
	for (int i = 0; i < nr; i++) {
		const char *name = names[i]->d_name;

		if (name[0] != '.' && (!only || !strcmp(only, name)))
			json_object_array_add(list, pipeline_json(name));
		free(names[i]);
	}
	if (nr >= 0)
		free(names);
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
	if (!list)
		return 1;
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
