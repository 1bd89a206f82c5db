// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: registration and layout.
 *
 * A region is memory with two rings and a data area, which an NVMe namespace
 * and a NIC queue share.  Two calls make one, they differ in the layout only.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "io_uring.h"
#include "memmap.h"
#include "unified.h"

#define IO_UNIFIED_MAX_ENTRIES	32768
#define IO_UNIFIED_MAX_PATH	4096

/* What the two calls have in common */
struct io_unified_params {
	u32		sq_entries;
	u32		cq_entries;
	u32		buf_size;
	u32		user_bufs;

	/* offsets into the region */
	u64		sq_ring;
	u64		cq_ring;
	u64		sqes;
	u64		cqes;
	u64		data;
	u64		stats;
	u64		data_size;

	struct file	*nvme;
	u32		ifindex;
	u32		rxq;
};

struct io_mapped_region *io_unified_get_region(struct io_ring_ctx *ctx)
{
	lockdep_assert_held(&ctx->mmap_lock);

	return ctx->unified ? &ctx->unified->mr : NULL;
}

static bool io_unified_valid_rings(u32 sq_entries, u32 cq_entries)
{
	return is_power_of_2(sq_entries) && is_power_of_2(cq_entries) &&
	       sq_entries <= IO_UNIFIED_MAX_ENTRIES &&
	       cq_entries <= IO_UNIFIED_MAX_ENTRIES;
}

/* Entries and data area follow the pages at @off */
static void io_unified_layout(struct io_unified_params *p, u64 off)
{
	p->sqes = off;
	p->cqes = p->sqes + PAGE_ALIGN((u64)p->sq_entries *
				       sizeof(struct io_unified_sqe));
	p->data = p->cqes + PAGE_ALIGN((u64)p->cq_entries *
				       sizeof(struct io_unified_cqe));
}

static void io_unified_init_ring(struct io_unified_ring *ring, u32 entries,
				 size_t size)
{
	memset(ring, 0, sizeof(*ring));
	ring->ring_entries = entries;
	ring->ring_mask = entries - 1;
	ring->ring_size = entries * size;
}

static void io_unified_init_shared(struct io_unified_region *r,
				   const struct io_unified_params *p)
{
	void *base = io_region_get_ptr(&r->mr);

	r->sq = base + p->sq_ring;
	r->cq = base + p->cq_ring;
	r->sqes = base + p->sqes;
	r->cqes = base + p->cqes;
	r->user_stats = base + p->stats;
	io_unified_init_ring(r->sq, p->sq_entries, sizeof(*r->sqes));
	io_unified_init_ring(r->cq, p->cq_entries, sizeof(*r->cqes));
	memset(r->user_stats, 0, sizeof(*r->user_stats));

	r->sq_entries = p->sq_entries;
	r->cq_entries = p->cq_entries;
	r->data_page = p->data >> PAGE_SHIFT;
	r->data_size = p->data_size;
	r->buf_shift = ilog2(p->buf_size);
}

static int io_unified_alloc_xfers(struct io_unified_region *r)
{
	u32 i;

	/* commands of the SQ, and some for streams to gather and retire */
	r->nr_xfers = r->sq_entries + 64;
	r->xfers = kvzalloc_objs(*r->xfers, r->nr_xfers, GFP_KERNEL_ACCOUNT);
	if (!r->xfers)
		return -ENOMEM;
	for (i = 0; i < r->nr_xfers; i++) {
		r->xfers[i].region = r;
		list_add_tail(&r->xfers[i].list, &r->free);
	}
	r->nr_free = r->nr_xfers;
	return 0;
}

static struct io_unified_region *io_unified_alloc(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r = kzalloc_obj(*r, GFP_KERNEL_ACCOUNT);

	if (!r)
		return NULL;
	r->ctx = ctx;
	r->creds = get_current_cred();
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->free);
	INIT_LIST_HEAD(&r->overflow);
	INIT_LIST_HEAD(&r->streams);
	init_llist_head(&r->staged);
	INIT_WORK(&r->work, io_unified_work);
	return r;
}

/* Nothing is in flight any more and no request can find it */
static void io_unified_free_region(struct io_unified_region *r)
{
	io_unified_eject_all(r);
	io_unified_close_rxq(r);
	cancel_work_sync(&r->work);
	io_unified_close_dev(r);
	io_free_region(r->ctx->user, &r->mr);
	kvfree(r->xfers);
	put_cred(r->creds);
	kfree(r);
}

static struct io_unified_region *
io_unified_create(struct io_ring_ctx *ctx, const struct io_unified_params *p,
		  struct io_uring_region_desc *rd)
{
	struct io_unified_region *r;
	int ret;

	r = io_unified_alloc(ctx);
	if (!r)
		return ERR_PTR(-ENOMEM);

	ret = io_create_region(ctx->user, &r->mr, rd, IORING_MAP_OFF_UNIFIED_REGION);
	if (ret)
		goto err;
	io_unified_init_shared(r, p);
	ret = io_unified_alloc_xfers(r);
	if (ret)
		goto err;

