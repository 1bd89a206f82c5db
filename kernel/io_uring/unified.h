/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IOU_UNIFIED_H
#define IOU_UNIFIED_H

#include <linux/bvec.h>
#include <linux/io_uring_types.h>
#include <linux/io_uring/unified.h>
#include <linux/io_uring/unified_bpf.h>
#include <linux/llist.h>
#include <linux/nvme.h>
#include <linux/nvme_ioctl.h>
#include <linux/workqueue.h>
#include <net/page_pool/types.h>

struct io_zcrx_ifq;
struct io_zcrx_mem;
struct socket;

/* What is known of the flags that user space passes */
#define IO_UNIFIED_REG_FLAGS	(IO_UNIFIED_REG_POLL | IO_UNIFIED_REG_ADMIN | \
				 IO_UNIFIED_REG_SHARE)
#define IO_UNIFIED_SQE_FLAGS	(IO_UNIFIED_SQE_ADMIN | IO_UNIFIED_SQE_RETURN)
#define IO_UNIFIED_OP_MASK	(IORING_UNIFIED_OP_NVME | \
				 IORING_UNIFIED_OP_NETWORK | \
				 IORING_UNIFIED_OP_BPF)
#define IO_UNIFIED_OP_FLAGS	(IORING_UNIFIED_F_FLUSH | \
				 IORING_UNIFIED_F_WRITE | \
				 IORING_UNIFIED_F_SEND | \
				 IORING_UNIFIED_F_TAKEN)

/* Pieces of memory in one command or record */
#define IO_UNIFIED_MAX_FRAGS	65	/* 256 KiB, wherever they begin */
/* Bytes of a piece that several buffers make up: any device takes so many */
#define IO_UNIFIED_MAX_FRAG_LEN	SZ_64K
/* A record in more pieces than that is copied together */
#define IO_UNIFIED_MAX_REC_FRAGS	32
/* Bytes the gather aims at for a command */
#define IO_UNIFIED_MAX_CMD_LEN	SZ_128K
#define IO_UNIFIED_MIN_REC_LEN	512
#define IO_UNIFIED_MAX_REC_LEN	SZ_64K

/* Pieces of memory that separate metadata may be in */
#define IO_UNIFIED_MAX_META	5
/* Free transfers that one piece of payload, or a stream's end, may need at most */
#define IO_UNIFIED_RX_RESERVE	8

/* io_unified_frags.pgoff: memory that is no buffer of the NIC */
#define IO_UNIFIED_BUF_NONE	U32_MAX		/* not ours to free */
#define IO_UNIFIED_BUF_PAGE	(U32_MAX - 1)	/* a page made for a copy */

/*
 * Payload in pieces: where it is in memory, and, as pages of the data area, where
 * in the region.  A piece holds each NIC buffer that it has bytes in.
 */
struct io_unified_frags {
	u32		nr;
	u32		len;
	u32		align;	/* all offsets and lengths, or'ed */
	struct bio_vec	bv[IO_UNIFIED_MAX_FRAGS];
	u32		pgoff[IO_UNIFIED_MAX_FRAGS];
};

/* An NVMe namespace of a region */
struct io_unified_dev {
	struct io_unified_ns	ns;
	struct file		*file;
	struct file		*bdev_file;	/* the claim on it */
	u32			lba_shift;
	u64			nr_lbas;
	u32			max_len;
	u32			max_frags;
	unsigned long		dma_mask;
	unsigned long		gap_mask;
	unsigned long		seg_mask;	/* boundaries a piece may not cross */
	u32			max_seg;
	bool			any_piece;	/* but for max_frags and dma_mask */

	/* commands that found no tag, for the worker */
	struct llist_head	staged;
	struct work_struct	work;
};

/*
 * A record that is being received, an NVMe command, or what a request works on:
 * what moves between NIC, stages, device and socket.  They are allocated with
 * the region.
 */
struct io_unified_xfer {
	struct io_unified_buf		buf;	/* what programs see */
	struct io_unified_cmd		cmd;	/* what the driver sees */
	struct io_unified_ubuf		*ubuf;	/* what the socket sees */
	struct io_unified_region	*region;
	struct io_unified_dev		*dev;
	/* whose it is; neither: from the SQ */
	struct io_unified_stream	*stream;
	struct io_kiocb			*req;
	struct list_head		list;	/* free, ready, overflow, sends */
	struct llist_node		staged;

