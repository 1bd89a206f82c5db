// SPDX-License-Identifier: GPL-2.0
/*
 * Unified I/O regions: the stages, BPF programs attached by struct_ops.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/io_uring.h>
#include <linux/mutex.h>
#include <trace/events/io_unified.h>

#include "io_uring.h"
#include "register.h"
#include "unified.h"

/* Protects the chains and ops->stage; taken inside ->uring_lock */
static DEFINE_MUTEX(io_unified_bpf_mutex);

/* What a program may write to */
static const struct btf_type *io_unified_nvme_type;

/*
 * Is @st to be asked?  1: yes; 0: it has been ejected, and data goes past it; or
 * -ECANCELED: that it may not, either.
 */
static __always_inline int io_unified_asked(const struct io_unified_stage *st)
{
	if (likely(!test_bit(IO_UNIFIED_STAGE_EJECTED, &st->flags)))
		return 1;
	return st->ops->flags & IO_UNIFIED_OPS_REQUIRED ? -ECANCELED : 0;
}

/*
 * @st is not asked any more from here on.  The first reason counts.
 *
 * Context: any; under RCU.
 */
void io_unified_eject(struct io_unified_stage *st, u32 kind, s64 code,
		      const char *reason)
{
	if (test_and_set_bit(IO_UNIFIED_STAGE_EJECTING, &st->flags))
		return;
	st->exit.kind = kind;
	st->exit.code = code;
	strscpy(st->exit.reason, reason);
	/* pairs with the test in io_unified_eject_work() */
	smp_mb__before_atomic();
	set_bit(IO_UNIFIED_STAGE_EJECTED, &st->flags);
	if (st->ops->flags & IO_UNIFIED_OPS_REQUIRED)
		io_unified_streams_fail(st->region, -ECANCELED);
	schedule_work(&st->region->eject_work);
}

/* @st has answered what it may not */
static void io_unified_bad_answer(struct io_unified_stage *st, const char *func,
				  int answer)
{
	char reason[IO_UNIFIED_REASON_LEN];

	snprintf(reason, sizeof(reason), "%s() answered %d, which it may not",
		 func, answer);
	io_unified_eject(st, IO_UNIFIED_EXIT_ERROR, -EINVAL, reason);
}

static void io_unified_count_error(struct io_unified_region *r)
{
	guard(spinlock_irqsave)(&r->lock);
	io_unified_stat_add(r, &r->stats.stage_errors, 1);
}

static __always_inline int __io_unified_run(struct io_unified_region *r,
					    struct io_unified_xfer *x,
					    enum io_unified_hook hook)
{
	const struct io_unified_chain *chain;
	u32 i;

	guard(rcu)();
	chain = rcu_dereference(r->chain);
	if (!chain)
		return IO_UNIFIED_NEXT;
	for (i = 0; i < chain->nr; i++) {
		struct io_unified_stage *st = chain->stages[i];
		const struct io_unified_ops *ops = st->ops;
		int (*func)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);
		int verdict, ret;

		func = hook == IO_UNIFIED_HOOK_RX ? ops->rx : ops->tx;
		if (!func)
			continue;
		ret = io_unified_asked(st);
		if (unlikely(ret < 0))
			return ret;
		if (!ret)
			continue;
		verdict = func(io_unified_mangle(r), &x->buf);
		trace_io_unified_verdict(r->ctx, ops->name, &x->buf, verdict);
		if (verdict == IO_UNIFIED_NEXT)
			continue;
		if (likely(verdict > IO_UNIFIED_NEXT && verdict <= IO_UNIFIED_SEND))
			return verdict;
		io_unified_bad_answer(st, hook == IO_UNIFIED_HOOK_RX ? "rx" : "tx",
				      verdict);
		return -EINVAL;
	}
	return IO_UNIFIED_NEXT;
}

/* Ask the stages about @x: enum io_unified_verdict, or -errno: it ends here */
int io_unified_run(struct io_unified_region *r, struct io_unified_xfer *x,
		   enum io_unified_hook hook)
{
	if (hook == IO_UNIFIED_HOOK_RX)
		return __io_unified_run(r, x, IO_UNIFIED_HOOK_RX);
	return __io_unified_run(r, x, IO_UNIFIED_HOOK_TX);
}

/* Where does @x go?  0, or -errno */
int io_unified_run_submit(struct io_unified_region *r, struct io_unified_xfer *x,
			  struct io_unified_nvme *cmd)
{
	const struct io_unified_chain *chain;
	int ret = 0;
	u32 i;

