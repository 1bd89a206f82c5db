// SPDX-License-Identifier: GPL-2.0
/*
 * recording.c: the reader of recordings, on images that are made here: whole ones,
 * damaged ones, and ones whose checksums are right and whose contents are not.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc32c.h"
#include "recording.h"

#define BLOCK		512u
#define PER_UNIT	(SLUICE_FORMAT_UNIT / BLOCK)
#define INDEX_UNITS	2u
#define INDEX_START	PER_UNIT
#define DATA_START	(INDEX_START + INDEX_UNITS * PER_UNIT)
#define DATA_BLOCKS	64u
#define IMAGE		((DATA_START + DATA_BLOCKS) * BLOCK)

static unsigned int failures, checks;

#define CHECK(cond) do {							\
	checks++;							\
	if (!(cond)) {							\
		printf("not ok - %s:%d: %s\n", __func__, __LINE__, #cond);	\
		failures++;						\
	}								\
} while (0)

/* An image, and where its next entry goes */
struct image {
	_Alignas(8) unsigned char bytes[IMAGE];
	unsigned int	entries;
	char		path[64];
};

static struct image images[2];

static struct sluice_superblock *super(struct image *im)
{
	return (struct sluice_superblock *)im->bytes;
}

static struct sluice_index_block *unit(struct image *im, unsigned int nr)
{
	return (struct sluice_index_block *)(im->bytes + (INDEX_START + nr * PER_UNIT) * BLOCK);
}

static struct sluice_entry *entry(struct image *im, unsigned int nr)
{
	return &unit(im, nr / SLUICE_INDEX_ENTRIES)->entries[nr % SLUICE_INDEX_ENTRIES];
}

static void seal_super(struct image *im)
{
	super(im)->crc = htole32(crc32c(0, im->bytes, 508));
}

static void seal_unit(struct image *im, unsigned int nr)
{
	unit(im, nr)->crc = 0;
	unit(im, nr)->crc = htole32(crc32c(0, unit(im, nr), 64));
}

static void seal_entry(struct image *im, struct sluice_entry *e)
{
	e->crc = 0;
	e->crc = htole32(crc32c(crc32c(0, super(im)->uuid, 16), e, sizeof(*e)));
}

static void make(struct image *im, unsigned int dev, unsigned int nr_devs,
		 unsigned int layout, unsigned int flags)
{
	struct sluice_superblock *s = super(im);

	memset(im->bytes, 0, sizeof(im->bytes));
	im->entries = 0;
	memcpy(s->magic, SLUICE_FORMAT_MAGIC, 8);
	memset(s->uuid, 0x42, 16);
	s->version = htole32(SLUICE_FORMAT_VERSION);
	s->flags = htole32(flags);
	s->dev = htole32(dev);
	s->nr_devs = htole32(nr_devs);
	s->layout = htole32(layout);
	s->block_size = htole32(BLOCK);
	s->index_start = htole64(INDEX_START);
	s->index_blocks = htole64(INDEX_UNITS * PER_UNIT);
	s->data_start = htole64(DATA_START);
	s->data_blocks = htole64(DATA_BLOCKS);
	s->time_ns = htole64(1000000000);
	seal_super(im);
	for (unsigned int i = 0; i < INDEX_UNITS; i++) {
		unit(im, i)->magic = htole32(SLUICE_INDEX_MAGIC);
		unit(im, i)->seq = htole64(i);
		memset(unit(im, i)->uuid, 0x42, 16);
		seal_unit(im, i);
	}
}

static struct sluice_entry *add(struct image *im, unsigned int kind, unsigned int stream)
{
	struct sluice_entry *e = entry(im, im->entries++);

	memset(e, 0, sizeof(*e));
	e->kind = htole16(kind);
	e->stream = htole64(stream);
	return e;
}

