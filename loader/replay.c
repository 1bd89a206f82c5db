// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "replay.h"

static int replay_get(struct extent_source *src, unsigned long nr, struct extent *e)
{
	/* @src is the first member */
	const struct replay *replay = (const struct replay *)src;
	const struct recording_extent *x;

	x = recording_extent(&replay->rec, replay->stream, nr);
	if (!x)
		return 0;
	*e = (struct extent) {
		.lba = x->block,
		.bytes = x->bytes,
		.block_size = replay->rec.super.block_size,
		/* of copies that are the same, the one that is read */
		.dev = recording_is_mirror(&replay->rec) ? 0 : x->dev,
	};
	return 1;
}

/* All of a stripe is there, or it could not be opened; of a mirror one is enough */
static void find_nodes(struct replay *replay)
{
	const struct recording *rec = &replay->rec;

	for (unsigned int i = 0; i < rec->super.nr_devs; i++) {
		if (rec->devs[i].fd < 0)
			continue;
		replay->nodes[replay->nr_nodes++] = rec->devs[i].name;
		if (recording_is_mirror(rec))
			break;
	}
}

static int find_stream(struct replay *replay, const char *names, unsigned long long id)
{
	const struct recording_stream *s = recording_find(&replay->rec, id);

	replay->stream = s;
	if (!s)
		return error("--stream %llu: there is none; 'sluice list --nvme %s' lists them",
			     id, names);
	if (recording_lost(&replay->rec, s))
		return error("stream %llu is %s: %llu of its %llu bytes are left; 'sluice read --partial' gives them",
			     id, recording_state(&replay->rec, s), s->readable, s->total);
	if (!s->ended)
		note("stream %llu has no end: the recorder was killed", id);
	else if (s->error)
		note("stream %llu was cut off: %s", id, recording_cause(s));
	return 0;
}

int replay_open(struct replay *replay, const char *names, unsigned long long lba,
		unsigned long long id)
{
	memset(replay, 0, sizeof(*replay));
	replay->src.get = replay_get;
	if (recording_open(&replay->rec, names, lba))
		return -1;
	find_nodes(replay);
	if (!find_stream(replay, names, id))
		return 0;
	replay_close(replay);
	return -1;
}

void replay_close(struct replay *replay)
{
	if (!replay->src.get)
		return;
	recording_close(&replay->rec);
	replay->src.get = NULL;
}
