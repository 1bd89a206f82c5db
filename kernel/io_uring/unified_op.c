// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: IORING_OP_UNIFIED.
 *
 * A multishot receive runs from its poll entry: when there is data, when
 * memory came back, and when its last command has ended.
 */
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/tcp.h>
#include <net/sock.h>

#include "io_uring.h"
#include "unified.h"
#include "zcrx.h"

#define IO_UNIFIED_OPS		(IORING_UNIFIED_OP_NETWORK | \
				 IORING_UNIFIED_OP_BPF | IORING_UNIFIED_OP_NVME)
#define IO_UNIFIED_RECORD	(IORING_UNIFIED_OP_NETWORK | \
				 IORING_UNIFIED_OP_NVME)

struct io_unified_req {
	struct file			*file;
	struct io_unified_stream	*stream;
	u64				lba;
	u32				len;
	u32				flags;
	u32				mask;
	int				fd;
};

struct io_unified_stream *io_unified_req_stream(struct io_kiocb *req)
{
	return io_kiocb_to_cmd(req, struct io_unified_req)->stream;
}

static int io_unified_check(struct io_unified_region *r,
			    const struct io_unified_req *ureq)
{
	if (!r)
		return -ENXIO;
	if (!r->ifq || !r->disk)
		return -ENODEV;
	if ((1U << r->lba_shift) > PAGE_SIZE)
		return -EOPNOTSUPP;
	if (ureq->lba >= r->nr_lbas)
		return -EINVAL;
	if (ureq->len && (ureq->len < IO_UNIFIED_MIN_REC_LEN ||
			  ureq->len > IO_UNIFIED_MAX_REC_LEN ||
			  ureq->len + (1U << r->lba_shift) > r->max_len))
		return -EINVAL;
	return 0;
}

int io_unified_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	u64 mask = READ_ONCE(sqe->off);

	ureq->stream = NULL;
	if (!mask || mask & ~(u64)IO_UNIFIED_OPS)
		return -EINVAL;
	if ((mask & IO_UNIFIED_RECORD) != IO_UNIFIED_RECORD)
		return -EOPNOTSUPP;
	if (READ_ONCE(sqe->ioprio) != IORING_RECV_MULTISHOT)
		return -EINVAL;
	if (sqe->buf_index || sqe->splice_fd_in || sqe->__pad2[0] || sqe->addr)
		return -EINVAL;
	ureq->mask = mask;
	ureq->flags = READ_ONCE(sqe->rw_flags);
	if (ureq->flags & ~IORING_UNIFIED_F_FLUSH)
		return -EINVAL;
	ureq->fd = READ_ONCE(sqe->fd);
	ureq->len = READ_ONCE(sqe->len);
	ureq->lba = READ_ONCE(sqe->addr3);

	req->flags |= REQ_F_APOLL_MULTISHOT;
	return io_unified_check(req->ctx->unified, ureq);
}

/* Only some of the operations have a file, so the opcode takes none by itself */
static struct file *io_unified_get_file(struct io_kiocb *req, int fd,
					unsigned int issue_flags)
{
	if (req->flags & REQ_F_FIXED_FILE)
		return io_file_get_fixed(req, fd, issue_flags);
	return io_file_get_normal(req, fd);
}

static int io_unified_start(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_unified_req *ureq = io_kiocb_to_cmd(req, struct io_unified_req);
	struct io_unified_region *r = req->ctx->unified;
	struct io_unified_stream *s;
	struct socket *sock;
	int ret;

	/* of a link, it may start when the region is gone or another one */
	ret = io_unified_check(r, ureq);
	if (ret)
		return ret;
	req->file = io_unified_get_file(req, ureq->fd, issue_flags);
	if (!req->file)
		return -EBADF;
	sock = sock_from_file(req->file);
	if (!sock)
		return -ENOTSOCK;
	if (!sk_is_tcp(sock->sk))
		return -EPROTONOSUPPORT;

	s = io_unified_stream_alloc(r, sock->sk);
	if (!s)
		return -ENOMEM;
	s->user_data = req->cqe.user_data;
	s->lba = ureq->lba;
	s->rec_len = ureq->len;
	s->bpf = ureq->mask & IORING_UNIFIED_OP_BPF;
	s->flush = ureq->flags & IORING_UNIFIED_F_FLUSH;
	ureq->stream = s;
	req->flags |= REQ_F_NEED_CLEANUP;
	return 0;
}

