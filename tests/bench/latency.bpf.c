// SPDX-License-Identifier: GPL-2.0
/*
 * latency: how long things take, with the same probes for every contender.
 *
 *	syscall	   from the io_uring_enter() that submits to the return of the one that
 *		   has waited, by the program whose name is in the map; one command at a time
 *	interrupt  from the SSD's interrupt to that return
 *	record	   from the send() of a record to the end of the NVMe command that wrote it
 *
 * What is written is a stream: so many bytes of a command are so many records, the
 * oldest first.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define RECORD		4096
#define PENDING		8192	/* records between send() and the end of their command */
#define SHIFT		4	/* 16 buckets for each power of two */
#define BUCKETS		(64 << SHIFT)

#define NR_SENDTO	44
#define NR_ENTER	426

enum { LATENCY_SYSCALL, LATENCY_INTERRUPT, LATENCY_RECORD, LATENCIES };

struct request___part {
	unsigned int __data_len;
} __attribute__((preserve_access_index));

struct pt_regs___part {
	unsigned long si, dx;		/* the second and third argument */
} __attribute__((preserve_access_index));

struct irqaction___part {
	const char *name;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LATENCIES * BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PENDING);
	__type(key, __u32);
	__type(value, __u64);
} pending SEC(".maps");

struct state {
	char		comm[16];	/* the contender's, set from outside */
	__u64		submitted;	/* time of the last submission, 0: has been counted */
	__u64		interrupt;
	__u32		waits;		/* the system call that runs will wait */
	__u32		sent;		/* records, free-running */
	__u32		written;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} state SEC(".maps");

static __always_inline struct state *get_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&state, &zero);
}

static __always_inline __u32 log2_of(__u64 v)
{
	__u32 r = 0;

	for (__u32 bits = 32; bits; bits /= 2)
		if (v >> bits) {
			v >>= bits;
			r += bits;
		}
	return r;
}

static __always_inline void count(__u32 what, __u64 ns)
{
	__u32 exp = log2_of(ns), key = ns;
	__u64 *n;

	if (exp >= SHIFT)
		key = (exp << SHIFT) + ((ns >> (exp - SHIFT)) & ((1 << SHIFT) - 1));
	key += what * BUCKETS;
	n = bpf_map_lookup_elem(&buckets, &key);
	if (n)
		*n += 1;
}

static __always_inline bool is_contender(const struct state *s)
{
	char comm[16];

	if (bpf_get_current_comm(comm, sizeof(comm)))
		return false;
	for (int i = 0; i < 16; i++) {
		if (comm[i] != s->comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/* The one that sends records, one with each call */
static __always_inline bool is_sender(void)
{
	char comm[16];

	return !bpf_get_current_comm(comm, sizeof(comm)) && comm[0] == 's' &&
	       comm[1] == 'e' && comm[2] == 'n' && comm[3] == 'd' && !comm[4];
}

SEC("tp_btf/sys_enter")
int BPF_PROG(latency_enter, struct pt_regs___part *regs, long nr)
{
	struct state *s = get_state();
	__u64 now = bpf_ktime_get_ns();
	__u32 key;

	if (!s)
		return 0;
	if (nr == NR_SENDTO && is_sender()) {
		key = s->sent++ % PENDING;
		bpf_map_update_elem(&pending, &key, &now, BPF_ANY);
	} else if (nr == NR_ENTER && is_contender(s)) {
		if (regs->si)
			s->submitted = now;
		s->waits = regs->dx;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(latency_exit, struct pt_regs___part *regs, long ret)
{
	struct state *s = get_state();
	__u64 now = bpf_ktime_get_ns();

	if (!s || !s->waits || !is_contender(s))
		return 0;
	s->waits = 0;
	if (!s->submitted)
		return 0;
	count(LATENCY_SYSCALL, now - s->submitted);
	if (s->interrupt > s->submitted)
		count(LATENCY_INTERRUPT, now - s->interrupt);
	s->submitted = 0;
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(latency_irq, int irq, struct irqaction___part *action)
{
	struct state *s = get_state();
	char name[5];

	if (s && bpf_core_read_str(name, sizeof(name), action->name) > 0 &&
	    name[0] == 'n' && name[1] == 'v' && name[2] == 'm' && name[3] == 'e')
		s->interrupt = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/nvme_complete_rq")
int BPF_PROG(latency_written, struct request___part *req)
{
	__u64 now = bpf_ktime_get_ns(), *sent;
	struct state *s = get_state();
	__u32 nr, key, i;

	if (!s)
		return 0;
	nr = (req->__data_len + RECORD - 1) / RECORD;
	bpf_for(i, 0, nr) {
		if (s->written == s->sent)
			break;
		key = s->written++ % PENDING;
		sent = bpf_map_lookup_elem(&pending, &key);
		if (sent)
			count(LATENCY_RECORD, now - *sent);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
