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

void io_unified_hold(struct io_unified_region *r, u32 buf)
{
	if (io_unified_is_buf(buf))
		atomic_inc(&r->holds[buf]);
	atomic_inc(&r->nr_held);
}

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
void io_unified_frag_push(struct io_unified_frags *frags,
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

void io_unified_frag_add(struct io_unified_region *r,
			 struct io_unified_frags *frags,
			 const struct bio_vec *bv, u32 buf)
{
	if (io_unified_frag_merge(frags, bv, buf))
		return;
	io_unified_hold(r, buf);
	io_unified_frag_push(frags, bv, buf);
}

/* Append @from from its piece @i on, with its holds, to @to, which has room */
void io_unified_frags_move(struct io_unified_region *r,
			   struct io_unified_frags *to,
			   struct io_unified_frags *from, u32 i)
{
	u32 first = i;

	if (i < from->nr &&
	    io_unified_frag_merge(to, &from->bv[i], from->buf[i])) {
		/* never the last hold, the piece before it has one too */
		atomic_dec(&r->holds[from->buf[i]]);
		atomic_dec(&r->nr_held);
		from->len -= from->bv[i++].bv_len;
	}
	/* pieces of the same buffer that lie side by side are one already */
	for (; i < from->nr; i++) {
		from->len -= from->bv[i].bv_len;
		io_unified_frag_push(to, &from->bv[i], from->buf[i]);
	}
	from->nr = first;
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
bool io_unified_misfit(const struct io_unified_dev *dev,
		       const struct io_unified_frags *frags)
{
	u32 i;

	if (frags->nr > dev->max_frags)
		return true;
	for (i = 0; i < frags->nr; i++) {
		const struct bio_vec *bv = &frags->bv[i];

		if ((bv->bv_offset | bv->bv_len) & dev->dma_mask)
			return true;
		if (i && bv->bv_offset & dev->gap_mask)
			return true;
		if (i + 1 < frags->nr &&
		    (bv->bv_offset + bv->bv_len) & dev->gap_mask)
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
	if (!ret) {
		x->frags.nr = 0;
		x->frags.len = 0;
		io_unified_frags_move(r, &x->frags, &y->frags, 0);
	}
	io_unified_put_xfer(y);
	return ret;
}

/* Where piece @i is, as offset into the data area */
u64 io_unified_frag_off(struct io_unified_region *r,
			const struct io_unified_frags *frags, u32 i)
{
	u64 off = (u64)frags->buf[i] << r->buf_shift;
	const struct bio_vec *bv = &frags->bv[i];
	struct page **pages = r->mr.pages + r->data_page;

	/* a buffer may be of several pages, a piece never is */
	while (pages[off >> PAGE_SHIFT] != bv->bv_page)
		off += PAGE_SIZE;
	return off + bv->bv_offset;
}
