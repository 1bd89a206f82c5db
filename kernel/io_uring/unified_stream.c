// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: from the NIC to records.
 *
 * A receive cuts what zcrx hands over into records, which the stages decide
 * about: to the device, to the application, or back to the NIC.  It runs from
 * its poll entry only: when there is data, when memory came back, and when its
 * last command has ended.
 */
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <net/sock.h>
#include <trace/events/io_unified.h>

#include "io_uring.h"
#include "unified.h"
#include "zcrx.h"

/*
 * The application gets the record where it lies.  It answers for each piece,
 * and until then the piece keeps its buffer.
 */
void io_unified_give_app(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	u32 i;

	x->result = x->buf.stream_off;
	x->nr_posted = 0;
	scoped_guard(spinlock_irqsave, &r->lock) {
		for (i = 0; i < x->frags.nr; i++)
			r->app_holds[io_unified_page_buf(r, x->frags.pgoff[i])]++;
		r->nr_app_holds += x->frags.nr;
		io_unified_count_add(r, &r->stats.passed, 1, x->frags.len);
		io_unified_count_add(r, &r->stats.in_flight, -1,
				     -(s64)x->frags.len);
		io_unified_post_cqe(x, IO_UNIFIED_CQE_F_RECORD);
	}
	percpu_ref_put(&r->ctx->refs);
}

/* Or had it to be copied together, and is not in the data area any more? */
bool io_unified_in_area(const struct io_unified_frags *frags)
{
	u32 i;

	for (i = 0; i < frags->nr; i++) {
		if (!io_unified_is_buf(frags->pgoff[i]))
			return false;
	}
	return true;
}

/*
 * The buffer that zcrx is looking at has to be held until it looks at another
 * one, if some of it may be let go before: zcrx takes its own reference only
 * after io_unified_rx().
 */
void io_unified_keep_current(struct io_unified_stream *s)
{
	if (s->held_buf == s->cur_buf)
		return;
	io_unified_hold(s->region, s->cur_buf);
	s->held_buf = s->cur_buf;
}

/* zcrx has taken its reference, and looks at @buf */
static void io_unified_set_current(struct io_unified_stream *s, u32 buf)
{
	lockdep_assert_held(&s->region->lock);

	if (s->held_buf != buf && s->held_buf != IO_UNIFIED_BUF_NONE) {
		io_unified_unhold(s->region, s->held_buf);
		s->held_buf = IO_UNIFIED_BUF_NONE;
	}
	s->cur_buf = buf;
}

/* Dropped records give their memory back together: each time takes a lock */
static void io_unified_free_dropped(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;
	u32 nr = s->dropped_recs, len = s->dropped.len;

	lockdep_assert_held(&r->lock);

	io_unified_count_recs(s);
	io_unified_count_add(r, &r->stats.dropped, nr, len);
	io_unified_count_add(r, &r->stats.in_flight, -(s64)nr, -(s64)len);
	io_unified_release(r, &s->dropped);
	s->dropped_recs = 0;
}

static void io_unified_drop(struct io_unified_stream *s,
			    struct io_unified_xfer *rec)
{
	struct io_unified_region *r = s->region;

	if (s->dropped.nr + rec->frags.nr > IO_UNIFIED_MAX_FRAGS) {
		io_unified_keep_current(s);
		scoped_guard(spinlock_irqsave, &r->lock)
			io_unified_free_dropped(s);
	}
	s->dropped_recs++;
	rec->nr_recs = 0;
	io_unified_frags_move(r, &s->dropped, &rec->frags, 0);
}

/* To the application, or a socket: the stream goes on with another transfer */
static int io_unified_give(struct io_unified_stream *s,
			   struct io_unified_xfer *rec, int verdict)
{
	struct io_unified_xfer *next;
	int ret = 0;

	if (verdict == IO_UNIFIED_PASS && !io_unified_in_area(&rec->frags))
		return -EOPNOTSUPP;
	io_unified_keep_current(s);
	scoped_guard(spinlock_irqsave, &s->region->lock)
		io_unified_count_recs(s);
	next = io_unified_get_xfer(s->region);
	if (!next) {
		WRITE_ONCE(s->error, -ENOMEM);
		return -ENOMEM;
	}
	if (verdict == IO_UNIFIED_PASS)
		io_unified_give_app(rec);
	else
		ret = io_unified_to_sock(rec, s->sock - 1);
	if (ret)
		io_unified_put_xfer(next);
	else
		s->rec = next;
	return ret;
}

