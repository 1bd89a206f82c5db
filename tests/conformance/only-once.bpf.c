// SPDX-License-Identifier: GPL-2.0
/* only-once: a stage that takes one region, whoever loads it, and refuses the next */
#include "vmlinux.h"
#include "unified.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);	/* one for all that load it */
	__type(key, __u32);
	__type(value, __u32);
} only_once SEC(".maps");

SEC("struct_ops.s/init")
int BPF_PROG(once_init, struct io_unified_ctx *region)
{
	__u32 key = 0, *nr = bpf_map_lookup_elem(&only_once, &key);

	return nr && !__sync_fetch_and_add(nr, 1) ? 0 : -22;	/* EINVAL */
}

UNIFIED_STAGE(once, .init = (void *)once_init);

char LICENSE[] SEC("license") = "GPL";
