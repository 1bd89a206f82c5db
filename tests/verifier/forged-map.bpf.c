// SPDX-License-Identifier: GPL-2.0
/* Nor is it the memory of a map */
/* msg: R1 is map_value expected STRUCT io_unified_buf */
#include "vmlinux.h"
#include "unified.bpf.h"

struct io_unified_buf mine;

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u64 word;

	return bpf_io_unified_buf_load(&mine, 0, &word, sizeof(word));
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
