// SPDX-License-Identifier: GPL-2.0
/* options: a stage with options of every type, for options.sh */
#include "vmlinux.h"
#include "unified.bpf.h"

typedef __u32 my_number;

const volatile __u8 u_8 = 1;
const volatile __s8 s_8 = -1;
const volatile __u16 u_16 = 2;
const volatile __s16 s_16 = -2;
const volatile my_number u_32 = 3;
const volatile __s32 s_32 = -3;
const volatile __u64 u_64 = 4;
const volatile __s64 s_64 = -4;
const volatile bool flag;
const volatile char text[8] = "abc";
const volatile __u8 bytes[4];
const volatile __u32 bytes_len;
const volatile enum { COLOR_RED, COLOR_DARK_GREEN = 7, COLOR_BLUE = -1 } color;
UNIFIED_OPTION("how many") UNIFIED_ENTRIES(table)
const volatile __u32 entries = 5;
UNIFIED_ONE_OF(way)
const volatile __u32 left;
UNIFIED_ONE_OF(way)
const volatile __u32 right;

/* none of them */
const __u32 constant = 1;
const volatile void *pointer;
const volatile struct { int x; } structure;
__u32 variable;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

SEC("struct_ops/rx")
int BPF_PROG(options_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u32 key = u_8 + s_8 + u_16 + s_16 + u_32 + s_32 + u_64 + s_64 + flag + text[1] +
		bytes[1] + bytes_len + color + entries + left + right + constant +
		structure.x + !!pointer + variable;

	return bpf_map_lookup_elem(&table, &key) ? IO_UNIFIED_NEXT : IO_UNIFIED_DROP;
}

UNIFIED_STAGE(options, .rx = (void *)options_rx);

char LICENSE[] SEC("license") = "GPL";
