/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel types that sluice's BPF programs use, kept by hand.  CO-RE finds
 * the members in the running kernel, so only those that are used have to be
 * here, in any order; a test compares them with the patched kernel's BTF.
 *
 * Use your own full vmlinux.h instead if you need more than this.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef unsigned long size_t;
#ifdef __bpf__
typedef _Bool bool;

enum { false = 0, true = 1 };
#else
#include <stdbool.h>
#endif

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum xdp_action {
	XDP_ABORTED = 0,
	XDP_DROP = 1,
	XDP_PASS = 2,
	XDP_TX = 3,
	XDP_REDIRECT = 4,
};

/* of bpf_for() */
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

/* not where a test compiles a stage natively */
#ifdef __bpf__
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

/* unified regions: include/linux/io_uring/unified_bpf.h has the words */
struct io_unified_region;

struct io_unified_ctx {
	void *priv;
};

struct io_unified_buf {
	u64 user_data;
	u64 stream_off;
	u64 slba;
	u32 len;
	u32 nr_frags;
	u32 stream;
	u32 dev;
	void *priv;
};

struct io_unified_nvme {
	u64 slba;
	u32 nr_blocks;
	u16 opcode;
	u16 attempt;
	u32 dev;
	u32 mirror;
	u32 delay_ms;
	u32 fua;
};

struct io_unified_exit {
	u32 kind;
	s64 code;
	char reason[128];
};

struct io_unified_ops {
	int (*init)(struct io_unified_ctx *ctx);
	void (*exit)(struct io_unified_ctx *ctx, struct io_unified_exit *info);
	int (*rx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);
	int (*tx)(struct io_unified_ctx *ctx, struct io_unified_buf *buf);
	int (*submit)(struct io_unified_ctx *ctx, struct io_unified_buf *buf,
		      struct io_unified_nvme *cmd);
	int (*complete)(struct io_unified_ctx *ctx, struct io_unified_buf *buf,
			int status);
	u32 ring_fd;
	s32 prio;
	u32 flags;
	char name[16];
};

struct io_unified_count {
	__u64 bufs;
	__u64 bytes;
};

struct io_unified_stats {
	struct io_unified_count rx;
	struct io_unified_count dropped;
	struct io_unified_count written;
	struct io_unified_count passed;
	struct io_unified_count sent;
	struct io_unified_count failed;
	struct io_unified_count in_flight;
	__u64 copied_bytes;
	__u64 padded_bytes;
	__u64 nvme_cmds;
	__u64 nvme_errors;
	__u64 rx_stalls;
	__u64 cq_overflows;
	__u64 sq_invalid;
	__u64 stage_errors;
	struct io_unified_count made;
};

struct iou_ctx {
	void *priv;
};

struct iou_loop_params {
	__u32 cq_wait_idx;
};

struct io_uring_bpf_ops {
	int (*loop_step)(struct iou_ctx *ctx, struct iou_loop_params *lp);
	__u32 ring_fd;
	void *priv;
};

enum io_unified_verdict {
	IO_UNIFIED_NEXT = 0,
	IO_UNIFIED_DROP = 1,
	IO_UNIFIED_WRITE = 2,
	IO_UNIFIED_PASS = 3,
	IO_UNIFIED_SEND = 4,
};

enum io_unified_done {
	IO_UNIFIED_DONE = 0,
	IO_UNIFIED_NOTIFY = 1,
	IO_UNIFIED_RETRY = 2,
	IO_UNIFIED_SKIP = 3,
};

enum io_unified_exit_kind {
	IO_UNIFIED_EXIT_DETACHED = 0,
	IO_UNIFIED_EXIT_REPLACED = 1,
	IO_UNIFIED_EXIT_REGION = 2,
	IO_UNIFIED_EXIT_STAGE = 3,
	IO_UNIFIED_EXIT_ERROR = 4,
};

enum io_unified_ops_flags {
	IO_UNIFIED_OPS_REQUIRED = 1,
};

struct bpf_spin_lock {
	__u32 val;
};

struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

struct ethhdr {
	unsigned char h_dest[6];
	unsigned char h_source[6];
	__be16 h_proto;
} __attribute__((packed));

struct iphdr {
	__u8 ihl : 4;
	__u8 version : 4;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__be32 saddr;
	__be32 daddr;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct ipv6hdr {
	__u8 priority : 4;
	__u8 version : 4;
	__u8 flow_lbl[3];
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	struct in6_addr saddr;
	struct in6_addr daddr;
};

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
