// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: IORING_OP_UNIFIED.
 *
 * A receive is a stream, see unified_stream.c.  Everything else works on a
 * range of the data area, in steps: NVMe read, stages, NVMe write, send.
 */
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/nvme.h>
#include <net/sock.h>

#include "io_uring.h"
#include "unified.h"

enum io_unified_step {
	IO_UNIFIED_STEP_READ,
	IO_UNIFIED_STEP_STAGES,
	IO_UNIFIED_STEP_WRITE,
	IO_UNIFIED_STEP_FLUSH,
	IO_UNIFIED_STEP_SEND,
	IO_UNIFIED_STEP_END,
};

struct io_unified_req {
	struct file			*file;
	struct io_unified_stream	*stream;
	struct io_unified_xfer		*xfer;
	u64				lba;
	u64				off;
	u32				len;
	u32				sent;
	int				fd;
	u16				dev;
	u8				mask;
	u8				flags;
	u8				step;
	u8				sock;	/* number + 1 */
	bool				multishot;
	bool				done;	/* with sending */
	bool				taken;	/* and has said so */
};

struct io_unified_stream *io_unified_req_stream(struct io_kiocb *req)
{
	return io_kiocb_to_cmd(req, struct io_unified_req)->stream;
}

static bool io_unified_receives(const struct io_unified_req *ureq)
{
	return ureq->mask & IORING_UNIFIED_OP_NETWORK &&
	       !(ureq->flags & IORING_UNIFIED_F_SEND);
}

static bool io_unified_writes(const struct io_unified_req *ureq)
{
	return ureq->mask & IORING_UNIFIED_OP_NVME &&
	       (ureq->flags & IORING_UNIFIED_F_WRITE ||
		io_unified_receives(ureq));
}

static int io_unified_check_dev(struct io_unified_region *r,
				const struct io_unified_req *ureq)
{
	const struct io_unified_dev *dev = &r->devs[ureq->dev];
	u64 nr = ureq->len >> dev->lba_shift;

	if (ureq->dev >= r->nr_devs)
		return -ENODEV;
	if (io_unified_usable_dev(dev))
		return -EOPNOTSUPP;
	if (ureq->lba >= dev->nr_lbas)
		return -EINVAL;
	if (io_unified_receives(ureq))
		return ureq->len + dev->ns.lba_size > dev->max_len ? -EINVAL : 0;
	if (ureq->len & (dev->ns.lba_size - 1) || ureq->len > dev->max_len ||
	    nr > dev->nr_lbas - ureq->lba)
		return -EINVAL;
	return 0;
}

static int io_unified_check(struct io_unified_region *r,
			    const struct io_unified_req *ureq)
{
	if (!r)
		return -ENXIO;
	if (io_unified_receives(ureq)) {
		if (!r->ifq)
			return -ENODEV;
		if (ureq->len && (ureq->len < IO_UNIFIED_MIN_REC_LEN ||
				  ureq->len > IO_UNIFIED_MAX_REC_LEN))
			return -EINVAL;
	} else if (!ureq->len) {
		return -EINVAL;
	}
	if (ureq->mask & IORING_UNIFIED_OP_NVME)
		return io_unified_check_dev(r, ureq);
	return 0;
}

/* Fields and flags that make no sense together */
static int io_unified_check_flags(const struct io_unified_req *ureq)
{
	bool net = ureq->mask & IORING_UNIFIED_OP_NETWORK;
	bool nvme = ureq->mask & IORING_UNIFIED_OP_NVME;

	if (ureq->flags & ~(u32)IO_UNIFIED_OP_FLAGS)
		return -EINVAL;
	if (ureq->flags & IORING_UNIFIED_F_SEND && !net)
		return -EINVAL;
	if (ureq->flags & IORING_UNIFIED_F_TAKEN &&
	    !(ureq->flags & IORING_UNIFIED_F_SEND))
		return -EINVAL;
	if (ureq->flags & IORING_UNIFIED_F_WRITE && (net || !nvme))
		return -EINVAL;
	if (ureq->flags & IORING_UNIFIED_F_FLUSH && !io_unified_writes(ureq))
		return -EINVAL;
	if (!nvme && (ureq->lba || ureq->dev))
		return -EINVAL;
	if (!io_unified_receives(ureq))
		return ureq->multishot || ureq->sock ? -EINVAL : 0;
	/* only a stage sends it there */
	if (ureq->sock && !(ureq->mask & IORING_UNIFIED_OP_BPF))
		return -EINVAL;
	/* one record has to have a length */
	return ureq->off || (!ureq->multishot && !ureq->len) ? -EINVAL : 0;
}

