/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IOU_UNIFIED_H
#define IOU_UNIFIED_H

#include <linux/bvec.h>
#include <linux/io_uring_types.h>
#include <linux/io_uring/unified.h>
#include <linux/io_uring/unified_bpf.h>
#include <linux/llist.h>
#include <linux/nvme_ioctl.h>
#include <net/page_pool/types.h>

struct io_zcrx_ifq;
struct io_zcrx_mem;

/* Pieces of memory in one command or record */
#define IO_UNIFIED_MAX_FRAGS	64
/* A record in more pieces than that is copied together */
#define IO_UNIFIED_MAX_REC_FRAGS	32
/* Bytes the gather aims at for a command */
#define IO_UNIFIED_MAX_CMD_LEN	SZ_128K
#define IO_UNIFIED_MIN_REC_LEN	512
#define IO_UNIFIED_MAX_REC_LEN	SZ_64K

/* io_unified_frags.buf: memory that is no buffer of the NIC */
#define IO_UNIFIED_BUF_NONE	U32_MAX		/* not ours to free */
#define IO_UNIFIED_BUF_PAGE	(U32_MAX - 1)	/* a page made for a copy */

/* Payload in pieces: where it is, and which NIC buffer each piece holds */
struct io_unified_frags {
	u32		nr;
	u32		len;
	struct bio_vec	bv[IO_UNIFIED_MAX_FRAGS];
	u32		buf[IO_UNIFIED_MAX_FRAGS];
};

/*
 * A record that is being received, or an NVMe command: what moves between the
 * NIC, the stages and the device.  They are allocated with the region.
 */
struct io_unified_xfer {
	struct io_unified_buf		buf;	/* what programs see */
	struct io_unified_cmd		cmd;	/* what the driver sees */
	struct io_unified_region	*region;
	struct io_unified_stream	*stream; /* NULL: from the SQ */
	struct list_head		list;	/* free, ready or overflow */
	struct llist_node		staged;

	struct nvme_uring_cmd		nvme;
	int				status;
	u64				result;
	u64				buf_offset;
	u32				nr_recs;
	u32				pad;
	u32				cqe_flags;

	struct io_unified_frags		frags;
};

/* The stages of a region, in order of their priority */
struct io_unified_chain {
	struct rcu_head			rcu;
	u32				nr;
	struct io_unified_ops		*ops[];
};

struct io_unified_region {
	struct io_ring_ctx		*ctx;
	struct io_mapped_region		mr;

	/* shared with user space; nothing in there is believed */
	struct io_unified_ring		*sq;
	struct io_unified_ring		*cq;
	struct io_unified_sqe		*sqes;
	struct io_unified_cqe		*cqes;
	struct io_unified_stats		*user_stats;

	/* constant once registered */
	u32				sq_entries;
	u32				cq_entries;
	u32				data_page;	/* first of the data area */
	u64				data_size;
	u64				user_off;	/* where the user's part begins */
	u32				buf_shift;
	u32				nr_bufs;	/* of the NIC */
	u32				high, low;	/* marks for nr_held */

	/* the NVMe namespace */
	const struct io_unified_driver	*drv;
	struct file			*dev_file;
	struct file			*bdev_file;	/* the claim on it */
	struct gendisk			*disk;
	const struct cred		*creds;
	u32				nsid;
	u32				lba_shift;
	u64				nr_lbas;
	u32				max_len;
	u32				max_frags;
	unsigned long			dma_mask;
	unsigned long			gap_mask;

	/* the NIC queue */
	struct io_zcrx_ifq		*ifq;
	bool				terminated;
	atomic_t			*holds;		/* pieces in each buffer */
	unsigned long			*queued;	/* buffers in the refill queue */
	u32				*refill;
	u32				refill_head;	/* under ->lock, as the tail */
	u32				refill_tail;
	atomic_t			nr_held;

	/* under ->uring_lock */
	u32				sq_head;

	/* below: under ->lock, which is taken in hard interrupts */
	spinlock_t			lock;
	u32				cq_tail;
	u32				nr_free;
	u32				nr_inflight;	/* with the driver */
	struct list_head		free;
	struct list_head		overflow;
	struct list_head		streams;
	struct io_unified_stats		stats;

	/* commands that found no tag, for the worker */
	struct llist_head		staged;
	struct work_struct		work;

	struct io_unified_chain __rcu	*chain;

	u32				nr_xfers;
	struct io_unified_xfer		*xfers;
};

/* What one IORING_OP_UNIFIED receives until the end of the stream */
struct io_unified_stream {
	struct io_unified_region	*region;
	struct list_head		list;
	struct sock			*sk;	/* NULL once the request is gone */
	u64				user_data;
	u64				off;	/* bytes received */
	u64				lba;
	u32				rec_len;
	bool				bpf;
	bool				flush;	/* still to be sent at the end */
	bool				eof;
	bool				limited; /* @left is what is still to come */
	bool				refused; /* zcrx was told to stop reading */
	u32				left;
	int				error;	/* that ends it, -errno; set in any context */

	struct io_unified_xfer		*rec;	/* being received */
	struct io_unified_xfer		*open;	/* being gathered */
	struct list_head		ready;	/* commands to be issued */
	u32				held_buf;

	/* under region->lock */
	u32				nr_inflight;
	bool				stalled;	/* waits for memory */
	bool				draining;	/* waits for its commands */
};

static inline void io_unified_stat_add(struct io_unified_region *r, __u64 *stat,
				       u64 n)
{
	__u64 *user = (void *)r->user_stats + ((void *)stat - (void *)&r->stats);

	lockdep_assert_held(&r->lock);
	*stat += n;
	WRITE_ONCE(*user, *stat);
}

