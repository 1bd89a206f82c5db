/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * sluice.h: unified regions of io_uring for C and C++ programs.
 *
 * The hot path of liburing, for the rings of a region: sluice_get_sqe(),
 * sluice_submit(), sluice_peek_cqe(), sluice_cqe_seen().  The region belongs to
 * a ring of liburing, which stays the program's for everything else.
 *
 * One thread at a time may use a struct sluice.  Functions that can fail return
 * -errno, as those of liburing do.  All sizes and offsets are in bytes.
 *
 * Source: linux/io_uring/unified.h, and what it says there.  Link with -luring.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring/unified.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct sluice - a region, as its program sees it
 * @ring:	that it belongs to, the program's
 * @base:	where it is mapped
 * @size:	of all of it
 * @sq:		submission ring, shared with the kernel
 * @cq:		completion ring, shared with the kernel
 * @sqes:	entries of the submission ring
 * @cqes:	entries of the completion ring
 * @stats:	what became of the data received, updated by the kernel
 * @ctrl:	control page, NULL in the layout of sluice_register_ifq()
 * @data:	data area: what offsets are relative to
 * @data_size:	of that
 * @buf_size:	of a buffer of the data area
 * @flags:	enum io_unified_reg_flags it was registered with
 * @mapped:	sluice_exit() has to unmap it
 *
 * @sq->cached_producer is the library's: SQEs handed out and not yet submitted.
 */
struct sluice {
	struct io_uring		*ring;
	char			*base;
	size_t			size;
	struct io_unified_ring	*sq;
	struct io_unified_ring	*cq;
	struct io_unified_sqe	*sqes;
	struct io_unified_cqe	*cqes;
	struct io_unified_stats	*stats;
	struct io_unified_ctrl	*ctrl;
	char			*data;
	size_t			data_size;
	size_t			buf_size;
	unsigned int		flags;
	bool			mapped;
};

/*
 * Sizes
 */

#define SLUICE_PAGE	4096UL

static inline size_t __sluice_pages(size_t size)
{
	return (size + SLUICE_PAGE - 1) & ~(SLUICE_PAGE - 1);
}

/**
 * sluice_ifq_size() - calculate_region_size() of the IFQ layout
 * @sq_entries: of the submission ring
 * @cq_entries: of the completion ring
 * @buffers: how many
 * @buf_size: of each
 *
 * Return: bytes of memory that sluice_register_ifq() needs
 */
static inline size_t sluice_ifq_size(unsigned int sq_entries,
				     unsigned int cq_entries,
				     size_t buffers, size_t buf_size)
{
	return 2 * SLUICE_PAGE +
	       __sluice_pages(sq_entries * sizeof(struct io_unified_sqe)) +
	       __sluice_pages(cq_entries * sizeof(struct io_unified_cqe)) +
	       buffers * buf_size;
}

/**
 * sluice_region_size() - the same for the layout with a control page
 * @sq_entries: of the submission ring
 * @cq_entries: of the completion ring
 * @data_size: of the data area
 *
 * Return: io_uring_unified_region_reg.region_size
 */
static inline size_t sluice_region_size(unsigned int sq_entries,
					unsigned int cq_entries,
					size_t data_size)
{
	return sluice_ifq_size(sq_entries, cq_entries, 1, data_size) -
	       SLUICE_PAGE;
}

/*
 * Registration
 */

static inline int __sluice_register(int fd, unsigned int op, void *arg,
				    unsigned int nr)
{
	return syscall(__NR_io_uring_register, fd, op, arg, nr) < 0 ? -errno : 0;
}

/**
 * sluice_register() - register a region with a control page, and map it
 * @s: what is filled in
 * @ring: the ring it is for
 * @reg: the registration; offsets and numa_node come back in it
 *
 * With reg->region_ptr the memory is the caller's and stays so; without, it is
 * the kernel's, and mapped here.
 *
 * Return: 0, or -errno: io_uring_register_unified(2) says which
 */
static inline int sluice_register(struct sluice *s, struct io_uring *ring,
				  struct io_uring_unified_region_reg *reg)
{
	void *base = NULL;
	int ret;

