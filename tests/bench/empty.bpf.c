// SPDX-License-Identifier: GPL-2.0
/*
 * empty: take every record as it is.
 *
 * What it is for: what does one more stage cost?
 */
#include "vmlinux.h"
#include "unified.bpf.h"

UNIFIED_SAVE_EXIT(empty)

SEC("struct_ops/rx")
int BPF_PROG(empty_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return IO_UNIFIED_NEXT;
}

UNIFIED_ABOUT("take every record as it is")
UNIFIED_STAGE(empty, .rx = (void *)empty_rx, .exit = (void *)empty_exit_save);

char LICENSE[] SEC("license") = "GPL";
