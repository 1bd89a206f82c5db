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
#include <uapi/linux/io_uring/query.h>
#include <linux/kernel.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "io_uring.h"
#include "memmap.h"
#include "rsrc.h"
#include "unified.h"

#define CREATE_TRACE_POINTS
#include <trace/events/io_unified.h>

#define IO_UNIFIED_MAX_ENTRIES	32768
#define IO_UNIFIED_MAX_PATH	4096
/* Each buffer may hold that many records, and a transfer is there for each */
#define IO_UNIFIED_MAX_BUF	SZ_2M
/* Who cannot cope with indices that wrap finds out soon, as with jiffies */
#define IO_UNIFIED_FIRST_INDEX	(-256U)
#define IO_UNIFIED_MAX_IDLE	(60 * MSEC_PER_SEC)

/* What the two calls have in common */
struct io_unified_params {
	u32		sq_entries;
	u32		cq_entries;
	u32		buf_size;
	u32		user_bufs;
	u32		flags;
	u32		sq_idle;	/* ms */
	bool		has_ctrl;

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
	ring->producer = IO_UNIFIED_FIRST_INDEX;
	ring->consumer = IO_UNIFIED_FIRST_INDEX;
	ring->cached_producer = IO_UNIFIED_FIRST_INDEX;
	ring->cached_consumer = IO_UNIFIED_FIRST_INDEX;
	ring->ring_entries = entries;
	ring->ring_mask = entries - 1;
	ring->ring_size = entries * size;
}

static void io_unified_init_shared(struct io_unified_region *r,
				   const struct io_unified_params *p)
{
	void *base = io_region_get_ptr(&r->mr);

	r->ctrl = p->has_ctrl ? base : NULL;
	r->sq = base + p->sq_ring;
	r->cq = base + p->cq_ring;
	r->sqes = base + p->sqes;
	r->cqes = base + p->cqes;
	r->user_stats = base + p->stats;
	io_unified_init_ring(r->sq, p->sq_entries, sizeof(*r->sqes));
	io_unified_init_ring(r->cq, p->cq_entries, sizeof(*r->cqes));
	memset(r->user_stats, 0, sizeof(*r->user_stats));

	r->sq_idle = msecs_to_jiffies(p->sq_idle ?: MSEC_PER_SEC);
	r->sq_head = IO_UNIFIED_FIRST_INDEX;
	r->cq_tail = IO_UNIFIED_FIRST_INDEX;
	r->sq_entries = p->sq_entries;
	r->cq_entries = p->cq_entries;
	r->data_page = p->data >> PAGE_SHIFT;
	r->data_size = p->data_size;
	r->buf_shift = ilog2(p->buf_size);
}

static int io_unified_alloc_xfers(struct io_unified_region *r)
{
	u32 i;

	/*
	 * Commands of the SQ, some for streams to gather and retire, and what
	 * the records of one buffer may need at once.
	 */
	r->nr_xfers = r->sq_entries + 64 +
		      (1U << r->buf_shift) / IO_UNIFIED_MIN_REC_LEN;
	r->xfers = kvzalloc_objs(*r->xfers, r->nr_xfers, GFP_KERNEL_ACCOUNT);
	if (!r->xfers)
		return -ENOMEM;
	for (i = 0; i < r->nr_xfers; i++) {
		r->xfers[i].region = r;
		INIT_DELAYED_WORK(&r->xfers[i].delay, io_unified_delayed);
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
	r->pid = get_pid(task_tgid(current));
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->free);
	INIT_LIST_HEAD(&r->overflow);
	INIT_LIST_HEAD(&r->streams);
	INIT_LIST_HEAD(&r->sends);
	INIT_WORK(&r->eject_work, io_unified_eject_work);
	return r;
}

/* Nothing is in flight any more and no request can find it */
static void io_unified_free_region(struct io_unified_region *r)
{
	io_unified_stop_poller(r);
	io_unified_eject_all(r);
	cancel_work_sync(&r->eject_work);
	io_unified_close_rxq(r);
	io_unified_close_socks(r);
	/* who queued it for the last command may be about to */
	synchronize_rcu();
	io_unified_close_devs(r);
	io_free_region(r->ctx->user, &r->mr);
	kvfree(r->xfers);
	put_cred(r->creds);
	put_pid(r->pid);
	kfree(r);
}

