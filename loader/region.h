/* SPDX-License-Identifier: GPL-2.0 */
/* A ring with a unified region: memory, and what it is shared with. */
#ifndef REGION_H
#define REGION_H

#include <liburing.h>
#include <stdbool.h>
#include <sluice/sluice.h>

struct region {
	struct io_uring			ring;
	/* the control page, read-only: the kernel keeps it up to date */
	const struct io_unified_ctrl	*ctrl;
	/* rings and data, if they were asked for */
	struct sluice_region		map;
	unsigned long long		size;
};

struct region_params {
	const char		*ifname;	/* NULL: no NIC queue */
	unsigned int		ifindex;
	unsigned int		queue;
	const char		*nvme;		/* node, for messages; NULL: none */
	int			nvme_fd;
	unsigned long long	size;		/* of all of it, bytes */
	unsigned int		entries;	/* of SQ and CQ; 0: REGION_ENTRIES */
	unsigned int		user_bufs;	/* pages that the NIC has no part in */
	unsigned int		flags;		/* enum io_unified_reg_flags */
	bool			map;		/* the application looks at the data */
};

#define REGION_ENTRIES	64

/* 0, or -1 after an error message that says what to do */
int region_open(struct region *region, const struct region_params *params);
void region_close(struct region *region);

/* An entry of the ring; what was in it is submitted if it was full */
struct io_uring_sqe *region_get_sqe(struct region *region);

/* A copy that is consistent once nothing moves */
void region_stats(const struct region *region, struct io_unified_stats *stats);

#endif
