// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "output.h"
#include "statprint.h"

/* What became of the data, as in struct io_unified_stats */
static const struct {
	const char	*name, *key;
	size_t		offset;
	bool		always;		/* also if it is 0 */
} counts[] = {
#define COUNT(field)	offsetof(struct io_unified_stats, field)
	{ "received", "received", COUNT(rx), true },
	{ "made", "made", COUNT(made), false },
	{ "dropped", "dropped", COUNT(dropped), true },
	{ "written", "written", COUNT(written), true },
	{ "passed", "passed", COUNT(passed), false },
	{ "sent", "sent", COUNT(sent), false },
	{ "failed", "failed", COUNT(failed), false },
};

#define NR_COUNTS	(sizeof(counts) / sizeof(counts[0]))

static const struct io_unified_count *count_of(const struct stats_pipeline *p, size_t i)
{
	return (const void *)((const char *)&p->sum + counts[i].offset);
}

static double seconds(const struct stats *now, const struct stats *before)
{
	return now->when.tv_sec - before->when.tv_sec +
	       (now->when.tv_nsec - before->when.tv_nsec) / 1e9;
}

/* Counters only grow, unless a ring is gone */
static double rate(unsigned long long now, unsigned long long before, double secs)
{
	return now < before || secs <= 0 ? 0 : (now - before) / secs;
}

/* "1,234,567", in one of a few buffers that are used in turn */
static const char *thousands(unsigned long long v)
{
	static char bufs[8][32];
	static unsigned int next;
	char digits[24], *to = bufs[next++ % 8];
	int len = snprintf(digits, sizeof(digits), "%llu", v), i, k = 0;

	for (i = 0; i < len; i++) {
		if (i && !((len - i) % 3))
			to[k++] = ',';
		to[k++] = digits[i];
	}
	to[k] = '\0';
	return to;
}

static const char *duration(double ns)
{
	static const char * const units[] = { "ns", "us", "ms", "s" };
	static char bufs[8][32];
	static unsigned int next;
	char *buf = bufs[next++ % 8];
	int u = 0;

	while (ns >= 1000 && u < 3) {
		ns /= 1000;
		u++;
	}
	snprintf(buf, sizeof(bufs[0]), "%.3g %s", ns, units[u]);
	return buf;
}

static const char *per_second(double bytes)
{
	static char bufs[4][40];
	static unsigned int next;
	char *buf = bufs[next++ % 4];

	snprintf(buf, sizeof(bufs[0]), "%s/s", human_bytes(bytes));
	return buf;
}

/*
 * Tables
 */

static void table_head(FILE *out, const struct stats_pipeline *p)
{
	struct timespec now;
	long long up;

	clock_gettime(CLOCK_BOOTTIME, &now);
	up = now.tv_sec - p->info.start_ns / 1000000000;
	fprintf(out, "%s", p->name);
	if (p->info.kind[0] && strcmp(p->info.kind, p->name))
		fprintf(out, "  %s", p->info.kind);
	fprintf(out, "  process %u", p->info.pid);
	if (!p->running) {
		fprintf(out, " (gone)\n");
		return;
	}
	fprintf(out, "  %u %s  up %lld:%02lld:%02lld\n", p->info.nr_rings,
		p->info.nr_rings == 1 ? "ring" : "rings", up / 3600, up / 60 % 60,
		up % 60);
	if (p->why == EPERM)
		fprintf(out, "  its counters cannot be read: it needs CAP_SYS_PTRACE, run as root\n");
	else if (!p->known)
		fprintf(out, "  it has no region with counters\n");
}

static void table_counts(FILE *out, const struct stats_pipeline *p,
			 const struct stats_pipeline *b, double secs)
{
	fprintf(out, "%-12s%14s%16s%18s%16s\n", "", "records/s", "bytes/s",
		"records", "bytes");
	for (size_t i = 0; i < NR_COUNTS; i++) {
		const struct io_unified_count *c = count_of(p, i);
		const struct io_unified_count *o = b ? count_of(b, i) : c;

		if (!counts[i].always && !c->bufs)
			continue;
		fprintf(out, "  %-10s%14s%16s%18s%16s\n", counts[i].name,
			thousands(rate(c->bufs, o->bufs, secs)),
			per_second(rate(c->bytes, o->bytes, secs)),
			thousands(c->bufs), human_bytes(c->bytes));
	}
	fprintf(out, "  %-10s%14s%16s%18s%16s\n", "in flight", "", "",
		thousands(p->sum.in_flight.bufs), human_bytes(p->sum.in_flight.bytes));
	fprintf(out, "  %-10s%14s%16s%18s%16s\n", "copied", "",
		per_second(rate(p->sum.copied_bytes,
				b ? b->sum.copied_bytes : p->sum.copied_bytes, secs)),
		"", human_bytes(p->sum.copied_bytes));
}

