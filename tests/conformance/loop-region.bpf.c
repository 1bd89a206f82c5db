// SPDX-License-Identifier: GPL-2.0
/*
 * loop-region: a ring's loop that does without user space: it makes the SQEs,
 * submits them and consumes the CQEs, for loop-region.c.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

enum { LOOP_CONTINUE, LOOP_STOP };

/* These of linux/io_uring/unified.h, which cannot be included next to vmlinux.h */
struct ring {
	__u32 producer, consumer, cached_producer, cached_consumer, flags, entries;
	__u64 mask, size;
};

struct sqe {
	__u8 opcode, flags;
	__u16 rsvd1;
	__u32 nsid, cdw2, cdw3;
	__u64 metadata, addr;
	__u32 metadata_len, data_len, cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
	__u32 timeout_ms, rsvd2;
	__u64 buf_offset, user_data, rest[5];
};

struct cqe {
	__u64 user_data;
	__s32 result;
	__u32 status;
	__u64 dma_addr;
	__u32 len, flags;
	__u64 rest[4];
};

/* loop-region.c has the same: where what is in the region */
const volatile struct {
	__u64 size, sq, cq, sqes, cqes, data;
} layout;

enum { NR = 8, LBA = 512, FIRST_LBA = 64, MASK = 63 };

/* and this: what has come of it */
struct {
	__u32 phase, found, larger, submitted, done, bad, differ;
	__s32 status, result;
} seen;

static __always_inline void queue(__u8 *region, __u8 opcode, __u32 i, __u64 off)
{
	volatile struct ring *sq = (void *)(region + layout.sq);
	__u32 tail = sq->producer;
	struct sqe *sqe = (void *)(region + layout.sqes + (tail & MASK) * sizeof(*sqe));

	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->nsid = 1;
	sqe->data_len = LBA;
	sqe->cdw10 = FIRST_LBA + i;
	sqe->buf_offset = off;
	sqe->user_data = 4711 + i;
	/* the entry before the index */
	barrier();
	sq->producer = tail + 1;
}

/* What has ended is consumed; true: as many as were submitted */
static __always_inline bool all_done(__u8 *region, __u32 nr)
{
	volatile struct ring *cq = (void *)(region + layout.cq);
	__u32 i, head;
	struct cqe *cqe;

	bpf_for(i, 0, NR) {
		head = cq->consumer;
		if (cq->producer == head)
			break;
		barrier();
		cqe = (void *)(region + layout.cqes + (head & MASK) * sizeof(*cqe));
		seen.status = cqe->status;
		seen.result = cqe->result;
		seen.bad += cqe->status || cqe->len != LBA ||
			    cqe->user_data - 4711 >= NR;
		seen.done++;
		barrier();
		cq->consumer = head + 1;
	}
	return seen.done == nr;
}

SEC("struct_ops.s/loop_step")
int BPF_PROG(alone_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	__u8 *region = bpf_io_unified_get_region(ring, layout.size);
	__u64 *data;
	__u32 i;
	int nr;

	if (!region)
		return LOOP_STOP;
	seen.found = 1;
	if (bpf_io_unified_get_region(ring, layout.size + 1))
		seen.larger = 1;
	data = (void *)(region + layout.data);
	switch (seen.phase) {
	case 0:
		bpf_for(i, 0, NR * LBA / 8)
			data[i & 511] = 0x5bd1e995ull * (i + 1);
		bpf_for(i, 0, NR)
			queue(region, 1, i, i * LBA);
		break;
	case 1:
		if (!all_done(region, NR))
			return LOOP_CONTINUE;
		bpf_for(i, 0, NR)
			queue(region, 2, i, NR * LBA + i * LBA);
		break;
	case 2:
		if (!all_done(region, 2 * NR))
			return LOOP_CONTINUE;
		bpf_for(i, 0, NR * LBA / 8)
			seen.differ += data[i & 511] != data[512 + (i & 511)];
		/* is refused: nobody has so much data */
		queue(region, 2, 0, 1ull << 40);
		break;
	case 3:
		return all_done(region, 2 * NR + 1) ? LOOP_STOP : LOOP_CONTINUE;
	}
	seen.phase++;
	nr = bpf_io_unified_submit(ring, NR);
	if (nr > 0)
		seen.submitted += nr;
	return LOOP_CONTINUE;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops alone = {
	.loop_step = (void *)alone_step,
};

char LICENSE[] SEC("license") = "GPL";
