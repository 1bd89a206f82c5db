// SPDX-License-Identifier: GPL-2.0
/*
 * checksum: CRC32C of what passes by.
 *
 * For each stream, the map checksum_streams has the CRC32C of all records that
 * came to this stage, one after the other, and that of the last one: what
 * user space computes from a copy must be the same.  With verify, the last four
 * bytes of each record are the CRC32C of those before, little endian, and a record
 * for which that is wrong is dropped.
 *
 * What it does well: the kernel's CRC32C uses the CPU's instruction.  What it does
 * not do: protect from intent; a CRC is for accidents.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

/* What the CRC32C is of any data followed by its CRC32C */
#define CHECKSUM_RESIDUE	0x48674bc7

UNIFIED_OPTION("drop records whose last 4 bytes are not their CRC32C")
const volatile bool verify;

UNIFIED_VERDICTS(checksum_verdicts);
UNIFIED_SAVE_EXIT(checksum)

struct checksum_stream {
	__u64 records;
	__u64 bytes;
	__u64 bad;		/* records, with verify */
	__u32 crc;		/* of all, one after the other */
	__u32 last;		/* of the last record */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);		/* number of the stream */
	__type(value, struct checksum_stream);
} checksum_streams SEC(".maps");

static __always_inline struct checksum_stream *checksum_of(__u32 stream)
{
	struct checksum_stream first = {}, *s;

	s = bpf_map_lookup_elem(&checksum_streams, &stream);
	if (s)
		return s;
	bpf_map_update_elem(&checksum_streams, &stream, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&checksum_streams, &stream);
}

SEC("struct_ops/rx")
int BPF_PROG(checksum_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct checksum_stream *s = checksum_of(buf->stream);
	__u32 crc = bpf_io_unified_buf_crc32c(buf, 0);
	bool bad = verify && (buf->len < 4 || crc != CHECKSUM_RESIDUE);

	/* records of one stream come one at a time */
	if (s) {
		s->records++;
		s->bytes += buf->len;
		s->bad += bad;
		s->crc = bpf_io_unified_buf_crc32c(buf, s->crc);
		s->last = crc;
	}
	return unified_verdict(checksum_verdicts,
			       bad ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("CRC32C of each stream; verify that of each record")
UNIFIED_STAGE(checksum, .rx = (void *)checksum_rx,
	      .exit = (void *)checksum_exit_save);

char LICENSE[] SEC("license") = "GPL";
