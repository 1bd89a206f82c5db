// SPDX-License-Identifier: GPL-2.0
/* Memory that only a stream's records have */
/* msg: R0 invalid mem access 'mem_or_null' */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u64 *mine = (void *)bpf_io_unified_stream_storage(buf, 8);

	++*mine;
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
