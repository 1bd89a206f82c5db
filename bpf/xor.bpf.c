// SPDX-License-Identifier: GPL-2.0
/*
 * xor: obscure payload by a key, and bring it back by the same key.
 *
 * Byte i of a record becomes itself XOR byte (i modulo 64 modulo length) of the
 * key: the key starts again every 64 bytes.  So what record has written comes
 * back right by serve, whatever the size of records and of reads is, as long as
 * it is a multiple of 64.
 *
 * What it does well: it works where payload lies, 64 bytes at a time; what is
 * across two pieces counts as copied.  What it does not do: keep a secret.  It is
 * no encryption.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define XOR_CHUNK	64

UNIFIED_OPTION("the key") UNIFIED_ONE_OF(key)
const volatile __u8 key[XOR_CHUNK];
const volatile __u32 key_len;

UNIFIED_VERDICTS(xor_verdicts);
UNIFIED_SAVE_EXIT(xor)

/* The @n bytes at @off, where they are not in one piece, or no whole chunk */
static __always_inline void xor_pieces(struct io_unified_buf *buf, __u32 off, __u32 n,
				       const __u8 *pad)
{
	__u8 tmp[XOR_CHUNK] = {};
	__u32 i;

	if (n > XOR_CHUNK)
		n = XOR_CHUNK;
	if (bpf_io_unified_buf_load(buf, off, tmp, n))
		return;
	for (i = 0; i < XOR_CHUNK; i++)
		tmp[i] ^= pad[i];
	bpf_io_unified_buf_store(buf, off, tmp, n);
}

static __always_inline void xor_payload(struct io_unified_buf *buf)
{
	__u8 pad[XOR_CHUNK] = {}, *data;
	__u32 chunk, i;

	if (!key_len || key_len > XOR_CHUNK)
		return;
	bpf_for(i, 0, XOR_CHUNK)
		pad[i] = key[i % key_len];
	bpf_for(chunk, 0, (buf->len + XOR_CHUNK - 1) / XOR_CHUNK) {
		__u32 off = chunk * XOR_CHUNK;

		data = bpf_io_unified_buf_data(buf, off, XOR_CHUNK);
		if (!data) {
			xor_pieces(buf, off, buf->len - off, pad);
			continue;
		}
		for (i = 0; i < XOR_CHUNK; i++)
			data[i] ^= pad[i];
	}
}

SEC("struct_ops/rx")
int BPF_PROG(xor_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	xor_payload(buf);
	return unified_verdict(xor_verdicts, IO_UNIFIED_NEXT, buf->len);
}

SEC("struct_ops/tx")
int BPF_PROG(xor_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	xor_payload(buf);
	return unified_verdict(xor_verdicts, IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("obscure payload by a key, and bring it back")
UNIFIED_STAGE(xor, .rx = (void *)xor_rx, .tx = (void *)xor_tx,
	      .exit = (void *)xor_exit_save);

char LICENSE[] SEC("license") = "GPL";
