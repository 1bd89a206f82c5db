/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a pipeline reads from storage: pieces of namespaces, in order.
 *
 * A plain range is one extent.  Who knows of others, say the reader of a
 * recording's index, implements @get.
 */
#ifndef EXTENT_H
#define EXTENT_H

struct extent {
	unsigned long long	lba;		/* first block */
	unsigned long long	bytes;		/* need not be whole blocks */
	unsigned int		block_size;
	unsigned short		dev;		/* of the region, 0: its first */
};

struct extent_source {
	/*
	 * Extent number @nr, from 0 on: 1, 0 behind the last, -1 after an error
	 * message.  It is asked for by many readers, each at its own place.
	 */
	int (*get)(struct extent_source *src, unsigned long nr, struct extent *e);
};

struct extent_range {
	struct extent_source	src;
	struct extent		extent;
};

/* The source that has one extent */
void extent_range_init(struct extent_range *range, const struct extent *e);

/* Where a reader is */
struct extent_cursor {
	struct extent_source	*src;
	struct extent		extent;
	unsigned long		nr;		/* of the next extent */
	unsigned long long	done;		/* bytes of @extent */
};

/* One read: whole blocks, of which the first @bytes are wanted */
struct extent_chunk {
	unsigned long long	lba;
	unsigned int		bytes;
	unsigned int		len;
	unsigned short		dev;
};

void extent_cursor_init(struct extent_cursor *cur, struct extent_source *src);
/* The next read of @max bytes, a multiple of blocks, at most: as @get */
int extent_next(struct extent_cursor *cur, unsigned int max,
		struct extent_chunk *chunk);

#endif