	guard(rcu)();
	chain = rcu_dereference(r->chain);
	for (i = 0; chain && i < chain->nr && !ret; i++) {
		struct io_unified_stage *st = chain->stages[i];

		if (!st->ops->submit)
			continue;
		ret = io_unified_asked(st);
		if (ret <= 0)
			continue;
		ret = st->ops->submit(io_unified_mangle(r), &x->buf, cmd);
		if (unlikely(ret > 0 || ret < -MAX_ERRNO)) {
			io_unified_bad_answer(st, "submit", ret);
			io_unified_count_error(r);
			ret = -EINVAL;
		}
	}
	return ret;
}

/* Does any stage decide where commands go? */
bool io_unified_routes(struct io_unified_region *r)
{
	const struct io_unified_chain *chain;
	u32 i;

	guard(rcu)();
	chain = rcu_dereference(r->chain);
	for (i = 0; chain && i < chain->nr; i++) {
		if (chain->stages[i]->ops->submit)
			return true;
	}
	return false;
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
		struct io_unified_stage *st = chain->stages[i];

		if (!st->ops->complete || io_unified_asked(st) <= 0)
			continue;
		verdict = st->ops->complete(io_unified_mangle(r), &x->buf, status);
		if (unlikely(verdict < IO_UNIFIED_DONE || verdict > IO_UNIFIED_SKIP)) {
			io_unified_bad_answer(st, "complete", verdict);
			io_unified_count_error(r);
			verdict = IO_UNIFIED_DONE;
		}
	}
	return verdict;
}

static int io_unified_ops__init(struct io_unified_ctx *ctx)
{
	return 0;
}

static void io_unified_ops__exit(struct io_unified_ctx *ctx,
				 struct io_unified_exit *info)
{
}

static int io_unified_ops__submit(struct io_unified_ctx *ctx,
				  struct io_unified_buf *buf,
				  struct io_unified_nvme *cmd)
{
	return 0;
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
	.init		= io_unified_ops__init,
	.exit		= io_unified_ops__exit,
	.submit		= io_unified_ops__submit,
	.rx		= io_unified_ops__rx,
	.tx		= io_unified_ops__tx,
	.complete	= io_unified_ops__complete,
};

/* A stage is found by its program: that must not run in another one's place */
static const struct bpf_func_proto *
io_unified_get_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	if (func_id == BPF_FUNC_tail_call)
		return NULL;
	return bpf_base_func_proto(func_id, prog);
}

static bool io_unified_is_valid_access(int off, int size,
				       enum bpf_access_type type,
				       const struct bpf_prog *prog,
				       struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

/* What programs see is for them to read only, but for where a command goes */
static int io_unified_btf_struct_access(struct bpf_verifier_log *log,
					const struct bpf_reg_state *reg,
					int off, int size)
{
	if (btf_type_by_id(reg->btf, reg->btf_id) != io_unified_nvme_type)
		return -EACCES;
	if (off >= offsetof(struct io_unified_nvme, slba) &&
	    off + size <= offsetofend(struct io_unified_nvme, slba))
		return SCALAR_VALUE;
	if (off >= offsetof(struct io_unified_nvme, dev) &&
	    off + size <= offsetofend(struct io_unified_nvme, fua))
		return SCALAR_VALUE;
	return -EACCES;
}

static const struct bpf_verifier_ops io_unified_verifier_ops = {
	.get_func_proto		= io_unified_get_func_proto,
	.is_valid_access	= io_unified_is_valid_access,
	.btf_struct_access	= io_unified_btf_struct_access,
};

static int io_unified_bpf_init(struct btf *btf)
{
	s32 id = btf_find_by_name_kind(btf, "io_unified_nvme", BTF_KIND_STRUCT);

	if (id < 0)
		return id;
	io_unified_nvme_type = btf_type_by_id(btf, id);
	return io_unified_register_kfuncs();
}

static int io_unified_check_member(const struct btf_type *t,
				   const struct btf_member *member,
				   const struct bpf_prog *prog)
{
	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct io_unified_ops, init):
	case offsetof(struct io_unified_ops, exit):
		return 0;
	}
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
		if (uops->flags & ~IO_UNIFIED_OPS_REQUIRED)
			return -EINVAL;
		ops->flags = uops->flags;
		return 1;
	case offsetof(struct io_unified_ops, name):
		if (bpf_obj_name_cpy(ops->name, uops->name,
				     sizeof(ops->name)) <= 0)
			return -EINVAL;
		return 1;
	case offsetof(struct io_unified_ops, stage):
		return uops->stage ? -EINVAL : 1;
	}
	return 0;
}

