// SPDX-License-Identifier: GPL-2.0
/*
 * doc-ifq: the usage example of "io_uring Unified AF_XDP Style NVMe Passthrough
 * Interface", with its sections in their order, as a program.
 *
 * Usage: doc-ifq [DEV [LBA [poll]]]
 *
 * Writes 16 buffers to DEV (/dev/nvme0n1) from LBA (0) on, reads them back into
 * others, and compares.  "poll" has the kernel poll the SQ: no system call.
 *
 * The statements are the document's.  What it leaves out or what would not work
 * as printed is marked "+", here and there:
 *
 *  + error handling, and io_uring_register()'s errno, which liburing returns
 *  + IORING_SETUP_SINGLE_ISSUER, which DEFER_TASKRUN needs
 *  + .flags and .sq_idle for "poll"; without, nothing in the example drains the
 *    SQ: io_uring_enter() does
 *  + the indices are stored with release and loaded with acquire semantics; a
 *    smp_wmb() after the store, as printed, orders nothing
 *  + the entry is zeroed: what is reserved must be 0
 *  + cdw12 from the size of a block; the printed 0 is right for 4096 bytes
 *  + the two loops are functions, which are called
 *  + it unregisters: closing alone gives the device back some time later
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <sluice/sluice.h>

#define NVME_CMD_WRITE		SLUICE_NVME_WRITE
#define NVME_CMD_READ		SLUICE_NVME_READ
#define calculate_region_size	sluice_ifq_size
#define smp_store_release	io_uring_smp_store_release
#define smp_load_acquire	io_uring_smp_load_acquire

#define NR			16

typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

static const u32 sq_entries_nr = 256, cq_entries_nr = 256;
static const u32 buffer_entries = 1024, buffer_size = 4096;

static int ring_fd;
static bool polled;
static u32 nsid, block_size;

static struct io_unified_ring *sq_ring, *cq_ring;
static struct io_unified_sqe *sq_entries;
static struct io_unified_cqe *cq_entries;
static void *buffers;

static void ask_device(const char *path)
{
	int fd = open(path, O_RDONLY), size, id;

	if (fd < 0)
		err(1, "%s", path);
	id = ioctl(fd, NVME_IOCTL_ID);
	if (id <= 0 || ioctl(fd, BLKSSZGET, &size))
		errx(1, "%s is no NVMe namespace", path);
	nsid = id;
	block_size = size;
	close(fd);
}

/* Usage Example */
static void setup(const char *path)
{
	/* Create io_uring with required flags */
	struct io_uring_params params = {
		.flags = IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 |
			 IORING_SETUP_SQE128 |
			 IORING_SETUP_SINGLE_ISSUER	/* + */
	};
	ring_fd = io_uring_setup(256, &params);
	if (ring_fd < 0)
		errx(1, "io_uring_setup: %s", strerror(-ring_fd));

	/* Allocate unified memory region */
	size_t total_size = calculate_region_size(sq_entries_nr, cq_entries_nr,
						  buffer_entries, buffer_size);
	void *region = mmap(NULL, total_size, PROT_READ|PROT_WRITE,
			    MAP_ANONYMOUS|MAP_SHARED, -1, 0);
	if (region == MAP_FAILED)
		err(1, "mmap of %zu bytes", total_size);

	/* Set up registration */
	struct io_uring_region_desc rd = {
		.user_addr = (uintptr_t)region,
		.size = total_size
	};

	struct io_unified_reg reg = {
		.region_ptr = (uintptr_t)&rd,
		.nvme_dev_path = (uintptr_t)path,
		.sq_entries = sq_entries_nr,
		.cq_entries = cq_entries_nr,
		.buffer_entries = buffer_entries,
		.buffer_entry_size = buffer_size,
		.flags = polled ? IO_UNIFIED_REG_POLL : 0,	/* + */
		.sq_idle = polled ? 10000 : 0	/* + */
	};

	/* Register unified interface */
	int ret = io_uring_register(ring_fd, IORING_REGISTER_UNIFIED_IFQ, &reg, 1);

	if (ret < 0) {
		switch (errno = -ret) {
		case EPERM:   /* Need CAP_SYS_ADMIN */
		case EBUSY:   /* Interface already registered */
		case EINVAL:  /* Invalid parameters */
		case ENOMEM:  /* Out of memory */
		default:
			err(1, "register unified interface: %s", path);
		}
	}

	/* Map ring structures using returned offsets */
	sq_ring = region + reg.offsets.sq_ring;
	cq_ring = region + reg.offsets.cq_ring;
	sq_entries = region + reg.offsets.sq_entries;
	cq_entries = region + reg.offsets.cq_entries;
	buffers = region + reg.offsets.buffers;
}