int io_unified_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	u64 mask = READ_ONCE(sqe->off);
	u32 flags = READ_ONCE(sqe->rw_flags);
	u16 ioprio = READ_ONCE(sqe->ioprio);
	u32 file_index;
	int ret;

	/* io_unified_fail() looks at it, whatever becomes of this */
	ureq->sent = 0;
	if (!mask || mask & ~(u64)IO_UNIFIED_OP_MASK ||
	    flags & ~(u32)IO_UNIFIED_OP_FLAGS)
		return -EINVAL;
	if (ioprio & ~IORING_RECV_MULTISHOT)
		return -EINVAL;
	if (sqe->__pad2[0])
		return -EINVAL;
	file_index = READ_ONCE(sqe->file_index);
	if (file_index > IO_UNIFIED_MAX_SOCKS)
		return -EINVAL;
	*ureq = (struct io_unified_req) {
		.mask		= mask,
		.flags		= flags,
		.multishot	= ioprio,
		.sock		= file_index,
		.fd		= READ_ONCE(sqe->fd),
		.off		= READ_ONCE(sqe->addr),
		.len		= READ_ONCE(sqe->len),
		.lba		= READ_ONCE(sqe->addr3),
		.dev		= READ_ONCE(sqe->buf_index),
	};
	ret = io_unified_check_flags(ureq);
	if (ret)
		return ret;
	/* there is a CQE with F_MORE, so the last one has to come */
	if (ureq->flags & IORING_UNIFIED_F_TAKEN &&
	    req->flags & REQ_F_CQE_SKIP)
		return -EINVAL;
	ureq->dev = array_index_nospec(ureq->dev, IO_UNIFIED_MAX_DEVS);
	if (ureq->dev != READ_ONCE(sqe->buf_index))
		return -ENODEV;

	return io_unified_check(req->ctx->unified, ureq);
}

/* Only some of the operations have a file, so the opcode takes none by itself */
static int io_unified_get_sock(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct socket *sock;

	if (req->flags & REQ_F_FIXED_FILE)
		req->file = io_file_get_fixed(req, ureq->fd, issue_flags);
	else
		req->file = io_file_get_normal(req, ureq->fd);
	if (!req->file)
		return -EBADF;
	sock = sock_from_file(req->file);
	if (!sock)
		return -ENOTSOCK;
	return sk_is_tcp(sock->sk) ? 0 : -EPROTONOSUPPORT;
}

static int io_unified_start_stream(struct io_kiocb *req,
				   struct io_unified_region *r)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_stream *s;

	s = io_unified_stream_alloc(r, sock_from_file(req->file)->sk);
	if (IS_ERR(s))
		return PTR_ERR(s);
	s->dev = ureq->mask & IORING_UNIFIED_OP_NVME ? &r->devs[ureq->dev] : NULL;
	s->user_data = req->cqe.user_data;
	s->lba = ureq->lba;
	s->rec_len = ureq->len;
	s->max_rec = s->rec_len ?: IO_UNIFIED_MAX_REC_LEN;
	/* a command has to take it */
	if (s->dev)
		s->max_rec = min(s->max_rec, s->dev->max_len);
	s->sock = ureq->sock;
	s->bpf = ureq->mask & IORING_UNIFIED_OP_BPF;
	s->flush = ureq->flags & IORING_UNIFIED_F_FLUSH;
	s->single = !ureq->multishot;
	s->limited = s->single;
	s->left = s->single ? s->rec_len : 0;
	ureq->stream = s;
	/* also one record is received from the poll entry */
	req->flags |= REQ_F_APOLL_MULTISHOT;
	return 0;
}

static int io_unified_start_range(struct io_kiocb *req,
				  struct io_unified_region *r)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_xfer *x = io_unified_get_xfer(r);

	if (!x)
		return -ENOBUFS;
	x->req = req;
	x->bpf = ureq->mask & IORING_UNIFIED_OP_BPF;
	x->dev = ureq->mask & IORING_UNIFIED_OP_NVME ? &r->devs[ureq->dev] : NULL;
	x->buf.user_data = req->cqe.user_data;
	x->buf.slba = ureq->lba;
	ureq->xfer = x;
	return io_unified_range(x, ureq->off, ureq->len);
}

