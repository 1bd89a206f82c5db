// SPDX-License-Identifier: GPL-2.0
/* A buffer that is handed on twice */
/* msg: release kfunc bpf_io_unified_buf_write expects referenced PTR_TO_BTF_ID */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_alloc(region, 4096);

	if (!own)
		return IO_UNIFIED_NEXT;
	if (bpf_io_unified_buf_write(own, 0, 0))
		bpf_io_unified_buf_write(own, 0, 8);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
