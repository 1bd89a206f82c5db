// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: from the NIC to NVMe commands.
 *
 * zcrx hands over the payload of a TCP stream in pieces, each in a buffer of
 * the region.  Here they become records, which the stages decide about, and
 * those that stay become write commands.  The pieces are passed on by
 * reference: each holds its buffer until it has been dropped or written.  What
 * the device cannot take as it lies in memory is copied, and counted.
 */
#include <linux/highmem.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/nvme.h>
#include <linux/slab.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <net/sock.h>

#include "io_uring.h"
#include "unified.h"
#include "zcrx.h"

/* Free transfers that one piece of payload may need at most */
#define IO_UNIFIED_RX_RESERVE	8
/* Pieces of an unfinished block that a stream keeps */
#define IO_UNIFIED_MAX_TAIL	16

static bool io_unified_is_buf(u32 buf)
{
	return buf < IO_UNIFIED_BUF_PAGE;
}

static void io_unified_hold(struct io_unified_region *r, u32 buf)
{
	if (io_unified_is_buf(buf))
		atomic_inc(&r->holds[buf]);
	atomic_inc(&r->nr_held);
}

static void io_unified_unhold(struct io_unified_region *r, u32 buf)
{
	lockdep_assert_held(&r->lock);

	atomic_dec(&r->nr_held);
	if (!io_unified_is_buf(buf) || !atomic_dec_and_test(&r->holds[buf]))
		return;
	if (!__test_and_set_bit(buf, r->queued))
		r->refill[r->refill_tail++ & (roundup_pow_of_two(r->nr_bufs) - 1)] = buf;
}

static u32 io_unified_pop_refill(struct io_unified_region *r, u32 *bufs, u32 nr)
{
	u32 i;

	guard(spinlock_irqsave)(&r->lock);
	nr = min(nr, r->refill_tail - r->refill_head);
	for (i = 0; i < nr; i++) {
		bufs[i] = r->refill[r->refill_head++ &
				    (roundup_pow_of_two(r->nr_bufs) - 1)];
		__clear_bit(bufs[i], r->queued);
	}
	return nr;
}

/*
 * The page pool needs buffers: return those whose last piece has been let go,
 * as io_zcrx_ring_refill() does with those that user space returns.
 */
unsigned int io_unified_refill(struct io_unified_region *r, struct page_pool *pp,
			       netmem_ref *netmems, unsigned int nr)
{
	struct io_zcrx_area *area = r->ifq->areas[0];
	u32 bufs[PP_ALLOC_CACHE_REFILL];
	unsigned int got = 0;
	u32 i, n;

	nr = min(nr, PP_ALLOC_CACHE_REFILL);
	while (got < nr && (n = io_unified_pop_refill(r, bufs, nr - got))) {
		for (i = 0; i < n; i++) {
			struct net_iov *niov = &area->nia.niovs[bufs[i]];
			int refs = atomic_read(&area->user_refs[bufs[i]]);

			/* more of its payload came meanwhile: it will be back */
			if (!refs || atomic_read(&r->holds[bufs[i]]))
				continue;
			if (zcrx_put_refill_niov(niov, pp, refs))
				netmems[got++] = net_iov_to_netmem(niov);
		}
	}
	return got;
}

/* Let go of memory; the caller has accounted for what was in it */
void io_unified_release(struct io_unified_region *r,
			struct io_unified_frags *frags)
{
	u32 i;

	for (i = 0; i < frags->nr; i++) {
		if (frags->buf[i] == IO_UNIFIED_BUF_NONE)
			continue;
		if (frags->buf[i] == IO_UNIFIED_BUF_PAGE)
			put_page(frags->bv[i].bv_page);
		io_unified_unhold(r, frags->buf[i]);
	}
	frags->nr = 0;
	frags->len = 0;
}

/* Append a piece, whose hold on its memory the caller has taken */
static void io_unified_frag_push(struct io_unified_frags *frags,
				 const struct bio_vec *bv, u32 buf)
{
	frags->bv[frags->nr] = *bv;
	frags->buf[frags->nr++] = buf;
	frags->len += bv->bv_len;
}

