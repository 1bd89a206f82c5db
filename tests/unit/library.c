// SPDX-License-Identifier: GPL-2.0
/*
 * library: include/sluice without a kernel.
 *
 * io_uring_register() and io_uring_enter() are defined here and play the
 * kernel's part by the rules of the ABI header: private indices, a copy of each
 * entry, store-release and load-acquire, completions that wait for room.  The
 * "ring" is a memfd, so that mmap() at IORING_MAP_OFF_UNIFIED_REGION is real.
 *
 * Usage: library; `tests/unit/library.sh` runs it under sanitizers.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sluice/sluice.h>

#define ENTRIES		8
#define BUF_SIZE	4096
#define BUFS		16

static int failures;

#define check(cond, ...)						\
	do {								\
		if (!(cond)) {						\
			failures++;					\
			printf("not ok - %s:%d: ", __func__, __LINE__);	\
			printf(__VA_ARGS__);				\
			printf("\n");					\
		}							\
	} while (0)

/* Nothing that follows would make sense without it */
#define need(cond, ...)							\
	do {								\
		bool __holds = (cond);					\
									\
		check(__holds, __VA_ARGS__);				\
		if (!__holds)						\
			exit(1);					\
	} while (0)

/*
 * The kernel's side
 */
#define MAX_WAITING	64

static struct kernel {
	char			*base;
	size_t			size;
	struct io_unified_ring	*sq, *cq;
	struct io_unified_sqe	*sqes;
	struct io_unified_cqe	*cqes;
	struct io_unified_stats	*stats;
	__u32			sq_head, cq_tail;
	__u32			first;		/* index the rings begin at */
	__u32			flags;
	__u32			limit;		/* entries a drain takes at most */
	bool			registered;
	int			error;		/* of the next io_uring_enter() */
	unsigned int		enters, last_flags;
	struct io_unified_cqe	waiting[MAX_WAITING];
	unsigned int		nr_waiting;
	__u64			sum;		/* of user_data taken */
} k;

static void kernel_ring(struct io_unified_ring *ring, __u32 entries, size_t size)
{
	memset(ring, 0, sizeof(*ring));
	ring->producer = k.first;
	ring->consumer = k.first;
	ring->cached_producer = k.first;
	ring->cached_consumer = k.first;
	ring->ring_entries = entries;
	ring->ring_mask = entries - 1;
	ring->ring_size = entries * size;
}

static void kernel_rings(__u32 sq_entries, __u32 cq_entries)
{
	kernel_ring(k.sq, sq_entries, sizeof(struct io_unified_sqe));
	kernel_ring(k.cq, cq_entries, sizeof(struct io_unified_cqe));
	k.sq_head = k.first;
	k.cq_tail = k.first;
	k.nr_waiting = 0;
	k.enters = 0;
	k.sum = 0;
	k.limit = ~0u;
	k.error = 0;
	k.registered = true;
}

static bool kernel_room(void)
{
	return k.cq_tail - __atomic_load_n(&k.cq->consumer, __ATOMIC_ACQUIRE) <=
	       k.cq->ring_mask;
}

static void kernel_put(const struct io_unified_cqe *cqe)
{
	k.cqes[k.cq_tail & k.cq->ring_mask] = *cqe;
	__atomic_store_n(&k.cq->producer, ++k.cq_tail, __ATOMIC_RELEASE);
}

static void kernel_flush_waiting(void)
{
	unsigned int i;

	for (i = 0; i < k.nr_waiting && kernel_room(); i++)
		kernel_put(&k.waiting[i]);
	k.nr_waiting -= i;
	memmove(k.waiting, k.waiting + i, k.nr_waiting * sizeof(k.waiting[0]));
	if (!k.nr_waiting)
		__atomic_store_n(&k.cq->flags, 0, __ATOMIC_RELAXED);
}

