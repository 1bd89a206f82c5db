// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: payload by reference.
 *
 * zcrx hands over the payload of a TCP stream in pieces, each in a buffer of
 * the region.  They are passed on by reference: each piece holds its buffer
 * until it has been dropped, written, or given back by the application.  What
 * the device cannot take as it lies in memory is copied, and counted.
 */
#include <linux/highmem.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <trace/events/io_unified.h>

#include "io_uring.h"
#include "unified.h"
#include "zcrx.h"

void io_unified_unhold(struct io_unified_region *r, u32 buf)
{
	lockdep_assert_held(&r->lock);

	atomic_dec(&r->nr_held);
	if (!io_unified_is_buf(buf) || !atomic_dec_and_test(&r->holds[buf]))
		return;
	if (!__test_and_set_bit(buf, r->queued))
		r->refill[r->refill_tail++ & r->refill_mask] = buf;
}

static u32 io_unified_pop_refill(struct io_unified_region *r, u32 *bufs, u32 nr)
{
	u32 i;

	guard(spinlock_irqsave)(&r->lock);
	nr = min(nr, r->refill_tail - r->refill_head);
	for (i = 0; i < nr; i++) {
		bufs[i] = r->refill[r->refill_head++ & r->refill_mask];
		__clear_bit(bufs[i], r->queued);
	}
	return nr;
}

/*
 * Nothing in the region needs buffer @buf any more: zcrx's reference to it goes.
 * Return: it is the caller's, who is @pp.
 */
static bool io_unified_put_buf(struct io_unified_region *r, u32 buf,
			       struct page_pool *pp)
{
	struct io_zcrx_area *area = r->ifq->areas[0];
	int refs = atomic_read(&area->user_refs[buf]);

	/* pairs with the barrier in io_unified_rx() */
	smp_rmb();
	/* more of its payload came meanwhile: it will be back */
	if (!refs || atomic_read(&r->holds[buf]))
		return false;
	return zcrx_put_refill_niov(&area->nia.niovs[buf], pp, refs);
}

/*
 * The page pool needs buffers: return those whose last piece has been let go,
 * as io_zcrx_ring_refill() does with those that user space returns.
 *
 * Context: with the lock of the queue's ring, which has no memory, taken.  @r is
 * NULL when a queue that could not be restarted outlives its region.
 */
unsigned int io_unified_refill(struct io_unified_region *r, struct page_pool *pp,
			       netmem_ref *netmems, unsigned int nr)
{
	u32 bufs[PP_ALLOC_CACHE_REFILL];
	unsigned int got = 0;
	u32 i, n;

	if (!r)
		return 0;
	nr = min(nr, PP_ALLOC_CACHE_REFILL);
	while (got < nr && (n = io_unified_pop_refill(r, bufs, nr - got))) {
		struct net_iov *niovs = r->ifq->areas[0]->nia.niovs;

		for (i = 0; i < n; i++) {
			if (io_unified_put_buf(r, bufs[i], pp))
				netmems[got++] = net_iov_to_netmem(&niovs[bufs[i]]);
		}
	}
	/*
	 * The pool begins with the last.  In the order in which they came back,
	 * buffers that lie side by side can be one piece again.
	 */
	for (i = 0; i < got / 2; i++)
		swap(netmems[i], netmems[got - 1 - i]);
	return got;
}

/*
 * Give back what waits for a NIC that has nothing to receive.  zcrx makes its
 * copies in buffers that are not the NIC's.
 *
 * Return: there was something.
 */
bool io_unified_reclaim(struct io_unified_region *r)
{
	u32 bufs[PP_ALLOC_CACHE_REFILL];
	bool got = false;
	u32 i, n;

	guard(spinlock_bh)(&r->ifq->rq.lock);
	while ((n = io_unified_pop_refill(r, bufs, ARRAY_SIZE(bufs)))) {
		/* of no page pool: all of it goes back to where it came from */
		for (i = 0; i < n; i++)
			io_unified_put_buf(r, bufs[i], ERR_PTR(-ENOENT));
		got = true;
	}
	return got;
}

/* The last of the buffers that piece @i has bytes in; @i is in the data area */
static u32 io_unified_frag_last(const struct io_unified_region *r,
				const struct io_unified_frags *frags, u32 i)
{
	u64 end = io_unified_frag_off(frags, i) + frags->bv[i].bv_len - 1;

	return end >> r->buf_shift;
}

