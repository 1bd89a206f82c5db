// SPDX-License-Identifier: GPL-2.0
/* A buffer that is returned where nothing is */
/* msg: Unreleased reference */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops.s/exit")
struct io_unified_buf *BPF_PROG(bad_exit, struct io_unified_ctx *region,
				struct io_unified_exit *info)
{
	return bpf_io_unified_alloc(region, 4096);
}

UNIFIED_STAGE(bad, .exit = (void *)bad_exit);

char LICENSE[] SEC("license") = "GPL";
