// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: the stages, BPF programs attached by struct_ops.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/highmem.h>
#include <linux/io_uring.h>
#include <linux/mutex.h>
#include <trace/events/io_unified.h>

#include "io_uring.h"
#include "loop.h"
#include "memmap.h"
#include "register.h"
#include "unified.h"

/* Protects the chains and ops->region; taken inside ->uring_lock */
static DEFINE_MUTEX(io_unified_bpf_mutex);

static struct bpf_struct_ops bpf_io_unified_ops;

static const struct io_unified_frags *io_unified_buf_frags(struct io_unified_buf *buf)
{
	return &container_of(buf, struct io_unified_xfer, buf)->frags;
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
	const struct io_unified_frags *frags = io_unified_buf_frags(buf);
	u32 i;

	if (off > buf->len || dst__sz > buf->len - off)
		return -EINVAL;
	for (i = 0; i < frags->nr && dst__sz; i++) {
		struct bio_vec bv = frags->bv[i];
		u32 n;

		if (off >= bv.bv_len) {
			off -= bv.bv_len;
			continue;
		}
		n = min(dst__sz, bv.bv_len - off);
		memcpy_from_page(dst, bv.bv_page, bv.bv_offset + off, n);
		dst += n;
		dst__sz -= n;
		off = 0;
	}
	return dst__sz ? -EINVAL : 0;
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
BTF_KFUNCS_END(io_unified_kfunc_ids)

/* only the loop of a ring has the context that these take */
BTF_KFUNCS_START(io_unified_loop_kfunc_ids)
BTF_ID_FLAGS(func, bpf_io_unified_submit, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_io_unified_get_region, KF_RET_NULL)
BTF_KFUNCS_END(io_unified_loop_kfunc_ids)

/* kfuncs of struct_ops programs are there for every type of struct_ops */
static int io_unified_kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	if (!btf_id_set8_contains(&io_unified_kfunc_ids, kfunc_id))
		return 0;
	return prog->aux->st_ops == &bpf_io_unified_ops ? 0 : -EACCES;
}

static const struct btf_kfunc_id_set io_unified_kfunc_set = {
	.owner	= THIS_MODULE,
	.set	= &io_unified_kfunc_ids,
	.filter	= io_unified_kfunc_filter,
};

static const struct btf_kfunc_id_set io_unified_loop_kfunc_set = {
	.owner	= THIS_MODULE,
	.set	= &io_unified_loop_kfunc_ids,
};

/* Ask the stages about @x */
int io_unified_run(struct io_unified_region *r, struct io_unified_xfer *x,
		   enum io_unified_hook hook)
{
	const struct io_unified_chain *chain;
	int verdict = IO_UNIFIED_NEXT;
	u32 i;

	guard(rcu)();
	chain = rcu_dereference(r->chain);
	for (i = 0; chain && i < chain->nr && verdict == IO_UNIFIED_NEXT; i++) {
		const struct io_unified_ops *ops = chain->ops[i];

		if (hook == IO_UNIFIED_HOOK_RX && ops->rx)
			verdict = ops->rx(io_unified_mangle(r), &x->buf);
		else if (hook == IO_UNIFIED_HOOK_TX && ops->tx)
			verdict = ops->tx(io_unified_mangle(r), &x->buf);
		else
			continue;
		trace_io_unified_verdict(r->ctx, ops->name, &x->buf, verdict);
	}
	return verdict;
}

int io_unified_run_complete(struct io_unified_region *r,
			    struct io_unified_xfer *x, int status)
{
	const struct io_unified_chain *chain;
	int verdict = IO_UNIFIED_DONE;
	u32 i;

	guard(rcu)();
	chain = rcu_dereference(r->chain);
	for (i = 0; chain && i < chain->nr && verdict == IO_UNIFIED_DONE; i++) {
		if (chain->ops[i]->complete)
			verdict = chain->ops[i]->complete(io_unified_mangle(r), &x->buf,
							   status);
	}
	return verdict;
}

static int io_unified_ops__rx(struct io_unified_ctx *ctx,
			      struct io_unified_buf *buf)
{
	return IO_UNIFIED_NEXT;
}

static int io_unified_ops__tx(struct io_unified_ctx *ctx,
			      struct io_unified_buf *buf)
{
	return IO_UNIFIED_NEXT;
}

static int io_unified_ops__complete(struct io_unified_ctx *ctx,
				    struct io_unified_buf *buf, int status)
{
	return IO_UNIFIED_DONE;
}

static struct io_unified_ops io_unified_ops_stubs = {
	.rx		= io_unified_ops__rx,
	.tx		= io_unified_ops__tx,
	.complete	= io_unified_ops__complete,
};

static bool io_unified_is_valid_access(int off, int size,
				       enum bpf_access_type type,
				       const struct bpf_prog *prog,
				       struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

/* What programs see is for them to read only */
static int io_unified_btf_struct_access(struct bpf_verifier_log *log,
					const struct bpf_reg_state *reg,
					int off, int size)
{
	return -EACCES;
}

static const struct bpf_verifier_ops io_unified_verifier_ops = {
	.get_func_proto		= bpf_base_func_proto,
	.is_valid_access	= io_unified_is_valid_access,
	.btf_struct_access	= io_unified_btf_struct_access,
};

static int io_unified_bpf_init(struct btf *btf)
{
	int ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					    &io_unified_kfunc_set);

	if (ret)
		return ret;
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &io_unified_loop_kfunc_set);
}

