// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects.h"
#include "output.h"
#include "pin.h"
#include "stage.h"
#include "stage_object.h"
#include "stage_option.h"

#define LOG_SIZE	(1u << 20)	/* of what the verifier says */

struct stage {
	char			*kind;		/* as in the spec */
	char			name[24];	/* of the object, and number */
	int			prio;
	bool			required;
	struct bpf_object	*obj;
	struct bpf_map		*ops;		/* the struct_ops map */
	struct bpf_map		*verdicts;	/* or NULL */
	struct bpf_map		*exits;		/* or NULL */
	struct bpf_link		*link;
	char			*log;		/* the verifier's */
};

/* As in bpf/unified.bpf.h */
struct count {
	unsigned long long records, bytes;
};

struct verdicts {
	struct count next, drop, write, pass, send, other;
};

struct exit_info {
	unsigned int	ended, kind;
	long long	code;
	char		reason[128];
};

/* enum io_unified_exit_kind of the kernel */
enum { EXIT_DETACHED, EXIT_REPLACED, EXIT_REGION, EXIT_STAGE, EXIT_ERROR };
#define OPS_REQUIRED	1	/* IO_UNIFIED_OPS_REQUIRED */

/*
 * Loading.  What libbpf says meanwhile is kept, and shown if it was of use.
 */

static char said[4096];

static int keep_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t used = strlen(said);

	if (getenv("SLUICE_DEBUG"))
		return vfprintf(stderr, fmt, ap);
	return level > LIBBPF_WARN ? 0 : vsnprintf(said + used, sizeof(said) - used, fmt, ap);
}

/* The program that libbpf says could not be loaded */
static const char *failed_program(void)
{
	static const char mark[] = "': BPF program load failed";
	char *end = strstr(said, mark), *start;

	if (!end)
		return NULL;
	*end = '\0';
	start = strrchr(said, '\'');
	return start ? start + 1 : NULL;
}

/* Lines that may be behind the one which tells why */
static bool tells_nothing(const char *line)
{
	static const char * const starts[] = {
		"processed ", "stack depth", "verification time", "cur state:", "old state:",
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (!strncmp(line, starts[i], strlen(starts[i])))
			return true;
	return false;
}

/*
 * The line of the verifier's log that tells why: the one in front of the headline of
 * its explanation, or else the last.
 */
static int reason_of(const char *log, const char **line)
{
	const char *end = strstr(log, "\nVerification failed: ") ?: log + strlen(log);
	const char *start;

	for (; end > log; end = start) {
		while (end > log && end[-1] == '\n')
			end--;
		for (start = end; start > log && start[-1] != '\n'; start--)
			;
		if (start != end && !tells_nothing(start)) {
			*line = start;
			return end - start;
		}
	}
	*line = "";
	return 0;
}

static int explain_load(const struct stage *stage, int err)
{
	const char *prog = failed_program(), *line;
	int len = reason_of(stage->log, &line);

	if (err == EPERM && !len)
		return error("loading stage %s is not permitted; it needs CAP_BPF and CAP_PERFMON, run as root",
			     stage->name);
	if (len) {
		error("stage %s: the verifier rejects its program %s: %.*s; its log follows",
		      stage->name, prog ?: "?", len, line);
		fputs(stage->log, stderr);
		return -1;
	}
	error("loading stage %s: %s; does the kernel have all that it uses ('sluice doctor')?",
	      stage->name, strerror(err));
	fputs(said, stderr);
	return -1;
}

static int load(struct stage *stage, int ring_fd)
{
	unsigned int *fd, *prio, *flags;
	libbpf_print_fn_t print;
	int ret;

	fd = stage_object_member(stage->obj, stage->ops, "ring_fd");
	prio = stage_object_member(stage->obj, stage->ops, "prio");
	flags = stage_object_member(stage->obj, stage->ops, "flags");
	if (!fd || !prio || !flags)
		return error("stage %s: its struct io_unified_ops is none of this kernel's; compile it with sluice's vmlinux.h",
			     stage->name);
	*fd = ring_fd;
	*prio = stage->prio;
	if (stage->required)
		*flags |= OPS_REQUIRED;
	said[0] = stage->log[0] = '\0';
	print = libbpf_set_print(keep_libbpf);
	ret = bpf_object__load(stage->obj);
	libbpf_set_print(print);
	return ret ? explain_load(stage, -ret) : 0;
}

static int explain_attach(const struct stage *stage, int err)
{
	switch (err) {
	case EINVAL:
		return error("stage %s refuses its options; see 'sluice stage help %s'",
			     stage->name, stage->kind);
	case E2BIG:
		return error("attaching stage %s: the pipeline has as many stages as there can be; detach one",
			     stage->name);
	case ENXIO:
	case EBADF:
		return error("attaching stage %s: the pipeline has ended", stage->name);
	}
	return error("attaching stage %s: %s", stage->name, strerror(err));
}

static int attach(struct stage *stage)
{
	if (pin_object(stage->obj, stage->name))
		return -1;
	stage->link = bpf_map__attach_struct_ops(stage->ops);
	if (!stage->link)
		return explain_attach(stage, errno);
	return pin_link(stage->link, stage->name);
}

/*
 * libbpf updates only links that it has made itself.  So it is asked to attach to
 * no ring: that fails, but gives the map its value before, and then the kernel
 * takes it.
 */
static int make_replacement(struct stage *stage, int link_fd)
{
	if (pin_object(stage->obj, stage->name) ||
	    pin_fd_name(link_fd, stage->name, "link"))
		return -1;
	stage->link = bpf_map__attach_struct_ops(stage->ops);
	return stage->link ?
	       error("attaching stage %s: the kernel takes ring -1", stage->name) : 0;
}

/*
 * From the spec to an object that can be loaded
 */

/* The first map whose value is a struct of that name, or NULL */
static struct bpf_map *map_of(struct bpf_object *obj, const char *value)
{
	const struct btf *btf = bpf_object__btf(obj);
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		int id = btf__resolve_type(btf, bpf_map__btf_value_type_id(map));
		const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

		if (t && !strcmp(btf__name_by_offset(btf, t->name_off), value))
			return map;
	}
	return NULL;
}

