// SPDX-License-Identifier: GPL-2.0
/* A command remains what it is: only its place can be changed */
/* msg: cannot write into ptr_io_unified_nvme at off=12 size=2 */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/submit")
int BPF_PROG(bad_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	cmd->opcode = 1;
	return 0;
}

UNIFIED_STAGE(bad, .submit = (void *)bad_submit);

char LICENSE[] SEC("license") = "GPL";