	ret = __sluice_register(ring->ring_fd, IORING_REGISTER_UNIFIED_REGION,
				reg, 1);
	if (ret)
		return ret;
	if (reg->region_uptr)
		base = (void *)(uintptr_t)reg->region_ptr->user_addr;
	memset(s, 0, sizeof(*s));
	if (!base) {
		base = mmap(NULL, reg->region_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, ring->ring_fd,
			    (off_t)IORING_MAP_OFF_UNIFIED_REGION);
		if (base == MAP_FAILED) {
			ret = -errno;
			__sluice_register(ring->ring_fd,
					  IORING_UNREGISTER_UNIFIED_REGION,
					  NULL, 0);
			return ret;
		}
		s->mapped = true;
	}
	s->ring = ring;
	s->base = (char *)base;
	s->size = reg->region_size;
	s->ctrl = (struct io_unified_ctrl *)(s->base + reg->offsets.ctrl);
	s->sq = &s->ctrl->sq;
	s->cq = &s->ctrl->cq;
	s->stats = &s->ctrl->stats;
	s->sqes = (struct io_unified_sqe *)(s->base + reg->offsets.sq_entries);
	s->cqes = (struct io_unified_cqe *)(s->base + reg->offsets.cq_entries);
	s->data = s->base + reg->offsets.data;
	s->data_size = s->ctrl->data_size;
	s->buf_size = s->ctrl->buf_size;
	s->flags = reg->flags;
	return 0;
}

/**
 * sluice_register_ifq() - register the caller's memory, in the IFQ layout
 * @s: what is filled in
 * @ring: with IORING_SETUP_DEFER_TASKRUN, CQE32 and SQE128
 * @reg: the registration; reg->region_ptr points to a struct
 *	io_uring_region_desc, offsets come back
 *
 * Return: 0, or -errno: io_uring_register_unified(2) says which
 */
static inline int sluice_register_ifq(struct sluice *s, struct io_uring *ring,
				      struct io_unified_reg *reg)
{
	const struct io_uring_region_desc *rd =
		(const struct io_uring_region_desc *)(uintptr_t)reg->region_ptr;
	int ret;

	ret = __sluice_register(ring->ring_fd, IORING_REGISTER_UNIFIED_IFQ,
				reg, 1);
	if (ret)
		return ret;
	memset(s, 0, sizeof(*s));
	s->ring = ring;
	s->base = (char *)(uintptr_t)rd->user_addr;
	s->size = rd->size;
	s->sq = (struct io_unified_ring *)(s->base + reg->offsets.sq_ring);
	s->cq = (struct io_unified_ring *)(s->base + reg->offsets.cq_ring);
	s->stats = (struct io_unified_stats *)((char *)s->cq +
					       IO_UNIFIED_STATS_OFFSET);
	s->sqes = (struct io_unified_sqe *)(s->base + reg->offsets.sq_entries);
	s->cqes = (struct io_unified_cqe *)(s->base + reg->offsets.cq_entries);
	s->data = s->base + reg->offsets.buffers;
	s->data_size = (size_t)reg->buffer_entries * reg->buffer_entry_size;
	s->buf_size = reg->buffer_entry_size;
	s->flags = reg->flags;
	return 0;
}

/**
 * sluice_add_dev() - one more NVMe namespace for the region
 * @s: the region
 * @fd: block or generic node
 * @dev: what it is, or NULL
 *
 * Return: its index, or -errno
 */
static inline int sluice_add_dev(struct sluice *s, int fd,
				 struct io_unified_dev_reg *dev)
{
	struct io_unified_dev_reg reg;
	int ret;

	memset(&reg, 0, sizeof(reg));
	reg.fd = fd;
	ret = __sluice_register(s->ring->ring_fd, IORING_REGISTER_UNIFIED_DEV,
				&reg, 1);
	if (ret)
		return ret;
	if (dev)
		*dev = reg;
	return (int)reg.dev;
}

