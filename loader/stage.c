// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.skel.h"
#include "output.h"
#include "pin.h"
#include "record.skel.h"
#include "stage.h"

#define FILTER_MAX	sizeof(((struct filter_bpf *)NULL)->rodata->match)

struct stage_kind {
	const char	*name;
	const char	*args;		/* for messages */
	/* open the object, set it up from @args (or NULL), not load it */
	int		(*open)(struct stage *stage, char *args);
	void		(*destroy)(struct stage *stage);
};

struct stage {
	const struct stage_kind	*kind;
	char			name[24];	/* kind and number */
	int			prio;
	struct bpf_object	*obj;
	struct bpf_map		*ops;		/* the struct_ops map */
	struct bpf_map		*verdicts;
	struct bpf_link		*link;
	int			*ring_fd;	/* members of the struct_ops */
	int			*ops_prio;
	void			*skel;
};

/* As in bpf/unified.bpf.h */
struct verdicts {
	struct {
		unsigned long long records, bytes;
	} next, drop, write, other;
};

/*
 * filter
 */

static int hex_byte(const char *s)
{
	char digits[3] = { s[0], s[0] ? s[1] : 0, 0 }, *end;
	long v = strtol(digits, &end, 16);

	return end == digits + 2 ? (int)v : -1;
}

/* "text", or "0x" and hexadecimal digits */
static int parse_bytes(const char *text, unsigned char *bytes, size_t max)
{
	size_t nr = 0;
	int v;

	if (strncmp(text, "0x", 2)) {
		nr = strlen(text);
		if (nr <= max)
			memcpy(bytes, text, nr);
	} else {
		for (text += 2; *text; text += 2, nr++) {
			v = hex_byte(text);
			if (v < 0 || nr == max)
				return -1;
			bytes[nr] = v;
		}
	}
	return nr && nr <= max ? (int)nr : -1;
}

static int filter_match(struct filter_bpf *skel, const char *value)
{
	int len = parse_bytes(value, (unsigned char *)skel->rodata->match, FILTER_MAX);

	if (len < 0)
		return error("filter: '%s' is not 1 to %zu characters, nor 0x and as many hexadecimal pairs",
			     value, FILTER_MAX);
	skel->rodata->match_len = len;
	return 0;
}

static int filter_offset(struct filter_bpf *skel, const char *value)
{
	unsigned long v;
	char *end;

	v = strtoul(value, &end, 0);
	if (*end || end == value || v > 65536)
		return error("filter: offset=%s is no number up to 65536", value);
	skel->rodata->match_off = v;
	return 0;
}

static int filter_set(struct filter_bpf *skel, const char *key, const char *value)
{
	if (!strcmp(key, "offset"))
		return filter_offset(skel, value);
	if (!strcmp(key, "drop-prefix")) {
		skel->rodata->keep = false;
		return filter_match(skel, value);
	}
	if (!strcmp(key, "keep-prefix")) {
		skel->rodata->keep = true;
		return filter_match(skel, value);
	}
	return error("filter knows no '%s'; drop-prefix=, keep-prefix= and offset=", key);
}

static int filter_args(struct filter_bpf *skel, char *args)
{
	char *arg, *value, *save = NULL;
	bool matches = false;

	for (arg = strtok_r(args, ",", &save); arg; arg = strtok_r(NULL, ",", &save)) {
		value = strchr(arg, '=');
		if (!value)
			return error("filter: '%s' is not KEY=VALUE", arg);
		*value++ = '\0';
		if (filter_set(skel, arg, value))
			return -1;
		matches |= strcmp(arg, "offset") != 0;
	}
	if (!matches)
		return error("filter needs bytes to look for: filter:drop-prefix=TEXT or filter:keep-prefix=TEXT");
	return 0;
}

static int filter_open(struct stage *stage, char *args)
{
	struct filter_bpf *skel = filter_bpf__open();

	if (!skel)
		return error("filter: %s", strerror(errno));
	stage->skel = skel;
	stage->obj = skel->obj;
	stage->ops = skel->maps.filter;
	stage->verdicts = skel->maps.filter_verdicts;
	stage->ring_fd = (int *)&skel->struct_ops.filter->ring_fd;
	stage->ops_prio = &skel->struct_ops.filter->prio;
	return filter_args(skel, args);
}

static void filter_destroy(struct stage *stage)
{
	filter_bpf__destroy(stage->skel);
}

/*
 * record: the pipeline's own
 */

static int record_open(struct stage *stage, char *args)
{
	struct record_bpf *skel;

	if (args)
		return error("record takes no arguments");
	skel = record_bpf__open();
	if (!skel)
		return error("record: %s", strerror(errno));
	stage->skel = skel;
	stage->obj = skel->obj;
	stage->ops = skel->maps.record;
	stage->verdicts = skel->maps.record_verdicts;
	stage->ring_fd = (int *)&skel->struct_ops.record->ring_fd;
	stage->ops_prio = &skel->struct_ops.record->prio;
	return 0;
}