/* What becomes of a record: 0, or it stays with the caller */
static int io_unified_obey(struct io_unified_stream *s,
			   struct io_unified_xfer *rec, int verdict)
{
	/* an ejected stage that nothing goes past ends the stream, or has */
	if (unlikely(verdict == -ECANCELED && !s->error))
		WRITE_ONCE(s->error, verdict);
	if (unlikely(READ_ONCE(s->error)))
		return s->error;
	if (verdict == IO_UNIFIED_NEXT)
		verdict = s->dev ? IO_UNIFIED_WRITE : IO_UNIFIED_PASS;
	if (verdict == IO_UNIFIED_WRITE && s->dev) {
		io_unified_gather(s, rec);
		return s->error;
	}
	if (verdict == IO_UNIFIED_PASS || (verdict == IO_UNIFIED_SEND && s->sock))
		return io_unified_give(s, rec, verdict);
	return verdict == IO_UNIFIED_DROP ? 0 : -EINVAL;
}

/* A record is complete: ask the stages */
static void io_unified_record(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *rec = s->rec;
	int verdict = IO_UNIFIED_NEXT;
	int ret;

	rec->buf.user_data = s->user_data;
	rec->buf.stream_off = s->off - rec->frags.len;
	rec->buf.len = rec->frags.len;
	rec->buf.nr_frags = rec->frags.nr;
	rec->buf.stream = s->nr;
	rec->stream = s;
	rec->nr_recs = 1;
	s->uncounted++;
	if (s->bpf)
		verdict = io_unified_run(r, rec, IO_UNIFIED_HOOK_RX);
	trace_io_unified_rx(r->ctx, &rec->buf, verdict);
	ret = io_unified_obey(s, rec, verdict);

	/* it went on to somebody else, or the gather has taken all of it */
	if (s->rec != rec || !rec->frags.nr)
		return;
	if (likely(!ret)) {
		io_unified_drop(s, rec);
		return;
	}
	io_unified_keep_current(s);
	guard(spinlock_irqsave)(&r->lock);
	io_unified_count_recs(s);
	if (!s->error)
		io_unified_stat_add(r, &r->stats.stage_errors, 1);
	io_unified_account_end(r, s->error ? &r->stats.failed : &r->stats.dropped,
			       rec);
}

/*
 * Memory for one more piece, of @max, and @need transfers.  Others take
 * transfers under ->uring_lock, too, and stages leave that many: there can only
 * be more.
 */
static bool io_unified_rx_room(struct io_unified_region *r, u32 max, u32 need)
{
	return atomic_read(&r->nr_held) < max && READ_ONCE(r->nr_free) >= need;
}

/* Is there something to come that brings memory back? */
static bool io_unified_waits(struct io_unified_region *r)
{
	lockdep_assert_held(&r->lock);

	return r->nr_inflight || r->nr_app_holds || r->nr_to_sock ||
	       !list_empty(&r->sends) || !list_empty(&r->overflow);
}

/* There is none, unless it is what has been dropped: reception waits for it */
static bool io_unified_rx_stall(struct io_unified_stream *s, u32 need)
{
	struct io_unified_region *r = s->region;

	guard(spinlock_irqsave)(&r->lock);
	io_unified_free_dropped(s);
	if (io_unified_rx_room(r, r->high, need))
		return false;
	/* what is held are the beginnings of records: with more they go on */
	if (!io_unified_waits(r) && io_unified_rx_room(r, r->limit, need))
		return false;
	s->refused = true;
	s->need = READ_ONCE(r->nr_free) < need ? need : 0;
	io_unified_stat_add(r, &r->stats.rx_stalls, 1);
	return true;
}

