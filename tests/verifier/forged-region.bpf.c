// SPDX-License-Identifier: GPL-2.0
/* The same is true of the region */
/* msg: R1 is fp expected STRUCT io_unified_ctx */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u64 words[32] = { };
	struct io_unified_buf *mine;

	mine = bpf_io_unified_alloc((struct io_unified_ctx *)words, 4096);
	if (mine)
		bpf_io_unified_buf_drop(mine);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
