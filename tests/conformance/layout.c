// SPDX-License-Identifier: GPL-2.0
/*
 * layout: the structs of the two documents lie in those of the header as the
 * documents have them, and the calls work for who was compiled for 32 bits.
 *
 * Usage: layout BLOCK_NODE
 *
 * Built twice, also with -m32; what both print must be the same.  The first
 * KiB of the namespace is overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/io_uring/query.h>

#include "region.h"
#include "tap.h"

#define LBA	512

/* The first document, word for word */
struct doc_ring {
	__u32 producer;
	__u32 consumer;
	__u32 cached_producer;
	__u32 cached_consumer;
	__u32 flags;
	__u32 ring_entries;
	__u64 ring_mask;
	__u64 ring_size;
};

struct doc_sqe {
	struct nvme_uring_cmd nvme_cmd;
	__u64 buf_offset;
	__u64 user_data;
	__u32 flags;
	__u32 __pad;
};

struct doc_cqe {
	__u64 user_data;
	__s32 result;
	__u32 status;
	__u64 dma_addr;
	__u32 len;
	__u32 flags;
};

struct doc_reg {
	__u64 region_ptr;
	__u64 nvme_dev_path;
	__u32 sq_entries;
	__u32 cq_entries;
	__u32 buffer_entries;
	__u32 buffer_entry_size;
	__u32 flags;
	__u32 __resv[3];

	struct {
		__u64 sq_ring;
		__u64 cq_ring;
		__u64 sq_entries;
		__u64 cq_entries;
		__u64 buffers;
	} offsets;
};

#define SAME(doc, ours, member)						\
	(offsetof(struct doc, member) == offsetof(struct ours, member) &&	\
	 sizeof(((struct doc *)0)->member) == sizeof(((struct ours *)0)->member))

static void test_documents(void)
{
	ok(SAME(doc_ring, io_unified_ring, producer) &&
	   SAME(doc_ring, io_unified_ring, consumer) &&
	   SAME(doc_ring, io_unified_ring, cached_producer) &&
	   SAME(doc_ring, io_unified_ring, cached_consumer) &&
	   SAME(doc_ring, io_unified_ring, flags) &&
	   SAME(doc_ring, io_unified_ring, ring_entries) &&
	   SAME(doc_ring, io_unified_ring, ring_mask) &&
	   SAME(doc_ring, io_unified_ring, ring_size) &&
	   sizeof(struct doc_ring) == sizeof(struct io_unified_ring),
	   "struct io_unified_ring is the document's");
	ok(SAME(doc_sqe, io_unified_sqe, nvme_cmd) &&
	   SAME(doc_sqe, io_unified_sqe, buf_offset) &&
	   SAME(doc_sqe, io_unified_sqe, user_data) &&
	   SAME(doc_sqe, io_unified_sqe, flags) &&
	   SAME(doc_sqe, io_unified_sqe, __pad) &&
	   sizeof(struct io_unified_sqe) == 128,
	   "struct io_unified_sqe begins with the document's and has its 128 bytes");
	ok(SAME(doc_cqe, io_unified_cqe, user_data) &&
	   SAME(doc_cqe, io_unified_cqe, result) &&
	   SAME(doc_cqe, io_unified_cqe, status) &&
	   SAME(doc_cqe, io_unified_cqe, dma_addr) &&
	   SAME(doc_cqe, io_unified_cqe, len) &&
	   SAME(doc_cqe, io_unified_cqe, flags) &&
	   sizeof(struct io_unified_cqe) == 64,
	   "struct io_unified_cqe begins with the document's and has its 64 bytes");
	ok(SAME(doc_reg, io_unified_reg, region_ptr) &&
	   SAME(doc_reg, io_unified_reg, nvme_dev_path) &&
	   SAME(doc_reg, io_unified_reg, sq_entries) &&
	   SAME(doc_reg, io_unified_reg, cq_entries) &&
	   SAME(doc_reg, io_unified_reg, buffer_entries) &&
	   SAME(doc_reg, io_unified_reg, buffer_entry_size) &&
	   SAME(doc_reg, io_unified_reg, flags) &&
	   offsetof(struct doc_reg, __resv) == offsetof(struct io_unified_reg, sq_idle) &&
	   SAME(doc_reg, io_unified_reg, offsets) &&
	   sizeof(struct doc_reg) == sizeof(struct io_unified_reg),
	   "struct io_unified_reg is the document's, with a use for what it reserves");
}

