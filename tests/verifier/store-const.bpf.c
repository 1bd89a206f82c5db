// SPDX-License-Identifier: GPL-2.0
/* Payload from a constant, of which it may be only read */
/* msg: R3 and R4 memory, len pair leads to invalid memory access */
#include "vmlinux.h"
#include "unified.bpf.h"

const volatile char word[4] = "abc";

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	bpf_io_unified_buf_store(buf, 0, (const void *)word, sizeof(word));
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
