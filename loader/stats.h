/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What pipelines of other processes have moved: the kernel's counters of each
 * ring, and what the stages count in maps that they have pinned.
 */
#ifndef STATS_H
#define STATS_H

#include <linux/io_uring/unified.h>
#include <stdbool.h>
#include <time.h>

#include "pipeline.h"

#define STATS_SLOTS	64

/* A stage's count of one verdict */
struct stats_verdict {
	char			stage[56];
	char			verdict[16];
	unsigned long long	records, bytes;
};

/* slots[i] counts what took 2^i to 2^(i+1) - 1 nanoseconds */
struct stats_latency {
	char			stage[56];
	unsigned int		nr;
	unsigned long long	slots[STATS_SLOTS];
};

struct stats_pipeline {
	char			name[64];
	struct pipeline_info	info;
	bool			running;
	bool			known;		/* the sum is */
	int			why;		/* if not, an errno */
	struct io_unified_stats	sum;		/* over the rings */
	unsigned int		nr_verdicts, nr_latencies;
	struct stats_verdict	*verdicts;
	struct stats_latency	*latencies;
};

struct stats {
	struct timespec		when;		/* CLOCK_MONOTONIC */
	unsigned int		nr;
	struct stats_pipeline	*pipelines;	/* by name */
};

/* The sum over the rings of a pipeline; 0 or -errno, -ENODATA: has none */
int stats_read(const struct pipeline_info *info, struct io_unified_stats *sum);

/* Of all pipelines, or of @only; 0, or -1 after an error message */
int stats_take(struct stats *stats, const char *only);
void stats_free(struct stats *stats);

/* The same pipeline, the same stage and verdict, earlier; NULL if it is new */
const struct stats_pipeline *stats_before(const struct stats *before,
					  const struct stats_pipeline *p);
const struct stats_verdict *stats_verdict_before(const struct stats_pipeline *p,
						 const struct stats_verdict *v);

/* How many there are, and how long, in ns, the @share (0 to 1) fastest took */
unsigned long long stats_latency_count(const struct stats_latency *l);
double stats_latency_percentile(const struct stats_latency *l, double share);

#endif
