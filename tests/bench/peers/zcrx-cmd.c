// SPDX-License-Identifier: GPL-2.0
/*
 * zcrx-cmd: the best that user space can do on an unpatched kernel without a copy.
 * Zero-copy receive by io_uring, the filter in user space, NVMe passthrough on the
 * generic node (/dev/ngXnY) from the buffers that the NIC has filled.
 *
 * Tuned as the kernel's and liburing's documentation have it: one ring for both
 * directions, SINGLE_ISSUER and DEFER_TASKRUN, 128-byte SQEs and 32-byte CQEs,
 * registered files, ring and buffers; the zcrx area is user memory, so it is a fixed
 * buffer, too, and the SSD's pages are not looked up for each command. One system call
 * submits all commands, waits and reaps; buffers are handed back in batches. Kept
 * records are merged to commands of up to 128 KiB by the vectored command
 * (NVME_URING_CMD_IO_VEC with a fixed buffer), a plain one where they lie in one
 * piece. A smaller command is made when few are in flight. Counted in instructions of
 * this process (QEMU's icount), that takes two thirds of one command for each record;
 * between 32 and 256 KiB no difference was to be seen. SO_RCVLOWAT makes batches of
 * what is received; sender and receiver together need a third fewer instructions by it.
 *
 * What the SSD cannot take as it lies (pieces that are not aligned to 4 bytes, without
 * SGLs those that are not whole pages) is copied into pages of the same fixed
 * buffer and counted; the kernel would otherwise copy the whole command, silently.
 */
#include "gather.h"

#include <fcntl.h>

#define RECV	UINT64_MAX		/* user_data */
enum { SOCK, NVME };			/* registered files */

static struct io_uring ring;
static struct peer_zcrx z;
static struct peer_ns ns;
static struct gather g;

/*
 * How much is received before it is asked whether there is memory for more: while
 * the SSD is behind, data stay in the socket and TCP holds the sender back. Without
 * a limit the NIC runs out of buffers and drops packets.
 */
static unsigned int budget, left;
static bool armed, ended;

static void arm(void)
{
	struct io_uring_sqe *sqe;

	if (armed || ended || g.held > g.niovs * 3 / 8)
		return;
	sqe = io_uring_get_sqe(&ring);
	peer_zcrx_arm(sqe, &z, SOCK, budget);
	sqe->user_data = RECV;
	left = budget;
	armed = true;
}

static void received(const struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_MORE) {
		left -= cqe->res;
		gather_fragment(&g, &z, peer_zcrx_off(cqe), cqe->res);
		return;
	}
	armed = false;
	if (cqe->res && cqe->res != -ENOSPC)
		die("zero-copy receive: %s", strerror(-cqe->res));
	if (!cqe->res && left) {
		gather_end(&g, &z);
		ended = true;
	}
}

static void submit(unsigned int depth)
{
	/* a small command keeps the SSD busy while the next one becomes large */
	if (g.inflight < 2 && g.ready_head == g.ready_tail && g.cur != GATHER_NONE &&
	    g.cmds[g.cur].bytes && !(g.cmds[g.cur].bytes & g.block))
		gather_close(&g);
	while (g.ready_head != g.ready_tail && g.inflight < depth)
		gather_prep(&g, io_uring_get_sqe(&ring), &ns, NVME);
}

int main(int argc, char **argv)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
	};
	struct peer_sums sums;
	struct peer_opts o;
	struct iovec mem;
	int sock, ret;

	peer_options(argc, argv, &o);
	o.buffers &= ~4095UL;
	peer_ns_open(o.nvme, O_RDWR, &ns);
	p.cq_entries = 2 * (o.buffers >> 12) + o.depth;
	ret = io_uring_queue_init_params(o.depth + 1, &ring, &p);
	if (ret)
		die("no io_uring: %s", strerror(-ret));
	io_uring_register_ring_fd(&ring);

	mem.iov_len = gather_mem(o.buffers);
	mem.iov_base = peer_alloc(mem.iov_len);
	gather_init(&g, &o, &ns, mem.iov_base);
	ret = io_uring_register_buffers(&ring, &mem, 1);
	if (ret)
		die("cannot register %zu bytes: %s", mem.iov_len, strerror(-ret));
	peer_zcrx_register(&ring, &o, mem.iov_base, o.buffers,
			   peer_alloc(peer_zcrx_rq_bytes(o.buffers)), &z);
	budget = g.niovs / 4 * 1024;
	sock = peer_zcrx_lowat(peer_accept(&o), &o);
	ret = io_uring_register_files(&ring, (int [2]) { [SOCK] = sock, [NVME] = ns.fd }, 2);
	if (ret)
		die("cannot register files: %s", strerror(-ret));

	arm();
	while (!ended || g.inflight || g.ready_head != g.ready_tail) {
		struct io_uring_cqe *cqe;
		unsigned int head, nr = 0;

		ret = io_uring_submit_and_wait(&ring, 1);
		if (ret < 0)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&ring, head, cqe) {
			nr++;
			if (cqe->user_data == RECV)
				received(cqe);
			else if (cqe->res)
				die("NVMe write at byte %llu: %s %#x", g.cmds[cqe->user_data].pos,
				    cqe->res < 0 ? strerror(-cqe->res) : "status", cqe->res);
			else
				gather_done(&g, &z, cqe->user_data);
		}
		io_uring_cq_advance(&ring, nr);
		peer_zcrx_publish(&z);
		submit(o.depth);
		arm();
	}
	sums = (struct peer_sums) {
		.received = g.received, .dropped = g.dropped, .written = g.kept,
		.copied = g.copied, .commands = g.commands,
	};
	peer_report(&sums);
	return 0;
}
