/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A unified region: registration, mapping, layout, statistics.
 */
#ifndef SLUICE_REGION_H
#define SLUICE_REGION_H

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/io_uring/unified.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a command has to know of a namespace */
struct sluice_ns {
	__u64	nr_lbas;	/* 0: not known */
	__u32	nsid;
	__u32	lba_size;	/* bytes; 0: not known, see sluice_ns_set_lba() */
	__u32	lba_shift;
	__u32	meta_size;	/* bytes of metadata a block */
	__u32	max_len;	/* bytes of data a command; 0: not known */
	__u16	dev;		/* io_unified_sqe.dev */
};

/* To be read, but not written, by the program */
struct sluice_region {
	struct io_uring		*ring;
	void			*base;		/* all of it */
	size_t			size;
	struct io_unified_ring	*sq;
	struct io_unified_ring	*cq;
	struct io_unified_sqe	*sqes;
	struct io_unified_cqe	*cqes;
	struct io_unified_stats	*stats;		/* the kernel's: sluice_stats() */
	char			*data;		/* what offsets count from */
	__u64			data_size;	/* bytes */
	__u64			user_off;	/* from here on the application's */
	__u32			buf_size;	/* bytes */
	__u32			sq_entries;
	__u32			cq_entries;
	__u32			reg_flags;	/* enum io_unified_reg_flags */
	struct sluice_ns	ns;		/* the first namespace */
	bool			mapped;		/* base is ours to unmap */
};

static inline __u64 sluice_page_align(__u64 n)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);

	return (n + page - 1) & ~(page - 1);
}

static inline __u64 sluice_entries_size(__u32 sq_entries, __u32 cq_entries)
{
	return sluice_page_align(sq_entries * (__u64)sizeof(struct io_unified_sqe)) +
	       sluice_page_align(cq_entries * (__u64)sizeof(struct io_unified_cqe));
}

/**
 * sluice_ifq_size - bytes of a region of IORING_REGISTER_UNIFIED_IFQ
 *
 * calculate_region_size() of the interface's document: two pages for the rings,
 * the entries, the buffers.  @buffer_size is a multiple of the page size.
 */
static inline __u64 sluice_ifq_size(__u32 sq_entries, __u32 cq_entries,
				    __u32 buffer_entries, __u32 buffer_size)
{
	return 2 * sluice_page_align(1) +
	       sluice_entries_size(sq_entries, cq_entries) +
	       (__u64)buffer_entries * buffer_size;
}

/**
 * sluice_region_size - bytes of a region of IORING_REGISTER_UNIFIED_REGION
 *
 * The control page, the entries, and @data_size bytes of data area.
 */
static inline __u64 sluice_region_size(__u32 sq_entries, __u32 cq_entries,
				       __u64 data_size)
{
	return sluice_page_align(1) +
	       sluice_entries_size(sq_entries, cq_entries) +
	       sluice_page_align(data_size);
}

#ifdef LINUX_IO_URING_QUERY_H	/* liburing knows of queries */
/**
 * sluice_query - what the running kernel knows of unified regions
 *
 * Needs no ring and no privilege.  A kernel that knows less than this header
 * leaves the rest of @q zero.
 *
 * Return: 0; -EOPNOTSUPP: no unified regions; -EINVAL: no queries either.
 */
static inline int sluice_query(struct io_uring_query_unified *q)
{
	struct io_uring_query_hdr hdr;
	int ret;

	memset(q, 0, sizeof(*q));
	memset(&hdr, 0, sizeof(hdr));
	hdr.query_op = IO_URING_QUERY_UNIFIED;
	hdr.query_data = (uintptr_t)q;
	hdr.size = sizeof(*q);
	ret = io_uring_register((unsigned int)-1, IORING_REGISTER_QUERY, &hdr, 0);
	return ret < 0 ? ret : hdr.result;
}
#endif

/**
 * sluice_ns_set_lba - say how large a logical block is
 * @lba_size: bytes, a power of two; 0: not known
 */
static inline void sluice_ns_set_lba(struct sluice_ns *ns, __u32 lba_size)
{
	ns->lba_size = lba_size;
	ns->lba_shift = lba_size ? (__u32)__builtin_ctz(lba_size) : 0;
}

/*
 * The IFQ call has no field for it, so the node itself is asked: both kinds know
 * the namespace's number, only a block node the size of a block.
 */
