/* SPDX-License-Identifier: GPL-2.0 */
/* What a capture has done: the summary, from the superblock that ends it. */
#ifndef CAPTURE_REPORT_H
#define CAPTURE_REPORT_H

#include "capture_rx.h"
#include "capture_write.h"

struct capture_report {
	const char			*name;
	const char			*ended;		/* by what */
	const char			*xdp;		/* mode */
	const struct capture_super	*super;
	const struct capture_writer	*writer;
	const struct capture_rx		*rx;
	const struct capture_rx_stats	*stats;
	uint64_t			late;		/* frames without metadata */
};

/* On standard output; 0, or -1 after an error message: not all was written */
int capture_report(const struct capture_report *r);

/* matched = written + dropped? */
bool capture_conserved(const struct capture_super *s);

#endif
