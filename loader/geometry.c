// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "crc32c.h"
#include "geometry.h"
#include "output.h"

#define UNIT		SLUICE_FORMAT_UNIT
#define INDEX_SHARE	64		/* of the space: enough for 4 KiB a command */
#define INDEX_MIN	(64 << 10)
#define DATA_MIN	(1 << 20)	/* bytes; several of the longest commands */

/* RFC 4122, version 4 */
static int make_uuid(unsigned char *uuid)
{
	if (getrandom(uuid, 16, 0) != 16)
		return error("getrandom: %s", strerror(errno));
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

static unsigned long long round_up(unsigned long long n, unsigned long long to)
{
	return (n + to - 1) / to * to;
}

/* Blocks of @dev that the recording may use */
static unsigned long long space(const struct record_options *opt,
				const struct devs *devs, unsigned int dev)
{
	unsigned long long n = devs->list[dev].blocks;

	for (unsigned int i = 0; opt->mirror && i < devs->nr; i++)
		if (devs->list[i].blocks < n)
			n = devs->list[i].blocks;
	return n - opt->lba;
}

/* Bytes of the index of @dev; in a stripe, all of it is on the first */
static unsigned long long index_bytes(const struct record_options *opt,
				      const struct devs *devs, unsigned int dev)
{
	unsigned long long bytes = 0;

	if (dev && !opt->mirror)
		return UNIT;
	if (opt->index_size)
		return round_up(opt->index_size, UNIT);
	for (unsigned int i = 0; i < devs->nr; i++)
		if (i == dev || !opt->mirror)
			bytes += space(opt, devs, i) * devs->list[i].block_size;
	bytes /= INDEX_SHARE;
	return round_up(bytes < INDEX_MIN ? INDEX_MIN : bytes, UNIT);
}

static int plan_dev(struct recording_super *s, const struct record_options *opt,
		    const struct devs *devs, unsigned long long min)
{
	unsigned int block = devs->list[s->dev].block_size;
	unsigned long long blocks = space(opt, devs, s->dev), meta;

	s->block_size = block;
	s->start = opt->lba;
	s->index_start = s->start + UNIT / block;
	s->index_blocks = index_bytes(opt, devs, s->dev) / block;
	s->data_start = s->index_start + s->index_blocks;
	meta = s->data_start - s->start;
	if (meta >= blocks || (blocks - meta) * block < min)
		return error("%s has %s from block %llu on; a recording%s needs %s and %s for its index: give a larger namespace%s",
			     devs->list[s->dev].node, human_bytes(blocks * block),
			     opt->lba, opt->rotate ? " with --rotate" : "",
			     human_bytes(min), human_bytes(meta * block),
			     opt->rotate ? ", or a smaller --region-size" : "");
	s->data_blocks = blocks - meta;
	return 0;
}

int geometry_init(struct geometry *geo, const struct record_options *opt,
		  const struct devs *devs, unsigned long long in_flight)
{
	unsigned long long min = opt->rotate ? 2 * in_flight : DATA_MIN;
	struct recording_super s = {
		.flags = (opt->rotate ? SLUICE_FORMAT_ROTATE : 0) |
			 (opt->durable ? SLUICE_FORMAT_DURABLE : 0),
		.nr_devs = devs->nr,
		.layout = opt->mirror ? SLUICE_LAYOUT_MIRROR : SLUICE_LAYOUT_STRIPE,
	};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	s.time_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	if (make_uuid(s.uuid))
		return -1;
	geo->nr = devs->nr;
	for (s.dev = 0; s.dev < devs->nr; s.dev++) {
		geo->devs[s.dev] = s;
		if (plan_dev(&geo->devs[s.dev], opt, devs, min))
			return -1;
	}
	return 0;
}

unsigned long long geometry_entries(const struct geometry *geo)
{
	const struct recording_super *s = &geo->devs[0];

	return s->index_blocks / (UNIT / s->block_size) * SLUICE_INDEX_ENTRIES;
}

void geometry_superblock(const struct geometry *geo, unsigned int dev, void *unit)
{
	const struct recording_super *s = &geo->devs[dev];
	struct sluice_superblock *raw = unit;

	memset(unit, 0, UNIT);
	memcpy(raw->magic, SLUICE_FORMAT_MAGIC, sizeof(raw->magic));
	raw->version = htole32(SLUICE_FORMAT_VERSION);
	raw->flags = htole32(s->flags);
	memcpy(raw->uuid, s->uuid, sizeof(raw->uuid));
	raw->dev = htole32(s->dev);
	raw->nr_devs = htole32(s->nr_devs);
	raw->layout = htole32(s->layout);
	raw->block_size = htole32(s->block_size);
	raw->start = htole64(s->start);
	raw->index_start = htole64(s->index_start);
	raw->index_blocks = htole64(s->index_blocks);
	raw->data_start = htole64(s->data_start);
	raw->data_blocks = htole64(s->data_blocks);
	raw->time_ns = htole64(s->time_ns);
	raw->crc = htole32(crc32c(0, raw, offsetof(struct sluice_superblock, crc)));
}
