/* SPDX-License-Identifier: GPL-2.0 */
/* The namespaces that a pipeline writes, in the order in which they are given. */
#ifndef DEVS_H
#define DEVS_H

#include "nvme.h"
#include "options.h"
#include "region.h"

#define DEVS_MAX	IO_UNIFIED_MAX_DEVS

struct devs {
	unsigned int		nr;
	struct {
		const char	   *node;
		struct nvme_ns	   ns;
		int		   fd;		/* -1: not open */
		unsigned long long blocks;	/* logical blocks; 0: not known */
		unsigned int	   block_size;	/* once the region has it */
	} list[DEVS_MAX];
};

/*
 * Are all of @nodes namespaces, whose blocks from @lba on are nobody's, or may be
 * overwritten with @force?  0, or -1 after an error message.
 */
int devs_check(struct devs *devs, const struct option_list *nodes,
	       unsigned long long lba, bool force);
int devs_open(struct devs *devs);
void devs_close(struct devs *devs);

/* Those behind the first, which a region gets with its registration */
int devs_register(struct devs *devs, struct region *region);

#endif
