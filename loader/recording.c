// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "output.h"
#include "recording.h"

#define MAX_BLOCK	4096
#define MAX_BLOCKS	65536	/* of a command */
#define INDEX_CHUNK	256	/* units to read at a time */

/*
 * Superblock
 */

/* A recorder writes past the page cache, so a node is read past it, too */
static int open_node(const char *name)
{
	struct stat st;

	if (stat(name, &st))
		return -1;
	if (S_ISBLK(st.st_mode))
		return open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (S_ISREG(st.st_mode))
		return open(name, O_RDONLY | O_CLOEXEC);
	/* a generic node of a namespace, say */
	errno = ENOTBLK;
	return -1;
}

static int read_all(int fd, void *data, size_t len, unsigned long long off)
{
	char *p = data;
	ssize_t ret;

	if (off > INT64_MAX - len)
		return -EIO;
	for (; len; len -= ret, p += ret, off += ret) {
		ret = pread(fd, p, len, off);
		if (!ret)
			return -ENXIO;	/* it ends there */
		if (ret < 0 && errno == EINTR)
			ret = 0;
		else if (ret < 0)
			return -EIO;
	}
	return 0;
}

/* Numbers of blocks that can be summed up, and counted in bytes */
#define SANE_BLOCKS	(1ULL << 50)

/* Does [start, start + blocks) begin behind @min? */
static bool sane_area(unsigned long long start, unsigned long long blocks,
		      unsigned long long min)
{
	return start >= min && blocks && start < SANE_BLOCKS &&
	       blocks < SANE_BLOCKS;
}

static bool sane(const struct recording_super *s)
{
	unsigned int unit;

	if (s->block_size < 512 || s->block_size > MAX_BLOCK ||
	    s->block_size & (s->block_size - 1))
		return false;
	unit = SLUICE_FORMAT_UNIT / s->block_size;
	return s->nr_devs && s->nr_devs <= SLUICE_FORMAT_DEVS &&
	       s->dev < s->nr_devs && s->layout <= SLUICE_LAYOUT_MIRROR &&
	       sane_area(s->index_start, s->index_blocks, s->start + unit) &&
	       s->index_blocks >= unit &&
	       sane_area(s->data_start, s->data_blocks,
			 s->index_start + s->index_blocks);
}

static bool decode_super(const struct sluice_superblock *raw, struct recording_super *s)
{
	if (memcmp(raw->magic, SLUICE_FORMAT_MAGIC, sizeof(raw->magic)) ||
	    le32toh(raw->crc) != crc32c(0, raw, offsetof(struct sluice_superblock, crc)) ||
	    le32toh(raw->version) != SLUICE_FORMAT_VERSION)
		return false;
	memcpy(s->uuid, raw->uuid, sizeof(s->uuid));
	s->flags = le32toh(raw->flags);
	s->dev = le32toh(raw->dev);
	s->nr_devs = le32toh(raw->nr_devs);
	s->layout = le32toh(raw->layout);
	s->block_size = le32toh(raw->block_size);
	s->start = le64toh(raw->start);
	s->index_start = le64toh(raw->index_start);
	s->index_blocks = le64toh(raw->index_blocks);
	s->data_start = le64toh(raw->data_start);
	s->data_blocks = le64toh(raw->data_blocks);
	s->time_ns = le64toh(raw->time_ns);
	return sane(s);
}

/* The size of a block is in the superblock, and where that is depends on it */
static int read_super(int fd, unsigned long long lba, struct recording_super *s)
{
	unsigned int min = 512, size;
	int found = 0;
	void *unit;

	/* O_DIRECT reads whole blocks */
	if (!ioctl(fd, BLKSSZGET, &size))
		min = size;
	if (posix_memalign(&unit, MAX_BLOCK, SLUICE_FORMAT_UNIT))
		return -1;
	for (size = min; size <= MAX_BLOCK && !found; size *= 2)
		found = lba < SANE_BLOCKS &&
			!read_all(fd, unit, SLUICE_FORMAT_UNIT, lba * size) &&
			decode_super(unit, s) && s->block_size == size &&
			s->start == lba;
	free(unit);
	return found;
}

