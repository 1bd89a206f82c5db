/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM io_unified

#if !defined(_TRACE_IO_UNIFIED_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_IO_UNIFIED_H

#include <linux/io_uring/unified_bpf.h>
#include <linux/tracepoint.h>

/**
 * io_unified_register - a region has been registered
 * @ctx:	the ring
 * @sq_entries:	of the SQ
 * @cq_entries:	of the CQ
 * @data_size:	of the data area, bytes
 * @nr_bufs:	that the NIC has of it
 * @nr_devs:	NVMe namespaces
 */
TRACE_EVENT(io_unified_register,

	TP_PROTO(void *ctx, u32 sq_entries, u32 cq_entries, u64 data_size,
		 u32 nr_bufs, u32 nr_devs),

	TP_ARGS(ctx, sq_entries, cq_entries, data_size, nr_bufs, nr_devs),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	data_size)
		__field(u32,	sq_entries)
		__field(u32,	cq_entries)
		__field(u32,	nr_bufs)
		__field(u32,	nr_devs)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->data_size	= data_size;
		__entry->sq_entries	= sq_entries;
		__entry->cq_entries	= cq_entries;
		__entry->nr_bufs	= nr_bufs;
		__entry->nr_devs	= nr_devs;
	),

	TP_printk("ring %p, sq %u, cq %u, data %llu, nic bufs %u, devs %u",
		  __entry->ctx, __entry->sq_entries, __entry->cq_entries,
		  __entry->data_size, __entry->nr_bufs, __entry->nr_devs)
);

/**
 * io_unified_unregister - a region goes, at the request of the user
 * @ctx:	the ring
 * @stats:	what it did
 */
TRACE_EVENT(io_unified_unregister,

	TP_PROTO(void *ctx, const struct io_unified_stats *stats),

	TP_ARGS(ctx, stats),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	rx_bytes)
		__field(u64,	written_bytes)
		__field(u64,	copied_bytes)
		__field(u64,	nvme_cmds)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->rx_bytes	= stats->rx.bytes;
		__entry->written_bytes	= stats->written.bytes;
		__entry->copied_bytes	= stats->copied_bytes;
		__entry->nvme_cmds	= stats->nvme_cmds;
	),

	TP_printk("ring %p, rx %llu, written %llu, copied %llu, commands %llu",
		  __entry->ctx, __entry->rx_bytes, __entry->written_bytes,
		  __entry->copied_bytes, __entry->nvme_cmds)
);

/**
 * io_unified_submit - a command goes to the NVMe driver
 * @ctx:	the ring
 * @cmd:	the command
 * @user_data:	of the SQE, or of the request
 */
TRACE_EVENT(io_unified_submit,

	TP_PROTO(void *ctx, const struct nvme_uring_cmd *cmd, u64 user_data),

	TP_ARGS(ctx, cmd, user_data),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	user_data)
		__field(u64,	lba)
		__field(u32,	nsid)
		__field(u32,	len)
		__field(u8,	opcode)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->user_data	= user_data;
		__entry->lba		= cmd->cdw10 | (u64)cmd->cdw11 << 32;
		__entry->nsid		= cmd->nsid;
		__entry->len		= cmd->data_len;
		__entry->opcode		= cmd->opcode;
	),

	TP_printk("ring %p, user_data 0x%llx, opcode 0x%02x, nsid %u, cdw10-11 0x%llx, len %u",
		  __entry->ctx, __entry->user_data, __entry->opcode,
		  __entry->nsid, __entry->lba, __entry->len)
);

/**
 * io_unified_complete - a CQE has been posted
 * @ctx:	the ring
 * @cqe:	the CQE, memory of the kernel
 */
