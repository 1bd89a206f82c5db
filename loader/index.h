/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of a recording while it is written: entries are gathered in units,
 * which go to the device through the region, beside the data.
 */
#ifndef INDEX_H
#define INDEX_H

#include <sluice/format.h>
#include <stdbool.h>

#include "region.h"

#define INDEX_BUFS	16	/* units on their way to the device */

struct index_params {
	unsigned char		uuid[16];
	unsigned int		block_size;
	unsigned int		nr_devs;	/* that get a copy of the index */
	unsigned long long	start;		/* logical block */
	unsigned long long	units;		/* of SLUICE_FORMAT_UNIT bytes */
	bool			rotate;
};

struct index_unit;

struct index {
	struct index_params	params;
	struct region		*region;
	unsigned long long	user_data;	/* kind, of its requests */
	unsigned long long	data_off;	/* of the buffers in the data area */
	unsigned int		free_bufs;	/* bit mask */
	struct index_unit	*units;		/* not yet written, oldest first */
	struct index_unit	*open;		/* the last of them, not full */
	unsigned long long	next_seq;
	unsigned int		used;		/* entries of @open */
	int			error;		/* -errno of the first failed write */
};

/*
 * @region was registered with INDEX_BUFS user_bufs of SLUICE_FORMAT_UNIT bytes,
 * and is mapped.  Requests have @user_data, and something in its low 32 bits.
 */
void index_init(struct index *index, const struct index_params *params,
		struct region *region, unsigned long long user_data);
void index_free(struct index *index);

/* Seal @entry and add it; -ENOSPC: the index is full; -ENOMEM */
int index_add(struct index *index, struct sluice_entry *entry);
/* Write what is not yet written, also a unit that is not full */
void index_flush(struct index *index);
/* A completion of one of its requests */
void index_complete(struct index *index, const struct io_uring_cqe *cqe);
/* Is there nothing on its way, nor to be written? */
bool index_idle(const struct index *index);

/* Write one unit, durable, and wait for it; no other request is in flight */
int index_write_unit(struct index *index, unsigned int dev,
		     unsigned long long block, const void *unit);

#endif
