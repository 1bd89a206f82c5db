// SPDX-License-Identifier: GPL-2.0
/*
 * op: a stage that does what the first byte of the data says, for op.c.
 *
 *	D drop		P pass		W write		S send		? no verdict
 *	x (rx) or X (tx): turn the next four bytes to "DONE" and go on
 *	anything else: go on
 */
#include "vmlinux.h"
#include "unified.bpf.h"

static __always_inline int op_answer(struct io_unified_buf *buf, char transform)
{
	__u8 *data = bpf_io_unified_buf_data(buf, 0, 8);

	if (!data)
		return IO_UNIFIED_NEXT;
	switch (data[0]) {
	case 'D':
		return IO_UNIFIED_DROP;
	case 'P':
		return IO_UNIFIED_PASS;
	case 'W':
		return IO_UNIFIED_WRITE;
	case 'S':
		return IO_UNIFIED_SEND;
	case '?':
		return 77;
	}
	if (data[0] == transform) {
		data[1] = 'D';
		data[2] = 'O';
		data[3] = 'N';
		data[4] = 'E';
	}
	return IO_UNIFIED_NEXT;
}

SEC("struct_ops/rx")
int BPF_PROG(op_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return op_answer(buf, 'x');
}

SEC("struct_ops/tx")
int BPF_PROG(op_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return op_answer(buf, 'X');
}

UNIFIED_STAGE(op, .rx = (void *)op_rx, .tx = (void *)op_tx);

char LICENSE[] SEC("license") = "GPL";
