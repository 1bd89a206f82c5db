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

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

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

/* Records and bytes by verdict, one entry a CPU: `bpftool map dump` names them */
struct unified_count {
	__u64 records;
	__u64 bytes;
};

struct unified_verdicts {
	struct unified_count next;
	struct unified_count drop;
	struct unified_count write;
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
