// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: what stages can call.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/bvec.h>
#include <linux/crc32.h>
#include <linux/highmem.h>
#include <linux/io_uring.h>
#include <linux/nospec.h>
#include <linux/uio.h>

#include "io_uring.h"
#include "loop.h"
#include "memmap.h"
#include "register.h"
#include "unified.h"

static struct io_unified_xfer *io_unified_buf_xfer(struct io_unified_buf *buf)
{
	return container_of(buf, struct io_unified_xfer, buf);
}

static const struct io_unified_frags *io_unified_buf_frags(struct io_unified_buf *buf)
{
	return &io_unified_buf_xfer(buf)->frags;
}

/* @len bytes of the payload from @off on, if there are so many */
static int io_unified_buf_iter(struct io_unified_buf *buf, unsigned int dir,
			       u32 off, u32 len, struct iov_iter *iter)
{
	const struct io_unified_frags *frags = io_unified_buf_frags(buf);

	if (off > buf->len || len > buf->len - off)
		return -EINVAL;
	iov_iter_bvec(iter, dir, frags->bv, frags->nr, off + len);
	iov_iter_advance(iter, off);
	return 0;
}

/* The stage that runs this program; NULL when it has been detached meanwhile */
static struct io_unified_stage *io_unified_caller(const struct bpf_prog_aux *aux)
{
	struct io_unified_ops *ops = bpf_prog_get_assoc_struct_ops(aux);

	return ops ? READ_ONCE(ops->stage) : NULL;
}

/* A transfer that a stage owns; the verifier sees to it that it hands it on */
static void io_unified_made(struct io_unified_xfer *x)
{
	struct io_unified_region *r = x->region;

	x->made = true;
	x->bpf = true;
	x->nr_recs = 1;
	/* padding is no payload, and not to be written to: it is the zero page */
	x->buf.len = x->frags.len - x->pad;
	x->buf.nr_frags = x->frags.nr;
	guard(spinlock_irqsave)(&r->lock);
	io_unified_count_add(r, &r->stats.made, 1, x->buf.len);
	io_unified_count_add(r, &r->stats.in_flight, 1, x->buf.len);
}

static void io_unified_unmake(struct io_unified_xfer *x,
			      struct io_unified_count *count)
{
	scoped_guard(spinlock_irqsave, &x->region->lock) {
		io_unified_account_end(x->region, count, x);
		io_unified_kick(x->region);
	}
	io_unified_put_xfer(x);
}

/* Zeroed memory for @x; any context */
static int io_unified_make_memory(struct io_unified_xfer *x, u32 len)
{
	while (len) {
		struct page *page = alloc_page(GFP_NOWAIT | __GFP_ACCOUNT |
					       __GFP_ZERO | __GFP_NOWARN);
		struct bio_vec bv;

		if (!page)
			return -ENOMEM;
		bvec_set_page(&bv, page, min_t(u32, len, PAGE_SIZE), 0);
		io_unified_hold(x->region, IO_UNIFIED_BUF_PAGE);
		io_unified_frag_push(&x->frags, &bv, IO_UNIFIED_BUF_PAGE);
		len -= bv.bv_len;
	}
	return 0;
}

/* Hand @x to the worker, which may wait; on an error it is gone, too */
static int io_unified_made_rw(struct io_unified_xfer *x, u8 opcode, u32 dev,
			      u64 slba)
{
	struct io_unified_region *r = x->region;
	int ret = -ENODEV;

	if (!io_unified_has_dev(r, dev))
		goto err;
	x->dev = &r->devs[array_index_nospec(dev, IO_UNIFIED_MAX_DEVS)];
	ret = io_unified_usable_dev(x->dev);
	if (ret)
		goto err;
	ret = -EINVAL;
	if (x->frags.len & (x->dev->ns.lba_size - 1) ||
	    x->frags.len > x->dev->max_len || slba > x->dev->nr_lbas ||
	    x->frags.len >> x->dev->lba_shift > x->dev->nr_lbas - slba)
		goto err;
	io_unified_prep_rw(x, opcode, slba);
	/* the stage has said where it goes */
	x->routed = true;
	scoped_guard(spinlock_irqsave, &r->lock) {
		r->nr_inflight++;
		io_unified_stat_add(r, &r->stats.nvme_cmds, 1);
	}
	io_unified_stage(x);
	return 0;
err:
	io_unified_unmake(x, &r->stats.failed);
	return ret;
}

