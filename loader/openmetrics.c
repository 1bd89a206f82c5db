// SPDX-License-Identifier: GPL-2.0
/*
 * OpenMetrics 1.0, of which Prometheus' textfile collector understands what is
 * used here: a family after the other, each with all pipelines.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "statprint.h"

struct family {
	const char	*name;		/* without sluice_ and _total */
	bool		gauge;
	size_t		offset;		/* in struct io_unified_stats */
	const char	*help;
};

#define STAT(field)	offsetof(struct io_unified_stats, field)
#define BOTH(name, field, what)							\
	{ name "_records", false, STAT(field.bufs), "Records " what },		\
	{ name "_bytes", false, STAT(field.bytes), "Bytes " what }

static const struct family families[] = {
	BOTH("received", rx, "received."),
	BOTH("made", made, "made by stages."),
	BOTH("dropped", dropped, "dropped by stages."),
	BOTH("written", written, "written by NVMe without error."),
	BOTH("passed", passed, "passed to the application."),
	BOTH("sent", sent, "sent to a socket."),
	BOTH("failed", failed, "lost to device errors and cancellation."),
	{ "in_flight_records", true, STAT(in_flight.bufs), "Records held by the region." },
	{ "in_flight_bytes", true, STAT(in_flight.bytes), "Bytes held by the region." },
	{ "copied_bytes", false, STAT(copied_bytes), "Bytes that a CPU had to copy." },
	{ "padded_bytes", false, STAT(padded_bytes), "Zeroes written to fill blocks." },
	{ "nvme_commands", false, STAT(nvme_cmds), "NVMe commands sent." },
	{ "nvme_errors", false, STAT(nvme_errors), "NVMe commands that failed." },
	{ "rx_stalls", false, STAT(rx_stalls), "Times reception waited for the device." },
	{ "stage_errors", false, STAT(stage_errors), "Answers of stages that are no verdict." },
};

#define NR_FAMILIES	(sizeof(families) / sizeof(families[0]))

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE sluice_%s %s\n# HELP sluice_%s %s\n", name, type, name, help);
}

static void label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++)
		switch (*value) {
		case '\\':
		case '"':
			fprintf(out, "\\%c", *value);
			break;
		case '\n':
			fputs("\\n", out);
			break;
		default:
			fputc(*value, out);
		}
	fputc('"', out);
}

static void labels(FILE *out, const struct stats_pipeline *p)
{
	label(out, "pipeline", p->name);
	fputc(',', out);
	label(out, "kind", p->info.kind);
}

static void write_up(FILE *out, const struct stats *s)
{
	head(out, "up", "gauge", "Whether the pipeline's process runs.");
	for (unsigned int i = 0; i < s->nr; i++) {
		fputs("sluice_up{", out);
		labels(out, &s->pipelines[i]);
		fprintf(out, "} %d\n", s->pipelines[i].running);
	}
}

static void write_family(FILE *out, const struct stats *s, const struct family *f)
{
	head(out, f->name, f->gauge ? "gauge" : "counter", f->help);
	for (unsigned int i = 0; i < s->nr; i++) {
		const struct stats_pipeline *p = &s->pipelines[i];

		if (!p->known)
			continue;
		fprintf(out, "sluice_%s%s{", f->name, f->gauge ? "" : "_total");
		labels(out, p);
		fprintf(out, "} %llu\n", *(const unsigned long long *)
			((const char *)&p->sum + f->offset));
	}
}

static void write_verdicts(FILE *out, const struct stats *s, const char *name,
			   size_t offset, const char *help)
{
	head(out, name, "counter", help);
	for (unsigned int i = 0; i < s->nr; i++)
		for (unsigned int k = 0; k < s->pipelines[i].nr_verdicts; k++) {
			const struct stats_verdict *v = &s->pipelines[i].verdicts[k];

			fprintf(out, "sluice_%s_total{", name);
			labels(out, &s->pipelines[i]);
			fputc(',', out);
			label(out, "stage", v->stage);
			fputc(',', out);
			label(out, "verdict", v->verdict);
			fprintf(out, "} %llu\n", *(const unsigned long long *)
				((const char *)v + offset));
		}
}

static void bucket(FILE *out, const struct stats_pipeline *p,
		   const struct stats_latency *l, const char *le,
		   unsigned long long count)
{
	fputs("sluice_latency_seconds_bucket{", out);
	labels(out, p);
	fputc(',', out);
	label(out, "stage", l->stage);
	fprintf(out, ",le=\"%s\"} %llu\n", le, count);
}

/* Without _sum, which nobody knows, there is no _count either */
static void write_latency(FILE *out, const struct stats_pipeline *p,
			  const struct stats_latency *l)
{
	unsigned long long count = 0;
	char le[32];

	for (unsigned int i = 0; i + 1 < l->nr; i++) {
		count += l->slots[i];
		snprintf(le, sizeof(le), "%.9g", (2ull << i) / 1e9);
		bucket(out, p, l, le, count);
	}
	bucket(out, p, l, "+Inf", stats_latency_count(l));
}

static void write_latencies(FILE *out, const struct stats *s)
{
	head(out, "latency_seconds", "histogram", "How long it took, by stage.");
	for (unsigned int i = 0; i < s->nr; i++)
		for (unsigned int k = 0; k < s->pipelines[i].nr_latencies; k++)
			write_latency(out, &s->pipelines[i],
				      &s->pipelines[i].latencies[k]);
}

static void write_all(FILE *out, const struct stats *s)
{
	write_up(out, s);
	for (size_t i = 0; i < NR_FAMILIES; i++)
		write_family(out, s, &families[i]);
	write_verdicts(out, s, "stage_records",
		       offsetof(struct stats_verdict, records), "Records by verdict.");
	write_verdicts(out, s, "stage_bytes",
		       offsetof(struct stats_verdict, bytes), "Bytes by verdict.");
	write_latencies(out, s);
	fputs("# EOF\n", out);
}

/* Who reads @file sees all of the old or all of the new one */
static int replace(const char *file, const char *tmp, const struct stats *stats)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), ret;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		error("--openmetrics %s: making %s: %s", file, tmp, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	write_all(out, stats);
	ret = ferror(out);
	ret |= fclose(out);
	if (!ret)
		ret = rename(tmp, file);
	if (!ret)
		return 0;
	error("--openmetrics %s: %s", file, strerror(errno));
	unlink(tmp);
	return -1;
}

int openmetrics_write(const char *file, const struct stats *stats)
{
	char tmp[PATH_MAX];
	struct stat st;

	if (!strcmp(file, "-")) {
		write_all(stdout, stats);
		return fflush(stdout) ? -1 : 0;
	}
	/* a device or a FIFO would be replaced by a file */
	if (!stat(file, &st) && !S_ISREG(st.st_mode))
		return error("--openmetrics %s is no ordinary file; give one, or - for standard output",
			     file);
	if (snprintf(tmp, sizeof(tmp), "%s.%d", file, getpid()) >= (int)sizeof(tmp))
		return error("--openmetrics %s: %s", file, strerror(ENAMETOOLONG));
	return replace(file, tmp, stats);
}
