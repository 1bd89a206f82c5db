/* SPDX-License-Identifier: GPL-2.0 */
/* A recorded stream as something that a pipeline reads: its extents, in order. */
#ifndef REPLAY_H
#define REPLAY_H

#include "extent.h"
#include "recording.h"

struct replay {
	struct extent_source		src;
	struct recording		rec;
	const struct recording_stream	*stream;
	const char			*nodes[SLUICE_FORMAT_DEVS];
	unsigned int			nr_nodes;	/* as the region numbers them */
};

/*
 * Stream @id of the recording that begins at block @lba of @names; all of it has to
 * be there.  0, or -1 after an error message.
 */
int replay_open(struct replay *replay, const char *names, unsigned long long lba,
		unsigned long long id);
void replay_close(struct replay *replay);

#endif
