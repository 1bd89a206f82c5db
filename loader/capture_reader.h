/* SPDX-License-Identifier: GPL-2.0 */
/* Reads a capture, from a device or a file, and believes nothing it finds. */
#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include "capture_format.h"

struct capture_reader {
	const char		*path;
	int			fd;
	uint64_t		start;		/* byte of the superblock */
	struct capture_super	super;
	uint64_t		pos;		/* block that is next */
	uint64_t		seq;		/* frame that should be */
	bool			truncated;	/* the file ends before the capture */
	unsigned char		*buf;
	uint64_t		buf_off;	/* of the capture */
	size_t			buf_len;
};

struct capture_frame {
	struct capture_slot	slot;
	uint64_t		missing;	/* frames between the last and this */
	const unsigned char	*data;		/* until the next one is read */
};

/* Is there a capture at byte @start of @path?  Says nothing */
bool capture_probe(const char *path, uint64_t start);
/* The capture at block @lba of @path; 0, or -1 after an error message */
int capture_reader_open(struct capture_reader *r, const char *path,
			unsigned long long lba);
/* 1: a frame; 0: there are no more; -1 after an error message */
int capture_reader_next(struct capture_reader *r, struct capture_frame *frame);
void capture_reader_close(struct capture_reader *r);

#endif