static bool io_unified_frag_merge(struct io_unified_frags *frags,
				  const struct bio_vec *bv, u32 buf)
{
	struct bio_vec *prev;

	if (!frags->nr || !io_unified_is_buf(buf) ||
	    frags->buf[frags->nr - 1] != buf)
		return false;
	prev = &frags->bv[frags->nr - 1];
	if (prev->bv_page != bv->bv_page ||
	    prev->bv_offset + prev->bv_len != bv->bv_offset)
		return false;
	prev->bv_len += bv->bv_len;
	frags->len += bv->bv_len;
	return true;
}

static void io_unified_frag_add(struct io_unified_region *r,
				struct io_unified_frags *frags,
				const struct bio_vec *bv, u32 buf)
{
	if (io_unified_frag_merge(frags, bv, buf))
		return;
	io_unified_hold(r, buf);
	io_unified_frag_push(frags, bv, buf);
}

/* Append all of @from, with its holds, to @to, which has room */
static void io_unified_frags_move(struct io_unified_region *r,
				  struct io_unified_frags *to,
				  struct io_unified_frags *from, u32 first)
{
	u32 i;

	for (i = first; i < from->nr; i++) {
		from->len -= from->bv[i].bv_len;
		if (!io_unified_frag_merge(to, &from->bv[i], from->buf[i])) {
			io_unified_frag_push(to, &from->bv[i], from->buf[i]);
			continue;
		}
		/* never the last hold, the piece before it has one too */
		atomic_dec(&r->holds[from->buf[i]]);
		atomic_dec(&r->nr_held);
	}
	from->nr = first;
}

/* Move all but the first @keep bytes of @from to @to, which is empty */
static void io_unified_frags_split(struct io_unified_region *r,
				   struct io_unified_frags *to,
				   struct io_unified_frags *from, u32 keep)
{
	u32 i = 0;

	while (keep && keep >= from->bv[i].bv_len)
		keep -= from->bv[i++].bv_len;
	if (keep) {
		struct bio_vec *bv = &from->bv[i], rest = *bv;

		rest.bv_offset += keep;
		rest.bv_len -= keep;
		if (from->buf[i] == IO_UNIFIED_BUF_PAGE)
			get_page(rest.bv_page);
		io_unified_frag_add(r, to, &rest, from->buf[i]);
		from->len -= rest.bv_len;
		bv->bv_len = keep;
		i++;
	}
	io_unified_frags_move(r, to, from, i);
}

/* Does the device have to be helped to read this? */
static bool io_unified_misfit(struct io_unified_region *r,
			      const struct io_unified_frags *frags)
{
	u32 i;

	if (frags->nr > r->max_frags)
		return true;
	for (i = 0; i < frags->nr; i++) {
		const struct bio_vec *bv = &frags->bv[i];

		if ((bv->bv_offset | bv->bv_len) & r->dma_mask)
			return true;
		if (i && bv->bv_offset & r->gap_mask)
			return true;
		if (i + 1 < frags->nr &&
		    (bv->bv_offset + bv->bv_len) & r->gap_mask)
			return true;
	}
	return false;
}

static int io_unified_alloc_pages(struct io_unified_region *r,
				  struct io_unified_frags *frags, u32 len)
{
	while (len) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT);
		struct bio_vec bv;

		if (!page)
			return -ENOMEM;
		bvec_set_page(&bv, page, min_t(u32, len, PAGE_SIZE), 0);
		io_unified_hold(r, IO_UNIFIED_BUF_PAGE);
		io_unified_frag_push(frags, &bv, IO_UNIFIED_BUF_PAGE);
		len -= bv.bv_len;
	}
	return 0;
}

static void io_unified_copy_frags(struct io_unified_frags *to,
				  const struct io_unified_frags *from)
{
	struct iov_iter iter;
	u32 i;

	iov_iter_bvec(&iter, ITER_DEST, to->bv, to->nr, to->len);
	for (i = 0; i < from->nr; i++)
		copy_page_to_iter(from->bv[i].bv_page, from->bv[i].bv_offset,
				  from->bv[i].bv_len, &iter);
}

