// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture_write.h"
#include "output.h"

#define RING_ENTRIES	64
#define MAX_TRIES	3

static int open_ring(struct capture_writer *w)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG,
	};
	struct io_uring_query_unified q;
	int ret = io_uring_queue_init_params(RING_ENTRIES, &w->ring, &p);

	if (ret)
		return error("io_uring: %s; 'sysctl kernel.io_uring_disabled' must be 0",
			     strerror(-ret));
	w->have_ring = true;
	if (sluice_query(&q))
		return error("this kernel has no unified regions; boot one with CONFIG_IO_URING_UNIFIED");
	return 0;
}

static int explain(const struct capture_writer *w, int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return error("registering a region with %s is not permitted; it needs CAP_SYS_ADMIN, run as root",
			     w->nvme);
	case EBUSY:
		return error("%s is in use (mounted, a volume's, or another pipeline's); free it or use another",
			     w->nvme);
	case ENOMEM:
		return error("not enough memory for a region of %s, or over RLIMIT_MEMLOCK; give a smaller --region-size",
			     human_bytes(w->mem_size));
	case ENODEV:
		return error("%s is no NVMe namespace that takes passthrough commands; 'nvme list' shows the namespaces",
			     w->nvme);
	}
	return error("registering a region of %s with %s: %s", human_bytes(w->mem_size),
		     w->nvme, strerror(err));
}