__bpf_kfunc_start_defs();

/**
 * bpf_io_unified_buf_data - payload where it lies
 * @buf: the record or command
 * @off: first byte wanted
 * @rdwr_buf_size: bytes wanted, a constant
 *
 * Return: a pointer to @rdwr_buf_size bytes, valid until the program returns,
 * or NULL where the payload ends before, or is not in one piece: see
 * bpf_io_unified_buf_load() then.
 */
__bpf_kfunc __u8 *bpf_io_unified_buf_data(struct io_unified_buf *buf, __u32 off,
					  const size_t rdwr_buf_size)
{
	const struct io_unified_frags *frags = io_unified_buf_frags(buf);
	u32 i;

	for (i = 0; i < frags->nr; i++) {
		const struct bio_vec *bv = &frags->bv[i];

		if (off >= bv->bv_len) {
			off -= bv->bv_len;
			continue;
		}
		if (rdwr_buf_size > bv->bv_len - off ||
		    bv->bv_page == ZERO_PAGE(0) || PageHighMem(bv->bv_page))
			return NULL;
		return (u8 *)page_address(bv->bv_page) + bv->bv_offset + off;
	}
	return NULL;
}

/**
 * bpf_io_unified_buf_load - copy payload, however many pieces it is in
 * @buf: the record or command
 * @off: first byte wanted
 * @dst: where to
 * @dst__sz: bytes wanted
 *
 * Return: 0, or -EINVAL where the payload ends before.
 */
__bpf_kfunc int bpf_io_unified_buf_load(struct io_unified_buf *buf, __u32 off,
					void *dst, __u32 dst__sz)
{
	struct iov_iter iter;

	/*
	 * The verifier has checked @dst. Usercopy hardening would do so again,
	 * under a lock that is not for interrupts, in which commands end.
	 */
	if (io_unified_buf_iter(buf, ITER_SOURCE, off, dst__sz, &iter) ||
	    _copy_from_iter(dst, dst__sz, &iter) != dst__sz)
		return -EINVAL;
	return 0;
}

/**
 * bpf_io_unified_buf_store - change payload, however many pieces it is in
 * @buf: the record or command
 * @off: first byte to change
 * @src: what to store there
 * @src__sz: bytes of that
 *
 * Return: 0, or -EINVAL where the payload ends before; nothing is changed then.
 */
__bpf_kfunc int bpf_io_unified_buf_store(struct io_unified_buf *buf, __u32 off,
					 const void *src, __u32 src__sz)
{
	struct iov_iter iter;

	/* as in bpf_io_unified_buf_load() */
	if (io_unified_buf_iter(buf, ITER_DEST, off, src__sz, &iter) ||
	    _copy_to_iter(src, src__sz, &iter) != src__sz)
		return -EINVAL;
	return 0;
}

/**
 * bpf_io_unified_buf_crc32c - CRC32C over all of the payload
 * @buf: the record or command
 * @crc: 0, or the result for what comes before
 *
 * Return: the checksum, as RFC 3720 has it.
 */
__bpf_kfunc __u32 bpf_io_unified_buf_crc32c(struct io_unified_buf *buf,
					    __u32 crc)
{
	const struct io_unified_frags *frags = io_unified_buf_frags(buf);
	u32 i, left = buf->len;

	crc = ~crc;
	for (i = 0; i < frags->nr && left; i++) {
		struct bvec_iter iter = { .bi_size = min(left, frags->bv[i].bv_len) };
		struct bio_vec bv;

		left -= iter.bi_size;
		/* page by page: a fragment may be several */
		for_each_bvec(bv, &frags->bv[i], iter, iter) {
			void *data = bvec_kmap_local(&bv);

			crc = crc32c(crc, data, bv.bv_len);
			kunmap_local(data);
		}
	}
	return ~crc;
}