/*
 * The chain.  It is never changed, but replaced by another: with @add, without
 * @del, or with @add in the place of @del.
 */
static struct io_unified_chain *
io_unified_chain_copy(const struct io_unified_chain *old,
		      struct io_unified_stage *add, struct io_unified_stage *del,
		      gfp_t gfp)
{
	u32 i, n = 0, nr = old ? old->nr : 0;
	struct io_unified_chain *new;
	bool replace = add && del;

	new = kzalloc_flex(*new, stages, nr + 1, GFP_KERNEL_ACCOUNT | gfp);
	if (!new)
		return NULL;
	for (i = 0; i < nr; i++) {
		struct io_unified_stage *st = old->stages[i];

		if (add && !replace && st->ops->prio > add->ops->prio) {
			new->stages[n++] = add;
			add = NULL;
		}
		if (st != del)
			new->stages[n++] = st;
		else if (replace)
			new->stages[n++] = add;
	}
	if (add && !replace)
		new->stages[n++] = add;
	new->nr = n;
	return new;
}

static struct io_unified_chain *io_unified_chain_get(struct io_unified_region *r)
{
	return rcu_dereference_protected(r->chain,
					 lockdep_is_held(&io_unified_bpf_mutex));
}

static void io_unified_chain_set(struct io_unified_region *r,
				 struct io_unified_chain *new)
{
	struct io_unified_chain *old = io_unified_chain_get(r);

	rcu_assign_pointer(r->chain, new);
	if (old)
		kfree_rcu(old, rcu);
}

static struct io_unified_stage *io_unified_stage_alloc(struct io_unified_region *r,
						       struct io_unified_ops *ops)
{
	struct io_unified_stage *st = kzalloc_obj(*st, GFP_KERNEL_ACCOUNT);

	if (st) {
		st->ops = ops;
		st->region = r;
	}
	return st;
}

/* @st runs no more: say goodbye to it, once */
static void io_unified_stage_exit(struct io_unified_stage *st)
{
	if (!test_and_set_bit(IO_UNIFIED_STAGE_EXITED, &st->flags) && st->ops->exit)
		st->ops->exit(io_unified_mangle(st->region), &st->exit);
}

/* Nobody finds @st any more */
static void io_unified_stage_end(struct io_unified_stage *st, u32 kind,
				 const char *reason)
{
	/* unless it has been ejected before */
	if (!test_and_set_bit(IO_UNIFIED_STAGE_EJECTING, &st->flags)) {
		st->exit.kind = kind;
		strscpy(st->exit.reason, reason);
	}
	io_unified_stage_exit(st);
	st->ops->stage = NULL;
	kfree(st);
}

/* Take @st out of its region's chain, and wait until nobody runs it */
static void io_unified_stage_remove(struct io_unified_stage *st, u32 kind,
				    const char *reason)
{
	struct io_unified_region *r = st->region;
	struct io_unified_chain *old = io_unified_chain_get(r);

	/* it has to go, so this has to succeed */
	io_unified_chain_set(r, io_unified_chain_copy(old, NULL, st, __GFP_NOFAIL));
	synchronize_rcu();
	__clear_bit(st->slot, &r->slots);
	io_unified_stage_end(st, kind, reason);
}

/* What the last stage with this slot has left in streams */
static void io_unified_clear_storage(struct io_unified_region *r, u32 slot)
{
	struct io_unified_stream *s;

	guard(spinlock_irq)(&r->lock);
	list_for_each_entry(s, &r->streams, list)
		memset(s->storage[slot], 0, IO_UNIFIED_STORAGE);
}

static int io_unified_stage_add(struct io_unified_region *r,
				struct io_unified_ops *ops)
{
	struct io_unified_chain *old = io_unified_chain_get(r), *new;
	struct io_unified_stage *st;
	int ret = -ENOMEM;

	if (ops->stage)
		return -EBUSY;
	if (old && old->nr == IO_UNIFIED_MAX_STAGES)
		return -E2BIG;
	st = io_unified_stage_alloc(r, ops);
	if (!st)
		return -ENOMEM;
	new = io_unified_chain_copy(old, st, NULL, 0);
	if (new && ops->init)
		ret = ops->init(io_unified_mangle(r));
	else if (new)
		ret = 0;
	if (ret) {
		kfree(new);
		kfree(st);
		return ret < 0 && ret >= -MAX_ERRNO ? ret : -EINVAL;
	}
	st->slot = find_first_zero_bit(&r->slots, IO_UNIFIED_MAX_STAGES);
	__set_bit(st->slot, &r->slots);
	io_unified_clear_storage(r, st->slot);
	ops->stage = st;
	io_unified_chain_set(r, new);
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
		ret = ctx->unified ? io_unified_stage_add(ctx->unified, ops) :
				     -ENXIO;
	}
	fput(file);
	return ret;
}

