// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: NVMe commands.
 *
 * A command comes from the SQ or from a stream, goes to the driver with its
 * data as bio_vecs of the region, and is completed in whatever context the
 * driver completes in.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "io_uring.h"
#include "unified.h"

/* There is one driver of NVMe namespaces */
static DEFINE_MUTEX(io_unified_driver_mutex);
static const struct io_unified_driver *io_unified_driver;

int io_unified_register_driver(const struct io_unified_driver *drv)
{
	guard(mutex)(&io_unified_driver_mutex);
	if (io_unified_driver)
		return -EBUSY;
	io_unified_driver = drv;
	return 0;
}
EXPORT_SYMBOL_GPL(io_unified_register_driver);

void io_unified_unregister_driver(const struct io_unified_driver *drv)
{
	guard(mutex)(&io_unified_driver_mutex);
	if (io_unified_driver == drv)
		io_unified_driver = NULL;
}
EXPORT_SYMBOL_GPL(io_unified_unregister_driver);

static const struct io_unified_driver *io_unified_get_driver(void)
{
	guard(mutex)(&io_unified_driver_mutex);
	if (!io_unified_driver || !try_module_get(io_unified_driver->owner))
		return NULL;
	return io_unified_driver;
}

static void io_unified_set_limits(struct io_unified_region *r)
{
	struct block_device *bdev = file_bdev(r->bdev_file);
	struct request_queue *q = bdev_get_queue(bdev);
	u32 lba_size = bdev_logical_block_size(bdev);

	r->lba_shift = ilog2(lba_size);
	r->nr_lbas = bdev_nr_bytes(bdev) >> r->lba_shift;
	r->max_len = min_t(u64, (u64)queue_max_hw_sectors(q) << SECTOR_SHIFT,
			   IO_UNIFIED_MAX_CMD_LEN);
	r->max_len = round_down(r->max_len, lba_size);
	r->max_frags = min(queue_max_segments(q), IO_UNIFIED_MAX_FRAGS);
	r->dma_mask = queue_dma_alignment(q);
	r->gap_mask = queue_virt_boundary(q);
}

/*
 * Take the namespace behind @file.  Passthrough writes where it likes, so
 * nobody else may have a claim on it: not a file system, a volume, or another
 * region.
 */
int io_unified_open_dev(struct io_unified_region *r, struct file *file)
{
	blk_mode_t mode = BLK_OPEN_READ;

	r->drv = io_unified_get_driver();
	if (!r->drv)
		return -ENODEV;
	r->disk = r->drv->get_disk(file, &r->nsid);
	if (!r->disk)
		return -ENODEV;
	if (file->f_mode & FMODE_WRITE)
		mode |= BLK_OPEN_WRITE;
	r->bdev_file = bdev_file_open_by_dev(disk_devt(r->disk), mode, r, NULL);
	if (IS_ERR(r->bdev_file)) {
		int ret = PTR_ERR(r->bdev_file);

		r->bdev_file = NULL;
		return ret;
	}
	r->dev_file = get_file(file);
	io_unified_set_limits(r);
	return 0;
}

void io_unified_close_dev(struct io_unified_region *r)
{
	if (r->bdev_file)
		bdev_fput(r->bdev_file);
	if (r->dev_file)
		fput(r->dev_file);
	if (r->drv)
		module_put(r->drv->owner);
}

/* May be called while the ring goes away: then there is none to be had */
struct io_unified_xfer *io_unified_get_xfer(struct io_unified_region *r)
{
	struct io_unified_xfer *x;

	if (!percpu_ref_tryget_live(&r->ctx->refs))
		return NULL;
	scoped_guard(spinlock_irqsave, &r->lock) {
		x = list_first_entry_or_null(&r->free, struct io_unified_xfer,
					     list);
		if (x) {
			list_del(&x->list);
			r->nr_free--;
		}
	}
	if (!x) {
		percpu_ref_put(&r->ctx->refs);
		return NULL;
	}

	memset(&x->buf, 0, sizeof(x->buf));
	memset(&x->nvme, 0, sizeof(x->nvme));
	x->stream = NULL;
	x->status = 0;
	x->result = 0;
	x->buf_offset = 0;
	x->nr_recs = 0;
	x->pad = 0;
	x->frags.nr = 0;
	x->frags.len = 0;
	return x;
}

void io_unified_put_xfer(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_ring_ctx *ctx = r->ctx;

	scoped_guard(spinlock_irqsave, &r->lock) {
		list_add(&x->list, &r->free);
		r->nr_free++;
	}
	/* @r may go with it */
	percpu_ref_put(&ctx->refs);
}