static inline void sluice_ns_ask_node(struct sluice_ns *ns, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int nsid, lba_size;

	if (fd < 0)
		return;
	nsid = ioctl(fd, NVME_IOCTL_ID);
	if (nsid > 0)
		ns->nsid = (__u32)nsid;
	if (!ioctl(fd, BLKSSZGET, &lba_size))
		sluice_ns_set_lba(ns, (__u32)lba_size);
	close(fd);
}

/* The rings are as the kernel left them: indices need not begin at 0 */
static inline void sluice_region_attach(struct sluice_region *r)
{
	r->sq_entries = r->sq->ring_entries;
	r->cq_entries = r->cq->ring_entries;
	r->sq->cached_producer = r->sq->producer;
	r->sq->cached_consumer = io_uring_smp_load_acquire(&r->sq->consumer);
	r->cq->cached_consumer = r->cq->consumer;
	r->cq->cached_producer = io_uring_smp_load_acquire(&r->cq->producer);
}

static inline void sluice_region_attach_ctrl(struct sluice_region *r, void *base)
{
	struct io_unified_ctrl *ctrl = (struct io_unified_ctrl *)base;
	char *p = (char *)base;

	r->base = base;
	r->sq = &ctrl->sq;
	r->cq = &ctrl->cq;
	r->stats = &ctrl->stats;
	r->sqes = (struct io_unified_sqe *)(p + ctrl->sq_entries);
	r->cqes = (struct io_unified_cqe *)(p + ctrl->cq_entries);
	r->data = p + ctrl->data;
	r->data_size = ctrl->data_size;
	r->buf_size = ctrl->buf_size;
	r->ns.nsid = ctrl->nsid;
	sluice_ns_set_lba(&r->ns, ctrl->lba_size);
	sluice_region_attach(r);
}

/**
 * sluice_region_unregister - give back NIC queue, namespaces and memory
 *
 * The mapping stays until sluice_region_exit().
 *
 * Return: 0; -EBUSY: a request or command uses the region; -ENXIO: none is
 * registered.
 */
static inline int sluice_region_unregister(struct sluice_region *r)
{
	return io_uring_register((unsigned int)r->ring->ring_fd,
				 IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

/**
 * sluice_region_exit - unregister, and unmap what was mapped here
 *
 * Reap what was submitted before: where a command is still in flight, the
 * region goes with the ring.
 */
static inline void sluice_region_exit(struct sluice_region *r)
{
	if (!r->ring)
		return;
	sluice_region_unregister(r);
	if (r->mapped)
		munmap(r->base, r->size);
	memset(r, 0, sizeof(*r));
}

/**
 * sluice_region_mmap - map the region that a ring has, memory of the kernel
 * @reg_flags: that it was registered with
 *
 * sluice_region_register() does this by itself.  It is for those who got the
 * ring from somebody else; two who use the same queue have to take turns.
 *
 * Return: 0, -EINVAL: no such region; -EPROTO: not one of this ABI; errors of
 * mmap(2).
 */
static inline int sluice_region_mmap(struct io_uring *ring,
				     struct sluice_region *r, __u32 reg_flags)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct io_unified_ctrl *ctrl;
	void *p;

	memset(r, 0, sizeof(*r));
	r->ring = ring;
	r->reg_flags = reg_flags;
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, ring->ring_fd,
		 (off_t)IORING_MAP_OFF_UNIFIED_REGION);
	if (p == MAP_FAILED)
		return -errno;
	ctrl = (struct io_unified_ctrl *)p;
	if (ctrl->magic == IO_UNIFIED_MAGIC)
		r->size = (size_t)sluice_page_align(ctrl->data + ctrl->data_size);
	munmap(p, page);
	if (!r->size)
		return -EPROTO;

	p = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 ring->ring_fd, (off_t)IORING_MAP_OFF_UNIFIED_REGION);
	if (p == MAP_FAILED)
		return -errno;
	r->mapped = true;
	sluice_region_attach_ctrl(r, p);
	return 0;
}

/**
 * sluice_region_register - IORING_REGISTER_UNIFIED_REGION, and the mapping
 * @ring: lives as long as the region does
 * @r: filled
 * @reg: what to register, and what the kernel made of it
 *
 * reg->region_ptr NULL: the kernel's memory, mapped here.  Otherwise the
 * descriptor's user_addr is the caller's memory, which stays the caller's.
 *
 * Return: 0, or -errno of io_uring_register_unified(2) or mmap(2).
 */