/* The verdicts of a stage that it ever gave, per second; the index of the next */
static unsigned int table_stage(FILE *out, const struct stats_pipeline *p,
				const struct stats_pipeline *b, unsigned int i,
				double secs)
{
	const char *stage = p->verdicts[i].stage;
	int column = fprintf(out, "  stage %.24s", stage);

	if (column < 26)
		column += fprintf(out, "%*s", 26 - column, "");
	for (; i < p->nr_verdicts && !strcmp(p->verdicts[i].stage, stage); i++) {
		const struct stats_verdict *v = &p->verdicts[i];
		const struct stats_verdict *o = stats_verdict_before(b, v) ?: v;
		char text[64];
		int len;

		if (!v->records)
			continue;
		len = snprintf(text, sizeof(text), "  %s %s/s", v->verdict,
			       thousands(rate(v->records, o->records, secs)));
		if (column + len > 80)
			column = fprintf(out, "\n%26s", "") - 1;
		column += fprintf(out, "%s", text);
	}
	fprintf(out, "\n");
	return i;
}

static void table_latency(FILE *out, const struct stats_latency *l)
{
	unsigned long long nr = stats_latency_count(l);

	if (!nr)
		return;
	fprintf(out, "  latency %-16.16s  p50 %-9s p99 %-9s p99.9 %-9s\n", l->stage,
		duration(stats_latency_percentile(l, 0.5)),
		duration(stats_latency_percentile(l, 0.99)),
		duration(stats_latency_percentile(l, 0.999)));
}

void statprint_table(FILE *out, const struct stats *now, const struct stats *before)
{
	double secs = seconds(now, before);

	for (unsigned int i = 0; i < now->nr; i++) {
		const struct stats_pipeline *p = &now->pipelines[i];
		const struct stats_pipeline *b = stats_before(before, p);
		unsigned int k;

		if (i)
			fprintf(out, "\n");
		table_head(out, p);
		if (p->known)
			table_counts(out, p, b, secs);
		for (k = 0; k < p->nr_verdicts;)
			k = table_stage(out, p, b, k, secs);
		for (k = 0; k < p->nr_latencies; k++)
			table_latency(out, &p->latencies[k]);
	}
	if (!now->nr)
		fprintf(out, "no pipeline runs\n");
}

/*
 * Lines
 */

void statprint_head(FILE *out)
{
	fprintf(out, "%-8s %-12s%12s%12s%12s%11s%11s\n", "time", "pipeline", "received/s",
		"dropped/s", "written/s", "in flight", "copied");
}

void statprint_lines(FILE *out, const struct stats *now, const struct stats *before)
{
	double secs = seconds(now, before);
	time_t t = time(NULL);
	char clock[16];

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&t));
	for (unsigned int i = 0; i < now->nr; i++) {
		const struct stats_pipeline *p = &now->pipelines[i];
		const struct io_unified_stats *s = &p->sum;
		const struct stats_pipeline *b = stats_before(before, p);
		const struct io_unified_stats *o = b ? &b->sum : s;

		if (!p->known)
			continue;
		fprintf(out, "%-8s %-12.12s%12s%12s%12s%11s%11s\n", clock, p->name,
			human_bytes(rate(s->rx.bytes, o->rx.bytes, secs)),
			human_bytes(rate(s->dropped.bytes, o->dropped.bytes, secs)),
			human_bytes(rate(s->written.bytes, o->written.bytes, secs)),
			human_bytes(s->in_flight.bytes), human_bytes(s->copied_bytes));
	}
}

/*
 * JSON
 */

static void add_double(struct json_object *obj, const char *key, double v)
{
	json_object_object_add(obj, key, json_object_new_double(v));
}