int recording_probe(const char *name, unsigned long long lba,
		    struct recording_super *super)
{
	int fd = open_node(name), ret;

	if (fd < 0)
		return -1;
	ret = read_super(fd, lba, super);
	close(fd);
	return ret;
}

const char *recording_uuid(const unsigned char *u)
{
	static char text[40];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
		 u[11], u[12], u[13], u[14], u[15]);
	return text;
}

static int add_dev(struct recording *rec, const char *name, unsigned long long lba)
{
	struct recording_super s;
	struct recording_dev *dev;
	int fd = open_node(name), ret;

	if (fd < 0)
		return error("%s: %s; give the block node of the namespace, or an image of it",
			     name, strerror(errno));
	ret = read_super(fd, lba, &s);
	if (ret <= 0) {
		close(fd);
		return error("%s has no recording at block %llu; --lba gives its first block",
			     name, lba);
	}
	dev = &rec->devs[s.dev];
	if (rec->super.nr_devs && memcmp(rec->super.uuid, s.uuid, sizeof(s.uuid)))
		ret = error("%s is of another recording; give those of one", name);
	else if (dev->fd >= 0)
		ret = error("%s and %s are the same device of the recording; give one of them",
			    dev->name, name);
	if (ret < 0) {
		close(fd);
		return -1;
	}
	rec->super = s;
	dev->super = s;
	dev->fd = fd;
	dev->name = strdup(name);
	return 0;
}

bool recording_is_mirror(const struct recording *rec)
{
	return rec->super.layout == SLUICE_LAYOUT_MIRROR;
}

static int add_devs(struct recording *rec, const char *names, unsigned long long lba)
{
	char *copy = strdup(names), *name, *save = NULL;
	int ret = copy ? 0 : -1;

	for (name = strtok_r(copy, ",", &save); name && !ret;
	     name = strtok_r(NULL, ",", &save))
		ret = add_dev(rec, name, lba);
	free(copy);
	if (!ret && !rec->super.nr_devs)
		return error("--nvme '%s' names no namespace", names);
	for (unsigned int i = 0; i < rec->super.nr_devs && !ret; i++)
		if (rec->devs[i].fd < 0 && !recording_is_mirror(rec))
			ret = error("the recording is on %u devices, of which number %u is not given; give all of them, with commas",
				    rec->super.nr_devs, i + 1);
	return ret;
}

/*
 * Index
 */

static void *grow(void *array, unsigned long nr, size_t size)
{
	/* at 0 and at each power of two */
	if (nr & (nr - 1))
		return array;
	return realloc(array, (nr ? nr * 2 : 1) * size);
}

static struct recording_stream *get_stream(struct recording *rec, unsigned long long id)
{
	struct recording_stream *s;

	/* most entries are of a stream that is near the end of the list */
	for (unsigned long i = rec->nr_streams; i > 0 && rec->streams[i - 1].id >= id; i--)
		if (rec->streams[i - 1].id == id)
			return &rec->streams[i - 1];
	s = grow(rec->streams, rec->nr_streams, sizeof(*s));
	if (!s)
		return NULL;
	rec->streams = s;
	s += rec->nr_streams++;
	/* in order of the ids */
	for (; s > rec->streams && s[-1].id > id; s--)
		s[0] = s[-1];
	*s = (struct recording_stream) { .id = id };
	return s;
}

