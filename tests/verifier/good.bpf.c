// SPDX-License-Identifier: GPL-2.0
/* No mistake: a buffer that is handed on in each of the ways there are */
/* msg: - */
#include "vmlinux.h"
#include "unified.bpf.h"

SEC("struct_ops/rx")
int BPF_PROG(bad_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct io_unified_buf *own = bpf_io_unified_buf_clone(buf);
	__u8 *data;

	if (!own)
		return IO_UNIFIED_NEXT;
	switch (own->len) {
	case 1:
		bpf_io_unified_buf_pass(own, 0);
		return IO_UNIFIED_NEXT;
	case 2:
		bpf_io_unified_buf_write(own, 0, 0);
		return IO_UNIFIED_NEXT;
	case 3:
		bpf_io_unified_buf_read(own, 0, 0);
		return IO_UNIFIED_NEXT;
	}
	data = bpf_io_unified_buf_data(own, 0, 8);
	if (data)
		data[7] = own->stream;
	bpf_io_unified_buf_drop(own);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(bad, .rx = (void *)bad_rx);

char LICENSE[] SEC("license") = "GPL";
