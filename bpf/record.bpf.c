// SPDX-License-Identifier: GPL-2.0
/*
 * record: the pipeline from the network to storage, behind all of its stages.
 *
 * What the stages before it leave is written, by itself: nobody has to be asked
 * for that.  It keeps the books on the commands that do it, how large they were
 * and how they ended.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define RECORD_SLOTS	20

/* One entry a CPU; size_log2[i] counts commands of 2^i to 2^(i+1) - 1 bytes */
struct record_commands {
	__u64 done;
	__u64 failed;
	__u64 bytes;
	__u64 last_error;	/* status of the last that failed */
	__u64 size_log2[RECORD_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record_commands);
} record_commands SEC(".maps");

static __always_inline __u32 log2_slot(__u32 v)
{
	__u32 slot = 0;

	while (v > 1 && slot < RECORD_SLOTS - 1) {
		v >>= 1;
		slot++;
	}
	return slot;
}

SEC("struct_ops/complete")
int BPF_PROG(record_complete, struct io_unified_ctx *region,
	     struct io_unified_buf *buf, int status)
{
	struct record_commands *c;
	__u32 key = 0, slot;

	c = bpf_map_lookup_elem(&record_commands, &key);
	if (!c)
		return IO_UNIFIED_DONE;
	if (status) {
		c->failed++;
		c->last_error = status;
		return IO_UNIFIED_DONE;
	}
	c->done++;
	c->bytes += buf->len;
	slot = log2_slot(buf->len);
	if (slot < RECORD_SLOTS)
		c->size_log2[slot]++;
	return IO_UNIFIED_DONE;
}

UNIFIED_STAGE(record, .complete = (void *)record_complete);

char LICENSE[] SEC("license") = "GPL";
