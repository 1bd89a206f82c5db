// SPDX-License-Identifier: GPL-2.0
/* A map as stages have it for latencies, with something in front of the slots */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct latency {
	__u64 sum;
	__u64 slots[32];
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct latency);
} test_latency SEC(".maps");

SEC("socket")
int latency_test(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&test_latency, &key) ? 1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
