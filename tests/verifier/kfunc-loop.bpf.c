// SPDX-License-Identifier: GPL-2.0
/* A function of another type of program */
/* msg: bpf_io_unified_get_region R1 expected pointer to STRUCT iou_ctx */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return !bpf_io_unified_get_region((struct iou_ctx *)region, 8);
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
