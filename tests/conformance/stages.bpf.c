// SPDX-License-Identifier: GPL-2.0
/*
 * stages: what stages.c and stages-ends.c want of them, through the variables below.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

/* what the program is to do; written by the test at any time */
int init_ret;
int submit_ret;
bool submit_set;		/* the rest of these is valid */
__u64 submit_slba;
__u32 submit_dev, submit_mirror, submit_delay, submit_fua;
int reroute_dev = -1;		/* of what is retried */
int complete_ret;		/* for what has failed */
__u32 max_retries = 10;		/* how often complete_ret asks for one, about */
__u64 made_slba;
__u32 made_len = 4096;
int rx_ret;
bool exit_writes;		/* a buffer of its own, to made_slba */
bool hunts;			/* for device 1, at each completion, and goes on */
bool clones;			/* of each command that is submitted, to socket 0 */
bool init_waits;		/* that of the slow one, until this is false */

/* what it has seen */
__u32 inits, second_inits, submits, completes, fails, retries, made_ends;
__u32 last_dev, last_stream, last_attempt, last_opcode, last_blocks;
__u64 last_slba, last_tag;
__u64 ctx_priv = 1, buf_priv = 1;
__u8 last_data[8];
__u32 crc, stored, storage_null, storage_large;
int kfunc_ret;
__u32 exit_made, hunted, caught;
__u32 cloned, clone_len, in_init;
int store_last, store_behind;	/* to the payload of the last clone */
/* what the first two stages have of a stream, and the bytes that they counted there */
__u64 storage_at[2], storage_sum[2];
struct io_unified_stats stats;
struct { struct io_unified_stats all; __u8 more; } more_stats;

UNIFIED_EXIT(st_exit);
UNIFIED_EXIT(second_exit);

SEC("struct_ops.s/init")
int BPF_PROG(st_init, struct io_unified_ctx *region)
{
	inits++;
	return init_ret;
}

SEC("struct_ops.s/exit")
void BPF_PROG(st_exit_fn, struct io_unified_ctx *region, struct io_unified_exit *info)
{
	struct io_unified_buf *mine;

	unified_save_exit(st_exit, info);
	if (!exit_writes)
		return;
	mine = bpf_io_unified_alloc(region, made_len);
	if (!mine)
		return;
	exit_made++;
	bpf_io_unified_buf_write(mine, 0, made_slba);
}

static __always_inline void hand_on(struct io_unified_ctx *region,
				    struct io_unified_buf *buf, char what)
{
	struct io_unified_buf *mine;
	__u8 *data;

	if (what == 'P' || what == 'W' || what == 'X' || what == 'Q')
		mine = bpf_io_unified_buf_clone(buf);
	else
		mine = bpf_io_unified_alloc(region, made_len);
	if (!mine) {
		kfunc_ret = 1;
		return;
	}
	switch (what) {
	case 'P':
		kfunc_ret = bpf_io_unified_buf_pass(mine, 4711);
		return;
	case 'W':
		kfunc_ret = bpf_io_unified_buf_write(mine, 0, made_slba);
		return;
	case 'Q':	/* a clone cannot be read into */
		kfunc_ret = bpf_io_unified_buf_read(mine, 0, made_slba);
		return;
	case 'A':
		data = bpf_io_unified_buf_data(mine, 0, 8);
		if (data)
			__builtin_memcpy(data, "MADE ...", 8);
		kfunc_ret = bpf_io_unified_buf_write(mine, 0, made_slba);
		return;
	case 'R':
		kfunc_ret = bpf_io_unified_buf_read(mine, 0, made_slba);
		return;
	case 'p':	/* what was made is not in the data area */
		kfunc_ret = bpf_io_unified_buf_pass(mine, 4711);
		return;
	case 'w':	/* no such device */
		kfunc_ret = bpf_io_unified_buf_write(mine, 15, made_slba);
		return;
	}
	bpf_io_unified_buf_drop(mine);
}

static __always_inline void count_bytes(struct io_unified_buf *buf, __u32 nr)
{
	__u64 *sum = (__u64 *)bpf_io_unified_stream_storage(buf, 64);

	if (!sum)
		return;
	storage_at[nr] = (__u64)sum;
	/* the last of it: at its beginning there is a count already */
	__sync_fetch_and_add(&sum[7], buf->len);
	storage_sum[nr] = sum[7];
}

SEC("struct_ops/rx")
int BPF_PROG(st_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 *count = bpf_io_unified_stream_storage(buf, 64);
	char word[] = "stored", first = 0;

	if (count)
		stored = ++*(__u32 *)count;
	else
		storage_null++;
	if (bpf_io_unified_stream_storage(buf, 65))
		storage_large++;
	count_bytes(buf, 0);
	last_stream = buf->stream;
	ctx_priv = (__u64)region->priv;
	buf_priv = (__u64)buf->priv;
	bpf_io_unified_buf_load(buf, 0, &first, 1);
	if (first == '#') {
		crc = bpf_io_unified_buf_crc32c(buf, 0);
	} else if (first == '=') {
		/* across the border of two pages */
		kfunc_ret = bpf_io_unified_buf_store(buf, 4094, word, 6);
	} else if (first == '-') {
		kfunc_ret = bpf_io_unified_buf_store(buf, buf->len - 2, word, 6);
	} else if (first == 'T') {
		/* more than there is */
		kfunc_ret = bpf_io_unified_get_stats(region, &more_stats, sizeof(more_stats));
	} else if (first == 'S') {
		kfunc_ret = bpf_io_unified_get_stats(region, &stats, sizeof(stats));
	} else if (first == 'E') {
		bpf_io_unified_exit(region, 42, "had enough");
	} else if (first >= 'A' && first <= 'z') {
		hand_on(region, buf, first);
	}
	return rx_ret;
}