static void kernel_complete(const struct io_unified_cqe *cqe)
{
	kernel_flush_waiting();
	if (!k.nr_waiting && kernel_room()) {
		kernel_put(cqe);
		return;
	}
	if (k.nr_waiting == MAX_WAITING)
		abort();
	k.waiting[k.nr_waiting++] = *cqe;
	__atomic_store_n(&k.cq->flags, IO_UNIFIED_RING_CQ_OVERFLOW, __ATOMIC_RELAXED);
}

static bool kernel_idle(void)
{
	return __atomic_load_n(&k.sq->producer, __ATOMIC_ACQUIRE) == k.sq_head;
}

static __u32 kernel_drain(void)
{
	__u32 nr = __atomic_load_n(&k.sq->producer, __ATOMIC_ACQUIRE) - k.sq_head;
	struct io_unified_cqe cqe = { 0 };
	__u32 i;

	if (nr > k.sq->ring_mask + 1)
		abort();	/* more than there is room for */
	if (nr > k.limit)
		nr = k.limit;
	for (i = 0; i < nr; i++) {
		struct io_unified_sqe sqe = k.sqes[k.sq_head & k.sq->ring_mask];

		k.sum += sqe.user_data;
		k.sq_head++;
		__atomic_store_n(&k.sq->consumer, k.sq_head, __ATOMIC_RELEASE);
		if (sqe.flags & IO_UNIFIED_SQE_RETURN)
			continue;
		cqe.user_data = sqe.user_data;
		cqe.dma_addr = sqe.buf_offset;
		cqe.len = sqe.nvme_cmd.data_len;
		kernel_complete(&cqe);
	}
	return nr;
}

static int kernel_register_region(int fd, struct io_uring_unified_region_reg *reg)
{
	struct io_uring_region_desc *rd = (void *)(uintptr_t)reg->region_uptr;
	struct io_unified_ctrl *ctrl;

	k.size = reg->region_size;
	if (rd && rd->user_addr) {
		k.base = (void *)(uintptr_t)rd->user_addr;
	} else {
		if (ftruncate(fd, IORING_MAP_OFF_UNIFIED_REGION + k.size))
			return -ENOMEM;
		k.base = mmap(NULL, k.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			      IORING_MAP_OFF_UNIFIED_REGION);
		if (k.base == MAP_FAILED)
			return -ENOMEM;
	}
	reg->offsets.sq_entries = 4096;
	reg->offsets.cq_entries = 4096 + sluice_page_align(reg->sq_entries * 128);
	reg->offsets.data = reg->offsets.cq_entries +
			    sluice_page_align(reg->cq_entries * 64);
	ctrl = (void *)k.base;
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->magic = IO_UNIFIED_MAGIC;
	ctrl->buf_size = BUF_SIZE;
	ctrl->sq_entries = reg->offsets.sq_entries;
	ctrl->cq_entries = reg->offsets.cq_entries;
	ctrl->data = reg->offsets.data;
	ctrl->data_size = k.size - reg->offsets.data;
	ctrl->lba_size = 512;
	ctrl->nsid = 3;
	k.sq = &ctrl->sq;
	k.cq = &ctrl->cq;
	k.stats = &ctrl->stats;
	k.sqes = (void *)(k.base + ctrl->sq_entries);
	k.cqes = (void *)(k.base + ctrl->cq_entries);
	k.flags = reg->flags;
	kernel_rings(reg->sq_entries, reg->cq_entries);
	return 0;
}

static int kernel_register_ifq(struct io_unified_reg *reg)
{
	struct io_uring_region_desc *rd = (void *)(uintptr_t)reg->region_ptr;

	if (!rd || !rd->user_addr || rd->size != k.size)
		return -EINVAL;
	reg->offsets.cq_ring = 4096;
	reg->offsets.sq_entries = 2 * 4096;
	reg->offsets.cq_entries = 2 * 4096 + sluice_page_align(reg->sq_entries * 128);
	reg->offsets.buffers = reg->offsets.cq_entries +
			       sluice_page_align(reg->cq_entries * 64);
	k.base = (void *)(uintptr_t)rd->user_addr;
	k.sq = (void *)k.base;
	k.cq = (void *)(k.base + 4096);
	k.stats = (void *)(k.base + 4096 + IO_UNIFIED_STATS_OFFSET);
	k.sqes = (void *)(k.base + reg->offsets.sq_entries);
	k.cqes = (void *)(k.base + reg->offsets.cq_entries);
	k.flags = reg->flags;
	kernel_rings(reg->sq_entries, reg->cq_entries);
	return 0;
}