static bool io_unified_rx_begin(struct io_unified_stream *s, u32 buf, u32 len,
				bool copied)
{
	struct io_unified_region *r = s->region;
	u32 need = IO_UNIFIED_RX_RESERVE;

	if (READ_ONCE(s->error))
		return false;
	/* each record of it may become a transfer of its own */
	need += len / s->max_rec;
	if (unlikely(!io_unified_rx_room(r, r->high, need)) &&
	    io_unified_rx_stall(s, need))
		return false;
	if (s->held_buf != IO_UNIFIED_BUF_NONE) {
		guard(spinlock_irqsave)(&r->lock);
		io_unified_set_current(s, buf);
	}
	s->cur_buf = buf;
	s->uncounted_bytes += len;
	if (unlikely(copied)) {
		guard(spinlock_irqsave)(&r->lock);
		io_unified_stat_add(r, &r->stats.copied_bytes, len);
	}
	return true;
}

/* The stream ended with an error before it could keep these */
static void io_unified_lose(struct io_unified_stream *s, u32 len)
{
	struct io_unified_region *r = s->region;

	guard(spinlock_irqsave)(&r->lock);
	io_unified_count_recs(s);
	io_unified_count_add(r, &r->stats.failed, 0, len);
	io_unified_count_add(r, &r->stats.in_flight, 0, -(s64)len);
}

/*
 * A record in too many pieces is copied together; the application, which gets
 * them where they lie, gets it as two records.
 */
static void io_unified_shorten(struct io_unified_stream *s)
{
	if (!s->dev) {
		io_unified_record(s);
		return;
	}
	io_unified_keep_current(s);
	if (io_unified_compact(s->rec, 0))
		WRITE_ONCE(s->error, -ENOMEM);
}

/*
 * Payload for the stream of @req: @len bytes at @off of the buffer @niov.  All
 * of it is taken, or none and zcrx stops reading the socket.
 *
 * Context: the task of the ring, with the socket and ->uring_lock locked.
 */
bool io_unified_rx(struct io_kiocb *req, struct net_iov *niov, u64 off, u32 len)
{
	struct io_unified_stream *s = io_unified_req_stream(req);
	struct io_unified_region *r = s->region;
	u32 buf = net_iov_idx(niov);
	struct bio_vec bv;

	off += (u64)buf << r->buf_shift;
	/* zcrx copied what the NIC did not place into the area by itself */
	if (!io_unified_rx_begin(s, buf, len, !niov->desc.pp))
		return false;

	while (len) {
		struct io_unified_frags *frags = &s->rec->frags;
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(off));

		n = min(n, s->max_rec - frags->len);
		bvec_set_page(&bv, r->mr.pages[r->data_page + (off >> PAGE_SHIFT)],
			      n, offset_in_page(off));
		io_unified_frag_add(r, frags, &bv, off >> PAGE_SHIFT);
		s->off += n;
		off += n;
		len -= n;
		if (frags->len == s->max_rec || (!s->rec_len && !len))
			io_unified_record(s);
		else if (frags->nr >= IO_UNIFIED_MAX_REC_FRAGS)
			io_unified_shorten(s);
		if (unlikely(s->error))
			break;
	}
	if (unlikely(len))
		io_unified_lose(s, len);
	/* who sees zcrx's reference, which comes next, sees the holds, too */
	smp_wmb();
	return true;
}

/*
 * A stream
 */

struct io_unified_stream *io_unified_stream_alloc(struct io_unified_region *r,
						  struct sock *sk)
{
	struct io_unified_stream *s = kzalloc_obj(*s, GFP_KERNEL_ACCOUNT);

	if (!s)
		return ERR_PTR(-ENOMEM);
	/* more streams than can receive at all would only wait for each other */
	s->rec = io_unified_get_spare(r);
	if (!s->rec) {
		kfree(s);
		return ERR_PTR(-ENOBUFS);
	}
	s->region = r;
	s->sk = sk;
	s->cur_buf = IO_UNIFIED_BUF_NONE;
	s->held_buf = IO_UNIFIED_BUF_NONE;
	INIT_LIST_HEAD(&s->ready);
	scoped_guard(spinlock_irqsave, &r->lock) {
		/* 0 is what belongs to no stream */
		s->nr = ++r->last_stream ?: ++r->last_stream;
		list_add_tail(&s->list, &r->streams);
	}
	return s;
}

/* zcrx is not looking any more */
static void io_unified_rx_end(struct io_unified_stream *s)
{
	bool freed;

	guard(spinlock_irqsave)(&s->region->lock);
	freed = s->dropped_recs || s->held_buf != IO_UNIFIED_BUF_NONE;
	io_unified_set_current(s, IO_UNIFIED_BUF_NONE);
	io_unified_free_dropped(s);
	if (freed)
		io_unified_kick(s->region);
}

