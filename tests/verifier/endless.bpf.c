// SPDX-License-Identifier: GPL-2.0
/* A loop of which nobody knows that it ends */
/* msg: infinite loop detected */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	volatile __u32 i = 0;

	while (i < buf->len)
		i += buf->stream;
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
