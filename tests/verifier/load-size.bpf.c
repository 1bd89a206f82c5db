// SPDX-License-Identifier: GPL-2.0
/* As much as the record has, into memory that is less */
/* msg: R3 and R4 memory, len pair leads to invalid memory access */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	char text[8];

	bpf_io_unified_buf_load(buf, 0, text, buf->len);
	return text[0] ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
