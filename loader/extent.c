// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <string.h>

#include "extent.h"

static int range_get(struct extent_source *src, unsigned long nr, struct extent *e)
{
	/* @src is the first member */
	const struct extent_range *range = (const struct extent_range *)src;

	if (nr)
		return 0;
	*e = range->extent;
	return 1;
}

void extent_range_init(struct extent_range *range, const struct extent *e)
{
	range->src.get = range_get;
	range->extent = *e;
}

void extent_cursor_init(struct extent_cursor *cur, struct extent_source *src)
{
	memset(cur, 0, sizeof(*cur));
	cur->src = src;
}

int extent_next(struct extent_cursor *cur, unsigned int max,
		struct extent_chunk *chunk)
{
	const struct extent *e = &cur->extent;
	unsigned long long left;
	int ret;

	/* also past those that are empty */
	while (cur->done == e->bytes) {
		ret = cur->src->get(cur->src, cur->nr, &cur->extent);
		if (ret <= 0)
			return ret;
		cur->nr++;
		cur->done = 0;
	}
	left = e->bytes - cur->done;
	chunk->bytes = left < max ? left : max;
	chunk->len = (chunk->bytes + e->block_size - 1) / e->block_size * e->block_size;
	chunk->lba = e->lba + cur->done / e->block_size;
	chunk->dev = e->dev;
	cur->done += chunk->bytes;
	return 1;
}