static void record_destroy(struct stage *stage)
{
	record_bpf__destroy(stage->skel);
}

static const struct stage_kind kinds[] = {
	{ "filter", "drop-prefix=TEXT|keep-prefix=TEXT[,offset=N]",
	  filter_open, filter_destroy },
	{ "record", "", record_open, record_destroy },
};

static const struct stage_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	error("no stage '%s'; there is: filter:%s", name, kinds[0].args);
	return NULL;
}

static int stage_load(struct stage *stage, int ring_fd)
{
	int ret;

	*stage->ring_fd = ring_fd;
	*stage->ops_prio = stage->prio;
	ret = bpf_object__load(stage->obj);
	if (ret == -EPERM)
		return error("loading stage %s is not permitted; it needs CAP_BPF and CAP_PERFMON, run as root",
			     stage->name);
	if (ret)
		return error("loading stage %s: %s; SLUICE_DEBUG=1 shows what the verifier says",
			     stage->name, strerror(-ret));
	if (pin_object(stage->obj, stage->name))
		return -1;
	stage->link = bpf_map__attach_struct_ops(stage->ops);
	if (!stage->link)
		return error("attaching stage %s: %s", stage->name, strerror(errno));
	return pin_link(stage->link, stage->name);
}

struct stage *stage_open(const char *spec, int ring_fd, int prio, unsigned int nr)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	char copy[512], *args;

	if (!stage)
		return NULL;
	snprintf(copy, sizeof(copy), "%s", spec);
	args = strchr(copy, ':');
	if (args)
		*args++ = '\0';
	stage->kind = find_kind(copy);
	if (!stage->kind) {
		free(stage);
		return NULL;
	}
	stage->prio = prio;
	snprintf(stage->name, sizeof(stage->name), nr ? "%.16s%u" : "%.16s", copy, nr);
	if (!stage->kind->open(stage, args) && !stage_load(stage, ring_fd))
		return stage;
	stage_close(stage);
	return NULL;
}

void stage_close(struct stage *stage)
{
	if (!stage)
		return;
	bpf_link__destroy(stage->link);
	if (stage->skel)
		stage->kind->destroy(stage);
	free(stage);
}

/* The sum over the CPUs */
static void sum_counters(int map_fd, struct verdicts *sum)
{
	int nr_cpus = libbpf_num_possible_cpus(), i;
	size_t size = sizeof(*sum), n = size / sizeof(unsigned long long), k;
	struct verdicts *cpus = calloc(nr_cpus, size);
	unsigned int key = 0;

	memset(sum, 0, size);
	if (cpus && !bpf_map_lookup_elem(map_fd, &key, cpus))
		for (i = 0; i < nr_cpus; i++)
			for (k = 0; k < n; k++)
				((unsigned long long *)sum)[k] +=
					((unsigned long long *)&cpus[i])[k];
	free(cpus);
}

static void add_counter(struct json_object *obj, const char *name,
			unsigned long long records, unsigned long long bytes)
{
	struct json_object *c = json_object_new_object();

	json_add_u64(c, "records", records);
	json_add_u64(c, "bytes", bytes);
	json_object_object_add(obj, name, c);
}

struct json_object *stage_counters_json(int map_fd)
{
	struct json_object *obj;
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);
	struct verdicts v;

	if (bpf_map_get_info_by_fd(map_fd, &info, &len) ||
	    info.type != BPF_MAP_TYPE_PERCPU_ARRAY || info.value_size != sizeof(v))
		return NULL;
	sum_counters(map_fd, &v);
	obj = json_object_new_object();
	add_counter(obj, "next", v.next.records, v.next.bytes);
	add_counter(obj, "drop", v.drop.records, v.drop.bytes);
	add_counter(obj, "write", v.write.records, v.write.bytes);
	add_counter(obj, "other", v.other.records, v.other.bytes);
	return obj;
}

struct json_object *stage_json(const struct stage *stage)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "name", stage->name);
	json_object_object_add(obj, "prio", json_object_new_int(stage->prio));
	json_object_object_add(obj, "counters",
			       stage_counters_json(bpf_map__fd(stage->verdicts)));
	return obj;
}

void stage_print(const struct stage *stage)
{
	struct verdicts v;

	sum_counters(bpf_map__fd(stage->verdicts), &v);
	printf("  stage %-12s next %llu (%s), drop %llu (%s), write %llu (%s)\n",
	       stage->name, v.next.records, human_bytes(v.next.bytes),
	       v.drop.records, human_bytes(v.drop.bytes),
	       v.write.records, human_bytes(v.write.bytes));
}