static void add_count(struct json_object *obj, size_t i, const struct stats_pipeline *p,
		      const struct stats_pipeline *b, double secs)
{
	const struct io_unified_count *c = count_of(p, i), *o = b ? count_of(b, i) : c;
	char key[64];

	snprintf(key, sizeof(key), "%s_records", counts[i].key);
	json_add_u64(obj, key, c->bufs);
	snprintf(key, sizeof(key), "%s_bytes", counts[i].key);
	json_add_u64(obj, key, c->bytes);
	snprintf(key, sizeof(key), "%s_records_per_second", counts[i].key);
	add_double(obj, key, rate(c->bufs, o->bufs, secs));
	snprintf(key, sizeof(key), "%s_bytes_per_second", counts[i].key);
	add_double(obj, key, rate(c->bytes, o->bytes, secs));
}

static void add_counters(struct json_object *obj, const struct stats_pipeline *p,
			 const struct stats_pipeline *b, double secs)
{
	for (size_t i = 0; i < NR_COUNTS; i++)
		add_count(obj, i, p, b, secs);
	json_add_u64(obj, "in_flight_records", p->sum.in_flight.bufs);
	json_add_u64(obj, "in_flight_bytes", p->sum.in_flight.bytes);
	json_add_u64(obj, "copied_bytes", p->sum.copied_bytes);
	json_add_u64(obj, "nvme_cmds", p->sum.nvme_cmds);
	json_add_u64(obj, "nvme_errors", p->sum.nvme_errors);
	json_add_u64(obj, "rx_stalls", p->sum.rx_stalls);
}

static void add_verdicts(struct json_object *list, const struct stats_pipeline *p,
			 const struct stats_pipeline *b, double secs)
{
	for (unsigned int i = 0; i < p->nr_verdicts; i++) {
		const struct stats_verdict *v = &p->verdicts[i];
		const struct stats_verdict *o = stats_verdict_before(b, v) ?: v;
		struct json_object *obj = json_object_new_object();

		json_add_str(obj, "stage", v->stage);
		json_add_str(obj, "verdict", v->verdict);
		json_add_u64(obj, "records", v->records);
		json_add_u64(obj, "bytes", v->bytes);
		add_double(obj, "records_per_second", rate(v->records, o->records, secs));
		add_double(obj, "bytes_per_second", rate(v->bytes, o->bytes, secs));
		json_object_array_add(list, obj);
	}
}

static void add_latencies(struct json_object *list, const struct stats_pipeline *p)
{
	for (unsigned int i = 0; i < p->nr_latencies; i++) {
		const struct stats_latency *l = &p->latencies[i];
		struct json_object *obj = json_object_new_object();

		json_add_str(obj, "stage", l->stage);
		json_add_u64(obj, "count", stats_latency_count(l));
		add_double(obj, "p50_ns", stats_latency_percentile(l, 0.5));
		add_double(obj, "p99_ns", stats_latency_percentile(l, 0.99));
		add_double(obj, "p999_ns", stats_latency_percentile(l, 0.999));
		json_object_array_add(list, obj);
	}
}

static struct json_object *pipeline_json(const struct stats_pipeline *p,
					 const struct stats_pipeline *b, double secs)
{
	struct json_object *obj = json_object_new_object(), *list;

	json_add_str(obj, "name", p->name);
	json_add_str(obj, "kind", p->info.kind);
	json_add_u64(obj, "pid", p->info.pid);
	json_add_u64(obj, "rings", p->info.nr_rings);
	json_add_bool(obj, "running", p->running);
	if (p->known)
		add_counters(obj, p, b, secs);
	list = json_object_new_array();
	add_verdicts(list, p, b, secs);
	json_object_object_add(obj, "verdicts", list);
	list = json_object_new_array();
	add_latencies(list, p);
	json_object_object_add(obj, "latencies", list);
	return obj;
}

void statprint_json(FILE *out, const struct stats *now, const struct stats *before)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	double secs = seconds(now, before);
	struct timespec t;
	long long ms;

	clock_gettime(CLOCK_REALTIME, &t);
	ms = t.tv_sec * 1000ll + t.tv_nsec / 1000000;
	add_double(obj, "time", ms / 1e3);
	add_double(obj, "interval", secs);
	for (unsigned int i = 0; i < now->nr; i++) {
		const struct stats_pipeline *p = &now->pipelines[i];

		json_object_array_add(list, pipeline_json(p, stats_before(before, p), secs));
	}
	json_object_object_add(obj, "pipelines", list);
	fprintf(out, "%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
	json_object_put(obj);
}