static inline int sluice_region_register(struct io_uring *ring,
					 struct sluice_region *r,
					 struct io_uring_unified_region_reg *reg)
{
	const struct io_uring_region_desc *rd;
	int ret;

	ret = io_uring_register((unsigned int)ring->ring_fd,
				IORING_REGISTER_UNIFIED_REGION, reg, 1);
	if (ret < 0)
		return ret;

	rd = (const struct io_uring_region_desc *)(uintptr_t)reg->region_uptr;
	if (rd && rd->user_addr) {
		memset(r, 0, sizeof(*r));
		r->ring = ring;
		r->reg_flags = reg->flags;
		r->size = (size_t)reg->region_size;
		sluice_region_attach_ctrl(r, (void *)(uintptr_t)rd->user_addr);
	} else {
		ret = sluice_region_mmap(ring, r, reg->flags);
		if (ret) {
			sluice_region_unregister(r);
			return ret;
		}
	}
	if (reg->net_ifindex)
		r->user_off = r->data_size - (__u64)reg->user_bufs * r->buf_size;
	return 0;
}

/**
 * sluice_region_register_ifq - IORING_REGISTER_UNIFIED_IFQ
 * @ring: with IORING_SETUP_DEFER_TASKRUN, SQE128 and CQE32
 * @r: filled
 * @reg: what to register, and what the kernel made of it
 *
 * reg->region_ptr 0: the memory is allocated here, sluice_region_exit() frees
 * it.  Otherwise it is the caller's, and stays so.  The size of a logical block
 * is known only for a block node; see sluice_ns_set_lba().
 *
 * Return: 0, or -errno of io_uring_register_unified(2) or mmap(2).
 */
static inline int sluice_region_register_ifq(struct io_uring *ring,
					     struct sluice_region *r,
					     struct io_unified_reg *reg)
{
	struct io_uring_region_desc own, *rd;
	char *p;
	int ret;

	memset(r, 0, sizeof(*r));
	memset(&own, 0, sizeof(own));
	r->ring = ring;
	r->mapped = !reg->region_ptr;
	if (r->mapped) {
		void *mem;

		own.size = sluice_ifq_size(reg->sq_entries, reg->cq_entries,
					   reg->buffer_entries,
					   reg->buffer_entry_size);
		mem = mmap(NULL, (size_t)own.size, PROT_READ | PROT_WRITE,
			   MAP_ANONYMOUS | MAP_SHARED, -1, 0);
		if (mem == MAP_FAILED)
			return -errno;
		own.user_addr = (uintptr_t)mem;
		reg->region_ptr = (uintptr_t)&own;
	}
	rd = (struct io_uring_region_desc *)(uintptr_t)reg->region_ptr;
	r->base = (void *)(uintptr_t)rd->user_addr;
	r->size = (size_t)rd->size;

	ret = io_uring_register((unsigned int)ring->ring_fd,
				IORING_REGISTER_UNIFIED_IFQ, reg, 1);
	if (r->mapped)
		reg->region_ptr = 0;	/* it was on our stack */
	if (ret < 0) {
		if (r->mapped)
			munmap(r->base, r->size);
		return ret;
	}

	p = (char *)r->base;
	r->reg_flags = reg->flags;
	r->sq = (struct io_unified_ring *)(p + reg->offsets.sq_ring);
	r->cq = (struct io_unified_ring *)(p + reg->offsets.cq_ring);
	r->stats = (struct io_unified_stats *)((char *)r->cq + IO_UNIFIED_STATS_OFFSET);
	r->sqes = (struct io_unified_sqe *)(p + reg->offsets.sq_entries);
	r->cqes = (struct io_unified_cqe *)(p + reg->offsets.cq_entries);
	r->data = p + reg->offsets.buffers;
	r->data_size = (__u64)reg->buffer_entries * reg->buffer_entry_size;
	r->buf_size = reg->buffer_entry_size;
	/* with a NIC queue all buffers are its */
	r->user_off = reg->net_ifindex ? r->data_size : 0;
	sluice_ns_ask_node(&r->ns, (const char *)(uintptr_t)reg->nvme_dev_path);
	sluice_region_attach(r);
	return 0;
}

