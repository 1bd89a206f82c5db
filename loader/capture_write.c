// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bpf/capture.h"
#include "capture_write.h"
#include "output.h"

#define RING_ENTRIES	64
#define MAX_TRIES	3
/* As the kernel's own; more is no cheaper, and 65 pieces of memory are the most */
#define MAX_COMMAND	(128u << 10)

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
			  uint64_t blocks, bool tight)
{
	uint64_t page = sluice_page_align(1), left = 0;

	w->frame_size = frame_size;
	w->frame_shift = __builtin_ctz(frame_size);
	w->max_len = w->ns.max_len && w->ns.max_len < MAX_COMMAND ? w->ns.max_len : MAX_COMMAND;
	/* at most as much again as is needed */
	w->min_full = tight ? UINT32_MAX : frame_size / 2;
	/* the last page is for the superblock */
	w->umem_size = w->region.data_size - page;
	w->umem_size -= w->umem_size % (frame_size > page ? frame_size : page);
	w->used = calloc(w->umem_size >> w->frame_shift, sizeof(*w->used));
	if (!w->used)
		return error("out of memory for what is known of frames");
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
	free(w->used);
	w->used = NULL;
	if (w->nvme_fd >= 0)
		close(w->nvme_fd);
	w->nvme_fd = -1;
}

uint32_t capture_writer_space(const struct capture_writer *w)
{
	/* each may turn out to be a command of its own, behind the one that is being filled */
	uint32_t open = w->flights[w->tail % CAPTURE_FLIGHTS].nr != 0;
	/* the next to be filled is never the oldest in flight */
	uint32_t flights = CAPTURE_FLIGHTS - 1 - (w->tail - w->head) - open;
	uint32_t cmds = CAPTURE_SQ_ENTRIES - w->in_flight - open;
	uint32_t slots = CAPTURE_WINDOW;

	if (w->head != w->tail || open)
		slots -= w->seq - w->flights[w->head % CAPTURE_FLIGHTS].seq;
	if (slots > flights)
		slots = flights;
	return slots < cmds ? slots : cmds;
}

uint32_t capture_slot_bytes(const struct capture_writer *w, uint32_t data_off,
			    uint32_t cap_len)
{
	uint32_t block = w->ns.lba_size;

	return (data_off + cap_len + block - 1) & ~(block - 1);
}

/* The flight that is being filled */
static struct capture_flight *filling(struct capture_writer *w)
{
	return &w->flights[w->tail % CAPTURE_FLIGHTS];
}

static uint32_t last_bytes(const struct capture_writer *w)
{
	return capture_slot_bytes(w, w->last.data_off, w->last.cap_len);
}

bool capture_writer_fits(const struct capture_writer *w, uint32_t bytes)
{
	if (w->flights[w->tail % CAPTURE_FLIGHTS].nr)
		bytes += last_bytes(w);
	return bytes >> w->ns.lba_shift <= w->room - w->next;
}

static void *slot_mem(const struct capture_writer *w, const struct capture_flight *f,
		      uint32_t nr)
{
	return sluice_offset_addr(&w->region, f->frame + ((uint64_t)nr << w->frame_shift));
}

/* All of flight number @nr, or the slot that it is at */
static void send_flight(struct capture_writer *w, uint64_t nr)
{
	struct capture_flight *f = &w->flights[nr % CAPTURE_FLIGHTS];
	/* never NULL: no more commands are in flight than it has entries */
	struct io_unified_sqe *sqe = sluice_get_sqe(&w->region);
	uint32_t off = f->at << w->frame_shift, len = f->len - off;

	if (f->alone && len > w->frame_size)
		len = w->frame_size;
	sluice_prep_write(sqe, &w->ns, w->lba + f->block + (off >> w->ns.lba_shift),
			  f->frame + off, len);
	sluice_sqe_set_data64(sqe, nr);
	f->tries++;
	w->commands++;
	w->in_flight++;
}

/*
 * What is neither header nor frame in a slot of @len bytes was something else before,
 * and must not get onto the device.  Memory begins as zeroes.  Where the kernel puts
 * nothing but our frames into it, by copy, the gap has only had metadata, and behind
 * the frame is only what one of the frames before has left there.
 */
static void clear_rest(struct capture_writer *w, char *mem, uint32_t frame_nr, uint32_t len)
{
	uint32_t begin = w->last.data_off, end = begin + w->last.cap_len;
	uint32_t gap = sizeof(struct capture_slot), used = len;

	if (w->exclusive) {
		if (!(w->last.flags & CAPTURE_SLOT_F_LATE) &&
		    begin > gap + sizeof(struct capture_meta))
			gap = begin - sizeof(struct capture_meta);
		used = w->used[frame_nr];
		w->used[frame_nr] = end;
	}
	memset(mem + gap, 0, begin - gap);
	if (used > end)
		memset(mem + end, 0, used - end);
}

