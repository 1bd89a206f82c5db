// SPDX-License-Identifier: GPL-2.0
/*
 * sample: keep one record in N, drop the others.
 *
 * Either exactly every N-th of all records of the region, the first one included,
 * or with by-chance each with probability 1/N, independent of the others.
 *
 * What it does well: it looks at no payload.  What it does not do: choose all
 * records of what belongs together; a record is as good as another.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

UNIFIED_OPTION("keep one record of so many")
const volatile __u32 one_in = 100;

UNIFIED_OPTION("each with that probability, instead of every N-th")
const volatile bool by_chance;

UNIFIED_VERDICTS(sample_verdicts);
UNIFIED_SAVE_EXIT(sample)

__u64 sample_seen;

static __always_inline bool sample_keeps(void)
{
	if (one_in <= 1)
		return true;
	if (by_chance)
		return bpf_get_prandom_u32() <= 0xffffffff / one_in;
	return __sync_fetch_and_add(&sample_seen, 1) % one_in == 0;
}

SEC("struct_ops/rx")
int BPF_PROG(sample_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	int verdict = sample_keeps() ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;

	return unified_verdict(sample_verdicts, verdict, buf->len);
}

UNIFIED_ABOUT("keep one record in N, drop the others")
UNIFIED_STAGE(sample, .rx = (void *)sample_rx, .exit = (void *)sample_exit_save);

char LICENSE[] SEC("license") = "GPL";
