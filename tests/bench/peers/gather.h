/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gather.h: from fragments in zcrx buffers to NVMe commands, for zcrx-cmd and
 * zcrx-bpf. Everything is in arrays and referred to by index, for the one works on
 * it in user space and the other in a BPF program.
 *
 * Memory, which is one fixed buffer: the zcrx area, and pages for what has to be
 * copied. A page is held by commands that write from it and, while its
 * data are being looked at, by the filter; when nobody holds it any more it goes
 * back to where it came from.
 *
 * Kept records follow one another on the SSD, so a command takes kept bytes from
 * wherever they lie, one vector element for each contiguous piece, until it is as
 * large as is good.
 */
#ifndef SLUICE_BENCH_GATHER_H
#define SLUICE_BENCH_GATHER_H

#ifndef __bpf__
#include <linux/types.h>
#include <string.h>

#include "peer.h"
#endif

#define GATHER_PAGES	32768		/* of the area, and for copies */
#define GATHER_CMDS	1024
#define GATHER_SEGS	128
#define GATHER_HEAD	64		/* the longest prefix */
#define GATHER_NONE	0xffffffffU
#define GATHER_BYTES	(128 << 10)	/* of a command; see zcrx-cmd.c */

struct gather_vec {			/* struct iovec */
	__u64	base;
	__u64	len;
};

struct gather_cmd {
	__u64	pos;			/* on the SSD */
	__u32	bytes;
	__u32	nr;			/* elements of the vector */
	__u32	holds;			/* pages, which are as many segments */
	__u32	pad;
	struct gather_vec vec[GATHER_SEGS];
	__u16	page[GATHER_SEGS];	/* that it holds */
};

struct gather {
	/* what does not change */
	__u64	base;			/* address of the memory in user space */
	__u32	niovs, pages;		/* of the area, and with those for copies */
	__u32	align;			/* of each segment, minus 1 */
	__u32	block;			/* of the namespace, minus 1 */
	__u32	max_bytes, max_segs;	/* of a command */
	__u32	record, drop_len;
	__u8	drop[GATHER_HEAD];

	/* what has arrived and was not looked at yet */
	__u32	frag_off, frag_len;

	/* the record that is being received */
	__u32	rec_pos;		/* bytes of it that were seen */
	__u32	keep;
	__u32	head_len;
	__u8	head[GATHER_HEAD];	/* its beginning, when that came in pieces */

	__u64	kept, received, dropped, copied, commands;
	__u32	cur;			/* the command that is gathered */
	__u32	fill, fill_off;		/* page that is copied to, and how far */
	__u32	held;			/* pages */
	__u32	inflight;

	/* ring of commands to submit; stacks of what is free */
	__u32	ready_head, ready_tail;
	__u32	nr_free_cmds, nr_free_pages;
	__u16	ready[GATHER_CMDS];
	__u16	free_cmds[GATHER_CMDS];
	__u16	free_pages[GATHER_PAGES];
	__u16	holds[GATHER_PAGES];
	__u16	pieces[GATHER_PAGES];	/* that the kernel handed out of a page */
	struct gather_cmd cmds[GATHER_CMDS];
};

#ifndef __bpf__
#define GATHER_PAGE	4096U

/* the area, and half as many pages for copies */
static inline size_t gather_mem(size_t area)
{
	return area + area / 2;
}

static inline void gather_init(struct gather *g, const struct peer_opts *o,
			       const struct peer_ns *ns, void *mem)
{
	g->base = (uintptr_t)mem;
	g->niovs = o->buffers / GATHER_PAGE;
	g->pages = g->niovs + g->niovs / 2;
	if (g->pages > GATHER_PAGES || o->drop_len > GATHER_HEAD || !o->record ||
	    o->drop_len > o->record || g->niovs < 64)
		die("--buffers are 256K to %uM, a prefix is up to %u bytes and in a record",
		    GATHER_PAGES * 2 / 3 / 256, GATHER_HEAD);
	g->align = ns->gather_mask;
	g->block = (1U << ns->lba_shift) - 1;
	g->max_bytes = GATHER_BYTES < ns->max_bytes ? GATHER_BYTES : ns->max_bytes;
	g->max_segs = GATHER_SEGS < ns->max_segs ? GATHER_SEGS : ns->max_segs;
	g->record = o->record;
	g->drop_len = o->drop_len;
	if (o->drop_len)
		memcpy(g->drop, o->drop, o->drop_len);
	g->cur = g->fill = GATHER_NONE;
	for (g->nr_free_cmds = 0; g->nr_free_cmds < GATHER_CMDS; g->nr_free_cmds++)
		g->free_cmds[g->nr_free_cmds] = g->nr_free_cmds;
	for (__u32 page = g->pages; page-- > g->niovs; )
		g->free_pages[g->nr_free_pages++] = page;
}

