/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A recording that is there already: its streams, and where their bytes are.
 * It reads namespaces and images of them alike.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <sluice/format.h>
#include <stdbool.h>

/* A superblock in host order */
struct recording_super {
	unsigned char		uuid[16];
	unsigned int		flags;
	unsigned int		dev;
	unsigned int		nr_devs;
	unsigned int		layout;
	unsigned int		block_size;
	unsigned long long	start;
	unsigned long long	index_start;
	unsigned long long	index_blocks;
	unsigned long long	data_start;
	unsigned long long	data_blocks;
	unsigned long long	time_ns;
};

/* A piece of a stream, which is whole blocks on a device, the last one padded */
struct recording_extent {
	unsigned long long	stream;
	unsigned long long	vblock;
	unsigned long long	block;
	unsigned long long	pos;
	unsigned int		blocks;
	unsigned int		bytes;
	unsigned int		crc;
	unsigned int		dev;
};

struct recording_stream {
	unsigned long long	id;
	bool			begun, ended;	/* there is an entry that says so */
	unsigned char		addr[16];
	unsigned short		port;
	unsigned long long	begin_ns, end_ns;
	unsigned long long	total;		/* bytes, also those that are lost */
	unsigned long long	readable;	/* bytes of nr_extents */
	int			error;		/* that ended it, errno */
	unsigned long		first;		/* of its extents */
	unsigned long		nr_extents;
	/*
	 * More of them, behind some that are not there (yet): of a stream without an
	 * end, which has been written in another order
	 */
	unsigned long		nr_behind;
};

struct recording_dev {
	int			fd;		/* -1: not given */
	const char		*name;
	struct recording_super	super;
	unsigned long long	head;		/* highest position that is known */
};

struct recording {
	struct recording_super	super;		/* of any of them */
	struct recording_dev	devs[SLUICE_FORMAT_DEVS];
	struct recording_stream	*streams;	/* by id */
	unsigned long		nr_streams;
	struct recording_extent	*extents;	/* by stream and place in it */
	unsigned long		nr_extents;
};

/*
 * Open the recording that begins at block @lba of @names, nodes or files with
 * commas between them, in any order.  0, or -1 after an error message.
 */
int recording_open(struct recording *rec, const char *names, unsigned long long lba);
void recording_close(struct recording *rec);

/* Is there a recording at @lba of @name?  1, 0, or -1 if it cannot be read */
int recording_probe(const char *name, unsigned long long lba,
		    struct recording_super *super);

/* As RFC 4122 writes it, in a buffer of its own */
const char *recording_uuid(const unsigned char *uuid);

/* NULL: there is none with that number */
const struct recording_stream *recording_find(const struct recording *rec,
					      unsigned long long id);
bool recording_is_mirror(const struct recording *rec);
/* Is some missing of what had been written? */
bool recording_lost(const struct recording *rec, const struct recording_stream *stream);
/* "complete", "open", "cut off", "overwritten" or "damaged" */
const char *recording_state(const struct recording *rec,
			    const struct recording_stream *stream);

/* Why it is cut off, for a sentence, and in a word for JSON, "ok" if it is not */
const char *recording_cause(const struct recording_stream *stream);
const char *recording_result(const struct recording_stream *stream);

/* Extent @nr of @stream, in order; NULL behind the last */
const struct recording_extent *
recording_extent(const struct recording *rec, const struct recording_stream *stream,
		 unsigned long nr);
/*
 * Its bytes, checked; @data has room for whole blocks and is aligned to them.
 * 0; -EIO; -EBADMSG: it is not what was recorded; -ENODEV: not given.
 */
int recording_read(const struct recording *rec, const struct recording_extent *e,
		   void *data);

#endif