struct io_unified_mem {
	struct io_unified_region	*r;
	struct io_uring_region_desc	*rd;
	struct mem_cgroup		*memcg;
};

static long io_unified_create_mem(void *arg)
{
	struct io_unified_mem *mem = arg;
	struct mem_cgroup *old = set_active_memcg(mem->memcg);
	int ret;

	ret = io_create_region(NULL, &mem->r->mr, mem->rd,
			       IORING_MAP_OFF_UNIFIED_REGION);
	set_active_memcg(old);
	return ret;
}

/* From a CPU, but for the task: the worker has other limits */
static int io_unified_create_mem_on(struct io_unified_region *r, unsigned int cpu,
				    struct io_uring_region_desc *rd)
{
	struct io_unified_mem mem = { .r = r, .rd = rd };
	struct user_struct *user = r->ctx->user;
	unsigned long nr = rd->size >> PAGE_SHIFT;
	int ret;

	if (user && __io_account_mem(user, nr))
		return -ENOMEM;
	mem.memcg = get_mem_cgroup_from_mm(current->mm);
	ret = work_on_cpu(cpu, io_unified_create_mem, &mem);
	mem_cgroup_put(mem.memcg);
	if (!user)
		return ret;
	/* a compound page may have more, for which io_free_region() accounts */
	if (!ret && __io_account_mem(user, max(nr, compound_nr(r->mr.pages[0])) - nr)) {
		io_free_region(NULL, &r->mr);
		ret = -ENOMEM;
	}
	if (ret)
		__io_unaccount_mem(user, nr);
	return ret;
}

/*
 * Memory of the kernel comes from the node of the NIC, or else of the NVMe
 * device: from a CPU there, as pci_call_probe() does it.  The user's is where
 * the user put it.
 */
static int io_unified_alloc_mem(struct io_unified_region *r,
				const struct io_unified_params *p,
				struct io_uring_region_desc *rd)
{
	unsigned int cpu = nr_cpu_ids;
	int node = NUMA_NO_NODE;

	if (p->ifindex)
		node = io_unified_rxq_node(p->ifindex);
	if (node == NUMA_NO_NODE && r->nr_devs)
		node = r->devs[0].ns.disk->node_id;
	if (!rd->user_addr && node != NUMA_NO_NODE && node != numa_node_id() &&
	    node_online(node))
		cpu = cpumask_any_and(cpumask_of_node(node), cpu_online_mask);
	if (cpu < nr_cpu_ids)
		return io_unified_create_mem_on(r, cpu, rd);
	return io_create_region(r->ctx->user, &r->mr, rd,
				IORING_MAP_OFF_UNIFIED_REGION);
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
	r->reg_flags = p->flags;

