// SPDX-License-Identifier: GPL-2.0
/* The record is the kernel's: a verdict drops it */
/* msg: release kfunc bpf_io_unified_buf_drop expects referenced PTR_TO_BTF_ID */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	bpf_io_unified_buf_drop(buf);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