/* The data of a command from the SQ: a range of what user space owns */
int io_unified_range(struct io_unified_xfer *x, u64 off, u32 len)
{
	struct io_unified_region *r = x->region;
	struct io_unified_frags *frags = &x->frags;
	u32 left = len;

	if (off < r->user_off || off > r->data_size || len > r->data_size - off)
		return -EFAULT;

	while (left) {
		struct page *page = r->mr.pages[r->data_page + (off >> PAGE_SHIFT)];
		u32 n = min_t(u32, left, PAGE_SIZE - offset_in_page(off));
		struct bio_vec *prev = &frags->bv[frags->nr - 1];

		if (frags->nr && !offset_in_page(off) &&
		    bvec_phys(prev) + prev->bv_len == page_to_phys(page)) {
			prev->bv_len += n;
		} else {
			if (frags->nr == r->max_frags)
				return -EINVAL;
			bvec_set_page(&frags->bv[frags->nr], page, n,
				      offset_in_page(off));
			frags->buf[frags->nr++] = IO_UNIFIED_BUF_NONE;
		}
		off += n;
		left -= n;
	}
	frags->len = len;
	x->buf.len = len;
	return 0;
}

static void io_unified_complete_sq(struct io_unified_xfer *x)
{
	struct io_ring_ctx *ctx = x->region->ctx;

	scoped_guard(spinlock_irqsave, &x->region->lock)
		io_unified_post_cqe(x, 0);
	percpu_ref_put(&ctx->refs);
}

/* The command has ended; in any context */
static void io_unified_done(struct io_unified_cmd *cmd, int status, u64 result)
{
	struct io_unified_xfer *x = container_of(cmd, struct io_unified_xfer, cmd);
	struct io_unified_region *r = x->region;

	x->status = status;
	x->result = result;
	if (x->stream) {
		io_unified_stream_done(x);
		return;
	}
	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight--;
		if (status)
			io_unified_stat_add(r, &r->stats.nvme_errors, 1);
	}
	io_unified_complete_sq(x);
}

/* An SQE that is not for the driver to see */
void io_unified_refuse(struct io_unified_xfer *x, int err)
{
	scoped_guard(spinlock_irqsave, &x->region->lock)
		io_unified_stat_add(x->region, &x->region->stats.sq_invalid, 1);
	x->status = err;
	io_unified_complete_sq(x);
}

static int io_unified_queue_cmd(struct io_unified_xfer *x, bool nowait)
{
	struct io_unified_region *r = x->region;

	x->cmd = (struct io_unified_cmd) {
		.cmd		= &x->nvme,
		.bvec		= x->frags.bv,
		.nr_bvecs	= x->frags.nr,
		.len		= x->frags.len,
		.nowait		= nowait,
		.may_write	= r->dev_file->f_mode & FMODE_WRITE,
		.done		= io_unified_done,
	};
	return r->drv->queue_cmd(r->disk, &x->cmd);
}

/*
 * The worker takes over: it may wait for a tag.  A queue that is frozen, or
 * going away, says which to those that wait only.
 */
void io_unified_stage(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	llist_add(&x->staged, &r->staged);
	queue_work(system_highpri_wq, &r->work);
}

void io_unified_work(struct work_struct *work)
{
	struct io_unified_region *r =
		container_of(work, struct io_unified_region, work);
	/* the driver asks what the task may do: what the registrant might */
	const struct cred *old = override_creds(r->creds);
	struct io_unified_xfer *x, *tmp;
	struct llist_node *list;
	struct blk_plug plug;

	list = llist_reverse_order(llist_del_all(&r->staged));
	blk_start_plug(&plug);
	llist_for_each_entry_safe(x, tmp, list, staged) {
		int ret = io_unified_queue_cmd(x, false);

		if (ret)
			io_unified_done(&x->cmd, ret, 0);
	}
	blk_finish_plug(&plug);
	revert_creds(old);
}

/* Send @x, which belongs to its completion from here on */
void io_unified_issue(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	int ret;

	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight++;
		if (x->stream)
			x->stream->nr_inflight++;
		io_unified_stat_add(r, &r->stats.nvme_cmds, 1);
	}
	ret = io_unified_queue_cmd(x, true);
	if (ret == -EAGAIN)
		io_unified_stage(x);
	else if (ret)
		io_unified_done(&x->cmd, ret, 0);
}

void io_unified_issue_list(struct io_unified_region *r, struct list_head *list)
{
	struct io_unified_xfer *x;
	struct blk_plug plug;

	if (list_empty(list))
		return;
	blk_start_plug(&plug);
	while ((x = list_first_entry_or_null(list, struct io_unified_xfer, list))) {
		list_del(&x->list);
		io_unified_issue(x);
	}
	blk_finish_plug(&plug);
}
