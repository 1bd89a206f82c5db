/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The region's SQ and CQ.
 *
 * User space owns the SQ's producer and the CQ's consumer, which it stores with
 * release semantics; what the kernel owns is loaded with acquire semantics.
 * cached_producer and cached_consumer are how far this side has come: entries
 * that are being filled, or were seen, without a look at the other side's cache
 * line for each.
 */
#ifndef SLUICE_QUEUE_H
#define SLUICE_QUEUE_H

#include <sched.h>
#include <time.h>
#include <sluice/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel drains the SQ, posts what waited for room, and runs task work */
static inline int sluice_enter(struct sluice_region *r, unsigned int flags)
{
	return io_uring_enter((unsigned int)r->ring->ring_fd, 0, 0, flags, NULL);
}

/**
 * sluice_get_sqe - the next entry to fill
 *
 * It is all zeroes.  The kernel sees it when sluice_submit() is called, which
 * may be for many at once.
 *
 * Return: an entry, or NULL: the SQ is full until the kernel has drained it.
 */
static inline struct io_unified_sqe *sluice_get_sqe(struct sluice_region *r)
{
	struct io_unified_ring *sq = r->sq;
	__u32 next = sq->cached_producer;
	struct io_unified_sqe *sqe;

	if (next - sq->cached_consumer >= r->sq_entries) {
		/* pairs with the kernel's store-release: it has read the entry */
		sq->cached_consumer = io_uring_smp_load_acquire(&sq->consumer);
		if (next - sq->cached_consumer >= r->sq_entries)
			return NULL;
	}
	sqe = &r->sqes[next & (r->sq_entries - 1)];
	memset(sqe, 0, sizeof(*sqe));
	sq->cached_producer = next + 1;
	return sqe;
}

/* Entries that the kernel has not taken yet, submitted or not */
static inline __u32 sluice_sq_ready(const struct sluice_region *r)
{
	return r->sq->cached_producer - io_uring_smp_load_acquire(&r->sq->consumer);
}

/* Entries that sluice_get_sqe() would return */
static inline __u32 sluice_sq_space_left(const struct sluice_region *r)
{
	return r->sq_entries - sluice_sq_ready(r);
}

/* Has the kernel to be told?  With a poller: only when that sleeps */
static inline bool sluice_sq_needs_enter(const struct sluice_region *r,
					 unsigned int *flags)
{
	const struct io_unified_ring *sq = r->sq;

	if (sq->producer == io_uring_smp_load_acquire(&sq->consumer))
		return false;
	if (!(r->reg_flags & IO_UNIFIED_REG_POLL))
		return true;
	/* pairs with the poller's, between its flag and its look at the SQ */
	io_uring_smp_mb();
	if (!(IO_URING_READ_ONCE(sq->flags) & IO_UNIFIED_RING_NEED_WAKEUP))
		return false;
	*flags |= IORING_ENTER_SQ_WAKEUP;
	return true;
}

/**
 * sluice_submit - publish what sluice_get_sqe() has given out
 *
 * Calls io_uring_enter() if the SQ holds anything, and with IO_UNIFIED_REG_POLL
 * only if the poller has gone to sleep.  Whatever else io_uring_enter() is
 * called for drains the SQ as well.
 *
 * Return: entries published, or -errno of io_uring_enter(); they are published
 * all the same, another call submits them.
 */
static inline int sluice_submit(struct sluice_region *r)
{
	struct io_unified_ring *sq = r->sq;
	__u32 nr = sq->cached_producer - sq->producer;
	unsigned int flags = 0;
	int ret;

	/* pairs with the kernel's load-acquire: the entries are filled */
	if (nr)
		io_uring_smp_store_release(&sq->producer, sq->cached_producer);
	if (sluice_sq_needs_enter(r, &flags)) {
		ret = sluice_enter(r, flags);
		if (ret < 0)
			return ret;
	}
	return (int)nr;
}

/* Completions wait in the kernel for room in the CQ */
static inline bool sluice_cq_has_overflow(const struct sluice_region *r)
{
	return IO_URING_READ_ONCE(r->cq->flags) & IO_UNIFIED_RING_CQ_OVERFLOW;
}

/* A look at the kernel's index; returns how many completions there are */
static inline __u32 sluice_cq_ready(struct sluice_region *r)
{
	struct io_unified_ring *cq = r->cq;

	/* pairs with the kernel's store-release: the CQEs are filled */
	cq->cached_producer = io_uring_smp_load_acquire(&cq->producer);
	return cq->cached_producer - cq->cached_consumer;
}

static inline struct io_unified_cqe *sluice_cqe_at(const struct sluice_region *r,
						   __u32 index)
{
	return &r->cqes[index & (r->cq_entries - 1)];
}

