// SPDX-License-Identifier: GPL-2.0
/*
 * ratelimit: so many bytes a second of each stream, what is more is dropped.
 *
 * A token bucket a stream: it holds burst bytes, is full when the stream begins,
 * and fills by rate bytes a second.  A record that finds enough takes its length,
 * another is dropped and takes nothing.  A record longer than burst is always
 * dropped.
 *
 * What it does well: streams do not share a bucket, and it needs no map.  What it
 * does not do: slow the sender down, nor limit requests that are of no stream.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define NSEC_PER_SEC	1000000000ull

UNIFIED_OPTION("bytes a second") UNIFIED_ONE_OF(rate)
const volatile __u64 rate;

UNIFIED_OPTION("bytes at once, after a pause")
const volatile __u32 burst = 1 << 20;

UNIFIED_VERDICTS(ratelimit_verdicts);
UNIFIED_SAVE_EXIT(ratelimit)

/*
 * The bucket as a time: when it will be full again.  It is empty if that is
 * as long from now as it takes to fill.
 */
struct ratelimit {
	__u64 full;
};

/* How long it takes to fill by @bytes; below 2^64 for every __u32 */
static __always_inline __u64 ratelimit_time(__u32 bytes)
{
	return rate ? bytes * NSEC_PER_SEC / rate : 0;
}

static __always_inline bool ratelimit_takes(struct io_unified_buf *buf)
{
	__u64 now = bpf_ktime_get_ns(), full;
	struct ratelimit *r;

	r = (void *)bpf_io_unified_stream_storage(buf, sizeof(*r));
	if (!r)
		return true;
	full = r->full > now ? r->full : now;
	full += ratelimit_time(buf->len);
	if (full > now + ratelimit_time(burst))
		return false;
	r->full = full;
	return true;
}

SEC("struct_ops/rx")
int BPF_PROG(ratelimit_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	int verdict = ratelimit_takes(buf) ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;

	return unified_verdict(ratelimit_verdicts, verdict, buf->len);
}

UNIFIED_ABOUT("drop what is more than so many bytes a second of a stream")
UNIFIED_STAGE(ratelimit, .rx = (void *)ratelimit_rx,
	      .exit = (void *)ratelimit_exit_save);

char LICENSE[] SEC("license") = "GPL";
