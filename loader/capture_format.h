/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `sluice capture` writes and `sluice export` reads.
 * Documentation/capture-format.md is the specification; all is little-endian.
 */
#ifndef CAPTURE_FORMAT_H
#define CAPTURE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_MAGIC		"SLUICAP1"
#define CAPTURE_VERSION		1
#define CAPTURE_LINK_ETHERNET	1	/* LINKTYPE_ETHERNET */
#define CAPTURE_MAX_SLOT	65536	/* bytes */
#define CAPTURE_MAX_WINDOW	(1u << 20)	/* blocks */

#define CAPTURE_F_COMPLETE	1u	/* it was ended; the totals are valid */

/* Why a frame that was matched is not there, and where it is counted */
enum capture_drop {
	CAPTURE_DROP_NO_MEMORY,		/* all of the region waited for the device */
	CAPTURE_DROP_RING_FULL,		/* AF_XDP's receive ring was full */
	CAPTURE_DROP_OVERSIZE,		/* longer than a slot, could not be cut */
	CAPTURE_DROP_NO_SPACE,		/* the namespace, or --blocks, was full */
	CAPTURE_DROP_LIMIT,		/* behind the last that --count asked for */
	CAPTURE_DROP_DEVICE,		/* the NVMe command failed */
	CAPTURE_DROP_OTHER,		/* XDP redirected it and it did not arrive */
	CAPTURE_DROPS = 8,
};

extern const char * const capture_drop_names[CAPTURE_DROPS];

struct capture_super {
	char		magic[8];
	uint32_t	version;
	uint32_t	size;		/* of this structure */
	uint8_t		uuid[16];
	uint32_t	block_size;	/* bytes */
	uint32_t	frame_size;	/* bytes a slot has at most */
	uint32_t	link_type;	/* as pcapng has it */
	uint32_t	snaplen;	/* bytes of a frame at most */
	uint32_t	flags;
	uint32_t	window;		/* blocks that may be missing in one place */
	uint64_t	start_ns;	/* since 1970, UTC */
	uint64_t	end_ns;
	uint64_t	blocks;		/* it may take, this one included */
	/* the rest when complete, but for names */
	uint64_t	used;		/* blocks, this one included */
	uint64_t	frames;
	uint64_t	bytes;		/* of frames, as captured */
	uint64_t	orig_bytes;	/* of the same as they arrived */
	uint64_t	matched;	/* frames */
	uint64_t	passed;		/* frames that did not match */
	uint64_t	dropped[CAPTURE_DROPS];
	uint64_t	missed;		/* frames that the NIC had no buffer for */
	char		ifname[32];
	char		filter[128];
	uint8_t		reserved[148];
	uint32_t	crc;		/* of what is before */
};

#define CAPTURE_SLOT_MAGIC	"SLOT"
#define CAPTURE_SLOT_F_LATE	1u	/* the time is when user space saw it */

struct capture_slot {
	char		magic[4];
	uint32_t	flags;
	uint8_t		id[8];		/* the first bytes of the UUID */
	uint64_t	seq;		/* from 0 on */
	uint64_t	time_ns;	/* since 1970, UTC */
	uint32_t	cap_len;	/* bytes here */
	uint32_t	orig_len;	/* bytes on the wire */
	uint32_t	blocks;		/* of the slot */
	uint16_t	data_off;	/* bytes from the slot's start */
	uint16_t	queue;
	uint8_t		reserved[12];
	uint32_t	crc;		/* of what is before */
};

_Static_assert(sizeof(struct capture_super) == 512, "superblock");
_Static_assert(sizeof(struct capture_slot) == 64, "slot header");

/* Set magic, version and checksum, and turn into what is on the device */
void capture_super_encode(struct capture_super *super);
void capture_slot_encode(struct capture_slot *slot);

/*
 * Turn what is on the device into the machine's order.  NULL, or why it is none
 * of ours; then the contents are not to be used.
 */
const char *capture_super_decode(struct capture_super *super, const void *from);
/* Is there a slot of capture @super? */
bool capture_slot_decode(struct capture_slot *slot, const void *from,
			 const struct capture_super *super);

#endif