int io_uring_register(unsigned int fd, unsigned int opcode, const void *arg,
		      unsigned int nr_args)
{
	struct io_unified_dev_reg *dev = (void *)arg;

	switch (opcode) {
	case IORING_REGISTER_UNIFIED_REGION:
		return k.registered ? -EBUSY : kernel_register_region(fd, (void *)arg);
	case IORING_REGISTER_UNIFIED_IFQ:
		return k.registered ? -EBUSY : kernel_register_ifq((void *)arg);
	case IORING_REGISTER_UNIFIED_DEV:
		dev->dev = 1;
		dev->nsid = 5;
		dev->nr_lbas = 1000;
		dev->lba_size = 4096;
		dev->max_len = 1 << 17;
		return nr_args == 1 ? 0 : -EINVAL;
	case IORING_UNREGISTER_UNIFIED_REGION:
		if (arg || nr_args)
			return -EINVAL;
		if (!k.registered)
			return -ENXIO;
		k.registered = false;
		return 0;
	}
	return -EINVAL;
}

int io_uring_enter(unsigned int fd, unsigned int to_submit,
		   unsigned int min_complete, unsigned int flags, sigset_t *sig)
{
	int ret = k.error;

	(void)fd;
	(void)sig;
	check(!to_submit && !min_complete, "the ring's own entries are not ours");
	k.enters++;
	k.last_flags = flags;
	k.error = 0;
	if (ret)
		return ret;
	if (k.flags & IO_UNIFIED_REG_POLL) {
		__atomic_store_n(&k.sq->flags, 0, __ATOMIC_RELAXED);
		return 0;
	}
	kernel_flush_waiting();
	kernel_drain();
	return 0;
}

/*
 * The tests
 */
static struct io_uring ring;

static void open_region(struct sluice_region *r, __u32 entries, __u32 first,
			__u32 flags)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= entries,
		.cq_entries	= entries,
		.region_size	= sluice_region_size(entries, entries, BUFS * BUF_SIZE),
		.flags		= flags,
	};

	k.first = first;
	need(!sluice_region_register(&ring, r, &reg), "register");
	check(r->mapped && r->base != k.base && r->size == k.size, "mapped");
}

static void close_region(struct sluice_region *r)
{
	sluice_region_exit(r);
	check(!k.registered, "exit unregisters");
	munmap(k.base, k.size);
}

static void test_layout(void)
{
	check(sluice_ifq_size(256, 256, 1024, 4096) ==
	      2 * 4096 + 256 * 128 + 256 * 64 + 1024 * 4096, "IFQ size");
	check(sluice_ifq_size(1, 1, 1, 4096) == 5 * 4096, "each part has its page");
	check(sluice_ifq_size(32768, 32768, 1u << 31, 1u << 20) ==
	      2 * 4096 + 32768 * 192 + (1ULL << 51), "64 bits");
	check(sluice_region_size(256, 256, 1) ==
	      4096 + 256 * 128 + 256 * 64 + 4096, "region size");
}

static void test_buffers(void)
{
	struct sluice_region r;

	open_region(&r, ENTRIES, 0, 0);
	check(r.data_size == BUFS * BUF_SIZE && sluice_nr_bufs(&r) == BUFS, "buffers");
	check((char *)sluice_buf_addr(&r, 3) == (char *)r.base + 3 * 4096 + 3 * BUF_SIZE,
	      "address");
	check(sluice_addr_offset(&r, sluice_buf_addr(&r, 3)) == 3 * BUF_SIZE, "offset");
	check(sluice_addr_buf(&r, (char *)sluice_buf_addr(&r, 3) + 100) == 3, "buffer");
	check(sluice_user_buf(&r) == 0, "all are the application's");
	check(r.ns.nsid == 3 && r.ns.lba_size == 512 && r.ns.lba_shift == 9, "namespace");
	close_region(&r);
}