static inline void gather_put(struct gather *g, struct peer_zcrx *z, __u32 page)
{
	if (--g->holds[page])
		return;
	g->held--;
	if (page >= g->niovs) {
		g->free_pages[g->nr_free_pages++] = page;
		return;
	}
	while (g->pieces[page]) {
		peer_zcrx_put(z, (uint64_t)page * GATHER_PAGE, GATHER_PAGE);
		g->pieces[page]--;
	}
}

static inline void gather_hold(struct gather *g, __u32 page)
{
	if (!g->holds[page]++)
		g->held++;
}

static inline void gather_cmd_hold(struct gather *g, struct gather_cmd *c, __u32 page)
{
	gather_hold(g, page);
	c->page[c->holds++] = page;
}

/* gather_close - the command that is gathered is complete */
static inline void gather_close(struct gather *g)
{
	g->ready[g->ready_tail++ % GATHER_CMDS] = g->cur;
	g->cur = GATHER_NONE;
}

static inline struct gather_cmd *gather_cur(struct gather *g)
{
	struct gather_cmd *c;

	if (g->cur != GATHER_NONE)
		return &g->cmds[g->cur];
	if (!g->nr_free_cmds)
		die("more than %u commands are waiting; larger records or fewer --buffers help",
		    GATHER_CMDS);
	g->cur = g->free_cmds[--g->nr_free_cmds];
	c = &g->cmds[g->cur];
	c->pos = g->kept;
	c->bytes = c->nr = c->holds = 0;
	return c;
}

/* gather_piece - the next @len bytes of the command are at @off, within one page */
static inline void gather_piece(struct gather *g, struct gather_cmd *c, uint64_t off, __u32 len)
{
	struct gather_vec *v = &c->vec[c->nr - 1];
	uint64_t addr = g->base + off;

	if (c->nr && v->base + v->len == addr) {
		v->len += len;
		if (!(off % GATHER_PAGE))
			gather_cmd_hold(g, c, off / GATHER_PAGE);
	} else {
		c->vec[c->nr++] = (struct gather_vec) { addr, len };
		gather_cmd_hold(g, c, off / GATHER_PAGE);
	}
	c->bytes += len;
	g->kept += len;
	if (c->bytes == g->max_bytes ||
	    (c->holds + 16 >= g->max_segs && !(c->bytes & g->block)))
		gather_close(g);
}

/* how much more the command takes before it may have to be closed */
static inline __u32 gather_room(const struct gather *g, const struct gather_cmd *c, size_t len)
{
	__u32 room = g->max_bytes - c->bytes;

	if (c->holds + 16 >= g->max_segs)
		room = g->block + 1 - (c->bytes & g->block);
	return len < room ? len : room;
}

/* gather_copy - the next @len bytes, which cannot be written from where they are */
static inline void gather_copy(struct gather *g, struct peer_zcrx *z, const void *from, size_t len)
{
	while (len) {
		struct gather_cmd *c = gather_cur(g);
		__u32 n = gather_room(g, c, len);
		uint64_t off;

		if (g->fill == GATHER_NONE) {
			if (!g->nr_free_pages)
				die("no memory for copies; more --buffers help");
			g->fill = g->free_pages[--g->nr_free_pages];
			g->fill_off = 0;
			gather_hold(g, g->fill);
		}
		if (n > GATHER_PAGE - g->fill_off)
			n = GATHER_PAGE - g->fill_off;
		off = (uint64_t)g->fill * GATHER_PAGE + g->fill_off;
		memcpy((char *)(uintptr_t)g->base + off, from, n);
		gather_piece(g, c, off, n);
		g->fill_off += n;
		from = (const char *)from + n;
		len -= n;
		/* pieces are aligned, but where the next one cannot be without a copy */
		if (g->fill_off == GATHER_PAGE ||
		    (g->cur == GATHER_NONE && (g->fill_off & g->align))) {
			gather_put(g, z, g->fill);
			g->fill = GATHER_NONE;
		}
	}
}

/*
 * gather_keep - the next @len bytes of what is kept are at @off. From there if both
 * the memory and the place in the command are aligned, else by a copy.
 */
