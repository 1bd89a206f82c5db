/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * io_uring unified I/O region: one piece of memory that a NIC queue receives
 * into by zero copy, that NVMe passthrough commands read and write, and whose
 * AF_XDP style rings carry the commands and their completions.
 *
 * All offsets and lengths are in bytes, everything is in host byte order.
 */
#ifndef _UAPI_LINUX_IO_URING_UNIFIED_H
#define _UAPI_LINUX_IO_URING_UNIFIED_H

#include <linux/types.h>
#include <linux/nvme_ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Numbers.  They leave room for what io_uring itself adds next; ask the kernel
 * with IORING_REGISTER_PROBE or IO_URING_QUERY_UNIFIED before relying on them.
 */
#define IORING_REGISTER_UNIFIED_IFQ		128
#define IORING_UNREGISTER_UNIFIED_IFQ		129
#define IORING_REGISTER_UNIFIED_REGION		130
#define IORING_UNREGISTER_UNIFIED_REGION	131
#define IORING_REGISTER_UNIFIED_DEV		132
#define IORING_REGISTER_UNIFIED_SOCK		133
#define IORING_OP_UNIFIED			128
#define IORING_MAP_OFF_UNIFIED_REGION		0x40000000ULL
#define IO_URING_QUERY_UNIFIED			128

/*
 * A ring.  The index each side owns is stored with release semantics by its
 * owner and loaded with acquire semantics by the other side:
 *
 *	SQ: user space owns producer, the kernel owns consumer
 *	CQ: the kernel owns producer, user space owns consumer
 *
 * Both run freely from where the kernel starts them, an entry's slot is index &
 * ring_mask.  cached_* belong to user space: the kernel sets them at the start
 * and never looks at them again.
 */
struct io_unified_ring {
	__u32	producer;
	__u32	consumer;
	__u32	cached_producer;
	__u32	cached_consumer;
	__u32	flags;		/* enum io_unified_ring_flags, kernel writes */
	__u32	ring_entries;
	__u64	ring_mask;	/* ring_entries - 1 */
	__u64	ring_size;	/* of the entries, in bytes */
};

enum io_unified_ring_flags {
	/* CQ: completions wait in the kernel for room, and for a drain */
	IO_UNIFIED_RING_CQ_OVERFLOW	= 1U << 0,
	/* SQ: the poller sleeps, io_uring_enter() wakes it */
	IO_UNIFIED_RING_NEED_WAKEUP	= 1U << 1,
};

/*
 * One NVMe command.  The data is data_len bytes at buf_offset in the data
 * area, separate metadata is metadata_len bytes at meta_offset; nvme_cmd.addr
 * and nvme_cmd.metadata are for the user's own use and not looked at.
 */
struct io_unified_sqe {
	struct nvme_uring_cmd nvme_cmd;
	__u64	buf_offset;	/* into the data area */
	__u64	user_data;	/* returned in the CQE */
	__u32	flags;		/* enum io_unified_sqe_flags */
	__u32	__pad;		/* must be 0 */
	__u64	meta_offset;	/* into the data area */
	__u16	dev;		/* index of the device, 0: the first */
	__u16	__resv0[3];	/* must be 0 */
	__u64	__resv[2];	/* must be 0 */
};

enum io_unified_sqe_flags {
	/* an admin command, for the namespace's controller */
	IO_UNIFIED_SQE_ADMIN		= 1U << 0,
	/*
	 * No command: the application is done with the piece of a record at
	 * buf_offset, see IO_UNIFIED_CQE_F_RECORD.  A CQE comes only if that
	 * was wrong.  nvme_cmd, meta_offset and dev must be 0.
	 */
	IO_UNIFIED_SQE_RETURN		= 1U << 1,
};

struct io_unified_cqe {
	__u64	user_data;	/* of the SQE, or of the pipeline's request */
	__s32	result;		/* dword 0 of the NVMe result, or -errno */
	__u32	status;		/* 0, or see below */
	__u64	dma_addr;	/* of the data, as offset into the data area */
	__u32	len;		/* bytes transferred */
	__u32	flags;		/* enum io_unified_cqe_flags */
	__u64	result64;	/* all of the NVMe result */
	__u64	__resv[3];
};