static void begin(struct image *im, unsigned int stream)
{
	struct sluice_entry *e = add(im, SLUICE_ENTRY_BEGIN, stream);

	e->begin.time_ns = htole64(2000000000);
	e->begin.addr[10] = e->begin.addr[11] = 0xff;
	e->begin.addr[12] = 192;
	e->begin.port = htole16(8000);
	seal_entry(im, e);
}

static void end(struct image *im, unsigned int stream, unsigned int bytes, int err)
{
	struct sluice_entry *e = add(im, SLUICE_ENTRY_END, stream);

	e->end.time_ns = htole64(3000000000);
	e->end.bytes = htole64(bytes);
	e->end.error = htole32(err);
	seal_entry(im, e);
}

/* Byte @i of a stream */
static unsigned char payload(unsigned int stream, unsigned int i)
{
	return stream * 31 + i * 7 + i / 251;
}

static struct sluice_entry *extent(struct image *im, unsigned int dev,
				   unsigned int stream, unsigned int vblock,
				   unsigned int pos, unsigned int bytes)
{
	struct sluice_entry *e = add(im, SLUICE_ENTRY_EXTENT, stream);
	unsigned int blocks = (bytes + BLOCK - 1) / BLOCK;
	unsigned char *p = im->bytes + (DATA_START + pos % DATA_BLOCKS) * BLOCK;

	memset(p, 0, blocks * BLOCK);
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = payload(stream, vblock * BLOCK + i);
	e->dev = htole16(dev);
	e->extent.vblock = htole64(vblock);
	e->extent.block = htole64(DATA_START + pos % DATA_BLOCKS);
	e->extent.pos = htole64(pos);
	e->extent.blocks = htole32(blocks);
	e->extent.bytes = htole32(bytes);
	e->extent.crc = htole32(crc32c(0, p, bytes));
	seal_entry(im, e);
	return e;
}