/**
 * bpf_io_unified_alloc - a new buffer
 * @ctx: the region
 * @len: bytes, up to IO_UNIFIED_MAX_REC_LEN
 *
 * Return: the buffer, all zero, which the program has to hand on; NULL: no memory.
 */
__bpf_kfunc struct io_unified_buf *bpf_io_unified_alloc(struct io_unified_ctx *ctx,
							__u32 len)
{
	struct io_unified_xfer *x;

	if (!len || len > IO_UNIFIED_MAX_REC_LEN)
		return NULL;
	x = io_unified_get_spare(io_unified_demangle(ctx));
	if (!x)
		return NULL;
	if (io_unified_make_memory(x, len)) {
		scoped_guard(spinlock_irqsave, &x->region->lock)
			io_unified_release(x->region, &x->frags);
		io_unified_put_xfer(x);
		return NULL;
	}
	io_unified_made(x);
	return &x->buf;
}

/**
 * bpf_io_unified_buf_clone - one more reference to a payload
 * @buf: the record
 *
 * Return: the clone, which the program has to hand on; NULL: no memory.
 */
__bpf_kfunc struct io_unified_buf *bpf_io_unified_buf_clone(struct io_unified_buf *buf)
{
	struct io_unified_xfer *from = io_unified_buf_xfer(buf);
	struct io_unified_xfer *x = io_unified_get_spare(from->region);
	u32 i;

	if (!x)
		return NULL;
	for (i = 0; i < from->frags.nr; i++) {
		io_unified_frag_hold(x->region, &from->frags, i);
		io_unified_frag_push(&x->frags, &from->frags.bv[i],
				     from->frags.pgoff[i]);
	}
	x->pad = from->pad;
	x->shared = true;
	x->buf.user_data = buf->user_data;
	x->buf.stream_off = buf->stream_off;
	io_unified_made(x);
	return &x->buf;
}

/**
 * bpf_io_unified_buf_write - hand a buffer to NVMe
 * @buf: a buffer of the program's own, whole blocks
 * @dev: the device
 * @slba: first logical block
 *
 * Return: 0, or -errno; the buffer is gone in both cases.
 */
__bpf_kfunc int bpf_io_unified_buf_write(struct io_unified_buf *buf, __u32 dev,
					 __u64 slba)
{
	return io_unified_made_rw(io_unified_buf_xfer(buf), nvme_cmd_write, dev,
				  slba);
}

/**
 * bpf_io_unified_buf_read - fill a buffer from NVMe
 * @buf: a buffer of the program's own, by bpf_io_unified_alloc(), whole blocks
 * @dev: the device
 * @slba: first logical block
 *
 * ->complete() sees what has been read, and then the buffer is freed.
 *
 * Return: 0, or -errno; the buffer is gone in both cases.
 */
__bpf_kfunc int bpf_io_unified_buf_read(struct io_unified_buf *buf, __u32 dev,
					__u64 slba)
{
	struct io_unified_xfer *x = io_unified_buf_xfer(buf);

	if (x->shared) {
		io_unified_unmake(x, &x->region->stats.failed);
		return -EINVAL;
	}
	return io_unified_made_rw(x, nvme_cmd_read, dev, slba);
}

/**
 * bpf_io_unified_buf_pass - hand a buffer to the application
 * @buf: a buffer of the program's own, by bpf_io_unified_buf_clone()
 * @user_data: for its CQEs
 *
 * Return: 0, or -EOPNOTSUPP: it is not in the data area; the buffer is gone in
 * both cases.
 */
