/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unified.bpf.h: what a stage of a unified region can use.
 *
 * A stage is a BPF program that decides about data on its way between a NIC
 * queue, NVMe and the application.  It includes vmlinux.h and this header:
 *
 *	#include "vmlinux.h"
 *	#include "unified.bpf.h"
 *
 *	SEC("struct_ops/rx")
 *	int BPF_PROG(my_rx, struct io_unified_ctx *region,
 *		     struct io_unified_buf *buf)
 *	{
 *		return buf->len < 64 ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT;
 *	}
 *
 *	UNIFIED_STAGE(my, .rx = (void *)my_rx);
 *
 * The kernel's include/linux/io_uring/unified_bpf.h says when each member of
 * struct io_unified_ops is called and what it may answer.
 */
#ifndef __UNIFIED_BPF_H
#define __UNIFIED_BPF_H

/* sluice/stage-test.h stands in for these where a stage is compiled natively */
#ifndef UNIFIED_STAGE_TEST
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#endif

#ifndef __VMLINUX_H__
#error "include a vmlinux.h of Linux 7.3 with unified regions before unified.bpf.h"
#endif

/**
 * bpf_io_unified_buf_data() - payload where it lies in the region
 * @buf: the record (->rx, ->tx) or the command (->complete)
 * @off: first byte wanted, from the start of the payload
 * @rdwr_buf_size: bytes wanted; the verifier must know it as a constant: a
 *	literal, or a const volatile that the loader sets before the load
 *
 * Context: any stage.  What is written there is what goes to the device.
 * Return: a pointer to that many bytes, valid until the program returns; NULL
 *	if the payload ends before, or the bytes are not in one piece
 */
extern __u8 *bpf_io_unified_buf_data(struct io_unified_buf *buf, __u32 off,
				     const size_t rdwr_buf_size) __ksym;

/**
 * bpf_io_unified_buf_load() - look at payload, however many pieces it is in
 * @buf: the record or the command
 * @off: first byte wanted
 * @dst: memory of the program's own
 * @dst__sz: bytes wanted
 *
 * Context: any stage.
 * Return: 0, or -EINVAL if the payload ends before
 */
extern int bpf_io_unified_buf_load(struct io_unified_buf *buf, __u32 off,
				   void *dst, __u32 dst__sz) __ksym;

/**
 * bpf_io_unified_buf_store() - change payload, however many pieces it is in
 * @buf: the record or the command
 * @off: first byte to change
 * @src: memory of the program's own: not a constant, of which the verifier wants
 *	that nobody could write to it
 * @src__sz: bytes to change
 *
 * Context: any stage.
 * Return: 0, or -EINVAL if the payload ends before; nothing is changed then
 */
extern int bpf_io_unified_buf_store(struct io_unified_buf *buf, __u32 off,
				    const void *src, __u32 src__sz) __ksym __weak;

/**
 * bpf_io_unified_buf_crc32c() - CRC32C over all of the payload
 * @buf: the record or the command
 * @crc: what to start with, 0, or the result for what comes before
 *
 * As RFC 3720 and iSCSI have it: of "123456789" it is 0xe3069283.
 *
 * Context: any stage.
 * Return: the checksum
 */
extern __u32 bpf_io_unified_buf_crc32c(struct io_unified_buf *buf,
				       __u32 crc) __ksym __weak;

/*
 * Buffers of a stage's own.  A program that has one must hand it on by exactly
 * one of write, read, pass, send and drop on every way through it; the verifier
 * rejects one that forgets, does it twice, or looks at the buffer afterwards.
 * Also where they answer with an error, the buffer is gone: it counts as failed.
 */

/**
 * bpf_io_unified_alloc() - a new buffer
 * @region: the region
 * @len: bytes, 1 to 65536; they are zero
 *
 * Counted as made; its memory is not part of the region.
 *
 * Context: any stage.
 * Return: the buffer, which the program has to hand on; NULL: no memory
 */
extern struct io_unified_buf *
bpf_io_unified_alloc(struct io_unified_ctx *region, __u32 len) __ksym __weak;

/**
 * bpf_io_unified_buf_clone() - one more reference to a record's payload
 * @buf: the record
 *
 * Both are the same memory: what is changed in one, is in the other.  Counted as
 * made.  So a stage can send a record to two places.
 *
 * Context: ->rx(), ->tx(), ->submit().
 * Return: the clone, which the program has to hand on; NULL: no memory
 */
extern struct io_unified_buf *
bpf_io_unified_buf_clone(struct io_unified_buf *buf) __ksym __weak;

