// SPDX-License-Identifier: GPL-2.0
/* The region is not to be looked into */
/* msg: access beyond struct io_unified_ctx at off 8 size 4 */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return ((int *)region)[2];
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
