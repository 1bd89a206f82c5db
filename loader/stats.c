// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output.h"
#include "pin.h"
#include "stage.h"
#include "stats.h"

#define MAP_MARK	"-map-"
#define VERDICTS	"_verdicts"
#define LATENCY		"_latency"

/*
 * The kernel's counters
 */

static void add(struct io_unified_stats *sum, const struct io_unified_stats *s)
{
	const volatile __u64 *from = (const volatile __u64 *)s;
	__u64 *to = (__u64 *)sum;

	/* nothing but counters of 64 bits; those that a kernel lacks are 0 */
	for (size_t i = 0; i < sizeof(*s) / sizeof(*to); i++)
		to[i] += from[i];
}

/* The control page is mapped from the ring itself, so that has to be had */
static int add_ring(int pidfd, int ring_fd, struct io_unified_stats *sum)
{
	const struct io_unified_ctrl *ctrl;
	long page = sysconf(_SC_PAGESIZE);
	int fd = syscall(SYS_pidfd_getfd, pidfd, ring_fd, 0), ret = -ENODATA;

	if (fd < 0)
		return -errno;
	ctrl = mmap(NULL, page, PROT_READ, MAP_SHARED, fd,
		    IORING_MAP_OFF_UNIFIED_REGION);
	if (ctrl != MAP_FAILED) {
		if (ctrl->magic == IO_UNIFIED_MAGIC) {
			add(sum, &ctrl->stats);
			ret = 0;
		}
		munmap((void *)ctrl, page);
	}
	close(fd);
	return ret;
}

int stats_read(const struct pipeline_info *info, struct io_unified_stats *sum)
{
	int pidfd = syscall(SYS_pidfd_open, info->pid, 0), ret = 0;

	memset(sum, 0, sizeof(*sum));
	if (pidfd < 0)
		return -errno;
	for (unsigned int i = 0; i < info->nr_rings && !ret; i++)
		ret = add_ring(pidfd, info->ring_fds[i], sum);
	close(pidfd);
	return ret;
}

/*
 * The stages' counters
 */

static struct stats_verdict *find_verdict(const struct stats_pipeline *p, const char *stage,
					  const char *verdict)
{
	for (unsigned int i = 0; p && i < p->nr_verdicts; i++)
		if (!strcmp(p->verdicts[i].stage, stage) &&
		    !strcmp(p->verdicts[i].verdict, verdict))
			return &p->verdicts[i];
	return NULL;
}