/* Replace what holds @x's payload by whole pages; @pad bytes are no payload */
static int io_unified_compact(struct io_unified_xfer *x, u32 pad)
{
	struct io_unified_region *r = x->region;
	struct io_unified_xfer *y = io_unified_get_xfer(r);
	int ret;

	if (!y)
		return -ENOMEM;
	ret = io_unified_alloc_pages(r, &y->frags, x->frags.len);
	if (!ret)
		io_unified_copy_frags(&y->frags, &x->frags);
	scoped_guard(spinlock_irqsave, &r->lock) {
		if (!ret) {
			io_unified_stat_add(r, &r->stats.copied_bytes, x->frags.len - pad);
			io_unified_release(r, &x->frags);
		} else {
			io_unified_release(r, &y->frags);
		}
	}
	if (!ret) {
		x->frags.nr = 0;
		x->frags.len = 0;
		io_unified_frags_move(r, &x->frags, &y->frags, 0);
	}
	io_unified_put_xfer(y);
	return ret;
}

/* The end of payload that will not be written: dropped, or lost by an error */
static void io_unified_account_end(struct io_unified_region *r,
				   struct io_unified_count *count,
				   struct io_unified_xfer *x)
{
	u32 len = x->frags.len - x->pad;

	io_unified_count_add(r, count, x->nr_recs, len);
	io_unified_count_add(r, &r->stats.in_flight, -(s64)x->nr_recs, -(s64)len);
	io_unified_release(r, &x->frags);
	x->nr_recs = 0;
}

/* The stream cannot write it any more */
static void io_unified_discard(struct io_unified_stream *s,
			       struct io_unified_xfer *x)
{
	struct io_unified_region *r = s->region;

	scoped_guard(spinlock_irqsave, &r->lock)
		io_unified_account_end(r, &r->stats.failed, x);
	io_unified_put_xfer(x);
}

static void io_unified_prep_write(struct io_unified_stream *s,
				  struct io_unified_xfer *x)
{
	struct io_unified_region *r = s->region;
	u32 nlb = x->frags.len >> r->lba_shift;

	x->stream = s;
	x->buf.slba = s->lba;
	x->buf.nr_frags = x->frags.nr;
	x->nvme.opcode = nvme_cmd_write;
	x->nvme.nsid = r->nsid;
	x->nvme.data_len = x->frags.len;
	x->nvme.cdw10 = lower_32_bits(s->lba);
	x->nvme.cdw11 = upper_32_bits(s->lba);
	x->nvme.cdw12 = nlb - 1;
	s->lba += nlb;
}

static void io_unified_pad(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	u32 rem = x->frags.len & ((1U << r->lba_shift) - 1);
	struct bio_vec bv;

	if (!rem)
		return;
	x->pad = (1U << r->lba_shift) - rem;
	bvec_set_page(&bv, ZERO_PAGE(0), x->pad, 0);
	io_unified_frag_push(&x->frags, &bv, IO_UNIFIED_BUF_NONE);
	scoped_guard(spinlock_irqsave, &r->lock)
		io_unified_stat_add(r, &r->stats.padded_bytes, x->pad);
}

/* Keep what is less than a block for the next command */
static int io_unified_cut_tail(struct io_unified_stream *s,
			       struct io_unified_xfer *x)
{
	struct io_unified_region *r = s->region;
	u32 keep = round_down(x->frags.len, 1U << r->lba_shift);
	struct io_unified_xfer *tail;

	if (keep == x->frags.len)
		return 0;
	tail = io_unified_get_xfer(r);
	if (!tail)
		return -ENOMEM;
	tail->stream = s;
	tail->buf.user_data = s->user_data;
	/* the last record ends there */
	tail->nr_recs = 1;
	x->nr_recs--;
	io_unified_frags_split(r, &tail->frags, &x->frags, keep);
	s->open = tail;
	if (tail->frags.nr > IO_UNIFIED_MAX_TAIL)
		return io_unified_compact(tail, 0);
	return 0;
}

