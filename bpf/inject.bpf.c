// SPDX-License-Identifier: GPL-2.0
/*
 * inject: make things fail, to see what happens then.
 *
 *	at	  action=fail			delay		corrupt
 *	rx, tx	  drop				-		change a byte
 *	submit	  the command fails with error	wait		change a byte
 *	complete  send the command again	-		change a byte
 *
 * One in one_in of them is hit, and no more than count.  A retry counts: with
 * one_in=1 a command is retried until count is used up.  To corrupt is to flip all
 * bits of the byte at offset, in the payload itself.
 *
 * What it does well: what it does can be repeated, it counts and throws no dice.
 * What it does not do: errors of the device; QEMU's blkdebug has these.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

/* without names: the skeleton cannot have those */
UNIFIED_OPTION("where")
const volatile enum { INJECT_RX, INJECT_TX, INJECT_SUBMIT, INJECT_COMPLETE } at;

UNIFIED_OPTION("what; delay is for submit only")
const volatile enum { INJECT_FAIL, INJECT_DELAY, INJECT_CORRUPT } action;

UNIFIED_OPTION("hit one of so many")
const volatile __u32 one_in = 1000;

UNIFIED_OPTION("hit that many at most, 0: without end")
const volatile __u64 count;

UNIFIED_OPTION("errno of a command that fails")
const volatile __u16 error = 5;

UNIFIED_OPTION("milliseconds that a command waits, 10000 at most")
const volatile __u32 delay_ms = 100;

UNIFIED_OPTION("the byte to corrupt, from the start of the payload")
const volatile __u32 offset;

UNIFIED_VERDICTS(inject_verdicts);
UNIFIED_SAVE_EXIT(inject)

__u64 inject_seen;
__u64 inject_hit;

SEC("struct_ops.s/init")
int BPF_PROG(inject_init, struct io_unified_ctx *region)
{
	if (action == INJECT_DELAY && at != INJECT_SUBMIT)
		return -22;	/* EINVAL */
	return !one_in || !error || error > 4095 ? -22 : 0;
}

static __always_inline bool inject_hits(__u32 where)
{
	if (at != where || !one_in)
		return false;
	if ((__sync_fetch_and_add(&inject_seen, 1) + 1) % one_in)
		return false;
	return __sync_fetch_and_add(&inject_hit, 1) < count || !count;
}

static __always_inline void inject_corrupt(struct io_unified_buf *buf)
{
	__u8 byte;

	if (bpf_io_unified_buf_load(buf, offset, &byte, 1))
		return;
	byte = ~byte;
	unified_overwrite(buf, offset, &byte, 1);
}

static __always_inline int inject_record(struct io_unified_buf *buf, __u32 where)
{
	int verdict = IO_UNIFIED_NEXT;

	if (inject_hits(where)) {
		if (action == INJECT_CORRUPT)
			inject_corrupt(buf);
		else
			verdict = IO_UNIFIED_DROP;
	}
	return unified_verdict(inject_verdicts, verdict, buf->len);
}

SEC("struct_ops/rx")
int BPF_PROG(inject_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return inject_record(buf, INJECT_RX);
}

SEC("struct_ops/tx")
int BPF_PROG(inject_tx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	return inject_record(buf, INJECT_TX);
}

SEC("struct_ops/submit")
int BPF_PROG(inject_submit, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     struct io_unified_nvme *cmd)
{
	if (!inject_hits(INJECT_SUBMIT))
		return 0;
	if (action == INJECT_FAIL)
		return -(int)error;
	if (action == INJECT_DELAY)
		cmd->delay_ms = delay_ms;
	else
		inject_corrupt(buf);
	return 0;
}

SEC("struct_ops/complete")
int BPF_PROG(inject_complete, struct io_unified_ctx *region, struct io_unified_buf *buf,
	     int status)
{
	if (!inject_hits(INJECT_COMPLETE))
		return IO_UNIFIED_DONE;
	if (action == INJECT_FAIL)
		return IO_UNIFIED_RETRY;
	inject_corrupt(buf);
	return IO_UNIFIED_DONE;
}

UNIFIED_ABOUT("make records or commands fail, wait or go bad, on purpose")
UNIFIED_STAGE(inject, .init = (void *)inject_init, .rx = (void *)inject_rx,
	      .tx = (void *)inject_tx, .submit = (void *)inject_submit,
	      .complete = (void *)inject_complete, .exit = (void *)inject_exit_save);

char LICENSE[] SEC("license") = "GPL";