/* A command may end with padding, which is not the stages' to see, change or send */
static __always_inline void send_clone(struct io_unified_buf *buf)
{
	struct io_unified_buf *mine = bpf_io_unified_buf_clone(buf);
	/* padding is zero, and stays that also where it could be written to */
	char last = 0, zero = 0;

	if (!mine)
		return;
	cloned++;
	clone_len = mine->len;
	bpf_io_unified_buf_load(mine, clone_len - 1, &last, 1);
	store_last = bpf_io_unified_buf_store(mine, clone_len - 1, &last, 1);
	store_behind = bpf_io_unified_buf_store(mine, clone_len, &zero, 1);
	bpf_io_unified_buf_send(mine, 0);
}

SEC("struct_ops/submit")
int BPF_PROG(st_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	submits++;
	if (clones)
		send_clone(buf);
	last_slba = cmd->slba;
	last_dev = cmd->dev;
	last_attempt = cmd->attempt;
	last_opcode = cmd->opcode;
	last_blocks = cmd->nr_blocks;
	if (submit_set) {
		cmd->slba = submit_slba;
		cmd->dev = submit_dev;
		cmd->mirror = submit_mirror;
		cmd->delay_ms = submit_delay;
		cmd->fua = submit_fua;
	}
	if (cmd->attempt && reroute_dev >= 0)
		cmd->dev = reroute_dev;
	return submit_ret;
}

static __always_inline void hunt(struct io_unified_ctx *region, __u32 dev)
{
	struct io_unified_buf *mine = bpf_io_unified_alloc(region, 512);

	if (mine && !bpf_io_unified_buf_write(mine, dev, made_slba) && dev)
		caught++;
}

SEC("struct_ops/complete")
int BPF_PROG(st_complete, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     int status)
{
	completes++;
	if (!buf->stream && !buf->user_data) {
		bpf_io_unified_buf_load(buf, 0, last_data, sizeof(last_data));
		made_ends++;
	}
	last_tag = buf->user_data;
	if (hunts) {
		hunted++;
		hunt(region, 1);
		hunt(region, 0);
	}
	if (!status)
		return IO_UNIFIED_DONE;
	fails++;
	if (complete_ret == IO_UNIFIED_RETRY && retries++ > max_retries)
		return IO_UNIFIED_DONE;
	return complete_ret;
}

UNIFIED_STAGE(st, .init = (void *)st_init, .exit = (void *)st_exit_fn,
	      .rx = (void *)st_rx, .submit = (void *)st_submit,
	      .complete = (void *)st_complete);

/* The one that takes its place */
SEC("struct_ops/init")
int BPF_PROG(second_init, struct io_unified_ctx *region)
{
	second_inits++;
	return init_ret;
}

SEC("struct_ops/exit")
void BPF_PROG(second_exit_fn, struct io_unified_ctx *region,
	      struct io_unified_exit *info)
{
	unified_save_exit(second_exit, info);
}

SEC("struct_ops/rx")
int BPF_PROG(second_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	__u8 *count = bpf_io_unified_stream_storage(buf, 64);

	if (count)
		stored = *(__u32 *)count += 1000;
	count_bytes(buf, 1);
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(second, .init = (void *)second_init, .exit = (void *)second_exit_fn,
	      .rx = (void *)second_rx);

/* Does nothing, and is attached as often as there is room */
SEC("struct_ops/rx")
int BPF_PROG(idle_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return IO_UNIFIED_NEXT;
}

UNIFIED_STAGE(idle, .rx = (void *)idle_rx);

/* The one that takes its time to begin; until then no stage comes or goes */
static long waits_no_more(__u32 i, void *end)
{
	return !init_waits || bpf_ktime_get_ns() > *(__u64 *)end;
}

/* One loop has no more than 1 << 23 rounds, which may be over in a second */
static long wait_on(__u32 i, void *end)
{
	bpf_loop(1 << 20, waits_no_more, end, 0);
	return waits_no_more(i, end);
}

SEC("struct_ops.s/init")
int BPF_PROG(slow_init, struct io_unified_ctx *region)
{
	__u64 end = bpf_ktime_get_ns() + 60000000000ULL;

	in_init = 1;
	bpf_loop(1 << 20, wait_on, &end, 0);
	in_init = 0;
	return 0;
}

UNIFIED_STAGE(slow, .init = (void *)slow_init);

char LICENSE[] SEC("license") = "GPL";
