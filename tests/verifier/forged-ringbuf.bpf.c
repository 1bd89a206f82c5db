// SPDX-License-Identifier: GPL-2.0
/* Nor that of a ring buffer */
/* msg: R1 is ringbuf_mem expected STRUCT io_unified_buf */
#include "vmlinux.h"
#include "unified.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *mine = bpf_ringbuf_reserve(&events, sizeof(*mine), 0);

	if (!mine)
		return IO_UNIFIED_NEXT;
	bpf_io_unified_buf_crc32c(mine, 0);
	bpf_ringbuf_discard(mine, 0);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