/* The header goes into the headroom, in front of the frame */
static void finish_slot(struct capture_writer *w, uint32_t len)
{
	struct capture_flight *f = filling(w);
	uint64_t frame = f->frame + f->len;
	char *mem = sluice_offset_addr(&w->region, frame);
	struct capture_slot slot = {
		.flags	  = w->last.flags,
		.seq	  = f->seq + f->nr - 1,
		.time_ns  = w->last.time_ns,
		.cap_len  = w->last.cap_len,
		.orig_len = w->last.orig_len,
		.blocks	  = len >> w->ns.lba_shift,
		.data_off = w->last.data_off,
		.queue	  = w->last.queue,
	};

	memcpy(slot.id, w->id, sizeof(slot.id));
	capture_slot_encode(&slot);
	memcpy(mem, &slot, sizeof(slot));
	clear_rest(w, mem, frame >> w->frame_shift, len);
	f->len += len;
	w->next += slot.blocks;
}

/* The flight that is being filled goes as it is */
static void close_flight(struct capture_writer *w)
{
	struct capture_flight *f = filling(w);

	if (!f->nr)
		return;
	finish_slot(w, last_bytes(w));
	send_flight(w, w->tail++);
	filling(w)->nr = 0;
}

/* Can a slot at @frame, of @bytes, follow the last one in the same command? */
static bool goes_on(struct capture_writer *w, uint64_t frame, uint32_t bytes,
		    const struct capture_frame_info *info)
{
	const struct capture_flight *f = filling(w);
	uint32_t len = f->len + w->frame_size;

	return f->queue == info->queue_index && frame == f->frame + len &&
	       last_bytes(w) >= w->min_full && len + bytes <= w->max_len &&
	       (w->frame_size + bytes) >> w->ns.lba_shift <= w->room - w->next;
}

void capture_writer_slot(struct capture_writer *w, uint64_t frame,
			 const struct capture_frame_info *info)
{
	uint32_t bytes = capture_slot_bytes(w, info->data_off, info->cap_len);
	struct capture_flight *f = filling(w);

	if (f->nr && goes_on(w, frame, bytes, info)) {
		finish_slot(w, w->frame_size);
	} else {
		close_flight(w);
		f = filling(w);
		*f = (struct capture_flight) {
			.seq   = w->seq,
			.block = w->next,
			.frame = frame,
			.queue = info->queue_index,
		};
	}
	f->nr++;
	f->cap_bytes += info->cap_len;
	f->orig_bytes += info->orig_len;
	w->last = *info;
	w->seq++;
}

void capture_writer_skip(struct capture_writer *w, uint64_t frame)
{
	w->used[frame >> w->frame_shift] = w->frame_size;
}

int capture_writer_submit(struct capture_writer *w)
{
	int ret;

	close_flight(w);
	ret = sluice_submit(&w->region);
	if (ret >= 0 || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY)
		return 0;	/* what is published goes with the next call */
	return error("io_uring_enter: %s", strerror(-ret));
}

static void count_written(struct capture_writer *w, const struct capture_flight *f)
{
	const struct capture_slot *slot = slot_mem(w, f, f->at);

	w->frames += f->alone ? 1 : f->nr;
	w->bytes += f->alone ? le32toh(slot->cap_len) : f->cap_bytes;
	w->orig_bytes += f->alone ? le32toh(slot->orig_len) : f->orig_bytes;
}

/* After so many tries: what failed is lost, and who else was in the command? */
static void count_failed(struct capture_writer *w, struct capture_flight *f,
			 const struct io_unified_cqe *cqe)
{
	bool host = sluice_status_host(cqe->status);

	if (f->nr > 1 && !f->alone && !host) {
		f->alone = true;
		return;
	}
	w->failed += f->alone ? 1 : f->nr;
	w->last_status = cqe->status;
	w->last_error = host ? -sluice_cqe_error(cqe) : 0;
	f->at++;
}

/* True when the flight has landed, one way or the other */
static bool complete(struct capture_writer *w, const struct io_unified_cqe *cqe)
{
	struct capture_flight *f = &w->flights[cqe->user_data % CAPTURE_FLIGHTS];
	int err = sluice_cqe_error(cqe);

	w->in_flight--;
	if (err == -EIO && !sluice_status_dnr(cqe->status) && f->tries < MAX_TRIES) {
		w->retries++;
		send_flight(w, cqe->user_data);
		return false;
	}
	if (err) {
		count_failed(w, f, cqe);
	} else {
		count_written(w, f);
		f->at++;
	}
	if (!f->alone || f->at == f->nr)
		return true;
	/* one of several could not be written, so each by itself */
	f->tries = 0;
	send_flight(w, cqe->user_data);
	return false;
}

int capture_writer_reap(struct capture_writer *w,
			void (*freed)(void *arg, uint16_t queue_index, uint64_t frame,
				      uint32_t nr),
			void *arg)
{
	struct io_unified_cqe *cqe;
	int nr = 0, ret;

	while (!(ret = sluice_peek_cqe(&w->region, &cqe))) {
		struct capture_flight *f = &w->flights[cqe->user_data % CAPTURE_FLIGHTS];

		if (complete(w, cqe)) {
			f->done = true;
			freed(arg, f->queue, f->frame, f->nr);
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
