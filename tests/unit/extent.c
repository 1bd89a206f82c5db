// SPDX-License-Identifier: GPL-2.0
/*
 * extent: the reads that loader/extent.c makes of extents cover exactly the bytes
 * that were asked for, in order, in whole blocks of where they are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "extent.h"

struct list {
	struct extent_source	src;
	const struct extent	*extents;
	unsigned long		nr;
	unsigned long		fail_at;
};

static int list_get(struct extent_source *src, unsigned long nr, struct extent *e)
{
	const struct list *list = (const struct list *)src;

	if (nr == list->fail_at)
		return -1;
	if (nr >= list->nr)
		return 0;
	*e = list->extents[nr];
	return 1;
}

static void check(int ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	if (!ok)
		exit(1);
}

/* Does the chunk begin where @e has been read to, and stay within it? */
static int fits(const struct extent *e, unsigned long long done, unsigned int max,
		const struct extent_chunk *c)
{
	unsigned long long left = e->bytes - done;

	return c->dev == e->dev && c->lba == e->lba + done / e->block_size &&
	       done % e->block_size == 0 && c->bytes == (left < max ? left : max) &&
	       c->len <= max && c->len % e->block_size == 0 && c->len >= c->bytes &&
	       c->len - c->bytes < e->block_size;
}

/* Read all of @src by @max, which are the extents from @e on */
static void walk(struct extent_source *src, const struct extent *e, unsigned long nr,
		 unsigned int max, const char *what)
{
	const struct extent *end = e + nr;
	struct extent_cursor cur;
	struct extent_chunk c;
	unsigned long long done = 0;
	int ret;

	extent_cursor_init(&cur, src);
	while ((ret = extent_next(&cur, max, &c)) > 0) {
		while (e < end && done == e->bytes) {
			e++;
			done = 0;
		}
		if (e == end || !fits(e, done, max, &c))
			check(0, what);
		done += c.bytes;
	}
	while (e < end && done == e->bytes) {
		e++;
		done = 0;
	}
	check(!ret && e == end, what);
}

int main(void)
{
	static const struct extent extents[] = {
		{ .lba = 10, .bytes = 4096 * 5, .block_size = 4096 },
		{ .lba = 77, .bytes = 0, .block_size = 512, .dev = 1 },
		{ .lba = 1ull << 40, .bytes = 100001, .block_size = 512, .dev = 1 },
		{ .lba = 0, .bytes = 1, .block_size = 4096, .dev = 2 },
		{ .lba = 3, .bytes = 511, .block_size = 512 },
		{ .lba = 9, .bytes = 0, .block_size = 512 },
	};
	const unsigned long nr = sizeof(extents) / sizeof(extents[0]);
	static const unsigned int sizes[] = { 4096, 8192, 12288, 65536, 131072 };
	struct list list = { .src.get = list_get, .extents = extents, .nr = nr,
			     .fail_at = -1 };
	struct extent_range range;
	struct extent_cursor cur;
	struct extent_chunk c;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char what[64];

		snprintf(what, sizeof(what), "extents, by %u bytes", sizes[i]);
		walk(&list.src, extents, nr, sizes[i], what);
		for (unsigned long e = 0; e < nr; e++) {
			extent_range_init(&range, &extents[e]);
			walk(&range.src, &extents[e], 1, sizes[i], "a range");
		}
	}
	list.nr = 0;
	walk(&list.src, extents, 0, 4096, "no extent");

	list.nr = nr;
	list.fail_at = 2;
	extent_cursor_init(&cur, &list.src);
	while (cur.done < extents[0].bytes)
		if (extent_next(&cur, 4096, &c) != 1)
			check(0, "what comes before an error");
	check(extent_next(&cur, 4096, &c) == -1, "an error of the source is one of the reader");
	return 0;
}
