// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-uring --nvme NODE --bytes N [--record-size N] [--depth N] write|read|verify:
 * what nvme-rings does, by io_uring: passthrough commands on a generic node
 * (/dev/ng0n1), direct reads and writes on a block node (/dev/nvme0n1).
 *
 * fio does the same, but its own bookkeeping is a good part of what it costs.  This is
 * the same loop as nvme-rings', so that the difference is the kernel's.
 *
 * As liburing's documentation has it: registered buffers and file, one task that
 * submits, task work when it waits; batches of half the depth.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum how { HOW_NONE, HOW_WRITE, HOW_READ, HOW_VERIFY };

struct uring {
	struct peer_opts	opts;
	enum how		how;
	bool			cmd;		/* passthrough */
	struct peer_ns		ns;
	struct io_uring		ring;
	char			*mem;
	uint64_t		nr;		/* records, of them */
	uint64_t		sent, done;
	unsigned int		batch;
	uint32_t		*free;		/* buffers; a stack */
	uint32_t		nr_free;
	uint64_t		*record;	/* that is in a buffer */
};

static void open_ring(struct uring *b)
{
	struct peer_opts *o = &b->opts;
	unsigned int flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	struct iovec iov = { .iov_len = o->depth * o->record };
	struct stat st;
	int ret;

	b->cmd = o->nvme && !stat(o->nvme, &st) && S_ISCHR(st.st_mode);
	peer_ns_open(o->nvme, b->cmd ? O_RDWR : O_RDWR | O_DIRECT, &b->ns);
	if (o->record & ((1u << b->ns.lba_shift) - 1) || o->record > b->ns.max_bytes)
		die("--record-size %zu: %s takes whole blocks of %u, %u bytes at most",
		    o->record, o->nvme, 1u << b->ns.lba_shift, b->ns.max_bytes);
	if (b->cmd)
		flags |= IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
	ret = io_uring_queue_init(o->depth, &b->ring, flags);
	if (!ret)
		ret = io_uring_register_files(&b->ring, &b->ns.fd, 1);
	if (ret)
		die("io_uring: %s", strerror(-ret));
	b->mem = peer_memory(iov.iov_len);
	iov.iov_base = b->mem;
	ret = io_uring_register_buffers(&b->ring, &iov, 1);
	if (ret)
		die("cannot register buffers of %zu bytes: %s", iov.iov_len, strerror(-ret));
}

/* The same in each record, but for its number at the beginning */
static uint64_t *record_in(struct uring *b, uint32_t buf)
{
	return (uint64_t *)(b->mem + buf * b->opts.record);
}

static void prepare(struct uring *b)
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

static void command(struct uring *b)
{
	uint32_t buf = b->free[--b->nr_free];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
	uint64_t nr = b->sent++, pos = nr * b->opts.record;
	void *p = record_in(b, buf);

	b->record[buf] = nr;
	if (b->how == HOW_WRITE)
		*record_in(b, buf) = nr;
	if (b->cmd) {
		peer_nvme(sqe, &b->ns, b->how == HOW_WRITE ? 1 : 2, pos, p, b->opts.record);
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	} else if (b->how == HOW_WRITE) {
		io_uring_prep_write_fixed(sqe, b->ns.fd, p, b->opts.record, pos, 0);
	} else {
		io_uring_prep_read_fixed(sqe, b->ns.fd, p, b->opts.record, pos, 0);
	}
	sqe->fd = 0;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, buf);
}

static void on_done(struct uring *b, uint32_t buf, int res)
{
	if (res < 0)
		die("record %" PRIu64 " of %s: %s", b->record[buf], b->opts.nvme,
		    strerror(-res));
	/* a passthrough command has the NVMe status here, 0 is success */
	if (res != (b->cmd ? 0 : (int)b->opts.record))
		die("record %" PRIu64 " of %s: %s %#x", b->record[buf], b->opts.nvme,
		    b->cmd ? "NVMe status" : "only so many bytes:", res);
	if (b->how == HOW_VERIFY)
		peer_check(&b->opts, record_in(b, buf), b->record[buf]);
	b->free[b->nr_free++] = buf;
	b->done++;
}

static void run(struct uring *b)
{
	while (b->done < b->nr) {
		uint64_t in_flight;
		struct io_uring_cqe *cqe;
		unsigned int head, nr = 0;
		int ret;

		if (b->nr_free >= b->batch)
			while (b->nr_free && b->sent < b->nr)
				command(b);
		in_flight = b->sent - b->done;
		ret = io_uring_submit_and_wait(&b->ring,
					       in_flight < b->batch ? in_flight : b->batch);
		if (ret < 0 && ret != -EINTR)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&b->ring, head, cqe) {
			on_done(b, cqe->user_data, cqe->res);
			nr++;
		}
		io_uring_cq_advance(&b->ring, nr);
	}
}

int main(int argc, char **argv)
{
	static const char * const hows[] = {
		[HOW_WRITE] = "write", [HOW_READ] = "read", [HOW_VERIFY] = "verify",
	};
	static struct uring b;
	struct peer_sums sums = { };

	peer_options(argc, argv, &b.opts);
	for (int i = HOW_WRITE; i <= HOW_VERIFY; i++)
		if (optind < argc && !strcmp(argv[optind], hows[i]))
			b.how = i;
	if (b.how == HOW_NONE || optind + 1 != argc)
		die("usage: nvme-uring --nvme NODE --bytes N write|read|verify");
	if (!b.opts.bytes || !b.opts.record || b.opts.bytes % b.opts.record ||
	    !b.opts.depth)
		die("--bytes %" PRIu64 " is no multiple of --record-size %zu, or --depth is 0",
		    b.opts.bytes, b.opts.record);
	b.nr = b.opts.bytes / b.opts.record;
	b.batch = b.opts.depth > 1 ? b.opts.depth / 2 : 1;
	open_ring(&b);
	prepare(&b);
	run(&b);
	*(b.how == HOW_WRITE ? &sums.written : &sums.received) = b.opts.bytes;
	peer_report(&sums);
	return 0;
}
