/* SPDX-License-Identifier: GPL-2.0 */
/* The stage that decides where a recording's commands go: bpf/place.bpf.c */
#ifndef PLACE_LOADER_H
#define PLACE_LOADER_H

#include <linux/types.h>
#include <stdbool.h>

#include "../bpf/place.h"

struct place_params {
	bool			log;		/* extents of a recording */
	bool			mirror;
	bool			durable;
	bool			rotate;
	unsigned int		nr_devs;
	unsigned long long	max_extents;
	unsigned long long	start[PLACE_DEVS];	/* of the data area, blocks */
	unsigned long long	blocks[PLACE_DEVS];
};

struct place;

/*
 * For the region of @ring_fd.  With @share, which another ring has, both take
 * from the same space.  NULL after an error message.
 */
struct place *place_open(const struct place_params *params, int ring_fd,
			 const struct place *share);
void place_close(struct place *place);

/* The ring buffer of struct place_extent */
int place_done_fd(const struct place *place);
/* Extents that were written, and do not fit into that */
unsigned long long place_lost(const struct place *place);

#endif
