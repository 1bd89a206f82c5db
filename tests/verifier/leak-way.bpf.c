// SPDX-License-Identifier: GPL-2.0
/* A buffer that is handed on, but not on every way */
/* msg: Unreleased reference */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);

	if (!own)
		return IO_UNIFIED_NEXT;
	if (buf->len < 4096)
		return IO_UNIFIED_DROP;
	bpf_io_unified_buf_write(own, 0, 0);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
