// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "index.h"

#define NO_BUF	UINT8_MAX

/*
 * A unit is written when it is full, and before that now and then.  A later
 * write has all that an earlier one had, at the same place, so one that was torn
 * does no harm: each entry has its own checksum.
 */
struct index_unit {
	struct index_unit		*next;
	unsigned int			writes;		/* in flight */
	unsigned char			buf;		/* or NO_BUF */
	bool				dirty;
	struct sluice_index_block	block;
};

void index_init(struct index *index, const struct index_params *params,
		struct region *region, unsigned long long user_data)
{
	memset(index, 0, sizeof(*index));
	index->params = *params;
	index->region = region;
	index->user_data = user_data;
	index->free_bufs = (1u << INDEX_BUFS) - 1;
	index->data_off = region->map.data_size -
			  (unsigned long long)INDEX_BUFS * region->map.buf_size;
}

void index_free(struct index *index)
{
	struct index_unit *unit;

	while ((unit = index->units)) {
		index->units = unit->next;
		free(unit);
	}
	index->open = NULL;
}

static struct index_unit **last(struct index *index)
{
	struct index_unit **p = &index->units;

	while (*p)
		p = &(*p)->next;
	return p;
}

static int open_unit(struct index *index)
{
	struct index_unit *unit;

	if (!index->params.rotate && index->next_seq == index->params.units)
		return -ENOSPC;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	unit->buf = NO_BUF;
	unit->block.magic = htole32(SLUICE_INDEX_MAGIC);
	unit->block.seq = htole64(index->next_seq++);
	memcpy(unit->block.uuid, index->params.uuid, sizeof(unit->block.uuid));
	unit->block.crc = htole32(crc32c(0, &unit->block,
					 offsetof(struct sluice_index_block, entries)));
	*last(index) = unit;
	index->open = unit;
	index->used = 0;
	return 0;
}

static void submit_write(struct index *index, unsigned int dev,
			 unsigned long long block, unsigned int buf)
{
	struct io_uring_sqe *sqe = region_get_sqe(index->region);
	unsigned long long off = index->data_off +
				 (unsigned long long)buf * index->region->map.buf_size;

	sluice_prep_unified(sqe, IORING_UNIFIED_OP_NVME, -1, off,
			    SLUICE_FORMAT_UNIT, block,
			    IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH);
	sqe->buf_index = dev;
	io_uring_sqe_set_data64(sqe, index->user_data | buf);
}

static void *buf_addr(struct index *index, unsigned int buf)
{
	return sluice_offset_addr(&index->region->map, index->data_off +
				  (unsigned long long)buf * index->region->map.buf_size);
}

/* What is on its way must not change: one that is, is written again later */
static void write_unit(struct index *index, struct index_unit *unit)
{
	unsigned long long slot = le64toh(unit->block.seq) % index->params.units;
	unsigned int blocks = SLUICE_FORMAT_UNIT / index->params.block_size;

	if (unit->writes || !unit->dirty)
		return;
	if (unit->buf == NO_BUF) {
		if (!index->free_bufs)
			return;
		unit->buf = __builtin_ctz(index->free_bufs);
		index->free_bufs &= index->free_bufs - 1;
	}
	unit->dirty = false;
	memcpy(buf_addr(index, unit->buf), &unit->block, sizeof(unit->block));
	for (unsigned int dev = 0; dev < index->params.nr_devs; dev++) {
		unit->writes++;
		submit_write(index, dev, index->params.start + slot * blocks, unit->buf);
	}
}

static void seal(struct index *index, struct sluice_entry *entry)
{
	uint32_t crc;

	entry->crc = 0;
	crc = crc32c(0, index->params.uuid, sizeof(index->params.uuid));
	entry->crc = htole32(crc32c(crc, entry, sizeof(*entry)));
}

int index_add(struct index *index, struct sluice_entry *entry)
{
	int ret = index->open ? 0 : open_unit(index);
	struct index_unit *unit = index->open;

	if (ret)
		return ret;
	seal(index, entry);
	unit->block.entries[index->used++] = *entry;
	unit->dirty = true;
	if (index->used < SLUICE_INDEX_ENTRIES)
		return 0;
	index->open = NULL;
	write_unit(index, unit);
	return 0;
}

void index_flush(struct index *index)
{
	for (struct index_unit *unit = index->units; unit; unit = unit->next)
		write_unit(index, unit);
}

static struct index_unit **find(struct index *index, unsigned int buf)
{
	struct index_unit **p = &index->units;

	while (*p && (*p)->buf != buf)
		p = &(*p)->next;
	return p;
}

static void forget(struct index *index, struct index_unit **p)
{
	struct index_unit *unit = *p;

	index->free_bufs |= 1u << unit->buf;
	*p = unit->next;
	free(unit);
}

void index_complete(struct index *index, const struct io_uring_cqe *cqe)
{
	struct index_unit **p = find(index, (unsigned int)cqe->user_data), *unit = *p;

	if (!unit)
		return;
	unit->writes--;
	/* the region had no command to spare: again, once it has */
	if (cqe->res == -ENOBUFS || cqe->res == -EAGAIN)
		unit->dirty = true;
	else if (cqe->res < 0 && !index->error)
		index->error = cqe->res;
	if (!unit->writes && !unit->dirty && unit != index->open)
		forget(index, p);
	/* those that are full wait for nothing but this */
	for (unit = index->units; unit; unit = unit->next)
		if (unit != index->open)
			write_unit(index, unit);
}

bool index_idle(const struct index *index)
{
	for (const struct index_unit *unit = index->units; unit; unit = unit->next)
		if (unit->writes || unit->dirty)
			return false;
	return true;
}

int index_write_unit(struct index *index, unsigned int dev,
		     unsigned long long block, const void *unit)
{
	struct io_uring *ring = &index->region->ring;
	struct io_uring_cqe *cqe;
	int ret;

	memcpy(buf_addr(index, 0), unit, SLUICE_FORMAT_UNIT);
	submit_write(index, dev, block, 0);
	ret = io_uring_submit_and_wait(ring, 1);
	if (ret >= 0)
		ret = io_uring_wait_cqe(ring, &cqe);
	if (ret < 0)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret < 0 ? ret : 0;
}
