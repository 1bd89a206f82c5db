// SPDX-License-Identifier: GPL-2.0
/* An index that may be anything */
/* msg: R0 unbounded memory access */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 *data = bpf_io_unified_buf_data(buf, 0, 8);

	return data && data[buf->len] ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
