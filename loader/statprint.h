/* SPDX-License-Identifier: GPL-2.0 */
/* What `sluice stat` prints, from what was counted now and before. */
#ifndef STATPRINT_H
#define STATPRINT_H

#include <stdio.h>

#include "stats.h"

/* Tables, one a pipeline.  @before: all 0 where there is nothing yet */
void statprint_table(FILE *out, const struct stats *now, const struct stats *before);
/* A line a pipeline, for logs; and what stands above */
void statprint_head(FILE *out);
void statprint_lines(FILE *out, const struct stats *now, const struct stats *before);
/* One object in one line */
void statprint_json(FILE *out, const struct stats *now, const struct stats *before);

/*
 * In the format of OpenMetrics into @file, which is replaced as a whole, or to
 * standard output if that is "-".  0, or -1 after an error message
 */
int openmetrics_write(const char *file, const struct stats *stats);

#endif