static int set_options(struct stage *stage, char *args)
{
	struct stage_options opts;
	int ret;

	ret = stage_options_open(&opts, stage->obj, stage->kind);
	if (!ret)
		ret = stage_options_parse(&opts, args);
	stage_options_close(&opts);
	return ret;
}

static int open_object(struct stage *stage, char *args)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		    .kernel_log_buf = stage->log, .kernel_log_size = LOG_SIZE);

	stage->obj = stage_object_open(stage->kind, &opts);
	if (!stage->obj)
		return -1;
	stage->ops = stage_object_ops(stage->obj, stage->kind);
	if (!stage->ops || set_options(stage, args))
		return -1;
	stage->verdicts = map_of(stage->obj, "unified_verdicts");
	stage->exits = map_of(stage->obj, "unified_exit_info");
	return 0;
}

static struct stage *prepare(const char *spec, int prio)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	char *args;

	if (stage) {
		stage->kind = strdup(spec);
		stage->log = malloc(LOG_SIZE);
	}
	if (!stage || !stage->kind || !stage->log) {
		error("no memory for stage %s", spec);
		goto err;
	}
	stage->prio = prio;
	args = strchr(stage->kind, ':');
	if (args)
		*args++ = '\0';
	if (!open_object(stage, args))
		return stage;
err:
	stage_close(stage);
	return NULL;
}

static void set_name(struct stage *stage, unsigned int nr)
{
	snprintf(stage->name, sizeof(stage->name), nr ? "%.15s%u" : "%.15s",
		 bpf_map__name(stage->ops), nr);
}

static void set_free_name(struct stage *stage)
{
	unsigned int nr = 1;

	do
		set_name(stage, nr++);
	while (pin_exists(stage->name));
}

static struct stage *finish(struct stage *stage, int ret)
{
	free(stage->log);
	stage->log = NULL;
	if (!ret)
		return stage;
	pin_remove(stage->name);
	stage_close(stage);
	return NULL;
}

struct stage *stage_open(const char *spec, int ring_fd, int prio, unsigned int nr,
			 bool required)
{
	struct stage *stage = prepare(spec, prio);

	if (!stage)
		return NULL;
	stage->required = required;
	set_name(stage, nr);
	return finish(stage, load(stage, ring_fd) || attach(stage));
}

struct stage *stage_attach(const char *spec, int ring_fd, int prio)
{
	struct stage *stage = prepare(spec, prio);

	if (!stage)
		return NULL;
	set_free_name(stage);
	return finish(stage, load(stage, ring_fd) || attach(stage));
}

struct stage *stage_open_replacement(const char *spec, int link_fd)
{
	/* it takes the old one's place; so that it shows the number of that, too */
	struct stage *stage = prepare(spec, objects_prio(link_fd));

	if (!stage)
		return NULL;
	set_free_name(stage);
	return finish(stage, load(stage, -1) || make_replacement(stage, link_fd));
}

int stage_replace(struct stage *stage, int link_fd)
{
	int ret = bpf_link_update(link_fd, bpf_map__fd(stage->ops), NULL);

	return ret ? explain_attach(stage, -ret) : 0;
}

static struct json_object *programs_json(struct bpf_object *obj)
{
	struct json_object *list = json_object_new_array(), *o;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { };
		__u32 len = sizeof(info);