static int io_unified_start(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_region *r = req->ctx->unified;
	int ret;

	/* of a link, it may start when the region is gone or another one */
	ret = io_unified_check(r, ureq);
	if (ret)
		return ret;
	if (ureq->mask & IORING_UNIFIED_OP_NETWORK) {
		ret = io_unified_get_sock(req, issue_flags);
		if (ret)
			return ret;
	}
	req->flags |= REQ_F_NEED_CLEANUP;
	if (io_unified_receives(ureq))
		return io_unified_start_stream(req, r);
	return io_unified_start_range(req, r);
}

void io_unified_cleanup(struct io_kiocb *req)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_xfer *x = ureq->xfer;

	if (ureq->stream)
		io_unified_stream_free(ureq->stream);
	if (!x || io_unified_send_detach(x))
		return;
	scoped_guard(spinlock_irqsave, &x->region->lock) {
		io_unified_release(x->region, &x->frags);
		io_unified_kick(x->region);
	}
	io_unified_put_xfer(x);
}

static void io_unified_tw(struct io_tw_req tw_req, io_tw_token_t tw)
{
	io_req_task_submit(tw_req, tw);
}

/* A command of the request has ended, or its data has been sent; any context */
void io_unified_req_done(struct io_unified_xfer *x)
{
	x->req->io_task_work.func = io_unified_tw;
	io_req_task_work_add(x->req);
}

/* The stages say how it goes on, or that the request ends here */
static int io_unified_ask(struct io_kiocb *req, struct io_unified_xfer *x)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	bool alone = ureq->mask == IORING_UNIFIED_OP_BPF;
	bool net = ureq->mask & IORING_UNIFIED_OP_NETWORK;
	bool writes = io_unified_writes(ureq);
	int verdict;

	verdict = io_unified_run(x->region, x, writes || alone ?
				 IO_UNIFIED_HOOK_RX : IO_UNIFIED_HOOK_TX);
	if (alone && verdict >= IO_UNIFIED_NEXT && verdict <= IO_UNIFIED_SEND) {
		ureq->len = verdict;
		ureq->step = IO_UNIFIED_STEP_END;
		return 0;
	}
	/* PASS of what was read or is to be sent: as the request says */
	if (verdict == IO_UNIFIED_NEXT ||
	    (verdict == IO_UNIFIED_WRITE && writes) ||
	    (verdict == IO_UNIFIED_PASS && !writes) ||
	    (verdict == IO_UNIFIED_SEND && net))
		return 0;
	if (verdict == IO_UNIFIED_DROP) {
		ureq->len = 0;
		ureq->step = IO_UNIFIED_STEP_END;
		return 0;
	}
	guard(spinlock_irq)(&x->region->lock);
	io_unified_stat_add(x->region, &x->region->stats.stage_errors, 1);
	return verdict < 0 ? verdict : -EINVAL;
}

/* Send @x's command; the request is run again when it has ended */
static int io_unified_command(struct io_unified_xfer *x)
{
	io_unified_issue(x);
	return IOU_ISSUE_SKIP_COMPLETE;
}

/* The socket has what it will take of @x, and keeps its memory for a while */
static void io_unified_taken(struct io_kiocb *req, struct io_unified_xfer *x)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);

	if (ureq->flags & IORING_UNIFIED_F_TAKEN &&
	    io_req_post_cqe(req, ureq->sent ?: x->status, IORING_CQE_F_MORE))
		ureq->taken = true;
}

static int io_unified_finish_req(struct io_kiocb *req, struct io_unified_xfer *x)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_region *r = x->region;

	io_req_set_res(req, ureq->len, 0);
	if (!ureq->done)
		return IOU_COMPLETE;

	/* it was to be sent */
	io_req_set_res(req, ureq->sent ?: x->status,
		       ureq->taken ? IORING_CQE_F_NOTIF : 0);
	if (req->cqe.res < 0)
		req_set_fail(req);
	if (x->copied) {
		guard(spinlock_irq)(&r->lock);
		io_unified_stat_add(r, &r->stats.copied_bytes, ureq->sent);
	}
	return IOU_COMPLETE;
}

