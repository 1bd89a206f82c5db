// SPDX-License-Identifier: GPL-2.0
/* zcrx-bpf: what runs in the kernel, see zcrx-bpf.c */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "zcrx-bpf.h"

enum { LOOP_CONTINUE, LOOP_STOP };
enum { REGION_MEM, REGION_CQ, REGION_SQ };

#define CQE_MORE	2
#define ENOSPC		28
#define OFF_MASK	((1ULL << 48) - 1)	/* IORING_ZCRX_AREA_SHIFT */

/* with 32 bytes each, as the zero-copy receive has them */
struct cqe {
	__u64	user_data;
	__s32	res;
	__u32	flags;
	__u64	off;
	__u64	pad;
};

struct rqe {
	__u64	off;
	__u32	len;
	__u32	pad;
};

/* with 128 bytes, as NVMe passthrough has them */
struct sqe {
	__u64	head;
	__u32	cmd_op, pad;
	__u64	pad2[2];
	__u64	user_data;
	__u64	pad3;
	__u64	nvme[3];
	__u64	addr;
	__u32	metadata_len, data_len;
	__u32	cdw10, cdw11, cdw12, cdw13;
	__u64	pad4[3];
};

const volatile struct bpf_config cfg = {};

extern int bpf_io_uring_submit_sqes(struct iou_ctx *ring, __u32 nr) __ksym;
extern __u8 *bpf_io_uring_get_region(struct iou_ctx *ring, __u32 id,
				     const size_t rdwr_buf_size) __ksym;

/* x86 keeps stores in order, and loads: the compiler has to, too */
#define load_acquire(p)		({ __u32 _v = *(volatile __u32 *)(p); barrier(); _v; })
#define store_release(p, v)	({ barrier(); *(volatile __u32 *)(p) = (v); })

static __always_inline void refill(__u8 *mem, struct bpf_state *s, __u32 page)
{
	struct rqe *rqe = (void *)(mem + cfg.rq_entries) + (s->rq_next++ & cfg.rq_mask) * 16;

	rqe->off = (__u64)page << 12 | cfg.token;
	rqe->len = 4096;
}

static __always_inline void put(__u8 *mem, struct bpf_state *s, __u32 page)
{
	struct gather *g = &s->g;
	__u32 nr;
	int i;

	page &= GATHER_PAGES - 1;
	nr = g->holds[page] - 1;
	g->holds[page] = nr;
	if (nr)
		return;
	g->held--;
	if (page >= cfg.niovs) {
		g->free_pages[g->nr_free_pages++ & (GATHER_PAGES - 1)] = page;
		return;
	}
	nr = g->pieces[page];
	g->pieces[page] = 0;
	if (nr == 1)
		refill(mem, s, page);
	else
		bpf_for(i, 0, nr)
			refill(mem, s, page);
}

static __always_inline void cmd_hold(struct gather *g, struct gather_cmd *c, __u32 page)
{
	page &= GATHER_PAGES - 1;
	if (!g->holds[page]++)
		g->held++;
	c->page[c->holds++ & (GATHER_SEGS - 1)] = page;
}

static __always_inline bool begins_with_drop(const __u8 *data, const struct gather *g)
{
	__u32 i;

	/* the memory goes on behind the area */
	bpf_for(i, 0, (cfg.drop_len + 7) / 8) {
		__u64 a, b, left = cfg.drop_len - i * 8;

		if (i >= GATHER_HEAD / 8)
			break;
		a = *(const __u64 *)(data + i * 8);
		b = *(const __u64 *)(g->drop + i * 8);
		if (left < 8)
			a &= (1ULL << left * 8) - 1;
		if (a != b)
			return false;
	}
	return true;
}