static void test_user_memory(void)
{
	struct io_uring_region_desc rd = { 0 };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= ENTRIES,
		.cq_entries	= ENTRIES,
		.region_size	= sluice_region_size(ENTRIES, ENTRIES, BUFS * BUF_SIZE),
		.region_uptr	= (uintptr_t)&rd,
		.net_ifindex	= 2,
		.user_bufs	= 4,
	};
	struct sluice_region r, other;

	rd.size = reg.region_size;
	rd.user_addr = (uintptr_t)aligned_alloc(4096, rd.size);
	memset((void *)(uintptr_t)rd.user_addr, 0, rd.size);
	need(!sluice_region_register(&ring, &r, &reg), "register");
	check((uintptr_t)r.base == rd.user_addr && !r.mapped, "the caller's memory");
	check(sluice_user_buf(&r) == BUFS - 4 && r.user_off == (BUFS - 4) * BUF_SIZE,
	      "the last buffers are the application's");
	check(sluice_region_register(&ring, &other, &reg) == -EBUSY, "only once");
	check(!sluice_region_unregister(&r) && sluice_region_unregister(&r) == -ENXIO,
	      "unregister");
	sluice_region_exit(&r);
	free((void *)(uintptr_t)rd.user_addr);
}

static void test_mmap_only(void)
{
	struct sluice_region r, other;

	open_region(&r, ENTRIES, 77, 0);
	need(!sluice_region_mmap(&ring, &other, 0), "mapped again");
	check(other.size == r.size && other.data_size == r.data_size, "the same size");
	strcpy(sluice_buf_addr(&r, 1), "hello");
	check(!strcmp(sluice_buf_addr(&other, 1), "hello"), "the same memory");
	munmap(other.base, other.size);
	((struct io_unified_ctrl *)r.base)->magic = 1;
	check(sluice_region_mmap(&ring, &other, 0) == -EPROTO, "not one of ours");
	close_region(&r);
}

static void test_ifq(void)
{
	static const char path[] = "/dev/null";
	struct io_unified_reg reg = {
		.nvme_dev_path		= (uintptr_t)path,
		.sq_entries		= ENTRIES,
		.cq_entries		= 2 * ENTRIES,
		.buffer_entries		= BUFS,
		.buffer_entry_size	= BUF_SIZE,
	};
	struct io_unified_cqe *cqe;
	struct io_unified_sqe *sqe;
	struct sluice_region r;

	k.size = 1;
	check(sluice_region_register_ifq(&ring, &r, &reg) == -EINVAL, "refused");
	k.size = sluice_ifq_size(ENTRIES, 2 * ENTRIES, BUFS, BUF_SIZE);
	k.first = 5;
	need(!sluice_region_register_ifq(&ring, &r, &reg), "register");
	check(!reg.region_ptr, "no pointer to a stack is left");
	check(r.sq_entries == ENTRIES && r.cq_entries == 2 * ENTRIES &&
	      sluice_nr_bufs(&r) == BUFS && r.ns.lba_size == 0, "as registered");
	sqe = sluice_get_sqe(&r);
	sluice_sqe_set_data64(sqe, 42);
	check(sluice_submit(&r) == 1 && !sluice_peek_cqe(&r, &cqe) &&
	      sluice_cqe_get_data64(cqe) == 42, "one entry, one completion");
	sluice_cqe_seen(&r, cqe);
	/* the sanitizer would tell if this were not unmapped, or the stack used */
	sluice_region_exit(&r);
}

