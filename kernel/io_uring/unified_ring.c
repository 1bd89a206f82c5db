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
#include <linux/kthread.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <trace/events/io_unified.h>

#include "io_uring.h"
#include "unified.h"

static bool io_unified_cq_room(struct io_unified_region *r)
{
	/* pairs with the store-release of the consumer */
	return r->cq_tail - smp_load_acquire(&r->cq->consumer) < r->cq_entries;
}

static void io_unified_put_cqe(struct io_unified_region *r,
			       const struct io_unified_cqe *cqe)
{
	lockdep_assert_held(&r->lock);

	r->cqes[r->cq_tail & (r->cq_entries - 1)] = *cqe;
	/* pairs with the load-acquire of the consumer */
	smp_store_release(&r->cq->producer, ++r->cq_tail);
	trace_io_unified_complete(r->ctx, cqe);
}

static void io_unified_fill_cqe(struct io_unified_xfer *x)
{
	bool host = x->status < 0;

	io_unified_put_cqe(x->region, &(struct io_unified_cqe) {
		.user_data	= x->buf.user_data,
		.result		= host ? x->status : (s32)x->result,
		.status		= host ? IO_UNIFIED_STATUS_HOST : x->status,
		.dma_addr	= x->buf_offset,
		.len		= x->status ? 0 : x->buf.len,
		.flags		= x->cqe_flags,
		.result64	= host ? 0 : x->result,
	});
}

/* The next piece of a record */
static void io_unified_fill_piece(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;
	u32 i = x->nr_posted++;
	bool more = x->nr_posted < x->frags.nr;

	io_unified_put_cqe(r, &(struct io_unified_cqe) {
		.user_data	= x->buf.user_data,
		.dma_addr	= io_unified_frag_off(&x->frags, i),
		.len		= x->frags.bv[i].bv_len,
		.flags		= x->cqe_flags | (more ? IO_UNIFIED_CQE_F_MORE : 0),
		.result64	= x->result,
	});
	x->result += x->frags.bv[i].bv_len;
}

/* Post as much of @x as there is room for; all of it: free @x */
static bool io_unified_try_post(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	if (x->cqe_flags & IO_UNIFIED_CQE_F_RECORD) {
		while (x->nr_posted < x->frags.nr && io_unified_cq_room(r))
			io_unified_fill_piece(x);
		if (x->nr_posted < x->frags.nr)
			return false;
	} else {
		if (!io_unified_cq_room(r))
			return false;
		io_unified_fill_cqe(x);
	}
	io_unified_free_xfer(x);
	return true;
}

/* What waits in the kernel goes first, and in order */
static void io_unified_flush_overflow(struct io_unified_region *r)
{
	struct io_unified_xfer *x;

	lockdep_assert_held(&r->lock);

	while ((x = list_first_entry_or_null(&r->overflow,
					     struct io_unified_xfer, list))) {
		list_del(&x->list);
		if (io_unified_try_post(x))
			continue;
		list_add(&x->list, &r->overflow);
		return;
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
	if (list_empty(&r->overflow) && io_unified_try_post(x))
		return;
	list_add_tail(&x->list, &r->overflow);
	WRITE_ONCE(r->cq->flags, IO_UNIFIED_RING_CQ_OVERFLOW);
	io_unified_stat_add(r, &r->stats.cq_overflows, 1);
	trace_io_unified_ring_full(r->ctx, r->cq_tail, x->buf.user_data);
}

/* What has no meaning yet */
static bool io_unified_reserved(const struct io_unified_sqe *sqe)
{
	return sqe->__pad || sqe->__resv0[0] | sqe->__resv0[1] | sqe->__resv0[2] ||
	       sqe->__resv[0] | sqe->__resv[1];
}

/* @sqe is the kernel's copy */
static int io_unified_prep_sqe(struct io_unified_xfer *x,
			       const struct io_unified_sqe *sqe)
{
	struct io_unified_region *r = x->region;
	int ret;

	x->buf.user_data = sqe->user_data;
	x->buf_offset = sqe->buf_offset;
	x->nvme = sqe->nvme_cmd;
	x->admin = sqe->flags & IO_UNIFIED_SQE_ADMIN;

	if (sqe->flags & ~(u32)IO_UNIFIED_SQE_FLAGS || io_unified_reserved(sqe))
		return -EINVAL;
	if (sqe->dev >= r->nr_devs)
		return -ENODEV;
	x->dev = &r->devs[array_index_nospec(sqe->dev, IO_UNIFIED_MAX_DEVS)];
	if (x->nvme.flags || x->nvme.rsvd1 || x->nvme.rsvd2)
		return -EINVAL;
	if (x->admin && !(r->reg_flags & IO_UNIFIED_REG_ADMIN))
		return -EACCES;
	if (x->nvme.metadata_len) {
		ret = io_unified_meta_range(x, sqe->meta_offset,
					    x->nvme.metadata_len);
		if (ret)
			return ret;
	}
	if (!x->nvme.data_len)
		return 0;
	return io_unified_range(x, sqe->buf_offset, x->nvme.data_len);
}

/* The application gives back a piece of a record */
static int io_unified_return(struct io_unified_region *r,
			     const struct io_unified_sqe *sqe)
{
	static const struct nvme_uring_cmd none;
	u64 nr = sqe->buf_offset >> r->buf_shift;
	u32 buf;

	if (sqe->flags != IO_UNIFIED_SQE_RETURN || sqe->dev || sqe->meta_offset ||
	    memcmp(&sqe->nvme_cmd, &none, sizeof(none)) || io_unified_reserved(sqe))
		return -EINVAL;
	if (!r->ifq || nr >= r->nr_bufs)
		return -EFAULT;
	buf = array_index_nospec((u32)nr, r->nr_bufs);
	if (!r->app_holds[buf])
		return -EINVAL;
	guard(spinlock_irq)(&r->lock);
	r->app_holds[buf]--;
	r->nr_app_holds--;
	io_unified_unhold(r, buf);
	io_unified_kick(r);
	return 0;
}

/*
 * Who may not send IORING_OP_UNIFIED does not get round that by the SQ.  A filter
 * sees requests, which commands are not: one for that opcode forbids them all.
 */
static bool io_unified_may_submit(const struct io_ring_ctx *ctx)
{
	if (ctx->int_flags & IO_RING_F_OP_RESTRICTED &&
	    !test_bit(IORING_OP_UNIFIED, ctx->restrictions.sqe_op))
		return false;
	return !ctx->bpf_filters ||
	       !rcu_access_pointer(ctx->bpf_filters[IORING_OP_UNIFIED]);
}

/* One entry of the SQ; false when it has to wait for a completion */
static bool io_unified_submit_one(struct io_unified_region *r, bool allowed)
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
	if (sqe.flags & IO_UNIFIED_SQE_RETURN) {
		ret = io_unified_return(r, &sqe);
		if (!ret) {
			io_unified_put_xfer(x);
			return true;
		}
		x->buf.user_data = sqe.user_data;
		x->buf_offset = sqe.buf_offset;
	} else {
		ret = io_unified_prep_sqe(x, &sqe);
		if (!ret && !allowed)
			ret = -EACCES;
	}
	if (ret)
		io_unified_refuse(x, ret);
	else
		io_unified_issue(x);
	return true;
}