/**
 * bpf_io_unified_buf_write() - hand a buffer to NVMe
 * @buf: a buffer of the program's own, whole blocks
 * @dev: the device
 * @slba: the first logical block
 *
 * A command of its own, in no order with those of the stream.  Its end is seen by
 * ->complete(), with stream 0.
 *
 * Context: any stage.
 * Return: 0, -EINVAL (no whole blocks, or beyond the end), -ENODEV
 */
extern int bpf_io_unified_buf_write(struct io_unified_buf *buf, __u32 dev,
				    __u64 slba) __ksym __weak;

/**
 * bpf_io_unified_buf_read() - fill a buffer from NVMe
 * @buf: a buffer of the program's own, from bpf_io_unified_alloc(), whole blocks
 * @dev: the device
 * @slba: the first logical block
 *
 * ->complete() sees the data, with stream 0; then the buffer is freed.
 *
 * Context: any stage.
 * Return: 0, -EINVAL (a clone, no whole blocks, or beyond the end), -ENODEV
 */
extern int bpf_io_unified_buf_read(struct io_unified_buf *buf, __u32 dev,
				   __u64 slba) __ksym __weak;

/**
 * bpf_io_unified_buf_pass() - hand a buffer to the application
 * @buf: a buffer of the program's own, from bpf_io_unified_buf_clone()
 * @user_data: of its CQEs
 *
 * Context: ->rx().
 * Return: 0, -EOPNOTSUPP (its memory is not part of the region)
 */
extern int bpf_io_unified_buf_pass(struct io_unified_buf *buf,
				   __u64 user_data) __ksym __weak;

/**
 * bpf_io_unified_buf_send() - hand a buffer to a socket
 * @buf: a buffer of the program's own
 * @sock: its number, which IORING_REGISTER_UNIFIED_SOCK returned
 *
 * By zero copy, in order after all that the socket has been given before.
 *
 * Context: any stage.
 * Return: 0, -ENOTCONN (there is no such socket)
 */
extern int bpf_io_unified_buf_send(struct io_unified_buf *buf,
				   __u32 sock) __ksym __weak;

/**
 * bpf_io_unified_buf_drop() - let go of a buffer
 * @buf: a buffer of the program's own
 *
 * Context: any stage.
 */
extern void bpf_io_unified_buf_drop(struct io_unified_buf *buf) __ksym __weak;

/**
 * bpf_io_unified_stream_storage() - memory that this stage has for this stream
 * @buf: a record or command of the stream
 * @rdwr_buf_size: bytes wanted, a constant, 64 at most
 *
 * Zero when the stream begins.  It goes with the stream, and with the stage; one
 * that replaces another finds what that has left.
 *
 * Context: any stage; ->complete() may run at the same time as ->rx().
 * Return: the memory; NULL: @buf is of no stream or a buffer of the program's own, or
 *	more is wanted
 */
extern __u8 *bpf_io_unified_stream_storage(struct io_unified_buf *buf,
					   const size_t rdwr_buf_size) __ksym __weak;

/**
 * bpf_io_unified_get_stats() - what the region has moved
 * @region: the region
 * @stats: struct io_unified_stats, or its beginning
 * @stats__sz: bytes wanted
 *
 * Context: any stage.
 * Return: 0, -EINVAL: there is less
 */
extern int bpf_io_unified_get_stats(struct io_unified_ctx *region, void *stats,
				    __u32 stats__sz) __ksym __weak;

/**
 * bpf_io_unified_exit() - this stage is not to be asked any more
 * @region: the region
 * @code: a number for ->exit()
 * @reason__str: why, in words, a constant string
 *
 * The verdict of the function that called it still counts, but for a record of a
 * stage with IO_UNIFIED_OPS_REQUIRED: its stream has ended with -ECANCELED.
 *
 * Context: ->rx(), ->tx(), ->submit(), ->complete().
 */
extern void bpf_io_unified_exit(struct io_unified_ctx *region, __s64 code,
				const char *reason__str) __ksym __weak;

/**
 * bpf_io_unified_submit() - submit what the region's SQ holds
 * @ctx: the ring whose loop the program is, struct io_uring_bpf_ops
 * @nr: entries at most
 *
 * Context: ->loop_step() only; may sleep.
 * Return: entries submitted, or -ENXIO if the ring has no region
 */
extern int bpf_io_unified_submit(struct iou_ctx *ctx, __u32 nr) __ksym __weak;