static void test_full(__u32 first)
{
	struct io_unified_cqe *cqe, *cqes[2 * ENTRIES];
	struct io_unified_sqe *sqe;
	struct sluice_region r;
	__u32 i, head, seen = 0;

	open_region(&r, ENTRIES, first, 0);
	check(sluice_peek_cqe(&r, &cqe) == -EAGAIN && !cqe, "nothing yet");
	check(sluice_submit(&r) == 0 && !k.enters, "nothing to submit, no call");
	for (i = 0; i < ENTRIES; i++) {
		check(sluice_sq_space_left(&r) == ENTRIES - i, "room for %u", ENTRIES - i);
		sqe = sluice_get_sqe(&r);
		need(sqe && !sqe->__pad && !sqe->user_data, "an empty entry");
		memset(sqe, 0xff, sizeof(*sqe));	/* what is left for the next */
		sqe->flags = 0;
		sluice_sqe_set_data64(sqe, i);
	}
	check(!sluice_get_sqe(&r), "the SQ is full");
	check(k.sq->producer == first, "nothing is published yet");
	check(sluice_submit(&r) == ENTRIES && k.enters == 1, "one call for all");
	check(sluice_sq_ready(&r) == 0, "all are taken");

	/* these find the CQ full */
	for (i = 0; i < ENTRIES; i++) {
		sqe = sluice_get_sqe(&r);
		need(sqe && !sqe->__resv[1] && !sqe->nvme_cmd.cdw15, "zeroes again");
		sluice_sqe_set_data64(sqe, ENTRIES + i);
	}
	check(sluice_submit(&r) == ENTRIES, "submitted");
	check(sluice_cq_has_overflow(&r), "completions wait");
	check(sluice_cq_ready(&r) == ENTRIES, "the CQ is full");

	check(sluice_peek_batch_cqe(&r, cqes, 3) == 3 &&
	      sluice_cqe_get_data64(cqes[2]) == 2, "a batch");
	check(sluice_peek_batch_cqe(&r, cqes, 2 * ENTRIES) == ENTRIES, "all of it");
	sluice_for_each_cqe(&r, head, cqe) {
		check(cqe->user_data == seen, "in order: %llu", cqe->user_data);
		seen++;
	}
	check(seen == ENTRIES, "each once, %u", seen);
	check(k.cq->consumer == first, "nothing is given back yet");
	sluice_cq_advance(&r, seen);
	check(k.cq->consumer == first + ENTRIES, "now it is");
	i = k.enters;
	while (!sluice_peek_cqe(&r, &cqe)) {
		check(cqe->user_data == seen, "in order: %llu", cqe->user_data);
		seen++;
		sluice_cqe_seen(&r, cqe);
	}
	check(seen == 2 * ENTRIES, "none is lost, %u", seen);
	check(k.enters == i + 1, "one call for what waited");
	check(!sluice_cq_has_overflow(&r), "none waits");
	close_region(&r);
}

static void test_partial(void)
{
	struct sluice_region r;
	__u32 i;

	open_region(&r, ENTRIES, -3u, 0);
	for (i = 0; i < 4; i++)
		sluice_sqe_set_data64(sluice_get_sqe(&r), i);
	k.error = -EINTR;
	check(sluice_submit(&r) == -EINTR, "the call's error");
	check(sluice_sq_ready(&r) == 4, "published all the same");
	k.limit = 3;
	check(sluice_submit(&r) == 0 && sluice_sq_ready(&r) == 1, "the kernel takes three");
	check(sluice_sq_space_left(&r) == ENTRIES - 1, "and these are free");
	check(sluice_submit(&r) == 0 && sluice_sq_ready(&r) == 0, "and the last");
	check(k.sum == 0 + 1 + 2 + 3, "each once");
	close_region(&r);
}

