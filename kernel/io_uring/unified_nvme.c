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
#include <linux/io_uring/cmd.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/nvme.h>
#include <linux/nvme_ioctl.h>
#include <linux/security.h>
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
	dev->seg_mask = queue_segment_boundary(q);
	dev->max_seg = queue_max_segment_size(q);
	dev->any_piece = !dev->gap_mask && dev->max_seg >= IO_UNIFIED_MAX_FRAG_LEN &&
			 lower_32_bits(dev->seg_mask) == U32_MAX;
}

static bool io_unified_has_disk(const struct io_unified_region *r,
				const struct gendisk *disk)
{
	u32 i;

	for (i = 0; i < r->nr_devs; i++)
		if (r->devs[i].ns.disk == disk)
			return true;
	return false;
}

/*
 * What security modules have to say of passthrough they say for each request of
 * IORING_OP_URING_CMD.  Commands have no request: here it is once for all of them.
 */
static int io_unified_security(const struct io_unified_region *r, struct file *file)
{
	struct io_uring_cmd cmd = { .file = file, .cmd_op = NVME_URING_CMD_IO };
	int ret = security_uring_cmd(&cmd);

	if (ret || !(r->reg_flags & IO_UNIFIED_REG_ADMIN))
		return ret;
	cmd.cmd_op = NVME_URING_CMD_ADMIN;
	return security_uring_cmd(&cmd);
}

static void io_unified_work(struct work_struct *work);

/*
 * Take the namespace behind @file.  Passthrough writes where it likes, so
 * nobody else may have a claim on it: not a file system, a volume, or another
 * region, but for those of the same process that share.  Nobody finds it before
 * io_unified_publish_dev().
 */
int io_unified_open_dev(struct io_unified_region *r, struct file *file)
{
	struct io_unified_dev *dev = &r->devs[r->nr_devs];
	void *holder = r->reg_flags & IO_UNIFIED_REG_SHARE ? (void *)r->pid : r;
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
	ret = io_unified_security(r, file);
	if (ret)
		return ret;
	if (io_unified_has_disk(r, dev->ns.disk))
		return -EBUSY;
	if (file->f_mode & FMODE_WRITE)
		mode |= BLK_OPEN_WRITE;
	bdev_file = bdev_file_open_by_dev(disk_devt(dev->ns.disk), mode, holder,
					  NULL);
	if (IS_ERR(bdev_file))
		return PTR_ERR(bdev_file);
	dev->bdev_file = bdev_file;
	dev->file = get_file(file);
	init_llist_head(&dev->staged);
	INIT_WORK(&dev->work, io_unified_work);
	io_unified_set_limits(dev);
	return 0;
}

/* The one that has been opened last: stages may use it from here on */
void io_unified_publish_dev(struct io_unified_region *r)
{
	/* pairs with the load-acquire in io_unified_has_dev() */
	smp_store_release(&r->nr_devs, r->nr_devs + 1);
}

/* One that nobody can find, or will look for any more */
void io_unified_close_dev(struct io_unified_dev *dev)
{
	cancel_work_sync(&dev->work);
	bdev_fput(dev->bdev_file);
	fput(dev->file);
}

void io_unified_close_devs(struct io_unified_region *r)
{
	while (r->nr_devs)
		io_unified_close_dev(&r->devs[--r->nr_devs]);
	if (r->drv)
		module_put(r->drv->owner);
}

/* Can streams and requests read and write it?  Metadata is for the SQ's commands */
int io_unified_usable_dev(const struct io_unified_dev *dev)
{
	return !dev->nr_lbas || dev->ns.ext_lba || dev->ns.lba_size > PAGE_SIZE ||
	       (dev->ns.meta_size && !dev->ns.pi_only) ? -EOPNOTSUPP : 0;
}