/* What the device said, all of it in a CQE of 32 bytes */
static int io_unified_fail_req(struct io_kiocb *req, struct io_unified_xfer *x)
{
	req_set_fail(req);
	if (x->status < 0)
		io_req_set_res(req, x->status, 0);
	else if (req->ctx->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED))
		io_req_set_res32(req, -EIO, 0, x->status, x->result);
	else
		io_req_set_res(req, -EIO, 0);
	return IOU_COMPLETE;
}

static int io_unified_run_range(struct io_kiocb *req, struct io_unified_xfer *x,
				unsigned int issue_flags)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	bool writes = io_unified_writes(ureq);
	int ret;

	/* of the command before */
	if (x->status && ureq->step != IO_UNIFIED_STEP_END)
		return io_unified_fail_req(req, x);

	switch (ureq->step) {
	case IO_UNIFIED_STEP_READ:
		ureq->step = IO_UNIFIED_STEP_STAGES;
		if (ureq->mask & IORING_UNIFIED_OP_NVME && !writes) {
			io_unified_prep_rw(x, nvme_cmd_read, ureq->lba);
			return io_unified_command(x);
		}
		fallthrough;
	case IO_UNIFIED_STEP_STAGES:
		ureq->step = IO_UNIFIED_STEP_WRITE;
		if (ureq->mask & IORING_UNIFIED_OP_BPF) {
			ret = io_unified_ask(req, x);
			if (ret)
				return ret;
			if (ureq->step == IO_UNIFIED_STEP_END)
				break;
		}
		fallthrough;
	case IO_UNIFIED_STEP_WRITE:
		ureq->step = IO_UNIFIED_STEP_FLUSH;
		if (writes) {
			io_unified_prep_rw(x, nvme_cmd_write, ureq->lba);
			return io_unified_command(x);
		}
		fallthrough;
	case IO_UNIFIED_STEP_FLUSH:
		ureq->step = IO_UNIFIED_STEP_SEND;
		if (ureq->flags & IORING_UNIFIED_F_FLUSH && x->used) {
			/* one device after the other */
			ureq->step = IO_UNIFIED_STEP_FLUSH;
			x->dev = &x->region->devs[__ffs(x->used)];
			x->used &= x->used - 1;
			io_unified_prep_flush(x);
			return io_unified_command(x);
		}
		fallthrough;
	case IO_UNIFIED_STEP_SEND:
		if (ureq->mask & IORING_UNIFIED_OP_NETWORK) {
			ret = io_unified_send(req, x, &ureq->sent, issue_flags);
			/* else it waits for room */
			if (!x->sending) {
				ureq->done = true;
				ureq->step = IO_UNIFIED_STEP_END;
			}
			if (ret != IOU_COMPLETE) {
				if (ureq->done)
					io_unified_taken(req, x);
				return ret;
			}
		}
		break;
	}
	return io_unified_finish_req(req, x);
}

/* Cancelled while it waited for room: what has been sent, has been */
void io_unified_fail(struct io_kiocb *req)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);

	if (ureq->sent)
		req->cqe.res = ureq->sent;
}

int io_unified_op(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	int ret = 0;

	/*
	 * A worker, for IOSQE_ASYNC or after a drain, has not got ->uring_lock,
	 * which protects the region; and there is nothing to wait for.
	 */
	if (issue_flags & IO_URING_F_IOWQ) {
		req->flags &= ~REQ_F_FORCE_ASYNC;
		req->io_task_work.func = io_unified_tw;
		io_req_task_work_add(req);
		return IOU_ISSUE_SKIP_COMPLETE;
	}
	if (!ureq->stream && !ureq->xfer)
		ret = io_unified_start(req, issue_flags);
	if (!ret && ureq->stream)
		ret = io_unified_stream_run(req, ureq->stream, issue_flags);
	else if (!ret)
		ret = io_unified_run_range(req, ureq->xfer, issue_flags);

	switch (ret) {
	case IOU_ISSUE_SKIP_COMPLETE:
	case IOU_REQUEUE:
	case IOU_RETRY:
		break;
	default:
		/* not later than the CQE: a worker may keep the request longer */
		io_unified_cleanup(req);
		ureq->stream = NULL;
		ureq->xfer = NULL;
		req->flags &= ~REQ_F_NEED_CLEANUP;
	}
	return ret;
}