/**
 * sluice_exit() - unregister the region and unmap it
 * @s: the region
 *
 * Device and NIC queue are free when it returns.
 *
 * Return: 0, or -EBUSY while a request or command uses it; nothing is undone
 *	then
 */
static inline int sluice_exit(struct sluice *s)
{
	int ret = __sluice_register(s->ring->ring_fd,
				    IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);

	if (ret)
		return ret;
	if (s->mapped)
		munmap(s->base, s->size);
	memset(s, 0, sizeof(*s));
	return 0;
}

/**
 * sluice_query() - what the running kernel knows of unified regions
 * @query: what is filled in
 *
 * Needs no ring and no rights.
 *
 * Return: 0, or -errno: -EOPNOTSUPP or -EINVAL from a kernel without them
 */
static inline int sluice_query(struct io_uring_query_unified *query)
{
	struct {
		__u64	next_entry;
		__u64	query_data;
		__u32	query_op;
		__u32	size;
		__s32	result;
		__u32	__resv[3];
	} hdr;				/* struct io_uring_query_hdr */
	int ret;

	memset(query, 0, sizeof(*query));
	memset(&hdr, 0, sizeof(hdr));
	hdr.query_data = (uintptr_t)query;
	hdr.query_op = IO_URING_QUERY_UNIFIED;
	hdr.size = sizeof(*query);
	/* IORING_REGISTER_QUERY, which older headers have not */
	ret = __sluice_register(-1, 35, &hdr, 0);
	return ret ? ret : hdr.result;
}

/*
 * Buffers: an index, an offset into the data area, an address
 */

static inline uint64_t sluice_buf_to_off(const struct sluice *s, uint64_t buf)
{
	return buf * s->buf_size;
}

static inline uint64_t sluice_off_to_buf(const struct sluice *s, uint64_t off)
{
	return off / s->buf_size;
}

static inline void *sluice_off_to_addr(const struct sluice *s, uint64_t off)
{
	return s->data + off;
}

static inline uint64_t sluice_addr_to_off(const struct sluice *s,
					  const void *addr)
{
	return (uint64_t)((const char *)addr - s->data);
}

static inline void *sluice_buf_to_addr(const struct sluice *s, uint64_t buf)
{
	return sluice_off_to_addr(s, sluice_buf_to_off(s, buf));
}

static inline uint64_t sluice_addr_to_buf(const struct sluice *s,
					  const void *addr)
{
	return sluice_off_to_buf(s, sluice_addr_to_off(s, addr));
}

/*
 * Submission
 */

/**
 * sluice_sq_space_left() - SQEs that sluice_get_sqe() has
 * @s: the region
 */
static inline unsigned int sluice_sq_space_left(const struct sluice *s)
{
	/* pairs with the kernel's store-release */
	uint32_t head = __atomic_load_n(&s->sq->consumer, __ATOMIC_ACQUIRE);

	return s->sq->ring_entries - (s->sq->cached_producer - head);
}

/**
 * sluice_get_sqe() - the next free SQE
 * @s: the region
 *
 * Return: an entry of zeroes, the caller's until sluice_submit(), or NULL if
 *	the ring is full
 */
static inline struct io_unified_sqe *sluice_get_sqe(struct sluice *s)
{
	struct io_unified_sqe *sqe;

	if (!sluice_sq_space_left(s))
		return NULL;
	sqe = &s->sqes[s->sq->cached_producer++ & s->sq->ring_mask];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

/**
 * sluice_sq_ready() - SQEs handed out and not yet submitted
 * @s: the region
 */
static inline unsigned int sluice_sq_ready(const struct sluice *s)
{
	return s->sq->cached_producer - s->sq->producer;
}

/* Has the kernel to be told?  With a poller that is awake it has not. */
static inline bool __sluice_need_enter(const struct sluice *s)
{
	if (!(s->flags & IO_UNIFIED_REG_POLL))
		return true;
	/* the poller sets the flag, then looks at producer; we do it reversed */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&s->sq->flags, __ATOMIC_RELAXED) &
	       IO_UNIFIED_RING_NEED_WAKEUP;
}

