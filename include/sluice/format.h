/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A recording on NVMe namespaces, as `sluice record --format log` writes it.
 *
 * Everything is little endian.  Documentation/format.md says in words what each
 * field means, and what a reader has to check.
 */
#ifndef SLUICE_FORMAT_H
#define SLUICE_FORMAT_H

#include <linux/types.h>

#define SLUICE_FORMAT_MAGIC	"sluicerc"	/* 8 bytes, without the 0 */
#define SLUICE_FORMAT_VERSION	1
#define SLUICE_FORMAT_DEVS	16
/* Superblock and index come in pieces of this many bytes */
#define SLUICE_FORMAT_UNIT	4096

enum sluice_layout {
	SLUICE_LAYOUT_STRIPE	= 0,	/* each extent is on one device */
	SLUICE_LAYOUT_MIRROR	= 1,	/* each extent is on all, at the same block */
};

enum sluice_format_flags {
	/* data and index are circular: what is oldest is overwritten */
	SLUICE_FORMAT_ROTATE	= 1U << 0,
	/* each extent was durable when its index entry was made */
	SLUICE_FORMAT_DURABLE	= 1U << 1,
};

/* The first 512 bytes of each device; the rest of the unit is zero */
struct sluice_superblock {
	__u8	magic[8];	/* SLUICE_FORMAT_MAGIC */
	__le32	version;	/* SLUICE_FORMAT_VERSION */
	__le32	flags;		/* enum sluice_format_flags */
	__u8	uuid[16];	/* of the recording */
	__le32	dev;		/* which of the devices this is, from 0 on */
	__le32	nr_devs;
	__le32	layout;		/* enum sluice_layout */
	__le32	block_size;	/* bytes of a logical block */
	__le64	start;		/* logical block of this superblock */
	__le64	index_start;	/* first logical block of the index */
	__le64	index_blocks;	/* logical blocks */
	__le64	data_start;	/* the same of the data */
	__le64	data_blocks;
	__le64	time_ns;	/* of the beginning, since 1970 */
	__u8	zero[412];
	__le32	crc;		/* CRC32C of the 508 bytes before */
};

enum sluice_entry_kind {
	SLUICE_ENTRY_NONE	= 0,	/* not used yet */
	SLUICE_ENTRY_EXTENT	= 1,
	SLUICE_ENTRY_BEGIN	= 2,
	SLUICE_ENTRY_END	= 3,
};

/* A piece of a stream that is in one piece on a device */
struct sluice_entry_extent {
	__le64	vblock;		/* first logical block, counted within the stream */
	__le64	block;		/* the same on the device */
	__le64	pos;		/* blocks the device's data area got before it */
	__le32	blocks;
	__le32	bytes;		/* of payload; zeroes fill the last block */
	__le32	crc;		/* CRC32C of the payload */
	__u8	zero[12];
};

struct sluice_entry_begin {
	__le64	time_ns;	/* since 1970 */
	__u8	addr[16];	/* of the peer; IPv4 as ::ffff:a.b.c.d */
	__le16	port;
	__u8	zero[22];
};

struct sluice_entry_end {
	__le64	time_ns;
	__le64	bytes;		/* of all the stream's extents */
	__le32	error;		/* 0: its sender ended it; a Linux errno */
	__u8	zero[28];
};

struct sluice_entry {
	__le16	kind;		/* enum sluice_entry_kind */
	__le16	dev;		/* of an extent; 0 in a mirror */
	__le32	crc;		/* CRC32C of the UUID and then of this, crc 0 */
	__le64	stream;		/* from 1 on */
	union {
		struct sluice_entry_extent	extent;
		struct sluice_entry_begin	begin;
		struct sluice_entry_end		end;
	};
};

#define SLUICE_INDEX_MAGIC	0x78646973	/* "sidx" */
#define SLUICE_INDEX_ENTRIES	63

/* A unit of the index */
struct sluice_index_block {
	__le32	magic;		/* SLUICE_INDEX_MAGIC */
	__le32	crc;		/* CRC32C of this header, crc 0 */
	__le64	seq;		/* from 0 on; it is unit seq % units of the index */
	__u8	uuid[16];
	__u8	zero[32];
	struct sluice_entry entries[SLUICE_INDEX_ENTRIES];
};

#ifdef __cplusplus
#define SLUICE_FORMAT_ASSERT(expr)	static_assert(expr, #expr)
#else
#define SLUICE_FORMAT_ASSERT(expr)	_Static_assert(expr, #expr)
#endif
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_superblock) == 512);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_superblock, uuid) == 16);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_superblock, dev) == 32);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_superblock, start) == 48);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_superblock, data_start) == 72);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_superblock, crc) == 508);
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_entry_extent) == 48);
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_entry_begin) == 48);
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_entry_end) == 48);
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_entry) == 64);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_entry, stream) == 8);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_entry, extent) == 16);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_entry_extent, crc) == 32);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_index_block, seq) == 8);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_index_block, uuid) == 16);
SLUICE_FORMAT_ASSERT(__builtin_offsetof(struct sluice_index_block, entries) == 64);
SLUICE_FORMAT_ASSERT(sizeof(struct sluice_index_block) == SLUICE_FORMAT_UNIT);
#undef SLUICE_FORMAT_ASSERT

#endif /* SLUICE_FORMAT_H */
