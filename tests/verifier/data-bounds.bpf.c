// SPDX-License-Identifier: GPL-2.0
/* One byte more than was asked for */
/* msg: R0 min value is outside of the allowed memory range */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 *data = bpf_io_unified_buf_data(buf, 0, 8);

	return data && data[8] ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
