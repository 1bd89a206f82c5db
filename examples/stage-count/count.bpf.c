// SPDX-License-Identifier: GPL-2.0
/*
 * count: how many records begin with which byte.
 *
 * The map count_first has an entry for each byte that occurs.  After limit records
 * the stage ends by itself, and the pipeline goes on without it.
 *
 * What it does well: it looks at one byte, and drops nothing.  What it does not do:
 * tell streams apart; unified.bpf.h's bpf_io_unified_stream_storage() could.
 */
#include <sluice/vmlinux.h>
#include <sluice/unified.bpf.h>

UNIFIED_OPTION("end after so many records, 0: never")
const volatile __u64 limit;

UNIFIED_VERDICTS(count_verdicts);
UNIFIED_SAVE_EXIT(count)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u8);
	__type(value, __u64);
} count_first SEC(".maps");

__u64 count_seen;

static __always_inline void count_one(__u8 first)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&count_first, &first);

	/* another CPU may be about to add the same: then the first to come adds it */
	if (!n && bpf_map_update_elem(&count_first, &first, &one, BPF_NOEXIST))
		n = bpf_map_lookup_elem(&count_first, &first);
	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("struct_ops/rx")
int BPF_PROG(count_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 first;

	if (!bpf_io_unified_buf_load(buf, 0, &first, 1))
		count_one(first);
	if (__sync_fetch_and_add(&count_seen, 1) + 1 == limit)
		bpf_io_unified_exit(region, limit, "has counted enough");
	return unified_verdict(count_verdicts, IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("count records by their first byte")
UNIFIED_STAGE(count, .rx = (void *)count_rx, .exit = (void *)count_exit_save);

char LICENSE[] SEC("license") = "GPL";
