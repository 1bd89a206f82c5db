// SPDX-License-Identifier: GPL-2.0
/*
 * meter: histograms of record sizes, of the time between records, and of how long
 * NVMe takes.
 *
 * slots[i] counts values of 2^i to 2^(i+1) - 1; slot 0 has 0 as well, the last one
 * all that is more.  meter_sizes is in bytes, meter_gaps (between two records of
 * the same stream) and meter_latency (from ->submit() to ->complete()) are in
 * nanoseconds.
 *
 * What it does well: it looks at no payload, and each CPU counts for itself.  What
 * it does not do: time a command whose place a later stage changes; put it last.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define METER_SLOTS	40

UNIFIED_VERDICTS(meter_verdicts);
UNIFIED_SAVE_EXIT(meter)

struct meter_histogram {
	__u64 slots[METER_SLOTS];
};

struct meter_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct meter_histogram);
};

struct meter_map meter_sizes SEC(".maps");
struct meter_map meter_gaps SEC(".maps");
struct meter_map meter_latency SEC(".maps");

/* Commands under way, by where they go */
struct meter_place {
	__u64 slba;
	__u64 dev;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct meter_place);
	__type(value, __u64);		/* ns */
} meter_commands SEC(".maps");

static __always_inline void meter_add(struct meter_map *map, __u64 v)
{
	struct meter_histogram *h;
	__u32 key = 0, slot = 0, bit;

	for (bit = 32; bit; bit >>= 1)
		if (v >> bit) {
			v >>= bit;
			slot += bit;
		}
	if (slot >= METER_SLOTS)
		slot = METER_SLOTS - 1;
	h = bpf_map_lookup_elem(map, &key);
	if (h)
		h->slots[slot]++;
}

SEC("struct_ops/rx")
int BPF_PROG(meter_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u64 now = bpf_ktime_get_ns(), *before;

	meter_add(&meter_sizes, buf->len);
	before = (void *)bpf_io_unified_stream_storage(buf, sizeof(*before));
	if (before) {
		if (*before)
			meter_add(&meter_gaps, now - *before);
		*before = now;
	}
	return unified_verdict(meter_verdicts, IO_UNIFIED_NEXT, buf->len);
}

SEC("struct_ops/submit")
int BPF_PROG(meter_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	struct meter_place place = { .slba = cmd->slba, .dev = cmd->dev };
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&meter_commands, &place, &now, BPF_ANY);
	return 0;
}

SEC("struct_ops/complete")
int BPF_PROG(meter_complete, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     int status)
{
	struct meter_place place = { .slba = buf->slba, .dev = buf->dev };
	__u64 *start = bpf_map_lookup_elem(&meter_commands, &place);

	if (start) {
		meter_add(&meter_latency, bpf_ktime_get_ns() - *start);
		bpf_map_delete_elem(&meter_commands, &place);
	}
	return IO_UNIFIED_DONE;
}

UNIFIED_ABOUT("histograms of sizes, of pauses and of NVMe latency")
UNIFIED_STAGE(meter, .rx = (void *)meter_rx, .submit = (void *)meter_submit,
	      .complete = (void *)meter_complete, .exit = (void *)meter_exit_save);

char LICENSE[] SEC("license") = "GPL";