static void save(struct image *im, size_t len)
{
	int fd = open(im->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, im->bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static int load(struct recording *rec)
{
	save(&images[0], IMAGE);
	return recording_open(rec, images[0].path, 0);
}

/* Bytes of @id that come out right, or -errno */
static long read_stream(const struct recording *rec, unsigned int id)
{
	const struct recording_stream *s = recording_find(rec, id);
	const struct recording_extent *e;
	static unsigned char data[DATA_BLOCKS * BLOCK];
	unsigned long nr;
	long done = 0;
	int ret;

	if (!s)
		return -ENOENT;
	for (nr = 0; (e = recording_extent(rec, s, nr)); nr++) {
		ret = recording_read(rec, e, data);
		if (ret)
			return ret;
		for (unsigned int i = 0; i < e->bytes; i++)
			if (data[i] != payload(id, e->vblock * BLOCK + i))
				return -EILSEQ;
		done += e->bytes;
	}
	return done;
}

static bool is_state(const struct recording *rec, unsigned int id, const char *state)
{
	const struct recording_stream *s = recording_find(rec, id);

	return s && !strcmp(recording_state(rec, s), state);
}

/* Stream 1 is complete, 2 cut off, 3 open */
static void make_usual(struct image *im)
{
	make(im, 0, 1, SLUICE_LAYOUT_STRIPE, 0);
	begin(im, 1);
	extent(im, 0, 1, 2, 4, 700);
	begin(im, 2);
	extent(im, 0, 1, 0, 0, 1024);
	extent(im, 0, 2, 0, 2, 1024);
	end(im, 2, 1024, ECONNRESET);
	begin(im, 3);
	extent(im, 0, 3, 0, 6, 512);
	end(im, 1, 1724, 0);
}

/* The first of three extents is there or not, and there is an end or not */
static void test_holes(void)
{
	const struct recording_stream *s;
	struct recording rec;

	for (unsigned int nr = 0; nr < 8; nr++) {
		bool whole = nr & 1, ends = nr & 2, rotate = nr & 4;

		make(&images[0], 0, 1, SLUICE_LAYOUT_STRIPE,
		     rotate ? SLUICE_FORMAT_ROTATE : 0);
		extent(&images[0], 0, 1, 2, 2, BLOCK);
		extent(&images[0], 0, 1, 0, 0, BLOCK);
		if (whole)
			extent(&images[0], 0, 1, 1, 1, BLOCK);
		if (ends)
			end(&images[0], 1, 3 * BLOCK, 0);
		CHECK(!load(&rec));
		s = recording_find(&rec, 1);
		CHECK(s && s->total == 3 * BLOCK && (long)s->readable == read_stream(&rec, 1));
		if (whole)
			CHECK(is_state(&rec, 1, ends ? "complete" : "open") &&
			      s->readable == 3 * BLOCK && !s->nr_behind);
		else if (rotate || ends)
			CHECK(is_state(&rec, 1, rotate ? "overwritten" : "damaged") &&
			      s->readable == 2 * BLOCK && !s->nr_behind);
		else
			CHECK(is_state(&rec, 1, "open") && s->readable == BLOCK &&
			      s->nr_behind == 1);
		recording_close(&rec);
	}
}

static void test_usual(void)
{
	struct recording rec;

	make_usual(&images[0]);
	CHECK(!load(&rec));
	CHECK(rec.nr_streams == 3);
	CHECK(is_state(&rec, 1, "complete") && read_stream(&rec, 1) == 1724);
	CHECK(is_state(&rec, 2, "cut off") && read_stream(&rec, 2) == 1024);
	CHECK(is_state(&rec, 3, "open") && read_stream(&rec, 3) == 512);
	CHECK(recording_find(&rec, 1)->port == 8000);
	CHECK(!recording_find(&rec, 4));
	recording_close(&rec);
	/* it begins at block 0 and nowhere else */
	CHECK(recording_open(&rec, images[0].path, 1));
}

/* A superblock that is wrong is none, whatever its checksum says */
static void test_super(void)
{
	static const struct {
		size_t		off;
		unsigned int	size;
		uint64_t	value;
	} wrong[] = {
		{ 0, 1, 'x' }, { 8, 4, 2 }, { 32, 4, 1 }, { 36, 4, 0 }, { 36, 4, 17 },
		{ 40, 4, 2 }, { 44, 4, 0 }, { 44, 4, 1000 },
		{ 44, 4, 1u << 31 }, { 48, 8, 8 }, { 56, 8, 0 }, { 56, 8, UINT64_MAX },
		{ 64, 8, 0 }, { 64, 8, UINT64_MAX }, { 72, 8, 0 },
		{ 72, 8, DATA_START - 1 }, { 80, 8, 0 }, { 80, 8, UINT64_MAX },
	};
	struct recording rec;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_usual(&images[0]);
		for (unsigned int k = 0; k < wrong[i].size; k++)
			images[0].bytes[wrong[i].off + k] = wrong[i].value >> 8 * k;
		seal_super(&images[0]);
		CHECK(load(&rec));
	}
	make_usual(&images[0]);
	images[0].bytes[200] ^= 1;
	CHECK(load(&rec));
}

/* What an entry says that is damaged, or of another recording, is not there */
static void test_entries(void)
{
	struct recording rec;

	for (unsigned int nr = 0; nr < 9; nr++) {
		make_usual(&images[0]);
		((unsigned char *)entry(&images[0], nr))[nr * 7] ^= 0x10;
		CHECK(!load(&rec));
		/* begins are for information */
		if (nr == 1 || nr == 3)
			CHECK(is_state(&rec, 1, "damaged") && read_stream(&rec, 1) < 1724);
		if (nr == 8)
			CHECK(is_state(&rec, 1, "open") && read_stream(&rec, 1) == 1724);
		recording_close(&rec);
	}
	make_usual(&images[0]);
	memset(super(&images[0])->uuid, 0x43, 16);
	seal_super(&images[0]);
	CHECK(!load(&rec) && !rec.nr_streams);
	recording_close(&rec);
	/* headers of this recording, entries of the one before */
	for (unsigned int i = 0; i < INDEX_UNITS; i++) {
		memset(unit(&images[0], i)->uuid, 0x43, 16);
		seal_unit(&images[0], i);
	}
	CHECK(!load(&rec) && !rec.nr_streams);
	recording_close(&rec);
	make_usual(&images[0]);
	unit(&images[0], 0)->seq ^= 1;
	CHECK(!load(&rec) && !rec.nr_streams);
	recording_close(&rec);
}

/* Extents that cannot be */
static void test_extents(void)
{
	struct image *im = &images[0];
	struct sluice_entry *e;
	struct recording rec;

	for (int what = 0; what < 8; what++) {
		make(im, 0, 1, SLUICE_LAYOUT_STRIPE, 0);
		e = extent(im, 0, 1, 0, 0, 1000);
		switch (what) {
		case 0: e->extent.block = htole64(0); break;
		case 1: e->extent.block = htole64(DATA_START + 1); break;
		case 2: e->extent.pos = htole64(DATA_BLOCKS - 1);
			e->extent.block = htole64(DATA_START + DATA_BLOCKS - 1); break;
		case 3: e->extent.blocks = htole32(1); break;
		case 4: e->extent.bytes = 0; break;
		case 5: e->dev = htole16(1); break;
		case 6: e->extent.vblock = htole64(UINT64_MAX); break;
		case 7: e->extent.pos = htole64(UINT64_MAX - 63); break;
		}
		seal_entry(im, e);
		CHECK(!load(&rec));
		CHECK(!rec.nr_extents);
		recording_close(&rec);
	}
	/* the same twice is once */
	make(im, 0, 1, SLUICE_LAYOUT_STRIPE, 0);
	extent(im, 0, 1, 0, 0, 1000);
	extent(im, 0, 1, 0, 0, 1000);
	end(im, 1, 1000, 0);
	CHECK(!load(&rec));
	CHECK(is_state(&rec, 1, "complete") && read_stream(&rec, 1) == 1000);
	recording_close(&rec);
	/* data that is not what it was */
	im->bytes[DATA_START * BLOCK + 999] ^= 1;
	CHECK(!load(&rec));
	CHECK(read_stream(&rec, 1) == -EBADMSG);
	recording_close(&rec);
}

/* The data area has come round, by entries in any order */
static void test_rotate(void)
{
	struct image *im = &images[0];
	struct recording rec;

	make(im, 0, 1, SLUICE_LAYOUT_STRIPE, SLUICE_FORMAT_ROTATE);
	extent(im, 0, 1, 0, 0, 8 * BLOCK);
	extent(im, 0, 1, 8, 8, 8 * BLOCK);
	end(im, 1, 16 * BLOCK, 0);
	extent(im, 0, 2, 8, DATA_BLOCKS, 8 * BLOCK);
	extent(im, 0, 2, 0, 16, 8 * BLOCK);
	end(im, 2, 16 * BLOCK, 0);
	CHECK(!load(&rec));
	CHECK(is_state(&rec, 1, "overwritten") && is_state(&rec, 2, "complete"));
	CHECK(recording_find(&rec, 1)->readable == 8 * BLOCK);
	CHECK(read_stream(&rec, 1) == 8 * BLOCK && read_stream(&rec, 2) == 16 * BLOCK);
	recording_close(&rec);
	/* written, but its entry is not: only the checksum tells */
	memset(im->bytes + (DATA_START + 8) * BLOCK, 0xee, 8 * BLOCK);
	CHECK(!load(&rec));
	CHECK(read_stream(&rec, 1) == -EBADMSG && read_stream(&rec, 2) == 16 * BLOCK);
	recording_close(&rec);
}

static void test_devices(void)
{
	struct image *a = &images[0], *b = &images[1];
	struct recording rec;
	char both[160];

	snprintf(both, sizeof(both), "%s,%s", b->path, a->path);
	make(a, 0, 2, SLUICE_LAYOUT_STRIPE, 0);
	make(b, 1, 2, SLUICE_LAYOUT_STRIPE, 0);
	extent(a, 0, 1, 0, 0, 1024);
	*entry(a, a->entries++) = *extent(b, 1, 1, 2, 0, 1024);
	end(a, 1, 2048, 0);
	save(a, IMAGE);
	save(b, IMAGE);
	CHECK(!recording_open(&rec, both, 0));
	CHECK(is_state(&rec, 1, "complete") && read_stream(&rec, 1) == 2048);
	recording_close(&rec);
	CHECK(recording_open(&rec, a->path, 0));
	CHECK(recording_open(&rec, b->path, 0));
	snprintf(both, sizeof(both), "%s,%s", a->path, a->path);
	CHECK(recording_open(&rec, both, 0));

	/* a mirror of which one has lost data, and the other its index */
	make(a, 0, 2, SLUICE_LAYOUT_MIRROR, 0);
	make(b, 1, 2, SLUICE_LAYOUT_MIRROR, 0);
	extent(a, 0, 1, 0, 0, 1024);
	end(a, 1, 1024, 0);
	extent(b, 0, 1, 0, 0, 1024);
	memset(unit(b, 0), 0, SLUICE_FORMAT_UNIT);
	memset(a->bytes + DATA_START * BLOCK, 0, 512);
	save(a, IMAGE);
	save(b, IMAGE);
	snprintf(both, sizeof(both), "%s,%s", a->path, b->path);
	CHECK(!recording_open(&rec, both, 0));
	CHECK(is_state(&rec, 1, "complete") && read_stream(&rec, 1) == 1024);
	recording_close(&rec);
	CHECK(!recording_open(&rec, a->path, 0));
	CHECK(read_stream(&rec, 1) == -EBADMSG);
	recording_close(&rec);
	/* of two recordings */
	memset(super(b)->uuid, 0x44, 16);
	seal_super(b);
	save(b, IMAGE);
	CHECK(recording_open(&rec, both, 0));
}

/* Whatever is in an image: no crash, and nothing that is not the payload */
static void test_fuzz(void)
{
	struct image *im = &images[0];
	struct recording rec;

	srandom(1);
	for (int round = 0; round < 3000; round++) {
		make_usual(im);
		for (int n = random() % 6; n >= 0; n--) {
			size_t off = random() % 3 ? (size_t)random() % (9 * 64) : 0;
			size_t at = off ? INDEX_START * BLOCK + 64 + off :
					  (size_t)random() % 96 + 8;

			im->bytes[at] = random() % 4 ? random() : 0xff;
		}
		seal_super(im);
		for (unsigned int i = 0; i < 9; i++)
			if (random() % 2)
				seal_entry(im, entry(im, i));
		if (load(&rec))
			continue;
		for (unsigned long i = 0; i < rec.nr_streams; i++) {
			recording_state(&rec, &rec.streams[i]);
			if (rec.super.block_size == BLOCK)
				read_stream(&rec, rec.streams[i].id);
		}
		recording_close(&rec);
	}
	/* cut anywhere */
	make_usual(im);
	for (size_t len = 0; len < IMAGE; len += 509) {
		save(im, len);
		if (recording_open(&rec, im->path, 0))
			continue;
		read_stream(&rec, 1);
		recording_close(&rec);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(images[0].path, sizeof(images[0].path), "%s/a.img", argv[1]);
	snprintf(images[1].path, sizeof(images[1].path), "%s/b.img", argv[1]);
	CHECK(crc32c(0, "123456789", 9) == 0xe3069283);
	test_usual();
	test_holes();
	test_super();
	test_entries();
	test_extents();
	test_rotate();
	test_devices();
	test_fuzz();
	printf("%u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