enum io_unified_cqe_flags {
	/* posted because a stage asked for it, not for an SQE */
	IO_UNIFIED_CQE_F_NOTIFY		= 1U << 0,
	/*
	 * A piece of a received record, result64 is its offset in the stream.
	 * The application owns these bytes until it gives them back by
	 * IO_UNIFIED_SQE_RETURN, as many times as pieces came.
	 */
	IO_UNIFIED_CQE_F_RECORD		= 1U << 1,
	/* the record goes on in the next CQE */
	IO_UNIFIED_CQE_F_MORE		= 1U << 2,
};

/*
 * io_unified_cqe.status is the NVMe status as Linux keeps it, or this bit,
 * which no device sets, and -errno in result: the command never got to the
 * device, or the device's answer never came.
 */
#define IO_UNIFIED_STATUS_HOST		(1U << 16)
#define IO_UNIFIED_STATUS_SC(s)		((s) & 0xff)		/* code */
#define IO_UNIFIED_STATUS_SCT(s)	(((s) >> 8) & 0x7)	/* code type */
#define IO_UNIFIED_STATUS_CRD(s)	(((s) >> 11) & 0x3)	/* retry delay */
#define IO_UNIFIED_STATUS_MORE(s)	(((s) >> 13) & 0x1)
#define IO_UNIFIED_STATUS_DNR(s)	(((s) >> 14) & 0x1)	/* do not retry */

/*
 * What became of the data received, in records (what a stage sees at a time)
 * and in bytes.  Only the kernel writes; what it reports never depends on what
 * is stored here.  At any quiet moment
 *
 *	rx + made = dropped + written + passed + sent + failed + in_flight
 */
struct io_unified_count {
	__u64	bufs;
	__u64	bytes;
};

struct io_unified_stats {
	struct io_unified_count	rx;		/* received */
	struct io_unified_count	dropped;	/* by a stage */
	struct io_unified_count	written;	/* and completed without error */
	struct io_unified_count	passed;		/* to the application */
	struct io_unified_count	sent;		/* to a socket */
	struct io_unified_count	failed;		/* device error or cancelled */
	struct io_unified_count	in_flight;	/* held by the region */
	__u64	copied_bytes;	/* payload that a CPU had to copy */
	__u64	padded_bytes;	/* zeroes written to fill last blocks */
	__u64	nvme_cmds;	/* sent to the device, the SQ's and the pipelines' */
	__u64	nvme_errors;	/* of these, completed with an error */
	__u64	rx_stalls;	/* times reception waited for the device */
	__u64	cq_overflows;	/* completions that found the CQ full */
	__u64	sq_invalid;	/* SQEs refused before they got to the driver */
	__u64	stage_errors;	/* answers of stages that are no verdict */
	struct io_unified_count	made;		/* by stages: new, or clones */
};

/* Where the statistics start within the control page, or the CQ ring's page */
#define IO_UNIFIED_STATS_OFFSET		2048

enum io_unified_reg_flags {
	/*
	 * A kernel thread drains the SQ.  It sleeps when there was nothing for
	 * sq_idle milliseconds, and sets IO_UNIFIED_RING_NEED_WAKEUP before.
	 */
	IO_UNIFIED_REG_POLL		= 1U << 0,
	/* SQEs may carry admin commands */
	IO_UNIFIED_REG_ADMIN		= 1U << 1,
	/*
	 * Other regions of this process may have the same devices, if they are
	 * registered with this flag, too: a region for each queue of a NIC.
	 */
	IO_UNIFIED_REG_SHARE		= 1U << 2,
};