	if (p->nvme) {
		ret = io_unified_open_dev(r, p->nvme);
		if (ret)
			goto err;
		io_unified_publish_dev(r);
	}
	ret = io_unified_alloc_mem(r, p, rd);
	if (ret)
		goto err;
	io_unified_init_shared(r, p);
	ret = io_unified_alloc_xfers(r);
	if (ret)
		goto err;

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

/* The last step of a registration: user space knows all that it has to */
static int io_unified_finish(struct io_ring_ctx *ctx,
			     struct io_unified_region *r)
{
	if (r->reg_flags & IO_UNIFIED_REG_POLL) {
		int ret = io_unified_start_poller(r);

		if (ret) {
			io_unified_free_region(r);
			return ret;
		}
	}
	io_unified_publish(ctx, r);
	trace_io_unified_register(ctx, r->sq_entries, r->cq_entries,
				  r->data_size, r->nr_bufs, r->nr_devs);
	return 0;
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

static int io_unified_check_flags(struct io_ring_ctx *ctx, u32 flags,
				  u32 sq_idle)
{
	if (flags & ~(u32)IO_UNIFIED_REG_FLAGS)
		return -EINVAL;
	/* a ring that is not enabled yet does nothing by itself */
	if (flags & IO_UNIFIED_REG_POLL && ctx->flags & IORING_SETUP_R_DISABLED)
		return -EINVAL;
	if (sq_idle && !(flags & IO_UNIFIED_REG_POLL))
		return -EINVAL;
	return sq_idle > IO_UNIFIED_MAX_IDLE ? -EINVAL : 0;
}

/* What a NIC queue asks of the ring, as with zcrx */
static int io_unified_check_net(struct io_ring_ctx *ctx)
{
	if (!(ctx->flags & IORING_SETUP_DEFER_TASKRUN))
		return -EINVAL;
	if (!(ctx->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)))
		return -EINVAL;
	return capable(CAP_NET_ADMIN) ? 0 : -EPERM;
}

static int io_unified_ifq_params(struct io_ring_ctx *ctx,
				 const struct io_unified_reg *reg,
				 const struct io_uring_region_desc *rd,
				 struct io_unified_params *p)
{
	int ret;

	if (!io_unified_valid_rings(reg->sq_entries, reg->cq_entries))
		return -EINVAL;
	if (!reg->buffer_entries || !reg->buffer_entry_size ||
	    !PAGE_ALIGNED(reg->buffer_entry_size))
		return -EINVAL;
	/* the NIC's buffers are powers of two */
	if (reg->net_ifindex && (!is_power_of_2(reg->buffer_entry_size) ||
				 reg->buffer_entry_size > IO_UNIFIED_MAX_BUF))
		return -EINVAL;
	if (!reg->net_ifindex && reg->net_rxq)
		return -EINVAL;
	ret = io_unified_check_flags(ctx, reg->flags, reg->sq_idle);
	if (!ret && reg->net_ifindex)
		ret = io_unified_check_net(ctx);
	if (ret)
		return ret;

	*p = (struct io_unified_params) {
		.sq_entries	= reg->sq_entries,
		.cq_entries	= reg->cq_entries,
		.buf_size	= reg->net_ifindex ? reg->buffer_entry_size : PAGE_SIZE,
		.flags		= reg->flags,
		.sq_idle	= reg->sq_idle,
		.ifindex	= reg->net_ifindex,
		.rxq		= reg->net_rxq,
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

	ret = io_unified_ifq_params(ctx, &reg, &rd, &p);
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
	return io_unified_finish(ctx, r);
}

static int io_unified_region_params(struct io_ring_ctx *ctx,
				    const struct io_uring_unified_region_reg *reg,
				    struct io_unified_params *p)
{
	int ret;

	if (!io_unified_valid_rings(reg->sq_entries, reg->cq_entries))
		return -EINVAL;
	if (reg->buf_size && (!is_power_of_2(reg->buf_size) ||
			      reg->buf_size < PAGE_SIZE ||
			      reg->buf_size > IO_UNIFIED_MAX_BUF))
		return -EINVAL;
	if (reg->numa_node || !mem_is_zero(reg->__resv, sizeof(reg->__resv)))
		return -EINVAL;
	if (!reg->net_ifindex && (reg->net_rxq || reg->user_bufs))
		return -EINVAL;
	ret = io_unified_check_flags(ctx, reg->flags, reg->sq_idle);
	if (!ret && reg->net_ifindex)
		ret = io_unified_check_net(ctx);
	if (ret)
		return ret;

