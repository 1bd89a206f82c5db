// SPDX-License-Identifier: GPL-2.0
/* A reason that is no constant */
/* msg: R3 doesn't point to a const string */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	char text[8] = "enough";

	text[0] += buf->len;
	bpf_io_unified_exit(region, 1, text);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
