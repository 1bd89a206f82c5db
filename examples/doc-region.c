// SPDX-License-Identifier: GPL-2.0
/*
 * doc-region: the example code of "io_uring Unified I/O", as a program.
 *
 * Usage: doc-region [DEV [LBA]]
 *
 * Writes a buffer to DEV (/dev/nvme0n1) at LBA (0), and then does what the
 * example does: reads it, through the stages that are attached to the ring, if
 * any, to another place of the region.
 *
 * The statements are the document's; error handling apart, this fills in:
 *
 *  + the "..." of the registration: 256 entries, 16 MiB, and the namespace, as in
 *    its section "Registration"; no network queue, which would need a ring with
 *    flags that the example's has not
 *  + data_offset, and the first LBA, for which the document names no field: addr3
 *  + the completion, which is the ring's as any other's
 *  + the write before, with the same opcode
 *  + it unregisters: closing alone gives the device back some time later
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/io_uring/unified.h>

/* + */
static void wait_for(struct io_uring *ring, const char *what)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe(ring, &cqe);

	if (ret)
		errx(1, "io_uring_wait_cqe: %s", strerror(-ret));
	if (cqe->res < 0)
		errx(1, "%s: %s", what, strerror(-cqe->res));
	if (cqe->res != 4096)
		errx(1, "%s: %d bytes", what, cqe->res);
	io_uring_cqe_seen(ring, cqe);
}

int main(int argc, char **argv)
{
	const char *dev = argc > 1 ? argv[1] : "/dev/nvme0n1";
	__u64 lba = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	const __u64 write_offset = 0, data_offset = 8192;
	int nvme_fd = open(dev, O_RDWR), ret;

	if (nvme_fd < 0)
		err(1, "%s", dev);

	/* Setup io_uring and unified region */
	struct io_uring ring;
	ret = io_uring_queue_init(256, &ring, 0);
	if (ret)
		errx(1, "io_uring_queue_init: %s", strerror(-ret));

	/* Register unified region */
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 256,
		.cq_entries = 256,
		.region_size = 16 * 1024 * 1024,  /* 16MB */
		.nvme_fd = nvme_fd,
	};
	ret = io_uring_register(ring.ring_fd, IORING_REGISTER_UNIFIED_REGION,
				&reg, 1);
	if (ret < 0)
		errx(1, "register unified region: %s: %s", dev, strerror(-ret));

	/* Map region */
	void *region = mmap(NULL, reg.region_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, ring.ring_fd,
			    IORING_MAP_OFF_UNIFIED_REGION);
	if (region == MAP_FAILED)
		err(1, "mmap of the region");
	unsigned char *data = region + reg.offsets.data;

	/* + something to read */
	for (int i = 0; i < 4096; i++)
		data[write_offset + i] = i * 13 + i / 256;

	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	if (!sqe)	/* + */
		errx(1, "no room in the SQ");
	sqe->opcode = IORING_OP_UNIFIED;
	sqe->off = IORING_UNIFIED_OP_NVME;
	sqe->addr = write_offset;
	sqe->len = 4096;
	sqe->addr3 = lba;
	sqe->rw_flags = IORING_UNIFIED_F_WRITE;

	io_uring_submit(&ring);
	wait_for(&ring, "write");

	/* Submit operation */
	sqe = io_uring_get_sqe(&ring);
	if (!sqe)	/* + */
		errx(1, "no room in the SQ");
	sqe->opcode = IORING_OP_UNIFIED;
	sqe->off = IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_BPF;
	sqe->addr = data_offset;
	sqe->len = 4096;
	sqe->addr3 = lba;	/* + */

	io_uring_submit(&ring);

	/* + */
	wait_for(&ring, "read");
	if (memcmp(data + write_offset, data + data_offset, 4096))
		errx(1, "what was read is not what was written");
	printf("wrote, read and compared 4096 bytes at block %llu of %s\n",
	       (unsigned long long)lba, dev);
	io_uring_register(ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	io_uring_queue_exit(&ring);
	return 0;
}
