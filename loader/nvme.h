/* SPDX-License-Identifier: GPL-2.0 */
/* An NVMe namespace: which it is, and whether it is anybody's. */
#ifndef NVME_H
#define NVME_H

#include <stdbool.h>

struct nvme_ns {
	char		disk[64];	/* the block device's name, "nvme0n1" */
	bool		generic;
};

/* Is @node an NVMe namespace?  0, or -1 after an error message */
int nvme_find(struct nvme_ns *ns, const char *node);

/* How many logical blocks @ns has; 0 if that cannot be told */
unsigned long long nvme_blocks(const struct nvme_ns *ns);

/* Bytes of a logical block, and of data in one command; 0 as above */
unsigned int nvme_block_size(const struct nvme_ns *ns);
unsigned int nvme_max_len(const struct nvme_ns *ns);

/*
 * Why @ns should not be overwritten, as a sentence with the remedy; NULL if
 * there is no reason.
 */
const char *nvme_in_use(const struct nvme_ns *ns);

bool nvme_read_only(const struct nvme_ns *ns);

/* Can its controller gather (SGL)?  1, 0, or -1 if that cannot be told */
int nvme_has_sgl(const struct nvme_ns *ns);

#endif
