// SPDX-License-Identifier: GPL-2.0
/*
 * region: a unified region and its rings, without any library.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "region.h"
#include "tap.h"

#define PAGES(n)	(((n) + 4095ul) & ~4095ul)
#define WAIT_MS		60000

unsigned int region_idle_ms = REGION_IDLE_MS;

int ring_create(unsigned int entries, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };
	int fd;

	if (flags & IORING_SETUP_DEFER_TASKRUN)
		p.flags |= IORING_SETUP_SINGLE_ISSUER;
	fd = syscall(__NR_io_uring_setup, entries, &p);
	return fd < 0 ? -errno : fd;
}

int ring_register(int ring, unsigned int op, void *arg, unsigned int nr)
{
	return syscall(__NR_io_uring_register, ring, op, arg, nr) < 0 ? -errno : 0;
}

int ring_enter(int ring)
{
	return syscall(__NR_io_uring_enter, ring, 0, 0, 0, NULL, 0) < 0 ? -errno : 0;
}

int region_open(struct region *r, int nvme_fd, size_t data_size,
		unsigned int reg_flags, unsigned int how)
{
	struct io_uring_region_desc rd = { };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= REGION_ENTRIES,
		.cq_entries	= REGION_ENTRIES,
		.nvme_fd	= nvme_fd,
		.flags		= reg_flags,
		.sq_idle	= reg_flags & IO_UNIFIED_REG_POLL ? region_idle_ms : 0,
	};
	struct io_unified_ctrl *ctrl;
	int ret;

	memset(r, 0, sizeof(*r));
	r->size = 4096 + PAGES(REGION_ENTRIES * sizeof(*r->sqes)) +
		  PAGES(REGION_ENTRIES * sizeof(*r->cqes)) + data_size;
	reg.region_size = r->size;
	r->ring = ring_create(8, (how & REGION_DEFER ? IORING_SETUP_DEFER_TASKRUN : 0) |
			      (how & REGION_DISABLED ? IORING_SETUP_R_DISABLED : 0));
	if (r->ring < 0)
		return r->ring;
	if (how & REGION_USER) {
		r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
			       MAP_ANONYMOUS | MAP_SHARED, -1, 0);
		/* the odd pages first: neighbours are none in physical memory */
		for (size_t i = 0; i < r->size / 4096; i += 2)
			r->base[(i + 1) * 4096 % r->size] = 0;
		for (size_t i = 0; i < r->size / 4096; i += 2)
			r->base[i * 4096] = 0;
		rd.user_addr = (uintptr_t)r->base;
		rd.size = r->size;
		rd.flags = IORING_MEM_REGION_TYPE_USER;
		reg.region_uptr = (uintptr_t)&rd;
	}
	ret = ring_register(r->ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (!ret && !(how & REGION_USER))
		r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       r->ring, IORING_MAP_OFF_UNIFIED_REGION);
	if (!ret && r->base == MAP_FAILED)
		ret = -errno;
	if (ret) {
		if (r->base && r->base != MAP_FAILED)
			munmap(r->base, r->size);
		close(r->ring);
		return ret;
	}
	ctrl = (void *)(r->base + reg.offsets.ctrl);
	r->sq = &ctrl->sq;
	r->cq = &ctrl->cq;
	r->stats = &ctrl->stats;
	r->sqes = (void *)(r->base + reg.offsets.sq_entries);
	r->cqes = (void *)(r->base + reg.offsets.cq_entries);
	r->data = r->base + reg.offsets.data;
	r->data_size = data_size;
	return 0;
}

int region_open_ifq(struct region *r, const char *path, size_t data_size,
		    unsigned int reg_flags)
{
	struct io_uring_region_desc rd = { };
	struct io_unified_reg reg = {
		.region_ptr		= (uintptr_t)&rd,
		.nvme_dev_path		= (uintptr_t)path,
		.sq_entries		= REGION_ENTRIES,
		.cq_entries		= REGION_ENTRIES,
		.buffer_entries		= data_size / 4096,
		.buffer_entry_size	= 4096,
		.flags			= reg_flags,
		.sq_idle		= reg_flags & IO_UNIFIED_REG_POLL ? region_idle_ms : 0,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	r->size = 2 * 4096 + PAGES(REGION_ENTRIES * sizeof(*r->sqes)) +
		  PAGES(REGION_ENTRIES * sizeof(*r->cqes)) + data_size;
	r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	rd.user_addr = (uintptr_t)r->base;
	rd.size = r->size;
	r->ring = ring_create(8, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32 |
			      IORING_SETUP_SQE128);
	if (r->ring < 0)
		return r->ring;
	ret = ring_register(r->ring, IORING_REGISTER_UNIFIED_IFQ, &reg, 1);
	if (ret) {
		munmap(r->base, r->size);
		close(r->ring);
		return ret;
	}
	r->sq = (void *)(r->base + reg.offsets.sq_ring);
	r->cq = (void *)(r->base + reg.offsets.cq_ring);
	r->stats = (void *)r->cq + IO_UNIFIED_STATS_OFFSET;
	r->sqes = (void *)(r->base + reg.offsets.sq_entries);
	r->cqes = (void *)(r->base + reg.offsets.cq_entries);
	r->data = r->base + reg.offsets.buffers;
	r->data_size = data_size;
	return 0;
}

int region_close(struct region *r)
{
	int ret = ring_register(r->ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);

	munmap(r->base, r->size);
	close(r->ring);
	return ret;
}

int region_add_dev(struct region *r, int fd, struct io_unified_dev_reg *reg)
{
	struct io_unified_dev_reg tmp = { .fd = fd };
	int ret = ring_register(r->ring, IORING_REGISTER_UNIFIED_DEV, &tmp, 1);

	if (reg)
		*reg = tmp;
	return ret ?: (int)tmp.dev;
}

void region_queue(struct region *r, const struct io_unified_sqe *sqe)
{
	r->sqes[(r->sq->producer + r->queued++) & r->sq->ring_mask] = *sqe;
}

int region_submit(struct region *r)
{
	__atomic_store_n(&r->sq->producer, r->sq->producer + r->queued,
			 __ATOMIC_RELEASE);
	r->queued = 0;
	return ring_enter(r->ring);
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

void be_patient(uint64_t begin)
{
	/* who polls for long takes the CPU from those it waits for */
	if (now_ms() - begin < 20)
		sched_yield();
	else
		usleep(2000);
}

int region_reap(struct region *r, struct io_unified_cqe *cqe, unsigned int ms)
{
	unsigned int head = r->cq->consumer;
	uint64_t begin = now_ms();

	while (__atomic_load_n(&r->cq->producer, __ATOMIC_ACQUIRE) == head) {
		if (now_ms() - begin > ms)
			return -ETIME;
		be_patient(begin);
	}
	*cqe = r->cqes[head & r->cq->ring_mask];
	__atomic_store_n(&r->cq->consumer, head + 1, __ATOMIC_RELEASE);
	return 0;
}

struct io_unified_cqe region_run(struct region *r, const struct io_unified_sqe *sqe)
{
	struct io_unified_cqe cqe;

	region_queue(r, sqe);
	region_submit(r);
	if (region_reap(r, &cqe, WAIT_MS))
		bail_out("no completion of opcode %#x", sqe->nvme_cmd.opcode);
	return cqe;
}