/* gather_records() of gather.h, but for what needs a copy. Is everything done? */
static __noinline bool records(__u8 *mem, struct bpf_state *s)
{
	struct gather *g = &s->g;
	int i;

	bpf_for(i, 0, 4096) {
		__u32 off = g->frag_off, n = cfg.record - g->rec_pos, room, nr;
		struct gather_cmd *c;
		struct gather_vec *v;

		if (!g->frag_len)
			break;
		if (off >= cfg.area_size)
			return false;
		if (n > g->frag_len)
			n = g->frag_len;
		if (g->rec_pos < cfg.drop_len) {
			/* the prefix comes in pieces */
			if (g->head_len || g->rec_pos || n < cfg.drop_len)
				return false;
			g->keep = !begins_with_drop(mem + off, g);
		} else if (!cfg.drop_len) {
			g->keep = 1;
		}
		if (!g->keep) {
			g->dropped += n;
			goto next;
		}

		if (g->cur == GATHER_NONE) {
			if (!g->nr_free_cmds)
				return false;
			g->cur = g->free_cmds[--g->nr_free_cmds & (GATHER_CMDS - 1)];
			c = &g->cmds[g->cur & (GATHER_CMDS - 1)];
			c->pos = g->kept;
			c->bytes = c->nr = c->holds = 0;
		} else {
			c = &g->cmds[g->cur & (GATHER_CMDS - 1)];
		}
		room = cfg.max_bytes - c->bytes;
		if (c->holds + 16 >= cfg.max_segs)
			room = cfg.block + 1 - (c->bytes & cfg.block);
		if (n > room)
			n = room;
		if ((off | n | c->bytes) & cfg.align || c->holds + 3 >= cfg.max_segs ||
		    g->rec_pos + n < cfg.drop_len)
			return false;
		nr = c->nr;
		v = &c->vec[(nr - 1) & (GATHER_SEGS - 1)];
		if (nr && v->base + v->len == cfg.base + off) {
			v->len += n;
			if (!(off & 4095))
				cmd_hold(g, c, off >> 12);
		} else {
			v = &c->vec[nr & (GATHER_SEGS - 1)];
			v->base = cfg.base + off;
			v->len = n;
			c->nr = nr + 1;
			cmd_hold(g, c, off >> 12);
		}
		c->bytes += n;
		g->kept += n;
		if (c->bytes == cfg.max_bytes ||
		    (c->holds + 16 >= cfg.max_segs && !(c->bytes & cfg.block))) {
			g->ready[g->ready_tail++ & (GATHER_CMDS - 1)] = g->cur;
			g->cur = GATHER_NONE;
		}
next:
		g->frag_off += n;
		g->frag_len -= n;
		g->rec_pos += n;
		if (g->rec_pos == cfg.record)
			g->rec_pos = 0;
	}
	return !g->frag_len;
}

static __always_inline enum bpf_stop received(__u8 *mem, struct bpf_state *s,
					      const struct cqe *cqe)
{
	struct gather *g = &s->g;
	__u32 off, page;

	if (!(cqe->flags & CQE_MORE)) {
		s->armed = 0;
		s->error = cqe->res;
		if (cqe->res && cqe->res != -ENOSPC)
			return STOP_RECV_ERROR;
		return !cqe->res && s->left ? STOP_END : STOP_NOT;
	}
	off = cqe->off & OFF_MASK;
	page = off >> 12 & (GATHER_PAGES - 1);
	s->left -= cqe->res;
	if (!g->holds[page]++)
		g->held++;
	g->pieces[page]++;
	g->received += cqe->res;
	g->frag_off = off;
	g->frag_len = cqe->res;
	s->frag_page = page;
	if (!records(mem, s))
		return STOP_SLOW;
	put(mem, s, page);
	return STOP_NOT;
}

static __noinline enum bpf_stop written(__u8 *mem, struct bpf_state *s, __u32 nr, __s32 res)
{
	struct gather *g = &s->g;
	struct gather_cmd *c;
	__u32 i, holds;

	nr &= GATHER_CMDS - 1;
	c = &g->cmds[nr];
	if (res) {
		s->error = res;
		return STOP_NVME_ERROR;
	}
	holds = c->holds;
	bpf_for(i, 0, holds)
		put(mem, s, c->page[i & (GATHER_SEGS - 1)]);
	g->free_cmds[g->nr_free_cmds++ & (GATHER_CMDS - 1)] = nr;
	g->inflight--;
	return STOP_NOT;
}

/* the CQEs that there are */
static __noinline enum bpf_stop reap(__u8 *mem, __u8 *cq, struct bpf_state *s)
{
	__u32 head = *(__u32 *)(cq + cfg.cq_head), tail = load_acquire(cq + cfg.cq_tail), done = 0;
	enum bpf_stop stop = STOP_NOT;
	__u32 i;

	bpf_for(i, 0, tail - head) {
		struct cqe *cqe = (void *)(cq + cfg.cqes) + ((head + i) & cfg.cq_mask) * 32;

		/* one command hands back up to so many */
		if (s->rq_next - load_acquire(mem + cfg.rq_head) + 2 * GATHER_SEGS > cfg.rq_mask) {
			stop = STOP_FULL;
			break;
		}
		if (cqe->user_data == RECV_DATA)
			stop = received(mem, s, cqe);
		else
			stop = written(mem, s, cqe->user_data, cqe->res);
		done = i + 1;
		if (stop)
			break;
	}
	store_release(cq + cfg.cq_head, head + done);
	store_release(mem + cfg.rq_tail, s->rq_next);
	return stop;
}