static void test_poller_wakeup(void)
{
	struct sluice_region r;

	open_region(&r, ENTRIES, -1u, IO_UNIFIED_REG_POLL);
	sluice_get_sqe(&r);
	check(sluice_submit(&r) == 1 && !k.enters, "it is awake: no call");
	k.sq->flags = IO_UNIFIED_RING_NEED_WAKEUP;
	check(sluice_submit(&r) == 0 && k.enters == 1 &&
	      k.last_flags == IORING_ENTER_SQ_WAKEUP, "it slept over an entry");
	kernel_drain();
	k.sq->flags = IO_UNIFIED_RING_NEED_WAKEUP;
	check(sluice_submit(&r) == 0 && k.enters == 1, "nothing to do: it may sleep");
	close_region(&r);
}

static void test_wait(void)
{
	struct __kernel_timespec ts = { .tv_nsec = 20 * 1000 * 1000 };
	struct io_unified_cqe *cqe;
	struct timespec a, b;
	struct sluice_region r;
	long long ns;

	open_region(&r, ENTRIES, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	check(sluice_wait_cqe_timeout(&r, &cqe, &ts) == -ETIME && !cqe, "time is up");
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
	check(ns >= ts.tv_nsec, "not before, after %lld ns", ns);
	check(k.enters && k.last_flags == IORING_ENTER_GETEVENTS, "it asks the kernel");
	k.error = -EEXIST;
	check(sluice_wait_cqe(&r, &cqe) == -EEXIST, "the call's error");
	k.error = -EINTR;
	sluice_sqe_set_data(sluice_get_sqe(&r), &r);
	/* published, but not drained: waiting does that */
	__atomic_store_n(&r.sq->producer, r.sq->cached_producer, __ATOMIC_RELEASE);
	check(!sluice_wait_cqe(&r, &cqe) && sluice_cqe_get_data(cqe) == &r, "it comes");
	sluice_cqe_seen(&r, cqe);
	close_region(&r);
}

static void test_prep(void)
{
	struct io_unified_sqe none = { 0 }, sqe;
	struct io_uring_sqe usqe;
	struct sluice_region r;
	struct sluice_ns ns;

	open_region(&r, ENTRIES, 0, 0);
	need(!sluice_region_add_dev(&r, 0, &ns) && ns.dev == 1 && ns.lba_shift == 12 &&
	     ns.nsid == 5, "one more device");

	sqe = none;
	sluice_prep_write(&sqe, &r.ns, 0x123456789aULL, 8192, 4096);
	check(sqe.nvme_cmd.opcode == 1 && sqe.nvme_cmd.nsid == 3 && sqe.dev == 0 &&
	      sqe.nvme_cmd.cdw10 == 0x3456789a && sqe.nvme_cmd.cdw11 == 0x12 &&
	      sqe.nvme_cmd.cdw12 == 7 && sqe.nvme_cmd.data_len == 4096 &&
	      sqe.buf_offset == 8192, "write");
	sqe = none;
	sluice_prep_read(&sqe, &ns, 1, 0, 65536u * 4096u / 2);
	check(sqe.nvme_cmd.opcode == 2 && sqe.nvme_cmd.nsid == 5 && sqe.dev == 1 &&
	      sqe.nvme_cmd.cdw12 == 32767, "read from the second");
	sqe = none;
	sluice_prep_zone_append(&sqe, &ns, 0, 0, 4096);
	check(sqe.nvme_cmd.opcode == 0x7d && sqe.nvme_cmd.cdw12 == 0, "zone append");
	sqe = none;
	sluice_prep_flush(&sqe, &ns);
	check(sqe.nvme_cmd.opcode == 0 && sqe.nvme_cmd.nsid == 5 && !sqe.nvme_cmd.data_len,
	      "flush");
	sqe = none;
	sluice_prep_return(&sqe, 12288);
	check(sqe.flags == IO_UNIFIED_SQE_RETURN && sqe.buf_offset == 12288 &&
	      !memcmp(&sqe.nvme_cmd, &none.nvme_cmd, sizeof(sqe.nvme_cmd)), "return");
	sqe = none;
	sluice_sqe_set_meta(&sqe, 4096, 64);
	check(sqe.meta_offset == 4096 && sqe.nvme_cmd.metadata_len == 64, "metadata");

	/* the kernel has to refuse these, not to transfer less */
	static const __u32 bad[] = { 0, 65537u * 512, ~0u };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sqe = none;
		sluice_prep_read(&sqe, &r.ns, 0, 0, bad[i]);
		check((sqe.nvme_cmd.cdw12 + 1ULL) * 512 > sqe.nvme_cmd.data_len &&
		      !(sqe.nvme_cmd.cdw12 >> 16), "%u bytes", bad[i]);
	}
	sqe = none;
	sluice_prep_read(&sqe, &r.ns, 0, 0, 700);
	check(sqe.nvme_cmd.cdw12 == 1 && sqe.nvme_cmd.data_len == 700, "700 bytes");
	sqe = none;
	sluice_prep_read(&sqe, &r.ns, 0, 0, 65536u * 512);
	check(sqe.nvme_cmd.cdw12 == 65535 && sqe.nvme_cmd.data_len == 65536u * 512,
	      "as much as the field can say");
	sluice_ns_set_lba(&ns, 0);
	sqe = none;
	sluice_prep_read(&sqe, &ns, 0, 0, 4096);
	check(sqe.nvme_cmd.cdw12 == 65535 && !sqe.nvme_cmd.data_len,
	      "blocks of unknown size");

	memset(&usqe, 0xff, sizeof(usqe));
	io_uring_initialize_sqe(&usqe);
	sluice_prep_unified(&usqe, IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_BPF, -1,
			    8192, 4096, 1ULL << 33, IORING_UNIFIED_F_WRITE);
	check(usqe.opcode == IORING_OP_UNIFIED && usqe.fd == -1 && usqe.off == 5 &&
	      usqe.addr == 8192 && usqe.len == 4096 && usqe.addr3 == 1ULL << 33 &&
	      usqe.rw_flags == IORING_UNIFIED_F_WRITE && !usqe.ioprio && !usqe.buf_index,
	      "IORING_OP_UNIFIED");
	ns.dev = 1;
	sluice_unified_set_dev(&usqe, &ns);
	check(usqe.buf_index == 1, "on the second");
	sluice_prep_unified_recv_multishot(&usqe, IORING_UNIFIED_OP_NETWORK, 7, 512, 0, 0);
	check(usqe.off == IORING_UNIFIED_OP_NETWORK && usqe.fd == 7 && !usqe.addr &&
	      usqe.len == 512 && usqe.ioprio == IORING_RECV_MULTISHOT, "receive");
	close_region(&r);
}

