// SPDX-License-Identifier: GPL-2.0
/*
 * tee: hand records to the application, too, while they go on.
 *
 * Of one record in N the application gets a clone, a reference to the same
 * memory, and the record itself goes to the next stage.  The application sees what
 * stages behind this one change in it.
 *
 * What it does well: nothing is copied.  What it does not do: wait; a clone for
 * which there is no memory is missing, and counted in tee_counts.  Until the
 * application gives its memory back, it is not the NIC's: it is for pipelines
 * that have an application which does.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

UNIFIED_OPTION("clone one record of so many")
const volatile __u32 one_in = 1;

UNIFIED_OPTION("of the CQEs of the clones")
const volatile __u64 user_data;

UNIFIED_VERDICTS(tee_verdicts);
UNIFIED_SAVE_EXIT(tee)

struct tee_count {
	__u64 passed;
	__u64 no_memory;	/* not cloned */
	__u64 refused;		/* cloned, but the application cannot have it */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tee_count);
} tee_counts SEC(".maps");

__u64 tee_seen;

static __always_inline void tee_clone(struct io_unified_buf *buf)
{
	struct io_unified_buf *clone;
	struct tee_count *c;
	__u32 key = 0;

	c = bpf_map_lookup_elem(&tee_counts, &key);
	if (!c)
		return;
	clone = bpf_io_unified_buf_clone(buf);
	if (!clone)
		c->no_memory++;
	else if (bpf_io_unified_buf_pass(clone, user_data))
		c->refused++;
	else
		c->passed++;
}

SEC("struct_ops/rx")
int BPF_PROG(tee_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	if (one_in <= 1 || __sync_fetch_and_add(&tee_seen, 1) % one_in == 0)
		tee_clone(buf);
	return unified_verdict(tee_verdicts, IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("hand records to the application, too")
UNIFIED_STAGE(tee, .rx = (void *)tee_rx, .exit = (void *)tee_exit_save);

char LICENSE[] SEC("license") = "GPL";