/* May be called while the ring goes away: then there is none to be had */
static struct io_unified_xfer *__io_unified_get_xfer(struct io_unified_region *r,
						     u32 reserve)
{
	struct io_unified_xfer *x = NULL;

	if (!percpu_ref_tryget_live(&r->ctx->refs))
		return NULL;
	scoped_guard(spinlock_irqsave, &r->lock) {
		if (r->nr_free > reserve) {
			x = list_first_entry(&r->free, struct io_unified_xfer,
					     list);
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
	x->mirror = 0;
	x->used = 0;
	x->attempt = 0;
	x->admin = false;
	x->bpf = false;
	x->routed = false;
	x->fua = false;
	x->made = false;
	x->stored = false;
	x->shared = false;
	x->sending = false;
	x->to_sock = false;
	x->copied = false;
	x->misfit = false;
	x->status = 0;
	x->result = 0;
	x->buf_offset = 0;
	x->nr_recs = 0;
	x->pad = 0;
	x->frags.nr = 0;
	x->frags.len = 0;
	x->frags.align = 0;
	return x;
}

struct io_unified_xfer *io_unified_get_xfer(struct io_unified_region *r)
{
	return __io_unified_get_xfer(r, 0);
}

/* For a stage: not one that a stream may need for what is being received */
struct io_unified_xfer *io_unified_get_spare(struct io_unified_region *r)
{
	return __io_unified_get_xfer(r, IO_UNIFIED_RX_RESERVE +
				     (1U << r->buf_shift) / IO_UNIFIED_MIN_REC_LEN);
}

void io_unified_free_xfer(struct io_unified_xfer *x)
{
	lockdep_assert_held(&x->region->lock);

	list_add(&x->list, &x->region->free);
	x->region->nr_free++;
}

void io_unified_put_xfer(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	struct io_ring_ctx *ctx = r->ctx;

	scoped_guard(spinlock_irqsave, &r->lock)
		io_unified_free_xfer(x);
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
 * The piece of memory at @off: @len bytes, or fewer if it does not go on there.
 * Return: its length.
 */
static u32 io_unified_piece(struct io_unified_region *r, u64 off, u32 len,
			    struct bio_vec *bv)
{
	struct page **page = &r->mr.pages[r->data_page + (off >> PAGE_SHIFT)];
	struct page *first = *page;
	unsigned long pfn = page_to_pfn(first);
	u64 n = PAGE_SIZE - offset_in_page(off);

	while (n < len && page_to_pfn(*++page) == ++pfn)
		n += PAGE_SIZE;
	bvec_set_page(bv, first, min_t(u64, n, len), offset_in_page(off));
	return bv->bv_len;
}

/* The data of a command or request: a range that is the application's */
int io_unified_range(struct io_unified_xfer *x, u64 off, u32 len)
{
	struct io_unified_region *r = x->region;
	struct io_unified_frags *frags = &x->frags;
	u32 max = x->dev ? x->dev->max_frags : IO_UNIFIED_MAX_FRAGS;
	u32 left = len;

	lockdep_assert_held(&r->ctx->uring_lock);

	if (off > r->data_size || len > r->data_size - off)
		return -EFAULT;

	frags->align = offset_in_page(off) | len;
	while (left) {
		u32 buf, n = left;
		int ret = io_unified_own(r, off, &buf);

		if (ret)
			return ret;
		if (frags->nr == max)
			return -EINVAL;
		frags->pgoff[frags->nr] = buf;
		/* each buffer is held by a piece of its own */
		if (buf != IO_UNIFIED_BUF_NONE) {
			n = min_t(u64, n, ((buf + 1ULL) << r->buf_shift) - off);
			frags->pgoff[frags->nr] = off >> PAGE_SHIFT;
			io_unified_hold(r, buf);
		}
		n = io_unified_piece(r, off, n, &frags->bv[frags->nr++]);
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
	u32 n;

	if (off < r->user_off || off > r->data_size || len > r->data_size - off)
		return -EFAULT;
	for (; len; off += n, len -= n) {
		if (x->cmd.nr_meta == IO_UNIFIED_MAX_META)
			return -EINVAL;
		n = io_unified_piece(r, off, len, &x->meta[x->cmd.nr_meta++]);
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
	if (x->fua)
		x->nvme.cdw12 |= NVME_RW_FUA << 16;
}

void io_unified_prep_flush(struct io_unified_xfer *x)
{
	x->nvme = (struct nvme_uring_cmd) {
		.opcode		= nvme_cmd_flush,
		.nsid		= x->dev->ns.nsid,
	};
}

/* The driver has done with @x */
static void io_unified_returned(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	lockdep_assert_held(&r->lock);

	r->nr_inflight--;
	if (x->status)
		io_unified_stat_add(r, &r->stats.nvme_errors, 1);
}

static void io_unified_complete_sq(struct io_unified_xfer *x, bool issued)
{
	struct io_unified_region *r = x->region;
	struct io_ring_ctx *ctx = r->ctx;

	scoped_guard(spinlock_irqsave, &r->lock) {
		if (issued)
			io_unified_returned(x);
		io_unified_release(r, &x->frags);
		io_unified_kick(r);
		io_unified_post_cqe(x, 0);
	}
	percpu_ref_put(&ctx->refs);
}

/* A buffer of a stage's own: what was written, or read and looked at */
static void io_unified_made_done(struct io_unified_xfer *x, int verdict)
{
	struct io_unified_region *r = x->region;
	struct io_ring_ctx *ctx = r->ctx;
	struct io_unified_count *count = &r->stats.written;

	if (x->nvme.opcode == nvme_cmd_read)
		count = &r->stats.dropped;
	scoped_guard(spinlock_irqsave, &r->lock) {
		io_unified_returned(x);
		io_unified_account_end(r, x->status ? &r->stats.failed : count, x);
		if (verdict == IO_UNIFIED_NOTIFY)
			io_unified_post_cqe(x, IO_UNIFIED_CQE_F_NOTIFY);
		else
			io_unified_free_xfer(x);
		io_unified_kick(r);
	}
	/* @r may go with it */
	percpu_ref_put(&ctx->refs);
}

/* The next device that is to have the same data, if there is one */
static bool io_unified_next_mirror(struct io_unified_xfer *x, int verdict)
{
	if (!x->mirror || (x->status && verdict != IO_UNIFIED_SKIP))
		return false;
	if (x->status) {
		guard(spinlock_irqsave)(&x->region->lock);
		io_unified_stat_add(x->region, &x->region->stats.nvme_errors, 1);
	}
	x->stored |= !x->status;
	x->dev = &x->region->devs[__ffs(x->mirror)];
	x->mirror &= x->mirror - 1;
	io_unified_prep_rw(x, nvme_cmd_write, x->buf.slba);
	io_unified_again(x, true);
	return true;
}

/* The command has ended; in any context */
static void io_unified_done(struct io_unified_cmd *cmd, int status, u64 result)
{
	struct io_unified_xfer *x = container_of(cmd, struct io_unified_xfer, cmd);
	struct io_unified_region *r = x->region;
	int verdict = IO_UNIFIED_DONE;

	x->status = status;
	x->result = result;
	/* while the ring goes away, nobody keeps it by retries */
	if (x->bpf && io_unified_is_rw(x) && !percpu_ref_is_dying(&r->ctx->refs))
		verdict = io_unified_run_complete(r, x, status);
	if (verdict == IO_UNIFIED_RETRY && x->attempt < IO_UNIFIED_MAX_RETRIES) {
		x->attempt++;
		io_unified_again(x, false);
		return;
	}
	if (io_unified_next_mirror(x, verdict))
		return;
	if (!x->stream && !x->req && !x->made)
		x->buf.len = cmd->len;
	if (x->stream) {
		io_unified_stream_done(x, verdict);
		return;
	}
	if (x->made) {
		io_unified_made_done(x, verdict);
		return;
	}
	if (!x->req) {
		io_unified_complete_sq(x, true);
		return;
	}
	scoped_guard(spinlock_irqsave, &r->lock)
		io_unified_returned(x);
	io_unified_req_done(x);
}

/* An SQE that is not for the driver to see */
void io_unified_refuse(struct io_unified_xfer *x, int err)
{
	scoped_guard(spinlock_irqsave, &x->region->lock)
		io_unified_stat_add(x->region, &x->region->stats.sq_invalid, 1);
	x->status = err;
	io_unified_complete_sq(x, false);
}

/* Where the stages want it: is there such a place? */
static int io_unified_apply(struct io_unified_xfer *x,
			    const struct io_unified_nvme *cmd)
{
	struct io_unified_region *r = x->region;
	u32 lba_shift = x->dev->lba_shift, len = x->frags.len;
	u32 devs = cmd->mirror, nr;

	if (!io_unified_has_dev(r, cmd->dev) ||
	    (devs && !io_unified_has_dev(r, __fls(devs))))
		return -ENODEV;
	if (cmd->delay_ms > IO_UNIFIED_MAX_DELAY ||
	    (cmd->mirror && x->nvme.opcode != nvme_cmd_write))
		return -EINVAL;
	nr = array_index_nospec(cmd->dev, IO_UNIFIED_MAX_DEVS);
	for (devs |= BIT(nr); devs; devs &= devs - 1) {
		const struct io_unified_dev *dev = &r->devs[__ffs(devs)];

		if (io_unified_usable_dev(dev) || dev->lba_shift != lba_shift ||
		    len > dev->max_len || io_unified_misfit(dev, &x->frags))
			return -EINVAL;
		if (cmd->slba > dev->nr_lbas ||
		    len >> lba_shift > dev->nr_lbas - cmd->slba)
			return -ENOSPC;
	}
	x->dev = &r->devs[nr];
	x->mirror = cmd->mirror & ~BIT(nr);
	x->fua = cmd->fua && x->nvme.opcode == nvme_cmd_write;
	io_unified_prep_rw(x, x->nvme.opcode, cmd->slba);
	return 0;
}

/*
 * Ask the stages where the command goes, once for each attempt.
 *
 * Return: 0, or -errno: it fails; or 1: it will be back later.
 */
static int io_unified_route(struct io_unified_xfer *x)
{
	struct io_unified_nvme cmd;
	int ret;

	if (x->routed || !x->bpf || !io_unified_is_rw(x))
		return 0;
	x->routed = true;
	cmd = (struct io_unified_nvme) {
		.slba		= x->buf.slba,
		.nr_blocks	= x->frags.len >> x->dev->lba_shift,
		.opcode		= x->nvme.opcode,
		.attempt	= x->attempt,
		.dev		= x->dev - x->region->devs,
		.mirror		= x->mirror,
		.fua		= x->fua,
	};
	ret = io_unified_run_submit(x->region, x, &cmd);
	if (!ret)
		ret = io_unified_apply(x, &cmd);
	if (ret || !cmd.delay_ms)
		return ret;
	queue_delayed_work(system_highpri_wq, &x->delay,
			   msecs_to_jiffies(cmd.delay_ms));
	return 1;
}

static int io_unified_queue_cmd(struct io_unified_xfer *x, bool nowait)
{
	struct io_unified_region *r = x->region;
	u32 dev = x->dev - r->devs;

	x->buf.dev = dev;
	if (io_unified_is_rw(x))
		x->used |= BIT(dev);
	if (x->stream && x->nvme.opcode == nvme_cmd_write)
		atomic_or(BIT(dev), &x->stream->used);
	x->cmd.cmd = &x->nvme;
	x->cmd.bvec = x->frags.bv;
	x->cmd.meta = x->meta;
	x->cmd.nr_bvecs = x->nvme.data_len ? x->frags.nr : 0;
	x->cmd.admin = x->admin;
	x->cmd.nowait = nowait;
	x->cmd.may_write = x->dev->file->f_mode & FMODE_WRITE &&
			   !bdev_read_only(file_bdev(x->dev->bdev_file));
	x->cmd.exact = x->stream || x->req || x->made;
	x->cmd.done = io_unified_done;
	trace_io_unified_submit(r->ctx, &x->nvme, x->buf.user_data);
	return r->drv->queue_cmd(x->dev->ns.disk, &x->cmd);
}

/*
 * The device's worker takes over: it may wait for a tag.  A queue that is frozen,
 * or going away, says which to those that wait only.
 */
void io_unified_stage(struct io_unified_xfer *x)
{
	struct io_unified_dev *dev = x->dev;

	/* once it is on the list, the region may go with it */
	guard(rcu)();
	llist_add(&x->staged, &dev->staged);
	queue_work(system_highpri_wq, &dev->work);
}

void io_unified_delayed(struct work_struct *work)
{
	io_unified_stage(container_of(to_delayed_work(work),
				      struct io_unified_xfer, delay));
}

/* Send a command that has ended once more; the stages may want it elsewhere */
void io_unified_again(struct io_unified_xfer *x, bool routed)
{
	struct io_unified_region *r = x->region;

	x->routed = routed;
	scoped_guard(spinlock_irqsave, &r->lock)
		io_unified_stat_add(r, &r->stats.nvme_cmds, 1);
	io_unified_stage(x);
}

/* What a stage made may be in pieces that the device cannot gather */
static int io_unified_work_one(struct io_unified_dev *dev,
			       struct io_unified_xfer *x)
{
	int ret = 0;

	if (x->made && io_unified_misfit(x->dev, &x->frags))
		ret = io_unified_compact(x, x->pad);
	if (!ret)
		ret = io_unified_route(x);
	if (ret)
		return ret;
	/* wait for this device, and leave it to others to wait for theirs */
	ret = io_unified_queue_cmd(x, x->dev != dev);
	if (ret == -EAGAIN && x->dev != dev) {
		io_unified_stage(x);
		return 0;
	}
	return ret;
}

static void io_unified_work(struct work_struct *work)
{
	struct io_unified_dev *dev = container_of(work, struct io_unified_dev, work);
	struct io_unified_xfer *x, *tmp;
	const struct cred *old;
	struct llist_node *list;
	struct blk_plug plug;

	list = llist_reverse_order(llist_del_all(&dev->staged));
	if (!list)
		return;
	x = llist_entry(list, struct io_unified_xfer, staged);
	/* the driver asks what the task may do: what the registrant might */
	old = override_creds(x->region->creds);
	blk_start_plug(&plug);
	llist_for_each_entry_safe(x, tmp, list, staged) {
		int ret = io_unified_work_one(dev, x);

		if (ret < 0)
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
	ret = io_unified_route(x);
	if (!ret) {
		ret = io_unified_queue_cmd(x, true);
		/* no tag; from a stage it is an error like any other */
		if (ret == -EAGAIN) {
			io_unified_stage(x);
			return;
		}
	}
	if (ret < 0)
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