__bpf_kfunc int bpf_io_unified_buf_pass(struct io_unified_buf *buf,
					__u64 user_data)
{
	struct io_unified_xfer *x = io_unified_buf_xfer(buf);

	if (!io_unified_in_area(&x->frags)) {
		io_unified_unmake(x, &x->region->stats.failed);
		return -EOPNOTSUPP;
	}
	buf->user_data = user_data;
	io_unified_give_app(x);
	return 0;
}

/**
 * bpf_io_unified_buf_send - hand a buffer to a socket
 * @buf: a buffer of the program's own
 * @sock: number of IORING_REGISTER_UNIFIED_SOCK
 *
 * Return: 0, or -ENOTCONN; the buffer is gone in both cases.
 */
__bpf_kfunc int bpf_io_unified_buf_send(struct io_unified_buf *buf, __u32 sock)
{
	struct io_unified_xfer *x = io_unified_buf_xfer(buf);
	int ret = io_unified_to_sock(x, sock);

	if (ret)
		io_unified_unmake(x, &x->region->stats.failed);
	return ret;
}

/**
 * bpf_io_unified_buf_drop - let go of a buffer
 * @buf: a buffer of the program's own
 */
__bpf_kfunc void bpf_io_unified_buf_drop(struct io_unified_buf *buf)
{
	struct io_unified_xfer *x = io_unified_buf_xfer(buf);

	io_unified_unmake(x, &x->region->stats.dropped);
}

/**
 * bpf_io_unified_stream_storage - memory that this stage has for this stream
 * @buf: a record or command of the stream
 * @rdwr_buf_size: bytes wanted, a constant, IO_UNIFIED_STORAGE at most
 * @aux: of the program; implicit
 *
 * Return: the memory, zero at the beginning of the stream and of the stage; NULL:
 * no stream.
 */
__bpf_kfunc __u8 *bpf_io_unified_stream_storage(struct io_unified_buf *buf,
						const size_t rdwr_buf_size,
						const struct bpf_prog_aux *aux)
{
	struct io_unified_stage *st = io_unified_caller(aux);
	struct io_unified_stream *s = io_unified_buf_xfer(buf)->stream;

	if (!st || !s || rdwr_buf_size > IO_UNIFIED_STORAGE)
		return NULL;
	return s->storage[st->slot];
}

/**
 * bpf_io_unified_get_stats - what the region has moved
 * @ctx: the region
 * @stats: struct io_unified_stats, or its beginning
 * @stats__sz: bytes wanted
 *
 * Return: 0, or -EINVAL where there is less.
 */
__bpf_kfunc int bpf_io_unified_get_stats(struct io_unified_ctx *ctx,
					 void *stats, __u32 stats__sz)
{
	struct io_unified_region *r = io_unified_demangle(ctx);

	if (stats__sz > sizeof(r->stats))
		return -EINVAL;
	guard(spinlock_irqsave)(&r->lock);
	memcpy(stats, &r->stats, stats__sz);
	return 0;
}

/**
 * bpf_io_unified_exit - this stage is not to be asked any more
 * @ctx: the region
 * @code: for ->exit()
 * @reason__str: why, in words
 * @aux: of the program; implicit
 */
__bpf_kfunc void bpf_io_unified_exit(struct io_unified_ctx *ctx, __s64 code,
				     const char *reason__str,
				     const struct bpf_prog_aux *aux)
{
	struct io_unified_stage *st = io_unified_caller(aux);

	if (st && st->region == io_unified_demangle(ctx))
		io_unified_eject(st, IO_UNIFIED_EXIT_STAGE, code, reason__str);
}

/**
 * bpf_io_unified_submit - submit what the region's SQ holds
 * @loop_ctx: the ring, of an io_uring_bpf_ops program
 * @nr: entries at most
 *
 * What io_uring_enter() does by itself, at the program's time: the ring's loop
 * is the third of those who may drain the SQ.
 *
 * Return: entries submitted, or -ENXIO without a region.
 */