static inline int __sluice_enter(struct sluice *s)
{
	return syscall(__NR_io_uring_enter, s->ring->ring_fd, 0, 0, 0, NULL, 0) < 0 ?
	       -errno : 0;
}

/**
 * sluice_publish() - let the kernel see the SQEs, and make no system call
 * @s: the region
 *
 * For who drains by a BPF loop, or calls io_uring_enter() by other ways, such
 * as io_uring_submit_and_wait() of the same ring.
 *
 * Return: SQEs published
 */
static inline int sluice_publish(struct sluice *s)
{
	unsigned int nr = sluice_sq_ready(s);

	/* pairs with the kernel's load-acquire */
	__atomic_store_n(&s->sq->producer, s->sq->cached_producer,
			 __ATOMIC_RELEASE);
	return (int)nr;
}

/**
 * sluice_submit() - let the kernel see the SQEs, and tell it
 * @s: the region
 *
 * A system call, unless the region has a poller that is awake.
 *
 * Return: SQEs submitted, or -errno of io_uring_enter(2)
 */
static inline int sluice_submit(struct sluice *s)
{
	int nr = sluice_publish(s), ret;

	if (!nr || !__sluice_need_enter(s))
		return nr;
	ret = __sluice_enter(s);
	return ret ? ret : nr;
}

/*
 * Completion
 */

/**
 * sluice_cq_ready() - CQEs that wait to be looked at
 * @s: the region
 */
static inline unsigned int sluice_cq_ready(const struct sluice *s)
{
	/* pairs with the kernel's store-release */
	return __atomic_load_n(&s->cq->producer, __ATOMIC_ACQUIRE) -
	       s->cq->consumer;
}

/**
 * sluice_cq_has_overflow() - do completions wait in the kernel for room?
 * @s: the region
 */
static inline bool sluice_cq_has_overflow(const struct sluice *s)
{
	return __atomic_load_n(&s->cq->flags, __ATOMIC_RELAXED) &
	       IO_UNIFIED_RING_CQ_OVERFLOW;
}

/**
 * sluice_peek_cqe() - the next CQE
 * @s: the region
 * @cqe: where its address goes; it stays until sluice_cqe_seen()
 *
 * What waits in the kernel because the ring was full is asked for when the ring
 * is empty.
 *
 * Return: 0, or -EAGAIN if there is none
 */
static inline int sluice_peek_cqe(struct sluice *s, struct io_unified_cqe **cqe)
{
	if (!sluice_cq_ready(s) && sluice_cq_has_overflow(s))
		__sluice_enter(s);
	if (!sluice_cq_ready(s)) {
		*cqe = NULL;
		return -EAGAIN;
	}
	*cqe = &s->cqes[s->cq->consumer & s->cq->ring_mask];
	return 0;
}

/**
 * sluice_cq_advance() - give back CQEs
 * @s: the region
 * @nr: how many
 */
static inline void sluice_cq_advance(struct sluice *s, unsigned int nr)
{
	/* pairs with the kernel's load-acquire */
	__atomic_store_n(&s->cq->consumer, s->cq->consumer + nr,
			 __ATOMIC_RELEASE);
}

/**
 * sluice_cqe_seen() - give back the CQE of sluice_peek_cqe()
 * @s: the region
 * @cqe: that, or NULL
 */
static inline void sluice_cqe_seen(struct sluice *s, struct io_unified_cqe *cqe)
{
	if (cqe)
		sluice_cq_advance(s, 1);
}

/**
 * sluice_wait_cqe() - the next CQE, however long it takes
 * @s: the region
 * @cqe: where its address goes
 *
 * The rings of a region have no event to sleep on: this polls, and gives the CPU
 * away in between.  A program that waits long should wait for a request of the
 * ring, IORING_OP_UNIFIED, instead.
 *
 * Return: 0, or -errno of io_uring_enter(2)
 */
static inline int sluice_wait_cqe(struct sluice *s, struct io_unified_cqe **cqe)
{
	int ret;

	while (sluice_peek_cqe(s, cqe)) {
		/* runs the ring's task work, and what it holds for the region */
		ret = __sluice_enter(s);
		if (ret)
			return ret;
		syscall(__NR_sched_yield);
	}
	return 0;
}

