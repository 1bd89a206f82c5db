/* SPDX-License-Identifier: GPL-2.0 */
/* What a pipeline says of itself to other processes: a pinned array map. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdbool.h>

#define PIPELINE_MAX_RINGS	64

struct pipeline_info {
	unsigned int	pid;
	unsigned int	nr_rings;
	long long	start_ns;	/* CLOCK_BOOTTIME */
	char		kind[16];	/* the verb that it is */
	/* descriptors in that process; many have one */
	union {
		int	ring_fd;
		int	ring_fds[PIPELINE_MAX_RINGS];
	};
};

#define PIPELINE_MAP	"pipeline"

/* What it is, before or after pipeline_write() */
int pipeline_set_kind(const char *kind);
int pipeline_write(const char *folder, int ring_fd);
/* One more ring; 0, or -1 after an error message */
int pipeline_add_ring(int ring_fd);
/* It has no folder any more */
void pipeline_close(void);

/* 0, or -1 if there is none; says nothing */
int pipeline_read(const char *folder, struct pipeline_info *info);
/* A descriptor of ring @nr of the pipeline @name; -1 after an error message */
int pipeline_ring(const char *name, const struct pipeline_info *info, unsigned int nr);
/* Does its process live?  A later one with the same number is not it */
bool pipeline_alive(const struct pipeline_info *info);

/* Is it what pipeline_write() wrote, here or before a fork? */
bool pipeline_is_own(const struct pipeline_info *info);

#endif
