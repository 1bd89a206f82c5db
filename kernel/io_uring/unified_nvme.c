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
#include <linux/nvme.h>
#include <trace/events/io_unified.h>

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

bool io_unified_have_driver(void)
{
	guard(mutex)(&io_unified_driver_mutex);
	return io_unified_driver;
}

static void io_unified_set_limits(struct io_unified_dev *dev)
{
	struct block_device *bdev = file_bdev(dev->bdev_file);
	struct request_queue *q = bdev_get_queue(bdev);
	u32 lba_size = dev->ns.lba_size;

	dev->lba_shift = ilog2(lba_size);
	dev->nr_lbas = bdev_nr_bytes(bdev) >> dev->lba_shift;
	dev->max_len = min_t(u64, (u64)queue_max_hw_sectors(q) << SECTOR_SHIFT,
			     IO_UNIFIED_MAX_CMD_LEN);
	dev->max_len = round_down(dev->max_len, lba_size);
	dev->max_frags = min(queue_max_segments(q), IO_UNIFIED_MAX_FRAGS);
	dev->dma_mask = queue_dma_alignment(q);
	dev->gap_mask = queue_virt_boundary(q);
}

/*
 * Take the namespace behind @file.  Passthrough writes where it likes, so
 * nobody else may have a claim on it: not a file system, a volume, or another
 * region.
 */
int io_unified_add_dev(struct io_unified_region *r, struct file *file)
{
	struct io_unified_dev *dev = &r->devs[r->nr_devs];
	blk_mode_t mode = BLK_OPEN_READ;
	struct file *bdev_file;
	int ret;

	if (r->nr_devs == IO_UNIFIED_MAX_DEVS)
		return -E2BIG;
	if (!r->drv)
		r->drv = io_unified_get_driver();
	if (!r->drv)
		return -ENODEV;
	ret = r->drv->get_ns(file, &dev->ns);
	if (ret)
		return ret;
	if (file->f_mode & FMODE_WRITE)
		mode |= BLK_OPEN_WRITE;
	/* @dev is the holder, so that one is not taken twice for one region */
	bdev_file = bdev_file_open_by_dev(disk_devt(dev->ns.disk), mode, dev, NULL);
	if (IS_ERR(bdev_file))
		return PTR_ERR(bdev_file);
	dev->bdev_file = bdev_file;
	dev->file = get_file(file);
	io_unified_set_limits(dev);
	r->nr_devs++;
	return 0;
}

/* The last one, which nobody has used yet, or will again */
void io_unified_del_dev(struct io_unified_region *r)
{
	struct io_unified_dev *dev = &r->devs[--r->nr_devs];

	bdev_fput(dev->bdev_file);
	fput(dev->file);
}

