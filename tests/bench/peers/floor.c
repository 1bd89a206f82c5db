// SPDX-License-Identifier: GPL-2.0
/*
 * floor: what the network alone costs. Zero-copy receive by io_uring, each buffer
 * handed back at once, in batches; nobody looks at the data and nothing is written.
 * What another peer that receives by zero copy needs beyond this is its own. It is no
 * floor for the others on netdevsim: where the NIC's DMA is a memcpy() in the driver,
 * that is part of this, and ordinary receive there has none.
 */
#include "peer.h"

#include <string.h>

int main(int argc, char **argv)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
	};
	struct peer_sums sums = {};
	struct io_uring ring;
	struct peer_opts o;
	struct peer_zcrx z;
	bool more = true;
	int sock, ret;

	peer_options(argc, argv, &o);
	o.buffers &= ~4095UL;
	/* room for all buffers: a CQ that is full ends the receive */
	p.cq_entries = 2 * (o.buffers >> 12);
	ret = io_uring_queue_init_params(8, &ring, &p);
	if (ret)
		die("no io_uring: %s", strerror(-ret));
	io_uring_register_ring_fd(&ring);
	peer_zcrx_register(&ring, &o, peer_alloc(o.buffers), o.buffers,
			   peer_alloc(peer_zcrx_rq_bytes(o.buffers)), &z);
	sock = peer_zcrx_lowat(peer_accept(&o), &o);
	ret = io_uring_register_files(&ring, &sock, 1);
	if (ret)
		die("cannot register the socket: %s", strerror(-ret));

	peer_zcrx_arm(io_uring_get_sqe(&ring), &z, 0, 0);
	while (more) {
		struct io_uring_cqe *cqe;
		unsigned int head, nr = 0;

		ret = io_uring_submit_and_wait(&ring, 1);
		if (ret < 0)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&ring, head, cqe) {
			nr++;
			if (cqe->flags & IORING_CQE_F_MORE) {
				sums.received += cqe->res;
				peer_zcrx_put(&z, peer_zcrx_off(cqe), cqe->res);
			} else if (cqe->res == -ENOSPC) {
				peer_zcrx_arm(io_uring_get_sqe(&ring), &z, 0, 0);
			} else if (cqe->res) {
				die("zero-copy receive: %s", strerror(-cqe->res));
			} else {
				more = false;
			}
		}
		io_uring_cq_advance(&ring, nr);
		peer_zcrx_publish(&z);
	}
	sums.dropped = sums.received;
	peer_report(&sums);
	return 0;
}
