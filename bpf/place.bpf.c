// SPDX-License-Identifier: GPL-2.0
/*
 * place: where the commands of a recording go.
 *
 * The kernel numbers the blocks of each stream from 0 on.  Here a command gets
 * blocks of a device: those behind the command before, whatever stream that was
 * of.  Where each command went, is reported when it is written, and not earlier.
 *
 * All rings of a pipeline share the maps.
 */
#include "vmlinux.h"
#include "unified.bpf.h"
#include "place.h"

#define NVME_WRITE	1
#define ENOSPC		28
#define ENOMEM		12

/* set by the loader before the load */
const volatile bool place_log;		/* else commands stay where they are */
const volatile bool place_mirror;
const volatile bool place_durable;
const volatile bool place_rotate;
const volatile __u32 place_nr_devs = 1;
const volatile __u64 place_max_extents;	/* that the index has room for */
const volatile __u64 place_start[PLACE_DEVS];
const volatile __u64 place_blocks[PLACE_DEVS];

struct place_state {
	struct bpf_spin_lock lock;
	__u32 zero;
	__u64 extents;
	__u64 pos[PLACE_DEVS];		/* blocks given away, ever */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct place_state);
} place_state SEC(".maps");

/* Also what could not be reported, which the loader has to know of */
struct place_count {
	__u64 done;
	__u64 lost;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct place_count);
} place_count SEC(".maps");

struct place_key {
	__u64 block;
	__u32 dev;		/* 0 in a mirror */
	__u32 zero;
};

/* Commands in flight */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct place_key);
	__type(value, struct place_extent);
} place_sent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} place_done SEC(".maps");

/* The next @nr blocks from @pos on that do not wrap */
static __always_inline __u64 place_fit(__u64 pos, __u64 size, __u32 nr)
{
	__u64 off = pos % size;

	return off + nr > size ? pos + size - off : pos;
}

/* The device that got least, and has room: its number, or -ENOSPC */
static __always_inline int place_alloc(struct place_state *s, __u32 nr, __u64 *at)
{
	__u32 nr_devs = place_mirror ? 1 : place_nr_devs;
	__u64 lowest = ~0ULL;
	int best = -ENOSPC;
	__u32 i;

	if (!place_rotate && s->extents >= place_max_extents)
		return -ENOSPC;
	for (i = 0; i < PLACE_DEVS && i < nr_devs; i++) {
		__u64 fit = place_fit(s->pos[i], place_blocks[i], nr);

		if (!place_rotate && fit + nr > place_blocks[i])
			continue;
		if (s->pos[i] >= lowest)
			continue;
		lowest = s->pos[i];
		*at = fit;
		best = i;
	}
	if (best < 0 || best >= PLACE_DEVS)
		return -ENOSPC;
	s->pos[best] = *at + nr;
	s->extents++;
	return best;
}

static __always_inline int place_write(struct io_unified_buf *buf,
				       struct io_unified_nvme *cmd)
{
	struct place_extent e = {};
	struct place_key key = {};
	struct place_state *s;
	__u32 zero = 0;
	int dev;

	s = bpf_map_lookup_elem(&place_state, &zero);
	if (!s)
		return -ENOMEM;
	e.stream = buf->user_data;
	e.vblock = cmd->slba;
	e.blocks = cmd->nr_blocks;
	e.bytes = buf->len;
	e.crc = bpf_io_unified_buf_crc32c(buf, 0);
	e.left = place_mirror ? place_nr_devs : 1;

	bpf_spin_lock(&s->lock);
	dev = place_alloc(s, e.blocks, &e.pos);
	bpf_spin_unlock(&s->lock);
	if (dev < 0 || dev >= PLACE_DEVS)
		return -ENOSPC;
	e.dev = dev;
	e.block = place_start[dev] + e.pos % place_blocks[dev];
	key.block = e.block;
	key.dev = e.dev;
	if (bpf_map_update_elem(&place_sent, &key, &e, BPF_ANY))
		return -ENOMEM;
	cmd->slba = e.block;
	cmd->dev = e.dev;
	return 0;
}

SEC("struct_ops/submit")
int BPF_PROG(place_submit, struct io_unified_ctx *region,
	     struct io_unified_buf *buf, struct io_unified_nvme *cmd)
{
	int ret = 0;

	/* what is sent again stays where it is */
	if (cmd->opcode != NVME_WRITE || cmd->attempt)
		return 0;
	if (place_log)
		ret = place_write(buf, cmd);
	if (place_mirror)
		cmd->mirror = (1U << place_nr_devs) - 1;
	if (place_durable)
		cmd->fua = 1;
	return ret;
}

static __always_inline void place_report(const struct place_extent *e)
{
	struct place_count *count;
	__u32 zero = 0;
	long ret;

	ret = bpf_ringbuf_output(&place_done, (void *)e, sizeof(*e), 0);
	count = bpf_map_lookup_elem(&place_count, &zero);
	if (count)
		__sync_fetch_and_add(ret ? &count->lost : &count->done, 1);
}

SEC("struct_ops/complete")
int BPF_PROG(place_complete, struct io_unified_ctx *region,
	     struct io_unified_buf *buf, int status)
{
	struct place_key key = {};
	struct place_extent *e;

	if (!place_log)
		return IO_UNIFIED_DONE;
	key.block = buf->slba;
	key.dev = place_mirror ? 0 : buf->dev;
	e = bpf_map_lookup_elem(&place_sent, &key);
	if (!e)
		return IO_UNIFIED_DONE;
	if (!status) {
		/* one device of a mirror is written after the other */
		if (--e->left)
			return IO_UNIFIED_DONE;
		place_report(e);
	}
	bpf_map_delete_elem(&place_sent, &key);
	return IO_UNIFIED_DONE;
}

UNIFIED_STAGE(place, .submit = (void *)place_submit,
	      .complete = (void *)place_complete);

char LICENSE[] SEC("license") = "GPL";
