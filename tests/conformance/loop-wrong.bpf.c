// SPDX-License-Identifier: GPL-2.0
/* loop-wrong: loops of a ring that the verifier rejects, for loop-region.c */
#include "vmlinux.h"
#include "unified.bpf.h"

#define PAGE 4096

volatile __u32 any = 8;
__u8 *last;

SEC("struct_ops/loop_step")
int BPF_PROG(bounds_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	__u8 *region = bpf_io_unified_get_region(ring, PAGE);

	return region ? region[PAGE] : 1;
}

SEC("struct_ops/loop_step")
int BPF_PROG(offset_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	__u8 *region = bpf_io_unified_get_region(ring, PAGE);

	return region ? region[any] : 1;
}

SEC("struct_ops/loop_step")
int BPF_PROG(null_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	return *bpf_io_unified_get_region(ring, PAGE);
}

SEC("struct_ops/loop_step")
int BPF_PROG(size_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	__u8 *region = bpf_io_unified_get_region(ring, any);

	return region ? *region : 1;
}

/* for the next time */
SEC("struct_ops/loop_step")
int BPF_PROG(kept_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	if (last)
		return *last;
	last = bpf_io_unified_get_region(ring, PAGE);
	return 0;
}

SEC("struct_ops/loop_step")
int BPF_PROG(sleep_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	return bpf_io_unified_submit(ring, 8);
}

/* what only looks like a ring */
SEC("struct_ops/loop_step")
int BPF_PROG(forged_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	struct iou_ctx mine = { };

	return !bpf_io_unified_get_region(&mine, PAGE);
}

#define LOOP(what) SEC(".struct_ops.link") \
	struct io_uring_bpf_ops what = { .loop_step = (void *)what##_step }

LOOP(bounds);
LOOP(offset);
LOOP(null);
LOOP(size);
LOOP(kept);
LOOP(sleep);
LOOP(forged);

char LICENSE[] SEC("license") = "GPL";