	struct nvme_uring_cmd		nvme;
	int				status;
	u64				result;
	u64				buf_offset;
	u32				nr_recs;
	u32				pad;
	u32				cqe_flags;
	u32				nr_posted; /* of a record's pieces */
	u32				mirror;	/* devices that are still to get it */
	u32				used;	/* those that have got it */
	u16				attempt;
	bool				admin;
	bool				bpf;	/* stages have a say */
	bool				routed;	/* and have had it */
	bool				fua;
	bool				made;	/* by a stage, and its own */
	bool				stored;	/* one of the mirrors has it */
	bool				shared;	/* its memory is a record's, too */
	bool				sending; /* more of it is to be sent */
	bool				to_sock; /* by a socket's worker */
	bool				copied;	/* by somebody on the way */
	bool				misfit;	/* one of its records is, by itself */
	struct delayed_work		delay;

	struct bio_vec			meta[IO_UNIFIED_MAX_META];
	struct io_unified_frags		frags;
};

/* A stage while it is attached */
struct io_unified_stage {
	struct io_unified_ops		*ops;
	struct io_unified_region	*region;
	u32				slot;	/* of its storage in streams */
	unsigned long			flags;
	struct io_unified_exit		exit;
};

/* io_unified_stage.flags */
enum {
	IO_UNIFIED_STAGE_EJECTING,	/* somebody fills in .exit */
	IO_UNIFIED_STAGE_EJECTED,	/* not to be asked any more */
	IO_UNIFIED_STAGE_EXITED,	/* it has been told */
};

/* The stages of a region, in order of their priority */
struct io_unified_chain {
	struct rcu_head			rcu;
	u32				nr;
	struct io_unified_stage		*stages[];
};

struct io_unified_region {
	struct io_ring_ctx		*ctx;
	struct io_mapped_region		mr;

	/* shared with user space; nothing in there is believed */
	struct io_unified_ctrl		*ctrl;	/* NULL in the layout of the IFQ call */
	struct io_unified_ring		*sq;
	struct io_unified_ring		*cq;
	struct io_unified_sqe		*sqes;
	struct io_unified_cqe		*cqes;
	struct io_unified_stats		*user_stats;

	/* constant once registered */
	u32				reg_flags;
	u32				sq_entries;
	u32				cq_entries;
	u32				data_page;	/* first of the data area */
	u64				data_size;
	u64				user_off;	/* where the user's part begins */
	u32				buf_shift;
	u32				nr_bufs;	/* of the NIC */
	u32				high, low;	/* marks for nr_held */
	u32				limit;		/* where nothing comes back */
	const struct cred		*creds;
	struct pid			*pid;	/* of the registrant */

	/* the NVMe namespaces; added under ->uring_lock, never removed */
	const struct io_unified_driver	*drv;
	u32				nr_devs;
	struct io_unified_dev		devs[IO_UNIFIED_MAX_DEVS];

	/* the NIC queue */
	struct io_zcrx_ifq		*ifq;
	bool				terminated;
	atomic_t			*holds;		/* pieces in each buffer */
	unsigned long			*queued;	/* buffers in the refill queue */
	u32				*refill;
	u32				refill_mask;
	u32				refill_head;	/* under ->lock, as the tail */
	u32				refill_tail;
	atomic_t			nr_held;

	/* under ->uring_lock */
	bool				leaving; /* NIC and sockets have gone */
	u32				sq_head;
	/* pieces that the application has, in each buffer; under both locks */
	u32				*app_holds;

	/* drains the SQ, with IO_UNIFIED_REG_POLL */
	struct task_struct		*poller;
	unsigned long			sq_idle;	/* jiffies */

	/* below: under ->lock, which is taken in hard interrupts */
	spinlock_t			lock;
	u32				cq_tail;
	u32				nr_free;
	u32				nr_inflight;	/* with the driver */
	u32				nr_app_holds;
	struct list_head		free;
	struct list_head		overflow;
	struct list_head		streams;
	struct list_head		sends;	/* of which sockets have memory */
	u32				nr_to_sock;
	struct io_unified_sock		*socks[IO_UNIFIED_MAX_SOCKS];
	u32				last_stream;
	struct io_unified_stats		stats;

	/* the stages, and what they have of the region */
	struct io_unified_chain __rcu	*chain;
	struct io_unified_ctx		prog_ctx;
	unsigned long			slots;	/* in use, under the chain's mutex */
	struct work_struct		eject_work;

	u32				nr_xfers;
	struct io_unified_xfer		*xfers;
};

