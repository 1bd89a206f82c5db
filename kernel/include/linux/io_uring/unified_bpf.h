/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF side of io_uring unified regions: what a stage is, and what it sees.
 */
#ifndef _LINUX_IO_URING_UNIFIED_BPF_H
#define _LINUX_IO_URING_UNIFIED_BPF_H

#include <linux/types.h>
#include <uapi/linux/io_uring/unified.h>

#define IO_UNIFIED_NAME_LEN	16

struct io_unified_region;

/* A region, opaque to programs */
struct io_unified_ctx {};

/**
 * struct io_unified_buf - data on its way, or the NVMe command it left in
 * @user_data:	of the request that received it, or of the SQE
 * @stream_off:	bytes received from the stream before its first byte
 * @slba:	->complete(), ->tx(): first logical block of the command
 * @len:	payload, bytes
 * @nr_frags:	pieces of memory that hold the payload
 *
 * Read-only for programs, and valid only until the program returns.
 */
struct io_unified_buf {
	u64	user_data;
	u64	stream_off;
	u64	slba;
	u32	len;
	u32	nr_frags;
};

/**
 * struct io_unified_ops - a stage
 *
 * Attach it by a link; any number up to IO_UNIFIED_MAX_STAGES can be attached
 * to one region.  They are asked in the order of their @prio.
 */
struct io_unified_ops {
	/**
	 * @rx: decide about a record that has been received
	 * @ctx: the region
	 * @buf: the record
	 *
	 * Called from task context with the socket locked, under RCU; must not
	 * sleep.  Optional.
	 *
	 * Return: enum io_unified_verdict.  Any answer other than
	 * IO_UNIFIED_NEXT ends the chain.  One that is no verdict, or asks for
	 * something that the request does not provide (say IO_UNIFIED_PASS to
	 * a request without an application), counts as stage error and drops
	 * the record.
	 */
	int (*rx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);

	/**
	 * @tx: decide about data on its way from storage, or to a socket
	 * @ctx: the region
	 * @buf: the data, which the program may change in place
	 *
	 * Called from task context, under RCU; must not sleep.  Optional.
	 *
	 * Return: IO_UNIFIED_NEXT; IO_UNIFIED_DROP: the request ends there;
	 * IO_UNIFIED_SEND or IO_UNIFIED_PASS: as the request says, without
	 * asking further stages.
	 */
	int (*tx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);

	/**
	 * @complete: an NVMe command of the pipeline has ended
	 * @ctx: the region
	 * @buf: the command
	 * @status: NVMe status as Linux keeps it, or -errno; 0 is success
	 *
	 * Called from the context in which the driver completes, usually a hard
	 * interrupt, under RCU; must not sleep.  Optional.
	 *
	 * Return: enum io_unified_done; IO_UNIFIED_DONE lets the next stage
	 * have a say.
	 */
	int (*complete)(struct io_unified_ctx *ctx, struct io_unified_buf *buf,
			int status);

	/** @ring_fd: the ring whose region to attach to, read at attach time */
	u32 ring_fd;

	/** @prio: lower is asked earlier; equal ones in order of attachment */
	s32 prio;

	/** @flags: must be 0 */
	u32 flags;

	/** @name: of the stage; required, a name as BPF objects have it */
	char name[IO_UNIFIED_NAME_LEN];

	/* private: the region while attached, set by the kernel */
	struct io_unified_region *region;
};

#define IO_UNIFIED_MAX_STAGES	16

#endif /* _LINUX_IO_URING_UNIFIED_BPF_H */