	if (p->nvme) {
		ret = io_unified_open_dev(r, p->nvme);
		if (ret)
			goto err;
	}
	r->user_off = 0;
	if (p->ifindex) {
		u64 user_size = (u64)p->user_bufs << r->buf_shift;

		ret = -EINVAL;
		if (user_size >= r->data_size)
			goto err;
		r->user_off = r->data_size - user_size;
		ret = io_unified_open_rxq(r, p->ifindex, p->rxq, p->buf_size);
		if (ret)
			goto err;
	}
	return r;
err:
	io_unified_free_region(r);
	return ERR_PTR(ret);
}

static void io_unified_publish(struct io_ring_ctx *ctx,
			       struct io_unified_region *r)
{
	guard(mutex)(&ctx->mmap_lock);
	WRITE_ONCE(ctx->unified, r);
}

static int io_unified_may_register(struct io_ring_ctx *ctx)
{
	lockdep_assert_held(&ctx->uring_lock);

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (ctx->unified)
		return -EBUSY;
	return 0;
}

static int io_unified_ifq_params(const struct io_unified_reg *reg,
				 const struct io_uring_region_desc *rd,
				 struct io_unified_params *p)
{
	if (!io_unified_valid_rings(reg->sq_entries, reg->cq_entries))
		return -EINVAL;
	if (!reg->buffer_entries || !reg->buffer_entry_size ||
	    !PAGE_ALIGNED(reg->buffer_entry_size))
		return -EINVAL;
	if (reg->flags || !mem_is_zero(reg->__resv, sizeof(reg->__resv)))
		return -EINVAL;

	*p = (struct io_unified_params) {
		.sq_entries	= reg->sq_entries,
		.cq_entries	= reg->cq_entries,
		.buf_size	= PAGE_SIZE,
		.sq_ring	= 0,
		.cq_ring	= PAGE_SIZE,
		.stats		= PAGE_SIZE + IO_UNIFIED_STATS_OFFSET,
		.data_size	= (u64)reg->buffer_entries * reg->buffer_entry_size,
	};
	io_unified_layout(p, 2 * PAGE_SIZE);
	if (rd->size < p->data || rd->size - p->data < p->data_size)
		return -EINVAL;
	return 0;
}

static struct file *io_unified_open_path(u64 path)
{
	char *name __free(kfree) = strndup_user(u64_to_user_ptr(path),
						IO_UNIFIED_MAX_PATH);

	if (IS_ERR(name))
		return ERR_CAST(no_free_ptr(name));
	return filp_open(name, O_RDWR | O_LARGEFILE, 0);
}

static int io_register_unified_ifq(struct io_ring_ctx *ctx, void __user *arg)
{
	const unsigned int need = IORING_SETUP_DEFER_TASKRUN |
				  IORING_SETUP_CQE32 | IORING_SETUP_SQE128;
	struct io_uring_region_desc __user *rd_uptr;
	struct io_uring_region_desc rd;
	struct io_unified_region *r;
	struct io_unified_params p;
	struct io_unified_reg reg;
	int ret;

	ret = io_unified_may_register(ctx);
	if (ret)
		return ret;
	if ((ctx->flags & need) != need)
		return -EINVAL;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	rd_uptr = u64_to_user_ptr(reg.region_ptr);
	if (copy_from_user(&rd, rd_uptr, sizeof(rd)))
		return -EFAULT;
	/* the memory is always the user's, with or without the flag */
	if (!rd.user_addr)
		return -EINVAL;
	rd.flags |= IORING_MEM_REGION_TYPE_USER;

	ret = io_unified_ifq_params(&reg, &rd, &p);
	if (ret)
		return ret;
	p.nvme = io_unified_open_path(reg.nvme_dev_path);
	if (IS_ERR(p.nvme))
		return PTR_ERR(p.nvme);

	r = io_unified_create(ctx, &p, &rd);
	fput(p.nvme);
	if (IS_ERR(r))
		return PTR_ERR(r);

	reg.offsets.sq_ring = p.sq_ring;
	reg.offsets.cq_ring = p.cq_ring;
	reg.offsets.sq_entries = p.sqes;
	reg.offsets.cq_entries = p.cqes;
	reg.offsets.buffers = p.data;
	if (copy_to_user(arg, &reg, sizeof(reg))) {
		io_unified_free_region(r);
		return -EFAULT;
	}
	io_unified_publish(ctx, r);
	return 0;
}