/* What fits into the @room blocks that are left is written, the rest is lost */
static int io_unified_cut_end(struct io_unified_stream *s,
			      struct io_unified_xfer *x, u32 room)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *rest;

	if (!room)
		return -ENOSPC;
	rest = io_unified_get_xfer(r);
	if (!rest)
		return -ENOMEM;
	io_unified_frags_split(r, &rest->frags, &x->frags, room << r->lba_shift);
	/* a record that is cut counts as lost */
	rest->nr_recs = s->rec_len ? DIV_ROUND_UP(rest->frags.len, s->rec_len) : 1;
	rest->nr_recs = min(rest->nr_recs, x->nr_recs);
	x->nr_recs -= rest->nr_recs;
	io_unified_discard(s, rest);
	WRITE_ONCE(s->error, -ENOSPC);
	return 0;
}

/* Make a write command of @x, which ends with a block */
static int io_unified_ready(struct io_unified_stream *s,
			    struct io_unified_xfer *x)
{
	struct io_unified_region *r = s->region;
	u64 room = r->nr_lbas - s->lba;
	int ret;

	if (x->frags.len >> r->lba_shift > room) {
		ret = io_unified_cut_end(s, x, room);
		if (ret)
			return ret;
	}
	x->buf.len = x->frags.len - x->pad;
	if (io_unified_misfit(r, &x->frags)) {
		ret = io_unified_compact(x, x->pad);
		if (ret)
			return ret;
	}
	io_unified_prep_write(s, x);
	list_add_tail(&x->list, &s->ready);
	return 0;
}

/* Make a command of what has been gathered, in whole blocks */
static int io_unified_close(struct io_unified_stream *s)
{
	struct io_unified_xfer *x = s->open;
	int ret;

	if (!x || !(x->frags.len >> s->region->lba_shift))
		return 0;
	s->open = NULL;
	ret = io_unified_cut_tail(s, x);
	if (!ret)
		ret = io_unified_ready(s, x);
	if (ret) {
		WRITE_ONCE(s->error, ret);
		io_unified_discard(s, x);
	}
	return ret;
}

/* The last block of the stream, a command of its own: it may need a copy */
static void io_unified_close_last(struct io_unified_stream *s)
{
	struct io_unified_xfer *x = s->open;
	int ret;

	if (!x)
		return;
	s->open = NULL;
	io_unified_pad(x);
	ret = io_unified_ready(s, x);
	if (ret) {
		WRITE_ONCE(s->error, ret);
		io_unified_discard(s, x);
	}
}

/* A record that no stage dropped */
static void io_unified_gather(struct io_unified_stream *s,
			      struct io_unified_xfer *rec)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *x = s->open;
	u32 lba_mask = (1U << r->lba_shift) - 1;

	if (s->error)
		return;
	/* what must be copied and what need not be go into different commands */
	if (x && (x->frags.nr + rec->frags.nr >= r->max_frags ||
		  x->frags.len + rec->frags.len > r->max_len ||
		  (!(x->frags.len & lba_mask) &&
		   io_unified_misfit(r, &x->frags) !=
		   io_unified_misfit(r, &rec->frags)))) {
		if (io_unified_close(s) || s->error)
			return;
		x = s->open;
	}
	if (!x) {
		x = io_unified_get_xfer(r);
		if (!x) {
			WRITE_ONCE(s->error, -ENOMEM);
			return;
		}
		x->stream = s;
		x->buf.user_data = s->user_data;
		x->buf.stream_off = rec->buf.stream_off;
		s->open = x;
	}
	x->nr_recs++;
	rec->nr_recs = 0;
	io_unified_frags_move(r, &x->frags, &rec->frags, 0);
}

/* A record is complete: ask the stages */
static void io_unified_record(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *rec = s->rec;
	int verdict = IO_UNIFIED_NEXT;

	rec->buf.user_data = s->user_data;
	rec->buf.stream_off = s->off - rec->frags.len;
	rec->buf.len = rec->frags.len;
	rec->buf.nr_frags = rec->frags.nr;
	rec->nr_recs = 1;
	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_count_add(r, &r->stats.rx, 1, 0);
		io_unified_count_add(r, &r->stats.in_flight, 1, 0);
	}

	if (s->bpf)
		verdict = io_unified_run_rx(r, rec);
	if (verdict == IO_UNIFIED_NEXT || verdict == IO_UNIFIED_WRITE)
		io_unified_gather(s, rec);
	/* what the gather could not take has failed */
	if (rec->frags.nr) {
		guard(spinlock_irqsave)(&r->lock);
		if (s->error) {
			io_unified_account_end(r, &r->stats.failed, rec);
			return;
		}
		if (verdict != IO_UNIFIED_DROP)
			io_unified_stat_add(r, &r->stats.stage_errors, 1);
		io_unified_account_end(r, &r->stats.dropped, rec);
	}
}