/* Submitting Commands */
static void submit(int opcode, u64 start_lba, u64 buffer_offset, u64 correlation_id)
{
	u32 start_lba_low = start_lba, start_lba_high = start_lba >> 32;

	/* Get next SQ entry */
	u32 sq_tail = sq_ring->producer;
	struct io_unified_sqe *sqe = &sq_entries[sq_tail & sq_ring->ring_mask];

	memset(sqe, 0, sizeof(*sqe));	/* + */

	/* Fill NVMe command */
	sqe->nvme_cmd.opcode = opcode;
	sqe->nvme_cmd.nsid = nsid;
	sqe->nvme_cmd.addr = (uintptr_t)(buffers + buffer_offset);
	sqe->nvme_cmd.data_len = 4096;
	sqe->nvme_cmd.cdw10 = start_lba_low;
	sqe->nvme_cmd.cdw11 = start_lba_high;
	sqe->nvme_cmd.cdw12 = 4096 / block_size - 1;	/* + */

	sqe->buf_offset = buffer_offset;
	sqe->user_data = correlation_id;

	/* Submit command */
	smp_store_release(&sq_ring->producer, sq_tail + 1);	/* + */
}

/* + The kernel looks at the SQ: when it is called, or by itself while it polls */
static void drain(void)
{
	int ret;

	if (polled) {
		io_uring_smp_mb();
		if (!(IO_URING_READ_ONCE(sq_ring->flags) & IO_UNIFIED_RING_NEED_WAKEUP))
			return;
	}
	ret = io_uring_enter(ring_fd, 0, 0, 0, NULL);
	if (ret < 0)
		errx(1, "io_uring_enter: %s", strerror(-ret));
}

static void handle_error(u32 status, int result)
{
	/* Check command completion */
	u16 status_code = status & 0x7FF;
	u16 status_type = (status >> 11) & 0x7;

	/*
	 * + printed like this; as Linux keeps it the code is 8 bits, the type
	 * bits 8 to 10, and above are the retry hints
	 */
	(void)status_code;
	(void)status_type;
	errx(1, "status %#x (type %u, code %#x, %s), result %d", status,
	     IO_UNIFIED_STATUS_SCT(status), IO_UNIFIED_STATUS_SC(status),
	     sluice_status_str(status), result);
}

static void process_data(void *data, u32 len, u64 correlation_id)
{
	/* what came back is where the read of this buffer was to put it */
	if (len != 4096 || (char *)data - (char *)buffers != (long)correlation_id * 4096)
		errx(1, "completion %llu: %u bytes at %td",
		     (unsigned long long)correlation_id, len,
		     (char *)data - (char *)buffers);
}

/* Processing Completions */
static bool process_completion(void)
{
	/* Check for completions */
	u32 cq_head = cq_ring->consumer;

	if (smp_load_acquire(&cq_ring->producer) != cq_head) {	/* + */
		struct io_unified_cqe *cqe = &cq_entries[cq_head & cq_ring->ring_mask];

		/* Process completion */
		if (cqe->status == 0) {
			/* Success - data is in buffer at cqe->dma_addr */
			process_data(buffers + cqe->dma_addr, cqe->len,
				     cqe->user_data);
		} else {
			/* Error - check cqe->status for NVMe status code */
			handle_error(cqe->status, cqe->result);
		}

		/* Mark completion as consumed */
		smp_store_release(&cq_ring->consumer, cq_head + 1);	/* + */
		return true;
	}
	return false;
}

static void run(int opcode, u64 lba, u32 first_buffer)
{
	u32 i, done = 0;

	for (i = 0; i < NR; i++)
		submit(opcode, lba + i * (4096 / block_size),
		       (first_buffer + i) * (u64)buffer_size, first_buffer + i);
	drain();
	while (done < NR)
		done += process_completion();
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/nvme0n1";
	u64 lba = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	u32 i;

	polled = argc > 3 && !strcmp(argv[3], "poll");
	ask_device(path);
	setup(path);

	for (i = 0; i < NR * buffer_size; i++)
		((unsigned char *)buffers)[i] = i * 31 + i / 4096 * 7;
	run(NVME_CMD_WRITE, lba, 0);
	run(NVME_CMD_READ, lba, NR);
	if (memcmp(buffers, buffers + NR * buffer_size, NR * buffer_size))
		errx(1, "what was read is not what was written");
	io_uring_register(ring_fd, IORING_UNREGISTER_UNIFIED_IFQ, NULL, 0);
	printf("wrote, read and compared %u bytes at block %llu of %s\n",
	       NR * buffer_size, (unsigned long long)lba, path);
	return 0;
}
