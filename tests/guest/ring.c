// SPDX-License-Identifier: GPL-2.0
/*
 * ring: both registration calls and the rings, against a real namespace.
 *
 * Usage: ring BLOCK_NODE GENERIC_NODE
 *
 * Overwrites the first MiB of the namespace.  What is written by the rings is
 * read back through the block device, and the other way round.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include <linux/io_uring/unified.h>

#define NVME_FLUSH	0x00
#define NVME_WRITE	0x01
#define NVME_READ	0x02

#define ENTRIES		32
#define BUF_SIZE	4096
#define BUFS		64
#define WAIT_MS		10000

static int failures;
static const char *block_node, *generic_node;
static unsigned int lba_size = 512;

static void check(int ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s - ", ok ? "ok" : "not ok");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	failures += !ok;
}

static int ring_create(unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };

	if (flags & IORING_SETUP_DEFER_TASKRUN)
		p.flags |= IORING_SETUP_SINGLE_ISSUER;
	return syscall(__NR_io_uring_setup, 8, &p);
}

static int reg(int ring, unsigned int op, void *arg, unsigned int nr)
{
	return syscall(__NR_io_uring_register, ring, op, arg, nr) < 0 ? -errno : 0;
}

static void enter(int ring)
{
	if (syscall(__NR_io_uring_enter, ring, 0, 0, 0, NULL, 0) < 0)
		perror("io_uring_enter");
}

/* A registered region, of either layout */
struct region {
	int			ring;
	char			*base;
	size_t			size;
	struct io_unified_ring	*sq, *cq;
	struct io_unified_sqe	*sqes;
	struct io_unified_cqe	*cqes;
	char			*bufs;
};

#define PAGES(n)	(((n) + 4095ul) & ~4095ul)
#define REGION_SIZE	(2 * 4096 + PAGES(ENTRIES * 128) + PAGES(ENTRIES * 64) + \
			 BUFS * BUF_SIZE)

/* As the document's usage example has it */
static int region_ifq(struct region *r, const char *path)
{
	struct io_uring_region_desc rd = { };
	struct io_unified_reg ur = {
		.region_ptr		= (uintptr_t)&rd,
		.nvme_dev_path		= (uintptr_t)path,
		.sq_entries		= ENTRIES,
		.cq_entries		= ENTRIES,
		.buffer_entries		= BUFS,
		.buffer_entry_size	= BUF_SIZE,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	r->size = REGION_SIZE;
	r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	rd.user_addr = (uintptr_t)r->base;
	rd.size = r->size;
	r->ring = ring_create(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32 |
			      IORING_SETUP_SQE128);
	ret = reg(r->ring, IORING_REGISTER_UNIFIED_IFQ, &ur, 1);
	if (ret)
		return ret;
	r->sq = (void *)(r->base + ur.offsets.sq_ring);
	r->cq = (void *)(r->base + ur.offsets.cq_ring);
	r->sqes = (void *)(r->base + ur.offsets.sq_entries);
	r->cqes = (void *)(r->base + ur.offsets.cq_entries);
	r->bufs = r->base + ur.offsets.buffers;
	return 0;
}

static int region_kernel(struct region *r, int nvme_fd)
{
	struct io_uring_unified_region_reg ur = {
		.sq_entries	= ENTRIES,
		.cq_entries	= ENTRIES,
		.region_size	= REGION_SIZE,
		.nvme_fd	= nvme_fd,
	};
	struct io_unified_ctrl *ctrl;
	int ret;

	memset(r, 0, sizeof(*r));
	r->size = REGION_SIZE;
	r->ring = ring_create(0);
	ret = reg(r->ring, IORING_REGISTER_UNIFIED_REGION, &ur, 1);
	if (ret)
		return ret;
	r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       r->ring, IORING_MAP_OFF_UNIFIED_REGION);
	if (r->base == MAP_FAILED)
		return -errno;
	ctrl = (void *)(r->base + ur.offsets.ctrl);
	r->sq = &ctrl->sq;
	r->cq = &ctrl->cq;
	r->sqes = (void *)(r->base + ur.offsets.sq_entries);
	r->cqes = (void *)(r->base + ur.offsets.cq_entries);
	r->bufs = r->base + ur.offsets.data;
	check(ctrl->magic == IO_UNIFIED_MAGIC && ctrl->data == ur.offsets.data,
	      "control page describes the layout");
	return 0;
}