/*
 * The buffer that zcrx is looking at is held until it looks at another: zcrx
 * takes its own reference only after io_unified_rx().
 */
static void io_unified_hold_current(struct io_unified_stream *s, u32 buf)
{
	struct io_unified_region *r = s->region;

	if (s->held_buf == buf)
		return;
	if (buf != IO_UNIFIED_BUF_NONE)
		io_unified_hold(r, buf);
	if (s->held_buf != IO_UNIFIED_BUF_NONE) {
		guard(spinlock_irqsave)(&r->lock);
		io_unified_unhold(r, s->held_buf);
	}
	s->held_buf = buf;
}

static bool io_unified_rx_begin(struct io_unified_stream *s, u32 len, bool copied)
{
	struct io_unified_region *r = s->region;

	guard(spinlock_irqsave)(&r->lock);
	if (s->error)
		return false;
	if (atomic_read(&r->nr_held) >= r->high ||
	    r->nr_free < IO_UNIFIED_RX_RESERVE) {
		s->refused = true;
		s->stalled = true;
		io_unified_stat_add(r, &r->stats.rx_stalls, 1);
		return false;
	}
	io_unified_count_add(r, &r->stats.rx, 0, len);
	io_unified_count_add(r, &r->stats.in_flight, 0, len);
	if (copied)
		io_unified_stat_add(r, &r->stats.copied_bytes, len);
	return true;
}

/* The stream ended with an error before it could keep these */
static void io_unified_lose(struct io_unified_region *r, u32 len)
{
	guard(spinlock_irqsave)(&r->lock);
	io_unified_count_add(r, &r->stats.failed, 0, len);
	io_unified_count_add(r, &r->stats.in_flight, 0, -(s64)len);
}

/*
 * Payload for the stream of @req: @len bytes at @off of the NIC's area, in
 * @niov.  All of it is taken, or none and zcrx stops reading the socket.
 *
 * Context: the task of the ring, with the socket and ->uring_lock locked.
 */
bool io_unified_rx(struct io_kiocb *req, struct net_iov *niov, u64 off, u32 len)
{
	struct io_unified_stream *s = io_unified_req_stream(req);
	struct io_unified_region *r = s->region;
	u32 buf = net_iov_idx(niov);
	struct bio_vec bv;

	/* zcrx copied what the NIC did not place into the area by itself */
	if (!io_unified_rx_begin(s, len, !niov->desc.pp))
		return false;
	io_unified_hold_current(s, buf);

	while (len) {
		struct io_unified_frags *frags = &s->rec->frags;
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(off));

		if (s->rec_len)
			n = min(n, s->rec_len - frags->len);
		bvec_set_page(&bv, r->mr.pages[r->data_page + (off >> PAGE_SHIFT)],
			      n, offset_in_page(off));
		io_unified_frag_add(r, frags, &bv, buf);
		s->off += n;
		off += n;
		len -= n;
		if (frags->len == s->rec_len || (!s->rec_len && !len))
			io_unified_record(s);
		else if (frags->nr >= IO_UNIFIED_MAX_REC_FRAGS &&
			 io_unified_compact(s->rec, 0))
			WRITE_ONCE(s->error, -ENOMEM);
		if (unlikely(s->error))
			break;
	}
	if (unlikely(len))
		io_unified_lose(r, len);
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
		return NULL;
	s->rec = io_unified_get_xfer(r);
	if (!s->rec) {
		kfree(s);
		return NULL;
	}
	s->region = r;
	s->sk = sk;
	s->held_buf = IO_UNIFIED_BUF_NONE;
	INIT_LIST_HEAD(&s->ready);
	scoped_guard(spinlock_irqsave, &r->lock)
		list_add_tail(&s->list, &r->streams);
	return s;
}