static bool io_unified_starts_buf(const struct io_unified_region *r, u64 off)
{
	return !(off & ((1UL << r->buf_shift) - 1));
}

/* The first piece of @frags holds its first buffer */
static void io_unified_frag_hold_first(struct io_unified_region *r,
				       const struct io_unified_frags *frags)
{
	u32 pgoff = frags->pgoff[0];

	if (io_unified_is_buf(pgoff)) {
		io_unified_hold(r, io_unified_page_buf(r, pgoff));
	} else if (pgoff == IO_UNIFIED_BUF_PAGE) {
		get_page(frags->bv[0].bv_page);
		io_unified_hold(r, pgoff);
	}
}

/* One more piece like piece @i of @frags */
void io_unified_frag_hold(struct io_unified_region *r,
			  const struct io_unified_frags *frags, u32 i)
{
	u32 buf = frags->pgoff[i], last = buf;

	if (buf == IO_UNIFIED_BUF_NONE)
		return;
	if (buf == IO_UNIFIED_BUF_PAGE) {
		get_page(frags->bv[i].bv_page);
	} else {
		buf = io_unified_page_buf(r, buf);
		last = io_unified_frag_last(r, frags, i);
	}
	for (; buf <= last; buf++)
		io_unified_hold(r, buf);
}

/* Let go of memory; the caller has accounted for what was in it */
void io_unified_release(struct io_unified_region *r,
			struct io_unified_frags *frags)
{
	u32 i, buf, last;

	for (i = 0; i < frags->nr; i++) {
		buf = frags->pgoff[i];
		last = buf;
		if (buf == IO_UNIFIED_BUF_NONE)
			continue;
		if (buf == IO_UNIFIED_BUF_PAGE) {
			put_page(frags->bv[i].bv_page);
		} else {
			buf = io_unified_page_buf(r, buf);
			last = io_unified_frag_last(r, frags, i);
		}
		for (; buf <= last; buf++)
			io_unified_unhold(r, buf);
	}
	frags->nr = 0;
	frags->len = 0;
	frags->align = 0;
}

/*
 * Make the last piece longer where @bv goes on: in the region, and in memory.
 * The device is told of one piece then.
 */
static bool io_unified_frag_merge(struct io_unified_frags *frags,
				  const struct bio_vec *bv, u32 pgoff)
{
	struct bio_vec *prev;
	phys_addr_t end;

	if (!frags->nr || !io_unified_is_buf(pgoff))
		return false;
	prev = &frags->bv[frags->nr - 1];
	if (io_unified_frag_off(frags, frags->nr - 1) + prev->bv_len !=
	    ((u64)pgoff << PAGE_SHIFT) + bv->bv_offset ||
	    prev->bv_len + bv->bv_len > IO_UNIFIED_MAX_FRAG_LEN)
		return false;
	if (!bv->bv_offset) {
		/* another page: the one next to it, for any device */
		end = bvec_phys(prev) + prev->bv_len;
		if (IS_ENABLED(CONFIG_HIGHMEM) || !lower_32_bits(end) ||
		    page_to_phys(bv->bv_page) != end)
			return false;
	}
	prev->bv_len += bv->bv_len;
	frags->len += bv->bv_len;
	frags->align |= bv->bv_len;
	return true;
}

/*
 * Append what has been received.  A piece of a record is in one buffer, as the
 * application answers for it.
 */
void io_unified_frag_add(struct io_unified_region *r,
			 struct io_unified_frags *frags,
			 const struct bio_vec *bv, u32 pgoff)
{
	u64 off = ((u64)pgoff << PAGE_SHIFT) + bv->bv_offset;

	if (!io_unified_starts_buf(r, off) &&
	    io_unified_frag_merge(frags, bv, pgoff))
		return;
	io_unified_hold(r, io_unified_page_buf(r, pgoff));
	io_unified_frag_push(frags, bv, pgoff);
}

/* Append @from from its piece @i on, with its holds, to @to, which has room */
void io_unified_frags_move(struct io_unified_region *r,
			   struct io_unified_frags *to,
			   struct io_unified_frags *from, u32 i)
{
	u32 first = i;