static u32 io_unified_sq_pending(struct io_unified_region *r)
{
	/* pairs with the store-release of the producer */
	u32 nr = smp_load_acquire(&r->sq->producer) - READ_ONCE(r->sq_head);

	return min(nr, r->sq_entries);
}

/* Submit what the SQ holds, @nr entries at most; returns how many */
u32 io_unified_drain(struct io_unified_region *r, u32 nr)
{
	bool allowed = io_unified_may_submit(r->ctx);
	struct blk_plug plug;
	u32 done = 0;

	lockdep_assert_held(&r->ctx->uring_lock);

	scoped_guard(spinlock_irq, &r->lock) {
		if (!list_empty(&r->overflow)) {
			io_unified_flush_overflow(r);
			io_unified_kick(r);
		}
	}

	nr = min(nr, io_unified_sq_pending(r));
	if (!nr)
		return 0;

	blk_start_plug_nr_ios(&plug, min_t(u32, nr, U16_MAX));
	while (done < nr && io_unified_submit_one(r, allowed)) {
		WRITE_ONCE(r->sq_head, r->sq_head + 1);
		done++;
	}
	blk_finish_plug(&plug);
	/* pairs with the load-acquire of the producer: entries are free again */
	smp_store_release(&r->sq->consumer, r->sq_head);
	return done;
}

void __io_unified_enter(struct io_ring_ctx *ctx)
{
	struct io_unified_region *r;

	guard(mutex)(&ctx->uring_lock);
	r = ctx->unified;
	if (!r)
		return;
	if (!r->poller)
		io_unified_drain(r, U32_MAX);
	else if (io_unified_sq_pending(r) || !list_empty_careful(&r->overflow))
		wake_up_process(r->poller);
}

/*
 * The poller
 */

static bool io_unified_poll_work(struct io_unified_region *r)
{
	return io_unified_sq_pending(r) ||
	       (!list_empty_careful(&r->overflow) && io_unified_cq_room(r));
}

static void io_unified_poll_sleep(struct io_unified_region *r)
{
	set_current_state(TASK_IDLE);
	WRITE_ONCE(r->sq->flags, IO_UNIFIED_RING_NEED_WAKEUP);
	/* pairs with the barrier between producer and flags in user space */
	smp_mb();
	if (!io_unified_poll_work(r) && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(r->sq->flags, 0);
}

static int io_unified_poller(void *data)
{
	struct io_unified_region *r = data;
	/* the driver asks what the task may do: what the registrant might */
	const struct cred *old = override_creds(r->creds);
	unsigned long end = jiffies + r->sq_idle;

	while (!kthread_should_stop()) {
		u32 nr = 0;

		/* never waited for: who holds it may be about to stop us */
		if (io_unified_poll_work(r) && mutex_trylock(&r->ctx->uring_lock)) {
			nr = io_unified_drain(r, U32_MAX);
			mutex_unlock(&r->ctx->uring_lock);
		}
		if (!nr && time_after(jiffies, end)) {
			io_unified_poll_sleep(r);
			nr = 1;
		} else if (!nr && !READ_ONCE(r->nr_free)) {
			/* a completion has to be consumed first */
			schedule_timeout_idle(1);
		}
		if (nr)
			end = jiffies + r->sq_idle;
		cond_resched();
		cpu_relax();
	}
	revert_creds(old);
	return 0;
}

int io_unified_start_poller(struct io_unified_region *r)
{
	struct task_struct *tsk;
	int ret;

	/* as of a ring's own poller */
	ret = security_uring_sqpoll();
	if (ret)
		return ret;
	tsk = kthread_create_on_node(io_unified_poller, r,
				     page_to_nid(r->mr.pages[0]),
				     "iou-unified-%d", task_pid_nr(current));
	if (IS_ERR(tsk))
		return PTR_ERR(tsk);
	r->poller = tsk;
	wake_up_process(tsk);
	return 0;
}

void io_unified_stop_poller(struct io_unified_region *r)
{
	if (r->poller)
		kthread_stop(r->poller);
	r->poller = NULL;
}