/*
 * IORING_REGISTER_UNIFIED_IFQ: rings and buffers in the user's memory, with an
 * NVMe device.  The layout is SQ ring page, CQ ring page, SQ entries, CQ
 * entries, buffers, each page aligned.  Needs a ring with DEFER_TASKRUN,
 * SQE128 and CQE32.
 *
 * With a network queue all buffers are the NIC's, and the application's are
 * those that it gets from the queue.
 */
struct io_unified_reg {
	__u64	region_ptr;		/* struct io_uring_region_desc * */
	__u64	nvme_dev_path;		/* const char *, block or generic node */
	__u32	sq_entries;		/* power of two */
	__u32	cq_entries;		/* power of two */
	__u32	buffer_entries;
	__u32	buffer_entry_size;	/* multiple of the page size */
	__u32	flags;			/* enum io_unified_reg_flags */
	__u32	sq_idle;		/* ms, with REG_POLL; 0: a second */
	__u32	net_ifindex;		/* 0: none */
	__u32	net_rxq;

	/* out: offsets into the region */
	struct {
		__u64	sq_ring;
		__u64	cq_ring;
		__u64	sq_entries;
		__u64	cq_entries;
		__u64	buffers;
	} offsets;
};

/*
 * IORING_REGISTER_UNIFIED_REGION: control page, SQ entries, CQ entries, data
 * area, each page aligned, in the user's memory or, where the descriptor names
 * none, in the kernel's, to be mapped at IORING_MAP_OFF_UNIFIED_REGION.  The
 * kernel's comes from the NUMA node of the NIC, or else of the NVMe device.
 *
 * With a network queue the ring needs DEFER_TASKRUN and CQE32 (or CQE_MIXED).
 * The queue's buffers are the data area but for its last user_bufs buffers,
 * which are the application's for commands of its own; without a network queue
 * the whole data area is the application's.
 */
struct io_uring_unified_region_reg {
	__u32	sq_entries;		/* power of two */
	__u32	cq_entries;		/* power of two */
	__u64	region_size;		/* of everything, multiple of pages */
	__s32	nvme_fd;		/* block or generic node, <= 0: none */
	__u32	net_ifindex;		/* 0: none */
	__u32	net_rxq;
	__u32	flags;			/* enum io_unified_reg_flags */
	union {
		struct io_uring_region_desc *region_ptr;	/* NULL: kernel memory */
		__u64	region_uptr;
	};
	__u32	buf_size;		/* power of two up to 2 MiB, 0: a page */
	__u32	user_bufs;
	__u32	sq_idle;		/* ms, with REG_POLL; 0: a second */
	__s32	numa_node;		/* must be 0; out: of the memory, or -1 */
	__u64	__resv[2];		/* must be 0 */

	/* out: offsets into the region */
	struct {
		__u64	ctrl;
		__u64	sq_entries;
		__u64	cq_entries;
		__u64	data;
	} offsets;
};

#define IO_UNIFIED_MAX_DEVS	16

/*
 * IORING_REGISTER_UNIFIED_DEV: one more NVMe namespace for the ring's region,
 * there until the region is unregistered.
 */
struct io_unified_dev_reg {
	__s32	fd;			/* block or generic node */
	__u32	flags;			/* must be 0 */

	/* out */
	__u32	dev;			/* for io_unified_sqe.dev */
	__u32	nsid;
	__u64	nr_lbas;		/* 0: the block layer has no access */
	__u32	lba_size;		/* bytes of data a block */
	__u32	meta_size;		/* bytes of metadata a block */
	__u32	max_len;		/* bytes of data a command */
	__u32	features;		/* enum io_unified_dev_features */
	__u64	__resv[3];		/* must be 0 */
};

enum io_unified_dev_features {
	/* metadata follows each block of data in the same buffer */
	IO_UNIFIED_DEV_EXT_LBA		= 1U << 0,
};

#define IO_UNIFIED_MAGIC	0x316c6e75	/* "unl1" */

#define IO_UNIFIED_MAX_SOCKS	64

enum io_unified_sock_flags {
	/* take the socket with number @sock out; what it has not sent yet is lost */
	IO_UNIFIED_SOCK_REMOVE		= 1U << 0,
};

