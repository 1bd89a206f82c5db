// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: the rings.
 *
 * User space can write all of the shared memory at any time.  The kernel keeps
 * its own copies of the indices it owns, reads an entry once, into memory of
 * its own, and validates that.
 */
#include <linux/blkdev.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/nvme.h>

#include "io_uring.h"
#include "unified.h"

static bool io_unified_cq_room(struct io_unified_region *r)
{
	/* pairs with the store-release of the consumer */
	return r->cq_tail - smp_load_acquire(&r->cq->consumer) < r->cq_entries;
}

static void io_unified_fill_cqe(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_unified_cqe *cqe;
	bool host = x->status < 0;

	lockdep_assert_held(&r->lock);

	cqe = &r->cqes[r->cq_tail & (r->cq_entries - 1)];
	*cqe = (struct io_unified_cqe) {
		.user_data	= x->buf.user_data,
		.result		= host ? x->status : (s32)x->result,
		.status		= host ? IO_UNIFIED_STATUS_HOST : x->status,
		.dma_addr	= x->buf_offset,
		.len		= x->status ? 0 : x->buf.len,
		.flags		= x->cqe_flags,
		.result64	= host ? 0 : x->result,
	};
	/* pairs with the load-acquire of the consumer */
	smp_store_release(&r->cq->producer, ++r->cq_tail);
}

static void io_unified_free_xfer(struct io_unified_xfer *x)
{
	list_add(&x->list, &x->region->free);
	x->region->nr_free++;
}

/* What waits in the kernel goes first, and in order */
static void io_unified_flush_overflow(struct io_unified_region *r)
{
	struct io_unified_xfer *x, *tmp;

	lockdep_assert_held(&r->lock);

	list_for_each_entry_safe(x, tmp, &r->overflow, list) {
		if (!io_unified_cq_room(r))
			return;
		list_del(&x->list);
		io_unified_fill_cqe(x);
		io_unified_free_xfer(x);
	}
	WRITE_ONCE(r->cq->flags, 0);
}

/*
 * Post the completion of @x and free it.  Finds the CQ full: @x stays with the
 * kernel until there is room.
 */
void io_unified_post_cqe(struct io_unified_xfer *x, u32 flags)
{
	struct io_unified_region *r = x->region;

	lockdep_assert_held(&r->lock);

	x->cqe_flags = flags;
	if (!list_empty(&r->overflow))
		io_unified_flush_overflow(r);
	if (list_empty(&r->overflow) && io_unified_cq_room(r)) {
		io_unified_fill_cqe(x);
		io_unified_free_xfer(x);
		return;
	}
	list_add_tail(&x->list, &r->overflow);
	WRITE_ONCE(r->cq->flags, IO_UNIFIED_RING_CQ_OVERFLOW);
	io_unified_stat_add(r, &r->stats.cq_overflows, 1);
}

/*
 * What the device is going to transfer.  One that uses PRPs does not know where
 * the memory ends, so it must not be told to go beyond.
 */
static u64 io_unified_xfer_len(struct io_unified_region *r,
			       const struct nvme_uring_cmd *cmd)
{
	switch (cmd->opcode) {
	case nvme_cmd_write:
	case nvme_cmd_read:
	case nvme_cmd_compare:
	case nvme_cmd_zone_append:
		return ((u64)(cmd->cdw12 & 0xffff) + 1) << r->lba_shift;
	}
	return 0;
}

/* @sqe is the kernel's copy */
static int io_unified_prep_sqe(struct io_unified_xfer *x,
			       const struct io_unified_sqe *sqe)
{
	struct io_unified_region *r = x->region;

	x->buf.user_data = sqe->user_data;
	x->buf_offset = sqe->buf_offset;
	x->nvme = sqe->nvme_cmd;

	if (sqe->flags || sqe->__pad ||
	    !mem_is_zero(sqe->__resv, sizeof(sqe->__resv)))
		return -EINVAL;
	if (!r->disk)
		return -ENODEV;
	if (x->nvme.flags || x->nvme.rsvd1 || x->nvme.rsvd2 ||
	    x->nvme.metadata || x->nvme.metadata_len)
		return -EINVAL;
	if (io_unified_xfer_len(r, &x->nvme) > x->nvme.data_len)
		return -EINVAL;
	if (!x->nvme.data_len)
		return 0;
	return io_unified_range(x, sqe->buf_offset, x->nvme.data_len);
}

/* One entry of the SQ; false when it has to wait for a completion */
static bool io_unified_submit_one(struct io_unified_region *r)
{
	struct io_unified_sqe sqe;
	struct io_unified_xfer *x;
	int ret;

	x = io_unified_get_xfer(r);
	if (!x)
		return false;

	/* user space may write to it: what is checked and used is the copy */
	sqe = data_race(r->sqes[r->sq_head & (r->sq_entries - 1)]);
	barrier();
	ret = io_unified_prep_sqe(x, &sqe);
	if (ret)
		io_unified_refuse(x, ret);
	else
		io_unified_issue(x);
	return true;
}

/* Submit what the SQ holds */
void __io_unified_drain(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r;
	struct blk_plug plug;
	u32 nr;

	guard(mutex)(&ctx->uring_lock);
	r = ctx->unified;
	if (!r)
		return;

	scoped_guard(spinlock_irq, &r->lock) {
		if (!list_empty(&r->overflow))
			io_unified_flush_overflow(r);
	}

	/* pairs with the store-release of the producer */
	nr = smp_load_acquire(&r->sq->producer) - r->sq_head;
	nr = min(nr, r->sq_entries);
	if (!nr)
		return;

	blk_start_plug_nr_ios(&plug, min_t(u32, nr, U16_MAX));
	while (nr-- && io_unified_submit_one(r))
		r->sq_head++;
	blk_finish_plug(&plug);
	/* pairs with the load-acquire of the producer: entries are free again */
	smp_store_release(&r->sq->consumer, r->sq_head);
}
