// SPDX-License-Identifier: GPL-2.0
/*
 * doc-ifq: the usage example of "io_uring Unified AF_XDP Style NVMe Passthrough
 * Interface", from the ring to the completions, with the header's names.
 *
 * Usage: doc-ifq NVME LBA TEXT
 *
 * Writes TEXT to the block at LBA and reads it back.
 *
 * What the document leaves out is filled in: calculate_region_size(),
 * process_data(), handle_error(), and errors.  Its smp_wmb() after the store of
 * an index would order nothing: the index is stored with release semantics, and
 * the kernel's is loaded with acquire.  Its example has no io_uring_enter(): the
 * region has a poller here, so none is needed.
 *
 * What it does well: it has no library, only the ABI.  What it does not do:
 * network; doc-region and tcp2nvme do.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include <linux/io_uring/unified.h>

#define NVME_CMD_WRITE	0x01
#define NVME_CMD_READ	0x02

#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

typedef uint16_t u16;
typedef uint32_t u32;

static const unsigned int sq_entries_nr = 256, cq_entries_nr = 256;
static const unsigned int buffer_entries = 1024, buffer_size = 4096;

static struct io_unified_ring *sq_ring, *cq_ring;
static struct io_unified_sqe *sq_entries;
static struct io_unified_cqe *cq_entries;
static void *buffers;

/* The layout's picture, added up; all of it is whole pages here */
static size_t calculate_region_size(size_t sq, size_t cq, size_t buffers_nr,
				    size_t size)
{
	return 4096 + 4096 + sq * sizeof(struct io_unified_sqe) +
	       cq * sizeof(struct io_unified_cqe) + buffers_nr * size;
}

static void set_up(const char *path)
{
	/* Create io_uring with required flags; DEFER_TASKRUN implies the first */
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 |
			 IORING_SETUP_SQE128
	};
	int ring_fd = syscall(__NR_io_uring_setup, 256, &params);

	/* Allocate unified memory region */
	size_t total_size = calculate_region_size(sq_entries_nr, cq_entries_nr,
						  buffer_entries, buffer_size);
	void *region = mmap(NULL, total_size, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | MAP_SHARED, -1, 0);

	/* Set up registration */
	struct io_uring_region_desc rd = {
		.user_addr = (uintptr_t)region,
		.size = total_size
	};

	struct io_unified_reg reg = {
		.region_ptr = (uintptr_t)&rd,
		.nvme_dev_path = (uintptr_t)path,
		.sq_entries = 256,
		.cq_entries = 256,
		.buffer_entries = 1024,
		.buffer_entry_size = 4096,
		.flags = IO_UNIFIED_REG_POLL
	};

	if (ring_fd < 0 || region == MAP_FAILED)
		err(1, "set-up");

	/* Register unified interface */
	if (syscall(__NR_io_uring_register, ring_fd, IORING_REGISTER_UNIFIED_IFQ,
		    &reg, 1) < 0) {
		switch (errno) {
		case EPERM:
			errx(1, "%s: need CAP_SYS_ADMIN", path);
		case EBUSY:
			errx(1, "%s: already registered, or mounted", path);
		case EINVAL:
			errx(1, "%s: invalid parameters", path);
		case ENOMEM:
			errx(1, "%s: out of memory", path);
		}
		err(1, "%s", path);
	}

	/* Map ring structures using returned offsets */
	sq_ring = region + reg.offsets.sq_ring;
	cq_ring = region + reg.offsets.cq_ring;
	sq_entries = region + reg.offsets.sq_entries;
	cq_entries = region + reg.offsets.cq_entries;
	buffers = region + reg.offsets.buffers;
}

static void submit(int opcode, u32 start_lba_low, u32 start_lba_high,
		   uint64_t buffer_offset, uint64_t correlation_id)
{
	/* Get next SQ entry */
	u32 sq_tail = sq_ring->producer;
	struct io_unified_sqe *sqe = &sq_entries[sq_tail & sq_ring->ring_mask];

	/* Fill NVMe command */
	memset(sqe, 0, sizeof(*sqe));
	sqe->nvme_cmd.opcode = opcode;
	sqe->nvme_cmd.nsid = 1;
	sqe->nvme_cmd.addr = (uintptr_t)(buffers + buffer_offset);
	sqe->nvme_cmd.data_len = 4096;
	sqe->nvme_cmd.cdw10 = start_lba_low;
	sqe->nvme_cmd.cdw11 = start_lba_high;
	sqe->nvme_cmd.cdw12 = 0;  /* 1 block */

	sqe->buf_offset = buffer_offset;
	sqe->user_data = correlation_id;

	/* Submit command */
	store_release(&sq_ring->producer, sq_tail + 1);
}

static void process_data(const char *data, u32 len)
{
	/* len is what was transferred: one block, whatever its size */
	printf("%.*s\n", (int)len, data);
}

static void handle_error(u32 status, int result)
{
	/* Handle NVMe-specific error codes */
	u16 status_code = status & 0x7FF;
	u16 status_type = (status >> 8) & 0x7;

	if (status & IO_UNIFIED_STATUS_HOST)
		errx(1, "command failed: %s", strerror(-result));
	errx(1, "NVMe status %#x, type %u", status_code, status_type);
}

/* The next completion; 0 is data to be shown */
static void complete(uint64_t show)
{
	for (;;) {
		/* Check for completions */
		u32 cq_head = cq_ring->consumer;

		if (load_acquire(&cq_ring->producer) != cq_head) {
			struct io_unified_cqe *cqe =
				&cq_entries[cq_head & cq_ring->ring_mask];

			/* Process completion */
			if (cqe->status == 0) {
				/* Success - data is in buffer at cqe->dma_addr */
				if (cqe->user_data == show)
					process_data(buffers + cqe->dma_addr, cqe->len);
			} else {
				/* Error - check cqe->status for NVMe status code */
				handle_error(cqe->status, cqe->result);
			}

			/* Mark completion as consumed */
			store_release(&cq_ring->consumer, cq_head + 1);
			return;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t lba;

	if (argc != 4) {
		fprintf(stderr, "usage: doc-ifq NVME LBA TEXT\n");
		return 2;
	}
	set_up(argv[1]);
	lba = strtoull(argv[2], NULL, 0);
	strncpy(buffers, argv[3], buffer_size - 1);
	submit(NVME_CMD_WRITE, lba, lba >> 32, 0, 1);
	complete(2);
	submit(NVME_CMD_READ, lba, lba >> 32, buffer_size, 2);
	complete(2);
	return 0;
}
