/* SPDX-License-Identifier: GPL-2.0 */
/* What a pipeline says of itself to other processes: a pinned array map. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdbool.h>

struct pipeline_info {
	unsigned int	pid;
	int		ring_fd;	/* in that process */
	long long	start_ns;	/* CLOCK_BOOTTIME */
};

#define PIPELINE_MAP	"pipeline"

int pipeline_write(const char *folder, int ring_fd);
/* 0, or -1 if there is none; says nothing */
int pipeline_read(const char *folder, struct pipeline_info *info);
/* A descriptor of the ring of the pipeline @name; -1 after an error message */
int pipeline_ring(const char *name);
/* Does its process live?  A later one with the same number is not it */
bool pipeline_alive(const struct pipeline_info *info);

#endif
