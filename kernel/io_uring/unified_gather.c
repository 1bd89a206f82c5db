// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: from records to write commands.
 *
 * Records that stay are gathered into commands of whole blocks.  What is left
 * of a block goes into the next command; that of the stream's end is padded.
 */
#include <linux/highmem.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/nvme.h>

#include "io_uring.h"
#include "unified.h"

/* Pieces of an unfinished block that a stream keeps */
#define IO_UNIFIED_MAX_TAIL	16

/* The end of payload that will not be written: dropped, or lost by an error */
void io_unified_account_end(struct io_unified_region *r,
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
void io_unified_discard(struct io_unified_stream *s, struct io_unified_xfer *x)
{
	struct io_unified_region *r = s->region;

	io_unified_keep_current(s);
	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_count_recs(s);
		io_unified_account_end(r, &r->stats.failed, x);
	}
	io_unified_put_xfer(x);
}

static void io_unified_prep_write(struct io_unified_stream *s,
				  struct io_unified_xfer *x)
{
	x->stream = s;
	x->bpf = s->bpf;
	x->dev = s->dev;
	x->buf.stream = s->nr;
	x->buf.nr_frags = x->frags.nr;
	io_unified_prep_rw(x, nvme_cmd_write, s->lba);
	s->lba += x->frags.len >> s->dev->lba_shift;
}

static void io_unified_pad(struct io_unified_stream *s,
			   struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	u32 lba_size = s->dev->ns.lba_size;
	u32 rem = x->frags.len & (lba_size - 1);
	struct bio_vec bv;

	if (!rem)
		return;
	x->pad = lba_size - rem;
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
	u32 keep = round_down(x->frags.len, s->dev->ns.lba_size);
	struct io_unified_xfer *tail;
	int ret = 0;

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
	if (tail->frags.nr > IO_UNIFIED_MAX_TAIL) {
		io_unified_keep_current(s);
		ret = io_unified_compact(tail, 0);
	}
	tail->misfit = io_unified_misfit(s->dev, &tail->frags);
	return ret;
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
	io_unified_frags_split(r, &rest->frags, &x->frags, room << s->dev->lba_shift);
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
	const struct io_unified_dev *dev = s->dev;
	u64 room = dev->nr_lbas - min(s->lba, dev->nr_lbas);
	int ret;

	/* where a stage decides where it goes, it may have more room, or less */
	if (x->frags.len >> dev->lba_shift > room &&
	    !(s->bpf && io_unified_routes(s->region))) {
		ret = io_unified_cut_end(s, x, room);
		if (ret)
			return ret;
	}
	x->buf.len = x->frags.len - x->pad;
	if (io_unified_misfit(dev, &x->frags)) {
		io_unified_keep_current(s);
		ret = io_unified_compact(x, x->pad);
		if (ret)
			return ret;
	}
	io_unified_prep_write(s, x);
	list_add_tail(&x->list, &s->ready);
	return 0;
}

/* Make a command of what has been gathered, in whole blocks */
int io_unified_close(struct io_unified_stream *s)
{
	struct io_unified_xfer *x = s->open;
	int ret;

	if (!x || !(x->frags.len >> s->dev->lba_shift))
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
void io_unified_close_last(struct io_unified_stream *s)
{
	struct io_unified_xfer *x = s->open;
	int ret;

	if (!x)
		return;
	s->open = NULL;
	io_unified_pad(s, x);
	ret = io_unified_ready(s, x);
	if (ret) {
		WRITE_ONCE(s->error, ret);
		io_unified_discard(s, x);
	}
}

/* A record that no stage dropped */
void io_unified_gather(struct io_unified_stream *s, struct io_unified_xfer *rec)
{
	struct io_unified_region *r = s->region;
	const struct io_unified_dev *dev = s->dev;
	struct io_unified_xfer *x = s->open;
	bool misfit = io_unified_misfit(dev, &rec->frags);
	u32 lba_mask = dev->ns.lba_size - 1;

	if (s->error)
		return;
	/* what must be copied and what need not be go into different commands */
	if (x && (x->frags.nr + rec->frags.nr >= dev->max_frags ||
		  x->frags.len + rec->frags.len > dev->max_len ||
		  (!(x->frags.len & lba_mask) && x->misfit != misfit))) {
		if (io_unified_close(s) || s->error)
			return;
		x = s->open;
	}
	/* not a block yet, in too many pieces; one more is for what pads it */
	if (x && x->frags.nr + rec->frags.nr >= IO_UNIFIED_MAX_FRAGS) {
		io_unified_keep_current(s);
		if (io_unified_compact(x, 0)) {
			WRITE_ONCE(s->error, -ENOMEM);
			return;
		}
		x->misfit = io_unified_misfit(dev, &x->frags);
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
	x->misfit |= misfit;
	x->nr_recs++;
	rec->nr_recs = 0;
	io_unified_frags_move(r, &x->frags, &rec->frags, 0);
}