/* For what a stream ends with; as in io_unified_rx_room(), there can only be more */
static bool io_unified_end_room(struct io_unified_region *r)
{
	return READ_ONCE(r->nr_free) >= IO_UNIFIED_RX_RESERVE;
}

/*
 * Send what has been gathered; at the end of the stream, all of it.
 *
 * Return: false if the end has to wait for transfers.
 */
static bool io_unified_stream_flush(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;

	if (s->eof && !s->hurry && !READ_ONCE(s->error) && !io_unified_end_room(r)) {
		io_unified_rx_end(s);
		io_unified_issue_list(r, &s->ready);
		return false;
	}
	if (s->eof && s->rec->frags.len)
		io_unified_record(s);
	io_unified_rx_end(s);
	if (!s->error && s->dev)
		io_unified_close(s);
	if (!s->error && s->dev && s->eof)
		io_unified_close_last(s);
	io_unified_issue_list(r, &s->ready);
	return true;
}

/*
 * Make what has been written durable, once all has been.
 *
 * Return: false if some of it has to wait for a transfer.
 */
static bool io_unified_stream_send_flush(struct io_unified_stream *s)
{
	unsigned long devs = atomic_read(&s->used);
	struct io_unified_region *r = s->region;
	unsigned int nr;

	for_each_set_bit(nr, &devs, IO_UNIFIED_MAX_DEVS) {
		struct io_unified_xfer *x = io_unified_get_xfer(r);

		if (!x)
			return false;
		atomic_andnot(BIT(nr), &s->used);
		x->stream = s;
		x->dev = &r->devs[nr];
		x->buf.user_data = s->user_data;
		io_unified_prep_flush(x);
		io_unified_issue(x);
	}
	return true;
}

/* The request has ended; commands it left behind keep what they need */
void io_unified_stream_free(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *x, *tmp;
	bool last;

	io_unified_rx_end(s);
	if (s->rec->frags.len) {
		s->rec->nr_recs = 1;
		s->uncounted++;
	}
	io_unified_discard(s, s->rec);
	if (s->open)
		io_unified_discard(s, s->open);
	list_for_each_entry_safe(x, tmp, &s->ready, list) {
		list_del(&x->list);
		io_unified_discard(s, x);
	}
	scoped_guard(spinlock_irqsave, &r->lock) {
		s->sk = NULL;
		s->stalled = false;
		s->draining = false;
		last = !s->nr_inflight;
		if (last)
			list_del(&s->list);
		io_unified_kick(r);
	}
	if (last)
		kfree(s);
}

/* Its poll entry is on the socket's wait queue: that runs the request again */
static void io_unified_wake(struct sock *sk)
{
	struct socket_wq *wq;

	guard(rcu)();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLIN | EPOLLRDNORM);
}

/* Memory came back, or a stream's last command: who waited for that? */
void io_unified_kick(struct io_unified_region *r)
{
	bool low = atomic_read(&r->nr_held) <= r->low || !io_unified_waits(r);
	struct io_unified_stream *s;

	lockdep_assert_held(&r->lock);

	list_for_each_entry(s, &r->streams, list) {
		bool room = low || (s->need && r->nr_free >= s->need);

		if (!(s->stalled && room) && !(s->draining && !s->nr_inflight))
			continue;
		s->stalled = false;
		s->draining = false;
		io_unified_wake(s->sk);
	}
}

/* Every stream ends here; any context */
void io_unified_streams_fail(struct io_unified_region *r, int err)
{
	struct io_unified_stream *s;

	guard(spinlock_irqsave)(&r->lock);
	list_for_each_entry(s, &r->streams, list) {
		if (!s->error)
			WRITE_ONCE(s->error, err);
		if (s->sk)
			io_unified_wake(s->sk);
	}
}

static void io_unified_account_cmd(struct io_unified_xfer *x, int verdict)
{
	struct io_unified_region *r = x->region;
	bool skip = verdict == IO_UNIFIED_SKIP;

	if (x->status)
		io_unified_stat_add(r, &r->stats.nvme_errors, 1);
	if (x->status && !skip && !x->stream->error)
		WRITE_ONCE(x->stream->error, x->status < 0 ? x->status : -EIO);
	io_unified_account_end(r, !x->status || (x->stored && skip) ?
				  &r->stats.written : &r->stats.failed, x);
}

