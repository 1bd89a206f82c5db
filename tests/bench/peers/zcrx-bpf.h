/* SPDX-License-Identifier: GPL-2.0 */
/* zcrx-bpf.h: what the two halves of zcrx-bpf say to each other */
#ifndef SLUICE_BENCH_ZCRX_BPF_H
#define SLUICE_BENCH_ZCRX_BPF_H

#include "gather.h"

/* why the loop has stopped */
enum bpf_stop {
	STOP_NOT,
	STOP_SLOW,		/* a fragment that user space has to look at */
	STOP_FULL,		/* so is the refill ring */
	STOP_END,		/* of the stream */
	STOP_DONE,		/* so is everything */
	STOP_RECV_ERROR,
	STOP_NVME_ERROR,
	STOP_SUBMIT_ERROR,
};

#define RECV_DATA	0xffffffffffffffffULL	/* user_data */

/* constants of the program; sizes and offsets are in bytes */
struct bpf_config {
	__u32	mem_size, cq_size, sq_size;	/* of the regions */
	__u32	area_size;
	__u32	state;				/* struct bpf_state in the MEM region */
	__u32	rq_head, rq_tail, rq_entries;	/* the refill ring in it */
	__u32	rq_mask;
	__u32	cqes, cq_head, cq_tail, cq_mask; /* in the CQ region */
	__u32	sq_tail, sq_mask;		/* in the CQ region, too; of the SQ */
	__u32	niovs, align, block, max_bytes, max_segs, record, drop_len, depth, budget;
	__u32	op_plain, op_vec;		/* NVME_URING_CMD_... */
	__u64	token;				/* for entries of the refill ring */
	__u64	base;				/* address of the MEM region in user space */
	__u64	recv[16], write[16];		/* SQEs, but for what differs */
};

struct bpf_state {
	struct gather g;
	__u32	rq_next;			/* entry of the refill ring */
	__u32	left;				/* of the budget */
	__u32	armed, ended;
	__u32	stop;				/* enum bpf_stop */
	__u32	frag_page;			/* that STOP_SLOW is about */
	__s32	error;
	__u32	stops;				/* which are system calls */
};

#endif