static void test_status(void)
{
	struct io_unified_cqe cqe = { 0 };

	check(!sluice_cqe_error(&cqe), "success");
	cqe.status = 0x4080;
	check(sluice_cqe_error(&cqe) == -EIO && sluice_status_sc(cqe.status) == 0x80 &&
	      !sluice_status_sct(cqe.status) && sluice_status_dnr(cqe.status), "device");
	check(!strcmp(sluice_status_str(cqe.status), "LBA out of range"), "in words");
	check(!strcmp(sluice_status_str(0x281), "unrecovered read error"), "media");
	check(!strcmp(sluice_status_str(0x7ff), "vendor specific status"), "vendor");
	cqe.status = IO_UNIFIED_STATUS_HOST;
	cqe.result = -EFAULT;
	check(sluice_cqe_error(&cqe) == -EFAULT && sluice_status_host(cqe.status), "host");
	check(!strcmp(sluice_status_str(cqe.status), "host error"), "in words");
	for (__u32 s = 0; s < 0x20000; s++)
		check(sluice_status_str(s)[0], "%#x", s);
}

static void test_stats(void)
{
	struct io_unified_stats st;
	struct sluice_region r;

	open_region(&r, ENTRIES, 0, 0);
	k.stats->rx.bufs = 10;
	k.stats->rx.bytes = 1000;
	k.stats->written.bufs = 7;
	k.stats->written.bytes = 700;
	k.stats->in_flight.bufs = 3;
	k.stats->in_flight.bytes = 300;
	k.stats->stage_errors = 9;
	check(!sluice_stats(&r, &st) && !memcmp(&st, k.stats, sizeof(st)), "a copy");
	check(sluice_stats_conserved(&st), "conserved");
	st.written.bytes--;
	check(!sluice_stats_conserved(&st), "a byte is missing");
	st.written.bytes++;
	st.dropped.bufs++;
	check(!sluice_stats_conserved(&st), "a record too many");
	close_region(&r);
}

