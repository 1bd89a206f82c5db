// SPDX-License-Identifier: GPL-2.0
/* A program that has another one run in its place, as if that were the stage */
/* msg: program of this type cannot use helper bpf_tail_call */
#include "vmlinux.h"
#include "unified.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	bpf_tail_call(ctx, &programs, 0);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