	*p = (struct io_unified_params) {
		.sq_entries	= reg->sq_entries,
		.cq_entries	= reg->cq_entries,
		.buf_size	= reg->buf_size ?: PAGE_SIZE,
		.user_bufs	= reg->user_bufs,
		.flags		= reg->flags,
		.sq_idle	= reg->sq_idle,
		.has_ctrl	= true,
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
	struct io_unified_ctrl *ctrl = r->ctrl;

	ctrl->magic = IO_UNIFIED_MAGIC;
	ctrl->buf_size = p->buf_size;
	ctrl->sq_entries = p->sqes;
	ctrl->cq_entries = p->cqes;
	ctrl->data = p->data;
	ctrl->data_size = p->data_size;
	ctrl->lba_size = r->devs[0].ns.lba_size;
	ctrl->nsid = r->devs[0].ns.nsid;
	ctrl->numa_node = page_to_nid(r->mr.pages[0]);
	ctrl->nr_devs = r->nr_devs;
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
	reg.numa_node = page_to_nid(r->mr.pages[0]);
	if (copy_to_user(arg, &reg, sizeof(reg)) ||
	    (reg.region_uptr &&
	     copy_to_user(u64_to_user_ptr(reg.region_uptr), &rd, sizeof(rd)))) {
		io_unified_free_region(r);
		return -EFAULT;
	}
	return io_unified_finish(ctx, r);
}

static int io_register_unified_dev(struct io_ring_ctx *ctx, void __user *arg)
{
	struct io_unified_region *r = ctx->unified;
	struct io_unified_dev_reg reg;
	struct io_unified_dev *dev;
	struct file *file;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!r)
		return -ENXIO;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (reg.flags || !mem_is_zero(reg.__resv, sizeof(reg.__resv)))
		return -EINVAL;
	file = fget(reg.fd);
	if (!file)
		return -EBADF;
	ret = io_unified_open_dev(r, file);
	fput(file);
	if (ret)
		return ret;