/*
 * Commands for struct io_unified_sqe
 */

static inline void sluice_sqe_set_data64(struct io_unified_sqe *sqe,
					 uint64_t data)
{
	sqe->user_data = data;
}

/* Which of the region's namespaces; 0 without it */
static inline void sluice_sqe_set_dev(struct io_unified_sqe *sqe,
				      unsigned int dev)
{
	sqe->dev = (__u16)dev;
}

/**
 * sluice_prep_rw() - a read or write of whole blocks
 * @sqe: of sluice_get_sqe()
 * @opcode: of the NVM command set: 1 Write, 2 Read, 5 Compare
 * @nsid: namespace id
 * @lba: first logical block
 * @nr: how many, 1 to 65536
 * @off: into the data area
 * @len: bytes there, @nr blocks at least
 */
static inline void sluice_prep_rw(struct io_unified_sqe *sqe,
				  unsigned int opcode, unsigned int nsid,
				  uint64_t lba, unsigned int nr, uint64_t off,
				  unsigned int len)
{
	sqe->nvme_cmd.opcode = (__u8)opcode;
	sqe->nvme_cmd.nsid = nsid;
	sqe->nvme_cmd.data_len = len;
	sqe->nvme_cmd.cdw10 = (__u32)lba;
	sqe->nvme_cmd.cdw11 = (__u32)(lba >> 32);
	sqe->nvme_cmd.cdw12 = nr - 1;
	sqe->buf_offset = off;
}

static inline void sluice_prep_write(struct io_unified_sqe *sqe,
				     unsigned int nsid, uint64_t lba,
				     unsigned int nr, uint64_t off,
				     unsigned int len)
{
	sluice_prep_rw(sqe, 0x01, nsid, lba, nr, off, len);
}

static inline void sluice_prep_read(struct io_unified_sqe *sqe,
				    unsigned int nsid, uint64_t lba,
				    unsigned int nr, uint64_t off,
				    unsigned int len)
{
	sluice_prep_rw(sqe, 0x02, nsid, lba, nr, off, len);
}

/* Zone Append: @zslba is the zone's start; result64 is where it went */
static inline void sluice_prep_zone_append(struct io_unified_sqe *sqe,
					   unsigned int nsid, uint64_t zslba,
					   unsigned int nr, uint64_t off,
					   unsigned int len)
{
	sluice_prep_rw(sqe, 0x7d, nsid, zslba, nr, off, len);
}

static inline void sluice_prep_flush(struct io_unified_sqe *sqe,
				     unsigned int nsid)
{
	sqe->nvme_cmd.opcode = 0x00;
	sqe->nvme_cmd.nsid = nsid;
}

/**
 * sluice_prep_return() - give back a piece of a received record
 * @sqe: of sluice_get_sqe()
 * @off: dma_addr of the CQE with IO_UNIFIED_CQE_F_RECORD
 *
 * A CQE comes only if the piece was not the application's.
 */
static inline void sluice_prep_return(struct io_unified_sqe *sqe, uint64_t off)
{
	sqe->flags = IO_UNIFIED_SQE_RETURN;
	sqe->buf_offset = off;
}

/*
 * Requests for the ring, IORING_OP_UNIFIED
 */

/**
 * sluice_prep_unified() - any of them
 * @sqe: of io_uring_get_sqe()
 * @ops: enum io_unified_op
 * @flags: enum io_unified_op_flags
 * @fd: TCP socket, or -1
 * @off: into the data area
 * @len: bytes there, or of a record
 * @lba: first logical block, or 0
 *
 * Which of these mean something, io_uring_unified(7) says.
 */
static inline void sluice_prep_unified(struct io_uring_sqe *sqe,
				       unsigned int ops, unsigned int flags,
				       int fd, uint64_t off, unsigned int len,
				       uint64_t lba)
{
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_UNIFIED;
	sqe->fd = fd;
	sqe->off = ops;
	sqe->addr = off;
	sqe->len = len;
	sqe->rw_flags = (__kernel_rwf_t)flags;
	sqe->addr3 = lba;
}

