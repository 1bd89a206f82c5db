// SPDX-License-Identifier: GPL-2.0
/* A function that sleeps, where nothing may */
/* msg: program must be sleepable to call sleepable kfunc */
#include "vmlinux.h"
#include "unified.bpf.h"

extern int bpf_copy_from_user_str(void *dst, __u32 dst__sz, const void *from,
				  __u64 flags) __ksym;

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	char text[8];

	bpf_copy_from_user_str(text, sizeof(text), (void *)0, 0);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