static int load_extent(struct recording *rec, const struct sluice_entry *raw)
{
	const struct sluice_entry_extent *x = &raw->extent;
	struct recording_extent *e, *list;

	list = grow(rec->extents, rec->nr_extents, sizeof(*e));
	if (!list)
		return -ENOMEM;
	rec->extents = list;
	e = &list[rec->nr_extents];
	*e = (struct recording_extent) {
		.stream = le64toh(raw->stream), .vblock = le64toh(x->vblock),
		.block = le64toh(x->block), .pos = le64toh(x->pos),
		.blocks = le32toh(x->blocks), .bytes = le32toh(x->bytes),
		.crc = le32toh(x->crc), .dev = le16toh(raw->dev),
	};
	/* the checksum is right, so this is a writer's mistake, or malice */
	if (e->dev >= rec->super.nr_devs || !e->blocks || e->blocks > MAX_BLOCKS ||
	    !e->bytes ||
	    (e->bytes + (unsigned long long)rec->super.block_size - 1) /
		    rec->super.block_size != e->blocks ||
	    e->pos >= SANE_BLOCKS || e->vblock >= SANE_BLOCKS)
		return 0;
	if (!get_stream(rec, e->stream))
		return -ENOMEM;
	rec->nr_extents++;
	return 0;
}

static int load_entry(struct recording *rec, const struct sluice_entry *raw)
{
	struct recording_stream *s;

	switch (le16toh(raw->kind)) {
	case SLUICE_ENTRY_EXTENT:
		return load_extent(rec, raw);
	case SLUICE_ENTRY_BEGIN:
		s = get_stream(rec, le64toh(raw->stream));
		if (!s)
			return -ENOMEM;
		s->begun = true;
		s->begin_ns = le64toh(raw->begin.time_ns);
		s->port = le16toh(raw->begin.port);
		memcpy(s->addr, raw->begin.addr, sizeof(s->addr));
		return 0;
	case SLUICE_ENTRY_END:
		s = get_stream(rec, le64toh(raw->stream));
		if (!s)
			return -ENOMEM;
		s->ended = true;
		s->end_ns = le64toh(raw->end.time_ns);
		s->total = le64toh(raw->end.bytes);
		s->error = le32toh(raw->end.error);
		return 0;
	}
	return 0;
}

static bool entry_valid(const struct recording *rec, const struct sluice_entry *raw)
{
	struct sluice_entry copy = *raw;
	uint32_t crc;

	if (!raw->kind)
		return false;
	copy.crc = 0;
	crc = crc32c(0, rec->super.uuid, sizeof(rec->super.uuid));
	return crc32c(crc, &copy, sizeof(copy)) == le32toh(raw->crc);
}

/* 1; 0: it is not of this recording; -ENOMEM */
static int load_unit(struct recording *rec, const struct sluice_index_block *raw)
{
	struct sluice_index_block copy;
	size_t header = offsetof(struct sluice_index_block, entries);
	int ret = 0;

	memcpy(&copy, raw, header);
	copy.crc = 0;
	if (le32toh(raw->magic) != SLUICE_INDEX_MAGIC ||
	    memcmp(raw->uuid, rec->super.uuid, sizeof(raw->uuid)) ||
	    crc32c(0, &copy, header) != le32toh(raw->crc))
		return 0;
	for (unsigned int i = 0; i < SLUICE_INDEX_ENTRIES && !ret; i++)
		if (entry_valid(rec, &raw->entries[i]))
			ret = load_entry(rec, &raw->entries[i]);
	return ret ?: 1;
}

/* @nr units from byte @off on: how many are of this recording, or -ENOMEM */
static int load_units(struct recording *rec, int fd, unsigned char *units,
		      unsigned int nr, unsigned long long off)
{
	int ret, valid = 0;
	bool all = !read_all(fd, units, (size_t)nr * SLUICE_FORMAT_UNIT, off);

	for (unsigned int i = 0; i < nr; i++, off += SLUICE_FORMAT_UNIT) {
		unsigned char *unit = units + (size_t)i * SLUICE_FORMAT_UNIT;

		/* what cannot be read, is lost; an image may end before */
		if (!all && read_all(fd, unit, SLUICE_FORMAT_UNIT, off))
			continue;
		ret = load_unit(rec, (struct sluice_index_block *)unit);
		if (ret < 0)
			return ret;
		valid += ret;
	}
	return valid;
}

/*
 * Units are begun in their order, so where there is none for a while there are no
 * more: the index of a large device need not be read to its end.
 */