	dev = &r->devs[r->nr_devs];
	reg.dev = r->nr_devs;
	reg.nsid = dev->ns.nsid;
	reg.nr_lbas = dev->nr_lbas;
	reg.lba_size = dev->ns.lba_size;
	reg.meta_size = dev->ns.meta_size;
	reg.max_len = dev->max_len;
	reg.features = dev->ns.ext_lba ? IO_UNIFIED_DEV_EXT_LBA : 0;
	if (copy_to_user(arg, &reg, sizeof(reg))) {
		io_unified_close_dev(dev);
		return -EFAULT;
	}
	io_unified_publish_dev(r);
	if (r->ctrl)
		WRITE_ONCE(r->ctrl->nr_devs, r->nr_devs);
	return 0;
}

static int io_register_unified_sock(struct io_ring_ctx *ctx, void __user *arg)
{
	struct io_unified_region *r = ctx->unified;
	struct io_unified_sock_reg reg;
	struct file *file;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!r)
		return -ENXIO;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (reg.flags & ~(u32)IO_UNIFIED_SOCK_REMOVE ||
	    !mem_is_zero(reg.__resv, sizeof(reg.__resv)))
		return -EINVAL;
	if (reg.flags & IO_UNIFIED_SOCK_REMOVE)
		return io_unified_del_sock(r, reg.sock);
	file = fget(reg.fd);
	if (!file)
		return -EBADF;
	ret = io_unified_add_sock(r, file);
	fput(file);
	if (ret < 0)
		return ret;
	reg.sock = ret;
	if (!copy_to_user(arg, &reg, sizeof(reg)))
		return 0;
	io_unified_del_sock(r, reg.sock);
	return -EFAULT;
}

/* Refused while a request or a command uses it */
static int io_unregister_unified(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r = ctx->unified;

	lockdep_assert_held(&ctx->uring_lock);

	if (!r)
		return -ENXIO;
	/* a completion that waits in the kernel is nobody's any more */
	scoped_guard(spinlock_irq, &r->lock) {
		if (r->nr_free + list_count_nodes(&r->overflow) < r->nr_xfers ||
		    !list_empty(&r->streams))
			return -EBUSY;
		/* from here on nothing begins: a stage may ask for it as it ends */
		INIT_LIST_HEAD(&r->free);
		r->nr_free = 0;
	}
	io_unified_publish(ctx, NULL);
	trace_io_unified_unregister(ctx, &r->stats);
	io_unified_free_region(r);
	return 0;
}

int io_register_unified(struct io_ring_ctx *ctx, unsigned int opcode,
			void __user *arg, unsigned int nr_args)
{
	bool unreg = opcode == IORING_UNREGISTER_UNIFIED_IFQ ||
		     opcode == IORING_UNREGISTER_UNIFIED_REGION;

	BUILD_BUG_ON(IORING_OP_UNIFIED != __IORING_OP_UNIFIED);
	BUILD_BUG_ON(IORING_REGISTER_UNIFIED_SOCK != __IORING_REGISTER_UNIFIED);
	BUILD_BUG_ON(IO_URING_QUERY_UNIFIED != (int)__IO_URING_QUERY_UNIFIED);

	if (nr_args != !unreg || !arg != unreg)
		return -EINVAL;
	switch (opcode) {
	case IORING_REGISTER_UNIFIED_IFQ:
		return io_register_unified_ifq(ctx, arg);
	case IORING_REGISTER_UNIFIED_REGION:
		return io_register_unified_region(ctx, arg);
	case IORING_REGISTER_UNIFIED_DEV:
		return io_register_unified_dev(ctx, arg);
	case IORING_REGISTER_UNIFIED_SOCK:
		return io_register_unified_sock(ctx, arg);
	}
	return io_unregister_unified(ctx);
}

/* The ring goes away: nobody submits, and the NIC gets its queue back */
void io_unified_terminate(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r = ctx->unified;

	lockdep_assert_held(&ctx->uring_lock);

	if (!r)
		return;
	io_unified_stop_poller(r);
	io_unified_terminate_rxq(r);
	io_unified_close_socks(r);
	r->leaving = true;
	io_unified_forget_sends(r);
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

/* /proc/PID/fdinfo/FD of the ring */
void io_unified_show_fdinfo(struct io_ring_ctx *ctx, struct seq_file *m)
{
	struct io_unified_region *r = ctx->unified;
	u32 i;

	lockdep_assert_held(&ctx->uring_lock);

	if (!r)
		return;
	seq_printf(m, "UnifiedRegion:\t%zu\n", io_region_size(&r->mr));
	seq_printf(m, "UnifiedSq:\t%u/%u\n", READ_ONCE(r->sq->producer) - r->sq_head,
		   r->sq_entries);
	seq_printf(m, "UnifiedCq:\t%u/%u\n",
		   READ_ONCE(r->cq_tail) - READ_ONCE(r->cq->consumer), r->cq_entries);
	seq_printf(m, "UnifiedData:\t%llu\n", r->data_size);
	seq_printf(m, "UnifiedInflight:\t%u\n", READ_ONCE(r->nr_inflight));
	if (r->ifq)
		seq_printf(m, "UnifiedNicBufs:\t%u held:%d app:%u\n", r->nr_bufs,
			   atomic_read(&r->nr_held),
			   READ_ONCE(r->nr_app_holds));
	if (r->poller)
		seq_printf(m, "UnifiedPoller:\t%d\n", task_pid_nr(r->poller));
	for (i = 0; i < r->nr_devs; i++) {
		seq_printf(m, "UnifiedDev%u:\t", i);
		seq_file_path(m, r->devs[i].file, " \t\n\\");
		seq_printf(m, " nsid:%u\n", r->devs[i].ns.nsid);
	}
}

ssize_t io_unified_query(struct io_uring_query_unified *e)
{
	*e = (struct io_uring_query_unified) {
		.reg_flags	= IO_UNIFIED_REG_FLAGS,
		.op_mask	= IO_UNIFIED_OP_MASK,
		.op_flags	= IO_UNIFIED_OP_FLAGS,
		.sqe_flags	= IO_UNIFIED_SQE_FLAGS,
		.max_entries	= IO_UNIFIED_MAX_ENTRIES,
		.max_devs	= IO_UNIFIED_MAX_DEVS,
		.max_stages	= IS_ENABLED(CONFIG_IO_URING_UNIFIED_BPF) ?
				  IO_UNIFIED_MAX_STAGES : 0,
		.max_record	= IO_UNIFIED_MAX_REC_LEN,
		.max_socks	= IO_UNIFIED_MAX_SOCKS,
		.driver		= io_unified_have_driver(),
	};
	return sizeof(*e);
}
