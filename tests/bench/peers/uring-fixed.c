// SPDX-License-Identifier: GPL-2.0
/*
 * uring-fixed: io_uring as most would use it. Receives into registered memory, the
 * filter, fixed writes from there with O_DIRECT to the block node; ordinary receive,
 * so the kernel copies each byte once, from its socket buffers.
 *
 * Tuned: one ring, SINGLE_ISSUER and DEFER_TASKRUN, registered ring, files and
 * buffers. One receive is under way at a time, as the stream has one order; it asks
 * for a whole chunk of 256 KiB (MSG_WAITALL), so that it is few requests. What is kept
 * of a chunk is one request: WRITE_FIXED if it is in one piece, else WRITEV_FIXED. One
 * system call submits it and the next receive, and waits. Completions of O_DIRECT
 * writes could be polled for (IOPOLL), but not in a ring that has sockets.
 */
#include "chunk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHUNK	(256 << 10)
#define RECV	UINT64_MAX		/* user_data */
enum { SOCK, NVME };			/* registered files */

struct slot {
	char		*buf;
	size_t		want;
	struct iovec	iov[CHUNK_PIECES];
};

int main(int argc, char **argv)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	static unsigned int *free_slots;
	static struct slot *slots;
	unsigned int nr_slots, nr_free = 0, inflight = 0;
	unsigned int cur = UINT32_MAX;		/* receives */
	struct peer_sums sums = {};
	struct chunk_state state;
	size_t got = 0, span;
	struct io_uring ring;
	struct peer_opts o;
	struct peer_ns ns;
	bool last = false;
	uint64_t pos = 0;
	struct iovec mem;
	int ret;

	peer_options(argc, argv, &o);
	peer_ns_open(o.nvme, O_RDWR | O_DIRECT, &ns);
	chunk_init(&state, &o, &ns, CHUNK);
	span = CHUNK_ROOM + ((state.size + 4095) & ~4095UL) + CHUNK_ROOM;
	nr_slots = o.buffers / span;
	if (nr_slots > o.depth + 1)
		nr_slots = o.depth + 1;
	if (nr_slots < 2)
		die("--buffers are at least %zu", 2 * span);
	slots = calloc(nr_slots, sizeof(*slots));
	free_slots = calloc(nr_slots, sizeof(*free_slots));
	mem.iov_len = nr_slots * span;
	mem.iov_base = peer_alloc(mem.iov_len);
	for (unsigned int i = 0; i < nr_slots; i++) {
		slots[i].buf = (char *)mem.iov_base + i * span + CHUNK_ROOM;
		free_slots[nr_free++] = i;
	}

	ret = io_uring_queue_init_params(nr_slots + 1, &ring, &p);
	if (ret)
		die("no io_uring: %s", strerror(-ret));
	io_uring_register_ring_fd(&ring);
	ret = io_uring_register_buffers(&ring, &mem, 1);
	if (ret)
		die("cannot register %zu bytes: %s", mem.iov_len, strerror(-ret));
	ret = io_uring_register_files(&ring, (int [2]) { [SOCK] = peer_accept(&o),
							 [NVME] = ns.fd }, 2);
	if (ret)
		die("cannot register files: %s", strerror(-ret));

	for (;;) {
		unsigned int head, nr = 0, full;
		struct io_uring_cqe *cqe;
		struct io_uring_sqe *sqe;
		bool received = false;
		size_t kept;

		if (cur == UINT32_MAX && !last && nr_free) {
			cur = free_slots[--nr_free];
			sqe = io_uring_get_sqe(&ring);
			io_uring_prep_recv(sqe, SOCK, slots[cur].buf, state.size, MSG_WAITALL);
			sqe->flags |= IOSQE_FIXED_FILE;
			sqe->user_data = RECV;
		}
		if (cur == UINT32_MAX && !inflight)
			break;
		ret = io_uring_submit_and_wait(&ring, 1);
		if (ret < 0)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&ring, head, cqe) {
			nr++;
			if (cqe->user_data == RECV) {
				if (cqe->res < 0)
					die("recv: %s", strerror(-cqe->res));
				got = cqe->res;
				received = true;
				continue;
			}
			if (cqe->res != (int)slots[cqe->user_data].want)
				die("write of %zu bytes: %s", slots[cqe->user_data].want,
				    cqe->res < 0 ? strerror(-cqe->res) : "less was written");
			free_slots[nr_free++] = cqe->user_data;
			inflight--;
		}
		io_uring_cq_advance(&ring, nr);
		if (!received)
			continue;

		full = cur;
		last = got < state.size;
		cur = UINT32_MAX;
		kept = chunk_filter(&state, slots[full].buf, got, last, slots[full].iov, &nr,
				    &sums);
		if (!kept) {
			free_slots[nr_free++] = full;
			continue;
		}
		sqe = io_uring_get_sqe(&ring);
		if (nr == 1)
			io_uring_prep_write_fixed(sqe, NVME, slots[full].iov[0].iov_base, kept,
						  pos, 0);
		else
			io_uring_prep_writev_fixed(sqe, NVME, slots[full].iov, nr, pos, 0, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
		sqe->user_data = full;
		slots[full].want = kept;
		pos += kept;
		inflight++;
		sums.commands++;
	}
	peer_report(&sums);
	return 0;
}