/**
 * bpf_io_unified_get_region() - the region from its start on, rings and all
 * @ctx: the ring whose loop the program is
 * @rdwr_buf_size: bytes wanted, a constant as for bpf_io_unified_buf_data()
 *
 * A program may produce SQEs and consume CQEs there as user space does.
 *
 * Context: ->loop_step() only.
 * Return: a pointer to that many bytes, valid until the program returns; NULL
 *	if the region is smaller, or the ring has none
 */
extern __u8 *bpf_io_unified_get_region(struct iou_ctx *ctx,
				       const size_t rdwr_buf_size) __ksym __weak;

/**
 * unified_slice() - payload in one piece, copied only if it is in several
 * @buf: the record or the command
 * @off: first byte wanted
 * @tmp: @size bytes of the program's own, used if it has to be copied
 * @size: bytes wanted, a constant as for bpf_io_unified_buf_data()
 *
 * For looking only: what is written there need not reach the payload.
 *
 * Context: any stage.
 * Return: a pointer to @size bytes, NULL if the payload ends before
 */
static __always_inline const __u8 *unified_slice(struct io_unified_buf *buf,
						 __u32 off, void *tmp,
						 const __u32 size)
{
	const __u8 *data = bpf_io_unified_buf_data(buf, off, size);

	if (data)
		return data;
	return bpf_io_unified_buf_load(buf, off, tmp, size) ? NULL : tmp;
}

/**
 * unified_overwrite() - change payload, in place if it is in one piece
 * @buf: the record or the command
 * @off: first byte to change
 * @src: @size bytes of the program's own
 * @size: bytes to change, a constant as for bpf_io_unified_buf_data()
 *
 * Context: any stage.
 * Return: 0, or -EINVAL if the payload ends before; nothing is changed then
 */
static __always_inline int unified_overwrite(struct io_unified_buf *buf, __u32 off,
					     const __u8 *src, const __u32 size)
{
	__u8 *data = bpf_io_unified_buf_data(buf, off, size);
	__u32 i;

	if (!data)
		return bpf_io_unified_buf_store(buf, off, src, size);
	bpf_for(i, 0, size)
		data[i] = src[i];
	return 0;
}

/* The longest pattern that unified_find() takes */
#define UNIFIED_PATTERN	64
/* How many places it looks at for each time it loads payload */
#define UNIFIED_WINDOW	128

/**
 * unified_find() - where bytes are in the payload
 * @buf: the record or the command
 * @from: the first place to look at
 * @to: the place to stop before
 * @pattern: what to look for, UNIFIED_PATTERN bytes of which @len count
 * @len: its length, 1 to UNIFIED_PATTERN, a constant as for
 *	bpf_io_unified_buf_data()
 *
 * Finds it also across pieces.  It takes time for each byte that it looks at, and
 * 200 bytes of the stack.
 *
 * Context: any stage.
 * Return: the first place, or -1
 */
static __always_inline __s64 unified_find(struct io_unified_buf *buf, __u32 from,
					  __u32 to, const volatile __u8 *pattern,
					  const __u32 len)
{
	__u8 window[UNIFIED_WINDOW + UNIFIED_PATTERN] = {};
	__u32 chunk, base, n, i, j;
	bool found;

	if (!len || len > UNIFIED_PATTERN || len > buf->len)
		return -1;
	if (to > buf->len - len + 1)
		to = buf->len - len + 1;
	if (from >= to)
		return -1;
	bpf_for(chunk, 0, (to - from + UNIFIED_WINDOW - 1) / UNIFIED_WINDOW) {
		base = from + chunk * UNIFIED_WINDOW;
		n = buf->len - base;
		if (n > UNIFIED_WINDOW + len - 1)
			n = UNIFIED_WINDOW + len - 1;
		if (bpf_io_unified_buf_load(buf, base, window, n))
			return -1;
		bpf_for(i, 0, UNIFIED_WINDOW) {
			if (base + i >= to)
				return -1;
			if (window[i] != pattern[0])
				continue;
			found = true;
			bpf_for(j, 1, len) {
				if (window[i + j] != pattern[j]) {
					found = false;
					break;
				}
			}
			if (found)
				return base + i;
		}
	}
	return -1;
}

/*
 * UNIFIED_STAGE(name, members): the struct_ops map of a stage.  The loader sets
 * ring_fd and prio before the load; name is what it and bpftool show.
 */
#define UNIFIED_STAGE(stage, ...)					\
	SEC(".struct_ops.link")						\
	struct io_unified_ops stage = {					\
		.name = #stage,						\
		__VA_ARGS__						\
	}