/* A command each way: the rings, the data area and the statistics are at hand */
static void test_io(struct region *r, unsigned char seed, const char *how)
{
	struct io_unified_sqe sqe = {
		.nvme_cmd = { .opcode = 1, .nsid = 1, .data_len = LBA,
			      .cdw10 = seed },
		.user_data = 0xfedcba9876543210ull,
	};
	struct io_unified_cqe cqe;

	memset(r->data, seed, LBA);
	cqe = region_run(r, &sqe);
	ok(!cqe.status && cqe.len == LBA && !cqe.dma_addr &&
	   cqe.user_data == 0xfedcba9876543210ull, "%s: a Write completes", how);
	sqe.nvme_cmd.opcode = 2;
	sqe.buf_offset = 4096;
	cqe = region_run(r, &sqe);
	ok(!cqe.status && cqe.dma_addr == 4096 &&
	   !memcmp(r->data + 4096, r->data, LBA), "%s: ... and a Read returns it", how);
	ok(r->stats->nvme_cmds == 2 && !r->stats->nvme_errors,
	   "%s: ... and the statistics count both", how);
}

static void test_pointer(int fd)
{
	struct io_uring_region_desc rd = { .size = 65536 };
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 1, .cq_entries = 1, .region_size = 65536,
		.nvme_fd = fd, .region_ptr = &rd,
	};
	int ring = ring_create(8, 0);
	char *mem = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);

	rd.user_addr = (uintptr_t)mem;
	ok(reg.region_uptr == (uintptr_t)&rd,
	   "region_ptr in an initializer is the whole of region_uptr");
	ok(!ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1),
	   "a region is registered by the pointer");
	ok(((struct io_unified_ctrl *)mem)->magic == IO_UNIFIED_MAGIC &&
	   reg.offsets.data == 3 * 4096, "... in the memory that it names");
	ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);

	/* what a 32-bit pointer leaves of region_uptr, if nobody cleared it */
	reg.region_uptr = 1ull << 63 | (uintptr_t)&rd;
	ok(ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1) == -EFAULT,
	   "something above the pointer is EFAULT");
	reg.region_uptr = (uintptr_t)&rd;
	ok(!ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &reg, 1),
	   "... and leaves nothing behind");
	close(ring);
	munmap(mem, 65536);
}

static void test_query(void)
{
	struct io_uring_query_unified q = { };
	struct io_uring_query_hdr hdr = {
		.query_data = (uintptr_t)&q,
		.query_op = IO_URING_QUERY_UNIFIED,
		.size = sizeof(q),
	};

	ok(!ring_register(-1, IORING_REGISTER_QUERY, &hdr, 0) && !hdr.result &&
	   hdr.size == sizeof(q), "IO_URING_QUERY_UNIFIED answers, without a ring");
	ok(q.reg_flags & IO_UNIFIED_REG_POLL &&
	   q.op_mask == (IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_NETWORK |
			 IORING_UNIFIED_OP_BPF) &&
	   q.max_devs == IO_UNIFIED_MAX_DEVS && q.driver,
	   "... with what the header has");
}

int main(int argc, char **argv)
{
	struct io_unified_dev_reg dev = { };
	struct region r;
	int fd, ret;

	if (argc != 2) {
		fprintf(stderr, "usage: layout BLOCK_NODE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		bail_out("%s: %s", argv[1], strerror(errno));
	test_documents();
	test_query();

	ret = region_open_ifq(&r, argv[1], 16384, 0);
	if (ok(!ret, "IORING_REGISTER_UNIFIED_IFQ")) {
		test_io(&r, 1, "IFQ");
		region_close(&r);
	}
	ret = region_open(&r, fd, 16384, 0, 0);
	if (ok(!ret, "IORING_REGISTER_UNIFIED_REGION in the kernel's memory")) {
		test_io(&r, 2, "kernel memory");
		region_close(&r);
	}
	ret = region_open(&r, 0, 16384, 0, REGION_USER);
	if (ok(!ret, "IORING_REGISTER_UNIFIED_REGION in the user's memory")) {
		ok(!region_add_dev(&r, fd, &dev) && dev.nsid == 1 &&
		   dev.lba_size == LBA && dev.nr_lbas,
		   "IORING_REGISTER_UNIFIED_DEV");
		test_io(&r, 3, "user memory");
		region_close(&r);
	}
	test_pointer(fd);
	return tap_end();
}
