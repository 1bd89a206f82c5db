// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-rings --nvme NODE --bytes N [--record-size N] [--depth N] write|read|verify [poll]:
 * NVMe alone by the region's own rings, so many commands in flight, one after the other
 * on the namespace.
 *
 * Memory of the kernel's.  Commands go in batches of half the depth, so that the device
 * has the other half meanwhile; fio-*.fio do the same.  Nobody is woken by the region's
 * CQ: the last command of a batch is a request, which io_uring can wait for, as sluice(3)
 * says.  With "poll" all go by the SQ, and the CPU waits.
 *
 * What is written says where: each record begins with its number.  "verify" reads, and
 * looks at all of it; "write" and "read" do not touch more than that number.
 */
#include "peer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sluice/sluice.h>

enum how { HOW_NONE, HOW_WRITE, HOW_READ, HOW_VERIFY };

struct rings {
	struct peer_opts	opts;
	enum how		how;
	bool			poll;
	struct io_uring		ring;
	struct sluice_region	region;
	uint64_t		nr;		/* records, of them */
	uint64_t		sent, done;
	unsigned int		batch;
	unsigned int		requests;	/* of the ring, in flight */
	uint32_t		*free;		/* buffers; a stack */
	uint32_t		nr_free;
	uint64_t		*record;	/* that is in a buffer */
};

static void open_region(struct rings *b)
{
	struct peer_opts *o = &b->opts;
	struct io_uring_unified_region_reg reg = { };
	struct peer_ns ns;
	uint32_t entries = 1;
	int ret;

	peer_ns_open(o->nvme, O_RDWR, &ns);
	if (o->record & ((1u << ns.lba_shift) - 1) || o->record > ns.max_bytes)
		die("--record-size %zu: %s takes whole blocks of %u, %u bytes at most",
		    o->record, o->nvme, 1u << ns.lba_shift, ns.max_bytes);
	while (entries < o->depth)
		entries *= 2;
	ret = io_uring_queue_init(entries, &b->ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN);
	if (ret)
		die("io_uring: %s", strerror(-ret));
	reg.sq_entries = entries;
	reg.cq_entries = entries;
	reg.region_size = sluice_region_size(entries, entries, o->depth * o->record);
	reg.nvme_fd = ns.fd;
	ret = sluice_region_register(&b->ring, &b->region, &reg);
	if (ret)
		die("cannot register a region of %llu bytes with %s: %s", reg.region_size,
		    o->nvme, strerror(-ret));
	close(ns.fd);
}

/* The same in each record, but for its number at the beginning */
static uint64_t *record_in(struct rings *b, uint32_t buf)
{
	return sluice_offset_addr(&b->region, buf * b->opts.record);
}

static void prepare(struct rings *b)
{
	b->free = calloc(b->opts.depth, sizeof(*b->free));
	b->record = calloc(b->opts.depth, sizeof(*b->record));
	if (!b->free || !b->record)
		die("no memory for --depth %u", b->opts.depth);
	for (uint32_t buf = 0; buf < b->opts.depth; buf++) {
		b->free[b->nr_free++] = buf;
		if (b->how == HOW_WRITE)
			peer_fill(record_in(b, buf), b->opts.record);
	}
}

static void command(struct rings *b, bool wakes)
{
	uint32_t buf = b->free[--b->nr_free];
	uint64_t off = buf * b->opts.record, nr = b->sent++;
	uint64_t lba = nr * b->opts.record >> b->region.ns.lba_shift;

	b->record[buf] = nr;
	if (b->how == HOW_WRITE)
		*record_in(b, buf) = nr;
	if (wakes) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);

		sluice_prep_unified(sqe, IORING_UNIFIED_OP_NVME, -1, off, b->opts.record, lba,
				    b->how == HOW_WRITE ? IORING_UNIFIED_F_WRITE : 0);
		io_uring_sqe_set_data64(sqe, buf);
		b->requests++;
	} else {
		/* never NULL: it has as many entries as there are buffers */
		struct io_unified_sqe *sqe = sluice_get_sqe(&b->region);

		sluice_prep_rw(sqe, &b->region.ns,
			       b->how == HOW_WRITE ? SLUICE_NVME_WRITE : SLUICE_NVME_READ,
			       lba, off, b->opts.record);
		sluice_sqe_set_data64(sqe, buf);
	}
}

