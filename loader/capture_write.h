/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The writing side of a capture: a unified region in our own memory, whose data
 * area is AF_XDP's umem, and slots that its SQ sends to the namespace.
 */
#ifndef CAPTURE_WRITE_H
#define CAPTURE_WRITE_H

#include <liburing.h>
#include <sluice/sluice.h>

#include "capture_format.h"

/* Slots between the oldest that is not written and the newest */
#define CAPTURE_WINDOW		8192
/* Commands, likewise; a power of two */
#define CAPTURE_FLIGHTS		2048
#define CAPTURE_SQ_ENTRIES	1024

/* Slots that lie side by side, in memory and on the device, on their way */
struct capture_flight {
	uint64_t	seq;		/* of the first slot */
	uint64_t	block;		/* of the capture, likewise */
	uint64_t	frame;		/* offset into the data area */
	uint32_t	len;		/* bytes; all slots but the last have frame_size */
	uint32_t	nr;		/* slots */
	uint32_t	cap_bytes;
	uint64_t	orig_bytes;
	uint32_t	at;		/* slot that is tried by itself, if @alone */
	uint16_t	queue;		/* index, whose frames they are */
	uint8_t		tries;
	bool		alone;
	bool		done;
};

/* What a slot says of its frame */
struct capture_frame_info {
	uint64_t	time_ns;
	uint32_t	cap_len;
	uint32_t	orig_len;
	uint32_t	data_off;	/* into the frame's memory */
	uint32_t	flags;
	uint16_t	queue;		/* of the interface */
	uint16_t	queue_index;
};

struct capture_writer {
	const char		*nvme;		/* node, for messages */
	int			nvme_fd;
	struct io_uring		ring;
	bool			have_ring;
	void			*mem;		/* of the region */
	size_t			mem_size;
	struct sluice_region	region;
	struct sluice_ns	ns;
	uint32_t		frame_size;
	uint32_t		frame_shift;	/* log2 of it */
	uint64_t		umem_size;	/* the data area but for its last page */
	uint64_t		lba;		/* of the superblock */
	uint64_t		room;		/* blocks, superblock included */
	uint32_t		max_len;	/* bytes of a command */
	uint32_t		min_full;	/* a slot of so many may have all its memory */
	bool			exclusive;	/* only frames that are seen here get into it */
	uint16_t		*used;		/* bytes of each frame's memory that may not be 0 */
	uint64_t		next;		/* block */
	struct capture_flight	flights[CAPTURE_FLIGHTS];
	uint64_t		head;		/* number of the oldest flight */
	uint64_t		tail;		/* of the one that is being filled */
	uint64_t		seq;		/* of the next slot */
	/* of the last slot in flight @tail, if that has any; not in its len yet */
	struct capture_frame_info last;
	uint32_t		in_flight;	/* commands */
	uint8_t			id[8];		/* of the capture */

	/* results */
	uint64_t		frames, bytes, orig_bytes;	/* written */
	uint64_t		failed;		/* frames */
	uint64_t		commands;	/* of slots, retries included */
	uint64_t		retries;
	uint32_t		last_status;	/* of a command that failed */
	int			last_error;	/* of the host, instead */
};

/* Ring, region and namespace; 0, or -1 after an error message */
int capture_writer_open(struct capture_writer *w, const char *nvme, uint64_t region_size);
/*
 * When the size of a block is known: how the data area is cut.  @blocks 0: up to
 * the end of the namespace.  @tight: no slot has more blocks than it needs.
 */
int capture_writer_layout(struct capture_writer *w, uint32_t frame_size, uint64_t lba,
			  uint64_t blocks, bool tight);
void capture_writer_close(struct capture_writer *w);

/* How many slots can be written before some have to be reaped */
uint32_t capture_writer_space(const struct capture_writer *w);
/* Is there room on the device for a slot of @bytes more? */
bool capture_writer_fits(const struct capture_writer *w, uint32_t bytes);
uint32_t capture_slot_bytes(const struct capture_writer *w, uint32_t data_off,
			    uint32_t cap_len);

/*
 * Write the frame in memory @frame as the next slot, there is space and room: with the
 * one before it, if their memory is side by side, or else by a command of its own
 */
void capture_writer_slot(struct capture_writer *w, uint64_t frame,
			 const struct capture_frame_info *info);
int capture_writer_submit(struct capture_writer *w);
/* The frame in memory @frame is not written: what is there does not matter, but stays */
void capture_writer_skip(struct capture_writer *w, uint64_t frame);

/*
 * What has been written, @freed() gets its memory back: so many frames, from the one at
 * @frame on.  The number of completions, or -1 after an error message.
 */
int capture_writer_reap(struct capture_writer *w,
			void (*freed)(void *arg, uint16_t queue_index, uint64_t frame,
				      uint32_t nr),
			void *arg);

/* Write @super, durably, and all before it; nothing may be in flight */
int capture_writer_super(struct capture_writer *w, const struct capture_super *super);

#endif