	for (; i < from->nr; i++) {
		const struct bio_vec *bv = &from->bv[i];

		from->len -= bv->bv_len;
		if (!io_unified_frag_merge(to, bv, from->pgoff[i])) {
			io_unified_frag_push(to, bv, from->pgoff[i]);
		} else if (!io_unified_starts_buf(r, io_unified_frag_off(from, i))) {
			/* never the last hold, the piece before it has one too */
			atomic_dec(&r->holds[io_unified_page_buf(r, from->pgoff[i])]);
			atomic_dec(&r->nr_held);
		}
	}
	from->nr = first;
	if (!first)
		from->align = 0;
}

/* Move all but the first @keep bytes of @from to @to, which is empty */
void io_unified_frags_split(struct io_unified_region *r,
			    struct io_unified_frags *to,
			    struct io_unified_frags *from, u32 keep)
{
	u32 i = 0;

	while (keep && keep >= from->bv[i].bv_len)
		keep -= from->bv[i++].bv_len;
	if (keep) {
		struct bio_vec *bv = &from->bv[i], rest;
		u32 pgoff = from->pgoff[i], off = bv->bv_offset + keep;
		struct page *page = bv->bv_page;

		if (io_unified_is_buf(pgoff)) {
			pgoff += off >> PAGE_SHIFT;
			off = offset_in_page(off);
			page = r->mr.pages[r->data_page + pgoff];
		}
		bvec_set_page(&rest, page, bv->bv_len - keep, off);
		io_unified_frag_push(to, &rest, pgoff);
		/* the buffer at the cut is in both */
		if (!io_unified_is_buf(pgoff) ||
		    !io_unified_starts_buf(r, io_unified_frag_off(to, 0)))
			io_unified_frag_hold_first(r, to);
		from->len -= rest.bv_len;
		from->align |= keep;
		bv->bv_len = keep;
		i++;
	}
	io_unified_frags_move(r, to, from, i);
}

/* Without what only completes its last block, which is in the last piece */
void io_unified_unpad(struct io_unified_xfer *x)
{
	struct io_unified_frags *frags = &x->frags;
	struct bio_vec *last = &frags->bv[frags->nr - 1];

	frags->len -= x->pad;
	last->bv_len -= x->pad;
	x->pad = 0;
	/* the zero page, which nobody holds */
	if (!last->bv_len)
		frags->nr--;
}

static bool io_unified_odd_piece(const struct io_unified_dev *dev,
				 const struct io_unified_frags *frags, u32 i)
{
	const struct bio_vec *bv = &frags->bv[i];
	u32 end = bv->bv_offset + bv->bv_len;
	phys_addr_t phys = bvec_phys(bv);

	if ((bv->bv_offset | bv->bv_len) & dev->dma_mask)
		return true;
	if (bv->bv_len > dev->max_seg ||
	    (phys | dev->seg_mask) != ((phys + bv->bv_len - 1) | dev->seg_mask))
		return true;
	return (i && bv->bv_offset & dev->gap_mask) ||
	       (i + 1 < frags->nr && end & dev->gap_mask);
}

/* Does the device have to be helped to read this? */
bool io_unified_misfit(const struct io_unified_dev *dev,
		       const struct io_unified_frags *frags)
{
	u32 i;

	if (frags->nr > dev->max_frags)
		return true;
	if (dev->any_piece && !(frags->align & dev->dma_mask))
		return false;
	for (i = 0; i < frags->nr; i++) {
		if (io_unified_odd_piece(dev, frags, i))
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

static void io_unified_copy_frags(const struct io_unified_frags *to,
				  const struct io_unified_frags *from)
{
	struct iov_iter iter;
	u32 i;

	iov_iter_bvec(&iter, ITER_SOURCE, from->bv, from->nr, from->len);
	for (i = 0; i < to->nr; i++)
		copy_page_from_iter(to->bv[i].bv_page, 0, to->bv[i].bv_len, &iter);
}

/* Replace what holds @x's payload by whole pages; @pad bytes are no payload */
int io_unified_compact(struct io_unified_xfer *x, u32 pad)
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
			trace_io_unified_copy(r->ctx, x->frags.len - pad,
					      x->frags.nr);
			io_unified_release(r, &x->frags);
		} else {
			io_unified_release(r, &y->frags);
		}
	}
	if (!ret)
		io_unified_frags_move(r, &x->frags, &y->frags, 0);
	io_unified_put_xfer(y);
	return ret;
}