static void io_unified_bpf_unreg(void *kdata, struct bpf_link *link)
{
	struct io_unified_ops *ops = kdata;

	guard(mutex)(&io_unified_bpf_mutex);
	if (ops->stage)
		io_unified_stage_remove(ops->stage, IO_UNIFIED_EXIT_DETACHED,
					"detached");
}

/* The link gets another stage, which takes the old one's place */
static int io_unified_bpf_update(void *kdata, void *old_kdata,
				 struct bpf_link *link)
{
	struct io_unified_ops *ops = kdata, *old_ops = old_kdata;
	struct io_unified_stage *st, *old;
	struct io_unified_chain *new;
	struct io_unified_region *r;
	int ret = 0;

	guard(mutex)(&io_unified_bpf_mutex);
	old = old_ops->stage;
	if (!old)
		return -ENXIO;
	if (ops->stage)
		return -EBUSY;
	r = old->region;
	st = io_unified_stage_alloc(r, ops);
	if (!st)
		return -ENOMEM;
	st->slot = old->slot;
	new = io_unified_chain_copy(io_unified_chain_get(r), st, old, 0);
	if (!new)
		ret = -ENOMEM;
	else if (ops->init)
		ret = ops->init(io_unified_mangle(r));
	if (ret) {
		kfree(new);
		kfree(st);
		return ret < 0 && ret >= -MAX_ERRNO ? ret : -EINVAL;
	}
	ops->stage = st;
	io_unified_chain_set(r, new);
	synchronize_rcu();
	io_unified_stage_end(old, IO_UNIFIED_EXIT_REPLACED, "replaced");
	return 0;
}

/* The next stage that has been ejected and has not been told */
static struct io_unified_stage *io_unified_ejected(struct io_unified_region *r)
{
	struct io_unified_chain *chain = io_unified_chain_get(r);
	u32 i;

	for (i = 0; chain && i < chain->nr; i++) {
		struct io_unified_stage *st = chain->stages[i];

		/* pairs with the barrier in io_unified_eject() */
		if (test_bit_acquire(IO_UNIFIED_STAGE_EJECTED, &st->flags) &&
		    !test_bit(IO_UNIFIED_STAGE_EXITED, &st->flags))
			return st;
	}
	return NULL;
}

void io_unified_eject_work(struct work_struct *work)
{
	struct io_unified_region *r =
		container_of(work, struct io_unified_region, eject_work);
	struct io_unified_stage *st;

	guard(mutex)(&io_unified_bpf_mutex);
	while ((st = io_unified_ejected(r))) {
		if (st->ops->flags & IO_UNIFIED_OPS_REQUIRED) {
			/* it stays, so that nothing goes past it */
			synchronize_rcu();
			io_unified_stage_exit(st);
		} else {
			io_unified_stage_remove(st, st->exit.kind,
						st->exit.reason);
		}
	}
}

/* The region goes away: its stages stay loaded, attached to nothing */
void io_unified_eject_all(struct io_unified_region *r)
{
	struct io_unified_chain *chain;
	u32 i;

	guard(mutex)(&io_unified_bpf_mutex);
	chain = io_unified_chain_get(r);
	if (!chain)
		return;
	/* freed by hand, below */
	rcu_assign_pointer(r->chain, NULL);
	synchronize_rcu();
	for (i = 0; i < chain->nr; i++)
		io_unified_stage_end(chain->stages[i], IO_UNIFIED_EXIT_REGION,
				     "the region is gone");
	kfree(chain);
}

struct bpf_struct_ops io_unified_struct_ops = {
	.verifier_ops	= &io_unified_verifier_ops,
	.reg		= io_unified_bpf_reg,
	.unreg		= io_unified_bpf_unreg,
	.update		= io_unified_bpf_update,
	.check_member	= io_unified_check_member,
	.init_member	= io_unified_init_member,
	.init		= io_unified_bpf_init,
	.cfi_stubs	= &io_unified_ops_stubs,
	.name		= "io_unified_ops",
	.owner		= THIS_MODULE,
};

static int __init io_unified_bpf_register(void)
{
	int ret = register_bpf_struct_ops(&io_unified_struct_ops, io_unified_ops);

	if (ret)
		pr_err("io_uring: cannot register io_unified_ops (%d)\n", ret);
	return ret;
}
device_initcall(io_unified_bpf_register);
