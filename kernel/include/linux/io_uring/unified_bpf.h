/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF side of io_uring unified regions: what a stage is, and what it sees.
 */
#ifndef _LINUX_IO_URING_UNIFIED_BPF_H
#define _LINUX_IO_URING_UNIFIED_BPF_H

#include <linux/types.h>
#include <uapi/linux/io_uring/unified.h>

#define IO_UNIFIED_NAME_LEN	16
#define IO_UNIFIED_REASON_LEN	128

struct io_unified_stage;

/*
 * A region, opaque to programs.  With a pointer in it the verifier does not take
 * memory of the program's own for one, as it does where all members are scalar.
 */
struct io_unified_ctx {
	/* private: always NULL */
	void	*priv;
};

/**
 * struct io_unified_buf - data on its way, or the NVMe command it left in
 * @user_data:	of the request that received it, or of the SQE
 * @stream_off:	bytes received from the stream before its first byte
 * @slba:	->complete(), ->tx(): first logical block of the command
 * @len:	payload, bytes
 * @nr_frags:	pieces of memory that hold the payload
 * @stream:	number of the stream in its region, from 1 on; 0: of no stream
 * @dev:	->complete(), ->tx(): the device of the command
 *
 * Read-only for programs, and valid only until the program returns, but for one
 * that a kfunc has given to it.
 */
struct io_unified_buf {
	u64	user_data;
	u64	stream_off;
	u64	slba;
	u32	len;
	u32	nr_frags;
	u32	stream;
	u32	dev;
	/* private: always NULL, and there for the verifier, as in io_unified_ctx */
	void	*priv;
};

/**
 * struct io_unified_nvme - a command that is about to be sent
 * @slba:	first logical block; the program may change it
 * @nr_blocks:	logical blocks, of data and padding
 * @opcode:	of NVMe: 1 is write, 2 is read
 * @attempt:	0; one more each time that ->complete() asked for a retry
 * @dev:	the device it goes to; the program may change it
 * @mirror:	bit mask of devices that get the same data at the same blocks,
 *		one after the other, for a write; the program may change it
 * @delay_ms:	it waits that long before it is sent, IO_UNIFIED_MAX_DELAY at
 *		most; the program may change it
 * @fua:	1: a write ends when the data is durable (Force Unit Access); the
 *		program may change it
 */
struct io_unified_nvme {
	u64	slba;
	u32	nr_blocks;
	u16	opcode;
	u16	attempt;
	u32	dev;
	u32	mirror;
	u32	delay_ms;
	u32	fua;
};

#define IO_UNIFIED_MAX_DELAY	10000
/* What ->complete() can ask for a command: then it ends as IO_UNIFIED_DONE */
#define IO_UNIFIED_MAX_RETRIES	128

/* Why a stage is not asked any more */
enum io_unified_exit_kind {
	IO_UNIFIED_EXIT_DETACHED	= 0,	/* its link is gone */
	IO_UNIFIED_EXIT_REPLACED	= 1,	/* by another, through its link */
	IO_UNIFIED_EXIT_REGION		= 2,	/* the region is gone */
	IO_UNIFIED_EXIT_STAGE		= 3,	/* bpf_io_unified_exit() */
	IO_UNIFIED_EXIT_ERROR		= 4,	/* the kernel ejected it */
};

/**
 * struct io_unified_exit - how a stage ended
 * @kind:	enum io_unified_exit_kind
 * @code:	EXIT_STAGE: what the stage gave; EXIT_ERROR: -errno
 * @reason:	in words
 */
struct io_unified_exit {
	u32	kind;
	s64	code;
	char	reason[IO_UNIFIED_REASON_LEN];
};

/**
 * struct io_unified_ops - a stage
 *
 * Attach it by a link; any number up to IO_UNIFIED_MAX_STAGES can be attached
 * to one region.  They are asked in the order of their @prio.  All functions
 * are optional.  A link that is updated puts the new stage into the place of the
 * old one, between two records.
 */
struct io_unified_ops {
	/**
	 * @init: the stage is about to be attached
	 * @ctx: the region
	 *
	 * Called from task context; may sleep.
	 *
	 * Return: 0, or -errno: it is not attached.
	 */
	int (*init)(struct io_unified_ctx *ctx);

	/**
	 * @exit: the stage is not asked any more
	 * @ctx: the region
	 * @info: why
	 *
	 * Called once, from task context, when none of its functions runs any
	 * more; may sleep.
	 */
	void (*exit)(struct io_unified_ctx *ctx, struct io_unified_exit *info);

	/**
	 * @rx: decide about a record that has been received
	 * @ctx: the region
	 * @buf: the record, which the program may change in place
	 *
	 * Called from task context with the socket locked, under RCU; must not
	 * sleep.
	 *
	 * Return: enum io_unified_verdict.  Any answer other than
	 * IO_UNIFIED_NEXT ends the chain.  One that asks for something that the
	 * request does not provide (say IO_UNIFIED_PASS to a request without an
	 * application) counts as stage error and drops the record.  One that is
	 * no verdict at all does the same, and the kernel ejects the stage.
	 */
	int (*rx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);

	/**
	 * @tx: decide about data on its way from storage, or to a socket
	 * @ctx: the region
	 * @buf: the data, which the program may change in place
	 *
	 * Called from task context, under RCU; must not sleep.
	 *
	 * Return: IO_UNIFIED_NEXT; IO_UNIFIED_DROP: the request ends there;
	 * IO_UNIFIED_SEND or IO_UNIFIED_PASS: as the request says, without
	 * asking further stages.
	 */
	int (*tx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);

	/**
	 * @submit: a read or write of a stream or request is about to be sent
	 * @ctx: the region
	 * @buf: the data
	 * @cmd: where it goes, and when; the program may change that
	 *
	 * Each stage sees what the one before has made of @cmd.  A place beyond
	 * the end of the device fails the command with -ENOSPC, a device that is
	 * none with -ENODEV.  Called from task context or a worker, under RCU;
	 * must not sleep.
	 *
	 * Return: 0, or -errno, with which the command fails.
	 */
	int (*submit)(struct io_unified_ctx *ctx, struct io_unified_buf *buf,
		      struct io_unified_nvme *cmd);

	/**
	 * @complete: an NVMe command of the pipeline has ended
	 * @ctx: the region
	 * @buf: the command
	 * @status: NVMe status as Linux keeps it, or -errno; 0 is success
	 *
	 * Called from the context in which the driver completes, usually a hard
	 * interrupt, under RCU; must not sleep.
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

	/** @flags: enum io_unified_ops_flags */
	u32 flags;

	/** @name: of the stage; required, a name as BPF objects have it */
	char name[IO_UNIFIED_NAME_LEN];

	/* private: of the kernel, while attached */
	struct io_unified_stage *stage;
};

enum io_unified_ops_flags {
	/*
	 * Nothing goes past it: when it ends by EXIT_STAGE or EXIT_ERROR, the
	 * streams of the region end with -ECANCELED, and whatever it is for
	 * later, too, until its link is closed or gets another stage.  Without
	 * it they go on.
	 */
	IO_UNIFIED_OPS_REQUIRED		= 1U << 0,
};

#define IO_UNIFIED_MAX_STAGES	16
/* Bytes of bpf_io_unified_stream_storage() */
#define IO_UNIFIED_STORAGE	64

#endif /* _LINUX_IO_URING_UNIFIED_BPF_H */
