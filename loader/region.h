/* SPDX-License-Identifier: GPL-2.0 */
/* A ring with a unified region: NIC queue, memory, NVMe namespace. */
#ifndef REGION_H
#define REGION_H

#include <liburing.h>
#include <sluice/region.h>

struct region {
	struct io_uring			ring;
	/* the control page, read-only: the kernel keeps it up to date */
	const struct io_unified_ctrl	*ctrl;
	unsigned long long		size;
};

struct region_params {
	const char		*ifname;
	unsigned int		ifindex;
	unsigned int		queue;
	const char		*nvme;		/* node, for messages */
	int			nvme_fd;
	unsigned long long	size;		/* of all of it, bytes */
};

/* 0, or -1 after an error message that says what to do */
int region_open(struct region *region, const struct region_params *params);
void region_close(struct region *region);

/* A copy that is consistent once nothing moves */
void region_stats(const struct region *region, struct io_unified_stats *stats);

#endif