		if (bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			continue;
		o = json_object_new_object();
		json_add_str(o, "name", bpf_program__name(prog));
		json_add_u64(o, "verified_insns", info.verified_insns);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *stage_check(const char *spec)
{
	struct stage *stage = prepare(spec, 0);
	struct json_object *obj = NULL;

	if (!stage)
		return NULL;
	set_name(stage, 0);
	if (!load(stage, -1)) {
		obj = json_object_new_object();
		json_add_str(obj, "name", stage->kind);
		json_object_object_add(obj, "programs", programs_json(stage->obj));
	}
	stage_close(stage);
	return obj;
}

void stage_close(struct stage *stage)
{
	if (!stage)
		return;
	bpf_link__destroy(stage->link);
	bpf_object__close(stage->obj);
	free(stage->kind);
	free(stage->log);
	free(stage);
}

const char *stage_name(const struct stage *stage)
{
	return stage->name;
}

/*
 * What it has counted, and how it ended
 */

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

static void add_counter(struct json_object *obj, const char *name, const struct count *count)
{
	struct json_object *c = json_object_new_object();

	json_add_u64(c, "records", count->records);
	json_add_u64(c, "bytes", count->bytes);
	json_object_object_add(obj, name, c);
}

static bool has_value(int map_fd, unsigned int type, size_t size)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);

	return !bpf_map_get_info_by_fd(map_fd, &info, &len) && info.type == type &&
	       info.value_size == size;
}

struct json_object *stage_counters_json(int map_fd)
{
	struct json_object *obj;
	struct verdicts v;

	if (!has_value(map_fd, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(v)))
		return NULL;
	sum_counters(map_fd, &v);
	obj = json_object_new_object();
	add_counter(obj, "next", &v.next);
	add_counter(obj, "drop", &v.drop);
	add_counter(obj, "write", &v.write);
	add_counter(obj, "pass", &v.pass);
	add_counter(obj, "send", &v.send);
	add_counter(obj, "other", &v.other);
	return obj;
}

static bool get_exit(int map_fd, struct exit_info *info)
{
	unsigned int key = 0;

	if (!has_value(map_fd, BPF_MAP_TYPE_ARRAY, sizeof(*info)) ||
	    bpf_map_lookup_elem(map_fd, &key, info) || !info->ended)
		return false;
	info->reason[sizeof(info->reason) - 1] = '\0';
	return true;
}

const char *stage_exit_text(int map_fd)
{
	static char text[256];
	struct exit_info info;

	if (!get_exit(map_fd, &info))
		return NULL;
	switch (info.kind) {
	case EXIT_DETACHED:
		return "detached";
	case EXIT_REPLACED:
		return "replaced by another";
	case EXIT_REGION:
		return "its region is gone";
	case EXIT_STAGE:
		snprintf(text, sizeof(text), "ended by itself: %s (%lld)", info.reason,
			 info.code);
		return text;
	}
	snprintf(text, sizeof(text), "ejected by the kernel: %s (%s)", info.reason,
		 strerror(info.code < 0 ? (int)-info.code : 0));
	return text;
}

const char *stage_exit_reason(const struct stage *stage)
{
	return stage->exits ? stage_exit_text(bpf_map__fd(stage->exits)) : NULL;
}

const char *stage_gave_up(const struct stage *stage)
{
	struct exit_info info;

	if (!stage->exits || !get_exit(bpf_map__fd(stage->exits), &info) ||
	    (info.kind != EXIT_STAGE && info.kind != EXIT_ERROR))
		return NULL;
	return stage_exit_reason(stage);
}

struct json_object *stage_json(const struct stage *stage)
{
	struct json_object *obj = json_object_new_object();
	const char *ended = stage_exit_reason(stage);

	json_add_str(obj, "name", stage->name);
	json_object_object_add(obj, "prio", json_object_new_int(stage->prio));
	if (stage->verdicts)
		json_object_object_add(obj, "counters",
				       stage_counters_json(bpf_map__fd(stage->verdicts)));
	if (ended)
		json_add_str(obj, "ended", ended);
	return obj;
}

static void print_count(const char *name, const struct count *count, bool always)
{
	if (always || count->records)
		printf("%s %s %llu (%s)", strcmp(name, "next") ? "," : "", name,
		       count->records, human_bytes(count->bytes));
}

void stage_print(const struct stage *stage)
{
	const char *ended = stage_exit_reason(stage);
	struct verdicts v;

	printf("  stage %-12s", stage->name);
	if (stage->verdicts) {
		sum_counters(bpf_map__fd(stage->verdicts), &v);
		print_count("next", &v.next, true);
		print_count("drop", &v.drop, true);
		print_count("write", &v.write, true);
		print_count("pass", &v.pass, false);
		print_count("send", &v.send, false);
		print_count("other", &v.other, false);
	}
	printf("%s%s\n", ended ? "; " : "", ended ?: "");
}