static inline void gather_keep(struct gather *g, struct peer_zcrx *z, uint64_t off, __u32 len)
{
	while (len) {
		struct gather_cmd *c = gather_cur(g);
		__u32 n = gather_room(g, c, len), skew = c->bytes & g->align;

		if ((off & g->align) != skew || c->holds + 3 >= g->max_segs) {
			/* no piece of it fits, or there is only room for whole blocks */
		} else if (skew) {
			/* up to where both are aligned */
			if (n > g->align + 1 - skew)
				n = g->align + 1 - skew;
		} else if (n & ~g->align) {
			n &= ~g->align;
			gather_piece(g, c, off, n);
			goto next;
		}
		g->copied += n;
		gather_copy(g, z, (char *)(uintptr_t)g->base + off, n);
next:
		off += n;
		len -= n;
	}
}

/* gather_records - look at what has arrived */
static inline void gather_records(struct gather *g, struct peer_zcrx *z)
{
	const char *data = (char *)(uintptr_t)g->base;

	while (g->frag_len) {
		__u32 n = g->record - g->rec_pos, off = g->frag_off;

		if (n > g->frag_len)
			n = g->frag_len;
		if (g->rec_pos < g->drop_len) {
			__u32 part = g->drop_len - g->rec_pos;

			if (part > n || g->head_len) {
				/* the prefix comes in pieces */
				part = part < n ? part : n;
				memcpy(g->head + g->head_len, data + off, part);
				g->head_len += part;
				n = part;
				if (g->head_len == g->drop_len) {
					g->keep = memcmp(g->head, g->drop, g->drop_len);
					if (g->keep) {
						g->copied += g->head_len;
						gather_copy(g, z, g->head, g->head_len);
					} else {
						g->dropped += g->head_len;
					}
					g->head_len = 0;
				}
				goto next;
			}
			g->keep = memcmp(data + off, g->drop, g->drop_len);
		} else if (!g->drop_len) {
			g->keep = 1;
		}
		if (g->keep)
			gather_keep(g, z, off, n);
		else
			g->dropped += n;
next:
		g->frag_off += n;
		g->frag_len -= n;
		g->rec_pos += n;
		if (g->rec_pos == g->record)
			g->rec_pos = 0;
	}
}

/* gather_fragment - @len bytes of the stream have arrived at @off of the area */
static inline void gather_fragment(struct gather *g, struct peer_zcrx *z, uint64_t off, __u32 len)
{
	__u32 page = off / GATHER_PAGE;

	gather_hold(g, page);
	g->pieces[page]++;
	g->received += len;
	g->frag_off = off;
	g->frag_len = len;
	gather_records(g, z);
	gather_put(g, z, page);
}

/* gather_end - the stream has ended: the last block, and what is left of it */
static inline void gather_end(struct gather *g, struct peer_zcrx *z)
{
	static const char zeros[GATHER_PAGE];
	uint64_t kept;

	/* too short for the prefix */
	g->copied += g->head_len;
	gather_copy(g, z, g->head, g->head_len);
	kept = g->kept;
	while (g->cur != GATHER_NONE && g->cmds[g->cur].bytes & g->block) {
		__u32 pad = g->block + 1 - (g->cmds[g->cur].bytes & g->block);

		gather_copy(g, z, zeros, pad < GATHER_PAGE ? pad : GATHER_PAGE);
	}
	g->kept = kept;
	if (g->cur != GATHER_NONE)
		gather_close(g);
}

/* gather_prep - the SQE of the next command */
static inline void gather_prep(struct gather *g, struct io_uring_sqe *sqe,
			       const struct peer_ns *ns, int fixed_file)
{
	__u32 nr = g->ready[g->ready_head++ % GATHER_CMDS];
	struct gather_cmd *c = &g->cmds[nr];
	struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;

	peer_nvme(sqe, ns, 1, c->pos, (void *)(uintptr_t)c->vec[0].base, c->bytes);
	if (c->nr > 1) {
		sqe->cmd_op = NVME_URING_CMD_IO_VEC;
		cmd->addr = (uintptr_t)c->vec;
		cmd->data_len = c->nr;
	}
	sqe->fd = fixed_file;
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 0;
	sqe->user_data = nr;
	g->inflight++;
	g->commands++;
}

/* gather_done - a command is complete: what it wrote from may be used again */
static inline void gather_done(struct gather *g, struct peer_zcrx *z, __u32 nr)
{
	struct gather_cmd *c = &g->cmds[nr];

	for (__u32 i = 0; i < c->holds; i++)
		gather_put(g, z, c->page[i]);
	g->free_cmds[g->nr_free_cmds++] = nr;
	g->inflight--;
}

#endif /* __bpf__ */
#endif