/**
 * sluice_region_add_dev - IORING_REGISTER_UNIFIED_DEV: one more namespace
 * @fd: block or generic node; may be closed afterwards
 * @ns: filled
 *
 * Return: 0, or -errno of io_uring_register_unified(2).
 */
static inline int sluice_region_add_dev(struct sluice_region *r, int fd,
					struct sluice_ns *ns)
{
	struct io_unified_dev_reg reg;
	int ret;

	memset(&reg, 0, sizeof(reg));
	reg.fd = fd;
	ret = io_uring_register((unsigned int)r->ring->ring_fd,
				IORING_REGISTER_UNIFIED_DEV, &reg, 1);
	if (ret < 0)
		return ret;
	memset(ns, 0, sizeof(*ns));
	ns->dev = (__u16)reg.dev;
	ns->nsid = reg.nsid;
	ns->nr_lbas = reg.nr_lbas;
	ns->meta_size = reg.meta_size;
	ns->max_len = reg.max_len;
	sluice_ns_set_lba(ns, reg.lba_size);
	return 0;
}

/*
 * Where something is: a buffer by its number, a byte by its offset into the data
 * area, as SQEs and CQEs have it, or by its address.
 */
static inline __u32 sluice_nr_bufs(const struct sluice_region *r)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): @r is registered */
	return (__u32)(r->data_size / r->buf_size);
}

static inline __u64 sluice_buf_offset(const struct sluice_region *r, __u32 buf)
{
	return (__u64)buf * r->buf_size;
}

static inline __u32 sluice_offset_buf(const struct sluice_region *r, __u64 offset)
{
	return (__u32)(offset / r->buf_size);
}

static inline void *sluice_offset_addr(const struct sluice_region *r, __u64 offset)
{
	return r->data + offset;
}

static inline void *sluice_buf_addr(const struct sluice_region *r, __u32 buf)
{
	return sluice_offset_addr(r, sluice_buf_offset(r, buf));
}

static inline __u64 sluice_addr_offset(const struct sluice_region *r,
				       const void *addr)
{
	return (__u64)((const char *)addr - r->data);
}

static inline __u32 sluice_addr_buf(const struct sluice_region *r,
				    const void *addr)
{
	return sluice_offset_buf(r, sluice_addr_offset(r, addr));
}

/* The first buffer that the NIC has no part in; sluice_nr_bufs(): none */
static inline __u32 sluice_user_buf(const struct sluice_region *r)
{
	return sluice_offset_buf(r, r->user_off);
}

/**
 * sluice_stats - a copy of the statistics
 *
 * The kernel changes them one by one.  The copy is taken until two in a row are
 * the same; while data moves that may never be.
 *
 * Return: 0; -EAGAIN: they moved all the time, single counters of the copy are
 * good, sums of them are not.
 */
static inline int sluice_stats(const struct sluice_region *r,
			       struct io_unified_stats *stats)
{
	const volatile __u64 *from = (const volatile __u64 *)r->stats;
	__u64 now[sizeof(*stats) / sizeof(__u64)];
	__u64 last[sizeof(*stats) / sizeof(__u64)];
	unsigned int i, try_nr;

	memset(last, 0, sizeof(last));
	for (try_nr = 0; try_nr < 16; try_nr++) {
		for (i = 0; i < sizeof(now) / sizeof(now[0]); i++)
			/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): @r is registered */
			now[i] = from[i];
		memcpy(stats, now, sizeof(*stats));
		if (try_nr && !memcmp(now, last, sizeof(now)))
			return 0;
		memcpy(last, now, sizeof(last));
	}
	return -EAGAIN;
}

/* rx = dropped + written + passed + sent + failed + in_flight, in both units */
static inline bool sluice_stats_conserved(const struct io_unified_stats *s)
{
	return s->rx.bufs + s->made.bufs ==
			     s->dropped.bufs + s->written.bufs + s->passed.bufs +
			     s->sent.bufs + s->failed.bufs + s->in_flight.bufs &&
	       s->rx.bytes + s->made.bytes ==
			      s->dropped.bytes + s->written.bytes +
			      s->passed.bytes + s->sent.bytes + s->failed.bytes +
			      s->in_flight.bytes;
}

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_REGION_H */