/* The stages of several rings are one */
static struct stats_verdict *get_verdict(struct stats_pipeline *p, const char *stage,
					 const char *verdict)
{
	struct stats_verdict *v = find_verdict(p, stage, verdict), *more;

	if (v)
		return v;
	more = realloc(p->verdicts, (p->nr_verdicts + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->verdicts = more;
	v = &more[p->nr_verdicts++];
	memset(v, 0, sizeof(*v));
	snprintf(v->stage, sizeof(v->stage), "%s", stage);
	snprintf(v->verdict, sizeof(v->verdict), "%s", verdict);
	return v;
}

static int add_verdicts(struct stats_pipeline *p, int fd, const char *stage)
{
	struct json_object *counters = stage_counters_json(fd), *value, *n;
	struct json_object_iterator i, end;
	struct stats_verdict *v = NULL;

	if (!counters)
		return 0;
	i = json_object_iter_begin(counters);
	end = json_object_iter_end(counters);
	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		v = get_verdict(p, stage, json_object_iter_peek_name(&i));
		if (!v)
			break;
		value = json_object_iter_peek_value(&i);
		if (json_object_object_get_ex(value, "records", &n))
			v->records += json_object_get_uint64(n);
		if (json_object_object_get_ex(value, "bytes", &n))
			v->bytes += json_object_get_uint64(n);
	}
	json_object_put(counters);
	return v ? 0 : -1;
}

/* Where `slots` is in the map's value: its BTF says, or else it is all of it */
static void find_slots(const struct bpf_map_info *info, unsigned int *offset,
		       unsigned int *nr)
{
	struct btf *btf = info->btf_id ? btf__load_from_kernel_by_id(info->btf_id) : NULL;
	const struct btf_type *t = btf ? btf__type_by_id(btf, info->btf_value_type_id) : NULL;
	unsigned int i;

	*offset = 0;
	*nr = info->value_size / sizeof(__u64);
	for (i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const struct btf_type *array = btf__type_by_id(btf, m->type);

		if (strcmp(btf__name_by_offset(btf, m->name_off), "slots") ||
		    !array || !btf_is_array(array))
			continue;
		*offset = btf_member_bit_offset(t, i) / 8;
		*nr = btf_array(array)->nelems;
	}
	btf__free(btf);
	if (*nr > STATS_SLOTS)
		*nr = STATS_SLOTS;
}

static bool is_per_cpu(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* All entries, of all CPUs, in one */
static int sum_slots(int fd, const struct bpf_map_info *info, struct stats_latency *l)
{
	unsigned int offset, entries = info->max_entries, key, i;
	size_t size = (info->value_size + 7) & ~7u;
	int nr_cpus = is_per_cpu(info) ? libbpf_num_possible_cpus() : 1, cpu;
	char *values = calloc(nr_cpus, size);

	if (!values)
		return -1;
	find_slots(info, &offset, &l->nr);
	for (key = 0; key < entries && key < STATS_SLOTS; key++) {
		if (bpf_map_lookup_elem(fd, &key, values))
			continue;
		for (cpu = 0; cpu < nr_cpus; cpu++)
			for (i = 0; i < l->nr; i++)
				l->slots[i] += *(__u64 *)(values + cpu * size + offset +
							  i * sizeof(__u64));
	}
	free(values);
	return 0;
}

static struct stats_latency *get_latency(struct stats_pipeline *p, const char *stage)
{
	struct stats_latency *more;

	for (unsigned int i = 0; i < p->nr_latencies; i++)
		if (!strcmp(p->latencies[i].stage, stage))
			return &p->latencies[i];
	more = realloc(p->latencies, (p->nr_latencies + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->latencies = more;
	more += p->nr_latencies++;
	memset(more, 0, sizeof(*more));
	snprintf(more->stage, sizeof(more->stage), "%s", stage);
	return more;
}

static int add_latency(struct stats_pipeline *p, int fd, const char *stage)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);
	struct stats_latency *l;

	if (bpf_map_get_info_by_fd(fd, &info, &len) ||
	    (info.type != BPF_MAP_TYPE_ARRAY && !is_per_cpu(&info)) ||
	    info.key_size != sizeof(__u32) || info.value_size < sizeof(__u64))
		return 0;
	l = get_latency(p, stage);
	return l ? sum_slots(fd, &info, l) : -1;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && !strcmp(s + len - n, end);
}

/* "ring1-filter1-...": the stage is filter1, of the second ring */
static const char *skip_ring(const char *pin)
{
	int len = 0;

	sscanf(pin, "ring%*u-%n", &len);
	return pin + len;
}

/* Pins are named STAGE-map-NAME, see pin.c */
static int add_pin(struct stats_pipeline *p, const char *folder, const char *pin)
{
	const char *map = strstr(pin, MAP_MARK);
	const char *name;
	char path[768], stage[56];
	int fd, ret;

	if (!map || !(ends_with(map, VERDICTS) || ends_with(map, LATENCY)))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	name = skip_ring(pin) < map ? skip_ring(pin) : pin;
	snprintf(stage, sizeof(stage), "%.*s", (int)(map - name), name);
	ret = ends_with(map, VERDICTS) ? add_verdicts(p, fd, stage) :
					 add_latency(p, fd, stage);
	close(fd);
	return ret;
}

static int add_pins(struct stats_pipeline *p, const char *folder)
{
	struct dirent **pins;
	int nr = scandir(folder, &pins, NULL, alphasort), ret = 0;

	for (int i = 0; i < nr; i++) {
		if (!ret)
			ret = add_pin(p, folder, pins[i]->d_name);
		free(pins[i]);
	}
	if (nr >= 0)
		free(pins);
	return ret;
}

/*
 * All of them
 */

static int take_one(struct stats *stats, const char *name)
{
	struct stats_pipeline *p, *more;
	struct pipeline_info info;
	char folder[512];

	snprintf(folder, sizeof(folder), "%s/%s", PIN_ROOT, name);
	if (pipeline_read(folder, &info))
		return 0;
	more = realloc(stats->pipelines, (stats->nr + 1) * sizeof(*more));
	if (!more)
		return -1;
	stats->pipelines = more;
	p = &more[stats->nr++];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->info = info;
	p->running = pipeline_alive(&info);
	p->why = p->running ? -stats_read(&info, &p->sum) : ESRCH;
	p->known = !p->why;
	return add_pins(p, folder);
}

int stats_take(struct stats *stats, const char *only)
{
	struct dirent **names;
	int nr = scandir(PIN_ROOT, &names, NULL, alphasort), ret = 0;

	memset(stats, 0, sizeof(*stats));
	if (nr < 0 && errno != ENOENT)
		return error(PIN_ROOT ": %s%s", strerror(errno),
			     errno == EACCES ? "; run as root" : "");
	clock_gettime(CLOCK_MONOTONIC, &stats->when);
	for (int i = 0; i < nr; i++) {
		const char *name = names[i]->d_name;

		if (!ret && name[0] != '.' && (!only || !strcmp(only, name)))
			ret = take_one(stats, name);
		free(names[i]);
	}
	if (nr >= 0)
		free(names);
	if (!ret)
		return 0;
	stats_free(stats);
	return error("not enough memory");
}

void stats_free(struct stats *stats)
{
	for (unsigned int i = 0; i < stats->nr; i++) {
		free(stats->pipelines[i].verdicts);
		free(stats->pipelines[i].latencies);
	}
	free(stats->pipelines);
	memset(stats, 0, sizeof(*stats));
}

const struct stats_pipeline *stats_before(const struct stats *before,
					  const struct stats_pipeline *p)
{
	for (unsigned int i = 0; i < before->nr; i++) {
		const struct stats_pipeline *b = &before->pipelines[i];

		if (!strcmp(b->name, p->name) && b->info.pid == p->info.pid &&
		    b->info.start_ns == p->info.start_ns && b->known)
			return b;
	}
	return NULL;
}

const struct stats_verdict *stats_verdict_before(const struct stats_pipeline *p,
						 const struct stats_verdict *v)
{
	return find_verdict(p, v->stage, v->verdict);
}

unsigned long long stats_latency_count(const struct stats_latency *l)
{
	unsigned long long sum = 0;

	for (unsigned int i = 0; i < l->nr; i++)
		sum += l->slots[i];
	return sum;
}

/* Within a slot as if its values were spread evenly */
double stats_latency_percentile(const struct stats_latency *l, double share)
{
	double want = share * stats_latency_count(l), have = 0, low;

	for (unsigned int i = 0; i < l->nr; i++) {
		if (!l->slots[i] || have + l->slots[i] < want) {
			have += l->slots[i];
			continue;
		}
		/* the first slot has 0, too */
		low = i ? (double)(1ull << i) : 0;
		return low + ((double)(1ull << i) * (i ? 1 : 2)) *
			     (want - have) / l->slots[i];
	}
	return 0;
}