void io_unified_close_devs(struct io_unified_region *r)
{
	while (r->nr_devs)
		io_unified_del_dev(r);
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
	x->cmd.nr_meta = 0;
	x->dev = NULL;
	x->stream = NULL;
	x->req = NULL;
	x->admin = false;
	x->sending = false;
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

/*
 * May the application use the page at @off?  What is not its own is the NIC's,
 * unless it was given a piece of a record there: then the command holds it,
 * too.  Returns the buffer to hold, or BUF_NONE.
 */
static int io_unified_own(struct io_unified_region *r, u64 off, u32 *buf)
{
	*buf = IO_UNIFIED_BUF_NONE;
	if (off >= r->user_off)
		return 0;
	*buf = off >> r->buf_shift;
	/* what is behind the last whole buffer is nobody's */
	if (*buf >= r->nr_bufs || !r->app_holds[*buf])
		return -EFAULT;
	return 0;
}

/*
 * Append a piece of a page, to the one before it where it goes on in memory;
 * false: there are @max already.
 */
static bool io_unified_add_piece(struct bio_vec *bv, u32 *nr, u32 max,
				 struct page *page, u32 off, u32 len, bool merge)
{
	struct bio_vec *prev = *nr ? &bv[*nr - 1] : NULL;

	if (merge && prev && bvec_phys(prev) + prev->bv_len ==
			     page_to_phys(page) + off) {
		prev->bv_len += len;
		return true;
	}
	if (*nr == max)
		return false;
	bvec_set_page(&bv[(*nr)++], page, len, off);
	return true;
}

/* The data of a command or request: a range that is the application's */
int io_unified_range(struct io_unified_xfer *x, u64 off, u32 len)
{
	struct io_unified_region *r = x->region;
	struct io_unified_frags *frags = &x->frags;
	u32 max = x->dev ? x->dev->max_frags : IO_UNIFIED_MAX_FRAGS;
	u32 left = len, nr, buf;

	lockdep_assert_held(&r->ctx->uring_lock);

	if (off > r->data_size || len > r->data_size - off)
		return -EFAULT;

	while (left) {
		u32 n = min_t(u32, left, PAGE_SIZE - offset_in_page(off));
		int ret = io_unified_own(r, off, &buf);

		if (ret)
			return ret;
		nr = frags->nr;
		if (!io_unified_add_piece(frags->bv, &frags->nr, max,
					  r->mr.pages[r->data_page + (off >> PAGE_SHIFT)],
					  offset_in_page(off), n,
					  nr && frags->buf[nr - 1] == buf))
			return -EINVAL;
		if (frags->nr > nr) {
			frags->buf[nr] = buf;
			if (buf != IO_UNIFIED_BUF_NONE)
				io_unified_hold(r, buf);
		}
		off += n;
		left -= n;
	}
	frags->len = len;
	x->buf.len = len;
	x->buf.nr_frags = frags->nr;
	return 0;
}

/* The same for metadata, which is never in a buffer of the NIC */
int io_unified_meta_range(struct io_unified_xfer *x, u64 off, u32 len)
{
	struct io_unified_region *r = x->region;

	if (off < r->user_off || off > r->data_size || len > r->data_size - off)
		return -EFAULT;
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(off));

		if (!io_unified_add_piece(x->meta, &x->cmd.nr_meta,
					  IO_UNIFIED_MAX_META,
					  r->mr.pages[r->data_page + (off >> PAGE_SHIFT)],
					  offset_in_page(off), n, true))
			return -EINVAL;
		off += n;
		len -= n;
	}
	return 0;
}

/* A read or write of all of @x's data */
void io_unified_prep_rw(struct io_unified_xfer *x, u8 opcode, u64 lba)
{
	const struct io_unified_dev *dev = x->dev;

	x->buf.slba = lba;
	x->nvme = (struct nvme_uring_cmd) {
		.opcode		= opcode,
		.nsid		= dev->ns.nsid,
		.data_len	= x->frags.len,
		.cdw10		= lower_32_bits(lba),
		.cdw11		= upper_32_bits(lba),
		.cdw12		= (x->frags.len >> dev->lba_shift) - 1,
	};
	/* the controller takes care of protection information */
	if (dev->ns.pi_only)
		x->nvme.cdw12 |= NVME_RW_PRINFO_PRACT << 16;
}

void io_unified_prep_flush(struct io_unified_xfer *x)
{
	x->nvme = (struct nvme_uring_cmd) {
		.opcode		= nvme_cmd_flush,
		.nsid		= x->dev->ns.nsid,
	};
}

static void io_unified_complete_sq(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_ring_ctx *ctx = r->ctx;

	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_release(r, &x->frags);
		io_unified_kick(r);
		io_unified_post_cqe(x, 0);
	}
	percpu_ref_put(&ctx->refs);
}

/* The command has ended; in any context */
static void io_unified_done(struct io_unified_cmd *cmd, int status, u64 result)
{
	struct io_unified_xfer *x = container_of(cmd, struct io_unified_xfer, cmd);
	struct io_unified_region *r = x->region;

	x->status = status;
	x->result = result;
	if (!x->stream && !x->req)
		x->buf.len = cmd->len;
	if (x->stream) {
		io_unified_stream_done(x);
		return;
	}
	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight--;
		if (status)
			io_unified_stat_add(r, &r->stats.nvme_errors, 1);
	}
	if (x->req)
		io_unified_req_done(x);
	else
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

	x->cmd.cmd = &x->nvme;
	x->cmd.bvec = x->frags.bv;
	x->cmd.meta = x->meta;
	x->cmd.nr_bvecs = x->nvme.data_len ? x->frags.nr : 0;
	x->cmd.admin = x->admin;
	x->cmd.nowait = nowait;
	x->cmd.may_write = x->dev->file->f_mode & FMODE_WRITE;
	x->cmd.exact = x->stream || x->req;
	x->cmd.done = io_unified_done;
	return r->drv->queue_cmd(x->dev->ns.disk, &x->cmd);
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
	trace_io_unified_submit(r->ctx, &x->nvme, x->buf.user_data);
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
