// SPDX-License-Identifier: GPL-2.0
/*
 * filter: decide about a record by bytes in it.
 *
 * With drop-prefix, a record that has the bytes is dropped and the next stage is
 * asked about all others; with keep-prefix it is the other way round.  The bytes
 * are looked for at one place, offset, or with search at so many places from
 * there on.  A record too short to have them has them not.
 *
 * What it does well: one look at a few bytes, wherever the NIC put them.  What it
 * does not do fast: search, which takes time for each byte that it looks at.
 * Neither does it see bytes of which a part is in the next record.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

UNIFIED_OPTION("drop records that have these bytes") UNIFIED_ONE_OF(pattern)
const volatile __u8 drop_prefix[UNIFIED_PATTERN];
const volatile __u32 drop_prefix_len;

UNIFIED_OPTION("keep only records that have these bytes") UNIFIED_ONE_OF(pattern)
const volatile __u8 keep_prefix[UNIFIED_PATTERN];
const volatile __u32 keep_prefix_len;

UNIFIED_OPTION("where they are, bytes from the start of the record")
const volatile __u16 offset;

UNIFIED_OPTION("look at so many places from there on")
const volatile __u32 search = 1;

UNIFIED_VERDICTS(filter_verdicts);
UNIFIED_SAVE_EXIT(filter)

static __always_inline bool filter_at(struct io_unified_buf *buf,
				      const volatile __u8 *pattern, const __u32 len)
{
	__u8 tmp[UNIFIED_PATTERN] = {};
	const __u8 *bytes = unified_slice(buf, offset, tmp, len);
	__u32 i;

	if (!bytes)
		return false;
	for (i = 0; i < UNIFIED_PATTERN && i < len; i++)
		if (bytes[i] != pattern[i])
			return false;
	return true;
}

static __always_inline bool filter_has(struct io_unified_buf *buf,
				       const volatile __u8 *pattern, const __u32 len)
{
	if (search > 1)
		return unified_find(buf, offset, offset + search, pattern, len) >= 0;
	return filter_at(buf, pattern, len);
}

static __always_inline int filter_decide(struct io_unified_buf *buf)
{
	bool drop;

	if (keep_prefix_len)
		drop = !filter_has(buf, keep_prefix, keep_prefix_len);
	else
		drop = drop_prefix_len &&
		       filter_has(buf, drop_prefix, drop_prefix_len);
	return unified_verdict(filter_verdicts, drop ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT,
			       buf->len);
}

SEC("struct_ops/rx")
int BPF_PROG(filter_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return filter_decide(buf);
}

/* What was read from storage is filtered as what was received */
SEC("struct_ops/tx")
int BPF_PROG(filter_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return filter_decide(buf);
}

UNIFIED_ABOUT("drop or keep records that have certain bytes")
UNIFIED_STAGE(filter, .rx = (void *)filter_rx, .tx = (void *)filter_tx,
	      .exit = (void *)filter_exit_save);

char LICENSE[] SEC("license") = "GPL";