/*
 * IORING_REGISTER_UNIFIED_SOCK: a connected TCP socket that stages send to, by
 * bpf_io_unified_buf_send(), or by IO_UNIFIED_SEND for records of a receive that
 * names it in file_index.
 */
struct io_unified_sock_reg {
	__s32	fd;
	__u32	flags;			/* enum io_unified_sock_flags */
	__u32	sock;			/* out, or with SOCK_REMOVE: its number */
	__u32	__resv[5];		/* must be 0 */
};

/* The control page of IORING_REGISTER_UNIFIED_REGION */
struct io_unified_ctrl {
	__u32	magic;			/* IO_UNIFIED_MAGIC */
	__u32	buf_size;
	__u64	sq_entries;		/* offsets, as in the registration */
	__u64	cq_entries;
	__u64	data;
	__u64	data_size;
	__u32	lba_size;		/* of the first namespace, 0: none */
	__u32	nsid;
	__s32	numa_node;
	__u32	nr_devs;
	__u64	__resv0;
	struct io_unified_ring	sq;
	__u64	__resv1[3];
	struct io_unified_ring	cq;
	__u64	__resv2[235];
	struct io_unified_stats	stats;	/* at IO_UNIFIED_STATS_OFFSET */
};

/*
 * IORING_OP_UNIFIED
 *
 *	off	enum io_unified_op, what the data passes through
 *	addr	offset into the data area; 0 for a receive
 *	len	bytes of it; for a receive the record length: stages and
 *		application get the stream in records of so many bytes (the last
 *		may be shorter), 0 (multishot only): as the NIC delivered it, but
 *		no more than a record or a command of the device may have
 *	fd	the connected TCP socket, with NETWORK
 *	addr3	first LBA, with NVME
 *	buf_index the device, with NVME
 *	ioprio	IORING_RECV_MULTISHOT: records until the end of the stream
 *	file_index of a receive with BPF: 1 + the number of the socket that
 *		IO_UNIFIED_SEND is for, see IORING_REGISTER_UNIFIED_SOCK; 0: none
 *	rw_flags enum io_unified_op_flags
 *
 * NETWORK receives, unless IORING_UNIFIED_F_SEND says that it sends:
 *
 *	NETWORK			to the application, by CQEs with F_RECORD
 *	NETWORK|BPF		the same, but for what the stages drop
 *	NETWORK|NVME		appended from the first LBA on; what remains at
 *				the end is padded with zeroes to a block
 *	NETWORK|BPF|NVME	the same, but for what the stages drop or pass
 *				to the application
 *
 * One request CQE, when all is done: res is 0 for a multishot receive, the
 * bytes received for a single one (0: end of stream), or -errno of what ended
 * it early (ENOSPC: the namespace is full).  shutdown(fd, SHUT_RD) ends the
 * stream after what has been received by then.
 *
 * All others work on addr/len, in this order: NVMe read, stages, NVMe write,
 * send.
 *
 *	NVME			a read, with IORING_UNIFIED_F_WRITE a write
 *	NVME|BPF		read, then ->tx(); ->rx(), then write
 *	BPF			->rx(), res is the verdict
 *	NETWORK, F_SEND		send by zero copy
 *	NETWORK|BPF, F_SEND	->tx(), then send
 *	NETWORK|NVME, F_SEND	read, then send
 *	all three, F_SEND	read, then ->tx(), then send
 *
 * res is the bytes moved, less than len where the stream could not take more,
 * 0 where a stage dropped them, or -errno: EIO for a status of the device, then
 * a 32-byte CQE has it in big_cqe[0], and the result in big_cqe[1].
 *
 * A send ends when its memory may be used again, which is when the peer has
 * acknowledged it.  With IORING_UNIFIED_F_TAKEN a CQE with IORING_CQE_F_MORE and
 * the same res may come before: the socket has taken what it will, and what is
 * sent next is behind it in the stream.  Then the last one has
 * IORING_CQE_F_NOTIF.
 */