static int load_index(struct recording *rec, const struct recording_dev *dev)
{
	const struct recording_super *s = &dev->super;
	unsigned long long off = s->index_start * s->block_size;
	unsigned long long left = s->index_blocks / (SLUICE_FORMAT_UNIT / s->block_size);
	unsigned int nr, empty = 0;
	int ret = 0;
	void *units;

	if (posix_memalign(&units, MAX_BLOCK, INDEX_CHUNK * SLUICE_FORMAT_UNIT))
		return -ENOMEM;
	for (; left && empty < 2 && ret >= 0; left -= nr) {
		nr = left < INDEX_CHUNK ? left : INDEX_CHUNK;
		ret = load_units(rec, dev->fd, units, nr, off);
		empty = ret ? 0 : empty + 1;
		off += (unsigned long long)nr * SLUICE_FORMAT_UNIT;
	}
	free(units);
	return ret < 0 ? ret : 0;
}

/* Each device of a mirror has all of the index; one may have less of it */
static int load_indexes(struct recording *rec)
{
	int ret = 0;

	for (unsigned int i = 0; i < rec->super.nr_devs && !ret; i++)
		if (rec->devs[i].fd >= 0 && (!i || recording_is_mirror(rec)))
			ret = load_index(rec, &rec->devs[i]);
	return ret ? error("reading the index: %s", strerror(-ret)) : 0;
}

/*
 * What is still there
 */

static int by_place(const void *a, const void *b)
{
	const struct recording_extent *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	if (x->vblock != y->vblock)
		return x->vblock < y->vblock ? -1 : 1;
	return x->pos < y->pos ? 1 : x->pos > y->pos ? -1 : 0;
}

static void find_heads(struct recording *rec)
{
	for (unsigned long i = 0; i < rec->nr_extents; i++) {
		const struct recording_extent *e = &rec->extents[i];
		unsigned long long *head = &rec->devs[e->dev].head;

		if (e->pos + e->blocks > *head)
			*head = e->pos + e->blocks;
	}
}

/* Of a mirror, any of them will do */
static const struct recording_super *dev_super(const struct recording *rec,
					       unsigned int dev)
{
	return rec->devs[dev].fd >= 0 ? &rec->devs[dev].super : &rec->super;
}

/* Where it should be, and not overwritten by what came later? */
static bool extent_valid(const struct recording *rec, const struct recording_extent *e)
{
	const struct recording_super *s = dev_super(rec, e->dev);
	unsigned long long head = rec->devs[e->dev].head;
	unsigned long long off = e->pos % s->data_blocks;

	if (e->block != s->data_start + off || off + e->blocks > s->data_blocks)
		return false;
	return head <= s->data_blocks || e->pos >= head - s->data_blocks;
}

/* The bytes of all its extents: @e ends there, where that is behind the others */
static void note_end(struct recording *rec, struct recording_stream *s,
		     const struct recording_extent *e)
{
	unsigned long long end = e->vblock * rec->super.block_size + e->bytes;

	if (!s->ended && end > s->total)
		s->total = end;
}

static void keep_valid(struct recording *rec)
{
	struct recording_stream *s = rec->streams;
	unsigned long kept = 0;
	unsigned long long next = 0;	/* vblock behind what has been kept */

	for (unsigned long i = 0; i < rec->nr_extents; i++) {
		struct recording_extent *e = &rec->extents[i];

		for (; s->id != e->stream; s++)
			next = 0;
		note_end(rec, s, e);
		if (!s->nr_extents)
			next = 0;
		/* the same from another device of the mirror */
		if (e->vblock < next || !extent_valid(rec, e))
			continue;
		if (!s->nr_extents)
			s->first = kept;
		next = e->vblock + e->blocks;
		s->nr_extents++;
		s->readable += e->bytes;
		rec->extents[kept++] = *e;
	}
	rec->nr_extents = kept;
}

static bool is_open(const struct recording *rec, const struct recording_stream *s)
{
	return !s->ended && !(rec->super.flags & SLUICE_FORMAT_ROTATE);
}