__bpf_kfunc int bpf_io_unified_submit(struct iou_ctx *loop_ctx, __u32 nr)
{
	struct io_ring_ctx *ctx = io_loop_demangle_ctx(loop_ctx);
	struct bpf_run_ctx *old_run_ctx;
	int ret;

	if (!ctx->unified)
		return -ENXIO;
	/* as in bpf_io_uring_submit_sqes(): commands are the task's */
	old_run_ctx = bpf_set_run_ctx(NULL);
	ret = io_unified_drain(ctx->unified, nr);
	bpf_reset_run_ctx(old_run_ctx);
	return ret;
}

/**
 * bpf_io_unified_get_region - the region, rings and all
 * @loop_ctx: the ring, of an io_uring_bpf_ops program
 * @rdwr_buf_size: bytes wanted from its start on, a constant
 *
 * A program may produce SQEs and consume CQEs as user space does, with the same
 * layout.
 *
 * Return: a pointer to @rdwr_buf_size bytes, valid until the program returns,
 * or NULL where the region is smaller, or there is none.
 */
__bpf_kfunc __u8 *bpf_io_unified_get_region(struct iou_ctx *loop_ctx,
					    const size_t rdwr_buf_size)
{
	struct io_unified_region *r = io_loop_demangle_ctx(loop_ctx)->unified;

	if (!r || rdwr_buf_size > io_region_size(&r->mr))
		return NULL;
	return io_region_get_ptr(&r->mr);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(io_unified_kfunc_ids)
BTF_ID_FLAGS(func, bpf_io_unified_buf_data, KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_io_unified_buf_load)
BTF_ID_FLAGS(func, bpf_io_unified_buf_store)
BTF_ID_FLAGS(func, bpf_io_unified_buf_crc32c)
BTF_ID_FLAGS(func, bpf_io_unified_alloc, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_io_unified_buf_clone, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_io_unified_buf_write, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_io_unified_buf_read, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_io_unified_buf_send, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_io_unified_buf_drop, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_io_unified_stream_storage, KF_RET_NULL | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_io_unified_get_stats)
BTF_ID_FLAGS(func, bpf_io_unified_exit, KF_IMPLICIT_ARGS)
BTF_KFUNCS_END(io_unified_kfunc_ids)

/* what the application has, is counted under ->uring_lock */
BTF_KFUNCS_START(io_unified_task_kfunc_ids)
BTF_ID_FLAGS(func, bpf_io_unified_buf_pass, KF_RELEASE)
BTF_KFUNCS_END(io_unified_task_kfunc_ids)

/* only the loop of a ring has the context that these take */
BTF_KFUNCS_START(io_unified_loop_kfunc_ids)
BTF_ID_FLAGS(func, bpf_io_unified_submit, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_io_unified_get_region, KF_RET_NULL)
BTF_KFUNCS_END(io_unified_loop_kfunc_ids)

/* kfuncs of struct_ops programs are there for every type of struct_ops */
static int io_unified_kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	bool task = btf_id_set8_contains(&io_unified_task_kfunc_ids, kfunc_id);

	if (!task && !btf_id_set8_contains(&io_unified_kfunc_ids, kfunc_id))
		return 0;
	if (prog->aux->st_ops != &io_unified_struct_ops)
		return -EACCES;
	if (!task)
		return 0;
	switch (prog->aux->attach_st_ops_member_off) {
	case offsetof(struct io_unified_ops, rx):
	case offsetof(struct io_unified_ops, tx):
		return 0;
	}
	return -EACCES;
}

static const struct btf_kfunc_id_set io_unified_kfunc_sets[] = {
	{ THIS_MODULE, &io_unified_kfunc_ids, io_unified_kfunc_filter },
	{ THIS_MODULE, &io_unified_task_kfunc_ids, io_unified_kfunc_filter },
	{ THIS_MODULE, &io_unified_loop_kfunc_ids },
};

int io_unified_register_kfuncs(void)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(io_unified_kfunc_sets) && !ret; i++)
		ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
						&io_unified_kfunc_sets[i]);
	return ret;
}
