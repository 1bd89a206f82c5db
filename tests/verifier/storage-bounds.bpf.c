// SPDX-License-Identifier: GPL-2.0
/* One byte more of the stream's memory */
/* msg: R0 min value is outside of the allowed memory range */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 *mine = bpf_io_unified_stream_storage(buf, 8);

	if (mine)
		mine[8] = 1;
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