/**
 * sluice_peek_cqe - the next completion, if there is one
 * @cqe_ptr: the CQE, or NULL; it is the caller's until sluice_cqe_seen()
 *
 * Makes a system call only when the CQ is empty and completions wait in the
 * kernel.  With IO_UNIFIED_REG_POLL these may come a little later.
 *
 * Return: 0; -EAGAIN: there is none; -errno of io_uring_enter().
 */
static inline int sluice_peek_cqe(struct sluice_region *r,
				  struct io_unified_cqe **cqe_ptr)
{
	struct io_unified_ring *cq = r->cq;
	int ret;

	*cqe_ptr = NULL;
	if (cq->cached_consumer == cq->cached_producer && !sluice_cq_ready(r)) {
		if (!sluice_cq_has_overflow(r))
			return -EAGAIN;
		ret = sluice_enter(r, 0);
		if (ret < 0)
			return ret;
		if (!sluice_cq_ready(r))
			return -EAGAIN;
	}
	*cqe_ptr = sluice_cqe_at(r, cq->cached_consumer);
	return 0;
}

/**
 * sluice_peek_batch_cqe - the completions that there are, @count at most
 *
 * Return: how many; sluice_cq_advance() gives them back.
 */
static inline unsigned int sluice_peek_batch_cqe(struct sluice_region *r,
						 struct io_unified_cqe **cqes,
						 unsigned int count)
{
	unsigned int i, nr;

	if (sluice_peek_cqe(r, &cqes[0]))
		return 0;
	nr = sluice_cq_ready(r);
	if (nr > count)
		nr = count;
	for (i = 0; i < nr; i++)
		cqes[i] = sluice_cqe_at(r, r->cq->cached_consumer + i);
	return nr;
}

/* The kernel may use the slots of the next @nr completions again */
static inline void sluice_cq_advance(struct sluice_region *r, __u32 nr)
{
	struct io_unified_ring *cq = r->cq;

	if (!nr)
		return;
	cq->cached_consumer += nr;
	/* pairs with the kernel's load-acquire: we have read them */
	io_uring_smp_store_release(&cq->consumer, cq->cached_consumer);
}

static inline void sluice_cqe_seen(struct sluice_region *r,
				   const struct io_unified_cqe *cqe)
{
	if (cqe)
		sluice_cq_advance(r, 1);
}

/*
 * sluice_for_each_cqe(r, head, cqe): those that are there when it begins;
 * sluice_cq_advance() afterwards.  @head is a __u32.
 */
#define sluice_for_each_cqe(r, head, cqe)				\
	for (sluice_cq_ready(r), (head) = (r)->cq->cached_consumer;	\
	     ((cqe) = (head) == (r)->cq->cached_producer ? NULL :	\
		      sluice_cqe_at((r), (head))) != NULL;		\
	     (head)++)

static inline bool sluice_time_is_up(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/* Looks at the CQ before the kernel is asked, some microseconds */
#define SLUICE_SPINS	1000

/**
 * sluice_wait_cqe_timeout - the next completion, polled for
 * @cqe_ptr: as for sluice_peek_cqe()
 * @ts: how long at most; NULL: for ever
 *
 * The kernel has nothing to sleep on for this CQ: this looks at it, and between
 * looks calls io_uring_enter(), which runs the ring's task work, and gives the
 * CPU to others.  Who wants to sleep sends the command as IORING_OP_UNIFIED
 * request, whose completion io_uring_wait_cqe() waits for.
 *
 * Return: 0; -ETIME; -errno of io_uring_enter() (-EEXIST: not the ring's task).
 */
static inline int sluice_wait_cqe_timeout(struct sluice_region *r,
					  struct io_unified_cqe **cqe_ptr,
					  const struct __kernel_timespec *ts)
{
	struct timespec end;
	int i, ret;

	memset(&end, 0, sizeof(end));
	if (ts) {
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += (time_t)ts->tv_sec;
		end.tv_nsec += (long)ts->tv_nsec;
		if (end.tv_nsec >= 1000000000L) {
			end.tv_nsec -= 1000000000L;
			end.tv_sec++;
		}
	}
	for (;;) {
		for (i = 0; i < SLUICE_SPINS; i++) {
			ret = sluice_peek_cqe(r, cqe_ptr);
			if (ret != -EAGAIN)
				return ret;
		}
		ret = sluice_enter(r, IORING_ENTER_GETEVENTS);
		if (ret < 0 && ret != -EINTR)
			return ret;
		ret = sluice_peek_cqe(r, cqe_ptr);
		if (ret != -EAGAIN)
			return ret;
		if (ts && sluice_time_is_up(&end))
			return -ETIME;
		sched_yield();
	}
}

static inline int sluice_wait_cqe(struct sluice_region *r,
				  struct io_unified_cqe **cqe_ptr)
{
	return sluice_wait_cqe_timeout(r, cqe_ptr, NULL);
}

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_QUEUE_H */