/*
 * A command of a stream has ended: account for it, return its memory, and free
 * the stream if it was the last thing to keep it.
 *
 * Context: any, hard interrupts included.
 */
void io_unified_stream_done(struct io_unified_xfer *x, int verdict)
{
	struct io_unified_region *r = x->region;
	struct io_unified_stream *s = x->stream;
	struct io_ring_ctx *ctx = r->ctx;
	bool last;

	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight--;
		s->nr_inflight--;
		io_unified_account_cmd(x, verdict);
		if (verdict == IO_UNIFIED_NOTIFY)
			io_unified_post_cqe(x, IO_UNIFIED_CQE_F_NOTIFY);
		else
			io_unified_free_xfer(x);
		io_unified_kick(r);
		last = !s->sk && !s->nr_inflight;
		if (last)
			list_del(&s->list);
	}
	if (last)
		kfree(s);
	/* @r may go with it */
	percpu_ref_put(&ctx->refs);
}

/*
 * The request
 */

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
	if (!ret || (s->limited && !s->left))
		s->eof = true;
	return ret;
}

/*
 * The last record, or a flush, waits for transfers.  Where nothing brings any it
 * has to do with those that there are.
 */
static int io_unified_stall_end(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;

	guard(spinlock_irq)(&r->lock);
	/* while the ring goes away there are none to be had */
	if (io_unified_end_room(r) && !percpu_ref_is_dying(&r->ctx->refs))
		return IOU_REQUEUE;
	s->need = IO_UNIFIED_RX_RESERVE;
	s->stalled = io_unified_waits(r);
	if (s->stalled)
		return IOU_RETRY;
	if (s->hurry)
		WRITE_ONCE(s->error, -ENOBUFS);
	s->hurry = true;
	return IOU_REQUEUE;
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
		if (!io_unified_stream_send_flush(s))
			return io_unified_stall_end(s);
		s->flush = false;
		/* the flush itself may have failed by now */
		return IOU_REQUEUE;
	}
	/* a reset shuts the socket down, too, but is no end of the stream */
	if (!s->error && !s->single)
		WRITE_ONCE(s->error, sock_error(s->sk));
	if (s->error)
		req_set_fail(req);
	io_req_set_res(req, s->error ?: s->single ? s->off : 0, 0);
	return IOU_COMPLETE;
}

/*
 * The region is full, or zcrx found no buffer to @copy into: wait for what brings
 * memory back.  Nothing will when the beginnings of other streams' records hold
 * all of it, or the NIC does.
 */
static int io_unified_stall(struct io_unified_stream *s, bool copy)
{
	struct io_unified_region *r = s->region;

	if (copy && io_unified_reclaim(r))
		return IOU_REQUEUE;
	scoped_guard(spinlock_irq, &r->lock) {
		/* what has come back by now wakes nobody */
		if (!copy && io_unified_rx_room(r, r->high, s->need))
			return IOU_REQUEUE;
		s->stalled = io_unified_waits(r);
		if (s->stalled)
			return IOU_RETRY;
		if (!copy && io_unified_rx_room(r, r->limit, s->need))
			return IOU_REQUEUE;
	}
	return copy && io_unified_reclaim(r) ? IOU_REQUEUE : -ENOBUFS;
}

int io_unified_stream_run(struct io_kiocb *req, struct io_unified_stream *s,
			  unsigned int issue_flags)
{
	int ret = 0;

	/* always from the poll entry, so that no wake up is missed */
	if (!(issue_flags & IO_URING_F_MULTISHOT))
		return -EAGAIN;
	if (!s->eof && !READ_ONCE(s->error))
		ret = io_unified_read(req, s, issue_flags);
	if (!io_unified_stream_flush(s))
		return io_unified_stall_end(s);
	if (s->eof || READ_ONCE(s->error))
		return io_unified_drain_stream(req, s);
	if (s->refused || ret == -ENOMEM)
		ret = io_unified_stall(s, !s->refused);
	if (ret == IOU_REQUEUE || ret == IOU_RETRY)
		return ret;
	if (ret < 0) {
		WRITE_ONCE(s->error, ret);
		return io_unified_drain_stream(req, s);
	}
	return IOU_RETRY;
}
