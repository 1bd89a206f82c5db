// SPDX-License-Identifier: GPL-2.0
/* What the kernel says about a record is read-only */
/* msg: cannot write into ptr_io_unified_buf at off=24 size=4 */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	buf->len = 0;
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
