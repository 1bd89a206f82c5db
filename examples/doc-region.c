// SPDX-License-Identifier: GPL-2.0
/*
 * doc-region: the example code of "io_uring Unified I/O", with the header's
 * names.
 *
 * Usage: doc-region NVME
 *
 * Reads the first 4096 bytes of the namespace into the region, past the stages
 * that are attached, and prints them.
 *
 * What the document writes as { ... } is its own registration example, without
 * the network, and with the kernel's memory; errors and the completion are
 * filled in.
 *
 * What it does well: it is as short as it can be.  What it does not do: attach a
 * stage; NVME | BPF goes on as if all had said NEXT.
 */
#include <err.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring/unified.h>

int main(int argc, char **argv)
{
	int nvme_fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	const unsigned int data_offset = 8192;
	struct io_uring_cqe *cqe;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: doc-region NVME\n");
		return 2;
	}
	if (nvme_fd < 0)
		err(1, "%s", argv[1]);

	/* Setup io_uring and unified region */
	struct io_uring ring;
	ret = io_uring_queue_init(256, &ring, 0);
	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));

	/* Register unified region */
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 256,
		.cq_entries = 256,
		.region_size = 16 * 1024 * 1024,  /* 16MB */
		.nvme_fd = nvme_fd,               /* Optional */
	};
	if (syscall(__NR_io_uring_register, ring.ring_fd,
		    IORING_REGISTER_UNIFIED_REGION, &reg, 1) < 0)
		err(1, "%s", argv[1]);

	/* Map region */
	void *region = mmap(NULL, reg.region_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, ring.ring_fd,
			    IORING_MAP_OFF_UNIFIED_REGION);
	if (region == MAP_FAILED)
		err(1, "mmap");

	/* Submit operation */
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	if (!sqe)
		errx(1, "no SQE");
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_UNIFIED;
	sqe->off = IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_BPF;
	sqe->addr = data_offset;
	sqe->len = 4096;

	io_uring_submit(&ring);

	ret = io_uring_wait_cqe(&ring, &cqe);
	if (!ret)
		ret = cqe->res;
	if (ret < 0)
		errx(1, "%s: %s", argv[1], strerror(-ret));
	if (fwrite(region + reg.offsets.data + data_offset, 1, ret, stdout) != (size_t)ret)
		err(1, "output");
	return 0;
}