enum io_unified_op {
	IORING_UNIFIED_OP_NVME		= 1U << 0,
	IORING_UNIFIED_OP_NETWORK	= 1U << 1,
	IORING_UNIFIED_OP_BPF		= 1U << 2,
};

enum io_unified_op_flags {
	/* with a write: the CQE comes after an NVMe Flush */
	IORING_UNIFIED_F_FLUSH		= 1U << 0,
	/* NVME without NETWORK: write */
	IORING_UNIFIED_F_WRITE		= 1U << 1,
	/* NETWORK: send */
	IORING_UNIFIED_F_SEND		= 1U << 2,
	/* with a send: a CQE of its own when the socket has taken the data */
	IORING_UNIFIED_F_TAKEN		= 1U << 3,
};

/* IORING_REGISTER_QUERY with IO_URING_QUERY_UNIFIED; needs no ring */
struct io_uring_query_unified {
	__u64	reg_flags;		/* known of enum io_unified_reg_flags */
	__u64	op_mask;		/* of enum io_unified_op */
	__u64	op_flags;		/* of enum io_unified_op_flags */
	__u64	sqe_flags;		/* of enum io_unified_sqe_flags */
	__u32	max_entries;		/* of a ring */
	__u32	max_devs;
	__u32	max_stages;		/* 0: built without BPF */
	__u32	max_record;		/* bytes */
	__u32	driver;			/* 1: there is an NVMe driver */
	__u32	max_socks;
};

/* What a stage answers, struct io_unified_ops ->rx() and ->tx() */
enum io_unified_verdict {
	IO_UNIFIED_NEXT		= 0,	/* ask the next stage; after the last: go on */
	IO_UNIFIED_DROP		= 1,	/* give the memory back to the NIC */
	IO_UNIFIED_WRITE	= 2,	/* to NVMe, without asking further stages */
	IO_UNIFIED_PASS		= 3,	/* to the application */
	IO_UNIFIED_SEND		= 4,	/* to a socket */
};

/* struct io_unified_ops ->complete() */
enum io_unified_done {
	IO_UNIFIED_DONE		= 0,	/* account for it and free the memory */
	IO_UNIFIED_NOTIFY	= 1,	/* the same, and post a CQE */
	IO_UNIFIED_RETRY	= 2,	/* send the command again */
	IO_UNIFIED_SKIP		= 3,	/* DONE, but a failure does not end the stream */
};

#ifdef __cplusplus
#define __IO_UNIFIED_ASSERT(expr)	static_assert(expr, #expr)
#else
#define __IO_UNIFIED_ASSERT(expr)	_Static_assert(expr, #expr)
#endif
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_ring) == 40);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_sqe) == 128);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, buf_offset) == 72);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, user_data) == 80);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, flags) == 88);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, meta_offset) == 96);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, dev) == 104);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_sqe, __resv) == 112);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_cqe) == 64);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, result) == 8);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, status) == 12);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, dma_addr) == 16);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, len) == 24);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, flags) == 28);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_cqe, result64) == 32);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_reg) == 88);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_reg, offsets) == 48);
__IO_UNIFIED_ASSERT(sizeof(struct io_uring_unified_region_reg) == 104);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_uring_unified_region_reg, region_uptr) == 32);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_uring_unified_region_reg, offsets) == 72);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_dev_reg) == 64);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_sock_reg) == 32);
__IO_UNIFIED_ASSERT(sizeof(struct io_uring_query_unified) == 56);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_ctrl, sq) == 64);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_ctrl, cq) == 128);
__IO_UNIFIED_ASSERT(__builtin_offsetof(struct io_unified_ctrl, stats) ==
		    IO_UNIFIED_STATS_OFFSET);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_stats) == 192);
__IO_UNIFIED_ASSERT(sizeof(struct io_unified_ctrl) <= 4096);
#undef __IO_UNIFIED_ASSERT

#ifdef __cplusplus
}
#endif

#endif /* _UAPI_LINUX_IO_URING_UNIFIED_H */