/* What is readable of a stream without an end goes as far as there is no hole */
static void find_behind(const struct recording *rec, struct recording_stream *s)
{
	const struct recording_extent *e;
	unsigned long long done = 0;
	unsigned long nr;

	for (nr = 0; (e = recording_extent(rec, s, nr)); nr++) {
		if (e->vblock * rec->super.block_size != done)
			break;
		done += e->bytes;
	}
	s->nr_behind = s->nr_extents - nr;
	s->nr_extents = nr;
	s->readable = done;
}

int recording_open(struct recording *rec, const char *names, unsigned long long lba)
{
	memset(rec, 0, sizeof(*rec));
	for (unsigned int i = 0; i < SLUICE_FORMAT_DEVS; i++)
		rec->devs[i].fd = -1;
	if (add_devs(rec, names, lba) || load_indexes(rec)) {
		recording_close(rec);
		return -1;
	}
	if (rec->nr_extents)
		qsort(rec->extents, rec->nr_extents, sizeof(*rec->extents), by_place);
	find_heads(rec);
	keep_valid(rec);
	for (unsigned long i = 0; i < rec->nr_streams; i++)
		if (is_open(rec, &rec->streams[i]))
			find_behind(rec, &rec->streams[i]);
	return 0;
}

void recording_close(struct recording *rec)
{
	for (unsigned int i = 0; i < SLUICE_FORMAT_DEVS; i++) {
		if (rec->devs[i].fd >= 0)
			close(rec->devs[i].fd);
		free((char *)rec->devs[i].name);
	}
	free(rec->streams);
	free(rec->extents);
	memset(rec, 0, sizeof(*rec));
}

const struct recording_stream *recording_find(const struct recording *rec,
					      unsigned long long id)
{
	for (unsigned long i = 0; i < rec->nr_streams; i++)
		if (rec->streams[i].id == id)
			return &rec->streams[i];
	return NULL;
}

bool recording_lost(const struct recording *rec, const struct recording_stream *s)
{
	return s->readable != s->total && !is_open(rec, s);
}

const char *recording_state(const struct recording *rec,
			    const struct recording_stream *s)
{
	if (recording_lost(rec, s))
		return rec->super.flags & SLUICE_FORMAT_ROTATE ? "overwritten" : "damaged";
	if (!s->ended)
		return "open";
	return s->error ? "cut off" : "complete";
}

const char *recording_cause(const struct recording_stream *s)
{
	return s->error == EINTR ? "the recorder was stopped before it ended" :
				   strerror(s->error);
}

const char *recording_result(const struct recording_stream *s)
{
	if (!s->ended)
		return "unknown";
	if (s->error == EINTR)
		return "stopped";
	return s->error ? strerror(s->error) : "ok";
}

const struct recording_extent *
recording_extent(const struct recording *rec, const struct recording_stream *stream,
		 unsigned long nr)
{
	return nr < stream->nr_extents ? &rec->extents[stream->first + nr] : NULL;
}

static int read_from(const struct recording *rec, const struct recording_extent *e,
		     unsigned int dev, void *data)
{
	unsigned int block_size = rec->super.block_size;
	int fd = rec->devs[dev].fd, ret;

	if (fd < 0)
		return -ENODEV;
	ret = read_all(fd, data, (size_t)e->blocks * block_size, e->block * block_size);
	if (ret)
		return ret;
	return crc32c(0, data, e->bytes) == e->crc ? 0 : -EBADMSG;
}

int recording_read(const struct recording *rec, const struct recording_extent *e,
		   void *data)
{
	int ret = -ENODEV, now;

	if (!recording_is_mirror(rec))
		return read_from(rec, e, e->dev, data);
	for (unsigned int dev = 0; dev < rec->super.nr_devs; dev++) {
		now = read_from(rec, e, dev, data);
		if (!now)
			return 0;
		if (now != -ENODEV)
			ret = now;
	}
	return ret;
}
