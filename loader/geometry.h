/* SPDX-License-Identifier: GPL-2.0 */
/* Where a new recording has its superblock, its index and its data. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include "record.h"
#include "recording.h"

struct geometry {
	unsigned int		nr;
	struct recording_super	devs[DEVS_MAX];
};

/*
 * For @opt and @devs, which a region has.  With --rotate what is in flight,
 * @in_flight bytes at most, must not meet itself.  0, or -1 after an error message.
 */
int geometry_init(struct geometry *geo, const struct record_options *opt,
		  const struct devs *devs, unsigned long long in_flight);
/* Entries that the index has room for */
unsigned long long geometry_entries(const struct geometry *geo);
/* The superblock of device @dev, a unit */
void geometry_superblock(const struct geometry *geo, unsigned int dev, void *unit);

#endif