static int io_unified_region_params(struct io_ring_ctx *ctx,
				    const struct io_uring_unified_region_reg *reg,
				    struct io_unified_params *p)
{
	if (!io_unified_valid_rings(reg->sq_entries, reg->cq_entries))
		return -EINVAL;
	if (reg->buf_size && (!is_power_of_2(reg->buf_size) ||
			      reg->buf_size < PAGE_SIZE))
		return -EINVAL;
	if (reg->flags || !mem_is_zero(reg->__resv, sizeof(reg->__resv)))
		return -EINVAL;
	if (reg->net_ifindex) {
		if (!(ctx->flags & IORING_SETUP_DEFER_TASKRUN))
			return -EINVAL;
		if (!(ctx->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)))
			return -EINVAL;
		if (!capable(CAP_NET_ADMIN))
			return -EPERM;
	} else if (reg->net_rxq || reg->user_bufs) {
		return -EINVAL;
	}

	*p = (struct io_unified_params) {
		.sq_entries	= reg->sq_entries,
		.cq_entries	= reg->cq_entries,
		.buf_size	= reg->buf_size ?: PAGE_SIZE,
		.user_bufs	= reg->user_bufs,
		.sq_ring	= offsetof(struct io_unified_ctrl, sq),
		.cq_ring	= offsetof(struct io_unified_ctrl, cq),
		.stats		= offsetof(struct io_unified_ctrl, stats),
		.ifindex	= reg->net_ifindex,
		.rxq		= reg->net_rxq,
	};
	io_unified_layout(p, PAGE_SIZE);
	if (reg->region_size <= p->data)
		return -EINVAL;
	p->data_size = round_down(reg->region_size - p->data, p->buf_size);
	if (!p->data_size)
		return -EINVAL;
	return 0;
}

static int io_unified_region_desc(const struct io_uring_unified_region_reg *reg,
				  struct io_uring_region_desc *rd)
{
	memset(rd, 0, sizeof(*rd));
	if (!reg->region_uptr) {
		rd->size = reg->region_size;
		return 0;
	}
	if (copy_from_user(rd, u64_to_user_ptr(reg->region_uptr), sizeof(*rd)))
		return -EFAULT;
	if (rd->user_addr)
		rd->flags |= IORING_MEM_REGION_TYPE_USER;
	if (!rd->size)
		rd->size = reg->region_size;
	return rd->size == reg->region_size ? 0 : -EINVAL;
}

static void io_unified_init_ctrl(struct io_unified_region *r,
				 const struct io_unified_params *p)
{
	struct io_unified_ctrl *ctrl = io_region_get_ptr(&r->mr);

	ctrl->magic = IO_UNIFIED_MAGIC;
	ctrl->buf_size = p->buf_size;
	ctrl->sq_entries = p->sqes;
	ctrl->cq_entries = p->cqes;
	ctrl->data = p->data;
	ctrl->data_size = p->data_size;
	ctrl->lba_size = r->disk ? 1U << r->lba_shift : 0;
	ctrl->nsid = r->nsid;
}

static int io_register_unified_region(struct io_ring_ctx *ctx, void __user *arg)
{
	struct io_uring_unified_region_reg reg;
	struct io_uring_region_desc rd;
	struct io_unified_region *r;
	struct io_unified_params p;
	int ret;

	ret = io_unified_may_register(ctx);
	if (ret)
		return ret;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	ret = io_unified_region_params(ctx, &reg, &p);
	if (ret)
		return ret;
	ret = io_unified_region_desc(&reg, &rd);
	if (ret)
		return ret;
	if (reg.nvme_fd > 0) {
		p.nvme = fget(reg.nvme_fd);
		if (!p.nvme)
			return -EBADF;
	}

	r = io_unified_create(ctx, &p, &rd);
	if (p.nvme)
		fput(p.nvme);
	if (IS_ERR(r))
		return PTR_ERR(r);

	io_unified_init_ctrl(r, &p);
	reg.offsets.ctrl = 0;
	reg.offsets.sq_entries = p.sqes;
	reg.offsets.cq_entries = p.cqes;
	reg.offsets.data = p.data;
	if (copy_to_user(arg, &reg, sizeof(reg)) ||
	    (reg.region_uptr &&
	     copy_to_user(u64_to_user_ptr(reg.region_uptr), &rd, sizeof(rd)))) {
		io_unified_free_region(r);
		return -EFAULT;
	}
	io_unified_publish(ctx, r);
	return 0;
}

/* Refused while a request or a command uses it */
static int io_unregister_unified(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r = ctx->unified;

	lockdep_assert_held(&ctx->uring_lock);

	if (!r)
		return -ENXIO;
	scoped_guard(spinlock_irq, &r->lock) {
		if (r->nr_inflight || !list_empty(&r->streams))
			return -EBUSY;
	}
	io_unified_publish(ctx, NULL);
	io_unified_free_region(r);
	return 0;
}

int io_register_unified(struct io_ring_ctx *ctx, unsigned int opcode,
			void __user *arg, unsigned int nr_args)
{
	bool reg = opcode == IORING_REGISTER_UNIFIED_IFQ ||
		   opcode == IORING_REGISTER_UNIFIED_REGION;

	if (nr_args != reg || !!arg != reg)
		return -EINVAL;
	if (opcode == IORING_REGISTER_UNIFIED_IFQ)
		return io_register_unified_ifq(ctx, arg);
	if (opcode == IORING_REGISTER_UNIFIED_REGION)
		return io_register_unified_region(ctx, arg);
	return io_unregister_unified(ctx);
}

/* The last reference to the ring is gone, and with it every command */
void io_free_unified(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r = ctx->unified;

	if (!r)
		return;
	io_unified_publish(ctx, NULL);
	io_unified_free_region(r);
}
