// SPDX-License-Identifier: GPL-2.0
/* A look at a buffer that has been handed on */
/* msg: invalid mem access 'scalar' */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);

	if (!own)
		return IO_UNIFIED_NEXT;
	bpf_io_unified_buf_write(own, 0, 0);
	return own->len == 4096 ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
