// SPDX-License-Identifier: GPL-2.0
/*
 * filter: decide about a record by bytes at a place in it.
 *
 * With drop, a record that has the bytes there is dropped and the next stage is
 * asked about all others; with keep it is the other way round.  A record too
 * short to have them has them not.
 *
 * What it does well: one look at a few bytes, wherever the NIC put them.  What
 * it does not do: search; the place is the same in all records.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define FILTER_MAX	64

/* set by the loader before the load */
const volatile __u32 match_off;
const volatile __u32 match_len = 1;
const volatile __u8 match[FILTER_MAX];
const volatile bool keep;

UNIFIED_VERDICTS(filter_verdicts);

static __always_inline bool filter_matches(struct io_unified_buf *buf)
{
	__u8 tmp[FILTER_MAX] = {};
	const __u8 *bytes = unified_slice(buf, match_off, tmp, match_len);
	__u32 i;

	if (!bytes)
		return false;
	for (i = 0; i < FILTER_MAX && i < match_len; i++)
		if (bytes[i] != match[i])
			return false;
	return true;
}

SEC("struct_ops/rx")
int BPF_PROG(filter_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	int verdict = filter_matches(buf) == keep ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;

	return unified_verdict(filter_verdicts, verdict, buf->len);
}

UNIFIED_STAGE(filter, .rx = (void *)filter_rx);

char LICENSE[] SEC("license") = "GPL";
