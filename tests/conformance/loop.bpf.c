// SPDX-License-Identifier: GPL-2.0
/* loop: a ring's loop that does nothing but drain the region's SQ, for rings.c */
#include "vmlinux.h"
#include "unified.bpf.h"

enum { LOOP_CONTINUE, LOOP_STOP };

/* rings.c has the same as struct loop_bss */
struct {
	volatile __u32 stop, once;	/* set by user space */
	__u64 submitted;
	__s32 error;
	__u32 running;
} shared;

SEC("struct_ops.s/loop_step")
int BPF_PROG(loop_step, struct iou_ctx *ring, struct iou_loop_params *lp)
{
	int nr;

	shared.running = 1;
	if (shared.stop)
		return LOOP_STOP;
	nr = bpf_io_unified_submit(ring, 8);
	if (nr > 0)
		shared.submitted += nr;
	else if (nr < 0)
		shared.error = nr;
	return shared.once ? LOOP_STOP : LOOP_CONTINUE;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops loop = {
	.loop_step = (void *)loop_step,
};

char LICENSE[] SEC("license") = "GPL";