static inline void io_unified_count_add(struct io_unified_region *r,
					struct io_unified_count *count,
					s64 bufs, s64 bytes)
{
	io_unified_stat_add(r, &count->bufs, bufs);
	io_unified_stat_add(r, &count->bytes, bytes);
}

/* programs see the region as something opaque */
static inline struct io_unified_ctx *io_unified_mangle(struct io_unified_region *r)
{
	return (struct io_unified_ctx *)r;
}

#ifdef CONFIG_IO_URING_UNIFIED
/* unified.c: the region */
int io_register_unified(struct io_ring_ctx *ctx, unsigned int opcode,
			void __user *arg, unsigned int nr_args);
void io_free_unified(struct io_ring_ctx *ctx);
struct io_mapped_region *io_unified_get_region(struct io_ring_ctx *ctx);

/* unified_ring.c: SQ and CQ */
void __io_unified_drain(struct io_ring_ctx *ctx);
void io_unified_post_cqe(struct io_unified_xfer *x, u32 flags);

/* A submission queue that should be looked at, for io_uring_enter() */
static inline void io_unified_drain(struct io_ring_ctx *ctx)
{
	/* looked at again under ->uring_lock */
	if (unlikely(READ_ONCE(ctx->unified)))
		__io_unified_drain(ctx);
}

/* unified_nvme.c: transfers and the driver */
int io_unified_open_dev(struct io_unified_region *r, struct file *file);
void io_unified_close_dev(struct io_unified_region *r);
struct io_unified_xfer *io_unified_get_xfer(struct io_unified_region *r);
void io_unified_put_xfer(struct io_unified_xfer *x);
void io_unified_issue(struct io_unified_xfer *x);
void io_unified_stage(struct io_unified_xfer *x);
void io_unified_refuse(struct io_unified_xfer *x, int err);
void io_unified_issue_list(struct io_unified_region *r, struct list_head *list);
void io_unified_work(struct work_struct *work);
int io_unified_range(struct io_unified_xfer *x, u64 off, u32 len);

/* unified_rx.c: from the NIC to commands */
bool io_unified_rx(struct io_kiocb *req, struct net_iov *niov, u64 off, u32 len);
unsigned int io_unified_refill(struct io_unified_region *r, struct page_pool *pp,
			       netmem_ref *netmems, unsigned int nr);
struct io_unified_stream *io_unified_req_stream(struct io_kiocb *req);
struct io_unified_stream *io_unified_stream_alloc(struct io_unified_region *r,
						  struct sock *sk);
void io_unified_stream_flush(struct io_unified_stream *s);
int io_unified_stream_send_flush(struct io_unified_stream *s);
void io_unified_stream_free(struct io_unified_stream *s);
void io_unified_stream_done(struct io_unified_xfer *x);
void io_unified_release(struct io_unified_region *r,
			struct io_unified_frags *frags);

/* unified_zcrx.c: the NIC queue */
int io_unified_open_rxq(struct io_unified_region *r, u32 ifindex, u32 rxq,
			u32 buf_size);
void io_unified_close_rxq(struct io_unified_region *r);
void io_unified_terminate(struct io_ring_ctx *ctx);
int io_unified_import_area(struct io_zcrx_ifq *ifq, struct io_zcrx_mem *mem);

/* unified_op.c: the request */
int io_unified_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe);
int io_unified_op(struct io_kiocb *req, unsigned int issue_flags);
void io_unified_cleanup(struct io_kiocb *req);
#else
static inline int io_register_unified(struct io_ring_ctx *ctx,
				      unsigned int opcode, void __user *arg,
				      unsigned int nr_args)
{
	return -EOPNOTSUPP;
}

static inline void io_free_unified(struct io_ring_ctx *ctx)
{
}

static inline struct io_mapped_region *io_unified_get_region(struct io_ring_ctx *ctx)
{
	return NULL;
}

static inline void io_unified_drain(struct io_ring_ctx *ctx)
{
}

/* no queue of zcrx belongs to a region */
static inline bool io_unified_rx(struct io_kiocb *req, struct net_iov *niov,
				 u64 off, u32 len)
{
	return false;
}

static inline unsigned int io_unified_refill(struct io_unified_region *r,
					     struct page_pool *pp,
					     netmem_ref *netmems,
					     unsigned int nr)
{
	return 0;
}

static inline void io_unified_terminate(struct io_ring_ctx *ctx)
{
}

static inline int io_unified_import_area(struct io_zcrx_ifq *ifq,
					 struct io_zcrx_mem *mem)
{
	return -EOPNOTSUPP;
}

/* an entry of opdef.c like those of other options that are off */
#define io_unified_prep		io_eopnotsupp_prep
#define io_unified_op		NULL
#define io_unified_cleanup	NULL
#endif

#ifdef CONFIG_IO_URING_UNIFIED_BPF
/* unified_bpf.c: the stages */
int io_unified_run_rx(struct io_unified_region *r, struct io_unified_xfer *x);
int io_unified_run_complete(struct io_unified_region *r,
			    struct io_unified_xfer *x, int status);
void io_unified_eject_all(struct io_unified_region *r);
#else
static inline int io_unified_run_rx(struct io_unified_region *r,
				    struct io_unified_xfer *x)
{
	return IO_UNIFIED_NEXT;
}

static inline int io_unified_run_complete(struct io_unified_region *r,
					  struct io_unified_xfer *x, int status)
{
	return IO_UNIFIED_DONE;
}

static inline void io_unified_eject_all(struct io_unified_region *r)
{
}
#endif

#endif /* IOU_UNIFIED_H */