TRACE_EVENT(io_unified_complete,

	TP_PROTO(void *ctx, const struct io_unified_cqe *cqe),

	TP_ARGS(ctx, cqe),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	user_data)
		__field(u64,	dma_addr)
		__field(s32,	result)
		__field(u32,	status)
		__field(u32,	len)
		__field(u32,	flags)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->user_data	= cqe->user_data;
		__entry->dma_addr	= cqe->dma_addr;
		__entry->result		= cqe->result;
		__entry->status		= cqe->status;
		__entry->len		= cqe->len;
		__entry->flags		= cqe->flags;
	),

	TP_printk("ring %p, user_data 0x%llx, status 0x%x, result %d, off %llu, len %u, flags 0x%x",
		  __entry->ctx, __entry->user_data, __entry->status,
		  __entry->result, __entry->dma_addr, __entry->len,
		  __entry->flags)
);

/**
 * io_unified_rx - a record is complete, and decided about
 * @ctx:	the ring
 * @buf:	the record
 * @verdict:	of the stages, enum io_unified_verdict
 */
TRACE_EVENT(io_unified_rx,

	TP_PROTO(void *ctx, const struct io_unified_buf *buf, int verdict),

	TP_ARGS(ctx, buf, verdict),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	user_data)
		__field(u64,	stream_off)
		__field(u32,	len)
		__field(u32,	nr_frags)
		__field(int,	verdict)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->user_data	= buf->user_data;
		__entry->stream_off	= buf->stream_off;
		__entry->len		= buf->len;
		__entry->nr_frags	= buf->nr_frags;
		__entry->verdict	= verdict;
	),

	TP_printk("ring %p, user_data 0x%llx, off %llu, len %u, pieces %u, verdict %d",
		  __entry->ctx, __entry->user_data, __entry->stream_off,
		  __entry->len, __entry->nr_frags, __entry->verdict)
);

/**
 * io_unified_verdict - a stage has answered
 * @ctx:	the ring
 * @name:	of the stage
 * @buf:	what it was asked about
 * @verdict:	enum io_unified_verdict
 */
TRACE_EVENT(io_unified_verdict,

	TP_PROTO(void *ctx, const char *name, const struct io_unified_buf *buf,
		 int verdict),

	TP_ARGS(ctx, name, buf, verdict),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__string(name,	name)
		__field(u64,	user_data)
		__field(u32,	len)
		__field(int,	verdict)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__assign_str(name);
		__entry->user_data	= buf->user_data;
		__entry->len		= buf->len;
		__entry->verdict	= verdict;
	),

	TP_printk("ring %p, stage %s, user_data 0x%llx, len %u, verdict %d",
		  __entry->ctx, __get_str(name), __entry->user_data,
		  __entry->len, __entry->verdict)
);

/**
 * io_unified_copy - payload had to be copied
 * @ctx:	the ring
 * @len:	of it, bytes
 * @nr_frags:	pieces it was in
 */
TRACE_EVENT(io_unified_copy,

	TP_PROTO(void *ctx, u32 len, u32 nr_frags),

	TP_ARGS(ctx, len, nr_frags),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u32,	len)
		__field(u32,	nr_frags)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->len		= len;
		__entry->nr_frags	= nr_frags;
	),

	TP_printk("ring %p, len %u, pieces %u",
		  __entry->ctx, __entry->len, __entry->nr_frags)
);

/**
 * io_unified_ring_full - a completion found the CQ full and waits
 * @ctx:	the ring
 * @tail:	of the CQ
 * @user_data:	of the completion
 */
TRACE_EVENT(io_unified_ring_full,

	TP_PROTO(void *ctx, u32 tail, u64 user_data),

	TP_ARGS(ctx, tail, user_data),

	TP_STRUCT__entry(
		__field(void *,	ctx)
		__field(u64,	user_data)
		__field(u32,	tail)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->user_data	= user_data;
		__entry->tail		= tail;
	),

	TP_printk("ring %p, tail %u, user_data 0x%llx",
		  __entry->ctx, __entry->tail, __entry->user_data)
);

#endif /* _TRACE_IO_UNIFIED_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