/*
 * Both sides at once, through the end of the index: what one publishes, the
 * other finds complete.  The thread sanitizer looks at the ordering.
 */
#define COUNT	100000u

static bool stop;

static void *kernel_thread(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) || !kernel_idle()) {
		if (k.nr_waiting)
			kernel_flush_waiting();
		/* more may wait than there is room for, if nobody consumes */
		if (k.nr_waiting || !kernel_drain())
			sched_yield();
	}
	return NULL;
}

static void test_threads(__u32 entries)
{
	struct io_uring_region_desc rd = { 0 };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= entries,
		.cq_entries	= entries,
		.region_size	= sluice_region_size(entries, entries, BUFS * BUF_SIZE),
		.region_uptr	= (uintptr_t)&rd,
		.flags		= IO_UNIFIED_REG_POLL,
	};
	__u32 sent = 0, seen = 0, head, nr;
	struct io_unified_sqe *sqe;
	struct io_unified_cqe *cqe;
	struct sluice_region r;
	pthread_t thread;
	__u64 sum = 0;

	/* one address for both, or the sanitizer would see two memories */
	rd.size = reg.region_size;
	rd.user_addr = (uintptr_t)aligned_alloc(4096, rd.size);
	memset((void *)(uintptr_t)rd.user_addr, 0, rd.size);
	/* the thread is the poller, and never sleeps: nobody calls it */
	k.first = -(COUNT / 2);
	need(!sluice_region_register(&ring, &r, &reg), "register");
	stop = false;
	pthread_create(&thread, NULL, kernel_thread, NULL);
	while (seen < COUNT) {
		while (sent < COUNT && sent - seen < 2 * entries &&
		       (sqe = sluice_get_sqe(&r))) {
			sluice_prep_write(sqe, &r.ns, sent, sent, 512);
			sluice_sqe_set_data64(sqe, sent++);
			if (sent % 3 == 0)
				sluice_submit(&r);
		}
		sluice_submit(&r);
		nr = 0;
		sluice_for_each_cqe(&r, head, cqe) {
			if (cqe->user_data != seen + nr || cqe->dma_addr != seen + nr ||
			    cqe->len != 512)
				failures++;
			sum += cqe->user_data;
			nr++;
		}
		sluice_cq_advance(&r, nr);
		seen += nr;
		if (!nr)
			sched_yield();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check(sum == COUNT * (COUNT - 1ULL) / 2 && k.sum == sum, "each once");
	check(k.sq_head == COUNT - COUNT / 2 && r.cq->consumer == k.sq_head,
	      "through the end of the index");
	check(!k.enters, "without a call");
	sluice_region_exit(&r);
	free((void *)(uintptr_t)rd.user_addr);
}

int main(void)
{
	ring.ring_fd = memfd_create("ring", MFD_CLOEXEC);
	if (ring.ring_fd < 0 || sysconf(_SC_PAGESIZE) != 4096)
		return 77;

	test_layout();
	test_buffers();
	test_user_memory();
	test_mmap_only();
	test_ifq();
	test_full(0);
	test_full(-256u);
	test_full(-5u);
	test_full(0x7ffffffcu);
	test_partial();
	test_poller_wakeup();
	test_wait();
	test_prep();
	test_status();
	test_stats();
	test_threads(1);
	test_threads(16);
	printf("%d failures\n", failures);
	return !!failures;
}