/* commands that are ready, and the next receive; returns how many SQEs */
static __noinline __u32 prepare(__u8 *sq, struct bpf_state *s, __u32 tail)
{
	struct gather *g = &s->g;
	__u32 nr = 0, i;

	/* a small command keeps the SSD busy while the next one becomes large */
	if (g->inflight < 2 && g->ready_head == g->ready_tail && g->cur != GATHER_NONE) {
		struct gather_cmd *c = &g->cmds[g->cur & (GATHER_CMDS - 1)];

		if (c->bytes && !(c->bytes & cfg.block)) {
			g->ready[g->ready_tail++ & (GATHER_CMDS - 1)] = g->cur;
			g->cur = GATHER_NONE;
		}
	}
	bpf_for(i, 0, cfg.depth) {
		struct sqe *sqe = (void *)sq + ((tail + i) & cfg.sq_mask) * 128;
		struct gather_cmd *c;
		__u32 cmd;

		if (g->ready_head == g->ready_tail || g->inflight >= cfg.depth)
			break;
		cmd = g->ready[g->ready_head++ & (GATHER_CMDS - 1)] & (GATHER_CMDS - 1);
		c = &g->cmds[cmd];
		for (int j = 0; j < 16; j++)
			((__u64 *)sqe)[j] = cfg.write[j];
		if (c->nr > 1) {
			sqe->cmd_op = cfg.op_vec;
			sqe->addr = cfg.base + cfg.state + ((__u64)&c->vec[0] - (__u64)s);
			sqe->data_len = c->nr;
		} else {
			sqe->addr = c->vec[0].base;
			sqe->data_len = c->bytes;
		}
		sqe->user_data = cmd;
		/* a block is a power of two bytes, and block of them minus 1 */
		sqe->cdw12 = c->bytes / (cfg.block + 1) - 1;
		sqe->cdw10 = c->pos / (cfg.block + 1);
		sqe->cdw11 = c->pos / (cfg.block + 1) >> 32;
		g->inflight++;
		g->commands++;
		nr = i + 1;
	}
	if (!s->armed && !s->ended && g->held <= cfg.niovs * 3 / 8) {
		struct sqe *sqe = (void *)sq + ((tail + nr) & cfg.sq_mask) * 128;

		for (int j = 0; j < 16; j++)
			((__u64 *)sqe)[j] = cfg.recv[j];
		s->left = cfg.budget;
		s->armed = 1;
		nr++;
	}
	return nr;
}

SEC("struct_ops.s/loop_step")
int BPF_PROG(loop_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	__u8 *mem = bpf_io_uring_get_region(ring, REGION_MEM, cfg.mem_size);
	__u8 *cq = bpf_io_uring_get_region(ring, REGION_CQ, cfg.cq_size);
	__u8 *sq = bpf_io_uring_get_region(ring, REGION_SQ, cfg.sq_size);
	struct bpf_state *s;
	__u32 nr, tail;

	if (!mem || !cq || !sq)
		return LOOP_STOP;
	s = (void *)(mem + cfg.state);
	s->stop = reap(mem, cq, s);
	if (s->stop)
		return LOOP_STOP;

	tail = *(__u32 *)(cq + cfg.sq_tail);
	nr = prepare(sq, s, tail);
	if (nr) {
		store_release(cq + cfg.sq_tail, tail + nr);
		s->error = bpf_io_uring_submit_sqes(ring, nr);
		if (s->error != nr) {
			s->stop = STOP_SUBMIT_ERROR;
			return LOOP_STOP;
		}
	}
	if (s->ended && !s->g.inflight) {
		s->stop = STOP_DONE;
		return LOOP_STOP;
	}
	lp->cq_wait_idx = *(__u32 *)(cq + cfg.cq_head) + 1;
	return LOOP_CONTINUE;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops loop = {
	.loop_step = (void *)loop_step,
};

char LICENSE[] SEC("license") = "GPL";