/* Send what has been gathered; at the end of the stream, all of it */
void io_unified_stream_flush(struct io_unified_stream *s)
{
	io_unified_hold_current(s, IO_UNIFIED_BUF_NONE);
	if (s->eof && s->rec->frags.len)
		io_unified_record(s);
	if (!s->error)
		io_unified_close(s);
	if (!s->error && s->eof)
		io_unified_close_last(s);
	io_unified_issue_list(s->region, &s->ready);
}

/* Make what has been written durable, once all has been */
int io_unified_stream_send_flush(struct io_unified_stream *s)
{
	struct io_unified_xfer *x = io_unified_get_xfer(s->region);

	if (!x)
		return -ENOMEM;
	x->stream = s;
	x->buf.user_data = s->user_data;
	x->nvme.opcode = nvme_cmd_flush;
	x->nvme.nsid = s->region->nsid;
	io_unified_issue(x);
	return 0;
}

/* The request has ended; commands it left behind keep what they need */
void io_unified_stream_free(struct io_unified_stream *s)
{
	struct io_unified_region *r = s->region;
	struct io_unified_xfer *x, *tmp;
	bool last;

	io_unified_hold_current(s, IO_UNIFIED_BUF_NONE);
	if (s->rec->frags.len) {
		s->rec->nr_recs = 1;
		guard(spinlock_irqsave)(&r->lock);
		io_unified_count_add(r, &r->stats.rx, 1, 0);
		io_unified_count_add(r, &r->stats.in_flight, 1, 0);
	}
	io_unified_discard(s, s->rec);
	if (s->open)
		io_unified_discard(s, s->open);
	list_for_each_entry_safe(x, tmp, &s->ready, list) {
		list_del(&x->list);
		io_unified_discard(s, x);
	}
	scoped_guard(spinlock_irqsave, &r->lock) {
		list_del(&s->list);
		s->sk = NULL;
		last = !s->nr_inflight;
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

/*
 * Memory came back, or a stream's last command: who waited for that?  Two wake
 * ups may be taken for one, and then only what poll tells of the socket counts.
 * There is data or an end of it in both cases.
 */
static void io_unified_kick(struct io_unified_region *r)
{
	bool low = atomic_read(&r->nr_held) <= r->low || !r->nr_inflight;
	struct io_unified_stream *s;

	lockdep_assert_held(&r->lock);

	list_for_each_entry(s, &r->streams, list) {
		if (!(s->stalled && low) && !(s->draining && !s->nr_inflight))
			continue;
		s->stalled = false;
		s->draining = false;
		io_unified_wake(s->sk);
	}
}

static void io_unified_account_cmd(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	if (x->status) {
		io_unified_stat_add(r, &r->stats.nvme_errors, 1);
		if (!x->stream->error)
			WRITE_ONCE(x->stream->error,
				   x->status < 0 ? x->status : -EIO);
		io_unified_account_end(r, &r->stats.failed, x);
	} else {
		io_unified_account_end(r, &r->stats.written, x);
	}
}

/*
 * A command of a stream has ended: account for it, return its memory, and free
 * the stream if it was the last thing to keep it.
 *
 * Context: any, hard interrupts included.
 */
void io_unified_stream_done(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_unified_stream *s = x->stream;
	struct io_ring_ctx *ctx = r->ctx;
	bool bpf = s->bpf && x->frags.nr;
	int verdict = IO_UNIFIED_DONE;
	bool last;

	/* or a program that always retries would keep the ring for ever */
	if (bpf && !percpu_ref_is_dying(&ctx->refs))
		verdict = io_unified_run_complete(r, x, x->status);
	if (verdict == IO_UNIFIED_RETRY) {
		io_unified_stage(x);
		return;
	}

	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight--;
		s->nr_inflight--;
		io_unified_account_cmd(x);
		if (verdict == IO_UNIFIED_NOTIFY) {
			io_unified_post_cqe(x, IO_UNIFIED_CQE_F_NOTIFY);
		} else {
			list_add(&x->list, &r->free);
			r->nr_free++;
		}
		io_unified_kick(r);
		last = !s->sk && !s->nr_inflight;
	}
	if (last)
		kfree(s);
	/* @r may go with it */
	percpu_ref_put(&ctx->refs);
}