/*
 * What users can set is a variable that is const volatile: `sluice record --stage
 * NAME:limit=5` sets "const volatile __u32 limit" before the load.  It may be an
 * integer, a bool, an enum, or an array of bytes; next to "key" there may be a
 * __u32 "key_len", which gets the number of bytes.  Where a name has '_', users
 * may write '-'.
 *
 *	UNIFIED_ABOUT(text)		in front of UNIFIED_STAGE(): what the stage
 *					does, for `sluice stage list`
 *	UNIFIED_OPTION(text)		in front of a variable: what it means, for
 *					`sluice stage help`
 *	UNIFIED_ONE_OF(group)		in front of variables, one of which has to be
 *					set
 *	UNIFIED_ENTRIES(map)		in front of a variable that says how many
 *					entries a map has
 */
#ifndef UNIFIED_TAG
#define UNIFIED_TAG(text)	__attribute__((btf_decl_tag(text)))
#endif
#define UNIFIED_ABOUT(text)	UNIFIED_TAG("about: " text)
#define UNIFIED_OPTION(text)	UNIFIED_TAG("option: " text)
#define UNIFIED_ONE_OF(group)	UNIFIED_TAG("one of: " #group)
#define UNIFIED_ENTRIES(map)	UNIFIED_TAG("entries: " #map)

/* How the stage ended, for user space: `bpftool map dump` shows it */
struct unified_exit_info {
	__u32 ended;			/* the rest is valid */
	__u32 kind;			/* enum io_unified_exit_kind */
	__s64 code;
	char reason[128];
};

/* UNIFIED_EXIT(map): declares a map for that */
#define UNIFIED_EXIT(map)						\
	struct {							\
		__uint(type, BPF_MAP_TYPE_ARRAY);			\
		__uint(max_entries, 1);					\
		__type(key, __u32);					\
		__type(value, struct unified_exit_info);		\
	} map SEC(".maps")

/* Keep @exit, of ->exit(), there */
#define unified_save_exit(map, exit)					\
	({								\
		struct unified_exit_info *__i;				\
		__u32 __key = 0;					\
									\
		__i = bpf_map_lookup_elem(&map, &__key);		\
		if (__i) {						\
			__i->kind = (exit)->kind;			\
			__i->code = (exit)->code;			\
			bpf_probe_read_kernel_str(__i->reason,		\
						  sizeof(__i->reason),	\
						  (exit)->reason);	\
			__i->ended = 1;					\
		}							\
	})

/*
 * UNIFIED_SAVE_EXIT(name): a map name_exit, and the function name_exit_save that
 * keeps there how the stage ended; it becomes one by
 *
 *	.exit = (void *)name_exit_save
 */
#define UNIFIED_SAVE_EXIT(stage)					\
	UNIFIED_EXIT(stage##_exit);					\
									\
	SEC("struct_ops/exit")						\
	void BPF_PROG(stage##_exit_save, struct io_unified_ctx *region,	\
		      struct io_unified_exit *info)			\
	{								\
		unified_save_exit(stage##_exit, info);			\
	}

/* Records and bytes by verdict, one entry a CPU: `bpftool map dump` names them */
struct unified_count {
	__u64 records;
	__u64 bytes;
};

struct unified_verdicts {
	struct unified_count next;
	struct unified_count drop;
	struct unified_count write;
	struct unified_count pass;
	struct unified_count send;
	struct unified_count other;
};

static __always_inline int unified_count_verdict(struct unified_verdicts *v,
						 int verdict, __u32 bytes)
{
	struct unified_count *c;

	if (!v)
		return verdict;
	switch (verdict) {
	case IO_UNIFIED_NEXT:
		c = &v->next;
		break;
	case IO_UNIFIED_DROP:
		c = &v->drop;
		break;
	case IO_UNIFIED_WRITE:
		c = &v->write;
		break;
	case IO_UNIFIED_PASS:
		c = &v->pass;
		break;
	case IO_UNIFIED_SEND:
		c = &v->send;
		break;
	default:
		c = &v->other;
	}
	c->records++;
	c->bytes += bytes;
	return verdict;
}

/* UNIFIED_VERDICTS(map): declares such a map */
#define UNIFIED_VERDICTS(map)						\
	struct {							\
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);		\
		__uint(max_entries, 1);					\
		__type(key, __u32);					\
		__type(value, struct unified_verdicts);			\
	} map SEC(".maps")

/* Count a verdict in it and return it */
#define unified_verdict(map, verdict, bytes)				\
	({								\
		__u32 __key = 0;					\
		unified_count_verdict(bpf_map_lookup_elem(&map, &__key),	\
				      verdict, bytes);			\
	})

#endif /* __UNIFIED_BPF_H */