static void region_close(struct region *r)
{
	if (r->base && r->base != MAP_FAILED)
		munmap(r->base, r->size);
	reg(r->ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(r->ring);
}

static struct io_unified_sqe *next_sqe(struct region *r, unsigned int ahead)
{
	struct io_unified_sqe *sqe;

	sqe = &r->sqes[(r->sq->producer + ahead) & r->sq->ring_mask];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

static void fill(struct io_unified_sqe *sqe, int op, uint64_t lba, uint64_t off,
		 unsigned int len, uint64_t data)
{
	sqe->nvme_cmd.opcode = op;
	sqe->nvme_cmd.nsid = 1;
	sqe->nvme_cmd.data_len = len;
	sqe->nvme_cmd.cdw10 = lba;
	sqe->nvme_cmd.cdw11 = lba >> 32;
	sqe->nvme_cmd.cdw12 = len ? len / lba_size - 1 : 0;
	sqe->buf_offset = off;
	sqe->user_data = data;
}

static void submit(struct region *r, unsigned int nr)
{
	__atomic_store_n(&r->sq->producer, r->sq->producer + nr, __ATOMIC_RELEASE);
	enter(r->ring);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The next completion, polled for as the documents do it */
static int reap(struct region *r, struct io_unified_cqe *cqe)
{
	unsigned int head = r->cq->consumer;
	long end = now_ms() + WAIT_MS;

	while (__atomic_load_n(&r->cq->producer, __ATOMIC_ACQUIRE) == head)
		if (now_ms() > end)
			return -ETIME;
	*cqe = r->cqes[head & r->cq->ring_mask];
	__atomic_store_n(&r->cq->consumer, head + 1, __ATOMIC_RELEASE);
	return 0;
}

static void pattern(char *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (i * 31 + i / 4096 * 7 + seed) & 0xff;
}

static int block_read(char *p, size_t len, off_t off)
{
	int fd = open(block_node, O_RDONLY | O_DIRECT);
	ssize_t n = pread(fd, p, len, off);

	close(fd);
	return n == (ssize_t)len;
}

static void test_write_read(struct region *r, unsigned int seed, const char *how)
{
	static char back[16 * BUF_SIZE] __attribute__((aligned(4096)));
	struct io_unified_cqe cqe;
	int bad = 0, i;

	pattern(r->bufs, sizeof(back), seed);
	for (i = 0; i < 16; i++)
		fill(next_sqe(r, i), NVME_WRITE, i * BUF_SIZE / lba_size,
		     i * BUF_SIZE, BUF_SIZE, 100 + i);
	submit(r, 16);
	for (i = 0; i < 16; i++)
		bad += reap(r, &cqe) || cqe.status || cqe.len != BUF_SIZE ||
		       cqe.dma_addr != (cqe.user_data - 100) * BUF_SIZE;
	check(!bad, "%s: 16 writes complete", how);
	check(r->sq->consumer == r->sq->producer, "%s: the SQ is empty again", how);
	check(block_read(back, sizeof(back), 0) &&
	      !memcmp(back, r->bufs, sizeof(back)),
	      "%s: the block device reads what was written", how);

	memset(r->bufs, 0, sizeof(back));
	fill(next_sqe(r, 0), NVME_READ, 0, 0, sizeof(back), 7);
	submit(r, 1);
	check(!reap(r, &cqe) && !cqe.status && cqe.user_data == 7 &&
	      !memcmp(back, r->bufs, sizeof(back)),
	      "%s: one read of 16 buffers returns it (status %x result %d)", how,
	      cqe.status, cqe.result);
	fill(next_sqe(r, 0), NVME_FLUSH, 0, 0, 0, 8);
	submit(r, 1);
	check(!reap(r, &cqe) && !cqe.status && cqe.user_data == 8,
	      "%s: flush", how);
}

static void test_cqe_errors(struct region *r)
{
	static const struct {
		const char *what;
		uint64_t lba, off;
		unsigned int len;
		int result;
		unsigned int sc;
	} t[] = {
		{ "LBA out of range", 1ull << 40, 0, BUF_SIZE, 0, 0x80 },
		{ "beyond the data area", 0, 1ull << 30, BUF_SIZE, -EFAULT, 0 },
		{ "offset that wraps", 0, -4096ull, BUF_SIZE, -EFAULT, 0 },
		{ "not a multiple of a dword", 0, 2, BUF_SIZE, -EINVAL, 0 },
	};
	struct io_unified_cqe cqe;

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fill(next_sqe(r, 0), NVME_WRITE, t[i].lba, t[i].off, t[i].len, i);
		submit(r, 1);
		if (reap(r, &cqe)) {
			check(0, "%s: no completion", t[i].what);
			continue;
		}
		if (t[i].sc)
			check(IO_UNIFIED_STATUS_SC(cqe.status) == t[i].sc &&
			      !IO_UNIFIED_STATUS_SCT(cqe.status),
			      "%s: status %#x", t[i].what, cqe.status);
		else
			check(cqe.status == IO_UNIFIED_STATUS_HOST &&
			      cqe.result == t[i].result,
			      "%s: status %#x, result %d", t[i].what, cqe.status,
			      cqe.result);
	}
	fill(next_sqe(r, 0), NVME_WRITE, 0, 0, BUF_SIZE, 1);
	next_sqe(r, 0);
	fill(next_sqe(r, 0), NVME_WRITE, 0, 0, BUF_SIZE, 1);
	r->sqes[r->sq->producer & r->sq->ring_mask].__resv[3] = 1;
	submit(r, 1);
	check(!reap(r, &cqe) && cqe.result == -EINVAL, "reserved field set");
	fill(next_sqe(r, 0), NVME_WRITE, 0, 0, BUF_SIZE, 1);
	r->sqes[r->sq->producer & r->sq->ring_mask].nvme_cmd.data_len = 512;
	submit(r, 1);
	check(!reap(r, &cqe) && cqe.result == -EINVAL,
	      "more blocks than the data has");
}

/* Nobody consumes: completions wait, none is lost, the flag says so */
static void test_cq_full(struct region *r)
{
	unsigned int i, seen = 0, done = 0;
	struct io_unified_cqe cqe;
	long end = now_ms() + WAIT_MS;

	for (i = 0; i < 2 * ENTRIES; i += 8) {
		for (unsigned int k = 0; k < 8; k++)
			fill(next_sqe(r, k), NVME_READ, 0, 0, BUF_SIZE, i + k);
		submit(r, 8);
	}
	while (!(__atomic_load_n(&r->cq->flags, __ATOMIC_ACQUIRE) &
		 IO_UNIFIED_RING_CQ_OVERFLOW) && now_ms() < end)
		;
	check(r->cq->flags & IO_UNIFIED_RING_CQ_OVERFLOW, "CQ full is flagged");
	while (done < 2 * ENTRIES && now_ms() < end) {
		while (r->cq->consumer != __atomic_load_n(&r->cq->producer,
							  __ATOMIC_ACQUIRE)) {
			reap(r, &cqe);
			seen += cqe.user_data;
			done++;
		}
		enter(r->ring);
	}
	check(done == 2 * ENTRIES && seen == ENTRIES * (2 * ENTRIES - 1),
	      "all %d completions arrive, each once (%u)", 2 * ENTRIES, done);
	check(!r->cq->flags, "the flag is gone");
}

static void test_hostile(struct region *r)
{
	unsigned int seed = 1;

	/* what is in there by now is nobody's business; the kernel survives it */
	for (int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 64; i++) {
			seed = seed * 1103515245 + 12345;
			((unsigned int *)r->sqes)[(seed >> 8) % (ENTRIES * 32)] = seed;
		}
		seed = seed * 1103515245 + 12345;
		r->sq->producer = seed;
		r->sq->consumer = r->cq->producer = r->cq->consumer = seed >> 3;
		r->sq->ring_mask = r->cq->ring_mask = ~0ull;
		r->sq->ring_entries = r->cq->ring_entries = seed;
		enter(r->ring);
	}
	check(1, "the kernel survives garbage in the rings");
}

static int try_region(struct io_uring_unified_region_reg *ur)
{
	int ring = ring_create(0), ret;

	ret = reg(ring, IORING_REGISTER_UNIFIED_REGION, ur, 1);
	/* closing a ring lets go of the device some time later, this at once */
	reg(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(ring);
	return ret;
}

static void test_register_errors(int nvme_fd)
{
	const struct io_uring_unified_region_reg good = {
		.sq_entries = ENTRIES, .cq_entries = ENTRIES,
		.region_size = REGION_SIZE, .nvme_fd = nvme_fd,
	};
	struct io_uring_unified_region_reg ur;
	int fd;

#define TRY(want, ...)							\
	do {								\
		int got;						\
									\
		ur = good;						\
		__VA_ARGS__;						\
		got = try_region(&ur);					\
		check(got == (want), "%s: %s", #__VA_ARGS__, strerror(-got)); \
	} while (0)
	TRY(0, ur.flags = 0);
	TRY(-EINVAL, ur.sq_entries = 0);
	TRY(-EINVAL, ur.sq_entries = 33);
	TRY(-EINVAL, ur.cq_entries = 1 << 16);
	TRY(-EINVAL, ur.region_size = 4096);
	TRY(-EINVAL, ur.region_size += 1);
	TRY(-EINVAL, ur.flags = 1);
	TRY(-EINVAL, ur.__resv[2] = 1);
	TRY(-EINVAL, ur.buf_size = 2048);
	TRY(-EINVAL, ur.net_rxq = 1);
	TRY(-EBADF, ur.nvme_fd = 999);
	TRY(-EFAULT, ur.region_uptr = 8);
	fd = open("/dev/null", O_RDWR);
	TRY(-ENODEV, ur.nvme_fd = fd);
	close(fd);
	fd = open(block_node, O_RDWR | O_EXCL);
	TRY(-EBUSY, ur.nvme_fd = nvme_fd);
	close(fd);
#undef TRY
	fd = ring_create(0);
	check(reg(fd, IORING_REGISTER_UNIFIED_REGION, NULL, 1) == -EINVAL,
	      "no argument: EINVAL");
	check(reg(fd, IORING_REGISTER_UNIFIED_REGION, (void *)8, 1) == -EFAULT,
	      "bad argument: EFAULT");
	check(reg(fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0) == -ENXIO,
	      "nothing to unregister: ENXIO");
	ur = good;
	check(!reg(fd, IORING_REGISTER_UNIFIED_REGION, &ur, 1), "register");
	check(reg(fd, IORING_REGISTER_UNIFIED_REGION, &ur, 1) == -EBUSY,
	      "second region: EBUSY");
	check(!reg(fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), "unregister");
	check(!reg(fd, IORING_REGISTER_UNIFIED_REGION, &ur, 1), "and again");
	reg(fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	close(fd);
	if (!fork()) {
		struct io_uring_unified_region_reg ur2 = good;

		_exit(setuid(65534) || try_region(&ur2) != -EPERM);
	}
	wait(&fd);
	check(!fd, "without CAP_SYS_ADMIN: EPERM");
}

static void test_probe(void)
{
	struct { struct io_uring_probe p; struct io_uring_probe_op ops[256]; } p = { };
	int ring = ring_create(0);

	check(!reg(ring, IORING_REGISTER_PROBE, &p, 256) &&
	      p.p.last_op >= IORING_OP_UNIFIED &&
	      p.ops[IORING_OP_UNIFIED].flags & IO_URING_OP_SUPPORTED &&
	      !(p.ops[IORING_OP_UNIFIED - 1].flags & IO_URING_OP_SUPPORTED),
	      "probe knows the opcode, and that the gap is one");
	close(ring);
}

int main(int argc, char **argv)
{
	struct region r;
	int fd, ret;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	block_node = argv[1];
	generic_node = argv[2];
	fd = open(generic_node, O_RDWR);

	test_probe();
	test_register_errors(fd);

	ret = region_ifq(&r, block_node);
	check(!ret, "IFQ on the block node: %s", strerror(-ret));
	if (!ret)
		test_write_read(&r, 1, "IFQ");
	region_close(&r);
	ret = region_ifq(&r, generic_node);
	check(!ret, "IFQ on the generic node: %s", strerror(-ret));
	region_close(&r);

	ret = region_kernel(&r, fd);
	check(!ret, "kernel memory: %s", strerror(-ret));
	if (!ret) {
		test_write_read(&r, 2, "kernel memory");
		test_cqe_errors(&r);
		test_cq_full(&r);
		test_hostile(&r);
	}
	region_close(&r);
	printf("%d failures\n", failures);
	return !!failures;
}
