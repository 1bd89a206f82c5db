// SPDX-License-Identifier: GPL-2.0
/*
 * op: a stage that does what the first byte of the data says, for op.c.
 *
 *	D drop		P pass		W write		S send		? no verdict
 *	C: or A: send a clone, or what it makes, to the socket of the next digit
 *	x (rx) or X (tx): turn the next four bytes to "DONE" and go on
 *	anything else: go on
 */
#include "vmlinux.h"
#include "unified.bpf.h"

static __always_inline void op_send(struct io_unified_buf *buf, __u32 sock)
{
	struct io_unified_buf *mine = bpf_io_unified_buf_clone(buf);

	if (mine)
		bpf_io_unified_buf_send(mine, sock);
}

static __always_inline void op_make(struct io_unified_ctx *region, __u32 sock)
{
	struct io_unified_buf *mine = bpf_io_unified_alloc(region, 4096);
	__u8 *data;

	if (!mine)
		return;
	data = bpf_io_unified_buf_data(mine, 0, 4);
	if (data)
		__builtin_memcpy(data, "MADE", 4);
	bpf_io_unified_buf_send(mine, sock);
}

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
	__u8 *data = bpf_io_unified_buf_data(buf, 0, 8);

	if (data && data[1] == ':' && data[0] == 'C')
		op_send(buf, data[2] - '0');
	else if (data && data[1] == ':' && data[0] == 'A')
		op_make(region, data[2] - '0');
	return op_answer(buf, 'x');
}

SEC("struct_ops/tx")
int BPF_PROG(op_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return op_answer(buf, 'X');
}

UNIFIED_STAGE(op, .rx = (void *)op_rx, .tx = (void *)op_tx);

char LICENSE[] SEC("license") = "GPL";