static int io_unified_check_member(const struct btf_type *t,
				   const struct btf_member *member,
				   const struct bpf_prog *prog)
{
	return prog->sleepable ? -EINVAL : 0;
}

static int io_unified_init_member(const struct btf_type *t,
				  const struct btf_member *member,
				  void *kdata, const void *udata)
{
	const struct io_unified_ops *uops = udata;
	struct io_unified_ops *ops = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct io_unified_ops, ring_fd):
		ops->ring_fd = uops->ring_fd;
		return 1;
	case offsetof(struct io_unified_ops, prio):
		ops->prio = uops->prio;
		return 1;
	case offsetof(struct io_unified_ops, flags):
		if (uops->flags)
			return -EINVAL;
		return 1;
	case offsetof(struct io_unified_ops, name):
		if (bpf_obj_name_cpy(ops->name, uops->name,
				     sizeof(ops->name)) <= 0)
			return -EINVAL;
		return 1;
	case offsetof(struct io_unified_ops, region):
		return uops->region ? -EINVAL : 1;
	}
	return 0;
}

/* A new chain, with @add or without @del */
static struct io_unified_chain *
io_unified_chain_copy(const struct io_unified_chain *old,
		      struct io_unified_ops *add, struct io_unified_ops *del,
		      gfp_t gfp)
{
	u32 i, n = 0, nr = old ? old->nr : 0;
	struct io_unified_chain *new;

	new = kzalloc_flex(*new, ops, nr + 1, GFP_KERNEL_ACCOUNT | gfp);
	if (!new)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < nr; i++) {
		if (add && old->ops[i]->prio > add->prio) {
			new->ops[n++] = add;
			add = NULL;
		}
		if (old->ops[i] != del)
			new->ops[n++] = old->ops[i];
	}
	if (add)
		new->ops[n++] = add;
	new->nr = n;
	return new;
}

static void io_unified_chain_set(struct io_unified_region *r,
				 struct io_unified_chain *new)
{
	struct io_unified_chain *old;

	old = rcu_replace_pointer(r->chain, new,
				  lockdep_is_held(&io_unified_bpf_mutex));
	if (old)
		kfree_rcu(old, rcu);
}

static struct io_unified_chain *io_unified_chain_get(struct io_unified_region *r)
{
	return rcu_dereference_protected(r->chain,
					 lockdep_is_held(&io_unified_bpf_mutex));
}

static int io_unified_chain_add(struct io_unified_region *r,
				struct io_unified_ops *ops)
{
	struct io_unified_chain *old = io_unified_chain_get(r), *new;

	if (ops->region)
		return -EBUSY;
	if (old && old->nr == IO_UNIFIED_MAX_STAGES)
		return -E2BIG;
	new = io_unified_chain_copy(old, ops, NULL, 0);
	if (IS_ERR(new))
		return PTR_ERR(new);
	io_unified_chain_set(r, new);
	ops->region = r;
	return 0;
}

static int io_unified_bpf_reg(void *kdata, struct bpf_link *link)
{
	struct io_unified_ops *ops = kdata;
	struct io_ring_ctx *ctx;
	struct file *file;
	int ret;

	file = io_uring_ctx_get_file(ops->ring_fd, false);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ctx = file->private_data;

	scoped_guard(mutex, &ctx->uring_lock) {
		guard(mutex)(&io_unified_bpf_mutex);
		ret = ctx->unified ? io_unified_chain_add(ctx->unified, ops) :
				     -ENXIO;
	}
	fput(file);
	return ret;
}

static void io_unified_bpf_unreg(void *kdata, struct bpf_link *link)
{
	struct io_unified_ops *ops = kdata;
	struct io_unified_chain *old, *new;

	guard(mutex)(&io_unified_bpf_mutex);
	if (!ops->region)
		return;
	old = io_unified_chain_get(ops->region);
	/* it has to go, so this has to succeed */
	new = io_unified_chain_copy(old, NULL, ops, __GFP_NOFAIL);
	io_unified_chain_set(ops->region, new);
	ops->region = NULL;
}

/* The region goes away: its stages stay loaded, attached to nothing */
void io_unified_eject_all(struct io_unified_region *r)
{
	struct io_unified_chain *chain;
	u32 i;

	guard(mutex)(&io_unified_bpf_mutex);
	chain = io_unified_chain_get(r);
	for (i = 0; chain && i < chain->nr; i++)
		chain->ops[i]->region = NULL;
	io_unified_chain_set(r, NULL);
}

static struct bpf_struct_ops bpf_io_unified_ops = {
	.verifier_ops	= &io_unified_verifier_ops,
	.reg		= io_unified_bpf_reg,
	.unreg		= io_unified_bpf_unreg,
	.check_member	= io_unified_check_member,
	.init_member	= io_unified_init_member,
	.init		= io_unified_bpf_init,
	.cfi_stubs	= &io_unified_ops_stubs,
	.name		= "io_unified_ops",
	.owner		= THIS_MODULE,
};

static int __init io_unified_bpf_register(void)
{
	int ret = register_bpf_struct_ops(&bpf_io_unified_ops, io_unified_ops);

	if (ret)
		pr_err("io_uring: cannot register io_unified_ops (%d)\n", ret);
	return ret;
}
device_initcall(io_unified_bpf_register);
