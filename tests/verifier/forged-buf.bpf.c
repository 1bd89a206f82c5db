// SPDX-License-Identifier: GPL-2.0
/* A record is what the kernel gave, not what looks like one */
/* msg: R1 is fp expected STRUCT io_unified_buf */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf mine = { .len = 4096 };

	return !bpf_io_unified_buf_data(&mine, 0, 8);
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