static void on_done(struct rings *b, uint32_t buf, const char *error)
{
	if (error)
		die("record %" PRIu64 " of %s: %s", b->record[buf], b->opts.nvme, error);
	if (b->how == HOW_VERIFY)
		peer_check(&b->opts, record_in(b, buf), b->record[buf]);
	b->free[b->nr_free++] = buf;
	b->done++;
}

static void reap(struct rings *b)
{
	struct io_uring_cqe *req;
	struct io_unified_cqe *cqe;
	unsigned int head, nr = 0;
	uint32_t first;

	io_uring_for_each_cqe(&b->ring, head, req) {
		on_done(b, req->user_data, req->res == (int)b->opts.record ? NULL :
			req->res < 0 ? strerror(-req->res) : "not all of it");
		nr++;
	}
	io_uring_cq_advance(&b->ring, nr);
	b->requests -= nr;

	nr = 0;
	sluice_for_each_cqe(&b->region, first, cqe) {
		int err = sluice_cqe_error(cqe);

		on_done(b, cqe->user_data, !err ? NULL :
			err == -EIO ? sluice_status_str(cqe->status) : strerror(-err));
		nr++;
	}
	sluice_cq_advance(&b->region, nr);
}

/* Until a batch is done, or what is left of the last */
static void wait_batch(struct rings *b)
{
	uint64_t in_flight = b->sent - b->done;
	struct io_unified_cqe *cqe;
	int ret;

	/* one system call for both rings, and the wait: sluice_submit() would be another */
	if (b->requests) {
		io_uring_smp_store_release(&b->region.sq->producer,
					   b->region.sq->cached_producer);
		ret = io_uring_submit_and_wait(&b->ring, 1);
		if (ret < 0 && ret != -EINTR)
			die("io_uring_enter: %s", strerror(-ret));
		return;
	}
	ret = sluice_submit(&b->region);
	if (ret >= 0)
		ret = sluice_wait_cqe(&b->region, &cqe);
	if (ret < 0)
		die("io_uring_enter: %s", strerror(-ret));
	if (in_flight > b->batch)
		in_flight = b->batch;
	while (sluice_cq_ready(&b->region) < in_flight)
		;
}

static void run(struct rings *b)
{
	while (b->done < b->nr) {
		uint64_t left = b->nr - b->sent;
		unsigned int nr = left < b->nr_free ? left : b->nr_free;

		if (nr && (nr >= b->batch || nr == left)) {
			if (nr > b->batch)
				nr = b->batch;
			for (unsigned int i = 0; i < nr; i++)
				command(b, !b->poll && i == nr - 1);
			if (b->nr_free >= b->batch && b->sent < b->nr)
				continue;	/* the first time: all of the depth */
		}
		wait_batch(b);
		reap(b);
	}
}

int main(int argc, char **argv)
{
	static const char * const hows[] = {
		[HOW_WRITE] = "write", [HOW_READ] = "read", [HOW_VERIFY] = "verify",
	};
	static struct rings b;
	struct peer_sums sums = { };

	peer_options(argc, argv, &b.opts);
	for (int i = HOW_WRITE; i <= HOW_VERIFY; i++)
		if (optind < argc && !strcmp(argv[optind], hows[i]))
			b.how = i;
	b.poll = optind + 1 < argc && !strcmp(argv[optind + 1], "poll");
	if (b.how == HOW_NONE || optind + 1 + b.poll != argc)
		die("usage: nvme-rings --nvme NODE --bytes N write|read|verify [poll]");
	if (!b.opts.bytes || !b.opts.record || b.opts.bytes % b.opts.record ||
	    !b.opts.depth)
		die("--bytes %" PRIu64 " is no multiple of --record-size %zu, or --depth is 0",
		    b.opts.bytes, b.opts.record);
	b.nr = b.opts.bytes / b.opts.record;
	b.batch = b.opts.depth > 1 ? b.opts.depth / 2 : 1;
	open_region(&b);
	prepare(&b);
	run(&b);
	*(b.how == HOW_WRITE ? &sums.written : &sums.received) = b.opts.bytes;
	sluice_region_exit(&b.region);
	peer_report(&sums);
	return 0;
}