/**
 * sluice_prep_recv_multishot() - receive records until the end of the stream
 * @sqe: of io_uring_get_sqe()
 * @fd: TCP socket, connected
 * @ops: what they pass through besides NETWORK: BPF, NVME, or 0
 * @rec_len: of a record, 512 to 65536, or 0: as the NIC delivers it
 * @lba: first logical block to write to, with NVME
 */
static inline void sluice_prep_recv_multishot(struct io_uring_sqe *sqe, int fd,
					      unsigned int ops,
					      unsigned int rec_len,
					      uint64_t lba)
{
	sluice_prep_unified(sqe, IORING_UNIFIED_OP_NETWORK | ops, 0, fd, 0,
			    rec_len, lba);
	sqe->ioprio = IORING_RECV_MULTISHOT;
}

/*
 * What a CQE says
 */

/* Not the device's word, but -errno in cqe->result */
static inline bool sluice_status_is_host(uint32_t status)
{
	return status & IO_UNIFIED_STATUS_HOST;
}

/**
 * sluice_status_str() - what a status means
 * @cqe: with status
 *
 * Return: a constant string, for those that are met in practice
 */
static inline const char *sluice_status_str(const struct io_unified_cqe *cqe)
{
	if (!cqe->status)
		return "success";
	if (sluice_status_is_host(cqe->status))
		return strerror(-cqe->result);
	switch (cqe->status & 0x7ff) {
	case 0x001: return "invalid opcode";
	case 0x002: return "invalid field in command";
	case 0x004: return "data transfer error";
	case 0x006: return "internal device error";
	case 0x007: return "abort requested";
	case 0x00b: return "invalid namespace or format";
	case 0x015: return "operation denied";
	case 0x020: return "namespace is write protected";
	case 0x080: return "LBA out of range";
	case 0x081: return "capacity exceeded";
	case 0x082: return "namespace not ready";
	case 0x083: return "reservation conflict";
	case 0x180: return "conflicting attributes";
	case 0x182: return "attempted write to read-only range";
	case 0x1b8: return "zone boundary error";
	case 0x1b9: return "zone is full";
	case 0x1ba: return "zone is read-only";
	case 0x1bb: return "zone is offline";
	case 0x1bc: return "zone invalid write";
	case 0x1bd: return "too many active zones";
	case 0x1be: return "too many open zones";
	case 0x280: return "write fault";
	case 0x281: return "unrecovered read error";
	case 0x282: return "end-to-end guard check error";
	case 0x283: return "end-to-end application tag check error";
	case 0x284: return "end-to-end reference tag check error";
	case 0x285: return "compare failure";
	case 0x286: return "access denied";
	case 0x287: return "deallocated or unwritten logical block";
	}
	return "NVMe error";
}

/**
 * sluice_stats() - a copy of the statistics
 * @s: the region
 * @stats: where to
 *
 * No system call.  Counters are read one by one while the kernel goes on.
 */
static inline void sluice_stats(const struct sluice *s,
				struct io_unified_stats *stats)
{
	const volatile uint64_t *from = (const volatile uint64_t *)s->stats;
	uint64_t *to = (uint64_t *)stats;
	size_t i;

	for (i = 0; i < sizeof(*stats) / sizeof(*to); i++)
		to[i] = from[i];
}

/**
 * sluice_stats_balanced() - is all that was received accounted for?
 * @stats: of sluice_stats(), at a quiet moment
 */
static inline bool sluice_stats_balanced(const struct io_unified_stats *stats)
{
	return stats->rx.bufs == stats->dropped.bufs + stats->written.bufs +
		stats->passed.bufs + stats->sent.bufs + stats->failed.bufs +
		stats->in_flight.bufs &&
	       stats->rx.bytes == stats->dropped.bytes + stats->written.bytes +
		stats->passed.bytes + stats->sent.bytes + stats->failed.bytes +
		stats->in_flight.bytes;
}

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_H */
