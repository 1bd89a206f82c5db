// SPDX-License-Identifier: GPL-2.0
/* Nor how much it reads or writes */
/* msg: cannot write into ptr_io_unified_nvme at off=8 size=4 */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/submit")
int BPF_PROG(bad_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	cmd->nr_blocks = 1;
	return 0;
}

UNIFIED_STAGE(bad, .submit = (void *)bad_submit);

char LICENSE[] SEC("license") = "GPL";