/* What one IORING_OP_UNIFIED receives until the end of the stream */
struct io_unified_stream {
	struct io_unified_region *region;
	struct io_unified_dev	*dev;	/* NULL: all goes to the application */
	struct list_head	list;
	struct sock		*sk;	/* NULL once the request is gone */
	u64			user_data;
	u64			off;	/* bytes received */
	u64			lba;
	u32			rec_len;
	u32			max_rec; /* rec_len, or what is cut in any case */
	u32			sock;	/* number for IO_UNIFIED_SEND, + 1 */
	bool			bpf;
	bool			single;	/* one record */
	bool			flush;	/* still to be sent at the end */
	bool			eof;
	bool			hurry;	/* to end, with the transfers there are */
	bool			limited; /* @left is what is still to come */
	bool			refused; /* zcrx was told to stop reading */
	u32			left;
	int			error;	/* that ends it, -errno; set in any context */
	atomic_t		used;	/* devices that are to be flushed */

	struct io_unified_xfer	*rec;	/* being received */
	struct io_unified_xfer	*open;	/* being gathered */
	struct list_head	ready;	/* commands to be issued */
	u32			cur_buf;	/* zcrx looks at it */
	u32			held_buf;	/* cur_buf, if it must be held */
	u32			uncounted;	/* records, not in the statistics yet */
	u32			uncounted_bytes;
	u32			dropped_recs;	/* whose memory is in @dropped */
	struct io_unified_frags	dropped;

	/* under region->lock */
	u32			nr_inflight;
	bool			stalled;	/* waits for memory */
	u32			need;		/* or for so many transfers */
	bool			draining;	/* waits for its commands */