void io_unified_cleanup(struct io_kiocb *req)
{
	io_unified_stream_free(io_unified_req_stream(req));
}

/*
 * Once the socket is shut down for reading, by either side, what the stream
 * will get is what has been received by now.
 */
static void io_unified_limit(struct io_unified_stream *s)
{
	struct tcp_sock *tp = tcp_sk(s->sk);

	if (s->limited || !(READ_ONCE(s->sk->sk_shutdown) & RCV_SHUTDOWN))
		return;
	lock_sock(s->sk);
	s->left = tp->rcv_nxt - tp->copied_seq;
	release_sock(s->sk);
	s->limited = true;
}

static int io_unified_read(struct io_kiocb *req, struct io_unified_stream *s,
			   unsigned int issue_flags)
{
	unsigned int len = 0;
	int ret;

	io_unified_limit(s);
	if (s->limited) {
		if (!s->left) {
			s->eof = true;
			return 0;
		}
		len = s->left;
	}
	s->refused = false;
	ret = io_zcrx_recv(req, s->region->ifq, sock_from_file(req->file), 0,
			   issue_flags, &len);
	if (s->limited)
		s->left = len;
	if (!ret)
		s->eof = true;
	return ret;
}

/* All has been sent: wait for it to complete, then end */
static int io_unified_drain_stream(struct io_kiocb *req,
				   struct io_unified_stream *s)
{
	scoped_guard(spinlock_irq, &s->region->lock) {
		if (s->nr_inflight) {
			s->draining = true;
			return IOU_RETRY;
		}
	}
	if (s->flush && !s->error) {
		s->flush = false;
		WRITE_ONCE(s->error, io_unified_stream_send_flush(s));
		return IOU_REQUEUE;
	}
	if (s->error)
		req_set_fail(req);
	io_req_set_res(req, s->error, 0);
	return IOU_COMPLETE;
}

/* The region is full, or there was nothing to copy into */
static int io_unified_stall(struct io_unified_stream *s)
{
	guard(spinlock_irq)(&s->region->lock);
	/* without a command in flight nobody would wake it */
	s->stalled = s->region->nr_inflight;
	return s->stalled ? IOU_RETRY : IOU_REQUEUE;
}

int io_unified_op(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_unified_stream *s = io_unified_req_stream(req);
	int ret;

	/* a worker has not got ->uring_lock, which protects the region */
	if (issue_flags & IO_URING_F_IOWQ)
		return -EINVAL;
	if (!s) {
		ret = io_unified_start(req, issue_flags);
		if (ret)
			return ret;
	}
	/* always from the poll entry, so that no wake up is missed */
	if (!(issue_flags & IO_URING_F_MULTISHOT))
		return -EAGAIN;
	if (s->eof || READ_ONCE(s->error))
		return io_unified_drain_stream(req, s);

	ret = io_unified_read(req, s, issue_flags);
	io_unified_stream_flush(s);
	if (s->eof || READ_ONCE(s->error))
		return io_unified_drain_stream(req, s);
	if (s->refused || ret == -ENOMEM)
		return io_unified_stall(s);
	if (ret == IOU_REQUEUE || ret == -EAGAIN)
		return ret;
	if (ret < 0) {
		WRITE_ONCE(s->error, ret);
		return io_unified_drain_stream(req, s);
	}
	return IOU_RETRY;
}