static int open_region(struct capture_writer *w)
{
	struct io_uring_region_desc desc = {
		.user_addr = (uintptr_t)w->mem,
		.size	   = w->mem_size,
		.flags	   = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_unified_region_reg reg = {
		.sq_entries  = CAPTURE_SQ_ENTRIES,
		.cq_entries  = 2 * CAPTURE_SQ_ENTRIES,
		.region_size = w->mem_size,
		.nvme_fd     = -1,
		.region_ptr  = &desc,
	};
	int ret = sluice_region_register(&w->ring, &w->region, &reg);

	if (ret)
		return explain(w, -ret);
	/* not by nvme_fd: this call tells what a block has besides data */
	ret = sluice_region_add_dev(&w->region, w->nvme_fd, &w->ns);
	if (ret)
		return explain(w, -ret);
	if (w->ns.meta_size)
		return error("%s has %u bytes of metadata in each block; capture needs a format without ('nvme id-ns -H', 'nvme format')",
			     w->nvme, w->ns.meta_size);
	return 0;
}

int capture_writer_open(struct capture_writer *w, const char *nvme, uint64_t region_size)
{
	w->nvme = nvme;
	w->nvme_fd = open(nvme, O_RDWR | O_CLOEXEC);
	if (w->nvme_fd < 0)
		return error("%s: %s%s", nvme, strerror(errno),
			     errno == EACCES ? "; run as root" : "");
	w->mem_size = region_size;
	w->mem = mmap(NULL, w->mem_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->mem == MAP_FAILED) {
		w->mem = NULL;
		return error("memory for a region of %s: %s; give a smaller --region-size",
			     human_bytes(w->mem_size), strerror(errno));
	}
	if (open_ring(w))
		return -1;
	return open_region(w);
}

int capture_writer_layout(struct capture_writer *w, uint32_t frame_size, uint64_t lba,
			  uint64_t blocks)
{
	uint64_t page = sluice_page_align(1), left = 0;

	w->frame_size = frame_size;
	/* the last page is for the superblock */
	w->umem_size = w->region.data_size - page;
	w->umem_size -= w->umem_size % (frame_size > page ? frame_size : page);
	w->lba = lba;
	if (lba < w->ns.nr_lbas)
		left = w->ns.nr_lbas - lba;
	if (blocks > left)
		return error("--blocks %llu: %s has %llu behind --lba %llu; give less",
			     (unsigned long long)blocks, w->nvme, (unsigned long long)left,
			     (unsigned long long)lba);
	w->room = blocks ?: left;
	if (w->room < 1 + frame_size / w->ns.lba_size)
		return error("%llu blocks of %u bytes from --lba %llu on have no room for a frame; give a lower one, or more --blocks",
			     (unsigned long long)w->room, w->ns.lba_size,
			     (unsigned long long)lba);
	w->next = 1;
	return 0;
}

/* A ring whose commands have not ended keeps the memory until they have */
void capture_writer_close(struct capture_writer *w)
{
	sluice_region_exit(&w->region);
	if (w->have_ring)
		io_uring_queue_exit(&w->ring);
	w->have_ring = false;
	if (w->mem)
		munmap(w->mem, w->mem_size);
	w->mem = NULL;
	if (w->nvme_fd >= 0)
		close(w->nvme_fd);
	w->nvme_fd = -1;
}

uint32_t capture_writer_space(const struct capture_writer *w)
{
	uint32_t flights = CAPTURE_FLIGHTS - (w->tail - w->head);
	uint32_t cmds = CAPTURE_SQ_ENTRIES - w->in_flight;

	return flights < cmds ? flights : cmds;
}

uint32_t capture_slot_bytes(const struct capture_writer *w, uint32_t data_off,
			    uint32_t cap_len)
{
	uint32_t block = w->ns.lba_size;

	return (data_off + cap_len + block - 1) & ~(block - 1);
}

bool capture_writer_fits(const struct capture_writer *w, uint32_t bytes)
{
	return bytes >> w->ns.lba_shift <= w->room - w->next;
}

static void send_flight(struct capture_writer *w, uint64_t nr)
{
	struct capture_flight *f = &w->flights[nr % CAPTURE_FLIGHTS];
	/* never NULL: no more commands are in flight than it has entries */
	struct io_unified_sqe *sqe = sluice_get_sqe(&w->region);

	sluice_prep_write(sqe, &w->ns, w->lba + f->block, f->frame, f->len);
	sluice_sqe_set_data64(sqe, nr);
	f->tries++;
	w->in_flight++;
}

/*
 * The header goes into the headroom, in front of the frame.  What is neither of
 * them was something else before, and must not get onto the device.
 */
static void finish_slot(struct capture_writer *w, char *mem,
			const struct capture_frame_info *info, uint32_t len)
{
	struct capture_slot slot = {
		.flags	  = info->flags,
		.seq	  = w->tail,
		.time_ns  = info->time_ns,
		.cap_len  = info->cap_len,
		.orig_len = info->orig_len,
		.blocks	  = len >> w->ns.lba_shift,
		.data_off = info->data_off,
		.queue	  = info->queue,
	};
	uint32_t end = info->data_off + info->cap_len;

	memcpy(slot.id, w->id, sizeof(slot.id));
	capture_slot_encode(&slot);
	memcpy(mem, &slot, sizeof(slot));
	memset(mem + sizeof(slot), 0, info->data_off - sizeof(slot));
	memset(mem + end, 0, len - end);
}

void capture_writer_slot(struct capture_writer *w, uint64_t frame,
			 const struct capture_frame_info *info)
{
	uint32_t len = capture_slot_bytes(w, info->data_off, info->cap_len);

	finish_slot(w, sluice_offset_addr(&w->region, frame), info, len);
	w->flights[w->tail % CAPTURE_FLIGHTS] = (struct capture_flight) {
		.block	  = w->next,
		.frame	  = frame,
		.len	  = len,
		.cap_len  = info->cap_len,
		.orig_len = info->orig_len,
		.queue	  = info->queue_index,
	};
	send_flight(w, w->tail++);
	w->next += len >> w->ns.lba_shift;
}

int capture_writer_submit(struct capture_writer *w)
{
	int ret = sluice_submit(&w->region);

	if (ret >= 0 || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY)
		return 0;	/* what is published goes with the next call */
	return error("io_uring_enter: %s", strerror(-ret));
}

/* True when the flight has landed, one way or the other */
static bool complete(struct capture_writer *w, const struct io_unified_cqe *cqe)
{
	struct capture_flight *f = &w->flights[cqe->user_data % CAPTURE_FLIGHTS];
	int err = sluice_cqe_error(cqe);

	w->in_flight--;
	if (!err) {
		w->frames++;
		w->bytes += f->cap_len;
		w->orig_bytes += f->orig_len;
		return true;
	}
	if (err == -EIO && !sluice_status_dnr(cqe->status) && f->tries < MAX_TRIES) {
		w->retries++;
		send_flight(w, cqe->user_data);
		return false;
	}
	w->failed++;
	w->last_status = cqe->status;
	w->last_error = sluice_status_host(cqe->status) ? -err : 0;
	return true;
}

int capture_writer_reap(struct capture_writer *w,
			void (*freed)(void *arg, uint16_t queue_index, uint64_t frame),
			void *arg)
{
	struct io_unified_cqe *cqe;
	int nr = 0, ret;

	while (!(ret = sluice_peek_cqe(&w->region, &cqe))) {
		struct capture_flight *f = &w->flights[cqe->user_data % CAPTURE_FLIGHTS];

		if (complete(w, cqe)) {
			f->done = true;
			freed(arg, f->queue, f->frame);
		}
		sluice_cqe_seen(&w->region, cqe);
		nr++;
	}
	while (w->head != w->tail && w->flights[w->head % CAPTURE_FLIGHTS].done)
		w->head++;
	if (ret != -EAGAIN && ret != -EINTR)
		return error("io_uring_enter: %s", strerror(-ret));
	return nr;
}

/* One command by itself */
static int run_command(struct capture_writer *w, const char *what)
{
	struct io_unified_cqe *cqe;
	int ret;

	do {
		ret = sluice_submit(&w->region);
	} while (ret == -EINTR);
	if (ret >= 0)
		ret = sluice_wait_cqe(&w->region, &cqe);
	if (ret < 0)
		return error("io_uring_enter: %s", strerror(-ret));
	ret = sluice_cqe_error(cqe);
	if (ret)
		error("%s %s: %s; 'dmesg' may tell more", w->nvme, what,
		      ret == -EIO ? sluice_status_str(cqe->status) : strerror(-ret));
	sluice_cqe_seen(&w->region, cqe);
	return ret ? -1 : 0;
}

static int flush(struct capture_writer *w)
{
	sluice_prep_flush(sluice_get_sqe(&w->region), &w->ns);
	return run_command(w, "Flush");
}

int capture_writer_super(struct capture_writer *w, const struct capture_super *super)
{
	uint64_t off = w->region.data_size - sluice_page_align(1);
	struct capture_super copy = *super;
	char *mem = sluice_offset_addr(&w->region, off);

	/* a superblock with totals must not be there before what it counts */
	if (flush(w))
		return -1;
	capture_super_encode(&copy);
	memset(mem, 0, w->ns.lba_size);
	memcpy(mem, &copy, sizeof(copy));
	sluice_prep_write(sluice_get_sqe(&w->region), &w->ns, w->lba, off, w->ns.lba_size);
	return run_command(w, "writing the superblock") || flush(w) ? -1 : 0;
}
