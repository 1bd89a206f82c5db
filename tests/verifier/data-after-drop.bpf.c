// SPDX-License-Identifier: GPL-2.0
/* A look at the payload of a buffer that has been handed on */
/* msg: invalid mem access 'scalar' */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);
	__u8 *data;

	if (!own)
		return IO_UNIFIED_NEXT;
	data = bpf_io_unified_buf_data(own, 0, 8);
	bpf_io_unified_buf_drop(own);
	return data && data[0] ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
