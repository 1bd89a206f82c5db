/* SPDX-License-Identifier: GPL-2.0 */
/* What place.bpf.c and its loader have in common. */
#ifndef PLACE_H
#define PLACE_H

#define PLACE_DEVS	16

/* A command of a stream, where it went; place_done has those that are written */
struct place_extent {
	__u64	stream;		/* user_data of its request */
	__u64	vblock;		/* first logical block, within the stream */
	__u64	block;		/* the same on the device */
	__u64	pos;		/* blocks the device got before it */
	__u32	blocks;
	__u32	bytes;		/* of payload */
	__u32	crc;		/* of it */
	__u32	dev;
	__u32	left;		/* devices that still have to confirm it */
	__u32	zero;
};

#endif
