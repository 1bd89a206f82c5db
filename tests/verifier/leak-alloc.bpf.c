// SPDX-License-Identifier: GPL-2.0
/* A buffer that is made and forgotten */
/* msg: Unreleased reference */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);

	return own ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