	/* of the stages */
	u32			nr;
	/* programs may have u64 in it, and atomic operations on them */
	u8			storage[IO_UNIFIED_MAX_STAGES][IO_UNIFIED_STORAGE] __aligned(8);
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

/* Count what has been received since this was called last */
static inline void io_unified_count_recs(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;

	lockdep_assert_held(&r->lock);
	io_unified_count_add(r, &r->stats.rx, s->uncounted, s->uncounted_bytes);
	io_unified_count_add(r, &r->stats.in_flight, s->uncounted,
			     s->uncounted_bytes);
	s->uncounted = 0;
	s->uncounted_bytes = 0;
}

/* For those who do not hold ->uring_lock, under which devices are added */
static inline bool io_unified_has_dev(struct io_unified_region *r, u32 nr)
{
	/* pairs with the store-release in io_unified_publish_dev() */
	return nr < smp_load_acquire(&r->nr_devs);
}

/* programs see the region as something opaque */
static inline struct io_unified_ctx *io_unified_mangle(struct io_unified_region *r)
{
	return &r->prog_ctx;
}

static inline struct io_unified_region *io_unified_demangle(struct io_unified_ctx *ctx)
{
	return container_of(ctx, struct io_unified_region, prog_ctx);
}

/* An NVMe command that moves data between @x and the device */
static inline bool io_unified_is_rw(const struct io_unified_xfer *x)
{
	return x->nvme.opcode == nvme_cmd_read || x->nvme.opcode == nvme_cmd_write;
}

#ifdef CONFIG_IO_URING_UNIFIED
/* unified.c: the region */
int io_register_unified(struct io_ring_ctx *ctx, unsigned int opcode,
			void __user *arg, unsigned int nr_args);
void io_free_unified(struct io_ring_ctx *ctx);
void io_unified_terminate(struct io_ring_ctx *ctx);
struct io_mapped_region *io_unified_get_region(struct io_ring_ctx *ctx);
void io_unified_show_fdinfo(struct io_ring_ctx *ctx, struct seq_file *m);
ssize_t io_unified_query(struct io_uring_query_unified *e);

/* unified_ring.c: SQ and CQ */
void __io_unified_enter(struct io_ring_ctx *ctx);
u32 io_unified_drain(struct io_unified_region *r, u32 nr);
void io_unified_post_cqe(struct io_unified_xfer *x, u32 flags);
int io_unified_start_poller(struct io_unified_region *r);
void io_unified_stop_poller(struct io_unified_region *r);

/* A submission queue that should be looked at, for io_uring_enter() */
static inline void io_unified_enter(struct io_ring_ctx *ctx)
{
	/* looked at again under ->uring_lock */
	if (unlikely(READ_ONCE(ctx->unified)))
		__io_unified_enter(ctx);
}

/* unified_nvme.c: transfers and the driver */
int io_unified_open_dev(struct io_unified_region *r, struct file *file);
void io_unified_publish_dev(struct io_unified_region *r);
void io_unified_close_dev(struct io_unified_dev *dev);
void io_unified_close_devs(struct io_unified_region *r);
bool io_unified_have_driver(void);
struct io_unified_xfer *io_unified_get_xfer(struct io_unified_region *r);
struct io_unified_xfer *io_unified_get_spare(struct io_unified_region *r);
void io_unified_free_xfer(struct io_unified_xfer *x);
void io_unified_put_xfer(struct io_unified_xfer *x);
void io_unified_issue(struct io_unified_xfer *x);
void io_unified_stage(struct io_unified_xfer *x);
void io_unified_refuse(struct io_unified_xfer *x, int err);
void io_unified_issue_list(struct io_unified_region *r, struct list_head *list);
void io_unified_delayed(struct work_struct *work);
void io_unified_again(struct io_unified_xfer *x, bool routed);
int io_unified_usable_dev(const struct io_unified_dev *dev);
int io_unified_range(struct io_unified_xfer *x, u64 off, u32 len);
int io_unified_meta_range(struct io_unified_xfer *x, u64 off, u32 len);
void io_unified_prep_rw(struct io_unified_xfer *x, u8 opcode, u64 lba);
void io_unified_prep_flush(struct io_unified_xfer *x);

/* unified_frags.c: payload by reference */
static inline bool io_unified_is_buf(u32 buf)
{
	return buf < IO_UNIFIED_BUF_PAGE;
}

/* The NIC buffer that has this page of the data area */
static inline u32 io_unified_page_buf(const struct io_unified_region *r, u32 pgoff)
{
	return pgoff >> (r->buf_shift - PAGE_SHIFT);
}

/* Where piece @i is, as offset into the data area */
static inline u64 io_unified_frag_off(const struct io_unified_frags *frags, u32 i)
{
	return ((u64)frags->pgoff[i] << PAGE_SHIFT) + frags->bv[i].bv_offset;
}

/* One more piece holds the buffer */
static inline void io_unified_hold(struct io_unified_region *r, u32 buf)
{
	if (io_unified_is_buf(buf))
		atomic_inc(&r->holds[buf]);
	atomic_inc(&r->nr_held);
}

/* Append a piece, whose hold on its memory the caller has taken */
static inline void io_unified_frag_push(struct io_unified_frags *frags,
					const struct bio_vec *bv, u32 pgoff)
{
	frags->bv[frags->nr] = *bv;
	frags->pgoff[frags->nr++] = pgoff;
	frags->len += bv->bv_len;
	frags->align |= bv->bv_offset | bv->bv_len;
}

void io_unified_unhold(struct io_unified_region *r, u32 buf);
unsigned int io_unified_refill(struct io_unified_region *r, struct page_pool *pp,
			       netmem_ref *netmems, unsigned int nr);
bool io_unified_reclaim(struct io_unified_region *r);
void io_unified_release(struct io_unified_region *r,
			struct io_unified_frags *frags);
void io_unified_frag_hold(struct io_unified_region *r,
			  const struct io_unified_frags *frags, u32 i);
void io_unified_frag_add(struct io_unified_region *r,
			 struct io_unified_frags *frags,
			 const struct bio_vec *bv, u32 pgoff);
void io_unified_frags_move(struct io_unified_region *r,
			   struct io_unified_frags *to,
			   struct io_unified_frags *from, u32 first);
void io_unified_frags_split(struct io_unified_region *r,
			    struct io_unified_frags *to,
			    struct io_unified_frags *from, u32 keep);
void io_unified_unpad(struct io_unified_xfer *x);
bool io_unified_misfit(const struct io_unified_dev *dev,
		       const struct io_unified_frags *frags);
int io_unified_compact(struct io_unified_xfer *x, u32 pad);

/* unified_gather.c: from records to write commands */
void io_unified_account_end(struct io_unified_region *r,
			    struct io_unified_count *count,
			    struct io_unified_xfer *x);
void io_unified_discard(struct io_unified_stream *s, struct io_unified_xfer *x);
void io_unified_keep_current(struct io_unified_stream *s);
int io_unified_close(struct io_unified_stream *s);
void io_unified_close_last(struct io_unified_stream *s);
void io_unified_gather(struct io_unified_stream *s, struct io_unified_xfer *rec);

/* unified_stream.c: from the NIC to records */
bool io_unified_rx(struct io_kiocb *req, struct net_iov *niov, u64 off, u32 len);
struct io_unified_stream *io_unified_stream_alloc(struct io_unified_region *r,
						  struct sock *sk);
void io_unified_stream_free(struct io_unified_stream *s);
void io_unified_stream_done(struct io_unified_xfer *x, int verdict);
void io_unified_streams_fail(struct io_unified_region *r, int err);
void io_unified_give_app(struct io_unified_xfer *x);
bool io_unified_in_area(const struct io_unified_frags *frags);
void io_unified_kick(struct io_unified_region *r);
int io_unified_stream_run(struct io_kiocb *req, struct io_unified_stream *s,
			  unsigned int issue_flags);

/* unified_zcrx.c: the NIC queue */
int io_unified_open_rxq(struct io_unified_region *r, u32 ifindex, u32 rxq,
			u32 buf_size);
void io_unified_close_rxq(struct io_unified_region *r);
void io_unified_terminate_rxq(struct io_unified_region *r);
int io_unified_import_area(struct io_zcrx_ifq *ifq, struct io_zcrx_mem *mem);
int io_unified_rxq_node(u32 ifindex);

/* unified_op.c: the request */
int io_unified_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe);
int io_unified_op(struct io_kiocb *req, unsigned int issue_flags);
void io_unified_cleanup(struct io_kiocb *req);
void io_unified_fail(struct io_kiocb *req);
struct io_unified_stream *io_unified_req_stream(struct io_kiocb *req);
void io_unified_req_done(struct io_unified_xfer *x);

