// SPDX-License-Identifier: GPL-2.0
/* Only init and exit may sleep */
/* msg: attach to unsupported member rx of struct io_unified_ops */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops.s/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
