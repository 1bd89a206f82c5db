// SPDX-License-Identifier: GPL-2.0
/* A completion has no application to hand anything to */
/* msg: calling kernel function bpf_io_unified_buf_pass is not allowed */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/complete")
int BPF_PROG(bad_complete, struct io_unified_ctx *region, struct io_unified_buf *buf, int status)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);

	if (own)
		bpf_io_unified_buf_pass(own, 0);
	return IO_UNIFIED_DONE;
}

UNIFIED_STAGE(bad, .complete = (void *)bad_complete);

char LICENSE[] SEC("license") = "GPL";