/* unified_send.c: to a socket */
int io_unified_send(struct io_kiocb *req, struct io_unified_xfer *x, u32 *done,
		    unsigned int issue_flags);
bool io_unified_send_detach(struct io_unified_xfer *x);
int io_unified_send_begin(struct io_unified_xfer *x, struct sock *sk);
int io_unified_sendmsg(struct io_unified_xfer *x, struct socket *sock, u32 *done);
bool io_unified_send_finish(struct io_unified_xfer *x);
void io_unified_forget_sends(struct io_unified_region *r);

/* unified_sock.c: sockets that stages send to */
int io_unified_add_sock(struct io_unified_region *r, struct file *file);
int io_unified_del_sock(struct io_unified_region *r, u32 nr);
void io_unified_close_socks(struct io_unified_region *r);
int io_unified_to_sock(struct io_unified_xfer *x, u32 nr);
void io_unified_sock_sent(struct io_unified_xfer *x);
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

static inline void io_unified_enter(struct io_ring_ctx *ctx)
{
}

static inline void io_unified_show_fdinfo(struct io_ring_ctx *ctx,
					  struct seq_file *m)
{
}

static inline ssize_t io_unified_query(struct io_uring_query_unified *e)
{
	return -EOPNOTSUPP;
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
#define io_unified_fail		NULL
#endif

/* Which of a stage's functions is asked */
enum io_unified_hook {
	IO_UNIFIED_HOOK_RX,
	IO_UNIFIED_HOOK_TX,
};

#ifdef CONFIG_IO_URING_UNIFIED_BPF
/* unified_bpf.c: the stages */
int io_unified_run(struct io_unified_region *r, struct io_unified_xfer *x,
		   enum io_unified_hook hook);
int io_unified_run_submit(struct io_unified_region *r, struct io_unified_xfer *x,
			  struct io_unified_nvme *cmd);
int io_unified_run_complete(struct io_unified_region *r,
			    struct io_unified_xfer *x, int status);
bool io_unified_routes(struct io_unified_region *r);
void io_unified_eject_work(struct work_struct *work);
void io_unified_eject_all(struct io_unified_region *r);

/* unified_kfuncs.c: what they can call */
extern struct bpf_struct_ops io_unified_struct_ops;
int io_unified_register_kfuncs(void);
void io_unified_eject(struct io_unified_stage *st, u32 kind, s64 code,
		      const char *reason);
#else
static inline int io_unified_run(struct io_unified_region *r,
				 struct io_unified_xfer *x,
				 enum io_unified_hook hook)
{
	return IO_UNIFIED_NEXT;
}

static inline int io_unified_run_submit(struct io_unified_region *r,
					struct io_unified_xfer *x,
					struct io_unified_nvme *cmd)
{
	return 0;
}

static inline int io_unified_run_complete(struct io_unified_region *r,
					  struct io_unified_xfer *x, int status)
{
	return IO_UNIFIED_DONE;
}

static inline bool io_unified_routes(struct io_unified_region *r)
{
	return false;
}

static inline void io_unified_eject_work(struct work_struct *work)
{
}

static inline void io_unified_eject_all(struct io_unified_region *r)
{
}
#endif

#endif /* IOU_UNIFIED_H */
